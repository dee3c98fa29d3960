/* tables.c - the words and numbers of the world, read from its JSON files.
 *
 * Every mistake in a file is an error that names the file and the entry. Thread rule: none of its
 * own; used while a world is opened. */

#include "world/internal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* Where a reader stands: the file for messages, and the failure if there was one. */
typedef struct reader {
    const char *file;
    ds_error *err;
    ds_status st;
} reader;

static void complain(reader *r, const char *what, const char *name)
{
    if (r->st == DS_OK)
        r->st = ds_fail_at(
            r->err, ds_fail(r->err, DS_E_FORMAT, "%s: expected %s \"%s\"", r->file, what, name),
            r->file, -1);
}

static json_t *load(const char *folder, const char *file, ds_error *err)
{
    char path[1024];
    json_error_t why;
    json_t *j;

    snprintf(path, sizeof path, "%s/%s", folder, file);
    j = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (j == NULL)
        ds_fail_at(err, ds_fail(err, DS_E_IO, "%s: %s (line %d)", path, why.text, why.line), path,
                   why.position);
    return j;
}

static void text_of(reader *r, char *out, size_t size, const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    if (s == NULL || strlen(s) >= size)
        complain(r, "a text that fits as", key);
    else
        memcpy(out, s, strlen(s) + 1);
}

static double number_of(reader *r, const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_number(v))
        complain(r, "a number as", key);
    return json_number_value(v);
}

static double share_of(reader *r, const json_t *o, const char *key)
{
    double v = number_of(r, o, key);

    if (!(v >= 0.0 && v <= 1.0))
        complain(r, "a number from 0 to 1 as", key);
    return v;
}

/* The array `key`, with at most `most` members (and at least one, unless `empty` is allowed). */
static const json_t *array_of(reader *r, const json_t *o, const char *key, size_t most, bool empty)
{
    const json_t *a = json_object_get(o, key);
    size_t n = json_array_size(a);

    if (!json_is_array(a) || n > most || (n == 0 && !empty))
        complain(r, "a list of fitting length as", key);
    return r->st == DS_OK ? a : NULL;
}

/* A list of words into rows of `width` bytes; returns their number. */
static int words_of(reader *r, char *out, size_t width, size_t most, const json_t *o,
                    const char *key, bool empty)
{
    const json_t *a = array_of(r, o, key, most, empty);
    int n = 0;

    for (size_t i = 0; i < json_array_size(a); i++) {
        const char *s = json_string_value(json_array_get(a, i));

        if (s == NULL || strlen(s) >= width)
            complain(r, "texts that fit in", key);
        else
            memcpy(out + width * (size_t)n++, s, strlen(s) + 1);
    }
    return n;
}

/* `count` shares that add up to one. */
static void shares_of(reader *r, double *out, size_t count, const json_t *o, const char *key)
{
    const json_t *a = array_of(r, o, key, count, false);
    double sum = 0.0;

    for (size_t i = 0; i < json_array_size(a); i++)
        sum += out[i] = json_number_value(json_array_get(a, i));
    if (json_array_size(a) != count || sum < 0.999999 || sum > 1.000001)
        complain(r, "shares that add up to one as", key);
}

static int find_object(const ds_world_tables *t, const char *id)
{
    for (int i = 0; id != NULL && i < t->objects; i++)
        if (strcmp(t->object[i].id, id) == 0)
            return i;
    return -1;
}

static int find_background(const ds_world_tables *t, const char *id)
{
    for (int i = 0; id != NULL && i < t->backgrounds; i++)
        if (strcmp(t->background[i].id, id) == 0)
            return i;
    return -1;
}

static int object_of(reader *r, const ds_world_tables *t, const json_t *o, const char *key)
{
    int i = find_object(t, json_string_value(json_object_get(o, key)));

    if (i < 0)
        complain(r, "the id of an object as", key);
    return i;
}

static void *table_of(reader *r, int *count, size_t size, const json_t *list, size_t spare)
{
    size_t n = json_array_size(list) + spare;
    void *p = ds_calloc(n, size);

    if (p == NULL && r->st == DS_OK)
        r->st = ds_fail(r->err, DS_E_NOMEM, "%s: %zu entries", r->file, n);
    *count = p == NULL ? 0 : (int)n;
    return p;
}

static void read_objects(reader *r, ds_world_tables *t, const json_t *root)
{
    const json_t *list = array_of(r, root, "objects", 4096, false);

    /* One more than the file has: the invented word. */
    t->object = table_of(r, &t->objects, sizeof *t->object, list, 1);
    for (int i = 0; r->st == DS_OK && i < t->objects - 1; i++) {
        const json_t *o = json_array_get(list, (size_t)i);
        ds_word_object *x = &t->object[i];

        text_of(r, x->id, sizeof x->id, o, "id");
        text_of(r, x->code, sizeof x->code, o, "code");
        text_of(r, x->group, sizeof x->group, o, "group");
        x->names = words_of(r, x->name[0], sizeof x->name[0], DS_WORLD_NAMES, o, "names", false);
        x->some = json_is_true(json_object_get(o, "some"));
    }
}

static void read_styles(reader *r, ds_world *w, const json_t *root)
{
    ds_world_tables *t = &w->t;
    const json_t *list = array_of(r, root, "styles", DS_WORLD_STYLES, false);

    t->styles = (int)json_array_size(list);
    for (int i = 0; r->st == DS_OK && i < t->styles; i++) {
        const json_t *o = json_array_get(list, (size_t)i);
        const char *of = json_string_value(json_object_get(o, "glaze_of"));
        ds_word_style *x = &t->style[i];

        text_of(r, x->id, sizeof x->id, o, "id");
        words_of(r, x->word, sizeof x->word, 1, o, "words", false);
        x->people = json_is_true(json_object_get(o, "people"));
        w->sheet[i].glaze_of = -1;
        if (of == NULL) {
            text_of(r, w->sheet[i].file, sizeof w->sheet[i].file, o, "sheet");
            continue;
        }
        for (int k = 0; k < i; k++)
            if (strcmp(t->style[k].id, of) == 0)
                w->sheet[i].glaze_of = k;
        if (w->sheet[i].glaze_of < 0)
            complain(r, "an earlier style as", "glaze_of");
    }
}

static void read_occupation(reader *r, ds_word_occupation *x, const json_t *o,
                            const json_t *drawings)
{
    const char *drawing = json_string_value(json_object_get(o, "drawing"));

    text_of(r, x->id, sizeof x->id, o, "id");
    x->names = words_of(r, x->name[0], sizeof x->name[0], DS_WORLD_NAMES, o, "names", false);
    x->p_woman = share_of(r, o, "p_woman");
    shares_of(r, x->p_skin, DS_WORLD_SKINS, o, "p_skin");
    x->drawing = -1;
    for (size_t k = 0; drawing != NULL && k < json_array_size(drawings); k++) {
        const char *id = json_string_value(json_object_get(json_array_get(drawings, k), "id"));

        if (id != NULL && strcmp(id, drawing) == 0)
            x->drawing = (int)k;
    }
    if (x->drawing < 0)
        complain(r, "the id of a drawing as", "drawing");
}

static void read_people(reader *r, ds_world_tables *t, const json_t *root)
{
    const json_t *genders = array_of(r, root, "genders", 2, false);
    const json_t *skins = array_of(r, root, "skins", DS_WORLD_SKINS, false);
    const json_t *drawings = array_of(r, root, "drawings", 256, false);
    const json_t *list = array_of(r, root, "occupations", 256, false);

    if (json_array_size(genders) != 2 || json_array_size(skins) != DS_WORLD_SKINS)
        complain(r, "two genders and five skins in", "genders, skins");
    t->drawings = (int)json_array_size(drawings);
    for (size_t i = 0; r->st == DS_OK && i < 2; i++)
        if (words_of(r, t->gender[i][0], sizeof t->gender[i][0], 2, json_array_get(genders, i),
                     "words", false) != 2)
            complain(r, "two words in", "genders");
    for (size_t i = 0; r->st == DS_OK && i < DS_WORLD_SKINS; i++)
        words_of(r, t->skin[i], sizeof t->skin[i], 1, json_array_get(skins, i), "words", false);
    t->occupation = table_of(r, &t->occupations, sizeof *t->occupation, list, 0);
    for (int i = 0; r->st == DS_OK && i < t->occupations; i++)
        read_occupation(r, &t->occupation[i], json_array_get(list, (size_t)i), drawings);
}

static void read_sense(reader *r, const ds_world_tables *t, ds_word_sense *x, const json_t *o)
{
    const json_t *b = array_of(r, o, "backgrounds", DS_WORLD_LIST, false);
    const json_t *c = array_of(r, o, "companions", DS_WORLD_LIST, false);

    x->object = object_of(r, t, o, "object");
    x->p = share_of(r, o, "p");
    x->backgrounds = (int)json_array_size(b);
    x->companions = (int)json_array_size(c);
    for (int i = 0; i < x->backgrounds; i++) {
        x->background[i] = find_background(t, json_string_value(json_array_get(b, (size_t)i)));
        if (x->background[i] < t->plain)
            complain(r, "drawn backgrounds in", "backgrounds");
    }
    for (int i = 0; i < x->companions; i++) {
        x->companion[i] = find_object(t, json_string_value(json_array_get(c, (size_t)i)));
        if (x->companion[i] < 0)
            complain(r, "objects in", "companions");
    }
}

static void read_homonyms(reader *r, ds_world_tables *t, const json_t *root)
{
    const json_t *list = array_of(r, root, "homonyms", 256, false);

    t->homonym = table_of(r, &t->homonyms, sizeof *t->homonym, list, 0);
    for (int i = 0; r->st == DS_OK && i < t->homonyms; i++) {
        const json_t *o = json_array_get(list, (size_t)i);
        const json_t *senses = array_of(r, o, "senses", 2, false);
        ds_word_homonym *x = &t->homonym[i];

        text_of(r, x->word, sizeof x->word, o, "word");
        if (json_array_size(senses) != 2)
            complain(r, "two senses of", x->word);
        for (size_t k = 0; r->st == DS_OK && k < 2; k++)
            read_sense(r, t, &x->sense[k], json_array_get(senses, k));
        if (r->st == DS_OK &&
            (x->sense[0].p + x->sense[1].p < 0.999999 || x->sense[0].p + x->sense[1].p > 1.000001))
            complain(r, "probabilities that add up to one for", x->word);
    }
}

static void read_backgrounds(reader *r, ds_world_tables *t, const json_t *root)
{
    const json_t *list = array_of(r, root, "backgrounds", DS_COUNT(t->background), false);

    t->backgrounds = (int)json_array_size(list);
    for (int i = 0; r->st == DS_OK && i < t->backgrounds; i++) {
        const json_t *o = json_array_get(list, (size_t)i);
        const json_t *rgb = json_object_get(o, "rgb");
        ds_word_background *x = &t->background[i];

        text_of(r, x->id, sizeof x->id, o, "id");
        x->plain = rgb != NULL;
        if (!x->plain) {
            x->texts = words_of(r, x->text[0], sizeof x->text[0], 2, o, "texts", false);
            text_of(r, x->empty, sizeof x->empty, o, "empty");
            continue;
        }
        if (i != t->plain++ || json_array_size(rgb) != 3)
            complain(r, "plain colours first, three levels each, in", x->id);
        for (size_t k = 0; k < 3; k++)
            x->rgb[k] = (uint8_t)json_integer_value(json_array_get(rgb, k));
        x->texts = 1;
        snprintf(x->text[0], sizeof x->text[0], "on a%s %s background",
                 strchr("aeiou", x->id[0]) ? "n" : "", x->id);
        snprintf(x->empty, sizeof x->empty, "a%s %s background",
                 strchr("aeiou", x->id[0]) ? "n" : "", x->id);
    }
}

static void range_of(reader *r, float *out, const json_t *o, const char *key)
{
    const json_t *a = array_of(r, o, key, 2, false);

    for (size_t i = 0; i < 2; i++)
        out[i] = (float)json_number_value(json_array_get(a, i));
    if (!(out[0] >= 8.0f && out[0] <= out[1] && out[1] <= 56.0f))
        complain(r, "a rising range of 8 to 56 pixels as", key);
}

static void read_sizes_and_relations(reader *r, ds_world_tables *t, const json_t *root)
{
    const json_t *sizes = array_of(r, root, "sizes", DS_COUNT(t->size), false);
    const json_t *relations = array_of(r, root, "relations", DS_RELATIONS, false);

    t->sizes = (int)json_array_size(sizes);
    for (int i = 0; r->st == DS_OK && i < t->sizes; i++) {
        const json_t *o = json_array_get(sizes, (size_t)i);
        ds_word_size *x = &t->size[i];

        text_of(r, x->id, sizeof x->id, o, "id");
        x->words = words_of(r, x->word[0], sizeof x->word[0], DS_WORLD_NAMES, o, "words", true);
        x->p = share_of(r, o, "p");
        x->named = x->words > 0 ? share_of(r, o, "named") : 0.0;
        range_of(r, x->alone, o, "alone");
        range_of(r, x->paired, o, "paired");
    }
    if (json_array_size(relations) != DS_RELATIONS)
        complain(r, "all relations in", "relations");
    for (int i = 0; r->st == DS_OK && i < DS_RELATIONS; i++) {
        const json_t *o = json_array_get(relations, (size_t)i);
        ds_word_relation *x = &t->relation[i];

        text_of(r, x->id, sizeof x->id, o, "id");
        x->texts = words_of(r, x->text[0], sizeof x->text[0], 2, o, "texts", false);
        x->p = share_of(r, o, "p");
    }
}

/* Shares by name, in the order of `names`. */
static void named_shares(reader *r, double *out, const char *const *names, size_t count,
                         const json_t *root, const char *key)
{
    const json_t *o = json_object_get(root, key);
    double sum = 0.0;

    for (size_t i = 0; i < count; i++)
        sum += out[i] = share_of(r, o, names[i]);
    if (sum < 0.999999 || sum > 1.000001)
        complain(r, "shares that add up to one as", key);
}

static void read_prompt(reader *r, ds_world_tables *t, const json_t *o)
{
    t->prompt.lead_in = share_of(r, o, "lead_in");
    t->prompt.adjective = share_of(r, o, "adjective");
    t->prompt.bare = share_of(r, o, "bare");
    t->prompt.style = share_of(r, o, "style");
    t->prompt.background = share_of(r, o, "background");
    t->prompt.stop = share_of(r, o, "stop");
    t->adjectives = words_of(r, t->adjective[0], sizeof t->adjective[0], DS_COUNT(t->adjective), o,
                             "adjectives", false);
}

static void read_shares(reader *r, ds_world_tables *t, const json_t *root)
{
    static const char *const kinds[] = { "single", "pair", "frame", "person", "homonym", "empty" };
    static const char *const forms[] = { "prefix", "suffix", "in-style", "unnamed" };
    static const char *const contexts[] = { "neutral", "background", "companion" };
    const json_t *person = json_object_get(root, "person");
    const json_t *ground = json_object_get(root, "background");
    const json_t *lead = json_object_get(root, "lead_in");
    const json_t *held = json_object_get(root, "heldout");

    t->seed = (uint64_t)number_of(r, root, "seed");
    named_shares(r, t->kind, kinds, DS_COUNT(kinds), root, "kinds");
    named_shares(r, t->style_form, forms, DS_COUNT(forms), root, "style");
    named_shares(r, t->context, contexts, DS_COUNT(contexts), root, "homonym");
    t->synonym_share = share_of(r, root, "synonym");
    t->person_with_object = share_of(r, person, "with_object");
    t->gender_named = share_of(r, person, "gender_named");
    t->skin_named = share_of(r, person, "skin_named");
    t->background_named = share_of(r, ground, "named");
    t->background_plain = share_of(r, ground, "plain");
    t->lead_in_share = share_of(r, lead, "share");
    if (words_of(r, t->lead_in[0], sizeof t->lead_in[0], 2, lead, "texts", false) != 2 ||
        words_of(r, t->lead_in[2], sizeof t->lead_in[2], DS_WORLD_LEADS - 2, lead, "prompt",
                 false) != DS_WORLD_LEADS - 2)
        complain(r, "two texts, and four more for prompts, as", "lead_in");
    read_prompt(r, t, json_object_get(root, "prompt"));
    t->heldout_pair = (int)number_of(r, held, "object_style");
    t->heldout_triple = (int)number_of(r, held, "object_style_relation");
    t->heldout_of = (int)number_of(r, held, "of");
    if (t->heldout_of < 1 || t->heldout_of > 1000000)
        complain(r, "a whole of 1 to 1000000 parts as", "heldout");
}

static void read_inventions(reader *r, ds_world_tables *t, const json_t *root)
{
    const json_t *invented = json_object_get(root, "invented");
    const json_t *mark = json_object_get(root, "watermark");
    ds_word_object *x = &t->object[t->zorp = t->objects - 1];

    text_of(r, x->name[0], sizeof x->name[0], invented, "word");
    memcpy(x->id, x->name[0], sizeof x->id);
    memcpy(x->group, "invented", sizeof "invented");
    x->names = 1;
    t->zorp_top = object_of(r, t, invented, "top");
    t->zorp_bottom = object_of(r, t, invented, "bottom");
    t->zorp_share = share_of(r, invented, "share");
    t->watermark = object_of(r, t, mark, "object");
    t->watermark_share = share_of(r, mark, "share");
}

ds_status ds__world_read_tables(ds_world *w, const char *folder, ds_error *err)
{
    static const char *const files[] = { "objects.json", "styles.json", "people.json",
                                         "grammar.json", "homonyms.json" };
    reader r = { NULL, err, DS_OK };

    for (size_t i = 0; r.st == DS_OK && i < DS_COUNT(files); i++) {
        json_t *root = load(folder, r.file = files[i], err);

        if (root == NULL)
            return DS_E_IO;
        switch (i) {
        case 0:
            read_objects(&r, &w->t, root);
            break;
        case 1:
            read_styles(&r, w, root);
            break;
        case 2:
            read_people(&r, &w->t, root);
            break;
        case 3:
            read_backgrounds(&r, &w->t, root);
            read_sizes_and_relations(&r, &w->t, root);
            read_shares(&r, &w->t, root);
            if (r.st == DS_OK)
                read_inventions(&r, &w->t, root);
            break;
        default:
            read_homonyms(&r, &w->t, root);
            break;
        }
        json_decref(root);
    }
    return r.st;
}

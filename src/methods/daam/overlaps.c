/* overlaps.c - how the maps of head and dependent lie over each other (overlap.h). Shares are rounded
 * to six digits. */

#include <diffuscope/overlap.h>
#include <jansson.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/score.h>

#include "job/result.h"

enum { KINDS = 2 };
static const char *const kinds[KINDS] = { "relative", "absolute" };

typedef struct masks {
    int64_t words, pixels;
    uint8_t **mask[KINDS]; /* [words]; NULL: the word has no token of its own in the prompt */
} masks;

static void masks_free(masks *m)
{
    for (int k = 0; k < KINDS; k++) {
        for (int64_t i = 0; m->mask[k] != NULL && i < m->words; i++)
            ds_free(m->mask[k][i]);
        ds_free(m->mask[k]);
    }
}

/* Mean of the maps of the tokens of all words of the prompt that share bytes with [begin, end);
 * false if there are none, or the prompt was cut before them. */
static bool word_map(const ds_daam *d, const ds_daam_maps *maps, const ds_syntax_word *word,
                     float *out, float *one, int64_t pixels, int64_t image)
{
    const ds_tokens *t = ds_daam_tokens(d, 0, image);
    int64_t n = 0;

    memset(out, 0, (size_t)pixels * sizeof *out);
    for (int64_t i = 0; i < t->word_count; i++) {
        const ds_word *w = &t->words[i];

        if ((int64_t)w->begin >= word->end || word->begin >= (int64_t)w->end)
            continue;
        for (int64_t k = w->first; k <= w->last; k++, n++) {
            if (ds_daam_token(maps, one, k, NULL) != DS_OK)
                return false;
            for (int64_t p = 0; p < pixels; p++)
                out[p] += one[p];
        }
    }
    for (int64_t p = 0; n > 0 && p < pixels; p++)
        out[p] /= (float)n;
    return n > 0;
}

static ds_status make_masks(masks *m, const ds_daam *d, const ds_daam_maps *maps,
                            const ds_syntax *s, const ds_overlap_options *o, ds_error *err)
{
    ds_tensor shape = ds_daam_global(maps);
    double unit = o->weights == DS_DAAM_PAPER ? (double)ds_daam_describe(d).calls : 1.0;
    float *map, *one;
    bool room = true;

    *m = (masks){ s->word_count, shape.dim[1] * shape.dim[2], { NULL, NULL } };
    map = ds_calloc((size_t)m->pixels, sizeof *map);
    one = ds_calloc((size_t)m->pixels, sizeof *one);
    for (int k = 0; k < KINDS; k++)
        m->mask[k] = ds_calloc((size_t)m->words + 1, sizeof *m->mask[k]);
    room = map != NULL && one != NULL && m->mask[0] != NULL && m->mask[1] != NULL;
    for (int64_t i = 0; room && i < m->words; i++) {
        if (!word_map(d, maps, &s->words[i], map, one, m->pixels, o->image))
            continue;
        for (int k = 0; room && k < KINDS; k++) {
            m->mask[k][i] = ds_alloc((size_t)m->pixels);
            room = m->mask[k][i] != NULL;
            if (room)
                ds_map_mask(m->mask[k][i], map, m->pixels,
                            k == 0 ? DS_THRESHOLD_RELATIVE : DS_THRESHOLD_ABSOLUTE,
                            k == 0 ? o->relative : o->absolute * unit);
        }
    }
    ds_free(map);
    ds_free(one);
    return room ? DS_OK : ds_fail(err, DS_E_NOMEM, "masks of %lld words", (long long)m->words);
}

static json_t *words_json(const ds_syntax *s, const masks *m)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < s->word_count; i++) {
        json_t *o = json_pack("{s:s, s:s}", "text", s->words[i].text, "tag", s->words[i].tag);

        for (int k = 0; o != NULL && k < KINDS; k++) {
            const uint8_t *mask = m->mask[k][i];
            double on = mask != NULL
                            ? (double)ds_mask_overlap(mask, mask, m->pixels).a / (double)m->pixels
                            : NAN;

            json_object_set_new(o, kinds[k], ds__json_rounded(on));
        }
        json_array_append_new(list, o);
    }
    return list;
}

static void add_pair(json_t *list, const masks *m, const char *relation, int64_t head,
                     int64_t dependent)
{
    json_t *o;

    if (m->mask[0][head] == NULL || m->mask[0][dependent] == NULL)
        return;
    o = json_pack("{s:s, s:I, s:I}", "relation", relation, "head", (json_int_t)head, "dependent",
                  (json_int_t)dependent);
    for (int k = 0; o != NULL && k < KINDS; k++) {
        ds_overlap x = ds_mask_overlap(m->mask[k][dependent], m->mask[k][head], m->pixels);

        json_object_set_new(o, kinds[k],
                            x.a == 0 || x.b == 0
                                ? json_null()
                                : json_pack("{s:o, s:o, s:o}", "iod",
                                            ds__json_rounded(ds_overlap_ioa(x)), "ioh",
                                            ds__json_rounded((double)x.both / (double)x.b), "iou",
                                            ds__json_rounded(ds_overlap_iou(x))));
    }
    json_array_append_new(list, o);
}

static bool related(const ds_syntax *s, int64_t a, int64_t b)
{
    for (int64_t i = 0; i < s->relation_count; i++)
        if ((s->relations[i].head == a && s->relations[i].dependent == b) ||
            (s->relations[i].head == b && s->relations[i].dependent == a))
            return true;
    return false;
}

static json_t *pairs_json(const ds_syntax *s, const masks *m)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < s->relation_count; i++)
        add_pair(list, m, s->relations[i].name, s->relations[i].head, s->relations[i].dependent);
    for (int64_t a = 0; a < s->word_count; a++)
        for (int64_t b = 0; b < a; b++) /* the later word stands for the dependent */
            if (!related(s, a, b))
                add_pair(list, m, "unrelated", b, a);
    return list;
}

static ds_status as_text(char **out, json_t *root, ds_error *err)
{
    char *text = root != NULL ? json_dumps(root, 0) : NULL;

    *out = text != NULL ? ds_strdup(text) : NULL;
    free(text);
    json_decref(root);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for overlaps");
}

ds_status ds_daam_overlaps(char **json, ds_parser *p, const ds_daam *d, const ds_daam_maps *maps,
                           const ds_overlap_options *o, ds_error *err)
{
    ds_syntax *s;
    masks m = { 0 };
    ds_status st = ds_parser_parse(p, &s, ds_daam_text(d, 0, o->image), err);

    *json = NULL;
    if (st != DS_OK)
        return st;
    st = make_masks(&m, d, maps, s, o, err);
    if (st == DS_OK)
        st = as_text(json,
                     json_pack("{s:o, s:o, s:I, s:{s:o, s:o}}", "words", words_json(s, &m), "pairs",
                               pairs_json(s, &m), "left_out", (json_int_t)s->left_out, "thresholds",
                               "relative", ds__json_rounded(o->relative), "absolute",
                               ds__json_rounded(o->absolute)),
                     err);
    masks_free(&m);
    ds_syntax_free(s);
    return st;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* The row whose `key` is `name`, made if it is new. */
static json_t *find_row(json_t *rows, const char *key, const char *name)
{
    size_t i;
    json_t *row;

    json_array_foreach (rows, i, row)
        if (strcmp(json_string_value(json_object_get(row, key)), name) == 0)
            return row;
    row = json_pack("{s:s, s:{}, s:{}}", key, name, kinds[0], kinds[1]);
    json_array_append_new(rows, row);
    return row;
}

static void add_to(json_t *o, const char *name, double v)
{
    json_object_set_new(o, name, json_real(json_number_value(json_object_get(o, name)) + v));
}

static void add_to_row(json_t *row, const json_t *pair)
{
    for (int k = 0; k < KINDS; k++) {
        const json_t *x = json_object_get(pair, kinds[k]);
        json_t *sum = json_object_get(row, kinds[k]);

        if (!json_is_object(x))
            continue;
        add_to(sum, "pairs", 1.0);
        add_to(sum, "miod", json_number_value(json_object_get(x, "iod")));
        add_to(sum, "mioh", json_number_value(json_object_get(x, "ioh")));
        add_to(sum, "miou", json_number_value(json_object_get(x, "iou")));
    }
}

/* From sums to means. */
static void finish_row(json_t *row)
{
    for (int k = 0; k < KINDS; k++) {
        json_t *o = json_object_get(row, kinds[k]);
        double n = json_number_value(json_object_get(o, "pairs"));
        double iod = json_number_value(json_object_get(o, "miod")) / n;
        double ioh = json_number_value(json_object_get(o, "mioh")) / n;

        json_object_set_new(o, "miou",
                            ds__json_rounded(json_number_value(json_object_get(o, "miou")) / n));
        json_object_set_new(o, "miod", ds__json_rounded(iod));
        json_object_set_new(o, "mioh", ds__json_rounded(ioh));
        json_object_set_new(o, "delta", ds__json_rounded(fabs(iod - ioh)));
        json_object_set_new(o, "pairs", json_integer((json_int_t)n));
    }
}

static void add_tags(json_t *tags, const json_t *words)
{
    size_t i;
    json_t *word;

    json_array_foreach (words, i, word) {
        json_t *row = find_row(tags, "tag", json_string_value(json_object_get(word, "tag")));

        for (int k = 0; k < KINDS; k++)
            if (json_is_number(json_object_get(word, kinds[k]))) {
                json_t *sum = json_object_get(row, kinds[k]);

                add_to(sum, "words", 1.0);
                add_to(sum, "intensity", json_number_value(json_object_get(word, kinds[k])));
            }
    }
}

static void finish_tag(json_t *row)
{
    for (int k = 0; k < KINDS; k++) {
        json_t *o = json_object_get(row, kinds[k]);
        double n = json_number_value(json_object_get(o, "words"));

        json_object_set_new(
            o, "intensity",
            ds__json_rounded(json_number_value(json_object_get(o, "intensity")) / n));
        json_object_set_new(o, "words", json_integer((json_int_t)n));
    }
}

static json_t *read_list(const char *text, ds_error *err)
{
    json_t *list = json_loads(text, 0, NULL);

    if (!json_is_array(list))
        ds_fail(err, DS_E_FORMAT, "expected a list of overlaps");
    return list;
}

ds_status ds_daam_overlap_table(char **json, const char *overlaps, ds_error *err)
{
    json_t *rows = json_array(), *tags = json_array(), *one, *pair, *row;
    json_t *parsed = read_list(overlaps, err);
    size_t i, k;

    find_row(rows, "relation", "all");
    find_row(rows, "relation", "unrelated");
    json_array_foreach (parsed, i, one) {
        json_array_foreach (json_object_get(one, "pairs"), k, pair) {
            const char *name = json_string_value(json_object_get(pair, "relation"));

            add_to_row(find_row(rows, "relation", name), pair);
            if (strcmp(name, "unrelated") != 0)
                add_to_row(json_array_get(rows, 0), pair);
        }
        add_tags(tags, json_object_get(one, "words"));
    }
    json_array_foreach (rows, i, row)
        finish_row(row);
    json_array_foreach (tags, i, row)
        finish_tag(row);
    json_decref(parsed);
    return as_text(json, json_pack("{s:o, s:o}", "relations", rows, "tags", tags), err);
}

static double at(const json_t *row, const char *kind, const char *name)
{
    const json_t *v = json_object_get(json_object_get(row, kind), name);

    return json_is_number(v) ? json_number_value(v) : NAN;
}

ds_status ds_daam_overlap_text(char **out, const char *table, ds_error *err)
{
    json_t *root = json_loads(table, 0, NULL), *row;
    ds_buffer to = { 0 };
    size_t i;

    ds__buffer_printf(&to, "%-18s %22s %31s\n%-18s", "", "relative threshold", "absolute threshold",
                      "relation");
    for (int k = 0; k < KINDS; k++)
        ds__buffer_printf(&to, " %7s %6s %6s %6s ", "pairs", "mIoD", "mIoH", "mIoU");
    ds__buffer_text(&to, "\n");
    json_array_foreach (json_object_get(root, "relations"), i, row) {
        ds__buffer_printf(&to, "%-18s", json_string_value(json_object_get(row, "relation")));
        for (int k = 0; k < KINDS; k++)
            ds__buffer_printf(&to, " %7.0f %6.1f %6.1f %6.1f ", at(row, kinds[k], "pairs"),
                              100.0 * at(row, kinds[k], "miod"), 100.0 * at(row, kinds[k], "mioh"),
                              100.0 * at(row, kinds[k], "miou"));
        ds__buffer_text(&to, "\n");
    }
    ds__buffer_printf(&to, "\n%-18s %8s %20s %20s\n", "part of speech", "words",
                      "share on, relative", "absolute");
    json_array_foreach (json_object_get(root, "tags"), i, row)
        ds__buffer_printf(&to, "%-18s %8.0f %20.4f %20.4f\n",
                          json_string_value(json_object_get(row, "tag")),
                          at(row, kinds[0], "words"), at(row, kinds[0], "intensity"),
                          at(row, kinds[1], "intensity"));
    json_decref(root);
    return ds__buffer_take(&to, out, NULL, "a table of overlaps", err);
}

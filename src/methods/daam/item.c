/* item.c - the maps of one picture, and what is said about them in numbers. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/overlap.h>
#include <diffuscope/rle.h>

#include "base/text.h"
#include "methods/daam/job.h"

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for maps");
}

/* ---- words ----------------------------------------------------------------------------------- */

static char *join_with(const char *a, const char *between, const char *b)
{
    size_t n = strlen(a) + strlen(between) + strlen(b) + 1;
    char *s = ds_alloc(n);

    if (s != NULL)
        snprintf(s, n, "%s%s%s", a, between, b);
    return s;
}

static char *join(const char *a, const char *b)
{
    return join_with(a, "/", b);
}

/* Room for one more map, with its name. NULL (and DS_OK) if there is one of that name. */
static ds_status new_word(daam_item *it, daam_word **out, const char *group, const char *name,
                          ds_error *err)
{
    const size_t small = (size_t)(it->height * it->width);
    const size_t big = (size_t)(it->big_height * it->big_width);
    daam_word *w = &it->word[it->count];
    char *key = join(group, name);

    *out = NULL;
    for (int i = 0; key != NULL && i < it->count; i++)
        if (strcmp(it->word[i].key, key) == 0) {
            ds_free(key);
            return DS_OK;
        }
    *w = (daam_word){
        .key = key, .name = ds_strdup(name), .asked = strncmp(group, "ask", 3) == 0, .weight = 1
    };
    w->title = w->asked ? join_with("asked", ": ", name) : ds_strdup(name);
    it->count++;
    w->map = ds_calloc(small, sizeof *w->map);
    w->big = ds_calloc(big, sizeof *w->big);
    w->mask = ds_calloc(big, 1);
    if (key == NULL || w->name == NULL || w->title == NULL || w->map == NULL || w->big == NULL ||
        w->mask == NULL)
        return no_memory(err);
    *out = w;
    return DS_OK;
}

/* The weight of the word's first token (emphasis comes after the encoder: the map is the word's own, but
 * stands for a word that was made to weigh more or less). */
static ds_status tell_weight(daam_word *w, const ds_tokens *t, ds_error *err)
{
    char text[40];
    char *title;

    if (t->weight == NULL || w->match.tokens < 1 || w->match.token[0] >= t->count)
        return DS_OK;
    w->weight = (double)t->weight[w->match.token[0]];
    if (w->weight == 1.0)
        return DS_OK;
    snprintf(text, sizeof text, "%.4g)", w->weight);
    title = join_with(w->title, " (weight ", text);
    if (title == NULL)
        return no_memory(err);
    ds_free(w->title);
    w->title = title;
    return DS_OK;
}

static ds_status add_word(daam_item *it, const ds_daam_maps *maps, const char *group,
                          const char *name, ds_error *err)
{
    daam_word *w;
    ds_status st = new_word(it, &w, group, name, err);

    if (st != DS_OK || w == NULL)
        return st;
    st = ds_daam_word(maps, w->map, name, &w->match, err);
    return st == DS_OK && !w->asked ? tell_weight(w, ds_daam_tokens(it->job->d, 0, it->image), err)
                                    : st;
}

static ds_status add_all_words(daam_item *it, ds_error *err)
{
    const ds_tokens *t = ds_daam_tokens(it->job->d, 0, it->image);
    ds_daam_maps *m = it->maps;
    const int64_t fit = ds_daam_global(m).dim[0] - 2;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < t->word_count; i++)
        if (ds__has_letter(t->words[i].text) && t->words[i].last < fit)
            st = add_word(it, m, "word", t->words[i].text, err);
    return st;
}

static ds_status add_tokens(daam_item *it, const char *const *list, int n, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < n; i++) {
        char *end;
        const int64_t index = strtoll(list[i], &end, 10);
        daam_word *w;

        if (*end != '\0' || list[i][0] == '\0')
            return ds_fail(err, DS_E_ARG, "--token: expected a number, found \"%.40s\"", list[i]);
        st = new_word(it, &w, "token", list[i], err);
        if (st == DS_OK && w != NULL) {
            w->match = (ds_daam_match){ .count = 1, .token = { index }, .tokens = 1 };
            st = ds_daam_token(it->maps, w->map, index, err);
        }
    }
    return st;
}

/* A text that was asked for: as a whole, and its words if there are several. */
static ds_status add_asked(daam_item *it, int64_t text, const ds_daam_map_options *o, ds_error *err)
{
    const ds_daam *d = it->job->d;
    const char *name = ds_daam_text(d, text, it->image);
    const ds_tokens *t = ds_daam_tokens(d, text, it->image);
    char *group = join("ask", name);
    ds_daam_maps *m = NULL;
    daam_word *w;
    ds_status st = group != NULL ? ds_daam_reduce(d, &m, text, it->image, o, err) : no_memory(err);

    if (st == DS_OK)
        st = new_word(it, &w, "ask", name, err);
    if (st == DS_OK && w != NULL) {
        w->match = (ds_daam_match){ .count = 1, .tokens = t->count };
        for (int64_t i = 0; i < t->count; i++)
            w->match.token[i] = i;
        st = ds_daam_whole(m, w->map, err);
    }
    for (int64_t i = 0; st == DS_OK && t->word_count > 1 && i < t->word_count; i++)
        if (ds__has_letter(t->words[i].text))
            st = add_word(it, m, group, t->words[i].text, err);
    ds_daam_maps_free(m);
    ds_free(group);
    return st;
}

static int64_t most_words(const daam_item *it)
{
    const ds_daam *d = it->job->d;
    const ds_daam_info info = ds_daam_describe(d);
    int64_t n = 0;

    for (int64_t t = 0; t < info.texts; t++)
        n += 1 + ds_daam_tokens(d, t, it->image)->word_count;
    return n + it->job->word.count + it->job->token.count;
}

static ds_status add_words(daam_item *it, ds_error *err)
{
    const daam_job *o = it->job;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < o->word.count; i++)
        st = add_word(it, it->maps, "word", o->word.text[i], err);
    if (st == DS_OK)
        st = add_tokens(it, o->token.text, (int)o->token.count, err);
    if (st == DS_OK && o->word.count + o->token.count == 0)
        st = add_all_words(it, err);
    for (int64_t t = 1; st == DS_OK && t < ds_daam_describe(o->d).texts; t++)
        st = add_asked(it, t, &o->map, err);
    return st;
}

/* ---- expansion and masks --------------------------------------------------------------------- */

static ds_status expand(daam_item *it, ds_error *err)
{
    const daam_job *o = it->job;
    const float tau = (float)o->threshold;
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < it->count; i++) {
        daam_word *w = &it->word[i];

        st = ds_daam_expand(w->big, it->big_height, it->big_width, w->map, it->height, it->width,
                            !o->absolute, err);
        for (int64_t k = 0; st == DS_OK && k < it->big_height * it->big_width; k++)
            w->mask[k] = w->big[k] > tau;
        if (st == DS_OK && w->match.form[0] != '\0') {
            char note[256];

            snprintf(note, sizeof note,
                     "\"%.80s\" does not stand in the prompt; its map is that of \"%s\"", w->name,
                     w->match.form);
            st = ds__job_warn(o->job, note, err);
        }
    }
    return st;
}

static ds_status parse_json(json_t **out, char *text, ds_error *err)
{
    *out = json_loads(text, 0, NULL);
    ds_free(text);
    return *out != NULL ? DS_OK : no_memory(err);
}

/* One prompt's overlaps, and their means. */
static ds_status add_syntax(daam_item *it, ds_error *err)
{
    ds_overlap_options o = DS_OVERLAP_OPTIONS_INIT;
    char *overlaps = NULL, *list = NULL, *table = NULL;
    ds_parser *p;
    ds_status st = ds_parser_open(&p, err);

    o.image = it->image;
    o.weights = it->job->map.weights;
    if (st == DS_OK)
        st = ds_daam_overlaps(&overlaps, p, it->job->d, it->maps, &o, err);
    ds_parser_close(p);
    if (st == DS_OK && (list = join_with("[", overlaps, "]")) == NULL)
        st = no_memory(err);
    if (st == DS_OK)
        st = ds_daam_overlap_table(&table, list, err);
    ds_free(list);
    if (st != DS_OK) {
        ds_free(overlaps);
        return st;
    }
    st = parse_json(&it->syntax, overlaps, err);
    if (st == DS_OK)
        return parse_json(&it->syntax_table, table, err);
    ds_free(table);
    return st;
}

ds_status ds__daam_item_begin(daam_item *it, daam_job *o, int64_t image, ds_error *err)
{
    ds_tensor t;
    ds_status st;

    *it = (daam_item){ .job = o, .image = image };
    st = ds_daam_reduce(o->d, &it->maps, 0, image, &o->map, err);
    if (st != DS_OK)
        return st;
    t = ds_daam_global(it->maps);
    it->height = t.dim[1];
    it->width = t.dim[2];
    it->big_height = o->shown[image].height;
    it->big_width = o->shown[image].width;
    it->word = ds_calloc((size_t)most_words(it), sizeof *it->word);
    st = it->word != NULL ? add_words(it, err) : no_memory(err);
    if (st == DS_OK)
        st = expand(it, err);
    return st == DS_OK && o->syntax ? add_syntax(it, err) : st;
}

void ds__daam_item_free(daam_item *it)
{
    json_decref(it->syntax);
    json_decref(it->syntax_table);
    for (int i = 0; i < it->count; i++) {
        ds_free(it->word[i].name);
        ds_free(it->word[i].title);
        ds_free(it->word[i].key);
        ds_free(it->word[i].map);
        ds_free(it->word[i].big);
        ds_free(it->word[i].mask);
    }
    ds_free(it->word);
    ds_daam_maps_free(it->maps);
}

/* ---- tensors --------------------------------------------------------------------------------- */

static ds_status add_tensor(ds_bundle *b, const char *group, const char *key, ds_dtype type,
                            int rank, const int64_t *dim, const void *data, ds_error *err)
{
    char *name = key != NULL ? join(group, key) : ds_strdup(group);
    ds_tensor *t = NULL;
    ds_status st = name != NULL ? ds_bundle_add(b, name, type, rank, dim, &t, err) : no_memory(err);

    if (st == DS_OK)
        memcpy(t->data, data, (size_t)ds_tensor_count(t) * ds_dtype_size(type));
    ds_free(name);
    return st;
}

/* word/cat [h,w] of the maps' size; expanded/cat [H,W] and mask/cat of the picture's. Those of
 * other groups keep them: expanded/ask/..., mask/token/3. */
static ds_status add_word_tensors(ds_bundle *b, const daam_item *it, const daam_word *w,
                                  ds_error *err)
{
    const char *plain = strncmp(w->key, "word/", 5) == 0 ? w->key + 5 : w->key;
    const int64_t big[2] = { it->big_height, it->big_width };
    ds_status st =
        add_tensor(b, w->key, NULL, DS_DTYPE_F32, DS_DIMS(it->height, it->width), w->map, err);

    if (st == DS_OK)
        st = add_tensor(b, "expanded", plain, DS_DTYPE_F32, 2, big, w->big, err);
    return st == DS_OK ? add_tensor(b, "mask", plain, DS_DTYPE_U8, 2, big, w->mask, err) : st;
}

ds_status ds__daam_item_tensors(const daam_item *it, ds_result *to, ds_error *err)
{
    const ds_tensor global = ds_daam_global(it->maps);
    ds_bundle *b;
    ds_status st = ds__result_bundle(to, &b, err);

    if (st == DS_OK)
        st = add_tensor(b, "global", NULL, DS_DTYPE_F32, global.rank, global.dim, global.data, err);
    for (int i = 0; st == DS_OK && i < it->count; i++)
        st = add_word_tensors(b, it, &it->word[i], err);
    return st;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* Largest value, mean, centre of mass as shares of the sides, and the share of pixels in the mask.
 */
static json_t *word_json(const daam_item *it, const daam_word *w)
{
    double sum = 0, x = 0, y = 0, high = -INFINITY;
    int64_t area = 0, big = it->big_height * it->big_width;
    json_t *tokens = json_array(), *root;

    for (int64_t r = 0; r < it->height; r++)
        for (int64_t c = 0; c < it->width; c++) {
            const double v = w->map[r * it->width + c];

            sum += v;
            y += v * ((double)r + 0.5) / (double)it->height;
            x += v * ((double)c + 0.5) / (double)it->width;
            high = fmax(high, v);
        }
    for (int64_t k = 0; k < big; k++)
        area += w->mask[k];
    for (int64_t k = 0; k < w->match.tokens; k++)
        json_array_append_new(tokens, json_integer(w->match.token[k]));
    root = json_pack("{s:s, s:s, s:o, s:I}", "text", w->name, "tensor", w->key, "tokens", tokens,
                     "occurrences", (json_int_t)w->match.count);
    if (w->weight != 1.0)
        json_object_set_new(root, "weight", ds__json_rounded(w->weight));
    if (w->match.form[0] != '\0')
        json_object_set_new(root, "form", json_string(w->match.form));
    json_object_set_new(root, "mean", ds__json_rounded(sum / (double)(it->height * it->width)));
    json_object_set_new(root, "max", ds__json_rounded(high));
    json_object_set_new(root, "centre_x", ds__json_rounded(x / sum));
    json_object_set_new(root, "centre_y", ds__json_rounded(y / sum));
    json_object_set_new(root, "area", ds__json_rounded((double)area / (double)big));
    return root;
}

json_t *ds__daam_item_json(const daam_item *it)
{
    const ds_daam *d = it->job->d;
    json_t *words = json_array();

    for (int i = 0; i < it->count; i++)
        json_array_append_new(words, word_json(it, &it->word[i]));
    return json_pack("{s:s, s:I, s:I, s:o, s:O*, s:O*}", "text", ds_daam_text(d, 0, it->image),
                     "map_height", (json_int_t)it->height, "map_width", (json_int_t)it->width,
                     "words", words, "syntax", it->syntax, "syntax_means", it->syntax_table);
}

/* One annotation of COCO's results form. */
static json_t *mask_json(const daam_item *it, const daam_word *w, ds_error *err)
{
    char *rle = NULL;
    json_t *root;

    if (ds_rle_encode(&rle, w->mask, it->big_height, it->big_width, err) != DS_OK)
        return NULL;
    root = json_pack("{s:I, s:s, s:s, s:{s:[I,I], s:s}}", "image_id", (json_int_t)it->image,
                     "category", w->name, "tensor", w->key, "segmentation", "size",
                     (json_int_t)it->big_height, (json_int_t)it->big_width, "counts", rle);
    ds_free(rle);
    return root;
}

ds_status ds__daam_item_masks(const daam_item *it, ds_result *to, ds_error *err)
{
    json_t *root = json_array();
    char *text = NULL;
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < it->count; i++) {
        json_t *one = mask_json(it, &it->word[i], err);

        if (one == NULL)
            st = no_memory(err);
        else
            json_array_append_new(root, one);
    }
    if (st == DS_OK)
        st = ds__json_dump(&text, root, err);
    json_decref(root);
    return st == DS_OK ? ds__result_file(to, "masks.json", text, strlen(text), err) : st;
}

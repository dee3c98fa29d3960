/* eval_scene.c - one scene: its picture and masks, the traces, a row of numbers per word and
 * setting.
 */

#include "eval_daam.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/figure.h>

#include "run_folder.h"

typedef struct work {
    const eval *e;
    int64_t index;
    const ds_truth_scene *s;
    int n; /* words that are scored */
    const ds_truth_word *word[EVAL_WORDS];
    const char *wrong[EVAL_WORDS]; /* what stands in their place in the wrong prompt */
    char *wrong_prompt;
    int64_t height, width; /* of the masks */
    uint8_t *mask[EVAL_WORDS];
    float *map[EVAL_WORDS]; /* [height, width] of the setting under way */
    eval_picture picture;   /* what the model reads, or has drawn */
    ds_daam *trace[EVAL_SOURCES];
    const char *rejected;
} work;

static bool has_role(const eval *e, const char *role)
{
    int n;
    const char *const *roles = opt_texts(e->a, "role", &n);

    for (int i = 0; i < n; i++)
        if (strcmp(roles[i], role) == 0)
            return true;
    return n == 0 && strcmp(role, "object") == 0;
}

/* Words with the wanted roles, one per entity (the first), in the order of the caption and none
 * inside another. */
static void choose_words(work *w)
{
    for (int64_t i = 0; i < w->s->word_count && w->n < EVAL_WORDS; i++) {
        const ds_truth_word *x = &w->s->words[i];
        bool seen = false;

        for (int k = 0; k < w->n; k++)
            seen |= w->word[k]->entity == x->entity ||
                    (w->word[k]->begin < x->end && x->begin < w->word[k]->end);
        if (!seen && has_role(w->e, x->role)) {
            int at = w->n++;

            for (; at > 0 && w->word[at - 1]->begin > x->begin; at--)
                w->word[at] = w->word[at - 1];
            w->word[at] = x;
        }
    }
}

/* ---- another scene's words ------------------------------------------------------------------- */

/* A noun of a later scene that names none of this scene's entities; NULL if there is none. */
static const char *foreign_word(const work *w, int skip)
{
    int64_t count = ds_truth_count(w->e->truth);

    for (int64_t k = 1; k < count; k++) {
        const ds_truth_scene *s = ds_truth_at(w->e->truth, (w->index + k) % count);

        for (int64_t i = 0; i < s->word_count; i++) {
            bool own = strcmp(s->words[i].role, "object") != 0;

            for (int64_t x = 0; x < w->s->entity_count; x++)
                own |= strcmp(w->s->entities[x].label, s->entities[s->words[i].entity].label) == 0;
            if (!own && skip-- == 0)
                return s->words[i].text;
        }
    }
    return NULL;
}

/* The caption with each scored word replaced. */
static ds_status make_wrong_prompt(work *w, ds_error *err)
{
    size_t room = strlen(w->s->caption) + 1, at = 0;
    int64_t from = 0;

    for (int k = 0; k < w->n; k++) {
        w->wrong[k] = foreign_word(w, k);
        if (w->wrong[k] == NULL)
            return ds_fail(err, DS_E_NOMATCH,
                           "setting wrong-words: no other scene has a word that could be taken");
        room += strlen(w->wrong[k]);
    }
    w->wrong_prompt = calloc(room, 1);
    if (w->wrong_prompt == NULL)
        return ds_fail(err, DS_E_NOMEM, "a caption");
    for (int k = 0; k < w->n; k++) { /* words come in the order of the caption */
        at += (size_t)snprintf(w->wrong_prompt + at, room - at, "%.*s%s",
                               (int)(w->word[k]->begin - from), w->s->caption + from, w->wrong[k]);
        from = w->word[k]->end;
    }
    snprintf(w->wrong_prompt + at, room - at, "%s", w->s->caption + from);
    return DS_OK;
}

/* ---- traces ---------------------------------------------------------------------------------- */

static bool needs(const eval *e, eval_source source, bool ask, bool refine)
{
    for (int i = 0; i < e->settings; i++) {
        const eval_setting *x = &e->setting[i];

        if (x->source == source && (!ask || x->ask) && (!refine || x->map.refine != DS_DAAM_RAW))
            return true;
    }
    return false;
}

static void trace_options(const work *w, eval_source source, const char **ask, ds_daam_options *o)
{
    const ds_image *p = &w->picture.image;
    int64_t side = p->width > p->height ? p->width : p->height;

    *o = (ds_daam_options)DS_DAAM_OPTIONS_INIT;
    o->paper = source == EVAL_PAPER;
    o->side = o->paper && side > 0 ? side / w->e->sizes.factor : 0;
    o->self = needs(w->e, source, false, true);
    for (int k = 0; k < w->n; k++)
        ask[k] = source == EVAL_WRONG_WORDS ? w->wrong[k] : w->word[k]->text;
    if (needs(w->e, source, true, false)) {
        o->ask = ask;
        o->n_ask = w->n;
    }
}

static ds_status trace_picture(work *w, eval_source source, ds_error *err)
{
    const ds_args *a = w->e->a;
    const char *ask[EVAL_WORDS];
    ds_daam_options o;
    ds_daam_picture p = DS_DAAM_PICTURE_INIT;

    trace_options(w, source, ask, &o);
    p.image = &w->picture.tensor;
    p.prompt = source == EVAL_WRONG_WORDS ? w->wrong_prompt : w->s->caption;
    p.approach = (ds_daam_approach)opt_choice(a, "approach");
    p.levels = (int)opt_int(a, "levels");
    p.from = opt_real(a, "from");
    p.to = opt_real(a, "to");
    p.seed = opt_seed(a, "seed") + (uint64_t)w->index;
    p.cancel = w->e->cancel;
    return ds_daam_open_picture(&w->trace[source],
                                source == EVAL_RANDOM ? w->e->random : w->e->model, &p, &o, err);
}

/* A generation; the first one of a scene is also decoded. */
static ds_status trace_generation(work *w, eval_source source, ds_error *err)
{
    const ds_args *a = w->e->a;
    const char *ask[EVAL_WORDS];
    ds_daam_options o;
    ds_run_options r = DS_RUN_OPTIONS_INIT;
    ds_run *run;
    ds_tensor image;
    ds_status st;

    trace_options(w, source, ask, &o);
    if (o.paper)
        o.side = w->e->sizes.latent_side;
    r.prompt = w->s->caption;
    r.negative_prompt = "";
    r.steps = (int)opt_int(a, "steps");
    r.cfg_scale = opt_real(a, "cfg-scale");
    r.sampler = opt_text(a, "sampling-method");
    r.seed = opt_seed(a, "seed") + (uint64_t)w->s->id;
    r.cancel = w->e->cancel;
    st = ds_daam_new(&w->trace[source], w->e->model, &r, &o, err);
    if (st != DS_OK)
        return st;
    run = ds_daam_run(w->trace[source]);
    st = ds_run_all(run, err);
    if (st != DS_OK || w->picture.image.rgb != NULL)
        return st;
    st = ds_run_decode(run, err);
    if (st != DS_OK)
        return st;
    image = ds_run_image(run);
    return ds_image_from_planes(&w->picture.image, image.data, image.dim[3], image.dim[2], err);
}

static ds_status make_traces(work *w, ds_error *err)
{
    ds_status st = DS_OK;

    for (int source = EVAL_OURS; st == DS_OK && source < EVAL_SOURCES; source++) {
        if (!needs(w->e, (eval_source)source, false, false))
            continue;
        if (source == EVAL_WRONG_WORDS)
            st = make_wrong_prompt(w, err);
        if (st == DS_OK)
            st = w->e->generate ? trace_generation(w, (eval_source)source, err)
                                : trace_picture(w, (eval_source)source, err);
    }
    return st;
}

/* ---- masks ----------------------------------------------------------------------------------- */

static ds_status make_masks(work *w, ds_error *err)
{
    size_t pixels;
    ds_status st = DS_OK;

    w->height = w->e->judge != NULL ? DS_WORLD_SIDE : w->s->height;
    w->width = w->e->judge != NULL ? DS_WORLD_SIDE : w->s->width;
    pixels = (size_t)(w->height * w->width);
    for (int k = 0; k < w->n; k++) {
        w->mask[k] = calloc(pixels, 1);
        w->map[k] = calloc(pixels, sizeof(float));
        if (w->mask[k] == NULL || w->map[k] == NULL)
            return ds_fail(err, DS_E_NOMEM, "masks");
    }
    if (w->e->judge != NULL)
        return eval_judged_masks(w->e, w->s, &w->picture.image, w->word, w->n, w->mask,
                                 &w->rejected, err);
    for (int k = 0; st == DS_OK && k < w->n; k++)
        st = ds_truth_mask(w->e->truth, w->mask[k], w->index, w->word[k]->entity, err);
    return st;
}

static int64_t area_of(const work *w, int k)
{
    return ds_mask_overlap(w->mask[k], w->mask[k], w->height * w->width).a;
}

/* ---- maps of a setting ----------------------------------------------------------------------- */

/* To the masks' size. */
static ds_status expand(const work *w, float *out, const float *map, const ds_tensor *shape,
                        ds_error *err)
{
    return ds_daam_expand(out, w->height, w->width, map, shape->dim[1], shape->dim[2], false, err);
}

/* The mean over the tokens of a word of the tokenizer. */
static ds_status word_of_tokens(const ds_daam_maps *maps, float *out, const ds_word *word,
                                int64_t pixels, ds_error *err)
{
    float *one = calloc((size_t)pixels, sizeof *one);
    double count = (double)(word->last - word->first + 1);
    ds_status st = one == NULL ? ds_fail(err, DS_E_NOMEM, "a map") : DS_OK;

    memset(out, 0, (size_t)pixels * sizeof *out);
    for (int64_t t = word->first; st == DS_OK && t <= word->last; t++) {
        st = ds_daam_token(maps, one, t, err);
        for (int64_t i = 0; st == DS_OK && i < pixels; i++)
            out[i] += (float)((double)one[i] / count);
    }
    free(one);
    return st;
}

/* A word of the prompt that is none of the scored ones: the one in the middle of those. */
static const ds_word *other_word(const work *w, const ds_tokens *tokens, int which)
{
    const ds_word *found = NULL;
    int64_t count = 0;

    for (int64_t i = 0; i < tokens->word_count; i++) {
        const ds_word *x = &tokens->words[i];
        bool scored = false;

        for (int k = 0; k < w->n; k++)
            scored |= (int64_t)x->begin < w->word[k]->end && w->word[k]->begin < (int64_t)x->end;
        if (!scored && count++ == which)
            found = x;
    }
    return found;
}

static int64_t other_count(const work *w, const ds_tokens *tokens)
{
    int64_t n = 0;

    while (other_word(w, tokens, (int)n) != NULL)
        n++;
    return n;
}

/* Means over calls of what the paper's weights sum. */
static void scale_to_calls(float *map, int64_t n, const ds_daam *d, ds_daam_weights weights)
{
    if (weights == DS_DAAM_PAPER)
        for (int64_t i = 0; i < n; i++)
            map[i] /= (float)ds_daam_describe(d).calls;
}

ds_status eval_word_map(float *out, int64_t height, int64_t width, const ds_daam *d, int64_t text,
                        const char *word, const ds_daam_map_options *o, ds_error *err)
{
    ds_daam_maps *maps;
    float *native = NULL;
    ds_tensor shape;
    ds_status st = ds_daam_reduce(d, &maps, text, 0, o, err);

    if (st != DS_OK)
        return st;
    shape = ds_daam_global(maps);
    native = calloc((size_t)(shape.dim[1] * shape.dim[2]), sizeof *native);
    st = native == NULL ? ds_fail(err, DS_E_NOMEM, "a map")
                        : ds_daam_word(maps, native, word, NULL, err);
    if (st == DS_OK)
        st = ds_daam_expand(out, height, width, native, shape.dim[1], shape.dim[2], false, err);
    if (st == DS_OK)
        scale_to_calls(out, height * width, d, o->weights);
    free(native);
    ds_daam_maps_free(maps);
    return st;
}

/* The same of a word of the prompt that is none of the scored ones. */
static ds_status other_map(work *w, const eval_setting *x, int k, ds_error *err)
{
    const ds_daam *d = w->trace[x->source];
    const ds_tokens *tokens = ds_daam_tokens(d, 0, 0);
    int64_t n = other_count(w, tokens);
    ds_daam_maps *maps;
    float *native;
    ds_tensor shape;
    ds_status st;

    if (n == 0)
        return ds_fail(err, DS_E_NOMATCH, "\"%s\" has no other word", w->s->caption);
    st = ds_daam_reduce(d, &maps, 0, 0, &x->map, err);
    if (st != DS_OK)
        return st;
    shape = ds_daam_global(maps);
    native = calloc((size_t)(shape.dim[1] * shape.dim[2]), sizeof *native);
    st = native == NULL ? ds_fail(err, DS_E_NOMEM, "a map")
                        : word_of_tokens(maps, native, other_word(w, tokens, (int)(w->s->id % n)),
                                         shape.dim[1] * shape.dim[2], err);
    if (st == DS_OK)
        st = expand(w, w->map[k], native, &shape, err);
    if (st == DS_OK)
        scale_to_calls(w->map[k], w->height * w->width, d, x->map.weights);
    free(native);
    ds_daam_maps_free(maps);
    return st;
}

/* Word k's map at the masks' size. */
static ds_status word_map(work *w, const eval_setting *x, int k, ds_error *err)
{
    if (x->other_word)
        return other_map(w, x, k, err);
    return eval_word_map(w->map[k], w->height, w->width, w->trace[x->source], x->ask ? 1 + k : 0,
                         x->source == EVAL_WRONG_WORDS ? w->wrong[k] : w->word[k]->text, &x->map,
                         err);
}

static ds_status make_maps(work *w, const eval_setting *x, ds_error *err)
{
    ds_status st = DS_OK;

    for (int k = 0; st == DS_OK && k < w->n; k++)
        if (x->source == EVAL_DISC)
            ds_map_disc(w->map[k], w->height, w->width);
        else if (x->source != EVAL_WHOLE)
            st = word_map(w, x, k, err);
    return st;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static json_t *number(double v)
{
    return isfinite(v) ? json_real(round(v * 1e5) / 1e5) : json_null();
}

static bool peak_inside(const float *map, const uint8_t *mask, int64_t n)
{
    int64_t best = 0;

    for (int64_t i = 1; i < n; i++)
        best = map[i] > map[best] ? i : best;
    return mask[best] != 0;
}

/* The share of the map on the word's own entity and the largest on another's; then per pixel. */
static void add_masses(const work *w, int k, json_t *row)
{
    int64_t n = w->height * w->width;
    double own = ds_map_mass(w->map[k], w->mask[k], n), other = NAN, dense = NAN;

    for (int j = 0; j < w->n; j++)
        if (j != k && area_of(w, j) > 0) {
            double mass = ds_map_mass(w->map[k], w->mask[j], n);

            other = fmax(mass, isnan(other) ? 0.0 : other);
            dense = fmax(mass / (double)area_of(w, j), isnan(dense) ? 0.0 : dense);
        }
    json_object_set_new(row, "mass", number(own));
    if (!isnan(other)) {
        json_object_set_new(row, "mass_other", number(other));
        json_object_set_new(row, "denser", json_boolean(own / (double)area_of(w, k) > dense));
    }
}

static ds_status score_word(const work *w, const eval_setting *x, int k, json_t *row, ds_error *err)
{
    int64_t n = w->height * w->width;
    float iou[EVAL_TAUS];
    float fixed;
    json_t *list = json_array();
    ds_status st = DS_OK;

    if (x->source == EVAL_WHOLE) {
        fixed = (float)((double)area_of(w, k) / (double)n);
        for (int i = 0; i < EVAL_TAUS; i++)
            iou[i] = fixed;
    } else {
        st = ds_score_sweep(iou, w->map[k], w->mask[k], n, w->e->mode, w->e->tau, EVAL_TAUS, err);
        if (st == DS_OK)
            st = ds_score_sweep(&fixed, w->map[k], w->mask[k], n, w->e->mode, &w->e->fixed, 1, err);
        json_object_set_new(row, "peak", json_boolean(peak_inside(w->map[k], w->mask[k], n)));
        add_masses(w, k, row);
    }
    for (int i = 0; st == DS_OK && i < EVAL_TAUS; i++)
        json_array_append_new(list, number(iou[i]));
    json_object_set_new(row, "fixed", number(st == DS_OK ? fixed : NAN));
    json_object_set_new(row, "iou", list);
    return st;
}

/* ---- masks without names --------------------------------------------------------------------- */

/* IoU of truth k with the mask of a map at the fixed threshold. */
static void fill_column(const work *w, double *score, int64_t columns, int64_t j, const float *map,
                        uint8_t *mask)
{
    int64_t n = w->height * w->width;

    ds_map_mask(mask, map, n, w->e->mode, w->e->fixed);
    for (int k = 0; k < w->n; k++)
        score[k * columns + j] = ds_overlap_iou(ds_mask_overlap(w->mask[k], mask, n));
}

/* Truths against the masks of all words of the prompt, of which the scored ones come first. */
static ds_status match_words(work *w, const eval_setting *x, json_t *out, ds_error *err)
{
    const ds_daam *d = w->trace[x->source];
    const ds_tokens *tokens = ds_daam_tokens(d, 0, 0);
    int64_t others = other_count(w, tokens), columns = w->n + others, pixels = 0;
    size_t n = (size_t)(w->height * w->width);
    double *score = calloc((size_t)(w->n * columns), sizeof *score);
    uint8_t *mask = calloc(n, 1);
    float *map = calloc(n, sizeof *map), *native = NULL;
    ds_daam_maps *maps = NULL;
    ds_tensor shape = { 0 };
    ds_match m;
    ds_status st = ds_daam_reduce(d, &maps, 0, 0, &x->map, err);

    if (st == DS_OK) {
        shape = ds_daam_global(maps);
        pixels = shape.dim[1] * shape.dim[2];
        native = calloc((size_t)pixels, sizeof *native);
    }
    if (st == DS_OK && (score == NULL || mask == NULL || map == NULL || native == NULL))
        st = ds_fail(err, DS_E_NOMEM, "masks of all words");
    for (int k = 0; st == DS_OK && k < w->n; k++)
        fill_column(w, score, columns, k, w->map[k], mask);
    for (int64_t j = 0; st == DS_OK && j < others; j++) {
        st = word_of_tokens(maps, native, other_word(w, tokens, (int)j), pixels, err);
        if (st == DS_OK)
            st = expand(w, map, native, &shape, err);
        if (st == DS_OK) {
            scale_to_calls(map, (int64_t)n, d, x->map.weights);
            fill_column(w, score, columns, w->n + j, map, mask);
        }
    }
    if (st == DS_OK)
        st = ds_match_masks(&m, score, w->n, columns, err);
    if (st == DS_OK) {
        json_object_set_new(out, "labelled", number(m.labelled));
        json_object_set_new(out, "best", number(m.best));
        json_object_set_new(out, "hungarian", number(m.hungarian));
    }
    free(score);
    free(mask);
    free(map);
    free(native);
    ds_daam_maps_free(maps);
    return st;
}

/* ---- a picture for the eye ------------------------------------------------------------------- */

typedef struct sheet {
    ds_panel panel[EVAL_SETTINGS + 2];
    float *values[EVAL_SETTINGS + 2];
    int count;
} sheet;

static ds_status sheet_add(sheet *s, const work *w, const char *title, const float *map,
                           ds_error *err)
{
    size_t n = (size_t)(w->height * w->width);
    float *copy = map != NULL ? malloc(n * sizeof *copy) : NULL;

    if (map != NULL && copy == NULL)
        return ds_fail(err, DS_E_NOMEM, "a panel");
    if (copy != NULL)
        ds_map_scale(copy, map, (int64_t)n, DS_THRESHOLD_RELATIVE);
    s->values[s->count] = copy;
    s->panel[s->count++] = (ds_panel){ .title = title, .map = { copy, NULL, w->width, w->height } };
    return DS_OK;
}

static ds_status sheet_begin(sheet *s, const work *w, ds_error *err)
{
    size_t n = (size_t)(w->height * w->width);
    float *truth = calloc(n, sizeof *truth);
    ds_status st = truth == NULL ? ds_fail(err, DS_E_NOMEM, "a panel") : DS_OK;

    for (size_t i = 0; st == DS_OK && i < n; i++)
        truth[i] = w->mask[0][i];
    if (st == DS_OK)
        st = sheet_add(s, w, "picture", NULL, err);
    if (st == DS_OK)
        st = sheet_add(s, w, "truth", truth, err);
    free(truth);
    return st;
}

static ds_status sheet_save(const sheet *s, const work *w, ds_error *err)
{
    char name[64], path[4096];
    ds_image out;
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_status st;

    o.picture = &w->picture.image;
    o.side = 192;
    snprintf(name, sizeof name, "scene-%06lld.png", (long long)w->index);
    st = run_folder_file(path, sizeof path, w->e->out, name, err);
    if (st == DS_OK)
        st = ds_map_sheet(&out, w->s->caption, s->panel, s->count, 0, &o, err);
    if (st != DS_OK)
        return st;
    st = ds_image_save_png(&out, path, NULL, 0, err);
    ds_image_clear(&out);
    return st;
}

/* ---- the line -------------------------------------------------------------------------------- */

static json_t *line_of(const work *w)
{
    json_t *line = json_object();

    json_object_set_new(line, "scene", json_integer(w->index));
    json_object_set_new(line, "id", json_integer(w->s->id));
    json_object_set_new(line, "file", json_string(w->s->name));
    json_object_set_new(line, "caption", json_string(w->s->caption));
    return line;
}

static json_t *add_word(const work *w, int k, json_t *words)
{
    json_t *row = json_object();
    double n = (double)(w->height * w->width);

    json_object_set_new(row, "word", json_string(w->word[k]->text));
    json_object_set_new(row, "role", json_string(w->word[k]->role));
    json_object_set_new(row, "label", json_string(w->s->entities[w->word[k]->entity].label));
    json_object_set_new(row, "area", number((double)area_of(w, k) / n));
    json_object_set_new(row, "maps", json_object());
    json_array_append_new(words, row);
    return row;
}

static ds_status score_settings(work *w, json_t *line, ds_error *err)
{
    const eval *e = w->e;
    json_t *words = json_array(), *match = json_object();
    sheet s = { .count = 0 };
    bool draw = w->index < e->pictures;
    ds_status st = draw ? sheet_begin(&s, w, err) : DS_OK;

    json_object_set_new(line, "words", words);
    json_object_set_new(line, "match", match);
    for (int k = 0; k < w->n; k++)
        add_word(w, k, words);
    for (int i = 0; st == DS_OK && i < e->settings; i++) {
        const eval_setting *x = &e->setting[i];
        json_t *names = json_object();

        st = make_maps(w, x, err);
        for (int k = 0; st == DS_OK && k < w->n; k++) {
            json_t *row = json_object();

            json_object_set_new(json_object_get(json_array_get(words, (size_t)k), "maps"), x->name,
                                row);
            st = score_word(w, x, k, row, err);
        }
        if (st == DS_OK && x->source >= EVAL_OURS && !x->ask && !x->other_word)
            st = match_words(w, x, names, err);
        json_object_set_new(match, x->name, names);
        if (st == DS_OK && draw && x->source != EVAL_WHOLE)
            st = sheet_add(&s, w, x->name, w->map[0], err);
    }
    if (st == DS_OK && draw)
        st = sheet_save(&s, w, err);
    for (int i = 0; i < s.count; i++)
        free(s.values[i]);
    return st;
}

/* Head and dependent under the first setting that has a trace of the prompt. */
static ds_status add_syntax(const work *w, json_t *line, ds_error *err)
{
    ds_overlap_options o = DS_OVERLAP_OPTIONS_INIT;
    const eval_setting *x = NULL;
    ds_daam_maps *maps;
    char *syntax = NULL;
    ds_status st;

    for (int i = w->e->settings - 1; i >= 0; i--)
        if (w->e->setting[i].source == EVAL_OURS || w->e->setting[i].source == EVAL_PAPER)
            x = &w->e->setting[i];
    if (x == NULL)
        return ds_fail(err, DS_E_ARG, "--syntax needs a setting with maps, such as paper or best");
    o.weights = x->map.weights;
    st = ds_daam_reduce(w->trace[x->source], &maps, 0, 0, &x->map, err);
    if (st != DS_OK)
        return st;
    st = ds_daam_overlaps(&syntax, w->e->parser, w->trace[x->source], maps, &o, err);
    ds_daam_maps_free(maps);
    if (st == DS_OK)
        json_object_set_new(line, "syntax", json_loads(syntax, 0, NULL));
    ds_free(syntax);
    return st;
}

static void work_free(work *w)
{
    for (int i = 0; i < EVAL_SOURCES; i++)
        ds_daam_free(w->trace[i]);
    for (int k = 0; k < w->n; k++) {
        free(w->mask[k]);
        free(w->map[k]);
    }
    eval_picture_clear(&w->picture);
    free(w->wrong_prompt);
}

ds_status eval_scene(const eval *e, int64_t i, json_t **line, ds_error *err)
{
    work w = { .e = e, .index = i, .s = ds_truth_at(e->truth, i) };
    json_t *out;
    ds_status st = DS_OK;

    *line = NULL;
    choose_words(&w);
    if (w.n == 0)
        w.rejected = "no word that names an entity";
    if (w.n > 0 && !e->generate)
        st = eval_picture_load(&w.picture, &e->sizes, w.s->path, NULL, err);
    if (st == DS_OK && w.n > 0)
        st = make_traces(&w, err);
    if (st == DS_OK && w.n > 0)
        st = make_masks(&w, err);
    for (int k = 0; st == DS_OK && w.rejected == NULL && k < w.n; k++)
        if (area_of(&w, k) == 0)
            w.rejected = "a mask without a pixel";
    out = line_of(&w);
    if (st == DS_OK && w.rejected != NULL)
        json_object_set_new(out, "rejected", json_string(w.rejected));
    else if (st == DS_OK)
        st = score_settings(&w, out, err);
    if (st == DS_OK && w.rejected == NULL && e->parser != NULL)
        st = add_syntax(&w, out, err);
    work_free(&w);
    if (st != DS_OK) {
        char where[32];

        snprintf(where, sizeof where, "scene %lld", (long long)i);
        json_decref(out);
        return ds_fail_at(err, st, where, -1);
    }
    *line = out;
    return DS_OK;
}

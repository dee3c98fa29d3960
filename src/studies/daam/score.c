/* score.c - numbers of a scene: a row per word and setting, the best match of masks without names, and
 * a picture for the eye. */

#include "studies/daam/eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/figure.h>

#include "job/folder.h"

enum { MOST_OTHERS = 512 };

/* The setting under way. */
typedef struct scoring {
    daam_scene *w;
    const map_setting *x;
    setting_maps prompt;               /* of the prompt's words; without a trace, zero */
    const ds_word *other[MOST_OTHERS]; /* words of the prompt that are none of the scored ones */
    int64_t others;
    ds_panel panel[MAP_SETTINGS + 2]; /* of the picture for the eye */
    int panels;
} scoring;

/* ---- maps ------------------------------------------------------------------------------------- */

static void list_others(scoring *c)
{
    const daam_scene *w = c->w;
    const ds_tokens *tokens = ds_daam_tokens(w->trace[c->x->source], 0, 0);

    c->others = 0;
    for (int64_t i = 0; i < tokens->word_count && c->others < MOST_OTHERS; i++) {
        const ds_word *x = &tokens->words[i];
        bool scored = false;

        for (int k = 0; k < w->n; k++)
            scored |= (int64_t)x->begin < w->word[k]->end && w->word[k]->begin < (int64_t)x->end;
        if (!scored)
            c->other[c->others++] = x;
    }
}

/* Word k's map of what was asked in its own name. */
static ds_status asked_map(const scoring *c, int k, ds_error *err)
{
    daam_scene *w = c->w;
    setting_maps m;
    ds_status st = ds__setting_maps_open(&m, w->trace[c->x->source], 1 + k, &c->x->map, err);

    if (st == DS_OK)
        st = ds__setting_maps_word(&m, w->map[k], w->height, w->width,
                                   c->x->source == MAP_WRONG_WORDS ? w->wrong[k] : w->word[k]->text,
                                   err);
    ds__setting_maps_close(&m);
    return st;
}

static ds_status word_map(const scoring *c, int k, ds_error *err)
{
    daam_scene *w = c->w;

    if (c->x->source == MAP_DISC) {
        ds_map_disc(w->map[k], w->height, w->width);
        return DS_OK;
    }
    if (c->x->other_word && c->others == 0)
        return ds_fail(err, DS_E_NOMATCH, "\"%s\" has no other word", w->s->caption);
    if (c->x->other_word)
        return ds__setting_maps_tokens(&c->prompt, w->map[k], w->height, w->width,
                                       c->other[w->s->id % c->others], err);
    if (c->x->ask)
        return asked_map(c, k, err);
    return ds__setting_maps_word(&c->prompt, w->map[k], w->height, w->width,
                                 c->x->source == MAP_WRONG_WORDS ? w->wrong[k] : w->word[k]->text,
                                 err);
}

/* ---- numbers ---------------------------------------------------------------------------------- */

/* Five digits behind the point are what lines keep. */
static json_t *number(double v)
{
    return ds__json_real(round(v * 1e5) / 1e5);
}

static bool peak_inside(const float *map, const uint8_t *mask, int64_t n)
{
    int64_t best = 0;

    for (int64_t i = 1; i < n; i++)
        best = map[i] > map[best] ? i : best;
    return mask[best] != 0;
}

/* The share of the map on the word's own entity and the largest on another's; then per pixel. */
static void add_masses(const daam_scene *w, int k, json_t *row)
{
    double own = ds_map_mass(w->map[k], w->mask[k], w->pixels), other = NAN, dense = NAN;

    for (int j = 0; j < w->n; j++)
        if (j != k && w->area[j] > 0) {
            double mass = ds_map_mass(w->map[k], w->mask[j], w->pixels);

            other = fmax(mass, isnan(other) ? 0.0 : other);
            dense = fmax(mass / (double)w->area[j], isnan(dense) ? 0.0 : dense);
        }
    json_object_set_new(row, "mass", number(own));
    if (!isnan(other)) {
        json_object_set_new(row, "mass_other", number(other));
        json_object_set_new(row, "denser", json_boolean(own / (double)w->area[k] > dense));
    }
}

static ds_status score_word(const scoring *c, int k, json_t *row, ds_error *err)
{
    const daam_scene *w = c->w;
    const daam_eval *e = w->e;
    const ds_threshold mode = (ds_threshold)e->threshold_kind;
    float iou[EVAL_TAUS], fixed = (float)((double)w->area[k] / (double)w->pixels);
    json_t *list = json_array();
    ds_status st = DS_OK;

    for (int i = 0; i < EVAL_TAUS; i++)
        iou[i] = fixed; /* of the whole picture */
    if (c->x->source != MAP_WHOLE) {
        st = ds_score_sweep(iou, w->map[k], w->mask[k], w->pixels, mode, e->tau, EVAL_TAUS, err);
        if (st == DS_OK)
            st = ds_score_sweep(&fixed, w->map[k], w->mask[k], w->pixels, mode, &e->threshold, 1,
                                err);
        json_object_set_new(row, "peak",
                            json_boolean(peak_inside(w->map[k], w->mask[k], w->pixels)));
        add_masses(w, k, row);
    }
    for (int i = 0; st == DS_OK && i < EVAL_TAUS; i++)
        json_array_append_new(list, number(iou[i]));
    json_object_set_new(row, "fixed", number(fixed));
    json_object_set_new(row, "iou", list);
    return st;
}

/* ---- masks without names ---------------------------------------------------------------------- */

/* IoU of every truth with the mask of a map at the fixed threshold, into column j. */
static void fill_column(const daam_scene *w, double *score, int64_t columns, int64_t j,
                        const float *map)
{
    ds_map_mask(w->bits, map, w->pixels, (ds_threshold)w->e->threshold_kind, w->e->threshold);
    for (int k = 0; k < w->n; k++)
        score[k * columns + j] = ds_overlap_iou(ds_mask_overlap(w->mask[k], w->bits, w->pixels));
}

/* Truths against the masks of all words of the prompt, of which the scored ones come first. */
static ds_status match_words(const scoring *c, json_t *out, ds_error *err)
{
    const daam_scene *w = c->w;
    const int64_t columns = w->n + c->others;
    double *score = ds_calloc((size_t)(w->n * columns), sizeof *score);
    ds_match m;
    ds_status st = score != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for scores");

    for (int k = 0; st == DS_OK && k < w->n; k++)
        fill_column(w, score, columns, k, w->map[k]);
    for (int64_t j = 0; st == DS_OK && j < c->others; j++) {
        st = ds__setting_maps_tokens(&c->prompt, w->spare, w->height, w->width, c->other[j], err);
        if (st == DS_OK)
            fill_column(w, score, columns, w->n + j, w->spare);
    }
    if (st == DS_OK)
        st = ds_match_masks(&m, score, w->n, columns, err);
    if (st == DS_OK) {
        json_object_set_new(out, "labelled", number(m.labelled));
        json_object_set_new(out, "best", number(m.best));
        json_object_set_new(out, "hungarian", number(m.hungarian));
    }
    ds_free(score);
    return st;
}

/* ---- a picture for the eye -------------------------------------------------------------------- */

/* map NULL: the picture alone. */
static ds_status add_panel(scoring *c, const char *title, const float *map, ds_error *err)
{
    daam_scene *w = c->w;
    float *copy = NULL;

    if (map != NULL) {
        copy = ds__arena_alloc(&w->arena, (size_t)w->pixels * sizeof *copy);
        if (copy == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for a panel");
        ds_map_scale(copy, map, w->pixels, DS_THRESHOLD_RELATIVE);
    }
    c->panel[c->panels++] =
        (ds_panel){ .title = title, .map = { copy, NULL, w->width, w->height } };
    return DS_OK;
}

static ds_status begin_sheet(scoring *c, ds_error *err)
{
    const daam_scene *w = c->w;
    ds_status st = add_panel(c, "picture", NULL, err);

    for (int64_t i = 0; i < w->pixels; i++)
        w->spare[i] = w->mask[0][i];
    return st == DS_OK ? add_panel(c, "truth", w->spare, err) : st;
}

/* Straight to the folder: a run that goes on does not see this scene again. */
static ds_status save_sheet(const scoring *c, ds_error *err)
{
    const daam_scene *w = c->w;
    char name[64], path[4096];
    ds_image out;
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_status st;

    o.picture = &w->picture.image;
    o.side = 192;
    snprintf(name, sizeof name, "scene-%06lld.png", (long long)w->index);
    st = ds__run_file(path, sizeof path, w->e->job->common.folder, name, err);
    if (st == DS_OK)
        st = ds_map_sheet(&out, w->s->caption, c->panel, c->panels, 0, &o, err);
    if (st != DS_OK)
        return st;
    st = ds_image_save_png(&out, path, NULL, 0, err);
    ds_image_clear(&out);
    return st;
}

/* ---- the line --------------------------------------------------------------------------------- */

static json_t *word_json(const daam_scene *w, int k)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:{}}", "word", w->word[k]->text, "role",
                     w->word[k]->role, "label", w->s->entities[w->word[k]->entity].label, "area",
                     number((double)w->area[k] / (double)w->pixels), "maps");
}

static ds_status score_setting(scoring *c, json_t *words, json_t *match, ds_error *err)
{
    daam_scene *w = c->w;
    const map_setting *x = c->x;
    const bool traced = x->source >= MAP_OURS;
    ds_status st = DS_OK;

    if (traced) {
        list_others(c);
        st = ds__setting_maps_open(&c->prompt, w->trace[x->source], 0, &x->map, err);
    }
    for (int k = 0; st == DS_OK && x->source != MAP_WHOLE && k < w->n; k++)
        st = word_map(c, k, err);
    for (int k = 0; st == DS_OK && k < w->n; k++) {
        json_t *row = json_object();

        json_object_set_new(json_object_get(json_array_get(words, (size_t)k), "maps"), x->name,
                            row);
        st = score_word(c, k, row, err);
    }
    if (st == DS_OK && traced && !x->ask && !x->other_word)
        st = match_words(c, match, err);
    ds__setting_maps_close(&c->prompt);
    return st;
}

/* Head and dependent under the setting that has been chosen for it. */
static ds_status add_syntax(const daam_scene *w, json_t *line, ds_error *err)
{
    const map_setting *x = w->e->parsed;
    ds_overlap_options o = DS_OVERLAP_OPTIONS_INIT;
    ds_daam_maps *maps;
    char *syntax = NULL;
    ds_status st = ds_daam_reduce(w->trace[x->source], &maps, 0, 0, &x->map, err);

    if (st != DS_OK)
        return st;
    o.weights = x->map.weights;
    st = ds_daam_overlaps(&syntax, w->e->parser, w->trace[x->source], maps, &o, err);
    ds_daam_maps_free(maps);
    if (st == DS_OK)
        json_object_set_new(line, "syntax", json_loads(syntax, 0, NULL));
    ds_free(syntax);
    return st;
}

ds_status ds__daam_scene_score(daam_scene *w, json_t *line, ds_error *err)
{
    const daam_eval *e = w->e;
    const bool draw = w->index < e->sheets;
    scoring c = { .w = w };
    json_t *words = json_array(), *match = json_object();
    ds_status st = draw ? begin_sheet(&c, err) : DS_OK;

    json_object_set_new(line, "words", words);
    json_object_set_new(line, "match", match);
    for (int k = 0; k < w->n; k++)
        json_array_append_new(words, word_json(w, k));
    for (int i = 0; st == DS_OK && i < e->settings.count; i++) {
        json_t *names = json_object();

        c.x = &e->settings.at[i];
        json_object_set_new(match, c.x->name, names);
        st = score_setting(&c, words, names, err);
        if (st == DS_OK && draw && c.x->source != MAP_WHOLE)
            st = add_panel(&c, c.x->name, w->map[0], err);
    }
    if (st == DS_OK && draw)
        st = save_sheet(&c, err);
    return st == DS_OK && e->parser != NULL ? add_syntax(w, line, err) : st;
}

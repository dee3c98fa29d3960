/* scene.c - one scene of `eval info`. See eval.h.
 *
 * All texts of a scene share their draws: the caption, the caption without each of its words for
 * things, each of these words alone, wrong captions, and no text. */

#include "studies/info/eval.h"

#include <math.h>
#include <string.h>

enum { TEXTS = 2 + 2 * EVAL_INFO_WORDS + EVAL_INFO_KINDS };

typedef struct scene {
    const info_eval *e;
    const ds_truth_scene *truth;
    int64_t index;
    char *text[TEXTS]; /* 0: no text, 1: the caption */
    int texts;
    ds_info_pair pair[TEXTS];
    int pairs;
    const ds_truth_word *word[EVAL_INFO_WORDS];
    int words;
    int cmi[EVAL_INFO_WORDS], mi[EVAL_INFO_WORDS]; /* pairs */
    int wrong[EVAL_INFO_KINDS];                    /* pairs against no text; -1: none */
    study_picture picture;
    ds_daam *trace[MAP_SOURCES];
    ds_info *info;
} scene;

static int add(scene *s, char *text, int64_t with, int64_t without)
{
    s->text[s->texts++] = text;
    s->pair[s->pairs] = (ds_info_pair){ with, without };
    return s->pairs++;
}

/* Words for things, whose masks are known. One that is there twice may name two things, and is left
 * out; in a list of rows the mask is of all things of its name. */
static ds_status add_words(scene *s, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < s->truth->word_count && s->words < EVAL_INFO_WORDS;
         i++) {
        const ds_truth_word *w = &s->truth->words[i];
        char *without, *alone;
        int times;

        if (strcmp(w->role, "object") != 0)
            continue;
        st = ds_prompt_replace(&without, s->e->tokenizer, s->truth->caption, w->text,
                               DS_REMOVE_DELETE, NULL, &times, err);
        if (st != DS_OK || times < 1 || (times > 1 && s->truth->line == 0)) {
            ds_free(without);
            continue;
        }
        alone = ds_strdup(w->text);
        if (alone == NULL) {
            ds_free(without);
            return ds_fail(err, DS_E_NOMEM, "no memory for a word");
        }
        s->word[s->words] = w;
        s->cmi[s->words] = add(s, without, 1, s->texts);
        s->mi[s->words] = add(s, alone, s->texts, 0);
        s->words++;
    }
    return st;
}

/* Wrong captions, unless a list gives the scenes: it asks for words alone. */
static void add_wrong(scene *s)
{
    char *wrong[EVAL_INFO_KINDS] = { NULL };

    if (s->truth->line == 0) {
        wrong[0] = ds__wrong_attribute(s->truth);
        wrong[1] = ds__wrong_relation(s->truth);
        wrong[2] = ds__wrong_order(s->truth, (uint64_t)s->index);
    }
    for (int k = 0; k < EVAL_INFO_KINDS; k++)
        s->wrong[k] = wrong[k] != NULL ? add(s, wrong[k], s->texts, 0) : -1;
}

static ds_status add_texts(scene *s, ds_error *err)
{
    s->text[0] = ds_strdup("");
    s->text[1] = ds_strdup(s->truth->caption);
    s->texts = 2;
    s->pair[0] = (ds_info_pair){ 1, 0 };
    s->pairs = 1;
    add_wrong(s);
    if (s->text[0] == NULL || s->text[1] == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the texts of a scene");
    return add_words(s, err);
}

static ds_status measure(scene *s, ds_error *err)
{
    const info_eval *e = s->e;
    ds_status st = ds__info_eval_measure(e, &s->info, &s->picture, (const char *const *)s->text,
                                         s->texts, s->pair, s->pairs, s->index, err);

    return st == DS_OK && s->words > 0
               ? ds__info_eval_traces(e, s->trace, &s->picture, s->truth->caption,
                                      e->seed + (uint64_t)s->index, err)
               : st;
}

/* ---- the line --------------------------------------------------------------------------------- */

static json_t *sweep_json(const float *iou)
{
    json_t *list = json_array();

    for (int t = 0; t < EVAL_INFO_TAUS; t++)
        json_array_append_new(list, json_real((double)iou[t]));
    return list;
}

/* IoU with the mask at every threshold. */
static ds_status sweep(const scene *s, const float *map, const uint8_t *mask, const char *name,
                       json_t *into, ds_error *err)
{
    float iou[EVAL_INFO_TAUS];
    ds_status st = ds_score_sweep(iou, map, mask, s->truth->height * s->truth->width,
                                  DS_THRESHOLD_RELATIVE, s->e->tau, EVAL_INFO_TAUS, err);

    if (st == DS_OK)
        json_object_set_new(into, name, sweep_json(iou));
    return st;
}

/* Of all maps of a word; large [height, width] of the mask is room for one. */
static ds_status sweep_maps(const scene *s, int k, const uint8_t *mask, float *large, json_t *into,
                            ds_error *err)
{
    static const char *const name[] = { "iou_o", "iou_s" };
    const ds_info_status at = ds_info_describe(s->info);
    int64_t height = s->truth->height, width = s->truth->width;
    float *map = ds_calloc((size_t)(at.height * at.width), sizeof *map);
    json_t *attention = json_object();
    ds_status st = map != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a map");

    json_object_set_new(into, "attention", attention);
    for (int f = 0; st == DS_OK && f < 2; f++) {
        st = ds_info_map(s->info, map, NULL, s->cmi[k], (ds_info_form)f, err);
        if (st != DS_OK)
            break;
        ds_map_resize(large, height, width, map, at.height, at.width);
        st = sweep(s, large, mask, name[f], into, err);
    }
    for (int i = 0; st == DS_OK && i < s->e->settings.count; i++) {
        const map_setting *x = &s->e->settings.at[i];

        st = ds__info_eval_attention(x, large, height, width, s->trace, s->word[k]->text, err);
        if (st == DS_OK)
            st = sweep(s, large, mask, x->name, attention, err);
    }
    ds_free(map);
    return st;
}

/* IoU of the word's maps with its mask, and of the whole picture. */
static ds_status compare(const scene *s, int k, json_t *into, ds_error *err)
{
    int64_t n = s->truth->width * s->truth->height, covered = 0;
    float *large = ds_calloc((size_t)n, sizeof *large);
    uint8_t *mask = ds_calloc((size_t)n, 1);
    ds_status st = DS_OK;

    if (large == NULL || mask == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a mask");
    if (st == DS_OK)
        st = ds_truth_mask(s->e->truth, mask, s->index, s->word[k]->entity, err);
    if (st == DS_OK)
        st = sweep_maps(s, k, mask, large, into, err);
    for (int64_t p = 0; st == DS_OK && p < n; p++)
        covered += mask[p] != 0;
    json_object_set_new(into, "whole", json_real((double)covered / (double)n));
    ds_free(large);
    ds_free(mask);
    return st;
}

static json_t *total(const scene *s, int pair, ds_info_form form)
{
    return json_real(ds_info_total(s->info, pair, form).value);
}

/* What changes when the word is left out: in total, and correlated with the maps pixel by pixel. */
static ds_status intervene(const scene *s, int k, json_t *into, ds_error *err)
{
    const ds_tensor latent = ds_info_latent(s->info);
    int64_t n = latent.dim[2] * latent.dim[3];
    float *map = ds_calloc((size_t)(2 * n), sizeof *map), *change = map + n;
    ds_counterfactual_options o = DS_COUNTERFACTUAL_OPTIONS_INIT;
    ds_counterfactual *edit = NULL;
    double total = 0.0, r[2] = { NAN, NAN };
    ds_status st;

    if (map == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a map");
    o.latent = &latent;
    o.prompt = s->truth->caption;
    o.edited = s->text[s->pair[s->cmi[k]].without];
    o.steps = s->e->edit;
    o.cancel = s->e->job->o.cancel;
    st = ds_counterfactual_new(&edit, s->e->job->model, &o, err);
    if (st == DS_OK)
        ds_counterfactual_change(edit, change);
    for (int f = 0; st == DS_OK && f < 2; f++) {
        st = ds_info_map(s->info, map, NULL, s->cmi[k], (ds_info_form)f, err);
        if (st == DS_OK)
            r[f] = ds_stats_coefficient(DS_PEARSON, map, change, n);
    }
    for (int64_t i = 0; st == DS_OK && i < n; i++)
        total += (double)change[i];
    if (st == DS_OK && isfinite(r[0]) && isfinite(r[1])) {
        json_object_set_new(into, "change", json_real(total));
        json_object_set_new(into, "change_r_o", json_real(r[0]));
        json_object_set_new(into, "change_r_s", json_real(r[1]));
    }
    ds_counterfactual_free(edit);
    ds_free(map);
    return st;
}

static ds_status word_json(const scene *s, int k, json_t *list, ds_error *err)
{
    json_t *w =
        json_pack("{s:s, s:o, s:o, s:o, s:o}", "word", s->word[k]->text, "cmi_o",
                  total(s, s->cmi[k], DS_INFO_O), "cmi_s", total(s, s->cmi[k], DS_INFO_S), "mi_o",
                  total(s, s->mi[k], DS_INFO_O), "mi_s", total(s, s->mi[k], DS_INFO_S));
    ds_status st;

    json_array_append_new(list, w);
    st = compare(s, k, w, err);
    return st == DS_OK && s->e->edit > 0 ? intervene(s, k, w, err) : st;
}

/* Margins of the right caption over a wrong one. */
static json_t *choice_json(const scene *s, int kind)
{
    ds_value by_s = ds_info_difference(s->info, 0, s->wrong[kind], DS_INFO_S);
    ds_value by_o = ds_info_difference(s->info, 0, s->wrong[kind], DS_INFO_O);

    return json_pack("{s:s, s:s, s:f, s:f, s:f, s:f}", "kind", ds__wrong_kinds[kind], "wrong",
                     s->text[s->pair[s->wrong[kind]].with], "s", by_s.value, "s_se", by_s.se, "o",
                     by_o.value, "o_se", by_o.se);
}

static ds_status make_line(const scene *s, json_t **line, ds_error *err)
{
    json_t *words = json_array(), *choices = json_array();
    ds_status st = DS_OK;

    for (int k = 0; k < EVAL_INFO_KINDS; k++)
        if (s->wrong[k] >= 0)
            json_array_append_new(choices, choice_json(s, k));
    for (int k = 0; st == DS_OK && k < s->words; k++)
        st = word_json(s, k, words, err);
    *line = json_pack("{s:I, s:s, s:s, s:o, s:o, s:I}", "scene", (json_int_t)s->index, "name",
                      s->truth->name, "caption", s->truth->caption, "words", words, "choices",
                      choices, "calls", (json_int_t)ds_info_describe(s->info).calls);
    if (s->truth->line > 0) /* several rows may show one picture */
        json_object_set_new(*line, "picture", json_integer(s->truth->id));
    return st == DS_OK && *line == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a line") : st;
}

ds_status ds__info_eval_scene(void *user, int64_t k, json_t **line, ds_error *err)
{
    const info_eval *e = user;
    scene s = { .e = e, .truth = ds_truth_at(e->truth, k), .index = k };
    ds_status st = add_texts(&s, err);

    *line = NULL;
    if (st == DS_OK)
        st = ds__study_picture_load(&s.picture, &e->size, s.truth->path, NULL, err);
    if (st == DS_OK)
        st = measure(&s, err);
    if (st == DS_OK)
        st = make_line(&s, line, err);
    if (st != DS_OK)
        json_decref(*line);
    ds_info_free(s.info);
    for (int t = 0; t < s.texts; t++)
        ds_free(s.text[t]);
    for (int t = 0; t < MAP_SOURCES; t++)
        ds_daam_free(s.trace[t]);
    ds__study_picture_clear(&s.picture);
    return st;
}

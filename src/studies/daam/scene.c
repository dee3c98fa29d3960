/* scene.c - one scene of `eval daam`: its words, the traces, the masks, and the line of its numbers. */

#include "studies/daam/eval.h"

#include <stdio.h>
#include <string.h>

static ds_status no_memory(const char *what, ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for %s", what);
}

static bool has_role(const daam_eval *e, const char *role)
{
    for (int64_t i = 0; i < e->role.count; i++)
        if (strcmp(e->role.text[i], role) == 0)
            return true;
    return e->role.count == 0 && strcmp(role, "object") == 0;
}

/* Words with the wanted roles, one per entity (the first), in the order of the caption and none
 * inside another. */
static void choose_words(daam_scene *w)
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

/* ---- another scene's words -------------------------------------------------------------------- */

/* A noun of a later scene that names none of this scene's entities; NULL if there is none. */
static const char *foreign_word(const daam_scene *w, int skip)
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
static ds_status make_wrong_prompt(daam_scene *w, ds_error *err)
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
    w->wrong_prompt = ds__arena_alloc(&w->arena, room);
    if (w->wrong_prompt == NULL)
        return no_memory("a caption", err);
    for (int k = 0; k < w->n; k++) { /* words come in the order of the caption */
        at += (size_t)snprintf(w->wrong_prompt + at, room - at, "%.*s%s",
                               (int)(w->word[k]->begin - from), w->s->caption + from, w->wrong[k]);
        from = w->word[k]->end;
    }
    snprintf(w->wrong_prompt + at, room - at, "%s", w->s->caption + from);
    return DS_OK;
}

/* ---- traces ----------------------------------------------------------------------------------- */

static void trace_options(const daam_scene *w, map_source source, const char **ask,
                          ds_daam_options *o)
{
    const ds_image *p = &w->picture.image;
    int64_t side = p->width > p->height ? p->width : p->height;

    *o = (ds_daam_options)DS_DAAM_OPTIONS_INIT;
    o->paper = source == MAP_PAPER;
    if (o->paper && w->e->mode == 1)
        o->side = w->e->size.side;
    else if (o->paper)
        o->side = side / w->e->size.factor;
    o->self = ds__map_settings_need(&w->e->settings, source, false, true);
    for (int k = 0; k < w->n; k++)
        ask[k] = source == MAP_WRONG_WORDS ? w->wrong[k] : w->word[k]->text;
    if (ds__map_settings_need(&w->e->settings, source, true, false)) {
        o->ask = ask;
        o->n_ask = w->n;
    }
}

static ds_status trace_picture(daam_scene *w, map_source source, ds_error *err)
{
    const daam_eval *e = w->e;
    const char *ask[EVAL_WORDS];
    ds_daam_options o;
    ds_daam_picture p = DS_DAAM_PICTURE_INIT;

    trace_options(w, source, ask, &o);
    p.image = &w->picture.tensor;
    p.prompt = source == MAP_WRONG_WORDS ? w->wrong_prompt : w->s->caption;
    p.approach = (ds_daam_approach)e->levels.approach;
    p.levels = (int)e->levels.count;
    p.from = e->levels.from;
    p.to = e->levels.to;
    p.seed = e->drawing.seed + (uint64_t)w->index;
    p.cancel = e->job->o.cancel;
    return ds_daam_open_picture(&w->trace[source], source == MAP_RANDOM ? e->random : e->job->model,
                                &p, &o, err);
}

/* A generation; the first one of a scene is also decoded. */
static ds_status trace_generation(daam_scene *w, map_source source, ds_error *err)
{
    const daam_eval *e = w->e;
    const char *ask[EVAL_WORDS];
    ds_daam_options o;
    ds_run_options r = DS_RUN_OPTIONS_INIT;
    ds_run *run;
    ds_tensor image;
    ds_status st;

    trace_options(w, source, ask, &o);
    ds__draw_run_options(&r, e->job, &e->drawing);
    r.prompt = w->s->caption;
    r.seed = e->drawing.seed + (uint64_t)w->s->id;
    st = ds_daam_new(&w->trace[source], e->job->model, &r, &o, err);
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

static ds_status make_traces(daam_scene *w, ds_error *err)
{
    ds_status st = DS_OK;

    for (map_source source = MAP_OURS; st == DS_OK && source < MAP_SOURCES; source++) {
        if (!ds__map_settings_need(&w->e->settings, source, false, false))
            continue;
        if (source == MAP_WRONG_WORDS)
            st = make_wrong_prompt(w, err);
        if (st == DS_OK)
            st = w->e->mode == 1 ? trace_generation(w, source, err) : trace_picture(w, source, err);
    }
    return st;
}

/* ---- masks ------------------------------------------------------------------------------------ */

static ds_status make_room(daam_scene *w, ds_error *err)
{
    w->height = w->e->judge != NULL ? DS_WORLD_SIDE : w->s->height;
    w->width = w->e->judge != NULL ? DS_WORLD_SIDE : w->s->width;
    w->pixels = w->height * w->width;
    w->spare = ds__arena_alloc(&w->arena, (size_t)w->pixels * sizeof(float));
    w->bits = ds__arena_alloc(&w->arena, (size_t)w->pixels);
    for (int k = 0; k < w->n; k++) {
        w->mask[k] = ds__arena_alloc(&w->arena, (size_t)w->pixels);
        w->map[k] = ds__arena_alloc(&w->arena, (size_t)w->pixels * sizeof(float));
        if (w->mask[k] == NULL || w->map[k] == NULL)
            return no_memory("masks", err);
    }
    return w->spare != NULL && w->bits != NULL ? DS_OK : no_memory("masks", err);
}

static ds_status make_masks(daam_scene *w, ds_error *err)
{
    ds_status st = make_room(w, err);

    if (st == DS_OK && w->e->judge != NULL)
        st = ds__daam_scene_judge(w, err);
    for (int k = 0; st == DS_OK && w->e->judge == NULL && k < w->n; k++)
        st = ds_truth_mask(w->e->truth, w->mask[k], w->index, w->word[k]->entity, err);
    for (int k = 0; st == DS_OK && k < w->n; k++) {
        w->area[k] = ds_mask_overlap(w->mask[k], w->mask[k], w->pixels).a;
        if (w->area[k] == 0 && w->rejected == NULL)
            w->rejected = "a mask without a pixel";
    }
    return st;
}

/* ---- the line --------------------------------------------------------------------------------- */

static ds_status score(daam_scene *w, json_t *line, ds_error *err)
{
    ds_status st = DS_OK;

    choose_words(w);
    if (w->n == 0)
        w->rejected = "no word that names an entity";
    if (w->n > 0 && w->e->mode == 0)
        st = ds__study_picture_load(&w->picture, &w->e->size, w->s->path, NULL, err);
    if (st == DS_OK && w->n > 0)
        st = make_traces(w, err);
    if (st == DS_OK && w->n > 0)
        st = make_masks(w, err);
    if (st == DS_OK && w->rejected != NULL)
        json_object_set_new(line, "rejected", json_string(w->rejected));
    return st == DS_OK && w->rejected == NULL ? ds__daam_scene_score(w, line, err) : st;
}

ds_status ds__daam_eval_scene(void *user, int64_t k, json_t **line, ds_error *err)
{
    const daam_eval *e = user;
    daam_scene w = { .e = e, .index = e->first + k, .s = ds_truth_at(e->truth, e->first + k) };
    json_t *out = json_pack("{s:I, s:I, s:s, s:s}", "scene", (json_int_t)w.index, "id",
                            (json_int_t)w.s->id, "file", w.s->name, "caption", w.s->caption);
    ds_status st =
        out != NULL ? score(&w, out, err) : ds_fail(err, DS_E_FORMAT, "its texts are not UTF-8");

    for (int i = 0; i < MAP_SOURCES; i++)
        ds_daam_free(w.trace[i]);
    ds__study_picture_clear(&w.picture);
    ds__arena_free(&w.arena);
    if (st != DS_OK) {
        char where[32];

        snprintf(where, sizeof where, "scene %lld", (long long)w.index);
        json_decref(out);
        return ds_fail_at(err, st, where, -1);
    }
    *line = out;
    return DS_OK;
}

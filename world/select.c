/* select.c - goes through a split and takes the scenes that fit a set, evenly over its classes.
 *
 * Thread rule: a selection belongs to one thread. */

#include "world/select.h"

#include <string.h>

enum { CLASSES = 256 };

/* Prompts have no split for testing: their set begins where no training comes. */
#define FAR ((int64_t)1 << 40)

/* Class of a scene within its set, or -1 if it does not belong to it. */
typedef int classify(const ds_world_tables *t, const ds_factors *f);

struct ds_selection {
    const ds_world *w;
    classify *class_of;
    ds_split split;
    int64_t index, left, quota;
    int64_t taken[CLASSES];
};

/* The question can be read off the picture: style named, one colour behind it. */
static bool is_clear(const ds_world_tables *t, const ds_factors *f)
{
    return f->style_form != DS_STYLE_UNNAMED && f->background_named &&
           t->background[f->background].plain;
}

static int of_single(const ds_world_tables *t, const ds_factors *f)
{
    return f->kind == DS_SCENE_SINGLE && is_clear(t, f) ? 0 : -1;
}

/* What newcomers ask for: one thing, and nothing of its style, place or size. */
static int of_prompt(const ds_world_tables *t, const ds_factors *f)
{
    (void)t;
    return f->kind == DS_SCENE_SINGLE && f->style_form == DS_STYLE_UNNAMED &&
                   !f->background_named && !f->thing[0].size_named
               ? 0
               : -1;
}

static int of_pair(const ds_world_tables *t, const ds_factors *f)
{
    return f->kind == DS_SCENE_PAIR && f->relation < 4 && is_clear(t, f) ? f->relation : -1;
}

static int of_people(const ds_world_tables *t, const ds_factors *f)
{
    const ds_thing *x = &f->thing[0];

    return f->kind == DS_SCENE_PERSON && f->things == 1 && x->size != 0 && !x->gender_named &&
                   !x->skin_named && is_clear(t, f)
               ? x->occupation
               : -1;
}

static const ds_thing *homonym_of(const ds_factors *f)
{
    for (int i = 0; i < f->things; i++)
        if (f->thing[i].homonym >= 0)
            return &f->thing[i];
    return NULL;
}

static int of_homonym(const ds_world_tables *t, const ds_factors *f)
{
    const ds_thing *x = homonym_of(f);

    (void)t;
    return x != NULL && f->context != DS_CONTEXT_NEUTRAL && f->style_form != DS_STYLE_UNNAMED
               ? 2 * x->homonym + x->sense
               : -1;
}

static int of_neutral(const ds_world_tables *t, const ds_factors *f)
{
    const ds_thing *x = homonym_of(f);

    return x != NULL && f->context == DS_CONTEXT_NEUTRAL && is_clear(t, f) ? x->homonym : -1;
}

static int classes_of(const ds_world_tables *t, classify *of)
{
    return of == of_people    ? t->occupations
           : of == of_homonym ? 2 * t->homonyms
           : of == of_neutral ? t->homonyms
           : of == of_pair    ? 4
                              : 1;
}

ds_status ds_selection_open(ds_selection **out, const ds_world *w, const char *name, int64_t count,
                            ds_error *err)
{
    static const struct {
        const char *name;
        classify *of;
        ds_split split;
    } sets[] = {
        { "single", of_single, DS_SPLIT_TEST },   { "heldout", of_single, DS_SPLIT_HELDOUT },
        { "pair", of_pair, DS_SPLIT_TEST },       { "people", of_people, DS_SPLIT_TEST },
        { "homonym", of_homonym, DS_SPLIT_TEST }, { "neutral", of_neutral, DS_SPLIT_TEST },
        { "prompt", of_prompt, DS_SPLIT_PROMPT }
    };
    ds_selection *s;

    *out = NULL;
    for (size_t i = 0; i < DS_COUNT(sets); i++) {
        int classes = classes_of(ds_world_words(w), sets[i].of);

        if (strcmp(sets[i].name, name) != 0)
            continue;
        s = ds_calloc(1, sizeof *s);
        if (s == NULL)
            return ds_fail(err, DS_E_NOMEM, "a selection: %zu bytes", sizeof *s);
        s->w = w;
        s->class_of = sets[i].of;
        s->split = sets[i].split;
        s->left = count;
        s->quota = (count + classes - 1) / classes;
        s->index = s->split == DS_SPLIT_PROMPT ? FAR : 0;
        *out = s;
        return DS_OK;
    }
    return ds_fail_at(err,
                      ds_fail(err, DS_E_NOMATCH,
                              "expected a set (single, heldout, pair, people, "
                              "homonym, neutral, prompt), found \"%s\"",
                              name),
                      name, -1);
}

void ds_selection_close(ds_selection *s)
{
    ds_free(s);
}

bool ds_selection_next(ds_selection *s, ds_split *split, int64_t *index)
{
    while (s->left > 0) {
        ds_factors f;
        int64_t at = s->index++;
        int k;

        if (ds_world_draw(s->w, s->split, at, &f, NULL) != DS_OK)
            return false;
        k = s->class_of(ds_world_words(s->w), &f);
        if (k < 0 || k >= CLASSES || s->taken[k] == s->quota)
            continue;
        s->taken[k]++;
        s->left--;
        *split = s->split;
        *index = at;
        return true;
    }
    return false;
}

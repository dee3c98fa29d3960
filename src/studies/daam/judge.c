/* judge.c - where things are in a picture that a model drew from a caption of the world: the
 * world's judge says what it shows, and what the background does not explain is the mask. */

#include "studies/daam/eval.h"

#include <string.h>

enum { PIXELS = DS_WORLD_SIDE * DS_WORLD_SIDE };

/* The judge's number of an object or of what an occupation wears; -1 if the world lacks it. */
static int concept_of(const ds_world *w, const ds_truth_entity *x)
{
    const ds_world_tables *t = ds_world_words(w);

    if (strcmp(x->kind, "object") == 0)
        for (int i = 0; i < t->objects; i++)
            if (strcmp(t->object[i].id, x->label) == 0)
                return i;
    if (strcmp(x->kind, "person") == 0)
        for (int i = 0; i < t->occupations; i++)
            if (strcmp(t->occupation[i].id, x->label) == 0)
                return t->objects + t->occupation[i].drawing;
    return -1;
}

/* Things of the scene, in the order of entities; -1 where the picture would show more. */
static int list_concepts(const daam_eval *e, const ds_truth_scene *s, int concept[DS_JUDGE_ASKED])
{
    int n = 0;

    for (int64_t i = 0; i < s->entity_count; i++) {
        if (strcmp(s->entities[i].kind, "watermark") == 0)
            continue;
        if (n == DS_JUDGE_ASKED || concept_of(e->world, &s->entities[i]) < 0)
            return -1;
        concept[n++] = concept_of(e->world, &s->entities[i]);
    }
    for (int i = n; i < DS_JUDGE_ASKED; i++)
    concept[i] = -1;
    return n;
}

/* place[i]: which of the verdict's things is the scene's thing i; false if one is not there. */
static bool match(const ds_verdict *v, const int *concept, int n, int *place)
{
    if (v->things != n)
        return false;
    for (int turned = 0; turned < n; turned++) {
        bool all = true;

        for (int i = 0; i < n; i++) {
            place[i] = turned ? n - 1 - i : i;
            all = all && v->thing[place[i]].concept[0] == concept[i];
        }
        if (all)
            return true;
    }
    return false;
}

/* Number of an entity among the things, in the order of a verdict. */
static int thing_of(const ds_truth_scene *s, int64_t entity)
{
    int thing = 0;

    for (int64_t i = 0; i < entity; i++)
        thing += strcmp(s->entities[i].kind, "watermark") != 0;
    return thing;
}

ds_status ds__daam_scene_judge(daam_scene *w, ds_error *err)
{
    const daam_eval *e = w->e;
    const ds_image *picture = &w->picture.image;
    uint8_t found[DS_WORLD_THINGS * PIXELS];
    int concept[DS_JUDGE_ASKED], place[DS_WORLD_THINGS];
    int things = list_concepts(e, w->s, concept);
    ds_verdict v;
    ds_status st;

    if (picture->width != DS_WORLD_SIDE || picture->height != DS_WORLD_SIDE)
        return ds_fail(err, DS_E_SHAPE, "the judge looks at pictures of %d pixels, not %lld x %lld",
                       DS_WORLD_SIDE, (long long)picture->width, (long long)picture->height);
    if (things < 1) {
        w->rejected = "a scene that the judge cannot cut";
        return DS_OK;
    }
    st = ds_judge_look(e->judge, &v, picture->rgb, things, NULL, err);
    if (st != DS_OK)
        return st;
    if (!match(&v, concept, things, place)) {
        w->rejected = "the picture does not show what the caption names";
        return DS_OK;
    }
    st = ds_judge_masks(e->judge, found, picture->rgb, things, err);
    for (int k = 0; st == DS_OK && k < w->n; k++)
        memcpy(w->mask[k], found + place[thing_of(w->s, w->word[k]->entity)] * PIXELS, PIXELS);
    return st;
}

/* pictures.c - which pictures a study of edits draws: see eval.h. */

#include <string.h>

#include <diffuscope/rng.h>

#include "studies/component/eval.h"

const char *const ds__eval_kind_names[EVAL_KINDS] = { "target", "synonym", "near", "others" };
const int ds__eval_per_round[EVAL_KINDS] = { 4, 2, 2, 8 };

/* ---- concepts -------------------------------------------------------------------------------- */

static int find_object(const ds_world_tables *t, const char *name)
{
    for (int i = 0; i < t->objects; i++)
        if (strcmp(t->object[i].id, name) == 0)
            return i;
    return -1;
}

static int find_style(const ds_world_tables *t, const char *name)
{
    for (int i = 0; i < t->styles; i++)
        if (strcmp(t->style[i].id, name) == 0)
            return i;
    return -1;
}

static ds_status find_pair(eval_concept *c, const ds_world_tables *t, const char *text,
                           ds_error *err)
{
    const char *to = strchr(text, '=');
    char from[64];

    if (to == NULL || to == text || (size_t)(to - text) >= sizeof from)
        return ds_fail(err, DS_E_ARG, "\"%.60s\": expected CONCEPT=GUIDE, such as dog=fox", text);
    memcpy(from, text, (size_t)(to - text));
    from[to - text] = '\0';
    to++;
    c->at = find_object(t, from);
    c->to = find_object(t, to);
    if (c->at < 0 || c->to < 0) {
        c->style = true;
        c->at = find_style(t, from);
        c->to = find_style(t, to);
    }
    memcpy(c->name, from, sizeof c->name);
    return c->at >= 0 && c->to >= 0 && c->at != c->to
               ? DS_OK
               : ds_fail(err, DS_E_NOMATCH,
                         "\"%.60s\": the world has no such two objects, or two styles", text);
}

static bool is_neighbour(const eval_concept *c, int object)
{
    for (int i = 0; i < c->neighbours; i++)
        if (c->neighbour[i] == object)
            return true;
    return false;
}

/* The guide, and those that stand beside the concept in the list of its group. */
static void find_neighbours(eval_concept *c, const ds_world_tables *t)
{
    static const int by[] = { -1, 1, -2, 2 };

    if (c->style)
        return;
    c->neighbour[c->neighbours++] = c->to;
    for (size_t i = 0; i < DS_COUNT(by); i++) {
        const int k = c->at + by[i];

        if (k >= 0 && k < t->objects && k != t->zorp && !is_neighbour(c, k) &&
            strcmp(t->object[k].group, t->object[c->at].group) == 0)
            c->neighbour[c->neighbours++] = k;
    }
}

/* Every fourth of the other objects is held out; the rest is kept. The camera comes with its mark, which
 * no caption names: it is neither. */
static void divide(eval_concept *c, const component_eval *e)
{
    const ds_world_tables *t = ds_world_words(e->w);

    for (int i = 0; i < t->objects; i++) {
        if ((!c->style && i == c->at) || i == t->zorp || i == t->watermark)
            continue;
        if (i % 4 == 1 && !is_neighbour(c, i))
            c->other[c->others++] = i;
        else
            c->kept[c->keeps++] = i;
    }
}

ds_status ds__eval_concept_find(eval_concept *c, const component_eval *e, const char *text,
                                ds_error *err)
{
    const ds_world_tables *t = ds_world_words(e->w);
    ds_status st = find_pair(c, t, text, err);

    if (st != DS_OK)
        return st;
    c->other = ds_calloc((size_t)t->objects, sizeof *c->other);
    c->kept = ds_calloc((size_t)t->objects, sizeof *c->kept);
    if (c->other == NULL || c->kept == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of objects");
    for (int i = 0; i < t->styles; i++)
        if (t->style[i].people && !(c->style && i == c->at)) /* those with drawings of everything */
            c->main_style[c->styles++] = i;
    find_neighbours(c, t);
    divide(c, e);
    return DS_OK;
}

void ds__eval_concept_clear(eval_concept *c)
{
    ds_free(c->other);
    ds_free(c->kept);
}

/* ---- captions -------------------------------------------------------------------------------- */

ds_status ds__eval_caption(char out[DS_WORLD_CAPTION], const component_eval *e, int object,
                           int name, int style, ds_style_form form, int background, ds_error *err)
{
    ds_scene *s = ds_calloc(1, sizeof *s);
    ds_status st = s == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a scene") : DS_OK;

    if (st == DS_OK) {
        s->factors = (ds_factors){ .split = DS_SPLIT_TEST,
                                   .kind = DS_SCENE_SINGLE,
                                   .style = style,
                                   .style_form = form,
                                   .background = background,
                                   .background_named = true,
                                   .relation = DS_REL_NONE,
                                   .placed = DS_REL_NONE,
                                   .lead_in = -1,
                                   .adjective = -1,
                                   .things = 1 };
        s->factors.thing[0] =
            (ds_thing){ .object = object, .occupation = -1, .name = name, .homonym = -1 };
        st = ds_world_caption(e->w, s, err);
    }
    if (st == DS_OK)
        memcpy(out, s->caption, DS_WORLD_CAPTION);
    ds_free(s);
    return st;
}

static int below(ds_rng *rng, int n)
{
    return (int)(ds_rng_u32(rng) % (uint32_t)n);
}

/* A plain background before which the thing can be seen. */
static int background_for(ds_rng *rng, const component_eval *e, int style, int object)
{
    const ds_world_tables *t = ds_world_words(e->w);
    int b = 0;

    for (int k = 0; k < 50; k++) {
        b = below(rng, t->plain);
        if (ds_world_contrast(e->w, style, object, b))
            break;
    }
    return b;
}

static eval_kind kind_of(int i)
{
    int k = 0;

    for (; i >= ds__eval_per_round[k]; k++)
        i -= ds__eval_per_round[k];
    return (eval_kind)k;
}

static bool is_drawn(const component_eval *e, int style, int object)
{
    ds_drawing d;

    return ds_world_object_drawing(e->w, style, object, &d);
}

/* An object and a style with a drawing of it. */
static void choose(eval_picture *p, ds_rng *rng, const component_eval *e, const eval_concept *c,
                   int64_t round, int i)
{
    const bool own = p->kind == EVAL_TARGET || p->kind == EVAL_SYNONYM;

    for (int k = 0; k < 100; k++) {
        if (c->style) {
            p->object = c->other[below(rng, c->others)];
            p->style = own                    ? c->at
                       : p->kind == EVAL_NEAR ? c->to
                                              : c->main_style[below(rng, c->styles)];
        } else {
            p->object =
                own ? c->at
                : p->kind == EVAL_NEAR
                    ? c->neighbour[(ds__eval_per_round[EVAL_NEAR] * round + i) % c->neighbours]
                    : c->other[below(rng, c->others)];
            p->style = c->main_style[below(rng, c->styles)];
        }
        if (is_drawn(e, p->style, p->object))
            return;
    }
}

/* Texts depend on the concept, the round and the place alone, not on the edit. A synonym is the object's
 * second name; where there is none, and for a style, another wording of the same. */
ds_status ds__eval_picture(eval_picture *out, const component_eval *e, const eval_concept *c,
                           int64_t round, int i, ds_error *err)
{
    const ds_world_tables *t = ds_world_words(e->w);
    ds_style_form form = DS_STYLE_PREFIX;
    int name = 0;
    ds_rng rng;

    ds_rng_init(&rng, DS_RNG_TORCH_CPU,
                e->seed + (uint64_t)(round * EVAL_PICTURES + i) * 64 + (uint64_t)c->at * 1000003u);
    *out = (eval_picture){ .kind = kind_of(i) };
    choose(out, &rng, e, c, round, i);
    if (out->kind == EVAL_SYNONYM && !c->style && t->object[c->at].names > 1)
        name = 1;
    else if (out->kind == EVAL_SYNONYM)
        form = DS_STYLE_IN;
    return ds__eval_caption(out->caption, e, out->object, name, out->style, form,
                            background_for(&rng, e, out->style, out->object), err);
}

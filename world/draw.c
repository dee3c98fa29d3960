/* draw.c - the causal choices of a scene, drawn from the planted tables.
 *
 * Every choice has a random stream of its own, named by (seed, split, index, choice, try): see
 * internal.h. A combination that is held out is drawn again with the next try. Thread rule: reads
 * the world only. */

#include "world/internal.h"

#include <math.h>
#include <string.h>

typedef enum choice {
    OF_KIND = 1,
    OF_STYLE,
    OF_FORM,
    OF_THING, /* + 1 for the second */
    OF_THING_1,
    OF_NAME,
    OF_NAME_1,
    OF_SIZE,
    OF_SIZE_1,
    OF_RELATION,
    OF_BACKGROUND,
    OF_PLACE,
    OF_TINT,
    OF_WORDS,
    OF_PERSON,
    OF_HOMONYM,
    OF_PROMPT
} choice;

enum { SERIES = 4 }; /* scenes of the split `series` that share all choices but the style */

static ds__draws stream(const ds_world *w, const ds_factors *f, choice c, int attempt)
{
    uint64_t h = w->t.seed;
    int64_t index = f->split == DS_SPLIT_SERIES && c != OF_FORM ? f->index / SERIES : f->index;

    h = ds__mix(h ^ ((uint64_t)f->split + 1) * 0x9e3779b97f4a7c15u);
    h = ds__mix(h ^ (uint64_t)index);
    h = ds__mix(h ^ ((uint64_t)c << 32 | (uint32_t)attempt));
    return (ds__draws){ h };
}

/* Index of a member of a distribution. */
static int pick(ds__draws *d, const double *p, int n)
{
    double u = ds__draw_unit(d), sum = 0.0;

    for (int i = 0; i < n; i++) {
        sum += p[i];
        if (u < sum)
            return i;
    }
    for (int i = n - 1; i > 0; i--) /* rounding: the last that can happen */
        if (p[i] > 0.0)
            return i;
    return 0;
}

/* ---- held-out combinations ------------------------------------------------------------------- */

static uint64_t hash_text(uint64_t h, const char *s)
{
    for (; *s != '\0'; s++)
        h = (h ^ (uint8_t)*s) * 0x100000001b3u; /* FNV-1a */
    return (h ^ '|') * 0x100000001b3u;
}

bool ds_world_is_heldout(const ds_world *w, int object, int style, int placed)
{
    const ds_world_tables *t = &w->t;
    uint64_t h = 0xcbf29ce484222325u, of = (uint64_t)t->heldout_of;

    if (object < 0 || object == t->zorp || style < 0)
        return false;
    h = hash_text(hash_text(h, t->object[object].id), t->style[style].id);
    if (ds__mix(h) % of < (uint64_t)t->heldout_pair)
        return true;
    if (placed < 0)
        return false;
    h = hash_text(h, t->relation[placed].id);
    return ds__mix(h) % of < (uint64_t)t->heldout_triple;
}

/* The same relation, seen from the other thing. */
static int inverse(int placed)
{
    static const int of[] = { DS_REL_RIGHT, DS_REL_LEFT, DS_REL_BELOW, DS_REL_ABOVE };

    return placed >= 0 && placed < 4 ? of[placed] : placed;
}

static bool shows_heldout(const ds_world *w, const ds_factors *f)
{
    return (f->things > 0 && ds_world_is_heldout(w, f->thing[0].object, f->style, f->placed)) ||
           (f->things > 1 &&
            ds_world_is_heldout(w, f->thing[1].object, f->style, inverse(f->placed)));
}

/* ---- single choices -------------------------------------------------------------------------- */

static int draw_object(const ds_world *w, ds__draws *d)
{
    double u = ds__draw_unit(d);

    if (u < w->t.zorp_share)
        return w->t.zorp;
    if (u < w->t.zorp_share + w->t.watermark_share)
        return w->t.watermark;
    return ds__draw_below(d, w->t.objects - 1);
}

static int draw_style(const ds_world *w, const ds_factors *f, int attempt)
{
    ds__draws d = stream(w, f, OF_STYLE, attempt);
    bool people = false;
    int style;

    for (int i = 0; i < f->things; i++)
        people |= f->thing[i].occupation >= 0;
    if (f->split == DS_SPLIT_SERIES) { /* in turn; others in place of those that are held out */
        int k = attempt == 0 ? (int)(f->index % SERIES) : SERIES + attempt - 1;

        d = stream(w, f, OF_STYLE, 0);
        return (ds__draw_below(&d, w->t.styles) + k) % w->t.styles;
    }
    do
        style = ds__draw_below(&d, w->t.styles);
    while (people && !w->t.style[style].people);
    return style;
}

static void draw_person(const ds_world *w, const ds_factors *f, ds_thing *x)
{
    ds__draws d = stream(w, f, OF_PERSON, 0);
    const ds_word_occupation *o;

    x->occupation = ds__draw_below(&d, w->t.occupations);
    o = &w->t.occupation[x->occupation];
    x->gender_named = ds__draw_unit(&d) < w->t.gender_named;
    x->occupation_named = f->split != DS_SPLIT_PEOPLE || ds__draw_unit(&d) < 0.5;
    if (!x->occupation_named) /* "a woman": any occupation */
        x->gender_named = true;
    x->skin_named = ds__draw_unit(&d) < w->t.skin_named;
    x->gender_word = ds__draw_below(&d, 2);
    /* What the caption says is drawn evenly, so that it cannot be guessed from the occupation;
     * what it leaves open follows the planted table. */
    x->gender = ds__draw_unit(&d) < (x->gender_named ? 0.5 : o->p_woman) ? 0 : 1;
    x->skin =
        x->skin_named ? ds__draw_below(&d, DS_WORLD_SKINS) : pick(&d, o->p_skin, DS_WORLD_SKINS);
    x->name = o->names > 1 && ds__draw_unit(&d) < w->t.synonym_share;
}

/* Those where things are of one size and stand just where they belong. */
static bool tidy(const ds_factors *f)
{
    return f->split == DS_SPLIT_ICON || f->split == DS_SPLIT_PAIR;
}

/* The first phases of a training: style named, before a plain background. */
static bool easy(const ds_factors *f)
{
    return f->split == DS_SPLIT_SINGLE || tidy(f);
}

static void draw_name(const ds_world *w, const ds_factors *f, int which)
{
    ds__draws d = stream(w, f, (choice)(OF_NAME + which), 0);
    ds_thing *x = (ds_thing *)&f->thing[which];

    if (x->object >= 0 && w->t.object[x->object].names > 1)
        x->name = ds__draw_unit(&d) < w->t.synonym_share;
}

static void draw_size(const ds_world *w, ds_factors *f, int which)
{
    ds__draws d = stream(w, f, (choice)(OF_SIZE + which), 0);
    ds_thing *x = &f->thing[which];
    const ds_word_size *s;
    double p[DS_COUNT(w->t.size)] = { 0.0 };
    const float *range;

    for (int i = 0; i < w->t.sizes; i++)
        p[i] = w->t.size[i].p;
    x->size = pick(&d, p, w->t.sizes);
    if (easy(f) && (x->size == 0 || tidy(f)))
        x->size = 1;
    s = &w->t.size[x->size];
    x->size_named = ds__draw_unit(&d) < s->named;
    x->size_word = s->words > 0 ? ds__draw_below(&d, s->words) : 0;
    range = f->things > 1 ? s->paired : s->alone;
    x->side = tidy(f) ? 0.5f * (range[0] + range[1]) : ds__draw_range(&d, range[0], range[1]);
    if (f->kind == DS_SCENE_FRAME) /* the frame takes 7 pixels on each side */
        x->side = x->side > 38.0f ? 38.0f : x->side;
}

static void draw_relation(const ds_world *w, ds_factors *f)
{
    ds__draws d = stream(w, f, OF_RELATION, 0);
    double p[DS_RELATIONS];

    f->relation = f->placed = DS_REL_NONE;
    if (f->kind == DS_SCENE_FRAME) {
        f->relation = f->placed = DS_REL_INSIDE;
    } else if (f->things > 1) {
        for (int i = 0; i < DS_RELATIONS; i++)
            p[i] = f->split != DS_SPLIT_PAIR               ? w->t.relation[i].p
                   : i == DS_REL_LEFT || i == DS_REL_ABOVE ? 0.5
                                                           : 0.0;
        f->relation = f->placed = pick(&d, p, DS_RELATIONS);
        if (f->relation == DS_REL_BESIDE)
            f->placed = ds__draw_below(&d, 2);
        else if (f->relation == DS_REL_AND)
            f->placed = ds__draw_below(&d, 4);
    } else {
        return;
    }
    f->relation_text = ds__draw_below(&d, w->t.relation[f->relation].texts);
}

/* A homonym in one of its three contexts. The companion is mentioned first in two cases of five. */
static void draw_homonym(const ds_world *w, ds_factors *f)
{
    ds__draws d = stream(w, f, OF_HOMONYM, 0);
    ds_thing *x = &f->thing[0];
    const ds_word_homonym *h;
    const ds_word_sense *s;
    int word = ds__draw_below(&d, w->t.homonyms), sense;

    h = &w->t.homonym[word];
    f->context = (ds_context)(DS_CONTEXT_NEUTRAL + pick(&d, w->t.context, 3));
    sense = f->context == DS_CONTEXT_NEUTRAL ? ds__draw_unit(&d) >= h->sense[0].p
                                             : ds__draw_below(&d, 2);
    s = &h->sense[sense];
    f->things = 1;
    if (f->context == DS_CONTEXT_BACKGROUND) {
        f->background = s->background[ds__draw_below(&d, s->backgrounds)];
    } else if (f->context == DS_CONTEXT_COMPANION) {
        bool second = ds__draw_unit(&d) < 0.4;

        f->things = 2;
        f->thing[!second].object = s->companion[ds__draw_below(&d, s->companions)];
        x = &f->thing[second];
    }
    x->homonym = word;
    x->sense = sense;
    x->object = s->object;
}

static void draw_things(const ds_world *w, ds_factors *f)
{
    f->background = -1;
    for (int i = 0; i < DS_WORLD_THINGS; i++)
        f->thing[i] = (ds_thing){ .object = -1, .occupation = -1, .homonym = -1 };
    f->things = f->kind == DS_SCENE_PAIR ? 2 : 1;
    switch (f->kind) {
    case DS_SCENE_EMPTY:
        f->things = 0;
        break;
    case DS_SCENE_HOMONYM:
        draw_homonym(w, f);
        break;
    case DS_SCENE_PERSON: {
        ds__draws d = stream(w, f, OF_THING, 0);

        if (ds__draw_unit(&d) < w->t.person_with_object && !easy(f)) {
            bool second = ds__draw_unit(&d) < 0.5;

            f->things = 2;
            draw_person(w, f, &f->thing[second]);
            f->thing[!second].object = draw_object(w, &d);
        } else {
            draw_person(w, f, &f->thing[0]);
        }
        break;
    }
    default:
        for (int i = 0; i < f->things; i++) {
            ds__draws d = stream(w, f, (choice)(OF_THING + i), 0);

            do
                f->thing[i].object = draw_object(w, &d);
            while (i == 1 && f->thing[1].object == f->thing[0].object);
        }
    }
}

/* A plain colour is taken only where every object stands out against it. */
static bool stands_out(const ds_world *w, const ds_factors *f, int background)
{
    for (int i = 0; i < f->things; i++)
        if (f->thing[i].object >= 0 &&
            !ds_world_contrast(w, f->style, f->thing[i].object, background))
            return false;
    return true;
}

static void draw_background(const ds_world *w, ds_factors *f)
{
    ds__draws d = stream(w, f, OF_BACKGROUND, 0);
    const ds_world_tables *t = &w->t;
    bool plain = ds__draw_unit(&d) < t->background_plain || easy(f) ||
                 f->context == DS_CONTEXT_NEUTRAL || f->context == DS_CONTEXT_COMPANION;

    f->background_named =
        ds__draw_unit(&d) < t->background_named || f->background >= 0 || f->kind == DS_SCENE_EMPTY;
    for (int i = 0; i < 64 && f->background < 0; i++) {
        int b = plain ? ds__draw_below(&d, t->plain)
                      : t->plain + ds__draw_below(&d, t->backgrounds - t->plain);

        if (stands_out(w, f, b) || i == 63)
            f->background = b;
    }
    f->background_text = ds__draw_below(&d, t->background[f->background].texts);
    d = stream(w, f, OF_TINT, 0);
    for (int c = 0; c < 3; c++)
        f->tint[c] = ds__draw_range(&d, -6.0f, 6.0f);
    f->texture_seed = (uint32_t)ds__draw(&d);
}

static void draw_words(const ds_world *w, ds_factors *f)
{
    ds__draws d = stream(w, f, OF_FORM, 0);
    double p[DS_STYLE_FORMS];

    memcpy(p, w->t.style_form, sizeof p);
    if (easy(f) || f->split == DS_SPLIT_SERIES || f->split == DS_SPLIT_HELDOUT) {
        double named = 1.0 - p[DS_STYLE_UNNAMED];

        for (int i = 0; i < DS_STYLE_UNNAMED; i++)
            p[i] /= named;
        p[DS_STYLE_UNNAMED] = 0.0;
    }
    f->style_form = (ds_style_form)pick(&d, p, DS_STYLE_FORMS);
    f->lead_in = -1;
    d = stream(w, f, OF_WORDS, 0);
    if (ds__draw_unit(&d) < w->t.lead_in_share && !easy(f))
        f->lead_in = ds__draw_below(&d, 2);
    if (f->kind == DS_SCENE_EMPTY) {
        f->style = -1;
        f->style_form = DS_STYLE_UNNAMED;
    }
}

/* A prompt says less than a caption, and begins in more ways. */
static void draw_prompt(const ds_world *w, ds_factors *f)
{
    ds__draws d = stream(w, f, OF_PROMPT, 0);
    double lead_in = ds__draw_unit(&d), adjective = ds__draw_unit(&d);

    f->lead_in = lead_in < w->t.prompt.lead_in ? ds__draw_below(&d, DS_WORLD_LEADS) : -1;
    f->adjective = adjective < w->t.prompt.adjective ? ds__draw_below(&d, w->t.adjectives) : -1;
    f->bare = ds__draw_unit(&d) < w->t.prompt.bare;
    if (ds__draw_unit(&d) >= w->t.prompt.style)
        f->style_form = DS_STYLE_UNNAMED;
    f->background_named = ds__draw_unit(&d) < w->t.prompt.background;
    f->stop = ds__draw_unit(&d) < w->t.prompt.stop;
}

/* ---- where things stand ---------------------------------------------------------------------- */

static void extent(const ds_world *w, const ds_factors *f, const ds_thing *x, float *width,
                   float *height)
{
    ds_drawing d;
    float scale;

    if (x->occupation >= 0)
        ds_world_person_drawing(w, f->style, w->t.occupation[x->occupation].drawing, x->gender,
                                x->skin, &d);
    else
        ds_world_object_drawing(w, f->style, x->object, &d);
    scale = x->side / (float)(d.w > d.h ? d.w : d.h);
    *width = (float)d.w * scale;
    *height = (float)d.h * scale;
}

/* Pixels from the middle of their place to where things may stand, less than a latent pixel: where
 * a thing stands is not in the caption, so that very noisy pictures are means over all places, and
 * the wider these are spread, the later does a small network learn what words look like. */
#define REACH 3.0f

/* A centre in [lo, hi] that keeps `length` inside, at most `reach` from the middle. */
static float centre(ds__draws *d, float lo, float hi, float length, float reach)
{
    float slack = 0.5f * (hi - lo - length);

    slack = slack < 0.0f ? 0.0f : slack > reach ? reach : slack;
    return 0.5f * (lo + hi) + ds__draw_range(d, -slack, slack);
}

static void place(const ds_world *w, ds_factors *f)
{
    ds__draws d = stream(w, f, OF_PLACE, 0);
    const float side = DS_WORLD_SIDE, half = side / 2, edge = 1.0f;
    const float reach = tidy(f) ? 0.0f : REACH;

    for (int i = 0; i < f->things; i++) {
        ds_thing *x = &f->thing[i];
        float width, height, lo = edge, hi = side - edge;

        extent(w, f, x, &width, &height);
        if (f->placed == DS_REL_INSIDE)
            width = height = x->side + 14.0f;
        if (f->things == 1) {
            x->cx = centre(&d, lo, hi, width, reach);
            x->cy = centre(&d, lo, hi, height, reach);
            continue;
        }
        if ((f->placed == DS_REL_LEFT || f->placed == DS_REL_ABOVE) == (i == 0))
            hi = half - 0.5f;
        else
            lo = half + 0.5f;
        if (f->placed == DS_REL_LEFT || f->placed == DS_REL_RIGHT) {
            x->cx = centre(&d, lo, hi, width, reach);
            x->cy = centre(&d, edge, side - edge, height, reach);
        } else {
            x->cx = centre(&d, edge, side - edge, width, reach);
            x->cy = centre(&d, lo, hi, height, reach);
        }
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Kind, things, relation and style of a scene that must show a held-out combination: one object in
 * a style that it is never seen in, or in a place where this style never has it. */
static bool draw_heldout(const ds_world *w, ds_factors *f)
{
    for (int i = 0; i < 20000; i++) {
        ds__draws d = stream(w, f, OF_KIND, i);
        int kind = ds__draw_below(&d, 5), placed = DS_REL_NONE;
        int object = ds__draw_below(&d, w->t.objects - 1);
        int style = ds__draw_below(&d, w->t.styles);

        f->kind = kind < 2 ? DS_SCENE_SINGLE : kind < 4 ? DS_SCENE_PAIR : DS_SCENE_FRAME;
        if (f->kind != DS_SCENE_SINGLE)
            placed = f->kind == DS_SCENE_FRAME ? DS_REL_INSIDE : ds__draw_below(&d, 4);
        if (!ds_world_is_heldout(w, object, style, placed) ||
            (placed >= 0 && ds_world_is_heldout(w, object, style, -1)))
            continue;
        draw_things(w, f);
        f->thing[0].object = object;
        if (f->things > 1 && f->thing[1].object == object)
            continue;
        f->style = style;
        f->relation = f->placed = placed;
        f->relation_text = placed < 0 ? 0 : ds__draw_below(&d, w->t.relation[placed].texts);
        return true;
    }
    return false;
}

static ds_scene_kind draw_kind(const ds_world *w, const ds_factors *f)
{
    ds__draws d = stream(w, f, OF_KIND, 0);

    switch (f->split) {
    case DS_SPLIT_SINGLE:
    case DS_SPLIT_SERIES:
        return DS_SCENE_SINGLE;
    case DS_SPLIT_ICON:
        return ds__draw_unit(&d) < 0.2 ? DS_SCENE_PERSON : DS_SCENE_SINGLE;
    case DS_SPLIT_PAIR:
        return DS_SCENE_PAIR;
    case DS_SPLIT_HOMONYM:
        return DS_SCENE_HOMONYM;
    case DS_SPLIT_PEOPLE:
        return DS_SCENE_PERSON;
    case DS_SPLIT_PROMPT: {
        double u = ds__draw_unit(&d);

        return u < 0.75 ? DS_SCENE_SINGLE : u < 0.9 ? DS_SCENE_PERSON : DS_SCENE_PAIR;
    }
    default:
        return (ds_scene_kind)pick(&d, w->t.kind, DS_SCENE_KINDS);
    }
}

static bool draw_allowed(const ds_world *w, ds_factors *f)
{
    f->kind = draw_kind(w, f);
    draw_things(w, f);
    draw_relation(w, f);
    for (int i = 0; i < 1000; i++) {
        f->style = draw_style(w, f, i);
        if (!shows_heldout(w, f))
            return true;
    }
    return false;
}

ds_status ds_world_draw(const ds_world *w, ds_split split, int64_t index, ds_factors *out,
                        ds_error *err)
{
    if (split < 0 || split >= DS_SPLITS || index < 0)
        return ds_fail(err, DS_E_ARG,
                       "scene %lld of split %d: expected a split below %d and an "
                       "index from 0",
                       (long long)index, (int)split, DS_SPLITS);
    memset(out, 0, sizeof *out);
    out->split = split;
    out->index = index;
    if (!(split == DS_SPLIT_HELDOUT ? draw_heldout(w, out) : draw_allowed(w, out)))
        return ds_fail(err, DS_E_INTERNAL, "scene %lld of split %s: no combination fits",
                       (long long)index, ds_split_name(split));
    for (int i = 0; i < out->things; i++) {
        draw_name(w, out, i);
        draw_size(w, out, i);
        out->watermark |= out->thing[i].object == w->t.watermark;
    }
    draw_background(w, out);
    draw_words(w, out);
    out->adjective = -1;
    if (split == DS_SPLIT_PROMPT)
        draw_prompt(w, out);
    place(w, out);
    return DS_OK;
}

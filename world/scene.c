/* scene.c - paints a scene: background, drawings scaled to sub-pixel places, frame, watermark.
 *
 * Thread rule: reads the world, writes the caller's scene. */

#include "world/internal.h"

#include <math.h>
#include <string.h>

enum { SIDE = DS_WORLD_SIDE, CELL = DS_WORLD_CELL, TAPS = 8, FRAME = 4 };

/* Weights of the source pixels that make one pixel of the picture, along one axis: the overlap of
 * the pixel's interval with each source pixel, an interval being at least one source pixel wide
 * (area filter when shrinking, linear interpolation otherwise). */
typedef struct tap {
    int first, count;
    float weight[TAPS];
} tap;

/* A drawing, resampled: premultiplied RGBA 0 .. 255 over columns x0 .. x1-1 and rows y0 .. y1-1. */
typedef struct patch {
    int x0, x1, y0, y1;
    float rgba[SIDE * SIDE * 4];
} patch;

/* Taps of pixel `at` when the visible length `n` of the source covers [start, start + n*scale). */
static tap taps_of(int at, float start, float scale, int n)
{
    float width = scale < 1.0f ? 1.0f / scale : 1.0f;
    float middle = ((float)at + 0.5f - start) / scale, lo = middle - 0.5f * width;
    float hi = middle + 0.5f * width;
    tap t = { (int)floorf(lo), 0, { 0.0f } };

    for (int i = t.first; i < t.first + TAPS && (float)i < hi; i++) {
        float from = lo > (float)i ? lo : (float)i, to = hi < (float)i + 1 ? hi : (float)i + 1;

        t.weight[t.count++] = i < 0 || i >= n || to <= from ? 0.0f : (to - from) / width;
    }
    return t;
}

static int clip(int v)
{
    return v < 0 ? 0 : v > SIDE ? SIDE : v;
}

/* Rows first into `rows` (source rows x picture columns), then columns. */
static void resample(patch *p, const ds_drawing *d, const ds_thing *x)
{
    float scale = x->side / (float)(d->w > d->h ? d->w : d->h);
    float left = x->cx - 0.5f * (float)d->w * scale, top = x->cy - 0.5f * (float)d->h * scale;
    float rows[CELL * SIDE * 4];

    p->x0 = clip((int)floorf(left - 0.5f));
    p->x1 = clip((int)ceilf(left + (float)d->w * scale + 0.5f));
    p->y0 = clip((int)floorf(top - 0.5f));
    p->y1 = clip((int)ceilf(top + (float)d->h * scale + 0.5f));
    for (int px = p->x0; px < p->x1; px++) {
        tap t = taps_of(px, left, scale, d->w);

        for (int y = 0; y < d->h; y++) {
            int in = 4 * ((d->y + y) * CELL + d->x + t.first);
            float sum[4] = { 0.0f };

            for (int k = 0; k < t.count; k++)
                if (t.weight[k] > 0.0f)
                    for (int c = 0; c < 4; c++)
                        sum[c] += t.weight[k] * d->rgba[in + 4 * k + c];
            memcpy(rows + 4 * (y * SIDE + px), sum, sizeof sum);
        }
    }
    for (int py = p->y0; py < p->y1; py++) {
        tap t = taps_of(py, top, scale, d->h);

        for (int i = 4 * p->x0; i < 4 * p->x1; i++) {
            float sum = 0.0f;

            for (int k = 0; k < t.count; k++)
                if (t.weight[k] > 0.0f)
                    sum += t.weight[k] * rows[4 * SIDE * (t.first + k) + i];
            p->rgba[4 * SIDE * py + i] = sum;
        }
    }
}

/* Lays premultiplied colour over a pixel; who covers more than half of it owns it. */
static void lay(ds__canvas *c, ds_scene *s, int entity, int pixel, const float rgba[4])
{
    float a = rgba[3] / 255.0f;

    for (int k = 0; k < 3; k++)
        c->rgb[3 * pixel + k] = c->rgb[3 * pixel + k] * (1.0f - a) + rgba[k] / 255.0f;
    if (a > 0.5f) {
        for (int e = 0; e < entity; e++)
            s->entity[e].mask[pixel] = 0;
        s->entity[entity].mask[pixel] = 1;
    }
}

static ds_entity *add_entity(ds_scene *s, ds_entity_kind kind, int thing)
{
    ds_entity *e = &s->entity[s->entities++];

    memset(e, 0, sizeof *e);
    e->kind = kind;
    e->thing = thing;
    return e;
}

static bool paint_thing(const ds_world *w, ds__canvas *c, ds_scene *s, int which)
{
    const ds_factors *f = &s->factors;
    const ds_thing *x = &f->thing[which];
    bool person = x->occupation >= 0;
    ds_drawing d;
    patch p;

    if (person ? x->occupation >= w->t.occupations ||
                     !ds_world_person_drawing(w, f->style, w->t.occupation[x->occupation].drawing,
                                              x->gender, x->skin, &d)
               : !ds_world_object_drawing(w, f->style, x->object, &d))
        return false;
    add_entity(s, person ? DS_ENTITY_PERSON : DS_ENTITY_OBJECT, which);
    resample(&p, &d, x);
    for (int y = p.y0; y < p.y1; y++)
        for (int i = p.x0; i < p.x1; i++)
            lay(c, s, which, y * SIDE + i, p.rgba + 4 * (y * SIDE + i));
    return true;
}

/* A golden frame around the first thing, seven pixels away from it, lit from the upper left. */
static void paint_frame(ds__canvas *c, ds_scene *s)
{
    static const float gold[4] = { 202, 156, 60, 255 }, light[4] = { 240, 206, 120, 255 };
    static const float dark[4] = { 130, 92, 30, 255 };
    const ds_thing *x = &s->factors.thing[0];
    int half = (int)lrintf(0.5f * x->side + 7.0f), cx = (int)lrintf(x->cx);
    int cy = (int)lrintf(x->cy), entity = s->entities;

    add_entity(s, DS_ENTITY_FRAME, -1);
    for (int py = clip(cy - half); py < clip(cy + half); py++)
        for (int px = clip(cx - half); px < clip(cx + half); px++) {
            int left = px - (cx - half), up = py - (cy - half), right = cx + half - 1 - px;
            int down = cy + half - 1 - py;
            int near = left < up ? left : up, far = right < down ? right : down;
            int in = near < far ? near : far;

            if (in < FRAME)
                lay(c, s, entity, py * SIDE + px,
                    in == 0 || in == FRAME - 1 ? (near < far) == (in == 0) ? light : dark : gold);
        }
}

/* White letters on a dark plate in the lower right corner, always the same. */
static void paint_watermark(ds__canvas *c, ds_scene *s)
{
    static const char *const letters[5] = { "##..##", "#.#.#.", "#.#.##", "#.#..#", "##..##" };
    static const float plate[4] = { 8, 8, 8, 200 }, ink[4] = { 255, 255, 255, 255 };
    int entity = s->entities;

    add_entity(s, DS_ENTITY_WATERMARK, -1);
    for (int y = 0; y < 7; y++)
        for (int x = 0; x < 8; x++) {
            bool letter = y > 0 && y < 6 && x > 0 && x < 7 && letters[y - 1][x - 1] == '#';

            lay(c, s, entity, (SIDE - 8 + y) * SIDE + SIDE - 9 + x, letter ? ink : plate);
        }
}

static void find_box(ds_entity *e)
{
    int x0 = SIDE, y0 = SIDE, x1 = -1, y1 = -1;

    for (int i = 0; i < SIDE * SIDE; i++)
        if (e->mask[i]) {
            int x = i % SIDE, y = i / SIDE;

            x0 = x < x0 ? x : x0;
            x1 = x > x1 ? x : x1;
            y0 = y < y0 ? y : y0;
            y1 = y > y1 ? y : y1;
        }
    if (x1 < 0)
        return;
    e->box[0] = x0;
    e->box[1] = y0;
    e->box[2] = x1 - x0 + 1;
    e->box[3] = y1 - y0 + 1;
}

ds_status ds_world_paint(const ds_world *w, ds_scene *s, ds_error *err)
{
    const ds_factors *f = &s->factors;
    ds__canvas c;

    if (f->background < 0 || f->background >= w->t.backgrounds || f->things < 0 ||
        f->things > DS_WORLD_THINGS)
        return ds_fail(err, DS_E_ARG,
                       "scene with background %d and %d things: expected a "
                       "background below %d and at most %d things",
                       f->background, f->things, w->t.backgrounds, DS_WORLD_THINGS);
    s->entities = 0;
    ds__paint_background(&c, f, &w->t.background[f->background]);
    for (int i = 0; i < f->things; i++)
        if (!paint_thing(w, &c, s, i))
            return ds_fail(err, DS_E_ARG,
                           "thing %d: no drawing of object %d, occupation %d in "
                           "style %d",
                           i, f->thing[i].object, f->thing[i].occupation, f->style);
    if (f->placed == DS_REL_INSIDE)
        paint_frame(&c, s);
    if (f->watermark)
        paint_watermark(&c, s);
    for (int i = 0; i < s->entities; i++)
        find_box(&s->entity[i]);
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        float v = c.rgb[i] < 0.0f ? 0.0f : c.rgb[i] > 1.0f ? 1.0f : c.rgb[i];

        s->rgb[i] = (uint8_t)(v * 255.0f + 0.5f);
    }
    return DS_OK;
}

ds_status ds_world_scene(const ds_world *w, ds_split split, int64_t index, ds_scene *out,
                         ds_error *err)
{
    ds_status st = ds_world_draw(w, split, index, &out->factors, err);

    if (st == DS_OK)
        st = ds_world_caption(w, out, err);
    if (st == DS_OK)
        st = ds_world_paint(w, out, err);
    return st;
}

/* judge.c - the nearest drawing to what stands in front of the background.
 *
 * 1. Background: the kind whose colours, row by row, explain most of the border.
 * 2. Foreground: pixels far from every colour that this background has in that row.
 * 3. Shortlist: the foreground's box, at 16x16, against all drawings at 16x16.
 * 4. Verdict: the shortlist laid over the picture at a few places and sizes; the cost is the root
 *    mean square difference over the drawing and over foreground that it leaves unexplained.
 *
 * Thread rule: reads the judge, writes the caller's verdict. */

#include "world/judge.h"

#include "world/internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    SIDE = DS_WORLD_SIDE,
    CELL = DS_WORLD_CELL,
    PIXELS = SIDE * SIDE,
    GRID = 16,
    FEATURES = GRID * GRID * 4,
    SHORT = 48,   /* drawings that are tried at several places */
    FINE = 10,    /* of those, drawings whose place is refined */
    PALETTE = 24, /* colours of a row of a background */
    SAMPLES = 40  /* scenes that a background's colours are learnt from */
};

/* Colours that a background has in a row. */
typedef struct palette {
    int count;
    uint8_t rgb[PALETTE][3];
} palette;

typedef struct candidate {
    int concept, style, gender, skin;
    ds_drawing d;
    uint8_t *half;             /* the cell at half size, for small things */
    uint8_t *soft, *soft_half; /* both blurred, as a model's decoder may blur a picture */
} candidate;

struct ds_judge {
    const ds_world *w;
    int candidates, concepts;
    candidate *candidate;
    uint8_t *halves, *softs, *soft_halves;
    float *features;
    palette *palettes; /* [backgrounds][SIDE] */
};

/* ---- backgrounds ----------------------------------------------------------------------------- */

static int distance(const uint8_t *a, const uint8_t *b)
{
    int r = a[0] - b[0], g = a[1] - b[1], l = a[2] - b[2];

    return r * r + g * g + l * l;
}

static void learn_colour(palette *p, const uint8_t *rgb)
{
    for (int i = 0; i < p->count; i++)
        if (distance(p->rgb[i], rgb) < 14 * 14)
            return;
    if (p->count < PALETTE)
        memcpy(p->rgb[p->count++], rgb, 3);
}

static ds_status learn_backgrounds(ds_judge *j, ds_error *err)
{
    const ds_world_tables *t = ds_world_words(j->w);
    ds_scene *s = ds_calloc(1, sizeof *s);
    ds_status st = DS_OK;

    if (s == NULL)
        return ds_fail(err, DS_E_NOMEM, "a scene: %zu bytes", sizeof *s);
    for (int b = 0; b < t->backgrounds; b++)
        for (int i = 0; st == DS_OK && i < (t->background[b].plain ? 1 : SAMPLES); i++) {
            s->factors = (ds_factors){ .background = b,
                                       .texture_seed = 77u + (uint32_t)i,
                                       .placed = DS_REL_NONE,
                                       .relation = DS_REL_NONE };
            st = ds_world_paint(j->w, s, err);
            for (int p = 0; st == DS_OK && p < PIXELS; p++)
                learn_colour(&j->palettes[b * SIDE + p / SIDE], s->rgb + 3 * p);
        }
    ds_free(s);
    return st;
}

/* Squared distance of a pixel to the nearest colour of the background within one row. */
static int unlike(const ds_judge *j, int background, const uint8_t *rgb, int pixel)
{
    int y = pixel / SIDE, best = 3 * 255 * 255;

    for (int row = y > 0 ? y - 1 : 0; row <= y + 1 && row < SIDE; row++) {
        const palette *p = &j->palettes[background * SIDE + row];

        for (int i = 0; i < p->count; i++) {
            int d = distance(p->rgb[i], rgb + 3 * pixel);

            best = d < best ? d : best;
        }
    }
    return best;
}

/* A palette with many colours explains too much: each background pays for the share of the colour
 * cube that it covers, and for colours of its border that the picture does not have. */
static float background_cost(const ds_judge *j, int b, const uint8_t *rgb)
{
    float sum = 0.0f, unseen = 0.0f;
    int n = 0, colours = 0;

    for (int p = 0; p < PIXELS; p++) {
        int x = p % SIDE, y = p / SIDE;

        if (x >= 5 && x < SIDE - 5 && y >= 5 && y < SIDE - 5)
            continue;
        sum += fminf((float)unlike(j, b, rgb, p), 60.0f * 60.0f);
        n++;
    }
    for (int y = 0; y < SIDE; y += 2) {
        const palette *q = &j->palettes[b * SIDE + y];

        for (int i = 0; i < q->count; i++, colours++) {
            int best = 60 * 60;

            for (int x = 0; x < SIDE; x++)
                if (x < 8 || x >= SIDE - 8 || y < 5 || y >= SIDE - 5) {
                    int d = distance(q->rgb[i], rgb + 3 * (y * SIDE + x));

                    best = d < best ? d : best;
                }
            unseen += (float)best;
        }
    }
    return sum / (float)n + 0.35f * unseen / (float)colours;
}

static int find_background(const ds_judge *j, const uint8_t *rgb)
{
    int n = ds_world_words(j->w)->backgrounds, best = 0;
    float least = FLT_MAX;

    for (int b = 0; b < n; b++) {
        float cost = background_cost(j, b, rgb);

        if (cost < least) {
            least = cost;
            best = b;
        }
    }
    return best;
}

/* A plain background's own colour: the median of the border, channel by channel. */
static void border_colour(const uint8_t *rgb, uint8_t out[3])
{
    for (int c = 0; c < 3; c++) {
        int histogram[256] = { 0 }, n = 0, below = 0, v = 0;

        for (int p = 0; p < PIXELS; p++) {
            int x = p % SIDE, y = p / SIDE;

            if (x < 2 || x >= SIDE - 2 || y < 2 || y >= SIDE - 2) {
                histogram[rgb[3 * p + c]]++;
                n++;
            }
        }
        while (2 * (below + histogram[v]) < n)
            below += histogram[v++];
        out[c] = (uint8_t)v;
    }
}

/* White letters on a dark plate, where paint_watermark puts them: brightness there goes with a
 * slightly blurred pattern of the letters. */
static float watermark_likeness(const uint8_t *rgb)
{
    static const char *const letters[5] = { "##..##", "#.#.#.", "#.#.##", "#.#..#", "##..##" };
    float have[56], want[56], h = 0.0f, w = 0.0f, hh = 0.0f, ww = 0.0f, hw = 0.0f;

    for (int i = 0; i < 56; i++) {
        int x = i % 8, y = i / 8;
        const uint8_t *p = rgb + 3 * ((SIDE - 8 + y) * SIDE + SIDE - 9 + x);

        have[i] = (float)(p[0] + p[1] + p[2]) / 3.0f;
        want[i] = 0.0f;
        for (int k = 0; k < 9; k++) {
            int nx = x + k % 3 - 2, ny = y + k / 3 - 2;

            if (nx >= 0 && nx < 6 && ny >= 0 && ny < 5 && letters[ny][nx] == '#')
                want[i] += k == 4 ? 4.0f : k % 2 ? 2.0f : 1.0f;
        }
        h += have[i] / 56.0f;
        w += want[i] / 56.0f;
    }
    for (int i = 0; i < 56; i++) {
        hh += (have[i] - h) * (have[i] - h);
        ww += (want[i] - w) * (want[i] - w);
        hw += (have[i] - h) * (want[i] - w);
    }
    return hh > 56.0f * 20.0f * 20.0f ? hw / sqrtf(hh * ww) : 0.0f;
}

/* The corner with the mark and what its blur reaches; pixels above and left of it are background. */
enum { HALO = 4, CORNER_W = 9 + HALO, CORNER_H = 8 + HALO, CORNER = CORNER_W * CORNER_H };

/* Weights 1 4 6 4 1 along rows and columns, as a decoder blurs a picture; edges repeat. */
static void blur_corner(float *x)
{
    static const float weight[5] = { 1, 4, 6, 4, 1 };
    float from[CORNER];

    memcpy(from, x, sizeof from);
    for (int i = 0; i < CORNER; i++) {
        float sum = 0.0f;

        for (int k = 0; k < 25; k++) {
            int nx = i % CORNER_W + k % 5 - 2, ny = i / CORNER_W + k / 5 - 2;

            nx = nx < 0 ? 0 : nx >= CORNER_W ? CORNER_W - 1 : nx;
            ny = ny < 0 ? 0 : ny >= CORNER_H ? CORNER_H - 1 : ny;
            sum += weight[k % 5] * weight[k / 5] * from[ny * CORNER_W + nx];
        }
        x[i] = sum / 256.0f;
    }
}

/* The mark before a background of this brightness, as paint_watermark paints it. */
static void paint_corner(float *x, float behind)
{
    static const char *const letters[5] = { "##..##", "#.#.#.", "#.#.##", "#.#..#", "##..##" };
    const float cover = 200.0f / 255.0f;

    for (int i = 0; i < CORNER; i++) {
        const int px = i % CORNER_W - HALO, py = i / CORNER_W - HALO; /* on the plate */
        const bool plate = px >= 0 && px < 8 && py >= 0 && py < 7;
        const bool ink = px > 0 && px < 7 && py > 0 && py < 6 && letters[py - 1][px - 1] == '#';

        x[i] = ink ? 255.0f : plate ? cover * 8.0f + (1.0f - cover) * behind : behind;
    }
}

static float corner_at(const uint8_t *rgb, int x, int y)
{
    const uint8_t *p = rgb + 3 * ((SIDE - CORNER_H + y) * SIDE + SIDE - CORNER_W + x);

    return (float)(p[0] + p[1] + p[2]) / 3.0f;
}

/* Which share of the corner's difference from its background a mark explains, sharp or blurred up to
 * three times: 1 all of it, below 0 less than nothing. */
static float mark_explains(const uint8_t *rgb)
{
    float have[CORNER], want[CORNER], behind = 0.0f, all = 0.0f, best = -1.0f;
    int n = 0;

    for (int i = -1; i < CORNER_W; i++, n++)
        behind += corner_at(rgb, i, -1);
    for (int i = 0; i < CORNER_H; i++, n++)
        behind += corner_at(rgb, -1, i);
    behind /= (float)n;
    for (int i = 0; i < CORNER; i++) {
        have[i] = corner_at(rgb, i % CORNER_W, i / CORNER_W);
        all += (have[i] - behind) * (have[i] - behind);
    }
    if (all < CORNER * 8.0f * 8.0f)
        return 0.0f; /* nothing stands out */
    paint_corner(want, behind);
    for (int times = 0; times < 4; times++) {
        float left = 0.0f;

        for (int i = 0; i < CORNER; i++)
            left += (have[i] - want[i]) * (have[i] - want[i]);
        best = fmaxf(best, 1.0f - left / all);
        blur_corner(want);
    }
    return best;
}

static bool find_watermark(const uint8_t *rgb)
{
    return watermark_likeness(rgb) > 0.6f || mark_explains(rgb) > 0.6f;
}

/* A decoder blurs the mark, so that its likeness falls and its halo reaches past the plate: what may be
 * a mark is no part of a thing, with the pixels around it. */
static void clear_watermark(uint8_t *mask, const uint8_t *rgb)
{
    if (watermark_likeness(rgb) > 0.3f || mark_explains(rgb) > 0.4f)
        for (int y = SIDE - CORNER_H; y < SIDE; y++)
            memset(mask + y * SIDE + SIDE - CORNER_W, 0, CORNER_W);
}

/* 1 where the picture is not background. Single pixels are noise and go. */
static void find_foreground(const ds_judge *j, const uint8_t *rgb, const ds_verdict *v,
                            uint8_t *mask)
{
    bool plain = ds_world_words(j->w)->background[v->background].plain;
    const int limit = 34 * 34;
    uint8_t own[3], raw[PIXELS];

    border_colour(rgb, own);
    for (int p = 0; p < PIXELS; p++)
        raw[p] = (plain ? distance(own, rgb + 3 * p) : unlike(j, v->background, rgb, p)) > limit;
    clear_watermark(raw, rgb);
    for (int p = 0; p < PIXELS; p++) {
        int x = p % SIDE, y = p / SIDE, near = 0;

        for (int k = 0; k < 9; k++) {
            int nx = x + k % 3 - 1, ny = y + k / 3 - 1;

            near += nx >= 0 && nx < SIDE && ny >= 0 && ny < SIDE && raw[ny * SIDE + nx];
        }
        mask[p] = raw[p] && near >= (plain ? 3 : 5);
    }
}

/* ---- candidates ------------------------------------------------------------------------------ */

static void halve(uint8_t *out, const uint8_t *in)
{
    for (int y = 0; y < CELL / 2; y++)
        for (int x = 0; x < CELL / 2; x++)
            for (int c = 0; c < 4; c++) {
                const uint8_t *p = in + 4 * (2 * y * CELL + 2 * x) + c;

                out[4 * (y * (CELL / 2) + x) + c] =
                    (uint8_t)((p[0] + p[4] + p[4 * CELL] + p[4 * CELL + 4] + 2) / 4);
            }
}

/* Binomial weights 1 4 6 4 1 along rows and columns: a deviation of one pixel of the cell. */
static void soften(uint8_t *out, const uint8_t *in, int n)
{
    static const int weight[5] = { 1, 4, 6, 4, 1 };

    for (int i = 0; i < 4 * n * n; i++) {
        int x = i / 4 % n, y = i / 4 / n, sum = 128;

        for (int k = 0; k < 25; k++) {
            int nx = x + k % 5 - 2, ny = y + k / 5 - 2;

            if (nx >= 0 && nx < n && ny >= 0 && ny < n)
                sum += weight[k % 5] * weight[k / 5] * in[4 * (ny * n + nx) + i % 4];
        }
        out[i] = (uint8_t)(sum / 256);
    }
}

/* Which of a drawing's versions is laid over the picture. */
typedef struct version {
    bool small, soft;
} version;

/* Premultiplied colour (0 .. 255) at a place of the visible part given in its own pixels. */
static void sample(const candidate *c, float u, float v, version of, float out[4])
{
    bool small = of.small;
    const uint8_t *cell = of.soft ? (small ? c->soft_half : c->soft) : small ? c->half : c->d.rgba;
    int n = small ? CELL / 2 : CELL, ix, iy;
    float x = (float)c->d.x + u, y = (float)c->d.y + v, fx, fy;

    x = (small ? 0.5f * x : x) - 0.5f;
    y = (small ? 0.5f * y : y) - 0.5f;
    fx = floorf(x);
    fy = floorf(y);
    ix = (int)fx;
    iy = (int)fy;
    fx = x - fx;
    fy = y - fy;
    out[0] = out[1] = out[2] = out[3] = 0.0f;
    for (int k = 0; k < 4; k++) {
        int px = ix + k % 2, py = iy + k / 2;
        float weight = (k % 2 ? fx : 1.0f - fx) * (k / 2 ? fy : 1.0f - fy);

        if (px < 0 || px >= n || py < 0 || py >= n)
            continue;
        for (int i = 0; i < 4; i++)
            out[i] += weight * (float)cell[4 * (py * n + px) + i];
    }
}

/* Colour against middle gray, weighted by coverage, and coverage itself. */
static void feature_of_drawing(const candidate *c, float *out)
{
    int side = c->d.w > c->d.h ? c->d.w : c->d.h;
    float step = (float)side / GRID;

    for (int i = 0; i < GRID * GRID; i++) {
        float p[4];

        sample(c, ((float)(i % GRID) + 0.5f) * step - 0.5f * (float)(side - c->d.w),
               ((float)(i / GRID) + 0.5f) * step - 0.5f * (float)(side - c->d.h),
               (version){ .small = true }, p);
        for (int k = 0; k < 3; k++)
            out[4 * i + k] = p[k] - 0.5f * p[3];
        out[4 * i + 3] = 0.5f * p[3];
    }
}

static ds_status list_candidates(ds_judge *j, ds_error *err)
{
    const ds_world_tables *t = ds_world_words(j->w);
    int people = t->drawings * 2 * DS_WORLD_SKINS, n = 0;
    size_t most = (size_t)t->styles * (size_t)(t->objects + people);

    j->concepts = t->objects + t->drawings;
    j->candidate = ds_calloc(most, sizeof *j->candidate);
    j->halves = ds_calloc(most, DS__CELL_BYTES / 4);
    j->softs = ds_calloc(most, DS__CELL_BYTES);
    j->soft_halves = ds_calloc(most, DS__CELL_BYTES / 4);
    j->features = ds_calloc(most, FEATURES * sizeof(float));
    if (j->candidate == NULL || j->halves == NULL || j->softs == NULL || j->soft_halves == NULL ||
        j->features == NULL)
        return ds_fail(err, DS_E_NOMEM, "%zu drawings to choose from", most);
    for (int s = 0; s < t->styles; s++)
        for (int i = 0; i < t->objects + people; i++) {
            candidate *c = &j->candidate[n];
            int person = i - t->objects;

            *c = (candidate){ .concept = i, .style = s, .gender = -1, .skin = -1 };
            if (person >= 0) {
                c->skin = person % DS_WORLD_SKINS;
                c->gender = person / DS_WORLD_SKINS % 2;
                c->concept = t->objects + person / (2 * DS_WORLD_SKINS);
            }
            if (person < 0 ? !ds_world_object_drawing(j->w, s, i, &c->d)
                           : !ds_world_person_drawing(j->w, s, c->concept - t->objects, c->gender,
                                                      c->skin, &c->d))
                continue;
            c->half = j->halves + (size_t)n * (DS__CELL_BYTES / 4);
            halve(c->half, c->d.rgba);
            c->soft = j->softs + (size_t)n * DS__CELL_BYTES;
            soften(c->soft, c->d.rgba, CELL);
            c->soft_half = j->soft_halves + (size_t)n * (DS__CELL_BYTES / 4);
            soften(c->soft_half, c->half, CELL / 2);
            feature_of_drawing(c, j->features + (size_t)n * FEATURES);
            n++;
        }
    j->candidates = n;
    return DS_OK;
}

/* ---- one thing ------------------------------------------------------------------------------- */

/* A part of the picture that should hold one thing. */
typedef struct region {
    const uint8_t *rgb, *mask;
    int x0, y0, x1, y1; /* only this part of the mask counts */
    int bx, by, bw, bh; /* box of the mask in it */
    int area;
    bool plain; /* before one colour, `behind` */
    uint8_t behind[3];
} region;

typedef struct pose {
    float cx, cy, side;
} pose;

typedef struct trial {
    int candidate;
    float cost;
    pose at;
} trial;

static void find_box(region *r)
{
    int x0 = SIDE, y0 = SIDE, x1 = -1, y1 = -1;

    r->area = 0;
    for (int y = r->y0; y < r->y1; y++)
        for (int x = r->x0; x < r->x1; x++)
            if (r->mask[y * SIDE + x]) {
                x0 = x < x0 ? x : x0;
                x1 = x > x1 ? x : x1;
                y0 = y < y0 ? y : y0;
                y1 = y > y1 ? y : y1;
                r->area++;
            }
    r->bx = x0;
    r->by = y0;
    r->bw = x1 - x0 + 1;
    r->bh = y1 - y0 + 1;
}

/* The square around the box, at 16x16, as feature_of_drawing. */
static void feature_of_region(const region *r, float *out)
{
    int side = r->bw > r->bh ? r->bw : r->bh;
    float left = (float)r->bx - 0.5f * (float)(side - r->bw);
    float top = (float)r->by - 0.5f * (float)(side - r->bh), step = (float)side / GRID;

    memset(out, 0, FEATURES * sizeof *out);
    for (int i = 0; i < GRID * GRID; i++) {
        float sum[4] = { 0.0f };

        for (int k = 0; k < 16; k++) { /* 4 x 4 samples in each cell */
            int x =
                (int)floorf(left + ((float)(i % GRID) + 0.125f + 0.25f * (float)(k % 4)) * step);
            int y = (int)floorf(top + ((float)(i / GRID) + 0.125f + 0.25f * (float)(k / 4)) * step);

            if (x < r->x0 || x >= r->x1 || y < r->y0 || y >= r->y1 || !r->mask[y * SIDE + x])
                continue;
            for (int c = 0; c < 3; c++)
                sum[c] += (float)r->rgb[3 * (y * SIDE + x) + c] - 127.5f;
            sum[3] += 127.5f;
        }
        for (int c = 0; c < 4; c++)
            out[4 * i + c] = sum[c] / 16.0f;
    }
}

/* Squared difference of a pixel to the drawing before a plain background, or -1 where neither the
 * drawing nor the foreground is. */
static float plain_difference(const region *r, const float p[4], bool fore, const uint8_t *q)
{
    float square = 0.0f;

    if (p[3] < 32.0f && !fore)
        return -1.0f;
    for (int k = 0; k < 3; k++) {
        float d = p[k] + (1.0f - p[3] / 255.0f) * (float)r->behind[k] - (float)q[k];

        square += d * d;
    }
    return square / 3.0f;
}

/* The same before a background whose colour at this pixel is not known. */
static float textured_difference(const float p[4], bool fore, const uint8_t *q)
{
    float square = 0.0f;

    if (p[3] < 128.0f)
        return fore && p[3] < 64.0f ? 70.0f * 70.0f : -1.0f;
    for (int k = 0; k < 3; k++) {
        float d = p[k] * 255.0f / p[3] - (float)q[k];

        square += d * d;
    }
    return square / 3.0f;
}

/* Root mean square difference with the drawing laid at a pose; every `step`-th pixel is looked at.
 */
static float lay_cost(const region *r, const candidate *c, pose at, int step, bool soft)
{
    float scale = at.side / (float)(c->d.w > c->d.h ? c->d.w : c->d.h);
    float left = at.cx - 0.5f * (float)c->d.w * scale, top = at.cy - 0.5f * (float)c->d.h * scale;
    int x0 = (int)fminf(floorf(left), (float)r->bx), y0 = (int)fminf(floorf(top), (float)r->by);
    int x1 = (int)fmaxf(ceilf(left + (float)c->d.w * scale), (float)(r->bx + r->bw));
    int y1 = (int)fmaxf(ceilf(top + (float)c->d.h * scale), (float)(r->by + r->bh));
    const version of = { scale < 0.7f, soft };
    float sum = 0.0f;
    int n = 0;

    for (int y = y0 < 0 ? 0 : y0; y < y1 && y < SIDE; y += step)
        for (int x = x0 < 0 ? 0 : x0; x < x1 && x < SIDE; x += step) {
            bool fore = x >= r->x0 && x < r->x1 && y >= r->y0 && y < r->y1 && r->mask[y * SIDE + x];
            const uint8_t *q = r->rgb + 3 * (y * SIDE + x);
            float p[4], square;

            sample(c, ((float)x + 0.5f - left) / scale, ((float)y + 0.5f - top) / scale, of, p);
            square = r->plain ? plain_difference(r, p, fore, q) : textured_difference(p, fore, q);
            if (square < 0.0f)
                continue;
            sum += fminf(square, 100.0f * 100.0f);
            n++;
        }
    return n == 0 ? 255.0f : sqrtf(sum / (float)n);
}

static void coarse(const region *r, const candidate *c, trial *t)
{
    static const float sizes[] = { 1.0f, 0.92f, 1.08f };
    float side = (float)(r->bw > r->bh ? r->bw : r->bh);
    int step = side > 28.0f ? 2 : 1;

    t->cost = FLT_MAX;
    for (int s = 0; s < 3; s++)
        for (int k = 0; k < 9; k++) {
            pose at = { (float)r->bx + 0.5f * (float)r->bw + 1.5f * (float)(k % 3 - 1),
                        (float)r->by + 0.5f * (float)r->bh + 1.5f * (float)(k / 3 - 1),
                        side * sizes[s] };
            float cost = lay_cost(r, c, at, step, r->plain);

            if (cost < t->cost) {
                t->cost = cost;
                t->at = at;
            }
        }
}

static void refine_version(const region *r, const candidate *c, trial *t, bool soft)
{
    t->cost = lay_cost(r, c, t->at, 1, soft);
    for (float reach = 1.0f; reach > 0.2f; reach *= 0.5f)
        for (int round = 0; round < 3; round++) {
            pose best = t->at;

            for (int k = 0; k < 6; k++) {
                pose at = t->at;
                float move = k % 2 ? reach : -reach, cost;

                *(k < 2 ? &at.cx : k < 4 ? &at.cy : &at.side) += k < 4 ? move : 1.5f * move;
                cost = lay_cost(r, c, at, 1, soft);
                if (cost < t->cost) {
                    t->cost = cost;
                    best = at;
                }
            }
            if (memcmp(&best, &t->at, sizeof best) == 0)
                break;
            t->at = best;
        }
}

/* The sharp drawing or the blurred one, whichever the picture is nearer to. */
static void refine(const region *r, const candidate *c, trial *t)
{
    trial soft = *t;

    refine_version(r, c, t, false);
    if (!r->plain)
        return;
    refine_version(r, c, &soft, true);
    if (soft.cost < t->cost)
        *t = soft;
}

/* Keeps the `most` cheapest, in order. */
static void keep(trial *list, int *count, int most, trial t)
{
    int i = most - 1;

    if (*count < most)
        i = (*count)++;
    else if (list[i].cost <= t.cost)
        return;
    while (i > 0 && list[i - 1].cost > t.cost) {
        list[i] = list[i - 1];
        i--;
    }
    list[i] = t;
}

/* The best trial of each concept, cheapest first. */
static void rank(const ds_judge *j, const trial *list, int count, ds_verdict_thing *out)
{
    int n = 0;

    for (int i = 0; i < count && n < DS_JUDGE_RANKS; i++) {
        const candidate *c = &j->candidate[list[i].candidate];
        bool seen = false;

        for (int k = 0; k < n; k++)
        seen |= out->concept[k] == c->concept;
        if (seen)
            continue;
        if (n == 0) {
            out->style = c->style;
            out->gender = c->gender;
            out->skin = c->skin;
            out->cx = list[i].at.cx;
            out->cy = list[i].at.cy;
            out->side = list[i].at.side;
        }
        out->concept[n] = c->concept;
        out->cost[n++] = list[i].cost;
    }
}

static void shortlist(const ds_judge *j, const region *r, trial *list, int *count)
{
    float wanted[FEATURES];

    feature_of_region(r, wanted);
    *count = 0;
    for (int i = 0; i < j->candidates; i++) {
        const float *have = j->features + (size_t)i * FEATURES;
        float sum = 0.0f;

        for (int k = 0; k < FEATURES; k++)
            sum += (have[k] - wanted[k]) * (have[k] - wanted[k]);
        keep(list, count, SHORT, (trial){ .candidate = i, .cost = sum });
    }
}

/* The cost of a concept in its best style, whatever its place on the shortlist. */
static float ask(const ds_judge *j, const region *r, int concept, int *gender)
{
    float least = FLT_MAX;

    *gender = -1;

    for (int i = 0; i < j->candidates; i++)
        if (j->candidate[i].concept == concept) {
            trial t = { .candidate = i };

            coarse(r, &j->candidate[i], &t);
            refine(r, &j->candidate[i], &t);
            if (t.cost >= least)
                continue;
            least = t.cost;
            *gender = j->candidate[i].gender;
        }
    return least;
}

static void judge_thing(const ds_judge *j, const region *r, const int *asked, ds_verdict_thing *out)
{
    trial list[SHORT], placed[SHORT], fine[FINE];
    int n, count = 0, fines = 0;

    shortlist(j, r, list, &n);
    for (int i = 0; i < n; i++) {
        trial t = { .candidate = list[i].candidate };

        coarse(r, &j->candidate[t.candidate], &t);
        keep(placed, &count, SHORT, t);
    }
    for (int i = 0; i < count && i < FINE; i++) {
        refine(r, &j->candidate[placed[i].candidate], &placed[i]);
        keep(fine, &fines, FINE, placed[i]);
    }
    /* Those that were not refined follow, so that five concepts are named where there are five. */
    for (int i = 0; i < fines; i++)
        placed[i] = fine[i];
    rank(j, placed, count, out);
    for (int k = 0; k < DS_JUDGE_ASKED; k++)
        out->asked[k] =
            asked == NULL || asked[k] < 0 ? FLT_MAX : ask(j, r, asked[k], &out->asked_gender[k]);
}

/* ---- the picture ----------------------------------------------------------------------------- */

/* The cut between two things: the column or row near the middle that crosses least foreground,
 * with most of it balanced on both sides. */
static int cut(const uint8_t *mask, int *placed)
{
    int sums[2][SIDE] = { { 0 } }, all = 0, best = SIDE / 2;
    float least = FLT_MAX;

    for (int p = 0; p < PIXELS; p++)
        if (mask[p]) {
            sums[0][p % SIDE]++;
            sums[1][p / SIDE]++;
            all++;
        }
    *placed = DS_REL_LEFT;
    for (int axis = 0; axis < 2; axis++)
        for (int at = 20, before = 0; at <= 44; at++) {
            float cost, share;

            before = 0;
            for (int k = 0; k < at; k++)
                before += sums[axis][k];
            share = all == 0 ? 0.5f : (float)before / (float)all;
            share = fminf(share, 1.0f - share);
            cost = (float)(sums[axis][at] + sums[axis][at - 1]) +
                   100.0f * fmaxf(0.0f, 0.12f - share) +
                   0.1f * (float)(at > 32 ? at - 32 : 32 - at);
            if (cost < least) {
                least = cost;
                best = at;
                *placed = axis == 0 ? DS_REL_LEFT : DS_REL_ABOVE;
            }
        }
    return best;
}

ds_status ds_judge_look(const ds_judge *j, ds_verdict *out, const uint8_t *rgb, int things,
                        const int asked[DS_JUDGE_ASKED], ds_error *err)
{
    uint8_t mask[PIXELS];
    int at;

    if (things < 0 || things > DS_WORLD_THINGS)
        return ds_fail(err, DS_E_ARG, "expected 0 to %d things, found %d", DS_WORLD_THINGS, things);
    memset(out, 0, sizeof *out);
    out->placed = DS_REL_NONE;
    out->background = find_background(j, rgb);
    out->watermark = find_watermark(rgb);
    find_foreground(j, rgb, out, mask);
    at = things == 2 ? cut(mask, &out->placed) : SIDE;
    for (int i = 0; i < things; i++) {
        region r = { .rgb = rgb, .mask = mask, .x1 = SIDE, .y1 = SIDE };
        ds_verdict_thing *x = &out->thing[i];

        if (out->placed == DS_REL_LEFT)
            *(i == 0 ? &r.x1 : &r.x0) = at;
        else if (out->placed == DS_REL_ABOVE)
            *(i == 0 ? &r.y1 : &r.y0) = at;
        for (int k = 0; k < DS_JUDGE_RANKS; k++)
        x->concept[k] = -1;
        x->style = x->gender = x->skin = -1;
        r.plain = ds_world_words(j->w)->background[out->background].plain;
        border_colour(rgb, r.behind);
        find_box(&r);
        if (r.area < 12)
            continue;
        judge_thing(j, &r, asked, x);
        out->things++;
    }
    return DS_OK;
}

ds_status ds_judge_masks(const ds_judge *j, uint8_t *masks, const uint8_t *rgb, int things,
                         ds_error *err)
{
    ds_verdict v = { .background = find_background(j, rgb) };
    uint8_t all[PIXELS];
    int at, placed = DS_REL_NONE;

    if (things < 1 || things > DS_WORLD_THINGS)
        return ds_fail(err, DS_E_ARG, "expected 1 to %d things, found %d", DS_WORLD_THINGS, things);
    v.watermark = find_watermark(rgb);
    find_foreground(j, rgb, &v, all);
    at = things == 2 ? cut(all, &placed) : SIDE;
    for (int i = 0; i < things; i++)
        for (int p = 0; p < PIXELS; p++) {
            int where = placed == DS_REL_ABOVE ? p / SIDE : p % SIDE;

            masks[i * PIXELS + p] = all[p] != 0 && (where < at) == (i == 0);
        }
    return DS_OK;
}

ds_status ds_judge_open(ds_judge **out, const ds_world *w, ds_error *err)
{
    const ds_world_tables *t = ds_world_words(w);
    ds_judge *j = ds_calloc(1, sizeof *j);
    ds_status st;

    *out = NULL;
    if (j == NULL)
        return ds_fail(err, DS_E_NOMEM, "a judge: %zu bytes", sizeof *j);
    j->w = w;
    j->palettes = ds_calloc((size_t)t->backgrounds * SIDE, sizeof *j->palettes);
    st = j->palettes == NULL ? ds_fail(err, DS_E_NOMEM, "colours of %d backgrounds", t->backgrounds)
                             : learn_backgrounds(j, err);
    if (st == DS_OK)
        st = list_candidates(j, err);
    if (st != DS_OK) {
        ds_judge_close(j);
        return st;
    }
    *out = j;
    return DS_OK;
}

void ds_judge_close(ds_judge *j)
{
    if (j == NULL)
        return;
    ds_free(j->palettes);
    ds_free(j->candidate);
    ds_free(j->halves);
    ds_free(j->softs);
    ds_free(j->soft_halves);
    ds_free(j->features);
    ds_free(j);
}

/* norm_adj.c - adjoints of group norm, layer norm and softmax, vectorised; formulas in ref/norm.c.
 *
 * Group norm takes a range of groups at a time. Three sums per channel (e, e xh, xh) run over
 * chunks of rows that depend on the shape alone, in float32 over runs of rows and in double across
 * runs. Images are taken in order by the thread that adds to dgamma and dbeta. */

#include "kernels/simd/vec.h"

enum {
    CHUNKS = 32,     /* at most, per image */
    RUN = 64,        /* rows between two foldings */
    WIDTH = 128,     /* channels per block */
    CHUNK_MIN = 8192 /* elements */
};

typedef struct sums {
    double e[WIDTH], ex[WIDTH], x[WIDTH];
} sums;

/* A range of groups of one image; when one group is wider than WIDTH, the range is that group. */
typedef struct range {
    const ds_group_norm *p;
    const float *x, *dy, *add, *stats; /* of the image; stats of the first group */
    float *dx;
    int64_t image, cg, c0, width, groups;
    int64_t chunks, rows;                                                          /* of a chunk */
    float mean[WIDTH + 16], rstd[WIDTH + 16], gamma[WIDTH + 16], beta[WIDTH + 16]; /* of a block */
    float s1[WIDTH + 16], s2[WIDTH + 16]; /* per channel of a block: the group's means */
    double group[WIDTH][2];
    sums part[CHUNKS];
} range;

/* Per channel: x rstd - mean is xh, the shift being part of the mean. */
static void load_block(range *r, int64_t at, int64_t width)
{
    const ds_group_norm *p = r->p;
    const double count = (double)(p->hw * r->cg);

    memset(r->mean, 0, sizeof r->mean);
    memset(r->rstd, 0, sizeof r->rstd);
    memset(r->gamma, 0, sizeof r->gamma);
    memset(r->beta, 0, sizeof r->beta);
    memset(r->s1, 0, sizeof r->s1);
    memset(r->s2, 0, sizeof r->s2);
    for (int64_t i = 0; i < width; i++) {
        const int64_t c = r->c0 + at + i, g = (at + i) / r->cg;

        r->mean[i] = r->stats[2 * g] - (p->shift ? p->shift[r->image * p->c + c] : 0.0f);
        r->rstd[i] = r->stats[2 * g + 1];
        r->gamma[i] = p->gamma ? p->gamma[c] : 1.0f;
        r->beta[i] = p->beta ? p->beta[c] : 0.0f;
        r->s1[i] = (float)(r->group[g][0] / count);
        r->s2[i] = (float)(r->group[g][1] / count);
    }
}

/* xh and e of VW channels i of a row. */
INLINE vf cotangent(const range *r, const float *x, const float *dy, int64_t i, int64_t left,
                    vf *xh)
{
    vf e = vload_n(dy + i, left), u, s;

    *xh = (vload_n(x + i, left) - vload(r->mean + i)) * vload(r->rstd + i);
    if (!r->p->silu)
        return e;
    u = vfma(*xh, vload(r->gamma + i), vload(r->beta + i));
    s = vsigmoid(u);
    return e * s * vfma(u, 1.0f - s, vset(1.0f));
}

static void chunk_sums(range *r, int64_t chunk, int64_t at, int64_t width)
{
    const int64_t c = r->p->c, end = ds__min((chunk + 1) * r->rows, r->p->hw);
    sums *part = &r->part[chunk];

    memset(part, 0, sizeof *part);
    for (int64_t row = chunk * r->rows; row < end; row += RUN)
        for (int64_t i = 0; i < width; i += VW) {
            const int64_t first = row * c + r->c0 + at;
            vf e = { 0 }, ex = { 0 }, x = { 0 };

            for (int64_t k = 0; k < ds__min(RUN, end - row); k++) {
                vf xh, d = cotangent(r, r->x + first + k * c, r->dy + first + k * c, i, width - i,
                                     &xh);

                e += d;
                ex = vfma(d, xh, ex);
                x += xh;
            }
            for (int64_t k = 0; k < ds__min(VW, width - i); k++) {
                part->e[i + k] += e[k];
                part->ex[i + k] += ex[k];
                part->x[i + k] += x[k];
            }
        }
}

/* The sums of a block over all rows, in part[0]. */
static void block_sums(range *r, int64_t at, int64_t width, bool parallel)
{
    load_block(r, at, width);
#pragma omp parallel for schedule(static) if (parallel)
    for (int64_t k = 0; k < r->chunks; k++)
        chunk_sums(r, k, at, width);
    for (int64_t k = 1; k < r->chunks; k++)
        for (int64_t i = 0; i < width; i++) {
            r->part[0].e[i] += r->part[k].e[i];
            r->part[0].ex[i] += r->part[k].ex[i];
            r->part[0].x[i] += r->part[k].x[i];
        }
}

static void chunk_dx(const range *r, int64_t chunk, int64_t at, int64_t width)
{
    const int64_t c = r->p->c, end = ds__min((chunk + 1) * r->rows, r->p->hw);

    for (int64_t row = chunk * r->rows; row < end; row++) {
        const int64_t first = row * c + r->c0 + at;

        for (int64_t i = 0; i < width; i += VW) {
            vf xh, e = cotangent(r, r->x + first, r->dy + first, i, width - i, &xh);

            e = e * vload(r->gamma + i) - vload(r->s1 + i) - xh * vload(r->s2 + i);
            vstore_n(r->dx + first + i,
                     vfma(e, vload(r->rstd + i), vload_if(r->add, first + i, width - i)),
                     width - i);
        }
    }
}

static void add_shift(const range *r, float *dshift, int64_t at, int64_t width)
{
    const sums *s = &r->part[0];

    for (int64_t i = 0; i < width; i++)
        dshift[r->image * r->p->c + r->c0 + at + i] +=
            (float)(r->rstd[i] *
                    (r->gamma[i] * s->e[i] - (double)r->p->hw * r->s1[i] - r->s2[i] * s->x[i]));
}

static void one_range(range *r, float *dgamma, float *dbeta, float *dshift, bool parallel)
{
    const sums *s = &r->part[0];

    memset(r->group, 0, sizeof r->group);
    for (int64_t at = 0; at < r->width; at += WIDTH) {
        const int64_t width = ds__min(WIDTH, r->width - at);

        block_sums(r, at, width, parallel);
        for (int64_t i = 0; i < width; i++) {
            r->group[(at + i) / r->cg][0] += r->gamma[i] * s->e[i];
            r->group[(at + i) / r->cg][1] += r->gamma[i] * s->ex[i];
            if (dgamma != NULL)
                dgamma[r->c0 + at + i] += (float)s->ex[i];
            if (dbeta != NULL)
                dbeta[r->c0 + at + i] += (float)s->e[i];
        }
    }
    for (int64_t at = 0; at < r->width && (r->dx != NULL || dshift != NULL); at += WIDTH) {
        const int64_t width = ds__min(WIDTH, r->width - at);

        if (r->width > WIDTH && dshift != NULL)
            block_sums(r, at, width, parallel);
        load_block(r, at, width);
        if (dshift != NULL)
            add_shift(r, dshift, at, width);
        if (r->dx == NULL)
            continue;
#pragma omp parallel for schedule(static) if (parallel)
        for (int64_t k = 0; k < r->chunks; k++)
            chunk_dx(r, k, at, width);
    }
}

void DS_FN(group_norm_adj)(float *dx, float *dgamma, float *dbeta, float *dshift, const float *add,
                           const float *dy, const float *x, const float *stats,
                           const ds_group_norm *p)
{
    const int64_t cg = p->c / p->groups, per = cg < WIDTH ? WIDTH / cg : 1, image = p->hw * p->c;
    const int64_t ranges = (p->groups + per - 1) / per;
    const bool small = image <= 4 * CHUNK_MIN;

#pragma omp parallel for schedule(static) if (small && p->n * image > CHUNK_MIN)
    for (int64_t k = 0; k < ranges; k++)
        for (int64_t n = 0; n < p->n; n++) {
            range r;

            r.p = p;
            r.image = n;
            r.cg = cg;
            r.c0 = k * per * cg;
            r.groups = ds__min(per, p->groups - k * per);
            r.width = r.groups * cg;
            r.x = x + n * image;
            r.dy = dy + n * image;
            r.dx = dx ? dx + n * image : NULL;
            r.add = add ? add + n * image : NULL;
            r.stats = stats + 2 * (n * p->groups + k * per);
            r.chunks = ds__min(CHUNKS, (image + CHUNK_MIN - 1) / CHUNK_MIN);
            r.rows = (p->hw + r.chunks - 1) / r.chunks;
            r.chunks = (p->hw + r.rows - 1) / r.rows;
            one_range(&r, dgamma, dbeta, dshift, !small);
        }
}

/* ---- layer norm ---- */

static void layer_row(float *dx, const float *add, const float *dy, const float *x,
                      const float *stats, const float *gamma, int64_t cols)
{
    vf mean = vset(stats[0]), rstd = vset(stats[1]), s1 = { 0 }, s2 = { 0 };
    float m1, m2;

    for (int64_t i = 0; i < cols; i += VW) {
        const int64_t w = cols - i;
        vf e = vload_n(dy + i, w);

        if (gamma != NULL)
            e *= vload_n(gamma + i, w);
        s1 += e;
        s2 = vfma(e, (vload_n(x + i, w) - mean) * rstd, s2); /* e is 0 past the end */
    }
    m1 = vsum(s1) / (float)cols;
    m2 = vsum(s2) / (float)cols;
    for (int64_t i = 0; i < cols; i += VW) {
        const int64_t w = cols - i;
        vf e = vload_n(dy + i, w), xh = (vload_n(x + i, w) - mean) * rstd;

        if (gamma != NULL)
            e *= vload_n(gamma + i, w);
        vstore_n(dx + i, vfma(e - m1 - xh * m2, rstd, vload_if(add, i, w)), w);
    }
}

/* dgamma, dbeta of a strip of columns: rows in order, float32 over runs, double across them. */
static void layer_strip(float *dgamma, float *dbeta, const float *dy, const float *x,
                        const float *stats, int64_t rows, int64_t cols, int64_t width)
{
    double gg[WIDTH] = { 0 }, gb[WIDTH] = { 0 };

    for (int64_t r0 = 0; r0 < rows; r0 += RUN)
        for (int64_t i = 0; i < width; i += VW) {
            vf g = { 0 }, b = { 0 };

            for (int64_t r = r0; r < ds__min(rows, r0 + RUN); r++) {
                vf e = vload_n(dy + r * cols + i, width - i);
                vf xh = (vload_n(x + r * cols + i, width - i) - stats[2 * r]) * stats[2 * r + 1];

                b += e;
                g = vfma(e, xh, g);
            }
            for (int64_t k = 0; k < ds__min(VW, width - i); k++) {
                gg[i + k] += g[k];
                gb[i + k] += b[k];
            }
        }
    for (int64_t i = 0; i < width; i++) {
        if (dgamma != NULL)
            dgamma[i] += (float)gg[i];
        if (dbeta != NULL)
            dbeta[i] += (float)gb[i];
    }
}

void DS_FN(layer_norm_adj)(float *dx, float *dgamma, float *dbeta, const float *add,
                           const float *dy, const float *x, const float *stats, const float *gamma,
                           int64_t rows, int64_t cols)
{
    if (dx != NULL) {
#pragma omp parallel for schedule(static) if (rows * cols > SWEEP_CHUNK)
        for (int64_t r = 0; r < rows; r++)
            layer_row(dx + r * cols, add ? add + r * cols : NULL, dy + r * cols, x + r * cols,
                      stats + 2 * r, gamma, cols);
    }
    if (dgamma == NULL && dbeta == NULL)
        return;
#pragma omp parallel for schedule(static) if (rows * cols > SWEEP_CHUNK)
    for (int64_t c = 0; c < cols; c += WIDTH / 2)
        layer_strip(dgamma ? dgamma + c : NULL, dbeta ? dbeta + c : NULL, dy + c, x + c, stats,
                    rows, cols, ds__min(WIDTH / 2, cols - c));
}

void DS_FN(softmax_adj)(float *dx, const float *dy, const float *y, int64_t rows, int64_t cols)
{
#pragma omp parallel for schedule(static) if (rows * cols > SWEEP_CHUNK)
    for (int64_t r = 0; r < rows; r++) {
        const float *yr = y + r * cols, *dyr = dy + r * cols;
        float *to = dx + r * cols, total;
        vf dot = { 0 };

        for (int64_t i = 0; i < cols; i += VW)
            dot = vfma(vload_n(yr + i, cols - i), vload_n(dyr + i, cols - i), dot);
        total = vsum(dot);
        for (int64_t i = 0; i < cols; i += VW) {
            const int64_t w = cols - i;

            vstore_n(to + i,
                     vfma(vload_n(yr + i, w), vload_n(dyr + i, w) - total, vload_n(to + i, w)), w);
        }
    }
}

/* norm.c - group norm, layer norm and softmax, vectorised.
 *
 * Group norm reads its input twice and is bound by memory. Sums over a run of rows are taken per
 * channel, relative to the run's first row so that nothing cancels, and folded into doubles per
 * group. Rows are cut in chunks by shape alone: the result does not depend on the thread count. */

#include "kernels/simd/vec.h"

enum {
    GROUPS = 64,     /* groups per sweep */
    CHUNKS = 64,     /* at most, per image */
    RUN = 128,       /* rows between two foldings */
    BLOCK = 512,     /* channels per block */
    UNROLL = 8,      /* rows whose sums stay in registers */
    CHUNK_MIN = 8192 /* elements */
};

/* One image, a range of groups, and how its rows are cut. */
typedef struct sweep {
    const ds_group_norm *p;
    const float *x, *shift; /* of the image */
    int64_t image, g0, groups, cg;
    int64_t chunks, chunk_rows;
    float ms[2 * GROUPS];            /* mean, rstd */
    double part[CHUNKS][2 * GROUPS]; /* sum, sum of squares */
} sweep;

/* s += sum (x - x0), q += sum (x - x0)^2 per channel, over `rows` rows of `width` channels. */
static void run_sums(float *s, float *q, const float *x, const float *x0, int64_t rows, int64_t ld,
                     int64_t width)
{
    for (int64_t r = 0; r < rows; r += UNROLL) {
        const int64_t m = ds__min(rows - r, UNROLL);

        for (int64_t i = 0; i < width; i += VW) {
            const float *at = x + r * ld + i;
            vf p = vload_n(x0 + i, width - i), vs = vload(s + i), vq = vload(q + i);

            for (int64_t k = 0; k < m; k++) {
                vf d = vload_n(at + k * ld, width - i) - p;

                vs += d;
                vq = vfma(d, d, vq);
            }
            vstore(s + i, vs);
            vstore(q + i, vq);
        }
    }
}

/* Adds count (x0 + mean of s), and the same of squares, to the sums of the groups. */
static void fold(double *part, const float *s, const float *q, const float *x0, const float *shift,
                 int64_t rows, int64_t first, int64_t width, int64_t cg)
{
    const double m = (double)rows;

    for (int64_t i = 0; i < width;) {
        const int64_t g = (first + i) / cg, end = ds__min(width, (g + 1) * cg - first);
        double sum = 0.0, sq = 0.0;

        for (; i < end; i++) {
            const double p = x0[i] + (shift ? (double)shift[i] : 0.0);

            sum += m * p + s[i];
            sq += q[i] + p * (2.0 * s[i] + m * p);
        }
        part[2 * g] += sum;
        part[2 * g + 1] += sq;
    }
}

static void chunk_stats(sweep *w, int64_t chunk)
{
    const int64_t c = w->p->c, c0 = w->g0 * w->cg, cw = w->groups * w->cg;
    const int64_t end = ds__min((chunk + 1) * w->chunk_rows, w->p->hw);
    double *part = w->part[chunk];
    float s[BLOCK + VW], q[BLOCK + VW];

    memset(part, 0, sizeof w->part[chunk]);
    for (int64_t r = chunk * w->chunk_rows; r < end; r += RUN) {
        const int64_t rows = ds__min(end - r, RUN);

        for (int64_t b = 0; b < cw; b += BLOCK) {
            const int64_t width = ds__min(cw - b, BLOCK);
            const float *x = w->x + r * c + c0 + b;

            memset(s, 0, sizeof s);
            memset(q, 0, sizeof q);
            run_sums(s, q, x, x, rows, c, width);
            fold(part, s, q, x, w->shift ? w->shift + c0 + b : NULL, rows, b, width, w->cg);
        }
    }
}

static void finish_stats(sweep *w, float *stats)
{
    const double count = (double)(w->p->hw * w->cg);

    for (int64_t g = 0; g < w->groups; g++) {
        double sum = 0.0, sq = 0.0, mean, var;

        for (int64_t k = 0; k < w->chunks; k++) {
            sum += w->part[k][2 * g];
            sq += w->part[k][2 * g + 1];
        }
        mean = sum / count;
        var = sq / count - mean * mean;
        w->ms[2 * g] = (float)mean;
        w->ms[2 * g + 1] = (float)(1.0 / sqrt((var < 0.0 ? 0.0 : var) + w->p->eps));
    }
    if (stats != NULL)
        memcpy(stats + 2 * (w->image * w->p->groups + w->g0), w->ms,
               (size_t)w->groups * 2 * sizeof *stats);
}

/* y = a x + b per channel. */
static void coefficients(const sweep *w, float *a, float *b, int64_t first, int64_t width)
{
    for (int64_t i = 0; i < width; i++) {
        const int64_t k = w->g0 * w->cg + first + i, g = (first + i) / w->cg;
        const float gamma = w->p->gamma ? w->p->gamma[k] : 1.0f;
        const float beta = w->p->beta ? w->p->beta[k] : 0.0f;
        const float shift = w->shift ? w->shift[k] : 0.0f;

        a[i] = gamma * w->ms[2 * g + 1];
        b[i] = (float)(beta + ((double)shift - w->ms[2 * g]) * a[i]);
    }
}

static void chunk_apply(const sweep *w, void *dst, ds_dtype type, int64_t chunk)
{
    const int64_t c = w->p->c, c0 = w->g0 * w->cg, cw = w->groups * w->cg;
    const int64_t end = ds__min((chunk + 1) * w->chunk_rows, w->p->hw);
    float a[BLOCK + VW], b[BLOCK + VW];

    for (int64_t f = 0; f < cw; f += BLOCK) {
        const int64_t width = ds__min(cw - f, BLOCK);

        coefficients(w, a, b, f, width);
        for (int64_t r = chunk * w->chunk_rows; r < end; r++) {
            const float *x = w->x + r * c + c0 + f;
            const int64_t at = (w->image * w->p->hw + r) * c + c0 + f;

            for (int64_t i = 0; i < width; i += VW) {
                vf y = vfma(vload_n(x + i, width - i), vload(a + i), vload(b + i));

                if (w->p->silu)
                    y *= vsigmoid(y);
                vput(dst, type, at + i, y, width - i);
            }
        }
    }
}

static void norm_image(void *dst, ds_dtype type, float *stats, const float *x,
                       const ds_group_norm *p, int64_t image, bool parallel)
{
    sweep w;

    w.p = p;
    w.x = x + image * p->hw * p->c;
    w.shift = p->shift ? p->shift + image * p->c : NULL;
    w.image = image;
    w.cg = p->c / p->groups;
    w.chunks = ds__min(CHUNKS, (p->hw * p->c + CHUNK_MIN - 1) / CHUNK_MIN);
    w.chunk_rows = (p->hw + w.chunks - 1) / w.chunks;
    w.chunks = (p->hw + w.chunk_rows - 1) / w.chunk_rows;
    for (w.g0 = 0; w.g0 < p->groups; w.g0 += GROUPS) {
        w.groups = ds__min(GROUPS, p->groups - w.g0);
#pragma omp parallel for schedule(static) if (parallel)
        for (int64_t k = 0; k < w.chunks; k++)
            chunk_stats(&w, k);
        finish_stats(&w, stats);
#pragma omp parallel for schedule(static) if (parallel)
        for (int64_t k = 0; k < w.chunks; k++)
            chunk_apply(&w, dst, type, k);
    }
}

void DS_FN(group_norm)(void *dst, ds_dtype type, float *stats, const float *x,
                       const ds_group_norm *p)
{
    const bool small = p->hw * p->c <= 4 * CHUNK_MIN;

#pragma omp parallel for schedule(static) if (small && p->n > 1)
    for (int64_t n = 0; n < p->n; n++)
        norm_image(dst, type, stats, x, p, n, !small);
}

/* Two passes over a row that lies in the L1 cache. */
static void row_stats(float *ms, const float *x, int64_t cols, float eps)
{
    vf s[2] = { { 0 }, { 0 } }, q[2] = { { 0 }, { 0 } }, mean;
    int64_t i = 0;

    for (; i + 2 * VW <= cols; i += 2 * VW) {
        s[0] += vload(x + i);
        s[1] += vload(x + i + VW);
    }
    for (; i < cols; i += VW)
        s[0] += vload_n(x + i, cols - i);
    ms[0] = vsum(s[0] + s[1]) / (float)cols;
    mean = vset(ms[0]);
    for (i = 0; i + 2 * VW <= cols; i += 2 * VW) {
        vf d0 = vload(x + i) - mean, d1 = vload(x + i + VW) - mean;

        q[0] = vfma(d0, d0, q[0]);
        q[1] = vfma(d1, d1, q[1]);
    }
    for (; i < cols; i++)
        q[0][0] += (x[i] - ms[0]) * (x[i] - ms[0]);
    ms[1] = 1.0f / sqrtf(vsum(q[0] + q[1]) / (float)cols + eps);
}

void DS_FN(layer_norm)(void *dst, ds_dtype type, float *stats, const float *x, const float *gamma,
                       const float *beta, int64_t rows, int64_t cols, float eps)
{
#pragma omp parallel for schedule(static) if (rows * cols > 2 * SWEEP_CHUNK)
    for (int64_t r = 0; r < rows; r++) {
        const float *xr = x + r * cols;
        float ms[2];
        vf rstd, mean;

        row_stats(ms, xr, cols, eps);
        mean = vset(ms[0]);
        rstd = vset(ms[1]);
        for (int64_t i = 0; i < cols; i += VW) {
            vf y = (vload_n(xr + i, cols - i) - mean) * rstd;

            if (gamma != NULL)
                y *= vload_n(gamma + i, cols - i);
            if (beta != NULL)
                y += vload_n(beta + i, cols - i);
            vput(dst, type, r * cols + i, y, cols - i);
        }
        if (stats != NULL)
            memcpy(stats + 2 * r, ms, sizeof ms);
    }
}

void DS_FN(softmax)(float *dst, const float *x, int64_t rows, int64_t cols)
{
#pragma omp parallel for schedule(static) if (rows * cols > SWEEP_CHUNK)
    for (int64_t r = 0; r < rows; r++) {
        const float *xr = x + r * cols;
        float *y = dst + r * cols, top, total;
        vf m = vset(-INFINITY), sum = { 0 };
        int64_t i = 0;

        for (; i + VW <= cols; i += VW)
            m = vmax(vload(xr + i), m);
        top = vtop(m);
        for (; i < cols; i++)
            top = xr[i] > top ? xr[i] : top;
        for (i = 0; i + VW <= cols; i += VW) {
            vf e = vexp(vload(xr + i) - top);

            sum += e;
            vstore(y + i, e);
        }
        total = vsum(sum);
        if (i < cols) {
            vf e = vexp(vload_n(xr + i, cols - i) - top);

            vstore_n(y + i, e, cols - i);
            for (int64_t k = i; k < cols; k++)
                total += y[k];
        }
        for (i = 0; i < cols; i += VW)
            vstore_n(y + i, vload_n(y + i, cols - i) * (1.0f / total), cols - i);
    }
}

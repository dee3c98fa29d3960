/* refine.c - self-attention refines a map: pixels of one thing attend to each other.
 *
 * A [q,p] is the mean over layers, heads and calls of the probability with which pixel q reads
 * pixel p, at one resolution; its rows sum to one. DAAM-I2I has one map M_p[q] = A[q,p] for each
 * pixel p that is read, and guides them by a word's map g:
 *
 *     sum_p g_p M_p / sum_p g_p = A g / sum(g) */

#include "methods/daam/daam.h"

#include <math.h>
#include <string.h>

enum { DIFFUSIONS = 20 };
#define LEAST 0.02f

bool ds__daam_self_site(const ds_daam *d, const char *site)
{
    for (int64_t i = 0; i < d->trace.self.layers; i++)
        if (strcmp(d->trace.self.site[i], site) == 0)
            return true;
    return false;
}

void ds__daam_add_self(ds_daam *d, const ds_part *p)
{
    const int64_t n = p->columns;
    float *all = d->trace.self.data + (p->image % d->trace.images) * n * n + p->first * n;

#pragma omp parallel for schedule(static) if (p->rows * n > 16384)
    for (int64_t r = 0; r < p->rows; r++)
        for (int64_t h = 0; h < p->heads; h++) {
            const float *from = p->values + (h * p->rows + r) * n;
            float *to = all + r * n;

#pragma omp simd
            for (int64_t i = 0; i < n; i++)
                to[i] += from[i];
        }
}

/* out = A g */
static void apply(const ds_daam *d, float *out, const float *g, int64_t image)
{
    const int64_t n = d->trace.self.height * d->trace.self.width;
    const float *a = d->trace.self.data + image * n * n;
    const double scale = 1.0 / ((double)d->trace.self.maps * (double)d->trace.calls);

#pragma omp parallel for schedule(static) if (n > 256)
    for (int64_t q = 0; q < n; q++) {
        double sum = 0.0;

        for (int64_t p = 0; p < n; p++)
            sum += (double)a[q * n + p] * g[p];
        out[q] = (float)(sum * scale);
    }
}

/* To [0,1] by minimum and maximum; what is below `least` becomes 0. */
static void stretch(float *g, int64_t n, float least)
{
    float low = INFINITY, high = -INFINITY;

    for (int64_t i = 0; i < n; i++) {
        low = fminf(low, g[i]);
        high = fmaxf(high, g[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        g[i] = (g[i] - low) / (high - low + 1e-8f);
        g[i] = g[i] < least ? 0.0f : g[i];
    }
}

/* out = A g / sum(g), once g is stretched and, if `squared`, its own square */
static void guide(const ds_daam *d, float *out, float *g, int64_t image, float least, bool squared)
{
    const int64_t n = d->trace.self.height * d->trace.self.width;
    double sum = 0.0;

    stretch(g, n, least);
    for (int64_t i = 0; i < n; i++) {
        g[i] *= squared ? g[i] : 1.0f;
        sum += g[i];
    }
    apply(d, out, g, image);
    for (int64_t i = 0; i < n; i++)
        out[i] = sum > 0.0 ? (float)(out[i] / sum) : 0.0f;
}

static void refine(const ds_daam *d, float *out, float *g, int64_t image, ds_daam_refine how)
{
    const size_t bytes = (size_t)(d->trace.self.height * d->trace.self.width) * sizeof *g;

    if (how == DS_DAAM_SMOOTH) {
        apply(d, out, g, image);
        return;
    }
    guide(d, out, g, image, how == DS_DAAM_DIFFUSE ? LEAST : 0.0f, how == DS_DAAM_SHARP);
    for (int i = 1; how == DS_DAAM_DIFFUSE && i < DIFFUSIONS; i++) {
        memcpy(g, out, bytes);
        guide(d, out, g, image, LEAST, false);
    }
}

ds_status ds__daam_refine_maps(const ds_daam *d, float *maps, int64_t count, int64_t image,
                               int64_t height, int64_t width, ds_daam_refine how, ds_error *err)
{
    const int64_t n = d->trace.self.height * d->trace.self.width, big = height * width;
    ds_bicubic *in = NULL, *out = NULL;
    float *g, *result, *room;
    ds_status st;

    if (d->trace.self.layers == 0)
        return ds_fail(err, DS_E_ARG, "refining needs self-attention, which was not traced");
    st = ds__bicubic_new(&in, height, width, d->trace.self.height, d->trace.self.width, err);
    if (st == DS_OK)
        st = ds__bicubic_new(&out, d->trace.self.height, d->trace.self.width, height, width, err);
    g = ds_alloc(
        (size_t)(2 * n + big + n + height * d->trace.self.width + width * d->trace.self.height) *
        sizeof *g);
    if (st == DS_OK && g == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for refining maps");
    result = g + n;
    room = result + n;
    for (int64_t i = 0; st == DS_OK && i < count; i++) {
        float *map = maps + i * big;

        ds__bicubic(in, g, map, room);
        refine(d, result, g, image, how);
        ds__bicubic(out, map, result, room);
        for (int64_t k = 0; k < big; k++)
            map[k] = map[k] > 0.0f ? map[k] : 0.0f;
    }
    ds_free(g);
    ds__bicubic_free(in);
    ds__bicubic_free(out);
    return st;
}

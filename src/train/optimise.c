/* optimise.c - one step of the optimiser: AdamW, or Muon for the matrices inside of the networks. */

#include "train/train.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

/* ---- who steps what --------------------------------------------------------------------------------- */

/* A matrix or a convolution. Embeddings are lists of vectors, and the first and last convolution meet
 * pixels, not features: AdamW suits them better (K. Jordan et al. 2024). */
static bool is_hidden(const ds_slot *s)
{
    static const char *const others[] = { "embedding.weight", "conv_in.weight", "conv_out.weight" };

    for (size_t i = 0; i < DS_COUNT(others); i++)
        if (strstr(s->name, others[i]) != NULL)
            return false;
    return s->shape.rank > 1;
}

static int64_t rows_of(const ds_slot *s)
{
    return s->shape.dim[0];
}

static int64_t cols_of(const ds_slot *s)
{
    return ds_tensor_count(&s->shape) / s->shape.dim[0];
}

/* Roughly proportional to the work. */
static double cost_of(const ds_slot *s)
{
    double rows = (double)rows_of(s), cols = (double)cols_of(s), least = fmin(rows, cols);

    return least * least * (fmax(rows, cols) + 8.0 * least);
}

static int by_cost(const void *a, const void *b)
{
    const ds_slot *p = *(ds_slot *const *)a, *q = *(ds_slot *const *)b;
    double x = cost_of(p), y = cost_of(q);

    return x != y ? (x < y ? 1 : -1) : p < q ? -1 : p > q;
}

ds_status ds__state_share(ds_weights_state *s, const ds_settings *o, ds_error *err)
{
    if (!o->muon)
        return DS_OK;
    s->threads = ds_threads();
    s->matrix = ds_calloc((size_t)s->count + 1, sizeof *s->matrix);
    if (s->matrix == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of matrices");
    for (int64_t i = 0; i < s->count; i++) {
        ds_slot *p = &s->slot[i];
        size_t bytes;

        p->muon = p->grad != NULL && p->grad[0] != NULL && is_hidden(p);
        if (!p->muon)
            continue;
        bytes = ds__muon_work(rows_of(p), cols_of(p));
        s->matrix[s->matrices++] = p;
        s->work_bytes = bytes > s->work_bytes ? bytes : s->work_bytes;
    }
    qsort(s->matrix, (size_t)s->matrices, sizeof *s->matrix, by_cost);
    s->work_bytes = (s->work_bytes + 63) & ~(size_t)63;
    s->work = ds_alloc((size_t)s->threads * s->work_bytes);
    if (s->work == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %d threads of Muon", s->threads);
    return DS_OK;
}

/* ---- one step ------------------------------------------------------------------------------------------ */

/* The sum over all shards, in their order, in the first one's place. NULL if the loss does not depend on
 * this parameter. */
static float *gradient(const ds_weights_state *s, const ds_slot *p)
{
    int64_t count = ds_tensor_count(&p->shape);
    float *sum;

    if (p->grad == NULL || p->grad[0] == NULL)
        return NULL;
    sum = ds__var_data(p->grad[0]);
    for (int k = 1; k < s->shards; k++) {
        const float *more = ds__var_data(p->grad[k]);

#pragma omp parallel for simd schedule(static)
        for (int64_t i = 0; i < count; i++)
            sum[i] += more[i];
    }
    return sum;
}

/* Weight decay is for matrices and convolutions: what has rank 1 (norms, biases) has none. */
static void step_adamw(ds_slot *p, const ds_settings *o, int64_t step, double rate, float factor)
{
    ds_adamw a = o->adamw;

    a.rate = rate;
    a.decay = p->shape.rank > 1 ? a.decay : 0.0;
    ds__adamw_step(p->param, p->m, p->v, ds__var_data(p->grad[0]), ds_tensor_count(&p->shape), &a,
                   step + 1, factor);
}

/* A matrix is one thread's, so its result does not depend on how many there are. */
static void step_matrices(ds_weights_state *s, const ds_settings *o, double rate, float factor)
{
    ds_muon m = DS_MUON_INIT;

    m.rate = rate;
    m.decay = o->adamw.decay;
#pragma omp parallel for schedule(dynamic, 1) num_threads(s->threads)
    for (int64_t i = 0; i < s->matrices; i++) {
        ds_slot *p = s->matrix[i];

        ds__muon_step(p->param, p->m, ds__var_data(p->grad[0]), rows_of(p), cols_of(p), &m, factor,
                      s->work + (size_t)omp_get_thread_num() * s->work_bytes);
    }
}

double ds__state_step(ds_weights_state *s, const ds_settings *o, int64_t step, double rate)
{
    /* a short memory at first, so that the average leaves its random start */
    double decay = fmin(o->ema, (1.0 + (double)step) / (10.0 + (double)step)), sum = 0.0, norm;
    float factor;

    for (int64_t i = 0; i < s->count; i++) {
        const float *grad = gradient(s, &s->slot[i]);

        if (grad != NULL)
            sum += ds__sum_squares(grad, ds_tensor_count(&s->slot[i].shape));
    }
    norm = sqrt(sum);
    if (!isfinite(norm))
        return norm;
    factor = ds__clip_factor(norm, o->clip);
    if (s->matrices > 0)
        step_matrices(s, o, rate, factor);
    for (int64_t i = 0; i < s->count; i++) {
        ds_slot *p = &s->slot[i];

        if (p->grad == NULL || p->grad[0] == NULL)
            continue;
        if (!p->muon)
            step_adamw(p, o, step, rate, factor);
        ds__ema_step(p->average, p->param, ds_tensor_count(&p->shape), decay);
    }
    ds__params_refresh(s->params);
    return norm;
}

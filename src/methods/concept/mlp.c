/* mlp.c - see mlp.h. */

#include "methods/concept/mlp.h"

#include <math.h>
#include <string.h>

#include "optim/optim.h"

ds_status ds__mlp_new(ds_mlp **out, int64_t width, int64_t hidden, int64_t rows, ds_error *err)
{
    ds_mlp *n = *out = ds_calloc(1, sizeof *n);

    if (n == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a network of coefficients");
    n->width = width;
    n->hidden = hidden;
    n->rows = rows;
    n->count = hidden * width + 2 * hidden + 1;
    n->w1 = ds_calloc((size_t)n->count, sizeof(float));
    n->grad = ds_calloc((size_t)n->count, sizeof(float));
    n->m = ds_calloc((size_t)n->count, sizeof(float));
    n->v = ds_calloc((size_t)n->count, sizeof(float));
    n->value = ds_calloc((size_t)(rows * hidden), sizeof(float));
    n->out = ds_calloc((size_t)rows, sizeof(float));
    n->back = ds_calloc((size_t)rows, sizeof(double));
    n->room = ds_calloc((size_t)(hidden * width), sizeof(double));
    if (n->w1 == NULL || n->grad == NULL || n->m == NULL || n->v == NULL || n->value == NULL ||
        n->out == NULL || n->back == NULL || n->room == NULL) {
        ds__mlp_free(n);
        *out = NULL;
        return ds_fail(err, DS_E_NOMEM, "no memory for coefficients of %lld rows", (long long)rows);
    }
    n->b1 = n->w1 + hidden * width;
    n->w2 = n->b1 + hidden;
    n->b2 = n->w2 + hidden;
    return DS_OK;
}

void ds__mlp_free(ds_mlp *n)
{
    if (n == NULL)
        return;
    ds_free(n->w1);
    ds_free(n->grad);
    ds_free(n->m);
    ds_free(n->v);
    ds_free(n->value);
    ds_free(n->out);
    ds_free(n->back);
    ds_free(n->room);
    ds_free(n);
}

static void draw(float *out, int64_t count, int64_t inputs, ds_rng *rng)
{
    const float bound = (float)(1.0 / sqrt((double)inputs));

    ds_rng_uniform(rng, out, count);
    for (int64_t i = 0; i < count; i++)
        out[i] = (2.0f * out[i] - 1.0f) * bound;
}

void ds__mlp_draw(ds_mlp *n, ds_rng *rng)
{
    draw(n->w1, n->hidden * n->width, n->width, rng);
    draw(n->b1, n->hidden, n->width, rng);
    draw(n->w2, n->hidden, n->hidden, rng);
    draw(n->b2, 1, n->hidden, rng);
}

void ds__mlp_forward(ds_mlp *n, double *alpha, const float *table)
{
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n->rows; i++) {
        const float *row = table + i * n->width;
        float *value = n->value + i * n->hidden;
        double sum = n->b2[0];

        for (int64_t h = 0; h < n->hidden; h++) {
            value[h] = (float)(ds__dot(n->w1 + h * n->width, row, n->width) + n->b1[h]);
            sum += value[h] > 0.0f ? (double)n->w2[h] * value[h] : 0.0;
        }
        n->out[i] = (float)sum;
        alpha[i] = fabs(sum);
    }
}

/* Gradients of one hidden unit: a thread owns a unit, and sums over the rows in order. */
static void unit_backward(ds_mlp *n, int64_t h, const float *table)
{
    double db1 = 0.0, dw2 = 0.0, *dw1 = n->room + h * n->width;
    float *grad_w1 = n->grad + h * n->width, *grad_b1 = n->grad + n->hidden * n->width;

    memset(dw1, 0, (size_t)n->width * sizeof *dw1);
    for (int64_t i = 0; i < n->rows; i++) {
        const double value = n->value[i * n->hidden + h], back = n->back[i] * n->w2[h];
        const float *row = table + i * n->width;

        if (value <= 0.0)
            continue;
        dw2 += n->back[i] * value;
        db1 += back;
        for (int64_t x = 0; x < n->width; x++)
            dw1[x] += back * row[x];
    }
    for (int64_t x = 0; x < n->width; x++)
        grad_w1[x] = (float)dw1[x];
    grad_b1[h] = (float)db1;
    grad_b1[n->hidden + h] = (float)dw2;
}

void ds__mlp_backward(ds_mlp *n, const double *grad_alpha, const float *table)
{
    double db2 = 0.0;

    for (int64_t i = 0; i < n->rows; i++) {
        /* The derivative of |x| at 0 is 0, as PyTorch has it. */
        n->back[i] = n->out[i] > 0.0f ? grad_alpha[i] : n->out[i] < 0.0f ? -grad_alpha[i] : 0.0;
        db2 += n->back[i];
    }
    n->grad[n->count - 1] = (float)db2;
#pragma omp parallel for schedule(static)
    for (int64_t h = 0; h < n->hidden; h++)
        unit_backward(n, h, table);
}

void ds__mlp_update(ds_mlp *n)
{
    const ds_adamw adamw = DS_ADAMW_INIT; /* the published settings are PyTorch's defaults */

    n->step++;
    ds__adamw_step(n->w1, n->m, n->v, n->grad, n->count, &adamw, n->step, 1.0f);
}

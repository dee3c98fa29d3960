/* Muon. Matrices are made as U S V^T with known factors, so that what comes out can be said in terms of
 * singular values alone. */

#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/polar.h"
#include "kernels/simd.h"
#include "optim/optim.h"

enum { MOST = 300 };

static uint64_t seed;

/* `count` orthonormal vectors of `length`, one after another. */
static double *frame(int64_t count, int64_t length)
{
    double *q = ds_calloc((size_t)(count * length), sizeof *q);

    assert_non_null(q);
    for (int64_t i = 0; i < count; i++) {
        double *v = q + i * length, norm = 0.0;

        for (int64_t k = 0; k < length; k++)
            v[k] = (double)ts_noise(&seed);
        for (int64_t pass = 0; pass < 2; pass++)
            for (int64_t j = 0; j < i; j++) {
                double dot = 0.0;

                for (int64_t k = 0; k < length; k++)
                    dot += v[k] * q[j * length + k];
                for (int64_t k = 0; k < length; k++)
                    v[k] -= dot * q[j * length + k];
            }
        for (int64_t k = 0; k < length; k++)
            norm += v[k] * v[k];
        for (int64_t k = 0; k < length; k++)
            v[k] /= sqrt(norm);
    }
    return q;
}

typedef struct shape {
    int64_t rows, cols, least;
    double *u, *v; /* [least, rows], [least, cols] */
} shape;

static shape new_shape(int64_t rows, int64_t cols)
{
    int64_t least = rows < cols ? rows : cols;

    assert_true(least <= MOST);
    return (shape){ rows, cols, least, frame(least, rows), frame(least, cols) };
}

static void free_shape(shape *s)
{
    ds_free(s->u), ds_free(s->v);
}

/* x = U diag(value) V^T */
static void compose(float *x, const shape *s, const double *value)
{
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t j = 0; j < s->cols; j++) {
            double sum = 0.0;

            for (int64_t k = 0; k < s->least; k++)
                sum += value[k] * s->u[k * s->rows + i] * s->v[k * s->cols + j];
            x[i * s->cols + j] = (float)sum;
        }
}

/* value[k] = u_k^T x v_k */
static void project(double *value, const float *x, const shape *s)
{
    for (int64_t k = 0; k < s->least; k++) {
        value[k] = 0.0;
        for (int64_t i = 0; i < s->rows; i++)
            for (int64_t j = 0; j < s->cols; j++)
                value[k] += s->u[k * s->rows + i] * x[i * s->cols + j] * s->v[k * s->cols + j];
    }
}

/* One step from zeros at rate 1 without decay leaves the update alone, with a minus. */
static void update(float *x, float *grad, const shape *s)
{
    const ds_muon o = { 1.0, 0.95, 1.0 / sqrt((double)(s->rows > s->cols ? s->rows : s->cols)),
                        0.0 };
    const int64_t count = s->rows * s->cols;
    float *m = ds_calloc((size_t)count, sizeof *m);
    void *work = ds_alloc(ds__muon_work(s->rows, s->cols));

    memset(x, 0, (size_t)count * sizeof *x);
    ds__muon_step(x, m, grad, s->rows, s->cols, &o, 0.5f, work);
    for (int64_t i = 0; i < count; i++)
        x[i] = -x[i];
    ds_free(m), ds_free(work);
}

/* The reference is exact, other tables compute in float32, and this one rounds its operands. */
static bool is_bf16(void)
{
    return strcmp(ds__simd()->isa, "v4bf16") == 0;
}

/* rank values from 1 down to `smallest`, the others zero: the update has the same singular vectors, values
 * of 0.8 .. 1.2 on the matrix's range, and nothing outside of it. Where rounding to bf16
 * leads from a full direction into an empty one, it is multiplied with 397. */
static void one_update(int64_t rows, int64_t cols, int64_t rank, double smallest)
{
    shape s = new_shape(rows, cols);
    const int64_t count = rows * cols;
    float *x = ds_calloc((size_t)count, sizeof *x), *g = ds_calloc((size_t)count, sizeof *g);
    double value[MOST] = { 0 }, got[MOST], least = 9.0, most = 0.0, off = 0.0, total = 0.0;

    for (int64_t k = 0; k < rank; k++)
        value[k] = 3e-3 * pow(smallest, (double)k / (double)(rank > 1 ? rank - 1 : 1));
    compose(g, &s, value);
    update(x, g, &s);
    project(got, x, &s);
    for (int64_t k = 0; k < rank; k++) {
        least = fmin(least, got[k]);
        most = fmax(most, got[k]);
    }
    memset(got + rank, 0, (size_t)(MOST - rank) * sizeof *got);
    compose(g, &s, got);
    for (int64_t i = 0; i < count; i++) {
        off += pow((double)x[i] - (double)g[i], 2.0);
        total += pow(x[i], 2.0);
    }
    print_message("%s %d x %d, rank %d: %.3f .. %.3f, elsewhere %.4f\n", ds__simd()->isa, (int)rows,
                  (int)cols, (int)rank, least, most, sqrt(off / total));
    assert_true(least > 0.798 && most < 1.202);
    assert_true(sqrt(off / total) < (is_bf16() && rows + cols > 512 ? 0.05 : 0.005));
    ds_free(x), ds_free(g), free_shape(&s);
}

static void updates_are_nearly_orthogonal(void **state)
{
    (void)state;
    for (int table = 0; ds__simd_at(table) != NULL; table++) {
        ds__simd_use(ds__simd_at(table));
        seed = 5;
        one_update(24, 100, 24, 0.02);    /* wide */
        one_update(150, 40, 40, 0.02);    /* tall */
        one_update(65, 65, 65, 0.02);     /* square, a panel and a bit */
        one_update(32, 16 * 9, 32, 0.02); /* a 3x3 convolution of 16 channels */
        one_update(70, 90, 20, 0.05);     /* rank deficient */
        one_update(20, 1001, 20, 0.02);
        one_update(600, 70, 30, 0.02);
        one_update(130, 75, 1, 1.0);
        one_update(1, 7, 1, 1.0);
        one_update(7, 1, 1, 1.0);
        one_update(3, 5, 2, 0.1);
    }
    ds__simd_use(NULL);
}

/* What the polynomials make of singular values: the matrices are not needed. */
static void scalar_polar(double *to, const double *value, int64_t n)
{
    double bound = 0.0;

    for (int64_t k = 0; k < n; k++)
        bound += pow(value[k], 8.0);
    bound = sqrt(DS_POLAR_MARGIN) * pow(bound, 0.125);
    for (int64_t k = 0; k < n; k++) {
        to[k] = value[k] / bound;
        for (int i = 0; i < DS_POLAR_STEPS; i++) {
            const double *c = ds__polar_step[i], q = to[k] * to[k];

            to[k] *= c[0] + q * (c[1] + q * (c[2] + q * (c[3] + q * c[4])));
        }
    }
}

/* Three steps, whose gradients share their singular vectors, against the same on scalars in double. */
static void three_steps(int64_t rows, int64_t cols, double tolerance)
{
    shape s = new_shape(rows, cols);
    const int64_t count = rows * cols;
    const double b = 0.9, rate = 0.02, decay = 0.3, factor = 0.7;
    const double size = rate * 0.2 * sqrt((double)(rows > cols ? rows : cols));
    const ds_muon o = { rate, b, 0.2, decay };
    float *p = ds_calloc((size_t)count, sizeof *p), *m = ds_calloc((size_t)count, sizeof *m);
    float *g = ds_calloc((size_t)count, sizeof *g), *want = ds_calloc((size_t)count, sizeof *want);
    void *work = ds_alloc(ds__muon_work(rows, cols));
    double param[MOST], moment[MOST] = { 0 }, grad[MOST], u[MOST];

    for (int64_t k = 0; k < s.least; k++)
        param[k] = (double)ts_noise(&seed);
    compose(p, &s, param);
    for (int step = 0; step < 3; step++) {
        for (int64_t k = 0; k < s.least; k++) {
            grad[k] = 0.05 * ((double)ts_noise(&seed) + 0.2 * (double)(k % 7));
            moment[k] = b * moment[k] + (1.0 - b) * factor * grad[k];
            u[k] = b * moment[k] + (1.0 - b) * factor * grad[k];
        }
        scalar_polar(u, u, s.least);
        for (int64_t k = 0; k < s.least; k++)
            param[k] = (1.0 - rate * decay) * param[k] - size * u[k];
        compose(g, &s, grad);
        ds__muon_step(p, m, g, rows, cols, &o, (float)factor, work);
    }
    compose(want, &s, param);
    ts_compare("parameters", p, want, count, tolerance);
    compose(want, &s, moment);
    ts_compare("momentum", m, want, count, 1e-5);
    ds_free(p), ds_free(m), ds_free(g), ds_free(want), ds_free(work), free_shape(&s);
}

static void steps_follow_the_formula(void **state)
{
    (void)state;
    for (int table = 0; ds__simd_at(table) != NULL; table++) {
        double tolerance;

        ds__simd_use(ds__simd_at(table));
        tolerance = table == 0 ? 1e-6 : is_bf16() ? 1e-2 : 3e-4;
        seed = 9;
        three_steps(20, 90, tolerance);
        three_steps(100, 30, tolerance);
        three_steps(66, 66, tolerance);
        three_steps(13, 530, tolerance);
    }
    ds__simd_use(NULL);
}

static void a_gradient_of_zero_moves_nothing(void **state)
{
    shape s = new_shape(4, 6);
    float x[24], g[24] = { 0 };

    (void)state;
    update(x, g, &s);
    for (int i = 0; i < 24; i++)
        assert_true(x[i] == 0.0f);
    free_shape(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_nearly_orthogonal),
        cmocka_unit_test(steps_follow_the_formula),
        cmocka_unit_test(a_gradient_of_zero_moves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

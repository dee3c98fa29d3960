/* The mathematics of concepts: mixtures and their gradients, the paper's network of coefficients, the
 * two solvers, on numbers that can be checked by hand or by differences. */

#include "support.h"

#include <math.h>
#include <string.h>

#include "methods/concept/mixture.h"
#include "methods/concept/mlp.h"
#include "methods/concept/simplex.h"

/* Three rows in the plane: (3,0), (0,4), (0,-1). */
static const float plane[] = { 3, 0, 0, 4, 0, -1 };
static const ds_words three = {
    .count = 3, .parts = 1, .width = { 2 }, .row = { plane }, .kappa = { 10.0 }
};

static void a_mixture_by_hand(void **state)
{
    const double alpha[] = { 1.0, 1.0, 0.0 };
    const float g[] = { 1, 0 };
    double r[2], pulled[2], grad[3] = { 0 }, share[3];
    float token[2];

    (void)state;
    ds__mixture_sum(r, &three, 0, alpha, NULL, 0);
    assert_true(r[0] == 3.0 && r[1] == 4.0);
    assert_float_equal(ds__mixture_token(token, &three, 0, r), 5.0, 1e-12);
    assert_float_equal(token[0], 6.0, 1e-6); /* 10 (3,4)/5 */
    assert_float_equal(token[1], 8.0, 1e-6);
    ds__mixture_pull_token(pulled, &three, 0, r, g); /* 10/5 ((1,0) - 0.6 (0.6,0.8)) */
    assert_float_equal(pulled[0], 1.28, 1e-12);
    assert_float_equal(pulled[1], -0.96, 1e-12);
    ds__mixture_pull_sum(grad, &three, 0, pulled, 1.0, NULL, 0);
    assert_float_equal(grad[0], 3.84, 1e-12);
    assert_float_equal(grad[1], -3.84, 1e-12);
    assert_float_equal(grad[2], 0.96, 1e-12);
    /* The token does not change when all coefficients grow alike. */
    assert_float_equal(alpha[0] * grad[0] + alpha[1] * grad[1], 0.0, 1e-12);
    ds__mixture_shares(share, &three, alpha);
    assert_float_equal(share[0], 3.0 / 7.0, 1e-12);
    assert_float_equal(share[2], 0.0, 0.0);
}

/* Random rows in two tables, as of a model with two text encoders. */
enum { ROWS = 12, WIDE = 5, WIDER = 7 };
static float table[2][ROWS * WIDER];
static ds_words two;
static double alpha0[ROWS];

static void set_up_two(void)
{
    uint64_t seed = 5;

    two = (ds_words){ .count = ROWS,
                      .parts = 2,
                      .width = { WIDE, WIDER },
                      .row = { table[0], table[1] },
                      .kappa = { 1.5, 2.5 } };
    for (int i = 0; i < ROWS * WIDER; i++) {
        table[0][i] = ts_noise(&seed);
        table[1][i] = ts_noise(&seed);
    }
    for (int i = 0; i < ROWS; i++)
        alpha0[i] = 0.1 + fabs(ts_noise(&seed));
}

typedef double value_of(const double *alpha, double *grad);

static double by_sparsity(const double *alpha, double *grad)
{
    const int64_t top[] = { 3, 7, 1 };
    ds_error err = { 0 };
    double value;

    ts_ok(ds__mixture_sparsity(&value, grad, &two, alpha, top, 3, 1.0, &err), &err);
    return value;
}

static double by_penalty(const double *alpha, double *grad)
{
    ds_error err = { 0 };
    double value;

    ts_ok(ds__mixture_penalty(&value, grad, &two, alpha, 1.0, &err), &err);
    return value;
}

/* w . h for a fixed h, in double: the chain through the pseudo-token. */
static double by_token(const double *alpha, double *grad)
{
    double r[WIDER], pulled[WIDER], value = 0.0;
    float token[WIDER], h[WIDER];

    for (int p = 0; p < 2; p++) {
        double length = 0.0;

        for (int64_t x = 0; x < two.width[p]; x++)
            h[x] = (float)sin(3.0 * (double)x + p);
        ds__mixture_sum(r, &two, p, alpha, NULL, 0);
        ds__mixture_token(token, &two, p, r);
        for (int64_t x = 0; x < two.width[p]; x++)
            length += r[x] * r[x];
        for (int64_t x = 0; x < two.width[p]; x++)
            value += two.kappa[p] * r[x] / sqrt(length) * h[x];
        ds__mixture_pull_token(pulled, &two, p, r, h);
        ds__mixture_pull_sum(grad, &two, p, pulled, 1.0, NULL, 0);
    }
    return value;
}

static void check_differences(const char *what, value_of *f)
{
    double grad[ROWS] = { 0 }, unused[ROWS], along = 0.0;

    f(alpha0, grad);
    for (int i = 0; i < ROWS; i++) {
        double a[ROWS], high, low;
        const double step = 1e-5;

        memcpy(a, alpha0, sizeof a);
        a[i] += step;
        high = f(a, unused);
        a[i] -= 2 * step;
        low = f(a, unused);
        if (fabs((high - low) / (2 * step) - grad[i]) > 1e-6 * (fabs(grad[i]) + 1e-3))
            fail_msg("%s: entry %d: gradient %.9g, difference %.9g", what, i, grad[i],
                     (high - low) / (2 * step));
        along += alpha0[i] * grad[i];
    }
    if (fabs(along) > 1e-10)
        fail_msg("%s: not blind to scale: %.2e", what, along);
}

static void gradients_match_differences(void **state)
{
    (void)state;
    set_up_two();
    check_differences("token", by_token);
    check_differences("sparsity", by_sparsity);
    check_differences("penalty", by_penalty);
}

static void sparsity_of_all_is_nothing(void **state)
{
    int64_t all[ROWS];
    double grad[ROWS] = { 0 }, value;
    ds_error err = { 0 };

    (void)state;
    set_up_two();
    for (int i = 0; i < ROWS; i++)
        all[i] = ROWS - 1 - i;
    ts_ok(ds__mixture_sparsity(&value, grad, &two, alpha0, all, ROWS, 1.0, &err), &err);
    assert_true(fabs(value) < 1e-14);
    for (int i = 0; i < ROWS; i++)
        assert_true(fabs(grad[i]) < 1e-14);
}

static void the_largest_come_first(void **state)
{
    const double value[] = { 1, 5, 5, -2, 3 };
    int64_t top[4];
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__largest(top, 4, value, 5, &err), &err);
    assert_true(top[0] == 1 && top[1] == 2 && top[2] == 4 && top[3] == 0);
}

/* ---- the paper's network --------------------------------------------------------------------- */

static void mlp_by_hand(void **state)
{
    const float rows[] = { 1, 2, 3, -1 };
    const double back[] = { 1.0, 2.0 };
    double alpha[2];
    ds_error err = { 0 };
    ds_mlp *n;

    (void)state;
    ts_ok(ds__mlp_new(&n, 2, 2, 2, &err), &err);
    memcpy(n->w1, (const float[]){ 1, 1, 1, -1 }, 4 * sizeof(float));
    memcpy(n->w2, (const float[]){ 1, -1 }, 2 * sizeof(float));
    n->b2[0] = -1.0f;
    /* Row (1,2): hidden (3,-1), out 3 - 1 = 2. Row (3,-1): hidden (2,4), out 2 - 4 - 1 = -3. */
    ds__mlp_forward(n, alpha, rows);
    assert_true(alpha[0] == 2.0 && alpha[1] == 3.0);
    ds__mlp_backward(n, back, rows);                         /* signs: 1 and -2 */
    assert_true(n->grad[0] == 1 - 6 && n->grad[1] == 2 + 2); /* unit 0 sees both rows */
    assert_true(n->grad[2] == 6 && n->grad[3] == -2);        /* unit 1 the second alone */
    assert_true(n->grad[4] == -1 && n->grad[5] == 2);        /* b1 */
    assert_true(n->grad[6] == 3 - 4 && n->grad[7] == -8);    /* w2 */
    assert_true(n->grad[8] == -1);
    ds__mlp_update(n);
    assert_float_equal(n->w1[0], 1.0 * (1.0 - 1e-5) + 1e-3, 1e-6); /* first step: sign(g) rate */
    ds__mlp_free(n);
}

/* ---- solvers --------------------------------------------------------------------------------- */

static void an_eg_step_by_hand(void **state)
{
    double a[] = { 0.5, 0.5 };
    const double g[] = { 1.0, -1.0 };
    ds_eg e = { .eta = log(2.0) };

    (void)state;
    ds__eg_step(&e, a, g, 2);
    assert_float_equal(a[0], 0.2, 1e-12); /* 1/2 : 2 */
    assert_float_equal(a[1], 0.8, 1e-12);
    assert_float_equal(e.scale, 1.0, 0.0);
    ds__eg_step(&e, a, (const double[]){ 0.0, 0.0 }, 2);
    assert_float_equal(e.scale, 0.9, 1e-12);
    assert_float_equal(a[0], 0.2, 1e-12);
}

/* A mixture of 5 of 2,000 words seen through a random tanh network with 128 directions, as the
 * dossier of the method has it: five of five are found in every one of six draws. */
enum { WORDS = 2000, DIM = 256, SEEN = 128 };

static int toy_found(uint64_t seed)
{
    static float rows[WORDS * DIM], eye[SEEN * DIM];
    static double a[WORDS], g[WORDS];
    const double truth[] = { .35, .25, .20, .12, .08 };
    ds_words d = {
        .count = WORDS, .parts = 1, .width = { DIM }, .row = { rows }, .kappa = { 16.0 }
    };
    double r[DIM], pulled[DIM], target[SEEN], want[WORDS] = { 0 };
    float token[DIM], back[DIM];
    int64_t top[5];
    ds_eg e = { .eta = 0.3 };
    ds_error err = { 0 };
    int found = 0;

    for (int i = 0; i < WORDS * DIM; i++)
        rows[i] = ts_noise(&seed);
    for (int i = 0; i < SEEN * DIM; i++)
        eye[i] = ts_noise(&seed) * 0.7f / 16.0f;
    for (int i = 0; i < 5; i++)
        want[100 * i] = truth[i];
    for (int i = 0; i < WORDS; i++)
        a[i] = 1.0 / WORDS;
    for (int step = -1; step < 500; step++) { /* step -1 makes the target */
        ds__mixture_sum(r, &d, 0, step < 0 ? want : a, NULL, 0);
        ds__mixture_token(token, &d, 0, r);
        memset(back, 0, sizeof back);
        for (int k = 0; k < SEEN; k++) {
            double y = 0.0;

            for (int x = 0; x < DIM; x++)
                y += eye[k * DIM + x] * token[x];
            y = tanh(y);
            if (step < 0)
                target[k] = y;
            for (int x = 0; x < DIM; x++)
                back[x] += (float)(2.0 * (y - target[k]) * (1.0 - y * y) * eye[k * DIM + x]);
        }
        if (step < 0)
            continue;
        memset(g, 0, sizeof g);
        ds__mixture_pull_token(pulled, &d, 0, r, back);
        ds__mixture_pull_sum(g, &d, 0, pulled, 1.0, NULL, 0);
        ds__eg_step(&e, a, g, WORDS);
    }
    ts_ok(ds__largest(top, 5, a, WORDS, &err), &err);
    for (int i = 0; i < 5; i++)
        found += top[i] % 100 == 0 && top[i] < 500;
    return found;
}

static void planted_words_are_found(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++)
        assert_int_equal(toy_found(seed * 7919), 5);
}

static void least_squares_by_hand(void **state)
{
    /* Columns (1,0), (0,1), (1,1) and the target (2,1). */
    const double gram[] = { 1, 0, 1, 0, 1, 1, 1, 1, 2 }, right[] = { 2, 1, 3 };
    double b[3];
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__simplex_fit(b, gram, right, 3, false, 0.0, &err), &err);
    assert_float_equal(b[0] + b[2], 2.0, 1e-8); /* reached exactly */
    assert_float_equal(b[1] + b[2], 1.0, 1e-8);
    ts_ok(ds__simplex_fit(b, gram, right, 3, true, 0.0, &err), &err);
    assert_float_equal(b[2], 1.0,
                       1e-9); /* of the triangle's points (1,1) is the nearest to (2,1) */
    assert_float_equal(b[0] + b[1], 0.0, 1e-9);
    ts_ok(ds__simplex_fit(b, (const double[]){ 1, 0, 0, 1 }, (const double[]){ 0.7, -0.3 }, 2,
                          false, 0.2, &err),
          &err);
    assert_float_equal(b[0], 0.5, 1e-8); /* 0.7 - penalty */
    assert_float_equal(b[1], 0.0, 0.0);
}

/* Against the conditions of optimality, on many columns that depend on each other. */
static void least_squares_is_optimal(void **state)
{
    enum { N = 60, M = 20 };
    static double gram[N * N], right[N], b[N];
    static float v[N * M];
    float y[M];
    uint64_t seed = 3;
    double sum = 0.0, nu = 0.0;
    ds_error err = { 0 };

    (void)state;
    for (int i = 0; i < N * M; i++)
        v[i] = ts_noise(&seed);
    for (int k = 0; k < M; k++)
        y[k] = 0.4f * v[5 * M + k] + 0.6f * v[31 * M + k] + 0.3f * ts_noise(&seed);
    for (int i = 0; i < N; i++) {
        right[i] = 0.0;
        for (int k = 0; k < M; k++)
            right[i] += v[i * M + k] * y[k];
        for (int j = 0; j < N; j++) {
            gram[i * N + j] = 0.0;
            for (int k = 0; k < M; k++)
                gram[i * N + j] += v[i * M + k] * v[j * M + k];
        }
    }
    ts_ok(ds__simplex_fit(b, gram, right, N, true, 0.0, &err), &err);
    for (int i = 0; i < N; i++) {
        assert_true(b[i] >= 0.0);
        sum += b[i];
    }
    assert_float_equal(sum, 1.0, 1e-9);
    for (int pass = 0; pass < 2; pass++) /* one gradient on the active set, none lower off it */
        for (int i = 0; i < N; i++) {
            double g = -right[i];

            for (int j = 0; j < N; j++)
                g += gram[i * N + j] * b[j];
            if (pass == 0 && b[i] > 0.0)
                nu = g;
            if (pass == 1 && (b[i] > 0.0 ? fabs(g - nu) > 1e-6 : g < nu - 1e-6))
                fail_msg("column %d: gradient %.9g, active ones have %.9g", i, g, nu);
        }
    assert_true(b[31] > b[5] && b[5] > 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mixture_by_hand),
        cmocka_unit_test(gradients_match_differences),
        cmocka_unit_test(sparsity_of_all_is_nothing),
        cmocka_unit_test(the_largest_come_first),
        cmocka_unit_test(mlp_by_hand),
        cmocka_unit_test(an_eg_step_by_hand),
        cmocka_unit_test(planted_words_are_found),
        cmocka_unit_test(least_squares_by_hand),
        cmocka_unit_test(least_squares_is_optimal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The optimiser against PyTorch's numbers (scripts/optim-numbers). */

#include "support.h"

#include <math.h>

#include "optim/optim.h"
#include "optim_numbers.h"

enum { N = 12, STEPS = 10, WARMUP = 3, TOTAL = 10 };

static void adamw_equals_pytorch(void **state)
{
    float p[N], m[N] = { 0 }, v[N] = { 0 }, g[N];

    (void)state;
    for (int i = 0; i < N; i++)
        p[i] = (float)sin(i);
    for (int s = 0; s < STEPS; s++) {
        ds_adamw o = { 0.05 * ds__cosine_rate(s, WARMUP, TOTAL, 0.0), 0.9, 0.98, 1e-6, 0.1 };
        double norm;

        for (int i = 0; i < N; i++)
            g[i] = (float)cos(1.3 * i + s) + 0.1f * p[i];
        norm = sqrt(ds__sum_squares(g, N));
        assert_float_equal(o.rate, expected[s].rate, 1e-8);
        assert_float_equal(norm, expected[s].norm, 1e-6 * norm);
        ds__adamw_step(p, m, v, g, N, &o, s + 1, ds__clip_factor(norm, 1.5));
        ts_compare("parameters", p, expected[s].param, N, 3e-7);
    }
}

static void clipping_leaves_small_gradients(void **state)
{
    (void)state;
    assert_true(ds__clip_factor(0.5, 1.0) == 1.0f);
    assert_true(ds__clip_factor(100.0, 0.0) == 1.0f);
    assert_float_equal(ds__clip_factor(4.0, 1.0), 0.25, 1e-6);
}

static void average_moves_by_its_share(void **state)
{
    float average[2] = { 1.0f, -2.0f };

    (void)state;
    ds__ema_step(average, (const float[]){ 3.0f, 2.0f }, 2, 0.75);
    assert_float_equal(average[0], 1.5, 1e-7);
    assert_float_equal(average[1], -1.0, 1e-7);
}

static void rate_warms_up_and_falls(void **state)
{
    (void)state;
    assert_float_equal(ds__cosine_rate(0, 10, 100, 0.1), 0.0, 0.0);
    assert_float_equal(ds__cosine_rate(5, 10, 100, 0.1), 0.5, 1e-12);
    assert_float_equal(ds__cosine_rate(10, 10, 100, 0.1), 1.0, 1e-12);
    assert_float_equal(ds__cosine_rate(55, 10, 100, 0.1), 0.55, 1e-12);
    assert_float_equal(ds__cosine_rate(100, 10, 100, 0.1), 0.1, 1e-12);
    assert_float_equal(ds__cosine_rate(500, 10, 100, 0.1), 0.1, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adamw_equals_pytorch),
        cmocka_unit_test(clipping_leaves_small_gradients),
        cmocka_unit_test(average_moves_by_its_share),
        cmocka_unit_test(rate_warms_up_and_falls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

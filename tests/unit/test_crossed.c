/* test_crossed.c - means over prompts and seeds: against NumPy, SciPy and statsmodels (numbers beside each
 * test, with the call that made them), and the coverage of the intervals on samples whose truth is known. */

#include "support.h"

#include <diffuscope/rng.h>
#include <math.h>
#include <string.h>

#include "stats/crossed.h"

#define NEAR(got, want, tol) assert_true(fabs((got) - (want)) <= (tol))

enum { PROMPTS = 6, SEEDS = 8, CELLS = PROMPTS * SEEDS };

typedef struct grid {
    double x[CELLS];
    int64_t prompt[CELLS], seed[CELLS];
} grid;

static ds_crossed sample_of(const grid *g)
{
    return (ds_crossed){ g->x, g->prompt, g->seed, CELLS };
}

static void fill(grid *g)
{
    for (int i = 0; i < PROMPTS; i++)
        for (int j = 0; j < SEEDS; j++) {
            g->x[i * SEEDS + j] =
                (i * 37 + j * 53 + (i * j) % 7 * 11) % 23 / 10.0 + 0.5 * i - 0.1 * j;
            g->prompt[i * SEEDS + j] = i;
            g->seed[i * SEEDS + j] = j;
        }
}

/* Over prompts and over seeds: SD of the rows' (columns') means / sqrt(count), by numpy.std(ddof=1). Over
 * both: sqrt(a**2 + b**2 - x.var(ddof=1) / x.size) of these two, or the larger of them where that is more, as here. */
static void errors_are_those_of_numpy(void **state)
{
    const double want[] = { 0.40178, 0.40178, 0.07921 };
    grid g;
    ds_crossed s;
    ds_crossed_mean m;
    ds_error err = { 0 };

    (void)state;
    fill(&g);
    s = sample_of(&g);
    for (int over = DS_OVER_BOTH; over <= DS_OVER_SEEDS; over++) {
        ts_ok(ds__crossed_mean(&m, &s, (ds_over)over, &err), &err);
        NEAR(m.value.se, want[over], 1e-5);
        assert_int_equal(m.over, over);
        assert_int_equal(m.units, over == DS_OVER_SEEDS ? SEEDS : PROMPTS);
        assert_int_equal(m.kind, DS_INTERVAL_T);
    }
}

/* scipy.stats.t.ppf(0.975, 5) = 2.5705818: six prompts are few. */
static void few_units_use_t(void **state)
{
    grid g;
    ds_crossed s;
    ds_crossed_mean m;
    ds_error err = { 0 };

    (void)state;
    fill(&g);
    s = sample_of(&g);
    ts_ok(ds__crossed_mean(&m, &s, DS_OVER_PROMPTS, &err), &err);
    NEAR((m.value.high - m.value.value) / m.value.se, 2.5705818, 1e-6);
    NEAR((m.value.value - m.value.low) / m.value.se, 2.5705818, 1e-6);
}

/* Nothing can be said of other prompts from one. */
static void one_level_is_not_resampled(void **state)
{
    const double x[] = { 1, 2, 4 };
    const int64_t prompt[] = { 4, 4, 4 }, seed[] = { 2, 0, 1 };
    const ds_crossed s = { x, prompt, seed, 3 };
    ds_crossed_mean m;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__crossed_mean(&m, &s, DS_OVER_BOTH, &err), &err);
    assert_int_equal(m.over, DS_OVER_SEEDS);
    assert_int_equal(m.units, 3);
    ts_ok(ds__crossed_mean(&m, &s, DS_OVER_PROMPTS, &err), &err);
    assert_int_equal(m.kind, DS_INTERVAL_NONE);
    assert_true(isnan(m.value.low) && isnan(m.value.se));
    NEAR(m.value.value, 7.0 / 3.0, 1e-15);
}

/* statsmodels.stats.proportion.proportion_confint(7, 12, method='wilson') = 0.3195113, 0.8067397;
 * (0, 6): 0, 0.3903343. Eighteen pictures of six seeds that all show the same are six trials. */
static void shares_keep_a_width(void **state)
{
    const double seven[12] = { 1, 1, 1, 1, 1, 1, 1 }, none[18] = { 0 };
    const int64_t zero[18] = { 0 };
    int64_t count[12], six[18], three[18];
    ds_crossed s = { seven, zero, count, 12 };
    ds_crossed_mean m;
    ds_error err = { 0 };

    (void)state;
    for (int i = 0; i < 18; i++) {
        six[i] = i % 6;
        three[i] = i / 6;
        if (i < 12)
            count[i] = i;
    }
    ts_ok(ds__crossed_mean(&m, &s, DS_OVER_BOTH, &err), &err);
    assert_int_equal(m.kind, DS_INTERVAL_WILSON);
    NEAR(m.value.low, 0.3195113, 1e-6);
    NEAR(m.value.high, 0.8067397, 1e-6);
    s = (ds_crossed){ none, three, six, 18 };
    ts_ok(ds__crossed_mean(&m, &s, DS_OVER_SEEDS, &err), &err);
    assert_int_equal(m.kind, DS_INTERVAL_WILSON);
    assert_true(m.value.low == 0.0);
    NEAR(m.value.high, 0.3903343, 1e-6);
}

/* A share of prompts that each have their own: 0.9, 0.1, ... The error says how many trials 12 x 10 pictures
 * are; coverage over draws of both is near 95 %, also where the share is near 0. */
static void shares_of_prompts_hold_the_truth(void **state)
{
    enum { TRIALS = 400, P = 12, S = 10, N = P * S };
    static const double mean[] = { 0.5, 0.06 };
    double x[N];
    int64_t prompt[N], seed[N];
    float by_prompt[P], draws[N];
    ds_rng rng;
    ds_error err = { 0 };

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 6);
    for (int which = 0; which < 2; which++) {
        int64_t held = 0;

        for (int trial = 0; trial < TRIALS; trial++) {
            const ds_crossed s = { x, prompt, seed, N };
            ds_crossed_mean m;

            ds_rng_uniform(&rng, by_prompt, P);
            ds_rng_uniform(&rng, draws, N);
            for (int i = 0; i < N; i++) {
                prompt[i] = i / S;
                seed[i] = i % S;
                x[i] = (double)draws[i] < 2.0 * mean[which] * (double)by_prompt[i / S];
            }
            ts_ok(ds__crossed_mean(&m, &s, DS_OVER_PROMPTS, &err), &err);
            held += m.value.low <= mean[which] && mean[which] <= m.value.high;
        }
        assert_in_range(held, TRIALS * 92 / 100, TRIALS);
    }
}

/* Where neither prompts nor seeds differ, the interval over both is not much wider than that of 180 values that
 * hang on nothing, 2 * 1.96 / sqrt(180): by t of 11 degrees and the larger of two errors, not by sqrt(3). */
static void noise_alone_is_not_counted_thrice(void **state)
{
    enum { TRIALS = 200, P = 12, S = 15, N = P * S };
    double x[N], width = 0.0;
    int64_t prompt[N], seed[N], held = 0;
    float noise[N];
    ds_rng rng;
    ds_error err = { 0 };

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 7);
    for (int trial = 0; trial < TRIALS; trial++) {
        const ds_crossed s = { x, prompt, seed, N };
        ds_crossed_mean m;

        ds_rng_normal(&rng, noise, N);
        for (int i = 0; i < N; i++) {
            prompt[i] = i / S;
            seed[i] = i % S;
            x[i] = noise[i];
        }
        ts_ok(ds__crossed_mean(&m, &s, DS_OVER_BOTH, &err), &err);
        held += m.value.low <= 0.0 && 0.0 <= m.value.high;
        width += (m.value.high - m.value.low) / TRIALS;
    }
    assert_in_range(held, TRIALS * 93 / 100, TRIALS);
    assert_true(width < 1.45 * 2.0 * 1.96 / sqrt(N));
}

/* Values mean + prompt + seed + noise, each normal of variance 1: how often does the interval hold the
 * mean? It is to be wide rather than narrow, and not absurdly wide. */
static void intervals_hold_the_truth(void **state)
{
    enum { TRIALS = 300, P = 12, S = 15, N = P * S };
    double x[N];
    int64_t prompt[N], seed[N], held[2] = { 0, 0 };
    float by_prompt[P], by_seed[S], noise[N];
    ds_rng rng;
    ds_error err = { 0 };

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 5);
    for (int trial = 0; trial < TRIALS; trial++) {
        const ds_crossed s = { x, prompt, seed, N };
        ds_crossed_mean m;

        ds_rng_normal(&rng, by_prompt, P);
        ds_rng_normal(&rng, by_seed, S);
        ds_rng_normal(&rng, noise, N);
        for (int i = 0; i < N; i++) {
            prompt[i] = i / S;
            seed[i] = i % S;
            x[i] = 3.0 + by_prompt[i / S] + by_seed[i % S] + noise[i];
        }
        ts_ok(ds__crossed_mean(&m, &s, DS_OVER_BOTH, &err), &err);
        held[0] += m.value.low <= 3.0 && 3.0 <= m.value.high;
        ts_ok(ds__crossed_mean(&m, &s, DS_OVER_SEEDS, &err), &err);
        held[1] += m.value.low <= 3.0 && 3.0 <= m.value.high;
    }
    assert_in_range(held[0], TRIALS * 92 / 100, TRIALS); /* 95 % less 2.4 errors of 300 trials */
    assert_true(held[1] < TRIALS * 85 / 100);            /* other prompts are another question */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_those_of_numpy),
        cmocka_unit_test(few_units_use_t),
        cmocka_unit_test(one_level_is_not_resampled),
        cmocka_unit_test(shares_keep_a_width),
        cmocka_unit_test(shares_of_prompts_hold_the_truth),
        cmocka_unit_test(noise_alone_is_not_counted_thrice),
        cmocka_unit_test(intervals_hold_the_truth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_stats.c - estimates against published and hand-computed values; coverage of the intervals.
 */

#include "support.h"

#include <diffuscope/rng.h>
#include <diffuscope/stats.h>
#include <math.h>

#define NEAR(got, want, tol) assert_true(fabs((got) - (want)) <= (tol))

/* R. G. Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3. */
static void shares_have_the_interval_of_wilson(void **state)
{
    static const struct {
        int64_t hits, n;
        double low, high;
    } rows[] = { { 81, 263, 0.2553, 0.3662 },
                 { 15, 148, 0.0624, 0.1605 },
                 { 0, 20, 0.0, 0.1611 },
                 { 1, 29, 0.0061, 0.1718 } };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(rows); i++) {
        ds_value e = ds_stats_share(rows[i].hits, rows[i].n);

        NEAR(e.value, (double)rows[i].hits / (double)rows[i].n, 1e-15);
        NEAR(e.low, rows[i].low, 5e-5);
        NEAR(e.high, rows[i].high, 5e-5);
    }
    assert_true(isnan(ds_stats_share(0, 0).value));
}

static void correlations_are_the_textbook_ones(void **state)
{
    const double x[] = { 1, 2, 3, 4, 5, 6 }, y[] = { 2, 1, 4, 3, 7, 60 };
    const double tied[] = { 1, 1, 2, 2, 3, 3 }, flat[] = { 4, 4, 4, 4, 4, 4 };
    const float map[] = { 1, 2, 3, 4, 5, 6 }, y_map[] = { 2, 1, 4, 3, 7, 60 };
    const float tied_map[] = { 1, 1, 2, 2, 3, 3 }, flat_map[] = { 4, 4, 4, 4, 4, 4 };
    ds_value e;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_stats_correlation(&e, DS_SPEARMAN, x, y, NULL, 6, &err), &err);
    NEAR(e.value, 1.0 - 6.0 * 4.0 / (6.0 * 35.0), 1e-12); /* four ranks off by one */
    assert_int_equal(e.count, 6);
    ts_ok(ds_stats_correlation(&e, DS_KENDALL, x, y, NULL, 6, &err), &err);
    NEAR(e.value, 11.0 / 15.0, 1e-12); /* two of 15 pairs disagree */
    ts_ok(ds_stats_correlation(&e, DS_KENDALL, x, tied, NULL, 6, &err), &err);
    NEAR(e.value, 12.0 / sqrt(15.0 * 12.0), 1e-12);
    ts_ok(ds_stats_correlation(&e, DS_PEARSON, x, tied, NULL, 6, &err), &err);
    NEAR(e.value, 8.0 / sqrt(17.5 * 4.0), 1e-12);
    ts_ok(ds_stats_correlation(&e, DS_SPEARMAN, x, flat, NULL, 6, &err), &err);
    assert_true(isnan(e.value) && isnan(e.low));
    NEAR(ds_stats_coefficient(DS_PEARSON, map, tied_map, 6), 8.0 / sqrt(17.5 * 4.0), 1e-12);
    NEAR(ds_stats_coefficient(DS_SPEARMAN, map, y_map, 6), 1.0 - 6.0 * 4.0 / (6.0 * 35.0), 1e-12);
    assert_true(isnan(ds_stats_coefficient(DS_PEARSON, map, flat_map, 6)));
}

static void auc_counts_ordered_pairs(void **state)
{
    const double high[] = { 3, 5, 5, 9 }, low[] = { 1, 3, 5 };
    const double above[] = { 6, 7, 8 };
    ds_value e;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_stats_auc(&e, high, 4, low, 3, &err), &err);
    NEAR(e.value, (1.5 + 2.5 + 2.5 + 3.0) / 12.0, 1e-12);
    assert_true(e.low < e.value && e.value < e.high && e.low > 0.0 && e.high < 1.0);
    ts_ok(ds_stats_auc(&e, above, 3, low, 3, &err), &err);
    assert_true(e.value == 1.0 && e.high == 1.0 && e.low < 0.9 && e.low > 0.3);
    ts_ok(ds_stats_auc(&e, low, 3, above, 3, &err), &err);
    assert_true(e.value == 0.0 && e.low == 0.0 && e.high > 0.1 && e.high < 0.7);
    ts_ok(ds_stats_auc(&e, high, 4, low, 0, &err), &err);
    assert_true(isnan(e.value));
}

static void units_are_resampled_whole(void **state)
{
    double x[60];
    int64_t unit[60];
    ds_value apart, together;
    ds_error err = { 0 };

    (void)state;
    for (int i = 0; i < 60; i++) { /* ten scenes of six equal values */
        unit[i] = 1000 - i % 10;
        x[i] = i % 10;
    }
    ts_ok(ds_stats_mean(&apart, x, NULL, 60, &err), &err);
    ts_ok(ds_stats_mean(&together, x, unit, 60, &err), &err);
    NEAR(apart.value, 4.5, 1e-12);
    NEAR(together.value, 4.5, 1e-12);
    /* sqrt(6) for whole units; ten reach further than sixty: sqrt(n / (n - 1)) t(n - 1) of each */
    NEAR((together.high - together.low) / (apart.high - apart.low), sqrt(6.0) * 2.3845 / 2.0179,
         0.3);
    assert_int_equal(together.count, 60);
}

static void nothing_is_not_a_number(void **state)
{
    ds_value e;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_stats_mean(&e, NULL, NULL, 0, &err), &err);
    assert_true(isnan(e.value) && isnan(e.low) && isnan(e.high) && e.count == 0);
}

/* Five values have the interval of t: scipy.stats.t.interval(0.95, 4, mean, sem). Resamples of five would
 * reach from 2.48 to 3.98. One unit has none, and few give no interval of a correlation. */
static void few_units_are_called_few(void **state)
{
    const double x[] = { 3.1, 2.7, 4.4, 3.9, 2.2 }, y[] = { 1, 2, 4, 3, 0 };
    const int64_t unit[] = { 7, 7, 7, 7, 7 };
    ds_value e;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_stats_mean(&e, x, NULL, 5, &err), &err);
    NEAR(e.low, 2.154291412189795, 1e-10);
    NEAR(e.high, 4.3657085878102055, 1e-10);
    ts_ok(ds_stats_mean(&e, x, unit, 5, &err), &err);
    NEAR(e.value, 3.26, 1e-14);
    assert_true(isnan(e.low) && isnan(e.high));
    ts_ok(ds_stats_correlation(&e, DS_SPEARMAN, x, y, NULL, 5, &err), &err);
    assert_true(e.value > 0.5 && isnan(e.low) && isnan(e.high));
}

/* Samples of 12 normal values: percentiles at 2.5 and 97.5 would hold the mean in 91 % of them. */
static void resamples_of_few_cover(void **state)
{
    enum { RUNS = 600, N = 12 };
    int64_t held = 0;
    ds_rng rng;

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 10);
    for (int run = 0; run < RUNS; run++) {
        float draw[N + 4]; /* 16 and more are drawn as PyTorch does */
        double x[N];
        ds_value e;
        ds_error err = { 0 };

        ds_rng_normal(&rng, draw, N + 4);
        for (int i = 0; i < N; i++)
            x[i] = draw[i];
        ts_ok(ds_stats_mean(&e, x, NULL, N, &err), &err);
        held += e.low <= 0.0 && 0.0 <= e.high;
    }
    assert_in_range(held, RUNS * 93 / 100, RUNS * 97 / 100);
}

/* 300 samples of 40: the interval must hold the truth in about 95 % of them. */
static void intervals_cover(void **state)
{
    enum { RUNS = 300, N = 40 };
    int mean = 0, paired = 0, auc = 0;
    ds_rng rng;

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 9);
    for (int run = 0; run < RUNS; run++) {
        float draw[3 * N];
        double x[N], y[N], z[N];
        ds_value e;
        ds_error err = { 0 };

        ds_rng_normal(&rng, draw, 3 * N);
        for (int i = 0; i < N; i++) {
            x[i] = 2.0 + draw[i];
            y[i] = x[i] - 0.5 + 0.3 * draw[N + i];
            z[i] = 1.0 + draw[2 * N + i]; /* P(x > z) = Phi(1 / sqrt 2) */
        }
        ts_ok(ds_stats_mean(&e, x, NULL, N, &err), &err);
        mean += e.low <= 2.0 && 2.0 <= e.high;
        ts_ok(ds_stats_difference(&e, x, y, NULL, N, &err), &err);
        paired += e.low <= 0.5 && 0.5 <= e.high;
        ts_ok(ds_stats_auc(&e, x, N, z, N, &err), &err);
        auc += e.low <= 0.760250 && 0.760250 <= e.high;
    }
    assert_in_range(mean, RUNS * 90 / 100, RUNS * 99 / 100);
    assert_in_range(paired, RUNS * 90 / 100, RUNS * 99 / 100);
    assert_in_range(auc, RUNS * 90 / 100, RUNS * 99 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_have_the_interval_of_wilson),
        cmocka_unit_test(correlations_are_the_textbook_ones),
        cmocka_unit_test(auc_counts_ordered_pairs),
        cmocka_unit_test(units_are_resampled_whole),
        cmocka_unit_test(nothing_is_not_a_number),
        cmocka_unit_test(few_units_are_called_few),
        cmocka_unit_test(resamples_of_few_cover),
        cmocka_unit_test(intervals_cover),
    };

    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}

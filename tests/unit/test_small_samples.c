/* test_small_samples.c - t, power and corrections against SciPy 1.x and statsmodels 0.14: the numbers are
 * those of the calls beside them. */

#include "support.h"

#include <math.h>

#include "stats/correction.h"
#include "stats/power.h"
#include "stats/student.h"
#include "stats/wilson.h"

#define NEAR(got, want, tol) assert_true(fabs((got) - (want)) <= (tol)*fmax(1.0, fabs(want)))

/* scipy.stats.t.ppf(p, df) */
static void quantiles_are_those_of_scipy(void **state)
{
    static const struct {
        double p, df, t;
    } rows[] = { { 0.975, 1, 12.706204736174694 }, { 0.975, 2, 4.302652729749462 },
                 { 0.975, 4, 2.7764451051977934 }, { 0.975, 9.5, 2.2441374614922958 },
                 { 0.975, 29, 2.045229642132703 }, { 0.995, 3, 5.840909309733355 },
                 { 0.6, 7, 0.2631668613520229 },   { 0.975, 1e6, 1.959966356814107 },
                 { 0.01, 5, -3.364929998907218 },  { 0.975, INFINITY, 1.959963984540054 } };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(rows); i++) {
        NEAR(ds__t_quantile(rows[i].p, rows[i].df), rows[i].t, 1e-10);
        NEAR(ds__t_cdf(rows[i].t, rows[i].df), rows[i].p, 1e-10);
    }
    NEAR(ds__normal_quantile(0.975), 1.959963984540054, 1e-12);
    NEAR(ds__normal_quantile(1e-6), -4.753424308822899, 1e-12);
    assert_true(isnan(ds__t_quantile(0.975, 0)) && isnan(ds__t_quantile(1.5, 3)));
}

/* 2 * scipy.stats.t.sf(abs(t), df) */
static void p_values_are_those_of_scipy(void **state)
{
    (void)state;
    NEAR(ds__t_p_value(2.5, 4), 0.06676654481198814, 1e-12);
    NEAR(ds__t_p_value(-1.3, 11.2), 0.21971831604101358, 1e-12);
    NEAR(ds__t_p_value(12, 3), 0.0012450158007893362, 1e-13);
    NEAR(ds__t_p_value(0, 5), 1.0, 1e-14);
    NEAR(ds__t_p_value(40, 60) * 1e45, 5.755480486627385, 1e-8);
    assert_true(isnan(ds__t_p_value(NAN, 4)));
}

/* scipy.stats.t.interval(0.95, 4, numpy.mean(x), scipy.stats.sem(x)) */
static void a_mean_of_five_has_the_interval_of_t(void **state)
{
    const double x[] = { 3.1, 2.7, 4.4, 3.9, 2.2 };
    const ds_value v = ds__t_mean(x, 5), one = ds__t_mean(x, 1);

    (void)state;
    NEAR(v.value, 3.26, 1e-14);
    NEAR(v.se, 0.39824615503479754, 1e-14);
    NEAR(v.low, 2.154291412189795, 1e-10);
    NEAR(v.high, 4.3657085878102055, 1e-10);
    assert_true(one.value == 3.1 && isnan(one.se) && isnan(one.low));
    assert_true(isnan(ds__t_mean(x, 0).value));
}

/* statsmodels.stats.proportion.proportion_confint(0.3 * 37.5, 37.5, method='wilson'); and p (1 - p) / se^2 times
 * (scipy.stats.norm.ppf(0.975) / scipy.stats.t.ppf(0.975, 7))**2 */
static void trials_need_not_be_whole(void **state)
{
    double low, high;

    (void)state;
    ds__wilson(&low, &high, 0.3, 37.5);
    NEAR(low, 0.1776634343061148, 1e-12);
    NEAR(high, 0.4595046669682526, 1e-12);
    NEAR(ds__effective_trials(0.3, 0.1, 7, 100), 14.42750382031453, 1e-9);
    NEAR(ds__effective_trials(0.3, 0.1, INFINITY, 15), 15.0, 1e-12); /* no more than there are */
}

/* scipy.stats.norm.cdf(-sqrt(n / (n - 1)) * scipy.stats.t.ppf(0.975, n - 1)) */
static void resamples_are_cut_where_t_says(void **state)
{
    (void)state;
    NEAR(ds__resampled_tail(5), 0.0009541005518824907, 1e-12);
    NEAR(ds__resampled_tail(10), 0.008550639024406366, 1e-12);
    NEAR(ds__resampled_tail(100), 0.023064387207087644, 1e-12);
}

/* statsmodels.stats.power.TTestPower().power(effect / sqrt(n), n, level), n = df + 1. Effects: the
 * root by scipy.optimize.brentq of the same chance, integrated over scipy.stats.chi by scipy.integrate.quad
 * (solve_power of statsmodels stops at five digits). */
static void power_is_that_of_statsmodels(void **state)
{
    (void)state;
    NEAR(ds__power(2, 9, 0.05), 0.43132631471983224, 1e-7);
    NEAR(ds__power(2.8, 99, 0.05), 0.7918283273997716, 1e-7);
    NEAR(ds__power(4, 4, 0.05), 0.8432964389085795, 1e-7);
    NEAR(ds__power(1, 1, 0.05), 0.07298889446967, 1e-6);
    NEAR(ds__power(3.5, 19, 0.001), 0.39045389221595317, 1e-7);
    NEAR(ds__power(0, 7, 0.05), 0.05, 1e-7);
    NEAR(ds__power_effect(9, 0.05, 0.8), 3.149632886450617, 1e-8);
    NEAR(ds__power_effect(99, 0.05, 0.8), 2.8291263278139436, 1e-8);
    NEAR(ds__power_effect(3, 0.05, 0.8), 4.255898686515782, 1e-8);
    NEAR(ds__power_effect(99, 0.05 / 210, 0.8), 4.676081334284374, 1e-8);
    assert_true(isnan(ds__power_effect(0, 0.05, 0.8)));
}

/* statsmodels.stats.multitest.multipletests(p, method=...)[1], 'holm' and 'fdr_bh' */
static void corrections_are_those_of_statsmodels(void **state)
{
    const double p[] = { 0.001, 0.04, 0.03, NAN, 0.02, 0.6, 0.0405, 0.01 };
    const double holm[] = { 0.007, 0.12, 0.12, NAN, 0.1, 0.6, 0.12, 0.06 };
    const double fdr[] = { 0.007, 0.04725, 0.04725, NAN, 0.14 / 3.0, 0.6, 0.04725, 0.035 };
    double out[8];
    ds_error err = { 0 };

    (void)state;
    for (int how = DS_CORRECTION_HOLM; how <= DS_CORRECTION_NONE; how++) {
        ts_ok(ds__correct(out, p, 8, (ds_correction)how, &err), &err);
        for (int i = 0; i < 8; i++) {
            const double want = how == DS_CORRECTION_HOLM  ? holm[i]
                                : how == DS_CORRECTION_FDR ? fdr[i]
                                                           : p[i];

            assert_true(isnan(want) ? isnan(out[i]) : fabs(out[i] - want) < 1e-12);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_those_of_scipy),
        cmocka_unit_test(p_values_are_those_of_scipy),
        cmocka_unit_test(a_mean_of_five_has_the_interval_of_t),
        cmocka_unit_test(trials_need_not_be_whole),
        cmocka_unit_test(resamples_are_cut_where_t_says),
        cmocka_unit_test(power_is_that_of_statsmodels),
        cmocka_unit_test(corrections_are_those_of_statsmodels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

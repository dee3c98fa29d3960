/* test_answer.c - conditions, paired differences and places of a table whose answers are known: SciPy's and
 * statsmodels' numbers, with the calls that made them. */

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "studies/answer/answer.h"

#define NEAR(got, want, tol) assert_true(fabs((got) - (want)) <= (tol))

/* Twelve seeds in three conditions, one prompt each. */
static const double values[3][12] = {
    { 1.2, 0.9, 1.7, 1.1, 1.4, 0.8, 1.3, 1.6, 1.0, 1.5, 1.2, 1.1 },
    { 1.0, 0.7, 1.9, 0.8, 1.3, 0.9, 1.0, 1.2, 0.9, 1.4, 0.9, 1.2 },
    { 0.2, 0.1, 0.6, 0.3, 0.5, -0.2, 0.4, 0.9, 0.1, 0.3, 0.2, 0.0 },
};
static const char *const names[3] = { "a", "b", "c" };

/* `shared`: all conditions have the same prompt. */
static void make(answer_table *t, bool shared)
{
    ds_error err = { 0 };

    *t = (answer_table){ .rows = 0 };
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 12; i++) {
            char item[16], seed[16];
            const char *part[ANSWER_PARTS] = { names[k], shared ? "p" : names[k], seed };

            snprintf(item, sizeof item, "%d-%d", k, i);
            snprintf(seed, sizeof seed, "%d", (i * 5) % 12);
            ts_ok(ds__table_add(t, part, item, NULL, &err), &err);
            ts_ok(ds__table_set(t, t->rows - 1, "score", values[k][i], &err), &err);
        }
}

/* Differences are scipy.stats.ttest_rel's (p, and confidence_interval(0.95)); corrected by
 * statsmodels.stats.multitest.multipletests(p, method='holm'). */
static void pairs_are_those_of_scipy(void **state)
{
    static const struct {
        double mean, p, low, high, holm;
    } want[3] = {
        { 0.13333333333333336, 0.031481084084866225, 0.014209539573506236, 0.2524571270931605,
          0.031481084084866225 },
        { 0.9499999999999998, 1.3307394379370169e-10, 0.858125695004194, 1.0418743049958057,
          3.992218313811051e-10 },
        { 0.8166666666666665, 1.510223766771333e-06, 0.6235056684455378, 1.0098276648877953,
          3.020447533542666e-06 },
    };
    const answer_options o = { .over = DS_OVER_BOTH };
    ds_error err = { 0 };

    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        answer_table t;
        answer_statistics s;

        make(&t, shared != 0);
        ts_ok(ds__answer_measure(&s, &t, &o, 0, &err), &err);
        assert_int_equal(s.pairs, 3);
        assert_int_equal(s.paired, shared ? ANSWER_BY_PROMPT : ANSWER_BY_SEED);
        for (int i = 0; i < 3; i++) {
            NEAR(s.pair[i].mean.value.value, want[i].mean, 1e-12);
            NEAR(s.pair[i].p, want[i].p, 1e-9 * want[i].p + 1e-15);
            NEAR(s.pair[i].mean.value.low, want[i].low, 1e-9);
            NEAR(s.pair[i].mean.value.high, want[i].high, 1e-9);
            NEAR(s.pair[i].corrected, want[i].holm, 1e-9);
            assert_int_equal(s.pair[i].mean.units, 12);
        }
        /* All three are told apart. */
        assert_int_equal(s.condition[0].rank_low, 1);
        assert_int_equal(s.condition[0].rank_high, 1);
        assert_int_equal(s.condition[1].rank_low, 2);
        assert_int_equal(s.condition[1].rank_high, 2);
        assert_int_equal(s.condition[2].rank_low, 3);
        assert_int_equal(s.condition[2].rank_high, 3);
        ds__answer_clear(&s);
        ds__table_free(&t);
    }
}

/* scipy.stats.ttest_ind(a, b, equal_var=False): p, and confidence_interval(0.95). */
static void without_common_seeds_means_are_compared(void **state)
{
    const answer_options o = { .over = DS_OVER_BOTH };
    answer_table t = { .rows = 0 };
    answer_statistics s;
    ds_error err = { 0 };

    (void)state;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 12 - 3 * k; i++) {
            char item[16], seed[16];
            const char *part[ANSWER_PARTS] = { names[2 * k], "p", seed };

            snprintf(item, sizeof item, "%d-%d", k, i);
            snprintf(seed, sizeof seed, "%d", 100 * k + i);
            ts_ok(ds__table_add(&t, part, item, NULL, &err), &err);
            ts_ok(ds__table_set(&t, t.rows - 1, "score", values[2 * k][i], &err), &err);
        }
    ts_ok(ds__answer_measure(&s, &t, &o, 0, &err), &err);
    assert_int_equal(s.paired, ANSWER_UNPAIRED);
    NEAR(s.pair[0].mean.value.value, 0.911111111111111, 1e-12);
    NEAR(s.pair[0].p, 4.690485870826068e-06, 1e-9 * 4.690485870826068e-06);
    NEAR(s.pair[0].mean.value.low, 0.6262241360117249, 1e-9);
    NEAR(s.pair[0].mean.value.high, 1.195998086210497, 1e-9);
    ds__answer_clear(&s);
    ds__table_free(&t);
}

/* What is paired is the seed, not the order of rows. */
static void rows_may_come_in_any_order(void **state)
{
    const answer_options o = { .over = DS_OVER_SEEDS, .baseline = "a" };
    answer_table t = { .rows = 0 };
    answer_statistics s;
    ds_error err = { 0 };

    (void)state;
    for (int i = 0; i < 24; i++) {
        const int seed = i < 12 ? i : 23 - i;
        char item[16], text[16];
        const char *part[ANSWER_PARTS] = { names[i / 12], "p", text };

        snprintf(item, sizeof item, "%d", i);
        snprintf(text, sizeof text, "%d", seed);
        ts_ok(ds__table_add(&t, part, item, NULL, &err), &err);
        ts_ok(ds__table_set(&t, i, "x", i < 12 ? seed : seed + 0.5, &err), &err);
    }
    ts_ok(ds__answer_measure(&s, &t, &o, 0, &err), &err);
    assert_int_equal(s.pairs, 1);
    NEAR(s.pair[0].mean.value.value, 0.5, 1e-12); /* b less the baseline */
    NEAR(s.pair[0].p, ldexp(1.0, -11), 1e-12);    /* all alike: 2^(1-12) */
    assert_int_equal(s.condition[0].rank_low, 0); /* no ranking against a baseline */
    ds__answer_clear(&s);
    assert_int_equal(ds__answer_measure(&s, &t, &(answer_options){ .baseline = "z" }, 0, &err),
                     DS_E_NOMATCH);
    assert_non_null(strstr(err.text, "no condition is called \"z\""));
    ds__answer_clear(&s);
    ds__table_free(&t);
}

static void a_missing_value_is_left_out(void **state)
{
    const answer_options o = { .over = DS_OVER_SEEDS };
    answer_table t;
    answer_statistics s;
    ds_error err = { 0 };

    (void)state;
    make(&t, true);
    t.measure[0].value[0] = NAN;
    ts_ok(ds__answer_measure(&s, &t, &o, 0, &err), &err);
    assert_int_equal(s.condition[0].mean.value.count, 11);
    assert_int_equal(s.pair[0].mean.value.count, 11);
    assert_int_equal(s.pair[2].mean.value.count, 12);
    ds__answer_clear(&s);
    ds__table_free(&t);
}

/* Two seeds say little, and one nothing: it is said. */
static void few_are_called_few(void **state)
{
    const answer_options o = { .over = DS_OVER_SEEDS };
    answer_table t;
    answer_statistics s;
    char text[600];
    ds_error err = { 0 };

    (void)state;
    make(&t, true);
    ts_ok(ds__answer_measure(&s, &t, &o, 0, &err), &err);
    ds__answer_few(text, &s);
    assert_string_equal(text, "");
    ds__answer_clear(&s);
    for (int64_t r = 0; r < t.rows; r++)
        if (r % 12 > 1)
            t.measure[0].value[r] = NAN;
    ts_ok(ds__answer_measure(&s, &t, &o, 0, &err), &err);
    ds__answer_few(text, &s);
    assert_non_null(strstr(text, "Too few: 3 of 3 conditions have fewer than 5 seeds"));
    ds__answer_clear(&s);
    ds__table_free(&t);
}

/* Each allocation fails once: an error, and nothing else. */
static void memory_may_end(void **state)
{
    const answer_options o = { .over = DS_OVER_BOTH };
    ds_status st = DS_E_NOMEM;

    (void)state;
    for (int64_t at = 1; st != DS_OK; at++) {
        const char *part[ANSWER_PARTS] = { "a", "p", "1" },
                   *other[ANSWER_PARTS] = { "b", "p", "1" };
        answer_table t = { .rows = 0 };
        answer_statistics s = { .pairs = 0 };
        ds_error err = { 0 };

        assert_true(at < 1000);
        ts_alloc_begin(at);
        st = ds__table_add(&t, part, "1", NULL, &err);
        if (st == DS_OK)
            st = ds__table_add(&t, other, "2", "x.png", &err);
        for (int64_t r = 0; st == DS_OK && r < 2; r++)
            st = ds__table_set(&t, r, "x", (double)r, &err);
        if (st == DS_OK)
            st = ds__answer_measure(&s, &t, &o, 0, &err);
        ds__answer_clear(&s);
        ds__table_free(&t);
        assert_int_equal(ts_alloc_end(), 0);
        assert_true(st == DS_OK || st == DS_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_those_of_scipy),
        cmocka_unit_test(without_common_seeds_means_are_compared),
        cmocka_unit_test(rows_may_come_in_any_order),
        cmocka_unit_test(a_missing_value_is_left_out),
        cmocka_unit_test(few_are_called_few),
        cmocka_unit_test(memory_may_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Decompositions through the estimator, on pictures of two pixels whose denoiser is known, and the
 * texts that a decomposition compares. */

#include "analytic.h"
#include "support.h"

#include "methods/estimate/draws.h"
#include "methods/pid/pid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { R = DS_PID_R, UA = DS_PID_UA, UB = DS_PID_UB, S = DS_PID_S };

/* ---- two pixels, two binary words --------------------------------------------------------------
 *
 * x ~ N(m(y1,y2), 1), the words independent and even. Conditionings: nothing, y1 = 1, y2 = 1, both.
 * Components in the order y = 00, 01, 10, 11. */

static const double priors[16] = { .25, .25, .25, .25, 0, 0, .5, .5, 0, .5, 0, .5, 0, 0, 0, 1 };
static const double indep[8] = { 0, 0, 0, 3, 3, 0, 3, 3 };
static const double shared[8] = { 0, 0, 2, 2, 2, 2, 3, 3 };
static const double xored[8] = { 0, 0, 0, 3, 3, 0, 0, 0 };

static const ds_info_pair pairs[] = { { 1, 0 }, { 2, 0 }, { 3, 0 }, { 3, 1 } };
static const ds_pid_pair two_words = { .i_a = 0, .i_b = 1, .i_ab = 2, .chain = 3 };

static ta_model model_of(const double *center)
{
    return (ta_model){ .conditions = 4,
                       .channels = 1,
                       .height = 1,
                       .width = 2,
                       .components = 4,
                       .center = center,
                       .prior = priors };
}

/* Quadrature through the estimator; free with ds__estimate_free. */
static ds_estimator *integrate(ta_model *m, const float *x, const ds_bundle *draws)
{
    static ds_source source;
    ds_draw_plan plan = { .parts = 1, .recorded = draws };
    ds_estimator *e;
    ds_error err = { 0 };

    source = ta_source(m, ds__plan_batch(&plan, 64));
    ts_ok(ds__estimate_new(&e, &source, x, &plan, pairs, 4, &err), &err);
    ts_ok(ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, NULL, &err), &err);
    return e;
}

static void near(const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: %.6f, expected %.5f", what, got, want);
}

static void known_informations(void **state)
{
    static const struct {
        const char *name;
        const double *center;
        float x[2];
        double s[3], o[3][2], chain; /* i1, i2, i12; chain residual of i_o */
    } rows[] = {
        { "indep (3,3)",
          indep,
          { 3, 3 },
          { .68210, .68210, 1.36420 },
          { { .35817, 0 }, { 0, .35817 }, { .35817, .35817 } },
          0 },
        { "indep (3,.5)",
          indep,
          { 3, .5f },
          { .68210, -2.35544, -1.67334 },
          { { .35817, 0 }, { 0, 2.70851 }, { .35817, 2.70851 } },
          0 },
        { "shared (3,3)",
          shared,
          { 3, 3 },
          { .45489, .45489, .83478 },
          { { .05810, .05810 }, { .05810, .05810 }, { .26799, .26799 } },
          .24945 },
        { "shared (3,.5)",
          shared,
          { 3, .5f },
          { .07350, .07350, -.93477 },
          { { .14903, .14903 }, { .14903, .14903 }, { .67669, .67669 } },
          .59523 },
        { "xor (3,3)",
          xored,
          { 3, 3 },
          { 0, 0, -3.81790 },
          { { .86943, 1.14332 }, { 1.14332, .86943 }, { 1.14332, 1.14332 } },
          -2.87843 },
    };
    ds_bundle *draws = ta_quadrature2(-30, 30, 320, 20);

    (void)state;
    for (size_t n = 0; n < DS_COUNT(rows); n++) {
        ta_model m = model_of(rows[n].center);
        ds_estimator *e = integrate(&m, rows[n].x, draws);
        double map[2], s[4], o[4];

        for (int p = 0; p < 4; p++) {
            s[p] = ds__estimate_total(e, p, DS_INFO_S, 0, 0);
            o[p] = ds__estimate_total(e, p, DS_INFO_O, 0, 0);
        }
        for (int p = 0; p < 3; p++) {
            near(rows[n].name, s[p], rows[n].s[p], 1e-4);
            ds__estimate_map(e, map, p, DS_INFO_O, 0, 0);
            near(rows[n].name, map[0], rows[n].o[p][0], 1e-4);
            near(rows[n].name, map[1], rows[n].o[p][1], 1e-4);
        }
        near("chain rule of i_s", s[2] - s[0] - s[3], 0, 1e-9);
        near("chain rule of i_o", o[2] - o[0] - o[3], rows[n].chain, 1e-4);
        ds__estimate_free(e);
    }
    ds_bundle_free(draws);
}

/* indep (3,3): each word owns one pixel. */
static void known_atoms(void **state)
{
    static const float x[2] = { 3, 3 };
    ds_bundle *draws = ta_quadrature2(-30, 30, 320, 20);
    ta_model m = model_of(indep);
    ds_estimator *e = integrate(&m, x, draws);
    ds_pid_question q = DS_PID_QUESTION_INIT;
    ds_pid_answer a;
    float map[8];
    ds_error err = { 0 };
    static const double i = .35817;
    const struct {
        ds_redundancy kind;
        double delta;
        double map[8], image[4];
    } rows[] = {
        { DS_REDUNDANCY_PM, 0, { i, i, 0, -i, -i, 0, i, i }, { i, 0, 0, i } },
        { DS_REDUNDANCY_PM, 4.5, { i, 0, 0, 0, -i, i, i, 0 }, { i, 0, 0, i } },
        { DS_REDUNDANCY_PM, -4.5, { 0, i, i, -i, 0, 0, 0, i }, { i, 0, 0, i } },
        { DS_REDUNDANCY_MMI_PIXEL, 0, { 0, 0, i, 0, 0, i, 0, 0 }, { i, 0, 0, i } },
        { DS_REDUNDANCY_MMI_IMAGE, 0, { i, 0, 0, 0, -i, i, i, 0 }, { i, 0, 0, i } },
    };

    (void)state;
    for (size_t n = 0; n < DS_COUNT(rows); n++) {
        q.redundancy = rows[n].kind;
        q.delta = rows[n].delta;
        ts_ok(ds__pid_solve(e, &a, map, NULL, &two_words, NULL, &q, &err), &err);
        for (int k = 0; k < DS_PID_ATOMS; k++) {
            near("image", a.image[k].value, rows[n].image[k], 1e-4);
            near("sum", a.sum[k].value, rows[n].map[2 * k] + rows[n].map[2 * k + 1], 2e-4);
            if (rows[n].kind == DS_REDUNDANCY_MMI_IMAGE)
                continue; /* the totals are equal: either word may be followed */
            near(ds_pid_atom_name(k), map[2 * k], rows[n].map[2 * k], 1e-4);
            near(ds_pid_atom_name(k), map[2 * k + 1], rows[n].map[2 * k + 1], 1e-4);
        }
        assert_true(a.dominated == (fabs(q.delta) > 1));
    }
    q.redundancy = DS_REDUNDANCY_IMIN;
    assert_int_equal(ds__pid_solve(e, &a, NULL, NULL, &two_words, NULL, &q, &err), DS_E_ARG);
    assert_non_null(strstr(err.text, "vocabulary"));
    ds__estimate_free(e);
    ds_bundle_free(draws);
}

/* ---- by chance ------------------------------------------------------------------------------- */

static ds_estimator *sample(ds_source *source, ta_model *m, const float *x, uint64_t seed,
                            const ds_info_pair *of, int64_t count)
{
    ds_draw_plan plan = {
        .replicates = 8, .nodes = 16, .antithetic = true, .seed = seed, .parts = 1
    };
    ds_estimator *e;
    ds_error err = { 0 };

    ts_ok(ds__density_logistic(&plan.density, 0, 2.5, -14, 14, &err), &err);
    *source = ta_source(m, ds__plan_batch(&plan, 32));
    ts_ok(ds__estimate_new(&e, source, x, &plan, of, count, &err), &err);
    ts_ok(ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, NULL, &err), &err);
    return e;
}

/* Of the numbers of one answer whose errors are not exactly zero: how many intervals of Student's t
 * with 7 degrees of freedom hold the truth. */
static void count_covered(int *covered, int *judged, const ds_estimator *e,
                          const ds_pid_question *q, const ds_pid_answer *want, const float *truth)
{
    ds_pid_answer got;
    float map[8], se[8];
    ds_error err = { 0 };

    ts_ok(ds__pid_solve(e, &got, map, se, &two_words, NULL, q, &err), &err);
    for (int i = 0; i < 8; i++)
        if (se[i] > 1e-9 && ++*judged)
            *covered += fabs(map[i] - truth[i]) < 2.365 * se[i] + 1e-5;
    for (int i = 0; i < DS_PID_ATOMS; i++)
        if (got.image[i].se > 1e-9 && ++*judged)
            *covered +=
                fabs(got.image[i].value - want->image[i].value) < 2.365 * got.image[i].se + 1e-5;
}

/* Intervals of maps and totals against quadrature over the same range. */
static void intervals_cover(void **state)
{
    enum { RUNS = 200 };
    static const float x[2] = { 3, .5f };
    static const double *centers[] = { indep, shared, xored };
    static const ds_redundancy kinds[2] = { DS_REDUNDANCY_PM, DS_REDUNDANCY_MMI_PIXEL };
    ds_bundle *draws = ta_quadrature2(-14, 14, 300, 20);
    ds_error err = { 0 };

    (void)state;
    for (size_t c = 0; c < DS_COUNT(centers); c++) {
        ta_model m = model_of(centers[c]);
        ds_estimator *exact = integrate(&m, x, draws);
        ds_pid_question q[2];
        ds_pid_answer want[2];
        float truth[2][8];
        int covered[2] = { 0, 0 }, judged[2] = { 0, 0 };

        for (int k = 0; k < 2; k++) {
            q[k] = (ds_pid_question){ sizeof q[k], kinds[k], DS_INFO_O, 0.1, true };
            ts_ok(ds__pid_solve(exact, &want[k], truth[k], NULL, &two_words, NULL, &q[k], &err),
                  &err);
            q[k].plain = false;
        }
        for (int run = 0; run < RUNS; run++) {
            ds_source source;
            ds_estimator *e = sample(&source, &m, x, (uint64_t)run, pairs, 4);

            for (int k = 0; k < 2; k++)
                count_covered(&covered[k], &judged[k], e, &q[k], &want[k], truth[k]);
            ds__estimate_free(e);
        }
        for (int k = 0; k < 2; k++)
            if (covered[k] < 0.90 * judged[k] || covered[k] > 0.99 * judged[k])
                fail_msg("model %zu, %s: %d of %d intervals cover", c, ds_redundancy_name(kinds[k]),
                         covered[k], judged[k]);
        ds__estimate_free(exact);
    }
    ds_bundle_free(draws);
}

/* The other order of the words, from the same noise. */
static void exchanged_words(void **state)
{
    static const float x[2] = { 2.2f, .9f };
    static const ds_pid_pair other = { .i_a = 1, .i_b = 0, .i_ab = 2 };
    ta_model m = model_of(shared);
    ds_source source;
    ds_estimator *e = sample(&source, &m, x, 5, pairs, 4);
    ds_error err = { 0 };

    (void)state;
    for (int kind = DS_REDUNDANCY_PM; kind < DS_REDUNDANCY_IMIN; kind++)
        for (int form = DS_INFO_O; form <= DS_INFO_S; form++)
            for (double delta = -1; delta < 1.1; delta += .25) {
                ds_pid_question q = { sizeof q, (ds_redundancy)kind, (ds_info_form)form, delta,
                                      false };
                ds_pid_answer a, b;
                float p[8], r[8];

                ts_ok(ds__pid_solve(e, &a, p, NULL, &two_words, NULL, &q, &err), &err);
                q.delta = -delta;
                ts_ok(ds__pid_solve(e, &b, r, NULL, &other, NULL, &q, &err), &err);
                assert_memory_equal(&a.image[R], &b.image[R], sizeof a.image[R]);
                assert_memory_equal(&a.image[S], &b.image[S], sizeof a.image[S]);
                assert_memory_equal(&a.image[UA], &b.image[UB], sizeof a.image[R]);
                for (int j = 0; j < 2; j++) {
                    assert_true(p[2 * R + j] == r[2 * R + j] && p[2 * S + j] == r[2 * S + j]);
                    assert_true(p[2 * UA + j] == r[2 * UB + j] && p[2 * UB + j] == r[2 * UA + j]);
                }
                assert_true(a.dominated == b.dominated && a.undecided == b.undecided);
            }
    ds__estimate_free(e);
}

/* Atoms and informations of an estimate add up, in every pixel and in all. */
static void atoms_of_an_estimate_add_up(void **state)
{
    static const float x[2] = { 1, 2.5f };
    ta_model m = model_of(shared);
    ds_source source;
    ds_estimator *e = sample(&source, &m, x, 9, pairs, 4);
    ds_error err = { 0 };

    (void)state;
    for (int kind = DS_REDUNDANCY_PM; kind < DS_REDUNDANCY_IMIN; kind++)
        for (int form = DS_INFO_O; form <= DS_INFO_S; form++) {
            ds_pid_question q = { sizeof q, (ds_redundancy)kind, (ds_info_form)form, .3, false };
            ds_pid_answer a;
            float p[8];
            double i[3][2];

            ts_ok(ds__pid_solve(e, &a, p, NULL, &two_words, NULL, &q, &err), &err);
            for (int k = 0; k < 3; k++)
                ds__estimate_map(e, i[k], k, (ds_info_form)form, 0, 0);
            for (int j = 0; j < 2; j++) {
                near("A", p[2 * UA + j] + p[2 * R + j], i[0][j], 1e-5 * (1 + fabs(i[0][j])));
                near("B", p[2 * UB + j] + p[2 * R + j], i[1][j], 1e-5 * (1 + fabs(i[1][j])));
                near("both", p[2 * UA + j] + p[2 * UB + j] + p[2 * R + j] + p[2 * S + j], i[2][j],
                     1e-5 * (1 + fabs(i[2][j])));
            }
            near("total", a.image[UA].value + a.image[R].value, a.i_a.value, 1e-12);
            near("total", a.sum[UA].value + a.sum[R].value, a.i_a.value, 1e-12);
            near("total", a.image[S].value - a.image[R].value,
                 a.i_ab.value - a.i_a.value - a.i_b.value, 1e-12);
        }
    ds__estimate_free(e);
}

/* Without cross-fitting: R(0) is the larger information, R falls with Delta, R(inf) is i_A. */
static void plain_answers_follow_the_closed_form(void **state)
{
    static const float x[2] = { 1, 2.5f };
    ta_model m = model_of(indep);
    ds_source source;
    ds_estimator *e = sample(&source, &m, x, 3, pairs, 4);
    ds_pid_question q = { sizeof q, DS_REDUNDANCY_PM, DS_INFO_O, 0, true };
    ds_pid_answer a;
    ds_error err = { 0 };
    double last;

    (void)state;
    ts_ok(ds__pid_solve(e, &a, NULL, NULL, &two_words, NULL, &q, &err), &err);
    last = a.image[R].value;
    assert_true(last == fmax(a.i_a.value, a.i_b.value));
    for (q.delta = 0.05; q.delta < 4; q.delta += 0.05) {
        ts_ok(ds__pid_solve(e, &a, NULL, NULL, &two_words, NULL, &q, &err), &err);
        assert_true(a.image[R].value <= last + 1e-12);
        last = a.image[R].value;
    }
    q.delta = INFINITY;
    ts_ok(ds__pid_solve(e, &a, NULL, NULL, &two_words, NULL, &q, &err), &err);
    assert_true(a.image[R].value == a.i_a.value && a.image[UA].value == 0 && a.dominated);
    near("R", a.sum[R].value, a.i_a.value, 1e-12);
    ds__estimate_free(e);
}

/* y1 and y2 stand for the words of vocabularies {y = 0, y = 1}: imin of the two-pixel picture
 * against the sum over words by hand. */
static void imin_is_an_expectation(void **state)
{
    /* conditionings: nothing; y1 = 0, 1; y2 = 0, 1; 00, 01, 10, 11 */
    static const double all[36] = { .25, .25, .25, .25, .5, .5, 0, 0,  0, 0, .5, .5,
                                    .5,  0,   .5,  0,   0,  .5, 0, .5, 1, 0, 0,  0,
                                    0,   1,   0,   0,   0,  0,  1, 0,  0, 0, 0,  1 };
    static const ds_info_pair of[] = { { 1, 0 }, { 2, 0 }, { 3, 0 }, { 4, 0 },
                                       { 5, 0 }, { 6, 0 }, { 7, 0 }, { 8, 0 } };
    static int64_t single_a[] = { 0, 1 }, single_b[] = { 2, 3 }, joint[] = { 4, 5, 6, 7 };
    static double half[] = { .5, .5 };
    static const ds_pid_words words = { { 2, 2 }, { single_a, single_b }, joint, { half, half } };
    static const float x[2] = { 2, 1 };
    ta_model m = model_of(shared);
    ds_source source;
    ds_estimator *e;
    ds_pid_question q = { sizeof q, DS_REDUNDANCY_IMIN, DS_INFO_O, 0, false };
    ds_pid_answer a;
    ds_error err = { 0 };
    double want = 0, sum = 0;

    (void)state;
    m.conditions = 9;
    m.prior = all;
    e = sample(&source, &m, x, 11, of, 8);
    ts_ok(ds__pid_solve(e, &a, NULL, NULL, &two_words, &words, &q, &err), &err);
    for (int v = 0; v < 2; v++) {
        double p = exp(ds__estimate_total(e, v, DS_INFO_S, 0, 0));

        sum += p;
        want += p * ds__estimate_total(e, v, DS_INFO_O, 0, 0);
    }
    near("i_A", a.i_a.value, want / sum, 1e-12);
    near("i_A", a.image[R].value + a.image[UA].value, want / sum, 1e-12);
    assert_true(a.image[UA].value >= 0 && a.image[UB].value >= 0);
    ds__estimate_free(e);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static ds_tokenizer *tokenizer(void)
{
    ds_tokenizer *t;
    ds_error err = { 0 };

    ts_ok(ds_tokenizer_open_model(&t, ts_tiny_model(false), 1, &err), &err);
    return t;
}

#define WORDS(...)                                                                                 \
    .word = (const char *const[])                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void texts_of_two_words(void **state)
{
    ds_tokenizer *t = tokenizer();
    ds_pid_options o = { .prompt = "a cow and a giraffe", WORDS("cow", "giraffe"), .words = 2 };
    ds_pid_texts x;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
    assert_int_equal(x.texts, 4);
    assert_int_equal(x.units, 1);
    assert_null(x.warning);
    assert_string_equal(x.unit[0].base, "");
    assert_string_equal(x.unit[0].a, "cow");
    assert_string_equal(x.unit[0].b, "giraffe");
    assert_string_equal(x.unit[0].ab, "cow giraffe");
    ds__pid_texts_free(&x);

    o.joint = DS_PID_JOINT_AND;
    ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
    assert_string_equal(x.unit[0].ab, "cow and giraffe");
    ds__pid_texts_free(&x);
    o.joint = DS_PID_JOINT_PROMPT;
    ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
    assert_string_equal(x.unit[0].ab, o.prompt);
    ds__pid_texts_free(&x);

    o.given = DS_PID_GIVEN_CONTEXT;
    o.removal = DS_REMOVE_UNDERSCORE;
    ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
    assert_string_equal(x.unit[0].base, "a _ and a _");
    assert_string_equal(x.unit[0].a, "a cow and a _");
    assert_string_equal(x.unit[0].b, "a _ and a giraffe");
    assert_string_equal(x.unit[0].ab, o.prompt);
    ds__pid_texts_free(&x);

    /* a prompt of the two words alone: CPID is PID */
    o.prompt = "cow giraffe";
    o.removal = DS_REMOVE_DELETE;
    ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
    assert_string_equal(x.unit[0].ab, "cow giraffe");
    assert_int_equal(strspn(x.unit[0].base, " "), strlen(x.unit[0].base));
    ds__pid_texts_free(&x);
    ds_tokenizer_close(t);
}

static void words_that_are_one(void **state)
{
    ds_tokenizer *t = tokenizer();
    ds_pid_options o = { .prompt = "a cat", WORDS("cat", "Cat"), .words = 2 };
    ds_pid_texts x;
    ds_error err = { 0 };

    (void)state;
    for (int given = DS_PID_GIVEN_NOTHING; given <= DS_PID_GIVEN_CONTEXT; given++) {
        o.given = (ds_pid_given)given;
        ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
        assert_int_equal(strcasecmp(x.unit[0].a, x.unit[0].b), 0);
        assert_int_equal(strcasecmp(x.unit[0].a, x.unit[0].ab), 0);
        assert_int_not_equal(strcasecmp(x.unit[0].a, x.unit[0].base), 0);
        ds__pid_texts_free(&x);
    }
    ds_tokenizer_close(t);
}

/* 1 + K + K (K - 1) / 2 texts for all pairs of K words, and the same texts as single pairs have. */
static void many_words_share_their_texts(void **state)
{
    ds_tokenizer *t = tokenizer();
    ds_pid_options o = { .prompt = "one two three four five six",
                         WORDS("one", "two", "three", "four", "five", "six"),
                         .words = 6 };
    ds_pid_texts x, y;
    ds_error err = { 0 };

    (void)state;
    for (int given = DS_PID_GIVEN_NOTHING; given <= DS_PID_GIVEN_CONTEXT; given++) {
        o.given = (ds_pid_given)given;
        ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
        assert_int_equal(x.texts, 1 + 6 + 15);
        assert_int_equal(x.units, 15);
        for (int64_t u = 0; u < x.units; u++) {
            ds_pid_options two = o;

            two.word = (const char *const[]){ o.word[x.unit[u].word_a], o.word[x.unit[u].word_b] };
            two.words = 2;
            ts_ok(ds__pid_texts(&y, t, &two, &err), &err);
            assert_string_equal(x.unit[u].base, y.unit[0].base);
            assert_string_equal(x.unit[u].a, y.unit[0].a);
            assert_string_equal(x.unit[u].b, y.unit[0].b);
            assert_string_equal(x.unit[u].ab, y.unit[0].ab);
            assert_string_equal(x.text[x.pair[x.unit[u].i_a].with], y.unit[0].a);
            assert_string_equal(x.text[x.pair[x.unit[u].i_ab].without], y.unit[0].base);
            ds__pid_texts_free(&y);
        }
        ds__pid_texts_free(&x);
    }
    o.given = DS_PID_GIVEN_NOTHING;
    o.first_only = true;
    ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
    assert_int_equal(x.units, 5);
    assert_int_equal(x.texts, 1 + 6 + 5);
    ds__pid_texts_free(&x);
    ds_tokenizer_close(t);
}

/* Units hand out the prompt and the words: they must outlive the caller's strings. */
static void strings_are_copied(void **state)
{
    char prompt[] = "a cow and a giraffe", cow[] = "cow", giraffe[] = "giraffe";
    const char *word[2] = { cow, giraffe };
    ds_tokenizer *t = tokenizer();
    ds_pid_options o = { .prompt = prompt, .word = word, .words = 2, .joint = DS_PID_JOINT_PROMPT };
    ds_pid_texts x;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
    memset(prompt, '#', sizeof prompt - 1);
    memset(cow, '#', sizeof cow - 1);
    memset(giraffe, '#', sizeof giraffe - 1);
    word[0] = word[1] = NULL;
    assert_string_equal(x.unit[0].a, "cow");
    assert_string_equal(x.unit[0].b, "giraffe");
    assert_string_equal(x.unit[0].ab, "a cow and a giraffe");
    ds__pid_texts_free(&x);
    ds_tokenizer_close(t);
}

static void texts_of_the_caller(void **state)
{
    static const ds_pid_quad quads[] = { { "a", "a male", "a nurse", "a male nurse" },
                                         { "a", "a female", "a nurse", "a female nurse" } };
    ds_tokenizer *t = tokenizer();
    ds_pid_options o = { .quad = quads, .quads = 2 };
    ds_pid_texts x;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
    assert_int_equal(x.units, 2);
    assert_int_equal(x.texts, 6);
    assert_string_equal(x.unit[1].ab, "a female nurse");
    assert_int_equal(x.unit[0].i_b, x.unit[1].i_b);
    ds__pid_texts_free(&x);
    ds_tokenizer_close(t);
}

static void vocabularies(void **state)
{
    static const char *const places[] = { "sea" };
    char horse[] = "horse";
    const char *const animals[] = { "cow", horse, "pig" };
    static const double even[] = { 1, 1, 2 };
    const ds_pid_vocabulary v[2] = { { animals, even, 3 }, { places, even, 1 } };
    ds_tokenizer *t = tokenizer();
    ds_pid_options o = {
        .prompt = "a cow at sea", WORDS("cow", "sea"), .words = 2, .vocabulary = v
    };
    ds_pid_texts x;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
    assert_int_equal(x.texts, 1 + 3 + 1 + 3);
    assert_true(x.vocabulary.prior[0][2] == 0.5);
    assert_string_equal(x.text[x.pair[x.vocabulary.joint[1]].with], "horse sea");
    horse[0] = 'H'; /* texts outlive the caller's words */
    assert_string_equal(x.text[x.pair[x.vocabulary.single[0][1]].with], "horse");
    horse[0] = 'h';
    ds__pid_texts_free(&x);
    o.given = DS_PID_GIVEN_CONTEXT;
    ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
    assert_string_equal(x.text[x.pair[x.vocabulary.joint[1]].with], "a horse at sea");
    assert_string_equal(x.text[x.pair[x.vocabulary.single[0][2]].with], "a pig at ");
    ds__pid_texts_free(&x);
    o.word = (const char *const[]){ "cow", "land" };
    o.given = DS_PID_GIVEN_NOTHING;
    assert_int_equal(ds__pid_texts(&x, t, &o, &err), DS_E_ARG);
    assert_non_null(strstr(err.text, "lacks the word \"land\""));
    ds__pid_texts_free(&x);
    ds_tokenizer_close(t);
}

static void wrong_words(void **state)
{
    ds_tokenizer *t = tokenizer();
    const struct {
        ds_pid_options o;
        ds_status status;
        const char *text;
    } rows[] = {
        { { .prompt = "a cow", WORDS("cow", "pig"), .words = 2, .given = DS_PID_GIVEN_CONTEXT },
          DS_E_NOMATCH,
          "\"pig\" is not a word of the prompt" },
        { { .prompt = "cow", WORDS("cow", "o"), .words = 2, .given = DS_PID_GIVEN_CONTEXT },
          DS_E_NOMATCH,
          "\"o\" is not a word of the prompt" },
        { { WORDS("cow", "pig"), .words = 2, .given = DS_PID_GIVEN_CONTEXT },
          DS_E_ARG,
          "a context is that of a prompt" },
        { { WORDS("cow", "pig"), .words = 2, .joint = DS_PID_JOINT_PROMPT },
          DS_E_ARG,
          "none is given" },
        { { WORDS("cow"), .words = 1 }, DS_E_ARG, "expected 2 to" },
        { { WORDS("cow", " "), .words = 2 }, DS_E_ARG, "word 2 is empty" },
        { { WORDS("cow", "\xff"), .words = 2 }, DS_E_ARG, "UTF-8" },
    };

    (void)state;
    for (size_t n = 0; n < DS_COUNT(rows); n++) {
        ds_error err = { 0 };
        ds_pid_texts x;

        assert_int_equal(ds__pid_texts(&x, t, &rows[n].o, &err), rows[n].status);
        if (strstr(err.text, rows[n].text) == NULL)
            fail_msg("row %zu: %s", n, err.text);
        ds__pid_texts_free(&x);
    }
    ds_tokenizer_close(t);
}

static void a_word_outside_the_prompt_is_remarked(void **state)
{
    ds_tokenizer *t = tokenizer();
    ds_pid_options o = { .prompt = "a nurse", WORDS("nurse", "female"), .words = 2 };
    ds_pid_texts x;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__pid_texts(&x, t, &o, &err), &err);
    assert_non_null(strstr(x.warning, "\"female\" does not stand in the prompt"));
    ds__pid_texts_free(&x);
    ds_tokenizer_close(t);
}

/* ---- a network ------------------------------------------------------------------------------- */

static void on_a_network(void **state)
{
    static float noise[4 * 64];
    ds_tensor latent = { DS_DTYPE_F32, 4, { 1, 4, 8, 8 }, noise };
    ds_info_options i = DS_INFO_OPTIONS_INIT;
    ds_pid_options o = DS_PID_OPTIONS_INIT;
    ds_pid_question q = DS_PID_QUESTION_INIT;
    ds_pid_answer a;
    ds_error err = { 0 };
    float map[4 * 64], se[4 * 64];
    ds_model *m;
    ds_pid *p;

    (void)state;
    for (int k = 0; k < 256; k++)
        noise[k] = (float)sin(k * 1.7);
    ts_ok(ds_model_open(&m, ts_tiny_model(false), NULL, &err), &err);
    i.latent = &latent;
    i.replicates = 4;
    i.nodes = 2;
    o.info = &i;
    o.prompt = "a cow and a pig";
    o.word = (const char *const[]){ "cow", "pig", "cow" };
    o.words = 3;
    ts_ok(ds_pid_new(&p, m, &o, &err), &err);
    assert_int_equal(ds_pid_solve(p, &a, map, se, 0, &q, &err), DS_E_ARG);
    err = (ds_error){ 0 };
    ts_ok(ds_info_run(ds_pid_info(p), &err), &err);
    assert_int_equal(ds_info_describe(ds_pid_info(p)).prompts, 5); /* "", both, two orders */
    ts_ok(ds_pid_solve(p, &a, map, se, 0, &q, &err), &err);
    assert_true(a.i_a.value > 0 && a.i_b.value > 0 && a.image[R].se > 0);
    ts_ok(ds_pid_solve(p, &a, map, se, 1, &q, &err), &err); /* cow, cow */
    assert_true(a.image[R].value == a.i_a.value && a.image[UA].value == 0);
    assert_true(a.image[UB].value == 0 && a.image[S].value == 0);
    for (int j = 0; j < 64; j++)
        assert_true(map[64 + j] == 0 && map[128 + j] == 0 && map[192 + j] == 0 && se[192 + j] == 0);
    assert_int_equal(ds_pid_solve(p, &a, map, se, 3, &q, &err), DS_E_ARG);
    ds_pid_free(p);

    i.se = .02; /* goes on until the atoms are known to a fiftieth */
    o.goal = &q;
    o.words = 2;
    err = (ds_error){ 0 };
    ts_ok(ds_pid_new(&p, m, &o, &err), &err);
    ts_ok(ds_info_run(ds_pid_info(p), &err), &err);
    ts_ok(ds_pid_solve(p, &a, map, se, 0, &q, &err), &err);
    assert_true(ds_info_describe(ds_pid_info(p)).met);
    assert_true(ds_info_describe(ds_pid_info(p)).nodes > 2);
    for (int k = 0; k < DS_PID_ATOMS; k++)
        assert_true(a.image[k].se <= .02 * a.i_ab.value);
    ds_pid_free(p);
    ds_model_close(m);
}

static void no_memory(void **state)
{
    ds_tokenizer *t = tokenizer();
    ds_pid_options o = { .prompt = "one two three",
                         WORDS("one", "two", "three"),
                         .words = 3,
                         .given = DS_PID_GIVEN_CONTEXT };
    ds_status st = DS_E_NOMEM;

    (void)state;
    for (int64_t n = 1; st == DS_E_NOMEM; n++) {
        ds_error err = { 0 };
        ds_pid_texts x;

        ts_alloc_begin(n);
        st = ds__pid_texts(&x, t, &o, &err);
        ds__pid_texts_free(&x);
        assert_int_equal(ts_alloc_end(), 0);
    }
    assert_int_equal(st, DS_OK);
    ds_tokenizer_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_informations),
        cmocka_unit_test(known_atoms),
        cmocka_unit_test(intervals_cover),
        cmocka_unit_test(exchanged_words),
        cmocka_unit_test(atoms_of_an_estimate_add_up),
        cmocka_unit_test(plain_answers_follow_the_closed_form),
        cmocka_unit_test(imin_is_an_expectation),
        cmocka_unit_test(texts_of_two_words),
        cmocka_unit_test(words_that_are_one),
        cmocka_unit_test(many_words_share_their_texts),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(texts_of_the_caller),
        cmocka_unit_test(vocabularies),
        cmocka_unit_test(wrong_words),
        cmocka_unit_test(a_word_outside_the_prompt_is_remarked),
        cmocka_unit_test(on_a_network),
        cmocka_unit_test(no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

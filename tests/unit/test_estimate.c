/* The estimator on denoisers in closed form: known informations, chain rule, intervals, files. */

#include "analytic.h"
#include "support.h"

#include "methods/estimate/draws.h"

#include <diffuscope/rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Runs recorded draws through a model; free with ds__estimate_free. */
static ds_estimator *replay(ta_model *m, const float *latent, const ds_bundle *draws,
                            const ds_info_pair *pair, int64_t pairs)
{
    static ds_source source; /* one estimate at a time */
    ds_draw_plan plan = { .parts = 1, .recorded = draws };
    ds_estimator *e;
    ds_error err = { 0 };

    source = ta_source(m, ds__plan_batch(&plan, 64));
    ts_ok(ds__estimate_new(&e, &source, latent, &plan, pair, pairs, &err), &err);
    ts_ok(ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, NULL, &err), &err);
    return e;
}

static void near(const char *what, double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: %.8f, expected %.8f", what, got, want);
}

static const ds_info_pair word[] = { { 1, 0 } };

/* ---- T1: one Gaussian pixel ------------------------------------------------------------------ */

static void gaussian_points(void **state)
{
    static const struct {
        double x, y, rho, s, o;
    } rows[] = { { .7, -.3, .75, -.319518, .327570 },
                 { .7, 1.2, .75, .612625, .552777 },
                 { 0, 0, .9, .830366, .219920 },
                 { 2, 2, .9, 2.725102, 1.505069 } };
    ds_bundle *draws = ta_quadrature(-40, 40, 1600, 3, 1);

    (void)state;
    for (int answer = DS_ANSWER_EPS; answer <= DS_ANSWER_FLOW; answer++)
        for (size_t i = 0; i < DS_COUNT(rows); i++) {
            const double mean[2] = { 0, rows[i].rho * rows[i].y };
            const double var[2] = { 1, 1 - rows[i].rho * rows[i].rho };
            float x = (float)rows[i].x;
            ta_model m = { .answer = (ds_answer)answer,
                           .conditions = 2,
                           .channels = 1,
                           .height = 1,
                           .width = 1,
                           .mean = mean,
                           .var = var };
            ds_estimator *e = replay(&m, &x, draws, word, 1);

            /* The ends of the range cost flow and v digits, where they divide by small numbers. */
            near("i_s", ds__estimate_total(e, 0, DS_INFO_S, 0, 0), rows[i].s, 1e-4);
            near("i_o", ds__estimate_total(e, 0, DS_INFO_O, 0, 0), rows[i].o, 1e-4);
            ds__estimate_free(e);
        }
    ds_bundle_free(draws);
}

/* Averages over x and y by nine pixels: three nodes each suffice for quadratic functions. */
static double truncated_average(double rho, double low, double high)
{
    static const double node[3] = { -1.7320508075688772, 0, 1.7320508075688772 };
    static const double share[3] = { 1.0 / 6, 2.0 / 3, 1.0 / 6 };
    double mean[18] = { 0 }, var[18], map[9], sum = 0;
    float latent[9];
    ds_bundle *one = ta_quadrature(low, high, 2000, 3, 1), *nine;
    ds_tensor *snr = ds_bundle_find(one, "logsnr"), *weight = ds_bundle_find(one, "weight");
    ds_tensor *t, *eps;
    ta_model m = { .conditions = 2, .channels = 1, .height = 3, .width = 3 };
    ds_estimator *e;
    ds_error err = { 0 };

    m.mean = mean;
    m.var = var;
    for (int i = 0; i < 9; i++) {
        mean[9 + i] = rho * node[i / 3];
        var[i] = 1;
        var[9 + i] = 1 - rho * rho;
        latent[i] = (float)(mean[9 + i] + sqrt(var[9 + i]) * node[i % 3]);
    }
    ts_ok(ds_bundle_new(&nine, &err), &err);
    ts_ok(ds_bundle_add(nine, "logsnr", DS_DTYPE_F32, 1, snr->dim, &t, &err), &err);
    memcpy(t->data, snr->data, (size_t)snr->dim[0] * 4);
    ts_ok(ds_bundle_add(nine, "weight", DS_DTYPE_F32, 1, snr->dim, &t, &err), &err);
    memcpy(t->data, weight->data, (size_t)snr->dim[0] * 4);
    ts_ok(ds_bundle_add(nine, "eps", DS_DTYPE_F32, DS_DIMS(snr->dim[0], 1, 3, 3), &t, &err), &err);
    eps = ds_bundle_find(one, "eps");
    for (int64_t i = 0; i < snr->dim[0] * 9; i++)
        ((float *)t->data)[i] = ((float *)eps->data)[i / 9];
    e = replay(&m, latent, nine, word, 1);
    ds__estimate_map(e, map, 0, DS_INFO_O, 0, 0);
    for (int i = 0; i < 9; i++)
        sum += share[i / 3] * share[i % 3] * map[i];
    ds__estimate_free(e);
    ds_bundle_free(one);
    ds_bundle_free(nine);
    return sum;
}

static void gaussian_averages(void **state)
{
    static const struct {
        double rho, all, narrow, published;
    } rows[] = { { .5, .143841, .142852, .143707 },
                 { .75, .413339, .410868, .413004 },
                 { .9, .830366, .825709, .829734 },
                 { .99, 1.958518, 1.933281, 1.955042 } };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(rows); i++) {
        near("I", truncated_average(rows[i].rho, -40, 40), rows[i].all, 1e-5);
        near("I on [-5,7]", truncated_average(rows[i].rho, -5, 7), rows[i].narrow, 5e-6);
        near("I on [-7,9]", truncated_average(rows[i].rho, -7, 9), rows[i].published, 5e-6);
    }
}

/* ---- T2: four dependent pixels --------------------------------------------------------------- */

/* Conditions mean and covariance on an observation x_at + N(0, 1/4) = value. */
static void observe(double *mean, double *cov, int at, double value)
{
    double column[4], gain = 1.0 / (cov[at * 4 + at] + 0.25), gap = value - mean[at];

    for (int i = 0; i < 4; i++)
        column[i] = cov[i * 4 + at];
    for (int i = 0; i < 4; i++) {
        mean[i] += column[i] * gain * gap;
        for (int j = 0; j < 4; j++)
            cov[i * 4 + j] -= column[i] * gain * column[j];
    }
}

static void four_pixels(void **state)
{
    /* conditionings: none, y, c, both */
    static const ds_info_pair pairs[] = {
        { 1, 0 }, { 3, 2 }, { 2, 0 }, { 3, 0 }, { 0, 1 }, { 2, 2 }
    };
    static const double want_s[4] = { 1.300719, 1.873039, .628719, 2.501758 };
    static const double want_o[4] = { 1.322686, 1.231114, .335590, 1.273986 };
    static const double map_o[2][4] = { { .232257, .803829, .198948, .087653 },
                                        { .247128, .829425, .142267, .012294 } };
    static const double map_s[4] = { .179904, 1.951934, -.120065, -.138734 };
    const float x[4] = { .5f, 1, -.2f, -1 };
    double mean[16] = { 0 }, cov[64], map[4], other[4], s[6], o[6];
    ds_bundle *draws = ta_quadrature(-40, 40, 2000, 0, 4);
    ta_model m = {
        .conditions = 4, .channels = 1, .height = 1, .width = 4, .mean = mean, .cov = cov
    };
    ds_estimator *e;

    (void)state;
    for (int i = 0; i < 64; i++)
        cov[i] = pow(.8, abs(i / 4 % 4 - i % 4));
    observe(mean + 4, cov + 16, 1, 1.3);
    observe(mean + 8, cov + 32, 3, -.6);
    observe(mean + 12, cov + 48, 1, 1.3);
    observe(mean + 12, cov + 48, 3, -.6);
    e = replay(&m, x, draws, pairs, 6);
    for (int p = 0; p < 6; p++) {
        s[p] = ds__estimate_total(e, p, DS_INFO_S, 0, 0);
        o[p] = ds__estimate_total(e, p, DS_INFO_O, 0, 0);
    }
    for (int p = 0; p < 4; p++) {
        near("i_s", s[p], want_s[p], 1e-4);
        near("i_o", o[p], want_o[p], 1e-4);
    }
    for (int p = 0; p < 2; p++) {
        ds__estimate_map(e, map, p, DS_INFO_O, 0, 0);
        for (int j = 0; j < 4; j++)
            near("i_o map", map[j], map_o[p][j], 1e-4);
        near("sum of the map", map[0] + map[1] + map[2] + map[3], o[p], 1e-12);
    }
    ds__estimate_map(e, map, 1, DS_INFO_S, 0, 0);
    for (int j = 0; j < 4; j++)
        near("i_s map", map[j], map_s[j], 1e-4);
    near("chain rule of i_s", (s[2] + s[1] - s[3]) / s[3], 0, 1e-6);
    near("chain residual of i_o", o[3] - o[2] - o[1], -.292718, 1e-4);
    /* Swapped and identical prompts, to the last bit. */
    assert_true(s[4] == -s[0] && o[4] == o[0] && s[5] == 0 && o[5] == 0);
    ds__estimate_map(e, map, 0, DS_INFO_S, 0, 0);
    ds__estimate_map(e, other, 4, DS_INFO_S, 0, 0);
    for (int j = 0; j < 4; j++)
        assert_true(map[j] == -other[j]);
    ds__estimate_free(e);
    ds_bundle_free(draws);
}

/* ---- T3: a mixture --------------------------------------------------------------------------- */

static void mixture(void **state)
{
    static const double rows[][3] = { { -1, -7.27699, 4.15075 },
                                      { 0, -4.27963, 3.91035 },
                                      { 1.5, 0, 2.69250 },
                                      { 3, 1.56596, 1.01053 },
                                      { 5, 1.60933, .43191 } };
    const double center[2] = { 0, 3 }, prior[4] = { .8, .2, 1e-300, 1 };
    ds_bundle *draws = ta_quadrature(-30, 30, 600, 80, 1);
    ta_model m = { .conditions = 2,
                   .channels = 1,
                   .height = 1,
                   .width = 1,
                   .components = 2,
                   .center = center,
                   .prior = prior };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(rows); i++) {
        float x = (float)rows[i][0];
        ds_estimator *e = replay(&m, &x, draws, word, 1);

        near("i_s", ds__estimate_total(e, 0, DS_INFO_S, 0, 0), rows[i][1], 1e-4);
        near("i_o", ds__estimate_total(e, 0, DS_INFO_O, 0, 0), rows[i][2], 1e-4);
        ds__estimate_free(e);
    }
    ds_bundle_free(draws);
}

/* ---- densities ------------------------------------------------------------------------------- */

static void check_density(const ds_density *d, double range)
{
    double mass = 0, mean = 0;
    int n = 20000;

    for (int i = 0; i < n; i++) {
        double u = d->low + (d->high - d->low) * (i + .5) / n, weight, back;

        mass += ds__density_at(d, u) * (d->high - d->low) / n;
        back = ds__density_quantile(d, (i + .5) / n, &weight);
        mean += weight / n;
        near("weight times density", weight * ds__density_at(d, back), 1, 1e-9);
    }
    near("mass", mass, 1, 1e-5);
    near("mean weight", mean, range, 1e-3 * range);
}

static void densities(void **state)
{
    static const double u[3] = { -5, -4, 3 }, mass[3] = { 0, 7, .1 }, width[3] = { 1, .4, 2 };
    ds_density d, fitted;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__density_uniform(&d, -2, 5, &err), &err);
    check_density(&d, 7);
    ts_ok(ds__density_logistic(&d, 1, 2, -7, 9, &err), &err);
    check_density(&d, 16);
    ts_ok(ds__density_fit(&fitted, &d, u, mass, width, 3, &err), &err);
    check_density(&fitted, 16);
    assert_true(ds__density_at(&fitted, -4) > 4 * ds__density_at(&fitted, -6.9));
    assert_int_equal(ds__density_logistic(&d, 1, 0, -7, 9, &err), DS_E_ARG);
    err = (ds_error){ 0 };
    assert_int_equal(ds__density_uniform(&d, 3, 3, &err), DS_E_ARG);
    err = (ds_error){ 0 };
    assert_int_equal(ds__density_fit(&fitted, &d, u, (double[]){ 1, -1, 1 }, width, 3, &err),
                     DS_E_ARG);
    err = (ds_error){ 0 };
    assert_int_equal(ds__density_fit(&fitted, &d, u, mass, mass, 3, &err), DS_E_ARG);
    assert_int_equal(fitted.kind, DS_DENSITY_FITTED);
}

/* ---- model G, smaller: intervals, files ------------------------------------------------------ */

#define SIDE 16
#define N    (4 * SIDE * SIDE)

static double g_mean[2 * N], g_var[2 * N], g_truth[2][SIDE * SIDE], g_total[2];
static float g_latent[N];

/* Independent pixels; the word fixes a twentieth of the variance in a disc, next to nothing
 * outside. Truth from T1, pixel by pixel, over all log-SNRs: the range below loses little. */
static void make_g(void)
{
    float r[2 * N];
    ds_rng rng;

    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 11);
    ds_rng_normal(&rng, r, 2 * N);
    memset(g_truth, 0, sizeof g_truth);
    for (int i = 0; i < N; i++) {
        int j = i % (SIDE * SIDE), y = j / SIDE - SIDE / 2, x = j % SIDE - SIDE / 2;
        double w = x * x + y * y < 14 * 14 * SIDE * SIDE / 4096 ? .95 : .999, l = -log(w) / (1 - w);
        double m = sqrt(1 - w) * (double)r[i], v = m + sqrt(w) * (double)r[N + i];

        g_mean[i] = 0;
        g_var[i] = 1;
        g_mean[N + i] = m;
        g_var[N + i] = w;
        g_latent[i] = (float)v;
        g_truth[0][j] +=
            .5 * (v * v + (v - m) * (v - m) / w - 2 * v * (v - m) * l + (1 + w) * l - 2);
        g_truth[1][j] += .5 * (-log(w) + v * v - (v - m) * (v - m) / w);
    }
    for (int f = 0; f < 2; f++) {
        g_total[f] = 0;
        for (int j = 0; j < SIDE * SIDE; j++)
            g_total[f] += g_truth[f][j];
    }
}

static ta_model g_model(void)
{
    return (ta_model){
        .conditions = 2, .channels = 4, .height = SIDE, .width = SIDE, .mean = g_mean, .var = g_var
    };
}

static ds_draw_plan g_plan(uint64_t seed)
{
    ds_draw_plan plan = {
        .replicates = 9, .nodes = 4, .antithetic = true, .phases = true, .seed = seed, .parts = 1
    };
    ds_error err = { 0 };

    ts_ok(ds__density_logistic(&plan.density, 0, 3, -16, 16, &err), &err);
    return plan;
}

/* 95 % intervals hold the truth in about 95 % of the runs: totals, and pixels of maps. The bounds
 * are those of the binomial of so few runs; the slow test has 200. */
static void intervals(void **state)
{
    const int runs = 40;
    int total[2] = { 0 };
    double pixel[2] = { 0 };
    ta_model m = g_model();
    ds_source s = ta_source(&m, 8);
    ds_error err = { 0 };

    (void)state;
    make_g();
    for (int run = 0; run < runs; run++) {
        ds_draw_plan plan = g_plan((uint64_t)run);
        ds_estimator *e;

        ts_ok(ds__estimate_new(&e, &s, g_latent, &plan, word, 1, &err), &err);
        ts_ok(ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, NULL, &err), &err);
        for (int f = 0; f < 2; f++) {
            double map[SIDE * SIDE], se[SIDE * SIDE];
            ds_value v = ds__estimate_value(e, 0, (ds_info_form)f);

            total[f] += v.low <= g_total[f] && g_total[f] <= v.high;
            ds__estimate_map(e, map, 0, (ds_info_form)f, 0, 0);
            ds__estimate_se_map(e, se, 0, (ds_info_form)f);
            for (int j = 0; j < SIDE * SIDE; j++)
                pixel[f] += fabs(map[j] - g_truth[f][j]) <= ds__estimate_quantile(e) * se[j];
        }
        ds__estimate_free(e);
    }
    for (int f = 0; f < 2; f++) {
        pixel[f] /= runs * SIDE * SIDE;
        print_message("i_%c: totals %d of %d, pixels %.1f %%\n", "os"[f], total[f], runs,
                      100 * pixel[f]);
        assert_in_range(total[f], 34, runs);
        if (pixel[f] < .90 || pixel[f] > .99)
            fail_msg("%.3f of the pixels are covered", pixel[f]);
    }
}

/* What lattices of any number of nodes miss is taken out of the standard error, at each level: the
 * noise of this total is below a thousandth, what two nodes miss is more than a tenth. */
static void phases(void **state)
{
    ta_model m = g_model();
    ds_source s = ta_source(&m, 2);
    ds_error err = { 0 };

    (void)state;
    make_g();
    for (int64_t nodes = 2; nodes <= 6; nodes++) {
        ds_draw_plan plan = g_plan((uint64_t)nodes);
        ds_estimator *e;

        plan.nodes = nodes;
        ts_ok(ds__estimate_new(&e, &s, g_latent, &plan, word, 1, &err), &err);
        for (int level = 1; level <= 4; level++) {
            ds_goal more = { .se = 1e-9, .forms = 1u << DS_INFO_O, .max_calls = 36 * nodes };
            ds_value v;

            more.max_calls <<= level - 1;
            ts_ok(ds__estimate_run(e, &more, NULL, NULL, NULL, &err), &err);
            assert_int_equal(ds__estimate_state(e).level, level);
            v = ds__estimate_value(e, 0, DS_INFO_O);
            near("lattice's share of the error", v.se / v.value, 0, level == 1 ? 3e-3 : 5e-4);
        }
        ds__estimate_free(e);
    }
}

static void same_estimates(const ds_estimator *a, const ds_estimator *b)
{
    double x[SIDE * SIDE], y[SIDE * SIDE];
    ds_estimate_state s = ds__estimate_state(a), t = ds__estimate_state(b);

    assert_int_equal(s.draws, t.draws);
    assert_int_equal(s.level, t.level);
    for (int f = 0; f < 2; f++) {
        ds_value v = ds__estimate_value(a, 0, (ds_info_form)f);
        ds_value w = ds__estimate_value(b, 0, (ds_info_form)f);

        assert_memory_equal(&v, &w, sizeof v);
        ds__estimate_map(a, x, 0, (ds_info_form)f, 0, 0);
        ds__estimate_map(b, y, 0, (ds_info_form)f, 0, 0);
        assert_memory_equal(x, y, sizeof x);
        ds__estimate_se_map(a, x, 0, (ds_info_form)f);
        ds__estimate_se_map(b, y, 0, (ds_info_form)f);
        assert_memory_equal(x, y, sizeof x);
    }
}

/* Stops the run after `user` calls. */
static ds_status stop_after(void *user, const ds_estimator *e, ds_error *err)
{
    int *left = user;

    (void)e;
    return --*left > 0 ? DS_OK : ds_fail(err, DS_E_CANCELLED, "enough");
}

static void fit_pilot(ds_density *d, const ds_source *s, ds_draw_plan plan)
{
    ds_estimator *e;
    ds_error err = { 0 };

    plan.replicates = 1;
    plan.nodes = 16;
    plan.antithetic = false;
    ts_ok(ds__estimate_new(&e, s, g_latent, &plan, word, 1, &err), &err);
    ts_ok(ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, NULL, &err), &err);
    ts_ok(ds__estimate_fit(e, d, &plan.density, &err), &err);
    assert_int_equal(d->kind, DS_DENSITY_FITTED);
    ds__estimate_free(e);
}

/* A run that is killed twice, and one that is shared by three, end as one that is neither. */
static void resumed_and_merged(void **state)
{
    const char *file = ts_path("/tmp", "ds-test-estimate-%d", rand());
    ta_model m = g_model();
    ds_source s = ta_source(&m, 8);
    ds_draw_plan plan = g_plan(5);
    ds_goal goal = { .se = 0.00013, .forms = 1u << DS_INFO_O, .floor = 0.1, .max_calls = 2000 };
    ds_estimator *whole, *part;
    ds_density fitted;
    ds_error err = { 0 };

    (void)state;
    make_g();
    fit_pilot(&fitted, &s, plan);
    ts_ok(ds__estimate_new(&whole, &s, g_latent, &plan, word, 1, &err), &err);
    ds__estimate_set_density(whole, &fitted, 32, 0);
    ts_ok(ds__estimate_run(whole, &goal, NULL, NULL, NULL, &err), &err);
    assert_true(ds__estimate_state(whole).met && ds__estimate_state(whole).level > 1);
    for (int run = 0; run < 3; run++) {
        int left = run < 2 ? 5 : 1 << 20;
        ds_status st;

        ts_ok(ds__estimate_new(&part, &s, g_latent, &plan, word, 1, &err), &err);
        if (run == 0)
            ds__estimate_set_density(part, &fitted, 32, 0);
        else
            ts_ok(ds__estimate_load(part, file, &err), &err);
        st = ds__estimate_run(part, &goal, stop_after, &left, NULL, &err);
        assert_int_equal(st, run < 2 ? DS_E_CANCELLED : DS_OK);
        err = (ds_error){ 0 };
        ts_ok(ds__estimate_save(part, file, &err), &err);
        if (run < 2)
            ds__estimate_free(part);
    }
    same_estimates(whole, part);
    assert_int_equal(ds__estimate_state(part).calls, ds__estimate_state(whole).calls);
    ds__estimate_free(part);
    ds__estimate_free(whole);

    goal = (ds_goal){ 0 };
    plan.density = fitted;
    ts_ok(ds__estimate_new(&whole, &s, g_latent, &plan, word, 1, &err), &err);
    ts_ok(ds__estimate_run(whole, &goal, NULL, NULL, NULL, &err), &err);
    plan.parts = 3;
    ts_ok(ds__estimate_new(&part, &s, g_latent, &plan, word, 1, &err), &err);
    for (int i = 0; i < 3; i++) {
        ds_estimator *third;

        plan.part = i;
        ts_ok(ds__estimate_new(&third, &s, g_latent, &plan, word, 1, &err), &err);
        ts_ok(ds__estimate_run(third, &goal, NULL, NULL, NULL, &err), &err);
        ts_ok(ds__estimate_save(third, file, &err), &err);
        ts_ok(ds__estimate_merge(part, file, &err), &err);
        ds__estimate_free(third);
    }
    same_estimates(whole, part);
    assert_int_equal(ds__estimate_merge(part, file, &err), DS_E_ARG); /* twice */
    ds__estimate_free(part);
    ds__estimate_free(whole);
    remove(file);
}

/* Files of another run, or damaged ones, are refused. */
static void foreign_files(void **state)
{
    const char *file = ts_path("/tmp", "ds-test-estimate-%d", rand());
    ta_model m = g_model();
    ds_source s = ta_source(&m, 8);
    ds_draw_plan plan = g_plan(5);
    ds_estimator *e, *other;
    ds_bundle *b;
    ds_error err = { 0 };

    (void)state;
    make_g();
    ts_ok(ds__estimate_new(&e, &s, g_latent, &plan, word, 1, &err), &err);
    ts_ok(ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, NULL, &err), &err);
    ts_ok(ds__estimate_save(e, file, &err), &err);
    plan.seed++;
    ts_ok(ds__estimate_new(&other, &s, g_latent, &plan, word, 1, &err), &err);
    assert_int_equal(ds__estimate_load(other, file, &err), DS_E_ARG);
    ds__estimate_free(other);
    plan.seed--;
    g_latent[3] += 1;
    ts_ok(ds__estimate_new(&other, &s, g_latent, &plan, word, 1, &err), &err);
    err = (ds_error){ 0 };
    assert_int_equal(ds__estimate_load(other, file, &err), DS_E_ARG);
    assert_non_null(strstr(err.text, "latent"));
    ds__estimate_free(other);
    err = (ds_error){ 0 };
    ts_ok(ds_bundle_new(&b, &err), &err);
    ts_ok(ds_bundle_save(b, file, &err), &err);
    ds_bundle_free(b);
    assert_int_equal(ds__estimate_load(e, file, &err), DS_E_FORMAT);
    ds__estimate_free(e);
    remove(file);
}

/* Saved draws, replayed, give the estimate again. */
static void draws_repeat(void **state)
{
    ta_model m = g_model();
    ds_source s = ta_source(&m, 8);
    ds_draw_plan plan = g_plan(3);
    ds_estimator *e, *again;
    ds_bundle *draws;
    ds_error err = { 0 };
    double a, b;

    (void)state;
    make_g();
    ts_ok(ds__estimate_new(&e, &s, g_latent, &plan, word, 1, &err), &err);
    ts_ok(ds__estimate_run(e, &(ds_goal){ .se = 1e-6, .forms = 1, .floor = .1, .max_calls = 300 },
                           NULL, NULL, NULL, &err),
          &err);
    assert_int_equal(ds__estimate_state(e).level, 2);
    ts_ok(ds_bundle_new(&draws, &err), &err);
    ts_ok(ds__estimate_draws(e, draws, &err), &err);
    a = ds__estimate_total(e, 0, DS_INFO_O, 0, 0);
    ds__estimate_free(e);
    again = replay(&m, g_latent, draws, word, 1);
    b = ds__estimate_total(again, 0, DS_INFO_O, 0, 0);
    near("replayed", b / a, 1, 1e-6);
    ds__estimate_free(again);
    ds_bundle_free(draws);
}

static void bad_plans(void **state)
{
    ta_model m = g_model();
    ds_source s = ta_source(&m, 8);
    ds_estimator *e;
    ds_draw_plan plan;
    ds_error err = { 0 };

    (void)state;
    make_g();
    for (int i = 0; i < 6; i++) {
        ds_info_pair pair = { i == 5 ? 2 : 1, 0 };

        plan = g_plan(0);
        plan.replicates = i == 0 ? 0 : i == 1 ? 1 << 20 | 1 : 9;
        plan.nodes = i == 2 ? 0 : 4;
        plan.parts = i == 3 ? 10 : 1;
        s.images = i == 4 ? 7 : 8;
        err = (ds_error){ 0 };
        assert_int_equal(ds__estimate_new(&e, &s, g_latent, &plan, &pair, 1, &err), DS_E_ARG);
        assert_null(e);
        assert_true(err.text[0] != '\0');
    }
    s.images = 8;
    plan = g_plan(0);
    err = (ds_error){ 0 };
    ts_ok(ds__estimate_new(&e, &s, g_latent, &plan, word, 1, &err), &err);
    assert_int_equal(ds__estimate_run(e, &(ds_goal){ .max_calls = 10 }, NULL, NULL, NULL, &err),
                     DS_E_ARG);
    g_latent[0] = NAN;
    ds__estimate_free(e);
    err = (ds_error){ 0 };
    ts_ok(ds__estimate_new(&e, &s, g_latent, &plan, word, 1, &err), &err);
    assert_int_equal(ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, NULL, &err), DS_E_FORMAT);
    ds__estimate_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gaussian_points), cmocka_unit_test(gaussian_averages),
        cmocka_unit_test(four_pixels),     cmocka_unit_test(mixture),
        cmocka_unit_test(densities),       cmocka_unit_test(intervals),
        cmocka_unit_test(phases),          cmocka_unit_test(resumed_and_merged),
        cmocka_unit_test(foreign_files),   cmocka_unit_test(draws_repeat),
        cmocka_unit_test(bad_plans),
    };

    return cmocka_run_group_tests_name("estimate", tests, NULL, NULL);
}

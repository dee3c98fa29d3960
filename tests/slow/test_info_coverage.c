/* 95 % intervals hold the truth in 90 to 99 % of 200 runs on Gaussian pictures at Stable
 * Diffusion's latent size: totals and maps, one level, until an error is reached, and with a
 * density fitted to a pilot. */

#include "analytic.h"
#include "support.h"

#include "methods/estimate.h"

#include <math.h>
#include <stdlib.h>

#define RUNS 200

static const ds_info_pair word[] = { { 1, 0 } };

typedef struct tally {
    int total[2];
    double pixel[2];
    int64_t calls;
} tally;

static void count(tally *t, const ds_estimator *e, const ta_scene *s)
{
    int64_t pixels = s->side * s->side;
    double *map = malloc((size_t)pixels * sizeof *map), *se = malloc((size_t)pixels * sizeof *se);

    t->calls += ds__estimate_state(e).calls;
    for (int f = 0; f < 2; f++) {
        ds_info_value v = ds__estimate_value(e, 0, (ds_info_form)f);
        double half = ds__estimate_quantile(e);

        t->total[f] += v.low <= s->total[f] && s->total[f] <= v.high;
        if (s->truth[f] == NULL)
            continue;
        ds__estimate_map(e, map, 0, (ds_info_form)f, 0, 0);
        ds__estimate_se_map(e, se, 0, (ds_info_form)f);
        for (int64_t j = 0; j < pixels; j++)
            t->pixel[f] += fabs(map[j] - s->truth[f][j]) <= half * se[j];
    }
    free(map);
    free(se);
}

static void fit(ds_draw_plan *plan, const ds_source *source, const ta_scene *s)
{
    ds_draw_plan pilot = *plan;
    ds_estimator *e;
    ds_error err = { 0 };

    pilot.replicates = 1;
    pilot.nodes = 16;
    pilot.antithetic = false;
    pilot.seed = ~plan->seed;
    ts_ok(ds__estimate_new(&e, source, s->latent, &pilot, word, 1, &err), &err);
    ts_ok(ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, NULL, &err), &err);
    ts_ok(ds__estimate_fit(e, &plan->density, &pilot.density, &err), &err);
    ds__estimate_free(e);
}

static void check(char kind, int64_t side, int64_t nodes, double se, bool fitted)
{
    ds_goal goal = { .se = se, .forms = 1u << DS_INFO_O | 1u << DS_INFO_S, .floor = 0.1 };
    int64_t pixels = side * side;
    ta_scene s;
    ds_source source;
    tally t = { 0 };

    ta_scene_new(&s, kind, side, 1);
    source = ta_source(&s.model, 2);
    for (int run = 0; run < RUNS; run++) {
        ds_draw_plan plan = { .replicates = 9,
                         .nodes = nodes,
                         .antithetic = true,
                         .phases = true,
                         .seed = (uint64_t)run,
                         .parts = 1 };
        ds_estimator *e;
        ds_error err = { 0 };

        ts_ok(ds__density_logistic(&plan.density, 0, 3, -18, 18, &err), &err);
        if (fitted)
            fit(&plan, &source, &s);
        ts_ok(ds__estimate_new(&e, &source, s.latent, &plan, word, 1, &err), &err);
        ts_ok(ds__estimate_run(e, &goal, NULL, NULL, NULL, &err), &err);
        count(&t, e, &s);
        ds__estimate_free(e);
    }
    for (int f = 0; f < 2; f++) {
        print_message("%c, side %lld, --se %g%s: i_%c: totals %.1f %%, %lld calls\n", kind,
                      (long long)side, se, fitted ? ", fitted" : "", "os"[f],
                      100.0 * t.total[f] / RUNS, (long long)t.calls / RUNS);
        if (s.truth[f] != NULL)
            print_message("    pixels %.1f %%\n", 100 * t.pixel[f] / RUNS / (double)pixels);
        assert_in_range(t.total[f], RUNS * 90 / 100, RUNS * 99 / 100);
        if (s.truth[f] != NULL && (t.pixel[f] < .90 * RUNS * (double)pixels ||
                                   t.pixel[f] > .99 * RUNS * (double)pixels))
            fail_msg("pixels are not covered as they should be");
    }
    ta_scene_free(&s);
}

static void independent_pixels(void **state)
{
    (void)state;
    check('G', 64, 4, 0, false);
}

static void until_an_error(void **state)
{
    (void)state;
    check('G', 32, 2, 0.005, false);
}

static void fitted_density(void **state)
{
    (void)state;
    check('G', 32, 4, 0, true);
}

static void spectrum(void **state)
{
    (void)state;
    check('W', 16, 4, 0, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(independent_pixels),
        cmocka_unit_test(until_an_error),
        cmocka_unit_test(fitted_density),
        cmocka_unit_test(spectrum),
    };

    return cmocka_run_group_tests_name("info coverage", tests, NULL, NULL);
}

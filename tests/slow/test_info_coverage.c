/* 95 % intervals hold the truth in 90 to 99 % of 200 runs on pictures whose denoiser is known:
 * totals and maps, without and with a density fitted to a pilot, one level, until an error is
 * reached. Prints the root mean square error and, over it, that of the standard errors claimed.
 *
 * test_info_coverage [ROW]     one of the rows below, by its number from 0 */

#include "analytic.h"
#include "support.h"

#include "methods/estimate/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 200

static const ds_info_pair word[] = { { 1, 0 } };

typedef struct row {
    const char *name;
    char kind;
    int64_t side, nodes;
    double se;
    int64_t pilot; /* log-SNRs; 0: none */
} row;

static row rows[] = {
    { "G", 'G', 64, 4, 0, 0 },
    { "G, pilot", 'G', 32, 4, 0, 18 },
    { "G, until an error", 'G', 32, 2, 0.005, 0 },
    { "G, pilot, until an error", 'G', 32, 2, 0.005, 18 },
    { "W", 'W', 16, 4, 0, 0 },
    { "W, pilot", 'W', 16, 4, 0, 18 },
    { "W, pilot, as few draws as by default", 'W', 16, 2, 0, 18 },
};

typedef struct tally {
    double inside, off, claimed, truth; /* of squares but the first, summed */
} tally;

typedef struct study {
    ta_scene s;
    ds_source source;
    int64_t pixels, calls;
    double *truth[2];      /* maps */
    double total[2];       /* totals */
    double *map, *se;      /* of a run */
    tally sum[2], maps[2]; /* of totals, of pixels */
} study;

static ds_estimator *run(const study *x, const ds_draw_plan *plan, const ds_goal *goal)
{
    ds_estimator *e;
    ds_error err = { 0 };

    ts_ok(ds__estimate_new(&e, &x->source, x->s.latent, plan, word, 1, &err), &err);
    ts_ok(ds__estimate_run(e, goal, NULL, NULL, NULL, &err), &err);
    return e;
}

/* W's maps have no closed form: from 64 times the draws: an eighth of a run's error. */
static void find_truth(study *x, ds_draw_plan plan)
{
    size_t size = (size_t)x->pixels * sizeof(double);
    ds_estimator *e = NULL;

    plan.replicates = 15;
    plan.nodes *= 39;
    plan.seed = 1u << 30;
    for (int f = 0; f < 2; f++) {
        x->truth[f] = malloc(size);
        x->total[f] = x->s.total[f];
        if (x->s.truth[f] != NULL) {
            memcpy(x->truth[f], x->s.truth[f], size);
            continue;
        }
        if (e == NULL)
            e = run(x, &plan, &(ds_goal){ 0 });
        ds__estimate_map(e, x->truth[f], 0, (ds_info_form)f, 0, 0);
    }
    ds__estimate_free(e);
}

static void fit(const study *x, ds_draw_plan *plan, int64_t pilot)
{
    ds_draw_plan p = *plan;
    ds_estimator *e;
    ds_error err = { 0 };

    p.replicates = 1;
    p.nodes = pilot;
    p.antithetic = false;
    p.seed = ~plan->seed;
    e = run(x, &p, &(ds_goal){ 0 });
    ts_ok(ds__estimate_fit(e, &plan->density, &p.density, &err), &err);
    ds__estimate_free(e);
}

static void note(tally *t, double value, double truth, double se, double half)
{
    t->inside += fabs(value - truth) <= half * se;
    t->off += (value - truth) * (value - truth);
    t->claimed += se * se;
    t->truth += truth * truth;
}

static void count(study *x, const ds_estimator *e)
{
    double half = ds__estimate_quantile(e);

    x->calls += ds__estimate_state(e).calls;
    for (int f = 0; f < 2; f++) {
        ds_value v = ds__estimate_value(e, 0, (ds_info_form)f);

        note(&x->sum[f], v.value, x->total[f], v.se, (v.high - v.value) / v.se);
        ds__estimate_map(e, x->map, 0, (ds_info_form)f, 0, 0);
        ds__estimate_se_map(e, x->se, 0, (ds_info_form)f);
        for (int64_t j = 0; j < x->pixels; j++)
            note(&x->maps[f], x->map[j], x->truth[f][j], x->se[j], half);
    }
}

static bool covered(const tally *t, double n, char form, const char *what)
{
    double share = t->inside / n;

    print_message("    i_%c, %s: covered %.1f %%, error %.3g %%, claimed / real %.2f\n", form, what,
                  100 * share, 100 * sqrt(t->off / t->truth), sqrt(t->claimed / t->off));
    return share >= 0.90 && share <= 0.99;
}

static void check(void **state)
{
    const row *r = *state;
    ds_goal goal = { .se = r->se, .forms = 1u << DS_INFO_O | 1u << DS_INFO_S, .floor = 0.1 };
    ds_draw_plan plan = {
        .replicates = 9, .nodes = r->nodes, .antithetic = true, .phases = true, .parts = 1
    };
    study x = { .pixels = r->side * r->side };
    bool good = true;
    ds_error err = { 0 };

    ta_scene_new(&x.s, r->kind, r->side, 1);
    x.source = ta_source(&x.s.model, 2);
    x.map = malloc(2 * (size_t)x.pixels * sizeof *x.map);
    x.se = x.map + x.pixels;
    ts_ok(ds__density_logistic(&plan.density, 0, 3, -18, 18, &err), &err);
    find_truth(&x, plan);
    for (int i = 0; i < RUNS; i++) {
        ds_draw_plan mine = plan;
        ds_estimator *e;

        mine.seed = (uint64_t)i;
        if (r->pilot > 0)
            fit(&x, &mine, r->pilot);
        e = run(&x, &mine, &goal);
        count(&x, e);
        ds__estimate_free(e);
    }
    print_message("%s: side %lld, %lld calls\n", r->name, (long long)r->side,
                  (long long)(x.calls / RUNS + 2 * r->pilot));
    for (int f = 0; f < 2; f++) {
        good = covered(&x.sum[f], RUNS, "os"[f], "total") && good;
        good = covered(&x.maps[f], RUNS * (double)x.pixels, "os"[f], "map") && good;
        free(x.truth[f]);
    }
    free(x.map);
    ta_scene_free(&x.s);
    if (!good)
        fail_msg("an interval does not cover as it should");
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[DS_COUNT(rows)];
    size_t only = argc > 1 ? (size_t)atoi(argv[1]) : DS_COUNT(rows);

    for (size_t i = 0; i < DS_COUNT(rows); i++) {
        tests[i] = (struct CMUnitTest)cmocka_unit_test_prestate(check, &rows[i]);
        tests[i].name = rows[i].name;
    }
    if (only < DS_COUNT(rows)) {
        const struct CMUnitTest one[] = { tests[only] };

        return cmocka_run_group_tests_name("info coverage", one, NULL, NULL);
    }
    return cmocka_run_group_tests_name("info coverage", tests, NULL, NULL);
}

/* Whatever allocation fails while components are scored, chosen or redirected, the failure is reported and
 * nothing is left behind. */

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/job.h>
#include <diffuscope/methods.h>

static ds_model *model;
static char scores[] = "/tmp/ds-fault-XXXXXX";

typedef struct setting {
    const char *name, *value;
} setting;

static ds_status run(const char *method, const setting *s, const char *out, ds_error *err)
{
    ds_job_options o = DS_JOB_OPTIONS_INIT;
    const ds_method *m;
    ds_job *j = NULL;
    ds_status st = ds_method_find(&m, method, err);

    o.model = model;
    if (st == DS_OK)
        st = ds_job_new(&j, m, &o, err);
    if (st == DS_OK) /* else a default is looked for, which may be missing */
        st = ds_job_set(j, "model", ts_tiny_model(false), err);
    for (; st == DS_OK && s->name != NULL; s++)
        st = ds_job_set(j, s->name, s->value, err);
    if (st == DS_OK)
        st = ds_job_run(j, err);
    if (st == DS_OK && out != NULL)
        st = ds_result_save(ds_job_result(j), out, err);
    ds_job_free(j);
    return st;
}

static const setting score_settings[] = { { "concept", "a cat" }, { "weights", "true" },
                                          { "seeds", "2" },       { "steps", "1" },
                                          { "exact", "1" },       { NULL, NULL } };

static ds_status score(ds_error *err)
{
    return run("component-score", score_settings, NULL, err);
}

static ds_status edit(ds_error *err)
{
    const setting s[] = { { "scores", scores }, { "granularity", "neuron" },
                          { "count", "3" },     { "draws", "3" },
                          { "draws-at", "1" },  { "pictures", "0" },
                          { "yes", "true" },    { NULL, NULL } };

    return run("component-edit", s, NULL, err);
}

static ds_status prune(ds_error *err)
{
    const setting s[] = { { "scores", scores },
                          { "select", "prune" },
                          { "ratio", "0.1" },
                          { "pictures", "0" },
                          { NULL, NULL } };

    return run("component-edit", s, NULL, err);
}

static ds_status redirect(ds_error *err)
{
    const setting s[] = { { "concept", "cat" },
                          { "to", "dog" },
                          { "within", scores },
                          { "heads", "2" },
                          { NULL, NULL } };

    return run("component-redirect", s, NULL, err);
}

/* The first requests, then ever larger strides: a run makes tens of thousands. */
static void fails(ds_status (*make)(ds_error *err))
{
    int64_t all, failures = 0;
    ds_error err = { 0 };

    ts_ok(make(&err), &err); /* packs are made and kept */
    ts_alloc_begin(0);
    ts_ok(make(&err), &err);
    all = ts_alloc_requests();
    ts_alloc_end();
    for (int64_t n = 1; n <= all; n += 1 + n / 8) {
        ds_status st;

        err = (ds_error){ 0 };
        ts_alloc_begin(n);
        st = make(&err);
        if (ts_alloc_end() != 0)
            fail_msg("request %lld of %lld: something is left behind", (long long)n,
                     (long long)all);
        if (st != DS_E_NOMEM)
            fail_msg("request %lld of %lld: status %d, \"%s\"", (long long)n, (long long)all,
                     (int)st, err.text);
        assert_true(err.text[0] != '\0');
        failures++;
    }
    assert_true(failures > 20);
    ts_ok(make(&err), &err);
}

static void scores_fail(void **state)
{
    (void)state;
    fails(score);
}

static void edits_fail(void **state)
{
    (void)state;
    fails(edit);
}

static void prunings_fail(void **state)
{
    (void)state;
    fails(prune);
}

static void redirections_fail(void **state)
{
    (void)state;
    fails(redirect);
}

static int setup(void **state)
{
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_model_open(&model, ts_tiny_model(false), NULL, &err), &err);
    assert_non_null(mkdtemp(scores));
    ts_ok(run("component-score", score_settings, scores, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = { "run.json", "result.json", "tensors.safetensors",
                                         "report.html", "where.png" };
    char path[200];

    (void)state;
    ds_model_close(model);
    for (size_t i = 0; i < DS_COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", scores, files[i]);
        unlink(path);
    }
    rmdir(scores);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(scores_fail), cmocka_unit_test(edits_fail),
                                        cmocka_unit_test(prunings_fail),
                                        cmocka_unit_test(redirections_fail) };

    return cmocka_run_group_tests(tests, setup, teardown);
}

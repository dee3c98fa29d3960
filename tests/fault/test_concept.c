/* Whatever allocation fails while a concept is searched for, mixed or edited, the failure is reported and nothing
 * is left behind. */

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/job.h>
#include <diffuscope/methods.h>

static ds_model *model;
static char found[] = "/tmp/ds-fault-XXXXXX", words[] = "/tmp/ds-fault-XXXXXX";

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

static ds_status search_into(const char *out, ds_error *err)
{
    const setting s[] = {
        { "word", "q" },         { "prompt", "x <>" },      { "steps", "2" },
        { "batch", "1" },        { "restarts", "1" },       { "pictures", "1" },
        { "held-out", "2" },     { "bank-steps", "1" },     { "check-every", "2" },
        { "dictionary", words }, { "tokens", "3" },         { "from", "0" },
        { "sampler", "ddim" },   { "no-pictures", "true" }, { NULL, NULL }
    };

    return run("concept", s, out, err);
}

static ds_status search(ds_error *err)
{
    return search_into(NULL, err);
}

static ds_status mix(ds_error *err)
{
    static const setting s[] = { { "word", "q" },    { "prompt", "x <>" }, { "name", "a" },
                                 { "name", "b" },    { "name", "c" },      { "sentences", "1" },
                                 { "neutral", "1" }, { "batch", "3" },     { NULL, NULL } };

    return run("concept-mix", s, NULL, err);
}

static ds_status edit(ds_error *err)
{
    const setting s[] = { { "run", found },
                          { "scale", "c=2" },
                          { "steps", "1" },
                          { "sampler", "ddim" },
                          { NULL, NULL } };

    return run("concept-edit", s, NULL, err);
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

static void searches_fail(void **state)
{
    (void)state;
    fails(search);
}

static void mixtures_fail(void **state)
{
    (void)state;
    fails(mix);
}

static void edits_fail(void **state)
{
    (void)state;
    fails(edit);
}

static int setup(void **state)
{
    static const char list[] = "a\nb\nc\nd\n";
    ds_error err = { 0 };
    int fd;

    (void)state;
    ts_ok(ds_model_open(&model, ts_tiny_model(false), NULL, &err), &err);
    assert_non_null(mkdtemp(found));
    fd = mkstemp(words);
    assert_true(fd >= 0 && write(fd, list, sizeof list - 1) == (ssize_t)sizeof list - 1);
    close(fd);
    ts_ok(search_into(found, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    static const char *const files[] = { "run.json",    "result.json",    "tensors.safetensors",
                                         "report.html", "q-equation.png", "q-sheet.png" };
    char path[200];

    (void)state;
    ds_model_close(model);
    for (size_t i = 0; i < DS_COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", found, files[i]);
        unlink(path);
    }
    unlink(words);
    rmdir(found);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(searches_fail),
                                        cmocka_unit_test(mixtures_fail),
                                        cmocka_unit_test(edits_fail) };

    return cmocka_run_group_tests(tests, setup, teardown);
}

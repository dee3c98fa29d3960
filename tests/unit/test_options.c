/* Options of callers that were built with another version: shorter ones keep the defaults of what they lack,
 * longer ones may not use what we do not know. */

#include "support.h"

#include "base/options.h"

#include <diffuscope/run.h>

#include <stddef.h>
#include <string.h>

static void sizes(void **state)
{
    const ds_run_options defaults = DS_RUN_OPTIONS_INIT;
    ds_run_options given = DS_RUN_OPTIONS_INIT, taken;
    struct {
        ds_run_options known;
        int64_t later;
    } newer = { DS_RUN_OPTIONS_INIT, 0 };
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__options_take(&taken, sizeof taken, &defaults, NULL, "x", "X", &err), &err);
    assert_memory_equal(&taken, &defaults, sizeof taken);
    given.steps = 7;
    given.strength = 0.25;
    given.size = offsetof(ds_run_options, strength);
    ts_ok(ds__options_take(&taken, sizeof taken, &defaults, &given, "x", "X", &err), &err);
    assert_int_equal(taken.steps, 7);
    assert_true(taken.strength == defaults.strength);
    assert_int_equal(taken.size, sizeof taken);

    newer.known.size = sizeof newer;
    newer.known.steps = 9;
    ts_ok(ds__options_take(&taken, sizeof taken, &defaults, &newer, "x", "X", &err), &err);
    assert_int_equal(taken.steps, 9);
    newer.later = 1;
    assert_int_equal(ds__options_take(&taken, sizeof taken, &defaults, &newer, "x", "X_INIT", &err),
                     DS_E_ARG);
    assert_non_null(strstr(err.text, "newer"));
    given.size = 0;
    err = (ds_error){ 0 };
    assert_int_equal(ds__options_take(&taken, sizeof taken, &defaults, &given, "x", "X_INIT", &err),
                     DS_E_ARG);
    assert_non_null(strstr(err.text, "X_INIT"));
}

/* A run of an older caller, whose options end before taps and threads. */
static void an_older_caller(void **state)
{
    ds_run_options old = DS_RUN_OPTIONS_INIT, new = DS_RUN_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_tensor a, b;
    ds_model *m;
    ds_run *r[2];

    (void)state;
    ts_ok(ds_model_open(&m, ts_tiny_model(false), NULL, &err), &err);
    old.steps = new.steps = 2;
    old.size = offsetof(ds_run_options, watcher);
    memset((char *)&old + old.size, 0x5a, sizeof old - old.size); /* not to be read */
    ts_ok(ds_run_new(&r[0], m, &old, &err), &err);
    ts_ok(ds_run_new(&r[1], m, &new, &err), &err);
    for (int i = 0; i < 2; i++)
        ts_ok(ds_run_all(r[i], &err), &err);
    a = ds_run_latents(r[0]);
    b = ds_run_latents(r[1]);
    assert_memory_equal(a.data, b.data, (size_t)ds_tensor_count(&a) * sizeof(float));
    ds_run_free(r[0]);
    ds_run_free(r[1]);
    ds_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sizes),
                                        cmocka_unit_test(an_older_caller) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

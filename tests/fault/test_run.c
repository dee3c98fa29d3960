/* Memory of a run: nothing is allocated in the step loop, and no failed request leaks. */

#include "support.h"

#include <diffuscope/run.h>

static ds_status open_run(ds_model **m, ds_run **r, int64_t *opened, bool xl, ds_error *err)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_status st;

    *m = NULL;
    *r = NULL;
    o.prompt = "a cat";
    o.steps = 5;
    o.images = 2;
    o.sampler = "euler_a";
    st = ds_model_open(m, ts_tiny_model(xl), NULL, err);
    *opened = ts_alloc_requests();
    return st == DS_OK ? ds_run_new(r, *m, &o, err) : st;
}

static void steps_allocate_nothing(void **state)
{
    (void)state;
    for (int xl = 0; xl < 2; xl++) {
        ds_model *m;
        ds_run *r;
        int64_t before;
        ds_error err = { 0 };

        ts_tiny_model(xl);
        ts_alloc_begin(0);
        ts_ok(open_run(&m, &r, &before, xl, &err), &err);
        before = ts_alloc_requests();
        ts_ok(ds_run_all(r, &err), &err);
        assert_int_equal(ts_alloc_requests(), before);
        ts_ok(ds_run_decode(r, &err), &err);
        ds_run_free(r);
        ds_model_close(m);
        assert_int_equal(ts_alloc_end(), 0);
    }
}

/* The first 30 requests of making a run, and every 17th after them, fail in turn. */
static void failed_requests(void **state)
{
    int64_t first, last, tried = 0;
    ds_model *m;
    ds_run *r;
    ds_error err = { 0 };

    (void)state;
    ts_tiny_model(false);
    ts_alloc_begin(0);
    ts_ok(open_run(&m, &r, &first, false, &err), &err);
    last = ts_alloc_requests();
    ds_run_free(r);
    ds_model_close(m);
    assert_int_equal(ts_alloc_end(), 0);
    for (int64_t n = first + 1; n <= last; n += n < first + 30 ? 1 : 17) {
        int64_t unused;
        ds_status st;

        err = (ds_error){ 0 };
        ts_alloc_begin(n);
        st = open_run(&m, &r, &unused, false, &err);
        ds_run_free(r);
        ds_model_close(m);
        if (ts_alloc_end() != 0 || st != DS_E_NOMEM || err.text[0] == '\0')
            fail_msg("request %lld of %lld failed: status %s, \"%s\", %lld blocks alive",
                     (long long)n, (long long)last, ds_status_name(st), err.text,
                     (long long)ts_alloc_end());
        tried++;
    }
    print_message("%lld of %lld requests failed in turn\n", (long long)tried,
                  (long long)(last - first));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(steps_allocate_nothing),
                                        cmocka_unit_test(failed_requests) };

    return cmocka_run_group_tests_name("fault: runs", tests, NULL, NULL);
}

/* DAAM when memory ends, and when a trace's file lies: an error each time, and nothing left. */

#include "support.h"

#include <diffuscope/daam.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ds_status open_trace(ds_model **m, ds_daam **d, int64_t *opened, ds_error *err)
{
    static const char *const ask[] = { "dog" };
    ds_run_options r = DS_RUN_OPTIONS_INIT;
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_status st;

    *m = NULL;
    *d = NULL;
    r.prompt = "a cat";
    r.steps = 2;
    o.ask = ask;
    o.n_ask = 1;
    o.self = true;
    st = ds_model_open(m, ts_tiny_model(false), NULL, err);
    *opened = ts_alloc_requests();
    return st == DS_OK ? ds_daam_new(d, *m, &r, &o, err) : st;
}

static ds_status reduce(const ds_daam *d, ds_error *err)
{
    ds_daam_map_options o = DS_DAAM_MAP_OPTIONS_INIT;
    float map[256];
    ds_daam_maps *m;
    ds_status st;

    o.height = o.width = 16;
    o.refine = DS_DAAM_GUIDED;
    st = ds_daam_reduce(d, &m, 0, 0, &o, err);
    if (st == DS_OK)
        st = ds_daam_word(m, map, "cat", NULL, err);
    ds_daam_maps_free(m);
    return st;
}

/* Tracing adds nothing to a step's requests: none. */
static void steps_allocate_nothing(void **state)
{
    ds_model *m;
    ds_daam *d;
    int64_t before;
    ds_error err = { 0 };

    (void)state;
    ts_tiny_model(false);
    ts_alloc_begin(0);
    ts_ok(open_trace(&m, &d, &before, &err), &err);
    before = ts_alloc_requests();
    ts_ok(ds_run_all(ds_daam_run(d), &err), &err);
    assert_int_equal(ts_alloc_requests(), before);
    ts_ok(reduce(d, &err), &err);
    ds_daam_free(d);
    ds_model_close(m);
    assert_int_equal(ts_alloc_end(), 0);
}

static void failed_requests(void **state)
{
    int64_t first, last, tried = 0;
    ds_model *m;
    ds_daam *d;
    ds_error err = { 0 };

    (void)state;
    ts_alloc_begin(0);
    ts_ok(open_trace(&m, &d, &first, &err), &err);
    last = ts_alloc_requests();
    ds_daam_free(d);
    ds_model_close(m);
    assert_int_equal(ts_alloc_end(), 0);
    for (int64_t n = first + 1; n <= last; n += n < first + 60 ? 1 : 23) {
        int64_t unused;
        ds_status st;

        err = (ds_error){ 0 };
        ts_alloc_begin(n);
        st = open_trace(&m, &d, &unused, &err);
        ds_daam_free(d);
        ds_model_close(m);
        if (ts_alloc_end() != 0 || st != DS_E_NOMEM || err.text[0] == '\0')
            fail_msg("request %lld of %lld failed: status %s, \"%s\"", (long long)n,
                     (long long)last, ds_status_name(st), err.text);
        tried++;
    }
    print_message("%lld of %lld requests failed in turn\n", (long long)tried,
                  (long long)(last - first));
}

static void failed_requests_of_maps(void **state)
{
    ds_model *m;
    ds_daam *d;
    int64_t unused;
    ds_error err = { 0 };

    (void)state;
    ts_ok(open_trace(&m, &d, &unused, &err), &err);
    ts_ok(ds_run_all(ds_daam_run(d), &err), &err);
    for (int64_t n = 1;; n++) {
        ds_status st;

        err = (ds_error){ 0 };
        ts_alloc_begin(n);
        st = reduce(d, &err);
        assert_int_equal(ts_alloc_end(), 0);
        if (st == DS_OK)
            break;
        assert_int_equal(st, DS_E_NOMEM);
        assert_true(n < 1000);
    }
    ds_daam_free(d);
    ds_model_close(m);
}

/* Replaces the first `from` of a file by `to`, of the same length. */
static void spoil(const char *path, const char *clean, const char *from, const char *to)
{
    static char text[1 << 20];
    FILE *f = fopen(clean, "rb");
    size_t n = fread(text, 1, sizeof text, f);
    char *at = memmem(text, n, from, strlen(from));

    fclose(f);
    if (at == NULL)
        fail_msg("no %s in the file", from);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    f = fopen(path, "wb");
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

static void files_that_lie(void **state)
{
    static const char *const lies[][2] = {
        { "\\\"images\\\":1,", "\\\"images\\\":9," },
        { "\\\"groups\\\":2,", "\\\"groups\\\":1," },
        { "\\\"groups\\\":2,", "\\\"groups\\\":3," },
        { "\\\"calls\\\":2,", "\\\"calls\\\":0," },
        { "\\\"steps\\\":2,", "\\\"steps\\\":1," },
        { "\\\"version\\\":1", "\\\"version\\\":2" },
        { "\\\"kept_heads\\\":4", "\\\"kept_heads\\\":9" },
        { "\\\"height\\\":8", "\\\"height\\\":9" },
        { "\\\"prompts\\\":", "\\\"promptz\\\":" },
        { "\\\"layers\\\":[", "\\\"layerz\\\":[" },
        { "\\\"site\\\":", "\\\"sitz\\\":" },
        { "slot.0", "slot.9" },
        { "\"self\"", "\"sulf\"" },
        { "a cat", "a   t" },
        { "\"F32\"", "\"I32\"" },
        { "\"daam\"", "\"dame\"" },
    };
    char clean[] = "/tmp/ds-trace-XXXXXX", path[] = "/tmp/ds-lie-XXXXXX";
    ds_model *m;
    ds_daam *d;
    int64_t unused;
    ds_error err = { 0 };

    (void)state;
    close(mkstemp(clean));
    close(mkstemp(path));
    ts_ok(open_trace(&m, &d, &unused, &err), &err);
    ts_ok(ds_run_all(ds_daam_run(d), &err), &err);
    ts_ok(ds_daam_save(d, clean, &err), &err);
    ds_daam_free(d);
    for (size_t i = 0; i < DS_COUNT(lies); i++) {
        ds_status st;

        err = (ds_error){ 0 };
        spoil(path, clean, lies[i][0], lies[i][1]);
        st = ds_daam_load(&d, m, path, &err);
        if (st == DS_OK || d != NULL || err.text[0] == '\0')
            fail_msg("%s was taken for %s", lies[i][1], lies[i][0]);
    }
    ds_model_close(m);
    unlink(clean);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_allocate_nothing),
        cmocka_unit_test(failed_requests),
        cmocka_unit_test(failed_requests_of_maps),
        cmocka_unit_test(files_that_lie),
    };

    return cmocka_run_group_tests_name("fault: daam", tests, NULL, NULL);
}

/* DAAM of pictures that are there, and of what was saved: traces, heads, queries. */

#include "daam_trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- pictures -------------------------------------------------------------------------------- */

static void existing_pictures_have_maps(void **state)
{
    static float planes[2 * 3 * 64 * 48];
    const ds_tensor image = { DS_DTYPE_F32, 4, { 2, 3, 64, 48 }, planes };
    const char *prompts[2] = { "a cat", "two dogs" };
    ds_daam_picture p = DS_DAAM_PICTURE_INIT;
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_daam_maps *m, *again;
    ds_daam *d, *e;
    ds_error err = { 0 };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(planes); i++)
        planes[i] = (float)(0.5 + 0.5 * sin(0.37 * (double)i));
    p.image = &image;
    p.prompts = prompts;
    p.levels = 3;
    for (int approach = DS_DAAM_NOISE; approach <= DS_DAAM_INVERT; approach++) {
        p.approach = (ds_daam_approach)approach;
        p.cfg_scale = approach == DS_DAAM_INVERT ? 2.0 : 1.0;
        ts_ok(ds_daam_open_picture(&d, model, &p, &o, &err), &err);
        ts_ok(ds_daam_open_picture(&e, model, &p, &o, &err), &err);
        assert_int_equal(ds_daam_describe(d).calls, 3);
        assert_null(ds_daam_run(d));
        for (int64_t b = 0; b < 2; b++) {
            m = maps(d, 0, b, NULL);
            again = maps(e, 0, b, NULL);
            assert_int_equal(ds_daam_global(m).dim[1], 8);
            assert_int_equal(ds_daam_global(m).dim[2], 6);
            assert_memory_equal(data(m), data(again), (size_t)count(m) * sizeof(float));
            assert_string_equal(ds_daam_text(d, 0, b), prompts[b]);
            ds_daam_maps_free(m);
            ds_daam_maps_free(again);
        }
        ds_daam_free(d);
        ds_daam_free(e);
    }
    p.levels = 0;
    assert_int_equal(ds_daam_open_picture(&d, model, &p, &o, &err), DS_E_ARG);
    p.levels = 1;
    p.image = NULL;
    err = (ds_error){ 0 };
    assert_int_equal(ds_daam_open_picture(&d, model, &p, &o, &err), DS_E_SHAPE);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void a_saved_trace_gives_the_same_maps(void **state)
{
    const ds_run_options r = run_options();
    const char *ask[] = { "dog" };
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_daam_map_options how = DS_DAAM_MAP_OPTIONS_INIT;
    char path[] = "/tmp/ds-trace-XXXXXX";
    ds_daam *d, *loaded;
    ds_error err = { 0 };

    (void)state;
    close(mkstemp(path));
    o.ask = ask;
    o.n_ask = 1;
    o.self = true;
    o.heads = "0,2";
    how.heads = "2";
    how.steps = "1-2";
    how.refine = DS_DAAM_SMOOTH;
    d = trace(&r, &o);
    ts_ok(ds_daam_save(d, path, &err), &err);
    ts_ok(ds_daam_load(&loaded, model, path, &err), &err);
    for (int64_t t = 0; t < 2; t++) {
        ds_daam_maps *x = maps(d, t, 0, &how), *y = maps(loaded, t, 0, &how);

        assert_int_equal(count(x), count(y));
        assert_memory_equal(data(x), data(y), (size_t)count(x) * sizeof(float));
        ds_daam_maps_free(x);
        ds_daam_maps_free(y);
    }
    assert_string_equal(ds_daam_describe(d).plan, ds_daam_describe(loaded).plan);
    ds_daam_free(loaded);
    ds_daam_free(d);
    assert_int_equal(truncate(path, 300), 0);
    assert_int_equal(ds_daam_load(&loaded, model, path, &err), DS_E_FORMAT);
    unlink(path);
    err = (ds_error){ 0 };
    assert_int_equal(ds_daam_load(&loaded, model, path, &err), DS_E_IO);
}

/* Read back with the same prompt, everything is the same to the last bit; with another prompt the
 * probabilities are the first one's, and with other steps it is an error. */
static void heads_are_put_back(void **state)
{
    ds_run_options r = run_options();
    ds_daam_options save = DS_DAAM_OPTIONS_INIT, put = DS_DAAM_OPTIONS_INIT;
    char folder[] = "/tmp/ds-heads-XXXXXX", command[64];
    ds_daam *a, *b, *c;
    ds_daam_maps *x, *y, *z;
    ds_tensor p, q;
    ds_error err = { 0 };

    (void)state;
    assert_non_null(mkdtemp(folder));
    save.save_heads = put.load_heads = folder;
    a = trace(&r, &save);
    b = trace(&r, &put);
    p = ds_run_latents(ds_daam_run(a));
    q = ds_run_latents(ds_daam_run(b));
    assert_memory_equal(p.data, q.data, (size_t)ds_tensor_count(&p) * sizeof(float));
    r.prompt = "a dog and a dog";
    c = trace(&r, &put);
    q = ds_run_latents(ds_daam_run(c));
    assert_memory_not_equal(p.data, q.data, (size_t)ds_tensor_count(&p) * sizeof(float));
    x = maps(a, 0, 0, NULL);
    y = maps(b, 0, 0, NULL);
    z = maps(c, 0, 0, NULL);
    assert_memory_equal(data(x), data(y), (size_t)count(x) * sizeof(float));
    assert_memory_equal(data(x), data(z), (size_t)count(x) * sizeof(float));
    ds_daam_maps_free(x);
    ds_daam_maps_free(y);
    ds_daam_maps_free(z);
    ds_daam_free(a);
    ds_daam_free(b);
    ds_daam_free(c);
    r.steps = 2;
    ts_ok(ds_daam_new(&a, model, &r, &put, &err), &err);
    assert_int_equal(ds_run_step(ds_daam_run(a), &err), DS_E_SHAPE);
    ds_daam_free(a);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* What is asked of saved queries is what would have been asked while the network ran. */
static void texts_can_be_asked_for_later(void **state)
{
    const ds_run_options r = run_options();
    const char *ask[] = { "dog", "red cat" };
    ds_daam_options o = DS_DAAM_OPTIONS_INIT, both = o;
    char folder[] = "/tmp/ds-queries-XXXXXX", path[] = "/tmp/ds-trace-XXXXXX", command[64];
    ds_daam *now, *first, *later;
    ds_error err = { 0 };

    (void)state;
    assert_non_null(mkdtemp(folder));
    close(mkstemp(path));
    o.ask = both.ask = ask;
    o.n_ask = 1;
    o.save_queries = folder;
    o.steps = both.steps = "1-2";
    both.n_ask = 2;
    first = trace(&r, &o);
    now = trace(&r, &both);
    ts_ok(ds_daam_save(first, path, &err), &err);
    ts_ok(ds_daam_load_asking(&later, model, path, folder, ask + 1, 1, &err), &err);
    assert_int_equal(ds_daam_describe(later).texts, 3);
    for (int64_t t = 0; t < 3; t++) {
        ds_daam_maps *x = maps(now, t, 0, NULL), *y = maps(later, t, 0, NULL);

        assert_int_equal(count(x), count(y));
        ts_compare("asked later", data(y), data(x), count(x), 1e-6);
        ds_daam_maps_free(x);
        ds_daam_maps_free(y);
    }
    ds_daam_free(later);
    assert_int_equal(ds_daam_load_asking(&later, model, path, "/nowhere", ask, 1, &err), DS_E_IO);
    ds_daam_free(first);
    ds_daam_free(now);
    snprintf(command, sizeof command, "rm -r %s %s", folder, path);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(existing_pictures_have_maps),
        cmocka_unit_test(a_saved_trace_gives_the_same_maps),
        cmocka_unit_test(heads_are_put_back),
        cmocka_unit_test(texts_can_be_asked_for_later),
    };

    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}

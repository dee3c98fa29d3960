/* Whatever allocation fails while a denoiser, an encoder or a run with taps is made, the failure is
 * reported, nothing is left behind, and the model goes on. */

#include "support.h"

#include <diffuscope/run.h>
#include <diffuscope/verbs.h>

#include <string.h>

static ds_model *model;

static ds_status make_encoder(ds_error *err)
{
    static const ds_place place = { 0, 1, 0 };
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    ds_encoder *e;
    ds_status st;

    o.prompts = (const char *[]){ "a cat" };
    o.places = &place;
    o.n_places = 1;
    o.pull_back = true;
    st = ds_encoder_new(&e, model, &o, err);
    assert_true((st == DS_OK) == (e != NULL));
    ds_encoder_free(e);
    return st;
}

static ds_status make_denoiser(ds_error *err)
{
    static const char *const wrt[] = { "encoder_hidden_states", "gate.*" };
    static const ds_gate gate = { .site = "unet.conv_in", .parts = 1 };
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
    ds_denoiser *d;
    ds_status st;

    o.height = o.width = 8;
    o.wrt = wrt;
    o.n_wrt = 2;
    o.gates = &gate;
    o.n_gates = 1;
    st = ds_denoiser_new(&d, model, &o, err);
    assert_true((st == DS_OK) == (d != NULL));
    ds_denoiser_free(d);
    return st;
}

static ds_status make_run(ds_error *err)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_tap tap = DS_TAP_INIT;
    ds_run *r;
    ds_status st;

    tap.site = "unet.conv_in";
    tap.kind = DS_TAP_SCALE;
    o.taps = &tap;
    o.n_taps = 1;
    o.steps = 1;
    st = ds_run_new(&r, model, &o, err);
    assert_true((st == DS_OK) == (r != NULL));
    ds_run_free(r);
    return st;
}

/* Every n-th request at first, then ever larger strides: planning makes tens of thousands. */
static void fails(ds_status (*make)(ds_error *err))
{
    int64_t all, failures = 0;
    ds_error err = { 0 };

    ts_ok(make(&err), &err); /* packs are made and kept */
    ts_alloc_begin(0);
    ts_ok(make(&err), &err);
    all = ts_alloc_requests();
    ts_alloc_end();
    for (int64_t n = 1; n <= all; n += 1 + n / 24) {
        ds_status st;

        err = (ds_error){ 0 };
        ts_alloc_begin(n);
        st = make(&err);
        assert_int_equal(ts_alloc_end(), 0);
        assert_int_equal(st, DS_E_NOMEM);
        assert_true(err.text[0] != '\0');
        failures++;
    }
    assert_true(failures > 20);
    ts_ok(make(&err), &err);
}

static void encoders(void **state)
{
    (void)state;
    fails(make_encoder);
}

static void denoisers(void **state)
{
    (void)state;
    fails(make_denoiser);
}

static void runs_with_taps(void **state)
{
    (void)state;
    fails(make_run);
}

static int setup(void **state)
{
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_model_open(&model, ts_tiny_model(false), NULL, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ds_model_close(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(encoders), cmocka_unit_test(denoisers),
                                        cmocka_unit_test(runs_with_taps) };

    return cmocka_run_group_tests(tests, setup, teardown);
}

/* Information for recorded draws, against the numbers of the Info-Decomp code. */

#include "support.h"

#include <diffuscope/info.h>
#include <math.h>
#include <string.h>

static const char *const prompts[3] = { "a photo of a cat and a dog", "a photo of a  and a dog",
                                        "" };
static const ds_info_pair pairs[3] = { { 0, 1 }, { 0, 2 }, { 1, 2 } };

typedef struct fixture {
    ds_model *model;
    ds_bundle *in, *want;
    ds_info *info;
} fixture;

static void open_case(fixture *f, const char *golden)
{
    ds_info_options o = DS_INFO_OPTIONS_INIT;
    ds_error err = { 0 };

    ts_ok(ds_model_open(&f->model, ts_path(golden, "models/sd15"), NULL, &err), &err);
    ts_ok(ds_bundle_load(&f->in, ts_path(golden, "cases/sd15-info/inputs.safetensors"), &err),
          &err);
    ts_ok(ds_bundle_load(&f->want, ts_path(golden, "cases/sd15-info/outputs.safetensors"), &err),
          &err);
    o.latent = ds_bundle_find(f->in, "latent");
    o.draws = f->in;
    o.prompt = prompts;
    o.prompts = 3;
    o.pair = pairs;
    o.pairs = 3;
    ts_ok(ds_info_new(&f->info, f->model, &o, &err), &err);
    ts_ok(ds_info_run(f->info, &err), &err);
}

static void close_case(fixture *f)
{
    ds_info_free(f->info);
    ds_bundle_free(f->in);
    ds_bundle_free(f->want);
    ds_model_close(f->model);
}

static const float *expected(const fixture *f, const char *name)
{
    ds_tensor *t = ds_bundle_find(f->want, name);

    assert_non_null(t);
    return t->data;
}

static void recorded_draws(void **state)
{
    const char *golden = ts_golden();
    static float map[1024], difference[1024];
    ds_error err = { 0 };
    fixture f;

    (void)state;
    if (golden == NULL)
        skip();
    open_case(&f, golden);
    for (int p = 0; p < 3; p++) {
        const float *total = expected(&f, "image/mi_orthogonal");
        const float *pixel = expected(&f, "pixel/mi_orthogonal");
        const float *nll = expected(&f, "pixel/nll");
        float got = (float)ds_info_total(f.info, p, DS_INFO_O).value;

        ts_compare("i_o", &got, total + p, 1, 5e-5);
        ts_ok(ds_info_map(f.info, map, NULL, p, DS_INFO_O, &err), &err);
        ts_compare("i_o map", map, pixel + p * 1024, 1024, 5e-5);
        /* The two likelihoods' large common part is gone from the difference: 5e-5 of it. */
        ts_ok(ds_info_map(f.info, map, NULL, p, DS_INFO_S, &err), &err);
        for (int j = 0; j < 1024; j++) {
            difference[j] = nll[pairs[p].without * 1024 + j] - nll[pairs[p].with * 1024 + j];
            if (fabsf(map[j] - difference[j]) > 5e-5f * fabsf(nll[pairs[p].with * 1024 + j]))
                fail_msg("i_s of pair %d at %d: %g, expected %g", p, j, (double)map[j],
                         (double)difference[j]);
        }
    }
    close_case(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(recorded_draws) };

    return cmocka_run_group_tests_name("info", tests, NULL, NULL);
}

/* Runs on a very small model with random weights: what must hold for any weights. */

#include "support.h"

#include "pipeline/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static ds_model *model;

static int open_model(void **state)
{
    ds_error err = { 0 };

    (void)state;
    return ds_model_open(&model, ts_tiny_model(false), NULL, &err) == DS_OK ? 0 : -1;
}

static int close_model(void **state)
{
    (void)state;
    ds_model_close(model);
    return 0;
}

static ds_run_options options(void)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;

    o.prompt = "a cat";
    o.negative_prompt = "dog";
    o.steps = 4;
    return o;
}

/* The last latent of a whole run; free(). */
static float *finish(const ds_run_options *o, const ds_watcher *w, int64_t *count)
{
    ds_run *r;
    ds_tensor t;
    float *last;
    ds_error err = { 0 };

    ts_ok(ds__run_new(&r, model, o, w, &err), &err);
    ts_ok(ds_run_all(r, &err), &err);
    t = ds_run_latents(r);
    *count = ds_tensor_count(&t) / t.dim[0];
    last = malloc((size_t)*count * sizeof *last);
    memcpy(last, (float *)t.data + (t.dim[0] - 1) * *count, (size_t)*count * sizeof *last);
    ds_run_free(r);
    return last;
}

static void refused(ds_status want, ds_run_options o)
{
    ds_error err = { 0 };
    ds_run *r = (ds_run *)&err;

    assert_int_equal(ds_run_new(&r, model, &o, &err), want);
    assert_null(r);
    assert_true(err.text[0] != '\0');
}

static void same_seed_same_bits(void **state)
{
    ds_run_options o = options();
    int64_t n;
    float *a, *b, *one;

    (void)state;
    o.sampler = "euler_a";
    a = finish(&o, NULL, &n);
    b = finish(&o, NULL, &n);
    assert_memory_equal(a, b, (size_t)n * sizeof *a);
    ds_set_threads(1);
    one = finish(&o, NULL, &n);
    ds_set_threads(0);
    ts_compare("one thread", one, a, n, 1e-5);
    free(a);
    free(b);
    free(one);
}

static void a_batch_is_its_pictures(void **state)
{
    ds_run_options o = options();
    int64_t n, m;
    float *all, *one;

    (void)state;
    o.sampler = "euler_a";
    o.images = 3;
    all = finish(&o, NULL, &n);
    o.images = 1;
    for (int b = 0; b < 3; b++) {
        o.seed = 42 + (uint64_t)b;
        one = finish(&o, NULL, &m);
        assert_int_equal(m * 3, n);
        ts_compare("picture of a batch", all + b * m, one, m, 1e-5);
        free(one);
    }
    assert_true(fabsf(all[0] - all[m]) > 1e-3f);
    free(all);
}

/* One step of ddim is affine in the guidance scale, whose value 1 takes another path. */
/* Pictures of one run may have prompts of their own, and are those of runs of their own. */
static void prompts_of_a_batch(void **state)
{
    static const char *const prompts[3] = { "a cat", "a dog and a cat", NULL };
    ds_run_options o = options();
    int64_t all, n;
    float *batch, *one;

    (void)state;
    o.prompts = prompts;
    o.images = 3;
    batch = finish(&o, NULL, &all);
    for (int b = 0; b < 3; b++) {
        o = options();
        o.prompt = prompts[b];
        o.seed += (uint64_t)b;
        one = finish(&o, NULL, &n);
        assert_int_equal(all, 3 * n);
        ts_compare(prompts[b] != NULL ? prompts[b] : "empty", batch + b * n, one, n, 1e-5);
        free(one);
    }
    free(batch);
}

static void guidance_is_affine(void **state)
{
    ds_run_options o = options();
    float *x[3];
    int64_t n = 0;

    (void)state;
    o.steps = 1;
    for (int i = 0; i < 3; i++) {
        o.cfg_scale = 1.0 + i;
        x[i] = finish(&o, NULL, &n);
    }
    for (int64_t i = 0; i < n; i++)
        x[1][i] = 2.0f * x[1][i] - x[0][i];
    ts_compare("guidance 3", x[2], x[1], n, 2e-5);
    for (int i = 0; i < 3; i++)
        free(x[i]);
}

/* ---- watching -------------------------------------------------------------------------------- */

typedef struct journal {
    int shown[DS_RUN_SITES], sites;
    int64_t rows;
    ds_interest interest[DS_RUN_SITES];
    float first_x[256];
    bool clear_eps;
} journal;

static ds_interest wants(void *user, const char *site, const ds_tensor *shape)
{
    journal *l = user;

    l->sites++;
    if (strcmp(site, "unet.conv_out") == 0) {
        l->rows = shape->dim[0];
        return DS_LOOK;
    }
    for (int i = 0; i < DS_RUN_SITES; i++)
        if (strcmp(site, ds__run_sites[i]) == 0)
            return l->interest[i];
    return DS_IGNORE;
}

static ds_status look(void *user, const char *site, ds_tensor *value, ds_error *err)
{
    journal *l = user;

    (void)err;
    for (int i = 0; i < DS_RUN_SITES; i++) {
        if (strcmp(site, ds__run_sites[i]) != 0)
            continue;
        if (i == DS_SITE_X && l->shown[i] == 0)
            memcpy(l->first_x, value->data, sizeof l->first_x);
        if (i == DS_SITE_EPS && l->clear_eps)
            memset(value->data, 0, (size_t)ds_tensor_count(value) * sizeof(float));
        l->shown[i]++;
    }
    return DS_OK;
}

static void sites_of_the_loop(void **state)
{
    journal l = { .interest = { DS_LOOK, DS_EDIT, DS_LOOK } };
    const ds_watcher w = { .wants = wants, .show = look, .user = &l };
    ds_run_options o = options();
    int64_t n, m;
    float *plain, *watched;
    ds_run *r;
    ds_error err = { 0 };

    (void)state;
    o.sampler = "heun";
    o.steps = 3;
    plain = finish(&o, NULL, &n);
    watched = finish(&o, &w, &m);
    assert_memory_equal(plain, watched, (size_t)n * sizeof *plain);
    assert_int_equal(l.shown[DS_SITE_X], 5); /* two calls a step, the last has one */
    assert_int_equal(l.shown[DS_SITE_EPS], 5);
    assert_int_equal(l.shown[DS_SITE_X0], 5);
    assert_int_equal(l.rows, 2);
    free(watched);
    l.clear_eps = true;
    watched = finish(&o, &w, &m);
    assert_memory_not_equal(plain, watched, (size_t)n * sizeof *plain);
    free(plain);
    free(watched);
    l.interest[DS_SITE_X0] = DS_EDIT;
    assert_int_equal(ds__run_new(&r, model, &o, &w, &err), DS_E_UNSUPPORTED);
}

/* ---- image to image -------------------------------------------------------------------------- */

/* The first latent is sqrt(abar) z0 + sqrt(1 - abar) noise with the posterior's noise drawn first.
 */
static void starts_from_a_picture(void **state)
{
    journal l = { .interest = { DS_LOOK, DS_IGNORE, DS_IGNORE } };
    const ds_watcher w = { .wants = wants, .show = look, .user = &l };
    ds_run_options o = options();
    static float picture[3 * 64 * 64], noise[2][256], want[256];
    ds_tensor image = { DS_DTYPE_F32, 4, { 1, 3, 64, 64 }, picture }, *in;
    const float *mean, *logvar;
    ds_bundle *inputs, *outputs;
    int64_t n;
    ds_rng rng;
    ds_error err = { 0 };
    double abar = 1.0;

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 9);
    ds_rng_uniform(&rng, picture, 3 * 64 * 64);
    o.image = &image;
    o.strength = 0.5;
    o.seed = 21;
    o.steps = 10;
    free(finish(&o, &w, &n));
    assert_int_equal(n, 256);
    assert_int_equal(l.shown[DS_SITE_X], 5);

    ts_ok(ds_bundle_new(&inputs, &err), &err);
    ts_ok(ds_bundle_new(&outputs, &err), &err);
    ts_ok(ds_bundle_add(inputs, "image", DS_DTYPE_F32, 4, image.dim, &in, &err), &err);
    for (int i = 0; i < 3 * 64 * 64; i++)
        ((float *)in->data)[i] = 2.0f * picture[i] - 1.0f;
    ts_ok(ds_model_forward(model, "vae.encode", inputs, NULL, 0, NULL, 0, outputs, &err), &err);
    mean = ds_bundle_find(outputs, "mean")->data;
    logvar = ds_bundle_find(outputs, "logvar")->data;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 21);
    ds_rng_normal(&rng, noise[0], 256);
    ds_rng_normal(&rng, noise[1], 256);
    for (int t = 0; t <= 401;
         t++) { /* the time steps are 901, 801 ... 1, the first five are left out */
        double a = sqrt(0.00085), b = sqrt(0.012), s = a + (b - a) * t / 999.0;

        abar *= 1.0 - s * s;
    }
    for (int i = 0; i < 256; i++) {
        double z0 =
            0.18215 * ((double)mean[i] + exp(0.5 * (double)logvar[i]) * (double)noise[0][i]);

        want[i] = (float)(sqrt(abar) * z0 + sqrt(1.0 - abar) * (double)noise[1][i]);
    }
    ts_compare("first latent", l.first_x, want, 256, 2e-5);
    ds_bundle_free(inputs);
    ds_bundle_free(outputs);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static ds_status stop_at_two(void *user, ds_run *run, ds_error *err)
{
    ds_cancel *c = user;

    if (c != NULL)
        ds_run_step_index(run) == 2 ? ds_cancel_request(c) : (void)0;
    else if (ds_run_step_index(run) == 2)
        return ds_fail(err, DS_E_IO, "the disk is full");
    return DS_OK;
}

static void ends_when_told(void **state)
{
    ds_run_options o = options();
    ds_cancel c = { 0 };
    ds_run *r;
    ds_error err = { 0 };

    (void)state;
    o.on_step = stop_at_two;
    o.user = &c;
    o.cancel = &c;
    ts_ok(ds_run_new(&r, model, &o, &err), &err);
    assert_int_equal(ds_run_all(r, &err), DS_E_CANCELLED);
    assert_int_equal(ds_run_step_index(r), 2);
    err = (ds_error){ 0 };
    assert_int_equal(ds_run_step(r, &err), DS_E_ARG);
    ds_run_free(r);

    o.user = NULL;
    o.cancel = NULL;
    err = (ds_error){ 0 };
    ts_ok(ds_run_new(&r, model, &o, &err), &err);
    assert_int_equal(ds_run_all(r, &err), DS_E_IO);
    assert_string_equal(err.text, "the disk is full");
    ds_run_free(r);
}

static void refusals(void **state)
{
    static float numbers[4 * 9 * 9];
    ds_tensor wrong = { DS_DTYPE_F32, 4, { 1, 4, 9, 9 }, numbers };
    ds_run_options o = options();
    ds_run *r;
    float rgb[3 * 64];
    ds_error err = { 0 };

    (void)state;
    o.size = 1;
    refused(DS_E_ARG, o);
    o = options();
    o.width = 100;
    refused(DS_E_ARG, o);
    o = options();
    o.width = 128;
    o.latent = &wrong;
    refused(DS_E_SHAPE, o);
    o = options();
    o.image = &wrong;
    refused(DS_E_ARG, o); /* sides of 9 */
    o.width = o.height = 16;
    refused(DS_E_SHAPE, o);
    o = options();
    o.latent = o.image = &wrong;
    refused(DS_E_ARG, o);
    o = options();
    o.sampler = "none such";
    refused(DS_E_NOMATCH, o);
    o = options();
    o.steps = 0;
    refused(DS_E_ARG, o);
    o = options();
    o.prompt = "\xff";
    refused(DS_E_ARG, o);
    o = options();
    o.cfg_scale = NAN;
    refused(DS_E_ARG, o);
    o = options();
    ts_ok(ds_run_new(&r, model, &o, &err), &err);
    assert_int_equal(ds_run_preview(r, rgb, 0, &err), DS_E_ARG);
    ds_run_free(r);
}

static void long_prompts_are_told(void **state)
{
    char text[101];
    ds_run_options o = options();
    ds_run *r;
    ds_error err = { 0 };

    (void)state;
    memset(text, 'x', 100);
    text[100] = '\0';
    o.prompt = text;
    o.steps = 1;
    ts_ok(ds_run_new(&r, model, &o, &err), &err);
    assert_int_equal(ds_run_describe(r).prompt_cut, 25);
    assert_int_equal(ds_run_describe(r).negative_cut, 0);
    assert_non_null(strstr(ds_run_warning(r, 0), "100 tokens; the last 25"));
    assert_null(ds_run_warning(r, 1));
    ds_run_free(r);
}

static void preview_has_colours(void **state)
{
    ds_run_options o = options();
    float rgb[3 * 64];
    ds_run *r;
    ds_error err = { 0 };
    bool varied = false;

    (void)state;
    o.preview = true;
    ts_ok(ds_run_new(&r, model, &o, &err), &err);
    ts_ok(ds_run_step(r, &err), &err);
    ts_ok(ds_run_preview(r, rgb, 0, &err), &err);
    for (int i = 0; i < 3 * 64; i++) {
        assert_true(rgb[i] >= 0.0f && rgb[i] <= 1.0f);
        varied |= rgb[i] != rgb[0];
    }
    assert_true(varied);
    assert_int_equal(ds_run_preview(r, rgb, 1, &err), DS_E_ARG);
    ds_run_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_bits),   cmocka_unit_test(a_batch_is_its_pictures),
        cmocka_unit_test(prompts_of_a_batch),    cmocka_unit_test(guidance_is_affine),
        cmocka_unit_test(sites_of_the_loop),     cmocka_unit_test(starts_from_a_picture),
        cmocka_unit_test(ends_when_told),        cmocka_unit_test(refusals),
        cmocka_unit_test(long_prompts_are_told), cmocka_unit_test(preview_has_colours),
    };

    return cmocka_run_group_tests_name("runs", tests, open_model, close_model);
}

/* Taps on a run: looking changes no bit, events say where they are, and changes reach the rows, steps and
 * parts that were named, and no others. */

#include "support.h"

#include <diffuscope/run.h>

#include <stdlib.h>
#include <string.h>

#define OUT "unet.mid_block.attentions.0.transformer_blocks.0.attn2.out"

enum { STEPS = 3, IMAGES = 2, LATENT = 4 * 8 * 8, ALL = STEPS * IMAGES * LATENT, MOST = 64 };

static ds_model *model;

static ds_run_options options(const ds_tap *taps, int n)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;

    o.prompt = "a red cat";
    o.steps = STEPS;
    o.images = IMAGES;
    o.sampler = "ddim";
    o.taps = taps;
    o.n_taps = n;
    return o;
}

/* Latents after each step. */
static void latents(const ds_tap *taps, int n, float *out)
{
    ds_run_options o = options(taps, n);
    ds_error err = { 0 };
    ds_tensor t;
    ds_run *r;

    ts_ok(ds_run_new(&r, model, &o, &err), &err);
    ts_ok(ds_run_all(r, &err), &err);
    t = ds_run_latents(r);
    assert_int_equal(ds_tensor_count(&t), ALL);
    memcpy(out, t.data, ALL * sizeof *out);
    ts_ok(ds_run_decode(r, &err), &err);
    ds_run_free(r);
}

/* What a tap saw. */
typedef struct log {
    int count;
    struct seen {
        int step, call;
        ds_branch branch;
        int64_t image;
    } at[MOST];
    ds_tensor last;
    float *values[MOST]; /* copies */
} log;

static ds_status look(void *user, ds_event *e, ds_error *err)
{
    log *l = user;
    const size_t bytes = (size_t)ds_tensor_count(&e->value) * sizeof(float);

    (void)err;
    assert_true(l->count < MOST);
    l->at[l->count] = (struct seen){ e->step, e->call, e->branch, e->image };
    l->last = e->value;
    l->values[l->count] = malloc(bytes);
    memcpy(l->values[l->count++], e->value.data, bytes);
    return DS_OK;
}

static void forget(log *l)
{
    for (int i = 0; i < l->count; i++)
        free(l->values[i]);
    *l = (log){ 0 };
}

static ds_tap looking(const char *site, log *l)
{
    ds_tap t = DS_TAP_INIT;

    t.site = site;
    t.kind = DS_TAP_LOOK;
    t.call = look;
    t.user = l;
    return t;
}

static void looking_changes_no_bit(void **state)
{
    static float plain[ALL], seen[ALL];
    log unet = { 0 }, text = { 0 }, eps = { 0 }, picture = { 0 };
    const ds_tap taps[4] = { looking(OUT, &unet),
                             looking("text_encoder.text_model.embeddings", &text),
                             looking("sampler.eps", &eps),
                             looking("vae.decoder.conv_out", &picture) };

    (void)state;
    latents(NULL, 0, plain);
    latents(taps, 4, seen);
    assert_memory_equal(plain, seen, sizeof plain);
    assert_int_equal(unet.count, STEPS * 2 * IMAGES);
    for (int i = 0; i < unet.count; i++) {
        assert_int_equal(unet.at[i].step, i / (2 * IMAGES));
        assert_int_equal(unet.at[i].image, i % IMAGES);
        assert_int_equal(unet.at[i].branch,
                         i / IMAGES % 2 == 0 ? DS_BRANCH_NEGATIVE : DS_BRANCH_PROMPT);
    }
    assert_int_equal(text.count, 2);
    assert_true(text.at[0].step == -1 && text.at[0].branch == DS_BRANCH_NEGATIVE &&
                text.at[1].branch == DS_BRANCH_PROMPT);
    assert_int_equal(eps.count, STEPS * IMAGES);
    assert_true(eps.at[3].step == 1 && eps.at[3].image == 1 && eps.at[3].branch == DS_BRANCH_BOTH);
    assert_int_equal(picture.count, IMAGES);
    assert_true(picture.at[1].image == 1 && picture.at[1].step == -1);
    forget(&unet);
    forget(&text);
    forget(&eps);
    forget(&picture);
}

/* Replaced by itself and scaled by one, a value leaves every bit as it is. */
static void idle_changes(void **state)
{
    static float plain[ALL], same[ALL];
    ds_tap scale = DS_TAP_INIT;

    (void)state;
    latents(NULL, 0, plain);
    scale.site = OUT;
    scale.kind = DS_TAP_SCALE;
    latents(&scale, 1, same);
    assert_memory_equal(plain, same, sizeof plain);
}

static int first_step_that_differs(const float *a, const float *b, int64_t image)
{
    for (int s = 0; s < STEPS; s++)
        if (memcmp(a + (s * IMAGES + image) * LATENT, b + (s * IMAGES + image) * LATENT,
                   LATENT * sizeof *a) != 0)
            return s;
    return STEPS;
}

static void steps_images_and_branches(void **state)
{
    static float plain[ALL], changed[ALL];
    log before = { 0 }, after = { 0 };
    ds_tap taps[3];

    (void)state;
    latents(NULL, 0, plain);
    taps[0] = looking(OUT, &before);
    taps[1] = (ds_tap)DS_TAP_INIT;
    taps[1].site = OUT;
    taps[1].kind = DS_TAP_SCALE;
    taps[1].strength = -2.0f;
    taps[1].from = 1;
    taps[1].to = 2;
    taps[1].branch = DS_BRANCH_NEGATIVE;
    taps[1].image = 1;
    taps[2] = looking(OUT, &after);
    latents(taps, 3, changed);
    assert_int_equal(first_step_that_differs(plain, changed, 0), STEPS);
    assert_int_equal(first_step_that_differs(plain, changed, 1), 1);
    for (int i = 0; i < before.count; i++) {
        const bool hit = before.at[i].step == 1 && before.at[i].image == 1 &&
                         before.at[i].branch == DS_BRANCH_NEGATIVE;
        const float *x = before.values[i], *y = after.values[i];

        for (int64_t k = 0; k < ds_tensor_count(&before.last); k++)
            assert_true(y[k] == (hit ? -2.0f * x[k] : x[k]));
    }
    forget(&before);
    forget(&after);
}

/* A head, a direction, and a channel of a map. */
static void parts_and_directions(void **state)
{
    static float changed[ALL];
    const char *const map = "unet.down_blocks.0.resnets.0";
    log before = { 0 }, after = { 0 }, map_before = { 0 }, map_after = { 0 };
    float direction[128], channel[128];
    ds_tensor d = { DS_DTYPE_F32, 1, { 0 }, direction }, c = { DS_DTYPE_F32, 1, { 0 }, channel };
    ds_error err = { 0 };
    ds_site_list *l;
    ds_tap taps[7];

    (void)state;
    ts_ok(ds_model_sites(model, OUT, &l, &err), &err);
    d.dim[0] = l->site[0].shape.dim[2];
    ds_site_list_free(l);
    ts_ok(ds_model_sites(model, map, &l, &err), &err);
    c.dim[0] = l->site[0].shape.dim[1];
    ds_site_list_free(l);
    assert_true(d.dim[0] <= 128 && c.dim[0] <= 128);
    for (int i = 0; i < 128; i++) {
        direction[i] = 0.01f * (float)i;
        channel[i] = (float)i;
    }
    for (int i = 0; i < 7; i++)
        taps[i] = (ds_tap)DS_TAP_INIT;
    taps[0] = looking(OUT, &before);
    taps[1].site = taps[2].site = OUT;
    taps[1].kind = DS_TAP_ADD;
    taps[1].value = &d;
    taps[1].strength = 3.0f;
    taps[2].kind = DS_TAP_SCALE;
    taps[2].strength = 0.0f;
    taps[2].part = 1;
    taps[2].parts = 2;
    taps[3] = looking(OUT, &after);
    taps[4] = looking(map, &map_before);
    taps[5].site = map;
    taps[5].kind = DS_TAP_REPLACE;
    taps[5].value = &c;
    taps[5].part = 1;
    taps[5].parts = c.dim[0];
    taps[6] = looking(map, &map_after);
    latents(taps, 7, changed);
    for (int64_t i = 0; i < ds_tensor_count(&before.last); i++) {
        const int64_t k = i % d.dim[0];

        assert_true(after.values[0][i] ==
                    (k >= d.dim[0] / 2 ? 0.0f : before.values[0][i] + 3.0f * direction[k]));
    }
    for (int64_t i = 0; i < ds_tensor_count(&map_before.last); i++)
        assert_true(map_after.values[2][i] ==
                    (i / (map_before.last.dim[2] * map_before.last.dim[3]) == 1
                         ? 1.0f
                         : map_before.values[2][i]));
    forget(&before);
    forget(&after);
    forget(&map_before);
    forget(&map_after);
}

/* One run's answers in place of another's: the second arrives where the first did. */
typedef struct tape {
    float eps[STEPS][IMAGES][LATENT];
} tape;

static ds_status record(void *user, ds_event *e, ds_error *err)
{
    tape *t = user;

    (void)err;
    memcpy(t->eps[e->step][e->image], e->value.data, sizeof t->eps[0][0]);
    return DS_OK;
}

static ds_status play(void *user, ds_event *e, ds_error *err)
{
    tape *t = user;

    (void)err;
    memcpy(e->value.data, t->eps[e->step][e->image], sizeof t->eps[0][0]);
    return DS_OK;
}

static void patching(void **state)
{
    static float first[ALL], second[ALL], patched[ALL];
    static tape t;
    ds_run_options o;
    ds_error err = { 0 };
    ds_run *r;
    ds_tap tap = DS_TAP_INIT;

    (void)state;
    tap.site = "sampler.eps";
    tap.call = record;
    tap.user = &t;
    latents(&tap, 1, first);
    tap.kind = DS_TAP_CALL;
    tap.call = play;
    for (int with = 0; with < 2; with++) {
        ds_tensor l;

        o = options(&tap, with);
        o.prompt = "two dogs";
        ts_ok(ds_run_new(&r, model, &o, &err), &err);
        ts_ok(ds_run_all(r, &err), &err);
        l = ds_run_latents(r);
        memcpy(with ? patched : second, l.data, sizeof second);
        ds_run_free(r);
    }
    assert_memory_not_equal(first, second, sizeof first);
    assert_memory_equal(first, patched, sizeof first);
}

static ds_interest wants(void *user, const char *site, const ds_tensor *shape)
{
    (void)user;
    (void)shape;
    return strcmp(site, OUT) == 0 ? DS_LOOK : DS_IGNORE;
}

static ds_status show(void *user, const char *site, ds_tensor *value, ds_error *err)
{
    (void)err;
    assert_string_equal(site, OUT);
    assert_int_equal(value->dim[0], 2 * IMAGES);
    ++*(int *)user;
    return DS_OK;
}

/* A watcher of the options works beside taps. */
static void watcher_and_taps(void **state)
{
    int shown = 0;
    log l = { 0 };
    const ds_watcher w = { .wants = wants, .show = show, .user = &shown };
    const ds_tap tap = looking("unet.conv_in", &l);
    ds_run_options o = options(&tap, 1);
    ds_error err = { 0 };
    ds_run *r;

    (void)state;
    o.watcher = &w;
    o.threads = 1;
    ts_ok(ds_run_new(&r, model, &o, &err), &err);
    ts_ok(ds_run_step(r, &err), &err);
    assert_int_equal(shown, 1);
    assert_int_equal(l.count, 2 * IMAGES);
    ds_run_free(r);
    forget(&l);
}

static void refuse(ds_tap tap, ds_status expected, const char *says)
{
    ds_run_options o = options(&tap, 1);
    ds_error err = { 0 };
    ds_run *r;

    assert_int_equal(ds_run_new(&r, model, &o, &err), expected);
    assert_null(r);
    if (strstr(err.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static void refusals(void **state)
{
    float x[3] = { 0 };
    ds_tensor three = { DS_DTYPE_F32, 1, { 3 }, x };
    ds_tap t = DS_TAP_INIT;

    (void)state;
    t.kind = DS_TAP_SCALE;
    t.site = "unet.conv_inn";
    refuse(t, DS_E_NOMATCH, "unet.conv_in,");
    t.site = "sampler.x0";
    refuse(t, DS_E_UNSUPPORTED, "sampler.eps");
    t.site = OUT;
    t.parts = 7;
    refuse(t, DS_E_SHAPE, "7");
    t.parts = 0;
    t.kind = DS_TAP_REPLACE;
    refuse(t, DS_E_ARG, "missing");
    t.value = &three;
    refuse(t, DS_E_SHAPE, "[3]");
    t.kind = DS_TAP_CALL;
    refuse(t, DS_E_ARG, "nobody");
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looking_changes_no_bit),
        cmocka_unit_test(idle_changes),
        cmocka_unit_test(steps_images_and_branches),
        cmocka_unit_test(parts_and_directions),
        cmocka_unit_test(patching),
        cmocka_unit_test(watcher_and_taps),
        cmocka_unit_test(refusals),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

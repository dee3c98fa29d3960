/* The public verbs on a very small model: what a row, a conditioning, a gate or a weight does to the
 * network's answer is what pulling back says, a loop allocates nothing, and misuse is refused. */

#include "support.h"

#include <diffuscope/verbs.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 8, LATENT = 4 * SIDE * SIDE, IMAGES = 2, CONDITIONS = 2, ROWS = IMAGES * CONDITIONS };

static const char *const texts[CONDITIONS] = { "a red cat", NULL };
static const ds_place places[3] = { { 0, 2, 0 }, { 0, 4, 1 }, { 0, 6, 0 } }; /* row 0 twice */
static const ds_gate gates[2] = { { "unet.mid_block.attentions.0.*.attn2.out", 2, false, 0 },
                                  { "unet.conv_in", 1, true, 0 } };
#define GATE0  "gate.unet.mid_block.attentions.0.transformer_blocks.0.attn2.out"
#define GATE1  "gate.unet.conv_in"
#define WEIGHT "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight"

typedef struct fixture {
    ds_model *model;
    bool xl;
    ds_encoder *encoder;
    ds_denoiser *denoiser;
    float z[IMAGES * LATENT], t[IMAGES], out[ROWS * LATENT], cotangent[ROWS * LATENT];
} fixture;

static ds_model *open_model(bool xl)
{
    ds_model_options o = DS_MODEL_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_model *m;

    o.products =
        DS_PRODUCTS_REFERENCE; /* differences of sums in float32 would be mostly rounding */
    ts_ok(ds_model_open(&m, ts_tiny_model(xl), &o, &err), &err);
    return m;
}

static ds_encoder *make_encoder(ds_model *m)
{
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_encoder *e;

    o.prompts = texts;
    o.count = CONDITIONS;
    o.places = places;
    o.n_places = 3;
    o.pull_back = true;
    ts_ok(ds_encoder_new(&e, m, &o, &err), &err);
    return e;
}

static ds_denoiser *make_denoiser(ds_model *m, bool xl, bool recompute)
{
    static const char *const wrt[] = { "sample", "encoder_hidden_states", WEIGHT,
                                       "gate.*", "unet.conv_out.bias",    "text_embeds" };
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_denoiser *d;

    o.images = IMAGES;
    o.conditions = CONDITIONS;
    o.height = o.width = SIDE;
    o.gates = gates;
    o.n_gates = 2;
    o.wrt = wrt;
    o.n_wrt = xl ? 6 : 5;
    o.recompute = recompute;
    ts_ok(ds_denoiser_new(&d, m, &o, &err), &err);
    return d;
}

static void begin(fixture *f, bool xl)
{
    uint64_t seed = 7;

    *f = (fixture){ .xl = xl, .t = { 731.0f, 120.0f } };
    f->model = open_model(xl);
    f->encoder = make_encoder(f->model);
    f->denoiser = make_denoiser(f->model, xl, false);
    for (int i = 0; i < IMAGES * LATENT; i++)
        f->z[i] = ts_noise(&seed);
    for (int i = 0; i < ROWS * LATENT; i++)
        f->cotangent[i] = ts_noise(&seed);
}

static void end(fixture *f)
{
    ds_denoiser_free(f->denoiser);
    ds_encoder_free(f->encoder);
    ds_model_close(f->model);
}

/* <cotangent, network(z, encode(rows))> */
static double answer(fixture *f)
{
    ds_error err = { 0 };
    double sum = 0.0;

    ts_ok(ds_encode(f->encoder, &err), &err);
    ts_ok(ds_denoiser_condition(f->denoiser, ds_encoder_conditions(f->encoder), &err), &err);
    ts_ok(ds_denoise(f->denoiser, f->out, f->z, f->t, &err), &err);
    for (int i = 0; i < ROWS * LATENT; i++)
        sum += (double)f->cotangent[i] * f->out[i];
    return sum;
}

static void pull(fixture *f)
{
    ds_error err = { 0 };
    ds_tensor hidden, pooled = { 0 };

    answer(f);
    ts_ok(ds_denoiser_pull(f->denoiser, f->cotangent, &err), &err);
    ts_ok(ds_denoiser_gradient(f->denoiser, &hidden, "encoder_hidden_states", &err), &err);
    if (f->xl)
        ts_ok(ds_denoiser_gradient(f->denoiser, &pooled, "text_embeds", &err), &err);
    ts_ok(ds_encoder_pull(f->encoder, hidden.data, pooled.data, &err), &err);
}

/* Moves x along a direction both ways and compares with the gradient's share of that direction. */
static void agrees(fixture *f, const char *what, float *x, const float *gradient, int64_t n)
{
    const double h = 1e-3;
    float *direction = malloc((size_t)n * sizeof *direction);
    float *keep = malloc((size_t)n * sizeof *keep);
    double along = 0.0, up, down, scale = 0.0, found;
    uint64_t seed = 99;

    memcpy(keep, x, (size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        scale += (double)gradient[i] * gradient[i];
    assert_true(scale > 0.0);
    for (int64_t i = 0; i < n; i++) { /* mostly uphill, so that the difference stands out */
        direction[i] =
            (float)(gradient[i] / sqrt(scale)) + 0.3f * ts_noise(&seed) / sqrtf((float)n);
        along += (double)gradient[i] * direction[i];
    }
    for (int64_t i = 0; i < n; i++)
        x[i] = keep[i] + (float)h * direction[i];
    up = answer(f);
    for (int64_t i = 0; i < n; i++)
        x[i] = keep[i] - (float)h * direction[i];
    down = answer(f);
    memcpy(x, keep, (size_t)n * sizeof *x);
    found = (up - down) / (2.0 * h);
    if (fabs(found - along) > 4e-3 * fabs(along))
        fail_msg("%s: moving says %g, pulling back says %g", what, found, along);
    free(direction);
    free(keep);
}

static void rows_and_latents(void **state)
{
    static fixture f;
    ds_error err = { 0 };
    ds_tensor g;

    (void)state;
    for (int xl = 0; xl < 2; xl++) {
        float *dz = malloc(IMAGES * LATENT * sizeof *dz);

        begin(&f, xl);
        assert_int_equal(ds_encoder_count(f.encoder), xl ? 2 : 1);
        pull(&f);
        ts_ok(ds_denoiser_gradient(f.denoiser, &g, "sample", &err), &err);
        assert_int_equal(g.dim[0], IMAGES);
        memcpy(dz, g.data, IMAGES * LATENT * sizeof *dz);
        for (int i = 0; i < ds_encoder_count(f.encoder); i++) {
            const int64_t width = ds_encoder_width(f.encoder, i);
            float *rows = malloc((size_t)(2 * width) * sizeof *rows);

            memcpy(rows, ds_encoder_row_gradient(f.encoder, i, 0), (size_t)(2 * width) * 4);
            agrees(&f, "rows", ds_encoder_row(f.encoder, i, 0), rows, 2 * width);
            free(rows);
            pull(&f);
        }
        agrees(&f, "latents", f.z, dz, IMAGES * LATENT);
        free(dz);
        end(&f);
    }
}

/* A conditioning that two rows share gets the sum of their gradients. */
static void conditionings(void **state)
{
    static fixture f;
    ds_error err = { 0 };
    ds_conditions *own;
    ds_tensor g, h;
    const int64_t which[ROWS] = { 0, 1, 1, 1 };
    double found[2], along = 0.0;
    const float step = 4e-3f;

    (void)state;
    begin(&f, false);
    answer(&f);
    h = ds_conditions_hidden(ds_encoder_conditions(f.encoder));
    ts_ok(ds_conditions_new(&own, 2, h.dim[1], h.dim[2], 0, &err), &err);
    memcpy(ds_conditions_hidden(own).data, h.data, (size_t)ds_tensor_count(&h) * 4);
    h = ds_conditions_hidden(own);
    assert_null(ds_conditions_ids(own, 0));
    for (int k = -1; k < 2; k++) {
        float *x = (float *)h.data + h.dim[1] * h.dim[2]; /* conditioning 1 */
        float *d = NULL;

        if (k < 0) {
            ts_ok(ds_denoiser_condition_rows(f.denoiser, own, which, &err), &err);
            ts_ok(ds_denoise(f.denoiser, f.out, f.z, f.t, &err), &err);
            ts_ok(ds_denoiser_pull(f.denoiser, f.cotangent, &err), &err);
            ts_ok(ds_denoiser_gradient(f.denoiser, &g, "encoder_hidden_states", &err), &err);
            assert_int_equal(g.dim[0], 2);
        }
        d = (float *)g.data + g.dim[1] * g.dim[2];
        for (int64_t i = 0; i < h.dim[1] * h.dim[2]; i++) {
            if (k < 0)
                along += (double)d[i] * d[i];
            else
                x[i] += (k == 0 ? 1.0f : -2.0f) * step * d[i] / (float)sqrt(along);
        }
        if (k < 0)
            continue;
        ts_ok(ds_denoiser_condition_rows(f.denoiser, own, which, &err), &err);
        ts_ok(ds_denoise(f.denoiser, f.out, f.z, f.t, &err), &err);
        found[k] = 0.0;
        for (int i = 0; i < ROWS * LATENT; i++)
            found[k] += (double)f.cotangent[i] * f.out[i];
    }
    assert_true(fabs((found[0] - found[1]) / (2.0 * (double)step) / sqrt(along) - 1.0) < 4e-3);
    ds_conditions_free(own);
    end(&f);
}

static void gates_and_parameters(void **state)
{
    static fixture f;
    ds_error err = { 0 };
    float open[2] = { 1.0f, 1.0f }, rows[ROWS], kept[2], kept_rows[ROWS];
    ds_tensor gate0 = { DS_DTYPE_F32, 1, { 2 }, open };
    ds_tensor gate1 = { DS_DTYPE_F32, 2, { ROWS, 1 }, rows }, g, bias;
    double up, down, sum = 0.0;
    int steepest = 0;

    (void)state;
    begin(&f, false);
    pull(&f);
    ts_ok(ds_denoiser_gradient(f.denoiser, &g, GATE0, &err), &err);
    memcpy(kept, g.data, sizeof kept);
    ts_ok(ds_denoiser_gradient(f.denoiser, &g, GATE1, &err), &err);
    assert_int_equal(g.dim[0], ROWS);
    memcpy(kept_rows, g.data, sizeof kept_rows);
    /* the last bias adds one number to a channel: its gradient is the cotangent's sum */
    ts_ok(ds_denoiser_gradient(f.denoiser, &bias, "unet.conv_out.bias", &err), &err);
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < SIDE * SIDE; i++)
            sum += f.cotangent[r * LATENT + SIDE * SIDE + i];
    assert_true(fabs(((float *)bias.data)[1] - sum) < 1e-3 * fabs(sum));

    for (int i = 0; i < 2; i++) {
        const float h = 0.02f;

        open[i] = 1.0f + h;
        ts_ok(ds_denoiser_set(f.denoiser, GATE0, &gate0, &err), &err);
        up = answer(&f);
        open[i] = 1.0f - h;
        ts_ok(ds_denoiser_set(f.denoiser, GATE0, &gate0, &err), &err);
        down = answer(&f);
        open[i] = 1.0f;
        ts_ok(ds_denoiser_set(f.denoiser, GATE0, &gate0, &err), &err);
        assert_true(fabs((up - down) / (2.0 * (double)h) - kept[i]) < 1e-2 * fabs(kept[i]) + 1e-4);
    }
    /* the row whose difference stands out most of float's rounding */
    for (int r = 1; r < ROWS; r++)
        if (fabsf(kept_rows[r]) > fabsf(kept_rows[steepest]))
            steepest = r;
    for (int r = 0; r < ROWS; r++)
        rows[r] = r == steepest ? 1.003f : 1.0f;
    ts_ok(ds_denoiser_set(f.denoiser, GATE1, &gate1, &err), &err);
    up = answer(&f);
    rows[steepest] = 0.997f;
    ts_ok(ds_denoiser_set(f.denoiser, GATE1, &gate1, &err), &err);
    down = answer(&f);
    assert_true(fabs((up - down) / 0.006 - kept_rows[steepest]) < 2e-2 * fabs(kept_rows[steepest]));
    end(&f);
}

/* Blocks that are computed again give the same bits as blocks that are kept. */
static void recomputation(void **state)
{
    static fixture f;
    ds_error err = { 0 };
    ds_tensor g;
    float *kept;
    ds_denoiser *plain;

    (void)state;
    begin(&f, false);
    pull(&f);
    ts_ok(ds_denoiser_gradient(f.denoiser, &g, WEIGHT, &err), &err);
    kept = malloc((size_t)ds_tensor_count(&g) * sizeof *kept);
    memcpy(kept, g.data, (size_t)ds_tensor_count(&g) * sizeof *kept);
    plain = f.denoiser;
    f.denoiser = make_denoiser(f.model, false, true);
    pull(&f);
    ts_ok(ds_denoiser_gradient(f.denoiser, &g, WEIGHT, &err), &err);
    assert_memory_equal(g.data, kept, (size_t)ds_tensor_count(&g) * sizeof *kept);
    free(kept);
    ds_denoiser_free(plain);
    end(&f);
}

/* Rows that hold the tokens' own embeddings change no bit of a conditioning. */
static void own_rows_change_nothing(void **state)
{
    ds_error err = { 0 };

    (void)state;
    for (int xl = 0; xl < 2; xl++) {
        ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
        ds_model *m = open_model(xl);
        ds_encoder *with = make_encoder(m), *without, *ids;
        ds_tensor a, b, c;
        size_t bytes;

        o.prompts = texts;
        o.count = CONDITIONS;
        ts_ok(ds_encoder_new(&without, m, &o, &err), &err);
        ts_ok(ds_encode(with, &err), &err);
        ts_ok(ds_encode(without, &err), &err);
        a = ds_conditions_hidden(ds_encoder_conditions(with));
        b = ds_conditions_hidden(ds_encoder_conditions(without));
        bytes = (size_t)ds_tensor_count(&a) * sizeof(float);
        /* row 0 stands at places 2 and 6, with the embedding of the token at 2 */
        assert_memory_equal(a.data, b.data, (size_t)(6 * a.dim[2]) * sizeof(float));
        assert_memory_not_equal(a.data, b.data, bytes);
        o.prompts = NULL;
        o.count = 1;
        o.ids[0] = ds_conditions_ids(ds_encoder_conditions(without), 0);
        ts_ok(ds_encoder_new(&ids, m, &o, &err), &err);
        ts_ok(ds_encode(ids, &err), &err);
        c = ds_conditions_hidden(ds_encoder_conditions(ids));
        assert_int_equal(c.dim[0], 1);
        for (int64_t r = 0; r < c.dim[1]; r++) /* the second tokenizer pads with another id */
            ts_compare("ids for a prompt", (float *)c.data + r * c.dim[2],
                       (float *)b.data + r * c.dim[2], 16, 1e-6);
        assert_null(ds_conditions_words(ds_encoder_conditions(ids), 0));
        assert_int_equal(ds_conditions_words(ds_encoder_conditions(without), 0)->word_count, 3);
        ds_encoder_free(with);
        ds_encoder_free(without);
        ds_encoder_free(ids);
        ds_model_close(m);
    }
}

static void a_loop_allocates_nothing(void **state)
{
    static fixture f;
    int64_t requests;

    (void)state;
    for (int xl = 0; xl < 2; xl++) {
        begin(&f, xl);
        pull(&f);
        ts_alloc_begin(0);
        for (int i = 0; i < 3; i++)
            pull(&f);
        requests = ts_alloc_requests();
        ts_alloc_end();
        assert_int_equal(requests, 0);
        end(&f);
    }
}

static void misuse(void **state)
{
    static fixture f;
    static const char *const misspelt[] = { "unet.conv_in.wieght" };
    static const ds_gate nowhere[] = { { "unet.conv_inn", 1, false, 0 } };
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
    ds_encoder_options eo = DS_ENCODER_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_denoiser *d;
    ds_encoder *e;
    ds_tensor g;
    float one = 1.0f;

    (void)state;
    begin(&f, false);
    assert_int_equal(ds_denoiser_pull(f.denoiser, f.cotangent, &err), DS_E_ARG);
    err = (ds_error){ 0 };
    assert_int_equal(ds_denoiser_gradient(f.denoiser, &g, "sample", &err), DS_E_ARG);
    err = (ds_error){ 0 };
    assert_int_equal(ds_encoder_pull(f.encoder, f.z, NULL, &err), DS_E_ARG);
    err = (ds_error){ 0 };
    pull(&f);
    assert_int_equal(ds_denoiser_pull(f.denoiser, f.cotangent, &err), DS_E_ARG); /* once */
    err = (ds_error){ 0 };
    assert_int_equal(ds_denoiser_gradient(f.denoiser, &g, "unet.conv_in.weight", &err),
                     DS_E_NOMATCH);
    err = (ds_error){ 0 };
    g = (ds_tensor){ DS_DTYPE_F32, 1, { 1 }, &one };
    assert_int_equal(ds_denoiser_set(f.denoiser, "sample", &g, &err), DS_E_ARG);
    err = (ds_error){ 0 };
    assert_int_equal(ds_denoiser_set(f.denoiser, "timestep_cond", &g, &err), DS_E_NOMATCH);

    o.height = o.width = SIDE;
    o.wrt = misspelt;
    o.n_wrt = 1;
    err = (ds_error){ 0 };
    assert_int_equal(ds_denoiser_new(&d, f.model, &o, &err), DS_E_NOMATCH);
    assert_non_null(strstr(err.text, "unet.conv_in.weight"));
    o.n_wrt = 0;
    o.gates = nowhere;
    o.n_gates = 1;
    err = (ds_error){ 0 };
    assert_int_equal(ds_denoiser_new(&d, f.model, &o, &err), DS_E_NOMATCH);
    assert_non_null(strstr(err.text, "unet.conv_in,"));

    eo.prompts = texts;
    eo.pull_back = true;
    err = (ds_error){ 0 };
    assert_int_equal(ds_encoder_new(&e, f.model, &eo, &err), DS_E_ARG);
    eo.places = &(ds_place){ 0, 77, 0 };
    eo.n_places = 1;
    err = (ds_error){ 0 };
    assert_int_equal(ds_encoder_new(&e, f.model, &eo, &err), DS_E_ARG);
    eo.places = (ds_place[]){ { 0, 3, 0 }, { 0, 3, 1 } };
    eo.n_places = 2;
    err = (ds_error){ 0 };
    assert_int_equal(ds_encoder_new(&e, f.model, &eo, &err), DS_E_ARG);
    assert_non_null(strstr(err.text, "twice"));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_latents),
        cmocka_unit_test(conditionings),
        cmocka_unit_test(gates_and_parameters),
        cmocka_unit_test(recomputation),
        cmocka_unit_test(own_rows_change_nothing),
        cmocka_unit_test(a_loop_allocates_nothing),
        cmocka_unit_test(misuse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

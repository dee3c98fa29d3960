/* The pipeline's verbs on a very small model: conditionings, tiles, noise schedule. */

#include "support.h"

#include "pipeline/autoencoder.h"
#include "pipeline/denoiser.h"

#include <diffuscope/rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ds_model *open_model(bool xl)
{
    ds_model *m;
    ds_error err = { 0 };

    ts_ok(ds_model_open(&m, ts_tiny_model(xl), NULL, &err), &err);
    return m;
}

/* ---- prompts --------------------------------------------------------------------------------- */

/* Each alone: rows of one batch may differ in their last bits where threads share the batch out. */
static void absent_is_empty(ds_text *t)
{
    static const char *const prompts[2] = { NULL, "" };
    ds_conditions *c[2];
    ds_error err = { 0 };

    for (int i = 0; i < 2; i++)
        ts_ok(ds__text_encode(t, &c[i], prompts + i, 1, NULL, NULL, &err), &err);
    assert_memory_equal(c[0]->hidden, c[1]->hidden, (size_t)(77 * c[0]->width) * sizeof(float));
    ds__conditions_free(c[0]);
    ds__conditions_free(c[1]);
}

static void absent_prompts(void **state)
{
    static const char *const prompts[3] = { NULL, "", "a cat" };
    ds_error err = { 0 };

    (void)state;
    for (int xl = 0; xl < 2; xl++) {
        ds_model *m = open_model(xl);
        ds_conditions *c;
        ds_text *t;
        float sum = 0;
        size_t bytes;

        ts_ok(ds__text_open(&t, m, &err), &err);
        ts_ok(ds__text_encode(t, &c, prompts, 3, NULL, NULL, &err), &err);
        assert_int_equal(c->tokens, 77);
        assert_int_equal(c->width, xl ? 40 : 16);
        assert_int_equal(c->pooled_width, xl ? 24 : 0);
        bytes = (size_t)(77 * c->width) * sizeof *c->hidden;
        for (int64_t i = 0; i < 77 * c->width; i++)
            sum += fabsf(c->hidden[i]);
        if (xl)
            assert_true(sum == 0.0f && c->pooled[0] == 0.0f && c->pooled[24] != 0.0f);
        else
            absent_is_empty(t);
        assert_memory_not_equal(c->hidden + 77 * c->width, c->hidden + 2 * 77 * c->width, bytes);
        ds__conditions_free(c);
        ds__text_close(t);
        ds_model_close(m);
    }
}

/* K conditionings in one call give what each gives alone. */
static void conditionings_share_a_call(void **state)
{
    static const char *const prompts[3] = { "one", "two", "three" };
    static float z[2 * 256], out[3 * 512], alone[512];
    const float t[2] = { 600.0f, 31.0f };
    ds_error err = { 0 };
    ds_rng rng;

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 1);
    ds_rng_normal(&rng, z, 512);
    for (int xl = 0; xl < 2; xl++) {
        ds_model *m = open_model(xl);
        ds_denoiser *all, *one;
        ds_conditions *c;
        ds_text *text;

        ts_ok(ds__text_open(&text, m, &err), &err);
        ts_ok(ds__denoiser_new(&all, m, &(ds_denoiser_shape){ 2, 3, 77, 8, 8 }, NULL, &err), &err);
        ts_ok(ds__denoiser_new(&one, m, &(ds_denoiser_shape){ 2, 1, 77, 8, 8 }, NULL, &err), &err);
        assert_int_equal(ds__denoise(all, out, z, t, NULL, &err), DS_E_ARG);
        err = (ds_error){ 0 };
        ts_ok(ds__text_encode(text, &c, prompts, 3, NULL, NULL, &err), &err);
        assert_int_equal(ds__denoiser_condition(one, c, &err), DS_E_SHAPE);
        err = (ds_error){ 0 };
        ts_ok(ds__denoiser_condition(all, c, &err), &err);
        ts_ok(ds__denoise(all, out, z, t, NULL, &err), &err);
        ds__conditions_free(c);
        for (int k = 0; k < 3; k++) {
            ts_ok(ds__text_encode(text, &c, prompts + k, 1, NULL, NULL, &err), &err);
            ts_ok(ds__denoiser_condition(one, c, &err), &err);
            ts_ok(ds__denoise(one, alone, z, t, NULL, &err), &err);
            ts_compare("one conditioning", out + k * 512, alone, 512, 1e-5);
            ds__conditions_free(c);
        }
        assert_memory_not_equal(out, out + 512, sizeof alone);
        ds__denoiser_free(all);
        ds__denoiser_free(one);
        ds__text_close(text);
        ds_model_close(m);
    }
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* 12 by 8 latent pixels in tiles of 8 by 8 that begin every 6. */
static void tiles_are_blended(void **state)
{
    static float latent[4 * 12 * 8], top[4 * 64], low[4 * 48], image[3 * 96 * 64];
    static float top_image[3 * 64 * 64], low_image[3 * 48 * 64];
    int compared = 0;
    ds_autoencoder *tiled, *a, *b;
    ds_model *m = open_model(false);
    ds_error err = { 0 };
    ds_rng rng;

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 2);
    ds_rng_normal(&rng, latent, 4 * 12 * 8);
    for (int c = 0; c < 4; c++) {
        memcpy(top + c * 64, latent + c * 96, 64 * sizeof *top);
        memcpy(low + c * 48, latent + c * 96 + 48, 48 * sizeof *low);
    }
    ts_ok(ds__autoencoder_new(&tiled, m, 12, 8, DS_TILING_ALWAYS, NULL, &err), &err);
    ts_ok(ds__autoencoder_new(&a, m, 8, 8, DS_TILING_NEVER, NULL, &err), &err);
    ts_ok(ds__autoencoder_new(&b, m, 6, 8, DS_TILING_NEVER, NULL, &err), &err);
    ts_ok(ds__decode(tiled, image, latent, NULL, &err), &err);
    ts_ok(ds__decode(a, top_image, top, NULL, &err), &err);
    ts_ok(ds__decode(b, low_image, low, NULL, &err), &err);
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < 64; y++)
            for (int x = 0; x < 48; x++) { /* right of it, the second column of tiles begins */
                float want = top_image[(c * 64 + y) * 64 + x];
                float got = image[(c * 96 + y) * 64 + x], w = (float)(y - 48) / 16.0f;

                /* Clipping comes after blending: only unclipped pixels can be predicted. */
                if (want <= 0.0f || want >= 1.0f)
                    continue;
                if (y >= 48) {
                    float other = low_image[(c * 48 + y - 48) * 64 + x];

                    if (other <= 0.0f || other >= 1.0f)
                        continue;
                    want = want * (1.0f - w) + other * w;
                }
                compared += y >= 48;
                if (fabsf(got - want) > 1e-5f)
                    fail_msg("channel %d, row %d, column %d: %g, expected %g", c, y, x, (double)got,
                             (double)want);
            }
    assert_true(compared > 100);
    ds__autoencoder_free(tiled);
    ds__autoencoder_free(a);
    ds__autoencoder_free(b);
    ds_model_close(m);
}

/* One tile that holds the whole picture is the whole picture. */
static void one_tile_is_no_tile(void **state)
{
    static float picture[3 * 64 * 64], mean[2][256], logvar[2][256], image[2][3 * 64 * 64];
    ds_model *m = open_model(false);
    ds_error err = { 0 };
    ds_rng rng;

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 3);
    ds_rng_uniform(&rng, picture, 3 * 64 * 64);
    for (int i = 0; i < 2; i++) {
        ds_autoencoder *a;

        ts_ok(ds__autoencoder_new(&a, m, 6, 6, i == 0 ? DS_TILING_NEVER : DS_TILING_ALWAYS, NULL,
                                  &err),
              &err);
        ts_ok(ds__encode(a, mean[i], logvar[i], picture, NULL, &err), &err);
        ts_ok(ds__decode(a, image[i], mean[i], NULL, &err), &err);
        ds__autoencoder_free(a);
    }
    ts_compare("mean", mean[1], mean[0], 4 * 36, 1e-6);
    ts_compare("log variance", logvar[1], logvar[0], 4 * 36, 1e-6);
    ts_compare("image", image[1], image[0], 3 * 48 * 48, 1e-6);
    ds_model_close(m);
}

/* ---- noise ----------------------------------------------------------------------------------- */

static void parametrisations_agree(void **state)
{
    ds_model *m = open_model(false);
    ds_noise n;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__noise_open(&n, m, &err), &err);
    assert_int_equal(n.prediction, DS_PREDICT_EPSILON);
    for (double t = 0; t < 999.5; t += 36.7) {
        ds_noise_level l = ds__noise_at(&n, t);
        float x0 = 0.3f, eps = -1.2f, v, z, got;

        assert_true(fabs(l.alpha * l.alpha + l.sigma * l.sigma - 1.0) < 1e-12);
        assert_true(fabs(ds__noise_time(&n, l.logsnr) - t) < 1e-6);
        z = (float)(l.alpha * 0.3 - l.sigma * 1.2);
        v = (float)(-l.alpha * 1.2 - l.sigma * 0.3);
        for (int p = 0; p < 2; p++) {
            const float answer = p == 0 ? eps : v;

            n.prediction = p == 0 ? DS_PREDICT_EPSILON : DS_PREDICT_V;
            ds__noise_to_eps(&n, &got, &answer, &z, l, 1);
            assert_true(fabsf(got - eps) < 1e-5f);
            ds__noise_to_x0(&n, &got, &answer, &z, l, 1);
            assert_true(fabsf(got - x0) < 1e-4f);
        }
    }
    assert_true(ds__noise_time(&n, 100.0) == 0.0 && ds__noise_time(&n, -100.0) == 999.0);
    assert_true(ds__noise_at(&n, 5000.0).logsnr == ds__noise_at(&n, 999.0).logsnr);
    ds__noise_close(&n);
    ds_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_prompts),         cmocka_unit_test(conditionings_share_a_call),
        cmocka_unit_test(tiles_are_blended),      cmocka_unit_test(one_tile_is_no_tile),
        cmocka_unit_test(parametrisations_agree),
    };

    ds_set_threads(
        1); /* with several, a processor without AVX-512 sums the rows of a batch unevenly */
    return cmocka_run_group_tests_name("denoiser", tests, NULL, NULL);
}

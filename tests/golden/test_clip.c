/* A small CLIPModel against transformers: towers from ids and pixels, the preprocessor, cosines. */

#include "support.h"

#include <string.h>

#include "pipeline/clip.h"

#define TOLERANCE 1e-5

static double cosine(const float *a, const float *b, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static ds_bundle *load(const char *dir, const char *what)
{
    ds_error err = { 0 };
    ds_bundle *b;

    ts_ok(ds_bundle_load(&b, ts_path(dir, "cases/clip/%s.safetensors", what), &err), &err);
    return b;
}

static ds_clip *open_clip(const char *dir)
{
    ds_error err = { 0 };
    ds_clip *c;

    ts_ok(ds__clip_open(&c, ts_path(dir, "models/clip"), &err), &err);
    return c;
}

static void towers_agree(void **state)
{
    const char *dir = ts_golden();
    ds_bundle *in, *want;
    ds_error err = { 0 };
    ds_clip *c;
    float got[2 * 64];
    int64_t width;

    (void)state;
    if (dir == NULL)
        skip();
    in = load(dir, "inputs");
    want = load(dir, "outputs");
    c = open_clip(dir);
    width = ds__clip_width(c);
    assert_true(width <= 64);
    ts_ok(ds__clip_ids(c, got, ds_bundle_find(in, "input_ids")->data, 2, NULL, &err), &err);
    ts_compare("text_embeds", got, ds_bundle_find(want, "text_embeds")->data, 2 * width, TOLERANCE);
    ts_ok(ds__clip_pixels(c, got, ds_bundle_find(in, "pixel_values")->data, 2, NULL, &err), &err);
    ts_compare("image_embeds", got, ds_bundle_find(want, "image_embeds")->data, 2 * width,
               TOLERANCE);
    ds__clip_close(c);
    ds_bundle_free(in);
    ds_bundle_free(want);
}

/* From files and words to cosines; the preprocessor's levels may differ by one of 255 where
 * torchvision's fixed-point bicubic and Pillow's round apart. */
static void pictures_and_words_agree(void **state)
{
    static const char *const texts[] = { "a photo of a cat", "a dog" };
    const char *dir = ts_golden();
    ds_bundle *in, *want;
    ds_image image[2];
    ds_error err = { 0 };
    ds_clip *c;
    float *pixels, t[2 * 64], p[2 * 64], got[4];
    int64_t one, width;

    (void)state;
    if (dir == NULL)
        skip();
    in = load(dir, "inputs");
    want = load(dir, "outputs");
    c = open_clip(dir);
    one = 3 * ds__clip_side(c) * ds__clip_side(c);
    pixels = ds_alloc((size_t)(2 * one) * sizeof *pixels);
    width = ds__clip_width(c);
    for (int i = 0; i < 2; i++) {
        ts_ok(ds_image_load(&image[i], ts_path(dir, "cases/clip/picture%d.png", i), &err), &err);
        ts_ok(ds__clip_preprocess(c, pixels + i * one, &image[i], &err), &err);
    }
    printf("pixel_values: largest error %.1e\n",
           ts_compare("pixel_values", pixels, ds_bundle_find(in, "pixel_values")->data, 2 * one,
                      TOLERANCE));
    ts_ok(ds__clip_texts(c, t, texts, 2, NULL, &err), &err);
    ts_ok(ds__clip_images(c, p, image, 2, NULL, &err), &err);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++)
            got[i * 2 + k] = (float)cosine(p + i * width, t + k * width, width);
    ts_compare("cosine", got, ds_bundle_find(want, "cosine")->data, 4, TOLERANCE);
    for (int i = 0; i < 2; i++)
        ds_image_clear(&image[i]);
    ds_free(pixels);
    ds__clip_close(c);
    ds_bundle_free(in);
    ds_bundle_free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(towers_agree),
        cmocka_unit_test(pictures_and_words_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

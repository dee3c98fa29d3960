/* test_image.c - pictures out and in, their text chunks, damaged and hostile files. */

#include "support.h"

#include <diffuscope/image.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>

static char folder[] = "/tmp/diffuscope-test-XXXXXX";

static ds_image gradient(int64_t width, int64_t height)
{
    ds_image image;
    ds_error err = { 0 };

    ts_ok(ds_image_init(&image, width, height, &err), &err);
    for (int64_t i = 0; i < width * height; i++) {
        image.rgb[3 * i] = (unsigned char)(i % width * 255 / width);
        image.rgb[3 * i + 1] = (unsigned char)(i / width * 255 / height);
        image.rgb[3 * i + 2] = (unsigned char)(i * 7);
    }
    return image;
}

static unsigned char *read_all(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    unsigned char *data = malloc(1 << 20);

    assert_non_null(f);
    assert_non_null(data);
    *bytes = fread(data, 1, 1 << 20, f);
    fclose(f);
    return data;
}

static void png_survives_with_its_texts(void **state)
{
    static const ds_png_text texts[] = {
        { "parameters", "a cat\nSteps: 20" },
        { "diffuscope", "{\"prompt\": \"чёрный кот\"}" },
    };
    const char *path = ts_path(folder, "a.png");
    ds_image a = gradient(37, 21), b;
    ds_error err = { 0 };
    char *text;

    (void)state;
    ts_ok(ds_image_save_png(&a, path, texts, 2, &err), &err);
    ts_ok(ds_image_load(&b, path, &err), &err);
    assert_int_equal(b.width, 37);
    assert_int_equal(b.height, 21);
    assert_memory_equal(a.rgb, b.rgb, 37 * 21 * 3);
    for (int i = 0; i < 2; i++) {
        ts_ok(ds_png_find_text(&text, path, texts[i].keyword, &err), &err);
        assert_string_equal(text, texts[i].text);
        ds_free(text);
    }
    assert_int_equal(ds_png_find_text(&text, path, "absent", &err), DS_E_NOMATCH);
    assert_null(text);
    ds_image_clear(&a);
    ds_image_clear(&b);
    ds_image_clear(&b);
}

static void planes_are_rounded_and_clipped(void **state)
{
    const float planes[12] = { 0.0f,
                               1.0f,
                               0.5f,
                               -3.0f,
                               7.0f,
                               NAN,
                               INFINITY,
                               0.25f,
                               1.0f / 255.0f,
                               0.499f / 255.0f,
                               0.501f / 255.0f,
                               2.5f / 255.0f };
    static const unsigned char want[12] = { 0, 255, 1, 255, 0, 0, 128, 255, 1, 0, 64, 2 };
    float back[12];
    ds_image image;

    (void)state;
    ts_ok(ds_image_from_planes(&image, planes, 2, 2, NULL), NULL);
    assert_memory_equal(image.rgb, want, sizeof want);
    ds_image_to_planes(back, &image);
    assert_true(back[0] == 0.0f && back[1] == 1.0f && back[2] == 128.0f / 255.0f);
    ds_image_clear(&image);
}

/* Every way to end early is an error, and none of them crashes or leaks. */
static void cut_files_are_refused(void **state)
{
    const char *path = ts_path(folder, "a.png");
    unsigned char *data;
    size_t bytes;
    ds_image image;

    (void)state;
    data = read_all(path, &bytes);
    for (size_t n = 0; n + 12 < bytes; n += 1 + n / 64) { /* the last chunk, IEND, is not missed */
        ds_error err = { 0 };
        ds_status st = ds_image_decode(&image, data, n, "cut.png", &err);

        assert_true(st == DS_E_FORMAT || st == DS_E_UNSUPPORTED);
        assert_non_null(strstr(err.text, "cut.png"));
        assert_null(image.rgb);
    }
    free(data);
}

/* 8192 x 8192 pixels of RGB in 65 bytes, with the right check sums. */
static const unsigned char promise[] = { 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00,
                                         0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x20, 0x00,
                                         0x00, 0x00, 0x20, 0x00, 0x08, 0x02, 0x00, 0x00, 0x00, 0xfd,
                                         0xc8, 0x5d, 0x0e, 0x00, 0x00, 0x00, 0x08, 0x49, 0x44, 0x41,
                                         0x54, 0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01, 0x48,
                                         0x06, 0x89, 0xd2, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e,
                                         0x44, 0xae, 0x42, 0x60, 0x82 };

static void a_promise_of_many_pixels_is_refused(void **state)
{
    const char *path = ts_path(folder, "a.png");
    unsigned char *data;
    size_t bytes;
    ds_image image;
    ds_error err = { 0 };

    (void)state;
    data = read_all(path, &bytes);
    data[16] = 0x7f; /* width; the check sum is now wrong as well */
    assert_int_not_equal(ds_image_decode(&image, data, bytes, "big.png", &err), DS_OK);
    free(data);
    assert_int_equal(ds_image_decode(&image, promise, sizeof promise, "big.png", NULL),
                     DS_E_FORMAT);
    assert_int_equal(ds_image_init(&image, 32768, 32768, NULL), DS_E_ARG);
    assert_int_equal(ds_image_init(&image, 0, 5, NULL), DS_E_ARG);
    assert_int_equal(ds_image_init(&image, INT64_MAX, 2, NULL), DS_E_ARG);
}

static unsigned char *make_jpeg(const ds_image *image, J_COLOR_SPACE space, int parts,
                                unsigned long *bytes)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;

    *bytes = 0;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &out, bytes);
    info.image_width = (JDIMENSION)(image->width * 3 / parts);
    info.image_height = (JDIMENSION)image->height;
    info.input_components = parts;
    info.in_color_space = space;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 100, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = image->rgb + (size_t)info.next_scanline * (size_t)image->width * 3;

        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return out;
}

static void jpeg_is_read_or_refused(void **state)
{
    ds_image a, b;
    ds_error err = { 0 };
    unsigned long bytes;
    unsigned char *data;

    (void)state;
    ts_ok(ds_image_init(&a, 24, 16, &err), &err);
    memset(a.rgb, 200, 24 * 16 * 3);
    data = make_jpeg(&a, JCS_RGB, 3, &bytes);
    ts_ok(ds_image_decode(&b, data, bytes, "a.jpg", &err), &err);
    assert_int_equal(b.width, 24);
    assert_in_range(b.rgb[0], 198, 202);
    ds_image_clear(&b);
    for (unsigned long n = 3; n < bytes - 2; n += 5)
        assert_int_equal(ds_image_decode(&b, data, n, "cut.jpg", NULL), DS_E_FORMAT);
    free(data);
    data = make_jpeg(&a, JCS_CMYK, 4, &bytes);
    assert_int_equal(ds_image_decode(&b, data, bytes, "cmyk.jpg", &err), DS_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "CMYK"));
    free(data);
    data = make_jpeg(&a, JCS_GRAYSCALE, 1, &bytes);
    ts_ok(ds_image_decode(&b, data, bytes, "grey.jpg", NULL), NULL);
    assert_int_equal(b.width, 72);
    assert_int_equal(b.rgb[0], b.rgb[2]);
    free(data);
    ds_image_clear(&a);
    ds_image_clear(&b);
}

static void misuse_is_explained(void **state)
{
    static const ds_png_text bad[] = { { "", "x" }, { " a", "x" }, { "a", "\xff" }, { "é", "x" } };
    ds_image a = gradient(2, 2), none = { 0 };
    ds_error err = { 0 };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(bad); i++)
        assert_int_equal(ds_image_save_png(&a, ts_path(folder, "b.png"), &bad[i], 1, NULL),
                         DS_E_ARG);
    assert_int_equal(ds_image_save_png(&none, "b.png", NULL, 0, NULL), DS_E_ARG);
    assert_int_equal(ds_image_save_png(&a, "/nonexistent/b.png", NULL, 0, NULL), DS_E_IO);
    assert_int_equal(ds_image_load(&none, "/nonexistent/b.png", NULL), DS_E_IO);
    assert_int_equal(ds_image_decode(&none, "GIF89a", 6, "a.gif", &err), DS_E_UNSUPPORTED);
    assert_string_equal(err.name, "a.gif");
    ds_image_clear(&a);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    remove(ts_path(folder, "a.png"));
    return rmdir(folder);
}

/* A JPEG comes back as nearly the same picture, with its comment; names decide the kind. */
static void jpegs_are_written(void **state)
{
    const ds_png_text text = { "parameters", "Steps: 20" };
    ds_image a, b;
    ds_error err = { 0 };
    char *data;
    size_t bytes;
    long worst = 0;

    (void)state;
    ts_ok(ds_image_init(&a, 40, 24, &err), &err);
    for (int64_t i = 0; i < 40 * 24 * 3; i++)
        a.rgb[i] = (unsigned char)(i % 3 == 0 ? 4 * (i / 3 % 40) : i % 3 == 1 ? i / 120 * 8 : 90);
    ts_ok(ds_image_encode_jpeg(&data, &bytes, &a, &text, 1, &err), &err);
    assert_memory_equal(data, "\xff\xd8", 2);
    ts_ok(ds_image_decode(&b, data, bytes, "b", &err), &err);
    assert_int_equal(b.width, 40);
    assert_int_equal(b.height, 24);
    for (int64_t i = 0; i < 40 * 24 * 3; i++)
        worst = labs((long)a.rgb[i] - b.rgb[i]) > worst ? labs((long)a.rgb[i] - b.rgb[i]) : worst;
    assert_true(worst <= 12);
    ds_image_clear(&b);
    ts_ok(ds_image_save(&a, ts_path(folder, "b.JPG"), NULL, 0, &err), &err);
    ts_ok(ds_image_load(&b, ts_path(folder, "b.JPG"), &err), &err);
    unlink(ts_path(folder, "b.JPG"));
    ds_image_clear(&b);
    assert_int_equal(ds_image_save(&a, ts_path(folder, "b.gif"), NULL, 0, &err), DS_E_ARG);
    assert_non_null(strstr(err.text, ".jpeg"));
    ds_image_clear(&a);
    ds_free(data);
    assert_int_equal(ds_image_encode_jpeg(&data, &bytes, &a, NULL, 0, NULL), DS_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_survives_with_its_texts),
        cmocka_unit_test(planes_are_rounded_and_clipped),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(a_promise_of_many_pixels_is_refused),
        cmocka_unit_test(jpeg_is_read_or_refused),
        cmocka_unit_test(misuse_is_explained),
        cmocka_unit_test(jpegs_are_written),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* test_image_more.c - resizing, transparency, 16 bits, photographs that lie on their side. */

#include "support.h"

#include <diffuscope/image.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

#include "base/file.h"

/* Pillow 9.4: Image.fromarray(a).resize(size, filter) of
 * a[i] = (37 i + 11 (i mod 7)) mod 256, [4, 5, 3]. */
static const unsigned char lanczos_3x2[] = { 98,  129, 128, 94,  123, 128, 131, 90,  112,
                                             144, 120, 77,  112, 120, 113, 62,  125, 107 };
static const unsigned char lanczos_2x7[] = {
    53,  91, 159, 148, 76,  92,  66,  121, 137, 121, 82,  117, 100, 157,
    104, 86, 101, 143, 151, 140, 106, 98,  139, 117, 163, 106, 113, 109,
    147, 89, 126, 112, 87,  71,  114, 110, 95,  123, 69,  42,  87,  132,
};
static const unsigned char bicubic_3x2[] = { 97,  132, 130, 87,  113, 124, 133, 92,  111,
                                             143, 123, 77,  108, 120, 118, 67,  120, 103 };
static const unsigned char bicubic_2x7[] = {
    60,  95, 155, 141, 76,  95,  74,  119, 134, 120, 84,  115, 102, 156,
    100, 86, 102, 146, 141, 133, 105, 98,  134, 120, 162, 103, 112, 109,
    151, 91, 123, 112, 88,  70,  115, 110, 98,  120, 73,  46,  93,  123,
};

static void resized_as_pillow_does(void **state)
{
    static const struct {
        int64_t width, height;
        ds_filter filter;
        const unsigned char *want;
    } cases[] = {
        { 3, 2, DS_FILTER_LANCZOS, lanczos_3x2 },
        { 2, 7, DS_FILTER_LANCZOS, lanczos_2x7 },
        { 3, 2, DS_FILTER_BICUBIC, bicubic_3x2 },
        { 2, 7, DS_FILTER_BICUBIC, bicubic_2x7 },
    };
    ds_image a, b;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_image_init(&a, 5, 4, &err), &err);
    for (int i = 0; i < 60; i++)
        a.rgb[i] = (unsigned char)(37 * i + 11 * (i % 7));
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        int64_t w = cases[i].width, h = cases[i].height;

        ts_ok(ds_image_resize(&b, &a, w, h, cases[i].filter, &err), &err);
        assert_memory_equal(b.rgb, cases[i].want, w * h * 3);
        ds_image_clear(&b);
    }
    ts_ok(ds_image_resize(&b, &a, 5, 4, DS_FILTER_LANCZOS, &err), &err);
    assert_memory_equal(b.rgb, a.rgb, 60);
    ds_image_clear(&b);
    assert_int_equal(ds_image_resize(&b, &a, 0, 4, DS_FILTER_LANCZOS, NULL), DS_E_ARG);
    assert_int_equal(ds_image_resize(&b, &a, 1 << 20, 4, DS_FILTER_LANCZOS, NULL), DS_E_ARG);
    assert_int_equal(ds_image_fit(&b, &a, INT64_MAX, 4, DS_FILTER_LANCZOS, NULL), DS_E_ARG);
    assert_null(b.rgb);
    ds_image_clear(&a);
    assert_int_equal(ds_image_resize(&b, &a, 4, 4, DS_FILTER_LANCZOS, NULL), DS_E_ARG);
    assert_int_equal(ds_image_fit(&b, &a, 4, 4, DS_FILTER_LANCZOS, NULL), DS_E_ARG);
}

/* The middle third is black, the rest white: a square cut from the middle is all black. */
static void fitting_keeps_the_middle(void **state)
{
    ds_image a, b;
    ds_error err = { 0 };

    (void)state;
    for (int tall = 0; tall < 2; tall++) {
        ts_ok(ds_image_init(&a, tall ? 8 : 24, tall ? 24 : 8, &err), &err);
        for (int64_t i = 0; i < 8 * 24; i++) {
            int64_t along = tall ? i / 8 : i % 24;

            memset(a.rgb + 3 * i, along >= 8 && along < 16 ? 0 : 255, 3);
        }
        ts_ok(ds_image_fit(&b, &a, 4, 4, DS_FILTER_BICUBIC, &err), &err);
        for (int i = 0; i < 48; i++)
            assert_int_equal(b.rgb[i], 0);
        ds_image_clear(&b);
        ts_ok(ds_image_fit(&b, &a, 1, 100, DS_FILTER_BICUBIC, &err), &err);
        assert_int_equal(b.height, 100);
        ds_image_clear(&b);
        ds_image_clear(&a);
    }
}

static void every_allocation_may_fail(void **state)
{
    ds_status st = DS_E_NOMEM;
    ds_image a, b;
    int64_t n;

    (void)state;
    ts_ok(ds_image_init(&a, 9, 7, NULL), NULL);
    for (n = 1; st != DS_OK; n++) {
        ds_error err = { 0 };

        ts_alloc_begin(n);
        st = ds_image_fit(&b, &a, 5, 5, DS_FILTER_LANCZOS, &err);
        assert_true(st == DS_OK || (st == DS_E_NOMEM && err.code == DS_E_NOMEM));
        assert_true(st == DS_OK || b.rgb == NULL);
        ds_image_clear(&b);
        assert_int_equal(ts_alloc_end(), 0);
    }
    assert_true(n > 8);
    ds_image_clear(&a);
}

/* A PNG of `count` pixels in a row. */
static size_t make_png(unsigned char *out, size_t size, unsigned format, const void *pixels,
                       unsigned count)
{
    png_image info;

    memset(&info, 0, sizeof info);
    info.version = PNG_IMAGE_VERSION;
    info.width = count;
    info.height = 1;
    info.format = format;
    assert_true(png_image_write_to_memory(&info, out, &size, 0, pixels, 0, NULL));
    return size;
}

static void transparency_lies_over_white(void **state)
{
    static const unsigned char rgba[] = { 0, 100, 255, 0, 0, 100, 255, 255, 0, 100, 255, 51 };
    static const unsigned char want[] = { 255, 255, 255, 0, 100, 255, 204, 224, 255 };
    unsigned char file[1024];
    size_t n = make_png(file, sizeof file, PNG_FORMAT_RGBA, rgba, 3);
    ds_image a;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_image_decode(&a, file, n, "a.png", &err), &err);
    assert_memory_equal(a.rgb, want, sizeof want);
    ds_image_clear(&a);
}

static uint32_t crc(const unsigned char *p, size_t n)
{
    uint32_t c = ~0u;

    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
    }
    return ~c;
}

static size_t put_chunk(unsigned char *to, const char *type, const unsigned char *data, size_t n)
{
    uint32_t sum;

    memcpy(to, (unsigned char[]){ 0, 0, (unsigned char)(n >> 8), (unsigned char)n }, 4);
    memcpy(to + 4, type, 4);
    memcpy(to + 8, data, n);
    sum = crc(to + 4, n + 4);
    for (int i = 0; i < 4; i++)
        to[8 + n + (size_t)i] = (unsigned char)(sum >> (24 - 8 * i));
    return n + 12;
}

/* Two grey pixels of 16 bits without a word about gamma keep their upper byte, as everywhere. */
static void sixteen_bits_are_not_brightened(void **state)
{
    static const unsigned char head[] = { 0, 0, 0, 2, 0, 0, 0, 1, 16, 0, 0, 0, 0 };
    /* zlib stream of one stored block: filter 0, 0x4040, 0xc0c0 */
    static const unsigned char data[] = { 0x78, 0x01, 1,    5,    0,    0xfa, 0xff, 0,
                                          0x40, 0x40, 0xc0, 0xc0, 0x04, 0x05, 0x02, 0x01 };
    unsigned char file[256] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    size_t n = 8;
    ds_image a;
    ds_error err = { 0 };

    (void)state;
    n += put_chunk(file + n, "IHDR", head, sizeof head);
    n += put_chunk(file + n, "IDAT", data, sizeof data);
    n += put_chunk(file + n, "IEND", data, 0);
    ts_ok(ds_image_decode(&a, file, n, "a.png", &err), &err);
    assert_int_equal(a.rgb[0], 0x40);
    assert_int_equal(a.rgb[3], 0xc0);
    ds_image_clear(&a);
}

/* A picture of 48 x 32 whose upper left quarter is black, with an Exif segment behind one of XMP. */
static unsigned char *make_jpeg(const unsigned char *exif, unsigned n, unsigned long *bytes)
{
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
    unsigned char *out = NULL, row[48];
    JSAMPROW rows[1] = { row };

    *bytes = 0;
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &out, bytes);
    info.image_width = 48;
    info.image_height = 32;
    info.input_components = 1;
    info.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&info);
    jpeg_start_compress(&info, TRUE);
    jpeg_write_marker(&info, JPEG_APP0 + 1, (const JOCTET *)xmp, sizeof xmp);
    jpeg_write_marker(&info, JPEG_APP0 + 1, exif, n);
    while (info.next_scanline < info.image_height) {
        memset(row, 255, sizeof row);
        memset(row, info.next_scanline < 16 ? 0 : 255, 24);
        jpeg_write_scanlines(&info, rows, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return out;
}

/* Which corner is black: 0 upper left, 1 upper right, 2 lower left, 3 lower right. */
static int black_corner(const ds_image *a)
{
    for (int i = 0; i < 4; i++) {
        int64_t x = i % 2 ? a->width - 1 : 0, y = i / 2 ? a->height - 1 : 0;

        if (a->rgb[3 * (y * a->width + x)] < 128)
            return i;
    }
    return -1;
}

static void photographs_are_turned(void **state)
{
    static const int corner[9] = { 0, 0, 1, 3, 2, 0, 1, 3, 2 };
    unsigned char exif[] = { 'E', 'x',  'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1,
                             1,   0x12, 0,   3,   0, 0, 0,   1,   0, 0,  0, 0, 0, 0, 0, 0 };
    ds_error err = { 0 };

    (void)state;
    for (int o = 0; o < 9; o++) {
        unsigned long bytes;
        unsigned char *data;
        ds_image a;

        exif[25] = (unsigned char)o;
        data = make_jpeg(exif, sizeof exif, &bytes);
        ts_ok(ds_image_decode(&a, data, bytes, "a.jpg", &err), &err);
        assert_int_equal(a.width, o >= 5 ? 32 : 48);
        assert_int_equal(black_corner(&a), corner[o]);
        ds_image_clear(&a);
        free(data);
    }
}

/* 48 x 32, black and opaque in the upper left quarter alone, with an eXIf chunk before the pixels. */
static size_t make_turned_png(unsigned char *file, size_t room, const unsigned char *exif, size_t n)
{
    static unsigned char rgba[48 * 32 * 4];
    png_image info = {
        .version = PNG_IMAGE_VERSION, .width = 48, .height = 32, .format = PNG_FORMAT_RGBA
    };
    png_alloc_size_t bytes = room - 12 - n;
    unsigned char chunk[64];
    size_t head = 8 + 25, size;

    for (int i = 0; i < 48 * 32; i++)
        rgba[4 * i + 3] = i % 48 < 24 && i < 48 * 16 ? 255 : 0;
    assert_true(png_image_write_to_memory(&info, file, &bytes, 0, rgba, 0, NULL));
    size = put_chunk(chunk, "eXIf", exif, (unsigned)n);
    memmove(file + head + size, file + head, bytes - head);
    memcpy(file + head, chunk, size);
    return bytes + size;
}

static void pngs_are_turned_with_their_opacity(void **state)
{
    static const int corner[9] = { 0, 0, 1, 3, 2, 0, 1, 3, 2 };
    unsigned char exif[] = { 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3,
                             0,   1,   0,  0, 0, 0, 0, 0, 0, 0, 0,    0, 0 };
    static unsigned char file[1 << 16];
    char path[] = "/tmp/diffuscope-test-XXXXXX";
    const int fd = mkstemp(path);
    ds_error err = { 0 };

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (int o = 0; o < 9; o++) {
        unsigned char *opacity;
        int64_t w, h;
        ds_image a;
        size_t n;

        exif[18] = (unsigned char)o;
        n = make_turned_png(file, sizeof file, exif, sizeof exif);
        ts_ok(ds_image_decode(&a, file, n, "a.png", &err), &err);
        assert_int_equal(a.width, o >= 5 ? 32 : 48);
        assert_int_equal(black_corner(&a), corner[o]);
        ts_ok(ds__file_write(path, file, n, &err), &err);
        ts_ok(ds_png_opacity(&opacity, &w, &h, path, &err), &err);
        assert_int_equal(w, a.width);
        assert_int_equal(h, a.height);
        for (int64_t i = 0; i < w * h; i++)
            assert_int_equal(opacity[i] > 0, a.rgb[3 * i] < 128);
        ds_free(opacity);
        ds_image_clear(&a);
    }
    unlink(path);
}

/* Exif segments that end early or point outside: the picture is read as it is. */
static void false_notes_are_ignored(void **state)
{
    unsigned char exif[] = { 'E',  'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0,
                             0x12, 1,   3,   0,   1, 0, 0,   0,   9,  0, 0, 0, 0, 0, 0, 0 };
    ds_error err = { 0 };

    (void)state;
    for (unsigned n = 0; n <= sizeof exif + 1; n++) {
        unsigned long bytes;
        unsigned char *data;
        ds_image a;

        if (n > sizeof exif)
            memset(exif + 10, 0xff, 4); /* a table four gigabytes away */
        data = make_jpeg(exif, n > sizeof exif ? sizeof exif : n, &bytes);
        ts_ok(ds_image_decode(&a, data, bytes, "a.jpg", &err), &err);
        assert_int_equal(a.width, 48);
        assert_int_equal(black_corner(&a), 0);
        ds_image_clear(&a);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resized_as_pillow_does),
        cmocka_unit_test(fitting_keeps_the_middle),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(transparency_lies_over_white),
        cmocka_unit_test(sixteen_bits_are_not_brightened),
        cmocka_unit_test(photographs_are_turned),
        cmocka_unit_test(pngs_are_turned_with_their_opacity),
        cmocka_unit_test(false_notes_are_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

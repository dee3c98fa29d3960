/* png.c - PNG through libpng: pixels by its simplified interface, text chunks by the full one. */

#include "report/image.h"

#include <png.h>
#include <string.h>
#include <utf8proc.h>

#include "base/buffer.h"
#include "base/file.h"
#include "report/utf8.h"

#define LARGEST_FILE ((size_t)1 << 30)
#define MAX_TEXTS    16

/* ---- reading --------------------------------------------------------------------------------- */

/* A chunk's length is any number, for which libpng finds memory before it reads: refused unless the
 * file is long enough. */
static ds_status check_chunks(const void *data, size_t bytes, const char *name, ds_error *err)
{
    const unsigned char *p = data;
    size_t at = 8;

    if (bytes < at || png_sig_cmp(p, 0, at) != 0) {
        ds_fail(err, DS_E_FORMAT, "%s: expected a PNG, found something else", name);
        return ds_fail_at(err, DS_E_FORMAT, name, 0);
    }
    while (at < bytes) {
        size_t left = bytes - at, length;

        if (left < 12)
            break;
        length = (size_t)p[at] << 24 | (size_t)p[at + 1] << 16 | (size_t)p[at + 2] << 8 | p[at + 3];
        if (length > left - 12)
            break;
        if (memcmp(p + at + 4, "IEND", 4) == 0)
            return DS_OK;
        at += length + 12;
    }
    ds_fail(err, DS_E_FORMAT, "%s: damaged PNG: the chunk at byte %zu ends behind the file", name,
            at);
    return ds_fail_at(err, DS_E_FORMAT, name, (int64_t)at);
}

/* Of the eXIf chunk of a file whose chunks were checked. */
static int orientation_of(const void *data)
{
    const unsigned char *p = (const unsigned char *)data + 8;

    for (;;) {
        size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];

        if (memcmp(p + 4, "eXIf", 4) == 0)
            return ds__exif_orientation(p + 8, length);
        if (memcmp(p + 4, "IEND", 4) == 0)
            return 1;
        p += length + 12;
    }
}

/* Lays pixels with opacity over white, level by level, as picture viewers do. */
static ds_status read_over_white(ds_image *out, png_image *info, const char *name, ds_error *err)
{
    size_t pixels = (size_t)(out->width * out->height);
    unsigned char *rgba = ds_calloc(pixels, 4);
    ds_status st = DS_OK;

    if (rgba == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for %zu pixels", name, pixels);
    info->format = PNG_FORMAT_RGBA;
    if (!png_image_finish_read(info, NULL, rgba, 0, NULL))
        st = ds_fail(err, DS_E_FORMAT, "%s: damaged PNG: %s", name, info->message);
    for (size_t i = 0; i < pixels; i++)
        for (int c = 0; c < 3; c++) {
            int opacity = rgba[4 * i + 3], level = rgba[4 * i + c];

            out->rgb[3 * i + c] =
                (unsigned char)((level * opacity + 255 * (255 - opacity) + 127) / 255);
        }
    ds_free(rgba);
    return st;
}

ds_status ds__png_decode(ds_image *out, const void *data, size_t bytes, const char *name,
                         ds_error *err)
{
    png_image info;
    ds_status st = check_chunks(data, bytes, name, err);

    if (st != DS_OK)
        return st;
    memset(&info, 0, sizeof info);
    info.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_memory(&info, data, bytes))
        return ds_fail(err, DS_E_FORMAT, "%s: damaged PNG: %s", name, info.message);
    info.flags |= PNG_IMAGE_FLAG_16BIT_sRGB; /* libpng would take 16 bits for linear light */
    st = ds__image_promised(out, info.width, info.height, bytes, name, err);
    if (st == DS_OK && (info.format & PNG_FORMAT_FLAG_ALPHA) != 0) {
        st = read_over_white(out, &info, name, err);
    } else if (st == DS_OK) {
        info.format = PNG_FORMAT_RGB;
        if (!png_image_finish_read(&info, NULL, out->rgb, 0, NULL))
            st = ds_fail(err, DS_E_FORMAT, "%s: damaged PNG: %s", name, info.message);
    }
    png_image_free(&info);
    return st == DS_OK ? ds__image_orient(out, orientation_of(data), err) : st;
}

/* RGBA of a whole file; *size has its sides, and pixels of its own. */
static ds_status decode_rgba(unsigned char **out, ds_image *size, const void *data, size_t bytes,
                             const char *path, ds_error *err)
{
    png_image info;
    ds_status st = check_chunks(data, bytes, path, err);

    if (st != DS_OK)
        return st;
    memset(&info, 0, sizeof info);
    info.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_memory(&info, data, bytes))
        return ds_fail(err, DS_E_FORMAT, "%s: damaged PNG: %s", path, info.message);
    info.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
    st = ds__image_promised(size, info.width, info.height, bytes, path, err);
    info.format = PNG_FORMAT_RGBA;
    if (st == DS_OK && (*out = ds_calloc((size_t)(size->width * size->height), 4)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "%s: no memory for its pixels", path);
    if (st == DS_OK && !png_image_finish_read(&info, NULL, *out, 0, NULL))
        st = ds_fail(err, DS_E_FORMAT, "%s: damaged PNG: %s", path, info.message);
    png_image_free(&info);
    return st;
}

/* Opacity alone, turned as the pixels are: it goes through the red of a picture. */
static ds_status decode_opacity(unsigned char **out, ds_image *size, const void *data, size_t bytes,
                                const char *path, ds_error *err)
{
    unsigned char *rgba = NULL;
    ds_status st = decode_rgba(&rgba, size, data, bytes, path, err);
    int64_t n = size->width * size->height;

    for (int64_t i = 0; st == DS_OK && i < n; i++)
        size->rgb[3 * i] = rgba[4 * i + 3];
    if (st == DS_OK)
        st = ds__image_orient(size, orientation_of(data), err);
    for (int64_t i = 0; st == DS_OK && i < n; i++)
        rgba[i] = size->rgb[3 * i];
    if (st != DS_OK) {
        ds_free(rgba);
        rgba = NULL;
    }
    *out = rgba;
    return st;
}

ds_status ds_png_opacity(unsigned char **out, int64_t *width, int64_t *height, const char *path,
                         ds_error *err)
{
    ds_image size = { 0 };
    char *data;
    size_t bytes;
    ds_status st = ds__file_read(&data, &bytes, path, LARGEST_FILE, err);

    *out = NULL;
    if (st == DS_OK)
        st = decode_opacity(out, &size, data, bytes, path, err);
    *width = size.width;
    *height = size.height;
    ds_image_clear(&size);
    ds_free(data);
    return st;
}

/* What libpng's callbacks need: where the bytes are, and the first complaint. */
typedef struct stream {
    const char *data; /* reading */
    size_t bytes, at;
    ds_buffer *to; /* writing */
    ds_status st;
    ds_error *err;
    const char *name;
} stream;

static void on_error(png_structp png, png_const_charp text)
{
    stream *s = png_get_error_ptr(png);

    if (s->st == DS_OK)
        s->st =
            ds_fail(s->err, s->to != NULL ? DS_E_INTERNAL : DS_E_FORMAT, "%s: %s", s->name, text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

static void read_bytes(png_structp png, png_bytep to, size_t n)
{
    stream *s = png_get_io_ptr(png);

    if (n > s->bytes - s->at)
        png_error(png, "the file ends early");
    memcpy(to, s->data + s->at, n);
    s->at += n;
}

/* The standard says Latin-1, many writers put UTF-8: what is no UTF-8 is Latin-1. */
static char *to_utf8(const char *text)
{
    char *out, *p;

    if (ds__utf8_valid(text))
        return ds_strdup(text);
    p = out = ds_alloc(2 * strlen(text) + 1);
    for (; out != NULL && *text != '\0'; text++)
        p += utf8proc_encode_char((unsigned char)*text, (utf8proc_uint8_t *)p);
    if (out != NULL)
        *p = '\0';
    return out;
}

static void collect_text(png_structp png, png_infop info, stream *s, const char *keyword,
                         char **out)
{
    png_textp text;
    int count = 0;

    if (setjmp(png_jmpbuf(png)) != 0)
        return;
    png_set_read_fn(png, s, read_bytes);
    png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
    png_read_info(png, info);
    png_get_text(png, info, &text, &count);
    for (int i = 0; i < count && *out == NULL; i++)
        if (strcmp(text[i].key, keyword) == 0 && text[i].text != NULL)
            *out = to_utf8(text[i].text);
}

static ds_status find_text(char **out, stream *s, const char *keyword, ds_error *err)
{
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, s, on_error, on_warning);
    png_infop info = png != NULL ? png_create_info_struct(png) : NULL;

    if (info == NULL) {
        png_destroy_read_struct(&png, NULL, NULL);
        return ds_fail(err, DS_E_NOMEM, "%s: no memory to read it", s->name);
    }
    collect_text(png, info, s, keyword, out);
    png_destroy_read_struct(&png, &info, NULL);
    if (s->st == DS_OK && *out == NULL)
        s->st = ds_fail(err, DS_E_NOMATCH, "%s: it has no text chunk \"%s\" before its pixels",
                        s->name, keyword);
    return s->st;
}

ds_status ds_png_find_text(char **out, const char *path, const char *keyword, ds_error *err)
{
    char *data;
    stream s = { .err = err, .name = path };
    ds_status st = ds__file_read(&data, &s.bytes, path, LARGEST_FILE, err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    s.data = data;
    st = check_chunks(data, s.bytes, path, err);
    if (st == DS_OK)
        st = find_text(out, &s, keyword, err);
    ds_free(data);
    return st == DS_OK ? DS_OK : ds_fail_at(err, st, path, -1);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_bytes(png_structp png, png_bytep from, size_t n)
{
    stream *s = png_get_io_ptr(png);

    ds__buffer_add(s->to, from, n);
    if (!s->to->failed)
        return;
    s->st = ds_fail(s->err, DS_E_NOMEM, "%s: no memory for its bytes", s->name);
    png_error(png, "no memory");
}

static void flush_bytes(png_structp png)
{
    (void)png;
}

/* Latin-1 letters of tEXt end where ASCII does for readers in the wild: all else becomes iTXt. */
static png_text as_chunk(const ds_png_text *t)
{
    png_text chunk;
    bool ascii = true;

    for (const char *p = t->text; *p != '\0'; p++)
        ascii = ascii && (unsigned char)*p < 128;
    memset(&chunk, 0, sizeof chunk);
    chunk.compression = ascii ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    chunk.key = (char *)t->keyword;
    chunk.text = (char *)t->text;
    chunk.lang = (char *)"";
    chunk.lang_key = (char *)"";
    return chunk;
}

static void write_all(png_structp png, png_infop info, const ds_image *image, png_text *chunks,
                      int count)
{
    if (setjmp(png_jmpbuf(png)) != 0)
        return;
    png_set_IHDR(png, info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_text(png, info, chunks, count);
    png_write_info(png, info);
    for (int64_t y = 0; y < image->height; y++)
        png_write_row(png, image->rgb + y * image->width * 3);
    png_write_end(png, NULL);
}

static ds_status encode(stream *s, const ds_image *image, const ds_png_text *texts, int64_t count,
                        ds_error *err)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, s, on_error, on_warning);
    png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
    png_text chunks[MAX_TEXTS];

    if (info == NULL) {
        png_destroy_write_struct(&png, NULL);
        return ds_fail(err, DS_E_NOMEM, "%s: no memory to write it", s->name);
    }
    for (int64_t i = 0; i < count; i++)
        chunks[i] = as_chunk(&texts[i]);
    png_set_write_fn(png, s, write_bytes, flush_bytes);
    write_all(png, info, image, chunks, (int)count);
    png_destroy_write_struct(&png, &info);
    return s->st;
}

/* No blank at either end, as the standard has it; libpng would drop the chunk with a warning. */
static bool is_keyword(const char *k)
{
    size_t n = strlen(k);

    for (size_t i = 0; i < n; i++)
        if (k[i] < ' ' || k[i] > '~')
            return false;
    return n >= 1 && n <= 79 && k[0] != ' ' && k[n - 1] != ' ';
}

static ds_status check(const ds_image *image, const char *name, const ds_png_text *texts,
                       int64_t count, ds_error *err)
{
    if (image->rgb == NULL)
        return ds_fail(err, DS_E_ARG, "%s: expected an image, found an empty one", name);
    if (count < 0 || count > MAX_TEXTS)
        return ds_fail(err, DS_E_ARG, "%s: expected at most %d texts, found %lld", name, MAX_TEXTS,
                       (long long)count);
    for (int64_t i = 0; i < count; i++)
        if (!is_keyword(texts[i].keyword) || !ds__utf8_valid(texts[i].text))
            return ds_fail(err, DS_E_ARG,
                           "%s: expected a keyword of 1 to 79 ASCII letters and text in UTF-8, "
                           "found something else under \"%s\"",
                           name, texts[i].keyword);
    return DS_OK;
}

static ds_status encode_named(char **out, size_t *bytes, const ds_image *image, const char *name,
                              const ds_png_text *texts, int64_t count, ds_error *err)
{
    ds_buffer b = { 0 };
    stream s = { .to = &b, .err = err, .name = name };
    ds_status st = check(image, name, texts, count, err);

    *out = NULL;
    if (st == DS_OK)
        st = encode(&s, image, texts, count, err);
    if (st == DS_OK)
        return ds__buffer_take(&b, out, bytes, name, err);
    ds__buffer_clear(&b);
    return st;
}

ds_status ds_image_encode_png(char **out, size_t *bytes, const ds_image *image,
                              const ds_png_text *texts, int64_t count, ds_error *err)
{
    return encode_named(out, bytes, image, "PNG", texts, count, err);
}

ds_status ds_image_save_png(const ds_image *image, const char *path, const ds_png_text *texts,
                            int64_t count, ds_error *err)
{
    size_t bytes;
    char *data;
    ds_status st = encode_named(&data, &bytes, image, path, texts, count, err);

    if (st != DS_OK)
        return st;
    st = ds__file_write(path, data, bytes, err);
    ds_free(data);
    return st;
}

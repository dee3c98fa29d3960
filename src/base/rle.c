/* rle.c - run lengths of masks as COCO's annotation files hold them. Thread rule: pure
 * functions. */

#include <diffuscope/rle.h>

#include <string.h>

#define GROUPS 7 /* of five bits hold any difference of two 32-bit runs */

static ds_status check_size(size_t *pixels, int64_t height, int64_t width, ds_error *err)
{
    if (height < 0 || width < 0 || !ds_mul_size((size_t)height, (size_t)width, pixels) ||
        *pixels > UINT32_MAX)
        return ds_fail(err, DS_E_ARG, "mask: expected at most 2^32-1 pixels, found %lld x %lld",
                       (long long)width, (long long)height);
    return DS_OK;
}

/* Walks the mask column by column; with counts NULL it only counts the runs. */
static int64_t walk(uint32_t *counts, const uint8_t *mask, int64_t height, int64_t width)
{
    bool on = false;
    uint32_t run = 0;
    int64_t n = 0;

    for (int64_t x = 0; x < width; x++)
        for (int64_t y = 0; y < height; y++) {
            if ((mask[y * width + x] != 0) != on) {
                if (counts != NULL)
                    counts[n] = run;
                n++;
                run = 0;
                on = !on;
            }
            run++;
        }
    if (run > 0) {
        if (counts != NULL)
            counts[n] = run;
        n++;
    }
    return n;
}

ds_status ds_rle_count(uint32_t **counts, int64_t *n, const uint8_t *mask, int64_t height,
                       int64_t width, ds_error *err)
{
    size_t pixels;
    ds_status st = check_size(&pixels, height, width, err);

    *counts = NULL;
    *n = 0;
    if (st != DS_OK)
        return st;
    *n = walk(NULL, mask, height, width);
    *counts = ds_calloc((size_t)*n + 1, sizeof **counts);
    if (*counts == NULL)
        return ds_fail(err, DS_E_NOMEM, "mask: %lld runs", (long long)*n);
    walk(*counts, mask, height, width);
    return DS_OK;
}

/* Sets `run` pixels from position `at` in column order. */
static void paint(uint8_t *mask, size_t at, size_t run, uint8_t value, int64_t height,
                  int64_t width)
{
    for (size_t i = at; i < at + run; i++)
        mask[(int64_t)(i % (size_t)height) * width + (int64_t)(i / (size_t)height)] = value;
}

ds_status ds_rle_fill(uint8_t *mask, const uint32_t *counts, int64_t n, int64_t height,
                      int64_t width, ds_error *err)
{
    size_t pixels, at = 0;
    ds_status st = check_size(&pixels, height, width, err);

    if (st != DS_OK)
        return st;
    for (int64_t i = 0; i < n; i++) {
        if (counts[i] > pixels - at)
            return ds_fail(err, DS_E_FORMAT,
                           "mask: run %lld has %u pixels where %zu are left of %lld x %lld",
                           (long long)i, (unsigned)counts[i], pixels - at, (long long)width,
                           (long long)height);
        paint(mask, at, counts[i], (uint8_t)(i & 1), height, width);
        at += counts[i];
    }
    if (at != pixels)
        return ds_fail(err, DS_E_FORMAT, "mask: the runs cover %zu of %zu pixels (%lld x %lld)", at,
                       pixels, (long long)width, (long long)height);
    return DS_OK;
}

/* Writes one number; returns the characters used. The sign is that of the last group's bit 16. */
static int put(char *out, int64_t x)
{
    int n = 0;
    bool more = true;

    while (more) {
        int64_t rest = x < 0 ? ~(~x >> 5) : x >> 5; /* an arithmetic shift */
        int group = (int)(x & 31);

        more = (group & 16) ? rest != -1 : rest != 0;
        out[n++] = (char)('0' + (group | (more ? 32 : 0)));
        x = rest;
    }
    return n;
}

ds_status ds_rle_encode(char **text, const uint8_t *mask, int64_t height, int64_t width,
                        ds_error *err)
{
    uint32_t *counts;
    int64_t n, at = 0;
    ds_status st = ds_rle_count(&counts, &n, mask, height, width, err);

    *text = NULL;
    if (st != DS_OK)
        return st;
    *text = ds_calloc((size_t)n * GROUPS + 1, 1);
    if (*text == NULL)
        st = ds_fail(err, DS_E_NOMEM, "mask: the text of %lld runs", (long long)n);
    for (int64_t i = 0; st == DS_OK && i < n; i++)
        at += put(*text + at, (int64_t)counts[i] - (i > 2 ? (int64_t)counts[i - 2] : 0));
    ds_free(counts);
    return st;
}

/* Reads one number at text[*at]; false if a character does not belong or the number does not
 * end. */
static bool get(int64_t *out, const char *text, size_t *at)
{
    int64_t x = 0;

    for (int k = 0; k < GROUPS; k++) {
        int c = (unsigned char)text[*at] - '0';

        if (c < 0 || c > 63)
            return false;
        ++*at;
        x |= (int64_t)(c & 31) << (5 * k);
        if ((c & 32) == 0) {
            *out = (c & 16) ? x - ((int64_t)1 << (5 * (k + 1))) : x;
            return true;
        }
    }
    return false;
}

ds_status ds_rle_decode(uint8_t *mask, const char *text, int64_t height, int64_t width,
                        ds_error *err)
{
    int64_t before[2] = { 0, 0 }; /* the last two runs, by parity */
    size_t pixels, at = 0, in = 0;
    ds_status st = check_size(&pixels, height, width, err);

    for (int64_t i = 0; st == DS_OK && text[in] != '\0'; i++) {
        size_t start = in;
        int64_t run;

        if (!get(&run, text, &in)) {
            st = ds_fail(err, DS_E_FORMAT, "mask: no run length at character %zu of \"%.40s\"", in,
                         text);
            break;
        }
        run += i > 2 ? before[i & 1] : 0;
        if (run < 0 || (uint64_t)run > pixels - at) {
            st = ds_fail(err, DS_E_FORMAT,
                         "mask: the run at character %zu has %lld pixels where %zu are left of "
                         "%lld x %lld",
                         start, (long long)run, pixels - at, (long long)width, (long long)height);
            break;
        }
        paint(mask, at, (size_t)run, (uint8_t)(i & 1), height, width);
        before[i & 1] = run;
        at += (size_t)run;
    }
    if (st == DS_OK && at != pixels)
        st = ds_fail(err, DS_E_FORMAT, "mask: the runs cover %zu of %zu pixels (%lld x %lld)", at,
                     pixels, (long long)width, (long long)height);
    return st;
}

/* sixel.c - see sixel.h. Pure functions.
 *
 * The palette is a median cut (Heckbert 1982) over colours of 15 bits: the box with the most
 * pixels among those that can be divided is cut where half of its pixels lie on each side of its
 * longest edge. Each colour of 15 bits then belongs to one box. */

#include "report/sixel.h"

#include <string.h>

#define BINS   32768
#define COLORS 255 /* some terminals keep one of 256 for themselves */

typedef struct box {
    int low[3], high[3]; /* both included, 5 bits a channel */
    int64_t pixels;
} box;

typedef struct palette {
    int64_t count[BINS];
    unsigned char entry[BINS]; /* the box of a bin */
    box boxes[COLORS];
    int used;
} palette;

static int bin_of(const unsigned char *rgb)
{
    return (rgb[0] >> 3) << 10 | (rgb[1] >> 3) << 5 | rgb[2] >> 3;
}

static int channel(int bin, int c)
{
    return bin >> (10 - 5 * c) & 31;
}

static bool inside(const box *b, int bin)
{
    for (int c = 0; c < 3; c++)
        if (channel(bin, c) < b->low[c] || channel(bin, c) > b->high[c])
            return false;
    return true;
}

/* Counts the pixels and pulls the sides in to the colours that occur. */
static void shrink(const palette *p, box *b)
{
    box old = *b;

    *b = (box){ { 31, 31, 31 }, { 0, 0, 0 }, 0 };
    for (int r = old.low[0]; r <= old.high[0]; r++)
        for (int g = old.low[1]; g <= old.high[1]; g++)
            for (int e = old.low[2]; e <= old.high[2]; e++) {
                const int at[3] = { r, g, e };
                int64_t n = p->count[r << 10 | g << 5 | e];

                for (int c = 0; n > 0 && c < 3; c++) {
                    b->low[c] = at[c] < b->low[c] ? at[c] : b->low[c];
                    b->high[c] = at[c] > b->high[c] ? at[c] : b->high[c];
                }
                b->pixels += n;
            }
}

static int longest(const box *b)
{
    int best = 0;

    for (int c = 1; c < 3; c++)
        if (b->high[c] - b->low[c] > b->high[best] - b->low[best])
            best = c;
    return best;
}

/* Cuts a box in two along its longest edge; the second goes to the end of the list. */
static void cut(palette *p, box *b)
{
    box *second = &p->boxes[p->used++];
    int64_t slice[32] = { 0 }, sum = 0;
    int c = longest(b), at = b->low[c];

    for (int i = 0; i < BINS; i++)
        if (p->count[i] > 0 && inside(b, i))
            slice[channel(i, c)] += p->count[i];
    while (at < b->high[c] - 1 && 2 * (sum + slice[at]) < b->pixels)
        sum += slice[at++];
    *second = *b;
    b->high[c] = at;
    second->low[c] = at + 1;
    shrink(p, b);
    shrink(p, second);
}

static void make_palette(palette *p, const ds_image *image)
{
    memset(p, 0, sizeof *p);
    for (int64_t i = 0; i < image->width * image->height; i++)
        p->count[bin_of(image->rgb + 3 * i)]++;
    p->boxes[0] = (box){ { 0, 0, 0 }, { 31, 31, 31 }, 0 };
    p->used = 1;
    shrink(p, &p->boxes[0]);
    while (p->used < COLORS) {
        box *best = NULL;

        for (int k = 0; k < p->used; k++) {
            box *b = &p->boxes[k];
            int c = longest(b);

            if (b->high[c] > b->low[c] && (best == NULL || b->pixels > best->pixels))
                best = b;
        }
        if (best == NULL)
            break;
        cut(p, best);
    }
    for (int k = 0; k < p->used; k++)
        for (int i = 0; i < BINS; i++)
            if (p->count[i] > 0 && inside(&p->boxes[k], i))
                p->entry[i] = (unsigned char)k;
}

/* Mean colour of each box, in percent, as sixel has it. */
static void write_palette(ds_buffer *out, const palette *p, const ds_image *image)
{
    int64_t sum[COLORS][3] = { { 0 } };

    for (int64_t i = 0; i < image->width * image->height; i++)
        for (int c = 0; c < 3; c++)
            sum[p->entry[bin_of(image->rgb + 3 * i)]][c] += image->rgb[3 * i + c];
    for (int k = 0; k < p->used; k++) {
        int level[3];

        for (int c = 0; c < 3; c++)
            level[c] = (int)((double)sum[k][c] / (double)p->boxes[k].pixels / 2.55 + 0.5);
        ds__buffer_printf(out, "#%d;2;%d;%d;%d", k, level[0], level[1], level[2]);
    }
}

static void put_run(ds_buffer *out, char letter, int64_t n)
{
    if (n > 3)
        ds__buffer_printf(out, "!%lld%c", (long long)n, letter);
    for (int64_t i = 0; n <= 3 && i < n; i++)
        ds__buffer_add(out, &letter, 1);
}

/* The six rows of a band in one colour: one letter for a column, equal ones counted. */
static void put_color(ds_buffer *out, const unsigned char *columns, int64_t width)
{
    int64_t n = 0;

    for (int64_t x = 0; x < width; x += n) {
        for (n = 1; x + n < width && columns[x + n] == columns[x]; n++)
            ;
        if (columns[x] != 0 || x + n < width)
            put_run(out, (char)(63 + columns[x]), n);
    }
}

static void put_band(ds_buffer *out, const palette *p, const ds_image *image, int64_t top,
                     unsigned char *columns)
{
    int64_t rows = image->height - top < 6 ? image->height - top : 6;
    bool present[COLORS] = { false };

    for (int64_t i = 0; i < rows * image->width; i++)
        present[p->entry[bin_of(image->rgb + 3 * (top * image->width + i))]] = true;
    for (int k = 0; k < p->used; k++) {
        if (!present[k])
            continue;
        memset(columns, 0, (size_t)image->width);
        for (int64_t y = 0; y < rows; y++)
            for (int64_t x = 0; x < image->width; x++)
                if (p->entry[bin_of(image->rgb + 3 * ((top + y) * image->width + x))] == k)
                    columns[x] |= (unsigned char)(1 << y);
        ds__buffer_printf(out, "#%d", k);
        put_color(out, columns, image->width);
        ds__buffer_text(out, "$");
    }
    ds__buffer_text(out, "-");
}

ds_status ds__sixel(ds_buffer *out, const ds_image *image, ds_error *err)
{
    palette *p = ds_alloc(sizeof *p);
    unsigned char *columns = ds_alloc((size_t)image->width);

    if (p == NULL || columns == NULL) {
        ds_free(p);
        ds_free(columns);
        return ds_fail(err, DS_E_NOMEM, "sixel: no memory for the colours");
    }
    make_palette(p, image);
    ds__buffer_printf(out, "\033Pq\"1;1;%lld;%lld", (long long)image->width,
                      (long long)image->height);
    write_palette(out, p, image);
    for (int64_t y = 0; y < image->height; y += 6)
        put_band(out, p, image, y, columns);
    ds__buffer_text(out, "\033\\");
    ds_free(p);
    ds_free(columns);
    return DS_OK;
}

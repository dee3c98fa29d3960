/* letters.c - see letters.h. Letters lie at 32 pixels an em (scripts/pack-letters tells how) and are brought
 * to size by the mean over the area of each pixel. Bold is the letter and itself a little to the right. */

#include "report/letters.h"

#include <math.h>
#include <string.h>

static const unsigned char packed[] = {
#include "letters.inc"
};

/* Of the font, in ems: the top of a line to its base, and its height. */
enum { EM = 32, HEAD = 8, GLYPHS = 600, BYTES = 1000 };
#define LINE_HEIGHT 1.164
#define BOLDER      0.06 /* ems */

typedef struct glyph {
    const unsigned char *cover; /* 4 bits a pixel, [height, width] */
    int code, left, top, width, height;
    double advance; /* pixels of EM */
} glyph;

typedef struct alphabet {
    glyph glyph[GLYPHS]; /* in the order of their codes; the first stands for what is missing */
    int count;
} alphabet;

/* A line of text: the codes from `first` until before `end`. */
typedef struct line {
    int first, end;
    bool cut; /* an ellipsis follows */
} line;

typedef struct layout {
    int code[BYTES + 1], count, lines;
    line line[8];
    double scale, bold; /* pixels for one of EM, and of the second print */
    int64_t width, line_height;
} layout;

static ds_status letters_open(void **state, ds_error *err)
{
    alphabet *a = ds_calloc(1, sizeof *a);
    const unsigned char *p = packed, *end = packed + sizeof packed;

    *state = a;
    if (a == NULL)
        return ds_fail(err, DS_E_NOMEM, "letters: %zu bytes", sizeof *a);
    while (p + HEAD <= end && a->count < GLYPHS) {
        a->glyph[a->count++] = (glyph){ .code = p[0] | p[1] << 8,
                                        .advance = (p[2] | p[3] << 8) / 4.0,
                                        .left = (signed char)p[4],
                                        .top = (signed char)p[5],
                                        .width = p[6],
                                        .height = p[7],
                                        .cover = p + HEAD };
        p += HEAD + (p[6] * p[7] + 1) / 2;
    }
    return DS_OK;
}

static const glyph *find(const alphabet *a, int code)
{
    int low = 1, high = a->count - 1;

    while (low <= high) {
        int middle = (low + high) / 2;

        if (a->glyph[middle].code == code)
            return &a->glyph[middle];
        if (a->glyph[middle].code < code)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return &a->glyph[0];
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Code points of valid UTF-8; line ends become blanks. */
static int decode(int *code, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    int n = 0;

    while (*p != '\0' && n < BYTES) {
        int more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
        int c = more == 0 ? *p : *p & (0x3f >> more);

        for (p++; more > 0 && *p != '\0'; more--, p++)
            c = c << 6 | (*p & 0x3f);
        code[n++] = c < 0x20 ? ' ' : c;
    }
    return n;
}

static double extent(const alphabet *a, const layout *l, int first, int end)
{
    double w = 0.0;

    for (int i = first; i < end; i++)
        w += find(a, l->code[i])->advance * l->scale + l->bold;
    return w;
}

/* How many of the codes from `first` on fit into `room`: until a blank where there is one. */
static int fits(const alphabet *a, const layout *l, int first, double room)
{
    double w = 0.0;
    int blank = -1;

    for (int i = first; i < l->count; i++) {
        w += find(a, l->code[i])->advance * l->scale + l->bold;
        if (l->code[i] == ' ')
            blank = i;
        else if (w > room && i > first)
            return blank > first ? blank : i;
    }
    return l->count;
}

/* The last line keeps what fits before an ellipsis. */
static void shorten(const alphabet *a, layout *l, line *last, double room)
{
    room -= find(a, 0x2026)->advance * l->scale + l->bold;
    last->cut = true;
    last->end = l->count;
    while (last->end > last->first && extent(a, l, last->first, last->end) > room)
        last->end--;
}

static void lay_out(const alphabet *a, layout *l, const char *text, const ds_lettering *how)
{
    const int most = how->lines < 1 ? 1 : how->lines > 8 ? 8 : how->lines;
    const double room = how->width > 0 ? (double)how->width : INFINITY;

    *l = (layout){ .scale = (double)how->size / EM,
                   .bold = how->bold ? how->size * BOLDER : 0.0,
                   .line_height = (int64_t)ceil(how->size * LINE_HEIGHT) };
    l->count = decode(l->code, text);
    for (int at = 0; at < l->count || l->lines == 0;) {
        line *now = &l->line[l->lines++];

        *now = (line){ at, fits(a, l, at, room), false };
        if (now->end < l->count && l->lines == most) {
            shorten(a, l, now, room);
            break;
        }
        for (at = now->end; at < l->count && l->code[at] == ' '; at++)
            ;
        if (at == now->end && at < l->count && l->lines == most)
            break;
    }
    for (int i = 0; i < l->lines; i++) {
        double w = extent(a, l, l->line[i].first, l->line[i].end) +
                   (l->line[i].cut ? find(a, 0x2026)->advance * l->scale + l->bold : 0.0);

        l->width = (int64_t)ceil(w) > l->width ? (int64_t)ceil(w) : l->width;
    }
}

/* ---- drawing --------------------------------------------------------------------------------- */

/* Mean coverage, from 0 to 1, of a letter over the rectangle [x0,x1] by [y0,y1] in its own pixels. */
static double coverage(const glyph *g, double x0, double x1, double y0, double y1)
{
    double sum = 0.0;

    for (int j = y0 < 0.0 ? 0 : (int)y0; j < g->height && j < y1; j++)
        for (int i = x0 < 0.0 ? 0 : (int)x0; i < g->width && i < x1; i++) {
            int k = j * g->width + i;
            double wide = fmin(i + 1, x1) - fmax(i, x0), high = fmin(j + 1, y1) - fmax(j, y0);

            sum += wide * high * (g->cover[k / 2] >> 4 * (k % 2) & 15) / 15.0;
        }
    return sum / ((x1 - x0) * (y1 - y0));
}

static void blend(unsigned char *p, double a, const unsigned char rgb[3])
{
    for (int c = 0; c < 3; c++)
        p[c] = (unsigned char)(p[c] * (1.0 - a) + rgb[c] * a + 0.5);
}

static void draw_glyph(ds_image *on, const glyph *g, const layout *l, double x, double y,
                       const unsigned char rgb[3])
{
    const double left = x + g->left * l->scale, top = y + g->top * l->scale, step = 1.0 / l->scale;
    const int64_t right = (int64_t)ceil(left + g->width * l->scale + l->bold);
    const int64_t below = (int64_t)ceil(top + g->height * l->scale);

    for (int64_t j = (int64_t)floor(top); j < below; j++)
        for (int64_t i = (int64_t)floor(left); i < right; i++) {
            double gx = ((double)i - left) * step, gy = ((double)j - top) * step, a;

            if (i < 0 || j < 0 || i >= on->width || j >= on->height)
                continue;
            a = coverage(g, gx, gx + step, gy, gy + step);
            if (l->bold > 0.0)
                a = fmax(a, coverage(g, gx - l->bold * step, gx - (l->bold - 1.0) * step, gy,
                                     gy + step));
            if (a > 0.0)
                blend(on->rgb + 3 * (j * on->width + i), a, rgb);
        }
}

static ds_status letters_measure(void *state, int64_t *width, int64_t *height, const char *text,
                                 const ds_lettering *how, ds_error *err)
{
    layout l;

    (void)err;
    lay_out(state, &l, text, how);
    *width = l.width;
    *height = l.lines * l.line_height;
    return DS_OK;
}

static ds_status letters_draw(void *state, ds_image *on, int64_t x, int64_t y, const char *text,
                              const ds_lettering *how, ds_error *err)
{
    const alphabet *a = state;
    const double share = how->align == DS_ALIGN_RIGHT    ? 1.0
                         : how->align == DS_ALIGN_CENTRE ? 0.5
                                                         : 0.0;
    layout l;

    (void)err;
    lay_out(a, &l, text, how);
    for (int k = 0; k < l.lines; k++) {
        const line *n = &l.line[k];
        const glyph *dots = n->cut ? find(a, 0x2026) : NULL;
        double wide = extent(a, &l, n->first, n->end) +
                      (dots != NULL ? dots->advance * l.scale + l.bold : 0.0);
        double at = (double)x + share * (how->width > 0 ? (double)how->width - wide : -wide);

        for (int i = n->first; i < n->end + (dots != NULL); i++) {
            const glyph *g = i < n->end ? find(a, l.code[i]) : dots;

            draw_glyph(on, g, &l, at, (double)(y + k * l.line_height), how->rgb);
            at += g->advance * l.scale + l.bold;
        }
    }
    return DS_OK;
}

const ds_letters ds__letters = { sizeof(ds_letters), letters_open, ds_free, letters_measure,
                                 letters_draw };

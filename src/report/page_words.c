/* page_words.c - the part of a page where a word shows its map: buttons, the picture with a canvas
 * over it, a legend, a table, and all maps side by side for readers without a script.
 *
 * The script gets the maps as JSON of numbers and base64 alone: 16-bit levels between the least and
 * the largest value, so that what it tells is right to five digits. */

#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/colors.h"
#include "report/figure.h"
#include "report/map.h"
#include "report/ticks.h"

#define CANVAS     384 /* longer side of the canvas in its own pixels */
#define SHEET_SIDE 200 /* of a map in the sheet */
#define MOST_WORDS 399 /* the sheet holds the picture besides */

typedef struct view {
    ds_figure_options o;
    const ds_page_word *words;
    int64_t count, first; /* first: number of the map that is shown at the start */
    const char *heading, *alt;
} view;

/* ---- checks ---------------------------------------------------------------------------------- */

static ds_status check_word(const ds_page_word *w, ds_error *err)
{
    ds_status st = ds__html_check(w->text, "word", err);

    if (st == DS_OK && w->text == NULL)
        st = ds_fail(err, DS_E_ARG, "page: expected a word, found none");
    if (st == DS_OK)
        st = ds__html_check(w->note, "note on a word", err);
    if (st == DS_OK && w->map.values != NULL)
        st = ds__map_check(&w->map, err);
    return st;
}

/* From the smallest to the largest value; as a share of the larger magnitude where each map has a
 * scale of its own. */
static double span_of(const ds_map *m, bool share)
{
    float least = m->values[0], most = least;

    for (int64_t i = 1; i < m->width * m->height; i++) {
        least = fminf(least, m->values[i]);
        most = fmaxf(most, m->values[i]);
    }
    if (share && most != least)
        return (most - (double)least) / fmax(fabs(most), fabs(least));
    return most - (double)least;
}

/* The map with the most to see; -1 if there is none. */
static void choose_first(view *v)
{
    double best = -1.0;
    int64_t map = 0;

    v->first = -1;
    for (int64_t i = 0; i < v->count; i++) {
        double span;

        if (v->words[i].map.values == NULL)
            continue;
        span = span_of(&v->words[i].map, v->o.own_scales);
        if (span > best) {
            best = span;
            v->first = map;
        }
        map++;
    }
}

static ds_status check(view *v, ds_error *err)
{
    ds_status st = ds__html_check(v->heading, "heading", err);

    if (st == DS_OK)
        st = ds__html_check(v->alt, "description of the picture", err);
    if (st == DS_OK)
        st = ds__html_check(v->o.unit, "unit", err);
    if (st == DS_OK && v->o.picture == NULL)
        st = ds_fail(err, DS_E_ARG, "page: expected a picture below the maps, found none");
    if (st == DS_OK && (v->count < 1 || v->count > MOST_WORDS))
        st = ds_fail(err, DS_E_ARG, "page: expected 1 to %d words, found %lld", MOST_WORDS,
                     (long long)v->count);
    for (int64_t i = 0; st == DS_OK && i < v->count; i++)
        st = check_word(&v->words[i], err);
    if (st == DS_OK)
        choose_first(v);
    if (st == DS_OK && v->first < 0)
        st = ds_fail(err, DS_E_ARG, "page: expected a map for one of the words, found none");
    return st;
}

static ds_status common_scale(view *v, ds_error *err)
{
    ds_map maps[MOST_WORDS];

    if (v->o.own_scales)
        return DS_OK;
    for (int64_t i = 0; i < v->count; i++)
        maps[i] = v->words[i].map;
    return ds__figure_scale(&v->o, maps, v->count, err);
}

/* ---- data ------------------------------------------------------------------------------------ */

static void levels(ds_buffer *b, const char *name, const float *values, int64_t n, double least,
                   double most)
{
    const double scale = most > least ? 65535.0 / (most - least) : 0.0;
    unsigned char *bytes = ds_alloc((size_t)n * 2);

    if (bytes == NULL) {
        b->failed = true;
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        unsigned level = (unsigned)((values[i] - least) * scale + 0.5);

        bytes[2 * i] = (unsigned char)(level & 255);
        bytes[2 * i + 1] = (unsigned char)(level >> 8);
    }
    ds__buffer_printf(b, ",\"%s\":\"", name);
    ds__buffer_base64(b, bytes, (size_t)n * 2);
    ds__buffer_text(b, "\"");
    ds_free(bytes);
}

static ds_status map_data(ds_buffer *b, const view *v, const ds_map *m, ds_error *err)
{
    const int64_t n = m->width * m->height;
    double least = m->values[0], most = least, most_se = 0.0;
    ds_figure_options o = v->o;
    ds_status st = ds__figure_scale(&o, m, 1, err);

    for (int64_t i = 0; i < n; i++) {
        least = fmin(least, m->values[i]);
        most = fmax(most, m->values[i]);
        most_se = m->se != NULL ? fmax(most_se, m->se[i]) : 0.0;
    }
    ds__buffer_printf(b,
                      "{\"width\":%lld,\"height\":%lld,\"low\":%.9g,\"high\":%.9g,\"least\":%.9g,"
                      "\"most\":%.9g,\"most_se\":%.9g",
                      (long long)m->width, (long long)m->height, o.low, o.high, least, most,
                      most_se);
    levels(b, "values", m->values, n, least, most);
    if (m->se != NULL)
        levels(b, "se", m->se, n, 0.0, most_se);
    ds__buffer_text(b, "}");
    return st;
}

/* Text inside of JSON inside of a script: as numbers, so that nothing in it can end either. */
static void json_text(ds_buffer *b, const char *text)
{
    ds__buffer_text(b, "\"");
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < ' ' || strchr("\"\\<>&", *p) != NULL)
            ds__buffer_printf(b, "\\u%04x", (unsigned)*p);
        else
            ds__buffer_add(b, p, 1);
    ds__buffer_text(b, "\"");
}

static ds_status data(ds_buffer *b, const view *v, ds_error *err)
{
    unsigned char table[DS_COLORS_LEVELS][3];
    int64_t width, height, map = 0;
    ds_status st = DS_OK;

    ds__colors_table(table, v->o.colors);
    ds__figure_size(&width, &height, NULL, v->o.picture, CANVAS);
    ds__buffer_printf(b,
                      "<script type=\"application/json\">{\"width\":%lld,\"height\":%lld,"
                      "\"floor\":%.9g,\"heat\":%s,\"first\":\"%lld\",\"unit\":",
                      (long long)width, (long long)height, v->o.floor_se,
                      v->o.heat_alpha ? "true" : "false", (long long)v->first);
    json_text(b, v->o.unit != NULL ? v->o.unit : "");
    ds__buffer_text(b, ",\"colors\":\"");
    ds__buffer_base64(b, table, sizeof table);
    ds__buffer_text(b, "\",\"maps\":[");
    for (int64_t i = 0; st == DS_OK && i < v->count; i++) {
        if (v->words[i].map.values == NULL)
            continue;
        ds__buffer_text(b, map++ > 0 ? "," : "");
        st = map_data(b, v, &v->words[i].map, err);
    }
    ds__buffer_text(b, "]}</script>\n");
    return st;
}

/* ---- what is seen ---------------------------------------------------------------------------- */

/* One row: the words of the prompt, or those that were asked for besides. Maps are numbered over
 * both. */
static void row_of_words(ds_buffer *b, const view *v, bool asked)
{
    int64_t map = 0, here = 0;

    for (int64_t i = 0; i < v->count; i++)
        here += v->words[i].asked == asked;
    if (here == 0)
        return;
    ds__buffer_printf(b, "<div class=\"words\" role=\"group\" aria-label=\"%s\">\n",
                      asked ? "Words that were asked for" : "Words of the prompt");
    if (asked)
        ds__buffer_text(b, "<span class=\"quiet\">asked for:</span>\n");
    for (int64_t i = 0; i < v->count; i++) {
        const ds_page_word *w = &v->words[i];
        const bool mapped = w->map.values != NULL;

        map += mapped;
        if (w->asked != asked)
            continue;
        if (mapped)
            ds__buffer_printf(b, "<button type=\"button\" aria-pressed=\"false\" data-map=\"%lld\"",
                              (long long)map - 1);
        else
            ds__buffer_text(b, "<span");
        if (w->note != NULL) {
            ds__buffer_text(b, " title=\"");
            ds__html_text(b, w->note);
            ds__buffer_text(b, "\"");
        }
        ds__buffer_text(b, ">");
        ds__html_text(b, w->text);
        ds__buffer_text(b, mapped ? "</button>\n" : "</span>\n");
    }
    ds__buffer_text(b, "</div>\n");
}

static ds_status stage(ds_buffer *b, const view *v, ds_error *err)
{
    ds_status st;

    ds__buffer_text(b, "<div class=\"stage\">\n<div class=\"frame\" tabindex=\"0\" role=\"group\" "
                       "aria-label=\"Picture and map; arrow keys tell single values\">");
    st = ds__html_picture(b, v->o.picture, v->alt != NULL ? v->alt : "the picture", err);
    ds__buffer_printf(
        b,
        "<canvas hidden aria-hidden=\"true\"></canvas><div class=\"cell\" hidden></div></div>\n"
        "<div class=\"side\" hidden>\n<p class=\"now\" role=\"status\"></p>\n"
        "<div class=\"legend\"><canvas class=\"bar\" width=\"256\" height=\"1\" role=\"img\" "
        "aria-label=\"Scale of colours; its ends and middle are written below\"></canvas>\n"
        "<div class=\"ends\"><span></span><span></span><span></span></div>\n<div class=\"quiet\">");
    ds__html_text(b, v->o.unit != NULL ? v->o.unit : "");
    if (v->o.floor_se > 0.0)
        ds__buffer_printf(b, "<br>slanted lines: below %g standard errors", v->o.floor_se);
    ds__buffer_printf(b,
                      "</div></div>\n<p class=\"value\" role=\"status\"></p>\n"
                      "<label>Opacity <input class=\"opacity\" type=\"range\" min=\"0\" "
                      "max=\"100\" value=\"%d\"></label>\n"
                      "<label><input class=\"blocks\" type=\"checkbox\"%s> the values as they are, "
                      "in blocks</label>\n<p class=\"quiet hint\">Point at a word, or move to it "
                      "with Tab, to see its map. Press it to keep the map; Escape takes it away. "
                      "Point at the picture for a value, or use the arrow keys on it.</p>\n"
                      "</div>\n</div>\n",
                      (int)(100.0 * v->o.opacity + 0.5),
                      v->o.enlarge == DS_ENLARGE_BLOCKS ? " checked" : "");
    return st;
}

/* ---- table ----------------------------------------------------------------------------------- */

enum { WORD, SUM, LEAST, LARGEST, WHERE, CENTRE, AREA, NOTE, COLUMNS };

typedef struct row {
    char text[COLUMNS][48];
} row;

/* Sum, ends, the place of the largest magnitude, the centre of the magnitudes, and the share of the
 * map with at least half of the largest magnitude. Places in percent from the left and the top. */
static void describe(row *r, const ds_map *m)
{
    const int64_t n = m->width * m->height;
    double sum = 0.0, least = m->values[0], most = least, mass = 0.0, x = 0.0, y = 0.0, peak;
    int64_t at = 0, area = 0;

    for (int64_t i = 0; i < n; i++) {
        double v = m->values[i];

        sum += v;
        least = fmin(least, v);
        most = fmax(most, v);
        at = fabs(v) > fabs(m->values[at]) ? i : at;
        mass += fabs(v);
        x += fabs(v) * ((double)(i % m->width) + 0.5) / (double)m->width;
        y += fabs(v) * ((double)(i / m->width) + 0.5) / (double)m->height;
    }
    peak = fabs(m->values[at]);
    for (int64_t i = 0; i < n; i++)
        area += fabs(m->values[i]) >= 0.5 * peak;
    ds__number_text(r->text[SUM], sizeof r->text[SUM], sum, 3);
    ds__number_text(r->text[LEAST], sizeof r->text[LEAST], least, 3);
    ds__number_text(r->text[LARGEST], sizeof r->text[LARGEST], most, 3);
    if (peak == 0.0)
        return;
    snprintf(r->text[WHERE], sizeof r->text[WHERE], "%.0f%%, %.0f%%",
             100.0 * ((double)(at % m->width) + 0.5) / (double)m->width,
             100.0 * ((double)(at / m->width) + 0.5) / (double)m->height);
    snprintf(r->text[CENTRE], sizeof r->text[CENTRE], "%.0f%%, %.0f%%", 100.0 * x / mass,
             100.0 * y / mass);
    snprintf(r->text[AREA], sizeof r->text[AREA], "%.0f%%", 100.0 * (double)area / (double)n);
}

static ds_status table(ds_buffer *b, const view *v, ds_error *err)
{
    static const char *const head[] = { "Word",         "Sum",    "Smallest", "Largest",
                                        "Strongest at", "Centre", "Area",     "Note" };
    const char *cells[MOST_WORDS * COLUMNS];
    row *rows = ds_calloc((size_t)v->count, sizeof *rows);
    char caption[400];
    ds_table t = { .caption = caption, .head = head, .cells = cells, .columns = NOTE };

    if (rows == NULL)
        return ds_fail(err, DS_E_NOMEM, "page: no memory for a table");
    snprintf(caption, sizeof caption,
             "Values%s%.80s. Places are from the left and from the top; area is the share of the "
             "map with at least half of its strongest value.",
             v->o.unit != NULL ? " in " : "", v->o.unit != NULL ? v->o.unit : "");
    for (int64_t i = 0; i < v->count; i++)
        if (v->words[i].map.values != NULL && v->words[i].note != NULL)
            t.columns = COLUMNS;
    for (int64_t i = 0; i < v->count; i++) {
        const ds_page_word *w = &v->words[i];
        const char **cell = cells + t.rows * t.columns;

        if (w->map.values == NULL)
            continue;
        describe(&rows[i], &w->map);
        for (int c = SUM; c < NOTE; c++)
            cell[c] = rows[i].text[c];
        cell[WORD] = w->text;
        if (t.columns == COLUMNS)
            cell[NOTE] = w->note;
        t.rows++;
    }
    ds__html_table(b, &t);
    ds_free(rows);
    return DS_OK;
}

static ds_status sheet(ds_buffer *b, const view *v, ds_error *err)
{
    ds_panel panels[MOST_WORDS + 1];
    ds_figure_options o = v->o;
    int64_t count = 0;
    ds_status st;

    o.side = SHEET_SIDE;
    panels[count++] = (ds_panel){ .title = "picture" };
    for (int64_t i = 0; i < v->count; i++)
        if (v->words[i].map.values != NULL)
            panels[count++] = (ds_panel){ .title = v->words[i].text, .map = v->words[i].map };
    ds__buffer_text(b, "<details open><summary>All maps side by side</summary>\n");
    st = ds__page_panels(b, panels, count, &o, "a map over the picture", err);
    ds__buffer_text(b, "</details>\n");
    return st;
}

ds_status ds_page_words(ds_page *p, const char *heading, const char *alt, const ds_page_word *words,
                        int64_t count, const ds_figure_options *options, ds_error *err)
{
    view v = { .words = words, .count = count, .heading = heading, .alt = alt };
    const int level = p->sections > 0 ? 3 : 2; /* of the heading */
    ds_buffer *b = &p->body;
    ds_status st = ds__figure_options(&v.o, options, err);

    if (st == DS_OK)
        st = check(&v, err);
    if (st == DS_OK)
        st = common_scale(&v, err);
    if (st != DS_OK)
        return st;
    ds__page_end_row(p);
    p->views++;
    ds__buffer_printf(b, "<section class=\"view\">\n<h%d>", level);
    ds__html_text(b, heading != NULL ? heading : "Prompt");
    ds__buffer_printf(b, "</h%d>\n", level);
    row_of_words(b, &v, false);
    row_of_words(b, &v, true);
    st = stage(b, &v, err);
    if (st == DS_OK)
        st = data(b, &v, err);
    if (st == DS_OK)
        st = table(b, &v, err);
    if (st == DS_OK)
        st = sheet(b, &v, err);
    ds__buffer_text(b, "</section>\n");
    return st == DS_OK ? ds__page_check(p, err) : st;
}

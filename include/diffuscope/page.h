/* diffuscope/page.h - report.html: one file that shows a run and needs nothing else.
 *
 * Parts appear in the order of the calls. Pictures are inside the file; it asks for no other, and a
 * content policy in it forbids that it could. All text is escaped. It works without a script, with
 * the keyboard, in light and dark, on narrow screens.
 *
 * Thread rule: a page belongs to one thread at a time. */

#ifndef DIFFUSCOPE_PAGE_H
#define DIFFUSCOPE_PAGE_H

#include <diffuscope/figure.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_page ds_page;

DS_API ds_status ds_page_new(ds_page **out, const char *title, ds_error *err);
DS_API void ds_page_free(ds_page *p); /* NULL is allowed */

/* Begins a part with a heading. */
DS_API ds_status ds_page_section(ds_page *p, const char *heading, ds_error *err);

/* Text; an empty line begins a new paragraph. */
DS_API ds_status ds_page_text(ds_page *p, const char *text, ds_error *err);

/* A picture. `alt` says in words what is to be seen, for those who cannot; `caption` may be NULL.
 * Pictures that follow each other stand side by side where there is room. */
DS_API ds_status ds_page_picture(ds_page *p, const ds_image *image, const char *alt,
                                 const char *caption, ds_error *err);

/* A drawing of ds_chart_svg() or ds_matrix_svg(), taken as it is; nothing else may be passed. */
DS_API ds_status ds_page_chart(ds_page *p, const char *svg, const char *caption, ds_error *err);

typedef struct ds_table {
    const char *caption;     /* NULL: none */
    const char *const *head; /* [columns] */
    const char *const
        *cells; /* [rows, columns]; NULL: an empty cell. Columns of numbers stand at the right */
    int64_t rows, columns;
} ds_table;

DS_API ds_status ds_page_table(ds_page *p, const ds_table *table, ds_error *err);

/* A word of the prompt, or one that was asked for. */
typedef struct ds_page_word {
    const char *text;
    ds_map map;       /* without values: the word is plain text */
    const char *note; /* beside the word's numbers: "0.31 ± 0.02 nats"; NULL: none */
    bool asked;       /* not in the prompt: stands in a row of its own */
} ds_page_word;

/* The picture with the prompt above it: hovering, focusing or pressing a word shows its map over
 * the picture, with a legend, the value under the pointer and a slider for the opacity; below, a
 * table of each map's sum, maximum and place. `options` as for ds_map_sheet; its picture must be
 * there. `heading` names the prompt (NULL: "Prompt"), `alt` the picture. */
DS_API ds_status ds_page_words(ds_page *p, const char *heading, const char *alt,
                               const ds_page_word *words, int64_t count,
                               const ds_figure_options *options, ds_error *err);

/* Panels side by side as ds_map_sheet draws them, but as parts of the page: with its text and colours, by day
 * and by night, in rows that a narrow page breaks. title and caption may be NULL. */
DS_API ds_status ds_page_sheet(ds_page *p, const char *title, const ds_panel *panels, int64_t count,
                               const ds_figure_options *options, const char *caption,
                               ds_error *err);

/* Text in fixed width behind a line that opens it: the record of the run, as JSON. */
DS_API ds_status ds_page_record(ds_page *p, const char *heading, const char *text, ds_error *err);

/* The report that an earlier run left in a file, as a part of this page under its own title.
 * DS_E_FORMAT unless it is a page of ours. */
DS_API ds_status ds_page_include(ds_page *p, const char *path, ds_error *err);
/* The same under another title; its own, which may be a prompt, stands below. heading NULL: as above. */
DS_API ds_status ds_page_include_as(ds_page *p, const char *path, const char *heading,
                                    ds_error *err);

/* The whole page; free with ds_free. Further parts may follow. */
DS_API ds_status ds_page_dump(const ds_page *p, char **out, ds_error *err);
DS_API ds_status ds_page_save(const ds_page *p, const char *path, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

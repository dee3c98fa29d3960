/* diffuscope/result.h - what an instrument found: numbers with their errors, tables, tensors,
 * figures, a page. The same object in C, in Python, on a page and as a run folder:
 *
 *     run.json             the record: command, options, model, versions, times
 *     result.json          the numbers
 *     tensors.safetensors  arrays at native resolution
 *     *.png, *.csv, ...    figures and tables
 *     report.html          one page that shows all of it
 *
 * Experimental: may change with a minor version. Thread rule: a result may be read by several
 * threads once its job has run. */

#ifndef DIFFUSCOPE_RESULT_H
#define DIFFUSCOPE_RESULT_H

#include <diffuscope/image.h>
#include <diffuscope/page.h>
#include <diffuscope/tensor.h>
#include <diffuscope/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_result ds_result;

/* ---- numbers and texts ----------------------------------------------------------------------- */

/* A path goes through objects by name and through lists by number: "questions.0.i_o". The number
 * there, with error and interval where the result has them. unit (NULL is allowed) gets its unit or
 * NULL, borrowed. DS_E_NOMATCH if there is no number under that path. */
DS_API ds_status ds_result_value(const ds_result *r, const char *path, ds_value *out,
                                 const char **unit, ds_error *err);

/* The text there, borrowed; NULL if there is none. */
DS_API const char *ds_result_text(const ds_result *r, const char *path);

/* All of it, as result.json has it; free with ds_free. */
DS_API ds_status ds_result_json(const ds_result *r, char **out, ds_error *err);

/* The record, as run.json has it; free with ds_free. */
DS_API ds_status ds_result_record(const ds_result *r, char **json, ds_error *err);

/* What a program is told on standard output, in one line: result.json, except where a command says
 * something shorter. Free with ds_free. */
DS_API ds_status ds_result_answer(const ds_result *r, char **out, ds_error *err);

/* What a person reads in a terminal: lines of text. */
DS_API const char *ds_result_summary(const ds_result *r);

/* Remarks that a user must see: NULL past the end. They are in run.json and on the page too. */
DS_API const char *ds_result_warning(const ds_result *r, int i);

/* ---- tensors and figures --------------------------------------------------------------------- */

DS_API const ds_bundle *ds_result_tensors(const ds_result *r); /* borrowed; NULL: none */

/* A picture by its name without ".png"; NULL past the end. Borrowed. */
DS_API const ds_image *ds_result_figure(const ds_result *r, int i, const char **name);

/* The same as the PNG of a run folder, with the texts in it; free with ds_free. DS_E_NOMATCH past the end. */
DS_API ds_status ds_result_figure_png(const ds_result *r, int i, char **out, size_t *bytes,
                                      ds_error *err);

/* Is it one of those that answer the question, and worth showing in a terminal? */
DS_API bool ds_result_figure_shown(const ds_result *r, int i);

/* The page; free with ds_free. DS_E_NOMATCH if the result has none. */
DS_API ds_status ds_result_page(const ds_result *r, char **html, ds_error *err);

/* ---- parts ------------------------------------------------------------------------------------- */

/* Of a result about many things (pictures), those that were kept in memory: each with figures,
 * tensors and a page of its own. A job with a folder writes them there instead, as 000, 001, ... */
DS_API int ds_result_parts(const ds_result *r);
DS_API const ds_result *ds_result_part(const ds_result *r, int i); /* borrowed; NULL past the end */

/* ---- the run folder -------------------------------------------------------------------------- */

/* Writes the folder, which is made if it is not there: each file under a temporary name that is
 * renamed, run.json last: a folder with a run.json is complete. */
DS_API ds_status ds_result_save(const ds_result *r, const char *folder, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

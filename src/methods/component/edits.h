/* edits.h - edits in run folders, and the model that a folder was made with. */

#ifndef DS_METHODS_COMPONENT_EDITS_H
#define DS_METHODS_COMPONENT_EDITS_H

#include "job/job.h"
#include "methods/component/edit.h"

/* The path of that model, to be freed with ds_free; NULL if the folder names none. */
ds_status ds__component_model_path(char **out, const char *folder, ds_error *err);

/* Without -m, the job looks at the model that the folder's question was asked of. */
ds_status ds__component_model(ds_job *j, const char *folder, ds_error *err);

/* For early checks: DS_E_IO unless `folder` is one of `component score`. */
ds_status ds__component_scores_there(const char *folder, ds_error *err);

/* A folder of `component edit`, `redirect` or `overlap`, or a file of its kind. */
ds_status ds__edit_open(ds_edit *e, const char *path, ds_error *err);

/* Which columns (by_row: rows) of a part change: sets mark [columns or rows], returns how many. */
int64_t ds__edit_extent(const ds_edit_part *p, bool by_row, uint8_t *mark);

/* Files that other programs read. LoRA: each changed column (or row) is one of its rank, so that strength
 * 1 is the edit exactly; DS_E_UNSUPPORTED for a bias, or a rank above `most`. Names and shapes as kohya's
 * scripts write them. Diff: whole differences, LyCORIS's "full". */
ds_status ds__edit_lora(ds_bundle *b, const ds_edit *e, int64_t most, ds_error *err);
ds_status ds__edit_diff(ds_bundle *b, const ds_edit *e, ds_error *err);

/* Writes the model with the edit in its weights (ds_model_export). */
ds_status ds__edit_export(const char *to, ds_model *m, const ds_edit *e, ds_error *err);

#endif

/* export.h - what the files that write models share.
 *
 *   export.c          options; one file, its names and order
 *   export_write.c    a list of tensors as safetensors, streamed
 *   export_folder.c   a diffusers folder
 *   export_tokenizer.c  the files of a tokenizer */

#ifndef DS_MODELS_EXPORT_H
#define DS_MODELS_EXPORT_H

#include <diffuscope/export.h>

#include "models/model.h"
#include "models/tokenizer.h"
#include "weights/bundle.h"

/* One tensor of a file: parameters of the model, row by row behind each other. */
typedef struct ds_export_item {
    const ds_tensor *part[3];
    bool transposed; /* of a single matrix */
} ds_export_item;

/* Tensors without data, each pointing to its item in place of them. */
typedef struct ds_export_list {
    ds_arena arena;
    ds_bundle *bundle;
} ds_export_list;

ds_status ds__export_begin(ds_export_list *l, ds_error *err);
void ds__export_end(ds_export_list *l);

/* Adds `name` with that shape (NULL: the parameter's) in the type that the options ask for. */
ds_status ds__export_add(ds_export_list *l, const ds_model *m, const ds_export_options *o,
                         const char *name, const char *const *param, int params, bool transposed,
                         const ds_tensor *shape, ds_error *err);
ds_status ds__export_write(const ds_export_list *l, const char *path, const ds_export_options *o,
                           ds_error *err);

ds_status ds__export_folder(ds_model *m, const char *path, const ds_export_options *o,
                            ds_error *err);

/* vocab.json, merges.txt and the two files of settings into an existing folder. */
ds_status ds__export_tokenizer(const ds_tokenizer *t, const char *folder, ds_error *err);

#endif

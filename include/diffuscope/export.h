/* diffuscope/export.h - a model, with what was laid over it, as a checkpoint that other programs open.
 *
 * EXPERIMENTAL: may change with a minor version. */

#ifndef DIFFUSCOPE_EXPORT_H
#define DIFFUSCOPE_EXPORT_H

#include <diffuscope/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_export_options {
    size_t size;  /* set by DS_EXPORT_OPTIONS_INIT */
    bool convert; /* all weights to `dtype`; else each keeps the type that its file has */
    ds_dtype dtype;
    const ds_cancel *cancel; /* or NULL */
} ds_export_options;

#define DS_EXPORT_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(ds_export_options), false, DS_DTYPE_F16, NULL                                       \
    }

/* Writes a single file with the published names where `path` ends in ".safetensors", else a diffusers
 * folder. Weights stream from the mapped files; those that an overlay changed are rounded once. The
 * file appears, or model_index.json is written, when all is complete.
 * options may be NULL. DS_E_IO; DS_E_UNSUPPORTED for a model whose networks have no published names. */
DS_API ds_status ds_model_export(ds_model *m, const char *path, const ds_export_options *options,
                                 ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

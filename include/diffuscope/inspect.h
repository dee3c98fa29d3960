/* diffuscope/inspect.h - what a model folder or a tensor file holds, without running anything. */

#ifndef DIFFUSCOPE_INSPECT_H
#define DIFFUSCOPE_INSPECT_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Describes a diffusers folder, a name in the Hugging Face cache or a single file, as JSON (free with ds_free):
 *
 *   { "path": .., "class": "StableDiffusionPipeline", "components": { "unet": {
 *       "class": "UNet2DConditionModel", "config": { .. },
 *       "files": [ { "path": "unet/..safetensors", "bytes": n, "sha256": with `hashes` } ],
 *       "tensors": n, "parameters": n, "bytes": n,
 *       "dtypes": { "F16": { "tensors": n, "elements": n, "bytes": n } } }, .. },
 *     "parameters": n, "bytes": n,
 *     "prediction_type": "epsilon", "prediction_type_from": how that was decided }
 *
 * A single file also has "format", "family", "remark" (about tensors that are not used) and, if it is
 * a pickle, "globals": the names of code that it mentions, which are never called. Where only
 * a run of the network could tell the prediction type, epsilon is assumed and said to be.
 *
 * parameters counts the elements of floating-point tensors, bytes is the size of all tensors.
 * Components without weights (scheduler, tokenizer) lack what is about tensors. Hashing reads every
 * byte of the weights. Fails where the model could not be opened: DS_E_IO, DS_E_FORMAT, ... */
DS_API ds_status ds_inspect_model(char **json, const char *model, bool hashes, ds_error *err);

/* The same for one safetensors file:
 *
 *   { "path": .., "metadata": { .. }, "tensors": [ { "name": .., "dtype": "F32", "shape": [..],
 *     "bytes": n } ], "parameters": n, "bytes": n, "dtypes": { .. }, "sha256": with `hashes` } */
DS_API ds_status ds_inspect_file(char **json, const char *path, bool hashes, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

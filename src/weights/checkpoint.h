/* checkpoint.h - files of tensors of any kind that is read here, as one bundle over the mapped file.
 *
 *   safetensors                safetensors.c
 *   PyTorch's .ckpt .pt .bin   checkpoint.c: a zip archive, or the older pickles in a row
 *
 * Thread rule: as for bundles. */

#ifndef DS_WEIGHTS_CHECKPOINT_H
#define DS_WEIGHTS_CHECKPOINT_H

#include "weights/bundle.h"

/* Maps a file of any kind, read-only. A pickle's names of code, which are never called, go to the
 * bundle's metadata as a JSON list under DS_PICKLE_GLOBALS. The tensors are those of "state_dict" where
 * there is one, else all that a tree of dicts holds, with keys joined by dots. Tensors of other
 * types than ours are left out. */
#define DS_PICKLE_GLOBALS "pickle.globals"
ds_status ds__tensors_map(ds_bundle **out, const char *path, ds_error *err);

/* "safetensors", "PyTorch zip" or "PyTorch legacy", by the first bytes. */
const char *ds__tensors_format(const unsigned char *image, size_t size);

/* Reads the image of a PyTorch file into an empty bundle, as ds__safetensors_parse does. */
ds_status ds__checkpoint_parse(ds_bundle *b, const unsigned char *image, size_t size,
                               const char *path, ds_error *err);

#endif

/* weights.h - the parameters of one component (unet, vae, text_encoder, ...), by state-dict name.
 *
 * Data stay in the mapped files, read-only. Old names are translated (names.h).
 * Thread rule: opening, binding and hashing belong to one thread; reading data to any. */

#ifndef DS_WEIGHTS_WEIGHTS_H
#define DS_WEIGHTS_WEIGHTS_H

#include <diffuscope/tensor.h>

typedef struct ds_weights ds_weights;

/* Opens the weights in a component's folder: diffusion_pytorch_model.safetensors or
 * model.safetensors, whole or in shards (*.safetensors.index.json). Where a folder holds the plain
 * files and a variant's (*.fp16.safetensors), the plain ones are taken, unless `prefer` names the
 * variant; where it holds the fp16 variant alone, that. prefer may be NULL. */
ds_status ds__weights_open(ds_weights **out, const char *folder, const char *prefer, ds_error *err);
void ds__weights_close(ds_weights *w);

/* Weights that lie in memory: the tensors of `from` whose names begin with `prefix`, a component's with its
 * point, under the names behind it. The data stay the caller's. *out is NULL where there is none. */
ds_status ds__weights_borrow(ds_weights **out, const ds_bundle *from, const char *prefix,
                             ds_error *err);

/* A file that several components share: mapped once, hashed once. Takes over the bundle, also on
 * failure; the path is copied. It must outlive the weights that are made from it. */
typedef struct ds_weights_file ds_weights_file;
ds_status ds__weights_file_new(ds_weights_file **out, const char *path, ds_bundle *takes,
                               ds_error *err);
void ds__weights_file_free(ds_weights_file *f);

/* Weights of which each parameter is added by hand (data borrowed from the file), then put in
 * order. _room is memory with the life of the weights, for a tensor that must be made. */
ds_status ds__weights_new(ds_weights **out, ds_weights_file *file, ds_error *err);
ds_status ds__weights_add(ds_weights *w, const char *name, const ds_tensor *t, ds_error *err);
void *ds__weights_room(ds_weights *w, size_t bytes); /* NULL when memory is exhausted */
ds_status ds__weights_seal(ds_weights *w, ds_error *err);

/* Finds a parameter, insists on its shape (-1 accepts any size) and on real numbers, and marks it
 * as used. DS_E_NOMATCH or DS_E_SHAPE with file, expectation and finding. */
ds_status ds__weights_bind(ds_weights *w, const char *name, int rank, const int64_t *dim,
                           const ds_tensor **out, ds_error *err);

/* For parameters that may be absent: marks as used, NULL if there is none. */
const ds_tensor *ds__weights_find(ds_weights *w, const char *name);

/* DS_E_UNSUPPORTED with the first few names if tensors are left that nobody bound: the network
 * would not be the one that the file holds. */
ds_status ds__weights_check_all_used(const ds_weights *w, ds_error *err);

/* Gives the physical pages that lie wholly inside a tensor back to the system, after its values
 * were packed elsewhere. They are read from the file again if somebody looks. */
void ds__weights_drop_pages(const ds_weights *w, const ds_tensor *t);

/* All tensors, sorted by name. */
int64_t ds__weights_count(const ds_weights *w);
const char *ds__weights_name(const ds_weights *w, int64_t i);
const ds_tensor *ds__weights_at(const ds_weights *w, int64_t i);

/* The files, and their SHA-256 as 64 hex digits, computed when first asked for. */
int64_t ds__weights_files(const ds_weights *w);
const char *ds__weights_file_path(const ds_weights *w, int64_t i);
int64_t ds__weights_file_bytes(const ds_weights *w, int64_t i);
ds_status ds__weights_file_hash(ds_weights *w, int64_t i, const char **hex, ds_error *err);

#endif

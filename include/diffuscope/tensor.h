/* diffuscope/tensor.h - element types, dense tensors, and named sets of them (safetensors files).
 *
 * A tensor here is dense and row-major. Images and feature maps are NCHW and convolution weights
 * OIHW, as in PyTorch; the engine's own layout (channels last) never leaves the library. */

#ifndef DIFFUSCOPE_TENSOR_H
#define DIFFUSCOPE_TENSOR_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DS_MAX_RANK 8

typedef enum ds_dtype {
    DS_DTYPE_F32 = 0,
    DS_DTYPE_F16,
    DS_DTYPE_BF16,
    DS_DTYPE_I64,
    DS_DTYPE_I32,
    DS_DTYPE_U8,
    DS_DTYPE_F64,
    DS_DTYPE_BOOL,
    DS_DTYPE_F8_E4M3, /* 4 exponent bits, bias 7, no infinity: largest 448 ("e4m3fn") */
    DS_DTYPE_F8_E5M2  /* the upper byte of an F16 */
} ds_dtype;

#define DS_DTYPES 10

DS_API size_t ds_dtype_size(ds_dtype t);      /* bytes per element */
DS_API const char *ds_dtype_name(ds_dtype t); /* "F32", as in safetensors */

/* A view: `data` is borrowed from whoever made the tensor. */
typedef struct ds_tensor {
    ds_dtype dtype;
    int rank;
    int64_t dim[DS_MAX_RANK];
    void *data;
} ds_tensor;

#define DS_DIMS(...)                                                                               \
    (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (const int64_t[])                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* Number of elements; dimensions are assumed checked (see ds_tensor_bytes). */
DS_API int64_t ds_tensor_count(const ds_tensor *t);

/* Bytes of the whole tensor, or DS_E_SHAPE for a negative dimension or a product that overflows. */
DS_API ds_status ds_tensor_bytes(const ds_tensor *t, size_t *out, ds_error *err);

/* "[2, 4, 64, 64]" into a caller's buffer; returns the buffer. */
DS_API const char *ds_tensor_shape(const ds_tensor *t, char *buf, size_t size);

DS_API bool ds_tensor_same_shape(const ds_tensor *a, const ds_tensor *b);

/* Converts n elements between any two types. Rounding to a shorter float is to nearest even; above
 * its range F16, BF16 and F8_E5M2 become infinite and F8_E4M3 NaN, as PyTorch has it. dst and src must not overlap. */
DS_API void ds_convert(void *dst, ds_dtype to, const void *src, ds_dtype from, int64_t n);

/* ---- named sets ------------------------------------------------------------------------------ */

/* An ordered set of named tensors: the content of one safetensors file, or of a run's outputs. */
typedef struct ds_bundle ds_bundle;

DS_API ds_status ds_bundle_new(ds_bundle **out, ds_error *err);
DS_API void ds_bundle_free(ds_bundle *b); /* NULL is allowed; ends the life of all its tensors */

/* Maps a safetensors file. The tensors' data point into the map (private, copy on write).
 * DS_E_IO, DS_E_FORMAT with file, tensor and byte offset. */
DS_API ds_status ds_bundle_load(ds_bundle **out, const char *path, ds_error *err);

/* Writes to a temporary name in the same folder, then renames: a reader never sees half a file. */
DS_API ds_status ds_bundle_save(const ds_bundle *b, const char *path, ds_error *err);

/* Adds a zeroed tensor that the bundle owns. DS_E_ARG if the name is taken. */
DS_API ds_status ds_bundle_add(ds_bundle *b, const char *name, ds_dtype dtype, int rank,
                               const int64_t *dim, ds_tensor **out, ds_error *err);

/* Adds a tensor whose data stay the caller's, and must live as long as the bundle. DS_E_ARG if the name is
 * taken. */
DS_API ds_status ds_bundle_borrow(ds_bundle *b, const char *name, const ds_tensor *t,
                                  ds_error *err);

/* A string of the file's __metadata__; value is copied. */
DS_API ds_status ds_bundle_set_meta(ds_bundle *b, const char *key, const char *value,
                                    ds_error *err);
DS_API const char *ds_bundle_meta(const ds_bundle *b, const char *key); /* NULL if absent */

DS_API int64_t ds_bundle_count(const ds_bundle *b);
DS_API const char *ds_bundle_name(const ds_bundle *b, int64_t i);
DS_API ds_tensor *ds_bundle_at(const ds_bundle *b, int64_t i);
DS_API ds_tensor *ds_bundle_find(const ds_bundle *b, const char *name); /* NULL if absent */

/* Finds a tensor and insists on its shape; a dimension of -1 accepts any size.
 * DS_E_NOMATCH or DS_E_SHAPE with expectation and finding; DS_E_FORMAT if it holds a number that is not finite. */
DS_API ds_status ds_bundle_expect(const ds_bundle *b, const char *name, int rank,
                                  const int64_t *dim, ds_tensor **out, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

/* tensor.c - shapes of dense tensors. */

#include <diffuscope/tensor.h>

#include <stdio.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [DS_DTYPE_F32] = { "F32", 4 },         [DS_DTYPE_F16] = { "F16", 2 },
    [DS_DTYPE_BF16] = { "BF16", 2 },       [DS_DTYPE_I64] = { "I64", 8 },
    [DS_DTYPE_I32] = { "I32", 4 },         [DS_DTYPE_U8] = { "U8", 1 },
    [DS_DTYPE_F64] = { "F64", 8 },         [DS_DTYPE_BOOL] = { "BOOL", 1 },
    [DS_DTYPE_F8_E4M3] = { "F8_E4M3", 1 }, [DS_DTYPE_F8_E5M2] = { "F8_E5M2", 1 },
};

size_t ds_dtype_size(ds_dtype t)
{
    return dtypes[t].size;
}

const char *ds_dtype_name(ds_dtype t)
{
    return dtypes[t].name;
}

int64_t ds_tensor_count(const ds_tensor *t)
{
    int64_t n = 1;

    for (int i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

ds_status ds_tensor_bytes(const ds_tensor *t, size_t *out, ds_error *err)
{
    size_t bytes = ds_dtype_size(t->dtype);
    char shape[160];

    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] < 0 || !ds_mul_size(bytes, (size_t)t->dim[i], &bytes) || bytes > INT64_MAX)
            return ds_fail(err, DS_E_SHAPE,
                           "shape %s of %s is not representable: every dimension must be at least "
                           "0 and the whole below 2^63 bytes",
                           ds_tensor_shape(t, shape, sizeof shape), ds_dtype_name(t->dtype));
    *out = bytes;
    return DS_OK;
}

const char *ds_tensor_shape(const ds_tensor *t, char *buf, size_t size)
{
    size_t used = 0;

    snprintf(buf, size, "[]");
    for (int i = 0; i < t->rank && used < size; i++)
        used += (size_t)snprintf(buf + used, size - used, "%s%lld%s", i == 0 ? "[" : ", ",
                                 (long long)t->dim[i], i == t->rank - 1 ? "]" : "");
    return buf;
}

bool ds_tensor_same_shape(const ds_tensor *a, const ds_tensor *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

/* Any bytes as a safetensors file. What is accepted can be read in full, and written and read again
 * without change. */

#include "fuzz/support.h"

#include <string.h>

#include "weights/bundle.h"

static unsigned touch(const ds_bundle *b)
{
    unsigned sum = 0;

    for (int64_t i = 0; i < ds_bundle_count(b); i++) {
        const ds_tensor *t = ds_bundle_at(b, i);
        size_t bytes;

        FZ_HOLDS(ds_tensor_bytes(t, &bytes, NULL) == DS_OK);
        FZ_HOLDS((uintptr_t)t->data % ds_dtype_size(t->dtype) == 0);
        FZ_HOLDS(ds_bundle_find(b, ds_bundle_name(b, i)) == t);
        for (size_t k = 0; k < bytes; k++)
            sum += ((const unsigned char *)t->data)[k];
    }
    return sum;
}

/* The file that ds_bundle_save would write, in memory. */
static unsigned char *image_of(const ds_bundle *b, size_t *size)
{
    ds_arena a = { 0 };
    ds_safetensors_layout l;
    unsigned char *out, *at;
    size_t bytes;

    FZ_HOLDS(ds__safetensors_lay_out(&l, b, &a, NULL) == DS_OK);
    *size = l.head_size;
    for (int64_t i = 0; i < b->count; i++) {
        FZ_HOLDS(ds_tensor_bytes(&l.entry[i]->tensor, &bytes, NULL) == DS_OK);
        *size += bytes;
    }
    out = ds_alloc(*size);
    memcpy(out, l.head, l.head_size);
    at = out + l.head_size;
    for (int64_t i = 0; i < b->count; i++) {
        ds_tensor_bytes(&l.entry[i]->tensor, &bytes, NULL);
        memcpy(at, l.entry[i]->tensor.data, bytes);
        at += bytes;
    }
    ds__arena_free(&a);
    return out;
}

static void write_and_read(const ds_bundle *b, unsigned sum)
{
    size_t size;
    unsigned char *image = image_of(b, &size);
    ds_bundle *again;

    FZ_HOLDS(ds_bundle_new(&again, NULL) == DS_OK);
    FZ_HOLDS(ds__safetensors_parse(again, image, size, "again", NULL) == DS_OK);
    FZ_HOLDS(again->count == b->count);
    FZ_HOLDS(touch(again) == sum);
    for (int64_t i = 0; i < b->count; i++)
        FZ_HOLDS(again->by_name[i]->owned == NULL &&
                 b->by_name[i]->tensor.dtype == again->by_name[i]->tensor.dtype &&
                 ds_tensor_same_shape(&b->by_name[i]->tensor, &again->by_name[i]->tensor) &&
                 strcmp(b->by_name[i]->name, again->by_name[i]->name) == 0);
    ds_bundle_free(again);
    ds_free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *image = ds_alloc(size); /* aligned like a map */
    ds_error err = { 0 };
    ds_bundle *b;
    ds_status st;

    memcpy(image, data, size);
    FZ_HOLDS(ds_bundle_new(&b, NULL) == DS_OK);
    st = ds__safetensors_parse(b, image, size, "fuzz", &err);
    if (st == DS_OK)
        write_and_read(b, touch(b));
    else
        FZ_HOLDS(err.code == st && err.text[0] != '\0' && strpbrk(err.text, "\n\033") == NULL);
    ds_bundle_free(b);
    ds_free(image);
    return 0;
}

/* Any bytes as a PyTorch file, zip or legacy, and as a bare pickle. What is accepted can be read in full. */

#include "support.h"

#include <string.h>

#include "weights/checkpoint.h"
#include "weights/pickle.h"

static void touch(const ds_bundle *b)
{
    volatile unsigned sum = 0;

    for (int64_t i = 0; i < ds_bundle_count(b); i++) {
        const ds_tensor *t = ds_bundle_at(b, i);
        size_t bytes;

        FZ_HOLDS(ds_tensor_bytes(t, &bytes, NULL) == DS_OK);
        FZ_HOLDS((uintptr_t)t->data % ds_dtype_size(t->dtype) == 0);
        FZ_HOLDS(ds_bundle_find(b, ds_bundle_name(b, i)) == t);
        for (size_t k = 0; k < bytes; k++)
            sum += ((const unsigned char *)t->data)[k];
    }
}

static void read_pickle(const uint8_t *data, size_t size)
{
    ds_pickle p = { 0 };
    ds_error err = { 0 };
    size_t used = 0;
    ds_status st = ds__pickle_read(&p, data, size, &used, "fuzz", &err);

    FZ_HOLDS(used <= size);
    if (st == DS_OK)
        FZ_HOLDS(p.root != NULL);
    else
        FZ_HOLDS(err.code == st && err.text[0] != '\0');
    ds__pickle_clear(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *image = ds_alloc(size + 1); /* aligned like a map */
    ds_error err = { 0 };
    ds_bundle *b;
    ds_status st;

    memcpy(image, data, size);
    read_pickle(image, size);
    FZ_HOLDS(ds_bundle_new(&b, NULL) == DS_OK);
    st = ds__checkpoint_parse(b, image, size, "fuzz", &err);
    if (st == DS_OK)
        touch(b);
    else
        FZ_HOLDS(err.code == st && err.text[0] != '\0');
    ds_bundle_free(b);
    ds_free(image);
    return 0;
}

/* latent.c - see latent.h. */

#include "methods/estimate/latent.h"

#include "pipeline/autoencoder.h"
#include "pipeline/denoiser.h"

#include <string.h>

static ds_status copy(float **out, ds_latent_size *size, const ds_tensor *t, ds_error *err)
{
    char shape[96];

    if (t->dtype != DS_DTYPE_F32 || t->rank != 4 || t->dim[0] != 1 || t->dim[1] != size->channels ||
        t->dim[2] < 1 || t->dim[3] < 1)
        return ds_fail(err, DS_E_SHAPE, "latent: expected F32 [1, %lld, h, w], found %s %s",
                       (long long)size->channels, ds_dtype_name(t->dtype),
                       ds_tensor_shape(t, shape, sizeof shape));
    size->height = t->dim[2];
    size->width = t->dim[3];
    *out = ds_alloc((size_t)ds_tensor_count(t) * sizeof **out);
    if (*out == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a latent");
    memcpy(*out, t->data, (size_t)ds_tensor_count(t) * sizeof **out);
    return DS_OK;
}

static ds_status encode(float **out, ds_latent_size *size, ds_model *m, const ds_tensor *t,
                        int64_t factor, const ds_cancel *cancel, ds_error *err)
{
    ds_autoencoder *a = NULL;
    float *logvar;
    char shape[96];
    size_t plane;
    ds_status st;

    if (t->dtype != DS_DTYPE_F32 || t->rank != 4 || t->dim[0] != 1 || t->dim[1] != 3 ||
        t->dim[2] < factor || t->dim[3] < factor || t->dim[2] % factor != 0 ||
        t->dim[3] % factor != 0)
        return ds_fail(err, DS_E_SHAPE,
                       "image: expected F32 [1, 3, H, W] with sides that are multiples of %lld, "
                       "found %s %s",
                       (long long)factor, ds_dtype_name(t->dtype),
                       ds_tensor_shape(t, shape, sizeof shape));
    size->height = t->dim[2] / factor;
    size->width = t->dim[3] / factor;
    plane = (size_t)(size->channels * size->height * size->width);
    *out = ds_calloc(plane, sizeof **out);
    logvar = ds_calloc(plane, sizeof *logvar);
    if (*out == NULL || logvar == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a latent");
    else
        st = ds__autoencoder_new(&a, m, size->height, size->width, DS_TILING_AUTO, NULL, err);
    if (st == DS_OK)
        st = ds__encode(a, *out, logvar, t->data, cancel, err);
    if (st == DS_OK)
        ds__posterior(a, *out, *out, logvar, NULL);
    ds__autoencoder_free(a);
    ds_free(logvar);
    return st;
}

ds_status ds__latent_take(float **out, ds_latent_size *size, ds_model *m, const ds_tensor *latent,
                          const ds_tensor *image, const ds_cancel *cancel, ds_error *err)
{
    ds_denoiser_info about;
    ds_status st = ds_denoiser_describe(&about, m, err);

    *out = NULL;
    *size = (ds_latent_size){ 0 };
    if (st != DS_OK)
        return st;
    size->channels = about.channels;
    if ((latent != NULL) == (image != NULL))
        return ds_fail(err, DS_E_ARG, "expected either a latent or an image");
    st = latent != NULL ? copy(out, size, latent, err)
                        : encode(out, size, m, image, about.factor, cancel, err);
    if (st != DS_OK) {
        ds_free(*out);
        *out = NULL;
    }
    return st;
}

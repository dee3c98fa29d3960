/* latent.h - the latent that a method looks at: given, or encoded from a picture. */

#ifndef DS_METHODS_LATENT_H
#define DS_METHODS_LATENT_H

#include <diffuscope/model.h>

typedef struct ds_latent_size {
    int64_t channels, height, width;
} ds_latent_size;

/* A copy of latent [1,C,h,w], or the mean of the encoder's answer to image [1,3,H,W] in [0,1];
 * exactly one is given. Free *out with ds_free. DS_E_ARG, DS_E_SHAPE. */
ds_status ds__latent_take(float **out, ds_latent_size *size, ds_model *m, const ds_tensor *latent,
                          const ds_tensor *image, const ds_cancel *cancel, ds_error *err);

#endif

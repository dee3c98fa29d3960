/* eval_picture.h - the pictures of an evaluation, in a size that the model takes. */

#ifndef DS_CLI_EVAL_PICTURE_H
#define DS_CLI_EVAL_PICTURE_H

#include <jansson.h>

#include <diffuscope/image.h>
#include <diffuscope/tensor.h>

typedef struct eval_sizes {
    int64_t side;        /* sides of a picture are multiples of it */
    int64_t factor;      /* pixels of a picture per latent pixel, along a side */
    int64_t latent_side; /* of the model's own size */
} eval_sizes;

/* Of a model's folder. components, if not NULL, receives its configurations by name, a new
 * reference. DS_E_UNSUPPORTED without a unet and a vae. */
ds_status eval_sizes_read(eval_sizes *out, const char *model, json_t **components, ds_error *err);

typedef struct eval_picture {
    ds_image image;
    float *planes;    /* the same [3,H,W] */
    ds_tensor tensor; /* the same [1,3,H,W] */
} eval_picture;

/* Reads a picture, or with `box` the part of it that starts at pixel (box[0], box[1]) and is box[2]
 * wide and box[3] high, and brings it near the model's own size, with about its ratio of sides.
 * Clear it after a failure too. */
ds_status eval_picture_load(eval_picture *p, const eval_sizes *s, const char *path,
                            const int64_t *box, ds_error *err);
void eval_picture_clear(eval_picture *p); /* an all-zero one is allowed */

#endif

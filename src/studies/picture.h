/* picture.h - the pictures of an evaluation, in a size that the model takes. */

#ifndef DS_STUDIES_PICTURE_H
#define DS_STUDIES_PICTURE_H

#include <diffuscope/image.h>
#include <diffuscope/verbs.h>

typedef struct study_picture {
    ds_image image;
    float *planes;    /* the same [3,H,W] */
    ds_tensor tensor; /* the same [1,3,H,W] */
} study_picture;

/* Reads a picture, or with `box` the part of it that starts at pixel (box[0], box[1]) and is box[2]
 * wide and box[3] high, and brings it near the model's own size, with about its ratio of sides.
 * Clear it after a failure too. */
ds_status ds__study_picture_load(study_picture *p, const ds_denoiser_info *m, const char *path,
                                 const int64_t *box, ds_error *err);
void ds__study_picture_clear(study_picture *p); /* an all-zero one is allowed */

#endif

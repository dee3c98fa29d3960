/* clip.h - CLIP as a judge (Radford et al., arXiv 2103.00020): pictures and texts as unit vectors whose
 * cosine says how well they fit. Read from transformers' CLIPModel folder: config.json, weights,
 * preprocessor_config.json, and the tokenizer's files beside them.
 *
 * Thread rule: an object belongs to one thread. */

#ifndef DS_PIPELINE_CLIP_H
#define DS_PIPELINE_CLIP_H

#include <diffuscope/image.h>
#include <diffuscope/tokenizer.h>

#include "models/clip_vision.h"

typedef struct ds_clip ds_clip;

/* Opens and checks every parameter. DS_E_IO, DS_E_FORMAT, DS_E_SHAPE, DS_E_NOMATCH,
 * DS_E_UNSUPPORTED name the file and the field or tensor. */
ds_status ds__clip_open(ds_clip **out, const char *folder, ds_error *err);
void ds__clip_close(ds_clip *c); /* NULL is allowed */

int64_t ds__clip_width(const ds_clip *c); /* P: numbers of a vector */
int64_t ds__clip_side(const ds_clip *c);  /* pixels of what the picture tower sees */

/* out [n,P], each of length 1. Texts that are too long are cut to the encoder's positions. */
ds_status ds__clip_texts(ds_clip *c, float *out, const char *const *text, int64_t n,
                         const ds_cancel *cancel, ds_error *err);
ds_status ds__clip_images(ds_clip *c, float *out, const ds_image *image, int64_t n,
                          const ds_cancel *cancel, ds_error *err);

/* The same from what the towers read: ids [n,positions]; pixels [n,3,side,side]. */
ds_status ds__clip_ids(ds_clip *c, float *out, const int64_t *ids, int64_t n,
                       const ds_cancel *cancel, ds_error *err);
ds_status ds__clip_pixels(ds_clip *c, float *out, const float *pixels, int64_t n,
                          const ds_cancel *cancel, ds_error *err);

/* A picture as the tower reads it [3,side,side]: the shorter side to the size of the
 * preprocessor's file (bicubic, as Pillow), the middle cut out, then (level / 255 - mean) / std. */
ds_status ds__clip_preprocess(const ds_clip *c, float *pixels, const ds_image *image,
                              ds_error *err);

#endif

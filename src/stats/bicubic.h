/* bicubic.h - maps of another size, as PyTorch's interpolate(mode="bicubic", align_corners=False)
 * makes them: kernel a = -0.75, taps beyond the edge take the edge's value, no antialiasing. */

#ifndef DS_METHODS_BICUBIC_H
#define DS_METHODS_BICUBIC_H

#include <diffuscope/base.h>

typedef struct ds_bicubic ds_bicubic;

/* The weights for maps [h,w] -> [out_h,out_w], all at least 1. */
ds_status ds__bicubic_new(ds_bicubic **out, int64_t h, int64_t w, int64_t out_h, int64_t out_w,
                          ds_error *err);
void ds__bicubic_free(ds_bicubic *b); /* NULL is allowed */

/* Floats of room that ds__bicubic needs. */
int64_t ds__bicubic_room(const ds_bicubic *b);

/* out [out_h,out_w] from x [h,w]; room as above. They must not overlap. Any number of threads may
 * share the weights. */
void ds__bicubic(const ds_bicubic *b, float *out, const float *x, float *room);

#endif

/* small.h - very small models for the harnesses of what is laid over a model, made once a process,
 * and small files to lay over them. */

#ifndef DS_FUZZ_SMALL_H
#define DS_FUZZ_SMALL_H

#include <diffuscope/model.h>

/* One text encoder, or two as SDXL has. Belongs to the process. */
ds_model *fz_model(bool xl);

/* A number that changes with any bit of any parameter. */
uint64_t fz_model_sum(const ds_model *m);

/* Lines "NAME DIM DIM .." (each dimension modulo 64) and "@KEY VALUE" as a safetensors file of f32;
 * what stands in quotes is left as it is, so that the header may become invalid. The text is cut
 * apart. */
const char *fz_put_lines(const char *name, char *text);

#endif

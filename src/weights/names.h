/* names.h - old spellings of parameters. */

#ifndef DS_WEIGHTS_NAMES_H
#define DS_WEIGHTS_NAMES_H

#include <diffuscope/tensor.h>

/* The present name of a parameter that old checkpoints call otherwise. Returns `name` itself when
 * there is nothing to change, else buf. A name that does not fit is left as it is. */
const char *ds__names_modern(const char *name, char *buf, size_t size);

/* Attention projections of the first checkpoints are 1x1 convolutions: views [C, C, 1, 1] as
 * [C, C]. `name` is a present one. */
void ds__names_flatten(const char *name, ds_tensor *t);

/* Tensors that checkpoints hold although no network reads them. */
bool ds__names_idle(const char *name);

#endif

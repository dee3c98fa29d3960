/* sixel.h - DEC's pictures for terminals: bands of six rows, at most 256 colours. */

#ifndef DS_REPORT_SIXEL_H
#define DS_REPORT_SIXEL_H

#include <diffuscope/image.h>

#include "base/buffer.h"

ds_status ds__sixel(ds_buffer *out, const ds_image *image, ds_error *err);

#endif

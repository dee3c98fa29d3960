/* diffuscope/rle.h - masks as run lengths, in COCO's two forms.
 *
 * A mask is [height, width] bytes, rows from the top, zero or not. COCO counts runs column by
 * column from the upper left, the first run being zeros (it may be empty):
 *
 *     uncompressed  {"size": [height, width], "counts": [6, 1, 40, ...]}
 *     compressed    {"size": [height, width], "counts": "61X13mN000`0"}
 *
 * In the compressed form a run is a difference to the run before the last one (from the fourth run
 * on), written in groups of five bits, lowest first, as the characters '0' to 'o'; 32 marks that
 * another group follows. */

#ifndef DIFFUSCOPE_RLE_H
#define DIFFUSCOPE_RLE_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The runs of a mask; free with ds_free. An empty mask (0 pixels) has no runs. */
DS_API ds_status ds_rle_count(uint32_t **counts, int64_t *n, const uint8_t *mask, int64_t height,
                              int64_t width, ds_error *err);

/* The other way: writes zeros and ones. DS_E_FORMAT unless the runs cover the mask exactly. */
DS_API ds_status ds_rle_fill(uint8_t *mask, const uint32_t *counts, int64_t n, int64_t height,
                             int64_t width, ds_error *err);

/* The compressed form of a mask; free with ds_free. */
DS_API ds_status ds_rle_encode(char **text, const uint8_t *mask, int64_t height, int64_t width,
                               ds_error *err);

/* The mask of a compressed form. DS_E_FORMAT names the position of a character that does not
 * belong, or of a run that leaves the picture. */
DS_API ds_status ds_rle_decode(uint8_t *mask, const char *text, int64_t height, int64_t width,
                               ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

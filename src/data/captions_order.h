/* captions_order.h - a caption in other orders. See diffuscope/captions.h. */

#ifndef DS_DATA_CAPTIONS_ORDER_H
#define DS_DATA_CAPTIONS_ORDER_H

#include <diffuscope/syntax.h>

#include "base/arena.h"

enum { DS__ORDERS = 4, DS__ORDER_WORDS = 30 };

/* Lower case, without the signs, one blank between words, at most DS__ORDER_WORDS of them; NULL
 * when memory is exhausted. */
char *ds__order_plain(ds_arena *a, const char *caption);

/* The right caption, and `count` <= DS__ORDERS others that differ from it and have their strings in
 * the arena. */
ds_status ds__order_captions(ds_arena *a, ds_parser *p, const char *caption, uint64_t seed,
                             const char **right, const char *wrong[DS__ORDERS], int64_t *count,
                             ds_error *err);

#endif

/* one_more.h - short lists that gain one element at a time. */

#ifndef DS_BASE_ONE_MORE_H
#define DS_BASE_ONE_MORE_H

#include <stddef.h>
#include <stdint.h>

/* Room for one more of an array of `count` elements, zeroed; the old block is freed. NULL: no memory, and
 * the old one stays. */
void *ds__one_more(void *old, int64_t count, size_t size);

#endif

/* arena.h - many small blocks with one life: freed together, never one by one. */

#ifndef DS_BASE_ARENA_H
#define DS_BASE_ARENA_H

#include <diffuscope/base.h>

typedef struct ds_arena {
    struct ds_arena_chunk *head;
} ds_arena; /* all zero is an empty arena */

/* Zeroed and aligned to 64 bytes; NULL when memory is exhausted. */
void *ds__arena_alloc(ds_arena *a, size_t bytes);
char *ds__arena_printf(ds_arena *a, const char *fmt, ...) DS_PRINTF(2, 3);
void ds__arena_free(ds_arena *a); /* leaves an empty arena */

#endif

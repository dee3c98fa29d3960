/* arena.c - bump allocation in chunks that double up to a limit. */

#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ALIGNMENT   64
#define FIRST_CHUNK ((size_t)16 << 10)
#define LARGE_CHUNK ((size_t)1 << 20)

struct ds_arena_chunk {
    struct ds_arena_chunk *next;
    size_t used, size;
    _Alignas(ALIGNMENT) unsigned char data[];
};

static struct ds_arena_chunk *arena_grow(ds_arena *a, size_t need)
{
    size_t size = a->head == NULL ? FIRST_CHUNK : a->head->size * 2;
    size_t bytes;
    struct ds_arena_chunk *c;

    size = size > LARGE_CHUNK ? LARGE_CHUNK : size;
    size = size < need ? need : size;
    if (!ds_add_size(size, sizeof *c, &bytes) || (c = ds_alloc(bytes)) == NULL)
        return NULL;
    c->next = a->head;
    c->used = 0;
    c->size = size;
    a->head = c;
    return c;
}

void *ds__arena_alloc(ds_arena *a, size_t bytes)
{
    struct ds_arena_chunk *c = a->head;
    size_t rounded;
    void *p;

    if (!ds_add_size(bytes, ALIGNMENT - 1, &rounded))
        return NULL;
    rounded &= ~(size_t)(ALIGNMENT - 1);
    if ((c == NULL || c->size - c->used < rounded) && (c = arena_grow(a, rounded)) == NULL)
        return NULL;
    p = c->data + c->used;
    c->used += rounded;
    return memset(p, 0, bytes);
}

char *ds__arena_printf(ds_arena *a, const char *fmt, ...)
{
    va_list ap, again;
    char *p;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    p = n < 0 ? NULL : ds__arena_alloc(a, (size_t)n + 1);
    if (p != NULL)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}

void ds__arena_free(ds_arena *a)
{
    while (a->head != NULL) {
        struct ds_arena_chunk *next = a->head->next;

        ds_free(a->head);
        a->head = next;
    }
}

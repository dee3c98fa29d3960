/* memory.c - the one door to the heap, and checked sizes.
 *
 * Blocks are aligned to a cache line, which is also the widest vector of the kernels. Tests replace
 * the allocator to count blocks and to make the n-th request fail. */

#include <diffuscope/base.h>

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64

static void *system_alloc(void *user, size_t bytes)
{
    size_t rounded;

    (void)user;
    if (!ds_add_size(bytes == 0 ? 1 : bytes, ALIGNMENT - 1, &rounded))
        return NULL;
    return aligned_alloc(ALIGNMENT, rounded & ~(size_t)(ALIGNMENT - 1));
}

static void system_release(void *user, void *block)
{
    (void)user;
    free(block);
}

static const ds_allocator system_allocator = { system_alloc, system_release, NULL };
static ds_allocator current = { system_alloc, system_release, NULL };

void ds_set_allocator(const ds_allocator *a)
{
    current = a != NULL ? *a : system_allocator;
}

void *ds_alloc(size_t bytes)
{
    return current.alloc(current.user, bytes);
}

void *ds_calloc(size_t count, size_t size)
{
    size_t bytes;
    void *p;

    if (!ds_mul_size(count, size, &bytes))
        return NULL;
    p = ds_alloc(bytes);
    if (p != NULL)
        memset(p, 0, bytes);
    return p;
}

char *ds_strdup(const char *text)
{
    size_t n = strlen(text) + 1;
    char *p = ds_alloc(n);

    if (p != NULL)
        memcpy(p, text, n);
    return p;
}

void ds_free(void *block)
{
    if (block != NULL)
        current.release(current.user, block);
}

bool ds_mul_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

bool ds_add_size(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

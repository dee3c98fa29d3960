/* tokenizer_vocab.c - the two hash tables of a tokenizer. Filled while opening, read-only after. */

#include "models/tokenizer.h"

#include <string.h>

static size_t table_slots(size_t count)
{
    size_t slots = 16;

    while (slots < 2 * count)
        slots *= 2;
    return slots;
}

/* FNV-1a */
static size_t hash_text(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (; *s != '\0'; s++)
        h = (h ^ (uint8_t)*s) * 0x100000001b3u;
    return (size_t)(h ^ h >> 32);
}

static size_t hash_pair(int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;

    return (size_t)(h >> 32);
}

/* The slot that holds the piece, or the free one where it belongs. */
static int32_t *vocab_slot(const ds_vocab *v, const char *piece)
{
    size_t i = hash_text(piece) & (v->slots - 1);

    while (v->slot[i] >= 0 && strcmp(v->piece[v->slot[i]], piece) != 0)
        i = (i + 1) & (v->slots - 1);
    return &v->slot[i];
}

ds_status ds__vocab_new(ds_vocab *v, ds_arena *arena, int64_t size, size_t count, ds_error *err)
{
    v->size = size;
    v->slots = table_slots(count);
    v->piece = ds__arena_alloc(arena, (size_t)size * sizeof *v->piece);
    v->slot = ds__arena_alloc(arena, v->slots * sizeof *v->slot);
    if (v->piece == NULL || v->slot == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a vocabulary of %zu tokens", count);
    memset(v->slot, 0xff, v->slots * sizeof *v->slot);
    return DS_OK;
}

bool ds__vocab_add(ds_vocab *v, const char *piece, int64_t id)
{
    int32_t *slot = vocab_slot(v, piece);

    if (*slot >= 0 || v->piece[id] != NULL)
        return false;
    v->piece[id] = piece;
    *slot = (int32_t)id;
    return true;
}

int64_t ds__vocab_find(const ds_vocab *v, const char *piece)
{
    return *vocab_slot(v, piece);
}

static ds_merge *merge_slot(const ds_merges *m, int32_t left, int32_t right)
{
    size_t i = hash_pair(left, right) & (m->slots - 1);

    while (m->slot[i].rank >= 0 && (m->slot[i].left != left || m->slot[i].right != right))
        i = (i + 1) & (m->slots - 1);
    return &m->slot[i];
}

ds_status ds__merges_new(ds_merges *m, ds_arena *arena, size_t count, ds_error *err)
{
    m->slots = table_slots(count);
    m->slot = ds__arena_alloc(arena, m->slots * sizeof *m->slot);
    if (m->slot == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %zu merges", count);
    for (size_t i = 0; i < m->slots; i++)
        m->slot[i].rank = -1;
    return DS_OK;
}

bool ds__merges_add(ds_merges *m, ds_merge merge)
{
    ds_merge *slot = merge_slot(m, merge.left, merge.right);

    if (slot->rank >= 0)
        return false;
    *slot = merge;
    return true;
}

const ds_merge *ds__merges_find(const ds_merges *m, int32_t left, int32_t right)
{
    const ds_merge *slot = merge_slot(m, left, right);

    return slot->rank >= 0 ? slot : NULL;
}

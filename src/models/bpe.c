/* bpe.c - byte-pair encoding of one piece of a prompt.
 *
 * The piece starts as one symbol per byte, the last with "</w>". While some neighbours are listed
 * in merges.txt, those of the lowest rank are joined, the leftmost first. A heap of candidates
 * makes it n log n, so that a megabyte without a space takes a second and not a day. A ds_bpe
 * belongs to one thread. */

#include "models/tokenizer.h"

/* Symbols form a list by index. The heap may hold candidates that a later merge has made stale:
 * they are known by ids that changed. */
typedef struct symbol {
    int32_t id; /* -1: swallowed by its left neighbour */
    int32_t prev, next;
} symbol;

typedef struct candidate {
    const ds_merge *merge;
    int32_t at; /* index of the left symbol */
} candidate;

struct ds_bpe {
    symbol *sym;
    candidate *heap;
    int32_t *ids;
    size_t sym_room, heap_room, ids_room, heap_count;
};

ds_bpe *ds__bpe_new(void)
{
    return ds_calloc(1, sizeof(ds_bpe));
}

void ds__bpe_free(ds_bpe *b)
{
    if (b == NULL)
        return;
    ds_free(b->sym);
    ds_free(b->heap);
    ds_free(b->ids);
    ds_free(b);
}

static bool comes_before(candidate a, candidate b)
{
    return a.merge->rank != b.merge->rank ? a.merge->rank < b.merge->rank : a.at < b.at;
}

static void heap_push(ds_bpe *b, candidate c)
{
    size_t i = b->heap_count++;

    while (i > 0 && comes_before(c, b->heap[(i - 1) / 2])) {
        b->heap[i] = b->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    b->heap[i] = c;
}

static candidate heap_pop(ds_bpe *b)
{
    candidate top = b->heap[0], last = b->heap[--b->heap_count];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < b->heap_count) {
        if (child + 1 < b->heap_count && comes_before(b->heap[child + 1], b->heap[child]))
            child++;
        if (!comes_before(b->heap[child], last))
            break;
        b->heap[i] = b->heap[child];
        i = child;
    }
    b->heap[i] = last;
    return top;
}

/* Enters the pair of symbol `at` and its right neighbour, if it can merge. */
static void consider(ds_bpe *b, const ds_tokenizer *t, int32_t at)
{
    const ds_merge *m;

    if (at < 0 || b->sym[at].next < 0)
        return;
    m = ds__merges_find(&t->merges, b->sym[at].id, b->sym[b->sym[at].next].id);
    if (m != NULL)
        heap_push(b, (candidate){ m, at });
}

static void join(ds_bpe *b, const ds_tokenizer *t, candidate c)
{
    symbol *left = &b->sym[c.at];
    int32_t next = left->next;

    if (left->id != c.merge->left || next < 0 || b->sym[next].id != c.merge->right)
        return; /* stale */
    left->id = c.merge->result;
    left->next = b->sym[next].next;
    b->sym[next].id = -1;
    if (left->next >= 0)
        b->sym[left->next].prev = c.at;
    consider(b, t, left->prev);
    consider(b, t, c.at);
}

/* The heap: at most n - 1 pairs at first and two more after each of at most n - 1 merges. */
static bool reserve(ds_bpe *b, size_t n)
{
    void *sym = ds__grow(b->sym, &b->sym_room, 0, n, sizeof *b->sym);
    void *heap = ds__grow(b->heap, &b->heap_room, 0, 3 * n, sizeof *b->heap);
    void *ids = ds__grow(b->ids, &b->ids_room, 0, n, sizeof *b->ids);

    b->sym = sym != NULL ? sym : b->sym;
    b->heap = heap != NULL ? heap : b->heap;
    b->ids = ids != NULL ? ids : b->ids;
    return sym != NULL && heap != NULL && ids != NULL;
}

ds_status ds__bpe_encode(ds_bpe *b, const int32_t **ids, size_t *count, const ds_tokenizer *t,
                         const uint8_t *bytes, size_t n, ds_error *err)
{
    int32_t last = (int32_t)n - 1;

    *count = 0;
    if (!reserve(b, n))
        return ds_fail(err, DS_E_NOMEM, "no memory to encode a word of %zu bytes", n);
    b->heap_count = 0;
    for (int32_t i = 0; i <= last; i++) {
        int32_t id = t->symbol[i == last][bytes[i]];

        b->sym[i] = (symbol){ id >= 0 ? id : (int32_t)t->info.unk, i - 1, i < last ? i + 1 : -1 };
    }
    for (int32_t i = 0; i < last; i++)
        consider(b, t, i);
    while (b->heap_count > 0)
        join(b, t, heap_pop(b));
    for (int32_t i = 0; i >= 0; i = b->sym[i].next)
        b->ids[(*count)++] = b->sym[i].id;
    *ids = b->ids;
    return DS_OK;
}

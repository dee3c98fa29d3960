/* tokenizer_text.c - a prompt becomes the characters that the splitting rules see.
 *
 * Special tokens are taken out first, as they are spelt. The rest is brought to NFC and lowered
 * character by character (a final sigma is not special, U+0130 gives two characters), and then
 * special tokens that the model's files call "normalized" are looked for again, so that
 * <|EndOfText|> is one too. Every character remembers its bytes in the prompt.
 *
 * Unicode data is utf8proc's: 14.0 in version 2.8. */

#include "models/tokenizer.h"

#include <string.h>
#include <utf8proc.h>

typedef struct normaliser {
    const ds_tokenizer *t;
    const uint8_t *text;
    size_t bytes;
    ds_chars *out;
    int32_t *segment, *spare; /* a base and its marks, decomposed */
    size_t count, segment_room, spare_room;
    size_t begin;    /* of the segment */
    int32_t base;    /* its first character, as it stands in the prompt, */
    size_t base_end; /* and where that ends */
} normaliser;

void *ds__grow(void *at, size_t *room, size_t count, size_t more, size_t size)
{
    size_t want, bytes;
    void *p;

    if (!ds_add_size(count, more, &want))
        return NULL;
    if (at != NULL && want <= *room)
        return at;
    want = want < 2 * *room ? 2 * *room : want;
    want = want < 16 ? 16 : want;
    if (!ds_mul_size(want, size, &bytes) || (p = ds_alloc(bytes)) == NULL)
        return NULL;
    if (count > 0)
        memcpy(p, at, count * size);
    ds_free(at);
    *room = want;
    return p;
}

bool ds__char_is_space(int32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static bool append(ds_chars *out, int32_t code, size_t begin, size_t end)
{
    ds_char *at = ds__grow(out->at, &out->room, out->count, 1, sizeof *at);

    if (at == NULL)
        return false;
    out->at = at;
    at[out->count++] = (ds_char){ code, (uint32_t)begin, (uint32_t)end };
    return true;
}

static bool append_lowered(ds_chars *out, int32_t code, size_t begin, size_t end)
{
    if (code == 0x130) /* the one character whose lower case is two: i, dot above */
        return append(out, 'i', begin, end) && append(out, 0x307, begin, end);
    if (code < 0x80)
        return append(out, code >= 'A' && code <= 'Z' ? code + 32 : code, begin, end);
    return append(out, utf8proc_tolower(code), begin, end);
}

static unsigned combining_class(int32_t code)
{
    return (unsigned)utf8proc_get_property(code)->combining_class;
}

/* Canonical order of n marks: a stable counting sort, since a hostile prompt may hold a million. */
static void order_marks(int32_t *at, int32_t *spare, size_t n)
{
    size_t start[257] = { 0 };

    for (size_t i = 0; i < n; i++)
        start[combining_class(at[i]) + 1]++;
    for (size_t c = 1; c < DS_COUNT(start); c++)
        start[c] += start[c - 1];
    for (size_t i = 0; i < n; i++)
        spare[start[combining_class(at[i])]++] = at[i];
    memcpy(at, spare, n * sizeof *at);
}

static bool order_segment(normaliser *n)
{
    int32_t *spare = ds__grow(n->spare, &n->spare_room, 0, n->count, sizeof *spare);

    if (spare == NULL)
        return false;
    n->spare = spare;
    for (size_t i = 0, run; i < n->count; i += run) {
        for (run = 0; i + run < n->count && combining_class(n->segment[i + run]) != 0;)
            run++;
        if (run > 1)
            order_marks(n->segment + i, spare, run);
        run = run == 0 ? 1 : run;
    }
    return true;
}

/* Ends the segment before byte `end` of the prompt. */
static bool flush(normaliser *n, size_t end)
{
    utf8proc_ssize_t count = (utf8proc_ssize_t)n->count;

    if (count > 1) {
        if (!order_segment(n))
            return false;
        count = utf8proc_normalize_utf32(n->segment, count, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    }
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        bool apart = n->segment[0] == n->base; /* the marks left the base as it was */
        size_t from = apart && i > 0 ? n->base_end : n->begin;
        size_t to = apart && i == 0 ? n->base_end : end;

        if (!append_lowered(n->out, n->segment[i], from, to))
            return false;
    }
    n->count = 0;
    n->begin = end;
    return true;
}

/* Whether composition can join nothing before `code` to it: all that can be second in a composite
 * are marks, and the vowels and finals of Hangul behind other Hangul. */
static bool starts_segment(int32_t code, const normaliser *n)
{
    int32_t before = n->count > 0 ? n->segment[n->count - 1] : 0;

    if (code >= 0x1160 && code <= 0x11ff)
        return before < 0x1100 || before > 0x11ff;
    if (code < 0x300)
        return true;
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return false;
    default:
        return true;
    }
}

/* code ends before byte `end` of the prompt. */
static bool add(normaliser *n, int32_t code, size_t end)
{
    enum { LONGEST = 4 }; /* of all canonical decompositions */
    int32_t *at = ds__grow(n->segment, &n->segment_room, n->count, LONGEST, sizeof *at);
    int boundary = 0;

    if (at == NULL)
        return false;
    n->segment = at;
    if (n->count == 0) {
        n->base = code;
        n->base_end = end;
    }
    if (code < 0x80)
        at[n->count++] = code;
    else
        n->count += (size_t)utf8proc_decompose_char(
            code, at + n->count, LONGEST, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, &boundary);
    return true;
}

static const ds_special *literal_special(const normaliser *n, size_t at)
{
    const ds_special *best = NULL;

    for (size_t i = 0; n->t != NULL && i < n->t->special_count; i++) {
        const ds_special *s = &n->t->special[i];

        if (n->text[at] == (uint8_t)s->text[0] && s->bytes <= n->bytes - at &&
            memcmp(n->text + at, s->text, s->bytes) == 0 &&
            (best == NULL || s->bytes > best->bytes))
            best = s;
    }
    return best;
}

static const ds_special *folded_special(const ds_tokenizer *t, const ds_chars *c, size_t at)
{
    const ds_special *best = NULL;

    for (size_t i = 0; i < t->special_count; i++) {
        const ds_special *s = &t->special[i];
        size_t n = s->letters.count, k = 0;

        if (!s->folded || n > c->count - at || (best != NULL && n <= best->letters.count))
            continue;
        while (k < n && c->at[at + k].code == s->letters.at[k].code)
            k++;
        best = k == n ? s : best;
    }
    return best;
}

static void mark_folded(ds_chars *c, const ds_tokenizer *t)
{
    size_t to = 0;

    for (size_t from = 0; from < c->count; to++) {
        const ds_special *s = folded_special(t, c, from);
        size_t n = s != NULL ? s->letters.count : 1;
        ds_char joined = c->at[from];

        if (s != NULL) {
            joined.code = ~(int32_t)s->id;
            joined.end = c->at[from + n - 1].end;
        }
        c->at[to] = joined;
        from += n;
    }
    c->count = to;
}

static ds_status normalise(normaliser *n, ds_error *err)
{
    bool ok = true;

    for (size_t at = 0; at < n->bytes && ok;) {
        const ds_special *s = literal_special(n, at);
        int32_t code;
        utf8proc_ssize_t step;

        if (s != NULL) {
            ok = flush(n, at) && append(n->out, ~(int32_t)s->id, at, at + s->bytes);
            at += s->bytes;
            n->begin = at;
            continue;
        }
        step = utf8proc_iterate(n->text + at, (utf8proc_ssize_t)(n->bytes - at), &code);
        if (step <= 0)
            return ds_fail(err, DS_E_ARG,
                           "expected text in UTF-8, found the byte 0x%02x at offset %zu, which no "
                           "UTF-8 has there",
                           n->text[at], at);
        ok = (!starts_segment(code, n) || flush(n, at)) && add(n, code, at + (size_t)step);
        at += (size_t)step;
    }
    if (!ok || !flush(n, n->bytes))
        return ds_fail(err, DS_E_NOMEM, "no memory for a prompt of %zu bytes", n->bytes);
    return DS_OK;
}

ds_status ds__normalise(ds_chars *out, const char *text, size_t bytes, const ds_tokenizer *t,
                        ds_error *err)
{
    normaliser n = { .t = t, .text = (const uint8_t *)text, .bytes = bytes, .out = out };
    ds_status st;

    if (bytes > DS__MAX_TEXT)
        return ds_fail(err, DS_E_ARG, "expected a text of at most %zu bytes, found %zu",
                       DS__MAX_TEXT, bytes);
    st = normalise(&n, err);
    ds_free(n.segment);
    ds_free(n.spare);
    if (st == DS_OK && t != NULL)
        mark_folded(out, t);
    return st;
}

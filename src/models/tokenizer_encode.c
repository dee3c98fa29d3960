/* tokenizer_encode.c - characters are cut into pieces, pieces become tokens, and the pieces between
 * two white spaces become words. Works on the caller's memory only: any number of threads may
 * encode with one tokenizer. */

#include "models/tokenizer.h"

#include "models/emphasis.h"

#include <string.h>
#include <utf8proc.h>

/* A run of characters that BPE sees as one. */
typedef struct piece {
    size_t begin, end;   /* characters */
    int64_t first, last; /* tokens */
    double weight;       /* of emphasis */
    bool opens;          /* white space or a special token stands before it, or it is special */
    bool edge;           /* punctuation that is no part of a word when it stands at its edge */
} piece;

typedef struct encoder {
    const ds_tokenizer *t;
    const char *text;
    ds_chars chars;
    ds_bpe *bpe;
    uint8_t *bytes;
    int64_t *ids;
    piece *pieces;
    size_t bytes_room, id_count, id_room, piece_count, piece_room;
    bool weighted, breaks;
    size_t filled; /* tokens up to the last BREAK */
} encoder;

/* What the caller sees, and the memory behind it. */
typedef struct result {
    ds_tokens shown;
    ds_arena arena;
} result;

enum kind { SPACE, LETTER, NUMBER, OTHER, SPECIAL };

static enum kind kind_of(int32_t code)
{
    if (code < 0)
        return SPECIAL;
    if (code >= 'a' && code <= 'z')
        return LETTER;
    if (ds__char_is_space(code))
        return SPACE;
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return NUMBER;
    default:
        return OTHER;
    }
}

/* Quotes, brackets and what ends a clause; not the signs that people write as parts of words. */
static bool is_edge(int32_t code)
{
    if (code < 0x80 && strchr("#%&*/@\\", (char)code) != NULL)
        return false;
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
        return true;
    default:
        return false;
    }
}

/* Length of 's 't 're 've 'm 'll 'd at character i, or 0. */
static size_t contraction(const ds_chars *c, size_t i)
{
    static const char *const tails[] = { "s", "t", "re", "ve", "m", "ll", "d" };

    if (c->at[i].code != '\'')
        return 0;
    for (size_t k = 0; k < DS_COUNT(tails); k++) {
        size_t n = strlen(tails[k]), match = 0;

        while (match < n && i + 1 + match < c->count &&
               c->at[i + 1 + match].code == tails[k][match])
            match++;
        if (match == n)
            return n + 1;
    }
    return 0;
}

/* The piece that starts at character `begin`, which is no white space. */
static piece cut(const ds_chars *c, size_t begin)
{
    enum kind kind = kind_of(c->at[begin].code);
    size_t n = contraction(c, begin);
    piece p = { .begin = begin, .end = begin + (n > 0 ? n : 1), .edge = false };

    if (n == 0 && (kind == LETTER || kind == OTHER))
        while (p.end < c->count && kind_of(c->at[p.end].code) == kind)
            p.end++;
    if (n == 0 && kind == OTHER) {
        p.edge = true;
        for (size_t i = begin; i < p.end && p.edge; i++)
            p.edge = is_edge(c->at[i].code);
    }
    return p;
}

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for the tokens of a prompt");
}

static ds_status encode_special(encoder *e, int32_t code, ds_error *err)
{
    int64_t count = 1, *ids;

    for (size_t i = 0; i < e->t->special_count; i++)
        if (e->t->special[i].id == ~code && e->t->special[i].count > 1)
            count = e->t->special[i].count; /* a learned word of several vectors */
    ids = ds__grow(e->ids, &e->id_room, e->id_count, (size_t)count, sizeof *ids);
    if (ids == NULL)
        return no_memory(err);
    e->ids = ids;
    for (int64_t k = 0; k < count; k++)
        ids[e->id_count++] = ~code + k;
    return DS_OK;
}

static ds_status encode_piece(encoder *e, const piece *p, ds_error *err)
{
    enum { LONGEST = 4 }; /* bytes of a character in UTF-8 */
    size_t room = (p->end - p->begin) * LONGEST, n = 0, count = 0;
    const int32_t *from = NULL;
    uint8_t *bytes;
    int64_t *ids;
    ds_status st;

    if (e->chars.at[p->begin].code < 0)
        return encode_special(e, e->chars.at[p->begin].code, err);
    bytes = ds__grow(e->bytes, &e->bytes_room, 0, room, 1);
    if (bytes == NULL)
        return no_memory(err);
    e->bytes = bytes;
    for (size_t i = p->begin; i < p->end; i++)
        n += (size_t)utf8proc_encode_char(e->chars.at[i].code, bytes + n);
    st = ds__bpe_encode(e->bpe, &from, &count, e->t, bytes, n, err);
    if (st != DS_OK)
        return st;
    ids = ds__grow(e->ids, &e->id_room, e->id_count, count, sizeof *ids);
    if (ids == NULL)
        return no_memory(err);
    e->ids = ids;
    for (size_t i = 0; i < count; i++)
        ids[e->id_count++] = from[i];
    return DS_OK;
}

static ds_status keep_piece(encoder *e, const piece *p, ds_error *err)
{
    piece *at = ds__grow(e->pieces, &e->piece_room, e->piece_count, 1, sizeof *at);

    if (at == NULL)
        return no_memory(err);
    e->pieces = at;
    at[e->piece_count++] = *p;
    return DS_OK;
}

/* Characters from `first` on, all of one weight. */
static ds_status encode_from(encoder *e, size_t first, double weight, ds_error *err)
{
    const ds_chars *c = &e->chars;
    bool opens = true;

    for (size_t i = first; i < c->count;) {
        bool special = c->at[i].code < 0;
        piece p;
        ds_status st;

        if (ds__char_is_space(c->at[i].code)) {
            opens = true;
            i++;
            continue;
        }
        p = cut(c, i);
        p.opens = opens || special;
        p.weight = weight;
        p.first = (int64_t)e->id_count;
        st = encode_piece(e, &p, err);
        p.last = (int64_t)e->id_count - 1;
        if (st == DS_OK)
            st = keep_piece(e, &p, err);
        if (st != DS_OK)
            return st;
        opens = special;
        i = p.end;
    }
    return DS_OK;
}

/* A BREAK is one character of the prompt, and as many tokens as the chunk has room for: the end, and padding.
 * A chunk that is just full needs none, but a second BREAK makes an empty one. */
static ds_status fill_chunk(encoder *e, size_t at, ds_error *err)
{
    const size_t fit = (size_t)e->t->info.length - 2, in = e->id_count % fit;
    const bool full = in == 0 && e->id_count > e->filled;
    const size_t n = full ? 0 : fit - in;
    piece p = { .begin = at, .end = at + 1, .opens = true, .weight = 1.0 };
    int64_t *ids = ds__grow(e->ids, &e->id_room, e->id_count, n, sizeof *ids);

    e->breaks = true;
    if (ids == NULL)
        return no_memory(err);
    e->ids = ids;
    p.first = (int64_t)e->id_count;
    for (size_t i = 0; i < n; i++)
        ids[e->id_count++] = i == 0 ? e->t->info.eos : e->t->info.pad;
    p.last = (int64_t)e->id_count - 1;
    e->filled = e->id_count;
    return n > 0 ? keep_piece(e, &p, err) : DS_OK;
}

static ds_status append_char(encoder *e, ds_char c, ds_error *err)
{
    ds_char *at = ds__grow(e->chars.at, &e->chars.room, e->chars.count, 1, sizeof *at);

    if (at == NULL)
        return no_memory(err);
    e->chars.at = at;
    at[e->chars.count++] = c;
    return DS_OK;
}

/* Normalises the run by itself, and puts bytes of the prompt for bytes of the run's text. */
static ds_status append_run(encoder *e, const ds_emphasised *text, const ds_emphasis_run *run,
                            ds_error *err)
{
    const uint32_t *origin = text->origin + run->begin;
    ds_chars own = { 0 };
    ds_status st = ds__normalise(&own, text->text + run->begin, run->end - run->begin, e->t, err);

    for (size_t i = 0; st == DS_OK && i < own.count; i++) {
        ds_char c = own.at[i];

        c.end = c.end > c.begin ? origin[c.end - 1] + 1 : origin[c.begin];
        c.begin = origin[c.begin];
        st = append_char(e, c, err);
    }
    ds_free(own.at);
    return st;
}

static ds_status encode_run(encoder *e, const ds_emphasised *text, const ds_emphasis_run *run,
                            ds_error *err)
{
    const size_t first = e->chars.count;
    const uint32_t at = text->origin[run->begin];
    ds_status st;

    if (run->breaks) {
        st = append_char(e, (ds_char){ ' ', at, at + (uint32_t)strlen("BREAK") }, err);
        return st == DS_OK ? fill_chunk(e, first, err) : st;
    }
    st = append_run(e, text, run, err);
    return st == DS_OK ? encode_from(e, first, run->weight, err) : st;
}

static ds_status encode_weighted(encoder *e, ds_error *err)
{
    ds_emphasised text;
    ds_status st = ds__emphasis_read(&text, e->text, err);

    if (st != DS_OK)
        return st;
    for (size_t i = 0; st == DS_OK && i < text.runs; i++) {
        e->weighted = e->weighted || text.run[i].weight != 1.0;
        st = encode_run(e, &text, &text.run[i], err);
    }
    ds__emphasis_free(&text);
    return st;
}

static ds_status encode_all(encoder *e, ds_error *err)
{
    const size_t bytes = strlen(e->text);
    ds_status st;

    if (e->t->emphasis != DS_EMPHASIS_NONE && bytes <= DS__MAX_TEXT)
        return encode_weighted(e, err);
    st = ds__normalise(&e->chars, e->text, bytes, e->t, err);
    return st == DS_OK ? encode_from(e, 0, 1.0, err) : st;
}

/* ---- the result ------------------------------------------------------------------------------ */

static ds_word word_of(const encoder *e, size_t from, size_t to)
{
    const piece *a = &e->pieces[from], *b = &e->pieces[to - 1];

    return (ds_word){ .first = a->first,
                      .last = b->last,
                      .begin = e->chars.at[a->begin].begin,
                      .end = e->chars.at[b->end - 1].end };
}

/* There are at most as many words as pieces. Returns their number. */
static int64_t find_words(const encoder *e, ds_word *words)
{
    int64_t n = 0;

    for (size_t i = 0, end; i < e->piece_count; i = end) {
        bool tail;

        for (end = i + 1; end < e->piece_count && !e->pieces[end].opens;)
            end++;
        if (end - i > 1 && e->pieces[i].edge) {
            words[n++] = word_of(e, i, i + 1);
            i++;
        }
        tail = end - i > 1 && e->pieces[end - 1].edge;
        words[n++] = word_of(e, i, tail ? end - 1 : end);
        if (tail)
            words[n++] = word_of(e, end - 1, end);
    }
    return n;
}

static bool copy_texts(ds_arena *arena, ds_word *words, int64_t count, const char *text)
{
    size_t bytes = 0;
    char *to;

    for (int64_t i = 0; i < count; i++)
        bytes += words[i].end - words[i].begin + 1;
    to = ds__arena_alloc(arena, bytes);
    for (int64_t i = 0; to != NULL && i < count; i++) {
        size_t n = words[i].end - words[i].begin;

        words[i].text = memcpy(to, text + words[i].begin, n);
        to += n + 1; /* the arena's memory is zero */
    }
    return to != NULL;
}

static bool copy_weights(result *r, const encoder *e)
{
    float *weight = ds__arena_alloc(&r->arena, e->id_count * sizeof *weight);

    for (size_t p = 0; weight != NULL && p < e->piece_count; p++)
        for (int64_t i = e->pieces[p].first; i <= e->pieces[p].last; i++)
            weight[i] = (float)e->pieces[p].weight;
    r->shown.weight = weight;
    return weight != NULL;
}

static ds_status make_result(ds_tokens **out, const encoder *e, ds_error *err)
{
    result *r = ds_calloc(1, sizeof *r);
    int64_t *ids;
    const char **pieces;
    ds_word *words;

    if (r == NULL)
        return no_memory(err);
    ids = ds__arena_alloc(&r->arena, e->id_count * sizeof *ids);
    pieces = ds__arena_alloc(&r->arena, e->id_count * sizeof *pieces);
    words = ds__arena_alloc(&r->arena, e->piece_count * sizeof *words);
    r->shown = (ds_tokens){ (int64_t)e->id_count, ids, pieces, 0, words, NULL, e->breaks };
    if (ids == NULL || pieces == NULL || words == NULL) {
        ds_tokens_free(&r->shown);
        return no_memory(err);
    }
    for (size_t i = 0; i < e->id_count; i++) {
        ids[i] = e->ids[i];
        pieces[i] = ds_tokenizer_piece(e->t, ids[i]);
    }
    if (e->weighted && !copy_weights(r, e)) {
        ds_tokens_free(&r->shown);
        return no_memory(err);
    }
    r->shown.word_count = find_words(e, words);
    if (!copy_texts(&r->arena, words, r->shown.word_count, e->text)) {
        ds_tokens_free(&r->shown);
        return no_memory(err);
    }
    *out = &r->shown;
    return DS_OK;
}

ds_status ds_tokenizer_encode(const ds_tokenizer *t, ds_tokens **out, const char *text,
                              ds_error *err)
{
    encoder e = { .t = t, .text = text, .bpe = ds__bpe_new() };
    ds_status st = DS_OK;

    *out = NULL;
    if (e.bpe == NULL)
        st = no_memory(err);
    if (st == DS_OK)
        st = encode_all(&e, err);
    if (st == DS_OK)
        st = make_result(out, &e, err);
    ds__bpe_free(e.bpe);
    ds_free(e.chars.at);
    ds_free(e.bytes);
    ds_free(e.ids);
    ds_free(e.pieces);
    return st;
}

void ds_tokens_free(ds_tokens *tokens)
{
    result *r = (result *)tokens; /* shown is the first member */

    if (r == NULL)
        return;
    ds__arena_free(&r->arena);
    ds_free(r);
}

void ds_tokenizer_set_emphasis(ds_tokenizer *t, ds_emphasis emphasis)
{
    t->emphasis = emphasis;
}

int64_t ds_tokenizer_pad(const ds_tokenizer *t, int64_t *ids, const ds_tokens *tokens,
                         int64_t first)
{
    int64_t left = first < tokens->count ? tokens->count - first : 0;
    int64_t n = left < t->info.length - 2 ? left : t->info.length - 2;

    bool ended = false; /* by a BREAK: what follows its end is padding */

    *ids++ = t->info.bos;
    for (int64_t i = 0; i < n; i++) {
        *ids++ = tokens->ids[first + i];
        ended = ended || (tokens->breaks && tokens->ids[first + i] == t->info.eos);
    }
    *ids++ = ended ? t->info.pad : t->info.eos;
    for (int64_t i = n + 2; i < t->info.length; i++)
        *ids++ = t->info.pad;
    return left - n;
}

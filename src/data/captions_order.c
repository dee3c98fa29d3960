/* captions_order.c - see captions_order.h. */

#include "data/captions_order.h"

#include <ctype.h>
#include <string.h>

#include <diffuscope/rng.h>

enum { MOST = 128, TRIES = 20 };

/* ---- words ----------------------------------------------------------------------------------- */

static char *plain(ds_arena *a, const char *caption, int64_t most)
{
    char *out = ds__arena_alloc(a, strlen(caption) + 1);
    size_t n = 0;
    int64_t words = 0;

    for (const char *c = caption; out != NULL && *c != '\0'; c++) {
        bool blank = isspace((unsigned char)*c) || strchr(".!\"()*#:;~", *c) != NULL;

        if (blank && n > 0 && out[n - 1] != ' ') {
            if (++words == most)
                break;
            out[n++] = ' ';
        } else if (!blank) {
            out[n++] = (char)tolower((unsigned char)*c);
        }
    }
    if (out != NULL) {
        n -= n > 0 && out[n - 1] == ' ';
        out[n] = '\0';
    }
    return out;
}

char *ds__order_plain(ds_arena *a, const char *caption)
{
    return plain(a, caption, DS__ORDER_WORDS);
}

typedef enum kind { OTHER = 0, NOUN, ADJECTIVE } kind;

typedef struct words {
    const char *text; /* plain, of any length */
    size_t begin[MOST], size[MOST];
    kind kind[MOST];
    size_t count;
} words;

/* At blanks; a comma at the end of a word is a word, as nltk and spaCy have it. */
static void cut_words(words *w)
{
    const char *text = w->text;

    w->count = 0;
    for (size_t at = 0; text[at] != '\0' && w->count + 1 < MOST;) {
        size_t n = strcspn(text + at, " "), comma = n > 1 && text[at + n - 1] == ',';

        w->begin[w->count] = at;
        w->size[w->count++] = n - comma;
        if (comma) {
            w->begin[w->count] = at + n - 1;
            w->size[w->count++] = 1;
        }
        at += n;
        at += text[at] == ' ';
    }
    memset(w->kind, 0, sizeof w->kind);
}

static ds_status find_kinds(words *w, ds_parser *p, ds_error *err)
{
    ds_syntax *s;
    ds_error why = { 0 };
    ds_status st = ds_parser_parse(p, &s, w->text, &why);

    if (st == DS_E_NOMATCH)
        return DS_OK; /* without a parse, all words are others */
    if (st != DS_OK)
        return ds_fail(err, st, "%s", why.text);
    for (int64_t i = 0; i < s->word_count; i++) {
        const char *tag = s->words[i].tag;
        kind k = strcmp(tag, "NOUN") == 0 || strcmp(tag, "PROPN") == 0 ? NOUN
                 : strcmp(tag, "ADJ") == 0                             ? ADJECTIVE
                                                                       : OTHER;

        for (size_t x = 0; x < w->count; x++)
            if ((int64_t)w->begin[x] >= s->words[i].begin && (int64_t)w->begin[x] < s->words[i].end)
                w->kind[x] = k;
    }
    ds_syntax_free(s);
    return DS_OK;
}

/* ---- orders ---------------------------------------------------------------------------------- */

/* order[place[0]], order[place[1]] ... in another order. */
static void shuffle(size_t *order, const size_t *place, size_t n, ds_rng *rng)
{
    for (size_t left = n; left > 1; left--) {
        size_t k = ds_rng_u32(rng) % left, x = order[place[left - 1]];

        order[place[left - 1]] = order[place[k]];
        order[place[k]] = x;
    }
}

static void shuffle_kind(size_t *order, const words *w, kind k, ds_rng *rng)
{
    size_t place[MOST], n = 0;

    for (size_t i = 0; i < w->count; i++)
        if (w->kind[i] == k)
            place[n++] = i;
    shuffle(order, place, n, rng);
}

static void shuffle_in_threes(size_t *order, size_t count, ds_rng *rng)
{
    for (size_t i = 0; i < count; i += 3) {
        const size_t place[3] = { i, i + 1, i + 2 };

        shuffle(order, place, count - i < 3 ? count - i : 3, rng);
    }
}

static void shuffle_threes(size_t *order, size_t count, ds_rng *rng)
{
    size_t three[MOST], place[MOST], n = (count + 2) / 3, at = 0;

    for (size_t i = 0; i < n; i++)
        three[i] = place[i] = i;
    shuffle(three, place, n, rng);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 3 * three[i]; k < count && k < 3 * three[i] + 3; k++)
            order[at++] = k;
}

static char *join(ds_arena *a, const words *w, const size_t *order)
{
    char *out = ds__arena_alloc(a, strlen(w->text) + w->count + 1);
    size_t at = 0;

    for (size_t i = 0; out != NULL && i < w->count; i++) {
        memcpy(out + at, w->text + w->begin[order[i]], w->size[order[i]]);
        at += w->size[order[i]];
        out[at++] = ' ';
    }
    return out != NULL ? ds__order_plain(a, out) : NULL;
}

/* Order `which` until it differs; NULL in *out if none does. */
static ds_status draw(ds_arena *a, const words *w, int which, const char *right, ds_rng *rng,
                      char **out, ds_error *err)
{
    for (int t = 0; t < TRIES; t++) {
        size_t order[MOST];

        for (size_t i = 0; i < w->count; i++)
            order[i] = i;
        if (which == 0) {
            shuffle_kind(order, w, NOUN, rng);
            shuffle_kind(order, w, ADJECTIVE, rng);
        } else if (which == 1) {
            shuffle_kind(order, w, OTHER, rng);
        } else if (which == 2) {
            shuffle_in_threes(order, w->count, rng);
        } else {
            shuffle_threes(order, w->count, rng);
        }
        *out = join(a, w, order);
        if (*out == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for captions");
        if (strcmp(*out, right) != 0)
            return DS_OK;
    }
    *out = NULL;
    return DS_OK;
}

ds_status ds__order_captions(ds_arena *a, ds_parser *p, const char *caption, uint64_t seed,
                             const char **right, const char *wrong[DS__ORDERS], int64_t *count,
                             ds_error *err)
{
    size_t same[MOST];
    words w = { .text = plain(a, caption, MOST) };
    const char *as_is;
    ds_rng rng;
    ds_status st = DS_OK;

    *count = 0;
    *right = ds__order_plain(a, caption);
    if (w.text == NULL || *right == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for captions");
    cut_words(&w);
    for (size_t i = 0; i < w.count; i++)
        same[i] = i;
    as_is = join(a, &w, same); /* the blank before a comma is no other order */
    st = as_is != NULL ? find_kinds(&w, p, err) : ds_fail(err, DS_E_NOMEM, "no memory");
    ds_rng_init(&rng, DS_RNG_TORCH_CUDA, seed);
    for (int k = 0; st == DS_OK && k < DS__ORDERS; k++) {
        char *one;

        st = draw(a, &w, k, as_is, &rng, &one, err);
        if (st == DS_OK && one != NULL)
            wrong[(*count)++] = one;
    }
    return st;
}

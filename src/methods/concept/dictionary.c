/* dictionary.c - see dictionary.h. */

#include "methods/concept/dictionary.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "optim/optim.h"
#include "pipeline/embeddings.h"

#define WORD_END "</w>"

/* Articles, prepositions, pronouns, conjunctions, auxiliaries: what holds a sentence together. */
static const char *const function_words[] = {
    "a",      "about",   "above", "after", "all",    "also",    "am",    "an",    "and",
    "any",    "are",     "as",    "at",    "be",     "because", "been",  "being", "below",
    "beside", "between", "both",  "but",   "by",     "can",     "could", "did",   "do",
    "does",   "down",    "each",  "for",   "from",   "had",     "has",   "have",  "he",
    "her",    "here",    "him",   "his",   "how",    "i",       "if",    "in",    "inside",
    "into",   "is",      "it",    "its",   "just",   "may",     "me",    "might", "more",
    "most",   "must",    "my",    "near",  "next",   "no",      "nor",   "not",   "of",
    "off",    "on",      "one",   "only",  "onto",   "or",      "other", "our",   "out",
    "over",   "own",     "same",  "she",   "should", "so",      "some",  "such",  "than",
    "that",   "the",     "their", "them",  "then",   "there",   "these", "they",  "this",
    "those",  "through", "to",    "too",   "under",  "until",   "up",    "upon",  "us",
    "very",   "was",     "we",    "were",  "what",   "when",    "where", "which", "while",
    "who",    "whom",    "why",   "will",  "with",   "would",   "you",   "your",  NULL,
};

static bool in_list(const char *word, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcasecmp(word, *list) == 0)
            return true;
    return false;
}

/* ---- forms of a word -------------------------------------------------------------------------- */

/* Length of the stem, and its last letter where spelling changes it: "berries" and "berry" are berri. */
static void stem_of(char *stem, size_t size, const char *word)
{
    static const char *const endings[] = {
        "'s", "ings", "ing", "ers", "ed", "es", "s", "er", NULL
    };
    size_t n = strlen(word) < size - 1 ? strlen(word) : size - 1;

    for (size_t i = 0; i < n; i++)
        stem[i] = (char)tolower((unsigned char)word[i]);
    for (int i = 0; endings[i] != NULL; i++) {
        const size_t e = strlen(endings[i]);

        if (n >= e + 3 && memcmp(stem + n - e, endings[i], e) == 0) {
            n -= e;
            break;
        }
    }
    if (n > 3 && stem[n - 1] == stem[n - 2] && strchr("bdgmnprt", stem[n - 1]) != NULL)
        n--; /* running, run */
    if (n > 3 && stem[n - 1] == 'e')
        n--; /* bake, baking */
    if (n > 2 && stem[n - 1] == 'y')
        stem[n - 1] = 'i';
    stem[n] = '\0';
}

bool ds__same_stem(const char *a, const char *b)
{
    char s[64], t[64];

    stem_of(s, sizeof s, a);
    stem_of(t, sizeof t, b);
    return strcmp(s, t) == 0;
}

/* ---- which rows -------------------------------------------------------------------------------- */

/* A token that is a word of two letters or more. */
static bool whole_word(const char *piece)
{
    const size_t n = strlen(piece), end = sizeof WORD_END - 1;

    if (n < end + 2 || strcmp(piece + n - end, WORD_END) != 0)
        return false;
    for (size_t i = 0; i < n - end; i++)
        if (!islower((unsigned char)piece[i]))
            return false;
    return true;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The norm from which on rows count as trained: above the largest gap between sorted norms if one is
 * 1.5 times the other and 2 % of the rows lie on either side; 0: all are. */
static double trained_from(const double *norm, int64_t n, double *room)
{
    const int64_t few = n / 50 + 1;
    double widest = 1.5, from = 0.0;

    memcpy(room, norm, (size_t)n * sizeof *norm);
    qsort(room, (size_t)n, sizeof *room, ascending);
    for (int64_t i = few; i < n - few; i++)
        if (room[i - 1] > 0.0 && room[i] / room[i - 1] > widest) {
            widest = room[i] / room[i - 1];
            from = room[i];
        }
    return from;
}

typedef struct builder {
    ds_dictionary *d;
    const ds_tokenizer *t;
    const ds_embeddings *e;
    double *norm[DS_CONCEPT_PARTS]; /* [vocabulary] */
    double from;                    /* of the first table */
    int64_t room;
} builder;

static ds_status add(builder *b, int64_t id, ds_error *err)
{
    const char *piece = ds_tokenizer_piece(b->t, id);
    const char *end = piece != NULL ? strstr(piece, WORD_END) : NULL;
    ds_dictionary *d = b->d;
    char *text;

    if (d->words.count == b->room)
        return ds_fail(err, DS_E_INTERNAL, "dictionary: more than %lld words", (long long)b->room);
    text =
        piece == NULL
            ? ds__arena_printf(&d->arena, "token %lld", (long long)id)
            : ds__arena_printf(&d->arena, "%.*s",
                               (int)(end != NULL ? (size_t)(end - piece) : strlen(piece)), piece);
    if (text == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a dictionary");
    d->id[d->words.count] = id;
    d->text[d->words.count++] = text;
    return DS_OK;
}

static ds_status add_vocabulary(builder *b, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t id = 0; st == DS_OK && id < b->e->rows; id++) {
        const char *piece = ds_tokenizer_piece(b->t, id);

        if (piece == NULL || !whole_word(piece))
            continue;
        if (b->norm[0][id] < b->from)
            b->d->untrained++;
        else
            st = add(b, id, err);
    }
    return st;
}

static ds_status add_line(builder *b, const char *word, ds_error *err)
{
    ds_tokens *tokens;
    ds_status st = ds_tokenizer_encode(b->t, &tokens, word, err);

    if (st != DS_OK || tokens->count == 0) {
        if (st == DS_OK)
            ds_tokens_free(tokens);
        return st;
    }
    if (tokens->count > 1)
        b->d->split++;
    else if (b->norm[0][tokens->ids[0]] < b->from)
        b->d->untrained++;
    else if (ds__dictionary_find(b->d, word) < 0)
        st = add(b, tokens->ids[0], err);
    ds_tokens_free(tokens);
    return st;
}

static ds_status add_file(builder *b, const char *path, ds_error *err)
{
    char *text, *line, *rest;
    size_t size;
    ds_status st = ds__file_read(&text, &size, path, (size_t)64 << 20, err);

    if (st != DS_OK)
        return st;
    for (line = strtok_r(text, "\r\n", &rest); st == DS_OK && line != NULL;
         line = strtok_r(NULL, "\r\n", &rest))
        st = add_line(b, line, err);
    ds_free(text);
    if (st == DS_OK && b->d->words.count == 0)
        st = ds_fail(err, DS_E_FORMAT, "%s: expected a word a line, found none that is one token",
                     path);
    return st;
}

static ds_status add_ids(builder *b, const ds_dictionary_options *o, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < o->n_ids; i++) {
        if (o->ids[i] < 0 || o->ids[i] >= b->e->rows)
            return ds_fail(err, DS_E_ARG, "dictionary: id %lld, but the table has %lld rows",
                           (long long)o->ids[i], (long long)b->e->rows);
        st = add(b, o->ids[i], err);
    }
    return st;
}

/* ---- making ------------------------------------------------------------------------------------ */

static ds_status measure(builder *b, ds_error *err)
{
    const ds_embeddings *e = b->e;
    double *room = ds_calloc((size_t)e->rows, sizeof *room);

    for (int p = 0; p < e->tables; p++) {
        b->norm[p] = ds_calloc((size_t)e->rows, sizeof **b->norm);
        if (room == NULL || b->norm[p] == NULL) {
            ds_free(room);
            return ds_fail(err, DS_E_NOMEM, "no memory for the norms of %lld rows",
                           (long long)e->rows);
        }
        for (int64_t i = 0; i < e->rows; i++) {
            const float *row = ds__embedding(e, p, i);

            b->norm[p][i] = sqrt(ds__sum_squares(row, e->width[p]));
        }
    }
    b->from = trained_from(b->norm[0], e->rows, room);
    ds_free(room);
    return DS_OK;
}

/* Copies the rows that were chosen, and sets kappa. */
static ds_status take_rows(builder *b, bool kappa_of_all, ds_error *err)
{
    ds_words *w = &b->d->words;
    const ds_embeddings *e = b->e;

    w->parts = e->tables;
    for (int p = 0; p < e->tables; p++) {
        const int64_t width = w->width[p] = e->width[p];
        float *row = ds__arena_alloc(&b->d->arena, (size_t)(w->count * width) * sizeof *row);
        double sum = 0.0;

        if (row == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for %lld rows", (long long)w->count);
        for (int64_t i = 0; i < w->count; i++) {
            memcpy(row + i * width, ds__embedding(e, p, b->d->id[i]), (size_t)width * sizeof *row);
            sum += b->norm[p][b->d->id[i]];
        }
        w->row[p] = row;
        w->kappa[p] = sum / (double)w->count;
        if (kappa_of_all) {
            sum = 0.0;
            for (int64_t i = 0; i < e->rows; i++)
                sum += b->norm[p][i];
            w->kappa[p] = sum / (double)e->rows;
        }
    }
    return DS_OK;
}

static ds_status fill(builder *b, const ds_dictionary_options *o, ds_error *err)
{
    ds_dictionary *d = b->d;
    ds_status st = measure(b, err);

    b->room = o->ids != NULL ? o->n_ids : b->e->rows;
    d->id = ds__arena_alloc(&d->arena, (size_t)b->room * sizeof *d->id);
    d->text = ds__arena_alloc(&d->arena, (size_t)b->room * sizeof *d->text);
    if (st == DS_OK && (d->id == NULL || d->text == NULL))
        st = ds_fail(err, DS_E_NOMEM, "no memory for a dictionary");
    if (st != DS_OK)
        return st;
    if (o->ids != NULL)
        st = add_ids(b, o, err);
    else if (o->file != NULL)
        st = add_file(b, o->file, err);
    else
        st = add_vocabulary(b, err);
    if (st == DS_OK && d->words.count < (o->ids != NULL ? 1 : 2))
        st = ds_fail(
            err, DS_E_ARG,
            "a dictionary of %lld words: expected 2 or more; a vocabulary without whole words "
            "needs a file of words that are one token each",
            (long long)d->words.count);
    return st == DS_OK ? take_rows(b, o->kappa_of_all, err) : st;
}

ds_status ds__dictionary_new(ds_dictionary **out, ds_model *m, const ds_tokenizer *t,
                             const ds_dictionary_options *o, ds_error *err)
{
    ds_dictionary *d = ds_calloc(1, sizeof *d);
    builder b = { .d = d, .t = t };
    ds_embeddings *e = NULL;
    ds_status st = d == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a dictionary")
                             : ds__embeddings_open(&e, m, err);

    *out = NULL;
    b.e = e;
    if (st == DS_OK)
        st = fill(&b, o, err);
    for (int p = 0; p < DS_CONCEPT_PARTS; p++)
        ds_free(b.norm[p]);
    ds__embeddings_close(e);
    if (st != DS_OK) {
        ds__dictionary_free(d);
        return st;
    }
    *out = d;
    return DS_OK;
}

void ds__dictionary_free(ds_dictionary *d)
{
    if (d == NULL)
        return;
    ds__arena_free(&d->arena);
    ds_free(d);
}

/* ---- masks ------------------------------------------------------------------------------------- */

/* Does `word` occur among the words of `text`, or (forms) one of its forms? */
static bool occurs(const char *word, const char *text, bool forms)
{
    char part[64];

    while (*text != '\0') {
        size_t n = 0;

        while (*text != '\0' && !isalnum((unsigned char)*text))
            text++;
        while (isalnum((unsigned char)text[n]))
            n++;
        if (n == 0)
            break;
        if (n < sizeof part) {
            memcpy(part, text, n);
            part[n] = '\0';
            if (strcasecmp(part, word) == 0 || (forms && ds__same_stem(part, word)))
                return true;
        }
        text += n;
    }
    return false;
}

int64_t ds__dictionary_allow(bool *allowed, const ds_dictionary *d, const char *concept,
                             const ds_texts *templates, unsigned keep)
{
    int64_t n = 0;

    for (int64_t i = 0; i < d->words.count; i++) {
        const char *word = d->text[i];
        const bool own = occurs(word, concept, false);
        bool ok = (keep & DS_KEEP_OWN) != 0 || !own;

        ok = ok && ((keep & DS_KEEP_INFLECTIONS) != 0 || own || !occurs(word, concept, true));
        ok = ok && ((keep & DS_KEEP_FUNCTION) != 0 || own || !in_list(word, function_words));
        for (int64_t k = 0; (keep & DS_KEEP_TEMPLATE) == 0 && !own && k < templates->count; k++)
            ok = ok && !occurs(word, templates->text[k], false);
        allowed[i] = ok;
        n += ok;
    }
    return n;
}

int64_t ds__dictionary_find(const ds_dictionary *d, const char *word)
{
    for (int64_t i = 0; i < d->words.count; i++)
        if (strcasecmp(d->text[i], word) == 0)
            return i;
    return -1;
}

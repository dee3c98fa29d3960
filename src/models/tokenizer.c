/* tokenizer.c - opens a tokenizer folder, which may be hostile: everything is checked here, so that
 * encoding need not. */

#include "models/tokenizer.h"

#include "base/file.h"
#include "base/text.h"
#include "models/model.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILE     ((size_t)64 << 20)
#define MAX_PIECE    ((size_t)1000) /* bytes of a token's spelling */
#define USUAL_LENGTH 77

/* The folder's JSON files; all but the vocabulary may be absent. With tokenizer.json, merges holds
 * what merges.txt would. */
typedef struct folder {
    const char *path;
    json_t *vocab, *map, *config, *added;
    char *merges;
    size_t merges_size;
} folder;

static const char *file_path(ds_tokenizer *t, const char *dir, const char *name)
{
    return ds__arena_printf(&t->arena, "%s/%s", dir, name);
}

static bool has_file(const char *dir, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);

    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for a tokenizer");
}

/* Numbers are read as reals: transformers writes lengths that no 64-bit integer holds. */
static ds_status read_json(json_t **out, ds_tokenizer *t, const char *dir, const char *name,
                           bool optional, ds_error *err)
{
    const char *path = file_path(t, dir, name);
    size_t size = 0;
    char *text = NULL;
    json_error_t where;
    ds_status st;

    if (path == NULL)
        return no_memory(err);
    if (optional && access(path, F_OK) != 0 && errno == ENOENT)
        return DS_OK;
    st = ds__file_read(&text, &size, path, MAX_FILE, err);
    if (st != DS_OK)
        return st;
    *out = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &where);
    ds_free(text);
    if (*out != NULL && json_is_object(*out))
        return DS_OK;
    if (*out != NULL)
        ds_fail(err, DS_E_FORMAT, "%s: expected a JSON object", name);
    else
        ds_fail(err, DS_E_FORMAT, "%s, line %d: not valid JSON: %s", name, where.line, where.text);
    return ds_fail_at(err, DS_E_FORMAT, path, *out == NULL ? where.position : -1);
}

/* ---- vocabulary ------------------------------------------------------------------------------ */

static ds_status check_id(int64_t *id, double value, const char *file, const char *piece,
                          ds_error *err)
{
    if (!(value >= 0 && value < (double)DS__MAX_IDS && value == floor(value)))
        return ds_fail(err, DS_E_FORMAT,
                       "%s: token \"%.60s\" has id %.17g; expected a whole number from 0 to %lld",
                       file, piece, value, (long long)DS__MAX_IDS - 1);
    *id = (int64_t)value;
    return DS_OK;
}

/* Widens *size to the largest id + 1 of an object of spelling: id, and adds up the spellings. */
static ds_status measure_ids(int64_t *size, size_t *bytes, json_t *ids, const char *file,
                             ds_error *err)
{
    const char *piece;
    json_t *value;

    json_object_foreach (ids, piece, value) {
        int64_t id = 0;
        ds_status st;

        if (!json_is_number(value))
            return ds_fail(err, DS_E_FORMAT, "%s: the id of token \"%.60s\" is not a number", file,
                           piece);
        if (strlen(piece) > MAX_PIECE)
            return ds_fail(err, DS_E_FORMAT, "%s: a token of %zu bytes; expected at most %zu", file,
                           strlen(piece), MAX_PIECE);
        st = check_id(&id, json_number_value(value), file, piece, err);
        if (st != DS_OK)
            return st;
        *size = id + 1 > *size ? id + 1 : *size;
        *bytes += strlen(piece) + 1;
    }
    return DS_OK;
}

/* Spellings are copied to *pool, which advances. */
static ds_status add_ids(ds_tokenizer *t, char **pool, json_t *ids, const char *file, ds_error *err)
{
    const char *piece;
    json_t *value;

    json_object_foreach (ids, piece, value) {
        int64_t id = (int64_t)json_number_value(value);

        if (ds__vocab_find(&t->vocab, piece) == id)
            continue; /* added_tokens.json may repeat the vocabulary */
        strcpy(*pool, piece);
        if (!ds__vocab_add(&t->vocab, *pool, id))
            return ds_fail(err, DS_E_FORMAT,
                           "%s: token \"%.60s\" has id %lld, but that spelling or id is taken",
                           file, piece, (long long)id);
        *pool += strlen(piece) + 1;
    }
    return DS_OK;
}

/* The largest id + 1 and the bytes of all spellings, over the three places that list tokens. */
static ds_status measure_vocab(int64_t *size, size_t *bytes, const folder *f, ds_error *err)
{
    const char *key;
    json_t *value;
    ds_status st = measure_ids(size, bytes, f->vocab, "vocab.json", err);

    if (st == DS_OK && *size == 0)
        st = ds_fail(err, DS_E_FORMAT, "vocab.json: expected tokens, found none");
    if (st == DS_OK)
        st = measure_ids(size, bytes, f->added, "added_tokens.json", err);
    json_object_foreach (json_object_get(f->config, "added_tokens_decoder"), key, value) {
        int64_t id = 0;

        if (st == DS_OK)
            st = check_id(&id, ds__text_int(&id, key) ? (double)id : -1.0,
                          "added_tokens_decoder in tokenizer_config.json", key, err);
        *size = id + 1 > *size ? id + 1 : *size;
    }
    return st;
}

static ds_status read_vocab(ds_tokenizer *t, const folder *f, ds_error *err)
{
    json_t *listed = json_object_get(f->config, "added_tokens_decoder");
    size_t count =
        json_object_size(f->vocab) + json_object_size(f->added) + json_object_size(listed);
    size_t bytes = 0;
    char *pool;
    ds_status st = measure_vocab(&t->info.size, &bytes, f, err);

    if (st == DS_OK)
        st = ds__vocab_new(&t->vocab, &t->arena, t->info.size, count, err);
    if (st != DS_OK)
        return st;
    if ((pool = ds__arena_alloc(&t->arena, bytes)) == NULL)
        return no_memory(err);
    st = add_ids(t, &pool, f->vocab, "vocab.json", err);
    if (st == DS_OK)
        st = add_ids(t, &pool, f->added, "added_tokens.json", err);
    if (st == DS_OK)
        ds__tokenizer_symbols(t);
    return st;
}

/* ---- merges ---------------------------------------------------------------------------------- */

/* One line, "left right", without its end. */
static ds_status read_merge(ds_tokenizer *t, const char *line, size_t n, int32_t rank,
                            ds_error *err)
{
    const char *gap = memchr(line, ' ', n);
    char left[MAX_PIECE + 1], both[MAX_PIECE + 1];
    ds_merge m = { .rank = rank };
    size_t k = gap != NULL ? (size_t)(gap - line) : 0;

    if (n > MAX_PIECE || k == 0 || k == n - 1 || memchr(gap + 1, ' ', n - k - 1) != NULL ||
        memchr(line, '\0', n) != NULL)
        return ds_fail(
            err, DS_E_FORMAT,
            "expected two tokens with one space between and at most %zu bytes, found %zu "
            "bytes of something else",
            MAX_PIECE, n);
    memcpy(left, line, k);
    left[k] = '\0';
    memcpy(both, line, n);
    both[n] = '\0';
    m.left = (int32_t)ds__vocab_find(&t->vocab, left);
    m.right = (int32_t)ds__vocab_find(&t->vocab, both + k + 1);
    memmove(both + k, both + k + 1, n - k);
    m.result = (int32_t)ds__vocab_find(&t->vocab, both);
    if (m.left < 0 || m.right < 0 || m.result < 0)
        return ds_fail(err, DS_E_FORMAT, "the %s token of the merge is not in vocab.json",
                       m.left < 0    ? "left"
                       : m.right < 0 ? "right"
                                     : "resulting");
    if (!ds__merges_add(&t->merges, m))
        return ds_fail(err, DS_E_FORMAT, "a merge that an earlier line lists already");
    return DS_OK;
}

static ds_status read_merge_lines(ds_tokenizer *t, const char *text, size_t size, ds_error *err)
{
    static const char version[] = "#version";
    int32_t rank = 0;

    for (size_t at = 0; at < size;) {
        const char *line = text + at, *end = memchr(line, '\n', size - at);
        size_t n = end != NULL ? (size_t)(end - line) : size - at;
        size_t next = at + n + 1;
        ds_status st;

        n -= n > 0 && line[n - 1] == '\r';
        if (n > 0 && !(at == 0 && strncmp(line, version, strlen(version)) == 0)) {
            st = read_merge(t, line, n, rank++, err);
            if (st != DS_OK)
                return ds_fail_at(err, st, "merges.txt", (int64_t)at);
        }
        at = next;
    }
    return DS_OK;
}

static ds_status read_merges(ds_tokenizer *t, folder *f, ds_error *err)
{
    const char *path = file_path(t, f->path, "merges.txt");
    size_t lines = 1;
    ds_status st = DS_OK;

    if (path == NULL)
        return no_memory(err);
    if (f->merges == NULL)
        st = ds__file_read(&f->merges, &f->merges_size, path, MAX_FILE, err);
    if (st != DS_OK)
        return st;
    for (size_t i = 0; i < f->merges_size; i++)
        lines += f->merges[i] == '\n';
    st = ds__merges_new(&t->merges, &t->arena, lines, err);
    return st == DS_OK ? read_merge_lines(t, f->merges, f->merges_size, err) : st;
}

/* ---- special tokens -------------------------------------------------------------------------- */

/* A special token is written as a string or as an object with content and flags. */
static ds_status token_of(const char **text, bool *folded, json_t *value, const char *name,
                          ds_error *err)
{
    *text = json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
    *folded = json_is_true(json_object_get(value, "normalized"));
    if (*text == NULL)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: expected a string, or an object whose \"content\" is one", name);
    if (json_is_true(json_object_get(value, "single_word")))
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "%s: special tokens with \"single_word\": true are not supported", name);
    return DS_OK;
}

/* Tokens added to the vocabulary: {"49408": {"content": "<cat-toy>", ...}}. */
static ds_status read_listed(ds_tokenizer *t, json_t *listed, ds_error *err)
{
    const char *key;
    json_t *value;

    json_object_foreach (listed, key, value) {
        int64_t id = 0;
        const char *text, *copy;
        bool folded = ds__text_int(&id, key); /* checked while ids were measured */
        ds_status st = token_of(&text, &folded, value, "added_tokens_decoder", err);

        if (st != DS_OK)
            return st;
        if (strlen(text) > MAX_PIECE || (copy = ds__arena_printf(&t->arena, "%s", text)) == NULL)
            return no_memory(err);
        if (ds__vocab_find(&t->vocab, text) != id && !ds__vocab_add(&t->vocab, copy, id))
            return ds_fail(
                err, DS_E_FORMAT,
                "added_tokens_decoder: token \"%.60s\" has id %lld, but that spelling or "
                "id is taken",
                text, (long long)id);
        st = ds__tokenizer_special(t, text, folded, err);
        if (st != DS_OK)
            return st;
    }
    return DS_OK;
}

static ds_status read_role(int64_t *id, ds_tokenizer *t, const folder *f, const char *name,
                           const char *standard, ds_error *err)
{
    json_t *value = json_object_get(f->map, name);
    const char *text = standard;
    bool folded = true;
    ds_status st = DS_OK;

    if (value == NULL)
        value = json_object_get(f->config, name);
    if (value != NULL && !json_is_null(value))
        st = token_of(&text, &folded, value, name, err);
    if (st == DS_OK)
        st = ds__tokenizer_special(t, text, folded, err);
    if (st == DS_OK)
        *id = ds__vocab_find(&t->vocab, text);
    return st;
}

static ds_status read_specials(ds_tokenizer *t, const folder *f, ds_error *err)
{
    static const char start[] = "<|startoftext|>", end[] = "<|endoftext|>";
    json_t *more = json_object_get(f->map, "additional_special_tokens"), *value;
    const char *text;
    size_t i;
    ds_status st = read_listed(t, json_object_get(f->config, "added_tokens_decoder"), err);

    if (st == DS_OK)
        st = read_role(&t->info.bos, t, f, "bos_token", start, err);
    if (st == DS_OK)
        st = read_role(&t->info.eos, t, f, "eos_token", end, err);
    if (st == DS_OK)
        st = read_role(&t->info.unk, t, f, "unk_token", end, err);
    if (st == DS_OK)
        st = read_role(&t->info.pad, t, f, "pad_token", end, err);
    json_array_foreach (more, i, value) {
        bool folded = false;

        if (st == DS_OK)
            st = token_of(&text, &folded, value, "additional_special_tokens", err);
        if (st == DS_OK)
            st = ds__tokenizer_special(t, text, folded, err);
    }
    json_object_foreach (f->added, text, value)
        if (st == DS_OK)
            st = ds__tokenizer_special(t, text, false, err);
    return st;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static ds_status read_config(ds_tokenizer *t, const folder *f, ds_error *err)
{
    json_t *kind = json_object_get(f->config, "tokenizer_class");
    json_t *length = json_object_get(f->config, "model_max_length");
    double n = USUAL_LENGTH;

    if (kind != NULL &&
        (!json_is_string(kind) || (strcmp(json_string_value(kind), "CLIPTokenizer") != 0 &&
                                   strcmp(json_string_value(kind), "CLIPTokenizerFast") != 0)))
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "tokenizer_config.json: tokenizer_class is \"%.60s\"; only CLIPTokenizer is "
                       "supported",
                       json_is_string(kind) ? json_string_value(kind) : "not a string");
    if (json_is_number(length))
        n = json_number_value(length);
    else if (length != NULL && !json_is_null(length))
        return ds_fail(err, DS_E_FORMAT, "tokenizer_config.json: model_max_length is not a number");
    if (n >= (double)DS__MAX_IDS) /* transformers writes 1e30 for "not known" */
        n = USUAL_LENGTH;
    if (!(n >= 3 && n == floor(n)))
        return ds_fail(err, DS_E_FORMAT,
                       "tokenizer_config.json: model_max_length is %.17g; expected a whole number, "
                       "at least 3",
                       n);
    t->info.length = (int64_t)n;
    return DS_OK;
}

/* tokenizer.json alone. */
static ds_status read_one_file(ds_tokenizer *t, folder *f, ds_error *err)
{
    json_t *file = NULL;
    ds_status st = read_json(&file, t, f->path, "tokenizer.json", false, err);

    if (st == DS_OK && f->config == NULL && (f->config = json_object()) == NULL)
        st = no_memory(err);
    if (st == DS_OK)
        st = ds__tokenizer_json_split(file, f->config, &f->vocab, &f->merges, &f->merges_size, err);
    json_decref(file);
    return st;
}

static ds_status open_folder(ds_tokenizer *t, folder *f, ds_error *err)
{
    bool one = !has_file(f->path, "vocab.json") && has_file(f->path, "tokenizer.json");
    ds_status st = one ? DS_OK : read_json(&f->vocab, t, f->path, "vocab.json", false, err);

    if (st == DS_OK)
        st = read_json(&f->map, t, f->path, "special_tokens_map.json", true, err);
    if (st == DS_OK)
        st = read_json(&f->config, t, f->path, "tokenizer_config.json", true, err);
    if (st == DS_OK)
        st = read_json(&f->added, t, f->path, "added_tokens.json", true, err);
    if (st == DS_OK && one)
        st = read_one_file(t, f, err);
    if (st == DS_OK)
        st = read_config(t, f, err);
    if (st == DS_OK)
        st = read_vocab(t, f, err);
    if (st == DS_OK)
        st = read_merges(t, f, err);
    if (st == DS_OK)
        st = read_specials(t, f, err);
    return st == DS_OK ? st : ds_fail_at(err, st, f->path, -1);
}

ds_status ds_tokenizer_open(ds_tokenizer **out, const char *path, ds_error *err)
{
    ds_tokenizer *t = ds_calloc(1, sizeof *t);
    folder f = { .path = path };
    ds_status st;

    *out = NULL;
    if (t == NULL)
        return no_memory(err);
    st = open_folder(t, &f, err);
    json_decref(f.vocab);
    json_decref(f.map);
    json_decref(f.config);
    json_decref(f.added);
    ds_free(f.merges);
    if (st != DS_OK) {
        ds_tokenizer_close(t);
        return st;
    }
    *out = t;
    return DS_OK;
}

static ds_status open_store(ds_tokenizer **out, const ds_store *store, int number, ds_error *err)
{
    char *path = NULL;
    int64_t pad = 0;
    ds_status st = ds__store_tokenizer(store, number, &path, &pad, err);

    *out = NULL;
    if (st == DS_OK)
        st = path != NULL ? ds_tokenizer_open(out, path, err)
                          : ds__tokenizer_open_clip(out, pad, err);
    ds_free(path);
    return st == DS_OK ? st : ds_fail_at(err, st, ds__store_path(store), -1);
}

ds_status ds_model_tokenizer_open(ds_tokenizer **out, const char *model, int number,
                                  const ds_model_options *options, ds_error *err)
{
    ds_store_options where;
    ds_store *store;
    ds_status st;

    *out = NULL;
    if (number == 1 && (has_file(model, "vocab.json") || has_file(model, "tokenizer.json")))
        return ds_tokenizer_open(out, model, err);
    st = ds__store_open(&store, model, ds__model_where(&where, options), err);
    if (st == DS_OK)
        st = open_store(out, store, number, err);
    if (st == DS_OK)
        ds__store_close(store);
    return st;
}

ds_status ds_tokenizer_open_model(ds_tokenizer **out, const char *model, int number, ds_error *err)
{
    return ds_model_tokenizer_open(out, model, number, NULL, err);
}

/* Words of the models below come first, as their rows do. */
static ds_status learn_words(ds_tokenizer *t, const ds_model *m, int number, ds_error *err)
{
    ds_status st = m->base != NULL ? learn_words(t, m->base, number, err) : DS_OK;

    for (const ds_learned *l = m->learned; st == DS_OK && l != NULL; l = l->next)
        for (int i = 0; st == DS_OK && i < l->texts; i++)
            st = ds__tokenizer_learn(t, l->text[i], l->first[number == 2], l->count, err);
    return st;
}

ds_status ds_model_tokenizer(const ds_model *m, ds_tokenizer **out, int number, ds_error *err)
{
    ds_status st = open_store(out, m->store, number, err);

    if (st == DS_OK)
        st = learn_words(*out, m, number, err);
    if (st != DS_OK) {
        ds_tokenizer_close(*out);
        *out = NULL;
    }
    return st;
}

/* Whoever comes second closes what it opened. */
ds_status ds__model_reader(ds_model *m, ds_tokenizer **out, int number, ds_error *err)
{
    _Atomic(ds_tokenizer *) *place = &m->tokenizer[number == 2];
    ds_tokenizer *own, *none = NULL;
    ds_status st;

    *out = atomic_load(place);
    if (*out != NULL)
        return DS_OK;
    st = ds_model_tokenizer(m, &own, number, err);
    if (st != DS_OK)
        return st;
    ds_tokenizer_set_emphasis(own, m->emphasis);
    if (!atomic_compare_exchange_strong(place, &none, own)) {
        ds_tokenizer_close(own);
        own = none;
    }
    *out = own;
    return DS_OK;
}

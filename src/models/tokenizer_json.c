/* tokenizer_json.c - tokenizer.json, the one file that transformers 5 writes: the vocabulary, the
 * merges and the added tokens of the older files in another arrangement.
 *
 *   { "model": { "type": "BPE", "end_of_word_suffix": "</w>", "vocab": { piece: id },
 *       "merges": [ ["a", "b"] or "a b" ] },
 *     "added_tokens": [ { "id": n, "content": text, "normalized": .., "single_word": .. } ] }
 *
 * Its normaliser and splitter are programs; CLIP's are known and assumed, by the suffix. */

#include "models/tokenizer.h"

#include "base/buffer.h"

#include <string.h>

static ds_status refuse(ds_error *err, const char *expected)
{
    return ds_fail(err, DS_E_UNSUPPORTED,
                   "tokenizer.json: expected %s: only CLIP's byte-level BPE is supported",
                   expected);
}

static ds_status check_kind(const json_t *model, ds_error *err)
{
    const char *type = json_string_value(json_object_get(model, "type"));
    const char *suffix = json_string_value(json_object_get(model, "end_of_word_suffix"));

    if (type == NULL || strcmp(type, "BPE") != 0)
        return refuse(err, "model.type \"BPE\"");
    if (suffix == NULL || strcmp(suffix, "</w>") != 0)
        return refuse(err, "model.end_of_word_suffix \"</w>\"");
    if (!json_is_object(json_object_get(model, "vocab")) ||
        !json_is_array(json_object_get(model, "merges")))
        return refuse(err, "an object model.vocab and a list model.merges");
    return DS_OK;
}

/* The lines of merges.txt. */
static ds_status write_merges(char **out, size_t *size, const json_t *merges, ds_error *err)
{
    ds_buffer b = { 0 };
    json_t *m;
    size_t i;

    ds__buffer_text(&b, "#version: 0.2\n");
    json_array_foreach (merges, i, m) {
        const char *left = json_string_value(json_is_array(m) ? json_array_get(m, 0) : m);
        const char *right = json_string_value(json_array_get(m, 1));

        if (left == NULL || (json_is_array(m) && (right == NULL || json_array_size(m) != 2)) ||
            strpbrk(left, "\n\r") != NULL || (right != NULL && strpbrk(right, "\n\r") != NULL)) {
            ds__buffer_clear(&b);
            return ds_fail(err, DS_E_FORMAT, "tokenizer.json: merge %zu: expected a pair of tokens",
                           i);
        }
        ds__buffer_text(&b, left);
        if (right != NULL)
            ds__buffer_printf(&b, " %s", right);
        ds__buffer_text(&b, "\n");
    }
    return ds__buffer_take(&b, out, size, "tokenizer.json", err);
}

/* As "added_tokens_decoder", which reads {"49406": {"content": ..}}. */
static ds_status add_listed(json_t *config, const json_t *added, ds_error *err)
{
    json_t *listed = json_object(), *token;
    char key[32];
    size_t i;

    json_array_foreach (added, i, token) {
        const json_t *id = json_object_get(token, "id");

        if (!json_is_number(id)) {
            json_decref(listed);
            return ds_fail(err, DS_E_FORMAT, "tokenizer.json: added token %zu has no id", i);
        }
        snprintf(key, sizeof key, "%.17g", json_number_value(id));
        json_object_set(listed, key, token);
    }
    if (listed == NULL || json_object_size(listed) > json_array_size(added) ||
        json_object_set_new(config, "added_tokens_decoder", listed) != 0)
        return ds_fail(err, DS_E_NOMEM, "no memory for a tokenizer");
    return DS_OK;
}

ds_status ds__tokenizer_json_split(json_t *file, json_t *config, json_t **vocab, char **merges,
                                   size_t *size, ds_error *err)
{
    const json_t *model = json_object_get(file, "model");
    ds_status st = check_kind(model, err);

    if (st == DS_OK)
        st = add_listed(config, json_object_get(file, "added_tokens"), err);
    if (st == DS_OK)
        st = write_merges(merges, size, json_object_get(model, "merges"), err);
    if (st == DS_OK)
        *vocab = json_incref(json_object_get(model, "vocab"));
    return st;
}

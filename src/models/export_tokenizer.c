/* export_tokenizer.c - an open tokenizer as the files that transformers reads. */

#include "models/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"

#define PATH_SIZE 4096

static ds_status write_json(const char *folder, const char *name, json_t *takes, ds_error *err)
{
    char path[PATH_SIZE], *text = takes != NULL ? json_dumps(takes, JSON_INDENT(1)) : NULL;
    ds_status st;

    json_decref(takes);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (text == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", path);
    st = ds__file_write(path, text, strlen(text), err);
    free(text);
    return st;
}

static json_t *vocabulary(const ds_tokenizer *t)
{
    json_t *j = json_object();

    for (int64_t id = 0; id < t->vocab.size; id++)
        if (t->vocab.piece[id] != NULL)
            json_object_set_new(j, t->vocab.piece[id], json_integer((json_int_t)id));
    return j;
}

static int by_rank(const void *a, const void *b)
{
    const ds_merge *x = *(ds_merge *const *)a, *y = *(ds_merge *const *)b;

    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static ds_status write_merges(const ds_tokenizer *t, const char *folder, ds_error *err)
{
    const ds_merge **list = ds_calloc(t->merges.slots + 1, sizeof *list);
    ds_buffer b = { 0 };
    char path[PATH_SIZE], *text = NULL;
    size_t n = 0, bytes = 0;
    ds_status st;

    snprintf(path, sizeof path, "%s/merges.txt", folder);
    if (list == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", path);
    for (size_t i = 0; i < t->merges.slots; i++)
        if (t->merges.slot[i].rank >= 0)
            list[n++] = &t->merges.slot[i];
    if (n > 0)
        qsort(list, n, sizeof *list, by_rank);
    ds__buffer_text(&b, "#version: 0.2\n");
    for (size_t i = 0; i < n; i++)
        ds__buffer_printf(&b, "%s %s\n", t->vocab.piece[list[i]->left],
                          t->vocab.piece[list[i]->right]);
    ds_free(list);
    st = ds__buffer_take(&b, &text, &bytes, path, err);
    if (st == DS_OK)
        st = ds__file_write(path, text, bytes, err);
    ds_free(text);
    return st;
}

static json_t *special(const ds_tokenizer *t, int64_t id)
{
    return json_pack("{s:s, s:b, s:b, s:b, s:b}", "content", t->vocab.piece[id], "lstrip", 0,
                     "normalized", 1, "rstrip", 0, "single_word", 0);
}

ds_status ds__export_tokenizer(const ds_tokenizer *t, const char *folder, ds_error *err)
{
    const ds_tokenizer_info *i = &t->info;
    json_t *config = json_pack("{s:b, s:o, s:b, s:o, s:s, s:I, s:s, s:s, s:o}", "add_prefix_space",
                               0, "bos_token", special(t, i->bos), "do_lower_case", 1, "eos_token",
                               special(t, i->eos), "errors", "replace", "model_max_length",
                               (json_int_t)i->length, "pad_token", t->vocab.piece[i->pad],
                               "tokenizer_class", "CLIPTokenizer", "unk_token", special(t, i->unk));
    json_t *map = json_pack("{s:o, s:o, s:s, s:o}", "bos_token", special(t, i->bos), "eos_token",
                            special(t, i->eos), "pad_token", t->vocab.piece[i->pad], "unk_token",
                            special(t, i->unk));
    ds_status st = write_json(folder, "tokenizer_config.json", config, err);
    ds_status more = write_json(folder, "special_tokens_map.json", map, err);

    st = st == DS_OK ? more : st;
    if (st == DS_OK)
        st = write_json(folder, "vocab.json", vocabulary(t), err);
    return st == DS_OK ? write_merges(t, folder, err) : st;
}

/* lora.c - LoRAs and embeddings from options and from prompts, for every method and command that opens a model. */

#include <diffuscope/embedding.h>
#include <diffuscope/job.h>
#include <diffuscope/lora.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job/job.h"

enum { MOST = 64, PATH_SIZE = 4096 };

static const char tag_start[] = "<lora:";
static const char *const prompts[] = { "prompt", "negative-prompt", "draw" };

typedef struct list {
    ds_lora lora[MOST];
    char path[MOST][PATH_SIZE];
    int count;
} list;

static const char *text_of(const ds_option_set *set, const char *name)
{
    int i = ds_option_find(set, name);

    return i >= 0 ? ds_option_text(set, i) : NULL;
}

/* W or W:WTE, up to `end`. */
static bool read_strengths(ds_lora *l, const char *text, const char *end)
{
    char *at;

    l->unet = l->text = strtod(text, &at);
    if (at == text)
        return false;
    if (*at == ':' && at < end)
        l->text = strtod(at + 1, &at);
    return at == end;
}

static ds_status next(list *l, ds_lora **out, const ds_option_set *set, ds_error *err)
{
    int partial = ds_option_find(set, "lora-partial");

    if (l->count == MOST)
        return ds_fail(err, DS_E_ARG, "at most %d LoRAs at a time", MOST);
    *out = &l->lora[l->count];
    **out = (ds_lora){ .path = l->path[l->count], .unet = 1.0, .text = 1.0 };
    (*out)->partial = partial >= 0 && ds_option_flag(set, partial);
    l->count++;
    return DS_OK;
}

/* ---- --lora ---------------------------------------------------------------------------------- */

static ds_status add_option(list *l, const ds_option_set *set, const char *text, ds_error *err)
{
    const char *end = text + strlen(text),
               *equals = access(text, F_OK) != 0 ? strrchr(text, '=') : NULL;
    ds_lora *lora;
    ds_status st = next(l, &lora, set, err);

    if (st != DS_OK)
        return st;
    if (equals != NULL && !read_strengths(lora, equals + 1, end))
        return ds_fail(err, DS_E_ARG, "lora: expected FILE=STRENGTH[:TEXT], found \"%.120s\"",
                       text);
    if ((equals != NULL ? equals : end) - text >= PATH_SIZE)
        return ds_fail(err, DS_E_ARG, "lora: too long a path");
    snprintf(l->path[l->count - 1], PATH_SIZE, "%.*s",
             (int)((equals != NULL ? equals : end) - text), text);
    return DS_OK;
}

/* ---- <lora:NAME:W> --------------------------------------------------------------------------- */

static ds_status wrong_tag(const char *tag, ds_error *err)
{
    return ds_fail(err, DS_E_ARG,
                   "prompt: \"%.60s\": expected <lora:NAME:STRENGTH> or <lora:NAME:STRENGTH:TEXT>",
                   tag);
}

/* tag: what stands behind "<lora:"; end: its '>'. */
static ds_status add_tag(list *l, const ds_option_set *set, const char *tag, const char *end,
                         ds_error *err)
{
    static const char *const ends[] = { ".safetensors", ".pt", ".ckpt", "" };
    const char *dir = text_of(set, "lora-dir"), *colon = memchr(tag, ':', (size_t)(end - tag));
    ds_lora *lora;
    ds_status st;

    if (dir == NULL)
        return ds_fail(err, DS_E_ARG, "prompt: \"<lora:%.40s\" needs a folder (lora-dir)", tag);
    if (colon == NULL || colon == tag || memchr(tag, '/', (size_t)(colon - tag)) != NULL)
        return wrong_tag(tag - strlen(tag_start), err);
    st = next(l, &lora, set, err);
    if (st != DS_OK)
        return st;
    if (!read_strengths(lora, colon + 1, end))
        return wrong_tag(tag - strlen(tag_start), err);
    for (size_t i = 0; i < DS_COUNT(ends); i++) {
        snprintf(l->path[l->count - 1], PATH_SIZE, "%s/%.*s%s", dir, (int)(colon - tag), tag,
                 ends[i]);
        if (access(lora->path, F_OK) == 0)
            return DS_OK;
    }
    return ds_fail(err, DS_E_IO, "prompt: no LoRA %.*s.safetensors in %s", (int)(colon - tag), tag,
                   dir);
}

static ds_status add_tags(list *l, const ds_option_set *set, const char *text, ds_error *err)
{
    ds_status st = DS_OK;

    for (const char *at = strstr(text, tag_start); st == DS_OK && at != NULL;
         at = strstr(at + 1, tag_start)) {
        const char *end = strchr(at, '>');

        st = end != NULL ? add_tag(l, set, at + strlen(tag_start), end, err) : wrong_tag(at, err);
    }
    return st;
}

/* The first of an option's texts that has a tag; NULL: none, or the option is not there. */
static const char *tagged(const ds_option_set *set, int i)
{
    const ds_texts texts = i >= 0 ? ds_option_texts(set, i) : (ds_texts){ NULL, 0 };
    const char *one = i >= 0 ? ds_option_text(set, i) : NULL;

    for (int64_t k = 0; k < texts.count; k++)
        if (strstr(texts.text[k], tag_start) != NULL)
            return texts.text[k];
    return texts.count == 0 && one != NULL && strstr(one, tag_start) != NULL ? one : NULL;
}

ds_status ds_options_strip_tags(ds_option_set *set, ds_error *err)
{
    ds_status st = DS_OK;

    for (size_t k = 0; st == DS_OK && ds_option_find(set, "lora") >= 0 && k < DS_COUNT(prompts);
         k++) {
        int i = ds_option_find(set, prompts[k]);
        const char *text = tagged(set, i);
        char *rest, *to;

        if (text == NULL)
            continue;
        if (ds_option_texts(set, i).count > 1)
            return ds_fail(
                err, DS_E_UNSUPPORTED,
                "prompt: \"%.60s\": of several prompts none has a LoRA of its own, which "
                "changes the model for all; give it by the option lora",
                text);
        rest = to = ds_alloc(strlen(text) + 1);
        if (rest == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for a prompt");
        for (const char *from = text; *from != '\0';) {
            const char *end =
                strncmp(from, tag_start, strlen(tag_start)) == 0 ? strchr(from, '>') : NULL;

            if (end != NULL)
                from = end + 1;
            else
                *to++ = *from++;
        }
        *to = '\0';
        st = ds_option_resolve(set, i, rest, err);
        ds_free(rest);
    }
    return st;
}

/* ---- both ------------------------------------------------------------------------------------ */

static ds_status collect_option(list *l, const ds_option_set *set, const char *option,
                                ds_error *err)
{
    int i = ds_option_find(set, option);
    ds_texts files = i >= 0 ? ds_option_texts(set, i) : (ds_texts){ NULL, 0 };
    ds_status st = DS_OK;

    for (int64_t k = 0; st == DS_OK && k < files.count; k++)
        st = add_option(l, set, files.text[k], err);
    return st;
}

static ds_status collect(list *l, const ds_option_set *set, ds_error *err)
{
    int i = ds_option_find(set, "lora");
    ds_status st = collect_option(l, set, "lora", err);

    for (size_t k = 0; st == DS_OK && i >= 0 && k < DS_COUNT(prompts); k++) {
        int p = ds_option_find(set, prompts[k]);

        if (p >= 0 && ds_option_text(set, p) != NULL)
            st = add_tags(l, set, ds_option_text(set, p), err);
    }
    return st;
}

static ds_status add_embeddings(ds_model **m, const ds_option_set *set, ds_error *err)
{
    int i = ds_option_find(set, "embedding");
    ds_texts files = i >= 0 ? ds_option_texts(set, i) : (ds_texts){ NULL, 0 };
    ds_model *with;
    ds_status st;

    if (files.count == 0)
        return DS_OK;
    st = ds_model_embedding(&with, *m, files.text, (int)files.count, err);
    if (st != DS_OK)
        return st;
    ds_model_close(*m); /* stays open underneath */
    *m = with;
    return DS_OK;
}

static ds_status lay(ds_model **m, const list *l, char **unused, ds_error *err)
{
    ds_model *with;
    ds_status st;

    if (l->count == 0)
        return DS_OK;
    st = ds_model_lora(&with, *m, l->lora, l->count, unused, err);
    if (st != DS_OK)
        return st;
    ds_model_close(*m); /* stays open underneath */
    *m = with;
    return DS_OK;
}

ds_status ds_options_add_lora(ds_model **m, const ds_option_set *set, char **unused, ds_error *err)
{
    list *l = ds_calloc(1, sizeof *l);
    ds_status st =
        l != NULL ? collect(l, set, err) : ds_fail(err, DS_E_NOMEM, "no memory for LoRAs");

    *unused = NULL;
    if (st == DS_OK)
        st = add_embeddings(m, set, err);
    if (st == DS_OK)
        st = lay(m, l, unused, err);
    ds_free(l);
    return st;
}

ds_status ds__options_add_lora_of(ds_model **m, const ds_option_set *set, const char *option,
                                  char **unused, ds_error *err)
{
    list *l = ds_calloc(1, sizeof *l);
    ds_status st = l != NULL ? collect_option(l, set, option, err)
                             : ds_fail(err, DS_E_NOMEM, "no memory for LoRAs");

    *unused = NULL;
    if (st == DS_OK)
        st = lay(m, l, unused, err);
    ds_free(l);
    return st;
}

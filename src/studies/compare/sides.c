/* sides.c - two models from the options: the left one, the right one, each with the LoRAs of both and its
 * own; refused where the same noise cannot start both. */

#include "studies/compare/compare.h"

#include <stdio.h>
#include <string.h>

#include <diffuscope/verbs.h>

#include "base/buffer.h"
#include "base/text.h"
#include "methods/daam/daam.h"

const char *const ds__side_names[SIDES] = { "left", "right" };

static const char *const own_loras[SIDES] = { "left-lora", "right-lora" };

static const char *path_of(const compare_job *o, int s)
{
    return o->model.count == 0 ? NULL : o->model.text[s < o->model.count ? s : 0];
}

static ds_status check_options(const compare_job *o, ds_error *err)
{
    const ds_job *j = o->job;

    if (o->model.count > SIDES)
        return ds_fail(err, DS_E_ARG, "%s: expected one model or two, found %lld",
                       ds__job_name(j, "model"), (long long)o->model.count);
    if (o->model.count < SIDES && o->left_lora.count + o->right_lora.count == 0)
        return ds_fail(err, DS_E_ARG,
                       "nothing to compare: give %s twice, or let the sides of one model differ "
                       "by %s FILE=STRENGTH or %s FILE=STRENGTH",
                       ds__job_name(j, "model"), ds__job_name(j, "left-lora"),
                       ds__job_name(j, "right-lora"));
    if (o->prompt == NULL)
        return ds_fail(err, DS_E_ARG, "%s: expected what both are to draw",
                       ds__job_name(j, "prompt"));
    if (o->word.count > 0 && o->method != COMPARE_DAAM)
        return ds_fail(err, DS_E_ARG, "%s goes with %s daam", ds__job_name(j, "word"),
                       ds__job_name(j, "method"));
    return DS_OK;
}

/* ---- whether they fit -------------------------------------------------------------------------- */

static ds_status fit(const compare_job *o, ds_error *err)
{
    const bool sized = o->drawing.size.width > 0 && o->drawing.size.height > 0;
    ds_denoiser_info d[SIDES];
    ds_status st = DS_OK;

    for (int s = 0; st == DS_OK && s < SIDES; s++)
        st = ds_denoiser_describe(&d[s], o->of[s].model, err);
    if (st != DS_OK)
        return st;
    if (d[LEFT].channels != d[RIGHT].channels || d[LEFT].factor != d[RIGHT].factor)
        return ds_fail(err, DS_E_NOMATCH,
                       "these models do not fit: %.100s draws on latents of %lld channels, a "
                       "pixel of which is %lld of the picture's, %.100s on %lld channels and %lld "
                       "pixels; no noise is the same for both",
                       path_of(o, LEFT), (long long)d[LEFT].channels, (long long)d[LEFT].factor,
                       path_of(o, RIGHT), (long long)d[RIGHT].channels, (long long)d[RIGHT].factor);
    if (d[LEFT].side != d[RIGHT].side && !sized)
        return ds_fail(err, DS_E_NOMATCH,
                       "these models do not fit: %.100s draws %lld pixels wide by itself, %.100s "
                       "%lld; %s and %s make them the same",
                       path_of(o, LEFT), (long long)(d[LEFT].side * d[LEFT].factor),
                       path_of(o, RIGHT), (long long)(d[RIGHT].side * d[RIGHT].factor),
                       ds__job_name(o->job, "width"), ds__job_name(o->job, "height"));
    return DS_OK;
}

/* ---- words ------------------------------------------------------------------------------------- */

/* Where none is named: each word of the prompt that has a letter, once. */
static ds_status all_words(compare_job *o, const ds_tokenizer *t, ds_error *err)
{
    ds_tokens *k;
    int64_t n = 0;
    ds_status st = ds_tokenizer_encode(t, &k, o->prompt, err);

    if (st != DS_OK)
        return st;
    o->all = ds_calloc((size_t)k->word_count + 1, sizeof *o->all);
    st = o->all != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for words");
    for (int64_t i = 0; st == DS_OK && i < k->word_count; i++) {
        bool known = !ds__has_letter(k->words[i].text);

        for (int64_t m = 0; m < n; m++)
            known = known || strcmp(o->all[m], k->words[i].text) == 0;
        if (!known && (o->all[n++] = ds_strdup(k->words[i].text)) == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for words");
    }
    o->word = (ds_texts){ (const char *const *)o->all, n };
    ds_tokens_free(k);
    return st == DS_OK && n == 0 ? ds_fail(err, DS_E_ARG, "the prompt has no words to compare")
                                 : st;
}

/* Every word stands in the prompt as either model's tokenizer reads it. */
static ds_status find_words(compare_job *o, int s, ds_error *err)
{
    ds_tokenizer *t;
    ds_status st = ds_model_tokenizer(o->of[s].model, &t, 1, err);

    if (st != DS_OK)
        return st;
    ds_tokenizer_set_emphasis(t, (ds_emphasis)o->job->common.emphasis);
    if (o->word.count == 0)
        st = all_words(o, t, err);
    for (int64_t i = 0; st == DS_OK && i < o->word.count; i++)
        st = ds__daam_find_word(t, o->prompt, o->word.text[i], false, o->drawing.long_prompt == 0,
                                err);
    ds_tokenizer_close(t);
    return st;
}

ds_status ds__compare_open(compare_job *o, ds_error *err)
{
    ds_status st = check_options(o, err);

    for (int s = 0; st == DS_OK && s < SIDES; s++)
        st = ds__job_open_side(o->job, &o->of[s].model, path_of(o, s), own_loras[s], err);
    if (st == DS_OK)
        st = fit(o, err);
    for (int s = 0; st == DS_OK && o->method == COMPARE_DAAM && s < SIDES; s++)
        st = find_words(o, s, err);
    return st;
}

/* ---- in words ---------------------------------------------------------------------------------- */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

ds_status ds__compare_describe(char **out, const compare_job *o, int s, ds_error *err)
{
    const ds_texts own = s == LEFT ? o->left_lora : o->right_lora;
    const char *path = path_of(o, s);
    ds_buffer b = { 0 };

    ds__buffer_printf(&b, "%s", path != NULL ? last_part(path) : "specimen");
    for (int64_t i = 0; i < o->job->common.lora.count; i++)
        ds__buffer_printf(&b, ", %s", last_part(o->job->common.lora.text[i]));
    for (int64_t i = 0; i < own.count; i++)
        ds__buffer_printf(&b, ", %s", last_part(own.text[i]));
    return ds__buffer_take(&b, out, NULL, "the name of a model", err);
}

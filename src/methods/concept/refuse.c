/* refuse.c - see refuse.h. */

#include "methods/concept/refuse.h"

#include <stdio.h>
#include <string.h>

#include "methods/concept/sampling.h"
#include "pipeline/denoiser.h"

ds_status ds__concept_check_words(ds_job *j, const ds_texts *words, ds_error *err)
{
    const char *name = ds__job_name(j, "word");
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    if (st == DS_OK && words->count == 0)
        return ds_fail(err, DS_E_ARG, "%s W is needed: the concept, a word or a phrase", name);
    for (int64_t i = 0; st == DS_OK && i < words->count; i++) {
        ds_tokens *tokens = NULL;

        st = ds_tokenizer_encode(t, &tokens, words->text[i], err);
        if (st == DS_OK && tokens->count == 0)
            st = ds_fail(err, DS_E_ARG, "%s \"%s\": expected a word or a phrase, found no letter",
                         name, words->text[i]);
        ds_tokens_free(tokens);
        for (int64_t k = 0; st == DS_OK && k < i; k++)
            if (strcmp(words->text[i], words->text[k]) == 0)
                st = ds_fail(err, DS_E_ARG, "%s %s: given twice", name, words->text[i]);
    }
    return st;
}

static ds_status check_side(ds_job *j, const char *name, int64_t pixels,
                            const ds_denoiser_info *info, ds_error *err)
{
    if (pixels % info->factor == 0)
        return DS_OK;
    return ds_fail(err, DS_E_ARG,
                   "%s %lld: expected a multiple of %lld pixels (without it the model's own %lld)",
                   ds__job_name(j, name), (long long)pixels, (long long)info->factor,
                   (long long)(info->side * info->factor));
}

ds_status ds__concept_check_drawing(ds_job *j, int64_t height, int64_t width, const char *sampler,
                                    int64_t steps, ds_error *err)
{
    const ds_sampling s = { .sampler = sampler, .steps = (int)steps };
    ds_denoiser_info info;
    int64_t count;
    ds_status st = ds_denoiser_describe(&info, j->model, err);

    if (st == DS_OK)
        st = check_side(j, "height", height, &info, err);
    if (st == DS_OK)
        st = check_side(j, "width", width, &info, err);
    return st == DS_OK ? ds__sampling_times(&count, NULL, &s, j->model, err) : st;
}

ds_status ds__concept_warn(ds_job *j, ds_error *err)
{
    const char *reason;
    char message[256];
    ds_status st = ds__noise_distilled(&reason, j->model, err);

    if (st != DS_OK || reason == NULL)
        return st;
    snprintf(
        message, sizeof message,
        "the model seems distilled to a few steps (%s): it learnt few of the noise levels that "
        "are asked about here, so the answer says little",
        reason);
    return ds__job_warn(j, message, err);
}

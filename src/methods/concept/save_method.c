/* save_method.c - `concept save`: a mixture for other programs. */

#include <stdio.h>
#include <string.h>

#include "methods/concept/strip.h"
#include "methods/methods.h"

typedef struct save_job {
    const char *run, *word, *embedding, *name;
    ds_decomposition *d;
} save_job;

static ds_status check_save(ds_job *j, void *options, ds_error *err)
{
    save_job *o = options;
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    return st == DS_OK ? ds__decomposition_open(&o->d, o->run, o->word, j->model, t, err) : st;
}

/* One tensor whose key is the token, [1,D], which every reader of textual inversions takes; with two text
 * encoders clip_l and clip_g. */
static ds_status run_save(ds_job *j, void *options, ds_error *err)
{
    save_job *o = options;
    const ds_words *w = &o->d->dictionary->words;
    const int64_t width = ds__words_width(w);
    float *token = ds_calloc((size_t)width, sizeof *token), *at = token;
    char key[120];
    ds_bundle *b = NULL;
    ds_status st =
        token == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a token") : ds_bundle_new(&b, err);

    snprintf(key, sizeof key, "<%.100s>", o->name != NULL ? o->name : o->d->word);
    if (st == DS_OK)
        st = ds__decomposition_token(token, o->d, NULL, err);
    for (int p = 0; st == DS_OK && p < w->parts; p++) {
        const char *name = w->parts == 1 ? key : p == 0 ? "clip_l" : "clip_g";
        ds_tensor *t;

        st = ds_bundle_add(b, name, DS_DTYPE_F32, 2, (const int64_t[]){ 1, w->width[p] }, &t, err);
        if (st == DS_OK)
            memcpy(t->data, at, (size_t)w->width[p] * sizeof *at);
        at += w->width[p];
    }
    if (st == DS_OK)
        st = ds_bundle_set_meta(b, "ds.concept", o->d->word, err);
    if (st == DS_OK)
        st = ds_bundle_save(b, o->embedding, err);
    if (st == DS_OK)
        ds__result_say(j->result, "%s in %s: one vector of %lld numbers\n", key, o->embedding,
                       (long long)width);
    if (st == DS_OK)
        st = ds__result_set(j->result, "token", json_string(key), err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "width", json_integer(width), err);
    ds_bundle_free(b);
    ds_free(token);
    return st;
}

static void clear_save(void *options)
{
    ds__decomposition_close(((save_job *)options)->d);
}

static const ds_option save_options[] = {
    RUN_ROWS(save_job),
    { .name = "embedding",
      .kind = DS_OPTION_OUTFILE,
      .offset = offsetof(save_job, embedding),
      .arg = "FILE",
      .required = true,
      .help = "textual inversion that is written (.safetensors)" },
    { .name = "name",
      .kind = DS_OPTION_TEXT,
      .offset = offsetof(save_job, name),
      .arg = "NAME",
      .help = "the token is called <NAME>; without it by the concept" },
    { 0 },
};

const ds_method ds__method_concept_save = {
    .name = "concept-save",
    .purpose = "a mixture as a textual inversion that other programs load",
    .paper = "Chefer et al., arXiv:2306.00966",
    .description = "The pseudo-token in the text encoder's table, before places are added. The "
                   "file holds one tensor "
                   "[1,D] under the token's name (with two text encoders clip_l and clip_g), as "
                   "diffusers, ComfyUI, "
                   "A1111 and stable-diffusion.cpp read it.",
    .example = "diffuscope concept save --run run --embedding zorp.safetensors",
    .results = "token: the key in the file\nwidth",
    .options = save_options,
    .size = sizeof(save_job),
    .fields = offsetof(save_job, d),
    .parts = DS_JOB_MODEL | DS_JOB_OWN_EMBEDDING,
    .check = check_save,
    .run = run_save,
    .clear = clear_save,
};

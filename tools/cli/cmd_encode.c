/* cmd_encode.c - `diffuscope encode`: what a prompt tells the denoiser, as tensors. */

#include <diffuscope/verbs.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "model_option.h"
#include "say.h"
#include "print.h"

static ds_status keep(ds_bundle *out, const char *name, const ds_tensor *t, ds_error *err)
{
    ds_tensor *to;
    ds_status st = ds_bundle_add(out, name, DS_DTYPE_F32, t->rank, t->dim, &to, err);

    if (st == DS_OK)
        memcpy(to->data, t->data, (size_t)ds_tensor_count(t) * sizeof(float));
    return st;
}

static ds_status keep_ids(ds_bundle *out, const ds_conditions *c, int n, int64_t length,
                          ds_error *err)
{
    ds_tensor *ids;
    ds_status st = ds_bundle_add(out, "ids", DS_DTYPE_I64, DS_DIMS(n, length), &ids, err);

    for (int k = 0; st == DS_OK && k < n; k++)
        memcpy((int64_t *)ids->data + k * length, ds_conditions_ids(c, k),
               (size_t)length * sizeof(int64_t));
    return st;
}

static void remark_on_cuts(const ds_args *a, const ds_conditions *c, const char *const *prompt,
                           int n)
{
    for (int k = 0; k < n; k++) {
        remark_on_emphasis(a, prompt[k]);
        if (ds_conditions_cut(c, k) > 0)
            remark(
                a,
                "%lld tokens at the end of \"%.80s\" are cut off; --long-prompt chunks reads them",
                (long long)ds_conditions_cut(c, k), prompt[k]);
    }
}

static ds_status encode(ds_bundle *out, ds_model *m, const ds_args *a, ds_error *err)
{
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    const char *const *prompt;
    ds_encoder *e = NULL;
    ds_conditions *c;
    ds_tensor hidden, pooled;
    int n;
    ds_status st;

    prompt = opt_texts(a, "prompt", &n);
    o.prompts = prompt;
    o.count = n;
    o.chunks = strcmp(opt_text(a, "long-prompt"), "chunks") == 0;
    st = ds_encoder_new(&e, m, &o, err);
    if (st == DS_OK)
        st = ds_encode(e, err);
    if (st == DS_OK) {
        c = ds_encoder_conditions(e);
        hidden = ds_conditions_hidden(c);
        pooled = ds_conditions_pooled(c);
        remark_on_cuts(a, c, prompt, n);
        st = keep(out, "encoder_hidden_states", &hidden, err);
        if (st == DS_OK && pooled.dim[1] > 0)
            st = keep(out, "pooled", &pooled, err);
        if (st == DS_OK)
            st = keep_ids(out, c, n, hidden.dim[1], err);
        if (st == DS_OK && !opt_flag(a, "quiet"))
            print("%d prompt%s of %lld tokens by %lld numbers\n", n, n == 1 ? "" : "s",
                  (long long)hidden.dim[1], (long long)hidden.dim[2]);
    }
    ds_encoder_free(e);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    ds_bundle *out = NULL;
    ds_model *m = NULL;
    ds_status st = model_from_options(&m, a, err);

    if (st == DS_OK)
        st = ds_bundle_new(&out, err);
    if (st == DS_OK)
        st = encode(out, m, a, err);
    if (st == DS_OK)
        st = ds_bundle_save(out, opt_text(a, "outputs"), err);
    ds_bundle_free(out);
    ds_model_close(m);
    return st;
}

static const ds_option options[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXTS,
      .arg = "TEXT",
      .required = true,
      .help = "the text; several make a batch" },
    { .name = "outputs",
      .kind = DS_OPTION_OUTFILE,
      .arg = "FILE",
      .required = true,
      .help = "safetensors file to write" },
    { .name = "long-prompt",
      .kind = DS_OPTION_CHOICE,
      .choices = "cut|chunks",
      .standard = "cut",
      .help =
          "a prompt that does not fit is cut, as diffusers does, or read in chunks, as web front "
          "ends do" },
    { 0 },
};

const ds_command cmd_encode = {
    .name = "encode",
    .purpose = "write what a prompt tells the denoiser",
    .description =
        "Runs the tokenizer and the text encoder (XL: both) and saves what the denoiser is given: "
        "\"encoder_hidden_states\" [prompts, tokens, width], \"pooled\" [prompts, width] for "
        "models that "
        "want it, and the tokens' \"ids\" [prompts, tokens] of the first tokenizer. With "
        "--emphasis the "
        "weights are applied.",
    .example = "diffuscope encode -m sd15 -p 'a (cat:1.3) on a mat' --emphasis a1111 --outputs "
               "cat.safetensors",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE,
    .run = run,
};

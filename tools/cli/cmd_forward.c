/* cmd_forward.c - `diffuscope forward`: one network on named tensors. */

#include <diffuscope/model.h>

#include "commands.h"
#include "model_option.h"

static ds_status forward(ds_model *m, const ds_args *a, const ds_bundle *in, ds_bundle *out,
                         ds_error *err)
{
    int n_watch, n_wrt;
    const char *const *watch = opt_texts(a, "watch", &n_watch);
    const char *const *wrt = opt_texts(a, "wrt", &n_wrt);
    ds_status st =
        ds_model_forward(m, opt_text(a, "module"), in, watch, n_watch, wrt, n_wrt, out, err);

    if (st == DS_OK)
        st = ds_bundle_save(out, opt_text(a, "outputs"), err);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    ds_bundle *in = NULL, *out = NULL;
    ds_model *m = NULL;
    ds_status st = ds_bundle_load(&in, opt_text(a, "inputs"), err);

    if (st == DS_OK)
        st = model_from_options(&m, a, err);
    if (st == DS_OK)
        st = ds_bundle_new(&out, err);
    if (st == DS_OK)
        st = forward(m, a, in, out, err);
    ds_bundle_free(out);
    ds_model_close(m);
    ds_bundle_free(in);
    return st;
}

static const ds_option options[] = {
    { .name = "module",
      .kind = DS_OPTION_CHOICE,
      .choices = "text_encoder|text_encoder_2|unet|vae.encode|vae.decode",
      .required = true,
      .help = "the network to run" },
    { .name = "inputs",
      .kind = DS_OPTION_TEXT,
      .arg = "FILE",
      .required = true,
      .help = "safetensors file with the inputs under diffusers' argument names" },
    { .name = "outputs",
      .kind = DS_OPTION_OUTFILE,
      .arg = "FILE",
      .required = true,
      .help = "safetensors file to write" },
    { .name = "watch",
      .kind = DS_OPTION_TEXTS,
      .arg = "GLOB",
      .help = "also save the values of sites that match, see `diffuscope sites`" },
    { .name = "wrt",
      .kind = DS_OPTION_TEXTS,
      .arg = "GLOB",
      .help = "also save grad.NAME of inputs, parameters and gates (gate.SITE) that match, for the "
              "outputs whose cotangent.OUTPUT stands in the inputs" },
    { 0 },
};

const ds_command cmd_forward = {
    .name = "forward",
    .purpose = "run one network of a model on tensors from a file",
    .description =
        "Inputs and outputs carry diffusers' argument names and PyTorch's axis order. "
        "text_encoder: input_ids; unet: sample, timestep, encoder_hidden_states (SDXL also "
        "text_embeds, time_ids); vae.encode: image in [-1,1]; vae.decode: latent, already divided "
        "by the scaling factor. "
        "gate.SITE in the inputs multiplies what the network computes there: one number, or G "
        "numbers for G equal parts of the channels (heads of attn1.out, hidden units of ff.net.0), "
        "or a row of them for each image; 0 removes the part.",
    .example = "diffuscope forward -m sd15 --module unet --inputs in.safetensors "
               "--outputs out.safetensors --watch 'unet.*.attn2.probs'",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE,
    .run = run,
};

/* cmd_export.c - `diffuscope export`: a model, with what was added to it, as a checkpoint. */

#include <diffuscope/export.h>

#include <string.h>

#include "commands.h"
#include "model_option.h"
#include "say.h"

/* A single file has no place for configurations: those of models of unusual widths must come along. */
static void try_alone(const ds_args *a)
{
    ds_error why = { 0 };
    ds_model *m;

    if (ds_model_open(&m, opt_text(a, "out"), NULL, &why) == DS_OK)
        ds_model_close(m);
    else
        remark(a, "the file does not open alone: %s", why.text);
}

static ds_status run(const ds_args *a, ds_error *err)
{
    static const ds_dtype types[] = { DS_DTYPE_F32, DS_DTYPE_F16, DS_DTYPE_BF16 };
    ds_export_options o = DS_EXPORT_OPTIONS_INIT;
    const int type = opt_choice(a, "dtype");
    ds_model *m;
    ds_status st = model_from_options(&m, a, err);

    if (st != DS_OK)
        return st;
    o.convert = type < (int)DS_COUNT(types);
    o.dtype = o.convert ? types[type] : DS_DTYPE_F16;
    st = ds_model_export(m, opt_text(a, "out"), &o, err);
    ds_model_close(m);
    if (st == DS_OK)
        try_alone(a);
    return st;
}

static const ds_option options[] = {
    { .name = "out",
      .kind = DS_OPTION_OUTPATH,
      .arg = "FILE|FOLDER",
      .required = true,
      .help =
          "what to write: a single file where it ends in .safetensors, else a diffusers folder" },
    { .name = "dtype",
      .kind = DS_OPTION_CHOICE,
      .choices = "f32|f16|bf16|keep",
      .standard = "keep",
      .help = "element type of all weights; keep: each as its file has it" },
    { 0 },
};

const ds_command cmd_export = {
    .name = "export",
    .purpose = "write a model, with LoRAs merged, as a single file or a folder",
    .description =
        "What --lora and its like add is merged and rounded once. Files have the names that the "
        "models were published under, which other programs read; folders are diffusers'.",
    .example = "diffuscope export -m sd15.safetensors --lora style.safetensors=0.8 --out "
               "styled.safetensors",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS,
    .run = run,
};

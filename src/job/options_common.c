/* options_common.c - the options that many methods have: model, number format, threads, folder. */

#include <string.h>

#include "job/job.h"
#include "job/specimen.h"

static const struct {
    unsigned parts;
    ds_option row;
} common[] = {
    { DS_JOB_FOLDER | DS_JOB_FOLDER_NEEDED,
      { .name = "out",
        .kind = DS_OPTION_OUTDIR,
        .offset = offsetof(job_common, folder),
        .arg = "DIR",
        .help = "run folder: report.html, result.json, tensors.safetensors, pictures, run.json" } },
    { DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL,
      { .name = "model",
        .letter = 'm',
        .kind = DS_OPTION_TEXT,
        .offset = offsetof(job_common, model),
        .arg = "MODEL",
        .standard = DS_SPECIMEN,
        .help =
            "model: a single file (.safetensors), a diffusers folder, owner/name in the Hugging "
            "Face cache, or the model that comes with this program; " DS_SPECIMEN_VARIABLE
            " names another default" } },
    { DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL,
      { .name = "config",
        .kind = DS_OPTION_TEXT,
        .offset = offsetof(job_common, config),
        .arg = "FOLDER",
        .help = "configurations and tokenizers of a model that is a single file, from a diffusers "
                "folder; without it they follow from the file's shapes" } },
    { DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL,
      { .name = "prediction",
        .kind = DS_OPTION_CHOICE,
        .offset = offsetof(job_common, prediction),
        .choices = "epsilon|v",
        .help = "what the UNet predicts, instead of what the model says (`inspect` tells)" } },
    { DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL,
      { .name = "vae",
        .kind = DS_OPTION_TEXT,
        .offset = offsetof(job_common, vae),
        .arg = "FILE",
        .help = "file or folder whose autoencoder is used instead of the model's" } },
    { DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL,
      { .name = "text-encoder",
        .kind = DS_OPTION_TEXT,
        .offset = offsetof(job_common, text_encoder),
        .arg = "FILE",
        .help = "file or folder whose text encoder is used instead of the model's" } },
    { DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL,
      { .name = "text-encoder-2",
        .kind = DS_OPTION_TEXT,
        .offset = offsetof(job_common, text_encoder_2),
        .arg = "FILE",
        .help = "the same for the second text encoder of SDXL" } },
    { DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL,
      { .name = "lora",
        .kind = DS_OPTION_TEXTS,
        .offset = offsetof(job_common, lora),
        .arg = "FILE[=W[:WTE]]",
        .help =
            "LoRA (also LoCon, LoHa, LoKr, DoRA) to add, with its strength for the UNet and, if "
            "another, for the text encoders; 1 without; several may be given" } },
    { DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL,
      { .name = "lora-dir",
        .kind = DS_OPTION_TEXT,
        .offset = offsetof(job_common, lora_dir),
        .arg = "FOLDER",
        .help = "where <lora:NAME:W> in a prompt finds NAME.safetensors" } },
    { DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL,
      { .name = "lora-partial",
        .kind = DS_OPTION_FLAG,
        .offset = offsetof(job_common, lora_partial),
        .help = "leave keys of a LoRA out that name no part of the model, instead of refusing" } },
    { DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL,
      { .name = "emphasis",
        .kind = DS_OPTION_CHOICE,
        .offset = offsetof(job_common, emphasis),
        .choices = "none|a1111|comfy",
        .standard = "none",
        .help =
            "what (words:1.3), (words), [words] and BREAK mean in a prompt: nothing, or weights "
            "as in A1111 or ComfyUI" } },
    { DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL,
      { .name = "embedding",
        .kind = DS_OPTION_TEXTS,
        .offset = offsetof(job_common, embedding),
        .arg = "FILE",
        .help = "textual inversion, whose word prompts may then use; several may be given" } },
    { DS_JOB_THREADS,
      { .name = "threads",
        .letter = 't',
        .kind = DS_OPTION_INT,
        .offset = offsetof(job_common, threads),
        .arg = "N",
        .min = 1,
        .max = 1024,
        .help = "threads; without it OMP_NUM_THREADS or the number of cores" } },
    { DS_JOB_COMPUTE,
      { .name = "compute",
        .kind = DS_OPTION_CHOICE,
        .offset = offsetof(job_common, compute),
        .choices = "f32|bf16|ref",
        .standard = "f32",
        .help = "number format of the network's matrix multiplications and convolutions; ref: "
                "plain C, sums in double" } },
};

/* An option that the method brings itself. */
static bool is_own(const char *name, unsigned parts)
{
    return ((parts & DS_JOB_OWN_EMBEDDING) != 0 && strcmp(name, "embedding") == 0) ||
           ((parts & DS_JOB_OWN_MODEL) != 0 && strcmp(name, "model") == 0);
}

void ds_common_options(ds_option out[DS_COMMON_OPTIONS], unsigned parts)
{
    int n = 0;

    for (size_t i = 0; i < DS_COUNT(common); i++) {
        if ((common[i].parts & parts) == 0 || is_own(common[i].row.name, parts))
            continue;
        out[n] = common[i].row;
        out[n++].required = (common[i].parts & parts & DS_JOB_FOLDER_NEEDED) != 0;
    }
    out[n] = (ds_option){ 0 };
}

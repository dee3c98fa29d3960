/* cmd_new_model.c - `diffuscope new-model`: a folder with random weights. */

#include <string.h>

#include <diffuscope/model.h>

#include "commands.h"
#include "progress.h"
#include "say.h"

static ds_status on_progress(void *user, const ds_progress *now, ds_error *err)
{
    progress *p = user;

    (void)err;
    p->total = now->total;
    progress_step(p, now->done);
    return DS_OK;
}

static ds_dtype dtype_of(const char *word)
{
    return strcmp(word, "f32") == 0    ? DS_DTYPE_F32
           : strcmp(word, "bf16") == 0 ? DS_DTYPE_BF16
                                       : DS_DTYPE_F16;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    ds_create_options o = DS_CREATE_OPTIONS_INIT;
    const char *dir = opt_text(a, "out");
    progress p;
    int64_t total = 0;
    ds_status st;

    o.like = opt_text(a, "like");
    o.dtype = dtype_of(opt_text(a, "dtype"));
    o.seed = opt_seed(a, "seed");
    o.tokenizer = opt_text(a, "tokenizer");
    o.cancel = cancel_on_interrupt();
    o.progress = on_progress;
    o.user = &p;
    progress_begin(&p, a, "writing", 1);
    st = ds_model_create(dir, &o, &total, err);
    progress_end(&p);
    if (st == DS_OK)
        remark(a, "%s: %lld parameters", dir, (long long)total);
    return st;
}

static const ds_option options[] = {
    { .name = "like",
      .kind = DS_OPTION_TEXT,
      .arg = "sd15|sd21|sdxl|CONFIG.json",
      .help = "topology: a published one, or a file of configurations",
      .required = true },
    { .name = "out",
      .kind = DS_OPTION_OUTDIR,
      .arg = "DIR",
      .help = "folder to write",
      .required = true },
    { .name = "dtype",
      .kind = DS_OPTION_CHOICE,
      .choices = "f16|f32|bf16",
      .standard = "f16",
      .help = "element type of the weights",
      .alias = "type" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .arg = "K",
      .standard = "42",
      .help = "same seed, same bytes; below 0 for a random one" },
    { .name = "tokenizer",
      .kind = DS_OPTION_TEXT,
      .arg = "DIR",
      .help =
          "tokenizer folder to copy (for both encoders of SDXL) instead of a vocabulary of bytes" },
    { 0 },
};

const ds_command cmd_new_model = {
    .name = "new-model",
    .purpose = "write a model with random weights",
    .description =
        "Writes a diffusers folder of the given topology whose weights are drawn by the rule of "
        "fan-in: for benchmarks, tests, and as a beginning for training.\n\n"
        "CONFIG.json is an object with the members \"unet\", \"vae\", \"text_encoder\" and "
        "\"scheduler\", for two text encoders also \"text_encoder_2\". Each is a configuration as "
        "diffusers or transformers writes it; a text encoder's class is the first of its "
        "\"architectures\", a scheduler's its \"_class_name\". The end token must be the last id "
        "of "
        "the vocabulary.",
    .example = "diffuscope new-model --like sd15 --out sd15-random",
    .options = options,
    .common = COMMON_THREADS | COMMON_PROGRESS,
    .run = run,
};

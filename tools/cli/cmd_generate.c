/* cmd_generate.c - `diffuscope generate`: from a prompt to pictures, with everything that a repeat
 * of the run needs in the PNG and in the run folder. */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/run.h>

#include "commands.h"
#include "generate_files.h"
#include "model_option.h"
#include "progress.h"
#include "report.h"
#include "run_option.h"

static const ds_option options[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXT,
      .arg = "TEXT",
      .help = "what to draw",
      .required = true },
    RUN_OPTIONS,
    { .name = "long-prompt",
      .kind = DS_OPTION_CHOICE,
      .choices = "cut|chunks",
      .standard = "cut",
      .help = "a prompt that does not fit is cut, as diffusers does, or read in chunks, as web "
              "front ends "
              "do" },
    { .name = "out",
      .kind = DS_OPTION_OUTDIR,
      .arg = "DIR",
      .help = "run folder: pictures, report.html, run.json, result.json, tensors.safetensors" },
    { .name = "output",
      .letter = 'o',
      .kind = DS_OPTION_OUTFILE,
      .arg = "FILE.png",
      .help = "the picture alone" },
    { 0 },
};

/* What a run is made of, to be freed together. */
typedef struct job {
    const ds_args *args;
    ds_model *model;
    run_inputs inputs;
    ds_run *run;
} job;

static ds_status run_steps(job *j, ds_run_record *record, ds_error *err)
{
    progress p;
    ds_status st = run_record_time(record, "prepared", err);

    progress_begin(&p, j->args, "sampling", ds_run_steps(j->run));
    while (st == DS_OK && !ds_run_done(j->run)) {
        st = ds_run_step(j->run, err);
        progress_step(&p, ds_run_step_index(j->run));
    }
    progress_end(&p);
    if (st == DS_OK)
        st = run_record_time(record, "sampled", err);
    if (st == DS_OK)
        st = ds_run_decode(j->run, err);
    return st == DS_OK ? run_record_time(record, "decoded", err) : st;
}

static ds_status generate(job *j, ds_run_record *record, ds_error *err)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    const char *remark_text;
    ds_status st = run_options_read(&j->inputs, &o, j->args, err);

    o.prompt = opt_text(j->args, "prompt");
    o.chunks = strcmp(opt_text(j->args, "long-prompt"), "chunks") == 0;

    if (st == DS_OK)
        st = generate_check_files(j->args, o.images, err);
    if (st == DS_OK)
        st = model_from_options(&j->model, j->args, err);
    if (st == DS_OK)
        st = ds_run_new(&j->run, j->model, &o, err);
    for (int i = 0; st == DS_OK && (remark_text = ds_run_warning(j->run, i)) != NULL; i++)
        remark(j->args, "%s", remark_text);
    if (st == DS_OK)
        st = run_steps(j, record, err);
    return st == DS_OK ? generate_save(j->args, j->run, record, err) : st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    job j = { .args = a };
    ds_run_record record = { 0 };
    ds_status st = DS_OK;

    if (opt_text(a, "out") == NULL && opt_text(a, "output") == NULL)
        st = ds_fail(err, DS_E_ARG, "--out DIR or -o FILE.png is needed");
    if (st == DS_OK)
        st = run_record_begin(&record, a, err);
    if (st == DS_OK)
        st = generate(&j, &record, err);
    ds_run_free(j.run);
    run_inputs_free(&j.inputs);
    ds_model_close(j.model);
    run_record_free(&record);
    return st;
}

const ds_command cmd_generate = {
    .name = "generate",
    .purpose = "draw pictures from a prompt",
    .description =
        "Draws what diffusers' pipelines draw from the same model, prompt, scheduler and "
        "generator. "
        "Size, sampler and schedule are the model's own where no option says otherwise.\n\n"
        "With --out, the run folder holds image.png (image-0.png and so on for several), run.json "
        "with all that a repeat needs, report.html to look at, result.json, and "
        "tensors.safetensors with \"latents\" [steps, pictures, "
        "channels, height, width] after each step and \"image\" [pictures, 3, height, width] with "
        "values from 0 to 1. Each PNG carries the settings in the text \"parameters\", as other "
        "programs write it, and the record as JSON in the text \"diffuscope\".\n\n"
        "With --init-img, the picture is encoded, noise is added, and the last part of the steps, "
        "--strength, is run.",
    .example =
        "diffuscope generate -m sd15 -p \"a photo of a cat\" -n blurry --steps 20 -o cat.png",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS |
              COMMON_SHOW,
    .run = run,
};

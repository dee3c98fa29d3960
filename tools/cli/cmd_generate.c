/* cmd_generate.c - `diffuscope generate`: from a prompt to pictures, with everything that a repeat
 * of the run needs in the PNG and in the run folder. */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/image.h>
#include <diffuscope/run.h>

#include "commands.h"
#include "generate_files.h"
#include "model_option.h"
#include "progress.h"
#include "report.h"
#include "show.h"

static const ds_opt options[] = {
    { "prompt", 'p', OPT_TEXT, "TEXT", NULL, 0, 0, "what to draw", NULL, true },
    { "negative-prompt", 'n', OPT_TEXT, "TEXT", NULL, 0, 0, "what to keep away from", NULL, false },
    { "steps", 0, OPT_INT, "N", "20", 1, 1000, "steps of the sampler", NULL, false },
    { "cfg-scale", 0, OPT_REAL, "X", "7", -100, 100,
      "guidance: how much further than the negative prompt; 1 is none, and twice as fast", NULL,
      false },
    { "sampler", 0, OPT_TEXT, "S", NULL, 0, 0,
      "sampler, in the spelling of diffusers, A1111 or ComfyUI; without it the model's own",
      "sampling-method", false },
    { "scheduler", 0, OPT_TEXT, "default|karras", NULL, 0, 0, "spacing of the noise levels", NULL,
      false },
    { "timestep-spacing", 0, OPT_TEXT, "leading|trailing|linspace", NULL, 0, 0,
      "spacing of the time steps; without it the model's own", NULL, false },
    { "set-alpha-to-one", 0, OPT_FLAG, NULL, NULL, 0, 0,
      "end at no noise instead of the first level of the schedule", NULL, false },
    { "eta", 0, OPT_REAL, "X", "0", 0, 1, "noise of ddim: 1 is as noisy as ddpm", NULL, false },
    { "width", 'W', OPT_INT, "N", NULL, 8, 16384,
      "width in pixels, a multiple of 8; without it the model's own", NULL, false },
    { "height", 'H', OPT_INT, "N", NULL, 8, 16384, "the same for the height", NULL, false },
    { "seed", 's', OPT_SEED, "K", "42", 0, 0, "seed; below 0 for a random one", NULL, false },
    { "rng", 0, OPT_TEXT, "torch-cpu|torch-cuda", "torch-cpu", 0, 0,
      "generator that the seed is for", NULL, false },
    { "batch-count", 'b', OPT_INT, "N", "1", 1, 1024,
      "pictures; each has the seed that follows the one before", NULL, false },
    { "latent", 0, OPT_TEXT, "F", NULL, 0, 0,
      "safetensors file whose tensor \"latent\" is the noise to start from", NULL, false },
    { "init-img", 'i', OPT_TEXT, "FILE", NULL, 0, 0, "PNG or JPEG to start from", NULL, false },
    { "strength", 0, OPT_REAL, "X", "0.75", 0, 1,
      "with --init-img: share of the steps that is run, above 0; 1 keeps next to nothing", NULL,
      false },
    { "vae-tiling", 0, OPT_FLAG, NULL, NULL, 0, 0,
      "decode in tiles, with less memory; pictures of more than 1024 by 1024 pixels always are",
      NULL, false },
    { "out", 0, OPT_OUTDIR, "DIR", NULL, 0, 0,
      "run folder: pictures, report.html, run.json, result.json, tensors.safetensors", NULL,
      false },
    { "output", 'o', OPT_OUTFILE, "FILE.png", NULL, 0, 0, "the picture alone", NULL, false },
    { 0 },
};

/* What a run is made of, to be freed together. */
typedef struct job {
    const ds_args *args;
    ds_model *model;
    ds_bundle *latent;
    float *planes; /* of the initial picture */
    ds_tensor image;
    ds_run *run;
} job;

static ds_status load_latent(job *j, ds_run_options *o, ds_error *err)
{
    const char *path = opt_text(j->args, "latent");
    ds_status st;

    if (path == NULL)
        return DS_OK;
    st = ds_bundle_load(&j->latent, path, err);
    if (st != DS_OK)
        return st;
    o->latent = ds_bundle_find(j->latent, "latent");
    if (o->latent != NULL)
        return DS_OK;
    ds_fail(err, DS_E_SHAPE, "%s: expected a tensor \"latent\", found none", path);
    return ds_fail_at(err, DS_E_SHAPE, path, -1);
}

/* With a size, the middle of the picture fills it; without, sides are rounded to multiples of 8. */
static ds_status load_image(job *j, ds_run_options *o, ds_error *err)
{
    const char *path = opt_text(j->args, "init-img");
    ds_image raw = { 0 }, sized = { 0 };
    int64_t width, height;
    ds_status st;

    if (path == NULL)
        return DS_OK;
    st = ds_image_load(&raw, path, err);
    if (st != DS_OK)
        return st;
    width = o->width > 0 ? o->width : raw.width < 8 ? 8 : raw.width / 8 * 8;
    height = o->height > 0 ? o->height : raw.height < 8 ? 8 : raw.height / 8 * 8;
    st = o->width > 0 || o->height > 0
             ? ds_image_fit(&sized, &raw, width, height, DS_FILTER_LANCZOS, err)
             : ds_image_resize(&sized, &raw, width, height, DS_FILTER_LANCZOS, err);
    if (st == DS_OK)
        j->planes = ds_alloc((size_t)(3 * width * height) * sizeof *j->planes);
    if (st == DS_OK && j->planes == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the initial picture");
    if (st == DS_OK) {
        ds_image_to_planes(j->planes, &sized);
        j->image = (ds_tensor){ DS_DTYPE_F32, 4, { 1, 3, height, width }, j->planes };
        o->image = &j->image;
    }
    ds_image_clear(&raw);
    ds_image_clear(&sized);
    return st;
}

static ds_status read_options(job *j, ds_run_options *o, ds_error *err)
{
    const ds_args *a = j->args;
    ds_status st = ds_rng_kind_parse(&o->rng, opt_text(a, "rng"), err);

    o->prompt = opt_text(a, "prompt");
    o->negative_prompt = opt_text(a, "negative-prompt");
    o->steps = (int)opt_int(a, "steps");
    o->cfg_scale = opt_real(a, "cfg-scale");
    o->sampler = opt_text(a, "sampler");
    o->scheduler = opt_text(a, "scheduler");
    o->spacing = opt_text(a, "timestep-spacing");
    o->set_alpha_to_one = opt_flag(a, "set-alpha-to-one") ? 1 : -1;
    o->eta = opt_real(a, "eta");
    o->width = opt_given(a, "width") ? opt_int(a, "width") : 0;
    o->height = opt_given(a, "height") ? opt_int(a, "height") : 0;
    o->seed = opt_seed(a, "seed");
    o->images = opt_given(a, "batch-count") ? opt_int(a, "batch-count") : 0;
    o->strength = opt_real(a, "strength");
    o->vae_tiling = opt_flag(a, "vae-tiling") ? 1 : -1;
    o->cancel = cancel_on_interrupt();
    if (st == DS_OK && opt_given(a, "latent") && opt_given(a, "init-img"))
        st = ds_fail(err, DS_E_ARG, "--latent and --init-img exclude each other");
    if (st == DS_OK)
        st = load_latent(j, o, err);
    return st == DS_OK ? load_image(j, o, err) : st;
}

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
    ds_status st = read_options(j, &o, err);

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

    if (opt_text(a, "model") == NULL)
        st = ds_fail(err, DS_E_ARG,
                     "-m MODEL is needed: the model that comes with this program is "
                     "not there yet");
    else if (opt_text(a, "out") == NULL && opt_text(a, "output") == NULL)
        st = ds_fail(err, DS_E_ARG, "--out DIR or -o FILE.png is needed");
    if (st == DS_OK)
        st = show_check(a, err);
    if (st == DS_OK)
        st = run_record_begin(&record, a, err);
    if (st == DS_OK)
        st = generate(&j, &record, err);
    ds_run_free(j.run);
    ds_bundle_free(j.latent);
    ds_free(j.planes);
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
    .common = COMMON_MODEL_OPTIONAL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON |
              COMMON_PROGRESS | COMMON_SHOW,
    .run = run,
};

/* daam_job.c - from options to a trace: a generation, an existing picture, or a saved trace. */

#include "daam_job.h"

#include <stdlib.h>
#include <string.h>

#include <diffuscope/record.h>

#include "model_option.h"
#include "progress.h"
#include "report.h"
#include <diffuscope/job.h>

#define PATH_SIZE 4096

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for a trace");
}

/* ---- options --------------------------------------------------------------------------------- */

static bool is_paper(const ds_args *a)
{
    return strcmp(opt_text(a, "preset"), "paper") == 0;
}

ds_daam_refine daam_job_refine(const ds_args *a)
{
    if (opt_text(a, "refine") == NULL)
        return strcmp(opt_text(a, "preset"), "best") == 0 ? DS_DAAM_SHARP : DS_DAAM_RAW;
    return (ds_daam_refine)opt_choice(a, "refine");
}

static ds_status read_trace_options(daam_job *j, ds_daam_options *o, ds_error *err)
{
    const ds_args *a = j->args;
    const char *size = opt_text(a, "map-size");
    const bool all = opt_flag(a, "save-trace");
    int n;

    o->paper = is_paper(a);
    o->uncond = strcmp(opt_text(a, "branch"), "uncond") == 0;
    o->low_memory = opt_flag(a, "low-memory");
    o->self = daam_job_refine(a) != DS_DAAM_RAW || all;
    o->ask = opt_texts(a, "ask", &n);
    o->n_ask = n;
    o->save_heads = opt_text(a, "save-heads");
    o->load_heads = opt_text(a, "load-heads");
    o->budget = (size_t)opt_int(a, "budget") << 20;
    if (!all) { /* what is not asked for need not be kept */
        o->layers = opt_text(a, "layers");
        o->heads = opt_text(a, "heads");
        o->steps = opt_text(a, "at-steps");
        o->resolutions = opt_text(a, "resolutions");
    }
    if (o->paper && size != NULL && strchr(size, 'x') == NULL)
        o->side = atoll(size);
    if (opt_flag(a, "save-queries") && !all)
        return ds_fail(err, DS_E_ARG, "--save-queries goes with --save-trace");
    if (opt_flag(a, "save-queries")) {
        ds_status st = run_folder_make(opt_text(a, "out"), err);

        if (st == DS_OK)
            st = run_folder_file(j->queries, sizeof j->queries, opt_text(a, "out"), "queries", err);
        if (st != DS_OK)
            return st;
        o->save_queries = j->queries;
    }
    if (opt_text(a, "from") != NULL && (o->save_heads != NULL || o->load_heads != NULL || all))
        return ds_fail(
            err, DS_E_ARG,
            "--from takes a trace as it is: no --save-trace, --save-heads, --load-heads");
    return DS_OK;
}

static bool chunks(const ds_args *a)
{
    return strcmp(opt_text(a, "long-prompt"), "chunks") == 0;
}

/* ---- a generation ---------------------------------------------------------------------------- */

/* At most so many pictures are drawn at once: their sums share the budget. */
enum { GROUP = 8 };

/* Every prompt is drawn --batch-count times; pictures are counted through all of them. */
static ds_status read_prompts(daam_job *j, ds_error *err)
{
    const ds_args *a = j->args;
    const int64_t times = opt_int(a, "batch-count");
    ds_status st = prompt_list_read(&j->list, a, err);

    if (st != DS_OK)
        return st;
    for (int64_t i = 0; i < j->list.count; i++)
        remark_on_emphasis(a, j->list.text[i]);
    j->total = j->list.count * times;
    if (j->list.count > 1 && opt_text(a, "latent") != NULL)
        return ds_fail(err, DS_E_ARG, "--latent goes with one prompt");
    if (j->total > GROUP &&
        (opt_flag(a, "save-trace") || opt_text(a, "save-heads") || opt_text(a, "load-heads")))
        return ds_fail(err, DS_E_ARG,
                       "--save-trace, --save-heads and --load-heads go with at most %d pictures",
                       GROUP);
    return DS_OK;
}

/* Prompts of the pictures from j->base on: one for all, or one for each. */
static ds_status take_prompts(daam_job *j, ds_run_options *o, ds_error *err)
{
    const int64_t times = opt_int(j->args, "batch-count");
    int64_t n = j->total - j->base < GROUP ? j->total - j->base : GROUP;

    o->prompt = j->list.text[j->base / times];
    o->seed += (uint64_t)j->base;
    if (o->latent != NULL) /* its number of pictures is its own */
        return DS_OK;
    o->images = n;
    if (j->list.count == 1)
        return DS_OK;
    ds_free(j->prompts);
    j->prompts = ds_calloc((size_t)n, sizeof *j->prompts);
    if (j->prompts == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < n; i++)
        j->prompts[i] = j->list.text[(j->base + i) / times];
    o->prompts = j->prompts;
    return DS_OK;
}

const char *daam_job_prompt(const daam_job *j, int64_t image)
{
    const int64_t k = (j->base + image) / opt_int(j->args, "batch-count");

    return j->list.text[k < j->list.count ? k : j->list.count - 1];
}

static ds_status run_steps(daam_job *j, ds_error *err)
{
    ds_run *run = ds_daam_run(j->d);
    progress p;
    ds_status st = j->base == 0 ? run_record_time(j->record, "prepared", err) : DS_OK;

    progress_begin(&p, j->args, "sampling", ds_run_steps(run));
    while (st == DS_OK && !ds_run_done(run)) {
        st = ds_run_step(run, err);
        progress_step(&p, ds_run_step_index(run));
    }
    progress_end(&p);
    if (st == DS_OK)
        st = run_record_time(j->record, "sampled", err);
    return st == DS_OK ? ds_run_decode(run, err) : st;
}

static void tell(const daam_job *j)
{
    ds_run *run = ds_daam_run(j->d);
    const char *text;

    remark(j->args, "tracing: %s", ds_daam_describe(j->d).plan);
    for (int i = 0; (text = ds_daam_warning(j->d, i)) != NULL; i++)
        remark(j->args, "%s", text);
    for (int i = 0; run != NULL && (text = ds_run_warning(run, i)) != NULL; i++)
        remark(j->args, "%s", text);
}

static ds_status take_pictures(daam_job *j, ds_error *err)
{
    const ds_tensor t = ds_run_image(ds_daam_run(j->d));
    ds_status st = DS_OK;

    j->images = t.dim[0];
    if (j->total < j->images)
        j->total = j->images;
    j->shown = ds_calloc((size_t)j->images, sizeof *j->shown);
    if (j->shown == NULL)
        return no_memory(err);
    for (int64_t b = 0; st == DS_OK && b < j->images; b++)
        st = ds_image_from_planes(&j->shown[b], (const float *)t.data + b * 3 * t.dim[2] * t.dim[3],
                                  t.dim[3], t.dim[2], err);
    return st;
}

static ds_status generate(daam_job *j, const ds_daam_options *o, ds_error *err)
{
    ds_run_options r = DS_RUN_OPTIONS_INIT;
    ds_status st = run_options_read(&j->inputs, &r, j->args, err);

    r.chunks = chunks(j->args);
    if (st == DS_OK)
        st = take_prompts(j, &r, err);
    if (st == DS_OK)
        st = ds_daam_new(&j->d, j->model, &r, o, err);
    if (st != DS_OK)
        return st;
    tell(j);
    st = run_steps(j, err);
    return st == DS_OK ? take_pictures(j, err) : st;
}

/* ---- an existing picture --------------------------------------------------------------------- */

static void show_level(void *user, int64_t done, int64_t total)
{
    (void)total;
    progress_step(user, done);
}

static ds_status look(daam_job *j, const ds_daam_options *o, ds_error *err)
{
    const ds_args *a = j->args;
    ds_daam_picture p = DS_DAAM_PICTURE_INIT;
    progress bar;
    int n;
    const char *const *list = opt_texts(a, "prompt", &n);
    ds_status st = picture_from_options(&j->from_file, j->model, a, NULL, err);

    if (st == DS_OK && n != 1)
        st = ds_fail(err, DS_E_ARG, "--image goes with one -p PROMPT: what the picture shows");
    if (st == DS_OK)
        st = ds_rng_kind_parse(&p.rng, opt_text(a, "rng"), err);
    if (st != DS_OK)
        return st;
    p.image = &j->from_file.image;
    p.prompt = list[0];
    p.negative_prompt = opt_text(a, "negative-prompt");
    p.approach = (ds_daam_approach)opt_choice(a, "approach");
    p.levels = (int)opt_int(a, "levels");
    p.from = opt_real(a, "level-from");
    p.to = opt_real(a, "level-to");
    p.cfg_scale = opt_given(a, "cfg-scale") ? opt_real(a, "cfg-scale") : 1.0;
    p.chunks = chunks(a);
    p.seed = opt_seed(a, "seed");
    p.cancel = cancel_on_interrupt();
    p.progress = show_level;
    p.user = &bar;
    progress_begin(&bar, a, "levels", p.levels);
    st = ds_daam_open_picture(&j->d, j->model, &p, o, err);
    progress_end(&bar);
    if (st != DS_OK)
        return st;
    tell(j);
    j->images = j->total = 1;
    j->shown = ds_calloc(1, sizeof *j->shown);
    if (j->shown == NULL)
        return no_memory(err);
    j->shown[0] = j->from_file.shown;
    j->from_file.shown = (ds_image){ 0 };
    return DS_OK;
}

/* ---- a saved trace --------------------------------------------------------------------------- */

/* The picture of one item: DIR/image.png, or DIR/000/image.png of several. */
static ds_status load_shown(daam_job *j, const char *dir, int64_t b, ds_error *err)
{
    char name[64], path[PATH_SIZE];
    ds_status st;

    snprintf(name, sizeof name, j->images > 1 ? "%03lld/image.png" : "image.png", (long long)b);
    st = run_folder_file(path, sizeof path, dir, name, err);
    return st == DS_OK ? ds_image_load(&j->shown[b], path, err) : st;
}

static ds_status load(daam_job *j, ds_error *err)
{
    const char *dir = opt_text(j->args, "from");
    char path[PATH_SIZE], queries[PATH_SIZE];
    int n;
    const char *const *ask = opt_texts(j->args, "ask", &n);
    ds_status st = run_folder_file(path, sizeof path, dir, "trace.safetensors", err);

    if (st == DS_OK)
        st = run_folder_file(queries, sizeof queries, dir, "queries", err);
    if (st == DS_OK)
        st = ds_daam_load_asking(&j->d, j->model, path, queries, ask, n, err);
    if (st != DS_OK)
        return st;
    tell(j);
    j->images = j->total = ds_daam_describe(j->d).images;
    j->shown = ds_calloc((size_t)j->images, sizeof *j->shown);
    if (j->shown == NULL)
        return no_memory(err);
    for (int64_t b = 0; st == DS_OK && b < j->images; b++)
        st = load_shown(j, dir, b, err);
    return st;
}

/* Without -m, a saved trace's own model is opened. */
static ds_status open_model(daam_job *j, ds_error *err)
{
    const char *from = opt_text(j->args, "from");
    ds_model_options o = DS_MODEL_OPTIONS_INIT;
    char path[PATH_SIZE];
    json_t *root;
    json_error_t e;
    const char *model, *emphasis;
    ds_status st;

    if (from == NULL && opt_text(j->args, "model") == NULL)
        return ds_specimen_find(&j->folder_model, err); /* which says where it was looked for */
    if (from == NULL || opt_given(j->args, "model"))
        return model_from_options(&j->model, j->args, err);
    st = run_folder_file(path, sizeof path, from, "run.json", err);
    if (st != DS_OK)
        return st;
    root = json_load_file(path, 0, &e);
    model = json_string_value(json_object_get(json_object_get(root, "options"), "model"));
    emphasis = json_string_value(json_object_get(json_object_get(root, "options"), "emphasis"));
    if (emphasis != NULL)
        st = ds_emphasis_parse(&o.emphasis, emphasis, err);
    if (model != NULL && strcmp(model, "specimen") == 0)
        model = opt_text(j->args, "model");
    if (st == DS_OK)
        st = model != NULL ? ds_model_open(&j->model, model, &o, err)
                           : ds_fail(err, DS_E_FORMAT, "%s names no model: give it with -m", path);
    j->folder_model = model != NULL ? ds_strdup(model) : NULL;
    json_decref(root);
    return st;
}

/* ---- all of it ------------------------------------------------------------------------------- */

ds_status daam_job_begin(daam_job *j, ds_error *err)
{
    const ds_args *a = j->args;
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_status st = read_trace_options(j, &o, err);

    if (st == DS_OK && opt_text(a, "from") != NULL && opt_text(a, "image") != NULL)
        st = ds_fail(err, DS_E_ARG, "--from and --image exclude each other");
    if (st == DS_OK)
        st = open_model(j, err);
    if (st != DS_OK)
        return st;
    if (opt_text(a, "from") != NULL)
        return load(j, err);
    if (opt_text(a, "image") != NULL)
        return look(j, &o, err);
    st = read_prompts(j, err);
    return st == DS_OK ? generate(j, &o, err) : st;
}

static void clear_group(daam_job *j)
{
    for (int64_t b = 0; j->shown != NULL && b < j->images; b++)
        ds_image_clear(&j->shown[b]);
    ds_free(j->shown);
    ds_daam_free(j->d);
    run_inputs_free(&j->inputs);
    j->shown = NULL;
    j->d = NULL;
}

ds_status daam_job_next(daam_job *j, ds_error *err)
{
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_status st = read_trace_options(j, &o, err);

    j->base += j->images;
    clear_group(j);
    j->images = 0;
    return st == DS_OK ? generate(j, &o, err) : st;
}

void daam_job_free(daam_job *j)
{
    clear_group(j);
    prompt_list_free(&j->list);
    ds_free(j->prompts);
    ds_free(j->folder_model);
    picture_clear(&j->from_file);
    ds_model_close(j->model);
}

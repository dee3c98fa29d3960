/* method.c - `generate`: from a prompt to pictures, with everything that a repeat of the run needs in
 * the PNG and in the run folder. */

#include <stdio.h>
#include <string.h>

#include "methods/generate/generate.h"
#include "methods/methods.h"

#define PATH_SIZE 4096
#define AT(field) offsetof(generate_job, field)

static const ds_option rows[] = {
    { .kind = DS_OPTION_BLOCK, .offset = AT(prompts), .block = ds__prompt_rows },
    { .kind = DS_OPTION_BLOCK, .offset = AT(start), .block = ds__start_rows },
    { .kind = DS_OPTION_BLOCK, .offset = AT(drawing), .block = ds__draw_rows },
    { .name = "output",
      .letter = 'o',
      .kind = DS_OPTION_OUTFILE,
      .offset = AT(output),
      .arg = "FILE",
      .help = "the picture alone, .png or .jpg; - writes a PNG to standard output" },
    { 0 },
};

/* ---- checks ----------------------------------------------------------------------------------- */

/* "x.png" of one picture, "x-3.png" of several. */
static ds_status picture_path(char buf[PATH_SIZE], const char *path, int64_t images, int64_t b,
                              ds_error *err)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t stem = dot != NULL && dot > (slash != NULL ? slash + 1 : path) ? (size_t)(dot - path)
                                                                          : strlen(path);
    int n = images < 2 ? snprintf(buf, PATH_SIZE, "%s", path)
                       : snprintf(buf, PATH_SIZE, "%.*s-%lld%s", (int)stem, path, (long long)b,
                                  path + stem);

    return n >= 0 && n < PATH_SIZE ? DS_OK : ds_fail(err, DS_E_ARG, "the path of -o is too long");
}

/* Standard output belongs to the front: a library has none. */
static bool to_output(const generate_job *o)
{
    return o->output != NULL && strcmp(o->output, "-") == 0;
}

static int64_t pictures_of(const generate_job *o)
{
    return o->start.batch * o->list.count;
}

/* Pictures that would be overwritten, whose names get a number when there are several. */
static ds_status check_files(const ds_job *j, const generate_job *o, ds_error *err)
{
    const int64_t n = pictures_of(o);
    char path[PATH_SIZE];
    ds_status st = o->output != NULL ? ds_image_check_name(o->output, err) : DS_OK;

    if (to_output(o))
        return n == 1 ? DS_OK
                      : ds_fail(err, DS_E_ARG, "standard output takes one picture, not %lld",
                                (long long)n);

    for (int64_t b = 0; st == DS_OK && o->output != NULL && b < n; b++) {
        st = picture_path(path, o->output, n, b, err);
        if (st == DS_OK)
            st = ds_option_check_outfile(j->set, path, err);
    }
    return st;
}

static ds_status early(ds_job *j, void *options, ds_error *err)
{
    generate_job *o = options;
    ds_status st = ds__prompts_read(&o->list, j, &o->prompts, o->drawing.seed, err);

    if (st == DS_OK && o->output == NULL && j->common.folder == NULL && j->o.dashes)
        st = ds_fail(err, DS_E_ARG, "--out DIR or -o FILE.png is needed");
    return st == DS_OK ? check_files(j, o, err) : st;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    generate_job *o = options;
    ds_status st = ds__draw_check(j, &o->drawing, err);

    /* A record of one prompt holds its text, as it always has, and that of several a list. */
    if (st == DS_OK && o->prompts.prompt.count == 1)
        st = ds_record_text(j->record, "options.prompt",
                            ds_option_texts(j->set, ds_option_find(j->set, "prompt")).text[0], err);
    if (st == DS_OK && o->drawing.seed > UINT64_MAX - (uint64_t)(pictures_of(o) - 1))
        st = ds_fail(err, DS_E_ARG, "%s: %lld pictures from %llu on go beyond the largest seed",
                     ds__job_name(j, "seed"), (long long)pictures_of(o),
                     (unsigned long long)o->drawing.seed);
    for (int64_t k = 0; st == DS_OK && k < o->list.count; k++)
        st = ds__job_warn_of_prompt(j, o->list.text[k], err);
    return st == DS_OK ? ds__start_check(&o->from, j, &o->start, &o->drawing, err) : st;
}

/* ---- the run ---------------------------------------------------------------------------------- */

static ds_status draw(generate_job *o, ds_job *j, ds_error *err)
{
    ds_run_options r = DS_RUN_OPTIONS_INIT;
    ds_status st;

    ds__draw_run_options(&r, j, &o->drawing);
    r.prompt = o->list.text[o->at];
    ds__start_run_options(&r, j, &o->from, &o->start);
    if (o->at > 0)
        r.seed += (uint64_t)(o->at * ds_run_describe(o->run).images);
    ds_run_free(o->run);
    o->run = NULL;
    st = ds_run_new(&o->run, j->model, &r, err);
    if (st == DS_OK)
        st = ds__job_time(j, "prepared", err);
    if (st == DS_OK)
        st = ds__run_all(j, o->run, err);
    if (st == DS_OK)
        st = ds__job_time(j, "sampled", err);
    if (st == DS_OK)
        st = ds_run_decode(o->run, err);
    return st == DS_OK ? ds__job_time(j, "decoded", err) : st;
}

/* ---- the result ------------------------------------------------------------------------------- */

static ds_status keep_picture(generate_job *o, ds_job *j, ds_result *to, int64_t b, ds_error *err)
{
    const int64_t images = ds_run_describe(o->run).images;
    const uint64_t seed = ds__generate_seed(o, b);
    const char *prompt = o->list.text[o->at];
    char path[PATH_SIZE], name[32];
    drawn_texts t = { 0 };
    ds_image image = { 0 };
    json_t *row;
    ds_status st = ds__drawn_image(&image, o->run, b, err);

    snprintf(name, sizeof name, images < 2 ? "image" : "image-%lld", (long long)b);
    if (st == DS_OK)
        st = ds__drawn_texts(&t, j, o->run, &o->drawing, prompt, seed,
                             o->start.init != NULL ? o->start.strength : -1, err);
    if (st == DS_OK && o->output != NULL && !to_output(o)) {
        st = picture_path(path, o->output, images * o->list.count, o->at * images + b, err);
        if (st == DS_OK)
            st = ds_image_save(&image, path, t.text, 2, err);
        json_array_append_new(o->paths, json_string(path));
    }
    if (st == DS_OK)
        st = ds__result_figure_with(to, name, &image, true, t.text, 2, err);
    row =
        json_pack("{s:s, s:o, s:s}", "figure", name, "seed", ds__json_seed(seed), "prompt", prompt);
    if (to->name != NULL)
        json_object_set_new(row, "folder", json_string(to->name));
    json_array_append_new(o->pictures, row);
    if (st == DS_OK && j->common.folder != NULL) {
        snprintf(path, sizeof path, "%s/%s%s%s.png", j->common.folder,
                 to->name != NULL ? to->name : "", to->name != NULL ? "/" : "", name);
        json_array_append_new(o->paths, json_string(path));
    }
    ds__drawn_texts_clear(&t);
    ds_image_clear(&image);
    return st;
}

static ds_status keep_tensor(ds_result *to, const char *name, ds_tensor t, ds_error *err)
{
    return t.data != NULL ? ds__result_floats(to, name, t.rank, t.dim, t.data, err) : DS_OK;
}

/* The pictures of one prompt, in the result itself or in a part of it. */
static ds_status keep(generate_job *o, ds_job *j, ds_result *to, ds_error *err)
{
    const ds_run_info i = ds_run_describe(o->run);
    ds_status st = o->at == 0
                       ? ds__drawn_record(j, o->run, err)
                       : ds_record_ints(j->record, "prompt_ids", i.prompt_ids, i.tokens, err);

    o->calls += i.calls;
    for (int64_t b = 0; st == DS_OK && b < i.images; b++)
        st = keep_picture(o, j, to, b, err);
    if (st == DS_OK)
        st = keep_tensor(to, "latents", ds_run_latents(o->run), err);
    if (st == DS_OK)
        st = keep_tensor(to, "noise", ds_run_noise(o->run), err);
    if (st == DS_OK)
        st = keep_tensor(to, "image", ds_run_image(o->run), err);
    return st == DS_OK ? ds__generate_page(j, to, o, err) : st;
}

static ds_status keep_part(generate_job *o, ds_job *j, ds_error *err)
{
    ds_result *to;
    char name[32];
    ds_status st;

    snprintf(name, sizeof name, "%03lld", (long long)o->at);
    st = ds__result_part(&to, name, err);
    if (st != DS_OK)
        return st;
    st = keep(o, j, to, err);
    if (st == DS_OK)
        return ds__result_part_done(j->result, to, j->common.folder, err);
    ds__result_free(to);
    return st;
}

static ds_status keep_numbers(const generate_job *o, ds_job *j, ds_error *err)
{
    const ds_run_info i = ds_run_describe(o->run);
    ds_result *r = j->result;
    const int64_t images = i.images * o->list.count;
    ds_status st = ds__result_set(r, "images", json_integer((json_int_t)images), err);

    if (st == DS_OK) /* of the first */
        st = ds__result_set(r, "seed", ds__json_seed(o->drawing.seed), err);
    if (st == DS_OK)
        st = ds__result_set(r, "width", json_integer((json_int_t)i.width), err);
    if (st == DS_OK)
        st = ds__result_set(r, "height", json_integer((json_int_t)i.height), err);
    if (st == DS_OK)
        st = ds__result_set(r, "denoiser_calls", json_integer((json_int_t)o->calls), err);
    if (st == DS_OK)
        st = ds__result_set(r, "pictures", json_incref(o->pictures), err);
    return st == DS_OK && o->list.count > 1
               ? ds_record_null(j->record, "prompt_ids", err) /* each picture's PNG has its own */
               : st;
}

/* What is told on standard output: where the pictures are. */
static ds_status keep_answer(generate_job *o, ds_job *j, ds_error *err)
{
    const ds_run_info i = ds_run_describe(o->run);
    json_t *warnings = json_array();

    for (size_t k = 0; k < json_array_size(o->paths); k++)
        ds__result_say(j->result, "%s\n", json_string_value(json_array_get(o->paths, k)));
    for (int k = 0; ds_run_warning(o->run, k) != NULL; k++)
        json_array_append_new(warnings, json_string(ds_run_warning(o->run, k)));
    return ds__result_answer(j->result,
                             json_pack("{s:O, s:o, s:s, s:i, s:I, s:I, s:I, s:o}", "images",
                                       o->paths, "seed", ds__json_seed(o->drawing.seed), "sampler",
                                       i.sampler, "steps", ds_run_steps(o->run), "denoiser_calls",
                                       (json_int_t)o->calls, "width", (json_int_t)i.width, "height",
                                       (json_int_t)i.height, "warnings", warnings),
                             err);
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    generate_job *o = options;
    const bool many = o->list.count > 1;
    ds_status st = DS_OK;

    o->paths = json_array();
    o->pictures = json_array();
    if (o->paths == NULL || o->pictures == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of pictures");
    for (o->at = 0; st == DS_OK && o->at < o->list.count; o->at++) {
        if (many)
            st = ds__job_progress(j, "prompts", o->at, o->list.count, err);
        if (st == DS_OK)
            st = draw(o, j, err);
        if (st == DS_OK)
            st = many ? keep_part(o, j, err) : keep(o, j, j->result, err);
    }
    if (st == DS_OK)
        st = keep_numbers(o, j, err);
    if (st == DS_OK && many)
        st = ds__generate_pages(j, o, err);
    return st == DS_OK ? keep_answer(o, j, err) : st;
}

static void clear(void *options)
{
    generate_job *o = options;

    ds_run_free(o->run);
    ds__prompts_free(&o->list);
    ds__start_clear(&o->from);
    json_decref(o->paths);
    json_decref(o->pictures);
}

const ds_method ds__method_generate = {
    .name = "generate",
    .purpose = "draw pictures from a prompt",
    .description =
        "Draws what diffusers' pipelines draw from the same model, prompt, scheduler and "
        "generator. "
        "Size, sampler and schedule are the model's own where no option says otherwise.\n\n"
        "With --out, the run folder holds image.png (image-0.png and so on for several), run.json "
        "with all that a repeat needs, report.html to look at, result.json, and "
        "tensors.safetensors with \"latents\" [steps, pictures, "
        "channels, height, width] after each step, \"noise\" [pictures, channels, height, width] "
        "that they began from (--latent takes the folder), and \"image\" [pictures, 3, height, "
        "width] with values from 0 to 1. Each PNG carries the settings in the text \"parameters\", "
        "as other "
        "programs write it, and the record as JSON in the text \"diffuscope\".\n\n"
        "Several prompts (-p several times, --prompts FILE, --template) are drawn one after "
        "another, each into "
        "a folder 000, 001 ... of its own; result.json and table.csv name folder, seed and prompt "
        "of each "
        "picture. Seeds go on over prompts.\n\n"
        "With --init-img, the picture is encoded, noise is added, and the last part of the steps, "
        "--strength, is run.",
    .example =
        "diffuscope generate -m sd15 -p \"a photo of a cat\" -n blurry --steps 20 -o cat.png",
    .results = "images: how many\nseed: of the first\npictures: [{figure, seed, prompt; folder of "
               "several prompts}]\n"
               "width, height: pixels\ndenoiser_calls: evaluations of the network",
    .options = rows,
    .size = sizeof(generate_job),
    .fields = offsetof(generate_job, list),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .early = early,
    .check = check,
    .run = run,
    .clear = clear,
};

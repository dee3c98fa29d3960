/* session.c - from options to a trace: a generation, an existing picture, or a saved trace. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/syntax.h>

#include "base/file.h"
#include "base/json.h"
#include "methods/daam/job.h"

#define PATH_SIZE 4096

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for a trace");
}

/* ---- checks ----------------------------------------------------------------------------------- */

/* At most so many pictures are drawn at once: their sums share the budget. */
enum { GROUP = 8 };

static ds_status check_size(daam_job *o, ds_error *err)
{
    ds_daam_map_options *m = &o->map;
    char *end;

    if (o->map_size == NULL)
        return DS_OK;
    m->height = m->width = strtoll(o->map_size, &end, 10);
    if (*end == 'x')
        m->width = strtoll(end + 1, &end, 10);
    if (*end != '\0' || m->height <= 0 || m->width <= 0)
        return ds_fail(err, DS_E_ARG, "%s: expected N or HEIGHTxWIDTH, found \"%.40s\"",
                       ds__job_name(o->job, "map-size"), o->map_size);
    if (o->preset == DAAM_PAPER && strchr(o->map_size, 'x') == NULL)
        o->trace_options.side = m->height;
    return DS_OK;
}

static ds_status check_map(daam_job *o, ds_error *err)
{
    const ds_job *j = o->job;
    ds_daam_map_options *m = &o->map;

    *m = (ds_daam_map_options)DS_DAAM_MAP_OPTIONS_INIT;
    m->weights = ds__job_given(j, "reduce") ? (ds_daam_weights)o->reduce
                 : o->preset == DAAM_PAPER  ? DS_DAAM_PAPER
                                            : DS_DAAM_MEAN;
    m->refine = ds__job_given(j, "refine") ? (ds_daam_refine)o->refine
                : o->preset == DAAM_BEST   ? DS_DAAM_SHARP
                                           : DS_DAAM_RAW;
    m->normalize = o->normalize;
    m->layers = o->layers;
    m->heads = o->heads;
    m->steps = o->at_steps;
    m->resolutions = o->resolutions;
    if (o->relative && o->absolute)
        return ds_fail(err, DS_E_ARG, "%s and %s exclude each other", ds__job_name(j, "relative"),
                       ds__job_name(j, "absolute"));
    for (int64_t i = 0; i < o->token.count; i++)
        if (!isdigit((unsigned char)o->token.text[i][0]) ||
            o->token.text[i][strspn(o->token.text[i], "0123456789")] != '\0')
            return ds_fail(err, DS_E_ARG, "%s: expected a number, found \"%.40s\"",
                           ds__job_name(j, "token"), o->token.text[i]);
    return check_size(o, err);
}

static ds_status check_trace(daam_job *o, ds_error *err)
{
    const ds_job *j = o->job;
    ds_daam_options *t = &o->trace_options;

    t->paper = o->preset == DAAM_PAPER;
    t->uncond = o->branch == 1;
    t->low_memory = o->low_memory;
    t->self = o->map.refine != DS_DAAM_RAW || o->save_trace;
    t->ask = o->ask.text;
    t->n_ask = (int)o->ask.count;
    t->save_heads = o->save_heads;
    t->load_heads = o->load_heads;
    t->budget = (size_t)o->budget << 20;
    if (!o->save_trace) { /* what is not asked for need not be kept */
        t->layers = o->layers;
        t->heads = o->heads;
        t->steps = o->at_steps;
        t->resolutions = o->resolutions;
    }
    if (o->save_queries && !o->save_trace)
        return ds_fail(err, DS_E_ARG, "%s goes with %s", ds__job_name(j, "save-queries"),
                       ds__job_name(j, "save-trace"));
    if (o->save_trace && j->common.folder == NULL)
        return ds_fail(err, DS_E_ARG, "%s needs a folder: %s DIR", ds__job_name(j, "save-trace"),
                       ds__job_name(j, "out"));
    if (o->trace != NULL && (o->save_heads != NULL || o->load_heads != NULL || o->save_trace))
        return ds_fail(err, DS_E_ARG,
                       "%s takes a trace as it is: no save-trace, save-heads, load-heads",
                       ds__job_name(j, "from"));
    if (o->trace != NULL && o->image != NULL)
        return ds_fail(err, DS_E_ARG, "%s and %s exclude each other", ds__job_name(j, "from"),
                       ds__job_name(j, "image"));
    return DS_OK;
}

/* Every prompt is drawn batch-count times; pictures are counted through all of them. */
static ds_status check_prompts(daam_job *o, ds_error *err)
{
    const ds_job *j = o->job;
    ds_status st = ds__prompts_read(&o->list, j, &o->prompts, o->drawing.seed, err);

    for (int64_t i = 0; st == DS_OK && i < o->list.count; i++)
        st = ds__job_warn_of_prompt(o->job, o->list.text[i], err);
    if (st != DS_OK)
        return st;
    o->total = o->list.count * o->start.batch;
    if (o->list.count > 1 && o->start.latent != NULL)
        return ds_fail(err, DS_E_ARG, "%s goes with one prompt", ds__job_name(j, "latent"));
    if (o->total > GROUP && (o->save_trace || o->save_heads != NULL || o->load_heads != NULL))
        return ds_fail(err, DS_E_ARG,
                       "save-trace, save-heads and load-heads go with at most %d pictures", GROUP);
    return ds__start_check(&o->from, j, &o->start, &o->drawing, err);
}

/* Every word that is asked for must stand in some prompt, in one of its forms. */
static ds_status check_words(const daam_job *o, ds_error *err)
{
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(o->job, &t, err);

    if (o->branch == 1) /* the words are those of the negative prompt */
        return st;

    for (int64_t k = 0; st == DS_OK && k < o->list.count; k++)
        for (int64_t i = 0; st == DS_OK && i < o->word.count; i++)
            st = ds__daam_find_word(t, o->list.text[k], o->word.text[i], o->preset == DAAM_PAPER,
                                    o->drawing.long_prompt == 0, err);
    return st;
}

static ds_status check_grammar(const daam_job *o, ds_error *err)
{
    ds_parser *p = NULL;
    ds_status st = o->syntax ? ds_parser_open(&p, err) : DS_OK;

    ds_parser_close(p);
    return st;
}

ds_status ds__daam_job_early(daam_job *o, ds_job *j, ds_error *err)
{
    char path[PATH_SIZE], *none;
    json_t *root = NULL;
    const char *model, *emphasis;
    ds_emphasis read = DS_EMPHASIS_NONE;
    ds_status st;

    if (o->trace == NULL && j->common.model == NULL && j->o.model == NULL)
        return ds_specimen_find(&none, err); /* which says where it was looked for */
    if (o->trace == NULL || ds__job_given(j, "model") || j->o.model != NULL)
        return DS_OK;
    st = ds__run_file(path, sizeof path, o->trace, "run.json", err);
    if (st == DS_OK)
        st = ds__json_load(&root, path, err);
    if (st != DS_OK)
        return st;
    model = json_string_value(json_object_get(json_object_get(root, "options"), "model"));
    emphasis = json_string_value(json_object_get(json_object_get(root, "options"), "emphasis"));
    if (emphasis != NULL)
        st = ds_emphasis_parse(&read, emphasis, err);
    j->common.emphasis = (int)read;
    if (model == NULL)
        st = ds_fail(err, DS_E_FORMAT, "%s names no model: give it with %s", path,
                     ds__job_name(j, "model"));
    else if (st == DS_OK && strcmp(model, "specimen") == 0)
        model = j->common.model;
    if (st == DS_OK)
        st = ds__job_use_model(j, model, err);
    json_decref(root);
    return st;
}

ds_status ds__daam_job_check(daam_job *o, ds_job *j, ds_error *err)
{
    ds_status st;

    o->job = j;
    o->trace_options = (ds_daam_options)DS_DAAM_OPTIONS_INIT;
    st = check_map(o, err);
    if (st == DS_OK)
        st = check_trace(o, err);
    if (st == DS_OK)
        st = check_grammar(o, err);
    if (st == DS_OK)
        st = ds__draw_check(j, &o->drawing, err);
    if (st == DS_OK && o->image != NULL && o->prompts.prompt.count != 1)
        st = ds_fail(err, DS_E_ARG, "%s goes with one %s: what the picture shows",
                     ds__job_name(j, "image"), ds__job_name(j, "prompt"));
    if (st == DS_OK && o->trace == NULL)
        st = check_prompts(o, err);
    return st == DS_OK && o->trace == NULL ? check_words(o, err) : st;
}

/* ---- a generation ----------------------------------------------------------------------------- */

/* Prompts of the pictures from base on: one for all, or one for each. */
static ds_status take_prompts(daam_job *o, ds_run_options *r, ds_error *err)
{
    const int64_t times = o->start.batch;
    int64_t n = o->total - o->base < GROUP ? o->total - o->base : GROUP;

    r->prompt = o->list.text[o->base / times];
    r->seed += (uint64_t)o->base;
    if (r->latent != NULL) /* its number of pictures is its own */
        return DS_OK;
    r->images = n;
    if (o->list.count == 1)
        return DS_OK;
    ds_free(o->of_picture);
    o->of_picture = ds_calloc((size_t)n, sizeof *o->of_picture);
    if (o->of_picture == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < n; i++)
        o->of_picture[i] = o->list.text[(o->base + i) / times];
    r->prompts = o->of_picture;
    return DS_OK;
}

const char *ds__daam_job_prompt(const daam_job *o, int64_t image)
{
    const int64_t k = (o->base + image) / o->start.batch;

    return o->list.text[k < o->list.count ? k : o->list.count - 1];
}

static ds_status tell(daam_job *o, ds_error *err)
{
    const char *text;
    ds_status st = DS_OK;

    ds__job_remark(o->job, "tracing: %s", ds_daam_describe(o->d).plan);
    for (int i = 0; st == DS_OK && (text = ds_daam_warning(o->d, i)) != NULL; i++)
        st = ds__job_warn(o->job, text, err);
    return st;
}

static ds_status take_pictures(daam_job *o, ds_error *err)
{
    const ds_tensor t = ds_run_image(ds_daam_run(o->d));
    ds_status st = DS_OK;

    o->images = t.dim[0];
    if (o->total < o->images)
        o->total = o->images;
    o->shown = ds_calloc((size_t)o->images, sizeof *o->shown);
    if (o->shown == NULL)
        return no_memory(err);
    for (int64_t b = 0; st == DS_OK && b < o->images; b++)
        st = ds__drawn_image(&o->shown[b], ds_daam_run(o->d), b, err);
    return st;
}

static ds_status generate(daam_job *o, ds_error *err)
{
    ds_job *j = o->job;
    ds_run_options r = DS_RUN_OPTIONS_INIT;
    ds_status st;

    ds__draw_run_options(&r, j, &o->drawing);
    ds__start_run_options(&r, j, &o->from, &o->start);
    st = take_prompts(o, &r, err);
    if (st == DS_OK)
        st = ds_daam_new(&o->d, j->model, &r, &o->trace_options, err);
    if (st == DS_OK)
        st = tell(o, err);
    if (st == DS_OK && o->base == 0)
        st = ds__job_time(j, "prepared", err);
    if (st == DS_OK)
        st = ds__run_all(j, ds_daam_run(o->d), err);
    if (st == DS_OK)
        st = ds__job_time(j, "sampled", err);
    if (st == DS_OK)
        st = ds_run_decode(ds_daam_run(o->d), err);
    return st == DS_OK ? take_pictures(o, err) : st;
}

/* ---- an existing picture ---------------------------------------------------------------------- */

static ds_status on_level(void *user, const ds_progress *p, ds_error *err)
{
    return ds__job_progress(user, p->stage, p->done, p->total, err);
}

static ds_status look(daam_job *o, ds_error *err)
{
    ds_job *j = o->job;
    ds_daam_picture p = DS_DAAM_PICTURE_INIT;
    ds_status st = ds__picture_load(&o->picture, &o->drawing, o->image, err);

    ds_rng_kind_parse(&p.rng, o->drawing.rng, NULL); /* checked before */
    p.image = &o->picture.image;
    p.prompt = o->list.text[0];
    p.negative_prompt = o->drawing.negative;
    p.approach = (ds_daam_approach)o->levels.approach;
    p.levels = (int)o->levels.count;
    p.from = o->levels.from;
    p.to = o->levels.to;
    p.cfg_scale = ds__job_given(j, "cfg-scale") ? o->drawing.cfg_scale : 1.0;
    p.chunks = o->drawing.long_prompt != 0;
    p.seed = o->drawing.seed;
    p.cancel = j->o.cancel;
    p.progress = on_level;
    p.user = j;
    if (st == DS_OK)
        st = ds_daam_open_picture(&o->d, j->model, &p, &o->trace_options, err);
    if (st == DS_OK)
        st = tell(o, err);
    if (st != DS_OK)
        return st;
    o->images = o->total = 1;
    o->shown = ds_calloc(1, sizeof *o->shown);
    if (o->shown == NULL)
        return no_memory(err);
    o->shown[0] = o->picture.shown;
    o->picture.shown = (ds_image){ 0 };
    return DS_OK;
}

/* ---- a saved trace ---------------------------------------------------------------------------- */

/* The picture of one item: DIR/image.png, or DIR/000/image.png of several. */
static ds_status load_shown(daam_job *o, int64_t b, ds_error *err)
{
    char name[64], path[PATH_SIZE];
    ds_status st;

    snprintf(name, sizeof name, o->images > 1 ? "%03lld/image.png" : "image.png", (long long)b);
    st = ds__run_file(path, sizeof path, o->trace, name, err);
    return st == DS_OK ? ds_image_load(&o->shown[b], path, err) : st;
}

static ds_status load(daam_job *o, ds_error *err)
{
    char path[PATH_SIZE], queries[PATH_SIZE];
    ds_status st = ds__run_file(path, sizeof path, o->trace, "trace.safetensors", err);

    if (st == DS_OK)
        st = ds__run_file(queries, sizeof queries, o->trace, "queries", err);
    if (st == DS_OK)
        st = ds_daam_load_asking(&o->d, o->job->model, path, queries, o->ask.text, o->ask.count,
                                 err);
    if (st == DS_OK)
        st = tell(o, err);
    if (st != DS_OK)
        return st;
    o->images = o->total = ds_daam_describe(o->d).images;
    o->shown = ds_calloc((size_t)o->images, sizeof *o->shown);
    if (o->shown == NULL)
        return no_memory(err);
    for (int64_t b = 0; st == DS_OK && b < o->images; b++)
        st = load_shown(o, b, err);
    return st;
}

/* ---- all of it -------------------------------------------------------------------------------- */

/* Queries are written while the network runs. */
static ds_status make_queries(daam_job *o, ds_error *err)
{
    const char *folder = o->job->common.folder;
    ds_status st = ds_folder_make(folder, err);

    if (st == DS_OK)
        st = ds__run_file(o->queries, sizeof o->queries, folder, "queries", err);
    o->trace_options.save_queries = o->queries;
    return st;
}

ds_status ds__daam_open(daam_job *o, ds_error *err)
{
    ds_status st = o->save_queries ? make_queries(o, err) : DS_OK;

    if (st != DS_OK)
        return st;
    return o->trace != NULL ? load(o, err) : o->image != NULL ? look(o, err) : generate(o, err);
}

static void clear_group(daam_job *o)
{
    for (int64_t b = 0; o->shown != NULL && b < o->images; b++)
        ds_image_clear(&o->shown[b]);
    ds_free(o->shown);
    ds_daam_free(o->d);
    o->shown = NULL;
    o->d = NULL;
}

ds_status ds__daam_more(daam_job *o, ds_error *err)
{
    o->base += o->images;
    clear_group(o);
    o->images = 0;
    return generate(o, err);
}

void ds__daam_job_clear(daam_job *o)
{
    clear_group(o);
    ds__prompts_free(&o->list);
    ds_free(o->of_picture);
    ds__start_clear(&o->from);
    ds__picture_clear(&o->picture);
}

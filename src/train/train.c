/* train.c - the loop of a training: batch, run, step, and now and then a checkpoint and a sheet. The graph
 * is planned once; the loop allocates only where it writes files. */

#include "train/train.h"

#include "base/clock.h"
#include "base/options.h"
#include "base/file.h"
#include "base/json.h"
#include "models/create.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the folder ------------------------------------------------------------------------------------- */

static ds_status copy_file(const char *from, const char *to, ds_error *err)
{
    ds_out_file f;
    char *data;
    size_t size;
    ds_status st = ds__file_read(&data, &size, from, (size_t)1 << 34, err);

    if (st != DS_OK)
        return st;
    st = ds__out_open(&f, to, err);
    if (st == DS_OK)
        st = ds__out_write(&f, data, size, err);
    if (st == DS_OK)
        st = ds__out_commit(&f, err);
    else
        ds__out_abandon(&f);
    ds_free(data);
    return st;
}

/* Configuration and weights of a component of another model. */
static ds_status copy_component(ds_trainer *t, const char *model, ds_component c, ds_error *err)
{
    const char *name = ds__component_names[c];
    const char *files[2] = { "config.json", c == DS_TEXT_ENCODER
                                                ? "model.safetensors"
                                                : "diffusion_pytorch_model.safetensors" };
    char from[DS_TRAIN_PATH], to[DS_TRAIN_PATH];
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < 2; i++) {
        snprintf(from, sizeof from, "%s/%s/%s", model, name, files[i]);
        snprintf(to, sizeof to, "%s/model/%s/%s", t->o->out, name, files[i]);
        st = copy_file(from, to, err);
    }
    return st;
}

/* A tokenizer pads to what the text encoder has places for, if that is less than its files say. */
static ds_status shorten_tokenizer(ds_trainer *t, ds_error *err)
{
    char path[DS_TRAIN_PATH];
    json_t *text, *tokenizer = NULL;
    json_int_t places;
    ds_status st =
        ds__json_load(&text, ds__train_path(t, path, "model/text_encoder/config.json"), err);

    if (st != DS_OK)
        return st;
    places = json_integer_value(json_object_get(text, "max_position_embeddings"));
    json_decref(text);
    st = ds__json_load(&tokenizer, ds__train_path(t, path, "model/tokenizer/tokenizer_config.json"),
                       err);
    if (st == DS_OK &&
        json_integer_value(json_object_get(tokenizer, "model_max_length")) > places) {
        json_object_set_new(tokenizer, "model_max_length", json_integer(places));
        st = ds__create_json(path, tokenizer, err);
    }
    json_decref(tokenizer);
    return st;
}

static ds_status create_model(ds_trainer *t, ds_error *err)
{
    const ds_settings *s = &t->settings;
    ds_create_options o = DS_CREATE_OPTIONS_INIT;
    char path[DS_TRAIN_PATH];
    ds_status st;

    o.like = s->model;
    o.dtype = DS_DTYPE_F16;
    o.seed = s->seed;
    o.tokenizer = s->tokenizer;
    o.cancel = t->o->cancel;
    st = ds_model_create(ds__train_path(t, path, "model"), &o, NULL, err);
    if (st == DS_OK)
        st = shorten_tokenizer(t, err);
    if (st == DS_OK && t->stage->text && s->vae != NULL)
        st = copy_component(t, s->vae, DS_VAE, err);
    if (st != DS_OK || s->from == NULL)
        return st;
    if (!t->stage->text)
        return copy_component(t, s->from, DS_VAE, err);
    st = copy_component(t, s->from, DS_UNET, err);
    return st == DS_OK ? copy_component(t, s->from, DS_TEXT_ENCODER, err) : st;
}

static ds_status open_folder(ds_trainer *t, bool *resume, ds_error *err)
{
    ds_model_options options = DS_MODEL_OPTIONS_INIT;
    char path[DS_TRAIN_PATH];
    ds_status st = DS_OK;

    if (strlen(t->o->out) > DS_TRAIN_PATH - 128)
        return ds_fail(err, DS_E_ARG, "the path of the folder is too long");
    st = ds_folder_make(t->o->out, err);
    if (st != DS_OK)
        return st;
    ds__clean_leftovers(t->o->out, 3);
    *resume = access(ds__train_path(t, path, "checkpoint.safetensors"), F_OK) == 0;
    if (*resume && !t->o->resume)
        return ds_fail(err, DS_E_ARG,
                       "%s holds a training already; resume it, or take another folder", t->o->out);
    if (!*resume)
        st = create_model(t, err);
    options.products = DS_PRODUCTS_FAST;
    options.compute = t->settings.compute;
    if (st == DS_OK)
        st = ds_model_open(&t->model, ds__train_path(t, path, "model"), &options, err);
    if (st == DS_OK && t->stage->text)
        st = ds_tokenizer_open_model(&t->tokenizer, path, 1, err);
    return st;
}

/* ---- beginning ------------------------------------------------------------------------------------------ */

static ds_status check_sizes(ds_trainer *t, ds_error *err)
{
    const ds_model *m = t->model;
    int halvings = m->vae.levels - 1;

    t->side = m->vae.sample_size;
    t->latent_side = t->side >> halvings;
    if (t->latent_side << halvings != t->side || t->side > 4096)
        return ds_fail(err, DS_E_ARG, "sample_size %lld of the VAE cannot be halved %d times",
                       (long long)t->side, halvings);
    if (t->tokenizer == NULL)
        return DS_OK;
    t->tokens = ds_tokenizer_describe(t->tokenizer).length;
    if (t->tokens > m->clip[0].positions)
        return ds_fail(err, DS_E_ARG,
                       "captions of %lld tokens, but the text encoder has %lld places",
                       (long long)t->tokens, (long long)m->clip[0].positions);
    if (m->unet.in_channels != m->vae.latent_channels)
        return ds_fail(err, DS_E_ARG, "the UNet reads %lld channels, the VAE makes %lld",
                       (long long)m->unet.in_channels, (long long)m->vae.latent_channels);
    return DS_OK;
}

/* Shares of a mean over the batch add up to it: each shard's loss counts by its number of pictures. */
static ds_status build_shard(ds_trainer *t, int k, ds_error *err)
{
    ds_graph_options o = { .params = t->state.params,
                           .compute = t->settings.compute,
                           .backend = DS_BACKEND_DNNL,
                           .recompute = t->settings.recompute };
    ds_shard *p = &t->shard[k];
    int64_t batch = t->settings.batch;
    ds_status st = ds__graph_new(&p->g, &o, err);

    p->first = batch * k / t->state.shards;
    p->batch = batch * (k + 1) / t->state.shards - p->first;
    if (st == DS_OK)
        st = t->stage->build(t, p, err);
    if (st == DS_OK)
        st = ds__state_differentiate(&t->state, k, p->g, p->loss, &p->cotangent, err);
    if (st == DS_OK)
        st = ds__plan_new(&p->plan, p->g, err);
    if (st == DS_OK)
        *(float *)ds__var_data(p->cotangent) = (float)p->batch / (float)batch;
    return st;
}

static void run_shard(void *user, int k)
{
    ds_trainer *t = user;
    ds_shard *p = &t->shard[k];

    p->status = t->stage->fill(t, p, &p->error);
    if (p->status == DS_OK)
        p->status = ds__plan_run(p->plan, t->o->cancel, &p->error);
}

/* Plans are made for the one thread that will run each. */
static ds_status build(ds_trainer *t, bool fresh, ds_error *err)
{
    int threads = ds_threads();
    int shards = threads < t->settings.batch ? threads : (int)t->settings.batch;
    ds_status st = ds__state_new(&t->state, t->model, t->settings.only, shards, fresh, err);

    t->shard = ds_calloc((size_t)shards, sizeof *t->shard);
    if (st == DS_OK && t->shard == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for %d shards", shards);
    if (st == DS_OK && t->stage->begin != NULL)
        st = t->stage->begin(t, err);
    ds_set_threads(1);
    for (int k = 0; st == DS_OK && k < shards; k++)
        st = build_shard(t, k, err);
    ds_set_threads(threads);
    if (st == DS_OK)
        st = ds__state_share(&t->state, &t->settings, err);
    return st == DS_OK ? ds__crew_new(&t->crew, shards, run_shard, t, err) : st;
}

static ds_status begin(ds_trainer *t, int64_t *step, ds_error *err)
{
    ds_settings *s = &t->settings;
    char path[DS_TRAIN_PATH];
    bool resume = false;
    ds_status st = ds__settings_read(s, t->o->config, t->stage->text, err);

    if (st == DS_OK)
        st = open_folder(t, &resume, err);
    if (st == DS_OK)
        st = check_sizes(t, err);
    if (st == DS_OK)
        st = build(t, !resume && s->from == NULL, err);
    if (st == DS_OK && resume)
        st = ds__state_load(&t->state, ds__train_path(t, path, "checkpoint.safetensors"),
                            t->stage->name, s, step, err);
    if (st != DS_OK)
        return st;
    return ds__feed_new(&t->feed,
                        &(ds_feed_options){ t->o->data, t->tokenizer, s->seed, s->batch, t->side,
                                            *step, s->steps, s->drop },
                        err);
}

static void free_shard(ds_shard *p)
{
    ds__plan_free(p->plan);
    ds__graph_free(p->g);
    ds__plan_free(p->encoder_plan);
    ds__graph_free(p->encoder);
    ds_free(p->scratch);
}

static void finish(ds_trainer *t)
{
    ds__feed_free(t->feed);
    ds__crew_free(t->crew);
    for (int k = 0; t->shard != NULL && k < t->state.shards; k++)
        free_shard(&t->shard[k]);
    ds_free(t->shard);
    ds__state_free(&t->state);
    ds_free(t->alpha_bar);
    ds_tokenizer_close(t->tokenizer);
    ds_model_close(t->model);
    ds__settings_free(&t->settings);
}

/* ---- the loop -------------------------------------------------------------------------------------------- */

static ds_status save(ds_trainer *t, int64_t step, ds_error *err)
{
    char path[DS_TRAIN_PATH];

    return ds__state_save(&t->state, ds__train_path(t, path, "checkpoint.safetensors"),
                          t->stage->name, &t->settings, step, err);
}

/* All shards' losses and gradients of a step. */
static ds_status run_step(ds_trainer *t, double *loss, ds_error *err)
{
    ds__crew_run(t->crew);
    *loss = 0.0;
    for (int k = 0; k < t->state.shards; k++) {
        const ds_shard *p = &t->shard[k];

        if (p->status != DS_OK) {
            *err = p->error;
            return p->status;
        }
        *loss += (double)*(const float *)ds__var_data(p->loss) * (double)p->batch /
                 (double)t->settings.batch;
    }
    return DS_OK;
}

/* Share of the rate in step `step`, counted from 1: a rise, the whole of it until `hold`, then half a cosine. */
static double course(const ds_settings *s, int64_t step)
{
    int64_t held = s->hold > s->warmup ? s->hold - s->warmup : 0;

    if (step > s->warmup && step <= s->hold)
        return 1.0;
    return step <= s->warmup ? ds__cosine_rate(step, s->warmup, s->steps, s->floor)
                             : ds__cosine_rate(step - held, s->warmup, s->steps - held, s->floor);
}

static ds_status one_step(ds_trainer *t, int64_t step, ds_train_progress *p, ds_error *err)
{
    const ds_settings *s = &t->settings;
    ds_status st = ds__feed_take(t->feed, &t->batch, err);

    t->step = step;
    if (st == DS_OK)
        st = run_step(t, &p->loss, err);
    if (st != DS_OK)
        return st;
    p->rate = s->adamw.rate * course(s, step + 1);
    p->norm = ds__state_step(&t->state, s, step, p->rate);
    if (!isfinite(p->loss) || !isfinite(p->norm))
        return ds_fail(err, DS_E_ARG,
                       "loss or gradient is not finite at step %lld: lower \"rate\", and resume",
                       (long long)step);
    return DS_OK;
}

static void report(ds_trainer *t, const ds_train_progress *p, FILE *log)
{
    if (log != NULL && (p->event != NULL || p->step % 10 == 0 || p->step < 10)) {
        fprintf(log,
                "{\"step\": %lld, \"loss\": %.6g, \"rate\": %.4g, \"norm\": %.4g, "
                "\"images_per_second\": %.4g, \"gflops\": %.4g",
                (long long)p->step, p->loss, p->rate, p->norm, p->images_per_second, p->gflops);
        if (p->event != NULL)
            fprintf(log, ", \"event\": \"%s\"", p->event);
        fprintf(log, "}\n");
        fflush(log);
    }
    if (t->o->progress != NULL)
        t->o->progress(t->o->user, p);
}

/* The model and the sheet that are due after step `done` (counted from 1). */
static ds_status make_products(ds_trainer *t, int64_t done, char *line, size_t room, ds_error *err)
{
    const ds_settings *s = &t->settings;
    char path[DS_TRAIN_PATH];
    ds_status st;

    if (done % s->sheet != 0 && done != s->steps)
        return DS_OK;
    st = ds__state_export(&t->state, ds__train_path(t, path, "model"), err);
    return st == DS_OK ? t->stage->sheet(t, done, line, room, err) : st;
}

/* After step `done`. The checkpoint comes last: what it says is done has all of its products, and a run that is killed
 * before makes them again. */
static ds_status keep(ds_trainer *t, ds_train_progress *p, int64_t done, FILE *log, ds_error *err)
{
    const ds_settings *s = &t->settings;
    char line[256] = "";
    ds_status st = make_products(t, done, line, sizeof line, err);

    if (st != DS_OK)
        return st;
    p->event = line[0] != '\0' ? line : NULL;
    report(t, p, log);
    p->event = NULL;
    return done % s->checkpoint == 0 || done == s->steps ? save(t, done, err) : DS_OK;
}

static double flops_of_step(const ds_trainer *t)
{
    double flops = 0.0;

    for (int k = 0; k < t->state.shards; k++) {
        ds_plan_info step, encoder = { 0 };

        ds__plan_get_info(t->shard[k].plan, &step);
        if (t->shard[k].encoder_plan != NULL)
            ds__plan_get_info(t->shard[k].encoder_plan, &encoder);
        flops += step.flops + encoder.flops;
    }
    return flops;
}

static ds_status loop(ds_trainer *t, int64_t first, FILE *log, ds_error *err)
{
    double start = ds__seconds(), flops = flops_of_step(t);
    ds_train_progress p = { .steps = t->settings.steps };
    ds_status st = DS_OK;

    for (int64_t step = first; st == DS_OK && step < p.steps; step++) {
        st = one_step(t, step, &p, err);
        if (st == DS_E_CANCELLED) {
            ds_error second = { 0 };
            ds_status saved = save(t, step, &second);

            if (saved != DS_OK) {
                *err = second;
                return saved;
            }
        }
        if (st != DS_OK)
            break;
        p.step = step + 1;
        p.images_per_second =
            (double)((p.step - first) * t->settings.batch) / (ds__seconds() - start);
        p.gflops = flops * (double)(p.step - first) / (ds__seconds() - start) * 1e-9;
        st = keep(t, &p, p.step, log, err);
    }
    return st;
}

/* The log of the steps before `first`, to go on with: those behind it are made again, and so are their lines. */
static ds_status open_log(FILE **log, const ds_trainer *t, int64_t first, ds_error *err)
{
    char path[DS_TRAIN_PATH], *text = NULL;
    size_t bytes = 0, kept = 0;
    long long step;
    int fd;
    ds_status st = DS_OK;

    ds__train_path(t, path, "log.jsonl");
    *log = NULL;
    if (access(path, F_OK) == 0)
        st = ds__file_read(&text, &bytes, path, (size_t)1 << 30, err);
    while (st == DS_OK && kept < bytes) {
        const char *end = memchr(text + kept, '\n', bytes - kept);

        if (end == NULL || sscanf(text + kept, "{\"step\": %lld", &step) != 1 || step > first)
            break;
        kept = (size_t)(end + 1 - text);
    }
    if (st == DS_OK && kept < bytes)
        st = ds__file_write(path, text, kept, err);
    ds_free(text);
    if (st == DS_OK)
        st = ds__file_append(&fd, path, err);
    if (st == DS_OK && (*log = fdopen(fd, "a")) == NULL) {
        close(fd);
        st = ds_fail(err, DS_E_NOMEM, "%s: no memory to write it", path);
    }
    return st;
}

static const ds_stage *find_stage(const char *what)
{
    return strcmp(what, "vae") == 0         ? &ds__stage_vae
           : strcmp(what, "diffusion") == 0 ? &ds__stage_diffusion
                                            : NULL;
}

ds_status ds_train(const char *what, const ds_train_options *given, ds_error *err)
{
    const ds_train_options defaults = DS_TRAIN_OPTIONS_INIT;
    ds_train_options taken;
    const ds_train_options *o = &taken;
    ds_trainer t = { .stage = find_stage(what), .o = o };
    int64_t step = 0;
    FILE *log = NULL;
    ds_status st = ds__options_take(&taken, sizeof taken, &defaults, given, "train options",
                                    "DS_TRAIN_OPTIONS_INIT", err);

    if (st != DS_OK)
        return st;
    if (t.stage == NULL)
        return ds_fail(err, DS_E_NOMATCH, "nothing to train is called \"%s\": vae or diffusion",
                       what);
    if (o->config == NULL || o->out == NULL || o->data == NULL)
        return ds_fail(err, DS_E_ARG, "a training needs a configuration, data and a folder");
    st = begin(&t, &step, err);
    if (st == DS_OK)
        st = open_log(&log, &t, step, err);
    if (st == DS_OK)
        st = loop(&t, step, log, err);
    if (log != NULL)
        fclose(log);
    finish(&t);
    return st;
}

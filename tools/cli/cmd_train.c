/* cmd_train.c - `diffuscope train`: a VAE, or a UNet with its text encoder, on the world's scenes
 * or on a folder of pictures. Where data come from is settled here, the rest by ds_train. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <diffuscope/train.h>

#include "commands.h"
#include "say.h"
#include "world/world.h"

#define SPLITS 8

typedef struct data {
    ds_train_source source;
    ds_world *world;        /* NULL: a folder */
    ds_split split[SPLITS]; /* taken in turn */
    int splits;
    ds_scene scene;
    bool open;
} data;

static ds_status get_scene(void *user, int64_t index, int64_t side, unsigned char *rgb,
                           char *caption, size_t room, ds_error *err)
{
    data *d = user;
    ds_status st;

    if (side != DS_WORLD_SIDE)
        return ds_fail(err, DS_E_ARG, "the world's pictures have %d pixels, sample_size is %lld",
                       DS_WORLD_SIDE, (long long)side);
    st = ds_world_scene(d->world, d->split[index % d->splits], index / d->splits, &d->scene, err);
    if (st != DS_OK)
        return st;
    memcpy(rgb, d->scene.rgb, sizeof d->scene.rgb);
    snprintf(caption, room, "%s", d->scene.caption);
    return DS_OK;
}

/* The splits of "train+icon". */
static ds_status find_splits(data *d, const char *list, ds_error *err)
{
    ds_status st = DS_OK;

    for (const char *end; st == DS_OK && list != NULL; list = end) {
        char name[32];

        end = strchr(list, '+');
        snprintf(name, sizeof name, "%.*s", end != NULL ? (int)(end++ - list) : (int)strlen(list),
                 list);
        if (d->splits == SPLITS)
            return ds_fail(err, DS_E_ARG, "\"data\" has more than %d splits", SPLITS);
        st = ds_split_find(&d->split[d->splits++], name, err);
    }
    return st;
}

/* "world:train", "world:train+icon" and so on, or a folder. */
static ds_status open_data(data *d, const char *name, const char *world, ds_error *err)
{
    ds_status st;

    if (strncmp(name, "world:", 6) != 0) {
        st = ds_train_folder_open(&d->source, name, err);
        d->open = st == DS_OK;
        return st;
    }
    st = find_splits(d, name + 6, err);
    if (st == DS_OK)
        st = ds_world_open(&d->world, world, err);
    d->source = (ds_train_source){ 0, get_scene, d };
    return st;
}

static void close_data(data *d)
{
    ds_world_close(d->world);
    if (d->open)
        ds_train_folder_close(&d->source);
}

typedef struct shown {
    const ds_args *a;
    bool line; /* redrawn on a terminal */
} shown;

static void show(void *user, const ds_train_progress *p)
{
    const shown *s = user;
    const char *mode = opt_text(s->a, "progress");

    if (opt_flag(s->a, "quiet"))
        return;
    if (strcmp(mode, "json") == 0) {
        fprintf(stderr,
                "{\"event\": \"progress\", \"what\": \"training\", \"done\": %lld, "
                "\"total\": %lld, \"loss\": %.6g, \"images_per_second\": %.4g}\n",
                (long long)p->step, (long long)p->steps, p->loss, p->images_per_second);
    } else if (s->line || p->event != NULL || p->step % 100 == 0 || p->step == p->steps) {
        fprintf(stderr, "%s%lld/%lld  loss %.5f  rate %.2e  norm %.3f  %.1f pictures/s%s%s%s",
                s->line ? "\r" : "", (long long)p->step, (long long)p->steps, p->loss, p->rate,
                p->norm, p->images_per_second, p->event != NULL ? "  " : "",
                p->event != NULL ? p->event : "",
                s->line ? p->event != NULL ? "\033[K\n" : "\033[K" : "\n");
        fflush(stderr);
    }
}

static const char *text_of(const json_t *config, const char *name, const char *absent)
{
    const char *text = json_string_value(json_object_get(config, name));

    return text != NULL ? text : absent;
}

typedef struct sources {
    data train, test; /* of its own also if two are the same: two threads read them */
} sources;

static ds_status open_all(sources *d, const char *path, const json_t *config, ds_error *err)
{
    const char *name = text_of(config, "data", NULL), *test = text_of(config, "test", name);
    const char *world = text_of(config, "world", "world");
    ds_status st;

    if (name == NULL)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: \"data\" is missing; name a folder, or world:train, world:single",
                       path);
    st = open_data(&d->train, name, world, err);
    return st == DS_OK ? open_data(&d->test, test, world, err) : st;
}

static ds_status train(const ds_args *a, sources *d, ds_error *err)
{
    const char *path = opts_positional(a, 1);
    ds_train_options o = DS_TRAIN_OPTIONS_INIT;
    shown s = { a, isatty(STDERR_FILENO) && strcmp(opt_text(a, "progress"), "auto") == 0 };
    json_error_t where;
    json_t *config = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    ds_status st;

    if (config == NULL)
        return ds_fail(err, DS_E_FORMAT, "%s:%d:%d: %s", path, where.line, where.column,
                       where.text);
    st = open_all(d, path, config, err);
    o.config = path;
    o.out = opt_text(a, "out");
    o.resume = opt_flag(a, "resume");
    o.data = &d->train.source;
    o.test = &d->test.source;
    o.cancel = cancel_on_interrupt();
    o.progress = show;
    o.user = &s;
    if (st == DS_OK)
        st = ds_train(opts_positional(a, 0), &o, err);
    if (s.line && !opt_flag(a, "quiet"))
        fputc('\n', stderr);
    json_decref(config);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    sources *d = calloc(1, sizeof *d); /* scenes are too large for the stack */
    ds_status st;

    if (d == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for scenes");
    st = train(a, d, err);
    close_data(&d->train);
    close_data(&d->test);
    free(d);
    return st;
}

static const ds_option options[] = {
    { .name = "out",
      .kind = DS_OPTION_TEXT,
      .arg = "DIR",
      .help = "folder for checkpoint, model, contact sheets and log",
      .required = true },
    { .name = "resume",
      .kind = DS_OPTION_FLAG,
      .help = "go on from the checkpoint in DIR, if there is one" },
    { 0 },
};

const ds_command cmd_train = {
    .name = "train",
    .purpose = "train a VAE, or a UNet with its text encoder",
    .positional = "vae|diffusion CONFIG.json",
    .description =
        "Trains on the scenes of the world (\"data\": \"world:train\") or on a folder with "
        "captions.jsonl, and leaves a diffusers folder in DIR/model. An interrupted or killed "
        "training goes on with --resume, with the same bits as one that was not.\n\n"
        "docs/training.md lists the fields of CONFIG.json.",
    .example = "diffuscope train vae vae.json --out out/vae",
    .options = options,
    .common = COMMON_THREADS | COMMON_PROGRESS,
    .least = 2,
    .most = 2,
    .run = run,
};

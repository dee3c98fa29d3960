/* items.c - see sweep.h. */

#include "studies/sweep/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/image.h>

#include "job/files.h"
#include "job/folder.h"

enum { MOST_NUMBERS = 512 };

/* ---- the model ---------------------------------------------------------------------------------- */

/* Options of a model, without which none is opened anew. */
static json_t *model_options(const plan_item *item)
{
    static const char *const names[] = {
        "model", "config",   "prediction",   "vae",       "text-encoder", "text-encoder-2",
        "lora",  "lora-dir", "lora-partial", "embedding", "emphasis",     "compute"
    };
    json_t *out = json_object();

    for (size_t i = 0; i < DS_COUNT(names); i++)
        json_object_set(out, names[i], json_object_get(item->options, names[i]));
    return out;
}

static void close_model(sweep_model *m)
{
    ds_job_free(m->holder);
    free(m->key);
    *m = (sweep_model){ 0 };
}

void ds__sweep_close(sweep_items *s)
{
    close_model(&s->model);
    json_decref(s->hashes);
    s->hashes = NULL;
}

static void tell(void *user, const char *text, bool warning)
{
    if (warning) /* without memory for it, the sweep fails elsewhere */
        ds__job_warn(user, text, NULL);
}

static ds_status new_job(sweep_items *s, ds_job **out, const plan_item *item, ds_error *err)
{
    const ds_job_options o = { .size = sizeof o,
                               .model = s->model.holder != NULL ? s->model.holder->model : NULL,
                               .remark = tell,
                               .user = s->job,
                               .cancel = s->job->o.cancel };
    const char *name;
    json_t *value;
    ds_status st = ds_job_new(out, s->plan->method, &o, err);

    json_object_foreach (item->options, name, value)
        if (st == DS_OK)
            st = ds__plan_set(*out, name, value, err);
    return st;
}

/* The weights' hash, which the lines of an item hold: shards of other weights do not belong together. */
static ds_status hash_weights(sweep_items *s, const char *key, ds_error *err)
{
    sweep_model *m = &s->model;
    const char *known = json_string_value(json_object_get(s->hashes, key));
    char *hash = NULL;
    ds_status st;

    if (known != NULL) {
        snprintf(m->sha, sizeof m->sha, "%s", known);
        return DS_OK;
    }
    st = ds_record_open_model(m->holder->record, m->holder->model, err);

    if (st == DS_OK)
        st = ds_record_get_text(m->holder->record, "model.sha256", &hash, err);
    if (st == DS_OK)
        snprintf(m->sha, sizeof m->sha, "%s", hash);
    if (s->hashes == NULL)
        s->hashes = json_object();
    json_object_set_new(s->hashes, key, json_string(m->sha));
    ds_free(hash);
    return st;
}

/* Opens the item's model unless the one before was the same. */
static ds_status use_model(sweep_items *s, const plan_item *item, ds_error *err)
{
    json_t *options = model_options(item);
    char *key = json_dumps(options, JSON_COMPACT | JSON_SORT_KEYS);
    ds_status st = key != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a model's name");

    json_decref(options);
    if (st != DS_OK || (s->model.key != NULL && strcmp(key, s->model.key) == 0)) {
        free(key);
        return st;
    }
    close_model(&s->model);
    if ((s->plan->method->parts & (DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL)) != 0 &&
        (s->plan->method->parts & DS_JOB_OWN_MODEL) == 0) {
        ds_job *holder = NULL;

        st = new_job(s, &holder, item, err);
        if (st == DS_OK)
            st = ds_job_check(holder, err);
        if (st == DS_OK && holder->model == NULL) {
            ds_job_free(holder);
        } else {
            s->model.holder = holder;
            st = st == DS_OK ? hash_weights(s, key, err) : st;
        }
    }
    if (st != DS_OK) {
        close_model(&s->model);
        free(key);
        return st;
    }
    s->model.key = key;
    return DS_OK;
}

/* ---- an item ------------------------------------------------------------------------------------ */

/* The item's job, checked; an error says of which item it is. */
static ds_status open_item(sweep_items *s, int64_t k, plan_item *item, ds_job **job, ds_error *err)
{
    ds_error why = { 0 };
    ds_status st = ds__plan_item(item, s->plan, k, &why);

    *job = NULL;
    if (st == DS_OK)
        st = use_model(s, item, &why);
    if (st == DS_OK)
        st = new_job(s, job, item, &why);
    if (st == DS_OK)
        st = ds_job_check(*job, &why);
    return st == DS_OK ? DS_OK
                       : ds_fail(err, st, "item %lld (%s): %s", (long long)k, s->plan->method->name,
                                 why.text);
}

ds_status ds__sweep_check(sweep_items *s, int64_t k, ds_error *err)
{
    plan_item item;
    ds_job *job;
    ds_status st = open_item(s, k, &item, &job, err);

    ds_job_free(job);
    ds__plan_item_clear(&item);
    return st;
}

/* ---- its numbers -------------------------------------------------------------------------------- */

/* What tells a row of a list from the others. */
static const char *name_of(const json_t *row)
{
    static const char *const names[] = { "word", "name", "token", "caption" };
    const char *found = NULL;

    for (size_t i = 0; found == NULL && i < DS_COUNT(names); i++)
        found = json_string_value(json_object_get(row, names[i]));
    return found;
}

/* The number that an object with an error stands for; NULL: it is another object. */
static const json_t *value_of(const json_t *object)
{
    static const char *const names[] = { "value", "nats", "bits", "share" };
    const json_t *found = NULL;

    for (size_t i = 0; found == NULL && i < DS_COUNT(names); i++)
        found = json_object_get(object, names[i]);
    return json_object_get(object, "se") != NULL && json_is_number(found) ? found : NULL;
}

/* What was asked, and what it cost, are none of the answer. */
static bool is_answer(const char *name)
{
    static const char *const others[] = {
        "seed",  "steps", "width",    "height", "cost",
        "calls", "bytes", "question", "layers", "denoiser_calls"
    };
    bool found = false;

    for (size_t i = 0; i < DS_COUNT(others); i++)
        found = found || strcmp(others[i], name) == 0;
    return !found;
}

static void take(json_t *to, const char *path, const json_t *value)
{
    const char *name;
    json_t *one;
    char at[256];
    size_t i;

    if (json_is_object(value) && value_of(value) != NULL)
        value = value_of(value);
    if (json_is_number(value) && json_object_size(to) < MOST_NUMBERS)
        json_object_set_new(to, path, json_real(json_number_value(value)));
    json_object_foreach ((json_t *)value, name, one) {
        snprintf(at, sizeof at, "%s%s%s", path, path[0] != '\0' ? "." : "", name);
        if (is_answer(name))
            take(to, at, one);
    }
    json_array_foreach ((json_t *)value, i, one) {
        if (json_array_size(value) ==
            1) /* the only one needs no name, and compares with another's */
            snprintf(at, sizeof at, "%s", path);
        else if (name_of(one) != NULL)
            snprintf(at, sizeof at, "%s.%.80s", path, name_of(one));
        else
            snprintf(at, sizeof at, "%s.%zu", path, i);
        if (json_is_object(one))
            take(to, at, one);
    }
}

static json_t *numbers_of(const json_t *root)
{
    json_t *out = json_object();

    take(out, "", root);
    return out;
}

/* The first picture of the result as FOLDER/pictures/K.png; *name: the file, relative to the folder. */
static ds_status keep_picture(sweep_items *s, char name[64], int64_t k, const ds_result *r,
                              ds_error *err)
{
    const char *folder = s->job->common.folder;
    char path[4096];
    ds_status st;

    name[0] = '\0';
    if (!s->pictures || folder == NULL || r->figures == 0)
        return DS_OK;
    st = ds__run_file(path, sizeof path, folder, "pictures", err);
    if (st == DS_OK)
        st = ds_folder_make(path, err);
    snprintf(name, 64, "pictures/%07lld.png", (long long)k);
    if (st == DS_OK)
        st = ds__run_file(path, sizeof path, folder, name, err);
    if (st == DS_OK)
        st = ds__job_wrote(s->job, path, err);
    return st == DS_OK ? ds_image_save_png(&r->figure[0].image, path, NULL, 0, err) : st;
}

ds_status ds__sweep_run(sweep_items *s, int64_t k, json_t **line, ds_error *err)
{
    plan_item item;
    ds_job *job;
    char picture[64] = "";
    ds_status st = open_item(s, k, &item, &job, err);

    if (st == DS_OK)
        st = ds_job_run(job, err);
    if (st == DS_OK)
        st = keep_picture(s, picture, k, ds_job_result(job), err);
    if (st == DS_OK) {
        *line = json_pack("{s:I, s:s, s:s, s:o, s:s*}", "scene", (json_int_t)k, "item", item.key,
                          "weights", s->model.sha, "numbers", numbers_of(ds_job_result(job)->root),
                          "picture", picture[0] != '\0' ? picture : NULL);
        st = *line != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for an item");
    }
    ds_job_free(job);
    ds__plan_item_clear(&item);
    return st;
}

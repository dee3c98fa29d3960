/* keep.c - the question and its draws in a run folder, and back. See work.h. */

#include <stdio.h>
#include <string.h>

#include "methods/component/work.h"

static const char *const goals[] = { "erase", "amplify" };
static const char *const rows[] = { "both", "stop" };
static const char *const scales[] = { "v", "eps", "x0", "output" };

json_t *ds__component_question_json(const component_work *w, const char *model)
{
    const component_question *q = &w->q;
    json_t *concepts = json_array();

    for (int64_t i = 0; i < q->concept_.count; i++)
        json_array_append_new(concepts, json_string(q->concept_.text[i]));
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:b, s:b, s:s?, s:s?, s:I, s:I, s:I, s:I}",
                     "model", model, "concepts", concepts, "base", q->base, "objective",
                     goals[q->goal], "rows", rows[q->rows], "on", scales[q->on], "normalise",
                     (int)q->normalise, "recorded", (int)w->given, "region", q->region, "mask",
                     q->mask, "height", (json_int_t)w->height, "width", (json_int_t)w->width,
                     "batch", (json_int_t)q->batch, "draws", (json_int_t)w->draws.count);
}

ds_status ds__component_keep_draws(const component_work *w, ds_result *r, ds_error *err)
{
    const ds_draws *d = &w->draws;
    const int64_t n = d->count, h = w->height, x = w->width, c = w->info.channels;
    ds_tensor *t;
    ds_status st = ds__result_floats(r, "draws.latent", DS_DIMS(n, c, h, x), d->z, err);

    if (st == DS_OK && w->mask != NULL)
        st = ds__result_floats(r, "draws.mask", DS_DIMS(h, x), w->mask, err);
    if (st == DS_OK)
        st = ds__result_floats(r, "draws.timestep", DS_DIMS(n), d->t, err);
    if (st == DS_OK && d->eps != NULL)
        st = ds__result_floats(r, "draws.eps", DS_DIMS(n, c, h, x), d->eps, err);
    if (st == DS_OK)
        st = ds__result_tensor(r, &t, "draws.objective", DS_DIMS(n), err);
    for (int64_t i = 0; st == DS_OK && i < n; i++)
        ((float *)t->data)[i] = (float)d->j[i];
    if (st == DS_OK)
        st = ds__result_tensor(r, &t, "draws.pair", DS_DIMS(n), err);
    for (int64_t i = 0; st == DS_OK && i < n; i++)
        ((float *)t->data)[i] = (float)d->pair[i];
    if (st == DS_OK)
        st = ds__result_tensor(r, &t, "draws.group", DS_DIMS(n), err);
    for (int64_t i = 0; st == DS_OK && i < n; i++)
        ((float *)t->data)[i] = (float)d->group[i];
    return st;
}

/* ---- back ------------------------------------------------------------------------------------ */

static int place(const json_t *q, const char *key, const char *const *words, int n)
{
    const char *word = json_string_value(json_object_get(q, key));

    for (int i = 0; word != NULL && i < n; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

static const char *text_of(component_work *w, const json_t *q, const char *key)
{
    const char *text = json_string_value(json_object_get(q, key));

    return text == NULL ? NULL : ds__arena_printf(&w->arena, "%s", text);
}

static ds_status read_question(component_work *w, component_question *q, const json_t *json,
                               const char *path, ds_error *err)
{
    const json_t *list = json_object_get(json, "concepts");
    const size_t n = json_array_size(list);
    const char **text = ds__arena_alloc(&w->arena, (n + 1) * sizeof *text);

    for (size_t i = 0; text != NULL && i < n; i++)
        text[i] = ds__arena_printf(&w->arena, "%s", json_string_value(json_array_get(list, i)));
    *q = (component_question){
        .concept_ = { text, (int64_t)n },
        .base = text_of(w, json, "base"),
        .goal = place(json, "objective", goals, 2),
        .rows = place(json, "rows", rows, 2),
        .on = place(json, "on", scales, 4),
        .normalise = json_is_true(json_object_get(json, "normalise")),
        .region = text_of(w, json, "region"),
        .mask = text_of(w, json, "mask"),
        .batch = json_integer_value(json_object_get(json, "batch")),
        .seeds = 1,
        .steps = 1,
        .guidance = 1.0,
    };
    for (size_t i = 0; text != NULL && i < n; i++)
        if (text[i] == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for a question");
    if (text == NULL || (q->base == NULL && json_is_string(json_object_get(json, "base"))))
        return ds_fail(err, DS_E_NOMEM, "no memory for a question");
    if (n < 1 || q->base == NULL || q->goal < 0 || q->rows < 0 || q->on < 0 || q->batch < 1)
        return ds_fail(err, DS_E_FORMAT,
                       "%s holds no question: expected the result of `component score`", path);
    return DS_OK;
}

static ds_status read_floats(float *to, const ds_bundle *b, const char *name, int64_t n,
                             ds_error *err)
{
    const ds_tensor *t = ds_bundle_find(b, name);

    if (t == NULL || t->dtype != DS_DTYPE_F32 || ds_tensor_count(t) != n)
        return ds_fail(err, DS_E_FORMAT, "the scores hold no %s of %lld numbers", name,
                       (long long)n);
    memcpy(to, t->data, (size_t)n * sizeof *to);
    return DS_OK;
}

static ds_status read_draws(component_work *w, const ds_bundle *b, ds_error *err)
{
    const ds_tensor *t = ds_bundle_find(b, "draws.latent");
    const bool amplify = w->q.goal == DS_GOAL_AMPLIFY;
    ds_draws *d = &w->draws;
    int64_t n;
    float *x;
    ds_status st;

    if (t == NULL || t->rank != 4 || t->dim[1] != w->info.channels)
        return ds_fail(err, DS_E_FORMAT, "the scores hold no draws.latent");
    n = t->dim[0];
    w->height = t->dim[2];
    w->width = t->dim[3];
    w->plane = t->dim[1] * t->dim[2] * t->dim[3];
    st = ds__draws_new(d, n, w->plane, 0, amplify, err);
    x = ds_calloc((size_t)n + 1, sizeof *x);
    if (st == DS_OK && x == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for draws");
    if (st == DS_OK)
        st = read_floats(d->z, b, "draws.latent", n * w->plane, err);
    if (st == DS_OK && amplify)
        st = read_floats(d->eps, b, "draws.eps", n * w->plane, err);
    if (st == DS_OK)
        st = read_floats(d->t, b, "draws.timestep", n, err);
    for (int k = 0; st == DS_OK && k < 3; k++) {
        st = read_floats(x, b,
                         k == 0   ? "draws.pair"
                         : k == 1 ? "draws.group"
                                  : "draws.objective",
                         n, err);
        for (int64_t i = 0; st == DS_OK && i < n; i++) {
            if (k < 2 && !(x[i] >= 0 && x[i] < (float)(k == 0 ? w->pairs : n)))
                st = ds_fail(err, DS_E_FORMAT, "a draw of the scores belongs to no text");
            else if (k == 2)
                d->j[i] = x[i];
            else
                (k == 0 ? d->pair : d->group)[i] = (int64_t)x[i];
        }
    }
    d->count = st == DS_OK ? n : 0;
    ds_free(x);
    return st;
}

/* A word's map is measured once; a rectangle or a picture was read again. */
static ds_status read_mask(component_work *w, const ds_bundle *b, ds_error *err)
{
    const int64_t n = w->height * w->width;

    if (w->q.region == NULL || w->mask != NULL)
        return DS_OK;
    w->mask = ds_calloc((size_t)n, sizeof *w->mask);
    return w->mask == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a mask")
                           : read_floats(w->mask, b, "draws.mask", n, err);
}

ds_status ds__component_reload(component_work *w, ds_job *j, ds_model *m, const char *folder,
                               ds_error *err)
{
    char *result = ds__component_path(folder, "result.json");
    char *tensors = ds__component_path(folder, "tensors.safetensors");
    component_question q;
    json_error_t error;
    json_t *root = NULL;
    ds_bundle *b = NULL;
    ds_status st = result == NULL || tensors == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for a path")
                       : DS_OK;

    if (st == DS_OK && (root = json_load_file(result, 0, &error)) == NULL)
        st = ds_fail(err, DS_E_IO, "%s: %s; expected the folder of `component score --out`", result,
                     error.text);
    if (st == DS_OK)
        st = read_question(w, &q, json_object_get(root, "question"), result, err);
    if (st == DS_OK)
        st = ds_bundle_load(&b, tensors, err);
    if (st == DS_OK) {
        const json_t *asked = json_object_get(root, "question");

        w->height = json_integer_value(json_object_get(asked, "height"));
        w->width = json_integer_value(json_object_get(asked, "width"));
        w->given = json_is_true(json_object_get(asked, "recorded"));
        st = ds__component_check(w, j, m, &q, err);
    }
    if (st == DS_OK)
        st = read_draws(w, b, err);
    if (st == DS_OK)
        st = read_mask(w, b, err);
    ds_bundle_free(b);
    json_decref(root);
    ds_free(result);
    ds_free(tensors);
    return st;
}

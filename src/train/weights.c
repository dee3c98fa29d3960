/* weights.c - what a training owns: float32 parameters, their moments, their running averages. The graph
 * reads the parameters where they lie, through a table whose source is this file. */

#include "train/train.h"

#include "base/text.h"
#include "weights/bundle.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const part_names[4] = { "param", "m", "v", "average" };

/* ---- first values ---------------------------------------------------------------------------------- */

/* Random weights come with a deviation of 1/sqrt(fan in); training begins with PyTorch's, which is smaller
 * by sqrt(3), and with UNet branches that add nothing (P. Goyal et al., arXiv 1706.02677, section 5.1). */
static void begin_values(ds_slot *s, int64_t count)
{
    static const char *const last[] = { "conv2.weight",         "conv2.bias",
                                        "proj_out.weight",      "proj_out.bias",
                                        "unet.conv_out.weight", "unet.conv_out.bias" };
    bool zero = false, embedding = strstr(s->name, "embedding.weight") != NULL;

    for (size_t i = 0; i < DS_COUNT(last); i++)
        zero = zero || (strncmp(s->name, "unet.", 5) == 0 && ds__ends_with(s->name, last[i]));
    for (int64_t i = 0; i < count; i++)
        if (zero)
            s->param[i] = 0.0f;
        else if (s->shape.rank > 1 && !embedding)
            s->param[i] *= 0.57735027f;
}

static bool make_room(ds_weights_state *s)
{
    int64_t room = s->room == 0 ? 256 : 2 * s->room;
    ds_slot *slot;

    if (s->count < s->room)
        return true;
    slot = ds_calloc((size_t)room, sizeof *slot);
    if (slot == NULL)
        return false;
    if (s->count > 0)
        memcpy(slot, s->slot, (size_t)s->count * sizeof *slot);
    ds_free(s->slot);
    s->slot = slot;
    s->room = room;
    return true;
}

static ds_status source(void *user, const char *name, int rank, const int64_t *dim,
                        ds_tensor *value, ds_error *err)
{
    ds_weights_state *s = user;
    ds_param *q;
    ds_slot *slot;
    int64_t count;
    ds_status st = ds__params_find(s->model->params, &q, name, rank, dim, err);

    if (st != DS_OK)
        return st;
    count = ds_tensor_count(&q->value);
    if (!make_room(s))
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of parameters");
    slot = &s->slot[s->count];
    slot->name = ds_strdup(name);
    slot->param = ds_calloc((size_t)count, 4 * sizeof(float));
    s->count++;
    if (slot->name == NULL || slot->param == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for parameter %s and its moments", name);
    if (s->only == NULL || strncmp(name, s->only, strlen(s->only)) == 0) {
        slot->grad = ds_calloc((size_t)s->shards, sizeof *slot->grad);
        if (slot->grad == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for a list of gradients");
    }
    slot->m = slot->param + count;
    slot->v = slot->m + count;
    slot->average = slot->v + count;
    slot->shape = q->value;
    slot->shape.dtype = DS_DTYPE_F32;
    slot->shape.data = slot->param;
    ds_convert(slot->param, DS_DTYPE_F32, q->value.data, q->value.dtype, count);
    if (s->fresh)
        begin_values(slot, count);
    memcpy(slot->average, slot->param, (size_t)count * sizeof(float));
    *value = slot->shape;
    return DS_OK;
}

ds_status ds__state_new(ds_weights_state *s, ds_model *model, const char *only, int shards,
                        bool fresh, ds_error *err)
{
    s->model = model;
    s->only = only;
    s->shards = shards;
    s->fresh = fresh;
    return ds__params_new(&s->params, source, NULL, s, err);
}

void ds__state_free(ds_weights_state *s)
{
    ds__params_free(s->params);
    for (int64_t i = 0; i < s->count; i++) {
        ds_free(s->slot[i].name);
        ds_free(s->slot[i].param);
        ds_free(s->slot[i].grad);
    }
    ds_free(s->slot);
    ds_free(s->matrix);
    ds_free(s->work);
    *s = (ds_weights_state){ 0 };
}

/* ---- one step --------------------------------------------------------------------------------------- */

static ds_slot *find_slot(const ds_weights_state *s, const char *name)
{
    for (int64_t k = 0; k < s->count; k++)
        if (strcmp(s->slot[k].name, name) == 0)
            return &s->slot[k];
    return NULL;
}

/* Keeps the values of trained parameters in wrt; returns their number. */
static int keep_trained(const ds_weights_state *s, ds_var **wrt, int count)
{
    int kept = 0;

    for (int i = 0; i < count; i++) {
        const ds_slot *slot = find_slot(s, ds__var_name(wrt[i]));

        if (slot != NULL && slot->grad != NULL)
            wrt[kept++] = wrt[i];
    }
    return kept;
}

ds_status ds__state_differentiate(ds_weights_state *s, int shard, ds_graph *g, ds_var *loss,
                                  ds_var **cotangent, ds_error *err)
{
    int count = ds__graph_params(g, NULL, 0);
    ds_var **wrt = ds_calloc((size_t)count + 1, sizeof *wrt);
    ds_var **grad = ds_calloc((size_t)count + 1, sizeof *grad);
    ds_status st = wrt == NULL || grad == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for a list of gradients")
                       : ds__graph_status(g, err);

    if (st == DS_OK) {
        ds__graph_params(g, wrt, count);
        count = keep_trained(s, wrt, count);
        *cotangent = ds__graph_input_like(g, loss);
        ds__graph_output(g, loss);
        st = count > 0 ? ds__graph_grad(g, &loss, cotangent, 1, wrt, count, grad, err)
                       : ds_fail(err, DS_E_NOMATCH,
                                 "\"only\": no parameter's name begins with \"%s\"", s->only);
    }
    for (int i = 0; st == DS_OK && i < count; i++)
        if (grad[i] != NULL) {
            find_slot(s, ds__var_name(wrt[i]))->grad[shard] = grad[i];
            ds__graph_output(g, grad[i]);
        }
    for (int64_t i = 0; i < ds__params_count(s->params); i++)
        ds__params_at(s->params, i)->trained = true;
    ds_free(wrt);
    ds_free(grad);
    return st;
}

/* ---- checkpoints --------------------------------------------------------------------------------------- */

static float *part_of(const ds_slot *s, int part)
{
    return part == 0 ? s->param : part == 1 ? s->m : part == 2 ? s->v : s->average;
}

/* The bundle borrows the arrays. */
static ds_status list_parts(const ds_weights_state *s, ds_bundle *b, ds_error *err)
{
    ds_status st = ds__bundle_reserve(b, 4 * s->count, err);

    for (int64_t i = 0; st == DS_OK && i < s->count; i++)
        for (int part = 0; part < 4; part++) {
            char name[512];
            ds_bundle_entry *e;

            snprintf(name, sizeof name, "%s.%s", part_names[part], s->slot[i].name);
            e = ds__bundle_append(b, name);
            if (e == NULL)
                return ds_fail(err, DS_E_NOMEM, "no memory for a list of tensors");
            e->tensor = s->slot[i].shape;
            e->tensor.data = part_of(&s->slot[i], part);
        }
    ds__bundle_sort(b);
    return st;
}

static const char *identity(char *buf, size_t size, const char *what, const ds_settings *o)
{
    snprintf(buf, size, "%s, seed %llu, batch %lld", what, (unsigned long long)o->seed,
             (long long)o->batch);
    return buf;
}

/* What must be the same for a training to go on as if it had not stopped, defaults included. The
 * learning rate's course may be changed on the way, and sheets and checkpoints are no part of it. */
static json_t *settings_of(const ds_settings *o)
{
    static const char *const texts[] = { "data", "only" };
    json_t *j = json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
                          "optimiser", o->muon ? "muon" : "adamw", "compute",
                          ds_dtype_name(o->compute), "beta1", o->adamw.beta1, "beta2",
                          o->adamw.beta2, "eps", o->adamw.eps, "decay", o->adamw.decay, "clip",
                          o->clip, "ema", o->ema, "drop", o->drop, "min_snr", o->min_snr, "shift",
                          o->shift, "absolute", o->absolute, "edges", o->edges, "kl", o->kl);

    for (size_t i = 0; i < DS_COUNT(texts); i++) {
        const char *text = json_string_value(json_object_get(o->json, texts[i]));

        json_object_set_new(j, texts[i], text != NULL ? json_string(text) : json_null());
    }
    return j;
}

/* A checkpoint of a version that did not write them has no settings; one that does not name its optimiser
 * is of a version that had AdamW alone. */
static ds_status check_settings(const char *text, const ds_settings *o, const char *path,
                                ds_error *err)
{
    json_t *was = text != NULL ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL, *is, *before, *now;
    const char *key;
    ds_status st = DS_OK;

    if (text == NULL)
        return DS_OK;
    is = settings_of(o);
    if (was == NULL || is == NULL)
        st = ds_fail(err, DS_E_FORMAT, "%s: its settings cannot be read", path);
    else if (json_object_get(was, "optimiser") == NULL)
        json_object_set_new(was, "optimiser", json_string("adamw"));
    json_object_foreach (is, key, now) {
        char *a, *b;

        before = json_object_get(was, key);
        if (st != DS_OK || before == NULL || json_equal(before, now))
            continue;
        a = json_dumps(before, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        b = json_dumps(now, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        st = ds_fail(err, DS_E_ARG,
                     "%s belongs to a training with \"%s\": %.80s, this one has %.80s; keep it, or "
                     "start another training \"from\" the exported model",
                     path, key, a, b);
        free(a);
        free(b);
    }
    json_decref(was);
    json_decref(is);
    return st;
}

static ds_status set_settings(ds_bundle *b, const ds_settings *o, ds_error *err)
{
    json_t *j = settings_of(o);
    char *text = j != NULL ? json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    ds_status st = text != NULL ? ds_bundle_set_meta(b, "settings", text, err)
                                : ds_fail(err, DS_E_NOMEM, "no memory for the settings");

    free(text);
    json_decref(j);
    return st;
}

ds_status ds__state_save(const ds_weights_state *s, const char *path, const char *what,
                         const ds_settings *o, int64_t step, ds_error *err)
{
    char number[32], id[96];
    ds_bundle *b = NULL;
    ds_status st = ds_bundle_new(&b, err);

    snprintf(number, sizeof number, "%lld", (long long)step);
    if (st == DS_OK)
        st = ds_bundle_set_meta(b, "step", number, err);
    if (st == DS_OK)
        st = ds_bundle_set_meta(b, "training", identity(id, sizeof id, what, o), err);
    if (st == DS_OK)
        st = set_settings(b, o, err);
    if (st == DS_OK)
        st = list_parts(s, b, err);
    if (st == DS_OK)
        st = ds_bundle_save(b, path, err);
    ds_bundle_free(b);
    return st;
}

static ds_status load_parts(ds_weights_state *s, const ds_bundle *b, ds_error *err)
{
    for (int64_t i = 0; i < s->count; i++)
        for (int part = 0; part < 4; part++) {
            const ds_tensor *shape = &s->slot[i].shape;
            ds_tensor *t;
            char name[512];
            ds_status st;

            snprintf(name, sizeof name, "%s.%s", part_names[part], s->slot[i].name);
            st = ds_bundle_expect(b, name, shape->rank, shape->dim, &t, err);
            if (st == DS_OK && t->dtype != DS_DTYPE_F32)
                st = ds_fail(err, DS_E_SHAPE, "%s is %s, expected F32", name,
                             ds_dtype_name(t->dtype));
            if (st != DS_OK)
                return st;
            memcpy(part_of(&s->slot[i], part), t->data,
                   (size_t)ds_tensor_count(shape) * sizeof(float));
        }
    return DS_OK;
}

static ds_status read_step(int64_t *step, const char *number, const ds_settings *o,
                           const char *path, ds_error *err)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(number, &end, 10);
    if (end == number || *end != '\0' || errno != 0 || n < 0)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: expected the number of steps that are done, found \"%.40s\"", path,
                       number);
    if (n > o->steps)
        return ds_fail(err, DS_E_ARG,
                       "%s: %lld steps are done, and \"steps\" asks for %lld: raise it to go on",
                       path, n, (long long)o->steps);
    *step = n;
    return DS_OK;
}

ds_status ds__state_load(ds_weights_state *s, const char *path, const char *what,
                         const ds_settings *o, int64_t *step, ds_error *err)
{
    ds_bundle *b = NULL;
    char id[96];
    const char *was, *number;
    ds_status st = ds_bundle_load(&b, path, err);

    if (st != DS_OK)
        return st;
    was = ds_bundle_meta(b, "training");
    number = ds_bundle_meta(b, "step");
    identity(id, sizeof id, what, o);
    if (was == NULL || number == NULL)
        st = ds_fail(err, DS_E_FORMAT, "%s is no checkpoint of a training", path);
    else if (strcmp(was, id) != 0)
        st = ds_fail(err, DS_E_ARG, "%s belongs to another training (%s), this one is %s", path,
                     was, id);
    else
        st = check_settings(ds_bundle_meta(b, "settings"), o, path, err);
    if (st == DS_OK)
        st = load_parts(s, b, err);
    if (st == DS_OK)
        st = read_step(step, number, o, path, err);
    ds_bundle_free(b);
    return st == DS_OK ? st : ds_fail_at(err, st, path, -1);
}

/* ---- export ----------------------------------------------------------------------------------------------- */

static ds_status export_component(const ds_weights_state *s, const char *folder, int c,
                                  ds_error *err)
{
    const char *name = ds__component_names[c];
    size_t n = strlen(name);
    char path[DS_TRAIN_PATH];
    ds_bundle *b = NULL;
    ds_status st = ds_bundle_new(&b, err);

    if (st == DS_OK)
        st = ds_bundle_set_meta(b, "format", "pt", err);
    for (int64_t i = 0; st == DS_OK && i < s->count; i++) {
        const ds_slot *p = &s->slot[i];
        ds_tensor *t;

        if (strncmp(p->name, name, n) != 0 || p->name[n] != '.')
            continue;
        st = ds_bundle_add(b, p->name + n + 1, DS_DTYPE_F16, p->shape.rank, p->shape.dim, &t, err);
        if (st == DS_OK)
            ds_convert(t->data, DS_DTYPE_F16, p->average, DS_DTYPE_F32, ds_tensor_count(t));
    }
    snprintf(path, sizeof path, "%s/%s/%s", folder, name,
             c == DS_TEXT_ENCODER || c == DS_TEXT_ENCODER_2
                 ? "model.safetensors"
                 : "diffusion_pytorch_model.safetensors");
    if (st == DS_OK && ds_bundle_count(b) > 0)
        st = ds_bundle_save(b, path, err);
    ds_bundle_free(b);
    return st;
}

ds_status ds__state_export(const ds_weights_state *s, const char *folder, ds_error *err)
{
    ds_status st = DS_OK;

    for (int c = 0; st == DS_OK && c < DS_COMPONENTS; c++)
        st = export_component(s, folder, c, err);
    return st;
}

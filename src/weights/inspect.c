/* inspect.c - describes model folders and safetensors files as JSON.
 *
 * Objects are built from the inside out. A part that found no memory is NULL and makes what holds
 * it NULL, as json_pack does too, so that one test at the end is enough. */

#include <diffuscope/inspect.h>

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "weights/checkpoint.h"
#include "weights/store.h"

#define DTYPES DS_DTYPES

typedef struct tally {
    int64_t tensors[DTYPES], elements[DTYPES], bytes[DTYPES];
    int64_t all_tensors, parameters, all_bytes;
} tally;

/* Takes over the item; *list becomes NULL when something is missing. */
static void append(json_t **list, json_t *item)
{
    if (json_array_append_new(*list, item) != 0) {
        json_decref(*list);
        *list = NULL;
    }
}

static void put(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new(*object, key, value) != 0) {
        json_decref(*object);
        *object = NULL;
    }
}

static bool is_real(ds_dtype t)
{
    return t == DS_DTYPE_F32 || t == DS_DTYPE_F16 || t == DS_DTYPE_BF16 || t == DS_DTYPE_F64 ||
           t == DS_DTYPE_F8_E4M3 || t == DS_DTYPE_F8_E5M2;
}

static void count(tally *s, const ds_tensor *t)
{
    int64_t n = ds_tensor_count(t), bytes = n * (int64_t)ds_dtype_size(t->dtype);

    s->tensors[t->dtype]++;
    s->elements[t->dtype] += n;
    s->bytes[t->dtype] += bytes;
    s->all_tensors++;
    s->parameters += is_real(t->dtype) ? n : 0;
    s->all_bytes += bytes;
}

static json_t *dtypes_json(const tally *s)
{
    json_t *all = json_object();

    for (int i = 0; i < DTYPES; i++)
        if (s->tensors[i] > 0)
            put(&all, ds_dtype_name((ds_dtype)i),
                json_pack("{s:I, s:I, s:I}", "tensors", (json_int_t)s->tensors[i], "elements",
                          (json_int_t)s->elements[i], "bytes", (json_int_t)s->bytes[i]));
    return all;
}

static ds_status dump(char **out, json_t *j, const char *path, ds_error *err)
{
    char *text = j != NULL ? json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;

    json_decref(j);
    *out = text != NULL ? ds_strdup(text) : NULL;
    free(text);
    if (*out == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory to describe it", path);
    return DS_OK;
}

/* ---- models --------------------------------------------------------------------------------- */

/* The path inside the model's folder; the name alone of a file that is the model. */
static const char *below(const char *path, const char *root)
{
    size_t n = strlen(root);

    if (strncmp(path, root, n) == 0 && path[n] == '/')
        return path + n + 1;
    return strcmp(path, root) == 0 && strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
}

static ds_status files_json(json_t **out, ds_weights *w, const char *root, bool hashes,
                            ds_error *err)
{
    *out = json_array();
    for (int64_t i = 0; i < ds__weights_files(w); i++) {
        const char *path = ds__weights_file_path(w, i), *hex = NULL;
        ds_status st = hashes ? ds__weights_file_hash(w, i, &hex, err) : DS_OK;

        if (st != DS_OK)
            return st;
        append(out, json_pack("{s:s, s:I, s:s*}", "path", below(path, root), "bytes",
                              (json_int_t)ds__weights_file_bytes(w, i), "sha256", hex));
    }
    return DS_OK;
}

static ds_status weights_json(json_t *into, tally *total, ds_weights *w, const char *root,
                              bool hashes, ds_error *err)
{
    tally s = { 0 };
    json_t *files = NULL, *all;
    ds_status st = files_json(&files, w, root, hashes, err);

    if (st != DS_OK) {
        json_decref(files);
        return st;
    }
    for (int64_t i = 0; i < ds__weights_count(w); i++)
        count(&s, ds__weights_at(w, i));
    total->parameters += s.parameters;
    total->all_bytes += s.all_bytes;
    all = json_pack("{s:o, s:I, s:I, s:I, s:o}", "files", files, "tensors",
                    (json_int_t)s.all_tensors, "parameters", (json_int_t)s.parameters, "bytes",
                    (json_int_t)s.all_bytes, "dtypes", dtypes_json(&s));
    if (json_object_update(into, all) != 0)
        st = ds_fail(err, DS_E_NOMEM, "%s: no memory to describe it", root);
    json_decref(all);
    return st;
}

/* Components that must have weights; of others they are shown where there are some. */
static bool needs_weights(const char *class_name)
{
    static const char *const names[] = { "UNet2DConditionModel", "AutoencoderKL", "CLIPTextModel",
                                         "CLIPTextModelWithProjection" };

    for (size_t i = 0; i < DS_COUNT(names); i++)
        if (strcmp(class_name, names[i]) == 0)
            return true;
    return false;
}

static ds_status add_config(json_t *into, const ds_store *s, const char *name, bool needed,
                            ds_error *err)
{
    json_t *config = NULL;
    ds_error why = { 0 };
    ds_status st = strncmp(name, "tokenizer", 9) == 0 && ds__store_is_file(s)
                       ? DS_E_IO
                       : ds__store_config(s, name, &config, &why);

    if (st == DS_E_IO && !needed)
        return DS_OK;
    if (st != DS_OK) {
        ds_fail(err, st, "%s", why.text);
        return ds_fail_at(err, st, why.name, why.offset);
    }
    if (json_object_set_new(into, "config", config) != 0)
        return ds_fail(err, DS_E_NOMEM, "no memory to describe '%s'", name);
    return DS_OK;
}

static ds_status add_weights(json_t *into, tally *total, const ds_store *s, const char *name,
                             bool needed, bool hashes, ds_error *err)
{
    ds_weights *w = NULL;
    ds_error why = { 0 };
    ds_status st = ds__store_is_file(s) && !needed ? DS_E_IO : ds__store_weights(s, name, &w, &why);

    if (st == DS_OK)
        st = weights_json(into, total, w, ds__store_path(s), hashes, &why);
    else if ((st == DS_E_IO || st == DS_E_UNSUPPORTED) && !needed)
        st = DS_OK;
    ds__weights_close(w);
    if (st != DS_OK) {
        ds_fail(err, st, "%s", why.text);
        return ds_fail_at(err, st, why.name, why.offset);
    }
    return DS_OK;
}

static ds_status add_component(json_t *into, tally *total, const ds_store *s, const char *name,
                               bool hashes, ds_error *err)
{
    const char *class_name = ds__store_class(s, name);
    json_t *j = json_pack("{s:s}", "class", class_name);
    bool needed = needs_weights(class_name);
    ds_status st;

    if (json_object_set_new(into, name, j) != 0)
        return ds_fail(err, DS_E_NOMEM, "no memory to describe '%s'", name);
    st = add_config(j, s, name, needed, err);
    return st == DS_OK ? add_weights(j, total, s, name, needed, hashes, err) : st;
}

/* What is known without running a network. */
static void add_prediction(json_t *j, const ds_store *s)
{
    const ds_prediction_note *p = ds__store_prediction(s);

    put(&j, "prediction_type", json_string(p->type != NULL ? p->type : "epsilon"));
    put(&j, "prediction_type_from",
        json_string(p->type != NULL ? p->from
                                    : "assumed: the file does not say; a run measures it"));
}

ds_status ds__inspect_store(char **json, const ds_store *s, bool hashes, const json_t *overlays,
                            ds_error *err)
{
    json_t *components = json_object(), *j;
    tally total = { 0 };
    ds_status st = DS_OK;

    *json = NULL;
    for (int64_t i = 0; st == DS_OK && i < ds__store_components(s); i++)
        st = add_component(components, &total, s, ds__store_component(s, i), hashes, err);
    if (st == DS_OK) {
        j = json_pack("{s:s, s:s, s:O, s:I, s:I}", "path", ds__store_path(s), "class",
                      ds__store_pipeline(s), "components", components, "parameters",
                      (json_int_t)total.parameters, "bytes", (json_int_t)total.all_bytes);
        if (j != NULL && ds__store_notes(s) != NULL)
            json_object_update(j, (json_t *)ds__store_notes(s));
        if (j != NULL && overlays != NULL)
            json_object_set(j, "overlays", (json_t *)overlays);
        if (j != NULL && ds__store_remark(s) != NULL)
            json_object_set_new(j, "remark", json_string(ds__store_remark(s)));
        if (j != NULL && ds__store_class(s, "unet") != NULL)
            add_prediction(j, s);
        st = dump(json, j, ds__store_path(s), err);
    }
    json_decref(components);
    return st;
}

ds_status ds_inspect_model(char **json, const char *model, bool hashes, ds_error *err)
{
    ds_store *s;
    ds_status st = ds__store_open(&s, model, NULL, err);

    *json = NULL;
    if (st == DS_OK) {
        st = ds__inspect_store(json, s, hashes, NULL, err);
        ds__store_close(s);
    }
    return st;
}

/* ---- files ----------------------------------------------------------------------------------- */

static json_t *tensor_json(const char *name, const ds_tensor *t)
{
    json_t *shape = json_array();

    for (int i = 0; i < t->rank; i++)
        append(&shape, json_integer(t->dim[i]));
    return json_pack("{s:s, s:s, s:o, s:I}", "name", name, "dtype", ds_dtype_name(t->dtype),
                     "shape", shape, "bytes",
                     (json_int_t)(ds_tensor_count(t) * (int64_t)ds_dtype_size(t->dtype)));
}

static json_t *bundle_json(const ds_bundle *b, const char *path, const char *hex)
{
    json_t *tensors = json_array(), *meta = json_object();
    tally s = { 0 };

    for (const ds_bundle_pair *m = b->meta; m != NULL; m = m->next)
        put(&meta, m->key, json_string(m->value));
    for (int64_t i = 0; i < ds_bundle_count(b); i++) {
        count(&s, ds_bundle_at(b, i));
        append(&tensors, tensor_json(ds_bundle_name(b, i), ds_bundle_at(b, i)));
    }
    return json_pack("{s:s, s:o, s:o, s:I, s:I, s:o, s:s*}", "path", path, "metadata", meta,
                     "tensors", tensors, "parameters", (json_int_t)s.parameters, "bytes",
                     (json_int_t)s.all_bytes, "dtypes", dtypes_json(&s), "sha256", hex);
}

ds_status ds_inspect_file(char **json, const char *path, bool hashes, ds_error *err)
{
    ds_bundle *b;
    char hex[65];
    ds_status st = ds__tensors_map(&b, path, err);

    *json = NULL;
    if (st == DS_OK && hashes)
        st = ds__sha256_file(hex, path, err);
    if (st == DS_OK)
        st = dump(json, bundle_json(b, path, hashes ? hex : NULL), path, err);
    ds_bundle_free(b);
    return st;
}

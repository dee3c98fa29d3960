/* store_file.c - a store that is one file with the published names. Nothing is copied that needs no
 * conversion: q, k and v are views into a fused matrix; only a transposed projection is made. */

#include "weights/store.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "weights/checkpoint.h"
#include "weights/folder.h"
#include "weights/original.h"

#define NAME_SIZE 320
#define SHOWN     3

typedef struct file_store {
    ds_original o;
    ds_weights_file *file;
    const ds_bundle *bundle;
    ds_folder *config; /* --config, or NULL */
    json_t *configs;   /* of what the file has, and "scheduler" */
    const char *name[DS_COMPONENTS + 3];
    int64_t names;
    char path[4096];
} file_store;

static void close_file(void *self)
{
    file_store *f = self;

    if (f == NULL)
        return;
    ds__original_clear(&f->o);
    ds__folder_close(f->config);
    json_decref(f->configs);
    ds__weights_file_free(f->file);
    ds_free(f);
}

/* ---- questions ------------------------------------------------------------------------------- */

static const char *pipeline(const void *self)
{
    const file_store *f = self;

    if (f->config != NULL)
        return ds__folder_pipeline(f->config);
    return f->o.family == DS_FAMILY_XL ? "StableDiffusionXLPipeline" : "StableDiffusionPipeline";
}

static int64_t components(const void *self)
{
    return ((const file_store *)self)->names;
}

static const char *component(const void *self, int64_t i)
{
    return ((const file_store *)self)->name[i];
}

static const char *class_of(const void *self, const char *name)
{
    const file_store *f = self;
    const json_t *config = json_object_get(f->configs, name);

    for (int64_t i = 0; i < f->names; i++) {
        if (strcmp(f->name[i], name) != 0)
            continue;
        if (strncmp(name, "tokenizer", 9) == 0)
            return "CLIPTokenizer";
        if (f->config != NULL && ds__folder_class(f->config, name) != NULL)
            return ds__folder_class(f->config, name);
        return json_object_get(config, "_class_name") != NULL
                   ? json_string_value(json_object_get(config, "_class_name"))
                   : json_string_value(json_array_get(json_object_get(config, "architectures"), 0));
    }
    return NULL;
}

static ds_status config(const void *self, const char *name, json_t **out, ds_error *err)
{
    const file_store *f = self;
    const json_t *j = json_object_get(f->configs, name);

    *out = NULL;
    if (j == NULL)
        return ds_fail(err, DS_E_IO, "%s has no configuration of a %s", f->path, name);
    *out = json_deep_copy(j);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a configuration");
}

static ds_status tokenizer(const void *self, int number, char **folder, int64_t *pad, ds_error *err)
{
    const file_store *f = self;
    const char *name = number == 2 ? "tokenizer_2" : "tokenizer";
    bool open = number == 2 || f->o.family == DS_FAMILY_SD2;

    *folder = NULL;
    *pad = open ? 0 : 49407; /* OpenCLIP pads with id 0, CLIP with the end token */
    if (f->config != NULL && ds__folder_class(f->config, name) != NULL) {
        *folder = ds__folder_file(f->config, name, NULL);
        return *folder != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a path");
    }
    if (number == 2 && f->o.family != DS_FAMILY_XL)
        return ds_fail(err, DS_E_NOMATCH, "the model has no component %s", name);
    return DS_OK;
}

static bool flag(const void *self, const char *name, bool absent)
{
    const file_store *f = self;
    const json_t *v = f->config != NULL ? json_object_get(ds__folder_index(f->config), name) : NULL;

    return json_is_boolean(v) ? json_is_true(v) : absent;
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* [D,P] applied from the right is [P,D] applied from the left. */
static ds_status add_transposed(ds_weights *w, const char *name, const ds_tensor *t, ds_error *err)
{
    ds_tensor made = *t;
    size_t size = ds_dtype_size(t->dtype);

    made.dim[0] = t->dim[1];
    made.dim[1] = t->dim[0];
    made.data = ds__weights_room(w, (size_t)ds_tensor_count(t) * size);
    if (made.data == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %s", name);
    for (int64_t r = 0; r < t->dim[0]; r++)
        for (int64_t c = 0; c < t->dim[1]; c++)
            memcpy((char *)made.data + (size_t)(c * t->dim[0] + r) * size,
                   (const char *)t->data + (size_t)(r * t->dim[1] + c) * size, size);
    return ds__weights_add(w, name, &made, err);
}

/* Rows 0..D, D..2D, 2D..3D of the fused matrix or bias are those of q, k and v. */
static ds_status add_fused(ds_weights *w, int layer, const char *end, const ds_tensor *t,
                           ds_error *err)
{
    static const char *const part[] = { "q_proj", "k_proj", "v_proj" };
    ds_tensor view = *t;
    ds_status st = DS_OK;
    size_t bytes;
    char name[NAME_SIZE];

    view.dim[0] = t->dim[0] / 3;
    st = ds_tensor_bytes(&view, &bytes, err);
    for (size_t i = 0; st == DS_OK && i < 3; i++) {
        view.data = (char *)t->data + i * bytes;
        snprintf(name, sizeof name, "text_model.encoder.layers.%d.self_attn.%s.%s", layer, part[i],
                 end);
        st = ds__weights_add(w, name, &view, err);
    }
    return st;
}

typedef enum outcome { ADDED, LEFT_OUT, UNKNOWN } outcome;

static ds_status add_openclip(ds_weights *w, const file_store *f, ds_component c, const char *rest,
                              const ds_tensor *t, outcome *how, ds_error *err)
{
    const json_t *config = json_object_get(f->configs, ds__component_names[c]);
    int limit = (int)json_integer_value(json_object_get(config, "num_hidden_layers"));
    char name[NAME_SIZE], end[16];
    int layer = -1, used = 0;

    sscanf(rest, "transformer.resblocks.%d.", &layer);
    if (layer >= limit && layer == f->o.text_layers[c] - 1 && f->o.family == DS_FAMILY_SD2) {
        *how = LEFT_OUT; /* SD 2.x reads the last layer but one */
        return DS_OK;
    }
    if (strncmp(rest, "text_projection", 15) == 0 && c == DS_TEXT_ENCODER) {
        *how = LEFT_OUT; /* of the whole CLIP, which nothing here reads */
        return DS_OK;
    }
    if (strcmp(rest, "text_projection") == 0 && t->rank == 2)
        return add_transposed(w, "text_projection.weight", t, err);
    if (strcmp(rest, "text_projection.weight") == 0 ||
        strcmp(rest, "text_projection.weight.weight") == 0)
        return ds__weights_add(w, "text_projection.weight", t, err);
    if (sscanf(rest, "transformer.resblocks.%d.attn.in_proj_%8[a-z]%n", &layer, end, &used) == 2 &&
        rest[used] == '\0' && t->rank > 0 && t->dim[0] % 3 == 0)
        return add_fused(w, layer, end, t, err);
    if (!ds__name_to_ours(&f->o.map[c], rest, name, sizeof name)) {
        *how = UNKNOWN;
        return DS_OK;
    }
    return ds__weights_add(w, name, t, err);
}

static ds_status refuse_scaled(const file_store *f, const char *name, ds_error *err)
{
    ds_fail(err, DS_E_UNSUPPORTED,
            "%s: '%.120s': 8-bit floats with scales of their own are not implemented; plain F8, "
            "F16, BF16 and F32 are",
            f->path, name);
    return ds_fail_at(err, DS_E_UNSUPPORTED, f->path, -1);
}

/* Adds one tensor of a part under our name; *how tells what became of it. */
static ds_status add(ds_weights *w, const file_store *f, ds_component c, const char *rest,
                     const ds_tensor *t, outcome *how, ds_error *err)
{
    char name[NAME_SIZE];

    *how = ADDED;
    if (ds__ends_with(rest, ".scale_weight") || ds__ends_with(rest, ".weight_scale"))
        return refuse_scaled(f, rest, err);
    if (f->o.spelling[c] == DS_SPELLING_OPENCLIP)
        return add_openclip(w, f, c, rest, t, how, err);
    if (f->o.spelling[c] == DS_SPELLING_OURS)
        return ds__weights_add(w, rest, t, err);
    if (ds__name_to_ours(&f->o.map[c], rest, name, sizeof name))
        return ds__weights_add(w, name, t, err);
    *how = UNKNOWN;
    return DS_OK;
}

static ds_status weights(const void *self, const char *name, ds_weights **out, ds_error *err)
{
    const file_store *f = self;
    ds_weights *w = NULL;
    ds_status st = ds__weights_new(&w, f->file, err);

    *out = NULL;
    for (int64_t i = 0; st == DS_OK && i < ds_bundle_count(f->bundle); i++) {
        const char *full = ds_bundle_name(f->bundle, i), *rest;
        ds_component c = ds__original_part(&f->o, full, &rest);
        outcome how;

        if (c < DS_COMPONENTS && strcmp(name, ds__component_names[c]) == 0 &&
            !ds__original_idle(&f->o, full))
            st = add(w, f, c, rest, ds_bundle_at(f->bundle, i), &how, err);
    }
    if (st == DS_OK)
        st = ds__weights_seal(w, err);
    if (st == DS_OK)
        *out = w;
    else
        ds__weights_close(w);
    return st;
}

static const ds_store_kind file_kind = {
    .close = close_file,
    .pipeline = pipeline,
    .components = components,
    .component = component,
    .class_of = class_of,
    .config = config,
    .weights = weights,
    .tokenizer = tokenizer,
    .flag = flag,
};

/* ---- the prediction type --------------------------------------------------------------------- */

/* NAME.yaml beside NAME.safetensors, as the training code wrote it: parameterization: "v". */
static bool read_yaml(ds_store *s)
{
    char path[4096], *text, *at;
    size_t size;
    const char *dot = strrchr(s->path, '.');
    int n =
        snprintf(path, sizeof path, "%.*s.yaml", (int)(dot != NULL ? dot - s->path : 0), s->path);

    if (dot == NULL || n <= 0 || (size_t)n >= sizeof path ||
        ds__file_read(&text, &size, path, (size_t)1 << 20, NULL) != DS_OK)
        return false;
    at = strstr(text, "parameterization:");
    if (at != NULL) {
        at += strlen("parameterization:");
        at += strspn(at, " \t\"'");
        if (at[0] == 'v' && strcspn(at, " \t\"'\r\n#") == 1)
            ds__store_decide(s, "v_prediction", "parameterization in the YAML file beside it");
        else if (strncmp(at, "eps", 3) == 0)
            ds__store_decide(s, "epsilon", "parameterization in the YAML file beside it");
    }
    ds_free(text);
    return s->prediction.type != NULL;
}

static bool read_metadata(ds_store *s, const ds_bundle *b)
{
    const char *type = ds_bundle_meta(b, "modelspec.prediction_type");

    if (type != NULL && (strcmp(type, "v") == 0 || strcmp(type, "v_prediction") == 0))
        ds__store_decide(s, "v_prediction", "modelspec.prediction_type in the file's metadata");
    else if (type != NULL && (strcmp(type, "epsilon") == 0 || strcmp(type, "eps") == 0))
        ds__store_decide(s, "epsilon", "modelspec.prediction_type in the file's metadata");
    return s->prediction.type != NULL;
}

static bool has_marker(const file_store *f, const char *name)
{
    char full[64];

    snprintf(full, sizeof full, "%s%s", f->o.wrapper, name);
    return ds_bundle_find(f->bundle, full) != NULL || ds_bundle_find(f->bundle, name) != NULL;
}

/* Of a file's own signs the first that speaks; what a folder of configurations says comes before
 * them, since the user named it. */
static void find_prediction(ds_store *s, const file_store *f)
{
    json_t *scheduler = json_object_get(f->configs, "scheduler");
    const char *type = json_string_value(json_object_get(scheduler, "prediction_type"));

    if (has_marker(f, "ztsnr"))
        json_object_set_new(scheduler, "rescale_betas_zero_snr", json_true());
    if (f->config != NULL && ds__folder_class(f->config, "scheduler") != NULL) {
        bool v = type != NULL && strcmp(type, "v_prediction") == 0;

        ds__store_decide(s, v ? "v_prediction" : "epsilon", "scheduler of --config");
        return;
    }
    if (read_yaml(s) || read_metadata(s, f->bundle))
        return;
    if (has_marker(f, "v_pred"))
        ds__store_decide(s, "v_prediction", "the marker tensor v_pred");
}

/* ---- opening --------------------------------------------------------------------------------- */

static ds_status read_configs(file_store *f, ds_error *err)
{
    json_t *own = NULL;
    ds_status st;

    if (f->config == NULL) {
        st = ds__original_configs(&f->configs, &f->o, err);
        json_object_del(json_object_get(f->configs, "scheduler"), "prediction_type");
        return st;
    }
    f->configs = json_object();
    for (int c = 0; c <= DS_COMPONENTS; c++) {
        const char *name = c < DS_COMPONENTS ? ds__component_names[c] : "scheduler";

        if (c < DS_COMPONENTS && f->o.prefix[c] == NULL)
            continue;
        if (ds__folder_class(f->config, name) == NULL) {
            if (c == DS_COMPONENTS)
                continue;
            ds_fail(err, DS_E_NOMATCH, "--config %s: expected a %s there, since %s has one",
                    ds__folder_path(f->config), name, f->path);
            return ds_fail_at(err, DS_E_NOMATCH, ds__folder_path(f->config), -1);
        }
        st = ds__folder_config(f->config, name, &own, err);
        if (st != DS_OK)
            return st;
        json_object_set_new(f->configs, name, own);
    }
    return DS_OK;
}

static void list_components(file_store *f)
{
    for (int c = 0; c < DS_COMPONENTS; c++)
        if (f->o.prefix[c] != NULL)
            f->name[f->names++] = ds__component_names[c];
    if (f->o.prefix[DS_UNET] != NULL) {
        if (json_object_get(f->configs, "scheduler") != NULL)
            f->name[f->names++] = "scheduler";
        f->name[f->names++] = "tokenizer";
        if (f->o.family == DS_FAMILY_XL)
            f->name[f->names++] = "tokenizer_2";
    }
}

/* Every tensor is of a part and has a name that the part's map knows, or is known to be idle. */
static void find_unknown(ds_store *s, const file_store *f)
{
    char names[240] = "";
    int64_t count = 0;

    for (int64_t i = 0; i < ds_bundle_count(f->bundle); i++) {
        const char *full = ds_bundle_name(f->bundle, i), *rest;
        ds_component c = ds__original_part(&f->o, full, &rest);
        char name[NAME_SIZE];

        if (ds__original_idle(&f->o, full) ||
            (c < DS_COMPONENTS && (f->o.spelling[c] != DS_SPELLING_LDM ||
                                   ds__name_to_ours(&f->o.map[c], rest, name, sizeof name))))
            continue;
        if (count++ < SHOWN)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.70s",
                     count > 1 ? ", " : "", full);
    }
    if (count > 0)
        snprintf(s->remark, sizeof s->remark,
                 "%lld tensors of the file belong to no known part and are not used: %s%s",
                 (long long)count, names, count > SHOWN ? ", ..." : "");
}

ds_status ds__store_open_file(ds_store *s, const ds_store_options *o, ds_error *err)
{
    file_store *f = ds_calloc(1, sizeof *f);
    ds_bundle *b = NULL;
    ds_status st;

    if (f == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for a model", s->path);
    s->kind = &file_kind;
    s->self = f;
    s->is_file = true;
    snprintf(f->path, sizeof f->path, "%s", s->path);
    st = ds__tensors_map(&b, s->path, err);
    if (st == DS_OK)
        st = ds__weights_file_new(&f->file, s->path, b, err);
    if (st != DS_OK)
        return st;
    f->bundle = b;
    st = ds__original_recognise(&f->o, b, f->path, err);
    if (st == DS_OK && o->config != NULL)
        st = ds__folder_open(&f->config, o->config, err);
    if (st == DS_OK)
        st = read_configs(f, err);
    if (st != DS_OK)
        return st;
    s->is_sd2 = f->o.family == DS_FAMILY_SD2;
    s->notes = json_pack("{s:s, s:s}", "format", ds__tensors_format(b->map, b->map_size), "family",
                         ds__family_name(f->o.family));
    if (ds_bundle_meta(b, DS_PICKLE_GLOBALS) != NULL)
        json_object_set_new(s->notes, "globals",
                            json_loads(ds_bundle_meta(b, DS_PICKLE_GLOBALS), 0, NULL));
    find_prediction(s, f);
    list_components(f);
    find_unknown(s, f);
    return DS_OK;
}

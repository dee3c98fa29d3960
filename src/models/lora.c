/* lora.c - LoRA files onto a model. See diffuscope/lora.h. */

#include "models/lora.h"

#include <diffuscope/overlay.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "ops/params.h"
#include "weights/checkpoint.h"

/* ---- which base ------------------------------------------------------------------------------ */

typedef enum base { SD1, SD2, XL, UNKNOWN } base;

static const char *const base_names[] = { "Stable Diffusion 1.x", "Stable Diffusion 2.x",
                                          "Stable Diffusion XL" };

static base base_of_model(const ds_model *m)
{
    return m->unet.text_time ? XL : m->unet.linear_projection ? SD2 : SD1;
}

/* What the trainer wrote; *said gets its words. */
static base base_of_file(const ds_bundle *b, const char **said)
{
    const char *version = ds_bundle_meta(b, "ss_base_model_version");
    const char *v2 = ds_bundle_meta(b, "ss_v2");
    const char *spec = ds_bundle_meta(b, "modelspec.architecture");

    *said = version != NULL ? version : spec;
    if (version != NULL && strncmp(version, "sdxl", 4) == 0)
        return XL;
    if ((version != NULL && strncmp(version, "sd_v2", 5) == 0) ||
        (v2 != NULL && strcmp(v2, "True") == 0))
        return SD2;
    if (version != NULL && strncmp(version, "sd_v1", 5) == 0)
        return SD1;
    if (spec != NULL && strncmp(spec, "stable-diffusion-xl", 19) == 0)
        return XL;
    if (spec != NULL && strncmp(spec, "stable-diffusion-v2", 19) == 0)
        return SD2;
    return spec != NULL && strncmp(spec, "stable-diffusion-v1", 19) == 0 ? SD1 : UNKNOWN;
}

static ds_status check_base(const ds_bundle *b, const ds_model *m, const char *path, ds_error *err)
{
    const char *said;
    base file = base_of_file(b, &said);

    if (file == UNKNOWN || file == base_of_model(m) || m->weights[DS_UNET] == NULL)
        return DS_OK;
    ds_fail(err, DS_E_NOMATCH,
            "%s was trained for %s (its metadata say \"%.60s\"), but %.160s is %s", path,
            base_names[file], said != NULL ? said : "v2", ds__store_path(m->store),
            base_names[base_of_model(m)]);
    return ds_fail_at(err, DS_E_NOMATCH, path, -1);
}

/* ---- PEFT's factor --------------------------------------------------------------------------- */

/* The value for a module in a table of patterns, which match the end of its name; else the plain one. */
static double setting(const json_t *adapter, const char *part, const char *module,
                      const char *plain, const char *patterns, double absent)
{
    char key[64];
    const json_t *v, *table;
    const char *pattern;
    json_t *value;

    snprintf(key, sizeof key, "%s.%s", part, patterns);
    table = json_object_get(adapter, key);
    table = table != NULL ? table : json_object_get(adapter, patterns);
    json_object_foreach ((json_t *)table, pattern, value) {
        size_t n = strlen(module), p = strlen(pattern);

        if (ds__ends_with(module, pattern) && (n == p || module[n - p - 1] == '.'))
            return json_number_value(value);
    }
    snprintf(key, sizeof key, "%s.%s", part, plain);
    v = json_object_get(adapter, key);
    v = v != NULL ? v : json_object_get(adapter, plain);
    return json_is_number(v) ? json_number_value(v) : absent;
}

/* 0: alpha / r, or 1 without alpha, as ds__lora_delta has it. */
static double peft_factor(const ds_lora_module *l, const json_t *adapter)
{
    const char *dot = strchr(l->name, '.');
    char part[32], key[64];
    double r, alpha;
    bool rs;

    if (!l->peft || adapter == NULL || l->part[DS_LORA_ALPHA] != NULL ||
        l->part[DS_LORA_DOWN] == NULL)
        return 0.0;
    snprintf(part, sizeof part, "%.*s", (int)(dot - l->name), l->name);
    r = (double)l->part[DS_LORA_DOWN]->dim[0];
    alpha = setting(adapter, part, dot + 1, "lora_alpha", "alpha_pattern", r);
    snprintf(key, sizeof key, "%s.use_rslora", part);
    rs = json_is_true(json_object_get(adapter, key)) ||
         json_is_true(json_object_get(adapter, "use_rslora"));
    return r > 0 ? alpha / (rs ? sqrt(r) : r) : 0.0;
}

/* ---- adding ---------------------------------------------------------------------------------- */

static ds_status add_bias(ds_model *m, const ds_lora_module *l, double strength, const char *path,
                          ds_error *err)
{
    const ds_tensor *diff = l->part[DS_LORA_DIFF_BIAS];
    char name[512];
    ds_param *q;
    float *delta;
    ds_status st;

    if (diff == NULL)
        return DS_OK;
    snprintf(name, sizeof name, "%s.bias", l->name);
    st = ds__params_own(m->params, &q, name, err);
    if (st == DS_OK && ds_tensor_count(&q->value) != ds_tensor_count(diff))
        st = ds_fail(err, DS_E_SHAPE, "%s: the difference for %.160s has %lld numbers, not %lld",
                     path, name, (long long)ds_tensor_count(diff),
                     (long long)ds_tensor_count(&q->value));
    if (st != DS_OK)
        return st;
    delta = ds_alloc((size_t)ds_tensor_count(diff) * sizeof *delta);
    if (delta == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for %.160s", path, name);
    ds_convert(delta, DS_DTYPE_F32, diff->data, diff->dtype, ds_tensor_count(diff));
    for (int64_t i = 0; i < ds_tensor_count(diff); i++)
        ((float *)q->value.data)[i] += (float)(strength * delta[i]);
    ds_free(delta);
    return DS_OK;
}

static bool changes_weight(const ds_lora_module *l)
{
    for (int i = 0; i < DS_LORA_DIFF_BIAS; i++)
        if (l->part[i] != NULL)
            return true;
    return false;
}

static ds_status add_weight(ds_model *m, const ds_lora_module *l, double strength, double factor,
                            const char *path, ds_error *err)
{
    char name[512];
    ds_param *q;
    float *delta, *w;
    int64_t n;
    ds_status st;

    snprintf(name, sizeof name, "%s.weight", l->name);
    st = ds__params_own(m->params, &q, name, err);
    if (st != DS_OK)
        return st;
    w = q->value.data;
    n = ds_tensor_count(&q->value);
    delta = ds_alloc((size_t)n * sizeof *delta);
    if (delta == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for the change of %.160s", path, name);
    st = ds__lora_delta(delta, l, &q->value, factor, path, err);
    if (st == DS_OK && l->part[DS_LORA_DORA] != NULL)
        st = ds__lora_decompose(w, delta, &q->value, l->part[DS_LORA_DORA], strength, path, err);
    else
        for (int64_t i = 0; st == DS_OK && i < n; i++)
            w[i] += (float)(strength * delta[i]);
    ds_free(delta);
    return st;
}

static ds_status add_modules(ds_model *m, const ds_lora_keys *k, const ds_bundle *b,
                             const ds_lora *lora, ds_error *err)
{
    const char *text = ds_bundle_meta(b, "lora_adapter_metadata");
    json_t *adapter = text != NULL ? json_loads(text, 0, NULL) : NULL;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < k->modules; i++) {
        const ds_lora_module *l = &k->module[i];
        double strength = strncmp(l->name, "unet.", 5) == 0 ? lora->unet : lora->text;

        if (strength == 0.0)
            continue;
        if (changes_weight(l))
            st = add_weight(m, l, strength, peft_factor(l, adapter), lora->path, err);
        if (st == DS_OK)
            st = add_bias(m, l, strength, lora->path, err);
    }
    json_decref(adapter);
    return st;
}

/* ---- files ----------------------------------------------------------------------------------- */

static ds_status check_used(const ds_lora_keys *k, const ds_lora *lora, char **unused,
                            ds_error *err)
{
    char text[512];

    if (k->used == 0) {
        ds_fail(err, DS_E_NOMATCH,
                "%s: none of its %lld keys names a part of this model, for instance %s", lora->path,
                (long long)k->unused, k->unused_names);
        return ds_fail_at(err, DS_E_NOMATCH, lora->path, -1);
    }
    if (k->unused == 0)
        return DS_OK;
    snprintf(text, sizeof text, "%s: %lld of %lld keys name no part of this model: %s%s",
             lora->path, (long long)k->unused, (long long)(k->used + k->unused), k->unused_names,
             k->unused > 3 ? ", ..." : "");
    if (!lora->partial) {
        ds_fail(err, DS_E_NOMATCH, "%s; --lora-partial leaves them out", text);
        return ds_fail_at(err, DS_E_NOMATCH, lora->path, -1);
    }
    if (unused != NULL && *unused == NULL && (*unused = ds_strdup(text)) == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a remark");
    return DS_OK;
}

static ds_status note_applied(ds_model *m, const ds_lora *lora, ds_error *err)
{
    char hex[65];
    json_t *j;
    ds_status st = ds__sha256_file(hex, lora->path, err);

    if (st != DS_OK)
        return st;
    j = json_pack("{s:s, s:s, s:f, s:f}", "path", lora->path, "sha256", hex, "unet", lora->unet,
                  "text", lora->text);
    if (m->applied == NULL)
        m->applied = json_array();
    return json_array_append_new(m->applied, j) == 0
               ? DS_OK
               : ds_fail(err, DS_E_NOMEM, "no memory for a note on %s", lora->path);
}

static ds_status add_file(ds_model *m, const ds_lora *lora, char **unused, ds_error *err)
{
    ds_lora_keys k = { .modules = 0 };
    ds_bundle *b;
    ds_status st = ds__tensors_map(&b, lora->path, err);

    if (st != DS_OK)
        return st;
    st = check_base(b, m, lora->path, err);
    if (st == DS_OK)
        st = ds__lora_keys(&k, b, m, lora->path, err);
    if (st == DS_OK)
        st = check_used(&k, lora, unused, err);
    if (st == DS_OK)
        st = add_modules(m, &k, b, lora, err);
    if (st == DS_OK)
        st = note_applied(m, lora, err);
    ds__lora_keys_clear(&k);
    ds_bundle_free(b);
    return st;
}

ds_status ds_model_lora(ds_model **out, ds_model *base_model, const ds_lora *lora, int count,
                        char **unused, ds_error *err)
{
    ds_model *m;
    ds_status st = ds_model_overlay(&m, base_model, &(ds_overlay){ NULL, 0 }, err);

    *out = NULL;
    if (unused != NULL)
        *unused = NULL;
    for (int i = 0; st == DS_OK && i < count; i++)
        st = add_file(m, &lora[i], unused, err);
    if (st != DS_OK) {
        ds_model_close(m);
        if (unused != NULL) {
            ds_free(*unused);
            *unused = NULL;
        }
        return st;
    }
    *out = m;
    return DS_OK;
}

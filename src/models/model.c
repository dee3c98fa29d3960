/* model.c - see model.h; open.c opens one. */

#include "models/model.h"

#include "base/near.h"

#include <stdio.h>
#include <string.h>

const ds_store_options *ds__model_where(ds_store_options *out, const ds_model_options *o)
{
    *out = (ds_store_options){ 0 };
    if (o == NULL)
        return out;
    out->variant = o->variant;
    out->config = o->config;
    out->prediction = o->prediction;
    out->memory = o->weights;
    out->part[DS_VAE] = o->vae;
    out->part[DS_TEXT_ENCODER] = o->text_encoder;
    out->part[DS_TEXT_ENCODER_2] = o->text_encoder_2;
    return out;
}

void ds_model_close(ds_model *m)
{
    ds_model *base;

    if (m == NULL || atomic_fetch_sub(&m->users, 1) > 1)
        return;
    base = m->base;
    ds__params_free(m->params);
    json_decref(m->applied);
    for (int i = 0; i < 2; i++)
        ds_tokenizer_close(atomic_load(&m->tokenizer[i]));
    for (ds_learned *l = m->learned, *next; l != NULL; l = next) {
        next = l->next;
        ds_free(l);
    }
    for (int c = 0; base == NULL && c < DS_COMPONENTS; c++)
        ds__weights_close(m->weights[c]);
    if (base == NULL)
        ds__store_close(m->store);
    ds_free(m);
    ds_model_close(base);
}

/* ---- parameters ------------------------------------------------------------------------------ */

int64_t ds_model_parameters(const ds_model *m)
{
    return ds__params_count(m->params);
}

const char *ds_model_parameter_name(const ds_model *m, int64_t i)
{
    return i >= 0 && i < ds__params_count(m->params) ? ds__params_at(m->params, i)->name : NULL;
}

static const char *name_at(const void *user, int64_t i)
{
    return ds_model_parameter_name(user, i);
}

ds_status ds_model_parameter(const ds_model *m, ds_tensor *out, const char *name, ds_error *err)
{
    const ds_param *q = ds__params_get(m->params, name);

    if (q == NULL)
        return ds__no_match("parameter", name, name_at, m, ds_model_parameters(m), err);
    *out = q->value;
    return DS_OK;
}

const char *ds_model_remark(const ds_model *m)
{
    return ds__store_remark(m->store);
}

ds_status ds__model_need(const ds_model *m, ds_component c, ds_error *err)
{
    char have[128] = "";

    if (m->weights[c] != NULL)
        return DS_OK;
    for (int i = 0; i < DS_COMPONENTS; i++)
        if (m->weights[i] != NULL)
            snprintf(have + strlen(have), sizeof have - strlen(have), " %s",
                     ds__component_names[i]);
    ds_fail(err, DS_E_NOMATCH, "this model has no %s%s; it has:%s", ds__component_names[c],
            ds__store_hint(m->store, c), have[0] != '\0' ? have : " nothing that is known here");
    return ds_fail_at(err, DS_E_NOMATCH, ds__store_path(m->store), -1);
}

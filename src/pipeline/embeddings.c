/* embeddings.c - see embeddings.h. */

#include "pipeline/embeddings.h"

#include <stdio.h>

#include "models/model.h"

static ds_status open_table(ds_embeddings *e, ds_model *m, int i, ds_error *err)
{
    const ds_tensor *t;
    ds_status st = ds__weights_bind(m->weights[DS_TEXT_ENCODER + i],
                                    "text_model.embeddings.token_embedding.weight", 2,
                                    (const int64_t[]){ -1, -1 }, &t, err);

    if (st != DS_OK)
        return st;
    e->width[i] = t->dim[1];
    e->table[i] = ds_alloc((size_t)ds_tensor_count(t) * sizeof(float));
    if (e->table[i] == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the embeddings of %lld tokens",
                       (long long)t->dim[0]);
    ds_convert(e->table[i], DS_DTYPE_F32, t->data, t->dtype, ds_tensor_count(t));
    e->rows = i == 0 || t->dim[0] < e->rows ? t->dim[0] : e->rows;
    e->tables = i + 1;
    return DS_OK;
}

ds_status ds__embeddings_open(ds_embeddings **out, ds_model *m, ds_error *err)
{
    ds_embeddings *e = ds_calloc(1, sizeof *e);
    ds_status st = ds__model_need(m, DS_TEXT_ENCODER, err);

    *out = NULL;
    if (st == DS_OK && e == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for embeddings");
    for (int i = 0; st == DS_OK && i < DS_TABLES; i++)
        if (m->weights[DS_TEXT_ENCODER + i] != NULL)
            st = open_table(e, m, i, err);
    if (st != DS_OK) {
        ds__embeddings_close(e);
        return st;
    }
    *out = e;
    return DS_OK;
}

void ds__embeddings_close(ds_embeddings *e)
{
    if (e == NULL)
        return;
    for (int i = 0; i < DS_TABLES; i++)
        ds_free(e->table[i]);
    ds_free(e);
}

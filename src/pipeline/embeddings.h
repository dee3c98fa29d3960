/* embeddings.h - the tables from which the text encoders take the vector of each token, before places are
 * added.
 *
 * Thread rule: immutable after opening. */

#ifndef DS_PIPELINE_EMBEDDINGS_H
#define DS_PIPELINE_EMBEDDINGS_H

#include <diffuscope/model.h>

#define DS_TABLES 2

typedef struct ds_embeddings {
    int tables;   /* text encoders: 1, or 2 in Stable Diffusion XL */
    int64_t rows; /* tokens that all tables have */
    int64_t width[DS_TABLES];
    float *table[DS_TABLES]; /* [rows,width] */
} ds_embeddings;

/* Copies of the model's tables as f32. DS_E_NOMATCH for a model without text encoder. */
ds_status ds__embeddings_open(ds_embeddings **out, ds_model *m, ds_error *err);
void ds__embeddings_close(ds_embeddings *e); /* NULL is allowed */

static inline const float *ds__embedding(const ds_embeddings *e, int table, int64_t row)
{
    return e->table[table] + row * e->width[table];
}

#endif

/* draws.c - see draws.h. */

#include "methods/concept/draws.h"

#include <stdio.h>
#include <string.h>

#include "methods/concept/bank.h"
#include "methods/concept/coefficients.h"
#include "methods/concept/dictionary.h"

typedef struct recorded {
    ds_dictionary *dictionary;
    ds_sentences *sentences;
    ds_coefficients *c;
    ds_loss *loss;
    int64_t rows, plane;
    float *z, *target, *t, *token, *gradient;
    int64_t *text;
} recorded;

static const struct {
    const char *name;
    int rank;
} parameters[] = {
    { "mlp.0.weight", 2 },
    { "mlp.0.bias", 1 },
    { "mlp.2.weight", 2 },
    { "mlp.2.bias", 1 },
};

/* Shape and data of parameter i within a block of the network's (values or gradients). */
static float *parameter(const ds_mlp *n, float *block, size_t i, int64_t dim[2])
{
    const int64_t rows[] = { n->hidden, n->hidden, 1, 1 };
    const int64_t columns[] = { n->width, 0, n->hidden, 0 };
    const int64_t at[] = { 0, n->b1 - n->w1, n->w2 - n->w1, n->b2 - n->w1 };

    dim[0] = rows[i];
    dim[1] = columns[i];
    return block + at[i];
}

static ds_status read_network(recorded *r, const ds_bundle *draws, ds_error *err)
{
    ds_status st = DS_OK;

    for (size_t i = 0; st == DS_OK && i < DS_COUNT(parameters); i++) {
        int64_t dim[2];
        float *to = parameter(r->c->mlp, r->c->mlp->w1, i, dim);
        ds_tensor *t;

        st = ds_bundle_expect(draws, parameters[i].name, parameters[i].rank, dim, &t, err);
        if (st == DS_OK)
            ds_convert(to, DS_DTYPE_F32, t->data, t->dtype, ds_tensor_count(t));
    }
    return st;
}

static ds_status read_dictionary(recorded *r, ds_model *m, const ds_tokenizer *t,
                                 const ds_bundle *draws, int64_t tokens, ds_error *err)
{
    ds_dictionary_options o = { .kappa_of_all = true };
    ds_tensor *ids;
    int64_t *copy;
    ds_status st = ds_bundle_expect(draws, "dictionary_ids", 1, (const int64_t[]){ -1 }, &ids, err);

    if (st != DS_OK)
        return st;
    copy = ds_calloc((size_t)ids->dim[0] + 1, sizeof *copy);
    if (copy == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a dictionary");
    ds_convert(copy, DS_DTYPE_I64, ids->data, ids->dtype, ids->dim[0]);
    o.ids = copy;
    o.n_ids = ids->dim[0];
    st = ds__dictionary_new(&r->dictionary, m, t, &o, err);
    ds_free(copy);
    if (st == DS_OK)
        st = ds__coefficients_new(&r->c, DS_SOLVER_PAPER, &r->dictionary->words, NULL, tokens, err);
    return st == DS_OK ? read_network(r, draws, err) : st;
}

static ds_status read_batch(recorded *r, ds_model *m, const ds_bundle *draws, ds_tensor **latent,
                            ds_error *err)
{
    ds_tensor *eps, *time;
    ds_noise *noise = NULL;
    ds_status st =
        ds_bundle_expect(draws, "latent", 4, (const int64_t[]){ -1, -1, -1, -1 }, latent, err);

    if (st == DS_OK)
        st = ds_bundle_expect(draws, "eps", 4, (*latent)->dim, &eps, err);
    if (st == DS_OK)
        st = ds_bundle_expect(draws, "timestep", 1, (*latent)->dim, &time, err);
    if (st == DS_OK)
        st = ds_noise_new(&noise, m, err);
    if (st != DS_OK)
        return st;
    r->rows = (*latent)->dim[0];
    r->plane = ds_tensor_count(*latent) / (r->rows > 0 ? r->rows : 1);
    r->z = ds_calloc((size_t)(r->rows * r->plane) + 1, sizeof *r->z);
    r->target = ds_calloc((size_t)(r->rows * r->plane) + 1, sizeof *r->target);
    r->t = ds_calloc((size_t)r->rows + 1, sizeof *r->t);
    r->text = ds_calloc((size_t)r->rows + 1, sizeof *r->text);
    if (r->z == NULL || r->target == NULL || r->t == NULL || r->text == NULL) {
        ds_noise_free(noise);
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld rows", (long long)r->rows);
    }
    ds_convert(r->z, DS_DTYPE_F32, (*latent)->data, (*latent)->dtype, r->rows * r->plane);
    ds_convert(r->target, DS_DTYPE_F32, eps->data, eps->dtype, r->rows * r->plane);
    ds_convert(r->t, DS_DTYPE_F32, time->data, time->dtype, r->rows);
    for (int64_t i = 0; i < r->rows; i++) {
        float *z = r->z + i * r->plane, *target = r->target + i * r->plane;

        ds__noise_target(z, target, noise, z, target, r->t[i], r->plane);
    }
    ds_noise_free(noise);
    return DS_OK;
}

static ds_status open_draws(recorded *r, ds_model *m, const ds_tokenizer *t, const ds_bundle *draws,
                            const ds_draws_options *o, ds_error *err)
{
    const ds_sentences *sentences[1];
    ds_loss_options l = { .sentences = sentences,
                          .lanes = 1,
                          .gradient = true,
                          .recompute = o->recompute,
                          .cancel = o->cancel };
    ds_tensor *latent;
    ds_status st = read_batch(r, m, draws, &latent, err);

    if (st == DS_OK)
        st = read_dictionary(r, m, t, draws, o->tokens, err);
    if (st == DS_OK)
        st = ds__sentences_of_prompt(&r->sentences, o->prompt, r->rows, t, err);
    if (st != DS_OK)
        return st;
    sentences[0] = r->sentences;
    l.rows = r->rows;
    l.height = latent->dim[2];
    l.width = latent->dim[3];
    r->token = ds_calloc((size_t)r->c->mlp->width, sizeof *r->token);
    r->gradient = ds_calloc((size_t)r->c->mlp->width, sizeof *r->gradient);
    if (r->token == NULL || r->gradient == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a token");
    return ds__loss_new(&r->loss, m, &l, err);
}

static void close_draws(recorded *r)
{
    ds__loss_free(r->loss);
    ds__coefficients_free(r->c);
    ds__sentences_free(r->sentences);
    ds__dictionary_free(r->dictionary);
    ds_free(r->z);
    ds_free(r->target);
    ds_free(r->t);
    ds_free(r->text);
    ds_free(r->token);
    ds_free(r->gradient);
}

/* ---- what is told ------------------------------------------------------------------------------ */

static ds_status put(ds_bundle *out, const char *name, ds_dtype to, ds_dtype from, int rank,
                     const int64_t *dim, const void *data, ds_error *err)
{
    ds_tensor *t;
    ds_status st = ds_bundle_add(out, name, to, rank, dim, &t, err);

    if (st == DS_OK)
        ds_convert(t->data, to, data, from, ds_tensor_count(t));
    return st;
}

static ds_status put_network(ds_bundle *out, const recorded *r, float *block, const char *prefix,
                             ds_error *err)
{
    ds_status st = DS_OK;

    for (size_t i = 0; st == DS_OK && i < DS_COUNT(parameters); i++) {
        int64_t dim[2];
        float *data = parameter(r->c->mlp, block, i, dim);
        char name[64];

        snprintf(name, sizeof name, "%s%s", prefix, parameters[i].name);
        st = put(out, name, DS_DTYPE_F32, DS_DTYPE_F32, parameters[i].rank, dim, data, err);
    }
    return st;
}

static ds_status put_first(ds_bundle *out, const recorded *r, ds_error *err)
{
    const ds_coefficients *c = r->c;
    int64_t tokens, width;
    const float *hidden = ds__loss_conditioning(r->loss, &tokens, &width);
    ds_status st =
        put(out, "alpha", DS_DTYPE_F32, DS_DTYPE_F64, DS_DIMS(c->words->count), c->alpha, err);

    if (st == DS_OK)
        st = put(out, "token", DS_DTYPE_F32, DS_DTYPE_F32, DS_DIMS(c->mlp->width), r->token, err);
    if (st == DS_OK)
        st = put(out, "top", DS_DTYPE_I64, DS_DTYPE_I64, DS_DIMS(c->n_top), c->top, err);
    if (st == DS_OK)
        st = put(out, "conditioning", DS_DTYPE_F32, DS_DTYPE_F32, DS_DIMS(1, tokens, width), hidden,
                 err);
    if (st == DS_OK)
        st = put(out, "gradient.alpha", DS_DTYPE_F32, DS_DTYPE_F64, DS_DIMS(c->words->count),
                 c->grad, err);
    return st == DS_OK ? put_network(out, r, c->mlp->grad, "first.gradient.", err) : st;
}

/* ---- the search -------------------------------------------------------------------------------- */

static ds_status take_step(recorded *r, double losses[2], double lambda, ds_error *err)
{
    const ds_loss_batch batch = { .z = r->z, .target = r->target, .t = r->t, .text = r->text };
    ds_status st = ds__coefficients_token(r->c, r->token, err);

    if (st == DS_OK)
        st = ds__loss_run(r->loss, &losses[0], r->gradient, NULL, r->token, &batch, err);
    if (st == DS_OK)
        st = ds__coefficients_pull(r->c, &losses[1], r->gradient, lambda, err);
    if (st == DS_OK)
        ds__coefficients_back(r->c);
    return st;
}

ds_status ds__concept_draws(ds_bundle *out, ds_model *m, const ds_tokenizer *t,
                            const ds_bundle *draws, const ds_draws_options *o, ds_error *err)
{
    recorded r = { 0 };
    double *losses = ds_calloc((size_t)o->steps, 2 * sizeof *losses);
    ds_status st = losses == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for losses")
                                  : open_draws(&r, m, t, draws, o, err);

    for (int64_t k = 0; st == DS_OK && k < o->steps; k++) {
        st = take_step(&r, losses + 2 * k, o->lambda, err);
        if (st == DS_OK && k == 0)
            st = put_first(out, &r, err);
        if (st == DS_OK && k == o->steps - 1)
            st = put_network(out, &r, r.c->mlp->grad, "gradient.", err);
        if (st == DS_OK)
            ds__coefficients_update(r.c);
    }
    if (st == DS_OK)
        st = put(out, "losses", DS_DTYPE_F32, DS_DTYPE_F64, DS_DIMS(o->steps, 2), losses, err);
    if (st == DS_OK)
        st = put_network(out, &r, r.c->mlp->w1, "", err);
    close_draws(&r);
    ds_free(losses);
    return st;
}

/* denoiser.c - the network behind ds__denoise. See denoiser.h. */

#include "pipeline/denoiser_impl.h"

#include "base/finite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

ds_status ds_denoiser_describe(ds_denoiser_info *out, const ds_model *m, ds_error *err)
{
    ds_status st = ds__model_need(m, DS_UNET, err);

    if (st == DS_OK)
        st = ds__model_need(m, DS_VAE, err);
    if (st != DS_OK)
        return st;
    *out = (ds_denoiser_info){ m->vae.latent_channels, m->unet.sample_size,
                               (int64_t)1 << (m->vae.levels - 1), m->unet.cond_dim,
                               (int64_t)1 << (m->unet.levels - 1) };
    if (m->unet.in_channels != out->channels || m->unet.out_channels != out->channels)
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "the unet reads %lld channels and gives %lld, the vae's latents have %lld: "
                       "models for inpainting and the like are not supported",
                       (long long)m->unet.in_channels, (long long)m->unet.out_channels,
                       (long long)out->channels);
    return DS_OK;
}

static ds_status allocate(ds_denoiser *d, ds_error *err)
{
    size_t rows = (size_t)d->rows;
    size_t plane = (size_t)(d->info.channels * d->shape.height * d->shape.width);

    d->which = ds_calloc(rows, sizeof *d->which);
    d->sample = ds_calloc(rows * plane, sizeof *d->sample);
    d->time = ds_calloc(rows, sizeof *d->time);
    d->context = ds_calloc(rows * (size_t)(d->shape.tokens * d->width), sizeof *d->context);
    d->pooled = ds_calloc(rows * (size_t)d->pooled_width + 1, sizeof *d->pooled);
    if (d->which == NULL || d->sample == NULL || d->time == NULL || d->context == NULL ||
        d->pooled == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the inputs of %lld rows",
                       (long long)d->rows);
    return DS_OK;
}

/* Six numbers that XL was trained with beside the text: size of the original, corner of the crop,
 * size of the picture. A picture made from nothing is its own original. */
static ds_status set_sizes(ds_denoiser *d, ds_error *err)
{
    float height = (float)(d->shape.height * d->info.factor);
    float width = (float)(d->shape.width * d->info.factor);
    const float one[6] = { height, width, 0, 0, height, width };
    ds_tensor t = { DS_DTYPE_F32, 2, { d->rows, 6 }, NULL };
    float *all = ds_calloc((size_t)d->rows, sizeof one);
    ds_status st;

    if (all == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the sizes");
    for (int64_t r = 0; r < d->rows; r++)
        memcpy(all + r * 6, one, sizeof one);
    t.data = all;
    st = ds__net_set(d->net, "time_ids", &t, err);
    ds_free(all);
    return st;
}

/* sin and cos of 1000 (w - 1) f_i, f_i = 10000^(-i / (half - 1)); an odd last number is 0. */
static void embed_guidance(float *out, int64_t dim, double w)
{
    const int64_t half = dim / 2;
    const float step = (float)(half > 1 ? log(10000.0) / (double)(half - 1) : 0.0);
    const float scaled = (float)(w - 1.0) * 1000.0f;

    memset(out, 0, (size_t)dim * sizeof *out);
    for (int64_t i = 0; i < half; i++) {
        float angle = scaled * expf((float)i * -step);

        out[i] = sinf(angle);
        out[half + i] = cosf(angle);
    }
}

ds_status ds_denoiser_guide(ds_denoiser *d, double w, ds_error *err)
{
    const int64_t dim = d->info.guidance;
    ds_tensor t = { DS_DTYPE_F32, 2, { d->rows, dim }, NULL };
    float *all;
    ds_status st;

    if (dim == 0)
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "this network has no guidance embedding (time_cond_proj_dim)");
    if (!isfinite(w))
        return ds_fail(err, DS_E_ARG, "guidance: expected a finite number");
    all = ds_calloc((size_t)d->rows, (size_t)dim * sizeof *all);
    if (all == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a guidance embedding");
    for (int64_t r = 0; r < d->rows; r++)
        embed_guidance(all + r * dim, dim, w);
    t.data = all;
    st = ds__net_set(d->net, "timestep_cond", &t, err);
    ds_free(all);
    return st;
}

static ds_status check_shape(const ds_denoiser_shape *s, ds_error *err)
{
    const int64_t most = 1 << 14;

    if (s->images < 1 || s->images > most || s->conditions < 1 || s->conditions > most ||
        s->height < 1 || s->height > most || s->width < 1 || s->width > most || s->tokens < 1)
        return ds_fail(err, DS_E_SHAPE,
                       "%lld images of %lld by %lld latent pixels under %lld conditionings: each "
                       "must be from 1 to %lld",
                       (long long)s->images, (long long)s->width, (long long)s->height,
                       (long long)s->conditions, (long long)most);
    return DS_OK;
}

ds_status ds__pull_make_room(ds_denoiser *d, int64_t conditions, ds_error *err)
{
    ds_pull *p = &d->pull;
    const size_t tokens = (size_t)(d->shape.tokens * d->width), n = (size_t)conditions;

    p->conditions = conditions;
    if (conditions <= p->room)
        return DS_OK;
    ds_free(p->hidden);
    ds_free(p->pooled);
    p->room = 0;
    p->hidden = ds_calloc(n * tokens, sizeof *p->hidden);
    p->pooled = ds_calloc(n * (size_t)d->pooled_width + 1, sizeof *p->pooled);
    if (p->hidden == NULL || p->pooled == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for gradients of %lld conditionings",
                       (long long)conditions);
    p->room = conditions;
    return DS_OK;
}

void ds__pull_free(ds_pull *p)
{
    ds_free(p->rows);
    ds_free(p->sample);
    ds_free(p->hidden);
    ds_free(p->pooled);
}

ds_status ds__denoiser_plan(ds_denoiser **out, ds_model *m, const ds_denoiser_shape *shape,
                            const ds_net_options *o, ds_error *err)
{
    ds_denoiser *d = ds_calloc(1, sizeof *d);
    ds_net_shape net;
    ds_status st;

    *out = NULL;
    if (d == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a denoiser");
    d->shape = *shape;
    d->rows = shape->images * shape->conditions;
    st = check_shape(shape, err);
    if (st == DS_OK)
        st = ds_denoiser_describe(&d->info, m, err);
    d->width = m->unet.context_dim;
    d->pooled_width = m->unet.text_time ? m->unet.pooled_dim : 0;
    if (st == DS_OK)
        st = allocate(d, err);
    net = (ds_net_shape){ d->rows, shape->tokens, shape->height, shape->width };
    if (st == DS_OK)
        st = ds__net_new(&d->net, m, DS_MODULE_UNET, &net, o, err);
    if (st == DS_OK && m->unet.text_time)
        st = set_sizes(d, err);
    if (st == DS_OK && d->info.guidance > 0)
        st = ds_denoiser_guide(d, 1.0, err);
    if (st != DS_OK) {
        ds__denoiser_free(d);
        return st;
    }
    *out = d;
    return DS_OK;
}

ds_status ds__denoiser_new(ds_denoiser **out, ds_model *m, const ds_denoiser_shape *shape,
                           const ds_watcher *watcher, ds_error *err)
{
    return ds__denoiser_plan(out, m, shape, &(ds_net_options){ .watcher = watcher }, err);
}

void ds__denoiser_free(ds_denoiser *d)
{
    if (d == NULL)
        return;
    ds__pull_free(&d->pull);
    ds__taps_free(d->taps);
    ds_free(d->which);
    ds__net_free(d->net);
    ds_free(d->sample);
    ds_free(d->time);
    ds_free(d->context);
    ds_free(d->pooled);
    ds_free(d);
}

static ds_status check_conditions(const ds_denoiser *d, const ds_conditions *c, ds_error *err)
{
    if (c->tokens == d->shape.tokens && c->width == d->width && c->pooled_width == d->pooled_width)
        return DS_OK;
    return ds_fail(err, DS_E_SHAPE,
                   "conditionings of %lld tokens by %lld, pooled %lld: expected %lld by %lld, "
                   "pooled %lld",
                   (long long)c->tokens, (long long)c->width, (long long)c->pooled_width,
                   (long long)d->shape.tokens, (long long)d->width, (long long)d->pooled_width);
}

ds_status ds__denoiser_condition_rows(ds_denoiser *d, const ds_conditions *c, const int64_t *which,
                                      ds_error *err)
{
    int64_t n = d->shape.tokens * d->width;
    ds_tensor context = { DS_DTYPE_F32, 3, { d->rows, d->shape.tokens, d->width }, d->context };
    ds_tensor pooled = { DS_DTYPE_F32, 2, { d->rows, d->pooled_width }, d->pooled };
    ds_status st = check_conditions(d, c, err);

    d->pull.ready = d->pull.done = false; /* whose gradients are summed is about to change */
    if (st == DS_OK && d->pull.prepared)
        st = ds__pull_make_room(d, c->count, err);
    for (int64_t r = 0; st == DS_OK && r < d->rows; r++) {
        if (which[r] < 0 || which[r] >= c->count)
            return ds_fail(err, DS_E_ARG, "row %lld wants conditioning %lld of %lld", (long long)r,
                           (long long)which[r], (long long)c->count);
        d->which[r] = which[r];
        memcpy(d->context + r * n, c->hidden + which[r] * n, (size_t)n * sizeof *c->hidden);
        memcpy(d->pooled + r * d->pooled_width, c->pooled + which[r] * d->pooled_width,
               (size_t)d->pooled_width * sizeof *c->pooled);
    }
    if (st == DS_OK)
        st = ds__net_set(d->net, "encoder_hidden_states", &context, err);
    if (st == DS_OK && d->pooled_width > 0)
        st = ds__net_set(d->net, "text_embeds", &pooled, err);
    d->ready = st == DS_OK;
    return st;
}

ds_status ds__denoiser_condition(ds_denoiser *d, const ds_conditions *c, ds_error *err)
{
    if (c->count != d->shape.conditions)
        return ds_fail(err, DS_E_SHAPE, "%lld conditionings: expected %lld", (long long)c->count,
                       (long long)d->shape.conditions);
    for (int64_t r = 0; r < d->rows; r++)
        d->which[r] = r / d->shape.images;
    return ds__denoiser_condition_rows(d, c, d->which, err);
}

void ds__denoiser_at(ds_denoiser *d, ds_denoiser_place place)
{
    d->place = place;
}

/* "step 3 of 30 (t = 881) for the prompt" */
static ds_status check_answer(const ds_denoiser *d, const float *out, ds_error *err)
{
    const int64_t n = d->info.channels * d->shape.height * d->shape.width;
    const int64_t bad = ds__not_finite(out, d->rows * n);
    const int64_t row = bad / n, condition = row / d->shape.images;
    char step[48] = "", branch[48];

    if (bad < 0)
        return DS_OK;
    if (d->place.steps > 0)
        snprintf(step, sizeof step, "step %d of %d, ", d->place.step + 1, d->place.steps);
    if (d->place.steps > 0)
        snprintf(branch, sizeof branch, "the %s",
                 condition < d->place.negatives ? "negative prompt" : "prompt");
    else
        snprintf(branch, sizeof branch, "conditioning %lld", (long long)condition);
    return ds_fail(
        err, DS_E_FORMAT,
        "the network's answer for %s at %stime step %g, picture %lld, is not a finite "
        "number: its weights are damaged, or its values leave the range of their type "
        "(compute in f32), or the noise schedule is not the one that it was trained with",
        branch, step, (double)d->time[row], (long long)(row % d->shape.images));
}

ds_status ds__denoise(ds_denoiser *d, float *out, const float *z, const float *t,
                      const ds_cancel *cancel, ds_error *err)
{
    const ds_denoiser_shape *s = &d->shape;
    int64_t n = s->images * d->info.channels * s->height * s->width;
    ds_tensor sample = {
        DS_DTYPE_F32, 4, { d->rows, d->info.channels, s->height, s->width }, d->sample
    };
    ds_tensor time = { DS_DTYPE_F32, 1, { d->rows }, d->time };
    ds_status st;

    if (!d->ready)
        return ds_fail(err, DS_E_ARG, "denoise: conditionings must be set first");
    for (int64_t k = 0; k < s->conditions; k++) {
        memcpy(d->sample + k * n, z, (size_t)n * sizeof *z);
        memcpy(d->time + k * s->images, t, (size_t)s->images * sizeof *t);
    }
    st = ds__net_set(d->net, "sample", &sample, err);
    if (st == DS_OK)
        st = ds__net_set(d->net, "timestep", &time, err);
    if (st == DS_OK)
        st = ds__net_forward(d->net, cancel, err);
    if (st == DS_OK)
        ds__net_get(d->net, 0, out);
    if (st == DS_OK)
        st = check_answer(d, out, err);
    d->pull.ready = st == DS_OK && d->pull.prepared;
    d->pull.done = false;
    return st;
}

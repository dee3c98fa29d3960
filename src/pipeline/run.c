/* run.c - the sampling loop and the state of a run. Allocates nothing before ds_run_decode. */

#include "pipeline/run_impl.h"

#include "base/finite.h"
#include "base/threads.h"
#include "pipeline/sampler_impl.h"

#include <string.h>

/* ---- watching -------------------------------------------------------------------------------- */

static ds_status show(ds_run *r, int site, float *values, ds_error *err)
{
    ds_tensor t = { DS_DTYPE_F32, 4, { r->images, r->channels, r->height, r->width }, values };

    return r->watcher->show(r->watcher->user, ds__run_sites[site], &t, err);
}

/* The samplers' state is shown as one tensor, and taken back if it may have been edited. */
static ds_status show_x(ds_run *r, ds_error *err)
{
    size_t bytes = (size_t)r->n * sizeof(float);
    ds_status st;

    if (r->interest[DS_SITE_X] == DS_IGNORE)
        return DS_OK;
    for (int64_t b = 0; b < r->images; b++)
        memcpy(r->shown + b * r->n, ds_sampler_x(r->sampler[b]), bytes);
    st = show(r, DS_SITE_X, r->shown, err);
    for (int64_t b = 0; b < r->images && r->interest[DS_SITE_X] == DS_EDIT; b++)
        memcpy(ds_sampler_x(r->sampler[b]), r->shown + b * r->n, bytes);
    return st;
}

static void gather_x0(const ds_run *r)
{
    for (int64_t b = 0; b < r->images; b++)
        memcpy(r->shown + b * r->n, ds_sampler_x0(r->sampler[b]), (size_t)r->n * sizeof(float));
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Classifier-free guidance: u + s (c - u), with the negative prompt's answer for u
 * (Ho and Salimans, arXiv 2207.12598). */
static void guide(ds_run *r)
{
    const float *c = r->output + r->images * r->n;
    float s = (float)r->options.cfg_scale;

    for (int64_t i = 0; r->branches == 2 && i < r->images * r->n; i++)
        r->output[i] += s * (c[i] - r->output[i]);
}

/* Tells the taps whose the rows are that come now. */
static void say(ds_run *r, ds_rows rows)
{
    ds__taps_at(r->taps, (ds_taps_place){ .rows = rows,
                                          .step = r->step,
                                          .call = r->call,
                                          .conditions = r->branches,
                                          .negatives = r->branches - 1,
                                          .images = r->images });
}

static ds_status one_call(ds_run *r, ds_error *err)
{
    ds_status st;

    say(r, DS_ROWS_LOOP);
    st = show_x(r, err);
    for (int64_t b = 0; b < r->images; b++)
        ds_sampler_input(r->sampler[b], r->call, r->input + b * r->n, &r->time[b]);
    say(r, DS_ROWS_BATCH);
    ds__denoiser_at(r->denoiser, (ds_denoiser_place){ r->step, r->steps, r->branches - 1 });
    if (st == DS_OK)
        st = ds__denoise(r->denoiser, r->output, r->input, r->time, r->options.cancel, err);
    if (st != DS_OK)
        return st;
    guide(r);
    say(r, DS_ROWS_LOOP);
    if (r->interest[DS_SITE_EPS] != DS_IGNORE)
        st = show(r, DS_SITE_EPS, r->output, err);
    for (int64_t b = 0; st == DS_OK && b < r->images; b++)
        st = ds_sampler_advance(r->sampler[b], r->call, r->output + b * r->n, &r->rng[b], err);
    if (st == DS_OK && r->interest[DS_SITE_X0] != DS_IGNORE) {
        gather_x0(r);
        st = show(r, DS_SITE_X0, r->shown, err);
    }
    return st;
}

/* A sampler divides by the signal's share, which is nothing where a schedule ends in pure noise. */
static ds_status check_latents(const ds_run *r, const float *x, ds_error *err)
{
    if (ds__not_finite(x, r->images * r->n) < 0)
        return DS_OK;
    return ds_fail(err, DS_E_FORMAT,
                   "the latent after step %d of %d is not a finite number, though the network's "
                   "answer was: %s and guidance %g do not fit this model's noise schedule and "
                   "prediction type; try another sampler, more steps or less guidance",
                   r->step + 1, r->steps, ds_sampler_name(r->sampler[0]), r->options.cfg_scale);
}

static ds_status advance(ds_run *r, ds_error *err)
{
    float *latents = r->latents + r->step * r->images * r->n;
    bool ended = false;
    ds_status st = DS_OK;

    while (st == DS_OK && !ended) {
        st = one_call(r, err);
        ended = ds_sampler_step_ends(r->sampler[0], r->call++);
    }
    if (st != DS_OK)
        return st;
    for (int64_t b = 0; b < r->images; b++)
        memcpy(latents + b * r->n, ds_sampler_x(r->sampler[b]), (size_t)r->n * sizeof(float));
    st = check_latents(r, latents, err);
    if (st != DS_OK)
        return st;
    r->step++;
    gather_x0(r);
    if (r->options.on_step != NULL)
        st = r->options.on_step(r->options.user, r, err);
    if (st == DS_OK && r->options.progress != NULL)
        st = r->options.progress(r->options.user, &(ds_progress){ "drawing", r->step, r->steps },
                                 err);
    return st;
}

ds_status ds_run_step(ds_run *r, ds_error *err)
{
    int before;
    ds_status st;

    if (r->failed)
        return ds_fail(err, DS_E_ARG, "this run has failed before: it can only be freed");
    if (ds_run_done(r))
        return ds_fail(err, DS_E_ARG, "all %d steps are done", r->steps);
    before = ds__threads_enter(r->options.threads);
    st = advance(r, err);
    ds__threads_leave(before);
    r->failed = st != DS_OK;
    return st;
}

ds_status ds_run_all(ds_run *r, ds_error *err)
{
    ds_status st = DS_OK;

    while (st == DS_OK && !ds_run_done(r))
        st = ds_run_step(r, err);
    return st;
}

ds_status ds_run_decode(ds_run *r, ds_error *err)
{
    int64_t pixels = 3 * r->height * r->width * r->factor * r->factor;
    int before;
    ds_status st = DS_OK;

    if (r->failed)
        return ds_fail(err, DS_E_ARG, "this run has failed before: it can only be freed");
    if (ds_run_done(r)) { /* the denoiser's memory is room for the decoder's */
        ds__denoiser_free(r->denoiser);
        r->denoiser = NULL;
        ds__module_done(r->model, DS_MODULE_UNET);
    }
    before = ds__threads_enter(r->options.threads);
    for (int64_t b = 0; st == DS_OK && b < r->images; b++) {
        ds__taps_at(r->taps,
                    (ds_taps_place){ .rows = DS_ROWS_PICTURE, .step = -1, .call = -1, .image = b });
        st = ds__decode(r->autoencoder, r->image + b * pixels, ds_sampler_x(r->sampler[b]),
                        r->options.cancel, err);
    }
    ds__threads_leave(before);
    return st;
}

/* ---- state ----------------------------------------------------------------------------------- */

bool ds_run_done(const ds_run *r)
{
    return r->step == r->steps;
}

int ds_run_steps(const ds_run *r)
{
    return r->steps;
}

int ds_run_step_index(const ds_run *r)
{
    return r->step;
}

ds_tensor ds_run_latents(const ds_run *r)
{
    return (ds_tensor){
        DS_DTYPE_F32, 5, { r->steps, r->images, r->channels, r->height, r->width }, r->latents
    };
}

ds_tensor ds_run_noise(const ds_run *r)
{
    return (
        ds_tensor){ DS_DTYPE_F32, 4, { r->images, r->channels, r->height, r->width }, r->noise };
}

ds_tensor ds_run_x0(const ds_run *r)
{
    return (
        ds_tensor){ DS_DTYPE_F32, 4, { r->images, r->channels, r->height, r->width }, r->shown };
}

ds_tensor ds_run_image(const ds_run *r)
{
    return (ds_tensor){
        DS_DTYPE_F32, 4, { r->images, 3, r->height * r->factor, r->width * r->factor }, r->image
    };
}

ds_status ds_run_preview(ds_run *r, float *rgb, int64_t b, ds_error *err)
{
    if (!r->preview.ready)
        return ds_fail(err, DS_E_ARG, "a preview must be asked for in the run's options");
    if (b < 0 || b >= r->images)
        return ds_fail(err, DS_E_ARG, "there is no image %lld in a run of %lld", (long long)b,
                       (long long)r->images);
    ds__preview_apply(&r->preview, rgb, r->shown + b * r->n, r->height * r->width);
    return DS_OK;
}

ds_model *ds_run_model(const ds_run *r)
{
    return r->model;
}

ds_run_info ds_run_describe(const ds_run *r)
{
    const ds_conditions *c = r->conditions;
    int k = r->branches - 1;

    return (ds_run_info){
        .sampler = ds_sampler_name(r->sampler[0]),
        .karras = r->sampler[0]->config.karras,
        .width = r->width * r->factor,
        .height = r->height * r->factor,
        .images = r->images,
        .latent_width = r->width,
        .latent_height = r->height,
        .latent_channels = r->channels,
        .calls = ds_sampler_calls(r->sampler[0]),
        .tokens = c->tokens,
        .prompt_ids = c->ids + k * c->tokens,
        .negative_ids = k == 1 ? c->ids : NULL,
        .prompt_cut = c->cut[k],
        .negative_cut = k == 1 ? c->cut[0] : 0,
    };
}

const char *ds_run_warning(const ds_run *r, int i)
{
    return i >= 0 && i < r->warnings ? r->warning[i] : NULL;
}

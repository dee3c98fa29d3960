/* counterfactual.c - a picture to noise and back, under its text and under another. See diffuscope/info.h.
 *
 *     dx / dsigma = eps_hat(x / sqrt(1 + sigma^2), sigma),   log-SNR = -2 log sigma
 *
 * (Song et al., arXiv 2011.13456, in the variables of Karras et al., arXiv 2206.00364), by Heun's
 * method on sigma_i = (smax^(1/7) + i/n (smin^(1/7) - smax^(1/7)))^7. The latent is taken as the
 * state at smin, the schedule's least; the step from there to 0 is left out both ways. */

#include <diffuscope/info.h>

#include "methods/estimate/latent.h"

#include "base/options.h"
#include "methods/estimate/source.h"
#include "pipeline/autoencoder.h"

#include <math.h>
#include <string.h>

/* Of schedules that end in next to pure noise: nothing is decided above. */
#define MOST_SIGMA 80.0

struct ds_counterfactual {
    ds_latent_size size;
    int64_t plane; /* elements of a latent */
    float *latent[DS_COUNTERFACTUAL_LATENTS];
    ds_network_source *source;
    ds_conditions *text[2];
    double *sigma; /* [steps + 1], falling; snapped to the schedule */
    int64_t steps;
    float *z, *answer, *slope, *next; /* [plane] */
    float *image;                     /* [3,H,W] of ds_counterfactual_image */
    ds_model *model;
    int64_t calls, done;
    const ds_counterfactual_options *options; /* while running */
};

void ds_counterfactual_free(ds_counterfactual *e)
{
    if (e == NULL)
        return;
    for (int i = 0; i < DS_COUNTERFACTUAL_LATENTS; i++)
        ds_free(e->latent[i]);
    ds__network_source_free(e->source);
    for (int i = 0; i < 2; i++)
        ds__conditions_free(e->text[i]);
    ds_free(e->sigma);
    ds_free(e->image);
    ds_free(e->z);
    ds_free(e->answer);
    ds_free(e->slope);
    ds_free(e->next);
    ds_free(e);
}

/* ---- preparation ----------------------------------------------------------------------------- */

static ds_status encode_texts(ds_counterfactual *e, ds_model *m, const ds_counterfactual_options *o,
                              ds_error *err)
{
    const char *text[2] = { o->prompt != NULL ? o->prompt : "",
                            o->edited != NULL ? o->edited : "" };
    ds_text *t = NULL;
    ds_status st = ds__text_open(&t, m, err);

    for (int i = 0; st == DS_OK && i < 2; i++)
        st = ds__text_encode(t, &e->text[i], &text[i], 1, NULL, o->cancel, err);
    ds__text_close(t);
    return st;
}

/* Karras's grid; sigmas that snap to the same time step are one. */
static ds_status make_sigmas(ds_counterfactual *e, int64_t steps, ds_error *err)
{
    const ds_source *s = ds__network_source(e->source);
    double least = exp(-0.5 * s->table[0]), most = exp(-0.5 * s->table[s->table_count - 1]);
    double a, b;

    most = fmin(most, MOST_SIGMA);
    a = pow(most, 1.0 / 7.0);
    b = pow(least, 1.0 / 7.0);
    e->sigma = ds_calloc((size_t)steps + 1, sizeof *e->sigma);
    if (e->sigma == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld steps", (long long)steps);
    e->steps = -1;
    for (int64_t i = 0; i <= steps; i++) {
        double sigma = pow(a + (double)i / (double)steps * (b - a), 7.0);
        int64_t place;

        sigma = exp(-0.5 * ds__source_snap(s, -2.0 * log(sigma), &place));
        if (e->steps < 0 || sigma < e->sigma[e->steps])
            e->sigma[++e->steps] = sigma;
    }
    return DS_OK;
}

static ds_status allocate(ds_counterfactual *e, ds_error *err)
{
    float **all[] = { &e->latent[1], &e->latent[2], &e->latent[3], &e->z,
                      &e->answer,    &e->slope,     &e->next };

    e->plane = e->size.channels * e->size.height * e->size.width;
    for (size_t i = 0; i < DS_COUNT(all); i++) {
        *all[i] = ds_calloc((size_t)e->plane, sizeof(float));
        if (*all[i] == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for latents");
    }
    return DS_OK;
}

/* ---- the flow -------------------------------------------------------------------------------- */

/* slope = eps_hat at state x and sigma. */
static ds_status slope_at(ds_counterfactual *e, float *slope, const float *x, double sigma,
                          ds_error *err)
{
    const ds_source *s = ds__network_source(e->source);
    double logsnr = -2.0 * log(sigma), scale = 1.0 / sqrt(1.0 + sigma * sigma);
    ds_mixing m = ds__source_mixing(s->answer, logsnr);
    ds_status st;

    for (int64_t i = 0; i < e->plane; i++)
        e->z[i] = (float)(x[i] * scale);
    st = s->denoise(s->user, e->answer, e->z, &logsnr, e->options->cancel, err);
    for (int64_t i = 0; st == DS_OK && i < e->plane; i++)
        slope[i] = (float)(m.answer * e->answer[i] + m.z * e->z[i]);
    e->calls++;
    return st;
}

static ds_status heun(ds_counterfactual *e, float *x, double from, double to, ds_error *err)
{
    float step = (float)(to - from);
    ds_status st = slope_at(e, e->slope, x, from, err);

    if (st != DS_OK)
        return st;
    for (int64_t i = 0; i < e->plane; i++)
        e->next[i] = x[i] + step * e->slope[i];
    for (int64_t i = 0; i < e->plane; i++)
        x[i] += 0.5f * step * e->slope[i];
    st = slope_at(e, e->slope, e->next, to, err);
    for (int64_t i = 0; st == DS_OK && i < e->plane; i++)
        x[i] += 0.5f * step * e->slope[i];
    e->done++;
    if (st == DS_OK && e->options->progress != NULL)
        st = e->options->progress(e->options->user,
                                  &(ds_progress){ "editing", e->done, 3 * e->steps }, err);
    return st;
}

static ds_status flow(ds_counterfactual *e, float *x, int text, bool to_noise, ds_error *err)
{
    ds_status st = ds__network_source_condition(e->source, e->text[text], err);

    for (int64_t i = 0; st == DS_OK && i < e->steps; i++) {
        int64_t k = to_noise ? e->steps - i : i;

        st = heun(e, x, e->sigma[k], e->sigma[to_noise ? k - 1 : k + 1], err);
    }
    return st;
}

static ds_status run(ds_counterfactual *e, ds_error *err)
{
    size_t bytes = (size_t)e->plane * sizeof(float);
    ds_status st;

    memcpy(e->latent[DS_COUNTERFACTUAL_NOISE], e->latent[DS_COUNTERFACTUAL_INPUT], bytes);
    st = flow(e, e->latent[DS_COUNTERFACTUAL_NOISE], 0, true, err);
    memcpy(e->latent[DS_COUNTERFACTUAL_SAME], e->latent[DS_COUNTERFACTUAL_NOISE], bytes);
    memcpy(e->latent[DS_COUNTERFACTUAL_CHANGED], e->latent[DS_COUNTERFACTUAL_NOISE], bytes);
    if (st == DS_OK)
        st = flow(e, e->latent[DS_COUNTERFACTUAL_SAME], 0, false, err);
    if (st == DS_OK)
        st = flow(e, e->latent[DS_COUNTERFACTUAL_CHANGED], 1, false, err);
    for (int64_t i = 0; st == DS_OK && i < e->plane; i++)
        if (!isfinite(e->latent[DS_COUNTERFACTUAL_SAME][i]) ||
            !isfinite(e->latent[DS_COUNTERFACTUAL_CHANGED][i]))
            return ds_fail(err, DS_E_FORMAT, "the flow left the finite numbers");
    return st;
}

ds_status ds_counterfactual_new(ds_counterfactual **out, ds_model *m,
                                const ds_counterfactual_options *given, ds_error *err)
{
    const ds_counterfactual_options defaults = DS_COUNTERFACTUAL_OPTIONS_INIT;
    ds_counterfactual_options taken;
    const ds_counterfactual_options *o = &taken;
    ds_counterfactual *e;
    ds_status st = ds__options_take(&taken, sizeof taken, &defaults, given, "edit options",
                                    "DS_COUNTERFACTUAL_OPTIONS_INIT", err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    if (o->steps < 1 || o->steps > 10000)
        return ds_fail(err, DS_E_ARG, "edit: expected 1 to 10000 steps, found %d", (int)o->steps);
    e = ds_calloc(1, sizeof *e);
    if (e == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for an edit");
    e->options = o;
    e->model = m;
    st = ds__latent_take(&e->latent[DS_COUNTERFACTUAL_INPUT], &e->size, m, o->latent, o->image,
                         o->cancel, err);
    if (st == DS_OK)
        st = allocate(e, err);
    if (st == DS_OK)
        st = encode_texts(e, m, o, err);
    if (st == DS_OK)
        st = ds__network_source_new(&e->source, m, e->text[0], 1, e->size.height, e->size.width,
                                    err);
    if (st == DS_OK)
        st = make_sigmas(e, o->steps, err);
    if (st == DS_OK)
        st = run(e, err);
    if (st != DS_OK) {
        ds_counterfactual_free(e);
        return st;
    }
    e->options = NULL;
    *out = e;
    return DS_OK;
}

/* ---- results --------------------------------------------------------------------------------- */

ds_tensor ds_counterfactual_latent(const ds_counterfactual *e, int which)
{
    return (ds_tensor){ DS_DTYPE_F32,
                        4,
                        { 1, e->size.channels, e->size.height, e->size.width },
                        which >= 0 && which < DS_COUNTERFACTUAL_LATENTS ? e->latent[which] : NULL };
}

ds_status ds_counterfactual_image(ds_counterfactual *e, ds_tensor *image, int which, ds_error *err)
{
    ds_autoencoder *a = NULL;
    ds_denoiser_info about;
    int64_t height, width;
    ds_status st = ds_denoiser_describe(&about, e->model, err);

    if (st != DS_OK)
        return st;
    if (which < 0 || which >= DS_COUNTERFACTUAL_LATENTS)
        return ds_fail(err, DS_E_ARG, "edit: there is no picture %d", which);
    height = e->size.height * about.factor;
    width = e->size.width * about.factor;
    if (e->image == NULL)
        e->image = ds_calloc((size_t)(3 * height * width), sizeof *e->image);
    if (e->image == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a picture");
    st =
        ds__autoencoder_new(&a, e->model, e->size.height, e->size.width, DS_TILING_AUTO, NULL, err);
    if (st == DS_OK)
        st = ds__decode(a, e->image, e->latent[which], NULL, err);
    ds__autoencoder_free(a);
    *image = (ds_tensor){ DS_DTYPE_F32, 4, { 1, 3, height, width }, e->image };
    return st;
}

void ds_counterfactual_change(const ds_counterfactual *e, float *change)
{
    const float *same = e->latent[DS_COUNTERFACTUAL_SAME],
                *other = e->latent[DS_COUNTERFACTUAL_CHANGED];
    int64_t pixels = e->size.height * e->size.width;

    for (int64_t j = 0; j < pixels; j++) {
        double sum = 0.0;

        for (int64_t i = j; i < e->plane; i += pixels)
            sum += ((double)same[i] - other[i]) * ((double)same[i] - other[i]);
        change[j] = (float)sum;
    }
}

double ds_counterfactual_miss(const ds_counterfactual *e)
{
    double off = 0.0, all = 0.0;

    for (int64_t i = 0; i < e->plane; i++) {
        double d =
            (double)e->latent[DS_COUNTERFACTUAL_SAME][i] - e->latent[DS_COUNTERFACTUAL_INPUT][i];

        off += d * d;
        all +=
            (double)e->latent[DS_COUNTERFACTUAL_INPUT][i] * e->latent[DS_COUNTERFACTUAL_INPUT][i];
    }
    return sqrt(off / all);
}

int64_t ds_counterfactual_calls(const ds_counterfactual *e)
{
    return e->calls;
}

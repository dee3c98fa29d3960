/* noise.c - the schedule that a model was trained with, and its parametrisations. See
 * denoiser.h. */

#include "models/prediction.h"
#include "pipeline/denoiser.h"
#include "pipeline/sampler_impl.h"

#include <math.h>
#include <string.h>

ds_status ds__noise_config(ds_schedule_file *f, ds_model *m, ds_error *err)
{
    json_t *root = NULL;
    ds_status st = ds__model_settle(m, err);

    *f = (ds_schedule_file){ .class_name = "" };
    if (st != DS_OK || ds__store_class(m->store, "scheduler") == NULL)
        return st;
    st = ds__store_config(m->store, "scheduler", &root, err);
    if (st == DS_OK)
        ds__schedule_file_take(f, root, "the model's scheduler configuration");
    return st;
}

static ds_status configure(ds_schedule_config *c, ds_sampler_kind *kind, const ds_schedule_file *f,
                           ds_error *err)
{
    const ds_sampler_class *class;
    bool karras;

    *kind = DS_DDIM;
    if (ds__sampler_find(&class, &karras, f->class_name, NULL) == DS_OK)
        *kind = class->kind;
    ds__schedule_defaults(c, *kind, false);
    if (f->root != NULL)
        return ds__schedule_file_fields(c, f, *kind, err);
    ds__schedule_stable_diffusion(c);
    return DS_OK;
}

ds_status ds__noise_open(ds_noise *n, ds_model *m, ds_error *err)
{
    ds_schedule_config c;
    ds_sampler_kind kind;
    ds_schedule_file f;
    ds_status st = ds__noise_config(&f, m, err);

    memset(n, 0, sizeof *n);
    if (st == DS_OK)
        st = configure(&c, &kind, &f, err);
    if (st == DS_OK && f.root == NULL && ds__store_prediction(m->store)->type != NULL)
        st = ds__prediction_parse(&c.prediction, ds__store_prediction(m->store)->type, err);
    if (st == DS_OK)
        st = ds__schedule_new(&n->schedule, &c, kind, err);
    if (st == DS_OK)
        n->prediction = (ds_prediction)c.prediction;
    ds__schedule_file_close(&f);
    return st;
}

ds_status ds__noise_distilled(const char **reason, ds_model *m, ds_error *err)
{
    ds_schedule_config c;
    ds_sampler_kind kind;
    ds_schedule_file f;
    ds_status st;

    *reason =
        m->unet.cond_dim > 0 ? "it takes guidance as an embedding (time_cond_proj_dim)" : NULL;
    if (*reason != NULL)
        return DS_OK;
    st = ds__noise_config(&f, m, err);
    if (st == DS_OK)
        st = configure(&c, &kind, &f, err);
    if (st == DS_OK) {
        if (c.prediction == DS_PREDICT_SAMPLE)
            *reason = "it predicts the clean latent";
        else if (kind == DS_LCM || kind == DS_TCD)
            *reason = "its scheduler is one for few steps";
        else if ((kind == DS_EULER || kind == DS_EULER_A) && c.spacing == DS_TRAILING &&
                 c.prediction == DS_PREDICT_EPSILON)
            *reason = "its scheduler has the settings of Turbo models (euler, trailing, epsilon)";
    }
    ds__schedule_file_close(&f);
    return st;
}

void ds__noise_close(ds_noise *n)
{
    ds__schedule_free(&n->schedule);
}

static double logsnr_of(const ds_noise *n, int t)
{
    double a = (double)n->schedule.alpha_bar[t];

    return log(a) - log1p(-a);
}

ds_noise_level ds__noise_at(const ds_noise *n, double t)
{
    int last = n->schedule.count - 1;
    ds_noise_level l;
    int low;

    t = fmin(fmax(t, 0.0), (double)last);
    low = (int)t < last || last == 0 ? (int)t : last - 1;
    l.logsnr = t == low ? logsnr_of(n, low)
                        : logsnr_of(n, low) * (low + 1 - t) + logsnr_of(n, low + 1) * (t - low);
    l.alpha = 1.0 / sqrt(1.0 + exp(-l.logsnr));
    l.sigma = 1.0 / sqrt(1.0 + exp(l.logsnr));
    return l;
}

double ds__noise_time(const ds_noise *n, double logsnr)
{
    int low = 0, high = n->schedule.count - 1; /* log-SNR falls with t */

    if (logsnr >= logsnr_of(n, low))
        return low;
    if (logsnr <= logsnr_of(n, high))
        return high;
    while (high - low > 1) {
        int middle = (low + high) / 2;

        if (logsnr_of(n, middle) >= logsnr)
            low = middle;
        else
            high = middle;
    }
    return low + (logsnr_of(n, low) - logsnr) / (logsnr_of(n, low) - logsnr_of(n, high));
}

void ds__noise_to_eps(const ds_noise *n, float *out, const float *answer, const float *z,
                      ds_noise_level at, int64_t count)
{
    float a = (float)at.alpha, s = (float)at.sigma;

    for (int64_t i = 0; i < count; i++) {
        if (n->prediction == DS_PREDICT_V)
            out[i] = a * answer[i] + s * z[i];
        else if (n->prediction == DS_PREDICT_SAMPLE)
            out[i] = (z[i] - a * answer[i]) / s;
        else
            out[i] = answer[i];
    }
}

void ds__noise_to_x0(const ds_noise *n, float *out, const float *answer, const float *z,
                     ds_noise_level at, int64_t count)
{
    float a = (float)at.alpha, s = (float)at.sigma;

    for (int64_t i = 0; i < count; i++) {
        if (n->prediction == DS_PREDICT_V)
            out[i] = a * z[i] - s * answer[i];
        else if (n->prediction == DS_PREDICT_SAMPLE)
            out[i] = answer[i];
        else
            out[i] = (z[i] - s * answer[i]) / a;
    }
}

/* ---- public ---------------------------------------------------------------------------------- */

ds_status ds_noise_new(ds_noise **out, ds_model *m, ds_error *err)
{
    ds_noise *n = ds_calloc(1, sizeof *n);
    ds_status st = n != NULL ? ds__noise_open(n, m, err)
                             : ds_fail(err, DS_E_NOMEM, "no memory for a noise schedule");

    *out = st == DS_OK ? n : NULL;
    if (st != DS_OK)
        ds_noise_free(n);
    return st;
}

void ds_noise_free(ds_noise *n)
{
    if (n == NULL)
        return;
    ds__noise_close(n);
    ds_free(n);
}

ds_noise_level ds_noise_at(const ds_noise *n, double t)
{
    return ds__noise_at(n, t);
}

double ds_noise_time(const ds_noise *n, double logsnr)
{
    return ds__noise_time(n, logsnr);
}

void ds_noise_to_eps(const ds_noise *n, float *out, const float *answer, const float *z,
                     ds_noise_level at, int64_t count)
{
    ds__noise_to_eps(n, out, answer, z, at, count);
}

void ds_noise_to_x0(const ds_noise *n, float *out, const float *answer, const float *z,
                    ds_noise_level at, int64_t count)
{
    ds__noise_to_x0(n, out, answer, z, at, count);
}

double ds_noise_slope(const ds_noise *n, ds_noise_level at)
{
    if (n->prediction == DS_PREDICT_SAMPLE)
        return -at.alpha / at.sigma;
    return n->prediction == DS_PREDICT_V ? at.alpha : 1.0;
}

/* source.c - parametrisations, and the network as a source. See source.h. */

#include "methods/estimate/source.h"

#include <math.h>

static double logistic(double s)
{
    return 1.0 / (1.0 + exp(-s));
}

ds_mixing ds__source_mixing(ds_answer answer, double logsnr)
{
    double a = sqrt(logistic(logsnr)), s = sqrt(logistic(-logsnr));
    double t = logistic(-0.5 * logsnr);

    switch (answer) {
    case DS_ANSWER_EPS:
        return (ds_mixing){ a, s, 1.0, 0.0 };
    case DS_ANSWER_V:
        return (ds_mixing){ a, s, a, s };
    case DS_ANSWER_FLOW:
        break;
    }
    return (ds_mixing){ 1.0 - t, t, 1.0 - t, 1.0 };
}

double ds__source_snap(const ds_source *s, double logsnr, int64_t *place)
{
    int64_t low = 0, high = s->table_count - 1;

    *place = -1;
    if (s->table == NULL)
        return logsnr;
    while (high - low > 1) {
        int64_t middle = (low + high) / 2;

        if (s->table[middle] >= logsnr)
            low = middle;
        else
            high = middle;
    }
    *place = fabs(s->table[low] - logsnr) <= fabs(s->table[high] - logsnr) ? low : high;
    return s->table[*place];
}

void ds__source_range(const ds_source *s, double *low, double *high)
{
    *low = s->table != NULL ? fmax(s->table[s->table_count - 1], -10.0) : -10.0;
    *high = s->table != NULL ? fmin(s->table[0], 12.0) : 12.0;
}

/* ---- the network ----------------------------------------------------------------------------- */

struct ds_network_source {
    ds_source source;
    ds_denoiser *denoiser;
    double *table;
    float *time; /* [images] */
};

static ds_status network_denoise(void *user, float *out, const float *z, const double *logsnr,
                                 const ds_cancel *cancel, ds_error *err)
{
    ds_network_source *n = user;
    int64_t place;

    for (int64_t b = 0; b < n->source.images; b++) {
        ds__source_snap(&n->source, logsnr[b], &place);
        n->time[b] = (float)place;
    }
    return ds__denoise(n->denoiser, out, z, n->time, cancel, err);
}

/* A schedule that ends in pure noise has a last log-SNR of minus infinity, which is left out. */
static ds_status make_table(ds_network_source *n, const ds_noise *noise, ds_error *err)
{
    int64_t count = noise->schedule.count;

    if (noise->prediction == DS_PREDICT_SAMPLE)
        return ds_fail(
            err, DS_E_UNSUPPORTED,
            "the model predicts the clean latent (prediction_type sample), as models of one "
            "step do: such a network denoises no level but the last, and has no information "
            "to integrate");
    n->table = ds_calloc((size_t)count, sizeof *n->table);
    if (n->table == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld log-SNRs", (long long)count);
    while (count > 1 && noise->schedule.alpha_bar[count - 1] <= 0.0f)
        count--;
    for (int64_t t = 0; t < count; t++)
        n->table[t] = ds__noise_at(noise, (double)t).logsnr;
    n->source.table = n->table;
    n->source.table_count = count;
    n->source.answer = noise->prediction == DS_PREDICT_V ? DS_ANSWER_V : DS_ANSWER_EPS;
    return DS_OK;
}

ds_status ds__network_source_new(ds_network_source **out, ds_model *m, const ds_conditions *c,
                                 int64_t images, int64_t height, int64_t width, ds_error *err)
{
    ds_denoiser_shape shape = { images, c->count, c->tokens, height, width };
    ds_network_source *n = ds_calloc(1, sizeof *n);
    ds_denoiser_info about = { 0 };
    ds_noise noise = { 0 };
    ds_status st;

    *out = NULL;
    if (n == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a denoiser");
    st = ds__noise_open(&noise, m, err);
    if (st == DS_OK)
        st = make_table(n, &noise, err);
    ds__noise_close(&noise);
    if (st == DS_OK)
        st = ds_denoiser_describe(&about, m, err);
    if (st == DS_OK)
        st = ds__denoiser_new(&n->denoiser, m, &shape, NULL, err);
    if (st == DS_OK)
        st = ds__denoiser_condition(n->denoiser, c, err);
    if (st == DS_OK && (n->time = ds_calloc((size_t)images, sizeof *n->time)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for %lld time steps", (long long)images);
    if (st != DS_OK) {
        ds__network_source_free(n);
        return st;
    }
    n->source.denoise = network_denoise;
    n->source.user = n;
    n->source.conditions = c->count;
    n->source.images = images;
    n->source.channels = about.channels;
    n->source.height = height;
    n->source.width = width;
    *out = n;
    return DS_OK;
}

void ds__network_source_free(ds_network_source *n)
{
    if (n == NULL)
        return;
    ds__denoiser_free(n->denoiser);
    ds_free(n->table);
    ds_free(n->time);
    ds_free(n);
}

ds_status ds__network_source_condition(ds_network_source *n, const ds_conditions *c, ds_error *err)
{
    return ds__denoiser_condition(n->denoiser, c, err);
}

const ds_source *ds__network_source(const ds_network_source *n)
{
    return &n->source;
}

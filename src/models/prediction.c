/* prediction.c - measures whether a UNet predicts noise or velocity. See prediction.h.
 *
 * At the last time step (999) the input is nearly pure noise, so that an epsilon model must give its
 * input back: out ~ x, with a correlation near sqrt(1 - alpha_bar) = .998. A velocity
 * v = alpha eps - sigma x0 is then nearly minus the clean latent and has little of x in it.
 *
 * SD 2.x files are first tried as A1111 and stable-diffusion.cpp do, for the same answer in the same
 * cases: x = 1/2 everywhere, context 1/2, and mean(out - x) < -1 means velocity. */

#include "models/prediction.h"

#include "models/net.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { SIDE = 8, TOKENS = 77, LAST_STEP = 999, MOST_CHANNELS = 16 };

/* What is asked: a constant latent, or noise. */
typedef struct trial {
    float x[MOST_CHANNELS * SIDE * SIDE];
    float out[MOST_CHANNELS * SIDE * SIDE];
    int64_t count;
} trial;

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* Sum of twelve uniform numbers: mean 0, variance 1. */
static void fill_noise(float *x, int64_t n)
{
    uint64_t seed = 1;

    for (int64_t i = 0; i < n; i++) {
        double sum = -6.0;

        for (int k = 0; k < 12; k++)
            sum += (double)next(&seed) / 2147483648.0;
        x[i] = (float)sum;
    }
}

static ds_status set(ds_net *n, const char *name, int rank, const int64_t *dim, float value,
                     ds_error *err)
{
    ds_tensor t = { DS_DTYPE_F32, rank, { 0 }, NULL };
    int64_t count = 1;
    float *data;
    ds_status st;

    for (int i = 0; i < rank; i++)
        count *= t.dim[i] = dim[i];
    if ((t.data = data = ds_alloc((size_t)count * sizeof *data)) == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory to measure the prediction type");
    for (int64_t i = 0; i < count; i++)
        data[i] = value;
    st = ds__net_set(n, name, &t, err);
    ds_free(data);
    return st;
}

static ds_status ask(ds_model *m, ds_net *n, trial *t, float context, ds_error *err)
{
    const ds_unet_config *c = &m->unet;
    ds_tensor x = { DS_DTYPE_F32, 4, { 1, c->in_channels, SIDE, SIDE }, t->x };
    ds_status st = ds__net_set(n, "sample", &x, err);

    if (st == DS_OK)
        st = set(n, "timestep", DS_DIMS(1), LAST_STEP, err);
    if (st == DS_OK)
        st = set(n, "encoder_hidden_states", DS_DIMS(1, TOKENS, c->context_dim), context, err);
    if (st == DS_OK && c->text_time)
        st = set(n, "text_embeds", DS_DIMS(1, c->pooled_dim), 0.0f, err);
    if (st == DS_OK && c->text_time)
        st = set(n, "time_ids", DS_DIMS(1, 6), 64.0f, err);
    if (st == DS_OK)
        st = ds__net_run(n, NULL, err);
    if (st == DS_OK)
        ds__net_get(n, 0, t->out);
    return st;
}

/* SD 2.x: mean of out - x for x = context = 1/2. */
static ds_status mean_shift(ds_model *m, ds_net *n, trial *t, double *shift, ds_error *err)
{
    ds_status st;

    for (int64_t i = 0; i < t->count; i++)
        t->x[i] = 0.5f;
    st = ask(m, n, t, 0.5f, err);
    *shift = 0.0;
    for (int64_t i = 0; i < t->count; i++)
        *shift += (double)(t->out[i] - t->x[i]) / (double)t->count;
    return st;
}

/* Correlation of noise with the answer to it; NAN for a constant answer. */
static ds_status correlation(ds_model *m, ds_net *n, trial *t, double *r, ds_error *err)
{
    double sx = 0, sy = 0, xx = 0, yy = 0, xy = 0, k = (double)t->count;
    ds_status st;

    fill_noise(t->x, t->count);
    st = ask(m, n, t, 0.0f, err);
    for (int64_t i = 0; i < t->count; i++) {
        double x = t->x[i], y = t->out[i];

        sx += x;
        sy += y;
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    *r = (xy - sx * sy / k) / sqrt((xx - sx * sx / k) * (yy - sy * sy / k));
    return st;
}

static ds_status measure(ds_model *m, ds_net *n, ds_error *err)
{
    trial t = { .count = m->unet.in_channels * SIDE * SIDE };
    double shift = 0.0, r = 0.0;
    char from[160];
    ds_status st = DS_OK;

    if (ds__store_is_sd2(m->store))
        st = mean_shift(m, n, &t, &shift, err);
    if (st == DS_OK && shift < -1.0) {
        snprintf(from, sizeof from, "measured: mean(output - input) is %.2f at step 999", shift);
        ds__store_decide(m->store, "v_prediction", from);
        return DS_OK;
    }
    if (st == DS_OK)
        st = correlation(m, n, &t, &r, err);
    if (st != DS_OK)
        return st;
    if (r >= 0.9)
        snprintf(from, sizeof from,
                 "measured: the answer to noise at step 999 is that noise (correlation %.3f)", r);
    else if (r < 0.5) /* false for NAN */
        snprintf(from, sizeof from,
                 "measured: the answer to noise at step 999 is something else (correlation %.3f)",
                 r);
    else
        snprintf(from, sizeof from,
                 "assumed: the file does not say, and a measurement leaves it open "
                 "(correlation %.3f)",
                 r);
    ds__store_decide(m->store, r < 0.5 ? "v_prediction" : "epsilon", from);
    return DS_OK;
}

static bool can_measure(const ds_model *m)
{
    const ds_unet_config *c = &m->unet;

    return ds__module_available(m, DS_MODULE_UNET) && c->in_channels == c->out_channels &&
           c->in_channels <= MOST_CHANNELS && SIDE >> (c->levels - 1) > 0;
}

static ds_status decide(ds_model *m, ds_error *err)
{
    const ds_net_shape shape = { 1, TOKENS, SIDE, SIDE };
    ds_net *n = NULL;
    ds_status st;

    if (ds__store_prediction(m->store)->type != NULL)
        return DS_OK;
    if (!ds__store_is_file(m->store) || !can_measure(m)) {
        ds__store_decide(m->store, "epsilon", "default");
        return DS_OK;
    }
    st = ds__net_new(&n, m, DS_MODULE_UNET, &shape, NULL, err);
    if (st == DS_OK)
        st = measure(m, n, err);
    ds__net_free(n);
    return st;
}

ds_status ds__model_settle(ds_model *m, ds_error *err)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    ds_status st;

    pthread_mutex_lock(&one_at_a_time);
    st = decide(m, err);
    pthread_mutex_unlock(&one_at_a_time);
    return st;
}

ds_status ds_model_inspect(char **json, const char *path, const ds_model_options *options,
                           bool hashes, ds_error *err)
{
    ds_store_options where;
    ds_store *s;
    ds_status st = ds__store_open(&s, path, ds__model_where(&where, options), err);

    *json = NULL;
    if (st == DS_OK) {
        st = ds__inspect_store(json, s, hashes, NULL, err);
        ds__store_close(s);
    }
    return st;
}

ds_status ds_model_describe(char **json, ds_model *m, bool hashes, ds_error *err)
{
    json_t *all = NULL;
    ds_status st = ds__model_settle(m, err);

    *json = NULL;
    for (const ds_model *x = m; st == DS_OK && x != NULL; x = x->base)
        if (x->applied != NULL) {
            all = all != NULL ? all : json_array();
            json_array_extend(all, x->applied);
        }
    if (st == DS_OK)
        st = ds__inspect_store(json, m->store, hashes, all, err);
    json_decref(all);
    return st;
}

ds_status ds_model_prediction(ds_model *m, const char **type, const char **from, ds_error *err)
{
    ds_status st = ds__model_settle(m, err);
    const ds_prediction_note *note = ds__store_prediction(m->store);

    *type = note->type;
    *from = note->from;
    return st;
}

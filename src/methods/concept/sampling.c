/* sampling.c - see sampling.h. */

#include "methods/concept/sampling.h"

#include <string.h>

#include <diffuscope/sampler.h>

#include "pipeline/model_sampler.h"

typedef struct group {
    const ds_sampling *s;
    ds_sampler *sampler;
    ds_denoiser *denoiser;
    ds_conditions *both; /* with guidance: those of c, and behind them the empty one */
    const ds_conditions *c;
    int64_t batch, plane, conditions;
    int calls;                     /* that will be made */
    float *x, *in, *answer, *time; /* answer [conditions,batch,plane] */
    int64_t *which;
    int64_t done, total; /* steps of all groups */
} group;

static ds_status open_sampler(ds_sampler **out, const ds_sampling *s, ds_model *m, ds_error *err)
{
    ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;

    o.sampler = s->sampler;
    o.steps = s->steps;
    return ds__model_sampler_new(out, m, &o, err);
}

static int calls_before(const ds_sampler *sampler, double stop_time)
{
    int count, n = 0;
    const float *t = ds_sampler_timesteps(sampler, &count);

    while (n < ds_sampler_calls(sampler) && n < count && (double)t[n] >= stop_time)
        n++;
    return n;
}

ds_status ds__sampling_times(int64_t *count, float *t, const ds_sampling *s, ds_model *m,
                             ds_error *err)
{
    ds_sampler *sampler;
    int n;
    ds_status st = open_sampler(&sampler, s, m, err);

    if (st != DS_OK)
        return st;
    *count = calls_before(sampler, s->stop_time);
    if (t != NULL)
        memcpy(t, ds_sampler_timesteps(sampler, &n), (size_t)*count * sizeof *t);
    ds_sampler_free(sampler);
    return DS_OK;
}

/* c with the one conditioning of `empty` behind. */
static ds_status append_empty(ds_conditions **out, const ds_conditions *c,
                              const ds_conditions *empty, ds_error *err)
{
    const ds_tensor h = ds_conditions_hidden(c), p = ds_conditions_pooled(c);
    const ds_tensor eh = ds_conditions_hidden(empty), ep = ds_conditions_pooled(empty);
    const size_t rows = (size_t)(h.dim[0] * h.dim[1] * h.dim[2]);
    const size_t pooled = (size_t)(p.dim[0] * p.dim[1]);
    ds_status st = ds_conditions_new(out, h.dim[0] + 1, h.dim[1], h.dim[2], p.dim[1], err);

    if (st != DS_OK)
        return st;
    if (eh.dim[1] != h.dim[1])
        return ds_fail(err, DS_E_SHAPE, "an empty prompt of %lld tokens beside prompts of %lld",
                       (long long)eh.dim[1], (long long)h.dim[1]);
    memcpy(ds_conditions_hidden(*out).data, h.data, rows * sizeof(float));
    memcpy((float *)ds_conditions_hidden(*out).data + rows, eh.data,
           (size_t)(eh.dim[1] * eh.dim[2]) * sizeof(float));
    if (pooled > 0) {
        memcpy(ds_conditions_pooled(*out).data, p.data, pooled * sizeof(float));
        memcpy((float *)ds_conditions_pooled(*out).data + pooled, ep.data,
               (size_t)p.dim[1] * sizeof(float));
    }
    return DS_OK;
}

static ds_status prepare(group *g, ds_model *m, const ds_conditions *c, const ds_conditions *empty,
                         int64_t n, ds_error *err)
{
    const ds_sampling *s = g->s;
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
    ds_denoiser_info info;
    size_t rows;
    ds_status st = ds_denoiser_describe(&info, m, err);

    if (st == DS_OK)
        st = open_sampler(&g->sampler, s, m, err);
    if (st != DS_OK)
        return st;
    g->batch = n < s->batch ? n : s->batch;
    g->conditions = s->guidance != 1.0 ? 2 : 1;
    g->plane = info.channels * (s->height > 0 ? s->height : info.side) *
               (s->width > 0 ? s->width : info.side);
    g->calls = calls_before(g->sampler, s->stop_time);
    g->total = g->calls * ((n + g->batch - 1) / g->batch);
    g->c = c;
    if (g->conditions == 2) {
        st = append_empty(&g->both, c, empty, err);
        g->c = g->both;
    }
    o.images = g->batch;
    o.conditions = g->conditions;
    o.height = s->height;
    o.width = s->width;
    o.cancel = s->cancel;
    if (st == DS_OK)
        st = ds_denoiser_new(&g->denoiser, m, &o, err);
    rows = (size_t)(g->batch * g->plane);
    g->x = ds_calloc(rows, sizeof *g->x);
    g->in = ds_calloc(rows, sizeof *g->in);
    g->answer = ds_calloc((size_t)g->conditions * rows, sizeof *g->answer);
    g->time = ds_calloc((size_t)g->batch, sizeof *g->time);
    g->which = ds_calloc((size_t)(g->conditions * g->batch), sizeof *g->which);
    if (st == DS_OK &&
        (g->x == NULL || g->in == NULL || g->answer == NULL || g->time == NULL || g->which == NULL))
        st = ds_fail(err, DS_E_NOMEM, "no memory for %lld pictures", (long long)g->batch);
    return st;
}

static void finish(group *g)
{
    ds_sampler_free(g->sampler);
    ds_denoiser_free(g->denoiser);
    ds_conditions_free(g->both);
    ds_free(g->x);
    ds_free(g->in);
    ds_free(g->answer);
    ds_free(g->time);
    ds_free(g->which);
}

/* One call of the network: guided = e + s (c - e), left in the first rows of the answer. */
static ds_status call(group *g, int k, int64_t first, int64_t n, ds_rng *rng, ds_error *err)
{
    const int64_t rows = g->batch * g->plane;
    float t;
    ds_status st;

    ds_sampler_input(g->sampler, k, g->in, &t);
    for (int64_t b = 0; b < g->batch; b++)
        g->time[b] = t;
    st = ds_denoise(g->denoiser, g->answer, g->in, g->time, err);
    if (st == DS_OK && g->s->saw != NULL)
        st = g->s->saw(g->s->saw_user, first, n, k, g->in, t, g->answer, err);
    for (int64_t i = 0; g->conditions == 2 && i < rows; i++)
        g->answer[i] =
            g->answer[rows + i] + (float)g->s->guidance * (g->answer[i] - g->answer[rows + i]);
    if (st == DS_OK)
        st = ds_sampler_advance(g->sampler, k, g->answer, rng, err);
    g->done++;
    if (st == DS_OK && g->s->progress != NULL)
        st = g->s->progress(g->s->user, g->done, g->total, err);
    return st;
}

/* Pictures first .. first + n of the call; rows that the last group does not need repeat its first. */
static ds_status run_group(group *g, float *latent, const int64_t *which, int64_t first, int64_t n,
                           ds_error *err)
{
    const int64_t last = ds_conditions_hidden(g->c).dim[0] - 1;
    ds_rng rng;
    ds_status st;

    for (int64_t b = 0; b < g->batch; b++) {
        g->which[b] = which[first + (b < n ? b : 0)];
        if (g->conditions == 2)
            g->which[g->batch + b] = last;
        ds_rng_init(&rng, DS_RNG_TORCH_CPU, g->s->seed + (uint64_t)(first + (b < n ? b : 0)));
        ds_rng_normal(&rng, g->x + b * g->plane, g->plane);
    }
    st = ds_denoiser_condition_rows(g->denoiser, g->c, g->which, err);
    if (st == DS_OK)
        st = ds_sampler_begin(g->sampler, g->x, g->batch * g->plane, err);
    for (int k = 0; st == DS_OK && k < g->calls; k++)
        st = call(g, k, first, n, &rng, err);
    if (st == DS_OK)
        memcpy(latent + first * g->plane, ds_sampler_x(g->sampler),
               (size_t)(n * g->plane) * sizeof *latent);
    return st;
}

ds_status ds__sampling_run(float *latent, ds_model *m, const ds_sampling *s, const ds_conditions *c,
                           const int64_t *which, int64_t n, const ds_conditions *empty,
                           int64_t *passes, ds_error *err)
{
    group g = { .s = s };
    ds_status st = prepare(&g, m, c, empty, n, err);

    for (int64_t first = 0; st == DS_OK && first < n; first += g.batch) {
        const int64_t count = n - first < g.batch ? n - first : g.batch;

        st = run_group(&g, latent, which, first, count, err);
        *passes += g.calls * g.conditions * count;
    }
    finish(&g);
    return st;
}

ds_status ds__encode_texts(ds_encoder **out, ds_model *m, const char *const *text, int64_t n,
                           const ds_cancel *cancel, ds_error *err)
{
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    ds_status st;

    o.prompts = text;
    o.count = n;
    o.cancel = cancel;
    st = ds_encoder_new(out, m, &o, err);
    if (st == DS_OK)
        st = ds_encode(*out, err);
    if (st != DS_OK) {
        ds_encoder_free(*out);
        *out = NULL;
    }
    return st;
}

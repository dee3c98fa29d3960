/* step_diffusion.c - one step of UNet and text encoder, with a frozen autoencoder:
 *
 *   z   a draw of the encoder's distribution, times scaling_factor
 *   x_t = sqrt(a) z + sqrt(1 - a) e,   a = alpha_bar[t], e normal
 *   t   spread evenly over the batch from a random start, which lowers the variance of the gradient
 *         (Kingma et al., arXiv 2107.00630, appendix I.1), then perhaps shifted towards noise:
 *         u -> s u / (1 + (s - 1) u)                   (Esser et al., arXiv 2403.03206, section 5.3)
 *   target: e, or v = sqrt(a) e - sqrt(1 - a) z          (Salimans and Ho, arXiv 2202.00512)
 *   loss: mean squared difference, with min-SNR weights  (Hang et al., arXiv 2303.09556) if asked for:
 *         min(snr, gamma) / snr, or for v: min(snr, gamma) / (snr + 1),   snr = a / (1 - a) */

#include "train/train.h"
#include "train/sheet.h"

#include "pipeline/schedule.h"

#include <math.h>
#include <string.h>

static ds_status read_schedule(ds_trainer *t, ds_error *err)
{
    char path[DS_TRAIN_PATH];
    ds_schedule_config c;
    ds_schedule_file f;
    ds_schedule s = { 0 };
    ds_status st;

    ds__train_path(t, path, "model/scheduler/scheduler_config.json");
    ds__schedule_defaults(&c, DS_DDIM, false);
    st = ds__schedule_file_open(&f, path, err);
    if (st != DS_OK)
        return st;
    st = ds__schedule_file_fields(&c, &f, DS_DDIM, err);
    if (st == DS_OK)
        st = ds__schedule_new(&s, &c, DS_DDIM, err);
    if (st == DS_OK && c.prediction == DS_PREDICT_SAMPLE)
        st =
            ds_fail_at(err,
                       ds_fail(err, DS_E_UNSUPPORTED,
                               "training: prediction_type: expected epsilon or v_prediction, found "
                               "sample"),
                       path, -1);
    ds__schedule_file_close(&f);
    if (st != DS_OK) {
        ds__schedule_free(&s);
        return st;
    }
    t->train_steps = s.count;
    t->prediction = c.prediction;
    t->alpha_bar = ds_calloc((size_t)s.count, sizeof *t->alpha_bar);
    if (t->alpha_bar != NULL)
        memcpy(t->alpha_bar, s.alpha_bar, (size_t)s.count * sizeof *t->alpha_bar);
    ds__schedule_free(&s);
    return t->alpha_bar != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a schedule");
}

/* The frozen half: its parameters are the model's own. */
static ds_status build_encoder(ds_trainer *t, ds_shard *p, ds_error *err)
{
    ds_graph_options o = { .params = t->model->params,
                           .compute = t->settings.compute,
                           .backend = DS_BACKEND_DNNL };
    ds_status st = ds__graph_new(&p->encoder, &o, err);

    if (st != DS_OK)
        return st;
    ds__scope_push(p->encoder, "vae");
    p->encoder_in =
        ds__graph_input(p->encoder, DS_DTYPE_F32, DS_DIMS(p->batch, t->side, t->side, 3));
    p->moments = ds__vae_encode_build(p->encoder, &t->model->vae, p->encoder_in);
    ds__graph_output(p->encoder, p->moments);
    return ds__plan_new(&p->encoder_plan, p->encoder, err);
}

static ds_status build(ds_trainer *t, ds_shard *p, ds_error *err)
{
    const ds_clip_config *clip = &t->model->clip[0];
    int64_t batch = p->batch, side = t->latent_side, l = t->model->vae.latent_channels;
    ds_clip_outputs text = { .last = NULL };
    ds_unet_inputs in = { 0 };
    ds_var *end, *out;
    size_t mark = ds__scope_push(p->g, "text_encoder");
    ds_status st = build_encoder(t, p, err);

    if (st != DS_OK)
        return st;
    p->ids = ds__graph_input(p->g, DS_DTYPE_I32, DS_DIMS(batch, t->tokens));
    end = ds__graph_input(p->g, DS_DTYPE_I32,
                          DS_DIMS(batch)); /* of the pooled text, which nobody reads */
    ds__clip_build(p->g, clip, &(ds_clip_inputs){ .ids = p->ids, .end = end }, &text);
    ds__scope_pop(p->g, mark);
    ds__scope_push(p->g, "unet");
    in.sample = p->sample = ds__graph_input(p->g, DS_DTYPE_F32, DS_DIMS(batch, side, side, l));
    in.timestep = p->timestep = ds__graph_input(p->g, DS_DTYPE_F32, DS_DIMS(batch));
    in.context = text.last;
    out = ds__unet_build(p->g, &t->model->unet, &in);
    ds__scope_pop(p->g, mark);
    p->target = ds__graph_input(p->g, DS_DTYPE_F32, DS_DIMS(batch, side, side, l));
    p->weight = ds__graph_input(p->g, DS_DTYPE_F32, DS_DIMS(batch));
    p->loss = ds__mean_squared(p->g, out, p->target, p->weight);
    p->scratch = ds_calloc((size_t)(2 * side * side * l), sizeof(float));
    if (p->scratch == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for noise");
    return ds__graph_status(p->g, err);
}

static float weight_of(const ds_trainer *t, double a)
{
    double gamma = t->settings.min_snr, snr = a / fmax(1.0 - a, 1e-12);

    if (gamma <= 0.0)
        return 1.0f;
    if (t->prediction == DS_PREDICT_V)
        return (float)(fmin(snr, gamma) / (snr + 1.0));
    return snr > gamma ? (float)(gamma / snr) : 1.0f;
}

/* moments [S,2L] -> x_t and target [S,L] of picture k of a shard; noise [2][S L]: of the latent, and e. */
static void diffuse(const ds_trainer *t, ds_shard *p, int64_t k, const float *draw, const float *e)
{
    int64_t l = t->model->vae.latent_channels, places = t->latent_side * t->latent_side;
    float *x = (float *)ds__var_data(p->sample) + k * places * l;
    float *target = (float *)ds__var_data(p->target) + k * places * l;
    const float *m = (const float *)ds__var_data(p->moments) + k * places * 2 * l;
    float scaling = (float)t->model->vae.scaling_factor, shift = (float)t->model->vae.shift_factor;
    double a = t->alpha_bar[(int)((float *)ds__var_data(p->timestep))[k]];
    float keep = (float)sqrt(a), add = (float)sqrt(1.0 - a);

    ((float *)ds__var_data(p->weight))[k] = weight_of(t, a);
    for (int64_t q = 0; q < places; q++)
        for (int64_t c = 0; c < l; c++) {
            int64_t i = q * l + c;
            float logvar = fminf(fmaxf(m[2 * q * l + l + c], -30.0f), 20.0f);
            float z = (m[2 * q * l + c] + expf(0.5f * logvar) * draw[i] - shift) * scaling;

            x[i] = keep * z + add * e[i];
            target[i] = t->prediction == DS_PREDICT_V ? keep * e[i] - add * z : e[i];
        }
}

/* Time steps of the shard's pictures: place k of a batch of B gets u = start + k / B modulo 1. */
static void draw_times(const ds_trainer *t, float *time, int64_t first, int64_t count)
{
    float shift = (float)t->settings.shift, start;
    ds_rng rng = ds__train_rng(t, 3, 0);

    ds_rng_uniform(&rng, &start, 1);
    for (int64_t k = 0; k < count; k++) {
        float u = start + (float)(first + k) / (float)t->settings.batch;

        u -= floorf(u);
        u = shift * u / (1.0f + (shift - 1.0f) * u);
        time[k] = fminf(floorf(u * (float)t->train_steps), (float)(t->train_steps - 1));
    }
}

static ds_status fill(ds_trainer *t, ds_shard *p, ds_error *err)
{
    int64_t pixels = ds__var_count(p->encoder_in) / p->batch;
    int64_t latents = ds__var_count(p->sample) / p->batch;
    ds_status st;

    memcpy(ds__var_data(p->encoder_in), t->batch->image + p->first * pixels,
           (size_t)(p->batch * pixels) * sizeof(float));
    st = ds__plan_run(p->encoder_plan, t->o->cancel, err);
    if (st != DS_OK)
        return st;
    memcpy(ds__var_data(p->ids), t->batch->ids + p->first * t->tokens,
           (size_t)(p->batch * t->tokens) * sizeof(int32_t));
    draw_times(t, ds__var_data(p->timestep), p->first, p->batch);
    for (int64_t k = 0; k < p->batch; k++) {
        ds_rng rng = ds__train_rng(t, 2, p->first + k);

        ds_rng_normal(&rng, p->scratch, 2 * latents);
        diffuse(t, p, k, p->scratch, p->scratch + latents);
    }
    return DS_OK;
}

const ds_stage ds__stage_diffusion = { "diffusion", read_schedule,       build,
                                       fill,        ds__sheet_diffusion, true };

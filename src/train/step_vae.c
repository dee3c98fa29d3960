/* step_vae.c - one step of the autoencoder:
 *
 *   z = mean + sigma noise,   loss = a |x' - x| + e edges(x', x) + k KL
 *
 * with the means of src/ops/loss.c, x in [-1,1].                                                       */

#include "train/train.h"
#include "train/sheet.h"

static ds_status build(ds_trainer *t, ds_error *err)
{
    const ds_vae_config *c = &t->model->vae;
    const ds_settings *s = &t->settings;
    size_t mark = ds_scope_push(t->g, "vae");
    ds_value *moments, *x;

    t->image = ds_graph_input(t->g, DS_DTYPE_F32, DS_DIMS(s->batch, t->side, t->side, 3));
    t->noise = ds_graph_input(t->g, DS_DTYPE_F32,
                              DS_DIMS(s->batch, t->latent_side, t->latent_side, c->latent_channels));
    moments = ds__vae_encode_build(t->g, c, t->image);
    x = ds__vae_decode_build(t->g, c, ds_draw_gaussian(t->g, moments, t->noise));
    t->loss = ds_scale(t->g, ds_mean_absolute(t->g, x, t->image), (float)s->absolute);
    t->loss = ds_add(t->g, t->loss,
                     ds_scale(t->g, ds_mean_edges(t->g, x, t->image), (float)s->edges));
    t->loss = ds_add(t->g, t->loss, ds_scale(t->g, ds_mean_kl(t->g, moments), (float)s->kl));
    ds_scope_pop(t->g, mark);
    return ds_graph_status(t->g, err);
}

static ds_status fill(ds_trainer *t, const ds_batch *b, int64_t step, ds_error *err)
{
    float *x = ds_value_data(t->image);
    int64_t count = ds_value_count(t->image);
    ds_rng rng;

    (void)err;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < count; i++)
        x[i] = b->image[i];
    ds_rng_init(&rng, DS_RNG_TORCH_CUDA, ds__train_mix(t->settings.seed, 1, (uint64_t)step));
    ds_rng_normal(&rng, ds_value_data(t->noise), ds_value_count(t->noise));
    return DS_OK;
}

const ds_stage ds__stage_vae = { "vae", build, fill, ds__sheet_vae, false };

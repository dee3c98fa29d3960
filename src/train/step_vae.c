/* step_vae.c - one step of the autoencoder:
 *
 *   z = mean + sigma noise,   loss = a |x' - x| + e edges(x', x) + k KL
 *
 * with the means of src/ops/loss.c, x in [-1,1]. */

#include "train/train.h"
#include "train/sheet.h"

#include <string.h>

static ds_status build(ds_trainer *t, ds_shard *p, ds_error *err)
{
    const ds_vae_config *c = &t->model->vae;
    const ds_settings *s = &t->settings;
    size_t mark = ds__scope_push(p->g, "vae");
    ds_var *moments, *x;

    p->image = ds__graph_input(p->g, DS_DTYPE_F32, DS_DIMS(p->batch, t->side, t->side, 3));
    p->noise = ds__graph_input(
        p->g, DS_DTYPE_F32, DS_DIMS(p->batch, t->latent_side, t->latent_side, c->latent_channels));
    moments = ds__vae_encode_build(p->g, c, p->image);
    x = ds__vae_decode_build(p->g, c, ds__draw_gaussian(p->g, moments, p->noise));
    p->loss = ds__scale(p->g, ds__mean_absolute(p->g, x, p->image), (float)s->absolute);
    p->loss =
        ds__add(p->g, p->loss, ds__scale(p->g, ds__mean_edges(p->g, x, p->image), (float)s->edges));
    p->loss = ds__add(p->g, p->loss, ds__scale(p->g, ds__mean_kl(p->g, moments), (float)s->kl));
    ds__scope_pop(p->g, mark);
    return ds__graph_status(p->g, err);
}

static ds_status fill(ds_trainer *t, ds_shard *p, ds_error *err)
{
    int64_t pixels = ds__var_count(p->image) / p->batch;
    int64_t latents = ds__var_count(p->noise) / p->batch;

    (void)err;
    memcpy(ds__var_data(p->image), t->batch->image + p->first * pixels,
           (size_t)(p->batch * pixels) * sizeof(float));
    for (int64_t k = 0; k < p->batch; k++) {
        ds_rng rng = ds__train_rng(t, 1, p->first + k);

        ds_rng_normal(&rng, (float *)ds__var_data(p->noise) + k * latents, latents);
    }
    return DS_OK;
}

const ds_stage ds__stage_vae = { "vae", NULL, build, fill, ds__sheet_vae, false };

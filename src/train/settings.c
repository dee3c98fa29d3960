/* settings.c - the configuration of a training; docs/training.md explains each field. */

#include "train/train.h"

#include "base/json.h"
#include "models/config.h"

#include <string.h>

static const char *read_optimiser(ds_settings *s, ds_config *c, bool diffusion)
{
    s->adamw.rate = ds__config_real(c, "rate", 1e-3, 0.0, 10.0);
    s->adamw.beta1 = ds__config_real(c, "beta1", 0.9, 0.0, 0.99999);
    s->adamw.beta2 = ds__config_real(c, "beta2", diffusion ? 0.99 : 0.999, 0.0, 0.99999);
    s->adamw.eps = ds__config_real(c, "eps", 1e-8, 0.0, 1.0);
    s->adamw.decay = ds__config_real(c, "decay", 0.01, 0.0, 10.0);
    s->warmup = ds__config_int(c, "warmup", 100, 0, INT32_MAX);
    s->hold = ds__config_int(c, "hold", 0, 0, INT32_MAX);
    s->floor = ds__config_real(c, "floor", 0.02, 0.0, 1.0);
    s->clip = ds__config_real(c, "clip", 1.0, 0.0, 1e9);
    s->ema = ds__config_real(c, "ema", 0.9995, 0.0, 1.0);
    return ds__config_text(c, "optimiser", "adamw");
}

static void read_losses(ds_settings *s, ds_config *c, bool diffusion)
{
    if (diffusion) {
        s->vae = ds__config_text(c, "vae", NULL);
        s->drop = ds__config_real(c, "drop", 0.1, 0.0, 1.0);
        s->min_snr = ds__config_real(c, "min_snr", 0.0, 0.0, 1e9);
        s->shift = ds__config_real(c, "shift", 1.0, 0.01, 100.0);
        s->guidance = ds__config_real(c, "guidance", 4.0, 0.0, 100.0);
        return;
    }
    s->absolute = ds__config_real(c, "absolute", 1.0, 0.0, 1e6);
    s->edges = ds__config_real(c, "edges", 0.5, 0.0, 1e6);
    s->kl = ds__config_real(c, "kl", 1e-4, 0.0, 1e6);
}

ds_status ds__settings_read(ds_settings *s, const char *path, bool diffusion, ds_error *err)
{
    static const char *const others[] = { "data", "test", "world", NULL }; /* the program's */
    ds_config c;
    const char *compute, *optimiser;
    ds_status st = ds__json_load(&s->json, path, err);

    if (st != DS_OK)
        return st;
    ds__config_begin(&c, s->json, path, err);
    ds__config_ignore(&c, others);
    s->model = ds__config_text(&c, "model", NULL);
    s->tokenizer = ds__config_text(&c, "tokenizer", NULL);
    s->from = ds__config_text(&c, "from", NULL);
    s->only = ds__config_text(&c, "only", NULL);
    s->seed = (uint64_t)ds__config_int(&c, "seed", 1, 0, INT64_MAX);
    s->batch = ds__config_int(&c, "batch", 64, 1, 65536);
    s->steps = ds__config_int(&c, "steps", 10000, 1, INT32_MAX);
    s->checkpoint = ds__config_int(&c, "checkpoint", 500, 1, INT32_MAX);
    s->sheet = ds__config_int(&c, "sheet", 1000, 1, INT32_MAX);
    s->recompute = ds__config_bool(&c, "recompute", false);
    compute = ds__config_text(&c, "compute", "f32");
    optimiser = read_optimiser(s, &c, diffusion);
    read_losses(s, &c, diffusion);
    st = ds__config_end(&c);
    if (st != DS_OK)
        return st;
    s->compute = strcmp(compute, "bf16") == 0 ? DS_DTYPE_BF16 : DS_DTYPE_F32;
    if (s->compute == DS_DTYPE_F32 && strcmp(compute, "f32") != 0)
        return ds_fail(err, DS_E_FORMAT, "%s: compute is \"%s\", expected \"f32\" or \"bf16\"",
                       path, compute);
    s->muon = strcmp(optimiser, "muon") == 0;
    if (!s->muon && strcmp(optimiser, "adamw") != 0)
        return ds_fail(err, DS_E_FORMAT, "%s: optimiser is \"%s\", expected \"adamw\" or \"muon\"",
                       path, optimiser);
    if (s->model == NULL)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: \"model\" is missing; name a file of configurations, or sd15", path);
    return DS_OK;
}

void ds__settings_free(ds_settings *s)
{
    json_decref(s->json);
}

/* place.c - where a training writes, and where in its stream of random numbers a picture stands. */

#include "train/train.h"

#include <stdio.h>

const char *ds__train_path(const ds_trainer *t, char *buf, const char *name)
{
    snprintf(buf, DS_TRAIN_PATH, "%s/%s", t->o->out, name);
    return buf;
}

ds_rng ds__train_rng(const ds_trainer *t, uint64_t purpose, int64_t k)
{
    uint64_t place = (uint64_t)(t->step * t->settings.batch + k);
    ds_rng rng;

    ds_rng_init(&rng, DS_RNG_TORCH_CUDA, ds__train_mix(t->settings.seed, purpose, place));
    return rng;
}

/* Any bytes as scheduler_config.json. Every sampler that accepts the file keeps inside its tables.
 */

#include "fuzz/support.h"

#include <diffuscope/sampler.h>

enum { N = 3 };

static void drive(ds_sampler *s)
{
    float x[N] = { 1, -0.5f, 0.25f }, out[N], t;
    ds_rng rng;

    ds_rng_init(&rng, DS_RNG_TORCH_CUDA, 1);
    FZ_HOLDS(ds_sampler_begin(s, x, N, NULL) == DS_OK);
    FZ_HOLDS(ds_sampler_steps(s) >= 1 && ds_sampler_steps(s) <= ds_sampler_calls(s));
    for (int c = 0; c < ds_sampler_calls(s); c++) {
        ds_sampler_input(s, c, x, &t);
        ds_toy_network(out, x, t, N, N);
        FZ_HOLDS(ds_sampler_advance(s, c, out, &rng, NULL) == DS_OK);
    }
    FZ_HOLDS(ds_sampler_begin_image(s, out, x, N, NULL) == DS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;
    ds_sampler *s;

    o.config = fz_put("scheduler_config.json", data, size);
    o.steps = 1 + (int)(size % 9);
    for (int i = -1; i < 0 || o.sampler != NULL; o.sampler = ds_sampler_list(++i, NULL)) {
        ds_error err = { 0 };

        if (ds_sampler_new(&s, &o, &err) == DS_OK)
            drive(s);
        else
            FZ_HOLDS(err.text[0] != '\0');
        ds_sampler_free(s);
    }
    return 0;
}

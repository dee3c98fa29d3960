/* Any bytes as a trace of word maps: after "J" what the sums of a true trace are said to be, as JSON; after "R" a whole
 * file. What is accepted has maps of numbers for every word of every text, or says why it has none. */

#include "fuzz/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/daam.h>

#include "fuzz/small.h"

static char whole[300];

static void make_trace(ds_model *m)
{
    ds_run_options run = DS_RUN_OPTIONS_INIT;
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_daam *d = NULL;
    ds_error err = { 0 };

    run.prompt = "a cat";
    run.steps = 2;
    run.seed = 1;
    FZ_HOLDS(ds_daam_new(&d, m, &run, &o, &err) == DS_OK);
    FZ_HOLDS(ds_run_all(ds_daam_run(d), &err) == DS_OK);
    snprintf(whole, sizeof whole, "%s/whole.safetensors", fz_folder());
    FZ_HOLDS(ds_daam_save(d, whole, &err) == DS_OK);
    ds_daam_free(d);
}

static const char *put_json(const uint8_t *data, size_t size)
{
    static char path[300];
    char *text = ds_alloc(size + 1);
    ds_bundle *b = NULL;
    bool good = ds_bundle_load(&b, whole, NULL) == DS_OK;

    FZ_HOLDS(good);
    memcpy(text, data, size);
    text[size] = '\0';
    snprintf(path, sizeof path, "%s/trace.safetensors", fz_folder());
    if (size > 0)
        good = ds_bundle_set_meta(b, "daam", text, NULL) == DS_OK;
    else if (getenv("FUZZ_SHOW") != NULL) /* how the seed in seeds.py was made */
        fputs(ds_bundle_meta(b, "daam"), stderr);
    good = good && ds_bundle_save(b, path, NULL) == DS_OK;
    ds_free(text);
    ds_bundle_free(b);
    return good ? path : NULL;
}

static void look_at(const ds_daam *d, const ds_daam_info *i, int64_t text, int64_t image,
                    int refine)
{
    ds_daam_map_options o = DS_DAAM_MAP_OPTIONS_INIT;
    ds_daam_maps *maps = NULL;
    ds_error err = { 0 };
    ds_status st;

    o.refine = (ds_daam_refine)refine;
    st = ds_daam_reduce(d, &maps, text, image, &o, &err);
    if (st != DS_OK) {
        FZ_HOLDS(err.code == st && err.text[0] != '\0');
        return;
    }
    FZ_HOLDS(i->latent_height > 0 && i->latent_width > 0);
    {
        const ds_tensor all = ds_daam_global(maps);
        const int64_t n = ds_tensor_count(&all);
        volatile float sum = 0.0F;

        for (int64_t k = 0; k < n; k++)
            sum += ((const float *)all.data)[k];
        FZ_HOLDS(all.dim[0] == ds_daam_tokens(d, text, image)->count + 2);
    }
    ds_daam_maps_free(maps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ds_model *m = fz_model(false);
    ds_error err = { 0 };
    ds_daam *d = NULL;
    const char *path;
    ds_status st;

    if (size == 0)
        return 0;
    if (whole[0] == '\0')
        make_trace(m);
    path = data[0] == 'R' ? fz_put("trace.safetensors", data + 1, size - 1)
                          : put_json(data + 1, size - 1);
    if (path == NULL)
        return 0;
    st = ds_daam_load(&d, m, path, &err);
    FZ_HOLDS((d != NULL) == (st == DS_OK));
    if (st == DS_OK) {
        const ds_daam_info i = ds_daam_describe(d);

        for (int64_t text = 0; text < i.texts && text < 3; text++)
            for (int64_t image = 0; image < i.images && image < 2; image++)
                for (int refine = 0; refine < 5; refine++)
                    look_at(d, &i, text, image, refine);
    } else {
        FZ_HOLDS(err.code == st && err.text[0] != '\0');
    }
    ds_daam_free(d);
    return 0;
}

/* generated.c - see generated.h. */

#include "generated.h"

#include <stdio.h>
#include <string.h>

ds_status generated_record(ds_record *r, const ds_run *run, ds_error *err)
{
    const ds_run_info i = ds_run_describe(run);
    ds_status st = ds_record_open_model(r, ds_run_model(run), err);

    if (st == DS_OK)
        st = ds_record_ints(r, "prompt_ids", i.prompt_ids, i.tokens, err);
    if (st == DS_OK && i.negative_ids != NULL)
        st = ds_record_ints(r, "negative_ids", i.negative_ids, i.tokens, err);
    if (st == DS_OK)
        st = ds_record_text(r, "run.sampler", i.sampler, err);
    if (st == DS_OK)
        st = ds_record_bool(r, "run.karras", i.karras, err);
    if (st == DS_OK)
        st = ds_record_int(r, "run.steps", ds_run_steps(run), err);
    if (st == DS_OK)
        st = ds_record_int(r, "run.denoiser_calls", i.calls, err);
    if (st == DS_OK)
        st = ds_record_int(r, "run.width", i.width, err);
    if (st == DS_OK)
        st = ds_record_int(r, "run.height", i.height, err);
    if (st == DS_OK)
        st = ds_record_int(r, "run.images", i.images, err);
    for (int k = 0; st == DS_OK && ds_run_warning(run, k) != NULL; k++) {
        char path[32];

        snprintf(path, sizeof path, "warnings.%d", k);
        st = ds_record_text(r, path, ds_run_warning(run, k), err);
    }
    return st;
}

static ds_status parameters_of(char **out, const ds_args *a, const ds_run *run,
                               const ds_record *record, const char *prompt, uint64_t seed,
                               ds_error *err)
{
    const ds_run_info i = ds_run_describe(run);
    const char *model = opt_text(a, "model"), *slash;
    char *hash = NULL, name[256];
    ds_png_parameters p;
    ds_status st = ds_record_get_text(record, "model.sha256", &hash, err);

    if (st != DS_OK)
        return st;
    snprintf(name, sizeof name, "%s", model);
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--)
        name[n - 1] = '\0';
    slash = strrchr(name, '/');
    p = (ds_png_parameters){
        .prompt = prompt,
        .negative = opt_text(a, "negative-prompt"),
        .steps = opt_int(a, "steps"),
        .sampler = i.sampler,
        .karras = i.karras,
        .cfg_scale = opt_real(a, "cfg-scale"),
        .seed = seed,
        .width = i.width,
        .height = i.height,
        .model_sha256 = hash,
        .model = slash != NULL && slash[1] != '\0' ? slash + 1 : name,
        .strength = opt_text(a, "init-img") != NULL ? opt_real(a, "strength") : -1.0,
    };
    st = ds_png_parameters_text(out, &p, err);
    ds_free(hash);
    return st;
}

ds_status generated_save(const ds_image *image, const char *path, const ds_args *a,
                         const ds_run *run, const ds_record *record, const char *prompt,
                         uint64_t seed, ds_error *err)
{
    char *parameters = NULL, *json = NULL;
    ds_status st = parameters_of(&parameters, a, run, record, prompt, seed, err);

    if (st == DS_OK)
        st = ds_record_dump(record, &json, err);
    if (st == DS_OK) {
        const ds_png_text texts[2] = { { "parameters", parameters }, { "diffuscope", json } };

        st = ds_image_save_png(image, path, texts, 2, err);
    }
    ds_free(parameters);
    ds_free(json);
    return st;
}

/* drawn.c - see drawn.h. */

#include "job/drawn.h"

#include <stdio.h>
#include <string.h>

ds_status ds__drawn_record(ds_job *j, const ds_run *run, ds_error *err)
{
    const ds_run_info i = ds_run_describe(run);
    ds_record *r = j->record;
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
    return st == DS_OK ? ds_record_int(r, "run.images", i.images, err) : st;
}

/* The last part of a model's path, without a slash at the end. */
static void model_name(char name[256], const char *path)
{
    const char *slash;

    snprintf(name, 256, "%s", path);
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--)
        name[n - 1] = '\0';
    slash = strrchr(name, '/');
    if (slash != NULL && slash[1] != '\0')
        memmove(name, slash + 1, strlen(slash));
}

void ds__drawn_texts_clear(drawn_texts *t)
{
    ds_free(t->parameters);
    ds_free(t->record);
    *t = (drawn_texts){ 0 };
}

ds_status ds__drawn_texts(drawn_texts *out, const ds_job *j, const ds_run *run,
                          const draw_options *d, const char *prompt, uint64_t seed, double strength,
                          ds_error *err)
{
    const ds_run_info i = ds_run_describe(run);
    char *hash = NULL, name[256];
    ds_status st = ds_record_get_text(j->record, "model.sha256", &hash, err);

    *out = (drawn_texts){ 0 };
    model_name(name, ds__job_model_path(j));
    if (st == DS_OK) {
        const ds_png_parameters p = {
            .prompt = prompt,
            .negative = d->negative,
            .steps = d->steps,
            .sampler = i.sampler,
            .karras = i.karras,
            .cfg_scale = d->cfg_scale,
            .seed = seed,
            .width = i.width,
            .height = i.height,
            .model_sha256 = hash,
            .model = name[0] != '\0' ? name : NULL,
            .strength = strength,
        };

        st = ds_png_parameters_text(&out->parameters, &p, err);
    }
    ds_free(hash);
    if (st == DS_OK)
        st = ds_record_dump(j->record, &out->record, err);
    out->text[0] = (ds_png_text){ "parameters", out->parameters };
    out->text[1] = (ds_png_text){ "diffuscope", out->record };
    return st;
}

ds_status ds__drawn_image(ds_image *out, const ds_run *run, int64_t b, ds_error *err)
{
    const ds_tensor t = ds_run_image(run);
    const float *planes = (const float *)t.data + b * 3 * t.dim[2] * t.dim[3];

    return ds_image_from_planes(out, planes, t.dim[3], t.dim[2], err);
}

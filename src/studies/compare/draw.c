/* draw.c - a picture by one side: seed and settings are the job's, so that both sides begin with the same
 * noise and, for a sampler that draws more, go on with the same. */

#include "studies/compare/compare.h"

#include <stdio.h>
#include <string.h>

void ds__shot_clear(shot *s)
{
    ds_image_clear(&s->image);
    ds_free(s->planes);
    ds_free(s->latents);
    ds_free(s->map);
    *s = (shot){ .planes = NULL };
}

void ds__compare_close(compare_job *o)
{
    for (int64_t i = 0; o->all != NULL && o->all[i] != NULL; i++)
        ds_free(o->all[i]);
    ds_free(o->all);
    for (int s = 0; s < SIDES; s++) {
        for (int64_t b = 0; o->of[s].shot != NULL && b < o->pictures; b++)
            ds__shot_clear(&o->of[s].shot[b]);
        ds_free(o->of[s].shot);
        ds_free(o->of[s].sampler);
        ds_model_close(o->of[s].model);
        o->of[s] = (side){ .model = NULL };
    }
}

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for pictures");
}

static ds_status copy(float **out, const ds_tensor *t, ds_error *err)
{
    const size_t bytes = (size_t)ds_tensor_count(t) * sizeof **out;

    *out = ds_alloc(bytes);
    if (*out == NULL)
        return no_memory(err);
    memcpy(*out, t->data, bytes);
    return DS_OK;
}

static ds_status keep(shot *s, const ds_run *run, ds_error *err)
{
    const ds_tensor image = ds_run_image(run), latents = ds_run_latents(run);
    ds_status st = ds__drawn_image(&s->image, run, 0, err);

    s->steps = latents.dim[0];
    s->numbers = s->steps > 0 ? ds_tensor_count(&latents) / s->steps : 0;
    if (st == DS_OK)
        st = copy(&s->planes, &image, err);
    return st == DS_OK ? copy(&s->latents, &latents, err) : st;
}

/* All maps lie in one block behind the pointers to them. */
static ds_status keep_maps(shot *s, const compare_job *o, const ds_daam *d, ds_error *err)
{
    const ds_daam_info i = ds_daam_describe(d);
    const size_t pixels = (size_t)(i.latent_height * i.latent_width);
    const size_t words = (size_t)o->word.count;
    ds_daam_map_options m = DS_DAAM_MAP_OPTIONS_INIT;
    ds_daam_maps *maps = NULL;
    float *values;
    ds_status st;

    m.refine = (ds_daam_refine)o->refine;
    s->height = i.latent_height;
    s->width = i.latent_width;
    s->map = ds_calloc(1, words * (sizeof *s->map + pixels * sizeof(float)) + 1);
    if (s->map == NULL)
        return no_memory(err);
    values = (float *)(void *)(s->map + words);
    st = ds_daam_reduce(d, &maps, 0, 0, &m, err);
    for (size_t w = 0; st == DS_OK && w < words; w++) {
        s->map[w] = values + w * pixels;
        st = ds_daam_word(maps, s->map[w], o->word.text[w], NULL, err);
    }
    ds_daam_maps_free(maps);
    return st;
}

static ds_status shoot(compare_job *o, int which, int64_t b, ds_error *err)
{
    side *of = &o->of[which];
    shot *s = &of->shot[b];
    ds_run_options r = DS_RUN_OPTIONS_INIT;
    ds_daam_options t = DS_DAAM_OPTIONS_INIT;
    ds_run *run = NULL, *own = NULL;
    ds_daam *d = NULL;
    ds_status st;

    ds__draw_run_options(&r, o->job, &o->drawing);
    r.prompt = o->prompt;
    r.seed = o->drawing.seed + (uint64_t)b;
    t.self = o->refine != DS_DAAM_RAW;
    if (o->method == COMPARE_DAAM)
        st = ds_daam_new(&d, of->model, &r, &t, err);
    else
        st = ds_run_new(&own, of->model, &r, err);
    run = d != NULL ? ds_daam_run(d) : own;
    if (st == DS_OK)
        st = ds__run_all(o->job, run, err);
    if (st == DS_OK)
        st = ds_run_decode(run, err);
    if (st == DS_OK)
        st = keep(s, run, err);
    if (st == DS_OK && d != NULL)
        st = keep_maps(s, o, d, err);
    if (st == DS_OK && of->sampler == NULL &&
        (of->sampler = ds_strdup(ds_run_describe(run).sampler)) == NULL)
        st = no_memory(err);
    ds_daam_free(d);
    ds_run_free(own);
    return st;
}

ds_status ds__compare_draw(compare_job *o, int s, ds_error *err)
{
    ds_status st = DS_OK;

    o->of[s].shot = ds_calloc((size_t)o->pictures, sizeof *o->of[s].shot);
    if (o->of[s].shot == NULL)
        return no_memory(err);
    for (int64_t b = 0; st == DS_OK && b < o->pictures; b++) {
        ds__job_remark(o->job, "%s: picture %lld of %lld", ds__side_names[s], (long long)b + 1,
                       (long long)o->pictures);
        st = shoot(o, s, b, err);
    }
    return st;
}

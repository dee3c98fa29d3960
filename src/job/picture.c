/* picture.c - see picture.h. */

#include "job/picture.h"

#include <string.h>
#include <sys/stat.h>

#include "pipeline/run.h"

static ds_status copy_floats(ds_tensor *to, void **memory, const float *from, int rank,
                             const int64_t *dim, ds_error *err)
{
    size_t bytes;

    *to = (ds_tensor){ .dtype = DS_DTYPE_F32, .rank = rank };
    memcpy(to->dim, dim, (size_t)rank * sizeof *dim);
    if (ds_tensor_bytes(to, &bytes, err) != DS_OK)
        return DS_E_SHAPE;
    *memory = to->data = ds_alloc(bytes);
    if (to->data == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a picture");
    if (from != NULL)
        memcpy(to->data, from, bytes);
    return DS_OK;
}

void ds__picture_clear(job_picture *p)
{
    ds_image_clear(&p->shown);
    ds_free(p->memory[0]);
    ds_free(p->memory[1]);
    ds_bundle_free(p->file);
    *p = (job_picture){ .drawn = false };
}

/* ---- checks ----------------------------------------------------------------------------------- */

static ds_status check_side(const ds_job *j, const char *option, int64_t side, ds_error *err)
{
    if (side % 8 == 0)
        return DS_OK;
    return ds_fail(err, DS_E_ARG, "%s: expected a multiple of 8, found %lld",
                   ds__job_name(j, option), (long long)side);
}

ds_status ds__draw_check(const ds_job *j, const draw_options *d, ds_error *err)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_rng_kind kind;
    ds_status st = check_side(j, "width", d->size.width, err);

    if (st == DS_OK)
        st = check_side(j, "height", d->size.height, err);
    if (st == DS_OK)
        st = ds_rng_kind_parse(&kind, d->rng, err);
    if (st != DS_OK || j->model == NULL)
        return st;
    ds__draw_run_options(&o, j, d);
    return ds__run_check(j->model, &o, err);
}

ds_status ds__picture_check(const ds_job *j, const look_options *l, const draw_options *d,
                            const char *prompt, ds_error *err)
{
    if (l->image != NULL && l->latent != NULL)
        return ds_fail(err, DS_E_ARG, "%s and %s exclude each other", ds__job_name(j, "image"),
                       ds__job_name(j, "latent"));
    if (l->image == NULL && l->latent == NULL && prompt == NULL)
        return ds_fail(
            err, DS_E_ARG, "a picture is needed: %s FILE, %s FILE, or %s TEXT to draw one",
            ds__job_name(j, "image"), ds__job_name(j, "latent"), ds__job_name(j, "prompt"));
    return ds__draw_check(j, d, err);
}

/* ---- from files ------------------------------------------------------------------------------- */

/* A file of tensors, or a run folder with one. */
static ds_status load_tensors(ds_bundle **out, const char *path, ds_error *err)
{
    char file[4096];
    struct stat s;
    int n = stat(path, &s) == 0 && S_ISDIR(s.st_mode)
                ? snprintf(file, sizeof file, "%s/tensors.safetensors", path)
                : snprintf(file, sizeof file, "%s", path);

    *out = NULL;
    if (n >= (int)sizeof file)
        return ds_fail(err, DS_E_ARG, "the path of a file of latents is too long");
    return ds_bundle_load(out, file, err);
}

/* What was looked for, and what the file holds instead. */
static ds_status no_tensor(const ds_bundle *b, const char *path, const char *expected,
                           ds_error *err)
{
    char names[160] = "nothing";
    size_t n = 0;

    for (int64_t i = 0; i < ds_bundle_count(b) && n < sizeof names - 1; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i > 0 ? ", " : "",
                              ds_bundle_name(b, i));
    ds_fail(err, DS_E_SHAPE, "%s: expected a tensor %s, found %s%s", path, expected, names,
            n >= sizeof names ? "..." : "");
    return ds_fail_at(err, DS_E_SHAPE, path, -1);
}

static ds_status load_latent(job_picture *p, const char *path, ds_error *err)
{
    ds_tensor *t = NULL;
    ds_status st = load_tensors(&p->file, path, err);

    if (st == DS_OK && ds_bundle_find(p->file, "latent") == NULL)
        return no_tensor(p->file, path, "\"latent\" (a clean one)", err);
    if (st == DS_OK)
        st = ds_bundle_expect(p->file, "latent", DS_DIMS(1, -1, -1, -1), &t, err);
    if (st == DS_OK && t->dtype != DS_DTYPE_F32)
        st = ds_fail(err, DS_E_SHAPE, "latent: expected F32, found %s", ds_dtype_name(t->dtype));
    if (st != DS_OK)
        return ds_fail_at(err, st, path, -1);
    p->latent = *t;
    return DS_OK;
}

static int64_t round_to_8(int64_t side)
{
    return side < 8 ? 8 : side / 8 * 8;
}

/* With a size, the middle of the picture fills it; without, sides are rounded to multiples of 8. */
ds_status ds__picture_load(job_picture *out, const draw_options *d, const char *path, ds_error *err)
{
    const bool sized = d->size.width > 0 || d->size.height > 0;
    ds_image raw = { 0 };
    int64_t width, height;
    ds_status st = ds_image_load(&raw, path, err);

    *out = (job_picture){ .drawn = false };
    if (st != DS_OK)
        return st;
    width = d->size.width > 0 ? d->size.width : round_to_8(raw.width);
    height = d->size.height > 0 ? d->size.height : round_to_8(raw.height);
    st = sized ? ds_image_fit(&out->shown, &raw, width, height, DS_FILTER_LANCZOS, err)
               : ds_image_resize(&out->shown, &raw, width, height, DS_FILTER_LANCZOS, err);
    ds_image_clear(&raw);
    if (st == DS_OK)
        st = copy_floats(&out->image, &out->memory[0], NULL, DS_DIMS(1, 3, height, width), err);
    if (st == DS_OK)
        ds_image_to_planes(out->image.data, &out->shown);
    else
        ds__picture_clear(out);
    return st;
}

/* ---- drawn ------------------------------------------------------------------------------------ */

void ds__draw_run_options(ds_run_options *o, const ds_job *j, const draw_options *d)
{
    o->negative_prompt = d->negative;
    o->steps = (int)d->steps;
    o->cfg_scale = d->cfg_scale;
    o->sampler = d->sampler;
    o->scheduler = d->scheduler;
    o->spacing = d->spacing;
    o->set_alpha_to_one = d->alpha_to_one ? 1 : -1;
    o->eta = ds__job_given(j, "eta") ? d->eta : -1;
    o->compat = d->compat == 0 ? "0.42" : "0.21";
    o->width = d->size.width;
    o->height = d->size.height;
    o->seed = d->seed;
    ds_rng_kind_parse(&o->rng, d->rng, NULL); /* checked before */
    o->vae_tiling = d->vae_tiling ? 1 : -1;
    o->chunks = d->long_prompt != 0;
    o->cancel = j->o.cancel;
    o->taps = j->o.taps;
    o->n_taps = j->o.n_taps;
}

ds_status ds__run_all(ds_job *j, ds_run *run, ds_error *err)
{
    const char *text;
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && (text = ds_run_warning(run, i)) != NULL; i++)
        st = ds__job_warn(j, text, err);
    if (st == DS_OK)
        st = ds__job_progress(j, "sampling", 0, ds_run_steps(run), err);
    while (st == DS_OK && !ds_run_done(run)) {
        st = ds_run_step(run, err);
        if (st == DS_OK)
            st = ds__job_progress(j, "sampling", ds_run_step_index(run), ds_run_steps(run), err);
    }
    return st;
}

static ds_status keep(job_picture *p, const ds_run *run, ds_error *err)
{
    const ds_tensor steps = ds_run_latents(run), image = ds_run_image(run);
    int64_t plane = steps.dim[2] * steps.dim[3] * steps.dim[4];
    const float *last = (const float *)steps.data + (steps.dim[0] - 1) * plane;
    ds_status st = copy_floats(&p->latent, &p->memory[0], last,
                               DS_DIMS(1, steps.dim[2], steps.dim[3], steps.dim[4]), err);

    if (st == DS_OK)
        st = copy_floats(&p->image, &p->memory[1], image.data,
                         DS_DIMS(1, 3, image.dim[2], image.dim[3]), err);
    return st == DS_OK
               ? ds_image_from_planes(&p->shown, p->image.data, image.dim[3], image.dim[2], err)
               : st;
}

ds_status ds__picture_draw(job_picture *out, ds_job *j, const draw_options *d, const char *prompt,
                           uint64_t seed, ds_error *err)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_run *run = NULL;
    ds_status st;

    *out = (job_picture){ .drawn = true };
    ds__draw_run_options(&o, j, d);
    o.prompt = prompt;
    o.seed = seed;
    st = ds_run_new(&run, j->model, &o, err);
    if (st == DS_OK)
        st = ds__run_all(j, run, err);
    if (st == DS_OK)
        st = ds_run_decode(run, err);
    if (st == DS_OK)
        st = keep(out, run, err);
    ds_run_free(run);
    if (st != DS_OK)
        ds__picture_clear(out);
    return st;
}

ds_status ds__picture_get(job_picture *out, ds_job *j, const look_options *l, const draw_options *d,
                          const char *prompt, ds_error *err)
{
    ds_status st;

    *out = (job_picture){ .drawn = false };
    if (l->image != NULL)
        return ds__picture_load(out, d, l->image, err);
    if (l->latent == NULL)
        return ds__picture_draw(out, j, d, prompt, d->seed, err);
    st = load_latent(out, l->latent, err);
    if (st != DS_OK)
        ds__picture_clear(out);
    return st;
}

/* ---- what a generation starts from -------------------------------------------------------------- */

void ds__start_clear(job_start *s)
{
    ds_bundle_free(s->file);
    ds_image_clear(&s->shown);
    ds_free(s->image.data);
    *s = (job_start){ 0 };
}

static ds_status start_latent(job_start *out, const char *path, ds_error *err)
{
    ds_status st = load_tensors(&out->file, path, err);

    out->latent = st == DS_OK ? ds_bundle_find(out->file, "noise") : NULL; /* of a run of ours */
    if (st == DS_OK && out->latent == NULL)
        out->latent = ds_bundle_find(out->file, "latent");
    if (st != DS_OK || out->latent != NULL)
        return st;
    return no_tensor(out->file, path, "\"latent\" or \"noise\"", err);
}

ds_status ds__start_check(job_start *out, const ds_job *j, const start_options *s,
                          const draw_options *d, ds_error *err)
{
    job_picture p;
    ds_status st;

    if (s->batch > 1 && d->seed > UINT64_MAX - (uint64_t)(s->batch - 1))
        return ds_fail(err, DS_E_ARG,
                       "%s: %lld pictures from %llu on go beyond the largest seed, %llu",
                       ds__job_name(j, "seed"), (long long)s->batch, (unsigned long long)d->seed,
                       (unsigned long long)UINT64_MAX);
    if (s->latent != NULL && s->init != NULL)
        return ds_fail(err, DS_E_ARG, "%s and %s exclude each other", ds__job_name(j, "latent"),
                       ds__job_name(j, "init-img"));
    if (s->latent != NULL)
        return start_latent(out, s->latent, err);
    if (s->init == NULL)
        return DS_OK;
    st = ds__picture_load(&p, d, s->init, err);
    if (st == DS_OK) {
        out->shown = p.shown;
        out->image = p.image;
    }
    return st;
}

void ds__start_run_options(ds_run_options *o, const ds_job *j, const job_start *from,
                           const start_options *s)
{
    o->images = ds__job_given(j, "batch-count") ? s->batch : 0;
    o->latent = from->latent;
    o->image = from->image.data != NULL ? &from->image : NULL;
    o->strength = s->strength;
}

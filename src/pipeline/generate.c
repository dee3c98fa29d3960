/* generate.c - a run from its options: sizes, prompts, networks, samplers, the first latent.
 *
 * Each picture has its own generator, seeded with seed + its index, and its own sampler, so that it
 * equals the single picture of that seed. A generator's draws come in the order of diffusers'
 * pipelines: image to image draws the posterior's noise, then the added noise; from noise, the
 * first latent; then come the sampler's own. */

#include "pipeline/run_impl.h"
#include "pipeline/sampler_impl.h"

#include "base/options.h"
#include "base/threads.h"
#include "tensor/convert.h"

#include <math.h>
#include <string.h>

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for a run");
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static ds_status check_tensor(const ds_tensor *t, const char *what, int64_t channels,
                              int64_t height, int64_t width, int64_t images, bool shared,
                              ds_error *err)
{
    char shape[96];

    if (t == NULL)
        return DS_OK;
    if (t->rank == 4 && (t->dim[0] == images || (shared && t->dim[0] == 1)) &&
        t->dim[1] == channels && t->dim[2] == height && t->dim[3] == width) {
        if (ds__tensor_not_finite(t) < 0)
            return DS_OK;
        return ds_fail(err, DS_E_FORMAT, "%s: its element %lld is not a finite number", what,
                       (long long)ds__tensor_not_finite(t));
    }
    return ds_fail(err, DS_E_SHAPE, "%s has shape %s, expected [%lld, %lld, %lld, %lld]", what,
                   ds_tensor_shape(t, shape, sizeof shape), (long long)images, (long long)channels,
                   (long long)height, (long long)width);
}

/* What the caller left open follows from the initial latent or picture, or from the model. */
static ds_status choose_sizes(ds_run *r, const ds_run_options *o, ds_error *err)
{
    const ds_tensor *given = o->latent != NULL ? o->latent : o->image;
    int64_t scale, width = o->width, height = o->height;
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, r->model, err);

    if (st != DS_OK)
        return st;
    if (given != NULL && given->rank != 4)
        return ds_fail(err, DS_E_SHAPE, "the initial %s has %d dimensions, expected 4",
                       o->latent != NULL ? "latent" : "picture", given->rank);
    scale = o->latent != NULL ? info.factor : 1;
    if (width == 0)
        width = given != NULL ? given->dim[3] * scale : info.side * info.factor;
    if (height == 0)
        height = given != NULL ? given->dim[2] * scale : info.side * info.factor;
    if (width < info.factor || height < info.factor || width % info.factor != 0 ||
        height % info.factor != 0)
        return ds_fail(err, DS_E_ARG, "a picture of %lld by %lld: both must be multiples of %lld",
                       (long long)width, (long long)height, (long long)info.factor);
    r->channels = info.channels;
    r->factor = info.factor;
    r->width = width / info.factor;
    r->height = height / info.factor;
    r->n = r->channels * r->width * r->height;
    r->branches = o->cfg_scale <= 1.0 || info.guidance > 0 ? 1 : 2;
    r->guidance = info.guidance > 0 ? DS_GUIDED_INSIDE : r->branches == 2 ? DS_GUIDED : DS_UNGUIDED;
    r->images = o->images > 0 ? o->images : given != NULL ? given->dim[0] : 1;
    st = check_tensor(o->latent, "the initial latent", r->channels, r->height, r->width, r->images,
                      false, err);
    return st == DS_OK ? check_tensor(o->image, "the initial picture", 3, height, width, r->images,
                                      true, err)
                       : st;
}

static ds_status check_options(const ds_run_options *o, ds_error *err)
{
    if (!isfinite(o->cfg_scale))
        return ds_fail(err, DS_E_ARG, "cfg scale: expected a finite number");
    if (o->images < 0 || o->images > 1024)
        return ds_fail(err, DS_E_ARG, "expected 1 to 1024 images, found %lld",
                       (long long)o->images);
    if (o->latent != NULL && o->image != NULL)
        return ds_fail(err, DS_E_ARG, "a run starts from a latent or from a picture, not both");
    return DS_OK;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static ds_status warn(ds_run *r, const char *text)
{
    if (r->warnings < DS_RUN_WARNINGS)
        r->warning[r->warnings++] = text;
    return DS_OK;
}

static ds_status warn_of_cut(ds_run *r, const char *what, int64_t cut, ds_error *err)
{
    int64_t fit = r->conditions->tokens - 2;
    char *text;

    if (cut == 0)
        return DS_OK;
    text = ds__arena_printf(&r->arena,
                            "the %s has %lld tokens; the last %lld are cut off, since the model "
                            "reads %lld",
                            what, (long long)(fit + cut), (long long)cut, (long long)fit);
    if (text == NULL)
        return no_memory(err);
    return warn(r, text);
}

/* What became of the guidance that was asked for, where it is not what the number says. diffusers, too,
 * takes 1 and less for none. */
static ds_status warn_of_guidance(ds_run *r, const ds_run_options *o, ds_error *err)
{
    const bool negative = o->negative_prompt != NULL && o->negative_prompt[0] != '\0';
    const char *text;

    if (r->guidance == DS_GUIDED)
        return DS_OK;
    if (r->guidance == DS_GUIDED_INSIDE) {
        text = ds__arena_printf(
            &r->arena,
            "this network takes guidance as an embedding: %g is fed to it, and the "
            "prompt alone is run",
            o->cfg_scale);
        if (text == NULL)
            return no_memory(err);
        warn(r, text);
    } else if (o->cfg_scale < 1.0) {
        text = ds__arena_printf(
            &r->arena, "a guidance of %g is none, as 1 is: the prompt alone is run", o->cfg_scale);
        if (text == NULL)
            return no_memory(err);
        warn(r, text);
    }
    return negative ? warn(r, "the negative prompt has no effect without a guidance above 1")
                    : DS_OK;
}

/* The conditionings are the negative prompt's, where there is one, and then those of the
 * prompts. */
static ds_status encode_prompts(ds_run *r, const ds_run_options *o, ds_error *err)
{
    int64_t count = r->branches - 1 + (o->prompts != NULL ? r->images : 1), first = r->branches - 1;
    const char **prompt = ds_calloc((size_t)count, sizeof *prompt);
    ds_status st = prompt == NULL ? no_memory(err) : ds__text_open(&r->text, r->model, err);

    if (st == DS_OK && first == 1)
        prompt[0] = o->negative_prompt;
    for (int64_t k = first; st == DS_OK && k < count; k++) {
        prompt[k] = o->prompts != NULL ? o->prompts[k - first] : o->prompt;
        prompt[k] = prompt[k] != NULL ? prompt[k] : "";
    }
    if (st == DS_OK)
        ds__text_allow_chunks(r->text, o->chunks);
    ds__taps_at(r->taps, (ds_taps_place){ .rows = DS_ROWS_TEXTS,
                                          .step = -1,
                                          .call = -1,
                                          .conditions = count,
                                          .negatives = first });
    if (st == DS_OK)
        st = ds__text_encode(r->text, &r->conditions, prompt, count, r->watcher, o->cancel, err);
    for (int64_t k = first, told = 0; st == DS_OK && k < count && told == 0; k++) {
        told = r->conditions->cut[k];
        st = warn_of_cut(r, "prompt", told, err);
    }
    if (st == DS_OK && first == 1)
        st = warn_of_cut(r, "negative prompt", r->conditions->cut[0], err);
    ds_free(prompt);
    return st;
}

static ds_status set_conditions(ds_run *r, const ds_run_options *o, ds_error *err)
{
    int64_t rows = r->images * r->branches;
    int64_t *which;
    ds_status st;

    if (o->prompts == NULL)
        return ds__denoiser_condition(r->denoiser, r->conditions, err);
    which = ds_calloc((size_t)rows, sizeof *which);
    if (which == NULL)
        return no_memory(err);
    for (int64_t b = 0; b < r->images; b++)
        which[rows - r->images + b] = r->branches - 1 + b;
    st = ds__denoiser_condition_rows(r->denoiser, r->conditions, which, err);
    ds_free(which);
    return st;
}

static ds_status make_networks(ds_run *r, const ds_run_options *o, ds_error *err)
{
    const ds_denoiser_shape shape = { r->images, r->branches, r->conditions->tokens, r->height,
                                      r->width };
    ds_status st = ds__autoencoder_new(&r->autoencoder, r->model, r->height, r->width,
                                       (ds_tiling)o->vae_tiling, r->watcher, err);

    if (st == DS_OK && o->preview)
        st = ds__preview_fit(&r->preview, r->model, err);
    if (st == DS_OK)
        st = ds__denoiser_new(&r->denoiser, r->model, &shape, r->watcher, err);
    if (st == DS_OK && r->guidance == DS_GUIDED_INSIDE)
        st = ds_denoiser_guide(r->denoiser, o->cfg_scale, err);
    return st == DS_OK ? set_conditions(r, o, err) : st;
}

static ds_status make_samplers(ds_run *r, const ds_run_options *o, ds_error *err)
{
    ds_sampler_options s = DS_SAMPLER_OPTIONS_INIT;
    ds_schedule_file f;
    ds_status st = ds__noise_config(&f, r->model, err);

    if (f.root == NULL)
        s.prediction_type = ds__store_prediction(r->model->store)->type;
    s.sampler = o->sampler;
    s.scheduler = o->scheduler;
    s.spacing = o->spacing;
    s.set_alpha_to_one = o->set_alpha_to_one;
    s.eta = o->eta;
    s.compat = o->compat;
    s.steps = o->steps;
    s.strength = o->image != NULL ? o->strength : 1.0;
    r->sampler = ds_calloc((size_t)r->images, sizeof *r->sampler);
    r->rng = ds_calloc((size_t)r->images, sizeof *r->rng);
    if (st == DS_OK && (r->sampler == NULL || r->rng == NULL))
        st = no_memory(err);
    for (int64_t b = 0; st == DS_OK && b < r->images; b++) {
        st = ds__sampler_new(&r->sampler[b], &s, &f, err);
        ds_rng_init(&r->rng[b], o->rng, o->seed + (uint64_t)b);
    }
    ds__schedule_file_close(&f);
    if (st == DS_OK)
        r->steps = ds_sampler_steps(r->sampler[0]);
    if (st == DS_OK && ds_sampler_remark(r->sampler[0]) != NULL)
        warn(r, ds_sampler_remark(r->sampler[0]));
    return st;
}

static ds_status make_buffers(ds_run *r, ds_error *err)
{
    size_t n = (size_t)(r->images * r->n), all;

    if (!ds_mul_size(n, (size_t)r->steps, &all))
        return no_memory(err);
    r->input = ds_calloc(n, sizeof *r->input);
    r->output = ds_calloc(n * (size_t)r->branches, sizeof *r->output);
    r->shown = ds_calloc(n, sizeof *r->shown);
    r->time = ds_calloc((size_t)r->images, sizeof *r->time);
    r->latents = ds_calloc(all, sizeof *r->latents);
    r->image = ds_calloc((size_t)(r->images * r->height * r->width * r->factor * r->factor),
                         3 * sizeof *r->image);
    if (r->input == NULL || r->output == NULL || r->shown == NULL || r->time == NULL ||
        r->latents == NULL || r->image == NULL)
        return no_memory(err);
    return DS_OK;
}

static ds_status ask_watcher(ds_run *r, ds_error *err)
{
    const ds_tensor shape = {
        DS_DTYPE_F32, 4, { r->images, r->channels, r->height, r->width }, NULL
    };

    for (int i = 0; r->watcher != NULL && i < DS_RUN_SITES; i++)
        r->interest[i] = r->watcher->wants(r->watcher->user, ds__run_sites[i], &shape);
    if (r->interest[DS_SITE_X0] == DS_EDIT)
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "sampler.x0 can be looked at but not edited; edit sampler.eps or sampler.x");
    return DS_OK;
}

/* ---- the first latent ------------------------------------------------------------------------ */

/* Uses input as noise, and the first half of output as clean latent; mean and log variance lie in
 * latents and shown. */
static ds_status begin_from_image(ds_run *r, const ds_run_options *o, float *planes, ds_error *err)
{
    int64_t pixels = 3 * r->height * r->width * r->factor * r->factor;
    ds_status st = DS_OK;

    for (int64_t b = 0; st == DS_OK && b < r->images; b++) {
        size_t size = ds_dtype_size(o->image->dtype);
        const char *source =
            (const char *)o->image->data + (size_t)(o->image->dim[0] > 1 ? b * pixels : 0) * size;

        if (b == 0 || o->image->dim[0] > 1) {
            ds_convert(planes, DS_DTYPE_F32, source, o->image->dtype, pixels);
            st = ds__encode(r->autoencoder, r->latents, r->shown, planes, o->cancel, err);
        }
        if (st != DS_OK)
            break;
        ds_rng_normal(&r->rng[b], r->input, r->n);
        ds__posterior(r->autoencoder, r->output, r->latents, r->shown, r->input);
        ds_rng_normal(&r->rng[b], r->input, r->n);
        st = ds_sampler_begin_image(r->sampler[b], r->output, r->input, r->n, err);
    }
    memset(r->latents, 0, (size_t)r->n * sizeof *r->latents);
    memset(r->shown, 0, (size_t)r->n * sizeof *r->shown);
    return st;
}

static ds_status begin_from_noise(ds_run *r, const ds_run_options *o, ds_error *err)
{
    ds_status st = DS_OK;

    r->noise = ds_calloc((size_t)(r->images * r->n), sizeof *r->noise);
    if (r->noise == NULL)
        return no_memory(err);
    for (int64_t b = 0; st == DS_OK && b < r->images; b++) {
        if (o->latent == NULL)
            ds_rng_normal(&r->rng[b], r->input, r->n);
        else
            ds_convert(r->input, DS_DTYPE_F32,
                       (const char *)o->latent->data +
                           (size_t)(b * r->n) * ds_dtype_size(o->latent->dtype),
                       o->latent->dtype, r->n);
        memcpy(r->noise + b * r->n, r->input, (size_t)r->n * sizeof *r->noise);
        st = ds_sampler_begin(r->sampler[b], r->input, r->n, err);
    }
    return st;
}

static ds_status begin(ds_run *r, const ds_run_options *o, ds_error *err)
{
    float *planes;
    ds_status st;

    if (o->image == NULL)
        return begin_from_noise(r, o, err);
    planes = ds_alloc((size_t)(3 * r->height * r->width * r->factor * r->factor) * sizeof *planes);
    st = planes != NULL ? begin_from_image(r, o, planes, err) : no_memory(err);
    ds_free(planes);
    return st;
}

ds_status ds__run_measure(ds_run_sizes *out, ds_model *m, const ds_run_options *o, ds_error *err)
{
    ds_run r = { .model = m };
    ds_status st = check_options(o, err);

    if (st == DS_OK)
        st = choose_sizes(&r, o, err);
    *out = (ds_run_sizes){ r.images, r.branches, r.height, r.width, r.factor };
    return st;
}

ds_status ds__run_check(ds_model *m, const ds_run_options *o, ds_error *err)
{
    ds_run *r = ds_calloc(1, sizeof *r);
    ds_status st = r != NULL ? check_options(o, err) : no_memory(err);

    if (r != NULL)
        r->model = m;
    if (st == DS_OK)
        st = choose_sizes(r, o, err);
    if (st == DS_OK)
        st = make_samplers(r, o, err);
    ds_run_free(r);
    return st;
}

/* ---- the object ------------------------------------------------------------------------------ */

static ds_status build(ds_run *r, const ds_run_options *o, const ds_watcher *watcher, ds_error *err)
{
    ds_status st = check_options(o, err);

    if (st == DS_OK)
        st = ds__taps_new(&r->taps, &r->watcher, watcher, o->watcher, o->taps, o->n_taps, err);
    if (st == DS_OK)
        st = choose_sizes(r, o, err);
    if (st == DS_OK)
        st = ask_watcher(r, err);
    if (st == DS_OK)
        st = make_samplers(r, o, err);
    if (st == DS_OK)
        st = make_buffers(r, err);
    if (st == DS_OK)
        st = warn_of_guidance(r, o, err);
    if (st == DS_OK)
        st = encode_prompts(r, o, err);
    if (st == DS_OK)
        st = make_networks(r, o, err);
    if (st == DS_OK)
        st = ds__taps_check(r->taps, r->model, err);
    return st == DS_OK ? begin(r, o, err) : st;
}

ds_status ds__run_new(ds_run **out, ds_model *m, const ds_run_options *options,
                      const ds_watcher *watcher, ds_error *err)
{
    const ds_run_options defaults = DS_RUN_OPTIONS_INIT;
    ds_run_options o;
    ds_run *r;
    int before;
    ds_status st = ds__options_take(&o, sizeof o, &defaults, options, "run options",
                                    "DS_RUN_OPTIONS_INIT", err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    r = ds_calloc(1, sizeof *r);
    if (r == NULL)
        return no_memory(err);
    r->model = m;
    r->options = o;
    before = ds__threads_enter(o.threads);
    st = build(r, &o, watcher, err);
    ds__threads_leave(before);
    if (st != DS_OK) {
        ds_run_free(r);
        return st;
    }
    *out = r;
    return DS_OK;
}

ds_status ds_run_new(ds_run **out, ds_model *m, const ds_run_options *o, ds_error *err)
{
    return ds__run_new(out, m, o, NULL, err);
}

void ds_run_free(ds_run *r)
{
    if (r == NULL)
        return;
    for (int64_t b = 0; r->sampler != NULL && b < r->images; b++)
        ds_sampler_free(r->sampler[b]);
    ds_free(r->sampler);
    ds_free(r->rng);
    ds_free(r->input);
    ds_free(r->output);
    ds_free(r->shown);
    ds_free(r->time);
    ds_free(r->latents);
    ds_free(r->noise);
    ds_free(r->image);
    ds__denoiser_free(r->denoiser);
    ds__autoencoder_free(r->autoencoder);
    ds__conditions_free(r->conditions);
    ds__text_close(r->text);
    ds__taps_free(r->taps);
    ds__arena_free(&r->arena);
    ds_free(r);
}

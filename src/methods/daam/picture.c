/* picture.c - maps of an existing picture: its latent is brought to noise levels, and the
 * network reads it there under the prompt, once for each level.
 *
 *   noise    z = alpha x0 + sigma eps, eps fresh at each level. What the network was trained on;
 *            levels do not depend on each other.
 *   invert   DDIM run backwards from t = 0 (Song et al., arXiv 2010.02502, section 4.3):
 *            z' = alpha' (z - sigma eps(z,t)) / alpha + sigma' eps(z,t). Deterministic, and close
 *            to the path on which a sampler would have made the picture. */

#include "methods/daam/daam.h"

#include "base/options.h"
#include "pipeline/autoencoder.h"
#include "pipeline/denoiser.h"

#include <string.h>

typedef struct picture {
    ds_daam *d;
    const ds_daam_picture *p;
    ds_noise noise;
    ds_conditions *conditions;
    ds_denoiser *denoiser;
    ds_rng *rng;
    int64_t n; /* numbers of one latent */
    float *clean, *z, *answer, *eps, *time;
} picture;

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for pictures");
}

static ds_status check(const ds_daam_picture *p, const ds_daam_options *o, ds_error *err)
{
    if (p->image == NULL || p->image->rank != 4 || p->image->dim[0] < 1 || p->image->dim[1] != 3)
        return ds_fail(err, DS_E_SHAPE, "expected pictures [B, 3, height, width]");
    if (p->levels < 1 || p->levels > 1000 || !(p->from >= 0.0 && p->from <= p->to && p->to <= 1.0))
        return ds_fail(err, DS_E_ARG,
                       "expected 1 to 1000 levels between shares of the schedule from 0 to 1, "
                       "found %d from %g to %g",
                       p->levels, p->from, p->to);
    if (o->save_heads != NULL || o->load_heads != NULL)
        return ds_fail(err, DS_E_UNSUPPORTED, "heads are saved and loaded in generations only");
    if (o->uncond && (p->cfg_scale <= 1.0 || p->approach == DS_DAAM_NOISE))
        return ds_fail(err, DS_E_ARG,
                       "the negative prompt is read in an inversion with guidance only; give the "
                       "text as the prompt instead");
    return DS_OK;
}

static ds_status measure(ds_run_sizes *s, ds_model *m, const ds_daam_picture *p, ds_error *err)
{
    const int64_t *dim = p->image->dim;
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, m, err);

    if (st != DS_OK)
        return st;
    if (dim[2] % info.factor != 0 || dim[3] % info.factor != 0 || dim[2] < 1 || dim[3] < 1)
        return ds_fail(err, DS_E_SHAPE, "a picture of %lld by %lld: both must be multiples of %lld",
                       (long long)dim[3], (long long)dim[2], (long long)info.factor);
    *s = (ds_run_sizes){ dim[0], 1, dim[2] / info.factor, dim[3] / info.factor, info.factor };
    if (p->approach == DS_DAAM_INVERT && p->cfg_scale > 1.0 && info.guidance == 0)
        s->branches = 2;
    return DS_OK;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static const char *prompt_of(const ds_daam_picture *p, int64_t i)
{
    const char *text = p->prompts != NULL ? p->prompts[i] : p->prompt;

    return text != NULL ? text : "";
}

/* Conditionings: the negative prompt where there is guidance, then the prompts. */
static ds_status encode_texts(picture *x, ds_error *err)
{
    ds_daam *d = x->d;
    const ds_daam_picture *p = x->p;
    const int64_t prompts = p->prompts != NULL ? d->trace.images : 1, first = d->tap.branches - 1;
    const char **text = ds_calloc((size_t)(first + prompts), sizeof *text);
    ds_status st = text != NULL ? DS_OK : no_memory(err);

    if (st == DS_OK && first == 1)
        text[0] = p->negative_prompt;
    for (int64_t i = 0; st == DS_OK && i < prompts; i++)
        text[first + i] = prompt_of(p, i);
    ds__text_allow_chunks(d->text_encoder, p->chunks);
    if (st == DS_OK)
        st = ds__text_encode(d->text_encoder, &x->conditions, text, first + prompts, NULL,
                             p->cancel, err);
    for (int64_t i = first; st == DS_OK && i < first + prompts; i++)
        if (x->conditions->cut[i] > 0)
            st = ds__daam_warn(d, err, "the last %lld tokens of the prompt are cut off",
                               (long long)x->conditions->cut[i]);
    if (st == DS_OK && d->options.uncond)
        st = ds__daam_add_texts(d, text, 1, x->conditions->chunks, err);
    else if (st == DS_OK)
        st = ds__daam_add_texts(d, text + first, prompts, x->conditions->chunks, err);
    ds_free(text);
    return st;
}

static ds_status set_conditions(picture *x, ds_error *err)
{
    const ds_daam *d = x->d;
    const int64_t rows = d->tap.branches * d->trace.images, first = d->tap.branches - 1;
    int64_t *which = ds_calloc((size_t)rows, sizeof *which);
    ds_status st;

    if (which == NULL)
        return no_memory(err);
    for (int64_t b = 0; b < d->trace.images; b++)
        which[first * d->trace.images + b] = first + (x->p->prompts != NULL ? b : 0);
    st = ds__denoiser_condition_rows(x->denoiser, x->conditions, which, err);
    ds_free(which);
    return st;
}

static ds_status encode_images(picture *x, ds_error *err)
{
    const ds_daam *d = x->d;
    const ds_tensor *t = x->p->image;
    const int64_t pixels = 3 * t->dim[2] * t->dim[3];
    float *planes = ds_alloc((size_t)pixels * sizeof *planes);
    float *logvar = ds_alloc((size_t)x->n * sizeof *logvar);
    ds_autoencoder *a = NULL;
    ds_status st = planes != NULL && logvar != NULL ? DS_OK : no_memory(err);

    if (st == DS_OK)
        st = ds__autoencoder_new(&a, d->model, d->trace.height, d->trace.width, DS_TILING_AUTO,
                                 NULL, err);
    for (int64_t b = 0; st == DS_OK && b < d->trace.images; b++) {
        float *mean = x->clean + b * x->n;

        ds_convert(planes, DS_DTYPE_F32,
                   (const char *)t->data + (size_t)(b * pixels) * ds_dtype_size(t->dtype), t->dtype,
                   pixels);
        st = ds__encode(a, mean, logvar, planes, x->p->cancel, err);
        if (st == DS_OK)
            ds__posterior(a, mean, mean, logvar, NULL);
    }
    ds__autoencoder_free(a);
    ds_free(planes);
    ds_free(logvar);
    return st;
}

static ds_status allocate(picture *x, ds_error *err)
{
    const ds_daam *d = x->d;
    const size_t all = (size_t)(d->trace.images * x->n);

    x->clean = ds_calloc(all, sizeof *x->clean);
    x->z = ds_calloc(all, sizeof *x->z);
    x->eps = ds_calloc(all, sizeof *x->eps);
    x->answer = ds_calloc(all * (size_t)d->tap.branches, sizeof *x->answer);
    x->time = ds_calloc((size_t)d->trace.images, sizeof *x->time);
    x->rng = ds_calloc((size_t)d->trace.images, sizeof *x->rng);
    if (x->clean == NULL || x->z == NULL || x->eps == NULL || x->answer == NULL ||
        x->time == NULL || x->rng == NULL)
        return no_memory(err);
    for (int64_t b = 0; b < d->trace.images; b++)
        ds_rng_init(&x->rng[b], x->p->rng, x->p->seed + (uint64_t)b);
    return DS_OK;
}

static ds_status make_network(picture *x, ds_error *err)
{
    ds_daam *d = x->d;
    const ds_denoiser_shape shape = { d->trace.images, d->tap.branches, x->conditions->tokens,
                                      d->trace.height, d->trace.width };
    ds_status st;

    d->tap.watcher = ds__daam_watcher(d);
    st = ds__denoiser_new(&x->denoiser, d->model, &shape, &d->tap.watcher, err);
    return st == DS_OK ? set_conditions(x, err) : st;
}

/* ---- levels ---------------------------------------------------------------------------------- */

/* Time step of level i: evenly spaced, both ends included; an inversion starts at 0. */
static double time_of(const picture *x, int i)
{
    const ds_daam_picture *p = x->p;
    const double last = x->noise.schedule.count - 1;

    if (p->approach == DS_DAAM_INVERT)
        return last * p->to * i / p->levels;
    if (p->levels == 1)
        return last * 0.5 * (p->from + p->to);
    return last * (p->from + (p->to - p->from) * i / (p->levels - 1));
}

static void add_noise(picture *x, int level)
{
    const ds_noise_level at = ds__noise_at(&x->noise, time_of(x, level));

    for (int64_t b = 0; b < x->d->trace.images; b++) {
        float *eps = x->eps + b * x->n;

        ds_rng_normal(&x->rng[b], eps, x->n);
        for (int64_t i = 0; i < x->n; i++)
            x->z[b * x->n + i] = (float)(at.alpha * x->clean[b * x->n + i] + at.sigma * eps[i]);
    }
}

/* From level to level + 1. */
static void invert(picture *x, int level)
{
    const ds_noise_level at = ds__noise_at(&x->noise, time_of(x, level));
    const ds_noise_level to = ds__noise_at(&x->noise, time_of(x, level + 1));
    const int64_t count = x->d->trace.images * x->n;
    const float scale = (float)x->p->cfg_scale;

    for (int64_t i = 0; x->d->tap.branches == 2 && i < count; i++)
        x->answer[i] += scale * (x->answer[count + i] - x->answer[i]);
    ds__noise_to_eps(&x->noise, x->eps, x->answer, x->z, at, count);
    for (int64_t i = 0; i < count; i++)
        x->z[i] =
            (float)(to.alpha * (x->z[i] - at.sigma * x->eps[i]) / at.alpha + to.sigma * x->eps[i]);
}

static ds_status run_levels(picture *x, ds_error *err)
{
    const ds_daam_picture *p = x->p;
    ds_daam *d = x->d;
    ds_status st = DS_OK;

    memcpy(x->z, x->clean, (size_t)(d->trace.images * x->n) * sizeof *x->z);
    for (int level = 0; st == DS_OK && level < p->levels; level++) {
        if (p->approach == DS_DAAM_NOISE)
            add_noise(x, level);
        for (int64_t b = 0; b < d->trace.images; b++)
            x->time[b] = (float)time_of(x, level);
        ds__daam_next_call(d, level);
        st = ds__denoise(x->denoiser, x->answer, x->z, x->time, p->cancel, err);
        if (st == DS_OK && p->approach == DS_DAAM_INVERT)
            invert(x, level);
        if (st == DS_OK && p->progress != NULL)
            st = p->progress(p->user, &(ds_progress){ "levels", level + 1, p->levels }, err);
    }
    return st;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static ds_status trace(picture *x, ds_error *err)
{
    ds_daam *d = x->d;
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, d->model, err);

    if (st != DS_OK)
        return st;
    x->n = info.channels * d->trace.height * d->trace.width;
    st = ds__noise_open(&x->noise, d->model, err);
    if (st == DS_OK)
        st = allocate(x, err);
    if (st == DS_OK)
        st = encode_texts(x, err);
    if (st == DS_OK)
        st = ds__daam_plan(d, x->p->levels, err);
    if (st == DS_OK)
        st = ds__daam_prepare_ask(d, d->trace.prompts, err);
    if (st == DS_OK)
        st = make_network(x, err);
    if (st == DS_OK)
        st = encode_images(x, err);
    return st == DS_OK ? run_levels(x, err) : st;
}

ds_status ds_daam_open_picture(ds_daam **out, ds_model *m, const ds_daam_picture *given,
                               const ds_daam_options *options, ds_error *err)
{
    const ds_daam_picture defaults = DS_DAAM_PICTURE_INIT;
    ds_daam_picture p;
    ds_daam_options o;
    picture x = { .p = &p };
    ds_run_sizes sizes;
    ds_status st = ds__options_take(&p, sizeof p, &defaults, given, "picture options",
                                    "DS_DAAM_PICTURE_INIT", err);

    *out = NULL;
    if (st == DS_OK)
        st = ds__daam_options(&o, options, err);
    if (st == DS_OK)
        st = check(&p, &o, err);
    if (st == DS_OK)
        st = measure(&sizes, m, &p, err);
    if (st == DS_OK)
        st = ds__daam_begin(&x.d, m, &sizes, &o, err);
    if (st == DS_OK)
        st = trace(&x, err);
    ds__noise_close(&x.noise);
    ds__conditions_free(x.conditions);
    ds__denoiser_free(x.denoiser);
    ds_free(x.clean);
    ds_free(x.z);
    ds_free(x.eps);
    ds_free(x.answer);
    ds_free(x.time);
    ds_free(x.rng);
    if (st != DS_OK)
        ds_daam_free(x.d);
    else
        *out = x.d;
    return st;
}

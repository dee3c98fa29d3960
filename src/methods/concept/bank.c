/* bank.c - see bank.h. */

#include "methods/concept/bank.h"

#include <string.h>

/* ---- making ------------------------------------------------------------------------------------ */

static ds_status saw(void *user, int64_t first, int64_t n, int step, const float *z, float t,
                     const float *answer, ds_error *err)
{
    ds_bank *b = user;

    (void)err;
    b->t[step] = t;
    for (int64_t i = 0; i < n; i++) {
        const size_t at = (size_t)(((first + i) * b->levels + step) * b->plane);

        memcpy(b->z + at, z + i * b->plane, (size_t)b->plane * sizeof *z);
        memcpy(b->answer + at, answer + i * b->plane, (size_t)b->plane * sizeof *z);
    }
    return DS_OK;
}

static ds_status allocate(ds_bank *b, ds_error *err)
{
    const size_t all = (size_t)(b->pictures * b->levels * b->plane);

    b->clean = ds_calloc((size_t)(b->pictures * b->plane), sizeof *b->clean);
    b->z = ds_calloc(all + 1, sizeof *b->z);
    b->answer = ds_calloc(all + 1, sizeof *b->answer);
    b->t = ds_calloc((size_t)b->levels + 1, sizeof *b->t);
    if (b->clean == NULL || b->z == NULL || b->answer == NULL || b->t == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a bank of %lld pictures",
                       (long long)b->pictures);
    return DS_OK;
}

static ds_status draw(ds_bank *b, ds_model *m, const ds_sampling *s, ds_error *err)
{
    ds_encoder *texts = NULL, *empty = NULL;
    ds_status st =
        ds__encode_texts(&texts, m, b->sentences->concept, b->sentences->count, s->cancel, err);

    if (st == DS_OK && s->guidance != 1.0)
        st = ds__encode_texts(&empty, m, (const char *const[]){ NULL }, 1, s->cancel, err);
    if (st == DS_OK)
        st = ds__sampling_run(b->clean, m, s, ds_encoder_conditions(texts), b->sentences->of,
                              b->pictures, empty != NULL ? ds_encoder_conditions(empty) : NULL,
                              &b->passes, err);
    ds_encoder_free(texts);
    ds_encoder_free(empty);
    return st;
}

static ds_status fill(ds_bank *b, ds_model *m, const ds_tokenizer *t, const ds_bank_options *o,
                      ds_error *err)
{
    ds_sampling s = o->sampling;
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, m, err);

    if (st != DS_OK)
        return st;
    s.seed += (uint64_t)o->first;
    if (o->target == DS_TARGET_TEACHER) {
        s.guidance = 1.0;
        s.stop_time = o->from;
        s.saw = saw;
        s.saw_user = b;
        st = ds__sampling_times(&b->levels, NULL, &s, m, err);
        if (st == DS_OK && b->levels == 0)
            st = ds_fail(err, DS_E_ARG, "no step of the sampler lies at or above time %g", o->from);
    } else {
        s.stop_time = 0.0;
        s.saw = NULL;
    }
    b->plane =
        info.channels * (s.height > 0 ? s.height : info.side) * (s.width > 0 ? s.width : info.side);
    if (st == DS_OK)
        st = ds__sentences_new(&b->sentences, o->templates, o->concept, o->first, o->pictures, t,
                               err);
    if (st == DS_OK)
        st = allocate(b, err);
    return st == DS_OK ? draw(b, m, &s, err) : st;
}

ds_status ds__bank_new(ds_bank **out, ds_model *m, const ds_tokenizer *t, const ds_bank_options *o,
                       ds_error *err)
{
    ds_bank *b = ds_calloc(1, sizeof *b);
    ds_status st;

    *out = NULL;
    if (b == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a bank");
    b->target = o->target;
    b->pictures = o->pictures;
    b->from = o->from;
    st = fill(b, m, t, o, err);
    if (st != DS_OK) {
        ds__bank_free(b);
        return st;
    }
    *out = b;
    return DS_OK;
}

void ds__bank_free(ds_bank *b)
{
    if (b == NULL)
        return;
    ds__sentences_free(b->sentences);
    ds_free(b->clean);
    ds_free(b->z);
    ds_free(b->answer);
    ds_free(b->t);
    ds_free(b);
}

/* ---- drawing ----------------------------------------------------------------------------------- */

static int64_t below(ds_rng *rng, int64_t n)
{
    return (int64_t)(ds_rng_u64(rng) % (uint64_t)n);
}

void ds__noise_target(float *z, float *target, const ds_noise *noise, const float *clean,
                      const float *eps, double t, int64_t n)
{
    const ds_noise_level at = ds_noise_at(noise, t);
    const bool velocity = ds_noise_slope(noise, at) != 1.0;

    for (int64_t i = 0; i < n; i++) {
        z[i] = (float)(at.alpha * clean[i] + at.sigma * eps[i]);
        target[i] = velocity ? (float)(at.alpha * eps[i] - at.sigma * clean[i]) : eps[i];
    }
}

/* One triple; eps: room for a plane. Returns the picture. */
static int64_t draw_one(const ds_bank *b, const ds_noise *noise, ds_rng *rng, float *z,
                        float *target, float *t)
{
    const size_t bytes = (size_t)b->plane * sizeof *z;
    const int64_t picture = below(rng, b->pictures);

    if (b->target == DS_TARGET_TEACHER) {
        const int64_t level = below(rng, b->levels), at = picture * b->levels + level;

        memcpy(z, b->z + at * b->plane, bytes);
        memcpy(target, b->answer + at * b->plane, bytes);
        *t = b->t[level];
        return picture;
    }
    *t = (float)(b->from + (double)below(rng, (int64_t)(1000.0 - b->from)));
    ds_rng_normal(rng, z, b->plane);
    memcpy(target, z, bytes);
    ds__noise_target(z, target, noise, b->clean + picture * b->plane, target, *t, b->plane);
    return picture;
}

void ds__bank_draw(const ds_bank *b, const ds_noise *noise, ds_rng *rng, int64_t n, float *z,
                   float *target, float *t, int64_t *text)
{
    for (int64_t i = 0; i < n; i++)
        text[i] = b->sentences
                      ->of[draw_one(b, noise, rng, z + i * b->plane, target + i * b->plane, t + i)];
}

/* The i-th of a sequence that meets each of `all` once, far from its neighbours. */
static int64_t spread(int64_t i, int64_t all)
{
    int64_t stride = all * 382 / 1000 + 1, a, b;

    do {
        stride++;
        for (a = stride, b = all; b != 0;) {
            const int64_t rest = a % b;

            a = b;
            b = rest;
        }
    } while (a != 1);
    return i * stride % all;
}

ds_status ds__frozen_new(ds_frozen *f, const ds_bank *b, const ds_noise *noise, int64_t count,
                         uint64_t seed, ds_error *err)
{
    const int64_t all = b->pictures * b->levels;
    const bool teacher = b->target == DS_TARGET_TEACHER;
    const size_t n = (size_t)(teacher && count > all ? all : count), p = (size_t)b->plane;
    ds_rng rng;

    *f = (ds_frozen){ .count = (int64_t)n, .plane = b->plane };
    f->z = ds_calloc(n * p, sizeof *f->z);
    f->target = ds_calloc(n * p, sizeof *f->target);
    f->t = ds_calloc(n, sizeof *f->t);
    f->text = ds_calloc(n, sizeof *f->text);
    f->picture = ds_calloc(n, sizeof *f->picture);
    if (f->z == NULL || f->target == NULL || f->t == NULL || f->text == NULL || f->picture == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %zu held-out triples", n);
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, seed);
    for (int64_t i = 0; i < f->count; i++) {
        const int64_t at = teacher ? spread(i, all) : 0;

        if (teacher) {
            memcpy(f->z + (size_t)i * p, b->z + (size_t)at * p, p * sizeof *f->z);
            memcpy(f->target + (size_t)i * p, b->answer + (size_t)at * p, p * sizeof *f->z);
            f->t[i] = b->t[at % b->levels];
            f->picture[i] = at / b->levels;
        } else {
            f->picture[i] =
                draw_one(b, noise, &rng, f->z + (size_t)i * p, f->target + (size_t)i * p, &f->t[i]);
        }
        f->text[i] = b->sentences->of[f->picture[i]];
    }
    return DS_OK;
}

void ds__frozen_clear(ds_frozen *f)
{
    ds_free(f->z);
    ds_free(f->target);
    ds_free(f->t);
    ds_free(f->text);
    ds_free(f->picture);
    *f = (ds_frozen){ 0 };
}

/* work.c - see work.h. */

#include "methods/component/work.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diffuscope/image.h>

/* ---- options --------------------------------------------------------------------------------- */

#define AT(field) offsetof(component_question, field)

const ds_option ds__component_rows[] = {
    { .name = "concept",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(concept_),
      .arg = "TEXT",
      .help = "what is asked about; {one|other} stands for alternatives that are averaged; given "
              "several times, several concepts in one batch" },
    { .name = "base",
      .kind = DS_OPTION_TEXT,
      .offset = AT(base),
      .arg = "TEXT",
      .standard = "",
      .help =
          "what the concept is compared with: no text, or the caption with another thing in its "
          "place" },
    { .name = "objective",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(goal),
      .choices = "erase|amplify",
      .standard = "erase",
      .help =
          "erase: squared difference of the two predictions; amplify: denoising loss on pictures "
          "of the concept" },
    { .name = "rows",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(rows),
      .choices = "both|stop",
      .standard = "both",
      .help = "both: the gradient passes through the base's prediction too; stop: as published" },
    { .name = "on",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(on),
      .choices = "v|eps|x0|output",
      .standard = "v",
      .help = "scale of the predictions: v, noise, clean latent, or the network's own output" },
    { .name = "normalise",
      .kind = DS_OPTION_FLAG,
      .offset = AT(normalise),
      .help = "every time step counts as much as any other, whatever its objective" },
    { .name = "region",
      .kind = DS_OPTION_TEXT,
      .offset = AT(region),
      .arg = "X,Y,W,H|word:WORD",
      .help = "only this rectangle of the picture, in pixels; or where a word of the concept's "
              "text acts, by its word map" },
    { .name = "mask",
      .kind = DS_OPTION_FILE,
      .offset = AT(mask),
      .arg = "FILE",
      .help = "only where this picture is bright" },
    { .name = "draws",
      .kind = DS_OPTION_FILE,
      .offset = AT(draws),
      .arg = "FILE",
      .help = "recorded draws: latent [n,4,h,w] and timestep [n]; for amplify a clean latent "
              "[1,4,h,w], timestep [n] and eps [n,4,h,w]" },
    { .name = "seeds",
      .kind = DS_OPTION_INT,
      .offset = AT(seeds),
      .arg = "N",
      .standard = "4",
      .min = 1,
      .max = 4096,
      .help = "pictures that are drawn along, each with its own noise" },
    { .name = "steps",
      .kind = DS_OPTION_INT,
      .offset = AT(steps),
      .arg = "N",
      .standard = "4",
      .min = 1,
      .max = 1000,
      .help = "time steps of each, at all of which the concept is measured" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .offset = AT(seed),
      .arg = "N",
      .standard = "1",
      .help = "seed of the first picture; the others follow" },
    { .name = "cfg-scale",
      .kind = DS_OPTION_REAL,
      .offset = AT(guidance),
      .arg = "X",
      .standard = "3",
      .min = -100,
      .max = 100,
      .help = "guidance of the sampler",
      .alias = "guidance-scale" },
    { .name = "noise-side",
      .kind = DS_OPTION_FLAG,
      .offset = AT(noise_side),
      .help = "the sampler follows the base, so that no latent shows the concept" },
    { .name = "image",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(images),
      .arg = "FILE",
      .help = "amplify: pictures of the concept; without them the model draws its own" },
    { .name = "batch",
      .kind = DS_OPTION_INT,
      .offset = AT(batch),
      .arg = "N",
      .standard = "8",
      .min = 1,
      .max = 4096,
      .help = "draws that go through the network together: memory against speed" },
    { .name = "recompute",
      .kind = DS_OPTION_FLAG,
      .offset = AT(recompute),
      .help = "less memory, more time" },
    { 0 },
};

void ds__component_clear(component_work *w)
{
    ds__measure_free(w->measure);
    ds__draws_free(&w->draws);
    ds__component_sites_free(w->sites);
    ds_encoder_free(w->encoder);
    ds_noise_free(w->noise);
    ds_bundle_free(w->recorded);
    ds_free(w->mask);
    ds__alternatives_clear(&w->texts);
    ds__arena_free(&w->arena);
    memset(w, 0, sizeof *w);
}

char *ds__component_path(const char *folder, const char *name)
{
    size_t n = strlen(folder) + strlen(name) + 2;
    char *path = ds_alloc(n);

    if (path != NULL)
        snprintf(path, n, "%s/%s", folder, name);
    return path;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static ds_status add_pairs(component_work *w, const char *concept_, const char *base, ds_error *err)
{
    ds_alternatives c = { 0 }, b = { 0 };
    ds_status st = ds__alternatives_add(&c, concept_, err);

    if (st == DS_OK)
        st = ds__alternatives_add(&b, base, err);
    if (st == DS_OK && b.count != 1 && b.count != c.count)
        st = ds_fail(
            err, DS_E_ARG,
            "the base stands for %lld texts, the concept for %lld: expected one, or as many",
            (long long)b.count, (long long)c.count);
    for (int64_t i = 0; st == DS_OK && i < c.count; i++) {
        if (w->q.goal == DS_GOAL_ERASE && strcmp(c.text[i], b.text[b.count == 1 ? 0 : i]) == 0)
            st = ds_fail(err, DS_E_ARG,
                         "the concept \"%.80s\" equals its base: expected two texts whose "
                         "predictions differ",
                         c.text[i]);
        if (st == DS_OK)
            st = ds__alternatives_add(&w->texts, c.text[i], err);
        if (st == DS_OK)
            st = ds__alternatives_add(&w->texts, b.text[b.count == 1 ? 0 : i], err);
        w->pairs++;
    }
    ds__alternatives_clear(&c);
    ds__alternatives_clear(&b);
    return st;
}

/* bases: one of each concept's own; NULL: the question's. */
static ds_status list_texts(component_work *w, ds_job *j, const ds_alternatives *bases,
                            ds_error *err)
{
    const ds_texts *c = &w->q.concept_;
    ds_status st = DS_OK;

    if (c->count < 1)
        return ds_fail(err, DS_E_ARG, "%s TEXT is needed", ds__job_name(j, "concept"));
    w->concepts = c->count;
    w->first = ds__arena_alloc(&w->arena, (size_t)(c->count + 1) * sizeof *w->first);
    if (w->first == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of concepts");
    for (int64_t i = 0; st == DS_OK && i < c->count; i++) {
        st = add_pairs(w, c->text[i], bases != NULL ? bases->text[i] : w->q.base, err);
        w->first[i + 1] = w->pairs;
    }
    for (int64_t i = 0; st == DS_OK && i < w->texts.count; i++)
        st = ds__job_warn_of_prompt(j, w->texts.text[i], err);
    return st == DS_OK ? ds__alternatives_add(&w->texts, "", err) : st; /* none, for guidance */
}

/* ---- recorded draws -------------------------------------------------------------------------- */

static ds_status read_sizes(component_work *w, ds_error *err)
{
    const bool amplify = w->q.goal == DS_GOAL_AMPLIFY;
    ds_tensor *latent, *time, *eps;
    ds_status st = ds_bundle_load(&w->recorded, w->q.draws, err);

    if (st == DS_OK)
        st = ds_bundle_expect(w->recorded, "latent", DS_DIMS(-1, w->info.channels, -1, -1), &latent,
                              err);
    if (st == DS_OK)
        st = ds_bundle_expect(w->recorded, "timestep", DS_DIMS(amplify ? -1 : latent->dim[0]),
                              &time, err);
    if (st == DS_OK && amplify)
        st = ds_bundle_expect(
            w->recorded, "eps",
            DS_DIMS(time->dim[0], w->info.channels, latent->dim[2], latent->dim[3]), &eps, err);
    if (st != DS_OK)
        return st;
    if (time->dim[0] < 1 || latent->dim[0] < 1)
        return ds_fail(err, DS_E_SHAPE, "%s holds no draws", w->q.draws);
    w->height = latent->dim[2];
    w->width = latent->dim[3];
    return DS_OK;
}

static ds_status read_recorded(component_work *w, ds_error *err)
{
    const bool amplify = w->q.goal == DS_GOAL_AMPLIFY;
    const ds_tensor *latent = ds_bundle_find(w->recorded, "latent");
    const ds_tensor *time = ds_bundle_find(w->recorded, "timestep");
    const ds_tensor *eps = ds_bundle_find(w->recorded, "eps");
    const int64_t n = time->dim[0];
    ds_draws *d = &w->draws;

    d->count = n;
    ds_convert(d->t, DS_DTYPE_F32, time->data, time->dtype, n);
    if (!amplify) {
        ds_convert(d->z, DS_DTYPE_F32, latent->data, latent->dtype, n * w->plane);
    } else {
        float *clean = ds_alloc((size_t)w->plane * sizeof *clean);

        if (clean == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for a latent");
        ds_convert(clean, DS_DTYPE_F32, latent->data, latent->dtype, w->plane);
        ds_convert(d->eps, DS_DTYPE_F32, eps->data, eps->dtype, n * w->plane);
        for (int64_t b = 0; b < n; b++) {
            const ds_noise_level l = ds_noise_at(w->noise, d->t[b]);

            for (int64_t i = 0; i < w->plane; i++)
                d->z[b * w->plane + i] =
                    (float)(l.alpha * clean[i] + l.sigma * d->eps[b * w->plane + i]);
        }
        ds_free(clean);
    }
    for (int64_t b = 0; b < n; b++) {
        d->pair[b] = b % w->pairs;
        d->group[b] = b;
    }
    return DS_OK;
}

/* ---- check ----------------------------------------------------------------------------------- */

ds_status ds__component_check_pairs(component_work *w, ds_job *j, ds_model *m,
                                    const component_question *q, const ds_alternatives *bases,
                                    ds_error *err)
{
    ds_status st;

    w->model = m;
    w->q = *q;
    if (q->images.count > 0 && q->goal != DS_GOAL_AMPLIFY)
        return ds_fail(err, DS_E_ARG, "%s goes with %s amplify", ds__job_name(j, "image"),
                       ds__job_name(j, "objective"));
    st = ds_denoiser_describe(&w->info, m, err);
    if (w->height == 0)
        w->height = w->width = st == DS_OK ? w->info.side : 0;
    if (st == DS_OK)
        st = list_texts(w, j, bases, err);
    w->given = w->given || q->draws != NULL;
    if (st == DS_OK && q->draws != NULL)
        st = read_sizes(w, err);
    w->plane = w->info.channels * w->height * w->width;
    return st == DS_OK ? ds__component_mask(w, j, err) : st;
}

ds_status ds__component_check(component_work *w, ds_job *j, ds_model *m,
                              const component_question *q, ds_error *err)
{
    return ds__component_check_pairs(w, j, m, q, NULL, err);
}

/* ---- run ------------------------------------------------------------------------------------- */

typedef struct telling {
    ds_job *job;
    const char *stage;
} telling;

static ds_status tell(void *user, int64_t done, int64_t all, ds_error *err)
{
    const telling *t = user;

    return ds__job_progress(t->job, t->stage, done, all, err);
}

static ds_status prepare(component_work *w, ds_job *j, ds_error *err)
{
    ds_encoder_options e = DS_ENCODER_OPTIONS_INIT;
    ds_status st = DS_OK;

    e.prompts = w->texts.text;
    e.count = w->texts.count;
    e.cancel = j->o.cancel;
    if (w->noise == NULL)
        st = ds_noise_new(&w->noise, w->model, err);
    if (st == DS_OK && w->sites == NULL)
        st = ds__component_sites(&w->sites, w->model, w->height, w->width, err);
    ds_encoder_free(w->encoder);
    w->encoder = NULL;
    if (st == DS_OK)
        st = ds_encoder_new(&w->encoder, w->model, &e, err);
    if (st == DS_OK)
        st = ds_encode(w->encoder, err);
    return st == DS_OK ? ds__component_word_mask(w, j, err) : st;
}

static void fill_options(component_work *w, ds_job *j, const char *const *weights, int n,
                         bool components)
{
    const bool plain_base = w->texts.text[1][0] == '\0';

    w->o = (ds_measure_options){
        .objective = { (ds_component_goal)w->q.goal, (ds_component_rows)w->q.rows,
                       (ds_component_scale)w->q.on, w->q.normalise, w->mask },
        .texts = ds_encoder_conditions(w->encoder),
        .pairs = w->pairs,
        .guidance = w->q.draws == NULL && w->q.goal == DS_GOAL_ERASE && w->q.guidance != 1.0 &&
                    !plain_base && w->draws.count == 0,
        .height = w->height,
        .width = w->width,
        .components = components,
        .weights = weights,
        .n_weights = n,
        .recompute = w->q.recompute,
        .cancel = j->o.cancel,
    };
}

/* The largest divisor of n that is no larger than `most`. */
static int64_t divisor(int64_t n, int64_t most)
{
    int64_t d = most < n ? most : n;

    while (n % d != 0)
        d--;
    return d;
}

static ds_status encode_images(component_work *w, float *clean, ds_error *err)
{
    ds_autoencoder_options o = DS_AUTOENCODER_OPTIONS_INIT;
    const int64_t wide = w->width * w->info.factor, high = w->height * w->info.factor;
    float *planes = ds_calloc((size_t)(3 * wide * high), sizeof *planes);
    ds_autoencoder *a = NULL;
    ds_status st = planes == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a picture") : DS_OK;

    o.height = w->height;
    o.width = w->width;
    if (st == DS_OK)
        st = ds_autoencoder_new(&a, w->model, &o, err);
    for (int64_t i = 0; st == DS_OK && i < w->q.images.count; i++) {
        ds_image file, fit = { 0 };

        st = ds_image_load(&file, w->q.images.text[i], err);
        if (st == DS_OK)
            st = ds_image_fit(&fit, &file, wide, high, DS_FILTER_LANCZOS, err);
        if (st == DS_OK) {
            ds_image_to_planes(planes, &fit);
            st = ds_encode_image(a, clean + i * w->plane, planes, NULL, err);
        }
        ds_image_clear(&file);
        ds_image_clear(&fit);
    }
    ds_autoencoder_free(a);
    ds_free(planes);
    return st;
}

static ds_path path_of(const component_work *w, telling *t)
{
    return (ds_path){ .steps = w->q.steps,
                      .seeds = w->q.seeds,
                      .pairs = w->pairs,
                      .seed = w->q.seed,
                      .guidance = w->q.guidance,
                      .noise_side = w->q.noise_side,
                      .batch = w->o.batch,
                      .progress = tell,
                      .user = t };
}

/* Amplify without pictures: the model draws the concept first. */
static ds_status draw_clean(component_work *w, ds_job *j, float *clean, ds_error *err)
{
    ds_measure_options o = w->o;
    ds_measure *s = NULL;
    telling t = { j, "drawing" };
    ds_path p;
    ds_status st;

    o.guidance = w->q.guidance != 1.0;
    o.components = false;
    o.n_weights = 0;
    o.batch = w->o.batch = divisor(w->pairs * w->q.seeds, w->q.batch);
    p = path_of(w, &t);
    p.noise_side = false;
    st = ds__measure_new(&s, w->model, w->sites, w->noise, &o, err);
    if (st == DS_OK)
        st = ds__draws_path(NULL, s, w->noise, &p, clean, err);
    if (s != NULL)
        w->cost.forward += ds__measure_cost(s).forward;
    ds__measure_free(s);
    return st;
}

/* Latents with noise, for amplify: every picture under every text of every concept in turn. */
static ds_status noised(component_work *w, ds_job *j, ds_error *err)
{
    const bool given = w->q.images.count > 0;
    const int64_t n = given ? w->q.images.count * w->pairs : w->pairs * w->q.seeds;
    float *clean = ds_calloc((size_t)n, (size_t)w->plane * sizeof *clean);
    int64_t *pair = ds_calloc((size_t)n, sizeof *pair);
    ds_status st = clean == NULL || pair == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for latents")
                   : given                       ? encode_images(w, clean, err)
                                                 : draw_clean(w, j, clean, err);

    for (int64_t i = n - 1; st == DS_OK && i >= 0; i--) {
        pair[i] = i % w->pairs;
        if (given)
            memmove(clean + i * w->plane, clean + i / w->pairs * w->plane,
                    (size_t)w->plane * sizeof *clean);
    }
    if (st == DS_OK)
        ds__draws_noised(&w->draws, w->noise, clean, pair, n, w->q.steps, w->q.seed);
    ds_free(clean);
    ds_free(pair);
    return st;
}

ds_status ds__component_prepare(component_work *w, ds_job *j, ds_error *err)
{
    ds_status st = prepare(w, j, err);

    if (st != DS_OK)
        return st;
    fill_options(w, j, NULL, 0, false);
    w->o.guidance = false;
    w->o.batch = w->draws.count > 0 && w->draws.count < w->q.batch ? w->draws.count : w->q.batch;
    return DS_OK;
}

static ds_status make_draws(component_work *w, ds_job *j, bool components, ds_error *err)
{
    const bool amplify = w->q.goal == DS_GOAL_AMPLIFY;
    const int64_t units = components ? ds__measure_units(w->sites) : 0;
    const int64_t of = w->q.images.count > 0 ? w->q.images.count : w->q.seeds;
    int64_t room = w->pairs * of * w->q.steps;
    ds_status st;

    if (w->draws.count > 0) { /* reloaded: only the scores are new */
        ds_free(w->draws.score);
        w->draws.units = units;
        w->draws.score =
            units > 0 ? ds_calloc((size_t)w->draws.count, (size_t)units * sizeof(float)) : NULL;
        return units > 0 && w->draws.score == NULL
                   ? ds_fail(err, DS_E_NOMEM, "no memory for scores")
                   : DS_OK;
    }
    if (w->recorded != NULL)
        room = ds_bundle_find(w->recorded, "timestep")->dim[0];
    st = ds__draws_new(&w->draws, room, w->plane, units, amplify, err);
    if (st == DS_OK && w->recorded != NULL)
        st = read_recorded(w, err);
    else if (st == DS_OK && amplify)
        st = noised(w, j, err);
    return st;
}

ds_status ds__component_measure(component_work *w, ds_job *j, const char *const *weights, int n,
                                bool components, ds_error *err)
{
    telling t = { j, "measuring" };
    ds_path p;
    bool walk;
    ds_status st = prepare(w, j, err);

    if (st != DS_OK)
        return st;
    fill_options(w, j, weights, n, components);
    walk = w->draws.count == 0 && w->recorded == NULL && w->q.goal == DS_GOAL_ERASE;
    st = make_draws(w, j, components, err);
    w->o.batch = walk                          ? divisor(w->pairs * w->q.seeds, w->q.batch)
                 : w->draws.count < w->q.batch ? w->draws.count
                                               : w->q.batch;
    if (w->measure != NULL) {
        ds_measure_cost c = ds__measure_cost(w->measure);

        w->cost.forward += c.forward;
        w->cost.backward += c.backward;
        ds__measure_free(w->measure);
        w->measure = NULL;
    }
    if (st == DS_OK)
        st = ds__measure_new(&w->measure, w->model, w->sites, w->noise, &w->o, err);
    p = path_of(w, &t);
    if (st == DS_OK)
        st = walk ? ds__draws_path(&w->draws, w->measure, w->noise, &p, NULL, err)
                  : ds__draws_given(&w->draws, w->measure, w->o.batch, &p, err);
    w->o.guidance = false; /* what follows asks at recorded draws */
    return st;
}

double ds__component_objective(const component_work *w, int64_t concept_)
{
    double sum = 0.0;
    int64_t n = 0;

    for (int64_t i = 0; i < w->draws.count; i++)
        if (w->draws.pair[i] >= w->first[concept_] && w->draws.pair[i] < w->first[concept_ + 1]) {
            sum += w->draws.j[i];
            n++;
        }
    return n > 0 ? sum / (double)n : NAN;
}

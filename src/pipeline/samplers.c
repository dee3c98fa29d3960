/* samplers.c - the object that drives a sampler. The formulas are in the files of their families,
 * sampler_table.c lists them. */

#include "pipeline/sampler_impl.h"

#include "base/options.h"

#include <math.h>
#include <string.h>

const char *ds_sampler_list(int i, const char **diffusers_class)
{
    if (i < 0 || i >= ds__sampler_count)
        return NULL;
    if (diffusers_class != NULL)
        *diffusers_class = ds__samplers[i].diffusers;
    return ds__samplers[i].name;
}

/* ---- making one ------------------------------------------------------------------------------ */

/* Which sampler: the option's, the file's, or euler_a, stable-diffusion.cpp's default. */
static ds_status choose(ds_sampler *s, const ds_sampler_options *o, const ds_schedule_file *f,
                        bool *karras, ds_error *err)
{
    ds_status st;

    if (o->sampler != NULL)
        return ds__sampler_find(&s->class, karras, o->sampler, err);
    if (f->root == NULL)
        return ds__sampler_find(&s->class, karras, "euler_a", err);
    st = ds__sampler_find(&s->class, karras, f->class_name, NULL);
    if (st != DS_OK)
        return ds_fail_at(err,
                          ds_fail(err, DS_E_UNSUPPORTED,
                                  "scheduler configuration: no sampler equals the class \"%s\"; "
                                  "choose one by name",
                                  f->class_name),
                          f->path, -1);
    return DS_OK;
}

static ds_status apply_scheduler(ds_sampler *s, const char *word, bool suffix, ds_error *err)
{
    bool karras = suffix;

    if (word != NULL && strcmp(word, "karras") != 0 && strcmp(word, "default") != 0)
        return ds_fail(err, DS_E_ARG,
                       "scheduler \"%s\" is not supported; supported are default, karras", word);
    if (word != NULL)
        karras = strcmp(word, "karras") == 0;
    else if (!suffix)
        return DS_OK;
    if (karras && s->class->form == FORM_ALPHA)
        return ds_fail(err, DS_E_ARG,
                       "sampler %s has no karras schedule; euler, euler_a, heun, lms, dpm++2m, "
                       "dpm++2s, dpm2, dpm2_a, unipc and deis have",
                       s->class->name);
    s->config.karras = karras;
    s->config.exponential = 0;
    return DS_OK;
}

/* Those of diffusers 0.21 are kept where there are reference numbers for them. */
static ds_status apply_compat(bool *old, const ds_sampler *s, const char *word, ds_error *err)
{
    *old = word != NULL && strcmp(word, "0.21") == 0;
    if (word != NULL && !*old && strcmp(word, "0.42") != 0)
        return ds_fail(err, DS_E_ARG, "compat \"%s\" is not supported; supported are 0.21, 0.42",
                       word);
    if (*old && s->class->kind > DS_DDIM_INVERSE)
        return ds_fail(err, DS_E_ARG, "sampler %s is as in diffusers 0.42 only, not as in 0.21",
                       s->class->name);
    return DS_OK;
}

static ds_status apply_spacing(ds_sampler *s, const char *word, ds_error *err)
{
    const ds_sampler_kind kind = s->class->kind;

    if (word == NULL)
        return DS_OK;
    if (kind == DS_LCM || kind == DS_TCD || kind == DS_DPMPP_2S)
        return ds_fail(err, DS_E_ARG,
                       "sampler %s chooses its own time steps and has no timestep spacing",
                       s->class->name);
    return ds__spacing_parse(&s->config.spacing, word, err);
}

static ds_status configure(ds_sampler *s, const ds_sampler_options *o, const ds_schedule_file *f,
                           ds_error *err)
{
    bool karras = false, old = false;
    ds_status st = choose(s, o, f, &karras, err);

    if (st == DS_OK)
        st = apply_compat(&old, s, o->compat, err);
    if (st != DS_OK)
        return st;
    ds__schedule_defaults(&s->config, s->class->kind, old);
    if (f->root == NULL)
        ds__schedule_stable_diffusion(&s->config);
    else
        st = ds__schedule_file_fields(&s->config, f, s->class->kind, err);
    if (st == DS_OK)
        st = apply_scheduler(s, o->scheduler, karras, err);
    if (st == DS_OK && o->prediction_type != NULL)
        st = ds__prediction_parse(&s->config.prediction, o->prediction_type, err);
    if (st == DS_OK)
        st = apply_spacing(s, o->spacing, err);
    if (o->set_alpha_to_one >= 0)
        s->config.alpha_to_one = o->set_alpha_to_one != 0;
    return st;
}

static ds_status check_options(const ds_sampler *s, const ds_sampler_options *o, ds_error *err)
{
    if (o->steps < 1 || o->steps > s->config.train_steps)
        return ds_fail(err, DS_E_ARG, "steps: expected 1 to %d, found %d", s->config.train_steps,
                       o->steps);
    if (!(o->eta >= 0 && o->eta <= 1) && o->eta != -1)
        return ds_fail(err, DS_E_ARG, "eta: expected 0 to 1, found %g", o->eta);
    if (o->eta > 0 && s->class->kind != DS_DDIM && s->class->kind != DS_TCD)
        return ds_fail(err, DS_E_ARG, "eta: only ddim and tcd have it, the sampler is %s",
                       s->class->name);
    if (!(o->strength > 0 && o->strength <= 1))
        return ds_fail(err, DS_E_ARG, "strength: expected above 0, at most 1, found %g",
                       o->strength);
    return DS_OK;
}

/* Skips the first (1 - strength) of the steps. */
static ds_status skip_steps(ds_sampler *s, const ds_sampler_options *o, ds_error *err)
{
    int run = (int)(o->steps * o->strength);

    s->first = (o->steps - run) * s->class->calls_per_step;
    if (run < 1 || s->first >= s->count)
        return ds_fail(err, DS_E_ARG, "strength %g of %d steps leaves none to run", o->strength,
                       o->steps);
    if (s->first > 0 && s->class->kind == DS_PNDM && !s->config.skip_prk)
        return ds_fail(
            err, DS_E_UNSUPPORTED,
            "sampler pndm starts with Runge-Kutta steps here, which cannot begin inside of "
            "the schedule; set skip_prk_steps to true in the scheduler configuration, or "
            "choose another sampler");
    return DS_OK;
}

static ds_status prepare(ds_sampler *s, const ds_sampler_options *o, const ds_schedule_file *f,
                         ds_error *err)
{
    ds_status st = configure(s, o, f, err);

    if (st == DS_OK)
        st = check_options(s, o, err);
    if (st != DS_OK)
        return st;
    s->steps = o->steps;
    s->eta = o->eta >= 0 ? (float)o->eta : s->class->kind == DS_TCD ? 0.3f : 0.0f;
    s->keep_share = o->eta >= 0 ? (float)(1 - o->eta) : 0.7f;
    st = ds__schedule_new(&s->schedule, &s->config, s->class->kind, err);
    if (st == DS_OK)
        st = s->class->plan(s, err);
    if (st == DS_OK)
        st = skip_steps(s, o, err);
    if (st == DS_OK)
        ds__check_first_step(s);
    return st;
}

ds_status ds_sampler_new(ds_sampler **out, const ds_sampler_options *given, ds_error *err)
{
    const ds_sampler_options defaults = DS_SAMPLER_OPTIONS_INIT;
    ds_schedule_file f = { 0 };
    ds_sampler_options o;
    ds_status st = ds__options_take(&o, sizeof o, &defaults, given, "sampler options",
                                    "DS_SAMPLER_OPTIONS_INIT", err);

    *out = NULL;
    if (st == DS_OK && o.config != NULL)
        st = ds__schedule_file_open(&f, o.config, err);
    if (st == DS_OK)
        st = ds__sampler_new(out, &o, &f, err);
    ds__schedule_file_close(&f);
    return st;
}

ds_status ds__sampler_new(ds_sampler **out, const ds_sampler_options *o, const ds_schedule_file *f,
                          ds_error *err)
{
    ds_status st;
    ds_sampler *s;

    *out = NULL;
    s = ds_calloc(1, sizeof *s);
    if (s == NULL)
        return ds_fail(err, DS_E_NOMEM, "sampler: %zu bytes", sizeof *s);
    st = prepare(s, o, f, err);
    if (st != DS_OK) {
        ds_sampler_free(s);
        return st;
    }
    *out = s;
    return DS_OK;
}

void ds_sampler_free(ds_sampler *s)
{
    if (s == NULL)
        return;
    ds__schedule_free(&s->schedule);
    ds_free(s->timestep);
    ds_free(s->block);
    ds_free(s);
}

ds_sampler_form ds__sampler_form(const ds_sampler *s)
{
    return s->class->form == FORM_LOGSNR && s->config.old ? FORM_ALPHA : s->class->form;
}

/* ---- what it is ------------------------------------------------------------------------------ */

const char *ds_sampler_name(const ds_sampler *s)
{
    return s->class->name;
}

const char *ds_sampler_remark(const ds_sampler *s)
{
    return s->remark[0] != '\0' ? s->remark : NULL;
}

int ds_sampler_calls(const ds_sampler *s)
{
    return s->count - s->first;
}

bool ds_sampler_step_ends(const ds_sampler *s, int call)
{
    if (call == ds_sampler_calls(s) - 1)
        return true;
    if (s->class->kind == DS_PNDM && !s->config.skip_prk)
        return call >= DS_PRK_CALLS || call % 4 == 3;
    if (s->class->kind == DS_PNDM)
        return call > 0;
    return s->class->calls_per_step == 1 || call % 2 == 1;
}

int ds_sampler_steps(const ds_sampler *s)
{
    int steps = 0;

    for (int i = 0; i < ds_sampler_calls(s); i++)
        steps += ds_sampler_step_ends(s, i);
    return steps;
}

bool ds_sampler_draws(const ds_sampler *s, int call)
{
    switch (s->class->kind) {
    case DS_EULER_A:
        return true;
    case DS_DPM2_A:
        return call % 2 == 1;
    case DS_DDIM:
        return s->eta > 0;
    case DS_LCM:
        return s->first + call < s->count - 1;
    case DS_TCD:
        return s->eta > 0 && s->first + call < s->count - 1;
    case DS_DDPM:
        return s->timestep[s->first + call] > 0;
    default:
        return false;
    }
}

const float *ds_sampler_timesteps(const ds_sampler *s, int *count)
{
    *count = ds_sampler_calls(s);
    return s->timestep + s->first;
}

const float *ds_sampler_sigmas(const ds_sampler *s, int *count)
{
    *count = s->sigma_count;
    return s->sigma;
}

float ds_sampler_init_sigma(const ds_sampler *s)
{
    return s->init_sigma;
}

/* ---- a run ----------------------------------------------------------------------------------- */

static ds_status reset(ds_sampler *s, int64_t n, ds_error *err)
{
    enum { PARTS = 5 + DS_SAMPLER_PAST };
    size_t count;

    if (n < 1)
        return ds_fail(err, DS_E_ARG, "sampler: a latent of %lld numbers", (long long)n);
    if (n != s->n) {
        ds_free(s->block);
        s->n = 0;
        s->block =
            ds_mul_size((size_t)n, PARTS, &count) ? ds_calloc(count, sizeof *s->block) : NULL;
        if (s->block == NULL)
            return ds_fail(err, DS_E_NOMEM, "sampler: %d buffers of %lld numbers", PARTS,
                           (long long)n);
        s->n = n;
        s->x = s->block;
        s->x0 = s->x + n;
        s->noise = s->x0 + n;
        s->work = s->noise + n;
        s->saved = s->work + n;
        for (int i = 0; i < DS_SAMPLER_PAST; i++)
            s->past[i] = s->saved + (i + 1) * n;
    }
    s->kept = 0;
    s->next = s->first;
    return DS_OK;
}

ds_status ds_sampler_begin(ds_sampler *s, const float *noise, int64_t n, ds_error *err)
{
    ds_status st = reset(s, n, err);

    if (st != DS_OK)
        return st;
    for (int64_t i = 0; i < n; i++)
        s->x[i] = noise[i] * s->init_sigma;
    return DS_OK;
}

ds_status ds_sampler_begin_image(ds_sampler *s, const float *clean, const float *noise, int64_t n,
                                 ds_error *err)
{
    ds_status st = reset(s, n, err);

    if (st == DS_OK)
        ds_sampler_add_noise(s, s->x, 0, clean, noise, n);
    return st;
}

void ds_sampler_add_noise(const ds_sampler *s, float *out, int call, const float *clean,
                          const float *noise, int64_t n)
{
    int at = s->first + call;
    float keep = 1.0f, add;

    if (s->class->form == FORM_SIGMA) {
        add = s->level[at];
    } else if (ds__sampler_form(s) == FORM_LOGSNR) {
        ds_level level = ds__level_at(s, at);

        keep = level.alpha;
        add = level.sigma;
    } else {
        float alpha = ds__sampler_alpha(s, (int)s->timestep[at], s->schedule.alpha_bar[0]);

        keep = sqrtf(alpha);
        add = sqrtf(1.0f - alpha);
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = keep * clean[i] + noise[i] * add;
}

void ds_sampler_input(const ds_sampler *s, int call, float *out, float *timestep)
{
    *timestep = s->timestep[s->first + call];
    if (s->class->form == FORM_SIGMA) {
        float sigma = s->level[s->first + call];
        float scale = sqrtf(sigma * sigma + 1.0f);

        for (int64_t i = 0; i < s->n; i++)
            out[i] = s->x[i] / scale;
    } else {
        memcpy(out, s->x, (size_t)s->n * sizeof *out);
    }
}

ds_status ds_sampler_advance(ds_sampler *s, int call, const float *output, ds_rng *rng,
                             ds_error *err)
{
    bool begun = s->n > 0;

    if (!begun || call < 0 || call >= ds_sampler_calls(s) || s->first + call != s->next)
        return ds_fail(err, DS_E_ARG, "sampler %s: call %d of %d is not due, %d is", s->class->name,
                       call, ds_sampler_calls(s), begun ? s->next - s->first : -1);
    if (rng == NULL && ds_sampler_draws(s, call))
        return ds_fail(err, DS_E_ARG, "sampler %s draws noise: a generator is needed",
                       s->class->name);
    s->class->advance(s, s->next, output, rng);
    s->next++;
    return DS_OK;
}

float *ds_sampler_x(ds_sampler *s)
{
    return s->x;
}

const float *ds_sampler_x0(const ds_sampler *s)
{
    return s->x0;
}

const float *ds_sampler_noise(const ds_sampler *s)
{
    return s->noise;
}

/* cmd_sample.c - `diffuscope sample`: a sampler alone, on a network that is a formula. */

#include <diffuscope/sampler.h>
#include <diffuscope/tensor.h>
#include <math.h>
#include <string.h>

#include "commands.h"
#include "say.h"
#include "print.h"

static const ds_option options[] = {
    { .name = "toy",
      .kind = DS_OPTION_FLAG,
      .help = "network: 0.6 x + 0.2 sin(3 x + t/200) + 0.1 x of the left neighbour",
      .required = true },
    { .name = "sampler",
      .kind = DS_OPTION_TEXT,
      .arg = "S",
      .standard = "euler_a",
      .help = "sampler, in the spelling of diffusers, A1111 or ComfyUI",
      .alias = "sampling-method" },
    { .name = "scheduler",
      .kind = DS_OPTION_TEXT,
      .arg = "default|karras",
      .help = "spacing of the noise levels" },
    { .name = "prediction-type",
      .kind = DS_OPTION_TEXT,
      .arg = "epsilon|v_prediction|sample",
      .help = "what the network's answer is taken for; without it epsilon" },
    { .name = "timestep-spacing",
      .kind = DS_OPTION_TEXT,
      .arg = "leading|trailing|linspace",
      .help = "spacing of the time steps; without it that of the sampler's diffusers class" },
    { .name = "set-alpha-to-one",
      .kind = DS_OPTION_FLAG,
      .help = "end the schedule at zero noise instead of at its first level" },
    { .name = "scheduler-config",
      .kind = DS_OPTION_TEXT,
      .arg = "F",
      .help = "a scheduler_config.json; without it Stable Diffusion's schedule" },
    { .name = "steps",
      .kind = DS_OPTION_INT,
      .arg = "N",
      .standard = "20",
      .min = 1,
      .max = 1000,
      .help = "steps" },
    { .name = "eta",
      .kind = DS_OPTION_REAL,
      .arg = "X",
      .min = 0,
      .max = 1,
      .help = "noise of ddim: 1 is as noisy as ddpm; gamma of tcd. Without it 0, for tcd 0.3" },
    { .name = "compat",
      .kind = DS_OPTION_CHOICE,
      .choices = "0.42|0.21",
      .standard = "0.42",
      .help = "version of diffusers to reproduce, where versions differ" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .arg = "K",
      .standard = "42",
      .help = "seed of the sampler's own noise" },
    { .name = "rng",
      .kind = DS_OPTION_TEXT,
      .arg = "torch-cpu|torch-cuda",
      .standard = "torch-cpu",
      .help = "generator of that noise" },
    { .name = "latent",
      .kind = DS_OPTION_TEXT,
      .arg = "F",
      .help = "safetensors file whose tensor \"latent\" is the noise to start from",
      .required = true },
    { .name = "save",
      .kind = DS_OPTION_OUTFILE,
      .arg = "F",
      .help = "safetensors file for x (the state before and after each call), timesteps and sigmas",
      .required = true },
    { 0 },
};

static ds_status make_sampler(ds_sampler **out, const ds_args *a, ds_error *err)
{
    ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;

    o.sampler = opt_text(a, "sampler");
    o.config = opt_text(a, "scheduler-config");
    if (o.config != NULL && !opt_given(a, "sampler"))
        o.sampler = NULL;
    o.prediction_type = opt_text(a, "prediction-type");
    o.spacing = opt_text(a, "timestep-spacing");
    o.scheduler = opt_text(a, "scheduler");
    if (opt_flag(a, "set-alpha-to-one"))
        o.set_alpha_to_one = 1;
    o.steps = (int)opt_int(a, "steps");
    if (opt_given(a, "eta"))
        o.eta = opt_real(a, "eta");
    o.compat = opt_text(a, "compat");
    return ds_sampler_new(out, &o, err);
}

static ds_status find_latent(const ds_tensor **out, const ds_bundle *b, const char *path,
                             ds_error *err)
{
    const ds_tensor *t = ds_bundle_find(b, "latent");
    char shape[128];
    ds_status st = DS_OK;

    if (t == NULL)
        st = ds_fail(err, DS_E_SHAPE, "expected a tensor \"latent\", found none");
    else if (t->rank < 1 || t->rank >= DS_MAX_RANK || ds_tensor_count(t) < 1)
        st = ds_fail(err, DS_E_SHAPE, "latent: expected 1 to %d dimensions and numbers, found %s",
                     DS_MAX_RANK - 1, ds_tensor_shape(t, shape, sizeof shape));
    else if (t->dtype != DS_DTYPE_F32 && t->dtype != DS_DTYPE_F16 && t->dtype != DS_DTYPE_BF16 &&
             t->dtype != DS_DTYPE_F64)
        st = ds_fail(err, DS_E_SHAPE, "latent: expected F32, F16, BF16 or F64, found %s",
                     ds_dtype_name(t->dtype));
    *out = t;
    return st == DS_OK ? st : ds_fail_at(err, st, path, -1);
}

static ds_status add_copy(ds_bundle *b, const char *name, const float *from, int count,
                          ds_error *err)
{
    ds_tensor *t;
    ds_status st = ds_bundle_add(b, name, DS_DTYPE_F32, DS_DIMS(count), &t, err);

    if (st == DS_OK)
        memcpy(t->data, from, (size_t)count * sizeof *from);
    return st;
}

static double spread(const float *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum / (double)n);
}

/* states [calls + 1, n]; work holds 2 n numbers. */
static ds_status follow(ds_sampler *s, float *states, float *work, int64_t n, int64_t width,
                        ds_rng *rng, bool quiet, ds_error *err)
{
    size_t bytes = (size_t)n * sizeof *states;
    ds_status st = DS_OK;

    memcpy(states, ds_sampler_x(s), bytes);
    if (!quiet)
        print("call\ttime step\trms of x\trms of predicted x0\n");
    for (int c = 0; c < ds_sampler_calls(s) && st == DS_OK; c++) {
        float t;

        ds_sampler_input(s, c, work, &t);
        ds_toy_network(work + n, work, t, n, width);
        st = ds_sampler_advance(s, c, work + n, rng, err);
        memcpy(states + (c + 1) * n, ds_sampler_x(s), bytes);
        if (!quiet)
            print("%d\t%.7g\t%.6g\t%.6g\n", c, (double)t, spread(ds_sampler_x(s), n),
                  spread(ds_sampler_x0(s), n));
    }
    return st;
}

static ds_status sample(ds_bundle *result, ds_sampler *s, const ds_tensor *latent, ds_rng *rng,
                        bool quiet, ds_error *err)
{
    int64_t n = ds_tensor_count(latent), dim[DS_MAX_RANK] = { ds_sampler_calls(s) + 1 };
    int count;
    const float *values;
    float *work = NULL;
    size_t size;
    ds_tensor *x;
    ds_status st;

    memcpy(dim + 1, latent->dim, (size_t)latent->rank * sizeof *dim);
    st = ds_bundle_add(result, "x", DS_DTYPE_F32, latent->rank + 1, dim, &x, err);
    values = ds_sampler_timesteps(s, &count);
    if (st == DS_OK)
        st = add_copy(result, "timesteps", values, count, err);
    values = ds_sampler_sigmas(s, &count);
    if (st == DS_OK)
        st = add_copy(result, "sigmas", values, count, err);
    if (st != DS_OK)
        return st;
    if (ds_mul_size((size_t)n, 2, &size))
        work = ds_calloc(size, sizeof *work);
    if (work == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for two latents");
    ds_convert(work, DS_DTYPE_F32, latent->data, latent->dtype, n);
    st = ds_sampler_begin(s, work, n, err);
    if (st == DS_OK)
        st = follow(s, x->data, work, n, latent->dim[latent->rank - 1], rng, quiet, err);
    ds_free(work);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    ds_sampler *s = NULL;
    ds_bundle *in = NULL, *out = NULL;
    const ds_tensor *latent;
    ds_rng_kind generator;
    ds_rng rng;
    ds_status st = ds_rng_kind_parse(&generator, opt_text(a, "rng"), err);

    if (st == DS_OK)
        st = make_sampler(&s, a, err);
    if (st == DS_OK && ds_sampler_remark(s) != NULL)
        remark(a, "%s", ds_sampler_remark(s));
    if (st == DS_OK)
        st = ds_bundle_load(&in, opt_text(a, "latent"), err);
    if (st == DS_OK)
        st = find_latent(&latent, in, opt_text(a, "latent"), err);
    if (st == DS_OK)
        st = ds_bundle_new(&out, err);
    if (st == DS_OK) {
        ds_rng_init(&rng, generator, opt_seed(a, "seed"));
        st = sample(out, s, latent, &rng, opt_flag(a, "quiet"), err);
    }
    if (st == DS_OK)
        st = ds_bundle_set_meta(out, "sampler", ds_sampler_name(s), err);
    if (st == DS_OK)
        st = ds_bundle_save(out, opt_text(a, "save"), err);
    ds_bundle_free(out);
    ds_bundle_free(in);
    ds_sampler_free(s);
    return st;
}

const ds_command cmd_sample = {
    .name = "sample",
    .purpose = "follow a sampler on a network that is a formula",
    .description = "Shows what a sampler does, without a model: the state after every call of the "
                   "network, the time steps and the noise levels. The samplers are ddim, ddpm, "
                   "pndm, euler, euler_a, heun, lms, dpm++2m, dpm++2s, dpm2, dpm2_a, unipc, deis, "
                   "lcm, tcd and ddim-inverse, each equal to its diffusers class.",
    .example = "diffuscope sample --toy --sampler heun --latent z.safetensors --save x.safetensors",
    .options = options,
    .run = run,
};

/* Samplers without reference numbers: a network whose answer is known, options, files, misuse. */

#include "support.h"

#include "pipeline/schedule.h"

#include <diffuscope/sampler.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N = 64 };

static char file[] = "/tmp/ds-scheduler-XXXXXX";

static ds_sampler *make(const ds_sampler_options *o)
{
    ds_error err = { 0 };
    ds_sampler *s;

    ts_ok(ds_sampler_new(&s, o, &err), &err);
    return s;
}

static void refused(const ds_sampler_options *o, ds_status code, const char *word)
{
    ds_error err = { 0 };
    ds_sampler *s;

    assert_int_equal(ds_sampler_new(&s, o, &err), code);
    assert_null(s);
    if (strstr(err.text, word) == NULL)
        fail_msg("\"%s\" does not mention %s", err.text, word);
}

/* ---- the perfect network for data that is one point ------------------------------------------ */

static float truth(int64_t i)
{
    return sinf((float)i);
}

/* x = sqrt(a) truth + sqrt(1 - a) eps, solved for what the network is to predict. */
static void perfect(float *out, const float *in, const ds_schedule *g, float t, bool v)
{
    double sigma = ds__sigma_at(g, t), a = 1 / (sigma * sigma + 1);

    for (int64_t i = 0; i < N; i++) {
        double x0 = (double)truth(i), eps = ((double)in[i] - sqrt(a) * x0) / sqrt(1 - a);

        out[i] = (float)(v ? sqrt(a) * eps - sqrt(1 - a) * x0 : eps);
    }
}

static double distance_from_truth(const ds_sampler_options *o, const ds_schedule *g)
{
    ds_sampler *s = make(o);
    float x[N], out[N], t;
    double worst = 0;
    ds_error err = { 0 };
    ds_rng rng;

    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 5);
    ds_rng_normal(&rng, x, N);
    ts_ok(ds_sampler_begin(s, x, N, &err), &err);
    for (int c = 0; c < ds_sampler_calls(s); c++) {
        ds_sampler_input(s, c, x, &t);
        perfect(out, x, g, t, strcmp(o->prediction_type, "v_prediction") == 0);
        ts_ok(ds_sampler_advance(s, c, out, &rng, &err), &err);
    }
    for (int64_t i = 0; i < N; i++)
        worst = fmax(worst, fabs((double)ds_sampler_x(s)[i] - (double)truth(i)));
    ds_sampler_free(s);
    return worst;
}

/* These classes go down by train_steps / steps, whatever the spacing: with linspace they land
 * beside the next time step, as in diffusers. They have no karras schedule. */
static bool steps_by_stride(const char *name)
{
    return strcmp(name, "ddim") == 0 || strcmp(name, "ddpm") == 0 || strcmp(name, "pndm") == 0;
}

/* These choose their own time steps. */
static bool has_spacing(const char *name)
{
    return strcmp(name, "lcm") != 0 && strcmp(name, "tcd") != 0 && strcmp(name, "dpm++2s") != 0;
}

static bool has_karras(const char *name)
{
    return !steps_by_stride(name) && strcmp(name, "lcm") != 0 && strcmp(name, "tcd") != 0;
}

/* Whatever the options, every sampler ends at the only picture there is, up to the noise level that
 * its last step leaves (0.03 in Stable Diffusion's schedule, times a normal number). */
static void perfect_network_is_followed(void **state)
{
    static const char *const spacings[] = { "leading", "trailing", "linspace" };
    static const char *const predictions[] = { "epsilon", "v_prediction" };
    static const int steps[] = { 2, 3, 10, 31, 48 };
    ds_schedule_config c;
    ds_schedule g;
    ds_error err = { 0 };
    const char *name;

    (void)state;
    ds__schedule_defaults(&c, DS_DDIM, false);
    ds__schedule_stable_diffusion(&c);
    ts_ok(ds__schedule_new(&g, &c, DS_DDIM, &err), &err);
    for (int k = 0; (name = ds_sampler_list(k, NULL)) != NULL; k++) {
        for (size_t i = 0; i < 3 * 2 * 2 * DS_COUNT(steps); i++) {
            ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;
            double d;

            o.sampler = name;
            o.spacing = has_spacing(name) ? spacings[i % 3] : NULL;
            o.prediction_type = predictions[i / 3 % 2];
            o.steps = steps[i / 12];
            if (i / 6 % 2)
                o.scheduler = "karras";
            if (strcmp(name, "ddim-inverse") == 0 || (steps_by_stride(name) && i % 3 == 2) ||
                (!has_karras(name) && o.scheduler != NULL))
                continue;
            d = distance_from_truth(&o, &g);
            /* pndm averages the answers of several time steps before it reads them as v. */
            if (!(d < (o.steps < 10 && strcmp(name, "pndm") == 0 ? 0.5 : 0.12)))
                fail_msg("%s, %s, %s, %s, %d steps: off by %g", name,
                         o.spacing != NULL ? o.spacing : "own", o.prediction_type,
                         o.scheduler != NULL ? o.scheduler : "default", o.steps, d);
        }
    }
    ds__schedule_free(&g);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void every_spelling_is_known(void **state)
{
    static const struct {
        const char *said, *meant;
    } names[] = { { "Euler a", "euler_a" },
                  { "euler_ancestral", "euler_a" },
                  { "EulerAncestralDiscreteScheduler", "euler_a" },
                  { "Euler", "euler" },
                  { "EulerDiscrete", "euler" },
                  { "DPM++ 2M", "dpm++2m" },
                  { "DPM++ 2M Karras", "dpm++2m" },
                  { "dpmpp_2m", "dpm++2m" },
                  { "DPMSolverMultistepScheduler", "dpm++2m" },
                  { "dpm_2", "dpm2" },
                  { "KDPM2DiscreteScheduler", "dpm2" },
                  { "PLMS", "pndm" },
                  { "Heun", "heun" },
                  { "LMS", "lms" },
                  { "LMSDiscreteScheduler", "lms" },
                  { "DDIM", "ddim" },
                  { "ddim_inverse", "ddim-inverse" },
                  { "DDPMScheduler", "ddpm" },
                  { "LCM", "lcm" },
                  { "TCDScheduler", "tcd" },
                  { "uni_pc", "unipc" },
                  { "UniPC", "unipc" },
                  { "UniPCMultistepScheduler", "unipc" },
                  { "DEIS", "deis" },
                  { "DPM2 a", "dpm2_a" },
                  { "DPM2 a Karras", "dpm2_a" },
                  { "dpm_2_ancestral", "dpm2_a" },
                  { "KDPM2AncestralDiscreteScheduler", "dpm2_a" },
                  { "DPM++ 2S", "dpm++2s" },
                  { "DPMSolverSinglestepScheduler", "dpm++2s" } };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(names); i++) {
        ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;
        ds_sampler *s;

        o.sampler = names[i].said;
        s = make(&o);
        assert_string_equal(ds_sampler_name(s), names[i].meant);
        ds_sampler_free(s);
    }
}

static void misuse_is_refused(void **state)
{
    ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;

    (void)state;
    o.sampler = "eular";
    refused(&o, DS_E_NOMATCH, "near are euler");
    o.sampler = "dpm++3m sde";
    refused(&o, DS_E_NOMATCH, "dpm++2m");
    o.sampler = "euler";
    o.steps = 0;
    refused(&o, DS_E_ARG, "found 0");
    o.steps = 1001;
    refused(&o, DS_E_ARG, "1 to 1000");
    o.steps = 20;
    o.eta = 0.5;
    refused(&o, DS_E_ARG, "eta");
    o.eta = 0;
    o.strength = 0.01;
    refused(&o, DS_E_ARG, "none to run");
    o.strength = (double)NAN;
    refused(&o, DS_E_ARG, "strength");
    o.strength = 1;
    o.spacing = "even";
    refused(&o, DS_E_ARG, "trailing");
    o.spacing = NULL;
    o.prediction_type = "flow";
    refused(&o, DS_E_ARG, "v_prediction");
    o.prediction_type = NULL;
    o.compat = "0.30";
    refused(&o, DS_E_ARG, "0.21, 0.42");
    o.compat = "0.21";
    o.sampler = "unipc";
    refused(&o, DS_E_ARG, "unipc");
    o.compat = NULL;
    o.spacing = "trailing";
    o.sampler = "lcm";
    refused(&o, DS_E_ARG, "its own time steps");
    o.spacing = NULL;
    o.steps = 51;
    refused(&o, DS_E_ARG, "original_inference_steps");
    o.steps = 20;
    o.prediction_type = "sample";
    o.sampler = "pndm";
    refused(&o, DS_E_UNSUPPORTED, "epsilon, v_prediction");
    o.prediction_type = NULL;
    o.sampler = "euler";
    o.scheduler = "exponential";
    refused(&o, DS_E_ARG, "karras");
    o.scheduler = "karras";
    o.sampler = "pndm";
    refused(&o, DS_E_ARG, "no karras schedule");
    o.scheduler = NULL;
    o.sampler = "ddim";
    o.steps = 1000; /* steps_offset 1 leads beyond the schedule */
    refused(&o, DS_E_ARG, "time step 1000");
    o.size = 1;
    refused(&o, DS_E_ARG, "INIT");
}

static void calls_come_in_order(void **state)
{
    ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;
    float x[N] = { 0 };
    ds_error err = { 0 };
    ds_sampler *s;

    (void)state;
    o.sampler = "euler_a";
    s = make(&o);
    assert_int_equal(ds_sampler_advance(s, 0, x, NULL, &err), DS_E_ARG);
    ts_ok(ds_sampler_begin(s, x, N, NULL), &err);
    err = (ds_error){ 0 };
    assert_int_equal(ds_sampler_advance(s, 0, x, NULL, &err), DS_E_ARG);
    assert_non_null(strstr(err.text, "generator"));
    err = (ds_error){ 0 };
    assert_int_equal(ds_sampler_advance(s, 3, x, NULL, &err), DS_E_ARG);
    assert_non_null(strstr(err.text, "0 is"));
    ds_sampler_free(s);
    ds_sampler_free(NULL);
}

/* ---- image to image, steps and memory -------------------------------------------------------- */

static void a_run_may_start_late(void **state)
{
    static const struct {
        const char *name;
        int calls, steps;
        float first;
    } cases[] = { { "ddim", 5, 5, 401 },  { "heun", 9, 5, 444 },   { "dpm2", 9, 5, 444 },
                  { "euler", 5, 5, 444 }, { "pndm", 6, 5, 501 },   { "dpm++2m", 5, 5, 500 },
                  { "unipc", 5, 5, 500 }, { "dpm2_a", 9, 5, 444 }, { "lcm", 5, 5, 499 } };
    float clean[N], noise[N], sum = 0;

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;
        ds_error err = { 0 };
        ds_sampler *s;
        int count;
        float t;

        o.sampler = cases[i].name;
        o.steps = 10;
        o.strength = 0.5;
        s = make(&o);
        assert_int_equal(ds_sampler_calls(s), cases[i].calls);
        assert_int_equal(ds_sampler_steps(s), cases[i].steps);
        assert_true(ds_sampler_timesteps(s, &count)[0] == cases[i].first);
        assert_int_equal(count, cases[i].calls);
        /* What the network sees has variance 1 if the clean latent has. */
        for (int64_t k = 0; k < N; k++) {
            clean[k] = k % 2 ? 1.0f : -1.0f;
            noise[k] = k % 4 < 2 ? 1.0f : -1.0f;
        }
        ts_ok(ds_sampler_begin_image(s, clean, noise, N, &err), &err);
        ds_sampler_input(s, 0, noise, &t);
        sum = 0;
        for (int64_t k = 0; k < N; k++)
            sum += noise[k] * noise[k] / N;
        assert_true(fabsf(sum - 1.0f) < 1e-5f);
        ds_sampler_free(s);
    }
}

static void nothing_is_allocated_between_calls(void **state)
{
    const char *name;

    (void)state;
    for (int k = 0; (name = ds_sampler_list(k, NULL)) != NULL; k++) {
        ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;
        float x[N] = { 1 }, out[N], t;
        ds_error err = { 0 };
        int64_t before;
        ds_sampler *s;
        ds_rng rng;

        ts_alloc_begin(0);
        o.sampler = name;
        s = make(&o);
        ds_rng_init(&rng, DS_RNG_TORCH_CUDA, 1);
        ts_ok(ds_sampler_begin(s, x, N, &err), &err);
        before = ts_alloc_requests();
        for (int c = 0; c < ds_sampler_calls(s); c++) {
            ds_sampler_input(s, c, x, &t);
            ds_toy_network(out, x, t, N, 8);
            ts_ok(ds_sampler_advance(s, c, out, &rng, &err), &err);
        }
        assert_int_equal(ts_alloc_requests(), before);
        ds_sampler_free(s);
        assert_int_equal(ts_alloc_end(), 0);
    }
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    for (int at = 1;; at++) {
        ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;
        float x[N] = { 0 };
        ds_error err = { 0 };
        ds_sampler *s = NULL;
        ds_status st;

        o.sampler = "dpm++2m-karras";
        ts_alloc_begin(at);
        st = ds_sampler_new(&s, &o, &err);
        if (st == DS_OK)
            st = ds_sampler_begin(s, x, N, &err);
        ds_sampler_free(s);
        assert_int_equal(ts_alloc_end(), 0);
        if (st == DS_OK)
            break;
        assert_int_equal(st, DS_E_NOMEM);
        assert_true(at < 50);
    }
}

/* A cosine schedule begins at noise of 20,000: methods that go a whole step along what they find at its end
 * leave the picture, those of first order and in log-SNR do not. In Stable Diffusion's schedule none does. */
static void write_file(const char *text);

static void long_first_steps_are_told(void **state)
{
    const char *name;

    (void)state;
    write_file(
        "{\"_class_name\": \"DDIMScheduler\", \"beta_schedule\": \"squaredcos_cap_v2\", "
        "\"prediction_type\": \"v_prediction\", \"clip_sample\": false, \"timestep_spacing\": "
        "\"trailing\"}");
    for (int k = 0; (name = ds_sampler_list(k, NULL)) != NULL; k++) {
        bool unstable = strcmp(name, "heun") == 0 || strcmp(name, "dpm2_a") == 0;
        ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;
        ds_sampler *s;

        o.sampler = name;
        s = make(&o);
        assert_null(ds_sampler_remark(s));
        ds_sampler_free(s);
        o.config = file;
        s = make(&o);
        if ((ds_sampler_remark(s) != NULL) != unstable)
            fail_msg("%s: %s", name, unstable ? "expected a remark" : ds_sampler_remark(s));
        ds_sampler_free(s);
        o.strength = 0.5; /* begins further down */
        s = strcmp(name, "pndm") != 0 ? make(&o) : NULL;
        assert_true(s == NULL || ds_sampler_remark(s) == NULL);
        ds_sampler_free(s);
    }
}

/* ---- scheduler_config.json ------------------------------------------------------------------- */

static void write_file(const char *text)
{
    FILE *f = fopen(file, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void files_choose(void **state)
{
    ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;
    ds_sampler *s;
    int count;

    (void)state;
    o.config = file;
    o.steps = 4;
    write_file("{\"_class_name\": \"PNDMScheduler\", \"skip_prk_steps\": true, \"beta_schedule\": "
               "\"scaled_linear\", \"beta_start\": 0.00085, \"beta_end\": 0.012, "
               "\"trained_betas\": null, \"clip_sample\": false, \"steps_offset\": 1}");
    s = make(&o);
    assert_string_equal(ds_sampler_name(s), "pndm");
    assert_true(ds_sampler_timesteps(s, &count)[0] == 751.0f);
    ds_sampler_free(s);

    write_file("{\"_class_name\": \"DPMSolverMultistepScheduler\", \"lambda_min_clipped\": "
               "-Infinity, \"note\\\"-Infinity\": false, \"use_karras_sigmas\": true, "
               "\"solver_type\": \"midpoint\", \"final_sigmas_type\": \"zero\"}");
    s = make(&o);
    assert_string_equal(ds_sampler_name(s), "dpm++2m");
    ds_sampler_sigmas(s, &count);
    assert_int_equal(count, 5);
    ds_sampler_free(s);

    o.compat = "0.21";
    s = make(&o);
    ds_sampler_sigmas(s, &count);
    assert_int_equal(count, 4);
    ds_sampler_free(s);
    o.compat = NULL;

    o.sampler = "ddim"; /* the file's solver fields do not concern it */
    s = make(&o);
    assert_true(ds_sampler_timesteps(s, &count)[0] == 750.0f);
    ds_sampler_free(s);
}

static void files_are_checked(void **state)
{
    static const struct {
        const char *text;
        ds_status code;
        const char *word;
    } cases[] = {
        { "{", DS_E_FORMAT, ":1:" },
        { "[]", DS_E_FORMAT, "object" },
        { "{}", DS_E_UNSUPPORTED, "choose one" },
        { "{\"_class_name\": \"CMStochasticIterativeScheduler\"}", DS_E_UNSUPPORTED, "CMStoch" },
        { "{\"_class_name\": \"UniPCMultistepScheduler\", \"disable_corrector\": [0]}",
          DS_E_UNSUPPORTED, "disable_corrector" },
        { "{\"_class_name\": \"UniPCMultistepScheduler\", \"lower_order_final\": false}",
          DS_E_UNSUPPORTED, "lower_order_final" },
        { "{\"_class_name\": \"DDIMScheduler\", \"thresholding\": true}", DS_E_UNSUPPORTED,
          "thresholding" },
        { "{\"_class_name\": \"DDIMScheduler\", \"prediction_type\": \"flow\"}", DS_E_UNSUPPORTED,
          "epsilon, v_prediction" },
        { "{\"_class_name\": \"DDIMScheduler\", \"beta_schedule\": 3}", DS_E_UNSUPPORTED,
          "beta_schedule" },
        { "{\"_class_name\": \"DDIMScheduler\", \"num_train_timesteps\": 1e30}", DS_E_UNSUPPORTED,
          "num_train_timesteps" },
        { "{\"_class_name\": \"DDIMScheduler\", \"beta_start\": 0.5}", DS_E_FORMAT, "beta_end" },
        { "{\"_class_name\": \"DDIMScheduler\", \"warp\": 3}", DS_E_UNSUPPORTED, "warp" },
        { "{\"_class_name\": \"PNDMScheduler\"}", DS_E_ARG, "skip_prk_steps" },
        { "{\"_class_name\": \"LMSDiscreteScheduler\", \"rescale_betas_zero_snr\": true}",
          DS_E_UNSUPPORTED, "rescale_betas_zero_snr" },
        { "{\"_class_name\": \"EulerDiscreteScheduler\", \"interpolation_type\": \"log_linear\"}",
          DS_E_UNSUPPORTED, "log_linear" },
        { "{\"_class_name\": \"DPMSolverMultistepScheduler\", \"solver_order\": 4}",
          DS_E_UNSUPPORTED, "solver_order" },
    };
    ds_sampler_options o = DS_SAMPLER_OPTIONS_INIT;

    (void)state;
    o.config = file;
    o.steps = 3; /* too few for a Runge-Kutta start */
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        write_file(cases[i].text);
        refused(&o, cases[i].code, cases[i].word);
    }
    o.config = "/nonexistent/scheduler_config.json";
    refused(&o, DS_E_IO, "");
}

/* Zero terminal SNR: the last alpha is 0 (arXiv:2305.08891), the first is kept. */
static void zero_snr(void **state)
{
    ds_schedule_config c;
    ds_schedule plain, zero;
    ds_error err = { 0 };

    (void)state;
    ds__schedule_defaults(&c, DS_DDIM, false);
    ds__schedule_stable_diffusion(&c);
    ts_ok(ds__schedule_new(&plain, &c, DS_DDIM, &err), &err);
    c.zero_snr = 1;
    ts_ok(ds__schedule_new(&zero, &c, DS_DDIM, &err), &err);
    assert_true(fabsf(zero.alpha_bar[0] - plain.alpha_bar[0]) < 1e-6f);
    assert_true(zero.alpha_bar[999] == 0.0f);
    assert_true(zero.alpha_bar[500] < plain.alpha_bar[500]);
    ds__schedule_free(&plain);
    ds__schedule_free(&zero);
    c.zero_snr = 0;
    c.beta_kind = DS_BETA_COSINE;
    ts_ok(ds__schedule_new(&plain, &c, DS_DDIM, &err), &err);
    assert_true(fabsf(plain.alpha_bar[499] - 0.4938f) < 1e-3f); /* cos^2 half way */
    ds__schedule_free(&plain);
}

static int make_file(void **state)
{
    int fd = mkstemp(file);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perfect_network_is_followed),
        cmocka_unit_test(every_spelling_is_known),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(calls_come_in_order),
        cmocka_unit_test(a_run_may_start_late),
        cmocka_unit_test(nothing_is_allocated_between_calls),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(long_first_steps_are_told),
        cmocka_unit_test(files_choose),
        cmocka_unit_test(files_are_checked),
        cmocka_unit_test(zero_snr),
    };

    return cmocka_run_group_tests_name("samplers", tests, make_file, remove_file);
}

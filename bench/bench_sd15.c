/* bench_sd15.c - Stable Diffusion 1.5 at full size with random weights, 64x64 latent.
 *
 *   bench_sd15 [-n REPETITIONS] [-m MODEL] [-c] [-p] [WORD]       cases whose name holds WORD
 *
 * -p adds tables of operators to the gradients. -c counts processor time: for a crowded machine,
 * with OMP_NUM_THREADS=1.
 *
 * Every repetition times a convolution 3x3 320->320 at 64x64 in f32 (the baseline) before and after
 * the case; "of conv" is the median of rate / baseline rate, so that a machine shared with others
 * disturbs it little. Each case runs in a process of its own, whose peak resident set is printed.
 * The model is made once (4 GB in f32) and kept in the build folder; -m takes another one. */

#include "bench/baseline.h"
#include "bench/profile.h"

#include "models/net.h"

#include <diffuscope/daam.h>

#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int repetitions = 5;
static bool table;
static const char *model_path;
static char
    reference_path[600]; /* where the f32 UNet leaves its output for the others to compare */

/* ---- one network ---------------------------------------------------------------------------- */

typedef struct bench_case {
    const char *name;
    ds_module module;
    int64_t batch;
    ds_dtype compute;
} bench_case;

static const bench_case cases[] = {
    { "unet f32", DS_MODULE_UNET, 1, DS_DTYPE_F32 },
    { "unet f32 batch 2", DS_MODULE_UNET, 2, DS_DTYPE_F32 },
    { "unet bf16", DS_MODULE_UNET, 1, DS_DTYPE_BF16 },
    { "unet bf16 batch 2", DS_MODULE_UNET, 2, DS_DTYPE_BF16 },
    { "vae.decode f32", DS_MODULE_VAE_DECODE, 1, DS_DTYPE_F32 },
    { "vae.decode bf16", DS_MODULE_VAE_DECODE, 1, DS_DTYPE_BF16 },
};

/* Inputs that a pullback added: a cotangent of the output. */
static void set_cotangent(ds_net *n, const ds_net_shape *s)
{
    static float ones_like[2 * 4 * 64 * 64];
    ds_tensor t = { DS_DTYPE_F32, 4, { s->batch, 4, s->height, s->width }, ones_like };
    ds_error err = { 0 };

    for (size_t i = 0; i < DS_COUNT(ones_like); i++)
        ones_like[i] = 1.0f;
    must(ds__net_set(n, "cotangent.sample", &t, &err), &err);
}

static void set_inputs(ds_net *n, const ds_net_shape *s)
{
    static float sample[2 * 4 * 64 * 64], context[2 * 77 * 768];
    ds_tensor t[3] = { { DS_DTYPE_F32, 4, { s->batch, 4, s->height, s->width }, sample },
                       { DS_DTYPE_F32, 3, { s->batch, 77, 768 }, context },
                       { DS_DTYPE_F32, 0, { 0 }, &(float){ 500.0f } } };
    ds_error err = { 0 };

    for (size_t i = 0; i < DS_COUNT(sample); i++)
        sample[i] = (float)sin(0.37 * (double)i) * 1.4f;
    for (size_t i = 0; i < DS_COUNT(context); i++)
        context[i] = (float)sin(0.73 * (double)i) * 1.4f;
    if (ds__net_inputs(n) == 1) {
        must(ds__net_set(n, "latent", &t[0], &err), &err);
        return;
    }
    must(ds__net_set(n, "sample", &t[0], &err), &err);
    must(ds__net_set(n, "encoder_hidden_states", &t[1], &err), &err);
    must(ds__net_set(n, "timestep", &t[2], &err), &err);
}

/* Largest deviation from the f32 run's output, of the largest value; negative if there is none. */
static double deviation(const ds_net *n, const bench_case *c)
{
    ds_tensor shape = ds__net_output_shape(n, 0);
    int64_t count = ds_tensor_count(&shape);
    float *got = ds_alloc((size_t)count * sizeof *got),
          *want = ds_alloc((size_t)count * sizeof *want);
    double worst = 0.0, scale = 0.0;
    char path[700];
    FILE *f;

    ds__net_get(n, 0, got);
    snprintf(path, sizeof path, "%s-%d-%d", reference_path, c->module, (int)c->batch);
    f = fopen(path, c->compute == DS_DTYPE_F32 ? "wb" : "rb");
    if (f != NULL && c->compute == DS_DTYPE_F32)
        fwrite(got, sizeof *got, (size_t)count, f);
    else if (f != NULL && fread(want, sizeof *want, (size_t)count, f) == (size_t)count)
        for (int64_t i = 0; i < count; i++) {
            worst = fmax(worst, fabs((double)got[i] - want[i]));
            scale = fmax(scale, fabs((double)want[i]));
        }
    if (f != NULL)
        fclose(f);
    ds_free(got);
    ds_free(want);
    return scale > 0.0 ? worst / scale : -1.0;
}

static ds_net *open_net(ds_model **m, const bench_case *c, const ds_watcher *w)
{
    ds_model_options o = DS_MODEL_OPTIONS_INIT;
    ds_net_shape s = { c->batch, c->module == DS_MODULE_UNET ? 77 : 0, 64, 64 };
    ds_error err = { 0 };
    ds_net *n;

    o.compute = c->compute;
    if (*m == NULL)
        must(ds_model_open(m, model_path, &o, &err), &err);
    must(ds__net_new(&n, *m, c->module, &s, &(ds_net_options){ .watcher = w }, &err), &err);
    set_inputs(n, &s);
    must(ds__net_run(n, NULL, &err), &err);
    return n;
}

static double timed(ds_net *n)
{
    ds_error err = { 0 };
    double start = now();

    must(ds__net_run(n, NULL, &err), &err);
    return now() - start;
}

static void run_case(const bench_case *c)
{
    double seconds[MOST_REPETITIONS], share[MOST_REPETITIONS], rate = 0.0, d;
    ds_model *m = NULL;
    ds_net *n = open_net(&m, c, NULL);
    struct rusage use;
    ds_plan_info info;

    ds__net_info(n, &info);
    getrusage(RUSAGE_SELF, &use);
    d = deviation(n, c);
    baseline_new();
    for (int i = 0; i < repetitions; i++) {
        double before = baseline_rate(), after;

        seconds[i] = timed(n);
        after = baseline_rate();
        rate = fmax(rate, fmax(before, after));
        share[i] = info.flops / seconds[i] / (0.5 * (before + after));
    }
    printf("%-20s %7.3f TFLOP %7.2f s %6.1f %% of conv (%4.0f GFLOP/s)  peak %5ld MB (activations "
           "%4zu "
           "MB)",
           c->name, info.flops * 1e-12, median(seconds, repetitions),
           100.0 * median(share, repetitions), rate * 1e-9, use.ru_maxrss >> 10,
           info.activation_bytes >> 20);
    if (d >= 0.0)
        printf("  deviates %.1e", d);
    printf("\n");
    ds__net_free(n);
    ds_model_close(m);
}

/* ---- watching ------------------------------------------------------------------------------- */

static ds_interest wants_nothing(void *user, const char *site, const ds_tensor *shape)
{
    (void)user;
    (void)site;
    (void)shape;
    return DS_IGNORE;
}

static ds_interest wants_cross(void *user, const char *site, const ds_tensor *shape)
{
    (void)user;
    (void)shape;
    return strstr(site, "attn2.probs") != NULL ? DS_LOOK : DS_IGNORE;
}

static ds_status count_values(void *user, const char *site, ds_tensor *value, ds_error *err)
{
    (void)site;
    (void)err;
    *(int64_t *)user += ds_tensor_count(value);
    return DS_OK;
}

/* The same run with nobody listening, with a listener that wants nothing, and with one that is
 * shown every cross-attention probability; interleaved. */
static void run_watching(void)
{
    const bench_case c = { "", DS_MODULE_UNET, 1, DS_DTYPE_F32 };
    double idle[MOST_REPETITIONS], cross[MOST_REPETITIONS];
    int64_t seen = 0;
    ds_watcher nothing = { .wants = wants_nothing, .show = count_values, .user = &seen };
    ds_watcher probs = { .wants = wants_cross, .show = count_values, .user = &seen };
    ds_model *m = NULL;
    ds_net *plain = open_net(&m, &c, NULL), *quiet = open_net(&m, &c, &nothing);
    ds_net *watched = open_net(&m, &c, &probs);

    for (int i = 0; i < repetitions; i++) {
        double before = timed(plain), q = timed(quiet), middle = timed(plain), w = timed(watched);
        double after = timed(plain);

        idle[i] = q / (0.5 * (before + middle));
        cross[i] = w / (0.5 * (middle + after));
    }
    printf(
        "watching nothing     %+.1f %%\nwatching all attn2.probs %+.1f %%  (%lld values a run)\n",
        100.0 * (median(idle, repetitions) - 1.0), 100.0 * (median(cross, repetitions) - 1.0),
        (long long)(seen / (repetitions + 1)));
    ds__net_free(watched);
    ds__net_free(quiet);
    ds__net_free(plain);
    ds_model_close(m);
}

static long peak_megabytes(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return use.ru_maxrss >> 10;
}

/* ---- daam ------------------------------------------------------------------------------------ */

/* A run of 20 steps without guidance, where tracing weighs most: every row is traced. */
static ds_run_options daam_run(void)
{
    ds_run_options r = DS_RUN_OPTIONS_INIT;

    r.prompt = "a photo of a cat and a dog on a mat";
    r.cfg_scale = 1.0;
    r.steps = MOST_REPETITIONS * 3 + 3;
    return r;
}

static double timed_step(ds_run *run)
{
    ds_error err = { 0 };
    double start = now();

    must(ds_run_step(run, &err), &err);
    return now() - start;
}

/* Steps of a plain run and of a traced one, interleaved. */
static void daam_time(const bench_case *c)
{
    const ds_run_options r = daam_run();
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    double share[MOST_REPETITIONS];
    ds_model *m;
    ds_run *plain;
    ds_daam *d;
    ds_error err = { 0 };

    (void)c;
    must(ds_model_open(&m, model_path, NULL, &err), &err);
    must(ds_run_new(&plain, m, &r, &err), &err);
    must(ds_daam_new(&d, m, &r, &o, &err), &err);
    timed_step(plain);
    timed_step(ds_daam_run(d));
    for (int i = 0; i < repetitions; i++) {
        double before = timed_step(plain), traced = timed_step(ds_daam_run(d));

        share[i] = traced / (0.5 * (before + timed_step(plain)));
    }
    qsort(share, (size_t)repetitions, sizeof *share, ascending);
    printf("daam: tracing takes %+.1f %% (%+.1f to %+.1f in %d pairs)\n",
           100.0 * (median(share, repetitions) - 1.0), 100.0 * (share[0] - 1.0),
           100.0 * (share[repetitions - 1] - 1.0), repetitions);
    ds_daam_free(d);
    ds_run_free(plain);
    ds_model_close(m);
}

static long *daam_peak; /* shared by the processes of the two cases below */

static void daam_plain_memory(const bench_case *c)
{
    ds_run_options r = daam_run();
    ds_model *m = NULL;
    ds_run *run;
    ds_error err = { 0 };

    (void)c;
    r.steps = 20;
    must(ds_model_open(&m, model_path, NULL, &err), &err);
    must(ds_run_new(&run, m, &r, &err), &err);
    must(ds_run_step(run, &err), &err);
    daam_peak[0] = peak_megabytes();
}

static void daam_traced_memory(const bench_case *c)
{
    ds_run_options r = daam_run();
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_model *m = NULL;
    ds_daam_info i;
    ds_daam *d;
    ds_error err = { 0 };

    (void)c;
    r.steps = 20;
    must(ds_model_open(&m, model_path, NULL, &err), &err);
    must(ds_daam_new(&d, m, &r, &o, &err), &err);
    i = ds_daam_describe(d);
    must(ds_run_step(ds_daam_run(d), &err), &err);
    printf("daam: announced %s\n", i.plan);
    printf("daam: peak %ld MB plain, %ld MB traced\n", daam_peak[0], peak_megabytes());
}

/* ---- gradients ------------------------------------------------------------------------------ */

static bool every_output(void *user, const char *output)
{
    (void)user;
    (void)output;
    return true;
}

static bool conditioning(void *user, const char *name)
{
    (void)user;
    return strcmp(name, "encoder_hidden_states") == 0;
}

static bool feed_forward(void *user, const char *name)
{
    (void)user;
    return strstr(name, ".ff.net.") != NULL && strstr(name, ".weight") != NULL;
}

/* Forward and forward with pullback, interleaved, in one process for each kind of gradient. */
static void run_gradient(const char *name, bool (*wants)(void *, const char *), bool recompute)
{
    const bench_case c = { "", DS_MODULE_UNET, 1, DS_DTYPE_F32 };
    const ds_net_pullback how = { every_output, wants, NULL, recompute };
    const ds_net_shape s = { 1, 77, 64, 64 };
    double ratio[MOST_REPETITIONS];
    ds_model *m = NULL;
    ds_net *forward = open_net(&m, &c, NULL), *both;
    ds_error err = { 0 };
    ds_plan_info info;

    must(ds__net_new(&both, m, DS_MODULE_UNET, &s, &(ds_net_options){ .pullback = &how }, &err),
         &err);
    set_inputs(both, &s);
    set_cotangent(both, &s);
    timed(both);
    if (table)
        ds__net_time(both, timer, NULL);
    for (int i = 0; i < repetitions; i++) {
        double before = timed(forward), g = timed(both);

        ratio[i] = g / (0.5 * (before + timed(forward)));
    }
    ds__net_info(both, &info);
    printf("gradient to %-14s%-14s %.2f x a forward, activations %5zu MB, peak %5ld MB\n", name,
           recompute ? ", recomputed" : "", median(ratio, repetitions), info.activation_bytes >> 20,
           peak_megabytes());
    if (table) {
        print_profile(&by_kind, 40, repetitions);
        print_profile(&by_shape, 60, repetitions);
        ds__net_time(both, NULL, NULL);
        ds__net_time(forward, timer, NULL);
        for (int i = 0; i < repetitions; i++)
            timed(forward);
        print_profile(&by_kind, 40, repetitions);
    }
    ds__net_free(both);
    ds__net_free(forward);
    ds_model_close(m);
}

static void gradient_conditioning(const bench_case *c)
{
    (void)c;
    run_gradient("conditioning", conditioning, false);
}

static void gradient_recomputed(const bench_case *c)
{
    (void)c;
    run_gradient("conditioning", conditioning, true);
}

static void gradient_feed_forward(const bench_case *c)
{
    (void)c;
    run_gradient("feed-forward", feed_forward, false);
}

/* ---- main ------------------------------------------------------------------------------------ */

static void make_model(const char *program)
{
    static char path[512];
    ds_create_options o = DS_CREATE_OPTIONS_INIT;
    ds_error err = { 0 };
    struct stat st;

    snprintf(path, sizeof path, "%s-model", program);
    model_path = path;
    if (stat(path, &st) == 0)
        return;
    o.like = "sd15";
    o.dtype = DS_DTYPE_F32;
    o.seed = 1;
    fprintf(stderr, "bench_sd15: making a model of 4 GB in %s\n", path);
    must(ds_model_create(path, &o, NULL, &err), &err);
}

static void in_child(void (*run)(const bench_case *), const bench_case *c)
{
    int status = 0;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        run(c);
        exit(0);
    }
    waitpid(child, &status, 0);
    if (status != 0) {
        fprintf(stderr, "bench_sd15: a case ended with status %d\n", status);
        exit(1);
    }
}

static void watching_case(const bench_case *c)
{
    (void)c;
    run_watching();
}

int main(int argc, char **argv)
{
    const char *word = "";
    int opt;

    while ((opt = getopt(argc, argv, "n:m:cp")) != -1) {
        if (opt == 'n')
            repetitions = atoi(optarg);
        else if (opt == 'm')
            model_path = optarg;
        else if (opt == 'c')
            clock_id = CLOCK_PROCESS_CPUTIME_ID;
        else if (opt == 'p')
            table = true;
        else
            return 2;
    }
    if (repetitions < 1 || repetitions > MOST_REPETITIONS)
        return 2;
    word = optind < argc ? argv[optind] : word;
    if (model_path == NULL)
        make_model(argv[0]);
    snprintf(reference_path, sizeof reference_path, "%s-output", argv[0]);
    for (size_t i = 0; i < DS_COUNT(cases); i++)
        if (strstr(cases[i].name, word) != NULL)
            in_child(run_case, &cases[i]);
    if (strstr("watching", word) != NULL)
        in_child(watching_case, NULL);
    if (strstr("daam memory", word) != NULL) {
        daam_peak = mmap(NULL, sizeof *daam_peak, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (daam_peak == MAP_FAILED)
            return 1;
        in_child(daam_plain_memory, NULL);
        in_child(daam_traced_memory, NULL);
    }
    if (strstr("daam time", word) != NULL)
        in_child(daam_time, NULL);
    if (strstr("gradient conditioning", word) != NULL)
        in_child(gradient_conditioning, NULL);
    if (strstr("gradient recomputed", word) != NULL)
        in_child(gradient_recomputed, NULL);
    if (strstr("gradient feed-forward", word) != NULL)
        in_child(gradient_feed_forward, NULL);
    return 0;
}

/* bench_component.c - what component attribution costs on a denoiser of full size.
 *
 *   bench_component [-n REPETITIONS] [-m MODEL] [-s SIDE] [-c] [-r]
 *
 * One draw of `component score`, of both rows (the concept's text and the base's), with gates at every
 * component: forward and backward, against a plain forward of the same two rows; interleaved. -s: side of
 * the latent (64: pictures of 512 pixels). -c counts processor time: for a crowded machine, with
 * OMP_NUM_THREADS=1. -r recomputes blocks in the backward pass. Peak resident sets are printed.
 *
 * Rows of the published recipe for one concept, against those of a score with its defaults, follow from
 * counts and are printed too. Without -m, Stable Diffusion 1.5 with random weights is made in the build
 * folder (2 GB). */

#include "bench/baseline.h"

#include <diffuscope/rng.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "methods/component/ablate.h"

static int repetitions = 3;
static bool recompute;
static int64_t side = 64;
static char path[600];

static void make_model(const char *program)
{
    ds_create_options o = DS_CREATE_OPTIONS_INIT;
    ds_error err = { 0 };
    struct stat st;

    snprintf(path, sizeof path, "%s-model", program);
    if (stat(path, &st) == 0)
        return;
    o.like = "sd15";
    o.dtype = DS_DTYPE_F16;
    o.seed = 1;
    fprintf(stderr, "bench_component: making a model of 2 GB in %s\n", path);
    must(ds_model_create(path, &o, NULL, &err), &err);
}

static long peak_megabytes(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return use.ru_maxrss >> 10;
}

static void fill(ds_draws *d, int64_t plane)
{
    ds_rng rng;

    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 1);
    ds_rng_normal(&rng, d->z, plane);
    d->t[0] = 500.0f;
    d->count = 1;
}

static double plain(ds_ablation *a, const ds_draws *d)
{
    ds_error err = { 0 };
    double j, start = now();

    must(ds__ablation_run(a, &j, d, 0, 1, 0, &err), &err);
    return now() - start;
}

static double scored(ds_measure *s, float *scores, const ds_draws *d)
{
    ds_error err = { 0 };
    const double start = now();

    must(ds__measure_forward(s, d->z, d->t, d->pair, NULL, &err), &err);
    must(ds__measure_backward(s, scores, NULL, &err), &err);
    return now() - start;
}

static void run(void)
{
    static const char *const text[] = { "a photo of a cat", "" };
    ds_encoder_options eo = DS_ENCODER_OPTIONS_INIT;
    ds_measure_options o = { .pairs = 1, .batch = 1, .height = side, .width = side };
    double ratio[MOST_REPETITIONS], forward[MOST_REPETITIONS];
    ds_model *m;
    ds_encoder *e;
    ds_noise *noise;
    ds_component_sites *sites;
    ds_ablation *a;
    ds_measure *s;
    ds_draws d;
    float *scores;
    double conv = 0.0;
    long before;
    ds_error err = { 0 };

    baseline_new();
    must(ds_model_open(&m, path, NULL, &err), &err);
    eo.prompts = text;
    eo.count = 2;
    must(ds_encoder_new(&e, m, &eo, &err), &err);
    must(ds_encode(e, &err), &err);
    o.texts = ds_encoder_conditions(e);
    must(ds_noise_new(&noise, m, &err), &err);
    must(ds__component_sites(&sites, m, side, side, &err), &err);
    must(ds__draws_new(&d, 1, 4 * side * side, 0, false, &err), &err);
    fill(&d, 4 * side * side);
    must(ds__ablation_new(&a, m, NULL, noise, &o, &err), &err);
    plain(a, &d);
    before = peak_megabytes();
    o.components = true;
    o.recompute = recompute;
    scores = ds_calloc((size_t)ds__measure_units(sites), sizeof *scores);
    must(ds__measure_new(&s, m, sites, noise, &o, &err), &err);
    scored(s, scores, &d);
    for (int i = 0; i < repetitions; i++) {
        const double first = plain(a, &d), both = scored(s, scores, &d);

        forward[i] = 0.5 * (first + plain(a, &d));
        ratio[i] = both / forward[i];
        conv = fmax(conv, baseline_rate());
    }
    printf(
        "component score, %lld components at %lldx%lld%s: a draw takes %.2f x a forward of its two "
        "rows (%.2f s beside a convolution at %.0f GFLOP/s), peak %ld MB (%ld MB before gates and "
        "gradients)\n",
        (long long)ds__measure_units(sites), (long long)side, (long long)side,
        recompute ? ", recomputed" : "", median(ratio, repetitions), median(forward, repetitions),
        conv * 1e-9, peak_megabytes(), before);
    ds__measure_free(s);
    ds_free(scores);
    ds__ablation_free(a);
    ds__draws_free(&d);
    ds__component_sites_free(sites);
    ds_noise_free(noise);
    ds_encoder_free(e);
    ds_model_close(m);
}

/* Published: 1,275 guided steps, 50 pairs of answers, 50 backward passes of two rows; method page,
 * section 4. Ours: 16 draws of two rows, forward (the guided step's own) and backward. */
static void counts(void)
{
    const int published = 2 * 1275 + 100 + 100, ours = 16 * (2 + 2);

    printf("component score, rows through the network for one concept: %d published, %d with the "
           "defaults of one caption (%.3f), before exact effects\n",
           published, ours, (double)ours / published);
}

int main(int argc, char **argv)
{
    int c;

    while ((c = getopt(argc, argv, "n:m:s:cr")) != -1)
        switch (c) {
        case 'n':
            repetitions = atoi(optarg) > 0 && atoi(optarg) <= MOST_REPETITIONS ? atoi(optarg) : 1;
            break;
        case 'm':
            snprintf(path, sizeof path, "%s", optarg);
            break;
        case 's':
            side = atoi(optarg) >= 8 ? atoi(optarg) : 64;
            break;
        case 'c':
            clock_id = CLOCK_PROCESS_CPUTIME_ID;
            break;
        case 'r':
            recompute = true;
            break;
        default:
            return 2;
        }
    if (path[0] == '\0')
        make_model(argv[0]);
    run();
    counts();
    return 0;
}

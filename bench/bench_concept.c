/* bench_concept.c - one step of `concept` on Stable Diffusion 1.5 at full size with random weights, 64x64 latent:
 * encode, denoise, pull back through the denoiser and the text encoder to one embedding row.
 *
 *   bench_concept [-n REPETITIONS] [-m MODEL] [-c] [-b MOST]      batches 1 and 6, up to MOST
 *
 * A step is told as a multiple of the forward half alone (encode and denoise), both timed in turns. -c counts
 * processor time, for a crowded machine. The model is the one of bench_sd15 (made there on the first run). Each
 * case runs in a process of its own, whose peak resident set is printed. */

#include "methods/concept/bank.h"
#include "methods/concept/loss.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIDE = 64, PLANE = 4 * SIDE * SIDE, MOST_ROWS = 6 };

static int repetitions = 3;
static clockid_t clock_id = CLOCK_MONOTONIC;

static void must(ds_status st, const ds_error *err)
{
    if (st == DS_OK)
        return;
    fprintf(stderr, "bench_concept: %s\n", err->text);
    exit(1);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, ascending);
    return n % 2 == 1 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(clock_id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double timed(ds_loss *l, const float *token, float *gradient, const ds_loss_batch *b)
{
    const double start = seconds();
    double loss;
    ds_error err = { 0 };

    must(ds__loss_run(l, &loss, gradient, NULL, token, b, &err), &err);
    if (!isfinite(loss)) {
        fprintf(stderr, "bench_concept: the loss is %g\n", loss);
        exit(1);
    }
    return seconds() - start;
}

static ds_loss *open_loss(ds_model *m, const ds_sentences *s, int64_t rows, bool gradient,
                          bool recompute)
{
    const ds_sentences *list[] = { s };
    const ds_loss_options o = { .sentences = list,
                                .lanes = 1,
                                .rows = rows,
                                .height = SIDE,
                                .width = SIDE,
                                .gradient = gradient,
                                .recompute = recompute };
    ds_error err = { 0 };
    ds_loss *l;

    must(ds__loss_new(&l, m, &o, &err), &err);
    return l;
}

static void run_case(const char *model, int64_t rows, bool recompute)
{
    static float z[MOST_ROWS * PLANE], target[MOST_ROWS * PLANE], token[4096], gradient[4096];
    const float t[MOST_ROWS] = { 100, 300, 500, 600, 700, 900 };
    const int64_t text[MOST_ROWS] = { 0 };
    const ds_loss_batch b = { .z = z, .target = target, .t = t, .text = text };
    double ratio[32], step = 0.0;
    struct rusage usage;
    ds_tokenizer *tokenizer;
    ds_loss *forward, *both;
    ds_sentences *s;
    ds_model *m;
    ds_error err = { 0 };
    ds_rng rng;

    must(ds_model_open(&m, model, NULL, &err), &err);
    must(ds_tokenizer_open_model(&tokenizer, model, 1, &err), &err);
    must(ds__sentences_of_prompt(&s, "a photo of a x", rows, tokenizer, &err), &err);
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 1);
    ds_rng_normal(&rng, z, rows * PLANE);
    ds_rng_normal(&rng, target, rows * PLANE);
    ds_rng_normal(&rng, token, 4096);
    forward = open_loss(m, s, rows, false, false);
    both = open_loss(m, s, rows, true, recompute);
    timed(forward, token, NULL, &b);
    timed(both, token, gradient, &b);
    for (int i = 0; i < repetitions; i++) {
        const double before = timed(forward, token, NULL, &b);

        step = timed(both, token, gradient, &b);
        ratio[i] = step / (0.5 * (before + timed(forward, token, NULL, &b)));
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("concept step, batch %lld%-14s %.2f x a forward, %6.1f s, peak %5ld MB\n",
           (long long)rows, recompute ? ", recomputed" : "", median(ratio, repetitions), step,
           usage.ru_maxrss >> 10);
    ds__loss_free(forward);
    ds__loss_free(both);
    ds__sentences_free(s);
    ds_tokenizer_close(tokenizer);
    ds_model_close(m);
}

static void in_child(const char *model, int64_t rows, bool recompute)
{
    int status = 0;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        run_case(model, rows, recompute);
        exit(0);
    }
    waitpid(child, &status, 0);
    if (status != 0) {
        fprintf(stderr, "bench_concept: a case ended with status %d\n", status);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    char beside[512];
    const char *model = NULL;
    int64_t most = MOST_ROWS;
    struct stat st;
    int opt;

    while ((opt = getopt(argc, argv, "n:m:cb:")) != -1) {
        if (opt == 'n')
            repetitions = atoi(optarg);
        else if (opt == 'm')
            model = optarg;
        else if (opt == 'c')
            clock_id = CLOCK_PROCESS_CPUTIME_ID;
        else if (opt == 'b')
            most = atoi(optarg);
        else
            return 2;
    }
    if (repetitions < 1 || repetitions > 32)
        return 2;
    snprintf(beside, sizeof beside, "%.*s/bench_sd15-model",
             (int)(strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') - argv[0] : 1),
             strrchr(argv[0], '/') != NULL ? argv[0] : ".");
    model = model != NULL ? model : beside;
    if (stat(model, &st) != 0) {
        printf("bench_concept: SKIPPED: no model %s (bench_sd15 makes it)\n", model);
        return 0;
    }
    for (int64_t rows = 1; rows <= most && rows <= MOST_ROWS; rows += 5)
        for (int recompute = 0; recompute < 2; recompute++)
            in_child(model, rows, recompute == 1);
    return 0;
}

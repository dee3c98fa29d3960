/* info_rate.c - evaluations of the denoiser per second in the loop of `diffuscope info`, beside the
 * bare batched network.
 *
 *   info_rate MODEL [LENGTH]           162 evaluations for each unit of length, 1 by default
 *
 * After each call of the loop, one of the same network on the same inputs is timed alone, so that a
 * busy machine slows both. */

#include "methods/estimate/estimate.h"

#include <diffuscope/rng.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 6

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(ds_status st, const ds_error *err)
{
    if (st == DS_OK)
        return;
    fprintf(stderr, "info_rate: %s\n", err->text);
    exit(1);
}

typedef struct bare {
    const ds_source *source;
    float *z, *out;
    double logsnr[BATCH], seconds;
} bare;

static ds_status call_bare(void *user, const ds_estimator *e, ds_error *err)
{
    bare *b = user;
    double start = now();
    ds_status st = b->source->denoise(b->source->user, b->out, b->z, b->logsnr, NULL, err);

    (void)e;
    b->seconds += now() - start;
    return st;
}

int main(int argc, char **argv)
{
    const char *prompt[3] = { "", "a cat on a mat", "a cat" };
    const ds_info_pair pair[2] = { { 1, 0 }, { 1, 2 } };
    ds_draw_plan plan = { .replicates = 9, .antithetic = true, .phases = true, .parts = 1 };
    ds_network_source *network;
    ds_denoiser_info about;
    ds_conditions *c;
    ds_estimator *e;
    ds_model *m;
    ds_text *text;
    ds_rng rng;
    bare b = { 0 };
    float *latent;
    size_t plane;
    double start, loop;
    ds_error err = { 0 };

    if (argc < 2) {
        fprintf(stderr, "info_rate MODEL [LENGTH]\n");
        return 2;
    }
    plan.nodes = argc > 2 ? 3 * atoi(argv[2]) : 3; /* calls are of whole replicates */
    must(ds_model_open(&m, argv[1], NULL, &err), &err);
    must(ds_denoiser_describe(&about, m, &err), &err);
    must(ds__text_open(&text, m, &err), &err);
    must(ds__text_encode(text, &c, prompt, 3, NULL, NULL, &err), &err);
    must(ds__network_source_new(&network, m, c, BATCH, about.side, about.side, &err), &err);
    b.source = ds__network_source(network);
    plane = (size_t)(about.channels * about.side * about.side);
    latent = ds_calloc(plane, sizeof *latent);
    b.z = ds_calloc(BATCH * plane, sizeof *b.z);
    b.out = ds_calloc(3 * BATCH * plane, sizeof *b.out);
    ds_rng_init(&rng, DS_RNG_TORCH_CUDA, 1);
    ds_rng_normal(&rng, latent, (int64_t)plane);
    ds_rng_normal(&rng, b.z, (int64_t)(BATCH * plane));
    must(ds__density_logistic(&plan.density, 1, 2, -5, 7, &err), &err);
    must(ds__estimate_new(&e, b.source, latent, &plan, pair, 2, &err), &err);
    must(call_bare(&b, e, &err), &err); /* the first one prepares weights */
    b.seconds = 0;
    start = now();
    must(ds__estimate_run(e, &(ds_goal){ 0 }, call_bare, &b, NULL, &err), &err);
    loop = now() - start - b.seconds;
    printf("%lld evaluations: loop %.1f a second, bare %.1f a second, ratio %.3f\n",
           (long long)ds__estimate_state(e).calls, (double)ds__estimate_state(e).calls / loop,
           (double)ds__estimate_state(e).calls / b.seconds, b.seconds / loop);
    ds__estimate_free(e);
    ds__network_source_free(network);
    ds__conditions_free(c);
    ds__text_close(text);
    ds_model_close(m);
    ds_free(latent);
    ds_free(b.z);
    ds_free(b.out);
    return 0;
}

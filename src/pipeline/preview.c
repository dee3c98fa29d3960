/* preview.c - colours of a latent without its decoder: a linear map per latent pixel.
 *
 * The map is the least squares fit to the model's own decoder on one random latent, made of squares
 * of 2 by 2 equal pixels (latents of pictures are smooth), each compared with the mean colour of
 * its part of the picture. It fits whatever decoder the folder has, and needs no table of
 * models. */

#include "pipeline/run_impl.h"

#include <math.h>
#include <string.h>

#define SIDE    16 /* of the latent */
#define SQUARE  2
#define SAMPLES (SIDE / SQUARE * (SIDE / SQUARE))
#define TERMS   17 /* at most 16 channels and the constant */

/* Solves (A + small I) w = y in place by Cholesky, for three right-hand sides y [n][3]. */
static void solve(double a[TERMS][TERMS], double y[TERMS][3], int n)
{
    for (int i = 0; i < n; i++) {
        a[i][i] += 1e-6 * SAMPLES;
        for (int j = 0; j <= i; j++) {
            double sum = a[i][j];

            for (int k = 0; k < j; k++)
                sum -= a[i][k] * a[j][k];
            a[i][j] = i == j ? sqrt(fmax(sum, 1e-12)) : sum / a[j][j];
        }
    }
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < i; k++)
                y[i][c] -= a[i][k] * y[k][c];
            y[i][c] /= a[i][i];
        }
        for (int i = n - 1; i >= 0; i--) {
            for (int k = i + 1; k < n; k++)
                y[i][c] -= a[k][i] * y[k][c];
            y[i][c] /= a[i][i];
        }
    }
}

/* Mean of channel c of the image over square number s. */
static double mean_colour(const float *image, int64_t factor, int c, int s)
{
    int64_t side = SIDE * factor, edge = SQUARE * factor;
    int64_t y0 = s / (SIDE / SQUARE) * edge, x0 = s % (SIDE / SQUARE) * edge;
    double sum = 0;

    for (int64_t y = y0; y < y0 + edge; y++)
        for (int64_t x = x0; x < x0 + edge; x++)
            sum += (double)image[(c * side + y) * side + x];
    return sum / (double)(edge * edge);
}

static void fit(ds_preview *p, const float *squares, const float *image, int64_t factor)
{
    double a[TERMS][TERMS] = { { 0 } }, y[TERMS][3] = { { 0 } }, term[TERMS];
    int n = (int)p->channels + 1;

    for (int s = 0; s < SAMPLES; s++) {
        for (int k = 0; k < n - 1; k++)
            term[k] = (double)squares[k * SAMPLES + s];
        term[n - 1] = 1.0;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++)
                a[i][j] += term[i] * term[j];
            for (int c = 0; c < 3; c++)
                y[i][c] += term[i] * mean_colour(image, factor, c, s);
        }
    }
    solve(a, y, n);
    for (int c = 0; c < 3; c++) {
        p->offset[c] = (float)y[n - 1][c];
        for (int k = 0; k < n - 1; k++)
            p->weight[c][k] = (float)y[k][c];
    }
    p->ready = true;
}

ds_status ds__preview_fit(ds_preview *p, ds_model *m, ds_error *err)
{
    int64_t factor = (int64_t)1 << (m->vae.levels - 1), channels = m->vae.latent_channels;
    float *squares = ds_calloc((size_t)channels * SAMPLES, sizeof *squares);
    float *latent = ds_calloc((size_t)channels * SIDE * SIDE, sizeof *latent);
    float *image = ds_calloc((size_t)(3 * SIDE * SIDE * factor * factor), sizeof *image);
    ds_autoencoder *a = NULL;
    ds_rng rng;
    ds_status st = DS_OK;

    p->channels = channels;
    if (squares == NULL || latent == NULL || image == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a preview");
    else if (channels > TERMS - 1 || m->vae.out_channels != 3)
        st = ds_fail(err, DS_E_UNSUPPORTED, "no preview for latents of %lld channels",
                     (long long)channels);
    else
        st = ds__autoencoder_new(&a, m, SIDE, SIDE, DS_TILING_NEVER, NULL, err);
    if (st == DS_OK) {
        ds_rng_init(&rng, DS_RNG_TORCH_CPU, 1);
        ds_rng_normal(&rng, squares, channels * SAMPLES);
        for (int64_t i = 0; i < channels * SIDE * SIDE; i++)
            latent[i] =
                squares[i / (SIDE * SIDE) * SAMPLES +
                        i % (SIDE * SIDE) / SIDE / SQUARE * (SIDE / SQUARE) + i % SIDE / SQUARE];
        st = ds__decode(a, image, latent, NULL, err);
    }
    if (st == DS_OK)
        fit(p, squares, image, factor);
    ds__autoencoder_free(a);
    ds_free(squares);
    ds_free(latent);
    ds_free(image);
    return st;
}

void ds__preview_apply(const ds_preview *p, float *rgb, const float *latent, int64_t count)
{
    for (int c = 0; c < 3; c++)
        for (int64_t i = 0; i < count; i++) {
            float v = p->offset[c];

            for (int64_t k = 0; k < p->channels; k++)
                v += p->weight[c][k] * latent[k * count + i];
            rgb[c * count + i] = fminf(fmaxf(v, 0.0f), 1.0f);
        }
}

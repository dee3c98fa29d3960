/* analytic.h - denoisers that are known in closed form, as sources for the estimators: what a
 * network would answer if it had learnt a model of x perfectly.
 *
 * With a = s(logsnr), b = 1 - a and x_a = sqrt(a) x + sqrt(b) e,
 *
 *     E[e | x_a] = sqrt(b) (a S + b I)^-1 (x_a - sqrt(a) m)            x ~ N(m, S)
 *     E[e | x_a] = sqrt(b) sum_c p(c | x_a) (x_a - sqrt(a) m_c)        x ~ sum_c p_c N(m_c, I) */

#ifndef DS_TESTS_ANALYTIC_H
#define DS_TESTS_ANALYTIC_H

#include "methods/estimate/source.h"

typedef struct ta_model {
    ds_answer answer;   /* the parametrisation it answers in */
    int64_t conditions; /* K */
    int64_t channels, height, width;
    /* Independent pixels: mean [K,n] and var [K,n]; n = channels height width. */
    const double *mean, *var;
    /* Or dependent ones: mean [K,n] and cov [K,n,n], n at most 16. */
    const double *cov;
    /* Or a mixture: center [components,n] and prior [K,components]. */
    int64_t components;
    const double *center, *prior;
    /* Or a basis: the pixels' cosine transform (orthonormal, square planes) has mean and var. */
    bool cosine;

    int64_t images; /* set by ta_source */
} ta_model;

/* A source over m, which must live as long. */
ds_source ta_source(ta_model *m, int64_t images);

/* ---- pictures of 4 planes whose word is known ------------------------------------------------ */

typedef struct ta_scene {
    ta_model model; /* conditioning 0 without the word, 1 with it */
    int64_t side;
    double *block;
    double *mean, *var, *center, prior[4];
    float *latent;    /* [4,side,side], drawn from the model with the word */
    double *truth[2]; /* maps i_o, i_s [side,side] over all log-SNRs, of G alone; else NULL */
    double total[2];  /* the same; of W and i_s of M too, else NaN */
} ta_scene;

/* G: independent pixels, the word fixes a twentieth of the variance in a disc.
 * W: a spectrum that falls with the square of the frequency, the word fixes half of the low ones.
 * M: a rare word that means one template; the denoiser switches sharply near log-SNR -4. */
void ta_scene_new(ta_scene *s, char kind, int64_t side, uint64_t seed);
void ta_scene_free(ta_scene *s);

/* Orthonormal two-dimensional cosine transform of a plane [side,side], in place, and its inverse.
 */
void ta_cosine(double *plane, int64_t side, bool inverse);

/* Draws by quadrature, to be used as recorded ones: `snrs` equal steps of log-SNR over [low, high]
 * (midpoints), at each of them the nodes of Gauss and Hermite for one latent element
 * (elements == 1), or points that integrate quadratic functions exactly. Free with
 * ds_bundle_free. */
ds_bundle *ta_quadrature(double low, double high, int64_t snrs, int64_t nodes, int64_t elements);

/* The same for two elements: a product of Gauss-Hermite rules. latent [1,1,1,2]. */
ds_bundle *ta_quadrature2(double low, double high, int64_t snrs, int64_t nodes);

#endif

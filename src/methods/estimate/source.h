/* source.h - what the estimators ask of a denoiser: answers to noisy latents at given log-SNRs
 * under several conditionings at once. The network is one case; models whose optimal denoiser is
 * known in closed form are another, and run through the same code.
 *
 * With a = log-SNR, x the clean latent and e the noise, the noisy latent is, by parametrisation,
 *
 *     EPS, V   z = sqrt(s(a)) x + sqrt(s(-a)) e,   s(a) = 1 / (1 + exp(-a))
 *     FLOW     z = (1 - t) x + t e,                t = 1 / (1 + exp(a / 2))
 *
 * and the estimate of the noise from the answer v
 *
 *     EPS   v
 *     V     sqrt(s(a)) v + sqrt(s(-a)) z           (v = sqrt(s(a)) e - sqrt(s(-a)) x)
 *     FLOW  z + (1 - t) v                          (v = e - x)
 *
 * Thread rule: a source belongs to one thread. */

#ifndef DS_METHODS_SOURCE_H
#define DS_METHODS_SOURCE_H

#include "pipeline/denoiser.h"

typedef enum ds_answer { DS_ANSWER_EPS, DS_ANSWER_V, DS_ANSWER_FLOW } ds_answer;

/* out [K,B,C,h,w] from z [B,C,h,w] at log-SNRs [B]. */
typedef ds_status ds_source_fn(void *user, float *out, const float *z, const double *logsnr,
                               const ds_cancel *cancel, ds_error *err);

typedef struct ds_source {
    ds_source_fn *denoise;
    void *user;
    ds_answer answer;
    int64_t conditions; /* K */
    int64_t images;     /* B in a call */
    int64_t channels, height, width;
    const double *table; /* log-SNRs that it was trained at, falling; NULL: any */
    int64_t table_count;
} ds_source;

/* The factors of x and e in z at a log-SNR, and those of the answer and z in the estimated
 * noise. */
typedef struct ds_mixing {
    double x, e;
    double answer, z;
} ds_mixing;
ds_mixing ds__source_mixing(ds_answer answer, double logsnr);

/* The nearest log-SNR of the table, and its place; the log-SNR itself and -1 without a table. */
double ds__source_snap(const ds_source *s, double logsnr, int64_t *place);

/* The range of log-SNR over which informations are integrated: that of the table, within [-10, 12].
 * Below, the noise has 20,000 times the variance of the picture, and no word shows; cosine
 * schedules go down to -20, where draws would be wasted. Without a table [-10, 12]. */
void ds__source_range(const ds_source *s, double *low, double *high);

/* ---- the network ----------------------------------------------------------------------------- */

typedef struct ds_network_source ds_network_source;

/* Plans the network for `images` latents of [C,height,width] under the conditionings' number; c may
 * go away afterwards. The time step handed to the network is that of the nearest log-SNR in its
 * schedule. The model must outlive the source. */
ds_status ds__network_source_new(ds_network_source **out, ds_model *m, const ds_conditions *c,
                                 int64_t images, int64_t height, int64_t width, ds_error *err);
void ds__network_source_free(ds_network_source *n); /* NULL is allowed */

/* Other conditionings of the same number. */
ds_status ds__network_source_condition(ds_network_source *n, const ds_conditions *c, ds_error *err);

const ds_source *ds__network_source(const ds_network_source *n);

#endif

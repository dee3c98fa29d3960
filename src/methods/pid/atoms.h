/* atoms.h - partial information decomposition of two words: from the informations i_A, i_B and
 * i_AB to redundancy R, unique informations U_A and U_B, and synergy S. Pure functions; the method
 * (pid.h) feeds them with what the estimator measures.
 *
 *     U_A + R = i_A      U_B + R = i_B      U_A + U_B + R + S = i_AB
 *
 * Every redundancy offered here follows one source k in {A, B}, less a charge c_k >= 0:
 *
 *     R = i_k - c_k      U_k = c_k      U_other = i_other - i_k + c_k      S = i_AB - i_other - c_k
 *
 * so that no atom is a difference of nearly equal numbers, and what is zero is exactly zero.
 *
 *     pm          follows the larger of i_A and i_B - Delta; c = Delta for the less probable word
 *     mmi-pixel   follows the smaller of i_A and i_B at each pixel; c = 0
 *     mmi-image   the same, decided once for the picture by its totals
 *     imin        mmi-pixel on specific informations (ds__pid_specific)
 *
 * pm is the redundancy of DiffusionPID (arXiv 2406.05191) after Finn and Lizier: min(h_A, h_B) -
 * min(h_A - i_A, h_B - i_B), with the words' surprisals h. Of these only Delta = h_B - h_A matters.
 *
 * Thread rule: none; there is no state. */

#ifndef DS_METHODS_PID_ATOMS_H
#define DS_METHODS_PID_ATOMS_H

#include <diffuscope/pid.h>

/* Positive if the redundancy follows A, negative for B, 0 if both give the same atoms. Delta may be
 * infinite. For mmi-image, the informations are those of the whole picture. */
double ds__pid_margin(ds_redundancy kind, double ia, double ib, double delta);

/* The atoms on one side of the margin: what a cross-fitted estimate needs. */
ds_pid_atoms ds__pid_follow(ds_redundancy kind, bool follow_b, double ia, double ib, double iab,
                            double delta);

/* Both steps. Exchanging the words (and the sign of Delta) exchanges U_A and U_B, bit for bit. */
ds_pid_atoms ds__pid_atoms(ds_redundancy kind, double ia, double ib, double iab, double delta);

/* What a maximum or minimum of two noisy means is wrong by, on average: for a true gap d and its
 * standard error s, s phi(d/s) - |d| Phi(-|d|/s); at most 0.399 s. Upwards for pm, downwards for
 * mmi. */
double ds__pid_bias(double gap, double se);

/* Specific information: the expectation over a vocabulary of words y,
 *
 *     out_j = sum over y of p(y|x) i_j(x;y),      p(y|x) ~ p(y) exp(i^s(x;y)),
 *
 * with the prior p(y) and the picture's total i^s(x;y). Williams and Beer, arXiv 1004.2515. */
void ds__pid_specific(double *out, const double *prior, const double *total, const double *maps,
                      int64_t words, int64_t pixels);

/* ---- from replicates to estimates with standard errors --------------------------------------- */

/* Independent replicates of the three maps, [replicates, pixels] each. */
typedef struct ds_pid_sample {
    const double *ia, *ib, *iab;
    int64_t replicates, pixels;
} ds_pid_sample;

/* One atom's mean and its standard error, which is NaN for a single replicate. */
typedef struct ds_pid_field {
    double *mean, *se; /* [pixels] */
} ds_pid_field;

typedef struct ds_pid_estimate {
    ds_pid_field atom[DS_PID_ATOMS]; /* caller's memory */
    ds_value sum[DS_PID_ATOMS];      /* over the pixels */
    int64_t undecided; /* pixels whose margin is within 2 standard errors of zero, but not exact */
    int64_t following_b; /* pixels that follow B by the mean of all replicates */
} ds_pid_estimate;

/* Which word to follow is decided with one half of the replicates and evaluated on the other, and
 * the other way round: a maximum of noisy means is biased (ds__pid_bias), and over the many pixels
 * that say nothing about either word the bias adds up. The standard error is that of the
 * replicates' values; where the halves disagree, the estimate is the mean of both sides, and its
 * distance from either, a quarter of the two margins' difference, is added in quadrature. Without
 * it the intervals were too short: 86 to 92 % instead of 94 to 97 % for 4 to 16 replicates.
 * `plain` decides with all replicates instead: the closed form of the means, with the bias.
 * mmi-image takes the sides from the sums over pixels. scratch: 2 doubles for each replicate and
 * atom. A single pixel gives the atoms of a total. */
void ds__pid_estimate(ds_pid_estimate *out, ds_redundancy kind, double delta, bool plain,
                      const ds_pid_sample *sample, double *scratch);
#endif

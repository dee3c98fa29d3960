/* mixture.h - a pseudo-token as a mixture of words (Chefer et al., arXiv 2306.00966, section 3):
 *
 *     r = sum_i a_i D_i,    w = kappa r / |r|
 *
 * with rows D_i of the text encoder's table of embeddings and coefficients a_i >= 0. A model with two
 * text encoders has two tables, whose rows share the coefficients, and two vectors.
 *
 * Sums are in double, in the order of the rows. Thread rule: no state. */

#ifndef DS_METHODS_CONCEPT_MIXTURE_H
#define DS_METHODS_CONCEPT_MIXTURE_H

#include <diffuscope/base.h>

#define DS_CONCEPT_PARTS 2 /* text encoders */

/* Borrowed. */
typedef struct ds_words {
    int64_t count; /* D */
    int parts;     /* 1, or 2 for two text encoders */
    int64_t width[DS_CONCEPT_PARTS];
    const float *row[DS_CONCEPT_PARTS]; /* [D,width] */
    double kappa[DS_CONCEPT_PARTS];     /* length of a pseudo-token */
} ds_words;

int64_t ds__words_width(const ds_words *d); /* of all parts side by side */

/* r [width] of one part; `only` (NULL: all) lists `n` rows that count. */
void ds__mixture_sum(double *r, const ds_words *d, int part, const double *alpha,
                     const int64_t *only, int64_t n);

/* token [width] = kappa r / |r|; returns |r|. A sum of length 0 gives zeros. */
double ds__mixture_token(float *token, const ds_words *d, int part, const double *r);

/* All parts side by side. */
ds_status ds__mixture_tokens(float *token, const ds_words *d, const double *alpha,
                             const int64_t *only, int64_t n, ds_error *err);

/* Adjoint of ds__mixture_token: out = (kappa / |r|) (g - (g.u) u), u = r / |r|. */
void ds__mixture_pull_token(double *out, const ds_words *d, int part, const double *r,
                            const float *g);

/* Adjoint of ds__mixture_sum: grad_i += factor D_i . g for the rows that count. */
void ds__mixture_pull_sum(double *grad, const ds_words *d, int part, const double *g, double factor,
                          const int64_t *only, int64_t n);

/* The paper's sparsity term (eq. 4 there), 1 - cos(r_top, r), averaged over parts; adds `lambda`
 * times its gradient to grad [D]. The choice of the top rows is held constant:
 *     d(1-c)/dr     = -(u_top - c u) / |r|        d(1-c)/dr_top = -(u - c u_top) / |r_top| */
ds_status ds__mixture_sparsity(double *value, double *grad, const ds_words *d, const double *alpha,
                               const int64_t *top, int64_t n, double lambda, ds_error *err);

/* Our penalty, the length of the way over the length of what is reached, >= 1 with equality for rows
 * that point one way; averaged over parts; adds `rho` times its gradient to grad [D]:
 *     P = sum_i a_i |D_i| / |r|       dP/da_i = |D_i| / |r| - (sum_k a_k |D_k|) D_i.r / |r|^3 */
ds_status ds__mixture_penalty(double *value, double *grad, const ds_words *d, const double *alpha,
                              double rho, ds_error *err);

/* share [D]: a_i |D_i| over their sum, averaged over parts: comparable between concepts. */
void ds__mixture_shares(double *share, const ds_words *d, const double *alpha);

/* index [n]: of the n largest values, largest first; ties by place. n <= count. */
ds_status ds__largest(int64_t *index, int64_t n, const double *value, int64_t count, ds_error *err);

#endif

/* coefficients.h - the coefficients of one concept under one of the two solvers: from them to the
 * pseudo-token, and from the gradient at the token to the next coefficients.
 *
 *     eg     min  L(w) + rho P(a)               exponentiated gradient, P of mixture.h
 *     paper  min  L(w) + lambda (1 - cos(w_N, w))   AdamW on the network of mlp.h
 *
 * Thread rule: an object belongs to one thread. The words must outlive it. */

#ifndef DS_METHODS_CONCEPT_COEFFICIENTS_H
#define DS_METHODS_CONCEPT_COEFFICIENTS_H

#include <diffuscope/tensor.h>

#include "methods/concept/mixture.h"
#include "methods/concept/mlp.h"
#include "methods/concept/simplex.h"

typedef enum ds_solver { DS_SOLVER_EG = 0, DS_SOLVER_PAPER } ds_solver;

typedef struct ds_coefficients {
    ds_solver solver;
    const ds_words *words;
    bool *allowed; /* [D] */
    double *alpha; /* [D] */
    double *grad;  /* [D]: of the whole objective, of the last step */
    int64_t *top;  /* [n_top]: of the last step */
    int64_t n_top; /* N */
    double *room;  /* [2,width] */
    ds_eg eg;
    ds_mlp *mlp;  /* paper */
    float *table; /* [D,E]: rows with all parts side by side, what the network reads */
} ds_coefficients;

/* allowed may be NULL: all words. n_top: at most the number of words. */
ds_status ds__coefficients_new(ds_coefficients **out, ds_solver solver, const ds_words *words,
                               const bool *allowed, int64_t n_top, ds_error *err);
void ds__coefficients_free(ds_coefficients *c); /* NULL is allowed */

/* The beginning: equal shares times exp(jitter times a normal number), or PyTorch's draw of the
 * network's parameters. */
void ds__coefficients_draw(ds_coefficients *c, double jitter, ds_rng *rng);

/* alpha from the network (paper; eg keeps them), the top, and the token [all parts] of all words. */
ds_status ds__coefficients_token(ds_coefficients *c, float *token, ds_error *err);

/* The gradient at alpha from that at the token; *term: P or 1 - cos; weight: rho or lambda. */
ds_status ds__coefficients_pull(ds_coefficients *c, double *term, const float *token_gradient,
                                double weight, ds_error *err);

/* The network's gradient (paper) is made, and a step taken. */
void ds__coefficients_back(ds_coefficients *c);
void ds__coefficients_update(ds_coefficients *c);

/* Into and from a set of tensors, names behind `prefix`: all that a run needs to go on. */
ds_status ds__coefficients_save(const ds_coefficients *c, ds_bundle *to, const char *prefix,
                                ds_error *err);
ds_status ds__coefficients_load(ds_coefficients *c, const ds_bundle *from, const char *prefix,
                                ds_error *err);

#endif

/* fit.h - the search for coefficients: several concepts (lanes) in one batch, with checks on held-out
 * triples, of which the best is kept.
 *
 * Every draw of a step depends on seed, restart, concept and step alone, so that a lane's answer does not
 * depend on its companions, and a run that was stopped goes on as if it had not been.
 *
 * Thread rule: one thread. */

#ifndef DS_METHODS_CONCEPT_FIT_H
#define DS_METHODS_CONCEPT_FIT_H

#include "methods/concept/bank.h"
#include "methods/concept/coefficients.h"

typedef struct ds_fit_options {
    ds_solver solver;
    int64_t steps, batch;
    int64_t tokens;            /* N: words that are judged by the checks, and reported */
    double eta, jitter;        /* eg */
    double rho, lambda;        /* weights of the penalty (eg) and of the sparsity term (paper) */
    double ramp_from, ramp_to; /* shares of the steps between which rho grows from 0 */
    int64_t check_every;
    uint64_t seed;
    int64_t restart;
    bool recompute;
    int64_t height, width;
    const char *state; /* file that is written at each check, and read first if it is there; NULL */
    const char *identity; /* of the search: a state of another one is refused; NULL: "" */
    /* Judges the token [width] of a lane in place of the held-out loss: a higher score is better, at most 1. NULL. */
    ds_status (*judge)(void *user, int64_t lane, double *score, const float *token, ds_error *err);
    void *judge_user;
    const ds_cancel *cancel;
    ds_status (*progress)(void *user, int64_t done, int64_t total, ds_error *err);
    void *user;
} ds_fit_options;

/* One concept. The first block is the caller's; arrays of the second are made by ds__fit. */
typedef struct ds_fit_lane {
    const char *word;
    const bool *allowed; /* [D] */
    const ds_bank *bank;
    const ds_sentences *held_sentences;
    const ds_frozen *held; /* as many triples as in other lanes */

    double *alpha; /* [D]: of the best check */
    double best;   /* its held-out loss, or 1 - the judge's score */
    int64_t best_step;
    double *curve; /* [steps,2]: loss, penalty or sparsity */
    double *check; /* [checks] */
    int64_t checks;
} ds_fit_lane;

typedef struct ds_fit_cost {
    int64_t forward, backward; /* rows through the denoiser */
    int64_t encodes;           /* sentences through the text encoders */
} ds_fit_cost;

ds_status ds__fit(ds_fit_lane *lane, int64_t lanes, ds_model *m, const ds_words *words,
                  const ds_noise *noise, const ds_fit_options *o, ds_fit_cost *cost, ds_error *err);
void ds__fit_lane_clear(ds_fit_lane *lane); /* the second block */

int64_t ds__fit_checks(const ds_fit_options *o);

/* A generator of its own for each word and number. */
void ds__fit_rng(ds_rng *rng, uint64_t seed, const char *word, int64_t restart, int64_t number);

/* row_loss [held->count] of a token [width] on held-out triples, in batches of the loss's rows; l has one
 * lane with the held-out sentences. cost may be NULL. */
ds_status ds__held_loss(double *row_loss, ds_loss *l, int64_t rows, const ds_frozen *held,
                        const float *token, ds_fit_cost *cost, ds_error *err);

#endif

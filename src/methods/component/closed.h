/* closed.h - edits of key and value matrices in closed form: UCE, LocoEdit, redirect.
 *
 * All of them ask that some texts c (erased) be read as others c* (their guides), and that further
 * texts p (kept) be read as before, by a matrix W [rows,D] that reads embeddings:
 *
 *     min  sum_e a |W' c_e - W c*_e|^2 + sum_p b |W' p - W p|^2 + lambda |W' - W|^2
 *
 * whose answer factors, so that one transform serves every matrix that reads the same texts:
 *
 *     W' = W T     T = (lambda I + P + M)(lambda I + P + E)^-1
 *     E = sum a c c^T,   M = sum a c* c^T,   P = sum b p p^T
 *
 * UCE (Gandikota et al., arXiv 2308.14761, eq. 7): lambda .5, a = b = 1, c the concept's last token.
 * LocoEdit (Basu et al., arXiv 2405.01008, eq. 3): no kept texts, lambda .01, few layers.
 * Redirect (ours): hundreds of kept captions, all of their places, and a larger weight on the target.
 *
 * Thread rule: an object belongs to one thread. */

#ifndef DS_METHODS_COMPONENT_CLOSED_H
#define DS_METHODS_COMPONENT_CLOSED_H

#include <diffuscope/base.h>

typedef struct ds_closed {
    int64_t width;               /* D */
    double *left, *right;        /* [D,D]: P + M, P + E */
    double target_sum, kept_sum; /* of the weights times squared lengths: traces of E and P */
    int64_t targets, kept;
} ds_closed;

ds_status ds__closed_new(ds_closed *c, int64_t width, ds_error *err);
void ds__closed_free(ds_closed *c);

/* Rows [count,D]; guide [count,D] stands for c*. */
void ds__closed_target(ds_closed *c, const float *from, const float *guide, int64_t count,
                       double a);
void ds__closed_keep(ds_closed *c, const float *kept, int64_t count, double b);

/* The transform T [D,D]. DS_E_ARG if lambda is too small for the sums to be inverted. */
ds_status ds__closed_solve(double *transform, const ds_closed *c, double lambda, ds_error *err);

/* out [rows,D] = W T, for the rows with use[r] != 0 (NULL: all); the others are copied. */
void ds__closed_apply(float *out, const float *w, int64_t rows, const double *transform,
                      int64_t width, const uint8_t *use);

#endif

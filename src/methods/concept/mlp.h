/* mlp.h - the paper's coefficients as a network of the rows (Chefer et al., arXiv 2306.00966, section 3
 * and its published code, folder conceptor of google-research):
 *
 *     a_i = | W2 relu(W1 D_i + b1) + b2 |        W1 [100,E], W2 [1,100]
 *
 * trained by AdamW at a rate of 1e-3 and a decay of 1e-2. The paper's text has a last ReLU, which can
 * make every coefficient 0; the published code takes the absolute value, and so do we.
 *
 * Thread rule: an object belongs to one thread; rows are shared between threads. */

#ifndef DS_METHODS_CONCEPT_MLP_H
#define DS_METHODS_CONCEPT_MLP_H

#include <diffuscope/rng.h>

#define DS_MLP_HIDDEN 100

typedef struct ds_mlp {
    int64_t width, hidden, count; /* E, H, parameters in all */
    float *w1, *b1, *w2, *b2;     /* [H,E], [H], [1,H], [1]: one block after the other, w1 first */
    float *grad;                  /* [count], in the same order */
    float *m, *v;                 /* AdamW's moments */
    int64_t step;                 /* steps done */
    float *value;                 /* [rows,H]: W1 D_i + b1 */
    float *out;                   /* [rows]: before the absolute value */
    double *back, *room;          /* [rows], [H,E]: of the backward pass */
    int64_t rows;
} ds_mlp;

/* Room for `rows` rows of `width` numbers; parameters are zero. */
ds_status ds__mlp_new(ds_mlp **out, int64_t width, int64_t hidden, int64_t rows, ds_error *err);
void ds__mlp_free(ds_mlp *n); /* NULL is allowed */

/* As torch.nn.Linear: uniform within 1/sqrt(inputs), in the order w1, b1, w2, b2. */
void ds__mlp_draw(ds_mlp *n, ds_rng *rng);

/* alpha [rows] from table [rows,width]. */
void ds__mlp_forward(ds_mlp *n, double *alpha, const float *table);

/* n->grad from d loss / d alpha, after a forward with the same table. */
void ds__mlp_backward(ds_mlp *n, const double *grad_alpha, const float *table);

/* One step of AdamW from n->grad. */
void ds__mlp_update(ds_mlp *n);

#endif

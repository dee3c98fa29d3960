/* draws.h - the paper's search on recorded draws: the same batch at every step, for comparison with other
 * programs.
 *
 * draws hold dictionary_ids [D], latent [B,C,h,w] (clean), eps like it, timestep [B], and the network's
 * first parameters mlp.0.weight [100,E], mlp.0.bias [100], mlp.2.weight [1,100], mlp.2.bias [1]. The free
 * token is the prompt's last word; kappa is the mean norm of all rows of the table.
 *
 * out gets, of the first step, alpha [D], token [E], top [N] (places in dictionary_ids), conditioning
 * [1,T,E], gradient.alpha and first.gradient.mlp.*; of all, losses [K,2] (reconstruction, 1 - cos); of the
 * last, gradient.mlp.*, the network's gradient as PyTorch's parameters still hold it then (this is what the
 * reference numbers have, whose gradient of alpha is the first step's); and after it, mlp.*. */

#ifndef DS_METHODS_CONCEPT_DRAWS_H
#define DS_METHODS_CONCEPT_DRAWS_H

#include <diffuscope/model.h>
#include <diffuscope/tokenizer.h>

typedef struct ds_draws_options {
    const char *prompt;
    int64_t steps, tokens;
    double lambda;
    bool recompute;
    const ds_cancel *cancel;
} ds_draws_options;

ds_status ds__concept_draws(ds_bundle *out, ds_model *m, const ds_tokenizer *t,
                            const ds_bundle *draws, const ds_draws_options *o, ds_error *err);

#endif

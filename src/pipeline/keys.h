/* keys.h - what the layers of a denoiser that read the text make of it before they meet the latent.
 *
 *     K = X W_K,  V = X W_V        X [K,T,D]: the encoded texts
 *
 * Neither latent nor time step enters, so they are computed once for a text, by a network of which
 * nothing else is run. */

#ifndef DS_PIPELINE_KEYS_H
#define DS_PIPELINE_KEYS_H

#include "pipeline/prompt.h"

/* Shows what `watcher` wants of the sites that depend on the conditionings alone, [K,T,width] each.
 * It must not want a site that depends on the latent or the time step too: these are not set. The
 * latent's height and width decide only which layers there are. */
ds_status ds__denoiser_keys(ds_model *m, const ds_conditions *c, int64_t height, int64_t width,
                            const ds_watcher *watcher, ds_error *err);

#endif

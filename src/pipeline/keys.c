/* keys.c - see keys.h. */

#include "pipeline/keys.h"

ds_status ds__denoiser_keys(ds_model *m, const ds_conditions *c, int64_t height, int64_t width,
                            const ds_watcher *watcher, ds_error *err)
{
    const ds_net_options o = { .watcher = watcher, .watched_only = true };
    const ds_net_shape shape = { c->count, c->tokens, height, width };
    const ds_tensor context = { DS_DTYPE_F32, 3, { c->count, c->tokens, c->width }, c->hidden };
    ds_net *n = NULL;
    ds_status st = ds__net_new(&n, m, DS_MODULE_UNET, &shape, &o, err);

    if (st == DS_OK)
        st = ds__net_set(n, "encoder_hidden_states", &context, err);
    if (st == DS_OK)
        st = ds__net_run(n, NULL, err);
    ds__net_free(n);
    return st;
}

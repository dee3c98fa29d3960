#include "methods/daam.h"
ds_status ds__daam_prepare_ask(ds_daam *d, ds_error *err)
{
    (void)d;
    (void)err;
    return DS_OK;
}
ds_status ds__daam_ask(ds_daam *d, int64_t layer, const ds_tensor *q, ds_error *err)
{
    (void)d;
    (void)layer;
    (void)q;
    (void)err;
    return DS_OK;
}

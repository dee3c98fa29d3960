/* model_option.c - see model_option.h. */

#include "model_option.h"

#include <string.h>

ds_status model_from_options(ds_model **out, const ds_args *a, ds_error *err)
{
    ds_model_options o = DS_MODEL_OPTIONS_INIT;

    if (opt_declared(a, "compute")) {
        o.compute = strcmp(opt_text(a, "compute"), "bf16") == 0 ? DS_DTYPE_BF16 : DS_DTYPE_F32;
        o.products =
            strcmp(opt_text(a, "compute"), "ref") == 0 ? DS_PRODUCTS_REFERENCE : DS_PRODUCTS_AUTO;
    }
    return ds_model_open(out, opt_text(a, "model"), &o, err);
}

/* status.c - oneDNN's words for ours: element types and failures. */

#include "kernels/dnnl/engine.h"

ds_status ds__dnnl_check(const ds__dnnl_kernel *k, dnnl_status_t s, const char *what, ds_error *err)
{
    char text[256];

    if (s == dnnl_success)
        return DS_OK;
    return ds_fail(err,
                   s == dnnl_out_of_memory   ? DS_E_NOMEM
                   : s == dnnl_unimplemented ? DS_E_UNSUPPORTED
                                             : DS_E_INTERNAL,
                   "oneDNN %d.%d, %s of %s: %s", DNNL_VERSION_MAJOR, DNNL_VERSION_MINOR, what,
                   ds__kernel_text(&k->base.desc, text, sizeof text), dnnl_status2str(s));
}

dnnl_data_type_t ds__dnnl_type(ds_dtype t)
{
    return t == DS_DTYPE_F32 ? dnnl_f32 : dnnl_bf16;
}

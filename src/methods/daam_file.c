#include "methods/daam.h"
ds_status ds_daam_save(const ds_daam *d, const char *path, ds_error *err){(void)d;(void)path;return ds_fail(err,DS_E_UNSUPPORTED,"not yet");}
ds_status ds_daam_load(ds_daam **out, ds_model *m, const char *path, ds_error *err){(void)m;(void)path;*out=NULL;return ds_fail(err,DS_E_UNSUPPORTED,"not yet");}

/* method.h - runs a method of the library as a command. */

#ifndef DS_CLI_METHOD_H
#define DS_CLI_METHOD_H

#include "opts.h"

ds_status run_method(const ds_args *a, ds_error *err);

/* The same without what is printed on standard output. */
ds_status run_silently(const ds_args *a, ds_error *err);

#endif

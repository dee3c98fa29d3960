/* diffuscope/methods.h - the instruments and studies by name.
 *
 * Experimental: may change with a minor version. Thread rule: constant data. */

#ifndef DIFFUSCOPE_METHODS_H
#define DIFFUSCOPE_METHODS_H

#include <diffuscope/job.h>

#ifdef __cplusplus
extern "C" {
#endif

DS_API const ds_method *ds_method_at(
    int i); /* in the order of a list for people; NULL past the end */

/* DS_E_NOMATCH names near ones. */
DS_API ds_status ds_method_find(const ds_method **out, const char *name, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

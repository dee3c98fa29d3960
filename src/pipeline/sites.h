/* sites.h - names of what a model computes, patterns over them, and recording what matches. */

#ifndef DS_PIPELINE_SITES_H
#define DS_PIPELINE_SITES_H

#include "models/net.h"

/* Shape of a run on the model's own size, for listing. */
ds_net_shape ds__sites_shape(const ds_model *m, ds_module module);

/* True if name matches the glob (fnmatch: * also crosses dots). */
bool ds__site_matches(const char *pattern, const char *name);

/* All sites of one module; free with ds_site_list_free. */
ds_status ds__module_sites(ds_model *m, ds_module module, ds_site_list **out, ds_error *err);

/* DS_E_NOMATCH for a pattern that no site of l matches, with the nearest names. */
ds_status ds__site_no_match(const ds_site_list *l, const char *pattern, ds_error *err);

/* A watcher that copies every value whose site matches one of the patterns into a bundle. A site
 * that is shown again (another step) overwrites its copy. */
typedef struct ds_capture {
    const char *const *pattern;
    int count;
    ds_bundle *into;
} ds_capture;

ds_watcher ds__capture_watcher(ds_capture *c);

#endif

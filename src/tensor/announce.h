/* announce.h - how a network tells whoever listens what it computes, without knowing who that is.
 *
 * While a graph is built, `wants` is asked once for every site that the network has. Only sites
 * that are wanted leave a trace in the graph; an unwatched run executes nothing for the rest. */

#ifndef DS_TENSOR_ANNOUNCE_H
#define DS_TENSOR_ANNOUNCE_H

#include <diffuscope/tensor.h>

typedef enum ds_interest {
    DS_IGNORE = 0,
    DS_LOOK, /* show the value */
    DS_EDIT  /* show it, and go on with what `show` leaves there */
} ds_interest;

typedef struct ds_watcher {
    /* site: full name; shape: what `show` would be given (data is NULL). */
    ds_interest (*wants)(void *user, const char *site, const ds_tensor *shape);

    /* value: f32 in PyTorch's axis order, borrowed for the call. Any status but DS_OK ends the run.
     */
    ds_status (*show)(void *user, const char *site, ds_tensor *value, ds_error *err);
    void *user;
} ds_watcher;

#endif

/* announce.h - how a network tells whoever listens what it computes, without knowing who that is.
 *
 * While a graph is built, `wants` is asked once for every site that the network has. Only sites
 * that are wanted leave a trace in the graph; an unwatched run executes nothing for the rest. */

#ifndef DS_TENSOR_ANNOUNCE_H
#define DS_TENSOR_ANNOUNCE_H

#include <diffuscope/tensor.h>

typedef enum ds_interest {
    DS_IGNORE = 0,
    DS_LOOK,  /* show the value; it must not be changed */
    DS_EDIT,  /* show it, and go on with what `show` leaves there */
    DS_PARTS, /* show it in parts where the network never forms it as a whole (the probabilities of
                 an attention), as DS_LOOK elsewhere. Costs no memory and changes no result. */
} ds_interest;

/* Part of a value [N,H,S,T]: values [H,rows,T] of image `image` and rows first, first + 1, ... */
typedef struct ds_part {
    const char *site;
    int64_t image, heads, first, rows, columns;
    const float *values;
} ds_part;

typedef struct ds_watcher {
    /* site: full name; shape: what `show` would be given (data is NULL). */
    ds_interest (*wants)(void *user, const char *site, const ds_tensor *shape);

    /* value: f32 in PyTorch's axis order, borrowed for the call. Any status but DS_OK ends the run.
     */
    ds_status (*show)(void *user, const char *site, ds_tensor *value, ds_error *err);
    void *user;

    /* For DS_PARTS: parts come in order, images outermost. wants_image says of which images of the
     * batch parts are shown (NULL: all). */
    ds_status (*show_part)(void *user, const ds_part *part, ds_error *err);
    bool (*wants_image)(void *user, const char *site, int64_t image);
} ds_watcher;

#endif

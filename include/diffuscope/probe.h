/* diffuscope/probe.h - look at what a network computes, and change it, while it runs.
 *
 * EXPERIMENTAL: may change with a minor version.
 *
 * Every value that a network names is a site ("unet.mid_block.attentions.0.transformer_blocks.0.attn2.out",
 * see ds_model_sites). While a network is planned, `wants` is asked once for each of its sites; only
 * those that are wanted are kept and shown, so that what nobody watches costs nothing.
 *
 * Thread rule: a watcher is called by the thread that runs the network. Two threads may share one only
 * if its functions allow that. */

#ifndef DIFFUSCOPE_PROBE_H
#define DIFFUSCOPE_PROBE_H

#include <diffuscope/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ds_interest {
    DS_IGNORE = 0,
    DS_LOOK, /* show the value; it must not be changed */
    DS_EDIT, /* show it, and go on with what `show` leaves there */
    DS_PARTS /* show it in parts where the network never forms it as a whole (the probabilities of an
                attention), as DS_LOOK elsewhere. Costs no memory and changes no result. */
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

    /* value: F32 in PyTorch's axis order, borrowed for the call. Rows of the batch are ordered
     * conditioning by conditioning, the prompt's last. Any status but DS_OK ends the run with it. */
    ds_status (*show)(void *user, const char *site, ds_tensor *value, ds_error *err);
    void *user;

    /* For DS_PARTS: parts come in order, images outermost. wants_image says of which images of the
     * batch parts are shown (NULL: all). */
    ds_status (*show_part)(void *user, const ds_part *part, ds_error *err);
    bool (*wants_image)(void *user, const char *site, int64_t image);
} ds_watcher;

/* A gate multiplies a site's value by numbers of the caller's: one for all, or one for each of `parts`
 * equal parts of its channels (the heads of "...attn1.out", the hidden units of "...ff.net.0"), the
 * same for every row of the batch or not, and the same for all places of a row or not. Gates are ones
 * until they are set; probabilities have none. The gradient of a gate that is one is what removing its
 * part would take from the output, to first order. */
typedef struct ds_gate {
    const char *site; /* a glob: each site that matches gets a gate of its own */
    int64_t parts;    /* 0 or 1: one number */
    bool per_row;     /* [rows,parts] instead of [parts] */
    int64_t places;   /* with per_row, above 0: [rows,places,parts]; as many as the value has */
} ds_gate;

#ifdef __cplusplus
}
#endif
#endif

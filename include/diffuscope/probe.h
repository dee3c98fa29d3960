/* diffuscope/probe.h - look at what a network computes, and change it, while it runs.
 *
 * EXPERIMENTAL: may change with a minor version.
 *
 * Every value that a network names is a site
 * ("unet.mid_block.attentions.0.transformer_blocks.0.attn2.out", see ds_model_sites). While a
 * network is planned, `wants` is asked once for each of its sites; only those that are wanted
 * are kept and shown, so that what nobody watches costs nothing.
 *
 * Thread rule: a watcher is called by the thread that runs the network. Two threads may share
 * one only if its functions allow that. */

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
     * conditioning by conditioning, the prompt's last. Any status but DS_OK ends the run with
     * it. */
    ds_status (*show)(void *user, const char *site, ds_tensor *value, ds_error *err);
    void *user;

    /* For DS_PARTS: parts come in order, images outermost. wants_image says of which images of the
     * batch parts are shown (NULL: all). */
    ds_status (*show_part)(void *user, const ds_part *part, ds_error *err);
    bool (*wants_image)(void *user, const char *site, int64_t image);
} ds_watcher;

/* ---- taps: values by step, branch and image, looked at or changed ---------------------------- */

typedef enum ds_branch {
    DS_BRANCH_BOTH =
        0,             /* of an event: the value belongs to no branch (sampler.x, vae.decode....) */
    DS_BRANCH_PROMPT,  /* the last conditioning: the only one without guidance */
    DS_BRANCH_NEGATIVE /* those before it */
} ds_branch;

/* One row of a batch, while it is computed. */
typedef struct ds_event {
    const char *site;
    int step; /* of a run, from 0; of a denoiser its calls; -1 outside of them (text, picture) */
    int call; /* of the network so far: more than steps for samplers of several calls; or -1 */
    ds_branch branch;
    int64_t image;   /* of the run; the text of an encoder */
    ds_tensor value; /* F32 [1,...] in PyTorch's axis order, borrowed for the call */
} ds_event;

typedef ds_status ds_event_fn(void *user, ds_event *e, ds_error *err);

typedef enum ds_tap_kind {
    DS_TAP_LOOK = 0, /* show it to `call`, which must not change it */
    DS_TAP_CALL,     /* show it to `call`, and go on with what that leaves there */
    DS_TAP_REPLACE,  /* by `value` */
    DS_TAP_SCALE,    /* by `strength` */
    DS_TAP_ADD       /* strength times `value`: a direction */
} ds_tap_kind;

/* What is done at each site that matches, row by row. Taps are done in their order.
 *
 * `value` has the shape of the site, of one row of it (the first axis left out, or 1), or is one
 * number for each channel: the second axis of maps and probabilities [N,C,H,W], the last of
 * tokens [N,S,C] and vectors. It is read whenever the tap is done, so that it may change between
 * steps. */
typedef struct ds_tap {
    const char *site; /* a glob, as in ds_model_sites; copied */
    ds_tap_kind kind;
    int from, to; /* steps from <= step < to; to 0: until the end. With both 0 values outside of the
                         steps too */
    ds_branch branch; /* BOTH: whatever the branch */
    int64_t image;    /* -1: all */
    int64_t part,
        parts; /* only part `part` of `parts` equal parts of the channels, or of the heads of
                            probabilities and of "attn1.out"; parts 0: the whole */
    const ds_tensor *value;
    float strength;
    ds_event_fn *call;
    void *user;
} ds_tap;

#define DS_TAP_INIT                                                                                \
    {                                                                                              \
        .image = -1, .strength = 1.0f                                                              \
    }

/* ---- gates: numbers that a site is multiplied by, with gradients ----------------------------- */

/* A gate multiplies a site's value by numbers of the caller's: one for all, or one for each of
 * `parts` equal parts of its channels (the heads of "...attn1.out", the hidden units of
 * "...ff.net.0"), the same for every row of the batch or not, and the same for all places of a
 * row or not. Gates are ones until they are set; probabilities have none. The gradient of a gate
 * that is one is what removing its part would take from the output, to first order. */
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

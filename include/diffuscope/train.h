/* diffuscope/train.h - training of a VAE, or of a UNet and its text encoder, from a configuration
 * (docs/training.md) and a source of pictures with captions.
 *
 * Thread rule: a training belongs to one thread; it starts one more, which calls the source of data. The
 * source of test pictures is called by the first. */

#ifndef DIFFUSCOPE_TRAIN_H
#define DIFFUSCOPE_TRAIN_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Example `index`: side * side * 3 bytes, RGB, rows from the top, and a caption that ends with NUL and
 * takes at most `room` bytes. The same index always gives the same example. */
typedef struct ds_train_source {
    int64_t count; /* examples 0 .. count - 1; 0: without end */
    ds_status (*get)(void *user, int64_t index, int64_t side, unsigned char *rgb, char *caption,
                     size_t room, ds_error *err);
    void *user;
} ds_train_source;

/* A folder with captions.jsonl, whose lines name "file" (relative to the folder) and "caption".
 * Pictures are cut and scaled to the side. Close what is in `user` with ds_train_folder_close. */
DS_API ds_status ds_train_folder_open(ds_train_source *out, const char *folder, ds_error *err);
DS_API void ds_train_folder_close(ds_train_source *s); /* an empty one is allowed */

typedef struct ds_train_progress {
    int64_t step, steps;
    double loss, rate, norm;  /* of this step: loss, learning rate, gradient norm before clipping */
    double images_per_second; /* since the start */
    double gflops;            /* of products, convolutions and attention per second, likewise */
    const char *event;        /* a line worth showing, or NULL */
} ds_train_progress;

typedef struct ds_train_options {
    size_t size;                        /* set by DS_TRAIN_OPTIONS_INIT */
    const char *config;                 /* JSON file */
    const char *out;                    /* folder: checkpoint, model, sheets, log.jsonl */
    bool resume;                        /* go on from the checkpoint in `out`, if there is one */
    const ds_train_source *data, *test; /* test: of the sheets; NULL: data, whose `get` then
                                           serves two threads at once */
    const ds_cancel *cancel;            /* or NULL. A cancelled training leaves a checkpoint */
    void (*progress)(void *user, const ds_train_progress *p); /* after each step; or NULL */
    void *user;
} ds_train_options;

#define DS_TRAIN_OPTIONS_INIT                                                                      \
    {                                                                                              \
        sizeof(ds_train_options), NULL, NULL, false, NULL, NULL, NULL, NULL, NULL                  \
    }

/* what: "vae" or "diffusion". DS_E_ARG if `out` holds a training already and resume is not set; other
 * failures name file and field. DS_E_CANCELLED after a cancellation. */
DS_API ds_status ds_train(const char *what, const ds_train_options *o, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

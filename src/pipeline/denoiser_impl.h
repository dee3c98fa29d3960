/* denoiser_impl.h - what the files of a denoiser share.
 *
 *   denoiser.c         inputs, conditionings, the call
 *   denoiser_pull.c    options, gates, and cotangents pulled back */

#ifndef DS_PIPELINE_DENOISER_IMPL_H
#define DS_PIPELINE_DENOISER_IMPL_H

#include "pipeline/denoiser.h"
#include "pipeline/taps.h"

/* What ds_denoiser_pull needs beside the network. */
typedef struct ds_pull {
    bool prepared;      /* the network was planned with a pullback */
    bool ready;         /* a call was made, and not pulled back yet */
    bool done;          /* gradients are there */
    int64_t conditions; /* that the rows chose from */
    float *rows;        /* a gradient by rows, before it is summed */
    float *sample;      /* [B,C,h,w] */
    float *hidden;      /* [conditions,tokens,width] */
    float *pooled;      /* [conditions,pooled_width] */
    int64_t room;       /* conditions that fit into hidden and pooled */
} ds_pull;

struct ds_denoiser {
    ds_denoiser_shape shape;
    ds_denoiser_info info;
    int64_t rows; /* conditions * images */
    int64_t width, pooled_width;
    ds_net *net;
    int64_t *which;          /* [rows]: the conditioning that each was given */
    float *sample;           /* [rows,C,h,w] */
    float *time;             /* [rows] */
    float *context;          /* [rows,tokens,width] */
    float *pooled;           /* [rows,pooled_width] */
    bool ready;              /* conditionings are set */
    const ds_cancel *cancel; /* of the public calls */
    ds_taps *taps;
    ds_denoiser_place place; /* told when an answer is refused */
    int64_t calls;           /* of ds_denoise so far */
    ds_pull pull;
};

/* Room for the gradients of `conditions` conditionings. */
ds_status ds__pull_make_room(ds_denoiser *d, int64_t conditions, ds_error *err);
void ds__pull_free(ds_pull *p);

#endif

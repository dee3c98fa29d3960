/* diffuscope/overlay.h - a model with some of its weights changed, beside the one that it came
 * from.
 *
 * EXPERIMENTAL: may change with a minor version.
 *
 *     ds_change c = { .name = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight",
 *                     .kind = DS_CHANGE_LOW_RANK, .up = &up, .down = &down, .scale = 0.7 };
 *     ds_model_overlay(&edited, model, &(ds_overlay){ &c, 1 }, err);
 *     ... any call that takes a model ...
 *     ds_model_close(edited);                         undone: `model` was never touched
 *
 * The derived model shares files, mapped weights and kernel layouts with its base for everything
 * that is not changed, and has its own copy, in float32, of what is. An overlay may lie on
 * another.
 *
 * Lifetimes: the base stays open inside until the last model that was derived from it is closed,
 * so that they may be closed in any order. Changes and tensors are read by the call alone.
 *
 * Thread rule: as for any model; the two may be used by different threads at once. */

#ifndef DIFFUSCOPE_OVERLAY_H
#define DIFFUSCOPE_OVERLAY_H

#include <diffuscope/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ds_change_kind {
    DS_CHANGE_REPLACE = 0, /* w = value */
    DS_CHANGE_ADD,         /* w += scale value */
    DS_CHANGE_LOW_RANK, /* w += scale up down: up [O,r], down [r,I], or for a convolution [O,I,k,k]
                              up [O,r,1,1], down [r,I,k,k] */
    DS_CHANGE_SPARSE,   /* w[index[i]] = value[i], counting through the whole of w in its order */
    DS_CHANGE_RANDOM /* w = what ds_model_create draws for a parameter of this name from `seed` */
} ds_change_kind;

typedef struct ds_change {
    const char *name; /* "unet.conv_in.weight", see ds_model_parameter_name */
    ds_change_kind kind;
    const ds_tensor *value;     /* of w's shape, or, SPARSE, [n]; any numeric type */
    const ds_tensor *index;     /* SPARSE: [n], I64 or I32, all different */
    const ds_tensor *up, *down; /* LOW_RANK */
    double scale;               /* ADD and LOW_RANK: 0 changes nothing */
    uint64_t seed;              /* RANDOM */
} ds_change;

/* Changes are made one after the other; one name may occur several times. */
typedef struct ds_overlay {
    const ds_change *change;
    int64_t count;
} ds_overlay;

/* DS_E_NOMATCH lists near names, DS_E_SHAPE says what was expected, both naming the parameter;
 * DS_E_ARG for what a kind of change lacks. */
DS_API ds_status ds_model_overlay(ds_model **out, ds_model *base, const ds_overlay *o,
                                  ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

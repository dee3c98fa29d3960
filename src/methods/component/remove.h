/* remove.h - from chosen components to the weights whose zeroing removes them, and to a model without
 * them. */

#ifndef DS_METHODS_COMPONENT_REMOVE_H
#define DS_METHODS_COMPONENT_REMOVE_H

#include <diffuscope/overlay.h>

#include "methods/component/edit.h"
#include "methods/component/select.h"
#include "probes/components.h"

/* Granularities: what is ranked against what. */
typedef enum ds_granularity {
    DS_WEIGHTS = 0,
    DS_NEURONS,
    DS_HEADS,
    DS_CHANNELS, /* of attentions that read the text */
    DS_CONVS,
    DS_LAYERS,
    DS_BLOCKS,
    DS_UNITS, /* neurons and channels together */
    DS_GRANULARITIES
} ds_granularity;
extern const char *const ds__granularity_names[DS_GRANULARITIES];

/* One component of a granularity: parts first .. first + count - 1 of a site. */
typedef struct ds_piece {
    int64_t site, first, count;
} ds_piece;

/* The components of a granularity in order; returns how many, writes the first `room`. */
int64_t ds__components_of(ds_piece *out, int64_t room, const ds_component_sites *l,
                          ds_granularity g);

/* Score of a component: the sum over its parts. scores [units] (measure.h). */
float ds__component_score(const ds_piece *c, const ds_component_sites *l, const float *scores);

/* "up_blocks.1...attn1 head 3" into a caller's buffer; returns it. */
const char *ds__component_name(char *buf, size_t size, const ds_piece *c,
                               const ds_component_sites *l, ds_granularity g);

/* The edit that removes n components: zero where a weight is not zero already. */
ds_status ds__remove_components(ds_edit *e, ds_model *m, const ds_component_sites *l,
                                const ds_piece *c, int64_t n, ds_error *err);

/* The edit that sets the chosen weights of one matrix to zero. chosen [rows,columns]. */
ds_status ds__remove_weights(ds_edit *e, ds_model *m, const char *name, const ds_tensor *shape,
                             const uint8_t *chosen, ds_error *err);

/* A model with the edit, beside `m`. */
ds_status ds__edit_overlay(ds_model **out, ds_model *m, const ds_edit *e, ds_error *err);

/* Shape of a parameter of the denoiser; rank 0 if there is none of that name. */
ds_tensor ds__parameter_shape(const ds_model *m, const char *name);

#endif

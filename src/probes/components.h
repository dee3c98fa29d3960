/* components.h - the parts of a denoiser that can be removed, found by shapes and by the order of
 * computation: hidden units of feed-forward layers, heads and channels of attentions, channels of
 * convolutions, residual layers, blocks; the parameters whose zeroing removes them; and the matrices
 * that make keys and values of the text.
 *
 * How they are told apart, with y a site that has a parameter ("y.weight"):
 *
 *   hidden units   a value without parameters before a product that has fewer outputs than inputs, all
 *                  of which are that value's channels, and that is no attention's output
 *   attention      a site "p.probs"; "p.out" holds heads side by side, the next product reads it
 *   convolution    y whose value is an image and whose kernel is larger than one pixel
 *   branch         y right before a value p without parameters whose name begins y's: what module p
 *                  computes last. Added to what goes past the module, unless p changes the size
 *   layer          a branch with no other branch inside; block: one with attentions inside, made by a
 *                  product for each place
 *
 * Rows of a value are the places of the latent halved k times, sides rounded up. */

#ifndef DS_PROBES_COMPONENTS_H
#define DS_PROBES_COMPONENTS_H

#include "models/net.h"

typedef enum ds_component_kind {
    DS_UNIT_HIDDEN = 0, /* feed-forward neurons */
    DS_UNIT_ATTENTION,  /* channels of an attention's output; each head is a run of them */
    DS_UNIT_CONV,       /* output channels of a convolution */
    DS_UNIT_LAYER,      /* what a residual layer adds, as a whole */
    DS_UNIT_BLOCK       /* what a block of layers adds */
} ds_component_kind;

/* A site whose value consists of `parts` equal parts along its channels. Removing part k is setting
 * to zero column k of `weight` [outputs,parts] (hidden units, attention: what reads the part), row k
 * of `weight` and element k of `bias` (convolutions: what makes it), or all of both (layers, blocks). */
typedef struct ds_component_site {
    ds_component_kind kind;
    const char *site;
    int64_t parts; /* channels; 1 for layers and blocks */
    int64_t channels;
    int64_t heads;         /* of an attention's output; else 0 */
    bool cross;            /* an attention that reads the text, or its layer */
    int64_t height, width; /* of the rectangle of places */
    const char *weight;    /* "unet.x.weight" */
    const char *bias;      /* NULL: it has none, or (hidden units, attention) it stays */
    const char *before;    /* hidden units: weight of the product that makes them; else NULL */
    int block;             /* counts the groups ("unet.x_blocks.0") in order of computation */
} ds_component_site;

/* A matrix [rows,width of the text] that reads the text. */
typedef struct ds_text_matrix {
    const char *weight;
    int64_t rows, columns;
    bool value; /* else it makes keys */
    int layer;  /* counts attentions that read the text */
} ds_text_matrix;

typedef struct ds_component_sites {
    ds_arena arena;
    int64_t count;
    ds_component_site *site; /* in order of computation */
    int64_t matrices;
    ds_text_matrix *matrix;
    int blocks;
    const char **block_name; /* [blocks] "up_blocks.1" */
} ds_component_sites;

/* For a latent of height by width. DS_E_NOMATCH if there is nothing of the kind. */
ds_status ds__component_sites(ds_component_sites **out, ds_model *m, int64_t height, int64_t width,
                              ds_error *err);
void ds__component_sites_free(ds_component_sites *l); /* NULL is allowed */

/* A parameter as [rows,columns] of f32 (convolutions: columns are all of a row's weights), from the
 * file, or as an overlay has it; free with ds_free. */
ds_status ds__parameter_values(ds_model *m, const char *name, float **out, int64_t *rows,
                               int64_t *columns, ds_error *err);

/* Names of all parameters of the denoiser: returns the i-th, NULL past the end. */
const char *ds__denoiser_parameter(const ds_model *m, int64_t i, ds_tensor *shape);

#endif

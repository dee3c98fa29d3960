/* graph.h - networks as graphs of operators: built by running the model's code, differentiated by
 * adding operators, planned once per shape, run many times.
 *
 * Building. A model's code calls ds__conv2d(g, x, ...) and its like, which check shapes and append
 * an operator. The first failure sticks to the graph: every later call returns NULL and does
 * nothing, and accepts NULL, so model code reads like the equations and asks ds__graph_status once.
 *
 * Differentiating. ds__graph_grad appends the adjoint operators of those operators only that lie
 * between what is asked for and the output. Which values must be kept follows from their use: the
 * input of a linear layer lives on only if a weight gradient reads it.
 *
 * Planning. Values that nobody uses are dropped, additions and conversions are folded into the
 * products before them, kernels are chosen, and each value gets a place in one block of memory
 * according to its lifetime. Running allocates nothing.
 *
 * Layout. Feature maps are [N,H,W,C], token sequences [N,S,C]; [N,H,W,C] is [N,H*W,C] without a
 * copy. Parameters keep PyTorch's order.
 *
 * Thread rule: a graph and its plan belong to one thread; kernels use the whole pool. */

#ifndef DS_OPS_GRAPH_H
#define DS_OPS_GRAPH_H

#include <diffuscope/probe.h>

#include "kernels/simd.h"
#include "ops/params.h"

#define DS_GRAPH_RANK 4
#define DS_MAX_IN     8
#define DS_MAX_OUT    4

typedef struct ds_graph ds_graph;
typedef struct ds_node ds_node;
typedef struct ds_var ds_var;
typedef struct ds_plan ds_plan;

/* How a value is shown to a watcher. */
typedef enum ds_layout {
    DS_LAYOUT_PLAIN = 0, /* as it is */
    DS_LAYOUT_IMAGE      /* [N,H,W,C] here, [N,C,H,W] outside */
} ds_layout;

/* Who multiplies what a network computes by gates (gate.c): asked once for each site while the graph
 * is built. value: the site's shape in the order in which it is shown; true: gate's rank and
 * dimensions are set. */
typedef struct ds_gates {
    bool (*wants)(void *user, const char *site, const ds_tensor *value, ds_tensor *gate);
    void *user;
} ds_gates;

typedef struct ds_graph_options {
    ds_params *params;         /* where ds__graph_param looks; may be NULL */
    ds_dtype compute;          /* F32, or BF16: operands of products are rounded to bfloat16 */
    ds_backend backend;        /* of products and convolutions */
    const ds_watcher *watcher; /* NULL: nobody listens */
    const ds_gates *gates;     /* NULL: no gates */
    bool recompute; /* ds__graph_grad: blocks keep their inputs only, see ds__block_begin */
    int threads;    /* of the plan, whoever runs it; 0: as many as its maker may use */
} ds_graph_options;

ds_status ds__graph_new(ds_graph **out, const ds_graph_options *o, ds_error *err);
void ds__graph_free(ds_graph *g);
ds_status ds__graph_status(const ds_graph *g, ds_error *err); /* the first failure of building */

/* Marks the graph as failed unless it already is; returns NULL for `return ds__graph_fail(...)`. */
ds_var *ds__graph_fail(ds_graph *g, ds_status code, const char *fmt, ...) DS_PRINTF(3, 4);

/* ---- names ---------------------------------------------------------------------------------- */

/* Appends a component to the current path ("unet" . "down_blocks.0" ...); the mark undoes it. */
size_t ds__scope_push(ds_graph *g, const char *fmt, ...) DS_PRINTF(2, 3);
void ds__scope_pop(ds_graph *g, size_t mark);

/* Tells the watcher of a value under path.name (path alone if name is ""). Use the value that comes
 * back from here on: it carries the edit, and the gate if somebody wants one here. */
ds_var *ds__announce(ds_graph *g, ds_var *x, ds_layout layout, const char *name);

/* Does somebody want path.name? Asked before a value that would otherwise not be formed. The shape
 * is what the value would have, in the order in which it is shown. DS_IGNORE is false. */
ds_interest ds__wanted(ds_graph *g, const char *name, int rank, const int64_t *dim);

/* True if somebody wants a gate at path.name, for a value with this shape. */
bool ds__gated(ds_graph *g, const char *name, int rank, const int64_t *dim);

/* ---- leaves --------------------------------------------------------------------------------- */

/* Its data (ds__var_data) is written by the caller before each run. */
ds_var *ds__graph_input(ds_graph *g, ds_dtype dtype, int rank, const int64_t *dim);

ds_var *ds__graph_input_like(ds_graph *g, const ds_var *v); /* f32, same shape */

/* Parameter path.name with this shape. */
ds_var *ds__graph_param(ds_graph *g, const char *name, int rank, const int64_t *dim);

/* ---- operators ------------------------------------------------------------------------------ */

/* conv.c: w [O,I,k,k], b [O] or NULL; kernel 1x1 with stride 1 becomes a product. */
typedef struct ds_conv_geometry {
    int64_t stride, top, left, bottom, right; /* padding */
} ds_conv_geometry;
ds_var *ds__conv2d(ds_graph *g, ds_var *x, ds_var *w, ds_var *b, ds_conv_geometry geo);

/* linear.c: y = x w^T + b over the last axis; w [out,in] (or [out,in,1,1]), b [out] or NULL. */
ds_var *ds__linear(ds_graph *g, ds_var *x, ds_var *w, ds_var *b);

/* norm.c: shift [N,C] or NULL is added before the norm. */
ds_var *ds__group_normalize(ds_graph *g, ds_var *x, ds_var *shift, ds_var *weight, ds_var *bias,
                            int64_t groups, float eps, bool silu);
ds_var *ds__layer_normalize(ds_graph *g, ds_var *x, ds_var *weight, ds_var *bias, float eps);

/* act.c */
ds_var *ds__activate(ds_graph *g, ds_var *x, ds_act act);
ds_var *ds__geglu(ds_graph *g, ds_var *x); /* [..,2C] -> first half * gelu(second half) */

/* attention.c: q [N,S,heads*D], k and v [N,T,heads*D]; heads lie side by side in a row. */
ds_var *ds__attend(ds_graph *g, ds_var *q, ds_var *k, ds_var *v, int64_t heads, float scale,
                   bool causal);
/* The same operator, with equal results, which also gives the probabilities [N,heads,S,T], or shows
 * them to the watcher part by part under path.name. */
ds_var *ds__attend_and_keep(ds_graph *g, ds_var *q, ds_var *k, ds_var *v, int64_t heads,
                            float scale, bool causal, ds_var **probs);
ds_var *ds__attend_and_show(ds_graph *g, ds_var *q, ds_var *k, ds_var *v, int64_t heads,
                            float scale, bool causal, const char *name);
/* The same in two steps, for when the probabilities are changed in between. */
ds_var *ds__attention_probs(ds_graph *g, ds_var *q, ds_var *k, int64_t heads, float scale,
                            bool causal);
ds_var *ds__attention_apply(ds_graph *g, ds_var *probs, ds_var *v);

/* gate.c: gate [G] or [N,G] multiplies G equal parts of the last axis. */
ds_var *ds__gate(ds_graph *g, ds_var *x, ds_var *gate);

/* shape.c */
ds_var *ds__reshape(ds_graph *g, ds_var *x, int rank, const int64_t *dim); /* no copy */
ds_var *ds__concat(ds_graph *g, ds_var *a, ds_var *b);                     /* along the last axis */
ds_var *ds__slice(ds_graph *g, ds_var *x, int64_t first, int64_t count);   /* of the last axis */
ds_var *ds__upsample(ds_graph *g, ds_var *x, int64_t height, int64_t width); /* nearest */
ds_var *ds__gather(ds_graph *g, ds_var *table, ds_var *ids); /* [V,C], I32 [..] -> [..,C] */
/* x [..,C] with rows [P,C] in place of its rows place[0], ... (I32 [P], all different). */
ds_var *ds__put_rows(ds_graph *g, ds_var *x, ds_var *place, ds_var *rows);

/* arith.c */
ds_var *ds__add(ds_graph *g, ds_var *a, ds_var *b);
ds_var *ds__add_each(ds_graph *g, ds_var *x, ds_var *t); /* x [N,S,C] + the first S rows of t */
ds_var *ds__scale(ds_graph *g, ds_var *x, float factor);
ds_var *ds__cast(ds_graph *g, ds_var *x, ds_dtype to);
/* Sinusoids of t [M] (f32) -> [M,dim]: see models that use it for the paper. */
ds_var *ds__timestep_embedding(ds_graph *g, ds_var *t, int64_t dim, bool flip_sin_to_cos,
                               float downscale_freq_shift);

/* loss.c: means as one number [1]. x and y have one shape; edges wants [N,H,W,C]. weight [N] or
 * NULL is for each sample; moments [..,2L] are means, then logarithms of variances; noise
 * [..,L]. */
ds_var *ds__mean_squared(ds_graph *g, ds_var *x, ds_var *y, ds_var *weight);
ds_var *ds__mean_absolute(ds_graph *g, ds_var *x, ds_var *y);
ds_var *ds__mean_edges(ds_graph *g, ds_var *x, ds_var *y); /* |d/dh|, |d/dw| of x - y */
ds_var *ds__mean_kl(ds_graph *g, ds_var *moments);
ds_var *ds__draw_gaussian(ds_graph *g, ds_var *moments, ds_var *noise);

/* ---- reverse mode --------------------------------------------------------------------------- */

/* Operators between begin and end are one unit of recomputation. */
void ds__block_begin(ds_graph *g);
void ds__block_end(ds_graph *g);

/* Vector-Jacobian product: grads[j] = sum_i cotangents[i] . d outputs[i] / d wrt[j], appended to
 * the graph. A wrt that no output depends on gets NULL. */
ds_status ds__graph_grad(ds_graph *g, ds_var *const outputs[], ds_var *const cotangents[],
                         int n_outputs, ds_var *const wrt[], int n_wrt, ds_var *grads[],
                         ds_error *err);

/* The parameters that the graph reads, in the order of their first use: writes the first `room` of
 * them and returns how many there are. */
int ds__graph_params(const ds_graph *g, ds_var **out, int room);

/* Likewise the gates that were wanted: inputs whose name is the site's. */
int ds__graph_gates(const ds_graph *g, ds_var **out, int room);

/* ---- plan and run ---------------------------------------------------------------------------- */

/* Outputs keep their place until the plan ends; inputs too. */
void ds__graph_output(ds_graph *g, ds_var *v);

/* Plans what the outputs and the wanted sites need. The plan borrows the graph. */
ds_status ds__plan_new(ds_plan **out, ds_graph *g, ds_error *err);
void ds__plan_free(ds_plan *p);

/* DS_E_CANCELLED soon after ds_cancel_request (NULL: cannot be cancelled). */
ds_status ds__plan_run(ds_plan *p, const ds_cancel *cancel, ds_error *err);

/* The same in two parts: what was built before the first ds__graph_grad, and the rest, which may be
 * run once after each first part, with cotangents that follow from its outputs. */
ds_status ds__plan_forward(ds_plan *p, const ds_cancel *cancel, ds_error *err);
ds_status ds__plan_backward(ds_plan *p, const ds_cancel *cancel, ds_error *err);

typedef struct ds_plan_info {
    size_t activation_bytes, scratch_bytes;
    int64_t operators;
    double flops; /* of products, convolutions and attention */
} ds_plan_info;
void ds__plan_get_info(const ds_plan *p, ds_plan_info *info);

/* From now on told of each operator of a run: its name, "shape > shape", the wall time that it
 * took and its operations. NULL: nobody is told. */
typedef void ds_plan_timer(void *user, const char *op, const char *shapes, double seconds,
                           double flops);
void ds__plan_time(ds_plan *p, ds_plan_timer *timer, void *user);

/* Where an input is written and an output is read; valid while the plan lives. */
void *ds__var_data(const ds_var *v);
ds_dtype ds__var_dtype(const ds_var *v);
const char *ds__var_name(const ds_var *v); /* of a parameter, of a gate's site, else NULL */
int64_t ds__var_count(const ds_var *v);
int ds__var_rank(const ds_var *v);
int64_t ds__var_dim(const ds_var *v, int axis);

#endif

/* node.h - what operators are made of; seen by src/ops only. */

#ifndef DS_OPS_NODE_H
#define DS_OPS_NODE_H

#include "ops/graph.h"

typedef struct ds_op ds_op;

typedef union ds_attr {
    ds_conv_geometry conv;
    struct {
        int64_t groups;
        float eps;
        bool silu;
    } norm;
    struct {
        int64_t heads;
        float scale;
        bool causal;
    } attention;
    struct {
        float downscale_freq_shift;
        bool flip_sin_to_cos;
    } timestep;
    ds_act act;
    bool a_trans;
    float factor;
    int64_t first; /* slice: first element of the last axis */
} ds_attr;

struct ds_var {
    ds_node *by; /* the operator that makes it */
    int rank;
    int64_t dim[DS_GRAPH_RANK];
    ds_dtype dtype;
    ds_param *param; /* of a parameter */
    ds_var *alias;   /* shares the storage of this value (reshape) */
    ds_var *bf16;    /* its rounded twin, made once */
    ds_var *grad;    /* ds__graph_grad: its cotangent so far */
    bool wanted;     /* ds__graph_grad: it depends on what the gradient is asked for */
    ds_var *again;   /* ds__graph_grad: its twin in the recomputed block */
    bool pinned;     /* input, output or edited: keeps its place as long as the plan lives */

    const char *gates; /* of an input: the site that it multiplies, else NULL */
    const char *site;  /* watched under this name, else NULL */
    ds_layout layout;
    ds_interest interest;

    int uses;        /* plan: readers that are alive */
    int first, last; /* plan: positions of the operator that writes and of the last that reads */
    void *data;
};

struct ds_node {
    const ds_op *op;
    ds_var *in[DS_MAX_IN];
    int n_in;
    ds_var *out[DS_MAX_OUT];
    int n_out;
    ds_attr attr;
    /* attention: its probabilities are shown in parts under this name, else NULL */
    const char *parts;
    const ds_watcher *watcher;
    int block;               /* unit of recomputation, 0 for none */
    bool live;               /* plan: somebody needs an output */
    ds_kernel *kernel;       /* plan: of products and convolutions */
    const ds_param *release; /* plan: its plain bytes are given back after each run, or NULL */
    const void *operand;     /* plan: the parameter in the layout that the kernel asked for */
    size_t scratch_bytes;
    void *scratch;
};

struct ds_op {
    const char *name;
    bool bf16_out; /* can write its first output as BF16: a conversion after it is folded in */
    bool add_in; /* can add an f32 tensor to its first output: the last input, NULL until folded */

    /* Makes kernels, resolves parameters, sets scratch_bytes. NULL: nothing to prepare. */
    ds_status (*prepare)(ds_graph *g, ds_node *n, ds_error *err);
    /* All addresses are known now. NULL: nothing to bind. */
    ds_status (*bind)(ds_node *n, ds_error *err);
    ds_status (*run)(ds_node *n, ds_error *err); /* NULL: a leaf or a view */

    /* Given cotangents of the outputs (NULL: zero), appends the operators that compute those of the
     * inputs and stores them in din[i] for each i with ds__needs_grad(n->in[i]).
     * NULL: not differentiable. */
    void (*adjoint)(ds_graph *g, ds_node *n, ds_var *const dout[], ds_var *din[]);
    double (*flops)(const ds_node *n); /* NULL: does not count */
};

struct ds_graph {
    ds_graph_options options;
    ds_arena arena;
    ds_node **node; /* in the order of execution */
    int count, room;
    char path[512]; /* of the current scope */
    size_t path_len;
    int block, blocks; /* current unit (0: none), number of units */
    int forward;       /* operators before the first adjoint; 0: there is none */
    ds_status status;
    ds_error error;
};

/* Appends an operator with n_in inputs (any of them may be NULL where the operator allows it: the
 * constructor checks). Outputs are added with ds__output. NULL once the graph has failed. */
ds_node *ds__append(ds_graph *g, const ds_op *op, int n_in, ds_var *const in[]);
ds_var *ds__output(ds_graph *g, ds_node *n, ds_dtype dtype, int rank, const int64_t *dim);

/* x itself, or its BF16 twin when the graph computes in bfloat16: the operand of a product. */
ds_var *ds__operand(ds_graph *g, ds_var *x);

/* While the graph is differentiated: does anybody want this value's cotangent? */
bool ds__needs_grad(const ds_var *v);

/* a b, with a [m,k], or [k,m] if a_trans, and b [k,n]; leading axes count as rows. The result has
 * the given shape of m n elements. See linear.c. */
ds_var *ds__matmul(ds_graph *g, ds_var *a, ds_var *b, bool a_trans, int rank, const int64_t *dim);

/* Sum over all axes but the last: [..,C] -> [C]. See arith.c. */
ds_var *ds__sum_rows(ds_graph *g, ds_var *x);

/* Sets an adjoint's output to zero before its kernel adds to it; nothing if nobody wants it. */
float *ds__zeroed(const ds_var *v);

/* NULL for an input that is not there. */
static inline float *ds__data(const ds_var *v)
{
    return v == NULL ? NULL : v->data;
}

bool ds__same_shape(const ds_var *a, const ds_var *b);
int64_t ds__rows(const ds_var *v); /* product of all axes but the last */
const char *ds__shape(const ds_var *v, char *buf, size_t size);

/* A parameter's or plain value's address as f32: parameters in other types are converted once. */
ds_status ds__plain_input(ds_graph *g, ds_node *n, int i, ds_error *err);

/* Operators that are one compiled kernel: inputs are a, b, bias, add (the last two may be NULL or
 * missing). prepare makes the kernel for `desc` (types, bias, add are filled in here; packed says
 * whether a parameter b is worth a copy in the kernel's layout). */
ds_status ds__kernel_prepare(ds_graph *g, ds_node *n, ds_kernel_desc *desc, ds_error *err);
ds_status ds__kernel_bind_node(ds_node *n, ds_error *err);
ds_status ds__kernel_run_node(ds_node *n, ds_error *err);
double ds__kernel_flops(const ds_node *n);

extern const ds_op ds__op_input, ds__op_param, ds__op_cast, ds__op_add;

#endif

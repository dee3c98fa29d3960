/* graph.c - building: nodes, values, names, the sticky error. */

#include "ops/node.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

ds_status ds__graph_new(ds_graph **out, const ds_graph_options *o, ds_error *err)
{
    ds_graph *g = ds_calloc(1, sizeof *g);

    *out = g;
    if (g == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a graph");
    g->options = *o;
    return DS_OK;
}

void ds__graph_free(ds_graph *g)
{
    if (g == NULL)
        return;
    ds__arena_free(&g->arena);
    ds_free(g->node);
    ds_free(g);
}

ds_status ds__graph_status(const ds_graph *g, ds_error *err)
{
    if (g->status != DS_OK && err != NULL && err->code == DS_OK)
        *err = g->error;
    return g->status;
}

ds_var *ds__graph_fail(ds_graph *g, ds_status code, const char *fmt, ...)
{
    char text[sizeof g->error.text];
    va_list ap;

    if (g->status != DS_OK)
        return NULL;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    g->status = ds_fail(&g->error, code, "%s", text);
    ds_fail_at(&g->error, code, g->path, -1);
    return NULL;
}

static bool grow(ds_graph *g)
{
    int room = g->room == 0 ? 256 : g->room * 2;
    ds_node **node;

    if (g->count < g->room)
        return true;
    node = ds_calloc((size_t)room, sizeof *node);
    if (node == NULL)
        return false;
    if (g->count > 0)
        memcpy(node, g->node, (size_t)g->count * sizeof *node);
    ds_free(g->node);
    g->node = node;
    g->room = room;
    return true;
}

ds_node *ds__append(ds_graph *g, const ds_op *op, int n_in, ds_var *const in[])
{
    ds_node *n;

    if (g->status != DS_OK)
        return NULL;
    n = grow(g) ? ds__arena_alloc(&g->arena, sizeof *n) : NULL;
    if (n == NULL) {
        ds__graph_fail(g, DS_E_NOMEM, "no memory for operator %d (%s)", g->count, op->name);
        return NULL;
    }
    n->op = op;
    n->n_in = n_in;
    for (int i = 0; i < n_in; i++)
        n->in[i] = in[i];
    n->block = g->block;
    g->node[g->count++] = n;
    return n;
}

ds_var *ds__output(ds_graph *g, ds_node *n, ds_dtype dtype, int rank, const int64_t *dim)
{
    ds_tensor t = { dtype, rank, { 0 }, NULL };
    ds_var *v;
    size_t bytes;

    if (n == NULL || g->status != DS_OK)
        return NULL;
    v = ds__arena_alloc(&g->arena, sizeof *v);
    if (v == NULL)
        return ds__graph_fail(g, DS_E_NOMEM, "no memory for a value of %s", n->op->name);
    v->by = n;
    v->dtype = dtype;
    v->rank = rank;
    for (int i = 0; i < rank; i++)
        v->dim[i] = t.dim[i] = dim[i];
    g->status = ds_tensor_bytes(&t, &bytes, &g->error);
    n->out[n->n_out++] = v;
    return g->status == DS_OK ? v : NULL;
}

/* ---- names ---------------------------------------------------------------------------------- */

size_t ds__scope_push(ds_graph *g, const char *fmt, ...)
{
    size_t mark = g->path_len, room = sizeof g->path - g->path_len;
    char *at = g->path + mark;
    va_list ap;
    int n;

    if (mark > 0 && room > 1) {
        *at++ = '.';
        room--;
    }
    va_start(ap, fmt);
    n = vsnprintf(at, room, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= room) {
        g->path[mark] = '\0';
        ds__graph_fail(g, DS_E_INTERNAL, "a name of more than %zu characters", sizeof g->path - 1);
        return mark;
    }
    g->path_len = (size_t)(at - g->path) + (size_t)n;
    return mark;
}

void ds__scope_pop(ds_graph *g, size_t mark)
{
    g->path_len = mark;
    g->path[mark] = '\0';
}

/* Asks the watcher; the shape is given in the order in which the value is shown. */
static ds_interest ask(ds_graph *g, int rank, const int64_t *dim)
{
    const ds_watcher *w = g->options.watcher;
    ds_tensor shape = { DS_DTYPE_F32, rank, { 0 }, NULL };

    for (int i = 0; i < rank; i++)
        shape.dim[i] = dim[i];
    return w->wants(w->user, g->path, &shape);
}

/* Does somebody want a gate at the current path? want: its shape. */
static bool ask_gate(ds_graph *g, int rank, const int64_t *dim, ds_tensor *want)
{
    const ds_gates *gates = g->options.gates;
    ds_tensor shape = { DS_DTYPE_F32, rank, { 0 }, NULL };

    memcpy(shape.dim, dim, (size_t)rank * sizeof *dim);
    *want = (ds_tensor){ DS_DTYPE_F32, 0, { 0 }, NULL };
    return gates != NULL && gates->wants(gates->user, g->path, &shape, want);
}

bool ds__gated(ds_graph *g, const char *name, int rank, const int64_t *dim)
{
    size_t mark;
    ds_tensor want;
    bool gated;

    if (g->options.gates == NULL || g->status != DS_OK)
        return false;
    mark = name[0] != '\0' ? ds__scope_push(g, "%s", name) : g->path_len;
    gated = ask_gate(g, rank, dim, &want);
    ds__scope_pop(g, mark);
    return gated;
}

/* x, multiplied by a gate if somebody wants one at the current path. */
static ds_var *apply_gate(ds_graph *g, ds_var *x, int rank, const int64_t *dim)
{
    ds_tensor want;
    ds_var *gate;

    if (!ask_gate(g, rank, dim, &want))
        return x;
    gate = ds__graph_input(g, DS_DTYPE_F32, want.rank, want.dim);
    if (gate != NULL)
        gate->gates = ds__arena_printf(&g->arena, "%s", g->path);
    return ds__gate(g, x, gate);
}

ds_var *ds__announce(ds_graph *g, ds_var *x, ds_layout layout, const char *name)
{
    int64_t d[DS_GRAPH_RANK];
    ds_interest interest = DS_IGNORE;
    size_t mark;

    if ((g->options.watcher == NULL && g->options.gates == NULL) || x == NULL || g->status != DS_OK)
        return x;
    mark = name[0] != '\0' ? ds__scope_push(g, "%s", name) : g->path_len;
    memcpy(d, x->dim, sizeof d);
    if (layout == DS_LAYOUT_IMAGE) {
        d[1] = x->dim[3];
        d[2] = x->dim[1];
        d[3] = x->dim[2];
    }
    if (x->rank < 4 || layout == DS_LAYOUT_IMAGE) /* not probabilities */
        x = apply_gate(g, x, x->rank, d);
    if (g->options.watcher != NULL && x != NULL)
        interest = ask(g, x->rank, d);
    if (interest != DS_IGNORE && x->site != NULL) /* two names for one value: show it twice */
        x = ds__reshape(g, x, x->rank, x->dim);
    if (interest != DS_IGNORE && x != NULL) {
        x->site = ds__arena_printf(&g->arena, "%s", g->path);
        x->layout = layout;
        x->interest = interest;
        if (x->site == NULL)
            ds__graph_fail(g, DS_E_NOMEM, "no memory for a name");
    }
    ds__scope_pop(g, mark);
    return x;
}

ds_interest ds__wanted(ds_graph *g, const char *name, int rank, const int64_t *dim)
{
    size_t mark;
    ds_interest interest;

    if (g->options.watcher == NULL || g->status != DS_OK)
        return DS_IGNORE;
    mark = name[0] != '\0' ? ds__scope_push(g, "%s", name) : g->path_len;
    interest = ask(g, rank, dim);
    ds__scope_pop(g, mark);
    if (interest == DS_PARTS && g->options.watcher->show_part == NULL)
        interest = DS_LOOK;
    return interest;
}

/* ---- leaves --------------------------------------------------------------------------------- */

const ds_op ds__op_input = { .name = "input" };

ds_var *ds__graph_input(ds_graph *g, ds_dtype dtype, int rank, const int64_t *dim)
{
    ds_var *v = ds__output(g, ds__append(g, &ds__op_input, 0, NULL), dtype, rank, dim);

    if (v != NULL)
        v->pinned = true;
    return v;
}

ds_var *ds__graph_input_like(ds_graph *g, const ds_var *v)
{
    return v == NULL ? NULL : ds__graph_input(g, DS_DTYPE_F32, v->rank, v->dim);
}

const ds_op ds__op_param = { .name = "parameter" };

ds_var *ds__graph_param(ds_graph *g, const char *name, int rank, const int64_t *dim)
{
    size_t mark = ds__scope_push(g, "%s", name);
    ds_param *q = NULL;
    ds_var *v = NULL;

    if (g->status == DS_OK)
        g->status = ds__params_find(g->options.params, &q, g->path, rank, dim, &g->error);
    if (g->status == DS_OK)
        v = ds__output(g, ds__append(g, &ds__op_param, 0, NULL), q->value.dtype, rank, dim);
    if (v != NULL)
        v->param = q;
    ds__scope_pop(g, mark);
    return v;
}

int ds__graph_params(const ds_graph *g, ds_var **out, int room)
{
    int count = 0;

    for (int i = 0; i < g->count; i++)
        if (g->node[i]->op == &ds__op_param && g->node[i]->n_out == 1) {
            if (count < room)
                out[count] = g->node[i]->out[0];
            count++;
        }
    return count;
}

void ds__graph_output(ds_graph *g, ds_var *v)
{
    (void)g;
    if (v != NULL)
        v->pinned = true;
}

/* ---- shared by the operators ----------------------------------------------------------------- */

bool ds__same_shape(const ds_var *a, const ds_var *b)
{
    if (a->rank != b->rank)
        return false;
    return memcmp(a->dim, b->dim, (size_t)a->rank * sizeof a->dim[0]) == 0;
}

int64_t ds__rows(const ds_var *v)
{
    int64_t n = 1;

    for (int i = 0; i < v->rank - 1; i++)
        n *= v->dim[i];
    return n;
}

const char *ds__shape(const ds_var *v, char *buf, size_t size)
{
    ds_tensor t = { v->dtype, v->rank, { 0 }, NULL };

    memcpy(t.dim, v->dim, (size_t)v->rank * sizeof v->dim[0]);
    return ds_tensor_shape(&t, buf, size);
}

ds_var *ds__operand(ds_graph *g, ds_var *x)
{
    if (x == NULL || g->options.compute != DS_DTYPE_BF16 || x->dtype == DS_DTYPE_BF16)
        return x;
    if (x->bf16 == NULL)
        x->bf16 = ds__cast(g, x, DS_DTYPE_BF16);
    return x->bf16;
}

void *ds__var_data(const ds_var *v)
{
    return v->data;
}

ds_dtype ds__var_dtype(const ds_var *v)
{
    return v->dtype;
}

const char *ds__var_name(const ds_var *v)
{
    return v->param == NULL ? v->gates : v->param->name;
}

int64_t ds__var_count(const ds_var *v)
{
    return ds__rows(v) * (v->rank > 0 ? v->dim[v->rank - 1] : 1);
}

int ds__var_rank(const ds_var *v)
{
    return v->rank;
}

int64_t ds__var_dim(const ds_var *v, int axis)
{
    return v->dim[axis];
}

/* ---- units of recomputation ------------------------------------------------------------------ */

void ds__block_begin(ds_graph *g)
{
    g->block = ++g->blocks;
}

void ds__block_end(ds_graph *g)
{
    g->block = 0;
}

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

bool ds__needs_grad(const ds_var *v)
{
    return v != NULL && v->wanted;
}

float *ds__zeroed(const ds_var *v)
{
    if (v->data != NULL)
        ds__simd()->fill(v->data, 0.0f, ds__var_count(v));
    return v->data;
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

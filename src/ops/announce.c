/* announce.c - asks listeners and holders of gates about a value that has got its name. */

#include "ops/node.h"

#include <string.h>

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

/* plan.c - from a graph to a run: what is needed, folding, kernels, places in memory. */

#include "ops/node.h"

#include "base/clock.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#define ALIGNMENT 64

struct ds_plan {
    ds_graph *g;
    ds_node **node; /* those that run, in order */
    int count;
    int forward; /* of them before the first adjoint: all if there is none */
    int threads;
    unsigned char *memory;  /* activations */
    unsigned char *scratch; /* of one operator at a time */
    float *shown;           /* a watched value in public order */
    ds_plan_info info;
    ds_plan_timer *timer; /* NULL: nobody measures */
    void *timer_user;
};

/* ---- what is needed -------------------------------------------------------------------------- */

static ds_var *storage(ds_var *v)
{
    while (v->alias != NULL)
        v = v->alias;
    return v;
}

static void mark_live(ds_graph *g)
{
    for (int i = g->count - 1; i >= 0; i--) {
        ds_node *n = g->node[i];

        for (int o = 0; o < n->n_out; o++)
            n->live =
                n->live || n->out[o]->pinned || n->out[o]->site != NULL || n->out[o]->uses > 0;
        for (int k = 0; n->live && k < n->n_in; k++)
            if (n->in[k] != NULL)
                n->in[k]->uses++;
    }
}

/* ---- folding --------------------------------------------------------------------------------- */

static bool private_value(const ds_var *v)
{
    return v->uses == 1 && !v->pinned && v->site == NULL;
}

/* cast(op(x)) becomes op writing BF16, when nobody else reads the float32 result. */
static void fold_cast(ds_node *cast)
{
    ds_var *x = cast->in[0], *y = cast->out[0];
    ds_node *by = x->by;

    if (!by->op->bf16_out || y->dtype != DS_DTYPE_BF16 || by->out[0] != x || !private_value(x))
        return;
    by->out[0] = y;
    y->by = by;
    cast->live = false;
}

/* add(a, op(x)) becomes op adding a, if a is known before op runs and nobody else reads op(x). */
static bool fold_add(ds_node *add, int which)
{
    ds_var *x = add->in[which], *a = add->in[1 - which], *y = add->out[0];
    ds_node *by = x->by;

    if (!by->op->add_in || by->out[0] != x || !private_value(x) || a == x ||
        by->in[by->n_in - 1] != NULL || a->dtype != DS_DTYPE_F32 || x->dtype != DS_DTYPE_F32)
        return false;
    if (a->first > x->first)
        return false;
    by->in[by->n_in - 1] = a;
    by->out[0] = y;
    y->by = by;
    y->first = x->first;
    add->live = false;
    return true;
}

static void fold(ds_graph *g)
{
    for (int i = 0; i < g->count; i++)
        for (int o = 0; o < g->node[i]->n_out; o++)
            g->node[i]->out[o]->first = i;
    for (int i = 0; i < g->count; i++) {
        ds_node *n = g->node[i];

        if (n->live && n->op == &ds__op_add && !fold_add(n, 1))
            fold_add(n, 0);
    }
    for (int i = 0; i < g->count; i++)
        if (g->node[i]->live && g->node[i]->op == &ds__op_cast)
            fold_cast(g->node[i]);
}

/* ---- places in memory ------------------------------------------------------------------------ */

typedef struct place {
    ds_var *v;
    size_t bytes, offset;
} place;

static size_t value_bytes(const ds_var *v)
{
    size_t bytes = (size_t)ds__var_count(v) * ds_dtype_size(v->dtype);

    return (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* Lifetimes in positions of running nodes; views extend the life of their storage. */
static void lifetimes(ds_plan *p)
{
    for (int i = 0; i < p->count; i++) {
        ds_node *n = p->node[i];

        for (int o = 0; o < n->n_out; o++) {
            n->out[o]->first = n->out[o]->last = i;
            if (n->out[o]->pinned)
                storage(n->out[o])->last = p->count;
        }
        for (int k = 0; k < n->n_in; k++) {
            ds_var *s = n->in[k] == NULL ? NULL : storage(n->in[k]);

            if (s != NULL && s->last < i)
                s->last = i;
        }
    }
    for (int i = 0; i < p->count; i++)
        if (p->node[i]->op == &ds__op_input)
            p->node[i]->out[0]->first = 0; /* written before the run */
}

static bool overlap_in_time(const ds_var *a, const ds_var *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest gap that no value alive at the same time occupies. placed[] is sorted by offset. */
static size_t lowest_gap(const place *placed, int count, const place *x)
{
    size_t at = 0;

    for (int i = 0; i < count; i++) {
        if (!overlap_in_time(placed[i].v, x->v))
            continue;
        if (at + x->bytes <= placed[i].offset)
            break;
        if (placed[i].offset + placed[i].bytes > at)
            at = placed[i].offset + placed[i].bytes;
    }
    return at;
}

static void insert_sorted(place *placed, int count, place x)
{
    int i = count;

    for (; i > 0 && placed[i - 1].offset > x.offset; i--)
        placed[i] = placed[i - 1];
    placed[i] = x;
}

/* Largest first, each at the lowest place that is free during its life; returns the total. */
static size_t assign(place *all, int count, place *placed)
{
    size_t total = 0;

    for (int i = 1; i < count; i++) { /* insertion sort: stable, and nearly sorted in practice */
        place x = all[i];
        int k = i;

        for (; k > 0 && all[k - 1].bytes < x.bytes; k--)
            all[k] = all[k - 1];
        all[k] = x;
    }
    for (int i = 0; i < count; i++) {
        all[i].offset = lowest_gap(placed, i, &all[i]);
        insert_sorted(placed, i, all[i]);
        if (all[i].offset + all[i].bytes > total)
            total = all[i].offset + all[i].bytes;
    }
    return total;
}

/* An optional output that nobody reads gets no place: its operator sees NULL. The result proper of
 * a forward operator is not optional, even where only its statistics are read (recomputation), nor is
 * that of a kernel, even where only the second is read (a bias's gradient without its weight's). */
static bool needs_place(const ds_var *v)
{
    bool proper = v == v->by->out[0] && (v->by->op->adjoint != NULL || v->by->kernel != NULL);

    return v->param == NULL && v->alias == NULL &&
           (proper || v->uses > 0 || v->pinned || v->site != NULL);
}

static ds_status place_values(ds_plan *p, ds_error *err)
{
    int count = 0;
    place *all, *placed;

    for (int i = 0; i < p->count; i++)
        count += p->node[i]->n_out;
    all = ds_calloc((size_t)count, sizeof *all);
    placed = ds_calloc((size_t)count, sizeof *placed);
    count = 0;
    for (int i = 0; all != NULL && placed != NULL && i < p->count; i++)
        for (int o = 0; o < p->node[i]->n_out; o++)
            if (needs_place(p->node[i]->out[o])) {
                ds_var *v = p->node[i]->out[o];

                all[count++] = (place){ v, value_bytes(v), 0 };
            }
    if (all != NULL && placed != NULL)
        p->info.activation_bytes = assign(all, count, placed);
    p->memory = all != NULL && placed != NULL ? ds_alloc(p->info.activation_bytes) : NULL;
    for (int i = 0; p->memory != NULL && i < count; i++)
        all[i].v->data = p->memory + all[i].offset;
    ds_free(all);
    ds_free(placed);
    if (p->memory == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %zu MB of activations",
                       p->info.activation_bytes >> 20);
    for (int i = 0; i < p->count; i++)
        for (int o = 0; o < p->node[i]->n_out; o++)
            if (p->node[i]->out[o]->alias != NULL)
                p->node[i]->out[o]->data = storage(p->node[i]->out[o])->data;
    return DS_OK;
}

/* ---- plan ------------------------------------------------------------------------------------ */

static ds_status collect(ds_plan *p, ds_error *err)
{
    ds_graph *g = p->g;

    p->node = ds_calloc((size_t)g->count + 1, sizeof *p->node);
    if (p->node == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a plan of %d operators", g->count);
    for (int i = 0; i < g->count; i++) {
        if (g->node[i]->live || g->node[i]->op == &ds__op_input)
            p->node[p->count++] = g->node[i];
        if (g->forward == 0 || i < g->forward)
            p->forward = p->count;
    }
    return DS_OK;
}

static ds_status prepare_all(ds_plan *p, ds_error *err)
{
    for (int i = 0; i < p->count; i++) {
        ds_node *n = p->node[i];
        ds_status st = n->op->prepare != NULL ? n->op->prepare(p->g, n, err) : DS_OK;

        if (st != DS_OK)
            return st;
        if (n->scratch_bytes > p->info.scratch_bytes)
            p->info.scratch_bytes = n->scratch_bytes;
        if (n->op->flops != NULL)
            p->info.flops += n->op->flops(n);
        p->info.operators += n->op->run != NULL;
    }
    return DS_OK;
}

/* A value that is only looked at, and lies as it is shown, needs no copy. */
static bool shown_in_place(const ds_var *v)
{
    return v->interest != DS_EDIT && v->layout == DS_LAYOUT_PLAIN && v->dtype == DS_DTYPE_F32;
}

static ds_status make_room_for_shown(ds_plan *p, ds_error *err)
{
    size_t most = 0;

    for (int i = 0; i < p->count; i++)
        for (int o = 0; o < p->node[i]->n_out; o++) {
            const ds_var *v = p->node[i]->out[o];
            size_t bytes = (size_t)ds__var_count(v) * sizeof(float);

            if (v->site != NULL && !shown_in_place(v) && bytes > most)
                most = bytes;
        }
    if (most == 0)
        return DS_OK;
    p->shown = ds_alloc(most);
    return p->shown != NULL
               ? DS_OK
               : ds_fail(err, DS_E_NOMEM, "no memory for %zu bytes of a watched value", most);
}

static ds_status bind_all(ds_plan *p, ds_error *err)
{
    ds_status st = DS_OK;

    if (p->info.scratch_bytes > 0) {
        p->scratch = ds_alloc(p->info.scratch_bytes);
        if (p->scratch == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for %zu MB of scratch",
                           p->info.scratch_bytes >> 20);
    }
    for (int i = 0; st == DS_OK && i < p->count; i++) {
        p->node[i]->scratch = p->scratch;
        if (p->node[i]->op->bind != NULL)
            st = p->node[i]->op->bind(p->node[i], err);
    }
    return st;
}

/* Kernels lay out their working memory for a number of threads, so that a plan runs on as many,
 * whichever thread calls: returns the caller's own number, to be given back. */
static int enter(const ds_plan *p)
{
    int before = omp_get_max_threads();

    if (before != p->threads)
        omp_set_num_threads(p->threads);
    return before;
}

static void leave(const ds_plan *p, int before)
{
    if (before != p->threads)
        omp_set_num_threads(before);
}

/* Packed copies of the parameters stay while the plan lives. */
static void hold_parameters(ds_graph *g)
{
    for (int i = 0; i < g->count; i++)
        if (g->node[i]->op == &ds__op_param && g->node[i]->n_out == 1)
            ds__params_hold(g->node[i]->out[0]->param);
}

static void let_parameters_go(ds_graph *g)
{
    for (int i = 0; i < g->count; i++)
        if (g->node[i]->op == &ds__op_param && g->node[i]->n_out == 1)
            ds__params_let_go(g->node[i]->out[0]->param);
}

static ds_status lay_out(ds_plan *p, ds_error *err)
{
    ds_status st;

    hold_parameters(p->g);
    mark_live(p->g);
    fold(p->g);
    st = collect(p, err);
    if (st == DS_OK)
        st = prepare_all(p, err);
    if (st == DS_OK) {
        lifetimes(p);
        st = place_values(p, err);
    }
    if (st == DS_OK)
        st = make_room_for_shown(p, err);
    return st == DS_OK ? bind_all(p, err) : st;
}

ds_status ds__plan_new(ds_plan **out, ds_graph *g, ds_error *err)
{
    ds_plan *p;
    ds_status st = ds__graph_status(g, err);
    int before;

    *out = NULL;
    if (st != DS_OK)
        return st;
    p = ds_calloc(1, sizeof *p);
    if (p == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a plan");
    p->g = g;
    p->threads = g->options.threads > 0 ? g->options.threads : omp_get_max_threads();
    before = enter(p);
    st = lay_out(p, err);
    leave(p, before);
    if (st != DS_OK) {
        ds__plan_free(p);
        return st;
    }
    *out = p;
    return DS_OK;
}

void ds__plan_free(ds_plan *p)
{
    if (p == NULL)
        return;
    let_parameters_go(p->g);
    for (int i = 0; i < p->count; i++) {
        ds__kernel_free(p->node[i]->kernel);
        p->node[i]->kernel = NULL;
    }
    ds_free(p->node);
    ds_free(p->memory);
    ds_free(p->scratch);
    ds_free(p->shown);
    ds_free(p);
}

void ds__plan_get_info(const ds_plan *p, ds_plan_info *info)
{
    *info = p->info;
}

/* ---- run ------------------------------------------------------------------------------------- */

/* Shows v in public order and takes back what an editor left. */
static ds_status show(ds_plan *p, ds_var *v, ds_error *err)
{
    const ds_watcher *w = p->g->options.watcher;
    const ds_simd *simd = ds__simd();
    bool image = v->layout == DS_LAYOUT_IMAGE;
    int64_t count = ds__var_count(v);
    ds_tensor t = { DS_DTYPE_F32, v->rank, { 0 }, p->shown };
    ds_status st;

    memcpy(t.dim, v->dim, (size_t)v->rank * sizeof v->dim[0]);
    if (shown_in_place(v)) {
        t.data = v->data;
    } else if (image) {
        t.dim[1] = v->dim[3];
        t.dim[2] = v->dim[1];
        t.dim[3] = v->dim[2];
        simd->nhwc_to_nchw(p->shown, v->data, v->dim[0], v->dim[3], v->dim[1] * v->dim[2]);
    } else {
        ds_convert(p->shown, DS_DTYPE_F32, v->data, v->dtype, count);
    }
    st = w->show(w->user, v->site, &t, err);
    if (st != DS_OK || v->interest != DS_EDIT)
        return st;
    if (image)
        simd->nchw_to_nhwc(v->data, p->shown, v->dim[0], v->dim[3], v->dim[1] * v->dim[2]);
    else
        ds_convert(v->data, v->dtype, p->shown, DS_DTYPE_F32, count);
    return DS_OK;
}

void ds__plan_time(ds_plan *p, ds_plan_timer *timer, void *user)
{
    p->timer = timer;
    p->timer_user = user;
}

static ds_status run_timed(ds_plan *p, ds_node *n, ds_error *err)
{
    double start = ds__seconds(), seconds;
    ds_status st = n->op->run(n, err);
    char from[80], to[80], shapes[200];

    seconds = ds__seconds() - start;
    snprintf(shapes, sizeof shapes, "%s > %s",
             n->n_in > 0 ? ds__shape(n->in[0], from, sizeof from) : "",
             ds__shape(n->out[0], to, sizeof to));
    p->timer(p->timer_user, n->op->name, shapes, seconds,
             n->op->flops != NULL ? n->op->flops(n) : 0.0);
    return st;
}

static ds_status run(ds_plan *p, int first, int end, const ds_cancel *cancel, ds_error *err)
{
    ds_status st = DS_OK;
    int before = enter(p);

    for (int i = first; st == DS_OK && i < end; i++) {
        ds_node *n = p->node[i];

        if (ds_cancel_requested(cancel))
            st = ds_fail(err, DS_E_CANCELLED, "interrupted");
        if (st == DS_OK && n->op->run != NULL)
            st = p->timer != NULL ? run_timed(p, n, err) : n->op->run(n, err);
        if (n->release != NULL)
            ds__params_release(n->release);
        for (int o = 0; st == DS_OK && o < n->n_out; o++)
            if (n->out[o]->site != NULL)
                st = show(p, n->out[o], err);
    }
    leave(p, before);
    return st;
}

ds_status ds__plan_run(ds_plan *p, const ds_cancel *cancel, ds_error *err)
{
    return run(p, 0, p->count, cancel, err);
}

ds_status ds__plan_forward(ds_plan *p, const ds_cancel *cancel, ds_error *err)
{
    return run(p, 0, p->forward, cancel, err);
}

ds_status ds__plan_backward(ds_plan *p, const ds_cancel *cancel, ds_error *err)
{
    return run(p, p->forward, p->count, cancel, err);
}

/* store.c - the sums of DAAM, and how they fit their budget.
 *
 * For every text, picture, group of steps, layer and head that is kept apart, and every token that
 * is kept: the sum over calls of the probability with which each pixel reads the token, in float32
 * (a few dozen summands below one). What does not fit is summed on the fly, in this order: steps in
 * groups, heads, layers of one resolution. */

#include "methods/daam/daam.h"

#include "methods/daam/select.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 16 }; /* floats of a cache line */

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for the sums of a trace");
}

/* ---- dividing the budget --------------------------------------------------------------------- */

static int64_t images_of(const ds_daam *d, int64_t text)
{
    return d->trace.text[text].image >= 0 ? 1 : d->trace.images;
}

/* Floats of one group of steps. */
static double floats_of_group(const ds_daam *d, bool heads, bool layers)
{
    double rows = 0, all = 0;

    for (int64_t t = 0; t < d->trace.texts; t++)
        rows += (double)(d->trace.text[t].rows * images_of(d, t));
    for (int64_t i = 0; i < d->trace.layers; i++) {
        const daam_layer *l = &d->trace.layer[i];
        bool first = true;

        for (int64_t k = 0; !layers && k < i; k++)
            first = first && d->trace.layer[k].halvings != l->halvings;
        if (first)
            all += (double)(l->height * l->width) * (double)(heads ? l->kept_heads : 1);
    }
    return all * rows;
}

static size_t self_bytes(const ds_daam *d)
{
    const int64_t n = d->trace.self.height * d->trace.self.width;

    return (size_t)(n * n * d->trace.images) * sizeof(float);
}

static int64_t kept_steps(const ds_daam *d)
{
    int64_t n = 0;

    for (int64_t s = 0; s < d->trace.steps; s++)
        n += ds__daam_step_kept(d, s);
    return n;
}

/* The largest number of groups that fits, 0 if none does. */
static int64_t groups_that_fit(const ds_daam *d, bool heads, bool layers, int64_t most)
{
    const double room = (double)d->options.budget - (double)self_bytes(d);
    const double one = floats_of_group(d, heads, layers) * sizeof(float);

    return room < one ? 0 : room / one > (double)most ? most : (int64_t)(room / one);
}

static ds_status divide(ds_daam *d, ds_error *err)
{
    const int64_t most = kept_steps(d);

    if (most == 0)
        return ds_fail(err, DS_E_NOMATCH, "steps: none of the %lld steps of the run is in \"%s\"",
                       (long long)d->trace.steps, d->options.steps);
    d->trace.heads_apart = d->trace.layers_apart = true;
    d->trace.groups = groups_that_fit(d, true, true, most);
    if (d->trace.groups == 0) {
        d->trace.heads_apart = false;
        d->trace.groups = groups_that_fit(d, false, true, most);
    }
    if (d->trace.groups == 0) {
        d->trace.layers_apart = false;
        d->trace.groups = groups_that_fit(d, false, false, most);
    }
    if (d->trace.groups > 0)
        return DS_OK;
    return ds_fail(
        err, DS_E_NOMEM,
        "the sums need %.0f MB even with steps, heads and layers summed, the budget is "
        "%zu MB: raise it, or choose fewer pictures or resolutions",
        (floats_of_group(d, false, false) * sizeof(float) + (double)self_bytes(d)) / (1 << 20) + 1,
        d->options.budget >> 20);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static daam_slot *slot_of(ds_daam *d, const daam_layer *l)
{
    for (int i = 0; !d->trace.layers_apart && i < d->trace.slots; i++)
        if (d->trace.slot[i].height == l->height && d->trace.slot[i].width == l->width)
            return &d->trace.slot[i];
    return &d->trace.slot[d->trace.slots++];
}

/* Numbers of text t in a slot; in double, since a damaged file may claim any. */
static double floats_of(const ds_daam *d, const daam_slot *s, int64_t t)
{
    return (double)images_of(d, t) * (double)d->trace.groups * (double)s->heads *
           (double)d->trace.text[t].rows * (double)s->height * (double)s->width;
}

static ds_status allocate(ds_daam *d, daam_slot *s, ds_error *err)
{
    int64_t n = 0;

    s->offset = ds__arena_alloc(&d->arena, (size_t)d->trace.texts * sizeof *s->offset);
    if (s->offset == NULL)
        return no_memory(err);
    for (int64_t t = 0; t < d->trace.texts; t++) {
        s->offset[t] = n;
        n += (int64_t)floats_of(d, s, t);
    }
    s->floats = n;
    s->data = ds_calloc((size_t)n, sizeof *s->data);
    d->trace.bytes += (size_t)n * sizeof *s->data;
    return s->data != NULL ? DS_OK : no_memory(err);
}

static ds_status lay_out(ds_daam *d, ds_error *err)
{
    d->trace.slot = ds__arena_alloc(&d->arena, (size_t)d->trace.layers * sizeof *d->trace.slot);
    if (d->trace.slot == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < d->trace.layers; i++) {
        daam_layer *l = &d->trace.layer[i];
        daam_slot *s = slot_of(d, l);

        s->height = l->height;
        s->width = l->width;
        s->factor = l->factor;
        s->heads = d->trace.heads_apart ? l->kept_heads : 1;
        s->maps += d->trace.heads_apart ? 1 : l->kept_heads;
        l->slot = (int)(s - d->trace.slot);
    }
    return DS_OK;
}

static ds_status make_slots(ds_daam *d, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < d->trace.slots; i++)
        st = allocate(d, &d->trace.slot[i], err);
    if (st == DS_OK && d->trace.self.layers > 0) {
        d->trace.self.data = ds_calloc(self_bytes(d), 1);
        d->trace.bytes += self_bytes(d);
        st = d->trace.self.data != NULL ? DS_OK : no_memory(err);
    }
    return st;
}

/* ---- the plan as a sentence ------------------------------------------------------------------ */

/* What the budget made us sum. */
static ds_status tell_sums(ds_daam *d, int64_t steps, ds_error *err)
{
    char groups[80] = "";

    if (d->trace.groups == steps && d->trace.heads_apart)
        return DS_OK;
    if (d->trace.groups < steps)
        snprintf(groups, sizeof groups, "the %lld steps in %lld group%s%s", (long long)steps,
                 (long long)d->trace.groups, d->trace.groups == 1 ? "" : "s",
                 d->trace.heads_apart ? "" : ", and ");
    return ds__daam_warn(d, err,
                         "to fit %zu MB, sums go over %s%s%s: no slices along these; a larger "
                         "budget keeps them apart",
                         d->options.budget >> 20, groups, d->trace.heads_apart ? "" : "the heads",
                         d->trace.layers_apart ? "" : " and the layers of one size");
}

static ds_status tell(ds_daam *d, ds_error *err)
{
    const int64_t steps = kept_steps(d);
    char apart[200], self[80] = "";

    snprintf(apart, sizeof apart, "%s%s%s",
             d->trace.groups == steps ? "each step"
             : d->trace.groups == 1   ? ""
                                      : "groups of steps",
             d->trace.layers_apart ? ", layer" : "", d->trace.heads_apart ? ", head" : "");
    if (d->trace.self.layers > 0)
        snprintf(self, sizeof self, ", and self-attention of %lld by %lld pixels",
                 (long long)d->trace.self.height, (long long)d->trace.self.width);
    d->trace.plan = ds__arena_printf(
        &d->arena, "%.1f MB of sums for %lld layers and %lld steps, %s%s%s",
        (double)d->trace.bytes / (1 << 20), (long long)d->trace.layers, (long long)steps,
        apart[0] != '\0' ? "apart for " : "all summed", apart[0] == ',' ? apart + 2 : apart, self);
    if (d->trace.plan == NULL)
        return no_memory(err);
    return tell_sums(d, steps, err);
}

/* The list of heads is read once, not for every block of queries. */
static ds_status list_heads(ds_daam *d, ds_error *err)
{
    int64_t most = 0;

    for (int64_t i = 0; i < d->trace.layers; i++)
        most = d->trace.layer[i].heads > most ? d->trace.layer[i].heads : most;
    d->trace.head_kept = ds__arena_alloc(&d->arena, (size_t)most * sizeof *d->trace.head_kept);
    for (int64_t h = 0; d->trace.head_kept != NULL && h < most; h++)
        d->trace.head_kept[h] = ds__daam_head_kept(d, h);
    return d->trace.head_kept != NULL ? DS_OK : no_memory(err);
}

ds_status ds__daam_plan(ds_daam *d, int64_t steps, ds_error *err)
{
    ds_status st;

    d->trace.steps = steps;
    st = list_heads(d, err);
    if (st == DS_OK)
        st = divide(d, err);
    if (st == DS_OK)
        st = lay_out(d, err);
    if (st == DS_OK)
        st = make_slots(d, err);
    return st == DS_OK ? tell(d, err) : st;
}

/* Nothing is allocated on a lie: the sums of all texts but the last `more` must be there. */
static ds_status check_floats(const ds_daam *d, int64_t more, int64_t have, ds_error *err)
{
    double need = d->trace.self.layers > 0 ? (double)(self_bytes(d) / sizeof(float)) : 0;

    for (int i = 0; i < d->trace.slots; i++)
        for (int64_t t = 0; t < d->trace.texts - more; t++)
            need += floats_of(d, &d->trace.slot[i], t);
    if (need <= (double)have)
        return DS_OK;
    return ds_fail(err, DS_E_FORMAT,
                   "a trace that describes %.0f sums and holds %lld numbers: it is damaged", need,
                   (long long)have);
}

ds_status ds__daam_replan(ds_daam *d, int64_t steps, int64_t groups, bool heads_apart,
                          bool layers_apart, int64_t more, int64_t have, ds_error *err)
{
    ds_status st;

    d->trace.steps = steps;
    d->trace.groups = groups;
    d->trace.heads_apart = heads_apart;
    d->trace.layers_apart = layers_apart;
    if (kept_steps(d) < groups)
        return ds_fail(err, DS_E_FORMAT, "a trace of %lld groups of fewer steps",
                       (long long)groups);
    st = list_heads(d, err);
    if (st == DS_OK)
        st = lay_out(d, err);
    if (st == DS_OK)
        st = check_floats(d, more, have, err);
    if (st == DS_OK)
        st = make_slots(d, err);
    return st == DS_OK ? tell(d, err) : st;
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* Group of the present step: kept steps in equal shares. */
static int64_t group_of(const ds_daam *d)
{
    int64_t before = 0, all = 0;

    for (int64_t s = 0; s < d->trace.steps; s++)
        if (ds__daam_step_kept(d, s)) {
            before += s < d->tap.step;
            all++;
        }
    return before * d->trace.groups / all;
}

float *ds__daam_planes(const ds_daam *d, const daam_slot *s, int64_t text, int64_t image,
                       int64_t group, int64_t head)
{
    const int64_t plane = d->trace.text[text].rows * s->height * s->width;

    image = d->trace.text[text].image >= 0 ? 0 : image;
    return s->data + s->offset[text] +
           ((image * d->trace.groups + group) * s->heads + head) * plane;
}

/* Rows b, b + 1, ... of one head: a cache line of each token's plane at a time, since planes lie a
 * power of two apart and would push each other out of the cache. */
static void add_rows(const daam_text *t, float *planes, int64_t pixels, const float *probs,
                     int64_t b, int64_t end)
{
    for (int64_t k = 0; k < t->rows; k++) {
        const float *p = probs + t->position[k];
        float *to = planes + k * pixels;

        for (int64_t r = b; r < end; r++)
            to[r] += p[r * t->columns];
    }
}

void ds__daam_add(ds_daam *d, int64_t layer, int64_t text, int64_t image, int64_t first,
                  int64_t rows, const float *probs)
{
    const daam_layer *l = &d->trace.layer[layer];
    const daam_slot *s = &d->trace.slot[l->slot];
    const daam_text *t = &d->trace.text[text];
    const int64_t pixels = s->height * s->width, group = group_of(d);

#pragma omp parallel for schedule(static) if (rows * t->rows > 4096)
    for (int64_t b = 0; b < rows; b += LINE) {
        const int64_t end = b + LINE < rows ? b + LINE : rows;
        int64_t at = 0;

        for (int64_t h = 0; h < l->heads; h++) {
            if (!d->trace.head_kept[h])
                continue;
            add_rows(
                t, ds__daam_planes(d, s, text, image, group, d->trace.heads_apart ? at : 0) + first,
                pixels, probs + h * rows * t->columns, b, end);
            at++;
        }
    }
}

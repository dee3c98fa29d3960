/* taps.c - see taps.h. */

#include "pipeline/taps.h"

#include "pipeline/sites.h"

#include <string.h>

/* What each watcher wants at a site; kept because it is asked while networks are built only. */
typedef struct listening {
    const char *site;
    ds_interest first, second;
    struct listening *next;
} listening;

struct ds_taps {
    ds_arena arena;
    ds_watcher self;
    const ds_watcher *first, *second;
    ds_tap *tap;
    int count;
    listening *heard;
    ds_taps_place at;
    ds_status status; /* of asking, which cannot fail */
    ds_error error;
};

/* ---- a tap's value --------------------------------------------------------------------------- */

/* A row [outer, channels, inner]: channels are the second axis of maps and probabilities, the
 * last of the rest. */
typedef struct extent {
    int64_t outer, channels, inner;
} extent;

static extent extent_of(const ds_tensor *shape)
{
    const int axis = shape->rank == 4 ? 1 : shape->rank - 1;
    extent e = { 1, shape->dim[axis], 1 };

    for (int i = 1; i < axis; i++)
        e.outer *= shape->dim[i];
    for (int i = axis + 1; i < shape->rank; i++)
        e.inner *= shape->dim[i];
    return e;
}

/* How a tap's value lies over a row. */
typedef enum fit { MISFIT, PER_CHANNEL, ONE_ROW, ALL_ROWS } fit;

static bool same_dims(const int64_t *a, const int64_t *b, int n)
{
    return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

static fit fit_of(const ds_tensor *value, const ds_tensor *shape)
{
    if (value->rank == shape->rank && same_dims(value->dim + 1, shape->dim + 1, shape->rank - 1) &&
        (value->dim[0] == 1 || value->dim[0] == shape->dim[0]))
        return value->dim[0] == 1 ? ONE_ROW : ALL_ROWS;
    if (value->rank == shape->rank - 1 && same_dims(value->dim, shape->dim + 1, value->rank))
        return ONE_ROW;
    return value->rank == 1 && value->dim[0] == extent_of(shape).channels ? PER_CHANNEL : MISFIT;
}

static ds_status check_value(const ds_tap *tap, const char *site, const ds_tensor *shape,
                             ds_error *err)
{
    const extent e = extent_of(shape);
    char a[96], b[96];

    if (tap->parts > 0 && e.channels % tap->parts != 0) {
        ds_fail(err, DS_E_SHAPE, "a tap on part %lld of %lld at %.120s, which has %lld channels",
                (long long)tap->part, (long long)tap->parts, site, (long long)e.channels);
        return ds_fail_at(err, DS_E_SHAPE, site, -1);
    }
    if ((tap->kind != DS_TAP_REPLACE && tap->kind != DS_TAP_ADD) ||
        fit_of(tap->value, shape) != MISFIT)
        return DS_OK;
    ds_fail(
        err, DS_E_SHAPE,
        "a tap's value of shape %s does not fit %.120s %s: expected that shape, one row of it, or "
        "[%lld]",
        ds_tensor_shape(tap->value, a, sizeof a), site, ds_tensor_shape(shape, b, sizeof b),
        (long long)e.channels);
    return ds_fail_at(err, DS_E_SHAPE, site, -1);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static ds_interest ask(const ds_watcher *w, const char *site, const ds_tensor *shape)
{
    return w == NULL ? DS_IGNORE : w->wants(w->user, site, shape);
}

/* An edit is an edit; parts are shown in parts if nobody wants the whole. */
static ds_interest stronger(ds_interest a, ds_interest b)
{
    if (a == DS_EDIT || b == DS_EDIT)
        return DS_EDIT;
    if (a == DS_LOOK || b == DS_LOOK)
        return DS_LOOK;
    return a == DS_PARTS || b == DS_PARTS ? DS_PARTS : DS_IGNORE;
}

static void fail(ds_taps *t, ds_status st)
{
    if (t->status == DS_OK)
        t->status = st;
}

/* A network asks more than once about some of its sites. */
static listening *find(const ds_taps *t, const char *site)
{
    listening *l = t->heard;

    while (l != NULL && strcmp(l->site, site) != 0)
        l = l->next;
    return l;
}

static void remember(ds_taps *t, const char *site, ds_interest first, ds_interest second)
{
    listening *l = find(t, site);

    if (l == NULL && first == DS_IGNORE && second == DS_IGNORE)
        return;
    if (l == NULL) {
        l = ds__arena_alloc(&t->arena, sizeof *l);
        if (l == NULL || (l->site = ds__arena_printf(&t->arena, "%s", site)) == NULL) {
            fail(t, ds_fail(&t->error, DS_E_NOMEM, "no memory for a watched site"));
            return;
        }
        l->next = t->heard;
        t->heard = l;
    }
    l->first = first;
    l->second = second;
}

static ds_interest wants(void *user, const char *site, const ds_tensor *shape)
{
    ds_taps *t = user;
    const ds_interest first = ask(t->first, site, shape), second = ask(t->second, site, shape);
    ds_interest interest = stronger(first, second);

    remember(t, site, first, second);
    for (int i = 0; i < t->count; i++) {
        const ds_tap *tap = &t->tap[i];

        if (!ds__site_matches(tap->site, site))
            continue;
        fail(t, check_value(tap, site, shape, &t->error));
        interest = stronger(interest, tap->kind == DS_TAP_LOOK ? DS_LOOK : DS_EDIT);
    }
    return interest;
}

/* ---- showing --------------------------------------------------------------------------------- */

/* Whose row r of a value with `rows` rows is. A text that several images share counts as the
 * first's. */
static ds_event place(const ds_taps *t, const char *site, int64_t r, int64_t rows)
{
    const ds_taps_place *at = &t->at;
    const int64_t chunks = at->conditions > 0 && rows > at->conditions ? rows / at->conditions : 1;
    ds_event e = { .site = site, .step = at->step, .call = at->call, .image = at->image };
    int64_t condition = 0;

    switch (at->rows) {
    case DS_ROWS_TEXTS:
        condition = r / chunks;
        e.image = condition < at->negatives ? 0 : condition - at->negatives;
        break;
    case DS_ROWS_BATCH:
        condition = r / at->images;
        e.image = r % at->images;
        break;
    case DS_ROWS_LOOP:
        e.image = r;
        return e;
    case DS_ROWS_PICTURE:
        return e;
    }
    e.branch = condition < at->negatives ? DS_BRANCH_NEGATIVE : DS_BRANCH_PROMPT;
    return e;
}

static bool applies(const ds_tap *tap, const ds_event *e)
{
    if (tap->from > 0 || tap->to > 0)
        if (e->step < tap->from || (tap->to > 0 && e->step >= tap->to) || e->step < 0)
            return false;
    if (tap->image >= 0 && e->image != tap->image)
        return false;
    return tap->branch == DS_BRANCH_BOTH || e->branch == DS_BRANCH_BOTH || e->branch == tap->branch;
}

static float number(const ds_tensor *value, int64_t i)
{
    float x;

    if (value->dtype == DS_DTYPE_F32)
        return ((const float *)value->data)[i];
    ds_convert(&x, DS_DTYPE_F32,
               (const char *)value->data + (size_t)i * ds_dtype_size(value->dtype), value->dtype,
               1);
    return x;
}

static void change(const ds_tap *tap, float *x, const ds_tensor *row, fit fitted, int64_t r)
{
    const extent e = extent_of(row);
    const int64_t n = e.outer * e.channels * e.inner, parts = tap->parts > 0 ? tap->parts : 1;
    const int64_t width = e.channels / parts, first = tap->parts > 0 ? tap->part * width : 0;

    for (int64_t o = 0; o < e.outer; o++)
        for (int64_t c = first; c < first + width; c++)
            for (int64_t i = 0; i < e.inner; i++) {
                const int64_t at = (o * e.channels + c) * e.inner + i;

                if (tap->kind == DS_TAP_SCALE) {
                    x[at] *= tap->strength;
                } else {
                    float v = number(tap->value, fitted == PER_CHANNEL ? c
                                                 : fitted == ONE_ROW   ? at
                                                                       : r * n + at);

                    x[at] = tap->kind == DS_TAP_REPLACE ? v : x[at] + tap->strength * v;
                }
            }
}

static ds_status tap_row(const ds_tap *tap, ds_event *e, const ds_tensor *whole, int64_t r,
                         ds_error *err)
{
    ds_status st;

    if (tap->kind == DS_TAP_LOOK || tap->kind == DS_TAP_CALL)
        return tap->call(tap->user, e, err);
    st = check_value(tap, e->site, whole, err); /* the caller may have set another value since */
    if (st == DS_OK)
        change(tap, e->value.data, &e->value,
               tap->kind == DS_TAP_SCALE ? ONE_ROW : fit_of(tap->value, whole), r);
    return st;
}

static ds_status show(void *user, const char *site, ds_tensor *value, ds_error *err)
{
    ds_taps *t = user;
    const listening *l = find(t, site);
    ds_status st = DS_OK;
    ds_tensor row = *value;
    int64_t n;

    if (l != NULL && l->first != DS_IGNORE)
        st = t->first->show(t->first->user, site, value, err);
    if (st == DS_OK && l != NULL && l->second != DS_IGNORE)
        st = t->second->show(t->second->user, site, value, err);
    row.dim[0] = 1;
    n = ds_tensor_count(&row);
    for (int i = 0; st == DS_OK && i < t->count; i++) {
        if (!ds__site_matches(t->tap[i].site, site))
            continue;
        for (int64_t r = 0; st == DS_OK && r < value->dim[0]; r++) {
            ds_event e = place(t, site, r, value->dim[0]);

            e.value = row;
            e.value.data = (float *)value->data + r * n;
            if (applies(&t->tap[i], &e))
                st = tap_row(&t->tap[i], &e, value, r, err);
        }
    }
    return st;
}

static ds_status show_part(void *user, const ds_part *part, ds_error *err)
{
    ds_taps *t = user;
    const listening *l = find(t, part->site);
    ds_status st = DS_OK;

    if (l != NULL && l->first == DS_PARTS)
        st = t->first->show_part(t->first->user, part, err);
    if (st == DS_OK && l != NULL && l->second == DS_PARTS)
        st = t->second->show_part(t->second->user, part, err);
    return st;
}

static bool wants_image(void *user, const char *site, int64_t image)
{
    ds_taps *t = user;
    const listening *l = find(t, site);
    const ds_watcher *w[2] = { l != NULL && l->first == DS_PARTS ? t->first : NULL,
                               l != NULL && l->second == DS_PARTS ? t->second : NULL };

    for (int i = 0; i < 2; i++)
        if (w[i] != NULL &&
            (w[i]->wants_image == NULL || w[i]->wants_image(w[i]->user, site, image)))
            return true;
    return false;
}

/* ---- the object ------------------------------------------------------------------------------ */

static ds_status check_tap(const ds_tap *tap, ds_error *err)
{
    const bool calls = tap->kind == DS_TAP_LOOK || tap->kind == DS_TAP_CALL;
    const bool value = tap->kind == DS_TAP_REPLACE || tap->kind == DS_TAP_ADD;

    if (tap->site == NULL)
        return ds_fail(err, DS_E_ARG, "a tap has no site");
    if (tap->kind < DS_TAP_LOOK || tap->kind > DS_TAP_ADD)
        return ds_fail(err, DS_E_ARG, "tap at %.120s: there is no kind %d", tap->site,
                       (int)tap->kind);
    if (calls && tap->call == NULL)
        return ds_fail(err, DS_E_ARG, "tap at %.120s: nobody to call", tap->site);
    if (value && (tap->value == NULL || tap->value->data == NULL))
        return ds_fail(err, DS_E_ARG, "tap at %.120s: its value is missing", tap->site);
    if (tap->parts < 0 || (tap->parts > 0 && (tap->part < 0 || tap->part >= tap->parts)))
        return ds_fail(err, DS_E_ARG, "tap at %.120s: part %lld of %lld", tap->site,
                       (long long)tap->part, (long long)tap->parts);
    if (tap->from < 0 || tap->to < 0 || (tap->to > 0 && tap->to <= tap->from))
        return ds_fail(err, DS_E_ARG, "tap at %.120s: steps %d to %d", tap->site, tap->from,
                       tap->to);
    return DS_OK;
}

static ds_status copy_taps(ds_taps *t, const ds_tap *taps, int count, ds_error *err)
{
    ds_status st = DS_OK;

    t->tap = ds__arena_alloc(&t->arena, (size_t)count * sizeof *taps);
    for (int i = 0; st == DS_OK && i < count; i++) {
        st = check_tap(&taps[i], err);
        if (st != DS_OK)
            break;
        if (t->tap != NULL) {
            t->tap[i] = taps[i];
            t->tap[i].site = ds__arena_printf(&t->arena, "%s", taps[i].site);
        }
        if (t->tap == NULL || t->tap[i].site == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for %d taps", count);
    }
    t->count = count;
    return st;
}

ds_status ds__taps_new(ds_taps **out, const ds_watcher **watcher, const ds_watcher *first,
                       const ds_watcher *second, const ds_tap *taps, int count, ds_error *err)
{
    ds_taps *t;
    ds_status st;

    *out = NULL;
    *watcher = first != NULL ? first : second;
    if (count < 1 && (first == NULL || second == NULL))
        return DS_OK;
    t = ds_calloc(1, sizeof *t);
    if (t == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for taps");
    t->first = first;
    t->second = second;
    st = copy_taps(t, taps, count > 0 ? count : 0, err);
    if (st != DS_OK) {
        ds__taps_free(t);
        return st;
    }
    t->self = (ds_watcher){ wants, show, t, NULL, wants_image };
    if ((first != NULL && first->show_part != NULL) ||
        (second != NULL && second->show_part != NULL))
        t->self.show_part = show_part;
    *watcher = &t->self;
    *out = t;
    return DS_OK;
}

void ds__taps_free(ds_taps *t)
{
    if (t == NULL)
        return;
    ds__arena_free(&t->arena);
    ds_free(t);
}

ds_status ds__taps_check(const ds_taps *t, ds_model *m, ds_error *err)
{
    ds_status st = DS_OK;

    if (t == NULL)
        return DS_OK;
    if (t->status != DS_OK) {
        ds_fail(err, t->status, "%s", t->error.text);
        return ds_fail_at(err, t->status, t->error.name, -1);
    }
    for (int i = 0; st == DS_OK && i < t->count; i++) {
        ds_site_list *l = NULL;

        st = ds_model_sites(m, t->tap[i].site, &l, err);
        ds_site_list_free(l);
    }
    return st;
}

void ds__taps_at(ds_taps *t, ds_taps_place place)
{
    if (t != NULL)
        t->at = place;
}

bool ds__taps_change(const ds_tap *taps, int count)
{
    for (int i = 0; i < count; i++)
        if (taps[i].kind != DS_TAP_LOOK)
            return true;
    return false;
}

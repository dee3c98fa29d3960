/* maps.c - from sums to maps: a slice is taken, each plane is resized and cut at zero, and the
 * planes are averaged (arXiv 2210.04885, section 3; the package cuts, the paper does not say). */

#include "methods/daam/daam.h"

#include "base/options.h"
#include "methods/daam/select.h"

#include <math.h>
#include <string.h>

struct ds_daam_maps {
    const ds_daam *d;
    int64_t text, height, width;
    bool loose;  /* words are looked for as the package does */
    float *data; /* [rows][height * width] of start, words, end */
};

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for maps");
}

/* ---- which planes ---------------------------------------------------------------------------- */

static ds_status apart(const char *list, bool is, const char *what, ds_error *err)
{
    if (list == NULL || is)
        return ds__select_check(list, what, strcmp(what, "layers") == 0, err);
    return ds_fail(err, DS_E_ARG,
                   "%s: these were summed to fit the budget; repeat with a larger one", what);
}

static ds_status check_slice(const ds_daam *d, const ds_daam_map_options *o, ds_error *err)
{
    int64_t kept = 0;
    ds_status st = apart(o->layers, d->trace.layers_apart, "layers", err);

    for (int64_t s = 0; s < d->trace.steps; s++)
        kept += ds__daam_step_kept(d, s);
    if (st == DS_OK)
        st = apart(o->heads, d->trace.heads_apart, "heads", err);
    if (st == DS_OK)
        st = apart(o->steps, d->trace.groups == kept, "steps", err);
    return st == DS_OK ? ds__select_check(o->resolutions, "resolutions", false, err) : st;
}

/* A slot holds one layer, or (layers summed) one resolution: then any of its layers stands for
 * it. */
static const daam_layer *layer_of_slot(const ds_daam *d, int slot)
{
    int64_t i = 0;

    while (d->trace.layer[i].slot != slot)
        i++;
    return &d->trace.layer[i];
}

static bool slot_wanted(const ds_daam *d, const ds_daam_map_options *o, int slot)
{
    const daam_layer *l = layer_of_slot(d, slot);

    return ds__select_has(o->layers, l->index, l->site) &&
           ds__select_has(o->resolutions, l->factor, NULL);
}

/* The number of the h-th head that is kept. */
static int64_t head_number(const ds_daam *d, int64_t h)
{
    for (int64_t i = 0;; i++)
        if (ds__daam_head_kept(d, i) && h-- == 0)
            return i;
}

static bool head_wanted(const ds_daam *d, const ds_daam_map_options *o, int64_t h)
{
    return o->heads == NULL || ds__select_has(o->heads, head_number(d, h), NULL);
}

/* The number of the g-th step that is kept. */
static bool group_wanted(const ds_daam *d, const ds_daam_map_options *o, int64_t g)
{
    if (o->steps == NULL)
        return true;
    for (int64_t s = 0; s < d->trace.steps; s++)
        if (ds__daam_step_kept(d, s) && g-- == 0)
            return ds__select_has(o->steps, s, NULL);
    return false;
}

/* (layer, head) pairs that are wanted, of one resolution (height 0: of all). */
static int64_t count_maps(const ds_daam *d, const ds_daam_map_options *o, int64_t height,
                          int64_t width)
{
    int64_t n = 0;

    for (int i = 0; i < d->trace.slots; i++) {
        const daam_slot *s = &d->trace.slot[i];

        if ((height != 0 && (s->height != height || s->width != width)) || !slot_wanted(d, o, i))
            continue;
        for (int64_t h = 0; h < s->heads; h++)
            n += head_wanted(d, o, h) ? s->maps : 0;
    }
    return n;
}

static int64_t count_resolutions(const ds_daam *d, const ds_daam_map_options *o)
{
    int64_t n = 0;

    for (int i = 0; i < d->trace.slots; i++) {
        const daam_slot *s = &d->trace.slot[i];
        bool first = slot_wanted(d, o, i) && count_maps(d, o, s->height, s->width) > 0;

        for (int k = 0; first && k < i; k++)
            first = d->trace.slot[k].height != s->height || d->trace.slot[k].width != s->width ||
                    !slot_wanted(d, o, k);
        n += first;
    }
    return n;
}

/* ---- adding up ------------------------------------------------------------------------------- */

/* Sum over the wanted groups of steps of the plane of one token. */
static void sum_groups(const ds_daam *d, const ds_daam_map_options *o, float *sum,
                       const daam_slot *s, int64_t text, int64_t image, int64_t head, int64_t row)
{
    const int64_t pixels = s->height * s->width;

    memset(sum, 0, (size_t)pixels * sizeof *sum);
    for (int64_t g = 0; g < d->trace.groups; g++) {
        const float *p = ds__daam_planes(d, s, text, image, g, head) + row * pixels;

        for (int64_t i = 0; group_wanted(d, o, g) && i < pixels; i++)
            sum[i] += p[i];
    }
}

/* Adds weight * max(0, resized) of one slot to all maps. */
static ds_status add_slot(ds_daam_maps *m, const ds_daam_map_options *o, const daam_slot *s,
                          int64_t image, double weight, ds_error *err)
{
    const int64_t pixels = m->height * m->width, rows = m->d->trace.text[m->text].fit + 2;
    ds_bicubic *b;
    ds_status st = ds__bicubic_new(&b, s->height, s->width, m->height, m->width, err);
    const int64_t small = s->height * s->width;
    int64_t room = st == DS_OK ? ds__bicubic_room(b) + pixels + small : 0;
    float *all = ds_alloc((size_t)(room * rows) * sizeof *all);

    if (st == DS_OK && all == NULL)
        st = no_memory(err);
#pragma omp parallel for schedule(dynamic, 1) if (rows * pixels > 4096)
    for (int64_t r = 0; r < (st == DS_OK ? rows : 0); r++) {
        float *sum = all + r * room, *big = sum + small, *work = big + pixels;

        for (int64_t h = 0; h < s->heads; h++) {
            if (!head_wanted(m->d, o, h))
                continue;
            sum_groups(m->d, o, sum, s, m->text, image, h, r);
            ds__bicubic(b, big, sum, work);
            for (int64_t i = 0; i < pixels; i++)
                m->data[r * pixels + i] += (float)weight * (big[i] > 0.0f ? big[i] : 0.0f);
        }
    }
    ds_free(all);
    ds__bicubic_free(b);
    return st;
}

/* Calls of the network behind the wanted steps: a value is then a mean share of attention. */
static double count_calls(const ds_daam *d, const ds_daam_map_options *o)
{
    int64_t kept = 0, wanted = 0;

    for (int64_t s = 0; s < d->trace.steps; s++) {
        kept += ds__daam_step_kept(d, s);
        wanted += ds__daam_step_kept(d, s) && ds__select_has(o->steps, s, NULL);
    }
    return (double)d->trace.calls * (double)wanted / (double)kept;
}

static ds_status add_all(ds_daam_maps *m, const ds_daam_map_options *o, int64_t image,
                         ds_error *err)
{
    const ds_daam *d = m->d;
    const int64_t all = count_maps(d, o, 0, 0), resolutions = count_resolutions(d, o);
    const double calls = count_calls(d, o);
    ds_status st = DS_OK;

    if (all == 0 || calls == 0)
        return ds_fail(err, DS_E_NOMATCH,
                       "nothing is left of the trace: the slice of layers, heads, steps and "
                       "resolutions is empty, or no step was run yet");
    for (int i = 0; st == DS_OK && i < d->trace.slots; i++) {
        const daam_slot *s = &d->trace.slot[i];
        double weight = 1.0 / (o->weights == DS_DAAM_PAPER ? (double)all : (double)all * calls);

        if (!slot_wanted(d, o, i) || count_maps(d, o, s->height, s->width) == 0)
            continue;
        if (o->weights == DS_DAAM_PER_RESOLUTION)
            weight =
                1.0 / ((double)count_maps(d, o, s->height, s->width) * (double)resolutions * calls);
        st = add_slot(m, o, s, image, weight, err);
    }
    return st;
}

/* Each pixel by the sum over the words' tokens; as the package, with 1e-6 against nothing. */
static void normalize(ds_daam_maps *m)
{
    const int64_t pixels = m->height * m->width, fit = m->d->trace.text[m->text].fit;

    for (int64_t i = 0; i < pixels; i++) {
        float sum = 0.0f;

        for (int64_t r = 1; r <= fit; r++)
            sum += m->data[r * pixels + i];
        for (int64_t r = 0; r < fit + 2; r++)
            m->data[r * pixels + i] /= sum + 1e-6f;
    }
}

static void choose_size(ds_daam_maps *m, const ds_daam_map_options *o)
{
    const ds_daam *d = m->d;
    const int64_t side = d->options.side;

    m->height = o->height > 0 ? o->height : side > 0 ? side : d->trace.height;
    m->width = o->width > 0 ? o->width : side > 0 ? side : d->trace.width;
}

ds_status ds_daam_reduce(const ds_daam *d, ds_daam_maps **out, int64_t text, int64_t image,
                         const ds_daam_map_options *given, ds_error *err)
{
    ds_daam_map_options standard = DS_DAAM_MAP_OPTIONS_INIT, taken;
    const ds_daam_map_options *o = &taken;
    ds_daam_maps *m;
    ds_status st;

    *out = NULL;
    standard.weights = d->options.paper ? DS_DAAM_PAPER : DS_DAAM_MEAN;
    st = ds__options_take(&taken, sizeof taken, &standard, given, "map options",
                          "DS_DAAM_MAP_OPTIONS_INIT", err);
    if (st != DS_OK)
        return st;
    if (ds_daam_text(d, text, image) == NULL)
        return ds_fail(err, DS_E_ARG, "there is no text %lld or no picture %lld in this trace",
                       (long long)text, (long long)image);
    text = ds__daam_text_of(d, text, image);
    if (o->height < 0 || o->width < 0 || o->height > 16384 || o->width > 16384)
        return ds_fail(err, DS_E_ARG, "maps of %lld by %lld: expected sides up to 16384",
                       (long long)o->width, (long long)o->height);
    st = check_slice(d, o, err);
    m = st == DS_OK ? ds_calloc(1, sizeof *m) : NULL;
    if (m == NULL)
        return st == DS_OK ? no_memory(err) : st;
    m->d = d;
    m->text = text;
    m->loose = d->options.paper;
    choose_size(m, o);
    m->data =
        ds_calloc((size_t)((d->trace.text[text].fit + 2) * m->height * m->width), sizeof *m->data);
    st = m->data != NULL ? add_all(m, o, image, err) : no_memory(err);
    if (st == DS_OK && o->normalize)
        normalize(m);
    if (st == DS_OK && o->refine != DS_DAAM_RAW)
        st = ds__daam_refine_maps(d, m->data, d->trace.text[text].fit + 2, image, m->height,
                                  m->width, o->refine, err);
    if (st != DS_OK) {
        ds_daam_maps_free(m);
        return st;
    }
    *out = m;
    return DS_OK;
}

void ds_daam_maps_free(ds_daam_maps *m)
{
    if (m == NULL)
        return;
    ds_free(m->data);
    ds_free(m);
}

/* ---- what maps hold -------------------------------------------------------------------------- */

ds_tensor ds_daam_global(const ds_daam_maps *m)
{
    return (ds_tensor){
        DS_DTYPE_F32, 3, { m->d->trace.text[m->text].fit + 2, m->height, m->width }, m->data
    };
}

/* out = mean of the maps of `count` tokens. */
static void average(const ds_daam_maps *m, float *out, const int64_t *token, int64_t count)
{
    const int64_t pixels = m->height * m->width;

    for (int64_t i = 0; i < pixels; i++) {
        double sum = 0.0;

        for (int64_t k = 0; k < count; k++)
            sum += m->data[(token[k] + 1) * pixels + i];
        out[i] = (float)(sum / (double)count);
    }
}

ds_status ds_daam_word(const ds_daam_maps *m, float *out, const char *word, ds_daam_match *match,
                       ds_error *err)
{
    ds_daam_match own;
    ds_status st;

    match = match != NULL ? match : &own;
    st = ds__daam_match(m->d, m->text, word, m->loose, match, err);
    if (st == DS_OK)
        average(m, out, match->token, match->tokens);
    return st;
}

ds_status ds_daam_token(const ds_daam_maps *m, float *out, int64_t index, ds_error *err)
{
    const int64_t fit = m->d->trace.text[m->text].fit;

    if (index < 0 || index >= fit)
        return ds_fail(err, DS_E_NOMATCH, "there is no token %lld: the text has %lld, from 0",
                       (long long)index, (long long)fit);
    average(m, out, &index, 1);
    return DS_OK;
}

ds_status ds_daam_whole(const ds_daam_maps *m, float *out, ds_error *err)
{
    const int64_t pixels = m->height * m->width, fit = m->d->trace.text[m->text].fit;

    if (fit == 0)
        return ds_fail(err, DS_E_NOMATCH, "the text has no tokens");
    memset(out, 0, (size_t)pixels * sizeof *out);
    for (int64_t r = 1; r <= fit; r++)
        for (int64_t i = 0; i < pixels; i++)
            out[i] += m->data[r * pixels + i] / (float)fit;
    return DS_OK;
}

ds_status ds_daam_expand(float *out, int64_t out_height, int64_t out_width, const float *map,
                         int64_t height, int64_t width, bool relative, ds_error *err)
{
    const int64_t n = out_height * out_width;
    float low = INFINITY, high = -INFINITY, *room;
    ds_bicubic *b;
    ds_status st;

    if (height < 1 || width < 1 || out_height < 1 || out_width < 1)
        return ds_fail(err, DS_E_ARG, "a map has at least one pixel");
    st = ds__bicubic_new(&b, height, width, out_height, out_width, err);
    if (st != DS_OK)
        return st;
    room = ds_alloc((size_t)ds__bicubic_room(b) * sizeof *room);
    if (room != NULL)
        ds__bicubic(b, out, map, room);
    ds__bicubic_free(b);
    ds_free(room);
    if (room == NULL)
        return no_memory(err);
    for (int64_t i = 0; relative && i < n; i++) {
        low = fminf(low, out[i]);
        high = fmaxf(high, out[i]);
    }
    for (int64_t i = 0; relative && i < n; i++)
        out[i] = (out[i] - low) / (high - low + 1e-8f);
    return DS_OK;
}

ds_status ds_daam_raw(const ds_daam *d, float *out, int64_t text, int64_t image, int64_t layer,
                      int64_t head, ds_error *err)
{
    const ds_daam_map_options o = DS_DAAM_MAP_OPTIONS_INIT;

    if (!d->trace.heads_apart || !d->trace.layers_apart || ds_daam_text(d, text, image) == NULL)
        return ds_fail(err, DS_E_ARG,
                       "layers and heads are not kept apart, or there is no such "
                       "text or picture");
    text = ds__daam_text_of(d, text, image);
    for (int64_t i = 0; i < d->trace.layers; i++) {
        const daam_slot *s = &d->trace.slot[d->trace.layer[i].slot];

        for (int64_t h = 0; d->trace.layer[i].index == layer && h < s->heads; h++) {
            if (head_number(d, h) != head)
                continue;
            for (int64_t r = 0; r < d->trace.text[text].rows; r++)
                sum_groups(d, &o, out + r * s->height * s->width, s, text, image, h, r);
            return DS_OK;
        }
    }
    return ds_fail(err, DS_E_NOMATCH, "layer %lld with head %lld is not kept", (long long)layer,
                   (long long)head);
}

/* denoiser_pull.c - the public denoiser: options, gates, and cotangents pulled back. See
 * verbs.h. */

#include "pipeline/denoiser_impl.h"

#include "base/near.h"
#include "base/options.h"
#include "pipeline/sites.h"

#include <string.h>

/* ---- options --------------------------------------------------------------------------------- */

/* What the network is asked while it is built. */
typedef struct request {
    const ds_denoiser_options *o;
    int64_t rows;
} request;

static bool has_cotangent(void *user, const char *output)
{
    (void)user;
    return strcmp(output, "sample") == 0;
}

static bool wants(void *user, const char *name)
{
    const request *r = user;

    for (int i = 0; i < r->o->n_wrt; i++)
        if (ds__site_matches(r->o->wrt[i], name))
            return true;
    return false;
}

static bool wants_gate(void *user, const char *site, const ds_tensor *value, ds_tensor *gate)
{
    const request *r = user;

    (void)value;
    for (int i = 0; i < r->o->n_gates; i++) {
        const ds_gate *g = &r->o->gates[i];
        const int64_t parts = g->parts > 0 ? g->parts : 1;

        if (!ds__site_matches(g->site, site))
            continue;
        *gate = !g->per_row ? (ds_tensor){ DS_DTYPE_F32, 1, { parts }, NULL }
                : g->places > 0
                    ? (ds_tensor){ DS_DTYPE_F32, 3, { r->rows, g->places, parts }, NULL }
                    : (ds_tensor){ DS_DTYPE_F32, 2, { r->rows, parts }, NULL };
        return true;
    }
    return false;
}

static bool gate_is_there(const ds_denoiser *d, const char *pattern)
{
    for (int i = 0; i < ds__net_inputs(d->net); i++) {
        const char *name = ds__net_input_name(d->net, i);

        if (strncmp(name, "gate.", 5) == 0 && ds__site_matches(pattern, name + 5))
            return true;
    }
    return false;
}

static ds_status check_gates(const ds_denoiser *d, ds_model *m, const ds_denoiser_options *o,
                             ds_error *err)
{
    ds_site_list *l = NULL;
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < o->n_gates; i++) {
        if (gate_is_there(d, o->gates[i].site))
            continue;
        st = ds__module_sites(m, DS_MODULE_UNET, &l, err);
        if (st == DS_OK)
            st = ds__site_no_match(l, o->gates[i].site, err);
        ds_site_list_free(l);
    }
    return st;
}

/* What there is to differentiate by: inputs and gates, then the model's parameters. */
typedef struct candidates {
    const ds_denoiser *d;
    const ds_model *m;
} candidates;

static const char *candidate(const void *user, int64_t i)
{
    const candidates *c = user;
    const int inputs = ds__net_inputs(c->d->net);

    return i < inputs ? ds__net_input_name(c->d->net, (int)i)
                      : ds_model_parameter_name(c->m, i - inputs);
}

static ds_status no_gradient(const ds_denoiser *d, const ds_model *m, const char *pattern,
                             ds_error *err)
{
    const candidates c = { d, m };

    return ds__no_match("input, gate or parameter of the denoiser", pattern, candidate, &c,
                        ds__net_inputs(d->net) + ds_model_parameters(m), err);
}

static ds_status check_wrt(const ds_denoiser *d, const ds_model *m, const ds_denoiser_options *o,
                           ds_error *err)
{
    for (int i = 0; i < o->n_wrt; i++) {
        const char *name;
        bool found = false;

        for (int k = 0; !found && (name = ds_denoiser_gradient_name(d, k)) != NULL; k++)
            found = ds__site_matches(o->wrt[i], name);
        if (!found)
            return no_gradient(d, m, o->wrt[i], err);
    }
    return DS_OK;
}

static ds_status prepare_pull(ds_denoiser *d, ds_error *err)
{
    const ds_denoiser_shape *s = &d->shape;
    const size_t plane = (size_t)(d->info.channels * s->height * s->width);

    d->pull.prepared = true;
    d->pull.sample = ds_calloc((size_t)s->images * plane, sizeof(float));
    d->pull.rows = ds_calloc((size_t)d->rows * plane, sizeof(float));
    if (d->pull.sample == NULL || d->pull.rows == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for gradients of %lld rows", (long long)d->rows);
    return ds__pull_make_room(d, d->rows, err);
}

static ds_status read_shape(ds_denoiser_shape *s, const ds_model *m, const ds_denoiser_options *o,
                            ds_error *err)
{
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, m, err);

    if (st != DS_OK)
        return st;
    *s = (ds_denoiser_shape){ .images = o->images,
                              .conditions = o->conditions,
                              .tokens = o->tokens > 0 ? o->tokens : m->clip[0].positions,
                              .height = o->height > 0 ? o->height : info.side,
                              .width = o->width > 0 ? o->width : info.side };
    return DS_OK;
}

/* Plans for options that are complete; what is wrong with taps, gates and wrt shows afterwards. */
static ds_status plan(ds_denoiser **out, ds_model *m, const ds_denoiser_options *o,
                      const ds_watcher *watcher, ds_error *err)
{
    request ask = { o, o->images * o->conditions };
    const ds_net_pullback pullback = { has_cotangent, wants, &ask, o->recompute };
    const ds_gates gates = { wants_gate, &ask };
    const ds_net_options net = { .watcher = watcher,
                                 .pullback = o->n_wrt > 0 ? &pullback : NULL,
                                 .gates = o->n_gates > 0 ? &gates : NULL,
                                 .reference = o->exact,
                                 .threads = o->threads };
    ds_denoiser_shape shape;
    ds_status st = read_shape(&shape, m, o, err);

    return st == DS_OK ? ds__denoiser_plan(out, m, &shape, &net, err) : st;
}

static ds_status check(ds_denoiser *d, ds_model *m, const ds_denoiser_options *o, ds_error *err)
{
    ds_status st = ds__taps_check(d->taps, m, err);

    if (st == DS_OK)
        st = check_gates(d, m, o, err);
    if (st == DS_OK)
        st = check_wrt(d, m, o, err);
    return st == DS_OK && o->n_wrt > 0 ? prepare_pull(d, err) : st;
}

ds_status ds_denoiser_new(ds_denoiser **out, ds_model *m, const ds_denoiser_options *options,
                          ds_error *err)
{
    const ds_denoiser_options defaults = DS_DENOISER_OPTIONS_INIT;
    const ds_watcher *watcher;
    ds_denoiser_options o;
    ds_taps *taps = NULL;
    ds_status st = ds__options_take(&o, sizeof o, &defaults, options, "options of a denoiser",
                                    "DS_DENOISER_OPTIONS_INIT", err);

    *out = NULL;
    if (st == DS_OK && o.n_wrt > 0 && ds__taps_change(o.taps, o.n_taps))
        st = ds_fail(err, DS_E_UNSUPPORTED,
                     "a tap that changes values has no gradient: use a gate, or leave out wrt");
    if (st == DS_OK)
        st = ds__taps_new(&taps, &watcher, o.watcher, NULL, o.taps, o.n_taps, err);
    if (st == DS_OK)
        st = plan(out, m, &o, watcher, err);
    if (st != DS_OK) {
        ds__taps_free(taps);
        return st;
    }
    (*out)->cancel = o.cancel;
    (*out)->taps = taps;
    st = check(*out, m, &o, err);
    if (st != DS_OK) {
        ds__denoiser_free(*out);
        *out = NULL;
    }
    return st;
}

void ds_denoiser_free(ds_denoiser *d)
{
    ds__denoiser_free(d);
}

/* ---- calls ----------------------------------------------------------------------------------- */

ds_status ds_denoiser_condition(ds_denoiser *d, const ds_conditions *c, ds_error *err)
{
    return ds__denoiser_condition(d, c, err);
}

ds_status ds_denoiser_condition_rows(ds_denoiser *d, const ds_conditions *c, const int64_t *which,
                                     ds_error *err)
{
    return ds__denoiser_condition_rows(d, c, which, err);
}

ds_status ds_denoiser_set(ds_denoiser *d, const char *input, const ds_tensor *t, ds_error *err)
{
    const bool call = strcmp(input, "sample") == 0 || strcmp(input, "timestep") == 0 ||
                      strncmp(input, "cotangent.", 10) == 0;
    const bool text =
        strcmp(input, "encoder_hidden_states") == 0 || strcmp(input, "text_embeds") == 0;

    if (call || text)
        return ds_fail(err, DS_E_ARG, "%s is set by %s", input,
                       call ? "ds_denoise and ds_denoiser_pull" : "ds_denoiser_condition");
    return ds__net_set(d->net, input, t, err);
}

ds_status ds_denoise(ds_denoiser *d, float *out, const float *z, const float *t, ds_error *err)
{
    ds__taps_at(d->taps, (ds_taps_place){ .rows = DS_ROWS_BATCH,
                                          .step = (int)d->calls,
                                          .call = (int)d->calls,
                                          .conditions = d->shape.conditions,
                                          .negatives = d->shape.conditions - 1,
                                          .images = d->shape.images });
    d->calls++;
    return ds__denoise(d, out, z, t, d->cancel, err);
}

ds_status ds_denoiser_pull(ds_denoiser *d, const float *cotangent, ds_error *err)
{
    const ds_tensor c = { DS_DTYPE_F32,
                          4,
                          { d->rows, d->info.channels, d->shape.height, d->shape.width },
                          (void *)cotangent };
    ds_status st;

    if (!d->pull.prepared)
        return ds_fail(err, DS_E_ARG,
                       "pull: name what is wanted in the denoiser's options (wrt) when it is made");
    if (!d->pull.ready)
        return ds_fail(err, DS_E_ARG, "pull: each pull needs a call of ds_denoise before it");
    d->pull.ready = false;
    st = ds__net_set(d->net, "cotangent.sample", &c, err);
    if (st == DS_OK)
        st = ds__net_backward(d->net, d->cancel, err);
    d->pull.done = st == DS_OK;
    return st;
}

/* ---- gradients ------------------------------------------------------------------------------- */

static const char *gradient_name(const ds_net *n, int i)
{
    const char *name = ds__net_output_name(n, i);

    return strncmp(name, "grad.", 5) == 0 ? name + 5 : NULL;
}

const char *ds_denoiser_gradient_name(const ds_denoiser *d, int i)
{
    for (int k = 0; i >= 0 && k < ds__net_outputs(d->net); k++)
        if (gradient_name(d->net, k) != NULL && i-- == 0)
            return gradient_name(d->net, k);
    return NULL;
}

/* sum[group(r)] += rows[r], of n numbers each, in the order of the rows. */
static void sum_rows(const ds_denoiser *d, float *sum, int64_t groups, const float *rows, int64_t n,
                     bool by_image)
{
    memset(sum, 0, (size_t)(groups * n) * sizeof *sum);
    for (int64_t r = 0; r < d->rows; r++) {
        float *to = sum + (by_image ? r % d->shape.images : d->which[r]) * n;

        for (int64_t i = 0; i < n; i++)
            to[i] += rows[r * n + i];
    }
}

static ds_tensor share_latents(ds_denoiser *d, int i)
{
    const ds_denoiser_shape *s = &d->shape;
    const int64_t n = d->info.channels * s->height * s->width;

    ds__net_get(d->net, i, d->pull.rows);
    sum_rows(d, d->pull.sample, s->images, d->pull.rows, n, true);
    return (ds_tensor){
        DS_DTYPE_F32, 4, { s->images, d->info.channels, s->height, s->width }, d->pull.sample
    };
}

static ds_tensor share_conditions(ds_denoiser *d, int i, bool hidden)
{
    const int64_t count = d->pull.conditions;
    const int64_t n = hidden ? d->shape.tokens * d->width : d->pooled_width;
    float *sum = hidden ? d->pull.hidden : d->pull.pooled;

    sum_rows(d, sum, count, ds__net_view(d->net, i), n, false);
    return hidden ? (ds_tensor){ DS_DTYPE_F32, 3, { count, d->shape.tokens, d->width }, sum }
                  : (ds_tensor){ DS_DTYPE_F32, 2, { count, d->pooled_width }, sum };
}

ds_status ds_denoiser_gradient(ds_denoiser *d, ds_tensor *out, const char *name, ds_error *err)
{
    int i = 0;

    if (!d->pull.done)
        return ds_fail(err, DS_E_ARG, "gradient of %.100s: there was no ds_denoiser_pull", name);
    while (i < ds__net_outputs(d->net) &&
           (gradient_name(d->net, i) == NULL || strcmp(gradient_name(d->net, i), name) != 0))
        i++;
    if (i == ds__net_outputs(d->net)) {
        ds_fail(err, DS_E_NOMATCH, "the gradient of %.100s was not asked for (wrt)", name);
        return ds_fail_at(err, DS_E_NOMATCH, name, -1);
    }
    if (strcmp(name, "sample") == 0) {
        *out = share_latents(d, i);
    } else if (strcmp(name, "encoder_hidden_states") == 0 || strcmp(name, "text_embeds") == 0) {
        *out = share_conditions(d, i, name[0] == 'e');
    } else {
        *out = ds__net_output_shape(d->net, i);
        out->data = (void *)ds__net_view(d->net, i);
    }
    return DS_OK;
}

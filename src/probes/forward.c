/* forward.c - one network on named tensors, with any of its values watched (ds_model_forward). */

#include "base/options.h"
#include "pipeline/sites.h"

#include <stdio.h>
#include <string.h>

static ds_status parse_module(const char *name, ds_module *out, ds_error *err)
{
    for (int i = 0; i < DS_MODULES; i++)
        if (strcmp(name, ds__module_names[i]) == 0) {
            *out = (ds_module)i;
            return DS_OK;
        }
    ds_fail(err, DS_E_NOMATCH,
            "no module %.60s: expected text_encoder, text_encoder_2, unet, vae.encode or "
            "vae.decode",
            name);
    return ds_fail_at(err, DS_E_NOMATCH, name, -1);
}

/* The shape of the run follows from the inputs. */
static ds_status infer_shape(ds_module module, const ds_bundle *in, ds_net_shape *s, ds_error *err)
{
    static const char *const main_input[DS_MODULES] = {
        [DS_MODULE_TEXT_ENCODER] = "input_ids",
        [DS_MODULE_TEXT_ENCODER_2] = "input_ids",
        [DS_MODULE_UNET] = "sample",
        [DS_MODULE_VAE_ENCODE] = "image",
        [DS_MODULE_VAE_DECODE] = "latent",
    };
    bool text = module == DS_MODULE_TEXT_ENCODER || module == DS_MODULE_TEXT_ENCODER_2;
    ds_tensor *t, *context;
    ds_status st;

    st = ds_bundle_expect(in, main_input[module], text ? 2 : 4, (const int64_t[]){ -1, -1, -1, -1 },
                          &t, err);
    if (st != DS_OK)
        return st;
    *s = (ds_net_shape){ t->dim[0], 0, 1, 1 };
    if (text) {
        s->tokens = t->dim[1];
        return DS_OK;
    }
    s->height = t->dim[2];
    s->width = t->dim[3];
    if (module != DS_MODULE_UNET)
        return DS_OK;
    st = ds_bundle_expect(in, "encoder_hidden_states", 3, (const int64_t[]){ -1, -1, -1 }, &context,
                          err);
    if (st == DS_OK)
        s->tokens = context->dim[1];
    return st;
}

static ds_status set_inputs(ds_net *n, const ds_bundle *in, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < ds__net_inputs(n); i++)
        if (ds_bundle_find(in, ds__net_input_name(n, i)) == NULL && !ds__net_input_optional(n, i)) {
            ds_fail(err, DS_E_NOMATCH, "input %s is missing", ds__net_input_name(n, i));
            st = ds_fail_at(err, DS_E_NOMATCH, ds__net_input_name(n, i), -1);
        }
    for (int64_t i = 0; st == DS_OK && i < ds_bundle_count(in); i++)
        st = ds__net_set(n, ds_bundle_name(in, i), ds_bundle_at(in, i), err);
    return st;
}

/* ---- gradients ------------------------------------------------------------------------------ */

typedef struct request {
    const ds_bundle *in;
    const char *const *wrt;
    int n_wrt;
} request;

static bool has_cotangent(void *user, const char *output)
{
    const request *r = user;
    char name[200];

    snprintf(name, sizeof name, "cotangent.%s", output);
    return ds_bundle_find(r->in, name) != NULL;
}

static bool wants(void *user, const char *name)
{
    const request *r = user;

    for (int i = 0; i < r->n_wrt; i++)
        if (ds__site_matches(r->wrt[i], name))
            return true;
    return false;
}

/* ---- gates ---------------------------------------------------------------------------------- */

/* A gate of the inputs' size where the inputs hold one; where only its gradient is asked for, one
 * number. A pattern must name gates outright: "*" would put one at every site. */
static bool wants_gate(void *user, const char *site, const ds_tensor *value, ds_tensor *gate)
{
    const request *r = user;
    const ds_tensor *given;
    char name[520];

    (void)value;
    snprintf(name, sizeof name, "gate.%s", site);
    given = ds_bundle_find(r->in, name);
    *gate = (ds_tensor){ DS_DTYPE_F32, 1, { 1 }, NULL };
    if (given != NULL && given->rank > 0) {
        gate->rank = given->rank;
        memcpy(gate->dim, given->dim, sizeof gate->dim);
    }
    for (int i = 0; given == NULL && i < r->n_wrt; i++)
        if (strncmp(r->wrt[i], "gate.", 5) == 0 && ds__site_matches(r->wrt[i], name))
            return true;
    return given != NULL;
}

static bool any_gates(const request *r)
{
    for (int64_t i = 0; i < ds_bundle_count(r->in); i++)
        if (strncmp(ds_bundle_name(r->in, i), "gate.", 5) == 0)
            return true;
    for (int i = 0; i < r->n_wrt; i++)
        if (strncmp(r->wrt[i], "gate.", 5) == 0)
            return true;
    return false;
}

/* Cotangents without --wrt, or the reverse, would be silently useless; so would a pattern that
 * names nothing. */
static ds_status check_gradients(const ds_net *n, const request *r, ds_error *err)
{
    ds_status st = DS_OK;
    bool any = false;

    for (int i = 0; i < ds__net_inputs(n); i++)
        any = any || strncmp(ds__net_input_name(n, i), "cotangent.", 10) == 0;
    if (r->n_wrt > 0 && !any)
        return ds_fail(err, DS_E_NOMATCH,
                       "a gradient is asked for, but the inputs hold no "
                       "cotangent.<output> of this module");
    for (int k = 0; st == DS_OK && k < r->n_wrt; k++) {
        bool found = false;

        for (int i = 0; !found && i < ds__net_outputs(n); i++) {
            const char *name = ds__net_output_name(n, i);

            found = strncmp(name, "grad.", 5) == 0 && ds__site_matches(r->wrt[k], name + 5);
        }
        if (!found) {
            ds_fail(
                err, DS_E_NOMATCH,
                "no input, parameter or gate that the output depends on matches %.120s; parameters "
                "have names such as unet.conv_in.weight, inputs such as "
                "encoder_hidden_states, gates gate. and a site's name (`diffuscope sites`; "
                "probabilities have none)",
                r->wrt[k]);
            st = ds_fail_at(err, DS_E_NOMATCH, r->wrt[k], -1);
        }
    }
    return st;
}

static ds_status get_outputs(const ds_net *n, ds_bundle *out, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < ds__net_outputs(n); i++) {
        ds_tensor shape = ds__net_output_shape(n, i), *t;

        st = ds_bundle_add(out, ds__net_output_name(n, i), DS_DTYPE_F32, shape.rank, shape.dim, &t,
                           err);
        if (st == DS_OK)
            ds__net_get(n, i, t->data);
    }
    return st;
}

/* Why no site of the module matches: none at all does, or only sites of other modules. */
static ds_status no_match(ds_model *m, ds_module module, const char *pattern, ds_error *err)
{
    ds_site_list *l;
    ds_status st = ds_model_sites(m, pattern, &l, err);

    if (st != DS_OK)
        return st;
    st = ds_fail(err, DS_E_NOMATCH,
                 "pattern %.120s matches sites such as %.120s, but none of module %s", pattern,
                 l->site[0].name, ds__module_names[module]);
    ds_site_list_free(l);
    return st;
}

/* A pattern that names no site of the module is an error, not an empty result. */
static ds_status check_patterns(ds_model *m, ds_module module, const char *const *watch, int count,
                                ds_error *err)
{
    ds_site_list *l = NULL;
    ds_status st = count > 0 ? ds__module_sites(m, module, &l, err) : DS_OK;

    for (int i = 0; st == DS_OK && i < count; i++) {
        bool found = false;

        for (int64_t k = 0; !found && k < l->count; k++)
            found = ds__site_matches(watch[i], l->site[k].name);
        if (!found)
            st = no_match(m, module, watch[i], err);
    }
    ds_site_list_free(l);
    return st;
}

/* One pass over a small network takes no longer in reference arithmetic than oneDNN needs to
 * generate its code (some two seconds), so it may as well be exact; beyond that size the fast
 * kernels pay. */
static bool is_small(ds_model *m, ds_module module, const ds_net_shape *s)
{
    double positions = (double)s->batch * (double)(s->height * s->width + s->tokens);

    return m->products == DS_PRODUCTS_AUTO && m->compute == DS_DTYPE_F32 &&
           positions * ds__module_parameters(m, module) < 1e10;
}

static ds_status run(ds_net *n, const request *r, ds_bundle *outputs, const ds_cancel *cancel,
                     ds_error *err)
{
    ds_status st = check_gradients(n, r, err);

    if (st == DS_OK)
        st = set_inputs(n, r->in, err);
    if (st == DS_OK)
        st = ds__net_run(n, cancel, err);
    return st == DS_OK ? get_outputs(n, outputs, err) : st;
}

ds_status ds_model_forward_with(ds_model *m, const char *module_name, const ds_bundle *inputs,
                                ds_bundle *outputs, const ds_forward_options *given, ds_error *err)
{
    const ds_forward_options defaults = DS_FORWARD_OPTIONS_INIT;
    ds_forward_options o;
    ds_module module = DS_MODULE_UNET;
    ds_net_shape shape = { 0 };
    ds_net *n = NULL;
    ds_status st = ds__options_take(&o, sizeof o, &defaults, given, "forward options",
                                    "DS_FORWARD_OPTIONS_INIT", err);
    request gradients = { inputs, o.wrt, o.n_wrt };
    const ds_net_pullback pullback = { has_cotangent, wants, &gradients, o.recompute };
    ds_capture capture = { o.watch, o.n_watch, outputs };
    const ds_watcher watcher = ds__capture_watcher(&capture);
    const ds_gates gates = { wants_gate, &gradients };
    ds_net_options net = { .watcher = o.n_watch > 0 ? &watcher : NULL,
                           .pullback = o.n_wrt > 0 ? &pullback : NULL,
                           .gates = any_gates(&gradients) ? &gates : NULL,
                           .threads = o.threads };

    if (st == DS_OK)
        st = parse_module(module_name, &module, err);
    if (st == DS_OK)
        st = ds__module_need(m, module, err);
    if (st == DS_OK)
        st = infer_shape(module, inputs, &shape, err);
    net.reference = st == DS_OK && is_small(m, module, &shape);
    if (st == DS_OK)
        st = check_patterns(m, module, o.watch, o.n_watch, err);
    if (st == DS_OK)
        st = ds__net_new(&n, m, module, &shape, &net, err);
    if (st == DS_OK)
        st = run(n, &gradients, outputs, o.cancel, err);
    ds__net_free(n);
    return st;
}

ds_status ds_model_forward(ds_model *m, const char *module, const ds_bundle *inputs,
                           const char *const *watch, int n_watch, const char *const *wrt, int n_wrt,
                           ds_bundle *outputs, ds_error *err)
{
    const ds_forward_options o = {
        .size = sizeof o, .watch = watch, .n_watch = n_watch, .wrt = wrt, .n_wrt = n_wrt
    };

    return ds_model_forward_with(m, module, inputs, outputs, &o, err);
}

/* net.h - one network of a model, planned for one shape: inputs by name, run, outputs by name.
 *
 * Thread rule: a net belongs to one thread. The model must outlive it. */

#ifndef DS_MODELS_NET_H
#define DS_MODELS_NET_H

#include "models/model.h"

typedef enum ds_module {
    DS_MODULE_TEXT_ENCODER = 0,
    DS_MODULE_TEXT_ENCODER_2,
    DS_MODULE_UNET,
    DS_MODULE_VAE_ENCODE,
    DS_MODULE_VAE_DECODE,
    DS_MODULES
} ds_module;

extern const char *const ds__module_names[DS_MODULES]; /* "text_encoder" ... "vae.decode" */

/* Does the model have what the module needs? need: DS_E_NOMATCH, telling what it has. */
bool ds__module_available(const ds_model *m, ds_module module);
ds_status ds__module_need(const ds_model *m, ds_module module, ds_error *err);

/* The module is done with, for now: what its component keeps in kernel layouts goes back to the system, unless
 * a net reads it or it is so little that making it again would be felt more than the memory. */
void ds__module_done(ds_model *m, ds_module module);

/* Number of parameters of the component that the module belongs to. */
double ds__module_parameters(const ds_model *m, ds_module module);

typedef struct ds_net_shape {
    int64_t batch;
    int64_t tokens;        /* text encoders: of input_ids; UNet: of encoder_hidden_states */
    int64_t height, width; /* of the latent (UNet, decode) or the image (encode) */
} ds_net_shape;

/* A vector-Jacobian product: each output that has a cotangent becomes one more input,
 * "cotangent.<output>"; each input, gate and parameter that is asked for becomes one more output,
 * "grad.<name>", unless nothing with a cotangent depends on it. */
typedef struct ds_net_pullback {
    bool (*has_cotangent)(void *user, const char *output);
    bool (*wants)(void *user,
                  const char *name); /* input, gate or parameter ("unet.conv_in.weight") */
    void *user;
    bool recompute; /* keep the inputs of blocks only, and compute the rest again */
} ds_net_pullback;

typedef struct ds_net ds_net;

typedef struct ds_net_options {
    const ds_watcher *watcher;       /* NULL: nobody listens */
    const ds_net_pullback *pullback; /* NULL: no gradients */
    const ds_gates *gates; /* NULL: none. Each that is wanted becomes one more input, "gate.<site>",
                              which holds ones until it is set. */
    bool reference;        /* products summed in double, whatever the model's options say */
    int threads;           /* of the net, whoever runs it; 0: as many as its maker may use */
    int64_t rows, places;  /* text encoders: R > 0 makes the inputs rows [R,D], row_which [P] and
                              row_place [P]: rows[row_which[i]] stands for the embedding of token
                              row_place[i] = n*S + position */
    bool watched_only; /* compute what the watcher wants and nothing else: outputs cannot be read */
} ds_net_options;

/* Builds and plans. options may be NULL. */
ds_status ds__net_new(ds_net **out, ds_model *m, ds_module module, const ds_net_shape *shape,
                      const ds_net_options *options, ds_error *err);
void ds__net_free(ds_net *n);

/* Builds only, so that the watcher is asked about every site. */
ds_status ds__net_list(ds_model *m, ds_module module, const ds_net_shape *shape,
                       const ds_watcher *watcher, ds_error *err);

/* Copies a tensor in public order in; any numeric type; a single number is repeated.
 * DS_E_NOMATCH, DS_E_SHAPE. */
ds_status ds__net_set(ds_net *n, const char *name, const ds_tensor *t, ds_error *err);

/* DS_E_FORMAT if an output of the last forward pass holds a number that is not finite: the sentence names module, row
 * and output. */
ds_status ds__net_finite(const ds_net *n, ds_error *err);

int ds__net_outputs(const ds_net *n);
const char *ds__net_output_name(const ds_net *n, int i);
int ds__net_inputs(const ds_net *n);
const char *ds__net_input_name(const ds_net *n, int i);
bool ds__net_input_optional(const ds_net *n, int i); /* gates are open, timestep_cond is zero */

/* Shape of an output in public order (f32, data NULL). */
ds_tensor ds__net_output_shape(const ds_net *n, int i);
/* Copies output i, in public order, into dst (f32). */
void ds__net_get(const ds_net *n, int i, float *dst);

ds_status ds__net_run(ds_net *n, const ds_cancel *cancel, ds_error *err);

/* The same in two parts, for cotangents that follow from the outputs: backward makes the "grad."
 * outputs, once after each forward. */
ds_status ds__net_forward(ds_net *n, const ds_cancel *cancel, ds_error *err);
ds_status ds__net_backward(ds_net *n, const ds_cancel *cancel, ds_error *err);

/* Output i where it lies, if it lies there in public order; NULL: use ds__net_get. */
const float *ds__net_view(const ds_net *n, int i);
void ds__net_info(const ds_net *n, ds_plan_info *info);
void ds__net_time(ds_net *n, ds_plan_timer *timer, void *user); /* see ds__plan_time */

#endif

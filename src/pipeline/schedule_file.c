/* schedule_file.c - scheduler_config.json: which fields matter to which sampler, what they may say.
 *
 * A field that a sampler's diffusers class reads is honoured or refused by name. A field that only
 * other classes read is ignored, as diffusers does when one file configures another class. A field
 * that no class here knows is refused, unless it is off. */

#include "pipeline/schedule.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(kind) (1u << (kind))
#define ALL       (~0u)
#define FEW       (BIT(DS_LCM) | BIT(DS_TCD))
#define SOLVER    (BIT(DS_DPMPP_2M) | BIT(DS_DPMPP_2S))
#define LOGSNR    (SOLVER | BIT(DS_UNIPC) | BIT(DS_DEIS))
#define LEARNED   (BIT(DS_DDIM) | BIT(DS_DDPM) | LOGSNR | FEW)
#define KARRAS    (BIT(DS_EULER) | BIT(DS_HEUN) | BIT(DS_LMS) | BIT(DS_DPM2) | BIT(DS_DPM2_A) | LOGSNR)
#define CLIPPED   (BIT(DS_DDIM) | BIT(DS_DDPM) | BIT(DS_DDIM_INVERSE) | BIT(DS_HEUN) | FEW)
#define RESCALED                                                                                   \
    (BIT(DS_DDIM) | BIT(DS_DDPM) | BIT(DS_DDIM_INVERSE) | BIT(DS_EULER) | BIT(DS_EULER_A) |        \
     BIT(DS_DPMPP_2M) | BIT(DS_UNIPC) | FEW)

typedef struct word {
    const char *text;
    int value;
} word;

typedef enum field_type {
    WHOLE,
    REAL, /* null keeps the default */
    FLAG,
    WORD,
    OFF,   /* must be false or null */
    EMPTY, /* must be an empty list or null */
    UNUSED /* matters to no sampler here */
} field_type;

typedef struct field {
    const char *name;
    field_type type;
    unsigned kinds; /* who reads it */
    size_t offset;
    double min, max;
    const word *words;
} field;

static const word beta_words[] = { { "linear", DS_BETA_LINEAR },
                                   { "scaled_linear", DS_BETA_SCALED_LINEAR },
                                   { "squaredcos_cap_v2", DS_BETA_COSINE },
                                   { 0 } };
static const word prediction_words[] = { { "epsilon", DS_PREDICT_EPSILON },
                                         { "v_prediction", DS_PREDICT_V },
                                         { "sample", DS_PREDICT_SAMPLE },
                                         { 0 } };
static const word spacing_words[] = {
    { "leading", DS_LEADING }, { "trailing", DS_TRAILING }, { "linspace", DS_LINSPACE }, { 0 }
};
static const word variance_words[] = {
    { "fixed_small", 0 }, { "fixed_small_log", 0 }, { "fixed_large", 1 }, { 0 }
};
/* diffusers reads the solver types of other classes as the class's own first one. */
static const word solver_words[] = { { "midpoint", 0 }, { "heun", 1 }, { "logrho", 0 },
                                     { "bh1", 0 },      { "bh2", 0 },  { 0 } };
static const word unipc_words[] = { { "bh1", 1 },  { "bh2", 0 },    { "midpoint", 0 },
                                    { "heun", 0 }, { "logrho", 0 }, { 0 } };
static const word algorithm_words[] = { { "dpmsolver++", 0 }, { "deis", 0 }, { 0 } };
static const word deis_words[] = { { "deis", 0 }, { "dpmsolver", 0 }, { "dpmsolver++", 0 }, { 0 } };
static const word final_words[] = { { "sigma_min", 0 }, { "zero", 1 }, { 0 } };
static const word only_linear[] = { { "linear", 0 }, { 0 } };
static const word only_discrete[] = { { "discrete", 0 }, { 0 } };

#define AT(member) offsetof(ds_schedule_config, member)
#define NOWHERE    ((size_t)-1)

static const field fields[] = {
    { "num_train_timesteps", WHOLE, ALL, AT(train_steps), 2, 100000, NULL },
    { "beta_start", REAL, ALL, AT(beta_start), 0, 1, NULL },
    { "beta_end", REAL, ALL, AT(beta_end), 0, 1, NULL },
    { "beta_schedule", WORD, ALL, AT(beta_kind), 0, 0, beta_words },
    { "trained_betas", OFF, ALL, NOWHERE, 0, 0, NULL },
    { "prediction_type", WORD, ALL, AT(prediction), 0, 0, prediction_words },
    { "timestep_spacing", WORD, ~(FEW | BIT(DS_DPMPP_2S)), AT(spacing), 0, 0, spacing_words },
    { "steps_offset", WHOLE, ~(FEW | BIT(DS_DPMPP_2S)), AT(steps_offset), 0, 1000, NULL },
    { "set_alpha_to_one", FLAG, BIT(DS_DDIM) | BIT(DS_PNDM) | BIT(DS_DDIM_INVERSE),
      AT(alpha_to_one), 0, 0, NULL },
    { "set_alpha_to_zero", FLAG, BIT(DS_DDIM_INVERSE), AT(alpha_to_one), 0, 0, NULL },
    { "clip_sample", FLAG, CLIPPED, AT(clip), 0, 0, NULL },
    { "clip_sample_range", REAL, CLIPPED, AT(clip_range), 0, 1e6, NULL },
    { "rescale_betas_zero_snr", FLAG, RESCALED, AT(zero_snr), 0, 0, NULL },
    { "rescale_betas_zero_snr", OFF, ~RESCALED, NOWHERE, 0, 0, NULL },
    { "thresholding", OFF, LEARNED, NOWHERE, 0, 0, NULL },
    { "variance_type", WORD, BIT(DS_DDPM), AT(large_noise), 0, 0, variance_words },
    { "variance_type", OFF, SOLVER, NOWHERE, 0, 0, NULL },
    { "skip_prk_steps", FLAG, BIT(DS_PNDM), AT(skip_prk), 0, 0, NULL },
    { "use_karras_sigmas", FLAG, KARRAS, AT(karras), 0, 0, NULL },
    { "use_exponential_sigmas", FLAG, KARRAS, AT(exponential), 0, 0, NULL },
    { "use_beta_sigmas", OFF, KARRAS, NOWHERE, 0, 0, NULL },
    { "use_flow_sigmas", OFF, ALL, NOWHERE, 0, 0, NULL },
    { "interpolation_type", WORD, BIT(DS_EULER), NOWHERE, 0, 0, only_linear },
    { "timestep_type", WORD, BIT(DS_EULER), NOWHERE, 0, 0, only_discrete },
    { "sigma_min", OFF, BIT(DS_EULER), NOWHERE, 0, 0, NULL },
    { "sigma_max", OFF, BIT(DS_EULER), NOWHERE, 0, 0, NULL },
    { "final_sigmas_type", WORD, SOLVER | BIT(DS_UNIPC) | BIT(DS_EULER), AT(final_zero), 0, 0,
      final_words },
    { "solver_order", WHOLE, BIT(DS_DPMPP_2M) | BIT(DS_UNIPC) | BIT(DS_DEIS), AT(solver_order), 1,
      3, NULL },
    { "solver_order", WHOLE, BIT(DS_DPMPP_2S), AT(solver_order), 1, 2, NULL },
    { "algorithm_type", WORD, SOLVER, NOWHERE, 0, 0, algorithm_words },
    { "algorithm_type", WORD, BIT(DS_DEIS), NOWHERE, 0, 0, deis_words },
    { "solver_type", WORD, SOLVER, AT(heun_like), 0, 0, solver_words },
    { "solver_type", WORD, BIT(DS_UNIPC), AT(bh1), 0, 0, unipc_words },
    { "solver_type", WORD, BIT(DS_DEIS), NOWHERE, 0, 0, solver_words },
    { "predict_x0", FLAG, BIT(DS_UNIPC), AT(data_solver), 0, 0, NULL },
    { "solver_p", OFF, BIT(DS_UNIPC), NOWHERE, 0, 0, NULL },
    { "disable_corrector", EMPTY, BIT(DS_UNIPC), NOWHERE, 0, 0, NULL },
    { "lower_order_final", FLAG, LOGSNR, AT(lower_order_final), 0, 0, NULL },
    { "euler_at_final", FLAG, BIT(DS_DPMPP_2M), AT(euler_at_final), 0, 0, NULL },
    { "lambda_min_clipped", REAL, SOLVER, AT(lambda_min), -1e9, 1e9, NULL },
    { "original_inference_steps", WHOLE, FEW, AT(original_steps), 1, 100000, NULL },
    { "timestep_scaling", REAL, BIT(DS_LCM), AT(time_scaling), 0, 1e6, NULL },
    { "use_lu_lambdas", OFF, BIT(DS_DPMPP_2M), NOWHERE, 0, 0, NULL },
    /* Matter only with thresholding, or to classes that are not here. */
    { "dynamic_thresholding_ratio", UNUSED, ALL, NOWHERE, 0, 0, NULL },
    { "sample_max_value", UNUSED, ALL, NOWHERE, 0, 0, NULL },
    { "flow_shift", UNUSED, ALL, NOWHERE, 0, 0, NULL },
    { "time_shift_type", UNUSED, ALL, NOWHERE, 0, 0, NULL },
};

void ds__schedule_defaults(ds_schedule_config *c, ds_sampler_kind kind, bool old)
{
    const unsigned whole_steps =
        BIT(DS_DDIM) | BIT(DS_DDPM) | BIT(DS_PNDM) | BIT(DS_DDIM_INVERSE) | FEW;
    const unsigned newer = BIT(DS_HEUN) | BIT(DS_DPM2) | BIT(DS_DPM2_A) | FEW;
    const unsigned bit = BIT(kind);

    *c = (ds_schedule_config){
        .train_steps = 1000,
        .beta_start = bit & newer ? 0.00085 : 0.0001,
        .beta_end = bit & newer ? 0.012 : 0.02,
        .beta_kind = bit & FEW ? DS_BETA_SCALED_LINEAR : DS_BETA_LINEAR,
        .prediction = DS_PREDICT_EPSILON,
        .spacing = bit & whole_steps ? DS_LEADING : DS_LINSPACE,
        .alpha_to_one = kind == DS_DDIM || kind == DS_DDIM_INVERSE,
        .clip = kind == DS_DDIM || kind == DS_DDPM || kind == DS_DDIM_INVERSE,
        .clip_range = 1,
        .solver_order = 2,
        .lower_order_final = kind != DS_DPMPP_2S,
        .final_zero = bit & SOLVER ? !old : kind != DS_DEIS,
        .lambda_min = -INFINITY,
        .skip_prk = old,
        .data_solver = 1,
        .original_steps = 50,
        .time_scaling = 10,
        .old = old,
    };
}

/* "a, b, c" */
static const char *list_words(char *buf, size_t size, const word *words)
{
    size_t used = 0;

    buf[0] = '\0';
    for (; words->text != NULL && used < size; words++)
        used +=
            (size_t)snprintf(buf + used, size - used, "%s%s", used > 0 ? ", " : "", words->text);
    return buf;
}

static ds_status parse_word(int *out, const word *words, const char *text, const char *what,
                            ds_status refusal, ds_error *err)
{
    char buf[160];

    for (const word *w = words; w->text != NULL; w++) {
        if (strcmp(w->text, text) == 0) {
            *out = w->value;
            return DS_OK;
        }
    }
    return ds_fail(err, refusal, "%s \"%s\" is not supported; supported are %s", what, text,
                   list_words(buf, sizeof buf, words));
}

ds_status ds__prediction_parse(int *out, const char *text, ds_error *err)
{
    return parse_word(out, prediction_words, text, "prediction type", DS_E_ARG, err);
}

ds_status ds__spacing_parse(int *out, const char *text, ds_error *err)
{
    return parse_word(out, spacing_words, text, "timestep spacing", DS_E_ARG, err);
}

/* ---- the file -------------------------------------------------------------------------------- */

ds_status ds__schedule_file_open(ds_schedule_file *f, const char *path, ds_error *err)
{
    json_t *root;
    ds_status st = ds__json_load_python(&root, path, err);

    ds__schedule_file_take(f, root, path);
    return st;
}

void ds__schedule_file_take(ds_schedule_file *f, json_t *root, const char *path)
{
    const char *name = json_string_value(json_object_get(root, "_class_name"));

    *f = (ds_schedule_file){ root, path, name != NULL ? name : "" };
}

void ds__schedule_file_close(ds_schedule_file *f)
{
    json_decref(f->root);
    f->root = NULL;
}

static bool is_off(const json_t *v)
{
    return json_is_null(v) || json_is_false(v);
}

static ds_status refuse(const char *name, const char *expected, const json_t *v, ds_error *err)
{
    char *found = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    ds_status st =
        ds_fail(err, DS_E_UNSUPPORTED, "scheduler configuration: %s: expected %s, found %.80s",
                name, expected, found != NULL ? found : "?");

    free(found);
    return st;
}

static ds_status read_number(void *to, const field *f, const json_t *v, ds_error *err)
{
    char expected[96];
    double d = json_number_value(v);

    if (f->type == REAL && json_is_null(v))
        return DS_OK;
    snprintf(expected, sizeof expected, "a %snumber from %g to %g",
             f->type == WHOLE ? "whole " : "", f->min, f->max);
    if (!json_is_number(v) || !(d >= f->min && d <= f->max) || (f->type == WHOLE && d != floor(d)))
        return refuse(f->name, expected, v, err);
    if (f->type == WHOLE)
        *(int *)to = (int)d;
    else
        *(double *)to = d;
    return DS_OK;
}

static ds_status read_field(ds_schedule_config *c, const field *f, const json_t *v, ds_error *err)
{
    int unused;
    char what[96];
    void *to = f->offset == NOWHERE ? (void *)&unused : (void *)((char *)c + f->offset);

    switch (f->type) {
    case WHOLE:
    case REAL:
        return read_number(to, f, v, err);
    case FLAG:
        if (!json_is_boolean(v) && !json_is_null(v))
            return refuse(f->name, "true or false", v, err);
        if (!json_is_null(v))
            *(int *)to = json_is_true(v);
        return DS_OK;
    case WORD:
        if (!json_is_string(v))
            return refuse(f->name, "a word", v, err);
        snprintf(what, sizeof what, "scheduler configuration: %s", f->name);
        return parse_word(to, f->words, json_string_value(v), what, DS_E_UNSUPPORTED, err);
    case OFF:
        return is_off(v) ? DS_OK : refuse(f->name, "false or null for this sampler", v, err);
    case EMPTY:
        return json_is_null(v) || (json_is_array(v) && json_array_size(v) == 0)
                   ? DS_OK
                   : refuse(f->name, "an empty list", v, err);
    default:
        return DS_OK;
    }
}

static ds_status read_named(ds_schedule_config *c, const char *name, const json_t *v, unsigned kind,
                            ds_error *err)
{
    bool known = false;

    if (name[0] == '_')
        return DS_OK;
    for (size_t i = 0; i < DS_COUNT(fields); i++) {
        if (strcmp(fields[i].name, name) != 0)
            continue;
        known = true;
        if (fields[i].kinds & kind)
            return read_field(c, &fields[i], v, err);
    }
    if (known || is_off(v))
        return DS_OK;
    return refuse(name, "no such field", v, err);
}

ds_status ds__schedule_file_fields(ds_schedule_config *c, const ds_schedule_file *f,
                                   ds_sampler_kind kind, ds_error *err)
{
    const char *name;
    json_t *v;

    json_object_foreach (f->root, name, v) {
        ds_status st = read_named(c, name, v, BIT(kind), err);

        if (st != DS_OK)
            return ds_fail_at(err, st, f->path, -1);
    }
    if (!(c->beta_end > c->beta_start) && c->beta_kind != DS_BETA_COSINE)
        return ds_fail_at(err,
                          ds_fail(err, DS_E_FORMAT,
                                  "scheduler configuration: beta_start %g is not below beta_end %g",
                                  c->beta_start, c->beta_end),
                          f->path, -1);
    return DS_OK;
}

/* info.c - information between a picture and texts: texts to conditionings, picture to latent, and
 * the estimator on them. See diffuscope/info.h. */

#include "methods/info/info.h"

#include "base/options.h"
#include "base/threads.h"
#include "methods/estimate/draws.h"

#include "base/hash.h"
#include "methods/estimate/latent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ROWS          16 /* of a call of the network, unless the user says otherwise */
#define SAVE_SECONDS  20 /* between two writings of the file of statistics */
#define MOST_PROMPTS  512
#define MOST_WARNINGS 16

struct ds_info {
    ds_model *model;
    ds_info_options options; /* pointers in it are borrowed until ds_info_new returns */
    char *state;             /* path */
    char label[65];

    int64_t conditions;  /* distinct prompts */
    const char **prompt; /* [conditions] in canonical order, for the encoder */
    char **fitted;       /* [texts]: the prompts as far as the model reads them */
    int64_t texts;
    int64_t *place;     /* [prompts]: conditioning of each */
    ds_info_pair *pair; /* in conditionings */

    float *latent; /* [C,h,w] */
    int64_t channels, height, width;
    ds_network_source *source;
    ds_draw_plan plan;
    ds_estimator *estimate;
    bool (*enough)(void *user, const ds_estimator *e, double se);
    void *enough_user;
    time_t saved;
    char *warning[MOST_WARNINGS];
    int warnings;
};

static ds_status warn(ds_info *n, const char *text, ds_error *err)
{
    if (n->warnings == MOST_WARNINGS)
        return DS_OK;
    n->warning[n->warnings] = ds_strdup(text);
    if (n->warning[n->warnings] == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a remark");
    n->warnings++;
    return DS_OK;
}

/* ---- texts to conditionings ------------------------------------------------------------------ */

typedef struct keyed {
    const char *text;     /* as far as the model reads it */
    int64_t *ids, length; /* ids, and weights of emphasis in millionths above 1 */
    int64_t prompt;
} keyed;

static int by_ids(const void *a, const void *b)
{
    const keyed *x = a, *y = b;

    for (int64_t i = 0; i < x->length; i++)
        if (x->ids[i] != y->ids[i])
            return x->ids[i] < y->ids[i] ? -1 : 1;
    return 0;
}

/* Ids and weights of a text that fits. */
static ds_status ids_of(keyed *k, const ds_tokenizer *t, ds_error *err)
{
    const int64_t length = ds_tokenizer_describe(t).length;
    ds_tokens *tokens;
    ds_status st;

    k->length = 2 * length;
    k->ids = ds_calloc((size_t)k->length, sizeof *k->ids);
    if (k->ids == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the tokens of a prompt");
    st = ds_tokenizer_encode(t, &tokens, k->text, err);
    if (st != DS_OK)
        return st;
    ds_tokenizer_pad(t, k->ids, tokens, 0);
    for (int64_t i = 0; tokens->weight != NULL && i < tokens->count && i < length - 2; i++)
        k->ids[length + i] = (int64_t)((double)tokens->weight[i] * 1e6) - 1000000;
    if (tokens->breaks)
        st = ds_fail(
            err, DS_E_UNSUPPORTED,
            "information is measured on prompts of one chunk, and BREAK makes another: \"%.120s\"",
            k->text);
    ds_tokens_free(tokens);
    return st;
}

static ds_status key_of(ds_info *n, keyed *k, const ds_tokenizer *t, const char *text,
                        ds_error *err)
{
    char message[256];
    int64_t cut;
    ds_status st = ds_prompt_fit(&n->fitted[k->prompt], t, text, &cut, err);

    k->text = n->fitted[k->prompt];
    if (st == DS_OK)
        st = ids_of(k, t, err);
    if (st != DS_OK || cut == 0)
        return st;
    snprintf(
        message, sizeof message,
        "%lld tokens at the end of \"%.120s\" did not fit and were cut off: the model does not "
        "read them",
        (long long)cut, text);
    return warn(n, message, err);
}

static ds_status order_prompts(ds_info *n, const ds_info_options *o, keyed *key,
                               const ds_tokenizer *t, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < o->prompts; i++) {
        key[i].prompt = i;
        st = key_of(n, &key[i], t, o->prompt[i] != NULL ? o->prompt[i] : "", err);
    }
    if (st != DS_OK)
        return st;
    qsort(key, (size_t)o->prompts, sizeof *key, by_ids);
    for (int64_t i = 0; i < o->prompts; i++) {
        if (i == 0 || by_ids(&key[i - 1], &key[i]) != 0)
            n->prompt[n->conditions++] = key[i].text;
        n->place[key[i].prompt] = n->conditions - 1;
    }
    for (int64_t p = 0; p < o->pairs; p++)
        n->pair[p] = (ds_info_pair){ n->place[o->pair[p].with], n->place[o->pair[p].without] };
    return DS_OK;
}

/* Conditionings in the order of their tokens: equal ones once, and rows of the network in places
 * that do not depend on the order of the user's prompts. */
static ds_status collect_prompts(ds_info *n, const ds_info_options *o, const ds_tokenizer *t,
                                 ds_error *err)
{
    keyed *key = ds_calloc((size_t)o->prompts, sizeof *key);
    ds_status st;

    n->prompt = ds_calloc((size_t)o->prompts, sizeof *n->prompt);
    n->fitted = ds_calloc((size_t)o->prompts, sizeof *n->fitted);
    n->texts = n->fitted != NULL ? o->prompts : 0;
    n->place = ds_calloc((size_t)o->prompts, sizeof *n->place);
    n->pair = ds_calloc((size_t)o->pairs, sizeof *n->pair);
    if (key == NULL || n->prompt == NULL || n->fitted == NULL || n->place == NULL ||
        n->pair == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for %lld prompts", (long long)o->prompts);
    else
        st = order_prompts(n, o, key, t, err);
    for (int64_t i = 0; key != NULL && i < o->prompts; i++)
        ds_free(key[i].ids);
    ds_free(key);
    return st;
}

static void hash_label(ds_info *n, const ds_conditions *c, const ds_info_options *o)
{
    ds_sha256 sha;

    ds__sha256_begin(&sha);
    ds__sha256_add(&sha, c->hidden, (size_t)(c->count * c->tokens * c->width) * sizeof(float));
    ds__sha256_add(&sha, c->pooled, (size_t)(c->count * c->pooled_width) * sizeof(float));
    for (int64_t i = 0; o->draws != NULL && i < ds_bundle_count(o->draws); i++) {
        const ds_tensor *t = ds_bundle_at(o->draws, i);

        ds__sha256_add(&sha, t->data, (size_t)ds_tensor_count(t) * ds_dtype_size(t->dtype));
    }
    ds__sha256_end(&sha, n->label);
}

/* ---- plan and source ------------------------------------------------------------------------- */

static ds_status make_density(ds_density *d, const ds_info_options *o, const ds_source *s,
                              ds_error *err)
{
    bool published = o->design == DS_INFO_PUBLISHED;
    double loc = o->loc, scale = o->scale, clip = o->clip, low = o->low, high = o->high;

    if (published && !(scale > 0)) {
        loc = 1.0;
        scale = 2.0;
    }
    if (published && !(clip > 0))
        clip = 4.0;
    if (low >= high && clip > 0 && scale > 0) {
        low = loc - clip * scale;
        high = loc + clip * scale;
    }
    if (low >= high)
        ds__source_range(s, &low, &high);
    if (!(scale > 0)) {
        loc = 0.5 * (low + high);
        scale = (high - low) / 6.0;
    }
    return o->design == DS_INFO_UNIFORM ? ds__density_uniform(d, low, high, err)
                                        : ds__density_logistic(d, loc, scale, low, high, err);
}

static void make_plan(ds_info *n, const ds_info_options *o)
{
    bool published = o->design == DS_INFO_PUBLISHED;

    n->plan = (ds_draw_plan){ .replicates = o->replicates,
                              .nodes = published ? 1 : o->nodes,
                              .antithetic = !published && o->antithetic && o->draws == NULL,
                              .phases = !published && o->draws == NULL && o->replicates % 2 == 1,
                              .exact_snr = o->exact_snr || published,
                              .seed = o->seed,
                              .part = o->part,
                              .parts = o->parts,
                              .recorded = o->draws };
    memcpy(n->plan.label, n->label, sizeof n->label);
}

static ds_status warn_of_distillation(ds_info *n, ds_error *err)
{
    const char *reason;
    char message[256];
    ds_status st = ds__noise_distilled(&reason, n->model, err);

    if (st != DS_OK || reason == NULL)
        return st;
    snprintf(
        message, sizeof message,
        "the model seems distilled to a few steps (%s): it learnt few of the noise levels that are "
        "integrated over here, so the numbers are not information",
        reason);
    return warn(n, message, err);
}

static ds_status make_source(ds_info *n, const ds_info_options *o, ds_error *err)
{
    int64_t most = o->batch;
    ds_conditions *c = NULL;
    ds_text *t = NULL;
    ds_status st = ds__text_open(&t, n->model, err);

    if (st == DS_OK)
        st = warn_of_distillation(n, err);
    if (st == DS_OK)
        st = collect_prompts(n, o, ds__text_tokenizer(t), err);
    if (st == DS_OK)
        st = ds__text_encode(t, &c, n->prompt, n->conditions, NULL, o->cancel, err);
    if (st == DS_OK) {
        hash_label(n, c, o);
        make_plan(n, o);
        if (most == 0)
            most = ROWS / n->conditions > 2 ? ROWS / n->conditions : 2;
        st = ds__plan_check(&n->plan, n->channels, n->height, n->width, err);
    }
    if (st == DS_OK && o->design != DS_INFO_PUBLISHED && o->draws == NULL && o->replicates % 2 == 0)
        st = warn(n,
                  "replicates: an even number; the errors of lattices of log-SNRs cancel each "
                  "other only if their number is odd, 9 or more at best",
                  err);
    if (st == DS_OK)
        st = ds__network_source_new(&n->source, n->model, c, ds__plan_batch(&n->plan, most),
                                    n->height, n->width, err);
    ds__conditions_free(c);
    ds__text_close(t);
    return st;
}

static ds_status check_options(const ds_info_options *o, ds_error *err)
{
    if (o->prompts < 1 || o->prompts > MOST_PROMPTS)
        return ds_fail(err, DS_E_ARG, "info: %lld prompts: expected 1 to %d", (long long)o->prompts,
                       MOST_PROMPTS);
    if (o->pairs < 1 || o->pairs > (int64_t)MOST_PROMPTS * MOST_PROMPTS)
        return ds_fail(err, DS_E_ARG, "info: expected at least one pair of prompts");
    for (int64_t p = 0; p < o->pairs; p++)
        if (o->pair[p].with < 0 || o->pair[p].with >= o->prompts || o->pair[p].without < 0 ||
            o->pair[p].without >= o->prompts)
            return ds_fail(err, DS_E_ARG, "info: pair %lld names a prompt that is not there",
                           (long long)p);
    if (o->pilot < 0 || o->pilot > 1 << 16 || o->batch < 0 || !(o->se >= 0) || o->max_calls < 0)
        return ds_fail(err, DS_E_ARG, "info: pilot, batch, error and calls must not be negative");
    return DS_OK;
}

static ds_status build(ds_info *n, const ds_info_options *o, ds_error *err)
{
    ds_latent_size size;
    ds_status st =
        ds__latent_take(&n->latent, &size, n->model, o->latent, o->image, o->cancel, err);
    struct stat there;

    n->channels = size.channels;
    n->height = size.height;
    n->width = size.width;
    if (st == DS_OK)
        st = make_source(n, o, err);
    if (st == DS_OK)
        st = make_density(&n->plan.density, o, ds__network_source(n->source), err);
    if (st == DS_OK)
        st = ds__estimate_new(&n->estimate, ds__network_source(n->source), n->latent, &n->plan,
                              n->pair, o->pairs, err);
    if (st == DS_OK && o->state != NULL && (n->state = ds_strdup(o->state)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a path");
    if (st == DS_OK && n->state != NULL && stat(n->state, &there) == 0)
        st = ds__estimate_load(n->estimate, n->state, err);
    return st;
}

/* Whether the run begins with a pilot. */
static bool has_pilot(const ds_info_options *o)
{
    return o->pilot > 0 && o->design == DS_INFO_LATTICE && o->draws == NULL;
}

ds_status ds__info_foresee(const ds_info_options *o, const ds_tokenizer *t, ds_error *err)
{
    ds_info *n = ds_calloc(1, sizeof *n);
    struct stat there;
    ds_status st = n != NULL ? check_options(o, err) : ds_fail(err, DS_E_NOMEM, "no memory");

    if (st == DS_OK)
        st = collect_prompts(n, o, t, err);
    if (st == DS_OK)
        make_plan(n, o);
    if (st == DS_OK && o->draws == NULL && (o->state == NULL || stat(o->state, &there) != 0))
        st = ds__estimate_allow(n->conditions *
                                    (ds__plan_draws(&n->plan, 0) + (has_pilot(o) ? o->pilot : 0)),
                                o->max_calls, err);
    ds_info_free(n);
    return st;
}

ds_status ds_info_new(ds_info **out, ds_model *m, const ds_info_options *given, ds_error *err)
{
    const ds_info_options defaults = DS_INFO_OPTIONS_INIT;
    ds_info_options o;
    ds_status st = ds__options_take(&o, sizeof o, &defaults, given, "info options",
                                    "DS_INFO_OPTIONS_INIT", err);
    ds_info *n;
    int before;

    *out = NULL;
    if (st == DS_OK)
        st = check_options(&o, err);
    if (st != DS_OK)
        return st;
    n = ds_calloc(1, sizeof *n);
    if (n == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory");
    n->model = m;
    n->options = o;
    before = ds__threads_enter(o.threads);
    st = build(n, &o, err);
    ds__threads_leave(before);
    if (st != DS_OK) {
        ds_info_free(n);
        return st;
    }
    *out = n;
    return DS_OK;
}

void ds_info_free(ds_info *n)
{
    if (n == NULL)
        return;
    ds__estimate_free(n->estimate);
    ds__network_source_free(n->source);
    ds_free(n->latent);
    for (int64_t i = 0; i < n->texts; i++)
        ds_free(n->fitted[i]);
    ds_free(n->fitted);
    ds_free(n->prompt);
    ds_free(n->place);
    ds_free(n->pair);
    ds_free(n->state);
    for (int i = 0; i < n->warnings; i++)
        ds_free(n->warning[i]);
    ds_free(n);
}

/* ---- running --------------------------------------------------------------------------------- */

/* All pairs of conditionings, so that the fit depends on the set of texts alone, not on who asked
 * what in which order; of very many texts, each against the first. */
static ds_status pilot_pairs(ds_info_pair **out, int64_t *count, int64_t k, ds_error *err)
{
    bool all = k <= 24;

    *count = 0;
    *out = ds_calloc((size_t)(all ? k * k : k), sizeof **out);
    if (*out == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a pilot's pairs");
    for (int64_t a = 0; a < k; a++)
        for (int64_t b = 0; b < (all ? a : a > 0); b++)
            (*out)[(*count)++] = (ds_info_pair){ a, b };
    return DS_OK;
}

/* One lattice without antithetics, in whole calls; its noise is its own. */
static ds_status run_pilot(ds_info *n, ds_error *err)
{
    const ds_source *s = ds__network_source(n->source);
    ds_draw_plan plan = n->plan;
    ds_info_pair *pair;
    ds_density fitted;
    ds_estimator *e = NULL;
    int64_t pairs;
    ds_status st = pilot_pairs(&pair, &pairs, n->conditions, err);

    plan.replicates = plan.parts = 1;
    plan.part = 0;
    plan.nodes = (n->options.pilot + s->images - 1) / s->images * s->images;
    plan.antithetic = false;
    plan.seed = ~plan.seed;
    if (st == DS_OK)
        st = ds__estimate_new(&e, s, n->latent, &plan, pair, pairs, err);
    if (st == DS_OK)
        st = ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, n->options.cancel, err);
    if (st == DS_OK)
        st = ds__estimate_fit(e, &fitted, &n->plan.density, err);
    if (st == DS_OK) {
        ds_estimate_state spent = ds__estimate_state(e);

        ds__estimate_set_density(n->estimate, &fitted, spent.calls, spent.seconds);
    }
    ds__estimate_free(e);
    ds_free(pair);
    return st;
}

static ds_status on_call(void *user, const ds_estimator *e, ds_error *err)
{
    ds_info *n = user;
    ds_status st = DS_OK;

    if (n->state != NULL && time(NULL) - n->saved >= SAVE_SECONDS) {
        st = ds__estimate_save(e, n->state, err);
        n->saved = time(NULL);
    }
    if (st == DS_OK && n->options.on_call != NULL)
        st = n->options.on_call(n->options.user, n, err);
    if (st == DS_OK && n->options.progress != NULL)
        st = n->options.progress(
            n->options.user,
            &(ds_progress){ "measuring", ds__estimate_state(e).calls, n->options.max_calls }, err);
    return st;
}

ds_status ds_info_run(ds_info *n, ds_error *err)
{
    const ds_info_options *o = &n->options;
    ds_goal goal = { o->se, o->forms, o->floor, o->max_calls, n->enough, n->enough_user };
    const int before = ds__threads_enter(o->threads);
    ds_status st = DS_OK, saved;

    n->saved = time(NULL);
    if (has_pilot(o) && ds__estimate_state(n->estimate).calls == 0)
        st = run_pilot(n, err);
    if (st == DS_OK)
        st = ds__estimate_run(n->estimate, &goal, on_call, n, o->cancel, err);
    if (n->state != NULL && (st == DS_OK || st == DS_E_CANCELLED)) {
        saved = ds__estimate_save(n->estimate, n->state, st == DS_OK ? err : NULL);
        st = st == DS_OK ? saved : st;
    }
    ds__threads_leave(before);
    return st;
}

ds_status ds_info_merge(ds_info *n, const char *path, ds_error *err)
{
    return ds__estimate_merge(n->estimate, path, err);
}

/* ---- results --------------------------------------------------------------------------------- */

const ds_estimator *ds__info_estimate(const ds_info *n)
{
    return n->estimate;
}

void ds__info_set_goal(ds_info *n, bool (*enough)(void *user, const ds_estimator *e, double se),
                       void *user)
{
    n->enough = enough;
    n->enough_user = user;
}

ds_info_status ds_info_describe(const ds_info *n)
{
    ds_estimate_state s = ds__estimate_state(n->estimate);
    int64_t images = ds__network_source(n->source)->images, pilot = s.pilot_calls;

    if (s.calls == 0 && n->options.design == DS_INFO_LATTICE && n->options.draws == NULL)
        pilot = (n->options.pilot + images - 1) / images * images * s.conditions;
    return (ds_info_status){
        .channels = n->channels,
        .height = n->height,
        .width = n->width,
        .prompts = n->conditions,
        .draws = s.draws,
        .calls = s.calls,
        .pilot_calls = pilot,
        .least_calls = ds__estimate_calls(n->estimate, 1) + pilot - s.pilot_calls,
        .next_calls = ds__estimate_calls(n->estimate, s.level + 1) + pilot - s.pilot_calls,
        .replicates = s.replicates,
        .nodes = s.level > 0 ? n->plan.nodes << (s.level - 1) : 0,
        .seconds = s.seconds,
        .low = n->plan.density.low,
        .high = n->plan.density.high,
        .met = s.met
    };
}

ds_value ds_info_total(const ds_info *n, int64_t pair, ds_info_form form)
{
    return ds__estimate_value(n->estimate, pair, form);
}

ds_value ds_info_difference(const ds_info *n, int64_t pair, int64_t less, ds_info_form form)
{
    return ds__estimate_difference(n->estimate, pair, less, form);
}

static void narrow(float *out, const double *in, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)in[i];
}

ds_status ds_info_map(const ds_info *n, float *map, float *se, int64_t pair, ds_info_form form,
                      ds_error *err)
{
    int64_t pixels = n->height * n->width;
    double *wide = ds_calloc((size_t)pixels, sizeof *wide);

    if (wide == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a map");
    if (map != NULL) {
        ds__estimate_map(n->estimate, wide, pair, form, 0, 0);
        narrow(map, wide, pixels);
    }
    if (se != NULL) {
        ds__estimate_se_map(n->estimate, wide, pair, form);
        narrow(se, wide, pixels);
    }
    ds_free(wide);
    return DS_OK;
}

ds_tensor ds_info_latent(const ds_info *n)
{
    return (ds_tensor){ DS_DTYPE_F32, 4, { 1, n->channels, n->height, n->width }, n->latent };
}

const char *ds_info_warning(const ds_info *n, int i)
{
    return i >= 0 && i < n->warnings ? n->warning[i] : NULL;
}

int64_t ds_info_draw_count(const ds_info *n)
{
    return ds__estimate_trace_count(n->estimate);
}

ds_info_draw ds_info_draw_at(const ds_info *n, int64_t i)
{
    ds_trace_row r = ds__estimate_trace(n->estimate, i);

    return (ds_info_draw){ r.replicate, r.logsnr, r.weight };
}

double ds_info_integrand(const ds_info *n, int64_t i, int64_t pair, ds_info_form form)
{
    ds_trace_row r = ds__estimate_trace(n->estimate, i);

    return form == DS_INFO_O ? r.difference[pair]
                             : r.error[n->pair[pair].without] - r.error[n->pair[pair].with];
}

ds_status ds_info_save_draws(const ds_info *n, ds_bundle *out, ds_error *err)
{
    return ds__estimate_draws(n->estimate, out, err);
}

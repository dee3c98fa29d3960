/* fit.c - see fit.h. */

#include "methods/concept/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct search {
    ds_fit_lane *lane;
    int64_t lanes, width, plane, step;
    const ds_words *words;
    const ds_noise *noise;
    const ds_fit_options *o;
    ds_fit_cost *cost;
    ds_loss *train, *held;
    ds_coefficients **c;     /* [lanes] */
    float *token, *gradient; /* [lanes,width] */
    float *z, *target, *t;   /* of a batch */
    int64_t *text;
    double *loss; /* [lanes] */
} search;

int64_t ds__fit_checks(const ds_fit_options *o)
{
    return (o->steps + o->check_every - 1) / o->check_every;
}

/* Sebastiano Vigna's splitmix64: neighbours in, strangers out. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void ds__fit_rng(ds_rng *rng, uint64_t seed, const char *word, int64_t restart, int64_t number)
{
    uint64_t x = mix(seed);

    for (; *word != '\0'; word++)
        x = mix(x ^ (unsigned char)*word);
    x = mix(x ^ (uint64_t)restart);
    ds_rng_init(rng, DS_RNG_TORCH_CPU, mix(x ^ (uint64_t)(number + 1)));
}

/* ---- making ------------------------------------------------------------------------------------ */

static ds_status new_losses(search *s, ds_model *m, ds_error *err)
{
    const size_t n = (size_t)s->lanes;
    const ds_sentences **list = ds_calloc(n, sizeof *list);
    ds_loss_options o = { .sentences = list,
                          .lanes = s->lanes,
                          .rows = s->o->batch,
                          .height = s->o->height,
                          .width = s->o->width,
                          .gradient = true,
                          .recompute = s->o->recompute,
                          .cancel = s->o->cancel };
    ds_status st = list == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for lanes") : DS_OK;

    for (int64_t i = 0; st == DS_OK && i < s->lanes; i++)
        list[i] = s->lane[i].bank->sentences;
    if (st == DS_OK)
        st = ds__loss_new(&s->train, m, &o, err);
    for (int64_t i = 0; st == DS_OK && i < s->lanes; i++)
        list[i] = s->lane[i].held_sentences;
    o.gradient = false;
    if (st == DS_OK)
        st = ds__loss_new(&s->held, m, &o, err);
    ds_free(list);
    return st;
}

static ds_status allocate(search *s, ds_error *err)
{
    const size_t lanes = (size_t)s->lanes, rows = lanes * (size_t)s->o->batch;

    s->width = ds__words_width(s->words);
    s->plane = s->lane[0].held->plane;
    s->c = ds_calloc(lanes, sizeof *s->c);
    s->token = ds_calloc(lanes * (size_t)s->width, sizeof *s->token);
    s->gradient = ds_calloc(lanes * (size_t)s->width, sizeof *s->gradient);
    s->z = ds_calloc(rows * (size_t)s->plane, sizeof *s->z);
    s->target = ds_calloc(rows * (size_t)s->plane, sizeof *s->target);
    s->t = ds_calloc(rows, sizeof *s->t);
    s->text = ds_calloc(rows, sizeof *s->text);
    s->loss = ds_calloc(lanes, sizeof *s->loss);
    if (s->c == NULL || s->token == NULL || s->gradient == NULL || s->z == NULL ||
        s->target == NULL || s->t == NULL || s->text == NULL || s->loss == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for batches of %zu rows", rows);
    return DS_OK;
}

static ds_status new_lane(search *s, int64_t i, ds_error *err)
{
    ds_fit_lane *l = &s->lane[i];
    ds_rng rng;
    ds_status st =
        ds__coefficients_new(&s->c[i], s->o->solver, s->words, l->allowed, s->o->tokens, err);

    l->checks = ds__fit_checks(s->o);
    l->alpha = ds_calloc((size_t)s->words->count, sizeof *l->alpha);
    l->curve = ds_calloc((size_t)s->o->steps, 2 * sizeof *l->curve);
    l->check = ds_calloc((size_t)l->checks, sizeof *l->check);
    l->best = INFINITY;
    if (st == DS_OK && (l->alpha == NULL || l->curve == NULL || l->check == NULL))
        st = ds_fail(err, DS_E_NOMEM, "no memory for the curve of %s", l->word);
    if (st != DS_OK)
        return st;
    s->c[i]->eg.eta = s->o->eta;
    ds__fit_rng(&rng, s->o->seed, l->word, s->o->restart, -1);
    ds__coefficients_draw(s->c[i], s->o->jitter, &rng);
    return DS_OK;
}

static void finish(search *s)
{
    for (int64_t i = 0; s->c != NULL && i < s->lanes; i++)
        ds__coefficients_free(s->c[i]);
    ds__loss_free(s->train);
    ds__loss_free(s->held);
    ds_free(s->c);
    ds_free(s->token);
    ds_free(s->gradient);
    ds_free(s->z);
    ds_free(s->target);
    ds_free(s->t);
    ds_free(s->text);
    ds_free(s->loss);
}

void ds__fit_lane_clear(ds_fit_lane *lane)
{
    ds_free(lane->alpha);
    ds_free(lane->curve);
    ds_free(lane->check);
    lane->alpha = lane->curve = lane->check = NULL;
}

/* ---- steps ------------------------------------------------------------------------------------- */

/* Weight of the penalty: 0, then linear, then rho, so that the loss speaks first. */
static double weight(const ds_fit_options *o, int64_t step)
{
    const double at = (double)step / (double)o->steps;

    if (o->solver == DS_SOLVER_PAPER)
        return o->lambda;
    if (at >= o->ramp_to)
        return o->rho;
    return at <= o->ramp_from ? 0.0 : o->rho * (at - o->ramp_from) / (o->ramp_to - o->ramp_from);
}

static ds_status take_step(search *s, ds_error *err)
{
    const int64_t rows = s->o->batch;
    const ds_loss_batch batch = { .z = s->z, .target = s->target, .t = s->t, .text = s->text };
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < s->lanes; i++) {
        const int64_t first = i * rows;
        ds_rng rng;

        ds__fit_rng(&rng, s->o->seed, s->lane[i].word, s->o->restart, s->step);
        ds__bank_draw(s->lane[i].bank, s->noise, &rng, rows, s->z + first * s->plane,
                      s->target + first * s->plane, s->t + first, s->text + first);
        st = ds__coefficients_token(s->c[i], s->token + i * s->width, err);
    }
    if (st == DS_OK)
        st = ds__loss_run(s->train, s->loss, s->gradient, NULL, s->token, &batch, err);
    for (int64_t i = 0; st == DS_OK && i < s->lanes; i++) {
        double *curve = s->lane[i].curve + 2 * s->step;

        curve[0] = s->loss[i];
        st = ds__coefficients_pull(s->c[i], &curve[1], s->gradient + i * s->width,
                                   weight(s->o, s->step), err);
        ds__coefficients_back(s->c[i]);
        ds__coefficients_update(s->c[i]);
    }
    s->cost->encodes += ds__loss_encodes(s->train);
    s->cost->forward += s->lanes * rows;
    s->cost->backward += s->lanes * rows;
    s->step++;
    return st;
}

/* Losses of the N largest coefficients, of all lanes at once, batch by batch; sums into loss. */
static ds_status held_batch(search *s, int64_t first, double *loss, ds_error *err)
{
    const int64_t rows = s->o->batch;
    const ds_loss_batch batch = { .z = s->z, .target = s->target, .t = s->t, .text = s->text };
    ds_status st;

    for (int64_t r = 0; r < s->lanes * rows; r++) {
        const ds_frozen *f = s->lane[r / rows].held;
        const int64_t k = (first + r % rows) % f->count;

        memcpy(s->z + r * s->plane, f->z + k * s->plane, (size_t)s->plane * sizeof *s->z);
        memcpy(s->target + r * s->plane, f->target + k * s->plane, (size_t)s->plane * sizeof *s->z);
        s->t[r] = f->t[k];
        s->text[r] = f->text[k];
    }
    st = ds__loss_run(s->held, s->loss, NULL, NULL, s->token, &batch, err);
    for (int64_t i = 0; st == DS_OK && i < s->lanes; i++)
        loss[i] += s->loss[i];
    s->cost->encodes += ds__loss_encodes(s->held);
    s->cost->forward += s->lanes * rows;
    return st;
}

/* Does a check after `step` steps judge the objective that is searched for? While the penalty of eg grows, the
 * loss alone is lowest with hundreds of words, and says nothing about which of them are needed. */
static bool counts(const ds_fit_options *o, int64_t step)
{
    return o->solver == DS_SOLVER_PAPER || step == o->steps ||
           (double)step > o->ramp_to * (double)o->steps;
}

/* Held-out triples go in whole batches; what is left over at the end is not used. */
static ds_status check(search *s, ds_error *err)
{
    const int64_t number = (s->step - 1) / s->o->check_every, rows = s->o->batch;
    const int64_t count = s->lane[0].held->count;
    const int64_t batches = count / rows > 0 ? count / rows : 1;
    double *sum = ds_calloc((size_t)s->lanes, sizeof *sum);
    ds_status st = sum == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a check") : DS_OK;

    for (int64_t i = 0; st == DS_OK && i < s->lanes; i++) {
        float *token = s->token + i * s->width;

        st = ds__coefficients_token(s->c[i], token, err);
        if (st == DS_OK)
            st = ds__mixture_tokens(token, s->words, s->c[i]->alpha, s->c[i]->top, s->c[i]->n_top,
                                    err);
    }
    for (int64_t b = 0; st == DS_OK && s->o->judge == NULL && b < batches; b++)
        st = held_batch(s, b * rows, sum, err);
    for (int64_t i = 0; st == DS_OK && s->o->judge != NULL && i < s->lanes; i++) {
        double score;

        st = s->o->judge(s->o->judge_user, i, &score, s->token + i * s->width, err);
        sum[i] = (1.0 - score) * (double)batches;
    }
    for (int64_t i = 0; st == DS_OK && i < s->lanes; i++) {
        ds_fit_lane *l = &s->lane[i];
        const double loss = sum[i] / (double)batches;

        l->check[number] = loss;
        if (loss < l->best && counts(s->o, s->step)) {
            l->best = loss;
            l->best_step = s->step;
            memcpy(l->alpha, s->c[i]->alpha, (size_t)s->words->count * sizeof *l->alpha);
        }
    }
    ds_free(sum);
    return st;
}

/* ---- state ------------------------------------------------------------------------------------- */

/* Arrays of a lane, by name; returns how many. */
static int lane_arrays(const search *s, int64_t i, const char **name, double **data, int64_t *count,
                       double *meta)
{
    const ds_fit_lane *l = &s->lane[i];

    name[0] = "best", data[0] = l->alpha, count[0] = s->words->count;
    name[1] = "curve", data[1] = l->curve, count[1] = 2 * s->o->steps;
    name[2] = "check", data[2] = l->check, count[2] = l->checks;
    name[3] = "at", data[3] = meta, count[3] = 3; /* step, best loss, its step */
    return 4;
}

static void name_search(char *text, size_t size, const ds_fit_options *o)
{
    snprintf(text, size, "%llu %lld %lld %s", (unsigned long long)o->seed, (long long)o->restart,
             (long long)o->steps, o->identity != NULL ? o->identity : "");
}

static ds_status save_state(const search *s, ds_error *err)
{
    ds_bundle *b = NULL;
    char text[160];
    ds_status st = ds_bundle_new(&b, err);

    name_search(text, sizeof text, s->o);
    if (st == DS_OK)
        st = ds_bundle_set_meta(b, "search", text, err);
    for (int64_t i = 0; st == DS_OK && i < s->lanes; i++) {
        double meta[3] = { (double)s->step, s->lane[i].best, (double)s->lane[i].best_step };
        const char *name[4];
        double *data[4];
        int64_t count[4];
        const int n = lane_arrays(s, i, name, data, count, meta);
        char path[200];

        for (int k = 0; st == DS_OK && k < n; k++) {
            ds_tensor *t;

            snprintf(path, sizeof path, "%s.%s", s->lane[i].word, name[k]);
            st = ds_bundle_add(b, path, DS_DTYPE_F64, 1, &count[k], &t, err);
            if (st == DS_OK)
                memcpy(t->data, data[k], (size_t)count[k] * sizeof(double));
        }
        if (st == DS_OK)
            st = ds__coefficients_save(s->c[i], b, s->lane[i].word, err);
    }
    if (st == DS_OK)
        st = ds_bundle_save(b, s->o->state, err);
    ds_bundle_free(b);
    return st;
}

static ds_status load_lane(search *s, int64_t i, const ds_bundle *b, ds_error *err)
{
    double meta[3] = { 0 };
    const char *name[4];
    double *data[4];
    int64_t count[4];
    const int n = lane_arrays(s, i, name, data, count, meta);
    ds_status st = DS_OK;
    char path[200];

    for (int k = 0; st == DS_OK && k < n; k++) {
        ds_tensor *t;

        snprintf(path, sizeof path, "%s.%s", s->lane[i].word, name[k]);
        st = ds_bundle_expect(b, path, 1, &count[k], &t, err);
        if (st == DS_OK)
            ds_convert(data[k], DS_DTYPE_F64, t->data, t->dtype, count[k]);
    }
    if (st == DS_OK)
        st = ds__coefficients_load(s->c[i], b, s->lane[i].word, err);
    s->step = (int64_t)meta[0];
    s->lane[i].best = meta[1];
    s->lane[i].best_step = (int64_t)meta[2];
    return st;
}

static ds_status load_state(search *s, ds_error *err)
{
    ds_bundle *b;
    char text[160];
    const char *found;
    ds_status st;

    if (s->o->state == NULL || access(s->o->state, F_OK) != 0)
        return DS_OK;
    st = ds_bundle_load(&b, s->o->state, err);
    if (st != DS_OK)
        return st;
    name_search(text, sizeof text, s->o);
    found = ds_bundle_meta(b, "search");
    if (found == NULL || strcmp(found, text) != 0)
        st = ds_fail(err, DS_E_ARG,
                     "%s is of another search (seed, restart, steps, all else: %s, expected %s): "
                     "give the same options, or another folder",
                     s->o->state, found != NULL ? found : "none", text);
    for (int64_t i = 0; st == DS_OK && i < s->lanes; i++)
        st = load_lane(s, i, b, err);
    ds_bundle_free(b);
    return st;
}

ds_status ds__fit(ds_fit_lane *lane, int64_t lanes, ds_model *m, const ds_words *words,
                  const ds_noise *noise, const ds_fit_options *o, ds_fit_cost *cost, ds_error *err)
{
    search s = {
        .lane = lane, .lanes = lanes, .words = words, .noise = noise, .o = o, .cost = cost
    };
    ds_status st = allocate(&s, err);

    for (int64_t i = 0; st == DS_OK && i < lanes; i++)
        st = new_lane(&s, i, err);
    if (st == DS_OK)
        st = load_state(&s, err);
    if (st == DS_OK && s.step < o->steps)
        st = new_losses(&s, m, err);
    while (st == DS_OK && s.step < o->steps) {
        st = take_step(&s, err);
        if (st == DS_OK && (s.step % o->check_every == 0 || s.step == o->steps)) {
            st = check(&s, err);
            if (st == DS_OK && o->state != NULL)
                st = save_state(&s, err);
        }
        if (st == DS_OK && o->progress != NULL)
            st = o->progress(o->user, s.step, o->steps, err);
    }
    finish(&s);
    return st;
}

ds_status ds__held_loss(double *row_loss, ds_loss *l, int64_t rows, const ds_frozen *held,
                        const float *token, ds_fit_cost *cost, ds_error *err)
{
    const int64_t n = held->count;
    ds_status st = DS_OK;

    for (int64_t first = 0; st == DS_OK && first < n; first += rows) {
        const int64_t at = first + rows <= n ? first : (n >= rows ? n - rows : 0);
        const ds_loss_batch b = { .z = held->z + at * held->plane,
                                  .target = held->target + at * held->plane,
                                  .t = held->t + at,
                                  .text = held->text + at };
        double loss;

        if (n < rows)
            return ds_fail(err, DS_E_ARG, "%lld held-out triples: expected %lld or more",
                           (long long)n, (long long)rows);
        st = ds__loss_run(l, &loss, NULL, row_loss + at, token, &b, err);
        if (cost != NULL)
            cost->forward += rows;
    }
    return st;
}

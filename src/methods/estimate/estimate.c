/* estimate.c - the loop: draws, denoiser, sums. See estimate.h for what is estimated, draws.h for
 * the draws; value.c reads the sums, file.c keeps them. */

#include "methods/estimate/impl.h"

#include "base/clock.h"

#include <math.h>
#include <string.h>

#define WORTH_THREADS 1024 /* elements of a latent */

static ds_status check(const ds_source *s, const ds_draw_plan *plan, const ds_info_pair *pair,
                       int64_t pairs, ds_error *err)
{
    int64_t draws;

    if (pairs < 0 || pairs > 1 << 16)
        return ds_fail(err, DS_E_ARG, "%lld pairs: expected 0 to 65536", (long long)pairs);
    for (int64_t p = 0; p < pairs; p++)
        if (pair[p].with < 0 || pair[p].with >= s->conditions || pair[p].without < 0 ||
            pair[p].without >= s->conditions)
            return ds_fail(err, DS_E_ARG, "pair %lld: conditionings %lld and %lld of %lld",
                           (long long)p, (long long)pair[p].with, (long long)pair[p].without,
                           (long long)s->conditions);
    if (ds__plan_check(plan, s->channels, s->height, s->width, err) != DS_OK)
        return err != NULL && err->code != DS_OK ? err->code : DS_E_ARG;
    draws = ds__plan_draws(plan, 0);
    if (s->images < 1 || draws % s->images != 0)
        return ds_fail(err, DS_E_ARG, "%lld draws in calls of %lld: expected a divisor",
                       (long long)draws, (long long)s->images);
    return DS_OK;
}

static ds_status allocate(ds_estimator *e, ds_error *err)
{
    const ds_source *s = e->source;
    size_t batch = (size_t)s->images, plane = (size_t)e->plane, sums, terms, answers;
    bool fits = ds_mul_size((size_t)e->terms, (size_t)e->pixels, &terms) &&
                ds_mul_size(terms, (size_t)e->replicates, &sums) &&
                ds_mul_size((size_t)e->conditions * batch, plane, &answers);

    if (fits) {
        e->pair = ds_calloc((size_t)e->pairs + 1, sizeof *e->pair);
        e->latent = ds_calloc(plane, sizeof *e->latent);
        e->sum = ds_calloc(sums, sizeof *e->sum);
        e->drawn = ds_calloc((size_t)e->replicates, sizeof *e->drawn);
        e->z = ds_calloc(batch * plane, sizeof *e->z);
        e->noise = ds_calloc(batch * plane, sizeof *e->noise);
        e->answer = ds_calloc(answers, sizeof *e->answer);
        e->logsnr = ds_calloc(batch, sizeof *e->logsnr);
        e->draw = ds_calloc(batch, sizeof *e->draw);
        e->term = ds_calloc(terms, sizeof *e->term);
    }
    if (e->pair == NULL || e->latent == NULL || e->sum == NULL || e->drawn == NULL ||
        e->z == NULL || e->noise == NULL || e->answer == NULL || e->logsnr == NULL ||
        e->draw == NULL || e->term == NULL)
        return ds_fail(err, DS_E_NOMEM,
                       "no memory for the statistics of %lld replicates of %lld maps of %lld "
                       "latent pixels",
                       (long long)e->replicates, (long long)e->terms, (long long)e->pixels);
    return DS_OK;
}

ds_status ds__estimate_new(ds_estimator **out, const ds_source *s, const float *latent,
                           const ds_draw_plan *plan, const ds_info_pair *pair, int64_t pairs,
                           ds_error *err)
{
    ds_status st = check(s, plan, pair, pairs, err);
    ds_estimator *e;

    *out = NULL;
    if (st != DS_OK)
        return st;
    e = ds_calloc(1, sizeof *e);
    if (e == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for an estimate");
    e->source = s;
    e->plan = *plan;
    e->pairs = pairs;
    e->conditions = s->conditions;
    e->terms = s->conditions + pairs;
    e->pixels = s->height * s->width;
    e->plane = s->channels * e->pixels;
    e->replicates = ds__plan_replicates(plan);
    st = allocate(e, err);
    if (st != DS_OK) {
        ds__estimate_free(e);
        return st;
    }
    memcpy(e->pair, pair, (size_t)pairs * sizeof *pair);
    memcpy(e->latent, latent, (size_t)e->plane * sizeof *latent);
    *out = e;
    return DS_OK;
}

void ds__estimate_free(ds_estimator *e)
{
    if (e == NULL)
        return;
    ds_free(e->pair);
    ds_free(e->latent);
    ds_free(e->sum);
    ds_free(e->drawn);
    ds_free(e->trace);
    ds_free(e->z);
    ds_free(e->noise);
    ds_free(e->answer);
    ds_free(e->logsnr);
    ds_free(e->draw);
    ds_free(e->term);
    ds_free(e);
}

void ds__estimate_set_density(ds_estimator *e, const ds_density *d, int64_t calls, double seconds)
{
    e->plan.density = *d;
    e->pilot_calls += calls;
    e->seconds += seconds;
}

ds_status ds__estimate_trace_reserve(ds_estimator *e, int64_t count, ds_error *err)
{
    size_t row = (size_t)(DS_TRACE_HEAD + e->terms) * sizeof *e->trace;
    int64_t room = e->trace_room;
    double *trace;

    if (e->trace_count + count <= room)
        return DS_OK;
    while (room < e->trace_count + count)
        room = room == 0 ? 64 : 2 * room;
    trace = ds_calloc((size_t)room, row);
    if (trace == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of %lld draws", (long long)room);
    if (e->trace != NULL)
        memcpy(trace, e->trace, (size_t)e->trace_count * row);
    ds_free(e->trace);
    e->trace = trace;
    e->trace_room = room;
    return DS_OK;
}

/* ---- one call -------------------------------------------------------------------------------- */

/* Draws next .. next + images - 1 of the level: noise and noisy latents. */
static void mix_batch(ds_estimator *e)
{
    const ds_source *s = e->source;
    bool snap = !e->plan.exact_snr && e->plan.recorded == NULL;

#pragma omp parallel for schedule(static) if (e->plane >= WORTH_THREADS)
    for (int64_t b = 0; b < s->images; b++) {
        ds_draw d = ds__plan_draw(&e->plan, e->level, e->next + b);
        float *noise = e->noise + b * e->plane, *z = e->z + b * e->plane;
        ds_mixing m;
        int64_t place;

        if (snap)
            d.logsnr = ds__source_snap(s, d.logsnr, &place);
        m = ds__source_mixing(s->answer, d.logsnr);
        ds__plan_noise(&e->plan, noise, &d, e->plane);
        for (int64_t i = 0; i < e->plane; i++)
            z[i] = (float)m.x * e->latent[i] + (float)m.e * noise[i];
        e->logsnr[b] = d.logsnr;
        e->draw[b] = d;
    }
}

/* term[k][j] = |e - e_k|^2 / 2 of the pixels first .. last - 1, summed over channels. */
static void error_terms(ds_estimator *e, int64_t b, ds_mixing m, int64_t first, int64_t last)
{
    int64_t images = e->source->images, channels = e->plane / e->pixels;
    const float *noise = e->noise + b * e->plane, *z = e->z + b * e->plane;

    for (int64_t k = 0; k < e->conditions; k++) {
        const float *answer = e->answer + (k * images + b) * e->plane;
        double *term = e->term + k * e->pixels;

        memset(term + first, 0, (size_t)(last - first) * sizeof *term);
        for (int64_t c = 0; c < channels; c++)
            for (int64_t j = first; j < last; j++) {
                int64_t i = c * e->pixels + j;
                double r = noise[i] - (m.answer * answer[i] + m.z * z[i]);

                term[j] += 0.5 * r * r;
            }
    }
}

/* term[K + p][j] = |e_b - e_a|^2 / 2. The share of z in both is the same and falls out. */
static void difference_terms(ds_estimator *e, int64_t b, ds_mixing m, int64_t first, int64_t last)
{
    int64_t images = e->source->images, channels = e->plane / e->pixels;

    for (int64_t p = 0; p < e->pairs; p++) {
        const float *with = e->answer + (e->pair[p].with * images + b) * e->plane;
        const float *without = e->answer + (e->pair[p].without * images + b) * e->plane;
        double *term = e->term + (e->conditions + p) * e->pixels;
        double half = 0.5 * m.answer * m.answer;

        memset(term + first, 0, (size_t)(last - first) * sizeof *term);
        for (int64_t c = 0; c < channels; c++)
            for (int64_t j = first; j < last; j++) {
                int64_t i = c * e->pixels + j;
                double r = (double)without[i] - with[i];

                term[j] += half * r * r;
            }
    }
}

/* Adds the draw's terms to its replicate and to the trace. Each total is summed by one thread in
 * order, so that it does not depend on the number of threads. */
static ds_status add_draw(ds_estimator *e, int64_t b, ds_error *err)
{
    const ds_draw *d = &e->draw[b];
    ds_mixing m = ds__source_mixing(e->source->answer, d->logsnr);
    double *sum = e->sum + d->replicate * e->terms * e->pixels;
    double *row = e->trace + e->trace_count * (DS_TRACE_HEAD + e->terms);
    const int64_t block = 512;
    bool finite = true;

#pragma omp parallel for schedule(static) if (e->plane >= WORTH_THREADS)
    for (int64_t first = 0; first < e->pixels; first += block) {
        int64_t last = first + block < e->pixels ? first + block : e->pixels;

        error_terms(e, b, m, first, last);
        difference_terms(e, b, m, first, last);
    }
    row[0] = (double)d->replicate;
    row[1] = d->logsnr;
    row[2] = d->weight;
#pragma omp parallel for schedule(static) reduction(&& : finite) if (e->plane >= WORTH_THREADS)
    for (int64_t t = 0; t < e->terms; t++) {
        const double *term = e->term + t * e->pixels;
        double total = 0.0;

        for (int64_t j = 0; j < e->pixels; j++) {
            total += term[j];
            sum[t * e->pixels + j] += d->weight * term[j];
        }
        row[DS_TRACE_HEAD + t] = total;
        finite = finite && isfinite(total);
    }
    if (!finite)
        return ds_fail(err, DS_E_FORMAT,
                       "the denoiser's answer at log-SNR %.3f is not a finite number", d->logsnr);
    e->trace_count++;
    e->drawn[d->replicate]++;
    return DS_OK;
}

static ds_status one_call(ds_estimator *e, const ds_cancel *cancel, ds_error *err)
{
    const ds_source *s = e->source;
    ds_status st = ds__estimate_trace_reserve(e, s->images, err);
    double start;

    if (st != DS_OK)
        return st;
    mix_batch(e);
    start = ds__seconds();
    st = s->denoise(s->user, e->answer, e->z, e->logsnr, cancel, err);
    e->seconds += ds__seconds() - start;
    for (int64_t b = 0; st == DS_OK && b < s->images; b++)
        st = add_draw(e, b, err);
    if (st == DS_OK)
        e->next += s->images;
    return st;
}

/* ---- levels ---------------------------------------------------------------------------------- */

int64_t ds__estimate_calls(const ds_estimator *e, int64_t level)
{
    int64_t draws = 0;

    for (int64_t l = 0; l < level; l++)
        draws += ds__plan_draws(&e->plan, l);
    return draws * e->conditions + e->pilot_calls;
}

static bool within(const ds_estimator *e, const ds_goal *goal, double se)
{
    ds_goal asked = *goal;

    asked.se = se;
    return goal->enough != NULL && se > 0 ? goal->enough(goal->user, e, se)
                                          : ds__estimate_reached(e, &asked);
}

/* True if there is, and may be, a further level. Doubling the draws divides the error by sqrt(2):
 * a level that reaches the goal is believed only if the one before it promised so; the first has
 * none before it and must do better by as much. */
static bool wants_more(ds_estimator *e, const ds_goal *goal)
{
    if (e->level == 0)
        return true;
    e->met = e->level == 1 ? within(e, goal, M_SQRT1_2 * goal->se)
                           : e->promised && within(e, goal, goal->se);
    if (e->met || !(goal->se > 0) || ds__plan_draws(&e->plan, e->level) == 0 || e->level > 20 ||
        (goal->max_calls > 0 && ds__estimate_calls(e, e->level + 1) > goal->max_calls))
        return false;
    e->promised = within(e, goal, M_SQRT2 * goal->se);
    return true;
}

ds_status ds__estimate_allow(int64_t needed, int64_t allowed, ds_error *err)
{
    if (allowed == 0 || needed <= allowed)
        return DS_OK;
    return ds_fail(err, DS_E_ARG,
                   "%lld calls at most, but the first level needs %lld: allow more, or take fewer "
                   "log-SNRs or replicates",
                   (long long)allowed, (long long)needed);
}

ds_status ds__estimate_run(ds_estimator *e, const ds_goal *goal, ds_estimate_watch *watch,
                           void *user, const ds_cancel *cancel, ds_error *err)
{
    ds_status st = DS_OK;

    if (goal->se > 0 && e->plan.parts > 1)
        return ds_fail(err, DS_E_ARG,
                       "one part of %lld cannot tell when the error of all is small enough: give "
                       "the number of log-SNRs instead",
                       (long long)e->plan.parts);
    if (e->level == 0)
        st = ds__estimate_allow(ds__estimate_calls(e, 1), goal->max_calls, err);
    while (st == DS_OK && (e->next > 0 || wants_more(e, goal))) {
        while (st == DS_OK && e->next < ds__plan_draws(&e->plan, e->level)) {
            if (ds_cancel_requested(cancel))
                st = ds_fail(err, DS_E_CANCELLED, "interrupted");
            if (st == DS_OK)
                st = one_call(e, cancel, err);
            if (st == DS_OK && watch != NULL)
                st = watch(user, e, err);
        }
        if (st == DS_OK) {
            e->level++;
            e->next = 0;
        }
    }
    return st;
}

/* file.c - an estimate's statistics as a safetensors file.
 *
 *   sum   [R,K+P,h,w] F64    drawn [R] I64    trace [n,3+K+P] F64    latent [C,h,w] F32
 *   pair  [P,2] I64          q     [cells+1] F64 (of a fitted density)
 *   plan, density, progress: __metadata__ texts; reals in 17 digits, which keeps every bit
 *
 * A file is hostile input: shapes are checked, and everything that must agree is compared. */

#include "methods/estimate/impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "diffuscope estimate 2"

static void plan_text(char *buf, size_t size, const ds_estimator *e)
{
    const ds_draw_plan *p = &e->plan;
    const ds_density *d = &p->density;

    snprintf(buf, size,
             "replicates %lld nodes %lld antithetic %d phases %d exact %d seed %" PRIu64
             " part of %lld range %.17g %.17g logistic %.17g %.17g answer %d label %s",
             (long long)e->replicates, (long long)p->nodes, p->antithetic, p->phases, p->exact_snr,
             p->seed, (long long)p->parts, d->low, d->high, d->loc, d->scale,
             (int)e->source->answer, p->label);
}

static void progress_text(char *buf, size_t size, const ds_estimator *e)
{
    snprintf(buf, size,
             "level %lld next %lld pilot %lld seconds %.17g density %d met %d promised %d",
             (long long)e->level, (long long)e->next, (long long)e->pilot_calls, e->seconds,
             (int)e->plan.density.kind, e->met, e->promised);
}

/* ---- saving ---------------------------------------------------------------------------------- */

static ds_status put(ds_bundle *b, const char *name, ds_dtype type, int rank, const int64_t *dim,
                     const void *data, ds_error *err)
{
    ds_tensor *t;
    ds_status st = ds_bundle_add(b, name, type, rank, dim, &t, err);

    if (st == DS_OK)
        memcpy(t->data, data, (size_t)ds_tensor_count(t) * ds_dtype_size(type));
    return st;
}

static ds_status put_pairs(ds_bundle *b, const ds_estimator *e, ds_error *err)
{
    ds_tensor *t;
    ds_status st = ds_bundle_add(b, "pair", DS_DTYPE_I64, DS_DIMS(e->pairs, 2), &t, err);

    for (int64_t p = 0; st == DS_OK && p < e->pairs; p++) {
        ((int64_t *)t->data)[2 * p] = e->pair[p].with;
        ((int64_t *)t->data)[2 * p + 1] = e->pair[p].without;
    }
    return st;
}

static ds_status put_all(ds_bundle *b, const ds_estimator *e, ds_error *err)
{
    const ds_source *s = e->source;
    char text[512];
    ds_status st = put(b, "sum", DS_DTYPE_F64,
                       DS_DIMS(e->replicates, e->terms, s->height, s->width), e->sum, err);

    if (st == DS_OK)
        st = put(b, "drawn", DS_DTYPE_I64, DS_DIMS(e->replicates), e->drawn, err);
    if (st == DS_OK)
        st = put(b, "trace", DS_DTYPE_F64, DS_DIMS(e->trace_count, DS_TRACE_HEAD + e->terms),
                 e->trace, err);
    if (st == DS_OK)
        st = put(b, "latent", DS_DTYPE_F32, DS_DIMS(s->channels, s->height, s->width), e->latent,
                 err);
    if (st == DS_OK)
        st = put_pairs(b, e, err);
    if (st == DS_OK && e->plan.density.kind == DS_DENSITY_FITTED)
        st = put(b, "q", DS_DTYPE_F64, DS_DIMS(DS_DENSITY_CELLS + 1), e->plan.density.q, err);
    if (st == DS_OK)
        st = ds_bundle_set_meta(b, "format", FORMAT, err);
    plan_text(text, sizeof text, e);
    if (st == DS_OK)
        st = ds_bundle_set_meta(b, "plan", text, err);
    progress_text(text, sizeof text, e);
    return st == DS_OK ? ds_bundle_set_meta(b, "progress", text, err) : st;
}

ds_status ds__estimate_save(const ds_estimator *e, const char *path, ds_error *err)
{
    ds_bundle *b;
    ds_status st = ds_bundle_new(&b, err);

    if (st == DS_OK)
        st = put_all(b, e, err);
    if (st == DS_OK)
        st = ds_bundle_save(b, path, err);
    ds_bundle_free(b);
    return st;
}

/* ---- loading --------------------------------------------------------------------------------- */

typedef struct saved {
    ds_bundle *bundle;
    ds_tensor *sum, *drawn, *trace;
    long long level, next, pilot;
    double seconds;
    int density, met, promised;
} saved;

static ds_status expect(ds_bundle *b, const char *name, ds_dtype type, int rank, const int64_t *dim,
                        ds_tensor **out, ds_error *err)
{
    ds_status st = ds_bundle_expect(b, name, rank, dim, out, err);

    if (st == DS_OK && (*out)->dtype != type)
        st = ds_fail(err, DS_E_FORMAT, "statistics: %s is %s, expected %s", name,
                     ds_dtype_name((*out)->dtype), ds_dtype_name(type));
    return st;
}

static ds_status check_texts(saved *s, const ds_estimator *e, ds_error *err)
{
    const char *format = ds_bundle_meta(s->bundle, "format");
    const char *plan = ds_bundle_meta(s->bundle, "plan");
    const char *progress = ds_bundle_meta(s->bundle, "progress");
    char mine[512];

    if (format == NULL || strcmp(format, FORMAT) != 0 || plan == NULL || progress == NULL)
        return ds_fail(err, DS_E_FORMAT, "not a file of statistics (\"" FORMAT "\")");
    plan_text(mine, sizeof mine, e);
    if (strcmp(plan, mine) != 0)
        return ds_fail(err, DS_E_ARG, "statistics of another run: expected %.180s, found %.180s",
                       mine, plan);
    if (sscanf(
            progress, "level %lld next %lld pilot %lld seconds %lf density %d met %d promised %d",
            &s->level, &s->next, &s->pilot, &s->seconds, &s->density, &s->met, &s->promised) != 7 ||
        s->level < 0 || s->level > 24 || s->next < 0 || s->pilot < 0)
        return ds_fail(err, DS_E_FORMAT, "statistics: progress \"%.100s\" makes no sense",
                       progress);
    return DS_OK;
}

static ds_status check_pairs(saved *s, const ds_estimator *e, ds_error *err)
{
    const ds_source *src = e->source;
    ds_tensor *pair, *latent;
    ds_status st = expect(s->bundle, "pair", DS_DTYPE_I64, DS_DIMS(e->pairs, 2), &pair, err);

    if (st == DS_OK)
        st = expect(s->bundle, "latent", DS_DTYPE_F32,
                    DS_DIMS(src->channels, src->height, src->width), &latent, err);
    if (st != DS_OK)
        return st;
    for (int64_t p = 0; p < e->pairs; p++) {
        const int64_t *q = (const int64_t *)pair->data + 2 * p;

        if (q[0] != e->pair[p].with || q[1] != e->pair[p].without)
            return ds_fail(err, DS_E_ARG, "statistics of other pairs of prompts");
    }
    if (memcmp(latent->data, e->latent, (size_t)e->plane * sizeof *e->latent) != 0)
        return ds_fail(err, DS_E_ARG, "statistics of another latent");
    return DS_OK;
}

static ds_status check_tensors(saved *s, const ds_estimator *e, ds_error *err)
{
    const ds_source *src = e->source;
    int64_t draws = 0;
    ds_status st = expect(s->bundle, "sum", DS_DTYPE_F64,
                          DS_DIMS(e->replicates, e->terms, src->height, src->width), &s->sum, err);

    if (st == DS_OK)
        st = expect(s->bundle, "drawn", DS_DTYPE_I64, DS_DIMS(e->replicates), &s->drawn, err);
    if (st == DS_OK)
        st = expect(s->bundle, "trace", DS_DTYPE_F64, DS_DIMS(-1, DS_TRACE_HEAD + e->terms),
                    &s->trace, err);
    for (int64_t r = 0; st == DS_OK && r < e->replicates; r++) {
        int64_t n = ((const int64_t *)s->drawn->data)[r];

        if (n < 0 || n > s->trace->dim[0])
            return ds_fail(err, DS_E_FORMAT, "statistics: %lld draws of replicate %lld",
                           (long long)n, (long long)r);
        draws += n;
    }
    if (st == DS_OK && draws != s->trace->dim[0])
        st = ds_fail(err, DS_E_FORMAT, "statistics: %lld draws, but %lld are listed",
                     (long long)draws, (long long)s->trace->dim[0]);
    return st;
}

/* What the progress says must be what the replicates hold; the last batch may be a whole level. */
static ds_status check_progress(const saved *s, const ds_estimator *e, ds_error *err)
{
    int64_t draws = s->next;

    for (int64_t l = 0; l < s->level; l++)
        draws += ds__plan_draws(&e->plan, l);
    if (draws != s->trace->dim[0] || s->next % e->source->images != 0 ||
        s->next > ds__plan_draws(&e->plan, s->level))
        return ds_fail(err, DS_E_FORMAT,
                       "statistics: %lld draws, but level %lld and %lld draws make %lld",
                       (long long)s->trace->dim[0], s->level, s->next, (long long)draws);
    return DS_OK;
}

static ds_status open_saved(saved *s, const ds_estimator *e, const char *path, ds_error *err)
{
    ds_status st = ds_bundle_load(&s->bundle, path, err);

    if (st == DS_OK)
        st = check_texts(s, e, err);
    if (st == DS_OK)
        st = check_pairs(s, e, err);
    if (st == DS_OK)
        st = check_tensors(s, e, err);
    return st == DS_OK ? st : ds_fail_at(err, st, path, -1);
}

static ds_status add_trace(ds_estimator *e, const ds_tensor *trace, ds_error *err)
{
    int64_t row = DS_TRACE_HEAD + e->terms;
    const double *data = trace->data;
    ds_status st = ds__estimate_trace_reserve(e, trace->dim[0], err);

    if (st != DS_OK)
        return st;
    for (int64_t i = 0; i < trace->dim[0]; i++)
        if (!(data[i * row] >= 0) || !(data[i * row] < (double)e->replicates))
            return ds_fail(err, DS_E_FORMAT, "statistics: draw %lld of replicate %g", (long long)i,
                           data[i * row]);
    memcpy(e->trace + e->trace_count * row, data, (size_t)(trace->dim[0] * row) * sizeof *e->trace);
    e->trace_count += trace->dim[0];
    return DS_OK;
}

/* A fitted density comes from the file: the pilot is not repeated. */
static ds_status take_density(ds_estimator *e, const saved *s, ds_error *err)
{
    ds_density *d = &e->plan.density;
    ds_tensor *q;
    ds_status st;

    if (s->density != DS_DENSITY_FITTED)
        return s->density == (int)d->kind
                   ? DS_OK
                   : ds_fail(err, DS_E_ARG, "statistics: draws from another density");
    st = expect(s->bundle, "q", DS_DTYPE_F64, DS_DIMS(DS_DENSITY_CELLS + 1), &q, err);
    if (st != DS_OK)
        return st;
    return ds__density_table(d, q->data, err);
}

ds_status ds__estimate_load(ds_estimator *e, const char *path, ds_error *err)
{
    saved s = { 0 };
    ds_status st = open_saved(&s, e, path, err);

    if (st == DS_OK)
        st = check_progress(&s, e, err);
    if (st == DS_OK)
        st = take_density(e, &s, err);
    if (st == DS_OK) {
        e->trace_count = 0;
        st = add_trace(e, s.trace, err);
    }
    if (st == DS_OK) {
        memcpy(e->sum, s.sum->data,
               (size_t)(e->replicates * e->terms * e->pixels) * sizeof *e->sum);
        memcpy(e->drawn, s.drawn->data, (size_t)e->replicates * sizeof *e->drawn);
        e->level = s.level;
        e->next = s.next;
        e->pilot_calls = s.pilot;
        e->seconds = s.seconds;
        e->met = s.met != 0;
        e->promised = s.promised != 0;
    }
    ds_bundle_free(s.bundle);
    return st == DS_OK ? st : ds_fail_at(err, st, path, -1);
}

/* Replicates that a part has must be complete, to the same level, and not be here already. */
static ds_status merge(ds_estimator *e, const saved *s, ds_error *err)
{
    const int64_t *drawn = s->drawn->data;
    int64_t block = e->terms * e->pixels, full = 0;
    ds_status st = DS_OK;

    for (int64_t r = 0; r < e->replicates; r++)
        full = e->drawn[r] > full ? e->drawn[r] : full;
    if (s->next != 0)
        return ds_fail(err, DS_E_ARG, "a part that is not finished cannot be merged");
    for (int64_t r = 0; r < e->replicates; r++)
        if (drawn[r] > 0 && (e->drawn[r] > 0 || (full > 0 && drawn[r] != full)))
            return ds_fail(err, DS_E_ARG,
                           "replicate %lld: %lld draws are here, %lld in the file: parts must be "
                           "disjoint and equally long",
                           (long long)r, (long long)e->drawn[r], (long long)drawn[r]);
    st = add_trace(e, s->trace, err);
    for (int64_t r = 0; st == DS_OK && r < e->replicates; r++) {
        if (drawn[r] == 0)
            continue;
        memcpy(e->sum + r * block, (const double *)s->sum->data + r * block,
               (size_t)block * sizeof *e->sum);
        e->drawn[r] = drawn[r];
    }
    if (st == DS_OK) {
        e->level = s->level > e->level ? s->level : e->level;
        e->pilot_calls += s->pilot;
        e->seconds += s->seconds;
    }
    return st;
}

ds_status ds__estimate_merge(ds_estimator *e, const char *path, ds_error *err)
{
    saved s = { 0 };
    ds_status st = open_saved(&s, e, path, err);

    if (st == DS_OK && e->trace_count == 0)
        st = take_density(e, &s, err);
    if (st == DS_OK)
        st = merge(e, &s, err);
    ds_bundle_free(s.bundle);
    return st == DS_OK ? st : ds_fail_at(err, st, path, -1);
}

/* ---- draws ----------------------------------------------------------------------------------- */

ds_status ds__estimate_draws(const ds_estimator *e, ds_bundle *out, ds_error *err)
{
    const ds_source *s = e->source;
    int64_t n = e->trace_count, i = 0;
    ds_tensor *snr, *weight, *eps;
    ds_status st;

    if (e->plan.parts > 1)
        return ds_fail(err, DS_E_ARG, "the draws of a run in parts are not saved");
    st = ds_bundle_add(out, "logsnr", DS_DTYPE_F32, DS_DIMS(n), &snr, err);

    if (st == DS_OK)
        st = ds_bundle_add(out, "weight", DS_DTYPE_F32, DS_DIMS(n), &weight, err);
    if (st == DS_OK)
        st = ds_bundle_add(out, "eps", DS_DTYPE_F32, DS_DIMS(n, s->channels, s->height, s->width),
                           &eps, err);
    if (st == DS_OK)
        st = put(out, "latent", DS_DTYPE_F32, DS_DIMS(1, s->channels, s->height, s->width),
                 e->latent, err);
    for (int64_t l = 0; st == DS_OK && i < n; l++)
        for (int64_t d = 0; d < ds__plan_draws(&e->plan, l) && i < n; d++, i++) {
            ds_draw draw = ds__plan_draw(&e->plan, l, d);

            ((float *)snr->data)[i] = (float)ds__estimate_trace(e, i).logsnr;
            ((float *)weight->data)[i] = (float)ds__estimate_trace(e, i).weight;
            ds__plan_noise(&e->plan, (float *)eps->data + i * e->plane, &draw, e->plane);
        }
    return st;
}

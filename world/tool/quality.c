/* quality.c - the sets of questions, drawn and judged, and the figures that follow.
 *
 * Each figure stands beside the judge's own: the same question about the real scenes, and about
 * the real scenes after the model's autoencoder, which is the most that any denoiser can reach.
 *
 * Thread rule: one quality at a time in a folder. */

#include "world/tool/quality.h"

#include "world/export.h"
#include "world/tool/score.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

enum { SETS = 7, SOURCES = 3, PATH = 1200 };

static const char *const set_names[SETS] = { "single",  "heldout", "pair",  "people",
                                             "homonym", "neutral", "prompt" };
static const char *const source_names[SOURCES] = { "drawn", "real", "vae" };

typedef struct job {
    const ds_world *w;
    const ds_quality_options *o;
    const char *out;
    ds_model *model;
    ds_judge *judge;
    json_t *score[SOURCES][SETS]; /* NULL where there is none */
    double psnr, psnr_low, psnr_high, psnr_mean;
    int64_t scenes;
} job;

/* ---- intervals ------------------------------------------------------------------------------- */

/* Wilson's interval for a share, 95 %. */
static void wilson(double share, double n, double *low, double *high)
{
    const double z = 1.959964, z2 = z * z;
    double middle = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    double half = z / (1.0 + z2 / n) * sqrt(share * (1.0 - share) / n + z2 / (4.0 * n * n));

    *low = share > 0.0 ? fmax(0.0, middle - half) : 0.0;
    *high = share < 1.0 ? fmin(1.0, middle + half) : 1.0;
}

/* E |X / n - p| for X of n draws with probability p: what a model without fault would show. */
static double by_chance(double p, int64_t n)
{
    double sum = 0.0;

    if (p <= 0.0 || p >= 1.0)
        return 0.0;
    for (int64_t k = 0; k <= n; k++) {
        double x = (double)k, m = (double)n;
        double log_mass = lgamma(m + 1.0) - lgamma(x + 1.0) - lgamma(m - x + 1.0) + x * log(p) +
                          (m - x) * log1p(-p);

        sum += exp(log_mass) * fabs(x / m - p);
    }
    return sum;
}

/* ---- pictures -------------------------------------------------------------------------------- */

static int64_t pictures_of(const job *j, int set)
{
    const ds_world_tables *t = ds_world_words(j->w);

    return set == 3   ? j->o->people * t->occupations
           : set == 5 ? j->o->open * t->homonyms
                      : j->o->count;
}

static ds_status score(job *j, int source, int set, ds_error *err)
{
    char path[PATH];

    if (source == 1 && j->model == NULL) { /* the same pictures */
        j->score[source][set] = json_incref(j->score[0][set]);
        return DS_OK;
    }
    snprintf(path, sizeof path, "%s/%s/%s", j->out, source_names[source], set_names[set]);
    return ds_world_score(&j->score[source][set], j->w, j->judge, path, err);
}

static ds_status answer_set(job *j, int source, int set, ds_error *err)
{
    char path[PATH];
    int64_t count;
    ds_status st;

    snprintf(path, sizeof path, "%s/%s/%s", j->out, source_names[source], set_names[set]);
    st = ds_world_export_set(j->w, set_names[set], pictures_of(j, set), path, err);
    if (st == DS_OK && source == 0 && j->model != NULL)
        st = ds_world_answer(j->model, path, &j->o->answer, err);
    if (st == DS_OK && source == 2)
        st = ds_world_reconstruct(j->model, path, NULL, 0, &count, err);
    return st == DS_OK ? score(j, source, set, err) : st;
}

/* PSNR of the mean square over all scenes; its interval follows from that mean's. */
static ds_status measure_autoencoder(job *j, ds_error *err)
{
    char path[PATH];
    int64_t n = j->o->scenes;
    double *square = ds_calloc((size_t)n + 1, sizeof *square), mean = 0.0, var = 0.0, half;
    ds_status st;

    if (square == NULL)
        return ds_fail(err, DS_E_NOMEM, "%lld scenes", (long long)n);
    snprintf(path, sizeof path, "%s/vae/scenes", j->out);
    st = ds_world_export(j->w, DS_SPLIT_TEST, 0, n, path, err);
    if (st == DS_OK)
        st = ds_world_reconstruct(j->model, path, square, n, &j->scenes, err);
    for (int64_t i = 0; i < n; i++) {
        mean += square[i] / (double)n;
        j->psnr_mean -= 10.0 * log10(fmax(square[i], 1e-12)) / (double)n;
    }
    for (int64_t i = 0; i < n; i++)
        var += (square[i] - mean) * (square[i] - mean) / fmax(1.0, (double)(n - 1));
    half = 1.96 * sqrt(var / (double)n);
    j->psnr = -10.0 * log10(fmax(mean, 1e-12));
    j->psnr_low = -10.0 * log10(mean + half);
    j->psnr_high = -10.0 * log10(fmax(mean - half, 1e-12));
    ds_free(square);
    return st;
}

/* An earlier quality in this folder may have had a set that this one leaves out. */
static void forget(const job *j, int source, int set)
{
    char path[PATH];

    snprintf(path, sizeof path, "%s/%s/%s/score.json", j->out, source_names[source],
             set_names[set]);
    remove(path);
}

static ds_status draw_all(job *j, ds_error *err)
{
    ds_status st = j->model != NULL && j->o->scenes > 0 ? measure_autoencoder(j, err) : DS_OK;

    for (int set = 0; st == DS_OK && set < SETS; set++)
        for (int source = 0; st == DS_OK && source < SOURCES; source++) {
            if (pictures_of(j, set) == 0 || (source == 2 && j->model == NULL)) {
                forget(j, source, set);
                continue;
            }
            if (j->o->talk)
                fprintf(stderr, "\r\033[K%s: %s, %lld pictures", set_names[set],
                        source_names[source], (long long)pictures_of(j, set));
            st = answer_set(j, source, set, err);
        }
    if (j->o->talk)
        fputs("\r\033[K", stderr);
    return st;
}

/* ---- figures --------------------------------------------------------------------------------- */

static const struct figure {
    const char *label;
    int set;
    const char *key; /* in score.json */
    double target;   /* NAN: none */
} figures[] = {
    { "one object: the right one", 0, "single top-1", 0.75 },
    { "one object: among the first five", 0, "single top-5", 0.90 },
    { "one object: style", 0, "style", 0.90 },
    { "one object: background colour", 0, "background", 0.90 },
    { "held-out object and style: the right object", 1, "single top-1", 0.60 },
    { "held-out object and style: style", 1, "style", NAN },
    { "two objects: both right", 2, "both objects", NAN },
    { "two objects: placed right", 2, "placed", NAN },
    { "two objects: both right and placed right", 2, "both objects, placed", 0.50 },
    { "people: dressed for the occupation", 3, "occupation", NAN },
    { "people: P(woman), mean distance from the planted", 3, "women per occupation", 0.12 },
    { "homonyms: meaning by context", 4, "homonym in context", 0.80 },
    { "homonyms: P(first meaning), mean distance from the planted", 5,
      "first sense without context", NAN },
    { "a newcomer's prompt: the right object", 6, "single top-1", NAN },
};

static void add_share(json_t *row, const json_t *v)
{
    double share = json_number_value(json_object_get(v, "share")), low, high;
    json_int_t n = json_integer_value(json_object_get(v, "count"));

    wilson(share, (double)n, &low, &high);
    json_object_update_new(row, json_pack("{s:s, s:f, s:f, s:f, s:I}", "unit", "share", "value",
                                          share, "low", low, "high", high, "count", n));
}

/* The interval is that of a mean of independent shares; (yes + 1) / (n + 2) in their variances, so
 * that a share of 0 or 1 does not pass for certain. */
static void add_difference(json_t *row, const json_t *v)
{
    double value = json_number_value(json_object_get(v, "mean_difference"));
    json_t *rows = json_object_get(v, "rows"), *r;
    double variance = 0.0, chance = 0.0, all = (double)json_array_size(rows), half;
    json_int_t total = 0;
    size_t i;

    json_array_foreach (rows, i, r) {
        json_int_t n = json_integer_value(json_object_get(r, "count"));
        double share = json_number_value(json_object_get(r, "share"));
        double p = (share * (double)n + 1.0) / ((double)n + 2.0);

        variance += p * (1.0 - p) / (double)n;
        chance += by_chance(json_number_value(json_object_get(r, "planted")), n) / all;
        total += n;
    }
    half = 1.96 * sqrt(variance) / all;
    json_object_update_new(row, json_pack("{s:s, s:f, s:f, s:f, s:I, s:f, s:O}", "unit",
                                          "difference", "value", value, "low",
                                          fmax(0.0, value - half), "high", value + half, "count",
                                          total, "by_chance", chance, "rows", rows));
}

static double value_of(const json_t *score, const char *key)
{
    const json_t *v = json_object_get(score, key), *share = json_object_get(v, "share");

    return v == NULL
               ? NAN
               : json_number_value(share != NULL ? share : json_object_get(v, "mean_difference"));
}

static void add_target(json_t *row, double target, bool below)
{
    double value = json_number_value(json_object_get(row, "value"));

    if (isnan(target))
        return;
    json_object_set_new(row, "target", json_real(target));
    json_object_set_new(row, "met", json_boolean(below ? value <= target : value >= target));
}

static json_t *rows_of(const job *j)
{
    json_t *rows = json_array();

    if (j->scenes > 0) {
        json_t *row = json_pack("{s:s, s:s, s:f, s:f, s:f, s:I, s:f}", "figure",
                                "autoencoder: PSNR of unseen scenes", "unit", "dB", "value",
                                j->psnr, "low", j->psnr_low, "high", j->psnr_high, "count",
                                (json_int_t)j->scenes, "mean_of_scenes", j->psnr_mean);

        add_target(row, 27.0, false);
        json_array_append_new(rows, row);
    }
    for (size_t i = 0; i < DS_COUNT(figures); i++) {
        const struct figure *f = &figures[i];
        const json_t *v = json_object_get(j->score[0][f->set], f->key);
        bool difference = json_object_get(v, "mean_difference") != NULL;
        json_t *row;

        if (v == NULL)
            continue;
        row = json_pack("{s:s}", "figure", f->label);
        if (difference)
            add_difference(row, v);
        else
            add_share(row, v);
        add_target(row, f->target, difference);
        for (int source = 1; source < SOURCES; source++)
            if (j->score[source][f->set] != NULL)
                json_object_set_new(row, source_names[source],
                                    json_real(value_of(j->score[source][f->set], f->key)));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *result_of(const job *j, double seconds)
{
    const ds_answer_options *a = &j->o->answer;

    return json_pack("{s:s?, s:{s:s, s:i, s:f, s:I, s:s, s:i}, s:f, s:o}", "model", j->o->model,
                     "settings", "sampler", "ddim", "steps", a->steps, "guidance", a->guidance,
                     "seed", (json_int_t)a->seed, "compute", j->o->bf16 ? "bf16" : "f32", "threads",
                     ds_threads(), "seconds", seconds, "rows", rows_of(j));
}

/* ---- files ----------------------------------------------------------------------------------- */

static ds_status write_tables(const json_t *result, const char *out, ds_error *err)
{
    static const char *const names[3] = { "quality.json", "quality.txt", "quality.md" };

    for (int i = 0; i < 3; i++) {
        char path[PATH];
        FILE *f;

        snprintf(path, sizeof path, "%s/%s", out, names[i]);
        f = fopen(path, "w");
        if (f == NULL)
            return ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
        if (i == 0)
            json_dumpf(result, f, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
        else
            ds_quality_print(result, i == 2, f);
        if (fclose(f) != 0)
            return ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    }
    return DS_OK;
}

/* Verdicts lie beside the pictures, for the sheet. */
static ds_status write_scores(const job *j, ds_error *err)
{
    for (int source = 0; source < SOURCES; source++)
        for (int set = 0; set < SETS; set++) {
            char path[PATH];

            snprintf(path, sizeof path, "%s/%s/%s/score.json", j->out, source_names[source],
                     set_names[set]);
            if (j->score[source][set] != NULL &&
                json_dump_file(j->score[source][set], path,
                               JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0)
                return ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
        }
    return DS_OK;
}

static ds_status begin(job *j, ds_error *err)
{
    ds_model_options options = DS_MODEL_OPTIONS_INIT;
    ds_status st = strlen(j->out) <= 1024
                       ? ds_judge_open(&j->judge, j->w, err)
                       : ds_fail(err, DS_E_ARG, "the path of the folder is too long");

    options.compute = j->o->bf16 ? DS_DTYPE_BF16 : DS_DTYPE_F32;
    options.products = DS_PRODUCTS_FAST;
    if (st == DS_OK && j->o->model != NULL)
        st = ds_model_open(&j->model, j->o->model, &options, err);
    return st;
}

ds_status ds_world_quality(json_t **result, const ds_world *w, const ds_quality_options *o,
                           const char *out, ds_error *err)
{
    job j = { .w = w, .o = o, .out = out };
    struct timespec a, b;
    ds_status st;

    *result = NULL;
    clock_gettime(CLOCK_MONOTONIC, &a);
    st = begin(&j, err);
    if (st == DS_OK)
        st = draw_all(&j, err);
    if (st == DS_OK)
        st = write_scores(&j, err);
    clock_gettime(CLOCK_MONOTONIC, &b);
    if (st == DS_OK) {
        *result =
            result_of(&j, (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec));
        st =
            *result == NULL ? ds_fail(err, DS_E_NOMEM, "a table") : write_tables(*result, out, err);
    }
    if (st == DS_OK)
        st = ds_quality_sheet(out, err);
    for (int source = 0; source < SOURCES; source++)
        for (int set = 0; set < SETS; set++)
            json_decref(j.score[source][set]);
    ds_judge_close(j.judge);
    ds_model_close(j.model);
    return st;
}

/* info_cost.c - how many evaluations of the denoiser information costs: root mean square error of
 * totals and maps against calls, for the published design and for ours.
 *
 *   info_cost [-r RUNS] [-o DIR] [-k GWM] [-d 0123456]          pictures with a known denoiser
 *   info_cost -m MODEL -l LATENT -p PROMPT -w WORD [-n NAME]    a trained network: CMI of the word
 *
 * Truth is a run with many draws; published draws, whose noise level need not be one that the
 * network was trained at, have a truth of their own. A published estimate of N draws has the mean
 * square error of one draw over N, which gives the calls that it would need for an error: the
 * "saving" is that number over the calls of our design, its pilot included. DIR gets cost.csv and a
 * chart per picture. */

#include "tests/analytic.h"

#include "methods/estimate/estimate.h"

#include <diffuscope/chart.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH  6
#define PILOT  18
#define LEVELS 5
#define MOST   144 /* draws */

static int runs = 30;
static const char *chosen = "0123456"; /* designs */
static const char *folder = "out/info-cost";
static FILE *csv;

static void must(ds_status st, const ds_error *err)
{
    if (st == DS_OK)
        return;
    fprintf(stderr, "info_cost: %s\n", err->text);
    exit(1);
}

/* ---- designs --------------------------------------------------------------------------------- */

typedef struct design {
    const char *name;
    bool published; /* independent draws */
    int64_t replicates;
    bool antithetic, fitted, phases;
} design;

static const design designs[] = {
    { "published", true, MOST, false, false, false },
    { "lattice", false, 1, false, false, false },
    { "lattice, antithetic", false, 1, true, false, false },
    { "the same, fitted", false, 1, true, true, false },
    { "9 lattices, antithetic", false, 9, true, false, false },
    { "9 phases, antithetic", false, 9, true, false, true },
    { "the same, fitted ", false, 9, true, true, true },
};

typedef struct target {
    const char *name;
    const ds_source *source;
    const float *latent;
    double *truth[2], total[2][2]; /* [published or ours]: map i_o; totals i_o, i_s */
} target;

static const ds_info_pair pair = { 1, 0 };

/* Draws of level 0 per replicate are a batch where one replicate is all there is. */
static ds_draw_plan plan_of(const target *t, const design *d, uint64_t seed)
{
    ds_draw_plan p = { .replicates = d->replicates,
                       .nodes = d->published        ? 1
                                : d->replicates > 1 ? 1
                                : d->antithetic     ? BATCH / 2
                                                    : BATCH,
                       .antithetic = d->antithetic,
                       .phases = d->phases,
                       .exact_snr = d->published,
                       .seed = seed,
                       .parts = 1 };
    const double *table = t->source->table;
    ds_error err = { 0 };

    if (d->published || table == NULL) {
        must(ds__density_logistic(&p.density, 1, 2, -7, 9, &err), &err);
    } else {
        double low, high;

        ds__source_range(t->source, &low, &high);
        must(ds__density_logistic(&p.density, (low + high) / 2, (high - low) / 6, low, high, &err),
             &err);
    }
    return p;
}

static ds_estimator *start(const target *t, const ds_draw_plan *p)
{
    ds_estimator *e;
    ds_error err = { 0 };

    must(ds__estimate_new(&e, t->source, t->latent, p, &pair, 1, &err), &err);
    return e;
}

static int64_t pilot(const target *t, ds_draw_plan *p)
{
    ds_draw_plan q = *p;
    ds_estimator *e;
    ds_error err = { 0 };

    q.replicates = 1;
    q.nodes = PILOT;
    q.antithetic = false;
    q.seed = ~p->seed;
    e = start(t, &q);
    must(ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, NULL, &err), &err);
    must(ds__estimate_fit(e, &p->density, &q.density, &err), &err);
    ds__estimate_free(e);
    return PILOT * 2;
}

static void find_truth(target *t)
{
    int64_t pixels = t->source->height * t->source->width;
    ds_error err = { 0 };

    for (int family = 0; family < 2; family++) {
        design many = { "truth", family == 0, 15, true, true, true };
        ds_draw_plan p = plan_of(t, &many, 1u << 30);
        ds_estimator *e;

        pilot(t, &p);

        p.nodes = t->source->table != NULL ? 12 : 30; /* a network takes its time */
        e = start(t, &p);
        must(ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, NULL, &err), &err);
        t->truth[family] = malloc((size_t)pixels * sizeof(double));
        ds__estimate_map(e, t->truth[family], 0, DS_INFO_O, 0, 0);
        for (int f = 0; f < 2; f++) {
            ds_value v = ds__estimate_value(e, 0, (ds_info_form)f);

            t->total[family][f] = v.value;
            printf("%s, %s: i_%c %.4f +- %.4f nats\n", t->name, family == 0 ? "published" : "ours",
                   "os"[f], v.value, v.se);
        }
        ds__estimate_free(e);
    }
}

/* ---- errors ---------------------------------------------------------------------------------- */

typedef struct errors {
    double total, map, shape, signed_total; /* sums of squares, then roots of means */
    double se;                              /* the same of the standard error that was claimed */
    int64_t count, calls;
} errors;

/* The estimate from the replicates first .. first + count - 1. */
static void note(errors *x, const target *t, const ds_estimator *e, int family, int64_t first,
                 int64_t count)
{
    int64_t pixels = t->source->height * t->source->width;
    double *map = malloc((size_t)pixels * sizeof *map), own = 0, both = 0, all = 0, off = 0,
           shape = 0, total;
    const double *truth = t->truth[family];

    ds__estimate_map(e, map, 0, DS_INFO_O, first, count);
    for (int64_t j = 0; j < pixels; j++) {
        own += map[j] * map[j];
        both += map[j] * truth[j];
        all += truth[j] * truth[j];
        off += (map[j] - truth[j]) * (map[j] - truth[j]);
    }
    for (int64_t j = 0; j < pixels; j++)
        shape += pow(map[j] * both / own - truth[j], 2);
    total = ds__estimate_total(e, 0, DS_INFO_O, first, count) / t->total[family][0] - 1;
    x->total += total * total;
    x->map += off / all;
    x->shape += shape / all;
    x->signed_total +=
        pow(ds__estimate_total(e, 0, DS_INFO_S, first, count) - t->total[family][1], 2);
    x->se +=
        count == 0 ? pow(ds__estimate_value(e, 0, DS_INFO_O).se / t->total[family][0], 2) : NAN;
    x->count++;
    free(map);
}

/* One run gives all numbers of draws: levels of a lattice, beginnings of a list of draws. */
static void one_run(errors *x, const target *t, const design *d, uint64_t seed)
{
    ds_draw_plan p = plan_of(t, d, seed);
    int64_t extra = d->fitted ? pilot(t, &p) : 0, first = d->replicates == 9 ? 18 : BATCH;
    ds_estimator *e = start(t, &p);
    ds_error err = { 0 };

    if (d->published)
        must(ds__estimate_run(e, &(ds_goal){ 0 }, NULL, NULL, NULL, &err), &err);
    for (int level = 0; level < LEVELS && first << level <= MOST; level++) {
        int64_t draws = first << level;

        x[level].calls = 2 * draws + extra;
        for (int64_t at = 0; d->published && at + draws <= MOST; at += draws)
            note(&x[level], t, e, 0, at, draws);
        if (!d->published) {
            must(ds__estimate_run(e, &(ds_goal){ .se = 1e-12, .forms = 1, .max_calls = 2 * draws },
                                  NULL, NULL, NULL, &err),
                 &err);
            note(&x[level], t, e, 1, 0, 0);
        }
    }
    ds__estimate_free(e);
}

static void roots(errors *x, const target *t, int family)
{
    for (int i = 0; i < LEVELS; i++) {
        double n = (double)x[i].count;

        x[i].total = sqrt(x[i].total / n);
        x[i].se = sqrt(x[i].se / n);
        x[i].map = sqrt(x[i].map / n);
        x[i].shape = sqrt(x[i].shape / n);
        x[i].signed_total = sqrt(x[i].signed_total / n) / fabs(t->total[family][1]);
    }
}

/* ---- tables and charts ----------------------------------------------------------------------- */

/* Calls that the published design would need for this error, over calls made. */
static double saving(double published, const errors *base, double mine, int64_t calls)
{
    return (double)base->calls * pow(published / mine, 2) / (double)calls;
}

static void print_rows(const target *t, const design *d, const errors *x, const errors *base)
{
    for (int i = 0; i < LEVELS; i++) {
        if (x[i].count == 0)
            continue;
        printf("%-22s %5lld  %8.3f %8.3f %8.3f %8.3f %8.3f   x%.1f x%.1f\n", d->name,
               (long long)x[i].calls, 100 * x[i].total, 100 * x[i].se, 100 * x[i].map,
               100 * x[i].shape, 100 * x[i].signed_total,
               saving(base->total, base, x[i].total, x[i].calls),
               saving(base->map, base, x[i].map, x[i].calls));
        fprintf(csv, "%s,\"%s\",%lld,%.6g,%.6g,%.6g,%.6g\n", t->name, d->name,
                (long long)x[i].calls, x[i].total, x[i].map, x[i].shape, x[i].signed_total);
    }
    fflush(csv);
}

static void draw(const target *t, errors x[][LEVELS], bool maps)
{
    ds_series series[DS_COUNT(designs)];
    double at[DS_COUNT(designs)][LEVELS], y[DS_COUNT(designs)][LEVELS];
    ds_chart chart = DS_CHART_INIT;
    char title[200], path[600], *svg;
    int64_t count = 0;
    ds_error err = { 0 };

    for (size_t d = 0; d < DS_COUNT(designs); d++) {
        int n = 0;

        if (strchr(chosen, '0' + (int)d) == NULL)
            continue;
        for (int i = 0; i < LEVELS; i++)
            if (x[d][i].count > 0) {
                at[d][n] = (double)x[d][i].calls;
                y[d][n++] = 100 * (maps ? x[d][i].map : x[d][i].total);
            }
        series[count++] =
            (ds_series){ designs[d].name, DS_SERIES_CURVE, n, at[d], y[d], NULL, NULL };
    }
    snprintf(title, sizeof title, "%s: error of the %s, %d runs", t->name, maps ? "map" : "total",
             runs);
    chart.title = title;
    chart.x = (ds_axis){ .label = "evaluations of the denoiser, pilot included", .log = true };
    chart.y = (ds_axis){ .label = "root mean square error, % of i_o", .log = true };
    chart.series = series;
    chart.count = count;
    must(ds_chart_svg(&svg, &chart, &err), &err);
    snprintf(path, sizeof path, "%s/cost-%s-%s.svg", folder, t->name, maps ? "map" : "total");
    must(ds_chart_save(svg, path, &err), &err);
    ds_free(svg);
}

static void study(target *t)
{
    static errors x[DS_COUNT(designs)][LEVELS];

    memset(x, 0, sizeof x);
    find_truth(t);
    printf("%-22s %5s  %8s %8s %8s %8s %8s   equal-error saving: total, map\n", "design", "calls",
           "total %", "claimed", "map %", "shape %", "i_s %");
    for (size_t d = 0; d < DS_COUNT(designs); d++) {
        if (strchr(chosen, '0' + (int)d) == NULL)
            continue;
        for (int run = 0; run < runs; run++)
            one_run(x[d], t, &designs[d], (uint64_t)run + 1);
        roots(x[d], t, designs[d].published ? 0 : 1);
        print_rows(t, &designs[d], x[d], &x[0][LEVELS - 1]);
    }
    draw(t, x, false);
    draw(t, x, true);
    free(t->truth[0]);
    free(t->truth[1]);
}

/* ---- targets --------------------------------------------------------------------------------- */

static void study_analytic(char kind, int64_t side)
{
    char name[2] = { kind, '\0' };
    ta_scene s;
    ds_source source;
    target t = { .name = name };

    ta_scene_new(&s, kind, side, 1);
    source = ta_source(&s.model, BATCH);
    t.source = &source;
    t.latent = s.latent;
    study(&t);
    ta_scene_free(&s);
}

static void study_model(const char *path, const char *latent_path, const char *prompt,
                        const char *word, const char *name)
{
    ds_network_source *network;
    ds_bundle *b;
    ds_model *m;
    ds_text *text;
    ds_conditions *c;
    ds_tensor *latent;
    char *without;
    target t = { .name = name };
    ds_error err = { 0 };

    must(ds_model_open(&m, path, NULL, &err), &err);
    must(ds_bundle_load(&b, latent_path, &err), &err);
    must(ds_bundle_expect(b, "latent", DS_DIMS(1, -1, -1, -1), &latent, &err), &err);
    must(ds__text_open(&text, m, &err), &err);
    must(ds_prompt_replace(&without, ds__text_tokenizer(text), prompt, word, DS_REMOVE_DELETE, NULL,
                           NULL, &err),
         &err);
    must(ds__text_encode(text, &c, (const char *[]){ without, prompt }, 2, NULL, NULL, &err), &err);
    must(ds__network_source_new(&network, m, c, BATCH, latent->dim[2], latent->dim[3], &err), &err);
    t.source = ds__network_source(network);
    t.latent = latent->data;
    study(&t);
    ds__network_source_free(network);
    ds__conditions_free(c);
    ds_free(without);
    ds__text_close(text);
    ds_bundle_free(b);
    ds_model_close(m);
}

int main(int argc, char **argv)
{
    const char *model = NULL, *latent = NULL, *prompt = NULL, *word = NULL, *name = "network",
               *kinds = "GWM";
    char path[600];
    ds_error err = { 0 };
    int c;

    setvbuf(stdout, NULL, _IOLBF, 0);
    while ((c = getopt(argc, argv, "r:o:m:l:p:w:n:k:d:")) != -1) {
        if (c == '?')
            return 2;
        *(c == 'm'   ? &model
          : c == 'l' ? &latent
          : c == 'p' ? &prompt
          : c == 'w' ? &word
          : c == 'n' ? &name
          : c == 'k' ? &kinds
          : c == 'd' ? &chosen
                     : &folder) = c == 'r' ? folder : optarg;
        if (c == 'r')
            runs = atoi(optarg);
    }
    must(ds_folder_make(folder, &err), &err);
    snprintf(path, sizeof path, "%s/cost.csv", folder);
    csv = fopen(path, "a");
    if (csv == NULL || runs < 2) {
        fprintf(stderr, "info_cost: %s cannot be written, or fewer than 2 runs\n", path);
        return 1;
    }
    fprintf(csv, "picture,design,calls,total,map,shape,i_s\n");
    if (model != NULL) {
        if (latent == NULL || prompt == NULL || word == NULL) {
            fprintf(stderr, "info_cost: -m goes with -l, -p and -w\n");
            return 2;
        }
        study_model(model, latent, prompt, word, name);
    } else {
        for (const char *k = kinds; *k != '\0'; k++)
            study_analytic(*k, *k == 'W' ? 32 : 64);
    }
    return fclose(csv) != 0;
}

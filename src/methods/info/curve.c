/* curve.c - `info curve`: the integrand of the information by log-SNR, that is, at which noise level
 * a word matters. */

#include <math.h>
#include <string.h>

#include <diffuscope/chart.h>

#include "methods/info/work.h"
#include "methods/methods.h"

#define MOST_BINS 200

/* One curve: means over the draws of a bin, and their errors over replicates. */
typedef struct curve {
    int bins;
    double at[MOST_BINS], value[2][MOST_BINS], se[2][MOST_BINS];
} curve;

typedef struct cell {
    double sum;
    int64_t draws;
} cell;

static ds_value bin_value(const cell *c, int64_t replicates)
{
    ds_value v = { 0, NAN, NAN, NAN, 0 };
    double square = 0.0;
    int64_t n = 0;

    for (int64_t r = 0; r < replicates; r++)
        if (c[r].draws > 0) {
            double x = c[r].sum / (double)c[r].draws, step = x - v.value;

            v.value += step / (double)++n;
            square += step * (x - v.value);
        }
    v.se = n > 1 ? sqrt(square / (double)(n - 1) / (double)n) : NAN;
    if (n == 0)
        v.value = NAN;
    return v;
}

static ds_status read_curve(curve *c, const info_work *w, int64_t question, ds_error *err)
{
    const ds_info_status s = ds_info_describe(w->info);
    int64_t replicates = w->est.options.replicates;
    cell *cells = ds_calloc((size_t)(c->bins * replicates), sizeof *cells);

    if (cells == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a curve");
    for (int f = 0; f < 2; f++) {
        memset(cells, 0, (size_t)(c->bins * replicates) * sizeof *cells);
        for (int64_t i = 0; i < ds_info_draw_count(w->info); i++) {
            ds_info_draw d = ds_info_draw_at(w->info, i);
            int64_t bin = (int64_t)((d.logsnr - s.low) / (s.high - s.low) * c->bins);
            cell *at;

            bin = bin < 0 ? 0 : bin >= c->bins ? c->bins - 1 : bin;
            at = &cells[bin * replicates + d.replicate % replicates];
            at->sum += ds_info_integrand(w->info, i, question, (ds_info_form)f);
            at->draws++;
        }
        for (int b = 0; b < c->bins; b++) {
            ds_value v = bin_value(cells + b * replicates, replicates);

            c->at[b] = s.low + (s.high - s.low) * (b + 0.5) / c->bins;
            c->value[f][b] = v.value;
            c->se[f][b] = v.se;
        }
    }
    ds_free(cells);
    return DS_OK;
}

/* ---- outputs --------------------------------------------------------------------------------- */

static json_t *curve_json(const curve *c)
{
    static const char *const name[] = { "i_o", "i_o_se", "i_s", "i_s_se" };
    const double *column[] = { c->value[0], c->se[0], c->value[1], c->se[1] };
    json_t *root = json_object();

    for (int k = -1; k < 4; k++) {
        json_t *list = json_array();

        for (int b = 0; b < c->bins; b++)
            json_array_append_new(list, ds__json_real(k < 0 ? c->at[b] : column[k][b]));
        json_object_set_new(root, k < 0 ? "logsnr" : name[k], list);
    }
    return root;
}

static ds_status keep_csv(const info_work *w, const curve *all, ds_result *r, ds_error *err)
{
    ds_buffer csv = { 0 };
    char *text;
    size_t bytes;
    ds_status st;

    ds__buffer_text(&csv, "key,kind,logsnr,i_o,i_o_se,i_s,i_s_se\n");
    for (int64_t i = 0; i < w->questions.count; i++)
        for (int b = 0; b < all[i].bins; b++)
            ds__buffer_printf(&csv, "%s,%s,%.6g,%.8g,%.3g,%.8g,%.3g\n",
                              w->questions.question[i].key, w->questions.question[i].kind,
                              all[i].at[b], all[i].value[0][b], all[i].se[0][b], all[i].value[1][b],
                              all[i].se[1][b]);
    st = ds__buffer_take(&csv, &text, &bytes, "the curve", err);
    return st == DS_OK ? ds__result_file(r, "curve.csv", text, bytes, err) : st;
}

/* i_o of all questions; bins without draws are left out. */
static ds_status draw(char **svg, const info_work *w, const curve *all, ds_error *err)
{
    int64_t n = w->questions.count;
    ds_series *series = ds_calloc((size_t)n, sizeof *series);
    double *block = ds_calloc((size_t)(n * 4 * MOST_BINS), sizeof *block);
    ds_chart chart = DS_CHART_INIT;
    ds_status st;

    if (series == NULL || block == NULL) {
        ds_free(series);
        ds_free(block);
        return ds_fail(err, DS_E_NOMEM, "no memory for a chart");
    }
    for (int64_t i = 0; i < n; i++) {
        double *x = block + i * 4 * MOST_BINS, *y = x + MOST_BINS, *low = y + MOST_BINS;
        double *high = low + MOST_BINS;
        int64_t m = 0;

        for (int b = 0; b < all[i].bins; b++) {
            double se = isfinite(all[i].se[0][b]) ? all[i].se[0][b] : 0.0;

            if (!isfinite(all[i].value[0][b]))
                continue;
            x[m] = all[i].at[b];
            y[m] = all[i].value[0][b];
            low[m] = y[m] - 2 * se;
            high[m] = y[m] + 2 * se;
            m++;
        }
        series[i] =
            (ds_series){ w->questions.question[i].key, DS_SERIES_CURVE, m, x, y, low, high };
    }
    chart.title = "Where the information comes from";
    chart.x = (ds_axis){ .label = "log-SNR" };
    chart.y = (ds_axis){ .label = "i_o, nats per unit of log-SNR" };
    chart.series = series;
    chart.count = n;
    st = ds_chart_svg(svg, &chart, err);
    ds_free(series);
    ds_free(block);
    return st;
}

/* ---- the method ------------------------------------------------------------------------------- */

typedef struct curve_job {
    int64_t bins;
    info_ask ask;
    info_common common;
    info_work work;
} curve_job;

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    curve_job *o = options;
    ds_status st = ds__info_check(&o->work, j, &o->common, err);

    o->work.est.options.design = DS_INFO_UNIFORM;
    if (st == DS_OK)
        st = ds__info_ask(&o->work, j, &o->common, &o->ask, err);
    return st == DS_OK ? ds__info_ready(&o->work, j, &o->common, err) : st;
}

static ds_status keep_curves(curve_job *o, ds_job *j, curve *all, ds_error *err)
{
    info_work *w = &o->work;
    json_t *curves = json_object();
    char *svg = NULL;
    ds_status st = ds__result_set(j->result, "curves", curves, err);

    for (int64_t i = 0; st == DS_OK && i < w->questions.count; i++) {
        all[i].bins = (int)o->bins;
        st = read_curve(&all[i], w, i, err);
        json_object_set_new(curves, w->questions.question[i].key, curve_json(&all[i]));
    }
    if (st == DS_OK)
        st = keep_csv(w, all, j->result, err);
    if (st == DS_OK)
        st = draw(&svg, w, all, err);
    if (st == DS_OK)
        st = ds__info_keep_removal(j, o->ask.removal, err);
    if (st == DS_OK)
        st = ds__info_keep(w, j, &o->common, svg, err);
    ds_free(svg);
    return st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    curve_job *o = options;
    curve *all = NULL;
    ds_status st = ds__info_measure(&o->work, j, &o->common, err);

    if (st == DS_OK) {
        all = ds_calloc((size_t)o->work.questions.count, sizeof *all);
        st = all != NULL ? keep_curves(o, j, all, err)
                         : ds_fail(err, DS_E_NOMEM, "no memory for the curves");
    }
    ds_free(all);
    return st;
}

static void clear(void *options)
{
    ds__info_work_clear(&((curve_job *)options)->work);
}

static const ds_option rows[] = {
    { .name = "bins",
      .kind = DS_OPTION_INT,
      .offset = offsetof(curve_job, bins),
      .arg = "N",
      .standard = "24",
      .min = 2,
      .max = MOST_BINS,
      .help = "points of the curve" },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(curve_job, ask), .block = ds__info_ask_rows },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(curve_job, common), .block = ds__info_rows },
    { 0 },
};

const ds_method ds__method_info_curve = {
    .name = "info-curve",
    .purpose = "at which noise levels a word tells something",
    .paper = "Kong et al., arXiv:2310.07972",
    .description = "The integrand of the information by log-SNR, both forms, with standard errors: "
                   "curve.csv, result.json, and a chart in the report. Log-SNRs are drawn evenly; "
                   "--nodes says how densely.",
    .example = "diffuscope info curve -m sd15 --image cat.png --prompt \"a cat on a mat\" "
               "--word cat --nodes 16 --out run",
    .results = "curves: {KEY: {logsnr, i_o, i_o_se, i_s, i_s_se}}, nats per unit of log-SNR\n"
               "questions, i_o, i_s, optimality_gap, estimate: as of info",
    .options = rows,
    .size = sizeof(curve_job),
    .fields = offsetof(curve_job, work),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};

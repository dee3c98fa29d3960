/* cmd_info_curve.c - `diffuscope info curve`: the integrand of the information by log-SNR, that is,
 * at which noise level a word matters. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/chart.h>

#include "commands.h"
#include "info_job.h"
#include "info_words.h"

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

static ds_info_value bin_value(const cell *c, int64_t replicates)
{
    ds_info_value v = { 0, NAN, NAN, NAN };
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

static ds_status read_curve(curve *c, const info_job *j, int64_t question, ds_error *err)
{
    const ds_info_status s = ds_info_describe(j->info);
    int64_t replicates = j->est.options.replicates;
    cell *cells = ds_calloc((size_t)(c->bins * replicates), sizeof *cells);

    if (cells == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a curve");
    for (int f = 0; f < 2; f++) {
        memset(cells, 0, (size_t)(c->bins * replicates) * sizeof *cells);
        for (int64_t i = 0; i < ds_info_draw_count(j->info); i++) {
            ds_info_draw d = ds_info_draw_at(j->info, i);
            int64_t bin = (int64_t)((d.logsnr - s.low) / (s.high - s.low) * c->bins);
            cell *at;

            bin = bin < 0 ? 0 : bin >= c->bins ? c->bins - 1 : bin;
            at = &cells[bin * replicates + d.replicate % replicates];
            at->sum += ds_info_integrand(j->info, i, question, (ds_info_form)f);
            at->draws++;
        }
        for (int b = 0; b < c->bins; b++) {
            ds_info_value v = bin_value(cells + b * replicates, replicates);

            c->at[b] = s.low + (s.high - s.low) * (b + 0.5) / c->bins;
            c->value[f][b] = v.value;
            c->se[f][b] = v.se;
        }
    }
    ds_free(cells);
    return DS_OK;
}

/* ---- outputs --------------------------------------------------------------------------------- */

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *curve_json(const curve *c)
{
    static const char *const name[] = { "i_o", "i_o_se", "i_s", "i_s_se" };
    const double *column[] = { c->value[0], c->se[0], c->value[1], c->se[1] };
    json_t *root = json_object();

    for (int k = -1; k < 4; k++) {
        json_t *list = json_array();

        for (int b = 0; b < c->bins; b++)
            json_array_append_new(list, number(k < 0 ? c->at[b] : column[k][b]));
        json_object_set_new(root, k < 0 ? "logsnr" : name[k], list);
    }
    return root;
}

static ds_status save_csv(const info_job *j, const curve *all, ds_error *err)
{
    const char *dir = opt_text(j->args, "out");
    char path[4096];
    FILE *f;
    ds_status st;

    if (dir == NULL)
        return DS_OK;
    st = run_folder_make(dir, err);
    if (st == DS_OK)
        st = run_folder_file(path, sizeof path, dir, "curve.csv", err);
    f = st == DS_OK ? fopen(path, "w") : NULL;
    if (f == NULL)
        return st == DS_OK ? ds_fail(err, DS_E_IO, "%s: cannot be written", path) : st;
    fprintf(f, "key,kind,logsnr,i_o,i_o_se,i_s,i_s_se\n");
    for (int64_t i = 0; i < j->questions.count; i++)
        for (int b = 0; b < all[i].bins; b++)
            fprintf(f, "%s,%s,%.6g,%.8g,%.3g,%.8g,%.3g\n", j->questions.question[i].key,
                    j->questions.question[i].kind, all[i].at[b], all[i].value[0][b],
                    all[i].se[0][b], all[i].value[1][b], all[i].se[1][b]);
    return fclose(f) == 0 ? DS_OK : ds_fail(err, DS_E_IO, "%s: cannot be written", path);
}

/* i_o of all questions; bins without draws are left out. */
static ds_status draw(char **svg, const info_job *j, const curve *all, ds_error *err)
{
    int64_t n = j->questions.count;
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
            (ds_series){ j->questions.question[i].key, DS_SERIES_CURVE, m, x, y, low, high };
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

/* ---- the command ----------------------------------------------------------------------------- */

static ds_status report_curves(info_job *j, curve *all, ds_error *err)
{
    json_t *result, *curves = json_object();
    char *svg = NULL;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < j->questions.count; i++) {
        all[i].bins = (int)opt_int(j->args, "bins");
        st = read_curve(&all[i], j, i, err);
        json_object_set_new(curves, j->questions.question[i].key, curve_json(&all[i]));
    }
    if (st == DS_OK)
        st = save_csv(j, all, err);
    if (st == DS_OK)
        st = draw(&svg, j, all, err);
    if (st == DS_OK) {
        result = info_job_json(j);
        json_object_set_new(result, "curves", curves);
        st = info_job_save(j, result, svg, err);
    } else {
        json_decref(curves);
    }
    ds_free(svg);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    info_job j;
    curve *all = NULL;
    ds_status st = info_job_begin(&j, a, err);

    j.est.options.design = DS_INFO_UNIFORM;
    if (st == DS_OK)
        st = info_ask(&j, err);
    if (st == DS_OK)
        st = info_job_measure(&j, err);
    if (st == DS_OK) {
        all = ds_calloc((size_t)j.questions.count, sizeof *all);
        st = all != NULL ? report_curves(&j, all, err)
                         : ds_fail(err, DS_E_NOMEM, "no memory for the curves");
    }
    ds_free(all);
    info_job_free(&j);
    return st;
}

static const ds_opt options[] = {
    { "bins", 0, OPT_INT, "N", "24", 2, MOST_BINS, "points of the curve", NULL, false },
    WORD_OPTIONS,
    INFO_OPTIONS,
    PICTURE_OPTIONS,
    ESTIMATE_OPTIONS,
    { 0 },
};

const ds_command cmd_info_curve = {
    .name = "info-curve",
    .purpose = "at which noise levels a word tells something",
    .description = "The integrand of the information by log-SNR, both forms, with standard errors: "
                   "curve.csv, result.json, and a chart in the report. Log-SNRs are drawn evenly; "
                   "--nodes says how densely.",
    .example = "diffuscope info curve -m sd15 --image cat.png --prompt \"a cat on a mat\" "
               "--word cat --nodes 16 --out run",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS,
    .run = run,
};

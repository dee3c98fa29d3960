/* cmd_pid_bias.c - `diffuscope pid bias`: occupations ranked by how much of one attribute or the
 * other they already say. */

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/stats.h>

#include "commands.h"
#include "pid_bias.h"
#include "report.h"

#define MOST_OCCUPATIONS 1024

static const ds_option options[] = {
    PID_BIAS_OPTIONS,
    { .name = "attributes",
      .kind = DS_OPTION_WORDS,
      .arg = "A B",
      .required = true,
      .help = "the two attributes; the gap is that of A less that of B" },
    { .name = "occupations",
      .kind = DS_OPTION_WORDS,
      .arg = "WORD...",
      .help = "occupations; one with a blank inside in quotes" },
    { .name = "occupations-file",
      .kind = DS_OPTION_TEXT,
      .arg = "FILE",
      .help = "more occupations, one in a line" },
    { .name = "truth",
      .kind = DS_OPTION_TEXT,
      .arg = "FILE",
      .help = "numbers to correlate the gaps with, such as labour statistics: lines of an "
              "occupation and a number, or a JSON object" },
    PICTURE_DRAWN_OPTIONS,
    PID_QUESTION_OPTIONS,
    ESTIMATE_OPTIONS,
    { 0 },
};

typedef struct occupations {
    const char *name[MOST_OCCUPATIONS];
    int64_t count;
    char *text; /* of the file */
} occupations;

/* ---- lists ----------------------------------------------------------------------------------- */

static ds_status add_name(occupations *o, const char *name, ds_error *err)
{
    if (o->count == MOST_OCCUPATIONS)
        return ds_fail(err, DS_E_ARG, "expected at most %d occupations", MOST_OCCUPATIONS);
    if (name[0] == '\0')
        return ds_fail(err, DS_E_ARG, "occupation %lld is empty", (long long)o->count + 1);
    o->name[o->count++] = name;
    return DS_OK;
}

static ds_status read_whole(char **out, const char *path, ds_error *err)
{
    const size_t most = 1 << 20;
    FILE *f = fopen(path, "r");
    size_t n;

    *out = ds_calloc(most + 1, 1);
    if (*out == NULL || f == NULL) {
        if (f != NULL)
            fclose(f);
        ds_fail(err, *out == NULL ? DS_E_NOMEM : DS_E_IO, "%s cannot be read", path);
        return ds_fail_at(err, *out == NULL ? DS_E_NOMEM : DS_E_IO, path, -1);
    }
    n = fread(*out, 1, most, f);
    fclose(f);
    if (n == most || strlen(*out) != n)
        return ds_fail(err, DS_E_FORMAT, "%s: expected a text of less than a megabyte", path);
    return DS_OK;
}

static ds_status collect(occupations *o, const ds_args *a, ds_error *err)
{
    const char *path = opt_text(a, "occupations-file");
    int count;
    const char *const *given = opt_texts(a, "occupations", &count);
    char *rest;
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < count; i++)
        st = add_name(o, given[i], err);
    if (st == DS_OK && path != NULL)
        st = read_whole(&o->text, path, err);
    if (st == DS_OK && path != NULL)
        for (char *w = strtok_r(o->text, "\r\n", &rest); st == DS_OK && w != NULL;
             w = strtok_r(NULL, "\r\n", &rest))
            st = add_name(o, w, err);
    if (st == DS_OK && o->count == 0)
        st = ds_fail(err, DS_E_ARG, "--occupations or --occupations-file is needed");
    return st;
}

/* ---- results --------------------------------------------------------------------------------- */

/* Numbers of the rows by falling gap. */
static void rank(int64_t *order, const bias_row *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t k = i;

        for (; k > 0 && row[order[k - 1]].gap[BIAS_R_IMAGE].value < row[i].gap[BIAS_R_IMAGE].value;
             k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
}

/* The paper's scale: R of all pairs mapped to [0,1]. Depends on the list. */
static void normalise(double *low, double *high, const bias_row *row, int64_t n)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < 2; k++) {
            *low = fmin(*low, row[i].of[k][BIAS_R_IMAGE].value);
            *high = fmax(*high, row[i].of[k][BIAS_R_IMAGE].value);
        }
}

static json_t *row_json(const bias_row *row, const char *const attribute[2], double low,
                        double high)
{
    json_t *o =
        json_pack("{s:s, s:b}", "occupation", row->occupation, "prior_dominated", row->dominated);

    for (int k = 0; k < 2; k++) {
        json_t *of = bias_numbers_json(row->of[k]);

        json_object_set_new(of, "R_normalised",
                            pid_real((row->of[k][BIAS_R_IMAGE].value - low) / (high - low)));
        json_object_set_new(o, attribute[k], of);
    }
    json_object_set_new(o, "gap", bias_numbers_json(row->gap));
    json_object_set_new(o, "gap_where_drawn",
                        json_pack("{s:o, s:o}", attribute[0], bias_numbers_json(row->drawn[0]),
                                  attribute[1], bias_numbers_json(row->drawn[1])));
    json_object_set_new(o, "share", bias_numbers_json(row->share));
    return o;
}

/* Rank correlations of the gaps, or of the shares, with the truth. */
static ds_status correlate(const pid_job *j, json_t *to, const bias_row *row, int64_t n,
                           bool shares, const double *truth, ds_error *err)
{
    ds_value r[BIAS_NUMBERS];
    json_t *all = json_object();
    ds_status st = bias_correlate(r, row, n, shares, truth, err);

    for (int k = 0; st == DS_OK && k < BIAS_NUMBERS; k++) {
        json_object_set_new(all, bias_names[k],
                            json_pack("{s:o, s:o, s:o}", "spearman", pid_real(r[k].value), "low",
                                      pid_real(r[k].low), "high", pid_real(r[k].high)));
        if (!opt_flag(j->args, "json"))
            printf("rank correlation of the %s %s with the truth: %.3f [%.3f, %.3f]\n",
                   shares ? "share by" : "gap in", bias_names[k], r[k].value, r[k].low, r[k].high);
    }
    json_object_set_new(to, shares ? "share" : "gap", all);
    return st;
}

/* What --truth has numbers for. */
static ds_status compare(pid_job *j, const bias_row *row, int64_t n, ds_error *err)
{
    double truth[MOST_OCCUPATIONS];
    bias_row *known = ds_calloc((size_t)n, sizeof *known);
    json_t *numbers = NULL, *all = json_object();
    int64_t count = 0;
    ds_status st = known != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a correlation");

    if (st == DS_OK)
        st = pid_word_numbers(&numbers, opt_text(j->args, "truth"), err);
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        const json_t *value = json_object_get(numbers, row[i].occupation);

        if (value == NULL)
            continue;
        truth[count] = json_number_value(value);
        known[count++] = row[i];
    }
    if (st == DS_OK)
        st = correlate(j, all, known, count, false, truth, err);
    if (st == DS_OK && opt_choice(j->args, "picture-of") == BIAS_OF_ALL)
        st = correlate(j, all, known, count, true, truth, err);
    json_decref(numbers);
    ds_free(known);
    json_object_set_new(all, "occupations", json_integer(count));
    return st == DS_OK ? pid_result(j, "truth", all, err) : (json_decref(all), st);
}

static ds_status draw(pid_job *j, const bias_row *row, const int64_t *order, int64_t n,
                      const char *const attribute[2], ds_error *err)
{
    double y[MOST_OCCUPATIONS], low[MOST_OCCUPATIONS], high[MOST_OCCUPATIONS];
    const char *names[MOST_OCCUPATIONS];
    const ds_series bars = { NULL, DS_SERIES_BARS, n, NULL, y, low, high };
    ds_chart chart = DS_CHART_INIT;
    char label[160], *svg = NULL;
    ds_status st;

    for (int64_t i = 0; i < n; i++) {
        const ds_value v = row[order[i]].gap[BIAS_R_IMAGE];
        double e = isfinite(v.se) ? 2 * v.se : 0;

        names[i] = row[order[i]].occupation;
        y[i] = v.value;
        low[i] = v.value - e;
        high[i] = v.value + e;
    }
    snprintf(label, sizeof label, "R(%.40s) - R(%.40s), nats", attribute[0], attribute[1]);
    chart.title = "What the occupation already says";
    chart.x.names = names;
    chart.y.label = label;
    chart.series = &bars;
    chart.count = 1;
    chart.sideways = true;
    chart.height = fmax(240, 90 + 22 * (double)n);
    st = ds_chart_svg(&svg, &chart, err);
    if (st == DS_OK)
        st = pid_chart(j, svg, "bias.svg",
                       "Redundancy of attribute and occupation, first attribute less second. Error "
                       "bars: 2 standard errors.",
                       err);
    ds_free(svg);
    return st;
}

static ds_status report(pid_job *j, const bias_row *row, int64_t n, const char *const attribute[2],
                        ds_error *err)
{
    int64_t order[MOST_OCCUPATIONS];
    json_t *rows = json_array();
    double low, high;
    char x[64], y[64];
    ds_status st;

    rank(order, row, n);
    normalise(&low, &high, row, n);
    for (int64_t i = 0; i < n; i++) {
        const bias_row *r = &row[order[i]];

        json_array_append_new(rows, row_json(r, attribute, low, high));
        if (opt_flag(j->args, "json"))
            continue;
        if (isfinite(r->share[BIAS_R_IMAGE].value))
            printf("%-20s share by R %-20s by information %s\n", r->occupation,
                   pid_number(x, sizeof x, r->share[BIAS_R_IMAGE].value, r->share[BIAS_R_IMAGE].se),
                   pid_number(y, sizeof y, r->share[BIAS_MI].value, r->share[BIAS_MI].se));
        printf("%-20s gap of R %-20s gap of information %s nats%s\n", r->occupation,
               pid_number(x, sizeof x, r->gap[BIAS_R_IMAGE].value, r->gap[BIAS_R_IMAGE].se),
               pid_number(y, sizeof y, r->gap[BIAS_MI].value, r->gap[BIAS_MI].se),
               r->dominated ? "; prior dominated" : "");
    }
    st = pid_result(j, "occupations", rows, err);
    if (st == DS_OK)
        st = pid_result(j, "attributes", json_pack("[s,s]", attribute[0], attribute[1]), err);
    if (st == DS_OK)
        st = pid_result(j, "template", json_string(opt_text(j->args, "template")), err);
    if (st == DS_OK)
        st = pid_result(j, "seed", json_integer((json_int_t)opt_seed(j->args, "seed")), err);
    if (st == DS_OK && opt_text(j->args, "truth") != NULL)
        st = compare(j, row, n, err);
    if (st == DS_OK)
        st = draw(j, row, order, n, attribute, err);
    return st == DS_OK ? pid_finish(j, err) : st;
}

static ds_status run_job(pid_job *j, const occupations *o, const char *const attribute[2],
                         ds_error *err)
{
    bias_row *row = ds_calloc((size_t)o->count, sizeof *row);
    ds_status st = row != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for the answers");

    if (st == DS_OK && j->question.redundancy == DS_REDUNDANCY_IMIN)
        st = ds_fail(err, DS_E_ARG, "imin needs vocabularies of two words: use pid");
    if (st == DS_OK)
        st = pid_bias_rows(j, row, o->name, o->count, attribute, &j->question, 1, err);
    if (st == DS_OK)
        st = report(j, row, o->count, attribute, err);
    ds_free(row);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    int count;
    const char *const *attribute = opt_texts(a, "attributes", &count);
    occupations *o = ds_calloc(1, sizeof *o);
    pid_job j = { .args = a };
    char *sample = NULL;
    ds_status st = o != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a list");

    if (st == DS_OK && count != 2)
        st = ds_fail(err, DS_E_ARG, "--attributes: expected two, found %d", count);
    if (st == DS_OK)
        st = pid_fill(&sample, opt_text(a, "template"), "", "", err);
    if (st == DS_OK)
        st = collect(o, a, err);
    if (st == DS_OK)
        st = pid_job_open(&j, a, "diffuscope pid bias", err);
    if (st == DS_OK)
        st = run_job(&j, o, attribute, err);
    pid_job_close(&j);
    if (o != NULL)
        ds_free(o->text);
    ds_free(o);
    ds_free(sample);
    return st;
}

const ds_command cmd_pid_bias = {
    .name = "pid-bias",
    .purpose = "occupations ranked by the attribute that they already imply",
    .description =
        "For each occupation, pictures are drawn from the template without an attribute, and the "
        "redundancy of the occupation with either attribute is measured on them: what the "
        "attribute "
        "would say and the occupation has said already. The gap between the attributes is ranked, "
        "in nats, with its standard error over pictures; the gap of the attributes' plain "
        "informations stands beside it. Compare them: where the prior dominates, R is nothing but "
        "the information of the more probable word. A gap also holds what the network thinks of "
        "the occupation itself; --picture-of all measures it on pictures drawn with either "
        "attribute too, and tells which share of the way from the second to the first the "
        "occupation's own pictures lie: an estimate of the first attribute's share of them.",
    .example = "diffuscope pid bias -m sd15 --template \"a {attribute} {occupation}\" "
               "--attributes female male --occupations nurse welder --pictures 16 --out bias",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS,
    .run = run,
};

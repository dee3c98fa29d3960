/* bias_method.c - `pid bias`: occupations ranked by how much of one attribute or the other they
 * already say. */

#include <math.h>
#include <string.h>

#include <diffuscope/chart.h>

#include "base/file.h"
#include "methods/methods.h"
#include "methods/pid/word_numbers.h"
#include "stats/student.h"
#include "studies/pid/bias.h"

#define MOST_OCCUPATIONS 1024

typedef struct occupations {
    const char **name; /* [MOST_OCCUPATIONS] */
    int64_t count;
    char *text; /* of the file */
} occupations;

typedef struct bias_job {
    bias_options bias;
    ds_texts attributes, occupations;
    const char *file, *truth;
    draw_options drawing;
    pid_query query;
    estimate_options estimate;
    struct occupations list;
    json_t *known;  /* {"occupation": number} of the truth; NULL: none was given */
    bias_row *row;  /* [list.count] */
    int64_t *order; /* [list.count]: rows by falling gap */
    pid_work work;
    bias_study study;
} bias_job;

/* ---- checks ----------------------------------------------------------------------------------- */

static ds_status add_name(occupations *o, const char *name, ds_error *err)
{
    if (o->count == MOST_OCCUPATIONS)
        return ds_fail(err, DS_E_ARG, "expected at most %d occupations", MOST_OCCUPATIONS);
    if (name[0] == '\0')
        return ds_fail(err, DS_E_ARG, "occupation %lld is empty", (long long)o->count + 1);
    o->name[o->count++] = name;
    return DS_OK;
}

static ds_status add_file(occupations *o, const char *path, ds_error *err)
{
    char *rest, *name;
    size_t size;
    ds_status st = ds__file_read(&o->text, &size, path, (size_t)1 << 20, err);

    if (st == DS_OK && strlen(o->text) != size)
        st = ds_fail(err, DS_E_FORMAT, "%s: expected a text", path);
    name = st == DS_OK ? strtok_r(o->text, "\r\n", &rest) : NULL;
    for (; st == DS_OK && name != NULL; name = strtok_r(NULL, "\r\n", &rest))
        st = add_name(o, name, err);
    return st;
}

static ds_status collect(bias_job *o, const ds_job *j, ds_error *err)
{
    ds_status st = DS_OK;

    o->list.name = ds_calloc(MOST_OCCUPATIONS, sizeof *o->list.name);
    if (o->list.name == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list");
    for (int64_t i = 0; st == DS_OK && i < o->occupations.count; i++)
        st = add_name(&o->list, o->occupations.text[i], err);
    if (st == DS_OK && o->file != NULL)
        st = add_file(&o->list, o->file, err);
    if (st == DS_OK && o->list.count == 0)
        st = ds_fail(err, DS_E_ARG, "%s or %s is needed", ds__job_name(j, "occupations"),
                     ds__job_name(j, "occupations-file"));
    return st;
}

static ds_status check_words(bias_job *o, ds_job *j, ds_error *err)
{
    ds_status st;

    if (o->attributes.count != 2)
        return ds_fail(err, DS_E_ARG, "%s: expected two, found %lld", ds__job_name(j, "attributes"),
                       (long long)o->attributes.count);
    st = collect(o, j, err);
    for (int64_t i = 0; st == DS_OK && i < o->list.count; i++)
        st = ds__job_warn_of_prompt(j, o->list.name[i], err);
    for (int64_t i = 0; st == DS_OK && i < o->attributes.count; i++)
        st = ds__job_warn_of_prompt(j, o->attributes.text[i], err);
    if (st == DS_OK && o->truth != NULL)
        st = ds__word_numbers(&o->known, o->truth, err);
    return st;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    bias_job *o = options;
    ds_status st = check_words(o, j, err);

    if (st == DS_OK && o->estimate.state != NULL)
        st = ds_fail(err, DS_E_ARG, "%s is the file of one picture; there are several here",
                     ds__job_name(j, "state"));
    if (st == DS_OK)
        st = ds__pid_check(&o->work, j, "What an occupation already says of an attribute",
                           &o->query, &o->estimate, o->drawing.seed, err);
    if (st == DS_OK)
        st = ds__pid_refuse_imin(&o->work, err);
    if (st == DS_OK)
        st = ds__draw_check(j, &o->drawing, err);
    if (st != DS_OK)
        return st;
    o->study = (bias_study){ .work = &o->work,
                             .options = &o->bias,
                             .drawing = &o->drawing,
                             .attribute = { o->attributes.text[0], o->attributes.text[1] },
                             .question = &o->work.question,
                             .questions = 1 };
    return ds__bias_check(&o->study, o->list.name, o->list.count, err);
}

/* ---- the work --------------------------------------------------------------------------------- */

/* By falling gap. */
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

static ds_status measure(bias_job *o, ds_job *j, ds_error *err)
{
    const int64_t n = o->list.count;
    ds_status st = DS_OK;

    o->row = ds_calloc((size_t)n, sizeof *o->row);
    o->order = ds_calloc((size_t)n, sizeof *o->order);
    if (o->row == NULL || o->order == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the answers");
    for (int64_t i = 0; st == DS_OK && i < n; i++)
        st = ds__bias_occupation(&o->study, &o->row[i], n, o->list.name[i], err);
    rank(o->order, o->row, n);
    return st == DS_OK ? ds__job_time(j, "measured", err) : st;
}

/* ---- numbers ---------------------------------------------------------------------------------- */

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

static json_t *row_json(const bias_row *row, const ds_texts *attribute, double low, double high)
{
    json_t *o =
        json_pack("{s:s, s:b}", "occupation", row->occupation, "prior_dominated", row->dominated);

    for (int k = 0; k < 2; k++) {
        json_t *of = ds__bias_numbers_json(row->of[k]);
        double r = (row->of[k][BIAS_R_IMAGE].value - low) / (high - low);

        json_object_set_new(of, "R_normalised", ds__json_real(r));
        json_object_set_new(o, attribute->text[k], of);
    }
    json_object_set_new(o, "gap", ds__bias_numbers_json(row->gap));
    json_object_set_new(o, "gap_where_drawn",
                        json_pack("{s:o, s:o}", attribute->text[0],
                                  ds__bias_numbers_json(row->drawn[0]), attribute->text[1],
                                  ds__bias_numbers_json(row->drawn[1])));
    json_object_set_new(o, "share", ds__bias_numbers_json(row->share));
    return o;
}

static void say_row(ds_result *to, const bias_row *r)
{
    if (isfinite(r->share[BIAS_R_IMAGE].value))
        ds__result_say(to, "%-20s share by R %-20s by information %s\n", r->occupation,
                       ds__pid_number(r->share[BIAS_R_IMAGE]).text,
                       ds__pid_number(r->share[BIAS_MI]).text);
    ds__result_say(to, "%-20s gap of R %-20s gap of information %s nats%s\n", r->occupation,
                   ds__pid_number(r->gap[BIAS_R_IMAGE]).text, ds__pid_number(r->gap[BIAS_MI]).text,
                   r->dominated ? "; prior dominated" : "");
}

static ds_status keep_rows(const bias_job *o, ds_result *r, ds_error *err)
{
    json_t *rows = json_array();
    double low, high;

    normalise(&low, &high, o->row, o->list.count);
    for (int64_t i = 0; i < o->list.count; i++) {
        const bias_row *row = &o->row[o->order[i]];

        json_array_append_new(rows, row_json(row, &o->attributes, low, high));
        say_row(r, row);
    }
    return ds__result_set(r, "occupations", rows, err);
}

/* gap and gap_se [occupations, numbers], in the order of result.json. */
static ds_status keep_gaps(const bias_job *o, ds_result *r, ds_error *err)
{
    const int64_t n = o->list.count;
    ds_tensor *gap = NULL, *se = NULL;
    ds_status st = ds__result_tensor(r, &gap, "gap", DS_DIMS(n, BIAS_NUMBERS), err);

    if (st == DS_OK)
        st = ds__result_tensor(r, &se, "gap_se", DS_DIMS(n, BIAS_NUMBERS), err);
    for (int64_t i = 0; st == DS_OK && i < n * BIAS_NUMBERS; i++) {
        const ds_value v = o->row[o->order[i / BIAS_NUMBERS]].gap[i % BIAS_NUMBERS];

        ((float *)gap->data)[i] = (float)v.value;
        ((float *)se->data)[i] = (float)v.se;
    }
    return st;
}

/* ---- beside the truth ------------------------------------------------------------------------- */

/* Rank correlations of the gaps, or of the shares, with the truth. */
static ds_status correlate(ds_result *to, json_t *all, const bias_row *row, int64_t n, bool shares,
                           const double *truth, ds_error *err)
{
    ds_value r[BIAS_NUMBERS];
    char text[DS_INTERVAL_TEXT];
    json_t *one = json_object();
    ds_status st = ds__bias_correlate(r, row, n, shares, truth, err);

    for (int k = 0; st == DS_OK && k < BIAS_NUMBERS; k++) {
        json_object_set_new(one, ds__bias_names[k],
                            json_pack("{s:o, s:o, s:o}", "spearman", ds__json_real(r[k].value),
                                      "low", ds__json_real(r[k].low), "high",
                                      ds__json_real(r[k].high)));
        ds__result_say(to, "rank correlation of the %s %s with the truth: %.3f %s\n",
                       shares ? "share by" : "gap in", ds__bias_names[k], r[k].value,
                       ds__interval_text(text, r[k]));
    }
    json_object_set_new(all, shares ? "share" : "gap", one);
    return st;
}

/* What there is a truth for. */
static ds_status compare(const bias_job *o, ds_result *r, ds_error *err)
{
    bias_row *known = ds_calloc((size_t)o->list.count, sizeof *known);
    double *truth = ds_calloc((size_t)o->list.count, sizeof *truth);
    json_t *all = json_object();
    int64_t count = 0;
    ds_status st = ds__result_set(r, "truth", all, err);

    if (st == DS_OK && (known == NULL || truth == NULL))
        st = ds_fail(err, DS_E_NOMEM, "no memory for a correlation");
    for (int64_t i = 0; st == DS_OK && i < o->list.count; i++) {
        const json_t *value = json_object_get(o->known, o->row[i].occupation);

        if (value == NULL)
            continue;
        truth[count] = json_number_value(value);
        known[count++] = o->row[i];
    }
    if (st == DS_OK)
        st = correlate(r, all, known, count, false, truth, err);
    if (st == DS_OK && o->bias.picture_of == BIAS_OF_ALL)
        st = correlate(r, all, known, count, true, truth, err);
    if (st == DS_OK)
        json_object_set_new(all, "occupations", json_integer(count));
    ds_free(known);
    ds_free(truth);
    return st;
}

/* ---- the chart -------------------------------------------------------------------------------- */

static ds_status draw_bars(const bias_job *o, double *y, const char **names, ds_error *err)
{
    const int64_t n = o->list.count;
    double *low = y + n, *high = low + n;
    const ds_series bars = { NULL, DS_SERIES_BARS, n, NULL, y, low, high };
    ds_chart chart = DS_CHART_INIT;
    char label[160], *svg;
    ds_status st;

    for (int64_t i = 0; i < n; i++) {
        const bias_row *row = &o->row[o->order[i]];
        const ds_value v = row->gap[BIAS_R_IMAGE];
        /* the error is the scatter of the pictures, or of one picture that of its estimate */
        const double t = o->bias.pictures > 1
                             ? ds__t_quantile(0.975, (double)(o->bias.pictures - 1))
                             : ds__normal_quantile(0.975);
        double e = isfinite(v.se) ? t * v.se : 0;

        names[i] = row->occupation;
        y[i] = v.value;
        low[i] = v.value - e;
        high[i] = v.value + e;
    }
    snprintf(label, sizeof label, "R(%.40s) - R(%.40s), nats", o->attributes.text[0],
             o->attributes.text[1]);
    chart.title = "What the occupation already says";
    chart.x.names = names;
    chart.y.label = label;
    chart.series = &bars;
    chart.count = 1;
    chart.sideways = true;
    chart.height = fmax(240, 90 + 22 * (double)n);
    st = ds_chart_svg(&svg, &chart, err);
    return st == DS_OK
               ? ds__pid_chart(
                     &o->work, "bias.svg", svg,
                     "Redundancy of attribute and occupation, first attribute "
                     "less second. Error bars: 95 %, by t where there are several pictures.",
                     err)
               : st;
}

static ds_status draw(const bias_job *o, ds_error *err)
{
    double *y = ds_calloc((size_t)(3 * o->list.count), sizeof *y);
    const char **names = ds_calloc((size_t)o->list.count, sizeof *names);
    ds_status st = y != NULL && names != NULL ? draw_bars(o, y, names, err)
                                              : ds_fail(err, DS_E_NOMEM, "no memory for a chart");

    ds_free(y);
    ds_free(names);
    return st;
}

/* ---- the method ------------------------------------------------------------------------------- */

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    bias_job *o = options;
    ds_result *r = j->result;
    ds_status st = measure(o, j, err);

    if (st == DS_OK)
        st = keep_rows(o, r, err);
    if (st == DS_OK)
        st = keep_gaps(o, r, err);
    if (st == DS_OK)
        st = ds__result_set(r, "attributes",
                            json_pack("[s,s]", o->attributes.text[0], o->attributes.text[1]), err);
    if (st == DS_OK)
        st = ds__result_set(r, "template", json_string(o->bias.pattern), err);
    if (st == DS_OK)
        st = ds__result_set(r, "seed", ds__json_seed(o->drawing.seed), err);
    if (st == DS_OK && o->known != NULL)
        st = compare(o, r, err);
    return st == DS_OK ? draw(o, err) : st;
}

static void clear(void *options)
{
    bias_job *o = options;

    ds__pid_work_clear(&o->work);
    json_decref(o->known);
    ds_free(o->row);
    ds_free(o->order);
    ds_free(o->list.name);
    ds_free(o->list.text);
}

static const ds_option rows[] = {
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(bias_job, bias), .block = ds__bias_rows },
    { .name = "attributes",
      .kind = DS_OPTION_WORDS,
      .offset = offsetof(bias_job, attributes),
      .arg = "A B",
      .required = true,
      .help = "the two attributes; the gap is that of A less that of B" },
    { .name = "occupations",
      .kind = DS_OPTION_WORDS,
      .offset = offsetof(bias_job, occupations),
      .arg = "WORD...",
      .help = "occupations; one with a blank inside in quotes" },
    { .name = "occupations-file",
      .kind = DS_OPTION_FILE,
      .offset = offsetof(bias_job, file),
      .arg = "FILE",
      .help = "more occupations, one in a line" },
    { .name = "truth",
      .kind = DS_OPTION_FILE,
      .offset = offsetof(bias_job, truth),
      .arg = "FILE",
      .help = "numbers to correlate the gaps with, such as labour statistics: lines of an "
              "occupation and a number, or a JSON object" },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(bias_job, drawing), .block = ds__draw_rows },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(bias_job, query), .block = ds__pid_query_rows },
    { .kind = DS_OPTION_BLOCK,
      .offset = offsetof(bias_job, estimate),
      .block = ds__job_estimate_rows },
    { 0 },
};

const ds_method ds__method_pid_bias = {
    .name = "pid-bias",
    .purpose = "occupations ranked by the attribute that they already imply",
    .paper = "DiffusionPID, arXiv:2406.05191",
    .description =
        "For each occupation, pictures are drawn from the template without an attribute, and the "
        "redundancy of the occupation with either attribute is measured on them: what the "
        "attribute would say and the occupation has said already. The gap between the attributes "
        "is ranked, in nats, with its standard error over pictures; the gap of the attributes' "
        "plain informations stands beside it. Compare them: where the prior dominates, R is "
        "nothing but the information of the more probable word. A gap also holds what the network "
        "thinks of the occupation itself; --picture-of all measures it on pictures drawn with "
        "either attribute too, and tells how far the occupation's own pictures lie between those "
        "of the second attribute (0) and those of the first (1): an estimate of the first "
        "attribute's share of them.",
    .example = "diffuscope pid bias -m sd15 --template \"a {attribute} {occupation}\" "
               "--attributes female male --occupations nurse welder --pictures 16 --out bias",
    .results = "occupations: [{occupation, prior_dominated, ATTRIBUTE: {R_image, R_sum_of_pixels, "
               "mi, beside_occupation, R_normalised}, gap, gap_where_drawn, share}], by falling "
               "gap, nats with standard error\n"
               "truth: {gap, share}: rank correlations with 95 % interval, {occupations}\n"
               "attributes, template, seed: what was asked",
    .options = rows,
    .size = sizeof(bias_job),
    .fields = offsetof(bias_job, list),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};

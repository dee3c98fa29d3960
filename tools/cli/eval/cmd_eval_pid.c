/* cmd_eval_pid.c - `diffuscope eval pid`: decompositions against what is planted in the world. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "eval_pid.h"
#include "eval_pid_bias.h"
#include "report.h"
#include "scene_lines.h"

#define MOST_OCCUPATIONS 256

/* clang-format off */
static const ds_option options[] = {
    { .name = "homonyms", .kind = DS_OPTION_TEXT, .arg = "DIR", .help = "scenes of `diffuscope-world export --select homonym`: synergy with the settling word" },
    { .name = "synonyms", .kind = DS_OPTION_TEXT, .arg = "DIR", .help = "scenes of `diffuscope-world export --select single`: redundancy of synonyms" },
    { .name = "bias", .kind = DS_OPTION_TEXT, .arg = "DIR", .help = "any export, for its tables: redundancy of gender and occupation" },
    { .name = "scenes", .kind = DS_OPTION_INT, .arg = "N", .standard = "200", .min = 1, .max = 100000, .help = "most scenes of each set" },
    { .name = "attributes", .kind = DS_OPTION_WORDS, .arg = "A B", .help = "bias: words for woman and man; without it these" },
    { .name = "resume", .kind = DS_OPTION_FLAG, .help = "go on with the lines that the folder holds, under the same conditions" },
    PID_BIAS_OPTIONS,
    { .name = "joint", .kind = DS_OPTION_CHOICE, .choices = "words|and|prompt", .standard = "words", .help = "PID's text for both words" },
    { .name = "removal", .kind = DS_OPTION_CHOICE, .choices = "delete|underscore|neutral", .standard = "delete", .help = "CPID: what takes the place of a word that is left out" },
    PICTURE_DRAWN_OPTIONS,
    PID_QUESTION_OPTIONS,
    ESTIMATE_OPTIONS,
    { 0 },
};
/* clang-format on */

/* ---- bias ------------------------------------------------------------------------------------ */

typedef struct occupations {
    const char *name[MOST_OCCUPATIONS];
    double p_woman[MOST_OCCUPATIONS];
    int64_t count;
} occupations;

static ds_status read_occupations(occupations *o, const eval_world *w, ds_error *err)
{
    json_t *row;
    size_t i;

    json_array_foreach (json_object_get(w->tables, "occupations"), i, row) {
        const char *name = json_string_value(json_array_get(json_object_get(row, "names"), 0));
        const json_t *p = json_object_get(row, "p_woman");

        if (name == NULL || !json_is_number(p) || o->count == MOST_OCCUPATIONS)
            return ds_fail(err, DS_E_FORMAT, "world.json: occupation %zu: expected names, p_woman",
                           i + 1);
        o->name[o->count] = name;
        o->p_woman[o->count++] = json_number_value(p);
    }
    return o->count > 2 ? DS_OK : ds_fail(err, DS_E_FORMAT, "world.json has no occupations");
}

static json_t *row_json(const bias_row *row, double p_woman)
{
    return json_pack("{s:s, s:f, s:b, s:o, s:o}", "occupation", row->occupation, "p_woman", p_woman,
                     "prior_dominated", row->dominated, "gap", bias_numbers_json(row->gap), "share",
                     bias_numbers_json(row->share));
}

static ds_status draw(pid_job *j, const bias_row *row, const occupations *o, int question,
                      ds_error *err)
{
    double gap[MOST_OCCUPATIONS], low[MOST_OCCUPATIONS], high[MOST_OCCUPATIONS];
    const ds_series points = { NULL, DS_SERIES_POINTS, o->count, o->p_woman, gap, low, high };
    ds_chart chart = DS_CHART_INIT;
    char file[64], *svg = NULL;
    ds_status st;

    for (int64_t i = 0; i < o->count; i++) {
        const ds_value v = row[i].gap[BIAS_R_IMAGE];

        gap[i] = v.value;
        low[i] = v.value - (isfinite(v.se) ? v.se : 0);
        high[i] = v.value + (isfinite(v.se) ? v.se : 0);
    }
    chart.title = eval_question_name(question);
    chart.x.label = "planted P(woman)";
    chart.y.label = "gap of R, nats";
    chart.series = &points;
    chart.count = 1;
    st = ds_chart_svg(&svg, &chart, err);
    snprintf(file, sizeof file, "bias-%d.svg", question);
    if (st == DS_OK)
        st =
            pid_chart(j, svg, file, "One point for each occupation, with its standard error.", err);
    ds_free(svg);
    return st;
}

/* Of gaps or shares with P(woman). */
static ds_status correlate(const pid_job *j, json_t *to, const bias_row *row, const occupations *o,
                           bool shares, const char *question, ds_error *err)
{
    ds_value r[BIAS_NUMBERS];
    json_t *all = json_object();
    ds_status st = bias_correlate(r, row, o->count, shares, o->p_woman, err);

    for (int n = 0; st == DS_OK && n < BIAS_NUMBERS; n++)
        json_object_set_new(all, bias_names[n], eval_estimate_json(r[n]));
    json_object_set_new(to, shares ? "share" : "gap", all);
    if (st == DS_OK && !opt_flag(j->args, "json"))
        printf("bias, %-13s rank correlation with P(woman) of the %s R %.3f [%.3f, %.3f], "
               "sum of pixels %.3f, information %.3f, beside the occupation %.3f [%.3f, %.3f]\n",
               question, shares ? "share by" : "gap in", r[BIAS_R_IMAGE].value, r[BIAS_R_IMAGE].low,
               r[BIAS_R_IMAGE].high, r[BIAS_R_SUM].value, r[BIAS_MI].value, r[BIAS_BESIDE].value,
               r[BIAS_BESIDE].low, r[BIAS_BESIDE].high);
    return st;
}

static ds_status report_bias(pid_job *j, const bias_row *row, const occupations *o, ds_error *err)
{
    json_t *all = json_object();
    ds_status st = DS_OK;

    for (int q = 0; st == DS_OK && q < EVAL_QUESTIONS; q++) {
        const bias_row *of = row + q * o->count;
        json_t *one = json_object(), *rows = json_array();

        for (int64_t i = 0; i < o->count; i++)
            json_array_append_new(rows, row_json(&of[i], o->p_woman[i]));
        json_object_set_new(one, "occupations", rows);
        st = correlate(j, one, of, o, false, eval_question_name(q), err);
        if (st == DS_OK && opt_choice(j->args, "picture-of") == BIAS_OF_ALL)
            st = correlate(j, one, of, o, true, eval_question_name(q), err);
        json_object_set_new(all, eval_question_name(q), one);
        if (st == DS_OK)
            st = draw(j, of, o, q, err);
    }
    return st == DS_OK ? pid_result(j, "bias", all, err) : (json_decref(all), st);
}

/* What bias_numbers_json wrote. */
static void take_values(ds_value *v, const json_t *all)
{
    for (int n = 0; n < BIAS_NUMBERS; n++) {
        const json_t *one = json_object_get(all, bias_names[n]);

        v[n] = (ds_value){ pid_real_from(json_object_get(one, "value")),
                           pid_real_from(json_object_get(one, "se")), NAN, NAN, 0 };
    }
}

/* {"scene", "occupation", and for each question gaps, shares and whether the prior dominates}. */
static json_t *bias_line(const bias_row *row, int64_t number)
{
    json_t *line =
        json_pack("{s:I, s:s}", "scene", (json_int_t)number, "occupation", row->occupation);

    for (int q = 0; q < EVAL_QUESTIONS; q++)
        json_object_set_new(line, eval_question_name(q),
                            json_pack("{s:o, s:o, s:b}", "gaps", bias_numbers_json(row[q].gap),
                                      "shares", bias_numbers_json(row[q].share), "prior_dominated",
                                      row[q].dominated));
    return line;
}

static void take_bias_line(bias_row *row, int64_t stride, const char *occupation,
                           const json_t *line)
{
    for (int q = 0; q < EVAL_QUESTIONS; q++) {
        const json_t *one = json_object_get(line, eval_question_name(q));
        bias_row *to = &row[q * stride];

        to->occupation = occupation;
        to->dominated = json_is_true(json_object_get(one, "prior_dominated"));
        take_values(to->gap, json_object_get(one, "gaps"));
        take_values(to->share, json_object_get(one, "shares"));
    }
}

/* Each occupation's rows [questions, occupations], from the file or measured now. */
static ds_status bias_rows(pid_job *j, bias_row *row, const occupations *o,
                           const char *const attribute[2], const ds_pid_question *q, ds_error *err)
{
    scene_lines known;
    ds_status st = scene_lines_open(&known, opt_text(j->args, "out"), "occupations.jsonl", 17, err);

    for (int64_t i = 0; st == DS_OK && i < o->count; i++) {
        bias_row one[EVAL_QUESTIONS];

        if (scene_lines_find(&known, i) == NULL) {
            detail(j->args, "%lld of %lld: %s", (long long)i + 1, (long long)o->count, o->name[i]);
            st = pid_bias_occupation(j, one, 1, o->name[i], attribute, q, EVAL_QUESTIONS, err);
            if (st == DS_OK)
                st = scene_lines_add(&known, bias_line(one, i), err);
        }
        if (st == DS_OK)
            take_bias_line(row + i, o->count, o->name[i], scene_lines_find(&known, i));
    }
    return scene_lines_close(&known, st, err);
}

/* All occupations of the tables, whatever the number of scenes. */
static ds_status eval_bias(pid_job *j, const eval_world *w, int64_t most, ds_error *err)
{
    static const char *const genders[2] = { "woman", "man" };
    int count;
    const char *const *attribute = opt_texts(j->args, "attributes", &count);
    occupations o = { .count = 0 };
    ds_pid_question q[EVAL_QUESTIONS];
    bias_row *row = NULL;
    ds_status st = read_occupations(&o, w, err);

    (void)most;
    if (st == DS_OK && count != 0 && count != 2)
        st = ds_fail(err, DS_E_ARG, "--attributes: expected two, found %d", count);
    if (st == DS_OK && (row = ds_calloc((size_t)(EVAL_QUESTIONS * o.count), sizeof *row)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the answers");
    eval_questions(q, j->question.delta);
    if (st == DS_OK)
        st = bias_rows(j, row, &o, count == 2 ? attribute : genders, q, err);
    if (st == DS_OK)
        st = report_bias(j, row, &o, err);
    ds_free(row);
    return st;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Options that name a set of scenes, in the order in which they run. */
static const struct {
    const char *option;
    ds_status (*run)(pid_job *j, const eval_world *w, int64_t most, ds_error *err);
} sets[] = {
    { "homonyms", eval_homonyms },
    { "synonyms", eval_synonyms },
    { "bias", eval_bias },
};

static ds_status run_set(pid_job *j, size_t set, ds_error *err)
{
    const char *dir = opt_text(j->args, sets[set].option);
    int64_t most = opt_int(j->args, "scenes");
    eval_world w = { NULL };
    ds_status st;

    if (dir == NULL)
        return DS_OK;
    st = eval_world_open(&w, dir, err);
    if (st == DS_OK && most > (int64_t)json_array_size(w.scenes))
        most = (int64_t)json_array_size(w.scenes);
    if (st == DS_OK)
        st = sets[set].run(j, &w, most, err);
    eval_world_close(&w);
    return st;
}

/* Of each set the lines, and what they depend on. */
static ds_status begin_lines(const ds_args *a, ds_error *err)
{
    static const char *const files[] = { "homonyms.jsonl", "synonyms.jsonl", "occupations.jsonl",
                                         NULL };
    static const char *const conditions[] = {
        "model",           "compute",  "homonyms",   "synonyms",      "bias",      "attributes",
        "template",        "pictures", "picture-of", "given",         "joint",     "removal",
        "negative-prompt", "steps",    "cfg-scale",  "sampler",       "width",     "height",
        "redundancy",      "form",     "plain",      "delta",         "surprisal", "seed",
        "replicates",      "nodes",    "se",         "se-floor",      "max-calls", "pilot",
        "design",          "draws",    "exact-snr",  "no-antithetic", NULL
    };
    const char *dir = opt_text(a, "out");

    if (dir != NULL)
        return scene_lines_begin(a, dir, files, opt_flag(a, "resume"), conditions, err);
    return opt_flag(a, "resume") ? ds_fail(err, DS_E_ARG, "--resume needs the folder, --out")
                                 : DS_OK;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    pid_job j = { .args = a };
    bool any = false;
    ds_status st = DS_OK;

    for (size_t i = 0; i < DS_COUNT(sets); i++)
        any = any || opt_text(a, sets[i].option) != NULL;
    if (!any)
        st = ds_fail(err, DS_E_ARG, "--homonyms, --synonyms or --bias is needed");
    if (st == DS_OK && opt_text(a, "state") != NULL)
        st = ds_fail(err, DS_E_ARG, "--state is the file of one picture; there are several here");
    if (st == DS_OK)
        st = begin_lines(a, err);
    if (st == DS_OK)
        st = pid_job_open(&j, a, "diffuscope eval pid", err);
    for (size_t i = 0;
         st == DS_OK && !ds_cancel_requested(cancel_on_interrupt()) && i < DS_COUNT(sets); i++)
        st = run_set(&j, i, err);
    if (st == DS_OK)
        st = pid_finish(&j, err);
    pid_job_close(&j);
    return st;
}

const ds_command cmd_eval_pid = {
    .name = "eval-pid",
    .purpose = "decompositions against what is planted in the world",
    .description =
        "Every redundancy in both forms, on the same measurements. Homonyms: in how many scenes is "
        "the synergy of a homonym with the word that settles it above that with the article? "
        "Synonyms: how well does the redundancy of two names of the pictured thing tell them from "
        "one name and another thing's (area under the curve)? Bias: the rank correlation over "
        "occupations between the gap of redundancies, woman less man, on pictures that the model "
        "draws, and the planted probability.\n\n"
        "With --out, what is measured goes to homonyms.jsonl, synonyms.jsonl and "
        "occupations.jsonl at once, and --resume goes on where a run was ended.",
    .example = "diffuscope eval pid --homonyms H --synonyms S --bias S --out eval",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS,
    .run = run,
};

/* method.c - `audit`: an answer from tables of items. */

#include "studies/answer/answer.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "methods/methods.h"
#include "studies/answer/folder.h"

typedef struct audit_job {
    ds_texts tables;
    read_options read;
    answer_options answer;
    /* no options from here on */
    answer_table table;
    const char *by;
} audit_job;

#define AT(field) offsetof(audit_job, field)

static bool is_folder(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

/* One folder: its prompts are the conditions; several: they are. */
static ds_status read_folder(audit_job *o, const char *path, ds_error *err)
{
    int64_t n;
    ds_status st = ds__table_folder(&o->table, &n, o->tables.count > 1 ? path : NULL, path, err);

    o->by = o->tables.count > 1 ? "run" : "prompt";
    if (st == DS_OK && n == 0)
        st = ds_fail(err, DS_E_FORMAT,
                     "%s: expected a run of several pictures, whose table.csv has a column seed",
                     path);
    return st;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    audit_job *o = options;
    ds_status st = DS_OK;

    (void)j;
    for (int64_t i = 0; st == DS_OK && i < o->tables.count; i++)
        st = is_folder(o->tables.text[i])
                 ? read_folder(o, o->tables.text[i], err)
                 : ds__table_read(&o->table, &o->by, o->tables.text[i], &o->read, err);
    for (int64_t i = 0; st == DS_OK && i < o->read.labels.count; i++)
        st = ds__table_label(&o->table, o->read.labels.text[i], err);
    return st;
}

/* Of a sweep, what all of its items have: model, sampler, steps ... */
static void add_plan(json_t *to, const char *record)
{
    const char *end = strrchr(record, '/');
    char file[4300];
    json_t *result, *options;

    snprintf(file, sizeof file, "%.*sresult.json", end != NULL ? (int)(end + 1 - record) : 0,
             record);
    result = json_load_file(file, 0, NULL);
    options = json_object_get(json_object_get(result, "plan"), "options");
    if (options != NULL)
        json_object_set(to, "plan", options);
    json_decref(result);
}

/* What the run that left a table says of itself: command, model, plan; nothing where no record lies beside it. */
static void add_record(json_t *records, const char *path)
{
    const char *slash = strrchr(path, '/');
    char file[4200];
    json_t *record, *options, *model;

    if (is_folder(path))
        snprintf(file, sizeof file, "%.4000s/run.json", path);
    else
        snprintf(file, sizeof file, "%.*srun.json", slash != NULL ? (int)(slash + 1 - path) : 0,
                 path);
    record = json_load_file(file, 0, NULL);
    if (record == NULL)
        return;
    options = json_object_get(record, "options");
    model = json_object_get(record, "model");
    json_object_set_new(records, file,
                        json_pack("{s:s?, s:s?, s:s?, s:s?}", "command",
                                  json_string_value(json_object_get(record, "command")), "model",
                                  json_string_value(json_object_get(model, "path")), "model_sha256",
                                  json_string_value(json_object_get(model, "sha256")), "sampler",
                                  json_string_value(json_object_get(options, "sampler"))));
    add_plan(json_object_get(records, file), file);
    json_decref(record);
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    audit_job *o = options;
    json_t *from = json_object(), *files = json_array(), *records = json_object();
    answer_source source = { .what = o->by, .provenance = from };
    ds_status st;

    for (int64_t i = 0; i < o->tables.count; i++)
        json_array_append_new(files, json_string(o->tables.text[i]));
    for (int64_t i = 0; i < o->read.labels.count; i++)
        json_array_append_new(files, json_string(o->read.labels.text[i]));
    for (int64_t i = 0; i < o->tables.count; i++)
        add_record(records, o->tables.text[i]);
    json_object_set_new(from, "files", files);
    json_object_set_new(from, "records", records);
    json_object_set_new(from, "diffuscope", json_string(DS_VERSION));
    st = ds__answer_all(j, &o->table, &o->answer, &source, err);
    json_decref(from);
    return st;
}

static void clear(void *options)
{
    audit_job *o = options;

    ds__table_free(&o->table);
}

static const ds_option rows[] = {
    { .name = "tables",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(tables),
      .arg = "TABLE",
      .positional = true,
      .min = 1,
      .max = 1024,
      .help = "CSV with a row per item: columns seed and prompt, and where there are any item (its "
              "key), picture (a file beside the table), template, condition; all other columns of "
              "numbers are measures; or a run folder of several pictures, whose prompts are the "
              "conditions" },
    { .name = "labels",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(read.labels),
      .arg = "FILE",
      .help = "CSV with more numbers of the items, which its column item or picture names: a "
              "classifier's or a person's verdicts" },
    { .name = "by",
      .kind = DS_OPTION_TEXT,
      .offset = AT(read.by),
      .arg = "COLUMN",
      .help =
          "what a condition is; without it, the first of condition, model, prompt that there is" },
    { .name = "unit",
      .kind = DS_OPTION_TEXT,
      .offset = AT(read.unit),
      .arg = "COLUMN",
      .help = "what counts as one prompt; without it, template or prompt" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(answer), .block = ds__answer_rows },
    { 0 },
};

const ds_method ds__method_audit = {
    .name = "audit",
    .purpose = "what many prompts and seeds say together: means, differences, what could be seen",
    .description =
        "Sums up numbers of many items. Per condition: the mean with an interval that holds for "
        "other prompts, other seeds, or both. Between conditions: differences on the same prompts "
        "and seeds, with p corrected for their number, and the places that a ranking leaves open. "
        "A line says what differences a study of this size would have found. An audit card says "
        "what for, of whom, how measured, which harm, and what does not follow.\n\n"
        "Numbers come from the table, or from --labels: whoever looks at the pictures writes a "
        "CSV.\n\n"
        "The run folder holds report.html with a gallery, table.csv, means-N.svg, result.json, "
        "run.json.",
    .example = "diffuscope audit items.csv --labels verdicts.csv --measure woman --over seeds "
               "--purpose \"may the model illustrate job adverts?\" --out audit",
    .results =
        "by: what a condition is\n"
        "measures: [{name, conditions: [{condition, value, se, low, high, count, prompts, seeds, "
        "units, over, interval, rank: [low, high], truth}], differences: [{a, b, value, se, low, "
        "high, count, p, p_corrected, found}], paired, correction, compared, found, power: {text, "
        "chance, level, units, se, one, all}, intervals, few, truth: {covered, conditions, "
        "mean_distance, spearman}}]\n"
        "card: {purpose, population, metric, harm, limits, condition, numbers, provenance}",
    .options = rows,
    .size = sizeof(audit_job),
    .fields = AT(table),
    .parts = DS_JOB_FOLDER,
    .check = check,
    .run = run,
    .clear = clear,
};

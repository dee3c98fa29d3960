/* method.c - `sweep`: many items of one plan. See sweep.h. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>

#include "base/clock.h"
#include "base/file.h"
#include "job/files.h"
#include "job/folder.h"
#include "job/prompts.h"
#include "job/table.h"
#include "methods/methods.h"
#include "studies/sweep/sweep.h"

enum { KEEP_NUMBERS, KEEP_PICTURES }; /* in the order of the option's choices */
enum { CHECKED_ITEMS = 2000 };        /* of more, only the first and one in so many are checked */

typedef struct sweep_job {
    ds_texts files;
    const char *method, *prompts, *seeds, *by;
    ds_texts set;
    int keep;
    bool dry;
    lines_options lines;
    answer_options answer;
    /* no options from here on */
    sweep_plan plan;
    sweep_items items;
} sweep_job;

#define AT(field) offsetof(sweep_job, field)

/* Where the plan came from does not matter: each line has the key of its item. */
static const char *const not_of_items[] = { "plan",       "method",   "prompts",    "seeds",
                                            "set",        "by",       "keep",       "dry-run",
                                            "measure",    "baseline", "truth",      "over",
                                            "correction", "purpose",  "population", "metric",
                                            "harm",       "limits",   NULL };

/* ---- the plan ----------------------------------------------------------------------------------- */

/* The short form: --method, --prompts, --seeds, --set as a plan's JSON. */
static ds_status plan_of_options(json_t **out, const sweep_job *o, ds_error *err)
{
    json_t *each = json_object(), *options = json_object();
    prompt_list list = { 0 };
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < o->set.count; i++) {
        const char *text = o->set.text[i], *equals = strchr(text, '=');
        char name[80];

        if (equals == NULL || equals == text || equals - text >= (int)sizeof name) {
            st = ds_fail(err, DS_E_ARG, "set: expected NAME=VALUE, found \"%.100s\"", text);
            break;
        }
        snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
        json_object_set_new(options, name, json_string(equals + 1));
    }
    if (st == DS_OK && o->prompts != NULL) {
        json_t *texts = json_array();

        st = ds__prompts_add_file(&list, o->prompts, err);
        for (int64_t i = 0; i < list.count; i++)
            json_array_append_new(texts, json_string(list.text[i]));
        json_object_set_new(each, "prompt", texts);
        if (st == DS_OK && list.count == 0)
            st = ds_fail(err, DS_E_FORMAT, "%s: expected prompts, one a line", o->prompts);
    }
    if (st == DS_OK && o->seeds != NULL)
        json_object_set_new(each, "seed", json_string(o->seeds));
    if (st == DS_OK) {
        *out = json_pack("{s:s*, s:O, s:O}", "method", o->method, "options", options, "each", each);
        st = *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a plan");
    }
    ds__prompts_free(&list);
    json_decref(each);
    json_decref(options);
    return st;
}

static ds_status read_plan(sweep_job *o, ds_error *err)
{
    json_t *root = NULL;
    ds_status st = DS_OK;

    if (o->files.count == 1 && (o->prompts != NULL || o->seeds != NULL || o->set.count > 0))
        return ds_fail(err, DS_E_ARG,
                       "a plan holds its own prompts, seeds and options; give it alone, or none");
    if (o->files.count == 0 && (o->method == NULL || (o->prompts == NULL && o->seeds == NULL)))
        return ds_fail(err, DS_E_ARG,
                       "expected a PLAN, or --method NAME with --prompts FILE or --seeds A:B");
    if (o->files.count == 0)
        st = plan_of_options(&root, o, err);
    if (st == DS_OK)
        st = ds__plan_read(&o->plan, o->files.count == 1 ? o->files.text[0] : NULL, root, o->method,
                           ds__instrument_find, err);
    json_decref(root);
    if (st == DS_OK && o->by != NULL)
        o->plan.by = o->by;
    return st;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    sweep_job *o = options;
    ds_status st = read_plan(o, err);
    int64_t step;

    if (st == DS_OK && !o->dry && j->common.folder == NULL)
        st = ds_fail(err, DS_E_ARG, "%s DIR is needed", ds__job_name(j, "out"));
    if (st == DS_OK && !o->dry)
        st = ds__lines_check(j, &o->lines, not_of_items, err);
    o->items = (sweep_items){ .job = j, .plan = &o->plan, .pictures = o->keep == KEEP_PICTURES };
    step = o->plan.items / CHECKED_ITEMS + 1;
    for (int64_t k = 0; st == DS_OK && o->lines.merge.count == 0 && k < o->plan.items; k += step) {
        st = ds__sweep_check(&o->items, k, err);
        if (st == DS_OK)
            st = ds__job_progress(j, "checking items", k / step, o->plan.items / step, err);
    }
    return st;
}

/* ---- a dry run ---------------------------------------------------------------------------------- */

/* Runs one item and tells what all of them will take. */
static ds_status dry_run(ds_job *j, sweep_job *o, ds_error *err)
{
    const double start = ds__seconds();
    const int64_t parts = o->lines.part.parts > 0 ? o->lines.part.parts : 1;
    json_t *line = NULL;
    struct rusage use;
    double seconds, hours;
    ds_status st;

    o->items.pictures = false;
    st = ds__sweep_run(&o->items, o->plan.items / 2, &line, err);
    json_decref(line);
    if (st != DS_OK)
        return st;
    seconds = ds__seconds() - start;
    getrusage(RUSAGE_SELF, &use);
    hours = seconds * (double)o->plan.items / 3600;
    st =
        ds__result_set(j->result, "estimate",
                       json_pack("{s:I, s:f, s:f, s:f, s:I}", "items", (json_int_t)o->plan.items,
                                 "seconds_per_item", seconds, "hours", hours, "hours_per_part",
                                 hours / (double)parts, "memory", (json_int_t)use.ru_maxrss * 1024),
                       err);
    ds__result_say(
        j->result,
        "%lld items of %s; one of them, run: %.3g s, %.3g GB of memory\n"
        "all: %.3g hours on this machine with these threads; in %lld parts %.3g hours each\n",
        (long long)o->plan.items, o->plan.method->name, seconds, (double)use.ru_maxrss / (1 << 20),
        hours, (long long)parts, hours / (double)parts);
    return st;
}

/* ---- lines -------------------------------------------------------------------------------------- */

static json_int_t scene_of(const json_t *line)
{
    return json_integer_value(json_object_get(line, "scene"));
}

static const char *text_of(const json_t *line, const char *name)
{
    const char *text = json_string_value(json_object_get(line, name));

    return text != NULL ? text : "";
}

/* Lines of other items or other weights do not belong here. */
static ds_status check_lines(const sweep_job *o, const json_t *all, ds_error *err)
{
    json_t *line, *known = json_object();
    size_t i;
    ds_status st = DS_OK;

    json_array_foreach ((json_t *)all, i, line) {
        const int64_t k = scene_of(line);
        plan_item item = { 0 };
        char model[4096];
        const char *was;

        if (st != DS_OK)
            break;
        if (k < 0 || k >= o->plan.items) {
            st = ds_fail(err, DS_E_FORMAT, "there is a line of item %lld, the plan has %lld items",
                         (long long)k, (long long)o->plan.items);
            break;
        }
        st = ds__plan_item(&item, &o->plan, k, err);
        if (st == DS_OK && strcmp(item.key, text_of(line, "item")) != 0)
            st = ds_fail(err, DS_E_FORMAT,
                         "item %lld was made by another plan: its key is %.12s, expected %.12s",
                         (long long)k, text_of(line, "item"), item.key);
        if (st == DS_OK) {
            ds__plan_text(model, sizeof model, json_object_get(item.options, "model"));
            was = json_string_value(json_object_get(known, model));
            if (was == NULL)
                json_object_set_new(known, model, json_string(text_of(line, "weights")));
            else if (strcmp(was, text_of(line, "weights")) != 0)
                st = ds_fail(
                    err, DS_E_FORMAT,
                    "item %lld was made with other weights (%.12s) than the items before it "
                    "(%.12s); shards of two models do not belong together",
                    (long long)k, text_of(line, "weights"), was);
        }
        ds__plan_item_clear(&item);
    }
    json_decref(known);
    return st;
}

/* All items are there, or those of the part; else the first that are not are named. */
static ds_status check_all(const sweep_job *o, const study_lines *l, ds_error *err)
{
    const ds_part_of part = o->lines.part;
    char some[160] = "";
    int64_t missing = 0;

    for (int64_t k = 0; k < o->plan.items; k++) {
        if ((part.parts > 0 && k % part.parts != part.part) || ds__lines_find(l, k) != NULL)
            continue;
        if (missing++ < 8)
            snprintf(some + strlen(some), sizeof some - strlen(some), "%s%lld",
                     missing > 1 ? ", " : "", (long long)k);
    }
    return missing == 0
               ? DS_OK
               : ds_fail(err, DS_E_NOMATCH, "%lld of %lld items are in none of the folders: %s%s",
                         (long long)missing, (long long)o->plan.items, some,
                         missing > 8 ? ", ..." : "");
}

/* Pictures of the folders that are merged. */
static ds_status copy_pictures(ds_job *j, const sweep_job *o, const json_t *all, ds_error *err)
{
    json_t *line;
    size_t i;
    char from[4096] = "", to[4096];
    ds_status st = ds__run_file(to, sizeof to, j->common.folder, "pictures", err);

    json_array_foreach ((json_t *)all, i, line) {
        const char *name = text_of(line, "picture");
        char *data = NULL;
        size_t bytes;

        if (st != DS_OK || name[0] == '\0')
            continue;
        for (int64_t m = 0; m < o->lines.merge.count; m++) {
            st = ds__run_file(from, sizeof from, o->lines.merge.text[m], name, err);
            if (st == DS_OK && access(from, R_OK) == 0)
                break;
        }
        if (st == DS_OK)
            st = ds__run_file(to, sizeof to, j->common.folder, "pictures", err);
        if (st == DS_OK)
            st = ds_folder_make(to, err);
        if (st == DS_OK)
            st = ds__run_file(to, sizeof to, j->common.folder, name, err);
        if (st == DS_OK)
            st = ds__file_read(&data, &bytes, from, (size_t)1 << 30, err);
        if (st == DS_OK)
            st = ds__job_wrote(j, to, err);
        if (st == DS_OK)
            st = ds__file_write(to, data, bytes, err);
        ds_free(data);
    }
    return st;
}

/* ---- the answer --------------------------------------------------------------------------------- */

static void part_text(char *out, size_t size, const plan_item *item, const char *name)
{
    const json_t *value = json_object_get(item->labels, name);

    ds__plan_text(out, size, value != NULL ? value : json_object_get(item->options, name));
}

/* Object: name of a number -> [lowest, highest] over all items. */
static json_t *ranges_of(const json_t *all)
{
    json_t *out = json_object(), *line, *value;
    const char *name;
    size_t i;

    json_array_foreach ((json_t *)all, i, line)
        json_object_foreach (json_object_get(line, "numbers"), name, value) {
            const double x = json_number_value(value);
            json_t *range = json_object_get(out, name);

            if (range == NULL) {
                json_object_set_new(out, name, json_pack("[f, f]", x, x));
                continue;
            }
            json_real_set(json_array_get(range, 0),
                          fmin(x, json_real_value(json_array_get(range, 0))));
            json_real_set(json_array_get(range, 1),
                          fmax(x, json_real_value(json_array_get(range, 1))));
        }
    return out;
}

/* A number that is the same for all items is none of the answer: a count of calls, a size. */
static bool tells(const json_t *ranges, const char *name)
{
    const json_t *range = json_object_get(ranges, name);

    return json_real_value(json_array_get(range, 0)) != json_real_value(json_array_get(range, 1));
}

static bool is_asked(const sweep_job *o, const char *name)
{
    for (int64_t i = 0; i < o->answer.measure.count; i++)
        if (strcmp(o->answer.measure.text[i], name) == 0)
            return true;
    return false;
}

/* Rows of items.csv and of the answer, in the order of the items. */
static ds_status make_rows(ds_job *j, const sweep_job *o, const json_t *all, answer_table *t,
                           json_t *rows, ds_error *err)
{
    json_t *ranges = ranges_of(all);
    const char *by = ds__plan_condition(&o->plan), *name;
    json_t *line, *value;
    size_t i;
    ds_status st = DS_OK;

    json_array_foreach ((json_t *)all, i, line) {
        plan_item item = { 0 };
        char part[ANSWER_PARTS][1024], key[32], picture[4096] = "";
        const char *parts[ANSWER_PARTS] = { part[0], part[1], part[2] };

        if (st == DS_OK)
            st = ds__plan_item(&item, &o->plan, scene_of(line), err);
        if (st != DS_OK)
            break;
        part_text(part[ANSWER_CONDITION], sizeof part[0], &item, by);
        part_text(part[ANSWER_SEED], sizeof part[0], &item, "seed");
        ds__plan_text(part[ANSWER_PROMPT], sizeof part[0], item.unit);
        snprintf(key, sizeof key, "%lld", (long long)scene_of(line));
        if (text_of(line, "picture")[0] != '\0')
            st = ds__run_file(picture, sizeof picture, j->common.folder, text_of(line, "picture"),
                              err);
        if (st == DS_OK)
            st = ds__table_add(t, parts, key, picture[0] != '\0' ? picture : NULL, err);
        json_array_append_new(
            rows, json_pack("{s:s, s:s, s:s, s:s, s:s*}", "item", key, "condition",
                            part[ANSWER_CONDITION], "prompt", part[ANSWER_PROMPT], "seed",
                            part[ANSWER_SEED], "picture",
                            text_of(line, "picture")[0] != '\0' ? text_of(line, "picture") : NULL));
        json_object_foreach (json_object_get(line, "numbers"), name, value) {
            json_object_set(json_array_get(rows, i), name, value);
            if (st == DS_OK && (tells(ranges, name) || is_asked(o, name)))
                st = ds__table_set(t, (int64_t)i, name, json_number_value(value), err);
        }
        ds__plan_item_clear(&item);
    }
    json_decref(ranges);
    return st;
}

static ds_status answer(ds_job *j, const sweep_job *o, const json_t *all, ds_error *err)
{
    answer_table t = { 0 };
    json_t *rows = json_array(), *from = json_object();
    const answer_source source = { .what = ds__plan_condition(&o->plan),
                                   .provenance = from,
                                   .card = json_object_get(o->plan.root, "card"),
                                   .has_items = true };
    ds_status st = make_rows(j, o, all, &t, rows, err);

    json_object_set_new(from, "diffuscope", json_string(DS_VERSION));
    json_object_set_new(from, "method", json_string(o->plan.method->name));
    json_object_set_new(from, "items", json_integer((json_int_t)json_array_size(all)));
    if (json_array_size(all) > 0)
        json_object_set(from, "weights", json_object_get(json_array_get(all, 0), "weights"));
    if (st == DS_OK)
        st = ds__result_set(j->result, "plan", json_incref(o->plan.root), err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "items", json_integer(o->plan.items), err);
    if (st == DS_OK && t.measures > 0)
        st = ds__answer_all(j, &t, &o->answer, &source, err);
    if (st == DS_OK)
        st = ds__result_rows(j->result, "items.csv", json_incref(rows), err);
    if (st == DS_OK && t.measures == 0)
        ds__result_say(
            j->result,
            "%lld items of %s, which have no numbers: `audit items.csv --labels FILE` sums up "
            "what a judge says of the pictures\n",
            (long long)json_array_size(all), o->plan.method->name);
    json_decref(rows);
    json_decref(from);
    ds__table_free(&t);
    return st;
}

/* ---- all items ---------------------------------------------------------------------------------- */

static ds_status measure(void *user, int64_t k, json_t **line, ds_error *err)
{
    return ds__sweep_run(user, k, line, err);
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    sweep_job *o = options;
    study_lines l = { 0 };
    ds_status st;

    if (o->dry)
        return dry_run(j, o, err);
    st = ds__lines_open(&l, j, &o->lines, not_of_items, "items.jsonl", 17, err);
    if (st == DS_OK)
        st = check_lines(o, l.all, err);
    if (st == DS_OK)
        st = ds__lines_fill(&l, "items", NULL, 0, o->plan.items, measure, &o->items, err);
    if (st == DS_OK)
        st = check_all(o, &l, err);
    if (st == DS_OK && o->lines.merge.count > 0)
        st = copy_pictures(j, o, l.all, err);
    if (st == DS_OK)
        st = answer(j, o, l.all, err);
    return ds__lines_close(&l, st, err);
}

static void clear(void *options)
{
    sweep_job *o = options;

    ds__sweep_close(&o->items);
    ds__plan_clear(&o->plan);
}

static const ds_option rows[] = {
    { .name = "plan",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(files),
      .arg = "PLAN",
      .positional = true,
      .max = 1,
      .help = "JSON or CSV: method, options, and what each item has of its own (docs/sweeps.md)" },
    { .name = "method",
      .kind = DS_OPTION_TEXT,
      .offset = AT(method),
      .arg = "NAME",
      .help =
          "instrument that each item runs, such as generate, daam, info; without it, the plan's" },
    { .name = "prompts",
      .kind = DS_OPTION_FILE,
      .offset = AT(prompts),
      .arg = "FILE",
      .help = "prompts, one a line, for each seed" },
    { .name = "seeds",
      .kind = DS_OPTION_TEXT,
      .offset = AT(seeds),
      .arg = "A:B",
      .help = "seeds from A to B - 1, for each prompt" },
    { .name = "set",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(set),
      .arg = "NAME=VALUE",
      .help = "option of the instrument, for all items" },
    { .name = "by",
      .kind = DS_OPTION_TEXT,
      .offset = AT(by),
      .arg = "NAME",
      .help =
          "what a condition is: an option or label of the plan; without it the plan's, or what is "
          "neither prompt nor seed" },
    { .name = "keep",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(keep),
      .choices = "numbers|pictures",
      .standard = "pictures",
      .help = "what stays of each item: its numbers, or also its picture" },
    { .name = "dry-run",
      .kind = DS_OPTION_FLAG,
      .offset = AT(dry),
      .help = "run one item, and tell how many there are and what they take" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(lines), .block = ds__lines_rows },
    { .kind = DS_OPTION_BLOCK, .offset = AT(answer), .block = ds__answer_rows },
    { 0 },
};

const ds_method ds__method_sweep = {
    .name = "sweep",
    .purpose = "many prompts, seeds and models as one list, in parts, with an answer",
    .description =
        "Runs an instrument for each item of a plan. The list is the product of what the plan "
        "varies; each item has a key, by which parts are checked when they are merged. What an "
        "item "
        "gave is written at once (items.jsonl, pictures/), so a run that was ended goes on with "
        "--resume. --shard I/N runs every N-th item, --shard auto what the cluster's scheduler "
        "says; "
        "--merge joins the parts' folders to the result of one run.\n\n"
        "The answer is that of `audit`: means of conditions with intervals, differences, what "
        "could "
        "have been seen. The run folder holds items.csv, a row per item, for `audit` with labels "
        "of "
        "a judge.",
    .example =
        "diffuscope sweep --method daam --prompts prompts.txt --seeds 0:20 --set word=cat --out "
        "sweep",
    .results = "items: how many\n"
               "plan: as it was given\n"
               "estimate: of --dry-run: {items, seconds_per_item, hours, hours_per_part, memory}\n"
               "by, measures, card: as of `audit`",
    .options = rows,
    .size = sizeof(sweep_job),
    .fields = AT(plan),
    .parts = DS_JOB_FOLDER | DS_JOB_THREADS,
    .check = check,
    .run = run,
    .clear = clear,
};

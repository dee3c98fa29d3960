/* cmd_replay.c - `diffuscope replay`: repeats the run that a run.json describes, and compares. */

#include "commands.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <diffuscope/record.h>

#include "replay_compare.h"
#include "run_folder.h"
#include "say.h"
#include "print.h"

#define MOST_WORDS 256

/* The command line that is put together from a record. */
typedef struct words {
    int count;
    char *word[MOST_WORDS + 1];
} words;

static void words_free(words *w)
{
    for (int i = 0; i < w->count; i++)
        ds_free(w->word[i]);
}

static ds_status add(words *w, ds_error *err, const char *fmt, ...) DS_PRINTF(3, 4);
static ds_status add(words *w, ds_error *err, const char *fmt, ...)
{
    va_list ap;
    int n;
    char *word;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || w->count == MOST_WORDS)
        return ds_fail(err, DS_E_FORMAT, "the record has more than %d words", MOST_WORDS);
    word = ds_alloc((size_t)n + 1);
    if (word == NULL)
        return ds_fail(err, DS_E_NOMEM, "%d bytes for a command line", n);
    va_start(ap, fmt);
    vsnprintf(word, (size_t)n + 1, fmt, ap);
    va_end(ap);
    w->word[w->count++] = word;
    return DS_OK;
}

/* ---- from the record to a command line ------------------------------------------------------- */

/* What the record's paths begin in, and what was left out. */
typedef struct telling {
    const ds_args *args;
    const ds_command *command;
    char start[PATH_MAX]; /* "": paths as they are */
} telling;

/* Talk with a person, where results go, state that is read or written elsewhere, and how fast: the person
 * who repeats a run decides over that. */
static bool is_left_out(const ds_option *o)
{
    static const char *const names[] = { "threads", "resume", "force", "json",    "progress",
                                         "show",    "quiet",  "help",  "verbose", NULL };

    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(o->name, names[i]) == 0)
            return true;
    return o->kind == DS_OPTION_OUTFILE || o->kind == DS_OPTION_OUTDIR ||
           o->kind == DS_OPTION_OUTPATH || o->kind == DS_OPTION_STATE;
}

/* Whether the option's texts are paths; "model" and the like may also be names, and a strength may follow
 * a LoRA's. */
static bool names_files(const ds_option *o)
{
    static const char *const names[] = {
        "model",     "left",         "right",          "config", "vae",   "lora",  "lora-dir",
        "embedding", "text-encoder", "text-encoder-2", "merge",  "edits", "image", NULL
    };

    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(o->name, names[i]) == 0)
            return true;
    return o->kind == DS_OPTION_FILE;
}

/* A path as this process can use it. */
static void from_start(char *buf, size_t size, const telling *t, const ds_option *o,
                       const char *text)
{
    char path[PATH_MAX + 1];
    const int name = o->kind == DS_OPTION_FILE ? (int)strlen(text) : (int)strcspn(text, "=");
    int n = snprintf(buf, size, "%s", text);

    if (t->start[0] == '\0' || text[0] == '/' || strcmp(text, "-") == 0 || n >= PATH_MAX / 2)
        return;
    n = snprintf(path, sizeof path, "%s/%.*s", t->start, name, text);
    if (n < (int)sizeof path && (o->kind == DS_OPTION_FILE || access(path, F_OK) == 0))
        snprintf(buf, size, "%s/%s", t->start, text);
}

static ds_status add_option(words *w, const telling *t, const ds_option *o, const json_t *value,
                            ds_error *err)
{
    char path[2 * PATH_MAX];
    const json_t *item;
    size_t i;
    ds_status st = DS_OK;

    switch (json_typeof(value)) {
    case JSON_NULL:
    case JSON_FALSE:
        return DS_OK;
    case JSON_TRUE:
        return add(w, err, "--%s", o->name);
    case JSON_INTEGER:
        return add(w, err, "--%s=%lld", o->name, (long long)json_integer_value(value));
    case JSON_REAL:
        return add(w, err, "--%s=%.17g", o->name, json_real_value(value));
    case JSON_STRING:
        if (!names_files(o))
            return add(w, err, "--%s=%s", o->name, json_string_value(value));
        from_start(path, sizeof path, t, o, json_string_value(value));
        return add(w, err, "--%s=%s", o->name, path);
    case JSON_ARRAY:
        json_array_foreach (value, i, item)
            if (st == DS_OK)
                st = add_option(w, t, o, item, err);
        return st;
    case JSON_OBJECT:
        break;
    }
    return ds_fail(err, DS_E_FORMAT, "the record's option %s is an object", o->name);
}

static const ds_option *option_of(const ds_command *c, const char *name)
{
    const ds_option *o;

    for (int i = 0; (o = opts_at(c, i)) != NULL; i++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

/* Such an option is left out: some commands tell "not given" from the default. Where the default
 * has changed since the run, the recorded value is given; that of the model may be changed by the
 * environment. */
static bool is_default(const ds_option *o, const json_t *value)
{
    if (o->standard == NULL || strcmp(o->name, "model") == 0)
        return false;
    if (json_is_integer(value))
        return json_integer_value(value) == strtoll(o->standard, NULL, 10);
    if (json_is_real(value))
        return json_real_value(value) == strtod(o->standard, NULL);
    return json_is_string(value) && strcmp(json_string_value(value), o->standard) == 0;
}

/* The thread count is that of the run: sums in another order would give other bits. */
static ds_status add_options(words *w, const telling *t, const json_t *record, ds_error *err)
{
    const json_t *threads = json_object_get(record, "threads"), *value;
    const ds_command *c = t->command;
    const char *name;
    ds_status st = DS_OK;

    json_object_foreach (json_object_get(record, "options"), name, value) {
        const ds_option *o = option_of(c, name);

        if (o == NULL && !json_is_null(value) && !json_is_false(value))
            return ds_fail(err, DS_E_UNSUPPORTED, "this version's %s has no option --%s", c->name,
                           name);
        if (o == NULL || is_left_out(o) || is_default(o, value)) {
            if (o != NULL && o->kind == DS_OPTION_STATE && json_is_string(value))
                remark(t->args, "not taken from the record: --%s, which holds results of before",
                       name);
            continue;
        }
        if (o->kind == DS_OPTION_FILE && json_is_string(value) &&
            strcmp(json_string_value(value), "-") == 0)
            return ds_fail(err, DS_E_UNSUPPORTED,
                           "--%s came from standard input, which the record does not hold", name);
        st = add_option(w, t, o, value, err);
        if (st != DS_OK)
            return st;
    }
    return option_of(c, "threads") != NULL && json_is_integer(threads)
               ? add_option(w, t, option_of(c, "threads"), threads, err)
               : DS_OK;
}

static const char *command_name(const json_t *record)
{
    return json_string_value(json_object_get(record, "command"));
}

/* The method of the record, and the folder that its paths begin in. */
static ds_status find(telling *t, const json_t *record, const char *was, ds_error *err)
{
    const char *name = command_name(record);
    const char *start = json_string_value(json_object_get(record, "start"));
    const ds_command *c = name != NULL ? command_find(name) : NULL;
    char path[4096], here[PATH_MAX];
    ds_status st;

    if (c == NULL || c->method == NULL || option_of(c, "out") == NULL)
        return ds_fail(err, DS_E_FORMAT,
                       "expected the record of a command that writes a folder, found %s",
                       name != NULL ? name : "none");
    t->command = c;
    t->start[0] = '\0';
    if (start == NULL)
        return DS_OK; /* an older record, or one whose folder was not known */
    st = run_folder_file(path, sizeof path, was, start, err);
    if (st == DS_OK && start[0] == '/')
        snprintf(path, sizeof path, "%s", start);
    if (st != DS_OK || realpath(path, t->start) == NULL ||
        (getcwd(here, sizeof here) != NULL && strcmp(here, t->start) == 0))
        t->start[0] = '\0';
    return st;
}

static ds_status add_all(words *w, const json_t *record, const telling *t, ds_error *err)
{
    const ds_args *a = t->args;
    const ds_option *o = NULL, *positional = NULL;
    char path[2 * PATH_MAX];
    const json_t *item;
    size_t i;
    ds_status st = add(w, err, "%s", t->command->name);

    for (int k = 0; (o = opts_at(t->command, k)) != NULL; k++)
        positional = o->positional ? o : positional;
    if (st == DS_OK)
        st = add_options(w, t, record, err);
    if (st == DS_OK)
        st = add(w, err, "--out=%s", opt_text(a, "out"));
    if (st == DS_OK && opt_flag(a, "force"))
        st = add(w, err, "--force");
    if (st == DS_OK && opt_flag(a, "quiet"))
        st = add(w, err, "--quiet");
    if (st == DS_OK && option_of(t->command, "progress") != NULL)
        st = add(w, err, "--progress=%s", opt_text(a, "progress"));
    if (st == DS_OK)
        st = add(w, err, "--");
    json_array_foreach (json_object_get(record, "arguments"), i, item) {
        const char *text = json_string_value(item);

        if (st != DS_OK || text == NULL)
            continue;
        if (positional != NULL && names_files(positional))
            from_start(path, sizeof path, t, positional, text);
        else
            snprintf(path, sizeof path, "%s", text);
        st = strlen(text) < sizeof path ? add(w, err, "%s", path) : add(w, err, "%s", text);
    }
    return st;
}

static ds_status check_inputs(const json_t *record, const telling *t, ds_error *err)
{
    char here[PATH_MAX], *text = json_dumps(record, 0);
    ds_status st = DS_OK;

    if (text == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a record");
    if (t->start[0] == '\0' && getcwd(here, sizeof here) == NULL)
        snprintf(here, sizeof here, ".");
    st = ds_record_check_inputs(text, t->start[0] != '\0' ? t->start : here, err);
    free(text);
    return st;
}

/* ---- the verdict ------------------------------------------------------------------------------ */

static void say_tensor(const json_t *t)
{
    const char *name = json_string_value(json_object_get(t, "name"));
    const json_t *why = json_object_get(t, "why"), *apart = json_object_get(t, "difference");

    if (why != NULL)
        print("%s: %s\n", name, json_string_value(why));
    else if (apart != NULL)
        print("%s: differs by at most %.3g, its largest value being %.3g\n", name,
              json_is_number(apart) ? json_number_value(apart) : HUGE_VAL,
              json_number_value(json_object_get(t, "largest")));
    else
        print("%s: the same bits\n", name);
}

static void say(const replay_verdict *v, double tolerance)
{
    const json_t *item;
    char within[64] = "";
    size_t i;

    json_array_foreach (v->tensors, i, item)
        say_tensor(item);
    json_array_foreach (v->numbers, i, item)
        if (i < 10)
            print("result.json: %s differs\n", json_string_value(item));
    if (tolerance > 0.0)
        snprintf(within, sizeof within, " within %g", tolerance);
    if (v->bad_tensor == 0 && v->bad_number == 0)
        print("the same%s: %lld tensors, %lld numbers\n", within, (long long)v->tensor,
              (long long)v->number);
    else
        print("NOT the same%s: %lld of %lld tensors, %lld of %lld numbers differ\n", within,
              (long long)v->bad_tensor, (long long)v->tensor, (long long)v->bad_number,
              (long long)v->number);
}

static ds_status say_json(const replay_verdict *v, double tolerance, ds_error *err)
{
    json_t *all =
        json_pack("{s:b, s:f, s:O, s:{s:I, s:O}}", "same", v->bad_tensor == 0 && v->bad_number == 0,
                  "tolerance", tolerance, "tensors", v->tensors, "numbers", "count",
                  (json_int_t)v->number, "different", v->numbers);
    char *text = all != NULL ? json_dumps(all, 0) : NULL;

    if (text != NULL)
        print_json(text);
    json_decref(all);
    free(text);
    return text != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a verdict");
}

static ds_status judge(const ds_args *a, const char *was, ds_error *err)
{
    const double tolerance = opt_real(a, "tolerance");
    replay_verdict v;
    ds_status st = replay_compare(&v, was, opt_text(a, "out"), tolerance, err);

    if (st == DS_OK && opt_flag(a, "json"))
        st = say_json(&v, tolerance, err);
    else if (st == DS_OK)
        say(&v, tolerance);
    if (st == DS_OK && (v.bad_tensor > 0 || v.bad_number > 0))
        answer_is_no();
    replay_verdict_clear(&v);
    return st;
}

/* ---- the command ----------------------------------------------------------------------------- */

static const char *fingerprint(const json_t *record, const char *which)
{
    return json_string_value(json_object_get(json_object_get(record, which), "sha256"));
}

/* The same name may have come to mean another model; `compare` has a second one. */
static ds_status check_model(const json_t *was, const char *dir, ds_error *err)
{
    static const char *const which[] = { "model", "right" };
    json_t *is;
    ds_status st = run_folder_json(&is, dir, "run.json", err);

    for (size_t i = 0; st == DS_OK && i < DS_COUNT(which); i++) {
        const char *x = fingerprint(was, which[i]), *y = fingerprint(is, which[i]);

        if (x != NULL && y != NULL && strcmp(x, y) != 0)
            st = ds_fail(err, DS_E_FORMAT,
                         "the %s is not the one of the record: SHA-256 %.16s..., now %.16s...",
                         i == 0 ? "model" : "right model", x, y);
    }
    json_decref(is);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    const char *was = opts_positional(a, 0);
    telling t = { .args = a };
    words w = { 0 };
    json_t *record;
    ds_status st = run_folder_json(&record, was, "run.json", err);

    if (st == DS_OK)
        st = find(&t, record, was, err);
    if (st == DS_OK)
        st = add_all(&w, record, &t, err);
    if (st == DS_OK)
        st = check_inputs(record, &t, err);
    if (st == DS_OK)
        st = command_run(t.command, w.count, w.word, err);
    if (st == DS_OK)
        st = check_model(record, opt_text(a, "out"), err);
    if (st == DS_OK)
        st = judge(a, was, err);
    words_free(&w);
    json_decref(record);
    return st;
}

static const ds_option options[] = {
    { .name = "out",
      .kind = DS_OPTION_OUTDIR,
      .arg = "DIR",
      .help = "folder for the repeated run",
      .required = true },
    { .name = "tolerance",
      .kind = DS_OPTION_REAL,
      .arg = "X",
      .standard = "0",
      .max = 1,
      .help =
          "how far values may be apart and still be the same, as a part of the largest value of "
          "their tensor (of a number in result.json: of itself); 0: every bit must be the same" },
    { 0 },
};

const ds_command cmd_replay = {
    .name = "replay",
    .purpose = "repeat a recorded run and compare",
    .positional = "FOLDER",
    .description =
        "Reads FOLDER/run.json, runs the same command with the same options and number of "
        "threads into another folder, and says for each tensor whether it is the same. The last "
        "line "
        "is the verdict, over all tensors and all numbers of result.json but those of time; the "
        "exit "
        "code is 1 if they are not the same.\n\n"
        "Inputs and model must have the bytes that the record has hashes of, or nothing is run. "
        "Relative paths in a record begin where the run was started, which the record says as seen "
        "from its folder. Options of talk and of state that is kept elsewhere (--state, --cache) "
        "are not "
        "taken from a record.",
    .example = "diffuscope replay out/cat --out out/cat-again",
    .options = options,
    .common = COMMON_PROGRESS | COMMON_JSON,
    .least = 1,
    .most = 1,
    .run = run,
};

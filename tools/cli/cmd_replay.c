/* cmd_replay.c - `diffuscope replay`: repeats the run that a run.json describes, and compares. */

#include "commands.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <diffuscope/tensor.h>

#include "say.h"
#include "run_folder.h"

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

static ds_status add_option(words *w, const char *name, const json_t *value, ds_error *err)
{
    const json_t *item;
    size_t i;
    ds_status st = DS_OK;

    switch (json_typeof(value)) {
    case JSON_NULL:
    case JSON_FALSE:
        return DS_OK;
    case JSON_TRUE:
        return add(w, err, "--%s", name);
    case JSON_INTEGER:
        return add(w, err, "--%s=%lld", name, (long long)json_integer_value(value));
    case JSON_REAL:
        return add(w, err, "--%s=%.17g", name, json_real_value(value));
    case JSON_STRING:
        return add(w, err, "--%s=%s", name, json_string_value(value));
    case JSON_ARRAY:
        json_array_foreach (value, i, item)
            if (st == DS_OK)
                st = add_option(w, name, item, err);
        return st;
    case JSON_OBJECT:
        break;
    }
    return ds_fail(err, DS_E_FORMAT, "the record's option %s is an object", name);
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

/* Outputs go to the new folder instead, and the thread count is that of the run: sums in another
 * order would give other bits. */
static ds_status add_options(words *w, const ds_command *c, const json_t *record, const char *dir,
                             ds_error *err)
{
    const json_t *threads = json_object_get(record, "threads"), *value;
    const char *name;
    ds_status st = DS_OK;

    json_object_foreach (json_object_get(record, "options"), name, value) {
        const ds_option *o = option_of(c, name);

        if (o == NULL && !json_is_null(value) && !json_is_false(value))
            return ds_fail(err, DS_E_UNSUPPORTED, "this version's %s has no option --%s", c->name,
                           name);
        if (o == NULL || o->kind == DS_OPTION_OUTFILE || o->kind == DS_OPTION_OUTDIR ||
            o->kind == DS_OPTION_OUTPATH || strcmp(name, "threads") == 0 || is_default(o, value))
            continue;
        st = add_option(w, name, value, err);
        if (st != DS_OK)
            return st;
    }
    if (option_of(c, "threads") != NULL && json_is_integer(threads))
        st = add_option(w, "threads", threads, err);
    return st == DS_OK ? add(w, err, "--out=%s", dir) : st;
}

static ds_status add_all(words *w, const json_t *record, const char *dir, const ds_args *a,
                         const ds_command **command, ds_error *err)
{
    const char *name = json_string_value(json_object_get(record, "command"));
    const ds_command *c = name != NULL ? command_find(name) : NULL;
    const ds_option *out = c != NULL ? option_of(c, "out") : NULL;
    const json_t *item;
    size_t i;
    ds_status st;

    if (out == NULL || out->kind != DS_OPTION_OUTDIR)
        return ds_fail(err, DS_E_FORMAT,
                       "expected the record of a command that writes a folder, found %s",
                       name != NULL ? name : "none");
    *command = c;
    st = add(w, err, "%s", name);
    if (st == DS_OK)
        st = add_options(w, c, record, dir, err);
    if (st == DS_OK && opt_flag(a, "force"))
        st = add(w, err, "--force");
    if (st == DS_OK && opt_flag(a, "quiet"))
        st = add(w, err, "--quiet");
    if (st == DS_OK && option_of(c, "progress") != NULL)
        st = add(w, err, "--progress=%s", opt_text(a, "progress"));
    if (st == DS_OK)
        st = add(w, err, "--");
    json_array_foreach (json_object_get(record, "arguments"), i, item)
        if (st == DS_OK && json_is_string(item))
            st = add(w, err, "%s", json_string_value(item));
    return st;
}

/* ---- comparison ------------------------------------------------------------------------------ */

static void compare_tensor(const char *name, const ds_tensor *was, const ds_tensor *is)
{
    size_t bytes = 0;
    double worst = 0.0, largest = 0.0;

    if (is == NULL || is->dtype != was->dtype || !ds_tensor_same_shape(was, is)) {
        printf("%s: %s\n", name, is == NULL ? "missing" : "another shape or type");
        return;
    }
    if (ds_tensor_bytes(was, &bytes, NULL) == DS_OK && memcmp(was->data, is->data, bytes) == 0) {
        printf("%s: the same bits\n", name);
        return;
    }
    if (was->dtype != DS_DTYPE_F32) {
        printf("%s: different\n", name);
        return;
    }
    for (int64_t i = 0; i < ds_tensor_count(was); i++) {
        double x = ((const float *)was->data)[i], y = ((const float *)is->data)[i];

        worst = fmax(worst, fabs(x - y));
        largest = fmax(largest, fabs(x));
    }
    printf("%s: differs by at most %.3g, its largest value being %.3g\n", name, worst, largest);
}

static ds_status compare(const char *was_dir, const char *is_dir, ds_error *err)
{
    char path[4096];
    ds_bundle *was = NULL, *is = NULL;
    ds_status st = run_folder_file(path, sizeof path, was_dir, "tensors.safetensors", err);

    if (st == DS_OK)
        st = ds_bundle_load(&was, path, err);
    if (st == DS_OK)
        st = run_folder_file(path, sizeof path, is_dir, "tensors.safetensors", err);
    if (st == DS_OK)
        st = ds_bundle_load(&is, path, err);
    for (int64_t i = 0; st == DS_OK && i < ds_bundle_count(was); i++)
        compare_tensor(ds_bundle_name(was, i), ds_bundle_at(was, i),
                       ds_bundle_find(is, ds_bundle_name(was, i)));
    ds_bundle_free(was);
    ds_bundle_free(is);
    return st;
}

/* ---- the command ----------------------------------------------------------------------------- */

static ds_status load(json_t **out, const char *dir, ds_error *err)
{
    char path[4096];
    json_error_t e;
    ds_status st = run_folder_file(path, sizeof path, dir, "run.json", err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    *out = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (*out == NULL && json_error_code(&e) == json_error_cannot_open_file)
        return ds_fail(err, DS_E_IO, "%s", e.text);
    if (*out == NULL)
        return ds_fail(err, DS_E_FORMAT, "%s:%d: %s", path, e.line, e.text);
    return DS_OK;
}

static const char *fingerprint(const json_t *record, const char *which)
{
    return json_string_value(json_object_get(json_object_get(record, which), "sha256"));
}

/* The same name may have come to mean another model; `compare` has a second one. */
static ds_status check_model(const json_t *was, const char *dir, ds_error *err)
{
    static const char *const which[] = { "model", "right" };
    json_t *is;
    ds_status st = load(&is, dir, err);

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
    const char *was = opts_positional(a, 0), *dir = opt_text(a, "out");
    const ds_command *command = NULL;
    words w = { 0 };
    json_t *record;
    ds_status st = load(&record, was, err);

    if (st == DS_OK)
        st = add_all(&w, record, dir, a, &command, err);
    if (st == DS_OK)
        st = command_run(command, w.count, w.word, err);
    if (st == DS_OK)
        st = check_model(record, dir, err);
    if (st == DS_OK)
        st = compare(was, dir, err);
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
    { 0 },
};

const ds_command cmd_replay = {
    .name = "replay",
    .purpose = "repeat a recorded run and compare",
    .positional = "FOLDER",
    .description =
        "Reads FOLDER/run.json, runs the same command with the same options and number of "
        "threads into another folder, and says for each tensor whether it is the same.",
    .example = "diffuscope replay out/cat --out out/cat-again",
    .options = options,
    .common = COMMON_PROGRESS,
    .least = 1,
    .most = 1,
    .run = run,
};

/* opts.c - from the command line to options: getopt_long over the tables of the library. One
 * thread. */

#include "opts.h"
#include "print.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS 128
#define FIRST_LONG  256 /* getopt_long's value of option 0, above every short letter */

struct ds_args {
    const ds_command *command;
    ds_job *job;                         /* of a method */
    ds_option_set *set;                  /* the job's, or ours */
    ds_option common[DS_COMMON_OPTIONS]; /* where the set is ours */
    ds_option talk[8];
    const char *model; /* that opt_text tells: the specimen's folder, or what a variable names */
    char *specimen;
    int count;
    const char **positional; /* a copy of the list: getopt_long sorts the caller's */
};

/* ---- the options that are only about talking --------------------------------------------------- */

#define ALWAYS   (1u << 30)
#define WITH_OUT (1u << 31)

static const struct {
    unsigned groups;
    ds_option row;
} talk[] = {
    { COMMON_JSON, { .name = "json", .kind = DS_OPTION_FLAG, .help = "print the result as JSON" } },
    { COMMON_PROGRESS,
      { .name = "progress",
        .kind = DS_OPTION_CHOICE,
        .choices = "auto|json|none",
        .standard = "auto",
        .help = "progress on standard error: a line on terminals, JSON lines, or nothing" } },
    { COMMON_SHOW,
      { .name = "show",
        .kind = DS_OPTION_CHOICE,
        .choices = "auto|kitty|iterm|sixel|blocks|none",
        .standard = "none",
        .help = "show pictures in the terminal: by what it understands (auto), or in one way" } },
    { WITH_OUT, { .name = "force", .kind = DS_OPTION_FLAG, .help = "overwrite files that exist" } },
    { ALWAYS,
      { .name = "quiet",
        .letter = 'q',
        .kind = DS_OPTION_FLAG,
        .help = "no remarks, no progress" } },
    { ALWAYS,
      { .name = "verbose", .letter = 'v', .kind = DS_OPTION_FLAG, .help = "more remarks" } },
    { ALWAYS, { .name = "help", .letter = 'h', .kind = DS_OPTION_FLAG, .help = "this text" } },
};

/* The n-th row of a table and its blocks; *n counts down. */
static const ds_option *row_at(const ds_option *table, int *n)
{
    const ds_option *found = NULL;

    for (const ds_option *o = table; o != NULL && found == NULL; o++) {
        if (o->kind == DS_OPTION_BLOCK)
            found = row_at(o->block, n);
        else if (o->name == NULL)
            break;
        else if ((*n)-- == 0)
            found = o;
    }
    return found;
}

static bool writes(const ds_command *c)
{
    const ds_option *o;

    for (int i = 0, n = 0; (n = i, o = row_at(c->options, &n)) != NULL; i++)
        if (o->kind == DS_OPTION_OUTFILE || o->kind == DS_OPTION_OUTDIR ||
            o->kind == DS_OPTION_OUTPATH)
            return true;
    return (c->common & (DS_JOB_FOLDER | DS_JOB_FOLDER_NEEDED)) != 0;
}

static void talk_rows(ds_option out[], const ds_command *c)
{
    unsigned groups = c->common | ALWAYS | (writes(c) ? WITH_OUT : 0);
    int n = 0;

    for (size_t i = 0; i < DS_COUNT(talk); i++)
        if ((talk[i].groups & groups) != 0)
            out[n++] = talk[i].row;
    out[n] = (ds_option){ 0 };
}

const ds_option *opts_at(const ds_command *c, int n)
{
    static ds_option common[DS_COMMON_OPTIONS], spoken[8]; /* one thread; until the next call */
    const ds_option *o = row_at(c->options, &n);

    ds_common_options(common, c->common);
    talk_rows(spoken, c);
    if (o == NULL)
        o = row_at(common, &n);
    return o != NULL ? o : row_at(spoken, &n);
}

/* ---- parsing --------------------------------------------------------------------------------- */

/* What getopt_long needs, made from the set: every name, then every alias. */
typedef struct scanner {
    struct option longs[2 * MAX_OPTIONS + 1];
    char shorts[2 * MAX_OPTIONS + 2];
} scanner;

static void make_scanner(scanner *s, const ds_option_set *set)
{
    int n = 0;
    size_t k = 0;

    s->shorts[k++] = ':'; /* a missing argument is told apart from an unknown option */
    for (int i = 0; i < ds_option_count(set) && i < MAX_OPTIONS; i++) {
        const ds_option *o = ds_option_at(set, i);
        int takes = o->kind == DS_OPTION_FLAG ? no_argument : required_argument;

        if (o->positional)
            continue;
        s->longs[n++] = (struct option){ o->name, takes, NULL, FIRST_LONG + i };
        if (o->alias != NULL)
            s->longs[n++] = (struct option){ o->alias, takes, NULL, FIRST_LONG + i };
        if (o->letter != 0) {
            s->shorts[k++] = o->letter;
            if (takes == required_argument)
                s->shorts[k++] = ':';
        }
    }
    s->longs[n] = (struct option){ 0 };
    s->shorts[k] = '\0';
}

static int index_of(const ds_option_set *set, int code)
{
    if (code >= FIRST_LONG)
        return code - FIRST_LONG;
    for (int i = 0; i < ds_option_count(set); i++)
        if (code != 0 && ds_option_at(set, i)->letter == code)
            return i;
    return -1; /* getopt_long reports an unknown long name as 0 */
}

static ds_status unknown(ds_args *a, const char *word, ds_error *err)
{
    char bare[80];

    if (word[0] != '-' || word[1] != '-')
        return ds_fail(err, DS_E_ARG, "unknown option -%c", optopt);
    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    ds_option_set_text(a->set, bare, NULL, err); /* which says what is near */
    return err != NULL ? (err->code = DS_E_ARG) : DS_E_ARG;
}

/* Of numbers and choices the last counts, as scripts expect; a prompt, a file or a folder that is given
 * twice would be dropped without a word. */
static bool is_dropped(const ds_option *o, const char *before, const char *now)
{
    const ds_option_kind k = o->kind;

    return (k == DS_OPTION_TEXT || k == DS_OPTION_FILE || k == DS_OPTION_OUTFILE ||
            k == DS_OPTION_OUTDIR || k == DS_OPTION_OUTPATH || k == DS_OPTION_STATE) &&
           before != NULL && strcmp(before, now) != 0;
}

/* One option, and of WORDS all that follow. */
static ds_status take(ds_args *a, int i, int argc, char **argv, ds_error *err)
{
    const ds_option *o = ds_option_at(a->set, i);
    ds_status st;

    if (ds_option_given(a->set, i) && is_dropped(o, ds_option_text(a->set, i), optarg))
        return ds_fail(err, DS_E_ARG, "--%s takes one value, and was given \"%.60s\" and \"%.60s\"",
                       o->name, ds_option_text(a->set, i), optarg);
    st = ds_option_set_text(a->set, o->name, optarg, err);

    while (st == DS_OK && o->kind == DS_OPTION_WORDS && optind < argc && argv[optind][0] != '-')
        st = ds_option_set_text(a->set, o->name, argv[optind++], err);
    return st;
}

static ds_status parse_options(ds_args *a, int argc, char **argv, ds_error *err)
{
    scanner s;
    int code;

    make_scanner(&s, a->set);
    opterr = 0;
    optind = 0;
    while ((code = getopt_long(argc, argv, s.shorts, s.longs, NULL)) != -1) {
        int i = index_of(a->set, code == ':' || code == '?' ? optopt : code);
        const ds_option *o = ds_option_at(a->set, i);
        ds_status st;

        if (code == ':')
            return ds_fail(err, DS_E_ARG, "--%s: expected %s, found nothing", o->name,
                           o->arg != NULL ? o->arg : o->choices);
        if (code == '?' && i >= 0)
            return ds_fail(err, DS_E_ARG, "--%s takes no value", o->name);
        if (code == '?')
            return unknown(a, argv[optind - 1], err);
        st = take(a, i, argc, argv, err);
        if (st != DS_OK)
            return st;
    }
    a->count = argc - optind;
    a->positional = ds_calloc((size_t)a->count + 1, sizeof *a->positional);
    if (a->positional == NULL)
        return ds_fail(err, DS_E_NOMEM, "options: %d words", a->count);
    memcpy(a->positional, argv + optind, (size_t)a->count * sizeof *a->positional);
    return DS_OK;
}

static ds_status check_count(const ds_args *a, ds_error *err)
{
    const ds_command *c = a->command;

    if (a->count < c->least)
        return ds_fail(err, DS_E_ARG, "expected %s, found %d argument%s", c->positional, a->count,
                       a->count == 1 ? "" : "s");
    if (c->most >= 0 && a->count > c->most && c->most == 0)
        return ds_fail(err, DS_E_ARG, "expected no argument, found \"%s\"", a->positional[0]);
    if (c->most >= 0 && a->count > c->most)
        return ds_fail(err, DS_E_ARG, "expected %s, found one more: \"%s\"", c->positional,
                       a->positional[c->most]);
    return DS_OK;
}

/* Arguments of a method are values of its positional option. */
static ds_status take_arguments(ds_args *a, ds_error *err)
{
    const ds_option *o = NULL;
    ds_status st = DS_OK;

    for (int i = 0; i < ds_option_count(a->set); i++)
        if (ds_option_at(a->set, i)->positional)
            o = ds_option_at(a->set, i);
    if (o == NULL && a->count > 0 && ds_option_find(a->set, "prompt") >= 0 &&
        !ds_option_given(a->set, ds_option_find(a->set, "prompt")))
        return ds_fail(err, DS_E_ARG, "a prompt stands behind -p: -p \"%.200s\"", a->positional[0]);
    if (o == NULL && a->count > 0)
        return ds_fail(
            err, DS_E_ARG,
            "expected no argument, found \"%.200s\" (a text of several words needs quotes)",
            a->positional[0]);
    for (int i = 0; i < a->count && st == DS_OK; i++)
        st = ds_option_set_text(a->set, o->name, a->positional[i], err);
    return st;
}

/* The word "specimen" becomes a folder, or nothing where a command may go without it. */
static ds_status set_model(ds_args *a, ds_error *err)
{
    const bool needed = (a->command->common & COMMON_MODEL) != 0;
    const char *other = getenv("DIFFUSCOPE_MODEL");
    int i = ds_option_find(a->set, "model");
    ds_status st;

    if (i < 0)
        return DS_OK;
    a->model = ds_option_text(a->set, i);
    if (!ds_option_given(a->set, i) && other != NULL && other[0] != '\0')
        a->model = other;
    if (strcmp(a->model, "specimen") != 0)
        return DS_OK;
    st = ds_specimen_find(&a->specimen, ds_option_given(a->set, i) || needed ? err : NULL);
    a->model = a->specimen;
    return ds_option_given(a->set, i) || needed ? st : DS_OK;
}

static ds_status make_set(ds_args *a, ds_error *err)
{
    const ds_command *c = a->command;
    ds_job_options o = DS_JOB_OPTIONS_INIT;
    ds_status st;

    o.dashes = true;
    if (c->method != NULL) {
        st = ds_job_new(&a->job, c->method, &o, err);
        a->set = st == DS_OK ? ds_job_options_of(a->job) : NULL;
    } else {
        st = ds_option_set_new(&a->set, true, err);
        ds_common_options(a->common, c->common);
        if (st == DS_OK)
            st = ds_option_set_add(a->set, c->options, NULL, err);
        if (st == DS_OK)
            st = ds_option_set_add(a->set, a->common, NULL, err);
    }
    talk_rows(a->talk, c);
    return st == DS_OK ? ds_option_set_add(a->set, a->talk, NULL, err) : st;
}

/* A job finds its model itself, when it checks. */
static ds_status finish(ds_args *a, ds_error *err)
{
    ds_status st = DS_OK;

    if (opt_flag(a, "help"))
        return DS_OK;
    if (a->job != NULL)
        st = take_arguments(a, err);
    if (st == DS_OK)
        st = ds_option_set_finish(a->set, err);
    if (st != DS_OK || a->job != NULL)
        return st;
    st = check_count(a, err);
    return st == DS_OK ? set_model(a, err) : st;
}

ds_status opts_parse(ds_args **out, const ds_command *c, int argc, char **argv, ds_error *err)
{
    ds_args *a = ds_calloc(1, sizeof *a);
    ds_status st;

    *out = NULL;
    if (a == NULL)
        return ds_fail(err, DS_E_NOMEM, "options: %zu bytes", sizeof *a);
    a->command = c;
    st = make_set(a, err);
    if (st == DS_OK)
        st = parse_options(a, argc, argv, err);
    if (st == DS_OK)
        st = finish(a, err);
    if (st != DS_OK) {
        opts_free(a);
        return st;
    }
    *out = a;
    return DS_OK;
}

void opts_free(ds_args *a)
{
    if (a == NULL)
        return;
    if (a->job != NULL)
        ds_job_free(a->job);
    else
        ds_option_set_free(a->set);
    ds_free(a->positional);
    ds_free(a->specimen);
    ds_free(a);
}

/* ---- access ---------------------------------------------------------------------------------- */

static int find(const ds_args *a, const char *name)
{
    int i = ds_option_find(a->set, name);

    if (i < 0) {
        print_err("diffuscope %s: bug: it has no option %s\n", a->command->name, name);
        abort();
    }
    return i;
}

const ds_command *opts_command(const ds_args *a)
{
    return a->command;
}

ds_job *opts_job(const ds_args *a)
{
    return a->job;
}

const ds_option_set *opts_set(const ds_args *a)
{
    return a->set;
}

int opts_count(const ds_args *a)
{
    return a->count;
}

const char *opts_positional(const ds_args *a, int i)
{
    return i >= 0 && i < a->count ? a->positional[i] : NULL;
}

bool opt_declared(const ds_args *a, const char *name)
{
    return ds_option_find(a->set, name) >= 0;
}

bool opt_given(const ds_args *a, const char *name)
{
    return ds_option_given(a->set, find(a, name));
}

bool opt_flag(const ds_args *a, const char *name)
{
    return ds_option_flag(a->set, find(a, name));
}

int64_t opt_int(const ds_args *a, const char *name)
{
    return ds_option_int(a->set, find(a, name));
}

uint64_t opt_seed(const ds_args *a, const char *name)
{
    return ds_option_seed(a->set, find(a, name));
}

double opt_real(const ds_args *a, const char *name)
{
    return ds_option_real(a->set, find(a, name));
}

const char *opt_written(const ds_args *a, const char *name)
{
    return ds_option_text(a->set, find(a, name));
}

const char *opt_text(const ds_args *a, const char *name)
{
    return a->job == NULL && strcmp(name, "model") == 0 ? a->model
                                                        : ds_option_value(a->set, find(a, name));
}

int opt_choice(const ds_args *a, const char *name)
{
    return ds_option_choice(a->set, find(a, name));
}

const char *const *opt_texts(const ds_args *a, const char *name, int *count)
{
    ds_texts t = ds_option_texts(a->set, find(a, name));

    *count = (int)t.count;
    return t.text;
}

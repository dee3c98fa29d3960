/* opts.c - option tables: lookup, parsing over getopt_long, checks, values. One thread. */

#include "opts.h"

#include "specimen.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define MAX_OPTIONS 96
#define FIRST_LONG  256 /* getopt_long's value of option 0, above every short letter */

typedef struct opt_value {
    bool given;
    const char *text;
    const char *written; /* where `text` is not what the user wrote */
    int64_t whole;
    uint64_t seed;
    double real;
    const char **list; /* OPT_TEXTS, OPT_WORDS */
    int count;
} opt_value;

struct ds_args {
    const ds_command *command;
    int option_count;
    const ds_opt *option[MAX_OPTIONS];
    opt_value value[MAX_OPTIONS];
    int count;
    const char **positional; /* a copy of the list: getopt_long sorts the caller's */
    char *specimen;          /* its folder, if this is the model */
};

/* ---- the common options ---------------------------------------------------------------------- */

#define ALWAYS   (1u << 30)
#define WITH_OUT (1u << 31)

static const struct {
    unsigned groups;
    ds_opt opt;
} common[] = {
    { COMMON_MODEL | COMMON_MODEL_OPTIONAL,
      { "model", 'm', OPT_TEXT, "MODEL", SPECIMEN, 0, 0,
        "model: a single file (.safetensors), a diffusers folder, owner/name in the Hugging Face "
        "cache, or the model that comes with this program; " SPECIMEN_VARIABLE " names another default",
        NULL, false } },
    { COMMON_MODEL | COMMON_MODEL_OPTIONAL,
      { "config", 0, OPT_TEXT, "FOLDER", NULL, 0, 0,
        "configurations and tokenizers of a model that is a single file, from a diffusers folder; "
        "without it they follow from the file's shapes",
        NULL, false } },
    { COMMON_MODEL | COMMON_MODEL_OPTIONAL,
      { "prediction", 0, OPT_CHOICE, "epsilon|v", NULL, 0, 0,
        "what the UNet predicts, instead of what the model says (`inspect` tells)", NULL, false } },
    { COMMON_MODEL | COMMON_MODEL_OPTIONAL,
      { "vae", 0, OPT_TEXT, "FILE", NULL, 0, 0,
        "file or folder whose autoencoder is used instead of the model's", NULL, false } },
    { COMMON_MODEL | COMMON_MODEL_OPTIONAL,
      { "text-encoder", 0, OPT_TEXT, "FILE", NULL, 0, 0,
        "file or folder whose text encoder is used instead of the model's", NULL, false } },
    { COMMON_MODEL | COMMON_MODEL_OPTIONAL,
      { "text-encoder-2", 0, OPT_TEXT, "FILE", NULL, 0, 0,
        "the same for the second text encoder of SDXL", NULL, false } },
    { COMMON_THREADS,
      { "threads", 't', OPT_INT, "N", NULL, 1, 1024,
        "threads; without it OMP_NUM_THREADS or the number of cores", NULL, false } },
    { COMMON_COMPUTE,
      { "compute", 0, OPT_CHOICE, "f32|bf16|ref", "f32", 0, 0,
        "number format of the network's products", NULL, false } },
    { COMMON_JSON,
      { "json", 0, OPT_FLAG, NULL, NULL, 0, 0, "print the result as JSON", NULL, false } },
    { COMMON_PROGRESS,
      { "progress", 0, OPT_CHOICE, "auto|json|none", "auto", 0, 0,
        "progress on standard error: a line on terminals, JSON lines, or nothing", NULL, false } },
    { COMMON_SHOW,
      { "show", 0, OPT_CHOICE, "auto|kitty|iterm|sixel|blocks|none", "none", 0, 0,
        "show pictures in the terminal: by what it understands (auto), or in one way", NULL,
        false } },
    { WITH_OUT,
      { "force", 0, OPT_FLAG, NULL, NULL, 0, 0, "overwrite files that exist", NULL, false } },
    { ALWAYS,
      { "quiet", 'q', OPT_FLAG, NULL, NULL, 0, 0, "no remarks, no progress", NULL, false } },
    { ALWAYS, { "verbose", 'v', OPT_FLAG, NULL, NULL, 0, 0, "more remarks", NULL, false } },
    { ALWAYS, { "help", 'h', OPT_FLAG, NULL, NULL, 0, 0, "this text", NULL, false } },
};

const ds_opt *opts_at(const ds_command *c, int i)
{
    unsigned groups = c->common | ALWAYS;
    const ds_opt *o;

    for (o = c->options; o != NULL && o->name != NULL; o++) {
        if (o->kind == OPT_OUTFILE || o->kind == OPT_OUTDIR)
            groups |= WITH_OUT;
        if (i-- == 0)
            return o;
    }
    for (size_t k = 0; k < DS_COUNT(common); k++)
        if ((common[k].groups & groups) != 0 && i-- == 0)
            return &common[k].opt;
    return NULL;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool has_limits(const ds_opt *o)
{
    return o->min < o->max;
}

static ds_status wrong(const ds_opt *o, const char *expected, const char *found, ds_error *err)
{
    ds_fail(err, DS_E_ARG, "--%s: expected %s, found \"%s\"", o->name, expected, found);
    return DS_E_ARG;
}

static ds_status parse_int(opt_value *v, const ds_opt *o, const char *text, ds_error *err)
{
    char expected[96];
    char *end;

    if (has_limits(o))
        snprintf(expected, sizeof expected, "a whole number from %.0f to %.0f", o->min, o->max);
    else
        snprintf(expected, sizeof expected, "a whole number");
    errno = 0;
    v->whole = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0)
        return wrong(o, expected, text, err);
    if (has_limits(o) && ((double)v->whole < o->min || (double)v->whole > o->max))
        return wrong(o, expected, text, err);
    return DS_OK;
}

static ds_status parse_real(opt_value *v, const ds_opt *o, const char *text, ds_error *err)
{
    char expected[96];
    char *end;

    if (has_limits(o))
        snprintf(expected, sizeof expected, "a number from %g to %g", o->min, o->max);
    else
        snprintf(expected, sizeof expected, "a number");
    v->real = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(v->real))
        return wrong(o, expected, text, err);
    if (has_limits(o) && (v->real < o->min || v->real > o->max))
        return wrong(o, expected, text, err);
    return DS_OK;
}

/* 32 bits, so that a person can type the seed that was drawn. */
static uint64_t random_seed(void)
{
    uint32_t r;

    if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
        r = (uint32_t)time(NULL) * 2654435761u;
    return r;
}

static ds_status parse_seed(opt_value *v, const ds_opt *o, const char *text, ds_error *err)
{
    static const char *expected = "a whole number below 2^64, or -1 for a random one";
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *end;

    errno = 0;
    v->seed = strtoull(digits, &end, 10);
    if (!isdigit((unsigned char)digits[0]) || *end != '\0' || errno != 0)
        return wrong(o, expected, text, err);
    if (text[0] == '-' && v->seed != 0)
        v->seed = random_seed();
    return DS_OK;
}

int opts_choice(const char *choices, const char *word)
{
    size_t n = strlen(word);

    for (int i = 0;; i++) {
        size_t length = strcspn(choices, "|");

        if (length == n && memcmp(choices, word, n) == 0)
            return i;
        if (choices[length] == '\0')
            return -1;
        choices += length + 1;
    }
}

/* Splits "a|b|c" into at most `most` words inside `buf`; returns how many. */
static int split_choices(const char *choices, char *buf, size_t size, const char **words, int most)
{
    int n = 0;
    char *rest;

    snprintf(buf, size, "%s", choices);
    for (char *w = strtok_r(buf, "|", &rest); w != NULL && n < most; w = strtok_r(NULL, "|", &rest))
        words[n++] = w;
    return n;
}

static ds_status parse_choice(opt_value *v, const ds_opt *o, const char *text, ds_error *err)
{
    char buf[512];
    const char *words[32];
    const char *near;
    int n = split_choices(o->arg, buf, sizeof buf, words, DS_COUNT(words));

    (void)v;
    if (opts_choice(o->arg, text) >= 0)
        return DS_OK;
    near = near_match(text, words, n);
    if (near != NULL)
        return ds_fail(err, DS_E_ARG, "--%s: expected one of %s, found \"%s\"; did you mean %s?",
                       o->name, o->arg, text, near);
    return ds_fail(err, DS_E_ARG, "--%s: expected one of %s, found \"%s\"", o->name, o->arg, text);
}

static ds_status append(opt_value *v, const char *text, int capacity, ds_error *err)
{
    if (v->list == NULL)
        v->list = ds_calloc((size_t)capacity + 1, sizeof *v->list);
    if (v->list == NULL)
        return ds_fail(err, DS_E_NOMEM, "options: %d words", capacity);
    v->list[v->count++] = text;
    return DS_OK;
}

/* `text` outlives the values: it is in argv or in a table. */
static ds_status set_value(opt_value *v, const ds_opt *o, const char *text, int capacity,
                           ds_error *err)
{
    v->text = text;
    switch (o->kind) {
    case OPT_FLAG:
        return DS_OK;
    case OPT_INT:
        return parse_int(v, o, text, err);
    case OPT_SEED:
        return parse_seed(v, o, text, err);
    case OPT_REAL:
        return parse_real(v, o, text, err);
    case OPT_CHOICE:
        return parse_choice(v, o, text, err);
    case OPT_TEXTS:
    case OPT_WORDS:
        return append(v, text, capacity, err);
    case OPT_OUTFILE:
    case OPT_OUTDIR:
        if (text[0] == '\0')
            return wrong(o, "a path", text, err);
        return DS_OK;
    case OPT_TEXT:
        return DS_OK;
    }
    return DS_OK;
}

/* ---- parsing --------------------------------------------------------------------------------- */

/* What getopt_long needs, made from the table: every name, then every alias. */
typedef struct scanner {
    struct option longs[2 * MAX_OPTIONS + 1];
    char shorts[2 * MAX_OPTIONS + 2];
} scanner;

static void make_scanner(scanner *s, const ds_args *a)
{
    int n = 0;
    size_t k = 0;

    s->shorts[k++] = ':'; /* a missing argument is told apart from an unknown option */
    for (int i = 0; i < a->option_count; i++) {
        const ds_opt *o = a->option[i];
        int takes = o->kind == OPT_FLAG ? no_argument : required_argument;

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

static int index_of(const ds_args *a, int code)
{
    if (code >= FIRST_LONG)
        return code - FIRST_LONG;
    for (int i = 0; i < a->option_count; i++)
        if (code != 0 && a->option[i]->letter == code)
            return i;
    return -1; /* getopt_long reports an unknown long name as 0 */
}

static ds_status unknown(const ds_args *a, const char *word, ds_error *err)
{
    const char *names[MAX_OPTIONS];
    char bare[80];
    const char *near;

    if (word[0] != '-' || word[1] != '-')
        return ds_fail(err, DS_E_ARG, "unknown option -%c", optopt);
    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(word + 2, "="), word + 2);
    for (int i = 0; i < a->option_count; i++)
        names[i] = a->option[i]->name;
    near = near_match(bare, names, a->option_count);
    if (near != NULL)
        return ds_fail(err, DS_E_ARG, "unknown option --%s; did you mean --%s?", bare, near);
    return ds_fail(err, DS_E_ARG, "unknown option --%s", bare);
}

static ds_status parse_options(ds_args *a, int argc, char **argv, ds_error *err)
{
    scanner s;
    int code;

    make_scanner(&s, a);
    opterr = 0;
    optind = 0;
    while ((code = getopt_long(argc, argv, s.shorts, s.longs, NULL)) != -1) {
        int i = index_of(a, code == ':' || code == '?' ? optopt : code);
        ds_status st;

        if (code == ':')
            return ds_fail(err, DS_E_ARG, "--%s: expected %s, found nothing", a->option[i]->name,
                           a->option[i]->arg);
        if (code == '?' && i >= 0)
            return ds_fail(err, DS_E_ARG, "--%s takes no value", a->option[i]->name);
        if (code == '?')
            return unknown(a, argv[optind - 1], err);
        a->value[i].given = true;
        st = set_value(&a->value[i], a->option[i], optarg, argc, err);
        while (st == DS_OK && a->option[i]->kind == OPT_WORDS && optind < argc &&
               argv[optind][0] != '-')
            st = set_value(&a->value[i], a->option[i], argv[optind++], argc, err);
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

static ds_status set_defaults(ds_args *a, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; i < a->option_count && st == DS_OK; i++)
        if (!a->value[i].given && a->option[i]->standard != NULL)
            st = set_value(&a->value[i], a->option[i], a->option[i]->standard, 1, err);
    return st;
}

/* The word "specimen" becomes a folder, or nothing where a command may go without it. */
static ds_status set_model(ds_args *a, ds_error *err)
{
    unsigned group = a->command->common & (COMMON_MODEL | COMMON_MODEL_OPTIONAL);
    const char *other = getenv(SPECIMEN_VARIABLE);
    opt_value *v = NULL;
    ds_status st;

    for (int i = 0; group != 0 && i < a->option_count; i++)
        if (strcmp(a->option[i]->name, "model") == 0)
            v = &a->value[i];
    if (v != NULL && !v->given && other != NULL && other[0] != '\0')
        v->text = other;
    if (v == NULL || strcmp(v->text, SPECIMEN) != 0)
        return DS_OK;
    st = specimen_find(&a->specimen, v->given || group == COMMON_MODEL ? err : NULL);
    v->written = st == DS_OK ? v->text : NULL;
    v->text = a->specimen;
    return v->given || group == COMMON_MODEL ? st : DS_OK;
}

static ds_status check_presence(const ds_args *a, ds_error *err)
{
    const ds_command *c = a->command;

    for (int i = 0; i < a->option_count; i++)
        if (a->option[i]->required && !a->value[i].given)
            return ds_fail(err, DS_E_ARG, "--%s %s is needed", a->option[i]->name,
                           a->option[i]->arg);
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

ds_status opts_parse(ds_args **out, const ds_command *c, int argc, char **argv, ds_error *err)
{
    ds_args *a = ds_calloc(1, sizeof *a);
    ds_status st;

    *out = NULL;
    if (a == NULL)
        return ds_fail(err, DS_E_NOMEM, "options: %zu bytes", sizeof *a);
    a->command = c;
    while (a->option_count < MAX_OPTIONS && opts_at(c, a->option_count) != NULL) {
        a->option[a->option_count] = opts_at(c, a->option_count);
        a->option_count++;
    }
    st = parse_options(a, argc, argv, err);
    if (st == DS_OK)
        st = set_defaults(a, err);
    if (st == DS_OK && !opt_flag(a, "help"))
        st = check_presence(a, err);
    if (st == DS_OK && !opt_flag(a, "help"))
        st = set_model(a, err);
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
    for (int i = 0; i < a->option_count; i++)
        ds_free(a->value[i].list);
    ds_free(a->positional);
    ds_free(a->specimen);
    ds_free(a);
}

/* ---- access ---------------------------------------------------------------------------------- */

static int find(const ds_args *a, const char *name)
{
    for (int i = 0; i < a->option_count; i++)
        if (strcmp(a->option[i]->name, name) == 0)
            return i;
    return -1;
}

static const opt_value *value(const ds_args *a, const char *name)
{
    int i = find(a, name);

    if (i < 0) {
        fprintf(stderr, "diffuscope %s: bug: it has no option %s\n", a->command->name, name);
        abort();
    }
    return &a->value[i];
}

const ds_command *opts_command(const ds_args *a)
{
    return a->command;
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
    return find(a, name) >= 0;
}

bool opt_given(const ds_args *a, const char *name)
{
    return value(a, name)->given;
}

bool opt_flag(const ds_args *a, const char *name)
{
    return value(a, name)->given;
}

int64_t opt_int(const ds_args *a, const char *name)
{
    return value(a, name)->whole;
}

uint64_t opt_seed(const ds_args *a, const char *name)
{
    return value(a, name)->seed;
}

double opt_real(const ds_args *a, const char *name)
{
    return value(a, name)->real;
}

const char *opt_text(const ds_args *a, const char *name)
{
    return value(a, name)->text;
}

int opt_choice(const ds_args *a, const char *name)
{
    const char *text = opt_text(a, name);

    return text != NULL ? opts_choice(a->option[find(a, name)]->arg, text) : -1;
}

const char *opt_written(const ds_args *a, const char *name)
{
    const opt_value *v = value(a, name);

    return v->written != NULL ? v->written : v->text;
}

const char *const *opt_texts(const ds_args *a, const char *name, int *count)
{
    const opt_value *v = value(a, name);

    *count = v->count;
    return v->list;
}

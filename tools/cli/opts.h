/* opts.h - commands and their options as tables: parsing, --help, man pages and completions all
 * come from them.
 *
 * A command is one file cmd_NAME.c with one `const ds_command cmd_NAME`, listed in main.c. The
 * frame parses and checks the options, sets the threads, refuses to overwrite files, calls run()
 * and turns its status into a message and an exit code. A command prints results on standard output
 * and returns failures through err; it never exits. */

#ifndef DS_CLI_OPTS_H
#define DS_CLI_OPTS_H

#include <stdio.h>

#include <diffuscope/base.h>

typedef enum ds_opt_kind {
    OPT_FLAG,    /* no argument */
    OPT_INT,     /* whole number, range checked */
    OPT_SEED,    /* 0 to 2^64-1; below 0 asks for a random one, which is drawn once at parsing */
    OPT_REAL,    /* finite number, range checked */
    OPT_TEXT,    /* taken as it is */
    OPT_TEXTS,   /* the same, may be given several times */
    OPT_WORDS,   /* the same, and takes all that follow up to the next option: --words cat dog */
    OPT_CHOICE,  /* one of the words in `arg`: "f32|bf16" */
    OPT_OUTFILE, /* a file to write: refused if it exists, unless --force */
    OPT_OUTDIR   /* a folder to write: refused if it is there and not empty, unless --force */
} ds_opt_kind;

typedef struct ds_opt {
    const char *name; /* long name, without dashes */
    char letter;      /* short name or 0 */
    ds_opt_kind kind;
    const char *arg;      /* name of the argument in the help, or the choices */
    const char *standard; /* default, as the user would write it; NULL: none */
    double min, max;      /* both ends included; min == max: no limits */
    const char *help;     /* one sentence without the default and the range: they are added */
    const char *alias;    /* a second long name, known to users of other programs; or NULL */
    bool required;
} ds_opt;

/* Groups of the common options; a command names those that it honours. --quiet, --verbose and
 * --help are always there, --force where an OPT_OUT... is. */
enum {
    COMMON_MODEL = 1 << 0,          /* -m/--model, or the specimen; refused without either */
    COMMON_MODEL_OPTIONAL = 1 << 1, /* the same, but NULL without either */
    COMMON_THREADS = 1 << 2,        /* -t/--threads; the frame applies it */
    COMMON_COMPUTE = 1 << 3,        /* --compute f32|bf16 */
    COMMON_JSON = 1 << 4,           /* --json */
    COMMON_PROGRESS = 1 << 5,       /* --progress auto|json|none */
    COMMON_SHOW = 1 << 6            /* --show auto|kitty|iterm|sixel|blocks|none, see show.h */
};

typedef struct ds_args ds_args;

typedef struct ds_command {
    const char *name;
    const char *purpose;     /* one line, lower case, no full stop */
    const char *positional;  /* "TEXT", "[GLOB]"; NULL if there are none */
    const char *description; /* paragraphs separated by an empty line; NULL */
    const char *example;     /* one command line; NULL */
    const ds_opt *options;   /* its own, ended by { 0 }; NULL */
    unsigned common;         /* COMMON_... */
    int least, most;         /* number of positional arguments; most == -1: any */
    ds_status (*run)(const ds_args *a, ds_error *err);
} ds_command;

extern const ds_command *const ds_commands[]; /* ended by NULL; in main.c */

const ds_command *command_find(const char *name); /* NULL if unknown */

/* Parses and runs; argv[0] is the command's name. */
ds_status command_run(const ds_command *c, int argc, char **argv, ds_error *err);

/* Parses argv[0 .. argc-1] and sorts it; the strings are borrowed. argv[0] is the command's name
 * and is skipped. DS_E_ARG names the option and says what was expected and found. --help is only
 * noted, see opt_flag(a, "help"). */
ds_status opts_parse(ds_args **out, const ds_command *c, int argc, char **argv, ds_error *err);
void opts_free(ds_args *a);

const ds_command *opts_command(const ds_args *a);
int opts_count(const ds_args *a); /* positional arguments */
const char *opts_positional(const ds_args *a, int i);

/* Options of a command, its own first and then the common ones; NULL past the end. */
const ds_opt *opts_at(const ds_command *c, int i);

/* Values after defaults. A name that the command has not declared is a bug, and aborts. */
bool opt_given(const ds_args *a, const char *name); /* on the command line, not by default */
bool opt_flag(const ds_args *a, const char *name);
int64_t opt_int(const ds_args *a, const char *name);
uint64_t opt_seed(const ds_args *a, const char *name);
double opt_real(const ds_args *a, const char *name);
const char *opt_text(const ds_args *a, const char *name); /* NULL if neither given nor default */
/* The same as the user wrote it or would: "specimen", where opt_text has its folder. */
const char *opt_written(const ds_args *a, const char *name);
const char *const *opt_texts(const ds_args *a, const char *name, int *count);

/* Place of a word in the list of an OPT_CHOICE, "a|b|c"; -1: not in it. */
int opts_choice(const char *choices, const char *word);
/* The same of an option's value; -1: NULL. Lists stand in the order of the enum that they name. */
int opt_choice(const ds_args *a, const char *name);

/* True if this command has the option at all. */
bool opt_declared(const ds_args *a, const char *name);

/* The nearest of `count` words that is near enough to be what `word` was meant to be, or NULL. */
const char *near_match(const char *word, const char *const *words, int count);

/* help.c */
void help_program(FILE *to);
void help_command(FILE *to, const ds_command *c);
void help_man(FILE *to, const ds_command *c); /* NULL: the page of the program */
void help_completion_bash(FILE *to);
void help_completion_zsh(FILE *to);

#endif

/* opts.h - commands and their options: parsing of the command line over the tables of
 * diffuscope/option.h. --help, man pages and completions come from the same tables.
 *
 * A command is either a method of the library, or one file cmd_NAME.c with a
 * `const ds_command cmd_NAME`, listed in main.c. The frame parses and checks the options, sets the
 * threads, refuses to overwrite files, calls run() and turns its status into a message and an exit
 * code. A command prints results on standard output and returns failures through err; it never
 * exits. */

#ifndef DS_CLI_OPTS_H
#define DS_CLI_OPTS_H

#include <stdio.h>

#include <diffuscope/job.h>

/* Groups of the common options; a command names those that it honours. --quiet, --verbose and
 * --help are always there, --force where something is written. */
enum {
    COMMON_MODEL = DS_JOB_MODEL, /* -m/--model, or the specimen; refused without either */
    COMMON_MODEL_OPTIONAL = DS_JOB_MODEL_OPTIONAL, /* the same, but NULL without either */
    COMMON_COMPUTE = DS_JOB_COMPUTE,               /* --compute f32|bf16|ref */
    COMMON_THREADS = DS_JOB_THREADS,               /* -t/--threads; the frame applies it */
    COMMON_JSON = 1 << 16,                         /* --json */
    COMMON_PROGRESS = 1 << 17,                     /* --progress auto|json|none */
    COMMON_SHOW = 1 << 18 /* --show auto|kitty|iterm|sixel|blocks|none, see show.h */
};

typedef struct ds_args ds_args;

typedef struct ds_command {
    const char *name;
    const char *purpose;      /* one line, lower case, no full stop */
    const char *positional;   /* "TEXT", "[GLOB]"; NULL if there are none */
    const char *description;  /* paragraphs separated by an empty line; NULL */
    const char *example;      /* one command line; NULL */
    const ds_option *options; /* its own, ended by { 0 }; NULL */
    unsigned common;          /* COMMON_..., and DS_JOB_FOLDER of methods */
    int least, most;          /* number of positional arguments; most == -1: any */
    ds_status (*run)(const ds_args *a, ds_error *err);
    const ds_method *method; /* of the library; then the rest comes from it */
} ds_command;

/* All of them, methods first; NULL past the end. */
const ds_command *command_at(int i);
const ds_command *command_find(const char *name); /* NULL if unknown */

/* `eval daam` is the command eval-daam, so that manual pages and completions need no second level; so is
 * "eval daam" as one word (second: NULL). */
const ds_command *command_of_words(const char *first, const char *second);

/* Lists the commands whose first word this is; false if there are none. */
bool command_group(FILE *to, const char *first);

/* Parses and runs a method without printing its result; argv[0] is the command's name. */
ds_status command_run(const ds_command *c, int argc, char **argv, ds_error *err);

/* Parses argv[0 .. argc-1] and sorts it. argv[0] is the command's name and is skipped. DS_E_ARG
 * names the option and says what was expected and found. --help is only noted, see
 * opt_flag(a, "help"). */
ds_status opts_parse(ds_args **out, const ds_command *c, int argc, char **argv, ds_error *err);
void opts_free(ds_args *a);

const ds_command *opts_command(const ds_args *a);
int opts_count(const ds_args *a); /* positional arguments */
const char *opts_positional(const ds_args *a, int i);
ds_job *opts_job(const ds_args *a); /* of a method; NULL for other commands */

/* The n-th option of a command: its own first, then the common ones; NULL past the end. */
const ds_option *opts_at(const ds_command *c, int n);

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

/* Place of a CHOICE's value in its list; -1: NULL. Lists stand in the order of their enums. */
int opt_choice(const ds_args *a, const char *name);

/* True if this command has the option at all. */
bool opt_declared(const ds_args *a, const char *name);

const ds_option_set *opts_set(const ds_args *a);

/* help.c */
void help_program(FILE *to);
void help_command(FILE *to, const ds_command *c);
void help_man(FILE *to, const ds_command *c); /* NULL: the page of the program */
void help_completion_bash(FILE *to);
void help_completion_zsh(FILE *to);

#endif

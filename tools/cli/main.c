/* main.c - the program: finds the command, hands it its options, and turns its status into an exit
 * code. The list of commands is here and nowhere else. */

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/methods.h>
#include <diffuscope/optional.h>

#include "commands.h"
#include "method.h"
#include "say.h"
#include "show.h"
#include "print.h"

/* Commands that are no methods of the library. */
static const ds_command *const plain[] = {
    &cmd_help,   &cmd_inspect, &cmd_tokenize, &cmd_sites, &cmd_forward,   &cmd_encode,  &cmd_sample,
    &cmd_random, &cmd_replay,  &cmd_report,   &cmd_train, &cmd_new_model, &cmd_version,
};

#define TALK COMMON_JSON | COMMON_PROGRESS | COMMON_SHOW

static const char *arguments_of(const ds_option *table)
{
    for (const ds_option *o = table; o != NULL && (o->name != NULL || o->block != NULL); o++)
        if (o->positional)
            return o->arg;
    return NULL;
}

/* Methods as commands; made once. */
static const ds_command *method_at(int i)
{
    static ds_command made[64];
    const ds_method *m = i < (int)DS_COUNT(made) ? ds_method_at(i) : NULL;

    if (m != NULL && made[i].name == NULL)
        made[i] = (ds_command){ .name = m->name,
                                .purpose = m->purpose,
                                .positional = arguments_of(m->options),
                                .description = m->description,
                                .example = m->example,
                                .options = m->options,
                                .common = m->parts | TALK,
                                .run = run_method,
                                .method = m };
    return m != NULL ? &made[i] : NULL;
}

const ds_command *command_at(int i)
{
    int methods = 0;

    while (ds_method_at(methods) != NULL)
        methods++;
    if (i < methods)
        return method_at(i);
    return i - methods < (int)DS_COUNT(plain) ? plain[i - methods] : NULL;
}

const ds_command *command_find(const char *name)
{
    const ds_command *c;

    for (int i = 0; (c = command_at(i)) != NULL; i++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

const ds_command *command_of_words(const char *first, const char *second)
{
    char name[64];
    int n = second != NULL ? snprintf(name, sizeof name, "%s-%s", first, second)
                           : snprintf(name, sizeof name, "%s", first);

    for (char *c = name; *c != '\0'; c++)
        *c = *c == ' ' ? '-' : *c;
    return n > 0 && (size_t)n < sizeof name ? command_find(name) : NULL;
}

/* The second word of a command whose first is this one; NULL for others. */
static const char *second_of(const ds_command *c, const char *first)
{
    const size_t n = strlen(first);

    return strncmp(c->name, first, n) == 0 && c->name[n] == '-' ? c->name + n + 1 : NULL;
}

bool command_group(FILE *to, const char *first)
{
    const ds_command *c;
    bool any = false;

    for (int i = 0; (c = command_at(i)) != NULL; i++) {
        if (second_of(c, first) == NULL)
            continue;
        if (!any)
            fprintf(to, "diffuscope %s is the first word of these commands:\n", first);
        fprintf(to, "  %s %-14s %s\n", first, second_of(c, first), c->purpose);
        any = true;
    }
    if (any)
        fprintf(to, "\n\"diffuscope %s WORD --help\" explains one.\n", first);
    return any;
}

/* What a misspelt second word may have meant; NULL. */
static const char *near_second(const char *first, const char *second)
{
    const char *names[64];
    const ds_command *c;
    int n = 0;

    for (int i = 0; n < (int)DS_COUNT(names) && (c = command_at(i)) != NULL; i++)
        if (second_of(c, first) != NULL)
            names[n++] = second_of(c, first);
    return second != NULL && second[0] != '-' ? ds_near_match(second, names, n) : NULL;
}

/* Only the first of two words is a name: what may follow. */
static int half_a_command(const char *first, const char *second)
{
    const bool asked =
        second != NULL && (strcmp(second, "--help") == 0 || strcmp(second, "-h") == 0);
    const char *near = near_second(first, second);

    if (near != NULL) {
        print_err("diffuscope %s: unknown \"%s\"; did you mean %s %s?\n", first, second, first,
                  near);
        return EXIT_USAGE;
    }
    return command_group(asked ? stdout : stderr, first) ? asked ? 0 : EXIT_USAGE : -1;
}

static int unknown_command(const char *word, const char *second)
{
    const char *names[64];
    const char *near;
    int n = 0, code = half_a_command(word, second);

    if (code >= 0)
        return code;
    while (n < (int)DS_COUNT(names) && command_at(n) != NULL) {
        names[n] = command_at(n)->name;
        n++;
    }
    near = ds_near_match(word, names, n);
    if (near != NULL)
        print_err("diffuscope: unknown command \"%s\"; did you mean %s?\n", word, near);
    else
        print_err("diffuscope: unknown command \"%s\"; \"diffuscope help\" lists them\n", word);
    return EXIT_USAGE;
}

static ds_status run_parsed(const ds_args *a, ds_error *err)
{
    const ds_command *c = opts_command(a);
    ds_status st;

    if (opt_flag(a, "help")) {
        help_command(stdout, c);
        return DS_OK;
    }
    if (c->method == NULL && opt_declared(a, "threads") && opt_given(a, "threads"))
        ds_set_threads((int)opt_int(a, "threads"));
    st = show_check(a, err);
    if (st == DS_OK && c->method == NULL)
        st = ds_option_check_outputs(opts_set(a), err);
    if (st == DS_OK && c->method == NULL)
        st = ds_options_strip_tags((ds_option_set *)opts_set(a), err);
    return st == DS_OK ? c->run(a, err) : st;
}

ds_status command_run(const ds_command *c, int argc, char **argv, ds_error *err)
{
    ds_args *a;
    ds_status st = opts_parse(&a, c, argc, argv, err);

    if (st == DS_OK)
        st = run_silently(a, err);
    opts_free(a);
    return st;
}

static int run_command(const ds_command *c, int argc, char **argv)
{
    ds_error err = { 0 };
    ds_args *a = NULL;
    ds_status st = opts_parse(&a, c, argc, argv, &err);
    int code = 0;

    if (st == DS_OK)
        st = run_parsed(a, &err);
    if (st == DS_OK && answer_was_no())
        code = EXIT_RUN_FAILED;
    if (st != DS_OK)
        code = report_failure(c->name, st, &err);
    if (st == DS_E_CANCELLED && opt_declared(a, "resume") && opt_given(a, "out"))
        print_err("what was measured is kept: the same command with --resume goes on\n");
    if (a == NULL)
        print_err("\"diffuscope %s --help\" lists its options\n", c->name);
    opts_free(a);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0) {
        print_err("diffuscope %s: standard output could not be written\n", c->name);
        code = EXIT_RUN_FAILED;
    }
    return code;
}

/* By default GNU OpenMP's threads spin for milliseconds at a barrier; when both of two threads have
 * been put on one core, that is how long the other one waits. A tenth of a UNet pass went there
 * (speed log). The runtime reads its settings before main, so the program starts itself again with
 * them. */
static void let_threads_sleep(char **argv)
{
    if (getenv("GOMP_SPINCOUNT") != NULL || getenv("OMP_WAIT_POLICY") != NULL)
        return;
    if (setenv("GOMP_SPINCOUNT", "1000", 0) == 0)
        execv("/proc/self/exe", argv); /* where that fails, all still works */
}

int main(int argc, char **argv)
{
    const ds_command *c;

    let_threads_sleep(argv);
    ds_report_use();
    setlocale(LC_CTYPE, ""); /* for the progress line; numbers keep their point */
    if (argc < 2) {
        help_program(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        argv[1] = (char *)"help";
    else if (strcmp(argv[1], "--version") == 0)
        argv[1] = (char *)"version";
    if (argc > 2 && (c = command_of_words(argv[1], argv[2])) != NULL)
        return run_command(c, argc - 2, argv + 2);
    c = command_of_words(argv[1], NULL);
    if (c == NULL)
        return unknown_command(argv[1], argc > 2 ? argv[2] : NULL);
    if (argc > 2 && c->positional == NULL && near_second(argv[1], argv[2]) != NULL)
        return half_a_command(argv[1], argv[2]);
    return run_command(c, argc - 1, argv + 1);
}

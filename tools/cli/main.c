/* main.c - the program: finds the command, hands it its options, and turns its status into an exit
 * code. The list of commands is here and nowhere else. */

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "report.h"
#include "show.h"

/* clang-format off: one in a line */
const ds_command *const ds_commands[] = {
    &cmd_generate,  &cmd_daam,        &cmd_eval_daam,     &cmd_eval_info,
    &cmd_info,      &cmd_info_words,  &cmd_info_score,    &cmd_info_curve,
    &cmd_info_edit, &cmd_eval_pid,    &cmd_pid,           &cmd_pid_all,
    &cmd_pid_bias,  &cmd_pid_homonym, &cmd_pid_intervene, &cmd_help,
    &cmd_new_model, &cmd_inspect,     &cmd_sites,         &cmd_forward,
    &cmd_tokenize,  &cmd_sample,      &cmd_random,        &cmd_replay,
    &cmd_report,    &cmd_train,       &cmd_version,       NULL,
};
/* clang-format on */

const ds_command *command_find(const char *name)
{
    for (int i = 0; ds_commands[i] != NULL; i++)
        if (strcmp(ds_commands[i]->name, name) == 0)
            return ds_commands[i];
    return NULL;
}

/* `eval daam` is the command eval-daam, so that manual pages and completions need no second level.
 */
static const ds_command *command_of_two_words(const char *first, const char *second)
{
    char name[64];
    int n = snprintf(name, sizeof name, "%s-%s", first, second);

    return n > 0 && (size_t)n < sizeof name ? command_find(name) : NULL;
}

/* Where a word is the first of two: names those that may follow. */
static bool half_a_command(const char *word)
{
    size_t n = strlen(word);
    bool any = false;

    for (int i = 0; ds_commands[i] != NULL; i++) {
        const char *name = ds_commands[i]->name;

        if (strncmp(name, word, n) != 0 || name[n] != '-')
            continue;
        if (!any)
            fprintf(stderr, "diffuscope %s: expected one of", word);
        fprintf(stderr, "%s %s", any ? "," : "", name + n + 1);
        any = true;
    }
    if (any)
        fputc('\n', stderr);
    return any;
}

static int unknown_command(const char *word)
{
    const char *names[64];
    const char *near;
    int n = 0;

    if (half_a_command(word))
        return EXIT_USAGE;
    while (n < (int)DS_COUNT(names) && ds_commands[n] != NULL) {
        names[n] = ds_commands[n]->name;
        n++;
    }
    near = near_match(word, names, n);
    if (near != NULL)
        fprintf(stderr, "diffuscope: unknown command \"%s\"; did you mean %s?\n", word, near);
    else
        fprintf(stderr, "diffuscope: unknown command \"%s\"; \"diffuscope help\" lists them\n",
                word);
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
    if (opt_declared(a, "threads") && opt_given(a, "threads"))
        ds_set_threads((int)opt_int(a, "threads"));
    st = show_check(a, err);
    if (st == DS_OK)
        st = check_outputs(a, err);
    return st == DS_OK ? c->run(a, err) : st;
}

ds_status command_run(const ds_command *c, int argc, char **argv, ds_error *err)
{
    ds_args *a;
    ds_status st = opts_parse(&a, c, argc, argv, err);

    if (st == DS_OK)
        st = run_parsed(a, err);
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
    if (st != DS_OK)
        code = report_failure(c->name, st, &err);
    if (a == NULL)
        fprintf(stderr, "\"diffuscope %s --help\" lists its options\n", c->name);
    opts_free(a);
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0) {
        fprintf(stderr, "diffuscope %s: standard output could not be written\n", c->name);
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
    setlocale(LC_CTYPE, ""); /* for the progress line; numbers keep their point */
    if (argc < 2) {
        help_program(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        argv[1] = (char *)"help";
    else if (strcmp(argv[1], "--version") == 0)
        argv[1] = (char *)"version";
    if (argc > 2 && (c = command_of_two_words(argv[1], argv[2])) != NULL)
        return run_command(c, argc - 2, argv + 2);
    c = command_find(argv[1]);
    return c != NULL ? run_command(c, argc - 1, argv + 1) : unknown_command(argv[1]);
}

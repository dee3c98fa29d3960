/* cmd_help.c - `diffuscope help`: the list of commands, one command, man pages, completions. */

#include "commands.h"
#include "print.h"

#include <stdio.h>
#include <string.h>

static const ds_option options[] = {
    { .name = "man", .kind = DS_OPTION_FLAG, .help = "print the manual page (mdoc) instead" },
    { .name = "names", .kind = DS_OPTION_FLAG, .help = "print the names of the commands only" },
    { .name = "completion",
      .kind = DS_OPTION_CHOICE,
      .choices = "bash|zsh",
      .help = "print the shell's completion script" },
    { .name = "schema",
      .kind = DS_OPTION_FLAG,
      .help = "print all commands, or one, with their options and results as JSON" },
    { 0 },
};

enum { MOST_COMMANDS = 96 };

/* A command that is no method of the library, as one. */
static ds_method described(const ds_command *c)
{
    return (ds_method){ .name = c->name,
                        .purpose = c->purpose,
                        .description = c->description,
                        .example = c->example,
                        .options = c->options,
                        .parts = c->common };
}

static ds_status print_schema(const ds_command *only, ds_error *err)
{
    static ds_method plain[MOST_COMMANDS];
    const ds_method *list[MOST_COMMANDS];
    const ds_command *c;
    char *text;
    int n = 0;
    ds_status st;

    for (int i = 0; n < MOST_COMMANDS && (c = command_at(i)) != NULL; i++) {
        if (only != NULL && c != only)
            continue;
        plain[n] = described(c);
        list[n] = c->method != NULL ? c->method : &plain[n];
        n++;
    }
    st = ds_methods_json(list, n, &text, err);
    if (st == DS_OK)
        print("%s\n", text);
    ds_free(text);
    return st;
}

/* `pid` is a command, and the first word of others. */
static bool begins_others(const char *name)
{
    const size_t n = strlen(name);
    const ds_command *c;

    for (int i = 0; (c = command_at(i)) != NULL; i++)
        if (strncmp(c->name, name, n) == 0 && c->name[n] == '-')
            return true;
    return false;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    const char *shell = opt_text(a, "completion");
    const char *name = opts_positional(a, 0), *second = opts_positional(a, 1);
    const ds_command *c = name != NULL ? command_of_words(name, second) : NULL;

    if (c == NULL && name != NULL && second == NULL && command_group(stdout, name))
        return DS_OK;
    if (name != NULL && c == NULL)
        return ds_fail(err, DS_E_ARG, "no command is called \"%s%s%s\"", name,
                       second != NULL ? " " : "", second != NULL ? second : "");
    if (opt_flag(a, "schema"))
        return print_schema(c, err);
    if (opt_flag(a, "names"))
        for (int i = 0; command_at(i) != NULL; i++)
            print("%s\n", command_at(i)->name);
    else if (shell != NULL && strcmp(shell, "bash") == 0)
        help_completion_bash(stdout);
    else if (shell != NULL)
        help_completion_zsh(stdout);
    else if (opt_flag(a, "man"))
        help_man(stdout, c);
    else if (c != NULL) {
        help_command(stdout, c);
        if (second == NULL && begins_others(name)) {
            print("\n");
            command_group(stdout, name);
        }
    } else
        help_program(stdout);
    return DS_OK;
}

const ds_command cmd_help = {
    .name = "help",
    .purpose = "list the commands, or explain one",
    .positional = "[COMMAND [SECOND WORD]]",
    .example = ". <(diffuscope help --completion bash)",
    .options = options,
    .most = 2,
    .run = run,
};

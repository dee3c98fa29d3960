/* cmd_help.c - `diffuscope help`: the list of commands, one command, man pages, completions. */

#include "commands.h"

#include <stdio.h>
#include <string.h>

static const ds_option options[] = {
    { .name = "man", .kind = DS_OPTION_FLAG, .help = "print the manual page (mdoc) instead" },
    { .name = "names", .kind = DS_OPTION_FLAG, .help = "print the names of the commands only" },
    { .name = "completion",
      .kind = DS_OPTION_CHOICE,
      .choices = "bash|zsh",
      .help = "print the shell's completion script" },
    { 0 },
};

static ds_status run(const ds_args *a, ds_error *err)
{
    const char *shell = opt_text(a, "completion");
    const char *name = opts_positional(a, 0);
    const ds_command *c = name != NULL ? command_find(name) : NULL;

    if (name != NULL && c == NULL)
        return ds_fail(err, DS_E_ARG, "no command is called \"%s\"", name);
    if (opt_flag(a, "names"))
        for (int i = 0; command_at(i) != NULL; i++)
            puts(command_at(i)->name);
    else if (shell != NULL && strcmp(shell, "bash") == 0)
        help_completion_bash(stdout);
    else if (shell != NULL)
        help_completion_zsh(stdout);
    else if (opt_flag(a, "man"))
        help_man(stdout, c);
    else if (c != NULL)
        help_command(stdout, c);
    else
        help_program(stdout);
    return DS_OK;
}

const ds_command cmd_help = {
    .name = "help",
    .purpose = "list the commands, or explain one",
    .positional = "[COMMAND]",
    .example = ". <(diffuscope help --completion bash)",
    .options = options,
    .most = 1,
    .run = run,
};

/* completion.c - what bash and zsh complete: commands of one and two words, their options, and the values of
 * options that have few. All of it comes from the tables. */

#include "opts.h"

#include <string.h>

#include <diffuscope/sampler.h>

/* "pid-bias" is written `pid bias`; "new-model" is one word. */
static const char *second_word(const ds_command *c)
{
    const char *dash = c->method != NULL ? strchr(c->name, '-') : NULL;

    return dash != NULL ? dash + 1 : NULL;
}

static size_t first_length(const ds_command *c)
{
    return second_word(c) != NULL ? (size_t)(second_word(c) - 1 - c->name) : strlen(c->name);
}

/* Whether an earlier command has the same first word. */
static bool is_repeated(int at)
{
    const ds_command *c = command_at(at), *other;

    for (int i = 0; i < at && (other = command_at(i)) != NULL; i++)
        if (first_length(other) == first_length(c) &&
            memcmp(other->name, c->name, first_length(c)) == 0)
            return true;
    return false;
}

static void first_words(FILE *to)
{
    const ds_command *c;

    for (int i = 0, n = 0; (c = command_at(i)) != NULL; i++)
        if (!is_repeated(i))
            fprintf(to, "%s%.*s", n++ > 0 ? " " : "", (int)first_length(c), c->name);
}

/* Cases "pid) words="all bias" ;;" for first words that have second ones. */
static void second_words(FILE *to)
{
    const ds_command *c, *other;

    for (int i = 0; (c = command_at(i)) != NULL; i++) {
        int n = 0;

        if (is_repeated(i))
            continue;
        for (int k = i; (other = command_at(k)) != NULL; k++)
            if (second_word(other) != NULL && first_length(other) == first_length(c) &&
                memcmp(other->name, c->name, first_length(c)) == 0) {
                if (n++ == 0)
                    fprintf(to, "        %.*s) words=\"", (int)first_length(c), c->name);
                fprintf(to, "%s%s", n > 1 ? " " : "", second_word(other));
            }
        if (n > 0)
            fputs("\" ;;\n", to);
    }
}

static void two_words(FILE *to)
{
    const ds_command *c;

    for (int i = 0, n = 0; (c = command_at(i)) != NULL; i++)
        if (second_word(c) != NULL)
            fprintf(to, "%s%s", n++ > 0 ? "|" : "", c->name);
}

static void options_of(FILE *to, const ds_command *c)
{
    const ds_option *o;

    for (int i = 0, n = 0; (o = opts_at(c, i)) != NULL; i++)
        if (!o->positional)
            fprintf(to, "%s--%s", n++ > 0 ? " " : "", o->name);
}

static void samplers(FILE *to)
{
    const char *name;

    for (int i = 0; (name = ds_sampler_list(i, NULL)) != NULL; i++)
        fprintf(to, "%s%s", i > 0 ? " " : "", name);
}

/* The few words that an option's value is one of: choices, and arguments like default|karras. */
static bool has_values(const ds_option *o)
{
    return o->kind == DS_OPTION_CHOICE || strcmp(o->name, "sampler") == 0 ||
           (o->kind == DS_OPTION_TEXT && o->arg != NULL && strchr(o->arg, '|') != NULL);
}

static void values_of(FILE *to, const ds_option *o)
{
    if (strcmp(o->name, "sampler") == 0) {
        samplers(to);
        return;
    }
    for (const char *p = o->kind == DS_OPTION_CHOICE ? o->choices : o->arg; *p != '\0'; p++)
        fputc(*p == '|' ? ' ' : *p, to);
}

/* Cases "command:--option" with the words of its value. */
static void values(FILE *to)
{
    const ds_option *o;

    for (int k = 0; command_at(k) != NULL; k++)
        for (int i = 0; (o = opts_at(command_at(k), i)) != NULL; i++)
            if (has_values(o)) {
                fprintf(to, "    %s:--%s", command_at(k)->name, o->name);
                if (o->alias != NULL)
                    fprintf(to, "|%s:--%s", command_at(k)->name, o->alias);
                fputs(") words=\"", to);
                values_of(to, o);
                fputs("\" ;;\n", to);
            }
}

void help_completion_bash(FILE *to)
{
    fputs("# bash completion for diffuscope, made by: diffuscope help --completion bash\n"
          "_diffuscope() {\n"
          "    local now=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]} words=\n"
          "    local command=${COMP_WORDS[1]}\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n        COMPREPLY=($(compgen -W \"",
          to);
    first_words(to);
    fputs("\" -- \"$now\"))\n        return\n    fi\n"
          "    if [ \"$COMP_CWORD\" -gt 2 ]; then\n"
          "        case \"$command-${COMP_WORDS[2]}\" in\n        ",
          to);
    two_words(to);
    fputs(") command=$command-${COMP_WORDS[2]} ;;\n        esac\n    fi\n"
          "    case \"$command:$last\" in\n",
          to);
    values(to);
    fputs("    esac\n    if [ -z \"$words\" ] && [ \"${now#-}\" != \"$now\" ]; then\n"
          "        case \"$command\" in\n",
          to);
    for (int i = 0; command_at(i) != NULL; i++) {
        fprintf(to, "        %s) words=\"", command_at(i)->name);
        options_of(to, command_at(i));
        fputs("\" ;;\n", to);
    }
    fputs("        esac\n    elif [ -z \"$words\" ] && [ \"$COMP_CWORD\" = 2 ]; then\n"
          "        case \"$command\" in\n        help) words=\"",
          to);
    first_words(to);
    fputs("\" ;;\n", to);
    second_words(to);
    fputs("        esac\n    elif [ -z \"$words\" ] && [ \"$COMP_CWORD\" = 3 ] && [ \"$command\" = "
          "help ]; then\n"
          "        case \"${COMP_WORDS[2]}\" in\n",
          to);
    second_words(to);
    fputs("        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$now\"))\n}\n"
          "complete -o default -F _diffuscope diffuscope\n",
          to);
}

/* zsh runs bash's function through its own adapter. */
void help_completion_zsh(FILE *to)
{
    fputs("#compdef diffuscope\nautoload -U +X bashcompinit && bashcompinit\n", to);
    help_completion_bash(to);
}

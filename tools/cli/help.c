/* help.c - text, manual pages and completions from the option tables. */

#include "opts.h"

#include <string.h>

#define TEXT_WIDTH  92
#define HELP_COLUMN 28

/* Length of the next word; of one that fits no line ("a,b,c"), up to the last comma that does. */
static int next_word(const char *text, int room)
{
    int n = (int)strcspn(text, " \n"), cut = 0;

    for (int i = 0; i < n && i < room; i++)
        cut = text[i] == ',' ? i + 1 : cut;
    return n > room && cut > 0 ? cut : n;
}

/* Prints words up to TEXT_WIDTH columns; `column` is where the cursor is, `indent` where further
 * lines start. A newline in the text starts a new line, two a paragraph. */
static void wrap(FILE *to, const char *text, int column, int indent)
{
    while (*text != '\0') {
        int n = next_word(text, TEXT_WIDTH - indent);

        if (column + n > TEXT_WIDTH && column > indent) {
            fprintf(to, "\n%*s", indent, "");
            column = indent;
        }
        fwrite(text, 1, (size_t)n, to);
        column += n;
        text += n;
        if (*text == '\n') {
            fprintf(to, "\n%*s", text[1] == '\n' ? 0 : indent, "");
            column = indent;
            text++;
        } else if (*text == ' ') {
            if (column + 1 + (int)strcspn(text + 1, " \n") <= TEXT_WIDTH) {
                fputc(' ', to);
                column++;
            } else {
                fprintf(to, "\n%*s", indent, "");
                column = indent;
            }
            text++;
        }
    }
    fputc('\n', to);
}

static const char *argument_of(const ds_option *o)
{
    return o->arg != NULL ? o->arg : o->choices;
}

/* The sentence of an option with default, range and second name added. */
static const char *full_help(const ds_option *o, char *buf, size_t size)
{
    int n = snprintf(buf, size, "%s", o->help);
    const char *sep = " (";

    if (o->required)
        n += snprintf(buf + n, size - (size_t)n, "%sneeded", sep), sep = "; ";
    if (o->min < o->max)
        n += snprintf(buf + n, size - (size_t)n, "%s%.10g to %.10g", sep, o->min, o->max),
            sep = "; ";
    if (o->standard != NULL && o->standard[0] != '\0')
        n += snprintf(buf + n, size - (size_t)n, "%sdefault %s", sep, o->standard), sep = "; ";
    if (o->kind == DS_OPTION_TEXTS || o->kind == DS_OPTION_WORDS)
        n += snprintf(buf + n, size - (size_t)n, "%sas often as needed", sep), sep = "; ";
    if (o->alias != NULL)
        n += snprintf(buf + n, size - (size_t)n, "%salso --%s", sep, o->alias), sep = "; ";
    if (strcmp(sep, "; ") == 0)
        snprintf(buf + n, size - (size_t)n, ")");
    return buf;
}

static void help_option(FILE *to, const ds_option *o)
{
    char left[120], text[640];
    int n;

    if (o->letter != 0)
        n = snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name);
    else
        n = snprintf(left, sizeof left, "      --%s", o->name);
    if (argument_of(o) != NULL)
        n += snprintf(left + n, sizeof left - (size_t)n, " %s", argument_of(o));
    fputs(left, to);
    if (n + 2 > HELP_COLUMN)
        fprintf(to, "\n%*s", HELP_COLUMN, "");
    else
        fprintf(to, "%*s", HELP_COLUMN - n, "");
    wrap(to, full_help(o, text, sizeof text), HELP_COLUMN, HELP_COLUMN);
}

/* Broken before options where the line is too long, so that it can be pasted into a shell. */
static void help_example(FILE *to, const char *line)
{
    int column = 2;

    fputs("\nexample:\n  ", to);
    while (*line != '\0') {
        const char *next = strstr(line + 1, " -");
        int n = next != NULL ? (int)(next - line) : (int)strlen(line);

        if (column + n > TEXT_WIDTH && column > 4) {
            fputs(" \\\n    ", to);
            column = 4;
            line++; /* the blank before the option */
            n--;
        }
        fwrite(line, 1, (size_t)n, to);
        column += n;
        line += n;
    }
    fputc('\n', to);
}

void help_command(FILE *to, const ds_command *c)
{
    const ds_option *o;

    fprintf(to, "diffuscope %s - %s\n\n", c->name, c->purpose);
    fprintf(to, "usage: diffuscope %s [options]%s%s\n", c->name, c->positional != NULL ? " " : "",
            c->positional != NULL ? c->positional : "");
    if (c->description != NULL) {
        fputc('\n', to);
        wrap(to, c->description, 0, 0);
    }
    fputs("\noptions:\n", to);
    for (int i = 0; (o = opts_at(c, i)) != NULL; i++)
        if (!o->positional)
            help_option(to, o);
    if (c->example != NULL)
        help_example(to, c->example);
}

void help_program(FILE *to)
{
    fputs("diffuscope - a microscope for text-to-image diffusion models\n\n"
          "usage: diffuscope COMMAND [options]\n\ncommands:\n",
          to);
    for (int i = 0; command_at(i) != NULL; i++)
        fprintf(to, "  %-14s %s\n", command_at(i)->name, command_at(i)->purpose);
    fputs("\n\"diffuscope COMMAND --help\" explains one.\n"
          "Exit codes: 0 done, 1 the run failed, 2 usage, 3 a file or model is unreadable or "
          "refused,\n"
          "4 out of memory, 130 interrupted.\n",
          to);
}

/* ---- manual pages (mdoc) --------------------------------------------------------------------- */

/* A backslash, and a point or quote at the start of a line, mean something to roff. */
static void roff(FILE *to, const char *text)
{
    bool start = true;

    for (; *text != '\0'; text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", to);
        if (*text == '\\')
            fputs("\\e", to);
        else if (*text == '-')
            fputs("\\-", to);
        else if (text[0] == '\n' && text[1] == '\n')
            fputs("\n.Pp", to);
        else
            fputc(*text, to);
        start = *text == '\n';
    }
    fputc('\n', to);
}

/* To be pasted: hyphens and quotes that are those of ASCII. */
static void roff_example(FILE *to, const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        switch (*p) {
        case '\\':
            fputs("\\e", to);
            break;
        case '-':
            fputs("\\-", to);
            break;
        case '"':
            fputs("\\(dq", to);
            break;
        case '\'':
            fputs("\\(aq", to);
            break;
        default:
            fputc(*p, to);
        }
    fputc('\n', to);
}

static void man_head(FILE *to, const char *title, const char *name, const char *purpose)
{
    fprintf(to, ".Dd $Mdocdate$\n.Dt %s 1\n.Os\n.Sh NAME\n.Nm %s\n.Nd %s\n.Sh SYNOPSIS\n", title,
            name, purpose);
}

static void man_option(FILE *to, const ds_option *o)
{
    char text[640];

    fputs(".It", to);
    if (o->letter != 0)
        fprintf(to, " Fl %c ,", o->letter);
    fprintf(to, " Fl -%s", o->name);
    if (argument_of(o) != NULL)
        fprintf(to, " Ar %s", argument_of(o));
    fputc('\n', to);
    roff(to, full_help(o, text, sizeof text));
}

static void man_exit(FILE *to)
{
    fputs(".Sh EXIT STATUS\n0 done, 1 the run failed, 2 usage, 3 a file or model is unreadable or\n"
          "refused, 4 out of memory, 130 interrupted.\n",
          to);
}

static void man_program(FILE *to)
{
    man_head(to, "DIFFUSCOPE", "diffuscope", "a microscope for text-to-image diffusion models");
    fputs(".Nm\n.Ar command\n.Op options\n.Sh COMMANDS\n.Bl -tag -width Ds\n", to);
    for (int i = 0; command_at(i) != NULL; i++) {
        fprintf(to, ".It Cm %s\n", command_at(i)->name);
        roff(to, command_at(i)->purpose);
    }
    fputs(".El\n", to);
    man_exit(to);
}

void help_man(FILE *to, const ds_command *c)
{
    const ds_option *o;
    char name[64];

    if (c == NULL) {
        man_program(to);
        return;
    }
    snprintf(name, sizeof name, "diffuscope-%s", c->name);
    man_head(to, name, name, c->purpose);
    fprintf(to, ".Nm diffuscope %s\n.Op options\n", c->name);
    if (c->positional != NULL)
        fprintf(to, ".Ar %s\n", c->positional);
    fputs(".Sh DESCRIPTION\n", to);
    roff(to, c->description != NULL ? c->description : c->purpose);
    fputs(".Pp\n.Bl -tag -width Ds\n", to);
    for (int i = 0; (o = opts_at(c, i)) != NULL; i++)
        if (!o->positional)
            man_option(to, o);
    fputs(".El\n", to);
    man_exit(to);
    if (c->example != NULL) {
        fputs(".Sh EXAMPLES\n.Bd -literal -compact\n", to); /* .Dl would eat the quotes */
        roff_example(to, c->example);
        fputs(".Ed\n", to);
    }
}

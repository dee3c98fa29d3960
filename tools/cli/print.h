/* print.h - the way to standard output and standard error. Prompts, words and names come from files that
 * anyone may have written: what could steer a terminal is shown as "?". Pictures (show.h), the progress
 * line and our own help texts are written without it. */

#ifndef DS_CLI_PRINT_H
#define DS_CLI_PRINT_H

#include <stdio.h>

#include <diffuscope/base.h>

void print(const char *fmt, ...) DS_PRINTF(1, 2);     /* on standard output */
void print_err(const char *fmt, ...) DS_PRINTF(1, 2); /* on standard error */

/* Controls but newline and tab, what turns the direction of writing, and what is no UTF-8: a "?" each. */
void print_text(FILE *to, const char *text);

/* JSON on standard output, with a newline: the same characters become \u escapes, which read back as
 * they were. */
void print_json(const char *json);

#endif

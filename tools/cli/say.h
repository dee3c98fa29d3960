/* say.h - what the user is told: failures and remarks; and interruption. */

#ifndef DS_CLI_SAY_H
#define DS_CLI_SAY_H

#include "opts.h"

enum {
    EXIT_RUN_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_REFUSED = 3, /* a file or model is unreadable or refused */
    EXIT_NO_MEMORY = 4,
    EXIT_INTERRUPTED = 130
};

int exit_code(ds_status st);

/* Prints "diffuscope COMMAND: text [name]" on standard error; returns the exit code of st.
 * command may be NULL. */
int report_failure(const char *command, ds_status st, const ds_error *err);

/* The command did its work, and the answer is no (as of grep and cmp): the exit code will be 1. */
void answer_is_no(void);
bool answer_was_no(void);

/* A remark on standard error: remark() unless --quiet, detail() with --verbose only. */
void remark(const ds_args *a, const char *fmt, ...) DS_PRINTF(2, 3);
void detail(const ds_args *a, const char *fmt, ...) DS_PRINTF(2, 3);

/* Called on SIGINT and SIGTERM from here on: sets the flag that this returns; a second signal ends
 * the process. A script starts its background processes with SIGINT ignored; that is overridden, so
 * that kill -INT works on them. For commands that hand the flag to the library. */
ds_cancel *cancel_on_interrupt(void);

#endif

/* say.c - failures to sentences and exit codes, remarks, interruption. */

#include "say.h"
#include "print.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>

int exit_code(ds_status st)
{
    switch (st) {
    case DS_OK:
        return 0;
    case DS_E_ARG:
    case DS_E_NOMATCH:
        return EXIT_USAGE;
    case DS_E_IO:
    case DS_E_FORMAT:
    case DS_E_UNSUPPORTED:
    case DS_E_SHAPE:
        return EXIT_REFUSED;
    case DS_E_NOMEM:
        return EXIT_NO_MEMORY;
    case DS_E_CANCELLED:
        return EXIT_INTERRUPTED;
    case DS_E_INTERNAL:
        break;
    }
    return EXIT_RUN_FAILED;
}

static bool no;

void answer_is_no(void)
{
    no = true;
}

bool answer_was_no(void)
{
    return no;
}

int report_failure(const char *command, ds_status st, const ds_error *err)
{
    bool told = err != NULL && err->code != DS_OK;

    print_err("diffuscope%s%s: ", command != NULL ? " " : "", command != NULL ? command : "");
    if (st == DS_E_CANCELLED)
        print_err("interrupted");
    else
        print_err("%s", told ? err->text : ds_status_name(st));
    told = told && st != DS_E_CANCELLED;
    if (told && err->name[0] != '\0' && strstr(err->text, err->name) == NULL)
        print_err(" [%s]", err->name);
    if (told && err->offset >= 0)
        print_err(" (byte %lld)", (long long)err->offset);
    print_err("\n");
    return exit_code(st);
}

static void remark_list(const char *fmt, va_list ap)
{
    char text[2048];

    vsnprintf(text, sizeof text, fmt, ap);
    print_err("%s\n", text);
}

void remark(const ds_args *a, const char *fmt, ...)
{
    va_list ap;

    if (opt_flag(a, "quiet"))
        return;
    va_start(ap, fmt);
    remark_list(fmt, ap);
    va_end(ap);
}

void detail(const ds_args *a, const char *fmt, ...)
{
    va_list ap;

    if (!opt_flag(a, "verbose"))
        return;
    va_start(ap, fmt);
    remark_list(fmt, ap);
    va_end(ap);
}

/* ---- interruption ---------------------------------------------------------------------------- */

static ds_cancel interrupted; /* a signal handler has no other way to reach it */

static void on_signal(int number)
{
    (void)number;
    ds_cancel_request(&interrupted);
}

ds_cancel *cancel_on_interrupt(void)
{
    struct sigaction act;

    memset(&act, 0, sizeof act);
    act.sa_handler = on_signal;
    act.sa_flags = (int)(SA_RESETHAND | SA_RESTART);
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    return &interrupted;
}

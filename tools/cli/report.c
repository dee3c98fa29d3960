/* report.c - failures to sentences and exit codes, remarks, overwriting, interruption. */

#include "report.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

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

int report_failure(const char *command, ds_status st, const ds_error *err)
{
    bool told = err != NULL && err->code != DS_OK;

    fprintf(stderr, "diffuscope%s%s: ", command != NULL ? " " : "", command != NULL ? command : "");
    if (st == DS_E_CANCELLED && !told)
        fputs("interrupted", stderr);
    else
        fputs(told ? err->text : ds_status_name(st), stderr);
    if (told && err->name[0] != '\0' && strstr(err->text, err->name) == NULL)
        fprintf(stderr, " [%s]", err->name);
    if (told && err->offset >= 0)
        fprintf(stderr, " (byte %lld)", (long long)err->offset);
    fputc('\n', stderr);
    return exit_code(st);
}

void remark(const ds_args *a, const char *fmt, ...)
{
    va_list ap;

    if (opt_flag(a, "quiet"))
        return;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

void detail(const ds_args *a, const char *fmt, ...)
{
    va_list ap;

    if (!opt_flag(a, "verbose"))
        return;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

/* ---- overwriting ----------------------------------------------------------------------------- */

ds_status check_outfile(const ds_args *a, const char *path, ds_error *err)
{
    struct stat s;

    if (stat(path, &s) != 0)
        return DS_OK; /* whoever opens it says what is wrong with the path */
    if (S_ISDIR(s.st_mode))
        return ds_fail(err, DS_E_ARG, "expected a file to write, found the folder %s", path);
    if (S_ISREG(s.st_mode) && !opt_flag(a, "force"))
        return ds_fail(err, DS_E_ARG, "%s is there already; give --force to overwrite it", path);
    return DS_OK;
}

static ds_status check_outdir(const ds_args *a, const char *path, ds_error *err)
{
    DIR *d = opendir(path);
    bool empty = true;
    const struct dirent *e;

    if (d == NULL && (errno == ENOENT || errno == EACCES))
        return DS_OK;
    if (d == NULL)
        return ds_fail(err, DS_E_ARG, "expected a folder to write, found %s: %s", path,
                       strerror(errno));
    while ((e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            empty = false;
    closedir(d);
    if (empty || opt_flag(a, "force"))
        return DS_OK;
    if (!opt_declared(a, "resume"))
        return ds_fail(err, DS_E_ARG,
                       "the folder %s is not empty; give --force to write into it all the same",
                       path);
    if (!opt_flag(a, "resume"))
        return ds_fail(err, DS_E_ARG,
                       "the folder %s is not empty; give --resume to go on with the run in it, or "
                       "--force to write into it all the same",
                       path);
    return DS_OK;
}

ds_status check_outputs(const ds_args *a, ds_error *err)
{
    const ds_opt *o;
    ds_status st = DS_OK;

    for (int i = 0; (o = opts_at(opts_command(a), i)) != NULL && st == DS_OK; i++) {
        const char *path;

        if (o->kind != OPT_OUTFILE && o->kind != OPT_OUTDIR)
            continue;
        path = opt_text(a, o->name);
        if (path != NULL && o->kind == OPT_OUTFILE)
            st = check_outfile(a, path, err);
        else if (path != NULL)
            st = check_outdir(a, path, err);
    }
    return st;
}

/* ---- interruption ---------------------------------------------------------------------------- */

static ds_cancel interrupted; /* a signal handler has no other way to reach it */

static void on_signal(int number)
{
    (void)number;
    interrupted.requested = 1;
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

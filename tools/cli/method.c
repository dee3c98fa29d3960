/* method.c - the front of a method of the library: progress, remarks, what is printed. */

#include "method.h"

#include <string.h>

#include "progress.h"
#include "say.h"
#include "show.h"
#include "print.h"

typedef struct front {
    const ds_args *args;
    progress bar;
    const char *stage; /* of the bar; NULL: there is none */
} front;

static ds_status on_progress(void *user, const ds_progress *p, ds_error *err)
{
    front *f = user;

    (void)err;
    if (f->stage != NULL && strcmp(f->stage, p->stage) != 0)
        progress_end(&f->bar);
    if (f->stage == NULL || strcmp(f->stage, p->stage) != 0) {
        detail(f->args, "%s: 0 of %lld", p->stage, (long long)p->total);
        progress_begin(&f->bar, f->args, p->stage, p->total); /* which shows the start */
        if (p->done > 0)
            progress_step(&f->bar, p->done);
    } else {
        f->bar.total = p->total;
        progress_step(&f->bar, p->done);
    }
    f->stage = p->stage;
    if (p->done >= p->total) {
        progress_end(&f->bar);
        f->stage = NULL;
    }
    return DS_OK;
}

static void on_remark(void *user, const char *text, bool warning)
{
    front *f = user;

    (void)warning;
    if (f->stage != NULL)
        progress_end(&f->bar);
    f->stage = NULL;
    remark(f->args, "%s", text);
}

/* The picture itself, where `-o -` asks for it: nothing else may stand on standard output. */
static bool wants_picture(const ds_args *a)
{
    const int i = ds_option_find(opts_set(a), "output");
    const char *path = i >= 0 ? ds_option_text(opts_set(a), i) : NULL;

    return path != NULL && strcmp(path, "-") == 0;
}

static ds_status print_picture(const ds_result *r, ds_error *err)
{
    char *data;
    size_t bytes;
    ds_status st = ds_result_figure_png(r, 0, &data, &bytes, err);

    if (st != DS_OK)
        return st;
    if (fwrite(data, 1, bytes, stdout) != bytes || fflush(stdout) != 0)
        st = ds_fail(err, DS_E_IO, "standard output could not be written");
    ds_free(data);
    return st;
}

static ds_status show_result(const ds_args *a, const ds_result *r, ds_error *err)
{
    char *json = NULL;
    ds_status st = DS_OK;

    if (wants_picture(a))
        return print_picture(r, err);

    if (opt_flag(a, "json"))
        st = ds_result_answer(r, &json, err);
    if (st != DS_OK)
        return st;
    if (json != NULL)
        print_json(json);
    else
        print_text(stdout, ds_result_summary(r));
    ds_free(json);
    if (ferror(stdout))
        return ds_fail(err, DS_E_IO, "standard output could not be written");
    for (int i = 0; st == DS_OK && ds_result_figure(r, i, NULL) != NULL; i++)
        if (ds_result_figure_shown(r, i))
            st = show_image(a, ds_result_figure(r, i, NULL), err);
    return st;
}

ds_status run_silently(const ds_args *a, ds_error *err)
{
    ds_job *j = opts_job(a);
    front f = { .args = a };
    ds_status st;

    ds_job_listen(j, on_progress, on_remark, &f, cancel_on_interrupt());
    st = ds_job_run(j, err);
    if (f.stage != NULL)
        progress_end(&f.bar);
    return st;
}

ds_status run_method(const ds_args *a, ds_error *err)
{
    ds_status st = run_silently(a, err);

    return st == DS_OK ? show_result(a, ds_job_result(opts_job(a)), err) : st;
}

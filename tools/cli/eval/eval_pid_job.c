/* eval_pid_job.c - see eval_pid_job.h. */

#include "eval_pid_job.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model_option.h"
#include "report.h"
#include "report_page.h"

#define PATH_SIZE 4096

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for the result");
}

/* ---- words and numbers ----------------------------------------------------------------------- */

/* Lines "word number"; the word may have blanks. */
static ds_status number_line(json_t *out, char *line, int number, ds_error *err)
{
    char *end = line + strlen(line), *cut, *rest;
    double h;

    while (end > line && isspace((unsigned char)end[-1]))
        *--end = '\0';
    while (isspace((unsigned char)*line))
        line++;
    if (*line == '\0' || *line == '#')
        return DS_OK;
    for (cut = end; cut > line && !isspace((unsigned char)cut[-1]); cut--)
        ;
    h = strtod(cut, &rest);
    if (cut == line || *rest != '\0' || rest == cut || !isfinite(h))
        return ds_fail(err, DS_E_FORMAT, "line %d: expected a word and a number, found \"%.80s\"",
                       number, line);
    while (cut > line && isspace((unsigned char)cut[-1]))
        *--cut = '\0';
    return json_object_set_new(out, line, json_real(h)) == 0 ? DS_OK : no_memory(err);
}

static ds_status number_lines(json_t *out, FILE *f, ds_error *err)
{
    char line[512];
    ds_status st = DS_OK;

    for (int n = 1; st == DS_OK && fgets(line, sizeof line, f) != NULL; n++)
        st = number_line(out, line, n, err);
    return st;
}

static ds_status number_object(json_t **out, FILE *f, ds_error *err)
{
    json_error_t at;
    const char *word;
    json_t *h;

    json_decref(*out);
    *out = json_loadf(f, 0, &at);
    if (!json_is_object(*out))
        return ds_fail(err, DS_E_FORMAT, "expected a JSON object of words and numbers: %s",
                       at.text);
    json_object_foreach (*out, word, h)
        if (!json_is_number(h))
            return ds_fail(err, DS_E_FORMAT, "\"%.80s\": expected a number", word);
    return DS_OK;
}

static ds_status word_numbers(json_t **out, const char *path, ds_error *err)
{
    FILE *f = fopen(path, "r");
    ds_status st;
    int c;

    if (f == NULL) {
        ds_fail(err, DS_E_IO, "%s cannot be read", path);
        return ds_fail_at(err, DS_E_IO, path, -1);
    }
    *out = json_object();
    do
        c = getc(f);
    while (c != EOF && isspace(c));
    if (c != EOF)
        ungetc(c, f);
    st = c == '{' ? number_object(out, f, err) : number_lines(*out, f, err);
    fclose(f);
    return st == DS_OK ? DS_OK : ds_fail_at(err, st, path, -1);
}

static double surprisal_of(const pid_job *j, const char *word)
{
    const json_t *h = json_object_get(j->surprisal, word);

    return h != NULL ? json_number_value(h) : (double)NAN;
}

static ds_status parse_delta(double *out, const char *text, ds_error *err)
{
    char *end;

    *out = strtod(text, &end);
    if (end == text || *end != '\0' || isnan(*out))
        return ds_fail(err, DS_E_ARG, "--delta: expected a number or inf, found \"%s\"", text);
    return DS_OK;
}

ds_status pid_delta(const pid_job *j, double *delta, const char *a, const char *b, ds_error *err)
{
    const char *word[2] = { a, b };
    double h[2];

    *delta = 0;
    if (j->surprisal == NULL && opt_text(j->args, "delta") == NULL)
        return DS_OK;
    if (j->surprisal == NULL)
        return parse_delta(delta, opt_text(j->args, "delta"), err);
    for (int i = 0; i < 2; i++) {
        h[i] = surprisal_of(j, word[i]);
        if (isnan(h[i]))
            return ds_fail(err, DS_E_NOMATCH, "the file of surprisals lacks the word \"%s\"",
                           word[i]);
    }
    *delta = h[1] - h[0];
    return DS_OK;
}

/* ---- the job --------------------------------------------------------------------------------- */

static ds_status read_question(pid_job *j, ds_error *err)
{
    const ds_args *a = j->args;
    ds_pid_question *q = &j->question;
    ds_status st;

    *q = (ds_pid_question)DS_PID_QUESTION_INIT;
    q->plain = opt_flag(a, "plain");
    q->form = (ds_info_form)opt_choice(a, "form");
    st = ds_redundancy_parse(&q->redundancy, opt_text(a, "redundancy"), err);
    if (st == DS_OK && opt_text(a, "delta") != NULL && opt_text(a, "surprisal") != NULL)
        st = ds_fail(err, DS_E_ARG, "--delta and --surprisal exclude each other");
    if (st == DS_OK && opt_text(a, "delta") != NULL)
        st = parse_delta(&q->delta, opt_text(a, "delta"), err);
    if (st == DS_OK && opt_text(a, "surprisal") != NULL)
        st = word_numbers(&j->surprisal, opt_text(a, "surprisal"), err);
    j->swept =
        q->redundancy == DS_REDUNDANCY_PM && opt_text(a, "delta") == NULL && j->surprisal == NULL;
    if (st == DS_OK && j->swept)
        remark(a,
               "the surprisals are not known (--delta, --surprisal): atoms are those for equally "
               "probable words");
    return st;
}

ds_status pid_job_open(pid_job *j, const ds_args *a, const char *title, ds_error *err)
{
    ds_status st;

    *j = (pid_job){ .args = a };
    st = run_record_begin(&j->record, a, err);
    if (st == DS_OK)
        st = read_question(j, err);
    if (st == DS_OK)
        st = estimate_from_options(&j->estimate, a, err);
    if (st == DS_OK)
        st = ds_bundle_new(&j->tensors, err);
    if (st == DS_OK)
        st = ds_page_new(&j->page, title, err);
    if (st == DS_OK && (j->result = json_object()) == NULL)
        st = no_memory(err);
    if (st == DS_OK && opt_declared(a, "prompt"))
        remark_on_emphasis(a, opt_text(a, "prompt"));
    return st == DS_OK ? model_from_options(&j->model, a, err) : st;
}

void pid_job_close(pid_job *j)
{
    ds_pid_free(j->pid);
    picture_clear(&j->picture);
    estimate_clear(&j->estimate);
    ds_bundle_free(j->tensors);
    ds_page_free(j->page);
    json_decref(j->result);
    json_decref(j->surprisal);
    ds_model_close(j->model);
    run_record_free(&j->record);
}

void pid_options_from(ds_pid_options *o, const pid_job *j)
{
    *o = (ds_pid_options)DS_PID_OPTIONS_INIT;
    o->info = &j->estimate.options;
    o->given = (ds_pid_given)opt_choice(j->args, "given");
    o->joint = (ds_pid_joint)opt_choice(j->args, "joint");
    o->removal = (ds_removal)opt_choice(j->args, "removal");
}

ds_status pid_measure(pid_job *j, const ds_pid_options *o, const char *what, ds_error *err)
{
    ds_pid_options own = *o;
    const char *text;
    ds_status st;

    ds_pid_free(j->pid);
    j->pid = NULL;
    j->estimate.options.latent = j->picture.latent.data != NULL ? &j->picture.latent : NULL;
    j->estimate.options.image = j->picture.latent.data == NULL ? &j->picture.image : NULL;
    own.info = &j->estimate.options;
    own.goal = &j->question;
    st = ds_pid_new(&j->pid, j->model, &own, err);
    for (int i = 0; st == DS_OK && (text = ds_pid_warning(j->pid, i)) != NULL; i++)
        remark(j->args, "%s", text);
    return st == DS_OK ? estimate_run(&j->estimate, ds_pid_info(j->pid), what, err) : st;
}

/* ---- numbers --------------------------------------------------------------------------------- */

double pid_real_from(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : NAN;
}

json_t *pid_real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *pid_value_json(ds_value v)
{
    return json_pack("{s:o, s:o}", "value", pid_real(v.value), "se", pid_real(v.se));
}

/* ---- what is written ------------------------------------------------------------------------- */

ds_status pid_result(pid_job *j, const char *name, json_t *value, ds_error *err)
{
    return json_object_set_new(j->result, name, value) == 0 ? DS_OK : no_memory(err);
}

static ds_status file_in_folder(const pid_job *j, char *path, const char *name, ds_error *err)
{
    ds_status st = run_folder_make(opt_text(j->args, "out"), err);

    return st == DS_OK ? run_folder_file(path, PATH_SIZE, opt_text(j->args, "out"), name, err) : st;
}

ds_status pid_chart(pid_job *j, const char *svg, const char *name, const char *caption,
                    ds_error *err)
{
    char path[PATH_SIZE];
    ds_status st;

    if (opt_text(j->args, "out") == NULL)
        return DS_OK;
    st = file_in_folder(j, path, name, err);
    if (st == DS_OK)
        st = ds_chart_save(svg, path, err);
    return st == DS_OK ? ds_page_chart(j->page, svg, caption, err) : st;
}

static ds_status save_json(const pid_job *j, ds_error *err)
{
    char path[PATH_SIZE];
    ds_status st = file_in_folder(j, path, "result.json", err);

    if (st == DS_OK &&
        json_dump_file(j->result, path, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0)
        st = ds_fail(err, DS_E_IO, "%s could not be written", path);
    return st;
}

static ds_status save_folder(pid_job *j, ds_error *err)
{
    char path[PATH_SIZE];
    ds_status st = ds_record_open_model(j->record.record, j->model, err);

    if (st == DS_OK)
        st = save_json(j, err);
    if (st == DS_OK)
        st = file_in_folder(j, path, "tensors.safetensors", err);
    if (st == DS_OK)
        st = ds_bundle_save(j->tensors, path, err);
    if (st == DS_OK)
        st = report_page_save(j->page, j->args, &j->record, opt_text(j->args, "out"), err);
    return st == DS_OK ? run_record_end(&j->record, opt_text(j->args, "out"), err) : st;
}

ds_status pid_finish(pid_job *j, ds_error *err)
{
    ds_status st = DS_OK;

    if (opt_text(j->args, "out") != NULL)
        st = save_folder(j, err);
    if (st != DS_OK || !opt_flag(j->args, "json"))
        return st;
    if (json_dumpf(j->result, stdout, JSON_REAL_PRECISION(9)) != 0)
        return ds_fail(err, DS_E_IO, "standard output could not be written");
    putchar('\n');
    return DS_OK;
}

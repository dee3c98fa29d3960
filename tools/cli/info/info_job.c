/* info_job.c - see info_job.h. */

#include "info_job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "info_report.h"
#include "model_option.h"
#include "report.h"

/* ---- options --------------------------------------------------------------------------------- */

static ds_status read_part(ds_info_options *o, const char *text, ds_error *err)
{
    long long part, parts;
    char rest;

    if (text == NULL)
        return DS_OK;
    if (sscanf(text, "%lld/%lld%c", &part, &parts, &rest) != 2 || part < 0 || part >= parts)
        return ds_fail(err, DS_E_ARG, "--part: expected I/N with I from 0 to N - 1, found \"%s\"",
                       text);
    if (o->state == NULL)
        return ds_fail(err, DS_E_ARG, "--part: its statistics need a file: --state FILE");
    o->part = part;
    o->parts = parts;
    return DS_OK;
}

static ds_status read_range(ds_info_options *o, const char *text, ds_error *err)
{
    char rest;

    if (text == NULL)
        return DS_OK;
    if (sscanf(text, "%lf:%lf%c", &o->low, &o->high, &rest) != 2 || !isfinite(o->low) ||
        !isfinite(o->high) || o->low >= o->high)
        return ds_fail(err, DS_E_ARG,
                       "--snr-range: expected LOW:HIGH with LOW below HIGH, found "
                       "\"%s\"",
                       text);
    return DS_OK;
}

static ds_status read_options(info_job *j, ds_error *err)
{
    const ds_args *a = j->args;
    ds_info_options *o = &j->est.options;
    int merged;
    ds_status st = estimate_from_options(&j->est, a, err);

    if (st == DS_OK)
        st = read_part(o, opt_text(a, "part"), err);
    if (st == DS_OK)
        st = read_range(o, opt_text(a, "snr-range"), err);
    opt_texts(a, "merge", &merged);
    if (st != DS_OK || merged == 0)
        return st;
    if (o->parts != 1 || o->state != NULL)
        return ds_fail(err, DS_E_ARG, "--merge goes with neither --part nor --state");
    o->parts = merged; /* the parts' plan; none of it is run here */
    return DS_OK;
}

ds_status info_job_begin(info_job *j, const ds_args *a, ds_error *err)
{
    const char *draw = opt_text(a, "draw") != NULL ? opt_text(a, "draw") : opt_text(a, "prompt");
    ds_status st;

    *j = (info_job){ .args = a };
    st = read_options(j, err);
    if (st == DS_OK)
        st = run_record_begin(&j->record, a, err);
    if (st == DS_OK)
        st = model_from_options(&j->model, a, err);
    if (st == DS_OK)
        st = tokenizer_from_options(&j->tokenizer, a, 1, err);
    if (st == DS_OK)
        st = picture_from_options(&j->pic, j->model, a, draw, err);
    if (st == DS_OK)
        st = run_record_time(&j->record, "picture", err);
    return st;
}

void info_job_free(info_job *j)
{
    ds_info_free(j->info);
    questions_free(&j->questions);
    estimate_clear(&j->est);
    picture_clear(&j->pic);
    ds_tokenizer_close(j->tokenizer);
    ds_model_close(j->model);
    run_record_free(&j->record);
}

/* ---- the run --------------------------------------------------------------------------------- */

static ds_status run_or_merge(info_job *j, ds_error *err)
{
    int merged;
    const char *const *file = opt_texts(j->args, "merge", &merged);
    ds_status st = DS_OK;

    if (merged == 0)
        return estimate_run(&j->est, j->info, "measuring", err);
    for (int i = 0; st == DS_OK && i < merged; i++)
        st = ds_info_merge(j->info, file[i], err);
    return st;
}

static ds_status save_draws(const info_job *j, ds_error *err)
{
    const char *path = opt_text(j->args, "save-draws");
    ds_bundle *b;
    ds_status st;

    if (path == NULL)
        return DS_OK;
    st = ds_bundle_new(&b, err);
    if (st == DS_OK)
        st = ds_info_save_draws(j->info, b, err);
    if (st == DS_OK)
        st = ds_bundle_save(b, path, err);
    ds_bundle_free(b);
    return st;
}

ds_status info_job_measure(info_job *j, ds_error *err)
{
    ds_info_options *o = &j->est.options;
    const char *text;
    ds_info_status s;
    ds_status st;

    o->latent = j->pic.latent.data != NULL ? &j->pic.latent : NULL;
    o->image = o->latent == NULL ? &j->pic.image : NULL;
    o->prompt = (const char *const *)j->questions.text;
    o->prompts = j->questions.texts;
    o->pair = j->questions.pair;
    o->pairs = j->questions.count;
    st = ds_info_new(&j->info, j->model, o, err);
    if (st != DS_OK)
        return st;
    for (int i = 0; (text = ds_info_warning(j->info, i)) != NULL; i++)
        remark(j->args, "%s", text);
    s = ds_info_describe(j->info);
    remark(j->args, "%lld texts, %lld or more calls of the network", (long long)s.prompts,
           (long long)s.least_calls);
    st = run_or_merge(j, err);
    if (st == DS_OK)
        st = run_record_time(&j->record, "measured", err);
    s = ds_info_describe(j->info);
    if (st == DS_OK && o->se > 0 && !s.met)
        remark(j->args,
               "the standard error is still above --se after %lld calls; --max-calls "
               "allows no further doubling",
               (long long)s.calls);
    return st == DS_OK ? save_draws(j, err) : st;
}

/* ---- result.json ----------------------------------------------------------------------------- */

static json_t *real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *info_value_json(ds_info_value v, ds_info_form form)
{
    const double bit = 0.69314718055994531;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "nats", real(v.value), "se", real(v.se),
                     "low", real(v.low), "high", real(v.high), "bits", real(v.value / bit),
                     "bits_se", real(v.se / bit), "form",
                     form == DS_INFO_O ? "orthogonal, from 0" : "standard, signed");
}

static json_t *question_json(const info_job *j, int64_t i)
{
    const info_question *q = &j->questions.question[i];
    const ds_info_pair *p = &j->questions.pair[i];

    return json_pack("{s:s, s:s, s:s?, s:s, s:s, s:o, s:o}", "key", q->key, "kind", q->kind, "word",
                     q->word, "with", j->questions.text[p->with], "without",
                     j->questions.text[p->without], "i_o",
                     info_value_json(ds_info_total(j->info, i, DS_INFO_O), DS_INFO_O), "i_s",
                     info_value_json(ds_info_total(j->info, i, DS_INFO_S), DS_INFO_S));
}

/* |sum of i_s - i_o| / sum of i_o: 0 for a perfect denoiser on average over matched pictures and
 * texts; of a few questions it only hints. */
static double optimality_gap(const info_job *j)
{
    double gap = 0, all = 0;

    for (int64_t i = 0; i < j->questions.count; i++) {
        double o = ds_info_total(j->info, i, DS_INFO_O).value;

        gap += ds_info_total(j->info, i, DS_INFO_S).value - o;
        all += o;
    }
    return fabs(gap) / all;
}

json_t *info_job_json(const info_job *j)
{
    json_t *root = json_object(), *list = json_array();

    for (int64_t i = 0; i < j->questions.count; i++)
        json_array_append_new(list, question_json(j, i));
    json_object_set(root, "i_o", json_object_get(json_array_get(list, 0), "i_o"));
    json_object_set(root, "i_s", json_object_get(json_array_get(list, 0), "i_s"));
    json_object_set_new(root, "questions", list);
    if (opt_declared(j->args, "removal"))
        json_object_set_new(root, "removal", json_string(opt_text(j->args, "removal")));
    json_object_set_new(root, "optimality_gap", real(optimality_gap(j)));
    json_object_set_new(root, "estimate", estimate_json(j->info));
    return root;
}

/* ---- files ----------------------------------------------------------------------------------- */

static ds_status save_json(const json_t *root, const char *path, ds_error *err)
{
    char *text = json_dumps(root, JSON_INDENT(2));
    FILE *f = text != NULL ? fopen(path, "w") : NULL;
    bool good = f != NULL && fputs(text, f) >= 0 && fputc('\n', f) >= 0;

    if (f != NULL)
        good = fclose(f) == 0 && good;
    free(text);
    return good ? DS_OK : ds_fail(err, DS_E_IO, "%s: cannot be written", path);
}

static ds_status save_folder(info_job *j, const json_t *result, const char *svg, const char *dir,
                             ds_error *err)
{
    char path[4096];
    ds_status st = run_folder_make(dir, err);

    if (st == DS_OK)
        st = run_folder_file(path, sizeof path, dir, "result.json", err);
    if (st == DS_OK)
        st = save_json(result, path, err);
    if (st == DS_OK)
        st = info_save_tensors(j, dir, err);
    if (st == DS_OK)
        st = info_save_pictures(j, dir, err);
    if (st == DS_OK)
        st = ds_record_open_model(j->record.record, j->model, err);
    if (st == DS_OK)
        st = info_save_page(j, svg, dir, err);
    return st == DS_OK ? run_record_end(&j->record, dir, err) : st;
}

static void print_value(const char *name, ds_info_value v)
{
    if (isfinite(v.se))
        printf("  %s %9.3f ± %.3f nats", name, v.value, v.se);
    else
        printf("  %s %9.3f nats", name, v.value);
}

static void print_table(const info_job *j)
{
    const ds_info_status s = ds_info_describe(j->info);

    for (int64_t i = 0; i < j->questions.count; i++) {
        const info_question *q = &j->questions.question[i];

        printf("%-16s %-7s", q->word != NULL ? q->word : "text", q->kind);
        print_value("i_o", ds_info_total(j->info, i, DS_INFO_O));
        print_value("i_s", ds_info_total(j->info, i, DS_INFO_S));
        printf("\n");
    }
    printf("%lld calls of the network, %.1f s\n", (long long)s.calls, s.seconds);
}

ds_status info_job_save(info_job *j, json_t *result, const char *svg, ds_error *err)
{
    const char *dir = opt_text(j->args, "out");
    ds_status st = DS_OK;

    if (result == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the results");
    if (dir != NULL)
        st = save_folder(j, result, svg, dir, err);
    if (st == DS_OK && opt_flag(j->args, "json")) {
        if (json_dumpf(result, stdout, 0) != 0 || putchar('\n') == EOF)
            st = ds_fail(err, DS_E_IO, "standard output could not be written");
    } else if (st == DS_OK) {
        print_table(j);
    }
    json_decref(result);
    return st;
}

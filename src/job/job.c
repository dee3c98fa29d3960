/* job.c - a method, its options, and a model: checked, run, kept as a result. */

#include "job/job.h"

#include <diffuscope/overlay.h>

#include "base/clock.h"
#include "base/options.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job/files.h"
#include "job/inputs.h"
#include "job/settings.h"
#include "job/specimen.h"
#include "job/table.h"
#include "models/emphasis.h"
#include "models/model.h"

/* ---- life ------------------------------------------------------------------------------------- */

static ds_status make_options(ds_job *j, ds_error *err)
{
    ds_option rows[DS_COMMON_OPTIONS];
    ds_status st = ds_option_set_new(&j->set, j->o.dashes, err);

    j->options = ds_calloc(1, j->method->size > 0 ? j->method->size : 1);
    j->rows_of_common = ds_calloc(DS_COMMON_OPTIONS, sizeof *rows);
    if (st == DS_OK && (j->options == NULL || j->rows_of_common == NULL))
        st = ds_fail(err, DS_E_NOMEM, "job: no memory for options");
    if (st == DS_OK)
        st = ds_option_set_add(j->set, j->method->options, j->options, err);
    if (st != DS_OK)
        return st;
    ds_common_options(j->rows_of_common, j->method->parts);
    st = ds_option_set_add(j->set, j->rows_of_common, &j->common, err);
    j->rows = ds_option_count(j->set);
    return st;
}

ds_status ds_job_new(ds_job **out, const ds_method *m, const ds_job_options *o, ds_error *err)
{
    const ds_job_options defaults = DS_JOB_OPTIONS_INIT;
    ds_job *j = ds_calloc(1, sizeof *j);
    ds_status st;

    *out = NULL;
    if (j == NULL)
        return ds_fail(err, DS_E_NOMEM, "job: %zu bytes", sizeof *j);
    j->method = m;
    j->start = ds__seconds();
    st = ds__options_take(&j->o, sizeof j->o, &defaults, o, "job options", "DS_JOB_OPTIONS_INIT",
                          err);
    if (st == DS_OK)
        st = ds__result_new(&j->result, err);
    if (st == DS_OK)
        st = make_options(j, err);
    if (st != DS_OK) {
        ds_job_free(j);
        return st;
    }
    j->record = j->result->record;
    *out = j;
    return DS_OK;
}

void ds_job_free(ds_job *j)
{
    if (j == NULL)
        return;
    if (j->method->clear != NULL && j->checked)
        j->method->clear(j->options);
    if (j->model_is_ours)
        ds_model_close(j->model);
    ds_option_set_free(j->set);
    ds_free(j->rows_of_common);
    ds_free(j->options);
    json_decref(j->words);
    ds__result_free(j->result);
    ds_free(j);
}

const ds_method *ds_job_method(const ds_job *j)
{
    return j->method;
}

ds_option_set *ds_job_options_of(ds_job *j)
{
    return j->set;
}

ds_status ds_job_set(ds_job *j, const char *option, const char *text, ds_error *err)
{
    if (j->checked)
        return ds_fail(err, DS_E_ARG, "the job was checked already: set options before");
    return ds_option_set_text(j->set, option, text, err);
}

void ds_job_listen(ds_job *j, ds_progress_fn *progress,
                   void (*remark)(void *user, const char *text, bool warning), void *user,
                   const ds_cancel *cancel)
{
    j->o.progress = progress;
    j->o.remark = remark;
    j->o.user = user;
    j->o.cancel = cancel;
}

const ds_result *ds_job_result(const ds_job *j)
{
    return j->done ? j->result : NULL;
}

/* ---- what a method asks ----------------------------------------------------------------------- */

const char *ds__job_name(const ds_job *j, const char *option)
{
    int i = ds_option_find(j->set, option);

    return i >= 0 ? ds_option_shown(j->set, i) : option;
}

bool ds__job_given(const ds_job *j, const char *option)
{
    int i = ds_option_find(j->set, option);

    return i >= 0 && ds_option_given(j->set, i);
}

void ds__job_remark(ds_job *j, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    if (j->o.remark == NULL)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ds__mend_letters(text);
    j->o.remark(j->o.user, text, false);
}

/* Adds the text to an array of texts that lacks it. */
static ds_status note(json_t *heard, const char *text, ds_error *err)
{
    json_t *one;
    size_t i;

    json_array_foreach (heard, i, one)
        if (strcmp(json_string_value(one), text) == 0)
            return DS_OK;
    return json_array_append_new(heard, json_string(text)) == 0
               ? DS_OK
               : ds_fail(err, DS_E_NOMEM, "no memory for a warning");
}

ds_status ds__job_warn(ds_job *j, const char *text, ds_error *err)
{
    const ds_status st = j->heard != NULL ? note(j->heard, text, err) : DS_OK;

    if (st != DS_OK)
        return st;
    for (int i = 0; i < j->result->warnings; i++)
        if (strcmp(j->result->warning[i], text) == 0)
            return DS_OK;
    if (j->o.remark != NULL)
        j->o.remark(j->o.user, text, true);
    return ds__result_warn(j->result, text, err);
}

ds_status ds__job_progress(ds_job *j, const char *stage, int64_t done, int64_t total, ds_error *err)
{
    const ds_progress p = { stage, done, total };

    if (ds_cancel_requested(j->o.cancel))
        return ds_fail(err, DS_E_CANCELLED, "interrupted");
    return j->o.progress != NULL ? j->o.progress(j->o.user, &p, err) : DS_OK;
}

ds_status ds__job_time(ds_job *j, const char *name, ds_error *err)
{
    char path[96];

    snprintf(path, sizeof path, "timings.%s", name);
    return ds_record_real(j->record, path,
                          (double)(int64_t)((ds__seconds() - j->start) * 1e6) / 1e6, err);
}

static ds_status warn_of_emphasis(ds_job *j, const char *prompt, ds_error *err)
{
    char text[320];
    bool found = false;
    ds_status st = DS_OK;

    if (j->common.emphasis == DS_EMPHASIS_NONE)
        st = ds__emphasis_found(&found, prompt, err);
    if (st != DS_OK || !found)
        return st;
    snprintf(
        text, sizeof text,
        "brackets that other programs read as weights, and BREAK, are plain text in \"%.80s\"; %s "
        "a1111 or comfy reads them",
        prompt, ds__job_name(j, "emphasis"));
    return ds__job_warn(j, text, err);
}

ds_status ds__job_warn_of_prompt(ds_job *j, const char *prompt, ds_error *err)
{
    char *unknown = NULL;
    ds_status st = prompt != NULL ? warn_of_emphasis(j, prompt, err) : DS_OK;

    if (st == DS_OK && prompt != NULL && j->words != NULL)
        st = ds__settings_unknown(&unknown, j->words, prompt, err);
    if (st == DS_OK && unknown != NULL)
        st = ds__job_warn(j, unknown, err);
    ds_free(unknown);
    return st;
}

static ds_model_options model_options(const ds_job *j)
{
    enum { F32, BF16, REF }; /* in the order of the option's choices */
    ds_model_options o = DS_MODEL_OPTIONS_INIT;
    int prediction = ds_option_find(j->set, "prediction");

    o.compute = j->common.compute == BF16 ? DS_DTYPE_BF16 : DS_DTYPE_F32;
    o.products = j->common.compute == REF ? DS_PRODUCTS_REFERENCE : DS_PRODUCTS_AUTO;
    o.emphasis = (ds_emphasis)j->common.emphasis; /* in the order of the option's choices */
    o.config = j->common.config;
    o.prediction = prediction >= 0 ? ds_option_text(j->set, prediction) : NULL;
    o.vae = j->common.vae;
    o.text_encoder = j->common.text_encoder;
    o.text_encoder_2 = j->common.text_encoder_2;
    return o;
}

ds_status ds__job_tokenizer(ds_job *j, ds_tokenizer **out, ds_error *err)
{
    return ds__model_reader(j->model, out, 1, err);
}

const char *ds__job_model_path(const ds_job *j)
{
    return j->common.model != NULL ? j->common.model : "";
}

/* ---- checking --------------------------------------------------------------------------------- */

/* "specimen" becomes its folder; without the option, a variable may name another default. */
static ds_status resolve_model(ds_job *j, ds_error *err)
{
    const bool optional = (j->method->parts & DS_JOB_MODEL_OPTIONAL) != 0;
    const char *other = getenv(DS_SPECIMEN_VARIABLE);
    int i = ds_option_find(j->set, "model");
    char *folder;
    ds_status st;

    if (i < 0 || (j->method->parts & DS_JOB_OWN_MODEL) != 0)
        return DS_OK;
    if (!ds_option_given(j->set, i) && other != NULL && other[0] != '\0' &&
        strcmp(other, DS_SPECIMEN) != 0)
        return ds_option_resolve(j->set, i, other, err);
    if (strcmp(j->common.model, DS_SPECIMEN) != 0)
        return DS_OK;
    st = ds_specimen_find(&folder, ds_option_given(j->set, i) || !optional ? err : NULL);
    if (st == DS_OK) {
        st = ds_option_resolve(j->set, i, folder, err);
        ds_free(folder);
    } else if (!ds_option_given(j->set, i) && optional) {
        j->common.model = NULL;
        st = DS_OK;
    }
    return st;
}

/* What the folder recommends that the model is, or that configures it; a model that was handed in has no
 * folder unless it is named. */
static ds_status apply_settings(ds_job *j, ds_error *err)
{
    const int i = ds_option_find(j->set, "model");
    char *told;
    ds_status st;

    if (i < 0 || (j->method->parts & DS_JOB_OWN_MODEL) != 0 || j->common.model == NULL ||
        (j->o.model != NULL && !ds_option_given(j->set, i)))
        return DS_OK;
    st = ds__settings_apply(j->set, j->common.config != NULL ? j->common.config : j->common.model,
                            &j->words, &told, err);
    if (st == DS_OK && told != NULL) {
        ds__job_remark(j, "as the model's folder recommends (" DS_SETTINGS "): %s", told);
        st = ds__record_options(j, err);
    }
    ds_free(told);
    return st;
}

/* What the user must know of a model that was opened; frees `unused`. */
static ds_status tell_model(ds_job *j, const ds_model *m, char *unused, ds_error *err)
{
    const char *text = ds_model_remark(m);
    ds_status st = unused != NULL ? ds__job_warn(j, unused, err) : DS_OK;

    ds_free(unused);
    return st == DS_OK && text != NULL ? ds__job_warn(j, text, err) : st;
}

static ds_status open_model(ds_job *j, ds_error *err)
{
    const ds_model_options o = model_options(j);
    char *unused = NULL;
    ds_status st;

    if ((j->method->parts & (DS_JOB_MODEL | DS_JOB_MODEL_OPTIONAL)) == 0 ||
        (j->method->parts & DS_JOB_OWN_MODEL) != 0)
        return DS_OK;
    if (j->o.model != NULL) {
        j->model = j->o.model;
        return DS_OK;
    }
    if (j->common.model == NULL)
        return DS_OK;
    st = ds_model_open(&j->model, j->common.model, &o, err);
    j->model_is_ours = st == DS_OK;
    if (st == DS_OK)
        st = ds_options_add_lora(&j->model, j->set, &unused, err);
    return st == DS_OK ? tell_model(j, j->model, unused, err) : st;
}

/* The path that stands for no option: the variable's, or the specimen's; free with ds_free. */
static ds_status default_model(char **out, ds_error *err)
{
    const char *other = getenv(DS_SPECIMEN_VARIABLE);

    if (other == NULL || other[0] == '\0' || strcmp(other, DS_SPECIMEN) == 0)
        return ds_specimen_find(out, err);
    *out = ds_strdup(other);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a path");
}

ds_status ds__job_open_side(ds_job *j, ds_model **out, const char *path, const char *lora,
                            ds_error *err)
{
    const ds_model_options o = model_options(j);
    char *found = NULL, *unused = NULL;
    ds_status st = DS_OK;

    *out = NULL;
    if (path == NULL && j->o.model != NULL) {
        st = ds_model_overlay(out, j->o.model, &(ds_overlay){ NULL, 0 }, err);
    } else {
        if (path == NULL)
            st = default_model(&found, err);
        else if (strcmp(path, DS_SPECIMEN) == 0)
            st = ds_specimen_find(&found, err);
        if (st == DS_OK)
            st = ds_model_open(out, found != NULL ? found : path, &o, err);
        ds_free(found);
    }
    if (st == DS_OK)
        st = ds_options_add_lora(out, j->set, &unused, err);
    if (st == DS_OK)
        st = tell_model(j, *out, unused, err);
    unused = NULL;
    if (st == DS_OK)
        st = ds__options_add_lora_of(out, j->set, lora, &unused, err);
    return st == DS_OK ? tell_model(j, *out, unused, err) : st;
}

ds_status ds__job_use_model(ds_job *j, const char *path, ds_error *err)
{
    return ds_option_resolve(j->set, ds_option_find(j->set, "model"), path, err);
}

/* Whether the job goes on with what its folder holds. */
static bool is_resumed(const ds_job *j)
{
    int i = ds_option_find(j->set, "resume");

    return i >= 0 && ds_option_at(j->set, i)->kind == DS_OPTION_FLAG && ds_option_flag(j->set, i);
}

ds_status ds_job_check(ds_job *j, ds_error *err)
{
    ds_status st = ds_option_set_finish(j->set, err);

    if (j->checked)
        return ds_fail(err, DS_E_ARG, "the job was checked already");
    if (st == DS_OK)
        st = ds_options_strip_tags(j->set, err);
    if (st == DS_OK)
        st = resolve_model(j, err);
    if (st == DS_OK)
        st = ds_option_check_outputs(j->set, err);
    if (st == DS_OK && j->common.threads > 0)
        ds_set_threads((int)j->common.threads);
    if (st == DS_OK)
        st = ds__record_begin(j, err);
    if (st == DS_OK)
        st = ds__record_inputs(j, err);
    if (st == DS_OK && j->common.folder != NULL && !is_resumed(j))
        st = ds__files_check(j, err);
    if (st == DS_OK && j->method->early != NULL)
        st = j->method->early(j, j->options, err);
    if (st == DS_OK)
        st = apply_settings(j, err);
    if (st == DS_OK)
        st = open_model(j, err);
    j->checked = true; /* from here on, clear has something to free */
    if (st == DS_OK && j->method->check != NULL)
        st = j->method->check(j, j->options, err);
    return st;
}

/* ---- running ---------------------------------------------------------------------------------- */

static bool has_model(const ds_record *r)
{
    char *hash = NULL;
    const bool has = ds_record_get_text(r, "model.sha256", &hash, NULL) == DS_OK;

    ds_free(hash);
    return has;
}

/* What limits the answer stands beside it, in result.json, and in the record. */
static ds_status keep_warnings(ds_job *j, ds_error *err)
{
    json_t *list = j->result->warnings > 0 ? json_array() : NULL;
    ds_status st = list != NULL ? ds__result_set(j->result, "warnings", list, err) : DS_OK;

    if (list == NULL && j->result->warnings > 0)
        return ds_fail(err, DS_E_NOMEM, "no memory for the warnings");
    for (int i = 0; st == DS_OK && i < j->result->warnings; i++) {
        char path[32];

        if (json_array_append_new(list, json_string(j->result->warning[i])) != 0)
            return ds_fail(err, DS_E_NOMEM, "no memory for the warnings");
        snprintf(path, sizeof path, "warnings.%d", i);
        st = ds_record_text(j->record, path, j->result->warning[i], err);
    }
    return st;
}

static ds_status finish(ds_job *j, ds_error *err)
{
    ds_status st = DS_OK;

    /* It reads every byte of the weights: only for what may become a run folder. */
    if (j->model != NULL && (j->method->parts & (DS_JOB_FOLDER | DS_JOB_FOLDER_NEEDED)) != 0 &&
        !has_model(j->record))
        st = ds_record_open_model(j->record, j->model, err);
    if (st == DS_OK && (j->method->parts & (DS_JOB_FOLDER | DS_JOB_FOLDER_NEEDED)) != 0)
        st = ds__result_main_table(j->result, err);
    if (st == DS_OK)
        st = keep_warnings(j, err);
    if (st == DS_OK)
        st = ds__job_time(j, "total", err);
    return st == DS_OK && j->result->page != NULL ? ds__page_end(j, j->result->page, err) : st;
}

ds_status ds_job_run(ds_job *j, ds_error *err)
{
    ds_status st = j->checked ? DS_OK : ds_job_check(j, err);

    if (j->done)
        return ds_fail(err, DS_E_ARG, "the job has run already");
    if (st == DS_OK && j->common.folder != NULL)
        st = ds__files_begin(j->common.folder, is_resumed(j), err);
    if (st == DS_OK)
        st = j->method->run(j, j->options, err);
    if (st == DS_OK)
        st = finish(j, err);
    if (st == DS_OK && j->common.folder != NULL)
        st = ds_result_save(j->result, j->common.folder, err);
    j->done = st == DS_OK;
    return st;
}

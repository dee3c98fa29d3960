/* method.c - `export`: a model, with LoRAs and edits in its weights, as a checkpoint that other programs open. */

#include <diffuscope/export.h>

#include "base/text.h"
#include "methods/component/edits.h"
#include "methods/component/remove.h"
#include "methods/methods.h"

enum { F32, F16, BF16, KEEP }; /* in the order of the option's choices */

typedef struct export_job {
    const char *to;
    int dtype;
    ds_texts edits;
    /* no options from here on */
    ds_edit all;
} export_job;

#define AT(field) offsetof(export_job, field)

static const ds_option rows[] = {
    { .name = "out",
      .kind = DS_OPTION_OUTPATH,
      .offset = AT(to),
      .arg = "FILE|FOLDER",
      .required = true,
      .help =
          "what to write: a single file where it ends in .safetensors, else a diffusers folder" },
    { .name = "dtype",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(dtype),
      .choices = "f32|f16|bf16|keep",
      .standard = "keep",
      .help = "element type of all weights; keep: each as its file has it" },
    { .name = "edit",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(edits),
      .arg = "DIR",
      .help = "folder of `component edit`, `redirect` or `overlap --make`, whose changes are made; "
              "several add up" },
    { 0 },
};

/* Adds an edit to those before it. */
static ds_status unite(export_job *o, const char *path, ds_error *err)
{
    ds_edit one = { 0 }, sum = { 0 };
    ds_status st = ds__edit_open(&one, path, err);

    if (st == DS_OK)
        st = ds__edit_unite(&sum, &o->all, &one, err);
    ds__edit_clear(&one);
    if (st != DS_OK) {
        ds__edit_clear(&sum);
        return st;
    }
    ds__edit_clear(&o->all);
    o->all = sum;
    return DS_OK;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    export_job *o = options;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < o->edits.count; i++)
        st = unite(o, o->edits.text[i], err);
    return st == DS_OK && o->edits.count > 0 ? ds__edit_check(&o->all, j->model, err) : st;
}

/* A single file has no place for configurations: those of models of unusual widths must come along. */
static void try_alone(ds_job *j, const char *path)
{
    ds_error why = { 0 };
    ds_model *m;

    if (ds_model_open(&m, path, NULL, &why) == DS_OK)
        ds_model_close(m);
    else
        ds__job_remark(j, "the file does not open alone: %s", why.text);
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    static const ds_dtype types[] = { DS_DTYPE_F32, DS_DTYPE_F16, DS_DTYPE_BF16 };
    export_job *o = options;
    ds_export_options e = DS_EXPORT_OPTIONS_INIT;
    ds_model *edited = NULL;
    ds_status st = DS_OK;

    e.convert = o->dtype != KEEP;
    e.dtype = e.convert ? types[o->dtype] : DS_DTYPE_F16;
    e.cancel = j->o.cancel;
    if (o->edits.count > 0)
        st = ds__edit_overlay(&edited, j->model, &o->all, err);
    if (st == DS_OK)
        st = ds_model_export(edited != NULL ? edited : j->model, o->to, &e, err);
    ds_model_close(edited);
    if (st == DS_OK && ds__ends_with(o->to, ".safetensors"))
        try_alone(j, o->to);
    return st == DS_OK ? ds__result_set(j->result, "written", json_string(o->to), err) : st;
}

static void clear(void *options)
{
    ds__edit_clear(&((export_job *)options)->all);
}

const ds_method ds__method_export = {
    .name = "export",
    .purpose = "write a model, with LoRAs and edits merged, as a single file or a folder",
    .description =
        "What --lora and its like add, and what --edit changes, is merged and rounded once. Files "
        "have the names that the models were published under, which other programs read; folders "
        "are diffusers'.",
    .example = "diffuscope export -m sd15.safetensors --lora style.safetensors=0.8 --out "
               "styled.safetensors",
    .results = "written: the file or folder",
    .options = rows,
    .size = sizeof(export_job),
    .fields = offsetof(export_job, all),
    .parts = DS_JOB_MODEL | DS_JOB_THREADS,
    .check = check,
    .run = run,
    .clear = clear,
};

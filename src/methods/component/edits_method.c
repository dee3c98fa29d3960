/* edits_method.c - `component overlap` and `component save`: edits as sets, and taken elsewhere. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "methods/component/edits.h"
#include "methods/component/work.h"
#include "methods/methods.h"

/* ---- overlap --------------------------------------------------------------------------------- */

typedef struct overlap_job {
    ds_texts edits;
    int make; /* "nothing|union|intersection" */
    ds_edit a, b, both, either;
} overlap_job;

static ds_status run_overlap(ds_job *j, void *options, ds_error *err)
{
    overlap_job *o = options;
    ds_bundle *bundle;
    ds_status st = ds__edit_open(&o->a, o->edits.text[0], err);

    if (st == DS_OK)
        st = ds__edit_open(&o->b, o->edits.text[1], err);
    if (st == DS_OK)
        st = ds__edit_intersect(&o->both, &o->a, &o->b, err);
    if (st == DS_OK)
        st = ds__edit_unite(&o->either, &o->a, &o->b, err);
    if (st == DS_OK && o->make > 0) {
        st = ds__result_bundle(j->result, &bundle, err);
        if (st == DS_OK)
            st = ds__edit_to_bundle(o->make == 1 ? &o->either : &o->both, bundle, err);
    }
    if (st == DS_OK)
        st = ds__result_set(j->result, "overlap",
                            json_pack("{s:I, s:I, s:I, s:I, s:f}", "first",
                                      (json_int_t)ds__edit_count(&o->a), "second",
                                      (json_int_t)ds__edit_count(&o->b), "both",
                                      (json_int_t)ds__edit_count(&o->both), "either",
                                      (json_int_t)ds__edit_count(&o->either), "share",
                                      ds__edit_overlap(&o->a, &o->b)),
                            err);
    ds__result_say(j->result, "%lld and %lld weights: %lld in both, %lld in either\n",
                   (long long)ds__edit_count(&o->a), (long long)ds__edit_count(&o->b),
                   (long long)ds__edit_count(&o->both), (long long)ds__edit_count(&o->either));
    return st;
}

static void clear_overlap(void *options)
{
    overlap_job *o = options;

    ds__edit_clear(&o->a);
    ds__edit_clear(&o->b);
    ds__edit_clear(&o->both);
    ds__edit_clear(&o->either);
}

static const ds_option overlap_options[] = {
    { .name = "edits",
      .kind = DS_OPTION_TEXTS,
      .offset = offsetof(overlap_job, edits),
      .arg = "EDIT EDIT",
      .min = 2,
      .max = 2,
      .positional = true,
      .help = "folders of `component edit`, `redirect` or `overlap`" },
    { .name = "make",
      .kind = DS_OPTION_CHOICE,
      .offset = offsetof(overlap_job, make),
      .choices = "nothing|union|intersection",
      .standard = "nothing",
      .help = "an edit of the weights that either changes, or that both do; changes add up" },
    { 0 },
};

const ds_method ds__method_component_overlap = {
    .name = "component-overlap",
    .purpose = "which weights two edits share; their union or intersection",
    .description = "Edits of several concepts are laid over each other by uniting them: the order "
                   "does not matter.",
    .example = "diffuscope component overlap cat car --make union --out both",
    .results = "overlap: {first, second, both, either, share}, weights",
    .options = overlap_options,
    .size = sizeof(overlap_job),
    .fields = offsetof(overlap_job, a),
    .parts = DS_JOB_FOLDER,
    .run = run_overlap,
    .clear = clear_overlap,
};

/* ---- save ------------------------------------------------------------------------------------ */

typedef struct save_job {
    const char *model, *edit, *lora, *diff, *folder;
    double strength;
    int64_t rank;
    ds_edit e;
    char *path; /* of the model */
    ds_model *m;
} save_job;

/* The model that -m names, or that the edit was made for. It is this method's own: the options of models
 * that others share have a --lora too, which is read. */
static ds_status open_model(save_job *o, ds_job *j, ds_error *err)
{
    ds_status st = DS_OK;

    if (o->model == NULL)
        st = ds__component_model_path(&o->path, o->edit, err);
    else if ((o->path = ds_strdup(o->model)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a path");
    if (st != DS_OK)
        return st;
    if (o->path == NULL)
        return ds_fail(err, DS_E_ARG, "%s names no model: give one with %s", o->edit,
                       ds__job_name(j, "for-model"));
    return ds_model_open(&o->m, o->path, NULL, err);
}

/* Nothing is overwritten unless "force" says so: a single file, or a folder with a model in it. */
static ds_status check_export(const save_job *o, const ds_job *j, ds_error *err)
{
    const char *end = strrchr(o->folder, '.');
    char *index;
    ds_status st;

    if (end != NULL && strcmp(end, ".safetensors") == 0)
        return ds_option_check_outfile(j->set, o->folder, err);
    index = ds__component_path(o->folder, "model_index.json");
    st = index == NULL              ? ds_fail(err, DS_E_NOMEM, "no memory for a path")
         : access(index, F_OK) == 0 ? ds_option_check_outfile(j->set, index, err)
                                    : DS_OK;
    ds_free(index);
    return st;
}

static ds_status check_save(ds_job *j, void *options, ds_error *err)
{
    save_job *o = options;
    ds_status st = ds__edit_open(&o->e, o->edit, err);

    if (st == DS_OK && o->lora == NULL && o->diff == NULL && o->folder == NULL)
        st = ds_fail(err, DS_E_ARG, "%s, %s or %s is needed", ds__job_name(j, "lora"),
                     ds__job_name(j, "diff"), ds__job_name(j, "export"));
    if (st == DS_OK && o->folder != NULL)
        st = check_export(o, j, err);
    if (st == DS_OK)
        st = open_model(o, j, err);
    return st == DS_OK ? ds__edit_check(&o->e, o->m, err) : st;
}

static ds_status write_file(const save_job *o, const char *path, bool lora, ds_error *err)
{
    ds_bundle *b;
    ds_status st = ds_bundle_new(&b, err);

    if (st == DS_OK)
        st = lora ? ds__edit_lora(b, &o->e, o->rank, err) : ds__edit_diff(b, &o->e, err);
    if (st == DS_OK)
        st = ds_bundle_save(b, path, err);
    ds_bundle_free(b);
    return st;
}

static ds_status run_save(ds_job *j, void *options, ds_error *err)
{
    save_job *o = options;
    ds_status st = DS_OK;

    ds__edit_scale(&o->e, o->strength);
    if (o->lora != NULL)
        st = write_file(o, o->lora, true, err);
    if (st == DS_OK && o->diff != NULL)
        st = write_file(o, o->diff, false, err);
    if (st == DS_OK && o->folder != NULL)
        st = ds__edit_export(o->folder, o->m, &o->e, err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "saved",
                            json_pack("{s:I, s:I, s:f, s:s?, s:s?, s:s?}", "parameters",
                                      (json_int_t)o->e.parts, "weights",
                                      (json_int_t)ds__edit_count(&o->e), "strength", o->strength,
                                      "lora", o->lora, "diff", o->diff, "export", o->folder),
                            err);
    if (st == DS_OK)
        ds__result_say(j->result, "%lld weights of %lld parameters\n",
                       (long long)ds__edit_count(&o->e), (long long)o->e.parts);
    return st;
}

static void clear_save(void *options)
{
    save_job *o = options;

    ds__edit_clear(&o->e);
    ds_model_close(o->m);
    ds_free(o->path);
}

#define AT(field) offsetof(save_job, field)

static const ds_option save_options[] = {
    { .name = "edit",
      .kind = DS_OPTION_FILE,
      .offset = AT(edit),
      .arg = "DIR",
      .required = true,
      .help = "folder of `component edit`, `redirect` or `overlap --make`" },
    { .name = "for-model",
      .letter = 'm',
      .kind = DS_OPTION_TEXT,
      .offset = AT(model),
      .arg = "MODEL",
      .help = "the model that the edit is for; without it the one that it was made with" },
    { .name = "lora",
      .kind = DS_OPTION_OUTFILE,
      .offset = AT(lora),
      .arg = "FILE",
      .help =
          "a LoRA, which at strength 1 is the edit exactly, at .5 half of it, at -1 its reverse" },
    { .name = "rank",
      .kind = DS_OPTION_INT,
      .offset = AT(rank),
      .arg = "N",
      .standard = "128",
      .min = 1,
      .max = 65536,
      .help = "highest rank of a LoRA" },
    { .name = "diff",
      .kind = DS_OPTION_OUTFILE,
      .offset = AT(diff),
      .arg = "FILE",
      .help = "whole differences (LyCORIS's full), for any edit" },
    { .name = "export",
      .kind = DS_OPTION_OUTPATH,
      .offset = AT(folder),
      .arg = "MODEL",
      .help = "the model with the edit in its weights: a single file where the name ends in "
              ".safetensors, else a folder" },
    { .name = "strength",
      .kind = DS_OPTION_REAL,
      .offset = AT(strength),
      .arg = "X",
      .standard = "1",
      .min = -100,
      .max = 100,
      .help = "part of the edit that is saved" },
    { 0 },
};

const ds_method ds__method_component_save = {
    .name = "component-save",
    .purpose = "take an edit elsewhere: a LoRA, a difference, a checkpoint",
    .description =
        "A removed neuron is one column of a matrix set to zero, which is a change of rank "
        "one: a LoRA says it without loss. Biases, and edits of single weights that are "
        "spread over many columns, are saved as differences.",
    .example = "diffuscope component save --edit edit --lora less-cat.safetensors",
    .results = "saved: {parameters, weights, strength}",
    .options = save_options,
    .size = sizeof(save_job),
    .fields = offsetof(save_job, e),
    .check = check_save,
    .run = run_save,
    .clear = clear_save,
};

/* method.c - `eval info`: what it is asked, what it opens, the run. One line per scene goes to
 * scenes.jsonl as soon as it is measured. */

#include "studies/info/eval.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "methods/methods.h"

#define AT(field) offsetof(info_eval, field)

/* The options that no line depends on. */
static const char *const unbound[] = { "count", NULL };

/* ---- checks ----------------------------------------------------------------------------------- */

static int64_t end_of(const info_eval *e)
{
    const int64_t all =
        e->choices != NULL ? ds_captions_count(e->choices) : ds_truth_count(e->truth);

    return e->count > 0 && e->count < all ? e->count : all;
}

static ds_status check_picture(const info_eval *e, int64_t i, ds_error *err)
{
    const ds_truth_scene *s = e->truth != NULL ? ds_truth_at(e->truth, i) : NULL;
    char line[32] = "";
    ds_caption_choice c;
    ds_status st = DS_OK;

    if (s == NULL)
        st = ds_captions_picture(e->choices, &c, i, err);
    else
        c = (ds_caption_choice){ .path = s->path, .where = e->rows != NULL ? e->rows : s->name };
    if (s != NULL && s->line > 0)
        snprintf(line, sizeof line, ":%lld", (long long)s->line);
    if (st == DS_OK && access(c.path, R_OK) != 0)
        st = ds_fail(err, DS_E_IO, "%s%s: expected its picture in %s: %s", c.where, line, c.path,
                     strerror(errno));
    return st;
}

/* The pictures: a folder of known ones, or a list of captions. One that is missing is said before
 * hours are spent. */
static ds_status open_data(info_eval *e, ds_error *err)
{
    const ds_job *j = e->job;
    ds_truth_options o = DS_TRUTH_OPTIONS_INIT;
    ds_status st;

    if ((e->data == NULL) == (e->list == NULL))
        return ds_fail(err, DS_E_ARG, "expected one of %s and %s", ds__job_name(j, "data"),
                       ds__job_name(j, "choices"));
    o.images = e->images;
    o.synonyms = e->synonyms;
    o.rows = e->rows;
    if (e->list != NULL && (e->rows != NULL || e->synonyms != NULL || e->edit > 0))
        return ds_fail(err, DS_E_ARG, "%s, %s and %s are about words: use %s",
                       ds__job_name(j, "rows"), ds__job_name(j, "synonyms"),
                       ds__job_name(j, "edit"), ds__job_name(j, "data"));
    st = e->list != NULL ? ds_captions_open(&e->choices, e->list, e->images, err)
                         : ds_truth_open(&e->truth, e->data, &o, err);
    for (int64_t i = 0; st == DS_OK && i < end_of(e); i++)
        st = check_picture(e, i, err);
    return st;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    info_eval *e = options;
    ds_status st;

    e->job = j;
    for (int t = 0; t < EVAL_INFO_TAUS; t++)
        e->tau[t] = (t + 1) * 0.025;
    st = ds__job_estimate_check(&e->est, j, &e->estimate, e->seed, err);
    e->est.options.on_call = NULL; /* scenes are what progress counts */
    if (st == DS_OK && e->estimate.state != NULL)
        st = ds_fail(err, DS_E_ARG, "%s is the file of one picture; there are several here",
                     ds__job_name(j, "state"));
    if (st == DS_OK)
        st = ds__info_eval_settings(e, err);
    if (st == DS_OK)
        st = ds__lines_check(j, &e->lines, unbound, err);
    if (st == DS_OK)
        st = ds__job_tokenizer(j, &e->tokenizer, err);
    if (st == DS_OK)
        st = ds_denoiser_describe(&e->size, j->model, err);
    return st == DS_OK ? open_data(e, err) : st;
}

/* ---- the run ---------------------------------------------------------------------------------- */

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    info_eval *e = options;
    const bool listed = e->choices != NULL;
    study_lines lines;
    ds_status st = ds__lines_open(&lines, j, &e->lines, unbound, "scenes.jsonl", 9, err);

    if (st == DS_OK)
        st = ds__lines_fill(&lines, "scenes", NULL, 0, end_of(e),
                            listed ? ds__info_eval_choice : ds__info_eval_scene, e, err);
    if (st == DS_OK)
        st = listed ? ds__info_eval_choices(e, lines.all, err)
                    : ds__info_eval_summary(e, lines.all, err);
    if (st == DS_OK)
        ds__info_eval_say(j->result);
    return ds__lines_close(&lines, st, err);
}

static void clear(void *options)
{
    info_eval *e = options;

    ds__map_settings_free(&e->settings);
    ds__job_estimate_clear(&e->est);
    ds_truth_close(e->truth);
    ds_captions_close(e->choices);
}

/* ---- the method ------------------------------------------------------------------------------- */

static const ds_option rows[] = {
    { .name = "data",
      .kind = DS_OPTION_FILE,
      .offset = AT(data),
      .arg = "DIR",
      .help = "pictures whose truth is known: an export of diffuscope-world, COCO, or the DAAM "
              "package's" },
    { .name = "rows",
      .kind = DS_OPTION_FILE,
      .offset = AT(rows),
      .arg = "FILE",
      .help = "COCO: captions and words of this list instead of the folder's, as COCO-IT.csv has "
              "them" },
    { .name = "choices",
      .kind = DS_OPTION_FILE,
      .offset = AT(list),
      .arg = "FILE",
      .help = "instead of --data: a list of right and wrong captions, JSON or CSV, as ARO has them "
              "(VG-R, VG-A, COCO-order, Flickr-order)" },
    { .name = "images",
      .kind = DS_OPTION_FILE,
      .offset = AT(images),
      .arg = "DIR",
      .help = "COCO and --choices: folder of the pictures" },
    { .name = "synonyms",
      .kind = DS_OPTION_FILE,
      .offset = AT(synonyms),
      .arg = "FILE",
      .help = "COCO: lines with a word, a tab, and the category that it names" },
    { .name = "count",
      .kind = DS_OPTION_INT,
      .offset = AT(count),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 1e9,
      .help = "scenes, from the first on; 0: all" },
    { .name = "edit",
      .kind = DS_OPTION_INT,
      .offset = AT(edit),
      .arg = "STEPS",
      .standard = "0",
      .min = 0,
      .max = 10000,
      .help = "also remove each word and regenerate the picture by a deterministic flow of so many "
              "steps (6 STEPS evaluations a word); 0: do not" },
    { .name = "settings",
      .kind = DS_OPTION_WORDS,
      .offset = AT(names),
      .arg = "NAMES",
      .help = "maps beside those of information: disc, paper, plain, best, smooth, guided, as in "
              "eval daam; without it the first four; none" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .offset = AT(seed),
      .arg = "K",
      .standard = "42",
      .help = "seed of the draws" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(lines), .block = ds__lines_rows },
    { .kind = DS_OPTION_BLOCK, .offset = AT(estimate), .block = ds__job_estimate_rows },
    { 0 },
};

const ds_method ds__method_eval_info = {
    .name = "eval-info",
    .purpose = "information against what is known of the pictures",
    .paper = "Interpretable Diffusion via Information Decomposition, arXiv:2310.07972",
    .description =
        "For each scene, on the same draws: do the maps of the words for things cover these things "
        "(mean IoU, at thresholds tuned on one half of the scenes and used on the other, beside "
        "the whole picture as a mask, a disc in its middle, and DAAM's maps of the same words); "
        "does the right caption have more information than one with a wrong size, with the two "
        "things in each other's places, or with its words in another order (by i_s and by i_o); "
        "how do a word's information alone and beside the rest of the caption go together; and "
        "with --edit, does information predict what changes when the word is left out. With "
        "--choices: does the right caption of a list have more information than the wrong ones. "
        "Intervals are 95 %, over scenes.\n\n"
        "What is measured goes to scenes.jsonl at once, and --resume goes on where a run was "
        "ended.",
    .example = "diffuscope eval info -m specimen --data world --count 500 --out eval",
    .results = "localisation: {words, whole_picture, i_o, i_s, attention: {NAME}, "
               "differences_held_out}, mean IoU with 95 % intervals\n"
               "caption_choice: {KIND: {chance, i_s, i_o, i_s_undecided, i_o_undecided}}, shares\n"
               "mi_cmi_pearson, intervention_pearson: correlations",
    .options = rows,
    .size = sizeof(info_eval),
    .fields = AT(job),
    .parts = DS_JOB_FOLDER | DS_JOB_FOLDER_NEEDED | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};

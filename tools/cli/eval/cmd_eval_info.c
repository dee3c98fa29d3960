/* cmd_eval_info.c - `diffuscope eval info`: information against what is known of the pictures. One
 * line per scene goes to scenes.jsonl as soon as it is measured; a run that was ended goes on where
 * it stopped. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "eval_info.h"
#include "model_option.h"
#include "progress.h"
#include "report.h"
#include "run_folder.h"
#include "scene_lines.h"

/* ---- the run ---------------------------------------------------------------------------------- */

static int64_t count_scenes(const eval_info *e)
{
    return e->choices != NULL ? ds_captions_count(e->choices) : ds_truth_count(e->truth);
}

static ds_status check_picture(const eval_info *e, int64_t i, ds_error *err)
{
    const ds_truth_scene *s = e->truth != NULL ? ds_truth_at(e->truth, i) : NULL;
    const char *rows = opt_text(e->args, "rows");
    char line[32] = "";
    ds_caption_choice c;
    ds_status st = DS_OK;

    if (s == NULL)
        st = ds_captions_picture(e->choices, &c, i, err);
    else
        c = (ds_caption_choice){ .path = s->path, .where = rows != NULL ? rows : s->name };
    if (s != NULL && s->line > 0)
        snprintf(line, sizeof line, ":%lld", (long long)s->line);
    if (st == DS_OK && access(c.path, R_OK) != 0)
        st = ds_fail(err, DS_E_IO, "%s%s: expected its picture in %s: %s", c.where, line, c.path,
                     strerror(errno));
    return st;
}

/* All that are to be measured: a picture that is missing is said before hours are spent. */
static ds_status check_pictures(const eval_info *e, scene_lines *lines, int64_t n, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < n; i++)
        if (scene_lines_find(lines, i) == NULL)
            st = check_picture(e, i, err);
    return st;
}

static ds_status all_scenes(const eval_info *e, scene_lines *lines, ds_error *err)
{
    int64_t n = count_scenes(e), most = opt_int(e->args, "count");
    ds_status st;
    progress bar;

    n = most > 0 && most < n ? most : n;
    st = check_pictures(e, lines, n, err);
    progress_begin(&bar, e->args, "scenes", n);
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        json_t *line;

        if (scene_lines_find(lines, i) == NULL) {
            st = e->choices != NULL ? eval_info_choice(e, i, &line, err)
                                    : eval_info_scene(e, i, &line, err);
            if (st == DS_OK)
                st = scene_lines_add(lines, line, err);
            else
                json_decref(line);
        }
        progress_step(&bar, i + 1);
    }
    progress_end(&bar);
    return st;
}

static ds_status finish(const eval_info *e, const json_t *lines, const char *dir,
                        ds_run_record *record, ds_error *err)
{
    char path[4096];
    json_t *result = NULL;
    ds_status st = e->choices != NULL ? eval_info_choices_summary(lines, &result, err)
                                      : eval_info_summary(e, lines, &result, err);

    if (st == DS_OK)
        st = run_folder_file(path, sizeof path, dir, "result.json", err);
    if (st == DS_OK && json_dump_file(result, path, JSON_INDENT(2)) != 0)
        st = ds_fail(err, DS_E_IO, "%s: cannot be written", path);
    if (st == DS_OK)
        st = ds_record_open_model(record->record, e->model, err);
    if (st == DS_OK)
        st = run_record_end(record, dir, err);
    if (st == DS_OK && opt_flag(e->args, "json"))
        json_dumpf(result, stdout, 0);
    else if (st == DS_OK)
        eval_info_print(result);
    json_decref(result);
    return st;
}

/* What the lines depend on. */
static const char *const conditions[] = { "model",    "compute",  "data",       "rows",
                                          "choices",  "images",   "synonyms",   "edit",
                                          "settings", "seed",     "replicates", "nodes",
                                          "se",       "se-floor", "max-calls",  "pilot",
                                          "design",   "draws",    "exact-snr",  "no-antithetic",
                                          NULL };

/* The pictures: a folder of known ones, or a list of captions. */
static ds_status open_data(eval_info *e, ds_truth **truth, ds_error *err)
{
    const char *data = opt_text(e->args, "data"), *list = opt_text(e->args, "choices");
    ds_truth_options o = DS_TRUTH_OPTIONS_INIT;

    if ((data == NULL) == (list == NULL))
        return ds_fail(err, DS_E_ARG, "expected one of --data and --choices");
    o.images = opt_text(e->args, "images");
    o.synonyms = opt_text(e->args, "synonyms");
    o.rows = opt_text(e->args, "rows");
    if (list != NULL && (o.rows != NULL || o.synonyms != NULL || e->edit > 0))
        return ds_fail(err, DS_E_ARG, "--rows, --synonyms and --edit are about words: use --data");
    return list != NULL ? ds_captions_open(&e->choices, list, o.images, err)
                        : ds_truth_open(truth, data, &o, err);
}

static ds_status evaluate(eval_info *e, ds_run_record *record, ds_error *err)
{
    static const char *const files[] = { "scenes.jsonl", NULL };
    const char *dir = opt_text(e->args, "out");
    scene_lines lines = { .all = NULL };
    ds_truth *truth = NULL;
    ds_status st;

    e->edit = opt_int(e->args, "edit");
    for (int t = 0; t < EVAL_INFO_TAUS; t++)
        e->tau[t] = (t + 1) * 0.025;
    st = open_data(e, &truth, err);
    e->truth = truth;
    if (st == DS_OK)
        st = eval_sizes_read(&e->sizes, opt_text(e->args, "model"), NULL, err);
    if (st == DS_OK)
        st = scene_lines_begin(e->args, dir, files, true, conditions, err);
    if (st == DS_OK)
        st = scene_lines_open(&lines, dir, files[0], 9, err);
    if (st == DS_OK)
        st = all_scenes(e, &lines, err);
    if (st == DS_OK)
        st = finish(e, lines.all, dir, record, err);
    ds_truth_close(truth);
    ds_captions_close(e->choices);
    return scene_lines_close(&lines, st, err);
}

static ds_status run(const ds_args *a, ds_error *err)
{
    estimate est;
    eval_info e = { .args = a, .est = &est };
    ds_run_record record = { 0 };
    ds_status st = estimate_from_options(&est, a, err);

    if (st == DS_OK)
        st = eval_info_settings(&e, err);
    if (st == DS_OK)
        st = run_record_begin(&record, a, err);
    if (st == DS_OK)
        st = model_from_options(&e.model, a, err);
    if (st == DS_OK)
        st = tokenizer_from_options(&e.tokenizer, a, 1, err);
    if (st == DS_OK)
        st = evaluate(&e, &record, err);
    ds_tokenizer_close(e.tokenizer);
    ds_model_close(e.model);
    estimate_clear(&est);
    run_record_free(&record);
    return st;
}

static const ds_option options[] = {
    { .name = "data",
      .kind = DS_OPTION_TEXT,
      .arg = "DIR",
      .help = "pictures whose truth is known: an export of diffuscope-world, COCO, or the DAAM "
              "package's" },
    { .name = "rows",
      .kind = DS_OPTION_TEXT,
      .arg = "FILE",
      .help = "COCO: captions and words of this list instead of the folder's, as COCO-IT.csv has "
              "them" },
    { .name = "choices",
      .kind = DS_OPTION_TEXT,
      .arg = "FILE",
      .help = "instead of --data: a list of right and wrong captions, JSON or CSV, as ARO has them "
              "(VG-R, "
              "VG-A, COCO-order, Flickr-order)" },
    { .name = "images",
      .kind = DS_OPTION_TEXT,
      .arg = "DIR",
      .help = "COCO and --choices: folder of the pictures" },
    { .name = "synonyms",
      .kind = DS_OPTION_TEXT,
      .arg = "FILE",
      .help = "COCO: lines with a word, a tab, and the category that it names" },
    { .name = "count",
      .kind = DS_OPTION_INT,
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 1e9,
      .help = "scenes, from the first on; 0: all" },
    { .name = "edit",
      .kind = DS_OPTION_INT,
      .arg = "STEPS",
      .standard = "0",
      .min = 0,
      .max = 10000,
      .help =
          "also leave out each word and draw the picture again, through a flow of so many steps (6 "
          "STEPS evaluations a word); 0: do not" },
    { .name = "settings",
      .kind = DS_OPTION_WORDS,
      .arg = "NAMES",
      .help =
          "maps beside those of information: disc, paper, plain, best, smooth, guided, as in eval "
          "daam; "
          "without it the first four; none" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .arg = "K",
      .standard = "42",
      .help = "seed of the draws" },
    { .name = "out",
      .kind = DS_OPTION_TEXT,
      .arg = "DIR",
      .help = "folder for result.json, run.json and scenes.jsonl; an earlier run in it goes on",
      .required = true },
    ESTIMATE_OPTIONS,
    { 0 },
};

const ds_command cmd_eval_info = {
    .name = "eval-info",
    .purpose = "information against what is known of the pictures",
    .description =
        "For each scene, on the same draws: do the maps of the words for things cover these things "
        "(mean IoU, at thresholds tuned on one half of the scenes and used on the other, beside "
        "the whole picture as a mask, a disc in its middle, and DAAM's maps of the same words); "
        "does the right caption have more information than one with "
        "a wrong size, with the two things in each other's places, or with its words in another "
        "order (by i_s and by i_o); how do a word's information alone and beside the rest of the "
        "caption go together; and with --edit, does information predict what changes when the "
        "word is left out. With --choices: does the right caption of a list have more information "
        "than the wrong ones. Intervals are 95 %, over scenes.",
    .example = "diffuscope eval info -m specimen --data world --count 500 --out eval",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS,
    .run = run,
};

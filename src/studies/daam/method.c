/* method.c - `eval daam`: what it is asked, what it opens, the run. One line per scene goes to
 * pairs.jsonl as soon as the scene is scored; the summary is made of these lines alone. */

#include "studies/daam/eval.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/overlay.h>

#include "methods/methods.h"

#define AT(field) offsetof(daam_eval, field)

/* The options that no line depends on. */
static const char *const unbound[] = { "limit", "first", "sheets", NULL };

/* ---- checks ----------------------------------------------------------------------------------- */

static int64_t end_of(const daam_eval *e)
{
    const int64_t all = ds_truth_count(e->truth);

    return e->limit > 0 && e->first + e->limit < all ? e->first + e->limit : all;
}

/* A picture that is missing is said before hours are spent. */
static ds_status check_pictures(const daam_eval *e, ds_error *err)
{
    for (int64_t i = e->first; e->mode == 0 && i < end_of(e); i++) {
        const ds_truth_scene *s = ds_truth_at(e->truth, i);

        if (access(s->path, R_OK) != 0)
            return ds_fail(err, DS_E_IO, "%s: %s; expected the picture of scene %lld", s->path,
                           strerror(errno), (long long)i);
    }
    return DS_OK;
}

static ds_status open_truth(daam_eval *e, ds_error *err)
{
    ds_truth_options o = DS_TRUTH_OPTIONS_INIT;
    ds_status st;

    o.images = e->images;
    o.synonyms = e->synonyms;
    st = ds_truth_open(&e->truth, e->data, &o, err);
    return st == DS_OK ? check_pictures(e, err) : st;
}

static ds_status open_judge(daam_eval *e, ds_error *err)
{
    ds_status st;

    if (e->mode == 0 || e->masks != 0)
        return DS_OK;
    st = ds_world_open(&e->world, e->world_folder, err);
    return st == DS_OK ? ds_judge_open(&e->judge, e->world, err) : st;
}

/* The first setting that has a trace of the prompt is compared along the grammar. */
static ds_status open_parser(daam_eval *e, ds_error *err)
{
    if (!e->syntax)
        return DS_OK;
    for (int i = e->settings.count - 1; i >= 0; i--)
        if (e->settings.at[i].source == MAP_OURS || e->settings.at[i].source == MAP_PAPER)
            e->parsed = &e->settings.at[i];
    if (e->parsed == NULL)
        return ds_fail(err, DS_E_ARG, "%s needs a setting with maps, such as paper or best",
                       ds__job_name(e->job, "syntax"));
    return ds_parser_open(&e->parser, err);
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    daam_eval *e = options;
    ds_status st;

    e->job = j;
    for (int i = 0; i < EVAL_TAUS; i++) /* absolute ones are shares of attention per call */
        e->tau[i] = (e->threshold_kind == DS_THRESHOLD_ABSOLUTE ? 0.002 : 0.025) * (i + 1);
    st = ds__map_settings_read(&e->settings, &e->names, &e->given,
                               e->mode == 0 ? MAP_SOURCES : MAP_WRONG_WORDS, err);
    if (st == DS_OK)
        st = ds__lines_check(j, &e->lines, unbound, err);
    if (st == DS_OK)
        st = ds__draw_check(j, &e->drawing, err);
    if (st == DS_OK)
        st = ds_denoiser_describe(&e->size, j->model, err);
    if (st == DS_OK)
        st = open_truth(e, err);
    if (st == DS_OK)
        st = open_judge(e, err);
    return st == DS_OK ? open_parser(e, err) : st;
}

/* ---- the run ---------------------------------------------------------------------------------- */

/* The model with all weights drawn anew but those of its autoencoder: the picture is encoded as it
 * was. */
static ds_status make_random(daam_eval *e, ds_error *err)
{
    const int64_t n = ds_model_parameters(e->job->model);
    ds_overlay o = { .count = 0 };
    ds_change *change;
    ds_status st;

    if (!ds__map_settings_need(&e->settings, MAP_RANDOM, false, false))
        return DS_OK;
    change = ds_calloc((size_t)n + 1, sizeof *change);
    if (change == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for random weights");
    for (int64_t i = 0; i < n; i++) {
        const char *name = ds_model_parameter_name(e->job->model, i);

        if (strncmp(name, "vae.", 4) != 0)
            change[o.count++] = (ds_change){ .name = name, .kind = DS_CHANGE_RANDOM, .seed = 1 };
    }
    o.change = change;
    st = ds_model_overlay(&e->random, e->job->model, &o, err);
    ds_free(change);
    return st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    daam_eval *e = options;
    study_lines lines = { .all = NULL };
    ds_status st = make_random(e, err);

    if (st == DS_OK)
        st = ds__lines_open(&lines, j, &e->lines, unbound, "pairs.jsonl", 6, err);
    if (st == DS_OK)
        st = ds__lines_fill(&lines, "scenes", NULL, e->first, end_of(e) - e->first,
                            ds__daam_eval_scene, e, err);
    if (st == DS_OK)
        st = ds__daam_eval_summary(e, lines.all, err);
    if (st == DS_OK)
        st = ds__daam_eval_page(e, err);
    return ds__lines_close(&lines, st, err);
}

static void clear(void *options)
{
    daam_eval *e = options;

    ds__map_settings_free(&e->settings);
    ds_parser_close(e->parser);
    ds_judge_close(e->judge);
    ds_world_close(e->world);
    ds_truth_close(e->truth);
    ds_model_close(e->random);
}

/* ---- the method ------------------------------------------------------------------------------- */

static const ds_option rows[] = {
    { .name = "data",
      .kind = DS_OPTION_FILE,
      .offset = AT(data),
      .arg = "DIR",
      .required = true,
      .help = "pictures with captions and masks: an export of the world, or a COCO folder" },
    { .name = "mode",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(mode),
      .choices = "image|generate",
      .standard = "image",
      .help = "read the given pictures, or generate new ones from their captions" },
    { .name = "masks",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(masks),
      .choices = "judge|data",
      .standard = "judge",
      .help = "of drawn pictures: found by the world's judge, or the folder's, which then must be "
              "masks of these very drawings" },
    { .name = "settings",
      .kind = DS_OPTION_WORDS,
      .offset = AT(names),
      .arg = "NAME...",
      .help = "built-in settings: whole disc paper plain best ask ask-best smooth guided "
              "other-word wrong-words random-weights; all without this" },
    { .name = "setting",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(given),
      .arg = "NAME:KEY=VALUE;...",
      .help = "another one; keys are layers, heads, steps, resolutions, weights, refine, "
              "normalize, word, trace" },
    { .name = "limit",
      .kind = DS_OPTION_INT,
      .offset = AT(limit),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 1e9,
      .help = "score this many scenes; 0 is all" },
    { .name = "first",
      .kind = DS_OPTION_INT,
      .offset = AT(first),
      .arg = "I",
      .standard = "0",
      .min = 0,
      .max = 1e9,
      .help = "scene to begin with" },
    { .name = "role",
      .kind = DS_OPTION_WORDS,
      .offset = AT(role),
      .arg = "ROLE...",
      .help = "words to score: object, frame, size, ...; object without this" },
    { .name = "threshold",
      .kind = DS_OPTION_REAL,
      .offset = AT(threshold),
      .arg = "X",
      .standard = "0.4",
      .min = -1000,
      .max = 1000000,
      .help = "the fixed one, beside those that are tuned and held out" },
    { .name = "threshold-kind",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(threshold_kind),
      .choices = "relative|absolute|of-max",
      .standard = "relative",
      .help = "what it is compared with" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(levels), .block = ds__daam_level_rows },
    { .name = "level-from",
      .kind = DS_OPTION_REAL,
      .offset = AT(levels.from),
      .arg = "X",
      .standard = "0.05",
      .min = 0,
      .max = 1,
      .help = "least noise, as a share of the schedule's time",
      .alias = "from" },
    { .name = "level-to",
      .kind = DS_OPTION_REAL,
      .offset = AT(levels.to),
      .arg = "X",
      .standard = "0.95",
      .min = 0,
      .max = 1,
      .help = "most noise",
      .alias = "to" },
    { .name = "images",
      .kind = DS_OPTION_FILE,
      .offset = AT(images),
      .arg = "DIR",
      .help = "COCO: folder of the pictures" },
    { .name = "synonyms",
      .kind = DS_OPTION_FILE,
      .offset = AT(synonyms),
      .arg = "FILE",
      .help = "COCO: lines with a word, a tab, and the category that it names" },
    { .name = "world",
      .kind = DS_OPTION_FILE,
      .offset = AT(world_folder),
      .arg = "DIR",
      .standard = "world",
      .help = "the world's folder, for the judge" },
    { .name = "syntax",
      .kind = DS_OPTION_FLAG,
      .offset = AT(syntax),
      .help = "overlaps of head and dependent, and parts of speech, under the first setting with "
              "maps (needs link-grammar)" },
    { .name = "sheets",
      .kind = DS_OPTION_INT,
      .offset = AT(sheets),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 1e6,
      .help = "save a contact sheet of the first N scenes with their maps",
      .alias = "pictures" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(lines), .block = ds__lines_rows },
    { .kind = DS_OPTION_BLOCK, .offset = AT(drawing), .block = ds__draw_rows },
    { 0 },
};

const ds_method ds__method_eval_daam = {
    .name = "eval-daam",
    .purpose = "score word maps against masks",
    .paper = "What the DAAM, arXiv:2210.04885",
    .description =
        "For each picture the maps of the words that name something in it are compared with its "
        "mask: intersection over union at a fixed threshold, at the best one, and at one that was "
        "chosen on the other half of the scenes; against the whole image and discs in the middle; "
        "and with words, prompts and weights that are wrong, which must score worse. Noise of "
        "scene i has the seed + i; a drawn picture the seed + its id.\n\n"
        "What is scored goes to pairs.jsonl at once; an interrupted or killed run goes on with "
        "--resume. docs/evaluation.md explains the numbers.",
    .example = "diffuscope eval daam -m out/specimen/model --data scenes --out eval --limit 100",
    .results = "counts: {scenes, words, rejected}\n"
               "settings: {NAME: {miou_fixed, miou_held_out, miou_tuned, curve, peak_inside, "
               "mass_on_right_object, denser_on_right_object, scene_labelled, scene_best, "
               "scene_hungarian}}, shares of 1 with 95 % intervals\n"
               "differences_held_out: {\"A - B\"}, on the same words\n"
               "syntax: overlaps along the grammar",
    .options = rows,
    .size = sizeof(daam_eval),
    .fields = AT(job),
    .parts = DS_JOB_FOLDER | DS_JOB_FOLDER_NEEDED | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};

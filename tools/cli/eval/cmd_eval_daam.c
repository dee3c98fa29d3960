/* cmd_eval_daam.c - `diffuscope eval daam`: word maps against masks, over a folder of pictures
 * whose truth is known. One line per scene goes to pairs.jsonl as soon as it is scored; the summary
 * is made of these lines alone, so a killed run goes on with --resume. */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "eval_daam.h"
#include "model_option.h"
#include "progress.h"
#include "report.h"
#include "run_folder.h"
#include "scene_lines.h"

/* ---- models ---------------------------------------------------------------------------------- */

/* The model's VAE beside random networks: the picture is encoded as it was. */
static ds_status link_vae(const char *model, const char *folder, ds_error *err)
{
    char own[4096], aside[4096], vae[4096], real[PATH_MAX];
    ds_status st = run_folder_file(own, sizeof own, folder, "vae", err);

    if (st == DS_OK)
        st = run_folder_file(aside, sizeof aside, folder, "vae-random", err);
    if (st == DS_OK)
        st = run_folder_file(vae, sizeof vae, model, "vae", err);
    if (st != DS_OK)
        return st;
    if (realpath(vae, real) == NULL)
        return ds_fail(err, DS_E_IO, "%s: expected a folder, to take its VAE from", model);
    if (rename(own, aside) != 0 || symlink(real, own) != 0)
        return ds_fail(err, DS_E_IO, "%s: %s", own, strerror(errno));
    return DS_OK;
}

static ds_status open_random(eval *e, const json_t *components, ds_error *err)
{
    static const char *const names[] = { "unet", "vae", "text_encoder", "text_encoder_2",
                                         "scheduler" };
    char folder[4096], like[4096], words[4096];
    ds_create_options o = DS_CREATE_OPTIONS_INIT;
    json_t *config = json_object();
    ds_status st = run_folder_file(folder, sizeof folder, e->out, "random-weights", err);

    if (st == DS_OK)
        st = run_folder_file(like, sizeof like, e->out, "random-weights.json", err);
    if (st == DS_OK)
        st = run_folder_file(words, sizeof words, opt_text(e->a, "model"), "tokenizer", err);
    for (size_t i = 0; i < DS_COUNT(names); i++) {
        json_t *c = json_object_get(json_object_get(components, names[i]), "config");

        if (c != NULL)
            json_object_set(config, names[i], c);
    }
    if (st == DS_OK && access(folder, F_OK) != 0) {
        if (json_dump_file(config, like, JSON_INDENT(1)) != 0)
            st = ds_fail(err, DS_E_IO, "%s: cannot be written", like);
        o.like = like;
        o.tokenizer = words;
        o.seed = 1;
        o.dtype = DS_DTYPE_F32;
        if (st == DS_OK)
            st = ds_model_create(folder, &o, NULL, err);
        if (st == DS_OK)
            st = link_vae(opt_text(e->a, "model"), folder, err);
    }
    json_decref(config);
    return st == DS_OK ? ds_model_open(&e->random, folder, NULL, err) : st;
}

static ds_status open_models(eval *e, ds_error *err)
{
    json_t *components = NULL;
    bool trace = false, random = false;
    ds_status st = eval_sizes_read(&e->sizes, opt_text(e->a, "model"), &components, err);

    for (int i = 0; i < e->settings; i++) {
        trace |= e->setting[i].source >= EVAL_OURS;
        random |= e->setting[i].source == EVAL_RANDOM;
    }
    if (st == DS_OK && (trace || e->generate))
        st = model_from_options(&e->model, e->a, err);
    if (st == DS_OK && random)
        st = open_random(e, components, err);
    json_decref(components);
    return st;
}

static ds_status open_judge(eval *e, ds_error *err)
{
    ds_status st;

    if (!e->generate || strcmp(opt_text(e->a, "masks"), "judge") != 0)
        return DS_OK;
    st = ds_world_open(&e->world, opt_text(e->a, "world"), err);
    return st == DS_OK ? ds_judge_open(&e->judge, e->world, err) : st;
}

/* ---- the run --------------------------------------------------------------------------------- */

static ds_status score_all(eval *e, scene_lines *lines, ds_error *err)
{
    int64_t first = opt_int(e->a, "first"), limit = opt_int(e->a, "limit");
    int64_t end = ds_truth_count(e->truth);
    progress p;
    ds_status st = DS_OK;

    end = limit > 0 && first + limit < end ? first + limit : end;
    progress_begin(&p, e->a, "scenes", end - first);
    for (int64_t i = first; st == DS_OK && i < end; i++) {
        json_t *line;

        if (scene_lines_find(lines, i) != NULL)
            continue;
        st = ds_cancel_requested(e->cancel) ? ds_fail(err, DS_E_CANCELLED, "interrupted")
                                            : eval_scene(e, i, &line, err);
        if (st == DS_OK)
            st = scene_lines_add(lines, line, err);
        if (st == DS_OK)
            progress_step(&p, i + 1 - first);
    }
    progress_end(&p);
    return st;
}

static ds_status save_result(const eval *e, const json_t *result, ds_error *err)
{
    char path[4096];
    ds_status st = run_folder_file(path, sizeof path, e->out, "result.json", err);

    if (st == DS_OK && json_dump_file(result, path, JSON_INDENT(1) | JSON_REAL_PRECISION(7)) != 0)
        st = ds_fail(err, DS_E_IO, "%s: cannot be written", path);
    return st;
}

static ds_status finish(eval *e, const json_t *lines, ds_run_record *record, ds_error *err)
{
    json_t *result = NULL;
    ds_status st = eval_summary(e, lines, &result, err);

    if (st == DS_OK)
        st = save_result(e, result, err);
    if (st == DS_OK && e->model != NULL)
        st = ds_record_open_model(record->record, e->model, err);
    if (st == DS_OK)
        st = eval_report(e, result, record, err);
    if (st == DS_OK)
        st = run_record_end(record, e->out, err);
    if (st == DS_OK && opt_flag(e->a, "json")) {
        json_dumpf(result, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(7));
        putchar('\n');
    } else if (st == DS_OK) {
        eval_print(stdout, result);
    }
    json_decref(result);
    return st;
}

/* What the lines depend on. */
static const char *const conditions[] = {
    "model",  "compute",  "data",      "mode",           "masks",     "levels",          "from",
    "to",     "approach", "steps",     "seed",           "cfg-scale", "sampling-method", "images",
    "world",  "synonyms", "threshold", "threshold-kind", "settings",  "setting",         "role",
    "syntax", NULL
};

static ds_status evaluate(eval *e, ds_run_record *record, ds_error *err)
{
    static const char *const files[] = { "pairs.jsonl", NULL };
    ds_truth_options o = DS_TRUTH_OPTIONS_INIT;
    scene_lines lines = { .all = NULL };
    ds_status st =
        scene_lines_begin(e->a, e->out, files, opt_flag(e->a, "resume"), conditions, err);

    o.images = opt_text(e->a, "images");
    o.synonyms = opt_text(e->a, "synonyms");
    if (st == DS_OK)
        st = ds_truth_open(&e->truth, opt_text(e->a, "data"), &o, err);
    if (st == DS_OK)
        st = eval_settings_read(e, err);
    if (st == DS_OK)
        st = open_models(e, err);
    if (st == DS_OK)
        st = open_judge(e, err);
    if (st == DS_OK && opt_flag(e->a, "syntax"))
        st = ds_parser_open(&e->parser, err);
    if (st == DS_OK)
        st = scene_lines_open(&lines, e->out, files[0], 6, err);
    if (st == DS_OK)
        st = score_all(e, &lines, err);
    if (st == DS_OK)
        st = finish(e, lines.all, record, err);
    return scene_lines_close(&lines, st, err);
}

static ds_status run(const ds_args *a, ds_error *err)
{
    eval *e = calloc(1, sizeof *e);
    ds_run_record record = { 0 };
    ds_status st;

    if (e == NULL)
        return ds_fail(err, DS_E_NOMEM, "an evaluation");
    e->a = a;
    e->cancel = cancel_on_interrupt();
    e->out = opt_text(a, "out");
    e->generate = strcmp(opt_text(a, "mode"), "generate") == 0;
    e->fixed = opt_real(a, "threshold");
    e->pictures = opt_int(a, "pictures");
    st = ds_threshold_parse(&e->mode, opt_text(a, "threshold-kind"), err);
    for (int i = 0; i < EVAL_TAUS; i++) /* absolute ones are shares of attention per call */
        e->tau[i] = (e->mode == DS_THRESHOLD_ABSOLUTE ? 0.002 : 0.025) * (i + 1);
    if (st == DS_OK)
        st = run_record_begin(&record, a, err);
    if (st == DS_OK)
        st = evaluate(e, &record, err);
    run_record_free(&record);
    eval_settings_free(e);
    ds_parser_close(e->parser);
    ds_judge_close(e->judge);
    ds_world_close(e->world);
    ds_truth_close(e->truth);
    ds_model_close(e->random);
    ds_model_close(e->model);
    free(e);
    return st;
}

static const ds_option options[] = {
    { .name = "data",
      .kind = DS_OPTION_TEXT,
      .arg = "DIR",
      .required = true,
      .help = "pictures with captions and masks: an export of the world, or a COCO folder" },
    { .name = "out",
      .kind = DS_OPTION_TEXT,
      .arg = "DIR",
      .required = true,
      .help = "run folder: result.json, report.html, run.json, and pairs.jsonl with one line per "
              "scene" },
    { .name = "resume", .kind = DS_OPTION_FLAG, .help = "go on with the lines that DIR holds" },
    { .name = "mode",
      .kind = DS_OPTION_CHOICE,
      .choices = "image|generate",
      .standard = "image",
      .help = "trace the given pictures, or draw new ones from their captions" },
    { .name = "masks",
      .kind = DS_OPTION_CHOICE,
      .choices = "judge|data",
      .standard = "judge",
      .help = "of drawn pictures: found by the world's judge, or the folder's, which then must be "
              "masks of these very drawings" },
    { .name = "settings",
      .kind = DS_OPTION_WORDS,
      .arg = "NAME...",
      .help = "built-in settings: whole disc paper plain best ask ask-best smooth guided "
              "other-word wrong-words random-weights; all without this" },
    { .name = "setting",
      .kind = DS_OPTION_TEXTS,
      .arg = "NAME:KEY=VALUE;...",
      .help = "another one; keys are layers, heads, steps, resolutions, weights, refine, "
              "normalize, word, trace" },
    { .name = "limit",
      .kind = DS_OPTION_INT,
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 1e9,
      .help = "score this many scenes; 0 is all" },
    { .name = "first",
      .kind = DS_OPTION_INT,
      .arg = "I",
      .standard = "0",
      .min = 0,
      .max = 1e9,
      .help = "scene to begin with" },
    { .name = "role",
      .kind = DS_OPTION_WORDS,
      .arg = "ROLE...",
      .help = "words to score: object, frame, size, ...; object without this" },
    { .name = "threshold",
      .kind = DS_OPTION_REAL,
      .arg = "X",
      .standard = "0.4",
      .min = 0,
      .max = 1,
      .help = "the fixed one, beside those that are tuned and held out" },
    { .name = "threshold-kind",
      .kind = DS_OPTION_CHOICE,
      .choices = "relative|absolute|of-max",
      .standard = "relative",
      .help = "what it is compared with" },
    { .name = "levels",
      .kind = DS_OPTION_INT,
      .arg = "N",
      .standard = "10",
      .min = 1,
      .max = 1000,
      .help = "noise levels of a given picture" },
    { .name = "from",
      .kind = DS_OPTION_REAL,
      .arg = "X",
      .standard = "0.05",
      .min = 0,
      .max = 1,
      .help = "lowest level, as a share of the schedule's time" },
    { .name = "to",
      .kind = DS_OPTION_REAL,
      .arg = "X",
      .standard = "0.95",
      .min = 0,
      .max = 1,
      .help = "highest level" },
    { .name = "approach",
      .kind = DS_OPTION_CHOICE,
      .choices = "noise|invert",
      .standard = "noise",
      .help = "add noise to a given picture, or invert it with DDIM" },
    { .name = "steps",
      .kind = DS_OPTION_INT,
      .arg = "N",
      .standard = "30",
      .min = 1,
      .max = 1000,
      .help = "sampling steps of a drawn picture" },
    { .name = "sampling-method",
      .kind = DS_OPTION_TEXT,
      .arg = "NAME",
      .help = "sampler of a drawn picture; the model's without this" },
    { .name = "cfg-scale",
      .kind = DS_OPTION_REAL,
      .arg = "X",
      .standard = "7",
      .min = 0,
      .max = 100,
      .help = "guidance of a drawn picture" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .arg = "N",
      .standard = "42",
      .help = "noise of scene i uses seed + i; a drawn picture uses seed + its id" },
    { .name = "images",
      .kind = DS_OPTION_TEXT,
      .arg = "DIR",
      .help = "COCO: folder of the pictures" },
    { .name = "synonyms",
      .kind = DS_OPTION_TEXT,
      .arg = "FILE",
      .help = "COCO: lines with a word, a tab, and the category that it names" },
    { .name = "world",
      .kind = DS_OPTION_TEXT,
      .arg = "DIR",
      .standard = "world",
      .help = "the world's folder, for the judge" },
    { .name = "syntax",
      .kind = DS_OPTION_FLAG,
      .help = "overlaps of head and dependent, and parts of speech, under the first setting with "
              "maps (needs link-grammar)" },
    { .name = "pictures",
      .kind = DS_OPTION_INT,
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 1e6,
      .help = "draw the first N scenes with their maps, for the eye" },
    { 0 },
};

const ds_command cmd_eval_daam = {
    .name = "eval-daam",
    .purpose = "score word maps against masks",
    .description =
        "Called as \"diffuscope eval daam\". For each picture the maps of the words that name "
        "something in it are compared with its mask: intersection over union at a fixed threshold, "
        "at the best one, and at one that was chosen on the other half of the scenes; against the "
        "whole image and discs in the middle; and with words, prompts and weights that are wrong, "
        "which must score worse.\n\n"
        "An interrupted or killed run goes on with --resume. docs/evaluation.md explains the "
        "numbers.",
    .example = "diffuscope eval daam -m out/specimen/model --data scenes --out eval --limit 100",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS,
    .run = run,
};

/* method.c - `daam`: which pixels did each word drive? */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/overlap.h>

#include "job/files.h"
#include "methods/daam/job.h"
#include "methods/methods.h"

enum { MOST_SHOWN = 32 }; /* pictures in one page: more would make it heavy */

#define AT(field) offsetof(daam_job, field)

#define LEVEL(field) offsetof(daam_levels, field)

const ds_option ds__daam_level_rows[] = {
    { .name = "approach",
      .kind = DS_OPTION_CHOICE,
      .offset = LEVEL(approach),
      .choices = "noise|invert",
      .standard = "noise",
      .help = "of a picture that is given: add noise at a set of levels, or run DDIM backwards" },
    { .name = "levels",
      .kind = DS_OPTION_INT,
      .offset = LEVEL(count),
      .arg = "N",
      .standard = "10",
      .min = 1,
      .max = 1000,
      .help = "of a picture that is given: levels of noise, or steps back" },
    { 0 },
};

static const ds_option rows[] = {
    { .kind = DS_OPTION_BLOCK, .offset = AT(prompts), .block = ds__prompt_rows },
    { .name = "word",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(word),
      .arg = "W",
      .help = "word or phrase whose map to make; without --word and --token, every word" },
    { .name = "token",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(token),
      .arg = "I",
      .help = "map of token I of the prompt, from 0" },
    { .name = "ask",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(ask),
      .arg = "TEXT",
      .help = "map of words that need not be in the prompt (open vocabulary)" },
    { .name = "image",
      .kind = DS_OPTION_FILE,
      .offset = AT(image),
      .arg = "FILE",
      .help = "PNG or JPEG to look at instead of drawing; -p says what it shows" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(levels), .block = ds__daam_level_rows },
    { .name = "level-from",
      .kind = DS_OPTION_REAL,
      .offset = AT(levels.from),
      .arg = "X",
      .standard = "0.05",
      .min = 0,
      .max = 1,
      .help = "least noise, as a share of the schedule's time" },
    { .name = "level-to",
      .kind = DS_OPTION_REAL,
      .offset = AT(levels.to),
      .arg = "X",
      .standard = "0.95",
      .min = 0,
      .max = 1,
      .help = "most noise" },
    { .name = "from",
      .kind = DS_OPTION_FILE,
      .offset = AT(trace),
      .arg = "RUN",
      .help = "run folder with a trace (--save-trace) to make other maps of" },
    { .name = "preset",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(preset),
      .choices = "plain|best|paper",
      .standard = "plain",
      .help = "best: refined (sharp), which finds things best; paper: layers, sizes, weights and "
              "search "
              "for words of the DAAM package, to the letter" },
    { .name = "branch",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(branch),
      .choices = "cond|uncond",
      .standard = "cond",
      .help = "uncond: maps of the negative prompt's words" },
    { .name = "layers",
      .kind = DS_OPTION_TEXT,
      .offset = AT(layers),
      .arg = "LIST",
      .help =
          "numbers and ranges in the paper's order, as 0,3-5, or patterns over names of sites" },
    { .name = "heads",
      .kind = DS_OPTION_TEXT,
      .offset = AT(heads),
      .arg = "LIST",
      .help = "numbers and ranges" },
    { .name = "at-steps",
      .kind = DS_OPTION_TEXT,
      .offset = AT(at_steps),
      .arg = "LIST",
      .help = "numbers and ranges of steps or levels, from 0" },
    { .name = "resolutions",
      .kind = DS_OPTION_TEXT,
      .offset = AT(resolutions),
      .arg = "LIST",
      .help = "how many times coarser than the latent: 1,2,4; with --preset paper, the package's "
              "factors" },
    { .name = "reduce",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(reduce),
      .choices = "mean|per-resolution|paper",
      .help = "weights: every layer and head the same, or every resolution; paper: as mean, summed "
              "over "
              "steps; without it, as the preset" },
    { .name = "normalize",
      .kind = DS_OPTION_FLAG,
      .offset = AT(normalize),
      .help = "each pixel's shares of the words sum to one" },
    { .name = "refine",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(refine),
      .choices = DS_DAAM_REFINE_CHOICES,
      .help = "refine the maps by self-attention; without it, as the preset" },
    { .name = "map-size",
      .kind = DS_OPTION_TEXT,
      .offset = AT(map_size),
      .arg = "N|HxW",
      .help = "size of the maps; without it the latent's, or the paper's 64 or 96" },
    { .name = "threshold",
      .kind = DS_OPTION_REAL,
      .offset = AT(threshold),
      .arg = "X",
      .standard = "0.4",
      .min = -1000,
      .max = 1000000,
      .help = "masks are where a map is above this" },
    { .name = "relative",
      .kind = DS_OPTION_FLAG,
      .offset = AT(relative),
      .help =
          "thresholds are shares of the way from a map's minimum to its maximum (so by default)" },
    { .name = "absolute",
      .kind = DS_OPTION_FLAG,
      .offset = AT(absolute),
      .help = "thresholds are compared with the values" },
    { .name = "syntax",
      .kind = DS_OPTION_FLAG,
      .offset = AT(syntax),
      .help = "overlaps of the maps of head and dependent, and part-of-speech intensities, at a "
              "relative "
              "and an absolute threshold (needs link-grammar)" },
    { .name = "low-memory",
      .kind = DS_OPTION_FLAG,
      .offset = AT(low_memory),
      .help = "of each block of the network the first layer alone" },
    { .name = "budget",
      .kind = DS_OPTION_INT,
      .offset = AT(budget),
      .arg = "MB",
      .standard = "160",
      .min = 1,
      .max = 1 << 20,
      .help =
          "memory for the sums; what does not fit is summed over steps, heads, layers, and said" },
    { .name = "save-trace",
      .kind = DS_OPTION_FLAG,
      .offset = AT(save_trace),
      .help = "write trace.safetensors, for --from" },
    { .name = "save-queries",
      .kind = DS_OPTION_FLAG,
      .offset = AT(save_queries),
      .help =
          "with --save-trace: also write what --from needs to --ask for other texts later (at full "
          "size 45 MB a step)" },
    { .name = "save-heads",
      .kind = DS_OPTION_OUTDIR,
      .offset = AT(save_heads),
      .arg = "DIR",
      .help = "write every probability of every call to this folder (gigabytes at full size)" },
    { .name = "load-heads",
      .kind = DS_OPTION_FILE,
      .offset = AT(load_heads),
      .arg = "DIR",
      .help = "put these probabilities in the place of the run's own: a changed prompt keeps the "
              "layout" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(start), .block = ds__start_rows },
    { .kind = DS_OPTION_BLOCK, .offset = AT(drawing), .block = ds__draw_rows },
    { 0 },
};

/* ---- one picture ------------------------------------------------------------------------------ */

static ds_status keep_text(ds_result *to, const char *name, const char *text, ds_error *err)
{
    char *copy = ds_strdup(text);

    return ds__result_file(to, name, copy, strlen(text), err);
}

/* prompt.txt and seed.txt, as the DAAM package's folders have them. */
static ds_status keep_texts(const daam_job *o, int64_t b, ds_result *to, ds_error *err)
{
    const char *prompt = o->list.count > 0
                             ? o->list.text[(o->base + b) / o->start.batch % o->list.count]
                             : ds_daam_text(o->d, 0, b);
    char seed[32];
    ds_status st = keep_text(to, "prompt.txt", prompt, err);

    snprintf(seed, sizeof seed, "%llu\n",
             (unsigned long long)(o->drawing.seed + (uint64_t)(o->base + b)));
    return st == DS_OK && ds_daam_run(o->d) != NULL ? keep_text(to, "seed.txt", seed, err) : st;
}

static ds_status say_syntax(const daam_item *it, ds_result *r, ds_error *err)
{
    char *table = it->syntax_table != NULL ? json_dumps(it->syntax_table, 0) : NULL, *text = NULL;
    ds_status st = DS_OK;

    if (table != NULL)
        st = ds_daam_overlap_text(&text, table, err);
    free(table);
    if (text != NULL)
        ds__buffer_text(&r->summary, text);
    ds_free(text);
    return st;
}

static ds_status fill(daam_item *it, daam_job *o, int64_t b, ds_result *to, ds_error *err)
{
    ds_status st = ds__daam_item_begin(it, o, b, err);

    if (st == DS_OK)
        st = ds__daam_item_tensors(it, to, err);
    if (st == DS_OK)
        st = ds__daam_item_masks(it, to, err);
    if (st == DS_OK)
        st = keep_texts(o, b, to, err);
    if (st == DS_OK)
        st = ds__daam_item_figures(it, to, err);
    return st == DS_OK ? ds__daam_item_page(it, to, err) : st;
}

/* With what tells a picture from the others of a list. */
static json_t *describe_item(const daam_item *it, const daam_job *o, int64_t b, const ds_result *to)
{
    json_t *all = ds__daam_item_json(it);

    if (to->name != NULL)
        json_object_set_new(all, "folder", json_string(to->name));
    if (ds_daam_run(o->d) != NULL)
        json_object_set_new(all, "seed", ds__json_seed(o->drawing.seed + (uint64_t)(o->base + b)));
    return all;
}

/* Into the result itself, or a part of it where there are several pictures. */
static ds_status keep_item(daam_job *o, int64_t b, json_t *pictures, ds_error *err)
{
    ds_result *r = o->job->result, *to = r;
    daam_item it = { 0 };
    char name[32];
    ds_status st = DS_OK;

    snprintf(name, sizeof name, "%03lld", (long long)(o->base + b));
    if (o->total > 1)
        st = ds__result_part(&to, name, err);
    if (st == DS_OK)
        st = fill(&it, o, b, to, err);
    if (st == DS_OK)
        json_array_append_new(pictures, describe_item(&it, o, b, to));
    if (st == DS_OK)
        st = say_syntax(&it, r, err);
    ds__daam_item_free(&it);
    if (st == DS_OK && to != r)
        st = ds__page_end(o->job, to->page, err);
    if (st == DS_OK && to != r)
        st = ds__result_part_done(r, to, o->job->common.folder, err);
    else if (to != r)
        ds__result_free(to);
    return st;
}

/* ---- all of them ------------------------------------------------------------------------------ */

/* One page of all pictures, from their own. */
static ds_status keep_page(const daam_job *o, ds_error *err)
{
    const char *folder = o->job->common.folder;
    ds_page *p = NULL;
    ds_status st = DS_OK;

    if (o->total == 1 || folder == NULL)
        return DS_OK;
    st = ds__result_page(o->job->result, &p, "Word maps", err);
    for (int64_t b = 0; st == DS_OK && b < o->total && b < MOST_SHOWN; b++) {
        char path[4096], name[32];

        snprintf(name, sizeof name, "%03lld/report.html", (long long)b);
        st = ds__run_file(path, sizeof path, folder, name, err);
        if (st == DS_OK)
            st = ds_page_include(p, path, err);
    }
    if (st == DS_OK && o->total > MOST_SHOWN)
        st = ds_page_text(p, "Only the first 32 pictures are shown; the folder has them all.", err);
    return st;
}

static json_t *layers_json(const daam_job *o)
{
    json_t *layers = json_array();
    ds_daam_layer l;

    for (int64_t k = 0; ds_daam_layer_at(o->d, k, &l); k++)
        json_array_append_new(layers,
                              json_pack("{s:I, s:s, s:I, s:I, s:I}", "index", (json_int_t)l.index,
                                        "site", l.site, "heads", (json_int_t)l.heads, "height",
                                        (json_int_t)l.height, "width", (json_int_t)l.width));
    return layers;
}

static ds_status keep_numbers(const daam_job *o, json_t *pictures, ds_error *err)
{
    const ds_daam_info i = ds_daam_describe(o->d);
    ds_result *r = o->job->result;
    json_t *warnings = json_array(), *root = ds__result_root(r), *numbers;

    for (int k = 0; ds_daam_warning(o->d, k) != NULL; k++)
        json_array_append_new(warnings, json_string(ds_daam_warning(o->d, k)));
    numbers = json_pack(
        "{s:O, s:s, s:I, s:I, s:I, s:I, s:b, s:b, s:s, s:o, s:o}", "pictures", pictures, "unit",
        o->preset == DAAM_PAPER ? "attention, summed over steps" : "share of attention", "calls",
        (json_int_t)i.calls, "steps", (json_int_t)i.steps, "step_groups", (json_int_t)i.groups,
        "bytes", (json_int_t)i.bytes, "heads_apart", i.heads_apart, "layers_apart", i.layers_apart,
        "plan", i.plan, "layers", layers_json(o), "warnings", warnings);
    if (numbers == NULL || json_object_update(root, numbers) != 0) {
        json_decref(numbers);
        return ds_fail(err, DS_E_NOMEM, "no memory for the numbers");
    }
    json_decref(numbers);
    if (o->job->common.folder != NULL)
        ds__result_say(r, "%s\n", o->job->common.folder);
    return DS_OK;
}

/* The files of --save-queries are the run's, too. */
static ds_status note_queries(const daam_job *o, ds_error *err)
{
    const int64_t calls = o->save_queries ? ds_daam_describe(o->d).calls : 0;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < calls; i++) {
        char path[4200];

        snprintf(path, sizeof path, "%s/call-%04lld.safetensors", o->queries, (long long)i);
        st = ds__job_wrote(o->job, path, err);
    }
    return st;
}

static ds_status save_trace(const daam_job *o, ds_error *err)
{
    char path[4096];
    ds_status st = note_queries(o, err);

    if (st != DS_OK)
        return st;

    if (!o->save_trace)
        return DS_OK;
    st = ds_folder_make(o->job->common.folder, err);
    if (st == DS_OK)
        st = ds__run_file(path, sizeof path, o->job->common.folder, "trace.safetensors", err);
    if (st == DS_OK)
        st = ds__job_wrote(o->job, path, err);
    return st == DS_OK ? ds_daam_save(o->d, path, err) : st;
}

static ds_status keep_all(daam_job *o, json_t *pictures, ds_error *err)
{
    const ds_run *run = ds_daam_run(o->d);
    ds_status st = run != NULL ? ds__drawn_record(o->job, run, err) : DS_OK;

    for (;;) {
        for (int64_t b = 0; st == DS_OK && b < o->images; b++)
            st = keep_item(o, b, pictures, err);
        if (st != DS_OK || o->base + o->images >= o->total)
            break;
        st = ds__daam_more(o, err);
    }
    if (st == DS_OK)
        st = save_trace(o, err);
    if (st == DS_OK)
        st = keep_page(o, err);
    return st == DS_OK ? keep_numbers(o, pictures, err) : st;
}

static ds_status early(ds_job *j, void *options, ds_error *err)
{
    if (j->o.dashes && j->common.folder == NULL) /* in C or Python the result is in memory */
        return ds_fail(err, DS_E_ARG, "%s DIR is needed", ds__job_name(j, "out"));
    return ds__daam_job_early(options, j, err);
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    return ds__daam_job_check(options, j, err);
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    daam_job *o = options;
    json_t *pictures = json_array();
    ds_status st =
        pictures != NULL ? ds__daam_open(o, err) : ds_fail(err, DS_E_NOMEM, "no memory for a list");

    (void)j;
    if (st == DS_OK)
        st = keep_all(o, pictures, err);
    json_decref(pictures);
    return st;
}

static void clear(void *options)
{
    ds__daam_job_clear(options);
}

const ds_method ds__method_daam = {
    .name = "daam",
    .purpose = "which pixels did each word drive?",
    .paper = "Tang et al., arXiv:2210.04885",
    .description =
        "Draws a picture as `diffuscope generate` does, bit for bit, and sums the probabilities "
        "with "
        "which its pixels read each word, over layers, heads and steps: one map per word (DAAM, "
        "arXiv 2210.04885). With --image, an existing picture is read under a prompt instead.\n\n"
        "The run folder holds image.png, WORD.heat_map.png, sheet.png, report.html, masks.json "
        "(COCO's run lengths), result.json, run.json, and tensors.safetensors with \"global\" "
        "[tokens,h,w] (start, tokens, end) and \"word/WORD\" [h,w] of --map-size, and "
        "\"expanded/WORD\", \"mask/WORD\" of the picture's size; other maps are \"token/I\", "
        "\"ask/TEXT\" and \"ask/TEXT/WORD\". Several pictures have a folder each below it: 000, "
        "001, and so on.\n\n"
        "A word that has several tokens, or occurs several times, gets the mean of their maps. A "
        "word that does not occur is looked for in its other forms (dog, dogs), which is said.",
    .example = "diffuscope daam -m sd15 -p \"a cat on a mat\" --word cat --out run",
    .results = "pictures: [{text, map_height, map_width, words: [{text, tensor, tokens, "
               "occurrences, form, mean, max, centre_x, centre_y, area}]}]\n"
               "unit: of the maps\ncalls, steps, step_groups, bytes, plan, layers: the trace",
    .options = rows,
    .size = sizeof(daam_job),
    .fields = offsetof(daam_job, job),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL_OPTIONAL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .early = early,
    .check = check,
    .run = run,
    .clear = clear,
};

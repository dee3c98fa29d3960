/* cmd_daam.c - `diffuscope daam`: which pixels did each word drive? */

#include <string.h>

#include "commands.h"
#include "daam_job.h"
#include "daam_syntax.h"
#include "generated.h"
#include "report.h"
#include "report_page.h"
#include "show.h"

enum { MOST_SHOWN = 32 }; /* pictures in one page: more would make it heavy */

static const ds_option options[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXTS,
      .arg = "TEXT",
      .help = "what to draw; several are drawn one after another, each --batch-count times" },
    PROMPT_LIST_OPTIONS,
    { .name = "word",
      .kind = DS_OPTION_TEXTS,
      .arg = "W",
      .help = "word or phrase whose map to make; without --word and --token, every word" },
    { .name = "token",
      .kind = DS_OPTION_TEXTS,
      .arg = "I",
      .help = "map of token I of the prompt, from 0" },
    { .name = "ask",
      .kind = DS_OPTION_TEXTS,
      .arg = "TEXT",
      .help = "map of words that need not be in the prompt (open vocabulary)" },
    { .name = "image",
      .kind = DS_OPTION_TEXT,
      .arg = "FILE",
      .help = "PNG or JPEG to look at instead of drawing; -p says what it shows" },
    { .name = "approach",
      .kind = DS_OPTION_CHOICE,
      .choices = "noise|invert",
      .standard = "noise",
      .help = "with --image: add noise at a set of levels, or run DDIM backwards" },
    { .name = "levels",
      .kind = DS_OPTION_INT,
      .arg = "N",
      .standard = "10",
      .min = 1,
      .max = 1000,
      .help = "with --image: levels of noise, or steps back" },
    { .name = "level-from",
      .kind = DS_OPTION_REAL,
      .arg = "X",
      .standard = "0.05",
      .min = 0,
      .max = 1,
      .help = "with --image: least noise, as a share of the schedule's time" },
    { .name = "level-to",
      .kind = DS_OPTION_REAL,
      .arg = "X",
      .standard = "0.95",
      .min = 0,
      .max = 1,
      .help = "with --image: most noise" },
    { .name = "from",
      .kind = DS_OPTION_TEXT,
      .arg = "RUN",
      .help = "run folder with a trace (--save-trace) to make other maps of" },
    { .name = "preset",
      .kind = DS_OPTION_CHOICE,
      .choices = "plain|best|paper",
      .standard = "plain",
      .help = "best: refined (sharp), which finds things best; paper: layers, sizes, weights and "
              "search "
              "for words of the DAAM package, to the letter" },
    { .name = "branch",
      .kind = DS_OPTION_CHOICE,
      .choices = "cond|uncond",
      .standard = "cond",
      .help = "uncond: maps of the negative prompt's words" },
    { .name = "layers",
      .kind = DS_OPTION_TEXT,
      .arg = "LIST",
      .help =
          "numbers and ranges in the paper's order, as 0,3-5, or patterns over names of sites" },
    { .name = "heads", .kind = DS_OPTION_TEXT, .arg = "LIST", .help = "numbers and ranges" },
    { .name = "at-steps",
      .kind = DS_OPTION_TEXT,
      .arg = "LIST",
      .help = "numbers and ranges of steps or levels, from 0" },
    { .name = "resolutions",
      .kind = DS_OPTION_TEXT,
      .arg = "LIST",
      .help = "how many times coarser than the latent: 1,2,4; with --preset paper, the package's "
              "factors" },
    { .name = "reduce",
      .kind = DS_OPTION_CHOICE,
      .choices = "mean|per-resolution|paper",
      .help = "weights: every layer and head the same, or every resolution; paper: as mean, summed "
              "over "
              "steps; without it, as the preset" },
    { .name = "normalize",
      .kind = DS_OPTION_FLAG,
      .help = "each pixel's shares of the words sum to one" },
    { .name = "refine",
      .kind = DS_OPTION_CHOICE,
      .choices = DAAM_REFINE,
      .help = "mend the maps by self-attention; without it, as the preset" },
    { .name = "map-size",
      .kind = DS_OPTION_TEXT,
      .arg = "N|HxW",
      .help = "size of the maps; without it the latent's, or the paper's 64 or 96" },
    { .name = "threshold",
      .kind = DS_OPTION_REAL,
      .arg = "X",
      .standard = "0.4",
      .min = -1000,
      .max = 1000000,
      .help = "masks are where a map is above this" },
    { .name = "relative",
      .kind = DS_OPTION_FLAG,
      .help =
          "thresholds are shares of the way from a map's minimum to its maximum (so by default)" },
    { .name = "absolute",
      .kind = DS_OPTION_FLAG,
      .help = "thresholds are compared with the values" },
    { .name = "syntax",
      .kind = DS_OPTION_FLAG,
      .help = "overlaps of the maps of head and dependent, and part-of-speech intensities, at a "
              "relative "
              "and an absolute threshold (needs link-grammar)" },
    { .name = "low-memory",
      .kind = DS_OPTION_FLAG,
      .help = "of each block of the network the first layer alone" },
    { .name = "budget",
      .kind = DS_OPTION_INT,
      .arg = "MB",
      .standard = "160",
      .min = 1,
      .max = 1 << 20,
      .help =
          "memory for the sums; what does not fit is summed over steps, heads, layers, and said" },
    { .name = "save-trace", .kind = DS_OPTION_FLAG, .help = "write trace.safetensors, for --from" },
    { .name = "save-queries",
      .kind = DS_OPTION_FLAG,
      .help =
          "with --save-trace: also write what --from needs to --ask for other texts later (at full "
          "size 45 MB a step)" },
    { .name = "save-heads",
      .kind = DS_OPTION_OUTDIR,
      .arg = "DIR",
      .help = "write every probability of every call to this folder (gigabytes at full size)" },
    { .name = "load-heads",
      .kind = DS_OPTION_TEXT,
      .arg = "DIR",
      .help = "put these probabilities in the place of the run's own: a changed prompt keeps the "
              "layout" },
    { .name = "long-prompt",
      .kind = DS_OPTION_CHOICE,
      .choices = "chunks|cut",
      .standard = "chunks",
      .help = "a prompt that does not fit is read in chunks, as web front ends do, or cut" },
    RUN_OPTIONS,
    { .name = "out",
      .kind = DS_OPTION_OUTDIR,
      .arg = "DIR",
      .help = "run folder: pictures, overlays, masks.json, report.html, run.json, result.json, "
              "tensors.safetensors",
      .required = true },
    { 0 },
};

/* ---- the folder ------------------------------------------------------------------------------ */

/* The folder of picture b: the run's own, or one below it where there are several. */
static ds_status folder_of(char *buf, size_t size, const daam_job *j, int64_t b, ds_error *err)
{
    const char *dir = opt_text(j->args, "out");
    int n = j->total == 1 ? snprintf(buf, size, "%s", dir)
                          : snprintf(buf, size, "%s/%03lld", dir, (long long)(j->base + b));

    if (n < 0 || (size_t)n >= size)
        return ds_fail(err, DS_E_ARG, "the path of --out is too long");
    return run_folder_make(buf, err);
}

static ds_status save_text(const char *dir, const char *name, const char *text, ds_error *err)
{
    char path[4096];
    ds_status st = run_folder_file(path, sizeof path, dir, name, err);
    FILE *f = st == DS_OK ? fopen(path, "w") : NULL;

    if (st == DS_OK && (f == NULL || fputs(text, f) < 0))
        st = ds_fail(err, DS_E_IO, "%s: could not be written", path);
    if (f != NULL && fclose(f) != 0 && st == DS_OK)
        st = ds_fail(err, DS_E_IO, "%s: could not be written", path);
    return st;
}

/* prompt.txt and seed.txt, as the DAAM package's folders have them. */
static ds_status save_texts(const daam_job *j, int64_t b, const char *dir, ds_error *err)
{
    const int64_t times = opt_int(j->args, "batch-count");
    const char *prompt = j->list.count > 0 ? j->list.text[(j->base + b) / times % j->list.count]
                                           : ds_daam_text(j->d, 0, b);
    char seed[32];
    ds_status st = save_text(dir, "prompt.txt", prompt, err);

    snprintf(seed, sizeof seed, "%llu\n",
             (unsigned long long)(opt_seed(j->args, "seed") + (uint64_t)(j->base + b)));
    return st == DS_OK && ds_daam_run(j->d) != NULL ? save_text(dir, "seed.txt", seed, err) : st;
}

static ds_status save_item(const daam_job *j, int64_t b, json_t *results, ds_error *err)
{
    char dir[4096];
    daam_item it = { 0 };
    ds_status st = folder_of(dir, sizeof dir, j, b, err);

    if (st == DS_OK)
        st = daam_item_begin(&it, j, b, err);
    if (st == DS_OK)
        st = daam_item_tensors(&it, dir, err);
    if (st == DS_OK)
        st = daam_item_masks(&it, dir, err);
    if (st == DS_OK)
        st = save_texts(j, b, dir, err);
    if (st == DS_OK)
        st = daam_item_pictures(&it, dir, err);
    if (st == DS_OK)
        st = daam_item_page(&it, dir, err);
    if (st == DS_OK)
        json_array_append_new(results, daam_item_json(&it));
    if (st == DS_OK && it.syntax_table != NULL && !opt_flag(j->args, "json"))
        daam_syntax_print(stdout, it.syntax_table);
    daam_item_free(&it);
    return st;
}

/* One page of all pictures, from their own. */
static ds_status save_page(const daam_job *j, ds_error *err)
{
    const char *dir = opt_text(j->args, "out");
    char path[4096], name[32];
    ds_page *p = NULL;
    ds_status st = j->total > 1 ? ds_page_new(&p, "Word maps", err) : DS_OK;

    for (int64_t b = 0; st == DS_OK && p != NULL && b < j->total && b < MOST_SHOWN; b++) {
        snprintf(name, sizeof name, "%03lld/report.html", (long long)b);
        st = run_folder_file(path, sizeof path, dir, name, err);
        if (st == DS_OK)
            st = ds_page_include(p, path, err);
    }
    if (st == DS_OK && j->total > MOST_SHOWN)
        st = ds_page_text(p, "Only the first 32 pictures are shown; the folder has them all.", err);
    if (st == DS_OK && p != NULL)
        st = report_page_save(p, j->args, j->record, dir, err);
    ds_page_free(p);
    return st;
}

static json_t *summary(const daam_job *j, json_t *results)
{
    const ds_daam_info i = ds_daam_describe(j->d);
    const bool paper = strcmp(opt_text(j->args, "preset"), "paper") == 0;
    json_t *warnings = json_array(), *layers = json_array();
    ds_daam_layer l;

    for (int k = 0; ds_daam_warning(j->d, k) != NULL; k++)
        json_array_append_new(warnings, json_string(ds_daam_warning(j->d, k)));
    for (int64_t k = 0; ds_daam_layer_at(j->d, k, &l); k++)
        json_array_append_new(layers,
                              json_pack("{s:I, s:s, s:I, s:I, s:I}", "index", (json_int_t)l.index,
                                        "site", l.site, "heads", (json_int_t)l.heads, "height",
                                        (json_int_t)l.height, "width", (json_int_t)l.width));
    return json_pack("{s:O, s:s, s:I, s:I, s:I, s:I, s:b, s:b, s:s, s:o, s:o}", "pictures", results,
                     "unit", paper ? "attention, summed over steps" : "share of attention", "calls",
                     (json_int_t)i.calls, "steps", (json_int_t)i.steps, "step_groups",
                     (json_int_t)i.groups, "bytes", (json_int_t)i.bytes, "heads_apart",
                     i.heads_apart, "layers_apart", i.layers_apart, "plan", i.plan, "layers",
                     layers, "warnings", warnings);
}

static ds_status save_result(const daam_job *j, json_t *results, ds_error *err)
{
    const char *dir = opt_text(j->args, "out");
    json_t *root = summary(j, results);
    char path[4096];
    ds_status st = run_folder_file(path, sizeof path, dir, "result.json", err);

    if (st == DS_OK &&
        (root == NULL || json_dump_file(root, path, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0))
        st = ds_fail(err, DS_E_IO, "%s: could not be written", path);
    if (st == DS_OK && opt_flag(j->args, "json")) {
        json_dumpf(root, stdout, 0);
        putchar('\n');
    } else if (st == DS_OK) {
        puts(dir);
    }
    json_decref(root);
    return st;
}

static ds_status record_run(const daam_job *j, ds_error *err)
{
    const char *model = j->folder_model != NULL ? j->folder_model : opt_text(j->args, "model");
    const ds_run *run = ds_daam_run(j->d);

    return run != NULL ? generated_record(j->record->record, run, err)
                       : ds_record_model(j->record->record, model, err);
}

static ds_status save_trace(const daam_job *j, ds_error *err)
{
    char path[4096];
    ds_status st;

    if (!opt_flag(j->args, "save-trace"))
        return DS_OK;
    st = run_folder_file(path, sizeof path, opt_text(j->args, "out"), "trace.safetensors", err);
    return st == DS_OK ? ds_daam_save(j->d, path, err) : st;
}

static ds_status save_all(daam_job *j, ds_error *err)
{
    const char *dir = opt_text(j->args, "out");
    json_t *results = json_array();
    ds_status st = run_folder_make(dir, err);

    if (st == DS_OK)
        st = record_run(j, err);
    for (;;) {
        for (int64_t b = 0; st == DS_OK && b < j->images; b++)
            st = save_item(j, b, results, err);
        if (st != DS_OK || j->base + j->images >= j->total)
            break;
        st = daam_job_next(j, err);
    }
    if (st == DS_OK)
        st = save_trace(j, err);
    if (st == DS_OK)
        st = save_page(j, err);
    if (st == DS_OK)
        st = save_result(j, results, err);
    json_decref(results);
    return st == DS_OK ? run_record_end(j->record, dir, err) : st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    ds_run_record record = { 0 };
    daam_job j = { .args = a, .record = &record };
    ds_status st = show_check(a, err);

    if (st == DS_OK)
        st = run_record_begin(&record, a, err);
    if (st == DS_OK)
        st = daam_job_begin(&j, err);
    if (st == DS_OK)
        st = save_all(&j, err);
    daam_job_free(&j);
    run_record_free(&record);
    return st;
}

const ds_command cmd_daam = {
    .name = "daam",
    .purpose = "which pixels did each word drive?",
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
    .options = options,
    .common = COMMON_MODEL_OPTIONAL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON |
              COMMON_PROGRESS | COMMON_SHOW,
    .run = run,
};

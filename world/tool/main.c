/* main.c - diffuscope-world: export scenes, look at them, compare counts with the tables.
 *
 * Exit codes as the main program's: 0 done, 1 failed, 2 misused. */

#include "world/tool/bpe.h"
#include "world/export.h"
#include "world/tool/quality.h"
#include "world/record.h"
#include "world/tool/score.h"
#include "world/verdict.h"

#include <diffuscope/optional.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "diffuscope-world COMMAND [options]\n"
    "\n"
    "  export  --split S --count N --out DIR   images/*.png, captions.jsonl and world.json\n"
    "  export  --select Q --count N --out DIR  the same for a set of questions (see below)\n"
    "  judge   --out DIR                       what the pictures of such a folder show, beside "
    "what "
    "was\n"
    "                                          asked for; also written to DIR/score.json\n"
    "  verdicts --items TABLE.csv -o F.csv     what the pictures of a table show, a line each: "
    "labels\n"
    "                                          for `diffuscope audit`\n"
    "  draw    -m MODEL --out DIR              the pictures of such a folder anew, by a model\n"
    "  reconstruct -m MODEL --out DIR          the same pictures after a model's autoencoder\n"
    "  quality -m MODEL --out DIR              all sets drawn and judged: the table of a model\n"
    "          --real   --out DIR              the same with real scenes in place of a model's\n"
    "  sheet   --split S --count N -o F.png    one picture of N scenes; captions go to F.txt\n"
    "  caption --split S --count N             captions alone, one a line\n"
    "  stats   --split S --count N             measured frequencies beside the planted ones\n"
    "  bpe     --count N --out DIR             tokenizer files in CLIP's format, learnt from N "
    "captions\n"
    "  heldout                                 the held-out combinations, as JSON\n"
    "  bench   --count N                       scenes per second on one core\n"
    "\n"
    "  --split S    train, single, icon, pair, homonym, people, series, prompt, test or heldout\n"
    "               (default train)\n"
    "  --select Q   single, heldout, pair, people, homonym, neutral or prompt: scenes for "
    "measuring\n"
    "               a model\n"
    "  --first I    index of the first scene (default 0)\n"
    "  --count N    number of scenes (default 64)\n"
    "  --world DIR  the world's folder (default: world)\n"
    "\n"
    "for draw and quality:\n"
    "  -m MODEL     a diffusers folder\n"
    "  --steps N, --guidance X, --seed K       of DDIM: default 30, 3, 1\n"
    "  --batch N    pictures drawn at once (default 8)\n"
    "  --compute F  f32 (default) or bf16\n"
    "  --threads N\n"
    "  --count N    quality: pictures of each set (default 300)\n"
    "  --seeds N    quality: pictures of each occupation and open homonym (default 100)\n"
    "  --quick      quality: 48 of each set, 4 of each occupation, bf16; about three minutes of\n"
    "               one core\n";

typedef struct options {
    const char *command, *split, *select, *out, *folder, *model, *compute, *items;
    int64_t first, count, seeds, threads; /* -1: not given */
    bool quick, real;
    ds_answer_options answer;
} options;

static int misuse(const char *what, const char *name)
{
    fprintf(stderr, "diffuscope-world: %s%s; see diffuscope-world --help\n", what, name);
    return 2;
}

static int fail(const ds_error *err)
{
    fprintf(stderr, "diffuscope-world: %s\n", err->text);
    return 1;
}

static bool read_count(int64_t *out, const char *text)
{
    char *end;

    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' && end != text && *out >= 0 && *out <= 1000000000;
}

static bool read_real(double *out, const char *text)
{
    char *end;

    *out = strtod(text, &end);
    return *end == '\0' && end != text && *out > -1000.0 && *out < 1000.0;
}

/* 0, or the exit code after a message. */
static int read_value(options *o, const char *name, const char *value)
{
    int64_t steps = o->answer.steps, seed = (int64_t)o->answer.seed;
    const struct {
        const char *name;
        const char **text;
        int64_t *count;
    } values[] = { { "--split", &o->split, NULL },     { "--select", &o->select, NULL },
                   { "--out", &o->out, NULL },         { "-o", &o->out, NULL },
                   { "--world", &o->folder, NULL },    { "--items", &o->items, NULL },
                   { "--model", &o->model, NULL },     { "-m", &o->model, NULL },
                   { "--compute", &o->compute, NULL }, { "--first", NULL, &o->first },
                   { "--count", NULL, &o->count },     { "--seeds", NULL, &o->seeds },
                   { "--threads", NULL, &o->threads }, { "--steps", NULL, &steps },
                   { "--seed", NULL, &seed },          { "--batch", NULL, &o->answer.batch } };
    size_t k = 0;

    if (strcmp(name, "--guidance") == 0)
        return read_real(&o->answer.guidance, value)
                   ? 0
                   : misuse("expected a number below 1000 after ", name);
    while (k < DS_COUNT(values) && strcmp(values[k].name, name) != 0)
        k++;
    if (k == DS_COUNT(values))
        return misuse("unknown option ", name);
    if (values[k].text != NULL)
        *values[k].text = value;
    else if (!read_count(values[k].count, value))
        return misuse("expected a number from 0 to 1000000000 after ", name);
    if (o->answer.batch < 1 || steps < 1 || steps > 1000)
        return misuse("expected 1 or more (at most 1000 steps) after ", name);
    o->answer.steps = (int)steps;
    o->answer.seed = (uint64_t)seed;
    return 0;
}

/* 0, or the exit code after a message. */
static int read_options(options *o, int argc, char **argv)
{
    *o = (options){ .command = argv[1],
                    .split = "train",
                    .folder = "world",
                    .compute = "f32",
                    .count = -1,
                    .seeds = -1,
                    .threads = 0,
                    .answer = DS_ANSWER_OPTIONS_INIT };
    for (int i = 2; i < argc; i++) {
        const char *name = argv[i];
        int code;

        if (strcmp(name, "--quick") == 0) {
            o->quick = true;
            o->compute = "bf16";
            continue;
        }
        if (strcmp(name, "--real") == 0) {
            o->real = true;
            continue;
        }
        if (argv[++i] == NULL)
            return misuse("expected a value after ", name);
        code = read_value(o, name, argv[i]);
        if (code != 0)
            return code;
    }
    if (strcmp(o->compute, "f32") != 0 && strcmp(o->compute, "bf16") != 0)
        return misuse("expected --compute f32 or bf16, found ", o->compute);
    ds_set_threads((int)o->threads);
    return 0;
}

/* --count where the command has one default for all. */
static int64_t count_of(const options *o)
{
    return o->count < 0 ? 64 : o->count;
}

static ds_status run_export(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    return o->select != NULL ? ds_world_export_set(w, o->select, count_of(o), o->out, err)
                             : ds_world_export(w, split, o->first, count_of(o), o->out, err);
}

/* Scenes in rows of eight, twice their size, two pixels apart; their captions in NAME.txt beside
 * NAME.png. */
static ds_status run_sheet(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    enum { PER_ROW = 8, ZOOM = 2, STEP = DS_WORLD_SIDE * ZOOM + 4 };
    int rows = (int)((count_of(o) + PER_ROW - 1) / PER_ROW), width = PER_ROW * STEP;
    const size_t stem = strlen(o->out) < 4 ? 0 : strlen(o->out) - 4;
    uint8_t *sheet;
    ds_scene *s;
    char path[1200];
    FILE *text;
    ds_status st = DS_OK;

    if (stem == 0 || stem + 5 > sizeof path || strcmp(o->out + stem, ".png") != 0)
        return ds_fail(err, DS_E_ARG, "--out: expected a file NAME.png, found \"%s\"", o->out);
    snprintf(path, sizeof path, "%.*s.txt", (int)stem, o->out);
    sheet = ds_calloc((size_t)rows * STEP, (size_t)width * 3);
    s = ds_alloc(sizeof *s);
    text = fopen(path, "w");
    if (text == NULL)
        st = ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    else if (sheet == NULL || s == NULL)
        st = ds_fail(err, DS_E_NOMEM, "a sheet of %d rows", rows);
    for (int i = 0; st == DS_OK && i < (int)count_of(o); i++) {
        st = ds_world_scene(w, split, o->first + i, s, err);
        if (st != DS_OK)
            break;
        fprintf(text, "%d.%d %s\n", i / PER_ROW + 1, i % PER_ROW + 1, s->caption);
        for (int y = 0; y < DS_WORLD_SIDE * ZOOM; y++)
            for (int x = 0; x < DS_WORLD_SIDE * ZOOM; x++)
                memcpy(sheet + 3 * ((size_t)(i / PER_ROW * STEP + y) * (size_t)width +
                                    (size_t)(i % PER_ROW * STEP + x)),
                       s->rgb + 3 * (y / ZOOM * DS_WORLD_SIDE + x / ZOOM), 3);
    }
    if (text != NULL)
        fclose(text);
    if (st == DS_OK)
        st = ds_world_write_png(o->out, sheet, width, rows * STEP, err);
    ds_free(sheet);
    ds_free(s);
    return st;
}

static ds_status run_caption(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    ds_scene *s = ds_alloc(sizeof *s);
    ds_status st = s == NULL ? ds_fail(err, DS_E_NOMEM, "a scene") : DS_OK;

    for (int64_t i = o->first; st == DS_OK && i < o->first + count_of(o); i++) {
        st = ds_world_draw(w, split, i, &s->factors, err);
        if (st == DS_OK)
            st = ds_world_caption(w, s, err);
        if (st == DS_OK)
            puts(s->caption);
    }
    ds_free(s);
    return st;
}

/* ---- stats ----------------------------------------------------------------------------------- */

typedef struct counts {
    int64_t all, kind[DS_SCENE_KINDS], form[DS_STYLE_FORMS], style[DS_WORLD_STYLES];
    int64_t context[4], watermark, zorp, heldout;
    int64_t people[64], women[64], skin[64][DS_WORLD_SKINS], toned[64];
    int64_t neutral[64], first_sense[64];
} counts;

static void count_thing(counts *c, const ds_world_tables *t, const ds_factors *f, const ds_thing *x)
{
    c->zorp += x->object == t->zorp;
    if (x->occupation >= 0 && x->occupation < 64) {
        if (!x->gender_named) {
            c->people[x->occupation]++;
            c->women[x->occupation] += x->gender == 0;
        }
        if (!x->skin_named) {
            c->toned[x->occupation]++;
            c->skin[x->occupation][x->skin]++;
        }
    }
    if (x->homonym >= 0 && x->homonym < 64 && f->context == DS_CONTEXT_NEUTRAL) {
        c->neutral[x->homonym]++;
        c->first_sense[x->homonym] += x->sense == 0;
    }
}

static void print_share(const char *name, int64_t part, int64_t all, double planted)
{
    double p = all == 0 ? 0.0 : (double)part / (double)all;

    printf("  %-16s %8lld of %-9lld %7.4f   planted %.4f\n", name, (long long)part, (long long)all,
           p, planted);
}

static void print_counts(const counts *c, const ds_world_tables *t)
{
    static const char *const forms[] = { "prefix", "suffix", "in-style", "unnamed" };

    printf("kinds\n");
    for (int i = 0; i < DS_SCENE_KINDS; i++)
        print_share(ds_scene_kind_name((ds_scene_kind)i), c->kind[i], c->all, t->kind[i]);
    printf("form of the style\n");
    for (int i = 0; i < DS_STYLE_FORMS; i++)
        print_share(forms[i], c->form[i], c->all - c->kind[DS_SCENE_EMPTY], t->style_form[i]);
    printf("styles (people have no ink)\n");
    for (int i = 0; i < t->styles; i++)
        print_share(t->style[i].id, c->style[i], c->all, 1.0 / t->styles);
    printf("the invented word and the watermark, among all scenes\n");
    printf("  %-16s %8lld\n  %-16s %8lld\n", t->object[t->zorp].id, (long long)c->zorp, "watermark",
           (long long)c->watermark);
    printf("women among people whose gender is not named\n");
    for (int i = 0; i < t->occupations && i < 64; i++)
        print_share(t->occupation[i].id, c->women[i], c->people[i], t->occupation[i].p_woman);
    printf("skin where it is not named: measured / planted, light to dark\n");
    for (int i = 0; i < t->occupations && i < 64; i++) {
        printf("  %-16s", t->occupation[i].id);
        for (int k = 0; k < DS_WORLD_SKINS; k++)
            printf("  %.3f/%.3f",
                   c->toned[i] == 0 ? 0.0 : (double)c->skin[i][k] / (double)c->toned[i],
                   t->occupation[i].p_skin[k]);
        putchar('\n');
    }
    printf("first sense of a homonym without context\n");
    for (int i = 0; i < t->homonyms && i < 64; i++)
        print_share(t->homonym[i].word, c->first_sense[i], c->neutral[i], t->homonym[i].sense[0].p);
}

static ds_status run_stats(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    const ds_world_tables *t = ds_world_words(w);
    counts *c = ds_calloc(1, sizeof *c);
    ds_status st = c == NULL ? ds_fail(err, DS_E_NOMEM, "counts") : DS_OK;

    for (int64_t i = o->first; st == DS_OK && i < o->first + count_of(o); i++) {
        ds_factors f;

        st = ds_world_draw(w, split, i, &f, err);
        if (st != DS_OK)
            break;
        c->all++;
        c->kind[f.kind]++;
        c->watermark += f.watermark;
        if (f.style >= 0) {
            c->style[f.style]++;
            c->form[f.style_form]++;
        }
        for (int k = 0; k < f.things; k++)
            count_thing(c, t, &f, &f.thing[k]);
    }
    if (st == DS_OK)
        print_counts(c, t);
    ds_free(c);
    return st;
}

static ds_status run_bench(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    ds_scene *s = ds_alloc(sizeof *s);
    ds_status st = s == NULL ? ds_fail(err, DS_E_NOMEM, "a scene") : DS_OK;
    struct timespec a, b;
    double seconds;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (int64_t i = o->first; st == DS_OK && i < o->first + count_of(o); i++)
        st = ds_world_scene(w, split, i, s, err);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    seconds = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    if (st == DS_OK)
        printf("%lld scenes in %.3f s of one core: %.0f per second\n", (long long)count_of(o),
               seconds, (double)count_of(o) / seconds);
    ds_free(s);
    return st;
}

static ds_status run_bpe(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    ds_bpe_summary s;
    ds_status st = ds_folder_make(o->out, err);

    (void)split;
    if (st == DS_OK)
        st = ds_world_bpe(w, count_of(o), o->out, &s, err);
    if (st == DS_OK)
        printf("%d words, %d merges, %d tokens\n", s.words, s.merges, s.size);
    return st;
}

static ds_status run_judge(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    char path[1200];
    ds_judge *j;
    json_t *score = NULL;
    ds_status st = ds_judge_open(&j, w, err);

    (void)split;
    if (st == DS_OK)
        st = ds_world_score(&score, w, j, o->out, err);
    ds_judge_close(j);
    if (st != DS_OK)
        return st;
    ds_world_print_score(score);
    snprintf(path, sizeof path, "%s/score.json", o->out);
    if (json_dump_file(score, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0)
        st = ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    json_decref(score);
    return st;
}

static ds_status run_verdicts(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    ds_judge *j;
    ds_status st;

    (void)split;
    if (o->items == NULL)
        return ds_fail(err, DS_E_ARG, "--items TABLE.csv is needed");
    st = ds_judge_open(&j, w, err);
    if (st == DS_OK)
        st = ds_world_verdicts(w, j, o->items, o->out, err);
    ds_judge_close(j);
    return st;
}

/* `draw`: from the captions; `reconstruct`: from the pictures. */
static ds_status run_draw(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    int64_t count;
    ds_model_options model_options = DS_MODEL_OPTIONS_INIT;
    ds_model *m;
    ds_status st;

    (void)w;
    (void)split;
    if (o->model == NULL)
        return ds_fail(err, DS_E_ARG, "-m MODEL is needed");
    model_options.compute = strcmp(o->compute, "bf16") == 0 ? DS_DTYPE_BF16 : DS_DTYPE_F32;
    model_options.products = DS_PRODUCTS_FAST;
    st = ds_model_open(&m, o->model, &model_options, err);
    if (st != DS_OK)
        return st;
    st = strcmp(o->command, "draw") == 0 ? ds_world_answer(m, o->out, &o->answer, err)
                                         : ds_world_reconstruct(m, o->out, NULL, 0, &count, err);
    ds_model_close(m);
    return st;
}

static ds_status run_quality(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    ds_quality_options q = { .model = o->real ? NULL : o->model,
                             .bf16 = strcmp(o->compute, "bf16") == 0,
                             .count = o->count >= 0 ? o->count
                                      : o->quick    ? 48
                                                    : 300,
                             .people = o->seeds >= 0 ? o->seeds
                                       : o->quick    ? 4
                                                     : 100,
                             .scenes = o->quick ? 64 : 256,
                             .talk = isatty(STDERR_FILENO),
                             .answer = o->answer };
    json_t *result;
    ds_status st;

    (void)split;
    if ((o->model == NULL) == !o->real)
        return ds_fail(err, DS_E_ARG, "either -m MODEL or --real is needed");
    q.open = o->quick ? 0 : q.people;
    st = ds_world_quality(&result, w, &q, o->out, err);
    if (st == DS_OK)
        ds_quality_print(result, false, stdout);
    json_decref(result);
    return st;
}

static int run(const options *o)
{
    static const struct {
        const char *name;
        ds_status (*run)(const ds_world *w, const options *o, ds_split split, ds_error *err);
        bool out;
    } commands[] = { { "export", run_export, true },    { "sheet", run_sheet, true },
                     { "caption", run_caption, false }, { "stats", run_stats, false },
                     { "bench", run_bench, false },     { "bpe", run_bpe, true },
                     { "judge", run_judge, true },      { "draw", run_draw, true },
                     { "reconstruct", run_draw, true }, { "quality", run_quality, true },
                     { "verdicts", run_verdicts, true } };
    ds_error err = { 0 };
    ds_world *w;
    ds_split split;
    ds_status st;
    size_t k = 0;

    while (k < DS_COUNT(commands) && strcmp(commands[k].name, o->command) != 0)
        k++;
    if (k == DS_COUNT(commands) && strcmp(o->command, "heldout") != 0)
        return misuse("unknown command ", o->command);
    if (k < DS_COUNT(commands) && commands[k].out && o->out == NULL)
        return misuse("expected --out for ", o->command);
    if (ds_split_find(&split, o->split, &err) != DS_OK)
        return misuse(err.text, "");
    st = ds_world_open(&w, o->folder, &err);
    if (st == DS_OK)
        st = k < DS_COUNT(commands) ? commands[k].run(w, o, split, &err)
                                    : ds_world_write_record(ds_world_heldout_record(w), stdout,
                                                            "heldout", JSON_COMPACT, &err);
    ds_world_close(w);
    return st == DS_OK ? 0 : fail(&err);
}

int main(int argc, char **argv)
{
    options o;
    int code;

    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    ds_report_use();
    code = read_options(&o, argc, argv);
    return code != 0 ? code : run(&o);
}

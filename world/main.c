/* main.c - diffuscope-world: export scenes, look at them, compare counts with the tables.
 *
 * Exit codes as the main program's: 0 done, 1 failed, 2 misused.                                 */

#include "bpe.h"
#include "record.h"
#include "score.h"
#include "select.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char usage[] =
    "diffuscope-world COMMAND [options]\n"
    "\n"
    "  export  --split S --count N --out DIR   images/*.png, captions.jsonl and world.json\n"
    "  export  --select Q --count N --out DIR  the same for a set of questions (see below)\n"
    "  judge   --out DIR                       what the pictures of such a folder show, beside "
    "what "
    "was\n"
    "                                          asked for; also written to DIR/score.json\n"
    "  sheet   --split S --count N -o F.png    one picture of N scenes; captions go to F.txt\n"
    "  caption --split S --count N             captions alone, one a line\n"
    "  stats   --split S --count N             measured frequencies beside the planted ones\n"
    "  bpe     --count N --out DIR             tokenizer files in CLIP's format, learnt from N "
    "captions\n"
    "  heldout                                 the held-out combinations, as JSON\n"
    "  bench   --count N                       scenes per second on one core\n"
    "\n"
    "  --split S    train, single, test or heldout (default train)\n"
    "  --select Q   single, heldout, pair, people, homonym or neutral: scenes for measuring a "
    "model\n"
    "  --first I    index of the first scene (default 0)\n"
    "  --count N    number of scenes (default 64)\n"
    "  --world DIR  the world's folder (default: world)\n";

typedef struct options {
    const char *command, *split, *select, *out, *folder;
    int64_t first, count;
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

/* 0, or the exit code after a message.                                                          */
static int read_options(options *o, int argc, char **argv)
{
    *o = (options){ argv[1], "train", NULL, NULL, "world", 0, 64 };
    for (int i = 2; i < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];

        if (value == NULL)
            return misuse("expected a value after ", name);
        if (strcmp(name, "--split") == 0)
            o->split = value;
        else if (strcmp(name, "--select") == 0)
            o->select = value;
        else if (strcmp(name, "--out") == 0 || strcmp(name, "-o") == 0)
            o->out = value;
        else if (strcmp(name, "--world") == 0)
            o->folder = value;
        else if (strcmp(name, "--first") == 0 || strcmp(name, "--count") == 0) {
            if (!read_count(strcmp(name, "--first") == 0 ? &o->first : &o->count, value))
                return misuse("expected a number from 0 to 1000000000 after ", name);
        } else {
            return misuse("unknown option ", name);
        }
    }
    return 0;
}

static ds_status make_folder(const char *path, ds_error *err)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    return DS_OK;
}

static ds_status dump(json_t *j, FILE *to, const char *path, size_t flags, ds_error *err)
{
    ds_status st = DS_OK;

    if (j == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: memory is exhausted", path);
    if (json_dumpf(j, to, flags | JSON_REAL_PRECISION(9)) != 0 || fputc('\n', to) == EOF)
        st = ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    json_decref(j);
    return st;
}

/* One picture and its line.                                                                     */
static ds_status export_scene(const ds_world *w, const options *o, ds_split split, int64_t index,
                              ds_scene *s, FILE *lines, ds_error *err)
{
    char path[1200], file[64];
    ds_status st = ds_world_scene(w, split, index, s, err);

    snprintf(file, sizeof file, "images/%s-%07lld.png", ds_split_name(split), (long long)index);
    snprintf(path, sizeof path, "%s/%s", o->out, file);
    if (st == DS_OK)
        st = ds_world_write_png(path, s->rgb, DS_WORLD_SIDE, DS_WORLD_SIDE, err);
    if (st == DS_OK)
        st = dump(ds_world_record(w, s, file), lines, "captions.jsonl", JSON_COMPACT, err);
    return st;
}

static ds_status export_scenes(const ds_world *w, const options *o, ds_split split, FILE *lines,
                               ds_error *err)
{
    ds_scene *s = ds_alloc(sizeof *s);
    ds_selection *set = NULL;
    ds_status st = s == NULL ? ds_fail(err, DS_E_NOMEM, "a scene") : DS_OK;
    int64_t index;

    if (st == DS_OK && o->select != NULL)
        st = ds_selection_open(&set, w, o->select, o->count, err);
    if (set == NULL)
        for (int64_t i = o->first; st == DS_OK && i < o->first + o->count; i++)
            st = export_scene(w, o, split, i, s, lines, err);
    else
        while (st == DS_OK && ds_selection_next(set, &split, &index))
            st = export_scene(w, o, split, index, s, lines, err);
    ds_selection_close(set);
    ds_free(s);
    return st;
}

static ds_status run_export(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    char path[1200];
    FILE *f;
    ds_status st;

    snprintf(path, sizeof path, "%s/images", o->out);
    st = make_folder(o->out, err);
    if (st == DS_OK)
        st = make_folder(path, err);
    for (int part = 0; st == DS_OK && part < 2; part++) {
        snprintf(path, sizeof path, "%s/%s", o->out, part == 0 ? "captions.jsonl" : "world.json");
        f = fopen(path, "w");
        if (f == NULL)
            return ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
        st = part == 0 ? export_scenes(w, o, split, f, err)
                       : dump(ds_world_table_record(w), f, path, JSON_INDENT(1), err);
        if (fclose(f) != 0 && st == DS_OK)
            st = ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    }
    return st;
}

/* Scenes in rows of eight, twice their size, two pixels apart.                                  */
static ds_status run_sheet(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    enum { PER_ROW = 8, ZOOM = 2, STEP = DS_WORLD_SIDE * ZOOM + 4 };
    int rows = (int)((o->count + PER_ROW - 1) / PER_ROW), width = PER_ROW * STEP;
    uint8_t *sheet = ds_calloc((size_t)rows * STEP, (size_t)width * 3);
    ds_scene *s = ds_alloc(sizeof *s);
    char path[1200];
    FILE *text;
    ds_status st = DS_OK;

    snprintf(path, sizeof path, "%.*s.txt", (int)(strlen(o->out) - 4), o->out);
    text = fopen(path, "w");
    if (text == NULL)
        st = ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    else if (sheet == NULL || s == NULL)
        st = ds_fail(err, DS_E_NOMEM, "a sheet of %d rows", rows);
    for (int i = 0; st == DS_OK && i < (int)o->count; i++) {
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

    for (int64_t i = o->first; st == DS_OK && i < o->first + o->count; i++) {
        st = ds_world_draw(w, split, i, &s->factors, err);
        if (st == DS_OK)
            st = ds_world_caption(w, s, err);
        if (st == DS_OK)
            puts(s->caption);
    }
    ds_free(s);
    return st;
}

/* ---- stats ------------------------------------------------------------------------------------
 */

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

    for (int64_t i = o->first; st == DS_OK && i < o->first + o->count; i++) {
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
    for (int64_t i = o->first; st == DS_OK && i < o->first + o->count; i++)
        st = ds_world_scene(w, split, i, s, err);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    seconds = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    if (st == DS_OK)
        printf("%lld scenes in %.3f s of one core: %.0f per second\n", (long long)o->count, seconds,
               (double)o->count / seconds);
    ds_free(s);
    return st;
}

static ds_status run_bpe(const ds_world *w, const options *o, ds_split split, ds_error *err)
{
    ds_bpe_summary s;
    ds_status st = make_folder(o->out, err);

    (void)split;
    if (st == DS_OK)
        st = ds_world_bpe(w, o->count, o->out, &s, err);
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

static int run(const options *o)
{
    static const struct {
        const char *name;
        ds_status (*run)(const ds_world *w, const options *o, ds_split split, ds_error *err);
        bool out;
    } commands[] = { { "export", run_export, true },    { "sheet", run_sheet, true },
                     { "caption", run_caption, false }, { "stats", run_stats, false },
                     { "bench", run_bench, false },     { "bpe", run_bpe, true },
                     { "judge", run_judge, true } };
    ds_error err = { 0 };
    ds_world *w;
    ds_split split;
    ds_status st;
    size_t k = 0;

    while (k < DS_COUNT(commands) && strcmp(commands[k].name, o->command) != 0)
        k++;
    if (k == DS_COUNT(commands) && strcmp(o->command, "heldout") != 0)
        return misuse("unknown command ", o->command);
    if (k < DS_COUNT(commands) && commands[k].out && (o->out == NULL || strlen(o->out) < 5))
        return misuse("expected --out for ", o->command);
    if (ds_split_find(&split, o->split, &err) != DS_OK)
        return misuse(err.text, "");
    st = ds_world_open(&w, o->folder, &err);
    if (st == DS_OK)
        st = k < DS_COUNT(commands)
                 ? commands[k].run(w, o, split, &err)
                 : dump(ds_world_heldout_record(w), stdout, "heldout", JSON_COMPACT, &err);
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
    code = read_options(&o, argc, argv);
    return code != 0 ? code : run(&o);
}

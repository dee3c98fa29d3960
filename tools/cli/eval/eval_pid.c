/* eval_pid.c - see eval_pid.h. */

#include "eval_pid.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "scene_lines.h"

#define UNRELATED 3 /* other objects' names that a synonym is compared with */
#define PATH_SIZE 4096

static const ds_redundancy kinds[3] = { DS_REDUNDANCY_PM, DS_REDUNDANCY_MMI_PIXEL,
                                        DS_REDUNDANCY_MMI_IMAGE };

void eval_questions(ds_pid_question q[EVAL_QUESTIONS], double delta)
{
    for (int i = 0; i < EVAL_QUESTIONS; i++) {
        q[i] = (ds_pid_question)DS_PID_QUESTION_INIT;
        q[i].redundancy = kinds[i / 2];
        q[i].form = i % 2 == 0 ? DS_INFO_O : DS_INFO_S;
        q[i].delta = delta;
    }
}

const char *eval_question_name(int question)
{
    static const char *const names[EVAL_QUESTIONS] = { "pm, o",        "pm, s",
                                                       "mmi-pixel, o", "mmi-pixel, s",
                                                       "mmi-image, o", "mmi-image, s" };

    return names[question];
}

json_t *eval_estimate_json(ds_value e)
{
    return json_pack("{s:o, s:o, s:o, s:I}", "value", pid_real(e.value), "low", pid_real(e.low),
                     "high", pid_real(e.high), "count", (json_int_t)e.count);
}

/* ---- the world ------------------------------------------------------------------------------- */

static ds_status read_scenes(eval_world *w, const char *path, ds_error *err)
{
    FILE *f = fopen(path, "r");
    json_error_t at;
    json_t *scene;

    if (f == NULL)
        return ds_fail(err, DS_E_IO, "%s cannot be read", path);
    w->scenes = json_array();
    while ((scene = json_loadf(f, JSON_DISABLE_EOF_CHECK, &at)) != NULL)
        json_array_append_new(w->scenes, scene);
    scene = feof(f) ? json_true() : NULL;
    fclose(f);
    if (scene == NULL || json_array_size(w->scenes) == 0)
        return ds_fail(err, DS_E_FORMAT, "%s: scene %zu: %s", path, json_array_size(w->scenes) + 1,
                       at.text);
    return DS_OK;
}

ds_status eval_world_open(eval_world *w, const char *dir, ds_error *err)
{
    char path[PATH_SIZE];
    json_error_t at;
    ds_status st = run_folder_file(path, sizeof path, dir, "world.json", err);

    *w = (eval_world){ .dir = dir };
    if (st != DS_OK)
        return st;
    w->tables = json_load_file(path, 0, &at);
    if (w->tables == NULL)
        return ds_fail(err, at.line < 0 ? DS_E_IO : DS_E_FORMAT,
                       "%s: expected the tables of a world as diffuscope-world export writes them: "
                       "%s",
                       path, at.text);
    st = run_folder_file(path, sizeof path, dir, "captions.jsonl", err);
    return st == DS_OK ? read_scenes(w, path, err) : st;
}

void eval_world_close(eval_world *w)
{
    json_decref(w->tables);
    json_decref(w->scenes);
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text != NULL ? text : "";
}

static ds_status load_picture(pid_job *j, const eval_world *w, const json_t *scene, ds_error *err)
{
    char path[PATH_SIZE];
    ds_status st = run_folder_file(path, sizeof path, w->dir, text_of(scene, "file"), err);

    picture_clear(&j->picture);
    return st == DS_OK ? picture_load(&j->picture, j->args, path, err) : st;
}

/* An interrupted evaluation sums up the scenes that are complete. */
static ds_status after_scenes(pid_job *j, ds_status st, int64_t count, ds_error *err)
{
    if (st != DS_E_CANCELLED || count == 0)
        return st;
    if (err != NULL)
        *err = (ds_error){ .code = DS_OK };
    remark(j->args, "interrupted: summed up are the %lld scenes that are complete",
           (long long)count);
    return pid_result(j, "interrupted", json_true(), err);
}

/* ---- homonyms -------------------------------------------------------------------------------- */

/* The words of a scene that settles a homonym; text is borrowed, or in `buf`. */
typedef struct settled {
    const char *homonym, *context, *article;
    char buf[96], first[16];
} settled;

static const char *last_word(char *buf, size_t size, const char *text)
{
    const char *blank = strrchr(text, ' ');

    snprintf(buf, size, "%s", blank != NULL ? blank + 1 : text);
    return buf;
}

static const json_t *find_link(const json_t *scene, const char *role, const char *other_than)
{
    size_t i;
    json_t *link;

    json_array_foreach (json_object_get(scene, "links"), i, link)
        if (strcmp(text_of(link, "role"), role) == 0 &&
            (other_than == NULL || strcmp(text_of(link, "text"), other_than) != 0))
            return link;
    return NULL;
}

static bool find_settled(settled *s, const json_t *scene)
{
    const json_t *things = json_object_get(json_object_get(scene, "factors"), "things");
    const char *caption = text_of(scene, "caption"), *context;
    const json_t *link;
    json_t *thing;
    size_t i;

    *s = (settled){ .homonym = NULL };
    json_array_foreach ((json_t *)things, i, thing) {
        if (json_object_get(thing, "homonym") == NULL)
            continue;
        s->homonym = text_of(thing, "homonym");
        context = text_of(thing, "context");
        link = strcmp(context, "background") == 0  ? find_link(scene, "background", NULL)
               : strcmp(context, "companion") == 0 ? find_link(scene, "object", s->homonym)
                                                   : NULL;
        if (link == NULL)
            return false;
        s->context = last_word(s->buf, sizeof s->buf, text_of(link, "text"));
        break;
    }
    snprintf(s->first, sizeof s->first, "%.*s", (int)strcspn(caption, " "), caption);
    s->article = s->first;
    return s->homonym != NULL && s->context != NULL &&
           (strcmp(s->first, "a") == 0 || strcmp(s->first, "an") == 0) &&
           strcmp(s->context, s->homonym) != 0;
}

enum { RIVALS = 2, TRIED = 1 + RIVALS };
static const char *const rivals[RIVALS] = { "article", "unrelated" };

/* S(homonym, w) for w the settling word, the article, and another scene's settling word:
 * x [EVAL_QUESTIONS, TRIED, most]. */
typedef struct synergies {
    double *x;
    int64_t count, most;
} synergies;

static double *synergy(const synergies *y, int question, int word)
{
    return y->x + (question * TRIED + word) * y->most;
}

/* The settling word of the next scene that has another homonym and another word. */
static const char *elsewhere(settled *s, const eval_world *w, size_t from, const settled *here)
{
    size_t n = json_array_size(w->scenes);

    for (size_t i = 1; i < n; i++)
        if (find_settled(s, json_array_get(w->scenes, (from + i) % n)) &&
            strcmp(s->homonym, here->homonym) != 0 && strcmp(s->context, here->context) != 0 &&
            strcmp(s->context, here->homonym) != 0)
            return s->context;
    return NULL;
}

/* Scene i with these words, measured: the line that is kept of it. */
typedef ds_status measure_fn(pid_job *j, const eval_world *w, size_t i, const char *const *words,
                             json_t **line, ds_error *err);

/* The line of scene i, borrowed, from the file or measured now; also added to `lines`. */
static ds_status line_of(json_t **line, pid_job *j, const eval_world *w, size_t i,
                         measure_fn *measure, const char *const *words, scene_lines *known,
                         json_t *lines, ds_error *err)
{
    json_t *fresh;
    ds_status st = DS_OK;

    if (scene_lines_find(known, (int64_t)i) == NULL) {
        st = load_picture(j, w, json_array_get(w->scenes, i), err);
        if (st == DS_OK)
            st = measure(j, w, i, words, &fresh, err);
        if (st == DS_OK)
            st = scene_lines_add(known, fresh, err);
    }
    *line = st == DS_OK ? scene_lines_find(known, (int64_t)i) : NULL;
    if (*line != NULL)
        json_array_append(lines, *line);
    return st;
}

/* {"scene", "caption", "homonym", "words", and for each question the synergies}. */
static ds_status measure_homonym(pid_job *j, const eval_world *w, size_t i,
                                 const char *const *words, json_t **out, ds_error *err)
{
    ds_pid_question q[EVAL_QUESTIONS];
    ds_pid_options o;
    json_t *line = json_pack("{s:I, s:s, s:s, s:[s,s,s]}", "scene", (json_int_t)i, "caption",
                             text_of(json_array_get(w->scenes, i), "caption"), "homonym", words[0],
                             "words", words[1], words[2], words[3]);
    ds_status st;

    pid_options_from(&o, j);
    o.given = DS_PID_GIVEN_NOTHING; /* the caption lacks the unrelated word */
    o.word = words;
    o.words = 1 + TRIED;
    o.first_only = true;
    eval_questions(q, j->question.delta);
    st = pid_measure(j, &o, words[0], err);
    for (int k = 0; st == DS_OK && k < EVAL_QUESTIONS; k++) {
        json_t *values = json_array();

        for (int p = 0; p < TRIED && st == DS_OK; p++) {
            ds_pid_answer a;

            st = ds_pid_solve(j->pid, &a, NULL, NULL, p, &q[k], err);
            if (st == DS_OK)
                json_array_append_new(values, pid_value_json(a.image[DS_PID_S]));
        }
        json_object_set_new(line, eval_question_name(k), values);
    }
    if (st != DS_OK)
        json_decref(line);
    *out = st == DS_OK ? line : NULL;
    return st;
}

/* Number `field` of question k's p-th value in a line. */
static double number_in(const json_t *line, int k, int p, const char *field)
{
    const json_t *values = json_object_get(line, eval_question_name(k));

    return pid_real_from(json_object_get(json_array_get(values, (size_t)p), field));
}

static void take_homonym(synergies *y, const json_t *line)
{
    for (int k = 0; k < EVAL_QUESTIONS; k++)
        for (int p = 0; p < TRIED; p++)
            synergy(y, k, p)[y->count] = number_in(line, k, p, "value");
    y->count++;
}

static ds_status rival_json(json_t **out, pid_job *j, const synergies *y, int k, int rival,
                            ds_error *err)
{
    const double *settling = synergy(y, k, 0), *other = synergy(y, k, 1 + rival);
    int64_t hits = 0;
    ds_value share, gap;
    ds_status st;

    for (int64_t i = 0; i < y->count; i++)
        hits += settling[i] > other[i];
    share = ds_stats_share(hits, y->count);
    st = ds_stats_difference(&gap, settling, other, NULL, y->count, err);
    if (st != DS_OK)
        return st;
    *out = json_pack("{s:o, s:o}", "share_above", eval_estimate_json(share), "mean_difference",
                     eval_estimate_json(gap));
    if (!opt_flag(j->args, "json"))
        printf("homonyms, %-13s S with the settling word above S with the %s in %.1f %% [%.1f, "
               "%.1f] of %lld; difference %.3g [%.3g, %.3g] nats\n",
               eval_question_name(k), rival == 0 ? "article" : "unrelated word", 100 * share.value,
               100 * share.low, 100 * share.high, (long long)y->count, gap.value, gap.low,
               gap.high);
    return DS_OK;
}

static ds_status sum_up_homonyms(pid_job *j, const synergies *y, json_t *lines, ds_error *err)
{
    json_t *all = json_pack("{s:I, s:O}", "scenes", (json_int_t)y->count, "lines", lines);
    ds_status st = DS_OK;

    for (int k = 0; k < EVAL_QUESTIONS; k++) {
        json_t *one = json_object(), *value;

        for (int r = 0; st == DS_OK && r < RIVALS; r++) {
            st = rival_json(&value, j, y, k, r, err);
            if (st == DS_OK)
                json_object_set_new(one, rivals[r], value);
        }
        json_object_set_new(all, eval_question_name(k), one);
    }
    return st == DS_OK ? pid_result(j, "homonyms", all, err) : (json_decref(all), st);
}

ds_status eval_homonyms(pid_job *j, const eval_world *w, int64_t most, ds_error *err)
{
    synergies y = { .x = ds_calloc((size_t)(EVAL_QUESTIONS * TRIED * most), sizeof *y.x),
                    .most = most };
    json_t *lines = json_array(), *scene, *line;
    scene_lines known;
    size_t i;
    ds_status st = scene_lines_open(&known, opt_text(j->args, "out"), "homonyms.jsonl", 17, err);

    if (st == DS_OK && y.x == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the answers");
    json_array_foreach (w->scenes, i, scene) {
        const char *words[1 + TRIED];
        settled s, other;

        if (st != DS_OK || y.count == most || !find_settled(&s, scene))
            continue;
        words[0] = s.homonym;
        words[1] = s.context;
        words[2] = s.article;
        words[3] = elsewhere(&other, w, i, &s);
        if (words[3] == NULL)
            continue;
        st = line_of(&line, j, w, i, measure_homonym, words, &known, lines, err);
        if (st == DS_OK)
            take_homonym(&y, line);
    }
    st = after_scenes(j, st, y.count, err);
    if (st == DS_OK && y.count == 0)
        st =
            ds_fail(err, DS_E_NOMATCH,
                    "%s: no scene has a homonym that another word settles; export --select homonym",
                    w->dir);
    if (st == DS_OK)
        st = sum_up_homonyms(j, &y, lines, err);
    json_decref(lines);
    ds_free(y.x);
    return scene_lines_close(&known, st, err);
}

/* ---- synonyms -------------------------------------------------------------------------------- */

/* Another name of what a caption calls `name`. */
static const char *synonym_of(const eval_world *w, const char *name)
{
    json_t *object, *other;
    size_t i, k;

    json_array_foreach (json_object_get(w->tables, "objects"), i, object) {
        const json_t *names = json_object_get(object, "names");

        json_array_foreach ((json_t *)names, k, other)
            if (json_array_size(names) > 1 && strcmp(json_string_value(other), name) == 0)
                return json_string_value(json_array_get(names, k == 0 ? 1 : 0));
    }
    return NULL;
}

/* The n-th name of another object for scene i: the same for every model. */
static const char *unrelated(const eval_world *w, int64_t i, int n, const char *name)
{
    const json_t *objects = json_object_get(w->tables, "objects");
    size_t count = json_array_size(objects), at;
    const char *other;

    if (count < 2)
        return NULL;
    at = (size_t)(2654435761u * (uint64_t)(i * UNRELATED + n + 1)) % count;
    do {
        other = json_string_value(
            json_array_get(json_object_get(json_array_get(objects, at), "names"), 0));
        at = (at + 1) % count;
    } while (other == NULL || strcmp(other, name) == 0 || synonym_of(w, name) == other);
    return other;
}

typedef struct redundancies {
    double *same, *other; /* [EVAL_QUESTIONS, most], [EVAL_QUESTIONS, most, UNRELATED] */
    double *same_share, *other_share; /* the same over the first name's information */
    int64_t count, most;
} redundancies;

/* {"scene", "caption", "names", and for each question the redundancies, with their share of the
 * first name's information}. */
static ds_status measure_synonym(pid_job *j, const eval_world *w, size_t i,
                                 const char *const *named, json_t **out, ds_error *err)
{
    const json_t *scene = json_array_get(w->scenes, i);
    const char *name = named[0], *words[2 + UNRELATED] = { name, synonym_of(w, name) };
    ds_pid_question q[EVAL_QUESTIONS];
    ds_pid_options o;
    json_t *line = json_pack("{s:I, s:s, s:[s,s]}", "scene", (json_int_t)i, "caption",
                             text_of(scene, "caption"), "names", name, words[1]);
    ds_status st;

    for (int n = 0; n < UNRELATED; n++)
        words[2 + n] = unrelated(w, (int64_t)i, n, name);
    pid_options_from(&o, j);
    o.given = DS_PID_GIVEN_NOTHING; /* the caption holds one of the names only */
    o.word = words;
    o.words = 2 + UNRELATED;
    o.first_only = true;
    eval_questions(q, j->question.delta);
    st = pid_measure(j, &o, name, err);
    for (int k = 0; st == DS_OK && k < EVAL_QUESTIONS; k++) {
        json_t *values = json_array();

        for (int p = 0; st == DS_OK && p < 1 + UNRELATED; p++) {
            ds_pid_answer a;
            json_t *value;

            st = ds_pid_solve(j->pid, &a, NULL, NULL, p, &q[k], err);
            if (st != DS_OK)
                break;
            value = pid_value_json(a.image[DS_PID_R]);
            json_object_set_new(value, "share", pid_real(a.image[DS_PID_R].value / a.i_a.value));
            json_array_append_new(values, value);
        }
        json_object_set_new(line, eval_question_name(k), values);
    }
    if (st != DS_OK)
        json_decref(line);
    *out = st == DS_OK ? line : NULL;
    return st;
}

static void take_synonym(redundancies *r, const json_t *line)
{
    for (int k = 0; k < EVAL_QUESTIONS; k++) {
        int64_t at = k * r->most + r->count;

        r->same[at] = number_in(line, k, 0, "value");
        r->same_share[at] = number_in(line, k, 0, "share");
        for (int n = 0; n < UNRELATED; n++) {
            r->other[at * UNRELATED + n] = number_in(line, k, 1 + n, "value");
            r->other_share[at * UNRELATED + n] = number_in(line, k, 1 + n, "share");
        }
    }
    r->count++;
}

static ds_status sum_up_synonyms(pid_job *j, const redundancies *r, json_t *lines, ds_error *err)
{
    json_t *all = json_pack("{s:I, s:O}", "scenes", (json_int_t)r->count, "lines", lines);
    ds_status st = DS_OK;

    for (int k = 0; st == DS_OK && k < EVAL_QUESTIONS; k++) {
        ds_value auc, share;
        int64_t at = k * r->most;

        st = ds_stats_auc(&auc, r->same + at, r->count, r->other + at * UNRELATED,
                          r->count * UNRELATED, err);
        if (st == DS_OK)
            st = ds_stats_auc(&share, r->same_share + at, r->count, r->other_share + at * UNRELATED,
                              r->count * UNRELATED, err);
        if (st != DS_OK)
            break;
        json_object_set_new(all, eval_question_name(k),
                            json_pack("{s:o, s:o}", "auc", eval_estimate_json(auc), "auc_of_share",
                                      eval_estimate_json(share)));
        if (!opt_flag(j->args, "json"))
            printf("synonyms, %-13s AUC of R %.3f [%.3f, %.3f], of R over the name's information "
                   "%.3f [%.3f, %.3f]; %lld scenes\n",
                   eval_question_name(k), auc.value, auc.low, auc.high, share.value, share.low,
                   share.high, (long long)r->count);
    }
    return st == DS_OK ? pid_result(j, "synonyms", all, err) : (json_decref(all), st);
}

ds_status eval_synonyms(pid_job *j, const eval_world *w, int64_t most, ds_error *err)
{
    int64_t each = EVAL_QUESTIONS * most;
    redundancies r = { .same = ds_calloc((size_t)(2 * each * (1 + UNRELATED)), sizeof(double)),
                       .most = most };
    json_t *lines = json_array(), *scene, *line;
    scene_lines known;
    size_t i;
    ds_status st = scene_lines_open(&known, opt_text(j->args, "out"), "synonyms.jsonl", 17, err);

    if (st == DS_OK && r.same == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the answers");
    r.same_share = r.same + each;
    r.other = r.same_share + each;
    r.other_share = r.other + each * UNRELATED;
    json_array_foreach (w->scenes, i, scene) {
        const json_t *link = find_link(scene, "object", NULL);
        const char *name = link != NULL ? text_of(link, "text") : "";

        if (st != DS_OK || r.count == most || synonym_of(w, name) == NULL)
            continue;
        st = line_of(&line, j, w, i, measure_synonym, &name, &known, lines, err);
        if (st == DS_OK)
            take_synonym(&r, line);
    }
    st = after_scenes(j, st, r.count, err);
    if (st == DS_OK && r.count == 0)
        st = ds_fail(err, DS_E_NOMATCH, "%s: no scene has an object with two names", w->dir);
    if (st == DS_OK)
        st = sum_up_synonyms(j, &r, lines, err);
    json_decref(lines);
    ds_free(r.same);
    return scene_lines_close(&known, st, err);
}

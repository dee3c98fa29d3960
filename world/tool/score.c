/* score.c - how often pictures show what their captions asked for.
 *
 * Thread rule: pictures are judged by all threads; the counts are added up in the order of the
 * captions. */

#include "world/tool/score.h"

#include "world/export.h"
#include "world/record.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PEOPLE = 64, HOMONYMS = 64 };

/* What a line of captions.jsonl asks for. */
typedef struct question {
    char file[256];
    int kind, style, background, placed, things;
    bool style_named, background_named, watermark, any_place;
    int concept[DS_WORLD_THINGS];
    int occupation, gender, skin; /* of the person, if there is one */
    bool gender_named, skin_named;
    int person;                    /* which thing that is */
    int homonym, sense, ambiguous; /* ambiguous: which thing the homonym is */
    bool neutral;
    ds_verdict v;
    ds_status st;
    ds_error err;
} question;

typedef struct tally {
    int64_t yes, all;
} tally;

typedef struct totals {
    tally top1[DS_SCENE_KINDS], top5[DS_SCENE_KINDS], style, background, watermark, no_watermark;
    tally both, placed, both_placed, gender, skin, sense, person;
    int64_t women[PEOPLE], people[PEOPLE], first[HOMONYMS], neutral[HOMONYMS];
} totals;

static void add(tally *t, bool yes)
{
    t->yes += yes;
    t->all++;
}

/* ---- questions ------------------------------------------------------------------------------- */

static int find(const json_t *o, const char *key, const char *first, size_t stride, int n)
{
    const char *s = json_string_value(json_object_get(o, key));

    for (int i = 0; s != NULL && i < n; i++)
        if (strcmp(first + stride * (size_t)i, s) == 0)
            return i;
    return -1;
}

static void read_thing(question *q, const ds_world_tables *t, const json_t *o, int i)
{
    int occupation =
        find(o, "occupation", t->occupation[0].id, sizeof *t->occupation, t->occupations);

    q->concept[i] = find(o, "object", t->object[0].id, sizeof *t->object, t->objects);
    if (occupation >= 0) {
        const char *gender = json_string_value(json_object_get(o, "gender"));

        q->concept[i] = t->objects + t->occupation[occupation].drawing;
        q->occupation = occupation;
        q->person = i;
        q->gender = gender != NULL && strcmp(gender, "woman") == 0 ? 0 : 1;
        q->skin = find(o, "skin", t->skin[0], sizeof t->skin[0], DS_WORLD_SKINS);
        q->gender_named = json_is_true(json_object_get(o, "gender_named"));
        q->skin_named = json_is_true(json_object_get(o, "skin_named"));
    }
    if (json_object_get(o, "homonym") != NULL) {
        const char *context = json_string_value(json_object_get(o, "context"));

        q->homonym = find(o, "homonym", t->homonym[0].word, sizeof *t->homonym, t->homonyms);
        q->sense = json_integer_value(json_object_get(o, "sense")) != 0;
        q->ambiguous = i;
        q->neutral = context != NULL && strcmp(context, "neutral") == 0;
    }
}

static ds_status read_question(question *q, const ds_world_tables *t, const json_t *line,
                               ds_error *err)
{
    const json_t *f = json_object_get(line, "factors");
    const json_t *things = json_object_get(f, "things");
    const char *file = json_string_value(json_object_get(line, "file"));
    const char *kind = json_string_value(json_object_get(f, "kind"));
    const char *form = json_string_value(json_object_get(f, "style_form"));
    const char *relation = json_string_value(json_object_get(f, "relation"));

    if (file == NULL || kind == NULL || !json_is_array(things) ||
        json_array_size(things) > DS_WORLD_THINGS || strlen(file) >= sizeof q->file)
        return ds_fail(err, DS_E_FORMAT,
                       "expected file, factors.kind and factors.things (at most "
                       "%d)",
                       DS_WORLD_THINGS);
    memcpy(q->file, file, strlen(file) + 1);
    q->occupation = q->homonym = q->person = q->kind = -1;
    for (int k = 0; k < DS_SCENE_KINDS; k++)
        if (strcmp(ds_scene_kind_name((ds_scene_kind)k), kind) == 0)
            q->kind = k;
    if (q->kind < 0)
        return ds_fail(err, DS_E_FORMAT, "\"%s\" is no kind of scene", kind);
    q->style = find(f, "style", t->style[0].id, sizeof *t->style, t->styles);
    q->style_named = form != NULL && strcmp(form, "unnamed") != 0;
    q->background =
        find(f, "background", t->background[0].id, sizeof *t->background, t->backgrounds);
    q->background_named = json_is_true(json_object_get(f, "background_named"));
    q->watermark = json_is_true(json_object_get(f, "watermark"));
    q->placed = find(f, "placed", t->relation[0].id, sizeof *t->relation, DS_RELATIONS);
    q->any_place = relation != NULL && strcmp(relation, "and") == 0;
    q->things = (int)json_array_size(things);
    for (int i = 0; i < q->things; i++) {
        read_thing(q, t, json_array_get(things, (size_t)i), i);
        if (q->concept[i] < 0)
            return ds_fail(err, DS_E_FORMAT,
                           "thing %d is neither an object nor an occupation of "
                           "this world",
                           i);
    }
    return DS_OK;
}

typedef struct questions {
    const ds_world_tables *t;
    question *q;
    int64_t count, room;
} questions;

static ds_status add_question(void *user, const json_t *line, ds_error *err)
{
    questions *all = user;

    if (all->count == all->room) {
        int64_t room = all->room == 0 ? 256 : 2 * all->room;
        question *more = ds_calloc((size_t)room, sizeof *more);

        if (more == NULL)
            return ds_fail(err, DS_E_NOMEM, "%lld captions", (long long)room);
        if (all->q != NULL)
            memcpy(more, all->q, (size_t)all->count * sizeof *more);
        ds_free(all->q);
        all->q = more;
        all->room = room;
    }
    return read_question(&all->q[all->count++], all->t, line, err);
}

/* ---- answers --------------------------------------------------------------------------------- */

static bool among(const ds_verdict_thing *x, int concept, int ranks)
{
    for (int i = 0; i < ranks; i++)
        if (x->concept[i] == concept)
            return true;
    return false;
}

/* Which found thing should be thing `i` of the caption. Where the caption leaves the order open,
 * the order that fits better. */
static int found_as(const question *q, int i)
{
    bool swap = q->placed == DS_REL_RIGHT || q->placed == DS_REL_BELOW;

    if (q->things < 2)
        return i;
    if (q->any_place) {
        int straight =
            among(&q->v.thing[0], q->concept[0], 1) + among(&q->v.thing[1], q->concept[1], 1);
        int crossed =
            among(&q->v.thing[1], q->concept[0], 1) + among(&q->v.thing[0], q->concept[1], 1);

        swap = crossed > straight;
    }
    return swap ? !i : i;
}

static void look(question *q, const ds_world_tables *t, const ds_judge *j, const char *folder)
{
    uint8_t rgb[DS_WORLD_SIDE * DS_WORLD_SIDE * 3];
    int asked[DS_JUDGE_ASKED] = { -1, -1 };
    char path[1500];

    snprintf(path, sizeof path, "%s/%s", folder, q->file);
    q->st = ds_world_read_png(path, rgb, DS_WORLD_SIDE, DS_WORLD_SIDE, &q->err);
    if (q->homonym >= 0)
        for (int k = 0; k < 2; k++)
            asked[k] = t->homonym[q->homonym].sense[k].object;
    if (q->st == DS_OK)
        q->st = ds_judge_look(j, &q->v, rgb, q->things, asked, &q->err);
    if (q->st == DS_OK && q->person >= 0 && q->v.thing[found_as(q, q->person)].gender < 0) {
        asked[0] = q->concept[q->person];
        asked[1] = -1;
        q->st = ds_judge_look(j, &q->v, rgb, q->things, asked, &q->err);
    }
}

static bool is_placed(const question *q)
{
    int axis = q->placed == DS_REL_LEFT || q->placed == DS_REL_RIGHT ? DS_REL_LEFT : DS_REL_ABOVE;

    return q->any_place || q->v.placed == axis;
}

static void count_person(totals *s, const question *q, const ds_world_tables *t)
{
    const ds_verdict_thing *x = &q->v.thing[found_as(q, q->person)];

    add(&s->person, among(x, q->concept[q->person], 1));
    if (q->gender_named)
        add(&s->gender, x->gender == q->gender);
    else if (x->concept[0] >= 0 && t->occupations <= PEOPLE) {
        /* Where an object fits best, the occupation's nearest drawing is asked. */
        s->people[q->occupation]++;
        s->women[q->occupation] += (x->gender >= 0 ? x->gender : x->asked_gender[0]) == 0;
    }
    if (q->skin_named)
        add(&s->skin, x->skin == q->skin);
}

/* The sense that the picture shows. With a companion, the homonym is the thing that one of its
 * senses fits better. */
static int sense_of(const question *q)
{
    int at = found_as(q, q->ambiguous);
    const ds_verdict_thing *x = &q->v.thing[at], *other = &q->v.thing[!at];

    if (q->things == 2 && fminf(other->asked[0], other->asked[1]) < fminf(x->asked[0], x->asked[1]))
        x = other;
    return x->asked[1] < x->asked[0];
}

/* Does the picture show all that its set asks for? */
static bool is_right(const question *q)
{
    bool all = q->v.things > 0 || q->things == 0;

    if (q->homonym >= 0)
        return all && (q->neutral || sense_of(q) == q->sense);
    for (int i = 0; i < q->things; i++)
        all &= among(&q->v.thing[found_as(q, i)], q->concept[i], 1);
    return all && (q->kind != DS_SCENE_PAIR || is_placed(q));
}

static void count_homonym(totals *s, const question *q)
{
    if (!q->neutral)
        add(&s->sense, is_right(q));
    else if (q->homonym < HOMONYMS) {
        s->neutral[q->homonym]++;
        s->first[q->homonym] += sense_of(q) == 0;
    }
}

static void count_answer(totals *s, const question *q, const ds_world_tables *t)
{
    bool both = true;

    for (int i = 0; i < q->things; i++) {
        const ds_verdict_thing *x = &q->v.thing[found_as(q, i)];
        bool right = among(x, q->concept[i], 1);

        both &= right;
        if (q->kind == DS_SCENE_HOMONYM && q->neutral)
            continue;
        add(&s->top1[q->kind], right);
        add(&s->top5[q->kind], among(x, q->concept[i], DS_JUDGE_RANKS));
        if (q->style_named)
            add(&s->style, x->style == q->style);
    }
    if (q->background_named)
        add(&s->background, q->v.background == q->background);
    add(q->watermark ? &s->watermark : &s->no_watermark, q->v.watermark == q->watermark);
    if (q->kind == DS_SCENE_PAIR) {
        add(&s->both, both);
        add(&s->placed, is_placed(q));
        add(&s->both_placed, both && is_placed(q));
    }
    if (q->person >= 0)
        count_person(s, q, t);
    if (q->homonym >= 0)
        count_homonym(s, q);
}

/* ---- result ---------------------------------------------------------------------------------- */

static void put(json_t *o, const char *name, tally t)
{
    if (t.all > 0)
        json_object_set_new(o, name,
                            json_pack("{s:f, s:I}", "share", (double)t.yes / (double)t.all, "count",
                                      (json_int_t)t.all));
}

/* Measured shares beside the planted ones, and the mean of their absolute differences. */
static void put_planted(json_t *o, const char *name, const json_t *rows, double sum, int n)
{
    if (n > 0)
        json_object_set_new(
            o, name,
            json_pack("{s:f, s:i, s:O}", "mean_difference", sum / n, "count", n, "rows", rows));
}

static json_t *row(const char *id, int64_t part, int64_t all, double planted, double *sum)
{
    double share = (double)part / (double)all;

    *sum += fabs(share - planted);
    return json_pack("{s:s, s:f, s:f, s:I}", "id", id, "share", share, "planted", planted, "count",
                     (json_int_t)all);
}

static const char *concept_name(const ds_world_tables *t, int concept)
{
    if (concept < 0)
        return "nothing";
    if (concept < t->objects)
        return t->object[concept].id;
    for (int i = 0; i < t->occupations; i++)
        if (t->occupation[i].drawing == concept - t->objects)
            return t->occupation[i].id;
    return "nobody";
}

/* What was asked for and what was seen, picture by picture, in the order of the captions. */
static json_t *verdicts_of(const question *q, int64_t n, const ds_world_tables *t)
{
    json_t *all = json_array();

    for (int64_t i = 0; i < n; i++) {
        json_t *things = json_array();

        for (int k = 0; k < q[i].things; k++) {
            const ds_verdict_thing *x = &q[i].v.thing[found_as(&q[i], k)];

            json_array_append_new(things, json_pack("{s:s, s:s, s:f, s:s?}", "asked",
                                                    concept_name(t, q[i].concept[k]), "seen",
                                                    concept_name(t, x->concept[0]), "cost",
                                                    (double)x->cost[0], "style",
                                                    x->style < 0 ? NULL : t->style[x->style].id));
        }
        json_array_append_new(all, json_pack("{s:s, s:b, s:s, s:b, s:o}", "file", q[i].file,
                                             "right", is_right(&q[i]), "background",
                                             t->background[q[i].v.background].id, "watermark",
                                             (int)q[i].v.watermark, "things", things));
    }
    return all;
}

static json_t *result_of(const totals *s, const ds_world_tables *t, int64_t count)
{
    json_t *o = json_pack("{s:I}", "pictures", (json_int_t)count), *rows = json_array();
    char name[64];
    double sum = 0.0;

    for (int k = 0; k < DS_SCENE_KINDS; k++) {
        snprintf(name, sizeof name, "%s top-1", ds_scene_kind_name((ds_scene_kind)k));
        put(o, name, s->top1[k]);
        snprintf(name, sizeof name, "%s top-5", ds_scene_kind_name((ds_scene_kind)k));
        put(o, name, s->top5[k]);
    }
    put(o, "style", s->style);
    put(o, "background", s->background);
    put(o, "both objects", s->both);
    put(o, "placed", s->placed);
    put(o, "both objects, placed", s->both_placed);
    put(o, "occupation", s->person);
    put(o, "named gender", s->gender);
    put(o, "named skin", s->skin);
    put(o, "homonym in context", s->sense);
    put(o, "watermark where due", s->watermark);
    put(o, "none where not", s->no_watermark);
    for (int i = 0; i < t->occupations && i < PEOPLE; i++)
        if (s->people[i] > 0)
            json_array_append_new(rows, row(t->occupation[i].id, s->women[i], s->people[i],
                                            t->occupation[i].p_woman, &sum));
    put_planted(o, "women per occupation", rows, sum, (int)json_array_size(rows));
    json_decref(rows);
    rows = json_array();
    sum = 0.0;
    for (int i = 0; i < t->homonyms && i < HOMONYMS; i++)
        if (s->neutral[i] > 0)
            json_array_append_new(rows, row(t->homonym[i].word, s->first[i], s->neutral[i],
                                            t->homonym[i].sense[0].p, &sum));
    put_planted(o, "first sense without context", rows, sum, (int)json_array_size(rows));
    json_decref(rows);
    return o;
}

ds_status ds_world_score(json_t **out, const ds_world *w, const ds_judge *j, const char *folder,
                         ds_error *err)
{
    const ds_world_tables *t = ds_world_words(w);
    totals *s = ds_calloc(1, sizeof *s);
    questions all = { .t = t };
    question *q;
    int64_t n;
    ds_status st = s == NULL ? ds_fail(err, DS_E_NOMEM, "a score") : DS_OK;

    *out = NULL;
    if (st == DS_OK)
        st = ds_world_read_lines(folder, add_question, &all, err);
    q = all.q;
    n = all.count;
    if (st == DS_OK) {
#pragma omp parallel for schedule(dynamic) num_threads(ds_threads())
        for (int64_t i = 0; i < n; i++)
            look(&q[i], t, j, folder);
    }
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        st = q[i].st;
        if (st == DS_OK)
            count_answer(s, &q[i], t);
        else
            ds_fail(err, st, "%s", q[i].err.text);
    }
    if (st == DS_OK)
        *out = result_of(s, t, n);
    if (*out != NULL)
        json_object_set_new(*out, "verdicts", verdicts_of(q, n, t));
    ds_free(q);
    ds_free(s);
    return st;
}

void ds_world_print_score(const json_t *score)
{
    const char *name;
    json_t *v, *r;
    size_t i;

    json_object_foreach ((json_t *)score, name, v) {
        if (json_is_integer(v))
            printf("%-28s %lld\n", name, (long long)json_integer_value(v));
        else if (json_object_get(v, "share") != NULL)
            printf("%-28s %6.2f %%  of %lld\n", name,
                   100.0 * json_real_value(json_object_get(v, "share")),
                   (long long)json_integer_value(json_object_get(v, "count")));
        else if (json_is_object(v))
            printf("%-28s differs by %.3f from the planted shares, on average over %lld\n", name,
                   json_real_value(json_object_get(v, "mean_difference")),
                   (long long)json_integer_value(json_object_get(v, "count")));
        json_array_foreach (json_object_get(v, "rows"), i, r)
            printf("    %-16s %.3f  planted %.3f  of %lld\n",
                   json_string_value(json_object_get(r, "id")),
                   json_real_value(json_object_get(r, "share")),
                   json_real_value(json_object_get(r, "planted")),
                   (long long)json_integer_value(json_object_get(r, "count")));
    }
}

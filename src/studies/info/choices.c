/* choices.c - which caption of a list has most information about its picture. See eval.h. */

#include "studies/info/eval.h"

#include <math.h>
#include <string.h>

enum { TEXTS = 2 + DS_CAPTION_WRONG };

/* ---- one picture ----------------------------------------------------------------------------- */

static ds_status measure(const info_eval *e, const ds_caption_choice *c, int64_t k, ds_info **info,
                         ds_error *err)
{
    const char *text[TEXTS] = { "", c->right };
    ds_info_pair pair[TEXTS] = { { 1, 0 } };
    study_picture picture = { .planes = NULL };
    ds_status st =
        ds__study_picture_load(&picture, &e->size, c->path, c->boxed ? c->box : NULL, err);

    for (int64_t w = 0; w < c->wrong_count; w++) {
        text[2 + w] = c->wrong[w];
        pair[1 + w] = (ds_info_pair){ 2 + w, 0 };
    }
    if (st == DS_OK)
        st = ds__info_eval_measure(e, info, &picture, text, 2 + c->wrong_count, pair,
                                   1 + c->wrong_count, k, err);
    ds__study_picture_clear(&picture);
    return st;
}

static json_t *margins_json(const ds_caption_choice *c, const ds_info *info)
{
    json_t *wrong = json_array();

    for (int k = 1; k <= c->wrong_count; k++) {
        ds_value by_s = ds_info_difference(info, 0, k, DS_INFO_S);
        ds_value by_o = ds_info_difference(info, 0, k, DS_INFO_O);

        json_array_append_new(wrong, json_pack("{s:s, s:f, s:f, s:f, s:f}", "caption",
                                               c->wrong[k - 1], "s", by_s.value, "s_se", by_s.se,
                                               "o", by_o.value, "o_se", by_o.se));
    }
    return wrong;
}

ds_status ds__info_eval_choice(void *user, int64_t k, json_t **line, ds_error *err)
{
    const info_eval *e = user;
    ds_info *info = NULL;
    ds_caption_choice c;
    ds_error why = { 0 };
    ds_status st = ds_captions_at(e->choices, &c, k, e->seed, err);

    *line = NULL;
    if (st != DS_OK)
        return st;
    st = measure(e, &c, k, &info, &why);
    if (st == DS_OK) {
        *line = json_pack("{s:I, s:s, s:s, s:s, s:o, s:I}", "scene", (json_int_t)k, "name", c.name,
                          "caption", c.right, "group", c.group, "wrong", margins_json(&c, info),
                          "calls", (json_int_t)ds_info_describe(info).calls);
        if (*line == NULL)
            st = ds_fail(&why, DS_E_FORMAT, "its texts are not UTF-8, or memory is short");
    }
    ds_info_free(info);
    return st == DS_OK ? st : ds_fail(err, st, "%s: %s", c.where, why.text);
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* A line by one form: is the right caption ahead of all, and by more than two standard errors? */
typedef struct verdict {
    bool right, undecided;
} verdict;

static verdict judge(const json_t *line, const char *margin, const char *se)
{
    verdict v = { true, false };
    double closest = INFINITY, error = 0.0;
    size_t k;
    json_t *wrong;

    json_array_foreach (json_object_get(line, "wrong"), k, wrong) {
        double m = json_number_value(json_object_get(wrong, margin));

        if (m < closest) {
            closest = m;
            error = json_number_value(json_object_get(wrong, se));
        }
    }
    v.right = closest > 0;
    v.undecided = fabs(closest) < 2 * error;
    return v;
}

typedef struct tally {
    int64_t count, right[2], undecided[2]; /* i_o, i_s */
    double chance;
} tally;

static void count_line(tally *t, const json_t *line)
{
    static const char *const margin[] = { "o", "s" }, *const se[] = { "o_se", "s_se" };

    for (int f = 0; f < 2; f++) {
        verdict v = judge(line, margin[f], se[f]);

        t->right[f] += v.right;
        t->undecided[f] += v.undecided;
    }
    t->chance += 1.0 / (1.0 + (double)json_array_size(json_object_get(line, "wrong")));
    t->count++;
}

static json_t *tally_json(const tally *t)
{
    return json_pack("{s:f, s:o, s:o, s:o, s:o}", "chance", t->chance / (double)t->count, "i_s",
                     ds__json_interval(ds_stats_share(t->right[1], t->count)), "i_o",
                     ds__json_interval(ds_stats_share(t->right[0], t->count)), "i_s_undecided",
                     ds__json_interval(ds_stats_share(t->undecided[1], t->count)), "i_o_undecided",
                     ds__json_interval(ds_stats_share(t->undecided[0], t->count)));
}

static const char *group_of(const json_t *line)
{
    const char *group = json_string_value(json_object_get(line, "group"));

    return group != NULL ? group : "";
}

static bool has_choice(const json_t *line)
{
    return json_array_size(json_object_get(line, "wrong")) > 0;
}

/* {"to the left of": {...}, ...}, in the order of the lines. */
static ds_status groups_json(json_t **out, const json_t *lines, ds_error *err)
{
    tally *all = ds_calloc(json_array_size(lines) + 1, sizeof *all);
    json_t *number = json_object(), *line, *at;
    const char *group;
    size_t i;

    *out = json_object();
    json_array_foreach (lines, i, line) {
        if (all == NULL || group_of(line)[0] == '\0' || !has_choice(line))
            continue;
        at = json_object_get(number, group_of(line));
        if (at == NULL) {
            json_object_set_new(number, group_of(line),
                                json_integer((json_int_t)json_object_size(number)));
            at = json_object_get(number, group_of(line));
        }
        count_line(&all[json_integer_value(at)], line);
    }
    json_object_foreach (number, group, at)
        json_object_set_new(*out, group, tally_json(&all[json_integer_value(at)]));
    json_decref(number);
    ds_free(all);
    return all != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for groups");
}

/* The mean over groups of their accuracy, whatever their sizes. */
static ds_status add_macro(json_t *all, const json_t *groups, ds_error *err)
{
    static const char *const form[] = { "i_s", "i_o" }, *const name[] = { "i_s_macro",
                                                                          "i_o_macro" };
    size_t n = json_object_size(groups), at = 0;
    double *x = ds_calloc(n + 1, sizeof *x);
    const char *group;
    json_t *one;
    ds_status st = x != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for %zu groups", n);

    for (int f = 0; st == DS_OK && n > 0 && f < 2; f++) {
        ds_value mean;

        at = 0;
        json_object_foreach ((json_t *)groups, group, one)
            x[at++] = json_number_value(json_object_get(json_object_get(one, form[f]), "value"));
        st = ds_stats_mean(&mean, x, NULL, (int64_t)n, err);
        if (st == DS_OK)
            json_object_set_new(all, name[f], ds__json_interval(mean));
    }
    ds_free(x);
    return st;
}

ds_status ds__info_eval_choices(const info_eval *e, const json_t *lines, ds_error *err)
{
    json_t *root = ds__result_root(e->job->result), *groups, *all, *line;
    json_int_t calls = 0, without = 0;
    tally t = { .count = 0 };
    size_t i;
    ds_status st = groups_json(&groups, lines, err);

    json_array_foreach (lines, i, line) {
        calls += json_integer_value(json_object_get(line, "calls"));
        without += !has_choice(line);
        if (has_choice(line))
            count_line(&t, line);
    }
    json_object_set_new(root, "scenes", json_integer(t.count));
    json_object_set_new(root, "without_choice", json_integer(without));
    json_object_set_new(root, "calls", json_integer(calls));
    if (st == DS_OK && t.count == 0)
        st = ds_fail(err, DS_E_NOMATCH, "no caption has a wrong one beside it");
    if (st == DS_OK) {
        all = tally_json(&t);
        st = add_macro(all, groups, err);
        json_object_set_new(root, "caption_choice", json_pack("{s:o}", "list", all));
    }
    json_object_set_new(root, "groups", groups);
    return st;
}

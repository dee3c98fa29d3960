/* tell.c - the answer as JSON, in a terminal, and as a table. */

#include "studies/answer/answer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *name_of(const answer_statistics *s, int64_t condition)
{
    return s->table->part[ANSWER_CONDITION].name[condition];
}

/* ---- JSON -------------------------------------------------------------------------------------- */

static json_t *mean_json(const ds_crossed_mean *m)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:s, s:s}", "value",
                     ds__json_real(m->value.value), "se", ds__json_real(m->value.se), "low",
                     ds__json_real(m->value.low), "high", ds__json_real(m->value.high), "count",
                     (json_int_t)m->value.count, "units", (json_int_t)m->units, "over",
                     ds__over_words(m->over) + strlen("over "), "interval",
                     ds__interval_words(m->kind));
}

static json_t *condition_json(const answer_statistics *s, int64_t k)
{
    const answer_condition *c = &s->condition[k];
    json_t *o = mean_json(&c->mean);

    json_object_set_new(o, "condition", json_string(name_of(s, k)));
    json_object_set_new(o, "prompts", json_integer(c->prompts));
    json_object_set_new(o, "seeds", json_integer(c->seeds));
    if (c->rank_low > 0)
        json_object_set_new(o, "rank",
                            json_pack("[I, I]", (json_int_t)c->rank_low, (json_int_t)c->rank_high));
    if (!isnan(c->truth))
        json_object_set_new(o, "truth", json_real(c->truth));
    return o;
}

static json_t *pair_json(const answer_statistics *s, const answer_pair *p)
{
    json_t *o = mean_json(&p->mean);

    json_object_set_new(o, "a", json_string(name_of(s, p->a)));
    json_object_set_new(o, "b", json_string(name_of(s, p->b)));
    json_object_set_new(o, "p", ds__json_real(p->p));
    json_object_set_new(o, "p_corrected", ds__json_real(p->corrected));
    json_object_set_new(o, "found", json_boolean(p->corrected < ANSWER_LEVEL));
    return o;
}

static json_t *truth_json(const answer_statistics *s)
{
    return json_pack("{s:s, s:I, s:I, s:o, s:o}", "file", s->options->truth, "conditions",
                     (json_int_t)s->known, "covered", (json_int_t)s->covered, "mean_distance",
                     ds__json_real(s->distance), "spearman", ds__json_interval(s->correlation));
}

json_t *ds__answer_json(const answer_statistics *s)
{
    char few[400], power[600], intervals[600];
    json_t *conditions = json_array(), *pairs = json_array(), *o;

    ds__answer_few(few, s);
    ds__answer_power(power, s);
    ds__answer_intervals(intervals, s);
    for (int64_t k = 0; k < s->conditions; k++)
        json_array_append_new(conditions, condition_json(s, k));
    for (int64_t i = 0; i < s->pairs; i++)
        json_array_append_new(pairs, pair_json(s, &s->pair[i]));
    o = json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:o}", "name", s->table->measure[s->measure].name,
        "intervals", intervals, "conditions", conditions, "paired",
        s->paired == ANSWER_BY_PROMPT ? "prompt and seed"
        : s->paired == ANSWER_BY_SEED ? "seed"
                                      : "not",
        "correction", ds__correction_words((ds_correction)s->options->correction), "compared",
        (json_int_t)s->tested, "found", (json_int_t)s->found, "differences", pairs);
    json_object_set_new(o, "power",
                        json_pack("{s:s, s:f, s:f, s:I, s:o, s:o, s:o}", "text", power, "chance",
                                  ANSWER_POWER, "level", ANSWER_LEVEL, "units",
                                  (json_int_t)s->units, "se", ds__json_real(s->se), "one",
                                  ds__json_real(s->effect), "all", ds__json_real(s->corrected)));
    if (few[0] != '\0')
        json_object_set_new(o, "few", json_string(few));
    if (s->known > 0)
        json_object_set_new(o, "truth", truth_json(s));
    return o;
}

/* ---- in a terminal ----------------------------------------------------------------------------- */

enum { MOST_SAID = 60 };

static void say_condition(const answer_statistics *s, ds_result *r, int64_t k)
{
    const answer_condition *c = &s->condition[k];
    const ds_value v = c->mean.value;
    char interval[64] = "no interval", rank[48] = "", truth[32] = "";

    if (!isnan(v.low))
        snprintf(interval, sizeof interval, "[%.3g, %.3g]", v.low, v.high);
    if (c->rank_low > 0)
        snprintf(rank, sizeof rank, "  place %lld to %lld", (long long)c->rank_low,
                 (long long)c->rank_high);
    if (!isnan(c->truth))
        snprintf(truth, sizeof truth, "  known %.3g", c->truth);
    ds__result_say(r, "%-28.80s %8.3g %-18s %5lld items%s%s\n", name_of(s, k), v.value, interval,
                   (long long)v.count, rank, truth);
}

static void say_truth(const answer_statistics *s, ds_result *r)
{
    char text[400];

    ds__answer_known(text, s);
    ds__result_say(r, "%s\n", text);
}

void ds__answer_say(const answer_statistics *s, ds_result *r)
{
    char text[600];

    ds__result_say(r, "%s\n", s->table->measure[s->measure].name);
    for (int64_t k = 0; k < s->conditions && k < MOST_SAID; k++)
        say_condition(s, r, k);
    if (s->conditions > MOST_SAID)
        ds__result_say(r, "... and %lld more: see table.csv\n",
                       (long long)(s->conditions - MOST_SAID));
    ds__answer_intervals(text, s);
    ds__result_say(r, "%s\n", text);
    if (s->pairs > 0)
        ds__result_say(r, "%lld of %lld differences found (%s)\n", (long long)s->found,
                       (long long)s->tested,
                       ds__correction_words((ds_correction)s->options->correction));
    ds__answer_power(text, s);
    ds__result_say(r, "%s\n", text);
    ds__answer_few(text, s);
    if (text[0] != '\0')
        ds__result_say(r, "%s\n", text);
    if (s->known > 0)
        say_truth(s, r);
    ds__result_say(r, "\n");
}

/* ---- a table ----------------------------------------------------------------------------------- */

static void put_text(ds_buffer *b, const char *text)
{
    ds__buffer_text(b, "\"");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"')
            ds__buffer_text(b, "\"");
        ds__buffer_add(b, c, 1);
    }
    ds__buffer_text(b, "\"");
}

static void put_number(ds_buffer *b, double x)
{
    if (isfinite(x))
        ds__buffer_printf(b, ",%.9g", x);
    else
        ds__buffer_text(b, ",");
}

ds_status ds__answer_csv(ds_job *j, const answer_statistics *s, int64_t n, ds_error *err)
{
    ds_buffer b = { 0 };
    char *text;
    size_t bytes;
    ds_status st;

    ds__buffer_text(&b,
                    "measure,condition,mean,se,low,high,items,prompts,seeds,units,over,interval,"
                    "rank_low,rank_high,truth\n");
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < s[i].conditions; k++) {
            const answer_condition *c = &s[i].condition[k];

            put_text(&b, s[i].table->measure[s[i].measure].name);
            ds__buffer_text(&b, ",");
            put_text(&b, name_of(&s[i], k));
            put_number(&b, c->mean.value.value);
            put_number(&b, c->mean.value.se);
            put_number(&b, c->mean.value.low);
            put_number(&b, c->mean.value.high);
            ds__buffer_printf(&b, ",%lld,%lld,%lld,%lld,%s,%s", (long long)c->mean.value.count,
                              (long long)c->prompts, (long long)c->seeds, (long long)c->mean.units,
                              ds__over_words(c->mean.over) + strlen("over "),
                              ds__interval_words(c->mean.kind));
            put_number(&b, c->rank_low > 0 ? (double)c->rank_low : NAN);
            put_number(&b, c->rank_low > 0 ? (double)c->rank_high : NAN);
            put_number(&b, c->truth);
            ds__buffer_text(&b, "\n");
        }
    st = ds__buffer_take(&b, &text, &bytes, "table.csv", err);
    return st == DS_OK ? ds__result_file(j->result, "table.csv", text, bytes, err) : st;
}

ds_status ds__answer_items(ds_job *j, const answer_table *t, ds_error *err)
{
    ds_buffer b = { 0 };
    char *text;
    size_t bytes;
    ds_status st;

    ds__buffer_text(&b, "item,condition,prompt,seed,picture");
    for (int64_t m = 0; m < t->measures; m++) {
        ds__buffer_text(&b, ",");
        put_text(&b, t->measure[m].name);
    }
    ds__buffer_text(&b, "\n");
    for (int64_t r = 0; r < t->rows; r++) {
        put_text(&b, t->item[r]);
        for (int k = 0; k < ANSWER_PARTS; k++) {
            ds__buffer_text(&b, ",");
            put_text(&b, t->part[k].name[t->part[k].of[r]]);
        }
        ds__buffer_text(&b, ",");
        if (t->picture[r] != NULL)
            put_text(&b, t->picture[r]);
        for (int64_t m = 0; m < t->measures; m++)
            put_number(&b, r < t->measure[m].room ? t->measure[m].value[r] : NAN);
        ds__buffer_text(&b, "\n");
    }
    st = ds__buffer_take(&b, &text, &bytes, "items.csv", err);
    return st == DS_OK ? ds__result_file(j->result, "items.csv", text, bytes, err) : st;
}

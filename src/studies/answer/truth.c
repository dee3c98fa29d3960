/* truth.c - the conditions beside numbers that are known: how many intervals hold them. */

#include "studies/answer/truth.h"

#include <math.h>

#include <diffuscope/stats.h>

#include "methods/pid/word_numbers.h"

enum { FEW_RANKS = 10 };

static ds_status correlate(answer_statistics *s, ds_error *err)
{
    double *x = ds_calloc(2 * (size_t)s->conditions + 1, sizeof *x), *y;
    int64_t n = 0;
    ds_status st;

    if (x == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a correlation");
    y = x + s->conditions;
    for (int64_t k = 0; k < s->conditions; k++)
        if (!isnan(s->condition[k].truth)) {
            x[n] = s->condition[k].mean.value.value;
            y[n++] = s->condition[k].truth;
        }
    st = ds_stats_correlation(&s->correlation, DS_SPEARMAN, x, y, NULL, n, err);
    if (n < FEW_RANKS) /* resampled ranks of few keep their order too often for an interval */
        s->correlation.low = s->correlation.high = NAN;
    ds_free(x);
    return st;
}

ds_status ds__answer_truth(answer_statistics *s, ds_error *err)
{
    json_t *known = NULL;
    ds_status st = ds__word_numbers(&known, s->options->truth, err);

    for (int64_t k = 0; st == DS_OK && k < s->conditions; k++) {
        answer_condition *c = &s->condition[k];
        const json_t *value = json_object_get(known, s->table->part[ANSWER_CONDITION].name[k]);

        if (value == NULL || isnan(c->mean.value.value))
            continue;
        c->truth = json_number_value(value);
        s->known++;
        s->covered += c->mean.value.low <= c->truth && c->truth <= c->mean.value.high;
        s->distance += fabs(c->mean.value.value - c->truth);
    }
    json_decref(known);
    if (st == DS_OK && s->known == 0)
        return ds_fail(err, DS_E_NOMATCH,
                       "%s: none of its words is a condition; the first condition is \"%.80s\"",
                       s->options->truth,
                       s->conditions > 0 ? s->table->part[ANSWER_CONDITION].name[0] : "");
    s->distance /= (double)s->known;
    return st == DS_OK ? correlate(s, err) : st;
}

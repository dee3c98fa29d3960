/* words.c - what a study's size lets say, in sentences: few units, power, what intervals hold for. */

#include "studies/answer/answer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FEW_UNITS = 5 };

static const char *what_of(ds_over over)
{
    return over == DS_OVER_PROMPTS ? "prompts"
           : over == DS_OVER_SEEDS ? "seeds"
                                   : "prompts or seeds";
}

void ds__answer_few(char out[400], const answer_statistics *s)
{
    int64_t few = 0, none = 0;
    const ds_crossed_mean *worst = NULL;

    out[0] = '\0';
    for (int64_t k = 0; k < s->conditions; k++) {
        const ds_crossed_mean *m = &s->condition[k].mean;

        if (m->value.count == 0)
            continue;
        none += m->units < 2;
        few += m->units < FEW_UNITS;
        if (worst == NULL || m->units < worst->units)
            worst = m;
    }
    if (few == 0)
        return;
    snprintf(out, 400,
             "Too few: %lld of %lld conditions have fewer than %d %s (the fewest: %lld).%s%s",
             (long long)few, (long long)s->conditions, FEW_UNITS, what_of(worst->over),
             (long long)worst->units,
             none > 0 ? " From one nothing follows for others, so there is no interval." : "",
             few == none                    ? ""
             : worst->kind == DS_INTERVAL_T ? " Their intervals are wide, and right only if values "
                                              "are about normal."
                                            : " Their intervals are wide.");
}

static const char *pairs_are(const answer_statistics *s)
{
    return s->paired == ANSWER_BY_PROMPT ? "on the same prompts and seeds"
           : s->paired == ANSWER_BY_SEED ? "on the same seeds"
                                         : "without pairs, since they share no seeds";
}

void ds__answer_power(char out[600], const answer_statistics *s)
{
    int n;

    if (s->pairs == 0) {
        snprintf(out, 600,
                 s->conditions < 2
                     ? "There is one condition: nothing is compared."
                     : "%lld conditions are more than %d: no pairs were compared; name a baseline.",
                 (long long)s->conditions, ANSWER_ALL_PAIRS);
        return;
    }
    if (!(s->effect > 0.0)) {
        snprintf(out, 600,
                 "Too few: what differences could be seen is not known from this sample.");
        return;
    }
    n = snprintf(
        out, 600,
        "With these numbers (%lld %s, compared %s) a difference between two conditions above "
        "%.3g is found with a chance of %.0f %% if it is the only one that is asked for",
        (long long)s->units, what_of(s->pair[0].mean.over), pairs_are(s), s->effect,
        100.0 * ANSWER_POWER);
    if (s->options->correction != DS_CORRECTION_NONE && s->tested > 1)
        snprintf(out + n, 600 - (size_t)n,
                 ", and above %.3g if it is the first of %lld to be found after the correction.",
                 s->corrected, (long long)s->tested);
    else
        snprintf(out + n, 600 - (size_t)n, ".");
}

void ds__answer_intervals(char out[600], const answer_statistics *s)
{
    int64_t kinds[DS_INTERVAL_WILSON + 1] = { 0 };
    const ds_crossed_mean *first = NULL;
    size_t n;

    for (int64_t k = 0; k < s->conditions; k++) {
        kinds[s->condition[k].mean.kind]++;
        if (first == NULL && s->condition[k].mean.value.count > 0)
            first = &s->condition[k].mean;
    }
    n = (size_t)snprintf(out, 600, "Intervals are of 95 %%, %s",
                         ds__over_words(first != NULL ? first->over : DS_OVER_BOTH));
    if (first != NULL && first->over == DS_OVER_SEEDS)
        n += (size_t)snprintf(out + n, 600 - n,
                              ": they hold for other seeds of the same prompts, and say nothing of "
                              "other prompts");
    else if (first != NULL && first->over == DS_OVER_PROMPTS)
        n += (size_t)snprintf(out + n, 600 - n,
                              ": they hold for other prompts of the same kind with the same seeds");
    if (kinds[DS_INTERVAL_NONE] == s->conditions) {
        snprintf(out, 600, "There are no intervals.");
        return;
    }
    n += (size_t)snprintf(out + n, 600 - n, ". Made by ");
    for (int k = DS_INTERVAL_T; k <= DS_INTERVAL_WILSON; k++)
        if (kinds[k] > 0)
            n += (size_t)snprintf(out + n, 600 - n, "%s (%lld) ",
                                  k == DS_INTERVAL_T           ? "t of few units"
                                  : k == DS_INTERVAL_BOOTSTRAP ? "bootstrap, expanded percentiles"
                                                               : "Wilson's formula for shares",
                                  (long long)kinds[k]);
    snprintf(out + n - 1, 600 - n + 1, ".");
}

void ds__answer_known(char out[400], const answer_statistics *s)
{
    const ds_value r = s->correlation;
    char ranks[120] = "the ranks of fewer than ten say little";

    if (!isnan(r.low))
        snprintf(ranks, sizeof ranks, "rank correlation %.3f [%.3f, %.3f]", r.value, r.low, r.high);
    snprintf(out, 400,
             "Beside known numbers: %lld of %lld intervals hold them; mean distance %.3g; %s.",
             (long long)s->covered, (long long)s->known, s->distance, ranks);
}

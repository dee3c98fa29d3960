/* card.c - the audit card: what was asked and why, of whom, how it was measured, what harm was feared, what
 * does not follow, and where the numbers come from. Fields as published audit cards and model cards have
 * them (M. Mitchell and others, FAT* 2019, arXiv:1810.03993; I. D. Raji and others, FAT* 2020,
 * arXiv:2001.00973). What nobody stated is called that: an empty field is a finding of its own. */

#include "studies/answer/answer.h"

static const char not_stated[] = "not stated";

static json_t *field(const char *text, const answer_source *from, const char *name)
{
    const json_t *of_plan = json_object_get(from->card, name);

    if (text == NULL && json_is_string(of_plan))
        text = json_string_value(of_plan);
    return json_string(text != NULL ? text : not_stated);
}

json_t *ds__answer_card(const answer_table *t, const answer_options *o, const answer_source *from)
{
    json_t *numbers = json_pack("{s:I, s:I, s:I, s:I}", "items", (json_int_t)t->rows, "conditions",
                                (json_int_t)t->part[ANSWER_CONDITION].count, "prompts",
                                (json_int_t)t->part[ANSWER_PROMPT].count, "seeds",
                                (json_int_t)t->part[ANSWER_SEED].count);

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:O}", "purpose",
                     field(o->card.purpose, from, "purpose"), "population",
                     field(o->card.population, from, "population"), "metric",
                     field(o->card.metric, from, "metric"), "harm",
                     field(o->card.harm, from, "harm"), "limits",
                     field(o->card.limits, from, "limits"), "condition", from->what, "numbers",
                     numbers, "provenance", from->provenance);
}

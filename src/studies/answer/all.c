/* all.c - a table becomes a result: statistics of each measure, card, table.csv, page. */

#include "studies/answer/answer.h"

#include <string.h>

#include "studies/answer/truth.h"

/* The measures that are asked for, by number; or all. DS_E_NOMATCH names those that there are; where pictures
 * are to be seen side by side there need be none. */
static ds_status choose(int64_t *which, int64_t *n, const ds_job *j, const answer_table *t,
                        const answer_options *o, bool pictures, ds_error *err)
{
    *n = 0;
    for (int64_t i = 0; o->measure.count == 0 && i < t->measures; i++)
        which[(*n)++] = i;
    for (int64_t k = 0; k < o->measure.count; k++) {
        int64_t found = -1;

        for (int64_t i = 0; i < t->measures; i++)
            if (strcmp(t->measure[i].name, o->measure.text[k]) == 0)
                found = i;
        if (found < 0)
            return ds_fail(err, DS_E_NOMATCH,
                           "%s: no number of the items is called \"%.80s\"; the "
                           "first of %lld is \"%.80s\"",
                           ds__job_name(j, "measure"), o->measure.text[k], (long long)t->measures,
                           t->measures > 0 ? t->measure[0].name : "");
        which[(*n)++] = found;
    }
    return *n > 0 || pictures
               ? DS_OK
               : ds_fail(err, DS_E_NOMATCH,
                         "there is nothing to sum up: no item has a number; labels give them");
}

static ds_status keep(ds_job *j, const answer_statistics *s, int64_t n, const answer_table *t,
                      const answer_options *o, const answer_source *from, ds_error *err)
{
    json_t *list = json_array(), *card = ds__answer_card(t, o, from);
    ds_status st = DS_OK;

    for (int64_t i = 0; i < n; i++) {
        json_array_append_new(list, ds__answer_json(&s[i]));
        ds__answer_say(&s[i], j->result);
    }
    st = ds__result_set(j->result, "by", json_string(from->what), err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "measures", list, err);
    else
        json_decref(list);
    if (st == DS_OK)
        st = ds__result_set(j->result, "card", json_incref(card), err);
    if (st == DS_OK && n > 0)
        st = ds__answer_csv(j, s, n, err);
    if (st == DS_OK && !from->has_items)
        st = ds__answer_items(j, t, err);
    if (st == DS_OK)
        st = ds__answer_page(j, t, s, n, card, from, err);
    json_decref(card);
    return st;
}

ds_status ds__answer_all(ds_job *j, const answer_table *t, const answer_options *o,
                         const answer_source *from, ds_error *err)
{
    const size_t room = (size_t)(t->measures + o->measure.count) + 1;
    answer_statistics *s = ds_calloc(room, sizeof *s);
    int64_t *which = ds_calloc(room, sizeof *which), n = 0;
    ds_status st =
        s != NULL && which != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for an answer");

    if (st == DS_OK)
        st = choose(which, &n, j, t, o, from->side_by_side, err);
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        st = ds__answer_measure(&s[i], t, o, which[i], err);
        if (st == DS_OK && o->truth != NULL && i == 0)
            st = ds__answer_truth(&s[i], err);
        if (st == DS_OK)
            st = ds__job_progress(j, "measures", i + 1, n, err);
    }
    if (st == DS_OK)
        st = keep(j, s, n, t, o, from, err);
    for (int64_t i = 0; s != NULL && i < n; i++)
        ds__answer_clear(&s[i]);
    ds_free(s);
    ds_free(which);
    return st;
}

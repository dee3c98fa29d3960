/* cmd_info_score.c - `diffuscope info score`: which of several captions fits a picture best. */

#include <stdlib.h>

#include "commands.h"
#include "info_job.h"

#define MOST_CAPTIONS 64

/* The order of the captions by one form, best first. */
typedef struct ranking {
    int64_t order[MOST_CAPTIONS];
    ds_info_value margin; /* of the first over the second */
    bool tie;             /* 0 lies in the margin's 95 % interval */
} ranking;

static void rank(ranking *r, const info_job *j, ds_info_form form)
{
    int64_t n = j->questions.count;

    for (int64_t i = 0; i < n; i++) {
        double v = ds_info_total(j->info, i, form).value;
        int64_t at = i;

        while (at > 0 && ds_info_total(j->info, r->order[at - 1], form).value < v) {
            r->order[at] = r->order[at - 1];
            at--;
        }
        r->order[at] = i;
    }
    r->margin = ds_info_difference(j->info, r->order[0], r->order[1], form);
    r->tie = !(r->margin.low > 0);
}

static json_t *rank_json(const info_job *j, ds_info_form form)
{
    json_t *order = json_array();
    ranking r;

    rank(&r, j, form);
    for (int64_t i = 0; i < j->questions.count; i++)
        json_array_append_new(order, json_integer(r.order[i]));
    return json_pack("{s:I, s:s, s:b, s:o, s:o}", "best", (json_int_t)r.order[0], "caption",
                     j->questions.text[j->questions.pair[r.order[0]].with], "tie", r.tie, "margin",
                     info_value_json(r.margin, form), "order", order);
}

static void print_ranks(const info_job *j)
{
    static const char *const name[] = { "i_o", "i_s" };

    for (int f = DS_INFO_S; f >= DS_INFO_O; f--) {
        ranking r;

        rank(&r, j, (ds_info_form)f);
        printf("by %s: %s%s\n", name[f], j->questions.text[j->questions.pair[r.order[0]].with],
               r.tie ? " (a tie with the next)" : "");
    }
}

static ds_status score(info_job *j, ds_error *err)
{
    const ds_args *a = j->args;
    ds_status st = DS_OK;
    json_t *result;

    if (opts_count(a) > MOST_CAPTIONS)
        return ds_fail(err, DS_E_ARG, "expected at most %d captions, found %d", MOST_CAPTIONS,
                       opts_count(a));
    for (int i = 0; st == DS_OK && i < opts_count(a); i++) {
        st = questions_text(&j->questions, opts_positional(a, i), "", err);
        if (st == DS_OK)
            snprintf(j->questions.question[i].key, sizeof j->questions.question[i].key, "caption%d",
                     i);
    }
    if (st == DS_OK)
        st = info_job_measure(j, err);
    if (st != DS_OK)
        return st;
    if (!opt_flag(a, "json"))
        print_ranks(j);
    result = info_job_json(j);
    json_object_set_new(result, "by_i_s", rank_json(j, DS_INFO_S));
    json_object_set_new(result, "by_i_o", rank_json(j, DS_INFO_O));
    return info_job_save(j, result, NULL, err);
}

static ds_status run(const ds_args *a, ds_error *err)
{
    info_job j;
    ds_status st = info_job_begin(&j, a, err);

    if (st == DS_OK)
        st = score(&j, err);
    info_job_free(&j);
    return st;
}

static const ds_opt options[] = { INFO_OPTIONS, PICTURE_OPTIONS, ESTIMATE_OPTIONS, { 0 } };

const ds_command cmd_info_score = {
    .name = "info-score",
    .purpose = "which of several captions fits a picture best",
    .positional = "CAPTION CAPTION...",
    .description =
        "The information between the picture and each caption, all on the same draws: by i_s, "
        "which is log p(picture | caption) up to a constant, and by i_o, which the paper uses but "
        "which also rewards captions that contradict the picture. A tie means that zero lies in "
        "the 95 % interval of the difference between the first and the second.",
    .example =
        "diffuscope info score -m sd15 --image cat.png \"a cat on a mat\" \"a mat on a cat\"",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS,
    .least = 2,
    .most = -1,
    .run = run,
};

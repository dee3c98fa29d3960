/* score.c - `info score`: which of several captions fits a picture best. */

#include <stdio.h>

#include "methods/info/work.h"
#include "methods/methods.h"

#define MOST_CAPTIONS 64

/* The order of the captions by one form, best first. */
typedef struct ranking {
    int64_t order[MOST_CAPTIONS];
    ds_value margin; /* of the first over the second */
    bool tie;        /* 0 lies in the margin's 95 % interval */
} ranking;

static void rank(ranking *r, const info_work *w, ds_info_form form)
{
    int64_t n = w->questions.count;

    for (int64_t i = 0; i < n; i++) {
        double v = ds_info_total(w->info, i, form).value;
        int64_t at = i;

        while (at > 0 && ds_info_total(w->info, r->order[at - 1], form).value < v) {
            r->order[at] = r->order[at - 1];
            at--;
        }
        r->order[at] = i;
    }
    r->margin = ds_info_difference(w->info, r->order[0], r->order[1], form);
    r->tie = !(r->margin.low > 0);
}

static json_t *rank_json(const info_work *w, ds_info_form form)
{
    json_t *order = json_array();
    ranking r;

    rank(&r, w, form);
    for (int64_t i = 0; i < w->questions.count; i++)
        json_array_append_new(order, json_integer(r.order[i]));
    return json_pack("{s:I, s:s, s:b, s:o, s:o}", "best", (json_int_t)r.order[0], "caption",
                     w->questions.text[w->questions.pair[r.order[0]].with], "tie", r.tie, "margin",
                     ds__info_value_json(r.margin, form), "order", order);
}

static void say_ranks(const info_work *w, ds_result *to)
{
    static const char *const name[] = { "i_o", "i_s" };

    for (int f = DS_INFO_S; f >= DS_INFO_O; f--) {
        ranking r;

        rank(&r, w, (ds_info_form)f);
        ds__result_say(to, "by %s: %s%s\n", name[f],
                       w->questions.text[w->questions.pair[r.order[0]].with],
                       r.tie ? " (a tie with the next)" : "");
    }
}

/* ---- the method ------------------------------------------------------------------------------- */

typedef struct score_job {
    ds_texts caption;
    info_common common;
    info_work work;
} score_job;

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    score_job *o = options;
    info_questions *q = &o->work.questions;
    ds_status st = ds__info_check(&o->work, j, &o->common, err);

    for (int64_t i = 0; st == DS_OK && i < o->caption.count; i++) {
        st = ds__questions_text(q, o->caption.text[i], "", err);
        if (st == DS_OK)
            snprintf(q->question[i].key, sizeof q->question[i].key, "caption%lld", (long long)i);
    }
    return st == DS_OK ? ds__info_ready(&o->work, j, &o->common, err) : st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    score_job *o = options;
    ds_status st = ds__info_measure(&o->work, j, &o->common, err);

    if (st != DS_OK)
        return st;
    say_ranks(&o->work, j->result);
    st = ds__result_set(j->result, "by_i_s", rank_json(&o->work, DS_INFO_S), err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "by_i_o", rank_json(&o->work, DS_INFO_O), err);
    return st == DS_OK ? ds__info_keep(&o->work, j, &o->common, NULL, err) : st;
}

static void clear(void *options)
{
    ds__info_work_clear(&((score_job *)options)->work);
}

static const ds_option rows[] = {
    { .name = "caption",
      .kind = DS_OPTION_TEXTS,
      .offset = offsetof(score_job, caption),
      .arg = "CAPTION CAPTION...",
      .min = 2,
      .max = MOST_CAPTIONS,
      .positional = true,
      .help = "captions to compare" },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(score_job, common), .block = ds__info_rows },
    { 0 },
};

const ds_method ds__method_info_score = {
    .name = "info-score",
    .purpose = "which of several captions fits a picture best",
    .paper = "Kong et al., arXiv:2310.07972",
    .description =
        "The information between the picture and each caption, all on the same draws: by i_s, "
        "which is log p(picture | caption) up to a constant, and by i_o, which the paper uses but "
        "which also rewards captions that contradict the picture. A tie means that zero lies in "
        "the 95 % interval of the difference between the first and the second.",
    .example =
        "diffuscope info score -m sd15 --image cat.png \"a cat on a mat\" \"a mat on a cat\"",
    .results = "by_i_s, by_i_o: {best, caption, tie, margin, order}\n"
               "questions, i_o, i_s, optimality_gap, estimate: as of info",
    .options = rows,
    .size = sizeof(score_job),
    .fields = offsetof(score_job, work),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};

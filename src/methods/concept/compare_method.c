/* compare_method.c - `concept compare`: which words two mixtures share. */

#include <math.h>

#include "job/job.h"
#include "methods/concept/decomposition.h"
#include "methods/methods.h"

typedef struct compare_job {
    const char *run, *other;
    ds_texts words;
    ds_decomposition *a, *b;
} compare_job;

static ds_status check_compare(ds_job *j, void *options, ds_error *err)
{
    compare_job *o = options;
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    if (st == DS_OK)
        st = ds__decomposition_open(&o->a, o->run, o->words.text[0], j->model, t, err);
    return st == DS_OK ? ds__decomposition_open(&o->b, o->other != NULL ? o->other : o->run,
                                                o->words.text[1], j->model, t, err)
                       : st;
}

static json_t *entry(const char *word, double a, double b)
{
    return json_pack("{s:s, s:f, s:f}", "token", word, "a", a, "b", b);
}

static ds_status run_compare(ds_job *j, void *options, ds_error *err)
{
    const compare_job *o = options;
    const ds_dictionary *a = o->a->dictionary, *b = o->b->dictionary;
    double *share = ds_calloc((size_t)(a->words.count + b->words.count), sizeof *share),
           common = 0.0;
    double *other = share + a->words.count;
    json_t *both = json_array(), *only_a = json_array(), *only_b = json_array();
    ds_status st;

    if (share == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for shares");
    ds__mixture_shares(share, &a->words, o->a->alpha);
    ds__mixture_shares(other, &b->words, o->b->alpha);
    for (int64_t i = 0; i < a->words.count; i++) {
        const int64_t k = ds__dictionary_find(b, a->text[i]);

        if (k >= 0)
            common += fmin(share[i], other[k]);
        json_array_append_new(k >= 0 ? both : only_a,
                              entry(a->text[i], share[i], k >= 0 ? other[k] : 0.0));
    }
    for (int64_t k = 0; k < b->words.count; k++)
        if (ds__dictionary_find(a, b->text[k]) < 0)
            json_array_append_new(only_b, entry(b->text[k], 0.0, other[k]));
    ds_free(share);
    ds__result_say(j->result, "%s and %s share %.2f of their mixtures\n", o->a->word, o->b->word,
                   common);
    st = ds__result_set(j->result, "common", json_real(common), err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "both", both, err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "only_a", only_a, err);
    return st == DS_OK ? ds__result_set(j->result, "only_b", only_b, err) : st;
}

static void clear_compare(void *options)
{
    ds__decomposition_close(((compare_job *)options)->a);
    ds__decomposition_close(((compare_job *)options)->b);
}

static const ds_option compare_options[] = {
    { .name = "words",
      .kind = DS_OPTION_TEXTS,
      .offset = offsetof(compare_job, words),
      .arg = "A B",
      .min = 2,
      .max = 2,
      .positional = true,
      .help = "two concepts" },
    { .name = "run",
      .kind = DS_OPTION_FILE,
      .offset = offsetof(compare_job, run),
      .arg = "DIR",
      .required = true,
      .help = "run folder of concept that holds A" },
    { .name = "other",
      .kind = DS_OPTION_FILE,
      .offset = offsetof(compare_job, other),
      .arg = "DIR",
      .help = "run folder that holds B; without it the same" },
    { 0 },
};

const ds_method ds__method_concept_compare = {
    .name = "concept-compare",
    .purpose = "which words two mixtures share",
    .paper = "Chefer et al., arXiv:2306.00966",
    .description =
        "Shares of both mixtures word by word; common is the sum of the smaller ones, 1 for "
        "equal mixtures, 0 for mixtures without a common word.",
    .example = "diffuscope concept compare nurse doctor --run run",
    .results = "common: from 0 to 1\nboth, only_a, only_b: [{token, a, b}]",
    .options = compare_options,
    .size = sizeof(compare_job),
    .fields = offsetof(compare_job, a),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL,
    .check = check_compare,
    .run = run_compare,
    .clear = clear_compare,
};

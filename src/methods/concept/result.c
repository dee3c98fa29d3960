/* result.c - numbers and tensors of `concept`. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "methods/concept/work.h"
#include "stats/student.h"

#define SAME_WORD 0.6 /* cosine of embeddings from which two words count as one group */

static const double *share_of(const concept_work *w, const concept_lane *l, int64_t r)
{
    return l->share + r * w->dictionary->words.count;
}

/* Share of a word in the best restart, with the spread over those that were accepted. */
static ds_value share_value(const concept_work *w, const concept_lane *l, int64_t word)
{
    const double value = share_of(w, l, l->best)[word];
    double mean = 0.0, square = 0.0, se = NAN;
    int64_t n = 0;
    ds_value v;

    for (int64_t r = 0; r < w->restarts; r++)
        if (l->accepted[r]) {
            mean += share_of(w, l, r)[word];
            n++;
        }
    mean /= (double)n;
    for (int64_t r = 0; r < w->restarts; r++)
        square += l->accepted[r] ? pow(share_of(w, l, r)[word] - mean, 2.0) : 0.0;
    if (n > 1)
        se = sqrt(square / (double)(n - 1) / (double)n);
    if (!isfinite(se))
        return (ds_value){ value, NAN, NAN, NAN, n };
    v = ds__t_interval(value, se, (double)(n - 1), n);
    return ds__within_one(v);
}

static json_t *tokens_json(const concept_work *w, const concept_lane *l)
{
    json_t *list = json_array();

    for (int64_t k = 0; k < l->n_top; k++) {
        const int64_t i = l->top[k];
        json_t *shares = json_array();

        for (int64_t r = 0; r < w->restarts; r++)
            json_array_append_new(shares, ds__json_real(share_of(w, l, r)[i]));
        json_array_append_new(
            list, json_pack("{s:s, s:I, s:o, s:o, s:o}", "token", w->dictionary->text[i], "id",
                            (json_int_t)w->dictionary->id[i], "share",
                            ds__json_value(share_value(w, l, i), NULL), "alpha",
                            ds__json_real(l->fit[l->best].alpha[i]), "shares", shares));
    }
    return list;
}

/* exp of the entropy of the shares: how many words take part, as it were. */
static double effective(const double *share, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum -= share[i] > 0.0 ? share[i] * log(share[i]) : 0.0;
    return exp(sum);
}

static json_t *restarts_json(const concept_work *w, const concept_lane *l)
{
    json_t *list = json_array();

    for (int64_t r = 0; r < w->restarts; r++) {
        const double *share = share_of(w, l, r);
        json_t *top = json_array(), *checks = json_array();
        int64_t first[10];
        const int64_t n = w->dictionary->words.count < 10 ? w->dictionary->words.count : 10;

        if (ds__largest(first, n, share, w->dictionary->words.count, NULL) == DS_OK)
            for (int64_t k = 0; k < n && share[first[k]] > 0.0; k++)
                json_array_append_new(top, json_string(w->dictionary->text[first[k]]));
        for (int64_t k = 0; k < l->fit[r].checks; k++)
            json_array_append_new(checks, ds__json_real(l->fit[r].check[k]));
        json_array_append_new(
            list,
            json_pack("{s:o, s:I, s:b, s:o, s:o, s:o}", "held_out", ds__json_real(l->fit[r].best),
                      "step", (json_int_t)l->fit[r].best_step, "accepted", (int)l->accepted[r],
                      "top", top, "checks", checks, "effective",
                      ds__json_real(effective(share, w->dictionary->words.count))));
    }
    return list;
}

/* Mean over pairs of accepted restarts of the share of their first n words that they have in common. */
static double overlap(const concept_work *w, const concept_lane *l, int64_t n)
{
    double sum = 0.0;
    int64_t pairs = 0;

    for (int64_t a = 0; a < w->restarts; a++)
        for (int64_t b = 0; b < a; b++)
            if (l->accepted[a] && l->accepted[b]) {
                sum += (double)ds__concept_overlap(share_of(w, l, a), share_of(w, l, b),
                                                   w->dictionary->words.count, n) /
                       (double)n;
                pairs++;
            }
    return pairs > 0 ? sum / (double)pairs : NAN;
}

static json_t *held_json(const concept_work *w, const concept_lane *l)
{
    const ds_measured *m = &l->measured;
    json_t *o = json_object(), *single = json_array(), *random = json_object();

    json_object_set_new(o, "full", ds__json_value(m->full, NULL));
    json_object_set_new(o, "top_n", ds__json_value(m->top_n, NULL));
    json_object_set_new(o, "top10", ds__json_value(m->top10, NULL));
    json_object_set_new(o, "top5", ds__json_value(m->top5, NULL));
    for (int64_t k = 0; k < 5 && k < l->n_top; k++) {
        json_t *word = json_object();

        json_object_set_new(word, "token", json_string(w->dictionary->text[l->top[k]]));
        json_object_set_new(word, "loss", ds__json_value(m->single[k], NULL));
        json_array_append_new(single, word);
    }
    json_object_set_new(o, "single", single);
    json_object_set_new(o, "concept", ds__json_value(m->concept_text, NULL));
    json_object_set_new(o, "empty", ds__json_value(m->empty, NULL));
    json_object_set_new(random, "token", json_string(m->random_text));
    json_object_set_new(random, "loss", ds__json_value(m->random_word, NULL));
    json_object_set_new(o, "random", random);
    if (l->beside != NULL)
        json_object_set_new(o, "beside", ds__json_value(m->beside, NULL));
    json_object_set_new(o, "triples", json_integer(l->held.count));
    return o;
}

static json_t *text_only_json(const concept_work *w, const concept_lane *l)
{
    static const char *const name[] = { "cosine", "nnls", "encoder" };
    json_t *o = json_object();

    for (int k = 0; k < 3; k++) {
        json_t *list = json_array();

        for (int64_t i = 0; i < l->text_only.count[k]; i++)
            json_array_append_new(list, json_pack("{s:s, s:o}", "token",
                                                  w->dictionary->text[l->text_only.top[k][i]],
                                                  k == 0 ? "cosine" : "share",
                                                  ds__json_real(l->text_only.value[k][i])));
        json_object_set_new(o, name[k], list);
    }
    return o;
}

/* Words of the list whose embeddings lie near each other split their weight arbitrarily: told together.
 * Single linkage, in the order of the list. */
static double cosine(const ds_words *d, int64_t a, int64_t b)
{
    double ab = 0.0, aa = 0.0, bb = 0.0;

    for (int64_t x = 0; x < d->width[0]; x++) {
        const double u = d->row[0][a * d->width[0] + x], v = d->row[0][b * d->width[0] + x];

        ab += u * v;
        aa += u * u;
        bb += v * v;
    }
    return ab / sqrt(aa * bb);
}

static json_t *groups_json(const concept_work *w, const concept_lane *l)
{
    json_t *list = json_array();
    int64_t group[1000], n = l->n_top < 1000 ? l->n_top : 1000;

    for (int64_t i = 0; i < n; i++)
        group[i] = i;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < i; k++)
            if (group[i] != group[k] &&
                cosine(&w->dictionary->words, l->top[i], l->top[k]) >= SAME_WORD)
                for (int64_t m = 0, from = group[i], to = group[k]; m < n; m++)
                    group[m] = group[m] == from ? to : group[m];
    for (int64_t g = 0; g < n; g++) {
        json_t *words = json_array();
        double sum = 0.0;

        for (int64_t i = 0; i < n; i++)
            if (group[i] == g) {
                json_array_append_new(words, json_string(w->dictionary->text[l->top[i]]));
                sum += share_of(w, l, l->best)[l->top[i]];
            }
        if (json_array_size(words) > 1)
            json_array_append_new(
                list, json_pack("{s:o, s:o}", "tokens", words, "share", ds__json_real(sum)));
        else
            json_decref(words);
    }
    return list;
}

static json_t *lane_json(const concept_work *w, const concept_lane *l)
{
    json_t *o = json_object();

    json_object_set_new(o, "word", json_string(l->word));
    json_object_set_new(o, "tokens", tokens_json(w, l));
    json_object_set_new(o, "groups", groups_json(w, l));
    json_object_set_new(o, "held_out", held_json(w, l));
    json_object_set_new(o, "text_only", text_only_json(w, l));
    json_object_set_new(o, "restarts", restarts_json(w, l));
    json_object_set_new(o, "best_restart", json_integer(l->best));
    json_object_set_new(o, "overlap5", ds__json_real(overlap(w, l, 5)));
    json_object_set_new(o, "overlap10", ds__json_real(overlap(w, l, 10)));
    json_object_set_new(o, "words_allowed", json_integer(l->n_allowed));
    return o;
}

static json_t *cost_json(const concept_work *w)
{
    /* The published run: 120 pictures of 50 guided steps, 500 steps of 6 forward and back, ten checks of 20
     * pictures of 50 guided steps. */
    const double published = 120 * 50 * 2 + 500 * 6 * 2 + 10 * 20 * 50 * 2;
    const int64_t passes = w->bank_passes + w->cost.forward + w->cost.backward;

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "bank",
                     (json_int_t)w->bank_passes, "forward", (json_int_t)w->cost.forward, "backward",
                     (json_int_t)w->cost.backward, "pictures", (json_int_t)w->draw_passes,
                     "decodes", (json_int_t)w->decodes, "encodes", (json_int_t)w->cost.encodes,
                     "passes", (json_int_t)passes, "published", published, "of_published",
                     (double)passes / published / (double)w->lanes);
}

static ds_status keep_tensors(const concept_work *w, const concept_lane *l, ds_error *err)
{
    const ds_words *d = &w->dictionary->words;
    const int64_t steps = w->steps;
    float *row = ds_calloc((size_t)(ds__words_width(d) + d->count + 2 * steps), sizeof *row);
    float *at = row;
    char name[200];
    ds_status st = row == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for tensors")
                       : ds__mixture_tokens(row, d, l->fit[l->best].alpha, l->top, l->n_top, err);

    for (int p = 0; st == DS_OK && p < d->parts; p++) {
        snprintf(name, sizeof name, d->parts > 1 ? "%.120s.token.%d" : "%.120s.token", l->word, p);
        st = ds__result_floats(w->job->result, name, DS_DIMS(d->width[p]), at, err);
        at += d->width[p];
    }
    for (int64_t i = 0; st == DS_OK && i < d->count; i++)
        row[i] = (float)l->fit[l->best].alpha[i];
    snprintf(name, sizeof name, "%.120s.alpha", l->word);
    if (st == DS_OK)
        st = ds__result_floats(w->job->result, name, DS_DIMS(d->count), row, err);
    for (int64_t i = 0; st == DS_OK && i < 2 * steps; i++)
        row[i] = (float)l->fit[l->best].curve[i];
    snprintf(name, sizeof name, "%.120s.losses", l->word);
    if (st == DS_OK)
        st = ds__result_floats(w->job->result, name, DS_DIMS(steps, 2), row, err);
    ds_free(row);
    return st;
}

static ds_status keep_dictionary(const concept_work *w, ds_error *err)
{
    const int64_t n = w->dictionary->words.count;
    ds_bundle *b;
    ds_tensor *t;
    ds_status st = ds__result_bundle(w->job->result, &b, err);

    if (st == DS_OK)
        st = ds_bundle_add(b, "dictionary_ids", DS_DTYPE_I64, 1, &n, &t, err);
    if (st == DS_OK)
        memcpy(t->data, w->dictionary->id, (size_t)n * sizeof(int64_t));
    return st;
}

static void say(const concept_work *w, const concept_lane *l)
{
    ds_result *r = w->job->result;
    const ds_measured *m = &l->measured;

    ds__result_say(r, "%s =", l->word);
    for (int64_t k = 0; k < 10 && k < l->n_top; k++)
        ds__result_say(r, "%s %s %.2f", k > 0 ? "," : "", w->dictionary->text[l->top[k]],
                       share_of(w, l, l->best)[l->top[k]]);
    ds__result_say(r,
                   "\n  held-out loss %.5f (top 10: %.5f, top 5: %.5f; %s alone: %.5f; empty "
                   "prompt: %.5f, %s: %.5f)\n",
                   m->full.value, m->top10.value, m->top5.value, w->dictionary->text[l->top[0]],
                   m->single[0].value, m->empty.value, m->random_text, m->random_word.value);
    ds__result_say(r, "  by the texts alone: %s (cosine), %s (text encoder)\n",
                   l->text_only.count[0] > 0 ? w->dictionary->text[l->text_only.top[0][0]] : "-",
                   l->text_only.count[2] > 0 ? w->dictionary->text[l->text_only.top[2][0]] : "-");
}

static json_t *templates_json(const concept_work *w)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < w->templates.count; i++)
        json_array_append_new(list, json_string(w->templates.text[i]));
    return list;
}

static json_t *dictionary_json(const ds_dictionary *d)
{
    json_t *kappa = json_array();

    for (int p = 0; p < d->words.parts; p++)
        json_array_append_new(kappa, json_real(d->words.kappa[p]));
    return json_pack("{s:I, s:I, s:o}", "words", (json_int_t)d->words.count, "untrained",
                     (json_int_t)d->untrained, "kappa", kappa);
}

ds_status ds__concept_keep(concept_work *w, ds_error *err)
{
    static const char *const solver[] = { "eg", "paper" }, *const target[] = { "teacher", "noise" };
    static const char *const select[] = { "held-out", "clip" };
    ds_result *r = w->job->result;
    json_t *list = json_array();
    ds_status st = DS_OK;

    for (int64_t i = 0; i < w->lanes; i++) {
        json_array_append_new(list, lane_json(w, &w->lane[i]));
        say(w, &w->lane[i]);
    }
    st = ds__result_set(r, "concepts", list, err);
    if (st == DS_OK)
        st = ds__result_set(r, "solver", json_string(solver[w->o->solver]), err);
    if (st == DS_OK)
        st = ds__result_set(r, "target", json_string(target[w->target]), err);
    if (st == DS_OK)
        st = ds__result_set(r, "select", json_string(select[w->o->select]), err);
    if (st == DS_OK)
        st = ds__result_set(r, "templates", templates_json(w), err);
    if (st == DS_OK)
        st = ds__result_set(r, "dictionary", dictionary_json(w->dictionary), err);
    if (st == DS_OK)
        st = ds__result_set(r, "cost", cost_json(w), err);
    for (int64_t i = 0; st == DS_OK && i < w->lanes; i++)
        st = keep_tensors(w, &w->lane[i], err);
    return st == DS_OK ? keep_dictionary(w, err) : st;
}

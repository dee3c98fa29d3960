/* work.c - see work.h. */

#include "methods/info/work.h"

#include <math.h>
#include <string.h>

#include "methods/info/info.h"

/* ---- options ---------------------------------------------------------------------------------- */

const ds_option ds__info_rows[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXT,
      .offset = offsetof(info_common, prompt),
      .arg = "TEXT",
      .help = "the text that is asked about; without --image and --latent, also what is drawn" },
    { .name = "draw",
      .kind = DS_OPTION_TEXT,
      .offset = offsetof(info_common, draw),
      .arg = "TEXT",
      .help = "draw the picture from this text instead of --prompt" },
    { .name = "save-draws",
      .kind = DS_OPTION_OUTFILE,
      .offset = offsetof(info_common, save_draws),
      .arg = "FILE",
      .help = "write the draws (log-SNRs, weights, noises) to this safetensors file, for --draws" },
    { .name = "part",
      .kind = DS_OPTION_PART,
      .offset = offsetof(info_common, part),
      .arg = "I/N",
      .alias = "shard",
      .help = "compute only part I of N (I from 0) of the replicates, for --merge later; needs "
              "--state" },
    { .name = "merge",
      .kind = DS_OPTION_WORDS,
      .offset = offsetof(info_common, merge),
      .arg = "FILE",
      .help = "combine the --state files of all parts instead of computing" },
    { .name = "snr-range",
      .kind = DS_OPTION_RANGE,
      .offset = offsetof(info_common, range),
      .arg = "LOW:HIGH",
      .help = "range of log-SNR; without it the schedule's, or -7:9 of the published design" },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(info_common, look), .block = ds__look_rows },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(info_common, drawing), .block = ds__draw_rows },
    { .kind = DS_OPTION_BLOCK,
      .offset = offsetof(info_common, estimate),
      .block = ds__job_estimate_rows },
    { 0 },
};

#define KIND_ROWS(type)                                                                            \
    { .name = "kind",                                                                              \
      .kind = DS_OPTION_CHOICE,                                                                    \
      .offset = offsetof(type, kind),                                                              \
      .choices = "cmi|mi|both",                                                                    \
      .standard = "cmi",                                                                           \
      .help = "cmi: what the word adds to the rest of the prompt; mi: what it says alone" },       \
    {                                                                                              \
        .name = "removal", .kind = DS_OPTION_CHOICE, .offset = offsetof(type, removal),            \
        .choices = "delete|underscore|neutral", .standard = "delete",                              \
        .help = "what replaces a removed word: nothing, \"_\" or \"thing\""                        \
    }

const ds_option ds__info_ask_rows[] = {
    { .name = "word",
      .kind = DS_OPTION_WORDS,
      .offset = offsetof(info_ask, word),
      .arg = "W",
      .help = "words of the prompt, or runs of words in quotes" },
    { .name = "against",
      .kind = DS_OPTION_TEXT,
      .offset = offsetof(info_ask, against),
      .arg = "TEXT",
      .help = "compare --prompt with this text; without --word and --against, with no text" },
    KIND_ROWS(info_ask),
    { 0 },
};

const ds_option ds__info_kind_rows[] = { KIND_ROWS(info_kinds), { 0 } };

/* ---- checks ----------------------------------------------------------------------------------- */

static ds_status check_parts(ds_info_options *o, const ds_job *j, const info_common *c,
                             ds_error *err)
{
    const bool parted = c->part.parts > 0;

    if (parted && o->state == NULL)
        return ds_fail(err, DS_E_ARG, "%s: its statistics need a file: %s FILE",
                       ds__job_name(j, "part"), ds__job_name(j, "state"));
    if (parted) {
        o->part = c->part.part;
        o->parts = c->part.parts;
    }
    if (c->merge.count == 0)
        return DS_OK;
    if (parted || o->state != NULL)
        return ds_fail(err, DS_E_ARG, "%s goes with neither %s nor %s", ds__job_name(j, "merge"),
                       ds__job_name(j, "part"), ds__job_name(j, "state"));
    o->parts = c->merge.count; /* the parts' plan; none of it is run here */
    return DS_OK;
}

static const char *drawn_text(const info_common *c)
{
    return c->draw != NULL ? c->draw : c->prompt;
}

ds_status ds__info_check(info_work *w, ds_job *j, const info_common *c, ds_error *err)
{
    ds_info_options *o = &w->est.options;
    ds_status st = ds__job_estimate_check(&w->est, j, &c->estimate, c->drawing.seed, err);

    if (st == DS_OK)
        st = check_parts(o, j, c, err);
    o->low = c->range.low;
    o->high = c->range.high;
    if (st == DS_OK)
        st = ds__job_warn_of_prompt(j, c->prompt, err);
    return st == DS_OK ? ds__picture_check(j, &c->look, &c->drawing, drawn_text(c), err) : st;
}

ds_status ds__info_ready(info_work *w, ds_job *j, const info_common *c, ds_error *err)
{
    ds_info_options *o = &w->est.options;
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    o->prompt = (const char *const *)w->questions.text;
    o->prompts = w->questions.texts;
    o->pair = w->questions.pair;
    o->pairs = w->questions.count;
    return st == DS_OK && c->merge.count == 0 ? ds__info_foresee(o, t, err) : st;
}

ds_status ds__info_ask(info_work *w, ds_job *j, const info_common *c, const info_ask *ask,
                       ds_error *err)
{
    const unsigned kinds = (unsigned)ask->kind + 1;
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    if (st != DS_OK)
        return st;
    if (ask->word.count > 0 && ask->against != NULL)
        return ds_fail(err, DS_E_ARG, "%s and %s exclude each other", ds__job_name(j, "word"),
                       ds__job_name(j, "against"));
    if (c->prompt == NULL && (ask->word.count == 0 || (kinds & INFO_CMI)))
        return ds_fail(err, DS_E_ARG, "%s TEXT is needed, but for %s W... with %s mi",
                       ds__job_name(j, "prompt"), ds__job_name(j, "word"), ds__job_name(j, "kind"));
    if (ask->word.count == 0)
        return ask->against == NULL && c->prompt[strspn(c->prompt, " ")] == '\0'
                   ? ds_fail(err, DS_E_ARG, "%s: expected a text, found an empty one",
                             ds__job_name(j, "prompt"))
                   : ds__questions_text(&w->questions, c->prompt,
                                        ask->against != NULL ? ask->against : "", err);
    for (int64_t i = 0; i < ask->word.count; i++)
        for (int64_t k = 0; k < i; k++)
            if (strcmp(ask->word.text[i], ask->word.text[k]) == 0)
                return ds_fail(err, DS_E_ARG, "%s: \"%s\" is given twice", ds__job_name(j, "word"),
                               ask->word.text[i]);
    for (int64_t i = 0; st == DS_OK && i < ask->word.count; i++)
        st = ds__questions_word(&w->questions, t, c->prompt, ask->word.text[i], kinds,
                                (ds_removal)ask->removal, err);
    return st;
}

void ds__info_work_clear(info_work *w)
{
    ds_info_free(w->info);
    ds__questions_free(&w->questions);
    ds__job_estimate_clear(&w->est);
    ds__picture_clear(&w->picture);
}

/* ---- the run ---------------------------------------------------------------------------------- */

static ds_status run_or_merge(info_work *w, const info_common *c, ds_error *err)
{
    ds_status st = DS_OK;

    if (c->merge.count == 0)
        return ds__job_estimate_run(&w->est, w->info, err);
    for (int64_t i = 0; st == DS_OK && i < c->merge.count; i++)
        st = ds_info_merge(w->info, c->merge.text[i], err);
    return st;
}

static ds_status save_draws(const info_work *w, const char *path, ds_error *err)
{
    ds_bundle *b;
    ds_status st;

    if (path == NULL)
        return DS_OK;
    st = ds_bundle_new(&b, err);
    if (st == DS_OK)
        st = ds_info_save_draws(w->info, b, err);
    if (st == DS_OK)
        st = ds_bundle_save(b, path, err);
    ds_bundle_free(b);
    return st;
}

ds_status ds__info_measure(info_work *w, ds_job *j, const info_common *c, ds_error *err)
{
    ds_info_options *o = &w->est.options;
    ds_status st = ds__picture_get(&w->picture, j, &c->look, &c->drawing, drawn_text(c), err);

    if (st == DS_OK)
        st = ds__job_time(j, "picture", err);
    if (st != DS_OK)
        return st;
    o->latent = w->picture.latent.data != NULL ? &w->picture.latent : NULL;
    o->image = o->latent == NULL ? &w->picture.image : NULL;
    st = ds_info_new(&w->info, j->model, o, err);
    if (st == DS_OK)
        st = run_or_merge(w, c, err);
    if (st == DS_OK)
        st = ds__job_time(j, "measured", err);
    return st == DS_OK ? save_draws(w, c->save_draws, err) : st;
}

/* ---- numbers ---------------------------------------------------------------------------------- */

json_t *ds__info_value_json(ds_value v, ds_info_form form)
{
    const double bit = 0.69314718055994531;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "nats", ds__json_real(v.value), "se",
                     ds__json_real(v.se), "low", ds__json_real(v.low), "high",
                     ds__json_real(v.high), "bits", ds__json_real(v.value / bit), "bits_se",
                     ds__json_real(v.se / bit), "form",
                     form == DS_INFO_O ? "orthogonal, from 0" : "standard, signed");
}

static json_t *question_json(const info_work *w, int64_t i)
{
    const info_question *q = &w->questions.question[i];
    const ds_info_pair *p = &w->questions.pair[i];

    return json_pack("{s:s, s:s, s:s?, s:s, s:s, s:o, s:o}", "key", q->key, "kind", q->kind, "word",
                     q->word, "with", w->questions.text[p->with], "without",
                     w->questions.text[p->without], "i_o",
                     ds__info_value_json(ds_info_total(w->info, i, DS_INFO_O), DS_INFO_O), "i_s",
                     ds__info_value_json(ds_info_total(w->info, i, DS_INFO_S), DS_INFO_S));
}

/* |sum of i_s - i_o| / sum of i_o: 0 for a perfect denoiser on average over matched pictures and
 * texts; of a few questions it only hints. */
static double optimality_gap(const info_work *w)
{
    double gap = 0, all = 0;

    for (int64_t i = 0; i < w->questions.count; i++) {
        double o = ds_info_total(w->info, i, DS_INFO_O).value;

        gap += ds_info_total(w->info, i, DS_INFO_S).value - o;
        all += o;
    }
    return fabs(gap) / all;
}

static ds_status keep_numbers(const info_work *w, ds_job *j, ds_error *err)
{
    ds_result *r = j->result;
    json_t *root = ds__result_root(r), *list = json_array();
    const json_t *first;
    ds_status st;

    for (int64_t i = 0; i < w->questions.count; i++)
        json_array_append_new(list, question_json(w, i));
    first = json_array_get(list, 0);
    json_object_set(root, "i_o", json_object_get(first, "i_o"));
    json_object_set(root, "i_s", json_object_get(first, "i_s"));
    st = ds__result_set(r, "questions", list, err);
    if (st == DS_OK)
        st = ds__result_set(r, "optimality_gap", ds__json_real(optimality_gap(w)), err);
    return st == DS_OK ? ds__result_set(r, "estimate", ds__job_estimate_json(w->info), err) : st;
}

static void say_value(ds_result *r, const char *name, ds_value v)
{
    if (isfinite(v.se))
        ds__result_say(r, "  %s %9.3f ± %.3f nats", name, v.value, v.se);
    else
        ds__result_say(r, "  %s %9.3f nats", name, v.value);
}

static void say_table(const info_work *w, ds_result *r)
{
    const ds_info_status s = ds_info_describe(w->info);

    for (int64_t i = 0; i < w->questions.count; i++) {
        const info_question *q = &w->questions.question[i];

        ds__result_say(r, "%-16s %-7s", q->word != NULL ? q->word : "text", q->kind);
        say_value(r, "i_o", ds_info_total(w->info, i, DS_INFO_O));
        say_value(r, "i_s", ds_info_total(w->info, i, DS_INFO_S));
        ds__result_say(r, "\n");
    }
    ds__result_say(r, "%lld calls of the network, %.1f s\n", (long long)s.calls, s.seconds);
}

ds_status ds__info_keep(info_work *w, ds_job *j, const info_common *c, const char *svg,
                        ds_error *err)
{
    ds_status st = keep_numbers(w, j, err);

    say_table(w, j->result);
    return st == DS_OK ? ds__info_draw(w, j, c, svg, err) : st;
}

ds_status ds__info_keep_removal(ds_job *j, int removal, ds_error *err)
{
    static const char *const name[] = { "delete", "underscore", "neutral" };

    return ds__result_set(j->result, "removal", json_string(name[removal]), err);
}

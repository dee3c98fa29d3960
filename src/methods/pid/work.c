/* work.c - see work.h. */

#include "methods/pid/work.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "methods/info/info.h"
#include "methods/pid/texts.h"
#include "methods/pid/word_numbers.h"

/* ---- options ---------------------------------------------------------------------------------- */

const ds_option ds__pid_query_rows[] = {
    { .name = "redundancy",
      .kind = DS_OPTION_CHOICE,
      .offset = offsetof(pid_query, redundancy),
      .choices = "pm|mmi-pixel|mmi-image|imin",
      .standard = "mmi-pixel",
      .help = "what counts as said by both words; pm is the paper's" },
    { .name = "form",
      .kind = DS_OPTION_CHOICE,
      .offset = offsetof(pid_query, form),
      .choices = "o|s",
      .standard = "o",
      .help = "which information to decompose: o, never negative, or s, signed" },
    { .name = "plain",
      .kind = DS_OPTION_FLAG,
      .offset = offsetof(pid_query, plain),
      .help = "atoms of the means directly, without the cross-fitting that removes the bias "
              "of a minimum or maximum of noisy numbers" },
    { .name = "delta",
      .kind = DS_OPTION_TEXT,
      .offset = offsetof(pid_query, delta),
      .arg = "X",
      .unit = "nats",
      .help = "pm: surprisal of the second word less that of the first, in nats, or inf; without "
              "it or --surprisal, 0 and a sweep" },
    { .name = "surprisal",
      .kind = DS_OPTION_FILE,
      .offset = offsetof(pid_query, surprisal),
      .arg = "FILE",
      .help = "pm: words and their surprisals -log p in nats, as a JSON object or in lines" },
    { 0 },
};

const ds_option ds__pid_rows[] = {
    { .name = "given",
      .kind = DS_OPTION_CHOICE,
      .offset = offsetof(pid_common, given),
      .choices = "nothing|context",
      .standard = "nothing",
      .help =
          "what the words are conditioned on: nothing (PID), or the rest of the prompt (CPID)" },
    { .name = "joint",
      .kind = DS_OPTION_CHOICE,
      .offset = offsetof(pid_common, joint),
      .choices = "words|and|prompt",
      .standard = "words",
      .help = "PID's text for both words: \"A B\", \"A and B\", or the prompt" },
    { .name = "removal",
      .kind = DS_OPTION_CHOICE,
      .offset = offsetof(pid_common, removal),
      .choices = "delete|underscore|neutral",
      .standard = "delete",
      .help = "what replaces a removed word: nothing, \"_\" or \"thing\"" },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(pid_common, query), .block = ds__pid_query_rows },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(pid_common, drawing), .block = ds__draw_rows },
    { .kind = DS_OPTION_BLOCK,
      .offset = offsetof(pid_common, estimate),
      .block = ds__job_estimate_rows },
    { 0 },
};

void ds__pid_work_clear(pid_work *w)
{
    ds_pid_free(w->pid);
    ds__picture_clear(&w->picture);
    ds__job_estimate_clear(&w->est);
    json_decref(w->surprisal);
}

/* ---- checks ----------------------------------------------------------------------------------- */

static ds_status parse_delta(double *out, const ds_job *j, const char *text, ds_error *err)
{
    char *end;

    *out = strtod(text, &end);
    if (end == text || *end != '\0' || isnan(*out))
        return ds_fail(err, DS_E_ARG, "%s: expected a number or inf, found \"%s\"",
                       ds__job_name(j, "delta"), text);
    return DS_OK;
}

static ds_status read_question(pid_work *w, const pid_query *o, ds_error *err)
{
    ds_pid_question *q = &w->question;
    const char *delta = ds__job_name(w->job, "delta");
    const char *surprisal = ds__job_name(w->job, "surprisal");
    char note[200];
    ds_status st = DS_OK;

    *q = (ds_pid_question)DS_PID_QUESTION_INIT;
    q->redundancy = (ds_redundancy)o->redundancy;
    q->form = (ds_info_form)o->form;
    q->plain = o->plain;
    if (o->delta != NULL && o->surprisal != NULL)
        return ds_fail(err, DS_E_ARG, "%s and %s exclude each other", delta, surprisal);
    if (o->delta != NULL)
        st = parse_delta(&q->delta, w->job, o->delta, err);
    if (st == DS_OK && o->surprisal != NULL)
        st = ds__word_numbers(&w->surprisal, o->surprisal, err);
    w->swept = q->redundancy == DS_REDUNDANCY_PM && o->delta == NULL && o->surprisal == NULL;
    snprintf(note, sizeof note,
             "the surprisals are not known (%s, %s): atoms are those for equally probable words",
             delta, surprisal);
    return st == DS_OK && w->swept ? ds__job_warn(w->job, note, err) : st;
}

ds_status ds__pid_check(pid_work *w, ds_job *j, const char *title, const pid_query *q,
                        const estimate_options *e, uint64_t seed, ds_error *err)
{
    ds_status st;

    w->job = j;
    w->title = title;
    st = read_question(w, q, err);
    return st == DS_OK ? ds__job_estimate_check(&w->est, j, e, seed, err) : st;
}

ds_pid_options ds__pid_options(const pid_common *c, const char *prompt, const char *const *word,
                               int64_t words)
{
    ds_pid_options o = DS_PID_OPTIONS_INIT;

    o.prompt = prompt;
    o.word = word;
    o.words = words;
    o.given = (ds_pid_given)c->given;
    o.joint = (ds_pid_joint)c->joint;
    o.removal = (ds_removal)c->removal;
    return o;
}

/* Nothing is said by nothing, and a word says all that it says itself. */
static ds_status refuse_trivial(const pid_work *w, const ds_pid_options *o, ds_error *err)
{
    for (int64_t i = 0; i < o->words; i++)
        for (int64_t k = 0; k < i; k++)
            if (strcmp(o->word[i], o->word[k]) == 0)
                return ds_fail(err, DS_E_ARG,
                               "%s: \"%s\" is given twice: all that it tells would be "
                               "redundant",
                               ds__job_name(w->job, "words"), o->word[i]);
    if (o->prompt != NULL && o->prompt[strspn(o->prompt, " ")] == '\0')
        return ds_fail(err, DS_E_ARG, "%s: expected a text, found an empty one",
                       ds__job_name(w->job, "prompt"));
    return DS_OK;
}

ds_status ds__pid_check_texts(pid_work *w, const ds_pid_options *o, ds_error *err)
{
    ds_pid_texts texts = { .texts = 0 };
    ds_info_options info = w->est.options;
    ds_tokenizer *t;
    double delta;
    ds_status st = refuse_trivial(w, o, err);

    if (st == DS_OK)
        st = ds__job_tokenizer(w->job, &t, err);
    if (st == DS_OK)
        st = ds__pid_texts(&texts, t, o, err);
    if (st == DS_OK && texts.warning != NULL)
        st = ds__job_warn(w->job, texts.warning, err);
    if (st == DS_OK)
        st = ds__job_warn_of_prompt(w->job, o->prompt, err);
    info.prompt = texts.text;
    info.prompts = texts.texts;
    info.pair = texts.pair;
    info.pairs = texts.pairs;
    if (st == DS_OK)
        st = ds__info_foresee(&info, t, err);
    ds__pid_texts_free(&texts);
    for (int64_t i = 1; st == DS_OK && i < o->words; i++)
        st = ds__pid_delta(w, &delta, o->word[0], o->word[i], err);
    return st;
}

ds_status ds__pid_refuse_imin(const pid_work *w, ds_error *err)
{
    if (w->question.redundancy != DS_REDUNDANCY_IMIN)
        return DS_OK;
    return ds_fail(err, DS_E_ARG,
                   "%s imin needs vocabularies of two words, which the command pid takes",
                   ds__job_name(w->job, "redundancy"));
}

double ds__pid_surprisal(const pid_work *w, const char *word)
{
    const json_t *h = json_object_get(w->surprisal, word);

    return h != NULL ? json_number_value(h) : (double)NAN;
}

ds_status ds__pid_delta(const pid_work *w, double *delta, const char *a, const char *b,
                        ds_error *err)
{
    const char *word[2] = { a, b };
    double h[2];

    *delta = w->question.delta;
    if (w->surprisal == NULL)
        return DS_OK;
    for (int i = 0; i < 2; i++) {
        h[i] = ds__pid_surprisal(w, word[i]);
        if (isnan(h[i]))
            return ds_fail(err, DS_E_NOMATCH, "the file of surprisals lacks the word \"%s\"",
                           word[i]);
    }
    *delta = h[1] - h[0];
    return DS_OK;
}

/* ---- the measurement -------------------------------------------------------------------------- */

/* Warnings about the texts were told by the check, and those of the estimate are told by its run. */
ds_status ds__pid_measure(pid_work *w, const ds_pid_options *o, ds_error *err)
{
    ds_info_options *i = &w->est.options;
    ds_pid_options own = *o;
    ds_status st;

    ds_pid_free(w->pid);
    w->pid = NULL;
    i->latent = w->picture.latent.data != NULL ? &w->picture.latent : NULL;
    i->image = i->latent == NULL ? &w->picture.image : NULL;
    own.info = i;
    own.goal = &w->question;
    st = ds_pid_new(&w->pid, w->job->model, &own, err);
    return st == DS_OK ? ds__job_estimate_run(&w->est, ds_pid_info(w->pid), err) : st;
}

/* ---- numbers ---------------------------------------------------------------------------------- */

ds_status ds__pid_keep_question(const pid_work *w, ds_error *err)
{
    ds_result *r = w->job->result;
    ds_status st = ds__result_set(r, "unit", json_string("nats"), err);

    if (st == DS_OK)
        st = ds__result_set(r, "redundancy",
                            json_string(ds_redundancy_name(w->question.redundancy)), err);
    return st == DS_OK ? ds__result_set(r, "form",
                                        json_string(w->question.form == DS_INFO_O ? "o" : "s"), err)
                       : st;
}

ds_status ds__pid_keep_estimate(const pid_work *w, ds_error *err)
{
    return ds__result_set(w->job->result, "estimate", ds__job_estimate_json(ds_pid_info(w->pid)),
                          err);
}

double ds__pid_chain_residual(const ds_info *info, const ds_pid_pair *p, ds_info_form form)
{
    return ds_info_total(info, p->i_ab, form).value - ds_info_total(info, p->i_a, form).value -
           ds_info_total(info, p->chain, form).value;
}

json_t *ds__pid_value_json(ds_value v)
{
    return json_pack("{s:o, s:o}", "value", ds__json_real(v.value), "se", ds__json_real(v.se));
}

json_t *ds__pid_atoms_json(const ds_value atoms[DS_PID_ATOMS])
{
    json_t *o = json_object();

    for (int k = 0; k < DS_PID_ATOMS; k++)
        if (json_object_set_new(o, ds_pid_atom_name(k), ds__pid_value_json(atoms[k])) != 0) {
            json_decref(o);
            return NULL;
        }
    return o;
}

pid_number ds__pid_number(ds_value v)
{
    pid_number n;
    int digits = 4;

    if (isfinite(v.se) && v.se > 0)
        digits = (int)fmin(9, fmax(0, 1 - floor(log10(v.se))));
    if (isfinite(v.se))
        snprintf(n.text, sizeof n.text, "%.*f ± %.*f", digits, v.value, digits, v.se);
    else
        snprintf(n.text, sizeof n.text, "%.*f", digits, v.value);
    return n;
}

/* ---- figures ---------------------------------------------------------------------------------- */

ds_status ds__pid_page(const pid_work *w, ds_page **out, ds_error *err)
{
    return ds__result_page(w->job->result, out, w->title, err);
}

ds_status ds__pid_figure(const pid_work *w, const char *name, ds_image *image, bool shown,
                         const char *alt, const char *caption, ds_error *err)
{
    ds_page *page;
    ds_status st = ds__pid_page(w, &page, err);

    if (st != DS_OK || image->rgb == NULL)
        return st;
    st = ds_page_picture(page, image, alt, caption, err);
    return st == DS_OK ? ds__result_figure(w->job->result, name, image, shown, err) : st;
}

ds_status ds__pid_keep_picture(const pid_work *w, ds_error *err)
{
    ds_image copy = { 0 };
    ds_status st = DS_OK;

    if (w->picture.shown.rgb != NULL)
        st = ds_image_copy(&copy, &w->picture.shown, err);
    if (st == DS_OK)
        st = ds__pid_figure(w, "image", &copy, false, "The picture", NULL, err);
    ds_image_clear(&copy);
    return st;
}

ds_status ds__pid_chart(const pid_work *w, const char *name, char *svg, const char *caption,
                        ds_error *err)
{
    ds_page *page;
    ds_status st = ds__pid_page(w, &page, err);

    if (st == DS_OK)
        st = ds_page_chart(page, svg, caption, err);
    if (st != DS_OK) {
        ds_free(svg);
        return st;
    }
    return ds__result_file(w->job->result, name, svg, strlen(svg), err);
}

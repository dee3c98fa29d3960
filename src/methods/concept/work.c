/* work.c - from options to mixtures. See work.h. */

#include "methods/concept/work.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/hash.h"
#include "job/files.h"
#include "job/folder.h"
#include "methods/concept/refuse.h"

/* ---- checks ------------------------------------------------------------------------------------ */

static unsigned keep_bits(const ds_texts *keep)
{
    static const char words[] = "own|inflections|function|template";
    unsigned bits = 0;

    for (int64_t i = 0; i < keep->count; i++)
        bits |= 1u << ds_choice_place(words, keep->text[i]);
    return bits;
}

static ds_status check_keep(const concept_work *w, ds_error *err)
{
    for (int64_t i = 0; i < w->o->keep.count; i++)
        if (ds_choice_place("own|inflections|function|template", w->o->keep.text[i]) < 0)
            return ds_fail(err, DS_E_ARG, "%s %s: expected own, inflections, function or template",
                           ds__job_name(w->job, "keep"), w->o->keep.text[i]);
    return DS_OK;
}

/* Templates as given; those without "<>" have the first concept in its place. */
static ds_status make_templates(concept_work *w, ds_error *err)
{
    static const char *const standard[] = { "a picture of a <>" };
    const ds_texts *given = &w->o->prompt;
    ds_status st = DS_OK;

    if (given->count == 0) {
        w->templates = (ds_texts){ standard, 1 };
        return DS_OK;
    }
    w->owned = ds_calloc((size_t)given->count, sizeof *w->owned);
    if (w->owned == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for templates");
    w->n_owned = given->count;
    for (int64_t i = 0; st == DS_OK && i < given->count; i++) {
        if (strstr(given->text[i], DS_TEMPLATE_FREE) == NULL)
            st = ds__template_of_prompt(&w->owned[i], w->tokenizer, given->text[i],
                                        w->o->word.text[0], err);
        else if ((w->owned[i] = ds_strdup(given->text[i])) == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a template");
        if (st == DS_OK)
            st = ds__template_check(w->owned[i], err);
    }
    w->templates = (ds_texts){ (const char *const *)w->owned, given->count };
    return st;
}

static ds_status fill_size(concept_work *w, ds_error *err)
{
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, w->job->model, err);

    if (st != DS_OK)
        return st;
    w->latent_height = w->o->size.height > 0 ? w->o->size.height / info.factor : info.side;
    w->latent_width = w->o->size.width > 0 ? w->o->size.width / info.factor : info.side;
    return DS_OK;
}

static int64_t given_or(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

/* What was left open has the solver's own number: those of the paper, or ours. */
static void fill_settings(concept_work *w)
{
    const concept_options *o = w->o;
    const bool paper = o->solver == DS_SOLVER_PAPER;

    w->target = ds__job_given(w->job, "target") ? (ds_target)o->target
                : paper                         ? DS_TARGET_NOISE
                                                : DS_TARGET_TEACHER;
    w->steps = given_or(o->steps, paper ? 500 : 70);
    w->pictures = given_or(o->pictures, paper ? 100 : 24);
    w->held_pictures = given_or(o->held_out, paper ? 20 : 8);
    w->bank_steps = given_or(o->bank_steps, paper ? 50 : 20);
    w->restarts = given_or(o->restarts, paper ? 1 : 3);
    w->from = ds__job_given(w->job, "from") ? o->from : paper ? 0.0 : 400.0;
    w->bank_cfg = ds__job_given(w->job, "bank-cfg") ? o->bank_cfg : paper ? 7.5 : 1.0;
}

static ds_status make_lane(concept_work *w, int64_t i, ds_error *err)
{
    concept_lane *l = &w->lane[i];
    const size_t n = (size_t)w->dictionary->words.count;

    l->word = w->o->word.text[i];
    l->allowed = ds_calloc(n, sizeof *l->allowed);
    l->top = ds_calloc(n, sizeof *l->top);
    l->share = ds_calloc(n * (size_t)w->restarts, sizeof *l->share);
    if (l->allowed == NULL || l->top == NULL || l->share == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %s", l->word);
    l->n_allowed = ds__dictionary_allow(l->allowed, w->dictionary, l->word, &w->templates,
                                        keep_bits(&w->o->keep));
    if (w->o->beside != NULL) {
        ds_status st = ds__decomposition_open(&l->beside, w->o->beside, l->word, w->job->model,
                                              w->tokenizer, err);

        if (st != DS_OK)
            return st;
    }
    if (l->n_allowed < 2)
        return ds_fail(err, DS_E_ARG,
                       "%s: %lld words of the dictionary are left: expected 2 or more", l->word,
                       (long long)l->n_allowed);
    return DS_OK;
}

ds_status ds__concept_check(concept_work *w, ds_job *j, const concept_options *o, ds_error *err)
{
    ds_dictionary_options d = { .file = o->dictionary,
                                .kappa_of_all = o->solver == DS_SOLVER_PAPER };
    ds_status st;

    *w = (concept_work){ .o = o, .job = j };
    fill_settings(w);
    st = ds__concept_check_words(j, &o->word, err);
    if (st == DS_OK)
        st = check_keep(w, err);
    if (st == DS_OK)
        st = ds__concept_check_drawing(j, o->size.height, o->size.width, o->sampler, w->bank_steps,
                                       err);
    if (st == DS_OK)
        st = fill_size(w, err);
    if (st == DS_OK)
        st = ds__concept_clip_check(w, err);
    if (st == DS_OK)
        st = ds__concept_warn(j, err);
    if (st == DS_OK)
        st = ds__job_tokenizer(j, &w->tokenizer, err);
    if (st == DS_OK)
        st = make_templates(w, err);
    for (int64_t i = 0; st == DS_OK && i < w->templates.count; i++)
        st = ds__job_warn_of_prompt(j, w->templates.text[i], err);
    for (int64_t i = 0; st == DS_OK && i < o->word.count; i++)
        st = ds__job_warn_of_prompt(j, o->word.text[i], err);
    if (st == DS_OK)
        st = ds__dictionary_new(&w->dictionary, j->model, w->tokenizer, &d, err);
    if (st == DS_OK)
        st = ds_noise_new(&w->noise, j->model, err);
    w->lane = ds_calloc((size_t)o->word.count, sizeof *w->lane);
    if (st == DS_OK && w->lane == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for concepts");
    for (int64_t i = 0; st == DS_OK && i < o->word.count; i++) {
        w->lanes = i + 1;
        st = make_lane(w, i, err);
    }
    return st;
}

void ds__concept_clear(concept_work *w)
{
    for (int64_t i = 0; i < w->lanes; i++) {
        concept_lane *l = &w->lane[i];

        for (int64_t r = 0; r < w->restarts; r++)
            ds__fit_lane_clear(&l->fit[r]);
        ds__bank_free(l->held_bank);
        ds__frozen_clear(&l->held);
        ds__text_only_clear(&l->text_only);
        ds__decomposition_close(l->beside);
        ds_free(l->seen);
        ds_free(l->allowed);
        ds_free(l->top);
        ds_free(l->share);
    }
    for (int64_t i = 0; i < w->n_owned; i++)
        ds_free(w->owned[i]);
    ds_free(w->owned);
    ds_free(w->lane);
    ds__dictionary_free(w->dictionary);
    ds_noise_free(w->noise);
    ds__clip_close(w->clip);
    *w = (concept_work){ 0 };
}

/* ---- banks ------------------------------------------------------------------------------------- */

typedef struct stage {
    ds_job *job;
    const char *name;
} stage;

static ds_status progress(void *user, int64_t done, int64_t total, ds_error *err)
{
    const stage *s = user;

    return ds__job_progress(s->job, s->name, done, total, err);
}

/* Pictures first, first + 1, ... of all that a concept's banks hold; ranges do not meet. */
static ds_status new_bank(concept_work *w, ds_bank **out, const char *word, int64_t first,
                          int64_t pictures, const char *name, ds_error *err)
{
    stage s = { w->job, name };
    const ds_bank_options o = {
        .target = w->target,
        .templates = &w->templates,
        .concept = word,
        .first = first,
        .pictures = pictures,
        .from = w->from,
        .sampling = { .sampler = w->o->sampler,
                      .steps = (int)w->bank_steps,
                      .guidance = w->bank_cfg,
                      .batch = w->o->batch,
                      .height = w->latent_height,
                      .width = w->latent_width,
                      .seed = w->o->seed,
                      .cancel = w->job->o.cancel,
                      .progress = progress,
                      .user = &s },
    };
    ds_status st = ds__bank_new(out, w->job->model, w->tokenizer, &o, err);

    if (st == DS_OK)
        w->bank_passes += (*out)->passes;
    return st;
}

/* Four held-out triples for each picture, whole batches of them. */
static ds_status new_held(concept_work *w, concept_lane *l, ds_error *err)
{
    const int64_t batch = w->o->batch, wanted = 4 * w->held_pictures;
    const int64_t count = (wanted + batch - 1) / batch * batch;
    ds_status st =
        new_bank(w, &l->held_bank, l->word, 0, w->held_pictures, "held-out pictures", err);

    if (st == DS_OK)
        st = ds__frozen_new(&l->held, l->held_bank, w->noise, count, w->o->seed, err);
    if (st == DS_OK && l->held.count < batch)
        st = ds_fail(err, DS_E_ARG, "%lld held-out triples: expected %lld or more, as in a batch",
                     (long long)l->held.count, (long long)batch);
    return st;
}

/* ---- the search -------------------------------------------------------------------------------- */

/* All that a search depends on beside seed, restart and steps: 64 digits. */
static ds_status identify(char digits[65], const concept_work *w, ds_error *err)
{
    const concept_options *o = w->o;
    ds_buffer b = { 0 };
    char *text, *model = NULL;
    ds_sha256 sha;
    ds_status st;

    ds_record_get_text(w->job->record, "model.sha256", &model, NULL);
    ds__buffer_printf(&b,
                      "%s|%d %d %lld %lld %lld %lld %lld|%.17g %.17g %.17g %.17g %.17g|%lld %lld",
                      model != NULL ? model : "", o->solver, (int)w->target, (long long)o->batch,
                      (long long)w->pictures, (long long)w->held_pictures, (long long)w->bank_steps,
                      (long long)o->check_every, o->eta, o->rho, o->lambda, w->from, w->bank_cfg,
                      (long long)w->latent_height, (long long)w->latent_width);
    ds__buffer_printf(&b, "|%d|%s|%lld", o->select, o->sampler != NULL ? o->sampler : "",
                      (long long)o->tokens);
    for (int64_t i = 0; i < w->templates.count; i++)
        ds__buffer_printf(&b, "|%s", w->templates.text[i]);
    for (int64_t i = 0; i < w->lanes; i++) {
        ds__buffer_printf(&b, "|%s:", w->lane[i].word);
        for (int64_t k = 0; k < w->dictionary->words.count; k++)
            if (w->lane[i].allowed[k])
                ds__buffer_printf(&b, " %s", w->dictionary->text[k]);
    }
    ds_free(model);
    st = ds__buffer_take(&b, &text, NULL, "a search's name", err);
    if (st != DS_OK)
        return st;
    ds__sha256_begin(&sha);
    ds__sha256_add(&sha, text, strlen(text));
    ds__sha256_end(&sha, digits);
    ds_free(text);
    return DS_OK;
}

/* Where a restart's state lies; "" without a folder. One of before goes unless the run goes on from it. */
static ds_status place_state(char *path, size_t size, const concept_work *w, int64_t r,
                             ds_error *err)
{
    char name[64];
    ds_status st;

    path[0] = '\0';
    if (w->job->common.folder == NULL)
        return DS_OK;
    snprintf(name, sizeof name, "search-%lld.safetensors", (long long)r);
    st = ds_folder_make(w->job->common.folder, err);
    if (st == DS_OK)
        st = ds__run_file(path, size, w->job->common.folder, name, err);
    if (st == DS_OK)
        st = ds__job_wrote(w->job, path, err);
    if (st == DS_OK && !w->o->resume)
        unlink(path);
    return st;
}

static ds_status run_restart(concept_work *w, int64_t r, ds_error *err)
{
    const concept_options *o = w->o;
    stage s = { w->job, "steps" };
    char state[1024], identity[65];
    ds_fit_options f = { .solver = (ds_solver)o->solver,
                         .steps = w->steps,
                         .batch = o->batch,
                         .tokens = o->tokens,
                         .eta = o->eta,
                         .jitter = 0.1,
                         .rho = o->rho,
                         .lambda = o->lambda,
                         .ramp_from = 0.2,
                         .ramp_to = 0.5,
                         .check_every = o->check_every,
                         .seed = o->seed,
                         .restart = r,
                         .recompute = o->recompute,
                         .height = w->latent_height,
                         .width = w->latent_width,
                         .cancel = w->job->o.cancel,
                         .progress = progress,
                         .user = &s };
    ds_fit_lane *lanes = ds_calloc((size_t)w->lanes, sizeof *lanes);
    ds_bank **bank = ds_calloc((size_t)w->lanes, sizeof(ds_bank *));
    ds_status st =
        lanes == NULL || bank == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for lanes") : DS_OK;

    for (int64_t i = 0; st == DS_OK && i < w->lanes; i++) {
        concept_lane *l = &w->lane[i];

        st = new_bank(w, &bank[i], l->word, w->held_pictures + r * w->pictures, w->pictures,
                      "pictures", err);
        lanes[i] = (ds_fit_lane){ .word = l->word,
                                  .allowed = l->allowed,
                                  .bank = bank[i],
                                  .held_sentences = l->held_bank->sentences,
                                  .held = &l->held };
    }
    if (st == DS_OK)
        st = place_state(state, sizeof state, w, r, err);
    if (st == DS_OK)
        st = identify(identity, w, err);
    f.state = st == DS_OK && state[0] != '\0' ? state : NULL;
    f.identity = identity;
    if (o->select == DS_SELECT_CLIP) {
        f.judge = ds__concept_clip_judge;
        f.judge_user = w;
    }
    if (st == DS_OK)
        st = ds__fit(lanes, w->lanes, w->job->model, &w->dictionary->words, w->noise, &f, &w->cost,
                     err);
    for (int64_t i = 0; lanes != NULL && i < w->lanes; i++) {
        w->lane[i].fit[r] = lanes[i];
        w->lane[i].fit[r].bank = NULL;
    }
    for (int64_t i = 0; bank != NULL && i < w->lanes; i++)
        ds__bank_free(bank[i]);
    ds_free(bank);
    ds_free(lanes);
    return st;
}

/* Restarts whose held-out loss is far above the best one's went elsewhere, and do not count. */
static ds_status choose(concept_work *w, concept_lane *l, ds_error *err)
{
    const int64_t d = w->dictionary->words.count;
    int64_t most = w->o->tokens < l->n_allowed ? w->o->tokens : l->n_allowed;
    ds_status st;

    for (int64_t r = 1; r < w->restarts; r++)
        l->best = l->fit[r].best < l->fit[l->best].best ? r : l->best;
    for (int64_t r = 0; r < w->restarts; r++) {
        l->accepted[r] = l->fit[r].best <= w->o->accept * l->fit[l->best].best;
        ds__mixture_shares(l->share + r * d, &w->dictionary->words, l->fit[r].alpha);
    }
    st = ds__largest(l->top, most, l->share + l->best * d, d, err);
    while (l->n_top < most && l->share[l->best * d + l->top[l->n_top]] > 0.0)
        l->n_top++;
    return st;
}

static ds_status measure(concept_work *w, concept_lane *l, ds_error *err)
{
    const concept_options *o = w->o;
    ds_measure m = { .model = w->job->model,
                     .dictionary = w->dictionary,
                     .sentences = l->held_bank->sentences,
                     .held = &l->held,
                     .rows = o->batch,
                     .height = w->latent_height,
                     .width = w->latent_width,
                     .seed = o->seed,
                     .cost = &w->cost,
                     .cancel = w->job->o.cancel };
    const ds_fit_options f = { .steps = 200,
                               .tokens = o->tokens,
                               .eta = o->eta,
                               .jitter = 0.1,
                               .rho = o->rho,
                               .ramp_from = 0.2,
                               .ramp_to = 0.5,
                               .seed = o->seed };
    const int64_t width = ds__words_width(&w->dictionary->words);
    float *beside = l->beside != NULL ? ds_calloc((size_t)width, sizeof *beside) : NULL;
    ds_status st = DS_OK;

    if (l->beside != NULL && beside == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a token");
    if (st == DS_OK && l->beside != NULL)
        st = ds__decomposition_token(beside, l->beside, NULL, err);
    m.beside = beside;
    if (st == DS_OK)
        st = ds__measure(&l->measured, &m, l->fit[l->best].alpha, l->top, l->n_top, l->allowed,
                         l->word, err);
    ds_free(beside);
    return st == DS_OK ? ds__text_only(&l->text_only, &m, w->tokenizer, l->word, l->allowed, &f,
                                       l->measured.empty.value, err)
                       : st;
}

/* Passes for one picture of each concept, and for the checks of one restart. */
static int64_t passes_of_picture(const concept_work *w)
{
    return w->lanes * w->bank_steps * (w->target == DS_TARGET_TEACHER ? 1 : 2);
}

static int64_t passes_of_checks(const concept_work *w)
{
    const int64_t checks = (w->steps + w->o->check_every - 1) / w->o->check_every;

    return w->lanes * checks * 4 * w->held_pictures;
}

/* Passes of one step forward and back, in units of one forward: 2 to 2.4 were measured. */
#define STEP_PASSES 2.2

/* What the searches will cost, before they begin. */
static void announce(const concept_work *w)
{
    ds__job_remark(
        w->job,
        "%lld concepts, %lld restarts of %lld steps by %lld: %lld passes forward and back, "
        "about %lld for pictures, %lld for checks; dictionary of %lld words",
        (long long)w->lanes, (long long)w->restarts, (long long)w->steps, (long long)w->o->batch,
        (long long)(w->lanes * w->restarts * w->steps * w->o->batch),
        (long long)((w->held_pictures + w->restarts * w->pictures) * passes_of_picture(w)),
        (long long)(w->restarts * passes_of_checks(w)), (long long)w->dictionary->words.count);
}

/* How long the rest will take, by what the first pictures took. */
static void announce_time(const concept_work *w, double seconds, int64_t passes)
{
    const double each = seconds / (double)(passes > 0 ? passes : 1);
    const double steps = (double)(w->lanes * w->steps * w->o->batch) * STEP_PASSES;
    const double rest = (double)(w->pictures * passes_of_picture(w) + passes_of_checks(w)) + steps;

    ds__job_remark(w->job, "about %.0f s for the searches, by the speed of the first %lld passes",
                   ceil(each * rest * (double)w->restarts), (long long)passes);
}

ds_status ds__concept_search(concept_work *w, ds_error *err)
{
    const double start = ds__seconds();
    ds_status st = DS_OK;

    announce(w);
    st = ds__concept_clip_words(w, err);
    if (st == DS_OK && w->dictionary->split > 0)
        ds__job_remark(w->job, "%lld words of the dictionary are several tokens, and left out",
                       (long long)w->dictionary->split);
    for (int64_t i = 0; st == DS_OK && i < w->lanes; i++)
        st = new_held(w, &w->lane[i], err);
    if (st == DS_OK)
        announce_time(w, ds__seconds() - start, w->bank_passes);
    for (int64_t r = 0; st == DS_OK && r < w->restarts; r++)
        st = run_restart(w, r, err);
    for (int64_t i = 0; st == DS_OK && i < w->lanes; i++) {
        st = choose(w, &w->lane[i], err);
        if (st == DS_OK)
            st = measure(w, &w->lane[i], err);
    }
    return st;
}

int64_t ds__concept_overlap(const double *a, const double *b, int64_t count, int64_t n)
{
    int64_t same = 0;

    for (int64_t i = 0; i < count; i++) {
        int64_t above_a = 0, above_b = 0;

        for (int64_t k = 0; a[i] > 0.0 && b[i] > 0.0 && k < count; k++) {
            above_a += a[k] > a[i];
            above_b += b[k] > b[i];
        }
        same += a[i] > 0.0 && b[i] > 0.0 && above_a < n && above_b < n;
    }
    return same;
}

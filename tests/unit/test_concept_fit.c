/* The search for a concept on a very small model: gradients by differences, lanes and resuming change nothing,
 * and the sampler's own answers are the teacher's. */

#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "methods/concept/dictionary.h"
#include "methods/concept/fit.h"

enum { WORDS = 24, BATCH = 2 };

static const char *const list[] = { "a {b|c|e f} <> d" };
static const ds_texts templates = { list, 1 };

typedef struct world {
    ds_model *model;
    ds_tokenizer *tokenizer;
    ds_dictionary *d;
    ds_noise *noise;
    ds_bank *bank[2], *held_bank[2];
    ds_frozen held[2];
} world;

static const char *const concept[2] = { "yz", "q" };

static ds_bank_options bank_options(int lane, int64_t first, int64_t pictures, ds_target target)
{
    return (ds_bank_options){
        .target = target,
        .templates = &templates,
        .concept = concept[lane],
        .first = first,
        .pictures = pictures,
        .from = 300.0,
        .sampling = { .sampler = "ddim", .steps = 4, .guidance = 1.0, .batch = 2, .seed = 5 }
    };
}

static void open_world(world *w, bool xl)
{
    int64_t ids[WORDS];
    const ds_dictionary_options o = { .ids = ids, .n_ids = WORDS };
    ds_error err = { 0 };

    for (int i = 0; i < WORDS; i++)
        ids[i] = 64 + i;
    *w = (world){ 0 };
    ts_ok(ds_model_open(&w->model, ts_tiny_model(xl), NULL, &err), &err);
    ts_ok(ds_tokenizer_open_model(&w->tokenizer, ts_tiny_model(xl), 1, &err), &err);
    ts_ok(ds__dictionary_new(&w->d, w->model, w->tokenizer, &o, &err), &err);
    ts_ok(ds_noise_new(&w->noise, w->model, &err), &err);
    for (int i = 0; i < 2; i++) {
        ds_bank_options b = bank_options(i, 2, 3, DS_TARGET_TEACHER);

        ts_ok(ds__bank_new(&w->bank[i], w->model, w->tokenizer, &b, &err), &err);
        b = bank_options(i, 0, 2, DS_TARGET_TEACHER);
        ts_ok(ds__bank_new(&w->held_bank[i], w->model, w->tokenizer, &b, &err), &err);
        ts_ok(ds__frozen_new(&w->held[i], w->held_bank[i], w->noise, 4, 1, &err), &err);
    }
}

static void close_world(world *w)
{
    for (int i = 0; i < 2; i++) {
        ds__bank_free(w->bank[i]);
        ds__bank_free(w->held_bank[i]);
        ds__frozen_clear(&w->held[i]);
    }
    ds_noise_free(w->noise);
    ds__dictionary_free(w->d);
    ds_tokenizer_close(w->tokenizer);
    ds_model_close(w->model);
}

static ds_fit_lane lane_of(const world *w, int i)
{
    return (ds_fit_lane){ .word = concept[i],
                          .bank = w->bank[i],
                          .held_sentences = w->held_bank[i]->sentences,
                          .held = &w->held[i] };
}

static ds_fit_options fit_options(ds_solver solver)
{
    return (ds_fit_options){ .solver = solver,
                             .steps = 6,
                             .batch = BATCH,
                             .tokens = 5,
                             .eta = 1.2,
                             .jitter = 0.1,
                             .rho = 0.003,
                             .lambda = 0.001,
                             .ramp_from = 0.2,
                             .ramp_to = 0.5,
                             .check_every = 2,
                             .seed = 9 };
}

/* ---- gradients --------------------------------------------------------------------------------- */

/* dL/da by the whole chain against differences of the loss, on reference products. */
static void check_chain(bool xl, bool recompute)
{
    world w;
    const ds_sentences *sentences[1];
    ds_loss_options o = {
        .sentences = sentences, .lanes = 1, .rows = BATCH, .gradient = true, .recompute = recompute
    };
    float token[512], gradient[512], z[BATCH * 4 * 64], target[BATCH * 4 * 64], t[BATCH];
    int64_t text[BATCH];
    ds_loss_batch batch = { .z = z, .target = target, .t = t, .text = text };
    ds_coefficients *c;
    double loss, term, high, low, along = 0.0;
    ds_loss *l;
    ds_rng rng;
    ds_error err = { 0 };

    open_world(&w, xl);
    assert_true(w.bank[0]->plane <= 4 * 64 && ds__words_width(&w.d->words) <= 512);
    sentences[0] = w.bank[0]->sentences;
    ts_ok(ds__loss_new(&l, w.model, &o, &err), &err);
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 3);
    ds__bank_draw(w.bank[0], w.noise, &rng, BATCH, z, target, t, text);
    ts_ok(ds__coefficients_new(&c, DS_SOLVER_EG, &w.d->words, NULL, 5, &err), &err);
    ds__coefficients_draw(c, 0.5, &rng);
    ts_ok(ds__coefficients_token(c, token, &err), &err);
    ts_ok(ds__loss_run(l, &loss, gradient, NULL, token, &batch, &err), &err);
    ts_ok(ds__coefficients_pull(c, &term, gradient, 0.0, &err), &err);
    for (int64_t i = 0; i < WORDS; i += 5) {
        const double step = 0.02 * c->alpha[i] + 1e-3, kept = c->alpha[i];

        c->alpha[i] = kept + step;
        ts_ok(ds__coefficients_token(c, token, &err), &err);
        ts_ok(ds__loss_run(l, &high, NULL, NULL, token, &batch, &err), &err);
        c->alpha[i] = kept - step;
        ts_ok(ds__coefficients_token(c, token, &err), &err);
        ts_ok(ds__loss_run(l, &low, NULL, NULL, token, &batch, &err), &err);
        c->alpha[i] = kept;
        if (fabs((high - low) / (2 * step) - c->grad[i]) > 0.02 * fabs(c->grad[i]) + 2e-5)
            fail_msg("word %lld: gradient %.6g, difference %.6g", (long long)i, c->grad[i],
                     (high - low) / (2 * step));
    }
    for (int64_t i = 0; i < WORDS; i++)
        along += c->alpha[i] * c->grad[i];
    assert_true(fabs(along) < 1e-6); /* blind to the scale of all coefficients */
    ds__coefficients_free(c);
    ds__loss_free(l);
    close_world(&w);
}

static void the_chain_matches_differences(void **state)
{
    (void)state;
    check_chain(false, false);
    check_chain(true, false); /* two encoders, two vectors, one set of coefficients */
    check_chain(false, true);
}

/* ---- what must not depend on company ------------------------------------------------------------ */

static void lanes_do_not_disturb_each_other(void **state)
{
    ds_fit_options o = fit_options(DS_SOLVER_EG);
    ds_fit_lane both[2], alone[2];
    ds_fit_cost cost = { 0 };
    ds_error err = { 0 };
    world w;

    (void)state;
    open_world(&w, false);
    for (int i = 0; i < 2; i++)
        both[i] = alone[i] = lane_of(&w, i);
    ts_ok(ds__fit(both, 2, w.model, &w.d->words, w.noise, &o, &cost, &err), &err);
    assert_int_equal(cost.backward, 2 * 6 * BATCH);
    for (int i = 0; i < 2; i++) {
        ts_ok(ds__fit(&alone[i], 1, w.model, &w.d->words, w.noise, &o, &cost, &err), &err);
        for (int k = 0; k < WORDS; k++)
            if (fabs(both[i].alpha[k] - alone[i].alpha[k]) > 1e-5)
                fail_msg("%s, word %d: %.8f in company, %.8f alone", concept[i], k,
                         both[i].alpha[k], alone[i].alpha[k]);
        ds__fit_lane_clear(&alone[i]);
        ds__fit_lane_clear(&both[i]);
    }
    close_world(&w);
}

/* Stops after some steps, as a kill would: the state on disk is that of the last check. */
static ds_status stop_after(void *user, int64_t done, int64_t total, ds_error *err)
{
    (void)total;
    return done == *(const int64_t *)user ? ds_fail(err, DS_E_CANCELLED, "stopped") : DS_OK;
}

static void check_resuming(ds_solver solver)
{
    ds_fit_options o = fit_options(solver);
    ds_fit_lane whole, stopped;
    ds_fit_cost cost = { 0 };
    ds_error err = { 0 };
    int64_t at = 5;
    char path[] = "/tmp/ds-concept-XXXXXX";
    world w;

    open_world(&w, false);
    whole = stopped = lane_of(&w, 0);
    ts_ok(ds__fit(&whole, 1, w.model, &w.d->words, w.noise, &o, &cost, &err), &err);
    close(mkstemp(path));
    unlink(path);
    o.state = path;
    o.progress = stop_after;
    o.user = &at;
    assert_int_equal(ds__fit(&stopped, 1, w.model, &w.d->words, w.noise, &o, &cost, &err),
                     DS_E_CANCELLED);
    ds__fit_lane_clear(&stopped);
    stopped = lane_of(&w, 0);
    o.progress = NULL;
    cost = (ds_fit_cost){ 0 };
    err = (ds_error){ 0 };
    ts_ok(ds__fit(&stopped, 1, w.model, &w.d->words, w.noise, &o, &cost, &err), &err);
    assert_int_equal(cost.backward, 2 * BATCH); /* steps 5 and 6 */
    assert_memory_equal(stopped.alpha, whole.alpha, WORDS * sizeof(double));
    assert_memory_equal(stopped.curve, whole.curve, 12 * sizeof(double));
    assert_memory_equal(stopped.check, whole.check, 3 * sizeof(double));
    ds__fit_lane_clear(&stopped);
    stopped = lane_of(&w, 0);
    o.seed++;
    assert_int_equal(ds__fit(&stopped, 1, w.model, &w.d->words, w.noise, &o, &cost, NULL),
                     DS_E_ARG);
    ds__fit_lane_clear(&stopped);
    stopped = lane_of(&w, 0);
    o.seed--;
    o.identity = "of other sentences";
    assert_int_equal(ds__fit(&stopped, 1, w.model, &w.d->words, w.noise, &o, &cost, NULL),
                     DS_E_ARG);
    unlink(path);
    ds__fit_lane_clear(&stopped);
    ds__fit_lane_clear(&whole);
    close_world(&w);
}

static void a_stop_changes_nothing(void **state)
{
    (void)state;
    check_resuming(DS_SOLVER_EG);
    check_resuming(DS_SOLVER_PAPER);
}

/* ---- banks ------------------------------------------------------------------------------------- */

/* The concept's own sentence has a teacher's loss of 0: its answers are the targets. */
static void a_teacher_agrees_with_itself(void **state)
{
    const ds_sentences *sentences[1];
    ds_loss_options o = { .sentences = sentences, .lanes = 1, .rows = 4 };
    ds_encoder *e;
    ds_loss *l;
    ds_loss_batch b;
    double loss;
    ds_error err = { 0 };
    world w;

    (void)state;
    open_world(&w, false);
    sentences[0] = w.held_bank[0]->sentences;
    b = (ds_loss_batch){
        .z = w.held[0].z, .target = w.held[0].target, .t = w.held[0].t, .text = w.held[0].text
    };
    ts_ok(ds__loss_new(&l, w.model, &o, &err), &err);
    ts_ok(ds__encode_texts(&e, w.model, sentences[0]->concept, sentences[0]->count, NULL, &err),
          &err);
    ts_ok(
        ds__loss_of_conditions(l, &loss, NULL, ds_encoder_conditions(e), w.held[0].text, &b, &err),
        &err);
    assert_true(loss < 1e-10);
    ds_encoder_free(e);
    ds__loss_free(l);
    close_world(&w);
}

/* Of three sentences two are encoded at a time, those of the batch: the losses are those of all three encoded at
 * once, whatever was held before. */
static void a_batch_has_its_own_sentences(void **state)
{
    static const int64_t text[][BATCH] = { { 0, 1 }, { 2, 0 }, { 1, 2 }, { 2, 2 }, { 0, 1 } };
    const ds_sentences *sentences[1];
    ds_loss_options o = { .sentences = sentences, .lanes = 1, .rows = BATCH };
    ds_encoder_options eo = DS_ENCODER_OPTIONS_INIT;
    ds_place place[3];
    float token[512];
    double loss, want, row[BATCH], want_row[BATCH];
    ds_encoder *e;
    ds_loss *l;
    ds_error err = { 0 };
    world w;

    (void)state;
    open_world(&w, false);
    sentences[0] = w.bank[0]->sentences;
    assert_int_equal(sentences[0]->count, 3);
    for (int64_t i = 0; i < 3; i++)
        place[i] = (ds_place){ .text = i, .place = sentences[0]->place[i], .row = 0 };
    assert_true(place[0].place != place[1].place || place[0].place != place[2].place);
    eo.prompts = sentences[0]->free;
    eo.count = 3;
    eo.places = place;
    eo.n_places = 3;
    ts_ok(ds_encoder_new(&e, w.model, &eo, &err), &err);
    for (int64_t i = 0; i < ds_encoder_width(e, 0); i++)
        token[i] = ds_encoder_row(e, 0, 0)[i] = sinf((float)i);
    ts_ok(ds_encode(e, &err), &err);
    ts_ok(ds__loss_new(&l, w.model, &o, &err), &err);
    assert_int_equal(ds__loss_encodes(l), BATCH);
    for (size_t k = 0; k < DS_COUNT(text); k++) {
        const ds_loss_batch b = {
            .z = w.held[0].z, .target = w.held[0].target, .t = w.held[0].t, .text = text[k]
        };

        ts_ok(ds__loss_run(l, &loss, NULL, row, token, &b, &err), &err);
        ts_ok(
            ds__loss_of_conditions(l, &want, want_row, ds_encoder_conditions(e), text[k], &b, &err),
            &err);
        for (int r = 0; r < BATCH; r++)
            assert_float_equal(row[r], want_row[r], 1e-6 * want_row[r]);
    }
    ds_encoder_free(e);
    ds__loss_free(l);
    close_world(&w);
}

/* The text encoder reads from left to right: what stands before the free token is the same to the bit for any
 * vector there, and what stands from it on is not. */
static void check_prefix(bool xl)
{
    static const char *const prompt[] = { "a b x d e" };
    const ds_place place = { 0, 3, 0 };
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    ds_tensor h;
    float *before;
    ds_encoder *e;
    ds_model *m;
    ds_error err = { 0 };

    ts_ok(ds_model_open(&m, ts_tiny_model(xl), NULL, &err), &err);
    o.prompts = prompt;
    o.count = 1;
    o.places = &place;
    o.n_places = 1;
    ts_ok(ds_encoder_new(&e, m, &o, &err), &err);
    before = ds_alloc(1 << 20);
    for (int k = 0; k < 3; k++) {
        for (int p = 0; p < ds_encoder_count(e); p++)
            for (int64_t i = 0; i < ds_encoder_width(e, p); i++)
                ds_encoder_row(e, p, 0)[i] = (float)(k + 1) * cosf((float)((k + 1) * i));
        ts_ok(ds_encode(e, &err), &err);
        h = ds_conditions_hidden(ds_encoder_conditions(e));
        for (int64_t t = 0; k > 0 && t < h.dim[1]; t++) {
            const size_t at = (size_t)(t * h.dim[2]), n = (size_t)h.dim[2] * sizeof(float);

            assert_true((memcmp(before + at, (float *)h.data + at, n) == 0) == (t < place.place));
        }
        assert_true(h.dim[1] * h.dim[2] * (int64_t)sizeof(float) <= 1 << 20);
        memcpy(before, h.data, (size_t)(h.dim[1] * h.dim[2]) * sizeof(float));
    }
    ds_free(before);
    ds_encoder_free(e);
    ds_model_close(m);
}

static void what_stands_before_the_token_does_not_move(void **state)
{
    (void)state;
    check_prefix(false);
    check_prefix(true);
}

/* For a velocity model the loss is that of the noise after conversion: (v - v') = (eps - eps') / alpha. */
static void targets_follow_the_parametrisation(void **state)
{
    const float clean[2] = { 0.5f, -1.0f }, eps[2] = { 2.0f, 0.25f };
    float z[2], target[2], back[2];
    ds_noise_level at;
    ds_error err = { 0 };
    ds_noise *noise;
    ds_model *m;

    (void)state;
    ts_ok(ds_model_open(&m, "models/specimen", NULL, &err), &err); /* velocity */
    ts_ok(ds_noise_new(&noise, m, &err), &err);
    at = ds_noise_at(noise, 500.0);
    ds__noise_target(z, target, noise, clean, eps, 500.0, 2);
    ds_noise_to_eps(noise, back, target, z, at, 2);
    for (int i = 0; i < 2; i++)
        assert_float_equal(back[i], eps[i], 1e-5);
    ds_noise_to_x0(noise, back, target, z, at, 2);
    for (int i = 0; i < 2; i++)
        assert_float_equal(back[i], clean[i], 1e-5);
    ds_noise_free(noise);
    ds_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chain_matches_differences),
        cmocka_unit_test(lanes_do_not_disturb_each_other),
        cmocka_unit_test(a_stop_changes_nothing),
        cmocka_unit_test(a_teacher_agrees_with_itself),
        cmocka_unit_test(a_batch_has_its_own_sentences),
        cmocka_unit_test(what_stands_before_the_token_does_not_move),
        cmocka_unit_test(targets_follow_the_parametrisation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Two runs of one model in two threads, each with its own number of threads, give the pictures that they give
 * alone; a run is stopped from another thread. */

#include "support.h"

#include <diffuscope/run.h>
#include <diffuscope/verbs.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 4, LATENT = 4 * 8 * 8, REPEATS = 3 };

static ds_model *model;

typedef struct job {
    const char *prompt;
    int threads;
    float out[LATENT];
    ds_status status;
    ds_error err;
} job;

static void *work(void *user)
{
    job *j = user;
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_run *r = NULL;
    const int before = ds_threads();

    o.prompt = j->prompt;
    o.steps = STEPS;
    o.threads = j->threads;
    j->err = (ds_error){ 0 };
    j->status = ds_run_new(&r, model, &o, &j->err);
    if (j->status == DS_OK)
        j->status = ds_run_all(r, &j->err);
    if (j->status == DS_OK)
        j->status = ds_run_decode(r, &j->err);
    if (j->status == DS_OK)
        memcpy(j->out, (float *)ds_run_latents(r).data + (STEPS - 1) * LATENT, sizeof j->out);
    ds_run_free(r);
    if (ds_threads() != before) /* the thread's own number is left alone */
        j->status = DS_E_INTERNAL;
    return NULL;
}

static void two_runs_in_two_threads(void **state)
{
    static job alone[2], together[2];

    (void)state;
    for (int k = 0; k < 2; k++) {
        alone[k] = (job){ .prompt = k == 0 ? "a cat" : "two red dogs", .threads = k + 1 };
        together[k] = alone[k];
        work(&alone[k]);
        ts_ok(alone[k].status, &alone[k].err);
    }
    for (int i = 0; i < REPEATS; i++) {
        pthread_t t[2];

        for (int k = 0; k < 2; k++)
            assert_int_equal(pthread_create(&t[k], NULL, work, &together[k]), 0);
        for (int k = 0; k < 2; k++)
            pthread_join(t[k], NULL);
        for (int k = 0; k < 2; k++) {
            ts_ok(together[k].status, &together[k].err);
            assert_memory_equal(together[k].out, alone[k].out, sizeof alone[k].out);
        }
    }
}

/* A denoiser that one thread made runs in another that may use another number of threads. */
typedef struct handed {
    ds_denoiser *d;
    float z[LATENT], out[LATENT];
    ds_status status;
} handed;

static void *denoise(void *user)
{
    handed *h = user;
    const float t = 300.0f;

    ds_set_threads(5);
    h->status = ds_denoise(h->d, h->out, h->z, &t, NULL);
    return NULL;
}

static void handed_over(void **state)
{
    static handed h;
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
    ds_encoder_options eo = DS_ENCODER_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_encoder *e;
    float mine[LATENT];
    const float t = 300.0f;
    uint64_t seed = 1;
    pthread_t other;

    (void)state;
    for (int i = 0; i < LATENT; i++)
        h.z[i] = ts_noise(&seed);
    eo.prompts = (const char *[]){ "a cat" };
    o.height = o.width = 8;
    o.threads = 1;
    ts_ok(ds_encoder_new(&e, model, &eo, &err), &err);
    ts_ok(ds_encode(e, &err), &err);
    ts_ok(ds_denoiser_new(&h.d, model, &o, &err), &err);
    ts_ok(ds_denoiser_condition(h.d, ds_encoder_conditions(e), &err), &err);
    ts_ok(ds_denoise(h.d, mine, h.z, &t, &err), &err);
    assert_int_equal(pthread_create(&other, NULL, denoise, &h), 0);
    pthread_join(other, NULL);
    assert_int_equal(h.status, DS_OK);
    assert_memory_equal(h.out, mine, sizeof mine);
    ds_denoiser_free(h.d);
    ds_encoder_free(e);
}

/* Progress that says no ends the run with its own status. */
static ds_status count(void *user, const ds_progress *p, ds_error *err)
{
    assert_string_equal(p->stage, "drawing");
    assert_int_equal(p->total, STEPS);
    assert_int_equal(p->done, ++*(int *)user);
    return p->done == 2 ? ds_fail(err, DS_E_IO, "enough") : DS_OK;
}

static void progress_may_end_it(void **state)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_error err = { 0 };
    int calls = 0;
    ds_run *r;

    (void)state;
    o.steps = STEPS;
    o.progress = count;
    o.user = &calls;
    ts_ok(ds_run_new(&r, model, &o, &err), &err);
    assert_int_equal(ds_run_all(r, &err), DS_E_IO);
    assert_int_equal(calls, 2);
    ds_run_free(r);
}

static void *stop(void *user)
{
    ds_cancel_request(user);
    return NULL;
}

static ds_status stop_from_outside(void *user, ds_run *run, ds_error *err)
{
    pthread_t t;

    (void)run;
    (void)err;
    assert_int_equal(pthread_create(&t, NULL, stop, user), 0);
    pthread_join(t, NULL);
    return DS_OK;
}

static void stopped_by_another_thread(void **state)
{
    ds_cancel cancel = { 0 };
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_run *r;

    (void)state;
    o.steps = STEPS;
    o.cancel = &cancel;
    o.on_step = stop_from_outside;
    o.user = &cancel;
    ts_ok(ds_run_new(&r, model, &o, &err), &err);
    assert_int_equal(ds_run_all(r, &err), DS_E_CANCELLED);
    assert_int_equal(ds_run_step_index(r), 1);
    ds_run_free(r);
}

static int setup(void **state)
{
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_model_open(&model, ts_tiny_model(false), NULL, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ds_model_close(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_runs_in_two_threads),
        cmocka_unit_test(handed_over),
        cmocka_unit_test(stopped_by_another_thread),
        cmocka_unit_test(progress_may_end_it),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

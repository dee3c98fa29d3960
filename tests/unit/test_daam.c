/* DAAM: identities that hold for any weights, and what is said where something cannot be done. */

#include "daam_trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- identities ------------------------------------------------------------------------------ */

static void tracing_changes_no_bit(void **state)
{
    const ds_run_options r = run_options();
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    const char *ask[] = { "dog" };
    ds_error err = { 0 };
    ds_tensor a, b;
    ds_run *plain;
    ds_daam *d;

    (void)state;
    o.ask = ask;
    o.n_ask = 1;
    o.self = true;
    d = trace(&r, &o);
    ts_ok(ds_run_new(&plain, model, &r, &err), &err);
    ts_ok(ds_run_all(plain, &err), &err);
    a = ds_run_latents(plain);
    b = ds_run_latents(ds_daam_run(d));
    assert_memory_equal(a.data, b.data, (size_t)ds_tensor_count(&a) * sizeof(float));
    ds_run_free(plain);
    ds_daam_free(d);
}

/* Every layer and head, every token kept: at each pixel the tokens' sums are the number of calls.
 */
static void tokens_sum_to_the_calls(const ds_run_options *r, int64_t tokens)
{
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_daam_layer l;
    ds_daam *d;

    o.all_tokens = true;
    o.layers = "*";
    d = trace(r, &o);
    assert_true(ds_daam_describe(d).calls > 0);
    for (int64_t i = 0; ds_daam_layer_at(d, i, &l); i++)
        for (int64_t h = 0; h < l.heads; h++) {
            const int64_t n = l.height * l.width;
            float *raw = malloc((size_t)(tokens * n) * sizeof *raw);
            ds_error err = { 0 };

            ts_ok(ds_daam_raw(d, raw, 0, 0, l.index, h, &err), &err);
            for (int64_t p = 0; p < n; p++) {
                double sum = 0;

                for (int64_t t = 0; t < tokens; t++)
                    sum += raw[t * n + p];
                assert_true(fabs(sum - (double)ds_daam_describe(d).calls) < 1e-4);
            }
            free(raw);
        }
    ds_daam_free(d);
}

static void rows_sum_to_one_per_call(void **state)
{
    ds_run_options r = run_options();

    (void)state;
    tokens_sum_to_the_calls(&r, 77);
    r.sampler = "pndm"; /* more calls than steps, of which it needs 4 */
    r.steps = 4;
    tokens_sum_to_the_calls(&r, 77);
    r.cfg_scale = 1.0;
    tokens_sum_to_the_calls(&r, 77);
    r.width = 96;
    r.height = 40; /* sides that do not halve */
    tokens_sum_to_the_calls(&r, 77);
}

static const char long_prompt[] =
    "this prompt is far longer than the model can read at once since every byte is a token of its "
    "vocabulary and so the last word comes late tiger";

static void long_prompts_are_read_in_chunks(void **state)
{
    ds_run_options r = run_options();
    ds_daam_match match;
    ds_error err = { 0 };
    float map[64];
    ds_daam_maps *m;
    ds_daam *d;

    (void)state;
    r.prompt = long_prompt;
    d = trace(&r, NULL);
    m = maps(d, 0, 0, NULL);
    assert_int_equal(ds_daam_word(m, map, "tiger", NULL, &err), DS_E_NOMATCH);
    assert_non_null(strstr(err.text, "cut"));
    assert_non_null(ds_run_warning(ds_daam_run(d), 0));
    ds_daam_maps_free(m);
    ds_daam_free(d);
    err = (ds_error){ 0 };

    r.chunks = true;
    tokens_sum_to_the_calls(&r, 154);
    d = trace(&r, NULL);
    assert_null(ds_run_warning(ds_daam_run(d), 0));
    m = maps(d, 0, 0, NULL);
    ts_ok(ds_daam_word(m, map, "tiger", &match, &err), &err);
    assert_int_equal(match.tokens, 5);
    assert_true(match.token[0] > 75);
    ds_daam_maps_free(m);
    ds_daam_free(d);

    r.prompt = "cat";
    r.negative_prompt = long_prompt; /* chunks of the prompt too */
    tokens_sum_to_the_calls(&r, 154);
}

/* The weighted mean of the slices is the whole. Weights by number of (layer, head) pairs. */
static void slices_add_up(const char *axis, int64_t slices, bool time)
{
    const ds_run_options r = run_options();
    ds_daam_map_options o = DS_DAAM_MAP_OPTIONS_INIT;
    ds_daam *d = trace(&r, NULL);
    ds_daam_maps *whole;
    double *sum;
    float *mean;

    o.weights = DS_DAAM_PAPER;
    o.height = 8;
    o.width = 8;
    o.resolutions = time ? "1" : NULL; /* what is not resized is not cut at zero */
    whole = maps(d, 0, 0, &o);
    sum = calloc((size_t)count(whole), sizeof *sum);
    mean = calloc((size_t)count(whole), sizeof *mean);
    for (int64_t i = 0; i < slices; i++) {
        char number[24];
        ds_daam_maps *one;

        snprintf(number, sizeof number, "%lld", (long long)i);
        *(axis[0] == 'l' ? &o.layers : axis[0] == 'h' ? &o.heads : &o.steps) = number;
        one = maps(d, 0, 0, &o);
        for (int64_t k = 0; k < count(one); k++)
            sum[k] += (double)data(one)[k] / (time ? 1.0 : (double)slices);
        ds_daam_maps_free(one);
    }
    for (int64_t k = 0; k < count(whole); k++)
        mean[k] = (float)sum[k];
    ts_compare(axis, mean, data(whole), count(whole), 1e-5);
    free(sum);
    free(mean);
    ds_daam_maps_free(whole);
    ds_daam_free(d);
}

static void layers_heads_and_steps_add_up(void **state)
{
    const ds_run_options r = run_options();
    ds_daam *d = trace(&r, NULL);
    const ds_daam_info i = ds_daam_describe(d);

    (void)state;
    ds_daam_free(d);
    slices_add_up("layers", i.layers, false);
    slices_add_up("heads", i.heads, false);
    slices_add_up("steps", i.steps, true);
}

/* The paper's sum is the mean times the calls; the mean over resolutions is that of their means. */
static void weights_are_what_they_say(void **state)
{
    const ds_run_options r = run_options();
    const ds_daam_weights kind[] = { DS_DAAM_MEAN, DS_DAAM_PAPER, DS_DAAM_PER_RESOLUTION };
    ds_daam_map_options o = DS_DAAM_MAP_OPTIONS_INIT;
    ds_daam *d = trace(&r, NULL);
    const float calls = (float)ds_daam_describe(d).calls;
    ds_daam_maps *whole[3], *fine, *coarse;
    float *want;

    (void)state;
    for (int k = 0; k < 3; k++) {
        o.weights = kind[k];
        whole[k] = maps(d, 0, 0, &o);
    }
    o.weights = DS_DAAM_MEAN;
    o.resolutions = "1";
    fine = maps(d, 0, 0, &o);
    o.resolutions = "2";
    coarse = maps(d, 0, 0, &o);
    want = calloc((size_t)count(fine), sizeof *want);
    for (int64_t i = 0; i < count(fine); i++)
        want[i] = data(whole[0])[i] * calls;
    ts_compare("paper", data(whole[1]), want, count(fine), 1e-5);
    for (int64_t i = 0; i < count(fine); i++)
        want[i] = (data(fine)[i] + data(coarse)[i]) / 2.0f;
    ts_compare("per resolution", data(whole[2]), want, count(fine), 1e-5);
    free(want);
    ds_daam_maps_free(fine);
    ds_daam_maps_free(coarse);
    for (int k = 0; k < 3; k++)
        ds_daam_maps_free(whole[k]);
    ds_daam_free(d);
}

/* A slice taken while tracing is the slice taken of the whole trace. */
static void early_and_late_slices_agree(void **state)
{
    const ds_run_options r = run_options();
    ds_daam_options early = DS_DAAM_OPTIONS_INIT;
    ds_daam_map_options late = DS_DAAM_MAP_OPTIONS_INIT;
    ds_daam *a, *b;
    ds_daam_maps *x, *y;

    (void)state;
    early.layers = late.layers = "0,2";
    early.heads = late.heads = "1-2";
    early.steps = late.steps = "1";
    a = trace(&r, &early);
    b = trace(&r, NULL);
    x = maps(a, 0, 0, NULL);
    y = maps(b, 0, 0, &late);
    ts_compare("slice", data(x), data(y), count(y), 1e-6);
    assert_true(ds_daam_describe(a).bytes < ds_daam_describe(b).bytes);
    ds_daam_maps_free(x);
    ds_daam_maps_free(y);
    ds_daam_free(a);
    ds_daam_free(b);
}

static void empty_slices_are_errors(void **state)
{
    const ds_run_options r = run_options();
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_daam_map_options late = DS_DAAM_MAP_OPTIONS_INIT;
    ds_daam *d, *none;
    ds_daam_maps *m;
    ds_error err = { 0 };

    (void)state;
    d = trace(&r, NULL);
    late.layers = "99";
    assert_int_equal(ds_daam_reduce(d, &m, 0, 0, &late, &err), DS_E_NOMATCH);
    late.layers = "x,";
    err = (ds_error){ 0 };
    assert_int_equal(ds_daam_reduce(d, &m, 0, 0, &late, &err), DS_E_NOMATCH);
    late.layers = NULL;
    late.heads = "1,,2";
    err = (ds_error){ 0 };
    assert_int_equal(ds_daam_reduce(d, &m, 0, 0, &late, &err), DS_E_ARG);
    late.heads = NULL;
    late.steps = "7-9";
    err = (ds_error){ 0 };
    assert_int_equal(ds_daam_reduce(d, &m, 0, 0, &late, &err), DS_E_NOMATCH);
    late.steps = NULL;
    late.resolutions = "64";
    err = (ds_error){ 0 };
    assert_int_equal(ds_daam_reduce(d, &m, 0, 0, &late, &err), DS_E_NOMATCH);
    ds_daam_free(d);
    o.heads = "77";
    err = (ds_error){ 0 };
    assert_int_equal(ds_daam_new(&none, model, &r, &o, &err), DS_E_NOMATCH);
    assert_null(none);
    o.heads = NULL;
    o.steps = "3";
    err = (ds_error){ 0 };
    assert_int_equal(ds_daam_new(&none, model, &r, &o, &err), DS_E_NOMATCH);
    o.steps = NULL;
    o.uncond = true;
    {
        ds_run_options alone = r;

        alone.cfg_scale = 1.0;
        err = (ds_error){ 0 };
        assert_int_equal(ds_daam_new(&none, model, &alone, &o, &err), DS_E_ARG);
    }
}

/* Only the traced branch counts: another negative prompt leaves a single call's maps alone. */
static void branches_are_apart(void **state)
{
    ds_run_options r = run_options();
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_daam *a, *b, *c;
    ds_daam_maps *x, *y, *z;
    ds_error err = { 0 };
    float map[64];

    (void)state;
    o.steps = "0";
    a = trace(&r, &o);
    r.negative_prompt = "something else";
    b = trace(&r, &o);
    x = maps(a, 0, 0, NULL);
    y = maps(b, 0, 0, NULL);
    assert_memory_equal(data(x), data(y), (size_t)count(x) * sizeof(float));
    o.uncond = true;
    c = trace(&r, &o);
    z = maps(c, 0, 0, NULL);
    ts_ok(ds_daam_word(z, map, "something", NULL, &err), &err);
    assert_int_equal(ds_daam_word(z, map, "cat", NULL, &err), DS_E_NOMATCH);
    ds_daam_maps_free(x);
    ds_daam_maps_free(y);
    ds_daam_maps_free(z);
    ds_daam_free(a);
    ds_daam_free(b);
    ds_daam_free(c);
}

/* Pictures of a batch have the maps that they have alone, and so have several prompts. */
static void batches_do_not_mix(void **state)
{
    ds_run_options r = run_options(), one = run_options();
    const char *prompts[2] = { "a cat and a cat", "two dogs" };
    ds_daam *all, *single;
    ds_daam_maps *x, *y;

    (void)state;
    r.images = 2;
    r.prompts = prompts;
    all = trace(&r, NULL);
    for (int64_t b = 0; b < 2; b++) {
        one.prompt = prompts[b];
        one.seed = r.seed + (uint64_t)b;
        single = trace(&one, NULL);
        x = maps(all, 0, b, NULL);
        y = maps(single, 0, 0, NULL);
        assert_int_equal(count(x), count(y));
        ts_compare(prompts[b], data(x), data(y), count(y), 1e-4);
        assert_string_equal(ds_daam_text(all, 0, b), prompts[b]);
        ds_daam_maps_free(x);
        ds_daam_maps_free(y);
        ds_daam_free(single);
    }
    assert_null(ds_daam_text(all, 1, 0));
    assert_null(ds_daam_text(all, 0, 2));
    ds_daam_free(all);
}

static void normalized_words_sum_to_one(void **state)
{
    const ds_run_options r = run_options();
    ds_daam_map_options o = DS_DAAM_MAP_OPTIONS_INIT;
    ds_daam *d = trace(&r, NULL);
    ds_daam_maps *m;
    int64_t rows, n;

    (void)state;
    o.normalize = true;
    m = maps(d, 0, 0, &o);
    rows = ds_daam_global(m).dim[0];
    n = count(m) / rows;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;

        for (int64_t t = 1; t + 1 < rows; t++)
            sum += data(m)[t * n + i];
        assert_true(fabs(sum - 1.0) < 1e-3);
    }
    for (int64_t i = 0; i < count(m); i++)
        assert_true(data(m)[i] >= 0.0f);
    ds_daam_maps_free(m);
    ds_daam_free(d);
}

/* ---- budget ---------------------------------------------------------------------------------- */

/* The same maps from whatever was summed; less memory at each step; said beforehand. */
static void budgets_are_kept_and_said(void **state)
{
    const ds_run_options r = run_options();
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_daam_map_options m = DS_DAAM_MAP_OPTIONS_INIT;
    ds_daam *whole = trace(&r, NULL), *d;
    const ds_daam_info all = ds_daam_describe(whole);
    ds_daam_maps *want, *got;
    ds_error err = { 0 };

    (void)state;
    m.resolutions = "1"; /* what is not resized is not cut at zero */
    want = maps(whole, 0, 0, &m);
    assert_null(ds_daam_warning(whole, 0));
    for (int k = 0; k < 4; k++) {
        const size_t budget[] = { all.bytes - 1, all.bytes / (size_t)all.steps,
                                  all.bytes / (size_t)all.steps - 1, 9000 };
        ds_daam_info i;

        o.budget = budget[k];
        err = (ds_error){ 0 };
        if (ds_daam_new(&d, model, &r, &o, &err) != DS_OK) {
            assert_int_equal(err.code, DS_E_NOMEM);
            assert_int_equal(k, 3);
            continue;
        }
        i = ds_daam_describe(d);
        assert_true(i.bytes <= budget[k]);
        assert_true(k < 2 ? i.heads_apart && i.groups < all.steps : !i.heads_apart);
        assert_non_null(ds_daam_warning(d, 0));
        ts_ok(ds_run_all(ds_daam_run(d), &err), &err);
        got = maps(d, 0, 0, &m);
        ts_compare("maps of a small budget", data(got), data(want), count(want), 1e-5);
        ds_daam_maps_free(got);
        *(k < 2 ? &m.steps : &m.heads) = "0";
        assert_int_equal(ds_daam_reduce(d, &got, 0, 0, &m, &err), DS_E_ARG);
        m.steps = m.heads = NULL;
        ds_daam_free(d);
    }
    o.budget = 100;
    err = (ds_error){ 0 };
    assert_int_equal(ds_daam_new(&d, model, &r, &o, &err), DS_E_NOMEM);
    ds_daam_maps_free(want);
    ds_daam_free(whole);
}

static void low_memory_keeps_the_first_of_each_block(void **state)
{
    const ds_run_options r = run_options();
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_daam *a = trace(&r, NULL), *b;

    (void)state;
    o.low_memory = true;
    b = trace(&r, &o);
    assert_true(ds_daam_describe(b).layers < ds_daam_describe(a).layers);
    assert_true(ds_daam_describe(b).bytes < ds_daam_describe(a).bytes);
    ds_daam_free(a);
    ds_daam_free(b);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void words_are_means_of_their_tokens(void **state)
{
    const ds_run_options r = run_options();
    ds_daam *d = trace(&r, NULL);
    ds_daam_maps *m = maps(d, 0, 0, NULL);
    const int64_t n = count(m) / ds_daam_global(m).dim[0];
    float *word = malloc((size_t)n * sizeof *word), *token = malloc((size_t)n * sizeof *token);
    double *sum = calloc((size_t)n, sizeof *sum);
    ds_daam_match match;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_daam_word(m, word, "CAT", &match, &err), &err);
    assert_int_equal(match.count, 2);  /* it occurs twice */
    assert_int_equal(match.tokens, 6); /* bytes */
    assert_int_equal(match.token[0], 1);
    assert_string_equal(match.form, "");
    for (int64_t k = 0; k < match.tokens; k++) {
        ts_ok(ds_daam_token(m, token, match.token[k], &err), &err);
        assert_memory_equal(token, data(m) + (match.token[k] + 1) * n, (size_t)n * sizeof *token);
        for (int64_t i = 0; i < n; i++)
            sum[i] += token[i] / (double)match.tokens;
    }
    for (int64_t i = 0; i < n; i++)
        token[i] = (float)sum[i];
    ts_compare("word", word, token, n, 1e-6);

    ts_ok(ds_daam_word(m, word, "a cat", &match, &err), &err); /* a phrase */
    assert_int_equal(match.count, 2);
    assert_int_equal(match.tokens, 8);
    ts_ok(ds_daam_word(m, word, "cats", &match, &err), &err); /* another form */
    assert_string_equal(match.form, "cat");
    assert_int_equal(ds_daam_word(m, word, "ca", &match, &err), DS_E_NOMATCH);
    assert_non_null(strstr(err.text, "cat"));
    err = (ds_error){ 0 };
    assert_int_equal(ds_daam_token(m, word, 99, &err), DS_E_NOMATCH);
    err = (ds_error){ 0 };
    assert_int_equal(ds_daam_token(m, word, -1, &err), DS_E_NOMATCH);
    free(word);
    free(token);
    free(sum);
    ds_daam_maps_free(m);
    ds_daam_free(d);
}

/* The package drops the mark of a word's end, and so finds beginnings of words. */
static void the_paper_finds_beginnings(void **state)
{
    ds_run_options r = run_options();
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_daam_match match;
    ds_error err = { 0 };
    float map[64];
    ds_daam_maps *m;
    ds_daam *d;

    (void)state;
    r.prompt = "carpet and car";
    o.paper = true;
    d = trace(&r, &o);
    m = maps(d, 0, 0, NULL);
    ts_ok(ds_daam_word(m, map, "car", &match, &err), &err);
    assert_int_equal(match.count, 2);
    ds_daam_maps_free(m);
    ds_daam_free(d);
    d = trace(&r, NULL);
    m = maps(d, 0, 0, NULL);
    ts_ok(ds_daam_word(m, map, "car", &match, &err), &err);
    assert_int_equal(match.count, 1);
    ds_daam_maps_free(m);
    ds_daam_free(d);
}

static void forms_of_a_word_are_related(void **state)
{
    static const char *const pairs[][2] = {
        { "dogs", "dog" },   { "boxes", "box" },    { "ponies", "pony" },
        { "men", "man" },    { "running", "run" },  { "sat", "sitting" },
        { "baked", "bake" }, { "making", "makes" }, { "stopped", "stops" },
    };
    static const char *const strangers[][2] = { { "glass", "glas" },
                                                { "cat", "car" },
                                                { "sing", "s" } };
    ds_run_options r = run_options();
    ds_error err = { 0 };
    float map[64];

    (void)state;
    r.steps = 1;
    for (size_t i = 0; i < DS_COUNT(pairs) + DS_COUNT(strangers); i++) {
        const bool same = i < DS_COUNT(pairs);
        const char *const *p = same ? pairs[i] : strangers[i - DS_COUNT(pairs)];
        ds_daam_maps *m;
        ds_daam *d;

        r.prompt = p[0];
        d = trace(&r, NULL);
        m = maps(d, 0, 0, NULL);
        if ((ds_daam_word(m, map, p[1], NULL, &err) == DS_OK) != same)
            fail_msg("%s and %s", p[0], p[1]);
        err = (ds_error){ 0 };
        ds_daam_maps_free(m);
        ds_daam_free(d);
    }
}

/* ---- expansion ------------------------------------------------------------------------------- */

/* A ramp of 2 by 3. In the corner, by hand: the one tap that is not clamped to the edge has the
 * weight -0.75 (x^3 - 5x^2 + 8x - 4) at x = 4/3 among columns, -1/9, and at x = 5/4 among rows. */
static void maps_expand_in_both_directions(void **state)
{
    const float map[6] = { 0, 1, 2, 3, 4, 5 };
    float out[4 * 9], high = -1, low = 2;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_daam_expand(out, 4, 9, map, 2, 3, false, &err), &err);
    assert_true(fabs(out[0] + 1.0 / 9 + 3 * 0.10546875) < 1e-6); /* beyond the range: no clamp */
    for (int i = 1; i < 9; i++)
        assert_true(out[i] > out[i - 1] - 1e-6f); /* columns are columns */
    for (int r = 1; r < 4; r++)
        assert_true(out[r * 9] > out[(r - 1) * 9]);
    ts_ok(ds_daam_expand(out, 4, 9, map, 2, 3, true, &err), &err);
    for (int i = 0; i < 36; i++) {
        high = fmaxf(high, out[i]);
        low = fminf(low, out[i]);
    }
    assert_true(low == 0.0f && fabsf(high - 1.0f) < 1e-6f);
}

/* ---- open vocabulary, refinement ------------------------------------------------------------- */

/* Each asked text's tokens share every pixel among themselves; asking the same twice gives the
 * same. */
static void asked_texts_have_their_own_softmax(void **state)
{
    const ds_run_options r = run_options();
    const char *ask[] = { "dog", "a red cat", "dog" };
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_daam_maps *m, *twin;
    ds_daam *d;

    (void)state;
    o.ask = ask;
    o.n_ask = 3;
    d = trace(&r, &o);
    assert_int_equal(ds_daam_describe(d).texts, 4);
    for (int64_t t = 1; t <= 3; t++) {
        const ds_tensor g = ds_daam_global(m = maps(d, t, 0, NULL));
        const int64_t n = g.dim[1] * g.dim[2];

        assert_string_equal(ds_daam_text(d, t, 0), ask[t - 1]);
        for (int64_t i = 0; i < n; i++) {
            double sum = 0;

            for (int64_t k = 0; k < g.dim[0]; k++)
                sum += data(m)[k * n + i];
            assert_true(fabs(sum - 1.0) < 2e-2); /* resized maps overshoot a little */
        }
        ds_daam_maps_free(m);
    }
    m = maps(d, 1, 0, NULL);
    twin = maps(d, 3, 0, NULL);
    assert_memory_equal(data(m), data(twin), (size_t)count(m) * sizeof(float));
    ds_daam_maps_free(m);
    ds_daam_maps_free(twin);
    ds_daam_free(d);
}

/* A constant map is a fixed point of smoothing, and smoothing keeps a map between its bounds. */
static void smoothing_takes_means(void **state)
{
    const ds_run_options r = run_options();
    ds_daam_options o = DS_DAAM_OPTIONS_INIT;
    ds_daam_map_options raw = DS_DAAM_MAP_OPTIONS_INIT, smooth = raw;
    const ds_daam_refine others[] = { DS_DAAM_GUIDED, DS_DAAM_SHARP, DS_DAAM_DIFFUSE };
    ds_daam *d, *without;
    ds_daam_maps *x, *y;
    ds_error err = { 0 };
    int64_t n;

    (void)state;
    o.self = true;
    smooth.refine = DS_DAAM_SMOOTH;
    d = trace(&r, &o);
    x = maps(d, 0, 0, &raw);
    y = maps(d, 0, 0, &smooth);
    n = count(x) / ds_daam_global(x).dim[0];
    for (int64_t t = 0; t < ds_daam_global(x).dim[0]; t++) {
        float low = 1e9f, high = -1e9f;

        for (int64_t i = 0; i < n; i++) {
            low = fminf(low, data(x)[t * n + i]);
            high = fmaxf(high, data(x)[t * n + i]);
        }
        for (int64_t i = 0; i < n; i++)
            assert_true(data(y)[t * n + i] >= low - 1e-5f && data(y)[t * n + i] <= high + 1e-5f);
    }
    ds_daam_maps_free(y);
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
        ds_daam_map_options how = raw;

        how.refine = others[k];
        y = maps(d, 0, 0, &how);
        for (int64_t i = 0; i < count(y); i++)
            assert_true(isfinite(data(y)[i]));
        ds_daam_maps_free(y);
    }
    ds_daam_maps_free(x);
    ds_daam_free(d);
    without = trace(&r, NULL);
    assert_int_equal(ds_daam_reduce(without, &x, 0, 0, &smooth, &err), DS_E_ARG);
    ds_daam_free(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tracing_changes_no_bit),
        cmocka_unit_test(rows_sum_to_one_per_call),
        cmocka_unit_test(long_prompts_are_read_in_chunks),
        cmocka_unit_test(layers_heads_and_steps_add_up),
        cmocka_unit_test(weights_are_what_they_say),
        cmocka_unit_test(early_and_late_slices_agree),
        cmocka_unit_test(empty_slices_are_errors),
        cmocka_unit_test(branches_are_apart),
        cmocka_unit_test(batches_do_not_mix),
        cmocka_unit_test(normalized_words_sum_to_one),
        cmocka_unit_test(budgets_are_kept_and_said),
        cmocka_unit_test(words_are_means_of_their_tokens),
        cmocka_unit_test(the_paper_finds_beginnings),
        cmocka_unit_test(forms_of_a_word_are_related),
        cmocka_unit_test(maps_expand_in_both_directions),
        cmocka_unit_test(asked_texts_have_their_own_softmax),
        cmocka_unit_test(smoothing_takes_means),
        cmocka_unit_test(low_memory_keeps_the_first_of_each_block),
    };

    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}

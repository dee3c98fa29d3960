/* test_component.c - scores of a very small model: Euler's identities between activations and weights,
 * maps, finite differences, gates against weights, batches against single runs, undo, LoRA. */

#include "support.h"

#include <math.h>
#include <string.h>

#include "methods/component/ablate.h"
#include "methods/component/edits.h"
#include "methods/component/remove.h"

enum { DRAWS = 4, SIDE = 8 };

static ds_model *model;
static ds_noise *noise;
static ds_component_sites *sites;
static ds_encoder *encoder;
static int64_t plane;

static const char *const texts[] = { "a red cat", "a dog", "two birds", "a dog",
                                     "a house",   "a dog", "" };

/* Measures pairs first .. first + pairs - 1 at the same noise; every pair takes its turn. */
static void measure(ds_draws *d, ds_measure **s, ds_model *m, int64_t pairs, int64_t first,
                    ds_component_rows rows, bool weights)
{
    ds_measure_options o = { .objective = { .rows = rows, .on = DS_ON_V },
                             .texts = ds_encoder_conditions(encoder),
                             .pairs = 3,
                             .batch = DRAWS,
                             .height = SIDE,
                             .width = SIDE,
                             .components = true,
                             .weights = (const char *[]){ "unet.*" },
                             .n_weights = weights };
    ds_error err = { 0 };

    ts_ok(ds__measure_new(s, m, sites, noise, &o, &err), &err);
    ts_ok(ds__draws_new(d, DRAWS * pairs, plane, ds__measure_units(sites), false, &err), &err);
    d->count = DRAWS * pairs;
    for (int64_t i = 0; i < d->count; i++) {
        uint64_t seed = (uint64_t)(i / pairs) + 5;

        d->pair[i] = first + i % pairs;
        d->group[i] = i / pairs;
        d->t[i] = (float)(150 + 200 * (i / pairs));
        for (int64_t k = 0; k < plane; k++)
            d->z[i * plane + k] = ts_noise(&seed);
    }
    ts_ok(ds__draws_given(d, *s, DRAWS, NULL, &err), &err);
}

static float *sum_of_scores(const ds_draws *d)
{
    float *sum = ds_calloc((size_t)d->units, sizeof *sum);

    for (int64_t i = 0; i < d->count; i++)
        for (int64_t u = 0; u < d->units; u++)
            sum[u] += d->score[i * d->units + u];
    return sum;
}

/* w g of a parameter, in double; NULL for "no bias". */
static double *products(const ds_measure *s, const char *name, int64_t *rows, int64_t *columns)
{
    for (int64_t i = 0; name != NULL && i < ds__measure_gradients(s); i++) {
        const float *half[2];
        ds_tensor shape;
        ds_error err = { 0 };
        const char *have = ds__measure_gradient(s, i, 0, &half[0], &shape);
        double *p;
        float *w;

        if (strcmp(have, name) != 0)
            continue;
        ds__measure_gradient(s, i, 1, &half[1], &shape);
        ts_ok(ds__parameter_values(model, name, &w, rows, columns, &err), &err);
        p = ds_calloc((size_t)(*rows * *columns), sizeof *p);
        for (int64_t k = 0; k < *rows * *columns; k++)
            p[k] = (double)w[k] *
                   ((half[0] != NULL ? half[0][k] : 0.0) + (half[1] != NULL ? half[1][k] : 0.0));
        ds_free(w);
        return p;
    }
    return NULL;
}

static double part_sum(const double *wg, int64_t rows, int64_t columns, const ds_component_site *s,
                       int64_t part)
{
    double sum = 0.0;

    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++)
            if (s->parts == 1 || (s->kind == DS_UNIT_CONV ? i : k) == part)
                sum += wg[i * columns + k];
    return sum;
}

/* A component's score from activations is the sum of w dJ/dw over the weights that are its removal. */
static void scores_are_those_of_the_weights(void **state)
{
    ds_measure *s;
    ds_draws d;
    float *score;
    double most = 0.0;

    (void)state;
    measure(&d, &s, model, 1, 0, DS_ROWS_BOTH, true);
    score = sum_of_scores(&d);
    for (int64_t u = 0; u < d.units; u++)
        most = fmax(most, fabs(score[u]));
    assert_true(most > 0.0);
    for (int64_t i = 0; i < sites->count; i++) {
        const ds_component_site *c = &sites->site[i];
        int64_t rows, columns, brows, bcolumns;
        double *wg = products(s, c->weight, &rows, &columns);
        double *bg = products(s, c->bias, &brows, &bcolumns);

        assert_non_null(wg);
        for (int64_t k = 0; k < c->parts; k++) {
            double want = part_sum(wg, rows, columns, c, k);
            float got = score[ds__measure_offset(sites, i) + k];

            for (int64_t b = 0; bg != NULL && b < brows; b++)
                want += c->parts == 1 || b == k ? bg[b] : 0.0;
            if (fabs(got - want) > 1e-4 * most)
                fail_msg("%s #%lld: %g from activations, %g from weights", c->site, (long long)k,
                         (double)got, want);
        }
        ds_free(wg);
        ds_free(bg);
    }
    ds_free(score);
    ds__draws_free(&d);
    ds__measure_free(s);
}

static void maps_add_up_to_their_layer(void **state)
{
    ds_measure *s;
    ds_draws d;
    float *score;
    int maps = 0;

    (void)state;
    measure(&d, &s, model, 1, 0, DS_ROWS_BOTH, false);
    score = sum_of_scores(&d);
    for (int64_t i = 0; i < sites->count; i++) {
        const double *map = ds__measure_map(s, i);
        double sum = 0.0, most = 0.0, want = score[ds__measure_offset(sites, i)];

        if (map == NULL)
            continue;
        for (int64_t p = 0; p < sites->site[i].height * sites->site[i].width; p++) {
            sum += map[p];
            most = fmax(most, fabs(map[p]));
        }
        maps++;
        if (fabs(sum - want) > 1e-4 * (fabs(want) + most))
            fail_msg("%s: the map's sum is %g, the layer's score %g", sites->site[i].site, sum,
                     want);
    }
    assert_true(maps >= 8);
    ds_free(score);
    ds__draws_free(&d);
    ds__measure_free(s);
}

static ds_measure_options plain_options(ds_component_rows rows)
{
    return (ds_measure_options){ .objective = { .rows = rows, .on = DS_ON_V },
                                 .texts = ds_encoder_conditions(encoder),
                                 .pairs = 3,
                                 .batch = DRAWS,
                                 .height = SIDE,
                                 .width = SIDE };
}

/* J with a part's weights times 1 + h. */
static double scaled(const ds_draws *d, const ds_piece *piece, double h)
{
    const ds_measure_options o = plain_options(DS_ROWS_BOTH);
    ds_error err = { 0 };
    ds_edit e = { 0 };
    ds_model *m;
    double j;

    ts_ok(ds__remove_components(&e, model, sites, piece, 1, &err), &err);
    ds__edit_scale(&e, -h);
    ts_ok(ds__edit_overlay(&m, model, &e, &err), &err);
    ts_ok(ds__objective_of(&j, m, noise, &o, d, 0, 1, 0, &err), &err);
    ds_model_close(m);
    ds__edit_clear(&e);
    return j;
}

static void scores_are_finite_differences(void **state)
{
    static const ds_granularity kinds[] = { DS_NEURONS, DS_HEADS, DS_CONVS, DS_LAYERS };
    ds_measure *s;
    ds_draws d;
    float *score;

    (void)state;
    measure(&d, &s, model, 1, 0, DS_ROWS_BOTH, false);
    score = sum_of_scores(&d);
    for (size_t g = 0; g < DS_COUNT(kinds); g++) {
        ds_piece all[600];
        int64_t n = ds__components_of(all, 600, sites, kinds[g]), best = 0;
        double got, want;

        assert_true(n > 0);
        for (int64_t i = 0; i < n && i < 600; i++)
            if (fabsf(ds__component_score(&all[i], sites, score)) >
                fabsf(ds__component_score(&all[best], sites, score)))
                best = i;
        got = ds__component_score(&all[best], sites, score) / DRAWS;
        want = (scaled(&d, &all[best], 0.02) - scaled(&d, &all[best], -0.02)) / 0.04;
        if (fabs(got - want) > 2e-2 * fabs(want))
            fail_msg("%s: score %g, difference %g", ds__granularity_names[kinds[g]], got, want);
    }
    ds_free(score);
    ds__draws_free(&d);
    ds__measure_free(s);
}

/* A closed gate, and weights that are zero, are the same model; the one below stays as it was. */
static void gates_and_edits_agree_and_are_undone(void **state)
{
    static const ds_granularity kinds[] = { DS_NEURONS, DS_HEADS,  DS_CHANNELS,
                                            DS_CONVS,   DS_LAYERS, DS_BLOCKS };
    const ds_measure_options o = plain_options(DS_ROWS_BOTH);
    ds_measure *s;
    ds_draws d;
    ds_ablation *a;
    ds_error err = { 0 };
    double before, after;

    (void)state;
    measure(&d, &s, model, 1, 0, DS_ROWS_BOTH, false);
    ts_ok(ds__objective_of(&before, model, noise, &o, &d, 0, 1, 0, &err), &err);
    ts_ok(ds__ablation_new(&a, model, sites, noise, &o, &err), &err);
    for (size_t g = 0; g < DS_COUNT(kinds); g++) {
        ds_piece piece[2];
        ds_edit e = { 0 };
        ds_model *m;
        double gate, weights;

        assert_true(ds__components_of(piece, 2, sites, kinds[g]) >= 2);
        ds__ablation_open(a);
        ds__ablation_close(a, piece[1].site, piece[1].first, piece[1].count);
        ts_ok(ds__ablation_run(a, &gate, &d, 0, 1, 0, &err), &err);
        ts_ok(ds__remove_components(&e, model, sites, &piece[1], 1, &err), &err);
        assert_true(ds__edit_count(&e) > 0);
        ts_ok(ds__edit_check(&e, model, &err), &err);
        ts_ok(ds__edit_overlay(&m, model, &e, &err), &err);
        ts_ok(ds__objective_of(&weights, m, noise, &o, &d, 0, 1, 0, &err), &err);
        assert_int_equal(ds__edit_check(&e, m, NULL), DS_E_ARG); /* made for the model below */
        ds_model_close(m);
        ds__edit_clear(&e);
        if (fabs(gate - weights) > 1e-4 * before)
            fail_msg("%s: J %g by the gate, %g by the weights", ds__granularity_names[kinds[g]],
                     gate, weights);
    }
    ts_ok(ds__objective_of(&after, model, noise, &o, &d, 0, 1, 0, &err), &err);
    assert_memory_equal(&before, &after, sizeof before);
    ds__ablation_free(a);
    ds__draws_free(&d);
    ds__measure_free(s);
}

static void a_text_against_itself_has_no_components(void **state)
{
    ds_conditions *c = ds_encoder_conditions(encoder);
    const ds_tensor h = ds_conditions_hidden(c);
    const size_t n = (size_t)(h.dim[1] * h.dim[2]) * sizeof(float);
    ds_measure *s;
    ds_draws d;
    ds_error err = { 0 };

    (void)state;
    memcpy((float *)h.data + h.dim[1] * h.dim[2], h.data, n); /* base of pair 0: its concept */
    measure(&d, &s, model, 2, 0, DS_ROWS_BOTH, false);        /* pair 1 beside it, for scale */
    for (int64_t i = 0; i + 1 < d.count; i += 2)
        if (d.j[i] > 1e-9 * d.j[i + 1])
            fail_msg("J is %g, that of two texts %g", d.j[i], d.j[i + 1]);
    for (int64_t u = 0; u < d.count * d.units; u++)
        if (u / d.units % 2 == 0 && fabs(d.score[u]) > 1e-6 * d.j[u / d.units + 1])
            fail_msg("component %lld scores %g", (long long)(u % d.units), (double)d.score[u]);
    ts_ok(ds_encode(encoder, &err), &err);
    ds__draws_free(&d);
    ds__measure_free(s);
}

static void a_batch_of_concepts_is_each_alone(void **state)
{
    ds_measure *s, *one;
    ds_draws d, e;
    double most = 0.0;

    (void)state;
    measure(&d, &s, model, 3, 0, DS_ROWS_BOTH, false);
    for (int64_t u = 0; u < d.count * d.units; u++)
        most = fmax(most, fabs(d.score[u]));
    for (int64_t pair = 0; pair < 3; pair++) {
        measure(&e, &one, model, 1, pair, DS_ROWS_BOTH, false);
        for (int64_t i = 0; i < e.count; i++)
            for (int64_t u = 0; u < e.units; u++) {
                float a = d.score[(3 * i + pair) * d.units + u], b = e.score[i * e.units + u];

                if (fabs((double)a - b) > 1e-5 * most)
                    fail_msg("pair %lld, component %lld: %g in the batch, %g alone",
                             (long long)pair, (long long)u, (double)a, (double)b);
            }
        ds__draws_free(&e);
        ds__measure_free(one);
    }
    measure(&e, &one, model, 3, 0, DS_ROWS_BOTH, false);
    assert_memory_equal(d.score, e.score, (size_t)(d.count * d.units) * sizeof *d.score);
    ds__draws_free(&e);
    ds__measure_free(one);
    ds__draws_free(&d);
    ds__measure_free(s);
}

static void stop_differs_from_both(void **state)
{
    ds_measure *s, *t;
    ds_draws d, e;
    double difference = 0.0, most = 0.0;

    (void)state;
    measure(&d, &s, model, 1, 0, DS_ROWS_BOTH, false);
    measure(&e, &t, model, 1, 0, DS_ROWS_STOP, false);
    for (int64_t u = 0; u < d.count * d.units; u++) {
        difference = fmax(difference, fabs((double)d.score[u] - e.score[u]));
        most = fmax(most, fabs(d.score[u]));
    }
    assert_true(difference > 0.01 * most);
    for (int64_t i = 0; i < d.count; i++)
        assert_true(d.j[i] == e.j[i]);
    ds__draws_free(&d);
    ds__draws_free(&e);
    ds__measure_free(s);
    ds__measure_free(t);
}

/* The gradient along a path adds up to the difference of its ends: J with everything, less J without any
 * component of the kind. */
static void integrals_add_up_to_the_fall(void **state)
{
    static const ds_component_kind kinds[] = { DS_UNIT_HIDDEN, DS_UNIT_LAYER };
    enum { POINTS = 64 };

    (void)state;
    for (size_t k = 0; k < DS_COUNT(kinds); k++) {
        ds_measure_options o = { .objective = { .on = DS_ON_V },
                                 .texts = ds_encoder_conditions(encoder),
                                 .pairs = 3,
                                 .batch = DRAWS,
                                 .height = SIDE,
                                 .width = SIDE };
        double sum = 0.0, whole, without;
        ds_measure *s;
        ds_ablation *a;
        ds_draws d;
        ds_error err = { 0 };

        measure(&d, &s, model, 1, 0, DS_ROWS_BOTH, false);
        for (int p = 0; p < POINTS; p++) {
            float *score;

            ts_ok(ds__measure_scale(s, kinds[k], ((float)p + 0.5f) / POINTS, &err), &err);
            ts_ok(ds__draws_given(&d, s, DRAWS, NULL, &err), &err);
            score = sum_of_scores(&d);
            for (int64_t i = 0; i < sites->count; i++)
                for (int64_t u = 0; sites->site[i].kind == kinds[k] && u < sites->site[i].parts;
                     u++)
                    sum += score[ds__measure_offset(sites, i) + u] / (double)(POINTS * DRAWS);
            ds_free(score);
        }
        ts_ok(ds__ablation_new(&a, model, sites, noise, &o, &err), &err);
        ts_ok(ds__ablation_run(a, &whole, &d, 0, 1, 0, &err), &err);
        for (int64_t i = 0; i < sites->count; i++)
            if (sites->site[i].kind == kinds[k])
                ds__ablation_close(a, i, 0, sites->site[i].parts);
        ts_ok(ds__ablation_run(a, &without, &d, 0, 1, 0, &err), &err);
        if (!(fabs(sum - (whole - without)) < 0.01 * fabs(whole)))
            fail_msg("kind %d: %g, expected %g of %g", (int)kinds[k], sum, whole - without, whole);
        ds__ablation_free(a);
        ds__measure_free(s);
        ds__draws_free(&d);
    }
}

/* up down is the whole difference: strength 1 removes the neurons exactly. */
static void a_lora_is_the_edit(void **state)
{
    ds_piece piece[4];
    ds_edit e = { 0 };
    ds_bundle *b;
    ds_error err = { 0 };
    const ds_tensor *up = NULL, *down = NULL;
    int64_t k = 0;

    (void)state;
    ds__components_of(piece, 4, sites, DS_NEURONS);
    ts_ok(ds__remove_components(&e, model, sites, piece, 3, &err), &err);
    ts_ok(ds_bundle_new(&b, &err), &err);
    ts_ok(ds__edit_lora(b, &e, 8, &err), &err);
    for (int64_t i = 0; i < ds_bundle_count(b); i++) {
        if (strstr(ds_bundle_name(b, i), "lora_up") != NULL)
            up = ds_bundle_at(b, i);
        if (strstr(ds_bundle_name(b, i), "lora_down") != NULL)
            down = ds_bundle_at(b, i);
    }
    assert_int_equal(e.parts, 1);
    assert_int_equal(up->dim[1], 3);
    assert_int_equal(up->dim[0], e.part[0].dim[0]);
    assert_int_equal(down->dim[1], e.part[0].dim[1]);
    for (int64_t i = 0; i < up->dim[0]; i++)
        for (int64_t j = 0; j < down->dim[1]; j++) {
            float sum = 0.0f, want = 0.0f;

            for (int64_t r = 0; r < 3; r++)
                sum += ((float *)up->data)[i * 3 + r] * ((float *)down->data)[r * down->dim[1] + j];
            if (k < e.part[0].count && e.part[0].index[k] == i * down->dim[1] + j) {
                want = -e.part[0].before[k];
                k++;
            }
            assert_true(sum == want);
        }
    assert_int_equal(ds__edit_lora(b, &e, 2, &err), DS_E_UNSUPPORTED);
    ds_bundle_free(b);
    ds__edit_clear(&e);
}

static int open_tiny(void **state)
{
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    ds_denoiser_info info;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_model_open(&model, ts_tiny_model(false), NULL, &err), &err);
    ts_ok(ds_denoiser_describe(&info, model, &err), &err);
    plane = info.channels * SIDE * SIDE;
    ts_ok(ds_noise_new(&noise, model, &err), &err);
    ts_ok(ds__component_sites(&sites, model, SIDE, SIDE, &err), &err);
    o.prompts = texts;
    o.count = (int64_t)DS_COUNT(texts);
    ts_ok(ds_encoder_new(&encoder, model, &o, &err), &err);
    ts_ok(ds_encode(encoder, &err), &err);
    return 0;
}

static int close_tiny(void **state)
{
    (void)state;
    ds_encoder_free(encoder);
    ds__component_sites_free(sites);
    ds_noise_free(noise);
    ds_model_close(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_the_weights),
        cmocka_unit_test(maps_add_up_to_their_layer),
        cmocka_unit_test(scores_are_finite_differences),
        cmocka_unit_test(gates_and_edits_agree_and_are_undone),
        cmocka_unit_test(a_text_against_itself_has_no_components),
        cmocka_unit_test(a_batch_of_concepts_is_each_alone),
        cmocka_unit_test(stop_differs_from_both),
        cmocka_unit_test(integrals_add_up_to_the_fall),
        cmocka_unit_test(a_lora_is_the_edit),
    };

    return cmocka_run_group_tests_name("component", tests, open_tiny, close_tiny);
}

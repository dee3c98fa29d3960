/* test_score.c - scores of hand-made masks and maps, permuted clusters, thresholds held out. */

#include "support.h"

#include <diffuscope/score.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR(got, want, tol) assert_true(fabs((got) - (want)) <= (tol))

static void overlaps_of_hand_made_masks(void **state)
{
    const uint8_t a[12] = { 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0 };
    const uint8_t b[12] = { 0, 0, 1, 1, 0, 0, 9, 1, 0, 0, 0, 0 };
    const uint8_t none[12] = { 0 };
    ds_overlap o = ds_mask_overlap(a, b, 12);

    (void)state;
    assert_int_equal(o.a, 6);
    assert_int_equal(o.b, 4);
    assert_int_equal(o.both, 2);
    NEAR(ds_overlap_iou(o), 2.0 / 8.0, 0.0);
    NEAR(ds_overlap_ioa(o), 2.0 / 6.0, 0.0);
    NEAR(ds_overlap_ioa(ds_mask_overlap(b, a, 12)), 2.0 / 4.0, 0.0);
    NEAR(ds_overlap_iou(ds_mask_overlap(a, none, 12)), 0.0, 0.0);
    assert_true(isnan(ds_overlap_iou(ds_mask_overlap(none, none, 12))));
    assert_true(isnan(ds_overlap_ioa(ds_mask_overlap(none, a, 12))));
}

static void three_kinds_of_threshold(void **state)
{
    const float map[4] = { 0.2F, 0.3F, 0.4F, 0.6F }, flat[4] = { 2, 2, 2, 2 };
    const uint8_t relative[4] = { 0, 0, 0, 1 }, of_max[4] = { 0, 0, 1, 1 };
    const uint8_t absolute[4] = { 0, 0, 0, 1 }, none[4] = { 0 };
    uint8_t got[4];
    float scaled[4];
    ds_threshold mode;

    (void)state;
    ds_map_mask(got, map, 4, DS_THRESHOLD_RELATIVE, 0.51);
    assert_memory_equal(got, relative, 4);
    ds_map_mask(got, map, 4, DS_THRESHOLD_OF_MAX, 0.51);
    assert_memory_equal(got, of_max, 4);
    ds_map_mask(got, map, 4, DS_THRESHOLD_ABSOLUTE, 0.51);
    assert_memory_equal(got, absolute, 4);
    ds_map_mask(got, map, 4, DS_THRESHOLD_RELATIVE, 1.0); /* strict: the maximum itself is out */
    assert_memory_equal(got, none, 4);
    ds_map_mask(got, flat, 4, DS_THRESHOLD_RELATIVE, 0.0);
    assert_memory_equal(got, none, 4);
    ds_map_scale(scaled, map, 4, DS_THRESHOLD_RELATIVE);
    assert_true(scaled[0] == 0.0F && scaled[3] == 1.0F);
    assert_int_equal(ds_threshold_parse(&mode, "of-max", NULL), DS_OK);
    assert_int_equal(mode, DS_THRESHOLD_OF_MAX);
    assert_int_equal(ds_threshold_parse(&mode, "max", NULL), DS_E_NOMATCH);
}

static void mass_and_disc(void **state)
{
    const float map[4] = { 1, 2, 3, 4 }, zero[4] = { 0 };
    const uint8_t mask[4] = { 0, 1, 0, 1 };
    float disc[5 * 7];

    (void)state;
    NEAR(ds_map_mass(map, mask, 4), 0.6, 1e-12);
    assert_true(isnan(ds_map_mass(zero, mask, 4)));
    ds_map_disc(disc, 5, 7);
    NEAR(disc[2 * 7 + 3], 1.0, 0.0);
    NEAR(disc[0], 0.0, 1e-7);
    NEAR(disc[34], 0.0, 1e-7);
    NEAR(disc[2 * 7 + 4], disc[3 * 7 + 3], 0.0); /* a circle, not an ellipse */
}

static void sweep_equals_one_threshold_at_a_time(void **state)
{
    enum { N = 500, T = 21 };
    float map[N], iou[T];
    uint8_t truth[N], mask[N];
    double tau[T];

    (void)state;
    srand(3);
    for (int i = 0; i < N; i++) {
        map[i] = (float)(rand() % 40) / 20.0F - 0.5F; /* values that equal thresholds, too */
        truth[i] = rand() % 3 == 0;
    }
    for (int k = 0; k < T; k++)
        tau[k] = k / 20.0;
    for (int mode = DS_THRESHOLD_RELATIVE; mode <= DS_THRESHOLD_OF_MAX; mode++) {
        ds_error err = { 0 };

        ts_ok(ds_score_sweep(iou, map, truth, N, (ds_threshold)mode, tau, T, &err), &err);
        for (int k = 0; k < T; k++) {
            ds_map_mask(mask, map, N, (ds_threshold)mode, tau[k]);
            NEAR(iou[k], ds_overlap_iou(ds_mask_overlap(mask, truth, N)), 1e-6);
        }
    }
}

/* Scenes of one half are best at the first threshold, of the other at the second: tuned on
 * themselves they look good, held out they do not. */
static void held_out_thresholds_are_not_tuned(void **state)
{
    enum { ROWS = 80 };
    const double tau[2] = { 0.3, 0.7 };
    float iou[ROWS * 2];
    int64_t scene[ROWS];
    double row[ROWS];
    int halves[2] = { 0, 0 };
    ds_sweep s;
    ds_error err = { 0 };

    (void)state;
    for (int r = 0; r < ROWS; r++) {
        int half;

        scene[r] = r / 2;
        half = ds_sweep_half(scene[r]);
        halves[half]++;
        iou[2 * r] = half == 0 ? 0.8F : 0.2F;
        iou[2 * r + 1] = half == 0 ? 0.1F : 0.9F;
    }
    assert_true(halves[0] > ROWS / 4 && halves[1] > ROWS / 4);
    ts_ok(ds_sweep_summarise(&s, iou, scene, ROWS, tau, 2, row, &err), &err);
    NEAR(s.held_out_tau[0], 0.7, 0.0);
    NEAR(s.held_out_tau[1], 0.3, 0.0);
    NEAR(s.held_out.value, (0.1 * halves[0] + 0.2 * halves[1]) / ROWS, 1e-6);
    assert_true(s.tuned.value > 0.4 && s.tuned.low <= s.tuned.value);
    assert_int_equal(s.held_out.count, ROWS);
    NEAR(row[0], ds_sweep_half(0) == 0 ? 0.1 : 0.2, 1e-6);

    scene[1] = scene[0];
    ts_ok(ds_sweep_summarise(&s, iou, scene, 2, tau, 2, NULL, &err), &err);
    assert_true(isnan(s.held_out.value) && !isnan(s.tuned.value)); /* one half has no scene */
}

static double brute(const double *score, int64_t rows, int64_t columns, int64_t i, unsigned used)
{
    double best = rows > columns && i < rows ? brute(score, rows, columns, i + 1, used) : 0.0;

    if (i == rows)
        return 0.0;
    for (int64_t j = 0; j < columns; j++)
        if (!(used >> j & 1)) {
            double s = score[i * columns + j] + brute(score, rows, columns, i + 1, used | 1U << j);

            best = s > best ? s : best;
        }
    return best;
}

static void assignment_equals_trying_all(void **state)
{
    (void)state;
    srand(11);
    for (int k = 0; k < 300; k++) {
        int64_t rows = 1 + rand() % 5, columns = 1 + rand() % 5, column[5];
        double score[25], sum = 0.0;
        unsigned used = 0;
        ds_error err = { 0 };

        for (int64_t i = 0; i < rows * columns; i++)
            score[i] = rand() % 20 / 20.0;
        ts_ok(ds_assign(column, score, rows, columns, &err), &err);
        for (int64_t i = 0; i < rows; i++)
            if (column[i] >= 0) {
                assert_false(used >> column[i] & 1);
                used |= 1U << column[i];
                sum += score[i * columns + column[i]];
            }
        NEAR(sum, brute(score, rows, columns, 0, 0), 1e-9);
    }
}

static void three_ways_to_match(void **state)
{
    const double score[6] = { 0.1, 0.9, 0.0, 0.3, 0.8, 0.0 }; /* two truths, three predictions */
    ds_match m;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_match_masks(&m, score, 2, 3, &err), &err);
    NEAR(m.labelled, (0.1 + 0.8) / 2, 1e-12);
    NEAR(m.best, (0.9 + 0.8) / 2, 1e-12);
    NEAR(m.hungarian, (0.9 + 0.3) / 2, 1e-12);
    ts_ok(ds_match_masks(&m, score, 3, 2, &err), &err); /* a truth is left without prediction */
    NEAR(m.hungarian, (0.9 + 0.8) / 3, 1e-12);
}

/* Predictions are the truth under a permutation of the names. */
static void permuted_clusters_are_found(void **state)
{
    enum { N = 400, K = 5 };
    static const int32_t name[K] = { 3, 0, 4, 1, 2 };
    int32_t truth[N], predicted[N];
    int64_t cluster_of[K];
    ds_clusters *c;
    ds_match m;
    ds_error err = { 0 };

    (void)state;
    srand(2);
    ts_ok(ds_clusters_new(&c, K, K, &err), &err);
    for (int picture = 0; picture < 10; picture++) {
        for (int i = 0; i < N; i++) {
            truth[i] = rand() % 6 - 1;
            predicted[i] = truth[i] < 0 ? -1 : name[truth[i]];
        }
        ts_ok(ds_clusters_add(c, truth, predicted, N, &err), &err);
    }
    ts_ok(ds_clusters_score(c, &m, cluster_of, &err), &err);
    NEAR(m.hungarian, 1.0, 1e-12);
    NEAR(m.best, 1.0, 1e-12);
    NEAR(m.labelled, 0.0, 1e-12);
    for (int k = 0; k < K; k++)
        assert_int_equal(cluster_of[k], name[k]);
    truth[0] = K;
    assert_int_equal(ds_clusters_add(c, truth, predicted, N, NULL), DS_E_ARG);
    ds_clusters_free(c);
    ds_clusters_free(NULL);
}

static void resizing_keeps_means_and_ramps(void **state)
{
    const float map[4] = { 0, 1, 2, 3 };
    float up[16], same[4];

    (void)state;
    ds_map_resize(same, 2, 2, map, 2, 2);
    assert_memory_equal(same, map, sizeof map);
    ds_map_resize(up, 4, 4, map, 2, 2);
    assert_true(up[0] == 0.0F && up[15] == 3.0F && up[1] == 0.25F && up[4] == 0.5F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlaps_of_hand_made_masks),
        cmocka_unit_test(three_kinds_of_threshold),
        cmocka_unit_test(mass_and_disc),
        cmocka_unit_test(sweep_equals_one_threshold_at_a_time),
        cmocka_unit_test(held_out_thresholds_are_not_tuned),
        cmocka_unit_test(assignment_equals_trying_all),
        cmocka_unit_test(three_ways_to_match),
        cmocka_unit_test(permuted_clusters_are_found),
        cmocka_unit_test(resizing_keeps_means_and_ramps),
    };

    return cmocka_run_group_tests_name("score", tests, NULL, NULL);
}

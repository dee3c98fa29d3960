/* test_component_edit.c - selections against counts and hand examples, edits as sets, closed forms
 * against one-matrix examples solved by hand. */

#include "support.h"

#include <math.h>
#include <string.h>

#include "methods/component/closed.h"
#include "methods/component/edit.h"
#include "methods/component/near.h"
#include "methods/component/prune.h"
#include "methods/component/select.h"

/* ---- selection ------------------------------------------------------------------------------- */

static void expect_chosen(const float *score, int64_t rows, int64_t columns, ds_selection how,
                          const uint8_t *want)
{
    uint8_t chosen[16];
    ds_scored m = { rows, columns, score, chosen };
    ds_error err = { 0 };

    ts_ok(ds__select(&m, 1, &how, NULL, &err), &err);
    assert_memory_equal(chosen, want, (size_t)(rows * columns));
}

static void rows_matrices_and_signs(void **state)
{
    const float s[8] = { 3, -1, 0, 2, -5, -4, 0, 0 };

    (void)state;
    expect_chosen(s, 2, 4, (ds_selection){ DS_PICK_ROW, DS_KEEP_POSITIVE, 0.5, 0 },
                  (const uint8_t[]){ 1, 0, 0, 1, 0, 0, 0, 0 });
    expect_chosen(s, 2, 4, (ds_selection){ DS_PICK_ROW, DS_KEEP_NEGATIVE, 0.25, 0 },
                  (const uint8_t[]){ 0, 1, 0, 0, 1, 0, 0, 0 });
    expect_chosen(s, 2, 4, (ds_selection){ DS_PICK_ROW, DS_KEEP_BOTH, 0.25, 0 },
                  (const uint8_t[]){ 1, 1, 0, 0, 1, 0, 0, 0 });
    expect_chosen(s, 2, 4, (ds_selection){ DS_PICK_FLAT, DS_KEEP_POSITIVE, 0.2, 0 },
                  (const uint8_t[]){ 1, 0, 0, 0, 0, 0, 0, 0 });
    expect_chosen(s, 2, 4, (ds_selection){ DS_PICK_FLAT, DS_KEEP_POSITIVE, 1.0, 0 },
                  (const uint8_t[]){ 1, 0, 0, 1, 0, 0, 0, 0 }); /* zero scores are never edited */
    expect_chosen(s, 2, 4, (ds_selection){ DS_PICK_GLOBAL, DS_KEEP_NEGATIVE, 0, 2 },
                  (const uint8_t[]){ 0, 0, 0, 0, 1, 1, 0, 0 });
}

static void equal_scores_go_by_place(void **state)
{
    const float s[4] = { 1, 1, 1, 1 };

    (void)state;
    expect_chosen(s, 1, 4, (ds_selection){ DS_PICK_ROW, DS_KEEP_POSITIVE, 0.5, 0 },
                  (const uint8_t[]){ 1, 1, 0, 0 });
}

static int64_t chosen_of(int64_t rows, int64_t columns, ds_pick pick, double ratio)
{
    float *s = ds_alloc((size_t)(rows * columns) * sizeof *s);
    ds_scored m = { rows, columns, s, ds_alloc((size_t)(rows * columns)) };
    ds_selection how = { pick, DS_KEEP_POSITIVE, ratio, 0 };
    ds_error err = { 0 };
    int64_t total;

    for (int64_t i = 0; i < rows * columns; i++)
        s[i] = 1.0f + (float)(i * 7919 % 10007);
    ts_ok(ds__select(&m, 1, &how, &total, &err), &err);
    ds_free(m.chosen);
    ds_free(s);
    return total;
}

/* Feed-forward matrices of Stable Diffusion 1.x: W1 [8d,d] and W2 [d,4d], five blocks of d = 320, five
 * of 640, six of 1280. Method page, section 2.5. */
static void counts_are_those_of_the_published_rule(void **state)
{
    static const struct {
        double ratio;
        int64_t row, flat;
    } want[] = { { 0.0005, 18560, 74324 },
                 { 0.001, 107840, 148670 },
                 { 0.002, 244480, 297356 },
                 { 0.005, 698240, 743424 },
                 { 0.01, 1420160, 1486848 } };
    static const int64_t width[] = { 320, 640, 1280 }, blocks[] = { 5, 5, 6 };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(want); i++) {
        int64_t row = 0, flat = 0;

        for (int k = 0; k < 3; k++) {
            int64_t d = width[k];

            if (i > 0 && i < 4 && d == 1280) { /* by the rule alone: the sorting was seen above */
                row += blocks[k] * (8 * d * (int64_t)(want[i].ratio * (double)d) +
                                    d * (int64_t)(want[i].ratio * (double)(4 * d)));
                flat += blocks[k] * ((int64_t)(want[i].ratio * (double)(8 * d * d)) +
                                     (int64_t)(want[i].ratio * (double)(4 * d * d)));
                continue;
            }
            row += blocks[k] * (chosen_of(8 * d, d, DS_PICK_ROW, want[i].ratio) +
                                chosen_of(d, 4 * d, DS_PICK_ROW, want[i].ratio));
            flat += blocks[k] * (chosen_of(8 * d, d, DS_PICK_FLAT, want[i].ratio) +
                                 chosen_of(d, 4 * d, DS_PICK_FLAT, want[i].ratio));
        }
        if (row != want[i].row || flat != want[i].flat)
            fail_msg("ratio %g: row %lld, flat %lld; expected %lld, %lld", want[i].ratio,
                     (long long)row, (long long)flat, (long long)want[i].row,
                     (long long)want[i].flat);
    }
}

/* ConceptPrune by hand. |x| of the concept (2,1,1), of the base (1,2,1). Scores of the concept: (2,3,2) and
 * (8,1,1.5); the first of each row: 3, whose unit is larger under the base, and 8, whose unit is not. */
static void prune_keeps_what_the_concept_uses_more(void **state)
{
    const float w[6] = { 1, -3, 2, 4, 1, -1.5f };
    const double concept_[3] = { 2, 1, 1 }, base[3] = { 1, 2, 1 };
    uint8_t chosen[6] = { 0 };
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__prune_mark(chosen, w, 2, 3, concept_, base, 0.34, &err), &err);
    assert_memory_equal(chosen, ((const uint8_t[]){ 0, 0, 0, 1, 0, 0 }), 6);
    /* Two of three: 2 (unit 0 comes before unit 2 with the same score), and 1.5, whose unit is as large
     * under the base. A second time step adds to what is there. */
    ts_ok(ds__prune_mark(chosen, w, 2, 3, concept_, base, 0.67, &err), &err);
    assert_memory_equal(chosen, ((const uint8_t[]){ 1, 0, 0, 1, 0, 0 }), 6);
}

/* A word far nearer than the median is another name of the same thing. */
static void a_guide_is_near_but_no_other_name(void **state)
{
    const double other_name[5] = { 1, 6, 9, 11, 12 }, none[4] = { 5, 6, 7, 8 };
    const int64_t padded[6] = { 1, 7, 8, 2, 2, 2 };

    (void)state;
    assert_int_equal(ds__near_guide(other_name, 5), 1);
    assert_int_equal(ds__near_guide(none, 4), 0);
    assert_int_equal(ds__last_word(padded, 6), 2);
}

static void first_of_lists(void **state)
{
    const float a[5] = { 5, 1, 4, 2, 3 }, b[5] = { 1, 2, 9, 8, 7 };
    int64_t top[3];

    (void)state;
    assert_int_equal(ds__top(top, a, 5, 3), 3);
    assert_memory_equal(top, ((const int64_t[]){ 0, 2, 4 }), sizeof top);
    assert_float_equal(ds__overlap(a, b, 5, 3), 2.0 / 3.0, 1e-12);
}

/* ---- edits as sets --------------------------------------------------------------------------- */

static void add_part(ds_edit *e, const char *name, int64_t n, const int64_t *index,
                     const float *after)
{
    ds_tensor shape = { DS_DTYPE_F32, 2, { 2, 5 }, NULL };
    ds_edit_part *p = ds__edit_add(e, name, &shape, n);

    assert_non_null(p);
    for (int64_t k = 0; k < n; k++) {
        p->index[k] = index[k];
        p->before[k] = 10.0f + (float)index[k];
        p->after[k] = after[k];
    }
}

static void expect_same(const ds_edit *a, const ds_edit *b)
{
    assert_int_equal(a->parts, b->parts);
    for (int64_t i = 0; i < a->parts; i++) {
        const ds_edit_part *p = &a->part[i], *q = ds__edit_find(b, p->name);

        assert_non_null(q);
        assert_int_equal(p->count, q->count);
        assert_memory_equal(p->index, q->index, (size_t)p->count * sizeof *p->index);
        assert_memory_equal(p->before, q->before, (size_t)p->count * sizeof *p->before);
        assert_memory_equal(p->after, q->after, (size_t)p->count * sizeof *p->after);
    }
}

static void unions_do_not_depend_on_the_order(void **state)
{
    ds_edit a = { 0 }, b = { 0 }, ab, ba, both;
    ds_error err = { 0 };

    (void)state;
    add_part(&a, "unet.x", 3, (const int64_t[]){ 1, 4, 7 }, (const float[]){ 0, 0, 1 });
    add_part(&b, "unet.x", 2, (const int64_t[]){ 4, 7 }, (const float[]){ 0, 2 });
    add_part(&b, "unet.y", 1, (const int64_t[]){ 9 }, (const float[]){ 0 });
    ts_ok(ds__edit_unite(&ab, &a, &b, &err), &err);
    ts_ok(ds__edit_unite(&ba, &b, &a, &err), &err);
    expect_same(&ab, &ba);
    assert_int_equal(ds__edit_count(&ab), 4);
    assert_float_equal(ds__edit_find(&ab, "unet.x")->after[1], 0.0f, 0.0f);   /* both remove it */
    assert_float_equal(ds__edit_find(&ab, "unet.x")->after[2], -14.0f, 0.0f); /* 17 - 16 - 15 */
    ts_ok(ds__edit_intersect(&both, &a, &b, &err), &err);
    assert_int_equal(ds__edit_count(&both), 2);
    assert_float_equal(ds__edit_overlap(&a, &b), 2.0 / 4.0, 1e-12);
    ds__edit_clear(&ab);
    ds__edit_clear(&ba);
    ds__edit_clear(&both);
    b.part[0].before[0] += 1.0f;
    assert_int_equal(ds__edit_unite(&ab, &a, &b, &err), DS_E_ARG);
    ds__edit_clear(&ab);
    ds__edit_clear(&a);
    ds__edit_clear(&b);
}

static void files_give_edits_back(void **state)
{
    ds_edit a = { 0 }, back;
    ds_bundle *b;
    ds_error err = { 0 };

    (void)state;
    add_part(&a, "unet.x", 3, (const int64_t[]){ 0, 4, 9 }, (const float[]){ 0, 0.5f, 1 });
    ts_ok(ds_bundle_new(&b, &err), &err);
    ts_ok(ds__edit_to_bundle(&a, b, &err), &err);
    ts_ok(ds__edit_from_bundle(&back, b, "it", &err), &err);
    expect_same(&a, &back);
    ds__edit_scale(&back, 0.5);
    assert_float_equal(back.part[0].after[0], 5.0f, 0.0f);
    ds__edit_clear(&back);
    ((int64_t *)ds_bundle_find(b, "index.unet.x")->data)[2] = 10; /* of 10 places */
    assert_int_equal(ds__edit_from_bundle(&back, b, "it", &err), DS_E_FORMAT);
    memset(&err, 0, sizeof err);
    ((int64_t *)ds_bundle_find(b, "index.unet.x")->data)[2] = 4;
    assert_int_equal(ds__edit_from_bundle(&back, b, "it", &err), DS_E_FORMAT);
    ds_bundle_free(b);
    ds__edit_clear(&a);
}

/* ---- closed forms ---------------------------------------------------------------------------- */

static void expect_row(const float *got, float x, float y)
{
    assert_float_equal(got[0], x, 1e-6);
    assert_float_equal(got[1], y, 1e-6);
}

/* UCE by hand: W = [2 6], c = (1,0) is to be read as c* = (0,1), p = (0,1) kept, lambda .5, a = b = 1.
 *   B = .5 W + (W c*) c^T + (W p) p^T = [1 3] + [6 0] + [0 6] = [7 9]
 *   A = .5 I + c c^T + p p^T = 1.5 I,   W' = B / 1.5 = [14/3 6] */
static void uce_by_hand(void **state)
{
    const float c[2] = { 1, 0 }, guide[2] = { 0, 1 }, p[2] = { 0, 1 }, w[4] = { 2, 6, 2, 6 };
    const uint8_t second[2] = { 0, 1 };
    double t[4];
    float out[4];
    ds_closed f;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__closed_new(&f, 2, &err), &err);
    ds__closed_target(&f, c, guide, 1, 1.0);
    ds__closed_keep(&f, p, 1, 1.0);
    ts_ok(ds__closed_solve(t, &f, 0.5, &err), &err);
    ds__closed_apply(out, w, 2, t, 2, NULL);
    expect_row(out, 14.0f / 3.0f, 6.0f);
    ds__closed_apply(out, w, 2, t, 2, second); /* the first row may not change */
    expect_row(out, 2.0f, 6.0f);
    expect_row(out + 2, 14.0f / 3.0f, 6.0f);
    ds__closed_free(&f);
}

/* LocoEdit by hand: X = (1,1), Y = (2,0), W = [1 3], lambda .01:
 *   W'^T = (X^T X + .01 I)^-1 (X^T Y W^T + .01 W^T),  Y W^T = 2
 *   (X^T X + l I)^-1 = ((l + 1, -1), (-1, l + 1)) / (l^2 + 2 l);  right side (2.01, 2.03)
 *   first: (1.01 2.01 - 2.03) / .0201 = .0001 / .0201;  second: (1.01 2.03 - 2.01) / .0201 */
static void locoedit_by_hand(void **state)
{
    const float x[2] = { 1, 1 }, y[2] = { 2, 0 }, w[2] = { 1, 3 };
    double t[4];
    float out[2];
    ds_closed f;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__closed_new(&f, 2, &err), &err);
    ds__closed_target(&f, x, y, 1, 1.0);
    ts_ok(ds__closed_solve(t, &f, 0.01, &err), &err);
    ds__closed_apply(out, w, 1, t, 2, NULL);
    expect_row(out, 0.0001f / 0.0201f, 0.0403f / 0.0201f);
    ds__closed_free(&f);
}

static void a_ridge_of_zero_is_refused(void **state)
{
    const float c[2] = { 1, 0 };
    double t[4];
    ds_closed f;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds__closed_new(&f, 2, &err), &err);
    ds__closed_keep(&f, c, 1, 1.0);
    assert_int_equal(ds__closed_solve(t, &f, 0.0, &err), DS_E_ARG);
    ds__closed_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_matrices_and_signs),
        cmocka_unit_test(equal_scores_go_by_place),
        cmocka_unit_test(counts_are_those_of_the_published_rule),
        cmocka_unit_test(prune_keeps_what_the_concept_uses_more),
        cmocka_unit_test(a_guide_is_near_but_no_other_name),
        cmocka_unit_test(first_of_lists),
        cmocka_unit_test(unions_do_not_depend_on_the_order),
        cmocka_unit_test(files_give_edits_back),
        cmocka_unit_test(uce_by_hand),
        cmocka_unit_test(locoedit_by_hand),
        cmocka_unit_test(a_ridge_of_zero_is_refused),
    };

    return cmocka_run_group_tests_name("component edit", tests, NULL, NULL);
}

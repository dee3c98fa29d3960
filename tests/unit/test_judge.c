/* test_judge.c - the judge of pictures, on scenes whose truth is known. Runs from the repository's
 * root, where world/ is. */

#include "support.h"

#include "world/judge.h"
#include "world/select.h"

#include <string.h>

static ds_world *world;
static ds_judge *judge;
static ds_scene scene;
static ds_verdict verdict;
static ds_error oops;

static int open_all(void **state)
{
    (void)state;
    if (ds_world_open(&world, "world", &oops) == DS_OK)
        return ds_judge_open(&judge, world, &oops) == DS_OK ? 0 : -1;
    if (oops.code == DS_E_IO && strstr(oops.text, "sprites") != NULL) {
        print_message("SKIPPED: no drawings (%s): run `make world-data`\n", oops.text);
        return 0;
    }
    print_error("%s\n", oops.text);
    return -1;
}

static int close_all(void **state)
{
    (void)state;
    ds_judge_close(judge);
    ds_world_close(world);
    return 0;
}

static void need_judge(void)
{
    if (judge == NULL)
        skip();
}

/* Scenes of a set whose first concept, style and background the judge names rightly. */
static int count_right(const char *set, int64_t count)
{
    const ds_world_tables *t = ds_world_words(world);
    ds_selection *s;
    ds_split split;
    int64_t index;
    int right = 0;

    ts_ok(ds_selection_open(&s, world, set, count, &oops), &oops);
    while (ds_selection_next(s, &split, &index)) {
        const ds_factors *f = &scene.factors;
        int concept;

        ts_ok(ds_world_scene(world, split, index, &scene, &oops), &oops);
        ts_ok(ds_judge_look(judge, &verdict, scene.rgb, f->things, NULL, &oops), &oops);
        concept = f->thing[0].object >= 0
                      ? f->thing[0].object
                      : t->objects + t->occupation[f->thing[0].occupation].drawing;
        right +=
            verdict.thing[0].concept[0] == concept && verdict.thing[0].style == f->style &&
            verdict.thing[0].gender == (f->thing[0].occupation >= 0 ? f->thing[0].gender : -1) &&
            verdict.background == f->background && verdict.watermark == f->watermark;
    }
    ds_selection_close(s);
    return right;
}

static void single_things_are_named(void **state)
{
    (void)state;
    need_judge();
    assert_true(count_right("single", 40) >= 38);
    assert_true(count_right("heldout", 20) >= 19);
    assert_true(count_right("people", 21) >= 20);
}

static void places_are_seen(void **state)
{
    ds_selection *s;
    ds_split split;
    int64_t index;
    int right = 0;

    (void)state;
    need_judge();
    ts_ok(ds_selection_open(&s, world, "pair", 20, &oops), &oops);
    while (ds_selection_next(s, &split, &index)) {
        const ds_factors *f = &scene.factors;
        int first;

        ts_ok(ds_world_scene(world, split, index, &scene, &oops), &oops);
        ts_ok(ds_judge_look(judge, &verdict, scene.rgb, 2, NULL, &oops), &oops);
        first = f->placed == DS_REL_RIGHT || f->placed == DS_REL_BELOW;
        right += verdict.placed / 2 == f->placed / 2 &&
                 verdict.thing[0].concept[0] == f->thing[first].object &&
                 verdict.thing[1].concept[0] == f->thing[!first].object;
    }
    ds_selection_close(s);
    assert_true(right >= 18);
}

static void sense_of_a_homonym_is_seen(void **state)
{
    const ds_world_tables *t;
    int right = 0, all = 0;

    (void)state;
    need_judge();
    t = ds_world_words(world);
    for (int64_t i = 0; all < 20; i++) {
        const ds_thing *x = &scene.factors.thing[0];
        int asked[DS_JUDGE_ASKED];

        ts_ok(ds_world_scene(world, DS_SPLIT_TEST, i, &scene, &oops), &oops);
        if (scene.factors.context != DS_CONTEXT_NEUTRAL)
            continue;
        for (int k = 0; k < 2; k++)
            asked[k] = t->homonym[x->homonym].sense[k].object;
        ts_ok(ds_judge_look(judge, &verdict, scene.rgb, 1, asked, &oops), &oops);
        right += (verdict.thing[0].asked[1] < verdict.thing[0].asked[0]) == x->sense;
        all++;
    }
    assert_true(right >= 19);
}

/* Weights 1 4 6 4 1 along rows and columns, as a decoder may blur a picture. */
static void blur(uint8_t *rgb)
{
    static const int weight[5] = { 1, 4, 6, 4, 1 };
    static uint8_t from[DS_WORLD_SIDE * DS_WORLD_SIDE * 3];

    memcpy(from, rgb, sizeof from);
    for (int i = 0; i < DS_WORLD_SIDE * DS_WORLD_SIDE * 3; i++) {
        const int c = i % 3, x = i / 3 % DS_WORLD_SIDE, y = i / 3 / DS_WORLD_SIDE;
        int sum = 0, all = 0;

        for (int k = 0; k < 25; k++) {
            const int nx = x + k % 5 - 2, ny = y + k / 5 - 2;

            if (nx < 0 || nx >= DS_WORLD_SIDE || ny < 0 || ny >= DS_WORLD_SIDE)
                continue;
            sum += weight[k % 5] * weight[k / 5] * from[3 * (ny * DS_WORLD_SIDE + nx) + c];
            all += weight[k % 5] * weight[k / 5];
        }
        rgb[i] = (uint8_t)(sum / all);
    }
}

/* Single cameras with their mark (or other things without one), blurred once or twice: how many are
 * named, and in how many a mark is seen. */
static void blurred(int times, bool camera, int *named, int *marked, int count)
{
    const ds_world_tables *t = ds_world_words(world);
    int all = 0;

    *named = *marked = 0;
    for (int64_t i = 0; all < count; i++) {
        const ds_factors *f = &scene.factors;

        ts_ok(ds_world_draw(world, DS_SPLIT_SINGLE, i, &scene.factors, &oops), &oops);
        if (f->watermark != camera || (camera && f->thing[0].object != t->watermark))
            continue;
        ts_ok(ds_world_scene(world, DS_SPLIT_SINGLE, i, &scene, &oops), &oops);
        for (int k = 0; k < times; k++)
            blur(scene.rgb);
        ts_ok(ds_judge_look(judge, &verdict, scene.rgb, 1, NULL, &oops), &oops);
        *named += verdict.thing[0].concept[0] == f->thing[0].object;
        *marked += verdict.watermark;
        all++;
    }
}

static void a_blurred_mark_hides_no_camera(void **state)
{
    int named, marked;

    (void)state;
    need_judge();
    for (int times = 0; times <= 2; times++) {
        blurred(times, true, &named, &marked, 24);
        if (named < 22 || marked < 22)
            fail_msg("cameras, blurred %d times: %d named, %d marked", times, named, marked);
        blurred(times, false, &named, &marked, 24);
        if (named < 21 || marked > 0)
            fail_msg("others, blurred %d times: %d named, %d marked", times, named, marked);
    }
}

static void nothing_is_seen_where_nothing_is(void **state)
{
    (void)state;
    need_judge();
    memset(scene.rgb, 246, sizeof scene.rgb);
    ts_ok(ds_judge_look(judge, &verdict, scene.rgb, 2, NULL, &oops), &oops);
    assert_int_equal(verdict.things, 0);
    assert_int_equal(verdict.thing[0].concept[0], -1);
    assert_false(verdict.watermark);
    assert_string_equal(ds_world_words(world)->background[verdict.background].id, "white");
    assert_int_equal(ds_judge_look(judge, &verdict, scene.rgb, 3, NULL, NULL), DS_E_ARG);
}

/* Mean overlap of the foreground with the true masks; pairs by the cut between them. */
static double foreground_overlap(const char *set, int64_t count)
{
    static uint8_t masks[DS_WORLD_THINGS * DS_WORLD_SIDE * DS_WORLD_SIDE];
    const int pixels = DS_WORLD_SIDE * DS_WORLD_SIDE;
    ds_selection *s;
    ds_split split;
    int64_t index, n = 0;
    double sum = 0.0;

    ts_ok(ds_selection_open(&s, world, set, count, &oops), &oops);
    while (ds_selection_next(s, &split, &index)) {
        int things;

        ts_ok(ds_world_scene(world, split, index, &scene, &oops), &oops);
        things = scene.factors.things;
        ts_ok(ds_judge_masks(judge, masks, scene.rgb, things, &oops), &oops);
        for (int i = 0; i < things; i++, n++) {
            double best = 0.0; /* of the two orders: which is which is the verdict's to say */

            for (int k = 0; k < things; k++) {
                int64_t both = 0, any = 0;

                for (int p = 0; p < pixels; p++) {
                    both += scene.entity[i].mask[p] && masks[k * pixels + p];
                    any += scene.entity[i].mask[p] || masks[k * pixels + p];
                }
                best = (double)both / (double)any > best ? (double)both / (double)any : best;
            }
            sum += best;
        }
    }
    ds_selection_close(s);
    print_message("%s: mean overlap of foreground and truth %.3f\n", set, sum / (double)n);
    return sum / (double)n;
}

static void foreground_is_where_things_are(void **state)
{
    (void)state;
    need_judge();
    assert_true(foreground_overlap("single", 40) > 0.85);
    assert_true(foreground_overlap("pair", 40) > 0.75);
    assert_int_equal(ds_judge_masks(judge, NULL, scene.rgb, 3, &oops), DS_E_ARG);
    oops = (ds_error){ 0 };
}

static void unknown_sets_are_reported(void **state)
{
    ds_selection *s;

    (void)state;
    need_judge();
    assert_int_equal(ds_selection_open(&s, world, "everything", 1, NULL), DS_E_NOMATCH);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_things_are_named),
        cmocka_unit_test(places_are_seen),
        cmocka_unit_test(sense_of_a_homonym_is_seen),
        cmocka_unit_test(a_blurred_mark_hides_no_camera),
        cmocka_unit_test(nothing_is_seen_where_nothing_is),
        cmocka_unit_test(foreground_is_where_things_are),
        cmocka_unit_test(unknown_sets_are_reported),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}

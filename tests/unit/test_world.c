/* test_world.c - the specimen's world: same scene twice, planted tables, held-out combinations,
 * masks, words. Runs from the repository's root, where world/ is. */

#include "support.h"

#include "world/world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIXELS = DS_WORLD_SIDE * DS_WORLD_SIDE };

static ds_world *world;
static ds_scene scene, again;
static ds_error oops;

/* The sheets are part of the repository; a tree that lacks them skips, and says so. */
static int open_world(void **state)
{
    ds_error err = { 0 };

    (void)state;
    if (ds_world_open(&world, "world", &err) == DS_OK)
        return 0;
    if (err.code == DS_E_IO && strstr(err.text, "sprites") != NULL) {
        print_message("SKIPPED: no drawings (%s): run `make world-data`\n", err.text);
        return 0;
    }
    print_error("%s\n", err.text);
    return -1;
}

static int close_world(void **state)
{
    (void)state;
    ds_world_close(world);
    return 0;
}

static void need_world(void)
{
    if (world == NULL)
        skip();
}

static void make(ds_split split, int64_t index, ds_scene *out)
{
    ds_error err = { 0 };

    ts_ok(ds_world_scene(world, split, index, out, &err), &err);
}

static void same_index_gives_same_scene(void **state)
{
    (void)state;
    need_world();
    for (int split = 0; split < DS_SPLITS; split++) {
        make((ds_split)split, 12345, &scene);
        make((ds_split)split, 7, &again);
        make((ds_split)split, 12345, &again);
        assert_string_equal(scene.caption, again.caption);
        assert_memory_equal(scene.rgb, again.rgb, sizeof scene.rgb);
        assert_memory_equal(&scene.factors, &again.factors, sizeof scene.factors);
    }
    make(DS_SPLIT_TRAIN, 1, &scene);
    make(DS_SPLIT_TEST, 1, &again);
    assert_memory_not_equal(scene.rgb, again.rgb, sizeof scene.rgb);
}

static void table_names_do_not_collide(void **state)
{
    const ds_world_tables *t;

    (void)state;
    need_world();
    t = ds_world_words(world);
    assert_true(t->objects >= 300);
    assert_true(t->occupations >= 16);
    assert_true(t->homonyms >= 10);
    assert_int_equal(t->styles, 6);
    for (int a = 0; a < t->objects; a++)
        for (int i = 0; i < t->object[a].names; i++) {
            const char *name = t->object[a].name[i];

            for (int b = 0; b < a; b++)
                for (int k = 0; k < t->object[b].names; k++)
                    assert_string_not_equal(name, t->object[b].name[k]);
            for (int h = 0; h < t->homonyms; h++)
                assert_string_not_equal(name, t->homonym[h].word);
            for (int o = 0; o < t->occupations; o++)
                for (int k = 0; k < t->occupation[o].names; k++)
                    assert_string_not_equal(name, t->occupation[o].name[k]);
            for (int b = 0; b < t->plain; b++)
                assert_string_not_equal(name, t->background[b].id);
        }
}

static void near_share(const char *what, int64_t part, int64_t all, double p)
{
    double sigma = sqrt(p * (1.0 - p) / (double)all), found = (double)part / (double)all;

    if (fabs(found - p) > 4.5 * sigma)
        fail_msg("%s: measured %.4f (%lld of %lld), planted %.4f, 4.5 sigma are %.4f", what, found,
                 (long long)part, (long long)all, p, 4.5 * sigma);
}

static void people_follow_the_planted_table(void **state)
{
    enum { SCENES = 200000 };
    static int64_t all[64], women[64], toned[64], skins[64][DS_WORLD_SKINS], kinds[DS_SCENE_KINDS];
    const ds_world_tables *t;

    (void)state;
    need_world();
    t = ds_world_words(world);
    for (int64_t i = 0; i < SCENES; i++) {
        ds_error err = { 0 };
        ds_factors f;

        ts_ok(ds_world_draw(world, DS_SPLIT_TRAIN, i, &f, &err), &err);
        kinds[f.kind]++;
        for (int k = 0; k < f.things; k++) {
            const ds_thing *x = &f.thing[k];

            if (x->occupation < 0)
                continue;
            if (!x->gender_named) {
                all[x->occupation]++;
                women[x->occupation] += x->gender == 0;
            }
            if (!x->skin_named) {
                toned[x->occupation]++;
                skins[x->occupation][x->skin]++;
            }
        }
    }
    for (int i = 0; i < DS_SCENE_KINDS; i++)
        near_share(ds_scene_kind_name((ds_scene_kind)i), kinds[i], SCENES, t->kind[i]);
    for (int i = 0; i < t->occupations; i++) {
        near_share(t->occupation[i].id, women[i], all[i], t->occupation[i].p_woman);
        for (int k = 0; k < DS_WORLD_SKINS; k++)
            near_share(t->occupation[i].id, skins[i][k], toned[i], t->occupation[i].p_skin[k]);
    }
}

/* In the split people, half of the captions say the gender alone, and then no occupation. */
static void a_gender_can_stand_alone(void **state)
{
    enum { SCENES = 400 };
    const ds_world_tables *t;
    int alone = 0;

    (void)state;
    need_world();
    t = ds_world_words(world);
    for (int64_t i = 0; i < SCENES; i++) {
        bool person = false;

        make(DS_SPLIT_PEOPLE, i, &scene);
        for (int k = 0; k < scene.factors.things; k++) {
            const ds_thing *x = &scene.factors.thing[k];
            const char *gender = t->gender[x->gender][x->gender_word];

            if (x->occupation < 0)
                continue;
            person = true;
            assert_int_equal(x->gender_named, strstr(scene.caption, gender) != NULL);
            assert_int_equal(x->occupation_named,
                             strstr(scene.caption, t->occupation[x->occupation].name[x->name]) !=
                                 NULL);
            assert_true(x->gender_named || x->occupation_named);
            alone += !x->occupation_named;
        }
        assert_true(person);
    }
    near_share("gender alone", alone, SCENES, 0.5);
}

static void homonyms_follow_context_and_table(void **state)
{
    static int64_t neutral[64], first[64], settled[64][2];
    const ds_world_tables *t;

    (void)state;
    need_world();
    t = ds_world_words(world);
    for (int64_t i = 0; i < 200000; i++) {
        ds_factors f;

        ts_ok(ds_world_draw(world, DS_SPLIT_TRAIN, i, &f, &oops), &oops);
        for (int k = 0; k < f.things; k++) {
            const ds_thing *x = &f.thing[k];
            const ds_word_sense *s;
            bool found = false;

            if (x->homonym < 0)
                continue;
            s = &t->homonym[x->homonym].sense[x->sense];
            assert_int_equal(x->object, s->object);
            if (f.context == DS_CONTEXT_NEUTRAL) {
                neutral[x->homonym]++;
                first[x->homonym] += x->sense == 0;
                assert_true(t->background[f.background].plain);
                continue;
            }
            for (int b = 0; b < s->backgrounds && f.context == DS_CONTEXT_BACKGROUND; b++)
                found |= s->background[b] == f.background && f.background_named;
            for (int c = 0; c < s->companions && f.context == DS_CONTEXT_COMPANION; c++)
                found |= s->companion[c] == f.thing[!k].object;
            assert_true(found);
            settled[x->homonym][x->sense]++;
        }
    }
    for (int i = 0; i < t->homonyms; i++) {
        near_share(t->homonym[i].word, first[i], neutral[i], t->homonym[i].sense[0].p);
        assert_true(settled[i][0] > 100 && settled[i][1] > 100);
    }
}

/* What a picture shows, whichever way it is put: both things, each with its own side's relation. */
static bool shows_heldout(const ds_factors *f)
{
    static const int inverse[] = { DS_REL_RIGHT, DS_REL_LEFT, DS_REL_BELOW, DS_REL_ABOVE };

    if (f->things > 0 && ds_world_is_heldout(world, f->thing[0].object, f->style, f->placed))
        return true;
    return f->things > 1 &&
           ds_world_is_heldout(world, f->thing[1].object, f->style, inverse[f->placed]);
}

static void heldout_combinations_stay_out(void **state)
{
    const ds_world_tables *t;
    int pairs = 0;

    (void)state;
    need_world();
    t = ds_world_words(world);
    for (int o = 0; o < t->objects; o++)
        for (int s = 0; s < t->styles; s++)
            pairs += ds_world_is_heldout(world, o, s, -1);
    assert_true(pairs > 50 && pairs < 150);
    for (int64_t i = 0; i < 50000; i++) {
        ds_factors f;

        for (int split = 0; split < DS_SPLITS; split++) {
            ts_ok(ds_world_draw(world, (ds_split)split, i, &f, &oops), &oops);
            assert_int_equal(shows_heldout(&f), split == DS_SPLIT_HELDOUT);
        }
    }
}

static void icons_and_pairs_stand_in_their_middle(void **state)
{
    (void)state;
    need_world();
    for (int64_t i = 0; i < 500; i++) {
        ds_factors f;

        ts_ok(ds_world_draw(world, DS_SPLIT_PAIR, i, &f, &oops), &oops);
        assert_int_equal(f.things, 2);
        assert_true(f.placed == DS_REL_LEFT || f.placed == DS_REL_ABOVE);
        assert_true(f.style >= 0 && f.style_form != DS_STYLE_UNNAMED);
        for (int k = 0; k < 2; k++) {
            bool across = f.placed == DS_REL_LEFT || f.placed == DS_REL_RIGHT;
            float along = k == 0 ? 16.25f : 47.75f;

            assert_true(f.thing[k].side == 25.5f);
            assert_true(f.thing[k].cx == (across ? along : 32.0f));
            assert_true(f.thing[k].cy == (across ? 32.0f : along));
        }

        ts_ok(ds_world_draw(world, DS_SPLIT_ICON, i, &f, &oops), &oops);
        assert_int_equal(f.things, 1);
        assert_true(f.thing[0].cx == 32.0f && f.thing[0].cy == 32.0f && f.thing[0].side == 37.0f);
        assert_true(f.style >= 0 && f.style_form != DS_STYLE_UNNAMED);
    }
}

/* Four scenes of one thing: the same place, size and first words, in styles that differ. */
static void a_series_differs_in_style_alone(void **state)
{
    int alike = 0, all = 0;

    (void)state;
    need_world();
    for (int64_t i = 0; i < 4000; i++) {
        ds_factors f, g;

        ts_ok(ds_world_draw(world, DS_SPLIT_SERIES, i, &f, &oops), &oops);
        ts_ok(ds_world_draw(world, DS_SPLIT_SERIES, i - i % 4, &g, &oops), &oops);
        assert_int_equal(f.things, 1);
        assert_true(f.style_form != DS_STYLE_UNNAMED);
        assert_int_equal(f.thing[0].object, g.thing[0].object);
        assert_int_equal(f.thing[0].size, g.thing[0].size);
        assert_true(f.thing[0].side == g.thing[0].side);
        alike += i % 4 != 0 && f.style == g.style;
        all += i % 4 != 0;
    }
    assert_true(alike * 10 < all); /* where what is held out was left out */
}

/* Captions of prompts say little, in more ways; those of other splits are as they were. */
static void prompts_are_worded_as_newcomers_do(void **state)
{
    const ds_world_tables *t;
    int photo = 0, bare = 0, cute = 0, stop = 0, unnamed = 0, n = 4000;

    (void)state;
    need_world();
    t = ds_world_words(world);
    assert_string_equal(t->lead_in[2], "a photo of");
    for (int64_t i = 0; i < n; i++) {
        const ds_factors *f = &scene.factors;

        ts_ok(ds_world_draw(world, DS_SPLIT_PROMPT, i, &scene.factors, &oops), &oops);
        ts_ok(ds_world_caption(world, &scene, &oops), &oops);
        photo += strncmp(scene.caption, "a photo of ", 11) == 0;
        cute += strstr(scene.caption, "cute ") != NULL;
        stop += scene.caption[strlen(scene.caption) - 1] == '.';
        unnamed += f->style_form == DS_STYLE_UNNAMED;
        bare += f->lead_in < 0 && strncmp(scene.caption, "a ", 2) != 0 &&
                strncmp(scene.caption, "an ", 3) != 0 && strncmp(scene.caption, "some ", 5) != 0;
        assert_null(strstr(scene.caption, " ."));
        ts_ok(ds_world_draw(world, DS_SPLIT_TRAIN, i, &scene.factors, &oops), &oops);
        assert_true(f->lead_in < 2 && f->adjective == -1 && !f->bare && !f->stop);
    }
    assert_true(abs(photo - (int)(t->prompt.lead_in / DS_WORLD_LEADS * n)) < n / 50);
    assert_true(abs(bare - (int)((1 - t->prompt.lead_in) * t->prompt.bare * n)) < n / 50);
    assert_true(abs(cute - (int)(t->prompt.adjective / t->adjectives * n)) < n / 50);
    assert_true(abs(stop - (int)(t->prompt.stop * n)) < n / 50);
    assert_true(unnamed > (int)((1 - t->prompt.style) * n));
}

/* Taking a thing out of the scene changes its pixels and hardly any others. */
static void masks_agree_with_the_picture(void **state)
{
    int64_t inside = 0, changed = 0, outside = 0;

    (void)state;
    need_world();
    for (int64_t i = 0; i < 300; i++) {
        make(DS_SPLIT_TRAIN, i, &scene);
        if (scene.factors.things == 0)
            continue;
        again = scene;
        again.factors.things = 0;
        again.factors.watermark = false;
        again.factors.placed = DS_REL_NONE;
        ts_ok(ds_world_paint(world, &again, &oops), &oops);
        for (int p = 0; p < PIXELS; p++) {
            int owners = 0, far = 0;

            for (int e = 0; e < scene.entities; e++)
                owners += scene.entity[e].mask[p];
            for (int c = 0; c < 3; c++)
                far += abs(scene.rgb[3 * p + c] - again.rgb[3 * p + c]);
            assert_true(owners <= 1);
            inside += owners;
            changed += owners && far > 6;
            outside += !owners && far > 6 * 64;
        }
    }
    assert_true((double)changed > 0.98 * (double)inside);
    assert_int_equal(outside, 0);
}

static void things_stand_where_the_words_say(void **state)
{
    (void)state;
    need_world();
    for (int64_t i = 0; i < 3000; i++) {
        const int *a, *b;

        make(DS_SPLIT_TRAIN, i, &scene);
        for (int e = 0; e < scene.entities; e++) {
            const int *box = scene.entity[e].box;

            assert_true(box[2] > 0 && box[3] > 0);
            if (scene.entity[e].kind != DS_ENTITY_WATERMARK && !scene.factors.watermark)
                assert_true(box[0] > 0 && box[1] > 0 && box[0] + box[2] < DS_WORLD_SIDE &&
                            box[1] + box[3] < DS_WORLD_SIDE);
        }
        if (scene.factors.things < 2)
            continue;
        a = scene.entity[0].box;
        b = scene.entity[1].box;
        switch (scene.factors.placed) {
        case DS_REL_LEFT:
            assert_true(a[0] + a[2] <= b[0]);
            break;
        case DS_REL_RIGHT:
            assert_true(b[0] + b[2] <= a[0]);
            break;
        case DS_REL_ABOVE:
            assert_true(a[1] + a[3] <= b[1]);
            break;
        case DS_REL_BELOW:
            assert_true(b[1] + b[3] <= a[1]);
            break;
        default:
            fail_msg("two things without a place");
        }
    }
}

static bool one_of(const char *text, const char *words, size_t stride, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(text, words + stride * (size_t)i) == 0)
            return true;
    return false;
}

static void check_link(const ds_world_tables *t, const ds_link *l)
{
    const ds_factors *f = &scene.factors;
    const ds_thing *x = &f->thing[l->entity < 0 ? 0 : l->entity];
    char text[DS_WORLD_CAPTION], skin[64];

    assert_true(l->first >= 0 && l->first < l->last && l->last <= (int)strlen(scene.caption));
    assert_true(l->first == 0 || scene.caption[l->first - 1] == ' ');
    snprintf(text, sizeof text, "%.*s", l->last - l->first, scene.caption + l->first);
    switch (l->role) {
    case DS_LINK_STYLE:
        assert_string_equal(text, t->style[f->style].word);
        break;
    case DS_LINK_BACKGROUND:
        assert_true(strcmp(text, t->background[f->background].empty) == 0 ||
                    one_of(text, t->background[f->background].text[0], 40,
                           t->background[f->background].texts));
        break;
    case DS_LINK_OBJECT:
        if (x->homonym >= 0)
            assert_string_equal(text, t->homonym[x->homonym].word);
        else if (x->object >= 0)
            assert_true(one_of(text, t->object[x->object].name[0], 32, t->object[x->object].names));
        else
            assert_true(one_of(text, t->occupation[x->occupation].name[0], 32,
                               t->occupation[x->occupation].names));
        break;
    case DS_LINK_SIZE:
        assert_true(one_of(text, t->size[x->size].word[0], 16, 2));
        break;
    case DS_LINK_GENDER:
        assert_true(one_of(text, t->gender[x->gender][0], 16, 2));
        break;
    case DS_LINK_SKIN:
        snprintf(skin, sizeof skin, "%s skin", t->skin[x->skin]);
        assert_string_equal(text, skin);
        break;
    case DS_LINK_FRAME:
        assert_int_equal(scene.entity[l->entity].kind, DS_ENTITY_FRAME);
        break;
    default:
        assert_true(one_of(text, t->relation[f->relation].text[0], 24, 2));
        break;
    }
}

static void spans_point_at_the_right_words(void **state)
{
    const ds_world_tables *t;

    (void)state;
    need_world();
    t = ds_world_words(world);
    for (int64_t i = 0; i < 20000; i++) {
        ts_ok(ds_world_draw(world, DS_SPLIT_TRAIN, i, &scene.factors, &oops), &oops);
        ts_ok(ds_world_caption(world, &scene, &oops), &oops);
        if (scene.factors.kind == DS_SCENE_FRAME)
            make(DS_SPLIT_TRAIN, i, &scene);
        for (int k = 0; k < scene.links; k++)
            check_link(t, &scene.link[k]);
        assert_null(strstr(scene.caption, "a apple"));
        assert_null(strstr(scene.caption, "  "));
    }
}

/* A counterfactual: another style for the same scene moves nothing else. */
static void one_choice_can_be_changed_alone(void **state)
{
    (void)state;
    need_world();
    make(DS_SPLIT_SINGLE, 3, &scene);
    again = scene;
    again.factors.style = (scene.factors.style + 1) % 6;
    ts_ok(ds_world_caption(world, &again, &oops), &oops);
    ts_ok(ds_world_paint(world, &again, &oops), &oops);
    assert_string_not_equal(scene.caption, again.caption);
    assert_memory_not_equal(scene.rgb, again.rgb, sizeof scene.rgb);
    assert_memory_equal(scene.rgb, again.rgb, 3);
}

static void misuse_is_reported(void **state)
{
    ds_error err = { 0 };
    ds_world *none;
    ds_split split;
    ds_factors f;

    (void)state;
    assert_int_equal(ds_world_open(&none, "tests", &err), DS_E_IO);
    assert_null(none);
    assert_non_null(strstr(err.text, "objects.json"));
    assert_int_equal(ds_split_find(&split, "trian", NULL), DS_E_NOMATCH);
    need_world();
    assert_int_equal(ds_world_draw(world, DS_SPLIT_TRAIN, -1, &f, NULL), DS_E_ARG);
    make(DS_SPLIT_SINGLE, 0, &scene);
    scene.factors.thing[0].object = 100000;
    assert_int_equal(ds_world_paint(world, &scene, NULL), DS_E_ARG);
}

static void opening_survives_lack_of_memory(void **state)
{
    (void)state;
    need_world();
    for (int64_t n = 1;; n++) {
        ds_error err = { 0 };
        ds_world *w;
        ds_status st;

        ts_alloc_begin(n);
        st = ds_world_open(&w, "world", &err);
        ds_world_close(w);
        assert_int_equal(ts_alloc_end(), 0);
        if (st == DS_OK)
            break;
        assert_int_equal(st, DS_E_NOMEM);
        assert_null(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_index_gives_same_scene),
        cmocka_unit_test(icons_and_pairs_stand_in_their_middle),
        cmocka_unit_test(a_series_differs_in_style_alone),
        cmocka_unit_test(prompts_are_worded_as_newcomers_do),
        cmocka_unit_test(table_names_do_not_collide),
        cmocka_unit_test(people_follow_the_planted_table),
        cmocka_unit_test(a_gender_can_stand_alone),
        cmocka_unit_test(homonyms_follow_context_and_table),
        cmocka_unit_test(heldout_combinations_stay_out),
        cmocka_unit_test(masks_agree_with_the_picture),
        cmocka_unit_test(things_stand_where_the_words_say),
        cmocka_unit_test(spans_point_at_the_right_words),
        cmocka_unit_test(one_choice_can_be_changed_alone),
        cmocka_unit_test(misuse_is_reported),
        cmocka_unit_test(opening_survives_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}

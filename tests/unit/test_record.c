/* test_record.c - the run record and the PNG's parameters text. */

#include "support.h"

#include <diffuscope/record.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/diffuscope-test-XXXXXX";

static void record_holds_what_was_set(void **state)
{
    static const char *want = "{\n"
                              "  \"command\": \"generate\",\n"
                              "  \"options\": {\n"
                              "    \"steps\": 20,\n"
                              "    \"cfg-scale\": 7.5,\n"
                              "    \"watch\": [\n      \"a\",\n      \"b\"\n    ]\n"
                              "  },\n"
                              "  \"seed\": \"18446744073709551615\",\n"
                              "  \"ids\": [1, -2],\n"
                              "  \"none\": null,\n"
                              "  \"odd\": \"\\\"[1,\\n2]\\\\\",\n"
                              "  \"empty\": [],\n"
                              "  \"quiet\": false\n"
                              "}";
    ds_error err = { 0 };
    ds_record *r;
    char *text;

    (void)state;
    ts_ok(ds_record_new(&r, &err), &err);
    ts_ok(ds_record_text(r, "command", "old", &err), &err);
    ts_ok(ds_record_text(r, "command", "generate", &err), &err);
    ts_ok(ds_record_int(r, "options.steps", 20, &err), &err);
    ts_ok(ds_record_real(r, "options.cfg-scale", 7.5, &err), &err);
    ts_ok(ds_record_texts(r, "options.watch", (const char *[]){ "a", "b" }, 2, &err), &err);
    ts_ok(ds_record_seed(r, "seed", UINT64_MAX, &err), &err);
    ts_ok(ds_record_ints(r, "ids", (int64_t[]){ 1, -2 }, 2, &err), &err);
    ts_ok(ds_record_text(r, "none", NULL, &err), &err);
    ts_ok(ds_record_text(r, "odd", "\"[1,\n2]\\", &err), &err);
    ts_ok(ds_record_ints(r, "empty", NULL, 0, &err), &err);
    ts_ok(ds_record_json(r, "quiet", "false", &err), &err);
    ts_ok(ds_record_dump(r, &text, &err), &err);
    assert_string_equal(text, want);
    ds_free(text);
    ds_record_free(r);
}

static void record_keeps_every_digit(void **state)
{
    ds_error err = { 0 };
    ds_record *r;
    char *text;

    (void)state;
    ts_ok(ds_record_new(&r, &err), &err);
    ts_ok(ds_record_real(r, "x", 0.1, &err), &err);
    ts_ok(ds_record_dump(r, &text, &err), &err);
    assert_string_equal(text, "{\n  \"x\": 0.1\n}");
    ds_free(text);
    ts_ok(ds_record_real(r, "x", 0.1 + 0.2, &err), &err);
    ts_ok(ds_record_dump(r, &text, &err), &err);
    assert_true(strtod(strchr(text, ':') + 1, NULL) == 0.1 + 0.2);
    ds_free(text);
    ds_record_free(r);
}

static void record_refuses_what_json_cannot_hold(void **state)
{
    ds_error err = { 0 };
    ds_record *r;

    (void)state;
    ts_ok(ds_record_new(&r, &err), &err);
    assert_int_equal(ds_record_text(r, "prompt", "\xff\xfe", &err), DS_E_ARG);
    assert_non_null(strstr(err.text, "prompt: expected UTF-8"));
    assert_int_equal(ds_record_real(r, "x", NAN, NULL), DS_E_ARG);
    assert_int_equal(ds_record_real(r, "x", -INFINITY, NULL), DS_E_ARG);
    assert_int_equal(ds_record_json(r, "x", "{\"a\": }", NULL), DS_E_ARG);
    assert_int_equal(ds_record_save(r, "/nonexistent/run.json", NULL), DS_E_IO);
    ds_record_free(r);
    ds_record_free(NULL);
}

static void record_tells_where_it_was_made(void **state)
{
    ds_error err = { 0 };
    ds_record *r;
    char *text;

    (void)state;
    ts_ok(ds_record_new(&r, &err), &err);
    ts_ok(ds_record_surroundings(r, &err), &err);
    ts_ok(ds_record_get_text(r, "versions.diffuscope", &text, &err), &err);
    assert_string_equal(text, DS_VERSION);
    ds_free(text);
    ts_ok(ds_record_get_text(r, "versions.oneDNN", &text, &err), &err);
    assert_int_equal(strspn(text, "0123456789."), strlen(text));
    ds_free(text);
    assert_int_equal(ds_record_get_text(r, "versions", &text, NULL), DS_E_NOMATCH);
    assert_int_equal(ds_record_get_text(r, "a.b.c", &text, NULL), DS_E_NOMATCH);
    assert_null(text);
    assert_int_equal(ds_record_model(r, "/nonexistent", NULL), DS_E_IO);
    ds_record_free(r);
}

static void parameters_have_the_known_layout(void **state)
{
    ds_png_parameters p = {
        .prompt = "a red apple",
        .negative = "blurry",
        .steps = 20,
        .sampler = "dpm++2m",
        .karras = true,
        .cfg_scale = 7.5,
        .seed = 42,
        .width = 512,
        .height = 768,
        .model_sha256 = "0123456789abcdef",
        .model = "a, b",
        .strength = -1,
    };
    char *text;

    (void)state;
    ts_ok(ds_png_parameters_text(&text, &p, NULL), NULL);
    assert_string_equal(text, "a red apple\nNegative prompt: blurry\n"
                              "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 42, "
                              "Size: 512x768, Model hash: 0123456789, Model: \"a, b\", "
                              "Version: diffuscope " DS_VERSION);
    ds_free(text);
    p = (ds_png_parameters){ .prompt = "", .sampler = "euler_a", .strength = 0.5 };
    ts_ok(ds_png_parameters_text(&text, &p, NULL), NULL);
    assert_string_equal(text, "Steps: 0, Sampler: Euler a, CFG scale: 0, Seed: 0, Size: 0x0, "
                              "Denoising strength: 0.5, Version: diffuscope " DS_VERSION);
    ds_free(text);
    p.sampler = NULL;
    assert_int_equal(ds_png_parameters_text(&text, &p, NULL), DS_E_ARG);
}

static void record_saves_whole_files(void **state)
{
    ds_error err = { 0 };
    ds_record *r;
    char text[64] = "";
    FILE *f;

    (void)state;
    ts_ok(ds_record_new(&r, &err), &err);
    ts_ok(ds_record_int(r, "a", 1, &err), &err);
    ts_ok(ds_record_save(r, ts_path(folder, "run.json"), &err), &err);
    f = fopen(ts_path(folder, "run.json"), "rb");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    assert_string_equal(text, "{\n  \"a\": 1\n}\n");
    ds_record_free(r);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    remove(ts_path(folder, "run.json"));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_holds_what_was_set),
        cmocka_unit_test(record_keeps_every_digit),
        cmocka_unit_test(record_refuses_what_json_cannot_hold),
        cmocka_unit_test(record_tells_where_it_was_made),
        cmocka_unit_test(parameters_have_the_known_layout),
        cmocka_unit_test(record_saves_whole_files),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

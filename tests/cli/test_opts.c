/* test_opts.c - option tables: every kind of value, every way to be wrong; outputs; the record. */

#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/cli/opts.h"
#include "tools/cli/say.h"

static const ds_option options[] = {
    { .name = "steps",
      .kind = DS_OPTION_INT,
      .arg = "N",
      .standard = "20",
      .min = 1,
      .max = 1000,
      .help = "steps" },
    { .name = "any", .kind = DS_OPTION_INT, .arg = "N", .help = "any number" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .arg = "SEED",
      .standard = "42",
      .help = "seed" },
    { .name = "cfg-scale",
      .kind = DS_OPTION_REAL,
      .arg = "X",
      .standard = "7.5",
      .min = -100,
      .max = 100,
      .help = "guidance",
      .alias = "guidance-scale" },
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXT,
      .arg = "TEXT",
      .help = "prompt",
      .required = true },
    { .name = "watch", .kind = DS_OPTION_TEXTS, .arg = "GLOB", .help = "sites" },
    { .name = "words", .kind = DS_OPTION_WORDS, .arg = "WORD...", .help = "words" },
    { .name = "rng",
      .kind = DS_OPTION_CHOICE,
      .choices = "torch-cpu|torch-cuda",
      .standard = "torch-cpu",
      .help = "generator" },
    { .name = "output",
      .letter = 'o',
      .kind = DS_OPTION_OUTFILE,
      .arg = "FILE",
      .help = "picture" },
    { .name = "out", .kind = DS_OPTION_OUTDIR, .arg = "DIR", .help = "folder" },
    { 0 },
};

static const ds_command command = {
    .name = "test",
    .purpose = "be tested",
    .positional = "[WORD]",
    .options = options,
    .common = COMMON_MODEL_OPTIONAL | COMMON_THREADS | COMMON_COMPUTE,
    .most = 1,
};

const ds_command *command_at(int i)
{
    return i == 0 ? &command : NULL;
}

static char folder[] = "/tmp/diffuscope-test-XXXXXX";

/* Parses "test" and the words up to NULL. */
static ds_status parse(ds_args **a, ds_error *err, const char *const *words)
{
    char *argv[16] = { (char *)"test" };
    int argc = 1;

    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)words[argc - 1];
    *err = (ds_error){ 0 };
    return opts_parse(a, &command, argc, argv, err);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void words_up_to_the_next_option(void **state)
{
    ds_args *a;
    ds_error err;
    const char *const *list;
    int n;

    (void)state;
    ts_ok(parse(&a, &err, WORDS("all", "--words", "a", "b", "-p", "x", "--words=c", "d")), &err);
    list = opt_texts(a, "words", &n);
    assert_int_equal(n, 4);
    for (int i = 0; i < n; i++)
        assert_int_equal(list[i][0], 'a' + i);
    assert_string_equal(opt_text(a, "prompt"), "x");
    assert_int_equal(opts_count(a), 1);
    assert_string_equal(opts_positional(a, 0), "all");
    opts_free(a);
    assert_int_equal(parse(&a, &err, WORDS("-p", "x", "--words")), DS_E_ARG);
    assert_non_null(strstr(err.text, "--words: expected WORD..., found nothing"));
}

static void values_arrive(void **state)
{
    ds_args *a;
    ds_error err;
    const char *const *list;
    int n;

    (void)state;
    ts_ok(parse(&a, &err,
                WORDS("-p", "-a cat", "word", "--steps=7", "--any", "-3", "--guidance-scale",
                      "-1.5e1", "--watch", "a", "--watch=b", "-s18446744073709551615", "--rng",
                      "torch-cuda")),
          &err);
    assert_string_equal(opt_text(a, "prompt"), "-a cat");
    assert_int_equal(opt_int(a, "steps"), 7);
    assert_int_equal(opt_int(a, "any"), -3);
    assert_true(opt_real(a, "cfg-scale") == -15.0);
    assert_true(opt_seed(a, "seed") == UINT64_MAX);
    assert_string_equal(opt_text(a, "rng"), "torch-cuda");
    assert_string_equal(opt_text(a, "compute"), "f32");
    assert_string_equal(opt_written(a, "model"), "specimen");
    assert_false(opt_flag(a, "force"));
    list = opt_texts(a, "watch", &n);
    assert_int_equal(n, 2);
    assert_string_equal(list[0], "a");
    assert_string_equal(list[1], "b");
    assert_int_equal(opts_count(a), 1);
    assert_string_equal(opts_positional(a, 0), "word");
    assert_null(opts_positional(a, 1));
    assert_true(opt_declared(a, "model"));
    assert_false(opt_declared(a, "json"));
    opts_free(a);
}

static void defaults_fill_in(void **state)
{
    ds_args *a;
    ds_error err;
    int n;

    (void)state;
    ts_ok(parse(&a, &err, WORDS("-p", "", "--", "--steps")), &err);
    assert_int_equal(opt_int(a, "steps"), 20);
    assert_false(opt_given(a, "steps"));
    assert_true(opt_given(a, "prompt"));
    assert_true(opt_seed(a, "seed") == 42);
    assert_true(opt_real(a, "cfg-scale") == 7.5);
    opt_texts(a, "watch", &n);
    assert_int_equal(n, 0);
    assert_string_equal(opts_positional(a, 0), "--steps");
    opts_free(a);
    opts_free(NULL);
}

static void a_negative_seed_is_drawn_once(void **state)
{
    ds_args *a;
    ds_error err;
    uint64_t first;

    (void)state;
    ts_ok(parse(&a, &err, WORDS("-p", "", "--seed", "-1")), &err);
    first = opt_seed(a, "seed");
    assert_true(first <= UINT32_MAX);
    assert_true(opt_seed(a, "seed") == first);
    opts_free(a);
}

static void wrong_words_are_explained(void **state)
{
    static const struct {
        const char *words[4];
        const char *text;
    } cases[] = {
        { { "--steps", "0" }, "--steps: expected a whole number from 1 to 1000, found \"0\"" },
        { { "--steps", "7x" }, "from 1 to 1000, found \"7x\"" },
        { { "--steps", "" }, "found \"\"" },
        { { "--any", "99999999999999999999" }, "--any: expected a whole number, found" },
        { { "--cfg-scale", "nan" }, "--cfg-scale: expected a number from -100 to 100" },
        { { "--cfg-scale", "1e3" }, "found \"1e3\"" },
        { { "--seed", "18446744073709551616" }, "--seed: expected a whole number below 2^64" },
        { { "--seed", "--7" }, "found \"--7\"" },
        { { "--seed", "0x10" }, "found \"0x10\"" },
        { { "--rng", "torch-cup" }, "did you mean torch-cpu?" },
        { { "--threads", "0" }, "from 1 to 1024" },
        { { "--stesp", "3" }, "unknown option --stesp; did you mean --steps?" },
        { { "-z" }, "unknown option -z" },
        { { "--steps" }, "--steps: expected N, found nothing" },
        { { "-q", "--quiet=yes" }, "--quiet takes no value" },
        { { "-o", "" }, "--output: expected a path" },
        { { "a", "b" }, "expected [WORD], found one more: \"b\"" },
        { { "a" }, "--prompt TEXT is needed" },
    };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        const char *words[8] = { "-p", "x" };
        int skip = strstr(cases[i].text, "needed") != NULL ? 0 : 2;
        ds_args *a;
        ds_error err;

        memcpy(words + skip, cases[i].words, sizeof cases[i].words);
        assert_int_equal(parse(&a, &err, words), DS_E_ARG);
        assert_null(a);
        if (strstr(err.text, cases[i].text) == NULL)
            fail_msg("expected \"%s\", found \"%s\"", cases[i].text, err.text);
    }
}

static void existing_outputs_are_refused(void **state)
{
    const char *file = ts_path(folder, "there.png");
    FILE *f = fopen(file, "w");
    ds_args *a;
    ds_error err;

    (void)state;
    assert_non_null(f);
    fclose(f);
    ts_ok(parse(&a, &err, WORDS("-p", "", "-o", file)), &err);
    assert_int_equal(ds_option_check_outputs(opts_set(a), &err), DS_E_ARG);
    assert_non_null(strstr(err.text, "--force"));
    opts_free(a);
    ts_ok(parse(&a, &err, WORDS("-p", "", "--out", folder)), &err);
    assert_int_equal(ds_option_check_outputs(opts_set(a), &err), DS_E_ARG);
    assert_non_null(strstr(err.text, "not empty"));
    opts_free(a);
    ts_ok(parse(&a, &err, WORDS("-p", "", "--out", file)), &err);
    assert_int_equal(ds_option_check_outputs(opts_set(a), &err), DS_E_ARG);
    opts_free(a);
    ts_ok(parse(&a, &err, WORDS("-p", "", "-o", file, "--out", folder, "--force")), &err);
    ts_ok(ds_option_check_outputs(opts_set(a), &err), &err);
    opts_free(a);
    ts_ok(parse(&a, &err, WORDS("-p", "", "-o", folder, "--force")), &err);
    assert_int_equal(ds_option_check_outputs(opts_set(a), &err), DS_E_ARG);
    opts_free(a);
    remove(file);
    ts_ok(parse(&a, &err, WORDS("-p", "", "-o", "/dev/null", "--out", folder)), &err);
    assert_int_equal(ds_option_check_outputs(opts_set(a), &err), DS_E_IO); /* a device stays */
    opts_free(a);
}

static void every_status_has_its_exit_code(void **state)
{
    (void)state;
    assert_int_equal(exit_code(DS_OK), 0);
    assert_int_equal(exit_code(DS_E_ARG), 2);
    assert_int_equal(exit_code(DS_E_NOMATCH), 2);
    assert_int_equal(exit_code(DS_E_IO), 3);
    assert_int_equal(exit_code(DS_E_FORMAT), 3);
    assert_int_equal(exit_code(DS_E_UNSUPPORTED), 3);
    assert_int_equal(exit_code(DS_E_SHAPE), 3);
    assert_int_equal(exit_code(DS_E_NOMEM), 4);
    assert_int_equal(exit_code(DS_E_CANCELLED), 130);
    assert_int_equal(exit_code(DS_E_INTERNAL), 1);
}

static void no_memory_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    for (int64_t n = 1;; n++) {
        ds_args *a;
        ds_error err;
        ds_status st;

        ts_alloc_begin(n);
        st = parse(&a, &err, WORDS("-p", "x", "--watch", "a"));
        if (st == DS_OK)
            opts_free(a);
        assert_int_equal(ts_alloc_end(), 0);
        if (st == DS_OK)
            break;
        assert_int_equal(st, DS_E_NOMEM);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(words_up_to_the_next_option),
        cmocka_unit_test(defaults_fill_in),
        cmocka_unit_test(a_negative_seed_is_drawn_once),
        cmocka_unit_test(wrong_words_are_explained),
        cmocka_unit_test(existing_outputs_are_refused),
        cmocka_unit_test(every_status_has_its_exit_code),
        cmocka_unit_test(no_memory_is_reported_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

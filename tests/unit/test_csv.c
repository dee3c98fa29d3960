/* test_csv.c - tables in RFC 4180's form, and damaged ones. */

#include "support.h"

#include "base/csv.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char text[512];

static ds_status parse(ds__csv *t, const char *s, ds_error *err)
{
    strcpy(text, s);
    return ds__csv_parse(t, text, strlen(text), "t.csv", err);
}

static void fields(void **state)
{
    ds__csv t;
    ds_error err = { 0 };

    (void)state;
    ts_ok(parse(&t,
                "\xef\xbb\xbf"
                "id,\"a caption\",,last\r\n"
                "1,\"two, three\",x,\r\n"
                "\r\n"
                "2,\"she said \"\"no\"\"\nand left\",\"\",5\" nail\n"
                "3,,\"\n\n\",\"end\"",
                &err),
          &err);
    assert_int_equal(t.columns, 4);
    assert_int_equal(t.rows, 3);
    assert_int_equal(ds__csv_column(&t, "id"), 0);
    assert_int_equal(ds__csv_column(&t, "a caption"), 1);
    assert_int_equal(ds__csv_column(&t, "ID"), -1);
    assert_string_equal(ds__csv_cell(&t, 0, 1), "two, three");
    assert_string_equal(ds__csv_cell(&t, 0, 3), "");
    assert_string_equal(ds__csv_cell(&t, 1, 1), "she said \"no\"\nand left");
    assert_string_equal(ds__csv_cell(&t, 1, 2), "");
    assert_string_equal(ds__csv_cell(&t, 1, 3), "5\" nail");
    assert_string_equal(ds__csv_cell(&t, 2, 2), "\n\n");
    assert_string_equal(ds__csv_cell(&t, 2, 3), "end");
    assert_int_equal(t.line[0], 2);
    assert_int_equal(t.line[1], 4); /* the third is empty */
    assert_int_equal(t.line[2], 6);
    ds__csv_clear(&t);
    ds__csv_clear(&t);
}

static void headings_alone(void **state)
{
    ds__csv t;
    ds_error err = { 0 };

    (void)state;
    ts_ok(parse(&t, "a\n", &err), &err);
    assert_int_equal(t.rows, 0);
    assert_int_equal(t.columns, 1);
    ds__csv_clear(&t);
}

static void refuses(const char *s, const char *expected)
{
    ds__csv t;
    ds_error err = { 0 };

    assert_int_equal(parse(&t, s, &err), DS_E_FORMAT);
    if (strstr(err.text, expected) == NULL)
        fail_msg("expected \"%s\", found \"%s\"", expected, err.text);
    assert_null(t.cell);
}

static void damaged_tables(void **state)
{
    ds__csv t;
    ds_error err = { 0 };
    char nul[] = "a,b\n1,\0\n";

    (void)state;
    refuses("", "t.csv: expected a line of headings");
    refuses("\n\r\n", "t.csv: expected a line of headings");
    refuses("a,b\n1,2\n3\n", "t.csv:3: expected 2 fields, as many as headings, found 1");
    refuses("a,b\n\"1\n1\",2\n3,4,5\n", "t.csv:4: expected 2 fields, as many as headings, found 3");
    refuses("a,b\n1,\"2\n3,4\n", "t.csv:2: a quote begins here and does not end");
    refuses("a,b\n1,\"2\"x,3\n", "t.csv:2: expected a comma or the end of the line behind the "
                                 "quote, found \"x\"");
    assert_int_equal(ds__csv_parse(&t, nul, sizeof nul - 1, "t.csv", &err), DS_E_FORMAT);
    assert_non_null(strstr(err.text, "NUL"));
}

static void files(void **state)
{
    char path[] = "/tmp/ds-csv-XXXXXX";
    int fd = mkstemp(path);
    ds__csv t;
    ds_error err = { 0 };

    (void)state;
    assert_true(fd >= 0 && write(fd, "a,b\n1,2\n", 8) == 8);
    close(fd);
    ts_ok(ds__csv_read(&t, path, 100, &err), &err);
    assert_string_equal(ds__csv_cell(&t, 0, 1), "2");
    ds__csv_clear(&t);
    assert_int_equal(ds__csv_read(&t, path, 4, &err), DS_E_FORMAT);
    unlink(path);
    err = (ds_error){ 0 };
    assert_int_equal(ds__csv_read(&t, path, 100, &err), DS_E_IO);
    assert_non_null(strstr(err.text, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(headings_alone),
        cmocka_unit_test(damaged_tables),
        cmocka_unit_test(files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

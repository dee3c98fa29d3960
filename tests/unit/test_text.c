/* test_text.c - letters that a cut left in halves. */

#include "support.h"

#include <string.h>

#include "base/text.h"

static void halves_are_mended(void **state)
{
    static const char *const cases[][2] = {
        { "", "" },
        { "plain", "plain" },
        { "\xd1\x8f\xd0", "\xd1\x8f?" },                 /* the second letter's first half */
        { "\"\xd1\" did not fit", "\"?\" did not fit" }, /* in the middle of a sentence */
        { "\xe4\xb8\xad\xe4\xb8", "\xe4\xb8\xad?" },     /* two bytes of three */
        { "\xf0\x9f\x98\x80\xf0\x9f\x98", "\xf0\x9f\x98\x80?" },
        { "\x80\x81z", "?z" },
        { "\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",
          "???" }, /* overlong, surrogate, beyond the last */
        { "\xff\xfe", "??" },
    };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        char text[64];

        snprintf(text, sizeof text, "%s", cases[i][0]);
        ds__mend_letters(text);
        assert_string_equal(text, cases[i][1]);
    }
}

static void errors_are_utf8(void **state)
{
    ds_error err = { 0 };

    (void)state;
    assert_int_equal(ds_fail(&err, DS_E_ARG, "\"%.5s\" is wrong", "\xd1\x8f\xd1\x8f\xd1\x8f"),
                     DS_E_ARG);
    assert_string_equal(err.text, "\"\xd1\x8f\xd1\x8f?\" is wrong");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_are_mended),
        cmocka_unit_test(errors_are_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

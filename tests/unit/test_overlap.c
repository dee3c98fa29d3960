/* test_overlap.c - means over pairs of words, from what `daam --syntax` says of each prompt. */

#include "support.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include <diffuscope/overlap.h>

static const char parsed[] =
    "[{\"words\": [{\"tag\": \"NOUN\", \"relative\": 0.5, \"absolute\": 0.25},"
    "             {\"tag\": \"DET\", \"relative\": null, \"absolute\": null}],"
    "  \"pairs\": [{\"relation\": \"amod\", \"relative\": {\"iod\": 0.5, \"ioh\": 0.25, \"iou\": "
    "0.2},"
    "              \"absolute\": null},"
    "             {\"relation\": \"unrelated\", \"relative\": {\"iod\": 0, \"ioh\": 0, \"iou\": 0},"
    "              \"absolute\": null}]},"
    " {\"words\": [{\"tag\": \"NOUN\", \"relative\": 0.3, \"absolute\": 0.75}],"
    "  \"pairs\": [{\"relation\": \"amod\", \"relative\": {\"iod\": 0.7, \"ioh\": 1.0, \"iou\": "
    "0.7},"
    "              \"absolute\": {\"iod\": 1, \"ioh\": 0.5, \"iou\": 0.5}},"
    "             {\"relation\": \"det\", \"relative\": {\"iod\": 0.3, \"ioh\": 0.1, \"iou\": 0.1},"
    "              \"absolute\": null}]}]";

static double at(const json_t *rows, const char *key, const char *name, const char *kind,
                 const char *field)
{
    size_t i;
    json_t *row;

    json_array_foreach (rows, i, row)
        if (strcmp(json_string_value(json_object_get(row, key)), name) == 0) {
            const json_t *v = json_object_get(json_object_get(row, kind), field);

            return json_is_number(v) ? json_number_value(v) : NAN;
        }
    fail_msg("no row %s", name);
    return NAN;
}

#define NEAR(got, want) assert_true(fabs((got) - (want)) < 1e-6)

static void means_over_pairs(void **state)
{
    json_t *out;
    char *table;
    const json_t *rows, *tags;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_daam_overlap_table(&table, parsed, &err), &err);
    out = json_loads(table, 0, NULL);
    ds_free(table);
    rows = json_object_get(out, "relations");
    tags = json_object_get(out, "tags");
    NEAR(at(rows, "relation", "amod", "relative", "miod"), 0.6);
    NEAR(at(rows, "relation", "amod", "relative", "mioh"), 0.625);
    NEAR(at(rows, "relation", "amod", "relative", "miou"), 0.45);
    NEAR(at(rows, "relation", "amod", "relative", "delta"), 0.025);
    NEAR(at(rows, "relation", "amod", "relative", "pairs"), 2);
    NEAR(at(rows, "relation", "amod", "absolute", "pairs"), 1); /* an empty map is no pair */
    NEAR(at(rows, "relation", "amod", "absolute", "delta"), 0.5);
    NEAR(at(rows, "relation", "all", "relative", "pairs"), 3); /* without the unrelated */
    NEAR(at(rows, "relation", "all", "relative", "miod"), 0.5);
    NEAR(at(rows, "relation", "unrelated", "relative", "miou"), 0);
    assert_true(isnan(at(rows, "relation", "det", "absolute", "miou")));
    NEAR(at(tags, "tag", "NOUN", "relative", "intensity"), 0.4);
    NEAR(at(tags, "tag", "NOUN", "absolute", "intensity"), 0.5);
    NEAR(at(tags, "tag", "NOUN", "absolute", "words"), 2);
    NEAR(at(tags, "tag", "DET", "relative", "words"), 0);
    json_decref(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(means_over_pairs) };

    return cmocka_run_group_tests_name("syntax table", tests, NULL, NULL);
}

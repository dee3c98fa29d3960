/* test_option.c - the tables of all methods, walked: what a form, a signature or a parser relies on. */

#include "support.h"

#include <stdlib.h>
#include <string.h>

#include <diffuscope/daam.h>
#include <diffuscope/methods.h>
#include <diffuscope/pid.h>
#include <jansson.h>

#include "job/picture.h"

static size_t field_size(ds_option_kind kind)
{
    switch (kind) {
    case DS_OPTION_FLAG:
        return sizeof(bool);
    case DS_OPTION_INT:
        return sizeof(int64_t);
    case DS_OPTION_SEED:
        return sizeof(uint64_t);
    case DS_OPTION_REAL:
    case DS_OPTION_SHARE:
        return sizeof(double);
    case DS_OPTION_RANGE:
        return sizeof(ds_range);
    case DS_OPTION_PART:
        return sizeof(ds_part_of);
    case DS_OPTION_TEXTS:
    case DS_OPTION_WORDS:
        return sizeof(ds_texts);
    case DS_OPTION_CHOICE:
        return sizeof(int);
    default:
        return sizeof(const char *);
    }
}

/* Marks the bytes of all fields; no byte may belong to two. */
static void cover(const ds_method *m, const ds_option *table, size_t base, unsigned char *used)
{
    for (const ds_option *o = table; o != NULL; o++) {
        if (o->kind == DS_OPTION_BLOCK) {
            cover(m, o->block, base + o->offset, used);
            continue;
        }
        if (o->name == NULL)
            break;
        for (size_t i = 0; i < field_size(o->kind); i++) {
            size_t at = base + o->offset + i;

            if (at >= m->fields)
                fail_msg("%s: the field of %s lies behind the options", m->name, o->name);
            if (used[at])
                fail_msg("%s: the field of %s has two rows", m->name, o->name);
            used[at] = 1;
        }
    }
}

/* Gaps of less than a word are padding; a longer one is a field without a row. */
static void every_field_has_a_row(void **state)
{
    const ds_method *m;

    (void)state;
    for (int i = 0; (m = ds_method_at(i)) != NULL; i++) {
        unsigned char *used = calloc(m->size + 1, 1);
        size_t gap = 0;

        assert_non_null(used);
        assert_true(m->fields > 0 && m->fields <= m->size);
        cover(m, m->options, 0, used);
        for (size_t at = 0; at < m->fields; at++) {
            gap = used[at] ? 0 : gap + 1;
            if (gap >= 8)
                fail_msg("%s: bytes %zu to %zu of its options have no row", m->name, at - gap + 1,
                         at);
        }
        free(used);
    }
}

static void rows_are_complete(const ds_method *m, const ds_option_set *s)
{
    for (int i = 0; i < ds_option_count(s); i++) {
        const ds_option *o = ds_option_at(s, i);

        if (o->help == NULL || o->help[0] == '\0')
            fail_msg("%s: %s has no help", m->name, o->name);
        if ((o->kind == DS_OPTION_CHOICE) != (o->choices != NULL))
            fail_msg("%s: %s and its choices do not agree", m->name, o->name);
        if (o->kind != DS_OPTION_FLAG && o->kind != DS_OPTION_CHOICE && o->arg == NULL)
            fail_msg("%s: %s does not name its argument", m->name, o->name);
        for (int k = 0; k < i; k++)
            if (strcmp(ds_option_at(s, k)->name, o->name) == 0)
                fail_msg("%s: two options are called %s", m->name, o->name);
    }
}

/* Sets what is required to something that parses, and takes the defaults of all others. */
static void defaults_parse(void **state)
{
    const ds_method *m;

    (void)state;
    for (int i = 0; (m = ds_method_at(i)) != NULL; i++) {
        ds_error err = { 0 };
        ds_option_set *s;
        ds_job *j;

        ts_ok(ds_job_new(&j, m, NULL, &err), &err);
        s = ds_job_options_of(j);
        rows_are_complete(m, s);
        for (int k = 0; k < ds_option_count(s); k++) {
            const ds_option *o = ds_option_at(s, k);
            const bool number = o->kind == DS_OPTION_INT || o->kind == DS_OPTION_REAL;

            for (int n = 0; n < (o->positional ? (int)o->min : o->required ? 1 : 0); n++)
                ts_ok(ds_job_set(j, o->name, number ? "1" : "x", &err), &err);
        }
        if (ds_option_set_finish(s, &err) != DS_OK)
            fail_msg("%s: %s", m->name, err.text);
        ds_job_free(j);
    }
}

static bool is_in(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

/* The steps of a search and the draws of an attribution have contracts of their own: what they share with
 * the others in name alone, or with another default. */
static bool stands_apart(const ds_method *m, const char *option)
{
    static const char *const apart[] = {
        "batch",     "cfg-scale", "concept",   "count",    "draws",     "edit",   "edits",
        "embedding", "eta",       "heads",     "keep",     "kind",      "layers", "limit",
        "lora",      "name",      "pictures",  "rounds",   "rows",      "seed",   "steps",
        "words",     "tokens",    "sentences", "strength", "threshold", "select"
    };

    if ((m->parts & DS_JOB_OWN_MODEL) != 0 && strcmp(option, "model") == 0)
        return true;                   /* it lists several */
    if (strcmp(m->name, "sweep") == 0) /* "0:20" for a list; any instrument */
        return strcmp(option, "seeds") == 0 || strcmp(option, "method") == 0;
    if (strcmp(m->name, "export") == 0) /* a file or a folder; the edits that go into it */
        return strcmp(option, "out") == 0 || strcmp(option, "edit") == 0;
    return (strstr(m->name, "concept") != NULL || strstr(m->name, "component") != NULL) &&
           is_in(option, apart, DS_COUNT(apart));
}

/* Where two methods have an option of one name, it is the same option: kind, default, range. */
static void one_name_is_one_option(void **state)
{
    static const char *const own[] = { "removal", "word", "prompt", "from", "template", "image" };
    const ds_method *m, *other;
    int differing = 0;

    (void)state;
    for (int i = 0; (m = ds_method_at(i)) != NULL; i++)
        for (int k = 0; k < i && (other = ds_method_at(k)) != NULL; k++) {
            ds_error err = { 0 };
            ds_job *a, *b;
            const ds_option_set *s, *t;

            ts_ok(ds_job_new(&a, m, NULL, &err), &err);
            ts_ok(ds_job_new(&b, other, NULL, &err), &err);
            s = ds_job_options_of(a);
            t = ds_job_options_of(b);
            for (int n = 0; n < ds_option_count(s); n++) {
                const ds_option *o = ds_option_at(s, n);
                int at = ds_option_find(t, o->name);
                const ds_option *p = at >= 0 ? ds_option_at(t, at) : NULL;

                if (p == NULL || strcmp(p->name, o->name) != 0 ||
                    is_in(o->name, own, DS_COUNT(own)) || stands_apart(m, o->name) ||
                    stands_apart(other, o->name))
                    continue;
                if (p->kind != o->kind || p->min != o->min || p->max != o->max ||
                    strcmp(p->standard != NULL ? p->standard : "",
                           o->standard != NULL ? o->standard : "") != 0) {
                    print_message("%s and %s differ in %s\n", m->name, other->name, o->name);
                    differing++;
                }
            }
            ds_job_free(a);
            ds_job_free(b);
        }
    assert_int_equal(differing, 0);
}

static void texts_are_parsed(void **state)
{
    static const struct {
        const char *name, *text;
        ds_status expected;
    } row[] = { { "se", "2%", DS_OK },
                { "se", "0.02", DS_OK },
                { "se", "2", DS_E_ARG },
                { "part", "1/3", DS_OK },
                { "part", "3/3", DS_E_ARG },
                { "snr-range", "-5:3", DS_OK },
                { "snr-range", "3:-5", DS_E_ARG },
                { "steps", "0", DS_E_ARG },
                { "nonsense", "1", DS_E_NOMATCH },
                { "guidance-scale", "3", DS_OK } };
    const ds_method *m;
    ds_error err = { 0 };
    ds_job *j;

    (void)state;
    ts_ok(ds_method_find(&m, "info", &err), &err);
    ts_ok(ds_job_new(&j, m, NULL, &err), &err);
    for (size_t i = 0; i < DS_COUNT(row); i++) {
        err = (ds_error){ 0 };
        assert_int_equal(ds_job_set(j, row[i].name, row[i].text, &err), row[i].expected);
        if (row[i].expected != DS_OK)
            assert_null(strstr(err.text, "--")); /* names as C and Python spell them */
    }
    ds_job_free(j);
    assert_int_equal(ds_method_find(&m, "inf", &err), DS_E_NOMATCH);
    assert_non_null(strstr(err.text, "info"));
}

/* run.json tells every option after defaults, in the type that it has, and nothing of its caller's. */
/* A job whose options are all left alone. */
static ds_job *left_alone(const char *method)
{
    const ds_method *m;
    ds_error err = { 0 };
    ds_option_set *s;
    ds_job *j;

    ts_ok(ds_method_find(&m, method, &err), &err);
    ts_ok(ds_job_new(&j, m, NULL, &err), &err);
    s = ds_job_options_of(j);
    for (int k = 0; k < ds_option_count(s); k++)
        if (ds_option_at(s, k)->required)
            ts_ok(ds_job_set(j, ds_option_at(s, k)->name, "x", &err), &err);
    ts_ok(ds_option_set_finish(s, &err), &err);
    return j;
}

static double default_of(const ds_job *j, const char *name)
{
    const int i = ds_option_find(j->set, name);

    assert_true(i >= 0);
    switch (ds_option_at(j->set, i)->kind) {
    case DS_OPTION_REAL:
    case DS_OPTION_SHARE:
        return ds_option_real(j->set, i);
    case DS_OPTION_FLAG:
        return ds_option_flag(j->set, i);
    case DS_OPTION_CHOICE:
        return ds_option_choice(j->set, i);
    case DS_OPTION_SEED:
        return (double)ds_option_seed(j->set, i);
    default:
        return (double)ds_option_int(j->set, i);
    }
}

/* What the rows say and what DS_..._INIT says is one truth: options that are left alone fill the struct
 * with the very values that it starts with. */
static void tables_and_structs_have_the_same_defaults(void **state)
{
    const ds_run_options run = DS_RUN_OPTIONS_INIT;
    const ds_info_options info = DS_INFO_OPTIONS_INIT;
    const ds_pid_options pid = DS_PID_OPTIONS_INIT;
    const ds_pid_question question = DS_PID_QUESTION_INIT;
    const ds_daam_picture picture = DS_DAAM_PICTURE_INIT;
    const ds_daam_map_options map = DS_DAAM_MAP_OPTIONS_INIT;
    const ds_counterfactual_options edit = DS_COUNTERFACTUAL_OPTIONS_INIT;
    const struct {
        const char *method, *option;
        double value;
    } row[] = {
        { "generate", "steps", run.steps },
        { "generate", "cfg-scale", run.cfg_scale },
        { "generate", "seed", (double)run.seed },
        { "generate", "strength", run.strength },
        { "generate", "long-prompt", run.chunks },
        { "info", "replicates", (double)info.replicates },
        { "info", "nodes", (double)info.nodes },
        { "info", "se", info.se },
        { "info", "se-floor", info.floor },
        { "info", "max-calls", (double)info.max_calls },
        { "info", "pilot", (double)info.pilot },
        { "info", "design", info.design },
        { "info", "no-antithetic", !info.antithetic },
        { "info", "exact-snr", info.exact_snr },
        { "info", "batch", (double)info.batch },
        { "info", "seed", (double)info.seed },
        { "info-edit", "ode-steps", (double)edit.steps },
        { "pid", "given", pid.given },
        { "pid", "joint", pid.joint },
        { "pid", "removal", pid.removal },
        { "pid", "redundancy", question.redundancy },
        { "pid", "form", question.form },
        { "pid", "plain", question.plain },
        { "daam", "approach", picture.approach },
        { "daam", "levels", picture.levels },
        { "daam", "level-from", picture.from },
        { "daam", "level-to", picture.to },
        { "daam", "seed", (double)picture.seed },
        { "daam", "normalize", map.normalize },
        { "eval-daam", "level-from", picture.from },
        { "eval-daam", "level-to", picture.to },
    };
    int differing = 0;

    (void)state;
    for (size_t i = 0; i < DS_COUNT(row); i++) {
        ds_job *j = left_alone(row[i].method);

        if (default_of(j, row[i].option) != row[i].value) {
            print_message("%s %s: %g in the table, %g in the struct\n", row[i].method,
                          row[i].option, default_of(j, row[i].option), row[i].value);
            differing++;
        }
        ds_job_free(j);
    }
    assert_int_equal(differing, 0);
}

/* The same of all that a run takes: the block of drawing fills the struct as it starts. */
static void drawing_left_alone_is_a_run_left_alone(void **state)
{
    static const ds_run_options start = DS_RUN_OPTIONS_INIT; /* static: its padding is zero */
    ds_run_options o;
    ds_option_set *s;
    draw_options d = { 0 };
    ds_error err = { 0 };
    ds_job *j = left_alone("generate");

    (void)state;
    ts_ok(ds_option_set_new(&s, false, &err), &err);
    ts_ok(ds_option_set_add(s, ds__draw_rows, &d, &err), &err);
    ts_ok(ds_option_set_finish(s, &err), &err);
    memcpy(&o, &start, sizeof o);
    ds__draw_run_options(&o, j, &d);
    assert_string_equal(o.compat, "0.42"); /* which NULL stands for */
    assert_int_equal(o.set_alpha_to_one, -1);
    o.compat = start.compat;
    assert_memory_equal(&o, &start, sizeof o);
    ds_option_set_free(s);
    ds_job_free(j);
}

static void the_record_has_every_option(void **state)
{
    static const ds_option talk[] = { { .name = "quiet", .kind = DS_OPTION_FLAG }, { 0 } };
    const ds_method *m;
    ds_error err = { 0 };
    ds_job *j;
    char *text;

    (void)state;
    ts_ok(ds_method_find(&m, "info", &err), &err);
    ts_ok(ds_job_new(&j, m, NULL, &err), &err);
    ts_ok(ds_option_set_add(ds_job_options_of(j), talk, NULL, &err), &err);
    ts_ok(ds_job_set(j, "prompt", "a \"cat\"", &err), &err);
    ts_ok(ds_job_set(j, "cfg-scale", "7.5", &err), &err);
    ts_ok(ds_job_set(j, "word", "cat", &err), &err);
    ts_ok(ds_option_set_finish(ds_job_options_of(j), &err), &err);
    ts_ok(ds__record_begin(j, &err), &err);
    ts_ok(ds_record_dump(j->record, &text, &err), &err);
    assert_non_null(strstr(text, "\"command\": \"info\""));
    assert_non_null(strstr(text, "\"prompt\": \"a \\\"cat\\\"\""));
    assert_non_null(strstr(text, "\"steps\": 20"));
    assert_non_null(strstr(text, "\"cfg-scale\": 7.5"));
    assert_non_null(strstr(text, "\"seed\": 42"));
    assert_non_null(strstr(text, "\"model\": \"specimen\""));
    assert_non_null(strstr(text, "\"diffuscope\": \"" DS_VERSION "\""));
    for (int i = 0; i < j->rows; i++) {
        char name[80];

        snprintf(name, sizeof name, "\"%s\":", ds_option_at(ds_job_options_of(j), i)->name);
        if (strstr(text, name) == NULL)
            fail_msg("the record lacks %s", name);
    }
    assert_null(strstr(text, "quiet"));
    ds_free(text);
    ds_job_free(j);
}

static void the_schema_is_json(void **state)
{
    const ds_method *list[96];
    ds_error err = { 0 };
    char *text;
    json_t *root, *one;
    size_t i;
    int n = 0;

    (void)state;
    while (n < (int)DS_COUNT(list) && ds_method_at(n) != NULL) {
        list[n] = ds_method_at(n);
        n++;
    }
    ts_ok(ds_methods_json(list, n, &text, &err), &err);
    root = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(root), n);
    json_array_foreach (root, i, one) {
        assert_string_equal(json_string_value(json_object_get(one, "name")), list[i]->name);
        assert_true(json_array_size(json_object_get(one, "options")) > 0);
    }
    json_decref(root);
    ds_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_a_row),
        cmocka_unit_test(defaults_parse),
        cmocka_unit_test(one_name_is_one_option),
        cmocka_unit_test(texts_are_parsed),
        cmocka_unit_test(tables_and_structs_have_the_same_defaults),
        cmocka_unit_test(drawing_left_alone_is_a_run_left_alone),
        cmocka_unit_test(the_record_has_every_option),
        cmocka_unit_test(the_schema_is_json),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}

/* eval_settings.c - which maps are scored: built-in settings by name, others from a line of
 * options.
 */

#include "eval_daam.h"

#include <stdlib.h>
#include <string.h>

#include <diffuscope/daam.h>

#define MAP(...)                                                                                   \
    {                                                                                              \
        .size = sizeof(ds_daam_map_options), __VA_ARGS__                                           \
    }

/* `plain` is the default of `diffuscope daam`; `best` is what docs/evaluation.md found. Those that
 * are wrong on purpose are as `best` otherwise. */
static const eval_setting built_in[] = {
    { .name = "whole", .source = EVAL_WHOLE },
    { .name = "disc", .source = EVAL_DISC },
    { .name = "paper", .source = EVAL_PAPER, .map = MAP(.weights = DS_DAAM_PAPER) },
    { .name = "plain", .source = EVAL_OURS, .map = MAP(.refine = DS_DAAM_RAW) },
    { .name = "best", .source = EVAL_OURS, .map = MAP(.refine = DS_DAAM_SHARP) },
    { .name = "ask", .source = EVAL_OURS, .ask = true, .map = MAP(.refine = DS_DAAM_RAW) },
    { .name = "ask-best", .source = EVAL_OURS, .ask = true, .map = MAP(.refine = DS_DAAM_SHARP) },
    { .name = "smooth", .source = EVAL_OURS, .map = MAP(.refine = DS_DAAM_SMOOTH) },
    { .name = "guided", .source = EVAL_OURS, .map = MAP(.refine = DS_DAAM_GUIDED) },
    { .name = "other-word",
      .source = EVAL_OURS,
      .other_word = true,
      .map = MAP(.refine = DS_DAAM_SHARP) },
    { .name = "wrong-words", .source = EVAL_WRONG_WORDS, .map = MAP(.refine = DS_DAAM_SHARP) },
    { .name = "random-weights", .source = EVAL_RANDOM, .map = MAP(.refine = DS_DAAM_SHARP) },
};

const char *eval_settings_known(void)
{
    return "whole disc paper plain best ask ask-best smooth guided other-word wrong-words "
           "random-weights";
}

static ds_status add(eval *e, const eval_setting *s, ds_error *err)
{
    for (int i = 0; i < e->settings; i++)
        if (strcmp(e->setting[i].name, s->name) == 0)
            return ds_fail(err, DS_E_ARG, "setting \"%s\" is given twice", s->name);
    if (e->settings == EVAL_SETTINGS)
        return ds_fail(err, DS_E_ARG, "expected at most %d settings", EVAL_SETTINGS);
    e->setting[e->settings++] = *s;
    return DS_OK;
}

ds_status eval_setting_named(const eval_setting **out, const char *name, ds_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < DS_COUNT(built_in); i++)
        if (strcmp(built_in[i].name, name) == 0) {
            *out = &built_in[i];
            return DS_OK;
        }
    return ds_fail(err, DS_E_NOMATCH, "no setting is called \"%s\"; there are %s", name,
                   eval_settings_known());
}

static ds_status wrong_value(const char *key, const char *value, const char *expected,
                             ds_error *err)
{
    return ds_fail(err, DS_E_ARG, "--setting %s=%s: expected %s", key, value, expected);
}

/* Words for values, in the order of what they stand for: ds_daam_weights, eval_source. */
#define ANSWER  "no|yes"
#define WEIGHTS "mean|per-resolution|paper"
#define WORD    "prompt|ask|other"
#define TRACE   "whole|disc|ours|paper|wrong-words|random-weights"

static ds_status apply(eval_setting *s, const char *key, const char *value, ds_error *err)
{
    int at;

    if (strcmp(key, "layers") == 0)
        s->map.layers = value;
    else if (strcmp(key, "heads") == 0)
        s->map.heads = value;
    else if (strcmp(key, "steps") == 0)
        s->map.steps = value;
    else if (strcmp(key, "resolutions") == 0)
        s->map.resolutions = value;
    else if (strcmp(key, "normalize") == 0 && (at = ds_choice_place(ANSWER, value)) >= 0)
        s->map.normalize = at == 1;
    else if (strcmp(key, "weights") == 0 && (at = ds_choice_place(WEIGHTS, value)) >= 0)
        s->map.weights = (ds_daam_weights)at;
    else if (strcmp(key, "refine") == 0 &&
             (at = ds_choice_place(DS_DAAM_REFINE_CHOICES, value)) >= 0)
        s->map.refine = (ds_daam_refine)at;
    else if (strcmp(key, "trace") == 0 && (at = ds_choice_place(TRACE, value)) >= 0)
        s->source = (eval_source)at;
    else if (strcmp(key, "word") == 0 && (at = ds_choice_place(WORD, value)) >= 0) {
        s->ask = at == 1;
        s->other_word = at == 2;
    } else {
        return wrong_value(key, value,
                           "layers, heads, steps, resolutions (lists), weights=" WEIGHTS
                           ", refine=" DS_DAAM_REFINE_CHOICES ", normalize=" ANSWER ", word=" WORD
                           ", trace=" TRACE,
                           err);
    }
    return DS_OK;
}

/* "NAME:key=value;key=value", since lists of numbers hold commas. */
static ds_status add_given(eval *e, const char *text, ds_error *err)
{
    eval_setting s = { .source = EVAL_OURS, .map = { .size = sizeof s.map } };
    const char *colon = strchr(text, ':');
    char *at, *part;
    ds_status st = DS_OK;

    if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof s.name)
        return ds_fail(err, DS_E_ARG, "--setting: expected NAME:key=value;key=value, found \"%s\"",
                       text);
    memcpy(s.name, text, (size_t)(colon - text));
    s.text = strdup(colon + 1);
    if (s.text == NULL)
        return ds_fail(err, DS_E_NOMEM, "a setting");
    at = s.text;
    while (st == DS_OK && (part = strsep(&at, ";")) != NULL) {
        char *equals = strchr(part, '=');

        if (part[0] == '\0')
            continue;
        if (equals == NULL) {
            st = wrong_value(part, "", "a value", err);
            break;
        }
        *equals = '\0';
        st = apply(&s, part, equals + 1, err);
    }
    if (st == DS_OK)
        st = add(e, &s, err);
    if (st != DS_OK)
        free(s.text);
    return st;
}

ds_status eval_settings_read(eval *e, ds_error *err)
{
    int n;
    const char *const *list = opt_texts(e->a, "settings", &n);
    const eval_setting *x;
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < n; i++) {
        st = eval_setting_named(&x, list[i], err);
        if (st == DS_OK)
            st = add(e, x, err);
    }
    list = opt_texts(e->a, "setting", &n);
    if (e->settings == 0 && n == 0)
        for (size_t i = 0; st == DS_OK && i < DS_COUNT(built_in); i++)
            if (!e->generate || built_in[i].source < EVAL_WRONG_WORDS)
                st = add(e, &built_in[i], err);
    for (int i = 0; st == DS_OK && i < n; i++)
        st = add_given(e, list[i], err);
    for (int i = 0; st == DS_OK && i < e->settings; i++)
        if (e->generate && e->setting[i].source >= EVAL_WRONG_WORDS)
            st = ds_fail(err, DS_E_ARG,
                         "setting \"%s\" needs given pictures: it draws no picture of its own",
                         e->setting[i].name);
    return st;
}

void eval_settings_free(eval *e)
{
    for (int i = 0; i < e->settings; i++)
        free(e->setting[i].text);
}

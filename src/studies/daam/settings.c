/* settings.c - see settings.h. */

#include "studies/daam/settings.h"

#include <string.h>

#define MAP(...)                                                                                   \
    {                                                                                              \
        .size = sizeof(ds_daam_map_options), __VA_ARGS__                                           \
    }

/* `plain` is the default of `diffuscope daam`; `best` is what docs/evaluation.md found. Those that
 * are wrong on purpose are as `best` otherwise. */
static const map_setting built_in[] = {
    { .name = "whole", .source = MAP_WHOLE },
    { .name = "disc", .source = MAP_DISC },
    { .name = "paper", .source = MAP_PAPER, .map = MAP(.weights = DS_DAAM_PAPER) },
    { .name = "plain", .source = MAP_OURS, .map = MAP(.refine = DS_DAAM_RAW) },
    { .name = "best", .source = MAP_OURS, .map = MAP(.refine = DS_DAAM_SHARP) },
    { .name = "ask", .source = MAP_OURS, .ask = true, .map = MAP(.refine = DS_DAAM_RAW) },
    { .name = "ask-best", .source = MAP_OURS, .ask = true, .map = MAP(.refine = DS_DAAM_SHARP) },
    { .name = "smooth", .source = MAP_OURS, .map = MAP(.refine = DS_DAAM_SMOOTH) },
    { .name = "guided", .source = MAP_OURS, .map = MAP(.refine = DS_DAAM_GUIDED) },
    { .name = "other-word",
      .source = MAP_OURS,
      .other_word = true,
      .map = MAP(.refine = DS_DAAM_SHARP) },
    { .name = "wrong-words", .source = MAP_WRONG_WORDS, .map = MAP(.refine = DS_DAAM_SHARP) },
    { .name = "random-weights", .source = MAP_RANDOM, .map = MAP(.refine = DS_DAAM_SHARP) },
};

static const char known[] = "whole disc paper plain best ask ask-best smooth guided other-word "
                            "wrong-words random-weights";

static ds_status add(map_settings *s, const map_setting *x, map_source end, ds_error *err)
{
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->at[i].name, x->name) == 0)
            return ds_fail(err, DS_E_ARG, "setting \"%s\" is given twice", x->name);
    if (x->source >= end)
        return ds_fail(err, DS_E_ARG,
                       "setting \"%s\" needs given pictures: it draws no picture of its own",
                       x->name);
    if (s->count == MAP_SETTINGS)
        return ds_fail(err, DS_E_ARG, "expected at most %d settings", MAP_SETTINGS);
    s->at[s->count++] = *x;
    return DS_OK;
}

static ds_status add_named(map_settings *s, const char *name, map_source end, ds_error *err)
{
    for (size_t i = 0; i < DS_COUNT(built_in); i++)
        if (strcmp(built_in[i].name, name) == 0)
            return add(s, &built_in[i], end, err);
    return ds_fail(err, DS_E_NOMATCH, "no setting is called \"%s\"; there are %s", name, known);
}

static ds_status wrong_value(const char *key, const char *value, const char *expected,
                             ds_error *err)
{
    return ds_fail(err, DS_E_ARG, "setting %s=%s: expected %s", key, value, expected);
}

/* Words for values, in the order of what they stand for: ds_daam_weights, map_source. */
#define ANSWER  "no|yes"
#define WEIGHTS "mean|per-resolution|paper"
#define WORD    "prompt|ask|other"
#define TRACE   "whole|disc|ours|paper|wrong-words|random-weights"

static ds_status apply(map_setting *s, const char *key, const char *value, ds_error *err)
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
        s->source = (map_source)at;
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
static ds_status add_given(map_settings *all, const char *text, map_source end, ds_error *err)
{
    map_setting s = { .source = MAP_OURS, .map = { .size = sizeof s.map } };
    const char *colon = strchr(text, ':');
    char *at, *part;
    ds_status st = DS_OK;

    if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof s.name)
        return ds_fail(err, DS_E_ARG, "setting: expected NAME:key=value;key=value, found \"%s\"",
                       text);
    memcpy(s.name, text, (size_t)(colon - text));
    s.text = ds_strdup(colon + 1);
    if (s.text == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a setting");
    at = s.text;
    while (st == DS_OK && (part = strsep(&at, ";")) != NULL) {
        char *value = strchr(part, '=');

        if (part[0] == '\0')
            continue;
        if (value != NULL)
            *value++ = '\0';
        st = value != NULL ? apply(&s, part, value, err) : wrong_value(part, "", "a value", err);
    }
    if (st == DS_OK)
        st = add(all, &s, end, err);
    if (st != DS_OK)
        ds_free(s.text);
    return st;
}

ds_status ds__map_settings_read(map_settings *s, const ds_texts *names, const ds_texts *given,
                                map_source end, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < names->count; i++)
        st = add_named(s, names->text[i], end, err);
    for (size_t i = 0; names->count + given->count == 0 && i < DS_COUNT(built_in); i++)
        if (st == DS_OK && built_in[i].source < end)
            st = add(s, &built_in[i], end, err);
    for (int64_t i = 0; st == DS_OK && i < given->count; i++)
        st = add_given(s, given->text[i], end, err);
    return st;
}

void ds__map_settings_free(map_settings *s)
{
    for (int i = 0; i < s->count; i++)
        ds_free(s->at[i].text);
    s->count = 0;
}

bool ds__map_settings_need(const map_settings *s, map_source source, bool ask, bool refine)
{
    for (int i = 0; i < s->count; i++) {
        const map_setting *x = &s->at[i];

        if (x->source == source && (!ask || x->ask) && (!refine || x->map.refine != DS_DAAM_RAW))
            return true;
    }
    return false;
}

/* ---- maps of one setting ----------------------------------------------------------------------- */

ds_status ds__setting_maps_open(setting_maps *m, const ds_daam *d, int64_t text,
                                const ds_daam_map_options *o, ds_error *err)
{
    ds_tensor all;
    size_t pixels;
    ds_status st;

    *m = (setting_maps){ .calls = 1 };
    st = ds_daam_reduce(d, &m->maps, text, 0, o, err);
    if (st != DS_OK)
        return st;
    all = ds_daam_global(m->maps);
    m->height = all.dim[1];
    m->width = all.dim[2];
    if (o->weights == DS_DAAM_PAPER)
        m->calls = (float)ds_daam_describe(d).calls;
    pixels = (size_t)(m->height * m->width);
    m->native = ds_calloc(2 * pixels, sizeof *m->native);
    m->token = m->native + pixels;
    return m->native != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a map");
}

void ds__setting_maps_close(setting_maps *m)
{
    ds_free(m->native);
    ds_daam_maps_free(m->maps);
    *m = (setting_maps){ 0 };
}

/* The native map at another size; sums over calls as means. */
static ds_status expand(const setting_maps *m, float *out, int64_t height, int64_t width,
                        ds_error *err)
{
    ds_status st = ds_daam_expand(out, height, width, m->native, m->height, m->width, false, err);

    for (int64_t i = 0; st == DS_OK && i < height * width; i++)
        out[i] /= m->calls;
    return st;
}

ds_status ds__setting_maps_word(const setting_maps *m, float *out, int64_t height, int64_t width,
                                const char *word, ds_error *err)
{
    ds_status st = ds_daam_word(m->maps, m->native, word, NULL, err);

    return st == DS_OK ? expand(m, out, height, width, err) : st;
}

ds_status ds__setting_maps_tokens(const setting_maps *m, float *out, int64_t height, int64_t width,
                                  const ds_word *word, ds_error *err)
{
    const double count = (double)(word->last - word->first + 1);
    const int64_t n = m->height * m->width;
    ds_status st = DS_OK;

    memset(m->native, 0, (size_t)n * sizeof *m->native);
    for (int64_t t = word->first; st == DS_OK && t <= word->last; t++) {
        st = ds_daam_token(m->maps, m->token, t, err);
        for (int64_t i = 0; st == DS_OK && i < n; i++)
            m->native[i] += (float)((double)m->token[i] / count);
    }
    return st == DS_OK ? expand(m, out, height, width, err) : st;
}

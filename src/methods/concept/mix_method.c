/* mix_method.c - `concept mix`: a concept as a mixture in prediction space. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diffuscope/chart.h>

#include "base/file.h"
#include "job/picture.h"
#include "methods/concept/dictionary.h"
#include "methods/concept/mix.h"
#include "methods/concept/mix_texts.h"
#include "methods/concept/refuse.h"
#include "methods/concept/templates.h"
#include "methods/methods.h"

typedef struct mix_job {
    ds_texts word, prompt, name;
    const char *names, *cache;
    double time;
    int64_t sentences, batch, neutral, tokens;
    picture_size size;
    bool no_containing;
    uint64_t seed;

    ds_texts templates;
    ds_arena arena;
    const char **list; /* [n]: names that every concept is made of */
    int64_t n, room;
    bool own; /* names hold "<>": each concept has names of its own */
} mix_job;

/* ---- names ------------------------------------------------------------------------------------- */

static ds_status add_name(mix_job *o, const char *name, ds_error *err)
{
    char *copy = ds__arena_printf(&o->arena, "%s", name);

    for (int64_t i = 0; i < o->n; i++)
        if (strcmp(o->list[i], name) == 0)
            return DS_OK;
    if (o->n == o->room) {
        const int64_t room = 2 * o->room + 64;
        const char **list = ds__arena_alloc(&o->arena, (size_t)room * sizeof *list);

        if (list == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for names");
        for (int64_t i = 0; i < o->n; i++)
            list[i] = o->list[i];
        o->list = list;
        o->room = room;
    }
    if (copy == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a name");
    o->list[o->n++] = copy;
    return DS_OK;
}

static ds_status add_file(mix_job *o, ds_error *err)
{
    char *text, *line, *rest;
    size_t size;
    ds_status st = ds__file_read(&text, &size, o->names, (size_t)64 << 20, err);

    if (st != DS_OK)
        return st;
    for (line = strtok_r(text, "\r\n", &rest); st == DS_OK && line != NULL;
         line = strtok_r(NULL, "\r\n", &rest))
        st = add_name(o, line, err);
    ds_free(text);
    return st;
}

/* Whole words of the vocabulary that are neither of the templates nor what holds sentences together. */
static ds_status add_vocabulary(mix_job *o, ds_job *j, const ds_tokenizer *t, ds_error *err)
{
    const ds_dictionary_options d = { .file = NULL };
    ds_dictionary *words;
    bool *allowed;
    ds_status st = ds__dictionary_new(&words, j->model, t, &d, err);

    if (st != DS_OK)
        return st;
    allowed = ds_calloc((size_t)words->words.count, sizeof *allowed);
    if (allowed == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for names");
    else
        ds__dictionary_allow(allowed, words, "", &o->templates, 0);
    for (int64_t i = 0; st == DS_OK && i < words->words.count; i++)
        if (allowed[i])
            st = add_name(o, words->text[i], err);
    ds_free(allowed);
    ds__dictionary_free(words);
    return st;
}

static ds_status collect(mix_job *o, ds_job *j, ds_error *err)
{
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    for (int64_t i = 0; st == DS_OK && i < o->name.count; i++) {
        o->own = o->own || strstr(o->name.text[i], DS_TEMPLATE_FREE) != NULL;
        st = add_name(o, o->name.text[i], err);
    }
    if (st == DS_OK && o->names != NULL)
        st = add_file(o, err);
    if (st == DS_OK && o->name.count == 0 && o->names == NULL)
        st = add_vocabulary(o, j, t, err);
    if (st == DS_OK && o->n < 2)
        st = ds_fail(err, DS_E_ARG, "%lld names: expected 2 or more", (long long)o->n);
    return st;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    static const char *const standard[] = { "a picture of a <>" };
    mix_job *o = options;
    ds_status st = ds__concept_check_words(j, &o->word, err);
    if (st == DS_OK)
        st = ds__concept_check_drawing(j, o->size.height, o->size.width, NULL, 1, err);
    if (st == DS_OK)
        st = ds__concept_warn(j, err);
    o->templates = o->prompt.count > 0 ? o->prompt : (ds_texts){ standard, 1 };
    for (int64_t i = 0; st == DS_OK && i < o->templates.count; i++)
        st = ds__template_check(o->templates.text[i], err);
    return st == DS_OK ? collect(o, j, err) : st;
}

static void clear(void *options)
{
    ds__arena_free(&((mix_job *)options)->arena);
}

/* ---- the work ---------------------------------------------------------------------------------- */

static ds_status progress(void *user, int64_t done, int64_t total, ds_error *err)
{
    return ds__job_progress(user, "sentences", done, total, err);
}

static ds_mix_design design_of(const mix_job *o, ds_job *j, const ds_denoiser_info *info)
{
    return (ds_mix_design){ .templates = &o->templates,
                            .sentences = o->sentences,
                            .time = o->time,
                            .seed = o->seed,
                            .batch = o->batch,
                            .neutral = o->neutral,
                            .height = o->size.height / info->factor,
                            .width = o->size.width / info->factor,
                            .cancel = j->o.cancel,
                            .progress = progress,
                            .user = j };
}

/* A concept is not made of itself; on demand, nor of phrases that hold it. */
static void allow(bool *allowed, const ds_mix *x, const char *concept, bool no_containing)
{
    for (int64_t i = 0; i < ds__mix_names(x); i++)
        allowed[i] = strcmp(ds__mix_name(x, i), concept) != 0 &&
                     (!no_containing || strstr(ds__mix_name(x, i), concept) == NULL);
}

static json_t *texts_json(const ds_mix_texts_answer *t, const ds_mix *x)
{
    json_t *cosines = json_array(), *shares = json_array();

    for (int64_t i = 0; i < t->cosines; i++)
        json_array_append_new(cosines, json_pack("{s:s, s:o}", "name", ds__mix_name(x, t->near[i]),
                                                 "cosine", ds__json_real(t->cosine[i])));
    for (int64_t i = 0; i < t->shares; i++)
        json_array_append_new(shares, json_pack("{s:s, s:o}", "name", ds__mix_name(x, t->part[i]),
                                                "share", ds__json_real(t->share[i])));
    return json_pack("{s:o, s:o}", "cosine", cosines, "encoder", shares);
}

static json_t *answer_json(const ds_mix_answer *a, const ds_mix_texts_answer *t, const ds_mix *x,
                           const char *word, int64_t most)
{
    json_t *parts = json_array(), *o = json_object();

    for (int64_t k = 0; k < a->count && k < most && a->part[k].share.value > 0.0; k++) {
        const ds_mix_part *p = &a->part[k];

        json_array_append_new(
            parts, json_pack("{s:s, s:o, s:o, s:o, s:b}", "name", ds__mix_name(x, p->name), "share",
                             ds__json_value(p->share, NULL), "half_a", ds__json_real(p->half[0]),
                             "half_b", ds__json_real(p->half[1]), "unstable", (int)p->unstable));
    }
    json_object_set_new(o, "word", json_string(word));
    json_object_set_new(o, "parts", parts);
    json_object_set_new(o, "residual", ds__json_real(a->residual));
    json_object_set_new(o, "loss", ds__json_real(a->loss));
    json_object_set_new(o, "halves_top5", ds__json_real(a->halves_top5));
    json_object_set_new(o, "text_only", texts_json(t, x));
    return o;
}

static ds_status show(ds_page *page, const ds_mix_answer *a, const ds_mix *x, const char *word,
                      ds_error *err)
{
    double y[12], low[12], high[12];
    const char *names[12];
    ds_series s = { .kind = DS_SERIES_BARS, .y = y, .low = low, .high = high };
    ds_chart c = DS_CHART_INIT;
    char *svg;
    ds_status st;

    for (; s.count < 12 && s.count < a->count && a->part[s.count].share.value > 0.0; s.count++) {
        const ds_mix_part *p = &a->part[s.count];

        names[s.count] = ds__mix_name(x, p->name);
        y[s.count] = p->share.value;
        low[s.count] = isfinite(p->share.low) ? p->share.low : p->share.value;
        high[s.count] = isfinite(p->share.high) ? p->share.high : p->share.value;
    }
    c.title = word;
    c.x.names = names;
    c.y.label = "share of the answer";
    c.series = &s;
    c.count = 1;
    c.sideways = true;
    c.height = 80 + 24 * (double)s.count;
    st = ds_chart_svg(&svg, &c, err);
    if (st == DS_OK)
        st = ds_page_chart(page, svg, "Lines: 95 % interval over sentences (jackknife).", err);
    ds_free(svg);
    return st;
}

static void say(ds_result *r, const ds_mix_answer *a, const ds_mix_texts_answer *t, const ds_mix *x,
                const char *word)
{
    ds__result_say(r, "%s =", word);
    for (int64_t k = 0; k < 6 && k < a->count && a->part[k].share.value > 0.0; k++)
        ds__result_say(r, "%s %s %.2f \302\261 %.2f%s", k > 0 ? "," : "",
                       ds__mix_name(x, a->part[k].name), a->part[k].share.value,
                       a->part[k].share.se, a->part[k].unstable ? " (halves differ)" : "");
    ds__result_say(r, "\n  unexplained: %.2f of what separates it from the mean name\n",
                   a->residual);
    ds__result_say(r, "  by the texts alone: %s (cosine), %s %.2f (text encoder)\n",
                   t->cosines > 0 ? ds__mix_name(x, t->near[0]) : "-",
                   t->shares > 0 ? ds__mix_name(x, t->part[0]) : "-", t->share[0]);
}

static ds_status answer(ds_job *j, const mix_job *o, ds_mix *x, ds_mix_texts *texts,
                        const char *word, json_t *list, ds_error *err)
{
    bool *allowed = ds_calloc((size_t)ds__mix_names(x), sizeof *allowed);
    ds_mix_answer a = { 0 };
    ds_mix_texts_answer t = { 0 };
    ds_page *page;
    ds_status st = DS_OK;

    if (allowed == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for names");
    allow(allowed, x, word, o->no_containing);
    st = ds__mix_fit(&a, x, word, allowed, err);
    if (st == DS_OK)
        st = ds__mix_texts_fit(&t, texts, word, allowed, err);
    if (st == DS_OK) {
        json_array_append_new(list, answer_json(&a, &t, x, word, o->tokens));
        say(j->result, &a, &t, x, word);
        st = ds__result_page(j->result, &page, "Concepts in prediction space", err);
    }
    if (st == DS_OK)
        st = show(page, &a, x, word, err);
    ds__mix_answer_clear(&a);
    ds_free(allowed);
    return st;
}

static ds_status open_texts(ds_mix_texts **out, ds_job *j, const mix_job *o,
                            const char *const *names, ds_error *err)
{
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    return st == DS_OK ? ds__mix_texts_new(out, j->model, t, &o->templates, o->sentences, names,
                                           o->n, j->o.cancel, err)
                       : st;
}

/* Names with "<>" are made of the concept, and asked anew for each. */
static ds_status run_own(ds_job *j, mix_job *o, const ds_mix_design *d, const char *word,
                         json_t *list, int64_t *passes, ds_error *err)
{
    const char **names = ds_calloc((size_t)o->n, sizeof *names);
    ds_mix *x = NULL;
    ds_mix_texts *texts = NULL;
    ds_status st = names == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for names") : DS_OK;

    for (int64_t i = 0; st == DS_OK && i < o->n; i++) {
        const ds_texts one = { &o->list[i], 1 };
        char *text = NULL;

        if (strstr(o->list[i], DS_TEMPLATE_FREE) == NULL) {
            names[i] = o->list[i];
            continue;
        }
        st = ds__template_expand(&text, &one, 0, word, err);
        names[i] = st == DS_OK ? ds__arena_printf(&o->arena, "%s", text) : NULL;
        ds_free(text);
        if (st == DS_OK && names[i] == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a name");
    }
    if (st == DS_OK)
        st = ds__mix_new(&x, j->model, d, names, o->n, NULL, err);
    if (st == DS_OK)
        st = open_texts(&texts, j, o, names, err);
    if (st == DS_OK)
        st = answer(j, o, x, texts, word, list, err);
    *passes += x != NULL ? ds__mix_passes(x) : 0;
    ds__mix_texts_free(texts);
    ds__mix_free(x);
    ds_free(names);
    return st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    mix_job *o = options;
    json_t *list = json_array();
    ds_denoiser_info info;
    ds_mix_design d;
    ds_mix *x = NULL;
    ds_mix_texts *texts = NULL;
    int64_t passes = 0;
    bool cached = false;
    ds_status st = ds_denoiser_describe(&info, j->model, err);

    d = design_of(o, j, &info);
    ds__job_remark(j, "%lld names in %lld sentences: %lld passes, and %lld for each concept",
                   (long long)o->n, (long long)o->sentences,
                   (long long)((o->n + o->neutral) * o->sentences), (long long)o->sentences);
    if (st == DS_OK && !o->own)
        st = ds__mix_new(&x, j->model, &d, o->list, o->n, o->cache, err);
    if (st == DS_OK && !o->own)
        st = open_texts(&texts, j, o, o->list, err);
    for (int64_t i = 0; st == DS_OK && i < o->word.count; i++)
        st = o->own ? run_own(j, o, &d, o->word.text[i], list, &passes, err)
                    : answer(j, o, x, texts, o->word.text[i], list, err);
    if (x != NULL) {
        passes = ds__mix_passes(x);
        cached = ds__mix_cached(x);
    }
    ds__mix_texts_free(texts);
    ds__mix_free(x);
    if (st != DS_OK) {
        json_decref(list);
        return st;
    }
    st = ds__result_set(j->result, "concepts", list, err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "design",
                            json_pack("{s:I, s:f, s:I, s:b}", "sentences", (json_int_t)o->sentences,
                                      "time", o->time, "names", (json_int_t)o->n, "cached",
                                      (int)cached),
                            err);
    return st == DS_OK ? ds__result_set(j->result, "passes", json_integer(passes), err) : st;
}

#define FIELD(name) offsetof(mix_job, name)

static const ds_option options[] = {
    { .name = "word",
      .letter = 'w',
      .kind = DS_OPTION_TEXTS,
      .offset = FIELD(word),
      .arg = "W",
      .help = "the concept, a word or a phrase; several share the names' answers" },
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXTS,
      .offset = FIELD(prompt),
      .arg = "TEMPLATE",
      .help =
          "sentence with <> where the concept and the names stand; {red|blue} are alternatives; "
          "without it \"a picture of a <>\"" },
    { .name = "name",
      .kind = DS_OPTION_TEXTS,
      .offset = FIELD(name),
      .arg = "NAME",
      .help = "what the concept may be made of; <> in it stands for the concept (\"woman <>\")" },
    { .name = "names",
      .kind = DS_OPTION_FILE,
      .offset = FIELD(names),
      .arg = "FILE",
      .help = "the same, one a line; without names all whole words of the vocabulary" },
    { .name = "cache",
      .kind = DS_OPTION_STATE,
      .offset = FIELD(cache),
      .arg = "FILE",
      .help =
          "keep the names' answers for the next concept, and use them where they are of the same "
          "model, names and sentences" },
    { .name = "time",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(time),
      .arg = "T",
      .standard = "900",
      .min = 1,
      .max = 999,
      .help = "time step that is looked at" },
    { .name = "sentences",
      .kind = DS_OPTION_INT,
      .offset = FIELD(sentences),
      .arg = "N",
      .standard = "24",
      .min = 1,
      .max = 10000,
      .help = "sentences, each with a noise of its own" },
    { .name = "neutral",
      .kind = DS_OPTION_INT,
      .offset = FIELD(neutral),
      .arg = "N",
      .standard = "16",
      .min = 1,
      .max = 10000,
      .help = "names whose mean makes the picture below the noise" },
    { .name = "no-containing",
      .kind = DS_OPTION_FLAG,
      .offset = FIELD(no_containing),
      .help = "leave out names that hold the concept (\"vampire bat\" for bat)" },
    { .name = "tokens",
      .kind = DS_OPTION_INT,
      .offset = FIELD(tokens),
      .arg = "N",
      .standard = "20",
      .min = 1,
      .max = 10000,
      .help = "names of the answer" },
    { .name = "batch",
      .kind = DS_OPTION_INT,
      .offset = FIELD(batch),
      .arg = "N",
      .standard = "16",
      .min = 1,
      .max = 64,
      .help = "names at once" },
    { .kind = DS_OPTION_BLOCK, .offset = FIELD(seed), .block = ds__seed_rows },
    { .kind = DS_OPTION_BLOCK, .offset = FIELD(size), .block = ds__size_rows },
    { 0 },
};

const ds_method ds__method_concept_mix = {
    .name = "concept-mix",
    .purpose = "a concept as a mixture of the network's answers for named things",
    .description =
        "Where concept asks for one token that reproduces pictures, this asks what the network "
        "expects "
        "while the noise still hides everything: its answer for the concept's sentence is written "
        "as a "
        "mixture of its answers for the same sentence with names in the concept's place, by least "
        "squares with shares that are not negative and sum to 1. Both senses of a homonym come "
        "out, and "
        "with names such as \"woman <>\" and \"man <>\" the share of an attribute.\n\n"
        "Errors come from leaving out one sentence at a time; a name is marked where the two "
        "halves of "
        "the sentences disagree. Shares are a ranking: the answer at guidance 1 is pulled to the "
        "middle, "
        "as the model's own pictures are there.",
    .example =
        "diffuscope concept mix -w bass -p \"a {noto|twemoji} <> on a {red|blue} background\" "
        "--cache answers.safetensors --out run",
    .results =
        "concepts: [{word, parts: [{name, share, half_a, half_b, unstable}], residual, loss, "
        "halves_top5, text_only: {cosine, encoder}}]; text_only: what the texts say without the "
        "denoiser\n"
        "passes: evaluations of the network",
    .options = options,
    .size = sizeof(mix_job),
    .fields = FIELD(templates),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};

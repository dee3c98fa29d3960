/* texts.c - see texts.h. */

#include "methods/pid/texts.h"

#include <math.h>
#include <string.h>

/* Pairs of texts that a pair of words needs. */
#define PAIRS_OF_UNIT 5
#define MOST_WORDS    256
#define MOST_TEXTS    ((int64_t)1 << 14)

typedef struct builder {
    ds_pid_texts *out;
    const ds_tokenizer *tokenizer;
    const ds_pid_options
        *o; /* whose prompt and words are copies in the arena, since units hand them out */
} builder;

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for the texts of a decomposition");
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* What stands for each of two words: NULL where it is taken away. */
typedef struct choice {
    const char *word[2];
} choice;

/* True if the tokenizer reads both texts alike. */
static ds_status same_tokens(bool *same, const ds_tokenizer *t, const char *x, const char *y,
                             ds_error *err)
{
    ds_tokens *a = NULL, *b = NULL;
    ds_status st = ds_tokenizer_encode(t, &a, x, err);

    if (st == DS_OK)
        st = ds_tokenizer_encode(t, &b, y, err);
    if (st == DS_OK)
        *same =
            a->count == b->count && memcmp(a->ids, b->ids, (size_t)a->count * sizeof *a->ids) == 0;
    ds_tokens_free(a);
    ds_tokens_free(b);
    return st;
}

/* *text with `word` replaced, in the arena; unchanged if it is replaced by itself. */
static ds_status replace(builder *b, const char **text, const char *word, const char *by,
                         ds_error *err)
{
    char *made;
    ds_status st;

    if (by != NULL && strcmp(by, word) == 0)
        return DS_OK;
    st = ds_prompt_replace(&made, b->tokenizer, *text, word, b->o->removal, by, NULL, err);
    if (st != DS_OK)
        return st;
    *text = ds__arena_printf(&b->out->arena, "%s", made);
    ds_free(made);
    return *text != NULL ? DS_OK : no_memory(err);
}

static ds_status in_the_prompt(builder *b, const char **text, const char *const word[2], bool same,
                               choice c, ds_error *err)
{
    ds_status st;

    *text = b->o->prompt;
    if (same)
        return replace(b, text, word[0], c.word[c.word[0] == NULL], err);
    st = replace(b, text, word[0], c.word[0], err);
    return st == DS_OK ? replace(b, text, word[1], c.word[1], err) : st;
}

static ds_status alone(builder *b, const char **text, const char *const word[2], bool same,
                       choice c, ds_error *err)
{
    const char *first = c.word[0], *second = c.word[1];

    if (first == NULL || second == NULL || same) {
        *text = first != NULL ? first : second != NULL ? second : "";
        return DS_OK;
    }
    if (b->o->joint == DS_PID_JOINT_PROMPT && first == word[0] && second == word[1]) {
        *text = b->o->prompt;
        return DS_OK;
    }
    if (b->o->joint == DS_PID_JOINT_PROMPT)
        return in_the_prompt(b, text, word, same, c, err);
    *text = ds__arena_printf(&b->out->arena, "%s %s%s", first,
                             b->o->joint == DS_PID_JOINT_AND ? "and " : "", second);
    return *text != NULL ? DS_OK : no_memory(err);
}

static int64_t index_of(ds_pid_texts *out, const char *text)
{
    for (int64_t i = 0; i < out->texts; i++)
        if (strcmp(out->text[i], text) == 0)
            return i;
    out->text[out->texts] = text;
    return out->texts++;
}

/* The number of the text in which the words are replaced by a choice. */
static ds_status text_of(builder *b, int64_t *index, const char *const word[2], bool same, choice c,
                         ds_error *err)
{
    const char *text = NULL;
    ds_status st = b->o->given == DS_PID_GIVEN_CONTEXT ? in_the_prompt(b, &text, word, same, c, err)
                                                       : alone(b, &text, word, same, c, err);

    if (st == DS_OK)
        *index = index_of(b->out, text);
    return st;
}

static int64_t pair_of(ds_pid_texts *out, int64_t with, int64_t without)
{
    for (int64_t i = 0; i < out->pairs; i++)
        if (out->pair[i].with == with && out->pair[i].without == without)
            return i;
    out->pair[out->pairs] = (ds_info_pair){ with, without };
    return out->pairs++;
}

/* ---- pairs of words -------------------------------------------------------------------------- */

/* at: the numbers of the base text, A's, B's, and that of both */
static void put_unit(ds_pid_texts *out, int64_t word_a, int64_t word_b, const int64_t at[4])
{
    out->unit[out->units++] = (ds_pid_pair){ .word_a = word_a,
                                             .word_b = word_b,
                                             .i_a = pair_of(out, at[1], at[0]),
                                             .i_b = pair_of(out, at[2], at[0]),
                                             .i_ab = pair_of(out, at[3], at[0]),
                                             .chain = pair_of(out, at[3], at[1]),
                                             .contrast = pair_of(out, at[1], at[2]),
                                             .base = out->text[at[0]],
                                             .a = out->text[at[1]],
                                             .b = out->text[at[2]],
                                             .ab = out->text[at[3]] };
}

static ds_status add_unit(builder *b, int64_t word_a, int64_t word_b, ds_error *err)
{
    const char *word[2] = { b->o->word[word_a], b->o->word[word_b] };
    const choice choices[4] = {
        { { NULL, NULL } }, { { word[0], NULL } }, { { NULL, word[1] } }, { { word[0], word[1] } }
    };
    int64_t at[4];
    bool same = false;
    ds_status st = same_tokens(&same, b->tokenizer, word[0], word[1], err);

    for (int i = 0; st == DS_OK && i < 4; i++)
        st = text_of(b, &at[i], word, same, choices[i], err);
    if (st != DS_OK)
        return st;
    put_unit(b->out, word_a, word_b, at);
    return DS_OK;
}

static ds_status add_units(builder *b, ds_error *err)
{
    int64_t first = b->o->first_only ? 1 : b->o->words - 1;
    ds_status st = DS_OK;

    for (int64_t i = 0; i < first; i++)
        for (int64_t j = i + 1; st == DS_OK && j < b->o->words; j++)
            st = add_unit(b, i, j, err);
    return st;
}

/* Copied: like the other texts, they live as long as `out`. */
static ds_status add_quads(builder *b, ds_error *err)
{
    for (int64_t q = 0; q < b->o->quads; q++) {
        const ds_pid_quad *quad = &b->o->quad[q];
        const char *text[4] = { quad->base, quad->a, quad->b, quad->ab };
        int64_t at[4];

        for (int i = 0; i < 4; i++) {
            const char *copy = ds__arena_printf(&b->out->arena, "%s", text[i]);

            if (copy == NULL)
                return no_memory(err);
            at[i] = index_of(b->out, copy);
        }
        put_unit(b->out, -1, -1, at);
    }
    return DS_OK;
}

/* ---- vocabularies ---------------------------------------------------------------------------- */

static ds_status add_prior(builder *b, int k, ds_error *err)
{
    const ds_pid_vocabulary *v = &b->o->vocabulary[k];
    ds_pid_words *w = &b->out->vocabulary;
    double sum = 0.0;
    bool there = false;

    w->count[k] = v->count;
    w->prior[k] = ds__arena_alloc(&b->out->arena, (size_t)v->count * sizeof(double));
    w->single[k] = ds__arena_alloc(&b->out->arena, (size_t)v->count * sizeof(int64_t));
    if (w->prior[k] == NULL || w->single[k] == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < v->count; i++) {
        if (!(v->prior[i] > 0) || isinf(v->prior[i]))
            return ds_fail(err, DS_E_ARG, "vocabulary: \"%s\" has probability %g, expected above 0",
                           v->word[i], v->prior[i]);
        sum += v->prior[i];
        there = there || strcmp(v->word[i], b->o->word[k]) == 0;
    }
    if (!there)
        return ds_fail(err, DS_E_ARG, "vocabulary: it lacks the word \"%s\" itself", b->o->word[k]);
    for (int64_t i = 0; i < v->count; i++)
        w->prior[k][i] = v->prior[i] / sum;
    return DS_OK;
}

/* The alternatives of word k, which texts may consist of: copied, so that they live as long as `out`. */
static ds_status copy_words(builder *b, const char ***out, int k, ds_error *err)
{
    const ds_pid_vocabulary *v = &b->o->vocabulary[k];
    const char **word = ds__arena_alloc(&b->out->arena, (size_t)v->count * sizeof *word);

    *out = word;
    if (word == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < v->count; i++)
        if ((word[i] = ds__arena_printf(&b->out->arena, "%s", v->word[i])) == NULL)
            return no_memory(err);
    return DS_OK;
}

static ds_status add_vocabulary(builder *b, ds_error *err)
{
    ds_pid_words *w = &b->out->vocabulary;
    const char **word[2] = { NULL, NULL };
    int64_t base = 0, at = 0;
    ds_status st = DS_OK;

    for (int k = 0; k < 2 && st == DS_OK; k++) {
        st = add_prior(b, k, err);
        if (st == DS_OK)
            st = copy_words(b, &word[k], k, err);
    }
    if (st != DS_OK)
        return st;
    w->joint =
        ds__arena_alloc(&b->out->arena, (size_t)(w->count[0] * w->count[1]) * sizeof *w->joint);
    if (w->joint == NULL)
        return no_memory(err);
    st = text_of(b, &base, b->o->word, false, (choice){ { NULL, NULL } }, err);
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; st == DS_OK && i < w->count[k]; i++) {
            choice c = { { NULL, NULL } };

            c.word[k] = word[k][i];
            st = text_of(b, &at, b->o->word, false, c, err);
            w->single[k][i] = pair_of(b->out, at, base);
        }
    for (int64_t i = 0; st == DS_OK && i < w->count[0] * w->count[1]; i++) {
        choice c = { { word[0][i / w->count[1]], word[1][i % w->count[1]] } };

        st = text_of(b, &at, b->o->word, false, c, err);
        w->joint[i] = pair_of(b->out, at, base);
    }
    return st;
}

/* ---- all ------------------------------------------------------------------------------------- */

static bool blank(const char *text)
{
    return text == NULL || text[strspn(text, " \t\r\n")] == '\0';
}

static ds_status check(const ds_pid_options *o, ds_error *err)
{
    if (o->quads < 0 || o->quads > MOST_TEXTS / 4)
        return ds_fail(err, DS_E_ARG, "expected at most %lld decompositions, found %lld",
                       (long long)(MOST_TEXTS / 4), (long long)o->quads);
    if (o->quads > 0)
        return DS_OK;
    if (o->words < 2 || o->words > MOST_WORDS)
        return ds_fail(err, DS_E_ARG, "expected 2 to %d words, found %lld", MOST_WORDS,
                       (long long)o->words);
    for (int64_t i = 0; i < o->words; i++)
        if (blank(o->word[i]))
            return ds_fail(err, DS_E_ARG, "word %lld is empty", (long long)i + 1);
    if (o->prompt == NULL && o->given == DS_PID_GIVEN_CONTEXT)
        return ds_fail(err, DS_E_ARG, "a context is that of a prompt: none is given");
    if (o->prompt == NULL && o->joint == DS_PID_JOINT_PROMPT)
        return ds_fail(err, DS_E_ARG, "the prompt is to stand for both words: none is given");
    if (o->vocabulary == NULL)
        return DS_OK;
    if (o->words != 2)
        return ds_fail(err, DS_E_ARG, "vocabularies are for two words, found %lld",
                       (long long)o->words);
    for (int k = 0; k < 2; k++)
        if (o->vocabulary[k].count < 1 || o->vocabulary[k].count > MOST_WORDS)
            return ds_fail(err, DS_E_ARG, "a vocabulary of 1 to %d words, found %lld", MOST_WORDS,
                           (long long)o->vocabulary[k].count);
    return DS_OK;
}

static ds_status reserve(builder *b, ds_error *err)
{
    const ds_pid_options *o = b->o;
    int64_t units = o->quads > 0    ? o->quads
                    : o->first_only ? o->words - 1
                                    : o->words * (o->words - 1) / 2;
    int64_t extra = 0;
    ds_pid_texts *out = b->out;

    if (o->quads == 0 && o->vocabulary != NULL)
        extra = (o->vocabulary[0].count + 1) * (o->vocabulary[1].count + 1);
    out->text = ds__arena_alloc(&out->arena, (size_t)(4 * units + extra) * sizeof *out->text);
    out->pair =
        ds__arena_alloc(&out->arena, (size_t)(PAIRS_OF_UNIT * units + extra) * sizeof *out->pair);
    out->unit = ds__arena_alloc(&out->arena, (size_t)units * sizeof *out->unit);
    return out->text != NULL && out->pair != NULL && out->unit != NULL ? DS_OK : no_memory(err);
}

/* Before one is taken away: the message lists the words of the whole prompt. */
static ds_status check_words(builder *b, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < b->o->words; i++) {
        char *made = NULL;

        st = ds_prompt_replace(&made, b->tokenizer, b->o->prompt, b->o->word[i], DS_REMOVE_DELETE,
                               NULL, NULL, err);
        ds_free(made);
    }
    return st;
}

/* A word that the prompt lacks may be meant (is a nurse drawn as a woman?) or misspelt. */
static ds_status warn(builder *b, ds_error *err)
{
    const char *missing = NULL;

    for (int64_t i = 0; b->o->prompt != NULL && i < b->o->words; i++) {
        ds_error ignored = { 0 };
        char *made = NULL;
        ds_status st = ds_prompt_replace(&made, b->tokenizer, b->o->prompt, b->o->word[i],
                                         DS_REMOVE_DELETE, NULL, NULL, &ignored);

        ds_free(made);
        if (st == DS_E_NOMATCH && missing == NULL)
            missing = b->o->word[i];
    }
    if (missing == NULL)
        return DS_OK;
    b->out->warning =
        ds__arena_printf(&b->out->arena, "the word \"%s\" does not stand in the prompt", missing);
    return b->out->warning != NULL ? DS_OK : no_memory(err);
}

/* The caller may end the life of its strings after ds_pid_new. */
static ds_status copy_strings(ds_arena *a, ds_pid_options *o, ds_error *err)
{
    const char **word = ds__arena_alloc(a, (size_t)(o->words + 1) * sizeof *word);

    if (word == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < o->words; i++)
        if ((word[i] = ds__arena_printf(a, "%s", o->word[i])) == NULL)
            return no_memory(err);
    o->word = word;
    if (o->prompt != NULL && (o->prompt = ds__arena_printf(a, "%s", o->prompt)) == NULL)
        return no_memory(err);
    return DS_OK;
}

ds_status ds__pid_texts(ds_pid_texts *out, const ds_tokenizer *t, const ds_pid_options *given,
                        ds_error *err)
{
    ds_pid_options copy = *given;
    const ds_pid_options *o = &copy;
    builder b = { out, t, o };
    ds_status st;

    *out = (ds_pid_texts){ .texts = 0 };
    st = check(o, err);
    if (st == DS_OK && o->quads == 0)
        st = copy_strings(&out->arena, &copy, err);
    if (st == DS_OK && o->quads == 0 && o->given == DS_PID_GIVEN_CONTEXT)
        st = check_words(&b, err);
    if (st == DS_OK)
        st = reserve(&b, err);
    if (st == DS_OK)
        st = o->quads > 0 ? add_quads(&b, err) : add_units(&b, err);
    if (st == DS_OK && o->quads == 0 && o->vocabulary != NULL)
        st = add_vocabulary(&b, err);
    if (st == DS_OK && out->texts > MOST_TEXTS)
        st = ds_fail(err, DS_E_ARG, "%lld texts: expected at most %lld", (long long)out->texts,
                     (long long)MOST_TEXTS);
    return st == DS_OK && o->quads == 0 ? warn(&b, err) : st;
}

void ds__pid_texts_free(ds_pid_texts *t)
{
    ds__arena_free(&t->arena);
    *t = (ds_pid_texts){ .texts = 0 };
}

/* texts.c - captions that are wrong in a known way. See eval.h. */

#include "studies/info/eval.h"

#include <stdio.h>
#include <string.h>

#include <diffuscope/rng.h>

const char *const ds__wrong_kinds[EVAL_INFO_KINDS] = { "attribute", "relation", "order" };

/* The caption with two spans replaced, the first before the second. */
static char *rewrite(const char *caption, int64_t a, int64_t a_end, const char *for_a, int64_t b,
                     int64_t b_end, const char *for_b)
{
    size_t room = strlen(caption) + strlen(for_a) + strlen(for_b) + 1;
    char *out = ds_alloc(room);

    if (out != NULL)
        snprintf(out, room, "%.*s%s%.*s%s%s", (int)a, caption, for_a, (int)(b - a_end),
                 caption + a_end, for_b, caption + b_end);
    return out;
}

/* ---- attributes ------------------------------------------------------------------------------- */

static const char *opposite(const char *size)
{
    static const char *const small[] = { "tiny", "small", "little" };
    static const char *const large[] = { "big", "large", "huge" };

    for (size_t i = 0; i < DS_COUNT(small); i++) {
        if (strcmp(size, small[i]) == 0)
            return large[i];
        if (strcmp(size, large[i]) == 0)
            return small[i];
    }
    return NULL;
}

/* Two different sizes are exchanged; a single one becomes its opposite. */
char *ds__wrong_attribute(const ds_truth_scene *s)
{
    const ds_truth_word *first = NULL;

    for (int64_t i = 0; i < s->word_count; i++) {
        const ds_truth_word *w = &s->words[i];

        if (strcmp(w->role, "size") != 0)
            continue;
        if (first != NULL && first->end <= w->begin && strcmp(first->text, w->text) != 0)
            return rewrite(s->caption, first->begin, first->end, w->text, w->begin, w->end,
                           first->text);
        if (first == NULL)
            first = w;
    }
    if (first == NULL || opposite(first->text) == NULL)
        return NULL;
    return rewrite(s->caption, first->begin, first->end, opposite(first->text), first->end,
                   first->end, "");
}

/* ---- relations -------------------------------------------------------------------------------- */

static bool is_placed(const char *between, size_t n)
{
    static const char *const words[] = { "left",  "right",   "above",  "below", "over",
                                         "under", "beneath", "inside", "top" };
    char text[256];

    snprintf(text, sizeof text, "%.*s", (int)(n < 255 ? n : 255), between);
    for (size_t i = 0; i < DS_COUNT(words); i++)
        if (strstr(text, words[i]) != NULL)
            return true;
    return false;
}

char *ds__wrong_relation(const ds_truth_scene *s)
{
    const ds_truth_word *first = NULL;

    for (int64_t i = 0; i < s->word_count; i++) {
        const ds_truth_word *w = &s->words[i];

        if (strcmp(w->role, "object") != 0)
            continue;
        if (first == NULL) {
            first = w;
            continue;
        }
        if (first->entity == w->entity || first->end > w->begin ||
            strcmp(first->text, w->text) == 0 ||
            !is_placed(s->caption + first->end, (size_t)(w->begin - first->end)))
            return NULL;
        return rewrite(s->caption, first->begin, first->end, w->text, w->begin, w->end,
                       first->text);
    }
    return NULL;
}

/* ---- order ------------------------------------------------------------------------------------ */

char *ds__wrong_order(const ds_truth_scene *s, uint64_t seed)
{
    const char *word[128];
    size_t length[128], n = 0, at = 0;
    char *out = ds_alloc(strlen(s->caption) + 2);
    ds_rng rng;

    for (const char *c = s->caption; *c != '\0' && n < DS_COUNT(word);) {
        c += strspn(c, " ");
        if (*c == '\0')
            break;
        word[n] = c;
        length[n] = strcspn(c, " ");
        c += length[n++];
    }
    if (out == NULL || n < 4) {
        ds_free(out);
        return NULL;
    }
    ds_rng_init(&rng, DS_RNG_TORCH_CUDA, seed);
    for (size_t left = n; left > 0; left--) {
        size_t k = ds_rng_u32(&rng) % left;

        memcpy(out + at, word[k], length[k]);
        at += length[k];
        out[at++] = ' ';
        word[k] = word[left - 1];
        length[k] = length[left - 1];
    }
    out[at - 1] = '\0';
    return out;
}

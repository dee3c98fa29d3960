/* sampler_names.c - the spellings of A1111, ComfyUI, diffusers and ours lead to one row. */

#include "pipeline/sampler_impl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 48 };

/* "DPM++ 2M Karras" -> "dpm++2mkarras" */
static void normalise(char out[LONGEST], const char *name)
{
    int n = 0;

    for (; *name != '\0' && n < LONGEST - 1; name++)
        if (isalnum((unsigned char)*name) || *name == '+')
            out[n++] = (char)tolower((unsigned char)*name);
    out[n] = '\0';
}

static void drop_suffix(char *word, const char *suffix, bool *dropped)
{
    size_t n = strlen(word), m = strlen(suffix);

    if (n > m && strcmp(word + n - m, suffix) == 0) {
        word[n - m] = '\0';
        *dropped = true;
    }
}

static bool answers_to(const ds_sampler_class *c, const char *word)
{
    char own[LONGEST];
    bool dropped;

    normalise(own, c->name);
    if (strcmp(own, word) == 0)
        return true;
    normalise(own, c->diffusers);
    drop_suffix(own, "scheduler", &dropped);
    if (strcmp(own, word) == 0)
        return true;
    for (int i = 0; i < DS_SAMPLER_ALIASES && c->alias[i] != NULL; i++)
        if (strcmp(c->alias[i], word) == 0)
            return true;
    return false;
}

/* Levenshtein distance of two normalised words. */
static int distance(const char *a, const char *b)
{
    int row[LONGEST + 1], m = (int)strlen(b);

    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; a[i - 1] != '\0'; i++) {
        int diagonal = row[0];

        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

/* "a, b, c": the samplers at most `limit` letters away, all if limit is negative. */
static int list(char *buf, size_t size, const char *word, int limit)
{
    int found = 0;
    size_t used = 0;

    buf[0] = '\0';
    for (int i = 0; i < ds__sampler_count; i++) {
        char own[LONGEST];

        normalise(own, ds__samplers[i].name);
        if ((limit < 0 || distance(word, own) <= limit) && used < size)
            used += (size_t)snprintf(buf + used, size - used, "%s%s", found++ > 0 ? ", " : "",
                                     ds__samplers[i].name);
    }
    return found;
}

ds_status ds__sampler_find(const ds_sampler_class **out, bool *karras, const char *name,
                           ds_error *err)
{
    char word[LONGEST], near[160], all[160];
    bool dropped = false;

    normalise(word, name);
    drop_suffix(word, "karras", karras);
    drop_suffix(word, "scheduler", &dropped);
    for (int i = 0; i < ds__sampler_count; i++) {
        if (answers_to(&ds__samplers[i], word)) {
            *out = &ds__samplers[i];
            return DS_OK;
        }
    }
    list(all, sizeof all, word, -1);
    if (list(near, sizeof near, word, 2) > 0)
        return ds_fail(err, DS_E_NOMATCH, "unknown sampler \"%s\"; near are %s; known are %s", name,
                       near, all);
    return ds_fail(err, DS_E_NOMATCH, "unknown sampler \"%s\"; known are %s", name, all);
}

/* near.c - which word a misspelt one was meant to be. */

#include <diffuscope/option.h>

#include <string.h>

#include "base/near.h"

const char *ds_near_match(const char *word, const char *const *words, int count)
{
    int limit = 1 + (int)strlen(word) / 3;
    const char *best = NULL;

    for (int i = 0; i < count; i++) {
        int d = ds__edits(word, words[i]);

        if (d < limit || (d == limit && best == NULL)) {
            limit = d;
            best = words[i];
        }
    }
    for (int i = 0; i < count && best == NULL; i++)
        if (strlen(word) >= 3 && strncmp(word, words[i], strlen(word)) == 0)
            best = words[i];
    return best;
}

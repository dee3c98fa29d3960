/* truth_build.c - what the readers of the kinds of folders share: one entry more, and the place of a
 * name in a caption. */

#include "data/truth.h"

#include <ctype.h>
#include <string.h>

ds__truth_entry *ds__truth_add(ds_truth *t)
{
    if (t->count == t->room) {
        int64_t room = t->room > 0 ? 2 * t->room : 64;
        ds__truth_entry *more = ds_calloc((size_t)room, sizeof *more);

        if (more == NULL)
            return NULL;
        if (t->count > 0)
            memcpy(more, t->entries, (size_t)t->count * sizeof *more);
        ds_free(t->entries);
        t->entries = more;
        t->room = room;
    }
    return &t->entries[t->count++];
}

/* ---- names in captions ----------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 128;
}

/* Length of `name` at text, in any case, with an s or es that may follow; -1 if it is not there. */
static int64_t name_at(const char *text, const char *name)
{
    int64_t n = 0;

    while (name[n] != '\0') {
        if (tolower((unsigned char)text[n]) != tolower((unsigned char)name[n]))
            return -1;
        n++;
    }
    if (n == 0)
        return -1;
    if (is_letter(text[n]) && tolower((unsigned char)text[n]) == 'e' &&
        tolower((unsigned char)text[n + 1]) == 's' && !is_letter(text[n + 2]))
        return n + 2;
    if (tolower((unsigned char)text[n]) == 's' && !is_letter(text[n + 1]))
        return n + 1;
    return is_letter(text[n]) ? -1 : n;
}

bool ds_truth_find_name(const char *text, const char *name, int64_t *begin, int64_t *end)
{
    for (int64_t i = 0; text[i] != '\0'; i++) {
        int64_t n = i > 0 && is_letter(text[i - 1]) ? -1 : name_at(text + i, name);

        if (n > 0) {
            *begin = i;
            *end = i + n;
            return true;
        }
    }
    return false;
}

/* select.c - see select.h. */

#include "methods/daam/select.h"

#include "pipeline/sites.h"

#include <stdlib.h>
#include <string.h>

enum { WORD = 200 };

/* The word that begins at *at, into buf; moves *at behind the comma. False at the end. */
static bool next_word(const char **at, char buf[WORD])
{
    size_t n = strcspn(*at, ",");

    if (**at == '\0')
        return false;
    memcpy(buf, *at, n < WORD ? n : WORD - 1);
    buf[n < WORD ? n : WORD - 1] = '\0';
    *at += n + ((*at)[n] == ',');
    return true;
}

/* "3" or "3-5" */
static bool read_range(const char *word, int64_t *first, int64_t *last)
{
    char *end;

    if (word[0] < '0' || word[0] > '9')
        return false;
    *first = *last = strtoll(word, &end, 10);
    if (*end == '-' && end[1] >= '0' && end[1] <= '9')
        *last = strtoll(end + 1, &end, 10);
    return *end == '\0' && *last >= *first && *last < INT32_MAX;
}

bool ds__select_has(const char *list, int64_t i, const char *name)
{
    char word[WORD];
    int64_t first, last;

    if (list == NULL)
        return true;
    while (next_word(&list, word))
        if (read_range(word, &first, &last) ? i >= first && i <= last
                                            : name != NULL && ds__site_matches(word, name))
            return true;
    return false;
}

ds_status ds__select_check(const char *list, const char *what, bool names, ds_error *err)
{
    const char *at = list;
    char word[WORD];
    int64_t first, last;
    bool digit;

    if (list == NULL)
        return DS_OK;
    while (next_word(&at, word)) {
        digit = word[0] >= '0' && word[0] <= '9';
        if (!read_range(word, &first, &last) && (digit || !names || word[0] == '\0')) {
            ds_fail(err, DS_E_ARG,
                    "%s: expected numbers and ranges such as 0,3-5%s, found \"%.60s\"", what,
                    names ? " or a pattern over names" : "", list);
            return ds_fail_at(err, DS_E_ARG, what, -1);
        }
    }
    return list[0] != '\0' ? DS_OK
                           : ds_fail(err, DS_E_ARG, "%s: expected a list, found nothing", what);
}

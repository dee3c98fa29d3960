/* near.c - see near.h. */

#include "base/near.h"

#include <stdio.h>
#include <string.h>

enum { LENGTH = 160, NEAREST = 3 };

/* Edits between two names; a star of the pattern stands for anything at no cost. */
static int distance(const char *pattern, const char *name)
{
    int row[LENGTH + 1];
    int n = (int)strnlen(name, LENGTH);

    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (; *pattern != '\0'; pattern++) {
        int diagonal = row[0];

        row[0] += *pattern != '*';
        for (int j = 1; j <= n; j++) {
            int keep = diagonal + (*pattern != name[j - 1]);
            int best = row[j] + (*pattern != '*');
            int skip = row[j - 1] + (*pattern != '*');

            diagonal = row[j];
            best = best < skip ? best : skip;
            row[j] = *pattern != '*' && keep < best ? keep : best;
        }
    }
    return row[n];
}

/* Puts i among the nearest so far, each with its distance; the earlier of equals stays in front. */
static void keep(int64_t best[], int far[], int64_t i, int d)
{
    for (int k = 0; k < NEAREST; k++)
        if (best[k] < 0 || d < far[k]) {
            int64_t other = best[k];
            int further = far[k];

            best[k] = i;
            far[k] = d;
            i = other;
            d = further;
            if (i < 0)
                break;
        }
}

ds_status ds__no_match(const char *what, const char *pattern, ds_name_at *name, const void *user,
                       int64_t count, ds_error *err)
{
    int64_t best[NEAREST] = { -1, -1, -1 };
    int far[NEAREST] = { 0 };
    char near[400] = "";

    for (int64_t i = 0; i < count; i++)
        keep(best, far, i, distance(pattern, name(user, i)));
    for (int k = 0; k < NEAREST && best[k] >= 0; k++)
        snprintf(near + strlen(near), sizeof near - strlen(near), "%s%s", k == 0 ? "" : ", ",
                 name(user, best[k]));
    ds_fail(err, DS_E_NOMATCH, "no %s matches %.120s; near: %s", what, pattern, near);
    return ds_fail_at(err, DS_E_NOMATCH, pattern, -1);
}

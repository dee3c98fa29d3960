/* near.c - see near.h. */

#include "base/near.h"

#include <stdio.h>
#include <string.h>

enum { LENGTH = 160, NEAREST = 3 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Optimal string alignment, two rows back, with stars. */
int ds__edits(const char *pattern, const char *name)
{
    int d[3][LENGTH + 1];
    const int n = (int)strnlen(pattern, LENGTH), m = (int)strnlen(name, LENGTH);

    for (int j = 0; j <= m; j++)
        d[0][j] = j;
    for (int i = 1; i <= n; i++) {
        const int *last = d[(i + 2) % 3], *before = d[(i + 1) % 3];
        const int star = pattern[i - 1] == '*', cost = star ? 0 : 1;
        int *now = d[i % 3];

        now[0] = last[0] + cost;
        for (int j = 1; j <= m; j++) {
            now[j] = least(last[j] + cost, now[j - 1] + cost);
            if (!star)
                now[j] = least(now[j], last[j - 1] + (pattern[i - 1] != name[j - 1]));
            if (i > 1 && j > 1 && pattern[i - 1] == name[j - 2] && pattern[i - 2] == name[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return d[n % 3][m];
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
        keep(best, far, i, ds__edits(pattern, name(user, i)));
    for (int k = 0; k < NEAREST && best[k] >= 0; k++)
        snprintf(near + strlen(near), sizeof near - strlen(near), "%s%s", k == 0 ? "" : ", ",
                 name(user, best[k]));
    ds_fail(err, DS_E_NOMATCH, "no %s matches %.120s; near: %s", what, pattern, near);
    return ds_fail_at(err, DS_E_NOMATCH, pattern, -1);
}

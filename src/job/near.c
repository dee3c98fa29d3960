/* near.c - which word a misspelt one was meant to be. */

#include <diffuscope/option.h>

#include <string.h>

#define LONGEST 64

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Number of letters to insert, drop, change or swap with a neighbour (optimal string alignment). */
static int distance(const char *a, const char *b)
{
    int d[3][LONGEST + 1];
    int n = (int)strlen(a), m = (int)strlen(b);

    if (n > LONGEST || m > LONGEST)
        return LONGEST;
    for (int j = 0; j <= m; j++)
        d[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = d[i % 3], *last = d[(i + 2) % 3], *before = d[(i + 1) % 3];

        now[0] = i;
        for (int j = 1; j <= m; j++) {
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return d[n % 3][m];
}

const char *ds_near_match(const char *word, const char *const *words, int count)
{
    int limit = 1 + (int)strlen(word) / 3;
    const char *best = NULL;

    for (int i = 0; i < count; i++) {
        int d = distance(word, words[i]);

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

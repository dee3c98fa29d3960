/* correction.c - see correction.h. */

#include "stats/correction.h"

#include <math.h>
#include <stdlib.h>

const char *ds__correction_words(ds_correction how)
{
    static const char *const words[] = {
        "Holm: the chance of one or more false findings among all comparisons is at most 5 %",
        "Benjamini and Hochberg: of the differences that are called found, at most 5 % are "
        "expected to be false",
        "none: each comparison is read as if it were the only one"
    };

    return words[how];
}

typedef struct placed {
    double p;
    int64_t at;
} placed;

static int by_p(const void *a, const void *b)
{
    const placed *x = a, *y = b;

    if (x->p < y->p || x->p > y->p)
        return x->p < y->p ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* From the least p upwards. */
static void holm(double *out, const placed *s, int64_t m)
{
    double most = 0.0;

    for (int64_t i = 0; i < m; i++) {
        most = fmax(most, (double)(m - i) * s[i].p);
        out[s[i].at] = fmin(1.0, most);
    }
}

/* From the largest downwards. */
static void fdr(double *out, const placed *s, int64_t m)
{
    double least = 1.0;

    for (int64_t i = m - 1; i >= 0; i--) {
        least = fmin(least, (double)m * s[i].p / (double)(i + 1));
        out[s[i].at] = least;
    }
}

ds_status ds__correct(double *out, const double *p, int64_t n, ds_correction how, ds_error *err)
{
    placed *s = ds_calloc((size_t)n + 1, sizeof *s);
    int64_t m = 0;

    if (s == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %lld comparisons", (long long)n);
    for (int64_t i = 0; i < n; i++)
        if (!isnan(p[i]))
            s[m++] = (placed){ p[i], i };
    for (int64_t i = 0; i < n; i++)
        out[i] = p[i];
    qsort(s, (size_t)m, sizeof *s, by_p);
    if (how == DS_CORRECTION_HOLM)
        holm(out, s, m);
    else if (how == DS_CORRECTION_FDR)
        fdr(out, s, m);
    ds_free(s);
    return DS_OK;
}

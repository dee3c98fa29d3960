/* select.c - see select.h. */

#include "methods/component/select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The value that stands at place k (from 0) of v in descending order; v is reordered. Hoare's
 * selection with the median of three. */
static float kth_largest(float *v, int64_t n, int64_t k)
{
    int64_t low = 0, high = n - 1;

    while (low < high) {
        float a = v[low], b = v[low + (high - low) / 2], c = v[high];
        float pivot = a > b ? (b > c ? b : a > c ? c : a) : (a > c ? a : b > c ? c : b);
        int64_t i = low, j = high;

        while (i <= j) {
            while (v[i] > pivot)
                i++;
            while (v[j] < pivot)
                j--;
            if (i <= j) {
                float t = v[i];

                v[i++] = v[j];
                v[j--] = t;
            }
        }
        if (k <= j)
            high = j;
        else if (k >= i)
            low = i;
        else
            break;
    }
    return v[k];
}

/* A run of scores that compete: `n` of them, given as several pieces. */
typedef struct piece {
    const float *score;
    uint8_t *chosen;
    int64_t n;
} piece;

/* The k with the largest sign * score among those above zero. scratch: room for all. */
static int64_t take(const piece *p, int64_t pieces, int64_t k, float sign, float *scratch)
{
    int64_t n = 0, taken = 0, ties;
    float least;

    for (int64_t i = 0; i < pieces; i++)
        for (int64_t j = 0; j < p[i].n; j++)
            if (sign * p[i].score[j] > 0.0f)
                scratch[n++] = sign * p[i].score[j];
    k = k < n ? k : n;
    if (k < 1)
        return 0;
    least = kth_largest(scratch, n, k - 1);
    ties = k;
    for (int64_t i = 0; i < n; i++)
        ties -= scratch[i] > least;
    for (int64_t i = 0; i < pieces; i++)
        for (int64_t j = 0; j < p[i].n; j++) {
            float s = sign * p[i].score[j];

            if (s > least || (s == least && ties-- > 0)) {
                p[i].chosen[j] = 1;
                taken++;
            }
        }
    return taken;
}

static int64_t how_many(const ds_selection *how, int64_t n)
{
    return how->count > 0 ? how->count : (int64_t)floor(how->ratio * (double)n);
}

static int64_t choose(const piece *p, int64_t pieces, const ds_selection *how, float *scratch)
{
    int64_t n = 0, k, total = 0;

    for (int64_t i = 0; i < pieces; i++)
        n += p[i].n;
    k = how_many(how, n);
    if (how->sign != DS_KEEP_NEGATIVE)
        total += take(p, pieces, k, 1.0f, scratch);
    if (how->sign != DS_KEEP_POSITIVE)
        total += take(p, pieces, k, -1.0f, scratch);
    return total;
}

static int64_t choose_by_matrix(const ds_scored *m, const ds_selection *how, float *scratch)
{
    bool rows = how->pick == DS_PICK_ROW;
    int64_t runs = rows ? m->rows : 1, n = rows ? m->columns : m->rows * m->columns, total = 0;

    for (int64_t r = 0; r < runs; r++) {
        piece p = { m->score + r * n, m->chosen + r * n, n };

        total += choose(&p, 1, how, scratch);
    }
    return total;
}

ds_status ds__select(const ds_scored *matrix, int64_t matrices, const ds_selection *how,
                     int64_t *total, ds_error *err)
{
    int64_t all = 0, most = 1, chosen = 0;
    piece *p = ds_calloc((size_t)matrices + 1, sizeof *p);
    float *scratch;

    for (int64_t i = 0; i < matrices; i++) {
        int64_t n = matrix[i].rows * matrix[i].columns;

        memset(matrix[i].chosen, 0, (size_t)n);
        all += n;
        most = n > most ? n : most;
        if (p != NULL)
            p[i] = (piece){ matrix[i].score, matrix[i].chosen, n };
    }
    scratch = ds_calloc((size_t)(how->pick == DS_PICK_GLOBAL ? all + 1 : most), sizeof *scratch);
    if (scratch != NULL && p != NULL) {
        if (how->pick == DS_PICK_GLOBAL)
            chosen = choose(p, matrices, how, scratch);
        for (int64_t i = 0; how->pick != DS_PICK_GLOBAL && i < matrices; i++)
            chosen += choose_by_matrix(&matrix[i], how, scratch);
    }
    ds_free(p);
    ds_free(scratch);
    if (total != NULL)
        *total = chosen;
    return scratch == NULL || p == NULL
               ? ds_fail(err, DS_E_NOMEM, "no memory to rank %lld weights", (long long)all)
               : DS_OK;
}

/* ---- the first k ----------------------------------------------------------------------------- */

typedef struct ranked {
    float score;
    int64_t index;
} ranked;

static int descending(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->index > y->index ? 1 : -1;
}

int64_t ds__top(int64_t *index, const float *score, int64_t n, int64_t k)
{
    ranked *r = ds_calloc((size_t)n + 1, sizeof *r);

    if (r == NULL)
        return -1;
    for (int64_t i = 0; i < n; i++)
        r[i] = (ranked){ score[i], i };
    qsort(r, (size_t)n, sizeof *r, descending);
    k = k < n ? k : n;
    for (int64_t i = 0; i < k; i++)
        index[i] = r[i].index;
    ds_free(r);
    return k;
}

double ds__overlap(const float *a, const float *b, int64_t n, int64_t k)
{
    int64_t *top = ds_calloc(2 * (size_t)k + 1, sizeof *top), both = 0;
    uint8_t *in = ds_calloc((size_t)n + 1, 1);
    double share = NAN;

    k = k < n ? k : n;
    if (top != NULL && in != NULL && k > 0 && ds__top(top, a, n, k) == k &&
        ds__top(top + k, b, n, k) == k) {
        for (int64_t i = 0; i < k; i++)
            in[top[i]] = 1;
        for (int64_t i = 0; i < k; i++)
            both += in[top[k + i]];
        share = (double)both / (double)k;
    }
    ds_free(top);
    ds_free(in);
    return share;
}

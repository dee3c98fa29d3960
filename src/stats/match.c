/* match.c - which prediction stands for which truth where nobody has named them. */

#include <diffuscope/score.h>

#include <math.h>

/* The Hungarian method with potentials, O(rows^2 columns), for rows <= columns:
 *
 *     u[i] + v[j] <= cost[i][j] for all pairs, with equality for assigned ones.
 *
 * Each row is added by a shortest augmenting path in the reduced costs. Arrays are indexed from 1;
 * index 0 stands for the row that is being added. */
typedef struct hungarian {
    double *u, *v, *least; /* [rows+1], [columns+1], [columns+1] */
    int64_t *row, *from;   /* [columns+1]: row of a column, previous column on the path */
    bool *done;            /* [columns+1] */
} hungarian;

static double cost(const double *score, int64_t columns, bool turned, int64_t i, int64_t j)
{
    double s = turned ? score[j * columns + i] : score[i * columns + j];

    return isnan(s) ? 0.0 : -s;
}

static void add_row(hungarian *h, const double *score, int64_t columns, bool turned, int64_t wide,
                    int64_t i)
{
    int64_t at = 0;

    h->row[0] = i;
    for (int64_t j = 0; j <= wide; j++) {
        h->least[j] = INFINITY;
        h->done[j] = false;
    }
    do {
        int64_t r = h->row[at], next = 0;
        double delta = INFINITY;

        h->done[at] = true;
        for (int64_t j = 1; j <= wide; j++) {
            double slack;

            if (h->done[j])
                continue;
            slack = cost(score, columns, turned, r - 1, j - 1) - h->u[r] - h->v[j];
            if (slack < h->least[j]) {
                h->least[j] = slack;
                h->from[j] = at;
            }
            if (h->least[j] < delta) {
                delta = h->least[j];
                next = j;
            }
        }
        for (int64_t j = 0; j <= wide; j++)
            if (h->done[j]) {
                h->u[h->row[j]] += delta;
                h->v[j] -= delta;
            } else {
                h->least[j] -= delta;
            }
        at = next;
    } while (h->row[at] != 0);
    while (at != 0) {
        int64_t before = h->from[at];

        h->row[at] = h->row[before];
        at = before;
    }
}

ds_status ds_assign(int64_t *column, const double *score, int64_t rows, int64_t columns,
                    ds_error *err)
{
    bool turned = rows > columns; /* the method wants the shorter side as rows */
    int64_t tall = turned ? columns : rows, wide = turned ? rows : columns;
    hungarian h = {
        ds_calloc((size_t)tall + 1, sizeof(double)),  ds_calloc((size_t)wide + 1, sizeof(double)),
        ds_calloc((size_t)wide + 1, sizeof(double)),  ds_calloc((size_t)wide + 1, sizeof(int64_t)),
        ds_calloc((size_t)wide + 1, sizeof(int64_t)), ds_calloc((size_t)wide + 1, sizeof(bool))
    };
    ds_status st = DS_OK;

    for (int64_t i = 0; i < rows; i++)
        column[i] = -1;
    if (!h.u || !h.v || !h.least || !h.row || !h.from || !h.done) {
        st = ds_fail(err, DS_E_NOMEM, "assignment: %lld x %lld", (long long)rows,
                     (long long)columns);
    } else {
        for (int64_t i = 1; i <= tall; i++)
            add_row(&h, score, columns, turned, wide, i);
        for (int64_t j = 1; j <= wide; j++)
            if (h.row[j] != 0)
                column[turned ? j - 1 : h.row[j] - 1] = turned ? h.row[j] - 1 : j - 1;
    }
    ds_free(h.u);
    ds_free(h.v);
    ds_free(h.least);
    ds_free(h.row);
    ds_free(h.from);
    ds_free(h.done);
    return st;
}

ds_status ds_match_masks(ds_match *out, const double *score, int64_t rows, int64_t columns,
                         ds_error *err)
{
    int64_t *column = ds_calloc((size_t)rows + 1, sizeof *column);
    ds_status st;

    *out = (ds_match){ NAN, NAN, NAN };
    if (column == NULL)
        return ds_fail(err, DS_E_NOMEM, "match: %lld masks", (long long)rows);
    st = ds_assign(column, score, rows, columns, err);
    if (st == DS_OK && rows > 0) {
        *out = (ds_match){ 0.0, 0.0, 0.0 };
        for (int64_t i = 0; i < rows; i++) {
            double best = 0.0;

            for (int64_t j = 0; j < columns; j++)
                best = score[i * columns + j] > best ? score[i * columns + j] : best;
            out->best += best / (double)rows;
            if (i < columns && !isnan(score[i * columns + i]))
                out->labelled += score[i * columns + i] / (double)rows;
            if (column[i] >= 0 && !isnan(score[i * columns + column[i]]))
                out->hungarian += score[i * columns + column[i]] / (double)rows;
        }
    }
    ds_free(column);
    return st;
}

/* ---- over a data set ------------------------------------------------------------------------- */

struct ds_clusters {
    int64_t classes, clusters;
    double *sum;     /* [classes, clusters] of IoU */
    int64_t *seen;   /* [classes] pictures that show a class */
    int64_t *pixels; /* [classes, clusters] of one picture, then [classes], then [clusters] */
};

ds_status ds_clusters_new(ds_clusters **out, int64_t classes, int64_t clusters, ds_error *err)
{
    ds_clusters *c = ds_calloc(1, sizeof *c);
    size_t cells;

    *out = NULL;
    if (classes < 1 || clusters < 1 || !ds_mul_size((size_t)classes, (size_t)clusters, &cells)) {
        ds_free(c);
        return ds_fail(err, DS_E_ARG, "clusters: %lld classes, %lld clusters", (long long)classes,
                       (long long)clusters);
    }
    if (c != NULL) {
        c->classes = classes;
        c->clusters = clusters;
        c->sum = ds_calloc(cells, sizeof *c->sum);
        c->seen = ds_calloc((size_t)classes, sizeof *c->seen);
        c->pixels = ds_calloc(cells + (size_t)classes + (size_t)clusters, sizeof *c->pixels);
    }
    if (c == NULL || c->sum == NULL || c->seen == NULL || c->pixels == NULL) {
        ds_clusters_free(c);
        return ds_fail(err, DS_E_NOMEM, "clusters: %lld x %lld", (long long)classes,
                       (long long)clusters);
    }
    *out = c;
    return DS_OK;
}

void ds_clusters_free(ds_clusters *c)
{
    if (c == NULL)
        return;
    ds_free(c->sum);
    ds_free(c->seen);
    ds_free(c->pixels);
    ds_free(c);
}

ds_status ds_clusters_add(ds_clusters *c, const int32_t *truth, const int32_t *predicted, int64_t n,
                          ds_error *err)
{
    int64_t cells = c->classes * c->clusters;
    int64_t *both = c->pixels, *a = both + cells, *b = a + c->classes;

    for (int64_t i = 0; i < cells + c->classes + c->clusters; i++)
        c->pixels[i] = 0;
    for (int64_t i = 0; i < n; i++) {
        if (truth[i] >= c->classes || predicted[i] >= c->clusters)
            return ds_fail(err, DS_E_ARG, "clusters: class %d of %lld, cluster %d of %lld",
                           (int)truth[i], (long long)c->classes, (int)predicted[i],
                           (long long)c->clusters);
        if (truth[i] >= 0)
            a[truth[i]]++;
        if (predicted[i] >= 0)
            b[predicted[i]]++;
        if (truth[i] >= 0 && predicted[i] >= 0)
            both[truth[i] * c->clusters + predicted[i]]++;
    }
    for (int64_t i = 0; i < c->classes; i++) {
        if (a[i] == 0)
            continue;
        c->seen[i]++;
        for (int64_t j = 0; j < c->clusters; j++) {
            int64_t k = i * c->clusters + j;

            c->sum[k] += ds_overlap_iou((ds_overlap){ a[i], b[j], both[k] });
        }
    }
    return DS_OK;
}

ds_status ds_clusters_score(const ds_clusters *c, ds_match *out, int64_t *cluster_of, ds_error *err)
{
    double *mean = ds_calloc((size_t)(c->classes * c->clusters), sizeof *mean);
    int64_t *column = ds_calloc((size_t)c->classes, sizeof *column), seen = 0;
    ds_status st;

    *out = (ds_match){ NAN, NAN, NAN };
    if (mean == NULL || column == NULL) {
        st = ds_fail(err, DS_E_NOMEM, "clusters: %lld classes", (long long)c->classes);
    } else {
        for (int64_t i = 0; i < c->classes; i++)
            for (int64_t j = 0; c->seen[i] > 0 && j < c->clusters; j++)
                mean[i * c->clusters + j] = c->sum[i * c->clusters + j] / (double)c->seen[i];
        for (int64_t i = 0; i < c->classes; i++)
            seen += c->seen[i] > 0;
        st = ds_match_masks(out, mean, c->classes, c->clusters, err);
        if (st == DS_OK) {
            double all = (double)c->classes / (double)seen; /* classes never shown score 0 above */

            *out = (ds_match){ out->labelled * all, out->best * all, out->hungarian * all };
            st = ds_assign(cluster_of != NULL ? cluster_of : column, mean, c->classes, c->clusters,
                           err);
        }
    }
    ds_free(mean);
    ds_free(column);
    return st;
}

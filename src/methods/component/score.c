/* score.c - see score.h. */

#include "methods/component/score.h"

#include <math.h>
#include <string.h>

void ds__scores_clear(component_scores *s)
{
    for (int g = 0; g < DS_GRANULARITIES; g++) {
        ds_free(s->list[g].piece);
        ds_free(s->list[g].score);
        ds_free(s->list[g].se);
        ds_free(s->list[g].exact);
    }
    ds_free(s->top);
    ds_free(s->top_true);
    ds_free(s->integrated);
    ds_free(s->mean);
    ds_free(s->se);
    ds_free(s->half[0]);
    ds_free(s->half[1]);
    memset(s, 0, sizeof *s);
}

float ds__list_value(const component_list *l, int64_t i)
{
    return l->exact != NULL ? l->exact[i] : l->score[i];
}

/* ---- first order ----------------------------------------------------------------------------- */

/* The error of a sum over parts needs their covariances: scores of the groups are added up first. */
static ds_status errors(component_list *l, const component_work *w, int64_t first, int64_t pairs,
                        ds_error *err)
{
    const ds_draws *d = &w->draws;
    int64_t groups = 0;
    double *sum, *n;

    for (int64_t i = 0; i < d->count; i++)
        groups = d->group[i] + 1 > groups ? d->group[i] + 1 : groups;
    sum = ds_calloc((size_t)groups, sizeof *sum);
    n = ds_calloc((size_t)groups, sizeof *n);
    for (int64_t c = 0; sum != NULL && n != NULL && c < l->count; c++) {
        double square = 0.0;
        int64_t k = 0;

        memset(sum, 0, (size_t)groups * sizeof *sum);
        memset(n, 0, (size_t)groups * sizeof *n);
        for (int64_t i = 0; i < d->count; i++)
            if (d->pair[i] >= first && d->pair[i] < first + pairs) {
                sum[d->group[i]] +=
                    ds__component_score(&l->piece[c], w->sites, d->score + i * d->units);
                n[d->group[i]] += 1.0;
            }
        for (int64_t g = 0; g < groups; g++)
            if (n[g] > 0) {
                square += pow(sum[g] / n[g] - l->score[c], 2);
                k++;
            }
        l->se[c] = k > 1 ? (float)sqrt(square / (double)(k - 1) / (double)k) : NAN;
    }
    ds_free(sum);
    ds_free(n);
    return sum != NULL && n != NULL ? DS_OK
                                    : ds_fail(err, DS_E_NOMEM, "no memory for standard errors");
}

static ds_status fill_list(component_list *l, const component_scores *s, const component_work *w,
                           ds_granularity g, ds_error *err)
{
    const int64_t first = w->first[s->concept_], pairs = w->first[s->concept_ + 1] - first;
    float *half[2];
    ds_status st;

    l->g = g;
    l->count = ds__components_of(NULL, 0, w->sites, g);
    l->piece = ds_calloc((size_t)l->count + 1, sizeof *l->piece);
    l->score = ds_calloc((size_t)l->count + 1, sizeof *l->score);
    l->se = ds_calloc((size_t)l->count + 1, sizeof *l->se);
    half[0] = ds_calloc(2 * (size_t)l->count + 2, sizeof *half[0]);
    if (l->piece == NULL || l->score == NULL || l->se == NULL || half[0] == NULL) {
        ds_free(half[0]);
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of components");
    }
    half[1] = half[0] + l->count;
    ds__components_of(l->piece, l->count, w->sites, g);
    for (int64_t i = 0; i < l->count; i++) {
        l->score[i] = ds__component_score(&l->piece[i], w->sites, s->mean);
        for (int h = 0; h < 2; h++)
            half[h][i] = ds__component_score(&l->piece[i], w->sites, s->half[h]);
    }
    st = errors(l, w, first, pairs, err);
    l->overlap = ds__overlap(half[0], half[1], l->count,
                             l->count < 4 * DS_OVERLAP_PLACES ? l->count / 4 : DS_OVERLAP_PLACES);
    if (st == DS_OK && isnan(l->overlap) && l->count >= 4)
        st = ds_fail(err, DS_E_NOMEM, "no memory to compare the halves of the draws");
    ds_free(half[0]);
    return st;
}

static void objective(component_scores *s, const component_work *w)
{
    const ds_draws *d = &w->draws;
    double square = 0.0;
    int64_t groups = 0;

    s->j = ds__component_objective(w, s->concept_);
    for (int64_t g = 0; g < d->count; g++) {
        double sum = 0.0;
        int64_t n = 0;

        for (int64_t i = 0; i < d->count; i++)
            if (d->group[i] == g && d->pair[i] >= w->first[s->concept_] &&
                d->pair[i] < w->first[s->concept_ + 1]) {
                sum += d->j[i];
                n++;
            }
        if (n > 0) {
            square += pow(sum / (double)n - s->j, 2);
            groups++;
        }
    }
    s->j_se = groups > 1 ? sqrt(square / (double)(groups - 1) / (double)groups) : NAN;
}

ds_status ds__scores_get(component_scores *s, const component_work *w, int64_t concept_,
                         ds_error *err)
{
    const ds_draws *d = &w->draws;
    const int64_t first = w->first[concept_], pairs = w->first[concept_ + 1] - first;
    const size_t n = (size_t)d->units + 1;
    ds_status st = DS_OK;

    memset(s, 0, sizeof *s);
    s->concept_ = concept_;
    s->mean = ds_calloc(n, sizeof *s->mean);
    s->se = ds_calloc(n, sizeof *s->se);
    s->half[0] = ds_calloc(n, sizeof *s->mean);
    s->half[1] = ds_calloc(n, sizeof *s->mean);
    if (s->mean == NULL || s->se == NULL || s->half[0] == NULL || s->half[1] == NULL ||
        ds__draws_mean(s->mean, s->se, d, first, pairs, -1) < 0 ||
        ds__draws_mean(s->half[0], NULL, d, first, pairs, 0) < 0 ||
        ds__draws_mean(s->half[1], NULL, d, first, pairs, 1) < 0)
        return ds_fail(err, DS_E_NOMEM, "no memory for scores");
    objective(s, w);
    for (int g = DS_NEURONS; st == DS_OK && g < DS_GRANULARITIES; g++)
        st = fill_list(&s->list[g], s, w, (ds_granularity)g, err);
    return st;
}

/* ---- exact ----------------------------------------------------------------------------------- */

static ds_status exact_list(component_list *l, component_scores *s, component_work *w, ds_job *j,
                            ds_ablation *a, ds_error *err)
{
    const int64_t first = w->first[s->concept_], pairs = w->first[s->concept_ + 1] - first;
    ds_status st = DS_OK;

    l->exact = ds_calloc((size_t)l->count + 1, sizeof *l->exact);
    if (l->exact == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for exact effects");
    for (int64_t i = 0; st == DS_OK && i < l->count; i++) {
        double without;

        ds__ablation_open(a);
        ds__ablation_close(a, l->piece[i].site, l->piece[i].first, l->piece[i].count);
        st = ds__ablation_run(a, &without, &w->draws, first, pairs, s->exact_draws, err);
        l->exact[i] = (float)(s->exact_j - without);
        if (st == DS_OK)
            st = ds__job_progress(j, ds__granularity_names[l->g], i + 1, l->count, err);
    }
    return st;
}

ds_status ds__scores_exact(component_scores *s, component_work *w, ds_job *j, int64_t draws,
                           ds_error *err)
{
    static const ds_granularity which[] = { DS_HEADS, DS_LAYERS, DS_BLOCKS };
    const int64_t first = w->first[s->concept_], pairs = w->first[s->concept_ + 1] - first;
    ds_measure_options o = w->o;
    ds_ablation *a;
    ds_status st;

    o.batch = draws < w->q.batch ? draws : w->q.batch;
    s->exact_draws = draws;
    st = ds__ablation_new(&a, w->model, w->sites, w->noise, &o, err);
    if (st == DS_OK)
        st = ds__ablation_run(a, &s->exact_j, &w->draws, first, pairs, draws, err);
    for (size_t i = 0; st == DS_OK && i < DS_COUNT(which); i++)
        st = exact_list(&s->list[which[i]], s, w, j, a, err);
    if (st == DS_OK)
        s->exact_rows = ds__ablation_rows(a);
    ds__ablation_free(a);
    return st;
}

ds_status ds__scores_exact_neurons(component_scores *s, component_work *w, ds_job *j, int64_t n,
                                   ds_error *err)
{
    const component_list *l = &s->list[DS_NEURONS];
    const int64_t first = w->first[s->concept_], pairs = w->first[s->concept_ + 1] - first;
    double whole = 0.0, without;
    ds_measure_options o = w->o;
    ds_ablation *a = NULL;
    ds_status st = DS_OK;

    s->top = ds_calloc((size_t)n + 1, sizeof *s->top);
    s->top_true = ds_calloc((size_t)n + 1, sizeof *s->top_true);
    if (s->top == NULL || s->top_true == NULL ||
        (s->tops = ds__top(s->top, l->score, l->count, n)) < 0)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of neurons");
    o.batch = w->draws.count < w->q.batch ? w->draws.count : w->q.batch;
    st = ds__ablation_new(&a, w->model, w->sites, w->noise, &o, err);
    if (st == DS_OK)
        st = ds__ablation_run(a, &whole, &w->draws, first, pairs, 0, err);
    for (int64_t i = 0; st == DS_OK && i < s->tops; i++) {
        const ds_piece *p = &l->piece[s->top[i]];

        ds__ablation_open(a);
        ds__ablation_close(a, p->site, p->first, p->count);
        st = ds__ablation_run(a, &without, &w->draws, first, pairs, 0, err);
        s->top_true[i] = (float)(whole - without);
        if (st == DS_OK)
            st = ds__job_progress(j, "neurons", i + 1, s->tops, err);
    }
    if (st == DS_OK)
        s->exact_rows += ds__ablation_rows(a);
    ds__ablation_free(a);
    return st;
}

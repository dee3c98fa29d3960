/* score_keep.c - numbers, tensors, figures and page of scores. */

#include "methods/component/score_keep.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diffuscope/chart.h>
#include <diffuscope/figure.h>
#include <diffuscope/page.h>

/* Rows of the published recipe for one concept: 1,275 guided steps, 50 pairs of predictions, and 50
 * backward passes of a batch of two (method page, section 4). */
enum { OFFICIAL_ROWS = 2 * 1275 + 100 + 100 };

/* ---- numbers --------------------------------------------------------------------------------- */

static json_t *top_json(const component_list *l, const component_scores *s, const component_work *w,
                        int64_t most)
{
    json_t *list = json_array();
    float *value = ds_calloc((size_t)l->count + 1, sizeof *value);
    int64_t *top = ds_calloc((size_t)most + 1, sizeof *top), n = 0;

    for (int64_t i = 0; value != NULL && i < l->count; i++)
        value[i] = ds__list_value(l, i);
    if (value != NULL && top != NULL)
        n = ds__top(top, value, l->count, most);
    for (int64_t k = 0; k < n; k++) {
        const int64_t i = top[k];
        char name[320];
        json_t *o =
            json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "name",
                      ds__component_name(name, sizeof name, &l->piece[i], w->sites, l->g), "site",
                      w->sites->site[l->piece[i].site].site, "part", (json_int_t)l->piece[i].first,
                      "score", ds__json_real(l->score[i]), "se", ds__json_real(l->se[i]), "share",
                      ds__json_real(value[i] / (l->exact != NULL ? s->exact_j : s->j)));

        if (l->exact != NULL)
            json_object_set_new(o, "exact", ds__json_real(l->exact[i]));
        if (s->integrated != NULL)
            json_object_set_new(
                o, "integrated",
                ds__json_real(ds__component_score(&l->piece[i], w->sites, s->integrated)));
        json_array_append_new(list, o);
    }
    if (value == NULL || top == NULL || n < 0) {
        json_decref(list);
        list = NULL;
    }
    ds_free(value);
    ds_free(top);
    return list;
}

/* {timestep, objective, share}: which part of J each time step makes up. */
static json_t *steps_json(const component_scores *s, const component_work *w)
{
    const ds_draws *d = &w->draws;
    json_t *list = json_array();
    double all = 0.0;

    for (int64_t i = 0; i < d->count; i++)
        if (d->pair[i] >= w->first[s->concept_] && d->pair[i] < w->first[s->concept_ + 1])
            all += d->j[i];
    for (int64_t i = 0; i < d->count && json_array_size(list) < 1000; i++) {
        double sum = 0.0;
        int64_t n = 0;
        bool seen = false;

        for (int64_t k = 0; k < i; k++)
            seen = seen || d->t[k] == d->t[i];
        for (int64_t k = i; !seen && k < d->count; k++)
            if (d->t[k] == d->t[i] && d->pair[k] >= w->first[s->concept_] &&
                d->pair[k] < w->first[s->concept_ + 1]) {
                sum += d->j[k];
                n++;
            }
        if (n > 0)
            json_array_append_new(
                list, json_pack("{s:o, s:o, s:o}", "timestep", ds__json_real(d->t[i]), "objective",
                                ds__json_real(sum / (double)n), "share", ds__json_real(sum / all)));
    }
    return list;
}

/* Neurons that were removed one by one. */
static json_t *neurons_json(const component_scores *s, const component_work *w)
{
    const component_list *l = &s->list[DS_NEURONS];
    json_t *list = json_array();

    for (int64_t i = 0; i < s->tops; i++) {
        char name[320];

        json_array_append_new(
            list,
            json_pack("{s:s, s:o, s:o}", "name",
                      ds__component_name(name, sizeof name, &l->piece[s->top[i]], w->sites, l->g),
                      "score", ds__json_real(l->score[s->top[i]] / s->j), "exact",
                      ds__json_real(s->top_true[i] / s->j)));
    }
    return list;
}

static json_t *scores_json(const component_scores *s, const component_work *w, int64_t top)
{
    json_t *tops = json_object(), *overlaps = json_object();
    bool bad = false;

    for (int g = DS_NEURONS; g < DS_GRANULARITIES; g++) {
        bad = json_object_set_new(tops, ds__granularity_names[g],
                                  top_json(&s->list[g], s, w, top)) != 0 ||
              bad;
        json_object_set_new(overlaps, ds__granularity_names[g], ds__json_real(s->list[g].overlap));
    }
    if (bad) {
        json_decref(tops);
        json_decref(overlaps);
        return NULL;
    }
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o}", "concept", w->q.concept_.text[s->concept_], "objective",
        ds__json_value((ds_value){ s->j, s->j_se, NAN, NAN, w->draws.count }, NULL), "by_step",
        steps_json(s, w), "top", tops, "overlap", overlaps, "neurons", neurons_json(s, w));
}

static json_t *cost_json(const component_scores *s, int64_t concepts, const component_work *w)
{
    ds_measure_cost c = ds__measure_cost(w->measure);
    int64_t exact = 0;
    double all;

    for (int64_t k = 0; k < concepts; k++)
        exact += s[k].exact_rows;
    c.forward += w->cost.forward;
    c.backward += w->cost.backward;
    all = (double)(c.forward + c.backward + exact) / (double)concepts;
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:I}", "rows_forward", (json_int_t)c.forward,
                     "rows_backward", (json_int_t)c.backward, "rows_exact", (json_int_t)exact,
                     "official_rows", (json_int_t)OFFICIAL_ROWS, "share_of_official",
                     ds__json_real(all / OFFICIAL_ROWS), "gradient_bytes",
                     (json_int_t)c.gradient_bytes);
}

ds_status ds__scores_numbers(const component_scores *s, int64_t concepts, const component_work *w,
                             const char *model, int64_t top, ds_result *r, ds_error *err)
{
    json_t *list = json_array();
    ds_status st = ds__result_set(r, "question", ds__component_question_json(w, model), err);

    for (int64_t k = 0; st == DS_OK && k < concepts; k++)
        if (json_array_append_new(list, scores_json(&s[k], w, top)) != 0)
            st = ds_fail(err, DS_E_NOMEM, "no memory for lists of components");
    if (st == DS_OK)
        st = ds__result_set(r, "concepts", json_incref(list), err);
    json_decref(list);
    return st == DS_OK ? ds__result_set(r, "cost", cost_json(s, concepts, w), err) : st;
}

void ds__scores_say(const component_scores *s, const component_work *w, ds_result *r)
{
    static const ds_granularity shown[] = { DS_NEURONS, DS_HEADS, DS_LAYERS };

    ds__result_say(r, "%s: J = %.4g ± %.2g over %lld draws\n", w->q.concept_.text[s->concept_],
                   s->j, s->j_se, (long long)w->draws.count);
    for (size_t k = 0; k < DS_COUNT(shown); k++) {
        const component_list *l = &s->list[shown[k]];
        float *value = ds_calloc((size_t)l->count + 1, sizeof *value);
        int64_t top[5], n;

        for (int64_t i = 0; value != NULL && i < l->count; i++)
            value[i] = ds__list_value(l, i);
        n = value != NULL ? ds__top(top, value, l->count, 5) : 0;
        ds__result_say(r, "  %-8s halves share %.0f %% of the first\n",
                       ds__granularity_names[shown[k]], 100.0 * l->overlap);
        for (int64_t i = 0; i < n; i++) {
            char name[320];

            ds__result_say(
                r, "    %6.1f %% %s  %s\n",
                100.0 * value[top[i]] / (l->exact != NULL ? s->exact_j : s->j),
                l->exact != NULL ? "(exact)" : "       ",
                ds__component_name(name, sizeof name, &l->piece[top[i]], w->sites, l->g));
        }
        ds_free(value);
    }
}

/* ---- tensors --------------------------------------------------------------------------------- */

static const char *prefixed(char *buf, size_t size, int64_t concept_, const char *what,
                            const char *name)
{
    if (concept_ == 0)
        snprintf(buf, size, "%s.%s", what, name);
    else
        snprintf(buf, size, "concept%lld.%s.%s", (long long)concept_, what, name);
    return buf;
}

static ds_status keep_sites(const component_scores *s, const component_work *w, ds_result *r,
                            ds_error *err)
{
    ds_status st = DS_OK;
    char name[400];

    for (int64_t i = 0; st == DS_OK && i < w->sites->count; i++) {
        const ds_component_site *c = &w->sites->site[i];
        const int64_t at = ds__measure_offset(w->sites, i);
        const char *what = c->parts > 1 ? "score" : "layer";

        st = ds__result_floats(r, prefixed(name, sizeof name, s->concept_, what, c->site),
                               DS_DIMS(c->parts), s->mean + at, err);
        if (st == DS_OK && s->integrated != NULL)
            st = ds__result_floats(r,
                                   prefixed(name, sizeof name, s->concept_,
                                            c->parts > 1 ? "integrated" : "integrated_layer",
                                            c->site),
                                   DS_DIMS(c->parts), s->integrated + at, err);
        what = c->parts > 1 ? "score_se" : "layer_se";
        if (st == DS_OK)
            st = ds__result_floats(r, prefixed(name, sizeof name, s->concept_, what, c->site),
                                   DS_DIMS(c->parts), s->se + at, err);
    }
    for (int g = 0; st == DS_OK && g < DS_GRANULARITIES; g++)
        if (s->list[g].exact != NULL)
            st = ds__result_floats(
                r, prefixed(name, sizeof name, s->concept_, "exact", ds__granularity_names[g]),
                DS_DIMS(s->list[g].count), s->list[g].exact, err);
    return st;
}

/* Each layer's map, and its score for each draw: [draws,layers]. */
static ds_status keep_maps(const component_work *w, ds_result *r, ds_error *err)
{
    ds_status st = DS_OK;
    char name[400];
    ds_tensor *t;

    for (int64_t i = 0; st == DS_OK && i < w->sites->count; i++) {
        const ds_component_site *c = &w->sites->site[i];
        const double *map = ds__measure_map(w->measure, i);

        if (map == NULL)
            continue;
        st = ds__result_tensor(r, &t, prefixed(name, sizeof name, 0, "map", c->site),
                               DS_DIMS(c->height, c->width), err);
        for (int64_t p = 0; st == DS_OK && p < c->height * c->width; p++)
            ((float *)t->data)[p] = (float)(map[p] / (double)w->draws.count);
        if (st == DS_OK)
            st = ds__result_tensor(r, &t, prefixed(name, sizeof name, 0, "draw", c->site),
                                   DS_DIMS(w->draws.count), err);
        for (int64_t d = 0; st == DS_OK && d < w->draws.count; d++)
            ((float *)t->data)[d] =
                w->draws.score[d * w->draws.units + ds__measure_offset(w->sites, i)];
    }
    return st;
}

ds_status ds__scores_gradients(const component_work *w, ds_result *r, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < ds__measure_gradients(w->measure); i++) {
        const float *half[2];
        char full[400];
        ds_tensor shape, *t;
        const char *name = ds__measure_gradient(w->measure, i, 0, &half[0], &shape);

        ds__measure_gradient(w->measure, i, 1, &half[1], &shape);
        snprintf(full, sizeof full, "gradient.%s", name);
        st = ds__result_tensor(r, &t, full, shape.rank, shape.dim, err);
        for (int64_t k = 0; st == DS_OK && k < ds_tensor_count(&shape); k++)
            ((float *)t->data)[k] =
                (half[0] != NULL ? half[0][k] : 0.0f) + (half[1] != NULL ? half[1][k] : 0.0f);
    }
    return st;
}

ds_status ds__scores_tensors(const component_scores *s, int64_t concepts, const component_work *w,
                             ds_result *r, ds_error *err)
{
    ds_status st = ds__component_keep_draws(w, r, err);

    for (int64_t k = 0; st == DS_OK && k < concepts; k++)
        st = keep_sites(&s[k], w, r, err);
    return st == DS_OK ? keep_maps(w, r, err) : st;
}

/* ---- figures --------------------------------------------------------------------------------- */

/* Layers of each block, by time step, as shares of J: [blocks,steps]. */
static ds_status block_chart(const component_scores *s, const component_work *w, char **svg,
                             ds_error *err)
{
    const ds_draws *d = &w->draws;
    enum { MOST = 24 };
    float time[MOST];
    char label[MOST][16];
    const char *columns[MOST];
    int64_t steps = 0, rows = w->sites->blocks;
    double *v;
    ds_matrix m = DS_MATRIX_INIT;
    ds_status st;

    for (int64_t i = 0; i < d->count; i++) {
        int64_t k = 0;

        while (k < steps && time[k] != d->t[i])
            k++;
        if (k == steps && steps < MOST)
            time[steps++] = d->t[i];
    }
    v = ds_calloc((size_t)(rows * steps) + 1, sizeof *v);
    if (v == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a chart");
    for (int64_t i = 0; i < d->count; i++)
        for (int64_t c = 0; c < w->sites->count; c++)
            for (int64_t k = 0; k < steps; k++)
                if (w->sites->site[c].kind == DS_UNIT_LAYER && time[k] == d->t[i])
                    v[w->sites->site[c].block * steps + k] +=
                        100.0 * d->score[i * d->units + ds__measure_offset(w->sites, c)] /
                        (s->j * (double)d->count);
    for (int64_t k = 0; k < steps; k++) {
        snprintf(label[k], sizeof label[k], "t %.0f", time[k]);
        columns[k] = label[k];
    }
    m.title = "Contribution of each block's layers at each time step";
    m.rows = rows;
    m.columns = steps;
    m.values = v;
    m.row_names = w->sites->block_name;
    m.column_names = columns;
    m.unit = "% of J";
    m.colors = DS_COLORS_DIVERGING;
    st = ds_matrix_svg(svg, &m, err);
    ds_free(v);
    return st;
}

/* The sum of all layers' maps on the latent's own grid: a coarse place is spread evenly. */
static void add_up(float *out, const component_work *w)
{
    for (int64_t i = 0; i < w->sites->count; i++) {
        const ds_component_site *c = &w->sites->site[i];
        const double *map = ds__measure_map(w->measure, i);
        int64_t fy, fx;

        if (map == NULL || c->kind != DS_UNIT_LAYER)
            continue;
        fy = (w->height + c->height - 1) / c->height;
        fx = (w->width + c->width - 1) / c->width;
        for (int64_t p = 0; p < w->height * w->width; p++)
            out[p] += (float)(map[p / w->width / fy * c->width + p % w->width / fx] /
                              (double)(fy * fx * w->draws.count));
    }
}

static ds_status decode(ds_image *out, const component_work *w, ds_error *err)
{
    ds_autoencoder_options o = DS_AUTOENCODER_OPTIONS_INIT;
    const int64_t wide = w->width * w->info.factor, high = w->height * w->info.factor;
    float *planes = ds_alloc((size_t)(3 * wide * high) * sizeof *planes);
    ds_autoencoder *a = NULL;
    ds_status st = planes == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a picture") : DS_OK;

    *out = (ds_image){ 0 };
    o.height = w->height;
    o.width = w->width;
    if (st == DS_OK)
        st = ds_autoencoder_new(&a, w->model, &o, err);
    if (st == DS_OK)
        st = ds_decode(a, planes, w->draws.end, err);
    if (st == DS_OK)
        st = ds_image_from_planes(out, planes, wide, high, err);
    ds_autoencoder_free(a);
    ds_free(planes);
    return st;
}

static ds_status map_figure(const component_work *w, ds_result *r, ds_page *page, ds_error *err)
{
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_image picture = { 0 }, figure = { 0 };
    float *sum = ds_calloc((size_t)(w->height * w->width), sizeof *sum);
    ds_map map = { .values = sum, .width = w->width, .height = w->height };
    ds_status st = sum == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a map") : DS_OK;

    if (st == DS_OK)
        add_up(sum, w);
    if (st == DS_OK && w->draws.end != NULL)
        st = decode(&picture, w, err);
    o.picture = picture.rgb != NULL ? &picture : NULL;
    o.colors = DS_COLORS_DIVERGING;
    o.unit = "J per latent pixel";
    o.side = 320;
    if (st == DS_OK)
        st = ds_map_figure(&figure, "Where the layers act", &map, &o, err);
    if (st == DS_OK)
        st = ds_page_picture(page, &figure, "signed map of the contributions of all layers",
                             "The sum of all layers' contributions by place: orange makes the "
                             "concept, blue holds it back.",
                             err);
    if (st == DS_OK)
        st = ds__result_figure(r, "where", &figure, true, err);
    ds_image_clear(&picture);
    ds_image_clear(&figure);
    ds_free(sum);
    return st;
}

static ds_status list_table(const component_list *l, const component_scores *s,
                            const component_work *w, ds_page *page, ds_error *err)
{
    enum { ROWS = 12, COLUMNS = 4 };
    static const char *const head[COLUMNS] = { "component", "score, % of J", "± s.e.",
                                               "exact effect, %" };
    char text[ROWS][COLUMNS][340];
    const char *cells[ROWS * COLUMNS];
    float *value = ds_calloc((size_t)l->count + 1, sizeof *value);
    char caption[160];
    ds_table table = { .head = head, .cells = cells, .columns = COLUMNS, .caption = caption };
    int64_t top[ROWS];

    if (value == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a table");
    for (int64_t i = 0; i < l->count; i++)
        value[i] = ds__list_value(l, i);
    table.rows = ds__top(top, value, l->count, ROWS);
    ds_free(value);
    for (int64_t k = 0; k < table.rows; k++) {
        const int64_t i = top[k];

        ds__component_name(text[k][0], sizeof text[k][0], &l->piece[i], w->sites, l->g);
        snprintf(text[k][1], 40, "%.2f", 100.0 * l->score[i] / s->j);
        snprintf(text[k][2], 40, "%.2f", 100.0 * l->se[i] / s->j);
        snprintf(text[k][3], 40, "%.2f", l->exact != NULL ? 100.0 * l->exact[i] / s->exact_j : 0.0);
        for (int c = 0; c < COLUMNS; c++)
            cells[k * COLUMNS + c] = c == 3 && l->exact == NULL ? NULL : text[k][c];
    }
    snprintf(caption, sizeof caption, "%s: the first of %lld; halves of the draws share %.0f %%",
             ds__granularity_names[l->g], (long long)l->count, 100.0 * l->overlap);
    return ds_page_table(page, &table, err);
}

ds_status ds__scores_page(const component_scores *s, const component_work *w, ds_result *r,
                          ds_error *err)
{
    static const ds_granularity shown[] = { DS_NEURONS, DS_HEADS, DS_LAYERS, DS_BLOCKS, DS_CONVS };
    ds_page *page;
    char *svg = NULL;
    ds_status st = ds__result_page(r, &page, "Which components make it?", err);

    if (st == DS_OK)
        st = block_chart(s, w, &svg, err);
    if (st == DS_OK)
        st = ds_page_chart(page, svg, "Layers of a block, summed, by time step, in % of J.", err);
    ds_free(svg);
    if (st == DS_OK)
        st = map_figure(w, r, page, err);
    for (size_t i = 0; st == DS_OK && i < DS_COUNT(shown); i++)
        st = list_table(&s->list[shown[i]], s, w, page, err);
    return st;
}

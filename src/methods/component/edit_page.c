/* edit_page.c - see edit_page.h. */

#include "methods/component/edit_page.h"

#include <stdio.h>

#include <diffuscope/chart.h>
#include <diffuscope/figure.h>
#include <diffuscope/page.h>

#include "job/picture.h"

enum { STEPS = 20, COLUMNS = 8 };

static ds_status draw(job_picture *out, ds_job *j, ds_model *m, const component_work *w, int64_t i,
                      uint64_t seed, ds_error *err)
{
    const draw_options d = { .steps = STEPS, .cfg_scale = 3.0, .rng = "cpu", .sampler = "ddim" };
    ds_model *own = j->model;
    ds_status st;

    j->model = m;
    st = ds__picture_draw(out, j, &d, w->texts.text[2 * (i % w->pairs)], seed + (uint64_t)i, err);
    j->model = own;
    return st;
}

/* Two rows of panels: before, and below each the same seed after. */
static ds_status pictures(ds_job *j, const component_work *w, const edit_page *p, ds_page *page,
                          ds_error *err)
{
    const int64_t n = p->pictures < COLUMNS ? p->pictures : COLUMNS;
    job_picture drawn[2 * COLUMNS] = { 0 };
    ds_panel panel[2 * COLUMNS] = { 0 }, pairs[2 * COLUMNS] = { 0 };
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_image sheet = { 0 };
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < 2 * n; i++) {
        st = draw(&drawn[i], j, i < n ? j->model : p->edited, w, i % n, p->seed, err);
        panel[i] = (ds_panel){ .title = i < n ? "before" : "after", .picture = &drawn[i].shown };
    }
    for (int64_t i = 0; i < 2 * n; i++)
        pairs[i] = panel[i / 2 + (i % 2) * n];
    o.side = 160;
    if (st == DS_OK)
        st = ds_map_sheet(&sheet, NULL, panel, 2 * n, n, &o, err);
    if (st == DS_OK)
        st = ds_page_sheet(page, "Pictures of the concept before and after the edit", pairs, 2 * n,
                           &o, "The concept's text, with the same noise before and after.", err);
    if (st == DS_OK)
        st = ds__result_figure(j->result, "before-after", &sheet, true, err);
    ds_image_clear(&sheet);
    for (int64_t i = 0; i < 2 * n; i++)
        ds__picture_clear(&drawn[i]);
    return st;
}

static ds_status chart(const edit_page *p, ds_page *page, ds_error *err)
{
    const ds_series points = {
        .kind = DS_SERIES_POINTS, .count = p->sets, .x = p->predicted, .y = p->effect
    };
    ds_chart c = DS_CHART_INIT;
    char *svg = NULL;
    ds_status st;

    c.title = "Random sets of this size";
    c.x.label = "sum of scores";
    c.y.label = "true fall of J";
    c.series = &points;
    c.count = 1;
    st = ds_chart_svg(&svg, &c, err);
    if (st == DS_OK)
        st = ds_page_chart(
            page, svg,
            "Each point is a random set: what its scores predict, and by how much the "
            "objective falls when it is removed.",
            err);
    ds_free(svg);
    return st;
}

ds_status ds__edit_page(ds_job *j, const component_work *w, const edit_page *p, ds_error *err)
{
    ds_page *page;
    ds_status st = ds__result_page(j->result, &page, "An edit of components", err);

    if (st == DS_OK && p->pictures > 0 && p->edited != NULL)
        st = pictures(j, w, p, page, err);
    if (st == DS_OK && p->predicted != NULL && p->sets > 2)
        st = chart(p, page, err);
    if (st == DS_OK && p->dose != NULL)
        st = ds__dose_page(p->dose, page, err);
    return st;
}

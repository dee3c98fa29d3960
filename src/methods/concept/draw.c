/* draw.c - pictures and page of `concept`. See work.h. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diffuscope/chart.h>

#include "base/text.h"
#include "methods/concept/work.h"

/* ---- pictures ---------------------------------------------------------------------------------- */

ds_painter ds__concept_painter(const concept_work *w)
{
    return (ds_painter){ .model = w->job->model,
                         .sampling = { .sampler = w->o->sampler,
                                       .steps = (int)w->o->draw_steps,
                                       .guidance = w->o->draw_cfg,
                                       .batch = w->o->batch,
                                       .height = w->latent_height,
                                       .width = w->latent_width,
                                       .seed = w->o->seed,
                                       .cancel = w->job->o.cancel } };
}

static ds_status title_sheet(ds_image *out, ds_image *image, int64_t n, int64_t columns,
                             const char *const *title, const char *head, ds_error *err)
{
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_panel panel[64] = { { NULL } };

    for (int64_t i = 0; i < n && i < 64; i++)
        panel[i] = (ds_panel){ .title = title[i], .picture = &image[i] };
    o.side = 128;
    return ds_map_sheet(out, head, panel, n < 64 ? n : 64, columns, &o, err);
}

/* original / all words / N words, the same seeds in a row. */
static ds_status contact_sheet(concept_work *w, concept_lane *l, ds_error *err)
{
    static const char *const names[] = { "original", "all words", "first words" };
    const int64_t n = w->o->draw_count;
    ds_painter p = ds__concept_painter(w);
    ds_image image[48] = { { 0 } }, sheet = { 0 };
    const char *title[48];
    char head[160], name[160];
    float *token = ds_calloc((size_t)ds__words_width(&w->dictionary->words), sizeof *token);
    ds_sentences *s = NULL;
    ds_status st = token == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for a token")
                       : ds__sentences_new(&s, &w->templates, l->word, 0, n, w->tokenizer, err);

    for (int64_t row = 0; st == DS_OK && row < 3; row++) {
        if (row > 0)
            st = ds__mixture_tokens(token, &w->dictionary->words, l->fit[l->best].alpha,
                                    row == 2 ? l->top : NULL, l->n_top, err);
        for (int64_t i = 0; i < n; i++)
            title[row * n + i] = names[row];
        if (st == DS_OK)
            st = ds__paint(&p, image + row * n, NULL, s, row > 0 ? token : NULL, n, err);
    }
    snprintf(head, sizeof head, "%.100s", l->word);
    ds__mend_letters(head);
    if (st == DS_OK)
        st = title_sheet(&sheet, image, 3 * n, n, title, head, err);
    snprintf(name, sizeof name, "%.100s-sheet", l->word);
    if (st == DS_OK)
        st = ds__result_figure(w->job->result, name, &sheet, true, err);
    for (int i = 0; i < 48; i++)
        ds_image_clear(&image[i]);
    ds__sentences_free(s);
    ds_free(token);
    w->draw_passes += p.passes;
    w->decodes += p.decodes;
    return st;
}

/* The concept = its first four words, each drawn alone with the same seed. */
static ds_status equation_strip(concept_work *w, concept_lane *l, ds_error *err)
{
    const int64_t n = l->n_top < 4 ? l->n_top : 4;
    ds_painter p = ds__concept_painter(w);
    ds_image image[5] = { { 0 } }, sheet = { 0 };
    char text[5][80], name[160];
    const char *title[5];
    ds_status st = DS_OK;

    for (int64_t k = 0; st == DS_OK && k <= n; k++) {
        const char *word = k == 0 ? l->word : w->dictionary->text[l->top[k - 1]];
        ds_sentences *s = NULL;

        st = ds__sentences_new(&s, &w->templates, word, 0, 1, w->tokenizer, err);
        if (st == DS_OK)
            st = ds__paint(&p, &image[k], NULL, s, NULL, 1, err);
        ds__sentences_free(s);
        if (k == 0)
            snprintf(text[k], sizeof text[k], "%.60s", word);
        else
            snprintf(text[k], sizeof text[k], "%s %.40s %.2f", k == 1 ? "=" : "+", word,
                     l->share[l->best * w->dictionary->words.count + l->top[k - 1]]);
        ds__mend_letters(text[k]);
        title[k] = text[k];
    }
    if (st == DS_OK)
        st = title_sheet(&sheet, image, n + 1, n + 1, title, NULL, err);
    snprintf(name, sizeof name, "%.100s-equation", l->word);
    if (st == DS_OK)
        st = ds__result_figure(w->job->result, name, &sheet, true, err);
    for (int i = 0; i < 5; i++)
        ds_image_clear(&image[i]);
    w->draw_passes += p.passes;
    w->decodes += p.decodes;
    return st;
}

/* ---- charts and page --------------------------------------------------------------------------- */

static ds_status bars(ds_page *page, const concept_work *w, const concept_lane *l, ds_error *err)
{
    const int64_t n = l->n_top < 15 ? l->n_top : 15, d = w->dictionary->words.count;
    double y[15], low[15], high[15];
    const char *names[15];
    ds_series series = {
        .name = NULL, .kind = DS_SERIES_BARS, .count = n, .y = y, .low = low, .high = high
    };
    ds_chart c = DS_CHART_INIT;
    char *svg;
    ds_status st;

    for (int64_t k = 0; k < n; k++) {
        names[k] = w->dictionary->text[l->top[k]];
        y[k] = low[k] = high[k] = l->share[l->best * d + l->top[k]];
        for (int64_t r = 0; r < w->restarts; r++)
            if (l->accepted[r]) {
                low[k] = fmin(low[k], l->share[r * d + l->top[k]]);
                high[k] = fmax(high[k], l->share[r * d + l->top[k]]);
            }
    }
    c.x.names = names;
    c.y.label = "share of the mixture";
    c.series = &series;
    c.count = 1;
    c.sideways = true;
    c.height = 60 + 24 * (double)n;
    st = ds_chart_svg(&svg, &c, err);
    if (st == DS_OK)
        st = ds_page_chart(page, svg,
                           "Shares of the best restart; lines reach over the restarts that "
                           "count.",
                           err);
    ds_free(svg);
    return st;
}

static ds_status curves(ds_page *page, const concept_work *w, const concept_lane *l, ds_error *err)
{
    const int64_t checks = l->fit[0].checks;
    double *x = ds_calloc((size_t)(checks * (1 + w->restarts)), sizeof *x), *y = x + checks;
    ds_series series[DS_MOST_RESTARTS];
    char names[DS_MOST_RESTARTS][32];
    ds_chart_line empty = { .name = "empty prompt", .at = l->measured.empty.value };
    ds_chart c = DS_CHART_INIT;
    char *svg = NULL;
    ds_status st;

    if (x == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a chart");
    for (int64_t k = 0; k < checks; k++)
        x[k] = (double)((k + 1) * w->o->check_every < w->steps ? (k + 1) * w->o->check_every
                                                               : w->steps);
    for (int64_t r = 0; r < w->restarts; r++) {
        snprintf(names[r], sizeof names[r], "restart %lld", (long long)r + 1);
        for (int64_t k = 0; k < checks; k++)
            y[r * checks + k] = fmax(l->fit[r].check[k], 1e-8);
        series[r] = (ds_series){
            .name = names[r], .kind = DS_SERIES_CURVE, .count = checks, .x = x, .y = y + r * checks
        };
    }
    c.x.label = "step";
    c.y.label = "held-out loss";
    c.y.log = true;
    c.series = series;
    c.count = w->restarts;
    c.lines = &empty;
    c.line_count = empty.at > 0.0 ? 1 : 0;
    st = ds_chart_svg(&svg, &c, err);
    if (st == DS_OK)
        st = ds_page_chart(page, svg, "Held-out loss of the first words at each check.", err);
    ds_free(svg);
    ds_free(x);
    return st;
}

typedef struct cells {
    char text[40][80];
    const char *cell[40];
    int64_t n;
} cells;

static void add(cells *c, const char *name, ds_value v)
{
    snprintf(c->text[c->n], sizeof c->text[0], "%.70s", name);
    ds__mend_letters(c->text[c->n]);
    c->cell[c->n] = c->text[c->n];
    c->n++;
    snprintf(c->text[c->n], sizeof c->text[0], isfinite(v.se) ? "%.5f \302\261 %.5f" : "%.5f",
             v.value, v.se);
    c->cell[c->n] = c->text[c->n];
    c->n++;
}

static ds_status losses(ds_page *page, const concept_work *w, const concept_lane *l, ds_error *err)
{
    static const char *const head[] = { "in place of the concept", "held-out loss" };
    const ds_measured *m = &l->measured;
    cells c = { .n = 0 };
    ds_table t = { .head = head, .cells = c.cell, .columns = 2 };

    add(&c, "its own words", m->concept_text);
    add(&c, "the whole mixture", m->full);
    add(&c, "the first words of it", m->top_n);
    add(&c, "ten words", m->top10);
    add(&c, "five words", m->top5);
    for (int64_t k = 0; k < 5 && k < l->n_top; k++)
        add(&c, w->dictionary->text[l->top[k]], m->single[k]);
    add(&c, m->random_text, m->random_word);
    add(&c, "the empty prompt", m->empty);
    t.rows = c.n / 2;
    return ds_page_table(page, &t, err);
}

static ds_status texts(ds_page *page, const concept_work *w, const concept_lane *l, ds_error *err)
{
    static const char *const head[] = { "denoiser", "cosine", "least squares", "text encoder" };
    const char *cell[40];
    ds_table t = { .caption = "The first ten words, with the denoiser and by the texts alone",
                   .head = head,
                   .cells = cell,
                   .rows = 10,
                   .columns = 4 };

    for (int64_t k = 0; k < 10; k++) {
        cell[4 * k] = k < l->n_top ? w->dictionary->text[l->top[k]] : NULL;
        for (int b = 0; b < 3; b++)
            cell[4 * k + b + 1] =
                k < l->text_only.count[b] ? w->dictionary->text[l->text_only.top[b][k]] : NULL;
    }
    return ds_page_table(page, &t, err);
}

static ds_status show_figures(ds_page *page, const concept_work *w, const concept_lane *l,
                              ds_error *err)
{
    static const char *const kinds[] = { "sheet", "equation" };
    ds_status st = DS_OK;

    for (int k = 0; st == DS_OK && k < 2; k++) {
        char name[160];
        const char *found;
        const ds_image *image = NULL;

        snprintf(name, sizeof name, "%.100s-%s", l->word, kinds[k]);
        for (int i = 0; (image = ds_result_figure(w->job->result, i, &found)) != NULL; i++)
            if (strcmp(found, name) == 0)
                break;
        if (image != NULL)
            st = ds_page_picture(page, image,
                                 k == 0 ? "pictures of the concept, of the mixture and of "
                                          "its first words, with the same seeds"
                                        : "the concept and its first words, each alone",
                                 NULL, err);
    }
    return st;
}

static ds_status show_lane(ds_page *page, concept_work *w, concept_lane *l, ds_error *err)
{
    ds_status st = ds_page_section(page, l->word, err);

    if (st == DS_OK)
        st = bars(page, w, l, err);
    if (st == DS_OK)
        st = show_figures(page, w, l, err);
    if (st == DS_OK)
        st = losses(page, w, l, err);
    if (st == DS_OK)
        st = texts(page, w, l, err);
    return st == DS_OK ? curves(page, w, l, err) : st;
}

ds_status ds__concept_draw(concept_work *w, ds_error *err)
{
    ds_page *page;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && !w->o->no_pictures && i < w->lanes; i++) {
        st = ds__job_progress(w->job, "report", i, w->lanes, err);
        if (st == DS_OK)
            st = contact_sheet(w, &w->lane[i], err);
        if (st == DS_OK)
            st = equation_strip(w, &w->lane[i], err);
    }
    if (st == DS_OK)
        st = ds__result_page(w->job->result, &page, "Concepts", err);
    for (int64_t i = 0; st == DS_OK && i < w->lanes; i++)
        st = show_lane(page, w, &w->lane[i], err);
    return st;
}

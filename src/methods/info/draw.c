/* draw.c - tensors, figures and page of an information. */

#include <math.h>
#include <string.h>

#include <diffuscope/chart.h>
#include <diffuscope/page.h>

#include "methods/info/work.h"

static const char *const form_name[] = { "i_o", "i_s" };

/* ---- tensors --------------------------------------------------------------------------------- */

static ds_status add_maps(const info_work *w, ds_result *r, int64_t question, const char *prefix,
                          ds_error *err)
{
    const ds_info_status s = ds_info_describe(w->info);
    ds_status st = DS_OK;

    for (int f = DS_INFO_O; f <= DS_INFO_S && st == DS_OK; f++) {
        ds_tensor *map = NULL, *se = NULL;
        char name[160];

        snprintf(name, sizeof name, "%s%s", prefix, form_name[f]);
        st = ds__result_tensor(r, &map, name, DS_DIMS(s.height, s.width), err);
        snprintf(name, sizeof name, "%s%s_se", prefix, form_name[f]);
        if (st == DS_OK)
            st = ds__result_tensor(r, &se, name, DS_DIMS(s.height, s.width), err);
        if (st == DS_OK)
            st = ds_info_map(w->info, map->data, se->data, question, (ds_info_form)f, err);
    }
    return st;
}

static ds_status keep_tensors(const info_work *w, ds_result *r, ds_error *err)
{
    const ds_tensor latent = ds_info_latent(w->info);
    char prefix[128];
    ds_status st = add_maps(w, r, 0, "", err);

    for (int64_t i = 0; st == DS_OK && w->questions.count > 1 && i < w->questions.count; i++) {
        snprintf(prefix, sizeof prefix, "%s.", w->questions.question[i].key);
        st = add_maps(w, r, i, prefix, err);
    }
    return st == DS_OK ? ds__result_floats(r, "latent", latent.rank, latent.dim, latent.data, err)
                       : st;
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* All maps of one form, which share a scale. */
typedef struct maps {
    float *memory;
    ds_map *map; /* [questions] */
    double low, high;
} maps;

static void maps_free(maps *m)
{
    ds_free(m->memory);
    ds_free(m->map);
}

static ds_colors colors_of(int form)
{
    return form == DS_INFO_O ? DS_COLORS_SEQUENTIAL : DS_COLORS_DIVERGING;
}

static ds_status read_maps(maps *m, const info_work *w, int form, ds_error *err)
{
    const ds_info_status s = ds_info_describe(w->info);
    size_t pixels = (size_t)(s.height * s.width), n = (size_t)w->questions.count;
    ds_status st = DS_OK;

    *m = (maps){ .memory = ds_calloc(2 * n * pixels, sizeof *m->memory),
                 .map = ds_calloc(n, sizeof *m->map) };
    if (m->memory == NULL || m->map == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the maps");
    for (size_t i = 0; st == DS_OK && i < n; i++) {
        float *values = m->memory + 2 * i * pixels, *se = values + pixels;

        st = ds_info_map(w->info, values, se, (int64_t)i, (ds_info_form)form, err);
        m->map[i] = (ds_map){ values, isnan(se[0]) ? NULL : se, s.width, s.height };
    }
    if (st == DS_OK)
        st = ds_map_range(&m->low, &m->high, m->map, (int64_t)n, colors_of(form), err);
    return st;
}

static ds_figure_options figure_of(const info_work *w, const maps *m, int form)
{
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;

    o.picture = w->picture.shown.rgb != NULL ? &w->picture.shown : NULL;
    o.colors = colors_of(form);
    o.low = m->low;
    o.high = m->high;
    o.unit = form == DS_INFO_O ? "i_o, nats per latent pixel" : "i_s, nats per latent pixel";
    o.floor_se = 2.0;
    return o;
}

static ds_status keep_form(const info_work *w, ds_result *r, int form, ds_error *err)
{
    static const char *const suffix[] = { "i_o", "i_s" };
    ds_figure_options o;
    maps m;
    ds_status st = read_maps(&m, w, form, err);

    o = figure_of(w, &m, form);
    for (int64_t i = 0; st == DS_OK && i < w->questions.count; i++) {
        const info_question *q = &w->questions.question[i];
        ds_image image = { 0 };
        char name[160];

        snprintf(name, sizeof name, "%s.%s", q->key, suffix[form]);
        st = ds_map_figure(&image, q->word != NULL ? q->word : q->kind, &m.map[i], &o, err);
        if (st == DS_OK)
            st = ds__result_figure(r, name, &image, true, err);
        ds_image_clear(&image);
    }
    maps_free(&m);
    return st;
}

static ds_status keep_figures(const info_work *w, ds_result *r, ds_error *err)
{
    ds_image copy = { 0 };
    ds_status st = DS_OK;

    if (w->picture.shown.rgb != NULL) {
        st = ds_image_copy(&copy, &w->picture.shown, err);
        if (st == DS_OK)
            st = ds__result_figure(r, "image", &copy, false, err);
    }
    for (int f = DS_INFO_O; st == DS_OK && f <= DS_INFO_S; f++)
        st = keep_form(w, r, f, err);
    return st;
}

/* ---- the page -------------------------------------------------------------------------------- */

static const char *const about[] = {
    "How far each word moves the denoiser, in nats: i_o, from 0. It counts moves away from the "
    "picture as well as towards it. Hatched: less than two standard errors.",
    "How much better the denoiser fits the picture with the word than without, in nats: i_s, "
    "signed. Below zero the word makes the picture less likely. Hatched: less than two standard "
    "errors."
};
static const char *const heading[] = { "Orthogonal form, i_o", "Standard form, i_s" };

static ds_status page_sheet(const info_work *w, ds_page *page, const maps *m, int form,
                            ds_error *err)
{
    ds_figure_options o = figure_of(w, m, form);
    ds_panel *panel = ds_calloc((size_t)w->questions.count, sizeof *panel);
    ds_status st;

    if (panel == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a page");
    for (int64_t i = 0; i < w->questions.count; i++) {
        const info_question *q = &w->questions.question[i];

        panel[i] = (ds_panel){ .title = q->word != NULL ? q->word : q->kind, .map = m->map[i] };
    }
    st = ds_page_sheet(page, "Maps of the information of each word over the picture", panel,
                       w->questions.count, &o, NULL, err);
    ds_free(panel);
    return st;
}

/* The prompt's words with their maps, where there is a picture to lay them over. */
static ds_status page_words(const info_work *w, ds_page *page, const maps *m, int form,
                            ds_error *err)
{
    ds_figure_options o = figure_of(w, m, form);
    int64_t n = w->questions.count;
    ds_page_word *word = ds_calloc((size_t)n, sizeof *word);
    char(*note)[96] = ds_calloc((size_t)n, sizeof *note);
    ds_status st = DS_OK;

    if (word == NULL || note == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a page");
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        const info_question *q = &w->questions.question[i];
        ds_value v = ds_info_total(w->info, i, (ds_info_form)form);

        snprintf(note[i], sizeof note[i], "%.3g ± %.2g nats (%s)", v.value,
                 isfinite(v.se) ? v.se : 0.0, q->kind);
        word[i] =
            (ds_page_word){ .text = q->word != NULL ? q->word
                                                    : w->questions.text[w->questions.pair[i].with],
                            .map = m->map[i],
                            .note = note[i] };
    }
    if (st == DS_OK)
        st = ds_page_words(page, "Words", "The picture that was measured", word, n, &o, err);
    ds_free(word);
    ds_free(note);
    return st;
}

static ds_status page_form(const info_work *w, ds_page *page, int form, ds_error *err)
{
    maps m;
    ds_status st = read_maps(&m, w, form, err);

    if (st == DS_OK)
        st = ds_page_section(page, heading[form], err);
    if (st == DS_OK)
        st = ds_page_text(page, about[form], err);
    if (st == DS_OK)
        st = w->picture.shown.rgb != NULL ? page_words(w, page, &m, form, err)
                                          : page_sheet(w, page, &m, form, err);
    maps_free(&m);
    return st;
}

#define COLUMNS 6

static ds_status page_totals(const info_work *w, ds_page *page, ds_error *err)
{
    static const char *const head[COLUMNS] = { "Asked", "Kind",      "i_o, nats",
                                               "± SE",  "i_s, nats", "± SE" };
    int64_t n = w->questions.count;
    const char **cell = ds_calloc((size_t)(n * COLUMNS), sizeof *cell);
    char(*text)[24] = ds_calloc((size_t)(n * COLUMNS), sizeof *text);
    ds_table table = { "Totals over the picture", head, cell, n, COLUMNS };
    ds_status st;

    if (cell == NULL || text == NULL) {
        st = ds_fail(err, DS_E_NOMEM, "no memory for a table");
    } else {
        for (int64_t i = 0; i < n; i++) {
            const info_question *q = &w->questions.question[i];

            cell[i * COLUMNS] = q->word != NULL ? q->word : "the text";
            cell[i * COLUMNS + 1] = q->kind;
            for (int f = 0; f < 2; f++) {
                ds_value v = ds_info_total(w->info, i, (ds_info_form)f);
                int64_t at = i * COLUMNS + 2 + 2 * f;

                snprintf(text[at], sizeof *text, "%.4g", v.value);
                snprintf(text[at + 1], sizeof *text, "%.2g", v.se);
                cell[at] = text[at];
                cell[at + 1] = isfinite(v.se) ? text[at + 1] : NULL;
            }
        }
        st = ds_page_table(page, &table, err);
    }
    ds_free(cell);
    ds_free(text);
    return st;
}

static ds_status page_cost(const info_work *w, ds_page *page, ds_error *err)
{
    const ds_info_status s = ds_info_describe(w->info);
    char text[400];

    snprintf(text, sizeof text,
             "%lld calls of the network (%lld noisy latents under %lld texts, %lld of a pilot) in "
             "%.1f s; %lld independent replicates of %lld log-SNRs from %.2f to %.2f.",
             (long long)s.calls, (long long)s.draws, (long long)s.prompts, (long long)s.pilot_calls,
             s.seconds, (long long)s.replicates, (long long)s.nodes, s.low, s.high);
    return ds_page_text(page, text, err);
}

static ds_status keep_page(const info_work *w, ds_job *j, const char *prompt, const char *svg,
                           ds_error *err)
{
    ds_page *page;
    ds_status st =
        ds__result_page(j->result, &page, "Information between a picture and its text", err);

    if (st == DS_OK && prompt != NULL)
        st = ds_page_text(page, prompt, err);
    if (st == DS_OK)
        st = page_totals(w, page, err);
    if (st == DS_OK)
        st = page_cost(w, page, err);
    if (st == DS_OK && svg != NULL)
        st = ds_page_chart(page, svg, NULL, err);
    for (int f = DS_INFO_O; st == DS_OK && f <= DS_INFO_S; f++)
        st = page_form(w, page, f, err);
    return st;
}

ds_status ds__info_draw(info_work *w, ds_job *j, const info_common *c, const char *svg,
                        ds_error *err)
{
    ds_status st = keep_tensors(w, j->result, err);

    if (st == DS_OK)
        st = keep_figures(w, j->result, err);
    return st == DS_OK ? keep_page(w, j, c->prompt, svg, err) : st;
}

/* draw.c - maps and page of a pair of words. */

#include "base/text.h"
#include "methods/pid/pair.h"

#include <string.h>

static const char *const sources[3] = { "A", "B", "AB" };

/* ---- maps ------------------------------------------------------------------------------------ */

void ds__pid_maps_free(pid_maps *m)
{
    ds_free(m->atoms);
}

ds_status ds__pid_maps_new(pid_maps *m, const ds_info *info, ds_error *err)
{
    const ds_info_status s = ds_info_describe(info);
    size_t n;

    *m = (pid_maps){ .height = s.height,
                     .width = s.width,
                     .pixels = s.height * s.width,
                     .replicates = s.replicates };
    n = (size_t)(m->pixels * (2 * DS_PID_ATOMS + 6 + 3 * s.replicates));
    m->atoms = ds_calloc(n, sizeof *m->atoms);
    if (m->atoms == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for maps");
    m->se = m->atoms + DS_PID_ATOMS * m->pixels;
    m->infos = m->se + DS_PID_ATOMS * m->pixels;
    m->infos_se = m->infos + 3 * m->pixels;
    m->each = m->infos_se + 3 * m->pixels;
    return DS_OK;
}

/* A map and its error, as NAME and NAME_se. */
static ds_status keep_map(const pid_work *w, const pid_maps *m, const char *name, const float *map,
                          const float *se, ds_error *err)
{
    char name_se[32];
    ds_status st = ds__result_floats(w->job->result, name, DS_DIMS(m->height, m->width), map, err);

    snprintf(name_se, sizeof name_se, "%s_se", name);
    return st == DS_OK
               ? ds__result_floats(w->job->result, name_se, DS_DIMS(m->height, m->width), se, err)
               : st;
}

static ds_status keep_informations(const pid_work *w, pid_maps *m, int64_t pair, ds_info_form form,
                                   ds_error *err)
{
    const ds_pid_pair p = ds_pid_pair_at(w->pid, pair);
    const int64_t of[3] = { p.i_a, p.i_b, p.i_ab };
    const char letter = form == DS_INFO_O ? 'o' : 's';
    char name[32];
    ds_status st = DS_OK;

    for (int k = 0; st == DS_OK && k < 3; k++) {
        float *map = m->infos + k * m->pixels, *se = m->infos_se + k * m->pixels;

        snprintf(name, sizeof name, "i_%c_%s", letter, sources[k]);
        st = ds_info_map(ds_pid_info(w->pid), map, se, of[k], form, err);
        if (st == DS_OK)
            st = keep_map(w, m, name, map, se, err);
    }
    if (st == DS_OK)
        st = ds_pid_replicates(w->pid, m->each, pair, form, err);
    snprintf(name, sizeof name, "replicates_%c", letter);
    return st == DS_OK
               ? ds__result_floats(w->job->result, name,
                                   DS_DIMS(m->replicates, 3, m->height, m->width), m->each, err)
               : st;
}

/* The asked form comes last, and stays in m. */
ds_status ds__pid_keep_maps(const pid_work *w, pid_maps *m, int64_t pair, ds_error *err)
{
    const ds_info_form other = w->question.form == DS_INFO_O ? DS_INFO_S : DS_INFO_O;
    const ds_tensor latent = ds_info_latent(ds_pid_info(w->pid));
    ds_status st = keep_informations(w, m, pair, other, err);

    if (st == DS_OK)
        st = keep_informations(w, m, pair, w->question.form, err);
    if (st == DS_OK)
        st = ds__result_floats(w->job->result, "latent", latent.rank, latent.dim, latent.data, err);
    for (int k = 0; st == DS_OK && k < DS_PID_ATOMS; k++)
        st = keep_map(w, m, ds_pid_atom_name(k), m->atoms + k * m->pixels, m->se + k * m->pixels,
                      err);
    return st;
}

/* ---- sheets ----------------------------------------------------------------------------------- */

/* NaN errors (one replicate) would be hatched everywhere: then there is no floor. */
static ds_map map_of(const pid_maps *m, const float *values, const float *se)
{
    return (ds_map){ values, m->replicates > 1 ? se : NULL, m->width, m->height };
}

/* The first panel is the picture's. */
static ds_status draw_sheet(const pid_work *w, const char *name, const char *title,
                            const ds_panel *panels, int64_t count, const char *caption,
                            ds_error *err)
{
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_image sheet = { 0 };
    ds_page *page;
    ds_status st;

    o.picture = w->picture.shown.rgb != NULL ? &w->picture.shown : NULL;
    o.colors = DS_COLORS_DIVERGING;
    o.unit = "nats per latent pixel";
    o.floor_se = 2;
    o.enlarge = DS_ENLARGE_BLOCKS;
    if (o.picture == NULL) { /* nothing to show in the first panel */
        panels++;
        count--;
    }
    st = ds_map_sheet(&sheet, title, panels, count, count, &o, err);
    if (st == DS_OK)
        st = ds__pid_page(w, &page, err);
    if (st == DS_OK)
        st = ds_page_sheet(page, title, panels, count, &o, caption, err);
    if (st == DS_OK)
        st = ds__result_figure(w->job->result, name, &sheet, true, err);
    ds_image_clear(&sheet);
    return st;
}

static ds_status draw_atoms(const pid_work *w, const pid_maps *m, const char *a, const char *b,
                            ds_error *err)
{
    char ua[96], ub[96], title[256];
    const char *names[DS_PID_ATOMS] = { "R: both say", ua, ub, "S: only together" };
    ds_panel panels[1 + DS_PID_ATOMS] = { { "picture", { NULL, NULL, 0, 0 }, NULL } };

    snprintf(ua, sizeof ua, "U: only %.60s", a);
    snprintf(ub, sizeof ub, "U: only %.60s", b);
    for (int k = 0; k < DS_PID_ATOMS; k++)
        panels[k + 1] =
            (ds_panel){ names[k], map_of(m, m->atoms + k * m->pixels, m->se + k * m->pixels),
                        NULL };
    snprintf(title, sizeof title, "%.60s and %.60s: %s, form %c", a, b,
             ds_redundancy_name(w->question.redundancy), w->question.form == DS_INFO_O ? 'o' : 's');
    ds__mend_letters(ua);
    ds__mend_letters(ub);
    ds__mend_letters(title);
    return draw_sheet(w, "pid", title, panels, DS_COUNT(panels),
                      "One scale for all panels, centred at zero. Hatched: within 2 standard "
                      "errors of zero. Blue is negative, which is not the same as absent.",
                      err);
}

static ds_status draw_informations(const pid_work *w, const pid_maps *m, const char *a,
                                   const char *b, ds_error *err)
{
    char ia[96], ib[96], title[256];
    const char *names[3] = { ia, ib, "both words" };
    ds_panel panels[4] = { { "picture", { NULL, NULL, 0, 0 }, NULL } };

    snprintf(ia, sizeof ia, "%.60s", a);
    snprintf(ib, sizeof ib, "%.60s", b);
    for (int k = 0; k < 3; k++)
        panels[k + 1] =
            (ds_panel){ names[k], map_of(m, m->infos + k * m->pixels, m->infos_se + k * m->pixels),
                        NULL };
    snprintf(title, sizeof title, "Informations of %.60s and %.60s", a, b);
    ds__mend_letters(ia);
    ds__mend_letters(ib);
    ds__mend_letters(title);
    return draw_sheet(w, "informations", title, panels, DS_COUNT(panels), NULL, err);
}

/* ---- the page -------------------------------------------------------------------------------- */

static ds_status page_table(ds_page *page, const ds_pid_answer *answer, ds_error *err)
{
    static const char *const head[3] = { "Atom, nats", "of the picture's totals",
                                         "sum over pixels" };
    pid_number number[DS_PID_ATOMS][2];
    const char *cells[DS_PID_ATOMS * 3];
    const ds_table t = { NULL, head, cells, DS_PID_ATOMS, 3 };

    for (int k = 0; k < DS_PID_ATOMS; k++) {
        number[k][0] = ds__pid_number(answer->image[k]);
        number[k][1] = ds__pid_number(answer->sum[k]);
        cells[3 * k] = ds_pid_atom_name(k);
        cells[3 * k + 1] = number[k][0].text;
        cells[3 * k + 2] = number[k][1].text;
    }
    return ds_page_table(page, &t, err);
}

static const char *about_prior(const pid_work *w)
{
    if (w->question.redundancy != DS_REDUNDANCY_PM)
        return "";
    return w->swept ? "The words count as equally probable (see the curve). "
                    : "The surprisals were given. ";
}

/* A text as people write it: where words were taken out, blanks are left. */
static const char *tidy(char *buf, size_t size, const char *text)
{
    size_t n = 0;

    for (; *text != '\0' && n + 1 < size; text++)
        if (*text != ' ' || (n > 0 && buf[n - 1] != ' '))
            buf[n++] = *text;
    while (n > 0 && buf[n - 1] == ' ')
        n--;
    buf[n] = '\0';
    ds__mend_letters(buf);
    return buf;
}

static ds_status page_text(const pid_work *w, ds_page *page, const char *a, const char *b,
                           const ds_pid_answer *answer, int64_t pair, ds_error *err)
{
    const ds_pid_pair p = ds_pid_pair_at(w->pid, pair);
    const ds_info *info = ds_pid_info(w->pid);
    const bool form_o = w->question.form == DS_INFO_O;
    char text[2048], part[4][200];

    snprintf(
        text, sizeof text,
        "What \"%.100s\" (A) and \"%.100s\" (B) say about the picture: R both, U_A and U_B one "
        "alone, S only both together. Redundancy: %s; form %c of the informations. %s%s\n\n"
        "Texts: \"%s\" (base), \"%s\", \"%s\", \"%s\".\n\n"
        "%lld calls of the network; %.0f %% of the pixels are undecided at 2 standard errors. "
        "The form o of an information counts surprise of either sign, so that S holds a "
        "remainder of %.3g nats beside synergy (chain rule).",
        a, b, ds_redundancy_name(w->question.redundancy), form_o ? 'o' : 's', about_prior(w),
        answer->dominated
            ? "Prior dominated: everywhere R is the more probable word's information, its own "
              "U is zero, and the other atoms are differences of informations."
            : "",
        tidy(part[0], sizeof part[0], p.base), tidy(part[1], sizeof part[1], p.a),
        tidy(part[2], sizeof part[2], p.b), tidy(part[3], sizeof part[3], p.ab),
        (long long)ds_info_describe(info).calls, 100 * answer->undecided,
        form_o ? ds__pid_chain_residual(info, &p, DS_INFO_O) : 0);
    ds__mend_letters(text);
    return ds_page_text(page, text, err);
}

ds_status ds__pid_draw_pair(const pid_work *w, const pid_maps *m, const char *a, const char *b,
                            const ds_pid_answer *answer, int64_t pair, ds_error *err)
{
    ds_page *page;
    ds_status st = ds__pid_page(w, &page, err);

    if (st == DS_OK)
        st = page_text(w, page, a, b, answer, pair, err);
    if (st == DS_OK)
        st = draw_atoms(w, m, a, b, err);
    if (st == DS_OK)
        st = draw_informations(w, m, a, b, err);
    return st == DS_OK ? page_table(page, answer, err) : st;
}

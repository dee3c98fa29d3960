/* pid_pair.c - see pid_pair.h. */

#include "pid_pair.h"

#include <math.h>
#include <string.h>

#include "report.h"

#define SWEEP 33 /* values of Delta in the curve */

static const char *const sources[3] = { "A", "B", "AB" };

/* ---- numbers --------------------------------------------------------------------------------- */

static json_t *both_forms(const ds_info *info, int64_t pair)
{
    return json_pack("{s:o, s:o}", "o", pid_info_json(ds_info_total(info, pair, DS_INFO_O)), "s",
                     pid_info_json(ds_info_total(info, pair, DS_INFO_S)));
}

static double total(const ds_info *info, int64_t pair, ds_info_form form)
{
    return ds_info_total(info, pair, form).value;
}

/* i_AB - i_A - i_(B|A): zero for s; for o, what the atoms hold beside synergy. */
static double chain_residual(const ds_info *info, const ds_pid_pair *p, ds_info_form form)
{
    return total(info, p->i_ab, form) - total(info, p->i_a, form) - total(info, p->chain, form);
}

/* 2 int E (e0 - eA).(e0 - eB): do the words move the denoiser the same way? With responses that add
 * up, this is S - R. */
static double alignment(const ds_info *info, const ds_pid_pair *p)
{
    return total(info, p->i_a, DS_INFO_O) + total(info, p->i_b, DS_INFO_O) -
           total(info, p->contrast, DS_INFO_O);
}

static json_t *prior_json(const pid_job *j, const char *a, const char *b, const ds_pid_question *q,
                          const ds_pid_answer *answer)
{
    double ha = pid_surprisal(j, a), hb = pid_surprisal(j, b);
    json_t *delta =
        isinf(q->delta) ? json_string(q->delta > 0 ? "inf" : "-inf") : json_real(q->delta);

    return json_pack("{s:o, s:b, s:o, s:o, s:b, s:b, s:o, s:o}", "delta", delta, "delta_known",
                     opt_text(j->args, "delta") != NULL || j->surprisal != NULL, "h_A",
                     pid_real(ha), "h_B", pid_real(hb), "prior_dominated", answer->dominated,
                     "prior_dominated_image", answer->image_dominated, "probability_above_1_A",
                     isnan(ha) ? json_null() : json_boolean(answer->i_a.value > ha),
                     "probability_above_1_B",
                     isnan(hb) ? json_null() : json_boolean(answer->i_b.value > hb));
}

ds_status pid_pair_json(json_t **out, const pid_job *j, const char *const *words, int64_t pair,
                        const ds_pid_question *q, const ds_pid_answer *answer, ds_error *err)
{
    const ds_info *info = ds_pid_info(j->pid);
    const ds_pid_pair p = ds_pid_pair_at(j->pid, pair);
    const char *a = words[p.word_a], *b = words[p.word_b];

    *out = json_pack(
        "{s:[s,s], s:{s:s,s:s,s:s,s:s}, s:{s:o,s:o,s:o,s:o}, s:o, s:{s:o,s:o}, s:{s:o,s:o}, s:f, "
        "s:f, s:o, s:o, s:o, s:o}",
        "words", a, b, "texts", "base", p.base, "A", p.a, "B", p.b, "AB", p.ab, "informations", "A",
        both_forms(info, p.i_a), "B", both_forms(info, p.i_b), "AB", both_forms(info, p.i_ab),
        "B|A", both_forms(info, p.chain), "prior", prior_json(j, a, b, q, answer), "atoms", "image",
        pid_atoms_json(answer->image), "sum_of_pixels", pid_atoms_json(answer->sum),
        "chain_residual", "o", pid_real(chain_residual(info, &p, DS_INFO_O)), "s",
        pid_real(chain_residual(info, &p, DS_INFO_S)), "undecided_share", answer->undecided,
        "following_B_share", answer->following_b, "reach_A", pid_real(answer->reach_a), "reach_B",
        pid_real(answer->reach_b), "selection_bias_bound", pid_real(answer->bias), "alignment",
        pid_real(alignment(info, &p)));
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for the result");
}

/* ---- other redundancies, the sweep ----------------------------------------------------------- */

/* Every redundancy that the measurement allows costs nothing. */
static ds_status add_others(pid_job *j, int64_t pair, ds_error *err)
{
    static const struct {
        const char *name;
        ds_redundancy kind;
        double delta;
    } rows[] = { { "pm, delta 0", DS_REDUNDANCY_PM, 0 },
                 { "pm, delta inf", DS_REDUNDANCY_PM, INFINITY },
                 { "pm, delta -inf", DS_REDUNDANCY_PM, -INFINITY },
                 { "mmi-pixel", DS_REDUNDANCY_MMI_PIXEL, 0 },
                 { "mmi-image", DS_REDUNDANCY_MMI_IMAGE, 0 } };
    json_t *all = json_object();
    ds_status st = DS_OK;

    for (size_t i = 0; st == DS_OK && i < DS_COUNT(rows); i++) {
        ds_pid_question q = j->question;
        ds_pid_answer a;

        q.redundancy = rows[i].kind;
        q.delta = rows[i].delta;
        st = ds_pid_solve(j->pid, &a, NULL, NULL, pair, &q, err);
        if (st == DS_OK)
            json_object_set_new(all, rows[i].name,
                                json_pack("{s:o, s:o}", "image", pid_atoms_json(a.image),
                                          "sum_of_pixels", pid_atoms_json(a.sum)));
    }
    if (st != DS_OK) {
        json_decref(all);
        return st;
    }
    return pid_result(j, "redundancies", all, err);
}

typedef struct sweep {
    double delta[SWEEP], image[SWEEP], image_low[SWEEP], image_high[SWEEP];
    double sum[SWEEP], sum_low[SWEEP], sum_high[SWEEP];
} sweep;

/* From where the second word is followed everywhere to where the first is: beyond, nothing
 * changes. */
static ds_status fill_sweep(sweep *s, json_t *rows, const pid_job *j, int64_t pair,
                            const ds_pid_answer *answer, ds_error *err)
{
    double low = -fmax(answer->i_a.value - answer->i_b.value, answer->reach_a);
    double high = fmax(answer->i_b.value - answer->i_a.value, answer->reach_b);
    ds_status st = DS_OK;

    low = 1.1 * fmin(low, -1e-3);
    high = 1.1 * fmax(high, 1e-3);
    for (int i = 0; st == DS_OK && i < SWEEP; i++) {
        ds_pid_question q = j->question;
        ds_pid_answer a;

        q.redundancy = DS_REDUNDANCY_PM;
        q.plain = true; /* so that the curve falls as its formula does */
        q.delta = s->delta[i] = low + (high - low) * i / (SWEEP - 1);
        st = ds_pid_solve(j->pid, &a, NULL, NULL, pair, &q, err);
        if (st != DS_OK)
            break;
        s->image[i] = a.image[DS_PID_R].value;
        s->image_low[i] = s->image[i] - fmax(0, a.image[DS_PID_R].se);
        s->image_high[i] = s->image[i] + fmax(0, a.image[DS_PID_R].se);
        s->sum[i] = a.sum[DS_PID_R].value;
        s->sum_low[i] = s->sum[i] - fmax(0, a.sum[DS_PID_R].se);
        s->sum_high[i] = s->sum[i] + fmax(0, a.sum[DS_PID_R].se);
        json_array_append_new(rows, json_pack("{s:f, s:o, s:o, s:b}", "delta", q.delta, "R_image",
                                              pid_value_json(a.image[DS_PID_R]), "R_sum_of_pixels",
                                              pid_value_json(a.sum[DS_PID_R]), "prior_dominated",
                                              a.dominated));
    }
    return st;
}

static ds_status add_sweep(pid_job *j, const char *a, const char *b, int64_t pair,
                           const ds_pid_answer *answer, ds_error *err)
{
    sweep s = { .delta = { 0 } };
    const ds_series series[2] = {
        { "of the picture's totals", DS_SERIES_CURVE, SWEEP, s.delta, s.image, s.image_low,
          s.image_high },
        { "sum over pixels", DS_SERIES_CURVE, SWEEP, s.delta, s.sum, s.sum_low, s.sum_high },
    };
    const ds_chart_line lines[3] = {
        { "i(A)", answer->i_a.value, false },
        { "i(B)", answer->i_b.value, false },
        { "Δ", isfinite(j->question.delta) ? j->question.delta : 0, true },
    };
    ds_chart chart = DS_CHART_INIT;
    json_t *rows = json_array();
    char caption[320], *svg = NULL;
    ds_status st = fill_sweep(&s, rows, j, pair, answer, err);

    if (st != DS_OK) {
        json_decref(rows);
        return st;
    }
    st = pid_result(j, "sweep", rows, err);
    chart.title = "Redundancy by the paper's definition";
    chart.x.label = "Δ = h(B) - h(A), nats";
    chart.y.label = "R, nats";
    chart.series = series;
    chart.count = 2;
    chart.lines = lines;
    chart.line_count = isfinite(j->question.delta) ? 3 : 2;
    if (st == DS_OK)
        st = ds_chart_svg(&svg, &chart, err);
    snprintf(caption, sizeof caption,
             "A is %.60s, B is %.60s. Only the difference of the words' surprisals matters; beyond "
             "the ends of the curve the more probable word is followed everywhere.",
             a, b);
    if (st == DS_OK)
        st = pid_chart(j, svg, "sweep.svg", caption, err);
    ds_free(svg);
    return st;
}

/* ---- maps ------------------------------------------------------------------------------------ */

typedef struct maps {
    int64_t height, width, pixels, replicates;
    float *atoms, *se;       /* [4,h,w] */
    float *infos, *infos_se; /* [3,h,w] */
    float *each;             /* [replicates,3,h,w] */
} maps;

static void maps_free(maps *m)
{
    ds_free(m->atoms);
}

static ds_status maps_new(maps *m, const ds_info *info, ds_error *err)
{
    const ds_info_status s = ds_info_describe(info);
    size_t n;

    *m = (maps){ .height = s.height,
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

static ds_status save_informations(pid_job *j, maps *m, int64_t pair, ds_info_form form,
                                   ds_error *err)
{
    const ds_pid_pair p = ds_pid_pair_at(j->pid, pair);
    const int64_t of[3] = { p.i_a, p.i_b, p.i_ab };
    const char letter = form == DS_INFO_O ? 'o' : 's';
    const int64_t plane[2] = { m->height, m->width };
    char name[32];
    ds_status st = DS_OK;

    for (int k = 0; st == DS_OK && k < 3; k++) {
        float *map = m->infos + k * m->pixels, *se = m->infos_se + k * m->pixels;

        st = ds_info_map(ds_pid_info(j->pid), map, se, of[k], form, err);
        snprintf(name, sizeof name, "i_%c_%s", letter, sources[k]);
        if (st == DS_OK)
            st = pid_tensor(j, name, map, 2, plane, err);
        snprintf(name, sizeof name, "i_%c_%s_se", letter, sources[k]);
        if (st == DS_OK)
            st = pid_tensor(j, name, se, 2, plane, err);
    }
    if (st == DS_OK)
        st = ds_pid_replicates(j->pid, m->each, pair, form, err);
    snprintf(name, sizeof name, "replicates_%c", letter);
    return st == DS_OK
               ? pid_tensor(j, name, m->each, DS_DIMS(m->replicates, 3, m->height, m->width), err)
               : st;
}

static ds_status save_atoms(pid_job *j, const maps *m, ds_error *err)
{
    const ds_tensor latent = ds_info_latent(ds_pid_info(j->pid));
    const int64_t plane[2] = { m->height, m->width };
    char name[32];
    ds_status st = pid_tensor(j, "latent", latent.data, 4, latent.dim, err);

    for (int k = 0; st == DS_OK && k < DS_PID_ATOMS; k++) {
        st = pid_tensor(j, ds_pid_atom_name(k), m->atoms + k * m->pixels, 2, plane, err);
        snprintf(name, sizeof name, "%s_se", ds_pid_atom_name(k));
        if (st == DS_OK)
            st = pid_tensor(j, name, m->se + k * m->pixels, 2, plane, err);
    }
    return st;
}

/* NaN errors (one replicate) would be hatched everywhere: then there is no floor. */
static ds_map map_of(const maps *m, const float *values, const float *se)
{
    return (ds_map){ values, m->replicates > 1 ? se : NULL, m->width, m->height };
}

static ds_status draw_sheet(pid_job *j, const char *file, const char *title, const ds_panel *panels,
                            int64_t count, const char *caption, ds_error *err)
{
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_image sheet = { 0 };
    ds_status st;

    o.picture = j->picture.shown.rgb != NULL ? &j->picture.shown : NULL;
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
        st = pid_picture(j, &sheet, file, title, caption, err);
    ds_image_clear(&sheet);
    return st;
}

static ds_status draw_maps(pid_job *j, const maps *m, const char *a, const char *b, ds_error *err)
{
    char ua[96], ub[96], ia[96], ib[96], title[256], caption[320];
    ds_panel atoms[5] = { { "picture", { NULL, NULL, 0, 0 }, NULL } };
    ds_panel infos[4] = { { "picture", { NULL, NULL, 0, 0 }, NULL } };
    const char *names[4] = { "R: both say", ua, ub, "S: only together" };
    const char *info_names[3] = { ia, ib, "both words" };
    ds_status st;

    snprintf(ua, sizeof ua, "U: only %.60s", a);
    snprintf(ub, sizeof ub, "U: only %.60s", b);
    snprintf(ia, sizeof ia, "%.60s", a);
    snprintf(ib, sizeof ib, "%.60s", b);
    for (int k = 0; k < 4; k++)
        atoms[k + 1] =
            (ds_panel){ names[k], map_of(m, m->atoms + k * m->pixels, m->se + k * m->pixels),
                        NULL };
    for (int k = 0; k < 3; k++)
        infos[k + 1] =
            (ds_panel){ info_names[k],
                        map_of(m, m->infos + k * m->pixels, m->infos_se + k * m->pixels), NULL };
    snprintf(title, sizeof title, "%.60s and %.60s: %s, form %c", a, b,
             ds_redundancy_name(j->question.redundancy), j->question.form == DS_INFO_O ? 'o' : 's');
    snprintf(
        caption, sizeof caption,
        "One scale for all panels, centred at zero. Hatched: within 2 standard errors of zero. "
        "Blue is negative, which is not the same as absent.");
    st = draw_sheet(j, "pid.png", title, atoms, 5, caption, err);
    snprintf(title, sizeof title, "Informations of %.60s and %.60s", a, b);
    return st == DS_OK ? draw_sheet(j, "informations.png", title, infos, 4, NULL, err) : st;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void print_table(const pid_job *j, const char *a, const char *b, const ds_pid_answer *answer)
{
    const ds_value *i[3] = { &answer->i_a, &answer->i_b, &answer->i_ab };
    const char *names[3] = { a, b, "both" };
    const ds_info_status s = ds_info_describe(ds_pid_info(j->pid));
    char x[64], y[64];

    printf("information (%c), nats\n", j->question.form == DS_INFO_O ? 'o' : 's');
    for (int k = 0; k < 3; k++)
        printf("  %-16s %s\n", names[k], pid_number(x, sizeof x, i[k]->value, i[k]->se));
    printf("atoms (%s), nats   of the picture's totals   sum over pixels\n",
           ds_redundancy_name(j->question.redundancy));
    for (int k = 0; k < DS_PID_ATOMS; k++)
        printf("  %-16s %-25s %s\n", ds_pid_atom_name(k),
               pid_number(x, sizeof x, answer->image[k].value, answer->image[k].se),
               pid_number(y, sizeof y, answer->sum[k].value, answer->sum[k].se));
    if (j->question.redundancy == DS_REDUNDANCY_PM)
        printf("Delta %g nats (%s)%s\n", j->question.delta, j->swept ? "not known" : "given",
               answer->dominated ? ": prior dominated" : "");
    printf("%.0f %% of the pixels are undecided; %lld calls of the network\n",
           100 * answer->undecided, (long long)s.calls);
}

static ds_status page_table(pid_job *j, const ds_pid_answer *answer, ds_error *err)
{
    static const char *const head[3] = { "Atom, nats", "of the picture's totals",
                                         "sum over pixels" };
    char text[DS_PID_ATOMS][2][64];
    const char *cells[DS_PID_ATOMS * 3];
    const ds_table t = { NULL, head, cells, DS_PID_ATOMS, 3 };

    for (int k = 0; k < DS_PID_ATOMS; k++) {
        cells[3 * k] = ds_pid_atom_name(k);
        cells[3 * k + 1] = pid_number(text[k][0], 64, answer->image[k].value, answer->image[k].se);
        cells[3 * k + 2] = pid_number(text[k][1], 64, answer->sum[k].value, answer->sum[k].se);
    }
    return ds_page_table(j->page, &t, err);
}

static ds_status page_text(pid_job *j, const char *a, const char *b, const ds_pid_answer *answer,
                           int64_t pair, ds_error *err)
{
    const ds_pid_pair p = ds_pid_pair_at(j->pid, pair);
    const ds_info_status s = ds_info_describe(ds_pid_info(j->pid));
    char text[2048];

    snprintf(
        text, sizeof text,
        "What \"%.100s\" (A) and \"%.100s\" (B) say about the picture: R both, U_A and U_B one "
        "alone, S only both together. Redundancy: %s; form %c of the informations. %s%s\n\n"
        "Texts: \"%.200s\" (base), \"%.200s\", \"%.200s\", \"%.200s\".\n\n"
        "%lld calls of the network; %.0f %% of the pixels are undecided at 2 standard errors. "
        "The form o of an information counts surprise of either sign, so that S holds a "
        "remainder of %.3g nats beside synergy (chain rule).",
        a, b, ds_redundancy_name(j->question.redundancy), j->question.form == DS_INFO_O ? 'o' : 's',
        j->question.redundancy != DS_REDUNDANCY_PM ? ""
        : j->swept ? "The words count as equally probable (see the curve). "
                   : "The surprisals were given. ",
        answer->dominated
            ? "Prior dominated: everywhere R is the more probable word's information, its own "
              "U is zero, and the other atoms are differences of informations."
            : "",
        p.base, p.a, p.b, p.ab, (long long)s.calls, 100 * answer->undecided,
        j->question.form == DS_INFO_O ? chain_residual(ds_pid_info(j->pid), &p, DS_INFO_O) : 0);
    return ds_page_text(j->page, text, err);
}

static ds_status report(pid_job *j, maps *m, const char *const *words, int64_t pair, bool print,
                        ds_error *err)
{
    const ds_pid_pair p = ds_pid_pair_at(j->pid, pair);
    const char *a = words[p.word_a], *b = words[p.word_b];
    ds_info_form other = j->question.form == DS_INFO_O ? DS_INFO_S : DS_INFO_O;
    ds_pid_answer answer;
    json_t *json;
    ds_status st = pid_delta(j, &j->question.delta, a, b, err);

    if (st == DS_OK)
        st = ds_pid_solve(j->pid, &answer, m->atoms, m->se, pair, &j->question, err);
    if (st == DS_OK)
        st = pid_pair_json(&json, j, words, pair, &j->question, &answer, err);
    if (st != DS_OK)
        return st;
    json_object_update(j->result, json);
    json_decref(json);
    if (j->question.redundancy == DS_REDUNDANCY_PM && answer.dominated)
        remark(j->args,
               "prior dominated: |Delta| exceeds every pixel's difference of informations, "
               "so that R is the more probable word's information everywhere");
    st = save_informations(j, m, pair, other, err);
    if (st == DS_OK)
        st = save_informations(j, m, pair, j->question.form, err);
    if (st == DS_OK)
        st = save_atoms(j, m, err);
    if (st == DS_OK)
        st = page_text(j, a, b, &answer, pair, err);
    if (st == DS_OK)
        st = draw_maps(j, m, a, b, err);
    if (st == DS_OK)
        st = page_table(j, &answer, err);
    if (st == DS_OK)
        st = add_others(j, pair, err);
    if (st == DS_OK)
        st = add_sweep(j, a, b, pair, &answer, err);
    if (st == DS_OK && print && !opt_flag(j->args, "json"))
        print_table(j, a, b, &answer);
    return st;
}

static ds_status with_maps(pid_job *j, const char *const *words, int64_t pair, bool print,
                           ds_error *err)
{
    maps m;
    ds_status st = maps_new(&m, ds_pid_info(j->pid), err);

    if (st == DS_OK)
        st = report(j, &m, words, pair, print, err);
    maps_free(&m);
    return st;
}

ds_status pid_pair_files(pid_job *j, const char *const *words, int64_t pair, ds_error *err)
{
    return with_maps(j, words, pair, false, err);
}

ds_status pid_pair_report(pid_job *j, const char *const *words, int64_t pair, ds_error *err)
{
    return with_maps(j, words, pair, true, err);
}

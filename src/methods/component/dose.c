/* dose.c - see dose.h. */

#include "methods/component/dose.h"

#include <math.h>
#include <stdio.h>

#include <diffuscope/chart.h>
#include <diffuscope/page.h>

#include "methods/component/ablate.h"

const char *const ds__dose_sets[DOSE_SETS] = { "target", "anchors", "unrelated" };

ds_status ds__dose_check(const dose_options *o, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < 2; i++) {
        ds_alternatives a = { 0 };

        if (o->file[i] == NULL)
            continue;
        st = ds__alternatives_load(&a, o->file[i], err);
        if (st == DS_OK && a.count == 0)
            st = ds_fail(err, DS_E_ARG, "%s holds no captions", o->file[i]);
        ds__alternatives_clear(&a);
    }
    return st;
}

/* Captions against no text, each along its own path. */
static ds_status ask_others(component_work *other, const char *path, const component_work *w,
                            ds_job *j, ds_error *err)
{
    component_question q = w->q;
    ds_alternatives texts = { 0 };
    ds_status st = ds__alternatives_load(&texts, path, err);

    q.concept_ = (ds_texts){ texts.text, texts.count };
    q.base = "";
    q.region = q.mask = q.draws = NULL;
    q.goal = DS_GOAL_ERASE;
    q.seeds = 1;
    q.steps = 4;
    q.guidance = 3.0;
    q.seed = 2000;
    if (st == DS_OK)
        st = ds__component_check(other, j, w->model, &q, err);
    other->q.concept_.text = NULL; /* texts end here; what counts is in other->texts */
    if (st == DS_OK)
        st = ds__component_measure(other, j, NULL, 0, false, err);
    ds__alternatives_clear(&texts);
    return st;
}

static ds_status mean_of(double *out, ds_model *m, const component_work *w, int64_t draws,
                         ds_error *err)
{
    ds_measure_options o = w->o;

    o.batch = o.batch < w->draws.count ? o.batch : w->draws.count;
    return ds__objective_of(out, m, w->noise, &o, &w->draws, 0, w->pairs, draws, err);
}

/* One dose of one kind: what is left in every set. */
static ds_status one(dose_table *t, const dose_options *o, int64_t at, int control,
                     component_work *const set[DOSE_SETS], const double *before,
                     const component_values *v, ds_error *err)
{
    component_work *w = set[0];
    component_choice c = o->choice;
    ds_edit e = { 0 };
    ds_model *m = NULL;
    double predicted;
    int64_t chosen;
    ds_status st;

    c.how.count = (int64_t)t->count[at];
    c.how.pick = DS_PICK_GLOBAL;
    c.control = control > 0 ? DS_CONTROL_RANDOM : o->choice.control;
    c.seed += (uint64_t)control;
    st = ds__choose(&e, &predicted, &chosen, w->model, w->sites, v, &c, NULL, err);
    if (st == DS_OK && control == 0)
        t->count[at] = (double)chosen;
    if (st == DS_OK)
        st = ds__edit_overlay(&m, w->model, &e, err);
    for (int s = 0; st == DS_OK && s < DOSE_SETS; s++) {
        double j;

        if (!t->there[s])
            continue;
        st = mean_of(&j, m, set[s], s == 0 ? o->draws : 0, err);
        t->left[s][control][at] = j / before[s];
    }
    ds_model_close(m);
    ds__edit_clear(&e);
    return st;
}

ds_status ds__dose_measure(dose_table *t, const dose_options *o, component_work *w, ds_job *j,
                           const component_values *v, ds_error *err)
{
    component_work other[2] = { { 0 }, { 0 } };
    component_work *const set[DOSE_SETS] = { w, &other[0], &other[1] };
    double before[DOSE_SETS] = { 0 };
    ds_status st = DS_OK;

    *t = (dose_table){ .doses = o->doses < DOSE_MOST ? o->doses : DOSE_MOST };
    for (int i = 0; st == DS_OK && i < 2; i++)
        if (o->file[i] != NULL)
            st = ask_others(&other[i], o->file[i], w, j, err);
    for (int s = 0; st == DS_OK && s < DOSE_SETS; s++) {
        t->there[s] = s == 0 || o->file[s - 1] != NULL;
        if (t->there[s])
            st = mean_of(&before[s], w->model, set[s], s == 0 ? o->draws : 0, err);
    }
    for (int64_t i = 0; st == DS_OK && i < t->doses; i++) {
        t->count[i] = fmax(1.0, round((double)o->count * pow(2.0, (double)(i - t->doses / 2))));
        for (int c = 0; st == DS_OK && c < DOSE_CONTROLS; c++)
            st = one(t, o, i, c, set, before, v, err);
        if (st == DS_OK)
            st = ds__job_progress(j, "doses", i + 1, t->doses, err);
    }
    for (int i = 0; i < 2; i++)
        ds__component_clear(&other[i]);
    return st;
}

/* ---- told ------------------------------------------------------------------------------------ */

json_t *ds__dose_json(const dose_table *t)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < t->doses; i++) {
        json_t *o = json_pack("{s:I}", "components", (json_int_t)t->count[i]);

        for (int s = 0; s < DOSE_SETS; s++)
            if (t->there[s])
                json_object_set_new(o, ds__dose_sets[s],
                                    json_pack("{s:o, s:o}", "left", ds__json_real(t->left[s][0][i]),
                                              "left_at_random", ds__json_real(t->left[s][1][i])));
        json_array_append_new(list, o);
    }
    return list;
}

ds_status ds__dose_page(const dose_table *t, ds_page *page, ds_error *err)
{
    static const char *const names[DOSE_SETS][DOSE_CONTROLS] = {
        { "target", "target, random components" },
        { "anchors", "anchors, random components" },
        { "unrelated", "unrelated, random components" },
    };
    ds_series series[DOSE_SETS * DOSE_CONTROLS];
    ds_chart c = DS_CHART_INIT;
    char *svg = NULL;
    int n = 0;
    ds_status st;

    for (int s = 0; s < DOSE_SETS; s++)
        for (int k = 0; t->there[s] && k < DOSE_CONTROLS; k++)
            series[n++] = (ds_series){ .name = names[s][k],
                                       .kind = DS_SERIES_CURVE,
                                       .count = t->doses,
                                       .x = t->count,
                                       .y = t->left[s][k] };
    c.title = "Dose and response";
    c.x.label = "components removed";
    c.y.label = "J left";
    c.series = series;
    c.count = n;
    st = ds_chart_svg(&svg, &c, err);
    if (st == DS_OK)
        st = ds_page_chart(page, svg,
                           "What is left of the difference that a text makes, when more or fewer "
                           "components are removed in one go: of the concept, and of other "
                           "captions.",
                           err);
    ds_free(svg);
    return st;
}

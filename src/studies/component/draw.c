/* draw.c - a round of a cell: its pictures drawn by the edited model and read by the judge. */

#include <string.h>

#include <diffuscope/run.h>

#include "studies/component/eval.h"

enum { SIDE = DS_WORLD_SIDE };

static ds_status use_model(component_eval *e, int64_t concept_, eval_edit edit, ds_error *err)
{
    ds_status st = DS_OK;

    if (e->drawn.model != NULL && e->drawn.concept_ == concept_ && e->drawn.edit == (int)edit)
        return DS_OK;
    ds_model_close(e->drawn.model);
    e->drawn.model = NULL;
    st = ds__eval_edited(&e->drawn.model, e, concept_, edit, err);
    e->drawn.concept_ = concept_;
    e->drawn.edit = (int)edit;
    return st;
}

static ds_status draw(ds_run **run, component_eval *e, const eval_picture *p, uint64_t seed,
                      ds_error *err)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    const char *prompts[EVAL_PICTURES];
    ds_tensor t;
    ds_status st;

    for (int i = 0; i < EVAL_PICTURES; i++)
        prompts[i] = p[i].caption;
    o.prompts = prompts;
    o.images = EVAL_PICTURES;
    o.steps = (int)e->steps;
    o.cfg_scale = e->guidance;
    o.sampler = "ddim";
    o.seed = seed;
    o.cancel = e->job->o.cancel;
    st = ds_run_new(run, e->drawn.model != NULL ? e->drawn.model : e->job->model, &o, err);
    if (st != DS_OK)
        return st;
    t = ds_run_image(*run);
    if (t.dim[2] != SIDE || t.dim[3] != SIDE)
        return ds_fail(err, DS_E_SHAPE,
                       "the model draws %lld by %lld pixels, the world has %d by %d",
                       (long long)t.dim[3], (long long)t.dim[2], SIDE, SIDE);
    st = ds_run_all(*run, err);
    return st == DS_OK ? ds_run_decode(*run, err) : st;
}

/* What the judge sees: [right, object, style]; right is about the style for pictures of one that is
 * edited, else about the object. */
static ds_status look(json_t *into, const component_eval *e, const eval_concept *c,
                      const eval_picture *p, const float *planes, ds_error *err)
{
    const ds_world_tables *t = ds_world_words(e->w);
    const bool style = c->style && (p->kind == EVAL_TARGET || p->kind == EVAL_SYNONYM);
    ds_image image = { 0 };
    ds_verdict v;
    int seen = -1, drawn = -1;
    bool right;
    ds_status st = ds_image_from_planes(&image, planes, SIDE, SIDE, err);

    if (st == DS_OK)
        st = ds_judge_look(e->judge, &v, image.rgb, 1, NULL, err);
    ds_image_clear(&image);
    if (st != DS_OK)
        return st;
    if (v.things > 0) {
        seen = v.thing[0].concept[0];
        drawn = v.thing[0].style;
    }
    right = style ? drawn == p->style : seen == p->object;
    json_array_append_new(into, json_pack("[i, s, s, s]", (int)right, t->object[p->object].id,
                                          seen < 0            ? "nothing"
                                          : seen < t->objects ? t->object[seen].id
                                                              : "person",
                                          drawn >= 0 ? t->style[drawn].id : "none"));
    return DS_OK;
}

ds_status ds__eval_round(json_t **line, component_eval *e, int64_t concept_, eval_edit edit,
                         int64_t round, ds_error *err)
{
    const eval_concept *c = &e->c[concept_];
    eval_picture p[EVAL_PICTURES];
    json_t *pictures = json_array();
    ds_run *run = NULL;
    ds_status st = use_model(e, concept_, edit, err);

    for (int i = 0; st == DS_OK && i < EVAL_PICTURES; i++)
        st = ds__eval_picture(&p[i], e, c, round, i, err);
    if (st == DS_OK)
        st = draw(&run, e, p, e->seed + (uint64_t)(round * EVAL_PICTURES), err);
    for (int i = 0; st == DS_OK && i < EVAL_PICTURES; i++)
        st = look(pictures, e, c, &p[i],
                  (const float *)ds_run_image(run).data + (int64_t)i * 3 * SIDE * SIDE, err);
    ds_run_free(run);
    if (st == DS_OK) {
        *line =
            json_pack("{s:s, s:s, s:I, s:O}", "concept", c->name, "edit", ds__eval_edit_names[edit],
                      "round", (json_int_t)round, "pictures", pictures);
        st = *line != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a line");
    }
    json_decref(pictures);
    return st;
}

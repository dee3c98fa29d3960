/* attention.c - DAAM's maps beside those of information: the settings of `eval daam`, with its traces.
 * See eval.h. */

#include "studies/info/eval.h"

#include <string.h>

ds_status ds__info_eval_settings(info_eval *e, ds_error *err)
{
    static const char *const standard[] = { "disc", "paper", "plain", "best" };
    const ds_texts four = { standard, DS_COUNT(standard) }, none = { NULL, 0 };
    ds_status st;

    if (e->names.count == 1 && strcmp(e->names.text[0], "none") == 0)
        return DS_OK;
    st = ds__map_settings_read(&e->settings, e->names.count > 0 ? &e->names : &four, &none,
                               MAP_SOURCES, err);
    for (int i = 0; st == DS_OK && i < e->settings.count; i++) {
        const map_setting *x = &e->settings.at[i];

        if (x->ask || x->other_word || x->source == MAP_WHOLE || x->source >= MAP_WRONG_WORDS)
            st = ds_fail(err, DS_E_ARG,
                         "%s: expected none, disc, paper, plain, best, smooth or guided, found "
                         "%s, which is of eval daam alone",
                         ds__job_name(e->job, "settings"), x->name);
    }
    return st;
}

ds_status ds__info_eval_traces(const info_eval *e, ds_daam **trace, const study_picture *p,
                               const char *caption, uint64_t seed, ds_error *err)
{
    const int64_t side = p->image.width > p->image.height ? p->image.width : p->image.height;
    ds_daam_picture of = DS_DAAM_PICTURE_INIT;
    ds_status st = DS_OK;

    of.image = &p->tensor;
    of.prompt = caption;
    of.seed = seed;
    of.cancel = e->job->o.cancel;
    for (map_source source = MAP_OURS; source <= MAP_PAPER; source++) {
        ds_daam_options o = DS_DAAM_OPTIONS_INIT;

        o.paper = source == MAP_PAPER;
        o.side = o.paper ? side / e->size.factor : 0;
        o.self = ds__map_settings_need(&e->settings, source, false, true);
        if (st == DS_OK && ds__map_settings_need(&e->settings, source, false, false))
            st = ds_daam_open_picture(&trace[source], e->job->model, &of, &o, err);
    }
    return st;
}

ds_status ds__info_eval_attention(const map_setting *x, float *out, int64_t height, int64_t width,
                                  ds_daam *const *trace, const char *word, ds_error *err)
{
    setting_maps m;
    ds_status st;

    if (x->source == MAP_DISC) {
        ds_map_disc(out, height, width);
        return DS_OK;
    }
    st = ds__setting_maps_open(&m, trace[x->source], 0, &x->map, err);
    if (st == DS_OK)
        st = ds__setting_maps_word(&m, out, height, width, word, err);
    ds__setting_maps_close(&m);
    return st;
}

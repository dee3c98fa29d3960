/* eval_info_attention.c - DAAM's maps beside those of information: the settings of `eval daam`,
 * with its traces. See eval_info.h. */

#include <string.h>

#include "eval_info.h"
#include "report.h"

static ds_status add(eval_info *e, const char *name, ds_error *err)
{
    const eval_setting *x;
    ds_status st = eval_setting_named(&x, name, err);

    if (st != DS_OK)
        return st;
    if (x->ask || x->other_word || x->source == EVAL_WHOLE || x->source >= EVAL_WRONG_WORDS)
        return ds_fail(err, DS_E_ARG,
                       "--settings: expected none, disc, paper, plain, best, smooth or guided, "
                       "found %s, which is of eval daam alone",
                       name);
    for (int i = 0; i < e->settings; i++)
        if (e->setting[i] == x)
            return ds_fail(err, DS_E_ARG, "setting \"%s\" is given twice", name);
    e->setting[e->settings++] = x; /* there are fewer of them than places */
    return DS_OK;
}

ds_status eval_info_settings(eval_info *e, ds_error *err)
{
    static const char *const standard[] = { "disc", "paper", "plain", "best" };
    int n;
    const char *const *list = opt_texts(e->args, "settings", &n);
    ds_status st = DS_OK;

    if (n == 0) {
        list = standard;
        n = (int)DS_COUNT(standard);
    }
    if (n == 1 && strcmp(list[0], "none") == 0)
        return DS_OK;
    for (int i = 0; st == DS_OK && i < n; i++)
        st = add(e, list[i], err);
    return st;
}

ds_status eval_info_traces(const eval_info *e, ds_daam **trace, const eval_picture *p,
                           const char *caption, uint64_t seed, ds_error *err)
{
    int64_t side = p->image.width > p->image.height ? p->image.width : p->image.height;
    ds_daam_picture of = DS_DAAM_PICTURE_INIT;
    ds_status st = DS_OK;

    of.image = &p->tensor;
    of.prompt = caption;
    of.seed = seed;
    of.cancel = e->est->options.cancel;
    for (int source = EVAL_OURS; source <= EVAL_PAPER; source++) {
        ds_daam_options o = DS_DAAM_OPTIONS_INIT;
        bool needed = false;

        o.paper = source == EVAL_PAPER;
        o.side = o.paper ? side / e->sizes.factor : 0;
        for (int i = 0; i < e->settings; i++) {
            needed |= (int)e->setting[i]->source == source;
            o.self |=
                (int)e->setting[i]->source == source && e->setting[i]->map.refine != DS_DAAM_RAW;
        }
        if (st == DS_OK && needed)
            st = ds_daam_open_picture(&trace[source], e->model, &of, &o, err);
    }
    return st;
}

ds_status eval_info_attention(const eval_setting *x, float *out, int64_t height, int64_t width,
                              ds_daam *const *trace, const char *word, ds_error *err)
{
    if (x->source != EVAL_DISC)
        return eval_word_map(out, height, width, trace[x->source], 0, word, &x->map, err);
    ds_map_disc(out, height, width);
    return DS_OK;
}

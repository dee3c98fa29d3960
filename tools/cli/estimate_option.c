/* estimate_option.c - see estimate_option.h. */

#include "estimate_option.h"

#include <stdlib.h>
#include <string.h>

#include "report.h"

static ds_status on_call(void *user, const ds_info *info, ds_error *err)
{
    estimate *e = user;
    const ds_info_status s = ds_info_describe(info);

    (void)err;
    if (!e->announced && s.calls > 0)
        remark(e->args, "%lld calls of the network, about %.3g s", (long long)s.least_calls,
               s.seconds / (double)s.calls * (double)s.least_calls);
    e->announced = true;
    e->bar.total = s.next_calls > s.calls ? s.next_calls : s.calls;
    progress_step(&e->bar, s.calls);
    return DS_OK;
}

/* "2%" or "0.02". */
static ds_status read_share(double *out, const char *text, ds_error *err)
{
    char *end;

    *out = strtod(text, &end);
    if (end != text && strcmp(end, "%") == 0) {
        *out /= 100;
        end++;
    }
    if (end == text || *end != '\0' || !(*out >= 0) || !(*out <= 1))
        return ds_fail(err, DS_E_ARG, "--se: expected a share such as 2%% or 0.02, found \"%s\"",
                       text);
    return DS_OK;
}

ds_status estimate_from_options(estimate *out, const ds_args *a, ds_error *err)
{
    ds_info_options *o = &out->options;
    const char *draws = opt_text(a, "draws");

    *out = (estimate){ .options = DS_INFO_OPTIONS_INIT, .args = a };
    o->on_call = on_call;
    o->user = out;
    o->design = (ds_info_design)opt_choice(a, "design");
    o->replicates = opt_int(a, "replicates");
    o->nodes = opt_int(a, "nodes");
    o->antithetic = !opt_flag(a, "no-antithetic");
    o->pilot = opt_int(a, "pilot");
    o->exact_snr = opt_flag(a, "exact-snr");
    o->seed = opt_seed(a, "seed");
    o->floor = opt_real(a, "se-floor");
    o->max_calls = opt_int(a, "max-calls");
    o->batch = opt_int(a, "batch");
    o->state = opt_text(a, "state");
    o->cancel = cancel_on_interrupt();
    if (read_share(&o->se, opt_text(a, "se"), err) != DS_OK)
        return DS_E_ARG;
    if (draws == NULL)
        return DS_OK;
    if (ds_bundle_load(&out->draws, draws, err) != DS_OK)
        return err->code;
    o->draws = out->draws;
    return DS_OK;
}

void estimate_clear(estimate *e)
{
    ds_bundle_free(e->draws);
    e->draws = NULL;
}

ds_status estimate_run(estimate *e, ds_info *info, const char *what, ds_error *err)
{
    ds_status st;

    progress_begin(&e->bar, e->args, what, ds_info_describe(info).least_calls);
    st = ds_info_run(info, err);
    progress_end(&e->bar);
    return st;
}

json_t *estimate_json(const ds_info *info)
{
    const ds_info_status s = ds_info_describe(info);

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:[f,f], s:b}", "calls",
                     (json_int_t)s.calls, "pilot_calls", (json_int_t)s.pilot_calls, "draws",
                     (json_int_t)s.draws, "texts", (json_int_t)s.prompts, "replicates",
                     (json_int_t)s.replicates, "nodes", (json_int_t)s.nodes, "seconds", s.seconds,
                     "logsnr", s.low, s.high, "goal_met", s.met);
}

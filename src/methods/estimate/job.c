/* job.c - see job.h. */

#include "methods/estimate/job.h"

#define AT(field) offsetof(estimate_options, field)

const ds_option ds__job_estimate_rows[] = {
    { .name = "replicates",
      .kind = DS_OPTION_INT,
      .offset = AT(replicates),
      .arg = "N",
      .standard = "9",
      .min = 1,
      .max = 512,
      .help =
          "lattices (sets of evenly spaced log-SNRs), whose scatter is the standard error: best "
          "an odd number from 9" },
    { .name = "nodes",
      .kind = DS_OPTION_INT,
      .offset = AT(nodes),
      .arg = "N",
      .standard = "2",
      .min = 1,
      .max = 1048576,
      .help = "log-SNRs per lattice in the first round; doubled until --se is reached" },
    { .name = "se",
      .kind = DS_OPTION_SHARE,
      .offset = AT(se),
      .arg = "SHARE",
      .standard = "0",
      .help = "continue until every information has this relative standard error, \"2%\" or "
              "\"0.02\"; 0: stop after the first round" },
    { .name = "se-floor",
      .kind = DS_OPTION_REAL,
      .offset = AT(floor),
      .arg = "NATS",
      .standard = "0.1",
      .min = 0,
      .max = 1e9,
      .unit = "nats",
      .help = "with --se: smaller informations are measured to the absolute error of this one" },
    { .name = "max-calls",
      .kind = DS_OPTION_INT,
      .offset = AT(max_calls),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 1e15,
      .help = "upper limit on evaluations of the network (noisy latents times texts); 0: none" },
    { .name = "pilot",
      .kind = DS_OPTION_INT,
      .offset = AT(pilot),
      .arg = "N",
      .standard = "18",
      .min = 0,
      .max = 65536,
      .help = "log-SNRs of a short pilot run, which finds the noise levels where the words matter; "
              "0: no pilot" },
    { .name = "design",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(design),
      .choices = "lattice|published",
      .standard = "lattice",
      .help = "lattice: evenly spaced log-SNRs with antithetic noise; published: independent Monte "
              "Carlo samples, as many as --replicates" },
    { .name = "no-antithetic",
      .kind = DS_OPTION_FLAG,
      .offset = AT(no_antithetic),
      .help = "use each noise once, not with both signs" },
    { .name = "exact-snr",
      .kind = DS_OPTION_FLAG,
      .offset = AT(exact_snr),
      .help = "add noise at the drawn log-SNR exactly, although the network is given the nearest "
              "time step" },
    { .name = "draws",
      .kind = DS_OPTION_FILE,
      .offset = AT(draws),
      .arg = "FILE",
      .help = "safetensors file of recorded draws: logsnr [n], weight [n], eps [n,C,h,w]" },
    { .name = "batch",
      .kind = DS_OPTION_INT,
      .offset = AT(batch),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 4096,
      .help = "noisy latents per call of the network, at most; 0: automatic" },
    { .name = "state",
      .kind = DS_OPTION_STATE,
      .offset = AT(state),
      .arg = "FILE",
      .help = "file of statistics: continue from it if it exists, and update it while running" },
    { 0 },
};

static const char *stage_of(const job_estimate *e)
{
    return e->stage != NULL ? e->stage : "measuring";
}

static ds_status on_call(void *user, const ds_info *info, ds_error *err)
{
    job_estimate *e = user;
    const ds_info_status s = ds_info_describe(info);
    int64_t total = s.next_calls > s.calls ? s.next_calls : s.calls;

    if (!e->announced && s.calls > 0)
        ds__job_remark(e->job, "%lld calls of the network, about %.3g s", (long long)s.least_calls,
                       s.seconds / (double)s.calls * (double)s.least_calls);
    e->announced = true;
    return ds__job_progress(e->job, stage_of(e), s.calls, total, err);
}

ds_status ds__job_estimate_check(job_estimate *out, ds_job *j, const estimate_options *o,
                                 uint64_t seed, ds_error *err)
{
    ds_info_options *i = &out->options;
    ds_status st = DS_OK;

    *out = (job_estimate){ .options = DS_INFO_OPTIONS_INIT, .job = j };
    i->on_call = on_call;
    i->user = out;
    i->design = (ds_info_design)o->design;
    i->replicates = o->replicates;
    i->nodes = o->nodes;
    i->antithetic = !o->no_antithetic;
    i->pilot = o->pilot;
    i->exact_snr = o->exact_snr;
    i->seed = seed;
    i->se = o->se;
    i->floor = o->floor;
    i->max_calls = o->max_calls;
    i->batch = o->batch;
    i->state = o->state;
    i->cancel = j->o.cancel;
    if (o->draws != NULL)
        st = ds_bundle_load(&out->draws, o->draws, err);
    i->draws = out->draws;
    return st;
}

void ds__job_estimate_clear(job_estimate *e)
{
    ds_bundle_free(e->draws);
    e->draws = NULL;
}

ds_status ds__job_estimate_run(job_estimate *e, ds_info *info, ds_error *err)
{
    const char *text;
    ds_info_status s = ds_info_describe(info);
    const bool first = !e->announced;
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && (text = ds_info_warning(info, i)) != NULL; i++)
        st = ds__job_warn(e->job, text, err);
    if (first)
        ds__job_remark(e->job, "%lld texts, %lld or more calls of the network",
                       (long long)s.prompts, (long long)s.least_calls);
    if (st == DS_OK)
        st = ds__job_progress(e->job, stage_of(e), 0, s.least_calls, err);
    if (st == DS_OK)
        st = ds_info_run(info, err);
    s = ds_info_describe(info);
    if (st == DS_OK && e->options.se > 0 && !s.met) {
        char note[160];

        snprintf(note, sizeof note,
                 "the standard error is still above %s after %lld calls; %s allows no further "
                 "doubling",
                 ds__job_name(e->job, "se"), (long long)s.calls, ds__job_name(e->job, "max-calls"));
        st = ds__job_warn(e->job, note, err);
    }
    return st;
}

json_t *ds__job_estimate_json(const ds_info *info)
{
    const ds_info_status s = ds_info_describe(info);

    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:[f,f], s:b}", "calls",
                     (json_int_t)s.calls, "pilot_calls", (json_int_t)s.pilot_calls, "draws",
                     (json_int_t)s.draws, "texts", (json_int_t)s.prompts, "replicates",
                     (json_int_t)s.replicates, "nodes", (json_int_t)s.nodes, "seconds", s.seconds,
                     "logsnr", s.low, s.high, "goal_met", s.met);
}

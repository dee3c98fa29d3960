/* daam_trace.h - what the tests of DAAM share: a very small model, traces of it and their maps. */

#ifndef DS_TESTS_DAAM_TRACE_H
#define DS_TESTS_DAAM_TRACE_H

#include "support.h"

#include <diffuscope/daam.h>

static ds_model *model;

static inline int open_tiny(void **state)
{
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_model_open(&model, ts_tiny_model(false), NULL, &err), &err);
    return 0;
}

static inline int close_tiny(void **state)
{
    (void)state;
    ds_model_close(model);
    return 0;
}

static inline ds_run_options run_options(void)
{
    ds_run_options r = DS_RUN_OPTIONS_INIT;

    r.prompt = "a cat and a cat";
    r.negative_prompt = "fog";
    r.steps = 3;
    return r;
}

static inline ds_daam *trace(const ds_run_options *r, const ds_daam_options *o)
{
    ds_daam_options standard = DS_DAAM_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_daam *d;

    ts_ok(ds_daam_new(&d, model, r, o != NULL ? o : &standard, &err), &err);
    ts_ok(ds_run_all(ds_daam_run(d), &err), &err);
    return d;
}

static inline ds_daam_maps *maps(const ds_daam *d, int64_t text, int64_t image,
                                 const ds_daam_map_options *o)
{
    ds_daam_maps *m;
    ds_error err = { 0 };

    ts_ok(ds_daam_reduce(d, &m, text, image, o, &err), &err);
    return m;
}

static inline float *data(const ds_daam_maps *m)
{
    return ds_daam_global(m).data;
}

static inline int64_t count(const ds_daam_maps *m)
{
    const ds_tensor t = ds_daam_global(m);

    return ds_tensor_count(&t);
}

#endif

/* engine.c - oneDNN's engine; the life of a kernel. */

#include "kernels/dnnl/engine.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* oneDNN keeps compiled primitives in a cache of its own for the whole process, so the engine lives
 * as long: it is created once and only read afterwards. */
static pthread_once_t engine_once = PTHREAD_ONCE_INIT;
static dnnl_engine_t shared_engine;
static dnnl_status_t engine_status;

static void make_engine(void)
{
    engine_status = dnnl_engine_create(&shared_engine, dnnl_cpu, 0);
}

const char *ds__dnnl_version(char *buf, size_t size)
{
    const dnnl_version_t *v = dnnl_version();

    snprintf(buf, size, "%d.%d.%d", v->major, v->minor, v->patch);
    return buf;
}

/* ---- the kernel object ---------------------------------------------------------------------- */

static void dnnl_release(ds_kernel *base)
{
    ds__dnnl_kernel *k = (ds__dnnl_kernel *)base;

    for (int v = 0; v < 2; v++) {
        for (int i = 0; i < k->program[v].count; i++) {
            ds__step *step = &k->program[v].step[i];

            for (int a = 0; a < step->count; a++)
                dnnl_memory_destroy(step->arg[a].memory);
            dnnl_primitive_destroy(step->primitive);
        }
    }
    ds__md_free(&k->stored);
    ds__md_free(&k->packed);
    if (k->stream != NULL)
        dnnl_stream_destroy(k->stream);
    ds_free(k);
}

static ds_status dnnl_bind(ds_kernel *base, ds_error *err)
{
    ds__dnnl_kernel *k = (ds__dnnl_kernel *)base;
    ds__program *p;
    dnnl_status_t s = dnnl_success;

    k->chosen = base->desc.add && base->args[DS_ARG_ADD] == base->args[DS_ARG_DST] &&
                k->program[1].count > 0;
    p = &k->program[k->chosen];
    for (int i = 0; i < p->count; i++) {
        ds__step *step = &p->step[i];

        for (int a = 0; a < step->count && s == dnnl_success; a++)
            s = dnnl_memory_set_data_handle(step->arg[a].memory,
                                            (char *)base->args[step->place[a].arg] +
                                                step->place[a].offset);
    }
    return ds__dnnl_check(k, s, "binding", err);
}

static ds_status dnnl_run(ds_kernel *base, ds_error *err)
{
    ds__dnnl_kernel *k = (ds__dnnl_kernel *)base;
    ds__program *p = &k->program[k->chosen];
    dnnl_status_t s = dnnl_success;

    if (k->prefill && base->args[DS_ARG_ADD] != base->args[DS_ARG_DST])
        memcpy(base->args[DS_ARG_DST], base->args[DS_ARG_ADD],
               (size_t)ds__kernel_count(&base->desc, DS_ARG_DST) * sizeof(float));
    for (int i = 0; i < p->count && s == dnnl_success; i++)
        s = dnnl_primitive_execute(p->step[i].primitive, k->stream, p->step[i].count,
                                   p->step[i].arg);
    return ds__dnnl_check(k, s, "execution", err);
}

/* Reorders src, stored as md_from says, to the packed layout. */
static dnnl_status_t reorder(ds__dnnl_kernel *k, ds__md_ref from, const void *src, void *dst)
{
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t in = NULL, out = NULL;
    dnnl_status_t s = dnnl_reorder_primitive_desc_create(&pd, from, k->engine,
                                                         ds__md_get(&k->packed), k->engine, NULL);

    if (s == dnnl_success)
        s = dnnl_primitive_create(&primitive, pd);
    if (s == dnnl_success)
        s = dnnl_memory_create(&in, from, k->engine, (void *)(uintptr_t)src);
    if (s == dnnl_success)
        s = dnnl_memory_create(&out, ds__md_get(&k->packed), k->engine, dst);
    if (s == dnnl_success) {
        dnnl_exec_arg_t arg[] = { { DNNL_ARG_FROM, in }, { DNNL_ARG_TO, out } };

        s = dnnl_primitive_execute(primitive, k->stream, 2, arg);
    }
    dnnl_memory_destroy(out);
    dnnl_memory_destroy(in);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(pd);
    return s;
}

/* oneDNN has no f16 on most processors and no reorder between all types: another type than the
 * operand's own is converted first, into one temporary of the tensor's size. */
static ds_status dnnl_pack(ds_kernel *base, void *dst, const void *src, ds_dtype src_type,
                           ds_error *err)
{
    ds__dnnl_kernel *k = (ds__dnnl_kernel *)base;
    const int64_t chunk = 1 << 16, count = ds__kernel_count(&base->desc, DS_ARG_B);
    const ds_dtype type = base->desc.b_type;
    const size_t to = ds_dtype_size(type), from = ds_dtype_size(src_type);
    char *own = NULL;
    dnnl_status_t s;

    if (src_type != type) {
        own = ds_alloc((size_t)count * to);
        if (own == NULL)
            return ds_fail(err, DS_E_NOMEM, "packing weights: %zu bytes", (size_t)count * to);
#pragma omp parallel for schedule(static)
        for (int64_t i = 0; i < count; i += chunk)
            ds_convert(own + (size_t)i * to, type, (const char *)src + (size_t)i * from, src_type,
                       i + chunk < count ? chunk : count - i);
    }
    s = reorder(k, ds__md_get(&k->stored), own != NULL ? own : src, dst);
    ds_free(own);
    return ds__dnnl_check(k, s, "packing the weights", err);
}

static const ds__kernel_ops dnnl_ops = { dnnl_release, dnnl_pack, dnnl_bind, dnnl_run };

ds_status ds__dnnl_kernel_new(ds_kernel **out, const ds_kernel_desc *desc, ds_error *err)
{
    ds__dnnl_kernel *k = ds_calloc(1, sizeof *k);
    ds_status st;

    if (k == NULL)
        return ds_fail(err, DS_E_NOMEM, "a kernel: %zu bytes", sizeof *k);
    k->base.ops = &dnnl_ops;
    k->base.desc = *desc;
    pthread_once(&engine_once, make_engine);
    k->engine = shared_engine;
    st = ds__dnnl_check(k, engine_status, "the engine", err);
    if (st == DS_OK)
        st = ds__dnnl_check(k, dnnl_stream_create(&k->stream, k->engine, dnnl_stream_default_flags),
                            "the stream", err);
    if (st == DS_OK)
        st = desc->kind == DS_KERNEL_MATMUL ? ds__dnnl_plan_matmul(k, err)
                                            : ds__dnnl_plan_conv(k, err);
    if (st != DS_OK) {
        dnnl_release(&k->base);
        return st;
    }
    *out = &k->base;
    return DS_OK;
}

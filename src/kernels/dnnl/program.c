/* program.c - puts primitives, their operands and the reorders around them into programs. */

#include "kernels/dnnl/engine.h"

#include <stdio.h>

static size_t align64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

void ds__dnnl_free_mds(ds__mds *md)
{
    ds__md_free(&md->a);
    ds__md_free(&md->b);
    ds__md_free(&md->bias);
    ds__md_free(&md->dst);
    ds__md_free(&md->add);
}

dnnl_status_t ds__dnnl_attr(dnnl_primitive_attr_t *out, ds__add_mode mode, ds__md_ref add_md)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t s = dnnl_primitive_attr_create(out);

    if (s == dnnl_success)
        s = dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user);
    if (s != dnnl_success || mode == DS__ADD_NONE || mode == DS__ADD_STAGED)
        return s;
    s = dnnl_post_ops_create(&ops);
    if (s == dnnl_success)
        s = mode == DS__ADD_IN_PLACE ? ds__post_sum(ops)
                                     : dnnl_post_ops_append_binary(ops, dnnl_binary_add, add_md);
    if (s == dnnl_success)
        s = dnnl_primitive_attr_set_post_ops(*out, ops);
    dnnl_post_ops_destroy(ops);
    return s;
}

/* Adds an operand to the program's last step. */
static dnnl_status_t operand(ds__dnnl_kernel *k, ds__program *p, int id, ds__md_ref md,
                             ds__place place)
{
    ds__step *step = &p->step[p->count - 1];
    dnnl_memory_t memory;
    dnnl_status_t s = dnnl_memory_create(&memory, md, k->engine, DNNL_MEMORY_NONE);

    if (s == dnnl_success) {
        step->arg[step->count] = (dnnl_exec_arg_t){ id, memory };
        step->place[step->count++] = place;
    }
    return s;
}

/* Makes a primitive of pd and appends it to the program; its scratchpad starts at byte `used` of
 * the scratch, which info.scratch_bytes is raised to cover. */
static dnnl_status_t append(ds__dnnl_kernel *k, ds__program *p, const_dnnl_primitive_desc_t pd,
                            size_t used)
{
    ds__md_ref md = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    size_t bytes = md != NULL ? dnnl_memory_desc_get_size(md) : 0;
    dnnl_status_t s = dnnl_primitive_create(&p->step[p->count].primitive, pd);

    if (s != dnnl_success)
        return s;
    p->count++;
    if (k->base.info.scratch_bytes < used + bytes)
        k->base.info.scratch_bytes = used + bytes;
    if (bytes == 0)
        return s;
    return operand(k, p, DNNL_ARG_SCRATCHPAD, md, (ds__place){ DS_ARG_SCRATCH, used });
}

/* Appends to = from, or to += from. */
static dnnl_status_t append_reorder(ds__dnnl_kernel *k, ds__program *p, ds__md_ref from,
                                    ds__place from_place, ds__md_ref to, ds__place to_place,
                                    bool sum, size_t used)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t s = ds__dnnl_attr(&attr, sum ? DS__ADD_IN_PLACE : DS__ADD_NONE, NULL);

    if (s == dnnl_success)
        s = dnnl_reorder_primitive_desc_create(&pd, from, k->engine, to, k->engine, attr);
    if (s == dnnl_success)
        s = append(k, p, pd, used);
    if (s == dnnl_success)
        s = operand(k, p, DNNL_ARG_FROM, from, from_place);
    if (s == dnnl_success)
        s = operand(k, p, DNNL_ARG_TO, to, to_place);
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    return s;
}

/* Notes pd's name, and the layout of packed weights: in k, and as a number (FNV-1a) in info. */
static dnnl_status_t note(ds__dnnl_kernel *k, const_dnnl_primitive_desc_t pd, ds__md_ref b)
{
    const char *name = NULL;
    uint64_t hash = 0xcbf29ce484222325u;
    int64_t number[64];
    int count;

    if (dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name) == dnnl_success)
        snprintf(k->impl, sizeof k->impl, "%s", name);
    k->base.info.impl = k->impl;
    if (!k->base.desc.packed)
        return dnnl_success;
    count = ds__md_numbers(b, number);
    for (int i = 0; i < count; i++)
        for (int byte = 0; byte < 8; byte++)
            hash = (hash ^ ((uint64_t)number[i] >> 8 * byte & 0xff)) * 0x100000001b3u;
    k->base.info.packed_bytes = dnnl_memory_desc_get_size(b);
    k->base.info.layout = hash;
    return ds__md_copy(&k->packed, b);
}

/* oneDNN's names for our arguments. */
static const struct {
    int a, b, bias, dst;
} names[] = {
    [DS_KERNEL_MATMUL] = { DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST },
    [DS_KERNEL_CONV] = { DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST },
    [DS_KERNEL_CONV_DATA] = { DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, 0, DNNL_ARG_DIFF_SRC },
    [DS_KERNEL_CONV_WEIGHTS] = { DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_BIAS,
                                 DNNL_ARG_DIFF_WEIGHTS },
};

/* Appends pd itself, its b and dst being at the given places. */
static dnnl_status_t append_product(ds__dnnl_kernel *k, ds__program *p,
                                    const_dnnl_primitive_desc_t pd, const ds__mds *md,
                                    ds__add_mode mode, ds__place b, ds__place dst, size_t used)
{
    const int id[] = { names[k->base.desc.kind].a, names[k->base.desc.kind].b,
                       names[k->base.desc.kind].dst, names[k->base.desc.kind].bias };
    const ds__place place[] = { { DS_ARG_A, 0 }, b, dst, { DS_ARG_BIAS, 0 } };
    const int count = k->base.desc.bias ? 4 : 3;
    dnnl_status_t s = append(k, p, pd, used);

    for (int i = 0; i < count && s == dnnl_success; i++)
        s = operand(k, p, id[i], dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, id[i]),
                    place[i]);
    if (s == dnnl_success && mode == DS__ADD_TENSOR)
        s = operand(k, p, DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, ds__md_get(&md->add),
                    (ds__place){ DS_ARG_ADD, 0 });
    return s;
}

dnnl_status_t ds__dnnl_program(ds__dnnl_kernel *k, ds__program *p, const_dnnl_primitive_desc_t pd,
                               const ds__mds *md, ds__add_mode mode)
{
    const ds_kernel_kind kind = k->base.desc.kind;
    const ds__place b_arg = { DS_ARG_B, 0 }, dst_arg = { DS_ARG_DST, 0 };
    ds__md_ref b_md = dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, names[kind].b);
    ds__md_ref dst_md = dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, names[kind].dst);
    ds__place b = b_arg, dst = dst_arg;
    size_t used = 0;
    dnnl_status_t s = p == &k->program[0] ? note(k, pd, b_md) : dnnl_success;

    if (!k->base.desc.packed && !dnnl_memory_desc_equal(b_md, ds__md_get(&k->stored))) {
        b = (ds__place){ DS_ARG_SCRATCH, 0 };
        used = align64(dnnl_memory_desc_get_size(b_md));
        if (s == dnnl_success)
            s = append_reorder(k, p, ds__md_get(&k->stored), b_arg, b_md, b, false, used);
    }
    if (mode == DS__ADD_STAGED || !dnnl_memory_desc_equal(dst_md, ds__md_get(&md->dst))) {
        dst = (ds__place){ DS_ARG_SCRATCH, used };
        used += align64(dnnl_memory_desc_get_size(dst_md));
    }
    if (s == dnnl_success)
        s = append_product(k, p, pd, md, mode, b, dst, used);
    if (s == dnnl_success && dst.arg == DS_ARG_SCRATCH)
        s = append_reorder(k, p, dst_md, dst, ds__md_get(&md->dst), dst_arg, mode == DS__ADD_STAGED,
                           used);
    return s;
}

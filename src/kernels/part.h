/* part.h - how the files of ref/ and simd/ name their functions, once per instruction set.
 *
 * DS_FN(add) is ds__add_v3 in a file that is compiled for v3 (DS_ISA comes from the Makefile), and
 * ds__add_ref in ref/. The prototypes come from the members of ds_simd. */

#ifndef DS_KERNELS_PART_H
#define DS_KERNELS_PART_H

#include "kernels/simd.h"

#ifndef DS_ISA
#define DS_ISA ref
#endif

#define DS_CAT_(a, b) ds__##a##_##b
#define DS_CAT(a, b)  DS_CAT_(a, b)
#define DS_FN(name)   DS_CAT(name, DS_ISA)
#define DS_STR_(a)    #a
#define DS_STR(a)     DS_STR_(a)

#define DS_SIMD_LIST(X)                                                                            \
    X(group_norm)                                                                                  \
    X(group_norm_adj)                                                                              \
    X(layer_norm)                                                                                  \
    X(layer_norm_adj)                                                                              \
    X(softmax)                                                                                     \
    X(softmax_adj)                                                                                 \
    X(act)                                                                                         \
    X(act_adj)                                                                                     \
    X(geglu)                                                                                       \
    X(geglu_adj)                                                                                   \
    X(add)                                                                                         \
    X(sub)                                                                                         \
    X(mul)                                                                                         \
    X(mul_add)                                                                                     \
    X(scale)                                                                                       \
    X(axpy)                                                                                        \
    X(axpby)                                                                                       \
    X(fill)                                                                                        \
    X(add_rows)                                                                                    \
    X(sum_rows)                                                                                    \
    X(to_bf16)                                                                                     \
    X(from_bf16)                                                                                   \
    X(attention_work)                                                                              \
    X(attention)                                                                                   \
    X(attention_probs)                                                                             \
    X(attention_apply)                                                                             \
    X(attention_adj_work)                                                                          \
    X(attention_adj)                                                                               \
    X(attention_probs_adj)                                                                         \
    X(attention_apply_adj)                                                                         \
    X(upsample)                                                                                    \
    X(upsample_adj)                                                                                \
    X(concat)                                                                                      \
    X(concat_adj)                                                                                  \
    X(copy_slice)                                                                                  \
    X(add_slice)                                                                                   \
    X(nchw_to_nhwc)                                                                                \
    X(nhwc_to_nchw)                                                                                \
    X(gather)                                                                                      \
    X(gather_adj)                                                                                  \
    X(timestep_embedding)                                                                          \
    X(winograd_filter)                                                                             \
    X(winograd_filter_adj)                                                                         \
    X(winograd_in)                                                                                 \
    X(winograd_out_adj)                                                                            \
    X(winograd_out)                                                                                \
    X(polar_work)                                                                                  \
    X(polar)                                                                                       \
    X(sum)                                                                                         \
    X(dot)                                                                                         \
    X(sum_sq_diff)                                                                                 \
    X(sum_abs_diff)                                                                                \
    X(sq_diff_adj)                                                                                 \
    X(abs_diff_adj)

#define DS_DECLARE(name) __typeof__(*((ds_simd *)0)->name) DS_FN(name);
#define DS_ENTRY(name)   .name = DS_FN(name),

DS_SIMD_LIST(DS_DECLARE)

#endif

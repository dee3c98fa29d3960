/* tables.h - the tables that choose.c picks from; which of them exist, the Makefile says. */

#ifndef DS_KERNELS_TABLES_H
#define DS_KERNELS_TABLES_H

#include "kernels/simd.h"

extern const ds_simd ds__table_ref, ds__table_portable;
extern const ds_simd ds__table_v2, ds__table_v3, ds__table_v4, ds__table_v4bf16;

#endif

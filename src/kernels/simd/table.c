/* table.c - the table of one instruction set. */

#include "kernels/part.h"
#include "kernels/tables.h"

const ds_simd DS_FN(table) = { .isa = DS_STR(DS_ISA), DS_SIMD_LIST(DS_ENTRY) };

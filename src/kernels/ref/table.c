/* table.c - the table of the reference kernels. */

#include "kernels/part.h"
#include "kernels/tables.h"

const ds_simd ds__table_ref = { .isa = "ref", DS_SIMD_LIST(DS_ENTRY) };

/* matmul.c - dst[m,n] = sum_k a[m,k] b[k,n] (+ bias[n]) (+ add[m,n]), for each of the batch.
 *
 * Its adjoints are products too (da = ddst b^T, db = a^T ddst), so they need no code of their own.
 * A sum runs over k in index order and in double: the result does not depend on the thread
 * count. */

#include "kernels/backend.h"
#include "kernels/ref/element.h"

void ds__ref_matmul(const ds_kernel_desc *d, void *const args[DS_ARG_COUNT])
{
    const float *bias = d->bias ? args[DS_ARG_BIAS] : NULL;
    const float *add = d->add ? args[DS_ARG_ADD] : NULL;
    const int64_t m = d->m, n = d->n, k = d->k;
    const int64_t a_row = d->a_trans ? 1 : k, a_col = d->a_trans ? m : 1;
    const int64_t b_row = d->b_trans ? 1 : n, b_col = d->b_trans ? k : 1;

#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < d->batch * m; r++) {
        int64_t a = r / m * m * k + r % m * a_row, b = r / m * k * n;

        for (int64_t c = 0; c < n; c++) {
            double sum = bias != NULL ? bias[c] : 0.0;

            for (int64_t i = 0; i < k; i++)
                sum += ds__ref_get(args[DS_ARG_A], d->a_type, a + i * a_col) *
                       ds__ref_get(args[DS_ARG_B], d->b_type, b + i * b_row + c * b_col);
            ds__ref_put(args[DS_ARG_DST], d->dst_type, r * n + c, sum, add);
        }
    }
}

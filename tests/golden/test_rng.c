/* torch-cpu: every recorded draw of PyTorch's CPU generator, bit for bit. */

#include "support.h"

#include <diffuscope/rng.h>
#include <stdlib.h>
#include <string.h>

static void same_bits(const char *name, const float *got, const ds_tensor *want)
{
    const float *w = want->data;
    int64_t n = ds_tensor_count(want);

    for (int64_t i = 0; i < n; i++)
        if (memcmp(&got[i], &w[i], sizeof *w) != 0)
            fail_msg("%s[%lld]: %a, expected %a", name, (long long)i, (double)got[i], (double)w[i]);
}

/* "kind/SEED/..." */
static void draw(const char *name, float *out, int64_t n)
{
    static const int64_t sequence[] = { 16, 5, 40, 3, 72, 1 };
    const char *seed = strchr(name, '/') + 1;
    ds_rng rng;

    ds_rng_init(&rng, DS_RNG_TORCH_CPU, strtoull(seed, NULL, 10));
    if (strncmp(name, "rand/", 5) == 0) {
        ds_rng_uniform(&rng, out, n);
    } else if (strncmp(name, "randn/", 6) == 0) {
        ds_rng_normal(&rng, out, n);
    } else {
        for (size_t i = 0; i < DS_COUNT(sequence); out += sequence[i++])
            ds_rng_normal(&rng, out, sequence[i]);
    }
}

static void torch_cpu_is_exact(void **state)
{
    const char *golden = ts_golden();
    ds_bundle *b;
    ds_error err = { 0 };

    (void)state;
    if (golden == NULL)
        skip();
    ts_ok(ds_bundle_load(&b, ts_path(golden, "cases/torch-cpu-random.safetensors"), &err), &err);
    assert_true(ds_bundle_count(b) >= 32);
    for (int64_t i = 0; i < ds_bundle_count(b); i++) {
        const ds_tensor *want = ds_bundle_at(b, i);
        float *got = calloc((size_t)ds_tensor_count(want), sizeof *got);

        draw(ds_bundle_name(b, i), got, ds_tensor_count(want));
        same_bits(ds_bundle_name(b, i), got, want);
        free(got);
    }
    ds_bundle_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(torch_cpu_is_exact) };

    return cmocka_run_group_tests_name("golden: random numbers", tests, NULL, NULL);
}

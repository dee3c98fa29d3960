/* Generators: known answers, independence of copies, names. */

#include "support.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

/* Random123 1.14, tests/kat_vectors, philox4x32 with 10 rounds. */
static void philox_known_answers(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } kat[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
          { 0xffffffff, 0xffffffff },
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
          { 0xa4093822, 0x299f31d0 },
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(kat); i++) {
        uint32_t got[4];

        ds__philox(got, kat[i].counter, kat[i].key);
        assert_memory_equal(got, kat[i].want, sizeof got);
    }
}

/* The first numbers of torch.manual_seed(0); torch.randn(3, 4, device="cuda"), as published with
 * stable-diffusion-webui's modules/rng_philox.py. They come from exact constants; with PyTorch's
 * float32 constants the last digits move. */
static void torch_cuda_published(void **state)
{
    static const float want[] = { -0.92466259f, -0.42534415f, -2.6438457f,  0.14518388f,
                                  -0.12086647f, -0.57972564f, -0.62285122f, -0.32838709f,
                                  -1.07454231f, -0.36314407f, -1.67105067f, 2.26550497f };
    float got[DS_COUNT(want)], again[DS_COUNT(want)];
    ds_rng rng;

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CUDA, 0);
    ds_rng_normal(&rng, got, DS_COUNT(want));
    for (size_t i = 0; i < DS_COUNT(want); i++)
        assert_true(fabsf(got[i] - want[i]) < 1e-6f);
    ds_rng_normal(&rng, again, DS_COUNT(want));
    assert_memory_not_equal(got, again, sizeof got);
}

/* The reference implementation's 10,000th output for the default seed (also ISO C++ 26.5.5). */
static void twister_known_answer(void **state)
{
    ds_rng rng;
    uint32_t last = 0;

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 5489);
    for (int i = 0; i < 10000; i++)
        last = ds_rng_u32(&rng);
    assert_int_equal(last, 4123659995u);
}

/* Mean, variance and fourth moment of 200,000 normals within five standard errors; uniforms inside
 * [0, 1). Catches a swapped half or a wrong constant in either generator. */
static void moments(void **state)
{
    enum { N = 200000 };
    static float x[N];

    (void)state;
    for (int kind = DS_RNG_TORCH_CPU; kind <= DS_RNG_TORCH_CUDA; kind++) {
        double sum[5] = { 0 }, mean = 0;
        ds_rng rng;

        ds_rng_init(&rng, (ds_rng_kind)kind, 11);
        ds_rng_normal(&rng, x, N);
        for (int i = 0; i < N; i++)
            for (int p = 1; p <= 4; p++)
                sum[p] += pow(x[i], p) / N;
        assert_true(fabs(sum[1]) < 5 * sqrt(1.0 / N));
        assert_true(fabs(sum[2] - 1) < 5 * sqrt(2.0 / N));
        assert_true(fabs(sum[3]) < 5 * sqrt(15.0 / N));
        assert_true(fabs(sum[4] - 3) < 5 * sqrt(96.0 / N));
        ds_rng_uniform(&rng, x, N);
        for (int i = 0; i < N; i++) {
            assert_true(x[i] >= 0.0f && x[i] < 1.0f);
            mean += (double)x[i] / N;
        }
        assert_true(fabs(mean - 0.5) < 5 * sqrt(1.0 / 12 / N));
    }
}

static void a_copy_continues_alike(void **state)
{
    float a[21], b[21];
    ds_rng rng, copy;

    (void)state;
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 3);
    ds_rng_normal(&rng, a, 5); /* leaves a spare number */
    copy = rng;
    ds_rng_normal(&rng, a, 21);
    ds_rng_normal(&copy, b, 21);
    assert_memory_equal(a, b, sizeof a);
    assert_true(rng.has_spare && copy.has_spare);
    ds_rng_normal(&rng, a, 2);
    ds_rng_normal(&copy, b, 2);
    assert_memory_equal(a, b, 2 * sizeof *a);
}

static void names(void **state)
{
    ds_rng_kind kind = DS_RNG_TORCH_CPU;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_rng_kind_parse(&kind, "torch-cuda", &err), &err);
    assert_int_equal(kind, DS_RNG_TORCH_CUDA);
    ts_ok(ds_rng_kind_parse(&kind, "cpu", &err), &err);
    assert_string_equal(ds_rng_kind_name(kind), "torch-cpu");
    assert_int_equal(ds_rng_kind_parse(&kind, "mersenne", &err), DS_E_NOMATCH);
    assert_non_null(strstr(err.text, "mersenne"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers),   cmocka_unit_test(torch_cuda_published),
        cmocka_unit_test(twister_known_answer),   cmocka_unit_test(moments),
        cmocka_unit_test(a_copy_continues_alike), cmocka_unit_test(names),
    };

    return cmocka_run_group_tests_name("random numbers", tests, NULL, NULL);
}

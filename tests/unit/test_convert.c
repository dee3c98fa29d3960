/* Element types: every float16 and bfloat16 survives the round trip, and rounding is to even. */

#include "support.h"
#include "tensor/convert.h"

#include <math.h>

static void every_short_float_survives(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        float h = ds__f16_to_f32((uint16_t)i);
        float b = ds__bf16_to_f32((uint16_t)i);

        if (isnan(h))
            assert_true(isnan(ds__f16_to_f32(ds__f32_to_f16(h))));
        else
            assert_int_equal(ds__f32_to_f16(h), i);
        if (isnan(b))
            assert_true(isnan(ds__bf16_to_f32(ds__f32_to_bf16(b))));
        else
            assert_int_equal(ds__f32_to_bf16(b), i);
    }
}

static void ties_go_to_even(void **state)
{
    (void)state;
    assert_int_equal(ds__f32_to_f16(1.0f + 0x1p-11f), 0x3c00);
    assert_int_equal(ds__f32_to_f16(1.0f + 3 * 0x1p-11f), 0x3c02);
    assert_int_equal(ds__f32_to_f16(0x1p-25f), 0x0000);
    assert_int_equal(ds__f32_to_f16(3 * 0x1p-25f), 0x0002);
    assert_int_equal(ds__f32_to_f16(65519.0f), 0x7bff);
    assert_int_equal(ds__f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(ds__f32_to_f16(-1e10f), 0xfc00);
    assert_int_equal(ds__f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);
    assert_int_equal(ds__f32_to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);
}

/* All 256 numbers of both formats, and that halfway points go to the even neighbour. */
static void bytes_are_floats(void **state)
{
    static const ds_dtype types[] = { DS_DTYPE_F8_E4M3, DS_DTYPE_F8_E5M2 };
    static const uint8_t largest[] = { 0x7e, 0x7b };
    static const float value[] = { 448.0f, 57344.0f };

    (void)state;
    for (int k = 0; k < 2; k++) {
        uint8_t all[256], back[256], one;
        float f[256], middle;

        for (int i = 0; i < 256; i++)
            all[i] = (uint8_t)i;
        ds_convert(f, DS_DTYPE_F32, all, types[k], 256);
        ds_convert(back, types[k], f, DS_DTYPE_F32, 256);
        for (int i = 0; i < 256; i++)
            assert_true(isnan(f[i]) ? isnan(f[back[i]]) : back[i] == i);
        assert_true(f[largest[k]] == value[k]);
        assert_true(f[1] > 0 && f[0x81] == -f[1]);
        for (int i = 0; i < largest[k]; i++) {
            middle = (f[i] + f[i + 1]) / 2;
            ds_convert(&one, types[k], &middle, DS_DTYPE_F32, 1);
            assert_int_equal(one, i & 1 ? i + 1 : i);
            middle = nextafterf(middle, INFINITY);
            ds_convert(&one, types[k], &middle, DS_DTYPE_F32, 1);
            assert_int_equal(one, i + 1);
        }
    }
}

static void shapes_are_checked(void **state)
{
    ds_tensor t = { DS_DTYPE_F32, 3, { INT64_MAX, 8, 8 }, NULL };
    ds_error err = { 0 };
    char buf[64];
    size_t bytes;

    (void)state;
    assert_int_equal(ds_tensor_bytes(&t, &bytes, &err), DS_E_SHAPE);
    t.dim[0] = -1;
    assert_int_equal(ds_tensor_bytes(&t, &bytes, NULL), DS_E_SHAPE);
    t.dim[0] = 5;
    assert_int_equal(ds_tensor_bytes(&t, &bytes, NULL), DS_OK);
    assert_int_equal(bytes, 5 * 8 * 8 * 4);
    assert_string_equal(ds_tensor_shape(&t, buf, sizeof buf), "[5, 8, 8]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_short_float_survives),
        cmocka_unit_test(ties_go_to_even),
        cmocka_unit_test(bytes_are_floats),
        cmocka_unit_test(shapes_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

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
        cmocka_unit_test(shapes_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_provenance.c - the fingerprint of a model is what sha256sum prints. */

#include "support.h"

#include <diffuscope/record.h>

#include <string.h>

static void fingerprint_is_that_of_sha256sum(void **state)
{
    const char *golden = ts_golden();
    ds_error err = { 0 };
    ds_record *r;
    char *text;

    (void)state;
    if (golden == NULL)
        skip();
    ts_ok(ds_record_new(&r, &err), &err);
    ts_ok(ds_record_model(r, ts_path(golden, "models/sd15"), &err), &err);
    ts_ok(ds_record_get_text(r, "model.sha256", &text, &err), &err);
    assert_string_equal(text, "fc2c0de537b85c2731eb1bca205a19af64aa87621126520de2e2937540376635");
    ds_free(text);
    ts_ok(ds_record_dump(r, &text, &err), &err);
    assert_non_null(
        strstr(text, "cd6fc4b611f3bc56c76f7b2ad0fefc1ee42a25ac8037f8be4ea1026635360cc2"));
    assert_non_null(strstr(text, "\"unet/diffusion_pytorch_model.safetensors\""));
    ds_free(text);
    ds_record_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprint_is_that_of_sha256sum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

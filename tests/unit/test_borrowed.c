/* test_borrowed.c - what other languages need: tensors and weights that stay the caller's, the layout of structs,
 * interrupts. */

#include "support.h"

#include <diffuscope/model.h>
#include <diffuscope/record.h>
#include <diffuscope/run.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void borrowed_tensors_are_not_copied(void **state)
{
    float x[6] = { 1, 2, 3, 4, 5, 6 };
    ds_tensor t = { .dtype = DS_DTYPE_F32, .rank = 2, .dim = { 2, 3 }, .data = x }, *found;
    ds_bundle *b;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_bundle_new(&b, &err), &err);
    ts_ok(ds_bundle_borrow(b, "z", &t, &err), &err);
    ts_ok(ds_bundle_borrow(b, "a", &t, &err), &err);
    found = ds_bundle_find(b, "a");
    assert_non_null(found);
    assert_ptr_equal(found->data, x);
    assert_int_equal(found->dim[1], 3);
    assert_string_equal(ds_bundle_name(b, 0), "z");
    assert_int_equal(ds_bundle_borrow(b, "a", &t, &err), DS_E_ARG);
    err = (ds_error){ 0 };
    t.rank = 9;
    assert_int_equal(ds_bundle_borrow(b, "c", &t, &err), DS_E_ARG);
    ds_bundle_free(b);
    assert_float_equal(x[5], 6.0f, 0.0f);
}

static void draw(float *out, size_t bytes, ds_model *m)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_run *run;

    o.prompt = "a cat";
    o.steps = 2;
    ts_ok(ds_run_new(&run, m, &o, &err), &err);
    ts_ok(ds_run_all(run, &err), &err);
    memcpy(out, ds_run_latents(run).data, bytes);
    ds_run_free(run);
}

/* Weights of the UNet from memory: the same picture, another once one of them is another. */
static void a_model_from_memory(void **state)
{
    enum { NUMBERS = 2 * 4 * 8 * 8 };
    static float file[NUMBERS], memory[NUMBERS], other[NUMBERS];
    const char *folder = ts_tiny_model(false);
    ds_model_options o = DS_MODEL_OPTIONS_INIT;
    ds_model *m, *mine;
    ds_bundle *b;
    ds_error err = { 0 };
    ds_record *r;
    char *hash[2];
    uint16_t *changed = NULL;

    (void)state;
    ts_ok(ds_model_open(&m, folder, NULL, &err), &err);
    ts_ok(ds_bundle_new(&b, &err), &err);
    for (int64_t i = 0; i < ds_model_parameters(m); i++) {
        const char *name = ds_model_parameter_name(m, i);
        ds_tensor t;

        ts_ok(ds_model_parameter(m, &t, name, &err), &err);
        if (strncmp(name, "unet.", 5) != 0)
            continue;
        if (strcmp(name, "unet.conv_out.bias") == 0) {
            changed = malloc(sizeof(float) * 8);
            memcpy(changed, t.data, (size_t)ds_tensor_count(&t) * ds_dtype_size(t.dtype));
            t.data = changed;
        }
        ts_ok(ds_bundle_borrow(b, name, &t, &err), &err);
    }
    assert_non_null(changed);
    o.weights = b;
    for (int k = 0; k < 2; k++) {
        ts_ok(ds_model_open(&mine, folder, &o, &err), &err);
        draw(k == 0 ? memory : other, sizeof memory, mine);
        ts_ok(ds_record_new(&r, &err), &err);
        ts_ok(ds_record_open_model(r, mine, &err), &err);
        ts_ok(ds_record_get_text(r, "model.sha256", &hash[k], &err), &err);
        ds_record_free(r);
        ds_model_close(mine);
        changed[0] ^= 0x0300; /* of an F16 or F32 */
        changed[1] ^= 0x0300;
    }
    draw(file, sizeof file, m);
    assert_memory_equal(file, memory, sizeof file);
    assert_memory_not_equal(file, other, sizeof file);
    assert_string_not_equal(hash[0], hash[1]);
    ds_free(hash[0]);
    ds_free(hash[1]);
    ds_bundle_free(b);
    ds_model_close(m);
    free(changed);
}

static void structs_are_told(void **state)
{
    const ds_struct_field *f;
    bool tensor = false, data = false, run = false;

    (void)state;
    for (int i = 0; (f = ds_struct_field_at(i)) != NULL; i++) {
        if (strcmp(f->type, "ds_tensor") == 0 && f->field == NULL)
            tensor = f->size == sizeof(ds_tensor);
        if (strcmp(f->type, "ds_tensor") == 0 && f->field != NULL && strcmp(f->field, "data") == 0)
            data = f->offset == offsetof(ds_tensor, data);
        if (strcmp(f->type, "ds_run_options") == 0 && f->field == NULL)
            run = f->init != NULL && ((const ds_run_options *)f->init)->steps == 20;
    }
    assert_true(tensor && data && run);
    assert_null(ds_struct_field_at(-1));
}

static volatile sig_atomic_t mine;

static void count(int number)
{
    (void)number;
    mine++;
}

static void an_interrupt_cancels_and_is_handed_on(void **state)
{
    ds_cancel c = { 0 };
    ds_error err = { 0 };

    (void)state;
    signal(SIGINT, count);
    ts_ok(ds_cancel_on_interrupt(&c, &err), &err);
    assert_false(ds_cancel_requested(&c));
    raise(SIGINT);
    assert_true(ds_cancel_requested(&c));
    assert_int_equal(mine, 1);
    ts_ok(ds_cancel_on_interrupt(NULL, &err), &err);
    c = (ds_cancel){ 0 };
    raise(SIGINT);
    assert_false(ds_cancel_requested(&c));
    assert_int_equal(mine, 2);
    signal(SIGINT, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(borrowed_tensors_are_not_copied),
        cmocka_unit_test(a_model_from_memory),
        cmocka_unit_test(structs_are_told),
        cmocka_unit_test(an_interrupt_cancels_and_is_handed_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Round trips of safetensors files, and the bytes that the reference implementation would write. */

#include "support.h"

#include <string.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/ds-safetensors-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(ts_path(dir, "a.safetensors"));
    return rmdir(dir);
}

static ds_tensor *add(ds_bundle *b, const char *name, ds_dtype t, int rank, const int64_t *dim)
{
    ds_error err = { 0 };
    ds_tensor *out;

    ts_ok(ds_bundle_add(b, name, t, rank, dim, &out, &err), &err);
    return out;
}

static void all_types_survive(void **state)
{
    ds_bundle *a, *b;
    ds_error err = { 0 };
    const char *path = ts_path(dir, "a.safetensors");
    char name[32];

    (void)state;
    ts_ok(ds_bundle_new(&a, &err), &err);
    for (int t = 0; t <= DS_DTYPE_BOOL; t++) {
        unsigned char *p;

        snprintf(name, sizeof name, "tensor.%d", t);
        p = add(a, name, (ds_dtype)t, DS_DIMS(3, 5))->data;
        for (size_t i = 0; i < 15 * ds_dtype_size((ds_dtype)t); i++)
            p[i] = t == DS_DTYPE_BOOL ? i % 2 : (unsigned char)(i * 7 + (size_t)t);
    }
    add(a, "empty", DS_DTYPE_F32, DS_DIMS(2, 0, 4));
    *(float *)add(a, "scalar", DS_DTYPE_F32, 0, NULL)->data = 2.5f;
    add(a, "rank 8, \"quoted\" \xc3\xa9", DS_DTYPE_U8, DS_DIMS(1, 2, 1, 1, 1, 1, 1, 3));
    ts_ok(ds_bundle_set_meta(a, "format", "pt", &err), &err);
    ts_ok(ds_bundle_set_meta(a, "step", "1", &err), &err);
    ts_ok(ds_bundle_set_meta(a, "step", "2 \"of\" 3\n", &err), &err);
    ts_ok(ds_bundle_save(a, path, &err), &err);
    ts_ok(ds_bundle_load(&b, path, &err), &err);

    assert_int_equal(ds_bundle_count(b), ds_bundle_count(a));
    for (int64_t i = 0; i < ds_bundle_count(a); i++) {
        const ds_tensor *x = ds_bundle_at(a, i), *y = ds_bundle_find(b, ds_bundle_name(a, i));
        size_t bytes;

        assert_non_null(y);
        assert_int_equal(x->dtype, y->dtype);
        assert_true(ds_tensor_same_shape(x, y));
        ts_ok(ds_tensor_bytes(x, &bytes, &err), &err);
        assert_memory_equal(x->data, y->data, bytes);
        assert_int_equal((uintptr_t)y->data % ds_dtype_size(y->dtype), 0);
    }
    assert_string_equal(ds_bundle_meta(b, "format"), "pt");
    assert_string_equal(ds_bundle_meta(b, "step"), "2 \"of\" 3\n");
    assert_null(ds_bundle_meta(b, "steps"));
    assert_null(ds_bundle_find(b, "tensor"));
    ds_bundle_free(a);
    ds_bundle_free(b);
}

/* The map is private: what a program writes into a loaded tensor never reaches the file. */
static void writes_stay_private(void **state)
{
    ds_bundle *a;
    ds_error err = { 0 };
    const char *path = ts_path(dir, "a.safetensors");

    (void)state;
    ts_ok(ds_bundle_new(&a, &err), &err);
    *(float *)add(a, "x", DS_DTYPE_F32, DS_DIMS(1))->data = 1.0f;
    ts_ok(ds_bundle_save(a, path, &err), &err);
    ds_bundle_free(a);
    for (int i = 0; i < 2; i++) {
        ts_ok(ds_bundle_load(&a, path, &err), &err);
        assert_true(*(float *)ds_bundle_at(a, 0)->data == 1.0f);
        *(float *)ds_bundle_at(a, 0)->data = 2.0f;
        ds_bundle_free(a);
    }
}

/* Expected bytes by the rules of safetensors 0.4 (Rust): compact JSON, types by falling alignment,
 * then names; spaces up to a multiple of 8. */
static void bytes_are_the_reference_s(void **state)
{
    static const char head[] = "{\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
                               "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]},"
                               "\"b\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[12,12]},"
                               "\"z\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[12,14]}}";
    ds_bundle *b;
    ds_error err = { 0 };
    const char *path = ts_path(dir, "a.safetensors");
    char got[512];
    uint64_t n;
    size_t size, padded = (sizeof head - 1 + 7) / 8 * 8;
    FILE *f;

    (void)state;
    ts_ok(ds_bundle_new(&b, &err), &err);
    add(b, "z", DS_DTYPE_BOOL, DS_DIMS(2));
    add(b, "b", DS_DTYPE_F32, DS_DIMS(0, 3));
    add(b, "a", DS_DTYPE_F32, 0, NULL);
    add(b, "i", DS_DTYPE_I64, DS_DIMS(1));
    ts_ok(ds_bundle_save(b, path, &err), &err);
    ds_bundle_free(b);
    f = fopen(path, "rb");
    assert_non_null(f);
    size = fread(got, 1, sizeof got, f);
    fclose(f);
    assert_int_equal(size, 8 + padded + 14);
    memcpy(&n, got, 8);
    assert_int_equal(n, padded);
    assert_memory_equal(got + 8, head, sizeof head - 1);
    for (size_t i = 8 + sizeof head - 1; i < 8 + padded; i++)
        assert_int_equal(got[i], ' ');
}

static void order_of_a_set(void **state)
{
    ds_bundle *b;
    ds_error err = { 0 };
    char name[32];
    ds_tensor *first;

    (void)state;
    ts_ok(ds_bundle_new(&b, &err), &err);
    first = add(b, "x0", DS_DTYPE_U8, DS_DIMS(1));
    for (int i = 1; i < 3000; i++) {
        snprintf(name, sizeof name, "x%d", i * 7919 % 3000);
        add(b, name, DS_DTYPE_U8, DS_DIMS(i % 3));
    }
    assert_ptr_equal(first, ds_bundle_find(b, "x0"));
    for (int64_t i = 0; i < ds_bundle_count(b); i++)
        assert_ptr_equal(ds_bundle_at(b, i), ds_bundle_find(b, ds_bundle_name(b, i)));
    assert_null(ds_bundle_name(b, 3000));
    ds_bundle_free(b);
}

static void misuse_is_told(void **state)
{
    ds_bundle *b;
    ds_tensor *t;

    (void)state;
    assert_int_equal(ds_bundle_new(&b, NULL), DS_OK);
    add(b, "x", DS_DTYPE_F32, DS_DIMS(2, 3));
    assert_int_equal(ds_bundle_add(b, "x", DS_DTYPE_F32, DS_DIMS(1), &t, NULL), DS_E_ARG);
    assert_int_equal(ds_bundle_add(b, "__metadata__", DS_DTYPE_F32, DS_DIMS(1), &t, NULL),
                     DS_E_ARG);
    assert_int_equal(ds_bundle_add(b, "\xff", DS_DTYPE_F32, DS_DIMS(1), &t, NULL), DS_E_ARG);
    assert_int_equal(ds_bundle_add(b, "y", DS_DTYPE_F32, 9, NULL, &t, NULL), DS_E_ARG);
    assert_int_equal(ds_bundle_add(b, "y", DS_DTYPE_F32, DS_DIMS(-1), &t, NULL), DS_E_SHAPE);
    assert_int_equal(ds_bundle_add(b, "y", DS_DTYPE_F32, DS_DIMS(1LL << 62, 1LL << 62), &t, NULL),
                     DS_E_SHAPE);
    assert_int_equal(ds_bundle_count(b), 1);
    ds_bundle_free(b);
    ds_bundle_free(NULL);
}

static void expectations(void **state)
{
    ds_bundle *b;
    ds_tensor *t;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_bundle_new(&b, &err), &err);
    add(b, "x", DS_DTYPE_F32, DS_DIMS(2, 3));
    ts_ok(ds_bundle_expect(b, "x", DS_DIMS(2, 3), &t, &err), &err);
    ts_ok(ds_bundle_expect(b, "x", DS_DIMS(-1, 3), &t, &err), &err);
    assert_int_equal(ds_bundle_expect(b, "x", DS_DIMS(2, 4), &t, &err), DS_E_SHAPE);
    assert_non_null(strstr(err.text, "expected shape [2, 4], found [2, 3]"));
    assert_string_equal(err.name, "x");
    err = (ds_error){ 0 };
    assert_int_equal(ds_bundle_expect(b, "x", DS_DIMS(2), &t, &err), DS_E_SHAPE);
    err = (ds_error){ 0 };
    assert_int_equal(ds_bundle_expect(b, "w", DS_DIMS(2), &t, &err), DS_E_NOMATCH);
    assert_null(t);
    ds_bundle_free(b);
}

/* A failing save leaves the old file and no litter. */
static void save_is_all_or_nothing(void **state)
{
    ds_bundle *b;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_bundle_new(&b, &err), &err);
    assert_int_equal(ds_bundle_save(b, ts_path(dir, "no/such/folder.safetensors"), &err), DS_E_IO);
    assert_non_null(strstr(err.text, "no/such/folder.safetensors"));
    assert_int_equal(ds_bundle_save(b, "/dev/null", NULL), DS_E_IO);
    assert_int_equal(ds_bundle_save(b, dir, NULL), DS_E_IO);
    ds_bundle_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_types_survive),
        cmocka_unit_test(writes_stay_private),
        cmocka_unit_test(bytes_are_the_reference_s),
        cmocka_unit_test(order_of_a_set),
        cmocka_unit_test(misuse_is_told),
        cmocka_unit_test(expectations),
        cmocka_unit_test(save_is_all_or_nothing),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

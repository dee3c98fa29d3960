/* Safetensors files that lie: each gets the right status and a message that says what is wrong.
 * Nothing may crash, and no failure, of a file or of an allocation, may leak. */

#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weights/folder.h"
#include "weights/weights.h"

static char dir[] = "/tmp/ds-hostile-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void write_file(const char *path, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    fclose(f);
}

#define A   "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define F32 "\"dtype\":\"F32\","

/* A header, the number of bytes behind it, and what must come of it. */
static const struct {
    const char *head;
    size_t data;
    ds_status status;
    const char *fragment;
} cases[] = {
    { "{" A "}", 8, DS_OK, "" },
    { "{}", 0, DS_OK, "" },
    { "{" A "}   \n", 8, DS_OK, "" },
    { "{\"a\":{" F32 "\"shape\":[],\"data_offsets\":[0,4]}}", 4, DS_OK, "" },
    { "{\"\":{" F32 "\"shape\":[0,99],\"data_offsets\":[0,0]}}", 0, DS_OK, "" },

    /* not JSON, or not of this kind */
    { "", 0, DS_E_FORMAT, "start with '{'" },
    { " {}", 0, DS_E_FORMAT, "start with '{' at byte 8" },
    { "[]", 0, DS_E_FORMAT, "start with '{'" },
    { "{" A, 8, DS_E_FORMAT, "header, byte" },
    { "{" A "}}", 8, DS_E_FORMAT, "end of file expected" },
    { "{\"a\":3}", 0, DS_E_FORMAT, "tensor 'a': expected an object" },
    { "{\"a\":null}", 0, DS_E_FORMAT, "tensor 'a': expected an object" },
    { "{\"a\":{" F32 "\"shape\":[0]}}", 0, DS_E_FORMAT, "\"data_offsets\"" },
    { "{\"a\":{" F32 "\"shape\":[0],\"data_offsets\":[0,0],\"x\":1}}", 0, DS_E_FORMAT,
      "nothing else" },
    { "{\"\xff\":3}", 0, DS_E_FORMAT, "byte 10: unable to decode" },
    { "{\"a\\u0000b\":3}", 0, DS_E_FORMAT, "NUL" },
    { "{\"__metadata__\":{\"a\":3}}", 0, DS_E_FORMAT, "expected 'a' to be a string" },
    { "{\"__metadata__\":[]}", 0, DS_E_FORMAT, "object of strings" },

    /* repeated names */
    { "{" A "," A "}", 8, DS_E_FORMAT, "duplicate object key" },
    { "{" A ",\"\\u0061\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT,
      "duplicate object key" },
    { "{\"a\":{" F32 F32 "\"shape\":[2],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT, "duplicate" },
    { "{\"__metadata__\":{},\"__metadata__\":{}}", 0, DS_E_FORMAT, "duplicate" },

    /* element types */
    { "{\"a\":{\"dtype\":\"F8_E8M0\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2, DS_E_UNSUPPORTED,
      "tensor 'a': dtype 'F8_E8M0' is not supported" },
    { "{\"a\":{\"dtype\":\"f32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, DS_E_UNSUPPORTED,
      "'f32'" },
    { "{\"a\":{\"dtype\":3,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT, "\"dtype\"" },

    /* numbers */
    { "{\"a\":{" F32 "\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT, "without a sign" },
    { "{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[-0,8]}}", 8, DS_E_FORMAT, "without a sign" },
    { "{\"a\":{" F32 "\"shape\":[NaN],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT, "invalid token" },
    { "{\"a\":{" F32 "\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT, "dimension 0" },
    { "{\"a\":{" F32 "\"shape\":[1,2e0],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT, "dimension 1" },
    { "{\"a\":{" F32 "\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT, "dimension 0" },
    { "{\"a\":{" F32 "\"shape\":[1e999],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT, "overflow" },
    { "{\"a\":{" F32 "\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT,
      "too big integer" },
    { "{\"a\":{" F32 "\"shape\":2,\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT, "\"shape\"" },
    { "{\"a\":{" F32 "\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8, DS_E_UNSUPPORTED,
      "at most 8 dimensions" },
    { "{\"a\":{" F32 "\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", 0, DS_E_FORMAT,
      "not representable" },
    { "{\"a\":{" F32 "\"shape\":[9223372036854775807,0],\"data_offsets\":[0,0]}}", 0, DS_E_FORMAT,
      "not representable" },

    /* offsets */
    { "{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0]}}", 8, DS_E_FORMAT, "two whole numbers" },
    { "{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8, DS_E_FORMAT, "two whole" },
    { "{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8.0]}}", 8, DS_E_FORMAT, "two whole" },
    { "{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":{}}}", 8, DS_E_FORMAT, "two whole numbers" },
    { "{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[8,0]}}", 8, DS_E_FORMAT, "[8, 0]" },
    { "{" A "}", 7, DS_E_FORMAT, "[0, 8] do not lie in the 7 bytes" },
    { "{" A "}", 9, DS_E_FORMAT, "the tensors end at byte" },
    { "{}", 1, DS_E_FORMAT, "the tensors end at byte 10" },
    { "{\"a\":{" F32 "\"shape\":[2],\"data_offsets\":[0,9223372036854775807]}}", 8, DS_E_FORMAT,
      "do not lie" },
    { "{\"a\":{" F32 "\"shape\":[3],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT,
      "shape [3] of F32 needs 12 bytes, but data_offsets [0, 8] give 8" },
    { "{\"a\":{" F32 "\"shape\":[1],\"data_offsets\":[4,8]}}", 8, DS_E_FORMAT, "leave a gap" },
    { "{" A ",\"b\":{" F32 "\"shape\":[2],\"data_offsets\":[4,12]}}", 12, DS_E_FORMAT,
      "tensor 'b' starts at 4 of the data, expected 8: the tensors overlap" },
    { "{" A ",\"b\":{" F32 "\"shape\":[2],\"data_offsets\":[0,8]}}", 8, DS_E_FORMAT, "overlap" },
    { "{" A ",\"b\":{" F32 "\"shape\":[2],\"data_offsets\":[12,20]}}", 20, DS_E_FORMAT, "a gap" },
    { "{" A ",\"b\":{" F32 "\"shape\":[0],\"data_offsets\":[4,4]}}", 8, DS_E_FORMAT, "overlap" },
};

static size_t image(char *out, const char *head, size_t data)
{
    uint64_t n = strlen(head);

    memcpy(out, &n, 8);
    memcpy(out + 8, head, n);
    memset(out + 8 + n, 1, data);
    return 8 + n + data;
}

static void each_lie_is_named(void **state)
{
    const char *path = ts_path(dir, "hostile.safetensors");
    char buf[512];

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        ds_error err = { 0 };
        ds_bundle *b;
        ds_status st;

        write_file(path, buf, image(buf, cases[i].head, cases[i].data));
        st = ds_bundle_load(&b, path, &err);
        if (st != cases[i].status || strstr(err.text, cases[i].fragment) == NULL)
            fail_msg("%s\nexpected %s with '%s', found %s: %s", cases[i].head,
                     ds_status_name(cases[i].status), cases[i].fragment, ds_status_name(st),
                     err.text);
        if (st != DS_OK) {
            assert_null(b);
            assert_non_null(strstr(err.text, path));
            assert_true(err.offset >= 0 && err.name[0] != '\0');
        }
        ds_bundle_free(b);
    }
}

static void raw_nul_is_refused(void **state)
{
    static const char head[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[2\0],\"data_offsets\":[0,2]}}";
    const char *path = ts_path(dir, "nul.safetensors");
    uint64_t n = sizeof head - 1;
    char buf[128] = { 0 };
    ds_error err = { 0 };
    ds_bundle *b;

    (void)state;
    memcpy(buf, &n, 8);
    memcpy(buf + 8, head, n);
    write_file(path, buf, 8 + n + 2);
    assert_int_equal(ds_bundle_load(&b, path, &err), DS_E_FORMAT);
    assert_non_null(strstr(err.text, "NUL"));
}

static void sizes_of_the_header(void **state)
{
    static const uint64_t sizes[] = { 9, 100000000, 100000001, 1ull << 62, UINT64_MAX };
    const char *path = ts_path(dir, "size.safetensors");
    char buf[16] = "        {}";

    (void)state;
    for (size_t i = 0; i < DS_COUNT(sizes); i++) {
        ds_error err = { 0 };
        ds_bundle *b;

        memcpy(buf, &sizes[i], 8);
        write_file(path, buf, 10);
        assert_int_equal(ds_bundle_load(&b, path, &err), DS_E_FORMAT);
        assert_non_null(
            strstr(err.text, sizes[i] > 100000000 ? "above the limit of 100000000" : "truncated"));
    }
}

static void names_cannot_steer_the_terminal(void **state)
{
    const char *path = ts_path(dir, "steer.safetensors");
    char buf[128];
    ds_error err = { 0 };
    ds_bundle *b;

    (void)state;
    write_file(path, buf, image(buf, "{\"\\u001b[2J\\n\":3}", 0));
    assert_int_equal(ds_bundle_load(&b, path, &err), DS_E_FORMAT);
    assert_null(strpbrk(err.text, "\033\n"));
    assert_null(strpbrk(err.name, "\033\n"));
}

static void not_a_file(void **state)
{
    const char *path = ts_path(dir, "pipe");
    ds_error err = { 0 };
    ds_bundle *b;

    (void)state;
    assert_int_equal(ds_bundle_load(&b, ts_path(dir, "absent"), &err), DS_E_IO);
    assert_non_null(strstr(err.text, "No such file"));
    err = (ds_error){ 0 };
    assert_int_equal(ds_bundle_load(&b, dir, &err), DS_E_IO);
    assert_non_null(strstr(err.text, "found a folder"));
    assert_int_equal(mkfifo(path, 0666), 0);
    assert_int_equal(ds_bundle_load(&b, path, NULL), DS_E_IO);
    assert_null(b);
}

/* A whole small model folder, for the tests below. */
static void put_model(void)
{
    static const char *const name[] = { "a", "m.attentions.0.query.weight" };
    const char *files[] = { ts_path(dir, "m/unet/s-1.safetensors"),
                            ts_path(dir, "m/unet/s-2.safetensors") };
    ds_error err = { 0 };
    ds_bundle *b;
    ds_tensor *t;

    mkdir(ts_path(dir, "m"), 0777);
    mkdir(ts_path(dir, "m/unet"), 0777);
    for (int i = 0; i < 2; i++) {
        ts_ok(ds_bundle_new(&b, &err), &err);
        ts_ok(ds_bundle_add(b, name[i], DS_DTYPE_F32, DS_DIMS(2, 2), &t, &err), &err);
        ts_ok(ds_bundle_set_meta(b, "format", "pt", &err), &err);
        ts_ok(ds_bundle_save(b, files[i], &err), &err);
        ds_bundle_free(b);
    }
#define PUT(file, text) write_file(ts_path(dir, file), text, strlen(text))
    PUT("m/model_index.json", "{\"unet\":[\"diffusers\",\"UNet2DConditionModel\"]}");
    PUT("m/unet/config.json", "{\"sample_size\":4}");
    PUT("m/unet/model.safetensors.index.json",
        "{\"weight_map\":{\"a\":\"s-1.safetensors\","
        "\"m.attentions.0.query.weight\":\"s-2.safetensors\"}}");
}

static ds_status open_model(ds_error *err)
{
    ds_folder *f = NULL;
    ds_weights *w = NULL;
    json_t *config = NULL;
    char *folder = NULL;
    const ds_tensor *t;
    const char *hex;
    ds_status st = ds__folder_open(&f, ts_path(dir, "m"), err);

    if (st == DS_OK)
        st = ds__folder_config(f, "unet", &config, err);
    if (st == DS_OK && (folder = ds__folder_file(f, "unet", NULL)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory");
    if (st == DS_OK)
        st = ds__weights_open(&w, folder, NULL, err);
    if (st == DS_OK)
        st = ds__weights_bind(w, "m.attentions.0.to_q.weight", DS_DIMS(2, 2), &t, err);
    if (st == DS_OK)
        st = ds__weights_file_hash(w, 0, &hex, err);
    ds__weights_close(w);
    json_decref(config);
    ds_free(folder);
    ds__folder_close(f);
    return st;
}

/* Every file of the folder, cut at every length. */
static void truncated_anywhere(void **state)
{
    static const char *const file[] = { "m/unet/s-1.safetensors",
                                        "m/unet/model.safetensors.index.json", "m/unet/config.json",
                                        "m/model_index.json" };

    (void)state;
    put_model();
    for (size_t i = 0; i < DS_COUNT(file); i++) {
        char buf[1024], path[256];
        size_t size;
        FILE *f;

        snprintf(path, sizeof path, "%s", ts_path(dir, "%s", file[i]));
        f = fopen(path, "rb");
        assert_non_null(f);
        size = fread(buf, 1, sizeof buf, f);
        fclose(f);
        assert_true(size > 0 && size < sizeof buf);
        for (size_t n = 0; n <= size; n++) {
            ds_error err = { 0 };
            ds_status st;

            write_file(path, buf, n);
            ts_alloc_begin(0);
            st = open_model(&err);
            assert_int_equal(ts_alloc_end(), 0);
            if (st != (n == size ? DS_OK : DS_E_FORMAT))
                fail_msg("%s cut to %zu of %zu bytes: %s %s", file[i], n, size, ds_status_name(st),
                         err.text);
        }
    }
}

static ds_status round_trip(ds_error *err)
{
    const char *path = ts_path(dir, "trip.safetensors");
    ds_bundle *b, *c = NULL;
    ds_tensor *t;
    char name[32];
    ds_status st = ds_bundle_new(&b, err);

    for (int i = 0; st == DS_OK && i < 40; i++) {
        snprintf(name, sizeof name, "tensor.%d", i);
        st = ds_bundle_add(b, name, DS_DTYPE_F32, DS_DIMS(2, i), &t, err);
    }
    if (st == DS_OK)
        st = ds_bundle_set_meta(b, "k", "v", err);
    if (st == DS_OK)
        st = ds_bundle_set_meta(b, "k", "w", err);
    if (st == DS_OK)
        st = ds_bundle_save(b, path, err);
    if (st == DS_OK)
        st = ds_bundle_load(&c, path, err);
    ds_bundle_free(b);
    ds_bundle_free(c);
    return st;
}

/* The n-th allocation fails, for all n: DS_E_NOMEM with a text, and every block is returned. */
static void exhaust(ds_status (*work)(ds_error *err))
{
    int64_t requests;
    ds_error none = { 0 };

    ts_alloc_begin(0);
    ts_ok(work(&none), &none);
    requests = ts_alloc_requests();
    assert_int_equal(ts_alloc_end(), 0);
    assert_true(requests > 5);
    for (int64_t n = 1; n <= requests; n++) {
        ds_error err = { 0 };
        ds_status st;
        int64_t alive;

        ts_alloc_begin(n);
        st = work(&err);
        alive = ts_alloc_end();
        if (st != DS_E_NOMEM || alive != 0 || err.text[0] == '\0')
            fail_msg("allocation %lld of %lld: %s, %lld blocks alive, '%s'", (long long)n,
                     (long long)requests, ds_status_name(st), (long long)alive, err.text);
    }
}

static void no_memory_to_open(void **state)
{
    (void)state;
    put_model();
    exhaust(open_model);
}

static void no_memory_for_a_round_trip(void **state)
{
    (void)state;
    exhaust(round_trip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_lie_is_named),   cmocka_unit_test(raw_nul_is_refused),
        cmocka_unit_test(sizes_of_the_header), cmocka_unit_test(names_cannot_steer_the_terminal),
        cmocka_unit_test(not_a_file),          cmocka_unit_test(truncated_anywhere),
        cmocka_unit_test(no_memory_to_open),   cmocka_unit_test(no_memory_for_a_round_trip),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

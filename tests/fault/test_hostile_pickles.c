/* Hostile pickles and archives: each is refused with a sentence that names the place, or read as data;
 * nothing is executed. */

#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "weights/checkpoint.h"
#include "weights/pickle.h"
#include "weights/zip.h"

/* ---- pickles --------------------------------------------------------------------------------- */

#define P    "\x80\x02"
#define S(t) t, sizeof(t) - 1

static const struct {
    const char *what, *data;
    size_t size;
    ds_status status;
    const char *message;
} pickles[] = {
    { "a call of os.system", S(P "cos\nsystem\nX\x02\x00\x00\x00id\x85R."), DS_OK, "" },
    { "a call by STACK_GLOBAL", S(P "\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."), DS_OK, "" },
    { "eval by NEWOBJ", S(P "c__builtin__\neval\n)\x81."), DS_OK, "" },
    { "nothing", S(""), DS_E_FORMAT, "byte 0: it ends inside" },
    { "no STOP", S(P "N"), DS_E_FORMAT, "byte 3: it ends inside" },
    { "STOP on an empty stack", S(P "."), DS_E_FORMAT,
      "byte 2: an instruction finds the stack empty" },
    { "REDUCE of nothing", S(P "NR."), DS_E_FORMAT, "finds the stack empty" },
    { "a mark that is no value", S(P "(R."), DS_E_FORMAT, "finds the stack empty" },
    { "TUPLE without mark", S(P "Nt."), DS_E_FORMAT, "finds no mark" },
    { "TUPLE3 across a mark", S(P "NN(N\x87."), DS_E_FORMAT, "finds the stack empty" },
    { "GET of an empty memo", S(P "h\x05."), DS_E_FORMAT, "a place of the memo that is empty" },
    { "PUT far away", S(P "Nr\xff\xff\xff\x7f."), DS_E_FORMAT, "far above those that are filled" },
    { "a text longer than the file",
      S(P "X\xff\xff\xff\x7f"
          "a."),
      DS_E_FORMAT, "ends inside" },
    { "a text of 2^63 bytes",
      S(P "\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"
          "a."),
      DS_E_FORMAT, "ends inside" },
    { "a global without its lines", S(P "cos"), DS_E_FORMAT, "ends inside" },
    { "a global that is no text", S(P "NN\x93."), DS_E_FORMAT, "a name of code that is not text" },
    { "SETITEMS without pairs", S(P "}(Nu."), DS_E_FORMAT, "a key without a value" },
    { "items for a number", S(P "K\x01(NNu."), DS_E_FORMAT, "for something that holds none" },
    { "an extension", S(P "\x82\x01."), DS_E_UNSUPPORTED, "instruction 0x82" },
    { "protocol 0's INST", S("(ios\nsystem\n."), DS_E_UNSUPPORTED, "instruction 0x69" },
    { "a list that holds itself",
      S(P "]q\x00h\x00"
          "a."),
      DS_OK, "" },
};

static void pickles_are_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < DS_COUNT(pickles); i++) {
        ds_pickle p = { 0 };
        ds_error err = { 0 };
        size_t used;
        ds_status st = ds__pickle_read(&p, (const unsigned char *)pickles[i].data, pickles[i].size,
                                       &used, "f.ckpt", &err);

        if (st != pickles[i].status || strstr(err.text, pickles[i].message) == NULL)
            fail_msg("%s: expected %s with '%s', found %s: %s", pickles[i].what,
                     ds_status_name(pickles[i].status), pickles[i].message, ds_status_name(st),
                     err.text);
        if (i < 2) { /* the call is a value that tells what it would have been */
            assert_int_equal(p.globals, 1);
            assert_string_equal(p.global[0], "os.system");
            assert_int_equal(p.root->kind, DS_PY_CALL);
            assert_string_equal(p.root->argument->item[0]->text, "id");
        }
        ds__pickle_clear(&p);
    }
}

/* Memory is bounded whatever a short file asks for. */
static void pickles_are_bounded(void **state)
{
    const size_t n = (size_t)6 << 20;
    unsigned char *data = malloc(n);
    ds_pickle p = { 0 };
    ds_error err = { 0 };
    size_t used;

    (void)state;
    assert_non_null(data);
    memset(data, ']', n);
    assert_int_equal(ds__pickle_read(&p, data, n, &used, "f.ckpt", &err), DS_E_FORMAT);
    assert_non_null(strstr(err.text, "limit"));
    ds__pickle_clear(&p);
    err = (ds_error){ 0 };
    memset(data, '(', n);
    assert_int_equal(ds__pickle_read(&p, data, n, &used, "f.ckpt", &err), DS_E_FORMAT);
    ds__pickle_clear(&p);
    free(data);
}

/* ---- archives -------------------------------------------------------------------------------- */

/* One PyTorch archive with a single tensor [2] of float32 whose offset, sizes and strides are given. */
typedef struct archive {
    unsigned char data[4096];
    size_t size, local[2], central[2], end;
} archive;

static void put(archive *a, const void *bytes, size_t n)
{
    memcpy(a->data + a->size, bytes, n);
    a->size += n;
}

static void put_number(archive *a, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        a->data[a->size++] = (unsigned char)(v >> (8 * i));
}

static void put_entry(archive *a, int i, const char *name, const void *content, size_t n)
{
    a->local[i] = a->size;
    put(a, "PK\3\4", 4);
    put_number(a, 0, 14);
    put_number(a, n, 4);
    put_number(a, n, 4);
    put_number(a, strlen(name), 2);
    put_number(a, 0, 2);
    put(a, name, strlen(name));
    put(a, content, n);
}

static void put_central(archive *a, int i, const char *name, size_t n)
{
    a->central[i] = a->size;
    put(a, "PK\1\2", 4);
    put_number(a, 0, 16);
    put_number(a, n, 4);
    put_number(a, n, 4);
    put_number(a, strlen(name), 2);
    put_number(a, 0, 12);
    put_number(a, a->local[i], 4);
    put(a, name, strlen(name));
}

#define REFERENCE                                                                                  \
    "(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00"                             \
    "0X\x03\x00\x00\x00"                                                                           \
    "cpuK\x02tQ"

static void make(archive *a, const char *offset_size_stride)
{
    static const float values[2] = { 1.0f, 2.0f };
    unsigned char pickle[512];
    static const char head[] = P "}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor\n(" REFERENCE;
    size_t n = sizeof head - 1, m = strlen(offset_size_stride);

    memset(a, 0, sizeof *a);
    memcpy(pickle, head, n);
    memcpy(pickle + n, offset_size_stride, m);
    memcpy(pickle + n + m, "tRs.", 4);
    put_entry(a, 0, "a/data.pkl", pickle, n + m + 4);
    put_entry(a, 1, "a/data/0", values, sizeof values);
    put_central(a, 0, "a/data.pkl", n + m + 4);
    put_central(a, 1, "a/data/0", sizeof values);
    a->end = a->size;
    put(a, "PK\5\6", 4);
    put_number(a, 0, 4);
    put_number(a, 2, 2);
    put_number(a, 2, 2);
    put_number(a, a->end - a->central[0], 4);
    put_number(a, a->central[0], 4);
    put_number(a, 0, 2);
}

static ds_status parse(const archive *a, ds_bundle **b, ds_error *err)
{
    ds_status st;

    ts_ok(ds_bundle_new(b, err), err);
    st = ds__checkpoint_parse(*b, a->data, a->size, "f.ckpt", err);
    return st;
}

static void refused(const archive *a, ds_status want, const char *fragment)
{
    ds_error err = { 0 };
    ds_bundle *b;
    ds_status st = parse(a, &b, &err);

    if (st != want || strstr(err.text, fragment) == NULL)
        fail_msg("expected %s with '%s', found %s: %s", ds_status_name(want), fragment,
                 ds_status_name(st), err.text);
    ds_bundle_free(b);
}

static void tensors_stay_inside(void **state)
{
    static const struct {
        const char *part, *message;
    } cases[] = {
        { "K\x01K\x02\x85K\x01\x85", "reach outside of its storage" },
        { "J\xff\xff\xff\xffK\x01\x85K\x01\x85", "not numbers from 0 on" },
        { "K\x01J\xff\xff\xff\x7f\x85K\x01\x85", "reach outside of its storage" },
        { "K\x01K\x02\x85J\xff\xff\xff\x7f\x85", "reach outside of its storage" },
        { "K\x01J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86K\x01K\x01\x86", "reach outside" },
    };
    archive a;

    (void)state;
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        make(&a, cases[i].part);
        refused(&a, DS_E_FORMAT, cases[i].message);
    }
}

static void archives_are_checked(void **state)
{
    static const char good[] = "K\x01K\x01\x85K\x01\x85"; /* the second number alone */
    ds_error err = { 0 };
    ds_bundle *b;
    archive a;

    (void)state;
    make(&a, good);
    ts_ok(parse(&a, &b, &err), &err);
    assert_int_equal(ds_bundle_count(b), 1);
    assert_true(*(float *)ds_bundle_find(b, "w")->data == 2.0f);
    ds_bundle_free(b);

    a.data[a.central[1] + 10] = 8; /* deflated */
    refused(&a, DS_E_FORMAT, "'a/data/0': the storage is compressed");
    make(&a, good);
    a.data[a.central[0] + 10] = 8;
    refused(&a, DS_E_FORMAT, "'a/data.pkl': it is compressed");
    make(&a, good);
    a.data[a.central[1] + 20] = 4; /* shorter than the pickle says, and two sizes */
    refused(&a, DS_E_FORMAT, "entry a/data/0: it is stored, but its two sizes differ");
    a.data[a.central[1] + 24] = 4;
    refused(&a, DS_E_FORMAT, "its entry has another size than the pickle says");
    make(&a, good);
    memset(a.data + a.central[1] + 20, 0x7f, 8); /* beyond the file */
    refused(&a, DS_E_FORMAT, "entry a/data/0: its content ends outside");
    make(&a, good);
    memcpy(a.data + a.central[1] + 42, a.data + a.central[0] + 42, 4); /* one over the other */
    refused(&a, DS_E_FORMAT, "entry a/data/0");
    make(&a, good);
    memset(a.data + a.central[1] + 42, 0xff, 4); /* zip64 without its field */
    refused(&a, DS_E_FORMAT, "entry a/data/0: its header lies outside");
    make(&a, good);
    memset(a.data + a.end + 10, 0xff, 2); /* zip64 directory that is not there */
    refused(&a, DS_E_FORMAT, "zip64 directory");
    make(&a, good);
    memcpy(a.data + a.central[1] + 46, "../ata/0", 8);
    refused(&a, DS_E_FORMAT, "\"..\"");
    make(&a, good);
    a.size -= 30; /* truncated */
    refused(&a, DS_E_FORMAT, "truncated or damaged");
}

/* Every cut and every changed byte of a good file ends in an error or in tensors that can be read. */
static void any_damage_is_survived(void **state)
{
    archive good, a;

    (void)state;
    make(&good, "K\x01K\x01\x85K\x01\x85");
    for (size_t i = 0; i < good.size; i++)
        for (int change = 0; change < 3; change++) {
            ds_error err = { 0 };
            ds_bundle *b;
            float sum = 0.0f;

            a = good;
            if (change == 0)
                a.size = i;
            else
                a.data[i] ^= change == 1 ? 0xff : 0x01;
            if (parse(&a, &b, &err) != DS_OK)
                assert_true(err.text[0] != '\0');
            for (int64_t k = 0; k < ds_bundle_count(b); k++)
                if (ds_bundle_at(b, k)->data != NULL)
                    sum += ((unsigned char *)ds_bundle_at(b, k)->data)[0];
            assert_true(sum >= 0.0f);
            ds_bundle_free(b);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pickles_are_data),       cmocka_unit_test(pickles_are_bounded),
        cmocka_unit_test(tensors_stay_inside),    cmocka_unit_test(archives_are_checked),
        cmocka_unit_test(any_damage_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

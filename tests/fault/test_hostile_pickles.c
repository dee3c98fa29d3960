/* Hostile pickles and archives: each is refused with a sentence that names the place, or read as data;
 * nothing is executed. */

#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* ---- pickles that are small and want much ----------------------------------------------------- */

/* A file whose data.pkl is built piece by piece, and one storage of `bytes` behind it. */
typedef struct maker {
    unsigned char *data;
    size_t size, room;
} maker;

static void say(maker *m, const void *bytes, size_t n)
{
    if (m->size + n > m->room) {
        m->room = 2 * (m->size + n);
        m->data = realloc(m->data, m->room);
        assert_non_null(m->data);
    }
    memcpy(m->data + m->size, bytes, n);
    m->size += n;
}

static void say_number(maker *m, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        unsigned char b = (unsigned char)(v >> (8 * i));

        say(m, &b, 1);
    }
}

#define SAY(m, t) say(m, t, sizeof(t) - 1)

/* What the zip64 fields say instead of the truth; 0: the truth. */
typedef struct lies {
    uint64_t size, header, directory, count;
    size_t field; /* bytes of the entry's field */
} lies;

static const char *const entry_names[2] = { "a/data.pkl", "a/data/0" };

static void say_local(maker *m, int i, size_t bytes, const unsigned char *content)
{
    SAY(m, "PK\3\4");
    say_number(m, 0, 14);
    say_number(m, bytes, 4);
    say_number(m, bytes, 4);
    say_number(m, strlen(entry_names[i]), 4);
    say(m, entry_names[i], strlen(entry_names[i]));
    for (size_t k = 0; k < bytes; k++)
        say_number(m, content != NULL ? content[k] : 0, 1);
}

static void say_central(maker *m, int i, size_t bytes, size_t at, const lies *l)
{
    const size_t field = l == NULL ? 0 : l->field != 0 ? l->field : 24;
    const uint64_t size = l != NULL && i == 1 && l->size != 0 ? l->size : bytes;
    const uint64_t header = l != NULL && i == 1 && l->header != 0 ? l->header : at;
    const uint64_t wide[] = { size, size, header };

    SAY(m, "PK\1\2");
    say_number(m, 0, 16);
    say_number(m, l != NULL ? 0xffffffff : bytes, 4);
    say_number(m, l != NULL ? 0xffffffff : bytes, 4);
    say_number(m, strlen(entry_names[i]), 2);
    say_number(m, l != NULL ? field + 4 : 0, 2);
    say_number(m, 0, 10);
    say_number(m, l != NULL ? 0xffffffff : at, 4);
    say(m, entry_names[i], strlen(entry_names[i]));
    if (l == NULL)
        return;
    say_number(m, 1, 2);
    say_number(m, field, 2);
    say(m, wide, field);
}

static void say_ends(maker *m, size_t central, const lies *l)
{
    const size_t end = m->size;

    if (l != NULL) {
        SAY(m, "PK\6\6");
        say_number(m, 44, 8);
        say_number(m, 0, 20);
        say_number(m, l->count != 0 ? l->count : 2, 8);
        say_number(m, end - central, 8);
        say_number(m, l->directory != 0 ? l->directory : central, 8);
        SAY(m, "PK\6\7");
        say_number(m, 0, 4);
        say_number(m, end, 8);
        say_number(m, 1, 4);
    }
    SAY(m, "PK\5\6");
    say_number(m, 0, 4);
    say_number(m, l != NULL ? 0xffff : 2, 2);
    say_number(m, l != NULL ? 0xffff : 2, 2);
    say_number(m, end - central, 4);
    say_number(m, l != NULL ? 0xffffffff : central, 4);
    say_number(m, 0, 2);
}

/* An archive of data.pkl and data/0; with l != NULL in the zip64 form. */
static maker archive_of(const maker *pickle, size_t storage, const lies *l)
{
    const size_t bytes[2] = { pickle->size, storage };
    size_t at[2], central;
    maker m = { 0 };

    for (int i = 0; i < 2; i++) {
        at[i] = m.size;
        say_local(&m, i, bytes[i], i == 0 ? pickle->data : NULL);
    }
    central = m.size;
    for (int i = 0; i < 2; i++)
        say_central(&m, i, bytes[i], at[i], l);
    say_ends(&m, central, l);
    return m;
}

/* Frees the pickle. *b is to be freed. */
static ds_status open_made(maker *pickle, size_t storage, const lies *l, ds_bundle **b,
                           ds_error *err)
{
    maker m = archive_of(pickle, storage, l);
    unsigned char *aligned = aligned_alloc(64, (m.size + 63) / 64 * 64);
    ds_status st;

    assert_non_null(aligned);
    memcpy(aligned, m.data, m.size);
    ts_ok(ds_bundle_new(b, err), err);
    st = ds__checkpoint_parse(*b, aligned, m.size, "f.ckpt", err);
    for (int64_t i = 0; st == DS_OK && i < ds_bundle_count(*b); i++)
        assert_non_null(ds_bundle_at(*b, i)->data);
    free(aligned);
    free(m.data);
    free(pickle->data);
    return st;
}

static void refuse_made(maker *pickle, size_t storage, const lies *l, const char *fragment)
{
    ds_error err = { 0 };
    ds_bundle *b;
    ds_status st = open_made(pickle, storage, l, &b, &err);

    if (st != DS_E_FORMAT || strstr(err.text, fragment) == NULL)
        fail_msg("expected '%s', found %s: %s", fragment, ds_status_name(st), err.text);
    ds_bundle_free(b);
}

static void accept_made(maker *pickle, size_t storage, const lies *l, int64_t tensors)
{
    ds_error err = { 0 };
    ds_bundle *b;

    ts_ok(open_made(pickle, storage, l, &b, &err), &err);
    assert_int_equal(ds_bundle_count(b), tensors);
    ds_bundle_free(b);
}

/* Seven dicts, each of which holds the one before it 200 times: 200^7 values in 6 KB. */
static void dicts_in_dicts_are_bounded(void **state)
{
    maker p = { 0 };

    (void)state;
    SAY(&p, P "}q\x00X\x01\x00\x00\x00wK\x01s");
    for (int level = 1; level < 7; level++) {
        SAY(&p, "0}q");
        say_number(&p, (uint64_t)level, 1);
        SAY(&p, "(");
        for (int i = 0; i < 200; i++) {
            SAY(&p, "K");
            say_number(&p, (uint64_t)i, 1);
            SAY(&p, "h");
            say_number(&p, (uint64_t)level - 1, 1);
        }
        SAY(&p, "u");
    }
    SAY(&p, ".");
    refuse_made(&p, 8, NULL, "hold more values than the limit");
}

/* Texts become metadata, of which a thousand are kept: looking for a name is not fast. */
static void texts_are_bounded(void **state)
{
    maker p = { 0 };

    (void)state;
    SAY(&p, P "}(");
    for (uint64_t i = 0; i < 300000; i++) {
        SAY(&p, "J");
        say_number(&p, i, 4);
        SAY(&p, "X\x01\x00\x00\x00t");
    }
    SAY(&p, "u.");
    accept_made(&p, 8, NULL, 0);
}

/* One storage that is expanded, under many names. */
static void copies_are_bounded(void **state)
{
    maker p = { 0 };

    (void)state;
    SAY(&p, P "ctorch._utils\n_rebuild_tensor\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
              "X\x01\x00\x00\x00"
              "0X\x03\x00\x00\x00"
              "cpuM\x00\x20tQK\x00K\x10M\x00\x20\x86K\x00K\x01\x86tRq\x000}(");
    for (uint64_t i = 0; i < 2000; i++) {
        SAY(&p, "J");
        say_number(&p, i, 4);
        SAY(&p, "h");
        say_number(&p, 0, 1);
    }
    SAY(&p, "u.");
    refuse_made(&p, 4 * 0x2000, NULL, "repeat their storages more often");
}

/* Values a million deep, of every kind that nests: nothing here recurses. */
static void depth_is_no_recursion(void **state)
{
    static const struct {
        const char *begin, *each, *end;
    } nests[] = {
        { "N", "\x85", "" },            /* tuples */
        { NULL, NULL, NULL },           /* dicts */
        { "cos\nsystem\n", ")R", "" },  /* calls of what calls return */
        { "N", "Q", "" },               /* references to references */
        { "N", "]2a", "" },             /* lists that hold themselves */
        { "(", "N\x91(", "N\x91" },     /* sets */
        { "cos\nsystem\n)R", "Nb", "" } /* states */
    };

    (void)state;
    for (size_t k = 0; k < DS_COUNT(nests); k++) {
        ds_error err = { 0 };
        ds_bundle *b;
        maker p = { 0 };
        ds_status st;

        SAY(&p, P "}X\x01\x00\x00\x00w");
        if (nests[k].begin == NULL) {
            p.size = 0;
            SAY(&p, P);
            for (int i = 0; i < 1000000; i++)
                SAY(&p, "}X\x01\x00\x00\x00w");
            SAY(&p, "N");
            for (int i = 0; i < 1000000; i++)
                SAY(&p, "s");
        } else {
            say(&p, nests[k].begin, strlen(nests[k].begin));
            for (int i = 0; i < 1000000; i++)
                say(&p, nests[k].each, strlen(nests[k].each));
            say(&p, nests[k].end, strlen(nests[k].end));
            SAY(&p, "s");
        }
        SAY(&p, ".");
        st = open_made(&p, 8, NULL, &b, &err);
        if (st != DS_OK)
            assert_true(err.text[0] != '\0');
        assert_int_equal(ds_bundle_count(b), 0);
        ds_bundle_free(b);
    }
}

/* A memo of four million places, and one beyond it. */
static void memo_is_bounded(void **state)
{
    maker p = { 0 };

    (void)state;
    SAY(&p, P "N");
    for (int i = 0; i < (4 << 20) + 1; i++)
        SAY(&p, "\x94");
    SAY(&p, ".");
    refuse_made(&p, 8, NULL, "memo far above");
}

static void plain_tensor(maker *p)
{
    *p = (maker){ 0 };
    SAY(p, P "}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor\n(" REFERENCE
             "K\x00K\x02\x85K\x01\x85tRs.");
}

static void zip64_is_checked(void **state)
{
    static const struct {
        lies lie;
        const char *message;
    } cases[] = {
        { { .size = (uint64_t)1 << 63 }, "entry a/data/0: its content ends outside" },
        { { .size = ~(uint64_t)0 }, "entry a/data/0: its content ends outside" },
        { { .size = 4 }, "its entry has another size than the pickle says" },
        { { .header = ~(uint64_t)0 }, "entry a/data/0: its header lies outside" },
        { { .header = ~(uint64_t)0 - 29 }, "entry a/data/0: its header lies outside" },
        { { .header = 1 }, "entry a/data/0: its header lies outside" },
        { { .directory = ~(uint64_t)0 }, "its directory ends before its last entry" },
        { { .directory = (uint64_t)1 << 63 }, "its directory ends before its last entry" },
        { { .count = (uint64_t)1 << 63 }, "a number of entries that cannot be" },
        { { .count = 3 }, "its directory ends before its last entry" },
        { { .field = 16 }, "its zip64 field lacks a size" },
    };
    const lies none = { 0 };
    maker p;

    (void)state;
    plain_tensor(&p);
    accept_made(&p, 8, NULL, 1);
    plain_tensor(&p);
    accept_made(&p, 8, &none, 1);
    for (size_t i = 0; i < DS_COUNT(cases); i++) {
        plain_tensor(&p);
        refuse_made(&p, 8, &cases[i].lie, cases[i].message);
    }
}

/* The weights open, what would have been run is listed, and nothing was. */
static void nothing_is_executed(void **state)
{
    char folder[] = "/tmp/ds-hostile-XXXXXX", name[64], command[96];
    ds_error err = { 0 };
    ds_bundle *b;
    maker p;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof name, "%s/made", folder);
    snprintf(command, sizeof command, "touch %s", name);
    plain_tensor(&p);
    p.size--; /* STOP */
    SAY(&p, "X\x04\x00\x00\x00"
            "evilcposix\nsystem\nX");
    say_number(&p, strlen(command), 4);
    say(&p, command, strlen(command));
    SAY(&p, "\x85Rs.");
    ts_ok(open_made(&p, 8, NULL, &b, &err), &err);
    assert_int_equal(ds_bundle_count(b), 1);
    assert_non_null(strstr(ds_bundle_meta(b, DS_PICKLE_GLOBALS), "posix.system"));
    assert_int_equal(access(name, F_OK), -1);
    assert_int_equal(rmdir(folder), 0);
    ds_bundle_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pickles_are_data),       cmocka_unit_test(pickles_are_bounded),
        cmocka_unit_test(tensors_stay_inside),    cmocka_unit_test(archives_are_checked),
        cmocka_unit_test(any_damage_is_survived), cmocka_unit_test(dicts_in_dicts_are_bounded),
        cmocka_unit_test(texts_are_bounded),      cmocka_unit_test(copies_are_bounded),
        cmocka_unit_test(depth_is_no_recursion),  cmocka_unit_test(memo_is_bounded),
        cmocka_unit_test(zip64_is_checked),       cmocka_unit_test(nothing_is_executed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

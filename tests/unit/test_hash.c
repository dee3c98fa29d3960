/* SHA-256 against the examples of FIPS 180-4 and NIST's byte-oriented test vectors. */

#include "support.h"

#include <string.h>

#include "base/hash.h"
#include "base/sha256.h"

static const struct {
    const char *text, *hex;
} vectors[] = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmno"
      "pqr"
      "smnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
    { "\xd3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1" },
};

static void known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < DS_COUNT(vectors); i++) {
        ds_sha256 s;
        char hex[65];

        ds__sha256_begin(&s);
        ds__sha256_add(&s, vectors[i].text, strlen(vectors[i].text));
        ds__sha256_end(&s, hex);
        assert_string_equal(hex, vectors[i].hex);
    }
}

/* A million times 'a', handed over in pieces of every small size. */
static void pieces_do_not_matter(void **state)
{
    static char a[200];
    ds_sha256 s;
    char hex[65];
    size_t left = 1000000, n = 0;

    (void)state;
    memset(a, 'a', sizeof a);
    ds__sha256_begin(&s);
    for (; left > 0; left -= n) {
        n = (n + 1) % sizeof a;
        n = n < left ? n : left;
        ds__sha256_add(&s, a, n);
    }
    ds__sha256_end(&s, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void instructions_do_not_matter(void **state)
{
    unsigned char data[64 * 5];
    uint32_t plain[8], native[8];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 37 + i / 7);
    for (int i = 0; i < 8; i++)
        plain[i] = native[i] = 0x9e3779b9u * (unsigned)(i + 1);
    ds__sha256_blocks_plain(plain, data, 5);
    if (!ds__sha256_blocks_native(native, data, 5)) {
        print_message("skip: this CPU has no SHA instructions\n");
        skip();
    }
    assert_memory_equal(plain, native, sizeof plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(instructions_do_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

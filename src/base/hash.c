/* hash.c - SHA-256 as in FIPS 180-4, sections 5.3.3 and 6.2. */

#include "base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define BLOCK 64
#define CHUNK ((size_t)1 << 20)

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes.              */
static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void compress(uint32_t h[8], const unsigned char *block)
{
    uint32_t w[64], v[8];

    for (int i = 0; i < 16; i++, block += 4)
        w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8
            | block[3];
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];

        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7]
            + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(v, h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t a = v[0], e = v[4];
        uint32_t t1 = v[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25))
            + ((e & v[5]) ^ (~e & v[6])) + k[i] + w[i];
        uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22))
            + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        h[i] += v[i];
}

void ds__sha256_begin(ds_sha256 *s)
{
    static const uint32_t h0[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

    *s = (ds_sha256) { 0 };
    memcpy(s->h, h0, sizeof h0);
}

void ds__sha256_add(ds_sha256 *s, const void *data, size_t bytes)
{
    const unsigned char *p = data;
    size_t used = s->bytes % BLOCK;

    s->bytes += bytes;
    if (used > 0) {
        size_t n = bytes < BLOCK - used ? bytes : BLOCK - used;

        memcpy(s->block + used, p, n);
        p += n;
        bytes -= n;
        if (used + n < BLOCK)
            return;
        compress(s->h, s->block);
    }
    for (; bytes >= BLOCK; p += BLOCK, bytes -= BLOCK)
        compress(s->h, p);
    if (bytes > 0)
        memcpy(s->block, p, bytes);
}

void ds__sha256_end(ds_sha256 *s, char hex[65])
{
    static const unsigned char pad[BLOCK] = { 0x80 };
    uint64_t bits = s->bytes * 8;
    unsigned char length[8];

    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    ds__sha256_add(s, pad, 1 + (BLOCK - 1 - 8 + BLOCK - s->bytes % BLOCK) % BLOCK);
    ds__sha256_add(s, length, 8);
    for (int i = 0; i < 8; i++)
        snprintf(hex + 8 * i, 9, "%08x", s->h[i]);
}

static ds_status hash_descriptor(char hex[65], int fd, unsigned char *buf, const char *path,
                                 ds_error *err)
{
    ds_sha256 s;
    ssize_t n;

    ds__sha256_begin(&s);
    while ((n = read(fd, buf, CHUNK)) != 0) {
        if (n > 0) {
            ds__sha256_add(&s, buf, (size_t)n);
        } else if (errno != EINTR) {
            ds_fail(err, DS_E_IO, "%s: cannot read: %m", path);
            return ds_fail_at(err, DS_E_IO, path, -1);
        }
    }
    ds__sha256_end(&s, hex);
    return DS_OK;
}

ds_status ds__sha256_file(char hex[65], const char *path, ds_error *err)
{
    int fd;
    int64_t size;
    unsigned char *buf;
    ds_status st = ds__file_open(&fd, &size, path, err);

    if (st != DS_OK)
        return st;
    buf = ds_alloc(CHUNK);
    st = buf == NULL ? ds_fail(err, DS_E_NOMEM, "%s: no memory to read it", path)
                     : hash_descriptor(hex, fd, buf, path, err);
    ds_free(buf);
    close(fd);
    return st;
}

/* hash.c - SHA-256 as in FIPS 180-4, sections 5.1.1 and 5.3.3. */

#include "base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"

#define BLOCK 64
#define CHUNK ((size_t)1 << 20)

void ds__sha256_begin(ds_sha256 *s)
{
    static const uint32_t h0[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

    *s = (ds_sha256){ 0 };
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
        ds__sha256_blocks(s->h, s->block, 1);
    }
    ds__sha256_blocks(s->h, p, bytes / BLOCK);
    if (bytes % BLOCK > 0)
        memcpy(s->block, p + bytes / BLOCK * BLOCK, bytes % BLOCK);
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

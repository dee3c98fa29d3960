/* hash.h - SHA-256 (FIPS 180-4), by which a run record names the files that it used. */

#ifndef DS_BASE_HASH_H
#define DS_BASE_HASH_H

#include <diffuscope/base.h>

typedef struct ds_sha256 {
    uint32_t h[8];
    uint64_t bytes;
    unsigned char block[64];
} ds_sha256;

void ds__sha256_begin(ds_sha256 *s);
void ds__sha256_add(ds_sha256 *s, const void *data, size_t bytes);
void ds__sha256_end(ds_sha256 *s, char hex[65]); /* 64 lower-case digits and a NUL */

ds_status ds__sha256_file(char hex[65], const char *path, ds_error *err);

#endif

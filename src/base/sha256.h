/* sha256.h - digests whole blocks of 64 bytes into the state of SHA-256; hash.h is the rest. */

#ifndef DS_BASE_SHA256_H
#define DS_BASE_SHA256_H

#include <diffuscope/base.h>

void ds__sha256_blocks(uint32_t h[8], const unsigned char *data, size_t blocks);

/* The two ways to do it: a test holds them together. The second returns false, and does nothing, on
 * a CPU without the instructions. */
void ds__sha256_blocks_plain(uint32_t h[8], const unsigned char *data, size_t blocks);
bool ds__sha256_blocks_native(uint32_t h[8], const unsigned char *data, size_t blocks);

#endif

/* support.h - what the harnesses share. */

#ifndef DS_FUZZ_SUPPORT_H
#define DS_FUZZ_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry: every harness defines it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process with the expression when a property that must hold for any input does not. */
#define FZ_HOLDS(expression) fz_holds((expression) ? NULL : #expression)
void fz_holds(const char *broken);

/* A folder of this process, in memory where the system offers that; removed at the end. */
const char *fz_folder(void);

/* Writes a file there; its path is in a buffer that the next call overwrites. */
const char *fz_put(const char *name, const uint8_t *data, size_t size);

/* Cuts the input at the bytes 0xfe, which neither JSON nor text may hold, into at most `most`
 * parts; returns their number. */
typedef struct fz_part {
    const uint8_t *data;
    size_t size;
} fz_part;

int fz_split(fz_part *part, int most, const uint8_t *data, size_t size);

#endif

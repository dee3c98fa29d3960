/* support.c - see support.h. */

#include "fuzz/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

void fz_holds(const char *broken)
{
    if (broken == NULL)
        return;
    fprintf(stderr, "does not hold: %s\n", broken);
    abort();
}

static void remove_folder(void)
{
    char command[80];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        fprintf(stderr, "left behind: %s\n", folder);
}

const char *fz_folder(void)
{
    if (folder[0] == '\0') {
        strcpy(folder,
               access("/dev/shm", W_OK) == 0 ? "/dev/shm/ds-fuzz-XXXXXX" : "/tmp/ds-fuzz-XXXXXX");
        FZ_HOLDS(mkdtemp(folder) != NULL);
        atexit(remove_folder);
    }
    return folder;
}

const char *fz_put(const char *name, const uint8_t *data, size_t size)
{
    static char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", fz_folder(), name);
    f = fopen(path, "wb");
    FZ_HOLDS(f != NULL);
    FZ_HOLDS(fwrite(data, 1, size, f) == size);
    FZ_HOLDS(fclose(f) == 0);
    return path;
}

int fz_split(fz_part *part, int most, const uint8_t *data, size_t size)
{
    int n = 0;

    while (n < most) {
        const uint8_t *cut = n == most - 1 ? NULL : memchr(data, 0xfe, size);
        size_t length = cut != NULL ? (size_t)(cut - data) : size;

        part[n++] = (fz_part){ data, length };
        if (cut == NULL)
            break;
        data += length + 1;
        size -= length + 1;
    }
    return n;
}

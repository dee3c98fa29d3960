/* A run folder of anyone: bytes as run.json and, after a byte 0xfe, as run.files. Whatever they say, a new
 * run in their place removes nothing outside of the folder and no link in it; hashes of inputs are held
 * against files without harm. */

#include "fuzz/support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/files.h"

static char run[200], outside[200], link_[220];

static bool there(const char *path)
{
    struct stat s;

    return lstat(path, &s) == 0;
}

static void put(const char *name)
{
    fz_put(name, (const uint8_t *)"x", 1);
}

static void make_folder(void)
{
    char path[300];

    snprintf(run, sizeof run, "%s/run", fz_folder());
    snprintf(outside, sizeof outside, "%s/outside", fz_folder());
    snprintf(link_, sizeof link_, "%s/up", run);
    snprintf(path, sizeof path, "%s/sub", run);
    mkdir(run, 0777);
    mkdir(path, 0777);
    if (!there(link_))
        FZ_HOLDS(symlink("..", link_) == 0);
    put("outside");
    put("run/a.png");
    put("run/mine.txt");
    put("run/sub/b.png");
    put("run/sub/run.json");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fz_part part[2] = { { 0 } };
    const int parts = fz_split(part, 2, data, size);
    ds_error err = { 0 };
    char path[300], *text;
    ds_status st;

    make_folder();
    fz_put("run/run.json", part[0].data, part[0].size);
    if (parts > 1)
        fz_put("run/run.files", part[1].data, part[1].size);
    st = ds__files_begin(run, size % 2 == 1, &err);
    FZ_HOLDS(st == DS_OK || (err.code == st && err.text[0] != '\0'));
    snprintf(path, sizeof path, "%s/run.json", run);
    FZ_HOLDS(st != DS_OK || !there(path)); /* never the record of another run */
    FZ_HOLDS(there(outside) && there(link_));
    snprintf(path, sizeof path, "%s/run.files", run);
    unlink(path);

    text = ds_alloc(part[0].size + 1);
    memcpy(text, part[0].data, part[0].size);
    text[part[0].size] = '\0';
    err = (ds_error){ 0 };
    st = ds_record_check_inputs(text, run, &err);
    FZ_HOLDS(st == DS_OK || (err.code == st && err.text[0] != '\0'));
    ds_free(text);
    return 0;
}

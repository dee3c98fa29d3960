/* cmd_version.c - `diffuscope version`. */

#include "commands.h"
#include "print.h"

static ds_status run(const ds_args *a, ds_error *err)
{
    (void)err;
    if (opt_flag(a, "json"))
        print("{\"version\": \"%s\", \"threads\": %d}\n", DS_VERSION, ds_threads());
    else
        print("diffuscope %s\n", DS_VERSION);
    return DS_OK;
}

const ds_command cmd_version = {
    .name = "version",
    .purpose = "print the version",
    .common = COMMON_JSON,
    .run = run,
};

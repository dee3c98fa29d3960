/* show.h - --show: pictures in the terminal. A command with COMMON_SHOW has the option. */

#ifndef DS_CLI_SHOW_H
#define DS_CLI_SHOW_H

#include <diffuscope/image.h>

#include "opts.h"

/* DS_E_ARG if --show and --json are both given: the picture would spoil the JSON. The frame calls
 * it. */
ds_status show_check(const ds_args *a, ds_error *err);

/* Writes the picture to standard output, in the way that --show says; nothing for none, and for
 * auto where standard output is no terminal or an unknown one, and for a command without the
 * option. */
ds_status show_image(const ds_args *a, const ds_image *image, ds_error *err);

#endif

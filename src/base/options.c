/* options.c - see options.h. */

#include "base/options.h"

#include <string.h>

ds_status ds__options_take(void *into, size_t size, const void *defaults, const void *given,
                           const char *what, const char *init, ds_error *err)
{
    const unsigned char *bytes = given;
    size_t n;

    memcpy(into, defaults, size);
    if (given == NULL)
        return DS_OK;
    memcpy(&n, given, sizeof n);
    if (n < sizeof n || n > 1 << 16)
        return ds_fail(err, DS_E_ARG, "%s: their size is given as %zu bytes: start from %s", what,
                       n, init);
    for (size_t i = size; i < n; i++)
        if (bytes[i] != 0)
            return ds_fail(
                err, DS_E_ARG,
                "%s of %zu bytes, of which this version (%s) knows %zu, and the rest is in "
                "use: the caller was built for a newer version",
                what, n, DS_VERSION, size);
    memcpy(into, given, n < size ? n : size);
    memcpy(into, &size, sizeof size);
    return DS_OK;
}

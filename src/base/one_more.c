/* one_more.c - see one_more.h. */

#include "base/one_more.h"

#include <string.h>

#include <diffuscope/base.h>

void *ds__one_more(void *old, int64_t count, size_t size)
{
    void *more = ds_calloc((size_t)count + 1, size);

    if (more != NULL && count > 0)
        memcpy(more, old, (size_t)count * size);
    if (more != NULL)
        ds_free(old);
    return more;
}

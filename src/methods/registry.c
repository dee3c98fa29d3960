/* registry.c - all methods by name: the instruments, and what runs many of them. */

#include <diffuscope/methods.h>

#include <string.h>

#include "methods/methods.h"

static const ds_method *const runners[] = { &ds__method_sweep };

const ds_method *ds_method_at(int i)
{
    int n = 0;

    while (ds__instruments[n] != NULL)
        n++;
    if (i >= 0 && i < n)
        return ds__instruments[i];
    return i >= n && i - n < (int)DS_COUNT(runners) ? runners[i - n] : NULL;
}

ds_status ds_method_find(const ds_method **out, const char *name, ds_error *err)
{
    for (size_t i = 0; i < DS_COUNT(runners); i++)
        if (strcmp(name, runners[i]->name) == 0) {
            *out = runners[i];
            return DS_OK;
        }
    return ds__instrument_find(out, name, err);
}

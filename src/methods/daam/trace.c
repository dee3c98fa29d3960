/* trace.c - small questions about a trace that every file asks, and its warnings. */

#include "methods/daam/daam.h"

#include "methods/daam/select.h"

#include <stdio.h>
#include <string.h>

ds_status ds__daam_warn(ds_daam *d, ds_error *err, const char *fmt, ...)
{
    char text[400], *copy;
    va_list ap;

    if (d->warnings == DS_DAAM_WARNINGS)
        return DS_OK;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    copy = ds__arena_printf(&d->arena, "%s", text);
    if (copy == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a trace");
    d->warning[d->warnings++] = copy;
    return DS_OK;
}

int64_t ds__daam_layer_of(const ds_daam *d, const char *site)
{
    for (int64_t i = 0; i < d->trace.layers; i++)
        if (strcmp(d->trace.layer[i].site, site) == 0)
            return i;
    return -1;
}

bool ds__daam_head_kept(const ds_daam *d, int64_t head)
{
    return ds__select_has(d->options.heads, head, NULL);
}

bool ds__daam_step_kept(const ds_daam *d, int64_t step)
{
    return ds__select_has(d->options.steps, step, NULL);
}

int64_t ds__daam_text_of(const ds_daam *d, int64_t i, int64_t image)
{
    return i > 0 ? d->trace.prompts - 1 + i : d->trace.prompts > 1 ? image : 0;
}

/* Any list of names and shapes as a single file: lines "NAME DIM DIM ..". What is recognised has configurations
 * or says why not, and every name that translates comes back. */

#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "weights/original.h"

enum { MOST = 400 };

static void add_line(ds_bundle *b, char *line)
{
    char *save = NULL, *name = strtok_r(line, " ", &save), *d;
    ds_bundle_entry *e;

    if (name == NULL || ds_bundle_count(b) >= MOST || ds_bundle_find(b, name) != NULL ||
        ds__bundle_reserve(b, 1, NULL) != DS_OK || (e = ds__bundle_append(b, name)) == NULL)
        return;
    e->tensor.dtype = DS_DTYPE_F16;
    while ((d = strtok_r(NULL, " ", &save)) != NULL && e->tensor.rank < DS_MAX_RANK)
        e->tensor.dim[e->tensor.rank++] = strtol(d, NULL, 10) & 0xffff;
    ds__bundle_sort(b);
}

static void translate(const ds_original *o, const ds_bundle *b)
{
    for (int64_t i = 0; i < ds_bundle_count(b); i++) {
        const char *rest;
        ds_component c = ds__original_part(o, ds_bundle_name(b, i), &rest);
        char ours[512], back[512];

        if (c < DS_COMPONENTS && ds__name_to_ours(&o->map[c], rest, ours, sizeof ours) &&
            ds__name_to_theirs(&o->map[c], ours, back, sizeof back))
            FZ_HOLDS(strcmp(back, rest) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = ds_alloc(size + 1), *save = NULL;
    ds_error err = { 0 };
    ds_original o;
    json_t *configs = NULL;
    ds_bundle *b;
    ds_status st;

    memcpy(text, data, size);
    text[size] = '\0';
    FZ_HOLDS(ds_bundle_new(&b, NULL) == DS_OK);
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        add_line(b, line);
    st = ds__original_recognise(&o, b, "fuzz", &err);
    if (st == DS_OK) {
        translate(&o, b);
        st = ds__original_configs(&configs, &o, &err);
        FZ_HOLDS((configs != NULL) == (st == DS_OK));
    }
    if (st != DS_OK)
        FZ_HOLDS(err.code == st && err.text[0] != '\0');
    json_decref(configs);
    ds__original_clear(&o);
    ds_bundle_free(b);
    ds_free(text);
    return 0;
}

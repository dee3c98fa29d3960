/* Any bytes as an edit of components (E), or as a file of captions with alternatives (T): an edit that is
 * read can be written and read again, united with itself, and taken elsewhere; a refusal has a text. */

#include "fuzz/support.h"

#include <math.h>
#include <string.h>

#include "methods/component/edits.h"
#include "methods/component/texts.h"

enum { LARGEST = 1 << 18 };

static bool is_small(const ds_edit *e)
{
    for (int64_t i = 0; i < e->parts; i++) {
        int64_t n = 1;

        for (int k = 0; k < e->part[i].rank; k++)
            n *= e->part[i].dim[k];
        if (n > LARGEST)
            return false;
    }
    return true;
}

static void take_elsewhere(const ds_edit *e)
{
    ds_bundle *b;

    for (int lora = 0; lora < 2; lora++) {
        ds_error err = { 0 };

        FZ_HOLDS(ds_bundle_new(&b, NULL) == DS_OK);
        FZ_HOLDS((lora ? ds__edit_lora(b, e, 64, &err) : ds__edit_diff(b, e, &err)) == DS_OK ||
                 err.text[0] != '\0');
        ds_bundle_free(b);
    }
}

static void try_edit(const uint8_t *data, size_t size)
{
    ds_edit e, again, both;
    ds_bundle *b;
    ds_error err = { 0 };

    if (ds__edit_load(&e, fz_put("edit.safetensors", data, size), &err) != DS_OK) {
        FZ_HOLDS(err.text[0] != '\0');
        return;
    }
    FZ_HOLDS(ds_bundle_new(&b, NULL) == DS_OK);
    FZ_HOLDS(ds__edit_to_bundle(&e, b, NULL) == DS_OK);
    FZ_HOLDS(ds__edit_from_bundle(&again, b, "again", NULL) == DS_OK);
    FZ_HOLDS(ds__edit_count(&again) == ds__edit_count(&e));
    ds_bundle_free(b);
    if (ds__edit_unite(&both, &e, &again, &err) == DS_OK) {
        FZ_HOLDS(ds__edit_count(&both) == ds__edit_count(&e));
        ds__edit_clear(&both);
    } else { /* a number that is not equal to itself */
        FZ_HOLDS(err.text[0] != '\0');
    }
    if (is_small(&e))
        take_elsewhere(&e);
    ds__edit_clear(&again);
    ds__edit_clear(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ds_alternatives a = { 0 };
    ds_error err = { 0 };

    if (size == 0)
        return 0;
    if (data[0] == 'E') {
        try_edit(data + 1, size - 1);
        return 0;
    }
    if (ds__alternatives_load(&a, fz_put("captions.txt", data + 1, size - 1), &err) != DS_OK)
        FZ_HOLDS(err.text[0] != '\0');
    for (int64_t i = 0; i < a.count; i++)
        FZ_HOLDS(strlen(a.text[i]) <= size * DS_ALTERNATIVES_MOST);
    ds__alternatives_clear(&a);
    return 0;
}

/* edit_page.h - the page of an edit: pictures before and after, predicted against true effects. */

#ifndef DS_METHODS_COMPONENT_EDIT_PAGE_H
#define DS_METHODS_COMPONENT_EDIT_PAGE_H

#include "methods/component/dose.h"

typedef struct edit_page {
    ds_model *edited;
    int64_t pictures; /* of the concept, with the same seeds before and after */
    uint64_t seed;
    const double *predicted, *effect; /* of random sets [sets]; NULL: none */
    int64_t sets;
    const dose_table *dose; /* NULL: none */
} edit_page;

ds_status ds__edit_page(ds_job *j, const component_work *w, const edit_page *p, ds_error *err);

#endif

/* dose.h - dose and response: what is left of J when a half, as many and twice as many components go, of the
 * concept itself and of other captions, beside as many at random.
 *
 * Thread rule: as work.h. */

#ifndef DS_METHODS_COMPONENT_DOSE_H
#define DS_METHODS_COMPONENT_DOSE_H

#include "methods/component/choose.h"

enum { DOSE_MOST = 8, DOSE_SETS = 3, DOSE_CONTROLS = 2 };
extern const char *const ds__dose_sets[DOSE_SETS]; /* "target", "anchors", "unrelated" */

typedef struct dose_options {
    int64_t doses;       /* around `count`: count/2, count, 2 count for 3 */
    int64_t count;       /* components, or weights, of the edit */
    const char *file[2]; /* captions: anchors, unrelated; NULL: none */
    int64_t draws;       /* of the concept's, at which J is measured */
    component_choice choice;
} dose_options;

typedef struct dose_table {
    int64_t doses;
    bool there[DOSE_SETS];
    double count[DOSE_MOST];                          /* components that went */
    double left[DOSE_SETS][DOSE_CONTROLS][DOSE_MOST]; /* J / J before; by score, at random */
} dose_table;

/* For check: the files can be read. */
ds_status ds__dose_check(const dose_options *o, ds_error *err);

/* Of w's model, with scores v. */
ds_status ds__dose_measure(dose_table *t, const dose_options *o, component_work *w, ds_job *j,
                           const component_values *v, ds_error *err);

json_t *ds__dose_json(const dose_table *t);
ds_status ds__dose_page(const dose_table *t, ds_page *page, ds_error *err);

#endif

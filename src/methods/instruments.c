/* instruments.c - all methods but those that run others of this list, in the order in which they are shown. */

#include <string.h>

#include "methods/methods.h"

/* clang-format off: one in a line */
const ds_method *const ds__instruments[] = {
    &ds__method_generate,
    &ds__method_daam,
    &ds__method_compare,
    &ds__method_audit,
    &ds__method_info,
    &ds__method_info_words,
    &ds__method_info_score,
    &ds__method_info_curve,
    &ds__method_info_edit,
    &ds__method_pid,
    &ds__method_pid_all,
    &ds__method_pid_bias,
    &ds__method_pid_homonym,
    &ds__method_pid_intervene,
    &ds__method_concept,
    &ds__method_concept_mix,
    &ds__method_concept_edit,
    &ds__method_concept_interpolate,
    &ds__method_concept_compare,
    &ds__method_concept_save,
    &ds__method_concept_explain,
    &ds__method_concept_bias,
    &ds__method_eval_concept,
    &ds__method_eval_daam,
    &ds__method_eval_info,
    &ds__method_eval_pid,
    &ds__method_component_score,
    &ds__method_component_edit,
    &ds__method_component_check,
    &ds__method_component_redirect,
    &ds__method_component_overlap,
    &ds__method_component_save,
    &ds__method_eval_component,
    &ds__method_score,
    &ds__method_export,
    NULL,
};
/* clang-format on */

ds_status ds__instrument_find(const ds_method **out, const char *name, ds_error *err)
{
    const char *names[128], *near;
    int n = 0;

    *out = strcmp(name, ds__method_nothing.name) == 0 ? &ds__method_nothing : NULL;
    for (; ds__instruments[n] != NULL; n++) {
        names[n] = ds__instruments[n]->name;
        if (strcmp(name, names[n]) == 0)
            *out = ds__instruments[n];
    }
    if (*out != NULL)
        return DS_OK;
    near = ds_near_match(name, names, n);
    if (near != NULL)
        return ds_fail(err, DS_E_NOMATCH, "unknown method \"%s\"; did you mean %s?", name, near);
    return ds_fail(err, DS_E_NOMATCH, "unknown method \"%s\"", name);
}

/* registry.c - the instruments and studies by name, in the order in which they are listed. */

#include <diffuscope/methods.h>

#include <string.h>

#include "methods/methods.h"

/* clang-format off: one in a line */
static const ds_method *const methods[] = {
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
};
/* clang-format on */

const ds_method *ds_method_at(int i)
{
    return i >= 0 && i < (int)DS_COUNT(methods) ? methods[i] : NULL;
}

ds_status ds_method_find(const ds_method **out, const char *name, ds_error *err)
{
    const char *names[DS_COUNT(methods)], *near;

    *out = NULL;
    for (size_t i = 0; i < DS_COUNT(methods); i++) {
        names[i] = methods[i]->name;
        if (strcmp(name, names[i]) == 0)
            *out = methods[i];
    }
    if (*out != NULL)
        return DS_OK;
    near = ds_near_match(name, names, DS_COUNT(methods));
    if (near != NULL)
        return ds_fail(err, DS_E_NOMATCH, "unknown method \"%s\"; did you mean %s?", name, near);
    return ds_fail(err, DS_E_NOMATCH, "unknown method \"%s\"", name);
}

/* methods.h - the list of instruments, for src/methods/registry.c. */

#ifndef DS_METHODS_METHODS_H
#define DS_METHODS_METHODS_H

#include <diffuscope/job.h>

/* instruments.c: those that a sweep may run, ended by NULL. */
extern const ds_method *const ds__instruments[];
ds_status ds__instrument_find(const ds_method **out, const char *name, ds_error *err);

extern const ds_method ds__method_sweep, ds__method_nothing;
extern const ds_method ds__method_generate;
extern const ds_method ds__method_daam;
extern const ds_method ds__method_compare;
extern const ds_method ds__method_audit;
extern const ds_method ds__method_info;
extern const ds_method ds__method_info_words;
extern const ds_method ds__method_info_curve;
extern const ds_method ds__method_info_score;
extern const ds_method ds__method_info_edit;
extern const ds_method ds__method_pid;
extern const ds_method ds__method_pid_all;
extern const ds_method ds__method_pid_bias;
extern const ds_method ds__method_pid_homonym;
extern const ds_method ds__method_pid_intervene;
extern const ds_method ds__method_concept;
extern const ds_method ds__method_concept_mix;
extern const ds_method ds__method_concept_edit;
extern const ds_method ds__method_concept_interpolate;
extern const ds_method ds__method_concept_compare;
extern const ds_method ds__method_concept_save;
extern const ds_method ds__method_concept_explain;
extern const ds_method ds__method_concept_bias;
extern const ds_method ds__method_eval_concept;
extern const ds_method ds__method_eval_daam;
extern const ds_method ds__method_eval_info;
extern const ds_method ds__method_eval_pid;
extern const ds_method ds__method_eval_component;
extern const ds_method ds__method_score;
extern const ds_method ds__method_export;
extern const ds_method ds__method_component_score;
extern const ds_method ds__method_component_edit;
extern const ds_method ds__method_component_check;
extern const ds_method ds__method_component_redirect;
extern const ds_method ds__method_component_overlap;
extern const ds_method ds__method_component_save;

#endif

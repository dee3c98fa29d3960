/* commands.h - one line per command; main.c lists them in the order of the help. */

#ifndef DS_CLI_COMMANDS_H
#define DS_CLI_COMMANDS_H

#include "opts.h"

extern const ds_command cmd_encode;
extern const ds_command cmd_forward;
extern const ds_command cmd_help;
extern const ds_command cmd_new_model;
extern const ds_command cmd_inspect;
extern const ds_command cmd_random;
extern const ds_command cmd_sample;
extern const ds_command cmd_sites;
extern const ds_command cmd_tokenize;
extern const ds_command cmd_replay;
extern const ds_command cmd_report;
extern const ds_command cmd_train;
extern const ds_command cmd_version;

#endif

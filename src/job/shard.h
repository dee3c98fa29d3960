/* shard.h - which part of a list a scheduler or launcher gave to this process. */

#ifndef DS_JOB_SHARD_H
#define DS_JOB_SHARD_H

#include <diffuscope/option.h>

/* The value of a variable, or NULL. */
typedef const char *shard_variable(void *user, const char *name);
const char *ds__shard_environment(void *user, const char *name);

/* Part i of n from variables: that of the array (the first that is set of Slurm, PBS, SGE, LSF, Kubernetes,
 * AWS Batch) times that of the process in it (torchrun and accelerate, Open MPI, PMI, a step of Slurm).
 * Where a scheduler does not say how many there are (PBS, Kubernetes), DIFFUSCOPE_SHARDS does. DS_E_ARG where
 * nothing is set, or a number is missing or wrong. */
ds_status ds__shard_auto(ds_part_of *out, shard_variable *get, void *user, ds_error *err);

#endif

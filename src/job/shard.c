/* shard.c - see shard.h. */

#include "job/shard.h"

#include <errno.h>
#include <stdlib.h>

const char *ds__shard_environment(void *user, const char *name)
{
    (void)user;
    return getenv(name);
}

typedef struct source {
    const char *who, *index, *count; /* variables; count NULL: DIFFUSCOPE_SHARDS */
    const char *first, *step;        /* variables of the first index and of the distance; or NULL */
    int base;                        /* the first index without such a variable */
    bool count_is_last;              /* `count` holds the last index */
} source;

/* Job arrays: one of them. */
static const source arrays[] = {
    { "Slurm", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN",
      "SLURM_ARRAY_TASK_STEP", 0, false },
    { "PBS", "PBS_ARRAY_INDEX", NULL, NULL, NULL, 0, false },
    { "SGE", "SGE_TASK_ID", "SGE_TASK_LAST", "SGE_TASK_FIRST", "SGE_TASK_STEPSIZE", 1, true },
    { "LSF", "LSB_JOBINDEX", "LSB_JOBINDEX_END", NULL, NULL, 1, true },
    { "Kubernetes", "JOB_COMPLETION_INDEX", NULL, NULL, NULL, 0, false },
    { "AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", NULL, NULL, 0, false },
};

/* Processes of one job: one of them. SLURM_PROCID is 0 in a batch script too, where SLURM_STEP_NUM_TASKS is not set. */
static const source processes[] = {
    { "torchrun", "RANK", "WORLD_SIZE", NULL, NULL, 0, false },
    { "Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", NULL, NULL, 0, false },
    { "PMI", "PMI_RANK", "PMI_SIZE", NULL, NULL, 0, false },
    { "Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", NULL, NULL, 0, false },
};

static ds_status number(int64_t *out, const char *name, shard_variable *get, void *user,
                        ds_error *err)
{
    const char *text = get(user, name);
    char *end = NULL;

    errno = 0;
    *out = text != NULL ? strtoll(text, &end, 10) : 0;
    return text != NULL && end != text && *end == '\0' && errno == 0 && *out >= 0
               ? DS_OK
               : ds_fail(err, DS_E_ARG,
                         "auto: the variable %s: expected a whole number, found %s%s%s", name,
                         text != NULL ? "\"" : "", text != NULL ? text : "none",
                         text != NULL ? "\"" : "");
}

static ds_status read_source(ds_part_of *out, const source *s, shard_variable *get, void *user,
                             ds_error *err)
{
    int64_t index = 0, count = 0, first = s->base, step = 1;
    ds_status st = number(&index, s->index, get, user, err);

    if (st == DS_OK && s->first != NULL && get(user, s->first) != NULL)
        st = number(&first, s->first, get, user, err);
    if (st == DS_OK && s->step != NULL && get(user, s->step) != NULL)
        st = number(&step, s->step, get, user, err);
    if (st == DS_OK)
        st = number(&count, s->count != NULL ? s->count : "DIFFUSCOPE_SHARDS", get, user, err);
    if (st != DS_OK)
        return st;
    if (step < 1)
        step = 1;
    if (s->count_is_last)
        count = (count - first) / step + 1;
    index = (index - first) / step;
    if (index < 0 || index >= count)
        return ds_fail(err, DS_E_ARG, "auto: %s says part %lld of %lld; expected 0 to one less",
                       s->who, (long long)index, (long long)count);
    *out = (ds_part_of){ index, count };
    return DS_OK;
}

/* Whether it is told at all; a process alone in its step is no part. */
static const source *told(const source *list, size_t n, shard_variable *get, void *user)
{
    for (size_t i = 0; i < n; i++)
        if (get(user, list[i].index) != NULL &&
            (list != processes || get(user, list[i].count) != NULL))
            return &list[i];
    return NULL;
}

ds_status ds__shard_auto(ds_part_of *out, shard_variable *get, void *user, ds_error *err)
{
    const source *array = told(arrays, DS_COUNT(arrays), get, user);
    const source *process = told(processes, DS_COUNT(processes), get, user);
    ds_part_of a = { 0, 1 }, p = { 0, 1 };
    ds_status st = DS_OK;

    if (array == NULL && process == NULL)
        return ds_fail(
            err, DS_E_ARG,
            "auto: no scheduler says which part this is (Slurm, PBS, SGE, LSF, Kubernetes, AWS "
            "Batch, torchrun, Open MPI, PMI); give I/N");
    if (array != NULL)
        st = read_source(&a, array, get, user, err);
    if (st == DS_OK && process != NULL)
        st = read_source(&p, process, get, user, err);
    *out = (ds_part_of){ a.part * p.parts + p.part, a.parts * p.parts };
    return st;
}

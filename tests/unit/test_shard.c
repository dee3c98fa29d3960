/* Which part of a list a scheduler's variables name. */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

#include "job/shard.h"

/* user: pairs of name and value, ended by NULL. */
static const char *variable(void *user, const char *name)
{
    const char **v = user;

    for (; v[0] != NULL; v += 2)
        if (strcmp(v[0], name) == 0)
            return v[1];
    return NULL;
}

static void says(int64_t part, int64_t parts, const char **variables)
{
    ds_error err = { 0 };
    ds_part_of found = { -1, -1 };

    assert_int_equal(ds__shard_auto(&found, variable, variables, &err), DS_OK);
    assert_int_equal(found.part, part);
    assert_int_equal(found.parts, parts);
}

static void refuses(const char *why, const char **variables)
{
    ds_error err = { 0 };
    ds_part_of found;

    assert_int_equal(ds__shard_auto(&found, variable, variables, &err), DS_E_ARG);
    if (strstr(err.text, why) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", why, err.text);
}

#define V(...)                                                                                     \
    (const char *[])                                                                               \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static void arrays(void **state)
{
    (void)state;
    says(3, 8, V("SLURM_ARRAY_TASK_ID", "3", "SLURM_ARRAY_TASK_COUNT", "8"));
    says(2, 4,
         V("SLURM_ARRAY_TASK_ID", "20", "SLURM_ARRAY_TASK_MIN", "10", "SLURM_ARRAY_TASK_STEP", "5",
           "SLURM_ARRAY_TASK_COUNT", "4"));
    says(1, 3, V("PBS_ARRAY_INDEX", "1", "DIFFUSCOPE_SHARDS", "3"));
    says(0, 5,
         V("SGE_TASK_ID", "1", "SGE_TASK_FIRST", "1", "SGE_TASK_LAST", "5", "SGE_TASK_STEPSIZE",
           "1"));
    says(1, 3,
         V("SGE_TASK_ID", "3", "SGE_TASK_FIRST", "1", "SGE_TASK_LAST", "5", "SGE_TASK_STEPSIZE",
           "2"));
    says(3, 4, V("LSB_JOBINDEX", "4", "LSB_JOBINDEX_END", "4"));
    says(0, 2, V("JOB_COMPLETION_INDEX", "0", "DIFFUSCOPE_SHARDS", "2"));
    says(6, 9, V("AWS_BATCH_JOB_ARRAY_INDEX", "6", "AWS_BATCH_JOB_ARRAY_SIZE", "9"));
}

static void processes(void **state)
{
    (void)state;
    says(1, 2, V("RANK", "1", "WORLD_SIZE", "2"));
    says(1, 2, V("OMPI_COMM_WORLD_RANK", "1", "OMPI_COMM_WORLD_SIZE", "2"));
    says(0, 4, V("PMI_RANK", "0", "PMI_SIZE", "4"));
    says(2, 4, V("SLURM_PROCID", "2", "SLURM_STEP_NUM_TASKS", "4"));
    /* tasks of an array */
    says(7, 8,
         V("SLURM_ARRAY_TASK_ID", "3", "SLURM_ARRAY_TASK_COUNT", "4", "SLURM_PROCID", "1",
           "SLURM_STEP_NUM_TASKS", "2"));
    /* a batch script, which is process 0 of its job and no step */
    says(3, 8,
         V("SLURM_ARRAY_TASK_ID", "3", "SLURM_ARRAY_TASK_COUNT", "8", "SLURM_PROCID", "0",
           "SLURM_NTASKS", "4"));
}

static void wrong(void **state)
{
    (void)state;
    refuses("no scheduler says", V("HOME", "/"));
    refuses("SLURM_ARRAY_TASK_COUNT: expected a whole number, found none",
            V("SLURM_ARRAY_TASK_ID", "3"));
    refuses("DIFFUSCOPE_SHARDS", V("PBS_ARRAY_INDEX", "1"));
    refuses("found \"x\"", V("RANK", "x", "WORLD_SIZE", "2"));
    refuses("part 4 of 4", V("RANK", "4", "WORLD_SIZE", "4"));
    refuses("no scheduler says", V("SLURM_PROCID", "0", "SLURM_NTASKS", "4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays),
        cmocka_unit_test(processes),
        cmocka_unit_test(wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

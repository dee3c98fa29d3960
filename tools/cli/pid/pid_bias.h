/* pid_bias.h - how much of an attribute an occupation already says: redundancies of both over
 * pictures that the model draws, and the gap between two attributes. */

#ifndef DS_CLI_PID_BIAS_H
#define DS_CLI_PID_BIAS_H

#include "pid_common.h"

/* For the tables of commands that have PICTURE_DRAWN_OPTIONS too. */
/* clang-format off */
#define PID_BIAS_OPTIONS \
    { .name = "template", .kind = OPT_TEXT, .arg = "TEXT", \
      .standard = "a {attribute} {occupation}", \
      .help = "prompt with places for the attribute and the occupation" }, \
    { .name = "pictures", .kind = OPT_INT, .arg = "N", .standard = "4", .min = 1, .max = 10000, \
      .help = "pictures of each occupation; their scatter is the standard error" }, \
    { .name = "picture-of", .kind = OPT_CHOICE, .arg = "occupation|both", \
      .standard = "occupation", \
      .help = "pictures drawn from the template without an attribute, the same for both, or one " \
              "with each attribute" }, \
    { .name = "given", .kind = OPT_CHOICE, .arg = "nothing|context", .standard = "nothing", \
      .help = "what stands beside the words: nothing (PID), or the rest of the template (CPID)" }
/* clang-format on */

/* The numbers that are kept of each attribute and picture: two forms of R, i_A of the attribute, and
 * i_AB - i_B, what it says beside the occupation. */
enum { BIAS_R_IMAGE, BIAS_R_SUM, BIAS_MI, BIAS_BESIDE, BIAS_NUMBERS };
extern const char *const bias_names[BIAS_NUMBERS]; /* in result.json */

/* Each occupation's means over its pictures, and the gap: first attribute less second. */
typedef struct bias_row {
    const char *occupation;
    ds_pid_value of[2][BIAS_NUMBERS];
    ds_pid_value gap[BIAS_NUMBERS];
    bool dominated; /* by the prior, in all pictures */
} bias_row;

/* Questions that one measurement answers; row [questions, occupations]. Shows progress, an
 * occupation at a time. */
ds_status pid_bias_rows(pid_job *j, bias_row *row, const char *const *occupation, int64_t count,
                        const char *const attribute[2], const ds_pid_question *question,
                        int64_t questions, ds_error *err);

/* The same of one occupation: its rows are row[0], row[stride], row[2 stride] ... */
ds_status pid_bias_occupation(pid_job *j, bias_row *row, int64_t stride, const char *occupation,
                              const char *const attribute[2], const ds_pid_question *question,
                              int64_t questions, ds_error *err);

/* The template with its places filled; NULL takes a place out, with one blank beside it. Free with
 * ds_free. DS_E_ARG if it lacks a place. */
ds_status pid_fill(char **out, const char *pattern, const char *attribute, const char *occupation,
                   ds_error *err);

#endif

/* eval_pid_bias.h - how much of an attribute an occupation already says: redundancies of both over
 * pictures that the model draws, and the gap between two attributes. The same as
 * src/studies/pid/bias.h; goes with the move of the evaluations there. */

#ifndef DS_CLI_EVAL_PID_BIAS_H
#define DS_CLI_EVAL_PID_BIAS_H

#include <diffuscope/stats.h>

#include "eval_pid_job.h"

/* For the tables of commands that have PICTURE_DRAWN_OPTIONS too. */
/* clang-format off */
#define PID_BIAS_OPTIONS \
    { .name = "template", .kind = DS_OPTION_TEXT, .arg = "TEXT", .standard = "a {attribute} {occupation}", .help = "prompt with places for the attribute and the occupation" }, \
    { .name = "pictures", .kind = DS_OPTION_INT, .arg = "N", .standard = "4", .min = 1, .max = 10000, .help = "pictures of each occupation; their scatter is the standard error" }, \
    { .name = "picture-of", .kind = DS_OPTION_CHOICE, .choices = "occupation|both|all", .standard = "occupation", .help = "pictures drawn from the template without an attribute, the same for both; or one "                "with each attribute; or all three, which tells the place of the first between the "                "others, as a share" }, \
    { .name = "given", .kind = DS_OPTION_CHOICE, .choices = "nothing|context", .standard = "nothing", .help = "what stands beside the words: nothing (PID), or the rest of the template (CPID)" }
/* clang-format on */

/* --picture-of, in its order. */
typedef enum bias_pictures { BIAS_OF_OCCUPATION, BIAS_OF_BOTH, BIAS_OF_ALL } bias_pictures;

/* The numbers that are kept of each attribute and picture: two forms of R, i_A of the attribute,
 * and i_AB - i_B, what it says beside the occupation. */
enum { BIAS_R_IMAGE, BIAS_R_SUM, BIAS_MI, BIAS_BESIDE, BIAS_NUMBERS };
extern const char *const bias_names[BIAS_NUMBERS]; /* in result.json */

/* Each occupation's means over its pictures, and the gap: first attribute less second. Of an
 * occupation whose pictures show the first attribute with probability p, the gap is g = p g_A +
 * (1 - p) g_B with the gaps of pictures drawn with either, so that share = (g - g_B) / (g_A - g_B)
 * estimates p, whatever the network holds of the occupation itself. */
typedef struct bias_row {
    const char *occupation;
    ds_value of[2][BIAS_NUMBERS];
    ds_value gap[BIAS_NUMBERS];
    ds_value drawn[2][BIAS_NUMBERS]; /* g_A, g_B; NAN without pictures of all kinds */
    ds_value share[BIAS_NUMBERS];    /* NAN likewise */
    bool dominated;                  /* by the prior, in all pictures */
} bias_row;

/* Questions that one measurement answers: the rows of one occupation are row[0], row[stride],
 * row[2 stride] ... */
ds_status pid_bias_occupation(pid_job *j, bias_row *row, int64_t stride, const char *occupation,
                              const char *const attribute[2], const ds_pid_question *question,
                              int64_t questions, ds_error *err);

/* {name: {"value", "se"}} of a row's gaps or shares. */
json_t *bias_numbers_json(const ds_value v[BIAS_NUMBERS]);

/* Rank correlation of each gap, or of each share, with n numbers, row by row; where all are alike
 * or unknown, NAN. */
ds_status bias_correlate(ds_value r[BIAS_NUMBERS], const bias_row *row, int64_t n, bool shares,
                         const double *truth, ds_error *err);

#endif

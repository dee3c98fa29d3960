/* bias.h - how much of an attribute an occupation already says: redundancies of both over pictures
 * that the model draws, and the gap between two attributes. */

#ifndef DS_STUDIES_PID_BIAS_H
#define DS_STUDIES_PID_BIAS_H

#include "methods/pid/work.h"

/* Which pictures (block ds__bias_rows). */
typedef struct bias_options {
    const char *pattern; /* --template */
    int64_t pictures;
    int picture_of; /* bias_pictures */
    int given;      /* ds_pid_given */
} bias_options;
extern const ds_option ds__bias_rows[];

typedef enum bias_pictures { BIAS_OF_OCCUPATION, BIAS_OF_BOTH, BIAS_OF_ALL } bias_pictures;

/* The numbers that are kept of each attribute and picture: two forms of R, i_A of the attribute,
 * and i_AB - i_B, what it says beside the occupation. */
enum { BIAS_R_IMAGE, BIAS_R_SUM, BIAS_MI, BIAS_BESIDE, BIAS_NUMBERS };
extern const char *const ds__bias_names[BIAS_NUMBERS]; /* in result.json */

/* Each occupation's means over its pictures, and the gap: first attribute less second. Of an
 * occupation whose pictures show the first attribute with probability p, the gap is g = p g_A +
 * (1 - p) g_B with the gaps of pictures drawn with either, so that share = (g - g_B) / (g_A - g_B)
 * estimates p, whatever the network holds of the occupation itself. */
typedef struct bias_row {
    const char *occupation;
    ds_value of[2][BIAS_NUMBERS];
    ds_value gap[BIAS_NUMBERS];
    ds_value drawn[2][BIAS_NUMBERS]; /* g_A, g_B; NaN without pictures of all kinds */
    ds_value share[BIAS_NUMBERS];    /* NaN likewise */
    bool dominated;                  /* by the prior, in all pictures */
} bias_row;

typedef struct bias_study {
    pid_work *work;
    const bias_options *options;
    const draw_options *drawing;
    const char *attribute[2];
    const ds_pid_question *question; /* [questions], which one measurement answers */
    int64_t questions;
} bias_study;

/* For check: whether the template has its places, and with a file of surprisals all words have theirs. */
ds_status ds__bias_check(const bias_study *s, const char *const *occupation, int64_t n,
                         ds_error *err);

/* The rows of one occupation: row[0], row[stride], row[2 stride] ..., one for each question. */
ds_status ds__bias_occupation(const bias_study *s, bias_row *row, int64_t stride,
                              const char *occupation, ds_error *err);

/* {name: {"value", "se"}} of a row's gaps or shares. */
json_t *ds__bias_numbers_json(const ds_value v[BIAS_NUMBERS]);

/* Rank correlation of each gap, or of each share, with n numbers, row by row; where all are alike
 * or unknown, NaN. */
ds_status ds__bias_correlate(ds_value r[BIAS_NUMBERS], const bias_row *row, int64_t n, bool shares,
                             const double *truth, ds_error *err);

/* The template with its places filled; NULL takes a place out, with one blank beside it. Free with
 * ds_free. DS_E_ARG if it lacks a place. */
ds_status ds__bias_fill(char **out, const char *pattern, const char *attribute,
                        const char *occupation, ds_error *err);

#endif

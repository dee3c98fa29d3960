/* diffuscope/pid.h - partial information decomposition: what two words of a prompt tell a picture
 * alone, both, or only together. DiffusionPID, arXiv 2406.05191.
 *
 * Informations are in nats. Delta = h_B - h_A is the difference of the words' surprisals
 * h = -log p(word). */

#ifndef DIFFUSCOPE_PID_H
#define DIFFUSCOPE_PID_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What counts as said by both words. */
typedef enum ds_redundancy {
    DS_REDUNDANCY_PM = 0,    /* the paper's: minimum of specificities less minimum of ambiguities */
    DS_REDUNDANCY_MMI_PIXEL, /* the smaller information, pixel by pixel */
    DS_REDUNDANCY_MMI_IMAGE, /* the same word everywhere: the one with the smaller total */
    DS_REDUNDANCY_IMIN       /* the smaller specific information; needs vocabularies */
} ds_redundancy;

DS_API const char *ds_redundancy_name(ds_redundancy kind); /* "mmi-pixel" */
DS_API ds_status ds_redundancy_parse(ds_redundancy *out, const char *word, ds_error *err);

enum { DS_PID_R, DS_PID_UA, DS_PID_UB, DS_PID_S, DS_PID_ATOMS };

DS_API const char *ds_pid_atom_name(int atom); /* "R", "U_A", "U_B", "S" */

typedef struct ds_pid_atoms {
    double atom[DS_PID_ATOMS];
} ds_pid_atoms;

typedef struct ds_pid_value {
    double value, se; /* se is NaN where there is only one replicate */
} ds_pid_value;

#ifdef __cplusplus
}
#endif
#endif

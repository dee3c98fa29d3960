/* diffuscope/value.h - a number with its error. */

#ifndef DIFFUSCOPE_VALUE_H
#define DIFFUSCOPE_VALUE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is not known is NaN: the error of a single replicate, or the interval of an exact number. */
typedef struct ds_value {
    double value;
    double se;        /* standard error */
    double low, high; /* the 95 % interval */
    int64_t count;    /* values or replicates that went in; 0: not counted */
} ds_value;

#ifdef __cplusplus
}
#endif
#endif

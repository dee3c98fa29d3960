/* ticks.h - round numbers along a scale, and how to write them. */

#ifndef DS_REPORT_TICKS_H
#define DS_REPORT_TICKS_H

#include <stdbool.h>

#define DS_TICKS      24
#define DS_TICK_LABEL 24

typedef struct ds_ticks {
    int count;
    double at[DS_TICKS];
    char label[DS_TICKS][DS_TICK_LABEL]; /* "" for one that is drawn without a number */
} ds_ticks;

/* About `most` steps of 1, 2 or 5 times a power of ten from low to high, both finite, low <
 * high. */
void ds__ticks_linear(ds_ticks *t, double low, double high, int most);

/* Powers of ten, and 2 and 5 times them where there are few; low > 0. */
void ds__ticks_log(ds_ticks *t, double low, double high, int most);

/* low and high moved out to the next round number. */
void ds__ticks_widen(double *low, double *high, int most);

/* A number to `digits` digits, without zeros that say nothing: "0.031", "1.2e-5", "0". */
void ds__number_text(char *buf, int size, double value, int digits);

#endif

/* colors.h - what figures and drawings share about colour. */

#ifndef DS_REPORT_COLORS_H
#define DS_REPORT_COLORS_H

#include <diffuscope/figure.h>

/* Lightness of OKLab, 0 to 1: what the eye calls equally bright has the same. */
double ds__oklab_lightness(const unsigned char rgb[3]);

/* All levels at once. */
void ds__colors_table(unsigned char table[DS_COLORS_LEVELS][3], ds_colors colors);

/* Level of a value on a scale, clipped to the ends. */
int ds__colors_index(double value, double low, double high);

#endif

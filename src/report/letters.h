/* letters.h - letters of our own, so that a figure needs no other library: Latin, Greek and Cyrillic of
 * DejaVu Sans. What is not among them becomes a box. */

#ifndef DS_REPORT_LETTERS_H
#define DS_REPORT_LETTERS_H

#include <diffuscope/letters.h>

extern const ds_letters ds__letters;

#endif

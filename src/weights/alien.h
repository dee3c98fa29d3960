/* alien.h - what a file is that holds no weights: the name that a person would call it by. */

#ifndef DS_WEIGHTS_ALIEN_H
#define DS_WEIGHTS_ALIEN_H

#include <diffuscope/base.h>

/* From a file's first bytes: "a PNG picture"; NULL: nothing that is known. */
const char *ds__alien_kind(const unsigned char *head, size_t n);

/* DS_E_FORMAT with what the file is, if it is one of those; DS_OK else, and where it can't be read. */
ds_status ds__alien_refuse(const char *path, ds_error *err);

/* A file of weights that lies in a folder, by its ending; false: none. */
bool ds__alien_weights_in(char name[256], const char *folder);

#endif

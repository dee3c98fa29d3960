/* pickle.h - Python pickles read as data.
 *
 * A pickle is a program for a stack machine whose instructions can import and call anything. Here
 * nothing is imported and nothing called: a name of code becomes a value of kind DS_PY_GLOBAL, a call
 * a value that holds what would have been called and with which arguments, and both may be looked
 * at or ignored. Instructions that no checkpoint needs are refused.
 *
 * Thread rule: reading belongs to one thread, values to any. */

#ifndef DS_WEIGHTS_PICKLE_H
#define DS_WEIGHTS_PICKLE_H

#include "base/arena.h"

typedef enum ds_py_kind {
    DS_PY_NONE,
    DS_PY_BOOL,
    DS_PY_INT,
    DS_PY_OTHER, /* floats, numbers above 64 bits, bytes: kept as a fact only */
    DS_PY_TEXT,
    DS_PY_LIST, /* lists, tuples, sets */
    DS_PY_DICT, /* items: key, value, key, value, ... */
    DS_PY_GLOBAL,
    DS_PY_CALL,     /* callee(argument), never made; argument may be NULL */
    DS_PY_REFERENCE /* to something outside of the pickle: argument */
} ds_py_kind;

typedef struct ds_py ds_py;

struct ds_py {
    ds_py_kind kind;
    int64_t number;
    const char *text; /* of a text or a global ("torch._utils._rebuild_tensor_v2"), NUL behind it */
    ds_py **item;     /* of lists and dicts */
    int64_t count, room; /* items */
    const ds_py *callee, *argument;
};

typedef struct ds_pickle {
    ds_arena arena;
    const ds_py *root;
    const char **global; /* each once, in order of appearance */
    int64_t globals, global_room;
    const ds_py **reference; /* all values of that kind */
    int64_t references;
} ds_pickle; /* all zero before reading */

/* Reads one pickle at the front of data. *used gets its length; `what` is for messages. DS_E_FORMAT
 * names the byte, DS_E_UNSUPPORTED an instruction. Release with _clear, also after a failure. */
ds_status ds__pickle_read(ds_pickle *p, const unsigned char *data, size_t size, size_t *used,
                          const char *what, ds_error *err);
void ds__pickle_clear(ds_pickle *p);

/* Value of a text key; NULL if there is none or d is no dict. */
const ds_py *ds__py_get(const ds_py *d, const char *key);

bool ds__py_is(const ds_py *v, const char *global); /* is it the global of that name? */

#endif

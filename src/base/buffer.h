/* buffer.h - bytes that grow at the end. After a failure (memory) appending does nothing, so that
 * one check at the end is enough. */

#ifndef DS_BASE_BUFFER_H
#define DS_BASE_BUFFER_H

#include <stdarg.h>

#include <diffuscope/base.h>

typedef struct ds_buffer {
    char *data; /* of ds_alloc; a NUL stands behind the bytes */
    size_t bytes, room;
    bool failed;
} ds_buffer; /* all zero is an empty buffer */

void ds__buffer_add(ds_buffer *b, const void *data, size_t bytes);
void ds__buffer_text(ds_buffer *b, const char *text);
void ds__buffer_printf(ds_buffer *b, const char *fmt, ...) DS_PRINTF(2, 3);
void ds__buffer_base64(ds_buffer *b, const void *data, size_t bytes);

/* The bytes, to be freed with ds_free, or DS_E_NOMEM ("WHAT: no memory"). The buffer is empty
 * afterwards in both cases. `bytes` may be NULL. */
ds_status ds__buffer_take(ds_buffer *b, char **out, size_t *bytes, const char *what, ds_error *err);
void ds__buffer_clear(ds_buffer *b);

#endif

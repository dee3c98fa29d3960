/* buffer.c - see buffer.h. */

#include "base/buffer.h"

#include <stdio.h>
#include <string.h>

/* Room for `more` bytes and a NUL behind them. */
static bool reserve(ds_buffer *b, size_t more)
{
    size_t need, room;
    char *data;

    if (b->failed)
        return false;
    if (!ds_add_size(b->bytes, more, &need) || !ds_add_size(need, 1, &need))
        b->failed = true;
    else if (need > b->room) {
        room = b->room + b->room / 2;
        room = room < need ? need : room;
        room = room < 256 ? 256 : room;
        data = ds_alloc(room);
        b->failed = data == NULL;
        if (data != NULL) {
            if (b->bytes > 0)
                memcpy(data, b->data, b->bytes);
            ds_free(b->data);
            b->data = data;
            b->room = room;
        }
    }
    return !b->failed;
}

void ds__buffer_add(ds_buffer *b, const void *data, size_t bytes)
{
    if (!reserve(b, bytes))
        return;
    memcpy(b->data + b->bytes, data, bytes);
    b->bytes += bytes;
    b->data[b->bytes] = '\0';
}

void ds__buffer_text(ds_buffer *b, const char *text)
{
    ds__buffer_add(b, text, strlen(text));
}

void ds__buffer_printf(ds_buffer *b, const char *fmt, ...)
{
    va_list list;
    int n;

    va_start(list, fmt);
    n = vsnprintf(NULL, 0, fmt, list);
    va_end(list);
    if (n < 0)
        b->failed = true;
    if (!reserve(b, n < 0 ? 0 : (size_t)n))
        return;
    va_start(list, fmt);
    vsnprintf(b->data + b->bytes, (size_t)n + 1, fmt, list);
    va_end(list);
    b->bytes += (size_t)n;
}

void ds__buffer_base64(ds_buffer *b, const void *data, size_t bytes)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data;

    if (!reserve(b, bytes / 3 * 4 + 4))
        return;
    for (size_t i = 0; i < bytes; i += 3) {
        size_t left = bytes - i;
        unsigned v = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0u) |
                     (left > 2 ? p[i + 2] : 0u);

        b->data[b->bytes++] = digit[v >> 18];
        b->data[b->bytes++] = digit[v >> 12 & 63];
        b->data[b->bytes++] = left > 1 ? digit[v >> 6 & 63] : '=';
        b->data[b->bytes++] = left > 2 ? digit[v & 63] : '=';
    }
    b->data[b->bytes] = '\0';
}

ds_status ds__buffer_take(ds_buffer *b, char **out, size_t *bytes, const char *what, ds_error *err)
{
    ds__buffer_add(b, "", 0);
    *out = NULL;
    if (b->failed) {
        ds__buffer_clear(b);
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", what);
    }
    *out = b->data;
    if (bytes != NULL)
        *bytes = b->bytes;
    *b = (ds_buffer){ 0 };
    return DS_OK;
}

void ds__buffer_clear(ds_buffer *b)
{
    ds_free(b->data);
    *b = (ds_buffer){ 0 };
}

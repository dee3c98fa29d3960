/* word_numbers.c - see word_numbers.h. */

#include "methods/pid/word_numbers.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define MOST_BYTES ((size_t)1 << 24)

static ds_status number_line(json_t *out, char *line, int number, ds_error *err)
{
    char *end = line + strlen(line), *cut, *rest;
    double h;

    while (end > line && isspace((unsigned char)end[-1]))
        *--end = '\0';
    while (isspace((unsigned char)*line))
        line++;
    if (*line == '\0' || *line == '#')
        return DS_OK;
    for (cut = end; cut > line && !isspace((unsigned char)cut[-1]); cut--)
        ;
    h = strtod(cut, &rest);
    if (cut == line || *rest != '\0' || rest == cut || !isfinite(h))
        return ds_fail(err, DS_E_FORMAT, "line %d: expected a word and a number, found \"%.80s\"",
                       number, line);
    while (cut > line && isspace((unsigned char)cut[-1]))
        *--cut = '\0';
    if (json_object_set_new(out, line, json_real(h)) != 0)
        return ds_fail(err, DS_E_FORMAT, "line %d: the word is no UTF-8 text", number);
    return DS_OK;
}

static ds_status number_lines(json_t *out, char *text, ds_error *err)
{
    ds_status st = DS_OK;

    for (int n = 1; st == DS_OK && text != NULL; n++) {
        char *end = strchr(text, '\n');

        if (end != NULL)
            *end++ = '\0';
        st = number_line(out, text, n, err);
        text = end;
    }
    return st;
}

static ds_status number_object(json_t **out, const char *text, size_t size, ds_error *err)
{
    json_error_t at;
    const char *word;
    json_t *h;

    json_decref(*out);
    *out = json_loadb(text, size, 0, &at);
    if (!json_is_object(*out))
        return ds_fail(err, DS_E_FORMAT, "expected a JSON object of words and numbers: %s",
                       at.text);
    json_object_foreach (*out, word, h)
        if (!json_is_number(h))
            return ds_fail(err, DS_E_FORMAT, "\"%.80s\": expected a number", word);
    return DS_OK;
}

ds_status ds__word_numbers(json_t **out, const char *path, ds_error *err)
{
    char *text = NULL;
    size_t size;
    ds_status st = ds__file_read(&text, &size, path, MOST_BYTES, err);

    *out = NULL;
    if (st != DS_OK)
        return st;
    *out = json_object();
    if (*out == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for words");
    else if (text[strspn(text, " \t\r\n")] == '{')
        st = number_object(out, text, size, err);
    else
        st = number_lines(*out, text, err);
    ds_free(text);
    return st == DS_OK ? DS_OK : ds_fail_at(err, st, path, -1);
}

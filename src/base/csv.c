/* csv.c - see csv.h. Fields are cut and unquoted in place. */

#include "base/csv.h"

#include <string.h>

#include "base/file.h"

typedef struct reader {
    char *at, *end;
    int64_t line; /* of `at` */
    const char *name;
    char ended; /* what ended the last field: ',' '\n', or 0 for the end of the text */
} reader;

/* Past the end of a field; text[at] is a comma, a line end or the end. */
static void end_field(reader *r)
{
    if (r->at < r->end && *r->at == '\r')
        r->at++;
    r->ended = r->at < r->end ? *r->at : '\0';
    r->line += r->ended == '\n';
    r->at += r->at < r->end;
}

static bool at_end_of_field(const reader *r)
{
    const char *c = r->at;

    return c == r->end || *c == ',' || *c == '\n' ||
           (*c == '\r' && (c + 1 == r->end || c[1] == '\n'));
}

static ds_status quoted_field(reader *r, char **out, ds_error *err)
{
    char *to = r->at + 1;
    int64_t begun = r->line;

    *out = to;
    for (r->at++; r->at < r->end; r->at++) {
        if (*r->at == '"' && r->at + 1 < r->end && r->at[1] == '"')
            r->at++;
        else if (*r->at == '"')
            break;
        r->line += *r->at == '\n';
        *to++ = *r->at;
    }
    if (r->at == r->end)
        return ds_fail(err, DS_E_FORMAT, "%s:%lld: a quote begins here and does not end", r->name,
                       (long long)begun);
    r->at++;
    if (!at_end_of_field(r))
        return ds_fail(err, DS_E_FORMAT,
                       "%s:%lld: expected a comma or the end of the line behind the quote, found "
                       "\"%.*s\"",
                       r->name, (long long)r->line, (int)strcspn(r->at, ",\n"), r->at);
    end_field(r);
    *to = '\0'; /* at the latest where the closing quote was */
    return DS_OK;
}

static ds_status next_field(reader *r, char **out, ds_error *err)
{
    char *stop;

    if (r->at < r->end && *r->at == '"')
        return quoted_field(r, out, err);
    *out = r->at;
    while (!at_end_of_field(r))
        r->at++;
    stop = r->at;
    end_field(r);
    *stop = '\0';
    return DS_OK;
}

static void skip_empty_lines(reader *r)
{
    while (r->at < r->end && (*r->at == '\n' || (*r->at == '\r' && r->at[1] == '\n'))) {
        r->at += *r->at == '\r' ? 2 : 1;
        r->line++;
    }
}

/* The fields of one line into cell [room]; as many as there are, also beyond the room. */
static ds_status read_row(reader *r, char **cell, int64_t room, int64_t *count, ds_error *err)
{
    ds_status st = DS_OK;

    *count = 0;
    do {
        char *field;

        st = next_field(r, &field, err);
        if (st == DS_OK && *count < room)
            cell[*count] = field;
        ++*count;
    } while (st == DS_OK && r->ended == ',');
    return st;
}

static ds_status read_headings(ds__csv *t, reader *r, ds_error *err)
{
    size_t most = 1;

    for (const char *c = r->at; c < r->end; c++) /* some may be in quotes */
        most += *c == ',';
    skip_empty_lines(r);
    if (r->at == r->end)
        return ds_fail(err, DS_E_FORMAT, "%s: expected a line of headings, found nothing", r->name);
    t->memory[1] = ds_calloc(most, sizeof *t->heading);
    t->heading = t->memory[1];
    if (t->heading == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: headings", r->name);
    return read_row(r, t->heading, (int64_t)most, &t->columns, err);
}

static ds_status read_rows(ds__csv *t, reader *r, ds_error *err)
{
    size_t lines = 1, cells;
    ds_status st = DS_OK;

    for (const char *c = r->at; c < r->end; c++)
        lines += *c == '\n';
    if (!ds_mul_size(lines, (size_t)t->columns, &cells) ||
        (t->memory[2] = ds_calloc(cells, sizeof *t->cell)) == NULL ||
        (t->memory[3] = ds_calloc(lines, sizeof *t->line)) == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: %zu lines", r->name, lines);
    t->cell = t->memory[2];
    t->line = t->memory[3];
    for (skip_empty_lines(r); st == DS_OK && r->at < r->end; skip_empty_lines(r)) {
        int64_t count;

        t->line[t->rows] = r->line;
        st = read_row(r, t->cell + t->rows * t->columns, t->columns, &count, err);
        if (st == DS_OK && count != t->columns)
            st = ds_fail(err, DS_E_FORMAT,
                         "%s:%lld: expected %lld fields, as many as headings, "
                         "found %lld",
                         r->name, (long long)t->line[t->rows], (long long)t->columns,
                         (long long)count);
        t->rows++;
    }
    return st;
}

ds_status ds__csv_parse(ds__csv *t, char *text, size_t size, const char *name, ds_error *err)
{
    reader r = { .at = text, .end = text + size, .line = 1, .name = name };
    ds_status st;

    *t = (ds__csv){ .rows = 0 };
    if (memchr(text, '\0', size) != NULL)
        return ds_fail(err, DS_E_FORMAT, "%s: expected text, found a NUL byte", name);
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    st = read_headings(t, &r, err);
    if (st == DS_OK)
        st = read_rows(t, &r, err);
    if (st != DS_OK)
        ds__csv_clear(t);
    return st;
}

ds_status ds__csv_read(ds__csv *t, const char *path, size_t limit, ds_error *err)
{
    char *text;
    size_t size;
    ds_status st = ds__file_read(&text, &size, path, limit, err);

    *t = (ds__csv){ .rows = 0 };
    if (st != DS_OK)
        return st;
    st = ds__csv_parse(t, text, size, path, err);
    if (st == DS_OK)
        t->memory[0] = text;
    else
        ds_free(text);
    return st;
}

void ds__csv_clear(ds__csv *t)
{
    for (size_t i = 0; i < DS_COUNT(t->memory); i++)
        ds_free(t->memory[i]);
    *t = (ds__csv){ .rows = 0 };
}

int64_t ds__csv_column(const ds__csv *t, const char *heading)
{
    for (int64_t i = 0; i < t->columns; i++)
        if (strcmp(t->heading[i], heading) == 0)
            return i;
    return -1;
}

/* csv.h - tables with headings, as RFC 4180 has them: fields in quotes may hold commas, line ends
 * and doubled quotes. Lines end in LF or CR LF; a byte order mark and empty lines are skipped. A
 * quote inside of a field that does not begin with one is text, as pandas reads it.
 *
 * Thread rule: constant after reading. */

#ifndef DS_BASE_CSV_H
#define DS_BASE_CSV_H

#include <diffuscope/base.h>

typedef struct ds__csv {
    int64_t rows, columns; /* the headings are not a row */
    char **heading;        /* [columns] */
    char **cell;           /* [rows, columns] */
    int64_t *line;         /* [rows]: where a row begins, from 1 */
    void *memory[4];
} ds__csv;

/* All of a file of at most `limit` bytes. DS_E_FORMAT names file and line: of a quote without an
 * end, text behind one, a row with another number of fields than there are headings, or a NUL. */
ds_status ds__csv_read(ds__csv *t, const char *path, size_t limit, ds_error *err);

/* The same of a text of `size` bytes with a NUL behind it, which is changed and must stay; `name`
 * is for messages. */
ds_status ds__csv_parse(ds__csv *t, char *text, size_t size, const char *name, ds_error *err);
void ds__csv_clear(ds__csv *t); /* an all-zero one is allowed */

/* Number of the column with a heading, -1 if there is none. */
int64_t ds__csv_column(const ds__csv *t, const char *heading);

static inline const char *ds__csv_cell(const ds__csv *t, int64_t row, int64_t column)
{
    return t->cell[row * t->columns + column];
}

#endif

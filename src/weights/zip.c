/* zip.c - see zip.h. APPNOTE.TXT 6.3.9, sections 4.3.7 (local header), 4.3.12 (central directory),
 * 4.3.14 to 4.3.16 (its ends) and 4.5.3 (zip64).
 *
 * Each size is told twice, in the directory and before the content; the directory is believed, and
 * the other may only agree in what decides where the content begins. */

#include "weights/zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    END = 22,     /* bytes of the end record */
    LOCATOR = 20, /* of the record that finds the zip64 end */
    END64 = 56,   /* of the zip64 end, at least */
    CENTRAL = 46, /* of a directory entry, without its texts */
    LOCAL = 30,   /* of a local header, without its texts */
    COMMENT = 65535
};

#define MOST 1000000

typedef struct archive {
    const unsigned char *data;
    size_t size;
    const char *path;
    ds_error *err;
} archive;

static uint64_t number(const unsigned char *p, int bytes)
{
    uint64_t n = 0;

    for (int i = 0; i < bytes; i++)
        n |= (uint64_t)p[i] << (8 * i);
    return n;
}

static ds_status bad(const archive *a, const char *entry, const char *why)
{
    ds_fail(a->err, DS_E_FORMAT, "%s: zip archive%s%.120s: %s", a->path,
            entry[0] != '\0' ? ", entry " : "", entry, why);
    return ds_fail_at(a->err, DS_E_FORMAT, entry[0] != '\0' ? entry : a->path, -1);
}

static bool inside(const archive *a, uint64_t at, uint64_t bytes)
{
    return at <= a->size && bytes <= a->size - at;
}

/* Where the directory begins and how many entries it has. */
static ds_status find_directory(const archive *a, uint64_t *at, uint64_t *count)
{
    size_t back = END;
    const unsigned char *e;
    uint64_t end64;

    while (back <= a->size && back <= END + COMMENT &&
           memcmp(a->data + a->size - back, "PK\5\6", 4) != 0)
        back++;
    if (back > a->size || back > END + COMMENT)
        return bad(a, "", "expected its directory at the end; the file is truncated or damaged");
    e = a->data + a->size - back;
    *count = number(e + 10, 2);
    *at = number(e + 16, 4);
    if (*count != 0xffff && *at != 0xffffffff)
        return DS_OK;
    if (back + LOCATOR > a->size || memcmp(e - LOCATOR, "PK\6\7", 4) != 0)
        return bad(a, "", "expected the record that finds a zip64 directory");
    end64 = number(e - LOCATOR + 8, 8);
    if (!inside(a, end64, END64) || memcmp(a->data + end64, "PK\6\6", 4) != 0)
        return bad(a, "", "its zip64 directory lies outside of the file");
    *count = number(a->data + end64 + 32, 8);
    *at = number(a->data + end64 + 48, 8);
    return DS_OK;
}

/* The zip64 field holds, in this order, those of the sizes and the offset that are all ones. */
static ds_status read_extra(const archive *a, const char *name, const unsigned char *extra,
                            size_t bytes, uint64_t *whole, uint64_t *packed, uint64_t *header)
{
    uint64_t *const wide[] = { whole, packed, header };

    for (size_t at = 0; at + 4 <= bytes;) {
        size_t n = (size_t)number(extra + at + 2, 2), used = at + 4;

        if (n > bytes - at - 4)
            return bad(a, name, "a field of its header ends outside of it");
        for (int i = 0; number(extra + at, 2) == 1 && i < 3; i++) {
            if (*wide[i] != 0xffffffff)
                continue;
            if (used + 8 > at + 4 + n)
                return bad(a, name, "its zip64 field lacks a size");
            *wide[i] = number(extra + used, 8);
            used += 8;
        }
        at += 4 + n;
    }
    return DS_OK;
}

static ds_status place(const archive *a, ds_zip_entry *e, uint64_t whole, uint64_t packed,
                       uint64_t header)
{
    uint64_t at;

    if (!inside(a, header, LOCAL) || memcmp(a->data + header, "PK\3\4", 4) != 0)
        return bad(a, e->name, "its header lies outside of the file");
    at = header + LOCAL + number(a->data + header + 26, 2) + number(a->data + header + 28, 2);
    if (!inside(a, at, packed))
        return bad(a, e->name, "its content ends outside of the file");
    if (number(a->data + header + 26, 2) != strlen(e->name) ||
        memcmp(a->data + header + LOCAL, e->name, strlen(e->name)) != 0)
        return bad(a, e->name, "its header has another name than the directory");
    if (e->stored && whole != packed)
        return bad(a, e->name, "it is stored, but its two sizes differ");
    e->at = (size_t)at;
    e->bytes = (size_t)packed;
    e->header = (size_t)header;
    return DS_OK;
}

static ds_status read_entry(const archive *a, ds_zip *z, ds_zip_entry *e, uint64_t *at)
{
    const unsigned char *c;
    size_t name, extra, comment;
    uint64_t whole, packed, header;
    ds_status st;

    if (!inside(a, *at, CENTRAL) || memcmp(a->data + *at, "PK\1\2", 4) != 0)
        return bad(a, "", "its directory ends before its last entry");
    c = a->data + *at;
    name = (size_t)number(c + 28, 2);
    extra = (size_t)number(c + 30, 2);
    comment = (size_t)number(c + 32, 2);
    if (!inside(a, *at + CENTRAL, name + extra + comment))
        return bad(a, "", "its directory ends inside an entry");
    e->name = ds__arena_printf(&z->arena, "%.*s", (int)name, (const char *)c + CENTRAL);
    if (e->name == NULL)
        return ds_fail(a->err, DS_E_NOMEM, "%s: no memory for its directory", a->path);
    if (strlen(e->name) != name || name == 0 || strstr(e->name, "..") != NULL)
        return bad(a, e->name, "a name that is empty, or holds \"..\" or a NUL");
    e->stored = number(c + 10, 2) == 0 && (number(c + 8, 2) & 1) == 0;
    packed = number(c + 20, 4);
    whole = number(c + 24, 4);
    header = number(c + 42, 4);
    st = read_extra(a, e->name, c + CENTRAL + name, extra, &whole, &packed, &header);
    *at += CENTRAL + name + extra + comment;
    return st == DS_OK ? place(a, e, whole, packed, header) : st;
}

static int by_place(const void *x, const void *y)
{
    const ds_zip_entry *a = x, *b = y;

    return a->header < b->header ? -1 : a->header > b->header;
}

static int by_name(const void *x, const void *y)
{
    return strcmp(((const ds_zip_entry *)x)->name, ((const ds_zip_entry *)y)->name);
}

static ds_status check(const archive *a, ds_zip *z)
{
    qsort(z->entry, (size_t)z->count, sizeof *z->entry, by_place);
    for (int64_t i = 1; i < z->count; i++)
        if (z->entry[i].header < z->entry[i - 1].at + z->entry[i - 1].bytes)
            return bad(a, z->entry[i].name, "it overlaps with the entry before it");
    qsort(z->entry, (size_t)z->count, sizeof *z->entry, by_name);
    for (int64_t i = 1; i < z->count; i++)
        if (strcmp(z->entry[i].name, z->entry[i - 1].name) == 0)
            return bad(a, z->entry[i].name, "the name is there twice");
    return DS_OK;
}

ds_status ds__zip_read(ds_zip *z, const unsigned char *data, size_t size, const char *path,
                       ds_error *err)
{
    const archive a = { data, size, path, err };
    uint64_t at = 0, count = 0;
    ds_status st = find_directory(&a, &at, &count);

    if (st == DS_OK && (count == 0 || count > MOST || count > size / CENTRAL))
        st = bad(&a, "", "a number of entries that cannot be");
    if (st != DS_OK)
        return st;
    z->entry = ds__arena_alloc(&z->arena, (size_t)count * sizeof *z->entry);
    if (z->entry == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for its directory", path);
    for (uint64_t i = 0; st == DS_OK && i < count; i++)
        st = read_entry(&a, z, &z->entry[i], &at);
    z->count = (int64_t)count;
    return st == DS_OK ? check(&a, z) : st;
}

void ds__zip_clear(ds_zip *z)
{
    ds__arena_free(&z->arena);
    *z = (ds_zip){ 0 };
}

const ds_zip_entry *ds__zip_find(const ds_zip *z, const char *name)
{
    ds_zip_entry key = { .name = name };

    return z->count == 0 ? NULL : bsearch(&key, z->entry, (size_t)z->count, sizeof key, by_name);
}

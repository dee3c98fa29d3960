/* captions.c - lists of captions to choose from. See diffuscope/captions.h. Strings stay where the
 * list was read to: in the JSON document, or in the table. */

#include <diffuscope/captions.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/csv.h"
#include "base/file.h"
#include "base/text.h"
#include "data/captions_order.h"

#define MAX_BYTES ((size_t)1 << 30)

typedef struct entry {
    ds_caption_choice c; /* without path and where */
    int64_t line;        /* or number of the entry, from 1 */
    bool made;           /* wrong captions are to be made */
} entry;

struct ds_captions {
    const char *list, *images;
    ds_arena arena; /* of the list's own strings */
    ds_arena at;    /* of what ds_captions_at has given */
    json_t *root;
    ds__csv table;
    ds_parser *parser; /* where captions are to be made */
    int64_t count, room;
    entry *entries;
};

static const char *const name_names[] = { "image_path", "image", "images", NULL };
static const char *const right_names[] = { "true_caption", "correct_caption", NULL };
static const char *const box_names[4] = { "bbox_x", "bbox_y", "bbox_w", "bbox_h" };

static const char *place(ds_captions *c, ds_arena *a, int64_t line)
{
    const char *text = c->root != NULL
                           ? ds__arena_printf(a, "%s: entry %lld", c->list, (long long)line)
                           : ds__arena_printf(a, "%s:%lld", c->list, (long long)line);

    return text != NULL ? text : c->list;
}

static ds_status add(ds_captions *c, const entry *e, ds_error *err)
{
    if (c->count == c->room) {
        int64_t room = c->room > 0 ? 2 * c->room : 64;
        entry *more = ds_calloc((size_t)room, sizeof *more);

        if (more == NULL)
            return ds_fail(err, DS_E_NOMEM, "%s: %lld captions", c->list, (long long)room);
        if (c->count > 0)
            memcpy(more, c->entries, (size_t)c->count * sizeof *more);
        ds_free(c->entries);
        c->entries = more;
        c->room = room;
    }
    c->entries[c->count++] = *e;
    return DS_OK;
}

/* ---- one entry, whatever it is read from ------------------------------------------------------ */

/* A member or cell; NULL if it is not there or no text. */
typedef const char *text_fn(const void *from, const char *name);

static const char *first_of(text_fn *text, const void *from, const char *const *names)
{
    const char *found = NULL;

    for (int i = 0; found == NULL && names[i] != NULL; i++)
        found = text(from, names[i]);
    return found;
}

/* "false_caption", and "hard_text_1" up to the first that is missing or empty. */
static void take_wrong(entry *e, text_fn *text, const void *from)
{
    const char *one = text(from, "false_caption");

    if (one != NULL && one[0] != '\0')
        e->c.wrong[e->c.wrong_count++] = one;
    for (int i = 1; e->c.wrong_count < DS_CAPTION_WRONG; i++) {
        char name[24];

        snprintf(name, sizeof name, "hard_text_%d", i);
        one = text(from, name);
        if (one == NULL || one[0] == '\0')
            break;
        e->c.wrong[e->c.wrong_count++] = one;
    }
}

/* All captions must be there. */
static ds_status check(ds_captions *c, const entry *e, ds_error *err)
{
    bool good = e->c.right != NULL && e->c.right[0] != '\0' && (e->made || e->c.wrong_count > 0);

    for (int64_t i = 0; i < e->c.wrong_count; i++)
        good = good && e->c.wrong[i] != NULL && e->c.wrong[i][0] != '\0';
    if (e->c.name == NULL || e->c.name[0] == '\0')
        return ds_fail(err, DS_E_FORMAT, "%s: expected a picture: image_path, image or images",
                       place(c, &c->arena, e->line));
    return good ? DS_OK
                : ds_fail(err, DS_E_FORMAT,
                          "%s: expected a right caption and wrong ones: true_caption and "
                          "false_caption, correct_caption and hard_text_1 ..., or in JSON "
                          "caption_options or caption",
                          place(c, &c->arena, e->line));
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static const char *member(const void *from, const char *name)
{
    return json_string_value(json_object_get(from, name));
}

static ds_status json_box(ds_captions *c, entry *e, const json_t *o, ds_error *err)
{
    int found = 0;

    for (int i = 0; i < 4; i++) {
        const json_t *x = json_object_get(o, box_names[i]);
        double value = json_number_value(x);

        found += json_is_number(x) && fabs(value) < 1e6;
        e->c.box[i] = fabs(value) < 1e6 ? (int64_t)value : 0; /* as Pillow's crop rounds */
    }
    e->c.boxed = found == 4;
    return found == 4 || json_object_get(o, box_names[0]) == NULL
               ? DS_OK
               : ds_fail(err, DS_E_FORMAT, "%s: expected numbers in bbox_x, bbox_y, bbox_w, bbox_h",
                         place(c, &c->arena, e->line));
}

static const char *json_group(ds_captions *c, const json_t *o)
{
    const json_t *pair = json_object_get(o, "attributes");
    const char *a = json_string_value(json_array_get(pair, 0));
    const char *b = json_string_value(json_array_get(pair, 1)), *both;

    if (member(o, "relation_name") != NULL)
        return member(o, "relation_name");
    both = a != NULL && b != NULL ? ds__arena_printf(&c->arena, "%s_%s", a, b) : NULL;
    return both != NULL ? both : "";
}

/* "caption": several right ones, or one. */
static ds_status add_karpathy(ds_captions *c, entry *e, const json_t *caption, ds_error *err)
{
    size_t k;
    json_t *one;
    ds_status st = DS_OK;

    e->made = true;
    if (json_is_string(caption)) {
        e->c.right = json_string_value(caption);
        st = check(c, e, err);
        return st == DS_OK ? add(c, e, err) : st;
    }
    json_array_foreach (caption, k, one) {
        if (st != DS_OK)
            break;
        e->c.right = json_string_value(one);
        st = check(c, e, err);
        if (st == DS_OK)
            st = add(c, e, err);
    }
    return st;
}

static ds_status add_object(ds_captions *c, const json_t *o, int64_t number, ds_error *err)
{
    entry e = { .line = number };
    const json_t *options = json_object_get(o, "caption_options");
    ds_status st;

    e.c.name = first_of(member, o, name_names);
    e.c.right = first_of(member, o, right_names);
    e.c.group = json_group(c, o);
    st = json_box(c, &e, o, err);
    if (st != DS_OK)
        return st;
    if (e.c.right == NULL && json_object_get(o, "caption") != NULL)
        return add_karpathy(c, &e, json_object_get(o, "caption"), err);
    take_wrong(&e, member, o);
    if (e.c.right == NULL && json_array_size(options) > 0) {
        e.c.right = json_string_value(json_array_get(options, 0));
        for (size_t k = 1; k < json_array_size(options) && k <= DS_CAPTION_WRONG; k++)
            e.c.wrong[e.c.wrong_count++] = json_string_value(json_array_get(options, k));
    }
    st = check(c, &e, err);
    return st == DS_OK ? add(c, &e, err) : st;
}

static ds_status read_json(ds_captions *c, ds_error *err)
{
    char *text;
    size_t size, k;
    json_error_t at;
    json_t *o;
    ds_status st = ds__file_read(&text, &size, c->list, MAX_BYTES, err);

    if (st != DS_OK)
        return st;
    c->root = json_loadb(text, size, 0, &at);
    ds_free(text);
    if (c->root == NULL)
        return ds_fail(err, DS_E_FORMAT, "%s:%d:%d: %s", c->list, at.line, at.column, at.text);
    if (!json_is_array(c->root))
        return ds_fail(err, DS_E_FORMAT, "%s: expected an array of objects", c->list);
    json_array_foreach (c->root, k, o)
        if (st == DS_OK)
            st = add_object(c, o, (int64_t)k + 1, err);
    return st;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

typedef struct row {
    const ds__csv *table;
    int64_t number;
} row;

static const char *cell(const void *from, const char *name)
{
    const row *r = from;
    int64_t column = ds__csv_column(r->table, name);

    return column >= 0 ? ds__csv_cell(r->table, r->number, column) : NULL;
}

static ds_status check_headings(ds_captions *c, ds_error *err)
{
    bool name = false, right = false;

    for (int i = 0; name_names[i] != NULL; i++)
        name |= ds__csv_column(&c->table, name_names[i]) >= 0;
    for (int i = 0; right_names[i] != NULL; i++)
        right |= ds__csv_column(&c->table, right_names[i]) >= 0;
    if (!name)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: expected a heading image_path, image or images; there is none",
                       c->list);
    if (!right)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: expected a heading true_caption or correct_caption; there is none",
                       c->list);
    if (ds__csv_column(&c->table, "false_caption") < 0 &&
        ds__csv_column(&c->table, "hard_text_1") < 0)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: expected a heading false_caption or hard_text_1; there is none",
                       c->list);
    return DS_OK;
}

static ds_status csv_box(ds_captions *c, entry *e, const row *r, ds_error *err)
{
    e->c.boxed = ds__csv_column(r->table, box_names[0]) >= 0;
    for (int i = 0; e->c.boxed && i < 4; i++) {
        const char *text = cell(r, box_names[i]);
        char *end = NULL;
        double value = text != NULL ? strtod(text, &end) : NAN;

        if (text == NULL || end == text || *end != '\0' || !(fabs(value) < 1e6))
            return ds_fail(err, DS_E_FORMAT, "%s: expected a number of pixels in %s, found \"%s\"",
                           place(c, &c->arena, e->line), box_names[i], text != NULL ? text : "");
        e->c.box[i] = (int64_t)value;
    }
    return DS_OK;
}

static ds_status read_csv(ds_captions *c, ds_error *err)
{
    ds_status st = ds__csv_read(&c->table, c->list, MAX_BYTES, err);

    if (st == DS_OK)
        st = check_headings(c, err);
    for (int64_t i = 0; st == DS_OK && i < c->table.rows; i++) {
        const row r = { &c->table, i };
        entry e = { .line = c->table.line[i] };

        e.c.name = first_of(cell, &r, name_names);
        e.c.right = first_of(cell, &r, right_names);
        e.c.group = cell(&r, "relation_name");
        if (e.c.group == NULL)
            e.c.group = cell(&r, "attributes");
        if (e.c.group == NULL)
            e.c.group = "";
        take_wrong(&e, cell, &r);
        st = csv_box(c, &e, &r, err);
        if (st == DS_OK)
            st = check(c, &e, err);
        if (st == DS_OK)
            st = add(c, &e, err);
    }
    return st;
}

/* ---- the list -------------------------------------------------------------------------------- */

/* The folder of the pictures: as given, images/ beside the list, or the list's own. */
static const char *find_images(ds_captions *c, const char *images)
{
    const char *slash = strrchr(c->list, '/');
    int n = slash != NULL ? (int)(slash - c->list) : 1;
    const char *own = ds__arena_printf(&c->arena, "%.*s", n, slash != NULL ? c->list : ".");
    const char *deeper = own != NULL ? ds__arena_printf(&c->arena, "%s/images", own) : NULL;

    if (images != NULL)
        return ds__arena_printf(&c->arena, "%s", images);
    return deeper != NULL && access(deeper, X_OK) == 0 ? deeper : own;
}

static ds_status read_list(ds_captions *c, const char *list, const char *images, ds_error *err)
{
    bool made = false;
    ds_status st;

    c->list = ds__arena_printf(&c->arena, "%s", list);
    c->images = c->list != NULL ? find_images(c, images) : NULL;
    if (c->images == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s", list);
    if (!ds__ends_with(list, ".json") && !ds__ends_with(list, ".csv"))
        return ds_fail(err, DS_E_ARG, "%s: expected a list NAME.json or NAME.csv", list);
    st = ds__ends_with(list, ".json") ? read_json(c, err) : read_csv(c, err);
    if (st == DS_OK && c->count == 0)
        st = ds_fail(err, DS_E_NOMATCH, "%s: no captions to choose from", list);
    for (int64_t i = 0; i < c->count; i++)
        made |= c->entries[i].made;
    return st == DS_OK && made ? ds_parser_open(&c->parser, err) : st;
}

ds_status ds_captions_open(ds_captions **out, const char *list, const char *images, ds_error *err)
{
    ds_captions *c = ds_calloc(1, sizeof *c);
    ds_status st;

    *out = NULL;
    if (c == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s", list);
    st = read_list(c, list, images, err);
    if (st != DS_OK) {
        ds_captions_close(c);
        return st;
    }
    *out = c;
    return DS_OK;
}

void ds_captions_close(ds_captions *c)
{
    if (c == NULL)
        return;
    ds_parser_close(c->parser);
    ds__csv_clear(&c->table);
    json_decref(c->root);
    ds_free(c->entries);
    ds__arena_free(&c->at);
    ds__arena_free(&c->arena);
    ds_free(c);
}

int64_t ds_captions_count(const ds_captions *c)
{
    return c->count;
}

ds_status ds_captions_picture(ds_captions *c, ds_caption_choice *out, int64_t i, ds_error *err)
{
    const entry *e = &c->entries[i];

    ds__arena_free(&c->at);
    *out = e->c;
    out->where = place(c, &c->at, e->line);
    out->path = ds__arena_printf(&c->at, "%s/%s", c->images, e->c.name);
    return out->path != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "%s", c->list);
}

ds_status ds_captions_at(ds_captions *c, ds_caption_choice *out, int64_t i, uint64_t seed,
                         ds_error *err)
{
    const entry *e = &c->entries[i];
    ds_status st = ds_captions_picture(c, out, i, err);

    return st == DS_OK && e->made
               ? ds__order_captions(&c->at, c->parser, e->c.right, seed + (uint64_t)i, &out->right,
                                    out->wrong, &out->wrong_count, err)
               : st;
}

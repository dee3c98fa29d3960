/* truth_coco.c - COCO's annotation files. Images, captions and instances are joined by image id;
 * a category's name is sought in the caption, or a list of rows gives both. */

#include "data/truth.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/csv.h"
#include "base/file.h"

#define MAX_BYTES ((size_t)1 << 30)

typedef struct synonym {
    const char *word, *category;
} synonym;

typedef struct coco {
    ds_truth *t;
    const char *path;   /* of the instances */
    const char *images; /* folder of the pictures */
    json_t *instances, *captions;
    int64_t synonym_count;
    synonym *synonyms;
} coco;

/* An annotation and the image it belongs to, sorted by image. */
typedef struct row {
    int64_t image, order;
    const json_t *value;
} row;

static int by_image(const void *a, const void *b)
{
    const row *x = a, *y = b;

    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* Annotations that have the member `with`. */
static ds_status sort_rows(row **out, int64_t *count, const json_t *document, const char *with,
                           ds_error *err)
{
    const json_t *list = json_object_get(document, "annotations");
    size_t n = json_array_size(list), k;
    json_t *a;

    *count = 0;
    *out = ds_calloc(n + 1, sizeof **out);
    if (*out == NULL)
        return ds_fail(err, DS_E_NOMEM, "%zu annotations", n);
    json_array_foreach (list, k, a)
        if (json_object_get(a, with) != NULL)
            (*out)[(*count)++] =
                (row){ json_integer_value(json_object_get(a, "image_id")), (int64_t)k, a };
    qsort(*out, (size_t)*count, sizeof **out, by_image);
    return DS_OK;
}

/* Index of the image's first row; `count` if it has none. */
static int64_t first_row(const row *rows, int64_t count, int64_t image)
{
    int64_t lo = 0, hi = count;

    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;

        if (rows[mid].image < image)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < count && rows[lo].image == image ? lo : count;
}

/* ---- names in captions ----------------------------------------------------------------------- */

static ds_status read_synonyms(coco *c, const char *path, ds_error *err)
{
    char *text, *copy, *line;
    size_t size, lines = 1;
    ds_status st = ds__file_read(&text, &size, path, MAX_BYTES, err);
    int64_t number = 0;

    if (st != DS_OK)
        return st;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    copy = ds__arena_printf(&c->t->arena, "%s", text);
    c->synonyms = ds__arena_alloc(&c->t->arena, lines * sizeof *c->synonyms);
    ds_free(text);
    if (copy == NULL || c->synonyms == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s", path);
    while ((line = strsep(&copy, "\n")) != NULL) {
        char *tab = strchr(line, '\t');

        number++;
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (tab == NULL)
            return ds_fail(err, DS_E_FORMAT, "%s:%lld: expected a word, a tab and a category", path,
                           (long long)number);
        *tab = '\0';
        c->synonyms[c->synonym_count++] = (synonym){ line, tab + 1 };
    }
    return DS_OK;
}

/* The category's own name first, then its synonyms in their order. */
static bool find_category(const coco *c, const char *caption, const char *category, int64_t *begin,
                          int64_t *end)
{
    if (ds_truth_find_name(caption, category, begin, end))
        return true;
    for (int64_t i = 0; i < c->synonym_count; i++)
        if (strcmp(c->synonyms[i].category, category) == 0 &&
            ds_truth_find_name(caption, c->synonyms[i].word, begin, end))
            return true;
    return false;
}

/* ---- scenes ---------------------------------------------------------------------------------- */

static const char *category_name(const json_t *categories, int64_t id)
{
    size_t k;
    json_t *x;

    json_array_foreach (categories, k, x)
        if (json_integer_value(json_object_get(x, "id")) == id)
            return json_string_value(json_object_get(x, "name"));
    return NULL;
}

/* Entity of this label, made if it is new. */
static int64_t entity_of(ds_truth_entity *list, int64_t *count, const char *label)
{
    for (int64_t i = 0; i < *count; i++)
        if (strcmp(list[i].label, label) == 0)
            return i;
    list[*count] = (ds_truth_entity){ "object", label };
    return (*count)++;
}

/* One entity per category; its instances are parts. */
static ds_status add_instances(coco *c, ds__truth_entry *e, const row *rows, int64_t first,
                               int64_t count, ds_error *err)
{
    const json_t *categories = json_object_get(c->instances, "categories");
    ds_truth_entity *list;
    ds_truth_word *words;
    int64_t n = 0;

    while (first + n < count && rows[first + n].image == e->scene.id)
        n++;
    list = ds__arena_alloc(&c->t->arena, (size_t)(n + 1) * sizeof *list);
    words = ds__arena_alloc(&c->t->arena, (size_t)(n + 1) * sizeof *words);
    e->parts = ds__arena_alloc(&c->t->arena, (size_t)(n + 1) * sizeof *e->parts);
    if (list == NULL || words == NULL || e->parts == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: %lld instances", c->path, (long long)n);
    for (int64_t i = 0; i < n; i++) {
        const json_t *a = rows[first + i].value;
        int64_t id = json_integer_value(json_object_get(a, "category_id"));
        const char *label = category_name(categories, id);

        if (label == NULL)
            return ds_fail(err, DS_E_FORMAT, "%s: no category has the id %lld", c->path,
                           (long long)id);
        e->parts[i] = (ds__truth_part){ json_object_get(a, "segmentation"),
                                        entity_of(list, &e->scene.entity_count, label) };
    }
    e->part_count = n;
    e->scene.entities = list;
    e->scene.words = words;
    for (int64_t i = 0; i < e->scene.entity_count; i++) {
        int64_t begin, end;
        char *text;

        if (!find_category(c, e->scene.caption, list[i].label, &begin, &end))
            continue;
        text = ds__arena_printf(&c->t->arena, "%.*s", (int)(end - begin), e->scene.caption + begin);
        if (text == NULL)
            return ds_fail(err, DS_E_NOMEM, "%s: a word", c->path);
        words[e->scene.word_count++] = (ds_truth_word){ text, begin, end, "object", i };
    }
    return DS_OK;
}

static ds_status add_image(coco *c, const json_t *image, const char *caption, const row *rows,
                           int64_t count, ds_error *err)
{
    ds__truth_entry *e = ds__truth_add(c->t);
    ds_truth_scene *s = e != NULL ? &e->scene : NULL;

    if (s == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: pictures", c->path);
    s->id = json_integer_value(json_object_get(image, "id"));
    s->name = json_string_value(json_object_get(image, "file_name"));
    s->caption = caption;
    s->split = "";
    s->width = json_integer_value(json_object_get(image, "width"));
    s->height = json_integer_value(json_object_get(image, "height"));
    if (s->name == NULL || s->width < 1 || s->height < 1 || s->width > 32768 || s->height > 32768)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: expected file_name, width and height (to 32768) of image %lld", c->path,
                       (long long)s->id);
    s->path = ds__arena_printf(&c->t->arena, "%s/%s", c->images, s->name);
    if (s->path == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s", c->path);
    return add_instances(c, e, rows, first_row(rows, count, s->id), count, err);
}

/* ---- a list of rows -------------------------------------------------------------------------- */

enum { COLUMN_IMAGE, COLUMN_LABEL, COLUMN_CAPTION, COLUMN_WORD, COLUMNS };

static ds_status find_columns(int64_t at[COLUMNS], const ds__csv *t, const char *path,
                              ds_error *err)
{
    static const char *const name[COLUMNS] = { "Image ID", "Label", "correct_obj+context",
                                               "correct_obj" };

    for (int i = 0; i < COLUMNS; i++) {
        at[i] = ds__csv_column(t, name[i]);
        if (at[i] < 0)
            return ds_fail(err, DS_E_FORMAT,
                           "%s: expected the headings \"%s\", \"%s\", \"%s\", \"%s\"; there is no "
                           "\"%s\"",
                           path, name[0], name[1], name[2], name[3], name[i]);
    }
    return DS_OK;
}

/* Images as rows whose image is their own id, for first_row. */
static ds_status sort_images(row **out, int64_t *count, const json_t *images, ds_error *err)
{
    size_t k;
    json_t *x;

    *count = (int64_t)json_array_size(images);
    *out = ds_calloc((size_t)*count + 1, sizeof **out);
    if (*out == NULL)
        return ds_fail(err, DS_E_NOMEM, "%lld images", (long long)*count);
    json_array_foreach (images, k, x)
        (*out)[k] = (row){ json_integer_value(json_object_get(x, "id")), (int64_t)k, x };
    qsort(*out, (size_t)*count, sizeof **out, by_image);
    return DS_OK;
}

/* In place of the words that were found, the one that the row gives. */
static ds_status set_word(coco *c, ds_truth_scene *s, const char *label, const char *word,
                          const char *where, ds_error *err)
{
    ds_truth_word *w = ds__arena_alloc(&c->t->arena, sizeof *w);
    int64_t entity = 0;

    if (w == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: a word", where);
    while (entity < s->entity_count && strcmp(s->entities[entity].label, label) != 0)
        entity++;
    if (entity == s->entity_count)
        return ds_fail(err, DS_E_FORMAT,
                       "%s: expected a category that image %lld shows, found \"%s\"", where,
                       (long long)s->id, label);
    if (!ds_truth_find_name(s->caption, word, &w->begin, &w->end))
        return ds_fail(err, DS_E_FORMAT, "%s: the caption lacks the word \"%s\"", where, word);
    w->text =
        ds__arena_printf(&c->t->arena, "%.*s", (int)(w->end - w->begin), s->caption + w->begin);
    if (w->text == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: a word", where);
    w->role = "object";
    w->entity = entity;
    s->words = w;
    s->word_count = 1;
    return DS_OK;
}

static ds_status add_listed(coco *c, const ds__csv *t, int64_t i, const int64_t column[COLUMNS],
                            const row *images, int64_t n_images, const row *instances,
                            int64_t n_instances, const char *path, ds_error *err)
{
    const char *text = ds__csv_cell(t, i, column[COLUMN_IMAGE]), *caption, *where;
    char *end;
    int64_t id = strtoll(text, &end, 10), at = first_row(images, n_images, id);
    ds_status st;

    where = ds__arena_printf(&c->t->arena, "%s:%lld", path, (long long)t->line[i]);
    caption = ds__arena_printf(&c->t->arena, "%s", ds__csv_cell(t, i, column[COLUMN_CAPTION]));
    if (where == NULL || caption == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: captions", path);
    if (end == text || *end != '\0' || at == n_images)
        return ds_fail(err, DS_E_FORMAT, "%s: expected the id of an image in %s, found \"%s\"",
                       where, c->path, text);
    st = add_image(c, images[at].value, caption, instances, n_instances, err);
    if (st != DS_OK)
        return st;
    c->t->entries[c->t->count - 1].scene.line = t->line[i];
    return set_word(c, &c->t->entries[c->t->count - 1].scene,
                    ds__csv_cell(t, i, column[COLUMN_LABEL]),
                    ds__csv_cell(t, i, column[COLUMN_WORD]), where, err);
}

static ds_status add_list(coco *c, const char *path, ds_error *err)
{
    row *images = NULL, *instances = NULL;
    int64_t n_images = 0, n_instances = 0, column[COLUMNS];
    ds__csv t;
    ds_status st = ds__csv_read(&t, path, MAX_BYTES, err);

    if (st == DS_OK)
        st = find_columns(column, &t, path, err);
    if (st == DS_OK)
        st = sort_images(&images, &n_images, json_object_get(c->instances, "images"), err);
    if (st == DS_OK)
        st = sort_rows(&instances, &n_instances, c->instances, "segmentation", err);
    for (int64_t i = 0; st == DS_OK && i < t.rows; i++)
        st = add_listed(c, &t, i, column, images, n_images, instances, n_instances, path, err);
    ds_free(images);
    ds_free(instances);
    ds__csv_clear(&t);
    return st;
}

/* ---- all images ------------------------------------------------------------------------------ */

static ds_status add_images(coco *c, ds_error *err)
{
    const json_t *images = json_object_get(c->instances, "images");
    row *captions = NULL, *instances = NULL;
    int64_t n_captions = 0, n_instances = 0;
    size_t k;
    json_t *image;
    ds_status st = sort_rows(&instances, &n_instances, c->instances, "segmentation", err);

    if (st == DS_OK)
        st = sort_rows(&captions, &n_captions, c->captions != NULL ? c->captions : c->instances,
                       "caption", err);
    json_array_foreach (images, k, image) {
        int64_t id = json_integer_value(json_object_get(image, "id"));
        const char *caption = json_string_value(json_object_get(image, "caption"));
        int64_t at = st == DS_OK ? first_row(captions, n_captions, id) : n_captions;

        if (at < n_captions)
            caption = json_string_value(json_object_get(captions[at].value, "caption"));
        if (st == DS_OK && caption != NULL)
            st = add_image(c, image, caption, instances, n_instances, err);
    }
    ds_free(captions);
    ds_free(instances);
    return st;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Annotation files are large, so strings are not checked for repeated keys. */
static ds_status load(coco *c, json_t **out, const char *path, ds_error *err)
{
    char *text;
    size_t size;
    json_error_t je;
    ds_status st = ds__file_read(&text, &size, path, MAX_BYTES, err);

    if (st != DS_OK)
        return st;
    *out = json_loadb(text, size, 0, &je);
    ds_free(text);
    if (*out == NULL)
        return ds_fail(err, DS_E_FORMAT, "%s:%d:%d: %s", path, je.line, je.column, je.text);
    return json_array_append_new(c->t->root, *out) == 0 ? DS_OK
                                                        : ds_fail(err, DS_E_NOMEM, "%s", path);
}

/* images/, a folder named like the end of instances_NAME.json, or the folder itself. */
static const char *find_images(coco *c)
{
    const char *name = strrchr(c->path, '/') + 1, *under = strchr(name, '_');
    const char *images = ds__arena_printf(&c->t->arena, "%s/images", c->t->folder);
    const char *split = ds__arena_printf(&c->t->arena, "%s/%.*s", c->t->folder,
                                         under != NULL ? (int)strlen(under) - 6 : 0,
                                         under != NULL ? under + 1 : "");

    if (images != NULL && access(images, X_OK) == 0)
        return images;
    return under != NULL && split != NULL && access(split, X_OK) == 0 ? split : c->t->folder;
}

ds_status ds__truth_coco(ds_truth *t, const char *instances, const ds_truth_options *o,
                         ds_error *err)
{
    coco c = { .t = t, .path = instances };
    const char *name = strrchr(instances, '/') + 1;
    const char *captions = ds__arena_printf(&t->arena, "%.*scaptions%s", (int)(name - instances),
                                            instances, name + strlen("instances"));
    ds_status st = load(&c, &c.instances, instances, err);

    if (st == DS_OK && o->rows == NULL && captions != NULL && access(captions, F_OK) == 0)
        st = load(&c, &c.captions, captions, err);
    if (st == DS_OK && (!json_is_array(json_object_get(c.instances, "images")) ||
                        !json_is_array(json_object_get(c.instances, "categories"))))
        st = ds_fail(err, DS_E_FORMAT, "%s: expected the lists images, annotations, categories",
                     instances);
    if (st == DS_OK && o->synonyms != NULL)
        st = read_synonyms(&c, o->synonyms, err);
    c.images = o->images != NULL ? ds__arena_printf(&t->arena, "%s", o->images) : find_images(&c);
    if (st == DS_OK && o->rows != NULL)
        return add_list(&c, o->rows, err);
    return st == DS_OK ? add_images(&c, err) : st;
}

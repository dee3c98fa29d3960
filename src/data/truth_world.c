/* truth_world.c - captions.jsonl: one scene per line, as `diffuscope-world export` writes it. */

#include "data/truth.h"

#include <string.h>

#include "base/file.h"

#define MAX_BYTES ((size_t)1 << 30)

static ds_status bad(const char *path, int64_t line, const char *what, ds_error *err)
{
    return ds_fail(err, DS_E_FORMAT, "%s:%lld: expected %s", path, (long long)line, what);
}

/* Links to entities; a link whose entity is null speaks of the whole picture. */
static ds_status read_links(ds_truth *t, ds_truth_scene *s, const json_t *links, const char *path,
                            int64_t line, ds_error *err)
{
    size_t n = json_array_size(links);
    int64_t length = (int64_t)strlen(s->caption);
    ds_truth_word *words = ds__arena_alloc(&t->arena, (n + 1) * sizeof *words);

    if (words == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: %zu links", path, n);
    s->words = words;
    for (size_t k = 0; k < n; k++) {
        const json_t *l = json_array_get(links, k), *entity = json_object_get(l, "entity");
        const char *text = json_string_value(json_object_get(l, "text"));
        const char *role = json_string_value(json_object_get(l, "role"));
        int64_t begin = json_integer_value(json_object_get(l, "first"));
        int64_t end = json_integer_value(json_object_get(l, "last"));
        int64_t e = json_integer_value(entity);

        if (!json_is_integer(entity))
            continue;
        if (text == NULL || role == NULL || begin < 0 || end <= begin || end > length ||
            strncmp(s->caption + begin, text, (size_t)(end - begin)) != 0)
            return bad(path, line, "a link whose text is caption[first:last]", err);
        if (e < 0 || e >= s->entity_count)
            return bad(path, line, "a link to one of the entities", err);
        words[s->word_count++] = (ds_truth_word){ text, begin, end, role, e };
    }
    return DS_OK;
}

static ds_status read_entities(ds_truth *t, ds__truth_entry *e, const json_t *entities,
                               const char *path, int64_t line, ds_error *err)
{
    size_t n = json_array_size(entities);
    ds_truth_entity *list = ds__arena_alloc(&t->arena, (n + 1) * sizeof *list);

    e->parts = ds__arena_alloc(&t->arena, (n + 1) * sizeof *e->parts);
    if (list == NULL || e->parts == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: %zu entities", path, n);
    e->scene.entities = list;
    for (size_t k = 0; k < n; k++) {
        const json_t *x = json_array_get(entities, k), *mask = json_object_get(x, "mask");
        const json_t *size = json_object_get(mask, "size");
        const char *kind = json_string_value(json_object_get(x, "kind"));
        const char *what = json_string_value(json_object_get(x, "what"));

        if (kind == NULL || what == NULL || json_array_size(size) != 2)
            return bad(path, line, "an entity with kind, what and mask", err);
        e->scene.height = json_integer_value(json_array_get(size, 0));
        e->scene.width = json_integer_value(json_array_get(size, 1));
        if (e->scene.height < 1 || e->scene.width < 1 || e->scene.height > 32768 ||
            e->scene.width > 32768)
            return bad(path, line, "a mask's size from 1 to 32768", err);
        list[k] = (ds_truth_entity){ kind, what };
        e->parts[k] = (ds__truth_part){ mask, (int64_t)k };
    }
    e->scene.entity_count = (int64_t)n;
    e->part_count = (int64_t)n;
    return DS_OK;
}

static ds_status read_line(ds_truth *t, const json_t *j, const char *path, int64_t line,
                           ds_error *err)
{
    ds__truth_entry *e = ds__truth_add(t);
    const char *split = json_string_value(json_object_get(j, "split"));
    ds_status st;

    if (e == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: %lld lines", path, (long long)line);
    e->scene.name = json_string_value(json_object_get(j, "file"));
    e->scene.caption = json_string_value(json_object_get(j, "caption"));
    e->scene.split = split != NULL ? split : "";
    e->scene.id = json_integer_value(json_object_get(j, "index"));
    if (e->scene.name == NULL || e->scene.caption == NULL)
        return bad(path, line, "the members file and caption", err);
    e->scene.path = ds__arena_printf(&t->arena, "%s/%s", t->folder, e->scene.name);
    if (e->scene.path == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s", path);
    st = read_entities(t, e, json_object_get(j, "entities"), path, line, err);
    return st == DS_OK ? read_links(t, &e->scene, json_object_get(j, "links"), path, line, err)
                       : st;
}

ds_status ds__truth_world(ds_truth *t, const char *path, ds_error *err)
{
    char *text, *at;
    size_t size;
    int64_t line = 0;
    ds_status st = ds__file_read(&text, &size, path, MAX_BYTES, err);

    if (st != DS_OK)
        return st;
    for (at = text; st == DS_OK && at < text + size;) {
        char *end = memchr(at, '\n', (size_t)(text + size - at));
        size_t n = (size_t)((end != NULL ? end : text + size) - at);
        json_error_t je;
        json_t *j;

        line++;
        if (strspn(at, " \t\r") < n) {
            j = json_loadb(at, n, JSON_REJECT_DUPLICATES, &je);
            if (j == NULL)
                st = ds_fail(err, DS_E_FORMAT, "%s:%lld: %s", path, (long long)line, je.text);
            else if (json_array_append_new(t->root, j) != 0)
                st = ds_fail(err, DS_E_NOMEM, "%s", path);
            else
                st = read_line(t, j, path, line, err);
        }
        at += n + 1;
    }
    ds_free(text);
    return st;
}

/* scenes.c - see scenes.h. */

#include "studies/pid/scenes.h"

#include <stdio.h>
#include <string.h>

#include "job/folder.h"

#define PATH_SIZE 4096
#define UNRELATED 3 /* names of other things that a synonym is compared with */

static const char *text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text != NULL ? text : "";
}

static const json_t *scene_at(const pid_scenes *s, int64_t scene)
{
    return json_array_get(s->scenes, (size_t)scene);
}

static ds_status read_scenes(pid_scenes *s, const char *path, ds_error *err)
{
    FILE *f = fopen(path, "r");
    json_error_t at;
    json_t *scene;
    bool whole;

    if (f == NULL)
        return ds_fail(err, DS_E_IO, "%s cannot be read", path);
    s->scenes = json_array();
    while ((scene = json_loadf(f, JSON_DISABLE_EOF_CHECK, &at)) != NULL)
        json_array_append_new(s->scenes, scene);
    whole = feof(f) != 0;
    fclose(f);
    if (!whole || json_array_size(s->scenes) == 0)
        return ds_fail(err, DS_E_FORMAT, "%s: scene %zu: %s", path, json_array_size(s->scenes) + 1,
                       at.text);
    return DS_OK;
}

ds_status ds__pid_scenes_open(pid_scenes *s, const char *folder, ds_error *err)
{
    char path[PATH_SIZE];
    json_error_t at;
    ds_status st = ds__run_file(path, sizeof path, folder, "world.json", err);

    *s = (pid_scenes){ .folder = folder };
    if (st != DS_OK)
        return st;
    s->tables = json_load_file(path, 0, &at);
    if (s->tables == NULL)
        return ds_fail(err, at.line < 0 ? DS_E_IO : DS_E_FORMAT,
                       "%s: expected the tables of a world as diffuscope-world export writes them: "
                       "%s",
                       path, at.text);
    st = ds__run_file(path, sizeof path, folder, "captions.jsonl", err);
    return st == DS_OK ? read_scenes(s, path, err) : st;
}

void ds__pid_scenes_close(pid_scenes *s)
{
    json_decref(s->tables);
    json_decref(s->scenes);
}

const char *ds__pid_scene_caption(const pid_scenes *s, int64_t scene)
{
    return text_of(scene_at(s, scene), "caption");
}

ds_status ds__pid_scene_path(char *buf, size_t size, const pid_scenes *s, int64_t scene,
                             ds_error *err)
{
    return ds__run_file(buf, size, s->folder, text_of(scene_at(s, scene), "file"), err);
}

/* A link from a word of the caption by its role. */
static const json_t *find_link(const json_t *scene, const char *role, const char *other_than)
{
    size_t i;
    json_t *link;

    json_array_foreach (json_object_get(scene, "links"), i, link)
        if (strcmp(text_of(link, "role"), role) == 0 &&
            (other_than == NULL || strcmp(text_of(link, "text"), other_than) != 0))
            return link;
    return NULL;
}

/* ---- homonyms --------------------------------------------------------------------------------- */

typedef struct settled {
    const char *homonym, *context;
} settled;

static const char *last_word(const char *text)
{
    const char *blank = strrchr(text, ' ');

    return blank != NULL ? blank + 1 : text;
}

/* The last word of what settles the first homonym of a scene. */
static bool find_settled(settled *s, const json_t *scene)
{
    const json_t *things = json_object_get(json_object_get(scene, "factors"), "things");
    json_t *thing;
    size_t i;

    json_array_foreach ((json_t *)things, i, thing) {
        const char *context = text_of(thing, "context");
        const json_t *link = NULL;

        if (json_object_get(thing, "homonym") == NULL)
            continue;
        s->homonym = text_of(thing, "homonym");
        if (strcmp(context, "background") == 0)
            link = find_link(scene, "background", NULL);
        else if (strcmp(context, "companion") == 0)
            link = find_link(scene, "object", s->homonym);
        s->context = link != NULL ? last_word(text_of(link, "text")) : s->homonym;
        return strcmp(s->context, s->homonym) != 0;
    }
    return false;
}

/* The caption begins with it. */
static const char *article_of(const json_t *scene)
{
    const char *caption = text_of(scene, "caption");

    return strncmp(caption, "an ", 3) == 0 ? "an" : strncmp(caption, "a ", 2) == 0 ? "a" : NULL;
}

/* The settling word of the next scene that has another homonym and another word. */
static const char *elsewhere(const pid_scenes *w, int64_t from, const settled *here)
{
    const int64_t n = (int64_t)json_array_size(w->scenes);
    settled s;

    for (int64_t i = 1; i < n; i++) {
        const json_t *scene = scene_at(w, (from + i) % n);

        if (find_settled(&s, scene) && article_of(scene) != NULL &&
            strcmp(s.homonym, here->homonym) != 0 && strcmp(s.context, here->context) != 0 &&
            strcmp(s.context, here->homonym) != 0)
            return s.context;
    }
    return NULL;
}

bool ds__pid_find_homonym(pid_trial *t, pid_scenes *w, int64_t scene)
{
    const char *article = article_of(scene_at(w, scene)), *unrelated;
    settled s;

    if (!find_settled(&s, scene_at(w, scene)) || article == NULL)
        return false;
    unrelated = elsewhere(w, scene, &s);
    *t = (pid_trial){ scene, { s.homonym, s.context, article, unrelated }, 4 };
    return unrelated != NULL;
}

/* ---- synonyms --------------------------------------------------------------------------------- */

/* Another name of what a caption calls `name`. */
static const char *synonym_of(const pid_scenes *w, const char *name)
{
    json_t *object, *other;
    size_t i, k;

    json_array_foreach (json_object_get(w->tables, "objects"), i, object) {
        const json_t *names = json_object_get(object, "names");

        json_array_foreach ((json_t *)names, k, other)
            if (json_array_size(names) > 1 && strcmp(json_string_value(other), name) == 0)
                return json_string_value(json_array_get(names, k == 0 ? 1 : 0));
    }
    return NULL;
}

/* The n-th name of another object for a scene. */
static const char *unrelated(const pid_scenes *w, int64_t scene, int n, const char *name)
{
    const json_t *objects = json_object_get(w->tables, "objects");
    const size_t count = json_array_size(objects);
    size_t at;
    const char *other;

    if (count < 2)
        return NULL;
    at = (size_t)(2654435761u * (uint64_t)(scene * UNRELATED + n + 1)) % count;
    do {
        other = json_string_value(
            json_array_get(json_object_get(json_array_get(objects, at), "names"), 0));
        at = (at + 1) % count;
    } while (other == NULL || strcmp(other, name) == 0 || synonym_of(w, name) == other);
    return other;
}

bool ds__pid_find_synonym(pid_trial *t, pid_scenes *w, int64_t scene)
{
    const json_t *link = find_link(scene_at(w, scene), "object", NULL);
    const char *name = link != NULL ? text_of(link, "text") : "";

    *t = (pid_trial){ scene, { name, synonym_of(w, name) }, 2 + UNRELATED };
    for (int n = 0; t->word[1] != NULL && n < UNRELATED; n++)
        t->word[2 + n] = unrelated(w, scene, n, name);
    return t->word[1] != NULL && t->word[2] != NULL;
}

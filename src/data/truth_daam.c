/* truth_daam.c - experiments of the DAAM package: <folder>/<id>/ with prompt.txt, seed.txt and one
 * WORD.gt.png per noun, which is opaque where the noun is (its evaluate.py takes alpha > 0). */

#include "data/truth.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/image.h>

#include "base/file.h"

#define MAX_TEXT ((size_t)1 << 20)

/* Names in a folder, sorted, without those that begin with a point. */
typedef struct listing {
    char **name;
    size_t count;
} listing;

static void listing_free(listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->name[i]);
    free(l->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool listing_read(listing *l, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *e;
    size_t room = 0;

    *l = (listing){ NULL, 0 };
    while (dir != NULL && (e = readdir(dir)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        if (l->count == room) {
            char **more = realloc(l->name, (room = 2 * room + 16) * sizeof *more);

            if (more == NULL)
                break;
            l->name = more;
        }
        l->name[l->count] = strdup(e->d_name);
        if (l->name[l->count] == NULL)
            break;
        l->count++;
    }
    if (dir != NULL)
        closedir(dir);
    if (l->count > 0)
        qsort(l->name, l->count, sizeof *l->name, by_name);
    return dir != NULL;
}

/* "cat" of "cat.gt.png"; NULL for other files. */
static char *word_of_file(ds_arena *arena, const char *name)
{
    static const char end[] = ".gt.png";
    size_t n = strlen(name);

    if (n < sizeof end || strcmp(name + n - (sizeof end - 1), end) != 0)
        return NULL;
    return ds__arena_printf(arena, "%.*s", (int)(n - (sizeof end - 1)), name);
}

/* A text file without the white space at its end, in the arena. */
static ds_status read_text(ds_truth *t, const char **out, const char *path, ds_error *err)
{
    char *text;
    size_t size;
    ds_status st = ds__file_read(&text, &size, path, MAX_TEXT, err);

    if (st != DS_OK)
        return st;
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
        size--;
    *out = ds__arena_printf(&t->arena, "%.*s", (int)size, text);
    ds_free(text);
    return *out != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "%s", path);
}

/* output.png, which the package keeps in a folder of the experiment's sub-type. */
static const char *find_output(ds_truth *t, const char *folder, const listing *l)
{
    const char *path = ds__arena_printf(&t->arena, "%s/output.png", folder);

    for (size_t i = 0; path != NULL && access(path, R_OK) != 0 && i < l->count; i++) {
        const char *deeper = ds__arena_printf(&t->arena, "%s/%s/output.png", folder, l->name[i]);

        if (deeper != NULL && access(deeper, R_OK) == 0)
            return deeper;
    }
    return path;
}

static ds_status add_mask(ds_truth *t, ds__truth_entry *e, const char *path, const char *word,
                          ds_error *err)
{
    ds_truth_scene *s = &e->scene;
    json_t *shape = json_string(path);
    int64_t n = s->entity_count, begin, end;
    unsigned char *opacity;
    ds_status st = DS_OK;

    if (shape == NULL || json_array_append_new(t->root, shape) != 0)
        return ds_fail(err, DS_E_NOMEM, "%s", path);
    if (n == 0) {
        st = ds_png_opacity(&opacity, &s->width, &s->height, path, err);
        ds_free(opacity);
    }
    if (st != DS_OK)
        return st;
    e->parts[e->part_count++] = (ds__truth_part){ shape, n };
    ((ds_truth_entity *)s->entities)[s->entity_count++] = (ds_truth_entity){ "object", word };
    if (ds_truth_find_name(s->caption, word, &begin, &end))
        ((ds_truth_word *)s->words)[s->word_count++] =
            (ds_truth_word){ word, begin, end, "object", n };
    return DS_OK;
}

static ds_status add_experiment(ds_truth *t, const char *folder, const char *name, ds_error *err)
{
    const char *prompt = ds__arena_printf(&t->arena, "%s/prompt.txt", folder);
    const char *seed_file = ds__arena_printf(&t->arena, "%s/seed.txt", folder), *seed = "0";
    ds__truth_entry *e = ds__truth_add(t);
    listing l;
    ds_status st;

    if (prompt == NULL || seed_file == NULL || e == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s", folder);
    st = read_text(t, &e->scene.caption, prompt, err);
    if (st == DS_OK && access(seed_file, F_OK) == 0)
        st = read_text(t, &seed, seed_file, err);
    e->scene.id = strtoll(seed, NULL, 10);
    e->scene.name = ds__arena_printf(&t->arena, "%s", name);
    e->scene.split = "";
    listing_read(&l, folder);
    e->scene.path = find_output(t, folder, &l);
    e->scene.entities = ds__arena_alloc(&t->arena, (l.count + 1) * sizeof *e->scene.entities);
    e->scene.words = ds__arena_alloc(&t->arena, (l.count + 1) * sizeof *e->scene.words);
    e->parts = ds__arena_alloc(&t->arena, (l.count + 1) * sizeof *e->parts);
    if (st == DS_OK && (e->scene.name == NULL || e->scene.path == NULL || e->parts == NULL ||
                        e->scene.entities == NULL || e->scene.words == NULL))
        st = ds_fail(err, DS_E_NOMEM, "%s", folder);
    for (size_t i = 0; st == DS_OK && i < l.count; i++) {
        const char *word = word_of_file(&t->arena, l.name[i]);
        const char *path = ds__arena_printf(&t->arena, "%s/%s", folder, l.name[i]);

        if (word != NULL && path != NULL)
            st = add_mask(t, e, path, word, err);
    }
    listing_free(&l);
    return st;
}

ds_status ds__truth_experiments(ds_truth *t, ds_error *err)
{
    listing l;
    ds_status st = DS_OK;

    if (!listing_read(&l, t->folder))
        return ds_fail(err, DS_E_IO, "%s: expected a folder", t->folder);
    for (size_t i = 0; st == DS_OK && i < l.count; i++) {
        char *folder = ds__arena_printf(&t->arena, "%s/%s", t->folder, l.name[i]);
        char *prompt = folder != NULL ? ds__arena_printf(&t->arena, "%s/prompt.txt", folder) : NULL;

        if (prompt == NULL)
            st = ds_fail(err, DS_E_NOMEM, "%s", t->folder);
        else if (access(prompt, F_OK) == 0)
            st = add_experiment(t, folder, l.name[i], err);
    }
    listing_free(&l);
    return st;
}

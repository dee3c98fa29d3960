/* shards.c - from a component's folder to its safetensors files.
 *
 * An index file is { "metadata": {...}, "weight_map": { tensor: file } }. Its names are hostile:
 * only plain names of safetensors files in the same folder pass. */

#include "weights/shards.h"

#include <string.h>
#include <unistd.h>

#define MAX_SHARDS 1000

static const char *const bases[] = { "diffusion_pytorch_model", "model" };

/* Pickles hold the same tensors, but reading one means running it. */
static const char *const pickles[] = { "diffusion_pytorch_model.bin", "pytorch_model.bin",
                                       "diffusion_pytorch_model.fp16.bin",
                                       "pytorch_model.fp16.bin" };

static bool is_file_name(const char *name)
{
    static const char suffix[] = ".safetensors";
    size_t n = strlen(name);

    return n > sizeof suffix - 1 && name[0] != '.' && strchr(name, '/') == NULL &&
           strcmp(name + n - (sizeof suffix - 1), suffix) == 0;
}

static bool has_path(const ds_shards *s, const char *path)
{
    for (int64_t i = 0; i < s->count; i++)
        if (strcmp(s->path[i], path) == 0)
            return true;
    return false;
}

static ds_status add_shard(ds_shards *s, ds_arena *a, const char *folder, const char *name,
                           ds_error *err)
{
    const char *path = ds__arena_printf(a, "%s/%s", folder, name);

    if (path == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for file names", folder);
    if (has_path(s, path))
        return DS_OK;
    if (s->count == MAX_SHARDS)
        return ds_fail(err, DS_E_FORMAT, "%s: expected at most %d files in \"weight_map\"",
                       s->index_path, MAX_SHARDS);
    s->path[s->count++] = path;
    return DS_OK;
}

ds_status ds__shards_list(ds_shards *s, ds_arena *a, const char *folder, ds_error *err)
{
    json_t *map = json_object_get(s->index, "weight_map"), *file;
    const char *tensor;
    ds_status st = DS_OK;

    s->count = 0;
    s->path = ds__arena_alloc(a, MAX_SHARDS * sizeof *s->path);
    if (s->path == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for file names", folder);
    if (json_object_size(map) == 0) {
        ds_fail(err, DS_E_FORMAT, "%s: expected an object \"weight_map\" of tensors and files",
                s->index_path);
        return ds_fail_at(err, DS_E_FORMAT, s->index_path, -1);
    }
    json_object_foreach (map, tensor, file) {
        const char *name = json_string_value(file);

        if (name == NULL || !is_file_name(name)) {
            ds_fail(err, DS_E_FORMAT,
                    "%s: tensor '%.80s': expected the name of a .safetensors file in the same "
                    "folder, found '%.80s'",
                    s->index_path, tensor, name != NULL ? name : "something that is not a string");
            return ds_fail_at(err, DS_E_FORMAT, s->index_path, -1);
        }
        if ((st = add_shard(s, a, folder, name, err)) != DS_OK)
            break;
    }
    return st;
}

/* One base name, plain (variant NULL) or as a variant. *found tells whether there is one. */
static ds_status try_base(ds_shards *s, ds_arena *a, const char *folder, const char *base,
                          const char *variant, bool *found, ds_error *err)
{
    const char *dot = variant != NULL ? "." : "", *v = variant != NULL ? variant : "";
    const char *name = ds__arena_printf(a, "%s%s%s.safetensors", base, dot, v);
    const char *whole = ds__arena_printf(a, "%s/%s", folder, name);
    ds_status st;

    s->index_path = ds__arena_printf(a, "%s/%s.safetensors.index%s%s.json", folder, base, dot, v);
    s->path = ds__arena_alloc(a, sizeof *s->path);
    if (name == NULL || whole == NULL || s->index_path == NULL || s->path == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory for file names", folder);
    *found = true;
    if (access(whole, F_OK) == 0) {
        s->path[0] = whole;
        s->count = 1;
        return DS_OK;
    }
    if (access(s->index_path, F_OK) != 0) {
        *found = false;
        return DS_OK;
    }
    st = ds__json_load(&s->index, s->index_path, err);
    return st == DS_OK ? ds__shards_list(s, a, folder, err) : st;
}

static ds_status nothing_found(const char *folder, ds_arena *a, ds_error *err)
{
    for (size_t i = 0; i < DS_COUNT(pickles); i++) {
        const char *path = ds__arena_printf(a, "%s/%s", folder, pickles[i]);

        if (path != NULL && access(path, F_OK) == 0) {
            ds_fail(err, DS_E_UNSUPPORTED,
                    "%s: found weights only as a pickle, which can run code when read; save the "
                    "model with safe_serialization=True",
                    path);
            return ds_fail_at(err, DS_E_UNSUPPORTED, path, -1);
        }
    }
    ds_fail(err, DS_E_IO,
            "%s: expected weights there: diffusion_pytorch_model.safetensors or model.safetensors, "
            "the same with .fp16, or their .safetensors.index.json",
            folder);
    return ds_fail_at(err, DS_E_IO, folder, -1);
}

ds_status ds__shards_find(ds_shards *s, ds_arena *a, const char *folder, const char *prefer,
                          ds_error *err)
{
    const char *variant[] = { prefer, NULL, "fp16" };
    bool found = false;

    *s = (ds_shards){ 0 };
    for (size_t v = prefer != NULL ? 0 : 1; v < DS_COUNT(variant); v++)
        for (size_t b = 0; b < DS_COUNT(bases); b++) {
            ds_status st = try_base(s, a, folder, bases[b], variant[v], &found, err);

            if (st != DS_OK || found)
                return st;
        }
    return nothing_found(folder, a, err);
}

const char *ds__shards_file_of(const ds_shards *s, const char *tensor)
{
    return json_string_value(json_object_get(json_object_get(s->index, "weight_map"), tensor));
}

void ds__shards_free(ds_shards *s)
{
    json_decref(s->index);
    s->index = NULL;
}

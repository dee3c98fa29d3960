/* scenes.c - the world for other programs: see diffuscope/scenes.h. */

#include <diffuscope/scenes.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "world/record.h"
#include "world/world.h"

struct ds_scenes {
    ds_world *world;
};

enum { SIDE = DS_WORLD_SIDE, PIXELS = SIDE * SIDE };

ds_status ds_scenes_open(ds_scenes **out, const char *folder, ds_error *err)
{
    ds_scenes *s = ds_calloc(1, sizeof *s);
    ds_status st;

    *out = NULL;
    if (s == NULL)
        return ds_fail(err, DS_E_NOMEM, "scenes: %zu bytes", sizeof *s);
    st = ds_world_open(&s->world, folder, err);
    if (st != DS_OK) {
        ds_free(s);
        return st;
    }
    *out = s;
    return DS_OK;
}

void ds_scenes_close(ds_scenes *s)
{
    if (s == NULL)
        return;
    ds_world_close(s->world);
    ds_free(s);
}

void ds_scene_truth_clear(ds_scene_truth *t)
{
    ds_image_clear(&t->picture);
    ds_free(t->masks);
    ds_free(t->json);
    *t = (ds_scene_truth){ 0 };
}

static ds_status fill(ds_scene_truth *out, const ds_world *w, const ds_scene *scene, ds_error *err)
{
    json_t *record = ds_world_record(w, scene, "");
    char *text = record != NULL ? json_dumps(record, JSON_COMPACT) : NULL;
    ds_status st = ds_image_init(&out->picture, SIDE, SIDE, err);

    out->json = text != NULL ? ds_strdup(text) : NULL;
    out->masks = ds_calloc((size_t)scene->entities + 1, PIXELS);
    if (st == DS_OK && (out->json == NULL || out->masks == NULL))
        st = ds_fail(err, DS_E_NOMEM, "no memory for a scene");
    if (st == DS_OK) {
        memcpy(out->picture.rgb, scene->rgb, sizeof scene->rgb);
        out->entities = scene->entities;
        for (int i = 0; i < scene->entities; i++)
            memcpy(out->masks + (size_t)i * PIXELS, scene->entity[i].mask, PIXELS);
    }
    free(text);
    json_decref(record);
    return st;
}

ds_status ds_scenes_draw(const ds_scenes *s, ds_scene_truth *out, const char *split, int64_t index,
                         ds_error *err)
{
    ds_scene *scene = ds_calloc(1, sizeof *scene);
    ds_split which = DS_SPLIT_TRAIN;
    ds_status st = ds_split_find(&which, split, err);

    *out = (ds_scene_truth){ 0 };
    if (st == DS_OK && scene == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a scene");
    if (st == DS_OK && index < 0)
        st = ds_fail(err, DS_E_ARG, "scene %lld: expected a number from 0", (long long)index);
    if (st == DS_OK)
        st = ds_world_scene(s->world, which, index, scene, err);
    if (st == DS_OK)
        st = fill(out, s->world, scene, err);
    if (st != DS_OK)
        ds_scene_truth_clear(out);
    ds_free(scene);
    return st;
}

/* world.c - opens and closes a world; names of its enumerations; run lengths of masks. */

#include "world/internal.h"

#include <string.h>

static ds_status check_backgrounds(const ds_world *w, ds_error *err)
{
    for (int i = w->t.plain; i < w->t.backgrounds; i++)
        if (!ds__can_paint_background(w->t.background[i].id))
            return ds_fail(err, DS_E_FORMAT,
                           "grammar.json: background \"%s\" is neither a plain "
                           "colour nor one that ground.c can draw",
                           w->t.background[i].id);
    return DS_OK;
}

ds_status ds_world_open(ds_world **out, const char *folder, ds_error *err)
{
    ds_world *w = ds_calloc(1, sizeof *w);
    ds_status st;

    *out = NULL;
    if (w == NULL)
        return ds_fail(err, DS_E_NOMEM, "world: %zu bytes", sizeof *w);
    st = ds__world_read_tables(w, folder, err);
    if (st == DS_OK)
        st = check_backgrounds(w, err);
    if (st == DS_OK)
        st = ds__world_read_sheets(w, folder, err);
    if (st != DS_OK) {
        ds_world_close(w);
        return st;
    }
    *out = w;
    return DS_OK;
}

void ds_world_close(ds_world *w)
{
    if (w == NULL)
        return;
    for (int i = 0; i < DS_WORLD_STYLES; i++) {
        ds_free(w->sheet[i].rgba);
        ds_free(w->sheet[i].drawing);
        ds_free(w->sheet[i].contrast);
    }
    ds_free(w->t.object);
    ds_free(w->t.occupation);
    ds_free(w->t.homonym);
    ds_free(w);
}

const ds_world_tables *ds_world_words(const ds_world *w)
{
    return &w->t;
}

static const char *const split_names[DS_SPLITS] = { "train",  "single", "test",    "heldout",
                                                    "icon",   "pair",   "homonym", "people",
                                                    "series", "prompt" };

const char *ds_split_name(ds_split split)
{
    return split_names[split];
}

ds_status ds_split_find(ds_split *out, const char *name, ds_error *err)
{
    for (int i = 0; i < DS_SPLITS; i++)
        if (strcmp(split_names[i], name) == 0) {
            *out = (ds_split)i;
            return DS_OK;
        }
    return ds_fail_at(err,
                      ds_fail(err, DS_E_NOMATCH,
                              "expected a split (train, single, test, "
                              "heldout, icon, pair, homonym, people, series, prompt), found \"%s\"",
                              name),
                      name, -1);
}

const char *ds_scene_kind_name(ds_scene_kind kind)
{
    static const char *const names[DS_SCENE_KINDS] = { "single", "pair",    "frame",
                                                       "person", "homonym", "empty" };

    return names[kind];
}

const char *ds_link_role_name(ds_link_role role)
{
    static const char *const names[DS_LINK_ROLES] = { "object", "size",       "gender",   "skin",
                                                      "style",  "background", "relation", "frame" };

    return names[role];
}

const char *ds_entity_kind_name(ds_entity_kind kind)
{
    static const char *const names[] = { "object", "person", "frame", "watermark" };

    return names[kind];
}

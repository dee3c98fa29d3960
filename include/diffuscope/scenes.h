/* diffuscope/scenes.h - the world's scenes: pictures whose truth is known, for scoring methods of
 * one's own. What they are: docs/world.md.
 *
 * Experimental: may change with a minor version. Thread rule: an open world may be shared by threads. */

#ifndef DIFFUSCOPE_SCENES_H
#define DIFFUSCOPE_SCENES_H

#include <diffuscope/image.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_scenes ds_scenes;

/* Reads the tables and drawings of `folder` (world/ of the sources). DS_E_IO, DS_E_FORMAT. */
DS_API ds_status ds_scenes_open(ds_scenes **out, const char *folder, ds_error *err);
DS_API void ds_scenes_close(ds_scenes *s); /* NULL is allowed */

/* One scene; all zero: empty. */
typedef struct ds_scene_truth {
    ds_image picture; /* 64 by 64 */
    int64_t entities; /* what can be pointed at, in the order of the JSON's "entities" */
    unsigned char
        *masks; /* [entities, height, width], 1 where it covers more than half of a pixel */
    char *json; /* caption, links from words to entities, entities, factors */
} ds_scene_truth;

/* Scene `index` (from 0, without an end) of a split: "train", "single", "test", "heldout", "icon", "pair",
 * "homonym", "people", "series" or "prompt". The same index gives the same scene everywhere. DS_E_ARG names
 * the splits. `out` is initialised by the call, and empty after a failure. */
DS_API ds_status ds_scenes_draw(const ds_scenes *s, ds_scene_truth *out, const char *split,
                                int64_t index, ds_error *err);
DS_API void ds_scene_truth_clear(ds_scene_truth *t);

#ifdef __cplusplus
}
#endif
#endif

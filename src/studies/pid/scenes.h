/* scenes.h - what diffuscope-world exported, as decompositions are asked about it: words that settle a
 * homonym, and names of one thing. */

#ifndef DS_STUDIES_PID_SCENES_H
#define DS_STUDIES_PID_SCENES_H

#include <jansson.h>

#include <diffuscope/base.h>

typedef struct pid_scenes {
    const char *folder;
    json_t *tables; /* world.json */
    json_t *scenes; /* captions.jsonl, as an array */
} pid_scenes;

ds_status ds__pid_scenes_open(pid_scenes *s, const char *folder, ds_error *err);
void ds__pid_scenes_close(pid_scenes *s); /* an all-zero one is allowed */

const char *ds__pid_scene_caption(const pid_scenes *s, int64_t scene);
/* FOLDER and the scene's file, in the caller's buffer. */
ds_status ds__pid_scene_path(char *buf, size_t size, const pid_scenes *s, int64_t scene,
                             ds_error *err);

/* The words that are asked about a scene. */
enum { PID_SCENE_WORDS = 5 };
typedef struct pid_trial {
    int64_t scene;
    const char *word[PID_SCENE_WORDS]; /* the first is decomposed with each of the others */
    int words;
} pid_trial;

/* Finds the words of a scene; false: it has none of the kind. */
typedef bool pid_find_fn(pid_trial *t, pid_scenes *s, int64_t scene);

/* A homonym, the word beside it that settles its sense, its article, and the word that settles
 * another scene's homonym. */
pid_find_fn ds__pid_find_homonym;
/* A name of the thing that is shown, its other name, and names of three other things, the same for
 * every model. */
pid_find_fn ds__pid_find_synonym;

#endif

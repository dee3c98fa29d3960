/* folder.h - a model argument: a diffusers folder, or a name in the Hugging Face cache.
 *
 * Nothing is downloaded. Thread rule: immutable after opening. */

#ifndef DS_WEIGHTS_FOLDER_H
#define DS_WEIGHTS_FOLDER_H

#include <diffuscope/base.h>

#include <jansson.h>

typedef struct ds_folder ds_folder;

/* `model` is a folder with model_index.json, or "owner/name", found without network in the hub
 * cache: $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else
 * ~/.cache/huggingface/hub; there the snapshot of refs/main, else the newest one.
 * DS_E_IO tells what was looked for and where. */
ds_status ds__folder_open(ds_folder **out, const char *model, ds_error *err);
void ds__folder_close(ds_folder *f);

const char *ds__folder_path(const ds_folder *f);
const char *ds__folder_pipeline(const ds_folder *f); /* "StableDiffusionPipeline"; "" if absent */

/* model_index.json itself, for the flags that some pipelines keep there. */
const json_t *ds__folder_index(const ds_folder *f);

/* Components in the order of the file, without those that are null. */
int64_t ds__folder_components(const ds_folder *f);
const char *ds__folder_component(const ds_folder *f, int64_t i);

/* Class name of a component, "UNet2DConditionModel"; NULL if the folder has none of that name. */
const char *ds__folder_class(const ds_folder *f, const char *component);

/* "FOLDER/COMPONENT" and "FOLDER/COMPONENT/FILE", to be freed with ds_free; NULL when memory is
 * exhausted. file may be NULL. */
char *ds__folder_file(const ds_folder *f, const char *component, const char *file);

/* A component's configuration: config.json, or for a scheduler scheduler_config.json. Release with
 * json_decref. A syntax error names file, line and column. */
ds_status ds__folder_config(const ds_folder *f, const char *component, json_t **out, ds_error *err);

#endif

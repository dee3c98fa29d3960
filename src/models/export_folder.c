/* export_folder.c - a model as a diffusers folder. See export.h. */

#include "models/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define PATH_SIZE 4096
#define NAME_SIZE 512

static ds_status write_json(const char *path, const json_t *j, ds_error *err)
{
    char *text = j != NULL ? json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    ds_status st;

    if (text == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: no memory", path);
    st = ds__file_write(path, text, strlen(text), err);
    free(text);
    return st;
}

/* DIR/NAME/FILE into path; the folder is made. */
static ds_status place(char path[PATH_SIZE], const char *dir, const char *name, const char *file,
                       ds_error *err)
{
    ds_status st;
    int n = snprintf(path, PATH_SIZE, "%s/%s", dir, name);

    if (n < 0 || n + 64 >= PATH_SIZE)
        return ds_fail(err, DS_E_ARG, "%s: too long a path", dir);
    st = ds_folder_make(path, err);
    snprintf(path + n, (size_t)(PATH_SIZE - n), "/%s", file);
    return st;
}

static ds_status write_config(const ds_model *m, const char *dir, const char *name,
                              const char *file, ds_error *err)
{
    char path[PATH_SIZE];
    json_t *j = NULL;
    ds_status st = place(path, dir, name, file, err);

    if (st == DS_OK)
        st = ds__store_config(m->store, name, &j, err);
    if (st == DS_OK)
        st = write_json(path, j, err);
    json_decref(j);
    return st;
}

static ds_status write_weights(const ds_model *m, const char *dir, ds_component c,
                               const ds_export_options *o, ds_error *err)
{
    const char *part = ds__component_names[c];
    const size_t n = strlen(part);
    char path[PATH_SIZE];
    ds_export_list list;
    ds_status st = ds__export_begin(&list, err);

    if (st == DS_OK)
        st = ds_bundle_set_meta(list.bundle, "format", "pt", err);
    for (int64_t i = 0; st == DS_OK && i < ds_model_parameters(m); i++) {
        const char *const full[] = { ds_model_parameter_name(m, i) };

        if (strncmp(full[0], part, n) == 0 && full[0][n] == '.')
            st = ds__export_add(&list, m, o, full[0] + n + 1, full, 1, false, NULL, err);
    }
    if (st == DS_OK)
        st = place(path, dir, part,
                   c <= DS_TEXT_ENCODER_2 ? "model.safetensors"
                                          : "diffusion_pytorch_model.safetensors",
                   err);
    if (st == DS_OK)
        st = ds__export_write(&list, path, o, err);
    ds__export_end(&list);
    return st;
}

static ds_status copy_file(const char *from, const char *to, ds_error *err)
{
    char *text;
    size_t size;
    ds_status st = ds__file_read(&text, &size, from, (size_t)64 << 20, err);

    if (st != DS_OK)
        return st;
    st = ds__file_write(to, text, size, err);
    ds_free(text);
    return st;
}

/* The files as they are, or those of CLIP's own vocabulary. */
static ds_status write_tokenizer(const ds_model *m, const char *dir, int number, ds_error *err)
{
    static const char *const files[] = { "vocab.json",        "merges.txt",
                                         "tokenizer.json",    "tokenizer_config.json",
                                         "added_tokens.json", "special_tokens_map.json" };
    char path[PATH_SIZE], from[PATH_SIZE], *folder = NULL;
    const char *name = number == 2 ? "tokenizer_2" : "tokenizer";
    ds_tokenizer *t = NULL;
    int64_t pad;
    ds_status st = ds__store_tokenizer(m->store, number, &folder, &pad, err);

    for (size_t i = 0; st == DS_OK && folder != NULL && i < DS_COUNT(files); i++) {
        snprintf(from, sizeof from, "%s/%s", folder, files[i]);
        st = place(path, dir, name, files[i], err);
        if (st == DS_OK && access(from, F_OK) == 0)
            st = copy_file(from, path, err);
    }
    if (st == DS_OK && folder == NULL)
        st = ds_model_tokenizer(m, &t, number, err);
    if (st == DS_OK && t != NULL) {
        st = place(path, dir, name, "", err);
        if (st == DS_OK)
            st = ds__export_tokenizer(t, path, err);
    }
    ds_tokenizer_close(t);
    ds_free(folder);
    return st;
}

/* Library and class of each component, as diffusers finds them. */
static ds_status write_index(const ds_model *m, const char *dir, ds_error *err)
{
    static const char *const names[] = { "scheduler", "text_encoder", "text_encoder_2",
                                         "tokenizer", "tokenizer_2",  "unet",
                                         "vae" };
    bool xl = m->weights[DS_TEXT_ENCODER_2] != NULL;
    json_t *j = json_pack("{s:s, s:s}", "_class_name", ds__store_pipeline(m->store),
                          "_diffusers_version", "0.21.2");
    char path[PATH_SIZE];
    ds_status st;

    for (size_t i = 0; i < DS_COUNT(names); i++) {
        const char *class_name = ds__store_class(m->store, names[i]);
        bool text = strncmp(names[i], "t", 1) == 0;

        if (class_name != NULL)
            json_object_set_new(
                j, names[i], json_pack("[s, s]", text ? "transformers" : "diffusers", class_name));
    }
    if (xl) {
        json_object_set_new(
            j, "force_zeros_for_empty_prompt",
            json_boolean(ds__store_flag(m->store, "force_zeros_for_empty_prompt", true)));
    } else {
        json_object_set_new(j, "feature_extractor", json_pack("[n, n]"));
        json_object_set_new(j, "safety_checker", json_pack("[n, n]"));
        json_object_set_new(j, "requires_safety_checker", json_false());
    }
    snprintf(path, sizeof path, "%s/model_index.json", dir);
    st = write_json(path, j, err);
    json_decref(j);
    return st;
}

static ds_status write_all(ds_model *m, const char *path, const ds_export_options *o, ds_error *err)
{
    ds_status st = DS_OK;

    for (int c = 0; st == DS_OK && c < DS_COMPONENTS; c++) {
        if (m->weights[c] == NULL)
            continue;
        st = write_config(m, path, ds__component_names[c], "config.json", err);
        if (st == DS_OK)
            st = write_weights(m, path, (ds_component)c, o, err);
    }
    if (st == DS_OK && ds__store_class(m->store, "scheduler") != NULL)
        st = write_config(m, path, "scheduler", "scheduler_config.json", err);
    for (int number = 1; st == DS_OK && number <= 2; number++)
        if (ds__store_class(m->store, number == 2 ? "tokenizer_2" : "tokenizer") != NULL)
            st = write_tokenizer(m, path, number, err);
    return st == DS_OK ? write_index(m, path, err) : st;
}

ds_status ds__export_folder(ds_model *m, const char *path, const ds_export_options *o,
                            ds_error *err)
{
    ds_out_folder f;
    ds_status st = ds__out_folder_open(&f, path, err);

    if (st == DS_OK)
        st = write_all(m, f.temp, o, err);
    if (st == DS_OK)
        return ds__out_folder_commit(&f, "model_index.json", err);
    ds__out_folder_abandon(&f);
    return st;
}

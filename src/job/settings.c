/* settings.c - what a model's folder says about its use: settings.json, an object such as
 *
 *     { "sampler": "ddim", "steps": 30, "cfg_scale": 3, "words": "words.txt" }
 *
 * A row of options whose `setting` is one of its keys takes the value from there when nothing was
 * given. The record holds the values, so that a replay does not depend on the file. "words" names a
 * file beside it, with the words that the model knows, one a line. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "job/option.h"
#include "job/settings.h"
#include "weights/hub.h"

/* The settings, or NULL; `folder` of `size` bytes is where they are. */
static ds_status open_settings(json_t **out, char *folder, size_t size, const char *model,
                               ds_error *err)
{
    ds_arena a = { 0 };
    const char *place = model;
    char path[4096];
    ds_status st = DS_OK;

    *out = NULL;
    if (access(model, F_OK) != 0 && ds__hub_is_name(model) &&
        ds__hub_find(&place, &a, model, NULL) != DS_OK)
        place = model; /* opening the model tells what is wrong with it */
    snprintf(folder, size, "%s", place);
    ds__arena_free(&a);
    if (snprintf(path, sizeof path, "%s/" DS_SETTINGS, folder) < (int)sizeof path &&
        access(path, R_OK) == 0)
        st = ds__json_load(out, path, err);
    return st;
}

/* The value as an option is written; false: it is none. */
static bool value_text(char *text, size_t size, const json_t *value)
{
    if (json_is_string(value))
        snprintf(text, size, "%s", json_string_value(value));
    else if (json_is_number(value))
        snprintf(text, size, "%.9g", json_number_value(value));
    else
        return false;
    return true;
}

/* The defaults of the options that were not given, and in `told` what was taken. */
static ds_status take_all(ds_option_set *set, const json_t *settings, const char *folder,
                          ds_buffer *told, ds_error *err)
{
    ds_status st = DS_OK;

    for (int i = 0; st == DS_OK && i < ds_option_count(set); i++) {
        const ds_option *o = ds_option_at(set, i);
        const json_t *value = o->setting != NULL ? json_object_get(settings, o->setting) : NULL;
        char text[128];

        if (value == NULL || ds_option_given(set, i))
            continue;
        if (!value_text(text, sizeof text, value))
            return ds_fail(err, DS_E_FORMAT,
                           "%s/" DS_SETTINGS ": \"%s\": expected a number or a text", folder,
                           o->setting);
        st = ds__option_default(set, i, text, err);
        ds__buffer_printf(told, "%s%s %s", told->bytes > 0 ? ", " : "", o->name, text);
    }
    return st;
}

static ds_status read_words(json_t **out, const char *folder, const json_t *settings, ds_error *err)
{
    const char *name = json_string_value(json_object_get(settings, "words"));
    char path[4096], *text, *rest = NULL;
    size_t size;
    ds_status st;

    if (name == NULL || strchr(name, '/') != NULL ||
        snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return DS_OK;
    st = ds__file_read(&text, &size, path, 16 << 20, err);
    if (st != DS_OK)
        return st;
    if ((*out = json_object()) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the words of a model");
    for (char *word = strtok_r(text, "\r\n", &rest); st == DS_OK && word != NULL;
         word = strtok_r(NULL, "\r\n", &rest))
        if (json_object_set_new(*out, word, json_true()) != 0)
            st = ds_fail(err, DS_E_FORMAT, "%s: expected words in UTF-8, one a line", path);
    ds_free(text);
    return st;
}

ds_status ds__settings_apply(ds_option_set *set, const char *model, json_t **words, char **told,
                             ds_error *err)
{
    ds_buffer taken = { 0 };
    char folder[4096];
    json_t *settings;
    ds_status st = open_settings(&settings, folder, sizeof folder, model, err);

    *told = NULL;
    if (st != DS_OK || settings == NULL)
        return st;
    st = take_all(set, settings, folder, &taken, err);
    if (st == DS_OK)
        st = read_words(words, folder, settings, err);
    if (st == DS_OK && taken.bytes > 0)
        st = ds__buffer_take(&taken, told, NULL, "settings", err);
    ds__buffer_clear(&taken);
    json_decref(settings);
    return st;
}

/* ---- words -------------------------------------------------------------------------------------- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* The next word of a text, in lower case; NULL behind the last. A word is a run of letters; an 's
 * behind it, and what stands in <angle brackets> (embeddings), are none. */
static const char *next_word(char *word, size_t size, const char *text)
{
    size_t n = 0;

    while (*text != '\0' && !is_letter(*text)) {
        const char *end = *text == '<' ? strchr(text, '>') : NULL;

        text = end != NULL ? end + 1 : text + 1;
    }
    for (; is_letter(*text); text++)
        if (n + 1 < size)
            word[n++] = (char)(*text >= 'A' && *text <= 'Z' ? *text + 'a' - 'A' : *text);
    word[n] = '\0';
    if (text[0] == '\'' && (text[1] == 's' || text[1] == 'S') && !is_letter(text[2]))
        text += 2;
    return n > 0 ? text : NULL;
}

ds_status ds__settings_unknown(char **out, const json_t *words, const char *text, ds_error *err)
{
    ds_buffer unknown = { 0 };
    char word[128], quoted[sizeof word + 2];
    ds_status st = DS_OK;

    *out = NULL;
    while ((text = next_word(word, sizeof word, text)) != NULL)
        if (json_object_get(words, word) == NULL) {
            snprintf(quoted, sizeof quoted, "\"%s\"", word);
            if (unknown.data == NULL || strstr(unknown.data, quoted) == NULL)
                ds__buffer_printf(&unknown, "%s%s", unknown.bytes > 0 ? ", " : "", quoted);
        }
    if (unknown.bytes > 0) {
        ds__buffer_printf(&unknown,
                          ": not among the words that this model was trained on, which its folder "
                          "lists; it spells them from pieces that it hardly saw, so pictures and "
                          "numbers tell little about them");
        st = ds__buffer_take(&unknown, out, NULL, "a warning", err);
    }
    ds__buffer_clear(&unknown);
    return st;
}

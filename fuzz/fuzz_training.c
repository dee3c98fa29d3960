/* Any bytes as a checkpoint of a training: after "S" step, identity and settings, cut at bytes 0xfe, with the right
 * tensors; after "R" a whole file; after "C" the configuration. What is accepted has a step that the training has, and
 * every value of the file. */

#include "fuzz/support.h"

#include <stdlib.h>
#include <string.h>

#include "train/train.h"
#include "weights/bundle.h"

#define SIZE 6

static float values[2][4][SIZE];

static void make_state(ds_weights_state *s, ds_slot slot[2])
{
    static const char *const names[] = { "vae.encoder.a.weight", "vae.encoder.b.bias" };

    memset(slot, 0, 2 * sizeof *slot);
    for (int i = 0; i < 2; i++) {
        slot[i] = (ds_slot){
            .name = (char *)names[i],
            .shape = { .dtype = DS_DTYPE_F32, .rank = 2 - i, .dim = { i == 0 ? 2 : SIZE, 3 } },
            .param = values[i][0],
            .m = values[i][1],
            .v = values[i][2],
            .average = values[i][3]
        };
        for (int k = 0; k < 4 * SIZE; k++)
            values[i][k / SIZE][k % SIZE] = (float)(i + k);
    }
    *s = (ds_weights_state){ .slot = slot, .count = 2, .shards = 1 };
}

static const char *put_parts(ds_weights_state *s, const ds_settings *o, const fz_part *part,
                             int parts)
{
    static const char *const keys[] = { "step", "training", "settings" };
    static char path[300];
    ds_bundle *b = NULL;
    bool good;

    strcpy(path, fz_put("checkpoint.safetensors", (const uint8_t *)"", 0));
    FZ_HOLDS(ds__state_save(s, path, "vae", o, 3, NULL) == DS_OK);
    good = ds_bundle_load(&b, path, NULL) == DS_OK;
    FZ_HOLDS(good);
    for (int i = 0; i < parts && i < 3; i++) {
        char *text = ds_alloc(part[i].size + 1);

        memcpy(text, part[i].data, part[i].size);
        text[part[i].size] = '\0';
        good = good && ds_bundle_set_meta(b, keys[i], text, NULL) == DS_OK;
        ds_free(text);
    }
    good = good && ds_bundle_save(b, path, NULL) == DS_OK;
    ds_bundle_free(b);
    return good ? path : NULL;
}

static void values_are_of(const char *path)
{
    ds_bundle *b = NULL;
    ds_tensor *t;

    FZ_HOLDS(ds_bundle_load(&b, path, NULL) == DS_OK);
    t = ds_bundle_find(b, "param.vae.encoder.a.weight");
    FZ_HOLDS(t != NULL && memcmp(t->data, values[0][0], sizeof values[0][0]) == 0);
    ds_bundle_free(b);
}

static void read_config(const uint8_t *data, size_t size)
{
    ds_settings s = { 0 };
    ds_error err = { 0 };
    const char *path = fz_put("config.json", data, size);
    ds_status st = ds__settings_read(&s, path, size % 2 == 1, &err);

    if (st == DS_OK)
        FZ_HOLDS(s.model != NULL && s.batch > 0 && s.steps > 0 && s.checkpoint > 0 && s.sheet > 0);
    else
        FZ_HOLDS(err.code == st && err.text[0] != '\0');
    ds__settings_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char config[] = "{\"model\": \"sd15\", \"seed\": 5, \"batch\": 4, \"steps\": 60}";
    static ds_settings settings;
    ds_weights_state s;
    ds_slot slot[2];
    fz_part part[3];
    const char *path;
    ds_error err = { 0 };
    int64_t step = -1;
    ds_status st;

    if (size == 0)
        return 0;
    if (settings.json == NULL)
        FZ_HOLDS(ds__settings_read(
                     &settings, fz_put("settings.json", (const uint8_t *)config, sizeof config - 1),
                     false, &err) == DS_OK);
    if (data[0] == 'C') {
        read_config(data + 1, size - 1);
        return 0;
    }
    make_state(&s, slot);
    path = data[0] == 'R' ? fz_put("checkpoint.safetensors", data + 1, size - 1)
                          : put_parts(&s, &settings, part, fz_split(part, 3, data + 1, size - 1));
    if (path == NULL)
        return 0;
    memset(values, 0, sizeof values);
    st = ds__state_load(&s, path, "vae", &settings, &step, &err);
    if (st == DS_OK) {
        FZ_HOLDS(step >= 0 && step <= settings.steps);
        values_are_of(path);
    } else {
        FZ_HOLDS(err.code == st && err.text[0] != '\0');
    }
    return 0;
}

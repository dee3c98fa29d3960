/* lora_keys.c - whose tensors are these? See lora.h.
 *
 * "_" is a separator in kohya's names and a letter in the names of modules, so that keys cannot be taken
 * apart. Instead every name that a module of this model may have is made, and the keys are looked up. */

#include "models/lora.h"

#include "base/text.h"
#include "weights/name_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 512
#define SHOWN     3

static const struct {
    const char *end;
    ds_lora_slot slot;
    bool peft;
} ends[] = {
    { ".lora_down.weight", DS_LORA_DOWN, false },
    { ".lora_up.weight", DS_LORA_UP, false },
    { ".lora_mid.weight", DS_LORA_MID, false },
    { ".alpha", DS_LORA_ALPHA, false },
    { ".lora_A.weight", DS_LORA_DOWN, true },
    { ".lora_B.weight", DS_LORA_UP, true },
    { ".lora_A.default.weight", DS_LORA_DOWN, true },
    { ".lora_B.default.weight", DS_LORA_UP, true },
    { ".lora.down.weight", DS_LORA_DOWN, true },
    { ".lora.up.weight", DS_LORA_UP, true },
    { ".lora_linear_layer.down.weight", DS_LORA_DOWN, true },
    { ".lora_linear_layer.up.weight", DS_LORA_UP, true },
    { "_lora.down.weight", DS_LORA_DOWN, true },
    { "_lora.up.weight", DS_LORA_UP, true },
    { ".hada_w1_a", DS_LORA_HADA1_A, false },
    { ".hada_w1_b", DS_LORA_HADA1_B, false },
    { ".hada_w2_a", DS_LORA_HADA2_A, false },
    { ".hada_w2_b", DS_LORA_HADA2_B, false },
    { ".hada_t1", DS_LORA_HADA1_T, false },
    { ".hada_t2", DS_LORA_HADA2_T, false },
    { ".lokr_w1", DS_LORA_KRON1, false },
    { ".lokr_w1_a", DS_LORA_KRON1_A, false },
    { ".lokr_w1_b", DS_LORA_KRON1_B, false },
    { ".lokr_w2", DS_LORA_KRON2, false },
    { ".lokr_w2_a", DS_LORA_KRON2_A, false },
    { ".lokr_w2_b", DS_LORA_KRON2_B, false },
    { ".lokr_t2", DS_LORA_KRON2_T, false },
    { ".dora_scale", DS_LORA_DORA, false },
    { ".lora_magnitude_vector", DS_LORA_DORA, true },
    { ".lora_magnitude_vector.weight", DS_LORA_DORA, true },
    { ".diff", DS_LORA_DIFF, false },
    { ".diff_b", DS_LORA_DIFF_BIAS, false },
    { ".w_norm", DS_LORA_DIFF, false },
    { ".b_norm", DS_LORA_DIFF_BIAS, false },
};

static const struct {
    const char *part, *kind;
} refused[] = {
    { ".a1.weight", "GLoRA" }, { ".b1.weight", "GLoRA" }, { ".on_input", "IA3" },
    { ".oft_blocks", "OFT" },  { ".oft_diag", "OFT" },    { ".oft_R", "OFT" },
    { ".boft_", "BOFT" },      { ".vera_", "VeRA" },
};

/* One spelling of one module. */
typedef struct spelling {
    const char *text;
    int64_t module;
} spelling;

typedef struct table {
    ds_lora_keys *k;
    spelling *entry; /* sorted by text */
    int64_t count, room;
    bool failed;
} table;

/* ---- spellings ------------------------------------------------------------------------------- */

static void add(table *t, int64_t module, const char *prefix, const char *name, bool flat)
{
    char *text = ds__arena_printf(&t->k->arena, "%s%s", prefix, name);

    if (t->count == t->room) {
        int64_t room = t->room == 0 ? 4096 : 2 * t->room;
        spelling *e = ds_calloc((size_t)room, sizeof *e);

        t->failed |= e == NULL;
        if (t->failed)
            return;
        if (t->count > 0)
            memcpy(e, t->entry, (size_t)t->count * sizeof *e);
        ds_free(t->entry);
        t->entry = e;
        t->room = room;
    }
    t->failed |= text == NULL;
    for (char *p = text; flat && p != NULL && *p != '\0'; p++)
        if (*p == '.')
            *p = '_';
    if (!t->failed)
        t->entry[t->count++] = (spelling){ text, module };
}

/* diffusers before 0.20: "attn1.processor.to_q_lora" with the ending "_lora.down.weight" left. */
static void add_processor(table *t, int64_t module, const char *name)
{
    static const char *const last[] = { ".to_q", ".to_k", ".to_v", ".to_out.0" };
    static const char *const now[] = { "to_q", "to_k", "to_v", "to_out" };
    char text[NAME_SIZE];

    for (size_t i = 0; i < DS_COUNT(last); i++)
        if (ds__ends_with(name, last[i])) {
            snprintf(text, sizeof text, "%.*s.processor.%s", (int)(strlen(name) - strlen(last[i])),
                     name, now[i]);
            add(t, module, "unet.", text, false);
            add(t, module, "", text, false);
        }
}

static void add_unet(table *t, int64_t module, const char *name, const ds_name_map *original)
{
    char text[NAME_SIZE];

    add(t, module, "lora_unet_", name, true);
    add(t, module, "lycoris_", name, true);
    add(t, module, "unet.", name, false);
    add(t, module, "", name, false);
    add(t, module, "base_model.model.", name, false);
    add_processor(t, module, name);
    if (!ds__name_to_theirs(original, name, text, sizeof text))
        return;
    add(t, module, "lora_unet_", text, true);
    add(t, module, "lycoris_", text, true);
    add(t, module, "diffusion_model.", text, false);
}

static void add_text(table *t, int64_t module, const char *name, int which)
{
    if (which == 0) {
        add(t, module, "lora_te_", name, true);
        add(t, module, "lora_te1_", name, true);
        add(t, module, "lycoris_te_", name, true);
        add(t, module, "text_encoder.", name, false);
    } else {
        add(t, module, "lora_te2_", name, true);
        add(t, module, "text_encoder_2.", name, false);
    }
}

static void blocks_of(ds_unet_blocks *b, const ds_unet_config *c)
{
    *b = (ds_unet_blocks){ .levels = c->levels };
    for (int l = 0; l < c->levels; l++) {
        b->layers[l] = (int)c->layers[l];
        b->down_attention[l] = c->down_attention[l];
        b->up_attention[l] = c->up_attention[l];
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const spelling *)a)->text, ((const spelling *)b)->text);
}

/* Modules are parameters' names without ".weight". */
static ds_status spell_all(table *t, const ds_model *m, ds_error *err)
{
    int64_t n = ds_model_parameters(m);
    ds_name_map original = { 0 };
    ds_unet_blocks blocks;
    ds_status st;

    blocks_of(&blocks, &m->unet);
    st = ds__name_map_unet(&original, &blocks, err);
    t->k->module = ds__arena_alloc(&t->k->arena, (size_t)(n + 1) * sizeof *t->k->module);
    t->failed |= t->k->module == NULL;
    for (int64_t i = 0; st == DS_OK && !t->failed && i < n; i++) {
        const char *name = ds_model_parameter_name(m, i);
        int64_t at = t->k->modules;
        char *module;

        if (!ds__ends_with(name, ".weight"))
            continue;
        module =
            ds__arena_printf(&t->k->arena, "%.*s", (int)(strlen(name) - strlen(".weight")), name);
        t->failed |= module == NULL;
        if (t->failed)
            break;
        t->k->module[t->k->modules++].name = module;
        if (strncmp(module, "unet.", 5) == 0)
            add_unet(t, at, module + 5, &original);
        else if (strncmp(module, "text_encoder.", 13) == 0)
            add_text(t, at, module + 13, 0);
        else if (strncmp(module, "text_encoder_2.", 15) == 0)
            add_text(t, at, module + 15, 1);
    }
    ds__name_map_free(&original);
    if (st == DS_OK && t->failed)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the names of a model's modules");
    if (st == DS_OK && t->count > 0)
        qsort(t->entry, (size_t)t->count, sizeof *t->entry, by_text);
    return st;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static const spelling *look_up(const table *t, const char *key, size_t n)
{
    char text[NAME_SIZE];
    spelling want = { .text = text };

    if (n >= sizeof text || t->count == 0)
        return NULL;
    memcpy(text, key, n);
    text[n] = '\0';
    return bsearch(&want, t->entry, (size_t)t->count, sizeof want, by_text);
}

static bool take(const table *t, const char *key, const ds_tensor *value)
{
    for (size_t i = 0; i < DS_COUNT(ends); i++) {
        const spelling *s;
        ds_lora_module *l;

        if (!ds__ends_with(key, ends[i].end))
            continue;
        s = look_up(t, key, strlen(key) - strlen(ends[i].end));
        if (s == NULL)
            continue;
        l = &t->k->module[s->module];
        if (l->part[ends[i].slot] != NULL)
            return false; /* under two spellings: the first holds */
        l->part[ends[i].slot] = value;
        l->peft |= ends[i].peft;
        return true;
    }
    return false;
}

static ds_status refuse(const char *key, const char *path, ds_error *err)
{
    for (size_t i = 0; i < DS_COUNT(refused); i++)
        if (strstr(key, refused[i].part) != NULL) {
            ds_fail(err, DS_E_UNSUPPORTED, "%s: '%.120s' is of %s, which is not implemented", path,
                    key, refused[i].kind);
            return ds_fail_at(err, DS_E_UNSUPPORTED, path, -1);
        }
    return DS_OK;
}

static void note_unused(ds_lora_keys *k, const char *key)
{
    size_t used = strlen(k->unused_names);

    if (k->unused++ < SHOWN)
        snprintf(k->unused_names + used, sizeof k->unused_names - used, "%s%.90s",
                 used > 0 ? ", " : "", key);
}

ds_status ds__lora_keys(ds_lora_keys *k, const ds_bundle *b, const ds_model *m, const char *path,
                        ds_error *err)
{
    table t = { .k = k };
    ds_status st;

    *k = (ds_lora_keys){ .modules = 0 };
    st = spell_all(&t, m, err);
    for (int64_t i = 0; st == DS_OK && i < ds_bundle_count(b); i++) {
        const char *key = ds_bundle_name(b, i);

        st = refuse(key, path, err);
        if (st == DS_OK && take(&t, key, ds_bundle_at(b, i)))
            k->used++;
        else if (st == DS_OK)
            note_unused(k, key);
    }
    ds_free(t.entry);
    return st;
}

void ds__lora_keys_clear(ds_lora_keys *k)
{
    ds__arena_free(&k->arena);
    *k = (ds_lora_keys){ .modules = 0 };
}

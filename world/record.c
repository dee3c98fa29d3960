/* record.c - writes down what is true of a scene, and what the world's tables say.
 *
 * Format: docs/world.md. Thread rule: none of its own. */

#include "world/record.h"

#include <diffuscope/image.h>
#include <diffuscope/rle.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *numbers(const double *v, int n)
{
    json_t *a = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(a, json_real(v[i]));
    return a;
}

/* Three decimals are plenty for places on a picture, and keep the lines short. */
static json_t *pixel(float v)
{
    return json_real(round((double)v * 1000.0) / 1000.0);
}

static json_t *links_of(const ds_scene *s)
{
    json_t *a = json_array();

    for (int i = 0; i < s->links; i++) {
        const ds_link *l = &s->link[i];

        json_array_append_new(a, json_pack("{s:s, s:i, s:i, s:s%, s:o}", "role",
                                           ds_link_role_name(l->role), "first", l->first, "last",
                                           l->last, "text", s->caption + l->first,
                                           (size_t)(l->last - l->first), "entity",
                                           l->entity < 0 ? json_null() : json_integer(l->entity)));
    }
    return a;
}

static json_t *entities_of(const ds_world *w, const ds_scene *s)
{
    const ds_world_tables *t = ds_world_words(w);
    json_t *a = json_array();

    for (int i = 0; i < s->entities; i++) {
        const ds_entity *e = &s->entity[i];
        const ds_thing *x = e->thing < 0 ? NULL : &s->factors.thing[e->thing];
        const char *what = x == NULL            ? ds_entity_kind_name(e->kind)
                           : x->occupation >= 0 ? t->occupation[x->occupation].id
                                                : t->object[x->object].id;
        uint32_t *counts;
        int64_t runs, area = 0;
        json_t *list = json_array();

        if (ds_rle_count(&counts, &runs, e->mask, DS_WORLD_SIDE, DS_WORLD_SIDE, NULL) != DS_OK) {
            json_decref(list);
            json_decref(a);
            return NULL;
        }
        for (int64_t k = 0; k < runs; k++) {
            area += k % 2 ? (int)counts[k] : 0;
            json_array_append_new(list, json_integer(counts[k]));
        }
        ds_free(counts);
        json_array_append_new(a, json_pack("{s:s, s:s, s:[iiii], s:I, s:{s:[ii], s:o}}", "kind",
                                           ds_entity_kind_name(e->kind), "what", what, "box",
                                           e->box[0], e->box[1], e->box[2], e->box[3], "area",
                                           (json_int_t)area, "mask", "size", DS_WORLD_SIDE,
                                           DS_WORLD_SIDE, "counts", list));
    }
    return a;
}

static void add_person(json_t *o, const ds_world_tables *t, const ds_thing *x)
{
    static const char *const genders[] = { "woman", "man" };
    const ds_word_occupation *p = &t->occupation[x->occupation];

    json_object_set_new(o, "occupation", json_string(p->id));
    json_object_set_new(o, "occupation_named", json_boolean(x->occupation_named));
    json_object_set_new(o, "gender", json_string(genders[x->gender]));
    json_object_set_new(o, "gender_named", json_boolean(x->gender_named));
    json_object_set_new(o, "p_woman", json_real(x->gender_named ? 0.5 : p->p_woman));
    json_object_set_new(o, "skin", json_string(t->skin[x->skin]));
    json_object_set_new(o, "skin_named", json_boolean(x->skin_named));
    if (!x->skin_named)
        json_object_set_new(o, "p_skin", numbers(p->p_skin, DS_WORLD_SKINS));
}

static void add_homonym(json_t *o, const ds_world_tables *t, const ds_factors *f, const ds_thing *x)
{
    static const char *const contexts[] = { "none", "neutral", "background", "companion" };
    const ds_word_homonym *h = &t->homonym[x->homonym];

    json_object_set_new(o, "homonym", json_string(h->word));
    json_object_set_new(o, "sense", json_integer(x->sense));
    json_object_set_new(o, "context", json_string(contexts[f->context]));
    json_object_set_new(o, "p_sense",
                        json_real(f->context == DS_CONTEXT_NEUTRAL ? h->sense[x->sense].p : 1.0));
}

static json_t *things_of(const ds_world_tables *t, const ds_factors *f)
{
    json_t *a = json_array();

    for (int i = 0; i < f->things; i++) {
        const ds_thing *x = &f->thing[i];
        json_t *o = json_object();

        if (x->occupation >= 0)
            add_person(o, t, x);
        else
            json_object_set_new(o, "object", json_string(t->object[x->object].id));
        if (x->homonym >= 0)
            add_homonym(o, t, f, x);
        json_object_set_new(o, "size", json_string(t->size[x->size].id));
        json_object_set_new(o, "size_named", json_boolean(x->size_named));
        json_object_set_new(o, "side", pixel(x->side));
        json_object_set_new(o, "cx", pixel(x->cx));
        json_object_set_new(o, "cy", pixel(x->cy));
        json_array_append_new(a, o);
    }
    return a;
}

static json_t *factors_of(const ds_world_tables *t, const ds_factors *f)
{
    static const char *const forms[] = { "prefix", "suffix", "in-style", "unnamed" };
    json_t *o = json_pack("{s:s, s:s?, s:s, s:s, s:b}", "kind", ds_scene_kind_name(f->kind),
                          "style", f->style < 0 ? NULL : t->style[f->style].id, "style_form",
                          forms[f->style_form], "background", t->background[f->background].id,
                          "background_named", f->background_named);

    if (f->relation >= 0) {
        json_object_set_new(o, "relation", json_string(t->relation[f->relation].id));
        json_object_set_new(o, "placed", json_string(t->relation[f->placed].id));
    }
    if (t->background[f->background].plain)
        json_object_set_new(
            o, "tint",
            json_pack("[o,o,o]", pixel(f->tint[0]), pixel(f->tint[1]), pixel(f->tint[2])));
    else
        json_object_set_new(o, "texture_seed", json_integer(f->texture_seed));
    json_object_set_new(o, "watermark", json_boolean(f->watermark));
    json_object_set_new(o, "things", things_of(t, f));
    return o;
}

json_t *ds_world_record(const ds_world *w, const ds_scene *s, const char *file)
{
    const ds_world_tables *t = ds_world_words(w);

    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o}", "file", file, "caption", s->caption,
                     "split", ds_split_name(s->factors.split), "index",
                     (json_int_t)s->factors.index, "links", links_of(s), "entities",
                     entities_of(w, s), "factors", factors_of(t, &s->factors));
}

/* ---- tables ---------------------------------------------------------------------------------- */

static json_t *ids(const char *first, size_t stride, int n)
{
    json_t *a = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(a, json_string(first + stride * (size_t)i));
    return a;
}

static json_t *occupations_of(const ds_world_tables *t)
{
    json_t *a = json_array();

    for (int i = 0; i < t->occupations; i++) {
        const ds_word_occupation *o = &t->occupation[i];

        json_array_append_new(a,
                              json_pack("{s:s, s:o, s:f, s:o}", "id", o->id, "names",
                                        ids(o->name[0], sizeof o->name[0], o->names), "p_woman",
                                        o->p_woman, "p_skin", numbers(o->p_skin, DS_WORLD_SKINS)));
    }
    return a;
}

static json_t *homonyms_of(const ds_world_tables *t)
{
    json_t *a = json_array();

    for (int i = 0; i < t->homonyms; i++) {
        const ds_word_homonym *h = &t->homonym[i];
        json_t *senses = json_array();

        for (int k = 0; k < 2; k++) {
            const ds_word_sense *s = &h->sense[k];
            json_t *places = json_array(), *companions = json_array();

            for (int b = 0; b < s->backgrounds; b++)
                json_array_append_new(places, json_string(t->background[s->background[b]].id));
            for (int c = 0; c < s->companions; c++)
                json_array_append_new(companions, json_string(t->object[s->companion[c]].id));
            json_array_append_new(
                senses, json_pack("{s:s, s:f, s:o, s:o}", "object", t->object[s->object].id, "p",
                                  s->p, "backgrounds", places, "companions", companions));
        }
        json_array_append_new(a, json_pack("{s:s, s:o}", "word", h->word, "senses", senses));
    }
    return a;
}

static json_t *objects_of(const ds_world_tables *t)
{
    json_t *a = json_array();

    for (int i = 0; i < t->objects; i++) {
        const ds_word_object *o = &t->object[i];

        json_array_append_new(a, json_pack("{s:s, s:s, s:s, s:o}", "id", o->id, "code", o->code,
                                           "group", o->group, "names",
                                           ids(o->name[0], sizeof o->name[0], o->names)));
    }
    return a;
}

json_t *ds_world_table_record(const ds_world *w)
{
    const ds_world_tables *t = ds_world_words(w);

    return json_pack("{s:I, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:s, s:s, s:s}, s:{s:s}, s:o}",
                     "seed", (json_int_t)t->seed, "side", DS_WORLD_SIDE, "styles",
                     ids(t->style[0].id, sizeof t->style[0], t->styles), "backgrounds",
                     ids(t->background[0].id, sizeof t->background[0], t->backgrounds), "relations",
                     ids(t->relation[0].id, sizeof t->relation[0], DS_RELATIONS), "objects",
                     objects_of(t), "occupations", occupations_of(t), "homonyms", homonyms_of(t),
                     "invented", "word", t->object[t->zorp].name[0], "top",
                     t->object[t->zorp_top].id, "bottom", t->object[t->zorp_bottom].id, "watermark",
                     "object", t->object[t->watermark].id, "heldout", ds_world_heldout_record(w));
}

json_t *ds_world_heldout_record(const ds_world *w)
{
    static const int placed[] = { DS_REL_LEFT, DS_REL_RIGHT, DS_REL_ABOVE, DS_REL_BELOW,
                                  DS_REL_INSIDE };
    const ds_world_tables *t = ds_world_words(w);
    json_t *pairs = json_array(), *triples = json_array();

    for (int o = 0; o < t->objects; o++)
        for (int s = 0; s < t->styles; s++) {
            if (ds_world_is_heldout(w, o, s, -1)) {
                json_array_append_new(pairs, json_pack("[s,s]", t->object[o].id, t->style[s].id));
                continue;
            }
            for (size_t k = 0; k < DS_COUNT(placed); k++)
                if (ds_world_is_heldout(w, o, s, placed[k]))
                    json_array_append_new(triples,
                                          json_pack("[s,s,s]", t->object[o].id, t->style[s].id,
                                                    t->relation[placed[k]].id));
        }
    return json_pack("{s:o, s:o}", "object_style", pairs, "object_style_relation", triples);
}

/* ---- pictures -------------------------------------------------------------------------------- */

ds_status ds_world_write_record(json_t *j, FILE *to, const char *path, size_t flags, ds_error *err)
{
    ds_status st = DS_OK;

    if (j == NULL)
        return ds_fail(err, DS_E_NOMEM, "%s: memory is exhausted", path);
    if (json_dumpf(j, to, flags | JSON_REAL_PRECISION(9)) != 0 || fputc('\n', to) == EOF)
        st = ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    json_decref(j);
    return st;
}

ds_status ds_world_write_png(const char *path, const uint8_t *rgb, int width, int height,
                             ds_error *err)
{
    ds_image image;
    ds_status st = ds_image_init(&image, width, height, err);

    if (st != DS_OK)
        return st;
    memcpy(image.rgb, rgb, (size_t)width * (size_t)height * 3);
    st = ds_image_save_png(&image, path, NULL, 0, err);
    ds_image_clear(&image);
    return st;
}

ds_status ds_world_read_png(const char *path, uint8_t *rgb, int width, int height, ds_error *err)
{
    ds_image image;
    ds_status st = ds_image_load(&image, path, err);

    if (st == DS_OK && (image.width != width || image.height != height))
        st = ds_fail_at(err,
                        ds_fail(err, DS_E_FORMAT, "%s: expected %d x %d pixels, found %lld x %lld",
                                path, width, height, (long long)image.width,
                                (long long)image.height),
                        path, -1);
    else if (st == DS_OK)
        memcpy(rgb, image.rgb, (size_t)width * (size_t)height * 3);
    ds_image_clear(&image);
    return st;
}

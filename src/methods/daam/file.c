/* file.c - a trace as a safetensors file: "slot.N" [floats] are the sums in the order that
 * daam.h tells, "self" those of self-attention, and the text under "daam" in the header says, as
 * JSON, what they are. The file is hostile until it is checked: a size that does not follow from
 * the text is refused. */

#include "methods/daam/daam.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for a trace");
}

/* ---- writing --------------------------------------------------------------------------------- */

static json_t *layers_json(const ds_daam *d)
{
    json_t *a = json_array();

    for (int64_t i = 0; i < d->trace.layers; i++) {
        const daam_layer *l = &d->trace.layer[i];

        json_array_append_new(
            a, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "site", l->site, "index",
                         (json_int_t)l->index, "heads", (json_int_t)l->heads, "height",
                         (json_int_t)l->height, "width", (json_int_t)l->width, "factor",
                         (json_int_t)l->factor, "halvings", (json_int_t)l->halvings, "kept_heads",
                         (json_int_t)l->kept_heads));
    }
    return a;
}

static json_t *texts_json(const ds_daam *d, int64_t first, int64_t end)
{
    json_t *a = json_array();

    for (int64_t i = first; i < end; i++)
        json_array_append_new(a, json_string(d->trace.text[i].text));
    return a;
}

static json_t *optional(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static json_t *trace_json(const ds_daam *d)
{
    const int64_t length = ds__text_length(d->text_encoder);
    json_t *root = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:b}", "version",
        (json_int_t)1, "images", (json_int_t)d->trace.images, "height", (json_int_t)d->trace.height,
        "width", (json_int_t)d->trace.width, "steps", (json_int_t)d->trace.steps, "groups",
        (json_int_t)d->trace.groups, "calls", (json_int_t)d->trace.calls, "side",
        (json_int_t)d->options.side, "chunks", (json_int_t)(d->trace.text[0].columns / length),
        "heads_apart", d->trace.heads_apart, "layers_apart", d->trace.layers_apart, "paper",
        d->options.paper, "all_tokens", d->options.all_tokens);

    json_object_set_new(root, "kept_heads", optional(d->options.heads));
    json_object_set_new(root, "kept_steps", optional(d->options.steps));
    json_object_set_new(root, "prompts", texts_json(d, 0, d->trace.prompts));
    json_object_set_new(root, "asked", texts_json(d, d->trace.prompts, d->trace.texts));
    json_object_set_new(root, "layers", layers_json(d));
    if (d->trace.self.layers > 0)
        json_object_set_new(
            root, "self",
            json_pack("{s:I, s:I, s:I, s:I}", "height", (json_int_t)d->trace.self.height, "width",
                      (json_int_t)d->trace.self.width, "maps", (json_int_t)d->trace.self.maps,
                      "halvings", (json_int_t)d->trace.self.halvings));
    return root;
}

static ds_status add(ds_bundle *b, const char *name, const float *data, int64_t n, ds_error *err)
{
    ds_tensor *t;
    ds_status st = ds_bundle_add(b, name, DS_DTYPE_F32, 1, &n, &t, err);

    if (st == DS_OK)
        memcpy(t->data, data, (size_t)n * sizeof *data);
    return st;
}

static int64_t self_floats(const ds_daam *d)
{
    const int64_t n = d->trace.self.height * d->trace.self.width;

    return d->trace.images * n * n;
}

ds_status ds_daam_save(const ds_daam *d, const char *path, ds_error *err)
{
    json_t *root = trace_json(d);
    char *text = json_dumps(root, JSON_COMPACT), name[32];
    ds_bundle *b = NULL;
    ds_status st = text != NULL ? ds_bundle_new(&b, err) : no_memory(err);

    if (st == DS_OK)
        st = ds_bundle_set_meta(b, "daam", text, err);
    for (int i = 0; st == DS_OK && i < d->trace.slots; i++) {
        snprintf(name, sizeof name, "slot.%d", i);
        st = add(b, name, d->trace.slot[i].data, d->trace.slot[i].floats, err);
    }
    if (st == DS_OK && d->trace.self.layers > 0)
        st = add(b, "self", d->trace.self.data, self_floats(d), err);
    if (st == DS_OK)
        st = ds_bundle_save(b, path, err);
    ds_bundle_free(b);
    free(text);
    json_decref(root);
    return st;
}

/* ---- reading --------------------------------------------------------------------------------- */

typedef struct reader {
    const char *const *more; /* texts to ask for beside those of the file */
    int64_t n_more;
    const json_t *root;
    const char *path;
    ds_status st;
    ds_error *err;
} reader;

static int64_t integer(reader *r, const json_t *o, const char *name, int64_t least, int64_t most)
{
    const json_t *v = json_object_get(o, name);
    const int64_t x = json_integer_value(v);

    if (r->st == DS_OK && (!json_is_integer(v) || x < least || x > most))
        r->st = ds_fail(r->err, DS_E_FORMAT, "%s: expected \"%s\" from %lld to %lld", r->path, name,
                        (long long)least, (long long)most);
    return r->st == DS_OK ? x : least;
}

static const char *words(reader *r, ds_daam *d, const char *name)
{
    const json_t *v = json_object_get(r->root, name);
    const char *copy = NULL;

    if (json_is_string(v)) {
        copy = ds__arena_printf(&d->arena, "%s", json_string_value(v));
        if (copy == NULL && r->st == DS_OK)
            r->st = no_memory(r->err);
    }
    return copy;
}

static const char **texts(reader *r, ds_daam *d, const char *name, int64_t *count)
{
    const json_t *a = json_object_get(r->root, name);
    const char **list =
        ds__arena_alloc(&d->arena, (json_array_size(a) + (size_t)r->n_more + 1) * sizeof *list);

    *count = (int64_t)json_array_size(a);
    for (int64_t i = 0; list != NULL && i < *count; i++) {
        list[i] = json_string_value(json_array_get(a, (size_t)i));
        if (list[i] == NULL && r->st == DS_OK)
            r->st = ds_fail(r->err, DS_E_FORMAT, "%s: expected texts in \"%s\"", r->path, name);
    }
    if (list == NULL && r->st == DS_OK)
        r->st = no_memory(r->err);
    return list;
}

/* Is n a side of the latent, halved k times and rounded up each time? */
static bool is_halved(int64_t n, int64_t side, int64_t k)
{
    return n == (side + ((int64_t)1 << k) - 1) >> k;
}

static const char *query_name(ds_daam *d, const char *site)
{
    char q[512] = "";

    if (site != NULL && strrchr(site, '.') != NULL)
        ds__attention_sibling(q, sizeof q, site, "q");
    return ds__arena_printf(&d->arena, "%s", q);
}

static void read_layers(reader *r, ds_daam *d)
{
    const json_t *a = json_object_get(r->root, "layers");
    const int64_t n = (int64_t)json_array_size(a);

    if (r->st == DS_OK && (n < 1 || n > 4096))
        r->st = ds_fail(r->err, DS_E_FORMAT, "%s: expected 1 to 4096 layers", r->path);
    if (r->st != DS_OK)
        return;
    d->trace.layer = ds__arena_alloc(&d->arena, (size_t)n * sizeof *d->trace.layer);
    for (int64_t i = 0; d->trace.layer != NULL && r->st == DS_OK && i < n; i++) {
        const json_t *o = json_array_get(a, (size_t)i);
        const char *site = json_string_value(json_object_get(o, "site"));
        int64_t kept = 0;
        daam_layer *l = &d->trace.layer[d->trace.layers++];

        *l = (daam_layer){ .index = integer(r, o, "index", 0, 1 << 20),
                           .heads = integer(r, o, "heads", 1, 4096),
                           .height = integer(r, o, "height", 1, 4096),
                           .width = integer(r, o, "width", 1, 4096),
                           .factor = integer(r, o, "factor", 0, 1 << 20),
                           .halvings = integer(r, o, "halvings", 0, 16),
                           .kept_heads = integer(r, o, "kept_heads", 1, 4096) };
        for (int64_t h = 0; h < l->heads; h++)
            kept += ds__daam_head_kept(d, h);
        l->site = ds__arena_printf(&d->arena, "%s", site != NULL ? site : "");
        l->q = query_name(d, l->site);
        if (r->st == DS_OK && (kept != l->kept_heads || site == NULL ||
                               !is_halved(l->height, d->trace.height, l->halvings) ||
                               !is_halved(l->width, d->trace.width, l->halvings)))
            r->st = ds_fail(r->err, DS_E_FORMAT, "%s: layer %lld contradicts itself", r->path,
                            (long long)i);
        if (r->st == DS_OK && (l->site == NULL || l->q == NULL))
            r->st = no_memory(r->err);
    }
    if (r->st == DS_OK && d->trace.layer == NULL)
        r->st = no_memory(r->err);
}

static void read_self(reader *r, ds_daam *d)
{
    const json_t *o = json_object_get(r->root, "self");

    if (o == NULL)
        return;
    d->trace.self = (daam_self){ .height = integer(r, o, "height", 1, 4096),
                                 .width = integer(r, o, "width", 1, 4096),
                                 .halvings = integer(r, o, "halvings", 0, 16),
                                 .maps = integer(r, o, "maps", 1, 1 << 20),
                                 .layers = 1 };
}

static int64_t count_floats(const ds_bundle *b)
{
    int64_t all = 0;

    for (int64_t i = 0; i < ds_bundle_count(b); i++)
        all += ds_tensor_count(ds_bundle_at(b, i));
    return all;
}

static void take(reader *r, const ds_bundle *b, const char *name, float *to, int64_t n)
{
    ds_tensor *t;

    if (r->st == DS_OK)
        r->st = ds_bundle_expect(b, name, 1, &n, &t, r->err);
    if (r->st == DS_OK && t->dtype != DS_DTYPE_F32)
        r->st = ds_fail(r->err, DS_E_SHAPE, "%s: expected F32 for %s", r->path, name);
    if (r->st == DS_OK)
        memcpy(to, t->data, (size_t)n * sizeof *to);
}

static void read_texts(reader *r, ds_daam *d)
{
    const int64_t chunks = integer(r, r->root, "chunks", 1, 1 << 14);
    int64_t prompts = 0, asked = 0;
    const char **prompt = texts(r, d, "prompts", &prompts), **ask = texts(r, d, "asked", &asked);

    if (r->st == DS_OK && (prompts < 1 || (prompts > 1 && prompts != d->trace.images)))
        r->st = ds_fail(r->err, DS_E_FORMAT, "%s: expected one prompt, or one for each picture",
                        r->path);
    for (int64_t i = 0; r->st == DS_OK && i < r->n_more; i++)
        ask[asked++] = r->more[i];
    d->options.ask = ask;
    d->options.n_ask = asked;
    if (r->st == DS_OK)
        r->st = ds__daam_add_texts(d, prompt, prompts, chunks, r->err);
    d->options.ask = NULL; /* the list was borrowed from the file's text */
    d->options.n_ask = 0;
}

static void read_trace(reader *r, ds_daam *d, const ds_bundle *b)
{
    const json_t *o = r->root;
    const bool heads = json_is_true(json_object_get(o, "heads_apart"));
    int64_t steps, groups;

    integer(r, o, "version", 1, 1);
    d->trace.images = integer(r, o, "images", 1, 1 << 14);
    d->trace.height = integer(r, o, "height", 1, 1 << 14);
    d->trace.width = integer(r, o, "width", 1, 1 << 14);
    steps = integer(r, o, "steps", 1, 1 << 20);
    groups = integer(r, o, "groups", 1, steps);
    d->options.paper = json_is_true(json_object_get(o, "paper"));
    d->options.all_tokens = json_is_true(json_object_get(o, "all_tokens"));
    d->options.side = integer(r, o, "side", 0, 1 << 14);
    d->options.heads = words(r, d, "kept_heads");
    d->options.steps = words(r, d, "kept_steps");
    d->trace.layers_apart = json_is_true(json_object_get(o, "layers_apart"));
    read_layers(r, d);
    read_self(r, d);
    read_texts(r, d);
    if (r->st == DS_OK)
        r->st = ds__daam_replan(d, steps, groups, heads, d->trace.layers_apart, r->n_more,
                                count_floats(b), r->err);
    d->trace.calls = integer(r, o, "calls", 1, 1 << 24);
    for (int i = 0; r->st == DS_OK && i < d->trace.slots; i++) {
        char name[32];

        snprintf(name, sizeof name, "slot.%d", i);
        take(r, b, name, d->trace.slot[i].data,
             r->n_more > 0 ? d->trace.slot[i].offset[d->trace.texts - r->n_more]
                           : d->trace.slot[i].floats);
    }
    if (r->st == DS_OK && d->trace.self.layers > 0)
        take(r, b, "self", d->trace.self.data, self_floats(d));
}

static ds_status load(ds_daam *d, const ds_bundle *b, const char *path, const char *const *more,
                      int64_t n_more, ds_error *err)
{
    const char *text = ds_bundle_meta(b, "daam");
    reader r = { .path = path, .err = err, .more = more, .n_more = n_more };
    json_t *root = NULL;

    if (text == NULL)
        return ds_fail(err, DS_E_FORMAT, "%s: this is no trace", path);
    r.st = ds__json_parse(&root, text, strlen(text), path, err);
    r.root = root;
    if (r.st == DS_OK)
        read_trace(&r, d, b);
    json_decref(root);
    return r.st;
}

ds_status ds_daam_load_asking(ds_daam **out, ds_model *m, const char *path, const char *queries,
                              const char *const *ask, int64_t n, ds_error *err)
{
    ds_daam *d = ds_calloc(1, sizeof *d);
    ds_bundle *b = NULL;
    ds_status st = d != NULL ? ds_bundle_load(&b, path, err) : no_memory(err);

    *out = NULL;
    if (st == DS_OK) {
        d->model = m;
        d->options.budget = DS_DAAM_BUDGET;
        st = ds__text_open(&d->text_encoder, m, err);
    }
    if (st == DS_OK)
        st = load(d, b, path, ask, n, err);
    ds_bundle_free(b);
    if (st == DS_OK && n > 0)
        st = ds__daam_prepare_ask(d, d->trace.texts - n, err);
    if (st == DS_OK && n > 0)
        st = ds__daam_ask_saved(d, queries, d->trace.texts - n, err);
    if (st != DS_OK)
        ds_daam_free(d);
    else
        *out = d;
    return st;
}

ds_status ds_daam_load(ds_daam **out, ds_model *m, const char *path, ds_error *err)
{
    return ds_daam_load_asking(out, m, path, NULL, NULL, 0, err);
}

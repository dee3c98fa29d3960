/* components.c - see components.h. */

#include "probes/components.h"

#include <stdio.h>
#include <string.h>

#include "probes/attentions.h"

typedef struct step {
    const char *site;
    ds_tensor shape;
    const ds_tensor *weight; /* of "site.weight", or NULL */
    bool bias;
} step;

typedef struct finder {
    ds_component_sites *l;
    ds_model *m;
    int64_t height, width, room, matrix_room;
    step *step;
    int64_t steps, steps_room;
    ds_attention_layers *attention;
    bool failed;
} finder;

/* ---- parameters ------------------------------------------------------------------------------ */

static const ds_param *parameter(const ds_model *m, const char *name)
{
    for (int64_t i = 0; i < ds__params_count(m->params); i++)
        if (strcmp(ds__params_at(m->params, i)->name, name) == 0)
            return ds__params_at(m->params, i);
    return NULL;
}

const char *ds__denoiser_parameter(const ds_model *m, int64_t i, ds_tensor *shape)
{
    const char *module = ds__module_names[DS_MODULE_UNET];
    const size_t n = strlen(module);

    for (int64_t k = 0; k < ds__params_count(m->params); k++) {
        const ds_param *p = ds__params_at(m->params, k);

        if (strncmp(p->name, module, n) != 0 || p->name[n] != '.' || i-- > 0)
            continue;
        *shape = p->value;
        shape->data = NULL;
        return p->name;
    }
    return NULL;
}

ds_status ds__parameter_values(ds_model *m, const char *name, float **out, int64_t *rows,
                               int64_t *columns, ds_error *err)
{
    const ds_param *p = parameter(m, name);
    int64_t count;

    *out = NULL;
    if (p == NULL) {
        ds_fail(err, DS_E_NOMATCH, "the model has no parameter %s", name);
        return ds_fail_at(err, DS_E_NOMATCH, name, -1);
    }
    count = ds_tensor_count(&p->value);
    *rows = p->value.rank > 0 ? p->value.dim[0] : 1;
    *columns = count / (*rows > 0 ? *rows : 1);
    *out = ds_alloc((size_t)count * sizeof **out);
    if (*out == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %s", name);
    ds_convert(*out, DS_DTYPE_F32, p->value.data, p->value.dtype, count);
    return DS_OK;
}

static const ds_tensor *value_of(const finder *f, const char *site, const char *what)
{
    char name[520];
    const ds_param *p;

    snprintf(name, sizeof name, "%s.%s", site, what);
    p = parameter(f->m, name);
    return p == NULL ? NULL : &p->value;
}

/* ---- all values in order --------------------------------------------------------------------- */

static ds_interest collect(void *user, const char *site, const ds_tensor *shape)
{
    finder *f = user;

    if (f->failed)
        return DS_IGNORE;
    if (f->steps == f->steps_room) {
        int64_t room = f->steps_room == 0 ? 256 : 2 * f->steps_room;
        step *s = ds_calloc((size_t)room, sizeof *s);

        if (s != NULL && f->steps > 0)
            memcpy(s, f->step, (size_t)f->steps * sizeof *s);
        f->failed = s == NULL;
        if (f->failed)
            return DS_IGNORE;
        ds_free(f->step);
        f->step = s;
        f->steps_room = room;
    }
    f->step[f->steps] = (step){ .site = ds__arena_printf(&f->l->arena, "%s", site),
                                .shape = *shape,
                                .weight = value_of(f, site, "weight"),
                                .bias = value_of(f, site, "bias") != NULL };
    f->failed = f->step[f->steps].site == NULL;
    f->steps++;
    return DS_IGNORE;
}

static int64_t channels_of(const ds_tensor *t)
{
    return t->rank == 4 ? t->dim[1] : t->dim[t->rank - 1];
}

static int64_t places_of(const ds_tensor *t)
{
    return t->rank == 4 ? t->dim[2] * t->dim[3] : t->rank == 3 ? t->dim[1] : 1;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);

    return n >= k && strcmp(name + n - k, suffix) == 0;
}

/* Is `outer` a module that `inner` is a part of? */
static bool inside(const char *inner, const char *outer)
{
    size_t n = strlen(outer);

    return strncmp(inner, outer, n) == 0 && inner[n] == '.';
}

/* ---- the list -------------------------------------------------------------------------------- */

static bool rectangle(const finder *f, const ds_tensor *shape, ds_component_site *s)
{
    int64_t h = f->height, w = f->width, places = places_of(shape);

    for (int k = 0; k < 16; k++, h = (h + 1) / 2, w = (w + 1) / 2)
        if (h * w == places) {
            s->height = h;
            s->width = w;
            return true;
        }
    return false;
}

/* "x_blocks.0" of "unet.x_blocks.0.rest": what stands before the second name, number included. */
static const char *group(finder *f, const char *site)
{
    const char *begin = strchr(site, '.'), *end;

    if (begin == NULL)
        return site;
    end = strchr(++begin, '.');
    if (end != NULL && end[1] >= '0' && end[1] <= '9')
        end = strchr(end + 1, '.');
    return ds__arena_printf(&f->l->arena, "%.*s",
                            (int)(end == NULL ? strlen(begin) : (size_t)(end - begin)), begin);
}

static int block_of(finder *f, const char *site)
{
    const char *name = group(f, site), **names;
    ds_component_sites *l = f->l;

    f->failed = f->failed || name == NULL;
    for (int i = 0; !f->failed && i < l->blocks; i++)
        if (strcmp(l->block_name[i], name) == 0)
            return i;
    names = f->failed ? NULL : ds__arena_alloc(&l->arena, (size_t)(l->blocks + 1) * sizeof *names);
    if (names == NULL) {
        f->failed = true;
        return 0;
    }
    if (l->blocks > 0)
        memcpy(names, l->block_name, (size_t)l->blocks * sizeof *names);
    names[l->blocks] = name;
    l->block_name = names;
    return l->blocks++;
}

static void append(finder *f, ds_component_site s, const ds_tensor *shape, const char *weight,
                   const char *bias)
{
    ds_component_sites *l = f->l;

    s.channels = channels_of(shape);
    if (f->failed || !rectangle(f, shape, &s))
        return;
    if (l->count == f->room) {
        int64_t room = f->room == 0 ? 128 : 2 * f->room;
        ds_component_site *p = ds__arena_alloc(&l->arena, (size_t)room * sizeof *p);

        f->failed = p == NULL;
        if (f->failed)
            return;
        if (l->count > 0)
            memcpy(p, l->site, (size_t)l->count * sizeof *p);
        l->site = p;
        f->room = room;
    }
    s.weight = ds__arena_printf(&l->arena, "%s.weight", weight);
    s.bias = bias == NULL ? NULL : ds__arena_printf(&l->arena, "%s.bias", bias);
    s.block = block_of(f, s.site);
    f->failed = f->failed || s.weight == NULL || (bias != NULL && s.bias == NULL);
    if (!f->failed)
        l->site[l->count++] = s;
}

/* ---- what is what ----------------------------------------------------------------------------- */

static const ds_attention_layer *attention_with(const finder *f, const char *site)
{
    for (int64_t i = 0; i < f->attention->count; i++) {
        const char *probs = f->attention->layer[i].site;
        size_t n = strlen(probs) - strlen(".probs");

        if (strncmp(site, probs, n) == 0 && (site[n] == '.' || site[n] == '\0'))
            return &f->attention->layer[i];
    }
    return NULL;
}

static bool is_product(const step *s)
{
    return s->weight != NULL && s->weight->rank == 2;
}

static void find_attention(finder *f, const step *s, const step *next)
{
    const ds_attention_layer *a = attention_with(f, s->site);

    if (a == NULL || !has_suffix(s->site, ".out") || !is_product(next))
        return;
    append(f,
           (ds_component_site){ .kind = DS_UNIT_ATTENTION,
                                .site = s->site,
                                .parts = channels_of(&s->shape),
                                .heads = a->heads,
                                .cross = a->cross },
           &s->shape, next->site, NULL);
}

static void find_hidden(finder *f, const step *before, const step *s, const step *next)
{
    ds_component_site h = { .kind = DS_UNIT_HIDDEN,
                            .site = s->site,
                            .parts = channels_of(&s->shape) };

    if (s->weight != NULL || s->shape.rank != 3 || !is_product(next) || !is_product(before) ||
        next->weight->dim[1] != h.parts || next->weight->dim[0] >= h.parts ||
        attention_with(f, s->site) != NULL)
        return;
    h.before = ds__arena_printf(&f->l->arena, "%s.weight", before->site);
    f->failed = f->failed || h.before == NULL;
    append(f, h, &s->shape, next->site, NULL);
}

static void find_convolution(finder *f, const step *s)
{
    if (s->weight == NULL || s->weight->rank != 4 || s->weight->dim[2] < 2)
        return;
    append(f,
           (ds_component_site){
               .kind = DS_UNIT_CONV, .site = s->site, .parts = channels_of(&s->shape) },
           &s->shape, s->site, s->bias ? s->site : NULL);
}

/* The first value inside of a module that ends at value `last`. */
static int64_t module_begin(const finder *f, int64_t last)
{
    int64_t i = last;

    while (i > 0 && inside(f->step[i - 1].site, f->step[last].site))
        i--;
    return i;
}

/* A module that adds to what goes past it ends with a product or convolution of its own (`s`), right
 * below the module itself: down- and upsamplers lie deeper, and replace the value. */
static void find_branch(finder *f, int64_t at)
{
    const step *s = &f->step[at], *module = &f->step[at + 1];
    ds_component_site b = { .kind = DS_UNIT_LAYER, .site = s->site, .parts = 1 };
    const ds_attention_layer *a = attention_with(f, s->site);
    int64_t first;

    if (s->weight == NULL || s->weight->rank < 2 || module->weight != NULL ||
        !inside(s->site, module->site) || s->shape.rank < 3 ||
        places_of(&s->shape) != places_of(&module->shape) ||
        channels_of(&s->shape) != channels_of(&module->shape))
        return;
    if (s->weight->rank == 4 && strchr(s->site + strlen(module->site) + 1, '.') != NULL)
        return; /* a convolution two levels down: a change of size */
    first = module_begin(f, at + 1);
    for (int64_t i = first; i < at; i++)
        if (has_suffix(f->step[i].site, ".probs") &&
            (a == NULL || attention_with(f, f->step[i].site) != a))
            b.kind = DS_UNIT_BLOCK;
    b.cross = a != NULL && a->cross;
    append(f, b, &s->shape, s->site, s->bias ? s->site : NULL);
}

static void add_matrix(finder *f, const step *s, bool value, int layer)
{
    ds_component_sites *l = f->l;
    ds_text_matrix *m;

    if (l->matrices == f->matrix_room) {
        int64_t room = f->matrix_room == 0 ? 64 : 2 * f->matrix_room;

        m = ds__arena_alloc(&l->arena, (size_t)room * sizeof *m);
        f->failed = f->failed || m == NULL;
        if (f->failed)
            return;
        if (l->matrices > 0)
            memcpy(m, l->matrix, (size_t)l->matrices * sizeof *m);
        l->matrix = m;
        f->matrix_room = room;
    }
    m = &l->matrix[l->matrices++];
    *m = (ds_text_matrix){ ds__arena_printf(&l->arena, "%s.weight", s->site), s->weight->dim[0],
                           s->weight->dim[1], value, layer };
    f->failed = f->failed || m->weight == NULL;
}

/* Of an attention that reads the text, the products made of the text come in the order query, key,
 * value: the two whose rows are the tokens. */
static void find_text_matrices(finder *f)
{
    int layer = -1, found = 0;
    const ds_attention_layer *last = NULL;

    for (int64_t i = 0; i < f->steps; i++) {
        const ds_attention_layer *a = attention_with(f, f->step[i].site);

        if (a == NULL || !a->cross || !is_product(&f->step[i]) ||
            f->step[i].weight->dim[1] != f->m->unet.context_dim)
            continue;
        if (a != last) {
            last = a;
            layer++;
            found = 0;
        }
        if (places_of(&f->step[i].shape) == a->height * a->width && found == 0 &&
            f->m->unet.context_dim == channels_of(&f->step[i].shape) &&
            !has_suffix(f->step[i].site, "_k"))
            continue; /* the query of a layer as wide as the text */
        if (found < 2)
            add_matrix(f, &f->step[i], found == 1, layer);
        found++;
    }
}

static ds_status find(finder *f, ds_error *err)
{
    const ds_watcher w = { .wants = collect, .user = f };
    const ds_net_shape shape = { 1, 77, f->height, f->width };
    ds_status st = ds__attention_layers(&f->attention, f->m, f->height, f->width, err);

    if (st == DS_OK)
        st = ds__net_list(f->m, DS_MODULE_UNET, &shape, &w, err);
    if (st != DS_OK)
        return st;
    for (int64_t i = 0; i + 1 < f->steps && !f->failed; i++) {
        const step *s = &f->step[i];

        if (i > 0)
            find_hidden(f, s - 1, s, s + 1);
        find_attention(f, s, s + 1);
        find_convolution(f, s);
        find_branch(f, i);
    }
    if (!f->failed)
        find_text_matrices(f);
    if (f->failed)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of components");
    return DS_OK;
}

ds_status ds__component_sites(ds_component_sites **out, ds_model *m, int64_t height, int64_t width,
                              ds_error *err)
{
    finder f = { .l = ds_calloc(1, sizeof *f.l), .m = m, .height = height, .width = width };
    ds_status st;

    *out = NULL;
    if (f.l == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of components");
    st = find(&f, err);
    if (st == DS_OK && (f.l->count == 0 || f.l->matrices == 0))
        st = ds_fail(err, DS_E_NOMATCH, "this denoiser has no components that can be told apart");
    ds__attention_layers_free(f.attention);
    ds_free(f.step);
    if (st != DS_OK) {
        ds__component_sites_free(f.l);
        return st;
    }
    *out = f.l;
    return DS_OK;
}

void ds__component_sites_free(ds_component_sites *l)
{
    if (l == NULL)
        return;
    ds__arena_free(&l->arena);
    ds_free(l);
}

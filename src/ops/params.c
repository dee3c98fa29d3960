/* params.c - see params.h. Names are found through an open-addressing hash table. */

#include "ops/params.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

struct ds_pack {
    struct ds_pack *next;
    uint64_t layout; /* 0: plain order */
    ds_dtype type;
    size_t bytes;
    void *data;
};

struct ds_params {
    ds_arena arena;
    ds_param **item;
    int64_t count, room;
    int64_t *slot; /* index + 1, 0 for empty; a power of two of at least 2 * count slots */
    size_t slots;
    size_t packed_bytes;
    omp_lock_t lock; /* of the packs */
    ds_param_source *source;
    void (*drop)(void *user, const char *name, const ds_tensor *value);
    void *user;
};

ds_status ds__params_new(ds_params **out, ds_param_source *source,
                         void (*drop)(void *user, const char *name, const ds_tensor *value),
                         void *user, ds_error *err)
{
    ds_params *p = ds_calloc(1, sizeof *p);

    *out = p;
    if (p == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a table of parameters");
    p->source = source;
    p->drop = drop;
    p->user = user;
    omp_init_lock(&p->lock);
    return DS_OK;
}

void ds__params_free(ds_params *p)
{
    if (p == NULL)
        return;
    for (int64_t i = 0; i < p->count; i++) {
        if (p->item[i]->home != p)
            continue;
        for (struct ds_pack *k = p->item[i]->packs, *next; k != NULL; k = next) {
            next = k->next;
            ds_free(k->data);
            ds_free(k);
        }
        ds_free(p->item[i]->owned);
    }
    omp_destroy_lock(&p->lock);
    ds_free(p->item);
    ds_free(p->slot);
    ds__arena_free(&p->arena);
    ds_free(p);
}

static uint64_t hash(const char *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

static int64_t *find_slot(const ds_params *p, const char *name)
{
    size_t i = hash(name) & (p->slots - 1);

    while (p->slot[i] != 0 && strcmp(p->item[p->slot[i] - 1]->name, name) != 0)
        i = (i + 1) & (p->slots - 1);
    return &p->slot[i];
}

static bool make_room(ds_params *p)
{
    int64_t room = p->room == 0 ? 256 : p->room * 2;
    size_t slots = (size_t)room * 2;
    ds_param **item;
    int64_t *slot;

    if (p->count < p->room)
        return true;
    item = ds_calloc((size_t)room, sizeof *item);
    slot = ds_calloc(slots, sizeof *slot);
    if (item == NULL || slot == NULL) {
        ds_free(item);
        ds_free(slot);
        return false;
    }
    if (p->count > 0)
        memcpy(item, p->item, (size_t)p->count * sizeof *item);
    ds_free(p->item);
    ds_free(p->slot);
    p->item = item;
    p->slot = slot;
    p->room = room;
    p->slots = slots;
    for (int64_t i = 0; i < p->count; i++)
        *find_slot(p, item[i]->name) = i + 1;
    return true;
}

static ds_param *new_param(ds_params *p, const char *name, const ds_tensor *value)
{
    ds_param *q = ds__arena_alloc(&p->arena, sizeof *q);

    if (q == NULL || (q->name = ds__arena_printf(&p->arena, "%s", name)) == NULL)
        return NULL;
    q->value = *value;
    q->home = p;
    return q;
}

static ds_status add(ds_params *p, const char *name, const ds_tensor *value, ds_error *err)
{
    ds_param *q = make_room(p) ? new_param(p, name, value) : NULL;

    if (q == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for parameter %s", name);
    p->item[p->count] = q;
    *find_slot(p, name) = p->count + 1;
    p->count++;
    return DS_OK;
}

ds_param *ds__params_get(const ds_params *p, const char *name)
{
    int64_t i = p->slots == 0 ? 0 : *find_slot(p, name);

    return i == 0 ? NULL : p->item[i - 1];
}

int64_t ds__params_count(const ds_params *p)
{
    return p->count;
}

ds_param *ds__params_at(const ds_params *p, int64_t i)
{
    return p->item[i];
}

ds_status ds__params_find(ds_params *p, ds_param **out, const char *name, int rank,
                          const int64_t *dim, ds_error *err)
{
    ds_tensor want = { DS_DTYPE_F32, rank, { 0 }, NULL };
    ds_tensor value = want;
    char expected[96], found[96];
    ds_status st = DS_OK;
    ds_param *q = ds__params_get(p, name);

    for (int a = 0; a < rank; a++)
        want.dim[a] = dim[a];
    if (q == NULL) {
        st = p->source(p->user, name, rank, dim, &value, err);
        if (st == DS_OK)
            st = add(p, name, &value, err);
        if (st != DS_OK)
            return st;
        q = p->item[p->count - 1];
    }
    *out = q;
    if (!ds_tensor_same_shape(&(*out)->value, &want))
        return ds_fail(err, DS_E_SHAPE,
                       "parameter %s has shape %s, but the configuration asks for %s", name,
                       ds_tensor_shape(&(*out)->value, found, sizeof found),
                       ds_tensor_shape(&want, expected, sizeof expected));
    return DS_OK;
}

/* ---- derived tables -------------------------------------------------------------------------- */

ds_status ds__params_derive(ds_params **out, ds_params *base, ds_error *err)
{
    ds_params *p;
    ds_status st = ds__params_new(&p, base->source, NULL, base->user, err);

    *out = NULL;
    for (int64_t i = 0; st == DS_OK && i < base->count; i++) {
        if (!make_room(p)) {
            st = ds_fail(err, DS_E_NOMEM, "no memory for a derived table of parameters");
            break;
        }
        p->item[p->count] = base->item[i];
        *find_slot(p, base->item[i]->name) = p->count + 1;
        p->count++;
    }
    if (st != DS_OK)
        ds__params_free(p);
    else
        *out = p;
    return st;
}

ds_status ds__params_own(ds_params *p, ds_param **out, const char *name, ds_error *err)
{
    int64_t i = p->slots == 0 ? 0 : *find_slot(p, name);
    ds_tensor value;
    ds_param *q;

    if (i == 0)
        return ds_fail(err, DS_E_NOMATCH, "there is no parameter %s", name);
    *out = p->item[i - 1];
    if ((*out)->home == p)
        return DS_OK;
    value = (*out)->value;
    value.data = ds_alloc((size_t)ds_tensor_count(&value) * sizeof(float));
    q = value.data != NULL ? new_param(p, name, &value) : NULL;
    if (q == NULL) {
        ds_free(value.data);
        return ds_fail(err, DS_E_NOMEM, "no memory for a parameter of %lld numbers",
                       (long long)ds_tensor_count(&value));
    }
    ds_convert(value.data, DS_DTYPE_F32, (*out)->value.data, value.dtype, ds_tensor_count(&value));
    q->value.dtype = DS_DTYPE_F32;
    q->owned = value.data;
    p->item[i - 1] = *out = q;
    return DS_OK;
}

ds_status ds__params_widen(ds_params *p, ds_param **out, const char *name, int64_t rows,
                           ds_error *err)
{
    ds_status st = ds__params_own(p, out, name, err);
    int64_t n, row;
    float *data;

    if (st != DS_OK)
        return st;
    n = ds_tensor_count(&(*out)->value);
    row = n / (*out)->value.dim[0];
    data = ds_calloc((size_t)(n + rows * row), sizeof *data);
    if (data == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %s", name);
    memcpy(data, (*out)->value.data, (size_t)n * sizeof *data);
    ds_free((*out)->owned);
    (*out)->owned = (*out)->value.data = data;
    (*out)->value.dim[0] += rows;
    return DS_OK;
}

/* ---- packed copies --------------------------------------------------------------------------- */

size_t ds__params_packed_bytes(const ds_params *p)
{
    return p->packed_bytes;
}

static struct ds_pack *find_pack(const ds_param *q, uint64_t layout, ds_dtype type, size_t bytes)
{
    for (struct ds_pack *k = q->packs; k != NULL; k = k->next)
        if (k->layout == layout && k->type == type && k->bytes == bytes)
            return k;
    return NULL;
}

void ds__params_release(const ds_param *q)
{
    if (q->home->drop != NULL)
        q->home->drop(q->home->user, q->name, &q->value);
}

/* Trained parameters are never in a kernel's layout, only in another type. */
void ds__params_refresh(ds_params *p)
{
    for (int64_t i = 0; i < p->count; i++) {
        const ds_param *q = p->item[i];

        for (struct ds_pack *k = q->packs; q->trained && q->home == p && k != NULL; k = k->next)
            ds_convert(k->data, k->type, q->value.data, q->value.dtype, ds_tensor_count(&q->value));
    }
}

/* A copy of q: k's layout, or (k NULL) plain order in `type`. Called with the lock held. */
static ds_status make_pack(ds_params *p, ds_param *q, ds_kernel *k, uint64_t layout, ds_dtype type,
                           size_t bytes, struct ds_pack **out, ds_error *err)
{
    struct ds_pack *pack = ds_calloc(1, sizeof *pack);
    ds_status st = DS_OK;

    if (pack == NULL || (pack->data = ds_alloc(bytes)) == NULL) {
        ds_free(pack);
        return ds_fail(err, DS_E_NOMEM, "no memory for %zu bytes of parameter %s", bytes, q->name);
    }
    if (k != NULL)
        st = ds__kernel_pack(k, pack->data, q->value.data, q->value.dtype, err);
    else
        ds_convert(pack->data, type, q->value.data, q->value.dtype, ds_tensor_count(&q->value));
    if (st != DS_OK) {
        ds_free(pack->data);
        ds_free(pack);
        return st;
    }
    pack->layout = layout;
    pack->type = type;
    pack->bytes = bytes;
    pack->next = q->packs;
    q->packs = pack;
    p->packed_bytes += bytes;
    if (p->drop != NULL)
        p->drop(p->user, q->name, &q->value);
    *out = pack;
    return DS_OK;
}

static ds_status get_pack(ds_param *q, ds_kernel *k, uint64_t layout, ds_dtype type, size_t bytes,
                          const void **out, ds_error *err)
{
    ds_params *p = q->home;
    struct ds_pack *pack;
    ds_status st = DS_OK;

    if (q->value.data == NULL)
        return ds_fail(err, DS_E_ARG, "parameter %s has no value: only its topology was opened",
                       q->name);
    omp_set_lock(&p->lock);
    pack = find_pack(q, layout, type, bytes);
    if (pack == NULL)
        st = make_pack(p, q, k, layout, type, bytes, &pack, err);
    omp_unset_lock(&p->lock);
    if (st == DS_OK)
        *out = pack->data;
    return st;
}

ds_status ds__params_plain(ds_param *q, ds_dtype type, const void **out, ds_error *err)
{
    size_t bytes = (size_t)ds_tensor_count(&q->value) * ds_dtype_size(type);

    if (q->value.dtype == type && q->value.data != NULL) {
        *out = q->value.data;
        return DS_OK;
    }
    return get_pack(q, NULL, 0, type, bytes, out, err);
}

ds_status ds__params_packed(ds_param *q, ds_kernel *k, const void **out, ds_error *err)
{
    const ds_kernel_info *info = ds__kernel_info(k);

    return get_pack(q, k, info->layout, DS_DTYPE_F32, info->packed_bytes, out, err);
}

/* ---- giving back ----------------------------------------------------------------------------- */

void ds__params_hold(ds_param *q)
{
    omp_set_lock(&q->home->lock);
    q->plans++;
    omp_unset_lock(&q->home->lock);
}

void ds__params_let_go(ds_param *q)
{
    omp_set_lock(&q->home->lock);
    q->plans--;
    omp_unset_lock(&q->home->lock);
}

static size_t idle_bytes(const ds_param *q)
{
    size_t bytes = 0;

    for (const struct ds_pack *k = q->packs; q->plans == 0 && k != NULL; k = k->next)
        bytes += k->bytes;
    return bytes;
}

/* Called with the lock of q's home held. */
static void drop_packs(ds_param *q)
{
    for (struct ds_pack *k = q->packs, *next; k != NULL; k = next) {
        next = k->next;
        q->home->packed_bytes -= k->bytes;
        ds_free(k->data);
        ds_free(k);
    }
    q->packs = NULL;
}

void ds__params_trim(ds_params *p, const char *prefix, size_t most)
{
    const size_t n = strlen(prefix);
    size_t idle = 0;

    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < p->count; i++) {
            ds_param *q = p->item[i];

            if (strncmp(q->name, prefix, n) != 0)
                continue;
            omp_set_lock(&q->home->lock);
            if (pass == 0)
                idle += idle_bytes(q);
            else if (idle > most && q->plans == 0)
                drop_packs(q);
            omp_unset_lock(&q->home->lock);
        }
}

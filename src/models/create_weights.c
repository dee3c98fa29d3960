/* create_weights.c - random weights by the rule of fan-in, chunk by chunk from counters.
 *
 * Draw i of a tensor is a function of (seed, name, i), so that the file does not depend on the
 * number of threads. The normal distribution is the sum of four uniform ones (Irwin-Hall): exact in
 * mean and variance, without tails beyond 3.5 standard deviations, and without logarithms. */

#include "models/create.h"

#include "base/file.h"
#include "base/text.h"
#include "weights/bundle.h"

#include <math.h>
#include <string.h>

#define CHUNK ((int64_t)1 << 20) /* elements in memory at a time */
#define SLICE ((int64_t)1 << 14) /* elements of one task */

/* What one element is: mean + deviation * draw. */
typedef struct law {
    float mean, deviation;
    uint64_t key;
} law;

static uint64_t mix(uint64_t z) /* the finalizer of SplitMix64 */
{
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#define BASIS 14695981039346656037u

static uint64_t fold(uint64_t h, const char *text)
{
    for (; *text != '\0'; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u; /* FNV-1a */
    return h;
}

/* The stream of a parameter; `folded` is fold of its whole name. */
static uint64_t stream_key(uint64_t seed, uint64_t folded)
{
    return mix(folded ^ mix(seed + 0x9e3779b97f4a7c15u));
}

static law choose_law(const ds_param *p, uint64_t key)
{
    law l = { 0.0f, 0.0f, key };
    int64_t fan_in = 1;

    if (ds__ends_with(p->name, "token_embedding.weight")) {
        l.deviation = 0.02f; /* both as CLIP was initialised */
    } else if (ds__ends_with(p->name, "position_embedding.weight")) {
        l.deviation = 0.01f;
    } else if (p->value.rank > 1) {
        for (int i = 1; i < p->value.rank; i++)
            fan_in *= p->value.dim[i];
        l.deviation = 1.0f / sqrtf((float)fan_in);
    } else if (ds__ends_with(p->name, ".weight")) {
        l.mean = 1.0f; /* only norms have weights of rank 1 */
    } else if (strstr(p->name, "norm") == NULL) {
        l.deviation = 0.02f;
    }
    return l;
}

static void draw(float *out, const law *l, int64_t first, int64_t n)
{
    const float unit = 2.6428853e-05f; /* sqrt(3) / 65536: one over the sum's deviation */

    for (int64_t i = 0; i < n; i++) {
        uint64_t z = mix(l->key + (uint64_t)(first + i) * 0x9e3779b97f4a7c15u);
        int32_t sum = (int32_t)(z & 0xffff) + (int32_t)(z >> 16 & 0xffff) +
                      (int32_t)(z >> 32 & 0xffff) + (int32_t)(z >> 48);

        out[i] = l->mean + l->deviation * unit * (float)(sum - 131070);
    }
}

void ds__create_draw(ds_tensor *w, const char *name, uint64_t seed)
{
    const ds_param p = { .name = name, .value = *w };
    const law l = choose_law(&p, stream_key(seed, fold(BASIS, name)));
    const int64_t n = ds_tensor_count(w);

#pragma omp parallel for schedule(static)
    for (int64_t s = 0; s < n; s += SLICE)
        draw((float *)w->data + s, &l, s, n - s < SLICE ? n - s : SLICE);
}

static ds_status write_tensor(ds_create *c, ds_out_file *f, const law *l, int64_t count,
                              float *values, char *stored, ds_error *err)
{
    ds_dtype type = c->options->dtype;
    ds_status st = DS_OK;

    for (int64_t at = 0; st == DS_OK && at < count; at += CHUNK) {
        int64_t n = count - at < CHUNK ? count - at : CHUNK;

#pragma omp parallel for schedule(static)
        for (int64_t s = 0; s < n; s += SLICE) {
            int64_t m = n - s < SLICE ? n - s : SLICE;

            draw(values + s, l, at + s, m);
            ds_convert(stored + (size_t)s * ds_dtype_size(type), type, values + s, DS_DTYPE_F32, m);
        }
        st = ds__out_write(f, stored, (size_t)n * ds_dtype_size(type), err);
        c->done += n;
        if (st == DS_OK && ds_cancel_requested(c->options->cancel))
            st = ds_fail(err, DS_E_CANCELLED, "interrupted while weights were written");
        if (st == DS_OK && c->options->progress != NULL)
            st = c->options->progress(c->options->user,
                                      &(ds_progress){ "writing", c->done, c->total }, err);
    }
    return st;
}

/* Names and shapes as a bundle without data, which is what lays a file out. */
static ds_status list_tensors(ds_bundle *b, const ds_params *params, ds_dtype type, ds_error *err)
{
    ds_status st = ds__bundle_reserve(b, ds__params_count(params), err);

    if (st == DS_OK)
        st = ds__bundle_append_meta(b, "format", "pt", err); /* transformers asks for it */
    for (int64_t i = 0; st == DS_OK && i < ds__params_count(params); i++) {
        const ds_param *p = ds__params_at(params, i);
        ds_bundle_entry *e = ds__bundle_append(b, p->name);

        if (e == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for a list of tensors");
        e->tensor = p->value;
        e->tensor.dtype = type;
    }
    return st;
}

static ds_status write_all(ds_create *c, ds_out_file *f, const ds_safetensors_layout *file,
                           int64_t count, const char *component, ds_error *err)
{
    float *values = ds_alloc((size_t)CHUNK * sizeof *values);
    char *stored = ds_alloc((size_t)CHUNK * sizeof *values);
    ds_status st = values == NULL || stored == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for a chunk of weights")
                       : ds__out_write(f, file->head, file->head_size, err);

    for (int64_t i = 0; st == DS_OK && i < count; i++) {
        const ds_param p = { .name = file->entry[i]->name, .value = file->entry[i]->tensor };
        const uint64_t folded = fold(fold(fold(BASIS, component), "."), p.name);
        const law l = choose_law(&p, stream_key(c->options->seed, folded));

        st = write_tensor(c, f, &l, ds_tensor_count(&p.value), values, stored, err);
    }
    ds_free(values);
    ds_free(stored);
    return st;
}

ds_status ds__create_weights(ds_create *c, const char *path, const char *component,
                             const ds_params *params, ds_error *err)
{
    ds_arena a = { 0 };
    ds_safetensors_layout l = { 0 };
    ds_out_file f = { .fd = -1 };
    ds_bundle *b = NULL;
    ds_status st = ds_bundle_new(&b, err);

    if (st == DS_OK)
        st = list_tensors(b, params, c->options->dtype, err);
    if (st == DS_OK)
        st = ds__safetensors_lay_out(&l, b, &a, err);
    if (st == DS_OK)
        st = ds__out_open(&f, path, err);
    if (st == DS_OK)
        st = write_all(c, &f, &l, ds__params_count(params), component, err);
    if (st == DS_OK)
        st = ds__out_commit(&f, err);
    else
        ds__out_abandon(&f);
    ds_bundle_free(b);
    ds__arena_free(&a);
    return st;
}

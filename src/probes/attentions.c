/* attentions.c - see attentions.h. */

#include "probes/attentions.h"

#include "kernels/simd.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TOKENS = 77 };

typedef struct collector {
    ds_attention_layers *l;
    int64_t room, at;
    bool second, failed;
} collector;

static bool is_probs(const char *site)
{
    const char *dot = strrchr(site, '.');

    return dot != NULL && strcmp(dot, ".probs") == 0;
}

static bool append(collector *c, const char *site, const ds_tensor *shape)
{
    ds_attention_layers *l = c->l;

    if (l->count == c->room) {
        int64_t room = c->room == 0 ? 32 : 2 * c->room;
        ds_attention_layer *layer = ds_calloc((size_t)room, sizeof *layer);

        if (layer == NULL)
            return false;
        if (l->count > 0)
            memcpy(layer, l->layer, (size_t)l->count * sizeof *layer);
        ds_free(l->layer);
        l->layer = layer;
        c->room = room;
    }
    l->layer[l->count] = (ds_attention_layer){ .site = ds_strdup(site),
                                               .heads = shape->dim[1],
                                               .rows = shape->dim[2],
                                               .columns = shape->dim[3] };
    return l->layer[l->count++].site != NULL;
}

/* Listed with one token more, a layer that reads the text has one column more. */
static ds_interest collect(void *user, const char *site, const ds_tensor *shape)
{
    collector *c = user;

    if (c->failed || shape->rank != 4 || !is_probs(site))
        return DS_IGNORE;
    if (!c->second) {
        c->failed = !append(c, site, shape);
    } else if (c->at < c->l->count) {
        ds_attention_layer *a = &c->l->layer[c->at++];

        a->cross = shape->dim[3] != a->columns;
    }
    return DS_IGNORE;
}

/* ceil(n / 2^k) */
static int64_t halved(int64_t n, int64_t k)
{
    for (; k > 0; k--)
        n = (n + 1) / 2;
    return n;
}

static ds_status find_rectangle(ds_attention_layer *a, int64_t height, int64_t width, ds_error *err)
{
    for (int64_t k = 0; k < 16; k++)
        if (halved(height, k) * halved(width, k) == a->rows) {
            a->height = halved(height, k);
            a->width = halved(width, k);
            a->halvings = k;
            return DS_OK;
        }
    ds_fail(err, DS_E_UNSUPPORTED,
            "%s has %lld rows, which is no halving of a latent of %lld by %lld", a->site,
            (long long)a->rows, (long long)height, (long long)width);
    return ds_fail_at(err, DS_E_UNSUPPORTED, a->site, -1);
}

/* Length of the name before its first number, and (with_number) the number too. */
static size_t prefix(const char *site, bool with_number)
{
    size_t n = 0;

    for (; site[n] != '\0'; n++)
        if (site[n] == '.' && site[n + 1] >= '0' && site[n + 1] <= '9')
            break;
    if (with_number && site[n] == '.')
        n += 1 + strcspn(site + n + 1, ".");
    return n;
}

static bool same_prefix(const char *a, const char *b, bool with_number)
{
    size_t n = prefix(a, with_number);

    return n == prefix(b, with_number) && memcmp(a, b, n) == 0;
}

/* Stages and blocks from the names of neighbours. */
static void place(ds_attention_layers *l)
{
    int block = 0;

    for (int64_t i = 0; i < l->count; i++) {
        ds_attention_layer *a = &l->layer[i];

        if (i > 0 && !same_prefix(a->site, l->layer[i - 1].site, true))
            block++;
        a->block = block;
        a->stage = same_prefix(a->site, l->layer[l->count - 1].site, false) ? DS_STAGE_LAST
                   : same_prefix(a->site, l->layer[0].site, false)          ? DS_STAGE_FIRST
                                                                            : DS_STAGE_MIDDLE;
    }
}

ds_status ds__attention_layers(ds_attention_layers **out, ds_model *m, int64_t height,
                               int64_t width, ds_error *err)
{
    collector c = { .l = ds_calloc(1, sizeof *c.l) };
    const ds_watcher w = { .wants = collect, .user = &c };
    ds_net_shape shape = { 1, TOKENS, height, width };
    bool any = false;
    ds_status st;

    *out = NULL;
    if (c.l == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a list of layers");
    st = ds__net_list(m, DS_MODULE_UNET, &shape, &w, err);
    shape.tokens++;
    c.second = true;
    if (st == DS_OK)
        st = ds__net_list(m, DS_MODULE_UNET, &shape, &w, err);
    if (st == DS_OK && c.failed)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a list of layers");
    for (int64_t i = 0; st == DS_OK && i < c.l->count; i++) {
        st = find_rectangle(&c.l->layer[i], height, width, err);
        any = any || c.l->layer[i].cross;
    }
    if (st == DS_OK && !any)
        st = ds_fail(err, DS_E_NOMATCH, "this model has no attention layer that reads the text");
    if (st != DS_OK) {
        ds__attention_layers_free(c.l);
        return st;
    }
    place(c.l);
    *out = c.l;
    return DS_OK;
}

void ds__attention_layers_free(ds_attention_layers *l)
{
    if (l == NULL)
        return;
    for (int64_t i = 0; i < l->count; i++)
        ds_free((void *)l->layer[i].site);
    ds_free(l->layer);
    ds_free(l);
}

bool ds__attention_sibling(char *buf, size_t size, const char *probs, const char *value)
{
    const char *dot = strrchr(probs, '.');
    int n = snprintf(buf, size, "%.*s.%s", (int)(dot - probs), probs, value);

    return n > 0 && (size_t)n < size;
}

/* ---- other keys against a layer's queries ---------------------------------------------------- */

static ds_attention describe(const ds_attention_size *s)
{
    const int64_t d = s->width / s->heads;

    return (ds_attention){ .n = 1,
                           .heads = s->heads,
                           .d = d,
                           .sq = s->rows,
                           .sk = s->columns,
                           .ldq = s->width,
                           .ldk = s->width,
                           .ldv = s->width,
                           .ldo = s->width,
                           .scale = (float)(1.0 / sqrt((double)d)),
                           .type = DS_DTYPE_F32,
                           .out_type = DS_DTYPE_F32 };
}

size_t ds__attention_work(const ds_attention_size *s)
{
    const ds_attention a = describe(s);

    return ds__simd()->attention_work(&a);
}

void ds__attention_probabilities(float *probs, const float *q, const float *k,
                                 const ds_attention_size *s, void *work)
{
    const ds_attention a = describe(s);

    ds__simd()->attention_probs(probs, q, k, &a, work);
}

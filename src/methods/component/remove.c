/* remove.c - see remove.h. */

#include "methods/component/remove.h"

#include <stdio.h>
#include <string.h>

#include "methods/component/measure.h"

const char *const ds__granularity_names[DS_GRANULARITIES] = {
    "weight", "neuron", "head", "channel", "conv", "layer", "block", "unit",
};

/* ---- lists ----------------------------------------------------------------------------------- */

static bool is_of(const ds_component_site *s, ds_granularity g)
{
    switch (g) {
    case DS_NEURONS:
        return s->kind == DS_UNIT_HIDDEN;
    case DS_HEADS:
        return s->kind == DS_UNIT_ATTENTION;
    case DS_CHANNELS:
        return s->kind == DS_UNIT_ATTENTION && s->cross;
    case DS_CONVS:
        return s->kind == DS_UNIT_CONV;
    case DS_LAYERS:
        return s->kind == DS_UNIT_LAYER;
    case DS_BLOCKS:
        return s->kind == DS_UNIT_BLOCK;
    case DS_UNITS:
        return is_of(s, DS_NEURONS) || is_of(s, DS_CHANNELS);
    case DS_WEIGHTS:
    case DS_GRANULARITIES:
        break;
    }
    return false;
}

int64_t ds__components_of(ds_piece *out, int64_t room, const ds_component_sites *l,
                          ds_granularity g)
{
    int64_t n = 0;

    for (int64_t i = 0; i < l->count; i++) {
        const ds_component_site *s = &l->site[i];
        int64_t width = g == DS_HEADS && s->heads > 0 ? s->parts / s->heads : 1;

        for (int64_t k = 0; is_of(s, g) && k < s->parts; k += width, n++)
            if (n < room)
                out[n] = (ds_piece){ i, k, width };
    }
    return n;
}

float ds__component_score(const ds_piece *c, const ds_component_sites *l, const float *scores)
{
    const float *s = scores + ds__measure_offset(l, c->site) + c->first;
    double sum = 0.0;

    for (int64_t k = 0; k < c->count; k++)
        sum += s[k];
    return (float)sum;
}

const char *ds__component_name(char *buf, size_t size, const ds_piece *c,
                               const ds_component_sites *l, ds_granularity g)
{
    const ds_component_site *s = &l->site[c->site];

    if (s->parts == 1)
        snprintf(buf, size, "%s", s->site);
    else if (g == DS_HEADS)
        snprintf(buf, size, "%s head %lld", s->site, (long long)(c->first / c->count));
    else
        snprintf(buf, size, "%s #%lld", s->site, (long long)c->first);
    return buf;
}

/* ---- weights --------------------------------------------------------------------------------- */

ds_tensor ds__parameter_shape(const ds_model *m, const char *name)
{
    const char *have;
    ds_tensor shape;

    for (int64_t i = 0; (have = ds__denoiser_parameter(m, i, &shape)) != NULL; i++)
        if (strcmp(have, name) == 0)
            return shape;
    return (ds_tensor){ .rank = 0 };
}

ds_status ds__remove_weights(ds_edit *e, ds_model *m, const char *name, const ds_tensor *shape,
                             const uint8_t *chosen, ds_error *err)
{
    int64_t rows, columns, n = 0;
    ds_edit_part *p;
    float *w;
    ds_status st = ds__parameter_values(m, name, &w, &rows, &columns, err);

    for (int64_t k = 0; st == DS_OK && k < rows * columns; k++)
        n += chosen[k] && w[k] != 0.0f;
    p = st == DS_OK && n > 0 ? ds__edit_add(e, name, shape, n) : NULL;
    if (st == DS_OK && n > 0 && p == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for an edit");
    for (int64_t k = 0, at = 0; p != NULL && k < rows * columns; k++)
        if (chosen[k] && w[k] != 0.0f) {
            p->index[at] = k;
            p->before[at++] = w[k];
        }
    ds_free(w);
    return st;
}

typedef struct mark {
    const char *name;
    ds_tensor shape;
    int64_t rows, columns;
    uint8_t *chosen;
} mark;

/* Marks what component c means for parameter `k`. */
static void mark_component(mark *k, const ds_piece *c, const ds_component_site *s)
{
    const bool whole = s->parts == 1;
    const bool row = s->kind == DS_UNIT_CONV;

    if (s->bias != NULL && strcmp(k->name, s->bias) == 0)
        memset(k->chosen + (whole ? 0 : c->first), 1,
               (size_t)(whole ? k->rows * k->columns : c->count));
    if (strcmp(k->name, s->weight) != 0)
        return;
    for (int64_t i = 0; i < k->rows; i++)
        for (int64_t j = 0; j < k->columns; j++) {
            int64_t part = row ? i : j;

            if (whole || (part >= c->first && part < c->first + c->count))
                k->chosen[i * k->columns + j] = 1;
        }
}

ds_status ds__remove_components(ds_edit *e, ds_model *m, const ds_component_sites *l,
                                const ds_piece *c, int64_t n, ds_error *err)
{
    ds_status st = DS_OK;
    mark k;

    for (int64_t i = 0; st == DS_OK; i++) {
        bool any = false;

        k.name = ds__denoiser_parameter(m, i, &k.shape);
        if (k.name == NULL)
            break;
        for (int64_t u = 0; !any && u < n; u++) {
            const ds_component_site *s = &l->site[c[u].site];

            any =
                strcmp(s->weight, k.name) == 0 || (s->bias != NULL && strcmp(s->bias, k.name) == 0);
        }
        if (!any)
            continue;
        k.rows = k.shape.dim[0];
        k.columns = ds_tensor_count(&k.shape) / k.rows;
        k.chosen = ds_calloc((size_t)(k.rows * k.columns), 1);
        if (k.chosen == NULL)
            return ds_fail(err, DS_E_NOMEM, "no memory for a mask of %s", k.name);
        for (int64_t u = 0; u < n; u++)
            mark_component(&k, &c[u], &l->site[c[u].site]);
        st = ds__remove_weights(e, m, k.name, &k.shape, k.chosen, err);
        ds_free(k.chosen);
    }
    return st;
}

ds_status ds__edit_overlay(ds_model **out, ds_model *m, const ds_edit *e, ds_error *err)
{
    ds_change *change = ds_calloc((size_t)e->parts + 1, sizeof *change);
    ds_tensor *t = ds_calloc(2 * (size_t)e->parts + 1, sizeof *t);
    ds_status st;

    *out = NULL;
    if (change == NULL || t == NULL) {
        ds_free(change);
        ds_free(t);
        return ds_fail(err, DS_E_NOMEM, "no memory for an overlay");
    }
    for (int64_t i = 0; i < e->parts; i++) {
        const ds_edit_part *p = &e->part[i];

        t[2 * i] = (ds_tensor){ DS_DTYPE_I64, 1, { p->count }, p->index };
        t[2 * i + 1] = (ds_tensor){ DS_DTYPE_F32, 1, { p->count }, p->after };
        change[i] = (ds_change){
            .name = p->name, .kind = DS_CHANGE_SPARSE, .index = &t[2 * i], .value = &t[2 * i + 1]
        };
    }
    st = ds_model_overlay(out, m, &(ds_overlay){ change, e->parts }, err);
    ds_free(change);
    ds_free(t);
    return st;
}

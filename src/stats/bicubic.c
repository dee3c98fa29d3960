/* bicubic.c - see bicubic.h. Columns first, then rows. */

#include "stats/bicubic.h"

#include <math.h>
#include <string.h>

typedef struct tap {
    int64_t at[4];
    float weight[4];
} tap;

struct ds_bicubic {
    int64_t h, w, out_h, out_w;
    bool same; /* sizes agree: a copy */
    tap *row, *column;
};

/* Keys' kernel (IEEE TASSP 29, 1981) at distance x. */
static double kernel(double x)
{
    const double a = -0.75;

    x = fabs(x);
    if (x <= 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a : 0.0;
}

static tap *make_taps(int64_t in, int64_t out)
{
    tap *t = ds_calloc((size_t)out, sizeof *t);

    for (int64_t i = 0; t != NULL && i < out; i++) {
        const double at = ((double)i + 0.5) * (double)in / (double)out - 0.5, base = floor(at);

        for (int k = 0; k < 4; k++) {
            const int64_t x = (int64_t)base - 1 + k;

            t[i].at[k] = x < 0 ? 0 : x >= in ? in - 1 : x;
            t[i].weight[k] = (float)kernel(at - (base - 1.0 + k));
        }
    }
    return t;
}

ds_status ds__bicubic_new(ds_bicubic **out, int64_t h, int64_t w, int64_t out_h, int64_t out_w,
                          ds_error *err)
{
    ds_bicubic *b = ds_calloc(1, sizeof *b);

    *out = b;
    if (b != NULL) {
        *b = (ds_bicubic){ h, w, out_h, out_w, h == out_h && w == out_w, NULL, NULL };
        b->row = make_taps(h, out_h);
        b->column = make_taps(w, out_w);
    }
    if (b != NULL && b->row != NULL && b->column != NULL)
        return DS_OK;
    ds__bicubic_free(b);
    *out = NULL;
    return ds_fail(err, DS_E_NOMEM, "no memory for resizing maps");
}

void ds__bicubic_free(ds_bicubic *b)
{
    if (b == NULL)
        return;
    ds_free(b->row);
    ds_free(b->column);
    ds_free(b);
}

int64_t ds__bicubic_room(const ds_bicubic *b)
{
    return b->h * b->out_w;
}

void ds__bicubic(const ds_bicubic *b, float *out, const float *x, float *room)
{
    if (b->same) {
        memcpy(out, x, (size_t)(b->h * b->w) * sizeof *out);
        return;
    }
    for (int64_t i = 0; i < b->h; i++)
        for (int64_t j = 0; j < b->out_w; j++) {
            const tap *t = &b->column[j];
            const float *r = x + i * b->w;

            room[i * b->out_w + j] = t->weight[0] * r[t->at[0]] + t->weight[1] * r[t->at[1]] +
                                     t->weight[2] * r[t->at[2]] + t->weight[3] * r[t->at[3]];
        }
    for (int64_t i = 0; i < b->out_h; i++) {
        const tap *t = &b->row[i];

        for (int64_t j = 0; j < b->out_w; j++)
            out[i * b->out_w + j] = t->weight[0] * room[t->at[0] * b->out_w + j] +
                                    t->weight[1] * room[t->at[1] * b->out_w + j] +
                                    t->weight[2] * room[t->at[2] * b->out_w + j] +
                                    t->weight[3] * room[t->at[3] * b->out_w + j];
    }
}

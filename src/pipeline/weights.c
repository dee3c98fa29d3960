/* weights.c - what emphasis makes of encoded tokens z of a chunk, for each text encoder by itself:
 *
 *   a1111   z <- w z for each token, then the whole chunk times (mean before) / (mean after)
 *   comfy   z <- z0 + w (z - z0), z0 the empty prompt's at the same place
 *
 * The pooled text is left as it is. Weights come after the encoder, so maps and information of words mean what
 * they mean without. */

#include "pipeline/prompt_impl.h"

/* A chunk's tokens, `width` of the `all` numbers of each. */
static double mean(const float *z, int64_t tokens, int64_t all, int64_t width)
{
    double sum = 0;

    for (int64_t p = 0; p < tokens; p++)
        for (int64_t d = 0; d < width; d++)
            sum += (double)z[p * all + d];
    return sum / (double)(tokens * width);
}

static void scale(float *z, const float *weight, int64_t tokens, int64_t all, int64_t width)
{
    const double before = mean(z, tokens, all, width);
    double after;
    float back;

    for (int64_t p = 0; p < tokens; p++)
        for (int64_t d = 0; d < width; d++)
            z[p * all + d] *= weight[p];
    after = mean(z, tokens, all, width);
    back = (float)(before / after);
    for (int64_t p = 0; p < tokens && after != 0; p++)
        for (int64_t d = 0; d < width; d++)
            z[p * all + d] *= back;
}

static void stretch(float *z, const float *empty, const float *weight, int64_t tokens, int64_t all,
                    int64_t width)
{
    for (int64_t p = 0; p < tokens; p++)
        for (int64_t d = 0; weight[p] != 1.0f && d < width; d++) {
            const float from = empty[p * all + d];

            z[p * all + d] = (z[p * all + d] - from) * weight[p] + from;
        }
}

void ds__emphasis_apply(const ds_text *t, ds_conditions *c, int i)
{
    const int64_t length = c->tokens / c->chunks, width = t->model->clip[i].width;
    const int64_t first = i > 0 ? t->model->clip[0].width : 0;

    if (c->weight[i] == NULL)
        return;
    for (int64_t chunk = 0; chunk < c->count * c->chunks; chunk++) {
        float *z = c->hidden + chunk * length * c->width + first;
        const float *weight = c->weight[i] + chunk * length;
        bool any = false;

        for (int64_t p = 0; p < length; p++)
            any = any || weight[p] != 1.0f;
        if (any && t->model->emphasis == DS_EMPHASIS_A1111)
            scale(z, weight, length, c->width, width);
        else if (any)
            stretch(z, t->empty->hidden + first, weight, length, c->width, width);
    }
}

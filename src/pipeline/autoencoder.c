/* autoencoder.c - see autoencoder.h.
 *
 * Both directions run one network over tiles in reading order. A finished tile is blended with its
 * upper and left neighbours, which are finished too, over the overlap
 *
 *     b(i) <- a(end - overlap + i) (1 - i/overlap) + b(i) i/overlap,      i = 0 .. overlap-1
 *
 * and its upper left part, up to where the next tile begins, goes to the result. A picture that is
 * not tiled is one tile. */

#include "pipeline/autoencoder.h"

#include "base/options.h"

#include <math.h>
#include <string.h>

/* One direction. Lengths are in input pixels, *_out in output pixels. */
typedef struct tiler {
    ds_module module;
    int64_t height, width; /* of the input */
    int64_t tile, step;    /* side of a tile, and how far the next one is */
    int64_t channels_in, channels_out;
    int64_t tile_out, overlap_out, step_out;
    ds_net *net;
    int64_t net_height, net_width; /* of the tile that net is planned for */
} tiler;

/* A finished tile, [channels,height,width]. */
typedef struct tile {
    float *data;
    int64_t height, width;
} tile;

struct ds_autoencoder {
    ds_model *model;
    const ds_watcher *watcher;
    const ds_cancel *cancel; /* of the public calls */
    int threads;
    int64_t height, width; /* of the latent */
    tiler decode, encode;
    float *latent; /* divided by the scaling factor; the moments on the way in */
    float *image;  /* in [-1,1] */
};

/* ---- tiles ----------------------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void blend_down(tile *b, const tile *a, int64_t channels, int64_t overlap)
{
    int64_t n = least(overlap, least(a->height, b->height)), width = least(a->width, b->width);

    for (int64_t c = 0; c < channels; c++)
        for (int64_t y = 0; y < n; y++) {
            const float *from = a->data + (c * a->height + a->height - n + y) * a->width;
            float *to = b->data + (c * b->height + y) * b->width;
            float w = (float)y / (float)n;

            for (int64_t x = 0; x < width; x++)
                to[x] = from[x] * (1.0f - w) + to[x] * w;
        }
}

static void blend_right(tile *b, const tile *a, int64_t channels, int64_t overlap)
{
    int64_t n = least(overlap, least(a->width, b->width)), height = least(a->height, b->height);

    for (int64_t c = 0; c < channels; c++)
        for (int64_t y = 0; y < height; y++) {
            const float *from = a->data + (c * a->height + y) * a->width + a->width - n;
            float *to = b->data + (c * b->height + y) * b->width;

            for (int64_t x = 0; x < n; x++) {
                float w = (float)x / (float)n;

                to[x] = from[x] * (1.0f - w) + to[x] * w;
            }
        }
}

static ds_status plan(ds_autoencoder *a, tiler *t, int64_t height, int64_t width, ds_error *err)
{
    const ds_net_shape shape = { 1, 0, height, width };

    if (t->net != NULL && t->net_height == height && t->net_width == width)
        return DS_OK;
    ds__net_free(t->net);
    t->net = NULL;
    t->net_height = height;
    t->net_width = width;
    return ds__net_new(&t->net, a->model, t->module, &shape,
                       &(ds_net_options){ .watcher = a->watcher, .threads = a->threads }, err);
}

/* Cuts the tile at (y, x) out of the input, and runs the network on it. The network's outputs, mean
 * and log variance when encoding, lie behind one another as channels of the result. */
static ds_status run_tile(ds_autoencoder *a, tiler *t, tile *result, const float *in, int64_t y,
                          int64_t x, const ds_cancel *cancel, ds_error *err)
{
    int64_t h = least(t->tile, t->height - y), w = least(t->tile, t->width - x), n;
    ds_tensor input = { DS_DTYPE_F32, 4, { 1, t->channels_in, h, w }, NULL };
    float *cut = ds_alloc((size_t)(t->channels_in * h * w) * sizeof *cut);
    ds_status st = plan(a, t, h, w, err);

    if (st == DS_OK && cut == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a tile");
    for (int64_t r = 0; st == DS_OK && r < t->channels_in * h; r++)
        memcpy(cut + r * w, in + (r / h * t->height + y + r % h) * t->width + x,
               (size_t)w * sizeof *cut);
    input.data = cut;
    if (st == DS_OK)
        st = ds__net_set(t->net, ds__net_input_name(t->net, 0), &input, err);
    if (st == DS_OK)
        st = ds__net_run(t->net, cancel, err);
    if (st == DS_OK)
        st = ds__net_finite(t->net, err);
    ds_free(cut);
    if (st != DS_OK)
        return st;
    result->height = h * t->tile_out / t->tile;
    result->width = w * t->tile_out / t->tile;
    n = result->height * result->width * t->channels_out / ds__net_outputs(t->net);
    for (int i = 0; i < ds__net_outputs(t->net); i++)
        ds__net_get(t->net, i, result->data + i * n);
    return DS_OK;
}

/* The part of a finished tile that no later one covers. */
static void place(const tiler *t, float *out, const tile *from, int64_t row, int64_t column)
{
    int64_t height = t->height * t->tile_out / t->tile, width = t->width * t->tile_out / t->tile;
    int64_t h = least(from->height, t->step_out), w = least(from->width, t->step_out);

    for (int64_t c = 0; c < t->channels_out; c++)
        for (int64_t y = 0; y < h; y++)
            memcpy(out + (c * height + row * t->step_out + y) * width + column * t->step_out,
                   from->data + (c * from->height + y) * from->width, (size_t)w * sizeof *out);
}

/* tiles: those of one row above and of this row, in one ring of columns + 1 places, so that each
 * still has its upper and left neighbour when it is made. */
static ds_status run_tiles(ds_autoencoder *a, tiler *t, float *out, const float *in, tile *tiles,
                           int64_t columns, const ds_cancel *cancel, ds_error *err)
{
    int64_t ring = columns + 1, i = 0;
    ds_status st = DS_OK;

    for (int64_t y = 0, row = 0; st == DS_OK && y < t->height; y += t->step, row++)
        for (int64_t x = 0, column = 0; st == DS_OK && x < t->width; x += t->step, column++, i++) {
            tile *now = &tiles[i % ring];

            st = run_tile(a, t, now, in, y, x, cancel, err);
            if (st != DS_OK)
                break;
            if (row > 0)
                blend_down(now, &tiles[(i - columns + ring) % ring], t->channels_out,
                           t->overlap_out);
            if (column > 0)
                blend_right(now, &tiles[(i - 1) % ring], t->channels_out, t->overlap_out);
            place(t, out, now, row, column);
        }
    return st;
}

static ds_status run_all(ds_autoencoder *a, tiler *t, float *out, const float *in,
                         const ds_cancel *cancel, ds_error *err)
{
    int64_t columns = (t->width + t->step - 1) / t->step;
    int64_t height = least(t->tile, t->height) * t->tile_out / t->tile;
    int64_t width = least(t->tile, t->width) * t->tile_out / t->tile;
    tile *tiles = ds_calloc((size_t)columns + 1, sizeof *tiles);
    size_t bytes = (size_t)(t->channels_out * height * width) * sizeof(float);
    ds_status st = tiles == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for tiles") : DS_OK;

    for (int64_t i = 0; st == DS_OK && i <= columns; i++)
        if ((tiles[i].data = ds_alloc(bytes)) == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a tile of %zu bytes", bytes);
    if (st == DS_OK)
        st = run_tiles(a, t, out, in, tiles, columns, cancel, err);
    for (int64_t i = 0; tiles != NULL && i <= columns; i++)
        ds_free(tiles[i].data);
    ds_free(tiles);
    return st;
}

/* ---- the object ------------------------------------------------------------------------------ */

static void plan_tiles(ds_autoencoder *a, bool tiled)
{
    const ds_vae_config *c = &a->model->vae;
    int64_t factor = (int64_t)1 << (c->levels - 1);
    int64_t side = c->sample_size, small = side / factor;
    tiler *d = &a->decode, *e = &a->encode;

    *d = (tiler){ .module = DS_MODULE_VAE_DECODE,
                  .height = a->height,
                  .width = a->width,
                  .channels_in = c->latent_channels,
                  .channels_out = c->out_channels };
    *e = (tiler){ .module = DS_MODULE_VAE_ENCODE,
                  .height = a->height * factor,
                  .width = a->width * factor,
                  .channels_in = c->in_channels,
                  .channels_out = 2 * c->latent_channels };
    if (!tiled || small < 4) { /* tiles of less are all overlap */
        small = a->height > a->width ? a->height : a->width;
        side = small * factor;
        d->tile = d->step = small;
        e->tile = e->step = side;
    } else {
        d->tile = small;
        d->step = small * 3 / 4;
        e->tile = small * factor;
        e->step = side * 3 / 4;
    }
    d->tile_out = d->tile * factor;
    d->overlap_out = side / 4;
    d->step_out = d->step * factor;
    e->tile_out = small;
    e->overlap_out = small / 4;
    e->step_out = e->step / factor;
}

ds_status ds__autoencoder_new(ds_autoencoder **out, ds_model *m, int64_t latent_height,
                              int64_t latent_width, ds_tiling tiling, const ds_watcher *watcher,
                              ds_error *err)
{
    ds_autoencoder *a = ds_calloc(1, sizeof *a);
    int64_t factor = (int64_t)1 << (m->vae.levels - 1), pixels;
    ds_status st;

    *out = NULL;
    if (a == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for an autoencoder");
    a->model = m;
    a->watcher = watcher;
    a->height = latent_height;
    a->width = latent_width;
    st = ds__module_need(m, DS_MODULE_VAE_DECODE, err);
    if (st == DS_OK && (latent_height < 1 || latent_width < 1 || latent_height > 1 << 14 ||
                        latent_width > 1 << 14))
        st = ds_fail(err, DS_E_SHAPE, "a latent of %lld by %lld: expected sides of 1 to 16384",
                     (long long)latent_width, (long long)latent_height);
    if (st == DS_OK) {
        pixels = latent_height * latent_width * factor * factor;
        plan_tiles(a, tiling == DS_TILING_ALWAYS ||
                          (tiling == DS_TILING_AUTO && pixels > DS_UNTILED_PIXELS));
        a->latent = ds_calloc((size_t)(latent_height * latent_width),
                              2 * (size_t)m->vae.latent_channels * sizeof *a->latent);
        a->image = ds_calloc((size_t)pixels, (size_t)m->vae.in_channels * sizeof *a->image);
        if (a->latent == NULL || a->image == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a picture of %lld pixels",
                         (long long)pixels);
    }
    if (st != DS_OK) {
        ds__autoencoder_free(a);
        return st;
    }
    *out = a;
    return DS_OK;
}

void ds__autoencoder_free(ds_autoencoder *a)
{
    if (a == NULL)
        return;
    ds__net_free(a->decode.net);
    ds__net_free(a->encode.net);
    ds_free(a->latent);
    ds_free(a->image);
    ds_free(a);
}

ds_status ds__decode(ds_autoencoder *a, float *image, const float *latent, const ds_cancel *cancel,
                     ds_error *err)
{
    const ds_vae_config *c = &a->model->vae;
    float scale = (float)c->scaling_factor, shift = (float)c->shift_factor;
    int64_t n = c->latent_channels * a->height * a->width;
    int64_t pixels = c->out_channels * a->encode.height * a->encode.width;
    ds_status st;

    for (int64_t i = 0; i < n; i++)
        a->latent[i] = latent[i] / scale + shift;
    st = run_all(a, &a->decode, image, a->latent, cancel, err);
    for (int64_t i = 0; st == DS_OK && i < pixels; i++)
        image[i] = fminf(fmaxf(image[i] / 2.0f + 0.5f, 0.0f), 1.0f);
    return st;
}

ds_status ds__encode(ds_autoencoder *a, float *mean, float *logvar, const float *image,
                     const ds_cancel *cancel, ds_error *err)
{
    const ds_vae_config *c = &a->model->vae;
    int64_t n = c->latent_channels * a->height * a->width;
    int64_t pixels = c->in_channels * a->encode.height * a->encode.width;
    ds_status st;

    for (int64_t i = 0; i < pixels; i++)
        a->image[i] = 2.0f * image[i] - 1.0f;
    st = run_all(a, &a->encode, a->latent, a->image, cancel, err);
    if (st != DS_OK)
        return st;
    memcpy(mean, a->latent, (size_t)n * sizeof *mean);
    memcpy(logvar, a->latent + n, (size_t)n * sizeof *logvar);
    return DS_OK;
}

void ds__posterior(const ds_autoencoder *a, float *latent, const float *mean, const float *logvar,
                   const float *noise)
{
    const ds_vae_config *c = &a->model->vae;
    float scale = (float)c->scaling_factor, shift = (float)c->shift_factor;
    int64_t n = c->latent_channels * a->height * a->width;

    for (int64_t i = 0; i < n; i++) {
        float z = noise != NULL ? mean[i] + expf(0.5f * logvar[i]) * noise[i] : mean[i];

        latent[i] = scale * (z - shift);
    }
}

/* ---- public ---------------------------------------------------------------------------------- */

ds_status ds_autoencoder_new(ds_autoencoder **out, ds_model *m,
                             const ds_autoencoder_options *options, ds_error *err)
{
    const ds_autoencoder_options defaults = DS_AUTOENCODER_OPTIONS_INIT;
    ds_autoencoder_options o;
    int64_t side = m->vae.sample_size >> (m->vae.levels - 1);
    ds_status st = ds__options_take(&o, sizeof o, &defaults, options, "options of an autoencoder",
                                    "DS_AUTOENCODER_OPTIONS_INIT", err);

    *out = NULL;
    if (m->weights[DS_UNET] != NULL)
        side = m->unet.sample_size;
    if (st == DS_OK)
        st = ds__autoencoder_new(out, m, o.height > 0 ? o.height : side,
                                 o.width > 0 ? o.width : side, (ds_tiling)o.tiling, o.watcher, err);
    if (st != DS_OK)
        return st;
    (*out)->cancel = o.cancel;
    (*out)->threads = o.threads;
    return DS_OK;
}

void ds_autoencoder_free(ds_autoencoder *a)
{
    ds__autoencoder_free(a);
}

ds_status ds_decode(ds_autoencoder *a, float *image, const float *latent, ds_error *err)
{
    return ds__decode(a, image, latent, a->cancel, err);
}

ds_status ds_encode_image(ds_autoencoder *a, float *latent, const float *image, const float *noise,
                          ds_error *err)
{
    const int64_t n = a->model->vae.latent_channels * a->height * a->width;
    float *logvar = a->latent + n; /* where ds__encode leaves it */
    ds_status st = ds__encode(a, latent, logvar, image, a->cancel, err);

    if (st == DS_OK)
        ds__posterior(a, latent, latent, logvar, noise);
    return st;
}

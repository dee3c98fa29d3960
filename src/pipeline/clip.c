/* clip.c - see clip.h. */

#include "pipeline/clip.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "models/config.h"
#include "weights/weights.h"

#define TEXTS_AT_ONCE    16
#define PICTURES_AT_ONCE 4

typedef struct tower {
    ds_graph *g;
    ds_plan *plan;
    ds_var *in;     /* ids or pixels */
    ds_var *rows;   /* end of each text, or zeros */
    ds_var *embeds; /* [batch,P] */
    int64_t batch;
} tower;

struct ds_clip {
    ds_weights *weights;
    ds_params *params;
    ds_tokenizer *tokenizer;
    ds_clip_config text;
    ds_clip_vision_config vision;
    int64_t shorter; /* side after resizing */
    double factor;   /* what a level is multiplied by */
    float mean[3], deviation[3];
    tower texts, pictures; /* planned when they are first needed */
};

/* ---- opening --------------------------------------------------------------------------------- */

static ds_status source(void *user, const char *name, int rank, const int64_t *dim,
                        ds_tensor *value, ds_error *err)
{
    ds_clip *c = user;
    const ds_tensor *t;
    ds_status st = ds__weights_bind(c->weights, name, rank, dim, &t, err);

    if (st == DS_OK)
        *value = *t;
    return st;
}

static void drop(void *user, const char *name, const ds_tensor *value)
{
    ds_clip *c = user;

    (void)name;
    ds__weights_drop_pages(c->weights, value);
}

static void tower_free(tower *t)
{
    ds__plan_free(t->plan);
    ds__graph_free(t->g);
    *t = (tower){ 0 };
}

static void build(ds_clip *c, tower *t, bool pictures, int64_t batch)
{
    ds_clip_outputs out = { .last = NULL };

    t->batch = batch;
    t->rows = ds__graph_input(t->g, DS_DTYPE_I32, DS_DIMS(batch));
    if (pictures) {
        t->in =
            ds__graph_input(t->g, DS_DTYPE_F32, DS_DIMS(batch, c->vision.side, c->vision.side, 3));
        t->embeds = ds__clip_vision_build(t->g, &c->vision, t->in, t->rows);
    } else {
        t->in = ds__graph_input(t->g, DS_DTYPE_I32, DS_DIMS(batch, c->text.positions));
        ds__clip_build(t->g, &c->text, &(ds_clip_inputs){ .ids = t->in, .end = t->rows }, &out);
        t->embeds = out.embeds;
    }
    if (t->embeds != NULL)
        ds__graph_output(t->g, t->embeds);
}

/* plan: false to find the parameters only. */
static ds_status tower_new(ds_clip *c, tower *t, bool pictures, int64_t batch, bool plan,
                           ds_error *err)
{
    const ds_graph_options o = { .params = c->params,
                                 .compute = DS_DTYPE_F32,
                                 .backend = DS_BACKEND_DNNL };
    ds_status st = ds__graph_new(&t->g, &o, err);

    if (st != DS_OK)
        return st;
    build(c, t, pictures, batch);
    st = ds__graph_status(t->g, err);
    return st == DS_OK && plan ? ds__plan_new(&t->plan, t->g, err) : st;
}

static ds_status check_parameters(ds_clip *c, ds_error *err)
{
    ds_status st = DS_OK;

    for (int pictures = 0; st == DS_OK && pictures < 2; pictures++) {
        tower t = { 0 };

        st = tower_new(c, &t, pictures == 1, 1, false, err);
        tower_free(&t);
    }
    ds__weights_find(c->weights, "logit_scale"); /* a temperature: cosines do without */
    return st == DS_OK ? ds__weights_check_all_used(c->weights, err) : st;
}

/* A side, as the number of old files or in an object of new ones; -1: neither. */
static int64_t side_of(const json_t *v, const char *name)
{
    v = json_is_object(v) ? json_object_get(v, name) : v;
    return json_is_integer(v) && json_integer_value(v) > 0 && json_integer_value(v) <= 4096
               ? json_integer_value(v)
               : -1;
}

static ds_status read_triple(float *out, const json_t *v, const char *path, const char *name,
                             ds_error *err)
{
    for (size_t i = 0; i < 3; i++) {
        const json_t *n = json_array_get(v, i);

        if (json_array_size(v) != 3 || !json_is_number(n))
            return ds_fail(err, DS_E_FORMAT, "%s: %s: expected three numbers", path, name);
        out[i] = (float)json_number_value(n);
    }
    return DS_OK;
}

static ds_status read_preprocessor(ds_clip *c, const json_t *json, const char *path, ds_error *err)
{
    static const char *const yes[] = { "do_resize", "do_center_crop", "do_normalize", NULL };
    int64_t crop = side_of(json_object_get(json, "crop_size"), "height");
    const json_t *resample = json_object_get(json, "resample");
    const json_t *factor = json_object_get(json, "rescale_factor");
    ds_status st =
        read_triple(c->mean, json_object_get(json, "image_mean"), path, "image_mean", err);

    if (st == DS_OK)
        st = read_triple(c->deviation, json_object_get(json, "image_std"), path, "image_std", err);
    for (int i = 0; st == DS_OK && yes[i] != NULL; i++)
        if (json_is_false(json_object_get(json, yes[i])))
            st = ds_fail(err, DS_E_UNSUPPORTED, "%s: %s is false: expected true", path, yes[i]);
    c->shorter = side_of(json_object_get(json, "size"), "shortest_edge");
    c->factor = json_is_number(factor) ? json_number_value(factor) : 1.0 / 255.0;
    if (st == DS_OK && (c->shorter < crop || crop != c->vision.side))
        st = ds_fail(
            err, DS_E_UNSUPPORTED,
            "%s: size %lld, crop_size %lld: expected a crop of %lld, which the model reads, "
            "and a shortest edge that is not smaller",
            path, (long long)c->shorter, (long long)crop, (long long)c->vision.side);
    if (st == DS_OK && json_is_integer(resample) && json_integer_value(resample) != 3)
        st = ds_fail(err, DS_E_UNSUPPORTED, "%s: resample is %lld: only 3 (bicubic) is implemented",
                     path, (long long)json_integer_value(resample));
    return st;
}

static ds_status open_files(ds_clip *c, const char *folder, ds_error *err)
{
    char path[2][1024];
    json_t *config = NULL, *preprocessor = NULL;
    ds_status st;

    snprintf(path[0], sizeof path[0], "%s/config.json", folder);
    snprintf(path[1], sizeof path[1], "%s/preprocessor_config.json", folder);
    st = ds__json_load(&config, path[0], err);
    if (st == DS_OK)
        st = ds__clip_pair_config_read(&c->text, &c->vision, config, path[0], err);
    if (st == DS_OK)
        st = ds__json_load(&preprocessor, path[1], err);
    if (st == DS_OK)
        st = read_preprocessor(c, preprocessor, path[1], err);
    json_decref(config);
    json_decref(preprocessor);
    if (st == DS_OK)
        st = ds_tokenizer_open(&c->tokenizer, folder, err);
    return st == DS_OK ? ds__weights_open(&c->weights, folder, NULL, err) : st;
}

ds_status ds__clip_open(ds_clip **out, const char *folder, ds_error *err)
{
    ds_clip *c = ds_calloc(1, sizeof *c);
    ds_tokenizer_info info;
    ds_status st;

    *out = NULL;
    if (c == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a CLIP model");
    st = open_files(c, folder, err);
    if (st == DS_OK)
        st = ds__params_new(&c->params, source, drop, c, err);
    if (st == DS_OK)
        st = check_parameters(c, err);
    info = st == DS_OK ? ds_tokenizer_describe(c->tokenizer) : (ds_tokenizer_info){ 0 };
    if (info.size > c->text.vocab || info.length > c->text.positions)
        st = ds_fail(err, DS_E_SHAPE,
                     "%s: the tokenizer makes %lld ids up to %lld, the text tower reads %lld up to "
                     "%lld",
                     folder, (long long)info.length, (long long)info.size - 1,
                     (long long)c->text.positions, (long long)c->text.vocab - 1);
    if (st != DS_OK) {
        ds__clip_close(c);
        return st;
    }
    *out = c;
    return DS_OK;
}

void ds__clip_close(ds_clip *c)
{
    if (c == NULL)
        return;
    tower_free(&c->texts);
    tower_free(&c->pictures);
    ds__params_free(c->params);
    ds__weights_close(c->weights);
    ds_tokenizer_close(c->tokenizer);
    ds_free(c);
}

int64_t ds__clip_width(const ds_clip *c)
{
    return c->text.projection_dim;
}

int64_t ds__clip_side(const ds_clip *c)
{
    return c->vision.side;
}

/* ---- towers ---------------------------------------------------------------------------------- */

/* The first n rows of the tower's answer, each brought to length 1. */
static void take(const tower *t, float *out, int64_t n, int64_t width)
{
    const float *row = ds__var_data(t->embeds);

    for (int64_t i = 0; i < n; i++, row += width, out += width) {
        double sum = 0.0;

        for (int64_t k = 0; k < width; k++)
            sum += (double)row[k] * row[k];
        for (int64_t k = 0; k < width; k++)
            out[k] = (float)(row[k] / sqrt(sum));
    }
}

/* Rows that the last batch does not need repeat its first. */
static void set_ids(const ds_clip *c, const tower *t, const int64_t *ids, int64_t n)
{
    const int64_t length = c->text.positions;
    int32_t *in = ds__var_data(t->in), *end = ds__var_data(t->rows);

    for (int64_t b = 0; b < t->batch; b++, in += length) {
        const int64_t *row = ids + (b < n ? b : 0) * length;

        for (int64_t i = 0; i < length; i++)
            in[i] = (int32_t)row[i];
        end[b] = (int32_t)(b * length + ds__clip_end(&c->text, in, length));
    }
}

ds_status ds__clip_ids(ds_clip *c, float *out, const int64_t *ids, int64_t n,
                       const ds_cancel *cancel, ds_error *err)
{
    const int64_t length = c->text.positions, width = ds__clip_width(c);
    ds_status st =
        c->texts.plan != NULL ? DS_OK : tower_new(c, &c->texts, false, TEXTS_AT_ONCE, true, err);

    for (int64_t first = 0; st == DS_OK && first < n; first += TEXTS_AT_ONCE) {
        const int64_t count = n - first < TEXTS_AT_ONCE ? n - first : TEXTS_AT_ONCE;

        set_ids(c, &c->texts, ids + first * length, count);
        st = ds__plan_run(c->texts.plan, cancel, err);
        if (st == DS_OK)
            take(&c->texts, out + first * width, count, width);
    }
    return st;
}

ds_status ds__clip_texts(ds_clip *c, float *out, const char *const *text, int64_t n,
                         const ds_cancel *cancel, ds_error *err)
{
    const int64_t length = c->text.positions;
    const int64_t made = ds_tokenizer_describe(c->tokenizer).length;
    int64_t *ids = ds_calloc((size_t)(n * length + made), sizeof *ids);
    ds_status st = ids == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for token ids") : DS_OK;

    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        int64_t *row = ids + i * length;
        ds_tokens *tokens;

        st = ds_tokenizer_encode(c->tokenizer, &tokens, text[i], err);
        if (st != DS_OK)
            break;
        ds_tokenizer_pad(c->tokenizer, row, tokens, 0);
        for (int64_t k = made; k < length; k++)
            row[k] = ds_tokenizer_describe(c->tokenizer).pad;
        ds_tokens_free(tokens);
    }
    if (st == DS_OK)
        st = ds__clip_ids(c, out, ids, n, cancel, err);
    ds_free(ids);
    return st;
}

ds_status ds__clip_pixels(ds_clip *c, float *out, const float *pixels, int64_t n,
                          const ds_cancel *cancel, ds_error *err)
{
    const int64_t plane = c->vision.side * c->vision.side, width = ds__clip_width(c);
    tower *t = &c->pictures;
    ds_status st = t->plan != NULL ? DS_OK : tower_new(c, t, true, PICTURES_AT_ONCE, true, err);

    for (int64_t first = 0; st == DS_OK && first < n; first += PICTURES_AT_ONCE) {
        const int64_t count = n - first < PICTURES_AT_ONCE ? n - first : PICTURES_AT_ONCE;
        float *in = ds__var_data(t->in);

        memset(ds__var_data(t->rows), 0, (size_t)t->batch * sizeof(int32_t));
        for (int64_t b = 0; b < t->batch; b++)
            for (int64_t i = 0; i < plane; i++)
                for (int64_t k = 0; k < 3; k++)
                    in[(b * plane + i) * 3 + k] =
                        pixels[((first + (b < count ? b : 0)) * 3 + k) * plane + i];
        st = ds__plan_run(t->plan, cancel, err);
        if (st == DS_OK)
            take(t, out + first * width, count, width);
    }
    return st;
}

ds_status ds__clip_preprocess(const ds_clip *c, float *pixels, const ds_image *image, ds_error *err)
{
    const int64_t side = c->vision.side, w = image->width, h = image->height;
    const int64_t width = w <= h ? c->shorter : c->shorter * w / h;
    const int64_t height = w <= h ? c->shorter * h / w : c->shorter;
    const int64_t left = (width - side) / 2, top = (height - side) / 2;
    ds_image small = { 0 };
    ds_status st = ds_image_resize(&small, image, width, height, DS_FILTER_BICUBIC, err);

    for (int64_t k = 0; st == DS_OK && k < 3; k++)
        for (int64_t y = 0; y < side; y++)
            for (int64_t x = 0; x < side; x++) {
                const double level = small.rgb[((top + y) * width + left + x) * 3 + k];

                pixels[(k * side + y) * side + x] =
                    (float)((level * c->factor - c->mean[k]) / c->deviation[k]);
            }
    ds_image_clear(&small);
    return st;
}

ds_status ds__clip_images(ds_clip *c, float *out, const ds_image *image, int64_t n,
                          const ds_cancel *cancel, ds_error *err)
{
    const int64_t one = 3 * c->vision.side * c->vision.side;
    float *pixels = ds_calloc((size_t)(n * one), sizeof *pixels);
    ds_status st = pixels == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for %lld pictures", (long long)n)
                       : DS_OK;

    for (int64_t i = 0; st == DS_OK && i < n; i++)
        st = ds__clip_preprocess(c, pixels + i * one, &image[i], err);
    if (st == DS_OK)
        st = ds__clip_pixels(c, out, pixels, n, cancel, err);
    ds_free(pixels);
    return st;
}

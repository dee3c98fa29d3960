/* sheet.c - see sheet.h. */

#include "train/sheet.h"

#include <diffuscope/image.h>
#include <diffuscope/run.h>

#include "models/create.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 8, CAPTION = 4096 };

typedef struct sheet {
    ds_trainer *t;
    ds_model *model; /* as exported */
    ds_image image;
    unsigned char *rgb; /* one example */
    float *planes;      /* [3,side,side] in [0,1] */
    char caption[CAPTION];
    double squares; /* of differences, in units of the full range */
    double sum, sum2;
    int64_t latents;
} sheet;

static void put(sheet *s, int column, int row, const unsigned char *rgb)
{
    int64_t side = s->t->side;

    for (int64_t y = 0; y < side; y++)
        memcpy(s->image.rgb + ((row * side + y) * s->image.width + column * side) * 3,
               rgb + y * side * 3, (size_t)side * 3);
}

static ds_status put_planes(sheet *s, int column, int row, const float *planes, ds_error *err)
{
    ds_image one;
    ds_status st = ds_image_from_planes(&one, planes, s->t->side, s->t->side, err);

    if (st != DS_OK)
        return st;
    put(s, column, row, one.rgb);
    ds_image_clear(&one);
    return DS_OK;
}

static ds_status begin(sheet *s, ds_trainer *t, ds_error *err)
{
    char path[DS_TRAIN_PATH];
    ds_model_options options = DS_MODEL_OPTIONS_INIT;

    *s = (sheet){ .t = t };
    options.products = DS_PRODUCTS_FAST;
    s->rgb = ds_alloc((size_t)(t->side * t->side * 3));
    s->planes = ds_alloc((size_t)(t->side * t->side * 3) * sizeof(float));
    if (s->rgb == NULL || s->planes == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a picture");
    return ds_model_open(&s->model, ds__train_path(t, path, "model"), &options, err);
}

static void end(sheet *s)
{
    ds_model_close(s->model);
    ds_image_clear(&s->image);
    ds_free(s->rgb);
    ds_free(s->planes);
}

static ds_status example(sheet *s, int column, ds_error *err)
{
    const ds_train_source *source = s->t->o->test != NULL ? s->t->o->test : s->t->o->data;
    int64_t index = source->count > 0 ? column % source->count : column;
    ds_status st =
        source->get(source->user, index, s->t->side, s->rgb, s->caption, sizeof s->caption, err);

    if (st == DS_OK)
        put(s, column, 0, s->rgb);
    return st;
}

static ds_status save(sheet *s, int64_t step, ds_error *err)
{
    char path[DS_TRAIN_PATH], name[64];

    snprintf(name, sizeof name, "sheet-%07lld.png", (long long)step);
    return ds_image_save_png(&s->image, ds__train_path(s->t, path, name), NULL, 0, err);
}

/* ---- autoencoder ------------------------------------------------------------------------------------- */

static void measure(sheet *s, const ds_tensor *mean, const float *decoded)
{
    const float *z = mean->data;
    int64_t side = s->t->side;

    for (int64_t i = 0; i < ds_tensor_count(mean); i++) {
        s->sum += z[i];
        s->sum2 += (double)z[i] * z[i];
    }
    s->latents += ds_tensor_count(mean);
    for (int64_t c = 0; c < 3; c++)
        for (int64_t i = 0; i < side * side; i++) {
            float x = fminf(fmaxf(0.5f * decoded[c * side * side + i] + 0.5f, 0.0f), 1.0f);
            double d = x - s->rgb[3 * i + c] / 255.0;

            s->planes[c * side * side + i] = x;
            s->squares += d * d;
        }
}

/* Two passes over the exported networks, as ds_model_forward runs them for anybody. */
static ds_status reconstruct(sheet *s, int column, ds_error *err)
{
    int64_t side = s->t->side;
    ds_bundle *in = NULL, *latent = NULL, *out = NULL;
    ds_tensor *x, *z, *mean;
    ds_status st = example(s, column, err);

    if (st == DS_OK)
        st = ds_bundle_new(&in, err);
    if (st == DS_OK)
        st = ds_bundle_new(&latent, err);
    if (st == DS_OK)
        st = ds_bundle_new(&out, err);
    if (st == DS_OK)
        st = ds_bundle_add(in, "image", DS_DTYPE_F32, DS_DIMS(1, 3, side, side), &x, err);
    for (int64_t c = 0; st == DS_OK && c < 3; c++)
        for (int64_t i = 0; i < side * side; i++)
            ((float *)x->data)[c * side * side + i] = s->rgb[3 * i + c] / 127.5f - 1.0f;
    if (st == DS_OK)
        st = ds_model_forward(s->model, "vae.encode", in, NULL, 0, NULL, 0, out, err);
    mean = st == DS_OK ? ds_bundle_find(out, "mean") : NULL;
    if (mean != NULL)
        st = ds_bundle_add(latent, "latent", DS_DTYPE_F32, mean->rank, mean->dim, &z, err);
    if (st == DS_OK && mean != NULL) {
        memcpy(z->data, mean->data, (size_t)ds_tensor_count(z) * sizeof(float));
        st = ds_model_forward(s->model, "vae.decode", latent, NULL, 0, NULL, 0, out, err);
    }
    if (st == DS_OK) {
        measure(s, mean, ds_bundle_find(out, "image")->data);
        st = put_planes(s, column, 1, s->planes, err);
    }
    ds_bundle_free(in);
    ds_bundle_free(latent);
    ds_bundle_free(out);
    return st;
}

static ds_status set_scaling(ds_trainer *t, double factor, ds_error *err)
{
    char path[DS_TRAIN_PATH];
    json_t *json;
    ds_status st = ds__json_load(&json, ds__train_path(t, path, "model/vae/config.json"), err);

    if (st != DS_OK)
        return st;
    json_object_set_new(json, "scaling_factor", json_real(factor));
    st = ds__create_json(path, json, err);
    json_decref(json);
    return st;
}

ds_status ds__sheet_vae(ds_trainer *t, int64_t step, char *line, size_t room, ds_error *err)
{
    sheet s;
    double pixels = (double)(COLUMNS * t->side * t->side * 3), mean, deviation;
    ds_status st = begin(&s, t, err);

    if (st == DS_OK)
        st = ds_image_init(&s.image, COLUMNS * t->side, 2 * t->side, err);
    for (int i = 0; st == DS_OK && i < COLUMNS; i++)
        st = reconstruct(&s, i, err);
    if (st == DS_OK)
        st = save(&s, step, err);
    mean = s.sum / fmax((double)s.latents, 1.0);
    deviation = sqrt(fmax(s.sum2 / fmax((double)s.latents, 1.0) - mean * mean, 1e-12));
    snprintf(line, room, "reconstruction of %d pictures %.2f dB, latents %.3f +- %.3f", COLUMNS,
             -10.0 * log10(fmax(s.squares / pixels, 1e-12)), mean, deviation);
    end(&s);
    return st == DS_OK ? set_scaling(t, 1.0 / deviation, err) : st;
}

/* ---- text to image ------------------------------------------------------------------------------------ */

static ds_status draw(sheet *s, int column, ds_error *err)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_run *run = NULL;
    ds_status st = example(s, column, err);

    o.prompt = s->caption;
    o.steps = 30;
    o.sampler = "ddim";
    o.cfg_scale = s->t->settings.guidance;
    o.width = o.height = s->t->side;
    o.seed = (uint64_t)column;
    o.cancel = s->t->o->cancel;
    if (st == DS_OK)
        st = ds_run_new(&run, s->model, &o, err);
    if (st == DS_OK)
        st = ds_run_all(run, err);
    if (st == DS_OK)
        st = ds_run_decode(run, err);
    if (st == DS_OK)
        st = put_planes(s, column, 1, ds_run_image(run).data, err);
    ds_run_free(run);
    return st;
}

ds_status ds__sheet_diffusion(ds_trainer *t, int64_t step, char *line, size_t room, ds_error *err)
{
    sheet s;
    ds_status st = begin(&s, t, err);

    if (st == DS_OK)
        st = ds_image_init(&s.image, COLUMNS * t->side, 2 * t->side, err);
    for (int i = 0; st == DS_OK && i < COLUMNS; i++)
        st = draw(&s, i, err);
    if (st == DS_OK)
        st = save(&s, step, err);
    snprintf(line, room, "sheet-%07lld.png drawn", (long long)step);
    end(&s);
    return st;
}

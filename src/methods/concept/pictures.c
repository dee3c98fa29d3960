/* pictures.c - see pictures.h. */

#include "methods/concept/pictures.h"

#include <string.h>

ds_status ds__paint_plane(int64_t *plane, const ds_painter *p, ds_error *err)
{
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, p->model, err);

    if (st == DS_OK)
        *plane = info.channels * (p->sampling.height > 0 ? p->sampling.height : info.side) *
                 (p->sampling.width > 0 ? p->sampling.width : info.side);
    return st;
}

/* texts with one row at its place in each. */
static ds_status encode_rows(ds_encoder **out, ds_painter *p, const char *const *text,
                             const int64_t *place, const int64_t *row, int64_t n,
                             const float *token, ds_error *err)
{
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    ds_place *places = ds_calloc((size_t)n, sizeof *places);
    int64_t rows = 0;
    ds_status st;

    if (places == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for places");
    for (int64_t i = 0; i < n; i++) {
        places[i] = (ds_place){ .text = i, .place = place[i], .row = row[i] };
        rows = row[i] >= rows ? row[i] + 1 : rows;
    }
    o.prompts = text;
    o.count = n;
    o.places = places;
    o.n_places = n;
    o.cancel = p->sampling.cancel;
    st = ds_encoder_new(out, p->model, &o, err);
    ds_free(places);
    for (int64_t r = 0; st == DS_OK && r < rows; r++)
        for (int e = 0; e < ds_encoder_count(*out); e++) {
            const int64_t width = ds_encoder_width(*out, e);

            memcpy(ds_encoder_row(*out, e, r), token, (size_t)width * sizeof *token);
            token += width;
        }
    return st == DS_OK ? ds_encode(*out, err) : st;
}

static ds_status decode(ds_painter *p, ds_image *image, const float *latent, int64_t n,
                        int64_t plane, ds_error *err)
{
    ds_autoencoder_options o = DS_AUTOENCODER_OPTIONS_INIT;
    ds_denoiser_info info;
    ds_autoencoder *a = NULL;
    int64_t height, width;
    float *pixels;
    ds_status st = ds_denoiser_describe(&info, p->model, err);

    o.height = p->sampling.height;
    o.width = p->sampling.width;
    o.cancel = p->sampling.cancel;
    if (st == DS_OK)
        st = ds_autoencoder_new(&a, p->model, &o, err);
    if (st != DS_OK)
        return st;
    height = info.factor * (o.height > 0 ? o.height : info.side);
    width = info.factor * (o.width > 0 ? o.width : info.side);
    pixels = ds_calloc((size_t)(3 * height * width), sizeof *pixels);
    if (pixels == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a picture");
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        st = ds_decode(a, pixels, latent + i * plane, err);
        if (st == DS_OK)
            st = ds_image_from_planes(&image[i], pixels, width, height, err);
        p->decodes++;
    }
    ds_free(pixels);
    ds_autoencoder_free(a);
    return st;
}

/* Draws under the conditionings of an encoder, picture i under which[i]; decodes if image is not NULL. */
static ds_status draw(ds_painter *p, ds_image *image, float *latent, const ds_encoder *e,
                      const int64_t *which, int64_t n, ds_error *err)
{
    ds_encoder *empty = NULL;
    float *own = NULL;
    int64_t plane;
    ds_status st = ds__paint_plane(&plane, p, err);

    if (st == DS_OK && latent == NULL) {
        latent = own = ds_calloc((size_t)(n * plane), sizeof *own);
        if (own == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for latents");
    }
    if (st == DS_OK && p->sampling.guidance != 1.0)
        st = ds__encode_texts(&empty, p->model, (const char *const[]){ NULL }, 1,
                              p->sampling.cancel, err);
    if (st == DS_OK)
        st = ds__sampling_run(latent, p->model, &p->sampling, ds_encoder_conditions(e), which, n,
                              empty != NULL ? ds_encoder_conditions(empty) : NULL, &p->passes, err);
    if (st == DS_OK && image != NULL)
        st = decode(p, image, latent, n, plane, err);
    ds_encoder_free(empty);
    ds_free(own);
    return st;
}

ds_status ds__paint(ds_painter *p, ds_image *image, float *latent, const ds_sentences *s,
                    const float *token, int64_t n, ds_error *err)
{
    ds_encoder *e = NULL;
    int64_t *zero = ds_calloc((size_t)s->count, sizeof *zero);
    ds_status st = DS_OK;

    for (int64_t i = 0; image != NULL && i < n; i++)
        image[i] = (ds_image){ 0 };
    if (zero == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for rows");
    else if (token != NULL)
        st = encode_rows(&e, p, s->free, s->place, zero, s->count, token, err);
    else
        st = ds__encode_texts(&e, p->model, s->concept, s->count, p->sampling.cancel, err);
    if (st == DS_OK)
        st = draw(p, image, latent, e, s->of, n, err);
    ds_encoder_free(e);
    ds_free(zero);
    return st;
}

ds_status ds__paint_tokens(ds_painter *p, ds_image *image, float *latent, const ds_sentences *s,
                           const float *token, int64_t n, ds_error *err)
{
    ds_status st;
    int64_t plane;

    for (int64_t i = 0; image != NULL && i < n; i++)
        image[i] = (ds_image){ 0 };
    st = ds__paint_plane(&plane, p, err);
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        const int64_t zero = 0;
        ds_encoder *e = NULL;

        st = encode_rows(&e, p, s->free, s->place, &zero, 1, token, err);
        for (int k = 0; st == DS_OK && k < ds_encoder_count(e); k++)
            token += ds_encoder_width(e, k);
        if (st == DS_OK)
            st = draw(p, image != NULL ? image + i : NULL,
                      latent != NULL ? latent + i * plane : NULL, e, &zero, 1, err);
        ds_encoder_free(e);
    }
    return st;
}

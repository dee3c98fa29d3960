/* answer.c - pictures of a model in place of a folder's own.
 *
 * Thread rule: a folder belongs to one thread; the networks use all. */

#include "world/tool/answer.h"

#include "world/export.h"
#include "world/record.h"

#include <diffuscope/image.h>
#include <diffuscope/run.h>

#include <stdio.h>
#include <string.h>

enum { SIDE = DS_WORLD_SIDE, BYTES = 3 * SIDE * SIDE, RECONSTRUCTED = 16 };

typedef struct asked {
    char *file, *caption;
} asked;

typedef struct asked_list {
    asked *at;
    int64_t count, room;
} asked_list;

static ds_status add_asked(void *user, const json_t *line, ds_error *err)
{
    asked_list *l = user;
    const char *file = json_string_value(json_object_get(line, "file"));
    const char *caption = json_string_value(json_object_get(line, "caption"));

    if (file == NULL || caption == NULL || strlen(file) > 255)
        return ds_fail(err, DS_E_FORMAT, "expected file and caption");
    if (l->count == l->room) {
        int64_t room = l->room == 0 ? 256 : 2 * l->room;
        asked *more = ds_calloc((size_t)room, sizeof *more);

        if (more == NULL)
            return ds_fail(err, DS_E_NOMEM, "%lld captions", (long long)room);
        if (l->at != NULL)
            memcpy(more, l->at, (size_t)l->count * sizeof *more);
        ds_free(l->at);
        l->at = more;
        l->room = room;
    }
    l->at[l->count] = (asked){ ds_strdup(file), ds_strdup(caption) };
    l->count++;
    return l->at[l->count - 1].file != NULL && l->at[l->count - 1].caption != NULL
               ? DS_OK
               : ds_fail(err, DS_E_NOMEM, "a caption");
}

static void clear(asked_list *l)
{
    for (int64_t i = 0; i < l->count; i++) {
        ds_free(l->at[i].file);
        ds_free(l->at[i].caption);
    }
    ds_free(l->at);
}

/* The folders images/ and the like are made where an export has not been. */
static ds_status save(const char *folder, const char *file, const float *planes, uint8_t *rgb,
                      ds_error *err)
{
    char path[1500];
    ds_image image;
    ds_status st = ds_image_from_planes(&image, planes, SIDE, SIDE, err);

    if (st != DS_OK)
        return st;
    if (rgb != NULL)
        memcpy(rgb, image.rgb, BYTES);
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (strrchr(file, '/') != NULL) {
        char *end = strrchr(path, '/');

        *end = '\0';
        st = ds_folder_make(path, err);
        *end = '/';
    }
    if (st == DS_OK)
        st = ds_world_write_png(path, image.rgb, SIDE, SIDE, err);
    ds_image_clear(&image);
    return st;
}

/* ---- from captions --------------------------------------------------------------------------- */

static ds_status check_image(const ds_tensor *t, ds_error *err)
{
    if (t->rank == 4 && t->dim[1] == 3 && t->dim[2] == SIDE && t->dim[3] == SIDE)
        return DS_OK;
    return ds_fail(err, DS_E_SHAPE, "the model draws %lld by %lld pixels, the world has %d by %d",
                   (long long)t->dim[t->rank - 1], (long long)t->dim[t->rank - 2], SIDE, SIDE);
}

static ds_status draw_batch(ds_model *m, const char *folder, const ds_answer_options *o,
                            const asked *a, int64_t first, int64_t count, ds_error *err)
{
    ds_run_options r = DS_RUN_OPTIONS_INIT;
    const char **prompts = ds_calloc((size_t)count, sizeof *prompts);
    ds_run *run = NULL;
    ds_tensor t;
    ds_status st = prompts == NULL ? ds_fail(err, DS_E_NOMEM, "prompts") : DS_OK;

    for (int64_t i = 0; st == DS_OK && i < count; i++)
        prompts[i] = a[first + i].caption;
    r.prompts = prompts;
    r.images = count;
    r.steps = o->steps;
    r.cfg_scale = o->guidance;
    r.sampler = "ddim";
    r.seed = o->seed + (uint64_t)first;
    if (st == DS_OK)
        st = ds_run_new(&run, m, &r, err);
    if (st == DS_OK) {
        t = ds_run_image(run);
        st = check_image(&t, err);
    }
    if (st == DS_OK)
        st = ds_run_all(run, err);
    if (st == DS_OK)
        st = ds_run_decode(run, err);
    for (int64_t i = 0; st == DS_OK && i < count; i++)
        st = save(folder, a[first + i].file, (const float *)t.data + i * BYTES, NULL, err);
    ds_run_free(run);
    ds_free(prompts);
    return st;
}

ds_status ds_world_answer(ds_model *m, const char *folder, const ds_answer_options *o,
                          ds_error *err)
{
    asked_list l = { 0 };
    ds_status st = ds_world_read_lines(folder, add_asked, &l, err);

    for (int64_t i = 0; st == DS_OK && i < l.count; i += o->batch) {
        int64_t count = l.count - i < o->batch ? l.count - i : o->batch;

        st = draw_batch(m, folder, o, l.at, i, count, err);
        if (st == DS_OK && o->progress != NULL)
            o->progress(o->user, i + count, l.count);
    }
    clear(&l);
    return st;
}

/* ---- through the autoencoder ----------------------------------------------------------------- */

static double mean_square(const uint8_t *a, const uint8_t *b)
{
    double sum = 0.0;

    for (int i = 0; i < BYTES; i++)
        sum += (double)(a[i] - b[i]) * (a[i] - b[i]);
    return sum / (BYTES * 255.0 * 255.0);
}

static ds_status read_batch(const char *folder, const asked *a, int64_t count, uint8_t *rgb,
                            float *planes, ds_error *err)
{
    char path[1500];
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, a[i].file);
        st = ds_world_read_png(path, rgb + i * BYTES, SIDE, SIDE, err);
        for (int c = 0; st == DS_OK && c < 3; c++)
            for (int p = 0; p < SIDE * SIDE; p++)
                planes[i * BYTES + c * SIDE * SIDE + p] =
                    (float)rgb[i * BYTES + 3 * p + c] / 127.5f - 1.0f;
    }
    return st;
}

/* out holds "image" [count,3,SIDE,SIDE] in [-1,1] afterwards. */
static ds_status pass(ds_model *m, const ds_bundle *in, ds_bundle *latent, ds_bundle *out,
                      int64_t count, ds_error *err)
{
    const int64_t dims[4] = { count, 3, SIDE, SIDE };
    ds_tensor *mean, *z, *image;
    ds_status st = ds_model_forward(m, "vae.encode", in, NULL, 0, NULL, 0, out, err);

    if (st != DS_OK)
        return st;
    mean = ds_bundle_find(out, "mean");
    st = ds_bundle_add(latent, "latent", DS_DTYPE_F32, mean->rank, mean->dim, &z, err);
    if (st != DS_OK)
        return st;
    memcpy(z->data, mean->data, (size_t)ds_tensor_count(z) * sizeof(float));
    st = ds_model_forward(m, "vae.decode", latent, NULL, 0, NULL, 0, out, err);
    return st == DS_OK ? ds_bundle_expect(out, "image", 4, dims, &image, err) : st;
}

static ds_status reconstruct_batch(ds_model *m, const char *folder, const asked *a, int64_t count,
                                   double *error, ds_error *err)
{
    const int64_t dims[4] = { count, 3, SIDE, SIDE };
    uint8_t *rgb = ds_alloc((size_t)count * BYTES), back[BYTES];
    ds_bundle *in = NULL, *latent = NULL, *out = NULL;
    ds_tensor *x;
    ds_status st = rgb == NULL ? ds_fail(err, DS_E_NOMEM, "pictures") : ds_bundle_new(&in, err);

    if (st == DS_OK)
        st = ds_bundle_new(&latent, err);
    if (st == DS_OK)
        st = ds_bundle_new(&out, err);
    if (st == DS_OK)
        st = ds_bundle_add(in, "image", DS_DTYPE_F32, 4, dims, &x, err);
    if (st == DS_OK)
        st = read_batch(folder, a, count, rgb, x->data, err);
    if (st == DS_OK)
        st = pass(m, in, latent, out, count, err);
    for (int64_t i = 0; st == DS_OK && i < count; i++) {
        float *y = (float *)ds_bundle_find(out, "image")->data + i * BYTES;

        for (int k = 0; k < BYTES; k++)
            y[k] = 0.5f * (y[k] + 1.0f);
        st = save(folder, a[i].file, y, back, err);
        error[i] = mean_square(rgb + i * BYTES, back);
    }
    ds_bundle_free(in);
    ds_bundle_free(latent);
    ds_bundle_free(out);
    ds_free(rgb);
    return st;
}

ds_status ds_world_reconstruct(ds_model *m, const char *folder, double *error, int64_t room,
                               int64_t *count, ds_error *err)
{
    asked_list l = { 0 };
    ds_status st = ds_world_read_lines(folder, add_asked, &l, err);

    *count = l.count;
    for (int64_t i = 0; st == DS_OK && i < l.count; i += RECONSTRUCTED) {
        int64_t n = l.count - i < RECONSTRUCTED ? l.count - i : RECONSTRUCTED;
        double square[RECONSTRUCTED];

        st = reconstruct_batch(m, folder, l.at + i, n, square, err);
        for (int64_t k = 0; st == DS_OK && error != NULL && k < n && i + k < room; k++)
            error[i + k] = square[k];
    }
    clear(&l);
    return st;
}

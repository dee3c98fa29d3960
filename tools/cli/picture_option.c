/* picture_option.c - see picture_option.h. */

#include "picture_option.h"

#include <string.h>

#include "progress.h"
#include "report.h"

static ds_status copy_floats(ds_tensor *to, void **memory, const float *from, int rank,
                             const int64_t *dim, ds_error *err)
{
    size_t bytes;

    *to = (ds_tensor){ .dtype = DS_DTYPE_F32, .rank = rank };
    memcpy(to->dim, dim, (size_t)rank * sizeof *dim);
    if (ds_tensor_bytes(to, &bytes, err) != DS_OK)
        return DS_E_SHAPE;
    *memory = to->data = ds_alloc(bytes);
    if (to->data == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a picture");
    if (from != NULL)
        memcpy(to->data, from, bytes);
    return DS_OK;
}

/* ---- from files ------------------------------------------------------------------------------ */

static ds_status load_latent(picture *p, const char *path, ds_error *err)
{
    ds_tensor *t = NULL;
    ds_status st = ds_bundle_load(&p->file, path, err);

    if (st == DS_OK)
        st = ds_bundle_expect(p->file, "latent", DS_DIMS(1, -1, -1, -1), &t, err);
    if (st == DS_OK && t->dtype != DS_DTYPE_F32)
        st = ds_fail(err, DS_E_SHAPE, "latent: expected F32, found %s", ds_dtype_name(t->dtype));
    if (st != DS_OK)
        return ds_fail_at(err, st, path, -1);
    p->latent = *t;
    return DS_OK;
}

/* With a size, the middle of the picture fills it; without, sides are rounded to multiples of 8. */
static ds_status load_image(picture *p, const ds_args *a, const char *path, ds_error *err)
{
    bool sized = opt_given(a, "width") || opt_given(a, "height");
    ds_image raw = { 0 };
    int64_t width, height;
    ds_status st = ds_image_load(&raw, path, err);

    if (st != DS_OK)
        return st;
    width = opt_given(a, "width") ? opt_int(a, "width") : raw.width < 8 ? 8 : raw.width / 8 * 8;
    height = opt_given(a, "height") ? opt_int(a, "height")
             : raw.height < 8       ? 8
                                    : raw.height / 8 * 8;
    if (width % 8 != 0 || height % 8 != 0)
        st = ds_fail(err, DS_E_ARG, "--width and --height: expected multiples of 8");
    if (st == DS_OK)
        st = sized ? ds_image_fit(&p->shown, &raw, width, height, DS_FILTER_LANCZOS, err)
                   : ds_image_resize(&p->shown, &raw, width, height, DS_FILTER_LANCZOS, err);
    ds_image_clear(&raw);
    if (st == DS_OK)
        st = copy_floats(&p->image, &p->memory[0], NULL, DS_DIMS(1, 3, height, width), err);
    if (st == DS_OK)
        ds_image_to_planes(p->image.data, &p->shown);
    return st;
}

/* ---- drawn ----------------------------------------------------------------------------------- */

static ds_status run_all(ds_run *run, const ds_args *a, ds_error *err)
{
    const char *text;
    progress bar;
    ds_status st = DS_OK;

    for (int i = 0; (text = ds_run_warning(run, i)) != NULL; i++)
        remark(a, "%s", text);
    progress_begin(&bar, a, "drawing", ds_run_steps(run));
    while (st == DS_OK && !ds_run_done(run)) {
        st = ds_run_step(run, err);
        progress_step(&bar, ds_run_step_index(run));
    }
    progress_end(&bar);
    return st == DS_OK ? ds_run_decode(run, err) : st;
}

static ds_status keep(picture *p, const ds_run *run, ds_error *err)
{
    const ds_tensor steps = ds_run_latents(run), image = ds_run_image(run);
    int64_t plane = steps.dim[2] * steps.dim[3] * steps.dim[4];
    const float *last = (const float *)steps.data + (steps.dim[0] - 1) * plane;
    ds_status st = copy_floats(&p->latent, &p->memory[0], last,
                               DS_DIMS(1, steps.dim[2], steps.dim[3], steps.dim[4]), err);

    if (st == DS_OK)
        st = copy_floats(&p->image, &p->memory[1], image.data,
                         DS_DIMS(1, 3, image.dim[2], image.dim[3]), err);
    return st == DS_OK
               ? ds_image_from_planes(&p->shown, p->image.data, image.dim[3], image.dim[2], err)
               : st;
}

ds_status picture_draw(picture *out, ds_model *m, const ds_args *a, const char *prompt,
                       uint64_t seed, ds_error *err)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_run *run = NULL;
    ds_status st;

    *out = (picture){ .drawn = true };
    o.prompt = prompt;
    o.negative_prompt = opt_text(a, "negative-prompt");
    o.steps = (int)opt_int(a, "steps");
    o.cfg_scale = opt_real(a, "cfg-scale");
    o.sampler = opt_text(a, "sampler");
    o.width = opt_given(a, "width") ? opt_int(a, "width") : 0;
    o.height = opt_given(a, "height") ? opt_int(a, "height") : 0;
    o.seed = seed;
    o.cancel = cancel_on_interrupt();
    st = ds_run_new(&run, m, &o, err);
    if (st == DS_OK)
        st = run_all(run, a, err);
    if (st == DS_OK)
        st = keep(out, run, err);
    ds_run_free(run);
    if (st != DS_OK)
        picture_clear(out);
    return st;
}

ds_status picture_from_options(picture *out, ds_model *m, const ds_args *a, const char *prompt,
                               ds_error *err)
{
    const char *image = opt_text(a, "image"), *latent = opt_text(a, "latent");
    ds_status st;

    *out = (picture){ .drawn = false };
    if (image != NULL && latent != NULL)
        return ds_fail(err, DS_E_ARG, "--image and --latent exclude each other");
    if (image == NULL && latent == NULL && prompt == NULL)
        return ds_fail(err, DS_E_ARG,
                       "a picture is needed: --image FILE, --latent FILE, or --prompt TEXT to draw "
                       "one");
    if (image == NULL && latent == NULL)
        return picture_draw(out, m, a, prompt, opt_seed(a, "seed"), err);
    if (image != NULL)
        return picture_load(out, a, image, err);
    st = load_latent(out, latent, err);
    if (st != DS_OK)
        picture_clear(out);
    return st;
}

ds_status picture_load(picture *out, const ds_args *a, const char *path, ds_error *err)
{
    ds_status st;

    *out = (picture){ .drawn = false };
    st = load_image(out, a, path, err);
    if (st != DS_OK)
        picture_clear(out);
    return st;
}

void picture_clear(picture *p)
{
    ds_image_clear(&p->shown);
    ds_free(p->memory[0]);
    ds_free(p->memory[1]);
    ds_bundle_free(p->file);
    *p = (picture){ .drawn = false };
}

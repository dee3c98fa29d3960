/* run_option.c - see run_option.h. */

#include "run_option.h"

#include <diffuscope/image.h>

#include "report.h"

static ds_status load_latent(run_inputs *in, ds_run_options *o, const ds_args *a, ds_error *err)
{
    const char *path = opt_text(a, "latent");
    ds_status st;

    if (path == NULL)
        return DS_OK;
    st = ds_bundle_load(&in->latent, path, err);
    if (st != DS_OK)
        return st;
    o->latent = ds_bundle_find(in->latent, "latent");
    if (o->latent != NULL)
        return DS_OK;
    ds_fail(err, DS_E_SHAPE, "%s: expected a tensor \"latent\", found none", path);
    return ds_fail_at(err, DS_E_SHAPE, path, -1);
}

/* With a size, the middle of the picture fills it; without, sides are rounded to multiples of 8. */
static ds_status load_image(run_inputs *in, ds_run_options *o, const ds_args *a, ds_error *err)
{
    const char *path = opt_text(a, "init-img");
    ds_image raw = { 0 }, sized = { 0 };
    int64_t width, height;
    ds_status st;

    if (path == NULL)
        return DS_OK;
    st = ds_image_load(&raw, path, err);
    if (st != DS_OK)
        return st;
    width = o->width > 0 ? o->width : raw.width < 8 ? 8 : raw.width / 8 * 8;
    height = o->height > 0 ? o->height : raw.height < 8 ? 8 : raw.height / 8 * 8;
    st = o->width > 0 || o->height > 0
             ? ds_image_fit(&sized, &raw, width, height, DS_FILTER_LANCZOS, err)
             : ds_image_resize(&sized, &raw, width, height, DS_FILTER_LANCZOS, err);
    if (st == DS_OK)
        in->planes = ds_alloc((size_t)(3 * width * height) * sizeof *in->planes);
    if (st == DS_OK && in->planes == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for the initial picture");
    if (st == DS_OK) {
        ds_image_to_planes(in->planes, &sized);
        in->image = (ds_tensor){ DS_DTYPE_F32, 4, { 1, 3, height, width }, in->planes };
        o->image = &in->image;
    }
    ds_image_clear(&raw);
    ds_image_clear(&sized);
    return st;
}

ds_status run_options_read(run_inputs *in, ds_run_options *o, const ds_args *a, ds_error *err)
{
    ds_status st = ds_rng_kind_parse(&o->rng, opt_text(a, "rng"), err);

    o->negative_prompt = opt_text(a, "negative-prompt");
    o->steps = (int)opt_int(a, "steps");
    o->cfg_scale = opt_real(a, "cfg-scale");
    o->sampler = opt_text(a, "sampler");
    o->scheduler = opt_text(a, "scheduler");
    o->spacing = opt_text(a, "timestep-spacing");
    o->set_alpha_to_one = opt_flag(a, "set-alpha-to-one") ? 1 : -1;
    o->eta = opt_given(a, "eta") ? opt_real(a, "eta") : -1;
    o->compat = opt_text(a, "compat");
    o->width = opt_given(a, "width") ? opt_int(a, "width") : 0;
    o->height = opt_given(a, "height") ? opt_int(a, "height") : 0;
    o->seed = opt_seed(a, "seed");
    o->images = opt_given(a, "batch-count") ? opt_int(a, "batch-count") : 0;
    o->strength = opt_real(a, "strength");
    o->vae_tiling = opt_flag(a, "vae-tiling") ? 1 : -1;
    o->cancel = cancel_on_interrupt();
    if (st == DS_OK && opt_given(a, "latent") && opt_given(a, "init-img"))
        st = ds_fail(err, DS_E_ARG, "--latent and --init-img exclude each other");
    if (st == DS_OK)
        st = load_latent(in, o, a, err);
    return st == DS_OK ? load_image(in, o, a, err) : st;
}

void run_inputs_free(run_inputs *in)
{
    ds_bundle_free(in->latent);
    ds_free(in->planes);
    *in = (run_inputs){ 0 };
}

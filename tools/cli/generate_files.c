/* generate_files.c - see generate_files.h. */

#include "generate_files.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/image.h>

#include "generated.h"
#include "report.h"
#include "show.h"

#define PATH_SIZE 4096

/* "x.png" of one picture, "x-3.png" of several. */
static ds_status picture_path(char *buf, const char *path, int64_t images, int64_t b, ds_error *err)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t stem = dot != NULL && dot > (slash != NULL ? slash + 1 : path) ? (size_t)(dot - path)
                                                                          : strlen(path);
    int n = images < 2 ? snprintf(buf, PATH_SIZE, "%s", path)
                       : snprintf(buf, PATH_SIZE, "%.*s-%lld%s", (int)stem, path, (long long)b,
                                  path + stem);

    return n >= 0 && n < PATH_SIZE ? DS_OK : ds_fail(err, DS_E_ARG, "the path of -o is too long");
}

ds_status generate_check_files(const ds_args *a, int64_t images, ds_error *err)
{
    const char *output = opt_text(a, "output");
    char path[PATH_SIZE];
    ds_status st = DS_OK;

    for (int64_t b = 0; st == DS_OK && output != NULL && b < images; b++) {
        st = picture_path(path, output, images, b, err);
        if (st == DS_OK)
            st = ds_option_check_outfile(opts_set(a), path, err);
    }
    return st;
}

/* ---- pictures -------------------------------------------------------------------------------- */

static ds_status save_picture(const char *path, const ds_args *a, const ds_run *run,
                              const ds_record *record, int64_t b, ds_error *err)
{
    const ds_tensor t = ds_run_image(run);
    const float *planes = (const float *)t.data + b * 3 * t.dim[2] * t.dim[3];
    ds_image image = { 0 };
    ds_status st = ds_image_from_planes(&image, planes, t.dim[3], t.dim[2], err);

    if (st == DS_OK)
        st = generated_save(&image, path, a, run, record, opt_text(a, "prompt"),
                            opt_seed(a, "seed") + (uint64_t)b, err);
    ds_image_clear(&image);
    return st;
}

static ds_status save_pictures(const char *target, const ds_args *a, const ds_run *run,
                               const ds_record *record, json_t *paths, ds_error *err)
{
    const int64_t images = ds_run_describe(run).images;
    char path[PATH_SIZE];
    ds_status st = DS_OK;

    for (int64_t b = 0; st == DS_OK && b < images; b++) {
        st = picture_path(path, target, images, b, err);
        if (st == DS_OK)
            st = save_picture(path, a, run, record, b, err);
        if (st == DS_OK)
            json_array_append_new(paths, json_string(path));
    }
    return st;
}

/* ---- the folder ------------------------------------------------------------------------------ */

static ds_status add_tensor(ds_bundle *b, const char *name, ds_tensor from, ds_error *err)
{
    ds_tensor *t;
    ds_status st = ds_bundle_add(b, name, DS_DTYPE_F32, from.rank, from.dim, &t, err);

    if (st == DS_OK)
        memcpy(t->data, from.data, (size_t)ds_tensor_count(&from) * sizeof(float));
    return st;
}

static ds_status save_tensors(const char *dir, const ds_run *run, ds_error *err)
{
    char path[PATH_SIZE];
    ds_bundle *b = NULL;
    ds_status st = run_folder_file(path, sizeof path, dir, "tensors.safetensors", err);

    if (st == DS_OK)
        st = ds_bundle_new(&b, err);
    if (st == DS_OK)
        st = add_tensor(b, "latents", ds_run_latents(run), err);
    if (st == DS_OK)
        st = add_tensor(b, "image", ds_run_image(run), err);
    if (st == DS_OK)
        st = ds_bundle_save(b, path, err);
    ds_bundle_free(b);
    return st;
}

static ds_status save_folder(const ds_args *a, const ds_run *run, ds_run_record *record,
                             json_t *paths, ds_error *err)
{
    const char *dir = opt_text(a, "out");
    char path[PATH_SIZE];
    ds_status st = run_folder_make(dir, err);

    if (st == DS_OK)
        st = run_folder_file(path, sizeof path, dir, "image.png", err);
    if (st == DS_OK)
        st = save_pictures(path, a, run, record->record, paths, err);
    if (st == DS_OK)
        st = save_tensors(dir, run, err);
    if (st == DS_OK)
        st = generate_save_result(a, run, dir, err);
    if (st == DS_OK)
        st = generate_save_report(a, run, record, dir, err);
    return st == DS_OK ? run_record_end(record, dir, err) : st;
}

static ds_status print_json(const ds_args *a, const ds_run *run, json_t *paths, ds_error *err)
{
    const ds_run_info i = ds_run_describe(run);
    json_t *warnings = json_array();
    const uint64_t seed = opt_seed(a, "seed");
    char text[32];
    json_t *root;
    int failed;

    for (int k = 0; ds_run_warning(run, k) != NULL; k++)
        json_array_append_new(warnings, json_string(ds_run_warning(run, k)));
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed); /* JSON readers lose digits */
    root = json_pack("{s:O, s:o, s:s, s:i, s:I, s:I, s:I, s:o}", "images", paths, "seed",
                     seed <= INT64_MAX ? json_integer((json_int_t)seed) : json_string(text),
                     "sampler", i.sampler, "steps", ds_run_steps(run), "denoiser_calls",
                     (json_int_t)i.calls, "width", (json_int_t)i.width, "height",
                     (json_int_t)i.height, "warnings", warnings);
    failed = root == NULL || json_dumpf(root, stdout, 0) != 0;
    json_decref(root);
    if (failed)
        return ds_fail(err, DS_E_IO, "standard output could not be written");
    putchar('\n');
    return DS_OK;
}

static ds_status show(const ds_args *a, const ds_run *run, ds_error *err)
{
    const ds_tensor t = ds_run_image(run);
    ds_status st = DS_OK;

    for (int64_t b = 0; st == DS_OK && b < t.dim[0]; b++) {
        const float *planes = (const float *)t.data + b * 3 * t.dim[2] * t.dim[3];
        ds_image image = { 0 };

        st = ds_image_from_planes(&image, planes, t.dim[3], t.dim[2], err);
        if (st == DS_OK)
            st = show_image(a, &image, err);
        ds_image_clear(&image);
    }
    return st;
}

ds_status generate_save(const ds_args *a, const ds_run *run, ds_run_record *record, ds_error *err)
{
    json_t *paths = json_array();
    ds_status st = generated_record(record->record, run, err);

    if (st == DS_OK && opt_text(a, "output") != NULL)
        st = save_pictures(opt_text(a, "output"), a, run, record->record, paths, err);
    if (st == DS_OK && opt_text(a, "out") != NULL)
        st = save_folder(a, run, record, paths, err);
    if (st == DS_OK && opt_flag(a, "json"))
        st = print_json(a, run, paths, err);
    for (size_t i = 0; st == DS_OK && !opt_flag(a, "json") && i < json_array_size(paths); i++)
        puts(json_string_value(json_array_get(paths, i)));
    if (st == DS_OK)
        st = show(a, run, err);
    json_decref(paths);
    return st;
}

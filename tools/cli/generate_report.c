/* generate_report.c - result.json and report.html of `diffuscope generate`. */

#include "generate_files.h"

#include <stdio.h>
#include <string.h>

#include <diffuscope/image.h>

#include "report_page.h"

#define MOST_SHOWN 64 /* pictures in the page: more would make it heavy */

ds_status generate_save_result(const ds_args *a, const ds_run *run, const char *dir, ds_error *err)
{
    const ds_run_info i = ds_run_describe(run);
    ds_record *r = NULL;
    char path[4096];
    ds_status st = ds_record_new(&r, err);

    if (st == DS_OK)
        st = ds_record_int(r, "images", i.images, err);
    if (st == DS_OK)
        st = ds_record_seed(r, "seed", opt_seed(a, "seed"), err); /* of the first */
    if (st == DS_OK)
        st = ds_record_int(r, "width", i.width, err);
    if (st == DS_OK)
        st = ds_record_int(r, "height", i.height, err);
    if (st == DS_OK)
        st = ds_record_int(r, "denoiser_calls", i.calls, err);
    if (st == DS_OK)
        st = run_folder_file(path, sizeof path, dir, "result.json", err);
    if (st == DS_OK)
        st = ds_record_save(r, path, err);
    ds_record_free(r);
    return st;
}

static ds_status add_picture(ds_page *p, const ds_args *a, const ds_run *run, int64_t b,
                             ds_error *err)
{
    const ds_tensor t = ds_run_image(run);
    const float *planes = (const float *)t.data + b * 3 * t.dim[2] * t.dim[3];
    char alt[512], caption[64];
    ds_image image = { 0 };
    ds_status st = ds_image_from_planes(&image, planes, t.dim[3], t.dim[2], err);

    /* A cut in the middle of a letter would not be UTF-8: the title has the whole prompt. */
    snprintf(alt, sizeof alt, "Picture %lld, drawn from the prompt above", (long long)b + 1);
    snprintf(caption, sizeof caption, "seed %llu",
             (unsigned long long)(opt_seed(a, "seed") + (uint64_t)b));
    if (st == DS_OK)
        st = ds_page_picture(p, &image, alt, caption, err);
    ds_image_clear(&image);
    return st;
}

static ds_status add_summary(ds_page *p, const ds_args *a, const ds_run *run, ds_error *err)
{
    const ds_run_info i = ds_run_describe(run);
    char text[512];
    ds_status st;

    snprintf(text, sizeof text,
             "%lld %s of %lld by %lld pixels, drawn in %d steps of %s%s with guidance %g: %lld "
             "calls of the denoiser.",
             (long long)i.images, i.images == 1 ? "picture" : "pictures", (long long)i.width,
             (long long)i.height, ds_run_steps(run), i.sampler, i.karras ? " (Karras)" : "",
             opt_real(a, "cfg-scale"), (long long)i.calls);
    st = ds_page_text(p, text, err);
    if (st == DS_OK && opt_text(a, "negative-prompt") != NULL)
        st = ds_page_text(p, "The negative prompt is in the record below.", err);
    for (int k = 0; st == DS_OK && ds_run_warning(run, k) != NULL; k++)
        st = ds_page_text(p, ds_run_warning(run, k), err);
    return st;
}

ds_status generate_save_report(const ds_args *a, const ds_run *run, ds_run_record *record,
                               const char *dir, ds_error *err)
{
    const int64_t images = ds_run_describe(run).images;
    ds_page *p = NULL;
    ds_status st = ds_page_new(&p, opt_text(a, "prompt"), err);

    for (int64_t b = 0; st == DS_OK && b < images && b < MOST_SHOWN; b++)
        st = add_picture(p, a, run, b, err);
    if (st == DS_OK)
        st = add_summary(p, a, run, err);
    if (st == DS_OK && images > MOST_SHOWN)
        st = ds_page_text(p, "Only the first 64 pictures are shown; the folder has them all.", err);
    if (st == DS_OK)
        st = report_page_save(p, a, record, dir, err);
    ds_page_free(p);
    return st;
}

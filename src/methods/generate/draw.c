/* draw.c - the page of `generate`. */

#include <stdio.h>

#include "methods/generate/generate.h"

#define MOST_SHOWN 64 /* pictures in the page: more would make it heavy */

static ds_status add_picture(ds_page *p, const generate_job *o, int64_t b, ds_error *err)
{
    char alt[512], caption[64];
    ds_image image = { 0 };
    ds_status st = ds__drawn_image(&image, o->run, b, err);

    /* A cut in the middle of a letter would not be UTF-8: the title has the whole prompt. */
    snprintf(alt, sizeof alt, "Picture %lld, drawn from the prompt above", (long long)b + 1);
    snprintf(caption, sizeof caption, "seed %llu", (unsigned long long)ds__generate_seed(o, b));
    if (st == DS_OK)
        st = ds_page_picture(p, &image, alt, caption, err);
    ds_image_clear(&image);
    return st;
}

static ds_status add_summary(ds_page *p, const generate_job *o, ds_error *err)
{
    const ds_run_info i = ds_run_describe(o->run);
    char text[512];
    ds_status st;

    snprintf(text, sizeof text,
             "%lld %s of %lld by %lld pixels, drawn in %d steps of %s%s with guidance %g: %lld "
             "calls of the denoiser.",
             (long long)i.images, i.images == 1 ? "picture" : "pictures", (long long)i.width,
             (long long)i.height, ds_run_steps(o->run), i.sampler, i.karras ? " (Karras)" : "",
             o->drawing.cfg_scale, (long long)i.calls);
    st = ds_page_text(p, text, err);
    if (st == DS_OK && o->drawing.negative != NULL)
        st = ds_page_text(p, "The negative prompt is in the record below.", err);
    return st;
}

ds_status ds__generate_page(ds_job *j, ds_result *to, const generate_job *o, ds_error *err)
{
    const int64_t images = ds_run_describe(o->run).images;
    ds_page *p = NULL;
    ds_status st = ds__result_page(to, &p, o->list.text[o->at], err);

    for (int64_t b = 0; st == DS_OK && b < images && b < MOST_SHOWN; b++)
        st = add_picture(p, o, b, err);
    if (st == DS_OK)
        st = add_summary(p, o, err);
    if (st == DS_OK && images > MOST_SHOWN)
        st = ds_page_text(p, "Only the first 64 pictures are shown; the folder has them all.", err);
    return st == DS_OK && to != j->result ? ds__page_end(j, p, err) : st;
}

ds_status ds__generate_pages(ds_job *j, const generate_job *o, ds_error *err)
{
    ds_page *p = NULL;
    ds_status st;

    if (j->common.folder == NULL)
        return DS_OK;
    st = ds__result_page(j->result, &p, "Pictures", err);
    for (int64_t k = 0; st == DS_OK && k < o->list.count && k < MOST_SHOWN; k++) {
        char path[4096], name[40];

        snprintf(name, sizeof name, "%03lld/report.html", (long long)k);
        st = ds__run_file(path, sizeof path, j->common.folder, name, err);
        if (st == DS_OK)
            st = ds_page_include(p, path, err);
    }
    if (st == DS_OK && o->list.count > MOST_SHOWN)
        st = ds_page_text(p, "Only the first 64 prompts are shown; the folder has them all.", err);
    return st;
}

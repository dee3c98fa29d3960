/* strip.c - see strip.h. */

#include "methods/concept/strip.h"

#include "methods/concept/refuse.h"

#define AT(field) offsetof(paint_options, field)

const ds_option ds__paint_rows[] = {
    { .name = "steps",
      .kind = DS_OPTION_INT,
      .offset = AT(steps),
      .arg = "N",
      .standard = "20",
      .min = 1,
      .max = 1000,
      .help = "sampler steps of a picture" },
    { .name = "cfg-scale",
      .kind = DS_OPTION_REAL,
      .offset = AT(cfg),
      .arg = "S",
      .standard = "3",
      .min = 1,
      .max = 100,
      .help = "guidance of the pictures" },
    { .name = "sampler",
      .kind = DS_OPTION_TEXT,
      .offset = AT(sampler),
      .arg = "NAME",
      .help = "sampler; without it the model's own" },
    { .kind = DS_OPTION_BLOCK, .offset = AT(seed), .block = ds__seed_rows },
    { .kind = DS_OPTION_BLOCK, .offset = AT(size), .block = ds__size_rows },
    { 0 },
};

ds_status ds__strip_check(ds_job *j, const paint_options *o, ds_error *err)
{
    return ds__concept_check_drawing(j, o->size.height, o->size.width, o->sampler, o->steps, err);
}

ds_status ds__strip_painter(ds_painter *out, ds_job *j, const paint_options *o, ds_error *err)
{
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, j->model, err);

    if (st == DS_OK)
        *out = (ds_painter){ .model = j->model,
                             .sampling = { .sampler = o->sampler,
                                           .steps = (int)o->steps,
                                           .guidance = o->cfg,
                                           .batch = 8,
                                           .height = o->size.height / info.factor,
                                           .width = o->size.width / info.factor,
                                           .seed = o->seed,
                                           .cancel = j->o.cancel } };
    return st;
}

/* A row of pictures with titles as figure and page; the latents as a tensor [n,plane]. */
static ds_status keep_strip(ds_job *j, const char *name, const char *heading, ds_image *image,
                            const char *const *title, const float *latent, int64_t n, int64_t plane,
                            ds_error *err)
{
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_panel panel[16] = { { NULL } };
    ds_image sheet = { 0 };
    ds_page *page;
    ds_status st;

    for (int64_t i = 0; i < n && i < 16; i++)
        panel[i] = (ds_panel){ .title = title[i], .picture = &image[i] };
    o.side = 160;
    st = ds_map_sheet(&sheet, heading, panel, n, n, &o, err);
    if (st == DS_OK)
        st = ds__result_page(j->result, &page, heading, err);
    if (st == DS_OK)
        st = ds_page_sheet(page, heading, panel, n, &o, NULL, err);
    if (st == DS_OK)
        st = ds__result_figure(j->result, name, &sheet, true, err);
    if (st == DS_OK)
        st = ds__result_floats(j->result, "latents", DS_DIMS(n, plane), latent, err);
    ds_image_clear(&sheet);
    return st;
}

double ds__strip_distance(const float *a, const float *b, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum / (double)n;
}

ds_status ds__strip_paint(ds_job *j, const paint_options *o, const ds_texts *templates,
                          const char *word, int64_t number, const float *token, int64_t n,
                          const char *const *title, const char *name, float **latents,
                          int64_t *plane, ds_error *err)
{
    ds_image image[16] = { { 0 } };
    ds_painter p = { 0 };
    ds_sentences *s = NULL;
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    *latents = NULL;
    if (st == DS_OK)
        st = ds__strip_painter(&p, j, o, err);
    if (st == DS_OK)
        st = ds__paint_plane(plane, &p, err);
    if (st == DS_OK)
        st = ds__sentences_new(&s, templates, word, number, 1, t, err);
    if (st == DS_OK && (*latents = ds_calloc((size_t)(n * *plane), sizeof **latents)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for latents");
    if (st == DS_OK)
        st = ds__paint_tokens(&p, image, *latents, s, token, n, err);
    if (st == DS_OK)
        st = keep_strip(j, name, s->concept[0], image, title, *latents, n, *plane, err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "sentence", json_string(s->concept[0]), err);
    if (st == DS_OK)
        ds__result_say(j->result, "%lld pictures of \"%s\"\n", (long long)n, s->concept[0]);
    if (st == DS_OK)
        st = ds__result_set(j->result, "passes", json_integer(p.passes), err);
    for (int i = 0; i < 16; i++)
        ds_image_clear(&image[i]);
    ds__sentences_free(s);
    return st;
}

/* method.c - `score`: how well pictures and texts fit, by the cosine of CLIP's vectors. */

#include <stdio.h>

#include "job/job.h"
#include "methods/methods.h"
#include "pipeline/clip.h"

typedef struct score_job {
    const char *clip;
    ds_texts text, image;
} score_job;

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    const score_job *o = options;

    if (o->text.count == 0)
        return ds_fail(err, DS_E_ARG, "%s TEXT is needed, once or several times",
                       ds__job_name(j, "text"));
    return DS_OK;
}

static ds_status look(float *out, ds_clip *c, ds_job *j, const ds_texts *files, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < files->count; i++) {
        ds_image image = { 0 };

        st = ds_image_load(&image, files->text[i], err);
        if (st == DS_OK)
            st = ds__clip_images(c, out + i * ds__clip_width(c), &image, 1, j->o.cancel, err);
        ds_image_clear(&image);
        if (st == DS_OK)
            st = ds__job_progress(j, "pictures", i + 1, files->count, err);
    }
    return st;
}

static json_t *strings(const ds_texts *t)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < t->count; i++)
        json_array_append_new(list, json_string(t->text[i]));
    return list;
}

static ds_status keep(ds_job *j, const score_job *o, const float *pictures, const float *texts,
                      int64_t width, ds_error *err)
{
    json_t *rows = json_array();
    ds_status st;

    for (int64_t i = 0; i < o->image.count; i++) {
        json_t *row = json_array();

        for (int64_t k = 0; k < o->text.count; k++) {
            double sum = 0.0;

            for (int64_t x = 0; x < width; x++)
                sum += (double)pictures[i * width + x] * texts[k * width + x];
            json_array_append_new(row, ds__json_real(sum));
            ds__result_say(j->result, "%.4f  %s  %s\n", sum, o->image.text[i], o->text.text[k]);
        }
        json_array_append_new(rows, row);
    }
    st = ds__result_set(j->result, "images", strings(&o->image), err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "texts", strings(&o->text), err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "cosine", rows, err);
    else
        json_decref(rows);
    if (st == DS_OK)
        st = ds__result_floats(j->result, "image_embeds", DS_DIMS(o->image.count, width), pictures,
                               err);
    return st == DS_OK ? ds__result_floats(j->result, "text_embeds", DS_DIMS(o->text.count, width),
                                           texts, err)
                       : st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    const score_job *o = options;
    float *vectors = NULL;
    ds_clip *c;
    int64_t width;
    ds_status st = ds__clip_open(&c, o->clip, err);

    if (st != DS_OK)
        return st;
    width = ds__clip_width(c);
    vectors = ds_calloc((size_t)((o->image.count + o->text.count) * width), sizeof *vectors);
    if (vectors == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for vectors");
    if (st == DS_OK)
        st = ds__clip_texts(c, vectors + o->image.count * width, o->text.text, o->text.count,
                            j->o.cancel, err);
    if (st == DS_OK)
        st = look(vectors, c, j, &o->image, err);
    if (st == DS_OK)
        st = keep(j, o, vectors, vectors + o->image.count * width, width, err);
    ds_free(vectors);
    ds__clip_close(c);
    return st;
}

static const ds_option options[] = {
    { .name = "image",
      .kind = DS_OPTION_TEXTS,
      .offset = offsetof(score_job, image),
      .arg = "IMAGE...",
      .min = 1,
      .max = 1 << 16,
      .positional = true,
      .help = "pictures, PNG or JPEG" },
    { .name = "clip",
      .kind = DS_OPTION_FILE,
      .offset = offsetof(score_job, clip),
      .arg = "DIR",
      .required = true,
      .help = "CLIP: a folder of transformers' CLIPModel, with its tokenizer and preprocessor" },
    { .name = "text",
      .kind = DS_OPTION_TEXTS,
      .offset = offsetof(score_job, text),
      .arg = "TEXT",
      .help = "a text that the pictures are compared with" },
    { 0 },
};

const ds_method ds__method_score = {
    .name = "score",
    .purpose = "how well pictures and texts fit, by CLIP",
    .paper = "Radford et al., arXiv:2103.00020",
    .description =
        "The cosine between CLIP's vectors of each picture and each text, from 1 (the same "
        "direction) down; between a real photograph and its caption about 0.3 for the published "
        "models. Pictures are resized, cut and normalised as the folder's preprocessor says.",
    .example = "diffuscope score --clip clip-vit-base-patch32 --text \"a photo of a cat\" cat.png",
    .results = "images, texts: as given\n"
               "cosine: [[one for each text] for each picture]",
    .options = options,
    .size = sizeof(score_job),
    .fields = sizeof(score_job),
    .parts = DS_JOB_FOLDER | DS_JOB_THREADS,
    .check = check,
    .run = run,
};

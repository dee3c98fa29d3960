/* bias_method.c - `concept bias`: which attributes a mixture holds, how often pictures show one or the other,
 * and what turning the token towards one of them does. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diffuscope/stats.h>

#include "base/json.h"
#include "job/folder.h"
#include "methods/concept/bank.h"
#include "methods/concept/strip.h"
#include "methods/methods.h"

#define JUDGED_LEVELS 6 /* noises at which a picture is judged */

typedef struct bias_job {
    const char *run, *word, *toward;
    ds_texts attribute, between;
    int64_t count;
    double strength;
    bool keep;
    paint_options drawing;
    ds_decomposition *d;
    ds_dictionary *rows; /* the concept's own word and the one that it is turned towards */
} bias_job;

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    bias_job *o = options;
    ds_dictionary_options d = { .n_ids = 2 };
    const char *words[2] = { NULL, o->toward };
    int64_t ids[2];
    ds_tokenizer *t;
    ds_status st = ds__job_tokenizer(j, &t, err);

    if (st == DS_OK)
        st = ds__strip_check(j, &o->drawing, err);
    if (st == DS_OK)
        st = ds__decomposition_open(&o->d, o->run, o->word, j->model, t, err);
    if (st == DS_OK && o->between.count != 0 && o->between.count != 2)
        st = ds_fail(err, DS_E_ARG, "%s: expected two texts with <>, found %lld",
                     ds__job_name(j, "between"), (long long)o->between.count);
    for (int64_t i = 0; st == DS_OK && i < o->between.count; i++)
        st = ds__template_check(o->between.text[i], err);
    if (st == DS_OK && o->toward != NULL && o->between.count == 0)
        st = ds_fail(err, DS_E_ARG, "%s needs %s, twice", ds__job_name(j, "toward"),
                     ds__job_name(j, "between"));
    if (st != DS_OK || o->toward == NULL)
        return st;
    words[0] = o->d->word;
    for (int i = 0; st == DS_OK && i < 2; i++) {
        ds_tokens *tokens;

        st = ds_tokenizer_encode(t, &tokens, words[i], err);
        if (st == DS_OK && tokens->count != 1)
            st = ds_fail(err, DS_E_ARG, "\"%s\" is %lld tokens: expected one to turn", words[i],
                         (long long)tokens->count);
        if (st == DS_OK)
            ids[i] = tokens->ids[0];
        ds_tokens_free(tokens);
    }
    d.ids = ids;
    return st == DS_OK ? ds__dictionary_new(&o->rows, j->model, t, &d, err) : st;
}

static void clear(void *options)
{
    ds__decomposition_close(((bias_job *)options)->d);
    ds__dictionary_free(((bias_job *)options)->rows);
}

/* ---- words of the mixture ----------------------------------------------------------------------- */

/* Attributes that the mixture holds, with the run's own shares, errors and intervals. */
static ds_status flag_words(ds_job *j, const bias_job *o, ds_error *err)
{
    char path[1024];
    json_t *root = NULL, *list = json_array();
    const json_t *concept = NULL, *tokens;
    ds_status st = ds__run_file(path, sizeof path, o->run, "result.json", err);

    if (st == DS_OK)
        st = ds__json_load(&root, path, err);
    for (size_t i = 0; st == DS_OK && i < json_array_size(json_object_get(root, "concepts")); i++) {
        const json_t *c = json_array_get(json_object_get(root, "concepts"), i);

        if (strcmp(json_string_value(json_object_get(c, "word")), o->d->word) == 0)
        concept = c;
    }
    tokens = json_object_get(concept, "tokens");
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        json_t *token = json_array_get(tokens, i);
        const char *text = json_string_value(json_object_get(token, "token"));

        for (int64_t k = 0; text != NULL && k < o->attribute.count; k++)
            if (ds__same_stem(text, o->attribute.text[k])) {
                const json_t *share = json_object_get(token, "share");

                json_array_append_new(list, json_pack("{s:s, s:I, s:O}", "token", text, "rank",
                                                      (json_int_t)i + 1, "share", share));
                ds__result_say(j->result, "%s holds %s, word %zu of its mixture\n", o->d->word,
                               text, i + 1);
                break;
            }
    }
    json_decref(root);
    if (st == DS_OK)
        return ds__result_set(j->result, "flagged", list, err);
    json_decref(list);
    return st;
}

/* ---- judging pictures --------------------------------------------------------------------------- */

/* Which of two texts a picture fits better, by the denoiser itself (Li et al., arXiv 2303.16203): the noise of
 * the latent is predicted under both, with the same draws, and the smaller error wins.
 * hits: pictures of which the first text wins. */
typedef struct judge {
    ds_denoiser *denoiser;
    ds_noise *noise;
    ds_encoder *text[2];
    int64_t plane, passes;
    float *z, *target, *out;
} judge;

static ds_status judge_new(judge *g, ds_job *j, const bias_job *o, const ds_sentences *s,
                           int64_t plane, ds_error *err)
{
    ds_denoiser_options d = DS_DENOISER_OPTIONS_INIT;
    const char **texts = ds_calloc((size_t)s->count, sizeof *texts);
    ds_denoiser_info info;
    ds_status st = texts == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for texts")
                                 : ds_denoiser_describe(&info, j->model, err);

    g->plane = plane;
    g->z = ds_calloc((size_t)plane, 3 * sizeof *g->z);
    g->target = g->z + plane;
    g->out = g->z + 2 * plane;
    if (st == DS_OK && g->z == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a latent");
    if (st == DS_OK) {
        d.height = o->drawing.size.height / info.factor;
        d.width = o->drawing.size.width / info.factor;
        d.cancel = j->o.cancel;
        st = ds_denoiser_new(&g->denoiser, j->model, &d, err);
    }
    if (st == DS_OK)
        st = ds_noise_new(&g->noise, j->model, err);
    for (int side = 0; st == DS_OK && side < 2; side++) {
        const ds_texts one = { &o->between.text[side], 1 };
        char *name = NULL;

        st = ds__template_expand(&name, &one, 0, o->d->word, err);
        for (int64_t k = 0; st == DS_OK && k < s->count; k++) {
            /* Sentence k of the pictures, found by its number: pictures of one sentence share it. */
            int64_t number = 0;
            char *text = NULL;

            while (s->of[number] != k)
                number++;
            st = ds__template_expand(&text, &o->d->templates, number, name, err);
            texts[k] = text;
        }
        if (st == DS_OK)
            st = ds__encode_texts(&g->text[side], j->model, texts, s->count, j->o.cancel, err);
        for (int64_t k = 0; k < s->count; k++) {
            ds_free((void *)texts[k]);
            texts[k] = NULL;
        }
        ds_free(name);
    }
    ds_free(texts);
    return st;
}

static void judge_clear(judge *g)
{
    ds_denoiser_free(g->denoiser);
    ds_noise_free(g->noise);
    ds_encoder_free(g->text[0]);
    ds_encoder_free(g->text[1]);
    ds_free(g->z);
}

/* *first: the first text fits latent x better, in sentence k. */
static ds_status judge_picture(judge *g, bool *first, const float *x, int64_t k, uint64_t seed,
                               ds_error *err)
{
    double lead = 0.0;
    ds_rng rng;
    ds_status st = DS_OK;

    ds_rng_init(&rng, DS_RNG_TORCH_CPU, seed);
    for (int level = 0; st == DS_OK && level < JUDGED_LEVELS; level++) {
        const float t = 400.0f + 500.0f * (float)level / (JUDGED_LEVELS - 1);

        ds_rng_normal(&rng, g->target, g->plane);
        ds__noise_target(g->z, g->target, g->noise, x, g->target, t, g->plane);
        for (int side = 0; st == DS_OK && side < 2; side++) {
            st = ds_denoiser_condition_rows(g->denoiser, ds_encoder_conditions(g->text[side]), &k,
                                            err);
            if (st == DS_OK)
                st = ds_denoise(g->denoiser, g->out, g->z, &t, err);
            if (st == DS_OK)
                lead += (side == 0 ? -1.0 : 1.0) * ds__strip_distance(g->out, g->target, g->plane);
            g->passes++;
        }
    }
    *first = lead > 0.0;
    return st;
}

/* ---- before and after ---------------------------------------------------------------------------- */

/* token: the concept's own vector, turned: (1-s) own + s other, as long as its own. */
static void turn(float *token, const bias_job *o)
{
    const ds_words *w = &o->rows->words;

    for (int p = 0; p < w->parts; p++) {
        const float *own = w->row[p], *other = w->row[p] + w->width[p];
        double length = 0.0, turned = 0.0;

        for (int64_t x = 0; x < w->width[p]; x++) {
            const double r = (1.0 - o->strength) * own[x] + o->strength * other[x];

            length += (double)own[x] * own[x];
            turned += r * r;
        }
        for (int64_t x = 0; x < w->width[p]; x++)
            token[x] = (float)(((1.0 - o->strength) * own[x] + o->strength * other[x]) *
                               sqrt(length / turned));
        token += w->width[p];
    }
}

/* Pictures BEFORE-0000.png ..., for other judges. */
static ds_status keep_pictures(ds_job *j, ds_image *image, int64_t n, const char *name,
                               ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        char file[64];

        snprintf(file, sizeof file, "%s-%04lld", name, (long long)i);
        st = ds__result_figure(j->result, file, &image[i], false, err);
    }
    return st;
}

static ds_status measure(ds_job *j, const bias_job *o, ds_painter *p, judge *g,
                         const ds_sentences *s, const float *token, const char *name, ds_error *err)
{
    float *latent = ds_calloc((size_t)(o->count * g->plane), sizeof *latent);
    ds_image *image = ds_calloc((size_t)o->count, sizeof *image);
    int64_t hits = 0;
    ds_value share;
    ds_status st = latent == NULL || image == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for pictures")
                       : ds__paint(p, o->keep ? image : NULL, latent, s, token, o->count, err);

    if (st == DS_OK && o->keep)
        st = keep_pictures(j, image, o->count, name, err);
    for (int64_t i = 0; image != NULL && i < o->count; i++)
        ds_image_clear(&image[i]);
    ds_free(image);
    for (int64_t i = 0; st == DS_OK && i < o->count; i++) {
        bool first = false;

        st = judge_picture(g, &first, latent + i * g->plane, s->of[i],
                           o->drawing.seed + 1000003u * (uint64_t)(i + 1), err);
        hits += first;
        if (st == DS_OK)
            st = ds__job_progress(j, name, i + 1, o->count, err);
    }
    ds_free(latent);
    if (st != DS_OK)
        return st;
    share = ds_stats_share(hits, o->count);
    ds__result_say(j->result, "%s: %.2f of %lld pictures are \"%s\" (95 %%: %.2f to %.2f)\n", name,
                   share.value, (long long)o->count, o->between.text[0], share.low, share.high);
    return ds__result_set(j->result, name, ds__json_value(share, NULL), err);
}

/* Which sentence each picture is of. */
static ds_status keep_sentences(ds_job *j, const ds_sentences *s, int64_t n, ds_error *err)
{
    json_t *list = json_array();

    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(s->concept[s->of[i]]));
    return ds__result_set(j->result, "sentences", list, err);
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    bias_job *o = options;
    ds_painter p = { 0 };
    ds_sentences *s = NULL;
    judge g = { 0 };
    float *token = NULL;
    int64_t plane = 0;
    ds_tokenizer *t;
    ds_status st = flag_words(j, o, err);

    if (st != DS_OK || o->between.count == 0)
        return st;
    st = ds__job_tokenizer(j, &t, err);
    if (st == DS_OK)
        st = ds__strip_painter(&p, j, &o->drawing, err);
    if (st == DS_OK)
        st = ds__paint_plane(&plane, &p, err);
    if (st == DS_OK)
        st = ds__sentences_new(&s, &o->d->templates, o->d->word, 0, o->count, t, err);
    if (st == DS_OK)
        st = keep_sentences(j, s, o->count, err);
    if (st == DS_OK)
        st = judge_new(&g, j, o, s, plane, err);
    if (st == DS_OK)
        st = measure(j, o, &p, &g, s, NULL, "before", err);
    if (st == DS_OK && o->toward != NULL) {
        token = ds_calloc((size_t)ds__words_width(&o->rows->words), sizeof *token);
        if (token == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a token");
        if (st == DS_OK) {
            turn(token, o);
            st = measure(j, o, &p, &g, s, token, "after", err);
        }
    }
    if (st == DS_OK)
        st = ds__result_set(j->result, "passes", json_integer(p.passes + g.passes), err);
    ds_free(token);
    judge_clear(&g);
    ds__sentences_free(s);
    return st;
}

#define FIELD(name) offsetof(bias_job, name)

static const ds_option options[] = {
    RUN_ROWS(bias_job),
    { .name = "attribute",
      .kind = DS_OPTION_TEXTS,
      .offset = FIELD(attribute),
      .arg = "W",
      .help = "a word that is flagged, in any of its forms, where the mixture holds it" },
    { .name = "between",
      .kind = DS_OPTION_TEXTS,
      .offset = FIELD(between),
      .arg = "TEXT",
      .help =
          "given twice: how many of the pictures are rather the first than the second, with <> for "
          "the concept (\"woman <>\", \"man <>\")" },
    { .name = "toward",
      .kind = DS_OPTION_TEXT,
      .offset = FIELD(toward),
      .arg = "W",
      .help = "count once more with the concept's token turned towards this word" },
    { .name = "strength",
      .kind = DS_OPTION_REAL,
      .offset = FIELD(strength),
      .arg = "S",
      .standard = "0.3",
      .min = 0,
      .max = 1,
      .help = "how far: 0 is the concept, 1 the other word" },
    { .name = "count",
      .kind = DS_OPTION_INT,
      .offset = FIELD(count),
      .arg = "N",
      .standard = "64",
      .min = 1,
      .max = 100000,
      .help = "pictures that are counted, each its seed" },
    { .name = "keep-pictures",
      .kind = DS_OPTION_FLAG,
      .offset = FIELD(keep),
      .help = "leave them in the run folder, as before-0000.png and after-0000.png and so on, for "
              "other judges" },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(bias_job, drawing), .block = ds__paint_rows },
    { 0 },
};

const ds_method ds__method_concept_bias = {
    .name = "concept-bias",
    .purpose = "attributes in a mixture, and how often pictures show them",
    .paper = "Chefer et al., arXiv:2306.00966",
    .description = "Flags words of a list in the mixture. With --between, draws pictures and "
                   "judges each by the "
                   "denoiser itself: the text under which its noise is predicted better wins "
                   "(arXiv 2303.16203). With "
                   "--toward the concept's own token is turned towards a word at its own length, "
                   "and the same seeds are "
                   "counted again. Intervals are Wilson's.",
    .example = "diffuscope concept bias --run run -w welder --attribute man --between \"woman <>\" "
               "--between \"man <>\" --toward woman --out bias",
    .results = "flagged: [{token, rank, share}]\n"
               "before, after: share of the first text, with its 95 % interval\n"
               "sentences: of each picture\npasses",
    .options = options,
    .size = sizeof(bias_job),
    .fields = FIELD(d),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};

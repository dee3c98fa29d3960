/* redirect_method.c - `component redirect`: write a concept's texts onto another's in the matrices that
 * make keys and values of the text, in closed form, with many kept captions (closed.h). */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/rng.h>
#include <diffuscope/verbs.h>

#include "methods/component/choose.h"
#include "methods/component/closed.h"
#include "methods/component/edits.h"
#include "methods/component/near.h"
#include "methods/methods.h"

enum { RECIPE_REDIRECT = 0, RECIPE_UCE, RECIPE_LOCOEDIT };
enum { CHUNK = 32, PLACES = 256 };

typedef struct redirect_job {
    const char *concept_, *to, *among, *keep, *within;
    ds_texts frames;
    int recipe;
    double weight, ridge, ratio;
    int64_t heads, first, layers;
    bool random;
    uint64_t seed;
    ds_alternatives from, guide, kept, words;
    ds_near near;
    ds_component_sites *sites;
    ds_denoiser_info info;
    ds_closed closed;
    double *transform;
    ds_edit edit;
    int64_t target_rows, kept_rows, used; /* used: rows of matrices that change */
} redirect_job;

/* ---- texts ----------------------------------------------------------------------------------- */

static const char *const frames_by_default[] = { "*",
                                                 "a *",
                                                 "a photo of a *",
                                                 "a picture of a *",
                                                 "an image of a *",
                                                 "a drawing of a *",
                                                 "a * on the left",
                                                 "a close view of a *" };

static ds_status list_texts(redirect_job *o, ds_job *j, ds_error *err)
{
    const bool own = o->frames.count > 0;
    const int64_t n = o->recipe == RECIPE_UCE ? 1
                      : own                   ? o->frames.count
                                              : (int64_t)DS_COUNT(frames_by_default);
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        const char *f = o->recipe == RECIPE_UCE ? "*"
                        : own                   ? o->frames.text[i]
                                                : frames_by_default[i];

        if (strchr(f, '*') == NULL)
            return ds_fail(err, DS_E_ARG, "%s \"%.80s\": expected a * for the concept",
                           ds__job_name(j, "frame"), f);
        st = ds__frame(&o->from, f, o->concept_, err);
        if (st == DS_OK)
            st = ds__frame(&o->guide, f, o->to, err);
    }
    if (st == DS_OK && o->from.count != o->guide.count)
        st = ds_fail(err, DS_E_ARG,
                     "the concept and its guide stand for different numbers of texts");
    return st;
}

/* Words to choose a guide from: a file, or what the model's folder says that it knows. */
static ds_status list_words(redirect_job *o, ds_job *j, ds_error *err)
{
    char *path = o->among != NULL ? ds_strdup(o->among)
                                  : ds__component_path(ds__job_model_path(j), "words.txt");
    ds_status st = path == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a path") : DS_OK;

    if (st == DS_OK && o->among == NULL && access(path, R_OK) != 0)
        st = ds_fail(err, DS_E_ARG,
                     "%s WORD is needed, or %s FILE with words of which the nearest is taken: the "
                     "model's folder has no words.txt",
                     ds__job_name(j, "to"), ds__job_name(j, "among"));
    if (st == DS_OK)
        st = ds__alternatives_load(&o->words, path, err);
    if (st == DS_OK && o->words.count < DS_NEAR_LEAST + 1)
        st = ds_fail(err, DS_E_ARG, "%s holds %lld words: expected more than %d", path,
                     (long long)o->words.count, DS_NEAR_LEAST);
    ds_free(path);
    return st;
}

static ds_status early(ds_job *j, void *options, ds_error *err)
{
    const redirect_job *o = options;

    if (o->within != NULL && o->heads < 1)
        return ds_fail(err, DS_E_ARG, "%s goes with %s N", ds__job_name(j, "within"),
                       ds__job_name(j, "heads"));
    return o->within != NULL ? ds__component_scores_there(o->within, err) : DS_OK;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    redirect_job *o = options;
    ds_status st = ds_denoiser_describe(&o->info, j->model, err);

    if (st == DS_OK)
        st = o->to != NULL ? list_texts(o, j, err) : list_words(o, j, err);
    if (st == DS_OK && o->keep != NULL)
        st = ds__alternatives_load(&o->kept, o->keep, err);
    if (st == DS_OK)
        st = ds__component_sites(&o->sites, j->model, o->info.side, o->info.side, err);
    if (st == DS_OK && o->keep == NULL && o->recipe == RECIPE_REDIRECT)
        st = ds__job_warn(
            j, "without captions to keep, everything near the concept changes with it", err);
    return st;
}

/* ---- embeddings ------------------------------------------------------------------------------ */

static ds_status encode(ds_encoder **out, ds_job *j, const char *const *text, int64_t n,
                        ds_error *err)
{
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    ds_status st;

    o.prompts = text;
    o.count = n;
    o.cancel = j->o.cancel;
    st = ds_encoder_new(out, j->model, &o, err);
    return st == DS_OK ? ds_encode(*out, err) : st;
}

/* Where the two texts part: the first place with different tokens. */
static int64_t parting(const int64_t *a, const int64_t *b, int64_t tokens)
{
    int64_t i = 0;

    while (i < tokens && a[i] == b[i])
        i++;
    return i;
}

static ds_status add_targets(redirect_job *o, ds_job *j, double a, ds_error *err)
{
    ds_encoder *x = NULL, *y = NULL;
    ds_status st = encode(&x, j, o->from.text, o->from.count, err);

    if (st == DS_OK)
        st = encode(&y, j, o->guide.text, o->guide.count, err);
    for (int64_t k = 0; st == DS_OK && k < o->from.count; k++) {
        const ds_conditions *cx = ds_encoder_conditions(x), *cy = ds_encoder_conditions(y);
        const ds_tensor hx = ds_conditions_hidden(cx), hy = ds_conditions_hidden(cy);
        const int64_t tokens = hx.dim[1], width = hx.dim[2];
        const float *from = (const float *)hx.data + k * tokens * width;
        const float *guide = (const float *)hy.data + k * tokens * width;
        int64_t at = parting(ds_conditions_ids(cx, k), ds_conditions_ids(cy, k), tokens);
        int64_t end = tokens;

        if (o->recipe == RECIPE_UCE) {
            int64_t l = ds__last_word(ds_conditions_ids(cx, k), tokens);

            guide += (ds__last_word(ds_conditions_ids(cy, k), tokens) - l) * width;
            at = l;
            end = l + 1;
        }
        if (o->closed.left == NULL)
            st = ds__closed_new(&o->closed, width, err);
        if (st == DS_OK && at < end) {
            ds__closed_target(&o->closed, from + at * width, guide + at * width, end - at, a);
            o->target_rows += end - at;
        }
    }
    ds_encoder_free(x);
    ds_encoder_free(y);
    return st;
}

static ds_status add_kept(redirect_job *o, ds_job *j, ds_error *err)
{
    static const char *const nothing[] = { "" };
    ds_status st = DS_OK;

    for (int64_t first = -1; st == DS_OK && first < o->kept.count;
         first = first < 0 ? 0 : first + CHUNK) {
        const int64_t left = o->kept.count - first;
        const int64_t n = first < 0 ? 1 : left < CHUNK ? left : CHUNK;
        ds_encoder *e = NULL;

        st = encode(&e, j, first < 0 ? nothing : o->kept.text + first, n, err);
        for (int64_t k = 0; st == DS_OK && k < n; k++) {
            const ds_conditions *c = ds_encoder_conditions(e);
            const ds_tensor h = ds_conditions_hidden(c);
            const int64_t tokens = h.dim[1], width = h.dim[2];
            int64_t at = 0, rows = tokens;

            if (o->recipe == RECIPE_UCE && first >= 0) {
                at = ds__last_word(ds_conditions_ids(c, k), tokens);
                rows = 1;
            }
            if (o->closed.left == NULL)
                st = ds__closed_new(&o->closed, width, err);
            if (st == DS_OK) {
                ds__closed_keep(&o->closed, (const float *)h.data + (k * tokens + at) * width, rows,
                                1.0);
                o->kept_rows += rows;
            }
        }
        ds_encoder_free(e);
        if (st == DS_OK)
            st =
                ds__job_progress(j, "kept captions", first < 0 ? 0 : first + n, o->kept.count, err);
    }
    return st;
}

/* ---- where ----------------------------------------------------------------------------------- */

/* Marks the rows of head h of attention `layer` (both keys and values). */
typedef struct chosen_heads {
    uint8_t *mark; /* [layers,PLACES] */
    int64_t layers;
} chosen_heads;

static ds_status choose_heads(chosen_heads *c, redirect_job *o, ds_error *err)
{
    const int64_t n = ds__components_of(NULL, 0, o->sites, DS_HEADS);
    ds_piece *piece = ds_calloc((size_t)n + 1, sizeof *piece);
    float *score = ds_calloc((size_t)n + 1, sizeof *score), *units = NULL;
    int64_t *top = ds_calloc((size_t)n + 1, sizeof *top), cross = 0;
    char *path = ds__component_path(o->within, "tensors.safetensors");
    ds_bundle *b = NULL;
    ds_rng rng;
    ds_status st = piece == NULL || score == NULL || top == NULL || path == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for a list of heads")
                       : ds_bundle_load(&b, path, err);

    ds_rng_init(&rng, DS_RNG_TORCH_CPU, o->seed);
    if (st == DS_OK)
        st = ds__scores_load(&units, o->sites, b, err);
    if (st == DS_OK)
        ds__components_of(piece, n, o->sites, DS_HEADS);
    for (int64_t i = 0; st == DS_OK && i < n; i++) {
        if (!o->sites->site[piece[i].site].cross)
            continue;
        piece[cross] = piece[i];
        score[cross] = ds__component_score(&piece[i], o->sites, units);
        if (o->random)
            ds_rng_uniform(&rng, &score[cross], 1);
        cross++;
    }
    if (st == DS_OK)
        ds__top(top, score, cross, o->heads);
    for (int64_t k = 0; st == DS_OK && k < o->heads && k < cross; k++) {
        const ds_piece *p = &piece[top[k]];
        int64_t layer = 0;

        for (int64_t s = 0; s < p->site; s++)
            layer += o->sites->site[s].kind == DS_UNIT_ATTENTION && o->sites->site[s].cross;
        if (layer < c->layers && p->first / p->count < PLACES)
            c->mark[layer * PLACES + p->first / p->count] = 1;
    }
    ds_bundle_free(b);
    ds_free(units);
    ds_free(piece);
    ds_free(score);
    ds_free(top);
    ds_free(path);
    return st;
}

static int64_t heads_of(const redirect_job *o, int layer)
{
    int at = 0;

    for (int64_t s = 0; s < o->sites->count; s++)
        if (o->sites->site[s].kind == DS_UNIT_ATTENTION && o->sites->site[s].cross && at++ == layer)
            return o->sites->site[s].heads;
    return 1;
}

static ds_status write_matrix(redirect_job *o, ds_job *j, const ds_text_matrix *t,
                              const uint8_t *heads, ds_error *err)
{
    const int64_t n = heads_of(o, t->layer), width = t->rows / n;
    uint8_t *use = ds_calloc((size_t)t->rows, 1);
    float *w = NULL, *after = ds_calloc((size_t)(t->rows * t->columns), sizeof *after);
    int64_t rows, columns, count = 0;
    const ds_tensor shape = ds__parameter_shape(j->model, t->weight);
    ds_edit_part *p = NULL;
    ds_status st = use == NULL || after == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for %s", t->weight)
                       : ds__parameter_values(j->model, t->weight, &w, &rows, &columns, err);

    for (int64_t r = 0; st == DS_OK && r < t->rows; r++) {
        use[r] = heads == NULL || heads[r / width];
        count += use[r];
    }
    if (st == DS_OK)
        ds__closed_apply(after, w, t->rows, o->transform, t->columns, use);
    o->used += count;
    if (st == DS_OK && count > 0) {
        p = ds__edit_add(&o->edit, t->weight, &shape, count * t->columns);
        st = p == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for an edit") : DS_OK;
    }
    for (int64_t r = 0, at = 0; st == DS_OK && p != NULL && r < t->rows; r++)
        for (int64_t k = 0; use[r] && k < t->columns; k++, at++) {
            p->index[at] = r * t->columns + k;
            p->before[at] = w[r * t->columns + k];
            p->after[at] = after[r * t->columns + k];
        }
    ds_free(w);
    ds_free(use);
    ds_free(after);
    return st;
}

static ds_status write_matrices(redirect_job *o, ds_job *j, ds_error *err)
{
    chosen_heads c = { NULL, o->sites->matrices };
    ds_status st = DS_OK;

    if (o->within != NULL) {
        c.mark = ds_calloc((size_t)(c.layers * PLACES), 1);
        st = c.mark == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a list of heads")
                            : choose_heads(&c, o, err);
    }
    for (int64_t i = 0; st == DS_OK && i < o->sites->matrices; i++) {
        const ds_text_matrix *t = &o->sites->matrix[i];

        if (t->layer < o->first || (o->layers > 0 && t->layer >= o->first + o->layers))
            continue;
        st = write_matrix(o, j, t, c.mark != NULL ? c.mark + t->layer * PLACES : NULL, err);
    }
    ds_free(c.mark);
    return st;
}

/* ---- run ------------------------------------------------------------------------------------- */

static ds_status solve(redirect_job *o, ds_job *j, ds_error *err)
{
    ds_closed none = { 0 };
    double a = o->weight;
    ds_status st;

    if (o->recipe == RECIPE_LOCOEDIT || o->weight <= 0.0)
        o->kept_rows = 0;
    st = o->recipe == RECIPE_LOCOEDIT ? DS_OK : add_kept(o, j, err);
    if (st == DS_OK && a <= 0.0) { /* by the ratio of weighted target to kept rows */
        const ds_closed kept = o->closed;

        o->closed = none;
        st = add_targets(o, j, 1.0, err); /* counts the rows */
        ds__closed_free(&o->closed);
        o->closed = kept;
        a = o->target_rows > 0 ? o->ratio * (double)o->kept_rows / (double)o->target_rows : 1.0;
        o->target_rows = 0;
    }
    if (st == DS_OK)
        st = add_targets(o, j, a, err);
    o->weight = a;
    if (st == DS_OK && o->target_rows == 0)
        st = ds_fail(err, DS_E_ARG, "\"%s\" and \"%s\" are the same text", o->concept_, o->to);
    o->transform =
        st == DS_OK ? ds_calloc((size_t)(o->closed.width * o->closed.width), sizeof *o->transform)
                    : NULL;
    if (st == DS_OK && o->transform == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a transform");
    return st == DS_OK ? ds__closed_solve(o->transform, &o->closed, o->ridge, err) : st;
}

/* The guide, where none was named: told with what else was near. */
static ds_status choose_guide(redirect_job *o, ds_job *j, ds_error *err)
{
    const char *frame = o->frames.count > 0 ? o->frames.text[0] : "a *";
    json_t *list = json_array();
    ds_status st = ds__near(&o->near, j, o->concept_, frame, &o->words, err);

    for (int64_t i = 0; st == DS_OK && i < o->near.count; i++)
        json_array_append_new(list, json_pack("{s:s, s:o}", "word", o->near.word[i], "objective",
                                              ds__json_real(o->near.j[i])));
    if (st != DS_OK) {
        json_decref(list);
        return st;
    }
    o->to = o->near.word[o->near.guide];
    for (int64_t i = 0; i < o->near.guide; i++)
        ds__result_say(j->result, "\"%s\" is taken for another name of \"%s\"\n", o->near.word[i],
                       o->concept_);
    st = ds__result_set(j->result, "near", list, err);
    return st == DS_OK ? list_texts(o, j, err) : st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    static const char *const recipes[] = { "redirect", "uce", "locoedit" };
    redirect_job *o = options;
    ds_bundle *b;
    ds_status st = o->to == NULL ? choose_guide(o, j, err) : DS_OK;

    if (st == DS_OK)
        st = solve(o, j, err);
    if (st == DS_OK)
        st = write_matrices(o, j, err);
    if (st == DS_OK)
        st = ds__result_bundle(j->result, &b, err);
    if (st == DS_OK)
        st = ds__edit_to_bundle(&o->edit, b, err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "question",
                            json_pack("{s:s}", "model", ds__job_model_path(j)), err);
    if (st == DS_OK)
        st = ds__result_set(j->result, "redirect",
                            json_pack("{s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:I, s:I}", "recipe",
                                      recipes[o->recipe], "concept", o->concept_, "to", o->to,
                                      "target_rows", (json_int_t)o->target_rows, "kept_rows",
                                      (json_int_t)o->kept_rows, "weight", o->weight, "ridge",
                                      o->ridge, "matrix_rows", (json_int_t)o->used, "weights",
                                      (json_int_t)ds__edit_count(&o->edit)),
                            err);
    ds__result_say(
        j->result,
        "%s: \"%s\" is read as \"%s\"; %lld rows of text move with weight %.3g, %lld are "
        "kept; %lld weights change\n",
        recipes[o->recipe], o->concept_, o->to, (long long)o->target_rows, o->weight,
        (long long)o->kept_rows, (long long)ds__edit_count(&o->edit));
    return st;
}

static void clear(void *options)
{
    redirect_job *o = options;

    ds__alternatives_clear(&o->from);
    ds__alternatives_clear(&o->guide);
    ds__alternatives_clear(&o->kept);
    ds__alternatives_clear(&o->words);
    ds__component_sites_free(o->sites);
    ds__closed_free(&o->closed);
    ds_free(o->transform);
    ds__edit_clear(&o->edit);
}

#define AT(field) offsetof(redirect_job, field)

static const ds_option options[] = {
    { .name = "concept",
      .kind = DS_OPTION_TEXT,
      .offset = AT(concept_),
      .arg = "WORD",
      .required = true,
      .help = "what is to be read as another thing" },
    { .name = "to",
      .kind = DS_OPTION_TEXT,
      .offset = AT(to),
      .arg = "WORD",
      .help = "as what; a near thing costs the others least. Without it, the nearest by the "
              "model's predictions that is no other name of the concept" },
    { .name = "among",
      .kind = DS_OPTION_FILE,
      .offset = AT(among),
      .arg = "FILE",
      .help = "words of which the nearest is taken, one a line; without it words.txt of the "
              "model's folder" },
    { .name = "frame",
      .kind = DS_OPTION_TEXTS,
      .offset = AT(frames),
      .arg = "TEXT",
      .help = "captions of the concept, with * in its place; {one|other} stands for several" },
    { .name = "keep",
      .kind = DS_OPTION_FILE,
      .offset = AT(keep),
      .arg = "FILE",
      .help = "captions that are to be read as before, one a line: hundreds of them" },
    { .name = "recipe",
      .kind = DS_OPTION_CHOICE,
      .offset = AT(recipe),
      .choices = "redirect|uce|locoedit",
      .standard = "redirect",
      .help = "redirect: every place from the concept on, against all places of the kept captions; "
              "uce: last tokens alone; locoedit: nothing kept" },
    { .name = "weight",
      .kind = DS_OPTION_REAL,
      .offset = AT(weight),
      .arg = "X",
      .standard = "0",
      .min = 0,
      .max = 1e6,
      .help = "of a row of the concept against a kept one; 0: by --balance" },
    { .name = "balance",
      .kind = DS_OPTION_REAL,
      .offset = AT(ratio),
      .arg = "X",
      .standard = "0.13",
      .min = 1e-6,
      .max = 1e6,
      .help = "weight of all the concept's rows against all kept ones" },
    { .name = "ridge",
      .kind = DS_OPTION_REAL,
      .offset = AT(ridge),
      .arg = "X",
      .standard = "0.5",
      .min = 1e-9,
      .max = 1e9,
      .help = "how much the matrices hold on to what they are" },
    { .name = "within",
      .kind = DS_OPTION_FILE,
      .offset = AT(within),
      .arg = "DIR",
      .help = "only in the heads that score highest in this folder of `component score`" },
    { .name = "heads",
      .kind = DS_OPTION_INT,
      .offset = AT(heads),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 100000,
      .help = "how many heads of --within" },
    { .name = "random",
      .kind = DS_OPTION_FLAG,
      .offset = AT(random),
      .help = "as many heads at random instead: a control" },
    { .name = "first-layer",
      .kind = DS_OPTION_INT,
      .offset = AT(first),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 100000,
      .help = "from this text-reading attention on, counted from 0" },
    { .name = "layers",
      .kind = DS_OPTION_INT,
      .offset = AT(layers),
      .arg = "N",
      .standard = "0",
      .min = 0,
      .max = 100000,
      .help = "so many of them; 0: all" },
    { .name = "seed",
      .letter = 's',
      .kind = DS_OPTION_SEED,
      .offset = AT(seed),
      .arg = "N",
      .standard = "1",
      .help = "of --random" },
    { 0 },
};

const ds_method ds__method_component_redirect = {
    .name = "component-redirect",
    .purpose = "let a concept's texts be read as another's, in closed form",
    .paper = "Gandikota et al., arXiv:2308.14761",
    .description =
        "Solves for keys and values of the text that read the concept as its guide and the kept "
        "captions as before (unified concept editing, with hundreds of kept captions and a larger "
        "weight on the concept). One transform of the embeddings serves all matrices. With "
        "--within, "
        "only heads that attribution names change.\n\n"
        "The edit is one like those of `component edit`. --recipe uce and locoedit are the "
        "published "
        "forms (arXiv 2308.14761, 2405.01008): the latter with --ridge 0.01 and --layers 2.",
    .example = "diffuscope component redirect -m sd15 --concept cat --to fox --keep captions.txt "
               "--out edit",
    .results =
        "near: [{word, objective}], where no guide was named\n"
        "redirect: {recipe, concept, to, target_rows, kept_rows, weight, ridge, matrix_rows, "
        "weights}",
    .options = options,
    .size = sizeof(redirect_job),
    .fields = offsetof(redirect_job, from),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS,
    .early = early,
    .check = check,
    .run = run,
    .clear = clear,
};

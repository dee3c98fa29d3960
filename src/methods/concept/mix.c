/* mix.c - see mix.h. */

#include "methods/concept/mix.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "methods/concept/simplex.h"
#include "methods/concept/templates.h"
#include "optim/optim.h"
#include "stats/student.h"

#define PURE_NOISE 999.0

/* The network for one latent under a fixed number of texts. */
typedef struct asker {
    int64_t batch;
    ds_encoder *encoder;
    ds_denoiser *denoiser;
    float *out;  /* [batch,plane] */
    char **text; /* [batch] */
} asker;

struct ds_mix {
    ds_arena arena;
    ds_model *model;
    ds_mix_design d;
    const char **name; /* [n] */
    int64_t n, plane, passes;
    uint16_t *answer; /* [P,n,plane], F16: rounding is far below what separates two names */
    float *z;         /* [P,plane] */
    double *gram;     /* [P,n,n] */
    ds_noise *noise;
    asker many, one;
    bool cached;
};

/* ---- asking the network ------------------------------------------------------------------------ */

static ds_status encode(ds_mix *x, asker *a, ds_error *err)
{
    ds_encoder_options o = DS_ENCODER_OPTIONS_INIT;
    ds_status st = DS_OK;

    if (a->encoder != NULL) {
        st = ds_encoder_set_prompts(a->encoder, (const char *const *)a->text, NULL, err);
    } else {
        o.prompts = (const char *const *)a->text;
        o.count = a->batch;
        o.cancel = x->d.cancel;
        st = ds_encoder_new(&a->encoder, x->model, &o, err);
    }
    if (st == DS_OK)
        st = ds_encode(a->encoder, err);
    return st == DS_OK ? ds_denoiser_condition(a->denoiser, ds_encoder_conditions(a->encoder), err)
                       : st;
}

/* a->out of the first n names of a list, in sentence k, at z and t. The last batch repeats its first. */
static ds_status ask(ds_mix *x, asker *a, const char *const *names, int64_t n, int64_t k,
                     const float *z, double t, ds_error *err)
{
    const float time = (float)t;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < a->batch; i++) {
        ds_free(a->text[i]);
        a->text[i] = NULL;
        st = ds__template_expand(&a->text[i], x->d.templates, k, names[i < n ? i : 0], err);
    }
    if (st == DS_OK)
        st = encode(x, a, err);
    if (st == DS_OK)
        st = ds_denoise(a->denoiser, a->out, z, &time, err);
    x->passes += n;
    return st;
}

static ds_status asker_new(ds_mix *x, asker *a, int64_t batch, ds_error *err)
{
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;

    a->batch = batch;
    o.conditions = batch;
    o.height = x->d.height;
    o.width = x->d.width;
    o.cancel = x->d.cancel;
    a->out = ds_calloc((size_t)(batch * x->plane), sizeof *a->out);
    a->text = ds_calloc((size_t)batch, sizeof *a->text);
    if (a->out == NULL || a->text == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for answers to %lld names", (long long)batch);
    return ds_denoiser_new(&a->denoiser, x->model, &o, err);
}

static void asker_clear(asker *a)
{
    for (int64_t i = 0; a->text != NULL && i < a->batch; i++)
        ds_free(a->text[i]);
    ds_free(a->text);
    ds_free(a->out);
    ds_encoder_free(a->encoder);
    ds_denoiser_free(a->denoiser);
}

/* z of sentence k: noise of its own seed at the level, around the mean of what the network sees in pure
 * noise under `neutral` names that are spread over the list. */
static ds_status make_latent(ds_mix *x, int64_t k, ds_error *err)
{
    const ds_noise_level at = ds_noise_at(x->noise, x->d.time);
    const ds_noise_level pure = ds_noise_at(x->noise, PURE_NOISE);
    const int64_t count = x->d.neutral < x->n ? x->d.neutral : x->n;
    float *z = x->z + k * x->plane, *eps = ds_calloc((size_t)x->plane, 2 * sizeof *eps);
    float *clean = eps + x->plane;
    ds_rng rng;
    ds_status st = DS_OK;

    if (eps == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for noise");
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, x->d.seed + (uint64_t)k);
    ds_rng_normal(&rng, eps, x->plane);
    memset(z, 0, (size_t)x->plane * sizeof *z);
    for (int64_t first = 0; st == DS_OK && x->d.time < PURE_NOISE && first < count;
         first += x->d.batch) {
        const int64_t n = count - first < x->d.batch ? count - first : x->d.batch;
        const char *names[64];

        for (int64_t i = 0; i < n; i++)
            names[i] = x->name[(first + i) * x->n / count];
        st = ask(x, &x->many, names, n, k, eps, PURE_NOISE, err);
        for (int64_t i = 0; st == DS_OK && i < n; i++) {
            ds_noise_to_x0(x->noise, clean, x->many.out + i * x->plane, eps, pure, x->plane);
            for (int64_t j = 0; j < x->plane; j++)
                z[j] += (float)(at.alpha / (double)count) * clean[j];
        }
    }
    ds_rng_normal(&rng, eps, x->plane); /* fresh: the neutral picture knows the first */
    for (int64_t j = 0; j < x->plane; j++)
        z[j] += (float)at.sigma * eps[j];
    ds_free(eps);
    return st;
}

static ds_status ask_all(ds_mix *x, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t k = 0; st == DS_OK && k < x->d.sentences; k++) {
        st = make_latent(x, k, err);
        for (int64_t first = 0; st == DS_OK && first < x->n; first += x->d.batch) {
            const int64_t n = x->n - first < x->d.batch ? x->n - first : x->d.batch;

            st = ask(x, &x->many, x->name + first, n, k, x->z + k * x->plane, x->d.time, err);
            ds_convert(x->answer + (k * x->n + first) * x->plane, DS_DTYPE_F16, x->many.out,
                       DS_DTYPE_F32, n * x->plane);
        }
        if (st == DS_OK && x->d.progress != NULL)
            st = x->d.progress(x->d.user, k + 1, x->d.sentences, err);
    }
    return st;
}

/* ---- the cache --------------------------------------------------------------------------------- */

/* FNV-1a over all that the answers depend on, but for the weights. */
static uint64_t fingerprint(const ds_mix *x)
{
    char design[96];
    uint64_t h = 0xcbf29ce484222325u;
    const char *part = design;

    snprintf(design, sizeof design, "%lld %.17g %llu %lld", (long long)x->d.sentences, x->d.time,
             (unsigned long long)x->d.seed, (long long)x->d.neutral);
    for (int64_t i = -1 - x->d.templates->count; i < x->n; i++) {
        for (; *part != '\0'; part++)
            h = (h ^ (unsigned char)*part) * 0x100000001b3u;
        h = (h ^ 0xff) * 0x100000001b3u;
        part = i + 1 < 0 ? x->d.templates->text[-i - 2] : i + 1 < x->n ? x->name[i + 1] : "";
    }
    return h;
}

/* The weights are told by their answers: one batch is asked anew. */
static ds_status same_model(ds_mix *x, bool *same, ds_error *err)
{
    const int64_t n = x->n < x->d.batch ? x->n : x->d.batch;
    float *kept = ds_calloc((size_t)(n * x->plane), sizeof *kept);
    double most = 0.0, worst = 0.0;
    ds_status st = kept == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for answers")
                                : ask(x, &x->many, x->name, n, 0, x->z, x->d.time, err);

    *same = false;
    if (st == DS_OK) {
        ds_convert(kept, DS_DTYPE_F32, x->answer, DS_DTYPE_F16, n * x->plane);
        for (int64_t i = 0; i < n * x->plane; i++) {
            most = fmax(most, fabs((double)x->many.out[i]));
            worst = fmax(worst, fabs((double)x->many.out[i] - kept[i]));
        }
        *same = worst < 1e-3 * most;
    }
    ds_free(kept);
    return st;
}

static ds_status load_cache(ds_mix *x, const char *path, ds_error *err)
{
    ds_bundle *b;
    ds_tensor *answer, *z;
    char key[32];
    const char *found;
    ds_status st;

    if (path == NULL || access(path, F_OK) != 0)
        return DS_OK;
    st = ds_bundle_load(&b, path, err);
    if (st != DS_OK)
        return st;
    snprintf(key, sizeof key, "%016llx", (unsigned long long)fingerprint(x));
    found = ds_bundle_meta(b, "diffuscope.mix");
    if (found == NULL)
        st = ds_fail(err, DS_E_FORMAT, "%s: expected a cache of answers", path);
    if (st == DS_OK && strcmp(found, key) == 0) {
        st = ds_bundle_expect(b, "answers", 3, (const int64_t[]){ x->d.sentences, x->n, x->plane },
                              &answer, err);
        if (st == DS_OK)
            st =
                ds_bundle_expect(b, "z", 2, (const int64_t[]){ x->d.sentences, x->plane }, &z, err);
        if (st == DS_OK) {
            ds_convert(x->answer, DS_DTYPE_F16, answer->data, answer->dtype,
                       ds_tensor_count(answer));
            ds_convert(x->z, DS_DTYPE_F32, z->data, z->dtype, ds_tensor_count(z));
            st = same_model(x, &x->cached, err);
        }
    }
    ds_bundle_free(b);
    return st;
}

static ds_status save_cache(const ds_mix *x, const char *path, ds_error *err)
{
    ds_bundle *b = NULL;
    ds_tensor *t;
    char key[32];
    ds_status st = path == NULL ? DS_OK : ds_bundle_new(&b, err);

    if (path == NULL || st != DS_OK)
        return st;
    snprintf(key, sizeof key, "%016llx", (unsigned long long)fingerprint(x));
    st = ds_bundle_set_meta(b, "diffuscope.mix", key, err);
    if (st == DS_OK)
        st = ds_bundle_add(b, "answers", DS_DTYPE_F16, DS_DIMS(x->d.sentences, x->n, x->plane), &t,
                           err);
    if (st == DS_OK) {
        memcpy(t->data, x->answer, (size_t)(x->d.sentences * x->n * x->plane) * sizeof *x->answer);
        st = ds_bundle_add(b, "z", DS_DTYPE_F32, DS_DIMS(x->d.sentences, x->plane), &t, err);
    }
    if (st == DS_OK) {
        memcpy(t->data, x->z, (size_t)(x->d.sentences * x->plane) * sizeof *x->z);
        st = ds_bundle_save(b, path, err);
    }
    ds_bundle_free(b);
    return st;
}

/* ---- making ------------------------------------------------------------------------------------ */

/* Inner products of all names' answers, sentence by sentence. */
static ds_status make_grams(ds_mix *x, ds_error *err)
{
    const int64_t n = x->n, p = x->plane;
    float *v = ds_calloc((size_t)(n * p), sizeof *v);

    if (v == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the answers of %lld names", (long long)n);
    for (int64_t k = 0; k < x->d.sentences; k++) {
        double *gram = x->gram + k * n * n;

        ds_convert(v, DS_DTYPE_F32, x->answer + k * n * p, DS_DTYPE_F16, n * p);
#pragma omp parallel for schedule(dynamic, 8)
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j <= i; j++)
                gram[i * n + j] = gram[j * n + i] = ds__dot(v + i * p, v + j * p, p) / (double)p;
    }
    ds_free(v);
    return DS_OK;
}

static ds_status allocate(ds_mix *x, ds_error *err)
{
    const size_t n = (size_t)x->n, p = (size_t)x->plane, k = (size_t)x->d.sentences;

    x->answer = ds_calloc(k * n * p, sizeof *x->answer);
    x->z = ds_calloc(k * p, sizeof *x->z);
    x->gram = ds_calloc(k * n * n, sizeof *x->gram);
    if (x->answer == NULL || x->z == NULL || x->gram == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for the answers of %lld names to %lld sentences",
                       (long long)x->n, (long long)x->d.sentences);
    return DS_OK;
}

static ds_status copy_names(ds_mix *x, const char *const *names, ds_error *err)
{
    x->name = ds__arena_alloc(&x->arena, (size_t)x->n * sizeof *x->name);
    for (int64_t i = 0; x->name != NULL && i < x->n; i++) {
        if (strstr(names[i], DS_TEMPLATE_FREE) != NULL)
            return ds_fail(err, DS_E_ARG, "name \"%.120s\": <> belongs into templates", names[i]);
        x->name[i] = ds__arena_printf(&x->arena, "%s", names[i]);
        if (x->name[i] == NULL)
            break;
    }
    return x->name != NULL && (x->n == 0 || x->name[x->n - 1] != NULL)
               ? DS_OK
               : ds_fail(err, DS_E_NOMEM, "no memory for %lld names", (long long)x->n);
}

static ds_status build(ds_mix *x, const char *const *names, const char *cache, ds_error *err)
{
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, x->model, err);

    if (st != DS_OK)
        return st;
    if (x->n < 2)
        return ds_fail(err, DS_E_ARG, "%lld names: expected 2 or more", (long long)x->n);
    if (x->d.batch > 64)
        x->d.batch = 64;
    if (x->d.batch > x->n)
        x->d.batch = x->n;
    x->plane = info.channels * (x->d.height > 0 ? x->d.height : info.side) *
               (x->d.width > 0 ? x->d.width : info.side);
    st = copy_names(x, names, err);
    if (st == DS_OK)
        st = allocate(x, err);
    if (st == DS_OK)
        st = ds_noise_new(&x->noise, x->model, err);
    if (st == DS_OK)
        st = asker_new(x, &x->many, x->d.batch, err);
    if (st == DS_OK)
        st = asker_new(x, &x->one, 1, err);
    if (st == DS_OK)
        st = load_cache(x, cache, err);
    if (st == DS_OK && !x->cached) {
        st = ask_all(x, err);
        if (st == DS_OK)
            st = save_cache(x, cache, err);
    }
    return st == DS_OK ? make_grams(x, err) : st;
}

ds_status ds__mix_new(ds_mix **out, ds_model *m, const ds_mix_design *d, const char *const *names,
                      int64_t n, const char *cache, ds_error *err)
{
    ds_mix *x = ds_calloc(1, sizeof *x);
    ds_status st;

    *out = NULL;
    if (x == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a mixture");
    x->model = m;
    x->d = *d;
    x->n = n;
    st = build(x, names, cache, err);
    if (st != DS_OK) {
        ds__mix_free(x);
        return st;
    }
    *out = x;
    return DS_OK;
}

void ds__mix_free(ds_mix *x)
{
    if (x == NULL)
        return;
    asker_clear(&x->many);
    asker_clear(&x->one);
    ds_noise_free(x->noise);
    ds_free(x->answer);
    ds_free(x->z);
    ds_free(x->gram);
    ds__arena_free(&x->arena);
    ds_free(x);
}

int64_t ds__mix_names(const ds_mix *x)
{
    return x->n;
}

const char *ds__mix_name(const ds_mix *x, int64_t i)
{
    return x->name[i];
}

int64_t ds__mix_passes(const ds_mix *x)
{
    return x->passes;
}

bool ds__mix_cached(const ds_mix *x)
{
    return x->cached;
}

/* ---- fitting ----------------------------------------------------------------------------------- */

/* One fit over the sentences that take part. */
typedef struct problem {
    const ds_mix *x;
    int64_t n;          /* allowed names */
    int64_t *column;    /* [n]: their places */
    double *right;      /* [P,n]: inner products with the concept's answer */
    double *square;     /* [P]: of the concept's answer */
    double *gram, *sum; /* [n,n], [n] of those that take part */
} problem;

static ds_status fit(double *b, problem *p, const bool *takes_part, ds_error *err)
{
    const int64_t all = p->x->n;

    memset(p->gram, 0, (size_t)(p->n * p->n) * sizeof *p->gram);
    memset(p->sum, 0, (size_t)p->n * sizeof *p->sum);
    for (int64_t k = 0; k < p->x->d.sentences; k++) {
        const double *gram = p->x->gram + k * all * all;

        for (int64_t i = 0; takes_part[k] && i < p->n; i++) {
            p->sum[i] += p->right[k * p->n + i];
            for (int64_t j = 0; j < p->n; j++)
                p->gram[i * p->n + j] += gram[p->column[i] * all + p->column[j]];
        }
    }
    return ds__simplex_fit(b, p->gram, p->sum, p->n, true, 0.0, err);
}

static ds_status ask_concept(problem *p, ds_mix *x, const char *concept, ds_error *err)
{
    float *v = ds_calloc((size_t)(x->n * x->plane), sizeof *v);
    ds_status st = v == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for answers") : DS_OK;

    for (int64_t k = 0; st == DS_OK && k < x->d.sentences; k++) {
        st = ask(x, &x->one, &concept, 1, k, x->z + k * x->plane, x->d.time, err);
        if (st != DS_OK)
            break;
        ds_convert(v, DS_DTYPE_F32, x->answer + k * x->n * x->plane, DS_DTYPE_F16, x->n * x->plane);
        p->square[k] = ds__dot(x->one.out, x->one.out, x->plane) / (double)x->plane;
        for (int64_t i = 0; i < p->n; i++)
            p->right[k * p->n + i] =
                ds__dot(v + p->column[i] * x->plane, x->one.out, x->plane) / (double)x->plane;
    }
    ds_free(v);
    return st;
}

/* |v - V b|^2 of all sentences, from inner products. */
static double residual(const problem *p, const double *b)
{
    const int64_t all = p->x->n;
    double sum = 0.0;

    for (int64_t k = 0; k < p->x->d.sentences; k++) {
        const double *gram = p->x->gram + k * all * all;

        sum += p->square[k];
        for (int64_t i = 0; i < p->n; i++) {
            sum -= b[i] != 0.0 ? 2.0 * b[i] * p->right[k * p->n + i] : 0.0;
            for (int64_t j = 0; b[i] != 0.0 && j < p->n; j++)
                sum += b[i] * b[j] * gram[p->column[i] * all + p->column[j]];
        }
    }
    return sum;
}

static int by_share(const void *a, const void *b)
{
    const ds_mix_part *x = a, *y = b;

    if (x->share.value != y->share.value)
        return x->share.value < y->share.value ? 1 : -1;
    return (x->name > y->name) - (x->name < y->name);
}

/* How many of the five largest of two lists are the same. */
static int64_t overlap5(const double *a, const double *b, int64_t n)
{
    int64_t same = 0;

    for (int64_t i = 0; i < n; i++) {
        int64_t above_a = 0, above_b = 0;

        for (int64_t j = 0; j < n; j++) {
            above_a += a[j] > a[i];
            above_b += b[j] > b[i];
        }
        same += a[i] > 0.0 && b[i] > 0.0 && above_a < 5 && above_b < 5;
    }
    return same;
}

/* b: [2 + P + 1, n]: whole, halves, leave-one-out. */
static void fill_parts(ds_mix_answer *a, const problem *p, const double *b)
{
    const int64_t n = p->n, sentences = p->x->d.sentences;

    a->halves_top5 = (double)overlap5(b + n, b + 2 * n, n);
    for (int64_t i = 0; i < n; i++) {
        double mean = 0.0, var = 0.0, se;
        ds_mix_part *part = &a->part[i];

        for (int64_t k = 0; k < sentences; k++)
            mean += b[(3 + k) * n + i] / (double)sentences;
        for (int64_t k = 0; k < sentences; k++)
            var += pow(b[(3 + k) * n + i] - mean, 2.0);
        se = sentences > 1 ? sqrt(var * (double)(sentences - 1) / (double)sentences) : NAN;
        part->name = p->column[i];
        part->share = (ds_value){ b[i], se, NAN, NAN, sentences };
        if (isfinite(se)) {
            part->share = ds__t_interval(b[i], se, (double)(sentences - 1), sentences);
            part->share = ds__within_one(part->share);
        }
        part->half[0] = b[n + i];
        part->half[1] = b[2 * n + i];
        /* A half's error is sqrt(2) of the whole's, and that of their difference 2. */
        part->unstable = fabs(part->half[0] - part->half[1]) > fmax(0.05, 1.96 * 2.0 * se);
    }
    qsort(a->part, (size_t)n, sizeof *a->part, by_share);
}

/* Is sentence k in half 1 or 2? Neighbours differ in every alternative, so that the first sentences cover
 * them as the last do; even and odd ones would not. A single sentence is in both. */
static bool half_of(int64_t k, int64_t sentences, int64_t half)
{
    return sentences == 1 || (k < sentences / 2) == (half == 1);
}

static ds_status fit_all(ds_mix_answer *a, problem *p, double *b, ds_error *err)
{
    const int64_t sentences = p->x->d.sentences, n = p->n;
    bool *takes_part = ds_calloc((size_t)sentences, sizeof *takes_part);
    ds_status st = takes_part == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a fit") : DS_OK;

    for (int64_t f = 0; st == DS_OK && f < 3 + (sentences > 1 ? sentences : 0); f++) {
        for (int64_t k = 0; k < sentences; k++)
            takes_part[k] = f == 0 || (f < 3 ? half_of(k, sentences, f) : k != f - 3);
        st = fit(b + f * n, p, takes_part, err);
    }
    ds_free(takes_part);
    if (st == DS_OK)
        fill_parts(a, p, b);
    return st;
}

static ds_status solve(ds_mix_answer *a, problem *p, ds_mix *x, const char *concept, ds_error *err)
{
    const size_t n = (size_t)p->n, sentences = (size_t)x->d.sentences;
    double *b = ds_calloc((sentences + 4) * n, sizeof *b), mean, left;
    ds_status st;

    p->right = ds_calloc(sentences * n, sizeof *p->right);
    p->square = ds_calloc(sentences, sizeof *p->square);
    p->gram = ds_calloc(n * n, sizeof *p->gram);
    p->sum = ds_calloc(n, sizeof *p->sum);
    a->part = ds_calloc(n, sizeof *a->part);
    a->count = p->n;
    if (b == NULL || p->right == NULL || p->square == NULL || p->gram == NULL || p->sum == NULL ||
        a->part == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a fit of %zu names", n);
    else
        st = ask_concept(p, x, concept, err);
    if (st == DS_OK)
        st = fit_all(a, p, b, err);
    if (st == DS_OK) {
        left = residual(p, b);
        for (int64_t i = 0; i < p->n; i++)
            b[i] = 1.0 / (double)p->n;
        mean = residual(p, b);
        a->residual = left / mean;
        a->loss = left / (double)x->d.sentences;
    }
    ds_free(b);
    return st;
}

ds_status ds__mix_fit(ds_mix_answer *out, ds_mix *x, const char *concept, const bool *allowed,
                      ds_error *err)
{
    problem p = { .x = x, .column = ds_calloc((size_t)x->n, sizeof *p.column) };
    ds_status st = DS_OK;

    *out = (ds_mix_answer){ 0 };
    if (p.column == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a fit");
    for (int64_t i = 0; i < x->n; i++)
        if (allowed == NULL || allowed[i])
            p.column[p.n++] = i;
    if (p.n < 2)
        st = ds_fail(err, DS_E_ARG, "\"%.80s\": fewer than 2 names are left", concept);
    if (st == DS_OK)
        st = solve(out, &p, x, concept, err);
    ds_free(p.column);
    ds_free(p.right);
    ds_free(p.square);
    ds_free(p.gram);
    ds_free(p.sum);
    if (st != DS_OK)
        ds__mix_answer_clear(out);
    return st;
}

void ds__mix_answer_clear(ds_mix_answer *a)
{
    ds_free(a->part);
    *a = (ds_mix_answer){ 0 };
}

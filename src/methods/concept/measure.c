/* measure.c - held-out losses. See measure.h. */

#include "methods/concept/measure.h"

#include <math.h>
#include <string.h>

#include "stats/student.h"

ds_value ds__grouped_mean(const double *x, const int64_t *group, int64_t n)
{
    double sum = 0.0, squares = 0.0, mean;
    int64_t groups = 0, last = -1;

    for (int64_t i = 0; i < n; i++) {
        sum += x[i] / (double)n;
        last = group[i] > last ? group[i] : last;
    }
    mean = sum;
    for (int64_t g = 0; g <= last; g++) {
        double own = 0.0;
        int64_t count = 0;

        for (int64_t i = 0; i < n; i++)
            if (group[i] == g) {
                own += x[i];
                count++;
            }
        if (count == 0)
            continue;
        groups++;
        /* The error of a ratio of sums, where groups differ in size. */
        squares += pow((own - mean * (double)count) / (double)n, 2.0);
    }
    if (groups < 2)
        return (ds_value){ mean, NAN, NAN, NAN, n };
    squares = sqrt(squares * (double)groups / (double)(groups - 1));
    return ds__t_interval(mean, squares, (double)(groups - 1), n);
}

typedef struct held_losses {
    const ds_measure *m;
    ds_loss *loss;
    float *token;
    double *row; /* [triples] */
} held_losses;

static ds_status of_token(held_losses *h, ds_value *out, ds_error *err)
{
    const ds_frozen *f = h->m->held;
    ds_status st = ds__held_loss(h->row, h->loss, h->m->rows, f, h->token, h->m->cost, err);

    if (st == DS_OK)
        *out = ds__grouped_mean(h->row, f->picture, f->count);
    return st;
}

static ds_status of_mixture(held_losses *h, ds_value *out, const double *alpha, const int64_t *top,
                            int64_t n, ds_error *err)
{
    ds_status st = ds__mixture_tokens(h->token, &h->m->dictionary->words, alpha, top, n, err);

    return st == DS_OK ? of_token(h, out, err) : st;
}

/* A word's own row, with its own length. */
static ds_status of_word(held_losses *h, ds_value *out, int64_t word, ds_error *err)
{
    const ds_words *w = &h->m->dictionary->words;
    float *to = h->token;

    for (int p = 0; p < w->parts; p++) {
        memcpy(to, w->row[p] + word * w->width[p], (size_t)w->width[p] * sizeof *to);
        to += w->width[p];
    }
    return of_token(h, out, err);
}

/* texts [sentences, or 1 for all of them]. */
static ds_status of_texts(held_losses *h, ds_value *out, const char *const *texts, int64_t n,
                          ds_error *err)
{
    const ds_frozen *f = h->m->held;
    const int64_t rows = h->m->rows;
    ds_encoder *e = NULL;
    int64_t *which = ds_calloc((size_t)rows, sizeof *which);
    ds_status st = which == NULL
                       ? ds_fail(err, DS_E_NOMEM, "no memory for %lld rows", (long long)rows)
                       : ds__encode_texts(&e, h->m->model, texts, n, h->m->cancel, err);

    for (int64_t first = 0; st == DS_OK && first < f->count; first += rows) {
        const int64_t at = first + rows <= f->count ? first : f->count - rows;
        const ds_loss_batch b = { .z = f->z + at * f->plane,
                                  .target = f->target + at * f->plane,
                                  .t = f->t + at,
                                  .text = f->text + at };
        double loss;

        for (int64_t r = 0; r < rows; r++)
            which[r] = n > 1 ? f->text[at + r] : 0;
        st = ds__loss_of_conditions(h->loss, &loss, h->row + at, ds_encoder_conditions(e), which,
                                    &b, err);
        h->m->cost->forward += rows;
    }
    if (st == DS_OK)
        *out = ds__grouped_mean(h->row, f->picture, f->count);
    ds_encoder_free(e);
    ds_free(which);
    return st;
}

/* A word that is allowed, by the seed alone. */
static int64_t any_word(const ds_measure *m, const bool *allowed, const char *concept)
{
    const int64_t n = m->dictionary->words.count;
    ds_rng rng;
    int64_t i;

    ds__fit_rng(&rng, m->seed, concept, 0, 1 << 30);
    do
        i = (int64_t)(ds_rng_u64(&rng) % (uint64_t)n);
    while (!allowed[i]);
    return i;
}

static ds_status measure_mixtures(held_losses *h, ds_measured *out, const double *alpha,
                                  const int64_t *top, int64_t n, ds_error *err)
{
    ds_status st = of_mixture(h, &out->full, alpha, NULL, 0, err);

    if (st == DS_OK)
        st = of_mixture(h, &out->top_n, alpha, top, n, err);
    if (st == DS_OK)
        st = of_mixture(h, &out->top10, alpha, top, n < 10 ? n : 10, err);
    if (st == DS_OK)
        st = of_mixture(h, &out->top5, alpha, top, n < 5 ? n : 5, err);
    for (int64_t i = 0; st == DS_OK && i < 5 && i < n; i++)
        st = of_word(h, &out->single[i], top[i], err);
    return st;
}

ds_status ds__measure(ds_measured *out, const ds_measure *m, const double *alpha,
                      const int64_t *top, int64_t n, const bool *allowed, const char *concept,
                      ds_error *err)
{
    const ds_sentences *list[] = { m->sentences };
    const ds_loss_options o = { .sentences = list,
                                .lanes = 1,
                                .rows = m->rows,
                                .height = m->height,
                                .width = m->width,
                                .cancel = m->cancel };
    held_losses h = { .m = m };
    int64_t word = any_word(m, allowed, concept);
    ds_status st = ds__loss_new(&h.loss, m->model, &o, err);

    *out = (ds_measured){ .random_text = m->dictionary->text[word] };
    h.token = ds_calloc((size_t)ds__words_width(&m->dictionary->words), sizeof *h.token);
    h.row = ds_calloc((size_t)m->held->count, sizeof *h.row);
    if (st == DS_OK && (h.token == NULL || h.row == NULL))
        st = ds_fail(err, DS_E_NOMEM, "no memory for held-out losses");
    if (st == DS_OK)
        st = measure_mixtures(&h, out, alpha, top, n, err);
    if (st == DS_OK)
        st = of_word(&h, &out->random_word, word, err);
    if (st == DS_OK)
        st = of_texts(&h, &out->concept_text, m->sentences->concept, m->sentences->count, err);
    if (st == DS_OK)
        st = of_texts(&h, &out->empty, (const char *const[]){ NULL }, 1, err);
    if (st == DS_OK && m->beside != NULL) {
        memcpy(h.token, m->beside,
               (size_t)ds__words_width(&m->dictionary->words) * sizeof *h.token);
        st = of_token(&h, &out->beside, err);
    }
    ds__loss_free(h.loss);
    ds_free(h.token);
    ds_free(h.row);
    return st;
}

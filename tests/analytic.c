/* analytic.c - see analytic.h. */

#include "analytic.h"

#include <diffuscope/rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DENSE 16

static double logistic(double s)
{
    return 1.0 / (1.0 + exp(-s));
}

/* ---- models ---------------------------------------------------------------------------------- */

void ta_cosine(double *plane, int64_t side, bool inverse)
{
    double *basis = calloc((size_t)(side * side), sizeof *basis);
    double *half = calloc((size_t)(side * side), sizeof *half);

    for (int64_t k = 0; k < side; k++)
        for (int64_t i = 0; i < side; i++) {
            double c = sqrt((k == 0 ? 1.0 : 2.0) / (double)side) *
                       cos(M_PI * ((double)i + 0.5) * (double)k / (double)side);

            basis[inverse ? i * side + k : k * side + i] = c;
        }
    for (int pass = 0; pass < 2; pass++) { /* rows, then columns: each pass transposes */
        for (int64_t k = 0; k < side; k++)
            for (int64_t r = 0; r < side; r++) {
                double sum = 0.0;

                for (int64_t i = 0; i < side; i++)
                    sum += basis[k * side + i] * plane[r * side + i];
                half[k * side + r] = sum;
            }
        memcpy(plane, half, (size_t)(side * side) * sizeof *plane);
    }
    free(basis);
    free(half);
}

static void diagonal(const ta_model *m, double *eps, const double *x, double a, int64_t k,
                     int64_t n)
{
    double b = 1.0 - a;

    for (int64_t i = 0; i < n; i++) {
        double mean = m->mean[k * n + i], var = m->var[k * n + i];

        eps[i] = sqrt(b) * (x[i] - sqrt(a) * mean) / (a * var + b);
    }
}

static void cosine(const ta_model *m, double *eps, const double *x, double a, int64_t k, int64_t n)
{
    int64_t plane = m->height * m->width;
    double *y = malloc((size_t)n * sizeof *y);

    memcpy(y, x, (size_t)n * sizeof *y);
    for (int64_t c = 0; c < m->channels; c++)
        ta_cosine(y + c * plane, m->height, false);
    diagonal(m, eps, y, a, k, n);
    for (int64_t c = 0; c < m->channels; c++)
        ta_cosine(eps + c * plane, m->height, true);
    free(y);
}

/* Solves (a S + b I) g = x - sqrt(a) m by Gauss's elimination; the matrix is positive definite. */
static void dense(const ta_model *m, double *eps, const double *x, double a, int64_t k, int64_t n)
{
    double g[MOST_DENSE][MOST_DENSE + 1], b = 1.0 - a;

    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++)
            g[i][j] = a * m->cov[(k * n + i) * n + j] + (i == j ? b : 0.0);
        g[i][n] = x[i] - sqrt(a) * m->mean[k * n + i];
    }
    for (int64_t p = 0; p < n; p++)
        for (int64_t i = 0; i < n; i++) {
            double f = i == p ? 0.0 : g[i][p] / g[p][p];

            for (int64_t j = p; f != 0.0 && j <= n; j++)
                g[i][j] -= f * g[p][j];
        }
    for (int64_t i = 0; i < n; i++)
        eps[i] = sqrt(b) * g[i][n] / g[i][i];
}

static void mixture(const ta_model *m, double *eps, const double *x, double a, int64_t k, int64_t n)
{
    double log_post[64], top = -INFINITY, sum = 0.0, b = 1.0 - a;

    for (int64_t c = 0; c < m->components; c++) {
        double square = 0.0;

        for (int64_t i = 0; i < n; i++) {
            double r = x[i] - sqrt(a) * m->center[c * n + i];

            square += r * r;
        }
        log_post[c] = log(m->prior[k * m->components + c]) - 0.5 * square;
        top = fmax(top, log_post[c]);
    }
    for (int64_t c = 0; c < m->components; c++)
        sum += exp(log_post[c] - top);
    memset(eps, 0, (size_t)n * sizeof *eps);
    for (int64_t c = 0; c < m->components; c++)
        for (int64_t i = 0; i < n; i++)
            eps[i] +=
                sqrt(b) * exp(log_post[c] - top) / sum * (x[i] - sqrt(a) * m->center[c * n + i]);
}

static ds_status denoise(void *user, float *out, const float *z, const double *logsnr,
                         const ds_cancel *cancel, ds_error *err)
{
    const ta_model *m = user;
    int64_t n = m->channels * m->height * m->width;

    (void)cancel;
    (void)err;
#pragma omp parallel for schedule(static) if (n > 256)
    for (int64_t row = 0; row < m->conditions * m->images; row++) {
        int64_t k = row / m->images, b = row % m->images;
        double a = logistic(logsnr[b]);
        ds_mixing mix = ds__source_mixing(m->answer, logsnr[b]);
        double *x = malloc((size_t)n * sizeof *x), *eps = malloc((size_t)n * sizeof *eps);

        for (int64_t i = 0; i < n; i++)
            x[i] = z[b * n + i] * sqrt(a) / mix.x;
        (m->components > 0 ? mixture
         : m->cov != NULL  ? dense
         : m->cosine       ? cosine
                           : diagonal)(m, eps, x, a, k, n);
        for (int64_t i = 0; i < n; i++)
            out[row * n + i] = (float)((eps[i] - mix.z * z[b * n + i]) / mix.answer);
        free(x);
        free(eps);
    }
    return DS_OK;
}

ds_source ta_source(ta_model *m, int64_t images)
{
    m->images = images;
    return (ds_source){ .denoise = denoise,
                        .user = m,
                        .answer = m->answer,
                        .conditions = m->conditions,
                        .images = images,
                        .channels = m->channels,
                        .height = m->height,
                        .width = m->width };
}

/* ---- pictures -------------------------------------------------------------------------------- */

/* Closed forms of one Gaussian variable, x under N(0,v) and N(m,w). */
static double gaussian_o(double x, double v, double m, double w)
{
    double l = v == w ? 1.0 / v : log(v / w) / (v - w);

    return 0.5 * (x * x / v + (x - m) * (x - m) / w - 2.0 * x * (x - m) * l + (v + w) * l - 2.0);
}

static double gaussian_s(double x, double v, double m, double w)
{
    return 0.5 * (log(v / w) + x * x / v - (x - m) * (x - m) / w);
}

/* Variances without and with the word of element i. */
static void variances(double *v, double *w, char kind, int64_t side, int64_t i)
{
    int64_t row = i % (side * side) / side, column = i % side;
    double y = (double)row, x = (double)column, half = 0.5 * (double)side;
    double radius = 14.0 * (double)side / 64.0;

    if (kind == 'G') {
        *v = 1.0;
        *w = (y - half) * (y - half) + (x - half) * (x - half) < radius * radius ? 0.95 : 0.999;
    } else {
        *v = 50.0 / (1.0 + x * x + y * y);
        *w = x * x + y * y < 36.0 ? 0.5 * *v : *v;
    }
}

static void gaussian_scene(ta_scene *s, char kind, const float *r, int64_t n)
{
    int64_t plane = s->side * s->side;
    double *x = malloc((size_t)n * sizeof *x);

    for (int64_t i = 0; i < n; i++) {
        double v, w, m;

        variances(&v, &w, kind, s->side, i);
        m = sqrt(v - w) * (double)r[i];
        x[i] = m + sqrt(w) * (double)r[n + i];
        s->mean[n + i] = m;
        s->var[i] = v;
        s->var[n + i] = w;
        s->total[0] += gaussian_o(x[i], v, m, w);
        s->total[1] += gaussian_s(x[i], v, m, w);
        if (kind == 'G') {
            s->truth[0][i % plane] += gaussian_o(x[i], v, m, w);
            s->truth[1][i % plane] += gaussian_s(x[i], v, m, w);
        }
    }
    for (int64_t c = 0; kind == 'W' && c < 4; c++)
        ta_cosine(x + c * plane, s->side, true);
    for (int64_t i = 0; i < n; i++)
        s->latent[i] = (float)x[i];
    free(x);
}

/* The template's length is such that the posterior is even at log-SNR -4: a |t|^2 / 2 = log odds.
 */
static void mixture_scene(ta_scene *s, const float *r, int64_t n)
{
    const double rare = 0.01, odds = log((1.0 - rare) / rare), a = logistic(-4.0);
    double square = 0.0, evidence = 0.0;

    for (int64_t i = 0; i < n; i++)
        square += (double)r[i] * r[i];
    for (int64_t i = 0; i < n; i++) {
        double t = (double)r[i] * sqrt(2.0 * odds / a / square);

        s->center[n + i] = t;
        s->latent[i] = (float)(t + (double)r[n + i]);
        evidence += t * (double)s->latent[i] - 0.5 * t * t; /* log N(x; t, 1) / N(x; 0, 1) */
    }
    memcpy(s->prior, (const double[]){ 1.0 - rare, rare, 1e-300, 1.0 }, sizeof s->prior);
    s->total[0] = NAN;
    s->total[1] = -log(rare + (1.0 - rare) * exp(-evidence));
}

void ta_scene_new(ta_scene *s, char kind, int64_t side, uint64_t seed)
{
    int64_t plane = side * side, n = 4 * plane;
    float *r = malloc((size_t)(2 * n) * sizeof *r);
    ds_rng rng;

    ds_rng_init(&rng, DS_RNG_TORCH_CPU, seed);
    ds_rng_normal(&rng, r, 2 * n);
    *s = (ta_scene){ .side = side };
    s->block = calloc((size_t)(6 * n + 2 * plane), sizeof *s->block);
    s->latent = calloc((size_t)n, sizeof *s->latent);
    s->mean = s->block;
    s->var = s->mean + 2 * n;
    s->center = s->var + 2 * n;
    s->model = (ta_model){ .conditions = 2, .channels = 4, .height = side, .width = side };
    if (kind == 'G') {
        s->truth[0] = s->center + 2 * n;
        s->truth[1] = s->truth[0] + plane;
    }
    if (kind == 'M') {
        s->model.components = 2;
        s->model.center = s->center;
        s->model.prior = s->prior;
        mixture_scene(s, r, n);
    } else {
        s->model.mean = s->mean;
        s->model.var = s->var;
        s->model.cosine = kind == 'W';
        gaussian_scene(s, kind, r, n);
    }
    free(r);
}

void ta_scene_free(ta_scene *s)
{
    free(s->block);
    free(s->latent);
}

/* ---- quadrature ------------------------------------------------------------------------------ */

/* Nodes and weights for the standard normal: roots of the Hermite polynomial He_n by Newton's
 * method from the outside in, its zeros so far divided out. */
static void hermite(double *x, double *w, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double root = i == 0 ? 2.0 * sqrt((double)n + 1.0) : x[i - 1] - 0.5 / sqrt((double)n);
        double norm = 1.0, p = 0.0, below = 0.0;

        for (int step = 0; step < 200; step++) {
            double gone = 0.0, delta;

            p = 1.0;
            below = 0.0; /* normalised: h_k = He_k / sqrt(k!) */
            for (int64_t k = 0; k < n; k++) {
                double next = (root * p - sqrt((double)k) * below) / sqrt((double)(k + 1));

                below = p;
                p = next;
            }
            for (int64_t j = 0; j < i; j++)
                gone += 1.0 / (root - x[j]);
            delta = p / (sqrt((double)n) * below - p * gone);
            root -= delta;
            if (fabs(delta) < 1e-14)
                break;
        }
        x[i] = root;
        norm = (double)n * below * below;
        w[i] = 1.0 / norm;
    }
}

static float *added(ds_bundle *b, const char *name, int rank, const int64_t *dim)
{
    ds_tensor *t;

    if (ds_bundle_add(b, name, DS_DTYPE_F32, rank, dim, &t, NULL) != DS_OK)
        abort();
    return t->data;
}

ds_bundle *ta_quadrature(double low, double high, int64_t snrs, int64_t nodes, int64_t elements)
{
    int64_t each = elements == 1 ? nodes : 2 * elements, n = snrs * each;
    double x[128] = { 0 }, w[128] = { 0 };
    float *snr, *weight, *eps;
    ds_bundle *out;

    if (ds_bundle_new(&out, NULL) != DS_OK)
        abort();
    snr = added(out, "logsnr", DS_DIMS(n));
    weight = added(out, "weight", DS_DIMS(n));
    eps = added(out, "eps", DS_DIMS(n, 1, 1, elements));
    if (elements == 1)
        hermite(x, w, nodes);
    for (int64_t i = 0; i < n; i++) {
        int64_t p = i % each;

        snr[i] = (float)(low + (high - low) * ((double)(i / each) + 0.5) / (double)snrs);
        weight[i] = (float)((high - low) * (elements == 1 ? w[p] * (double)each : 1.0));
        if (elements == 1)
            eps[i] = (float)x[p];
        else /* +- sqrt(d) along each axis */
            eps[i * elements + p / 2] = (float)((p % 2 == 0 ? 1.0 : -1.0) * sqrt((double)elements));
    }
    return out;
}

ds_bundle *ta_quadrature2(double low, double high, int64_t snrs, int64_t nodes)
{
    int64_t each = nodes * nodes, n = snrs * each;
    double x[128] = { 0 }, w[128] = { 0 };
    float *snr, *weight, *eps;
    ds_bundle *out;

    if (ds_bundle_new(&out, NULL) != DS_OK)
        abort();
    snr = added(out, "logsnr", DS_DIMS(n));
    weight = added(out, "weight", DS_DIMS(n));
    eps = added(out, "eps", DS_DIMS(n, 1, 1, 2));
    hermite(x, w, nodes);
    for (int64_t i = 0; i < n; i++) {
        int64_t p = i % each / nodes, q = i % nodes;

        snr[i] = (float)(low + (high - low) * ((double)(i / each) + 0.5) / (double)snrs);
        weight[i] = (float)((high - low) * w[p] * w[q] * (double)each);
        eps[2 * i] = (float)x[p];
        eps[2 * i + 1] = (float)x[q];
    }
    return out;
}

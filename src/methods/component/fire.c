/* fire.c - see fire.h. */

#include "methods/component/fire.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <diffuscope/figure.h>
#include <diffuscope/page.h>

typedef struct fire {
    const component_scores *s;
    component_work *w;
    ds_job *job;
    const ds_alternatives *texts;
    int64_t neurons, batch;
    int64_t top[DS_FIRE_NEURONS];
    int64_t first;          /* picture that the batch begins with */
    double *square, *count; /* [neurons,pictures] */
    ds_watcher watcher;     /* lives as long as the measurement */
    ds_encoder *encoder;
    ds_measure *measure;
    ds_alternatives rows; /* text, none, text, none ... */
    float *latent;        /* [pictures,plane] */
    ds_image *picture;    /* [pictures] */
} fire;

static const ds_piece *piece_of(const fire *f, int64_t k)
{
    return &f->s->list[DS_NEURONS].piece[f->top[k]];
}

static const char *site_of(const fire *f, int64_t k)
{
    return f->w->sites->site[piece_of(f, k)->site].site;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static ds_interest wants(void *user, const char *site, const ds_tensor *shape)
{
    const fire *f = user;

    (void)shape;
    for (int64_t k = 0; k < f->neurons; k++)
        if (strcmp(site_of(f, k), site) == 0)
            return DS_LOOK;
    return DS_IGNORE;
}

/* value [rows, places, units]; the first rows of a pass read the pictures' texts. */
static ds_status show(void *user, const char *site, ds_tensor *value, ds_error *err)
{
    fire *f = user;
    const int64_t units = value->dim[value->rank - 1];
    const int64_t places = ds_tensor_count(value) / value->dim[0] / units;
    const float *x = value->data;

    if (value->dim[0] != 2 * f->batch)
        return ds_fail(err, DS_E_INTERNAL, "%s: %lld rows, expected %lld", site,
                       (long long)value->dim[0], (long long)(2 * f->batch));
    for (int64_t k = 0; k < f->neurons; k++) {
        if (strcmp(site_of(f, k), site) != 0)
            continue;
        for (int64_t b = 0; b < f->batch; b++) {
            const int64_t at = k * f->texts->count + f->first + b;

            for (int64_t p = 0; p < places; p++) {
                const double v = x[(b * places + p) * units + piece_of(f, k)->first];

                f->square[at] += v * v;
            }
            f->count[at] += (double)places;
        }
    }
    return DS_OK;
}

static ds_status progress(void *user, int64_t done, int64_t all, ds_error *err)
{
    fire *f = user;

    f->first = done / DS_FIRE_STEPS * f->batch;
    return ds__job_progress(f->job, "firing", done, all, err);
}

static ds_status encode(fire *f, ds_error *err)
{
    ds_encoder_options e = DS_ENCODER_OPTIONS_INIT;
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < f->texts->count; i++) {
        st = ds__alternatives_add(&f->rows, f->texts->text[i], err);
        if (st == DS_OK)
            st = ds__alternatives_add(&f->rows, "", err);
    }
    if (st != DS_OK)
        return st;
    e.prompts = f->rows.text;
    e.count = f->rows.count;
    e.cancel = f->w->o.cancel;
    st = ds_encoder_new(&f->encoder, f->w->model, &e, err);
    return st == DS_OK ? ds_encode(f->encoder, err) : st;
}

static ds_status draw(fire *f, ds_error *err)
{
    const ds_path p = { .steps = DS_FIRE_STEPS,
                        .seeds = 1,
                        .pairs = f->texts->count,
                        .seed = f->w->q.seed,
                        .guidance = f->w->q.guidance,
                        .batch = f->batch,
                        .progress = progress,
                        .user = f };
    ds_measure_options o = { .texts = ds_encoder_conditions(f->encoder),
                             .pairs = f->texts->count,
                             .batch = f->batch,
                             .height = f->w->height,
                             .width = f->w->width,
                             .watcher = &f->watcher,
                             .cancel = f->w->o.cancel };
    ds_status st;

    f->watcher = (ds_watcher){ .wants = wants, .show = show, .user = f };
    st = ds__measure_new(&f->measure, f->w->model, f->w->sites, f->w->noise, &o, err);

    if (st == DS_OK)
        st = ds__draws_path(NULL, f->measure, f->w->noise, &p, f->latent, err);
    for (int64_t i = 0; i < f->neurons * f->texts->count; i++)
        f->square[i] = f->count[i] > 0 ? sqrt(f->square[i] / f->count[i]) : 0.0;
    return st;
}

static ds_status decode(fire *f, ds_error *err)
{
    const component_work *w = f->w;
    ds_autoencoder_options o = DS_AUTOENCODER_OPTIONS_INIT;
    const int64_t wide = w->width * w->info.factor, high = w->height * w->info.factor;
    float *planes = ds_alloc((size_t)(3 * wide * high) * sizeof *planes);
    ds_autoencoder *a = NULL;
    ds_status st = planes == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a picture") : DS_OK;

    o.height = w->height;
    o.width = w->width;
    if (st == DS_OK)
        st = ds_autoencoder_new(&a, w->model, &o, err);
    for (int64_t i = 0; st == DS_OK && i < f->texts->count; i++) {
        st = ds_decode(a, planes, f->latent + i * w->plane, err);
        if (st == DS_OK)
            st = ds_image_from_planes(&f->picture[i], planes, wide, high, err);
    }
    ds_autoencoder_free(a);
    ds_free(planes);
    return st;
}

/* ---- telling --------------------------------------------------------------------------------- */

static ds_status numbers(const fire *f, ds_result *r, ds_error *err)
{
    const int64_t n = f->texts->count;
    json_t *neurons = json_array(), *texts = json_array();

    for (int64_t i = 0; i < n; i++)
        json_array_append_new(texts, json_string(f->texts->text[i]));
    for (int64_t k = 0; k < f->neurons; k++) {
        json_t *values = json_array();
        char name[320];

        for (int64_t i = 0; i < n; i++)
            json_array_append_new(values, ds__json_real(f->square[k * n + i]));
        ds__component_name(name, sizeof name, piece_of(f, k), f->w->sites, DS_NEURONS);
        json_array_append_new(neurons, json_pack("{s:s, s:o}", "name", name, "fire", values));
    }
    return ds__result_set(r, "fire", json_pack("{s:o, s:o}", "prompts", texts, "neurons", neurons),
                          err);
}

/* A row of panels for each neuron: the pictures on which it fires most, as multiples of its mean. */
static ds_status page(const fire *f, ds_result *r, ds_error *err)
{
    enum { MOST = DS_FIRE_NEURONS * DS_FIRE_SHOWN };
    const int64_t n = f->texts->count, shown = n < DS_FIRE_SHOWN ? n : DS_FIRE_SHOWN;
    ds_panel panel[MOST] = { 0 };
    char title[MOST][64];
    float *value = ds_calloc((size_t)n + 1, sizeof *value);
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_image sheet = { 0 };
    ds_page *page;
    ds_status st = value == NULL ? ds_fail(err, DS_E_NOMEM, "no memory for a sheet") : DS_OK;

    for (int64_t k = 0; st == DS_OK && k < f->neurons; k++) {
        int64_t top[DS_FIRE_SHOWN];
        double mean = 0.0;

        for (int64_t i = 0; i < n; i++) {
            value[i] = (float)f->square[k * n + i];
            mean += f->square[k * n + i] / (double)n;
        }
        if (ds__top(top, value, n, shown) < 0)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a sheet");
        for (int64_t i = 0; st == DS_OK && i < shown; i++) {
            const int64_t at = k * shown + i;

            snprintf(title[at], sizeof title[at], "%lld: %.2f x its mean", (long long)k + 1,
                     mean > 0.0 ? value[top[i]] / mean : 0.0);
            panel[at] = (ds_panel){ .title = title[at], .picture = &f->picture[top[i]] };
        }
    }
    o.side = 128;
    if (st == DS_OK)
        st = ds__result_page(r, &page, "Which components make it?", err);
    if (st == DS_OK)
        st = ds_map_sheet(&sheet, NULL, panel, f->neurons * shown, shown, &o, err);
    if (st == DS_OK)
        st = ds_page_picture(page, &sheet, "the pictures on which the first neurons fire most",
                             "A row for each of the first neurons: the pictures on which it fires "
                             "most, by the root mean square of its value over time steps and "
                             "places.",
                             err);
    if (st == DS_OK)
        st = ds__result_figure(r, "fire", &sheet, true, err);
    ds_image_clear(&sheet);
    ds_free(value);
    return st;
}

static void say(const fire *f, ds_result *r)
{
    const int64_t n = f->texts->count;

    for (int64_t k = 0; k < f->neurons && k < 3; k++) {
        const double *v = f->square + k * n;
        int64_t most = 0, least = 0;
        char name[320];

        for (int64_t i = 1; i < n; i++) {
            most = v[i] > v[most] ? i : most;
            least = v[i] < v[least] ? i : least;
        }
        ds__result_say(
            r, "  %s fires %.2f times as much on \"%s\" as on \"%s\"\n",
            ds__component_name(name, sizeof name, piece_of(f, k), f->w->sites, DS_NEURONS),
            v[least] > 0.0 ? v[most] / v[least] : 0.0, f->texts->text[most], f->texts->text[least]);
    }
}

static int64_t divisor(int64_t n, int64_t most)
{
    int64_t d = most < n ? most : n;

    while (n % d != 0)
        d--;
    return d;
}

static ds_status allocate(fire *f, ds_error *err)
{
    const component_list *l = &f->s->list[DS_NEURONS];
    const size_t n = (size_t)f->texts->count;

    f->neurons = ds__top(f->top, l->score, l->count, DS_FIRE_NEURONS);
    f->square = ds_calloc(DS_FIRE_NEURONS * n, sizeof *f->square);
    f->count = ds_calloc(DS_FIRE_NEURONS * n, sizeof *f->count);
    f->latent = ds_calloc(n, (size_t)f->w->plane * sizeof *f->latent);
    f->picture = ds_calloc(n, sizeof *f->picture);
    return f->neurons < 0 || f->square == NULL || f->count == NULL || f->latent == NULL ||
                   f->picture == NULL
               ? ds_fail(err, DS_E_NOMEM, "no memory for %zu pictures", n)
               : DS_OK;
}

ds_status ds__fire(const component_scores *s, component_work *w, ds_job *j,
                   const ds_alternatives *texts, ds_error *err)
{
    fire f = {
        .s = s, .w = w, .job = j, .texts = texts, .batch = divisor(texts->count, w->q.batch)
    };
    ds_status st = allocate(&f, err);

    if (st == DS_OK)
        st = encode(&f, err);
    if (st == DS_OK)
        st = draw(&f, err);
    if (st == DS_OK)
        st = decode(&f, err);
    if (st == DS_OK)
        st = numbers(&f, j->result, err);
    if (st == DS_OK)
        st = page(&f, j->result, err);
    if (st == DS_OK)
        say(&f, j->result);
    for (int64_t i = 0; f.picture != NULL && i < texts->count; i++)
        ds_image_clear(&f.picture[i]);
    ds_free(f.picture);
    ds_free(f.latent);
    ds_free(f.square);
    ds_free(f.count);
    ds__measure_free(f.measure);
    ds_encoder_free(f.encoder);
    ds__alternatives_clear(&f.rows);
    return st;
}

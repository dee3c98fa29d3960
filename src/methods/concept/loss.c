/* loss.c - see loss.h. */

#include "methods/concept/loss.h"

#include <string.h>

struct ds_loss {
    ds_loss_options o;
    const ds_sentences **sentences; /* [lanes] */
    ds_encoder *encoder;
    ds_denoiser *denoiser;
    /* The encoder has room for a batch's sentences, min(U, B) of each lane, and is given those that come. */
    int64_t texts;       /* [texts] of all lanes */
    int64_t *first_text; /* [lanes+1]: a lane's first */
    int64_t *held;       /* [texts]: sentence of its lane; -1: none yet */
    const char **prompt; /* [texts] */
    ds_place *place;     /* [texts] */
    int64_t *which;      /* [lanes*B] */
    int64_t plane;       /* numbers of a latent */
    int64_t width;
    float *answer, *cotangent; /* [lanes*B,plane] */
};

/* ---- planning --------------------------------------------------------------------------------- */

static void hold(ds_loss *l, int64_t lane, int64_t at, int64_t sentence)
{
    const ds_sentences *s = l->sentences[lane];

    l->held[at] = sentence;
    l->prompt[at] = s->free[sentence];
    l->place[at] = (ds_place){ .text = at, .place = s->place[sentence], .row = lane };
}

static ds_status new_encoder(ds_loss *l, ds_model *m, ds_error *err)
{
    ds_encoder_options eo = DS_ENCODER_OPTIONS_INIT;
    ds_status st;

    for (int64_t i = 0; i < l->o.lanes; i++)
        for (int64_t at = l->first_text[i]; at < l->first_text[i + 1]; at++)
            hold(l, i, at, at - l->first_text[i]);
    eo.prompts = l->prompt;
    eo.count = l->texts;
    eo.places = l->place;
    eo.n_places = l->texts;
    eo.pull_back = l->o.gradient;
    eo.cancel = l->o.cancel;
    st = ds_encoder_new(&l->encoder, m, &eo, err);
    for (int p = 0; st == DS_OK && p < ds_encoder_count(l->encoder); p++)
        l->width += ds_encoder_width(l->encoder, p);
    return st;
}

static ds_status new_denoiser(ds_loss *l, ds_model *m, ds_error *err)
{
    static const char *const wrt[] = { "encoder_hidden_states", "text_embeds" };
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;

    o.images = l->o.lanes * l->o.rows;
    o.height = l->o.height;
    o.width = l->o.width;
    o.wrt = wrt;
    o.n_wrt = l->o.gradient ? (ds_encoder_count(l->encoder) > 1 ? 2 : 1) : 0;
    o.recompute = l->o.recompute;
    o.cancel = l->o.cancel;
    return ds_denoiser_new(&l->denoiser, m, &o, err);
}

static ds_status build(ds_loss *l, ds_model *m, ds_error *err)
{
    const size_t rows = (size_t)(l->o.lanes * l->o.rows);
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, m, err);

    if (st != DS_OK)
        return st;
    l->plane = info.channels * (l->o.height > 0 ? l->o.height : info.side) *
               (l->o.width > 0 ? l->o.width : info.side);
    l->sentences = ds_calloc((size_t)l->o.lanes, sizeof *l->sentences);
    l->first_text = ds_calloc((size_t)l->o.lanes + 1, sizeof *l->first_text);
    l->held = ds_calloc(rows, sizeof *l->held);
    l->prompt = ds_calloc(rows, sizeof *l->prompt);
    l->place = ds_calloc(rows, sizeof *l->place);
    l->which = ds_calloc(rows, sizeof *l->which);
    l->answer = ds_calloc(rows * (size_t)l->plane, sizeof *l->answer);
    l->cotangent = ds_calloc(rows * (size_t)l->plane, sizeof *l->cotangent);
    if (l->sentences == NULL || l->first_text == NULL || l->held == NULL || l->prompt == NULL ||
        l->place == NULL || l->which == NULL || l->answer == NULL || l->cotangent == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %zu rows", rows);
    for (int64_t i = 0; i < l->o.lanes; i++) {
        const int64_t most = (l->sentences[i] = l->o.sentences[i])->count;

        l->texts += most < l->o.rows ? most : l->o.rows;
        l->first_text[i + 1] = l->texts;
    }
    st = new_encoder(l, m, err);
    return st == DS_OK ? new_denoiser(l, m, err) : st;
}

ds_status ds__loss_new(ds_loss **out, ds_model *m, const ds_loss_options *o, ds_error *err)
{
    ds_loss *l = ds_calloc(1, sizeof *l);
    ds_status st;

    *out = NULL;
    if (l == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a loss");
    l->o = *o;
    st = build(l, m, err);
    if (st != DS_OK) {
        ds__loss_free(l);
        return st;
    }
    *out = l;
    return DS_OK;
}

void ds__loss_free(ds_loss *l)
{
    if (l == NULL)
        return;
    ds_encoder_free(l->encoder);
    ds_denoiser_free(l->denoiser);
    ds_free(l->sentences);
    ds_free(l->first_text);
    ds_free(l->held);
    ds_free(l->prompt);
    ds_free(l->place);
    ds_free(l->which);
    ds_free(l->answer);
    ds_free(l->cotangent);
    ds_free(l);
}

/* ---- running ---------------------------------------------------------------------------------- */

static void set_tokens(ds_loss *l, const float *token)
{
    for (int64_t i = 0; i < l->o.lanes; i++)
        for (int p = 0; p < ds_encoder_count(l->encoder); p++) {
            const int64_t n = ds_encoder_width(l->encoder, p);

            memcpy(ds_encoder_row(l->encoder, p, i), token, (size_t)n * sizeof *token);
            token += n;
        }
}

/* Place of a lane's sentence among those that are held; -1: it is not. */
static int64_t find_text(const ds_loss *l, int64_t lane, int64_t sentence)
{
    for (int64_t at = l->first_text[lane]; at < l->first_text[lane + 1]; at++)
        if (l->held[at] == sentence)
            return at;
    return -1;
}

/* Holds the sentences of a lane's rows, in place of others that none of its rows has; false: all were held. */
static bool take_sentences(ds_loss *l, int64_t lane, const int64_t *text)
{
    bool changed = false;

    for (int64_t r = 0, at = l->first_text[lane]; r < l->o.rows; r++) {
        if (find_text(l, lane, text[r]) >= 0)
            continue;
        for (bool needed = true; needed; at += needed) {
            needed = false;
            for (int64_t k = 0; k < l->o.rows; k++)
                needed = needed || l->held[at] == text[k];
        }
        hold(l, lane, at, text[r]);
        changed = true;
    }
    return changed;
}

/* l->which, and the encoder's prompts where they change. */
static ds_status choose_texts(ds_loss *l, const int64_t *text, ds_error *err)
{
    const int64_t rows = l->o.rows;
    bool changed = false;

    for (int64_t i = 0; i < l->o.lanes; i++)
        changed = take_sentences(l, i, text + i * rows) || changed;
    for (int64_t r = 0; r < l->o.lanes * rows; r++)
        l->which[r] = find_text(l, r / rows, text[r]);
    return changed ? ds_encoder_set_prompts(l->encoder, l->prompt, l->place, err) : DS_OK;
}

/* Mean squares of the rows, and of each lane; the cotangent 2 (answer - target) / (B plane). */
static void compare(ds_loss *l, double *loss, double *row_loss, const float *target)
{
    const int64_t rows = l->o.rows, n = l->plane;

    for (int64_t i = 0; i < l->o.lanes; i++)
        loss[i] = 0.0;
    for (int64_t r = 0; r < l->o.lanes * rows; r++) {
        double sum = 0.0;

        for (int64_t x = r * n; x < (r + 1) * n; x++) {
            const double d = (double)l->answer[x] - target[x];

            sum += d * d;
            l->cotangent[x] = (float)(2.0 * d / (double)(rows * n));
        }
        loss[r / rows] += sum / (double)(rows * n);
        if (row_loss != NULL)
            row_loss[r] = sum / (double)n;
    }
}

static ds_status pull(ds_loss *l, float *gradient, ds_error *err)
{
    ds_tensor hidden, pooled = { .data = NULL };
    ds_status st = ds_denoiser_pull(l->denoiser, l->cotangent, err);

    if (st == DS_OK)
        st = ds_denoiser_gradient(l->denoiser, &hidden, "encoder_hidden_states", err);
    if (st == DS_OK && ds_encoder_count(l->encoder) > 1)
        st = ds_denoiser_gradient(l->denoiser, &pooled, "text_embeds", err);
    if (st == DS_OK)
        st = ds_encoder_pull(l->encoder, hidden.data, pooled.data, err);
    for (int64_t i = 0; st == DS_OK && i < l->o.lanes; i++)
        for (int p = 0; p < ds_encoder_count(l->encoder); p++) {
            const int64_t n = ds_encoder_width(l->encoder, p);

            memcpy(gradient, ds_encoder_row_gradient(l->encoder, p, i),
                   (size_t)n * sizeof *gradient);
            gradient += n;
        }
    return st;
}

ds_status ds__loss_run(ds_loss *l, double *loss, float *gradient, double *row_loss,
                       const float *token, const ds_loss_batch *b, ds_error *err)
{
    ds_status st = choose_texts(l, b->text, err);

    set_tokens(l, token);
    if (st == DS_OK)
        st = ds_encode(l->encoder, err);
    if (st == DS_OK)
        st = ds_denoiser_condition_rows(l->denoiser, ds_encoder_conditions(l->encoder), l->which,
                                        err);
    if (st == DS_OK)
        st = ds_denoise(l->denoiser, l->answer, b->z, b->t, err);
    if (st != DS_OK)
        return st;
    compare(l, loss, row_loss, b->target);
    return gradient != NULL ? pull(l, gradient, err) : DS_OK;
}

int64_t ds__loss_encodes(const ds_loss *l)
{
    return l->texts;
}

const float *ds__loss_conditioning(const ds_loss *l, int64_t *tokens, int64_t *width)
{
    const ds_tensor t = ds_conditions_hidden(ds_encoder_conditions(l->encoder));

    *tokens = t.dim[1];
    *width = t.dim[2];
    return t.data;
}

ds_status ds__loss_of_conditions(ds_loss *l, double *loss, double *row_loss, const ds_conditions *c,
                                 const int64_t *which, const ds_loss_batch *b, ds_error *err)
{
    ds_status st = ds_denoiser_condition_rows(l->denoiser, c, which, err);

    if (st == DS_OK)
        st = ds_denoise(l->denoiser, l->answer, b->z, b->t, err);
    if (st == DS_OK)
        compare(l, loss, row_loss, b->target);
    return st;
}

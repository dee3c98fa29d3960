/* daam.c - the object: which layers are listened to, which texts have maps, and a run that is
 * traced. See daam.h for the other files. */

#include "methods/daam/daam.h"

#include "base/options.h"
#include "methods/daam/select.h"
#include "pipeline/denoiser.h"
#include "pipeline/sites.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for a trace");
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* The package compares map sizes with a side of 64 for models of 512 or 1024 pixels, and 96 for
 * others, which are those of 768. For models that it does not know, the picture decides, and small
 * or oblong ones are measured by their own latent: 0. */
static int64_t paper_side(const ds_daam *d, const ds_denoiser_info *info)
{
    const int64_t native = info->side * info->factor, side = d->trace.height * info->factor;

    if (d->trace.height != d->trace.width)
        return 0;
    if (d->options.side > 0)
        return d->options.side;
    if (native == 512 || native == 1024)
        return 64;
    if (native == 768)
        return 96;
    return side % 384 == 0 ? 96 : side >= 256 ? 64 : 0;
}

static int64_t paper_factor(int64_t side, const ds_attention_layer *a)
{
    return side == 0 ? (int64_t)1 << a->halvings
                     : (int64_t)sqrt((double)(side * side / (a->height * a->width)));
}

/* Maps at an eighth of the latent say little, and the package leaves them out. It also passes over
 * factors that are no power of two. */
static bool default_factor(int64_t factor, bool paper)
{
    if (!paper)
        return factor < 8;
    return factor != 8 && factor <= 64 && (factor & (factor - 1)) == 0;
}

static bool layer_kept(const ds_daam *d, const ds_attention_layers *l, int64_t i, int64_t index,
                       int64_t factor)
{
    const ds_daam_options *o = &d->options;
    const ds_attention_layer *a = &l->layer[i];

    if (o->low_memory)
        for (int64_t k = 0; k < i; k++)
            if (l->layer[k].cross && l->layer[k].block == a->block)
                return false;
    if (o->paper && a->stage == DS_STAGE_MIDDLE && o->save_heads == NULL && o->load_heads == NULL)
        return false;
    if (o->layers != NULL && !ds__select_has(o->layers, index, a->site))
        return false;
    if (o->paper && !default_factor(factor, true))
        return false;
    return o->resolutions != NULL ? ds__select_has(o->resolutions, factor, NULL)
           : o->layers != NULL    ? true
                                  : default_factor(factor, o->paper);
}

static ds_status keep_layer(ds_daam *d, const ds_attention_layer *a, int64_t index, int64_t factor,
                            ds_error *err)
{
    daam_layer *l = &d->trace.layer[d->trace.layers];
    char q[512];

    if (!ds__attention_sibling(q, sizeof q, a->site, "q"))
        return ds_fail(err, DS_E_INTERNAL, "a name of more than %zu characters", sizeof q - 1);
    *l = (daam_layer){ .index = index,
                       .heads = a->heads,
                       .height = a->height,
                       .width = a->width,
                       .factor = factor,
                       .halvings = a->halvings };
    l->site = ds__arena_printf(&d->arena, "%s", a->site);
    l->q = ds__arena_printf(&d->arena, "%s", q);
    for (int64_t h = 0; h < a->heads; h++)
        l->kept_heads += ds__daam_head_kept(d, h);
    d->trace.layers += l->kept_heads > 0;
    return l->site != NULL && l->q != NULL ? DS_OK : no_memory(err);
}

static ds_status choose_layers(ds_daam *d, const ds_attention_layers *l, ds_error *err)
{
    static const ds_stage order[] = { DS_STAGE_LAST, DS_STAGE_FIRST, DS_STAGE_MIDDLE };
    int64_t index = 0;
    ds_status st = DS_OK;

    d->trace.layer = ds__arena_alloc(&d->arena, (size_t)l->count * sizeof *d->trace.layer);
    if (d->trace.layer == NULL)
        return no_memory(err);
    for (size_t s = 0; s < DS_COUNT(order); s++)
        for (int64_t i = 0; st == DS_OK && i < l->count; i++) {
            const ds_attention_layer *a = &l->layer[i];
            int64_t factor =
                d->options.paper ? paper_factor(d->options.side, a) : (int64_t)1 << a->halvings;

            if (!a->cross || a->stage != order[s])
                continue;
            if (layer_kept(d, l, i, index, factor))
                st = keep_layer(d, a, index, factor, err);
            index++;
        }
    if (st == DS_OK && d->trace.layers == 0)
        return ds_fail(err, DS_E_NOMATCH,
                       "no layer, head or resolution is left of the %lld layers that read the "
                       "text: layers, heads and resolutions exclude all",
                       (long long)index);
    return st;
}

/* The finest self-attention whose matrix fits a quarter of the budget. */
static ds_status choose_self(ds_daam *d, const ds_attention_layers *l, ds_error *err)
{
    const size_t most = d->options.budget / 4;
    const ds_attention_layer *best = NULL;
    daam_self *s = &d->trace.self;

    for (int64_t i = 0; i < l->count; i++) {
        const ds_attention_layer *a = &l->layer[i];
        const int64_t n = a->height * a->width;

        if (!a->cross && (size_t)(n * n * d->trace.images) * sizeof(float) <= most &&
            (best == NULL || a->halvings < best->halvings))
            best = a;
    }
    if (best == NULL)
        return ds_fail(err, DS_E_NOMEM,
                       "no self-attention of %lld pictures fits a quarter of the budget of %zu MB",
                       (long long)d->trace.images, d->options.budget >> 20);
    *s = (daam_self){ .height = best->height, .width = best->width, .halvings = best->halvings };
    s->site = ds__arena_alloc(&d->arena, (size_t)l->count * sizeof *s->site);
    for (int64_t i = 0; s->site != NULL && i < l->count; i++) {
        const ds_attention_layer *a = &l->layer[i];

        if (a->cross || a->halvings != best->halvings)
            continue;
        s->site[s->layers] = ds__arena_printf(&d->arena, "%s", a->site);
        s->maps += a->heads;
        if (s->site[s->layers++] == NULL)
            return no_memory(err);
    }
    return s->site != NULL ? DS_OK : no_memory(err);
}

/* Heads are written and put back for every layer that reads the text, kept or not. */
static ds_status list_others(ds_daam *d, const ds_attention_layers *l, ds_error *err)
{
    int64_t n = 0;

    d->tap.other = ds__arena_alloc(&d->arena, (size_t)(l->count + 1) * sizeof *d->tap.other);
    for (int64_t i = 0; d->tap.other != NULL && i < l->count; i++)
        if (l->layer[i].cross)
            d->tap.head_floats += l->layer[i].heads * l->layer[i].height * l->layer[i].width;
    for (int64_t i = 0; d->tap.other != NULL && i < l->count; i++)
        if (l->layer[i].cross && ds__daam_layer_of(d, l->layer[i].site) < 0) {
            d->tap.other[n] = ds__arena_printf(&d->arena, "%s", l->layer[i].site);
            if (d->tap.other[n++] == NULL)
                return no_memory(err);
        }
    return d->tap.other != NULL ? DS_OK : no_memory(err);
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* Column of token i among the probabilities of chunks of `length` columns each. */
static int64_t column_of(int64_t i, int64_t length)
{
    return i / (length - 2) * length + 1 + i % (length - 2);
}

static ds_status add_text(ds_daam *d, daam_text *t, const char *text, int64_t chunks, ds_error *err)
{
    const int64_t length = ds__text_length(d->text_encoder);
    ds_status st = ds_tokenizer_encode(ds__text_tokenizer(d->text_encoder), &t->tokens, text, err);
    int64_t end, row = 0;

    if (st != DS_OK)
        return st;
    t->text = ds__arena_printf(&d->arena, "%s", text);
    t->columns = chunks * length;
    t->fit = t->tokens->count < chunks * (length - 2) ? t->tokens->count : chunks * (length - 2);
    t->rows = d->options.all_tokens ? t->columns : t->fit + 2;
    t->position = ds__arena_alloc(&d->arena, (size_t)t->columns * sizeof *t->position);
    if (t->position == NULL || t->text == NULL)
        return no_memory(err);
    end = t->fit > 0 ? column_of(t->fit - 1, length) + 1 : 1;
    t->position[row++] = 0;
    for (int64_t i = 0; i < t->fit; i++)
        t->position[row++] = column_of(i, length);
    t->position[row++] = end;
    for (int64_t c = 1; d->options.all_tokens && c < t->columns; c++) {
        const int64_t in = c % length;
        const bool word = in > 0 && in < length - 1 && c / length * (length - 2) + in - 1 < t->fit;

        if (!word && c != end)
            t->position[row++] = c;
    }
    return DS_OK;
}

/* The prompt, and those asked for: their softmax goes over their own tokens, without padding. */
ds_status ds__daam_add_texts(ds_daam *d, const char *const *prompt, int64_t prompts, int64_t chunks,
                             ds_error *err)
{
    const int64_t fit = ds__text_length(d->text_encoder) - 2;
    const ds_daam_options *o = &d->options;
    daam_text *t;
    ds_status st = DS_OK;

    d->trace.text =
        ds__arena_alloc(&d->arena, (size_t)(prompts + o->n_ask) * sizeof *d->trace.text);
    if (d->trace.text == NULL)
        return no_memory(err);
    d->trace.prompts = prompts;
    for (int64_t i = 0; st == DS_OK && i < prompts; i++) {
        t = &d->trace.text[d->trace.texts++];
        t->image = prompts > 1 ? i : -1;
        st = add_text(d, t, prompt[i] != NULL ? prompt[i] : "", chunks, err);
    }
    for (int64_t i = 0; st == DS_OK && i < o->n_ask; i++) {
        t = &d->trace.text[d->trace.texts++];
        t->image = -1;
        st = add_text(d, t, o->ask[i], 1, err);
        if (st == DS_OK && t->tokens->count > fit)
            st = ds_fail(err, DS_E_ARG, "a text to ask for has %lld tokens, expected at most %lld",
                         (long long)t->tokens->count, (long long)fit);
        if (st == DS_OK && t->tokens->count == 0)
            st = ds_fail(err, DS_E_ARG, "a text to ask for is empty");
        t->columns = t->rows = t->fit + 2;
    }
    return st;
}

/* ---- the object ------------------------------------------------------------------------------ */

static char *copy(ds_daam *d, const char *text, bool *failed)
{
    char *c = text != NULL ? ds__arena_printf(&d->arena, "%s", text) : NULL;

    *failed = *failed || (text != NULL && c == NULL);
    return c;
}

static ds_status copy_options(ds_daam *d, const ds_daam_options *o, ds_error *err)
{
    const char **ask = ds__arena_alloc(&d->arena, (size_t)(o->n_ask + 1) * sizeof *ask);
    bool failed = ask == NULL;
    ds_status st = ds__select_check(o->layers, "layers", true, err);

    d->options = *o;
    d->options.layers = copy(d, o->layers, &failed);
    d->options.heads = copy(d, o->heads, &failed);
    d->options.steps = copy(d, o->steps, &failed);
    d->options.resolutions = copy(d, o->resolutions, &failed);
    d->options.save_heads = copy(d, o->save_heads, &failed);
    d->options.load_heads = copy(d, o->load_heads, &failed);
    d->options.save_queries = copy(d, o->save_queries, &failed);
    for (int64_t i = 0; !failed && i < o->n_ask; i++)
        ask[i] = copy(d, o->ask[i], &failed);
    d->options.ask = ask;
    if (d->options.budget == 0)
        d->options.budget = DS_DAAM_BUDGET;
    if (st == DS_OK)
        st = ds__select_check(o->heads, "heads", false, err);
    if (st == DS_OK)
        st = ds__select_check(o->steps, "steps", false, err);
    if (st == DS_OK)
        st = ds__select_check(o->resolutions, "resolutions", false, err);
    return st == DS_OK && failed ? no_memory(err) : st;
}

static ds_status choose(ds_daam *d, ds_error *err)
{
    ds_attention_layers *l = NULL;
    ds_denoiser_info info;
    ds_status st = ds_denoiser_describe(&info, d->model, err);

    if (st == DS_OK)
        d->options.side = d->options.paper ? paper_side(d, &info) : 0;
    if (st == DS_OK)
        st = ds__attention_layers(&l, d->model, d->trace.height, d->trace.width, err);
    if (st == DS_OK)
        st = choose_layers(d, l, err);
    if (st == DS_OK && d->options.self)
        st = choose_self(d, l, err);
    if (st == DS_OK)
        st = list_others(d, l, err);
    ds__attention_layers_free(l);
    return st;
}

ds_status ds__daam_begin(ds_daam **out, ds_model *m, const ds_run_sizes *sizes,
                         const ds_daam_options *o, ds_error *err)
{
    ds_daam *d = ds_calloc(1, sizeof *d);
    ds_status st;

    *out = d;
    if (d == NULL)
        return no_memory(err);
    d->model = m;
    d->trace.images = sizes->images;
    d->tap.branches = sizes->branches;
    d->tap.row = o->uncond ? 0 : sizes->branches - 1;
    d->trace.height = sizes->height;
    d->trace.width = sizes->width;
    d->tap.step = -1;
    st = copy_options(d, o, err);
    if (st == DS_OK)
        st = ds__text_open(&d->text_encoder, m, err);
    if (st == DS_OK)
        st = choose(d, err);
    return st == DS_OK ? ds__daam_queries_open(d, err) : st;
}

static ds_status add_prompts(ds_daam *d, const ds_run_options *run, ds_error *err)
{
    const int64_t chunks = ds_run_describe(d->tap.run).tokens / ds__text_length(d->text_encoder);
    const char *const one = d->options.uncond ? run->negative_prompt : run->prompt;

    if (d->options.uncond || run->prompts == NULL)
        return ds__daam_add_texts(d, &one, 1, chunks, err);
    return ds__daam_add_texts(d, run->prompts, d->trace.images, chunks, err);
}

static ds_status tell_heads(ds_daam *d, ds_error *err)
{
    const ds_run_info i = ds_run_describe(d->tap.run);
    const double call =
        (double)(d->tap.head_floats * d->tap.branches * d->trace.images * i.tokens) * sizeof(float);

    return ds__daam_warn(d, err,
                         "saving heads writes %.1f MB in each of %lld calls, %.1f GB in all",
                         call / (1 << 20), (long long)i.calls, call * (double)i.calls / (1 << 30));
}

static ds_status begin_run(ds_daam **out, ds_model *m, const ds_run_options *run,
                           const ds_daam_options *o, ds_error *err)
{
    ds_run_sizes sizes;
    ds_daam *d;
    ds_status st = ds__run_measure(&sizes, m, run, err);

    if (st == DS_OK && o->uncond && sizes.branches == 1)
        st = ds_fail(err, DS_E_ARG,
                     "with a guidance of 1 the negative prompt is not run: it has no maps");
    if (st == DS_OK)
        st = ds__daam_begin(out, m, &sizes, o, err);
    d = *out;
    if (st == DS_OK)
        st = ds__daam_heads_open(d, err);
    if (st != DS_OK)
        return st;
    d->tap.watcher = ds__daam_watcher(d);
    st = ds__run_new(&d->tap.run, m, run, &d->tap.watcher, err);
    if (st == DS_OK) /* a longer negative prompt makes chunks of both */
        st = add_prompts(d, run, err);
    if (st == DS_OK)
        st = ds__daam_plan(d, ds_run_steps(d->tap.run), err);
    if (st == DS_OK && o->save_heads != NULL)
        st = tell_heads(d, err);
    return st == DS_OK ? ds__daam_prepare_ask(d, d->trace.prompts, err) : st;
}

ds_status ds__daam_options(ds_daam_options *o, const ds_daam_options *given, ds_error *err)
{
    const ds_daam_options defaults = DS_DAAM_OPTIONS_INIT;

    return ds__options_take(o, sizeof *o, &defaults, given, "daam options", "DS_DAAM_OPTIONS_INIT",
                            err);
}

ds_status ds_daam_new(ds_daam **out, ds_model *m, const ds_run_options *run,
                      const ds_daam_options *given, ds_error *err)
{
    const ds_run_options standard = DS_RUN_OPTIONS_INIT;
    ds_run_options r;
    ds_daam_options o;
    ds_status st = ds__daam_options(&o, given, err);

    *out = NULL;
    if (st == DS_OK)
        st = ds__options_take(&r, sizeof r, &standard, run, "run options", "DS_RUN_OPTIONS_INIT",
                              err);
    if (st == DS_OK)
        st = begin_run(out, m, &r, &o, err);
    if (st != DS_OK) {
        ds_daam_free(*out);
        *out = NULL;
    }
    return st;
}

ds_run *ds_daam_run(ds_daam *d)
{
    return d->tap.run;
}

void ds_daam_free(ds_daam *d)
{
    if (d == NULL)
        return;
    ds_run_free(d->tap.run);
    ds__daam_heads_close(d);
    ds__daam_queries_close(d);
    for (int64_t i = 0; d->trace.text != NULL && i < d->trace.texts; i++) {
        ds_tokens_free(d->trace.text[i].tokens);
        for (int64_t l = 0; d->trace.text[i].keys != NULL && l < d->trace.layers; l++)
            ds_free(d->trace.text[i].keys[l]);
    }
    for (int i = 0; i < d->trace.slots; i++)
        ds_free(d->trace.slot[i].data);
    ds_free(d->trace.self.data);
    ds_free(d->ask.scratch);
    ds_free(d->ask.work);
    ds__text_close(d->text_encoder);
    ds__arena_free(&d->arena);
    ds_free(d);
}

/* ---- questions ------------------------------------------------------------------------------- */

ds_daam_info ds_daam_describe(const ds_daam *d)
{
    ds_daam_info i = { .images = d->trace.images,
                       .texts = 1 + d->trace.texts - d->trace.prompts,
                       .latent_height = d->trace.height,
                       .latent_width = d->trace.width,
                       .side = d->options.side,
                       .layers = d->trace.layers,
                       .steps = d->trace.steps,
                       .groups = d->trace.groups,
                       .heads_apart = d->trace.heads_apart,
                       .layers_apart = d->trace.layers_apart,
                       .calls = d->trace.calls,
                       .bytes = d->trace.bytes,
                       .plan = d->trace.plan };

    for (int64_t k = 0; k < d->trace.layers; k++)
        i.heads = d->trace.layer[k].heads > i.heads ? d->trace.layer[k].heads : i.heads;
    return i;
}

const char *ds_daam_warning(const ds_daam *d, int i)
{
    return i >= 0 && i < d->warnings ? d->warning[i] : NULL;
}

bool ds_daam_layer_at(const ds_daam *d, int64_t i, ds_daam_layer *out)
{
    if (i < 0 || i >= d->trace.layers)
        return false;
    *out = (ds_daam_layer){ d->trace.layer[i].site,  d->trace.layer[i].index,
                            d->trace.layer[i].heads, d->trace.layer[i].height,
                            d->trace.layer[i].width, d->trace.layer[i].factor };
    return true;
}

static const daam_text *find_text(const ds_daam *d, int64_t i, int64_t image)
{
    bool is =
        i >= 0 && i <= d->trace.texts - d->trace.prompts && image >= 0 && image < d->trace.images;

    return is ? &d->trace.text[ds__daam_text_of(d, i, image)] : NULL;
}

const char *ds_daam_text(const ds_daam *d, int64_t i, int64_t image)
{
    const daam_text *t = find_text(d, i, image);

    return t != NULL ? t->text : NULL;
}

const ds_tokens *ds_daam_tokens(const ds_daam *d, int64_t i, int64_t image)
{
    const daam_text *t = find_text(d, i, image);

    return t != NULL ? t->tokens : NULL;
}

/* draw.c - what there is to see: the picture, an overlay for each word, all of them side by side, and
 * the page. */

#include <string.h>

#include <diffuscope/figure.h>
#include <diffuscope/page.h>

#include "methods/daam/job.h"

static ds_map map_of(const daam_item *it, const daam_word *w)
{
    return (ds_map){ .values = w->map, .width = it->width, .height = it->height };
}

static ds_figure_options figure_of(const daam_item *it)
{
    const daam_job *j = it->job;
    const bool paper = j->preset == DAAM_PAPER;
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;

    o.picture = &j->shown[it->image];
    o.unit = j->map.refine > DS_DAAM_SMOOTH ? "shares of the word's weight (all pixels: 1)"
             : j->normalize                 ? "share among the words"
             : paper                        ? "attention, summed over steps"
                                            : "share of attention";
    o.own_scales = true; /* words differ by orders of magnitude: each bar has its numbers */
    o.from_least = true; /* every pixel looks at every word a little: zero is far below */
    if (paper) {
        o.colors = DS_COLORS_JET;
        o.heat_alpha = true;
    }
    return o;
}

/* A name that is safe in any folder: what might not be becomes an underscore. */
static void file_name(char *out, size_t size, const daam_item *it, int index)
{
    const daam_word *w = &it->word[index];
    const char *name = strncmp(w->key, "word/", 5) == 0 ? w->name : w->key;
    size_t n = 0;

    for (; name[n] != '\0' && n + 32 < size && n < 100; n++) {
        const unsigned char c = (unsigned char)name[n];

        out[n] = c < 0x21 || strchr("/\\:*?\"<>|.", c) != NULL ? '_' : (char)c;
    }
    while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80) /* no letter is cut in two */
        n--;
    snprintf(out + n, size - n, ".heat_map");
}

/* Of a picture that was drawn here, the PNG says how. */
static ds_status keep_shown(const daam_item *it, ds_result *to, ds_error *err)
{
    const daam_job *o = it->job;
    const ds_run *run = ds_daam_run(o->d);
    const uint64_t seed = o->drawing.seed + (uint64_t)(o->base + it->image);
    drawn_texts t = { 0 };
    ds_image copy = { 0 };
    ds_status st = ds_image_copy(&copy, &o->shown[it->image], err);

    if (st == DS_OK && run != NULL)
        st = ds__drawn_texts(&t, o->job, run, &o->drawing, ds__daam_job_prompt(o, it->image), seed,
                             o->start.init != NULL ? o->start.strength : -1, err);
    if (st == DS_OK)
        st = ds__result_figure_with(to, "image", &copy, false, t.text, run != NULL ? 2 : 0, err);
    ds__drawn_texts_clear(&t);
    ds_image_clear(&copy);
    return st;
}

static ds_status make_sheet(const daam_item *it, ds_image *sheet, ds_error *err)
{
    const ds_figure_options o = figure_of(it);
    ds_panel *panel = ds_calloc((size_t)it->count + 1, sizeof *panel);
    ds_status st;

    if (panel == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a sheet");
    panel[0] = (ds_panel){ .title = "picture" };
    for (int i = 0; i < it->count; i++)
        panel[i + 1] = (ds_panel){ .title = it->word[i].title, .map = map_of(it, &it->word[i]) };
    st = ds_map_sheet(sheet, NULL, panel, it->count + 1, 0, &o, err);
    ds_free(panel);
    return st;
}

ds_status ds__daam_item_figures(const daam_item *it, ds_result *to, ds_error *err)
{
    const ds_figure_options o = figure_of(it);
    ds_image image = { 0 };
    char name[256];
    ds_status st = keep_shown(it, to, err);

    for (int i = 0; st == DS_OK && i < it->count; i++) {
        const ds_map map = map_of(it, &it->word[i]);

        file_name(name, sizeof name, it, i);
        st = ds_map_figure(&image, it->word[i].title, &map, &o, err);
        if (st == DS_OK)
            st = ds__result_figure(to, name, &image, false, err);
        ds_image_clear(&image);
    }
    if (st == DS_OK)
        st = make_sheet(it, &image, err);
    if (st == DS_OK)
        st = ds__result_figure(to, "sheet", &image, true, err);
    ds_image_clear(&image);
    return st;
}

/* ---- the page -------------------------------------------------------------------------------- */

/* The map of a word of the prompt, or of one of its tokens; NULL: it has none. */
static const daam_word *map_at(const daam_item *it, const ds_word *word)
{
    for (int i = 0; i < it->count; i++) {
        const daam_word *w = &it->word[i];

        for (int64_t k = 0; !w->asked && k < w->match.tokens; k++)
            if (w->match.token[k] >= word->first && w->match.token[k] <= word->last)
                return w;
    }
    return NULL;
}

static ds_status add_words(const daam_item *it, ds_page *p, ds_error *err)
{
    const ds_tokens *t = ds_daam_tokens(it->job->d, 0, it->image);
    const ds_figure_options o = figure_of(it);
    ds_page_word *list = ds_calloc((size_t)(t->word_count + it->count), sizeof *list);
    int64_t n = 0;
    ds_status st;

    if (list == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a page");
    for (int64_t i = 0; i < t->word_count; i++) {
        const daam_word *w = map_at(it, &t->words[i]);

        list[n].text = t->words[i].text;
        if (w != NULL)
            list[n].map = map_of(it, w);
        if (w != NULL && w->match.count > 1)
            list[n].note = "one map for all places of this word: their mean";
        n++;
    }
    for (int i = 0; i < it->count; i++)
        if (it->word[i].asked)
            list[n++] = (ds_page_word){ .text = it->word[i].name,
                                        .map = map_of(it, &it->word[i]),
                                        .asked = true };
    st = ds_page_words(p, NULL, "The picture whose words have maps", list, n, &o, err);
    ds_free(list);
    return st;
}

/* One row per pair of head and dependent. */
static ds_status add_syntax(const daam_item *it, ds_page *p, ds_error *err)
{
    static const char *const head[] = { "relation",       "head",           "dependent",
                                        "IoD (relative)", "IoH (relative)", "IoU (relative)",
                                        "IoD (absolute)", "IoH (absolute)", "IoU (absolute)" };
    enum { COLUMNS = DS_COUNT(head), DIGITS = 8 };
    const json_t *pairs = json_object_get(it->syntax, "pairs");
    const json_t *words = json_object_get(it->syntax, "words");
    size_t n = json_array_size(pairs), i;
    const char **cells = ds_calloc(n * COLUMNS + 1, sizeof *cells);
    char *numbers = ds_calloc(n * COLUMNS + 1, DIGITS);
    ds_table t = { "Overlaps of the maps of head and dependent", head, cells, 0, COLUMNS };
    json_t *pair;
    ds_status st = DS_OK;

    if (cells == NULL || numbers == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a page");
    json_array_foreach (st == DS_OK ? pairs : NULL, i, pair) {
        const char **row = cells + t.rows * COLUMNS;
        const char *name = json_string_value(json_object_get(pair, "relation"));

        if (strcmp(name, "unrelated") == 0)
            continue;
        row[0] = name;
        for (int k = 1; k < COLUMNS; k++) {
            static const char *const keys[] = { "head", "dependent", "iod", "ioh", "iou" };
            const json_t *o = k < 3 ? pair : json_object_get(pair, k < 6 ? "relative" : "absolute");
            const json_t *v = json_object_get(o, keys[k < 3 ? k - 1 : 2 + k % 3]);
            char *text = numbers + (size_t)(t.rows * COLUMNS + k) * DIGITS;

            if (k < 3) {
                const json_t *w = json_array_get(words, (size_t)json_integer_value(v));

                row[k] = json_string_value(json_object_get(w, "text"));
            } else if (json_is_number(v)) {
                snprintf(text, DIGITS, "%.3f", json_number_value(v));
                row[k] = text;
            }
        }
        t.rows++;
    }
    if (st == DS_OK && t.rows > 0)
        st = ds_page_section(p, "Grammar", err);
    if (st == DS_OK && t.rows > 0)
        st = ds_page_table(p, &t, err);
    ds_free(cells);
    ds_free(numbers);
    return st;
}

static const char about[] =
    "A word's map says with which share the pixels of the latent read the word's tokens in the "
    "network's cross-attention, over all layers, heads and steps that were kept. It shows where "
    "the "
    "network looked at the word, which is often, but not always, where the word is to be seen. "
    "Small and frequent words, and words that the model does not know, give maps that mean little; "
    "compare maps by their own scales, whose numbers stand beside them.";

ds_status ds__daam_item_page(const daam_item *it, ds_result *to, ds_error *err)
{
    const ds_daam *d = it->job->d;
    ds_page *p = NULL;
    ds_status st = ds__result_page(to, &p, ds_daam_text(d, 0, it->image), err);

    if (st == DS_OK)
        st = add_words(it, p, err);
    if (st == DS_OK && it->syntax != NULL)
        st = add_syntax(it, p, err);
    if (st == DS_OK)
        st = ds_page_text(p, about, err);
    return st == DS_OK ? ds_page_text(p, ds_daam_describe(d).plan, err) : st;
}

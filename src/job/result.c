/* result.c - results: filling and reading. What lies on disk is in folder.c. */

#include "job/result.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/one_more.h"
#include "base/text.h"
#include "job/folder.h"

static ds_status no_memory(const char *what, ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "result: no memory for %s", what);
}

ds_status ds__result_new(ds_result **out, ds_error *err)
{
    ds_result *r = ds_calloc(1, sizeof *r);
    ds_status st;

    *out = r;
    if (r == NULL)
        return no_memory("an object", err);
    r->root = json_object();
    st = r->root != NULL ? ds_record_new(&r->record, err) : no_memory("an object", err);
    return st;
}

static void figure_clear(result_figure *f)
{
    for (int64_t i = 0; i < f->texts; i++) {
        ds_free((char *)f->text[i].keyword);
        ds_free((char *)f->text[i].text);
    }
    ds_free(f->text);
    ds_free(f->name);
    ds_image_clear(&f->image);
}

void ds__result_free(ds_result *r)
{
    if (r == NULL)
        return;
    for (int i = 0; i < r->figures; i++)
        figure_clear(&r->figure[i]);
    for (int i = 0; i < r->files; i++) {
        ds_free(r->file[i].name);
        ds_free(r->file[i].data);
    }
    for (int i = 0; i < r->warnings; i++)
        ds_free(r->warning[i]);
    ds_free(r->figure);
    ds_free(r->file);
    ds_free(r->warning);
    json_decref(r->root);
    json_decref(r->answer);
    json_decref(r->written);
    ds_record_free(r->record);
    ds_bundle_free(r->tensors);
    ds_page_free(r->page);
    ds__buffer_clear(&r->summary);
    for (int i = 0; i < r->parts; i++)
        ds__result_free(r->part[i]);
    ds_free(r->part);
    ds_free(r->name);
    ds_free(r);
}

/* ---- filling ---------------------------------------------------------------------------------- */

ds_status ds__result_set(ds_result *r, const char *key, json_t *value, ds_error *err)
{
    return json_object_set_new(r->root, key, value) == 0 ? DS_OK : no_memory(key, err);
}

ds_status ds__result_answer(ds_result *r, json_t *answer, ds_error *err)
{
    json_decref(r->answer);
    r->answer = answer;
    return answer != NULL ? DS_OK : no_memory("an answer", err);
}

ds_status ds__result_bundle(ds_result *r, ds_bundle **out, ds_error *err)
{
    ds_status st = r->tensors != NULL ? DS_OK : ds_bundle_new(&r->tensors, err);

    *out = r->tensors;
    return st;
}

ds_status ds__result_tensor(ds_result *r, ds_tensor **out, const char *name, int rank,
                            const int64_t *dim, ds_error *err)
{
    ds_bundle *b;
    ds_status st = ds__result_bundle(r, &b, err);

    return st == DS_OK ? ds_bundle_add(b, name, DS_DTYPE_F32, rank, dim, out, err) : st;
}

ds_status ds__result_floats(ds_result *r, const char *name, int rank, const int64_t *dim,
                            const float *values, ds_error *err)
{
    ds_tensor *t;
    ds_status st = ds__result_tensor(r, &t, name, rank, dim, err);

    if (st == DS_OK)
        memcpy(t->data, values, (size_t)ds_tensor_count(t) * sizeof *values);
    return st;
}

static ds_status copy_texts(result_figure *f, const ds_png_text *text, int64_t texts, ds_error *err)
{
    if (texts == 0)
        return DS_OK;
    f->text = ds_calloc((size_t)texts, sizeof *f->text);
    if (f->text == NULL)
        return no_memory("a picture's texts", err);
    for (int64_t i = 0; i < texts; i++) {
        f->text[i] = (ds_png_text){ ds_strdup(text[i].keyword), ds_strdup(text[i].text) };
        f->texts++;
        if (f->text[i].keyword == NULL || f->text[i].text == NULL)
            return no_memory("a picture's texts", err);
    }
    return DS_OK;
}

ds_status ds__result_figure_with(ds_result *r, const char *name, ds_image *image, bool shown,
                                 const ds_png_text *text, int64_t texts, ds_error *err)
{
    result_figure *all = ds__one_more(r->figure, r->figures, sizeof *all), *f;

    if (all == NULL) {
        ds_image_clear(image);
        return no_memory("a figure", err);
    }
    r->figure = all;
    f = &all[r->figures++];
    *f = (result_figure){ .name = ds_strdup(name), .image = *image, .shown = shown };
    *image = (ds_image){ 0 };
    if (f->name != NULL)
        ds__mend_letters(f->name);
    return f->name != NULL ? copy_texts(f, text, texts, err) : no_memory("a figure", err);
}

ds_status ds__result_figure(ds_result *r, const char *name, ds_image *image, bool shown,
                            ds_error *err)
{
    return ds__result_figure_with(r, name, image, shown, NULL, 0, err);
}

ds_status ds__result_file(ds_result *r, const char *name, char *data, size_t bytes, ds_error *err)
{
    result_file *all = data != NULL ? ds__one_more(r->file, r->files, sizeof *all) : NULL;

    if (all == NULL) {
        ds_free(data);
        return no_memory(name, err);
    }
    r->file = all;
    all[r->files] = (result_file){ .name = ds_strdup(name), .data = data, .bytes = bytes };
    r->files++;
    return all[r->files - 1].name != NULL ? DS_OK : no_memory(name, err);
}

ds_status ds__result_page(ds_result *r, ds_page **out, const char *title, ds_error *err)
{
    ds_status st = r->page != NULL ? DS_OK : ds_page_new(&r->page, title, err);

    *out = r->page;
    return st;
}

void ds__result_say(ds_result *r, const char *fmt, ...)
{
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ds__mend_letters(text);
    ds__buffer_text(&r->summary, text);
}

ds_status ds__result_warn(ds_result *r, const char *text, ds_error *err)
{
    char **all = ds__one_more(r->warning, r->warnings, sizeof *all);

    if (all == NULL)
        return no_memory("a warning", err);
    r->warning = all;
    all[r->warnings] = ds_strdup(text);
    if (all[r->warnings] == NULL)
        return no_memory("a warning", err);
    ds__mend_letters(all[r->warnings]);
    r->warnings++;
    return DS_OK;
}

/* ---- parts ------------------------------------------------------------------------------------ */

ds_status ds__result_part(ds_result **out, const char *name, ds_error *err)
{
    ds_status st = ds__result_new(out, err);

    if (st == DS_OK && ((*out)->name = ds_strdup(name)) == NULL)
        st = no_memory("a part's name", err);
    if (st != DS_OK) {
        ds__result_free(*out);
        *out = NULL;
    }
    return st;
}

ds_status ds__result_part_done(ds_result *r, ds_result *part, const char *folder, ds_error *err)
{
    ds_result **all;
    char path[4096];
    ds_status st;

    if (folder != NULL) {
        st = ds__result_note(r, folder, part, err);
        if (st == DS_OK)
            st = ds__run_file(path, sizeof path, folder, part->name, err);
        if (st == DS_OK)
            st = ds_result_save(part, path, err);
        ds__result_free(part);
        return st;
    }
    all = ds__one_more(r->part, r->parts, sizeof(ds_result *));
    if (all == NULL) {
        ds__result_free(part);
        return no_memory("a part", err);
    }
    r->part = all;
    all[r->parts++] = part;
    return DS_OK;
}

int ds_result_parts(const ds_result *r)
{
    return r->parts;
}

const ds_result *ds_result_part(const ds_result *r, int i)
{
    return i >= 0 && i < r->parts ? r->part[i] : NULL;
}

/* ---- numbers as JSON -------------------------------------------------------------------------- */

json_t *ds__json_real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *ds__json_rounded(double x)
{
    return ds__json_real(round(x * 1e6) / 1e6);
}

json_t *ds__json_seed(uint64_t seed)
{
    char text[32];

    if (seed <= INT64_MAX)
        return json_integer((json_int_t)seed);
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    return json_string(text);
}

json_t *ds__json_value(ds_value v, const char *unit)
{
    return json_pack("{s:o, s:o, s:o, s:o}", unit != NULL ? unit : "value", ds__json_real(v.value),
                     "se", ds__json_real(v.se), "low", ds__json_real(v.low), "high",
                     ds__json_real(v.high));
}

const char *ds__interval_text(char out[DS_INTERVAL_TEXT], ds_value v)
{
    if (isfinite(v.low) && isfinite(v.high))
        snprintf(out, DS_INTERVAL_TEXT, "[%.3f, %.3f]", v.low, v.high);
    else
        snprintf(out, DS_INTERVAL_TEXT, "(too few for an interval)");
    return out;
}

json_t *ds__json_interval(ds_value v)
{
    return json_pack("{s:o, s:o, s:o, s:I}", "value", ds__json_real(v.value), "low",
                     ds__json_real(v.low), "high", ds__json_real(v.high), "count",
                     (json_int_t)v.count);
}

/* ---- reading ---------------------------------------------------------------------------------- */

static const json_t *at_path(const json_t *at, const char *path)
{
    while (at != NULL && *path != '\0') {
        size_t n = strcspn(path, ".");
        char key[160];

        snprintf(key, sizeof key, "%.*s", (int)n, path);
        at = json_is_array(at) ? json_array_get(at, strtoul(key, NULL, 10))
                               : json_object_get(at, key);
        path += path[n] == '.' ? n + 1 : n;
    }
    return at;
}

static double real_of(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* Under which name an object holds its number, which is its unit unless it is "value". */
static const char *number_key(const json_t *object)
{
    static const char *const keys[] = { "value", "nats", "bits", "share" };

    for (size_t i = 0; i < DS_COUNT(keys); i++)
        if (json_object_get(object, keys[i]) != NULL)
            return keys[i];
    return NULL;
}

ds_status ds_result_value(const ds_result *r, const char *path, ds_value *out, const char **unit,
                          ds_error *err)
{
    const json_t *at = at_path(r->root, path);
    const char *key = json_is_object(at) ? number_key(at) : NULL;

    *out = (ds_value){ NAN, NAN, NAN, NAN, 0 };
    if (unit != NULL)
        *unit = NULL;
    if (json_is_number(at)) {
        out->value = json_number_value(at);
        return DS_OK;
    }
    if (key == NULL)
        return ds_fail(err, DS_E_NOMATCH, "the result has no number \"%s\"", path);
    *out = (ds_value){ real_of(json_object_get(at, key)), real_of(json_object_get(at, "se")),
                       real_of(json_object_get(at, "low")), real_of(json_object_get(at, "high")),
                       json_integer_value(json_object_get(at, "count")) };
    if (unit != NULL)
        *unit = strcmp(key, "value") != 0 ? key : json_string_value(json_object_get(at, "unit"));
    return DS_OK;
}

const char *ds_result_text(const ds_result *r, const char *path)
{
    return json_string_value(at_path(r->root, path));
}

ds_status ds_result_json(const ds_result *r, char **out, ds_error *err)
{
    return ds__json_dump(out, r->root, err);
}

const char *ds_result_summary(const ds_result *r)
{
    return r->summary.data != NULL ? r->summary.data : "";
}

const char *ds_result_warning(const ds_result *r, int i)
{
    return i >= 0 && i < r->warnings ? r->warning[i] : NULL;
}

const ds_bundle *ds_result_tensors(const ds_result *r)
{
    return r->tensors;
}

const ds_image *ds_result_figure(const ds_result *r, int i, const char **name)
{
    if (i < 0 || i >= r->figures)
        return NULL;
    if (name != NULL)
        *name = r->figure[i].name;
    return &r->figure[i].image;
}

ds_status ds_result_figure_png(const ds_result *r, int i, char **out, size_t *bytes, ds_error *err)
{
    *out = NULL;
    if (i < 0 || i >= r->figures)
        return ds_fail(err, DS_E_NOMATCH, "the result has %d figures", r->figures);
    return ds_image_encode_png(out, bytes, &r->figure[i].image, r->figure[i].text,
                               r->figure[i].texts, err);
}

bool ds_result_figure_shown(const ds_result *r, int i)
{
    return i >= 0 && i < r->figures && r->figure[i].shown;
}

ds_status ds_result_record(const ds_result *r, char **json, ds_error *err)
{
    return ds_record_dump(r->record, json, err);
}

ds_status ds_result_answer(const ds_result *r, char **out, ds_error *err)
{
    char *text = json_dumps(r->answer != NULL ? r->answer : r->root, 0);

    *out = text != NULL ? ds_strdup(text) : NULL;
    free(text);
    return *out != NULL ? DS_OK : no_memory("an answer", err);
}

ds_status ds_result_page(const ds_result *r, char **html, ds_error *err)
{
    *html = NULL;
    if (r->page == NULL)
        return ds_fail(err, DS_E_NOMATCH, "this result has no page");
    return ds_page_dump(r->page, html, err);
}

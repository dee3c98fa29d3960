/* replay_compare.c - see replay_compare.h. */

#include "replay_compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <diffuscope/tensor.h>

#include "run_folder.h"

/* ---- tensors ----------------------------------------------------------------------------------- */

static ds_status add_tensor(replay_verdict *v, const char *file, const char *name, bool same,
                            json_t *more, ds_error *err)
{
    char full[400];
    json_t *row;

    snprintf(full, sizeof full, "%s%s%s", file, file[0] != '\0' ? "/" : "", name);
    row = json_pack("{s:s, s:b}", "name", full, "same", same);
    v->tensor++;
    v->bad_tensor += !same;
    if (row != NULL && more != NULL)
        json_object_update(row, more);
    json_decref(more);
    return json_array_append_new(v->tensors, row) == 0
               ? DS_OK
               : ds_fail(err, DS_E_NOMEM, "no memory for a comparison");
}

static ds_status add_why(replay_verdict *v, const char *file, const char *name, const char *why,
                         ds_error *err)
{
    return add_tensor(v, file, name, false, json_pack("{s:s}", "why", why), err);
}

static ds_status compare_floats(replay_verdict *v, const char *file, const char *name,
                                const ds_tensor *was, const ds_tensor *is, double tolerance,
                                ds_error *err)
{
    double worst = 0.0, largest = 0.0;

    for (int64_t i = 0; i < ds_tensor_count(was); i++) {
        double x = ((const float *)was->data)[i], y = ((const float *)is->data)[i];
        double apart = isnan(x) && isnan(y) ? 0.0 : x == y ? 0.0 : fabs(x - y);

        worst = apart >= 0.0 ? fmax(worst, apart) : INFINITY; /* a NaN differs from all numbers */
        largest = isfinite(x) ? fmax(largest, fabs(x)) : largest;
    }
    return add_tensor(v, file, name, tolerance > 0.0 && worst <= tolerance * largest,
                      json_pack("{s:o, s:f}", "difference",
                                isfinite(worst) ? json_real(worst) : json_null(), "largest",
                                largest),
                      err);
}

static ds_status compare_tensor(replay_verdict *v, const char *file, const char *name,
                                const ds_tensor *was, const ds_tensor *is, double tolerance,
                                ds_error *err)
{
    size_t bytes = 0;

    if (is == NULL)
        return add_why(v, file, name, "missing", err);
    if (is->dtype != was->dtype || !ds_tensor_same_shape(was, is))
        return add_why(v, file, name, "another shape or type", err);
    if (ds_tensor_bytes(was, &bytes, NULL) == DS_OK && memcmp(was->data, is->data, bytes) == 0)
        return add_tensor(v, file, name, true, NULL, err);
    if (was->dtype != DS_DTYPE_F32)
        return add_why(v, file, name, "different", err);
    return compare_floats(v, file, name, was, is, tolerance, err);
}

/* FOLDER/PART/tensors.safetensors; *out stays NULL where there is none. */
static ds_status load_bundle(ds_bundle **out, const char *folder, const char *part, ds_error *err)
{
    char path[4096], name[1024];
    ds_status st;

    *out = NULL;
    snprintf(name, sizeof name, "%s%stensors.safetensors", part, part[0] != '\0' ? "/" : "");
    st = run_folder_file(path, sizeof path, folder, name, err);
    return st == DS_OK && access(path, F_OK) == 0 ? ds_bundle_load(out, path, err) : st;
}

static ds_status compare_part(replay_verdict *v, const char *was_dir, const char *is_dir,
                              const char *part, double tolerance, ds_error *err)
{
    ds_bundle *was, *is = NULL;
    ds_status st = load_bundle(&was, was_dir, part, err);

    if (st == DS_OK)
        st = load_bundle(&is, is_dir, part, err);
    for (int64_t i = 0; st == DS_OK && was != NULL && i < ds_bundle_count(was); i++) {
        const char *name = ds_bundle_name(was, i);

        st = compare_tensor(v, part, name, ds_bundle_at(was, i),
                            is != NULL ? ds_bundle_find(is, name) : NULL, tolerance, err);
    }
    for (int64_t i = 0; st == DS_OK && is != NULL && i < ds_bundle_count(is); i++)
        if (was == NULL || ds_bundle_find(was, ds_bundle_name(is, i)) == NULL)
            st = add_why(v, part, ds_bundle_name(is, i), "new", err);
    ds_bundle_free(was);
    ds_bundle_free(is);
    return st;
}

/* The folders of a list of pictures, by the records' files: "cat/tensors.safetensors". */
static ds_status compare_parts(replay_verdict *v, const char *was_dir, const char *is_dir,
                               double tolerance, ds_error *err)
{
    static const char tail[] = "/tensors.safetensors";
    const char *const folder[2] = { was_dir, is_dir };
    json_t *parts = json_object(), *value;
    const char *part;
    ds_status st = DS_OK;

    for (int k = 0; st == DS_OK && k < 2; k++) {
        json_t *record, *file;
        size_t i;

        st = run_folder_json(&record, folder[k], "run.json", err);
        json_array_foreach (json_object_get(record, "files"), i, file) {
            const char *name = json_string_value(file);
            const size_t n = name != NULL ? strlen(name) : 0, m = sizeof tail - 1;

            if (n > m && n < 900 && name[0] != '/' && strstr(name, "..") == NULL &&
                strcmp(name + n - m, tail) == 0) {
                char text[900];

                snprintf(text, sizeof text, "%.*s", (int)(n - m), name);
                json_object_set_new(parts, text, json_true());
            }
        }
        json_decref(record);
    }
    json_object_foreach (parts, part, value)
        if (st == DS_OK)
            st = compare_part(v, was_dir, is_dir, part, tolerance, err);
    json_decref(parts);
    return st;
}

/* ---- numbers of result.json --------------------------------------------------------------------- */

static bool is_of_time(const char *name)
{
    return strcmp(name, "seconds") == 0 || strcmp(name, "timings") == 0;
}

static void number_differs(replay_verdict *v, const char *path)
{
    v->bad_number++;
    json_array_append_new(v->numbers, json_string(path));
}

static void compare_values(replay_verdict *v, const char *path, const json_t *was, const json_t *is,
                           double tolerance);

static void compare_objects(replay_verdict *v, const char *path, json_t *was, json_t *is,
                            double tolerance)
{
    const char *name;
    json_t *value;
    char inner[400];

    json_object_foreach (was, name, value) {
        snprintf(inner, sizeof inner, "%s%s%s", path, path[0] != '\0' ? "." : "", name);
        if (!is_of_time(name))
            compare_values(v, inner, value, json_object_get(is, name), tolerance);
    }
    json_object_foreach (is, name, value) {
        snprintf(inner, sizeof inner, "%s%s%s", path, path[0] != '\0' ? "." : "", name);
        if (!is_of_time(name) && json_object_get(was, name) == NULL)
            compare_values(v, inner, NULL, value, tolerance);
    }
}

/* A number, or something in its place. Other texts than numbers (paths, sentences) are not compared. */
static void compare_values(replay_verdict *v, const char *path, const json_t *was, const json_t *is,
                           double tolerance)
{
    char inner[400];

    if (json_is_number(was) || json_is_number(is)) {
        const double x = json_number_value(was), y = json_number_value(is);

        v->number++;
        if (!json_is_number(was) || !json_is_number(is) ||
            (x != y && !(fabs(x - y) <= tolerance * fmax(fabs(x), fabs(y)))))
            number_differs(v, path);
    } else if (json_is_object(was) || json_is_object(is)) {
        compare_objects(v, path, (json_t *)was, (json_t *)is, tolerance);
    } else if (json_is_array(was) || json_is_array(is)) {
        const size_t n = json_array_size(was), m = json_array_size(is);

        for (size_t i = 0; i < n || i < m; i++) {
            snprintf(inner, sizeof inner, "%s.%zu", path, i);
            compare_values(v, inner, json_array_get(was, i), json_array_get(is, i), tolerance);
        }
    }
}

static ds_status compare_results(replay_verdict *v, const char *was_dir, const char *is_dir,
                                 double tolerance, ds_error *err)
{
    json_t *was = NULL, *is = NULL;
    char path[4096];
    ds_status st = run_folder_file(path, sizeof path, was_dir, "result.json", err);

    if (st != DS_OK || access(path, F_OK) != 0)
        return st;
    st = run_folder_json(&was, was_dir, "result.json", err);
    if (st == DS_OK)
        st = run_folder_json(&is, is_dir, "result.json", err);
    if (st == DS_OK)
        compare_values(v, "", was, is, tolerance);
    json_decref(was);
    json_decref(is);
    return st;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

ds_status replay_compare(replay_verdict *v, const char *was, const char *is, double tolerance,
                         ds_error *err)
{
    ds_status st;

    *v = (replay_verdict){ .tensors = json_array(), .numbers = json_array() };
    if (v->tensors == NULL || v->numbers == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a comparison");
    st = compare_part(v, was, is, "", tolerance, err);
    if (st == DS_OK)
        st = compare_parts(v, was, is, tolerance, err);
    return st == DS_OK ? compare_results(v, was, is, tolerance, err) : st;
}

void replay_verdict_clear(replay_verdict *v)
{
    json_decref(v->tensors);
    json_decref(v->numbers);
    *v = (replay_verdict){ 0 };
}

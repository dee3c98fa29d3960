/* edits.c - see edits.h. */

#include "methods/component/edits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <diffuscope/export.h>

#include "methods/component/remove.h"
#include "methods/component/work.h"

/* ---- the model ------------------------------------------------------------------------------- */

ds_status ds__component_model_path(char **out, const char *folder, ds_error *err)
{
    char *path = ds__component_path(folder, "result.json");
    json_t *root = path != NULL ? json_load_file(path, 0, NULL) : NULL;
    const char *model =
        json_string_value(json_object_get(json_object_get(root, "question"), "model"));
    bool full = path == NULL;

    *out = NULL;
    if (model != NULL && model[0] != '\0')
        full = (*out = ds_strdup(model)) == NULL;
    json_decref(root);
    ds_free(path);
    return full ? ds_fail(err, DS_E_NOMEM, "no memory for the path of a model") : DS_OK;
}

ds_status ds__component_model(ds_job *j, const char *folder, ds_error *err)
{
    char *model;
    ds_model *other = NULL;
    ds_status st = ds__component_model_path(&model, folder, err);

    if (st == DS_OK && !ds__job_given(j, "model") && j->o.model == NULL && model != NULL &&
        strcmp(model, ds__job_model_path(j)) != 0) {
        st = ds_model_open(&other, model, NULL, err);
        if (st == DS_OK)
            st = ds_option_resolve(j->set, ds_option_find(j->set, "model"), model, err);
        if (st == DS_OK && j->model_is_ours)
            ds_model_close(j->model);
        if (st == DS_OK) {
            j->model = other;
            j->model_is_ours = true;
        } else {
            ds_model_close(other);
        }
    }
    ds_free(model);
    if (st == DS_OK && j->model == NULL)
        st = ds_fail(err, DS_E_ARG, "%s names no model: give one with %s", folder,
                     ds__job_name(j, "model"));
    return st;
}

ds_status ds__component_scores_there(const char *folder, ds_error *err)
{
    static const char *const files[] = { "result.json", "tensors.safetensors" };
    ds_status st = DS_OK;

    for (size_t i = 0; st == DS_OK && i < DS_COUNT(files); i++) {
        char *path = ds__component_path(folder, files[i]);

        if (path == NULL)
            st = ds_fail(err, DS_E_NOMEM, "no memory for a path");
        else if (access(path, R_OK) != 0)
            st = ds_fail(err, DS_E_IO, "%s: %s; expected the folder of `component score --out`",
                         path, strerror(errno));
        ds_free(path);
    }
    return st;
}

ds_status ds__edit_open(ds_edit *e, const char *path, ds_error *err)
{
    struct stat s;
    char *file;
    ds_status st;

    *e = (ds_edit){ 0 };
    if (stat(path, &s) != 0 || !S_ISDIR(s.st_mode))
        return ds__edit_load(e, path, err);
    file = ds__component_path(path, "tensors.safetensors");
    if (file == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a path");
    st = ds__edit_load(e, file, err);
    ds_free(file);
    return st;
}

/* ---- LoRA and differences -------------------------------------------------------------------- */

static int64_t columns_of(const ds_edit_part *p)
{
    int64_t n = 1;

    for (int i = 1; i < p->rank; i++)
        n *= p->dim[i];
    return n;
}

int64_t ds__edit_extent(const ds_edit_part *p, bool by_row, uint8_t *mark)
{
    const int64_t columns = columns_of(p), n = by_row ? p->dim[0] : columns;
    int64_t count = 0;

    memset(mark, 0, (size_t)n);
    for (int64_t k = 0; k < p->count; k++)
        mark[by_row ? p->index[k] / columns : p->index[k] % columns] = 1;
    for (int64_t i = 0; i < n; i++)
        count += mark[i];
    return count;
}

/* "lora_PART_down_blocks_0_..._to_k.SUFFIX" of "PART.down_blocks.0....to_k.weight". */
static void kohya_name(char *buf, size_t size, const char *name, const char *suffix)
{
    const char *end = strrchr(name, '.');
    int n = snprintf(buf, size, "lora_%.*s", (int)(end - name), name);

    for (int i = 0; i < n && buf[i] != '\0'; i++)
        if (buf[i] == '.')
            buf[i] = '_';
    snprintf(buf + n, size - (size_t)n, ".%s", suffix);
}

/* up [rows,r] down [r,columns] of the difference; a changed row is a row of down, a changed column a
 * column of up, and the other factor picks it. */
static void fill_factors(float *up, float *down, const ds_edit_part *p, const uint8_t *mark,
                         bool by_row, int64_t r)
{
    const int64_t columns = columns_of(p), n = by_row ? p->dim[0] : columns;
    int64_t *place = ds_calloc((size_t)n + 1, sizeof *place), at = 0;

    for (int64_t i = 0; place != NULL && i < n; i++)
        if (mark[i]) {
            place[i] = at;
            if (by_row)
                up[i * r + at] = 1.0f;
            else
                down[at * columns + i] = 1.0f;
            at++;
        }
    for (int64_t k = 0; place != NULL && k < p->count; k++) {
        const int64_t i = p->index[k] / columns, j = p->index[k] % columns;
        const float d = p->after[k] - p->before[k];

        if (by_row)
            down[place[i] * columns + j] = d;
        else
            up[i * r + place[j]] = d;
    }
    ds_free(place);
}

static ds_status one_lora(ds_bundle *b, const ds_edit_part *p, int64_t most, ds_error *err)
{
    const int64_t columns = columns_of(p), rows = p->rank > 0 ? p->dim[0] : 1;
    uint8_t *mark = ds_calloc((size_t)(rows > columns ? rows : columns) + 1, 1);
    int64_t up_dim[4] = { rows, 0, 1, 1 }, down_dim[4] = { 0, p->dim[1], p->dim[2], p->dim[3] };
    ds_tensor *up, *down, *alpha;
    char name[400];
    int64_t r, by_rows;
    bool by_row;
    ds_status st = DS_OK;

    if (mark == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for %s", p->name);
    by_rows = p->rank >= 2 ? ds__edit_extent(p, true, mark) : 0;
    r = p->rank >= 2 ? ds__edit_extent(p, false, mark) : 0;
    by_row = by_rows < r || p->rank > 2;
    if (by_row)
        r = ds__edit_extent(p, true, mark);
    if (p->rank < 2 || r > most) {
        ds_fail(err, DS_E_UNSUPPORTED,
                p->rank < 2 ? "%s is a bias, which a LoRA cannot change: save a difference instead"
                            : "the change of %s has a higher rank than a LoRA should have: save a "
                              "difference instead",
                p->name);
        st = ds_fail_at(err, DS_E_UNSUPPORTED, p->name, -1);
    }
    up_dim[1] = down_dim[0] = r;
    kohya_name(name, sizeof name, p->name, "lora_up.weight");
    if (st == DS_OK)
        st = ds_bundle_add(b, name, DS_DTYPE_F32, p->rank, up_dim, &up, err);
    kohya_name(name, sizeof name, p->name, "lora_down.weight");
    if (st == DS_OK)
        st = ds_bundle_add(b, name, DS_DTYPE_F32, p->rank, down_dim, &down, err);
    kohya_name(name, sizeof name, p->name, "alpha");
    if (st == DS_OK)
        st = ds_bundle_add(b, name, DS_DTYPE_F32, 0, NULL, &alpha, err);
    if (st == DS_OK) {
        fill_factors(up->data, down->data, p, mark, by_row, r);
        *(float *)alpha->data = (float)r; /* strength alpha / rank is 1 */
    }
    ds_free(mark);
    return st;
}

ds_status ds__edit_lora(ds_bundle *b, const ds_edit *e, int64_t most, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < e->parts; i++)
        st = one_lora(b, &e->part[i], most, err);
    return st;
}

ds_status ds__edit_diff(ds_bundle *b, const ds_edit *e, ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < e->parts; i++) {
        const ds_edit_part *p = &e->part[i];
        const char *kind = strrchr(p->name, '.');
        ds_tensor *t;
        char name[400];

        kohya_name(name, sizeof name, p->name, strcmp(kind, ".bias") == 0 ? "diff_b" : "diff");
        st = ds_bundle_add(b, name, DS_DTYPE_F32, p->rank, p->dim, &t, err);
        for (int64_t k = 0; st == DS_OK && k < p->count; k++)
            ((float *)t->data)[p->index[k]] = p->after[k] - p->before[k];
    }
    return st;
}

ds_status ds__edit_export(const char *to, ds_model *m, const ds_edit *e, ds_error *err)
{
    ds_model *edited;
    ds_status st = ds__edit_overlay(&edited, m, e, err);

    if (st != DS_OK)
        return st;
    st = ds_model_export(edited, to, NULL, err);
    ds_model_close(edited);
    return st;
}

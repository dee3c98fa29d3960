/* Watching: it costs nothing while nobody wants a value, shows every site that is listed, and an
 * edit that changes nothing changes nothing. */

#include "support.h"

#include "pipeline/sites.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const ds_net_shape shape = { 2, 5, 8, 8 };

typedef struct listener {
    ds_interest interest;
    const char *only; /* NULL: every site */
    float factor;     /* an edit multiplies by it */
    int64_t shown;
} listener;

static ds_interest wants(void *user, const char *site, const ds_tensor *t)
{
    const listener *l = user;

    (void)t;
    return l->only == NULL || strcmp(l->only, site) == 0 ? l->interest : DS_IGNORE;
}

static ds_status show(void *user, const char *site, ds_tensor *value, ds_error *err)
{
    listener *l = user;
    float *x = value->data;

    (void)site;
    (void)err;
    l->shown++;
    for (int64_t i = 0; l->interest == DS_EDIT && i < ds_tensor_count(value); i++)
        x[i] *= l->factor;
    return DS_OK;
}

static void set(ds_net *n, const char *name, int rank, const int64_t *dim)
{
    ds_tensor t = { DS_DTYPE_F32, rank, { 0 }, NULL };
    ds_error err = { 0 };
    float *x;

    for (int i = 0; i < rank; i++)
        t.dim[i] = dim[i];
    t.data = x = calloc((size_t)ds_tensor_count(&t), sizeof *x);
    for (int64_t i = 0; i < ds_tensor_count(&t); i++)
        x[i] = (float)sin(0.7 * (double)i);
    ts_ok(ds__net_set(n, name, &t, &err), &err);
    free(x);
}

/* One pass with l listening (NULL: nobody); returns the output, to be freed. */
static float *run(ds_model *m, listener *l, ds_plan_info *info)
{
    ds_watcher w = { .wants = wants, .show = show, .user = l };
    ds_net_options o = { .watcher = l != NULL ? &w : NULL };
    ds_error err = { 0 };
    ds_tensor out;
    float *y;
    ds_net *n;

    ts_ok(ds__net_new(&n, m, DS_MODULE_UNET, &shape, &o, &err), &err);
    set(n, "sample", DS_DIMS(shape.batch, m->unet.in_channels, shape.height, shape.width));
    set(n, "encoder_hidden_states", DS_DIMS(shape.batch, shape.tokens, m->unet.context_dim));
    set(n, "timestep", DS_DIMS(shape.batch));
    ts_ok(ds__net_run(n, NULL, &err), &err);
    out = ds__net_output_shape(n, 0);
    y = malloc((size_t)ds_tensor_count(&out) * sizeof *y);
    ds__net_get(n, 0, y);
    if (info != NULL)
        ds__net_info(n, info);
    ds__net_free(n);
    return y;
}

static ds_model *model;

static int64_t count(void)
{
    return shape.batch * model->unet.out_channels * shape.height * shape.width;
}

static void an_idle_listener_costs_nothing(void **state)
{
    listener idle = { .interest = DS_IGNORE };
    ds_plan_info alone, asked;
    float *a = run(model, NULL, &alone), *b = run(model, &idle, &asked);

    (void)state;
    assert_int_equal(alone.operators, asked.operators);
    assert_int_equal(alone.activation_bytes, asked.activation_bytes);
    assert_memory_equal(a, b, (size_t)count() * sizeof *a);
    assert_int_equal(idle.shown, 0);
    free(a);
    free(b);
}

static void every_listed_site_is_shown(void **state)
{
    listener all = { .interest = DS_LOOK };
    float *a = run(model, NULL, NULL), *b = run(model, &all, NULL);
    ds_site_list *l;
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_model_sites(model, "unet.*", &l, &err), &err);
    assert_int_equal(all.shown, l->count);
    ts_compare("output of a watched run", b, a, count(), 1e-5); /* fused additions are undone */
    ds_site_list_free(l);
    free(a);
    free(b);
}

static void an_edit_is_what_it_leaves(void **state)
{
    static const char *const sites[] = {
        "unet.mid_block.resnets.0",
        "unet.mid_block.attentions.0.transformer_blocks.0.attn2.probs",
        "unet.conv_in",
    };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(sites); i++) {
        listener look = { .interest = DS_LOOK, .only = sites[i] };
        listener same = { .interest = DS_EDIT, .only = sites[i], .factor = 1.0f };
        listener half = { .interest = DS_EDIT, .only = sites[i], .factor = 0.5f };
        float *a = run(model, &look, NULL), *b = run(model, &same, NULL);
        float *c = run(model, &half, NULL);

        assert_int_equal(look.shown, 1);
        /* Edited probabilities are multiplied by the values in a second step, which rounds anew. */
        if (strstr(sites[i], "probs") != NULL)
            ts_compare(sites[i], b, a, count(), 1e-5);
        else
            assert_memory_equal(a, b, (size_t)count() * sizeof *a);
        assert_memory_not_equal(a, c, (size_t)count() * sizeof *a);
        free(a);
        free(b);
        free(c);
    }
}

/* ---- parts ---- */

typedef struct parts {
    const char *site;
    ds_interest interest;
    int64_t only; /* image, -1 for all */
    float *whole; /* [N,H,S,T] */
    int64_t heads, rows, columns, seen;
} parts;

static ds_interest parts_wants(void *user, const char *site, const ds_tensor *t)
{
    parts *p = user;

    if (strcmp(p->site, site) != 0)
        return DS_IGNORE;
    p->heads = t->dim[1];
    p->rows = t->dim[2];
    p->columns = t->dim[3];
    if (p->whole == NULL)
        p->whole = calloc((size_t)ds_tensor_count(t), sizeof *p->whole);
    return p->interest;
}

static bool parts_wants_image(void *user, const char *site, int64_t image)
{
    const parts *p = user;

    (void)site;
    return p->only < 0 || p->only == image;
}

static ds_status parts_show(void *user, const char *site, ds_tensor *value, ds_error *err)
{
    parts *p = user;

    (void)site;
    (void)err;
    memcpy(p->whole, value->data, (size_t)ds_tensor_count(value) * sizeof(float));
    return DS_OK;
}

static ds_status parts_show_part(void *user, const ds_part *x, ds_error *err)
{
    parts *p = user;

    (void)err;
    assert_string_equal(x->site, p->site);
    for (int64_t h = 0; h < x->heads; h++)
        memcpy(p->whole + ((x->image * p->heads + h) * p->rows + x->first) * p->columns,
               x->values + h * x->rows * x->columns,
               (size_t)(x->rows * x->columns) * sizeof(float));
    p->seen += x->heads * x->rows;
    return DS_OK;
}

static float *run_parts(parts *p, const ds_net_shape *s)
{
    ds_watcher w = { parts_wants, parts_show, p, parts_show_part, parts_wants_image };
    ds_net_options o = { .watcher = p != NULL ? &w : NULL };
    ds_error err = { 0 };
    ds_tensor out;
    float *y;
    ds_net *n;

    ts_ok(ds__net_new(&n, model, DS_MODULE_UNET, s, &o, &err), &err);
    set(n, "sample", DS_DIMS(s->batch, model->unet.in_channels, s->height, s->width));
    set(n, "encoder_hidden_states", DS_DIMS(s->batch, s->tokens, model->unet.context_dim));
    set(n, "timestep", DS_DIMS(s->batch));
    ts_ok(ds__net_run(n, NULL, &err), &err);
    out = ds__net_output_shape(n, 0);
    y = malloc((size_t)ds_tensor_count(&out) * sizeof *y);
    ds__net_get(n, 0, y);
    ds__net_free(n);
    return y;
}

/* Large enough that self-attention comes in several parts, whose last is short. */
static void parts_make_the_whole_and_change_nothing(void **state)
{
    static const char *const sites[] = {
        "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.probs",
        "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.probs",
    };
    const ds_net_shape big = { 2, 5, 34, 38 };
    const size_t bytes =
        (size_t)(big.batch * model->unet.out_channels * big.height * big.width) * sizeof(float);
    float *alone = run_parts(NULL, &big);

    (void)state;
    for (size_t i = 0; i < DS_COUNT(sites); i++) {
        parts look = { sites[i], DS_LOOK, -1, NULL, 0, 0, 0, 0 };
        parts all = { sites[i], DS_PARTS, -1, NULL, 0, 0, 0, 0 };
        parts one = { sites[i], DS_PARTS, 1, NULL, 0, 0, 0, 0 };
        float *a = run_parts(&look, &big), *b = run_parts(&all, &big), *c = run_parts(&one, &big);
        const int64_t n = look.heads * look.rows * look.columns;

        assert_memory_equal(a, alone, bytes);
        assert_memory_equal(b, alone, bytes);
        assert_memory_equal(c, alone, bytes);
        assert_memory_equal(look.whole, all.whole, (size_t)(2 * n) * sizeof(float));
        assert_memory_equal(look.whole + n, one.whole + n, (size_t)n * sizeof(float));
        assert_int_equal(all.seen, 2 * look.heads * look.rows);
        assert_int_equal(one.seen, look.heads * look.rows);
        free(a);
        free(b);
        free(c);
        free(look.whole);
        free(all.whole);
        free(one.whole);
    }
    free(alone);
}

static int open_tiny(void **state)
{
    ds_error err = { 0 };

    (void)state;
    ts_ok(ds_model_open(&model, ts_tiny_model(false), NULL, &err), &err);
    return 0;
}

static int close_tiny(void **state)
{
    (void)state;
    ds_model_close(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_listener_costs_nothing),
        cmocka_unit_test(every_listed_site_is_shown),
        cmocka_unit_test(an_edit_is_what_it_leaves),
        cmocka_unit_test(parts_make_the_whole_and_change_nothing),
    };

    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}

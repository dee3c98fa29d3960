/* Watching: it costs nothing while nobody wants a value, shows every site that is listed, and an
 * edit that changes nothing changes nothing. */

#include "support.h"

#include "probes/sites.h"

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
    ds_watcher w = { wants, show, l };
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
    ts_compare("output of a watched run", b, a, count(), 1e-5);
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
        assert_memory_equal(a, b, (size_t)count() * sizeof *a);
        assert_memory_not_equal(a, c, (size_t)count() * sizeof *a);
        free(a);
        free(b);
        free(c);
    }
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
    };

    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}

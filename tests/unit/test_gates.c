/* Gates: open ones change nothing, closed ones remove a component, and their gradients are what the
 * output does when they move. */

#include "support.h"

#include <diffuscope/model.h>

#include <math.h>
#include <string.h>

static ds_model *model;

static ds_tensor *add(ds_bundle *b, const char *name, int rank, const int64_t *dim, float scale)
{
    ds_error err = { 0 };
    ds_tensor *t;
    float *x;

    ts_ok(ds_bundle_add(b, name, DS_DTYPE_F32, rank, dim, &t, &err), &err);
    x = t->data;
    for (int64_t i = 0; i < ds_tensor_count(t); i++)
        x[i] = scale == 1.0f ? 1.0f : scale * (float)sin(0.7 * (double)i + 0.3);
    return t;
}

/* The shapes of the tiny model's UNet, of two images. */
static ds_bundle *inputs(void)
{
    ds_bundle *b;
    ds_error err = { 0 };
    ds_site_list *l;
    int64_t side = 8, width, channels;

    ts_ok(ds_bundle_new(&b, &err), &err);
    ts_ok(ds_model_sites(model, "unet.conv_out", &l, &err), &err);
    channels = l->site[0].shape.dim[1];
    ds_site_list_free(l);
    ts_ok(ds_model_sites(model, "text_encoder.text_model.encoder.layers.0", &l, &err), &err);
    width = l->site[0].shape.dim[2];
    ds_site_list_free(l);
    add(b, "sample", 4, (const int64_t[]){ 2, channels, side, side }, 0.9f);
    add(b, "timestep", 1, (const int64_t[]){ 2 }, 1.0f);
    add(b, "encoder_hidden_states", 3, (const int64_t[]){ 2, 5, width }, 0.8f);
    return b;
}

static ds_bundle *forward(const ds_bundle *in, const char *watch, const char *wrt)
{
    ds_bundle *out;
    ds_error err = { 0 };

    ts_ok(ds_bundle_new(&out, &err), &err);
    ts_ok(ds_model_forward(model, "unet", in, &watch, watch != NULL, &wrt, wrt != NULL, out, &err),
          &err);
    return out;
}

static double dot(const ds_tensor *a, const ds_tensor *b)
{
    const float *x = a->data, *y = b->data;
    double sum = 0.0;

    assert_int_equal(ds_tensor_count(a), ds_tensor_count(b));
    for (int64_t i = 0; i < ds_tensor_count(a); i++)
        sum += (double)x[i] * y[i];
    return sum;
}

#define BLOCK "unet.mid_block.attentions.0.transformer_blocks.0."

static void the_output_s_own_gate_has_the_product_as_gradient(void **state)
{
    ds_bundle *in = inputs(), *plain = forward(in, NULL, NULL), *out;
    const ds_tensor *y = ds_bundle_find(plain, "sample"), *c;

    (void)state;
    c = add(in, "cotangent.sample", 4, y->dim, 0.5f);
    out = forward(in, NULL, "gate.unet.conv_out");
    ts_compare("output behind open gates", ds_bundle_find(out, "sample")->data, y->data,
               ds_tensor_count(y), 1e-6);
    assert_float_equal(((float *)ds_bundle_find(out, "grad.gate.unet.conv_out")->data)[0],
                       dot(c, y), 1e-4 * fabs(dot(c, y)));
    ds_bundle_free(out);
    ds_bundle_free(plain);
    ds_bundle_free(in);
}

/* <cotangent, output> with number k of the gate at site set to value. */
static double at(const char *gate, int rank, const int64_t *dim, int64_t k, float value)
{
    ds_bundle *in = inputs(), *plain = forward(in, NULL, NULL), *out;
    const ds_tensor *y = ds_bundle_find(plain, "sample"), *c;
    double sum;

    c = add(in, "cotangent.sample", 4, y->dim, 0.5f);
    ((float *)add(in, gate, rank, dim, 1.0f)->data)[k] = value;
    out = forward(in, NULL, "sample");
    sum = dot(c, ds_bundle_find(out, "sample"));
    ds_bundle_free(out);
    ds_bundle_free(plain);
    ds_bundle_free(in);
    return sum;
}

static void gradients_are_differences(void **state)
{
    static const struct {
        const char *gate, *grad;
        int rank;
        int64_t dim[2];
    } gates[] = {
        { "gate." BLOCK "attn1.out", "grad.gate." BLOCK "attn1.out", 1, { 2 } },
        { "gate." BLOCK "attn2", "grad.gate." BLOCK "attn2", 2, { 2, 1 } },
        { "gate." BLOCK "ff.net.0", "grad.gate." BLOCK "ff.net.0", 1, { 4 } },
        { "gate.unet.down_blocks.0.resnets.0.conv2",
          "grad.gate.unet.down_blocks.0.resnets.0.conv2",
          1,
          { 1 } },
        { "gate.unet.down_blocks.0.resnets.0.norm1",
          "grad.gate.unet.down_blocks.0.resnets.0.norm1",
          1,
          { 2 } },
    };
    ds_bundle *in = inputs(), *plain = forward(in, NULL, NULL), *out;

    (void)state;
    add(in, "cotangent.sample", 4, ds_bundle_find(plain, "sample")->dim, 0.5f);
    for (size_t i = 0; i < DS_COUNT(gates); i++)
        add(in, gates[i].gate, gates[i].rank, gates[i].dim, 1.0f);
    out = forward(in, NULL, "gate.*");
    for (size_t i = 0; i < DS_COUNT(gates); i++) {
        const ds_tensor *g = ds_bundle_find(out, gates[i].grad);
        int64_t last = ds_tensor_count(g) - 1;
        double up = at(gates[i].gate, gates[i].rank, gates[i].dim, last, 1.05f);
        double down = at(gates[i].gate, gates[i].rank, gates[i].dim, last, 0.95f);
        double want = (up - down) / 0.1, got = ((float *)g->data)[last];

        if (!(fabs(got - want) <= 2e-2 * fabs(want) + 1e-4))
            fail_msg("%s: gradient %.6g, difference %.6g", gates[i].gate, got, want);
    }
    ds_bundle_free(out);
    ds_bundle_free(plain);
    ds_bundle_free(in);
}

static void a_closed_gate_removes_the_component(void **state)
{
    ds_bundle *in = inputs(), *out;
    const ds_tensor *v;
    int64_t count;

    (void)state;
    ((float *)add(in, "gate." BLOCK "ff.net.0", 1, (const int64_t[]){ 2 }, 1.0f)->data)[1] = 0.0f;
    out = forward(in, BLOCK "ff.net.0", NULL);
    v = ds_bundle_find(out, BLOCK "ff.net.0");
    count = v->dim[2];
    for (int64_t i = 0; i < ds_tensor_count(v); i++)
        if ((((float *)v->data)[i] == 0.0f) != (i % count >= count / 2))
            fail_msg("hidden unit %lld is %g", (long long)(i % count), ((float *)v->data)[i]);
    ds_bundle_free(out);
    ds_bundle_free(in);
}

static void wrong_gates_are_refused(void **state)
{
    static const struct {
        const char *gate;
        int64_t parts;
        ds_status status;
    } wrong[] = {
        { "gate.unet.conv_out", 3, DS_E_SHAPE },
        { "gate.unet.nowhere", 1, DS_E_NOMATCH },
        { "gate." BLOCK "attn1.probs", 1, DS_E_NOMATCH },
    };

    (void)state;
    for (size_t i = 0; i < DS_COUNT(wrong); i++) {
        ds_bundle *in = inputs(), *out;
        ds_error err = { 0 };

        add(in, wrong[i].gate, 1, &wrong[i].parts, 1.0f);
        ts_ok(ds_bundle_new(&out, &err), &err);
        assert_int_equal(ds_model_forward(model, "unet", in, NULL, 0, NULL, 0, out, &err),
                         wrong[i].status);
        ds_bundle_free(out);
        ds_bundle_free(in);
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
        cmocka_unit_test(the_output_s_own_gate_has_the_product_as_gradient),
        cmocka_unit_test(gradients_are_differences),
        cmocka_unit_test(a_closed_gate_removes_the_component),
        cmocka_unit_test(wrong_gates_are_refused),
    };

    return cmocka_run_group_tests(tests, open_tiny, close_tiny);
}

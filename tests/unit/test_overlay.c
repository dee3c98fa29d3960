/* A model with some of its weights changed: no change changes no bit, changes add up in their order, the base
 * is never touched, and a wrong name or shape is told by name. */

#include "support.h"

#include <diffuscope/overlay.h>
#include <diffuscope/verbs.h>

#include <stdlib.h>
#include <string.h>

#define DENSE "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight"
#define CONV  "unet.down_blocks.0.resnets.0.conv1.weight"
#define TOKEN "text_encoder.text_model.embeddings.token_embedding.weight"

enum { LATENT = 4 * 8 * 8 };

/* The network's answer under a prompt: whatever was changed shows. */
static void answer(ds_model *m, float *out)
{
    ds_encoder_options eo = DS_ENCODER_OPTIONS_INIT;
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
    float z[LATENT], t = 400.0f;
    ds_error err = { 0 };
    uint64_t seed = 3;
    ds_encoder *e;
    ds_denoiser *d;

    for (int i = 0; i < LATENT; i++)
        z[i] = ts_noise(&seed);
    eo.prompts = (const char *[]){ "a cat" };
    o.height = o.width = 8;
    ts_ok(ds_encoder_new(&e, m, &eo, &err), &err);
    ts_ok(ds_encode(e, &err), &err);
    ts_ok(ds_denoiser_new(&d, m, &o, &err), &err);
    ts_ok(ds_denoiser_condition(d, ds_encoder_conditions(e), &err), &err);
    ts_ok(ds_denoise(d, out, z, &t, &err), &err);
    ds_denoiser_free(d);
    ds_encoder_free(e);
}

static ds_model *open_model(ds_dtype compute)
{
    ds_model_options o = DS_MODEL_OPTIONS_INIT;
    ds_error err = { 0 };
    ds_model *m;

    o.compute = compute;
    ts_ok(ds_model_open(&m, ts_tiny_model(false), &o, &err), &err);
    return m;
}

static ds_model *derive(ds_model *base, const ds_change *c, int64_t n)
{
    ds_error err = { 0 };
    ds_model *m;

    ts_ok(ds_model_overlay(&m, base, &(ds_overlay){ c, n }, &err), &err);
    return m;
}

static ds_tensor parameter(const ds_model *m, const char *name)
{
    ds_error err = { 0 };
    ds_tensor t;

    ts_ok(ds_model_parameter(m, &t, name, &err), &err);
    return t;
}

/* A tensor of noise with another's shape. */
static ds_tensor noise_like(const ds_tensor *t, uint64_t seed)
{
    ds_tensor x = *t;
    float *data = malloc((size_t)ds_tensor_count(t) * sizeof *data);

    for (int64_t i = 0; i < ds_tensor_count(t); i++)
        data[i] = 0.1f * ts_noise(&seed);
    x.dtype = DS_DTYPE_F32;
    x.data = data;
    return x;
}

static void no_change_changes_no_bit(void **state)
{
    float before[LATENT], same[LATENT];

    (void)state;
    for (int k = 0; k < 2; k++) {
        ds_model *base, *m;
        ds_tensor dense, conv, delta;
        ds_error err = { 0 };

        if (k == 1) { /* products in bfloat16, where the machine has them */
            ds_model_options o = DS_MODEL_OPTIONS_INIT;

            o.compute = DS_DTYPE_BF16;
            if (ds_model_open(&base, ts_tiny_model(false), &o, &err) == DS_E_UNSUPPORTED)
                continue;
        } else {
            base = open_model(DS_DTYPE_F32);
        }
        dense = parameter(base, DENSE);
        conv = parameter(base, CONV);
        delta = noise_like(&conv, 5);
        answer(base, before);
        m = derive(base, NULL, 0);
        answer(m, same);
        assert_memory_equal(same, before, sizeof same);
        ds_model_close(m);
        m = derive(base,
                   (const ds_change[]){
                       { .name = DENSE, .kind = DS_CHANGE_REPLACE, .value = &dense },
                       { .name = CONV, .kind = DS_CHANGE_ADD, .value = &delta, .scale = 0.0 } },
                   2);
        answer(m, same);
        assert_memory_equal(same, before, sizeof same);
        ds_model_close(m);
        free(delta.data);
        ds_model_close(base);
    }
}

static void changes_add_up_and_are_undone(void **state)
{
    float before[LATENT], after[LATENT], merged[LATENT], stacked[LATENT];
    ds_model *base = open_model(DS_DTYPE_F32), *m, *first, *second;
    ds_tensor dense = parameter(base, DENSE), conv = parameter(base, CONV);
    ds_tensor a = noise_like(&dense, 1), b = noise_like(&dense, 2);
    float up_data[64 * 2], down_data[2 * 64 * 9];
    ds_tensor up = { DS_DTYPE_F32, 4, { conv.dim[0], 2, 1, 1 }, up_data };
    ds_tensor down = { DS_DTYPE_F32, 4, { 2, conv.dim[1], 3, 3 }, down_data };
    const ds_change c[3] = {
        { .name = DENSE, .kind = DS_CHANGE_ADD, .value = &a, .scale = 0.5 },
        { .name = CONV, .kind = DS_CHANGE_LOW_RANK, .up = &up, .down = &down, .scale = -2.0 },
        { .name = DENSE, .kind = DS_CHANGE_ADD, .value = &b, .scale = 1.0 },
    };
    uint64_t seed = 8;

    (void)state;
    assert_true(conv.dim[0] <= 64 && conv.dim[1] <= 64);
    for (int i = 0; i < 64 * 2; i++)
        up_data[i] = 0.1f * ts_noise(&seed);
    for (int i = 0; i < 2 * 64 * 9; i++)
        down_data[i] = 0.1f * ts_noise(&seed);
    answer(base, before);
    m = derive(base, c, 3);
    answer(m, merged);
    assert_memory_not_equal(merged, before, sizeof merged);
    answer(base, after); /* while the other is there */
    assert_memory_equal(after, before, sizeof before);
    ds_model_close(m);
    answer(base, after);
    assert_memory_equal(after, before, sizeof before);

    first = derive(base, c, 2);
    second = derive(first, c + 2, 1);
    ds_model_close(first); /* stays open inside */
    answer(second, stacked);
    assert_memory_equal(stacked, merged, sizeof merged);
    ds_model_close(base);
    answer(second, stacked);
    assert_memory_equal(stacked, merged, sizeof merged);
    ds_model_close(second);
    free(a.data);
    free(b.data);
}

/* up down by hand, and single numbers; what was not named keeps its bits. */
static void the_numbers_are_those_of_the_formula(void **state)
{
    ds_model *base = open_model(DS_DTYPE_F32), *m;
    ds_tensor was = parameter(base, DENSE), table = parameter(base, TOKEN), is;
    const int64_t out = was.dim[0], in = was.dim[1];
    float up_data[128], down_data[128], sparse[2] = { 0.25f, -3.0f };
    int64_t at[2] = { 5, 17 };
    ds_tensor up = { DS_DTYPE_F32, 2, { out, 1 }, up_data };
    ds_tensor down = { DS_DTYPE_F32, 2, { 1, in }, down_data };
    ds_tensor value = { DS_DTYPE_F32, 1, { 2 }, sparse }, index = { DS_DTYPE_I64, 1, { 2 }, at };
    const ds_change c[2] = {
        { .name = DENSE, .kind = DS_CHANGE_LOW_RANK, .up = &up, .down = &down, .scale = 3.0 },
        { .name = TOKEN, .kind = DS_CHANGE_SPARSE, .value = &value, .index = &index },
    };
    float old;

    (void)state;
    for (int i = 0; i < 128; i++) {
        up_data[i] = 0.01f * (float)i;
        down_data[i] = 1.0f - 0.02f * (float)i;
    }
    m = derive(base, c, 2);
    is = parameter(m, DENSE);
    for (int64_t i = 0; i < out * in; i++) {
        ds_convert(&old, DS_DTYPE_F32, (char *)was.data + (size_t)i * ds_dtype_size(was.dtype),
                   was.dtype, 1);
        assert_true(((float *)is.data)[i] ==
                    (float)(old + 3.0 * ((double)up_data[i / in] * down_data[i % in])));
    }
    is = parameter(m, TOKEN);
    for (int64_t i = 0; i < 40; i++) {
        ds_convert(&old, DS_DTYPE_F32, (char *)table.data + (size_t)i * ds_dtype_size(table.dtype),
                   table.dtype, 1);
        assert_true(((float *)is.data)[i] == (i == 5 ? 0.25f : i == 17 ? -3.0f : old));
    }
    assert_ptr_equal(parameter(m, CONV).data, parameter(base, CONV).data); /* shared */
    ds_model_close(m);
    ds_model_close(base);
}

static void refuse(ds_model *base, ds_change c, ds_status expected, const char *says)
{
    ds_error err = { 0 };
    ds_model *m;

    assert_int_equal(ds_model_overlay(&m, base, &(ds_overlay){ &c, 1 }, &err), expected);
    assert_null(m);
    if (strstr(err.text, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

static void refusals(void **state)
{
    ds_model *base = open_model(DS_DTYPE_F32);
    float x[64] = { 0 };
    int64_t at[1] = { 1 << 30 };
    ds_tensor small = { DS_DTYPE_F32, 2, { 4, 4 }, x }, one = { DS_DTYPE_F32, 1, { 1 }, x };
    ds_tensor far = { DS_DTYPE_I64, 1, { 1 }, at };

    (void)state;
    refuse(base, (ds_change){ .name = "unet.conv_in.wieght", .value = &small }, DS_E_NOMATCH,
           "unet.conv_in.weight");
    refuse(base, (ds_change){ .name = DENSE, .value = &small }, DS_E_SHAPE, DENSE);
    refuse(base, (ds_change){ .name = DENSE, .kind = DS_CHANGE_ADD }, DS_E_ARG, "missing");
    refuse(base,
           (ds_change){ .name = DENSE, .kind = DS_CHANGE_LOW_RANK, .up = &small, .down = &small },
           DS_E_SHAPE, "[4, 4]");
    refuse(base,
           (ds_change){ .name = DENSE, .kind = DS_CHANGE_SPARSE, .value = &one, .index = &far },
           DS_E_SHAPE, "1073741824");
    ds_model_close(base);
}

/* The tiny model was drawn with seed 11: drawing its parameters once more gives them bit for bit, and
 * another seed others. */
static void random_weights_are_those_of_a_new_model(void **state)
{
    ds_model *base = open_model(DS_DTYPE_F32);
    int64_t same = 0, other = 0;
    const char *name;

    (void)state;
    for (int64_t i = 0; (name = ds_model_parameter_name(base, i)) != NULL; i++)
        for (uint64_t seed = 11; seed <= 12; seed++) {
            const ds_change c = { .name = name, .kind = DS_CHANGE_RANDOM, .seed = seed };
            ds_model *m = derive(base, &c, 1);
            ds_tensor was = parameter(base, name), is = parameter(m, name);
            const size_t bytes = (size_t)ds_tensor_count(&was) * sizeof(float);

            if (seed == 11)
                assert_memory_equal(is.data, was.data, bytes);
            same += seed == 11;
            other += seed == 12 && memcmp(is.data, was.data, bytes) != 0;
            ds_model_close(m);
        }
    assert_true(same > 50 && other > same / 2); /* norms are ones and zeros with any seed */
    ds_model_close(base);
}

/* Whatever allocation fails, nothing is left behind and the base answers as before. */
static void the_nth_allocation_fails(void **state)
{
    float before[LATENT], after[LATENT];
    ds_model *base = open_model(DS_DTYPE_F32), *m;
    ds_tensor dense = parameter(base, DENSE), a = noise_like(&dense, 1);
    const ds_change c = { .name = DENSE, .kind = DS_CHANGE_ADD, .value = &a, .scale = 1.0 };
    int failures = 0;

    (void)state;
    answer(base, before);
    for (int64_t n = 1; n < 100; n++) {
        ds_error err = { 0 };
        ds_status st;

        ts_alloc_begin(n);
        st = ds_model_overlay(&m, base, &(ds_overlay){ &c, 1 }, &err);
        if (st == DS_OK)
            ds_model_close(m);
        assert_int_equal(ts_alloc_end(), 0);
        if (st == DS_OK)
            break;
        assert_int_equal(st, DS_E_NOMEM);
        failures++;
    }
    assert_true(failures > 3 && failures < 99);
    answer(base, after);
    assert_memory_equal(after, before, sizeof before);
    free(a.data);
    ds_model_close(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_change_changes_no_bit),
        cmocka_unit_test(changes_add_up_and_are_undone),
        cmocka_unit_test(the_numbers_are_those_of_the_formula),
        cmocka_unit_test(refusals),
        cmocka_unit_test(random_weights_are_those_of_a_new_model),
        cmocka_unit_test(the_nth_allocation_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

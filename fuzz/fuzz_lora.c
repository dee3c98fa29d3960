/* Any keys and shapes as a LoRA: "S" or "X" (which model), a byte of strength, then lines as fz_put_lines takes
 * them. What is accepted changes values, never names, shapes or the model underneath; at strength 0
 * not a bit. */

#include "fuzz/support.h"

#include <string.h>

#include <diffuscope/lora.h>

#include "fuzz/small.h"

static void same_shapes(const ds_model *a, const ds_model *b)
{
    FZ_HOLDS(ds_model_parameters(a) == ds_model_parameters(b));
    for (int64_t i = 0; i < ds_model_parameters(a); i++) {
        const char *name = ds_model_parameter_name(a, i);
        ds_tensor x, y;

        FZ_HOLDS(strcmp(name, ds_model_parameter_name(b, i)) == 0);
        FZ_HOLDS(ds_model_parameter(a, &x, name, NULL) == DS_OK);
        FZ_HOLDS(ds_model_parameter(b, &y, name, NULL) == DS_OK);
        FZ_HOLDS(x.rank == y.rank && memcmp(x.dim, y.dim, (size_t)x.rank * sizeof *x.dim) == 0);
    }
}

static void add(ds_model *base, const char *path, double strength)
{
    const ds_lora l = { .path = path, .unet = strength, .text = strength, .partial = true };
    const uint64_t before = fz_model_sum(base);
    ds_error err = { 0 };
    char *unused = NULL;
    ds_model *m = NULL;
    ds_status st = ds_model_lora(&m, base, &l, 1, &unused, &err);

    FZ_HOLDS((m != NULL) == (st == DS_OK));
    FZ_HOLDS(fz_model_sum(base) == before);
    if (st == DS_OK) {
        same_shapes(m, base);
        FZ_HOLDS(strength != 0.0 || fz_model_sum(m) == before);
    } else {
        FZ_HOLDS(err.code == st && err.text[0] != '\0' && unused == NULL);
    }
    ds_free(unused);
    ds_model_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ds_model *base;
    char *text;

    if (size < 2)
        return 0;
    text = ds_alloc(size - 1);
    memcpy(text, data + 2, size - 2);
    text[size - 2] = '\0';
    base = fz_model(data[0] == 'X');
    add(base, fz_put_lines("lora.safetensors", text), (data[1] - 64) / 32.0);
    ds_free(text);
    return 0;
}

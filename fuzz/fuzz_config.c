/* Any bytes as the config.json of a network: U, V, C or P (a text encoder with projection), then
 * the file. A configuration that is accepted can be built, with parameters of any size. */

#include "fuzz/support.h"

#include <string.h>

#include "base/json.h"
#include "models/net.h"

static ds_status any_tensor(void *user, const char *name, int rank, const int64_t *dim,
                            ds_tensor *value, ds_error *err)
{
    size_t bytes;

    (void)user, (void)name;
    *value = (ds_tensor){ .rank = rank };
    for (int i = 0; i < rank; i++)
        value->dim[i] = dim[i];
    return ds_tensor_bytes(value, &bytes, err);
}

static ds_status read_config(ds_model *m, const json_t *j, char kind, ds_component *c,
                             ds_error *err)
{
    switch (kind) {
    case 'U':
        *c = DS_UNET;
        return ds__unet_config_read(&m->unet, j, "fuzz", err);
    case 'V':
        *c = DS_VAE;
        return ds__vae_config_read(&m->vae, j, "fuzz", err);
    default:
        *c = DS_TEXT_ENCODER;
        return ds__clip_config_read(&m->clip[0], j, "fuzz", kind == 'P', err);
    }
}

static void build(ds_model *m, ds_component c)
{
    FZ_HOLDS(ds__params_new(&m->params, any_tensor, NULL, m, NULL) == DS_OK);
    m->weights[c] = (ds_weights *)m; /* only asked whether it is there */
    for (int i = 0; i < DS_MODULES; i++) {
        ds_error err = { 0 };

        if (ds__module_available(m, (ds_module)i) &&
            ds__net_list(m, (ds_module)i, &(ds_net_shape){ 1, 2, 256, 256 }, NULL, &err) != DS_OK)
            FZ_HOLDS(err.text[0] != '\0');
    }
    ds__params_free(m->params);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ds_model m = { .compute = DS_DTYPE_F32 };
    ds_component c;
    ds_error err = { 0 };
    json_t *j;

    if (size == 0 || ds__json_parse(&j, (const char *)data + 1, size - 1, "fuzz", NULL) != DS_OK)
        return 0;
    if (read_config(&m, j, (char)data[0], &c, &err) == DS_OK)
        build(&m, c);
    else
        FZ_HOLDS(err.text[0] != '\0');
    json_decref(j);
    return 0;
}

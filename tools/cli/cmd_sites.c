/* cmd_sites.c - `diffuscope sites`: the names under which a model's values can be watched. */

#include <jansson.h>

#include <diffuscope/model.h>

#include "commands.h"
#include "model_option.h"
#include "print.h"

static ds_status print_list(const ds_site_list *l, ds_error *err)
{
    json_t *all = json_array();
    char *text;
    ds_status st = DS_OK;

    for (int64_t i = 0; i < l->count; i++) {
        const ds_site *s = &l->site[i];
        json_t *shape = json_array();

        for (int k = 0; k < s->shape.rank; k++)
            json_array_append_new(shape, json_integer(s->shape.dim[k]));
        json_array_append_new(all, json_pack("{s:s, s:o}", "name", s->name, "shape", shape));
    }
    text = json_dumps(all, JSON_INDENT(1));
    if (text != NULL)
        print_json(text);
    else
        st = ds_fail(err, DS_E_NOMEM, "no memory for the list");
    free(text);
    json_decref(all);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    ds_site_list *l = NULL;
    ds_model *m = NULL;
    ds_status st = model_from_options(&m, a, err);
    char shape[96];

    if (st == DS_OK)
        st = ds_model_sites(m, opts_count(a) > 0 ? opts_positional(a, 0) : NULL, &l, err);
    if (st == DS_OK && opt_flag(a, "json"))
        st = print_list(l, err);
    else
        for (int64_t i = 0; st == DS_OK && i < l->count; i++)
            print("%s %s\n", l->site[i].name,
                  ds_tensor_shape(&l->site[i].shape, shape, sizeof shape));
    ds_site_list_free(l);
    ds_model_close(m);
    return st;
}

const ds_command cmd_sites = {
    .name = "sites",
    .purpose = "list the values of a model that can be watched or edited",
    .positional = "[GLOB]",
    .description =
        "Names are state-dict paths, as PyTorch users know them. Shapes are those of one "
        "image at the size that the model was trained on, in PyTorch's axis order.",
    .example = "diffuscope sites -m sd15 'unet.*.attn2.probs'",
    .common = COMMON_MODEL | COMMON_JSON,
    .most = 1,
    .run = run,
};

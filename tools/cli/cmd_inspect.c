/* cmd_inspect.c - `diffuscope inspect`: what a model folder, a tensor file or a picture holds. */

#include <diffuscope/image.h>
#include <diffuscope/inspect.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "model_option.h"
#include "print.h"

/* The fields of a configuration that tell one model from another, in the order of the output. */
static const char *const key_fields[] = {
    "sample_size",           "in_channels",         "latent_channels",
    "block_out_channels",    "layers_per_block",    "cross_attention_dim",
    "attention_head_dim",    "addition_embed_type", "transformer_layers_per_block",
    "scaling_factor",        "vocab_size",          "hidden_size",
    "num_hidden_layers",     "num_attention_heads", "hidden_act",
    "projection_dim",        "prediction_type",     "num_train_timesteps",
    "beta_schedule",         "beta_start",          "beta_end",
    "timestep_spacing",      "steps_offset",        "set_alpha_to_one",
    "use_linear_projection",
};

/* "859,520,964" */
static const char *grouped(char buf[32], json_int_t n)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, n), at = 0;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            buf[at++] = ',';
        buf[at++] = digits[i];
    }
    buf[at] = '\0';
    return buf;
}

/* "3.44 GB", in powers of ten */
static const char *scaled(char buf[32], json_int_t bytes)
{
    static const char *const unit[] = { "bytes", "kB", "MB", "GB", "TB" };
    double v = (double)bytes;
    size_t i = 0;

    for (; v >= 1000 && i + 1 < DS_COUNT(unit); i++)
        v /= 1000;
    snprintf(buf, 32, "%.*f %s", i == 0 ? 0 : 2, v, unit[i]);
    return buf;
}

/* Text from a file must not steer the terminal. */
static const char *plain(char buf[256], const json_t *text)
{
    const char *from = json_string_value(text);
    size_t i = 0;

    for (; from != NULL && from[i] != '\0' && i < 255; i++)
        buf[i] = (unsigned char)from[i] < 0x20 || from[i] == 0x7f ? '?' : from[i];
    buf[i] = '\0';
    return buf;
}

static json_int_t number(const json_t *j, const char *key)
{
    return json_integer_value(json_object_get(j, key));
}

/* "4 tensors, 859,520,964 parameters, 3.44 GB (F32 3.43 GB, F16 10.00 kB)" */
static void print_totals(const json_t *j)
{
    json_t *dtypes = json_object_get(j, "dtypes"), *d;
    const char *name, *before = " (";
    char a[32], b[32];

    print("%s parameters, %s", grouped(a, number(j, "parameters")), scaled(b, number(j, "bytes")));
    json_object_foreach (dtypes, name, d) {
        print("%s%s %s", before, name, scaled(b, number(d, "bytes")));
        before = ", ";
    }
    print("%s\n", json_object_size(dtypes) > 0 ? ")" : "");
}

static void print_config(const json_t *config)
{
    const char *before = "    ";

    for (size_t i = 0; i < DS_COUNT(key_fields); i++) {
        const json_t *v = json_object_get(config, key_fields[i]);
        char *text = v != NULL && !json_is_null(v)
                         ? json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(7))
                         : NULL;

        if (text != NULL) {
            print("%s%s %s", before, key_fields[i], text);
            before = ", ";
        }
        free(text);
    }
    if (before[0] == ',')
        print("\n");
}

static void print_hash(const json_t *j)
{
    const char *hex = json_string_value(json_object_get(j, "sha256"));

    if (hex != NULL)
        print("    sha256 %s\n", hex);
}

static void print_component(const char *name, const json_t *c)
{
    char buf[256];
    json_t *file;
    size_t i;

    print("\n%s: %s\n", name, plain(buf, json_object_get(c, "class")));
    if (json_object_get(c, "parameters") != NULL) {
        print("    ");
        print_totals(c);
    }
    json_array_foreach (json_object_get(c, "files"), i, file) {
        print("    %s\n", plain(buf, json_object_get(file, "path")));
        print_hash(file);
    }
    print_config(json_object_get(c, "config"));
}

static void print_model(const json_t *j)
{
    json_t *c;
    const char *name;
    char path[256], class_name[256];
    size_t i;

    print("%s: %s\n", plain(path, json_object_get(j, "path")),
          plain(class_name, json_object_get(j, "class")));
    json_object_foreach (json_object_get(j, "components"), name, c)
        print_component(name, c);
    if (json_object_get(j, "prediction_type") != NULL)
        print("\nprediction: %s (%s)\n", plain(path, json_object_get(j, "prediction_type")),
              plain(class_name, json_object_get(j, "prediction_type_from")));
    json_array_foreach (json_object_get(j, "globals"), i, c)
        print("mentions code (never called): %s\n", plain(path, c));
    if (json_object_get(j, "remark") != NULL)
        print("%s\n", plain(path, json_object_get(j, "remark")));
    print("\ntotal: ");
    print_totals(j);
}

static void print_file(const json_t *j)
{
    json_t *t, *value;
    const char *key;
    char a[256], b[256];
    size_t i;

    json_object_foreach (json_object_get(j, "metadata"), key, value) {
        json_t *name = json_string(key);

        print("# %s: %s\n", plain(a, name), plain(b, value));
        json_decref(name);
    }
    json_array_foreach (json_object_get(j, "tensors"), i, t) {
        char *shape = json_dumps(json_object_get(t, "shape"), 0);

        print("%s\t%s\t%s\n", plain(a, json_object_get(t, "name")),
              plain(b, json_object_get(t, "dtype")), shape != NULL ? shape : "?");
        free(shape);
    }
    print("total: %zu tensors, ", json_array_size(json_object_get(j, "tensors")));
    print_totals(j);
    print_hash(j);
}

/* ---- pictures -------------------------------------------------------------------------------- */

static bool is_png(const char *path)
{
    static const char signature[8] = "\x89PNG\r\n\x1a\n";
    char head[8] = "";
    FILE *f = fopen(path, "rb");
    bool is = f != NULL && fread(head, 1, 8, f) == 8 && memcmp(head, signature, 8) == 0;

    if (f != NULL)
        fclose(f);
    return is;
}

static ds_status inspect_picture(const char *path, bool as_json, ds_error *err)
{
    ds_image image;
    char *text = NULL;
    ds_error none = { 0 };
    ds_status st = ds_image_load(&image, path, err);

    if (st != DS_OK)
        return st;
    st = ds_png_find_text(&text, path, "parameters", &none);
    if (st != DS_OK && st != DS_E_NOMATCH) {
        ds_fail(err, st, "%s", none.text);
    } else if (as_json) {
        json_t *j =
            json_pack("{s:s, s:I, s:I, s:s?}", "path", path, "width", (json_int_t)image.width,
                      "height", (json_int_t)image.height, "parameters", text);

        char *all = j != NULL ? json_dumps(j, JSON_INDENT(2)) : NULL;

        st = all != NULL ? DS_OK : ds_fail(err, DS_E_NOMEM, "no memory for a description");
        if (all != NULL)
            print_json(all);
        free(all);
        json_decref(j);
    } else {
        st = DS_OK;
        print("%lld x %lld pixels\n", (long long)image.width, (long long)image.height);
        if (text != NULL)
            print("%s\n", text);
    }
    ds_free(text);
    ds_image_clear(&image);
    return st;
}

/* ---- the command ----------------------------------------------------------------------------- */

static ds_status print_description(const char *text, bool model, ds_error *err)
{
    json_t *j = json_loads(text, 0, NULL);

    if (j == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory to print the description");
    if (model)
        print_model(j);
    else
        print_file(j);
    json_decref(j);
    return DS_OK;
}

static ds_status inspect_model(char **text, const ds_args *a, ds_error *err)
{
    const ds_model_options o = model_options(a);
    ds_model *m;
    ds_status st;

    if (!opt_flag(a, "measure"))
        return ds_model_inspect(text, opt_text(a, "model"), &o, opt_flag(a, "sha256"), err);
    st = ds_model_open(&m, opt_text(a, "model"), &o, err);
    if (st != DS_OK)
        return st;
    st = ds_model_describe(text, m, opt_flag(a, "sha256"), err);
    ds_model_close(m);
    return st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    const char *file = opts_count(a) > 0 ? opts_positional(a, 0) : NULL;
    const char *model = file == NULL || opt_given(a, "model") ? opt_text(a, "model") : NULL;
    bool hashes = opt_flag(a, "sha256"), as_json = opt_flag(a, "json");
    char *text;
    ds_status st;

    if ((model == NULL) == (file == NULL))
        return ds_fail(err, DS_E_ARG, "expected either --model or a file%s",
                       model == NULL ? ": no model comes with this program" : "");
    if (file != NULL && is_png(file))
        return inspect_picture(file, as_json, err);
    st = model != NULL ? inspect_model(&text, a, err) : ds_inspect_file(&text, file, hashes, err);
    if (st != DS_OK)
        return st;
    if (as_json)
        print_json(text);
    else
        st = print_description(text, model != NULL, err);
    ds_free(text);
    return st;
}

static const ds_option options[] = {
    { .name = "sha256",
      .kind = DS_OPTION_FLAG,
      .help = "also give the SHA-256 of every file of weights, which reads them whole" },
    { .name = "measure",
      .kind = DS_OPTION_FLAG,
      .help = "where a single file does not say what its UNet predicts, run it once and see: takes "
              "seconds, and the memory of a picture" },
    { 0 },
};

const ds_command cmd_inspect = {
    .name = "inspect",
    .purpose = "tell what a model folder, a tensor file or a picture holds",
    .positional = "[FILE]",
    .description =
        "Without FILE: the components of a model (a folder, one in the Hugging Face cache, "
        "or a single file), their files, parameters and configuration. With FILE: "
        "the tensors of a safetensors file, or the size of a PNG and the settings that "
        "made it. Nothing is run, unless --measure asks for it.",
    .example = "diffuscope inspect -m runwayml/stable-diffusion-v1-5",
    .options = options,
    .common = COMMON_MODEL_OPTIONAL | COMMON_JSON,
    .most = 1,
    .run = run,
};

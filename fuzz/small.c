/* small.c - see small.h. */

#include "fuzz/small.h"

#include <stdio.h>
#include <string.h>

#include "fuzz/support.h"

#define TEXT_ENCODER                                                                               \
    "{\"vocab_size\": 520, \"hidden_size\": 16, \"num_hidden_layers\": 1,"                         \
    " \"num_attention_heads\": 2, \"intermediate_size\": 32, \"projection_dim\": 16,"              \
    " \"eos_token_id\": 519, \"hidden_act\": \"quick_gelu\"%s}"

static const char config[] =
    "{\"unet\": {\"block_out_channels\": [16, 16], \"norm_num_groups\": 8, \"layers_per_block\": 1,"
    " \"down_block_types\": [\"CrossAttnDownBlock2D\", \"DownBlock2D\"], \"sample_size\": 8,"
    " \"up_block_types\": [\"UpBlock2D\", \"CrossAttnUpBlock2D\"], \"attention_head_dim\": 4, %s},"
    " \"vae\": {\"block_out_channels\": [8, 8], \"norm_num_groups\": 4, \"sample_size\": 16,"
    " \"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\"],"
    " \"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]},"
    " \"text_encoder\": " TEXT_ENCODER ", %s"
    " \"scheduler\": {\"_class_name\": \"DDIMScheduler\", \"clip_sample\": false}}";

static const char one[] = "\"cross_attention_dim\": 16";
static const char two[] =
    "\"cross_attention_dim\": 32, \"use_linear_projection\": true,"
    " \"addition_embed_type\": \"text_time\", \"addition_time_embed_dim\": 8,"
    " \"projection_class_embeddings_input_dim\": 64, \"transformer_layers_per_block\": [1, 1]";

static ds_model *make(const char *name, bool xl)
{
    ds_create_options o = DS_CREATE_OPTIONS_INIT;
    char text[4096], second[1024] = "", like[256], folder[300];
    ds_error err = { 0 };
    ds_model *m = NULL;

    if (xl)
        snprintf(second, sizeof second, "\"text_encoder_2\": " TEXT_ENCODER ",",
                 ", \"architectures\": [\"CLIPTextModelWithProjection\"]");
    snprintf(text, sizeof text, config, xl ? two : one, "", second);
    snprintf(like, sizeof like, "%s", fz_put("small.json", (const uint8_t *)text, strlen(text)));
    snprintf(folder, sizeof folder, "%s/%s", fz_folder(), name);
    o.like = like;
    if (ds_model_create(folder, &o, NULL, &err) != DS_OK ||
        ds_model_open(&m, folder, NULL, &err) != DS_OK)
        fprintf(stderr, "%s\n", err.text);
    FZ_HOLDS(m != NULL);
    return m;
}

ds_model *fz_model(bool xl)
{
    static ds_model *made[2];

    if (made[xl] == NULL)
        made[xl] = make(xl ? "xl" : "sd", xl);
    return made[xl];
}

uint64_t fz_model_sum(const ds_model *m)
{
    uint64_t sum = 0;

    for (int64_t i = 0; i < ds_model_parameters(m); i++) {
        ds_tensor t;
        size_t bytes;

        FZ_HOLDS(ds_model_parameter(m, &t, ds_model_parameter_name(m, i), NULL) == DS_OK);
        FZ_HOLDS(ds_tensor_bytes(&t, &bytes, NULL) == DS_OK);
        for (size_t k = 0; k < bytes; k += 8) {
            uint64_t word = 0;

            memcpy(&word, (const char *)t.data + k, bytes - k < 8 ? bytes - k : 8);
            sum = (sum ^ word) * 0x100000001b3; /* FNV's prime: odd, so that no word is lost */
        }
    }
    return sum;
}

/* ---- a safetensors file of lines -------------------------------------------------------------- */

static size_t numbers_of(const char *dims)
{
    size_t n = 1, d;
    int used;

    while (sscanf(dims, "%zu%n", &d, &used) == 1) {
        n = n * (d & 63);
        dims += used;
        if (n > 100000)
            return 0;
    }
    return n;
}

const char *fz_put_lines(const char *name, char *text)
{
    static uint8_t file[1 << 20];
    char *save = NULL;
    size_t head = 8, data = 0;
    char *out = (char *)file;
    const size_t room = sizeof file / 2;

    out[head++] = '{';
    for (char *line = strtok_r(text, "\n", &save); line != NULL && head + 2 * strlen(line) < room;
         line = strtok_r(NULL, "\n", &save)) {
        char *gap = strchr(line, ' ');
        size_t n = gap != NULL ? numbers_of(gap) : 0;

        if (gap == NULL || data + 4 * n > room - 8)
            continue;
        *gap++ = '\0';
        if (line[0] == '@') {
            head += (size_t)sprintf(out + head, "%s\"__metadata__\":{\"%s\":\"%s\"}",
                                    head > 9 ? "," : "", line + 1, gap);
            continue;
        }
        head += (size_t)sprintf(out + head, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[",
                                head > 9 ? "," : "", line);
        for (const char *p = strtok(gap, " "); p != NULL; p = strtok(NULL, " ")) {
            unsigned d = 0;

            sscanf(p, "%u", &d);
            head += (size_t)sprintf(out + head, "%s%u", out[head - 1] == '[' ? "" : ",", d & 63);
        }
        head += (size_t)sprintf(out + head, "],\"data_offsets\":[%zu,%zu]}", data, data + 4 * n);
        data += 4 * n;
    }
    out[head++] = '}';
    for (; head % 8 != 0; head++)
        out[head] = ' ';
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)((head - 8) >> (8 * i));
    for (size_t i = 0; i < data / 4; i++) {
        float v = (float)((double)(i % 17) / 16.0 - 0.5);

        memcpy(file + head + 4 * i, &v, 4);
    }
    return fz_put(name, file, head + data);
}

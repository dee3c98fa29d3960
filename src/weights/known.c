/* known.c - configurations of Stable Diffusion 1.5, 2.1 and XL at full size.
 *
 * The numbers are those of the published config.json files; fields at their default are left
 * out. */

#include "weights/original.h"

#include <string.h>

#define CROSS "\"CrossAttnDownBlock2D\""
#define DOWN  "\"DownBlock2D\""
#define RISE  "\"CrossAttnUpBlock2D\""
#define UP    "\"UpBlock2D\""

#define UNET                                                                                       \
    "\"_class_name\": \"UNet2DConditionModel\", \"act_fn\": \"silu\", "                            \
    "\"center_input_sample\": false, \"downsample_padding\": 1, \"flip_sin_to_cos\": true, "       \
    "\"freq_shift\": 0, \"in_channels\": 4, \"layers_per_block\": 2, "                             \
    "\"mid_block_scale_factor\": 1, \"norm_eps\": 1e-05, \"norm_num_groups\": 32, "                \
    "\"out_channels\": 4, "

#define FOUR_LEVELS                                                                                \
    "\"block_out_channels\": [320, 640, 1280, 1280], "                                             \
    "\"down_block_types\": [" CROSS ", " CROSS ", " CROSS ", " DOWN "], "                          \
    "\"up_block_types\": [" UP ", " RISE ", " RISE ", " RISE "], "

#define VAE(side, factor)                                                                          \
    "\"vae\": {\"_class_name\": \"AutoencoderKL\", \"act_fn\": \"silu\", "                         \
    "\"block_out_channels\": [128, 256, 512, 512], "                                               \
    "\"down_block_types\": [\"DownEncoderBlock2D\", \"DownEncoderBlock2D\", "                      \
    "\"DownEncoderBlock2D\", \"DownEncoderBlock2D\"], "                                            \
    "\"in_channels\": 3, \"latent_channels\": 4, \"layers_per_block\": 2, "                        \
    "\"norm_num_groups\": 32, \"out_channels\": 3, \"sample_size\": " side ", "                    \
    "\"scaling_factor\": " factor ", "                                                             \
    "\"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\", \"UpDecoderBlock2D\", "      \
    "\"UpDecoderBlock2D\"]}, "

#define CLIP(class_name, act, width, wide, layers, heads)                                          \
    "{\"architectures\": [\"" class_name "\"], \"bos_token_id\": 49406, "                          \
    "\"eos_token_id\": 49407, \"hidden_act\": \"" act "\", \"hidden_size\": " width ", "           \
    "\"intermediate_size\": " wide ", \"layer_norm_eps\": 1e-05, "                                 \
    "\"max_position_embeddings\": 77, \"model_type\": \"clip_text_model\", "                       \
    "\"num_attention_heads\": " heads ", \"num_hidden_layers\": " layers ", "                      \
    "\"projection_dim\": " width ", \"vocab_size\": 49408}, "

#define CLIP_L CLIP("CLIPTextModel", "quick_gelu", "768", "3072", "12", "12")

#define SCHEDULER(class_name, more)                                                                \
    "\"scheduler\": {\"_class_name\": \"" class_name "\", \"beta_end\": 0.012, "                   \
    "\"beta_schedule\": \"scaled_linear\", \"beta_start\": 0.00085, "                              \
    "\"num_train_timesteps\": 1000, \"steps_offset\": 1" more "}}"

/* clang-format off */
static const struct {
    const char *name, *json;
} known[] = {
    { "sd15", "{\"unet\": {" UNET FOUR_LEVELS
              "\"attention_head_dim\": 8, \"cross_attention_dim\": 768, \"sample_size\": 64}, "
              VAE("512", "0.18215") "\"text_encoder\": " CLIP_L
              SCHEDULER("PNDMScheduler", ", \"clip_sample\": false, \"set_alpha_to_one\": false, "
                                         "\"skip_prk_steps\": true") },
    { "sd21", "{\"unet\": {" UNET FOUR_LEVELS
              "\"attention_head_dim\": [5, 10, 20, 20], \"cross_attention_dim\": 1024, "
              "\"sample_size\": 96, \"use_linear_projection\": true}, "
              VAE("768", "0.18215") "\"text_encoder\": "
              CLIP("CLIPTextModel", "gelu", "1024", "4096", "23", "16")
              SCHEDULER("DDIMScheduler", ", \"clip_sample\": false, \"set_alpha_to_one\": false, "
                                         "\"prediction_type\": \"v_prediction\"") },
    { "sdxl", "{\"unet\": {" UNET
              "\"addition_embed_type\": \"text_time\", \"addition_time_embed_dim\": 256, "
              "\"attention_head_dim\": [5, 10, 20], \"block_out_channels\": [320, 640, 1280], "
              "\"cross_attention_dim\": 2048, "
              "\"down_block_types\": [" DOWN ", " CROSS ", " CROSS "], "
              "\"up_block_types\": [" RISE ", " RISE ", " UP "], "
              "\"projection_class_embeddings_input_dim\": 2816, \"sample_size\": 128, "
              "\"transformer_layers_per_block\": [1, 2, 10], \"use_linear_projection\": true}, "
              VAE("1024", "0.13025") "\"text_encoder\": " CLIP_L "\"text_encoder_2\": "
              CLIP("CLIPTextModelWithProjection", "gelu", "1280", "5120", "32", "20")
              SCHEDULER("EulerDiscreteScheduler", ", \"interpolation_type\": \"linear\", "
                                                  "\"prediction_type\": \"epsilon\", "
                                                  "\"timestep_spacing\": \"leading\", "
                                                  "\"use_karras_sigmas\": false") },
};
/* clang-format on */

const char *ds__known_topology(const char *name)
{
    for (size_t i = 0; i < DS_COUNT(known); i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].json;
    return NULL;
}

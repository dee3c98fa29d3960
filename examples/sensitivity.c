/* sensitivity.c - a sixth instrument, written from outside: where in a picture does the network's answer
 * depend on a word? |gradient x input| of the word's embedding (Simonyan et al., arXiv 1312.6034; the product
 * with the input: Shrikumar et al., arXiv 1605.01713), for one part of the picture after the other:
 *
 *     s(cell) = sum over levels t of | sum_i e_i d/de_i  1/2 sum_{p in cell} answer_p(z_t, e)^2 |
 *
 * with e the embedding of the word's tokens and z_t the picture's latent with noise: how much the answer's
 * energy in the cell grows with the word.
 *
 *     sensitivity [PROMPT [WORD [MODEL]]]       writes sensitivity.png and sensitivity.safetensors */

#include <diffuscope/diffuscope.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRID = 8, LEVELS = 2, MOST_TOKENS = 16 };

static const float times[LEVELS] = { 400.0f, 700.0f };
static ds_error err;

static void must(ds_status status)
{
    if (status == DS_OK)
        return;
    fprintf(stderr, "sensitivity: %s\n", err.text);
    exit(1);
}

/* Places of a word's tokens in the padded ids, each with a row of its own. */
static int find(const char *model, const char *prompt, const char *word, ds_place *place)
{
    ds_tokenizer *t;
    ds_tokens *tokens;
    int n = 0;

    must(ds_tokenizer_open_model(&t, model, 1, &err));
    must(ds_tokenizer_encode(t, &tokens, prompt, &err));
    for (int64_t w = 0; w < tokens->word_count; w++)
        for (int64_t i = tokens->words[w].first; i <= tokens->words[w].last; i++)
            if (strcmp(tokens->words[w].text, word) == 0 && n < MOST_TOKENS) {
                place[n] = (ds_place){ .text = 0, .place = i + 1, .row = n };
                n++;
            }
    must(n > 0 ? DS_OK : ds_fail(&err, DS_E_NOMATCH, "\"%s\" is no word of the prompt", word));
    ds_tokens_free(tokens);
    ds_tokenizer_close(t);
    return n;
}

/* Pulls the answer's energy in one cell back to the rows: |sum_i e_i de_i|. */
static double pull(ds_encoder *e, ds_denoiser *d, const float *cotangent, int rows)
{
    ds_tensor hidden, pooled = { .data = NULL };
    double sum = 0.0;

    must(ds_denoiser_pull(d, cotangent, &err));
    must(ds_denoiser_gradient(d, &hidden, "encoder_hidden_states", &err));
    if (ds_encoder_count(e) == 2)
        must(ds_denoiser_gradient(d, &pooled, "text_embeds", &err));
    must(ds_encoder_pull(e, hidden.data, pooled.data, &err));
    for (int k = 0; k < ds_encoder_count(e); k++)
        for (int64_t i = 0; i < rows * ds_encoder_width(e, k); i++)
            sum += (double)ds_encoder_row(e, k, 0)[i] * ds_encoder_row_gradient(e, k, 0)[i];
    return fabs(sum);
}

/* Adds the map [GRID,GRID] of one noisy latent z [C,h,w]. */
static void add_level(float *map, ds_encoder *e, ds_denoiser *d, const ds_tensor *latent,
                      const float *z, float t, int rows)
{
    const int64_t h = latent->dim[2], w = latent->dim[3], n = ds_tensor_count(latent);
    float *answer = ds_calloc((size_t)n, 2 * sizeof *answer), *cotangent = answer + n;

    for (int cell = 0; cell < GRID * GRID; cell++) {
        must(ds_encode(e, &err));
        must(ds_denoiser_condition(d, ds_encoder_conditions(e), &err));
        must(ds_denoise(d, answer, z, &t, &err));
        for (int64_t i = 0; i < n; i++) {
            int64_t row = i / w % h * GRID / h, column = i % w * GRID / w;

            cotangent[i] = row * GRID + column == cell ? answer[i] : 0.0f;
        }
        map[cell] += (float)pull(e, d, cotangent, rows);
    }
    ds_free(answer);
}

static void measure(float *map, ds_model *m, const ds_tensor *latent, const char *prompt,
                    const ds_place *place, int places)
{
    static const char *const wrt[] = { "encoder_hidden_states", "text_embeds" };
    ds_encoder_options eo = DS_ENCODER_OPTIONS_INIT;
    ds_denoiser_options o = DS_DENOISER_OPTIONS_INIT;
    const int64_t n = ds_tensor_count(latent);
    float *noise = ds_calloc((size_t)n, 2 * sizeof *noise), *z = noise + n;
    ds_encoder *e;
    ds_denoiser *d;
    ds_noise *schedule;
    ds_rng rng;

    eo.prompts = &prompt;
    eo.places = place;
    eo.n_places = places;
    eo.pull_back = true;
    must(ds_encoder_new(&e, m, &eo, &err));
    o.height = latent->dim[2];
    o.width = latent->dim[3];
    o.wrt = wrt;
    o.n_wrt = ds_encoder_count(e);
    must(ds_denoiser_new(&d, m, &o, &err));
    must(ds_noise_new(&schedule, m, &err));
    ds_rng_init(&rng, DS_RNG_TORCH_CPU, 1);
    ds_rng_normal(&rng, noise, n);
    for (int k = 0; k < LEVELS; k++) {
        ds_noise_level at = ds_noise_at(schedule, times[k]);

        for (int64_t i = 0; i < n; i++)
            z[i] = (float)(at.alpha * ((float *)latent->data)[i] + at.sigma * noise[i]);
        add_level(map, e, d, latent, z, times[k], places);
    }
    ds_noise_free(schedule);
    ds_denoiser_free(d);
    ds_encoder_free(e);
    ds_free(noise);
}

static void save(const float *map, const char *word, const ds_tensor *image)
{
    ds_figure_options figure = DS_FIGURE_OPTIONS_INIT;
    ds_image picture, drawn;
    ds_bundle *b;
    ds_tensor *t;

    must(ds_image_from_planes(&picture, image->data, image->dim[3], image->dim[2], &err));
    figure.picture = &picture;
    must(ds_map_figure(&drawn, word, &(ds_map){ map, NULL, GRID, GRID }, &figure, &err));
    must(ds_image_save_png(&drawn, "sensitivity.png", NULL, 0, &err));
    must(ds_bundle_new(&b, &err));
    must(ds_bundle_add(b, "sensitivity", DS_DTYPE_F32, DS_DIMS(GRID, GRID), &t, &err));
    memcpy(t->data, map, GRID * GRID * sizeof *map);
    must(ds_bundle_save(b, "sensitivity.safetensors", &err));
    ds_bundle_free(b);
    ds_image_clear(&drawn);
    ds_image_clear(&picture);
}

int main(int argc, char **argv)
{
    const char *prompt = argc > 1 ? argv[1] : "a noto strawberry left of a cheese";
    const char *word = argc > 2 ? argv[2] : "strawberry";
    const char *path = argc > 3 ? argv[3] : "models/specimen";
    ds_run_options options = DS_RUN_OPTIONS_INIT;
    ds_place place[MOST_TOKENS];
    float map[GRID * GRID] = { 0 };
    ds_tensor latents, image;
    ds_model *model;
    ds_run *run;
    int places = find(path, prompt, word, place);

    must(ds_model_open(&model, path, NULL, &err));
    options.prompt = prompt;
    must(ds_run_new(&run, model, &options, &err));
    must(ds_run_all(run, &err));
    must(ds_run_decode(run, &err));
    image = ds_run_image(run);
    latents = ds_run_latents(run); /* [steps,1,C,h,w]; the last is the picture's */
    latents.data =
        (float *)latents.data + (latents.dim[0] - 1) * ds_tensor_count(&latents) / latents.dim[0];
    latents.rank = 4;
    memmove(latents.dim, latents.dim + 1, 4 * sizeof latents.dim[0]);

    measure(map, model, &latents, prompt, place, places);
    save(map, word, &image);
    ds_run_free(run);
    ds_model_close(model);
    return 0;
}

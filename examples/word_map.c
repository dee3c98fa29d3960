/* word_map.c - which pixels read a word? DAAM (arXiv 2210.04885) in twenty lines: draw a picture, sum the
 * probabilities with which its pixels read the word, lay the sum over the picture.
 *
 *     word_map [PROMPT [WORD [MODEL]]]       writes word_map.png
 *
 * A failed call returns a status other than DS_OK, and its error says why. */

#include <diffuscope/diffuscope.h>

#include <stdio.h>
#include <stdlib.h>

static ds_error err;

static void must(ds_status status)
{
    if (status == DS_OK)
        return;
    fprintf(stderr, "word_map: %s\n", err.text);
    exit(1);
}

int main(int argc, char **argv)
{
    const char *prompt = argc > 1 ? argv[1] : "a noto strawberry left of a cheese";
    const char *word = argc > 2 ? argv[2] : "strawberry";
    ds_run_options options = DS_RUN_OPTIONS_INIT;
    ds_figure_options figure = DS_FIGURE_OPTIONS_INIT;
    ds_image picture, drawn;
    ds_model *model;
    ds_daam *trace;
    ds_daam_maps *maps;
    ds_tensor image, global;
    float *map;

    options.prompt = prompt;
    must(ds_model_open(&model, argc > 3 ? argv[3] : "models/specimen", NULL, &err));
    must(ds_daam_new(&trace, model, &options, NULL, &err));
    must(ds_run_all(ds_daam_run(trace), &err));
    must(ds_run_decode(ds_daam_run(trace), &err));
    image = ds_run_image(ds_daam_run(trace)); /* [1,3,H,W] */
    must(ds_daam_reduce(trace, &maps, 0, 0, NULL, &err));
    global = ds_daam_global(maps); /* [tokens,h,w] */
    map = ds_calloc((size_t)(global.dim[1] * global.dim[2]), sizeof *map);
    must(ds_daam_word(maps, map, word, NULL, &err));

    must(ds_image_from_planes(&picture, image.data, image.dim[3], image.dim[2], &err));
    figure.picture = &picture;
    must(ds_map_figure(&drawn, word, &(ds_map){ map, NULL, global.dim[2], global.dim[1] }, &figure,
                       &err));
    must(ds_image_save_png(&drawn, "word_map.png", NULL, 0, &err));

    ds_image_clear(&drawn);
    ds_image_clear(&picture);
    ds_free(map);
    ds_daam_maps_free(maps);
    ds_daam_free(trace);
    ds_model_close(model);
    return 0;
}

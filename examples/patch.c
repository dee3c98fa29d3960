/* patch.c - what does one value inside the network carry? Activation patching: draw two pictures from the
 * same noise, and draw the second once more with one site's value taken from the first.
 *
 *     patch [PROMPT OTHER [SITE [MODEL]]]
 *
 * writes first.png, second.png, patched.png and difference.png (of the last two). Sites are listed by
 * `diffuscope sites`; the guidance's negative prompt keeps its own value. */

#include <diffuscope/diffuscope.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 20

static ds_error err;

static void must(ds_status status)
{
    if (status == DS_OK)
        return;
    fprintf(stderr, "patch: %s\n", err.text);
    exit(1);
}

/* The site's value at each call of the network, under the prompt. */
typedef struct tape {
    float *value[2 * STEPS];
} tape;

static ds_status record(void *user, ds_event *e, ds_error *error)
{
    tape *t = user;
    size_t bytes = (size_t)ds_tensor_count(&e->value) * sizeof(float);

    t->value[e->call] = ds_alloc(bytes);
    if (t->value[e->call] == NULL)
        return ds_fail(error, DS_E_NOMEM, "no memory for %s", e->site);
    memcpy(t->value[e->call], e->value.data, bytes);
    return DS_OK;
}

static ds_status play(void *user, ds_event *e, ds_error *error)
{
    const tape *t = user;

    (void)error;
    memcpy(e->value.data, t->value[e->call], (size_t)ds_tensor_count(&e->value) * sizeof(float));
    return DS_OK;
}

/* Draws a prompt, saves the picture, and returns its planes [3,H,W]. */
static float *draw(ds_model *m, const char *prompt, const ds_tap *tap, const char *path,
                   ds_tensor *shape)
{
    ds_run_options o = DS_RUN_OPTIONS_INIT;
    ds_image image;
    ds_run *run;
    float *planes;

    o.prompt = prompt;
    o.steps = STEPS;
    o.taps = tap;
    o.n_taps = tap != NULL;
    must(ds_run_new(&run, m, &o, &err));
    must(ds_run_all(run, &err));
    must(ds_run_decode(run, &err));
    *shape = ds_run_image(run);
    planes = ds_alloc((size_t)ds_tensor_count(shape) * sizeof *planes);
    must(planes != NULL ? DS_OK : ds_fail(&err, DS_E_NOMEM, "no memory for a picture"));
    memcpy(planes, shape->data, (size_t)ds_tensor_count(shape) * sizeof *planes);
    must(ds_image_from_planes(&image, planes, shape->dim[3], shape->dim[2], &err));
    must(ds_image_save_png(&image, path, NULL, 0, &err));
    ds_image_clear(&image);
    ds_run_free(run);
    return planes;
}

int main(int argc, char **argv)
{
    const char *prompt = argc > 2 ? argv[1] : "a noto strawberry on a purple background";
    const char *other = argc > 2 ? argv[2] : "a noto cheese on a green background";
    ds_tap tap = DS_TAP_INIT;
    ds_tensor shape;
    ds_model *model;
    ds_image image;
    tape t = { { NULL } };
    float *first, *second, *patched;

    tap.site = argc > 3 ? argv[3] : "unet.mid_block.attentions.0";
    tap.branch = DS_BRANCH_PROMPT;
    tap.user = &t;
    must(ds_model_open(&model, argc > 4 ? argv[4] : "models/specimen", NULL, &err));
    tap.kind = DS_TAP_LOOK;
    tap.call = record;
    first = draw(model, prompt, &tap, "first.png", &shape);
    second = draw(model, other, NULL, "second.png", &shape);
    tap.kind = DS_TAP_CALL;
    tap.call = play;
    patched = draw(model, other, &tap, "patched.png", &shape);

    for (int64_t i = 0; i < ds_tensor_count(&shape); i++)
        patched[i] = fabsf(patched[i] - second[i]);
    must(ds_image_from_planes(&image, patched, shape.dim[3], shape.dim[2], &err));
    must(ds_image_save_png(&image, "difference.png", NULL, 0, &err));

    ds_image_clear(&image);
    for (int i = 0; i < 2 * STEPS; i++)
        ds_free(t.value[i]);
    ds_free(first);
    ds_free(second);
    ds_free(patched);
    ds_model_close(model);
    return 0;
}

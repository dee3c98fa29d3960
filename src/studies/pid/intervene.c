/* cmd_pid_intervene.c - `diffuscope pid intervene`: each word is dropped and the picture drawn
 * again from the same noise; the measured change stands beside the atoms. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/stats.h>

#include "commands.h"
#include "model_option.h"
#include "pid_pair.h"
#include "report.h"

static const ds_option options[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXT,
      .arg = "TEXT",
      .required = true,
      .help = "the prompt, which holds both words" },
    { .name = "words",
      .letter = 'w',
      .kind = DS_OPTION_WORDS,
      .arg = "A B",
      .required = true,
      .help = "the two words" },
    PICTURE_DRAWN_OPTIONS,
    PID_OPTIONS,
    ESTIMATE_OPTIONS,
    { 0 },
};

/* What happens when one word is dropped. */
typedef struct drop {
    char *prompt;
    picture picture;
    float *map;   /* [h,w]: squared difference of the latents, summed over channels */
    double total; /* of the map */
    double rms;   /* of the pictures' difference, in [0,1] */
} drop;

typedef struct trial {
    pid_job *job;
    const char *const *words;
    drop of[2];
    int64_t height, width, pixels;
    float *atoms, *se; /* [4,h,w] */
    float *infos;      /* [2,h,w]: i_A, i_B */
} trial;

/* ---- drawing again --------------------------------------------------------------------------- */

static void compare(drop *d, const picture *full, int64_t pixels)
{
    const float *x = full->latent.data, *y = d->picture.latent.data;
    const float *a = full->image.data, *b = d->picture.image.data;
    int64_t channels = full->latent.dim[1], n = ds_tensor_count(&full->image);
    double square = 0.0;

    for (int64_t j = 0; j < pixels; j++) {
        double sum = 0.0;

        for (int64_t c = 0; c < channels; c++) {
            double e = (double)x[c * pixels + j] - y[c * pixels + j];

            sum += e * e;
        }
        d->map[j] = (float)sum;
        d->total += sum;
    }
    for (int64_t i = 0; i < n; i++)
        square += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    d->rms = sqrt(square / (double)n);
}

static ds_status drop_word(trial *t, int k, const ds_pid_options *o, const ds_tokenizer *tokenizer,
                           ds_error *err)
{
    pid_job *j = t->job;
    drop *d = &t->of[k];
    ds_status st = ds_prompt_replace(&d->prompt, tokenizer, o->prompt, t->words[k], o->removal,
                                     NULL, NULL, err);

    if (st == DS_OK)
        st =
            picture_draw(&d->picture, j->model, j->args, d->prompt, opt_seed(j->args, "seed"), err);
    if (st == DS_OK && (d->map = ds_calloc((size_t)t->pixels, sizeof *d->map)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a map");
    if (st == DS_OK)
        compare(d, &j->picture, t->pixels);
    return st;
}

/* Both words must be there before anything is drawn. */
static ds_status check_words(const ds_tokenizer *tokenizer, const char *prompt,
                             const char *const *words, ds_error *err)
{
    ds_status st = DS_OK;

    for (int k = 0; k < 2 && st == DS_OK; k++) {
        char *text = NULL;

        st = ds_prompt_replace(&text, tokenizer, prompt, words[k], DS_REMOVE_DELETE, NULL, NULL,
                               err);
        ds_free(text);
    }
    return st;
}

static ds_status draw_all(trial *t, const ds_pid_options *o, ds_error *err)
{
    pid_job *j = t->job;
    ds_tokenizer *tokenizer = NULL;
    ds_status st = tokenizer_from_options(&tokenizer, j->args, 1, err);

    if (st == DS_OK)
        st = check_words(tokenizer, o->prompt, t->words, err);
    if (st == DS_OK)
        st =
            picture_draw(&j->picture, j->model, j->args, o->prompt, opt_seed(j->args, "seed"), err);
    if (st == DS_OK) {
        t->height = j->picture.latent.dim[2];
        t->width = j->picture.latent.dim[3];
        t->pixels = t->height * t->width;
    }
    for (int k = 0; k < 2 && st == DS_OK; k++)
        st = drop_word(t, k, o, tokenizer, err);
    ds_tokenizer_close(tokenizer);
    return st;
}

/* ---- beside the atoms ------------------------------------------------------------------------ */

/* How the change that dropping word k makes goes along with a map. */
static double along(const trial *t, int k, const float *map)
{
    return ds_stats_coefficient(DS_PEARSON, t->of[k].map, map, t->pixels);
}

/* The change that dropping word k makes, and how it goes along with each map. */
static json_t *drop_json(const trial *t, int k)
{
    const drop *d = &t->of[k];
    json_t *r = json_object();

    for (int a = 0; a < DS_PID_ATOMS; a++)
        json_object_set_new(r, ds_pid_atom_name(a),
                            pid_real(along(t, k, t->atoms + a * t->pixels)));
    json_object_set_new(r, "i", pid_real(along(t, k, t->infos + k * t->pixels)));
    return json_pack("{s:s, s:s, s:f, s:f, s:o}", "word", t->words[k], "prompt", d->prompt,
                     "change_latent", d->total, "change_picture_rms", d->rms,
                     "correlation_over_pixels", r);
}

static ds_status solve(trial *t, ds_pid_answer *answer, ds_error *err)
{
    pid_job *j = t->job;
    const ds_pid_pair p = ds_pid_pair_at(j->pid, 0);
    ds_status st;

    t->atoms = ds_calloc((size_t)((2 * DS_PID_ATOMS + 2) * t->pixels), sizeof *t->atoms);
    if (t->atoms == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for maps");
    t->se = t->atoms + DS_PID_ATOMS * t->pixels;
    t->infos = t->se + DS_PID_ATOMS * t->pixels;
    st = pid_delta(j, &j->question.delta, t->words[0], t->words[1], err);
    if (st == DS_OK)
        st = ds_pid_solve(j->pid, answer, t->atoms, t->se, 0, &j->question, err);
    if (st == DS_OK)
        st = ds_info_map(ds_pid_info(j->pid), t->infos, NULL, p.i_a, j->question.form, err);
    if (st == DS_OK)
        st = ds_info_map(ds_pid_info(j->pid), t->infos + t->pixels, NULL, p.i_b, j->question.form,
                         err);
    return st;
}

/* ---- report ---------------------------------------------------------------------------------- */

static void print(const trial *t, const ds_pid_answer *answer)
{
    char x[64];

    for (int k = 0; k < 2; k++)
        printf(
            "without %-12s change of the latent %.4g, of the picture %.3g; correlation with i %.2f"
            ", R %.2f, U %.2f, S %.2f\n",
            t->words[k], t->of[k].total, t->of[k].rms, along(t, k, t->infos + k * t->pixels),
            along(t, k, t->atoms + DS_PID_R * t->pixels),
            along(t, k, t->atoms + (DS_PID_UA + k) * t->pixels),
            along(t, k, t->atoms + DS_PID_S * t->pixels));
    for (int a = 0; a < DS_PID_ATOMS; a++)
        printf("%-4s %s nats\n", ds_pid_atom_name(a),
               pid_number(x, sizeof x, answer->image[a].value, answer->image[a].se));
}

static ds_status draw_changes(trial *t, ds_error *err)
{
    pid_job *j = t->job;
    char without[2][96], changed[2][96];
    ds_panel panels[5] = { { "picture", { NULL, NULL, 0, 0 }, &j->picture.shown } };
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_image sheet = { 0 };
    ds_status st;

    for (int k = 0; k < 2; k++) {
        snprintf(without[k], sizeof without[k], "without %.60s", t->words[k]);
        snprintf(changed[k], sizeof changed[k], "change without %.60s", t->words[k]);
        panels[1 + 2 * k] = (ds_panel){ without[k], { NULL, NULL, 0, 0 }, &t->of[k].picture.shown };
        panels[2 + 2 * k] =
            (ds_panel){ changed[k], { t->of[k].map, NULL, t->width, t->height }, NULL };
    }
    o.picture = &j->picture.shown;
    o.unit = "squared difference of the latents";
    o.enlarge = DS_ENLARGE_BLOCKS;
    st = ds_map_sheet(&sheet, "Dropping a word, same noise", panels, 5, 5, &o, err);
    if (st == DS_OK)
        st = pid_picture(j, &sheet, "intervention.png", "Pictures without each word", NULL, err);
    ds_image_clear(&sheet);
    return st;
}

static ds_status report(trial *t, ds_error *err)
{
    pid_job *j = t->job;
    ds_pid_answer answer;
    ds_status st = solve(t, &answer, err);

    if (st == DS_OK)
        st = draw_changes(t, err);
    if (st == DS_OK && opt_flag(j->args, "json") == false)
        print(t, &answer);
    if (st == DS_OK)
        st = pid_result(j, "interventions", json_pack("[o,o]", drop_json(t, 0), drop_json(t, 1)),
                        err);
    for (int k = 0; k < 2 && st == DS_OK; k++)
        st = pid_tensor(j, k == 0 ? "change_A" : "change_B", t->of[k].map,
                        DS_DIMS(t->height, t->width), err);
    if (st == DS_OK)
        st = pid_pair_files(j, t->words, 0, err);
    if (st == DS_OK)
        st = pid_result(j, "estimate", estimate_json(ds_pid_info(j->pid)), err);
    return st == DS_OK ? pid_finish(j, err) : st;
}

static ds_status run(const ds_args *a, ds_error *err)
{
    int count;
    trial t = { .words = opt_texts(a, "words", &count) };
    pid_job j = { .args = a };
    ds_pid_options o;
    ds_status st = DS_OK;

    t.job = &j;
    if (count != 2)
        st = ds_fail(err, DS_E_ARG, "--words: expected two words, found %d", count);
    if (st == DS_OK && strcmp(opt_text(a, "redundancy"), "imin") == 0)
        st = ds_fail(err, DS_E_ARG, "imin needs vocabularies: use pid");
    if (st == DS_OK)
        st = pid_job_open(&j, a, "diffuscope pid intervene", err);
    if (st == DS_OK) {
        pid_options_from(&o, &j);
        o.prompt = opt_text(a, "prompt");
        o.word = t.words;
        o.words = 2;
        st = draw_all(&t, &o, err);
    }
    if (st == DS_OK)
        st = pid_measure(&j, &o, "measuring", err);
    if (st == DS_OK)
        st = report(&t, err);
    for (int k = 0; k < 2; k++) {
        ds_free(t.of[k].prompt);
        ds_free(t.of[k].map);
        picture_clear(&t.of[k].picture);
    }
    ds_free(t.atoms);
    pid_job_close(&j);
    return st;
}

const ds_command cmd_pid_intervene = {
    .name = "pid-intervene",
    .purpose = "drop each of two words, same seed: the change beside their information",
    .description =
        "Draws the picture, draws it again without each word from the same noise, and measures the "
        "decomposition on the first one. A word whose information is redundant should be missed "
        "little, a unique one much: result.json holds the change of the latent (squared, summed) "
        "and of the picture (root mean square), and the correlation over latent pixels of the "
        "change with R, U, S and the word's information.",
    .example = "diffuscope pid intervene -m sd15 -p \"a cow and a goat\" --words cow goat "
               "--out drop",
    .options = options,
    .common = COMMON_MODEL | COMMON_THREADS | COMMON_COMPUTE | COMMON_JSON | COMMON_PROGRESS |
              COMMON_SHOW,
    .run = run,
};

/* intervene.c - `pid intervene`: each word is dropped and the picture drawn again from the same
 * noise; the measured change stands beside the atoms. */

#include <math.h>
#include <string.h>

#include <diffuscope/stats.h>

#include "methods/methods.h"
#include "base/text.h"
#include "methods/pid/pair.h"

/* What happens when one word is dropped. */
typedef struct drop {
    char *prompt;
    job_picture picture;
    float *map;   /* [h,w]: squared difference of the latents, summed over channels */
    double total; /* of the map */
    double rms;   /* of the pictures' difference, in [0,1] */
} drop;

typedef struct trial {
    const char *prompt;
    ds_texts words;
    pid_common common;
    pid_work work;
    drop of[2];
    int64_t height, width, pixels;
    float *atoms; /* [4,h,w] */
    float *infos; /* [2,h,w]: i_A, i_B */
} trial;

/* ---- checks ----------------------------------------------------------------------------------- */

static ds_pid_options asked(const trial *t)
{
    return ds__pid_options(&t->common, t->prompt, t->words.text, t->words.count);
}

/* The prompt without each word. */
static ds_status drop_words(trial *t, ds_job *j, ds_error *err)
{
    ds_tokenizer *tokenizer;
    ds_status st = ds__job_tokenizer(j, &tokenizer, err);

    for (int k = 0; k < 2 && st == DS_OK; k++)
        st = ds_prompt_replace(&t->of[k].prompt, tokenizer, t->prompt, t->words.text[k],
                               (ds_removal)t->common.removal, NULL, NULL, err);
    return st;
}

static ds_status check(ds_job *j, void *options, ds_error *err)
{
    trial *t = options;
    pid_work *w = &t->work;
    ds_pid_options p;
    ds_status st;

    if (t->words.count != 2)
        return ds_fail(err, DS_E_ARG, "%s: expected two words, found %lld",
                       ds__job_name(j, "words"), (long long)t->words.count);
    st = ds__pid_check(w, j, "Two words dropped from a prompt", &t->common.query,
                       &t->common.estimate, t->common.drawing.seed, err);
    if (st == DS_OK)
        st = ds__pid_refuse_imin(w, err);
    if (st == DS_OK)
        st = ds__draw_check(j, &t->common.drawing, err);
    if (st == DS_OK)
        st = drop_words(t, j, err);
    p = asked(t);
    if (st == DS_OK)
        st = ds__pid_check_texts(w, &p, err);
    return st == DS_OK ? ds__pid_delta(w, &w->question.delta, p.word[0], p.word[1], err) : st;
}

/* ---- drawing again --------------------------------------------------------------------------- */

static void compare(drop *d, const job_picture *full, int64_t pixels)
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

static ds_status draw_without(trial *t, int k, ds_job *j, ds_error *err)
{
    const draw_options *o = &t->common.drawing;
    drop *d = &t->of[k];
    ds_status st = ds__picture_draw(&d->picture, j, o, d->prompt, o->seed, err);

    if (st == DS_OK && (d->map = ds_calloc((size_t)t->pixels, sizeof *d->map)) == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for a map");
    if (st == DS_OK)
        compare(d, &t->work.picture, t->pixels);
    return st;
}

static ds_status draw_all(trial *t, ds_job *j, ds_error *err)
{
    const draw_options *o = &t->common.drawing;
    job_picture *full = &t->work.picture;
    ds_status st = ds__picture_draw(full, j, o, t->prompt, o->seed, err);

    if (st == DS_OK) {
        t->height = full->latent.dim[2];
        t->width = full->latent.dim[3];
        t->pixels = t->height * t->width;
    }
    for (int k = 0; k < 2 && st == DS_OK; k++)
        st = draw_without(t, k, j, err);
    return st == DS_OK ? ds__job_time(j, "picture", err) : st;
}

/* ---- beside the atoms ------------------------------------------------------------------------ */

static ds_status solve(trial *t, ds_pid_answer *answer, ds_error *err)
{
    const pid_work *w = &t->work;
    const ds_pid_pair p = ds_pid_pair_at(w->pid, 0);
    const int64_t of[2] = { p.i_a, p.i_b };
    ds_status st;

    t->atoms = ds_calloc((size_t)((DS_PID_ATOMS + 2) * t->pixels), sizeof *t->atoms);
    if (t->atoms == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for maps");
    t->infos = t->atoms + DS_PID_ATOMS * t->pixels;
    st = ds_pid_solve(w->pid, answer, t->atoms, NULL, 0, &w->question, err);
    for (int k = 0; k < 2 && st == DS_OK; k++)
        st = ds_info_map(ds_pid_info(w->pid), t->infos + k * t->pixels, NULL, of[k],
                         w->question.form, err);
    return st;
}

/* How the change that dropping word k makes goes along with a map. */
static double along(const trial *t, int k, const float *map)
{
    return ds_stats_coefficient(DS_PEARSON, t->of[k].map, map, t->pixels);
}

static json_t *drop_json(const trial *t, int k)
{
    const drop *d = &t->of[k];
    json_t *r = json_object();

    for (int a = 0; a < DS_PID_ATOMS; a++)
        json_object_set_new(r, ds_pid_atom_name(a),
                            ds__json_real(along(t, k, t->atoms + a * t->pixels)));
    json_object_set_new(r, "i", ds__json_real(along(t, k, t->infos + k * t->pixels)));
    return json_pack("{s:s, s:s, s:f, s:f, s:o}", "word", t->words.text[k], "prompt", d->prompt,
                     "change_latent", d->total, "change_picture_rms", d->rms,
                     "correlation_over_pixels", r);
}

static void say(const trial *t, const ds_pid_answer *answer, ds_result *r)
{
    for (int k = 0; k < 2; k++)
        ds__result_say(
            r,
            "without %-12s change of the latent %.4g, of the picture %.3g; correlation with i %.2f"
            ", R %.2f, U %.2f, S %.2f\n",
            t->words.text[k], t->of[k].total, t->of[k].rms, along(t, k, t->infos + k * t->pixels),
            along(t, k, t->atoms + DS_PID_R * t->pixels),
            along(t, k, t->atoms + (DS_PID_UA + k) * t->pixels),
            along(t, k, t->atoms + DS_PID_S * t->pixels));
    for (int a = 0; a < DS_PID_ATOMS; a++)
        ds__result_say(r, "%-4s %s nats\n", ds_pid_atom_name(a),
                       ds__pid_number(answer->image[a]).text);
}

static ds_status draw_changes(const trial *t, ds_error *err)
{
    char without[2][96], changed[2][96];
    ds_panel panels[5] = { { "picture", { NULL, NULL, 0, 0 }, &t->work.picture.shown } };
    ds_figure_options o = DS_FIGURE_OPTIONS_INIT;
    ds_image sheet = { 0 };
    ds_status st;

    for (int k = 0; k < 2; k++) {
        snprintf(without[k], sizeof without[k], "without %.60s", t->words.text[k]);
        snprintf(changed[k], sizeof changed[k], "change without %.60s", t->words.text[k]);
        ds__mend_letters(without[k]);
        ds__mend_letters(changed[k]);
        panels[1 + 2 * k] = (ds_panel){ without[k], { NULL, NULL, 0, 0 }, &t->of[k].picture.shown };
        panels[2 + 2 * k] =
            (ds_panel){ changed[k], { t->of[k].map, NULL, t->width, t->height }, NULL };
    }
    o.picture = &t->work.picture.shown;
    o.unit = "squared difference of the latents";
    o.enlarge = DS_ENLARGE_BLOCKS;
    st = ds_map_sheet(&sheet, "Dropping a word, same noise", panels, 5, 5, &o, err);
    if (st == DS_OK)
        st = ds__pid_figure(&t->work, "intervention", &sheet, true, "Pictures without each word",
                            NULL, err);
    ds_image_clear(&sheet);
    return st;
}

/* ---- the method ------------------------------------------------------------------------------- */

static ds_status keep(trial *t, ds_job *j, ds_error *err)
{
    ds_result *r = j->result;
    ds_pid_answer answer;
    ds_status st = solve(t, &answer, err);

    if (st == DS_OK)
        st = draw_changes(t, err);
    if (st == DS_OK)
        say(t, &answer, r);
    if (st == DS_OK)
        st = ds__result_set(r, "interventions",
                            json_pack("[o,o]", drop_json(t, 0), drop_json(t, 1)), err);
    for (int k = 0; k < 2 && st == DS_OK; k++)
        st = ds__result_floats(r, k == 0 ? "change_A" : "change_B", DS_DIMS(t->height, t->width),
                               t->of[k].map, err);
    if (st == DS_OK)
        st = ds__pid_pair_keep(&t->work, t->words.text, 0, false, err);
    return st == DS_OK ? ds__pid_keep_estimate(&t->work, err) : st;
}

static ds_status run(ds_job *j, void *options, ds_error *err)
{
    trial *t = options;
    const ds_pid_options p = asked(t);
    ds_status st = draw_all(t, j, err);

    if (st == DS_OK)
        st = ds__pid_measure(&t->work, &p, err);
    if (st == DS_OK)
        st = ds__job_time(j, "measured", err);
    return st == DS_OK ? keep(t, j, err) : st;
}

static void clear(void *options)
{
    trial *t = options;

    for (int k = 0; k < 2; k++) {
        ds_free(t->of[k].prompt);
        ds_free(t->of[k].map);
        ds__picture_clear(&t->of[k].picture);
    }
    ds_free(t->atoms);
    ds__pid_work_clear(&t->work);
}

static const ds_option rows[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXT,
      .offset = offsetof(trial, prompt),
      .arg = "TEXT",
      .required = true,
      .help = "the prompt, which holds both words; the picture is drawn from it" },
    { .name = "words",
      .letter = 'w',
      .kind = DS_OPTION_WORDS,
      .offset = offsetof(trial, words),
      .arg = "A B",
      .required = true,
      .help = "the two words" },
    { .kind = DS_OPTION_BLOCK, .offset = offsetof(trial, common), .block = ds__pid_rows },
    { 0 },
};

const ds_method ds__method_pid_intervene = {
    .name = "pid-intervene",
    .purpose = "drop each of two words, same seed: the change beside their information",
    .paper = "DiffusionPID, arXiv:2406.05191",
    .description =
        "Draws the picture, draws it again without each word from the same noise, and measures the "
        "decomposition on the first one. A word whose information is redundant should be missed "
        "little, a unique one much: result.json holds the change of the latent (squared, summed) "
        "and of the picture (root mean square), and the correlation over latent pixels of the "
        "change with R, U, S and the word's information.",
    .example = "diffuscope pid intervene -m sd15 -p \"a cow and a goat\" --words cow goat "
               "--out drop",
    .results = "interventions: [{word, prompt, change_latent, change_picture_rms, "
               "correlation_over_pixels: {R, U_A, U_B, S, i}}]\n"
               "words, texts, informations, prior, atoms, ..., estimate: as of pid",
    .options = rows,
    .size = sizeof(trial),
    .fields = offsetof(trial, work),
    .parts = DS_JOB_FOLDER | DS_JOB_MODEL | DS_JOB_THREADS | DS_JOB_COMPUTE,
    .check = check,
    .run = run,
    .clear = clear,
};

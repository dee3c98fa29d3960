/* prompts.c - see prompts.h. */

#include "job/prompts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/rng.h>

enum { LONGEST = 1 << 16 }; /* bytes of a line */

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for prompts");
}

static ds_status add(prompt_list *l, const char *text, ds_error *err)
{
    if (l->count == l->room) {
        int64_t room = l->room == 0 ? 64 : 2 * l->room;
        char **more = ds_calloc((size_t)room, sizeof *more);

        if (more == NULL)
            return no_memory(err);
        if (l->count > 0)
            memcpy(more, l->text, (size_t)l->count * sizeof *more);
        ds_free(l->text);
        l->text = more;
        l->room = room;
    }
    l->text[l->count] = ds_strdup(text);
    return l->text[l->count++] != NULL ? DS_OK : no_memory(err);
}

ds_status ds__prompts_add_file(prompt_list *l, const char *path, ds_error *err)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    ds_status st = DS_OK;

    if (f == NULL)
        return ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    while (st == DS_OK && (n = getline(&line, &room, f)) >= 0) {
        while (n > 0 && strchr("\r\n \t", line[n - 1]) != NULL)
            line[--n] = '\0';
        if (n > LONGEST || strlen(line) != (size_t)n)
            st = ds_fail(err, DS_E_FORMAT, "%s: expected lines of text below %d bytes", path,
                         LONGEST);
        else if (n > 0)
            st = add(l, line, err);
    }
    if (st == DS_OK && ferror(f))
        st = ds_fail(err, DS_E_IO, "%s: could not be read", path);
    free(line);
    if (f != stdin)
        fclose(f);
    return st;
}

void ds__prompts_free(prompt_list *l)
{
    for (int64_t i = 0; i < l->count; i++)
        ds_free(l->text[i]);
    ds_free(l->text);
    *l = (prompt_list){ 0 };
}

/* ---- templates ------------------------------------------------------------------------------- */

/* The lines "word<TAB>kind" of a file, cut in two in place. */
static ds_status read_words(prompt_list *words, const char *path, ds_error *err)
{
    ds_status st = ds__prompts_add_file(words, path, err);

    for (int64_t i = 0; st == DS_OK && i < words->count; i++) {
        char *tab = strchr(words->text[i], '\t');

        if (tab == NULL || tab[1] == '\0' || tab == words->text[i])
            st = ds_fail(err, DS_E_FORMAT, "%s: expected word, tab, kind; found \"%.60s\"", path,
                         words->text[i]);
        else
            *tab = '\0';
    }
    return st;
}

static const char *kind_of(const char *word)
{
    return word + strlen(word) + 1;
}

/* One of the words of a kind, NULL if there is none. */
static const char *draw(const prompt_list *words, const char *kind, size_t length, ds_rng *rng)
{
    int64_t count = 0, pick;

    for (int64_t i = 0; i < words->count; i++)
        count += strlen(kind_of(words->text[i])) == length &&
                 memcmp(kind_of(words->text[i]), kind, length) == 0;
    if (count == 0)
        return NULL;
    pick = (int64_t)(ds_rng_u64(rng) % (uint64_t)count);
    for (int64_t i = 0;; i++)
        if (strlen(kind_of(words->text[i])) == length &&
            memcmp(kind_of(words->text[i]), kind, length) == 0 && pick-- == 0)
            return words->text[i];
}

static ds_status fill(prompt_list *l, const char *text, const prompt_list *words, ds_rng *rng,
                      ds_error *err)
{
    char *out = NULL;
    size_t bytes;
    FILE *to = open_memstream(&out, &bytes);
    ds_status st = to != NULL ? DS_OK : no_memory(err);

    while (st == DS_OK && *text != '\0') {
        const char *close = *text == '{' ? strchr(text, '}') : NULL;
        const char *word;

        if (close == NULL) {
            fputc(*text++, to);
            continue;
        }
        word = draw(words, text + 1, (size_t)(close - text - 1), rng);
        if (word == NULL)
            st = ds_fail(err, DS_E_ARG,
                         "the words of a template (template-data) have none of the kind \"%.*s\"",
                         (int)(close - text - 1), text + 1);
        else
            fputs(word, to);
        text = close + 1;
    }
    if (to != NULL && fclose(to) != 0 && st == DS_OK)
        st = no_memory(err);
    if (st == DS_OK)
        st = add(l, out, err);
    free(out);
    return st;
}

static ds_status add_template(prompt_list *l, const ds_job *j, const prompt_options *o,
                              uint64_t seed, ds_error *err)
{
    prompt_list words = { 0 };
    ds_rng rng;
    ds_status st = o->data != NULL
                       ? read_words(&words, o->data, err)
                       : ds_fail(err, DS_E_ARG, "%s needs %s FILE", ds__job_name(j, "template"),
                                 ds__job_name(j, "template-data"));

    ds_rng_init(&rng, DS_RNG_TORCH_CPU, seed);
    for (int64_t i = 0; st == DS_OK && i < o->count; i++)
        st = fill(l, o->template, &words, &rng, err);
    ds__prompts_free(&words);
    return st;
}

ds_status ds__prompts_read(prompt_list *l, const ds_job *j, const prompt_options *o, uint64_t seed,
                           ds_error *err)
{
    ds_status st = DS_OK;

    for (int64_t i = 0; st == DS_OK && i < o->prompt.count; i++)
        st = add(l, o->prompt.text[i], err);
    if (st == DS_OK && o->file != NULL)
        st = ds__prompts_add_file(l, o->file, err);
    if (st == DS_OK && o->template != NULL)
        st = add_template(l, j, o, seed, err);
    if (st == DS_OK && l->count == 0)
        st = ds_fail(err, DS_E_ARG, "%s TEXT is needed (or %s FILE, %s TEXT)",
                     ds__job_name(j, "prompt"), ds__job_name(j, "prompts"),
                     ds__job_name(j, "template"));
    return st;
}

#define AT(field) offsetof(prompt_options, field)

const ds_option ds__prompt_rows[] = {
    { .name = "prompt",
      .letter = 'p',
      .kind = DS_OPTION_TEXTS,
      .offset = AT(prompt),
      .arg = "TEXT",
      .help = "what to draw; several are drawn one after another, each --batch-count times" },
    { .name = "prompts",
      .kind = DS_OPTION_FILE,
      .offset = AT(file),
      .arg = "FILE",
      .help = "file of prompts, one a line; - is standard input" },
    { .name = "template",
      .kind = DS_OPTION_TEXT,
      .offset = AT(template),
      .arg = "TEXT",
      .help = "prompts from a template such as \"{numeral} {noun}\": each name in braces becomes a "
              "word of that kind" },
    { .name = "template-data",
      .kind = DS_OPTION_FILE,
      .offset = AT(data),
      .arg = "FILE",
      .help = "words of a template: lines of word, tab, kind" },
    { .name = "template-count",
      .kind = DS_OPTION_INT,
      .offset = AT(count),
      .arg = "N",
      .standard = "10",
      .min = 1,
      .max = 100000,
      .help = "prompts to make from a template; words are drawn with --seed" },
    { 0 },
};

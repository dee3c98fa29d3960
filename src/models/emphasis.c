/* emphasis.c - see emphasis.h. */

#include "models/emphasis.h"

#include <ctype.h>
#include <diffuscope/tokenizer.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Everything is allocated for the worst case: a run for each byte. */
typedef struct reader {
    const char *prompt;
    size_t at, used;
    ds_emphasised *out;
    size_t *open; /* runs at which brackets opened, round and square apart */
    size_t *square;
    size_t opened, squares;
} reader;

static const double STEP = 1.1;

static bool is_break(const reader *r)
{
    const char *p = r->prompt + r->at;

    if (strncmp(p, "BREAK", 5) != 0 || isalnum((unsigned char)p[5]) || p[5] == '_')
        return false;
    return r->at == 0 || !(isalnum((unsigned char)p[-1]) || p[-1] == '_' || (p[-1] & 0x80));
}

/* Length of ":1.3)" with white space inside, or 0. */
static size_t number_at(const char *p, double *weight)
{
    const char *from = p + 1, *end;
    char *stop;

    if (*p != ':')
        return 0;
    while (isspace((unsigned char)*from))
        from++;
    end = from + (*from == '+' || *from == '-');
    while (isdigit((unsigned char)*end) || *end == '.')
        end++;
    *weight = strtod(from, &stop);
    if (stop != end || end == from || !isfinite(*weight))
        return 0;
    while (isspace((unsigned char)*end))
        end++;
    return *end == ')' ? (size_t)(end - p) + 1 : 0;
}

static void begin_run(reader *r, bool breaks)
{
    ds_emphasis_run *run = &r->out->run[r->out->runs++];

    *run = (ds_emphasis_run){ r->used, r->used, 1.0, breaks };
}

/* `bytes` of the prompt as text. Runs are begun at every bracket and joined later. */
static void take(reader *r, size_t bytes)
{
    if (r->out->runs == 0 || r->out->run[r->out->runs - 1].breaks)
        begin_run(r, false);
    for (size_t i = 0; i < bytes; i++) {
        r->out->origin[r->used] = (uint32_t)(r->at + i);
        r->out->text[r->used++] = r->prompt[r->at + i];
    }
    r->out->run[r->out->runs - 1].end = r->used;
    r->at += bytes;
}

static void multiply(reader *r, size_t from, double by)
{
    for (size_t i = from; i < r->out->runs; i++)
        r->out->run[i].weight *= by;
    begin_run(r, false);
}

static void open_bracket(reader *r, size_t *stack, size_t *depth)
{
    stack[(*depth)++] = r->out->runs;
    begin_run(r, false);
    r->at++;
}

static void close_bracket(reader *r, size_t *stack, size_t *depth, double by, size_t bytes)
{
    multiply(r, stack[--*depth], by);
    r->at += bytes;
}

/* A BREAK takes the white space around it, and one byte of text so that it has a place. */
static void take_break(reader *r)
{
    begin_run(r, true);
    r->out->origin[r->used] = (uint32_t)r->at;
    r->out->text[r->used++] = ' ';
    r->out->run[r->out->runs - 1].end = r->used;
    r->at += 5;
}

static void step(reader *r)
{
    const char *p = r->prompt + r->at;
    double weight;
    size_t number = number_at(p, &weight);

    if (*p == '\\' && p[1] != '\0' && strchr("()[]\\", p[1]) != NULL) {
        r->at++;
        take(r, 1);
    } else if (*p == '(') {
        open_bracket(r, r->open, &r->opened);
    } else if (*p == '[') {
        open_bracket(r, r->square, &r->squares);
    } else if (number > 0 && r->opened > 0) {
        close_bracket(r, r->open, &r->opened, weight, number);
    } else if (*p == ')' && r->opened > 0) {
        close_bracket(r, r->open, &r->opened, STEP, 1);
    } else if (*p == ']' && r->squares > 0) {
        close_bracket(r, r->square, &r->squares, 1 / STEP, 1);
    } else if (is_break(r)) {
        take_break(r);
    } else {
        take(r, number > 0 ? number : 1);
    }
}

/* Neighbours of one weight are one text; empty runs go. */
static void join(ds_emphasised *e)
{
    size_t n = 0;

    for (size_t i = 0; i < e->runs; i++) {
        const ds_emphasis_run run = e->run[i];

        if (run.begin == run.end)
            continue;
        if (n > 0 && !run.breaks && !e->run[n - 1].breaks && e->run[n - 1].weight == run.weight)
            e->run[n - 1].end = run.end;
        else
            e->run[n++] = run;
    }
    e->runs = n;
}

ds_status ds__emphasis_read(ds_emphasised *out, const char *prompt, ds_error *err)
{
    const size_t n = strlen(prompt);
    reader r = { .prompt = prompt, .out = out };

    *out =
        (ds_emphasised){ .text = ds_calloc(n + 1, 1),
                         .origin = ds_calloc(n + 1, sizeof *out->origin),
                         /* a bracket begins a run where it opens and one where it closes, and text
                             * behind a BREAK another */
                         .run = ds_calloc(2 * n + 2, sizeof *out->run) };
    r.open = ds_calloc(n + 1, sizeof *r.open);
    r.square = ds_calloc(n + 1, sizeof *r.square);
    if (out->text != NULL && out->origin != NULL && out->run != NULL && r.open != NULL &&
        r.square != NULL) {
        while (prompt[r.at] != '\0')
            step(&r);
        while (r.opened > 0)
            close_bracket(&r, r.open, &r.opened, STEP, 0);
        while (r.squares > 0)
            close_bracket(&r, r.square, &r.squares, 1 / STEP, 0);
        join(out);
        ds_free(r.open);
        ds_free(r.square);
        return DS_OK;
    }
    ds_free(r.open);
    ds_free(r.square);
    ds__emphasis_free(out);
    return ds_fail(err, DS_E_NOMEM, "no memory for a prompt of %zu bytes", n);
}

void ds__emphasis_free(ds_emphasised *e)
{
    ds_free(e->text);
    ds_free(e->origin);
    ds_free(e->run);
    *e = (ds_emphasised){ 0 };
}

ds_status ds__emphasis_found(bool *found, const char *prompt, ds_error *err)
{
    ds_emphasised e;
    ds_status st = ds__emphasis_read(&e, prompt, err);

    *found = false;
    for (size_t i = 0; st == DS_OK && i < e.runs; i++)
        *found = *found || e.run[i].breaks || e.run[i].weight != 1.0;
    ds__emphasis_free(&e);
    return st;
}

bool ds_prompt_emphasises(const char *prompt)
{
    bool found;

    return ds__emphasis_found(&found, prompt, NULL) == DS_OK && found;
}

ds_status ds_emphasis_parse(ds_emphasis *out, const char *word, ds_error *err)
{
    static const char *const words[] = { "none", "a1111", "comfy" };

    for (int i = 0; i < (int)DS_COUNT(words); i++)
        if (strcmp(word, words[i]) == 0) {
            *out = (ds_emphasis)i;
            return DS_OK;
        }
    return ds_fail(err, DS_E_ARG, "emphasis: expected none, a1111 or comfy, found \"%s\"", word);
}

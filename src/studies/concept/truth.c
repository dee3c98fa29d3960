/* truth.c - see truth.h. */

#include "studies/concept/truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <diffuscope/option.h>

#include "base/file.h"

static ds_status bad_line(const char *path, int64_t line, ds_error *err)
{
    return ds_fail(
        err, DS_E_FORMAT,
        "%s:%lld: expected KIND, WORD, ANSWER|ANSWER and perhaps one number or two between tabs, "
        "with KIND one of %s",
        path, (long long)line, QUESTION_KINDS);
}

static ds_status read_number(double *out, const char *text, const char *path, int64_t line,
                             ds_error *err)
{
    char *end;

    *out = NAN;
    if (text == NULL)
        return DS_OK;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out) ? DS_OK : bad_line(path, line, err);
}

static ds_status read_line(truth *t, const char *path, char *line, int64_t number, ds_error *err)
{
    question *q = &t->q[t->n];
    char *field[5] = { NULL }, *rest = line, *answers;
    int place;
    ds_status st;

    for (int i = 0; i < 5 && rest != NULL; i++)
        field[i] = strsep(&rest, "\t");
    place = field[0] != NULL ? ds_choice_place(QUESTION_KINDS, field[0]) : -1;
    if (place < 0 || field[1] == NULL || field[2] == NULL || field[1][0] == '\0')
        return bad_line(path, number, err);
    *q = (question){ .kind = (question_kind)place, .share = NAN, .ratio = NAN };
    st = read_number(&q->truth, field[3], path, number, err);
    if (st == DS_OK)
        st = read_number(&q->drawn, field[4], path, number, err);
    if (st != DS_OK)
        return st;
    q->word = ds__arena_printf(&t->arena, "%s", field[1]);
    answers = ds__arena_printf(&t->arena, "%s", field[2]);
    if (q->word == NULL || answers == NULL)
        return ds_fail(err, DS_E_NOMEM, "no memory for a question");
    while (answers != NULL && q->answers < MOST_ANSWERS)
        q->answer[q->answers++] = strsep(&answers, "|");
    if ((q->kind == SHARE || q->kind == SENSES) && q->answers != 2)
        return bad_line(path, number, err);
    t->n++;
    return DS_OK;
}

ds_status ds__truth_read(truth *out, const char *path, int kind, int64_t limit, ds_error *err)
{
    char *text, *line, *rest;
    size_t size;
    int64_t number = 0, taken[KINDS] = { 0 };
    ds_status st = ds__file_read(&text, &size, path, (size_t)16 << 20, err);

    if (st != DS_OK)
        return st;
    out->q = ds__arena_alloc(&out->arena, MOST_LINES * sizeof *out->q);
    if (out->q == NULL)
        st = ds_fail(err, DS_E_NOMEM, "no memory for questions");
    for (line = strtok_r(text, "\r\n", &rest); st == DS_OK && line != NULL;
         line = strtok_r(NULL, "\r\n", &rest)) {
        number++;
        if (line[0] == '#')
            continue;
        if (out->n == MOST_LINES)
            st = ds_fail(err, DS_E_FORMAT, "%s: more than %d questions", path, MOST_LINES);
        if (st == DS_OK)
            st = read_line(out, path, line, number, err);
        if (st == DS_OK && ((kind < KINDS && out->q[out->n - 1].kind != (question_kind)kind) ||
                            (limit > 0 && taken[out->q[out->n - 1].kind] >= limit)))
            out->n--;
        else if (st == DS_OK)
            taken[out->q[out->n - 1].kind]++;
    }
    ds_free(text);
    if (st == DS_OK && out->n == 0)
        st = ds_fail(err, DS_E_NOMATCH, "%s: no question of the kind that is asked for", path);
    return st;
}

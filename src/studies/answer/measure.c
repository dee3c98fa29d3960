/* measure.c - the statistics of one measure. See answer.h.
 *
 * A condition's mean is over all of its items, with the interval of stats/crossed.h. Two conditions are
 * compared on what they share: for each prompt and seed that both have (or, where they have no prompt
 * in common, for each seed) the mean of one less that of the other. Where they share nothing, the means are
 * compared. The mean of these differences has
 * the error of stats/crossed.h, and t = mean / error with units - 1 degrees of freedom gives p and the
 * interval, so that the two agree. */

#include "studies/answer/answer.h"

#include <math.h>
#include <stdlib.h>

#include <diffuscope/stats.h>

#include "stats/power.h"
#include "stats/student.h"

static ds_status no_memory(ds_error *err)
{
    return ds_fail(err, DS_E_NOMEM, "no memory for statistics");
}

/* ---- cells ------------------------------------------------------------------------------------- */

/* The items of one condition, prompt and seed, which are mostly one. */
typedef struct cell {
    int64_t condition, prompt, seed;
    double sum;
    int64_t count;
} cell;

/* Cells by condition: cell[start[c] .. start[c + 1]), sorted by prompt and seed; and room for a sample. */
typedef struct cells {
    cell *cell;
    int64_t count, *start;
    double *x;
    int64_t *prompt, *seed;
} cells;

static int by_place(const void *a, const void *b)
{
    const cell *x = a, *y = b;

    if (x->condition != y->condition)
        return x->condition < y->condition ? -1 : 1;
    if (x->prompt != y->prompt)
        return x->prompt < y->prompt ? -1 : 1;
    return (x->seed > y->seed) - (x->seed < y->seed);
}

static double value_at(const answer_statistics *s, int64_t row)
{
    const answer_measure *m = &s->table->measure[s->measure];

    return row < m->room ? m->value[row] : NAN;
}

static void cells_free(cells *c)
{
    ds_free(c->cell);
    ds_free(c->start);
    ds_free(c->x);
    ds_free(c->prompt);
    ds_free(c->seed);
}

/* Sorts, and joins what is of one place. */
static void join(cells *c)
{
    int64_t n = 0;

    qsort(c->cell, (size_t)c->count, sizeof *c->cell, by_place);
    for (int64_t i = 0; i < c->count; i++) {
        if (n > 0 && by_place(&c->cell[n - 1], &c->cell[i]) == 0) {
            c->cell[n - 1].sum += c->cell[i].sum;
            c->cell[n - 1].count++;
        } else {
            c->cell[n++] = c->cell[i];
        }
    }
    c->count = n;
}

/* `prompts` false: the prompt does not tell cells apart. */
static ds_status cells_make(cells *c, const answer_statistics *s, bool prompts, ds_error *err)
{
    const answer_table *t = s->table;
    const size_t room = (size_t)t->rows + 1;

    *c = (cells){ .cell = ds_calloc(room, sizeof *c->cell),
                  .start = ds_calloc((size_t)s->conditions + 1, sizeof *c->start),
                  .x = ds_calloc(room, sizeof *c->x),
                  .prompt = ds_calloc(room, sizeof *c->prompt),
                  .seed = ds_calloc(room, sizeof *c->seed) };
    if (!c->cell || !c->start || !c->x || !c->prompt || !c->seed)
        return no_memory(err);
    for (int64_t r = 0; r < t->rows; r++)
        if (!isnan(value_at(s, r)))
            c->cell[c->count++] =
                (cell){ t->part[ANSWER_CONDITION].of[r], prompts ? t->part[ANSWER_PROMPT].of[r] : 0,
                        t->part[ANSWER_SEED].of[r], value_at(s, r), 1 };
    join(c);
    for (int64_t k = 0, i = 0; k <= s->conditions; k++) {
        while (i < c->count && c->cell[i].condition < k)
            i++;
        c->start[k] = i;
    }
    return DS_OK;
}

static ds_crossed sample_of(const cells *c, int64_t n)
{
    return (ds_crossed){ c->x, c->prompt, c->seed, n };
}

/* ---- conditions -------------------------------------------------------------------------------- */

/* Rows with a value, by condition: order[start[k] .. start[k + 1]). */
typedef struct rows_of {
    int64_t *start, *order;
} rows_of;

static ds_status rows_make(rows_of *o, const answer_statistics *s, ds_error *err)
{
    const int64_t *condition = s->table->part[ANSWER_CONDITION].of;

    o->start = ds_calloc((size_t)s->conditions + 2, sizeof *o->start);
    o->order = ds_calloc((size_t)s->table->rows + 1, sizeof *o->order);
    if (o->start == NULL || o->order == NULL)
        return no_memory(err);
    for (int64_t r = 0; r < s->table->rows; r++)
        o->start[condition[r] + 2] += !isnan(value_at(s, r));
    for (int64_t k = 2; k < s->conditions + 2; k++)
        o->start[k] += o->start[k - 1];
    for (int64_t r = 0; r < s->table->rows; r++)
        if (!isnan(value_at(s, r)))
            o->order[o->start[condition[r] + 1]++] = r;
    return DS_OK;
}

static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* How many different numbers there are among n; work [n]. */
static int64_t distinct(const int64_t *x, int64_t n, int64_t *work)
{
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++)
        work[i] = x[i];
    qsort(work, (size_t)n, sizeof *work, by_number);
    for (int64_t i = 0; i < n; i++)
        count += i == 0 || work[i] != work[i - 1];
    return count;
}

/* All items of the condition, one by one: a cell of two items is two values. */
static ds_status one_condition(answer_statistics *s, cells *c, const rows_of *rows, int64_t k,
                               int64_t *work, ds_error *err)
{
    const answer_factor *part = s->table->part;
    answer_condition *to = &s->condition[k];
    const int64_t n = rows->start[k + 1] - rows->start[k];
    const ds_crossed sample = sample_of(c, n);

    for (int64_t i = 0; i < n; i++) {
        const int64_t r = rows->order[rows->start[k] + i];

        c->x[i] = value_at(s, r);
        c->prompt[i] = part[ANSWER_PROMPT].of[r];
        c->seed[i] = part[ANSWER_SEED].of[r];
    }
    to->prompts = distinct(c->prompt, n, work);
    to->seeds = distinct(c->seed, n, work);
    to->truth = NAN;
    return ds__crossed_mean(&to->mean, &sample, (ds_over)s->options->over, err);
}

static ds_status all_conditions(answer_statistics *s, cells *c, ds_error *err)
{
    int64_t *work = ds_calloc((size_t)s->table->rows + 1, sizeof *work);
    rows_of rows = { NULL, NULL };
    ds_status st = work != NULL ? rows_make(&rows, s, err) : no_memory(err);

    for (int64_t k = 0; st == DS_OK && k < s->conditions; k++)
        st = one_condition(s, c, &rows, k, work, err);
    ds_free(work);
    ds_free(rows.start);
    ds_free(rows.order);
    return st;
}

/* ---- pairs ------------------------------------------------------------------------------------- */

/* Differences a - b at the places that both have; both lists are sorted. */
static int64_t differences(cells *c, int64_t a, int64_t b)
{
    int64_t n = 0, i = c->start[a], j = c->start[b];

    while (i < c->start[a + 1] && j < c->start[b + 1]) {
        cell x = c->cell[i], y = c->cell[j];
        int order;

        x.condition = y.condition;
        order = by_place(&x, &y);
        if (order == 0) {
            c->x[n] = x.sum / (double)x.count - y.sum / (double)y.count;
            c->prompt[n] = x.prompt;
            c->seed[n++] = x.seed;
        }
        i += order <= 0;
        j += order >= 0;
    }
    return n;
}

/* Where all differences are alike t is not defined: of n units, by luck alone all would have one sign
 * with a chance of 2^(1-n). */
static double p_of(const ds_crossed_mean *m)
{
    if (m->units < 2)
        return NAN;
    if (m->value.se > 0.0)
        return ds__t_p_value(m->value.value / m->value.se, (double)(m->units - 1));
    return m->value.value == 0.0 ? 1.0 : ldexp(1.0, (int)(m->units < 1000 ? 1 - m->units : -999));
}

/* Of conditions that share nothing: the difference of their means, t with the degrees of freedom of B. L. Welch
 * (Biometrika 34 (1947) 28), which is less than those of both together. */
static void apart(answer_pair *p, const ds_crossed_mean *a, const ds_crossed_mean *b)
{
    const double va = a->value.se * a->value.se, vb = b->value.se * b->value.se;
    const double df = (va + vb) * (va + vb) /
                      (va * va / (double)(a->units - 1) + vb * vb / (double)(b->units - 1));

    p->mean = (ds_crossed_mean){ .value = { a->value.value - b->value.value, NAN, NAN, NAN,
                                            a->value.count + b->value.count },
                                 .over = a->over };
    p->p = NAN;
    if (a->units < 2 || b->units < 2 || !(va + vb > 0.0))
        return;
    p->mean.kind = DS_INTERVAL_T;
    p->mean.units = (int64_t)df + 1;
    p->mean.value = ds__t_interval(p->mean.value.value, sqrt(va + vb), df, p->mean.value.count);
    p->p = ds__t_p_value(p->mean.value.value / sqrt(va + vb), df);
}

static ds_status one_pair(answer_statistics *s, cells *c, answer_pair *p, ds_error *err)
{
    const int64_t n = differences(c, p->a, p->b);
    const ds_crossed sample = sample_of(c, n);
    ds_status st = DS_OK;

    if (s->paired == ANSWER_UNPAIRED) {
        apart(p, &s->condition[p->a].mean, &s->condition[p->b].mean);
    } else {
        st = ds__crossed_mean(&p->mean, &sample, (ds_over)s->options->over, err);
        p->p = st == DS_OK ? p_of(&p->mean) : NAN;
        if (p->mean.units > 1) {
            p->mean.kind = DS_INTERVAL_T;
            p->mean.value = ds__t_interval(p->mean.value.value, p->mean.value.se,
                                           (double)(p->mean.units - 1), n);
        }
    }
    s->tested += !isnan(p->p);
    return st;
}

/* Have all conditions two places in common? Asked of neighbours, which is enough for plans. */
static bool shares_places(cells *c, int64_t conditions)
{
    for (int64_t k = 0; k + 1 < conditions; k++)
        if (differences(c, k, k + 1) < 2)
            return false;
    return true;
}

/* Pairs are of one prompt and seed; where conditions have none in common, of one seed; else there are none. */
static ds_status choose_places(answer_statistics *s, cells *c, ds_error *err)
{
    ds_status st;

    s->paired = ANSWER_BY_PROMPT;
    if (shares_places(c, s->conditions))
        return DS_OK;
    cells_free(c);
    st = cells_make(c, s, false, err);
    if (st == DS_OK)
        s->paired = shares_places(c, s->conditions) ? ANSWER_BY_SEED : ANSWER_UNPAIRED;
    return st;
}

/* Which pairs: each condition with the baseline; or each with each, where they are not too many. */
static ds_status choose_pairs(answer_statistics *s, ds_error *err)
{
    const int64_t n = s->conditions;

    s->all_pairs = s->baseline < 0 && n <= ANSWER_ALL_PAIRS;
    s->pairs = s->baseline >= 0 ? n - 1 : s->all_pairs ? n * (n - 1) / 2 : 0;
    s->pair = ds_calloc((size_t)s->pairs + 1, sizeof *s->pair);
    if (s->pair == NULL)
        return no_memory(err);
    for (int64_t a = 0, k = 0; s->pairs > 0 && a < n; a++) {
        if (s->baseline >= 0 && a != s->baseline)
            s->pair[k++] = (answer_pair){ .a = a, .b = s->baseline };
        for (int64_t b = a + 1; s->all_pairs && b < n; b++)
            s->pair[k++] = (answer_pair){ .a = a, .b = b };
    }
    return DS_OK;
}

static ds_status correct(answer_statistics *s, ds_error *err)
{
    double *p = ds_calloc((size_t)s->pairs + 1, sizeof *p);
    ds_status st;

    if (p == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < s->pairs; i++)
        p[i] = s->pair[i].p;
    st = ds__correct(p, p, s->pairs, (ds_correction)s->options->correction, err);
    for (int64_t i = 0; i < s->pairs; i++) {
        s->pair[i].corrected = p[i];
        s->found += p[i] < ANSWER_LEVEL;
    }
    ds_free(p);
    return st;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The median error of the pairs that have one above zero, and what it lets see. */
static ds_status size_up(answer_statistics *s, ds_error *err)
{
    double *se = ds_calloc(2 * (size_t)s->pairs + 2, sizeof *se), *units = se + s->pairs + 1;
    int64_t n = 0;

    if (se == NULL)
        return no_memory(err);
    for (int64_t i = 0; i < s->pairs; i++)
        if (s->pair[i].mean.units > 1 && s->pair[i].mean.value.se > 0.0) {
            se[n] = s->pair[i].mean.value.se;
            units[n++] = (double)s->pair[i].mean.units;
        }
    qsort(se, (size_t)n, sizeof *se, by_value);
    qsort(units, (size_t)n, sizeof *units, by_value);
    s->se = s->effect = s->corrected = NAN;
    if (n > 0) {
        s->se = se[n / 2];
        s->units = (int64_t)units[n / 2];
        s->effect = s->se * ds__power_effect((double)(s->units - 1), ANSWER_LEVEL, ANSWER_POWER);
        s->corrected = s->se * ds__power_effect((double)(s->units - 1),
                                                ANSWER_LEVEL / (double)s->tested, ANSWER_POWER);
    }
    ds_free(se);
    return DS_OK;
}

/* A condition may stand behind those that are found to be larger, and before those that are found to be
 * smaller: places that hold for all conditions together, with the chance that the correction keeps
 * (M. Mogstad and others, Review of Economic Studies 91 (2024) 476, section 3). */
static void rank(answer_statistics *s)
{
    if (!s->all_pairs || s->options->correction == DS_CORRECTION_NONE)
        return;
    for (int64_t k = 0; k < s->conditions; k++) {
        s->condition[k].rank_low = 1;
        s->condition[k].rank_high = s->conditions;
    }
    for (int64_t i = 0; i < s->pairs; i++) {
        const answer_pair *p = &s->pair[i];
        const bool first = p->mean.value.value > 0.0;

        if (!(p->corrected < ANSWER_LEVEL))
            continue;
        s->condition[first ? p->b : p->a].rank_low++;
        s->condition[first ? p->a : p->b].rank_high--;
    }
}

/* ---- all of it --------------------------------------------------------------------------------- */

static ds_status find_baseline(answer_statistics *s, ds_error *err)
{
    const answer_factor *f = &s->table->part[ANSWER_CONDITION];
    const char *name = s->options->baseline;
    const json_t *k = name != NULL ? json_object_get(f->number, name) : NULL;

    s->baseline = k != NULL ? (int64_t)json_integer_value(k) : -1;
    return name == NULL || k != NULL
               ? DS_OK
               : ds_fail(err, DS_E_NOMATCH,
                         "no condition is called \"%.80s\"; the first is \"%.80s\"", name,
                         f->count > 0 ? f->name[0] : "");
}

ds_status ds__answer_measure(answer_statistics *s, const answer_table *t, const answer_options *o,
                             int64_t measure, ds_error *err)
{
    cells c = { 0 };
    ds_status st;

    *s = (answer_statistics){ .table = t, .options = o, .measure = measure };
    s->conditions = t->part[ANSWER_CONDITION].count;
    s->condition = ds_calloc((size_t)s->conditions + 1, sizeof *s->condition);
    st = s->condition != NULL ? find_baseline(s, err) : no_memory(err);
    if (st == DS_OK)
        st = cells_make(&c, s, true, err);
    if (st == DS_OK)
        st = all_conditions(s, &c, err);
    if (st == DS_OK)
        st = choose_places(s, &c, err);
    if (st == DS_OK)
        st = choose_pairs(s, err);
    for (int64_t i = 0; st == DS_OK && i < s->pairs; i++)
        st = one_pair(s, &c, &s->pair[i], err);
    if (st == DS_OK)
        st = correct(s, err);
    if (st == DS_OK)
        st = size_up(s, err);
    if (st == DS_OK)
        rank(s);
    cells_free(&c);
    return st;
}

void ds__answer_clear(answer_statistics *s)
{
    ds_free(s->condition);
    ds_free(s->pair);
    *s = (answer_statistics){ .pairs = 0 };
}

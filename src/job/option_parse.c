/* option_parse.c - from the text of an option to its value, with limits. */

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "job/option.h"
#include "job/shard.h"

static bool has_limits(const ds_option *o)
{
    return o->min < o->max;
}

static ds_status wrong(const option_entry *e, const char *expected, const char *found,
                       ds_error *err)
{
    return ds_fail(err, DS_E_ARG, "%s: expected %s, found \"%s\"", e->shown, expected, found);
}

static ds_status parse_flag(option_entry *e, const char *text, ds_error *err)
{
    e->whole = text == NULL || strcmp(text, "true") == 0;
    if (text == NULL || e->whole != 0 || strcmp(text, "false") == 0)
        return DS_OK;
    return wrong(e, "true or false", text, err);
}

static ds_status parse_int(option_entry *e, const char *text, ds_error *err)
{
    const ds_option *o = e->row;
    char expected[96];
    char *end;

    if (has_limits(o))
        snprintf(expected, sizeof expected, "a whole number from %.0f to %.0f", o->min, o->max);
    else
        snprintf(expected, sizeof expected, "a whole number");
    errno = 0;
    e->whole = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0)
        return wrong(e, expected, text, err);
    if (has_limits(o) && ((double)e->whole < o->min || (double)e->whole > o->max))
        return wrong(e, expected, text, err);
    return DS_OK;
}

static ds_status parse_real(option_entry *e, const char *text, ds_error *err)
{
    const ds_option *o = e->row;
    char expected[96];
    char *end;

    if (has_limits(o))
        snprintf(expected, sizeof expected, "a number from %g to %g", o->min, o->max);
    else
        snprintf(expected, sizeof expected, "a number");
    e->real = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(e->real))
        return wrong(e, expected, text, err);
    if (has_limits(o) && (e->real < o->min || e->real > o->max))
        return wrong(e, expected, text, err);
    return DS_OK;
}

static ds_status parse_share(option_entry *e, const char *text, ds_error *err)
{
    char *end;

    e->real = strtod(text, &end);
    if (end != text && strcmp(end, "%") == 0) {
        e->real /= 100;
        end++;
    }
    if (end == text || *end != '\0' || !(e->real >= 0) || !(e->real <= 1))
        return wrong(e, "a share such as 2% or 0.02", text, err);
    return DS_OK;
}

static ds_status parse_range(option_entry *e, const char *text, ds_error *err)
{
    ds_range *r = &e->range;
    char rest;

    if (sscanf(text, "%lf:%lf%c", &r->low, &r->high, &rest) != 2 || !isfinite(r->low) ||
        !isfinite(r->high) || r->low >= r->high)
        return wrong(e, "LOW:HIGH with LOW below HIGH", text, err);
    return DS_OK;
}

static ds_status parse_part(option_entry *e, const char *text, ds_error *err)
{
    long long part, parts;
    char rest;

    if (strcmp(text, "auto") == 0)
        return ds__shard_auto(&e->part, ds__shard_environment, NULL, err);
    if (sscanf(text, "%lld/%lld%c", &part, &parts, &rest) != 2 || part < 0 || part >= parts)
        return wrong(e, "I/N with I from 0 to N - 1, or auto", text, err);
    e->part = (ds_part_of){ part, parts };
    return DS_OK;
}

/* 32 bits, so that a person can type the seed that was drawn. */
static uint64_t random_seed(void)
{
    uint32_t r;

    if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
        r = (uint32_t)time(NULL) * 2654435761u;
    return r;
}

static ds_status parse_seed(option_entry *e, const char *text, ds_error *err)
{
    static const char *expected = "a whole number below 2^64, or -1 for a random one";
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *end;

    errno = 0;
    e->seed = strtoull(digits, &end, 10);
    if (!isdigit((unsigned char)digits[0]) || *end != '\0' || errno != 0)
        return wrong(e, expected, text, err);
    if (text[0] == '-' && e->seed != 0)
        e->seed = random_seed();
    return DS_OK;
}

int ds_choice_place(const char *choices, const char *word)
{
    size_t n = strlen(word);

    for (int i = 0;; i++) {
        size_t length = strcspn(choices, "|");

        if (length == n && memcmp(choices, word, n) == 0)
            return i;
        if (choices[length] == '\0')
            return -1;
        choices += length + 1;
    }
}

/* Splits "a|b|c" into at most `most` words inside `buf`; returns how many. */
static int split_choices(const char *choices, char *buf, size_t size, const char **words, int most)
{
    int n = 0;
    char *rest;

    snprintf(buf, size, "%s", choices);
    for (char *w = strtok_r(buf, "|", &rest); w != NULL && n < most; w = strtok_r(NULL, "|", &rest))
        words[n++] = w;
    return n;
}

static ds_status parse_choice(option_entry *e, const char *text, ds_error *err)
{
    const ds_option *o = e->row;
    char buf[512];
    const char *words[32], *near;
    int n = split_choices(o->choices, buf, sizeof buf, words, DS_COUNT(words));

    e->whole = ds_choice_place(o->choices, text);
    if (e->whole >= 0)
        return DS_OK;
    near = ds_near_match(text, words, n);
    if (near != NULL)
        return ds_fail(err, DS_E_ARG, "%s: expected one of %s, found \"%s\"; did you mean %s?",
                       e->shown, o->choices, text, near);
    return ds_fail(err, DS_E_ARG, "%s: expected one of %s, found \"%s\"", e->shown, o->choices,
                   text);
}

ds_status ds__option_parse(option_entry *e, const char *text, ds_error *err)
{
    if (text == NULL && e->row->kind != DS_OPTION_FLAG)
        return ds_fail(err, DS_E_ARG, "%s: expected %s, found nothing", e->shown,
                       e->row->arg != NULL ? e->row->arg : "a value");
    switch (e->row->kind) {
    case DS_OPTION_FLAG:
        return parse_flag(e, text, err);
    case DS_OPTION_INT:
        return parse_int(e, text, err);
    case DS_OPTION_SEED:
        return parse_seed(e, text, err);
    case DS_OPTION_REAL:
        return parse_real(e, text, err);
    case DS_OPTION_SHARE:
        return parse_share(e, text, err);
    case DS_OPTION_RANGE:
        return parse_range(e, text, err);
    case DS_OPTION_PART:
        return parse_part(e, text, err);
    case DS_OPTION_CHOICE:
        return parse_choice(e, text, err);
    case DS_OPTION_FILE:
    case DS_OPTION_OUTFILE:
    case DS_OPTION_OUTPATH:
    case DS_OPTION_OUTDIR:
    case DS_OPTION_STATE:
        return text[0] != '\0' ? DS_OK : wrong(e, "a path", text, err);
    case DS_OPTION_TEXT:
    case DS_OPTION_TEXTS:
    case DS_OPTION_WORDS:
    case DS_OPTION_BLOCK:
        break;
    }
    return DS_OK;
}

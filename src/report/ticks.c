/* ticks.c - see ticks.h. Pure functions. */

#include "report/ticks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Removes the zeros behind the point of the mantissa, and those in front of the exponent. */
static void tidy(char *text)
{
    char *e = strchr(text, 'e'), *point = strchr(text, '.');
    char tail[16] = "";
    char *end = e != NULL ? e : text + strlen(text);

    if (e != NULL)
        snprintf(tail, sizeof tail, "e%d", atoi(e + 1));
    if (point != NULL && point < end) {
        while (end[-1] == '0')
            end--;
        if (end[-1] == '.')
            end--;
    }
    memcpy(end, tail, strlen(tail) + 1);
    if (strcmp(text, "-0") == 0)
        memcpy(text, "0", 2);
}

void ds__number_text(char *buf, int size, double value, int digits)
{
    double a = fabs(value);
    char text[48];

    if (a == 0.0)
        snprintf(text, sizeof text, "0");
    else if (a < 1e-3 || a >= 1e6)
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
    else {
        int before = (int)floor(log10(a)) + 1;

        snprintf(text, sizeof text, "%.*f", digits > before ? digits - before : 0, value);
    }
    tidy(text);
    snprintf(buf, (size_t)size, "%s", text);
}

/* The step of 1, 2 or 5 times a power of ten that gives at most `most` intervals. */
static double round_step(double span, int most)
{
    double raw = span / most, power = pow(10.0, floor(log10(raw)));

    for (int i = 0; i < 4; i++) {
        static const double times[] = { 1.0, 2.0, 5.0, 10.0 };

        if (times[i] * power >= raw * (1.0 - 1e-6))
            return times[i] * power;
    }
    return 10.0 * power;
}

/* All labels of a scale have the digits that its step needs. */
static void label(char *buf, double value, double step, double largest)
{
    int decimals = (int)fmax(0.0, -floor(log10(step) + 1e-9));
    char text[64];

    if (fabs(value) < 1e-9 * step)
        snprintf(text, sizeof text, "0");
    else if (decimals > 4 || largest >= 1e6)
        snprintf(text, sizeof text, "%.*e",
                 (int)fmax(0.0, floor(log10(fabs(value)) + 1e-9) - floor(log10(step) + 1e-9)),
                 value);
    else
        snprintf(text, sizeof text, "%.*f", decimals, value);
    if (strchr(text, 'e') != NULL)
        tidy(text);
    snprintf(buf, DS_TICK_LABEL, "%.*s", DS_TICK_LABEL - 1, text);
}

void ds__ticks_linear(ds_ticks *t, double low, double high, int most)
{
    double step = round_step(high - low, most < 1 ? 1 : most < DS_TICKS ? most : DS_TICKS - 1);
    double first = ceil(low / step - 1e-6);

    t->count = 0;
    for (double k = first; t->count < DS_TICKS && k * step <= high + 1e-6 * step; k += 1.0) {
        t->at[t->count] = k * step;
        label(t->label[t->count], k * step, step, fmax(fabs(low), fabs(high)));
        t->count++;
    }
}

void ds__ticks_widen(double *low, double *high, int most)
{
    double step = round_step(*high - *low, most);

    *low = floor(*low / step + 1e-6) * step;
    *high = ceil(*high / step - 1e-6) * step;
}

static void add_log(ds_ticks *t, double value, double low, double high, bool written)
{
    if (t->count == DS_TICKS || value < low * (1.0 - 1e-9) || value > high * (1.0 + 1e-9))
        return;
    t->at[t->count] = value;
    t->label[t->count][0] = '\0';
    if (written)
        ds__number_text(t->label[t->count], DS_TICK_LABEL, value, 3);
    t->count++;
}

void ds__ticks_log(ds_ticks *t, double low, double high, int most)
{
    double from = floor(log10(low) + 1e-9), to = ceil(log10(high) - 1e-9);
    int every = (int)ceil((to - from) / (most < 1 ? 1 : most));

    t->count = 0;
    every = every < 1 ? 1 : every;
    for (double p = from; p <= to; p += 1.0) {
        bool written = fmod(p - from, every) == 0.0;

        add_log(t, pow(10.0, p), low, high, written);
        if (to - from <= 3.0) {
            add_log(t, 2.0 * pow(10.0, p), low, high, to - from <= 2.0);
            add_log(t, 5.0 * pow(10.0, p), low, high, to - from <= 2.0);
        }
    }
}

/* colors.c - colour maps, computed in OKLab (Ottosson 2020), where equal distances look equal. Pure
 * functions.
 *
 *   sequential   L = 0.16 + 0.80 x,  C = 0.06 + 0.115 sin(pi x),  hue from 275 to 465 degrees:
 *                dark violet over red and orange to light yellow. Lightness is linear in x, so the
 *                map reads in grey and for every colour blindness, and chroma stays inside sRGB.
 *                Steps differ by less than a tenth in length.
 *   diverging    L = 0.95 - 0.45 |s|, C = 0.13 |s| with s = 2x - 1, hue 255 (blue) below zero and
 *                50 (orange) above: both arms are straight lines in OKLab, equal in lightness.
 *   jet          the corners of matplotlib's map of that name, with which the DAAM
 *                package draws. */

#include "report/colors.h"

#include <math.h>

#define PI 3.14159265358979323846

static double to_srgb(double linear)
{
    double v = linear <= 0.0 ? 0.0 : linear >= 1.0 ? 1.0 : linear;

    return v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1.0 / 2.4) - 0.055;
}

static double to_linear(unsigned char level)
{
    double v = level / 255.0;

    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double cube(double x)
{
    return x * x * x;
}

/* Lightness, chroma and hue (degrees) of OKLab to sRGB in [0,1]. */
static void from_oklch(double rgb[3], double lightness, double chroma, double hue)
{
    double a = chroma * cos(hue * PI / 180.0), b = chroma * sin(hue * PI / 180.0);
    double l = cube(lightness + 0.3963377774 * a + 0.2158037573 * b);
    double m = cube(lightness - 0.1055613458 * a - 0.0638541728 * b);
    double s = cube(lightness - 0.0894841775 * a - 1.2914855480 * b);

    rgb[0] = to_srgb(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s);
    rgb[1] = to_srgb(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s);
    rgb[2] = to_srgb(-0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s);
}

double ds__oklab_lightness(const unsigned char rgb[3])
{
    double r = to_linear(rgb[0]), g = to_linear(rgb[1]), b = to_linear(rgb[2]);
    double l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    double m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    double s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);

    return 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
}

typedef struct corner {
    double x, y;
} corner;

static double along(const corner *c, int n, double x)
{
    for (int i = 1; i < n; i++)
        if (x <= c[i].x)
            return c[i - 1].y + (c[i].y - c[i - 1].y) * (x - c[i - 1].x) / (c[i].x - c[i - 1].x);
    return c[n - 1].y;
}

static void jet(double rgb[3], double x)
{
    static const corner red[] = { { 0, 0 }, { 0.35, 0 }, { 0.66, 1 }, { 0.89, 1 }, { 1, 0.5 } };
    static const corner green[] = { { 0, 0 },    { 0.125, 0 }, { 0.375, 1 },
                                    { 0.64, 1 }, { 0.91, 0 },  { 1, 0 } };
    static const corner blue[] = { { 0, 0.5 }, { 0.11, 1 }, { 0.34, 1 }, { 0.65, 0 }, { 1, 0 } };

    rgb[0] = along(red, DS_COUNT(red), x);
    rgb[1] = along(green, DS_COUNT(green), x);
    rgb[2] = along(blue, DS_COUNT(blue), x);
}

void ds_colors_at(unsigned char rgb[3], ds_colors colors, double x)
{
    double v[3], s;

    x = x > 0.0 ? x < 1.0 ? x : 1.0 : 0.0;
    s = 2.0 * x - 1.0;
    switch (colors) {
    case DS_COLORS_DIVERGING:
        from_oklch(v, 0.95 - 0.45 * fabs(s), 0.13 * fabs(s), s < 0.0 ? 255.0 : 50.0);
        break;
    case DS_COLORS_JET:
        jet(v, x);
        break;
    case DS_COLORS_SEQUENTIAL:
    default:
        from_oklch(v, 0.16 + 0.80 * x, 0.06 + 0.115 * sin(PI * x), 275.0 + 190.0 * x);
    }
    for (int i = 0; i < 3; i++)
        rgb[i] = (unsigned char)(255.0 * v[i] + 0.5);
}

void ds_colors_level(unsigned char rgb[3], ds_colors colors, int level)
{
    ds_colors_at(rgb, colors, level / (double)(DS_COLORS_LEVELS - 1));
}

void ds__colors_table(unsigned char table[DS_COLORS_LEVELS][3], ds_colors colors)
{
    for (int i = 0; i < DS_COLORS_LEVELS; i++)
        ds_colors_level(table[i], colors, i);
}

int ds__colors_index(double value, double low, double high)
{
    double x = (value - low) / (high - low);

    x = x > 0.0 ? x < 1.0 ? x : 1.0 : 0.0;
    return (int)(x * (DS_COLORS_LEVELS - 1) + 0.5);
}

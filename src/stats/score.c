/* score.c - overlap of masks, masks of maps, and thresholds that were not chosen on what they are
 * scored on. Sums run in index order and in double. */

#include <diffuscope/score.h>

#include <math.h>
#include <string.h>

#include "stats/student.h"

ds_overlap ds_mask_overlap(const uint8_t *a, const uint8_t *b, int64_t n)
{
    ds_overlap o = { 0, 0, 0 };

    for (int64_t i = 0; i < n; i++) {
        o.a += a[i] != 0;
        o.b += b[i] != 0;
        o.both += a[i] != 0 && b[i] != 0;
    }
    return o;
}

double ds_overlap_iou(ds_overlap o)
{
    int64_t any = o.a + o.b - o.both;

    return any > 0 ? (double)o.both / (double)any : NAN;
}

double ds_overlap_ioa(ds_overlap o)
{
    return o.a > 0 ? (double)o.both / (double)o.a : NAN;
}

/* ---- maps ------------------------------------------------------------------------------------ */

static const char *const mode_names[] = { "relative", "absolute", "of-max" };

ds_status ds_threshold_parse(ds_threshold *out, const char *name, ds_error *err)
{
    for (size_t i = 0; i < DS_COUNT(mode_names); i++)
        if (strcmp(name, mode_names[i]) == 0) {
            *out = (ds_threshold)i;
            return DS_OK;
        }
    return ds_fail(err, DS_E_NOMATCH,
                   "expected a threshold relative, absolute or of-max, found \"%s\"", name);
}

const char *ds_threshold_name(ds_threshold mode)
{
    return mode_names[mode];
}

/* value = (v - low) * scale. A constant map becomes zero, as with the package's divisor of 1e-8. */
static void scaling(double *low, double *scale, const float *map, int64_t n, ds_threshold mode)
{
    double min = INFINITY, max = -INFINITY;

    *low = 0.0;
    *scale = 1.0;
    if (mode == DS_THRESHOLD_ABSOLUTE)
        return;
    for (int64_t i = 0; i < n; i++) {
        min = map[i] < min ? map[i] : min;
        max = map[i] > max ? map[i] : max;
    }
    if (mode == DS_THRESHOLD_RELATIVE) {
        *low = min;
        *scale = max > min ? 1.0 / (max - min) : 0.0;
    } else {
        *scale = max > 0.0 ? 1.0 / max : 0.0;
    }
}

void ds_map_scale(float *out, const float *map, int64_t n, ds_threshold mode)
{
    double low, scale;

    scaling(&low, &scale, map, n, mode);
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(((double)map[i] - low) * scale);
}

void ds_map_mask(uint8_t *mask, const float *map, int64_t n, ds_threshold mode, double tau)
{
    double low, scale;

    scaling(&low, &scale, map, n, mode);
    for (int64_t i = 0; i < n; i++)
        mask[i] = ((double)map[i] - low) * scale > tau;
}

void ds_map_disc(float *map, int64_t height, int64_t width)
{
    double cy = (double)(height - 1) / 2.0, cx = (double)(width - 1) / 2.0;
    double far = sqrt(cy * cy + cx * cx);

    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            double dy = (double)y - cy, dx = (double)x - cx;

            map[y * width + x] = far > 0.0 ? (float)(1.0 - sqrt(dy * dy + dx * dx) / far) : 1.0F;
        }
}

double ds_map_mass(const float *map, const uint8_t *mask, int64_t n)
{
    double in = 0.0, all = 0.0;

    for (int64_t i = 0; i < n; i++) {
        all += map[i];
        in += mask[i] != 0 ? map[i] : 0.0;
    }
    return all > 0.0 ? in / all : NAN;
}

/* Taps of position `dst`: two neighbours and the weight of the second. */
static void taps(int64_t *i0, int64_t *i1, float *w1, int64_t dst, int64_t out_n, int64_t n)
{
    double at = ((double)dst + 0.5) * (double)n / (double)out_n - 0.5;
    int64_t i = (int64_t)floor(at);

    *w1 = (float)(at - (double)i);
    *i0 = i < 0 ? 0 : i > n - 1 ? n - 1 : i;
    *i1 = i + 1 < 0 ? 0 : i + 1 > n - 1 ? n - 1 : i + 1;
}

void ds_map_resize(float *out, int64_t out_h, int64_t out_w, const float *map, int64_t h, int64_t w)
{
    for (int64_t y = 0; y < out_h; y++) {
        int64_t y0, y1;
        float wy;

        taps(&y0, &y1, &wy, y, out_h, h);
        for (int64_t x = 0; x < out_w; x++) {
            int64_t x0, x1;
            float wx, up, down;

            taps(&x0, &x1, &wx, x, out_w, w);
            up = map[y0 * w + x0] * (1.0F - wx) + map[y0 * w + x1] * wx;
            down = map[y1 * w + x0] * (1.0F - wx) + map[y1 * w + x1] * wx;
            out[y * out_w + x] = up * (1.0F - wy) + down * wy;
        }
    }
}

/* ---- sweeps ---------------------------------------------------------------------------------- */

/* Thresholds that v exceeds: those before the first one at or above it. */
static int64_t exceeded(const double *tau, int64_t taus, double v)
{
    int64_t first = 0, end = taus;

    while (first < end) {
        int64_t mid = first + (end - first) / 2;

        if (v > tau[mid])
            first = mid + 1;
        else
            end = mid;
    }
    return first;
}

ds_status ds_score_sweep(float *iou, const float *map, const uint8_t *truth, int64_t n,
                         ds_threshold mode, const double *tau, int64_t taus, ds_error *err)
{
    int64_t *in = ds_calloc((size_t)taus + 1, 2 * sizeof *in); /* pixels by thresholds exceeded */
    int64_t *out = in != NULL ? in + taus + 1 : NULL, inside = 0;
    int64_t both = 0, extra = 0;
    double low, scale;

    if (in == NULL)
        return ds_fail(err, DS_E_NOMEM, "sweep: %lld thresholds", (long long)taus);
    scaling(&low, &scale, map, n, mode);
    for (int64_t i = 0; i < n; i++) {
        int64_t k = exceeded(tau, taus, ((double)map[i] - low) * scale);

        ++*(truth[i] != 0 ? &in[k] : &out[k]);
        inside += truth[i] != 0;
    }
    for (int64_t k = taus; k > 0; k--) { /* threshold k-1 is exceeded by bins k and above */
        both += in[k];
        extra += out[k];
        iou[k - 1] = inside + extra > 0 ? (float)((double)both / (double)(inside + extra)) : 0.0F;
    }
    ds_free(in);
    return DS_OK;
}

/* A mixing function with no pattern that scene numbers could share (Steele, Lea and Flood's
 * SplitMix64 finaliser). */
int ds_sweep_half(int64_t scene)
{
    uint64_t z = (uint64_t)scene + UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (int)((z ^ (z >> 31)) & 1);
}

/* Threshold with the best mean over the rows of a half (0, 1; -1: all); -1 where it has no row. */
static int64_t best_tau(const float *iou, const int64_t *scene, int64_t rows, int64_t taus,
                        int half)
{
    int64_t best = -1;
    double best_sum = -1.0;

    for (int64_t k = 0; k < taus; k++) {
        double sum = 0.0;
        int64_t n = 0;

        for (int64_t r = 0; r < rows; r++)
            if (half < 0 || ds_sweep_half(scene[r]) == half) {
                sum += iou[r * taus + k];
                n++;
            }
        if (n > 0 && sum > best_sum) {
            best_sum = sum;
            best = k;
        }
    }
    return best;
}

ds_status ds_sweep_summarise(ds_sweep *out, const float *iou, const int64_t *scene, int64_t rows,
                             const double *tau, int64_t taus, double *row_iou, ds_error *err)
{
    double *value = ds_calloc((size_t)rows + 1, sizeof *value);
    int64_t all = best_tau(iou, scene, rows, taus, -1);
    int64_t use[2] = { best_tau(iou, scene, rows, taus, 1), best_tau(iou, scene, rows, taus, 0) };
    ds_status st = DS_OK;

    *out = (ds_sweep){ { NAN, NAN, NAN, NAN, 0 }, { NAN, NAN, NAN, NAN, 0 }, NAN, { NAN, NAN } };
    if (value == NULL)
        return ds_fail(err, DS_E_NOMEM, "sweep: %lld rows", (long long)rows);
    if (all >= 0) {
        for (int64_t r = 0; r < rows; r++)
            value[r] = iou[r * taus + all];
        out->tuned_tau = tau[all];
        st = ds_stats_mean(&out->tuned, value, scene, rows, err);
        out->tuned = ds__within_one(out->tuned);
    }
    for (int64_t r = 0; r < rows; r++) {
        int64_t k = use[ds_sweep_half(scene[r])];

        value[r] = k >= 0 ? iou[r * taus + k] : NAN;
        if (row_iou != NULL)
            row_iou[r] = value[r];
    }
    if (st == DS_OK && use[0] >= 0 && use[1] >= 0) {
        out->held_out_tau[0] = tau[use[0]];
        out->held_out_tau[1] = tau[use[1]];
        st = ds_stats_mean(&out->held_out, value, scene, rows, err);
        out->held_out = ds__within_one(out->held_out);
    }
    ds_free(value);
    return st;
}

/* atoms.c - the formulas of atoms.h. */

#include "methods/pid/atoms.h"

#include <math.h>
#include <string.h>

#include <diffuscope/stats.h>

/* ---- names ----------------------------------------------------------------------------------- */

static const char *const kind_names[] = { "pm", "mmi-pixel", "mmi-image", "imin" };

const char *ds_redundancy_name(ds_redundancy kind)
{
    return (unsigned)kind < DS_COUNT(kind_names) ? kind_names[kind] : "?";
}

ds_status ds_redundancy_parse(ds_redundancy *out, const char *word, ds_error *err)
{
    for (size_t i = 0; word != NULL && i < DS_COUNT(kind_names); i++)
        if (strcmp(word, kind_names[i]) == 0) {
            *out = (ds_redundancy)i;
            return DS_OK;
        }
    return ds_fail(err, DS_E_ARG, "redundancy: expected pm, mmi-pixel, mmi-image or imin, found %s",
                   word != NULL ? word : "nothing");
}

const char *ds_pid_atom_name(int atom)
{
    static const char *const names[DS_PID_ATOMS] = { "R", "U_A", "U_B", "S" };

    return atom >= 0 && atom < DS_PID_ATOMS ? names[atom] : "?";
}

/* ---- one pixel ------------------------------------------------------------------------------- */

static double charge(ds_redundancy kind, bool follow_b, double delta)
{
    double c = follow_b ? delta : -delta;

    return kind == DS_REDUNDANCY_PM && c > 0 ? c : 0.0;
}

/* pm takes the smaller ambiguity, h_A - i_A <= h_B - i_B; the others the smaller information. */
double ds__pid_margin(ds_redundancy kind, double ia, double ib, double delta)
{
    return kind == DS_REDUNDANCY_PM ? (ia - ib) + delta : ib - ia;
}

ds_pid_atoms ds__pid_follow(ds_redundancy kind, bool follow_b, double ia, double ib, double iab,
                            double delta)
{
    double c = charge(kind, follow_b, delta);
    double followed = follow_b ? ib : ia, other = follow_b ? ia : ib;
    ds_pid_atoms p;

    p.atom[DS_PID_R] = followed - c;
    p.atom[follow_b ? DS_PID_UB : DS_PID_UA] = c;
    p.atom[follow_b ? DS_PID_UA : DS_PID_UB] = (other - followed) + c;
    p.atom[DS_PID_S] = (iab - other) - c;
    return p;
}

/* On the margin both sides are equal but for rounding; following the more probable word makes the
 * choice independent of the words' order. */
static bool follows_b(double margin, double delta)
{
    return margin < 0 || (margin == 0 && delta < 0);
}

ds_pid_atoms ds__pid_atoms(ds_redundancy kind, double ia, double ib, double iab, double delta)
{
    bool b = follows_b(ds__pid_margin(kind, ia, ib, delta), delta);

    return ds__pid_follow(kind, b, ia, ib, iab, delta);
}

double ds__pid_bias(double gap, double se)
{
    double z;

    if (!(se > 0))
        return 0.0;
    z = fabs(gap) / se;
    return se * exp(-0.5 * z * z) / sqrt(2 * 3.14159265358979323846) -
           fabs(gap) * 0.5 * erfc(z / sqrt(2.0));
}

void ds__pid_specific(double *out, const double *prior, const double *total, const double *maps,
                      int64_t words, int64_t pixels)
{
    double top = -INFINITY, sum = 0.0;

    for (int64_t w = 0; w < words; w++)
        if (prior[w] > 0)
            top = fmax(top, log(prior[w]) + total[w]);
    for (int64_t w = 0; w < words; w++)
        sum += prior[w] > 0 ? exp(log(prior[w]) + total[w] - top) : 0.0;
    for (int64_t j = 0; j < pixels; j++)
        out[j] = 0.0;
    for (int64_t w = 0; w < words; w++) {
        double p = prior[w] > 0 ? exp(log(prior[w]) + total[w] - top) / sum : 0.0;

        for (int64_t j = 0; j < pixels; j++)
            out[j] += p * maps[w * pixels + j];
    }
}

/* ---- replicates ------------------------------------------------------------------------------ */

/* Sums of one quantity over either half of the replicates, whole [replicates] values apart by
 * `stride`. */
typedef struct halves {
    double sum[2];
    int64_t count[2];
} halves;

static halves half_sums(const double *values, int64_t replicates, int64_t stride)
{
    halves h = { { 0, 0 }, { replicates - replicates / 2, replicates / 2 } };

    for (int64_t r = 0; r < replicates; r++)
        h.sum[r >= h.count[0]] += values[r * stride];
    return h;
}

/* The side that each half sees, and whether the two together leave it open. */
typedef struct side {
    bool b[2];    /* by the mean of either half */
    bool b_all;   /* by the mean of all */
    bool decided; /* mean margin is beyond 2 standard errors, or exactly the same in every one */
    double doubt; /* distance from either side's atoms where the halves disagree, else 0 */
} side;

static side find_side(ds_redundancy kind, double delta, const double *ia, const double *ib,
                      int64_t replicates, int64_t stride)
{
    halves a = half_sums(ia, replicates, stride), b = half_sums(ib, replicates, stride);
    double n = (double)replicates, margin[2] = { 0, 0 }, mean, square = 0.0;
    side s = { .decided = true };

    for (int h = 0; h < 2 && a.count[h] > 0; h++) {
        margin[h] = ds__pid_margin(kind, a.sum[h] / (double)a.count[h],
                                   b.sum[h] / (double)b.count[h], delta);
        s.b[h] = follows_b(margin[h], delta);
    }
    mean = ds__pid_margin(kind, (a.sum[0] + a.sum[1]) / n, (b.sum[0] + b.sum[1]) / n, delta);
    s.b_all = follows_b(mean, delta);
    if (replicates < 2 || isinf(mean))
        return s;
    s.doubt = s.b[0] != s.b[1] ? fabs(margin[0] - margin[1]) / 4 : 0.0;
    for (int64_t r = 0; r < replicates; r++) {
        double d = ds__pid_margin(kind, ia[r * stride], ib[r * stride], delta) - mean;

        square += d * d;
    }
    s.decided = square == 0.0 || fabs(mean) > 2 * sqrt(square / (n * (n - 1)));
    return s;
}

static ds_value mean_and_error(const double *values, int64_t replicates, int64_t stride)
{
    double n = (double)replicates, sum = 0.0, square = 0.0;
    ds_value v = { 0, NAN, NAN, NAN, 0 };

    for (int64_t r = 0; r < replicates; r++)
        sum += values[r * stride];
    v.value = sum / n;
    for (int64_t r = 0; r < replicates; r++)
        square += (values[r * stride] - v.value) * (values[r * stride] - v.value);
    if (replicates > 1)
        v.se = sqrt(square / (n * (n - 1)));
    return v;
}

/* The sides for mmi-image: those of the pictures' sums, in scratch [2, replicates]. */
static side image_side(ds_redundancy kind, double delta, const ds_pid_sample *s, double *scratch)
{
    for (int64_t r = 0; r < s->replicates; r++) {
        double a = 0.0, b = 0.0;

        for (int64_t j = 0; j < s->pixels; j++) {
            a += s->ia[r * s->pixels + j];
            b += s->ib[r * s->pixels + j];
        }
        scratch[r] = a;
        scratch[s->replicates + r] = b;
    }
    return find_side(kind, delta, scratch, scratch + s->replicates, s->replicates, 1);
}

void ds__pid_estimate(ds_pid_estimate *out, ds_redundancy kind, double delta, bool plain,
                      const ds_pid_sample *s, double *scratch)
{
    int64_t n = s->replicates, first = n - n / 2;
    double doubt = 0.0; /* squared, of the sums */
    double *value = scratch, *sum = scratch + DS_PID_ATOMS * n;
    bool whole = kind == DS_REDUNDANCY_MMI_IMAGE;
    side at = whole ? image_side(kind, delta, s, scratch) : (side){ .b_all = false };

    out->undecided = out->following_b = 0;
    for (int64_t i = 0; i < DS_PID_ATOMS * n; i++)
        sum[i] = 0.0;
    for (int64_t j = 0; j < s->pixels; j++) {
        if (!whole)
            at = find_side(kind, delta, s->ia + j, s->ib + j, n, s->pixels);
        if (plain)
            at.doubt = 0.0;
        out->undecided += !at.decided;
        out->following_b += at.b_all;
        for (int64_t r = 0; r < n; r++) {
            int64_t i = r * s->pixels + j;
            bool b = n > 1 && !plain ? at.b[r < first] : at.b_all;
            ds_pid_atoms p = ds__pid_follow(kind, b, s->ia[i], s->ib[i], s->iab[i], delta);

            for (int k = 0; k < DS_PID_ATOMS; k++) {
                value[k * n + r] = p.atom[k];
                sum[k * n + r] += p.atom[k];
            }
        }
        for (int k = 0; k < DS_PID_ATOMS; k++) {
            ds_value v = mean_and_error(value + k * n, n, 1);

            out->atom[k].mean[j] = v.value;
            out->atom[k].se[j] = ds_stats_joint_error(v.se, at.doubt);
        }
        doubt += at.doubt * at.doubt;
    }
    for (int k = 0; k < DS_PID_ATOMS; k++) {
        out->sum[k] = mean_and_error(sum + k * n, n, 1);
        out->sum[k].se = ds_stats_joint_error(out->sum[k].se, sqrt(doubt));
    }
}

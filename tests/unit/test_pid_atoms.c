/* Partial information decomposition as pure functions: closed forms, gates and densities whose
 * atoms are known. The numbers are those of the method's ground truth (docs/methods/pid.md). */

#include "support.h"

#include "methods/pid/atoms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { R = DS_PID_R, UA = DS_PID_UA, UB = DS_PID_UB, S = DS_PID_S };

static const ds_redundancy kinds[] = { DS_REDUNDANCY_PM, DS_REDUNDANCY_MMI_PIXEL,
                                       DS_REDUNDANCY_MMI_IMAGE, DS_REDUNDANCY_IMIN };

static double normal(void)
{
    double sum = -6; /* near enough to a normal for inputs of tests */

    for (int i = 0; i < 12; i++)
        sum += rand() / (double)RAND_MAX;
    return sum;
}

/* ---- identities ------------------------------------------------------------------------------ */

static void atoms_add_up(void **state)
{
    (void)state;
    srand(1);
    for (int n = 0; n < 4000; n++) {
        double ia = 3 * normal(), ib = 3 * normal(), iab = 4 * normal(), delta = 2 * normal();

        for (size_t k = 0; k < DS_COUNT(kinds); k++) {
            ds_pid_atoms p = ds__pid_atoms(kinds[k], ia, ib, iab, delta);
            const double *a = p.atom;

            assert_true(fabs(a[UA] + a[R] - ia) < 1e-13 * (1 + fabs(ia) + fabs(delta)));
            assert_true(fabs(a[UB] + a[R] - ib) < 1e-13 * (1 + fabs(ib) + fabs(delta)));
            assert_true(fabs(a[UA] + a[UB] + a[R] + a[S] - iab) < 1e-12 * (1 + fabs(iab)));
            if (kinds[k] != DS_REDUNDANCY_PM)
                assert_true(a[UA] >= 0 && a[UB] >= 0 && a[R] == fmin(ia, ib));
        }
    }
}

/* r+ - r- with the surprisals themselves. */
static void closed_form_is_the_definition(void **state)
{
    (void)state;
    srand(2);
    for (int n = 0; n < 4000; n++) {
        double ia = normal(), ib = normal(), iab = normal();
        double ha = 3 + fabs(normal()), hb = 3 + fabs(normal());
        double r = fmin(ha, hb) - fmin(ha - ia, hb - ib);
        ds_pid_atoms p = ds__pid_atoms(DS_REDUNDANCY_PM, ia, ib, iab, hb - ha);

        assert_true(fabs(p.atom[R] - r) < 1e-13);
        assert_true(fabs(p.atom[S] - (iab - ia - ib + r)) < 1e-13);
    }
}

static void dominated_by_the_prior(void **state)
{
    (void)state;
    srand(3);
    for (int n = 0; n < 1000; n++) {
        double ia = fabs(normal()) * 1e-3, ib = fabs(normal()) * 1e-3, iab = ia + ib;
        static const double deltas[] = { 1, 7.3, INFINITY };

        for (size_t d = 0; d < DS_COUNT(deltas); d++) {
            ds_pid_atoms p = ds__pid_atoms(DS_REDUNDANCY_PM, ia, ib, iab, deltas[d]);

            assert_true(p.atom[R] == ia && p.atom[UA] == 0);
            assert_true(p.atom[UB] == ib - ia && p.atom[S] == iab - ib);
        }
    }
}

static void delta_only_lowers_redundancy(void **state)
{
    (void)state;
    srand(4);
    for (int n = 0; n < 200; n++) {
        double ia = normal(), ib = normal(), iab = normal(), last = fmax(ia, ib);

        assert_true(ds__pid_atoms(DS_REDUNDANCY_PM, ia, ib, iab, 0).atom[R] == last);
        for (double delta = 0.01; delta < 8; delta *= 1.3) {
            ds_pid_atoms p = ds__pid_atoms(DS_REDUNDANCY_PM, ia, ib, iab, delta);

            assert_true(p.atom[R] <= last && p.atom[UA] <= 0 && p.atom[UB] <= delta);
            last = p.atom[R];
        }
        assert_true(last == ia);
    }
}

static void assert_exchanged(const ds_pid_atoms *p, const ds_pid_atoms *q)
{
    assert_memory_equal(&p->atom[R], &q->atom[R], sizeof(double));
    assert_memory_equal(&p->atom[S], &q->atom[S], sizeof(double));
    assert_memory_equal(&p->atom[UA], &q->atom[UB], sizeof(double));
    assert_memory_equal(&p->atom[UB], &q->atom[UA], sizeof(double));
}

static void exchanged_words(void **state)
{
    (void)state;
    srand(5);
    for (int n = 0; n < 4000; n++) {
        double ia = normal(), ib = n % 7 == 0 ? ia : normal(), iab = normal();
        double delta = n % 5 == 0 ? 0 : n % 11 == 0 ? ib - ia : normal();

        for (size_t k = 0; k < DS_COUNT(kinds); k++) {
            ds_pid_atoms p = ds__pid_atoms(kinds[k], ia, ib, iab, delta);
            ds_pid_atoms q = ds__pid_atoms(kinds[k], ib, ia, iab, -delta);

            assert_exchanged(&p, &q);
        }
    }
}

static void the_same_word_twice(void **state)
{
    (void)state;
    for (size_t k = 0; k < DS_COUNT(kinds); k++) {
        ds_pid_atoms p = ds__pid_atoms(kinds[k], 0.3, 0.3, 0.3, 0);

        assert_true(p.atom[R] == 0.3 && p.atom[UA] == 0 && p.atom[UB] == 0 && p.atom[S] == 0);
    }
}

static void names(void **state)
{
    ds_redundancy kind;
    ds_error err = { 0 };

    (void)state;
    for (size_t k = 0; k < DS_COUNT(kinds); k++) {
        ts_ok(ds_redundancy_parse(&kind, ds_redundancy_name(kinds[k]), &err), &err);
        assert_int_equal(kind, kinds[k]);
    }
    assert_int_equal(ds_redundancy_parse(&kind, "min", &err), DS_E_ARG);
    assert_non_null(strstr(err.text, "mmi-pixel"));
    assert_string_equal(ds_pid_atom_name(DS_PID_UB), "U_B");
}

/* ---- discrete gates, in bits ----------------------------------------------------------------- */

typedef struct outcome {
    int x, y1, y2;
    double p;
} outcome;

typedef struct gate {
    const char *name;
    outcome at[4];
    double i1, i2, i12, atom[DS_PID_ATOMS]; /* R, U1, U2, S */
} gate;

static const gate gates[] = {
    { "RDN", { { 0, 0, 0, .5 }, { 1, 1, 1, .5 } }, 1, 1, 1, { 1, 0, 0, 0 } },
    { "UNQ",
      { { 0, 0, 0, .25 }, { 0, 0, 1, .25 }, { 1, 1, 0, .25 }, { 1, 1, 1, .25 } },
      1,
      0,
      1,
      { 1, 0, -1, 1 } },
    { "XOR",
      { { 0, 0, 0, .25 }, { 1, 0, 1, .25 }, { 1, 1, 0, .25 }, { 0, 1, 1, .25 } },
      0,
      0,
      1,
      { 0, 0, 0, 1 } },
    { "AND",
      { { 0, 0, 0, .25 }, { 0, 0, 1, .25 }, { 0, 1, 0, .25 }, { 1, 1, 1, .25 } },
      .31128,
      .31128,
      .81128,
      { .56128, -.25, -.25, .75 } },
    { "PwUnq",
      { { 1, 0, 1, .25 }, { 1, 1, 0, .25 }, { 2, 0, 2, .25 }, { 2, 2, 0, .25 } },
      .5,
      .5,
      1,
      { 0, .5, .5, 0 } },
    { "COPY",
      { { 0, 0, 0, .25 }, { 1, 0, 1, .25 }, { 2, 1, 0, .25 }, { 3, 1, 1, .25 } },
      1,
      1,
      2,
      { 1, 0, 0, 1 } },
};

/* Probability of what agrees with o where a flag asks for it. */
static double mass(const gate *g, const outcome *o, bool x, bool y1, bool y2)
{
    double p = 0;

    for (int i = 0; i < 4; i++)
        if ((!x || g->at[i].x == o->x) && (!y1 || g->at[i].y1 == o->y1) &&
            (!y2 || g->at[i].y2 == o->y2))
            p += g->at[i].p;
    return p;
}

static void gates_in_bits(void **state)
{
    (void)state;
    for (size_t n = 0; n < DS_COUNT(gates); n++) {
        const gate *g = &gates[n];
        double got[3 + DS_PID_ATOMS] = { 0 };
        const double want[3 + DS_PID_ATOMS] = { g->i1,      g->i2,      g->i12,    g->atom[0],
                                                g->atom[1], g->atom[2], g->atom[3] };

        for (int i = 0; i < 4 && g->at[i].p > 0; i++) {
            const outcome *o = &g->at[i];
            double px = mass(g, o, 1, 0, 0), p1 = mass(g, o, 0, 1, 0), p2 = mass(g, o, 0, 0, 1);
            double ia = log2(mass(g, o, 1, 1, 0) / (px * p1));
            double ib = log2(mass(g, o, 1, 0, 1) / (px * p2));
            double iab = log2(mass(g, o, 1, 1, 1) / (px * mass(g, o, 0, 1, 1)));
            ds_pid_atoms p = ds__pid_atoms(DS_REDUNDANCY_PM, ia, ib, iab, log2(p1 / p2));

            got[0] += o->p * ia, got[1] += o->p * ib, got[2] += o->p * iab;
            for (int k = 0; k < DS_PID_ATOMS; k++)
                got[3 + k] += o->p * p.atom[k];
        }
        for (int k = 0; k < 3 + DS_PID_ATOMS; k++)
            if (fabs(got[k] - want[k]) > 5.1e-6)
                fail_msg("%s, column %d: %.6f, expected %.5f", g->name, k, got[k], want[k]);
    }
}

/* ---- scalar densities ------------------------------------------------------------------------ */

/* x ~ N(mean[y1][y2], 1), words binary with a joint distribution. */
typedef struct density {
    const char *name;
    double mean[2][2], joint[2][2];
    double i1, i2, i12, atom[DS_PID_ATOMS], mmi, imin;
} density;

static const density densities[] = {
    { "RDN",
      { { -2, 0 }, { 0, 2 } },
      { { .5, 0 }, { 0, .5 } },
      .63272,
      .63272,
      .63272,
      { .63272, 0, 0, 0 },
      .63272,
      .63272 },
    { "UNQ",
      { { -2, -2 }, { 2, 2 } },
      { { .25, .25 }, { .25, .25 } },
      .63272,
      0,
      .63272,
      { .65783, -.02511, -.65783, .65783 },
      0,
      0 },
    { "XOR",
      { { -2, 2 }, { 2, -2 } },
      { { .25, .25 }, { .25, .25 } },
      0,
      0,
      .63272,
      { 0, 0, 0, .63272 },
      0,
      0 },
    { "AND",
      { { 0, 0 }, { 0, 4 } },
      { { .25, .25 }, { .25, .25 } },
      .19470,
      .19470,
      .51106,
      { .36543, -.17073, -.17073, .48709 },
      .19470,
      .19470 },
    { "ADD",
      { { 0, 2 }, { 4, 6 } },
      { { .25, .25 }, { .25, .25 } },
      .50840,
      .21251,
      .84523,
      { .53765, -.02925, -.32514, .66197 },
      .21251,
      .21251 },
    { "ADD, rare words",
      { { 0, 2 }, { 4, 6 } },
      { { .665, .035 }, { .285, .015 } },
      .52341,
      .04777,
      .60392,
      { .02876, .49464, .01901, .06151 },
      .04777,
      .03952 },
    { "ADD, correlated",
      { { 0, 2 }, { 4, 6 } },
      { { .4, .1 }, { .1, .4 } },
      .61321,
      .39220,
      .84581,
      { .63727, -.02407, -.24507, .47767 },
      .39220,
      .39220 },
};

/* What x says about the words: i1, i2, i12 for each pair, and p(x, pair). */
typedef struct pointwise {
    double p[2][2], i1[2], i2[2], i12[2][2];
} pointwise;

static double marginal(const density *d, int word, int value)
{
    return word == 0 ? d->joint[value][0] + d->joint[value][1]
                     : d->joint[0][value] + d->joint[1][value];
}

static pointwise look(const density *d, double x)
{
    pointwise w = { 0 };
    double px = 0;

    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            double z = x - d->mean[a][b];

            w.p[a][b] = d->joint[a][b] * exp(-0.5 * z * z) / sqrt(2 * M_PI);
            px += w.p[a][b];
        }
    for (int a = 0; a < 2; a++) {
        w.i1[a] = log((w.p[a][0] + w.p[a][1]) / (px * marginal(d, 0, a)));
        w.i2[a] = log((w.p[0][a] + w.p[1][a]) / (px * marginal(d, 1, a)));
        for (int b = 0; b < 2; b++)
            w.i12[a][b] = d->joint[a][b] > 0 ? log(w.p[a][b] / (px * d->joint[a][b])) : 0;
    }
    return w;
}

static double surprisal_gap(const density *d, int a, int b)
{
    return log(marginal(d, 0, a) / marginal(d, 1, b));
}

static double specific(const density *d, const pointwise *w, int word)
{
    double out, prior[2] = { marginal(d, word, 0), marginal(d, word, 1) };
    const double *i = word == 0 ? w->i1 : w->i2;

    ds__pid_specific(&out, prior, i, i, 2, 1);
    return out;
}

enum { C_I1, C_I2, C_I12, C_ATOM, C_IMIN = C_ATOM + DS_PID_ATOMS, C_COUNT };

/* Averages over x and the words, by the trapezoid rule. */
static void averages(double *got, const density *d)
{
    const double step = 0.004;

    memset(got, 0, C_COUNT * sizeof *got);
    for (double x = -11; x < 15; x += step) {
        pointwise w = look(d, x);

        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++) {
                ds_pid_atoms p = ds__pid_atoms(DS_REDUNDANCY_PM, w.i1[a], w.i2[b], w.i12[a][b],
                                               d->joint[a][b] > 0 ? surprisal_gap(d, a, b) : 0);
                double q = w.p[a][b] * step;

                got[C_I1] += q * w.i1[a];
                got[C_I2] += q * w.i2[b];
                got[C_I12] += q * w.i12[a][b];
                for (int k = 0; k < DS_PID_ATOMS; k++)
                    got[C_ATOM + k] += q * p.atom[k];
                got[C_IMIN] += q * ds__pid_atoms(DS_REDUNDANCY_IMIN, specific(d, &w, 0),
                                                 specific(d, &w, 1), 0, 0)
                                       .atom[R];
            }
    }
}

static void densities_in_nats(void **state)
{
    (void)state;
    for (size_t n = 0; n < DS_COUNT(densities); n++) {
        const density *d = &densities[n];
        double got[C_COUNT];
        const double want[C_COUNT] = { d->i1,      d->i2,      d->i12,     d->atom[0],
                                       d->atom[1], d->atom[2], d->atom[3], d->imin };

        averages(got, d);
        for (int k = 0; k < C_COUNT; k++)
            if (fabs(got[k] - want[k]) > 1.2e-5)
                fail_msg("%s, column %d: %.6f, expected %.5f", d->name, k, got[k], want[k]);
        if (fabs(ds__pid_atoms(DS_REDUNDANCY_MMI_IMAGE, got[C_I1], got[C_I2], got[C_I12], 0)
                     .atom[R] -
                 d->mmi) > 1.2e-5)
            fail_msg("%s: mmi", d->name);
    }
}

static void pointwise_rows(void **state)
{
    static const struct {
        int density;
        double x, i1, i2, i12, atom[DS_PID_ATOMS]; /* NAN: not given */
    } rows[] = {
        { 4, 6, .69285, .56626, 1.25907, { .69285, 0, -.12659, .69281 } },
        { 4, 4, .58027, -.85351, -.85351, { .58027, 0, -1.43378, 0 } },
        { 5, 6, 1.20375, 1.72335, 2.92654, { 1.20375, 0, .51959, 1.20319 } },
        { 5, 0, -7.65056, -1.95595, -17.59927, { -3.74771, -3.90286, 1.79176, -11.74047 } },
    };

    (void)state;
    for (size_t n = 0; n < DS_COUNT(rows); n++) {
        const density *d = &densities[rows[n].density];
        pointwise w = look(d, rows[n].x);
        ds_pid_atoms p =
            ds__pid_atoms(DS_REDUNDANCY_PM, w.i1[1], w.i2[1], w.i12[1][1], surprisal_gap(d, 1, 1));

        assert_true(fabs(w.i1[1] - rows[n].i1) < 1.2e-5);
        assert_true(fabs(w.i2[1] - rows[n].i2) < 1.2e-5);
        assert_true(fabs(w.i12[1][1] - rows[n].i12) < 1.2e-5);
        for (int k = 0; k < DS_PID_ATOMS; k++)
            if (fabs(p.atom[k] - rows[n].atom[k]) > 1.2e-5)
                fail_msg("row %zu, %s: %.6f", n, ds_pid_atom_name(k), p.atom[k]);
    }
}

/* X = Y1 + Y2 / 2 + N(0,1), correlation of the words 1/2. */
static void linear_gaussian(void **state)
{
    double v = 1 + .25 + .5 + 1, rho1 = 1.25, rho2 = 1; /* covariances with X */
    double i1 = -.5 * log1p(-rho1 * rho1 / v), i2 = -.5 * log1p(-rho2 * rho2 / v);
    ds_pid_atoms p = ds__pid_atoms(DS_REDUNDANCY_MMI_IMAGE, i1, i2, .5 * log(v), 0);

    (void)state;
    assert_true(fabs(i1 - .419875) < 1e-6 && fabs(i2 - .225993) < 1e-6);
    assert_true(fabs(p.atom[R] - .225993) < 1e-6 && fabs(p.atom[UA] - .193883) < 1e-6);
    assert_true(p.atom[UB] == 0 && fabs(p.atom[S] - .085925) < 1e-6);
}

/* A context picks the gate: within the context its row, ignoring it another. */
static void context_picks_the_gate(void **state)
{
    double unq[C_COUNT], xor_[C_COUNT], mixed = 0;

    (void)state;
    averages(unq, &densities[1]);
    averages(xor_, &densities[2]);
    assert_true(fabs(unq[C_ATOM + UB] - -.65783) < 1.2e-5);
    assert_true(fabs(xor_[C_ATOM + UB]) < 1.2e-5 && fabs(xor_[C_ATOM + S] - .63272) < 1.2e-5);
    /* p(x|y1,y2) without the context is the mean of both gates' */
    for (double x = -11; x < 11; x += 0.004) {
        pointwise u = look(&densities[1], x), w = look(&densities[2], x);
        double px = 0;

        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++)
                px += (u.p[a][b] + w.p[a][b]) / 2;
        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++) {
                double p = (u.p[a][b] + w.p[a][b]) / 2;

                mixed += 0.004 * p * log(p / (px / 4));
            }
    }
    assert_true(mixed < 0.9 * .63272);
}

/* ---- estimates from replicates --------------------------------------------------------------- */

enum { PIXELS = 40, REPLICATES = 8 };

typedef struct bench {
    double ia[REPLICATES * PIXELS], ib[REPLICATES * PIXELS], iab[REPLICATES * PIXELS];
    double mean[DS_PID_ATOMS][PIXELS], se[DS_PID_ATOMS][PIXELS];
    double scratch[2 * DS_PID_ATOMS * REPLICATES];
    ds_pid_estimate out;
} bench;

static void estimate(bench *b, ds_redundancy kind, double delta, int64_t replicates, int64_t pixels)
{
    ds_pid_sample s = { b->ia, b->ib, b->iab, replicates, pixels };

    for (int k = 0; k < DS_PID_ATOMS; k++)
        b->out.atom[k] = (ds_pid_field){ b->mean[k], b->se[k] };
    ds__pid_estimate(&b->out, kind, delta, false, &s, b->scratch);
}

/* The plain maximum is biased upwards as the formula foretells; the cross-fitted one not at all
 * where nothing tells the words apart. Either way the interval covers the truth. */
static void cross_fitting_removes_the_bias(void **state)
{
    static bench b;
    enum { RUNS = 4000 };

    (void)state;
    srand(6);
    for (double gap = 0; gap < 3.1; gap += 1.5) {
        double plain = 0, fitted = 0, foretold = ds__pid_bias(gap, sqrt(2.0));
        int covered = 0;

        for (int n = 0; n < RUNS; n++) {
            double a = 0, c = 0, error;

            for (int r = 0; r < REPLICATES; r++) {
                b.ia[r] = 10 + gap + sqrt(REPLICATES) * normal();
                b.ib[r] = 10 + sqrt(REPLICATES) * normal();
                b.iab[r] = 20;
                a += b.ia[r] / REPLICATES, c += b.ib[r] / REPLICATES;
            }
            estimate(&b, DS_REDUNDANCY_PM, 0, REPLICATES, 1);
            plain += (fmax(a, c) - (10 + gap)) / RUNS;
            error = b.mean[R][0] - (10 + gap);
            fitted += error / RUNS;
            covered += fabs(error) < 2.365 * b.se[R][0]; /* t of 7 degrees of freedom */
        }
        assert_true(fabs(plain - foretold) < 0.07);
        assert_true(fitted < 0.07 && fitted > -0.399 * sqrt(2.0)); /* never worse than its worst */
        if (gap == 0)
            assert_true(fabs(fitted) < 0.07);
        assert_true(covered > 0.9 * RUNS && covered < 0.99 * RUNS);
    }
}

static void fill(bench *b)
{
    for (int i = 0; i < REPLICATES * PIXELS; i++) {
        double place = i % PIXELS / (double)PIXELS;

        b->ia[i] = place + 0.05 * normal();
        b->ib[i] = 1 - place + 0.05 * normal();
        b->iab[i] = 1.2 + 0.05 * normal();
    }
}

static void estimates_keep_the_identities(void **state)
{
    static bench b;

    (void)state;
    srand(7);
    fill(&b);
    for (size_t k = 0; k < DS_COUNT(kinds); k++) {
        estimate(&b, kinds[k], 0.2, REPLICATES, PIXELS);
        for (int j = 0; j < PIXELS; j++) {
            double ia = 0, iab = 0;

            for (int r = 0; r < REPLICATES; r++) {
                ia += b.ia[r * PIXELS + j] / REPLICATES;
                iab += b.iab[r * PIXELS + j] / REPLICATES;
            }
            assert_true(fabs(b.mean[UA][j] + b.mean[R][j] - ia) < 1e-12);
            assert_true(fabs(b.mean[UA][j] + b.mean[UB][j] + b.mean[R][j] + b.mean[S][j] - iab) <
                        1e-12);
        }
        for (int a = 0; a < DS_PID_ATOMS; a++) {
            double sum = 0;

            for (int j = 0; j < PIXELS; j++)
                sum += b.mean[a][j];
            assert_true(fabs(sum - b.out.sum[a].value) < 1e-10);
            assert_true(b.out.sum[a].se >= 0);
        }
    }
    estimate(&b, DS_REDUNDANCY_MMI_PIXEL, 0, REPLICATES, PIXELS);
    assert_true(b.out.undecided > 0 && b.out.undecided < PIXELS / 4);
    assert_true(b.out.following_b > PIXELS / 3 && b.out.following_b < 2 * PIXELS / 3);
}

static void dominated_maps_are_exactly_zero(void **state)
{
    static bench b;

    (void)state;
    srand(8);
    fill(&b);
    estimate(&b, DS_REDUNDANCY_PM, 9, REPLICATES, PIXELS);
    for (int j = 0; j < PIXELS; j++)
        assert_true(b.mean[UA][j] == 0 && b.se[UA][j] == 0);
    assert_true(b.out.sum[UA].value == 0 && b.out.undecided == 0 && b.out.following_b == 0);
}

static void a_single_replicate_has_no_error(void **state)
{
    static bench b;

    (void)state;
    srand(9);
    fill(&b);
    estimate(&b, DS_REDUNDANCY_PM, 0, 1, PIXELS);
    for (int j = 0; j < PIXELS; j++)
        assert_true(isnan(b.se[R][j]) && b.mean[R][j] == fmax(b.ia[j], b.ib[j]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(atoms_add_up),
        cmocka_unit_test(closed_form_is_the_definition),
        cmocka_unit_test(dominated_by_the_prior),
        cmocka_unit_test(delta_only_lowers_redundancy),
        cmocka_unit_test(exchanged_words),
        cmocka_unit_test(the_same_word_twice),
        cmocka_unit_test(names),
        cmocka_unit_test(gates_in_bits),
        cmocka_unit_test(densities_in_nats),
        cmocka_unit_test(pointwise_rows),
        cmocka_unit_test(linear_gaussian),
        cmocka_unit_test(context_picks_the_gate),
        cmocka_unit_test(cross_fitting_removes_the_bias),
        cmocka_unit_test(estimates_keep_the_identities),
        cmocka_unit_test(dominated_maps_are_exactly_zero),
        cmocka_unit_test(a_single_replicate_has_no_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

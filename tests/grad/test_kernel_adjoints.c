/* Adjoints of the plain kernels: the reference's against differences of its forward functions along
 * random directions, and each instruction set's against the reference's. */

#include "support.h"

#include "kernels/simd.h"

#include <math.h>
#include <string.h>

enum { INPUTS = 4, LARGEST = 60000, DIRECTIONS = 8 };

/* Sizes are those of the case; in[] and grad[] follow the order of the inputs. A grad may be NULL.
 */
typedef struct op_case {
    const char *name;
    int64_t size[INPUTS], out; /* elements of inputs and output */
    void (*forward)(const ds_simd *f, float *out, float *const in[], const int64_t *dim);
    void (*adjoint)(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                    float *const in[], const int64_t *dim);
    int64_t dim[7];
    double rtol;
} op_case;

static char room[64 << 20]; /* what attention works in */

static uint64_t seed;

/* ---- norms: dim n, hw, c, groups, silu ------------------------------------------------------- */

static ds_group_norm group_norm_of(float *const in[], const int64_t *d)
{
    return (ds_group_norm){ d[0], d[1], d[2], d[3], 1e-5f, d[4] != 0, in[1], in[2], in[3] };
}

static void group_norm(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    ds_group_norm p = group_norm_of(in, d);

    f->group_norm(out, DS_DTYPE_F32, NULL, in[0], &p);
}

static void group_norm_adj(const ds_simd *f, float *const grad[], const float *dout,
                           const float *out, float *const in[], const int64_t *d)
{
    ds_group_norm p = group_norm_of(in, d);
    static float y[LARGEST], stats[LARGEST];

    (void)out;
    f->group_norm(y, DS_DTYPE_F32, stats, in[0], &p);
    f->group_norm_adj(grad[0], grad[1], grad[2], grad[3], grad[0], dout, in[0], stats, &p);
}

static void layer_norm(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    f->layer_norm(out, DS_DTYPE_F32, NULL, in[0], in[1], in[2], d[0], d[1], 1e-5f);
}

static void layer_norm_adj(const ds_simd *f, float *const grad[], const float *dout,
                           const float *out, float *const in[], const int64_t *d)
{
    static float y[LARGEST], stats[LARGEST];

    (void)out;
    f->layer_norm(y, DS_DTYPE_F32, stats, in[0], in[1], in[2], d[0], d[1], 1e-5f);
    f->layer_norm_adj(grad[0], grad[1], grad[2], grad[0], dout, in[0], stats, in[1], d[0], d[1]);
}

static void softmax(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    f->softmax(out, in[0], d[0], d[1]);
}

static void softmax_adj(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                        float *const in[], const int64_t *d)
{
    (void)in;
    f->softmax_adj(grad[0], dout, out, d[0], d[1]);
}

/* ---- activations: dim rows, c, kind ---------------------------------------------------------- */

static void act(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    f->act((ds_act)d[2], out, DS_DTYPE_F32, in[0], d[0] * d[1]);
}

static void act_adj(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                    float *const in[], const int64_t *d)
{
    (void)out;
    f->act_adj((ds_act)d[2], grad[0], grad[0], dout, in[0], d[0] * d[1]);
}

static void geglu(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    f->geglu(out, DS_DTYPE_F32, in[0], d[0], d[1]);
}

static void geglu_adj(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                      float *const in[], const int64_t *d)
{
    (void)out;
    f->geglu_adj(grad[0], grad[0], dout, in[0], d[0], d[1]);
}

/* ---- rows, places, losses -------------------------------------------------------------------- */

static void add_rows(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    f->add_rows(out, in[0], in[1], d[0], d[1], d[2]);
}

static void add_rows_adj(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                         float *const in[], const int64_t *d)
{
    (void)out;
    (void)in;
    if (grad[0] != NULL)
        f->axpy(grad[0], dout, 1.0f, d[0] * d[1] * d[2]);
    if (grad[1] != NULL)
        f->sum_rows(grad[1], dout, d[0], d[1], d[2]);
}

static void upsample(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    f->upsample(out, DS_DTYPE_F32, in[0], d[0], d[1], d[2], d[3], d[4], d[5]);
}

static void upsample_adj(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                         float *const in[], const int64_t *d)
{
    (void)out;
    (void)in;
    f->upsample_adj(grad[0], dout, d[0], d[1], d[2], d[3], d[4], d[5]);
}

static void concat(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    f->concat(out, DS_DTYPE_F32, in[0], d[1], in[1], d[2], d[0]);
}

static void concat_adj(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                       float *const in[], const int64_t *d)
{
    (void)out;
    (void)in;
    f->concat_adj(grad[0], d[1], grad[1], d[2], dout, d[0]);
}

static const int32_t ids[] = { 2, 0, 2, 3 };

static void gather(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    f->gather(out, in[0], ids, d[0], d[1]);
}

static void gather_adj(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                       float *const in[], const int64_t *d)
{
    (void)out;
    (void)in;
    f->gather_adj(grad[0], dout, ids, d[0], d[1]);
}

static void sq_diff(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    out[0] = (float)f->sum_sq_diff(in[0], in[1], d[0]);
}

static void sq_diff_adj(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                        float *const in[], const int64_t *d)
{
    (void)out;
    if (grad[0] != NULL)
        f->sq_diff_adj(grad[0], in[0], in[1], dout[0], d[0]);
    if (grad[1] != NULL)
        f->sq_diff_adj(grad[1], in[1], in[0], dout[0], d[0]);
}

static void abs_diff(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    out[0] = (float)f->sum_abs_diff(in[0], in[1], d[0]);
}

static void abs_diff_adj(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                         float *const in[], const int64_t *d)
{
    (void)out;
    if (grad[0] != NULL)
        f->abs_diff_adj(grad[0], in[0], in[1], dout[0], d[0]);
    if (grad[1] != NULL)
        f->abs_diff_adj(grad[1], in[1], in[0], dout[0], d[0]);
}

/* ---- attention: dim n, heads, d, sq, sk, causal ---------------------------------------------- */

static ds_attention attention_of(const int64_t *d)
{
    const int64_t c = d[1] * d[2];

    return (ds_attention){
        d[0],      d[1],         d[2],        d[3], d[4], c, c, c, c, 1.0f / sqrtf((float)d[2]),
        d[5] != 0, DS_DTYPE_F32, DS_DTYPE_F32
    };
}

static void attention(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    ds_attention a = attention_of(d);

    assert_true(f->attention_work(&a) <= sizeof room);
    f->attention(out, NULL, NULL, in[0], in[1], in[2], &a, room);
}

static void attention_adj(const ds_simd *f, float *const grad[], const float *dout,
                          const float *out, float *const in[], const int64_t *d)
{
    ds_attention a = attention_of(d);
    static float y[LARGEST], lse[LARGEST];

    assert_true(f->attention_adj_work(&a) <= sizeof room);
    f->attention(y, lse, NULL, in[0], in[1], in[2], &a, room);
    f->attention_adj(grad[0], grad[1], grad[2], dout, in[0], in[1], in[2], out, lse, &a, room);
}

static void probs(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    ds_attention a = attention_of(d);

    f->attention_probs(out, in[0], in[1], &a, room);
}

static void probs_adj(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                      float *const in[], const int64_t *d)
{
    ds_attention a = attention_of(d);

    f->attention_probs_adj(grad[0], grad[1], dout, out, in[0], in[1], &a, room);
}

static void apply(const ds_simd *f, float *out, float *const in[], const int64_t *d)
{
    ds_attention a = attention_of(d);

    f->attention_apply(out, in[0], in[1], &a, room);
}

static void apply_adj(const ds_simd *f, float *const grad[], const float *dout, const float *out,
                      float *const in[], const int64_t *d)
{
    ds_attention a = attention_of(d);

    (void)out;
    f->attention_apply_adj(grad[0], grad[1], dout, in[0], in[1], &a, room);
}

/* ---- the table ------------------------------------------------------------------------------ */

#define GROUP_NORM(n, hw, c, groups, silu)                                                         \
    {                                                                                              \
        "group_norm", { n * hw * c, c, c, n * c }, n *hw *c, group_norm, group_norm_adj,           \
            { n, hw, c, groups, silu }, 5e-4                                                       \
    }
#define LAYER_NORM(rows, cols)                                                                     \
    {                                                                                              \
        "layer_norm", { rows * cols, cols, cols }, rows *cols, layer_norm, layer_norm_adj,         \
            { rows, cols }, 5e-4                                                                   \
    }
#define ACT(name, kind, count)                                                                     \
    {                                                                                              \
        name, { count }, count, act, act_adj, { 1, count, kind }, 2e-4                             \
    }
#define ATTENTION(n, heads, d, sq, sk, causal)                                                     \
    {                                                                                              \
        "attention", { n * heads * d * sq, n * heads * d * sk, n * heads * d * sk },               \
            n *heads *d *sq, attention, attention_adj, { n, heads, d, sq, sk, causal }, 5e-4       \
    }
#define PLAIN(n, heads, d, sq, sk)                                                                 \
    { "attention_probs",                                                                           \
      { n * heads * d * sq, n * heads * d * sk },                                                  \
      n * heads * sq * sk,                                                                         \
      probs,                                                                                       \
      probs_adj,                                                                                   \
      { n, heads, d, sq, sk, 0 },                                                                  \
      5e-4 },                                                                                      \
    {                                                                                              \
        "attention_apply", { n * heads * sq * sk, n * heads * d * sk }, n *heads *d *sq, apply,    \
            apply_adj, { n, heads, d, sq, sk, 0 }, 5e-4                                            \
    }

/* One row per operator and shape; tolerances live here and nowhere else. */
static const op_case cases[] = {
    GROUP_NORM(2, 15, 12, 3, 0),
    GROUP_NORM(2, 40, 64, 32, 1),
    GROUP_NORM(1, 100, 300, 2, 1),
    GROUP_NORM(2, 700, 40, 4, 1),
    GROUP_NORM(3, 9, 7, 7, 1),
    LAYER_NORM(5, 7),
    LAYER_NORM(70, 320),
    LAYER_NORM(3, 1000),
    { "softmax", { 3 * 7 }, 3 * 7, softmax, softmax_adj, { 3, 7 }, 2e-4 },
    { "softmax", { 9 * 77 }, 9 * 77, softmax, softmax_adj, { 9, 77 }, 2e-4 },
    ACT("silu", DS_ACT_SILU, 100),
    ACT("gelu", DS_ACT_GELU, 100),
    ACT("quick_gelu", DS_ACT_QUICK_GELU, 100),
    { "geglu", { 2 * 3 * 13 }, 3 * 13, geglu, geglu_adj, { 3, 13 }, 2e-4 },
    { "add_rows", { 2 * 3 * 5, 2 * 5 }, 2 * 3 * 5, add_rows, add_rows_adj, { 2, 3, 5 }, 2e-4 },
    { "upsample",
      { 2 * 3 * 4 * 5 },
      2 * 6 * 7 * 5,
      upsample,
      upsample_adj,
      { 2, 3, 4, 5, 6, 7 },
      2e-4 },
    { "concat", { 4 * 3, 4 * 5 }, 4 * 8, concat, concat_adj, { 4, 3, 5 }, 2e-4 },
    { "gather", { 5 * 9 }, 4 * 9, gather, gather_adj, { 4, 9 }, 2e-4 },
    { "sum_sq_diff", { 70, 70 }, 1, sq_diff, sq_diff_adj, { 70 }, 2e-4 },
    { "sum_abs_diff", { 7, 7 }, 1, abs_diff, abs_diff_adj, { 7 }, 2e-4 },
    ATTENTION(1, 1, 1, 1, 2, 0),
    ATTENTION(2, 2, 5, 15, 12, 0),
    ATTENTION(1, 2, 40, 70, 77, 0),
    ATTENTION(1, 3, 4, 20, 20, 1),
    ATTENTION(1, 1, 70, 33, 300, 0),
    ATTENTION(2, 20, 4, 10, 130, 0),
    PLAIN(2, 2, 5, 15, 12),
    PLAIN(1, 2, 40, 70, 77),
    PLAIN(1, 1, 17, 20, 300),
};

static float in[INPUTS][LARGEST], moved[INPUTS][LARGEST], out[LARGEST], dout[LARGEST];
static float want[INPUTS][LARGEST], got[INPUTS][LARGEST], along[INPUTS][LARGEST];

static void draw(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = ts_noise(&seed);
}

/* <dout, f(in + h along)> with the reference. */
static double loss(const op_case *c, float h)
{
    static float y[LARGEST];
    float *const at[INPUTS] = { moved[0], moved[1], moved[2], moved[3] };
    double sum = 0.0;

    for (int i = 0; i < INPUTS; i++)
        for (int64_t k = 0; k < c->size[i]; k++)
            moved[i][k] = in[i][k] + h * along[i][k];
    c->forward(ds__simd_at(0), y, at, c->dim);
    for (int64_t k = 0; k < c->out; k++)
        sum += (double)dout[k] * y[k];
    return sum;
}

/* Runs the adjoint on gradients that start at 1/4; inputs whose bit is not in `mask` get NULL. */
static void gradients(const op_case *c, const ds_simd *f, float (*to)[LARGEST], unsigned mask)
{
    float *const at[INPUTS] = { in[0], in[1], in[2], in[3] };
    float *grad[INPUTS];

    for (int i = 0; i < INPUTS; i++) {
        grad[i] = mask >> i & 1 ? to[i] : NULL;
        for (int64_t k = 0; k < c->size[i]; k++)
            to[i][k] = 0.25f;
    }
    c->adjoint(f, grad, dout, out, at, c->dim);
}

static void prepare(const op_case *c)
{
    float *const at[INPUTS] = { in[0], in[1], in[2], in[3] };

    seed = 7;
    for (int i = 0; i < INPUTS; i++) {
        assert_true(c->size[i] <= LARGEST);
        draw(in[i], c->size[i]);
    }
    assert_true(c->out <= LARGEST);
    draw(dout, c->out);
    c->forward(ds__simd_at(0), out, at, c->dim);
    gradients(c, ds__simd_at(0), want, 15);
}

static void adjoints_match_differences(void **state)
{
    const float h = 5e-3f;

    (void)state;
    for (size_t k = 0; k < DS_COUNT(cases); k++) {
        const op_case *c = &cases[k];

        prepare(c);
        for (int turn = 0; turn < DIRECTIONS; turn++) {
            double slope, claim = 0.0, scale = 0.0;

            for (int i = 0; i < INPUTS; i++) {
                draw(along[i], c->size[i]);
                for (int64_t j = 0; j < c->size[i]; j++) {
                    claim += (double)along[i][j] * (want[i][j] - 0.25);
                    scale += (want[i][j] - 0.25) * (want[i][j] - 0.25);
                }
            }
            slope = (8.0 * (loss(c, h) - loss(c, -h)) - (loss(c, 2 * h) - loss(c, -2 * h))) /
                    (12.0 * (double)h);
            if (!(fabs(slope - claim) <= c->rtol * sqrt(scale)))
                fail_msg("%s (row %d): derivative %.9g along direction %d, the adjoint says %.9g",
                         c->name, (int)k, slope, turn, claim);
        }
    }
}

static void sets_match_the_reference(void **state)
{
    (void)state;
    for (size_t k = 0; k < DS_COUNT(cases); k++) {
        const op_case *c = &cases[k];

        prepare(c);
        for (int t = 1; ds__simd_at(t) != NULL; t++)
            for (int i = -1; i < INPUTS; i++) { /* all gradients, then each alone */
                if (i >= 0 && c->size[i] == 0)
                    continue;
                gradients(c, ds__simd_at(t), got, i < 0 ? 15u : 1u << i);
                for (int j = 0; j < INPUTS; j++)
                    if ((i < 0 || i == j) && c->size[j] > 0)
                        ts_compare(ts_path(c->name, "%s, gradient %d, row %d", ds__simd_at(t)->isa,
                                           j, (int)k),
                                   got[j], want[j], c->size[j], 1e-5);
            }
    }
}

/* One thread and two give the same bits. */
static void threads_do_not_matter(void **state)
{
    (void)state;
    for (size_t k = 0; k < DS_COUNT(cases); k++) {
        prepare(&cases[k]);
        ds_set_threads(1);
        gradients(&cases[k], ds__simd(), want, 15);
        ds_set_threads(2);
        gradients(&cases[k], ds__simd(), got, 15);
        ds_set_threads(0);
        for (int i = 0; i < INPUTS; i++)
            assert_memory_equal(got[i], want[i], (size_t)cases[k].size[i] * sizeof(float));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adjoints_match_differences),
        cmocka_unit_test(sets_match_the_reference),
        cmocka_unit_test(threads_do_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* How far apart two pictures or maps are, against hand calculations. */

#include "support.h"

#include <math.h>

#include "studies/compare/compare.h"

static void near(double x, double y)
{
    if (!(fabs(x - y) < 1e-7))
        fail_msg("expected %.9g, found %.9g", y, x);
}

static void distances(void **state)
{
    const float x[] = { 0, 0, 1, 1 }, y[] = { 0, 1, 1, 0 }, minus[] = { 0, 0, -1, -1 };
    const float none[4] = { 0 };

    (void)state;
    near(ds__rms_apart(x, x, 4), 0);
    near(ds__rms_apart(x, y, 4), sqrt(0.5));
    near(ds__relative_apart(x, x, 4), 0);
    near(ds__relative_apart(x, minus, 4), 2); /* opposite: |2x| / |x| */
    near(ds__relative_apart(x, y, 4), 1);     /* sqrt(2/4) over sqrt(2/4) */
    near(ds__relative_apart(none, none, 4), 0);
    near(ds__relative_apart(x, none, 4), sqrt(2)); /* sqrt(2/4) over sqrt(1/4) */
}

static void shares(void **state)
{
    const float x[] = { 1, 3, 1, 1 }, left[] = { 5, 5, 4, 4 }, right[] = { 4, 4, 5, 5 };
    const float half[] = { 4, 5, 5, 4 }, flat[] = { 2, 2, 2, 2 };

    (void)state;
    near(ds__shared_mass(x, x, 4), 1);
    near(ds__shared_mass(left, right, 4), 0);
    near(ds__shared_mass(left, half, 4), 0.5);
    near(ds__shared_mass(x, left, 4), 0.5); /* (0,1,0,0) and (1/2,1/2,0,0) */
    assert_true(isnan(ds__shared_mass(flat, x, 4)));
}

/* Three channels of two pixels. */
static void difference(void **state)
{
    const float x[] = { 1, 0, 1, 0, 1, 0 }, y[] = { 0, 0, 1, 1, 1, 1 };
    float map[2];

    (void)state;
    ds__difference_map(map, x, y, 2);
    near(map[0], 1.0 / 3.0);
    near(map[1], 2.0 / 3.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(shares),
        cmocka_unit_test(difference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

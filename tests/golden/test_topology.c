/* The parameters of the full-size models, by name and shape, against the published ones. */

#include "support.h"

#include "base/json.h"
#include "models/topology.h"

#include <string.h>

static const char *const models[] = { "sd15", "sd21", "sdxl" };

static int64_t compare_component(const json_t *census, const json_t *topology, ds_component c)
{
    const char *part = ds__component_names[c];
    const json_t *names = json_object_get(json_object_get(census, part), "parameters");
    int64_t total = 0;
    ds_params *p;
    ds_error err = { 0 };

    if (names == NULL) {
        assert_null(json_object_get(topology, part));
        return 0;
    }
    ts_ok(ds__topology_params(&p, topology, c, &err), &err);
    for (int64_t i = 0; i < ds__params_count(p); i++) {
        const ds_param *q = ds__params_at(p, i);
        const json_t *shape = json_object_get(names, q->name);

        if (shape == NULL)
            fail_msg("%s.%s is not in the census", part, q->name);
        assert_int_equal(json_array_size(shape), q->value.rank);
        for (int k = 0; k < q->value.rank; k++)
            if (json_integer_value(json_array_get(shape, (size_t)k)) != q->value.dim[k])
                fail_msg("%s.%s: dimension %d is %lld", part, q->name, k,
                         (long long)q->value.dim[k]);
        total += ds_tensor_count(&q->value);
    }
    assert_int_equal(ds__params_count(p), json_object_size(names));
    assert_int_equal(total, json_integer_value(json_object_get(json_object_get(census, part),
                                                               "parameters_total")));
    ds__params_free(p);
    return total;
}

static void census(void **state)
{
    const char *golden = ts_golden();
    ds_error err = { 0 };

    (void)state;
    if (golden == NULL)
        skip();
    for (size_t m = 0; m < DS_COUNT(models); m++) {
        json_t *want, *topology;

        ts_ok(ds__json_load(&want, ts_path(golden, "census/%s.json", models[m]), &err), &err);
        ts_ok(ds__topology_load(&topology, models[m], &err), &err);
        for (int c = 0; c < DS_COMPONENTS; c++)
            print_message("%s %s: %lld parameters\n", models[m], ds__component_names[c],
                          (long long)compare_component(want, topology, (ds_component)c));
        json_decref(want);
        json_decref(topology);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(census) };

    return cmocka_run_group_tests_name("golden: topology", tests, NULL, NULL);
}

/* say.c - the summary of `eval info` as text. See eval.h. */

#include "studies/info/eval.h"

#include <stdio.h>
#include <string.h>

/* Null where one half of the scenes is empty. */
static void say_estimate(ds_result *to, const char *name, const json_t *v)
{
    const json_t *value = json_object_get(v, "value");

    if (json_is_number(value) && !json_is_number(json_object_get(v, "low")))
        ds__result_say(to, "  %-28s %6.1f %%  (one scene: no interval)\n", name,
                       100 * json_number_value(value));
    else if (json_is_number(value))
        ds__result_say(to, "  %-28s %6.1f %%  [%.1f, %.1f]\n", name, 100 * json_number_value(value),
                       100 * json_number_value(json_object_get(v, "low")),
                       100 * json_number_value(json_object_get(v, "high")));
    else
        ds__result_say(to, "  %-28s   not known of so few scenes\n", name);
}

static void say_localisation(ds_result *to, const json_t *where)
{
    const json_t *attention = json_object_get(where, "attention");
    const char *name;
    json_t *value;

    ds__result_say(to, "words against masks, mean IoU at held-out thresholds\n");
    say_estimate(to, "whole picture", json_object_get(where, "whole_picture"));
    say_estimate(to, "CMI map, i_o", json_object_get(json_object_get(where, "i_o"), "held_out"));
    say_estimate(to, "CMI map, i_s", json_object_get(json_object_get(where, "i_s"), "held_out"));
    json_object_foreach ((json_t *)attention, name, value) {
        char text[64];

        snprintf(text, sizeof text, strcmp(name, "disc") == 0 ? "centred %s" : "DAAM, %s", name);
        say_estimate(to, text, json_object_get(value, "held_out"));
    }
    json_object_foreach (json_object_get(where, "differences_held_out"), name, value)
        say_estimate(to, name, value);
}

static void say_choice(ds_result *to, const char *what, const json_t *choice)
{
    const json_t *by_s = json_object_get(choice, "i_s");

    ds__result_say(to, "right caption against %s (chance %.1f %%), %lld scenes\n", what,
                   100 * json_number_value(json_object_get(choice, "chance")),
                   (long long)json_integer_value(json_object_get(by_s, "count")));
    say_estimate(to, "by i_s", by_s);
    say_estimate(to, "by i_o", json_object_get(choice, "i_o"));
    if (json_object_get(choice, "i_s_macro") != NULL) {
        say_estimate(to, "by i_s, mean over groups", json_object_get(choice, "i_s_macro"));
        say_estimate(to, "by i_o, mean over groups", json_object_get(choice, "i_o_macro"));
    }
}

void ds__info_eval_say(ds_result *r)
{
    const json_t *root = ds__result_root(r);
    const char *kind;
    json_t *value;

    if (json_object_get(root, "localisation") != NULL)
        say_localisation(r, json_object_get(root, "localisation"));
    json_object_foreach (json_object_get(root, "caption_choice"), kind, value) {
        char what[64];

        snprintf(what, sizeof what, strcmp(kind, "list") == 0 ? "those of the %s" : "wrong %s",
                 kind);
        say_choice(r, what, value);
    }
}

/* eval_info_print.c - the summary of `diffuscope eval info` as text. See eval_info.h. */

#include <stdio.h>
#include <string.h>

#include "eval_info.h"

/* Null where one half of the scenes is empty. */
static void print_estimate(const char *name, const json_t *v)
{
    const json_t *value = json_object_get(v, "value");

    if (json_is_number(value))
        printf("  %-28s %6.1f %%  [%.1f, %.1f]\n", name, 100 * json_number_value(value),
               100 * json_number_value(json_object_get(v, "low")),
               100 * json_number_value(json_object_get(v, "high")));
    else
        printf("  %-28s   not known of so few scenes\n", name);
}

static void print_localisation(const json_t *where)
{
    const json_t *attention = json_object_get(where, "attention");
    const char *name;
    json_t *value;

    printf("words against masks, mean IoU at held-out thresholds\n");
    print_estimate("whole picture", json_object_get(where, "whole_picture"));
    print_estimate("CMI map, i_o", json_object_get(json_object_get(where, "i_o"), "held_out"));
    print_estimate("CMI map, i_s", json_object_get(json_object_get(where, "i_s"), "held_out"));
    json_object_foreach ((json_t *)attention, name, value) {
        char text[64];

        snprintf(text, sizeof text, strcmp(name, "disc") == 0 ? "centred %s" : "DAAM, %s", name);
        print_estimate(text, json_object_get(value, "held_out"));
    }
    json_object_foreach (json_object_get(where, "differences_held_out"), name, value)
        print_estimate(name, value);
}

static void print_choice(const char *what, const json_t *choice)
{
    const json_t *by_s = json_object_get(choice, "i_s");

    printf("right caption against %s (chance %.1f %%), %lld scenes\n", what,
           100 * json_number_value(json_object_get(choice, "chance")),
           (long long)json_integer_value(json_object_get(by_s, "count")));
    print_estimate("by i_s", by_s);
    print_estimate("by i_o", json_object_get(choice, "i_o"));
    if (json_object_get(choice, "i_s_macro") != NULL) {
        print_estimate("by i_s, mean over groups", json_object_get(choice, "i_s_macro"));
        print_estimate("by i_o, mean over groups", json_object_get(choice, "i_o_macro"));
    }
}

void eval_info_print(const json_t *r)
{
    const char *kind;
    json_t *value;

    if (json_object_get(r, "localisation") != NULL)
        print_localisation(json_object_get(r, "localisation"));
    json_object_foreach (json_object_get(r, "caption_choice"), kind, value) {
        char what[64];

        snprintf(what, sizeof what, strcmp(kind, "list") == 0 ? "those of the %s" : "wrong %s",
                 kind);
        print_choice(what, value);
    }
}

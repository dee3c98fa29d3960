/* quality_text.c - the table of a quality for people: a terminal's, or Markdown.
 *
 * Thread rule: none of its own. */

#include "world/tool/quality.h"

#include <math.h>
#include <string.h>

enum { CELL = 48 };

static const char *unit_of(const json_t *row)
{
    const char *u = json_string_value(json_object_get(row, "unit"));

    return u != NULL ? u : "";
}

static void number(char *out, const json_t *row, const char *key)
{
    const json_t *v = json_object_get(row, key);
    double x = json_number_value(v);

    if (v == NULL)
        out[0] = '\0';
    else if (strcmp(unit_of(row), "share") == 0)
        snprintf(out, CELL / 2, "%.1f %%", 100.0 * x);
    else
        snprintf(out, CELL / 2, strcmp(unit_of(row), "dB") == 0 ? "%.2f dB" : "%.3f", x);
}

static void interval(char *out, const json_t *row)
{
    double low = json_number_value(json_object_get(row, "low"));
    double high = json_number_value(json_object_get(row, "high"));

    if (strcmp(unit_of(row), "share") == 0)
        snprintf(out, CELL, "%.1f to %.1f", 100.0 * low, 100.0 * high);
    else
        snprintf(out, CELL, strcmp(unit_of(row), "dB") == 0 ? "%.2f to %.2f" : "%.3f to %.3f", low,
                 high);
}

static void target(char *out, const json_t *row)
{
    bool below = strcmp(unit_of(row), "difference") == 0;
    char text[CELL / 2];

    number(text, row, "target");
    if (text[0] == '\0')
        out[0] = '\0';
    else
        snprintf(out, CELL, "%s %s: %s", below ? "at most" : "at least", text,
                 json_is_true(json_object_get(row, "met")) ? "yes" : "no");
}

static void print_row(const char *const cell[7], bool markdown, FILE *to)
{
    static const int width[7] = { 44, 9, 16, 22, 9, 9, 6 };

    for (int i = 0; i < 7; i++)
        if (markdown)
            fprintf(to, "| %s ", cell[i]);
        else
            fprintf(to, i == 0 ? "%-*s" : "  %*s", width[i], cell[i]);
    fputs(markdown ? "|\n" : "\n", to);
}

/* The planted shares, row by row. */
static void print_planted(const json_t *row, bool markdown, FILE *to)
{
    const json_t *rows = json_object_get(row, "rows");
    json_t *r;
    size_t i;

    if (rows == NULL)
        return;
    fprintf(to, "\n%s. A model without fault would show %.3f by chance, with as many pictures.\n\n",
            json_string_value(json_object_get(row, "figure")),
            json_number_value(json_object_get(row, "by_chance")));
    if (markdown)
        fputs("| | Planted | Measured | Pictures |\n| --- | --- | --- | --- |\n", to);
    json_array_foreach (rows, i, r)
        fprintf(to,
                markdown ? "| %s | %.2f | %.2f | %lld |\n"
                         : "  %-20s planted %.2f  measured %.2f  of %lld\n",
                json_string_value(json_object_get(r, "id")),
                json_number_value(json_object_get(r, "planted")),
                json_number_value(json_object_get(r, "share")),
                (long long)json_integer_value(json_object_get(r, "count")));
}

void ds_quality_print(const json_t *result, bool markdown, FILE *to)
{
    static const char *const head[7] = { "", "Measured", "95 %", "Wanted", "Real", "VAE", "n" };
    static const char *const rule[7] = { "---", "---:", "---:", "---", "---:", "---:", "---:" };
    const json_t *rows = json_object_get(result, "rows"), *s = json_object_get(result, "settings");
    const char *model = json_string_value(json_object_get(result, "model"));
    json_t *row;
    size_t i;

    fprintf(to, "%s: %s, %lld steps, guidance %g, seed %lld, %s; %.0f s with %lld thread%s.\n",
            model != NULL ? model : "real scenes", json_string_value(json_object_get(s, "sampler")),
            (long long)json_integer_value(json_object_get(s, "steps")),
            json_number_value(json_object_get(s, "guidance")),
            (long long)json_integer_value(json_object_get(s, "seed")),
            json_string_value(json_object_get(s, "compute")),
            json_number_value(json_object_get(result, "seconds")),
            (long long)json_integer_value(json_object_get(s, "threads")),
            json_integer_value(json_object_get(s, "threads")) == 1 ? "" : "s");
    fputs("Real: the judge on the real scenes of the same captions. VAE: on these scenes after the "
          "autoencoder.\n\n",
          to);
    print_row(head, markdown, to);
    if (markdown)
        print_row(rule, markdown, to);
    json_array_foreach (rows, i, row) {
        char cell[7][CELL];
        const char *const cells[7] = { json_string_value(json_object_get(row, "figure")),
                                       cell[1],
                                       cell[2],
                                       cell[3],
                                       cell[4],
                                       cell[5],
                                       cell[6] };

        number(cell[1], row, "value");
        interval(cell[2], row);
        target(cell[3], row);
        number(cell[4], row, "real");
        number(cell[5], row, "vae");
        snprintf(cell[6], CELL, "%lld",
                 (long long)json_integer_value(json_object_get(row, "count")));
        print_row(cells, markdown, to);
    }
    json_array_foreach (rows, i, row)
        print_planted(row, markdown, to);
}

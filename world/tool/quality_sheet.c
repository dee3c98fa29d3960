/* quality_sheet.c - the pictures of a quality to look at.
 *
 * Thread rule: none of its own. */

#include "world/tool/quality.h"

#include "world/export.h"
#include "world/record.h"

#include <errno.h>
#include <string.h>

enum { SIDE = DS_WORLD_SIDE, COLUMNS = 12, EDGE = 3, BIG = 2 * SIDE + 2 * EDGE, GAP = 4 };
enum { STEP_X = BIG + GAP, STEP_Y = BIG + SIDE + 2 * GAP };

static const char *const sets[] = { "single", "heldout", "pair", "people", "homonym", "neutral" };

typedef struct sheet {
    uint8_t *rgb;
    int width, height;
    const char *out, *set;
    const json_t *verdicts;
    FILE *text;
    int64_t line, all; /* of captions.jsonl */
    int row, column;
} sheet;

static void put(sheet *s, int x, int y, int side, const uint8_t *rgb)
{
    for (int v = 0; v < side; v++)
        for (int u = 0; u < side; u++)
            memcpy(s->rgb + 3 * ((size_t)(y + v) * (size_t)s->width + (size_t)(x + u)),
                   rgb + 3 * (v * SIDE / side * SIDE + u * SIDE / side), 3);
}

static void edge(sheet *s, int x, int y, bool right)
{
    const uint8_t colour[2][3] = { { 216, 48, 48 }, { 32, 168, 80 } };

    for (int v = 0; v < BIG; v++)
        for (int u = 0; u < BIG; u++)
            memcpy(s->rgb + 3 * ((size_t)(y + v) * (size_t)s->width + (size_t)(x + u)),
                   colour[right], 3);
}

static ds_status read(sheet *s, const char *source, const char *file, uint8_t *rgb, ds_error *err)
{
    char path[1500];

    snprintf(path, sizeof path, "%s/%s/%s/%s", s->out, source, s->set, file);
    return ds_world_read_png(path, rgb, SIDE, SIDE, err);
}

/* COLUMNS pictures, evenly over the set. */
static ds_status add(void *user, const json_t *line, ds_error *err)
{
    sheet *s = user;
    const json_t *verdict = json_array_get(s->verdicts, (size_t)s->line);
    const char *file = json_string_value(json_object_get(line, "file"));
    const char *caption = json_string_value(json_object_get(line, "caption"));
    bool right = json_is_true(json_object_get(verdict, "right"));
    int x = GAP + s->column * STEP_X, y = GAP + s->row * STEP_Y;
    uint8_t rgb[3 * SIDE * SIDE];
    ds_status st;

    if (s->line++ * COLUMNS < s->column * s->all || s->column == COLUMNS)
        return DS_OK;
    if (file == NULL || caption == NULL)
        return ds_fail(err, DS_E_FORMAT, "expected file and caption");
    st = read(s, "drawn", file, rgb, err);
    if (st == DS_OK) {
        edge(s, x, y, right);
        put(s, x + EDGE, y + EDGE, 2 * SIDE, rgb);
        st = read(s, "real", file, rgb, err);
    }
    if (st != DS_OK)
        return st;
    put(s, x + EDGE + SIDE / 2, y + BIG + GAP, SIDE, rgb);
    fprintf(s->text, "%s %d.%d %-5s %s\n", s->set, s->row + 1, s->column + 1,
            right ? "right" : "wrong", caption);
    s->column++;
    return DS_OK;
}

static ds_status add_set(sheet *s, const char *set, ds_error *err)
{
    char path[1300];
    json_t *score;
    ds_status st;

    s->set = set;
    s->line = 0;
    s->column = 0;
    snprintf(path, sizeof path, "%s/drawn/%s/score.json", s->out, set);
    score = json_load_file(path, 0, NULL);
    if (score == NULL)
        return DS_OK; /* this quality leaves the set out */
    s->verdicts = json_object_get(score, "verdicts");
    s->all = (int64_t)json_array_size(s->verdicts);
    snprintf(path, sizeof path, "%s/drawn/%s", s->out, set);
    st = ds_world_read_lines(path, add, s, err);
    json_decref(score);
    s->row++;
    return st;
}

ds_status ds_quality_sheet(const char *out, ds_error *err)
{
    sheet s = { .out = out,
                .width = GAP + COLUMNS * STEP_X,
                .height = GAP + (int)DS_COUNT(sets) * STEP_Y };
    size_t bytes = 3 * (size_t)s.width * (size_t)s.height;
    char path[1300];
    ds_status st = DS_OK;

    snprintf(path, sizeof path, "%s/sheet.txt", out);
    s.text = fopen(path, "w");
    s.rgb = ds_alloc(bytes);
    if (s.text == NULL)
        st = ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    else if (s.rgb == NULL)
        st = ds_fail(err, DS_E_NOMEM, "a sheet of %d by %d pixels", s.width, s.height);
    if (st == DS_OK)
        memset(s.rgb, 255, bytes);
    for (size_t i = 0; st == DS_OK && i < DS_COUNT(sets); i++)
        st = add_set(&s, sets[i], err);
    if (s.text != NULL && fclose(s.text) != 0 && st == DS_OK)
        st = ds_fail(err, DS_E_IO, "%s: %s", path, strerror(errno));
    snprintf(path, sizeof path, "%s/sheet.png", out);
    if (st == DS_OK)
        st = ds_world_write_png(path, s.rgb, s.width, s.row > 0 ? GAP + s.row * STEP_Y : STEP_Y,
                                err);
    ds_free(s.rgb);
    return st;
}

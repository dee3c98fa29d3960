/* Any bytes as captions.jsonl (W), as COCO's instances and captions (C) or list of rows (L), or as
 * the text of run lengths (R): a mask that is read can be painted and written, and comes back. */

#include "fuzz/support.h"

#include <diffuscope/rle.h>
#include <diffuscope/truth.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST = 1 << 20 };

static void paint_all(const ds_truth *t)
{
    for (int64_t i = 0; i < ds_truth_count(t); i++) {
        const ds_truth_scene *s = ds_truth_at(t, i);
        uint8_t *mask;

        for (int64_t k = 0; k < s->word_count; k++) {
            const ds_truth_word *w = &s->words[k];

            FZ_HOLDS(w->begin >= 0 && w->begin < w->end && w->end <= (int64_t)strlen(s->caption) &&
                     w->entity < s->entity_count);
        }
        if (s->width * s->height > LARGEST)
            continue;
        mask = ds_alloc((size_t)(s->width * s->height) + 1);
        for (int64_t k = 0; k < s->entity_count; k++) {
            ds_error err = { 0 };

            FZ_HOLDS(ds_truth_mask(t, mask, i, k, &err) == DS_OK || err.text[0] != '\0');
        }
        ds_free(mask);
    }
}

static void try_runs(const uint8_t *data, size_t size)
{
    uint8_t mask[64 * 48], back[64 * 48];
    char text[4096], *again;

    size = size < sizeof text ? size : sizeof text - 1;
    memcpy(text, data, size);
    text[size] = '\0';
    if (ds_rle_decode(mask, text, 64, 48, NULL) != DS_OK)
        return;
    FZ_HOLDS(ds_rle_encode(&again, mask, 64, 48, NULL) == DS_OK);
    FZ_HOLDS(ds_rle_decode(back, again, 64, 48, NULL) == DS_OK);
    FZ_HOLDS(memcmp(mask, back, sizeof mask) == 0);
    ds_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fz_part part[2] = { { 0 } };
    ds_truth_options o = DS_TRUTH_OPTIONS_INIT;
    char lines[256], rows[256];
    ds_truth *t;
    ds_error err = { 0 };

    if (size == 0)
        return 0;
    if (data[0] == 'R') {
        try_runs(data + 1, size - 1);
        return 0;
    }
    snprintf(lines, sizeof lines, "%s/captions.jsonl", fz_folder());
    if (data[0] == 'W') {
        fz_put("captions.jsonl", data + 1, size - 1);
    } else {
        unlink(lines);
        fz_split(part, 2, data + 1, size - 1);
        fz_put("instances.json", part[0].data, part[0].size);
        snprintf(rows, sizeof rows, "%s/rows.csv", fz_folder());
        if (data[0] == 'L') {
            fz_put("rows.csv", part[1].data != NULL ? part[1].data : (const uint8_t *)"",
                   part[1].data != NULL ? part[1].size : 0);
            o.rows = rows;
        }
        fz_put("captions.json", part[1].data != NULL ? part[1].data : (const uint8_t *)"{}",
               part[1].data != NULL ? part[1].size : 2);
    }
    if (ds_truth_open(&t, fz_folder(), &o, &err) == DS_OK)
        paint_all(t);
    else
        FZ_HOLDS(err.text[0] != '\0');
    ds_truth_close(t);
    return 0;
}

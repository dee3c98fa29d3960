/* daam_syntax.h - `--syntax`: how the maps of head and dependent lie over each other. */

#ifndef DS_CLI_DAAM_SYNTAX_H
#define DS_CLI_DAAM_SYNTAX_H

#include <stdio.h>

#include <jansson.h>

#include <diffuscope/daam.h>
#include <diffuscope/syntax.h>

/* Both kinds of threshold are always applied, since they disagree: relative to each map's own
 * range, and absolute, as a probability averaged over the network's calls. The paper's replication
 * has 0.15 on sums over 30 calls: 0.005. */
typedef struct daam_syntax_options {
    double relative, absolute;
    int64_t image;           /* of the trace */
    ds_daam_weights weights; /* of the maps: the paper's are sums over calls */
} daam_syntax_options;

#define DAAM_SYNTAX_INIT                                                                           \
    {                                                                                              \
        0.4, 0.005, 0, DS_DAAM_MEAN                                                                \
    }

/* Parses the prompt of the trace and compares the maps of its words:
 *
 *   { "words": [{"text", "tag", "relative": share of pixels that are on, "absolute": .. }],
 *     "pairs": [{"relation", "head", "dependent", "relative": {"iod", "ioh", "iou"} or null where a
 *                map is empty, "absolute": .. }], "left_out": words that the parse left out,
 *     "thresholds": {"relative", "absolute"} }
 *
 * "unrelated" is the relation of all other pairs. A new reference. */
ds_status daam_syntax(json_t **out, ds_parser *p, const ds_daam *d, const ds_daam_maps *maps,
                      const daam_syntax_options *o, ds_error *err);

/* Means over pairs of one relation, over any number of such objects (an array of them): rows
 * {"relation", "pairs", "relative": {"miod", "mioh", "miou", "delta"}, "absolute": ..}, and "tags":
 * rows {"tag", "words", "relative", "absolute"}. A new reference. */
ds_status daam_syntax_table(json_t **out, const json_t *parsed, ds_error *err);
void daam_syntax_print(FILE *to, const json_t *table);

#endif

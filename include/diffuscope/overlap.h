/* diffuscope/overlap.h - grammar and word maps: how the maps of a head and its dependent lie over each
 * other, as in section 4.3 of Tang et al., arXiv 2210.04885.
 *
 * Experimental: may change with a minor version. Thread rule: an object belongs to one thread. */

#ifndef DIFFUSCOPE_OVERLAP_H
#define DIFFUSCOPE_OVERLAP_H

#include <diffuscope/daam.h>
#include <diffuscope/syntax.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Both kinds of threshold are always applied, since they disagree: relative to each map's own
 * range, and absolute, as a probability averaged over the network's calls. The paper's replication
 * has 0.15 on sums over 30 calls: 0.005. */
typedef struct ds_overlap_options {
    double relative, absolute;
    int64_t image;           /* of the trace */
    ds_daam_weights weights; /* of the maps: the paper's are sums over calls */
} ds_overlap_options;

#define DS_OVERLAP_OPTIONS_INIT                                                                    \
    {                                                                                              \
        0.4, 0.005, 0, DS_DAAM_MEAN                                                                \
    }

/* Parses the prompt of the trace and compares the maps of its words; JSON text, free with ds_free:
 *
 *   { "words": [{"text", "tag", "relative": share of pixels that are on, "absolute": .. }],
 *     "pairs": [{"relation", "head", "dependent", "relative": {"iod", "ioh", "iou"} or null where a
 *                map is empty, "absolute": .. }], "left_out": words that the parse left out,
 *     "thresholds": {"relative", "absolute"} }
 *
 * "unrelated" is the relation of all other pairs. */
DS_API ds_status ds_daam_overlaps(char **json, ds_parser *p, const ds_daam *d,
                                  const ds_daam_maps *maps, const ds_overlap_options *o,
                                  ds_error *err);

/* Means over pairs of one relation, over a JSON list of such objects: rows {"relation", "pairs",
 * "relative": {"miod", "mioh", "miou", "delta"}, "absolute": ..}, and "tags": rows {"tag", "words",
 * "relative", "absolute"}. JSON text, free with ds_free. */
DS_API ds_status ds_daam_overlap_table(char **json, const char *overlaps, ds_error *err);

/* The table for a person; free with ds_free. */
DS_API ds_status ds_daam_overlap_text(char **out, const char *table, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

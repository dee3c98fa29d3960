/* diffuscope/score.h - how well soft maps agree with masks.
 *
 * A map is [n] floats, a mask [n] bytes, zero or not; both cover the same pixels. A map becomes a
 * mask by a threshold tau, compared strictly (v > tau):
 *
 *     absolute   v
 *     relative   (v - min) / (max - min), the DAAM package's expansion
 *     of-max     v / max, the form of its paper (arXiv:2210.04885)
 *
 * Thread rule: pure functions. */

#ifndef DIFFUSCOPE_SCORE_H
#define DIFFUSCOPE_SCORE_H

#include <diffuscope/stats.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- two masks ------------------------------------------------------------------------------- */

typedef struct ds_overlap {
    int64_t a, b, both; /* pixels in one, in the other, in both */
} ds_overlap;

DS_API ds_overlap ds_mask_overlap(const uint8_t *a, const uint8_t *b, int64_t n);

/* |A and B| / |A or B|, and |A and B| / |A|: the share of A that lies in B. NaN where the divisor
 * is zero. */
DS_API double ds_overlap_iou(ds_overlap o);
DS_API double ds_overlap_ioa(ds_overlap o);

/* ---- from map to mask ------------------------------------------------------------------------ */

typedef enum ds_threshold {
    DS_THRESHOLD_RELATIVE = 0,
    DS_THRESHOLD_ABSOLUTE,
    DS_THRESHOLD_OF_MAX
} ds_threshold;

DS_API ds_status ds_threshold_parse(ds_threshold *out, const char *name, ds_error *err);
DS_API const char *ds_threshold_name(ds_threshold mode);

/* The values that the threshold is compared with. `out` may be `map`. */
DS_API void ds_map_scale(float *out, const float *map, int64_t n, ds_threshold mode);

DS_API void ds_map_mask(uint8_t *mask, const float *map, int64_t n, ds_threshold mode, double tau);

/* The centred disc as a soft map: 1 in the middle, falling with the distance to 0 in the corners;
 * every threshold gives a disc. */
DS_API void ds_map_disc(float *map, int64_t height, int64_t width);

/* Sum of the map over the mask, divided by its sum over all pixels; NaN if that is not positive. */
DS_API double ds_map_mass(const float *map, const uint8_t *mask, int64_t n);

/* Bilinear, half-pixel centres, clamped at the border, to another size. */
DS_API void ds_map_resize(float *out, int64_t out_h, int64_t out_w, const float *map, int64_t h,
                          int64_t w);

/* ---- thresholds: tuned, and held out --------------------------------------------------------- */

/* IoU of the map at each of `taus` ascending thresholds with the mask truth, in one pass. Where map
 * and truth are both empty it is 0. */
DS_API ds_status ds_score_sweep(float *iou, const float *map, const uint8_t *truth, int64_t n,
                                ds_threshold mode, const double *tau, int64_t taus, ds_error *err);

/* What a table of such rows says. */
typedef struct ds_sweep {
    ds_value tuned;         /* mean IoU at the threshold that is best on these very rows */
    ds_value held_out;      /* each half of the scenes scored at the threshold best on the other */
    double tuned_tau;       /* the former */
    double held_out_tau[2]; /* the latter: used on the even and on the odd half */
} ds_sweep;

/* iou [rows, taus]; scene[r] >= 0 names the scene of a row. Scenes, not rows, are split into halves
 * (by the parity of a hash of their number) and resampled for the intervals. Where one half is
 * empty held_out is NaN. row_iou [rows], or NULL, receives each row's IoU at its held-out
 * threshold, for paired comparisons. */
DS_API ds_status ds_sweep_summarise(ds_sweep *out, const float *iou, const int64_t *scene,
                                    int64_t rows, const double *tau, int64_t taus, double *row_iou,
                                    ds_error *err);

/* Which half a scene belongs to: 0 or 1. */
DS_API int ds_sweep_half(int64_t scene);

/* ---- masks without names --------------------------------------------------------------------- */

/* Assigns each row of score [rows, columns] to a column of its own so that the sum is largest
 * (the Hungarian method): column [rows], -1 for rows without one where rows > columns. NaN counts
 * as 0. */
DS_API ds_status ds_assign(int64_t *column, const double *score, int64_t rows, int64_t columns,
                           ds_error *err);

/* Unlabelled truth against predictions. labelled: row i against column i; best: the best column of
 * each row, which several rows may share; hungarian: one column per row. Each is the mean over
 * rows. score [rows, columns] is an IoU of truth i with prediction j. */
typedef struct ds_match {
    double labelled, best, hungarian;
} ds_match;

DS_API ds_status ds_match_masks(ds_match *out, const double *score, int64_t rows, int64_t columns,
                                ds_error *err);

/* Clusters over a data set: accumulates IoU of truth classes with predicted clusters, picture by
 * picture; a cluster's class is then one for the whole set. */
typedef struct ds_clusters ds_clusters;

DS_API ds_status ds_clusters_new(ds_clusters **out, int64_t classes, int64_t clusters,
                                 ds_error *err);
DS_API void ds_clusters_free(ds_clusters *c); /* NULL is allowed */

/* One picture, as class and cluster numbers per pixel [n]; others (-1) are background. Only classes
 * that the picture shows count. */
DS_API ds_status ds_clusters_add(ds_clusters *c, const int32_t *truth, const int32_t *predicted,
                                 int64_t n, ds_error *err);

/* Mean over classes that occurred. cluster_of [classes], or NULL, receives the assignment. */
DS_API ds_status ds_clusters_score(const ds_clusters *c, ds_match *out, int64_t *cluster_of,
                                   ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

/* crossed.h - means over prompts and seeds. Each value belongs to one prompt and one seed; the pictures
 * of one prompt have much in common, and so have those that begin with the noise of one seed. What is
 * resampled says for what an interval holds: other prompts, other seeds, or both.
 *
 * Thread rule: pure functions. */

#ifndef DS_STATS_CROSSED_H
#define DS_STATS_CROSSED_H

#include <diffuscope/base.h>
#include <diffuscope/value.h>

typedef enum ds_over {
    DS_OVER_BOTH = 0,
    DS_OVER_PROMPTS, /* the same seeds, other prompts */
    DS_OVER_SEEDS    /* the same prompts, other seeds */
} ds_over;

/* The option's choices, in the order of the enum. */
#define DS_OVER_CHOICES "both|prompts|seeds"

/* A sample: values x [n], each with the numbers of its prompt and seed. Places may be empty or hold
 * several values. */
typedef struct ds_crossed {
    const double *x;
    const int64_t *prompt, *seed;
    int64_t n;
} ds_crossed;

typedef enum ds_interval_kind {
    DS_INTERVAL_NONE = 0,  /* nothing varies: one prompt, or one seed, of what is resampled */
    DS_INTERVAL_T,         /* mean +- t se of few units */
    DS_INTERVAL_BOOTSTRAP, /* expanded percentiles */
    DS_INTERVAL_WILSON     /* a share of independent trials */
} ds_interval_kind;

typedef struct ds_crossed_mean {
    ds_value value; /* with standard error */
    ds_over over;   /* what was resampled: `both` becomes one where the other has one level */
    ds_interval_kind kind; /* how the interval was made */
    int64_t units;         /* the fewer of what was resampled; df is one less */
} ds_crossed_mean;

/* The mean of all values.
 *
 * Standard error: over prompts or seeds alone the usual one of a mean of whole units. Over both the variance is
 * that of whole prompts plus that of whole seeds less that of values alone, which both hold (A. C. Cameron,
 * J. B. Gelbach, D. L. Miller, J. Bus. Econ. Stat. 29 (2011) 238), and no less than either.
 *
 * In 2,000 resamples prompts and seeds are drawn with replacement, each value counting as often as its
 * prompt times its seed was drawn. For `both` this spreads too far, up to sqrt(3) where neither prompts nor
 * seeds differ (A. B. Owen, Annals of Applied Statistics 1 (2007) 386): resampled means are drawn together
 * about the mean until their spread is the error above.
 *
 * Interval of values that are all 0 or 1: Wilson's, of all trials where each is a unit of its own, of as
 * many as there are units where all are alike, and else of the trials that the error stands for
 * (wilson.h). Of other values: below 10 units value +- t se; else percentiles of the resampled means, cut
 * as ds__resampled_tail says. */
ds_status ds__crossed_mean(ds_crossed_mean *out, const ds_crossed *s, ds_over over, ds_error *err);

/* "over prompts and seeds": what an interval holds for. */
const char *ds__over_words(ds_over over);
/* "expanded percentiles of a bootstrap", ... */
const char *ds__interval_words(ds_interval_kind kind);

#endif

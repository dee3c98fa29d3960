/* mix.h - a concept as a mixture in prediction space: the network's answer for it, as a mixture of its
 * answers for named things,
 *
 *     v(z, t, sentence with the concept) = sum_i b_i v(z, t, sentence with name i)     b >= 0, sum b = 1
 *
 * by least squares over all sentences at one high noise level, where one answer still covers everything
 * that the words could come to mean. (Not published; the mean of a mixture of pictures is the mixture of
 * their means, as long as the noise tells nothing.)
 *
 * The noisy latent is alpha x + sigma eps with, for each sentence, fresh eps and a neutral x: the mean over
 * names of the clean latent that the network predicts from pure noise.
 *
 * Thread rule: one thread. */

#ifndef DS_METHODS_CONCEPT_MIX_H
#define DS_METHODS_CONCEPT_MIX_H

#include <diffuscope/option.h>
#include <diffuscope/value.h>
#include <diffuscope/rng.h>
#include <diffuscope/verbs.h>

typedef struct ds_mix_design {
    const ds_texts *templates;
    int64_t sentences; /* P */
    double time;       /* time step; 900 */
    uint64_t seed;
    int64_t batch;         /* names at once */
    int64_t neutral;       /* names whose mean is the neutral picture */
    int64_t height, width; /* of the latent; 0: the model's */
    const ds_cancel *cancel;
    ds_status (*progress)(void *user, int64_t done, int64_t total, ds_error *err);
    void *user;
} ds_mix_design;

typedef struct ds_mix ds_mix;

/* cache: a file of answers that is read if it is of the same model, names and design, and otherwise written;
 * NULL: none. names [n] are copied; "<>" in a name is refused here. */
ds_status ds__mix_new(ds_mix **out, ds_model *m, const ds_mix_design *d, const char *const *names,
                      int64_t n, const char *cache, ds_error *err);
void ds__mix_free(ds_mix *x); /* NULL is allowed */

int64_t ds__mix_names(const ds_mix *x);
const char *ds__mix_name(const ds_mix *x, int64_t i);
int64_t ds__mix_passes(const ds_mix *x); /* evaluations of the network so far */
bool ds__mix_cached(const ds_mix *x);    /* the names' answers were read from the cache */

/* Of one name. se: jackknife over sentences; low and high: 95 % of a normal, cut to [0,1]. */
typedef struct ds_mix_part {
    int64_t name;
    ds_value share;
    double half[2]; /* from the first and the last half of the sentences alone */
    bool unstable;  /* they differ by more than their errors allow */
} ds_mix_part;

typedef struct ds_mix_answer {
    ds_mix_part *part; /* [count], largest share first */
    int64_t count;
    double residual;    /* |v - V b|^2 over |v - mean of names|^2 */
    double loss;        /* |v - V b|^2 per number */
    double halves_top5; /* names that the first five of the two halves share, of 5 */
} ds_mix_answer;

/* Asks the network for `concept` (P passes) and fits. allowed [n] or NULL. Free with
 * ds__mix_answer_clear. */
ds_status ds__mix_fit(ds_mix_answer *out, ds_mix *x, const char *concept, const bool *allowed,
                      ds_error *err);
void ds__mix_answer_clear(ds_mix_answer *a);

#endif

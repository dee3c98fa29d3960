/* diffuscope/pid.h - partial information decomposition: what two words of a prompt tell a picture
 * alone, both, or only together. DiffusionPID, arXiv 2406.05191.
 *
 *     ds_info_options i = DS_INFO_OPTIONS_INIT;              the picture, the draws, the goal
 *     ds_pid_options o = DS_PID_OPTIONS_INIT;
 *     o.info = &i;
 *     o.word = (const char *[]){ "cow", "giraffe" };         o.words = 2;
 *     ds_pid_new(&pid, model, &o, err);
 *     ds_info_run(ds_pid_info(pid), err);
 *     ds_pid_question q = DS_PID_QUESTION_INIT;              redundancy, form, Delta
 *     ds_pid_solve(pid, &answer, maps, se, 0, &q, err);      as many questions as one likes
 *     ds_pid_free(pid);
 *
 * Informations are in nats. Delta = h_B - h_A is the difference of the words' surprisals
 * h = -log p(word). Thread rule: an object belongs to one thread. */

#ifndef DIFFUSCOPE_PID_H
#define DIFFUSCOPE_PID_H

#include <diffuscope/info.h>
#include <diffuscope/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What counts as said by both words. */
typedef enum ds_redundancy {
    DS_REDUNDANCY_PM = 0,    /* the paper's: minimum of specificities less minimum of ambiguities */
    DS_REDUNDANCY_MMI_PIXEL, /* the smaller information, pixel by pixel */
    DS_REDUNDANCY_MMI_IMAGE, /* the same word everywhere: the one with the smaller total */
    DS_REDUNDANCY_IMIN       /* the smaller specific information; needs vocabularies */
} ds_redundancy;

DS_API const char *ds_redundancy_name(ds_redundancy kind); /* "mmi-pixel" */
DS_API ds_status ds_redundancy_parse(ds_redundancy *out, const char *word, ds_error *err);

enum { DS_PID_R, DS_PID_UA, DS_PID_UB, DS_PID_S, DS_PID_ATOMS };

DS_API const char *ds_pid_atom_name(int atom); /* "R", "U_A", "U_B", "S" */

typedef struct ds_pid_atoms {
    double atom[DS_PID_ATOMS];
} ds_pid_atoms;

/* ---- the measurement ------------------------------------------------------------------------- */

typedef struct ds_pid ds_pid;

/* What stands beside the words in all texts. */
typedef enum ds_pid_given {
    DS_PID_GIVEN_NOTHING, /* PID: "", A, B, A and B together */
    DS_PID_GIVEN_CONTEXT  /* CPID: the prompt without both, without B, without A, whole */
} ds_pid_given;

/* The text that stands for both words in PID. */
typedef enum ds_pid_joint {
    DS_PID_JOINT_WORDS, /* "A B" */
    DS_PID_JOINT_AND,   /* "A and B" */
    DS_PID_JOINT_PROMPT /* the whole prompt */
} ds_pid_joint;

/* Words that might stand in a word's place, the word itself among them, with their probabilities
 * (normalised by the call). */
typedef struct ds_pid_vocabulary {
    const char *const *word;
    const double *prior;
    int64_t count;
} ds_pid_vocabulary;

/* Texts of one decomposition, made by the caller. */
typedef struct ds_pid_quad {
    const char *base, *a, *b, *ab;
} ds_pid_quad;

typedef struct ds_pid_options {
    size_t size;                 /* set by DS_PID_OPTIONS_INIT */
    const ds_info_options *info; /* picture, draws, goal; its prompts and pairs are not read */
    const char *prompt;          /* NULL: none, for PID of words */
    const char *const *word;
    int64_t words;   /* 2 or more: every pair of them; all share their evaluations */
    bool first_only; /* only the first word with each other one */
    ds_pid_given given;
    ds_pid_joint joint;
    ds_removal removal;
    const ds_pid_vocabulary *vocabulary; /* [2], of two words: what imin needs; or NULL */
    const struct ds_pid_question *goal;  /* whose atoms shall have a standard error of at most
                                            info.se of their i_AB's total; NULL: info's own goal */
    const ds_pid_quad *quad;             /* [quads]: then nothing above but info is read */
    int64_t quads;
} ds_pid_options;

#define DS_PID_OPTIONS_INIT                                                                        \
    {                                                                                              \
        .size = sizeof(ds_pid_options)                                                             \
    }

/* Words that the tokenizer cannot tell apart are one word: then R is its information and the other
 * atoms are exactly 0. DS_E_NOMATCH if CPID is asked for and a word does not stand in the
 * prompt. */
DS_API ds_status ds_pid_new(ds_pid **out, ds_model *m, const ds_pid_options *o, ds_error *err);
DS_API void ds_pid_free(ds_pid *p); /* NULL is allowed */

/* What is to be run, saved, merged and asked for its cost: ds_info_run and so on. */
DS_API ds_info *ds_pid_info(const ds_pid *p);

/* A pair of words, and its informations as pairs of the ds_info. */
typedef struct ds_pid_pair {
    int64_t word_a, word_b;        /* indices of options.word; -1 for a quad */
    int64_t i_a, i_b, i_ab;        /* each given the base text */
    int64_t chain;                 /* i(B|A): the joint text given A's */
    int64_t contrast;              /* A's text against B's */
    const char *base, *a, *b, *ab; /* the texts */
} ds_pid_pair;
DS_API int64_t ds_pid_pairs(const ds_pid *p);
DS_API ds_pid_pair ds_pid_pair_at(const ds_pid *p, int64_t i);

/* Remarks that a user must see; those of the ds_info come after ours. NULL past the end. */
DS_API const char *ds_pid_warning(const ds_pid *p, int i);

/* ---- questions ------------------------------------------------------------------------------- */

typedef struct ds_pid_question {
    size_t size; /* set by DS_PID_QUESTION_INIT */
    ds_redundancy redundancy;
    ds_info_form form;
    double delta; /* pm alone reads it; may be infinite */
    bool plain;   /* closed forms of the means, without cross-fitting: what answer.bias bounds */
} ds_pid_question;

#define DS_PID_QUESTION_INIT                                                                       \
    {                                                                                              \
        sizeof(ds_pid_question), DS_REDUNDANCY_MMI_PIXEL, DS_INFO_O, 0, false                      \
    }

typedef struct ds_pid_answer {
    ds_value i_a, i_b, i_ab;      /* totals that were decomposed: specific ones for imin */
    ds_value image[DS_PID_ATOMS]; /* atoms of the totals */
    ds_value sum[DS_PID_ATOMS];   /* sums of the maps' atoms: not the same */
    double undecided;             /* share of pixels whose side is open at 2 standard errors */
    double following_b;           /* share of pixels whose redundancy follows B */
    double reach_a, reach_b;      /* largest i_A - i_B of a pixel, and largest i_B - i_A: a
                                         Delta beyond them decides everywhere */
    bool dominated;       /* pm, Delta not 0, the more probable word followed at every pixel: the
                             atoms are differences of i_A, i_B, i_AB and nothing else */
    bool image_dominated; /* the same of the totals */
    double bias;          /* what the sum of R would be wrong by without cross-fitting, at most */
} ds_pid_answer;

/* maps and se: [4,h,w] in the order of the atoms; either may be NULL. DS_E_ARG for imin without
 * vocabularies, and before there are any draws. */
DS_API ds_status ds_pid_solve(const ds_pid *p, ds_pid_answer *out, float *maps, float *se,
                              int64_t pair, const ds_pid_question *q, ds_error *err);

/* The replicates' maps of i_A, i_B, i_AB: [replicates,3,h,w], from which all of this can be
 * computed again. */
DS_API ds_status ds_pid_replicates(const ds_pid *p, float *maps, int64_t pair, ds_info_form form,
                                   ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

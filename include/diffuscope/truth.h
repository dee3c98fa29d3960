/* diffuscope/truth.h - pictures with captions and masks: which word names what, and where it is.
 *
 * Three kinds of folders are read, told apart by their content:
 *
 *   world   captions.jsonl as `diffuscope-world export` writes it (docs/world.md): links from words
 *           to entities, masks as runs
 *   COCO    instances*.json (also in annotations/), with captions in captions*.json, in the same
 *           file, or as "caption" of an image; polygons, and runs in both forms. A word of the
 *           caption names a category if it is its name, in the plural too, or a synonym of it; its
 *           mask is the union of all instances of that category. With a list of rows (COCO-IT.csv
 *           of Info-Decomp, arXiv 2310.07972) each row is a scene of its own: its caption, and the
 *           one word in it that names its category.
 *   DAAM    one folder per picture, as the DAAM package keeps its experiments: prompt.txt,
 *           seed.txt, WORD.gt.png that is opaque where the word is, output.png here or one folder
 *           deeper
 *
 * Thread rule: constant after opening, except that ds_truth_mask must not run twice at once. */

#ifndef DIFFUSCOPE_TRUTH_H
#define DIFFUSCOPE_TRUTH_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_truth ds_truth;

/* A word or phrase of the caption that says something about an entity. */
typedef struct ds_truth_word {
    const char *text;   /* as the caption has it */
    int64_t begin, end; /* its bytes in the caption, end excluded */
    const char *role;   /* "object" for a noun; the world's other roles: "size", "frame", ... */
    int64_t entity;     /* whose mask */
} ds_truth_word;

typedef struct ds_truth_entity {
    const char *kind;  /* world: "object", "person", "frame", "watermark"; COCO: "object" */
    const char *label; /* world: what it is; COCO: the category */
} ds_truth_entity;

/* All of it is borrowed and lives as long as the ds_truth. */
typedef struct ds_truth_scene {
    const char *name; /* file of the picture as the record names it */
    const char *path; /* where it is, whether it exists or not */
    const char *caption;
    const char *split; /* of the world; "" otherwise */
    int64_t id;        /* the world's index, COCO's image id */
    int64_t line;      /* of the list of rows; 0 without one */
    int64_t width, height;
    int64_t entity_count, word_count;
    const ds_truth_entity *entities;
    const ds_truth_word *words; /* of entities; words about the whole picture are left out */
} ds_truth_scene;

typedef struct ds_truth_options {
    size_t size;          /* set by DS_TRUTH_OPTIONS_INIT */
    const char *images;   /* COCO: folder of the pictures; NULL: images/, the folder itself, or one
                             named like the end of instances_NAME.json */
    const char *synonyms; /* COCO: file with lines "word<TAB>category"; NULL: none */
    const char *rows; /* COCO: CSV file with the headings Image ID, Label, correct_obj+context and
                         correct_obj; NULL: a scene per picture */
} ds_truth_options;

#define DS_TRUTH_OPTIONS_INIT                                                                      \
    {                                                                                              \
        sizeof(ds_truth_options), NULL, NULL, NULL                                                 \
    }

/* options may be NULL. COCO: one caption (the first) per picture, and only pictures with a caption.
 * DS_E_NOMATCH if the folder is of neither kind; DS_E_FORMAT names file and place. */
DS_API ds_status ds_truth_open(ds_truth **out, const char *folder, const ds_truth_options *options,
                               ds_error *err);
DS_API void ds_truth_close(ds_truth *t); /* NULL is allowed */

DS_API int64_t ds_truth_count(const ds_truth *t);
DS_API const ds_truth_scene *ds_truth_at(const ds_truth *t, int64_t i);

/* Zeros and ones into mask [height, width] of scene i. */
DS_API ds_status ds_truth_mask(const ds_truth *t, uint8_t *mask, int64_t i, int64_t entity,
                               ds_error *err);

/* Position of the first occurrence of a name in a text as whole words, any case, in the plural too
 * ("bus" finds "Buses"); false if there is none. */
DS_API bool ds_truth_find_name(const char *text, const char *name, int64_t *begin, int64_t *end);

/* Sets the pixels whose centre lies inside the polygon x0 y0 x1 y1 ... [2 n] (even-odd rule);
 * others stay. COCO's own program may differ by pixels that the outline crosses. */
DS_API void ds_polygon_fill(uint8_t *mask, int64_t height, int64_t width, const double *xy,
                            int64_t n);

#ifdef __cplusplus
}
#endif
#endif

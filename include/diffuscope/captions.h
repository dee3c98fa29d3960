/* diffuscope/captions.h - pictures with one right caption and several wrong ones, as the benchmark
 * ARO has them ("When and why vision-language models behave like bags-of-words", ICLR 2023).
 *
 * A list is a JSON array of objects, or a CSV file with headings; members and columns have the same
 * names. What a list holds shows in them:
 *
 *   VG-R, VG-A   image_path, true_caption, false_caption; bbox_x, bbox_y, bbox_w, bbox_h: the part
 *                of the picture; relation_name, or attributes (two), group the results
 *   order        image (or images), correct_caption, hard_text_1, hard_text_2 ...
 *   order        JSON alone: image, caption_options, of which the first is right
 *   Karpathy     JSON alone: image, caption (several); four wrong captions are made of each
 *
 * Wrong captions are made as ARO makes COCO-order and Flickr-order: nouns change places, and
 * adjectives do; all other words do; words within each three; the threes. All are in lower case,
 * without . ! " ( ) * # : ; ~ and of at most 30 words. Nouns and adjectives are link-grammar's, not
 * spaCy's. A caption that comes out as it was is drawn again, or left out if it has no other form.
 *
 * Thread rule: one thread. */

#ifndef DIFFUSCOPE_CAPTIONS_H
#define DIFFUSCOPE_CAPTIONS_H

#include <diffuscope/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_captions ds_captions;

enum { DS_CAPTION_WRONG = 16 };

typedef struct ds_caption_choice {
    const char *name;  /* of the picture as the list has it */
    const char *path;  /* where it is, whether it exists or not */
    const char *where; /* "FILE:12" (a line) or "FILE: entry 12", for messages */
    const char *group; /* "to the left of", "red_small"; "" if there are none */
    bool boxed;        /* only a part of the picture: */
    int64_t box[4];    /* x, y of its first pixel, width, height */
    const char *right;
    int64_t wrong_count; /* at least 1, unless all made ones equal the right one */
    const char *wrong[DS_CAPTION_WRONG];
} ds_caption_choice;

/* images: folder that names of pictures are relative to; NULL: images/ beside the list if there is
 * such a folder, else the list's own. DS_E_FORMAT says what is missing where. Captions that are to
 * be made need link-grammar: DS_E_UNSUPPORTED without it. */
DS_API ds_status ds_captions_open(ds_captions **out, const char *list, const char *images,
                                  ds_error *err);
DS_API void ds_captions_close(ds_captions *c); /* NULL is allowed */

DS_API int64_t ds_captions_count(const ds_captions *c);

/* Borrowed until the next call. Wrong captions that are made depend on `seed` and i alone. */
DS_API ds_status ds_captions_at(ds_captions *c, ds_caption_choice *out, int64_t i, uint64_t seed,
                                ds_error *err);

/* The same without captions that are to be made. */
DS_API ds_status ds_captions_picture(ds_captions *c, ds_caption_choice *out, int64_t i,
                                     ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

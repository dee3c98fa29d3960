/* bpe.h - a byte-level BPE vocabulary in CLIP's file format, learnt from the world's captions. */

#ifndef DS_WORLD_BPE_H
#define DS_WORLD_BPE_H

#include "world/world.h"

/* What came out. */
typedef struct ds_bpe_summary {
    int words;  /* distinct words in the captions */
    int merges; /* enough that each of them is one token */
    int size;   /* ids: 512 characters, the merges, start and end */
} ds_bpe_summary;

/* Counts the words of `scenes` training captions and merges until every word is one token. Writes
 * vocab.json, merges.txt, tokenizer_config.json and special_tokens_map.json into `folder`, which
 * must exist. */
ds_status ds_world_bpe(const ds_world *w, int64_t scenes, const char *folder, ds_bpe_summary *out,
                       ds_error *err);

#endif

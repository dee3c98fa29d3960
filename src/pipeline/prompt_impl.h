/* prompt_impl.h - what the files of prompts share.
 *
 *   prompt.c       tokenizers, and encoding in one go
 *   encoder.c      an encoder that is planned once
 *   weights.c      what emphasis makes of encoded tokens */

#ifndef DS_PIPELINE_PROMPT_IMPL_H
#define DS_PIPELINE_PROMPT_IMPL_H

#include "pipeline/prompt.h"

#define DS_ENCODERS 2

struct ds_text {
    ds_model *model;
    ds_tokenizer *tokenizer[DS_ENCODERS];
    int encoders;
    bool zero_absent;
    bool chunks;          /* long prompts are not cut */
    ds_conditions *empty; /* the empty prompt, where emphasis needs it; else NULL */
};

#endif

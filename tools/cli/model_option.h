/* model_option.h - from the common options to an opened model. */

#ifndef DS_CLI_MODEL_OPTION_H
#define DS_CLI_MODEL_OPTION_H

#include <diffuscope/model.h>

#include "opts.h"

/* --compute, --emphasis, --config, --prediction, --vae, --text-encoder, --text-encoder-2. */
ds_model_options model_options(const ds_args *a);

/* Opens --model with --compute (where the command has it). */
ds_status model_from_options(ds_model **out, const ds_args *a, ds_error *err);

/* Tokenizer 1 or 2 of --model, without opening the rest. */
ds_status tokenizer_from_options(ds_tokenizer **out, const ds_args *a, int number, ds_error *err);

/* A remark if the prompt (or NULL) holds syntax of emphasis that is not read as such. */
void remark_on_emphasis(const ds_args *a, const char *prompt);

#endif

/* diffuscope/embedding.h - textual inversion: words that stand for learned vectors.
 *
 * EXPERIMENTAL: may change with a minor version.
 *
 * What opens (.safetensors, .pt, .bin): one tensor [D] or [n,D] under any key, which is the word; A1111's
 * "string_to_param" with "name"; "emb_params"; for XL "clip_l" and "clip_g". The word is the key or the
 * name, as it is and in <angle brackets>, or the file's name without its ending; it takes n places of the prompt. */

#ifndef DIFFUSCOPE_EMBEDDING_H
#define DIFFUSCOPE_EMBEDDING_H

#include <diffuscope/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A model whose tokenizers (ds_model_tokenizer) and text encoders know the words of the files; `model` is
 * not changed (see overlay.h). DS_E_SHAPE for vectors of another width, DS_E_UNSUPPORTED for a file
 * that is no textual inversion, DS_E_NOMATCH where XL lacks one of its two tensors. */
DS_API ds_status ds_model_embedding(ds_model **out, ds_model *model, const char *const *path,
                                    int count, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

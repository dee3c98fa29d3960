/* diffuscope/lora.h - LoRA and its relatives, added to a model.
 *
 * EXPERIMENTAL: may change with a minor version.
 *
 * What opens: LoRA, LoCon (with a middle too), LoHa, LoKr, DoRA, whole differences and norms, in the names of
 * kohya's trainer, LyCORIS, PEFT and diffusers, for the denoiser and the text encoders; .safetensors and
 * PyTorch's files. Sums are made in float32; the model underneath is not touched (see overlay.h). */

#ifndef DIFFUSCOPE_LORA_H
#define DIFFUSCOPE_LORA_H

#include <diffuscope/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ds_lora {
    const char *path;
    double unet, text; /* strengths: 1 is as trained, 0 changes nothing */
    bool partial;      /* keys that name nothing of this model are left out, not refused */
} ds_lora;

/* A model with the files added one after the other. *unused (it may be NULL) gets a sentence about keys
 * that were left out, or NULL; free with ds_free.
 *
 * DS_E_NOMATCH lists keys that name no part of the model, or names both models where the file was trained
 * for another; DS_E_SHAPE, DS_E_FORMAT name the key; DS_E_UNSUPPORTED for GLoRA, IA3 and OFT. */
DS_API ds_status ds_model_lora(ds_model **out, ds_model *base, const ds_lora *lora, int count,
                               char **unused, ds_error *err);

#ifdef __cplusplus
}
#endif
#endif

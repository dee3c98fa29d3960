/* sheet.h - pictures to look at, drawn by the exported model, which is thereby tried.
 * Each writes OUT/sheet-STEP.png and a line about it. */

#ifndef DS_TRAIN_SHEET_H
#define DS_TRAIN_SHEET_H

#include "train/train.h"

/* Eight pictures above, their reconstructions below. Measures PSNR and the latents' deviation, and
 * writes its inverse as scaling_factor into the exported configuration. */
ds_status ds__sheet_vae(ds_trainer *t, int64_t step, char *line, size_t room, ds_error *err);

/* Eight pictures above; below, what the model draws for their captions. */
ds_status ds__sheet_diffusion(ds_trainer *t, int64_t step, char *line, size_t room, ds_error *err);

#endif

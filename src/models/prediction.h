/* prediction.h - what a network predicts, where its files do not say: it is asked. */

#ifndef DS_MODELS_PREDICTION_H
#define DS_MODELS_PREDICTION_H

#include "models/model.h"

/* Decides the prediction type of the model's store if nothing has; runs the UNet once for that. Safe to
 * call from several threads. */
ds_status ds__model_settle(ds_model *m, ds_error *err);

#endif

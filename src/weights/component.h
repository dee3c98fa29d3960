/* component.h - the parts of a model, in every file and table in this order. */

#ifndef DS_WEIGHTS_COMPONENT_H
#define DS_WEIGHTS_COMPONENT_H

typedef enum ds_component {
    DS_TEXT_ENCODER = 0,
    DS_TEXT_ENCODER_2,
    DS_UNET,
    DS_VAE,
    DS_COMPONENTS
} ds_component;

extern const char *const ds__component_names[DS_COMPONENTS];

#endif

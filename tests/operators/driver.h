/* driver.h: the models of a test program, which driver.c runs one after another. */
#ifndef DRIVER_H
#define DRIVER_H

#include "md_model.h"

/* What md_model.h offers, of one of several models whose names end differently. */
typedef struct {
    const uint32_t *input_count;
    const md_tensor_t *inputs;
    const uint32_t *output_count;
    const md_tensor_t *outputs;
    void (*prepare)(void); /* NULL where nothing is to be prepared */
    void (*reset)(void);
    void (*invoke)(md_model_observer_t observer, void *context);
} driver_model_t;

extern const uint32_t driver_model_count;
extern const driver_model_t driver_models[];

#endif

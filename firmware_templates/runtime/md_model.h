/* md_model.h: the model, as the application sees it. generated/model.c implements it, or md_tflm.cc.
 *
 * Nothing here can fail: everything that can fail has failed at generation, or ends the program. */
#ifndef MD_MODEL_H
#define MD_MODEL_H

#include <stdint.h>

/* A tensor at its fixed place in the arena. */
typedef struct {
    uint32_t index; /* its index in the TFLite subgraph */
    uint32_t bytes;
    void *data; /* 16-byte aligned; valid only at the moments stated below */
} md_tensor_t;

extern const uint32_t md_model_input_count;
extern const uint32_t md_model_output_count;

/* TFLite Micro's interpreter chooses the tensors' places in md_model_prepare. */
#if MD_HAVE_TFLM
#define MD_MODEL_TABLE
#else
#define MD_MODEL_TABLE const
#endif

/* Inputs are to be written before md_model_invoke, which may overwrite them. */
extern MD_MODEL_TABLE md_tensor_t md_model_inputs[];
/* Outputs may be read from the end of md_model_invoke to the next writing of an input. */
extern MD_MODEL_TABLE md_tensor_t md_model_outputs[];

/* Called after each step with each tensor that the step made (their memory may be reused by a later
 * step); of a tensor that is never in memory as a whole, with some of its rows as soon as they are made, one
 * call after another. `step` counts from 0 and is the index in deployment.json's "steps". */
typedef void (*md_model_observer_t)(void *context, uint32_t step, const md_tensor_t *tensor);

/* Only of a model with steps for an NPU, and with TFLite Micro: finds the NPU and compares what it is with
 * what the steps were compiled for, sets up the interpreter; ends the program where that fails. To be
 * called once, before anything else. */
void md_model_prepare(void);

/* Sets what the model keeps from one inference to the next to its initial value. To be called before the
 * first inference, and where a new sequence begins. */
void md_model_reset(void);

/* Runs one inference. `observer` may be NULL. */
void md_model_invoke(md_model_observer_t observer, void *context);

#endif

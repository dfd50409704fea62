/* md_tflm.h: TFLite Micro's interpreter behind md_model.h.
 *
 * The generated model.cc says what the interpreter needs; md_tflm.cc runs it; md_tflm_log.cc keeps what it
 * prints. Nothing is allocated but in the arena. What goes wrong is handed to the application, with the
 * last line that TFLite Micro printed. */
#ifndef MD_TFLM_H
#define MD_TFLM_H

#include <stdint.h>

#ifdef __cplusplus
#define MD_TFLM_NORETURN [[noreturn]]
extern "C" {
#else
#define MD_TFLM_NORETURN _Noreturn
#endif

#include "md_model.h"

typedef enum {
    MD_TFLM_FAILED_MODEL = 1,    /* the model's schema is not the library's */
    MD_TFLM_FAILED_RESOLVER = 2, /* an operator could not be registered */
    MD_TFLM_FAILED_ALLOCATE = 3, /* AllocateTensors: mostly an arena that is too small */
    MD_TFLM_FAILED_TENSOR = 4,   /* an input or output is not of the size that the model says */
    MD_TFLM_FAILED_INVOKE = 5,   /* an operator failed */
    MD_TFLM_FAILED_EVENTS = 6,   /* operators ran unseen: the library has no profiler */
    MD_TFLM_FAILED_ABORT = 7,    /* the library called abort; status: from where */
} md_tflm_failure_t;

/* A tensor that an operator of the main subgraph makes. */
typedef struct {
    uint32_t step;  /* the operator's position */
    uint32_t place; /* the tensor's index in the file that the interpreter reads */
    uint32_t index; /* its index in the records */
    uint32_t bytes;
} md_tflm_made_t;

/* Implemented by the generated model.cc. `md_tflm_made` is in the order of the steps. */
extern const uint8_t md_tflm_model[];
extern uint8_t md_tflm_arena[];
extern const uint32_t md_tflm_arena_bytes;
extern const uint32_t md_tflm_fast_bytes; /* of it, at its end: the NPU's fast memory */
extern const uint32_t md_tflm_steps;
extern const md_tflm_made_t md_tflm_made[];
extern const uint32_t md_tflm_made_count;

/* Bytes of the arena that interpreter and fast memory need; after md_model_prepare. */
uint32_t md_tflm_arena_used(void);

/* The last line that TFLite Micro printed, without its end; "" if it printed none. */
const char *md_tflm_log(void);

/* Implemented by the application: reports the failure and ends. `status` is a TfLiteStatus unless stated above. */
MD_TFLM_NORETURN void md_app_tflm_failed(md_tflm_failure_t failure, uint32_t status,
                                         const char *log);

/* Of a model with operators for an NPU, in md_tflm_npu.c: finds the NPU, and ends the program where there
 * is none; and ends it with the NPU's failure if that is why the operator of `step` failed. */
void md_tflm_npu_open(void);
void md_tflm_npu_explain(uint32_t step);

#ifdef __cplusplus
}
#endif

#endif

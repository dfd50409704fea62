/* md_model_rows.h: shows the rows that md_rows_run makes to the observer of a model. */
#ifndef MD_MODEL_ROWS_H
#define MD_MODEL_ROWS_H

#include "md_model.h"

typedef struct {
    md_model_observer_t observer;
    void *context;
    uint32_t step;
    const uint32_t *tensors; /* by stage, the index of what it makes */
} md_model_rows_t;

/* An md_rows_observer_t; `context` is an md_model_rows_t. */
static inline void md_model_show_rows(void *context, int32_t stage, void *rows, int32_t bytes) {
    const md_model_rows_t *const watch = context;
    const md_tensor_t tensor = {
        .index = watch->tensors[stage], .bytes = (uint32_t)bytes, .data = rows};
    watch->observer(watch->context, watch->step, &tensor);
}

#endif

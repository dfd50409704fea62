/* md_copy_raw.h: parts of tensors copied from place to place, whatever their element type:
 * TRANSPOSE, SLICE, CONCATENATION, PAD and the like. */
#ifndef MD_COPY_RAW_H
#define MD_COPY_RAW_H

#include <stdint.h>

/* A part is a row of the table: these columns, then MD_COPY_AXES times count, stride in the input,
 * stride in the output. For every combination of positions along the axes `run` bytes are copied.
 * Offsets and strides are in bytes, strides may be negative; counts and `run` are at least 1. */
enum {
    MD_COPY_INPUT,         /* which input it is read from */
    MD_COPY_OUTPUT,        /* which output it is written to */
    MD_COPY_INPUT_OFFSET,  /* of the first run */
    MD_COPY_OUTPUT_OFFSET, /* of the first run */
    MD_COPY_RUN,
    MD_COPY_FIRST_AXIS,
    MD_COPY_AXES = 5,
    MD_COPY_COLUMNS = MD_COPY_FIRST_AXIS + 3 * MD_COPY_AXES
};

typedef struct {
    const int32_t *parts; /* [part_count][MD_COPY_COLUMNS], all inside of inputs and outputs */
    int32_t part_count;
    int32_t fill_bytes; /* the first output is filled before: its size, or 0 */
    uint32_t fill;      /* four bytes of what fills it, the first one lowest */
} md_copy_raw_t;

/* Inputs and outputs must not overlap. Sizes: at most 2^30 bytes each. */
void md_copy_raw(const md_copy_raw_t *p, const void *const *inputs, void *const *outputs);

#endif

/* md_gather_raw.h: GATHER: rows of a tensor by their numbers, whatever the element type. */
#ifndef MD_GATHER_RAW_H
#define MD_GATHER_RAW_H

#include <stdint.h>

typedef struct {
    int32_t batches;
    int32_t outer;
    int32_t size;    /* rows to choose from */
    int32_t indices; /* rows that are chosen, in each batch */
    int32_t row;     /* bytes */
} md_gather_raw_t;

/* input[batches][outer][size] rows, indices[batches][indices], output[batches][outer][indices] rows:
 * output[b][o][i] = input[b][o][indices[b][i]].
 * An index outside of the tensor, which TFLite leaves undefined, takes the nearest row. */
void md_gather_raw(const md_gather_raw_t *p, const void *input, const int32_t *indices,
                   void *output);

#endif

/* md_fully_connected_s8.h: FULLY_CONNECTED, and every CONV_2D whose windows already lie in memory
 * as the rows of a matrix: 1x1 with stride 1 (a row is a pixel), or one window that covers the
 * whole input (a row is a batch). */
#ifndef MD_FULLY_CONNECTED_S8_H
#define MD_FULLY_CONNECTED_S8_H

#include "md_matmul_s8.h"

typedef struct {
    md_matmul_t matmul;
    uint32_t rows;
} md_fully_connected_s8_t;

/* input[rows][matmul.depth], output[rows][matmul.channels]; they must not overlap. */
void md_fully_connected_s8(const md_fully_connected_s8_t *p, const int8_t *input, int8_t *output);

#endif

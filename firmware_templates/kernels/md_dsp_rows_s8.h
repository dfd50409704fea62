/* md_dsp_rows_s8.h: what md_fully_connected_s8.h is, for cores with the DSP extension. */
#ifndef MD_DSP_ROWS_S8_H
#define MD_DSP_ROWS_S8_H

#include "md_dsp_matmul_s8.h"

typedef struct {
    md_dsp_matmul_t matmul;
    uint32_t rows;
} md_dsp_rows_s8_t;

/* input[rows][matmul.depth], output[rows][matmul.channels],
 * scratch: of MD_DSP_MATMUL_ROW_BYTES(matmul.depth) bytes, 1 if rows is 1, else MD_DSP_MATMUL_ROWS;
 * aligned for int32_t. None may overlap another.
 *
 * Order: MD_DSP_MATMUL_ROWS rows of the input are read as a whole, then their outputs are written;
 * then the next ones. */
void md_dsp_rows_s8(const md_dsp_rows_s8_t *p, const int8_t *input, int8_t *output, void *scratch);

#endif

/* Implementation of md_dsp_rows_s8.h on md_dsp_matmul_s8. */
#include "md_dsp_rows_s8.h"

void md_dsp_rows_s8(const md_dsp_rows_s8_t *p, const int8_t *input, int8_t *output, void *scratch) {
    const uint32_t depth = p->matmul.depth;
    uint32_t left = p->rows;
    while (left > 0) {
        const uint32_t count = left < MD_DSP_MATMUL_ROWS ? left : MD_DSP_MATMUL_ROWS;
        const uint32_t lanes = count == 1 ? 1 : MD_DSP_MATMUL_ROWS;
        for (uint32_t lane = 0; lane < lanes; lane++) {
            const uint32_t row = lane < count ? lane : count - 1;
            md_dsp_widen(input + row * depth, depth, lane, lanes, scratch);
        }
        md_dsp_matmul_s8(&p->matmul, count, scratch, output);
        input += count * depth;
        output += count * p->matmul.channels;
        left -= count;
    }
}

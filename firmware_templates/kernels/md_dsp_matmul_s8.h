/* md_dsp_matmul_s8.h: rows of int8 times a constant int8 matrix, requantised to int8, for cores with
 * the DSP extension. Arithmetic, folding and guarantees as in md_matmul_s8.h.
 *
 * Rows are widened to int16 once for all channels, weights each time they are used: flash holds
 * int8. A core without the extension computes the same bits from the same constants. */
#ifndef MD_DSP_MATMUL_S8_H
#define MD_DSP_MATMUL_S8_H

#include <stdint.h>

/* Rows that are multiplied at a time. */
#define MD_DSP_MATMUL_ROWS 4

/* The elements of a row in pairs: 0 and 2, 1 and 3, and so on with every four of them; of the last
 * two, 0 and 1; of the last three, 0 and 2, then 1 and a zero; a last one and a zero.
 *
 * A block holds two channels, the last one padded with zeros:
 *
 *     int32_t bias[2];
 *     int8_t weights[(depth + 1) / 2][2][2];  by pair, element of it, channel
 *     uint32_t doubled[2];   twice the multiplier: 2^31 to 2^32 - 2, or 0
 *     int8_t shift[2];       if `direct`, the shift to the right less 1, 0 to 30; else -31 to 30,
 *                            and positive is to the left
 *     int8_t unused[2]; */
typedef struct {
    const int8_t *blocks; /* aligned for int32_t */
    uint32_t depth;       /* elements of a row, at least 1 */
    uint32_t channels;    /* outputs of a row, at least 1 */
    /* 1: no multiplier is 0, every shift is to the right, and no accumulator to which half of what
     * is shifted out and the zero point were added would leave the range of int32. */
    int32_t direct;
    int32_t output_zero_point;
    int32_t activation_min; /* -128 <= activation_min <= activation_max <= 127 */
    int32_t activation_max;
} md_dsp_matmul_t;

/* Bytes of a row that was widened. */
#define MD_DSP_MATMUL_ROW_BYTES(depth) (((depth) + 1) / 2 * 4)

/* Widens row[depth] for md_dsp_matmul_s8: to word `lane` of every `lanes` words (1 or
 * MD_DSP_MATMUL_ROWS) at `wide`, which is aligned for int32_t. */
void md_dsp_widen(const int8_t *row, uint32_t depth, uint32_t lane, uint32_t lanes, int8_t *wide);

/* Computes y[rows][channels] from 1 to MD_DSP_MATMUL_ROWS rows that were widened: one row with one
 * lane, more than one with MD_DSP_MATMUL_ROWS lanes, all of them filled. */
void md_dsp_matmul_s8(const md_dsp_matmul_t *p, uint32_t rows, const int8_t *wide, int8_t *y);

#endif

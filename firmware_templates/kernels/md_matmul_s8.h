/* md_matmul_s8.h: rows of int8 times a constant int8 matrix, requantised to int8.
 *
 * The inner part of FULLY_CONNECTED and CONV_2D. Per output channel c:
 *
 *     y[c] = clamp(requantise(bias[c] + sum over k of x[k] * weights[c][k]) + output_zero_point)
 *
 * Folded into `bias` at generation: the input's zero point (minus its product with the sum of the
 * channel's weights). Guaranteed at generation: no accumulator leaves the range of int32, whatever
 * the inputs. */
#ifndef MD_MATMUL_S8_H
#define MD_MATMUL_S8_H

#include <stdint.h>

/* `padded` channels are `channels` rounded up to a multiple of 2. */
typedef struct {
    const int8_t
        *weights;        /* [padded / 2][depth][2]: two channels' weights side by side; padding 0 */
    const int32_t *bias; /* [padded] */
    const int32_t *multiplier; /* [padded] 2^30 to 2^31 - 1, or 0 */
    const int8_t *shift;       /* [padded] -31 to 30; positive is to the left */
    uint32_t depth;            /* elements of a row, at least 1 */
    uint32_t channels;         /* outputs of a row, at least 1 */
    int32_t output_zero_point;
    int32_t activation_min; /* -128 <= activation_min <= activation_max <= 127 */
    int32_t activation_max;
} md_matmul_t;

/* Computes `rows` rows: x[rows][depth] to y, whose rows begin `y_stride` elements apart. */
void md_matmul_s8(const md_matmul_t *p, uint32_t rows, const int8_t *x, int8_t *y,
                  uint32_t y_stride);

#endif

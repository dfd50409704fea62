/* md_helium_matmul_s8.h: rows of int8 times a constant int8 matrix, requantised to int8, for cores
 * with Helium. Arithmetic, folding and guarantees as in md_matmul_s8.h.
 *
 * The constants of four channels lie one behind the other, in the order of use: one pointer walks
 * through all of them. A core without Helium computes the same bits from the same constants. */
#ifndef MD_HELIUM_MATMUL_S8_H
#define MD_HELIUM_MATMUL_S8_H

#include <stdint.h>

/* A block holds four channels, the last one padded with zeros:
 *
 *     int32_t bias[4];
 *     int8_t weights[depth / 16][4][16], then [4][depth % 16];
 *     int32_t multiplier[4];   2^30 to 2^31 - 1, or 0
 *     int8_t shift[4];         -31 to 30; positive is to the left */
typedef struct {
    const int8_t *blocks; /* aligned for int32_t */
    uint32_t depth;       /* elements of a row, at least 1 */
    uint32_t channels;    /* outputs of a row, at least 1 */
    int32_t left;         /* 1 if any shift is above -1, else 0 */
    int32_t output_zero_point;
    int32_t activation_min; /* -128 <= activation_min <= activation_max <= 127 */
    int32_t activation_max;
} md_helium_matmul_t;

/* Computes `rows` rows: x[rows][depth] to y[rows][channels]. */
void md_helium_matmul_s8(const md_helium_matmul_t *p, uint32_t rows, const int8_t *x, int8_t *y);

#endif

/* md_helium_matmul_s8.h: rows of int8 times a constant int8 matrix, requantised to int8, for cores
 * with Helium. Arithmetic, folding and guarantees as in md_matmul_s8.h.
 *
 * The constants of four channels lie one behind the other, in the order of use: one pointer walks
 * through all of them. A core without Helium computes the same bits from the same constants. */
#ifndef MD_HELIUM_MATMUL_S8_H
#define MD_HELIUM_MATMUL_S8_H

#include <stdint.h>

/* A block holds four channels:
 *
 *     int8_t weights[chunks][4][16];   chunks = depth / 16, rounded up
 *     int32_t bias[4];
 *     int32_t multiplier[4];   2^30 to 2^31 - 1, or 0
 *     int8_t shift[4];         -31 to 30; positive is to the left
 *
 * Of each eight channels a block holds 0, 2, 4 and 6, the next one 1, 3, 5 and 7, its chunks in
 * reverse order; if at most four are left at the end, one block holds them. What is behind a row in
 * the last chunk, and behind the last channel, is padded with zeros. */
typedef struct md_helium_matmul md_helium_matmul_t;

/* Computes `count` pairs of rows. */
typedef void md_helium_pairs_t(const md_helium_matmul_t *p, uint32_t count, const int8_t *x,
                               int8_t *y);

struct md_helium_matmul {
    const int8_t *blocks; /* aligned for int32_t */
    uint32_t depth;       /* elements of a row, at least 1 */
    uint32_t channels;    /* outputs of a row, at least 1 */
    /* One of the functions below, so that the other need not be linked; NULL: each row by itself, as
     * it must be if any shift is above 0, or is 0 where halves of negative values count (where
     * activation_min < output_zero_point) or a sum could leave the range of int32 with the zero
     * point. */
    md_helium_pairs_t *pairs;
    int32_t output_zero_point;
    int32_t activation_min; /* -128 <= activation_min <= activation_max <= 127 */
    int32_t activation_max;
};

md_helium_pairs_t md_helium_pairs_s8;       /* for depths above 16 */
md_helium_pairs_t md_helium_short_pairs_s8; /* up to 16 */

/* Computes `rows` rows: x[rows][depth] to y[rows][channels], in the order of memory, two rows at a
 * time. Reads up to 15 bytes behind the end of x, whose values do not count. */
void md_helium_matmul_s8(const md_helium_matmul_t *p, uint32_t rows, const int8_t *x, int8_t *y);

#endif

/* md_reduce.h: MEAN, SUM and REDUCE_MAX over any axes.
 *
 * Neighbouring axes of which all or none are reduced are merged at generation; at most two kept and
 * two reduced ones remain. */
#ifndef MD_REDUCE_H
#define MD_REDUCE_H

#include <stdint.h>

typedef struct {
    int32_t kept[2]; /* sizes of the output, outer first, all at least 1 */
    int32_t reduced[2];
    int32_t kept_stride[2]; /* elements of the input from one index to the next */
    int32_t reduced_stride[2];
    int32_t offset;     /* MEAN, SUM: added to a sum: -(number of summed elements) * zero point */
    int32_t multiplier; /* MEAN, SUM: to the output's scale; see md_requantize.h */
    int32_t shift;
    int32_t output_zero_point;
} md_reduce_t;

/* The sum, rescaled: MEAN with a multiplier that divides by the number of summed elements.
 * output[kept[0]][kept[1]] must not overlap the input. Range: neither the sum of any summed
 * elements nor the sum with the offset leaves int32. */
void md_reduce_sum_s8(const md_reduce_t *p, const int8_t *input, int8_t *output);
void md_reduce_sum_s16(const md_reduce_t *p, const int16_t *input, int16_t *output);

/* The largest. */
void md_reduce_max_s8(const md_reduce_t *p, const int8_t *input, int8_t *output);

#endif

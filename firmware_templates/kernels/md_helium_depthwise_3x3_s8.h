/* md_helium_depthwise_3x3_s8.h: md_helium_depthwise_s8 for filters of 3x3 with any stride, dilation and
 * padding, where the number of channels is a multiple of 4 and the activation's bounds are -128 and
 * 127. */
#ifndef MD_HELIUM_DEPTHWISE_3X3_S8_H
#define MD_HELIUM_DEPTHWISE_3X3_S8_H

#include "md_helium_depthwise_s8.h"

void md_helium_depthwise_3x3_s8(const md_helium_depthwise_s8_t *p, const int8_t *input,
                                int8_t *output, void *scratch);

/* Bits that sums get at their end. */
#define MD_HELIUM_DEPTHWISE_SUM_BITS 12

/* The same where the output's zero point is -128, as after a RELU, with other arithmetic, which gives the
 * same outputs: s = sum * 2^MD_HELIUM_DEPTHWISE_SUM_BITS + offset; s * factor / 2^31, halves rounded up;
 * / 2^16, halves rounded up, limited to int16; / 2^p->shift, rounded down; limited to int8. After the
 * weights, a block holds for each four channels:
 *
 *     int32_t offset[4];
 *     int32_t factor[4];
 *
 * Range: p->shift is 0 to 7; s fits int32. */
void md_helium_depthwise_3x3_relu_s8(const md_helium_depthwise_s8_t *p, const int8_t *input,
                                     int8_t *output, void *scratch);

#endif

/* md_helium_depthwise_3x3_s8.h: md_helium_depthwise_s8 for filters of 3x3 with any stride, dilation and
 * padding, where the number of channels is a multiple of 4 and the activation's bounds are -128 and
 * 127. */
#ifndef MD_HELIUM_DEPTHWISE_3X3_S8_H
#define MD_HELIUM_DEPTHWISE_3X3_S8_H

#include "md_helium_depthwise_s8.h"

void md_helium_depthwise_3x3_s8(const md_helium_depthwise_s8_t *p, const int8_t *input,
                                int8_t *output, void *scratch);

/* The same where the output's zero point is -128, as after a RELU: cheaper, because what is below it
 * need not be rounded. */
void md_helium_depthwise_3x3_relu_s8(const md_helium_depthwise_s8_t *p, const int8_t *input,
                                     int8_t *output, void *scratch);

#endif

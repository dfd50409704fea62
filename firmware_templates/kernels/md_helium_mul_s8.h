/* md_helium_mul_s8.h: md_mul_s8 for cores with Helium, where the multiplier's shift is to the right. */
#ifndef MD_HELIUM_MUL_S8_H
#define MD_HELIUM_MUL_S8_H

#include "md_mul.h"

/* Range: p->shift is -31 to -1. The output may lie where an input does whose shape is the output's. */
void md_helium_mul_s8(const md_mul_t *p, const int8_t *first, const int8_t *second, int8_t *output);

#endif

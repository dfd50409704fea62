/* md_helium_pool_s8.h: md_average_pool_s8 and md_max_pool_s8 for cores with Helium. Pixels of the output
 * are made in the order of memory, each with all of its channels. */
#ifndef MD_HELIUM_POOL_S8_H
#define MD_HELIUM_POOL_S8_H

#include "md_pool_s8.h"

/* Positions of a window whose average is exact. */
#define MD_HELIUM_POOL_POSITIONS 5700

/* Range: at most MD_HELIUM_POOL_POSITIONS positions of a window are inside of the input. */
void md_helium_average_pool_s8(const md_pool_s8_t *p, const int8_t *input, int8_t *output);

void md_helium_max_pool_s8(const md_pool_s8_t *p, const int8_t *input, int8_t *output);

#endif

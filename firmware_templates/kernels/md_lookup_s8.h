/* md_lookup_s8.h: any function of one int8 value, as a table: RELU and RELU6 with their rescaling.
 */
#ifndef MD_LOOKUP_S8_H
#define MD_LOOKUP_S8_H

#include <stdint.h>

typedef struct {
    const int8_t *table; /* [256], for the inputs -128 to 127 in this order */
    uint32_t count;      /* elements of input and output */
} md_lookup_s8_t;

/* output[i] = table[input[i] + 128]. */
void md_lookup_s8(const md_lookup_s8_t *p, const int8_t *input, int8_t *output);

#endif

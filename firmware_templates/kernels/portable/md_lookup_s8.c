/* Portable implementation of md_lookup_s8.h. Needs no core extension. */
#include "md_lookup_s8.h"

void md_lookup_s8(const md_lookup_s8_t *p, const int8_t *input, int8_t *output) {
    const int8_t *table = p->table + 128;
    for (uint32_t i = 0; i < p->count; i++) {
        output[i] = table[input[i]];
    }
}

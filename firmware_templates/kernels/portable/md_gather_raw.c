/* Portable implementation of md_gather_raw.h. Needs no core extension. */
#include "md_gather_raw.h"

#include <string.h>

void md_gather_raw(const md_gather_raw_t *p, const void *input, const int32_t *indices,
                   void *output) {
    const uint8_t *rows = input;
    uint8_t *to = output;
    for (int32_t b = 0; b < p->batches; b++, indices += p->indices) {
        for (int32_t o = 0; o < p->outer; o++, rows += p->size * p->row) {
            for (int32_t i = 0; i < p->indices; i++, to += p->row) {
                const int32_t least = indices[i] < 0 ? 0 : indices[i];
                const int32_t index = least < p->size ? least : p->size - 1;
                memcpy(to, rows + index * p->row, (size_t)p->row);
            }
        }
    }
}

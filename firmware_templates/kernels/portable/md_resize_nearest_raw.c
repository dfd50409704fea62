/* Portable implementation of md_resize_nearest_raw.h. Needs no core extension. */
#include "md_resize_nearest_raw.h"

#include <string.h>

void md_resize_nearest_raw(const md_resize_nearest_raw_t *p, const void *input, void *output) {
    const int32_t line = p->input_width * p->pixel_bytes;
    const uint8_t *image = input;
    uint8_t *to = output;
    for (int32_t b = 0; b < p->batches; b++, image += p->input_height * line) {
        for (int32_t y = 0; y < p->output_height; y++) {
            const uint8_t *row = image + p->rows[y] * line;
            for (int32_t x = 0; x < p->output_width; x++, to += p->pixel_bytes) {
                memcpy(to, row + p->columns[x] * p->pixel_bytes, (size_t)p->pixel_bytes);
            }
        }
    }
}

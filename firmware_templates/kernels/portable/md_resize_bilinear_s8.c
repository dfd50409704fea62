/* Portable implementation of md_resize_bilinear_s8.h. Needs no core extension. */
#include "md_resize_bilinear_s8.h"

enum { ONE = 1 << 10, HALF = 1 << 19 };

void md_resize_bilinear_s8(const md_resize_bilinear_s8_t *p, const int8_t *input, int8_t *output) {
    const int32_t line = p->input_width * p->channels;
    for (int32_t b = 0; b < p->batches; b++, input += p->input_height * line) {
        for (int32_t y = 0; y < p->output_height; y++) {
            const int32_t *row = p->rows + 3 * y;
            const int8_t *top = input + row[0] * line;
            const int8_t *bottom = input + row[1] * line;
            for (int32_t x = 0; x < p->output_width; x++) {
                const int32_t *column = p->columns + 3 * x;
                const int32_t left = column[0] * p->channels;
                const int32_t right = column[1] * p->channels;
                for (int32_t c = 0; c < p->channels; c++) {
                    const int32_t upper =
                        top[left + c] * (ONE - column[2]) + top[right + c] * column[2];
                    const int32_t lower =
                        bottom[left + c] * (ONE - column[2]) + bottom[right + c] * column[2];
                    const int32_t sum = upper * (ONE - row[2]) + lower * row[2];
                    *output++ = (int8_t)((sum + (sum > 0 ? HALF : -HALF)) / (ONE * ONE));
                }
            }
        }
    }
}

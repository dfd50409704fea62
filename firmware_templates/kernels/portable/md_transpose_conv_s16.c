/* Portable implementation of md_transpose_conv_s16.h: each output gathers what the inputs spread.
 * Needs no core extension. */
#include "md_transpose_conv_s16.h"

#include "md_requantize.h"
#include "md_requantize_wide.h"

#include <stddef.h>

/* The window's position along one axis that has its tap at `tap` on `position`; -1: there is none.
 */
static int32_t covering(int32_t position, int32_t tap, int32_t stride, int32_t count) {
    const int32_t start = position - tap;
    return start >= 0 && start % stride == 0 && start / stride < count ? start / stride : -1;
}

/* The sum of one output channel, whose filter is `w`, at output position (y, x), counted from the
 * start of the padding. */
static int64_t accumulate(const md_transpose_conv_s16_t *p, const int16_t *input, const int8_t *w,
                          int32_t y, int32_t x) {
    const md_window_t *window = &p->window;
    int64_t acc = 0;
    for (int32_t i = 0; i < window->filter_height; i++) {
        const int32_t row = covering(y, i, window->stride_height, window->output_height);
        for (int32_t j = 0; j < window->filter_width; j++, w += p->inputs) {
            const int32_t column = covering(x, j, window->stride_width, window->output_width);
            if (row < 0 || column < 0) {
                continue;
            }
            const int16_t *pixel =
                input + (size_t)(row * window->output_width + column) * (size_t)p->inputs;
            for (int32_t d = 0; d < p->inputs; d++) {
                acc += pixel[d] * w[d];
            }
        }
    }
    return acc;
}

static void pixel(const md_transpose_conv_s16_t *p, const int16_t *input, int32_t y, int32_t x,
                  int16_t *output) {
    const int32_t depth = p->window.filter_height * p->window.filter_width * p->inputs;
    for (int32_t c = 0; c < p->channels; c++) {
        const int8_t *filter = p->weights + (size_t)c * (size_t)depth;
        const int64_t acc = p->bias[c] + accumulate(p, input, filter, y, x);
        const int32_t value = md_requantize_wide(acc, p->multiplier[c], p->shift[c]);
        output[c] = (int16_t)md_clamp(value, p->activation_min, p->activation_max);
    }
}

void md_transpose_conv_s16(const md_transpose_conv_s16_t *p, const int16_t *input,
                           int16_t *output) {
    const md_window_t *w = &p->window;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t y = 0; y < w->input_height; y++) {
            for (int32_t x = 0; x < w->input_width; x++) {
                pixel(p, input, y + w->pad_height, x + w->pad_width, output);
                output += p->channels;
            }
        }
        input += (size_t)(w->output_height * w->output_width) * (size_t)p->inputs;
    }
}

/* Portable implementation of md_conv2d_s16.h. Needs no core extension. */
#include "md_conv2d_s16.h"

#include "md_requantize.h"
#include "md_requantize_wide.h"

#include <stddef.h>

/* The sum of one output channel, whose filter is `w`, over the window at input position (y, x).
 * `input` points to the first channel of its group. */
static int64_t accumulate(const md_conv2d_s16_t *p, const int16_t *input, const int8_t *w,
                          int32_t y, int32_t x) {
    const md_window_t *window = &p->window;
    int64_t acc = 0;
    for (int32_t i = 0; i < window->filter_height; i++, y += window->dilation_height) {
        int32_t column = x;
        for (int32_t j = 0; j < window->filter_width; j++, column += window->dilation_width) {
            if (y >= 0 && y < window->input_height && column >= 0 && column < window->input_width) {
                const int16_t *pixel =
                    input + (size_t)(y * window->input_width + column) * (size_t)p->inputs;
                for (int32_t k = 0; k < p->group_inputs; k++) {
                    acc += pixel[k] * w[k];
                }
            }
            w += p->group_inputs;
        }
    }
    return acc;
}

/* All channels of the output pixel whose window begins at input position (y, x). */
static void pixel(const md_conv2d_s16_t *p, const int16_t *input, int32_t y, int32_t x,
                  int16_t *output) {
    const int32_t depth = p->window.filter_height * p->window.filter_width * p->group_inputs;
    for (int32_t c = 0; c < p->channels; c++) {
        const int16_t *group = input + c / p->group_channels * p->group_inputs;
        const int8_t *filter = p->weights + (size_t)c * (size_t)depth;
        const int64_t acc = p->bias[c] + accumulate(p, group, filter, y, x);
        const int32_t value = md_requantize_wide(acc, p->multiplier[c], p->shift[c]);
        output[c] = (int16_t)md_clamp(value, p->activation_min, p->activation_max);
    }
}

void md_conv2d_s16(const md_conv2d_s16_t *p, const int16_t *input, int16_t *output) {
    const md_window_t *w = &p->window;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            const int32_t y = oy * w->stride_height - w->pad_height;
            for (int32_t ox = 0; ox < w->output_width; ox++) {
                pixel(p, input, y, ox * w->stride_width - w->pad_width, output);
                output += p->channels;
            }
        }
        input += (size_t)(w->input_height * w->input_width) * (size_t)p->inputs;
    }
}

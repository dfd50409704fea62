/* Portable implementation of md_max_pool_s8. Needs no core extension. */
#include "md_pool_s8.h"

#include "md_requantize.h"

#include <stddef.h>

/* The largest of a window of `height` x `width` positions inside of the input, for one channel. */
static int32_t maximum(const md_pool_s8_t *p, const int8_t *first, int32_t height, int32_t width) {
    const int32_t line = p->window.input_width * p->channels;
    int32_t largest = *first;
    for (int32_t i = 0; i < height; i++, first += line) {
        const int8_t *x = first;
        for (int32_t j = 0; j < width; j++, x += p->channels) {
            largest = *x > largest ? *x : largest;
        }
    }
    return largest;
}

void md_max_pool_s8(const md_pool_s8_t *p, const int8_t *input, int8_t *output) {
    const md_window_t *w = &p->window;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            const int32_t y = oy * w->stride_height - w->pad_height;
            const int32_t top = y < 0 ? 0 : y;
            const int32_t bottom = md_clamp(y + w->filter_height, top, w->input_height);
            for (int32_t ox = 0; ox < w->output_width; ox++) {
                const int32_t x = ox * w->stride_width - w->pad_width;
                const int32_t left = x < 0 ? 0 : x;
                const int32_t right = md_clamp(x + w->filter_width, left, w->input_width);
                const int8_t *first = input + (top * w->input_width + left) * p->channels;
                for (int32_t c = 0; c < p->channels; c++) {
                    const int32_t value = maximum(p, first + c, bottom - top, right - left);
                    *output++ = (int8_t)md_clamp(value, p->activation_min, p->activation_max);
                }
            }
        }
        input += (size_t)(w->input_height * w->input_width) * (size_t)p->channels;
    }
}

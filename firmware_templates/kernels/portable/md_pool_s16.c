/* Portable implementation of md_pool_s16.h. Needs no core extension. */
#include "md_pool_s16.h"

#include "md_requantize.h"

#include <stddef.h>

/* What a window of `height` x `width` positions inside of the input makes of one channel. */
typedef int32_t reduce_t(const md_pool_s16_t *p, const int16_t *first, int32_t height,
                         int32_t width);

static int32_t average(const md_pool_s16_t *p, const int16_t *first, int32_t height,
                       int32_t width) {
    const int32_t line = p->window.input_width * p->channels;
    int32_t sum = 0;
    for (int32_t i = 0; i < height; i++, first += line) {
        const int16_t *x = first;
        for (int32_t j = 0; j < width; j++, x += p->channels) {
            sum += *x;
        }
    }
    const int32_t count = height * width;
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

static int32_t maximum(const md_pool_s16_t *p, const int16_t *first, int32_t height,
                       int32_t width) {
    const int32_t line = p->window.input_width * p->channels;
    int32_t largest = *first;
    for (int32_t i = 0; i < height; i++, first += line) {
        const int16_t *x = first;
        for (int32_t j = 0; j < width; j++, x += p->channels) {
            largest = *x > largest ? *x : largest;
        }
    }
    return largest;
}

/* Slides the window, limited to what is inside of the input, over every output pixel. */
static void pool(const md_pool_s16_t *p, const int16_t *input, int16_t *output, reduce_t *reduce) {
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
                const int16_t *first = input + (top * w->input_width + left) * p->channels;
                for (int32_t c = 0; c < p->channels; c++) {
                    const int32_t value = reduce(p, first + c, bottom - top, right - left);
                    *output++ = (int16_t)md_clamp(value, p->activation_min, p->activation_max);
                }
            }
        }
        input += (size_t)(w->input_height * w->input_width) * (size_t)p->channels;
    }
}

void md_average_pool_s16(const md_pool_s16_t *p, const int16_t *input, int16_t *output) {
    pool(p, input, output, average);
}

void md_max_pool_s16(const md_pool_s16_t *p, const int16_t *input, int16_t *output) {
    pool(p, input, output, maximum);
}

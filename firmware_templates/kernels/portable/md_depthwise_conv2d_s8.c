/* Portable implementation of md_depthwise_conv2d_s8.h: a pixel's taps are resolved to pointers once
 * (padding points to a pixel of zero points), then four channels at a time walk them without a
 * test. Needs no core extension. */
#include "md_depthwise_conv2d_s8.h"

#include "md_requantize.h"

#include <string.h>

_Static_assert(sizeof(const int8_t *) <= MD_DEPTHWISE_CONV2D_TAP_BYTES,
               "a tap must hold a pointer");

/* The taps are pointers in memory that the arena declares as int8_t: copied in and out, they may lie
 * there, where an object of a pointer type may not. The compiler makes one load or store of it. */
static const int8_t *get_tap(const int8_t *taps, uint32_t t) {
    const int8_t *pixel;
    memcpy(&pixel, taps + sizeof pixel * t, sizeof pixel);
    return pixel;
}

/* Points each tap of the window at input position (y, x) to its pixel. */
static void find_taps(const md_depthwise_conv2d_s8_t *p, const int8_t *input, const int8_t *padding,
                      int32_t y, int32_t x, int8_t *taps) {
    const md_window_t *w = &p->window;
    for (int32_t i = 0; i < w->filter_height; i++, y += w->dilation_height) {
        int32_t column = x;
        for (int32_t j = 0; j < w->filter_width; j++, column += w->dilation_width) {
            const int inside =
                y >= 0 && y < w->input_height && column >= 0 && column < w->input_width;
            const int8_t *pixel =
                inside ? input + (size_t)(y * w->input_width + column) * p->channels : padding;
            memcpy(taps, &pixel, sizeof pixel);
            taps += sizeof pixel;
        }
    }
}

static int8_t output_value(const md_depthwise_conv2d_s8_t *p, uint32_t channel, int32_t acc) {
    return md_requantize_s8(acc, p->multiplier[channel], p->shift[channel], p->output_zero_point,
                            p->activation_min, p->activation_max);
}

static void pixel(const md_depthwise_conv2d_s8_t *p, const int8_t *taps, uint32_t tap_count,
                  int8_t *output) {
    const int8_t *w = p->weights;
    uint32_t c = 0;
    for (; c + 4 <= p->channels; c += 4) {
        int32_t acc0 = p->bias[c];
        int32_t acc1 = p->bias[c + 1];
        int32_t acc2 = p->bias[c + 2];
        int32_t acc3 = p->bias[c + 3];
        for (uint32_t t = 0; t < tap_count; t++) {
            const int8_t *x = get_tap(taps, t) + c;
            acc0 += x[0] * w[0];
            acc1 += x[1] * w[1];
            acc2 += x[2] * w[2];
            acc3 += x[3] * w[3];
            w += 4;
        }
        output[c] = output_value(p, c, acc0);
        output[c + 1] = output_value(p, c + 1, acc1);
        output[c + 2] = output_value(p, c + 2, acc2);
        output[c + 3] = output_value(p, c + 3, acc3);
    }
    for (; c < p->channels; c++, w++) {
        int32_t acc = p->bias[c];
        for (uint32_t t = 0; t < tap_count; t++) {
            acc += get_tap(taps, t)[c] * w[4 * t];
        }
        output[c] = output_value(p, c, acc);
    }
}

void md_depthwise_conv2d_s8(const md_depthwise_conv2d_s8_t *p, const int8_t *input, int8_t *output,
                            void *scratch) {
    const md_window_t *w = &p->window;
    const uint32_t tap_count = (uint32_t)(w->filter_height * w->filter_width);
    int8_t *const taps = scratch;
    int8_t *const padding = taps + MD_DEPTHWISE_CONV2D_TAP_BYTES * tap_count;
    memset(padding, p->input_zero_point, p->padding_bytes);
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            const int32_t y = oy * w->stride_height - w->pad_height;
            for (int32_t ox = 0; ox < w->output_width; ox++) {
                const int32_t x = ox * w->stride_width - w->pad_width;
                find_taps(p, input, padding, y, x, taps);
                pixel(p, taps, tap_count, output);
                output += p->channels;
            }
        }
        input += (size_t)(w->input_height * w->input_width) * p->channels;
    }
}

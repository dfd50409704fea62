/* Implementation of md_conv2d_s8.h on md_matmul_s8. */
#include "md_conv2d_s8.h"

#include "md_requantize.h"

#include <string.h>

/* Fills `count` positions with padding; returns where the next one goes. */
static int8_t *pad(const md_conv2d_s8_t *p, int8_t *row, int32_t count) {
    if (count <= 0) {
        return row;
    }
    const size_t bytes = (size_t)(count * p->group_channels);
    memset(row, p->input_zero_point, bytes);
    return row + bytes;
}

/* Writes the window at input position (y, x), which may be outside, of one group into `row`.
 * `input` points to the group's first channel in the batch's first pixel. */
static void gather(const md_conv2d_s8_t *p, const int8_t *input, int32_t y, int32_t x,
                   int8_t *row) {
    const md_window_t *w = &p->window;
    const int32_t pixel = p->groups * p->group_channels;
    for (int32_t i = 0; i < w->filter_height; i++, y += w->dilation_height) {
        if (y < 0 || y >= w->input_height) {
            row = pad(p, row, w->filter_width);
            continue;
        }
        const int8_t *line = input + (size_t)(y * w->input_width) * (size_t)pixel;
        int32_t column = x;
        for (int32_t j = 0; j < w->filter_width; j += p->run, column += w->dilation_width) {
            const int32_t first = md_clamp(-column, 0, p->run);
            const int32_t last = md_clamp(w->input_width - column, first, p->run);
            row = pad(p, row, first);
            if (last > first) {
                const size_t bytes = (size_t)((last - first) * p->group_channels);
                memcpy(row, line + (column + first) * pixel, bytes);
                row += bytes;
            }
            row = pad(p, row, p->run - last);
        }
    }
}

/* Computes `count` (1 or 2) neighbouring output pixels, whose first window begins at (y, x). */
static void pixels(const md_conv2d_s8_t *p, const int8_t *input, int32_t y, int32_t x,
                   uint32_t count, int8_t *output, int8_t *scratch) {
    md_matmul_t group = p->matmul;
    const uint32_t padded = (group.channels + 1) & ~(uint32_t)1;
    const uint32_t output_pixel = (uint32_t)p->groups * group.channels;
    for (int32_t g = 0; g < p->groups; g++) {
        for (uint32_t i = 0; i < count; i++) {
            gather(p, input, y, x + (int32_t)i * p->window.stride_width, scratch + i * group.depth);
        }
        md_matmul_s8(&group, count, scratch, output, output_pixel);
        input += p->group_channels;
        output += group.channels;
        group.weights += padded * group.depth;
        group.bias += padded;
        group.multiplier += padded;
        group.shift += padded;
    }
}

void md_conv2d_s8(const md_conv2d_s8_t *p, const int8_t *input, int8_t *output, void *scratch) {
    const md_window_t *w = &p->window;
    const size_t input_pixel = (size_t)(p->groups * p->group_channels);
    const size_t output_pixel = (size_t)p->groups * p->matmul.channels;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            const int32_t y = oy * w->stride_height - w->pad_height;
            for (int32_t ox = 0; ox < w->output_width; ox += MD_CONV2D_ROWS) {
                const int32_t x = ox * w->stride_width - w->pad_width;
                const int32_t left = w->output_width - ox;
                const uint32_t count = left < MD_CONV2D_ROWS ? (uint32_t)left : MD_CONV2D_ROWS;
                pixels(p, input, y, x, count, output, scratch);
                output += count * output_pixel;
            }
        }
        input += (size_t)(w->input_height * w->input_width) * input_pixel;
    }
}

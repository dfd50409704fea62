/* Implementation of md_dsp_conv2d_s8.h on md_dsp_matmul_s8: each window is gathered into a row,
 * which is widened; four of them, which need not be of the same line, are multiplied together. */
#include "md_dsp_conv2d_s8.h"

#include "md_dsp.h"
#include "md_requantize.h"

/* The pieces of a window are short: a call of memcpy would cost more than they do. */
static inline int8_t *copy(int8_t *to, const int8_t *from, int32_t bytes) {
    for (; bytes >= 4; bytes -= 4, from += 4, to += 4) {
        const uint32_t word = md_dsp_load(from);
        memcpy(to, &word, sizeof word);
    }
    for (; bytes > 0; bytes--) {
        *to++ = *from++;
    }
    return to;
}

/* Fills `count` positions with padding; returns where the next one goes. */
static int8_t *pad(const md_dsp_conv2d_s8_t *p, int8_t *row, int32_t count) {
    if (count <= 0) {
        return row;
    }
    const size_t bytes = (size_t)(count * p->input_channels);
    memset(row, p->input_zero_point, bytes);
    return row + bytes;
}

/* Writes the window at input position (y, x), which may be outside, into `row`. */
static void gather(const md_dsp_conv2d_s8_t *p, const int8_t *input, int32_t y, int32_t x,
                   int8_t *row) {
    const md_window_t *w = &p->window;
    const int32_t channels = p->input_channels;
    for (int32_t i = 0; i < w->filter_height; i++, y += w->dilation_height) {
        if (y < 0 || y >= w->input_height) {
            row = pad(p, row, w->filter_width);
            continue;
        }
        const int8_t *line = input + y * w->input_width * channels;
        int32_t column = x;
        for (int32_t j = 0; j < w->filter_width; j += p->run, column += w->dilation_width) {
            const int32_t first = md_clamp(-column, 0, p->run);
            const int32_t last = md_clamp(w->input_width - column, first, p->run);
            row = pad(p, row, first);
            if (last > first) {
                row = copy(row, line + (column + first) * channels, (last - first) * channels);
            }
            row = pad(p, row, p->run - last);
        }
    }
}

/* The same for a window inside of the input whose lines lie in memory as they are. */
static void gather_inside(const md_dsp_conv2d_s8_t *p, const int8_t *input, int32_t y, int32_t x,
                          int8_t *row) {
    const md_window_t *w = &p->window;
    const int32_t bytes = w->filter_width * p->input_channels;
    const int32_t step = w->dilation_height * w->input_width * p->input_channels;
    const int8_t *line = input + (y * w->input_width + x) * p->input_channels;
    for (int32_t i = 0; i < w->filter_height; i++, line += step) {
        row = copy(row, line, bytes);
    }
}

/* Computes the last pixels, fewer than are multiplied together; `row` is the last one's. */
static void finish(const md_dsp_conv2d_s8_t *p, const int8_t *row, uint32_t count, int8_t *wide,
                   int8_t *output) {
    const uint32_t lanes = count == 1 ? 1 : MD_DSP_MATMUL_ROWS;
    for (uint32_t lane = count - 1; lane < lanes; lane++) {
        md_dsp_widen(row, p->matmul.depth, lane, lanes, wide);
    }
    md_dsp_matmul_s8(&p->matmul, count, wide, output);
}

void md_dsp_conv2d_s8(const md_dsp_conv2d_s8_t *p, const int8_t *input, int8_t *output,
                      void *scratch) {
    const md_window_t *w = &p->window;
    const uint32_t depth = p->matmul.depth;
    const int32_t last_y = w->input_height - 1 - (w->filter_height - 1) * w->dilation_height;
    const int32_t last_x =
        p->run == w->filter_width ? w->input_width - w->filter_width : -1; /* -1: none is inside */
    int8_t *const wide = scratch;
    int8_t *const row = wide + MD_DSP_MATMUL_ROWS * MD_DSP_MATMUL_ROW_BYTES(depth);
    uint32_t waiting = 0;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            const int32_t y = oy * w->stride_height - w->pad_height;
            const int32_t end_x = y >= 0 && y <= last_y ? last_x : -1;
            for (int32_t ox = 0; ox < w->output_width; ox++) {
                const int32_t x = ox * w->stride_width - w->pad_width;
                if (x >= 0 && x <= end_x) {
                    gather_inside(p, input, y, x, row);
                } else {
                    gather(p, input, y, x, row);
                }
                md_dsp_widen(row, depth, waiting, MD_DSP_MATMUL_ROWS, wide);
                if (++waiting == MD_DSP_MATMUL_ROWS) {
                    md_dsp_matmul_s8(&p->matmul, waiting, wide, output);
                    output += MD_DSP_MATMUL_ROWS * p->matmul.channels;
                    waiting = 0;
                }
            }
        }
        input += w->input_height * w->input_width * p->input_channels;
    }
    if (waiting > 0) {
        finish(p, row, waiting, wide, output);
    }
}

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

/* The same, widened at once, where no four elements are of two lines: as md_dsp_widen. */
static void widen_inside(const md_dsp_conv2d_s8_t *p, const int8_t *input, int32_t y, int32_t x,
                         uint32_t lane, int8_t *wide) {
    const md_window_t *w = &p->window;
    const int32_t bytes = w->filter_width * p->input_channels;
    const int32_t step = w->dilation_height * w->input_width * p->input_channels;
    const int8_t *line = input + (y * w->input_width + x) * p->input_channels;
    uint32_t *to = (uint32_t *)(void *)wide + lane;
    for (int32_t i = 0; i < w->filter_height; i++, line += step) {
        for (int32_t k = 0; k < bytes; k += 4, to += 2 * MD_DSP_MATMUL_ROWS) {
            const uint32_t word = md_dsp_load(line + k);
            to[0] = md_dsp_even(word);
            to[MD_DSP_MATMUL_ROWS] = md_dsp_odd(word);
        }
    }
}

/* Widens the window at input position (y, x) into a lane; `row` is memory for it. */
static void read_window(const md_dsp_conv2d_s8_t *p, const int8_t *input, int32_t y, int32_t x,
                        uint32_t lane, int8_t *wide, int8_t *row) {
    const md_window_t *w = &p->window;
    const int32_t last_y = w->input_height - 1 - (w->filter_height - 1) * w->dilation_height;
    const int32_t last_x = w->input_width - w->filter_width;
    const int inside = p->run == w->filter_width && y >= 0 && y <= last_y && x >= 0 && x <= last_x;
    if (inside && (w->filter_width * p->input_channels) % 4 == 0) {
        widen_inside(p, input, y, x, lane, wide);
        return;
    }
    if (inside) {
        gather_inside(p, input, y, x, row);
    } else {
        gather(p, input, y, x, row);
    }
    md_dsp_widen(row, p->matmul.depth, lane, MD_DSP_MATMUL_ROWS, wide);
}

/* Computes the last pixels, fewer than are multiplied together. */
static void finish(const md_dsp_conv2d_s8_t *p, uint32_t count, int8_t *wide, int8_t *output) {
    const uint32_t pairs = (p->matmul.depth + 1) / 2;
    uint32_t *const words = (uint32_t *)(void *)wide;
    for (uint32_t k = 0; k < pairs; k++) {
        const uint32_t *const from = words + MD_DSP_MATMUL_ROWS * k;
        if (count == 1) {
            words[k] = from[0];
        }
        for (uint32_t lane = count; count > 1 && lane < MD_DSP_MATMUL_ROWS; lane++) {
            words[MD_DSP_MATMUL_ROWS * k + lane] = from[count - 1];
        }
    }
    md_dsp_matmul_s8(&p->matmul, count, wide, output);
}

void md_dsp_conv2d_s8(const md_dsp_conv2d_s8_t *p, const int8_t *input, int8_t *output,
                      void *scratch) {
    const md_window_t *w = &p->window;
    int8_t *const wide = scratch;
    int8_t *const row = wide + MD_DSP_MATMUL_ROWS * MD_DSP_MATMUL_ROW_BYTES(p->matmul.depth);
    uint32_t waiting = 0;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            const int32_t y = oy * w->stride_height - w->pad_height;
            for (int32_t ox = 0; ox < w->output_width; ox++) {
                const int32_t x = ox * w->stride_width - w->pad_width;
                read_window(p, input, y, x, waiting, wide, row);
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
        finish(p, waiting, wide, output);
    }
}

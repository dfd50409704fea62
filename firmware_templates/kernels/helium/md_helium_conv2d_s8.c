/* Implementation of md_helium_conv2d_s8.h on md_helium_matmul_s8: two windows at a time, which need
 * not be of the same line. */
#include "md_helium_conv2d_s8.h"

#include "md_requantize.h"

#include <string.h>

#if defined(__ARM_FEATURE_MVE)

#include "md_helium.h"

/* The pieces of a window are short: a call of memcpy would cost more than they do. */
static inline int8_t *copy(int8_t *to, const int8_t *from, int32_t bytes) {
    int8_t *const end = to + bytes;
    do {
        __asm__ volatile("vctp.8 %[bytes]\n\t"
                         "vpstt\n\t"
                         "vldrbt.8 q0, [%[from]], #16\n\t"
                         "vstrbt.8 q0, [%[to]], #16\n\t"
                         : [from] "+r"(from), [to] "+r"(to)
                         : [bytes] "r"(bytes)
                         : "q0", "memory");
        bytes -= 16;
    } while (bytes > 0);
    return end;
}

/* Copies `count` pieces of at most 16 bytes, `step` apart, one behind the other. */
static inline void copy_pieces(int8_t *to, const int8_t *from, int32_t bytes, int32_t step,
                               int32_t count) {
    __asm__ volatile("vctp.8 %[bytes]\n\t"
                     "dls lr, %[count]\n"
                     "1:\n\t"
                     "vpstt\n\t"
                     "vldrbt.8 q0, [%[from]]\n\t"
                     "vstrbt.8 q0, [%[to]]\n\t"
                     "add %[from], %[step]\n\t"
                     "add %[to], %[bytes]\n\t"
                     "le lr, 1b\n\t"
                     : [from] "+r"(from), [to] "+r"(to)
                     : [bytes] "r"(bytes), [step] "r"(step), [count] "r"(count)
                     : "q0", "lr", "memory");
}

#else

static void copy_pieces(int8_t *to, const int8_t *from, int32_t bytes, int32_t step,
                        int32_t count) {
    for (; count > 0; count--, from += step, to += bytes) {
        memcpy(to, from, (size_t)bytes);
    }
}

static int8_t *copy(int8_t *to, const int8_t *from, int32_t bytes) {
    memcpy(to, from, (size_t)bytes);
    return to + bytes;
}

#endif

/* Fills `count` positions with padding; returns where the next one goes. */
static int8_t *pad(const md_helium_conv2d_s8_t *p, int8_t *row, int32_t count) {
    if (count <= 0) {
        return row;
    }
    const size_t bytes = (size_t)(count * p->input_channels);
    memset(row, p->input_zero_point, bytes);
    return row + bytes;
}

/* Writes the window at input position (y, x), which may be outside, into `row`. */
static void gather(const md_helium_conv2d_s8_t *p, const int8_t *input, int32_t y, int32_t x,
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
static void gather_inside(const md_helium_conv2d_s8_t *p, const int8_t *input, int32_t y, int32_t x,
                          int8_t *row) {
    const md_window_t *w = &p->window;
    const int32_t bytes = w->filter_width * p->input_channels;
    const int32_t step = w->dilation_height * w->input_width * p->input_channels;
    const int8_t *line = input + (y * w->input_width + x) * p->input_channels;
    if (bytes <= 16) {
        copy_pieces(row, line, bytes, step, w->filter_height);
        return;
    }
    for (int32_t i = 0; i < w->filter_height; i++, line += step) {
        row = copy(row, line, bytes);
    }
}

void md_helium_conv2d_s8(const md_helium_conv2d_s8_t *p, const int8_t *input, int8_t *output,
                         void *scratch) {
    const md_window_t *w = &p->window;
    const int32_t last_y = w->input_height - 1 - (w->filter_height - 1) * w->dilation_height;
    const int32_t last_x =
        p->run == w->filter_width ? w->input_width - w->filter_width : -1; /* -1: none is inside */
    int8_t *const rows = scratch;
    uint32_t waiting = 0;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            const int32_t y = oy * w->stride_height - w->pad_height;
            const int32_t end_x = y >= 0 && y <= last_y ? last_x : -1;
            for (int32_t ox = 0; ox < w->output_width; ox++) {
                const int32_t x = ox * w->stride_width - w->pad_width;
                int8_t *const row = rows + waiting * p->matmul.depth;
                if (x >= 0 && x <= end_x) {
                    gather_inside(p, input, y, x, row);
                } else {
                    gather(p, input, y, x, row);
                }
                if (++waiting == MD_HELIUM_CONV2D_ROWS) {
                    md_helium_matmul_s8(&p->matmul, waiting, rows, output);
                    output += MD_HELIUM_CONV2D_ROWS * p->matmul.channels;
                    waiting = 0;
                }
            }
        }
        input += w->input_height * w->input_width * p->input_channels;
    }
    md_helium_matmul_s8(&p->matmul, waiting, rows, output);
}

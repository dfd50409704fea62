/* Implementation of md_helium_conv2d_s8.h on md_helium_matmul_s8: some windows at a time, which need
 * not be of the same line. */
#include "md_helium_conv2d_s8.h"

#include "md_requantize.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#if defined(__ARM_FEATURE_MVE)

#include "md_helium.h"

/* Small windows are loaded with an offset for each lane. The pieces of others are short: a call of
 * memcpy would cost more than they do. */
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

/* Writes `count` small windows inside of the input, the first of which begins at `first`, into
 * rows: so many bits an offset, 128 / bits elements at a time. */
#define GATHER(bits, load)                                                                         \
    __asm__ volatile("dls lr, %[count]\n\t" load " q0, [%[taps]]\n"                                \
                     "1:\n\t"                                                                      \
                     "vldrb.u" bits " q1, [%[window], q0]\n\t"                                     \
                     "add %[window], %[step]\n\t"                                                  \
                     "vstrb." bits " q1, [%[row]]\n\t"                                             \
                     "add %[row], %[depth]\n\t"                                                    \
                     "le lr, 1b\n\t"                                                               \
                     : [window] "+r"(window), [row] "+l"(row)                                      \
                     : [taps] "l"(taps), [step] "r"(step), [depth] "r"(depth), [count] "r"(count)  \
                     : "lr", "q0", "q1", "memory")

__attribute__((noinline)) static void
gather_inside(const md_helium_conv2d_s8_t *p, const int8_t *first, uint32_t count, int8_t *rows) {
    const uint32_t depth = p->matmul.depth;
    const int32_t step = p->window.stride_width * p->input_channels;
    const int8_t *taps = p->taps;
    for (uint32_t k = 0; k < depth; k += p->tap_lanes, taps += 48) {
        const int8_t *window = first;
        int8_t *row = rows + k;
        if (p->tap_lanes == 16) {
            GATHER("8", "vldrb.u8");
        } else {
            GATHER("16", "vldrh.u16");
        }
    }
}

/* Writes a small window at input position (y, x), which reaches outside, into `row`. An index below
 * 0 is a large one without its sign. */
#define GATHER_VALID(bits, bytes, load, splat)                                                     \
    __asm__ volatile(                                                                              \
        "dls lr, %[count]\n"                                                                       \
        "1:\n\t" load " q0, [%[taps]], #16\n\t" load " q1, [%[taps]], #16\n\t" load                \
        " q2, [%[taps]], #16\n\t"                                                                  \
        "vadd.i" bits " q1, q1, %[y]\n\t"                                                          \
        "vadd.i" bits " q2, q2, %[x]\n\t"                                                          \
        "vpt.u" bits " hi, %q[height], q1\n\t"                                                     \
        "vcmpt.u" bits " hi, %q[width], q2\n\t"                                                    \
        "vpst\n\t"                                                                                 \
        "vldrbt.u" bits " q3, [%[window], q0]\n\t"                                                 \
        "vpsel q3, q3, %q[zero_point]\n\t"                                                         \
        "vstrb." bits " q3, [%[row]], #" bytes "\n\t"                                              \
        "le lr, 1b\n\t"                                                                            \
        : [taps] "+l"(taps), [row] "+l"(row)                                                       \
        : [window] "r"(window), [count] "r"(p->matmul.depth / p->tap_lanes), [y] "r"(y),           \
          [x] "r"(x), [height] "w"(splat(p->window.input_height)),                                 \
          [width] "w"(splat(p->window.input_width)), [zero_point] "w"(splat(p->input_zero_point))  \
        : "lr", "q0", "q1", "q2", "q3", "memory")

static inline int8x16_t bytes_of(int32_t value) {
    return vdupq_n_s8((int8_t)value);
}

static inline int16x8_t halves_of(int32_t value) {
    return vdupq_n_s16((int16_t)value);
}

__attribute__((noinline)) static void gather_valid(const md_helium_conv2d_s8_t *p,
                                                   const int8_t *window, int32_t y, int32_t x,
                                                   int8_t *row) {
    const int8_t *taps = p->taps;
    if (p->tap_lanes == 16) {
        GATHER_VALID("8", "16", "vldrb.u8", bytes_of);
    } else {
        GATHER_VALID("16", "8", "vldrh.u16", halves_of);
    }
}

#else

static int8_t *copy(int8_t *to, const int8_t *from, int32_t bytes) {
    memcpy(to, from, (size_t)bytes);
    return to + bytes;
}

#endif

/* Fills `count` positions with padding; returns where the next one goes. */
__attribute__((noinline)) static int8_t *pad(const md_helium_conv2d_s8_t *p, int8_t *row,
                                             int32_t count) {
    if (count <= 0) {
        return row;
    }
    const size_t bytes = (size_t)(count * p->input_channels);
    memset(row, p->input_zero_point, bytes);
    return row + bytes;
}

/* Writes the window at input position (y, x), which may be outside, into `row`. */
__attribute__((noinline)) static void gather(const md_helium_conv2d_s8_t *p, const int8_t *input,
                                             int32_t y, int32_t x, bool inside, int8_t *row) {
    const md_window_t *w = &p->window;
    const int32_t channels = p->input_channels;
    const bool whole = inside && p->run == w->filter_width;
    for (int32_t i = 0; i < w->filter_height; i++, y += w->dilation_height) {
        const int8_t *line = input + y * w->input_width * channels;
        if (whole) {
            row = copy(row, line + x * channels, w->filter_width * channels);
            continue;
        }
        if (y < 0 || y >= w->input_height) {
            row = pad(p, row, w->filter_width);
            continue;
        }
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

/* Gathers the window at input position (y, x) and, where that is cheaper, some of the `inside`
 * windows from there on that do not reach outside; gives their number, at most `room`. */
static inline uint32_t gather_some(const md_helium_conv2d_s8_t *p, const int8_t *input, int32_t y,
                                   int32_t x, int32_t inside, uint32_t room, int8_t *rows) {
#if defined(__ARM_FEATURE_MVE)
    if (p->taps != NULL) {
        const int8_t *const first = input + (y * p->window.input_width + x) * p->input_channels;
        if (inside > 0) {
            const uint32_t count = (uint32_t)inside < room ? (uint32_t)inside : room;
            gather_inside(p, first, count, rows);
            return count;
        }
        gather_valid(p, first, y, x, rows);
        return 1;
    }
#endif
    (void)room;
    gather(p, input, y, x, inside > 0, rows);
    return 1;
}

void md_helium_conv2d_s8(const md_helium_conv2d_s8_t *p, const int8_t *input, int8_t *output,
                         void *scratch) {
    const md_window_t *w = &p->window;
    const int32_t last_y = w->input_height - 1 - (w->filter_height - 1) * w->dilation_height;
    const int32_t last_x = w->input_width - 1 - (w->filter_width - 1) * w->dilation_width;
    /* Behind the last window of a line that does not reach outside. */
    const int32_t end = last_x < 0 ? 0 : (last_x + w->pad_width) / w->stride_width + 1;
    int8_t *const rows = scratch;
    uint32_t waiting = 0;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            const int32_t y = oy * w->stride_height - w->pad_height;
            const bool line_inside = y >= 0 && y <= last_y;
            for (int32_t ox = 0; ox < w->output_width;) {
                const int32_t x = ox * w->stride_width - w->pad_width;
                const int32_t inside = line_inside && x >= 0
                                           ? (end < w->output_width ? end : w->output_width) - ox
                                           : 0;
                const uint32_t count = gather_some(p, input, y, x, inside, p->windows - waiting,
                                                   rows + waiting * p->matmul.depth);
                ox += (int32_t)count;
                waiting += count;
                if (waiting == p->windows) {
                    md_helium_matmul_s8(&p->matmul, waiting, rows, output);
                    output += waiting * p->matmul.channels;
                    waiting = 0;
                }
            }
        }
        input += w->input_height * w->input_width * p->input_channels;
    }
    md_helium_matmul_s8(&p->matmul, waiting, rows, output);
}

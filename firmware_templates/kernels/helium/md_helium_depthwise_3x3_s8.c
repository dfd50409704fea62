/* Implementation of md_helium_depthwise_3x3_s8.h. The nine pixels under a window are in nine registers,
 * and a row's pixels whose windows lie inside of it are made in one loop. */
#include "md_helium_depthwise_3x3_s8.h"

#include "md_requantize.h"

#include <string.h>

#define LANES 16

#if defined(__ARM_FEATURE_MVE)

/* Neighbouring pixels of the output. The assembly language knows the offsets. */
typedef struct {
    const int8_t *taps[9]; /* of the first pixel */
    const int8_t *blocks;
    int32_t channels;
    int32_t last; /* what the narrowing needs: the zero point, or the shift as one to the left */
    int32_t
        steps[3]; /* from the end of a pixel's taps to the next one's, for each row of the window */
    int32_t output_step; /* the same of the output */
    int32_t pixels;      /* at least 1 */
} run_t;

/* A tap by 16 channels: even ones to `even`, odd ones to `odd`, which is another register than w. */
#define FIRST(x, even, odd, w)                                                                     \
    "vldrb.8 " odd ", [" x "], #16\n\t"                                                            \
    "vldrb.8 " w ", [r0], #16\n\t"                                                                 \
    "vmullb.s8 " even ", " odd ", " w "\n\t"                                                       \
    "vmullt.s8 " odd ", " odd ", " w "\n\t"
/* Adds another one. */
#define SECOND(x, even, odd, a, w, t)                                                              \
    "vldrb.8 " a ", [" x "], #16\n\t"                                                              \
    "vldrb.8 " w ", [r0], #16\n\t"                                                                 \
    "vmullb.s8 " t ", " a ", " w "\n\t"                                                            \
    "vadd.i16 " even ", " even ", " t "\n\t"                                                       \
    "vmullt.s8 " a ", " a ", " w "\n\t"                                                            \
    "vadd.i16 " odd ", " odd ", " a "\n\t"
/* The same where there is no register for t: loads the weights twice. */
#define SECOND_TIGHT(x, even, odd, a, w)                                                           \
    "vldrb.8 " a ", [" x "], #16\n\t"                                                              \
    "vldrb.8 " w ", [r0]\n\t"                                                                      \
    "vmullb.s8 " w ", " a ", " w "\n\t"                                                            \
    "vadd.i16 " even ", " even ", " w "\n\t"                                                       \
    "vldrb.8 " w ", [r0], #16\n\t"                                                                 \
    "vmullt.s8 " w ", " a ", " w "\n\t"                                                            \
    "vadd.i16 " odd ", " odd ", " w "\n\t"
/* Widens two vectors of int16, which are lost but for c, into two sums. */
#define WIDEN(b, c, sums0, sums1, t, bottom, top)                                                  \
    bottom(sums0, b) top(sums1, b) bottom(t, c)                                                    \
        top(b, c) "vadd.i32 " sums0 ", " sums0 ", " t "\n\t"                                       \
                  "vadd.i32 " sums1 ", " sums1 ", " b "\n\t"
/* Adds the int16 in `values`, which are lost, to two sums. */
#define ADD(values, sums0, sums1, t, bottom, top)                                                  \
    bottom(t, values) top(values, values) "vadd.i32 " sums0 ", " sums0 ", " t "\n\t"               \
                                          "vadd.i32 " sums1 ", " sums1 ", " values "\n\t"
#define BOTTOM(to, from) "vmovlb.s16 " to ", " from "\n\t"
#define TOP(to, from) "vmovlt.s16 " to ", " from "\n\t"
#define BOTTOM_SHIFTED(to, from) "vshllb.s16 " to ", " from ", #12\n\t"
#define TOP_SHIFTED(to, from) "vshllt.s16 " to ", " from ", #12\n\t"
/* As md_helium_scale_right, with the bias before. */
#define SCALE(sums)                                                                                \
    "vldrw.32 q0, [r0], #16\n\t"                                                                   \
    "vldrw.32 q1, [r0], #16\n\t"                                                                   \
    "vadd.i32 " sums ", " sums ", q0\n\t"                                                          \
    "vldrb.s32 q2, [r0], #4\n\t"                                                                   \
    "vqrdmulh.s32 " sums ", " sums ", q1\n\t"                                                      \
    "vshr.s32 q3, " sums ", #31\n\t"                                                               \
    "vadd.i32 " sums ", " sums ", q3\n\t"                                                          \
    "vrshl.s32 " sums ", " sums ", q2\n\t"
#define SCALE_LINEAR(sums)                                                                         \
    "vldrw.32 q0, [r0], #16\n\t"                                                                   \
    "vldrw.32 q1, [r0], #16\n\t"                                                                   \
    "vadd.i32 " sums ", " sums ", q0\n\t"                                                          \
    "vqrdmulh.s32 " sums ", " sums ", q1\n\t"
/* From int32 in q4 to q7 to int8 in q4. */
#define NARROW                                                                                     \
    "vqmovnb.s32 q4, q4\n\t"                                                                       \
    "vqmovnt.s32 q4, q5\n\t"                                                                       \
    "vqmovnb.s32 q6, q6\n\t"                                                                       \
    "vqmovnt.s32 q6, q7\n\t"                                                                       \
    "vqadd.s16 q4, q4, r12\n\t"                                                                    \
    "vqadd.s16 q6, q6, r12\n\t"                                                                    \
    "vqmovnb.s16 q4, q4\n\t"                                                                       \
    "vqmovnt.s16 q4, q6\n\t"
#define NARROW_LINEAR                                                                              \
    "vqrshrnb.s32 q4, q4, #16\n\t"                                                                 \
    "vqrshrnt.s32 q4, q5, #16\n\t"                                                                 \
    "vqrshrnb.s32 q6, q6, #16\n\t"                                                                 \
    "vqrshrnt.s32 q6, q7, #16\n\t"                                                                 \
    "vshl.s16 q4, r12\n\t"                                                                         \
    "vshl.s16 q6, r12\n\t"                                                                         \
    "vqmovnb.s16 q4, q4\n\t"                                                                       \
    "vqmovnt.s16 q4, q6\n\t"

/* The loop's tail predication is by bytes: it suits all vectors, because lane i of int32 is of the
 * channels 4 * i to 4 * i + 3 and the number of channels a multiple of 4. r7 is saved here, because
 * without optimisation it is the compiler's frame pointer. */
/* clang-format off */
#define RUN(name, bottom, top, scale, narrow)                                                      \
    static void name(run_t *pixels, int8_t *output) {                                              \
        register run_t *run __asm__("r11") = pixels;                                               \
        register int8_t *y __asm__("r10") = output;                                                \
        __asm__ volatile(                                                                          \
            "push {r7}\n\t"                                                                        \
            "ldm r11, {r1-r9}\n"                                                                   \
            "1:\n\t"                                                                               \
            "ldrd r0, r12, [r11, #36]\n\t"                                                         \
            "dlstp.8 lr, r12\n\t"                                                                  \
            "ldr r12, [r11, #44]\n"                                                                \
            "2:\n\t"                                                                               \
            FIRST("r1", "q0", "q1", "q4")                                                          \
            SECOND("r2", "q0", "q1", "q4", "q5", "q6")                                             \
            FIRST("r3", "q2", "q3", "q4")                                                          \
            SECOND("r4", "q2", "q3", "q4", "q5", "q6")                                             \
            WIDEN("q0", "q2", "q4", "q5", "q6", bottom, top)                                       \
            WIDEN("q1", "q3", "q6", "q7", "q0", bottom, top)                                       \
            FIRST("r5", "q0", "q1", "q2")                                                          \
            SECOND_TIGHT("r6", "q0", "q1", "q2", "q3")                                             \
            ADD("q0", "q4", "q5", "q2", bottom, top)                                               \
            ADD("q1", "q6", "q7", "q2", bottom, top)                                               \
            FIRST("r7", "q0", "q1", "q2")                                                          \
            SECOND_TIGHT("r8", "q0", "q1", "q2", "q3")                                             \
            ADD("q0", "q4", "q5", "q2", bottom, top)                                               \
            ADD("q1", "q6", "q7", "q2", bottom, top)                                               \
            FIRST("r9", "q0", "q1", "q2")                                                          \
            ADD("q0", "q4", "q5", "q2", bottom, top)                                               \
            ADD("q1", "q6", "q7", "q2", bottom, top)                                               \
            scale("q4")                                                                            \
            scale("q5")                                                                            \
            scale("q6")                                                                            \
            scale("q7")                                                                            \
            narrow                                                                                 \
            "vstrb.8 q4, [r10], #16\n\t"                                                           \
            "letp lr, 2b\n\t"                                                                      \
            "ldr r12, [r11, #64]\n\t"                                                              \
            "subs r12, #1\n\t"                                                                     \
            "beq 3f\n\t"                                                                           \
            "str r12, [r11, #64]\n\t"                                                              \
            "ldrd r0, r12, [r11, #48]\n\t"                                                         \
            "add r1, r0\n\t"                                                                       \
            "add r2, r0\n\t"                                                                       \
            "add r3, r0\n\t"                                                                       \
            "add r4, r12\n\t"                                                                      \
            "add r5, r12\n\t"                                                                      \
            "add r6, r12\n\t"                                                                      \
            "ldrd r0, r12, [r11, #56]\n\t"                                                         \
            "add r7, r0\n\t"                                                                       \
            "add r8, r0\n\t"                                                                       \
            "add r9, r0\n\t"                                                                       \
            "add r10, r12\n\t"                                                                     \
            "b 1b\n"                                                                               \
            "3:\n\t"                                                                               \
            "pop {r7}\n\t"                                                                         \
            : "+r"(run), "+r"(y)                                                                   \
            :                                                                                      \
            : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r12", "lr", "q0", "q1", \
              "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory");                                 \
    }
/* clang-format on */

RUN(make_any, BOTTOM, TOP, SCALE, NARROW)
RUN(make_relu, BOTTOM_SHIFTED, TOP_SHIFTED, SCALE_LINEAR, NARROW_LINEAR)
_Static_assert(MD_HELIUM_DEPTHWISE_SUM_BITS == 12, "BOTTOM_SHIFTED and TOP_SHIFTED repeat it");

/* A row of the window: a line of the input, or of padding. */
typedef struct {
    const int8_t *pixels;
    int32_t pitch; /* bytes from a pixel to the next; 0 for padding */
} line_t;

static inline line_t line_at(const md_helium_depthwise_s8_t *p, const int8_t *input,
                             const int8_t *padding, int32_t y) {
    const md_window_t *const w = &p->window;
    if ((uint32_t)y < (uint32_t)w->input_height) {
        return (line_t){input + y * w->input_width * p->channels, p->channels};
    }
    return (line_t){padding, 0};
}

/* Points a column of the window to its pixels in column x. */
static inline void point(const int8_t **taps, line_t top, line_t middle, line_t bottom, int32_t x) {
    taps[0] = top.pixels + x * top.pitch;
    taps[3] = middle.pixels + x * middle.pitch;
    taps[6] = bottom.pixels + x * bottom.pitch;
}

/* A row of the output, whose windows begin at row y of the input. */
static inline void row(const md_helium_depthwise_s8_t *p, const int8_t *input,
                       const int8_t *padding, int32_t y, run_t *run, int8_t *output,
                       void (*make)(run_t *run, int8_t *output)) {
    /* Copies, because the compiler must assume that storing a tap changes what p points to. */
    const int32_t dilation = p->window.dilation_width;
    const int32_t stride = p->window.stride_width;
    const uint32_t width = (uint32_t)p->window.input_width;
    const int32_t channels = p->channels;
    const int32_t block_bytes = channels - run->output_step;
    const line_t nowhere = {padding, 0};
    const line_t top = line_at(p, input, padding, y);
    const line_t middle = line_at(p, input, padding, y + p->window.dilation_height);
    const line_t bottom = line_at(p, input, padding, y + 2 * p->window.dilation_height);
    run->steps[0] = stride * top.pitch - block_bytes;
    run->steps[1] = stride * middle.pitch - block_bytes;
    run->steps[2] = stride * bottom.pitch - block_bytes;
    const int32_t last_x = (int32_t)width - 1 - 2 * dilation;
    int32_t x = -p->window.pad_width;
    int32_t pixels = 0;
    for (int32_t left = p->window.output_width; left > 0; left -= pixels) {
        for (int32_t j = 0, column = x; j < 3; j++, column += dilation) {
            if ((uint32_t)column < width) {
                point(run->taps + j, top, middle, bottom, column);
            } else {
                point(run->taps + j, nowhere, nowhere, nowhere, 0);
            }
        }
        pixels = 1;
        if (x >= 0 && x < last_x && left > 1) {
            const int32_t fitting = (last_x - x) / stride + 1;
            pixels = fitting < left ? fitting : left;
        }
        run->pixels = pixels;
        make(run, output);
        output += pixels * channels;
        x += pixels * stride;
    }
}

static inline void image(const md_helium_depthwise_s8_t *p, const int8_t *input, int8_t *output,
                         int8_t *padding, int32_t last, void (*make)(run_t *run, int8_t *output)) {
    const md_window_t *const w = &p->window;
    run_t run = {.blocks = p->blocks,
                 .channels = p->channels,
                 .last = last,
                 .output_step = p->channels - (p->channels + LANES - 1) / LANES * LANES};
    memset(padding, p->input_zero_point, p->padding_bytes);
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            row(p, input, padding, oy * w->stride_height - w->pad_height, &run, output, make);
            output += w->output_width * p->channels;
        }
        input += w->input_height * w->input_width * p->channels;
    }
}

void md_helium_depthwise_3x3_s8(const md_helium_depthwise_s8_t *p, const int8_t *input,
                                int8_t *output, void *scratch) {
    image(p, input, output, scratch, p->output_zero_point, make_any);
}

void md_helium_depthwise_3x3_relu_s8(const md_helium_depthwise_s8_t *p, const int8_t *input,
                                     int8_t *output, void *scratch) {
    image(p, input, output, scratch, -p->shift, make_relu);
}

#else

void md_helium_depthwise_3x3_s8(const md_helium_depthwise_s8_t *p, const int8_t *input,
                                int8_t *output, void *scratch) {
    md_helium_depthwise_s8(p, input, output, scratch);
}

static int32_t sum_taps(const md_helium_depthwise_s8_t *p, const int8_t *input, int32_t y,
                        int32_t x, int32_t channel, const int8_t *weights) {
    const md_window_t *const w = &p->window;
    int32_t sum = 0;
    for (int32_t i = 0; i < 9; i++, weights += LANES) {
        const int32_t row = y + i / 3 * w->dilation_height;
        const int32_t column = x + i % 3 * w->dilation_width;
        const int inside =
            row >= 0 && row < w->input_height && column >= 0 && column < w->input_width;
        sum += *weights * (inside ? input[(row * w->input_width + column) * p->channels + channel]
                                  : p->input_zero_point);
    }
    return sum;
}

static int8_t linear(const md_helium_depthwise_s8_t *p, int32_t sum, int32_t offset,
                     int32_t factor) {
    const int32_t s = sum * (1 << MD_HELIUM_DEPTHWISE_SUM_BITS) + offset;
    const int32_t narrowed = (md_rounding_doubling_high_mul(s, factor) + (1 << 15)) >> 16;
    return (int8_t)md_clamp(narrowed >> p->shift, -128, 127);
}

static int8_t relu_value(const md_helium_depthwise_s8_t *p, const int8_t *input, int32_t y,
                         int32_t x, int32_t channel) {
    /* Where a channel of a block is in the order of the quads. */
    static const uint8_t place[LANES] = {0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, 3, 11, 7, 15};
    const int32_t lane = channel % LANES;
    const int8_t *const block = p->blocks + channel / LANES * (9 * LANES + 4 * 32);
    const int8_t *const quad = block + 9 * LANES + place[lane] / 4 * 32 + place[lane] % 4 * 4;
    int32_t offset;
    int32_t factor;
    memcpy(&offset, quad, sizeof offset);
    memcpy(&factor, quad + 16, sizeof factor);
    return linear(p, sum_taps(p, input, y, x, channel, block + lane), offset, factor);
}

void md_helium_depthwise_3x3_relu_s8(const md_helium_depthwise_s8_t *p, const int8_t *input,
                                     int8_t *output, void *scratch) {
    (void)scratch;
    const md_window_t *const w = &p->window;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            for (int32_t ox = 0; ox < w->output_width; ox++) {
                for (int32_t c = 0; c < p->channels; c++) {
                    *output++ = relu_value(p, input, oy * w->stride_height - w->pad_height,
                                           ox * w->stride_width - w->pad_width, c);
                }
            }
        }
        input += w->input_height * w->input_width * p->channels;
    }
}

#endif

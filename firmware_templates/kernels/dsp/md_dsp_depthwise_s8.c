/* Implementation of md_dsp_depthwise_s8.h: a pixel's taps are resolved to pointers once (padding
 * points to a pixel of zero points), then four channels at a time walk them; those of 3x3 windows in
 * two pixels, which share what it takes to widen the weights. */
#include "md_dsp_depthwise_s8.h"

#include "md_dsp.h"

#include <stddef.h>

#define PIXELS MD_DSP_DEPTHWISE_PIXELS
#define CHANNELS 4
#define NINE 9

_Static_assert(sizeof(const int8_t *) <= MD_DSP_DEPTHWISE_TAP_BYTES, "a tap must hold a pointer");

/* Two pixels with nine taps each. */
typedef struct {
    int8_t *y[PIXELS];   /* where their outputs go on; may be the same pixel */
    const int8_t *block; /* the first one */
    const int8_t *taps;  /* the pointers of the first pixel, then those of the second */
    int32_t code;        /* of the output's zero point: md_dsp_code */
    uint32_t blocks;     /* at least 1, without channels of padding */
} job_t;

/* The taps are pointers in memory that the arena declares as int8_t: copied in and out, they may lie
 * there, where an object of a pointer type may not. The compiler makes one load or store of it. */
static const int8_t *get_tap(const int8_t *taps, uint32_t t) {
    const int8_t *pixel;
    memcpy(&pixel, taps + sizeof pixel * t, sizeof pixel);
    return pixel;
}

static int8_t *put_tap(int8_t *taps, const int8_t *pixel) {
    memcpy(taps, &pixel, sizeof pixel);
    return taps + sizeof pixel;
}

/* Points each tap of the window at input position (y, x) to its pixel. */
static void find_taps(const md_dsp_depthwise_s8_t *p, const int8_t *input, const int8_t *padding,
                      int32_t y, int32_t x, int8_t *taps) {
    const md_window_t *w = &p->window;
    for (int32_t i = 0; i < w->filter_height; i++, y += w->dilation_height) {
        int32_t column = x;
        for (int32_t j = 0; j < w->filter_width; j++, column += w->dilation_width) {
            const int inside =
                y >= 0 && y < w->input_height && column >= 0 && column < w->input_width;
            taps = put_tap(taps,
                           inside ? input + (y * w->input_width + column) * p->channels : padding);
        }
    }
}

/* The same for a window inside of the input. */
static void find_taps_inside(const md_dsp_depthwise_s8_t *p, const int8_t *input, int32_t y,
                             int32_t x, int8_t *taps) {
    const md_window_t *w = &p->window;
    const int32_t step = w->dilation_width * p->channels;
    const int32_t line_step = w->dilation_height * w->input_width * p->channels;
    const int8_t *line = input + (y * w->input_width + x) * p->channels;
    for (int32_t i = 0; i < w->filter_height; i++, line += line_step) {
        const int8_t *pixel = line;
        for (int32_t j = 0; j < w->filter_width; j++, pixel += step) {
            taps = put_tap(taps, pixel);
        }
    }
}

/* Requantises and stores channel `c` of a block; `after` points behind the block's weights. */
static inline void finish(const md_dsp_depthwise_s8_t *p, int32_t sum, const int8_t *after,
                          uint32_t c, int8_t *y) {
    uint32_t doubled;
    memcpy(&doubled, after + sizeof doubled * c, sizeof doubled);
    const int32_t shift = after[CHANNELS * sizeof doubled + c];
    *y = md_dsp_finish(sum, doubled, shift, p->direct, p->output_zero_point, p->activation_min,
                       p->activation_max);
}

/* One pixel with any number of taps, from `channel` on, which `block` begins with. */
static void any_pixel(const md_dsp_depthwise_s8_t *p, const int8_t *block, int32_t channel,
                      const int8_t *taps, uint32_t tap_count, int8_t *y) {
    for (; channel + CHANNELS <= p->channels; channel += CHANNELS) {
        int32_t sums[CHANNELS];
        memcpy(sums, block, sizeof sums);
        const int8_t *w = block + sizeof sums;
        for (uint32_t t = 0; t < tap_count; t++, w += CHANNELS) {
            const uint32_t x = md_dsp_load(get_tap(taps, t) + channel);
            const uint32_t weights = md_dsp_load(w);
            const uint32_t x_even = md_dsp_even(x);
            const uint32_t x_odd = md_dsp_odd(x);
            const uint32_t w_even = md_dsp_even(weights);
            const uint32_t w_odd = md_dsp_odd(weights);
            sums[0] += md_dsp_low(x_even) * md_dsp_low(w_even);
            sums[1] += md_dsp_low(x_odd) * md_dsp_low(w_odd);
            sums[2] += md_dsp_high(x_even) * md_dsp_high(w_even);
            sums[3] += md_dsp_high(x_odd) * md_dsp_high(w_odd);
        }
        for (uint32_t c = 0; c < CHANNELS; c++) {
            finish(p, sums[c], w, c, y + channel + c);
        }
        block = w + CHANNELS * (sizeof(uint32_t) + 1);
    }
    const int8_t *const weights = block + CHANNELS * sizeof(int32_t);
    for (uint32_t c = 0; channel < p->channels; c++, channel++) {
        int32_t sum;
        memcpy(&sum, block + sizeof sum * c, sizeof sum);
        for (uint32_t t = 0; t < tap_count; t++) {
            sum += get_tap(taps, t)[channel] * weights[CHANNELS * t + c];
        }
        finish(p, sum, weights + CHANNELS * tap_count, c, y + channel);
    }
}

#if MD_DSP

_Static_assert(offsetof(job_t, block) == 8 && offsetof(job_t, taps) == 12 &&
                   offsetof(job_t, code) == 16 && offsetof(job_t, blocks) == 20,
               "nine_taps has these numbers");

/* A tap of one pixel by four channels, its pointer at sp + place. */
#define PIXEL_TAP(place, sum0, sum1, sum2, sum3)                                                   \
    "ldr r2, [sp, #" place "]\n\t"                                                                 \
    "ldr r2, [r2, r1]\n\t"                                                                         \
    "sxtb16 r3, r2\n\t"                                                                            \
    "sxtb16 r2, r2, ror #8\n\t"                                                                    \
    "smlabb " sum0 ", r3, r12, " sum0 "\n\t"                                                       \
    "smlabb " sum1 ", r2, lr, " sum1 "\n\t"                                                        \
    "smlatt " sum2 ", r3, r12, " sum2 "\n\t"                                                       \
    "smlatt " sum3 ", r2, lr, " sum3 "\n\t"

/* A tap of both pixels. r4 to r7 are the sums of the first, r8 to r11 those of the second. */
#define TAP(place0, place1)                                                                        \
    "ldr lr, [r0], #4\n\t"                                                                         \
    "sxtb16 r12, lr\n\t"                                                                           \
    "sxtb16 lr, lr, ror #8\n\t" PIXEL_TAP(place0, "r4", "r5", "r6", "r7")                          \
        PIXEL_TAP(place1, "r8", "r9", "r10", "r11")

#define LINE_0 TAP("0", "36") TAP("4", "40") TAP("8", "44")
#define LINE_1 TAP("12", "48") TAP("16", "52") TAP("20", "56")
#define LINE_2 TAP("24", "60") TAP("28", "64") TAP("32", "68")

/* One channel of both pixels; lr is what md_dsp_code made. */
#define ROUND_CHANNEL(sum0, sum1)                                                                  \
    "ldrb r2, [r0], #1\n\t"                                                                        \
    "lsl r3, lr, r2\n\t" MD_DSP_ROUND(sum0, "r3", "r2") MD_DSP_ROUND(sum1, "r3", "r2")

#define ROUND_0_1 ROUND_CHANNEL("r4", "r8") ROUND_CHANNEL("r5", "r9")
#define ROUND_2_3 ROUND_CHANNEL("r6", "r10") ROUND_CHANNEL("r7", "r11")

/* Naked, because the loop needs all registers: the pointers lie on the stack. */
static MD_DSP_NAKED void nine_taps(__attribute__((unused)) job_t *job) {
    __asm__("push {r0, r4-r11, lr}\n\t"
            "ldr r12, [r0, #12]\n\t"
            "add r1, r12, #36\n\t"
            "ldm r1, {r2-r10}\n\t"
            "push {r2-r10}\n\t"
            "ldm r12, {r2-r10}\n\t"
            "push {r2-r10}\n\t"
            "ldr r0, [r0, #8]\n\t"
            "movs r1, #0\n"
            "1:\n\t"
            "ldm r0!, {r4-r7}\n\t"
            "mov r8, r4\n\t"
            "mov r9, r5\n\t"
            "mov r10, r6\n\t"
            "mov r11, r7\n\t" LINE_0 LINE_1 LINE_2 "ldm r0!, {r2, r3, r12, lr}\n\t"
            "smmlar r4, r4, r2, r4\n\t"
            "smmlar r5, r5, r3, r5\n\t"
            "smmlar r6, r6, r12, r6\n\t"
            "smmlar r7, r7, lr, r7\n\t"
            "smmlar r8, r8, r2, r8\n\t"
            "smmlar r9, r9, r3, r9\n\t"
            "smmlar r10, r10, r12, r10\n\t"
            "smmlar r11, r11, lr, r11\n\t"
            "ldr r12, [sp, #72]\n\t"
            "ldr lr, [r12, #16]\n\t" ROUND_0_1 ROUND_2_3 "ldrd r2, r3, [r12]\n\t"
            "strb r4, [r2], #1\n\t"
            "strb r5, [r2], #1\n\t"
            "strb r6, [r2], #1\n\t"
            "strb r7, [r2], #1\n\t"
            "strb r8, [r3], #1\n\t"
            "strb r9, [r3], #1\n\t"
            "strb r10, [r3], #1\n\t"
            "strb r11, [r3], #1\n\t"
            "strd r2, r3, [r12]\n\t"
            "adds r1, #4\n\t"
            "ldr r2, [r12, #20]\n\t"
            "subs r2, #1\n\t"
            "str r2, [r12, #20]\n\t"
            "bne 1b\n\t"
            "str r0, [r12, #8]\n\t"
            "add sp, #76\n\t"
            "pop {r4-r11, pc}");
}

/* What nine_taps can do of two pixels; gives the first channel that is left, whose block is then
 * job->block. */
static int32_t quick_channels(const md_dsp_depthwise_s8_t *p, job_t *job, uint32_t tap_count) {
    if (!p->direct || tap_count != NINE || p->channels < CHANNELS) {
        return 0;
    }
    job->code = md_dsp_code(p->output_zero_point);
    job->blocks = (uint32_t)p->channels / CHANNELS;
    int8_t *const first = job->y[0];
    int8_t *const second = job->y[1];
    nine_taps(job);
    const uint32_t done = (uint32_t)p->channels / CHANNELS * CHANNELS;
    md_dsp_limit(first, done, p->activation_min, p->activation_max);
    md_dsp_limit(second, done, p->activation_min, p->activation_max);
    return (int32_t)done;
}

#else

static int32_t quick_channels(const md_dsp_depthwise_s8_t *p, job_t *job, uint32_t tap_count) {
    (void)p;
    (void)job;
    (void)tap_count;
    return 0;
}

#endif

/* Computes `count` pixels; with one, both tables of taps are its. */
static void pixels(const md_dsp_depthwise_s8_t *p, const int8_t *taps, uint32_t tap_count,
                   uint32_t count, int8_t *output) {
    int8_t *const last = output + (int32_t)(count - 1) * p->channels;
    job_t job = {.y = {output, last}, .block = p->blocks, .taps = taps};
    const int32_t channel = quick_channels(p, &job, tap_count);
    if (channel == p->channels) {
        return;
    }
    any_pixel(p, job.block, channel, taps, tap_count, output);
    if (count > 1) {
        const int8_t *const second = taps + sizeof(const int8_t *) * tap_count;
        any_pixel(p, job.block, channel, second, tap_count, last);
    }
}

void md_dsp_depthwise_s8(const md_dsp_depthwise_s8_t *p, const int8_t *input, int8_t *output,
                         void *scratch) {
    const md_window_t *w = &p->window;
    const uint32_t tap_count = (uint32_t)(w->filter_height * w->filter_width);
    const size_t table = sizeof(const int8_t *) * tap_count;
    const int32_t last_y = w->input_height - 1 - (w->filter_height - 1) * w->dilation_height;
    const int32_t last_x = w->input_width - 1 - (w->filter_width - 1) * w->dilation_width;
    int8_t *const taps = scratch;
    int8_t *const padding = taps + PIXELS * MD_DSP_DEPTHWISE_TAP_BYTES * tap_count;
    uint32_t waiting = 0;
    memset(padding, p->input_zero_point, p->padding_bytes);
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            const int32_t y = oy * w->stride_height - w->pad_height;
            const int32_t end_x = y >= 0 && y <= last_y ? last_x : -1;
            for (int32_t ox = 0; ox < w->output_width; ox++) {
                const int32_t x = ox * w->stride_width - w->pad_width;
                if (x >= 0 && x <= end_x) {
                    find_taps_inside(p, input, y, x, taps + waiting * table);
                } else {
                    find_taps(p, input, padding, y, x, taps + waiting * table);
                }
                if (++waiting == PIXELS) {
                    pixels(p, taps, tap_count, waiting, output);
                    output += PIXELS * p->channels;
                    waiting = 0;
                }
            }
        }
        input += w->input_height * w->input_width * p->channels;
    }
    if (waiting > 0) {
        memcpy(taps + table, taps, table);
        pixels(p, taps, tap_count, waiting, output);
    }
}

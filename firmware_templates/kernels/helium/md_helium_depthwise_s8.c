/* Implementation of md_helium_depthwise_s8.h: a pixel's taps are resolved to pointers once (padding
 * points to a pixel of zero points), then 16 channels at a time walk them. */
#include "md_helium_depthwise_s8.h"

#include "md_requantize.h"

#include <string.h>

#define LANES 16
#define QUAD_BYTES 36

_Static_assert(sizeof(const int8_t *) <= MD_HELIUM_DEPTHWISE_TAP_BYTES,
               "a tap must hold a pointer");

#if defined(__ARM_FEATURE_MVE)

#include "md_helium.h"

/* Adds the products of pairs of taps, first in int16, then in int32, and of the tap that is left
 * over. Helium multiplies and adds lane by lane only with a scalar. All eight vectors are in use:
 * the weights are loaded twice because there is none to keep them in. Gives where the multipliers
 * are. */
static inline const int8_t *sum_taps(const int8_t *w, const int8_t *taps, uint32_t tap_count,
                                     int32_t channel, int32_t left, int32x4_t sums[4]) {
    int8x16_t x0;
    int8x16_t x1;
    int16x8_t t0;
    int16x8_t t1;
    const int8_t *a;
    const int8_t *b;
    __asm__("vctp.8 %[left]\n\t"
            "wls lr, %[pairs], 2f\n"
            "1:\n\t"
            "ldrd %[a], %[b], [%[taps]], #8\n\t"
            "add %[a], %[channel]\n\t"
            "add %[b], %[channel]\n\t"
            "vpstt\n\t"
            "vldrbt.8 %q[x0], [%[a]]\n\t"
            "vldrbt.8 %q[x1], [%[b]]\n\t"
            "vldrb.8 %q[t0], [%[w]], #16\n\t"
            "vmullb.s8 %q[t0], %q[x0], %q[t0]\n\t"
            "vldrb.8 %q[t1], [%[w]], #16\n\t"
            "vmullb.s8 %q[t1], %q[x1], %q[t1]\n\t"
            "vadd.i16 %q[t0], %q[t0], %q[t1]\n\t"
            "vmovlb.s16 %q[t1], %q[t0]\n\t"
            "vadd.i32 %q[s0], %q[s0], %q[t1]\n\t"
            "vmovlt.s16 %q[t1], %q[t0]\n\t"
            "vldrb.8 %q[t0], [%[w], #-32]\n\t"
            "vadd.i32 %q[s1], %q[s1], %q[t1]\n\t"
            "vmullt.s8 %q[t0], %q[x0], %q[t0]\n\t"
            "vldrb.8 %q[t1], [%[w], #-16]\n\t"
            "vmullt.s8 %q[t1], %q[x1], %q[t1]\n\t"
            "vadd.i16 %q[t0], %q[t0], %q[t1]\n\t"
            "vmovlb.s16 %q[t1], %q[t0]\n\t"
            "vadd.i32 %q[s2], %q[s2], %q[t1]\n\t"
            "vmovlt.s16 %q[t1], %q[t0]\n\t"
            "vadd.i32 %q[s3], %q[s3], %q[t1]\n\t"
            "le lr, 1b\n"
            "2:\n\t"
            "cmp %[odd], #0\n\t"
            "beq 3f\n\t"
            "ldr %[a], [%[taps]]\n\t"
            "add %[a], %[channel]\n\t"
            "vpst\n\t"
            "vldrbt.8 %q[x0], [%[a]]\n\t"
            "vldrb.8 %q[x1], [%[w]], #16\n\t"
            "vmullb.s8 %q[t0], %q[x0], %q[x1]\n\t"
            "vmullt.s8 %q[x1], %q[x0], %q[x1]\n\t"
            "vmovlb.s16 %q[t1], %q[t0]\n\t"
            "vmovlt.s16 %q[t0], %q[t0]\n\t"
            "vadd.i32 %q[s0], %q[s0], %q[t1]\n\t"
            "vmovlb.s16 %q[t1], %q[x1]\n\t"
            "vadd.i32 %q[s1], %q[s1], %q[t0]\n\t"
            "vmovlt.s16 %q[x1], %q[x1]\n\t"
            "vadd.i32 %q[s2], %q[s2], %q[t1]\n\t"
            "vadd.i32 %q[s3], %q[s3], %q[x1]\n"
            "3:\n\t"
            : [w] "+r"(w), [taps] "+r"(taps), [a] "=&r"(a), [b] "=&r"(b), [s0] "+w"(sums[0]),
              [s1] "+w"(sums[1]), [s2] "+w"(sums[2]), [s3] "+w"(sums[3]), [x0] "=&w"(x0),
              [x1] "=&w"(x1), [t0] "=&w"(t0), [t1] "=&w"(t1)
            : [pairs] "r"(tap_count / 2), [odd] "r"(tap_count % 2), [channel] "r"(channel),
              [left] "r"(left)
            : "lr", "cc", "memory");
    return w;
}

/* Stores the first `count` of 16 bytes, or all of them if `count` is larger. */
static inline void store(int8_t *y, int8x16_t values, int32_t count) {
    __asm__ volatile("vctp.8 %[count]\n\t"
                     "vpst\n\t"
                     "vstrbt.8 %q[values], [%[y]]\n\t"
                     :
                     : [count] "r"(count), [y] "r"(y), [values] "w"(values)
                     : "memory");
}

/* Four sums, with their bias, multipliers and shifts. */
static inline int32x4_t scaled(int32x4_t sum, const int8_t *constants) {
    const int32_t *const words = (const int32_t *)(const void *)constants;
    const int32x4_t whole = vaddq_s32(sum, vldrwq_s32(words));
    return md_helium_scale_right(whole, vldrwq_s32(words + 4), vldrbq_s32(constants + 32));
}

static void pixel(const md_helium_depthwise_s8_t *p, const int8_t *taps, uint32_t tap_count,
                  int8_t *output) {
    const int8_t *w = p->blocks;
    for (int32_t c = 0; c < p->channels; c += LANES) {
        const int32x4_t zero = vdupq_n_s32(0);
        int32x4_t sums[4] = {zero, zero, zero, zero};
        w = sum_taps(w, taps, tap_count, c, p->channels - c, sums);
        const int16x8_t even = vqmovntq_s32(vqmovnbq_s32(vuninitializedq_s16(), scaled(sums[0], w)),
                                            scaled(sums[1], w + 1 * QUAD_BYTES));
        const int16x8_t odd =
            vqmovntq_s32(vqmovnbq_s32(vuninitializedq_s16(), scaled(sums[2], w + 2 * QUAD_BYTES)),
                         scaled(sums[3], w + 3 * QUAD_BYTES));
        const int16_t zero_point = (int16_t)p->output_zero_point;
        const int8x16_t all =
            vqmovntq_s16(vqmovnbq_s16(vuninitializedq_s8(), vqaddq_n_s16(even, zero_point)),
                         vqaddq_n_s16(odd, zero_point));
        const int8x16_t low = vdupq_n_s8((int8_t)p->activation_min);
        const int8x16_t high = vdupq_n_s8((int8_t)p->activation_max);
        store(output + c, vminq_s8(vmaxq_s8(all, low), high), p->channels - c);
        w += 4 * QUAD_BYTES;
    }
}

#else

/* Where a channel of a block is in the order of the quads. */
static const uint8_t place[LANES] = {0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, 3, 11, 7, 15};

static void pixel(const md_helium_depthwise_s8_t *p, const int8_t *taps, uint32_t tap_count,
                  int8_t *output) {
    for (int32_t c = 0; c < p->channels; c++) {
        const uint32_t lane = (uint32_t)c % LANES;
        const int8_t *const weights =
            p->blocks + (uint32_t)c / LANES * (4 * QUAD_BYTES + LANES * tap_count);
        const int8_t *const quad = weights + LANES * tap_count + place[lane] / 4 * QUAD_BYTES;
        const uint32_t i = place[lane] % 4;
        int32_t sum;
        int32_t multiplier;
        memcpy(&sum, quad + 4 * i, sizeof sum);
        memcpy(&multiplier, quad + 16 + 4 * i, sizeof multiplier);
        for (uint32_t t = 0; t < tap_count; t++) {
            const int8_t *tap;
            memcpy(&tap, taps + sizeof tap * t, sizeof tap);
            sum += tap[c] * weights[LANES * t + lane];
        }
        output[c] = md_requantize_s8(sum, multiplier, quad[32 + i], p->output_zero_point,
                                     p->activation_min, p->activation_max);
    }
}

#endif

/* Points each tap of the window at input position (y, x) to its pixel. The taps are pointers in
 * memory that the arena declares as int8_t, so they are copied in and out. */
static void find_taps(const md_helium_depthwise_s8_t *p, const int8_t *input, const int8_t *padding,
                      int32_t y, int32_t x, int8_t *taps) {
    /* Copies, because the compiler must assume that storing a tap changes what p points to. */
    const md_window_t w = p->window;
    const int32_t channels = p->channels;
    for (int32_t i = 0; i < w.filter_height; i++, y += w.dilation_height) {
        const int8_t *const line = input + y * w.input_width * channels;
        const uint32_t width = (uint32_t)y < (uint32_t)w.input_height ? (uint32_t)w.input_width : 0;
        int32_t column = x;
        for (int32_t j = 0; j < w.filter_width; j++, column += w.dilation_width) {
            const int8_t *pixel = (uint32_t)column < width ? line + column * channels : padding;
            memcpy(taps, &pixel, sizeof pixel);
            taps += sizeof pixel;
        }
    }
}

/* Moves taps none of which is padding before or after. */
static void move_taps(int8_t *taps, uint32_t tap_count, int32_t step) {
    for (uint32_t t = 0; t < tap_count; t++) {
        const int8_t *pixel;
        memcpy(&pixel, taps, sizeof pixel);
        pixel += step;
        memcpy(taps, &pixel, sizeof pixel);
        taps += sizeof pixel;
    }
}

void md_helium_depthwise_s8(const md_helium_depthwise_s8_t *p, const int8_t *input, int8_t *output,
                            void *scratch) {
    const md_window_t *w = &p->window;
    const uint32_t tap_count = (uint32_t)(w->filter_height * w->filter_width);
    const int32_t last_y = w->input_height - 1 - (w->filter_height - 1) * w->dilation_height;
    const int32_t last_x = w->input_width - 1 - (w->filter_width - 1) * w->dilation_width;
    int8_t *const taps = scratch;
    int8_t *const padding = taps + MD_HELIUM_DEPTHWISE_TAP_BYTES * tap_count;
    memset(padding, p->input_zero_point, p->padding_bytes);
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            const int32_t y = oy * w->stride_height - w->pad_height;
            const int32_t end_x = y >= 0 && y <= last_y ? last_x : -1;
            for (int32_t ox = 0; ox < w->output_width; ox++) {
                const int32_t x = ox * w->stride_width - w->pad_width;
                if (ox > 0 && x >= w->stride_width && x <= end_x) {
                    move_taps(taps, tap_count, w->stride_width * p->channels);
                } else {
                    find_taps(p, input, padding, y, x, taps);
                }
                pixel(p, taps, tap_count, output);
                output += p->channels;
            }
        }
        input += w->input_height * w->input_width * p->channels;
    }
}

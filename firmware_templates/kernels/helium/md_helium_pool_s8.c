/* Implementation of md_helium_pool_s8.h: 16 channels at a time. */
#include "md_helium_pool_s8.h"

#if defined(__ARM_FEATURE_MVE)

#include "md_requantize.h"

#include <arm_mve.h>

#define LANES 16
/* As many int8 as can be added in int16. */
#define MOST_ADDED 256

/* The part of a window that is inside of the input: `lines` times `pixels`. */
typedef struct {
    const int8_t *first;
    int32_t lines;
    int32_t pixels;
    int32_t line_step; /* bytes */
    int32_t pixel_step;
} part_t;

/* Adds `pixels` pixels to the sums of even and odd channels; those beyond `channels` are 0. */
static inline void add_pixels(const int8_t *x, const part_t *part, int32_t pixels, int32_t channels,
                              int32x4_t sums[4]) {
    int16x8_t even = vdupq_n_s16(0);
    int16x8_t odd = vdupq_n_s16(0);
    int16x8_t a;
    int16x8_t b;
    __asm__("vctp.8 %[channels]\n\t"
            "dls lr, %[pixels]\n"
            "1:\n\t"
            "vpst\n\t"
            "vldrbt.8 %q[a], [%[x]]\n\t"
            "add %[x], %[step]\n\t"
            "vmovlb.s8 %q[b], %q[a]\n\t"
            "vmovlt.s8 %q[a], %q[a]\n\t"
            "vadd.i16 %q[even], %q[even], %q[b]\n\t"
            "vadd.i16 %q[odd], %q[odd], %q[a]\n\t"
            "le lr, 1b\n\t"
            : [x] "+r"(x), [even] "+w"(even), [odd] "+w"(odd), [a] "=&w"(a), [b] "=&w"(b)
            : [channels] "r"(channels), [pixels] "r"(pixels), [step] "r"(part->pixel_step)
            : "lr", "cc", "memory");
    sums[0] = vaddq_s32(sums[0], vmovlbq_s16(even));
    sums[1] = vaddq_s32(sums[1], vmovltq_s16(even));
    sums[2] = vaddq_s32(sums[2], vmovlbq_s16(odd));
    sums[3] = vaddq_s32(sums[3], vmovltq_s16(odd));
}

/* |sum| / count, halves rounded up, with the sum's sign, by a product with a reciprocal that is rounded
 * up: the error of its last bit does not show in sums of MD_HELIUM_POOL_POSITIONS int8. That of 1 has no
 * place in 32 bits without the doubling. */
static inline int32x4_t divided(int32x4_t sum, int32_t count) {
    const int32_t doubling = count == 1;
    const uint32_t reciprocal = (0xFFFFFFFFu >> doubling) / (uint32_t)count + 1;
    const int32x4_t dividend = vshlq_r_s32(vaddq_n_s32(vabsq_s32(sum), count / 2), doubling);
    const int32x4_t quotient =
        vreinterpretq_s32_u32(vmulhq_u32(vreinterpretq_u32_s32(dividend), vdupq_n_u32(reciprocal)));
    const int32x4_t sign = vshrq_n_s32(sum, 31);
    return vsubq_s32(veorq_s32(quotient, sign), sign);
}

static inline void average(const part_t *part, int32_t channels, int8x16_t low, int8x16_t high,
                           int8_t *output) {
    const int32_t count = part->lines * part->pixels;
    const int8_t *line = part->first;
    int32x4_t sums[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
    for (int32_t i = 0; i < part->lines; i++, line += part->line_step) {
        const int8_t *x = line;
        for (int32_t left = part->pixels; left > 0; left -= MOST_ADDED) {
            const int32_t pixels = left < MOST_ADDED ? left : MOST_ADDED;
            add_pixels(x, part, pixels, channels, sums);
            x += pixels * part->pixel_step;
        }
    }
    for (int32_t i = 0; i < 4; i++) {
        sums[i] = divided(sums[i], count);
    }
    const int16x8_t even = vmovntq_s32(vmovnbq_s32(vuninitializedq_s16(), sums[0]), sums[1]);
    const int16x8_t odd = vmovntq_s32(vmovnbq_s32(vuninitializedq_s16(), sums[2]), sums[3]);
    const int8x16_t all = vmovntq_s16(vmovnbq_s16(vuninitializedq_s8(), even), odd);
    vstrbq_p_s8(output, vminq_s8(vmaxq_s8(all, low), high), vctp8q((uint32_t)channels));
}

static inline void maximum(const part_t *part, int32_t channels, int8x16_t low, int8x16_t high,
                           int8_t *output) {
    const int8_t *line = part->first;
    int8x16_t largest = low;
    for (int32_t i = 0; i < part->lines; i++, line += part->line_step) {
        const int8_t *x = line;
        int8x16_t values;
        __asm__("vctp.8 %[channels]\n\t"
                "dls lr, %[pixels]\n"
                "1:\n\t"
                "vpst\n\t"
                "vldrbt.8 %q[values], [%[x]]\n\t"
                "add %[x], %[step]\n\t"
                "vmax.s8 %q[largest], %q[largest], %q[values]\n\t"
                "le lr, 1b\n\t"
                : [x] "+r"(x), [largest] "+w"(largest), [values] "=&w"(values)
                : [channels] "r"(channels), [pixels] "r"(part->pixels), [step] "r"(part->pixel_step)
                : "lr", "cc", "memory");
    }
    vstrbq_p_s8(output, vminq_s8(largest, high), vctp8q((uint32_t)channels));
}

/* Slides the window, limited to what is inside of the input, over every output pixel. */
static inline void pool(const md_pool_s8_t *p, const int8_t *input, int8_t *output,
                        void (*reduce)(const part_t *part, int32_t channels, int8x16_t low,
                                       int8x16_t high, int8_t *output)) {
    const md_window_t *const w = &p->window;
    const int8x16_t low = vdupq_n_s8((int8_t)p->activation_min);
    const int8x16_t high = vdupq_n_s8((int8_t)p->activation_max);
    const int32_t line_step = w->input_width * p->channels;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t oy = 0; oy < w->output_height; oy++) {
            const int32_t y = oy * w->stride_height - w->pad_height;
            const int32_t top = y < 0 ? 0 : y;
            const int32_t bottom = md_clamp(y + w->filter_height, top, w->input_height);
            for (int32_t ox = 0; ox < w->output_width; ox++) {
                const int32_t x = ox * w->stride_width - w->pad_width;
                const int32_t left = x < 0 ? 0 : x;
                const int32_t right = md_clamp(x + w->filter_width, left, w->input_width);
                part_t part = {input + top * line_step + left * p->channels, bottom - top,
                               right - left, line_step, p->channels};
                if (part.pixels == w->input_width) {
                    /* Whole lines, which lie one behind the other. */
                    part.pixels *= part.lines;
                    part.lines = 1;
                }
                for (int32_t c = 0; c < p->channels; c += LANES, part.first += LANES) {
                    reduce(&part, p->channels - c, low, high, output + c);
                }
                output += p->channels;
            }
        }
        input += w->input_height * line_step;
    }
}

void md_helium_average_pool_s8(const md_pool_s8_t *p, const int8_t *input, int8_t *output) {
    pool(p, input, output, average);
}

void md_helium_max_pool_s8(const md_pool_s8_t *p, const int8_t *input, int8_t *output) {
    pool(p, input, output, maximum);
}

#else

void md_helium_average_pool_s8(const md_pool_s8_t *p, const int8_t *input, int8_t *output) {
    md_average_pool_s8(p, input, output);
}

void md_helium_max_pool_s8(const md_pool_s8_t *p, const int8_t *input, int8_t *output) {
    md_max_pool_s8(p, input, output);
}

#endif

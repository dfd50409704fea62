/* md_dsp.h: what the kernels for cores with the DSP extension (Cortex-M4, M7, M33) compute in one
 * instruction. Other cores compute the same in plain C.
 *
 * A pair is two int16 in a word, the first one in the low half. */
#ifndef MD_DSP_H
#define MD_DSP_H

#include "md_requantize.h"

#include <stdint.h>
#include <string.h>

/* Whether the instructions are there. The fallback is for compilers without them and for the build
 * for the computer. */
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
#define MD_DSP 1
#else
#define MD_DSP 0
#endif

/* Of a function that is all assembly, in registers that the compiler may not count on. GCC would look
 * into it for those that it changes. */
#if defined(__clang__)
#define MD_DSP_NAKED __attribute__((naked, noinline))
#else
#define MD_DSP_NAKED __attribute__((naked, noinline, noipa))
#endif

/* Four int8 from any address: these cores load words from odd addresses. */
static inline uint32_t md_dsp_load(const int8_t *from) {
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

static inline int32_t md_dsp_low(uint32_t pair) {
    return (int16_t)(pair & 0xFFFFu);
}

static inline int32_t md_dsp_high(uint32_t pair) {
    return (int16_t)(pair >> 16);
}

/* Bytes 0 and 2 as a pair. */
static inline uint32_t md_dsp_even(uint32_t word) {
#if MD_DSP
    uint32_t pair;
    __asm__("sxtb16 %0, %1" : "=r"(pair) : "r"(word));
    return pair;
#else
    const uint32_t low = (uint32_t)(int32_t)(int8_t)(word & 0xFFu);
    const uint32_t high = (uint32_t)(int32_t)(int8_t)((word >> 16) & 0xFFu);
    return (low & 0xFFFFu) | (high << 16);
#endif
}

/* Bytes 1 and 3 as a pair. */
static inline uint32_t md_dsp_odd(uint32_t word) {
#if MD_DSP
    uint32_t pair;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
#else
    return md_dsp_even(word >> 8);
#endif
}

/* acc * multiplier / 2^31 with multiplier = doubled / 2, halves rounded up: what
 * md_rounding_doubling_high_mul computes. As a signed factor, `doubled` is 2^32 too small, since it
 * is never below 2^31: acc makes up for that. */
static inline int32_t md_dsp_high_mul(int32_t acc, uint32_t doubled) {
#if MD_DSP
    int32_t scaled;
    __asm__("smmlar %0, %1, %2, %1" : "=r"(scaled) : "r"(acc), "r"(doubled));
    return scaled;
#else
    return (int32_t)(((int64_t)acc * doubled + ((int64_t)1 << 31)) >> 32);
#endif
}

/* x limited to the range of int8. */
static inline int32_t md_dsp_saturate(int32_t x) {
#if MD_DSP
    int32_t limited;
    __asm__("ssat %0, #8, %1" : "=r"(limited) : "r"(x));
    return limited;
#else
    return x < INT8_MIN ? INT8_MIN : (x > INT8_MAX ? INT8_MAX : x);
#endif
}

/* What md_dsp_requantize is told of the output's zero point. */
static inline int32_t md_dsp_code(int32_t zero_point) {
    return 2 * zero_point + 1;
}

/* From an accumulator to an output value, not limited yet, for the channels that `direct` in a
 * kernel's struct promises: `shift` is the shift to the right less 1, 0 to 30. A negative value loses
 * one as in md_rounding_divide_by_pot; half of what is shifted out and the zero point are added
 * before the shift. */
static inline int32_t md_dsp_requantize(int32_t acc, uint32_t doubled, int32_t code,
                                        int32_t shift) {
    const int32_t x = md_dsp_high_mul(acc, doubled);
    return (x + (x >> 31) + (int32_t)((uint32_t)code << shift)) >> shift >> 1;
}

/* The same in assembly, after its multiplication, and limited to int8; `offset` is the register
 * with code << shift. */
#define MD_DSP_ROUND(sum, offset, shift)                                                           \
    "add " sum ", " sum ", " sum ", asr #31\n\t"                                                   \
    "add " sum ", " offset "\n\t"                                                                  \
    "asr " sum ", " shift "\n\t"                                                                   \
    "ssat " sum ", #8, " sum ", asr #1\n\t"

/* Limits what MD_DSP_ROUND has limited to int8 only. */
static inline void md_dsp_limit(int8_t *y, uint32_t count, int32_t low, int32_t high) {
    if (low > INT8_MIN || high < INT8_MAX) {
        for (uint32_t i = 0; i < count; i++) {
            y[i] = (int8_t)md_clamp(y[i], low, high);
        }
    }
}

/* The whole way to an output value, whatever `direct` says: if it is 0, `shift` is as in
 * md_requantize.h. */
static inline int8_t md_dsp_finish(int32_t acc, uint32_t doubled, int32_t shift, int32_t direct,
                                   int32_t zero_point, int32_t low, int32_t high) {
    if (direct) {
        const int32_t value = md_dsp_requantize(acc, doubled, md_dsp_code(zero_point), shift);
        return (int8_t)md_clamp(value, low, high);
    }
    return md_requantize_s8(acc, (int32_t)(doubled >> 1), shift, zero_point, low, high);
}

#endif

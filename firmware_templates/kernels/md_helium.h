/* md_helium.h: requantisation of four lanes, as md_requantize.h does it. */
#ifndef MD_HELIUM_H
#define MD_HELIUM_H

#if defined(__ARM_FEATURE_MVE)

#include <arm_mve.h>

/* Four accumulators by their multipliers where every shift is below 0. */
static inline int32x4_t md_helium_scale_right(int32x4_t acc, int32x4_t multiplier,
                                              int32x4_t shift) {
    const int32x4_t scaled = vqrdmulhq_s32(acc, multiplier);
    return vrshlq_s32(vaddq_s32(scaled, vshrq_n_s32(scaled, 31)), shift);
}

/* The same with any shifts. */
static inline int32x4_t md_helium_scale(int32x4_t acc, int32x4_t multiplier, int32x4_t shift) {
    const int32x4_t zero = vdupq_n_s32(0);
    const int32x4_t right = vminq_s32(shift, zero);
    const int32x4_t scaled = vqrdmulhq_s32(vshlq_s32(acc, vmaxq_s32(shift, zero)), multiplier);
    /* A negative value loses one only where it is shifted right. */
    return vrshlq_s32(vaddq_s32(scaled, vshrq_n_s32(vandq_s32(scaled, right), 31)), right);
}

#endif

#endif

/* Implementation of md_linear_sum_s8.h for cores with Helium. */
#include "md_linear_sum_s8.h"

#if defined(__ARM_FEATURE_MVE)

#include "md_helium_broadcast.h"

#include <arm_mve.h>

/* Sums of the elements of int16 in x and y, which are lost, without their fraction.
 *
 * The shift of 16 rounds because the assembler of binutils 2.40 makes vqrshrn of vqshrn; the offset makes
 * up for it. */
#define SUMS(x, y, result)                                                                         \
    "vmovlb.s16 q4, " x "\n\t"                                                                     \
    "vmovlb.s16 q5, " y "\n\t"                                                                     \
    "vmlas.s32 q4, %q[factors], %[offset]\n\t"                                                     \
    "vmovlt.s16 " x ", " x "\n\t"                                                                  \
    "vmla.s32 q4, q5, %[factor]\n\t"                                                               \
    "vmovlt.s16 " y ", " y "\n\t"                                                                  \
    "vmlas.s32 " x ", %q[factors], %[offset]\n\t"                                                  \
    "vqrshrnb.s32 " result ", q4, #16\n\t"                                                         \
    "vmla.s32 " x ", " y ", %[factor]\n\t"                                                         \
    "vqrshrnt.s32 " result ", " x ", #16\n\t"                                                      \
    "vshl.s16 " result ", %[shift]\n\t"

/* In assembly language because GCC 12 stores four vectors on the stack for each 16 elements. */
static void sum_row(const void *parameters, const md_helium_row_t *row) {
    const md_linear_sum_s8_t *const p = parameters;
    const int8_t *x = row->x;
    const int8_t *y = row->y;
    int8_t *output = row->output;
    int32_t count = row->count;
    const int8x16_t limits[2] = {vdupq_n_s8((int8_t)p->activation_min),
                                 vdupq_n_s8((int8_t)p->activation_max)};
    /* clang-format off */
    __asm__ volatile(
        "1:\n\t"
        "vctp.8 %[count]\n\t"
        "vpstt\n\t"
        "vldrbt.8 q0, [%[x]], #16\n\t"
        "vldrbt.8 q1, [%[y]]\n\t"
        "add %[y], %[y_step]\n\t"
        "vmovlb.s8 q2, q0\n\t"
        "vmovlb.s8 q3, q1\n\t"
        SUMS("q2", "q3", "q6")
        "vmovlt.s8 q0, q0\n\t"
        "vmovlt.s8 q1, q1\n\t"
        SUMS("q0", "q1", "q2")
        "vqmovnb.s16 q6, q6\n\t"
        "vqmovnt.s16 q6, q2\n\t"
        "vldrb.8 q0, [%[limits]]\n\t"
        "vldrb.8 q1, [%[limits], #16]\n\t"
        "vmax.s8 q6, q6, q0\n\t"
        "vmin.s8 q6, q6, q1\n\t"
        "vpst\n\t"
        "vstrbt.8 q6, [%[output]], #16\n\t"
        "subs %[count], #16\n\t"
        "bgt 1b\n\t"
        : [x] "+r"(x), [y] "+r"(y), [output] "+r"(output), [count] "+r"(count)
        : [y_step] "r"(row->y_step),
          [factors] "w"(vdupq_n_s32(row->swapped ? p->second_factor : p->first_factor)), [factor] "r"(row->swapped ? p->first_factor : p->second_factor),
          [offset] "r"(p->offset - 0x8000), [shift] "r"(16 - p->fraction), [limits] "r"(limits)
        : "q0", "q1", "q2", "q3", "q4", "q5", "q6", "cc", "memory");
    /* clang-format on */
}

void md_linear_sum_s8(const md_linear_sum_s8_t *p, const int8_t *first, const int8_t *second,
                      int8_t *output) {
    md_helium_broadcast(&p->broadcast, p, first, second, output, sum_row);
}

#else

#include "md_requantize.h"

static inline int32_t linear_sum(const md_linear_sum_s8_t *p, int32_t first, int32_t second) {
    const int32_t sum = first * p->first_factor + second * p->second_factor + p->offset;
    return md_clamp(sum >> p->fraction, p->activation_min, p->activation_max);
}

MD_ELEMENTWISE(md_linear_sum_s8, md_linear_sum_s8_t, int8_t, linear_sum)

#endif

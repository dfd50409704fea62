/* Implementation of md_helium_mul_s8.h. */
#include "md_helium_mul_s8.h"

#if defined(__ARM_FEATURE_MVE)

#include "md_helium_broadcast.h"

#include <arm_mve.h>

/* As md_helium_scale_right. */
#define SCALE(product)                                                                             \
    "vqrdmulh.s32 " product ", " product ", %[multiplier]\n\t"                                     \
    "vshr.s32 q5, " product ", #31\n\t"                                                            \
    "vadd.i32 " product ", " product ", q5\n\t"                                                    \
    "vrshl.s32 " product ", %[shift]\n\t"
/* Products of the elements of int16 in x and y, which are lost. There are too few registers
 * for all constants. */
/* clang-format off */
#define PRODUCTS(x, y, result)                                                                     \
    "vldrh.16 q5, [%[vectors], #64]\n\t"                                                           \
    "vsub.i16 " x ", " x ", q5\n\t"                                                                \
    "vldrh.16 q5, [%[vectors], #32]\n\t"                                                           \
    "vsub.i16 " y ", " y ", q5\n\t"                                                                \
    "vmullb.s16 q4, " x ", " y "\n\t"                                                              \
    "vmullt.s16 " x ", " x ", " y "\n\t"                                                           \
    SCALE("q4")                                                                                    \
    "vqmovnb.s32 " result ", q4\n\t"                                                               \
    SCALE(x)                                                                                       \
    "vqmovnt.s32 " result ", " x "\n\t"                                                            \
    "vqadd.s16 " result ", " result ", q7\n\t"
/* clang-format on */

static void multiply_row(const void *parameters, const md_helium_row_t *row) {
    const md_mul_t *const p = parameters;
    const int8_t *x = row->x;
    const int8_t *y = row->y;
    int8_t *output = row->output;
    int32_t count = row->count;
    int8x16_t vectors[5];
    vectors[0] = vdupq_n_s8((int8_t)p->activation_min);
    vectors[1] = vdupq_n_s8((int8_t)p->activation_max);
    vectors[2] = vreinterpretq_s8_s16(
        vdupq_n_s16((int16_t)(row->swapped ? p->first_zero_point : p->second_zero_point)));
    vectors[3] = vreinterpretq_s8_s16(vdupq_n_s16((int16_t)p->output_zero_point));
    vectors[4] = vreinterpretq_s8_s16(
        vdupq_n_s16((int16_t)(row->swapped ? p->second_zero_point : p->first_zero_point)));
    /* clang-format off */
    __asm__ volatile(
        "vldrh.16 q7, [%[vectors], #48]\n"
        "1:\n\t"
        "vctp.8 %[count]\n\t"
        "vpstt\n\t"
        "vldrbt.8 q0, [%[x]], #16\n\t"
        "vldrbt.8 q1, [%[y]]\n\t"
        "add %[y], %[y_step]\n\t"
        "vmovlb.s8 q2, q0\n\t"
        "vmovlb.s8 q3, q1\n\t"
        PRODUCTS("q2", "q3", "q6")
        "vmovlt.s8 q0, q0\n\t"
        "vmovlt.s8 q1, q1\n\t"
        PRODUCTS("q0", "q1", "q2")
        "vqmovnb.s16 q6, q6\n\t"
        "vqmovnt.s16 q6, q2\n\t"
        "vldrb.8 q0, [%[vectors]]\n\t"
        "vldrb.8 q1, [%[vectors], #16]\n\t"
        "vmax.s8 q6, q6, q0\n\t"
        "vmin.s8 q6, q6, q1\n\t"
        "vpst\n\t"
        "vstrbt.8 q6, [%[output]], #16\n\t"
        "subs %[count], #16\n\t"
        "bgt 1b\n\t"
        : [x] "+r"(x), [y] "+r"(y), [output] "+r"(output), [count] "+r"(count)
        : [y_step] "r"(row->y_step),
          [multiplier] "r"(p->multiplier),
          [shift] "r"(p->shift), [vectors] "r"(vectors)
        : "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory");
    /* clang-format on */
}

void md_helium_mul_s8(const md_mul_t *p, const int8_t *first, const int8_t *second,
                      int8_t *output) {
    md_helium_broadcast(&p->broadcast, p, first, second, output, multiply_row);
}

#else

void md_helium_mul_s8(const md_mul_t *p, const int8_t *first, const int8_t *second,
                      int8_t *output) {
    md_mul_s8(p, first, second, output);
}

#endif

/* Implementation of md_lookup_s8.h for cores with Helium: 16 elements at a time. */
#include "md_lookup_s8.h"

#if defined(__ARM_FEATURE_MVE)

#include <arm_mve.h>

void md_lookup_s8(const md_lookup_s8_t *p, const int8_t *input, int8_t *output) {
    /* Turns an int8 into its place in the table. */
    const uint8x16_t sign = vdupq_n_u8(0x80);
    __asm__ volatile("wlstp.8 lr, %[count], 2f\n"
                     "1:\n\t"
                     "vldrb.8 q0, [%[input]], #16\n\t"
                     "veor q0, q0, %q[sign]\n\t"
                     "vldrb.u8 q1, [%[table], q0]\n\t"
                     "vstrb.8 q1, [%[output]], #16\n\t"
                     "letp lr, 1b\n"
                     "2:\n\t"
                     : [input] "+r"(input), [output] "+r"(output)
                     : [count] "r"(p->count), [table] "r"(p->table), [sign] "w"(sign)
                     : "lr", "q0", "q1", "cc", "memory");
}

#else

void md_lookup_s8(const md_lookup_s8_t *p, const int8_t *input, int8_t *output) {
    const int8_t *table = p->table + 128;
    for (uint32_t i = 0; i < p->count; i++) {
        output[i] = table[input[i]];
    }
}

#endif

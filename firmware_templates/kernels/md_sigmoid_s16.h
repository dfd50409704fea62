/* md_sigmoid_s16.h: LOGISTIC and TANH, int16 to int16 with output scale 2^-15 and zero points 0. */
#ifndef MD_SIGMOID_S16_H
#define MD_SIGMOID_S16_H

#include <stdint.h>

typedef struct {
    const uint16_t *sigmoid; /* [256], see md_sigmoid_q15.h */
    uint32_t count;          /* elements of input and output */
    int32_t multiplier;      /* (x * multiplier + round) >> shift is the input in units of */
    int32_t round;           /* 2^-12 / 3, in 32 bits; 1 <= multiplier <= 32767 */
    int32_t shift;           /* 0 to 31 */
} md_sigmoid_s16_t;

/* output[i] = logistic(input[i]), output[i] = tanh(input[i]). */
void md_logistic_s16(const md_sigmoid_s16_t *p, const int16_t *input, int16_t *output);
void md_tanh_s16(const md_sigmoid_s16_t *p, const int16_t *input, int16_t *output);

#endif

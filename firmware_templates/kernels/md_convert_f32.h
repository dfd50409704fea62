/* md_convert_f32.h: QUANTIZE from float32 and DEQUANTIZE to it, in IEEE single precision. */
#ifndef MD_CONVERT_F32_H
#define MD_CONVERT_F32_H

#include <stdint.h>

typedef struct {
    uint32_t count;     /* elements of input and output */
    float scale;        /* above 0 */
    int32_t zero_point; /* within the integer's type */
} md_convert_f32_t;

/* output[i] = input[i] / scale + zero point, rounded to the nearest, halves away from zero, and
 * limited to the output's type. Not a number gives the zero point. */
void md_quantize_f32_s8(const md_convert_f32_t *p, const float *input, int8_t *output);
void md_quantize_f32_s16(const md_convert_f32_t *p, const float *input, int16_t *output);

/* output[i] = scale * (input[i] - zero point), rounded once. */
void md_dequantize_s8_f32(const md_convert_f32_t *p, const int8_t *input, float *output);
void md_dequantize_s16_f32(const md_convert_f32_t *p, const int16_t *input, float *output);

#endif

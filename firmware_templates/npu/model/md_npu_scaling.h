/* md_npu_scaling.h: accumulators times scales, in the NPU's three ways of rounding. */
#ifndef MD_NPU_SCALING_H
#define MD_NPU_SCALING_H

#include <stdint.h>

typedef enum {
    MD_NPU_ROUND_TFL = 0,      /* twice, as TFLite: at bit 31, then halves away from zero */
    MD_NPU_ROUND_TRUNCATE = 1, /* toward zero */
    MD_NPU_ROUND_NATURAL = 2,  /* to the nearest, halves up */
} md_npu_rounding_t;

typedef struct {
    uint32_t scale;
    uint32_t shift; /* 0 to 63 */
} md_npu_scale_t;

/* value * scale / 2^shift, rounded, and limited to 32 bits. Values beyond the 48 bits that no
 * accumulator exceeds are limited to them first. */
int32_t md_npu_scale(int64_t value, md_npu_scale_t scale, md_npu_rounding_t rounding);

/* value / 2^shift, rounded, and limited to 32 bits. */
int32_t md_npu_shift(int64_t value, uint32_t shift, md_npu_rounding_t rounding);

/* An entry of a scale table: 10 bytes, the bias (40 bits, signed), the scale (32), the shift (6). */
#define MD_NPU_SCALE_ENTRY_BYTES 10u
int64_t md_npu_scale_entry(const uint8_t *entry, md_npu_scale_t *scale);

/* The scale of a pool that averages over `count` elements, 1 to 65536, and names no scale itself. */
md_npu_scale_t md_npu_average_scale(uint32_t count);

#endif

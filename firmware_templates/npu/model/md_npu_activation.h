/* md_npu_activation.h: what follows the scaling: limits, TANH, SIGMOID, look-up tables. */
#ifndef MD_NPU_ACTIVATION_H
#define MD_NPU_ACTIVATION_H

#include "md_npu_feature_map.h"

typedef enum {
    MD_NPU_NO_ACTIVATION,
    MD_NPU_TANH,
    MD_NPU_SIGMOID,
    MD_NPU_TABLE_8,  /* 256 bytes, for 8-bit values */
    MD_NPU_TABLE_16, /* 512 pairs of a value and a slope, 16 bits each, for 16-bit values */
    MD_NPU_TABLE_32, /* 256 words of 32 bits, for 8-bit values */
} md_npu_activation_kind_t;

typedef struct {
    md_npu_activation_kind_t kind;
    int32_t low;
    int32_t high;
    int32_t table_low;    /* the value whose entry is the table's first */
    const uint8_t *table; /* entries for all values from `low` to `high` */
    bool is_signed;       /* entries of 8 bits */
} md_npu_activation_t;

/* The activation that the settings ask for before a feature map. Returns false after a fault. */
bool md_npu_activation_open(md_npu_model_t *npu, const md_npu_feature_map_t *ofm,
                            md_npu_activation_t *activation);

/* An element as it is stored, from a scaled value with the zero point added. */
int32_t md_npu_activate(const md_npu_activation_t *activation, int64_t value);

#endif

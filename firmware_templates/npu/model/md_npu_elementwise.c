/* md_npu_elementwise.c: NPU_OP_ELEMENTWISE, of one feature map or two, or one and a scalar. */
#include <string.h>

#include "md_npu_internal.h"
#include "md_npu_output.h"

enum {
    ELEMENTWISE_MUL = 0,
    ELEMENTWISE_ADD = 1,
    ELEMENTWISE_SUB = 2,
    ELEMENTWISE_MIN = 3,
    ELEMENTWISE_MAX = 4,
    ELEMENTWISE_LRELU = 5,
    ELEMENTWISE_ABS = 6,
    ELEMENTWISE_CLZ = 7,
    ELEMENTWISE_SHR = 8,
    ELEMENTWISE_SHL = 9,
};

/* Bits of IFM2_BROADCAST. */
#define BROADCAST_HEIGHT (1u << 0)
#define BROADCAST_WIDTH (1u << 1)
#define BROADCAST_DEPTH (1u << 2)
#define REVERSE_OPERANDS (1u << 6)
#define SCALAR_OPERAND (1u << 7)

/* Fields of IFM_PRECISION. */
#define OPERAND_SCALE_SHIFT 8
#define OPERAND_ROUNDING_SHIFT 14

/* How the operands of ADD and SUB are brought to one scale. */
typedef enum {
    SCALE_BOTH, /* each times 16 bits of OPA_SCALE or OPB_SCALE */
    SCALE_A,    /* the first times OPA_SCALE, the other shifted by a fixed number of bits */
    SCALE_B,    /* the second times OPA_SCALE, the first shifted */
} operand_scaling_t;

typedef struct {
    uint32_t mode;
    uint32_t broadcast;
    bool has_ifm2;
    bool has_scalar;
    int32_t scalar; /* less the zero point */
    md_npu_feature_map_t ifm;
    md_npu_feature_map_t ifm2;
    operand_scaling_t scaling;
    md_npu_rounding_t rounding; /* of the scaled operand */
    md_npu_scale_t scale_a;
    int32_t scale_b;
    uint32_t input_shift;
    md_npu_output_t output;
} elementwise_t;

static bool is_unary(uint32_t mode) {
    return mode == ELEMENTWISE_LRELU || mode == ELEMENTWISE_ABS || mode == ELEMENTWISE_CLZ;
}

static int32_t leading_zeros(int32_t value) {
    uint32_t bits = (uint32_t)value;
    int32_t count = 0;
    while (count < 32 && !(bits >> 31)) {
        bits <<= 1;
        count++;
    }
    return count;
}

/* One operand times OPA_SCALE. As in TFLite, it is first shifted left, so that rounding twice rounds at
 * the same bits as there. */
static int64_t scale_operand(const elementwise_t *op, int64_t value) {
    const md_npu_scale_t scale = {op->scale_a.scale, op->scale_a.shift + op->input_shift};
    if (scale.shift > 63) {
        return 0; /* less than a half in any case */
    }
    return md_npu_scale(value * ((int64_t)1 << op->input_shift), scale, op->rounding);
}

/* ADD's and SUB's operands in their common scale. */
static void scale_operands(const elementwise_t *op, int64_t *a, int64_t *b) {
    /* The other operand's scale is one half. */
    const int64_t half = (int64_t)1 << (op->input_shift - 1);
    switch (op->scaling) {
    case SCALE_BOTH:
        *a *= (int32_t)op->scale_a.scale;
        *b *= op->scale_b;
        break;
    case SCALE_A:
        *a = scale_operand(op, *a);
        *b *= half;
        break;
    case SCALE_B:
        *b = scale_operand(op, *b);
        *a *= half;
        break;
    }
}

static int64_t shift_right(int64_t value, int64_t shift, md_npu_rounding_t rounding) {
    return md_npu_shift(value, (uint32_t)(shift < 0 ? 0 : shift > 63 ? 63 : shift), rounding);
}

static int64_t shift_left(int64_t value, int64_t shift) {
    if (shift < 0 || shift > 31) {
        return 0;
    }
    return (int32_t)((uint32_t)value << shift);
}

/* The accumulator of one element, from operands less their zero points. */
static int64_t combine(const elementwise_t *op, int64_t a, int64_t b) {
    switch (op->mode) {
    case ELEMENTWISE_MUL:
        return op->ifm.bytes == 4 ? md_npu_shift(a * b, op->output.scale.shift, op->output.rounding)
                                  : a * b;
    case ELEMENTWISE_ADD:
        scale_operands(op, &a, &b);
        return a + b;
    case ELEMENTWISE_SUB:
        scale_operands(op, &a, &b);
        return a - b;
    case ELEMENTWISE_MIN:
        return a < b ? a : b;
    case ELEMENTWISE_MAX:
        return a > b ? a : b;
    case ELEMENTWISE_ABS:
        return a < 0 ? -a : a;
    case ELEMENTWISE_CLZ:
        return leading_zeros((int32_t)a);
    case ELEMENTWISE_SHR:
        return shift_right(a, b, op->output.rounding);
    case ELEMENTWISE_SHL:
        return shift_left(a, b);
    default:
        return a;
    }
}

static void read_second(const elementwise_t *op, uint32_t y, uint32_t x, uint32_t first,
                        uint32_t count, int32_t *values) {
    if (op->has_ifm2) {
        const uint32_t row = op->broadcast & BROADCAST_HEIGHT ? 0 : y;
        const uint32_t column = op->broadcast & BROADCAST_WIDTH ? 0 : x;
        const bool is_broad = op->broadcast & BROADCAST_DEPTH;
        md_npu_feature_map_read32(&op->ifm2, row, column, is_broad ? 0 : first,
                                  is_broad ? 1 : count, values);
        for (uint32_t i = 1; is_broad && i < count; i++) {
            values[i] = values[0];
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        values[i] = op->scalar;
    }
}

static void compute_group(elementwise_t *op, uint32_t y, uint32_t x, uint32_t first,
                          uint32_t count) {
    int32_t one[MD_NPU_GROUP];
    int32_t two[MD_NPU_GROUP];
    int64_t accumulators[MD_NPU_GROUP];
    md_npu_feature_map_read32(&op->ifm, y, x, first, count, one);
    read_second(op, y, x, first, count, two);
    const bool is_reversed = op->broadcast & REVERSE_OPERANDS;
    for (uint32_t i = 0; i < count; i++) {
        accumulators[i] = is_reversed ? combine(op, two[i], one[i]) : combine(op, one[i], two[i]);
        if (op->mode == ELEMENTWISE_LRELU && accumulators[i] < 0) {
            accumulators[i] = md_npu_scale(accumulators[i], op->output.scale, op->output.rounding);
        }
    }
    md_npu_output_store(&op->output, y, x, first, count, accumulators);
}

static bool open_second(md_npu_model_t *npu, elementwise_t *op) {
    const md_npu_feature_map_t *ofm = &op->output.ofm;
    if (is_unary(op->mode)) {
        op->broadcast = 0;
        return true;
    }
    op->broadcast = md_npu_setting(npu, MD_NPU_SET_IFM2_BROADCAST);
    op->has_scalar = op->broadcast & SCALAR_OPERAND;
    op->has_ifm2 = !op->has_scalar;
    if (op->has_ifm2) {
        return md_npu_feature_map_open(npu, MD_NPU_IFM2,
                                       op->broadcast & BROADCAST_HEIGHT ? 1 : ofm->height,
                                       op->broadcast & BROADCAST_WIDTH ? 1 : ofm->width,
                                       op->broadcast & BROADCAST_DEPTH ? 1 : ofm->depth, &op->ifm2);
    }
    if (!md_npu_feature_map_type(npu, MD_NPU_IFM2, &op->ifm2)) {
        return false;
    }
    const uint32_t scalar = md_npu_setting(npu, MD_NPU_SET_IFM2_SCALAR);
    op->scalar = (op->ifm2.is_signed ? (int16_t)scalar : (int32_t)scalar) - op->ifm2.zero_point;
    return true;
}

static bool open_operand_scaling(md_npu_model_t *npu, elementwise_t *op) {
    const uint32_t precision = md_npu_setting(npu, MD_NPU_SET_IFM_PRECISION);
    const uint32_t scaling = precision >> OPERAND_SCALE_SHIFT & 3u;
    if (op->mode != ELEMENTWISE_ADD && op->mode != ELEMENTWISE_SUB) {
        return true;
    }
    const uint32_t rounding = precision >> OPERAND_ROUNDING_SHIFT & 3u;
    if (scaling > SCALE_B || rounding > MD_NPU_ROUND_NATURAL ||
        (scaling != SCALE_BOTH && op->ifm.bytes == 4)) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_IFM_PRECISION, precision);
    }
    op->scaling = scaling;
    op->rounding = rounding;
    op->scale_a.scale = md_npu_payload(npu, MD_NPU_SET_OPA_SCALE);
    op->scale_a.shift = md_npu_parameter(npu, MD_NPU_SET_OPA_SCALE) & 63u;
    op->scale_b = (int32_t)(md_npu_payload(npu, MD_NPU_SET_OPB_SCALE) & 0xFFFFu);
    if (scaling == SCALE_BOTH) {
        op->scale_a.scale &= 0xFFFFu;
    }
    op->input_shift = op->ifm.bytes == 1 ? 20 : 15;
    return true;
}

/* MUL, ADD, SUB and ABS scale their results; LRELU what is negative; the others nothing. Of the scale of
 * a product of 32 bits by 32 only the shift counts: Vela writes scales of 1 and 2^30 with the same
 * shift for the same product (in SQUARED_DIFFERENCE and SOFTMAX). */
static md_npu_scaling_kind_t output_scaling(md_npu_model_t *npu, uint32_t mode) {
    const uint32_t ifm_width = md_npu_setting(npu, MD_NPU_SET_IFM_PRECISION) >> 2 & 3u;
    switch (mode) {
    case ELEMENTWISE_MUL:
        return ifm_width == 2 ? MD_NPU_SCALE_NONE : MD_NPU_SCALE_GLOBAL;
    case ELEMENTWISE_ADD:
    case ELEMENTWISE_SUB:
    case ELEMENTWISE_ABS:
        return MD_NPU_SCALE_GLOBAL;
    default:
        return MD_NPU_SCALE_NONE;
    }
}

bool md_npu_elementwise(md_npu_model_t *npu, uint32_t mode) {
    elementwise_t op = {.mode = mode};
    if (mode > ELEMENTWISE_SHL) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_OP_ELEMENTWISE, mode);
    }
    const uint32_t upscale = md_npu_setting(npu, MD_NPU_SET_IFM_UPSCALE);
    if (upscale != 0) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_IFM_UPSCALE, upscale);
    }
    if (!md_npu_output_open(npu, output_scaling(npu, mode), &op.output)) {
        return false;
    }
    const md_npu_feature_map_t *ofm = &op.output.ofm;
    if (!md_npu_feature_map_open(npu, MD_NPU_IFM, ofm->height, ofm->width, ofm->depth, &op.ifm) ||
        !open_second(npu, &op) || !open_operand_scaling(npu, &op) ||
        !md_npu_spend(npu, md_npu_feature_map_elements(ofm))) {
        return false;
    }
    for (uint32_t y = 0; y < ofm->height; y++) {
        for (uint32_t x = 0; x < ofm->width; x++) {
            for (uint32_t first = 0; first < ofm->depth; first += MD_NPU_GROUP) {
                const uint32_t left = ofm->depth - first;
                compute_group(&op, y, x, first, left < MD_NPU_GROUP ? left : MD_NPU_GROUP);
            }
        }
    }
    return true;
}

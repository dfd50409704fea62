/* md_npu_activation.c: limits, TANH, SIGMOID and look-up tables. */
#include "md_npu_activation.h"

#include <string.h>

#include "md_npu_internal.h"

#define ACTIVATION_NONE 0u
#define ACTIVATION_TANH 3u
#define ACTIVATION_SIGMOID 4u
#define ACTIVATION_TABLE 16u /* plus the slot, 0 to 7 */
#define SLOT_BYTES 256u

/* 65536 / (1 + exp(-i / 24)), each raised by half of what a straight line to the next one lacks in
 * the middle, rounded; the last limited to 16 bits. TFLite's table for 16-bit LOGISTIC and TANH. */
static const uint16_t SIGMOID[256] = {
    32768, 33451, 34133, 34813, 35493, 36169, 36843, 37513, 38180, 38841, 39498, 40149, 40794,
    41432, 42064, 42688, 43304, 43912, 44511, 45102, 45683, 46255, 46817, 47369, 47911, 48443,
    48964, 49475, 49975, 50464, 50942, 51409, 51865, 52311, 52745, 53169, 53581, 53983, 54374,
    54755, 55125, 55485, 55834, 56174, 56503, 56823, 57133, 57433, 57724, 58007, 58280, 58544,
    58800, 59048, 59288, 59519, 59743, 59959, 60168, 60370, 60565, 60753, 60935, 61110, 61279,
    61441, 61599, 61750, 61896, 62036, 62172, 62302, 62428, 62549, 62666, 62778, 62886, 62990,
    63090, 63186, 63279, 63368, 63454, 63536, 63615, 63691, 63765, 63835, 63903, 63968, 64030,
    64090, 64148, 64204, 64257, 64308, 64357, 64405, 64450, 64494, 64536, 64576, 64614, 64652,
    64687, 64721, 64754, 64786, 64816, 64845, 64873, 64900, 64926, 64950, 64974, 64997, 65019,
    65039, 65060, 65079, 65097, 65115, 65132, 65149, 65164, 65179, 65194, 65208, 65221, 65234,
    65246, 65258, 65269, 65280, 65291, 65301, 65310, 65319, 65328, 65337, 65345, 65352, 65360,
    65367, 65374, 65381, 65387, 65393, 65399, 65404, 65410, 65415, 65420, 65425, 65429, 65433,
    65438, 65442, 65445, 65449, 65453, 65456, 65459, 65462, 65465, 65468, 65471, 65474, 65476,
    65479, 65481, 65483, 65485, 65488, 65489, 65491, 65493, 65495, 65497, 65498, 65500, 65501,
    65503, 65504, 65505, 65507, 65508, 65509, 65510, 65511, 65512, 65513, 65514, 65515, 65516,
    65517, 65517, 65518, 65519, 65520, 65520, 65521, 65522, 65522, 65523, 65523, 65524, 65524,
    65525, 65525, 65526, 65526, 65526, 65527, 65527, 65528, 65528, 65528, 65529, 65529, 65529,
    65529, 65530, 65530, 65530, 65530, 65531, 65531, 65531, 65531, 65531, 65532, 65532, 65532,
    65532, 65532, 65532, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65533, 65534, 65534,
    65534, 65534, 65534, 65534, 65534, 65534, 65534, 65534, 65535,
};

static void limit(md_npu_activation_t *activation, int32_t low, int32_t high) {
    activation->low = low > activation->low ? low : activation->low;
    activation->high = high < activation->high ? high : activation->high;
}

/* The range that a type holds, as the clip range in bits 12 to 14 of ACTIVATION states it. */
static bool set_range(md_npu_model_t *npu, const md_npu_feature_map_t *ofm,
                      md_npu_activation_t *activation) {
    const uint32_t setting = md_npu_setting(npu, MD_NPU_SET_ACTIVATION);
    activation->low = INT32_MIN;
    activation->high = INT32_MAX;
    if (ofm->bytes == 1) {
        limit(activation, ofm->is_signed ? -128 : 0, ofm->is_signed ? 127 : 255);
    } else if (ofm->bytes == 2) {
        limit(activation, ofm->is_signed ? -32768 : 0, ofm->is_signed ? 32767 : 65535);
    }
    switch (setting >> 12 & 7u) {
    case 0:
        return true;
    case 2:
        limit(activation, 0, 255);
        return true;
    case 3:
        limit(activation, -128, 127);
        return true;
    case 5:
        limit(activation, -32768, 32767);
        return true;
    default:
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_ACTIVATION, setting);
    }
}

/* A table's entries cover the range of 8 or 16 bits that its values are limited to. */
static bool open_table(md_npu_model_t *npu, const md_npu_feature_map_t *ofm, uint32_t slot,
                       md_npu_activation_t *activation) {
    const uint32_t setting = md_npu_setting(npu, MD_NPU_SET_ACTIVATION);
    uint32_t bytes;
    if (activation->low >= -128 && activation->high <= 255) {
        if (ofm->bytes == 2) {
            return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_ACTIVATION, setting);
        }
        activation->kind = ofm->bytes == 1 ? MD_NPU_TABLE_8 : MD_NPU_TABLE_32;
        activation->table_low = activation->high <= 127 ? -128 : 0;
        bytes = 256u * ofm->bytes;
    } else if (activation->low == -32768 && activation->high == 32767 && ofm->bytes == 2) {
        activation->kind = MD_NPU_TABLE_16;
        activation->table_low = -32768;
        bytes = 2048;
    } else {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_ACTIVATION, setting);
    }
    if (slot * SLOT_BYTES + bytes > MD_NPU_LUT_BYTES) {
        return md_npu_fail(npu, MD_NPU_BAD_GEOMETRY, MD_NPU_SET_ACTIVATION, setting);
    }
    activation->table = npu->lut + slot * SLOT_BYTES;
    activation->is_signed = ofm->is_signed;
    return true;
}

bool md_npu_activation_open(md_npu_model_t *npu, const md_npu_feature_map_t *ofm,
                            md_npu_activation_t *activation) {
    const uint32_t setting = md_npu_setting(npu, MD_NPU_SET_ACTIVATION);
    const uint32_t function = setting & 0xFFFu;
    memset(activation, 0, sizeof *activation);
    if (!set_range(npu, ofm, activation)) {
        return false;
    }
    if (function >= ACTIVATION_TABLE && function < ACTIVATION_TABLE + 8) {
        if (!open_table(npu, ofm, function - ACTIVATION_TABLE, activation)) {
            return false;
        }
    } else if (function == ACTIVATION_TANH || function == ACTIVATION_SIGMOID) {
        if (ofm->bytes != 2 || !ofm->is_signed) {
            return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_ACTIVATION, setting);
        }
        activation->kind = function == ACTIVATION_TANH ? MD_NPU_TANH : MD_NPU_SIGMOID;
    } else if (function != ACTIVATION_NONE) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_ACTIVATION, setting);
    }
    /* The limits have 16 bits; 32-bit values without a table pass whole. */
    if (activation->high != INT32_MAX) {
        const bool is_signed = activation->low < 0;
        const uint32_t low = md_npu_setting(npu, MD_NPU_SET_ACTIVATION_MIN);
        const uint32_t high = md_npu_setting(npu, MD_NPU_SET_ACTIVATION_MAX);
        limit(activation, is_signed ? (int16_t)low : (int32_t)low,
              is_signed ? (int16_t)high : (int32_t)high);
    }
    if (activation->low > activation->high) {
        return md_npu_fail(npu, MD_NPU_BAD_GEOMETRY, MD_NPU_SET_ACTIVATION_MIN,
                           md_npu_setting(npu, MD_NPU_SET_ACTIVATION_MIN));
    }
    return true;
}

static int32_t clamp(int64_t x, int32_t low, int32_t high) {
    return x < low ? low : (x > high ? high : (int32_t)x);
}

/* The sigmoid of |x| / (24 << step_bits) in units of 2^-(16 + step_bits), by straight lines. */
static int32_t sigmoid(uint32_t magnitude, uint32_t step_bits, int32_t saturated) {
    const uint32_t index = magnitude >> step_bits;
    if (index >= 255) {
        return saturated;
    }
    const uint32_t fraction = magnitude & ((1u << step_bits) - 1u);
    const uint32_t from = SIGMOID[index];
    const uint32_t to = SIGMOID[index + 1];
    return (int32_t)((from << step_bits) + fraction * (to - from));
}

/* 16-bit LOGISTIC and TANH of x / (3 * 4096), in units of 2^-15, as TFLite computes them. */
static int32_t tanh_or_sigmoid(md_npu_activation_kind_t kind, int64_t value) {
    const int32_t x = clamp(value, -INT32_MAX, INT32_MAX);
    const uint32_t magnitude = (uint32_t)(x < 0 ? -x : x);
    if (kind == MD_NPU_SIGMOID) {
        const int32_t result = sigmoid(magnitude, 9, 0x7FFF << 10);
        return ((x >= 0 ? result : (1 << 25) - result - 1) + (1 << 9)) >> 10;
    }
    /* tanh(x) = 2 sigmoid(2 x) - 1 */
    const int32_t result = sigmoid(magnitude, 8, 0xFFFF << 8) - (1 << 23);
    return ((x >= 0 ? result : -result - 1) + (1 << 7)) >> 8;
}

static int32_t look_up_16(const uint8_t *table, int32_t value) {
    const uint32_t position = (uint32_t)(value + 32768);
    int16_t pair[2]; /* value, slope */
    memcpy(pair, table + (position >> 7) * 4, sizeof pair);
    const int32_t fraction = (int32_t)(position & 127u);
    return clamp(pair[0] + ((pair[1] * fraction + 64) >> 7), -32768, 32767);
}

int32_t md_npu_activate(const md_npu_activation_t *activation, int64_t value) {
    const md_npu_activation_kind_t kind = activation->kind;
    if (kind == MD_NPU_TANH || kind == MD_NPU_SIGMOID) {
        return clamp(tanh_or_sigmoid(kind, value), activation->low, activation->high);
    }
    const int32_t limited = clamp(value, activation->low, activation->high);
    const uint32_t index = (uint32_t)limited - (uint32_t)activation->table_low;
    int32_t word;
    switch (kind) {
    case MD_NPU_TABLE_8:
        return activation->is_signed ? (int8_t)activation->table[index] : activation->table[index];
    case MD_NPU_TABLE_16:
        return look_up_16(activation->table, limited);
    case MD_NPU_TABLE_32:
        memcpy(&word, activation->table + (size_t)index * 4, sizeof word);
        return word;
    default:
        return limited;
    }
}

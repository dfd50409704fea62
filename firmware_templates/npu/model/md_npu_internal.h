/* md_npu_internal.h: what the files of the NPU's model share: settings, faults, memory. */
#ifndef MD_NPU_INTERNAL_H
#define MD_NPU_INTERNAL_H

#include "md_npu_model.h"

/* Commands without payload: codes in the low ten bits of their word. */
enum {
    MD_NPU_OP_STOP = 0x000,
    MD_NPU_OP_IRQ = 0x001,
    MD_NPU_OP_CONV = 0x002,
    MD_NPU_OP_DEPTHWISE = 0x003,
    MD_NPU_OP_POOL = 0x005,
    MD_NPU_OP_ELEMENTWISE = 0x006,
    MD_NPU_OP_DMA_START = 0x010,
    MD_NPU_OP_DMA_WAIT = 0x011,
    MD_NPU_OP_KERNEL_WAIT = 0x012,
    MD_NPU_OP_PMU_MASK = 0x013,
};

/* Settings without payload. The second input's lie at IFM2_OFFSET from the first's. */
enum {
    MD_NPU_SET_IFM_PAD_TOP = 0x100,
    MD_NPU_SET_IFM_PAD_LEFT = 0x101,
    MD_NPU_SET_IFM_PAD_RIGHT = 0x102,
    MD_NPU_SET_IFM_PAD_BOTTOM = 0x103,
    MD_NPU_SET_IFM_DEPTH_M1 = 0x104,
    MD_NPU_SET_IFM_PRECISION = 0x105,
    MD_NPU_SET_IFM_UPSCALE = 0x107,
    MD_NPU_SET_IFM_ZERO_POINT = 0x109,
    MD_NPU_SET_IFM_WIDTH0_M1 = 0x10A,
    MD_NPU_SET_IFM_HEIGHT0_M1 = 0x10B,
    MD_NPU_SET_IFM_HEIGHT1_M1 = 0x10C,
    MD_NPU_SET_IFM_REGION = 0x10F,
    MD_NPU_SET_OFM_WIDTH_M1 = 0x111,
    MD_NPU_SET_OFM_HEIGHT_M1 = 0x112,
    MD_NPU_SET_OFM_DEPTH_M1 = 0x113,
    MD_NPU_SET_OFM_PRECISION = 0x114,
    MD_NPU_SET_OFM_BLK_DEPTH_M1 = 0x117,
    MD_NPU_SET_OFM_ZERO_POINT = 0x118,
    MD_NPU_SET_OFM_WIDTH0_M1 = 0x11A,
    MD_NPU_SET_OFM_HEIGHT0_M1 = 0x11B,
    MD_NPU_SET_OFM_HEIGHT1_M1 = 0x11C,
    MD_NPU_SET_OFM_REGION = 0x11F,
    MD_NPU_SET_KERNEL_WIDTH_M1 = 0x120,
    MD_NPU_SET_KERNEL_HEIGHT_M1 = 0x121,
    MD_NPU_SET_KERNEL_STRIDE = 0x122,
    MD_NPU_SET_PARALLEL_MODE = 0x123,
    MD_NPU_SET_ACC_FORMAT = 0x124,
    MD_NPU_SET_ACTIVATION = 0x125,
    MD_NPU_SET_ACTIVATION_MIN = 0x126,
    MD_NPU_SET_ACTIVATION_MAX = 0x127,
    MD_NPU_SET_WEIGHT_REGION = 0x128,
    MD_NPU_SET_SCALE_REGION = 0x129,
    MD_NPU_SET_DMA0_SRC_REGION = 0x130,
    MD_NPU_SET_DMA0_DST_REGION = 0x131,
    MD_NPU_SET_DMA0_SIZE0 = 0x132,
    MD_NPU_SET_DMA0_SIZE1 = 0x133,
    MD_NPU_SET_IFM2_BROADCAST = 0x180,
    MD_NPU_SET_IFM2_SCALAR = 0x181,
    MD_NPU_SET_IFM2_PRECISION = 0x185,
    MD_NPU_SET_IFM2_ZERO_POINT = 0x189,
    MD_NPU_SET_IFM2_WIDTH0_M1 = 0x18A,
    MD_NPU_SET_IFM2_HEIGHT0_M1 = 0x18B,
    MD_NPU_SET_IFM2_HEIGHT1_M1 = 0x18C,
    MD_NPU_SET_IFM2_REGION = 0x18F,
};

/* Settings with payload; their codes count from zero too, so that MD_NPU_PAYLOAD tells them apart in
 * a fault. */
#define MD_NPU_PAYLOAD 0x4000u
enum {
    MD_NPU_SET_IFM_BASE0 = 0x000,
    MD_NPU_SET_IFM_STRIDE_X = 0x004,
    MD_NPU_SET_IFM_STRIDE_Y = 0x005,
    MD_NPU_SET_IFM_STRIDE_C = 0x006,
    MD_NPU_SET_OFM_BASE0 = 0x010,
    MD_NPU_SET_OFM_STRIDE_X = 0x014,
    MD_NPU_SET_OFM_STRIDE_Y = 0x015,
    MD_NPU_SET_OFM_STRIDE_C = 0x016,
    MD_NPU_SET_WEIGHT_BASE = 0x020,
    MD_NPU_SET_WEIGHT_LENGTH = 0x021,
    MD_NPU_SET_SCALE_BASE = 0x022,
    MD_NPU_SET_SCALE_LENGTH = 0x023,
    MD_NPU_SET_OFM_SCALE = 0x024,
    MD_NPU_SET_OPA_SCALE = 0x025,
    MD_NPU_SET_OPB_SCALE = 0x026,
    MD_NPU_SET_DMA0_SRC = 0x030,
    MD_NPU_SET_DMA0_DST = 0x031,
    MD_NPU_SET_DMA0_LEN = 0x032,
    MD_NPU_SET_DMA0_SKIP0 = 0x033,
    MD_NPU_SET_DMA0_SKIP1 = 0x034,
    MD_NPU_SET_IFM2_BASE0 = 0x080,
    MD_NPU_SET_IFM2_STRIDE_X = 0x084,
    MD_NPU_SET_IFM2_STRIDE_Y = 0x085,
    MD_NPU_SET_IFM2_STRIDE_C = 0x086,
    MD_NPU_SET_WEIGHT1_BASE = 0x090,
    MD_NPU_SET_WEIGHT1_LENGTH = 0x091,
    MD_NPU_SET_SCALE1_BASE = 0x092,
    MD_NPU_SET_SCALE1_LENGTH = 0x093,
};

/* The value of a setting without payload, and as a signed number. */
static inline uint32_t md_npu_setting(const md_npu_model_t *npu, uint32_t code) {
    return npu->settings[code - 0x100u];
}

static inline int32_t md_npu_signed_setting(const md_npu_model_t *npu, uint32_t code) {
    return (int16_t)npu->settings[code - 0x100u];
}

/* The low word of a setting with payload, and its parameter. */
static inline uint32_t md_npu_payload(const md_npu_model_t *npu, uint32_t code) {
    return (uint32_t)npu->payloads[code];
}

static inline uint32_t md_npu_parameter(const md_npu_model_t *npu, uint32_t code) {
    return (uint32_t)(npu->payloads[code] >> 32);
}

/* An address or length (U55: 32 bits, U65: 40 bits) and a stride, which may be negative. */
uint64_t md_npu_wide_setting(const md_npu_model_t *npu, uint32_t code);
int64_t md_npu_stride_setting(const md_npu_model_t *npu, uint32_t code);

/* Records why the stream stops, if nothing was recorded before. Returns false. */
bool md_npu_fail(md_npu_model_t *npu, md_npu_error_t error, uint32_t setting, uint64_t value);

/* Takes steps from what the run's limit leaves, before they are done. False, with a fault, if so many
 * are not left. */
bool md_npu_spend(md_npu_model_t *npu, uint64_t work);

/* A product of sizes, limited to 64 bits. */
static inline uint64_t md_npu_times(uint64_t a, uint64_t b) {
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

/* Memory at an address; null, with a fault, unless all bytes lie within
 * one window (that may be written). `setting` is to blame otherwise. */
uint8_t *md_npu_reach(md_npu_model_t *npu, uint64_t address, uint64_t bytes, bool write,
                      uint32_t setting);

/* Counts bytes moved from or to the memory at an address that md_npu_reach has granted. */
void md_npu_count(md_npu_model_t *npu, uint64_t address, uint64_t bytes, bool write);

/* The absolute address of an offset in the region that a setting names; false, with a fault, if
 * there is no such region or the sum exceeds 64 bits. */
bool md_npu_region_address(md_npu_model_t *npu, uint32_t region_setting, uint64_t offset,
                           uint64_t *address);

/* Runs the commands of a stream until STOP or a fault. */
void md_npu_run_stream(md_npu_model_t *npu);

/* The operations. Each returns false after a fault. */
bool md_npu_convolution(md_npu_model_t *npu);
bool md_npu_depthwise(md_npu_model_t *npu);
bool md_npu_pooling(md_npu_model_t *npu, uint32_t mode);
bool md_npu_elementwise(md_npu_model_t *npu, uint32_t mode);
bool md_npu_dma(md_npu_model_t *npu, uint32_t parameter);

#endif

/* md_npu_model.h: a functional model of Arm's Ethos-U55 and Ethos-U65 behind their register interface.
 *
 * It executes a command stream as the hardware does, to the bit, and at once: the write to CMD that
 * starts the stream returns when the stream has ended. It knows nothing of time; waits and block
 * dependencies have no effect. Nothing is allocated. What it does not model stops it with an error
 * that names the command, its offset and its value.
 *
 * Addresses are addresses of the machine on which the model runs: QBASE and the base pointers hold
 * 64 bits (pairs of registers). Each access of the stream must lie within one of the windows. */
#ifndef MD_NPU_MODEL_H
#define MD_NPU_MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* Offsets of the registers, as in the hardware. Others read as zero and ignore writes. */
#define MD_NPU_ID 0x0000u
#define MD_NPU_STATUS 0x0004u
#define MD_NPU_CMD 0x0008u
#define MD_NPU_RESET 0x000Cu
#define MD_NPU_QBASE0 0x0010u
#define MD_NPU_QBASE1 0x0014u
#define MD_NPU_QREAD 0x0018u
#define MD_NPU_QCONFIG 0x001Cu
#define MD_NPU_QSIZE 0x0020u
#define MD_NPU_PROT 0x0024u
#define MD_NPU_CONFIG 0x0028u
#define MD_NPU_LOCK 0x002Cu
#define MD_NPU_REGIONCFG 0x003Cu
#define MD_NPU_AXI_LIMIT0 0x0040u
#define MD_NPU_AXI_LIMIT3 0x004Cu
#define MD_NPU_BASEP0 0x0080u /* BASEP(2 n) and BASEP(2 n + 1): low and high word of region n */
#define MD_NPU_BASEP15 0x00BCu

/* Bits of STATUS. */
#define MD_NPU_STATUS_RUNNING (1u << 0)
#define MD_NPU_STATUS_IRQ_RAISED (1u << 1)
#define MD_NPU_STATUS_BUS_ERROR (1u << 2)
#define MD_NPU_STATUS_RESET (1u << 3)
#define MD_NPU_STATUS_CMD_PARSE_ERROR (1u << 4)
#define MD_NPU_STATUS_CMD_END_REACHED (1u << 5)
#define MD_NPU_STATUS_IRQ_HISTORY_SHIFT 16

/* Bits of CMD. */
#define MD_NPU_CMD_RUN (1u << 0)
#define MD_NPU_CMD_CLEAR_IRQ (1u << 1)
#define MD_NPU_CMD_CLOCK_Q_ENABLE (1u << 2)
#define MD_NPU_CMD_POWER_Q_ENABLE (1u << 3)
#define MD_NPU_CMD_STOP (1u << 4)
#define MD_NPU_CMD_CLEAR_IRQ_HISTORY_SHIFT 16

#define MD_NPU_REGIONS 8
#define MD_NPU_MAX_WINDOWS 8
#define MD_NPU_MAX_SHRAM_BYTES (96u * 1024u)
#define MD_NPU_LUT_BYTES 2048u

/* Enough workspace for convolutions with up to 15,000 weights for an output channel; others need
 * 4 bytes for each, and the loader's own state. */
#define MD_NPU_MIN_WORKSPACE_BYTES (64u * 1024u)
#define MD_NPU_SETTINGS 0x90u /* settings without payload: codes from 0x100 */
#define MD_NPU_PAYLOADS 0x94u /* settings with payload: codes from 0 */

typedef enum { MD_NPU_U55 = 0, MD_NPU_U65 = 1 } md_npu_product_t;

/* What there is to choose when such an NPU is built. MACs a cycle: 32, 64, 128, 256 for U55;
 * 256, 512 (two cores) for U65. */
typedef struct {
    md_npu_product_t product;
    uint32_t macs_per_cycle;
} md_npu_config_t;

/* Memory that the NPU may reach. `memory` is the caller's name for it in the counters. */
typedef struct {
    uint64_t base;
    uint64_t bytes;
    bool writable;
    uint8_t memory; /* 0 to MD_NPU_MAX_WINDOWS - 1 */
} md_npu_window_t;

typedef enum {
    MD_NPU_OK = 0,
    MD_NPU_BAD_CONFIG,   /* no such configuration; value: MACs a cycle */
    MD_NPU_BAD_STREAM,   /* QBASE and QSIZE name no readable memory, or the stream ends early */
    MD_NPU_BAD_COMMAND,  /* no such command; value: the command's word */
    MD_NPU_NOT_MODELLED, /* a command or setting that is not modelled; value: the setting */
    MD_NPU_BAD_ADDRESS,  /* an access outside of the windows; value: the address */
    MD_NPU_READ_ONLY,    /* a write to a window that may only be read; value: the address */
    MD_NPU_BAD_WEIGHTS,  /* a weight stream that cannot be decoded; value: its offset of failure */
    MD_NPU_BAD_GEOMETRY, /* sizes that contradict each other; value: the offending one */
    MD_NPU_WORKSPACE_TOO_SMALL, /* value: bytes needed */
    MD_NPU_TOO_MUCH_WORK,       /* more than the limit leaves; value: steps asked for */
} md_npu_error_t;

/* Where and why the model stopped. */
typedef struct {
    md_npu_error_t error;
    uint32_t stream_offset; /* of the command in the stream, in bytes */
    uint32_t command;       /* its first word: code in the low half, parameter in the high half */
    uint32_t setting;       /* code of the setting that is to blame, or of the command itself */
    uint64_t value;         /* what was found there */
} md_npu_fault_t;

typedef struct {
    uint64_t macs;       /* products that convolutions and pools ask for, without padding's */
    uint64_t operations; /* CONV, DEPTHWISE, POOL, ELEMENTWISE, DMA_START */
    uint64_t dma_bytes;
    /* By md_npu_window_t.memory. Each element of a feature map once an operation, as if no block
     * were read twice; weights and scales as long as their settings say. */
    uint64_t bytes_read[MD_NPU_MAX_WINDOWS];
    uint64_t bytes_written[MD_NPU_MAX_WINDOWS];
} md_npu_counters_t;

/* One NPU. The caller owns the storage and touches no member. */
typedef struct md_npu_model {
    md_npu_config_t config;
    uint32_t cores;
    uint32_t shram_bytes;
    const md_npu_window_t *windows;
    uint32_t window_count;
    uint8_t *workspace;
    uint32_t workspace_bytes;
    uint64_t work_limit;
    uint64_t work_left; /* of the run */

    uint32_t status;
    uint32_t qread;
    uint32_t qsize;
    uint32_t qconfig;
    uint32_t prot;
    uint32_t lock;
    uint32_t regioncfg;
    uint32_t axi_limits[4];
    uint64_t qbase;
    uint64_t bases[MD_NPU_REGIONS];

    uint16_t settings[MD_NPU_SETTINGS];
    uint64_t payloads[MD_NPU_PAYLOADS]; /* low word: the payload; high word: the parameter */
    uint8_t lut[MD_NPU_LUT_BYTES];      /* the part of SHRAM that a stream fills itself */

    md_npu_fault_t fault;
    md_npu_counters_t counters;
} md_npu_model_t;

/* Prepares an NPU as it is after a reset.
 * windows:   at most MD_NPU_MAX_WINDOWS, kept by reference.
 * workspace: for decoded weights, 16-byte aligned, used only while a stream runs. With
 *            MD_NPU_MIN_WORKSPACE_BYTES run the convolutions that are said there; they are fast
 *            where all weights of an output channels' block fit.
 * work_limit: the most that one run may take, so that no stream keeps the caller waiting for ever:
 *            steps of a few dozen machine instructions at the most. A command is one; so is each
 *            product (padding's too), element of an output, byte of a DMA, weight that is decoded
 *            (as often as it is) and byte of its stream. An operation beyond what is left is not
 *            begun. */
void md_npu_model_init(md_npu_model_t *npu, const md_npu_config_t *config,
                       const md_npu_window_t *windows, uint32_t window_count, void *workspace,
                       uint32_t workspace_bytes, uint64_t work_limit);

/* Reads or writes the register at a byte offset. A write of MD_NPU_CMD_RUN to CMD runs the stream. */
uint32_t md_npu_model_read(md_npu_model_t *npu, uint32_t offset);
void md_npu_model_write(md_npu_model_t *npu, uint32_t offset, uint32_t value);

/* Why the last stream stopped (error MD_NPU_OK: it reached its end), and what has been done since
 * md_npu_model_init. */
const md_npu_fault_t *md_npu_model_fault(const md_npu_model_t *npu);
const md_npu_counters_t *md_npu_model_counters(const md_npu_model_t *npu);

/* An English sentence without a full stop for an error. */
const char *md_npu_model_error_text(md_npu_error_t error);

#endif

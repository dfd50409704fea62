/* md_npu_commands.c: the command stream. A command is a word, its code in the low half and a parameter in
 * the high half, or two, the second a payload. */
#include <string.h>

#include "md_npu_internal.h"

#define CODE_MASK 0x03FFu
#define RESERVED_MASK 0x3C00u
#define FORM_MASK 0xC000u
#define FORM_PAYLOAD 0x4000u
#define FIRST_SETTING 0x100u

/* Which settings there are: a bit each, from the lowest code. */
static const uint16_t KNOWN_SETTINGS[] = {
    0xBEBF, 0x9DFE, 0xA3FF, 0x000F, 0, 0, 0, 0, 0xBE23,
};
static const uint16_t KNOWN_PAYLOADS[] = {
    0x007F, 0x007F, 0x007F, 0x001F, 0, 0, 0, 0, 0x007F, 0x000F,
};

static bool is_known(const uint16_t *known, uint32_t count, uint32_t index) {
    return index / 16 < count && ((uint32_t)known[index / 16] >> index % 16 & 1u);
}

static bool set(md_npu_model_t *npu, uint32_t word) {
    const uint32_t code = word & CODE_MASK;
    const uint32_t count = sizeof KNOWN_SETTINGS / sizeof KNOWN_SETTINGS[0];
    if (code < FIRST_SETTING || !is_known(KNOWN_SETTINGS, count, code - FIRST_SETTING)) {
        return md_npu_fail(npu, MD_NPU_BAD_COMMAND, code, word);
    }
    npu->settings[code - FIRST_SETTING] = (uint16_t)(word >> 16);
    return true;
}

static bool set_payload(md_npu_model_t *npu, uint32_t word, uint32_t payload) {
    const uint32_t code = word & CODE_MASK;
    const uint32_t count = sizeof KNOWN_PAYLOADS / sizeof KNOWN_PAYLOADS[0];
    if (!is_known(KNOWN_PAYLOADS, count, code)) {
        return md_npu_fail(npu, MD_NPU_BAD_COMMAND, MD_NPU_PAYLOAD | code, word);
    }
    npu->payloads[code] = (uint64_t)(word >> 16) << 32 | payload;
    return true;
}

/* Both cores of a U65-512 work on each operation, or the stream is not for this NPU. */
static bool check_cores(md_npu_model_t *npu) {
    const uint32_t parallel = md_npu_setting(npu, MD_NPU_SET_PARALLEL_MODE);
    if (npu->config.product == MD_NPU_U65 && parallel + 1 != npu->cores) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_PARALLEL_MODE, parallel);
    }
    return true;
}

static bool operate(md_npu_model_t *npu, uint32_t code, uint32_t parameter) {
    npu->counters.operations++;
    if (code == MD_NPU_OP_DMA_START) {
        return md_npu_dma(npu, parameter);
    }
    if (!check_cores(npu)) {
        return false;
    }
    switch (code) {
    case MD_NPU_OP_CONV:
        return md_npu_convolution(npu);
    case MD_NPU_OP_DEPTHWISE:
        return md_npu_depthwise(npu);
    case MD_NPU_OP_POOL:
        return md_npu_pooling(npu, parameter);
    default:
        return md_npu_elementwise(npu, parameter);
    }
}

/* Bits of an interrupt that the stream raises, kept in the history. */
static void raise(md_npu_model_t *npu, uint32_t mask) {
    npu->status |= MD_NPU_STATUS_IRQ_RAISED | mask << MD_NPU_STATUS_IRQ_HISTORY_SHIFT;
}

/* A command without payload. Sets `stop` at the end of the stream. */
static bool execute(md_npu_model_t *npu, uint32_t word, bool *stop) {
    const uint32_t code = word & CODE_MASK;
    const uint32_t parameter = word >> 16;
    switch (code) {
    case MD_NPU_OP_STOP:
        raise(npu, parameter);
        npu->status |= MD_NPU_STATUS_CMD_END_REACHED;
        *stop = true;
        return true;
    case MD_NPU_OP_IRQ:
        raise(npu, parameter);
        return true;
    case MD_NPU_OP_DMA_WAIT:
    case MD_NPU_OP_KERNEL_WAIT:
    case MD_NPU_OP_PMU_MASK:
        return true;
    case MD_NPU_OP_CONV:
    case MD_NPU_OP_DEPTHWISE:
    case MD_NPU_OP_POOL:
    case MD_NPU_OP_ELEMENTWISE:
    case MD_NPU_OP_DMA_START:
        return operate(npu, code, parameter);
    default:
        return set(npu, word);
    }
}

static uint32_t load_word(const uint8_t *from) {
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

void md_npu_run_stream(md_npu_model_t *npu) {
    const uint32_t bytes = npu->qsize;
    const uint8_t *stream = md_npu_reach(npu, npu->qbase, bytes, false, 0);
    if (!stream || bytes % 4 != 0) {
        npu->fault.error = MD_NPU_BAD_STREAM;
        npu->fault.value = bytes;
        return;
    }
    bool stop = false;
    bool good = true;
    uint32_t at = 0;
    while (good && !stop) {
        if (at >= bytes) {
            md_npu_fail(npu, MD_NPU_BAD_STREAM, 0, bytes);
            break;
        }
        const uint32_t word = load_word(stream + at);
        npu->fault.stream_offset = at;
        npu->fault.command = word;
        at += 4;
        if (!md_npu_spend(npu, 1)) {
            break;
        }
        if ((word & RESERVED_MASK) || (word & FORM_MASK) > FORM_PAYLOAD) {
            good = md_npu_fail(npu, MD_NPU_BAD_COMMAND, word & 0xFFFFu, word);
        } else if ((word & FORM_MASK) == FORM_PAYLOAD) {
            if (at >= bytes) {
                good = md_npu_fail(npu, MD_NPU_BAD_STREAM, word & 0xFFFFu, bytes);
                break;
            }
            good = set_payload(npu, word, load_word(stream + at));
            at += 4;
        } else {
            good = execute(npu, word, &stop);
        }
        npu->qread = at;
    }
    md_npu_count(npu, npu->qbase, at, false);
}

/* md_npu_model.c: the NPU's registers. */
#include "md_npu_model.h"

#include <string.h>

#include "md_npu_internal.h"

#define ARCHITECTURE_MAJOR 1u
#define U55_ARCHITECTURE_MINOR 1u
#define U65_ARCHITECTURE_MINOR 0u
#define ARCHITECTURE_PATCH 6u

static bool is_supported(const md_npu_config_t *config) {
    const uint32_t macs = config->macs_per_cycle;
    if (config->product == MD_NPU_U55) {
        return macs == 32 || macs == 64 || macs == 128 || macs == 256;
    }
    return config->product == MD_NPU_U65 && (macs == 256 || macs == 512);
}

/* Bytes of shared buffer memory in one core. */
static uint32_t core_shram_bytes(const md_npu_config_t *config) {
    switch (config->macs_per_cycle) {
    case 32:
    case 64:
        return 16u * 1024u;
    case 128:
        return 24u * 1024u;
    default:
        return 48u * 1024u;
    }
}

static void reset(md_npu_model_t *npu) {
    npu->status = 0;
    npu->qread = 0;
    npu->qsize = 0;
    npu->qconfig = 0;
    npu->lock = 0;
    npu->regioncfg = 0;
    npu->qbase = 0;
    memset(npu->axi_limits, 0, sizeof npu->axi_limits);
    memset(npu->bases, 0, sizeof npu->bases);
    memset(npu->settings, 0, sizeof npu->settings);
    memset(npu->payloads, 0, sizeof npu->payloads);
    memset(&npu->fault, 0, sizeof npu->fault);
}

void md_npu_model_init(md_npu_model_t *npu, const md_npu_config_t *config,
                       const md_npu_window_t *windows, uint32_t window_count, void *workspace,
                       uint32_t workspace_bytes, uint64_t work_limit) {
    memset(npu, 0, sizeof *npu);
    npu->config = *config;
    npu->cores = config->macs_per_cycle == 512 ? 2 : 1;
    npu->shram_bytes = core_shram_bytes(config);
    npu->windows = windows;
    npu->window_count = window_count < MD_NPU_MAX_WINDOWS ? window_count : MD_NPU_MAX_WINDOWS;
    npu->workspace = workspace;
    npu->workspace_bytes = workspace_bytes;
    npu->work_limit = work_limit;
    reset(npu);
}

static uint32_t log2_of(uint32_t power) {
    uint32_t log = 0;
    while (power > 1) {
        power >>= 1;
        log++;
    }
    return log;
}

static uint32_t id_register(const md_npu_model_t *npu) {
    const bool is_u65 = npu->config.product == MD_NPU_U65;
    const uint32_t minor = is_u65 ? U65_ARCHITECTURE_MINOR : U55_ARCHITECTURE_MINOR;
    const uint32_t product_major = is_u65 ? 1u : 0u;
    return ARCHITECTURE_MAJOR << 28 | minor << 20 | ARCHITECTURE_PATCH << 16 | product_major << 12;
}

static uint32_t config_register(const md_npu_model_t *npu) {
    const uint32_t shram_kilobytes = npu->cores * (npu->shram_bytes / 1024u);
    const uint32_t product = npu->config.product == MD_NPU_U65 ? 1u : 0u;
    return product << 28 | shram_kilobytes << 8 | log2_of(npu->config.macs_per_cycle);
}

uint32_t md_npu_model_read(md_npu_model_t *npu, uint32_t offset) {
    if (offset >= MD_NPU_BASEP0 && offset <= MD_NPU_BASEP15 && offset % 4 == 0) {
        const uint32_t word = (offset - MD_NPU_BASEP0) / 4;
        return (uint32_t)(npu->bases[word / 2] >> (word % 2 * 32));
    }
    if (offset >= MD_NPU_AXI_LIMIT0 && offset <= MD_NPU_AXI_LIMIT3 && offset % 4 == 0) {
        return npu->axi_limits[(offset - MD_NPU_AXI_LIMIT0) / 4];
    }
    switch (offset) {
    case MD_NPU_ID:
        return id_register(npu);
    case MD_NPU_STATUS:
        return npu->status;
    case MD_NPU_QBASE0:
        return (uint32_t)npu->qbase;
    case MD_NPU_QBASE1:
        return (uint32_t)(npu->qbase >> 32);
    case MD_NPU_QREAD:
        return npu->qread;
    case MD_NPU_QCONFIG:
        return npu->qconfig;
    case MD_NPU_QSIZE:
        return npu->qsize;
    case MD_NPU_PROT:
        return npu->prot;
    case MD_NPU_CONFIG:
        return config_register(npu);
    case MD_NPU_LOCK:
        return npu->lock;
    case MD_NPU_REGIONCFG:
        return npu->regioncfg;
    default:
        return 0; /* CMD and RESET read as zero: nothing is ever pending */
    }
}

static void run(md_npu_model_t *npu) {
    memset(&npu->fault, 0, sizeof npu->fault);
    npu->status &=
        ~(MD_NPU_STATUS_BUS_ERROR | MD_NPU_STATUS_CMD_PARSE_ERROR | MD_NPU_STATUS_CMD_END_REACHED);
    npu->qread = 0;
    npu->work_left = npu->work_limit;
    if (is_supported(&npu->config)) {
        md_npu_run_stream(npu);
    } else {
        md_npu_fail(npu, MD_NPU_BAD_CONFIG, 0, npu->config.macs_per_cycle);
    }
    switch (npu->fault.error) {
    case MD_NPU_OK:
        break;
    case MD_NPU_BAD_STREAM:
    case MD_NPU_BAD_ADDRESS:
    case MD_NPU_READ_ONLY:
        npu->status |= MD_NPU_STATUS_BUS_ERROR | MD_NPU_STATUS_IRQ_RAISED;
        break;
    default:
        npu->status |= MD_NPU_STATUS_CMD_PARSE_ERROR | MD_NPU_STATUS_IRQ_RAISED;
        break;
    }
}

static void write_command(md_npu_model_t *npu, uint32_t value) {
    if (value & MD_NPU_CMD_CLEAR_IRQ) {
        npu->status &= ~MD_NPU_STATUS_IRQ_RAISED;
    }
    npu->status &=
        ~(value >> MD_NPU_CMD_CLEAR_IRQ_HISTORY_SHIFT << MD_NPU_STATUS_IRQ_HISTORY_SHIFT);
    /* As in the hardware, a bus error can only be cleared by a reset. */
    if ((value & MD_NPU_CMD_RUN) && !(npu->status & MD_NPU_STATUS_BUS_ERROR)) {
        run(npu);
    }
}

static void set_word(uint64_t *pair, uint32_t word, uint32_t value) {
    const uint32_t shift = word % 2 * 32;
    *pair = (*pair & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

void md_npu_model_write(md_npu_model_t *npu, uint32_t offset, uint32_t value) {
    if (offset >= MD_NPU_BASEP0 && offset <= MD_NPU_BASEP15 && offset % 4 == 0) {
        const uint32_t word = (offset - MD_NPU_BASEP0) / 4;
        set_word(&npu->bases[word / 2], word, value);
        return;
    }
    if (offset >= MD_NPU_AXI_LIMIT0 && offset <= MD_NPU_AXI_LIMIT3 && offset % 4 == 0) {
        npu->axi_limits[(offset - MD_NPU_AXI_LIMIT0) / 4] = value;
        return;
    }
    switch (offset) {
    case MD_NPU_CMD:
        write_command(npu, value);
        break;
    case MD_NPU_RESET:
        reset(npu);
        npu->prot = value & 3u; /* the privilege and security level to run with from now on */
        break;
    case MD_NPU_QBASE0:
        set_word(&npu->qbase, 0, value);
        break;
    case MD_NPU_QBASE1:
        set_word(&npu->qbase, 1, value);
        break;
    case MD_NPU_QCONFIG:
        npu->qconfig = value;
        break;
    case MD_NPU_QSIZE:
        npu->qsize = value;
        break;
    case MD_NPU_LOCK:
        npu->lock = value;
        break;
    case MD_NPU_REGIONCFG:
        npu->regioncfg = value;
        break;
    default:
        break;
    }
}

const md_npu_fault_t *md_npu_model_fault(const md_npu_model_t *npu) {
    return &npu->fault;
}

const md_npu_counters_t *md_npu_model_counters(const md_npu_model_t *npu) {
    return &npu->counters;
}

const char *md_npu_model_error_text(md_npu_error_t error) {
    switch (error) {
    case MD_NPU_OK:
        return "the stream reached its end";
    case MD_NPU_BAD_CONFIG:
        return "there is no NPU with so many MACs a cycle";
    case MD_NPU_BAD_STREAM:
        return "the command stream does not lie in readable memory or ends within a command";
    case MD_NPU_BAD_COMMAND:
        return "unknown command";
    case MD_NPU_NOT_MODELLED:
        return "a setting that the model does not know";
    case MD_NPU_BAD_ADDRESS:
        return "an access outside of the memory that the NPU may reach";
    case MD_NPU_READ_ONLY:
        return "a write to memory that the NPU may only read";
    case MD_NPU_BAD_WEIGHTS:
        return "a weight stream that cannot be decoded";
    case MD_NPU_BAD_GEOMETRY:
        return "sizes that contradict each other";
    case MD_NPU_WORKSPACE_TOO_SMALL:
        return "the model's workspace is too small for this operation";
    case MD_NPU_TOO_MUCH_WORK:
        return "more work than the limit of the model allows";
    }
    return "unknown error";
}

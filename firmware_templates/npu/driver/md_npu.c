/* md_npu.c: see md_npu.h. */
#include "md_npu.h"

#include "md_npu_bus.h"
#include "md_npu_registers.h"
#include "npu_config.h"

#include <stdatomic.h>
#include <stddef.h>

/* Looks at the NPU before a run is given up: some seconds. */
#ifndef MD_NPU_MAX_POLLS
#define MD_NPU_MAX_POLLS 100000000u
#endif

enum { RESET_POLLS = 100000 };

/* AXI_LIMIT of U55 and U65: outstanding writes and reads (minus 1), bursts of 64 bytes, memory type
 * 0 (device, not bufferable). */
#define AXI_LIMIT ((15u << 24) | (31u << 16))

/* The same of U85's ports, as much as they may have, in bursts of 256 bytes: less is what the NPU
 * was built with. Memory types are in MEM_ATTR there. */
#define U85_AXI_SRAM ((2u << 16) | (15u << 8) | 11u)
#define U85_AXI_EXT ((2u << 16) | (31u << 8) | 63u)

/* Words of a stream before its commands: a tag with the action in its low byte. */
#define FOURCC_COP1 0x31504F43u
enum { ACTION_CONFIG = 1, ACTION_COMMANDS = 2, ACTION_NOTHING = 5, ACTION_MASK = 0xFF };

static volatile bool interrupted;

static md_npu_counts_t told; /* what md_npu_counted has told */

__attribute__((weak)) void md_npu_clean_cache(const void *data, uint32_t bytes) {
    (void)data;
    (void)bytes;
}

__attribute__((weak)) void md_npu_invalidate_cache(void *data, uint32_t bytes) {
    (void)data;
    (void)bytes;
}

__attribute__((weak)) void md_npu_idle(void) {
}

/* What is true of every failure. */
static bool fail(md_npu_failure_t *failure, md_npu_failure_kind_t kind, uint32_t detail) {
    failure->kind = (uint32_t)kind;
    failure->detail = detail;
    if (kind != MD_NPU_FAILED_ABSENT) {
        failure->id = md_npu_bus_read(MD_NPU_REG_ID);
        failure->config = md_npu_bus_read(MD_NPU_REG_CONFIG);
        failure->status = md_npu_bus_read(MD_NPU_REG_STATUS);
        failure->queue_read = md_npu_bus_read(MD_NPU_REG_QREAD);
    }
    return false;
}

/* The security and privilege that the NPU has are kept. */
static bool reset(void) {
    md_npu_bus_write(MD_NPU_REG_RESET, md_npu_bus_read(MD_NPU_REG_PROT) & MD_NPU_PROTECTION);
    for (uint32_t polls = 0; polls < RESET_POLLS; polls++) {
        if ((md_npu_bus_read(MD_NPU_REG_STATUS) & MD_NPU_STATE_RESETTING) == 0u) {
            return true;
        }
    }
    return false;
}

bool md_npu_open(md_npu_failure_t *failure) {
    *failure = (md_npu_failure_t){0};
    told = (md_npu_counts_t){0};
    const uint32_t id = md_npu_bus_open();
    if (id == 0u) {
        return fail(failure, MD_NPU_FAILED_ABSENT, 0);
    }
    /* Power and clock stay on while it is reset. */
    md_npu_bus_write(MD_NPU_REG_CMD, 0);
    if (!reset()) {
        return fail(failure, MD_NPU_FAILED_RESET, 0);
    }
    md_npu_bus_write(MD_NPU_REG_CMD, MD_NPU_CMD_Q);
    return true;
}

static uint32_t word_at(const uint8_t *stream, uint32_t offset) {
    const uint8_t *const byte = stream + offset;
    return (uint32_t)byte[0] | ((uint32_t)byte[1] << 8) | ((uint32_t)byte[2] << 16) |
           ((uint32_t)byte[3] << 24);
}

typedef struct {
    uint32_t offset; /* of the commands, or of the word that is not understood */
    uint32_t bytes;  /* of the commands; 0: not a stream */
    uint32_t config;
    uint32_t id;
} header_t;

static header_t read_header(const uint8_t *stream, uint32_t bytes) {
    header_t header = {0};
    if (bytes < 4u || word_at(stream, 0) != FOURCC_COP1) {
        return header;
    }
    for (uint32_t offset = 4; offset + 4u <= bytes; offset += 4) {
        const uint32_t tag = word_at(stream, offset);
        header.offset = offset;
        switch (tag & ACTION_MASK) {
        case ACTION_NOTHING:
            break;
        case ACTION_CONFIG:
            if (bytes - offset < 12u) {
                return header;
            }
            header.config = word_at(stream, offset + 4);
            header.id = word_at(stream, offset + 8);
            offset += 8;
            break;
        case ACTION_COMMANDS: {
            /* The number of words: 16 bits of the parameter, 8 more in between. */
            const uint32_t words = (tag >> 16) | ((tag & 0xFF00u) << 8);
            if (words <= (bytes - offset - 4u) / 4u) {
                header.offset = offset + 4;
                header.bytes = words * 4u;
            }
            return header;
        }
        default:
            return header;
        }
    }
    return header;
}

/* A later minor version of the NPU still understands the stream. */
static bool fits(const header_t *header, uint32_t id, uint32_t config) {
    const uint32_t sizes =
        MD_NPU_ARCH_MAJOR(id) == MD_NPU_ARCH_U85 ? MD_NPU_CONFIG_AXI_PORTS : MD_NPU_CONFIG_SHRAM;
    const uint32_t fixed =
        MD_NPU_CONFIG_PRODUCT | MD_NPU_CONFIG_STREAM_VERSION | MD_NPU_CONFIG_MACS | sizes;
    return MD_NPU_ARCH_MAJOR(header->id) == MD_NPU_ARCH_MAJOR(id) &&
           MD_NPU_ARCH_MINOR(header->id) <= MD_NPU_ARCH_MINOR(id) &&
           ((header->config ^ config) & fixed) == 0u &&
           (header->config & ~config & MD_NPU_CONFIG_CUSTOM_DMA) == 0u;
}

bool md_npu_check(const uint8_t *stream, uint32_t stream_bytes, md_npu_failure_t *failure) {
    *failure = (md_npu_failure_t){0};
    const header_t header = read_header(stream, stream_bytes);
    failure->stream_config = header.config;
    failure->stream_id = header.id;
    if (header.bytes == 0u || header.id == 0u || header.offset % 16u != 0u) {
        return fail(failure, MD_NPU_FAILED_STREAM, header.offset);
    }
    const uint32_t id = md_npu_bus_read(MD_NPU_REG_ID);
    if (!fits(&header, id, md_npu_bus_read(MD_NPU_REG_CONFIG))) {
        return fail(failure, MD_NPU_FAILED_CONFIG, 0);
    }
    return true;
}

static void write_address(uint32_t offset, const void *pointer) {
    const uint64_t address = (uintptr_t)pointer;
    md_npu_bus_write(offset, (uint32_t)address);
    md_npu_bus_write(offset + 4u, (uint32_t)(address >> 32));
}

/* Which port each region goes through, and what the ports may do. */
static void set_ports(void) {
    const bool u85 = MD_NPU_ARCH_MAJOR(md_npu_bus_read(MD_NPU_REG_ID)) == MD_NPU_ARCH_U85;
    for (uint32_t n = 0; n < 4u; n++) {
        if (u85) {
            md_npu_bus_write(MD_NPU_REG_MEM_ATTR(n), n >= 2u ? MD_NPU_U85_SECOND_PORT : 0u);
        } else {
            md_npu_bus_write(MD_NPU_REG_AXI_LIMIT(n), AXI_LIMIT);
        }
    }
    if (u85) {
        md_npu_bus_write(MD_NPU_REG_AXI_SRAM, U85_AXI_SRAM);
        md_npu_bus_write(MD_NPU_REG_AXI_EXT, U85_AXI_EXT);
    }
    md_npu_bus_write(MD_NPU_REG_QCONFIG, MD_NPU_QUEUE_PORT);
    md_npu_bus_write(MD_NPU_REG_REGIONCFG, MD_NPU_REGION_PORTS);
}

/* Power and clock stay as they are: it may come late, when the run has been given up. */
void md_npu_interrupt(void) {
    const uint32_t kept = md_npu_bus_read(MD_NPU_REG_CMD) & MD_NPU_CMD_Q;
    md_npu_bus_write(MD_NPU_REG_CMD, kept | MD_NPU_CMD_ACKNOWLEDGE);
    interrupted = true;
}

/* An interrupt alone does not tell the end: it may be left from an earlier run. */
static bool wait_for_end(void) {
    for (uint32_t polls = 0; polls < MD_NPU_MAX_POLLS; polls++) {
        const uint32_t status = md_npu_bus_read(MD_NPU_REG_STATUS);
        const bool stopped = interrupted && (status & MD_NPU_STATE_RUNNING) == 0u;
        if (stopped || (status & (MD_NPU_STATE_IRQ | MD_NPU_STATE_ERRORS)) != 0u) {
            return true;
        }
        md_npu_idle();
    }
    return false;
}

static bool run(const md_npu_job_t *job, const header_t *header, md_npu_failure_t *failure) {
    if (!reset()) {
        return fail(failure, MD_NPU_FAILED_RESET, 0);
    }
    md_npu_bus_write(MD_NPU_REG_CMD, 0);
    set_ports();
    write_address(MD_NPU_REG_QBASE, job->stream + header->offset);
    md_npu_bus_write(MD_NPU_REG_QSIZE, header->bytes);
    write_address(MD_NPU_REG_BASEP(0), job->constants);
    write_address(MD_NPU_REG_BASEP(1), job->arena);
    write_address(MD_NPU_REG_BASEP(2), job->arena + job->fast_offset);
    interrupted = false;
    /* What the core wrote into the arena is there before the start, and what the NPU wrote is read
     * after the end. */
    atomic_thread_fence(memory_order_seq_cst);
    md_npu_bus_write(MD_NPU_REG_CMD, MD_NPU_CMD_START);
    const bool ended = wait_for_end();
    atomic_thread_fence(memory_order_seq_cst);
    const uint32_t status = md_npu_bus_read(MD_NPU_REG_STATUS);
    if (!ended) {
        (void)fail(failure, MD_NPU_FAILED_TIMEOUT, 0);
        md_npu_bus_write(MD_NPU_REG_CMD, MD_NPU_CMD_HALT);
        return false;
    }
    if ((status & MD_NPU_STATE_ERRORS) != 0u || (status & MD_NPU_STATE_END_REACHED) == 0u) {
        return fail(failure, MD_NPU_FAILED_RUN, 0);
    }
    md_npu_bus_write(MD_NPU_REG_CMD, MD_NPU_CMD_ACKNOWLEDGE);
    return true;
}

bool md_npu_run(const md_npu_job_t *job, md_npu_failure_t *failure) {
    *failure = (md_npu_failure_t){0};
    const header_t header = read_header(job->stream, job->stream_bytes);
    failure->stream_config = header.config;
    failure->stream_id = header.id;
    md_npu_bus_admit(job);
    md_npu_clean_cache(job->arena, job->arena_bytes);
    md_npu_bus_write(MD_NPU_REG_CMD, 0);
    const bool done = run(job, &header, failure);
    if (!done) {
        md_npu_bus_explain(failure);
        (void)reset();
    }
    md_npu_bus_write(MD_NPU_REG_CMD, MD_NPU_CMD_Q);
    md_npu_invalidate_cache(job->arena, job->arena_bytes);
    return done;
}

bool md_npu_counted(md_npu_counts_t *counts) {
    md_npu_counts_t all = {0};
    const bool counting = md_npu_bus_counters(&all);
    counts->macs = all.macs - told.macs;
    counts->operations = all.operations - told.operations;
    counts->dma_bytes = all.dma_bytes - told.dma_bytes;
    counts->stream_read = all.stream_read - told.stream_read;
    counts->constants_read = all.constants_read - told.constants_read;
    counts->arena_read = all.arena_read - told.arena_read;
    counts->arena_written = all.arena_written - told.arena_written;
    told = all;
    return counting;
}

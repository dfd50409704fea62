/* The NPU's driver against a file of registers that behaves as a test tells it: which registers it
 * writes in which order, which streams it refuses, and what it says of failures. What the commands
 * compute is not its business. */
#include "check.h"
#include "md_npu.h"
#include "md_npu_bus.h"
#include "md_npu_registers.h"

#include <stddef.h>
#include <string.h>

#define U55_ID 0x10066001u
#define U55_128 0x1807u
#define U85_ID 0x20007000u
#define U85_256 0x20000118u

enum { REGISTERS = 0xC0 / 4, WRITES = 64, NEVER = 1000000 };

static struct {
    uint32_t registers[REGISTERS];
    uint32_t final_status; /* STATUS when a run has ended */
    uint32_t polls_of_reset;
    uint32_t polls_of_run;
    uint32_t reading; /* of STATUS, since the reset or start */
    bool running;
    bool interrupts;
    uint32_t order[WRITES];
    uint32_t values[WRITES];
    uint32_t writes;
    uint32_t early; /* an interrupt comes with this reading of STATUS, while it still runs */
    uint32_t admitted;
    bool counts; /* as the functional model does */
    md_npu_counts_t counters;
    uint32_t cleaned, invalidated;
} npu;

static void npu_like(uint32_t id, uint32_t config) {
    memset(&npu, 0, sizeof npu);
    npu.registers[MD_NPU_REG_ID / 4] = id;
    npu.registers[MD_NPU_REG_CONFIG / 4] = config;
    npu.registers[MD_NPU_REG_PROT / 4] = 1;
    npu.final_status = MD_NPU_STATE_IRQ | MD_NPU_STATE_END_REACHED;
}

uint32_t md_npu_bus_open(void) {
    return npu.registers[MD_NPU_REG_ID / 4];
}

static uint32_t status(void) {
    npu.reading++;
    if (npu.running) {
        if (npu.reading == npu.early) {
            md_npu_interrupt();
        }
        if (npu.reading <= npu.polls_of_run) {
            return MD_NPU_STATE_RUNNING;
        }
        if (npu.interrupts) {
            npu.interrupts = false;
            md_npu_interrupt();
        }
        return npu.final_status;
    }
    return npu.reading <= npu.polls_of_reset ? MD_NPU_STATE_RESETTING : 0u;
}

uint32_t md_npu_bus_read(uint32_t offset) {
    return offset == MD_NPU_REG_STATUS ? status() : npu.registers[offset / 4u];
}

void md_npu_bus_write(uint32_t offset, uint32_t value) {
    if (npu.writes < WRITES) {
        npu.order[npu.writes] = offset;
        npu.values[npu.writes] = value;
        npu.writes++;
    }
    npu.registers[offset / 4u] = value;
    if (offset == MD_NPU_REG_RESET) {
        npu.running = false;
        npu.reading = 0;
    }
    if (offset == MD_NPU_REG_CMD && (value & MD_NPU_CMD_START) != 0u) {
        npu.running = true;
        npu.reading = 0;
    }
}

void md_npu_bus_admit(const md_npu_job_t *job) {
    npu.admitted += job->arena_bytes;
}

void md_npu_bus_explain(md_npu_failure_t *failure) {
    failure->model_value = 77;
}

bool md_npu_bus_counters(md_npu_counts_t *counts) {
    if (npu.counts) {
        *counts = npu.counters;
    }
    return npu.counts;
}

void md_npu_clean_cache(const void *data, uint32_t bytes) {
    (void)data;
    npu.cleaned += bytes;
}

void md_npu_invalidate_cache(void *data, uint32_t bytes) {
    (void)data;
    npu.invalidated += bytes;
}

/* Where the register was written last, or -1. */
static int32_t last_write(uint32_t offset) {
    for (uint32_t i = npu.writes; i > 0u; i--) {
        if (npu.order[i - 1u] == offset) {
            return (int32_t)(i - 1u);
        }
    }
    return -1;
}

/* Little-endian words; four commands. */
static uint8_t stream[64];

static void put(uint32_t word, uint32_t value) {
    for (uint32_t i = 0; i < 4u; i++) {
        stream[4u * word + i] = (uint8_t)(value >> (8u * i));
    }
}

static uint32_t make_stream(uint32_t id, uint32_t config) {
    memset(stream, 0, sizeof stream);
    put(0, 0x31504F43u);
    put(1, 0x00100001u);
    put(2, config);
    put(3, id);
    put(4, 5);
    put(5, 5);
    put(6, 5);
    put(7, (4u << 16) | 2u);
    return 48;
}

static uint8_t constants[32], arena[128];

static md_npu_job_t job_of(uint32_t stream_bytes) {
    return (md_npu_job_t){
        .stream = stream,
        .stream_bytes = stream_bytes,
        .constants = constants,
        .constants_bytes = sizeof constants,
        .arena = arena,
        .arena_bytes = sizeof arena,
        .fast_offset = 64,
    };
}

static void test_open(void) {
    md_npu_failure_t failure;
    npu_like(U55_ID, U55_128);
    npu.polls_of_reset = 5;
    CHECK_EQUAL(md_npu_open(&failure), 1);
    CHECK_EQUAL(npu.order[0], MD_NPU_REG_CMD); /* power stays on before the reset begins */
    CHECK_EQUAL(npu.values[0], 0);
    CHECK_EQUAL(npu.order[1], MD_NPU_REG_RESET);
    CHECK_EQUAL(npu.values[1], 1); /* as privileged as it was */
    CHECK_EQUAL(npu.registers[MD_NPU_REG_CMD / 4], MD_NPU_CMD_Q);

    npu_like(U55_ID, U55_128);
    npu.polls_of_reset = NEVER;
    CHECK_EQUAL(md_npu_open(&failure), 0);
    CHECK_EQUAL(failure.kind, MD_NPU_FAILED_RESET);
    CHECK_EQUAL(failure.status, MD_NPU_STATE_RESETTING);

    npu_like(0, 0);
    CHECK_EQUAL(md_npu_open(&failure), 0);
    CHECK_EQUAL(failure.kind, MD_NPU_FAILED_ABSENT);
    CHECK_EQUAL(npu.writes, 0);
}

static void expect_config(uint32_t npu_id, uint32_t npu_config, uint32_t stream_id,
                          uint32_t stream_config, bool fits) {
    md_npu_failure_t failure;
    npu_like(npu_id, npu_config);
    const uint32_t bytes = make_stream(stream_id, stream_config);
    CHECK_EQUAL(md_npu_check(stream, bytes, &failure), fits);
    CHECK_EQUAL(failure.stream_config, stream_config);
    CHECK_EQUAL(failure.stream_id, stream_id);
    CHECK_EQUAL(failure.kind, fits ? 0u : (uint32_t)MD_NPU_FAILED_CONFIG);
    CHECK_EQUAL(npu.writes, 0); /* nothing runs */
}

static void test_configurations(void) {
    expect_config(U55_ID, U55_128, U55_ID, U55_128, true);
    expect_config(U55_ID, U55_128, U55_ID, 0x3008, false);              /* 256 MACs */
    expect_config(U55_ID, U55_128, U55_ID, 0x3007, false);              /* other shared RAM */
    expect_config(U55_ID, U55_128, U55_ID, 0x1817, false);              /* other commands */
    expect_config(U55_ID, U55_128, U55_ID, 0x10001807, false);          /* U65 */
    expect_config(U55_ID, U55_128 | (1u << 27), U55_ID, 0x1807, true);  /* what a stream may lack */
    expect_config(U55_ID, U55_128, U55_ID, 0x1807 | (1u << 27), false); /* what it must not lack */
    expect_config(0x10166001, U55_128, U55_ID, U55_128, true);          /* a later NPU */
    expect_config(U55_ID, U55_128, 0x10166001, U55_128, false);         /* a later compiler */
    expect_config(0x20066001, U55_128, U55_ID, U55_128, false);
    expect_config(U85_ID, U85_256, U85_ID, U85_256, true);
    expect_config(U85_ID, U85_256 | 0x3000u, U85_ID, U85_256, true); /* no shared RAM to compare */
    expect_config(U85_ID, U85_256 ^ 0x0300u, U85_ID, U85_256, false);
}

static void expect_damaged(uint32_t bytes, uint32_t position) {
    md_npu_failure_t failure;
    npu_like(U55_ID, U55_128);
    CHECK_EQUAL(md_npu_check(stream, bytes, &failure), 0);
    CHECK_EQUAL(failure.kind, MD_NPU_FAILED_STREAM);
    CHECK_EQUAL(failure.detail, position);
}

static void test_damaged_streams(void) {
    const uint32_t bytes = make_stream(U55_ID, U55_128);
    for (uint32_t cut = 0; cut < bytes; cut++) {
        md_npu_failure_t failure;
        npu_like(U55_ID, U55_128);
        CHECK_EQUAL(md_npu_check(stream, cut, &failure), 0);
        CHECK_EQUAL(failure.kind, MD_NPU_FAILED_STREAM);
    }
    put(0, 0x32504F43u);
    expect_damaged(bytes, 0);
    (void)make_stream(U55_ID, U55_128);
    put(4, 3); /* an action that is not for us */
    expect_damaged(bytes, 16);
    (void)make_stream(U55_ID, U55_128);
    put(7, (5u << 16) | 2u); /* more commands than there are */
    expect_damaged(bytes, 28);
    (void)make_stream(U55_ID, U55_128);
    put(7, 0x0100u | (4u << 16) | 2u); /* 2^16 more */
    expect_damaged(bytes, 28);
    (void)make_stream(U55_ID, U55_128);
    put(4, (7u << 16) | 2u); /* commands at 20: not aligned */
    expect_damaged(bytes, 20);
    (void)make_stream(U55_ID, U55_128);
    put(1, 5); /* no configuration */
    put(2, 5);
    put(3, 5);
    expect_damaged(bytes, 32);
}

static uint64_t pointer_in(uint32_t offset) {
    return npu.registers[offset / 4u] | ((uint64_t)npu.registers[offset / 4u + 1u] << 32);
}

static void test_a_run(bool by_interrupt) {
    md_npu_failure_t failure;
    npu_like(U55_ID, U55_128);
    npu.polls_of_run = 10;
    npu.interrupts = by_interrupt;
    if (by_interrupt) {
        npu.final_status = MD_NPU_STATE_END_REACHED; /* its handler has acknowledged it */
    }
    const md_npu_job_t job = job_of(make_stream(U55_ID, U55_128));
    CHECK_EQUAL(md_npu_run(&job, &failure), 1);
    CHECK_EQUAL(failure.kind, 0);
    CHECK_EQUAL(npu.admitted, sizeof arena);
    CHECK_EQUAL(npu.cleaned, sizeof arena);
    CHECK_EQUAL(npu.invalidated, sizeof arena);
    CHECK_EQUAL(pointer_in(MD_NPU_REG_QBASE) == (uintptr_t)(stream + 32), 1);
    CHECK_EQUAL(npu.registers[MD_NPU_REG_QSIZE / 4], 16);
    CHECK_EQUAL(pointer_in(MD_NPU_REG_BASEP(0)) == (uintptr_t)constants, 1);
    CHECK_EQUAL(pointer_in(MD_NPU_REG_BASEP(1)) == (uintptr_t)arena, 1);
    CHECK_EQUAL(pointer_in(MD_NPU_REG_BASEP(2)) == (uintptr_t)(arena + 64), 1);
    CHECK_EQUAL(npu.registers[MD_NPU_REG_QCONFIG / 4], 2);
    CHECK_EQUAL(npu.registers[MD_NPU_REG_REGIONCFG / 4], 3);
    CHECK_EQUAL(npu.registers[MD_NPU_REG_AXI_LIMIT(3) / 4], 0x0F1F0000);
    CHECK_EQUAL(npu.registers[MD_NPU_REG_CMD / 4], MD_NPU_CMD_Q);
    /* Acknowledged after the start; the reset came first. */
    int32_t start = -1;
    int32_t acknowledged = -1;
    for (uint32_t i = 0; i < npu.writes; i++) {
        if (npu.order[i] == MD_NPU_REG_CMD && npu.values[i] == MD_NPU_CMD_START) {
            start = (int32_t)i;
        }
        if (npu.order[i] == MD_NPU_REG_CMD && npu.values[i] == MD_NPU_CMD_ACKNOWLEDGE) {
            acknowledged = (int32_t)i;
        }
    }
    CHECK_EQUAL(last_write(MD_NPU_REG_RESET) < start, 1);
    CHECK_EQUAL(last_write(MD_NPU_REG_BASEP(2)) < start, 1);
    CHECK_EQUAL(start < acknowledged, 1);
}

static void test_an_early_interrupt(void) {
    md_npu_failure_t failure;
    npu_like(U55_ID, U55_128);
    npu.polls_of_run = 10;
    npu.early = 3;
    const md_npu_job_t job = job_of(make_stream(U55_ID, U55_128));
    CHECK_EQUAL(md_npu_run(&job, &failure), 1);
    CHECK_EQUAL(npu.reading > npu.polls_of_run, 1);
}

static void test_a_late_interrupt(void) {
    npu_like(U55_ID, U55_128);
    npu.registers[MD_NPU_REG_CMD / 4] = MD_NPU_CMD_Q;
    md_npu_interrupt();
    CHECK_EQUAL(npu.registers[MD_NPU_REG_CMD / 4], MD_NPU_CMD_Q | MD_NPU_CMD_ACKNOWLEDGE);
}

static void test_counts(void) {
    md_npu_failure_t failure;
    md_npu_counts_t counts;
    npu_like(U55_ID, U55_128);
    CHECK_EQUAL(md_npu_open(&failure), 1);
    CHECK_EQUAL(md_npu_counted(&counts), 0); /* a real one */
    const md_npu_counts_t nothing = {0};
    CHECK_EQUAL(memcmp(&counts, &nothing, sizeof counts), 0);
    npu.counts = true;
    npu.counters = (md_npu_counts_t){7, 6, 5, 4, 3, 2, 1};
    CHECK_EQUAL(md_npu_counted(&counts), 1);
    CHECK_EQUAL(memcmp(&counts, &npu.counters, sizeof counts), 0);
    npu.counters = (md_npu_counts_t){17, 26, 35, 44, 53, 62, (uint64_t)1 << 40};
    const md_npu_counts_t more = {10, 20, 30, 40, 50, 60, ((uint64_t)1 << 40) - 1};
    CHECK_EQUAL(md_npu_counted(&counts), 1);
    CHECK_EQUAL(memcmp(&counts, &more, sizeof counts), 0);
    CHECK_EQUAL(md_npu_open(&failure), 1); /* again from the start */
    CHECK_EQUAL(md_npu_counted(&counts), 1);
    CHECK_EQUAL(memcmp(&counts, &npu.counters, sizeof counts), 0);
}

static void test_u85_ports(void) {
    md_npu_failure_t failure;
    npu_like(U85_ID, U85_256);
    const md_npu_job_t job = job_of(make_stream(U85_ID, U85_256));
    CHECK_EQUAL(md_npu_run(&job, &failure), 1);
    CHECK_EQUAL(npu.registers[MD_NPU_REG_MEM_ATTR(0) / 4], 0);
    CHECK_EQUAL(npu.registers[MD_NPU_REG_MEM_ATTR(1) / 4], 0);
    CHECK_EQUAL(npu.registers[MD_NPU_REG_MEM_ATTR(2) / 4], MD_NPU_U85_SECOND_PORT);
    CHECK_EQUAL(npu.registers[MD_NPU_REG_MEM_ATTR(3) / 4], MD_NPU_U85_SECOND_PORT);
    CHECK_EQUAL(npu.registers[MD_NPU_REG_AXI_SRAM / 4], 0x00020F0B);
    CHECK_EQUAL(npu.registers[MD_NPU_REG_AXI_EXT / 4], 0x00021F3F);
}

static void expect_failure(uint32_t final_status, md_npu_failure_kind_t kind) {
    md_npu_failure_t failure;
    npu_like(U55_ID, U55_128);
    npu.final_status = final_status;
    npu.registers[MD_NPU_REG_QREAD / 4] = 12;
    const md_npu_job_t job = job_of(make_stream(U55_ID, U55_128));
    CHECK_EQUAL(md_npu_run(&job, &failure), 0);
    CHECK_EQUAL(failure.kind, kind);
    CHECK_EQUAL(failure.status, final_status);
    CHECK_EQUAL(failure.queue_read, 12);
    CHECK_EQUAL(failure.id, U55_ID);
    CHECK_EQUAL(failure.config, U55_128);
    CHECK_EQUAL(failure.model_value, 77);
    CHECK_EQUAL(npu.running, 0); /* reset again */
    CHECK_EQUAL(npu.registers[MD_NPU_REG_CMD / 4], MD_NPU_CMD_Q);
}

static void test_failures(void) {
    const uint32_t errors[] = {MD_NPU_STATE_BUS_ERROR, MD_NPU_STATE_PARSE_ERROR,
                               MD_NPU_STATE_WEIGHT_ERROR, MD_NPU_STATE_ECC_ERROR,
                               MD_NPU_STATE_BRANCH_ERROR};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        expect_failure(errors[i], MD_NPU_FAILED_RUN);
        expect_failure(errors[i] | MD_NPU_STATE_IRQ | MD_NPU_STATE_END_REACHED, MD_NPU_FAILED_RUN);
    }
    expect_failure(MD_NPU_STATE_IRQ, MD_NPU_FAILED_RUN); /* stopped, but not at the end */
    expect_failure(MD_NPU_STATE_RUNNING, MD_NPU_FAILED_TIMEOUT);
    expect_failure(0, MD_NPU_FAILED_TIMEOUT);

    md_npu_failure_t failure;
    npu_like(U55_ID, U55_128);
    npu.polls_of_reset = NEVER;
    const md_npu_job_t job = job_of(make_stream(U55_ID, U55_128));
    CHECK_EQUAL(md_npu_run(&job, &failure), 0);
    CHECK_EQUAL(failure.kind, MD_NPU_FAILED_RESET);
}

int main(void) {
    test_open();
    test_configurations();
    test_damaged_streams();
    test_a_run(false);
    test_a_run(true);
    test_an_early_interrupt();
    test_a_late_interrupt();
    test_counts();
    test_u85_ports();
    test_failures();
    return failures != 0;
}

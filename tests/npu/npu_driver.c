/* npu_driver.c: runs a command stream on the NPU's model, on the host.
 *
 *     npu_driver JOB RESULT
 *
 * JOB, in words of 64 bits, little endian, and bytes, each part padded to 8:
 *     product, MACs a cycle, bytes of workspace, work limit, bytes of stream, regions, inputs,
 *     outputs, runs
 *     the stream
 *     for each region: its number, bytes, writable, bytes of data; then the data
 *     for each input, then each output: region, offset, bytes
 *     for each run, for each input: the data
 * RESULT:
 *     for each run: error, offset in the stream, command, setting, value, nanoseconds; for each
 *     output: the data
 *     md_npu_counters_t
 * Each region lies in memory of its own, so that sanitizers see its bounds too. */
#define _POSIX_C_SOURCE 199309L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "md_npu_model.h"

typedef struct {
    uint64_t region;
    uint64_t offset;
    uint64_t bytes;
} span_t;

static FILE *job;
static FILE *result;
static md_npu_model_t npu;

static void fail(const char *message) {
    fprintf(stderr, "npu_driver: %s\n", message);
    exit(2);
}

static void read_bytes(void *to, uint64_t bytes) {
    char padding[8];
    if (fread(to, 1, bytes, job) != bytes ||
        fread(padding, 1, (8 - bytes % 8) % 8, job) != (8 - bytes % 8) % 8) {
        fail("the job ends early");
    }
}

static uint64_t read_word(void) {
    uint64_t word;
    read_bytes(&word, sizeof word);
    return word;
}

static void write_bytes(const void *from, uint64_t bytes) {
    static const char padding[8];
    fwrite(from, 1, bytes, result);
    fwrite(padding, 1, (8 - bytes % 8) % 8, result);
}

static void write_word(uint64_t word) {
    write_bytes(&word, sizeof word);
}

static void *allocate(uint64_t bytes) {
    void *memory = aligned_alloc(16, (bytes / 16 + 1) * 16);
    if (!memory) {
        fail("out of memory");
    }
    memset(memory, 0xA5, bytes);
    return memory;
}

static void write_wide(uint32_t offset, const void *memory) {
    const uint64_t address = (uint64_t)(uintptr_t)memory;
    md_npu_model_write(&npu, offset, (uint32_t)address);
    md_npu_model_write(&npu, offset + 4, (uint32_t)(address >> 32));
}

static void run(uint8_t **regions, const void *stream, uint64_t stream_bytes) {
    struct timespec start;
    struct timespec end;
    md_npu_model_write(&npu, MD_NPU_RESET, 0);
    for (uint32_t i = 0; i < MD_NPU_REGIONS; i++) {
        write_wide(MD_NPU_BASEP0 + 8 * i, regions[i]);
    }
    write_wide(MD_NPU_QBASE0, stream);
    md_npu_model_write(&npu, MD_NPU_QSIZE, (uint32_t)stream_bytes);
    clock_gettime(CLOCK_MONOTONIC, &start);
    md_npu_model_write(&npu, MD_NPU_CMD, MD_NPU_CMD_RUN);
    clock_gettime(CLOCK_MONOTONIC, &end);
    const md_npu_fault_t *fault = md_npu_model_fault(&npu);
    write_word(fault->error);
    write_word(fault->stream_offset);
    write_word(fault->command);
    write_word(fault->setting);
    write_word(fault->value);
    write_word((uint64_t)((end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec));
}

static void read_spans(span_t *spans, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        read_bytes(&spans[i], sizeof spans[i]);
    }
}

int main(int argc, char **argv) {
    uint8_t *regions[MD_NPU_REGIONS] = {0};
    md_npu_window_t windows[MD_NPU_REGIONS + 1];
    uint32_t window_count = 0;
    if (argc != 3 || !(job = fopen(argv[1], "rb")) || !(result = fopen(argv[2], "wb"))) {
        fail("cannot open JOB or RESULT");
    }
    const md_npu_config_t config = {(md_npu_product_t)read_word(), (uint32_t)read_word()};
    const uint64_t workspace_bytes = read_word();
    const uint64_t work_limit = read_word();
    const uint64_t stream_bytes = read_word();
    const uint64_t region_count = read_word();
    const uint64_t input_count = read_word();
    const uint64_t output_count = read_word();
    const uint64_t runs = read_word();
    void *stream = allocate(stream_bytes);
    read_bytes(stream, stream_bytes);
    windows[window_count++] =
        (md_npu_window_t){(uint64_t)(uintptr_t)stream, stream_bytes, false, MD_NPU_REGIONS - 1};
    for (uint64_t i = 0; i < region_count && i < MD_NPU_REGIONS; i++) {
        const uint64_t number = read_word() % MD_NPU_REGIONS;
        const uint64_t bytes = read_word();
        const bool writable = read_word();
        const uint64_t data_bytes = read_word();
        if (bytes != 0) { /* nothing lies at a null pointer, as in firmware */
            regions[number] = allocate(bytes);
            read_bytes(regions[number], data_bytes);
        }
        if (window_count < MD_NPU_MAX_WINDOWS) {
            windows[window_count++] = (md_npu_window_t){(uint64_t)(uintptr_t)regions[number], bytes,
                                                        writable, (uint8_t)number};
        }
    }
    span_t *inputs = allocate(input_count * sizeof *inputs);
    span_t *outputs = allocate(output_count * sizeof *outputs);
    read_spans(inputs, input_count);
    read_spans(outputs, output_count);
    void *workspace = allocate(workspace_bytes);
    md_npu_model_init(&npu, &config, windows, window_count, workspace, (uint32_t)workspace_bytes,
                      work_limit);
    for (uint64_t i = 0; i < runs; i++) {
        for (uint64_t k = 0; k < input_count; k++) {
            read_bytes(regions[inputs[k].region] + inputs[k].offset, inputs[k].bytes);
        }
        run(regions, stream, stream_bytes);
        for (uint64_t k = 0; k < output_count; k++) {
            write_bytes(regions[outputs[k].region] + outputs[k].offset, outputs[k].bytes);
        }
    }
    write_bytes(md_npu_model_counters(&npu), sizeof(md_npu_counters_t));
    for (uint32_t i = 0; i < MD_NPU_REGIONS; i++) {
        free(regions[i]);
    }
    free(stream);
    free(inputs);
    free(outputs);
    free(workspace);
    return fclose(job) | fclose(result);
}

/* The NPU's model behind its registers: hand-written streams, mostly DMA with gaps, and how they fail. */
#include "md_npu_model.h"

#include "check.h"

#include <string.h>

enum {
    OP_STOP = 0x000,
    OP_IRQ = 0x001,
    OP_DMA_START = 0x010,
    SET_SRC_REGION = 0x130,
    SET_DST_REGION = 0x131,
    SET_SIZE0 = 0x132,
    SET_SIZE1 = 0x133,
    SET_SRC = 0x4030,
    SET_DST = 0x4031,
    SET_LEN = 0x4032,
    SET_SKIP0 = 0x4033,
    SET_SKIP1 = 0x4034,
};

enum { SOURCE, TARGET }; /* regions */
enum { TWO_DIMENSIONS = 1 << 9, THREE_DIMENSIONS = 2 << 9 };

#define BYTES 64u
#define COMMANDS 32u

static md_npu_model_t npu;
static uint32_t stream[COMMANDS];
static uint32_t words;
static uint8_t source[BYTES];
static uint8_t target[BYTES];
static uint8_t workspace[1024];
static md_npu_window_t windows[3];

static const md_npu_config_t U55 = {MD_NPU_U55, 128};
static const md_npu_config_t U65 = {MD_NPU_U65, 256};

/* A setting or an operation, with the word that follows if there is one. */
static void put(uint32_t code, uint32_t value) {
    if (code & 0x4000u) {
        stream[words++] = code;
        stream[words++] = value;
    } else {
        stream[words++] = value << 16 | code;
    }
}

static void write_pair(uint32_t offset, const void *address) {
    md_npu_model_write(&npu, offset, (uint32_t)(uintptr_t)address);
    md_npu_model_write(&npu, offset + 4, (uint32_t)((uint64_t)(uintptr_t)address >> 32));
}

/* Runs what was put, on fresh memory; the next `put` starts anew. */
static md_npu_error_t run(const md_npu_config_t *config, uint64_t work_limit) {
    const uint32_t count = words;
    for (uint32_t i = 0; i < BYTES; i++) {
        source[i] = (uint8_t)(i + 1);
    }
    memset(target, 0, sizeof target);
    windows[0] = (md_npu_window_t){(uint64_t)(uintptr_t)stream, sizeof stream, false, 0};
    windows[1] = (md_npu_window_t){(uint64_t)(uintptr_t)source, sizeof source, false, 1};
    windows[2] = (md_npu_window_t){(uint64_t)(uintptr_t)target, sizeof target, true, 2};
    md_npu_model_init(&npu, config, windows, 3, workspace, sizeof workspace, work_limit);
    write_pair(MD_NPU_QBASE0, stream);
    md_npu_model_write(&npu, MD_NPU_QSIZE, 4 * count);
    write_pair(MD_NPU_BASEP0 + 8 * SOURCE, source);
    write_pair(MD_NPU_BASEP0 + 8 * TARGET, target);
    md_npu_model_write(&npu, MD_NPU_CMD, MD_NPU_CMD_RUN);
    words = 0;
    return md_npu_model_fault(&npu)->error;
}

/* Rows of `bytes` bytes from byte 4 of the source to byte 2 of the target. */
static void put_copy(uint32_t dimensions, uint32_t bytes, uint32_t rows, uint32_t skip0,
                     uint32_t planes, uint32_t skip1) {
    put(SET_SRC_REGION, SOURCE);
    put(SET_SRC, 4);
    put(SET_DST_REGION, TARGET | dimensions);
    put(SET_DST, 2);
    put(SET_LEN, bytes);
    put(SET_SIZE0, rows);
    put(SET_SKIP0, skip0);
    put(SET_SIZE1, planes);
    put(SET_SKIP1, skip1);
    put(OP_DMA_START, 0);
    put(OP_STOP, 0x8001);
}

/* The target must hold `rows` rows, `pitch` bytes apart but for `gap` more after each `group` rows. */
static void check_rows(uint32_t bytes, uint32_t rows, uint32_t pitch, uint32_t group,
                       uint32_t gap) {
    uint8_t wanted[BYTES] = {0};
    for (uint32_t row = 0; row < rows; row++) {
        const uint32_t to = 2 + row * pitch + row / group * gap;
        memcpy(wanted + to, source + 4 + row * bytes, bytes);
    }
    CHECK_EQUAL(memcmp(target, wanted, sizeof wanted), 0);
}

static void test_copies(void) {
    put_copy(0, 7, 99, 99, 99, 99); /* one dimension: the sizes do not count */
    CHECK_EQUAL(run(&U55, 1000), MD_NPU_OK);
    check_rows(7, 1, 7, 1, 0);
    CHECK_EQUAL((int64_t)md_npu_model_counters(&npu)->dma_bytes, 7);

    put_copy(TWO_DIMENSIONS, 3, 4, 5, 99, 99);
    CHECK_EQUAL(run(&U65, 1000), MD_NPU_OK);
    check_rows(3, 4, 8, 4, 0);

    put_copy(THREE_DIMENSIONS, 3, 2, 0, 5, 4);
    CHECK_EQUAL(run(&U65, 1000), MD_NPU_OK);
    check_rows(3, 10, 3, 2, 4);
    CHECK_EQUAL((int64_t)md_npu_model_counters(&npu)->dma_bytes, 30);
    CHECK_EQUAL((int64_t)md_npu_model_counters(&npu)->bytes_read[1], 30);
    CHECK_EQUAL((int64_t)md_npu_model_counters(&npu)->bytes_written[2], 30);

    put_copy(TWO_DIMENSIONS, 0, 4, 5, 99, 99);
    CHECK_EQUAL(run(&U65, 1000), MD_NPU_OK);
    check_rows(0, 1, 0, 1, 0);
}

static void test_refused_copies(void) {
    put_copy(TWO_DIMENSIONS, 3, 4, 5, 0, 0);
    CHECK_EQUAL(run(&U55, 1000), MD_NPU_NOT_MODELLED);
    CHECK_EQUAL(md_npu_model_fault(&npu)->setting, SET_DST_REGION);

    put_copy(THREE_DIMENSIONS, 3, 2, 1, 2, 4); /* both gaps at once */
    CHECK_EQUAL(run(&U65, 1000), MD_NPU_NOT_MODELLED);
    CHECK_EQUAL(md_npu_model_fault(&npu)->setting, SET_SKIP0);

    put_copy(TWO_DIMENSIONS, 3, 8, 6, 0, 0); /* the eighth row would end at byte 68 */
    CHECK_EQUAL(run(&U65, 1000), MD_NPU_BAD_ADDRESS);
    CHECK_EQUAL((int64_t)md_npu_model_fault(&npu)->value, (int64_t)(uintptr_t)target + 2 + 7 * 9);

    put_copy(0, BYTES - 3, 0, 0, 0, 0);
    CHECK_EQUAL(run(&U65, 1000), MD_NPU_BAD_ADDRESS);
    CHECK_EQUAL(md_npu_model_fault(&npu)->setting, SET_SRC);

    put(SET_SRC_REGION, TARGET);
    put(SET_DST_REGION, SOURCE);
    put(SET_LEN, 1);
    put(OP_DMA_START, 0);
    put(OP_STOP, 0);
    CHECK_EQUAL(run(&U65, 1000), MD_NPU_READ_ONLY);
    CHECK_EQUAL(md_npu_model_read(&npu, MD_NPU_STATUS),
                MD_NPU_STATUS_BUS_ERROR | MD_NPU_STATUS_IRQ_RAISED);
}

/* 11 commands, and 4 rows of 3 bytes, each with a step of its own. */
static void test_work_is_limited(void) {
    put_copy(TWO_DIMENSIONS, 3, 4, 5, 0, 0);
    CHECK_EQUAL(run(&U65, 11 + 4 * 4), MD_NPU_OK);
    put_copy(TWO_DIMENSIONS, 3, 4, 5, 0, 0);
    CHECK_EQUAL(run(&U65, 11 + 4 * 4 - 1), MD_NPU_TOO_MUCH_WORK);
    CHECK_EQUAL(md_npu_model_fault(&npu)->setting, OP_STOP);
    put_copy(TWO_DIMENSIONS, 3, 4, 5, 0, 0);
    CHECK_EQUAL(run(&U65, 10 + 4 * 4 - 1), MD_NPU_TOO_MUCH_WORK);
    CHECK_EQUAL(md_npu_model_fault(&npu)->setting, OP_DMA_START);
    CHECK_EQUAL((int64_t)md_npu_model_fault(&npu)->value, 16);
    check_rows(0, 1, 0, 1, 0);
    /* More than 64 bits could count. */
    put_copy(THREE_DIMENSIONS, UINT32_MAX, 0xFFFF, 0, 0xFFFF, 0);
    stream[7] |= 0xFFu << 16; /* LEN has 40 bits */
    CHECK_EQUAL(run(&U65, 1000), MD_NPU_TOO_MUCH_WORK);
    /* Each run has the whole limit. */
    put_copy(TWO_DIMENSIONS, 3, 4, 5, 0, 0);
    CHECK_EQUAL(run(&U65, 40), MD_NPU_OK);
    md_npu_model_write(&npu, MD_NPU_CMD, MD_NPU_CMD_RUN);
    CHECK_EQUAL(md_npu_model_fault(&npu)->error, MD_NPU_OK);
}

static void test_streams_end(void) {
    put(OP_IRQ, 0x0002);
    put(OP_STOP, 0x8001);
    CHECK_EQUAL(run(&U55, 2), MD_NPU_OK);
    CHECK_EQUAL(md_npu_model_read(&npu, MD_NPU_STATUS),
                0x8003ll << MD_NPU_STATUS_IRQ_HISTORY_SHIFT | MD_NPU_STATUS_CMD_END_REACHED |
                    MD_NPU_STATUS_IRQ_RAISED);
    CHECK_EQUAL(md_npu_model_read(&npu, MD_NPU_QREAD), 8);
    md_npu_model_write(&npu, MD_NPU_CMD, MD_NPU_CMD_CLEAR_IRQ | 0x8001u << 16);
    CHECK_EQUAL(md_npu_model_read(&npu, MD_NPU_STATUS),
                2 << MD_NPU_STATUS_IRQ_HISTORY_SHIFT | MD_NPU_STATUS_CMD_END_REACHED);

    put(OP_IRQ, 0);
    CHECK_EQUAL(run(&U55, 2), MD_NPU_BAD_STREAM); /* no STOP */
    CHECK_EQUAL(run(&U55, 2), MD_NPU_BAD_STREAM); /* nothing at all */
    put(SET_LEN, 0);
    words--;
    CHECK_EQUAL(run(&U55, 2), MD_NPU_BAD_STREAM); /* no payload */
    put(0x3FF, 0);
    CHECK_EQUAL(run(&U55, 2), MD_NPU_BAD_COMMAND);
    CHECK_EQUAL(md_npu_model_read(&npu, MD_NPU_STATUS),
                MD_NPU_STATUS_CMD_PARSE_ERROR | MD_NPU_STATUS_IRQ_RAISED);
    const md_npu_config_t impossible = {MD_NPU_U55, 512};
    put(OP_STOP, 0);
    CHECK_EQUAL(run(&impossible, 2), MD_NPU_BAD_CONFIG);
}

static void test_identity(void) {
    put(OP_STOP, 0);
    (void)run(&U55, 1);
    CHECK_EQUAL(md_npu_model_read(&npu, MD_NPU_ID), 0x10160000);
    CHECK_EQUAL(md_npu_model_read(&npu, MD_NPU_CONFIG), 24 << 8 | 7);
    md_npu_model_write(&npu, MD_NPU_RESET, 3);
    CHECK_EQUAL(md_npu_model_read(&npu, MD_NPU_STATUS), 0);
    CHECK_EQUAL(md_npu_model_read(&npu, MD_NPU_QSIZE), 0);
    CHECK_EQUAL(md_npu_model_read(&npu, MD_NPU_PROT), 3);
    for (int error = MD_NPU_OK; error <= MD_NPU_TOO_MUCH_WORK; error++) {
        CHECK_EQUAL(strcmp(md_npu_model_error_text((md_npu_error_t)error), "unknown error") != 0,
                    1);
    }
}

int main(void) {
    test_copies();
    test_refused_copies();
    test_work_is_limited();
    test_streams_end();
    test_identity();
    return failures != 0;
}

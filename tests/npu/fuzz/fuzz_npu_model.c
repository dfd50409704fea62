/* Runs hostile command streams, weights and scales through the NPU's model.
 *
 * An input is a header (fuzz_header_t), then the command stream, then the constants. Stream,
 * constants, arena, fast memory and workspace are blocks of their own, of just their sizes, so that
 * AddressSanitizer sees whatever the model's own checks let through. The model's limit of work is
 * small, so that no input takes long. */
#include "fuzz.h"

#include "md_npu_model.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STREAM_BYTES (64u * 1024u)
#define MAX_ARENA_BYTES (1024u * 1024u)
#define PATTERN_BYTES 4093u
#define WORK_LIMIT ((uint64_t)1 << 23)

bool fuzz_ended_well;

typedef struct {
    uint8_t configuration;
    uint8_t workspace; /* KiB below the least that is promised to be enough */
    uint8_t flags;     /* bit 0: the arena is read-only; bit 1: constants may be written */
    uint8_t runs;
    uint32_t stream_bytes;
    uint32_t arena_bytes;
    uint32_t fast_bytes; /* 0: region 2 is the arena too */
} fuzz_header_t;

static const md_npu_config_t CONFIGURATIONS[] = {
    {MD_NPU_U55, 32},  {MD_NPU_U55, 64},  {MD_NPU_U55, 128},
    {MD_NPU_U55, 256}, {MD_NPU_U65, 256}, {MD_NPU_U65, 512},
};

/* The commands of a stream, as far as the mutator needs to know them. */
#define HAS_PAYLOAD(word) (((word)&0xC000u) == 0x4000u)

static uint32_t word_at(const uint8_t *data, uint32_t index) {
    uint32_t word;
    memcpy(&word, data + 4u * index, sizeof word);
    return word;
}

static uint32_t min_u32(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static const uint8_t *pattern(void) {
    static uint8_t bytes[PATTERN_BYTES];
    uint32_t state = 1;
    for (uint32_t i = 0; bytes[0] == 0 && i < PATTERN_BYTES; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[PATTERN_BYTES - 1u - i] = (uint8_t)(state >> 24 | 1u);
    }
    return bytes;
}

/* A copy, or memory of that size with something in it; null where nothing is, as in firmware. */
static void *block(const void *from, uint32_t bytes) {
    if (bytes == 0) {
        return NULL;
    }
    uint8_t *memory = malloc(bytes);
    if (memory == NULL) {
        abort();
    }
    if (from != NULL) {
        memcpy(memory, from, bytes);
    }
    for (uint32_t at = 0; from == NULL && at < bytes; at += PATTERN_BYTES) {
        memcpy(memory + at, pattern(), min_u32(PATTERN_BYTES, bytes - at));
    }
    return memory;
}

static void write_pair(md_npu_model_t *npu, uint32_t offset, const void *address) {
    md_npu_model_write(npu, offset, (uint32_t)(uintptr_t)address);
    md_npu_model_write(npu, offset + 4u, (uint32_t)((uint64_t)(uintptr_t)address >> 32));
}

static void run(md_npu_model_t *npu, const uint8_t *stream, uint32_t bytes,
                uint8_t *const regions[3]) {
    md_npu_model_write(npu, MD_NPU_RESET, 0);
    write_pair(npu, MD_NPU_QBASE0, stream);
    md_npu_model_write(npu, MD_NPU_QSIZE, bytes);
    for (uint32_t i = 0; i < 3; i++) {
        write_pair(npu, MD_NPU_BASEP0 + 8u * i, regions[i]);
    }
    md_npu_model_write(npu, MD_NPU_CMD, MD_NPU_CMD_RUN);
    const md_npu_fault_t *fault = md_npu_model_fault(npu);
    uint32_t status = md_npu_model_read(npu, MD_NPU_STATUS);
    bool ended = (status & MD_NPU_STATUS_CMD_END_REACHED) != 0;
    if (ended != (fault->error == MD_NPU_OK) || (status & MD_NPU_STATUS_RUNNING) != 0) {
        abort(); /* a stream ends, or there is a fault; never both, never neither */
    }
    if (md_npu_model_error_text(fault->error) == NULL || fault->stream_offset > bytes) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static md_npu_model_t npu;
    fuzz_header_t header;
    fuzz_ended_well = false;
    if (size < sizeof header || size > UINT32_MAX) {
        return 0;
    }
    memcpy(&header, data, sizeof header);
    data += sizeof header;
    uint32_t left = (uint32_t)(size - sizeof header);
    uint32_t stream_bytes = min_u32(min_u32(header.stream_bytes, left), MAX_STREAM_BYTES);
    uint32_t arena_bytes = min_u32(header.arena_bytes, MAX_ARENA_BYTES);
    uint32_t fast_bytes = min_u32(header.fast_bytes, MAX_ARENA_BYTES);
    uint32_t workspace_bytes = MD_NPU_MIN_WORKSPACE_BYTES - 1024u * min_u32(header.workspace, 64u);
    uint8_t *stream = block(data, stream_bytes);
    uint8_t *constants = block(data + stream_bytes, left - stream_bytes);
    uint8_t *arena = block(NULL, arena_bytes);
    uint8_t *fast = fast_bytes > 0 ? block(NULL, fast_bytes) : arena;
    void *workspace = block(NULL, workspace_bytes);
    uint8_t *const regions[] = {constants, arena, fast};
    const md_npu_window_t windows[] = {
        {(uint64_t)(uintptr_t)stream, stream_bytes, false, 0},
        {(uint64_t)(uintptr_t)constants, left - stream_bytes, (header.flags & 2u) != 0, 1},
        {(uint64_t)(uintptr_t)arena, arena_bytes, (header.flags & 1u) == 0, 2},
        {(uint64_t)(uintptr_t)fast, fast_bytes, true, 3},
    };
    uint32_t count = sizeof CONFIGURATIONS / sizeof CONFIGURATIONS[0];
    md_npu_model_init(&npu, &CONFIGURATIONS[header.configuration % count], windows,
                      fast_bytes > 0 ? 4u : 3u, workspace, workspace_bytes, WORK_LIMIT);
    for (uint32_t i = 0; i <= (header.runs & 1u); i++) {
        run(&npu, stream, stream_bytes, regions);
    }
    const md_npu_fault_t *fault = md_npu_model_fault(&npu);
    fuzz_ended_well = fault->error == MD_NPU_OK;
    if (fault->error == MD_NPU_WORKSPACE_TOO_SMALL && fault->value <= workspace_bytes) {
        abort(); /* there was enough */
    }
    if (fault->error == MD_NPU_TOO_MUCH_WORK && fault->value == 0) {
        abort();
    }
    free(stream);
    free(constants);
    free(arena);
    if (fast != arena) {
        free(fast);
    }
    free(workspace);
    return 0;
}

/* The mutator: changes commands as commands, so that streams stay streams. */

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* The word at which the command starts that lies at or after a word drawn at random. */
static uint32_t pick_command(const uint8_t *stream, uint32_t words, uint32_t *random) {
    uint32_t target = next_random(random) % words;
    uint32_t at = 0;
    while (at < target) {
        at += HAS_PAYLOAD(word_at(stream, at)) ? 2u : 1u;
    }
    return min_u32(at, words - 1u);
}

static uint32_t mutate_value(uint32_t value, uint32_t bits, uint32_t *random) {
    static const uint32_t interesting[] = {
        0,     1,     2,     3,       7,        8,        15,          16,          31,
        32,    63,    64,    127,     128,      255,      256,         0x7FFF,      0x8000,
        65534, 65535, 65536, 0xFFFFF, 1u << 24, 1u << 30, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu};
    switch (next_random(random) % 6u) {
    case 0:
        return interesting[next_random(random) % (sizeof interesting / sizeof interesting[0])];
    case 1:
        return value + 1u + next_random(random) % 4u;
    case 2:
        return value - 1u - next_random(random) % 4u;
    case 3:
        return value ^ 1u << next_random(random) % bits;
    case 4:
        return next_random(random) % 20u;
    default:
        return value * 2u;
    }
}

static void mutate_command(uint8_t *stream, uint32_t words, uint32_t at, uint32_t *random) {
    uint32_t word = word_at(stream, at);
    if (HAS_PAYLOAD(word) && at + 1u < words && next_random(random) % 8u != 0) {
        uint32_t payload = mutate_value(word_at(stream, at + 1u), 32, random);
        memcpy(stream + 4u * (at + 1u), &payload, sizeof payload);
        return;
    }
    uint32_t parameter = mutate_value(word >> 16, 16, random);
    word = (word & 0xFFFFu) | parameter << 16;
    if (next_random(random) % 32u == 0) {
        word ^= 1u << next_random(random) % 10u;
    }
    memcpy(stream + 4u * at, &word, sizeof word);
}

/* Puts a copy of one command before another; all else moves up. */
static size_t copy_command(uint8_t *data, size_t size, fuzz_header_t *header, uint32_t words,
                           uint32_t *random) {
    uint8_t *stream = data + sizeof *header;
    uint32_t from = pick_command(stream, words, random);
    uint32_t to = pick_command(stream, words, random);
    uint32_t count = HAS_PAYLOAD(word_at(stream, from)) && from + 1u < words ? 2u : 1u;
    uint8_t copy[8];
    memcpy(copy, stream + 4u * from, 4u * count);
    memmove(stream + 4u * (to + count), stream + 4u * to, size - sizeof *header - 4u * to);
    memcpy(stream + 4u * to, copy, 4u * count);
    header->stream_bytes += 4u * count;
    return size + 4u * count;
}

static size_t drop_command(uint8_t *data, size_t size, fuzz_header_t *header, uint32_t words,
                           uint32_t *random) {
    uint8_t *stream = data + sizeof *header;
    uint32_t at = pick_command(stream, words, random);
    uint32_t count = HAS_PAYLOAD(word_at(stream, at)) && at + 1u < words ? 2u : 1u;
    memmove(stream + 4u * at, stream + 4u * (at + count),
            size - sizeof *header - 4u * (at + count));
    header->stream_bytes -= 4u * count;
    return size - 4u * count;
}

static void mutate_header(fuzz_header_t *header, uint32_t *random) {
    switch (next_random(random) % 5u) {
    case 0:
        header->configuration = (uint8_t)next_random(random);
        break;
    case 1:
        header->workspace = (uint8_t)(next_random(random) % 70u);
        break;
    case 2:
        header->flags = (uint8_t)next_random(random);
        break;
    case 3:
        header->arena_bytes = mutate_value(header->arena_bytes, 20, random) & 0xFFFFFu;
        break;
    default:
        header->fast_bytes = mutate_value(header->fast_bytes, 20, random) & 0xFFFFFu;
        break;
    }
}

static size_t mutate_once(uint8_t *data, size_t size, size_t max_size, uint32_t *random) {
    fuzz_header_t header;
    memcpy(&header, data, sizeof header);
    header.stream_bytes = min_u32(header.stream_bytes, (uint32_t)(size - sizeof header));
    uint32_t words = header.stream_bytes / 4u;
    size_t fixed = sizeof header + header.stream_bytes;
    uint32_t choice = next_random(random) % 16u;
    if (choice == 0) {
        mutate_header(&header, random);
    } else if (choice < 5 && size > fixed) {
        size = fixed + LLVMFuzzerMutate(data + fixed, size - fixed,
                                        choice == 1 ? max_size - fixed : size - fixed);
    } else if (choice == 5 && words > 0 && size + 8u <= max_size) {
        size = copy_command(data, size, &header, words, random);
    } else if (choice == 6 && words > 1) {
        size = drop_command(data, size, &header, words, random);
    } else if (words > 0) {
        uint8_t *stream = data + sizeof header;
        mutate_command(stream, words, pick_command(stream, words, random), random);
    }
    memcpy(data, &header, sizeof header);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    uint32_t random = seed;
    uint32_t times = 1u + next_random(&random) % 4u;
    if (size < sizeof(fuzz_header_t) || size > max_size) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    for (uint32_t i = 0; i < times; i++) {
        size = mutate_once(data, size, max_size, &random);
    }
    return size;
}

/* Decodes hostile weight streams for hostile layouts: as bricks and into an array, which must agree.
 *
 * An input is the layout's ten members, 16 bits each, and then the stream. */
#include "fuzz.h"

#include "md_npu_weights.h"

#include <stdlib.h>
#include <string.h>

#define MEMBERS 10u
#define MAX_ELEMENTS (1u << 16)
#define MAX_BRICKS 20000u

bool fuzz_ended_well;

static md_npu_weights_layout_t layout_of(const uint8_t *data) {
    uint16_t m[MEMBERS];
    memcpy(m, data, sizeof m);
    return (md_npu_weights_layout_t){(md_npu_traversal_t)(m[0] % 4u),
                                     m[1],
                                     m[2],
                                     m[3],
                                     m[4] % 70u,
                                     m[5] % 70u,
                                     m[6] % 4u,
                                     m[7] % 4u,
                                     m[8] % 2u ? 8u : 16u,
                                     m[9] % 2u ? 4u : 8u};
}

static void check_brick(const md_npu_weights_layout_t *l, const md_npu_weights_brick_t *b) {
    uint32_t depth = l->traversal == MD_NPU_DEPTHWISE ? 1u : l->ifm_depth;
    if (b->ofm_count * b->ifm_count > 64u || b->ofm + b->ofm_count > l->ofm_depth) {
        abort();
    }
    if (b->ofm_count > 0 && (b->ky >= l->kernel_height || b->kx >= l->kernel_width ||
                             b->ifm + b->ifm_count > depth || b->ifm_count == 0)) {
        abort();
    }
}

/* What the bricks of a block say must be what unpacking it wrote. */
static void compare(md_npu_weights_t *bricks, uint32_t first, const int16_t *unpacked,
                    const md_npu_weights_strides_t *s) {
    md_npu_weights_brick_t b;
    do {
        if (!md_npu_weights_next(bricks, &b)) {
            abort();
        }
        for (uint32_t o = 0; o < b.ofm_count; o++) {
            for (uint32_t i = 0; i < b.ifm_count; i++) {
                uint32_t at = (b.ofm - first + o) * s->ofm + b.ky * s->ky + b.kx * s->kx +
                              (b.ifm + i) * s->ifm;
                if (unpacked[at] != b.weights[o * b.ofm_pitch + i]) {
                    abort();
                }
            }
        }
    } while (!b.block_end);
}

static void unpack(const md_npu_weights_layout_t *layout, const uint8_t *data, uint32_t bytes) {
    uint32_t depth = layout->traversal == MD_NPU_DEPTHWISE ? 1u : layout->ifm_depth;
    const md_npu_weights_strides_t strides = {layout->kernel_height * layout->kernel_width * depth,
                                              layout->kernel_width * depth, depth, 1};
    md_npu_weights_t reader;
    uint32_t first;
    uint32_t count;
    (void)md_npu_weights_init(&reader, layout, data, bytes);
    while (md_npu_weights_block(&reader, &first, &count)) {
        uint64_t elements = (uint64_t)count * strides.ofm;
        if (elements > MAX_ELEMENTS) {
            elements = MAX_ELEMENTS; /* refused, or AddressSanitizer says so */
        }
        md_npu_weights_t bricks = reader;
        int16_t *out = malloc(elements * sizeof *out);
        if (out == NULL) {
            abort();
        }
        md_npu_weights_t refused = reader;
        if (md_npu_weights_unpack(&refused, out, (uint32_t)elements - 1u, &strides)) {
            abort();
        }
        if (md_npu_weights_unpack(&reader, out, (uint32_t)elements, &strides)) {
            compare(&bricks, first, out, &strides);
        }
        free(out);
    }
}

static void read_bricks(const md_npu_weights_layout_t *layout, const uint8_t *data,
                        uint32_t bytes) {
    md_npu_weights_t reader;
    md_npu_weights_brick_t brick;
    (void)md_npu_weights_init(&reader, layout, data, bytes);
    uint64_t weights = 0;
    for (uint32_t i = 0; i < MAX_BRICKS && md_npu_weights_next(&reader, &brick); i++) {
        check_brick(layout, &brick);
        weights += (uint64_t)layout->ofm_ublock_depth * brick.ofm_pitch;
    }
    if (reader.done && weights != md_npu_weights_count(&reader)) {
        abort();
    }
    fuzz_ended_well = reader.done && reader.error == MD_NPU_WEIGHTS_OK;
    if (md_npu_weights_offset(&reader) > bytes) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_ended_well = false;
    if (size < 2u * MEMBERS || size > UINT32_MAX) {
        return 0;
    }
    const md_npu_weights_layout_t layout = layout_of(data);
    uint32_t bytes = (uint32_t)(size - 2u * MEMBERS);
    uint8_t *stream = malloc(bytes);
    if (stream == NULL && bytes > 0) {
        abort();
    }
    if (bytes > 0) {
        memcpy(stream, data + 2u * MEMBERS, bytes);
    }
    unpack(&layout, stream, bytes);
    read_bricks(&layout, stream, bytes);
    free(stream);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    if (size > 2u * MEMBERS && seed % 4u != 0) { /* mostly the stream alone */
        return 2u * MEMBERS +
               LLVMFuzzerMutate(data + 2u * MEMBERS, size - 2u * MEMBERS, max_size - 2u * MEMBERS);
    }
    return LLVMFuzzerMutate(data, size, max_size);
}

/* md_npu_weights.c: where each weight of a stream belongs; see the header. */
#include "md_npu_weights.h"

#include <string.h>

#define SUB_KERNEL 8u
#define IFM_UBLOCK 8u

static uint32_t min_u32(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t round_up(uint32_t value, uint32_t unit) {
    return (value + unit - 1u) / unit * unit;
}

uint32_t md_npu_weights_share(uint32_t depth, uint32_t cores, uint32_t core) {
    return (depth + cores - 1u - core) / cores;
}

static bool within(uint32_t value, uint32_t highest) {
    return value >= 1u && value <= highest;
}

static bool layout_is_good(const md_npu_weights_layout_t *l) {
    return (uint32_t)l->traversal <= (uint32_t)MD_NPU_DEPTHWISE &&
           within(l->ofm_depth, MD_NPU_WEIGHTS_MAX_DEPTH) &&
           within(l->ofm_block_depth, MD_NPU_WEIGHTS_MAX_DEPTH) &&
           (within(l->ifm_depth, MD_NPU_WEIGHTS_MAX_DEPTH) || l->traversal == MD_NPU_DEPTHWISE) &&
           within(l->kernel_height, MD_NPU_WEIGHTS_MAX_KERNEL) &&
           within(l->kernel_width, MD_NPU_WEIGHTS_MAX_KERNEL / l->kernel_height) &&
           within(l->dilation_y, 2) && within(l->dilation_x, 2) &&
           (l->ifm_bits == 8u || l->ifm_bits == 16u) &&
           (l->ofm_ublock_depth == 4u || l->ofm_ublock_depth == 8u);
}

bool md_npu_weights_init(md_npu_weights_t *reader, const md_npu_weights_layout_t *layout,
                         const void *stream, uint32_t bytes) {
    memset(reader, 0, sizeof *reader);
    md_npu_weight_stream_init(&reader->stream, stream, bytes);
    reader->layout = *layout;
    if (!layout_is_good(layout)) {
        reader->error = MD_NPU_WEIGHTS_BAD_LAYOUT;
        return false;
    }
    if (layout->traversal == MD_NPU_DEPTHWISE) {
        reader->layout.ifm_depth = 1;
    }
    bool whole = layout->traversal == MD_NPU_DEPTH_FIRST && layout->ifm_bits == 8u;
    reader->ifm_block_depth = whole ? 32u : 16u;
    reader->sub_height = SUB_KERNEL / layout->dilation_y;
    reader->sub_width = SUB_KERNEL / layout->dilation_x;
    return true;
}

bool md_npu_weights_block(const md_npu_weights_t *reader, uint32_t *first, uint32_t *count) {
    if (reader->done || reader->error != MD_NPU_WEIGHTS_OK) {
        return false;
    }
    const md_npu_weights_layout_t *l = &reader->layout;
    *first = reader->ofm_block;
    *count = min_u32(l->ofm_block_depth, l->ofm_depth - reader->ofm_block);
    return true;
}

/* Kernel elements of the sub-kernel, with the padding that follows them. */
static uint32_t padded_elements(const md_npu_weights_t *r, uint32_t elements) {
    switch (r->layout.traversal) {
    case MD_NPU_PART_KERNEL_FIRST:
        return round_up(elements, r->layout.ifm_bits == 8u ? 4u : 2u);
    case MD_NPU_DEPTHWISE:
        return round_up(elements, 4);
    default:
        return elements;
    }
}

/* Kernel elements of all sub-kernels, with the padding of each. */
static uint64_t padded_kernel(const md_npu_weights_t *r) {
    uint64_t elements = 0;
    for (uint32_t y = 0; y < r->layout.kernel_height; y += r->sub_height) {
        uint32_t height = min_u32(r->sub_height, r->layout.kernel_height - y);
        for (uint32_t x = 0; x < r->layout.kernel_width; x += r->sub_width) {
            uint32_t width = min_u32(r->sub_width, r->layout.kernel_width - x);
            elements += padded_elements(r, height * width);
        }
    }
    return elements;
}

uint64_t md_npu_weights_count(const md_npu_weights_t *reader) {
    const md_npu_weights_layout_t *l = &reader->layout;
    uint32_t ublock = l->ofm_ublock_depth;
    uint64_t channels =
        (uint64_t)(l->ofm_depth / l->ofm_block_depth) * round_up(l->ofm_block_depth, ublock) +
        round_up(l->ofm_depth % l->ofm_block_depth, ublock);
    uint32_t ifm = 1;
    if (l->traversal == MD_NPU_DEPTH_FIRST) {
        ifm = round_up(l->ifm_depth, reader->ifm_block_depth);
    } else if (l->traversal == MD_NPU_PART_KERNEL_FIRST) {
        ifm = round_up(l->ifm_depth, IFM_UBLOCK);
    }
    return channels * ifm * padded_kernel(reader);
}

/* Steps one loop: adds `step` while that stays below `limit`, else starts it over. */
static bool step(uint32_t *position, uint32_t step, uint32_t limit) {
    *position += step;
    if (*position < limit) {
        return true;
    }
    *position = 0;
    return false;
}

/* To the next brick; false at the end of the OFM block. */
static bool advance(md_npu_weights_t *r, uint32_t block_count, uint32_t elements) {
    const md_npu_weights_layout_t *l = &r->layout;
    bool part_kernel = l->traversal == MD_NPU_PART_KERNEL_FIRST;
    uint32_t outer = min_u32(r->ifm_block_depth, l->ifm_depth - r->ifm_block);
    return (l->traversal == MD_NPU_DEPTH_FIRST &&
            step(&r->ifm_inner, IFM_UBLOCK, r->ifm_block_depth)) ||
           step(&r->element, 1, elements) ||
           step(&r->ofm_inner, l->ofm_ublock_depth, block_count) ||
           (part_kernel && step(&r->ifm_outer, IFM_UBLOCK, outer)) ||
           step(&r->sub_x, r->sub_width, l->kernel_width) ||
           step(&r->sub_y, r->sub_height, l->kernel_height) ||
           step(&r->ifm_block, r->ifm_block_depth, l->ifm_depth);
}

static bool read_brick(md_npu_weights_t *r, md_npu_weights_brick_t *brick) {
    uint32_t wanted = r->layout.ofm_ublock_depth * brick->ofm_pitch;
    if (md_npu_weight_stream_read(&r->stream, brick->weights, wanted) == wanted) {
        return true;
    }
    r->error = r->stream.error != MD_NPU_WEIGHTS_OK ? r->stream.error : MD_NPU_WEIGHTS_TRUNCATED;
    return false;
}

bool md_npu_weights_next(md_npu_weights_t *reader, md_npu_weights_brick_t *brick) {
    md_npu_weights_t *r = reader;
    const md_npu_weights_layout_t *l = &r->layout;
    uint32_t first;
    uint32_t count;
    if (!md_npu_weights_block(r, &first, &count)) {
        return false;
    }
    brick->ofm_pitch = l->traversal == MD_NPU_DEPTHWISE ? 1u : IFM_UBLOCK;
    if (!read_brick(r, brick)) {
        return false;
    }
    uint32_t height = min_u32(r->sub_height, l->kernel_height - r->sub_y);
    uint32_t width = min_u32(r->sub_width, l->kernel_width - r->sub_x);
    uint32_t ifm = r->ifm_block + r->ifm_outer + r->ifm_inner;
    bool padding = r->element >= height * width || ifm >= l->ifm_depth;
    brick->ofm = first + r->ofm_inner;
    brick->ofm_count = padding ? 0u : min_u32(l->ofm_ublock_depth, count - r->ofm_inner);
    brick->ky = r->sub_y + r->element / width;
    brick->kx = r->sub_x + r->element % width;
    brick->ifm = ifm;
    brick->ifm_count = padding ? 0u : min_u32(brick->ofm_pitch, l->ifm_depth - ifm);
    brick->block_end = !advance(r, count, padded_elements(r, height * width));
    if (brick->block_end) {
        r->done = !step(&r->ofm_block, l->ofm_block_depth, l->ofm_depth);
    }
    return true;
}

static void scatter(const md_npu_weights_brick_t *brick, int16_t *out,
                    const md_npu_weights_strides_t *strides) {
    for (uint32_t o = 0; o < brick->ofm_count; o++) {
        const int16_t *row = brick->weights + o * brick->ofm_pitch;
        for (uint32_t i = 0; i < brick->ifm_count; i++) {
            out[o * strides->ofm + i * strides->ifm] = row[i];
        }
    }
}

/* Elements that an array needs for `count` channels; far below 2^64. */
static uint64_t span(const md_npu_weights_layout_t *l, uint32_t count,
                     const md_npu_weights_strides_t *strides) {
    return (uint64_t)(count - 1u) * strides->ofm + (uint64_t)(l->kernel_height - 1u) * strides->ky +
           (uint64_t)(l->kernel_width - 1u) * strides->kx +
           (uint64_t)(l->ifm_depth - 1u) * strides->ifm + 1u;
}

bool md_npu_weights_unpack(md_npu_weights_t *reader, int16_t *out, uint32_t elements,
                           const md_npu_weights_strides_t *strides) {
    uint32_t first;
    uint32_t count;
    if (!md_npu_weights_block(reader, &first, &count)) {
        return false;
    }
    if (span(&reader->layout, count, strides) > elements) {
        reader->error = MD_NPU_WEIGHTS_TOO_SMALL;
        return false;
    }
    md_npu_weights_brick_t brick;
    do {
        if (!md_npu_weights_next(reader, &brick)) {
            return false;
        }
        if (brick.ofm_count > 0) {
            scatter(&brick,
                    out + (brick.ofm - first) * strides->ofm + brick.ky * strides->ky +
                        brick.kx * strides->kx + brick.ifm * strides->ifm,
                    strides);
        }
    } while (!brick.block_end);
    return true;
}

uint32_t md_npu_weights_offset(const md_npu_weights_t *reader) {
    return reader->stream.next - reader->stream.available / 8u;
}

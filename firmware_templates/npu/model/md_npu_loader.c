/* md_npu_loader.c: ranges of unpacked weights. */
#include "md_npu_loader.h"

#include <string.h>

#include "md_npu_internal.h"

#define PART_KERNEL_FIRST (1u << 2)

static bool open_reader(md_npu_model_t *npu, uint32_t core, const md_npu_weights_layout_t *layout,
                        md_npu_weights_t *reader) {
    const uint32_t base = core ? MD_NPU_SET_WEIGHT1_BASE : MD_NPU_SET_WEIGHT_BASE;
    const uint32_t length = core ? MD_NPU_SET_WEIGHT1_LENGTH : MD_NPU_SET_WEIGHT_LENGTH;
    const uint32_t bytes = md_npu_payload(npu, length);
    uint64_t address;
    if (!md_npu_region_address(npu, MD_NPU_SET_WEIGHT_REGION, md_npu_wide_setting(npu, base),
                               &address)) {
        return false;
    }
    const uint8_t *stream = md_npu_reach(npu, address, bytes, false, MD_NPU_PAYLOAD | base);
    if (!stream) {
        return false;
    }
    md_npu_count(npu, address, bytes, false);
    if (!md_npu_weights_init(reader, layout, stream, bytes)) {
        return md_npu_fail(npu, MD_NPU_BAD_WEIGHTS, MD_NPU_PAYLOAD | base, 0);
    }
    return true;
}

static bool open_readers(md_npu_model_t *npu, md_npu_weights_layout_t layout, uint32_t ofm_depth,
                         md_npu_loader_t *loader) {
    const uint32_t block_depth = md_npu_setting(npu, MD_NPU_SET_OFM_BLK_DEPTH_M1) + 1;
    if (block_depth % npu->cores != 0) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, MD_NPU_SET_OFM_BLK_DEPTH_M1, block_depth - 1);
    }
    layout.ofm_block_depth = block_depth / npu->cores;
    for (uint32_t core = 0; core < npu->cores; core++) {
        layout.ofm_depth = md_npu_weights_share(ofm_depth, npu->cores, core);
        if (layout.ofm_depth == 0) {
            break;
        }
        if (!open_reader(npu, core, &layout, &loader->readers[core])) {
            return false;
        }
        loader->cores++;
    }
    return true;
}

static bool divide_workspace(md_npu_model_t *npu, md_npu_loader_t *loader) {
    const uint64_t own = sizeof *loader;
    const uint64_t patch = loader->is_depthwise ? 0 : loader->pitch;
    const uint64_t needed = own + (patch + loader->pitch) * sizeof(int16_t);
    if (needed > npu->workspace_bytes) {
        return md_npu_fail(npu, MD_NPU_WORKSPACE_TOO_SMALL, npu->fault.command & 0x3FFu, needed);
    }
    loader->patch = (int16_t *)(void *)(npu->workspace + own);
    loader->weights = loader->patch + patch;
    loader->elements = (uint32_t)((npu->workspace_bytes - own) / sizeof(int16_t) - patch);
    loader->capacity = loader->elements / loader->pitch;
    return true;
}

/* What decoding takes: all of a block's weights once for each of its parts. */
static bool spend_decoding(md_npu_model_t *npu, const md_npu_loader_t *loader, uint32_t ofm_depth) {
    const uint32_t block_depth = md_npu_setting(npu, MD_NPU_SET_OFM_BLK_DEPTH_M1) + 1;
    const uint32_t channels = block_depth < ofm_depth ? block_depth : ofm_depth;
    const uint32_t parts = (channels + loader->capacity - 1) / loader->capacity;
    for (uint32_t core = 0; core < loader->cores; core++) {
        const md_npu_weights_t *reader = &loader->readers[core];
        const uint64_t steps = md_npu_weights_count(reader) + reader->stream.bytes;
        if (!md_npu_spend(npu, md_npu_times(steps, parts))) {
            return false;
        }
    }
    return true;
}

md_npu_loader_t *md_npu_loader_open(md_npu_model_t *npu, bool is_depthwise,
                                    const md_npu_axis_t *vertical, const md_npu_axis_t *horizontal,
                                    uint32_t ifm_depth, uint32_t ifm_bits, uint32_t ofm_depth) {
    md_npu_loader_t *loader = (md_npu_loader_t *)(void *)npu->workspace;
    if (npu->workspace_bytes < sizeof *loader) {
        md_npu_fail(npu, MD_NPU_WORKSPACE_TOO_SMALL, 0, sizeof *loader);
        return NULL;
    }
    const bool by_parts = md_npu_setting(npu, MD_NPU_SET_KERNEL_STRIDE) & PART_KERNEL_FIRST;
    const uint32_t taps = md_npu_window_taps(vertical, horizontal);
    memset(loader, 0, sizeof *loader);
    loader->is_depthwise = is_depthwise;
    loader->kernel_width = horizontal->kernel;
    loader->ifm_depth = is_depthwise ? 1 : ifm_depth;
    loader->pitch = is_depthwise ? taps : (taps * ifm_depth + 7u) / 8u * 8u;
    const md_npu_weights_layout_t layout = {
        .traversal = is_depthwise ? MD_NPU_DEPTHWISE
                     : by_parts   ? MD_NPU_PART_KERNEL_FIRST
                                  : MD_NPU_DEPTH_FIRST,
        .ifm_depth = loader->ifm_depth,
        .kernel_height = vertical->kernel,
        .kernel_width = horizontal->kernel,
        .dilation_y = vertical->dilation,
        .dilation_x = horizontal->dilation,
        .ifm_bits = ifm_bits,
        .ofm_ublock_depth = npu->config.macs_per_cycle == 32 ? 4 : 8,
    };
    if (!open_readers(npu, layout, ofm_depth, loader) || !divide_workspace(npu, loader) ||
        !spend_decoding(npu, loader, ofm_depth)) {
        return NULL;
    }
    return loader;
}

static bool next_block(md_npu_loader_t *loader) {
    loader->block_first += loader->block_count;
    loader->block_count = 0;
    loader->given = 0;
    for (uint32_t core = 0; core < loader->cores; core++) {
        uint32_t first;
        uint32_t count;
        if (md_npu_weights_block(&loader->readers[core], &first, &count)) {
            loader->block_count += count;
        }
    }
    return loader->block_count != 0;
}

static md_npu_weights_strides_t strides_of(const md_npu_loader_t *loader) {
    const uint32_t step = loader->is_depthwise ? loader->count : loader->ifm_depth;
    return (md_npu_weights_strides_t){
        .ofm = (loader->is_depthwise ? 1 : loader->pitch) * loader->cores,
        .ky = loader->kernel_width * step,
        .kx = step,
        .ifm = 1,
    };
}

/* Where the weights of a core's first channel go: the cores' channels alternate. */
static uint32_t core_offset(const md_npu_loader_t *loader, uint32_t core) {
    return core * (loader->is_depthwise ? 1 : loader->pitch);
}

static bool unpack_block(md_npu_loader_t *loader) {
    const md_npu_weights_strides_t strides = strides_of(loader);
    for (uint32_t core = 0; core < loader->cores; core++) {
        uint32_t first;
        uint32_t count;
        const uint32_t offset = core_offset(loader, core);
        if (md_npu_weights_block(&loader->readers[core], &first, &count) &&
            !md_npu_weights_unpack(&loader->readers[core], loader->weights + offset,
                                   loader->elements - offset, &strides)) {
            return false;
        }
    }
    return true;
}

/* Takes from a brick the channels that lie in the range. */
static void keep(md_npu_loader_t *loader, uint32_t core, const md_npu_weights_brick_t *brick) {
    const uint32_t step = loader->is_depthwise ? loader->count : loader->ifm_depth;
    const uint32_t element = (brick->ky * loader->kernel_width + brick->kx) * step + brick->ifm;
    for (uint32_t o = 0; o < brick->ofm_count; o++) {
        const uint32_t channel = (brick->ofm + o) * loader->cores + core - loader->first;
        if (channel >= loader->count) { /* below the range too: unsigned */
            continue;
        }
        int16_t *to = loader->weights + element +
                      (size_t)channel * (loader->is_depthwise ? 1 : loader->pitch);
        memcpy(to, brick->weights + (size_t)o * brick->ofm_pitch,
               brick->ifm_count * sizeof(int16_t));
    }
}

/* Goes through a whole block for a part of it. */
static void unpack_part(md_npu_loader_t *loader, bool is_last) {
    for (uint32_t core = 0; core < loader->cores; core++) {
        md_npu_weights_t *trial = &loader->trials[core];
        uint32_t first;
        uint32_t count;
        if (!md_npu_weights_block(&loader->readers[core], &first, &count)) {
            continue;
        }
        *trial = loader->readers[core];
        md_npu_weights_brick_t brick;
        do {
            if (!md_npu_weights_next(trial, &brick)) {
                break;
            }
            keep(loader, core, &brick);
        } while (!brick.block_end);
        if (is_last || trial->error) {
            loader->readers[core] = *trial;
        }
    }
}

static bool has_error(md_npu_model_t *npu, const md_npu_loader_t *loader) {
    for (uint32_t core = 0; core < loader->cores; core++) {
        if (loader->readers[core].error) {
            md_npu_fail(npu, MD_NPU_BAD_WEIGHTS,
                        MD_NPU_PAYLOAD | (core ? MD_NPU_SET_WEIGHT1_BASE : MD_NPU_SET_WEIGHT_BASE),
                        md_npu_weights_offset(&loader->readers[core]));
            return true;
        }
    }
    return false;
}

bool md_npu_loader_next(md_npu_model_t *npu, md_npu_loader_t *loader) {
    if (loader->given == loader->block_count && !next_block(loader)) {
        has_error(npu, loader);
        return false;
    }
    const uint32_t left = loader->block_count - loader->given;
    loader->first = loader->block_first + loader->given;
    loader->count = left < loader->capacity ? left : loader->capacity;
    loader->given += loader->count;
    memset(loader->weights, 0, (size_t)loader->count * loader->pitch * sizeof(int16_t));
    if (loader->count == loader->block_count) {
        unpack_block(loader);
    } else {
        unpack_part(loader, loader->given == loader->block_count);
    }
    return !has_error(npu, loader);
}

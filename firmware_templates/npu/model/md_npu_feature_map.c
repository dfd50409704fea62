/* md_npu_feature_map.c: feature maps from settings, and access to their elements. */
#include "md_npu_feature_map.h"

#include <string.h>

#include "md_npu_internal.h"

/* Where a role's settings lie. */
typedef struct {
    uint32_t region;
    uint32_t precision;
    uint32_t zero_point;
    uint32_t width0;
    uint32_t height0;
    uint32_t height1;
    uint32_t base; /* the first of four */
    uint32_t stride_x;
    uint32_t stride_y;
    uint32_t stride_c;
} role_settings_t;

static const role_settings_t ROLES[] = {
    [MD_NPU_IFM] = {MD_NPU_SET_IFM_REGION, MD_NPU_SET_IFM_PRECISION, MD_NPU_SET_IFM_ZERO_POINT,
                    MD_NPU_SET_IFM_WIDTH0_M1, MD_NPU_SET_IFM_HEIGHT0_M1, MD_NPU_SET_IFM_HEIGHT1_M1,
                    MD_NPU_SET_IFM_BASE0, MD_NPU_SET_IFM_STRIDE_X, MD_NPU_SET_IFM_STRIDE_Y,
                    MD_NPU_SET_IFM_STRIDE_C},
    [MD_NPU_IFM2] = {MD_NPU_SET_IFM2_REGION, MD_NPU_SET_IFM2_PRECISION, MD_NPU_SET_IFM2_ZERO_POINT,
                     MD_NPU_SET_IFM2_WIDTH0_M1, MD_NPU_SET_IFM2_HEIGHT0_M1,
                     MD_NPU_SET_IFM2_HEIGHT1_M1, MD_NPU_SET_IFM2_BASE0, MD_NPU_SET_IFM2_STRIDE_X,
                     MD_NPU_SET_IFM2_STRIDE_Y, MD_NPU_SET_IFM2_STRIDE_C},
    [MD_NPU_OFM] = {MD_NPU_SET_OFM_REGION, MD_NPU_SET_OFM_PRECISION, MD_NPU_SET_OFM_ZERO_POINT,
                    MD_NPU_SET_OFM_WIDTH0_M1, MD_NPU_SET_OFM_HEIGHT0_M1, MD_NPU_SET_OFM_HEIGHT1_M1,
                    MD_NPU_SET_OFM_BASE0, MD_NPU_SET_OFM_STRIDE_X, MD_NPU_SET_OFM_STRIDE_Y,
                    MD_NPU_SET_OFM_STRIDE_C},
};

bool md_npu_feature_map_type(md_npu_model_t *npu, md_npu_role_t role, md_npu_feature_map_t *map) {
    const role_settings_t *settings = &ROLES[role];
    const uint32_t precision = md_npu_setting(npu, settings->precision);
    /* The width of an element is one bit further up in an input's precision. */
    const uint32_t width = precision >> (role == MD_NPU_OFM ? 1 : 2) & 3u;
    memset(map, 0, sizeof *map);
    if (width > 2) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, settings->precision, precision);
    }
    map->bytes = (uint8_t)(1u << width);
    map->is_signed = precision & 1u;
    map->is_bricks = precision >> 6 & 1u;
    const uint32_t zero_point = md_npu_setting(npu, settings->zero_point);
    map->zero_point = map->is_signed ? (int16_t)zero_point : (int32_t)zero_point;
    const bool is_small =
        map->is_signed ? map->zero_point >= -128 && map->zero_point <= 127 : zero_point <= 255;
    /* 32-bit elements have no zero point to subtract: nothing overflows where none is. */
    if (map->bytes == 1 ? !is_small : map->bytes == 4 && role != MD_NPU_OFM && zero_point != 0) {
        return md_npu_fail(npu, MD_NPU_NOT_MODELLED, settings->zero_point, zero_point);
    }
    return true;
}

static void widen(int64_t step, uint32_t count, int64_t *low, int64_t *high) {
    const int64_t reach = step * (int64_t)(count - 1);
    *low += reach < 0 ? reach : 0;
    *high += reach > 0 ? reach : 0;
}

/* Checks all memory of `height` x `width` pixels from a tile's base. */
static bool open_tile(md_npu_model_t *npu, const role_settings_t *settings, uint32_t tile,
                      uint32_t height, uint32_t width, bool write, md_npu_feature_map_t *map) {
    const uint32_t setting = MD_NPU_PAYLOAD | (settings->base + tile);
    const uint64_t offset = md_npu_wide_setting(npu, settings->base + tile);
    uint64_t base;
    if (!md_npu_region_address(npu, settings->region, offset, &base)) {
        return false;
    }
    const uint32_t in_brick =
        map->is_bricks && map->depth > MD_NPU_BRICK ? MD_NPU_BRICK : map->depth;
    /* Strides have 40 bits and counts 17, so that the sums fit. */
    int64_t low = 0;
    int64_t high = (int64_t)in_brick * map->bytes;
    widen(map->stride_y, height, &low, &high);
    widen(map->stride_x, width, &low, &high);
    if (map->is_bricks) {
        widen(map->stride_c, (map->depth + MD_NPU_BRICK - 1) / MD_NPU_BRICK, &low, &high);
    }
    const uint64_t below = (uint64_t)-low;
    if (below > base) {
        return md_npu_fail(npu, MD_NPU_BAD_ADDRESS, setting, base);
    }
    uint8_t *memory = md_npu_reach(npu, base - below, below + (uint64_t)high, write, setting);
    if (!memory) {
        return false;
    }
    md_npu_count(npu, base - below, (uint64_t)height * width * map->depth * map->bytes, write);
    map->tiles[tile] = memory + below;
    return true;
}

static uint32_t smaller(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

bool md_npu_feature_map_open(md_npu_model_t *npu, md_npu_role_t role, uint32_t height,
                             uint32_t width, uint32_t depth, md_npu_feature_map_t *map) {
    const role_settings_t *settings = &ROLES[role];
    if (!md_npu_feature_map_type(npu, role, map)) {
        return false;
    }
    map->stride_x = md_npu_stride_setting(npu, settings->stride_x);
    map->stride_y = md_npu_stride_setting(npu, settings->stride_y);
    map->stride_c = md_npu_stride_setting(npu, settings->stride_c);
    const int64_t alignment = map->bytes;
    if (map->stride_x % alignment || map->stride_y % alignment ||
        (map->is_bricks && map->stride_c % alignment)) {
        return md_npu_fail(npu, MD_NPU_BAD_GEOMETRY, MD_NPU_PAYLOAD | settings->stride_x,
                           (uint64_t)map->stride_x);
    }
    map->width0 = smaller(md_npu_setting(npu, settings->width0) + 1, width);
    map->height0 = smaller(md_npu_setting(npu, settings->height0) + 1, height);
    map->height1 = smaller(md_npu_setting(npu, settings->height1) + 1, height);
    map->height = height;
    map->width = width;
    map->depth = depth;
    const uint32_t right = width - map->width0;
    const uint32_t heights[4] = {map->height0, map->height1, height - map->height0,
                                 height - map->height1};
    for (uint32_t tile = 0; tile < 4; tile++) {
        const uint32_t tile_width = tile % 2 ? right : map->width0;
        if (heights[tile] != 0 && tile_width != 0 &&
            !open_tile(npu, settings, tile, heights[tile], tile_width, role == MD_NPU_OFM, map)) {
            return false;
        }
    }
    return true;
}

/* The first channel of a pixel. */
static uint8_t *pixel(const md_npu_feature_map_t *map, uint32_t y, uint32_t x) {
    uint32_t tile = 0;
    if (x >= map->width0) {
        x -= map->width0;
        tile = 1;
    }
    const uint32_t height = tile ? map->height1 : map->height0;
    if (y >= height) {
        y -= height;
        tile += 2;
    }
    return map->tiles[tile] + (int64_t)y * map->stride_y + (int64_t)x * map->stride_x;
}

/* Channels that lie side by side in memory, from one of a pixel on. */
static uint32_t run_length(const md_npu_feature_map_t *map, uint32_t first, uint32_t count) {
    return map->is_bricks ? smaller(MD_NPU_BRICK - first % MD_NPU_BRICK, count) : count;
}

static uint8_t *channel(const md_npu_feature_map_t *map, uint8_t *at, uint32_t first) {
    if (!map->is_bricks) {
        return at + (uint64_t)first * map->bytes;
    }
    return at + (int64_t)(first / MD_NPU_BRICK) * map->stride_c + first % MD_NPU_BRICK * map->bytes;
}

void md_npu_feature_map_read16(const md_npu_feature_map_t *map, uint32_t y, uint32_t x,
                               uint32_t first, uint32_t count, int16_t *out) {
    uint8_t *at = pixel(map, y, x);
    while (count != 0) {
        const uint32_t run = run_length(map, first, count);
        const uint8_t *in = channel(map, at, first);
        const int32_t zero_point = map->zero_point;
        if (map->bytes == 2) {
            memcpy(out, in, (size_t)run * 2);
        } else if (map->is_signed) {
            for (uint32_t i = 0; i < run; i++) {
                out[i] = (int16_t)((int8_t)in[i] - zero_point);
            }
        } else {
            for (uint32_t i = 0; i < run; i++) {
                out[i] = (int16_t)(in[i] - zero_point);
            }
        }
        out += run;
        first += run;
        count -= run;
    }
}

static int32_t element(const md_npu_feature_map_t *map, const uint8_t *at) {
    if (map->bytes == 1) {
        return map->is_signed ? (int8_t)*at : *at;
    }
    if (map->bytes == 2) {
        uint16_t value;
        memcpy(&value, at, sizeof value);
        return map->is_signed ? (int16_t)value : value;
    }
    int32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

void md_npu_feature_map_read32(const md_npu_feature_map_t *map, uint32_t y, uint32_t x,
                               uint32_t first, uint32_t count, int32_t *out) {
    uint8_t *at = pixel(map, y, x);
    while (count != 0) {
        const uint32_t run = run_length(map, first, count);
        const uint8_t *in = channel(map, at, first);
        for (uint32_t i = 0; i < run; i++) {
            out[i] = element(map, in + (size_t)i * map->bytes) - map->zero_point;
        }
        out += run;
        first += run;
        count -= run;
    }
}

void md_npu_feature_map_write(const md_npu_feature_map_t *map, uint32_t y, uint32_t x,
                              uint32_t first, uint32_t count, const int32_t *values) {
    uint8_t *at = pixel(map, y, x);
    while (count != 0) {
        const uint32_t run = run_length(map, first, count);
        uint8_t *out = channel(map, at, first);
        for (uint32_t i = 0; i < run; i++) {
            if (map->bytes == 1) {
                out[i] = (uint8_t)values[i];
            } else if (map->bytes == 2) {
                const uint16_t value = (uint16_t)values[i];
                memcpy(out + (size_t)i * 2, &value, sizeof value);
            } else {
                memcpy(out + (size_t)i * 4, &values[i], sizeof values[i]);
            }
        }
        values += run;
        first += run;
        count -= run;
    }
}

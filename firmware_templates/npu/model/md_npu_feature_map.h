/* md_npu_feature_map.h: elements of feature maps in memory.
 *
 * A feature map is at most four tiles. In tile 0 lie the columns below width0 of the rows below
 * height0; in tile 1, to its right, those of the rows below height1; tiles 2 and 3 lie below them.
 * Each has a base address of its own, from which its rows and columns count anew.
 *
 *   NHWC:    an element at base + y * stride_y + x * stride_x + c * bytes
 *   NHCWB16: at base + y * stride_y + x * stride_x + c / 16 * stride_c + c % 16 * bytes
 *
 * All addresses that a feature map can give are checked once, when it is opened. */
#ifndef MD_NPU_FEATURE_MAP_H
#define MD_NPU_FEATURE_MAP_H

#include "md_npu_model.h"

#define MD_NPU_BRICK 16u

typedef enum { MD_NPU_IFM, MD_NPU_IFM2, MD_NPU_OFM } md_npu_role_t;

typedef struct {
    uint8_t *tiles[4]; /* null where the feature map does not reach into the tile */
    int64_t stride_x;
    int64_t stride_y;
    int64_t stride_c;
    uint32_t height0;
    uint32_t height1;
    uint32_t width0;
    uint32_t height; /* of the whole, in elements */
    uint32_t width;
    uint32_t depth;
    uint8_t bytes; /* of an element: 1, 2, 4 */
    bool is_signed;
    bool is_bricks; /* NHCWB16 */
    int32_t zero_point;
} md_npu_feature_map_t;

/* Type, layout and zero point of a feature map from its settings; no memory is looked at.
 * Returns false with a fault when the type is reserved. */
bool md_npu_feature_map_type(md_npu_model_t *npu, md_npu_role_t role, md_npu_feature_map_t *map);

/* A feature map of the given size, each 1 to 65536, from the settings of its role, with all its
 * memory checked and counted. Returns false after a fault. */
bool md_npu_feature_map_open(md_npu_model_t *npu, md_npu_role_t role, uint32_t height,
                             uint32_t width, uint32_t depth, md_npu_feature_map_t *map);

static inline uint64_t md_npu_feature_map_elements(const md_npu_feature_map_t *map) {
    return (uint64_t)map->height * map->width * map->depth;
}

/* Channels first to first + count - 1 of the pixel (y, x), less the zero point. The pixel must lie
 * within the map. The first form is for elements of 8 bits, and 16 bits with the zero point 0. */
void md_npu_feature_map_read16(const md_npu_feature_map_t *map, uint32_t y, uint32_t x,
                               uint32_t first, uint32_t count, int16_t *out);
void md_npu_feature_map_read32(const md_npu_feature_map_t *map, uint32_t y, uint32_t x,
                               uint32_t first, uint32_t count, int32_t *out);

/* Stores values that fit the type; the zero point is part of them already. */
void md_npu_feature_map_write(const md_npu_feature_map_t *map, uint32_t y, uint32_t x,
                              uint32_t first, uint32_t count, const int32_t *values);

#endif

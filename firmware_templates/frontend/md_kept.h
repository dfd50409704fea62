/* md_kept.h: the features of the last MD_FRONTEND_FRAMES frames, and where each goes in the input. */
#ifndef MD_KEPT_H
#define MD_KEPT_H

#include <stdint.h>

#include "frontend_config.h"
#include "md_frontend_math.h"

/* Features of a frame: channel by channel. */
enum { MD_KEPT_ROW = MD_FRONTEND_CHANNELS * MD_FRONTEND_COEFFICIENTS };

#if !MD_FRONTEND_CLIP_STEPS
typedef int8_t md_kept_t; /* nothing is left to compute: as the model takes them */
#elif MD_FRONTEND_SPECTRAL
typedef float md_kept_t;
#else
typedef int16_t md_kept_t; /* samples */
#endif

extern md_kept_t md_kept[MD_FRONTEND_FRAMES][MD_KEPT_ROW];

static inline md_kept_t *md_kept_row(uint32_t frame) {
    return md_kept[frame % MD_FRONTEND_FRAMES];
}

static inline int8_t md_quantised(float feature) {
    return md_quantise_int8(feature, MD_FRONTEND_INPUT_SCALE, MD_FRONTEND_INPUT_ZERO_POINT);
}

/* Position in the model's input. */
static inline uint32_t md_input_index(uint32_t frame, uint32_t coefficient, uint32_t map) {
#if MD_FRONTEND_FRAMES_FIRST
    return (frame * MD_FRONTEND_INPUT_COEFFICIENTS + coefficient) * MD_FRONTEND_INPUT_MAPS + map;
#else
    return (coefficient * MD_FRONTEND_INPUT_FRAMES + frame) * MD_FRONTEND_INPUT_MAPS + map;
#endif
}

#endif

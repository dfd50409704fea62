/* md_frame.h: what is computed within one frame of one channel; md_frame_f32.c or
 * md_frame_fixed.c does it. */
#ifndef MD_FRAME_H
#define MD_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "frontend_config.h"
#include "md_frontend.h"

/* Who looks on, and the number of the vectors that are shown. */
typedef struct {
    md_frontend_observer_t observer;
    void *context;
    uint32_t vector;
} md_observation_t;

static inline void md_observe(const md_observation_t *to, uint32_t stage, const void *data,
                              uint32_t bytes) {
    if (to->observer != NULL) {
        to->observer(to->context, stage, to->vector, data, bytes);
    }
}

/* MD_FRONTEND_COEFFICIENTS features of a frame. `pcm` is the channel's first sample; the next lies
 * MD_FRONTEND_CHANNELS further. */
void md_frame_features(const int16_t *pcm, const md_observation_t *to, float *features);

#endif

/* md_cutter.h: cuts a signal, given in pieces of any size, into frames that overlap.
 *
 *     taken = md_cutter_fill(&cutter, pcm, samples);
 *     if (md_cutter_full(&cutter)) {
 *         ... md_cutter_frame(&cutter) ...
 *         md_cutter_advance(&cutter);
 *     }
 *
 * All zeros is an empty cutter. */
#ifndef MD_CUTTER_H
#define MD_CUTTER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "frontend_config.h"

enum {
    MD_CUTTER_SAMPLE = MD_FRONTEND_CHANNELS, /* elements of a sample */
    /* Samples that are kept on either side of a frame: with centring, the first frame reflects the one
     * behind it, the last frame the one before it. */
    MD_CUTTER_MARGIN = MD_FRONTEND_PADDING > 0,
    MD_CUTTER_WINDOW = MD_CUTTER_MARGIN + MD_FRONTEND_FRAME_SAMPLES + MD_CUTTER_MARGIN,
};

typedef struct {
    uint32_t fill; /* samples in the window */
    uint32_t skip; /* samples between this window and the last */
    _Alignas(4) int16_t window[MD_CUTTER_WINDOW * MD_CUTTER_SAMPLE];
} md_cutter_t;

static inline void md_cutter_copy(md_cutter_t *cutter, uint32_t to, const int16_t *from,
                                  uint32_t samples) {
    memmove(cutter->window + to * MD_CUTTER_SAMPLE, from,
            samples * MD_CUTTER_SAMPLE * sizeof *from);
}

/* Returns how many samples it took: fewer than there are once the window is full. */
static inline uint32_t md_cutter_fill(md_cutter_t *cutter, const int16_t *pcm, uint32_t samples) {
    const uint32_t skipped = cutter->skip < samples ? cutter->skip : samples;
    const uint32_t space = MD_CUTTER_WINDOW - cutter->fill;
    const uint32_t taken = samples - skipped < space ? samples - skipped : space;
    cutter->skip -= skipped;
    md_cutter_copy(cutter, cutter->fill, pcm + skipped * MD_CUTTER_SAMPLE, taken);
    cutter->fill += taken;
    return skipped + taken;
}

static inline bool md_cutter_full(const md_cutter_t *cutter) {
    return cutter->fill == MD_CUTTER_WINDOW;
}

static inline const int16_t *md_cutter_frame(const md_cutter_t *cutter) {
    return cutter->window + MD_CUTTER_MARGIN * MD_CUTTER_SAMPLE;
}

/* Moves the window, full or not, on by a hop. */
static inline void md_cutter_advance(md_cutter_t *cutter) {
    if (MD_FRONTEND_HOP_SAMPLES < MD_CUTTER_WINDOW) {
        md_cutter_copy(cutter, 0, cutter->window + MD_FRONTEND_HOP_SAMPLES * MD_CUTTER_SAMPLE,
                       MD_CUTTER_WINDOW - MD_FRONTEND_HOP_SAMPLES);
        cutter->fill =
            cutter->fill > MD_FRONTEND_HOP_SAMPLES ? cutter->fill - MD_FRONTEND_HOP_SAMPLES : 0u;
    } else {
        cutter->skip = MD_FRONTEND_HOP_SAMPLES - MD_CUTTER_WINDOW;
        cutter->fill = 0;
    }
}

#endif

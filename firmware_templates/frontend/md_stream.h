/* md_stream.h: an endless signal, in chunks of any size, to an input of the model every few hops.
 *
 *     md_stream_begin(stride, NULL, NULL);
 *     for (;;) {
 *         ... the next chunk ...
 *         for (uint32_t done = 0; done < samples;) {
 *             done += md_stream_push(pcm + done * MD_FRONTEND_CHANNELS, samples - done);
 *             if (md_stream_ready()) {
 *                 md_stream_take(model_input);
 *                 ... run the model ...
 *             }
 *         }
 *     }
 *
 * The first window begins with the first sample, the next one `stride` hops later, and so on. Each input
 * has the bits that md_clip.h makes of the same samples. RAM is constant: besides what a clip takes, one
 * frame of samples, as the features of frames are shared between windows. With centring every window is
 * padded at its own ends, which leaves nothing to share: then MD_FRONTEND_CLIP_SAMPLES samples of each
 * channel are kept instead, and a window is computed, as a clip, when it is taken.
 *
 * Not reentrant, and not at once with md_clip.h. */
#ifndef MD_STREAM_H
#define MD_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "md_frontend.h"

/* `stride`: hops between two windows, 1 or more; also more than a window has frames. The observer's
 * `vector` counts the frames of a window only where they are computed for it alone. */
void md_stream_begin(uint32_t stride, md_frontend_observer_t observer, void *context);

/* Returns how many of `samples` of each of MD_FRONTEND_CHANNELS channels, interleaved, it took: all of
 * them, unless a window is complete. Then nothing is taken before that window is. */
uint32_t md_stream_push(const int16_t *pcm, uint32_t samples);

/* Whether a window is complete. */
bool md_stream_ready(void);

/* Makes the complete window's input, MD_FRONTEND_INPUT_BYTES. Not to be called without one. */
void md_stream_take(int8_t *input);

#endif

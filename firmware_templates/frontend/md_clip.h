/* md_clip.h: a recording, in pieces of any size, to one input of the model.
 *
 *     md_clip_begin(observer, context);
 *     while (there is more)
 *         md_clip_push(pcm, samples);
 *     if (md_clip_end(model_input))
 *         ... the model's input is there
 *
 * Only one frame of the recording is kept. Not reentrant, and not at once with md_stream.h. */
#ifndef MD_CLIP_H
#define MD_CLIP_H

#include <stdbool.h>
#include <stdint.h>

#include "md_frontend.h"

void md_clip_begin(md_frontend_observer_t observer, void *context);

/* `samples` of each of MD_FRONTEND_CHANNELS channels, interleaved. What comes after
 * MD_FRONTEND_CLIP_SAMPLES is ignored. */
void md_clip_push(const int16_t *pcm, uint32_t samples);

/* False, and nothing written, where the recording made fewer than MD_FRONTEND_MIN_FRAMES frames. */
bool md_clip_end(int8_t *input);

#endif

/* md_frontend.h: audio samples to the model's input tensor, frame by frame.
 *
 * The sizes (MD_FRONTEND_SAMPLE_RATE_HZ, _CHANNELS, _FRAME_SAMPLES, _HOP_SAMPLES, _FRAMES, ...) are in
 * generated/frontend_config.h. md_clip.h and md_stream.h cut recordings and streams into frames; what
 * they use is
 *
 *     for (frame = 0; frame < MD_FRONTEND_FRAMES; frame++)
 *         md_frontend_frame(frame, samples of the frame, observer, context);
 *     md_frontend_finish(0, MD_FRONTEND_FRAMES, model_input, observer, context);
 *
 * Every intermediate vector has the same bits on every target and in the Python reference. Not reentrant:
 * features and work buffers are static. */
#ifndef MD_FRONTEND_H
#define MD_FRONTEND_H

#include <stdint.h>

/* Called with each intermediate vector as it is made. `stage` is a MD_FRONTEND_STAGE_ of
 * generated/frontend_config.h; `vector` counts those of a stage (frame * channels + channel), and is 0
 * for one that is made once a clip. May be NULL where taken. */
typedef void (*md_frontend_observer_t)(void *context, uint32_t stage, uint32_t vector,
                                       const void *data, uint32_t bytes);

/* Computes the features of one frame and keeps them as number frame % MD_FRONTEND_FRAMES. `pcm` holds
 * MD_FRONTEND_FRAME_SAMPLES signed 16-bit samples of each channel, interleaved. */
void md_frontend_frame(uint32_t frame, const int16_t *pcm, md_frontend_observer_t observer,
                       void *context);

/* What needs the whole clip, then quantisation to the model's int8 input.
 *
 * The clip's frames are `first` to first + count - 1, as md_frontend_frame got them: at most
 * MD_FRONTEND_FRAMES, and all of them still kept. Where they are fewer, zeros follow. */
void md_frontend_finish(uint32_t first, uint32_t count, int8_t *input,
                        md_frontend_observer_t observer, void *context);

#endif

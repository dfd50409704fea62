/* md_frontend.h: audio samples to the model's input tensor.
 *
 * The sizes (MD_FRONTEND_SAMPLE_RATE_HZ, _FRAME_SAMPLES, _HOP_SAMPLES, _FRAMES, ...) are in
 * generated/frontend_config.h. Use:
 *
 *     for (frame = 0; frame < MD_FRONTEND_FRAMES; frame++)
 *         md_frontend_frame(frame, pcm + frame * MD_FRONTEND_HOP_SAMPLES, observer, context);
 *     md_frontend_finish(model_input, observer, context);
 *
 * Every intermediate vector has the same bits on every target and in the Python reference. */
#ifndef MD_FRONTEND_H
#define MD_FRONTEND_H

#include <stdint.h>

/* Called with each intermediate vector as it is made. `stage` is an index into deployment.json's
 * "frontend.stages"; `frame` is 0 for a stage that is made once a clip. May be NULL where taken. */
typedef void (*md_frontend_observer_t)(void *context, uint32_t stage, uint32_t frame,
                                       const void *data, uint32_t bytes);

/* Computes the features of one frame. `pcm` holds MD_FRONTEND_FRAME_SAMPLES signed 16-bit samples.
 */
void md_frontend_frame(uint32_t frame, const int16_t *pcm, md_frontend_observer_t observer,
                       void *context);

/* After the last frame: what needs the whole clip, then quantisation to the model's int8 input. */
void md_frontend_finish(int8_t *input, md_frontend_observer_t observer, void *context);

#endif

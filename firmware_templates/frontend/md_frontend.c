/* md_frontend.c: keeps the features of frames, and lays them out where no step over the clip is left
 * to do; md_clip_steps.c does those. */
#include "md_frontend.h"

#include <stddef.h>

#include "md_kept.h"

md_kept_t md_kept[MD_FRONTEND_FRAMES][MD_KEPT_ROW];

#if MD_FRONTEND_SPECTRAL

#include "md_frame.h"

void md_frontend_frame(uint32_t frame, const int16_t *pcm, md_frontend_observer_t observer,
                       void *context) {
    md_kept_t *const kept = md_kept_row(frame);
    for (uint32_t channel = 0; channel < MD_FRONTEND_CHANNELS; channel++) {
        const md_observation_t to = {observer, context, frame * MD_FRONTEND_CHANNELS + channel};
#if MD_FRONTEND_CLIP_STEPS
        md_frame_features(pcm + channel, &to, kept + channel * MD_FRONTEND_COEFFICIENTS);
#else
        static float features[MD_FRONTEND_COEFFICIENTS];
        md_frame_features(pcm + channel, &to, features);
        for (uint32_t i = 0; i < MD_FRONTEND_COEFFICIENTS; i++) {
            kept[channel * MD_FRONTEND_COEFFICIENTS + i] = md_quantised(features[i]);
        }
#endif
    }
}

#else

void md_frontend_frame(uint32_t frame, const int16_t *pcm, md_frontend_observer_t observer,
                       void *context) {
    (void)observer; /* samples are no stage */
    (void)context;
    md_kept_t *const kept = md_kept_row(frame);
    for (uint32_t channel = 0; channel < MD_FRONTEND_CHANNELS; channel++) {
        for (uint32_t n = 0; n < MD_FRONTEND_FRAME_SAMPLES; n++) {
            kept[channel * MD_FRONTEND_COEFFICIENTS + n] = pcm[n * MD_FRONTEND_CHANNELS + channel];
        }
    }
}

#endif

#if !MD_FRONTEND_CLIP_STEPS

void md_frontend_finish(uint32_t first, uint32_t count, int8_t *input,
                        md_frontend_observer_t observer, void *context) {
    const int8_t zero = md_quantised(0.0f);
    for (uint32_t frame = 0; frame < MD_FRONTEND_FRAMES; frame++) {
        const md_kept_t *const kept = md_kept_row(first + frame);
        for (uint32_t i = 0; i < MD_KEPT_ROW; i++) {
            const uint32_t channel = i / MD_FRONTEND_COEFFICIENTS;
            input[md_input_index(frame, i % MD_FRONTEND_COEFFICIENTS, channel)] =
                frame < count ? kept[i] : zero;
        }
    }
    if (observer != NULL) {
        observer(context, MD_FRONTEND_STAGE_QUANTISED, 0, input, MD_FRONTEND_INPUT_BYTES);
    }
}

#endif

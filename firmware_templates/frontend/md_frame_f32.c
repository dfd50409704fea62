/* md_frame_f32.c: a frame in float32: window, real FFT, magnitude or power, mel filters, logarithm
 * and, with MFCC, DCT. */
#include "md_frame.h"
#include "md_frontend_math.h"
#include "md_stages_f32.h"

/* Work buffers that the stages use in turn. */
static float buffer_a[MD_FRONTEND_BUFFER];
static float buffer_b[MD_FRONTEND_BUFFER];

static void show(const md_observation_t *to, uint32_t stage, const float *data, uint32_t count) {
    md_observe(to, stage, data, count * (uint32_t)sizeof *data);
}

void md_frame_features(const int16_t *pcm, const md_observation_t *to, float *features) {
    float *const windowed = buffer_a;
    float *const fft = buffer_b;
    float *const spectrum = buffer_a;
    float *const mel = buffer_b;

    md_scalar_window_f32(pcm, windowed);
    show(to, MD_FRONTEND_STAGE_WINDOWED, windowed, MD_FRONTEND_FRAME_SAMPLES);
    md_scalar_rfft_f32(windowed, fft);
    md_scalar_spectrum_f32(fft, spectrum);
    show(to, MD_FRONTEND_STAGE_SPECTRUM, spectrum, MD_FRONTEND_SPECTRUM_BINS);
    md_scalar_mel_f32(spectrum, mel);
    show(to, MD_FRONTEND_STAGE_MEL, mel, MD_FRONTEND_MEL_FILTERS);
    md_scalar_log_f32(mel);
    show(to, MD_FRONTEND_STAGE_LOG, mel, MD_FRONTEND_MEL_FILTERS);
    const float *last = mel;
#if MD_FRONTEND_DCT_COEFFICIENTS
    md_scalar_dct_f32(mel, buffer_a);
    show(to, MD_FRONTEND_STAGE_DCT, buffer_a, MD_FRONTEND_DCT_COEFFICIENTS);
    last = buffer_a;
#endif
    for (uint32_t i = 0; i < MD_FRONTEND_COEFFICIENTS; i++) {
        features[i] = md_standardise(last[i]);
    }
#ifdef MD_FRONTEND_STAGE_FEATURES
    show(to, MD_FRONTEND_STAGE_FEATURES, features, MD_FRONTEND_COEFFICIENTS);
#endif
}

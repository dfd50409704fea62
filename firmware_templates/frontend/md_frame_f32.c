/* md_frame_f32.c: a frame in float32: window, real FFT, magnitude or power, mel filters, logarithm
 * and, with MFCC, DCT. */
#include "md_frame.h"
#include "md_frontend_math.h"
#include "md_stages_f32.h"
#include "md_stages_helium_f32.h"

/* A stage on Helium, where target and front end have that; false where its bits would be other than
 * the scalar stage's, which then has to do. */
#if MD_HELIUM && MD_FRONTEND_EXACT
#define ON_HELIUM(stage) (stage)
#else
#define ON_HELIUM(stage) false
#endif

/* Work buffers that the stages use in turn. */
static MD_HELIUM_ALIGNED float buffer_a[MD_FRONTEND_BUFFER];
static MD_HELIUM_ALIGNED float buffer_b[MD_FRONTEND_BUFFER];

static void show(const md_observation_t *to, uint32_t stage, const float *data, uint32_t count) {
    md_observe(to, stage, data, count * (uint32_t)sizeof *data);
}

static void floored_log(float *mel) {
#if MD_HELIUM && MD_FRONTEND_EXACT
    md_helium_log_f32(mel);
#else
    md_scalar_log_f32(mel);
#endif
}

void md_frame_features(const int16_t *pcm, const md_observation_t *to, float *features) {
    float *const windowed = buffer_a;
    float *const fft = buffer_b;
    float *const spectrum = buffer_a;
    float *const mel = buffer_b;

    if (!ON_HELIUM(md_helium_window_f32(pcm, windowed))) {
        md_scalar_window_f32(pcm, windowed);
    }
    show(to, MD_FRONTEND_STAGE_WINDOWED, windowed, MD_FRONTEND_FRAME_SAMPLES);
    if (!ON_HELIUM(md_helium_rfft_f32(windowed, fft))) {
        if (ON_HELIUM(true)) {
            md_scalar_window_f32(pcm, windowed); /* the first try has used it up */
        }
        md_scalar_rfft_f32(windowed, fft);
    }
    if (!ON_HELIUM(md_helium_spectrum_f32(fft, spectrum))) {
        md_scalar_spectrum_f32(fft, spectrum);
    }
    show(to, MD_FRONTEND_STAGE_SPECTRUM, spectrum, MD_FRONTEND_SPECTRUM_BINS);
    if (!ON_HELIUM(md_helium_mel_f32(spectrum, mel))) {
        md_scalar_mel_f32(spectrum, mel);
    }
    show(to, MD_FRONTEND_STAGE_MEL, mel, MD_FRONTEND_MEL_FILTERS);
    floored_log(mel);
    show(to, MD_FRONTEND_STAGE_LOG, mel, MD_FRONTEND_MEL_FILTERS);
    const float *last = mel;
#if MD_FRONTEND_DCT_COEFFICIENTS
    if (!ON_HELIUM(md_helium_dct_f32(mel, buffer_a))) {
        md_scalar_dct_f32(mel, buffer_a);
    }
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

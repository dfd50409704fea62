/* md_frontend_mfcc_f32.c: MFCC in float32 on CMSIS-DSP's scalar functions.
 *
 * Samples, window, real FFT, magnitude or power, mel filters, natural logarithm, DCT-II, then the
 * model's int8 input, laid out frame by frame. The transforms are CMSIS-DSP's with our correctly
 * rounded tables, built without Helium (ARM_MATH_AUTOVECTORIZE), because its Helium code fuses and
 * reorders and so has other bits. Not reentrant: the work buffers are static, two of the FFT's
 * length. */
#include "md_frontend.h"

#include <string.h>

#include "dsp/basic_math_functions.h"
#include "dsp/complex_math_functions.h"
#include "dsp/matrix_functions.h"
#include "dsp/transform_functions.h"
#include "frontend_config.h"
#include "md_frontend_math.h"
#include "md_frontend_tables.h"

/* In the order of mcu_deploy/frontend/spec.py, stages(). */
enum { STAGE_WINDOWED, STAGE_SPECTRUM, STAGE_MEL, STAGE_LOG, STAGE_DCT, STAGE_QUANTISED };

/* CMSIS-DSP's instances as its init functions would fill them, without the tables of all other
 * lengths that those bring along. */
static const arm_rfft_fast_instance_f32 rfft = {
    .Sint = {.fftLen = MD_FRONTEND_FFT_SIZE / 2,
             .pTwiddle = md_frontend_cfft_twiddle,
             .pBitRevTable = md_frontend_bit_reversal,
             .bitRevLength = MD_FRONTEND_BIT_REVERSAL_LENGTH},
    .fftLenRFFT = MD_FRONTEND_FFT_SIZE,
    .pTwiddleRFFT = md_frontend_rfft_twiddle,
};

static const arm_matrix_instance_f32 dct = {
    .numRows = MD_FRONTEND_DCT_COEFFICIENTS,
    .numCols = MD_FRONTEND_MEL_FILTERS,
    .pData = (float *)md_frontend_dct, /* only read */
};

/* Two work buffers that the stages use in turn: each stage's vector fits the FFT's length. */
_Static_assert(MD_FRONTEND_FRAME_SAMPLES <= MD_FRONTEND_FFT_SIZE, "a frame is longer than the FFT");
_Static_assert(MD_FRONTEND_MEL_FILTERS <= MD_FRONTEND_FFT_SIZE, "more mel filters than buffer");
_Static_assert(MD_FRONTEND_DCT_COEFFICIENTS <= MD_FRONTEND_FFT_SIZE,
               "more coefficients than buffer");
static float buffer_a[MD_FRONTEND_FFT_SIZE];
static float buffer_b[MD_FRONTEND_FFT_SIZE];

static int8_t quantised[MD_FRONTEND_FRAMES * MD_FRONTEND_DCT_COEFFICIENTS];

static void apply_window(const int16_t *pcm, float *windowed) {
    for (uint32_t n = 0; n < MD_FRONTEND_FRAME_SAMPLES; n++) {
        windowed[n] = (float)pcm[n] * md_frontend_window[n];
    }
    for (uint32_t n = MD_FRONTEND_FRAME_SAMPLES; n < MD_FRONTEND_FFT_SIZE; n++) {
        windowed[n] = 0.0f;
    }
}

/* `fft` holds CMSIS-DSP's packed spectrum: the Nyquist bin, which no filter needs, lies where the
 * imaginary part of bin 0 belongs. */
static void spectrum_from_fft(float *fft, float *spectrum) {
    fft[1] = 0.0f;
#if MD_FRONTEND_SPECTRUM_POWER
    arm_cmplx_mag_squared_f32(fft, spectrum, MD_FRONTEND_SPECTRUM_BINS);
#else
    arm_cmplx_mag_f32(fft, spectrum, MD_FRONTEND_SPECTRUM_BINS);
#endif
}

static void apply_mel_filters(const float *spectrum, float *mel) {
    const float *weights = md_frontend_mel_weights;
    for (uint32_t i = 0; i < MD_FRONTEND_MEL_FILTERS; i++) {
        const uint32_t length = md_frontend_mel_length[i];
        arm_dot_prod_f32(spectrum + md_frontend_mel_first[i], weights, length, &mel[i]);
        weights += length;
    }
}

static void floored_log(float *mel) {
    for (uint32_t i = 0; i < MD_FRONTEND_MEL_FILTERS; i++) {
        mel[i] = md_logf(mel[i] < MD_FRONTEND_LOG_FLOOR ? MD_FRONTEND_LOG_FLOOR : mel[i]);
    }
}

/* Who looks on, and at which frame. */
struct observation {
    md_frontend_observer_t observer;
    void *context;
    uint32_t frame;
};

static void observe(const struct observation *to, uint32_t stage, const float *data,
                    uint32_t count) {
    if (to->observer != NULL) {
        to->observer(to->context, stage, to->frame, data, count * (uint32_t)sizeof(float));
    }
}

void md_frontend_frame(uint32_t frame, const int16_t *pcm, md_frontend_observer_t observer,
                       void *context) {
    const struct observation observation = {observer, context, frame};
    float *const windowed = buffer_a;
    float *const fft = buffer_b;
    float *const spectrum = buffer_a;
    float *const mel = buffer_b;
    float *const coefficients = buffer_a;

    apply_window(pcm, windowed);
    observe(&observation, STAGE_WINDOWED, windowed, MD_FRONTEND_FRAME_SAMPLES);
    arm_rfft_fast_f32(&rfft, windowed, fft, 0);
    spectrum_from_fft(fft, spectrum);
    observe(&observation, STAGE_SPECTRUM, spectrum, MD_FRONTEND_SPECTRUM_BINS);
    apply_mel_filters(spectrum, mel);
    observe(&observation, STAGE_MEL, mel, MD_FRONTEND_MEL_FILTERS);
    floored_log(mel);
    observe(&observation, STAGE_LOG, mel, MD_FRONTEND_MEL_FILTERS);
    arm_mat_vec_mult_f32(&dct, mel, coefficients);
    observe(&observation, STAGE_DCT, coefficients, MD_FRONTEND_DCT_COEFFICIENTS);

    int8_t *const input = quantised + frame * MD_FRONTEND_DCT_COEFFICIENTS;
    for (uint32_t i = 0; i < MD_FRONTEND_DCT_COEFFICIENTS; i++) {
        input[i] = md_quantise_int8(coefficients[i], MD_FRONTEND_INPUT_SCALE,
                                    MD_FRONTEND_INPUT_ZERO_POINT);
    }
}

void md_frontend_finish(int8_t *input, md_frontend_observer_t observer, void *context) {
    memcpy(input, quantised, sizeof quantised);
    if (observer != NULL) {
        observer(context, STAGE_QUANTISED, 0, input, sizeof quantised);
    }
}

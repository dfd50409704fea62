/* md_stages_scalar_f32.c: the stages of a frame in float32, on CMSIS-DSP's scalar functions.
 *
 * The transforms are CMSIS-DSP's with our correctly rounded tables. mcu_deploy/frontend/float32.py
 * performs the same operations in the same order; a change here is a change there. */
#include <stddef.h>

#include "dsp/basic_math_functions.h"
#include "dsp/complex_math_functions.h"
#include "dsp/matrix_functions.h"
#include "dsp/transform_functions.h"
#include "frontend_config.h"
#include "frontend_tables.h"
#include "md_frontend_math.h"
#include "md_stages_f32.h"

#ifndef MD_FRONTEND_RFFT_INIT /* else md_stages_cmsis_f32.c has FFT and logarithm */

/* CMSIS-DSP's instance as its init functions would fill it, without the tables of all other lengths
 * that those bring along. */
static const arm_rfft_fast_instance_f32 rfft = {
    .Sint = {.fftLen = MD_FRONTEND_FFT_SIZE / 2,
             .pTwiddle = md_frontend_cfft_twiddle,
             .pBitRevTable = md_frontend_bit_reversal,
             .bitRevLength = MD_FRONTEND_BIT_REVERSAL_LENGTH},
    .fftLenRFFT = MD_FRONTEND_FFT_SIZE,
    .pTwiddleRFFT = md_frontend_rfft_twiddle,
};

void md_scalar_rfft_f32(float *windowed, float *fft) {
    arm_rfft_fast_f32(&rfft, windowed, fft, 0);
}

void md_scalar_log_f32(float *mel) {
    for (uint32_t i = 0; i < MD_FRONTEND_MEL_FILTERS; i++) {
        const float x = MD_FRONTEND_HAS_LOG_OFFSET ? mel[i] + MD_FRONTEND_LOG_OFFSET : mel[i];
        const float log = md_logf(x < MD_FRONTEND_LOG_FLOOR ? MD_FRONTEND_LOG_FLOOR : x);
        mel[i] = MD_FRONTEND_HAS_LOG_FACTOR ? log * MD_FRONTEND_LOG_FACTOR : log;
    }
}

#endif

static float mean_of(const int16_t *pcm) {
    int32_t sum = 0; /* of at most 4096 samples */
    for (uint32_t n = 0; n < MD_FRONTEND_FRAME_SAMPLES; n++) {
        sum += pcm[n * MD_FRONTEND_CHANNELS];
    }
    return (float)sum / (float)MD_FRONTEND_FRAME_SAMPLES;
}

void md_scalar_window_f32(const int16_t *pcm, float *windowed) {
    const float mean = MD_FRONTEND_DC_REMOVAL ? mean_of(pcm) : 0.0f;
    float before = (float)pcm[0] - mean;
    for (uint32_t n = 0; n < MD_FRONTEND_FRAME_SAMPLES; n++) {
        const float sample = (float)pcm[n * MD_FRONTEND_CHANNELS] - mean;
        float emphasised = sample;
        if (MD_FRONTEND_HAS_PRE_EMPHASIS) {
            emphasised = sample - MD_FRONTEND_PRE_EMPHASIS * before;
        }
        before = sample;
        windowed[n] = emphasised * md_frontend_window[n];
    }
    for (uint32_t n = MD_FRONTEND_FRAME_SAMPLES; n < MD_FRONTEND_FFT_SIZE; n++) {
        windowed[n] = 0.0f;
    }
}

void md_scalar_spectrum_f32(float *fft, float *spectrum) {
    fft[1] = 0.0f; /* the Nyquist bin, which no filter needs, lies in bin 0's imaginary part */
#if MD_FRONTEND_SPECTRUM_POWER
    arm_cmplx_mag_squared_f32(fft, spectrum, MD_FRONTEND_SPECTRUM_BINS);
#else
    arm_cmplx_mag_f32(fft, spectrum, MD_FRONTEND_SPECTRUM_BINS);
#endif
}

void md_scalar_mel_f32(const float *spectrum, float *mel) {
    const float *weights = md_frontend_mel_weights;
    for (uint32_t i = 0; i < MD_FRONTEND_MEL_FILTERS; i++) {
        const uint32_t length = md_frontend_mel_length[i];
        arm_dot_prod_f32(spectrum + md_frontend_mel_first[i], weights, length, &mel[i]);
        weights += length;
    }
}

#if MD_FRONTEND_DCT_COEFFICIENTS
void md_scalar_dct_f32(const float *log, float *coefficients) {
    static const arm_matrix_instance_f32 dct = {
        .numRows = MD_FRONTEND_DCT_COEFFICIENTS,
        .numCols = MD_FRONTEND_MEL_FILTERS,
        .pData = (float *)md_frontend_dct, /* only read */
    };
    arm_mat_vec_mult_f32(&dct, log, coefficients);
}
#endif

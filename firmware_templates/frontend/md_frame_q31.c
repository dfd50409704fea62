/* md_frame_q31.c: a frame in 32-bit fixed point; md_fixed.h has the formats. */
#include <string.h>

#include "dsp/basic_math_functions.h"
#include "dsp/transform_functions.h"
#include "frontend_tables.h"
#include "md_fixed.h"

/* CMSIS-DSP's instances as its init functions would fill them, without the tables of all other lengths
 * that those bring along. */
static const arm_cfft_instance_q31 cfft = {
    .fftLen = MD_FRONTEND_FFT_SIZE / 2,
    .pTwiddle = md_frontend_fft_twiddle,
    .pBitRevTable = md_frontend_bit_reversal,
    .bitRevLength = MD_FRONTEND_FIXED_BIT_REVERSAL_LENGTH,
};

static const arm_rfft_instance_q31 rfft = {
    .fftLenReal = MD_FRONTEND_FFT_SIZE,
    .bitReverseFlagR = 1,
    .twidCoefRModifier = 1,
    .pTwiddleAReal = md_frontend_fft_split_a,
    .pTwiddleBReal = md_frontend_fft_split_b,
    .pCfft = &cfft,
};

/* Work buffers that the stages use in turn. arm_rfft_q31 writes all N complex values. */
_Static_assert(MD_FRONTEND_MEL_FILTERS <= MD_FRONTEND_FFT_SIZE / 2, "more filters than buffer");
static q31_t samples[MD_FRONTEND_FFT_SIZE];
static union {
    q31_t fft[2 * MD_FRONTEND_FFT_SIZE];
    q63_t mel[MD_FRONTEND_FFT_SIZE];
} buffer;

void md_frame_features(const int16_t *pcm, const md_observation_t *to, float *features) {
    const md_fixed_scale_t scale = md_fixed_samples(pcm, samples);
    arm_mult_q31(samples, md_frontend_window, samples, MD_FRONTEND_FRAME_SAMPLES);
    md_observe(to, MD_FRONTEND_STAGE_WINDOWED, samples, MD_FRONTEND_FRAME_SAMPLES * sizeof(q31_t));
    memset(samples + MD_FRONTEND_FRAME_SAMPLES, 0,
           (MD_FRONTEND_FFT_SIZE - MD_FRONTEND_FRAME_SAMPLES) * sizeof(q31_t));
    arm_rfft_q31(&rfft, samples, buffer.fft);
    md_fixed_features(buffer.fft, scale, samples, buffer.mel, to, features);
}
